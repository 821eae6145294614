"""What happened during a run: counted, followed and measured at a fixed grid of instants.

Picture a lab notebook with one line per instant t = 0, dt, 2 dt, ..., duration. Rows are
written when something happens; every table and curve is derived from them afterwards.

* `count`: things that happen at points in time (an arrival). Kept: how many in each interval.
* `observe`: a value measured at a point in time (a wait). Kept: each value, and per interval
  the sum, so that percentiles are exact.
* `level`: a value that holds until it changes (instances in service). Kept: each change.

An event at exactly an instant belongs to it. Memory: 8 bytes per observation; counts take
none beyond the grid, however many requests there are.
"""

import numpy as np

from labsim.errors import require

_FOLD_AT = 65_536   # rows kept in passing before they are folded into the grid


def so_far(t: np.ndarray, times) -> np.ndarray:
    """How many of `times` (s, any order) have been by each instant of `t`, as floats."""
    return np.searchsorted(np.sort(times), t, side="right").astype(float)


class Recorder:
    """The record of one run over `duration` seconds with `points` intervals, or at the instants
    `t` of another record."""

    def __init__(self, duration: float, points: int = 600, *, t: np.ndarray | None = None):
        if t is None:
            require("duration", duration, above=True, unit="s")
            require("points", points, 1, whole=True)
        self.t = np.linspace(0.0, duration, points + 1) if t is None else t
        self._counts: dict[str, np.ndarray] = {}
        self._pending: dict[str, list[np.ndarray]] = {}
        self._rows: dict[str, int] = {}     # how many are pending
        self._pending_values: dict[str, list[np.ndarray]] = {}
        self._values: dict[str, list[np.ndarray]] = {}
        self._sums: dict[str, np.ndarray] = {}
        self._levels: dict[str, list[tuple[float, float]]] = {}

    # -- writing ---------------------------------------------------------------------------

    def count(self, name: str, times: np.ndarray) -> None:
        """Count an event called `name` at each of `times` (s, any order)."""
        if len(times):
            self._pending.setdefault(name, []).append(times)
            self._rows[name] = self._rows.get(name, 0) + len(times)
            if self._rows[name] > _FOLD_AT:
                self._fold(name)

    def observe(self, name: str, times: np.ndarray, values: np.ndarray) -> None:
        """Measure `values` at `times` (s, any order; same length); counts them too."""
        if len(times):
            self._values.setdefault(name, []).append(values)
            self._pending_values.setdefault(name, []).append(values)
            self.count(name, times)

    def level(self, name: str, t: float, value: float) -> None:
        """From `t` on the level `name` is `value`; `t` never decreases within a name."""
        self._levels.setdefault(name, []).append((t, float(value)))

    def _fold(self, name: str) -> np.ndarray:
        if name not in self._counts:
            self._counts[name] = np.zeros(len(self.t), dtype=np.int64)
        counts = self._counts[name]
        if rows := self._pending.pop(name, None):
            self._rows[name] = 0
            times, values = np.concatenate(rows), self._pending_values.pop(name, None)
            in_order = (times[1:] >= times[:-1]).all()
            upto = np.searchsorted(times if in_order else np.sort(times), self.t, side="right")
            counts += upto
            if values:
                index = (np.repeat(np.arange(len(upto) + 1), np.diff(upto, prepend=0,
                                                                     append=len(times)))
                         if in_order else np.searchsorted(self.t, times, side="left"))
                sums = self._sums.setdefault(name, np.zeros(len(self.t)))
                sums += np.bincount(index, np.concatenate(values), len(self.t))[:len(self.t)]
        return counts

    # -- reading ---------------------------------------------------------------------------

    def counted(self, name: str) -> np.ndarray:
        """How many `name` events have happened by each instant, shape (points + 1,)."""
        return self._fold(name).copy()

    def total(self, name: str) -> int:
        """How many `name` events have happened in all."""
        return int(self._fold(name)[-1])

    def rate(self, name: str) -> np.ndarray:
        """Events of `name` per second in the interval that ends at each instant."""
        counts = np.diff(self.counted(name), prepend=0).astype(float)
        counts[1] += counts[0]
        counts[1:] /= np.diff(self.t)
        counts[0] = counts[1]
        return counts

    def values(self, name: str) -> np.ndarray:
        """Every observed value of `name`, in the order observed."""
        return np.concatenate(self._values.get(name) or [np.empty(0)])

    def mean_by_interval(self, name: str) -> np.ndarray:
        """Mean of `name`'s values in the interval that ends at each instant.

        An interval with no observation repeats the last mean (0 before the first).
        """
        counts = np.diff(self.counted(name), prepend=0)
        sums = self._sums.get(name, np.zeros(len(self.t)))
        last = np.maximum.accumulate(np.where(counts > 0, np.arange(len(counts)), -1))
        means = np.divide(sums, counts, out=np.zeros(len(counts)), where=counts > 0)
        return np.where(last >= 0, means[last], 0.0)

    def sampled(self, name: str) -> np.ndarray:
        """Level `name` at each instant (after the changes at that instant; 0 before the first)."""
        t, value = self._changes(name)
        index = np.searchsorted(t, self.t, side="right") - 1
        return np.where(index >= 0, value[np.maximum(index, 0)], 0.0)

    def level_mean(self, name: str) -> float:
        """Time average of level `name` over the run."""
        return self.level_integral(name) / self.t[-1]

    def level_integral(self, name: str) -> float:
        """Integral of level `name` over the run, in its unit times seconds."""
        t, value = self._changes(name)
        return float(np.sum(value * np.diff(t, append=self.t[-1])))

    def level_max(self, name: str) -> float:
        """Largest value of level `name` that held for any time."""
        t, value = self._changes(name)
        held = np.diff(t, append=self.t[-1]) > 0
        return float(value[held].max(initial=0.0))

    def current(self, name: str) -> float:
        """What level `name` is now; 0 before the first change."""
        return self._levels[name][-1][1] if name in self._levels else 0.0

    def changes(self, name: str) -> list[tuple[float, float]]:
        """Each (time, value) from which on level `name` held."""
        return list(self._levels.get(name, []))

    def _changes(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        rows = self._levels.get(name) or [(0.0, 0.0)]
        t, value = np.array(rows).T
        return t, value
