"""Requests as counts per tick: clients who send so many, ways into a counted part and out of it.

Picture a crowd at turnstiles, and somebody with a clicker at each door. Nobody is known by name;
what is handed on is how many came since the clock last ticked.

*Models:* Poisson counts at a rate that may change; several ways into one part. *Leaves out:* when
within a tick a request comes; what leaves in a tick is spread evenly over it.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from labsim.declare.component import Component, Outlet, Port, Producers, producers_name
from labsim.declare.drawing import per_tick
from labsim.declare.metrics import Count
from labsim.engine import Load


class Inlet(Port):
    """A way into a counted part, such as a table's reads: `sim.send(load, to=table.reads)`.

    `expected` are the requests that come in each tick, (ticks,), whatever happens. What another
    part gives out comes by `take`, and is served in the tick that begins next: see `taken`.
    """

    def __init__(self, part: Component, name: str = ""):
        super().__init__(part)
        self.sim, self.name = part.sim, f"{part.name} {name}".strip()
        self.expected = np.zeros(len(part.record.t) - 1, dtype=np.int64)
        self._taken, self._sent = 0, False

    @property
    def fed_by(self) -> list[Component]:
        """Whose outlets lead to its part."""
        return self.part.fed_by

    @property
    def used(self) -> bool:
        """Whether somebody sends this way, be it nothing."""
        return self._sent or bool(self.fed_by)

    def sent(self, load: Load | float, name: str = "") -> "CountedProducers":
        """Clients send requests this way at the rate of `load`; see `Simulation.send`."""
        return CountedProducers(self.sim, name or producers_name(self), load, self)

    def expect(self, counts: np.ndarray) -> None:
        """So many requests come in each tick, (ticks,), whole numbers."""
        self.expected, self._sent = self.expected + counts, True

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s)."""
        for times in blocks:
            self.sim.check()
            self.expect(np.histogram(times, self.part.record.t)[0])

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s), which another part has just given out."""
        self._taken += len(times)

    def taken(self) -> int:
        """How many were taken since the last call."""
        taken, self._taken = self._taken, 0
        return taken


class CountedOutlet(Outlet):
    """Where requests leave a counted part, tick by tick."""

    def __init__(self, part: Component):
        super().__init__(part)
        self._expected = np.zeros(len(part.record.t) - 1, dtype=np.int64)
        self._owed = 0.0

    def to(self, other: Component) -> None:
        """From now on what leaves here comes to `other`, a part or an inlet of one."""
        super().to(other)
        if hasattr(other, "expect"):
            other.expect(self._expected)
        else:
            other.feed(self._blocks())

    def expect(self, counts: np.ndarray) -> None:
        """So many leave in each tick, (ticks,), whole numbers, whatever happens."""
        self._expected = self._expected + counts
        for other in self._takers:
            if hasattr(other, "expect"):
                other.expect(counts)

    def count(self, requests: float, start: float) -> None:
        """So many leave in the tick that begins at `start` s. Whole ones do; what is left of a
        request leaves with the next."""
        if self.connected:
            self._owed += requests
            whole = int(self._owed + 1e-9)
            self._owed -= whole
            self.give(self._spread(whole, start))

    def _spread(self, whole: int, start: float) -> np.ndarray:
        return start + self.part.sim.tick * (np.arange(whole) + 0.5) / max(whole, 1)

    def _blocks(self) -> Iterator[np.ndarray]:
        for start, whole in zip(self.part.record.t.tolist(), self._expected.tolist()):
            yield self._spread(whole, start)


class CountedProducers(Producers):
    """Clients who send requests by chance, counted per tick; otherwise as `Producers`."""

    METRICS = (Count("offered", "requests", "requests sent", value=lambda s: s.counts.sum()),)

    def _send(self, to: Inlet) -> None:
        self.counts = self.sim.stream(f"{self.name} arrivals").poisson(
            self.curve.expected(self.record.t))
        to.expect(self.counts)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests sent per second."""
        return {"offered_rate": per_tick(self.counts / self.sim.tick, "req/s")}
