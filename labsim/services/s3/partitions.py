"""Amazon S3, the partitions of a bucket: which keys each covers, what it allows, how it adapts.

Picture the hatches of a cloakroom. While more people come than the hatches are meant for, a new one
is being opened: more and more of its work is done, until it is there and the rows of hooks are
divided anew. Where it has long been quiet, a hatch is closed, one at a time.

*Models:* areas of keys that adapt each by itself: those of the partitions that the bucket begins
with. While more is asked of one of its partitions than the published rate, an area warms up: it
allows evenly more, a partition's worth in `warming` s in all, and has then a partition more. When
its load has fitted into a partition less for `cooling` s without a break, it has one less. An
area's partitions are whole ranges of keys, as equally busy as these allow, and no range gets more
than the published rate.
Why so: AWS says that it scales gradually, to at least the published rates per partitioned prefix,
and that a slash is no bound. The bucket that was measured (`s3-warming`: one prefix, in it one for
each client, all equally busy) gained a partition's worth in 9 minutes for all of them together, and
evenly between: so what was one partition at first warms up as one, however its keys are named. What
are partitions already are "prefixes" of AWS's sentence, and each warms up by itself. Time over the
rate adds up, also over breaks: the load that was measured had a break every few seconds.
*Leaves out:* that what an area has grown into would adapt in parts by itself later; that areas
merge with one another; what a division costs while it is made.
"""

import math
from typing import NamedTuple

import numpy as np

from labsim.services.s3.rules import LIMITS

ROUNDING = 1e-9
SHORT = 30          # an area gains at most such a part in a step, if some are turned away


class Change(NamedTuple):
    """What has changed: `kind` is "rate", "split", "merge" or "cool" (no partition less, but what
    had been gained beyond them); how many areas did; the bucket's partitions before and after."""

    kind: str
    areas: int
    before: int
    after: int


