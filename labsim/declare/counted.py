"""Requests as counts: clients who send so many, ways into a counted part and out of it.

Picture a crowd at turnstiles, and somebody with a clicker at each door. Nobody is known by name;
what is handed on is how many came since he last looked at it.

*Models:* Poisson counts at a rate that may change; several ways into one part; what another part
gives out, at the pace at which it does, a step later. *Leaves out:* when within a step a request
comes; what leaves in a step is spread evenly over it.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from labsim.declare.component import Component, Outlet, Port, Producers, producers_name
from labsim.declare.drawing import per_tick
from labsim.declare.metrics import Count
from labsim.declare.plate import kind
from labsim.declare.users import nobody_waits
from labsim.engine import Arrivals, Coming, Load, Step, merged


class Inlet(Port):
    """A way into a counted part, such as a table's reads: `sim.send(load, to=table.reads)`.

    What is sure to come is `arrivals`; what another part gives out comes by `take`, and is served
    as fast as it comes, but a bit later: by as much as the longest step has been, before whose end
    nobody knows of it. The part says by `lead` to which of its keys they go, and asks `during` each
    step.
    """

    def __init__(self, part: Component, name: str = ""):
        super().__init__(part)
        self.sim, self.name = part.sim, f"{part.name} {name}".strip()
        self.arrivals: list[Arrivals] = []
        self.coming: list[Coming] = []
        self._taken, self._sent = np.empty(0), False    # came when, s
        self._news: list[np.ndarray] = []               # the same, since the last step
        self._later = 0.0                               # s until they are served

    @property
    def fed_by(self) -> list[Component]:
        """Whose outlets lead to its part."""
        return self.part.fed_by

    @property
    def used(self) -> bool:
        """Whether somebody sends this way, be it nothing."""
        return self._sent or bool(self.fed_by)

    def sent(self, load: Load | float, name: str = "", retry=None) -> "CountedProducers":
        """Clients send requests this way at the rate of `load`; see `Simulation.send`."""
        nobody_waits(self, kind(self.part), load, retry)
        return CountedProducers(self.sim, name or producers_name(self), load, self)

    def expect(self, arrivals: Arrivals | np.ndarray) -> None:
        """These come, or so many, whole, in each interval of the record, (ticks,)."""
        if not isinstance(arrivals, Arrivals):
            t, counts = self.part.record.t, np.asarray(arrivals, dtype=np.int64)
            arrivals = Arrivals(t, counts, before=float(counts[0] / t[1]))
        self.sim.pace.jumps(arrivals.jumps, arrivals.soft)
        self.arrivals.append(arrivals)
        self._sent = True

    @property
    def expected(self) -> np.ndarray:
        """How many are sure to come in each interval of the record, (ticks,)."""
        t = self.part.record.t
        return sum((arrivals.on(t) for arrivals in self.arrivals), np.zeros(len(t) - 1, np.int64))

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s)."""
        t = self.part.record.t
        counts = np.zeros(len(t) - 1, dtype=np.int64)
        for times in blocks:
            self.sim.check()
            counts += np.histogram(times, t)[0]
        self.expect(counts)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s), which another part has just given out."""
        self._news.append(times)

    @property
    def on_its_way(self) -> int:
        """How many have come, and are not counted yet: at the end of a run the last of them."""
        return len(self._taken) + sum(map(len, self._news))

    def taken(self) -> int:
        """How many were taken since the last call."""
        taken = self.on_its_way
        self._taken, self._news = np.empty(0), []
        return taken

    def _due(self, step: Step) -> int:
        """How many that were taken are served in a step: those of a time as long as it is."""
        if self._news:
            self._taken, self._news = np.sort(np.concatenate([self._taken, *self._news])), []
        if not len(self._taken):
            return 0
        self._later = max(self._later, step.start - float(self._taken[0]))
        due = int(np.searchsorted(self._taken, step.end - self._later))
        self._taken = self._taken[due:]
        return due

    def lead(self, weights: np.ndarray, dice: np.random.Generator) -> None:
        """Each goes to one of several keys with the probability `weights` (keys,), which sum to 1;
        `dice` decide."""
        self.weights, self._dice = weights, dice
        for coming in self.coming:
            coming.weights = weights

    @property
    def before(self) -> np.ndarray:
        """How many have come to each key per second until the run begins, (keys,)."""
        return sum(arrivals.before for arrivals in self.arrivals) * self.weights

    def during(self, step: Step) -> np.ndarray:
        """How many come to each key in a step, (keys,)."""
        for arrivals in self.arrivals[len(self.coming):]:
            self.coming.append(Coming(arrivals, self.weights, self._dice))
        came = [coming.during(step) for coming in self.coming]
        due = self._due(step)
        if due:
            came.append(self._dice.multinomial(due, self.weights).astype(float))
        return sum(came[1:], came[0]) if came else np.zeros(len(self.weights))


class CountedOutlet(Outlet):
    """Where requests leave a counted part, step by step; all that is done of those that come by
    the ways `of`, which may be added to while it is wired."""

    def __init__(self, part: Component, *of: Inlet | Component):
        super().__init__(part)
        part.counted, self.of = True, list(of)
        self._expected: list[Arrivals] = []
        self._owed = 0.0

    def to(self, other: Component) -> None:
        """From now on what leaves here comes to `other`, a part or an inlet of one."""
        super().to(other)
        if hasattr(other, "expect"):
            for arrivals in self._expected:
                other.expect(arrivals)
        else:
            other.feed(self._blocks())

    @property
    def first(self) -> Component | Inlet | None:
        """To whom what leaves here comes first of all, if to anybody."""
        return self._takers[0] if self._takers else None

    def expect(self, arrivals: Arrivals) -> None:
        """These leave here, whatever happens."""
        self._expected.append(arrivals)
        for other in self._takers:
            if hasattr(other, "expect"):
                other.expect(arrivals)

    def count(self, requests: float, start: float, end: float) -> None:
        """So many leave from `start` to `end` s. Whole ones do, each when half of it has: as many
        as a metric says, which rounds."""
        if self.connected:
            self._owed += requests
            some = int(self._owed + 0.5)
            self._owed -= some
            self.give(evenly(some, start, end))

    def _blocks(self) -> Iterator[np.ndarray]:
        """Times of those who are sure to leave."""
        yield from merged([(evenly(n, start, end) for start, end, n in zip(
            arrivals.t.tolist(), arrivals.t[1:].tolist(), arrivals.counts.tolist()))
            for arrivals in self._expected])


def evenly(n: int, start: float, end: float) -> np.ndarray:
    """Times of `n` requests, spread evenly from `start` to `end` s."""
    return start + (end - start) * (np.arange(n) + 0.5) / max(n, 1)


class CountedProducers(Producers):
    """Clients who send requests by chance, counted; otherwise as `Producers`."""

    METRICS = (Count("offered", "requests", "requests sent", value=lambda s: s.counts.sum()),)

    def _send(self, to: Inlet) -> None:
        arrivals = Arrivals.drawn(self.curve, self.record.t,
                                  self.sim.stream(f"{self.name} arrivals"))
        self.counts = arrivals.on(self.record.t)
        to.expect(arrivals)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests sent per second."""
        return {"offered_rate": per_tick(self.counts / self.sim.tick, "req/s")}
