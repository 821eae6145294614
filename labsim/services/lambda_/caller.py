"""Those who call a Lambda function, whatever their way: what they ask for and what comes of it.

Picture the exchange's ledger: who rang, when, for how long he would talk, and how it ended.

*Models:* requests with their work and their luck, invocations, what became of each request, answers
and failures that go on to other parts. *Leaves out:* who tries again, and when: those are in
`callers` and the event source mappings.

Data plane: in blocks, or, if the function is asked one by one (`Function.go_live`), on the agenda.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.declare import Count, Line, Metric, Panel
from labsim.engine import Simulation, merged, so_far
from labsim.services.lambda_.invocations import Invoked

WAITS, DONE, THROTTLED, FAILED, DEAD, TIMED_OUT, CACHED, REJECTED = range(8)     # fates
# Of each fate, whether it is known at the moment of the call, and whether it is an answer.
AT_ONCE, ANSWERED = (np.isin(range(8), fates) for fates in ((THROTTLED, REJECTED), (DONE, CACHED)))
PATIENCE = 1_000                # steps between two looks at whether the run was cancelled
GOLDEN = 0.6180339887498949     # turns a request's die between its attempts


def ended(name: str, meaning: str, fate: int, better: str = "lower", *aliases: str) -> Count:
    """How many requests of a caller have come to this."""
    return Count(name, "requests", meaning, better, lambda c: c.counted[fate], aliases=aliases)


class Caller(kit.Asked):
    """Who calls `function`, a `Function`, since `sim.send`, a client who waits, or another part's
    outlet has them do so. `done` and `failed` are the outlets of requests by how they ended.

    random: what the work of each request is drawn from; luck: what decides whether an attempt
    fails; by default streams of its own.
    """

    METRICS = (
        Count("offered", "requests", "requests, events, messages or records that came", "",
              lambda c: len(c.times), aliases=("requests",)),
        Count("completed", "requests", "done by the function, or answered by a cache", "higher",
              lambda c: c.well.sum(), aliases=("answered",)),
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
        Panel("Requests", (
            *(Line(what, f"{what}_rate") for what in ("offered", "completed", "failed")),)),
        Panel("Time to an answer", (Line("mean", "latency"),)))
    INVARIANTS = (kit.adds_up("offered", "completed", "failed", "waiting_end"),)
    shows = (("req/s", "offered_rate"), ("waiting", "waiting"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, function: Invoked, *,
                 random: np.random.Generator | None = None,
                 luck: np.random.Generator | None = None):
        super().__init__(sim, name)
        self.function = function
        self._random = sim.stream(f"{name} work") if random is None else random
        self._luck = sim.stream(f"{name} errors") if luck is None else luck
        self.times: list[float] = []    # one row a request, here and in the next four
        self.work: list[float] = []     # s
        self.chance: list[float] = []   # from 0 to 1; below 0: poison
        self.fate: list[int] = []
        self.end: list[float] = []      # s
        self._given = -1.0              # s; what ended by then has been given out,
        self._open = self._next = 0     # and so has all that came before this one; who comes next
        self._sources: list[Iterable[np.ndarray]] = []
        self._taken: list[np.ndarray] = []      # what other parts have given out, s, still to enter
        function.callers.append(self)
        function.askers.append(self)
        self.link(function)
        self._environments, self._poison = function.environments, sim.stream(f"{name} poison")
        if function.live:
            self.go_live()

    @property
    def answered(self) -> kit.Outlet:
        """`done`, as it was called before."""
        return self.done

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted)."""
        self._sources.append(blocks)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        self._taken.append(times)

    def enter(self, times: np.ndarray) -> None:
        """A row for each request that comes at `times` (s, sorted)."""
        work, chance = self.drawn(len(times))
        self.times += times.tolist()
        self.work += work.tolist()
        self.chance += chance.tolist()
        self.fate += [WAITS] * len(times)
        self.end += [float("inf")] * len(times)

    def drawn(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The work, s, and the luck of so many requests: from 0 to 1, below that of poison."""
        work, chance = self.function.work.draw(count, self._random), self._luck.random(count)
        if self.function.poison_share:
            chance[self._poison.random(count) < self.function.poison_share] = -np.inf
        return work, chance

    def gather(self) -> None:
        """Have all come that will come whatever happens, and what others have given out."""
        if self._sources:
            blocks = []
            for times in merged(self._sources):
                self.sim.check()
                blocks.append(times)
            self.enter(np.concatenate([np.empty(0), *blocks]))
            self._sources = []
        if self._taken:
            taken, self._taken = self._taken, []
            self.enter(np.sort(np.concatenate(taken), kind="stable"))

    @property
    def is_fed(self) -> bool:
        """Whether requests come to it other than in the course of what comes to others."""
        return bool(self._sources) or super().is_fed

    def wired(self) -> None:
        """Requests have to come from somewhere."""
        self._sent = bool(self._sources)
        super().wired()

    @property
    def meets_agenda(self) -> bool:
        """Whether it is wired to parts that follow requests one by one, or passes them on."""
        return (bool(self.onward) or self.done.asks or self.failed.asks
                or any(isinstance(part, kit.Asked) for part in self.fed_by))

    def asked_by(self, asker: kit.Component) -> None:
        """`asker` is going to ask it, one by one."""
        super().asked_by(asker)
        self.function.go_live()

    def go_live(self) -> None:
        """Its function is asked one by one: from now on it has its turns on the agenda."""
        self.sim.agenda.at(0.0, self._set_out)

    def _set_out(self, t: float, _=None) -> None:
        raise NotImplementedError

    def awake(self) -> None:
        """What it does next may have changed: it has its next turn then."""

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

    def invoke(self, t: float, which: list[int], attempt: int) -> tuple[float, bool] | None:
        """One invocation for these: when it ends (negative: throttled), and whether it fails. None:
        nobody knows yet, it has begun; `later` says who is told when it has ended."""
        function = self.function
        timeout = function.timeout
        work = (self.work[which[0]] if len(which) == 1
                else sum(map(self.work.__getitem__, which)))
        if function.pace != 1.0:
            work *= function.pace
        late = work > timeout
        if function.invocations:
            return self._start(t, work, which, self._unlucky(which, attempt))
        end = self._environments.invoke(t, timeout if late else work)
        if end < 0.0:
            function.throttles.append(t)
            return end, True
        function.runs.append((t, end, len(which)))
        failed = late or self._unlucky(which, attempt)
        if failed:
            function.erred(end, late)
        return end, failed

    def _unlucky(self, which: list[int], attempt: int) -> bool:
        """Whether this attempt at these fails by chance."""
        chance, share = self.chance, self.function.error_share
        return bool(share or self.function.poison_share) and any(
            chance[i] < 0.0 or (chance[i] + attempt * GOLDEN) % 1.0 < share for i in which)

    def _start(self, t: float, work: float, which: list[int], fails: bool):
        """An invocation that ends when its calls have been answered."""
        begun = self.function.invocations.begin(t, work, len(which), fails)
        if isinstance(begun, float):
            self.function.throttles.append(t)
            return begun, True
        self._begun = begun
        return None

    def later(self, method, *what) -> None:
        """When what has just begun has ended, `method(*what, (end, failed))` is called."""
        self._begun.told = self, method, *what

    def settle(self, which: list[int], fate: int, end: float) -> None:
        """What became of these requests, and when."""
        for i in which:
            self.fate[i], self.end[i] = fate, end
        if self.function.live:
            outlet = self.done if ANSWERED[fate] else self.failed
            for _ in which if outlet.connected else ():
                self.sim.agenda.at(end, lambda t, outlet: outlet.leave(t), outlet)

    def give(self, now: float) -> None:
        """Hand on the answers and failures that have come by `now` s."""
        if not (self.done.connected or self.failed.connected):
            return
        first = self._open
        fate, ends = np.asarray(self.fate[first:], dtype=int), np.asarray(self.end[first:])
        ends = np.where(AT_ONCE[fate], np.asarray(self.times[first:]), ends)
        new = (ends > self._given) & (ends <= now) & (fate != WAITS)
        self._given = now
        for outlet, those in ((self.done, ANSWERED[fate]), (self.failed, ~ANSWERED[fate])):
            outlet.give(np.sort(ends[new & those]))
        over = (fate != WAITS) & (ends <= now)
        self._open += len(over) if over.all() else int(over.argmin())

    def flush(self) -> None:
        """Hand on what has left, to parts that take it in blocks."""
        self.done.flush()
        self.failed.flush()

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def ends(self) -> np.ndarray:
        """When each request ended, s; of those told at once, infinite."""
        return np.asarray(self.end)

    @cached_property
    def fates(self) -> np.ndarray:
        """What has become of each request by the end of the run."""
        fates = np.array(self.fate, dtype=int)
        fates[(self.ends > self.sim.duration) & ~AT_ONCE[fates]] = WAITS
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
    def well(self) -> np.ndarray:
        """Which requests are answered."""
        return ANSWERED[self.fates]

    @cached_property
    def gone(self) -> np.ndarray:
        """When requests failed, s, one each."""
        gone = ~(self.well | self.open)
        return np.where(AT_ONCE[self.fates[gone]], np.asarray(self.times)[gone], self.ends[gone])

    @cached_property
    def latency(self) -> np.ndarray:
        """From request to answer, of each that is answered, s."""
        return self.ends[self.well] - np.asarray(self.times)[self.well]

    @cached_property
    def latencies(self) -> dict[int, float]:
        """{50: median latency, 95: ..., 99: ...}, s."""
        return kit.quantiles(self.latency)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests by what becomes of them, and how long the answers take."""
        t, tick, ticks = self.record.t, self.sim.tick, len(self.record.t) - 1
        answers = self.ends[self.well]
        slot = np.minimum((answers / tick).astype(int), ticks - 1)
        mean = (np.bincount(slot, self.latency, ticks)
                / np.maximum(np.bincount(slot, minlength=ticks), 1))
        by_now = [so_far(t, moments) for moments in (self.times, answers, self.gone)]
        offered, completed, failed = (kit.per_tick(np.diff(n) / tick, "req/s") for n in by_now)
        return {"offered_rate": offered, "completed_rate": completed, "failed_rate": failed,
                "waiting": (by_now[0] - by_now[1] - by_now[2], "requests"),
                "latency": kit.per_tick(mean, "s")}
