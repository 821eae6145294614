"""Who calls a Lambda function, and what each does when it is throttled or fails.

Picture two kinds of people who ring an exchange whose lines are busy. One hears the tone and hangs
up for good. One leaves a note, from which it is tried again later.

*Models:* synchronous calls; asynchronous events with their way to the function (`delivery`),
retries after 1 and 2 minutes, waits that double after a throttle, an age limit, and where they go
then: the dead-letter queue, or a destination on success. Queues and streams are in
`event_source_mappings` and `stream_mapping`, API Gateway is a service of its own. Clients who wait
and come back ask synchronous calls one by one (`labsim.declare.Client`).
*Leaves out:* that a caller who hangs up could stop an invocation: it goes on, and is billed.

Data plane: request-level, exact; synchronous calls in blocks, or one by one on the agenda; who
comes back through a heap of things due.
"""

from collections.abc import Iterator

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.engine.agenda import Call
from labsim.errors import LabsimError, ParameterError
from labsim.services.lambda_.caller import (
    ANSWERED,
    DEAD,
    DONE,
    FAILED,
    THROTTLED,
    WAITS,
    Caller,
    ended,
)
from labsim.services.lambda_.delivery import EVENTS
from labsim.services.lambda_.retrying import Retrying
from labsim.services.lambda_.rules import RETRY_WAITS, backoff

RETRIES = int(factbook.value("lambda.async_retries"))
TOGETHER = 65_536       # calls between two looks at whether the run was cancelled
DRAWN = 1_024           # requests whose work and luck are drawn at a time
LONGEST_AGE = factbook.value("lambda.async_event_age_max_s")


class Synchronous(Caller):
    """Who calls waits for the answer, and is told at once that there is none. So no call depends on
    what became of another but through the environments, and many are made together."""

    METRICS = (*Caller.METRICS, ended(
        "failed_throttled", "failed: throttled by Lambda (429)", THROTTLED))

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        if not self.function.live:
            self.times, self.work, self.chance, self.end = (np.empty(0) for _ in range(4))
            self.fate = np.empty(0, dtype=int)

    def enter(self, times: np.ndarray) -> None:
        """A row for each request that comes at `times` (s, sorted)."""
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
        if self.function.pace != 1.0:
            work = work * self.function.pace
        late = work > timeout
        ends = self._environments.invoke_all(times, np.where(late, timeout, work))
        let = ends >= 0.0
        bad = late | (self.chance[which] < error_share)
        self.function.ran(times[let], ends[let], times[~let], ends[let & bad], ends[let & late])
        self.fate[which] = np.where(let, np.where(bad, FAILED, DONE), THROTTLED)
        self.end[which[let]] = ends[let]

    # -- one by one, on the agenda -------------------------------------------------------------

    @property
    def in_course(self) -> list[tuple[float, kit.Asked]]:
        """Whom its function asks."""
        return self.function.in_course

    @property
    def meets_agenda(self) -> bool:
        """Whether it is wired to parts that follow requests one by one, or in two ways at once."""
        return super().meets_agenda or bool(self._sources and self.fed_by)

    def go_live(self) -> None:
        """From now on each request is asked alone."""
        super().go_live()
        self.times, self.work, self.chance, self.fate, self.end = ([] for _ in range(5))
        self._draws = self._one_by_one_drawn().__next__

    def _one_by_one_drawn(self) -> Iterator[tuple[float, float]]:
        while True:
            work, chance = self.drawn(DRAWN)
            yield from zip(work.tolist(), chance.tolist())

    def _set_out(self, t: float, _=None) -> None:
        for blocks in self._sources:
            self.sim.agenda.arrivals(blocks, self._come, self)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        if self.function.live:
            kit.Asked.take(self, times)
        else:
            super().take(times)

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s, whose answer `call` waits for."""
        work, chance = self._draws()
        i = len(self.times)
        self.times.append(t)
        self.work.append(work)
        self.chance.append(chance)
        self.fate.append(WAITS)
        self.end.append(np.inf)
        self._attend(t, i, call)

    def _attend(self, t: float, i: int, call: Call) -> None:
        """Call the function for a request that has come."""
        told = self.invoke(t, [i], 0)
        if told is None:
            self.later(self._ended, t, i, call)
        else:
            self._ended(t, i, call, told)

    def _ended(self, t: float, i: int, call: Call, told: tuple[float, bool]) -> None:
        """It is known when the invocation ends, or has ended, or that there is none."""
        end, failed = told
        if end < 0.0:
            self.fate[i] = THROTTLED
            return self.answer(t, call, False)
        self._tell(i, call, FAILED if failed else DONE, end)

    def _tell(self, i: int, call: Call, fate: int, end: float) -> None:
        """This comes of a request at `end` s, and its answer then."""
        self.fate[i], self.end[i] = fate, end
        agenda, ok = self.sim.agenda, bool(ANSWERED[fate])
        if end > agenda.now:
            agenda.at(end, self._answer, (call, ok))
        else:
            self.answer(end, call, ok)

    def _answer(self, t: float, told: tuple[Call, bool]) -> None:
        self.answer(t, *told)


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

    def happen(self, t: float, i: int, errors: int, throttles: int, told=None) -> None:
        """An attempt after so many errors and throttles; told: how it has ended."""
        if not told:
            (self.calls_again if errors or throttles else self.calls_first).append((t, 1))
            told = self.invoke(t, [i], errors)
        if told is None:
            return self.later(self.happen, t, i, errors, throttles)
        end, failed = told
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


def called(function, own: Synchronous | None) -> None:
    """`LabsimError` if nobody calls `function`, or nothing comes to its `own` calls and yet what
    they have done is to go on."""
    if (function.done.connected or function.failed.connected or function.onward) and not (
            own and (own.is_fed or own.fed_by or own.askers)):
        raise LabsimError(f"nothing leaves {function.name} but what its own calls have done: of "
                          "other callers it leaves by their done and dead")
    if not function.callers:
        raise LabsimError(f"nobody calls {function.name}: sim.send(load, to=...) does, or a caller "
                          "such as lambda_.Asynchronous(sim, name, function)")
