"""Parts that ask, pass on and give out: tandems and feedback against plain SimPy, wrong wirings."""

import math
import random

import numpy as np
import plain_calls
import pytest
import simpy

import labsim as ls
from labsim.declare import Component, Outlet
from labsim.engine import Simulation, one_by_one
from labsim.errors import LabsimError, ParameterError
from labsim.services import ec2, sqs

DURATION = 100.0
WORK = ls.exponential(0.1)


def network(rng):
    """Three stations, each with a rate of its own, and where what is done there goes on to."""
    stations = {name: (rng.randint(1, 3), rng.uniform(0.1, 0.6)) for name in "abc"}
    ways = {name: rng.choice([[], [(rng.choice("abc"), rng.uniform(0.1, 0.9))],
                              [(rng.choice("abc"), 0.3), (rng.choice("abc"), 0.4)]])
            for name in "abc"}
    if rng.random() < 0.3:
        ways = {"a": [("b", 1.0)], "b": [("c", 1.0)], "c": [("a", rng.uniform(0, 0.7))]}
    return stations, {name: rng.uniform(0.2, 2) for name in "abc"}, ways, rng.random() < 0.5


def ours(plan, seed):
    """When requests came, began and left each station."""
    sim, (stations, rates, ways, given) = Simulation(seed, DURATION), plan
    parts = {name: ec2.Service(sim, name, ls.exponential(work), instances=count)
             for name, (count, work) in stations.items()}
    for name, onward in ways.items():
        for other, share in onward:
            parts[name].then(parts[other], share)
    if given:
        parts["d"] = ec2.Service(sim, "d", ls.exponential(0.3), instances=2)
        parts["a"].done.to(parts["d"])
    for name, rate in rates.items():
        sim.send(rate, to=parts[name], name=f"to {name}")
    sim.run()
    return {name: (part.came, part.center.begun, part.ended) for name, part in parts.items()}


def plain(plan, seed):
    """The same in plain SimPy."""
    env, sim, (stations, rates, ways, given) = (
        simpy.Environment(), Simulation(seed, DURATION), plan)

    def server(name, count, work):
        return plain_calls.Server(
            env, count, one_by_one(ls.exponential(work).draw, lambda: sim.stream(f"{name} work")),
            lots=sim.stream(f"{name} ways").random)
    parts = {name: server(name, *of) for name, of in stations.items()}
    for name, onward in ways.items():
        upto = 0.0
        for other, share in onward:
            upto += share
            parts[name].onward.append((upto, parts[other]))
    if given:
        parts["d"] = server("d", 2, 0.3)
        parts["a"].gives_to.append(parts["d"])

    def arrivals(part, times):
        for t in times:
            yield plain_calls.at(env, t)
            part.ask(plain_calls.Attempt(env))
    for name, rate in rates.items():
        blocks = ls.steady(rate).curve(DURATION).arrivals(sim.stream(f"to {name} arrivals"))
        env.process(arrivals(parts[name], np.concatenate([*blocks, []]).tolist()))
    env.run(DURATION)
    return {name: tuple(part.log[what] for what in ("came", "begun", "done"))
            for name, part in parts.items()}


def test_tandems_and_feedback_are_plain_simpy():
    """100 random networks of three stations, in which requests go on, go back, and are given out:
    each time the same, to the last bit."""
    for seed in range(100):
        plan = network(random.Random(seed))
        assert ours(plan, seed) == plain(plan, seed), plan


def test_a_queue_may_stand_between_two_parts():
    """What leaves the first is worked off the queue, and comes to the second, in order of time."""
    kept = {}

    def build(sim):
        first = kept["first"] = ec2.Service(sim, "first", WORK)
        queue = sqs.Queue(sim, "queue")
        ec2.Fleet(sim, "workers", size=2, consumes=queue, work=ls.fixed(0.5))
        second = kept["second"] = ec2.Service(sim, "second", WORK, instances=9)
        first.done.to(queue)
        queue.done.to(second)
        sim.send(3, to=first)
    ls.simulate(build, duration=200, faults=[("first", "slow", 50, 50, 3.0)])
    left, came = np.array(kept["first"].ended), np.array(kept["second"].came)
    free, expected = [0.0, 0.0], []
    for t in left.tolist():
        begin = max(t, free[0])
        free = sorted([begin + 0.5, free[1]])
        expected.append(begin + 0.5)
    assert came.tolist() == [t for t in expected if t <= 200]


