"""What came in the last second: the load that a limit per second is held against.

Picture somebody who counts visitors with a film of the last second in his hand: five who come
through the door together are five in that second, and not a thousand an hour.

*Models:* counts of steps of any length, each spread evenly over its step; of a step that is longer
than a second, its own rate. *Leaves out:* seconds that end within a step.
"""

from collections import deque

import numpy as np

from labsim.engine.counted import widened


class LastSecond:
    """Counts of the last second, of keys of any shape; until the run begins so many came each
    second, `before`.

    `kept` are the arrays in it, to be changed in their place when keys are divided.
    """

    def __init__(self, before: np.ndarray):
        self._lengths, self._counts = deque([1.0]), deque([before.copy()])
        self._seconds, self._sum = 1.0, before.copy()

    def rate(self, counts: np.ndarray, length: float) -> np.ndarray:
        """In a step of `length` s came so many `counts`. How many in the second that ends with it,
        or, if it is longer, per second of it."""
        lengths, kept = self._lengths, self._counts
        lengths.append(length)
        kept.append(counts.copy())
        if length >= 1.0:
            lengths, kept = self._lengths, self._counts = deque([length]), deque([kept[-1]])
            self._seconds, self._sum = length, counts.copy()
            return counts / length
        self._seconds, self._sum = self._seconds + length, self._sum + counts
        while self._seconds - lengths[0] >= 1.0:
            self._seconds -= lengths.popleft()
            self._sum -= kept.popleft()
        beyond = (self._seconds - 1.0) / lengths[0]     # of the first step, the share before it
        return np.maximum(self._sum - kept[0] * beyond, 0.0)

    @property
    def kept(self) -> list[np.ndarray]:
        """Its counts by step, and their sum."""
        return [*self._counts, self._sum]

    def widen(self, more: int) -> None:
        """So many keys more, along the last axis, to which nothing came."""
        self._counts = deque(widened(counts, more) for counts in self._counts)
        self._sum = widened(self._sum, more)
