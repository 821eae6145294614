"""Parts of the lab `lambda-concurrency` played by hand: a few calls at chosen moments.

Picture the exchange at night, with nobody there but you: you ring when you like, and look who
comes. They are the same parts as in a run, so that an example from AWS can be tried as it is
written.
"""

import numpy as np

from labsim.engine import ServiceTimes, Simulation
from labsim.services.api_gateway import Gateway
from labsim.services.api_gateway.throttle import BURST, RATE
from labsim.services.lambda_ import Asynchronous, Function, KinesisEventSourceMapping
from labsim.services.lambda_.rules import AT_ONCE, PER_SECOND

DAY = 86_400.0
LOOKS = 100         # a second, at whether one more environment may start


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
