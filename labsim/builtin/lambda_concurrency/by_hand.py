"""Parts of the lab `lambda-concurrency` played by hand: a few calls at chosen moments.

Picture the exchange at night, with nobody there but you: you ring when you like, and look who
comes. They are the same parts as in a run, so that an example from AWS can be tried as it is
written.
"""

import itertools
from functools import cache

import numpy as np

from labsim.engine import ServiceTimes, Simulation, stream
from labsim.services.api_gateway import Gateway
from labsim.services.api_gateway.throttle import BURST, RATE
from labsim.services.lambda_ import (
    Asynchronous,
    Function,
    KinesisEventSourceMapping,
    SqsEventSourceMapping,
    rules,
)
from labsim.services.lambda_.environments import Environments
from labsim.services.lambda_.rules import AT_ONCE, KEEP, LIFE, PER_SECOND, SPARE

DAY = 86_400.0
LOOKS = 100         # a second, at whether one more environment may start
TRIALS = 200        # environments that are looked at


def function(takes: float = 1.0, **how) -> Function:
    """A function in a simulation of its own, whose work takes so long, s."""
    return Function(Simulation(1, DAY), "function", ServiceTimes(takes, 0), init=0, keep=2 * DAY,
                    spare=2 * DAY, life=2 * DAY, timeout=900, **how)


def cold_starts(starts: list[float], ends: list[float]) -> list[bool]:
    """Which of the requests that begin and end then (s, by start) start a new environment."""
    environments, cold = function().environments, []
    for start, end in zip(starts, ends, strict=True):
        before = environments.cold
        environments.invoke(start, end - start)
        cold.append(environments.cold > before)
    return cold


def waited(least: float, most: float, gap: float) -> float:
    """Which part of the spare environments is still there after `least` to `most` s of idleness, if
    their function does nothing for `gap` s at a time. Two are used at once, then one of them again
    and again, then both."""
    fates = rules.fates(LIFE, KEEP, SPARE, stream(1, "fates"))
    there = 0
    for idle in np.linspace(least, most, TRIALS + 1)[1:].tolist():
        pool = Environments(10, keep=KEEP, fates=fates)
        for t in (0.0, *np.arange(0.0, idle, gap).tolist(), idle, idle):
            before = pool.cold
            pool.invoke(t, 0.0 if 0.0 < t < idle else 1e-6)
        there += pool.cold == before
    return there / TRIALS


def spare_there(least: float, most: float) -> float:
    """Which part of the spare environments is still there after `least` to `most` s of idleness, of
    a function that works each minute."""
    return waited(least, most, 60.0)


def idle_there(least: float, most: float) -> float:
    """Which part of the environments is still there after `least` to `most` s, of a function that
    does nothing meanwhile."""
    return waited(least, most, np.inf)


def idle_life() -> float:
    """How long a function may be idle until half of the environments are gone, s."""
    low, high = 0.0, DAY
    while high - low > 1.0:
        middle = (low + high) / 2
        low, high = (middle, high) if idle_there(middle - 1, middle) > 0.5 else (low, middle)
    return high


