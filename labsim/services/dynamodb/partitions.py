"""Which keys are in which partition of a DynamoDB table, and how a hot one is split.

Picture a shelf of books in a fixed order, and clerks who each look after a stretch of it. Where one
is busy for too long another comes, and they divide his stretch so that each is asked as often as
the other. A single book stays with one of them, however often it is wanted.

*Models:* keys in the order of their hash; heat, in s, of a partition that is near its limit, which
cools as fast as it came; a split where the traffic is halved, within a key if its items can be
divided; no split that helps nobody.
*Leaves out:* merges (there are none), splits for size, sort keys that only ever increase, how long
a split itself takes: all of that time is heat.
"""

import numpy as np

from labsim.services.dynamodb import rules

NEAR = 0.9          # of the documented limit that is near to it; an assumption
USELESS = 1e-3      # a side with less of the traffic than this is not worth a split


class Partitions:
    """So many `parts`. keys: how popular each key is, for reads and writes, (2, keys), or None for
    the same everywhere. divided: whether the items of one key can come into two partitions. after:
    s of heat until a split.

    `shares`, (2, partitions), is what comes to each, of all. A split leaves one side in the old
    place, and puts the other at the end.
    """

    def __init__(self, keys: np.ndarray | None, parts: int, divided: bool, after: float):
        if keys is None:
            keys, place, divided = np.ones((2, parts)), np.arange(parts), True
        else:
            place, order = rules.in_partitions(keys.shape[1], parts)
            keys, place = keys[:, order], place[order]
        below = np.cumsum(keys, axis=1)
        self._below = np.concatenate([np.zeros((2, 1)), below / below[:, -1:]], axis=1)
        self._at, self.divided, self.after = np.arange(len(place) + 1.0), divided, after
        edges = np.searchsorted(place, np.arange(parts + 1)).astype(float)
        self.start, self.end = edges[:-1].copy(), edges[1:].copy()
        self._heat, self._warm, self._can = np.zeros(parts), False, np.ones(parts, bool)
        self._near = NEAR * rules.PARTITION[:, None]
        self._least = tuple((NEAR * rules.PARTITION).tolist())
        self.shares = self._between(self.start, self.end)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def order(self) -> np.ndarray:
        """The partitions in the order of their keys, (partitions,)."""
        return np.argsort(self.start, kind="stable")

    def _between(self, start, end) -> np.ndarray:
        """What comes to the keys from `start` to `end`, of all reads and of all writes."""
        return np.array([np.interp(end, self._at, f) - np.interp(start, self._at, f)
                         for f in self._below])

    # -- heat ------------------------------------------------------------------------------

    def cool(self, used: list[float], length: float) -> bool:
        """Whether, so many read and write units having been consumed in all in a step of `length`
        s, none can be near its limit, and none is warm."""
        reads, writes = self._least
        return used[0] < reads * length and used[1] < writes * length and not self._warm

    def step(self, consumed: np.ndarray, length: float) -> tuple[float, np.ndarray]:
        """In a step of `length` s so many units were consumed, (2, partitions). For how many s
        nothing changes if all goes on like this, and which partitions are to be split now."""
        near = np.logical_or.reduce(consumed >= self._near * length, axis=0) & self._can
        self._heat = np.maximum(self._heat + np.where(near, length, -length), 0.0)
        hottest = float(np.maximum.reduce(self._heat))
        self._warm = hottest > 0.0
        if hottest < self.after - 1e-9:
            heating = self._heat[near]
            return (self.after - float(heating.max()) if len(heating) else np.inf), NONE
        return np.inf, np.flatnonzero(self._heat >= self.after - 1e-9)

    # -- splits ----------------------------------------------------------------------------

    def largest(self, n: int) -> np.ndarray:
        """Up to `n` of them that can be split, those to which most comes first."""
        can = np.flatnonzero(self._can)
        return can[np.argsort(-self.shares.max(axis=0)[can], kind="stable")][:n]

    def split(self, which: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split these, each where its reads or its writes are halved: those of which `load`,
        (2, partitions), is higher. Which were split, and the share of their reads and writes that
        stays in the old place, (2, split); the others are never asked again."""
        done, middles = [], []
        for i in which.tolist():
            middle = self._middle(self.start[i], self.end[i], int(load[:, i].argmax()))
            self._heat[i] = 0.0
            if middle is None:
                self._can[i] = False
            else:
                done.append(i)
                middles.append(middle)
        old, middle = np.array(done, dtype=int), np.array(middles)
        whole, stays = self.shares[:, old], self._between(self.start[old], middle)
        new_end = self.end[old]
        self.end[old] = middle
        self.start = np.concatenate([self.start, middle])
        self.end = np.concatenate([self.end, new_end])
        self._heat = np.concatenate([self._heat, np.zeros(len(old))])
        self._can = np.concatenate([self._can, np.ones(len(old), bool)])
        self.shares = self._between(self.start, self.end)
        return old, np.divide(stays, whole, out=np.full(whole.shape, 0.5), where=whole > 0)

    def _middle(self, start: float, end: float, op: int) -> float | None:
        """Where what comes from `start` to `end` is halved, or nearly so; None if nowhere."""
        below = self._below[op]
        low, high = np.interp([start, end], self._at, below)
        half = (low + high) / 2
        if self.divided:
            middle = float(np.interp(half, below, self._at))
        else:
            places = np.arange(start + 1, end).astype(int)
            if not len(places):
                return None
            middle = float(places[np.abs(below[places] - half).argmin()])
        side = np.interp(middle, self._at, below) - low
        if not min(side, high - low - side) > USELESS * (high - low):
            return None
        return middle



def divided_among(due: np.ndarray, old: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """What is `due` to each partition, (..., partitions), changed in its place: of those of `old`
    the share `stays`, the rest is for as many at the end."""
    whole = due[..., old]
    due[..., old] = whole * stays
    due[..., due.shape[-1] - len(old):] = whole * (1.0 - stays)
    return due


NONE = np.zeros(0, dtype=int)
