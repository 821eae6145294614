"""Reads that are offered to a reader endpoint: how many come, and at what rate they are expected.

Picture the host of a restaurant with a clicker in each hand. One counts who comes. The other is set
to how many come in an hour: from the book where there is one; else from what he has seen of late,
and he turns it only when it can't be luck that the door has been so busy, or so quiet.

*Models:* whole numbers that come, by chance; beside them the rate behind them, which the queues of
reads go by, since the chance within them is that of M/M/c. The rate of clients is the curve of
their load; that of other parts is a mean over the last `LONG` s, or since it has changed: a
stretch counts as another rate if chance alone would make such a difference once in e^`SURE` times,
and a stretch of `FEW` reads is believed by half: the other half is as if no more came for `LONG` s.
*Leaves out:* trends: a load of other parts that drifts is known half of that mean too late.
"""

import numpy as np

from labsim.declare.counted import CountedProducers, Inlet
from labsim.engine import Arrivals, Load, RateCurve

LONG = 60.0     # s, long against a read
SURE = 12.0     # ln of the odds
FEW = 5.0       # reads


class Mean:
    """The rate at which reads come, as far as it can be known from how many have."""

    def __init__(self):
        self._t, self._n = [0.0], [0.0]     # s, and reads until then, since the last change

    def after(self, reads: float, length: float) -> float:
        """Reads per second, now that so many have come in the last `length` s."""
        self._t.append(self._t[-1] + length)
        self._n.append(self._n[-1] + reads)
        t, n = np.array(self._t), np.array(self._n)
        first = max(int(np.searchsorted(t, t[-1] - LONG, side="right")) - 1, 0)
        t, n = t[first:], n[first:]
        part, all_of_them = (t[1:-1] - t[0]) / (t[-1] - t[0]), n[-1] - n[0]
        off = np.abs(n[1:-1] - n[0] - all_of_them * part)
        # Bernstein's bound of the reads of a part of the time, given all of them.
        off -= np.sqrt(2 * SURE * all_of_them * part * (1.0 - part)) + SURE / 3
        if len(off) and off.max() > 0:
            change = int(off.argmax()) + 1
            t, n = t[change:], n[change:]
        self._t, self._n = t.tolist(), n.tolist()
        reads, seconds = float(n[-1] - n[0]), float(t[-1] - t[0])
        believed = reads / (reads + FEW)
        return reads * (believed / seconds + (1.0 - believed) / max(seconds, LONG))


class Offers:
    """What comes by `inlet`, whose tick begins by `begin`."""

    def __init__(self, inlet: Inlet):
        self._inlet = inlet
        self._clients: list[tuple[Arrivals, RateCurve]] = []
        self._ends: list[float] = []        # of the pieces of what is sure to come, the next last
        self._edges = np.array([np.inf])
        self._came = self._known = self._sure = np.zeros(1)     # reads/s in each piece
        self._taken, self._seen, self._others = 0.0, Mean(), False

    def sent(self, load: Load | float, name: str) -> CountedProducers:
        """Clients read at the rate of `load`."""
        producers = self._inlet.sent(load, name)
        self._clients.append((self._inlet.arrivals[-1], producers.curve))
        return producers

    def begin(self, start: float, end: float) -> None:
        """What other parts have given out comes from `start` to `end` s."""
        if start == 0.0 and self._inlet.arrivals:
            self._look_ahead()
        self._others = bool(self._inlet.fed_by or len(self._inlet.arrivals) > len(self._clients))
        self._taken = self._inlet.taken() / (end - start)

    def _look_ahead(self) -> None:
        arrivals = self._inlet.arrivals
        self._edges = edges = np.unique(np.concatenate([self._cuts(some) for some in arrivals]))
        seconds, known = np.diff(edges), [some for some, _ in self._clients]

        def rate(arrivals):
            came = sum((np.interp(edges, some.t, np.append(0, some.counts.cumsum()))
                        for some in arrivals), np.zeros(len(edges)))
            return np.append(np.diff(came) / seconds, 0.0)
        self._came = rate(arrivals)
        expected = sum((curve.expected(edges) for _, curve in self._clients),
                       np.zeros(len(seconds)))
        self._known = np.append(np.maximum(expected, 0.0) / seconds, 0.0)
        self._sure = rate([some for some in arrivals if not any(some is one for one in known)])
        self._ends = np.append(edges[1:], np.inf)[::-1].tolist()

    def _cuts(self, arrivals: Arrivals) -> np.ndarray:
        """Where its rate may be another, s: where a file's period is as the one before it isn't."""
        if not arrivals.soft:
            return arrivals.t
        record = self._inlet.part.record.t
        return arrivals.t[np.isin(arrivals.t, np.concatenate([record, arrivals.jumps]))]

    def changes(self, now: float) -> float:
        """When the rate jumps next, s."""
        while self._ends and self._ends[-1] <= now:
            self._ends.pop()
        return self._ends[-1] if self._ends else np.inf

    def during(self, length: float) -> tuple[float, float]:
        """How many come in a step of `length` s, and how many are expected."""
        piece = len(self._edges) - len(self._ends) if self._ends else -1
        rate = self._known[piece]
        if self._others:
            rate += self._seen.after((self._taken + self._sure[piece]) * length, length)
        return (self._taken + self._came[piece]) * length, rate * length
