"""The client and the server, request by request, against plain SimPy on the same draws."""

import inspect
import math
import random

import numpy as np
import plain_calls
import pytest
import simpy
from random_calls import DURATION, plan, run, told

import labsim as ls
from labsim.declare import Asked, Client
from labsim.engine import Simulation, one_by_one
from labsim.errors import ParameterError


def plain(p, seed):
    env, sim = simpy.Environment(), Simulation(seed, DURATION)

    def drawn(name, draw):
        return one_by_one(draw, lambda: sim.stream(name))

    def uniform(name):
        return drawn(name, lambda n, rng: rng.random(n))

    def patience(kind, mean, name):
        return {None: None, "fixed": lambda: mean,
                "drawn": drawn(name, ls.exponential(mean).draw)}[kind]
    servers = {}
    for name in ("b", "a"):
        s, luck = p[name], sim.stream(f"{name} errors")
        servers[name] = plain_calls.Server(
            env, s["instances"], drawn(f"{name} work", ls.exponential(s["mean"]).draw),
            lifo=s["order"] == "lifo", room=s["max_queue"], contention=s["contention"],
            patience=patience(s["max_wait"], s["mean"], f"{name} patience"), cancels=s["cancels"],
            luck=luck.random, lots=sim.stream(f"{name} ways").random)

    def client(name, to, c, goes_on=None):
        return plain_calls.Client(
            env, to, patience=patience(c["timeout"], c["mean"], f"{name} patience"),
            attempts=c["attempts"], dice=uniform(f"{name} retries"), luck=uniform(f"{name} link"),
            wait=lambda n, die, last: waited(c, n, die, last), pool=c["pool"], trip=c["trip"],
            hedge=None if c["hedge"] == math.inf else c["hedge"],
            budget=None if c["budget"] == math.inf else c["budget"], breaker=c["breaker"],
            clients=c["clients"], goes_on=goes_on)
    a, b = servers["a"], servers["b"]
    parts = {"a": a, "b": b, "p": client("p", a, p["client"])}
    if p["way"] in ("calls", "optional"):
        parts["a to b"] = client("a to b", b, p["inner"], lambda wish: (
            wish.of.state == "works" and (not a.cancels or wish.of.call.wanted)))
        a.clients = [(parts["a to b"], p["way"] == "optional")]
    elif p["way"] == "then":
        a.onward = [(p["share"], b)]
    if p["users"]:
        think = drawn("p think", ls.exponential(1.0).draw)
        for first in [think() for _ in range(p["users"])]:
            env.process(parts["p"].users(think, first))
    else:
        blocks = list(ls.steady(p["rate"]).curve(DURATION).arrivals(sim.stream("p arrivals")))
        env.process(parts["p"].arrivals(np.concatenate(blocks).tolist()))
    for part, what, start, lasts, amount in p["faults"]:
        env.process(broken(env, parts["p" if part == "p to a" else part], what, start, lasts,
                           amount or 1.0))
    env.run(DURATION)
    return {name: part.log for name, part in parts.items()}


def broken(env, part, what, start, lasts, amount):
    yield plain_calls.at(env, start)
    part.strike(what, amount)
    yield plain_calls.at(env, start + lasts)
    part.strike(what, 0.0)


def waited(c, n, die, last):
    """The waits of the AWS Architecture Blog, Exponential Backoff And Jitter."""
    base, cap = c["base"], c["cap"]
    if c["backoff"] == "decorrelated-jitter":
        last = last or base
        return min(cap, base + die * (3.0 * max(last, base) - base))
    grown = min(cap, base * 2 ** (n - 1))
    return {"none": 0.0, "fixed": base, "exponential": grown, "full-jitter": die * grown}[
        c["backoff"]]


def same(seed):
    """Whether all times of a random system are the same, to the last bit."""
    p = plan(random.Random(seed))
    (found, cancelled), expected = told(run(p, seed)), plain(p, seed)
    for name, times in found.items():
        for what, moments in times.items():
            assert sorted(moments) == sorted(expected[name][what]), (seed, name, what, p)
    for name, number in cancelled.items():
        assert number == len(expected[name]["cancelled"]), (seed, name, p)


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_as_plain_simpy_to_the_last_bit(first):
    """300 random systems: orders, bounds, patience, contention, timeouts, backoffs, budgets,
    breakers, hedges, pools, trips, calls, cancels and faults."""
    for seed in range(first, first + 100):
        same(seed)


