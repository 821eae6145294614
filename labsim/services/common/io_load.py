"""How I/Os come to storage: at a rate that may change at any moment, counted from change to change.

Picture a tap with a meter that is read whenever somebody turns the tap, and never in between: a
splash of a fifth of a second is as sharp as an hour's stream.

*Models:* Poisson counts between two changes of the rate; a slope in steps. *Leaves out:* when
between two changes an I/O comes: they are spread evenly, so that nothing depends on how often the
record is written.
"""

import numpy as np

from labsim import declare as kit
from labsim.declare.component import producers_name
from labsim.declare.plate import kind
from labsim.declare.users import nobody_waits
from labsim.engine import Load, RateCurve, Replayed

SLOPE_STEPS = 60        # of a piece whose rate rises or falls


def changes(curve: RateCurve) -> np.ndarray:
    """The instants from which on the rate of a curve is another; a slope is cut into steps."""
    slopes = np.flatnonzero((curve.rate[1:] != curve.rate[:-1]) & (np.diff(curve.t) > 0))
    steps = [np.linspace(curve.t[k], curve.t[k + 1], SLOPE_STEPS + 1) for k in slopes]
    return np.unique(np.clip(np.concatenate([curve.t, *steps]), 0.0, curve.t[-1]))


def counted(curve: RateCurve, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """I/Os that come by chance at the rate of `curve`: from which instants on, s, and how many; of
    a file's exactly as many.
    What is drawn first are the busiest times, so that a burst is the same wherever it is, and
    however long the run."""
    if isinstance(curve, Replayed):
        t = np.unique(curve.t)
        return t, np.add.reduceat(curve.counts, np.searchsorted(curve.edges, t[:-1]))
    t = changes(curve)
    expected = np.maximum(curve.expected(t), 0.0)       # a slope that ends at nothing, rounded
    busiest = np.argsort(-np.round(expected / np.diff(t), 6), kind="stable")    # equals in time
    counts = np.empty(len(expected), dtype=np.int64)
    counts[busiest] = rng.poisson(expected[busiest])
    return t, counts


class IoInlet(kit.Inlet):
    """The way into storage; see `labsim.declare.Inlet`. I/Os that come at the rate of a curve
    (`follow`) are counted from change to change, others per tick."""

    def __init__(self, part: kit.Component, name: str = ""):
        super().__init__(part, name)
        self.curves: list[tuple[np.ndarray, np.ndarray]] = []

    def sent(self, load: Load | float, name: str = "", retry=None) -> "IoProducers":
        """Applications send I/Os at the rate of `load`; see `Simulation.send`."""
        nobody_waits(self, kind(self.part), load, retry)
        return IoProducers(self.sim, name or producers_name(self), load, self)

    def follow(self, curve: RateCurve, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """I/Os come by chance at the rate of `curve`: from which instants on, and how many."""
        t, counts = counted(curve, rng)
        self.curves.append((t, counts / np.diff(t)))
        self._sent = True
        return t, counts


class IoProducers(kit.CountedProducers):
    """Applications that send I/Os by chance; otherwise as `CountedProducers`."""

    def _send(self, to: IoInlet) -> None:
        t, counts = to.follow(self.curve, self.sim.stream(f"{self.name} arrivals"))
        self.counts = np.diff(np.interp(self.record.t, t, np.append(0, np.cumsum(counts))))
