"""Many who make the same thing at once: when the first is done, and when the last.

Picture a class that is told one after the other to look up the same word. As soon as one has it,
nobody is sent any more; those who are on their way come back later, with the same word.

*Models:* queries for one key that begin by chance at a rate, each of a work of its own, until the
first of them is done. *Leaves out:* that they wait for each other.
"""

import numpy as np

from labsim.engine import ServiceTimes

WORKS = 4_096       # drawn to know how likely a query is done after a while
MANY = 20_000       # queries of which the last are looked for, at a time


class Stampede:
    """Queries of `work`; `random` draws them."""

    def __init__(self, work: ServiceTimes, random: np.random.Generator):
        self.work, self.random = work, random
        self._luck = np.sort(work.draw(WORKS, random))
        # Of queries that begin one per second from 0 s on, so many are expected to be done by each
        # of these works s: the sum over the works x below of (s - x), over the number of works.
        self._done = (self._luck * np.arange(1, WORKS + 1) - np.cumsum(self._luck)) / WORKS

    def luckiest(self, rate: np.ndarray) -> np.ndarray:
        """How long until the first is done of queries that begin at `rate`, 1/s, each, s: those
        that are done by s are a Poisson number, 0 with the chance exp(-rate * what is expected)."""
        expected = self.random.standard_exponential(len(rate)) / np.maximum(rate, 1e-300)
        late = np.maximum(expected - self._done[-1], 0.0)
        return np.interp(expected, self._done, self._luck) + late

    def last(self, first: np.ndarray, begun: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """How long until the last is done of a query of `first` s and those that begin at `rate`,
        1/s, in the `begun` s until one was done."""
        last, many = first.copy(), self.random.poisson(rate * begun)
        some = np.flatnonzero(many)
        if len(some):
            many = np.minimum(many[some], max(MANY // len(some), 10))
            ends = np.repeat(begun[some], many) * self.random.random(many.sum())
            ends += self.work.draw(len(ends), self.random)
            last[some] = np.maximum(last[some], np.maximum.reduceat(ends, np.cumsum(many) - many))
        return last
