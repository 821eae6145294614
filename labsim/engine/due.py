"""Things that are due later, in order of time.

Picture a spike file of slips, each with a time on it, the earliest on top; slips with one time lie
in the order in which they were put there.
"""

import math
from collections.abc import Iterator
from heapq import heappop, heappush


class Due:
    """A heap of (time s, number, *what): `put` and, when their time has come, `upto`."""

    def __init__(self):
        self._heap: list[tuple] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def first(self) -> float:
        """When the earliest is due, s; infinite if there is none."""
        return self._heap[0][0] if self._heap else math.inf

    @property
    def next(self) -> tuple:
        """The earliest, (time, *what), which stays due."""
        row = self._heap[0]
        return row[0], *row[2:]

    def put(self, t: float, *what) -> None:
        """`what` is due at `t` s."""
        self._number += 1
        heappush(self._heap, (t, self._number) + what)

    def pop(self) -> tuple:
        """The earliest, (time, *what), which is due no more."""
        row = heappop(self._heap)
        return row[0], *row[2:]

    def upto(self, t: float) -> Iterator[tuple]:
        """Everything due by `t` s, one after the other as (time, *what); what is put meanwhile and
        due by then comes, too."""
        heap = self._heap
        while heap and heap[0][0] <= t:
            row = heappop(heap)
            yield row[0], *row[2:]
