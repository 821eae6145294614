"""Who calls a Lambda function, and what each does when it is throttled or fails.

Picture two kinds of people who ring an exchange whose lines are busy. One hears the tone and hangs
up for good. One leaves a note, from which it is tried again later.

*Models:* synchronous calls; asynchronous events with retries after 1 and 2 minutes, waits that
double after a throttle, an age limit and a dead-letter queue. Queues and streams are in
`event_source_mappings`, API Gateway is a service of its own.
*Leaves out:* clients who try again, destinations.

Data plane: request-level; who comes back does so through a heap of things due.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare import Count, Line, Metric, Outlet, Panel
from labsim.engine import Due, Simulation, merged, so_far
from labsim.errors import LabsimError, ParameterError
from labsim.services.lambda_.function import Function
from labsim.services.lambda_.rules import RETRY_WAITS, backoff

WAITS, DONE, THROTTLED, FAILED, DEAD, TIMED_OUT, CACHED, REJECTED = range(8)     # fates
AT_ONCE = THROTTLED, REJECTED   # known at the moment of the call
PATIENCE = 1_000                # steps between two looks at whether the run was cancelled
GOLDEN = 0.6180339887498949     # turns a request's die between its attempts
RETRIES = int(factbook.value("lambda.async_retries"))
LONGEST_AGE = factbook.value("lambda.async_event_age_max_s")


def ended(name: str, meaning: str, fate: int, better: str = "lower", *aliases: str) -> Count:
    """How many requests of a caller have come to this."""
    return Count(name, "requests", meaning, better, lambda c: c.counted[fate], aliases=aliases)


class Caller(kit.Component):
    """Those who call `function`; `sim.send` or another part's outlet makes them do so. `answered`
    is the outlet of requests that are done.

    random: what the work of each request is drawn from; luck: what decides whether an attempt
    fails; by default streams of its own.
    """

    METRICS = (
        Count("offered", "requests", "requests, events, messages or records that came", "",
              lambda c: len(c.times), aliases=("requests",)),
        Count("completed", "requests", "done by the function, or answered by a cache", "higher",
              lambda c: c.done.sum(), aliases=("answered",)),
        Count("failed", "requests", "refused, failed, timed out or given up", "lower",
              lambda c: len(c.gone), aliases=("lost",)),
        Count("waiting_end", "requests", "not ended when the run ended", "lower",
              lambda c: c.open.sum()),
        ended("errors", "failed: the function failed, nobody tries again", FAILED),
        Metric("latency_mean", "s", "mean time from request to answer", "lower",
               lambda c: kit.mean(c.latency)),
        Metric("latency_p50", "s", "half of the answers come within this", "lower",
               lambda c: c.latencies[50]),
        Metric("latency_p99", "s", "99 of 100 answers come within this", "lower",
               lambda c: c.latencies[99]))
    PANELS = (
        Panel("Requests", "req/s", (
            Line("offered", "offered_rate"), Line("completed", "completed_rate"),
            Line("failed", "failed_rate"))),
        Panel("Time to an answer", "s", (Line("mean", "latency"),)))
    INVARIANTS = (kit.adds_up("offered", "completed", "failed", "waiting_end"),)
    shows = (("req/s", "offered_rate"), ("waiting", "waiting"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, function: Function, *, random=None, luck=None):
        super().__init__(sim, name)
        self.function = function
        self._random = sim.stream(f"{name} work") if random is None else random
        self._luck = sim.stream(f"{name} errors") if luck is None else luck
        self.times: list[float] = []    # one row a request, here and in the next four
        self.work: list[float] = []     # s
        self.chance: list[float] = []   # from 0 to 1
        self.fate: list[int] = []
        self.end: list[float] = []      # s
        self.answered = Outlet(self)
        self._given = 0.0               # s; answers up to then have been given out
        self._next = 0                  # who comes next
        self._sources: list[Iterable[np.ndarray]] = []
        function.callers.append(self)
        self.link(function)
        self._environments, self._limits = function.environments, (
            function.timeout, function.error_share)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted)."""
        self._sources.append(blocks)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        self.times += times.tolist()
        self.work += self.function.work.draw(len(times), self._random).tolist()
        self.chance += self._luck.random(len(times)).tolist()
        self.fate += [WAITS] * len(times)
        self.end += [float("inf")] * len(times)

    def gather(self) -> None:
        """Have all come that will come whatever happens."""
        if self._sources:
            for times in merged(self._sources):
                self.sim.check()
                self.take(times)
            self._sources = []

    def wired(self) -> None:
        """Requests have to come from somewhere, and from one kind of place."""
        if bool(self._sources) == bool(self.fed_by):
            raise LabsimError(f"requests come to {self.name} either by sim.send(load, to=...) or "
                              f"from another part's outlet")

    def advance(self, now: float) -> None:
        """Let what flows through the function flow until `now`."""
        self.function.advance(now)

    @property
    def first(self) -> float:
        """When it does something next, s."""
        return self.times[self._next] if self._next < len(self.times) else float("inf")

    def run_to(self, until: float) -> None:
        """Make the calls up to `until` s."""
        raise NotImplementedError

    def invoke(self, t: float, which: list[int], attempt: int) -> tuple[float, bool]:
        """One invocation for these: when it ends (negative: throttled), and whether it fails."""
        timeout, error_share = self._limits
        work = self.work[which[0]] if len(which) == 1 else sum(self.work[i] for i in which)
        late = work > timeout
        end = self._environments.invoke(t, timeout if late else work)
        if end < 0.0:
            self.function.throttles.append(t)
            return end, True
        self.function.runs.append((t, end, len(which)))
        if late or not error_share:
            return end, late
        return end, any((self.chance[i] + attempt * GOLDEN) % 1.0 < error_share for i in which)

    def settle(self, which: list[int], fate: int, end: float) -> None:
        """What became of these requests, and when."""
        for i in which:
            self.fate[i], self.end[i] = fate, end

    def give(self, now: float) -> None:
        """Hand on the answers that have come by `now` s."""
        if self.answered.connected:
            end = np.array(self.end)
            new = np.isin(self.fate, (DONE, CACHED)) & (end > self._given) & (end <= now)
            self._given = now
            self.answered.give(np.sort(end[new]))

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def ends(self) -> np.ndarray:
        """When each request ended, s; of those told at once, infinite."""
        return np.array(self.end)

    @cached_property
    def fates(self) -> np.ndarray:
        """What has become of each request by the end of the run."""
        fates = np.array(self.fate, dtype=int)
        fates[(self.ends > self.sim.duration) & ~np.isin(fates, AT_ONCE)] = WAITS
        return fates

    @cached_property
    def counted(self) -> np.ndarray:
        """How many requests have come to each fate, (fates,)."""
        return np.bincount(self.fates, minlength=8)

    @cached_property
    def open(self) -> np.ndarray:
        """Which requests wait, or are worked on, when the run ends."""
        return self.fates == WAITS

    @cached_property
    def done(self) -> np.ndarray:
        """Which requests are answered."""
        return np.isin(self.fates, (DONE, CACHED))

    @cached_property
    def gone(self) -> np.ndarray:
        """When requests failed, s, one each."""
        when = np.where(np.isin(self.fates, AT_ONCE), np.array(self.times), self.ends)
        return when[~self.done & ~self.open]

    @cached_property
    def latency(self) -> np.ndarray:
        """From request to answer, of each that is answered, s."""
        return self.ends[self.done] - np.array(self.times)[self.done]

    @cached_property
    def latencies(self) -> dict[int, float]:
        """{50: median latency, 95: ..., 99: ...}, s."""
        return kit.quantiles(self.latency)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests by what becomes of them, and how long the answers take."""
        t, tick, ticks = self.record.t, self.sim.tick, len(self.record.t) - 1
        answers = self.ends[self.done]
        slot = np.minimum((answers / tick).astype(int), ticks - 1)
        mean = np.zeros(ticks)
        np.add.at(mean, slot, self.latency)
        mean /= np.maximum(np.bincount(slot, minlength=ticks), 1)
        by_now = [so_far(t, moments) for moments in (self.times, answers, self.gone)]
        offered, completed, failed = (kit.per_tick(np.diff(n) / tick, "req/s") for n in by_now)
        return {"offered_rate": offered, "completed_rate": completed, "failed_rate": failed,
                "waiting": (by_now[0] - by_now[1] - by_now[2], "requests"),
                "latency": kit.per_tick(mean, "s")}


class Synchronous(Caller):
    """Who calls waits for the answer, and is told at once that there is none."""

    METRICS = (*Caller.METRICS, ended(
        "failed_throttled", "failed: throttled by Lambda (429)", THROTTLED))

    def run_to(self, until: float) -> None:
        """Make the calls up to `until` s."""
        times, fate, ends, i = self.times, self.fate, self.end, self._next
        while i < len(times) and times[i] <= until:
            if not i % PATIENCE:
                self.sim.check()
            end, failed = self.invoke(times[i], [i], 0)
            if end < 0.0:
                fate[i] = THROTTLED
            else:
                fate[i], ends[i] = (FAILED if failed else DONE), end
            i += 1
        self._next = i


class Retrying(Caller):
    """Whatever comes back does so when it is `due`: then `happen(t, *what)` is called."""

    METRICS = (*Caller.METRICS, ended(
        "dead_lettered", "failed: given up, in the dead-letter queue", DEAD))

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.due = Due()

    @property
    def first(self) -> float:
        """When something comes next, for the first time or again, s."""
        return min(super().first, self.due.first)

    def run_to(self, until: float) -> None:
        """Take what comes, for the first time or again, up to `until` s."""
        times, due, i, steps = self.times, self.due, self._next, 0
        n = len(times)
        while True:
            steps += 1
            if not steps % PATIENCE:
                self.sim.check()
            first, again = times[i] if i < n else float("inf"), due.first
            if again <= first:
                if again > until:
                    break
                self.happen(*due.pop())
            elif first <= until:
                self.arrive(first, i)
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
