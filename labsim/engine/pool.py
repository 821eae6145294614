"""Who waits to try again, as counts: by when they are back and how often they have tried.

Picture a row of waiting rooms with a time on each door. Who is sent away is spread over the rooms
by how long he will be gone; when a door's time comes, all in it come out, evenly over its minute.

*Models:* bins of equal width, of the longest wait in all; who leaves the last one has room in the
first one again. *Leaves out:* when within its bin somebody is back.
"""

import numpy as np

from labsim.engine.pace import bins
from labsim.engine.waits import shares_back


class Pool:
    """Those who wait after each of `waits`, of `keys` of any shape: `who`, (bins, waits, *keys).
    Times are those of a clock of its own, s, which may stand still."""

    def __init__(self, waits: list[tuple[float, float]], keys: tuple[int, ...]):
        self.waits, n = waits, len(waits)
        self.longest, self.width = bins(waits)
        self.bins = int(np.ceil(self.longest / self.width)) + 2 if n else 0
        self.who = np.zeros((self.bins, n, *keys))
        self.first, self._each = 0, (1,) * len(keys)    # bin
        self._known: dict[tuple, tuple] = {}            # `back` of steps like those before

    def start(self, t: float) -> None:
        """Nobody waits, and the clock shows `t`."""
        self.first = int(t / self.width)

    def due(self, start: float, end: float) -> np.ndarray:
        """Those who are back by `end` s, (waits, *keys): they don't wait any more. Until `start`
        nobody is any more."""
        pool, width = self.who, self.width
        last, due = int(end / width), np.zeros(self.who.shape[1:])
        for where in self._bins_from(self.first, min(last - self.first, self.bins)):
            due += np.add.reduce(pool[where], axis=0)
            pool[where] = 0.0
        bin_, start = pool[last % self.bins], max(start, last * width)
        part = bin_ * min(1.0, (end - start) / ((last + 1) * width - start))
        bin_ -= part
        self.first = last
        return due + part

    def _bins_from(self, first: int, n: int) -> list[slice]:
        """Where `n` bins are kept: one stretch, or two."""
        head = first % self.bins
        return [slice(head, min(head + n, self.bins)), *(
            [slice(0, head + n - self.bins)] if head + n > self.bins else [])]

    def put(self, later: np.ndarray, bins: list[tuple[int, np.ndarray]]) -> None:
        """These wait, (waits, *keys), and come back as `back` says."""
        for n, (first, shares) in enumerate(bins):
            for where in self._bins_from(self.first + first, len(shares)):
                here = where.stop - where.start
                self.who[where, n] += shares[:here] * later[n]
                shares = shares[here:]

    def back(self, length: float, end: float) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
        """Of those turned away evenly over a step of `length` s until `end`, before each retry: the
        share that is back within it, (waits,); of the others, from which bin on the share that is
        back in each."""
        phase = end - self.first * self.width
        known = round(length, 6), round(phase, 6)
        if known not in self._known:
            if len(self._known) > 1_000:
                self._known.clear()
            until = length + np.append(0.0, (np.arange(self.bins) + 1) * self.width - phase)
            back = shares_back(until, self.waits, length)
            back[-1] = 1.0
            inside = np.where(back[0] > 1e-9, back[0], 0.0).tolist()
            later = np.diff(back, axis=0) / np.maximum(1.0 - back[0], 1e-9)
            later[later < 1e-9] = 0.0                   # rounding; what it lacks then the bin gets
            most = later.argmax(axis=0), np.arange(later.shape[1])      # that has most, or, if
            later[most] += 1.0 - later.sum(axis=0)      # nobody is back later, the first one
            self._known[known] = inside, [self._trimmed(shares) for shares in later.T]
        return self._known[known]

    def _trimmed(self, shares: np.ndarray) -> tuple[int, np.ndarray]:
        some = np.flatnonzero(shares)
        return int(some[0]), shares[some[0]:some[-1] + 1].reshape(-1, *self._each)
