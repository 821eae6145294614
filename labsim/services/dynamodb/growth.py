"""How a DynamoDB table on demand grows: by each hot partition that is split, and to twice the
highest peak, once that is half an hour old.

Picture a waterworks that looks at the highest mark the river has left on its wall, and lays pipes
for twice as much; but only a mark that has dried. Where a pipe is full for too long it doesn't wait
for that.

*Models:* AWS's rule that a table takes up to twice its previous peak, which is one after half an
hour; what splits for heat add before. *Leaves out:* peaks that are forgotten.
"""

import math

import numpy as np

from labsim.engine import LastSecond

AFTER = 1_800           # s until a new peak is one that is doubled
EVERY = 60.0            # s, within which a peak that still grows counts as one


class Growth:
    """What is there on demand: `first` units/s of reads and writes, (2,), and more with peaks."""

    def __init__(self, first: np.ndarray):
        self.first, self._grown, self._split = first, np.zeros(2), first
        self._second = LastSecond(np.zeros(2))
        self.rose = False       # by a peak, since somebody said that it hadn't
        self._peaks = [(-AFTER, np.zeros(2))]       # (since, highest consumption until the next)

    def add(self, units: np.ndarray) -> None:
        """From now on there are so many units/s more, (2,), if twice the peak is not more yet."""
        self._split = self._split + units

    def at(self, now: float) -> np.ndarray:
        """Units/s that are there at `now` s, (2,); never earlier than the last time."""
        return np.maximum(self._split, self.doubled(now))

    def doubled(self, now: float) -> np.ndarray:
        """Those of `at` that are there because of a peak, or were at first."""
        while len(self._peaks) > 1 and self._peaks[1][0] + AFTER <= now:
            self._peaks.pop(0)
        if self._peaks[0][0] + AFTER <= now and self._grown is not self._peaks[0][1]:
            self._grown, self.rose = self._peaks[0][1], True
        return np.maximum(self.first, 2.0 * self._grown)

    def note(self, used: np.ndarray, length: float, now: float) -> None:
        """In a step of `length` s that ended at `now` s so many units were consumed, (2,)."""
        since, peak = self._peaks[-1]
        higher = np.maximum(peak, self._second.rate(used, length))
        if (higher > peak).any():
            if now - since < EVERY:
                self._peaks[-1] = since, higher
            else:
                self._peaks.append((now, higher))

    def next(self) -> float:
        """The time at which there will be more, s, as far as one can see; never one that is over.
        """
        return self._peaks[1][0] + AFTER if len(self._peaks) > 1 else math.inf