class Partitions:
    """Partitions of ranges of keys with `shares` (2, ranges) of the reads and writes, in so many
    `areas`; each area begins with a partition that allows `worth` of the full rate, and adapts."""

    def __init__(self, shares: np.ndarray, areas: int, worth: float, warming: float,
                 cooling: float, lasts: float = math.inf):
        self.shares, self.warming, self.cooling = shares, warming, cooling
        self.lasts = lasts      # the run, s: too short to cool, and nobody has to look
        self.ranges, self.least = shares.shape[1], worth
        self._bounds = np.arange(areas + 1) * self.ranges // areas      # of the areas, in ranges
        self.worth = np.full(areas, worth)          # what each area allows, in full partitions
        self._hot, self._idle = np.zeros(areas, dtype=bool), np.zeros(areas)
        self.warming_up = False     # whether some area allows more and more
        self._divide(shares)

    def __len__(self) -> int:
        return len(self.start)

    def _divide(self, asked: np.ndarray) -> None:
        """Partitions for what the areas are worth, equally busy if so much is `asked` of each
        range, (2, ranges)."""
        busy = (asked / LIMITS).max(axis=0)
        self.base = np.maximum(self.least, np.floor(self.worth + ROUNDING))     # whole ones
        self._next = np.where(self.base < 1.0, 1.0, self.base + 1.0)
        self._parts = np.maximum(self.base, 1.0).astype(int)
        self.start = np.concatenate([first + cuts(busy[first:end], n) for first, end, n in zip(
            self._bounds, self._bounds[1:], self._parts)])
        self._of_area = np.cumsum(self._parts) - self._parts    # its first partition
        self._area = np.repeat(np.arange(len(self._parts)), self._parts)
        self.partition = np.repeat(np.arange(len(self.start)),
                                   np.diff(self.start, append=self.ranges))     # of each range
        # How many times its busiest range a partition's load is: so far it can be divided.
        most = np.maximum.reduceat(self.shares, self.start, axis=1)
        whole = np.add.reduceat(self.shares, self.start, axis=1)
        self._spread = np.divide(whole, most, out=np.ones_like(whole), where=most > 0)
        full = (self.base / self._parts)[self._area]
        self._published = np.where(self._spread > full + ROUNDING, LIMITS * full, math.inf)
        self.fixed = bool(np.isinf(self._published).all())      # none can allow more
        self._weigh()

    def _weigh(self) -> None:
        """What follows from the areas' worth."""
        self.limits = self._allowed(self.worth)
        self._less = np.maximum(self.least, np.ceil(self.worth - ROUNDING) - 1.0)
        self._more = self._less < self.worth        # than there could be
        self._cools = self.cooling <= self.lasts and bool(self._more.any())

    def _allowed(self, worth: np.ndarray) -> np.ndarray:
        return LIMITS * np.minimum((worth / self._parts)[self._area], self._spread)

    def during(self, length: float) -> np.ndarray:
        """Requests/s that each partition allows in the next `length` s, on average,
        (2, partitions)."""
        if not self.warming_up:
            return self.limits
        return self._allowed(np.minimum(self.worth + self._hot * length / self.warming / 2,
                                        self._next))

    def after(self, length: float, asked: np.ndarray, by_range: np.ndarray,
              over: bool) -> tuple[list[Change], float]:
        """`length` s have passed in which so much was `asked` of each partition, and by range;
        over: some were turned away. What has changed, and for how many s nothing will."""
        changes, ahead, calm = [], math.inf, math.inf
        if self.fixed and not self._cools:
            return changes, ahead
        hot = asked > self._published * length
        self.warming_up = bool(hot.any())
        if self.warming_up:
            self._hot = np.logical_or.reduceat(hot.any(axis=0), self._of_area)
            changes, ahead = self._warm(length, by_range)
            if over:
                ahead = min(ahead, float(self.worth[self._hot].min()) * self.warming / SHORT)
        else:
            self._hot[:] = False
        if self._cools and not changes:
            changes, calm = self._cool(asked / (LIMITS * length), by_range, length)
        return changes, min(ahead, calm)

    def _warm(self, length: float, by_range: np.ndarray) -> tuple[list[Change], float]:
        hot, before = self._hot, len(self)
        worth = np.minimum(self.worth + hot * (length / self.warming), self._next)
        ripe = hot & (worth >= self._next - ROUNDING)
        self.worth = np.where(ripe, self._next, worth)
        if not ripe.any():
            self._weigh()
            return [], float((self._next - worth)[hot].min()) * self.warming
        slow = self._next <= 1.0
        self._divide(by_range)
        return [Change(kind, int(which.sum()), before, len(self)) for kind, which in (
            ("rate", ripe & slow), ("split", ripe & ~slow)) if which.any()], 0.0

    def _cool(self, load: np.ndarray, by_range: np.ndarray,
              length: float) -> tuple[list[Change], float]:
        need = np.add.reduceat(load, self._of_area, axis=1).max(axis=0)
        self._idle = (self._idle + length) * ((need <= self._less) & self._more & ~self._hot)
        longest = float(self._idle.max())
        if longest < self.cooling - ROUNDING:
            return [], self.cooling - longest if longest else math.inf
        ripe, before = self._idle >= self.cooling - ROUNDING, len(self)
        self.worth, self._idle = np.where(ripe, self._less, self.worth), self._idle * ~ripe
        self._divide(by_range)
        kind = "merge" if len(self) < before else "cool"
        return [Change(kind, int(ripe.sum()), before, len(self))], 0.0


def cuts(busy: np.ndarray, n: int) -> np.ndarray:
    """Where `n` parts of some ranges begin, each of at least one, as equally `busy` as may be."""
    if not busy.any():
        busy = np.ones(len(busy))
    middle = np.cumsum(busy) - busy / 2
    k = np.arange(n)
    at = np.searchsorted(middle, k / n * busy.sum())
    at = np.maximum.accumulate(at - k) + k              # one range each, from the left
    return np.minimum(at, len(busy) - n + k)            # and from the right