# -- wrong wirings -------------------------------------------------------------------------------


def service(sim, name, **how):
    return ec2.Service(sim, name, WORK, **how)


def circle(sim):
    a, b = service(sim, "a"), service(sim, "b")
    a.then(b)
    b.then(a)
    sim.send(1, to=a)


def to_itself(sim):
    a = service(sim, "a")
    a.then(a)
    sim.send(1, to=a)


def calls_in_a_circle(sim):
    a = service(sim, "a")
    b = service(sim, "b", calls=a)
    a.then(b)
    sim.send(1, to=b)


def given_in_a_circle(sim):
    a, b = service(sim, "a"), service(sim, "b")
    a.done.to(b)
    b.done.to(a)
    sim.send(1, to=a)


def fed_by_nobody(sim):
    a = service(sim, "a")
    service(sim, "b", calls=a)


def fed_by_each_other(sim):
    a, b = service(sim, "a"), service(sim, "b")
    a.then(b, 0.5)
    b.then(a, 0.5)


def two_of_one_name(sim):
    service(sim, "a")
    service(sim, "a")


class Belt(Component):
    """A part that takes what comes in blocks, hands it on in blocks, and answers nobody."""

    def __init__(self, sim: Simulation, name: str):
        super().__init__(sim, name)
        self.done = Outlet(self)

    def feed(self, blocks):
        """What comes by itself goes nowhere."""

    def take(self, times):
        self.done.give(times)


def retry_to_a_belt(sim):
    sim.send(1, to=Belt(sim, "q"), retry=ls.retry(attempts=3))


def users_of_a_belt(sim):
    sim.send(ls.users(3, 1), to=Belt(sim, "q"))


def then_to_a_belt(sim):
    a = service(sim, "a")
    sim.send(1, to=a)
    a.then(Belt(sim, "q"))


def call_to_a_belt(sim):
    sim.send(1, to=service(sim, "a", calls=Belt(sim, "q")))


def too_much(sim):
    a = service(sim, "a")
    a.then(service(sim, "b"), 0.7)
    a.then(service(sim, "c"), 0.4)


def back_by_a_belt(sim):
    a = service(sim, "a")
    b = service(sim, "b", calls=a)
    between = Belt(sim, "q")
    sim.send(1, to=b)
    b.done.to(between)
    between.done.to(a)


@pytest.mark.parametrize("build, says", [
    (circle, "a can't answer: what it does goes on in a circle"),
    (to_itself, "a can't answer: what it does goes on in a circle"),
    (calls_in_a_circle, "can't answer: what it does goes on in a circle"),
    (given_in_a_circle, "what leaves a comes back to a"),
    (fed_by_nobody, "nothing comes to b: "), (fed_by_each_other, "nothing comes to a: "),
    (two_of_one_name, 'two parts are called "a"'),
    (retry_to_a_belt, "q: retry: .* gives none"),
    (users_of_a_belt, "q: load: .* gives none"),
    (then_to_a_belt, "a: other: given 'q', a .*Belt, allowed a part that answers"),
    (call_to_a_belt, "a: calls: given 'q', a .*Belt, allowed a part that answers"),
    (too_much, "a: share: given 0.4, allowed a number from 0 to 0.3"),
    (back_by_a_belt, "b gives requests to q, and what leaves q comes to b")])
def test_what_can_not_be_wired_is_said_at_once(build, says):
    """Before anything runs, in words that name the part."""
    with pytest.raises((LabsimError, ParameterError), match=says):
        ls.simulate(build, duration=10)


def test_a_circle_with_a_way_out_is_none():
    """Feedback, and calls with a timeout, come to an end."""
    def build(sim):
        a = service(sim, "a", instances=5)
        b = service(sim, "b", calls=ls.ask(a, retry=ls.retry(timeout=1)), instances=5)
        a.then(b, 0.5)
        sim.send(1, to=b)
    r = ls.simulate(build, duration=50)
    assert r.summary["b.offered"] > 25 and math.isfinite(r.summary["b.time_mean"])