@pytest.mark.long
def test_thousands_as_plain_simpy():
    """The same of 5,000 more."""
    for seed in range(1_000, 6_000):
        same(seed)


# -- conservation --------------------------------------------------------------------------------


def kept(seed, monkeypatch):
    """A random system: what came is somewhere, nothing is answered twice, broken is broken."""
    answered, ended = set(), set()

    def answer(part, t, call, ok, then=Asked.answer):
        assert (part, call) not in answered
        answered.add((part, call))
        then(part, t, call, ok)

    def end(client, t, request, fate, then=Client._end):
        assert request not in ended
        ended.add(request)
        then(client, t, request, fate)
    monkeypatch.setattr(Asked, "answer", answer)
    monkeypatch.setattr(Client, "_end", end)
    p = plan(random.Random(seed))
    sim = run(p, seed)
    parts = {name: (part, part.summary()) for name, part in sim.parts.items()}
    for name, (part, m) in parts.items():
        if isinstance(part, Client):
            assert m["attempts"] == m["offered"] + m["retries"]
            assert m["offered"] == (m["completed"] + m["failed"] + m["abandoned"] + m["open_end"])
            assert min(m["open_end"], m["retries"]) >= 0
        else:
            assert m["offered"] == (
                m["completed"] + m["failed"] + m["cancelled"] + m["in_flight_end"])
            assert part.told["queue"][0].min() >= 0
            assert part.told["queue"][0][-1] + part.told["in_service"][0][-1] == m["in_flight_end"]
            for one, what, start, lasts, _ in p["faults"]:
                if one == name and what in ("down", "hangs"):
                    assert not [t for t in part.ended if start < t < start + lasts]
    came = parts["a"][1]["offered"]
    sent = parts["p"][0].sent_attempts
    assert came <= sent
    if not p["client"]["trip"] and p["client"]["pool"] == math.inf and not [
            f for f in p["faults"] if f[0] == "p to a"]:
        assert came == sent


@pytest.mark.parametrize("first", range(10_000, 10_300, 100))
def test_nothing_is_lost_and_nothing_answered_twice(first, monkeypatch):
    """300 random systems with clients that come back and parts that break."""
    for seed in range(first, first + 100):
        with monkeypatch.context() as patch:
            kept(seed, patch)


@pytest.mark.long
def test_nothing_is_lost_in_ten_thousand(monkeypatch):
    """The same of 10,000 more."""
    for seed in range(20_000, 30_000):
        with monkeypatch.context() as patch:
            kept(seed, patch)


@pytest.mark.parametrize("make, says", [
    (lambda: ls.retry(retries=3), "did you mean attempts, which counts the first one, too"),
    (lambda: ls.retry(max_retries=3), "did you mean attempts, which"),
    (lambda: ls.retry(atempts=3), "unknown parameter 'atempts': did you mean attempts"),
    (lambda: ls.breaker(windw=3), "unknown parameter 'windw': did you mean window"),
    (lambda: ls.users(3, think=-1), "think: given -1, allowed a number, at least 0 s"),
    (lambda: ls.users(3, think="5"), "think: given '5', allowed a number, at least 0 s")])
def test_what_clients_can_not_be_is_said_by_its_name(make, says):
    """As the caller wrote it."""
    with pytest.raises(ParameterError, match=says):
        make()


def test_help_shows_what_may_be_said():
    """Each option with its default; what every run takes is in the text of `simulate`."""
    for make, made in ((ls.retry, ls.retry()), (ls.breaker, ls.breaker())):
        shown = inspect.signature(make).parameters
        assert {name: p.default for name, p in shown.items()} == vars(made)
        assert make.__doc__ and not [name for name in shown if name not in make.__doc__]
    assert all(f"`{name}`" in ls.simulate.__doc__ for name in ("faults", "facts"))
    assert "seed: " in ls.simulate.__doc__
