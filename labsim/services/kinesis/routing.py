"""Which shard of a Kinesis stream a record goes to.

Picture a row of counters in a post office. The initials of the addressee decide the counter,
whoever else is waiting. A counter can be given to two clerks, or two neighbours' counters to one,
but the letters of one addressee always go to one clerk.

*Models:* MD5 routing and hash ranges, split and merge, how many of many keys' records each shard
gets. *Leaves out:* sequence numbers.
"""

import functools
import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from labsim.engine import popularity
from labsim.errors import ParameterError, require

HASHES = 2**128


def hash_key(partition_key: str) -> int:
    """The place of a partition key: MD5 of its UTF-8, a whole number from 0 to 2**128 - 1.

    Source: Kinesis API, PutRecord.
    """
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")


def hash_ranges(n: int) -> list[tuple[int, int]]:
    """First and last hash of each of `n` shards of a new stream: equal parts, the last one takes
    the remainder. Fact: kinesis.hash_ranges_initial."""
    step = HASHES // n
    return [(i * step, (i + 1) * step - 1 if i < n - 1 else HASHES - 1) for i in range(n)]


def split(shard: tuple[int, int], at: int | None = None) -> tuple[tuple, tuple]:
    """The two parts of a hash range; the second starts at `at`, by default in the middle.

    ValueError unless `at` is inside. Source: Kinesis API, SplitShard.
    """
    start, end = shard
    at = (start + end + 1) // 2 if at is None else at
    if not start < at < end:
        raise ValueError(f"new starting hash key: given {at}, allowed between {start} and {end}")
    return (start, at - 1), (at, end)


def merge(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """The hash range of two adjacent ones, in either order; ValueError if they aren't.

    Source: Kinesis API, MergeShards.
    """
    first, second = sorted((a, b))
    if first[1] + 1 != second[0]:
        raise ValueError(f"shards {a} and {b} are not adjacent")
    return first[0], second[1]


@dataclass(frozen=True)
class Shard:
    """A shard: its number, the first and last hash it takes, and the shards it came from."""

    id: int
    start: int
    end: int
    parents: tuple[int, ...] = ()

    @property
    def range(self) -> tuple[int, int]:
        """First and last hash."""
        return self.start, self.end


class ShardMap:
    """All shards of a stream, by number, and the `open` ones, in the order of their hashes."""

    def __init__(self, n: int):
        require("n", n, 1, unit="shards", whole=True)
        self.all = [Shard(i, *ends) for i, ends in enumerate(hash_ranges(n))]
        self.open = list(self.all)

    def route(self, key: str | int) -> Shard:
        """The open shard of a partition key (a text), or of an explicit hash key (a number)."""
        hashed = hash_key(key) if isinstance(key, str) else key
        if not 0 <= hashed < HASHES:
            raise ValueError(f"hash key: given {hashed}, allowed from 0 to 2**128 - 1")
        return self.open[self._place(hashed)]

    def split(self, shard: Shard, at: int | None = None) -> list[Shard]:
        """Close a shard and open two in its place; errors as of `split`."""
        return self._replace((shard,), split(shard.range, at))

    def merge(self, a: Shard, b: Shard) -> Shard:
        """Close two adjacent shards and open one in their place; errors as of `merge`."""
        return self._replace((a, b), [merge(a.range, b.range)])[0]

    def is_open(self, shard: Shard) -> bool:
        """Whether it has been neither split nor merged."""
        return self.open[self._place(shard.start)] == shard

    def _place(self, hashed: int) -> int:
        return bisect_right(self.open, hashed, key=lambda shard: shard.start) - 1

    def _replace(self, parents, ranges) -> list[Shard]:
        for shard in parents:
            if not self.is_open(shard):
                raise ValueError(f"shard {shard.id} is closed")
            del self.open[self._place(shard.start)]
        ids = tuple(shard.id for shard in parents)
        children = [Shard(len(self.all) + i, *ends, ids) for i, ends in enumerate(ranges)]
        self.all += children
        for child in children:
            insort(self.open, child, key=lambda shard: shard.start)
        return children


# -- many keys -------------------------------------------------------------------------------------

def by_hash(names: Iterable[str]) -> tuple[list[int], np.ndarray]:
    """The hashes of these keys in order, and which key each belongs to."""
    hashes = [hash_key(name) for name in names]
    order = sorted(range(len(hashes)), key=hashes.__getitem__)
    return [hashes[i] for i in order], np.array(order)


@functools.lru_cache(8)
def numbered_by_hash(n: int) -> tuple[list[int], np.ndarray]:
    """The same of "key-0", ..., "key-<n - 1>"."""
    return by_hash(f"key-{i}" for i in range(n))


class Keys:
    """Partition keys and how many of the records have each: `n` of them, by Zipf's law with the
    exponent `skew`, after the first `hot_keys` have taken the share `hot`, all alike (see
    `engine.popularity`)."""

    def __init__(self, n: int = 1_000, skew: float = 0.0, hot: float = 0.0, hot_keys: int = 1):
        shares = popularity(n, skew, hot, hot_keys)
        self._set(*numbered_by_hash(n), shares)

    @classmethod
    def named(cls, shares: Mapping[str, float]) -> "Keys":
        """Keys of one's own, such as {"user-1": 0.6, "user-2": 0.4}; shares of any sum."""
        weights = np.array(list(shares.values()), dtype=float)
        if not (len(weights) and (weights >= 0).all() and weights.sum() > 0):
            raise ParameterError("shares", shares, "keys with shares of at least 0, not all of 0")
        keys = cls.__new__(cls)
        keys._set(*by_hash(shares), weights / weights.sum())
        return keys

    def _set(self, hashes: list[int], order: np.ndarray, shares: np.ndarray) -> None:
        self._hashes = hashes
        self._below = np.concatenate([[0.0], np.cumsum(shares[order])])

    def shares(self, shards: list[Shard]) -> np.ndarray:
        """Share of all records that goes to each shard."""
        ends = [(bisect_left(self._hashes, shard.start), bisect_left(self._hashes, shard.end + 1))
                for shard in shards]
        first, last = np.array(ends).T
        return self._below[last] - self._below[first]