@cache
def ages(gap: float = 40.0, days: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Of a function that is invoked every `gap` s for so many days: at each call the age of its one
    environment, s, and whether that is still there."""
    pool, since, told = Environments(
        10, keep=KEEP, fates=rules.fates(LIFE, KEEP, SPARE, stream(1, "fates"))), 0.0, []
    for t in itertools.takewhile(lambda t: t < days * DAY, itertools.count(0.0, gap)):
        before = pool.cold
        pool.invoke(t, 1e-6)
        told.append((t - since, pool.cold == before))
        since = since if pool.cold == before else t
    return tuple(np.array(told)[1:].T)


def aged_there(least: float, most: float) -> float:
    """Which part of the environments of an age of `least` to `most` s is still there at the next
    call, some seconds later."""
    age, there = ages()
    among = (age >= least) & (age < most)
    return float(there[among].mean()) if among.any() else 0.0


def last_used_first(idle: float) -> float:
    """Which part of the calls takes the one used last of so many idle environments."""
    pool = Environments(10, keep=KEEP, fates=rules.fates(LIFE, KEEP, SPARE, stream(1, "fates")))
    for n in range(round(idle)):
        pool.invoke(0.0, 1.0 + n)
    right = 0
    for call in range(TRIALS):
        t = 10.0 + call / TRIALS
        last = max(one[0] for one in (*pool.busy, *pool.idle))
        pool.invoke(t, 1e-6)
        right += last not in {one[0] for one in pool.idle}
    return right / TRIALS


def grown(seconds: float, limit: int, at_once: float = AT_ONCE,
          per_second: float = PER_SECOND) -> int:
    """How many environments there are so many seconds after a load began that wants ever more."""
    environments = function(limit=limit, at_once=at_once, per_second=per_second).environments
    for look in range(int(seconds * LOOKS) + 1):
        while environments.invoke(look / LOOKS, DAY) >= 0:
            pass
    return len(environments)


def seconds_to(count: int, limit: int) -> float:
    """How long until there are `count` of them, s."""
    environments, look = function(limit=limit).environments, 0
    while len(environments) < count:
        if environments.invoke(look / LOOKS, DAY) < 0:
            look += 1
    return look / LOOKS


def attempts(seconds: float) -> list[float]:
    """When an asynchronous event is tried that fails each time, after so many seconds, s."""
    failing = function(seconds, error_share=1)
    Asynchronous(failing.sim, "events", failing).feed([np.array([0.0])])
    failing.sim.run()
    return [start for start, _, _ in failing.runs]


def minutes_to_finish(takes: float, messages: float, ramp: float) -> float:
    """Minutes until so many messages, put into a queue within a minute, are done one by one by a
    function that takes so long, s, while its pollers grow by `ramp` a minute."""
    return _worked_off(takes, messages, ramp)[0]


def most_at_a_time(takes: float, messages: float, ramp: float) -> float:
    """How many of them are under way at the busiest moment."""
    return _worked_off(takes, messages, ramp)[1]


@cache
def _worked_off(takes: float, messages: float, ramp: float) -> tuple[float, float]:
    worker = function(takes, limit=1_000)
    queue = SqsEventSourceMapping(worker.sim, "queue", worker, batch_size=1, ramp=ramp,
                                  delivery=True)
    queue.feed([np.linspace(0.0, 60.0, int(messages))])
    worker.sim.run()
    moments = np.argsort(np.concatenate([worker.ends, worker.starts]), kind="stable")
    at_a_time = np.cumsum(np.where(moments < len(worker.ends), -1, 1)).max()
    return float(worker.ends.max()) / 60.0, float(at_a_time)


def bisected(records: int, bad: int, attempts: int) -> list[int]:
    """How many records are in each invocation for a batch of so many, of which one (1: the first)
    always fails; what fails is split, and given up after so many attempts."""
    failing = function(poison_share=1e-9)
    stream = KinesisEventSourceMapping(failing.sim, "stream", failing, batch_size=records, window=1,
                                       attempts=attempts, bisect=True)
    stream.feed([np.zeros(records)])
    stream.gather()
    stream.chance[bad - 1] = -1.0
    failing.sim.run()
    return [size for _, _, size in failing.runs]


def admitted(counts: list[int], seconds: float, rate: float = RATE,
             burst: float = BURST) -> list[int]:
    """Of `counts` requests at 0, `seconds`, 2 `seconds`, ... those that a gateway lets in."""
    behind = function()
    door = Gateway(behind.sim, "door", behind, rate=rate, burst=burst)
    return [sum(door.throttle.admit(n * seconds) for _ in range(count))
            for n, count in enumerate(counts)]


def admitted_evenly(requests: int, seconds: float) -> int:
    """Of so many requests, evenly over so many seconds from the first to the last, those that an
    account's gateway lets in."""
    return sum(admitted([1] * requests, seconds / (requests - 1)))
