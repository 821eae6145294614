"""Counted requests: how many, per tick and per key, instead of which one.

Picture turnstiles. At each tick of a clock a crowd stands before every one of them; it lets
through as many as its limit allows. The rest step back, wait, and try again later, or go home.

*Models:* requests in arrays, one column per key (a partition, a shard); first attempts are whole
numbers, drawn at random; of those turned away at a key every attempt has its equal share, and
comes back after a wait of any distribution, a limited number of times. Nothing is lost or made:
arrived = served + gone home + waiting to try again.
*Leaves out:* order within a tick; who waits less than a tick comes back in the next one.

The cost of a run is ticks x keys, whatever the rate. Tests put it beside plain SimPy.
"""

import numpy as np


def spread(totals: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`totals` (ticks,) whole requests, each going to a key with probability `weights` (keys,),
    which sum to 1: counts of shape (ticks, keys)."""
    return rng.multinomial(totals, weights).astype(float)


def delay_shares(low: float, high: float, tick: float, most: int = 2**31) -> np.ndarray:
    """Share of those turned away in a tick that is back 1, 2, ... ticks later, shape (ticks,).

    They are turned away at any moment of the tick, and wait from `low` to `high` s, uniformly.
    most: who is back still later is counted with those who are back after so many ticks.
    """
    waits = (low + (high - low) * (np.arange(64) + 0.5) / 64) / tick
    waits = np.minimum(waits, most - 1.0)
    later = np.floor(waits).astype(int)
    part = waits - later
    shares = (np.bincount(later, (1 - part) / 64, later.max() + 2)
              + np.bincount(later + 1, part / 64, later.max() + 2))
    shares[1] += shares[0]
    return np.trim_zeros(shares[1:], "b")


class Attempts:
    """Requests before the turnstiles: `due[k, n, ...]` make their attempt number n + 1 in tick k.

    fresh: first attempts, (ticks, *keys), keys of any shape. waits: (low, high) s for the wait
    before each retry; none for one attempt only. `refused[k]` (*keys) is the share turned away.
    """

    def __init__(self, fresh: np.ndarray, waits: list[tuple[float, float]], tick: float):
        self.ticks, *keys = fresh.shape
        # Who would be back after the end needs no more than a place there.
        shares = [delay_shares(low, high, tick, self.ticks + 1) for low, high in waits]
        self._ahead = max(map(len, shares), default=0)
        self._shares = np.zeros((self._ahead, len(waits), *(1 for _ in keys)))
        for n, share in enumerate(shares):
            self._shares[:len(share), n].flat = share
        self.due = np.zeros((self.ticks + self._ahead, len(waits) + 1, *keys))
        self.due[:self.ticks, 0] = fresh
        self.refused = np.zeros(fresh.shape)
        self._keys = tuple(range(1, fresh.ndim))    # the axes of the keys, for a tick's attempts

    def arrive(self, fresh: np.ndarray, first: int = 0, where: tuple = ()) -> None:
        """First attempts come, so many in tick `first` and those after it: (ticks, *keys), or only
        of the keys `where`, an index of theirs."""
        self.due[(slice(first, first + len(fresh)), 0, *where)] += fresh

    def widen(self, more: int) -> None:
        """Add so many keys after the last one; nothing comes to them until `due` says so."""
        self.due, self.refused = (np.concatenate(
            [a, np.zeros((*a.shape[:-1], more))], axis=-1) for a in (self.due, self.refused))

    # `np.add.reduce` is `sum` without its overhead. A product with ones would be quicker still, but
    # BLAS adds up in another order on other processors, and in threads that wait for one another.

    def at(self, k: int) -> np.ndarray:
        """All attempts of tick `k`, shape (*keys,)."""
        return np.add.reduce(self.due[k], axis=0)

    def by_attempt(self, k: int) -> np.ndarray:
        """How many of tick `k` are at their first, second, ... attempt, (attempts,)."""
        return np.add.reduce(self.due[k], axis=self._keys)

    def turn_away(self, k: int, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The `share` (*keys) of tick `k`'s attempts fails: how many, (attempts, *keys), and
        added up over the keys, (attempts,)."""
        self.refused[k] = share
        failed = self.due[k] * share
        return failed, np.add.reduce(failed, axis=self._keys)

    def again(self, k: int, failed: np.ndarray) -> None:
        """Of tick `k`'s attempts these, (attempts - 1, *keys), wait and try again."""
        self.due[k + 1:k + 1 + self._ahead, 1:] += self._shares * failed

    # -- at the end ------------------------------------------------------------------------

    @property
    def arrived(self) -> np.ndarray:
        """First attempts, (ticks, *keys)."""
        return self.due[:self.ticks, 0]

    @property
    def attempts(self) -> np.ndarray:
        """All attempts made, (ticks, *keys)."""
        return self.due[:self.ticks].sum(axis=1)

    @property
    def served(self) -> np.ndarray:
        """Attempts that got through, (ticks, attempts, *keys)."""
        return self.due[:self.ticks] * (1.0 - self.refused[:, None])

    @property
    def waiting(self) -> np.ndarray:
        """Requests that still wait for their next attempt when the last tick ends, (*keys)."""
        return self.due[self.ticks:].sum(axis=(0, 1))
