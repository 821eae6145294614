"""Traffic of which it is known how many requests came in each period, minute by minute.

Picture a turnstile's log: 312 people from nine to five past, 298 in the next five minutes. When
within the five minutes each of them came nobody has written down.

*Models:* exactly so many in each period, each at any time in it; where a period is cut, its part of
them, rounded; whole numbers throughout, of shares too.
*Leaves out:* bursts within a period.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labsim.engine.workload import RateCurve, replay
from labsim.errors import require

ROUNDING = 1e-9     # of a period: no part of one


@dataclass(frozen=True)
class Replayed(RateCurve):
    """`counts[i]` arrivals from `edges[i]` to `edges[i + 1]` s: a curve that is level in between,
    with a jump where the rate differs. The arrays are read-only."""

    edges: np.ndarray
    counts: np.ndarray
    period: float           # s; the last may be cut, and a stretch without any may follow

    @classmethod
    def of(cls, counts: np.ndarray, period: float, duration: float) -> "Replayed":
        """`counts` per `period` (s), cut at `duration` (s), or with nothing after the last one."""
        require("period", period, above=True, unit="s")
        require("duration", duration, above=True, unit="s")
        n = min(len(counts), math.ceil(duration / period - ROUNDING))
        counts = np.array(counts[:n], dtype=np.int64)
        edges = np.arange(n + 1) * float(period)
        if edges[-1] < duration - ROUNDING * period:
            edges, counts = np.append(edges, duration), np.append(counts, 0)
        else:
            part = (duration - edges[-2]) / period
            if part < 1 - ROUNDING:
                counts[-1] = int(counts[-1] * part + 0.5)
            edges[-1] = duration
        return cls._level(edges, counts, period)

    @classmethod
    def _level(cls, edges: np.ndarray, counts: np.ndarray, period: float) -> "Replayed":
        rates = counts / np.diff(edges)
        differ = np.flatnonzero(np.diff(rates)) + 1
        first, last = np.append(0, differ), np.append(differ, len(rates))
        t, rate = np.stack([edges[first], edges[last]], axis=1).ravel(), np.repeat(rates[first], 2)
        for array in (t, rate, edges, counts):
            array.setflags(write=False)
        return cls(t, rate, edges, counts, period)

    @property
    def total(self) -> int:
        """All arrivals."""
        return int(self.counts.sum())

    def times(self, factor: float) -> "Replayed":
        """So many times as many, in whole numbers: fractions are carried on to the next period."""
        return self._level(self.edges, scaled(self.counts, factor), self.period)

    def split(self, weights) -> list["Replayed"]:
        """Each one's part in proportion to its weight (evenly, if all are 0): whole numbers in
        every period, whose sum is exact."""
        weights = np.asarray(weights, dtype=float)
        weights = weights if weights.sum() > 0 else np.ones(len(weights))
        parts, rest = [], self.counts
        for k, weight in enumerate(weights[:-1].tolist()):
            left = weights[k:].sum()
            parts.append(scaled(rest, weight / left if left else 0.0))
            rest = rest - parts[-1]
        return [self._level(self.edges, part, self.period) for part in (*parts, rest)]

    def arrivals(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Arrival times (s, sorted), so many in each period as there are, in blocks."""
        cut, last = self.edges[-2], (self.edges[-1] - self.edges[-2]) / self.period
        if last >= 1 - ROUNDING or not self.counts[-1]:
            yield from replay(self.counts, self.period, rng)
            return
        yield from replay(self.counts[:-1], self.period, rng)
        for block in replay(self.counts[-1:], self.period * last, rng):
            yield block + cut


class Gradual:
    """The arrivals of a `Replayed` curve step by step, in whole numbers: in a period each comes at
    any time, as the `dice` say."""

    def __init__(self, curve: Replayed, dice: np.random.Generator):
        self._edges, self._upto = curve.edges, np.append(0, np.cumsum(curve.counts))
        self._dice, self._k, self._came = dice, 0, 0    # the period that it is in; who came so far

    def during(self, begin: float, end: float) -> int:
        """How many come from `begin`, where the last step ended, to `end` s."""
        before, k = self._came, int(self._edges.searchsorted(end, side="right")) - 1
        if k > self._k:
            self._k, self._came, begin = k, int(self._upto[k]), self._edges[k]
        if k < len(self._edges) - 1 and end > begin:
            part = (end - begin) / (self._edges[k + 1] - begin)
            self._came += int(self._dice.binomial(int(self._upto[k + 1]) - self._came, part))
        return self._came - before


def scaled(counts: np.ndarray, factor: float) -> np.ndarray:
    """Whole numbers that are `factor` times the `counts`: fractions are carried on to the next.
    Up to a factor of 1 none is more than its count."""
    if factor == 1:
        return counts
    upto = np.floor(np.cumsum(counts) * factor + 1e-6)
    made = np.diff(upto, prepend=0.0).astype(np.int64)
    return np.minimum(made, counts) if factor < 1 else made
