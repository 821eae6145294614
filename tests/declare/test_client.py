"""The client and the server, request by request, against plain SimPy on the same draws."""

import math
import random

import numpy as np
import plain_calls
import pytest
import simpy

import labsim as ls
from labsim.declare import Client, Retry
from labsim.declare.client_report import ABANDONED, COMPLETED, FAILED
from labsim.declare.faults import checked, schedule
from labsim.declare.retry import BACKOFFS, Breaker
from labsim.engine import Simulation, one_by_one
from labsim.services import ec2

DURATION = 60.0


def plan(rng):
    """A random system of a client, a server, and one that this calls or passes on to."""
    def server(rate):
        count = rng.randint(1, 4)
        return dict(
            instances=count, mean=count / rate / rng.uniform(0.4, 1.6),
            order=rng.choice(["fifo", "lifo"]), max_queue=rng.choice([math.inf, rng.randint(0, 9)]),
            max_wait=rng.choice([None, None, "fixed", "drawn"]),
            contention=rng.choice([0.0, rng.uniform(0, 0.2)]), cancels=rng.random() < 0.5)

    def client(rate):
        c = dict(
            timeout=rng.choice([None, "fixed", "fixed", "drawn"]), mean=rng.uniform(1, 8) / rate,
            attempts=rng.randint(1, 5), backoff=rng.choice(BACKOFFS), base=rng.uniform(0, 0.7),
            cap=rng.uniform(0.5, 4), pool=rng.choice([math.inf, rng.randint(1, 6)]),
            trip=rng.choice([0.0, rng.uniform(0, 0.2)]),
            hedge=rng.choice([math.inf, math.inf, rng.uniform(0, 2)]),
            budget=rng.choice([math.inf, rng.uniform(0, 60)]), clients=rng.randint(1, 3),
            breaker=rng.choice([None, None, (rng.uniform(0.2, 1), rng.randint(2, 9),
                                             rng.uniform(0.2, 9), rng.randint(1, 3))]))
        if (c["pool"] < math.inf or c["breaker"]) and "jitter" not in c["backoff"]:
            c["backoff"] = "full-jitter"    # of those who come back at once, who is first is chance
        return c
    rate = rng.uniform(0.5, 6)
    faults = []
    for part, kinds in (("a", "down hangs slow errors"), ("b", "down hangs slow errors"),
                        ("p to a", "lost slow"), ("a to b", "lost slow")):
        for what in kinds.split():
            if rng.random() < 0.3:
                amount = {"slow": rng.uniform(1, 5), "errors": rng.random(), "lost": rng.random()}
                faults.append((part, what, rng.uniform(0, 50), rng.uniform(0.1, 20),
                               amount.get(what, 0.0)))
    way = rng.choice(["calls", "calls", "optional", "then", "alone"])
    made = dict(rate=rate, users=rng.choice([0, 0, rng.randint(1, 12)]), a=server(rate),
                b=server(rate), client=client(rate), inner=client(rate), way=way,
                share=rng.uniform(0.2, 1))
    hedged = min(made["client"]["hedge"], made["inner"]["hedge"]) < math.inf
    return {**made, "faults": [
        fault for fault in faults if (fault[0] != "a to b" or way in ("calls", "optional"))
        and not (hedged and fault[1] in ("down", "hangs"))]}    # who of two fails first is chance


def retry(c):
    timeout = {None: math.inf, "fixed": c["mean"], "drawn": ls.exponential(c["mean"])}
    return Retry(timeout=timeout[c["timeout"]], breaker=c["breaker"] and Breaker(*c["breaker"]), **{
        k: c[k] for k in ("attempts", "backoff", "base", "cap", "hedge", "budget", "clients")})


def ours(p, seed):
    sim = Simulation(seed, DURATION)
    made = {}
    for name in ("b", "a"):
        s = p[name]
        wait = {None: math.inf, "fixed": s["mean"], "drawn": ls.exponential(s["mean"])}
        calls = [ls.ask(made["b"], retry=retry(p["inner"]), pool=p["inner"]["pool"],
                        trip=p["inner"]["trip"], optional=p["way"] == "optional")
                 ] if name == "a" and p["way"] in ("calls", "optional") else []
        made[name] = ec2.Service(
            sim, name, ls.exponential(s["mean"]), max_wait=wait[s["max_wait"]], calls=calls,
            **{k: s[k] for k in ("instances", "order", "max_queue", "contention", "cancels")})
    if p["way"] == "then":
        made["a"].then(made["b"], p["share"])
    c = p["client"]
    load = ls.users(p["users"], ls.exponential(1.0)) if p["users"] else p["rate"]
    made["p"] = Client(sim, "p", made["a"], load, retry=retry(c), pool=c["pool"], trip=c["trip"])
    schedule(sim, checked(p["faults"]))
    sim.run()
    told = {}
    for name, part in sim.parts.items():
        if isinstance(part, Client):
            told[name] = {**part.moments, "sent": part.sent, "completed": part.ended[COMPLETED],
                          "failed": part.ended[FAILED], "abandoned": part.ended[ABANDONED],
                          "took": part.took}
        else:
            told[name] = {"came": part.came, "done": part.ended, "failed": part.lost,
                          "begun": part.center.begun}
    return told, {name: part.count["cancelled"] for name, part in sim.parts.items()
                  if not isinstance(part, Client)}


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
    told = {"a": a, "b": b, "p": client("p", a, p["client"])}
    if p["way"] in ("calls", "optional"):
        told["a to b"] = client("a to b", b, p["inner"], lambda wish: wish.of.state == "works" and (
            not a.cancels or wish.of.call.wanted))
        a.clients = [(told["a to b"], p["way"] == "optional")]
    elif p["way"] == "then":
        a.onward = [(p["share"], b)]
    if p["users"]:
        think = drawn("p think", ls.exponential(1.0).draw)
        for first in [think() for _ in range(p["users"])]:
            env.process(told["p"].users(think, first))
    else:
        blocks = list(ls.steady(p["rate"]).curve(DURATION).arrivals(sim.stream("p arrivals")))
        env.process(told["p"].arrivals(np.concatenate(blocks).tolist()))
    for part, what, start, lasts, amount in p["faults"]:
        env.process(broken(env, told["p" if part == "p to a" else part], what, start, lasts,
                           amount or 1.0))
    env.run(DURATION)
    return {name: part.log for name, part in told.items()}


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
    (found, cancelled), expected = ours(p, seed), plain(p, seed)
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
