"""Who calls a Lambda function, and what each does when it is throttled or fails.

Picture two kinds of people who ring an exchange whose lines are busy. One hears the tone and hangs
up for good. One leaves a note, from which it is tried again later.

*Models:* synchronous calls; asynchronous events with their way to the function (`delivery`),
retries after 1 and 2 minutes, waits that double after a throttle, an age limit and a dead-letter
queue. Queues and streams are in `event_source_mappings`, API Gateway is a service of its own.
*Leaves out:* clients who try again, destinations.

Data plane: request-level, exact; synchronous calls in blocks, who comes back through a heap of
things due.
"""

import numpy as np

from labsim import factbook
from labsim.engine import Due, Simulation
from labsim.errors import ParameterError
from labsim.services.lambda_.caller import (
    DEAD,
    DONE,
    FAILED,
    PATIENCE,
    THROTTLED,
    WAITS,
    Caller,
    ended,
)
from labsim.services.lambda_.delivery import EVENTS
from labsim.services.lambda_.rules import RETRY_WAITS, backoff

RETRIES = int(factbook.value("lambda.async_retries"))
TOGETHER = 65_536       # calls between two looks at whether the run was cancelled
LONGEST_AGE = factbook.value("lambda.async_event_age_max_s")


class Synchronous(Caller):
    """Who calls waits for the answer, and is told at once that there is none. So no call depends on
    what became of another but through the environments, and many are made together."""

    METRICS = (*Caller.METRICS, ended(
        "failed_throttled", "failed: throttled by Lambda (429)", THROTTLED))

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.times, self.work, self.chance, self.end = (np.empty(0) for _ in range(4))
        self.fate = np.empty(0, dtype=int)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted)."""
        work, chance = self.drawn(len(times))
        self.times = np.append(self.times, times)
        self.work, self.chance = np.append(self.work, work), np.append(self.chance, chance)
        self.fate = np.append(self.fate, np.full(len(times), WAITS))
        self.end = np.append(self.end, np.full(len(times), np.inf))

    def run_to(self, until: float) -> None:
        """Make the calls up to `until` s."""
        last = int(self.times.searchsorted(until, side="right"))
        for first in range(self._next, last, TOGETHER):
            self.sim.check()
            self.call(np.arange(first, min(first + TOGETHER, last)))
        self._next = max(last, self._next)

    def call(self, which: np.ndarray) -> None:
        """Make the calls of these requests, in their order."""
        timeout, error_share = self.function.timeout, self.function.error_share
        times, work = self.times[which], self.work[which]
        late = work > timeout
        ends = self._environments.invoke_all(times, np.where(late, timeout, work))
        let = ends >= 0.0
        self.function.ran(times[let], ends[let], times[~let])
        bad = late | (self.chance[which] < error_share)
        self.fate[which] = np.where(let, np.where(bad, FAILED, DONE), THROTTLED)
        self.end[which[let]] = ends[let]


class Retrying(Caller):
    """Whatever comes back does so when it is `due`: then `happen(t, *what)` is called. delivery:
    whether what comes is on its way to the function for as long as was measured, or there at
    once."""

    METRICS = (*Caller.METRICS, ended(
        "dead_lettered", "failed: given up, in the dead-letter queue", DEAD))

    def __init__(self, sim: Simulation, name: str, function, *, delivery: bool = False, **how):
        super().__init__(sim, name, function, **how)
        self.due = Due()
        self.delivery = delivery
        self._there: list[float] = self.times   # when each is at the function, s, in this order
        self._who: list[int] = []               # which one; empty: in the order in which they came
        self._way = sim.stream(f"{name} delivery")

    @property
    def first(self) -> float:
        """When something comes next, for the first time or again, s."""
        there = self._there[self._next] if self._next < len(self._there) else float("inf")
        return min(there, self.due.first)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted)."""
        super().take(times)
        if not self.delivery:
            return
        if self._there is self.times:
            self._there = []
        at, first = self.delivered(times), len(self.times) - len(times)
        at = np.concatenate([self._there[self._next:], at])
        who = np.concatenate([self._who[self._next:], np.arange(first, len(self.times))])
        order = at.argsort(kind="stable")
        self._there[self._next:] = at[order].tolist()
        self._who[self._next:] = who[order].astype(int).tolist()

    def delivered(self, times: np.ndarray) -> np.ndarray:
        """When those that come at `times` are at the function, s."""
        raise NotImplementedError

    def run_to(self, until: float) -> None:
        """Take what comes, for the first time or again, up to `until` s."""
        times, who, due, i, steps = self._there, self._who, self.due, self._next, 0
        n, inf, arrive, happen = len(times), float("inf"), self.arrive, self.happen
        while True:
            steps += 1
            if not steps % PATIENCE:
                self.sim.check()
            first, again = times[i] if i < n else inf, due.first
            if again <= first:
                if again > until:
                    break
                happen(*due.pop())
            elif first <= until:
                arrive(first, who[i] if who else i)
                i += 1
            else:
                break
        self._next = i

    def arrive(self, t: float, i: int) -> None:
        """A new request."""
        raise NotImplementedError

    def happen(self, t: float, *what) -> None:
        """Something is due."""
        raise NotImplementedError


class Asynchronous(Retrying):
    """An event waits in Lambda's own queue: at most `retries` more attempts after errors, and as
    many after throttles as fit into `age` s."""

    def __init__(self, *args, retries: int = RETRIES, age: float = LONGEST_AGE, **how):
        super().__init__(*args, **how)
        for what, value, most in (("retries", retries, RETRIES), ("age", age, LONGEST_AGE)):
            if not 0 <= value <= most:
                raise ParameterError(what, value, f"0 to {most:,g}")
        self.retries, self.age = retries, age

    def delivered(self, times: np.ndarray) -> np.ndarray:
        """When events of `times` s leave Lambda's own queue, s."""
        return times + EVENTS.draw(len(times), self._way)

    def arrive(self, t: float, i: int) -> None:
        """A new event."""
        self.happen(t, i, 0, 0)

    def happen(self, t: float, i: int, errors: int, throttles: int) -> None:
        """An attempt after so many errors and throttles."""
        end, failed = self.invoke(t, [i], errors)
        if end < 0.0:
            again, throttles = t + backoff(throttles + 1), throttles + 1
        elif not failed:
            return self.settle([i], DONE, end)
        else:
            if errors == self.retries:
                return self.settle([i], DEAD, end)
            again, errors = end + RETRY_WAITS[min(errors, len(RETRY_WAITS) - 1)], errors + 1
        if again - self.times[i] > self.age:
            return self.settle([i], DEAD, again)
        self.due.put(again, i, errors, throttles)
