"""Servers: when each of several identical ones gets free, the first of them first.

Picture the row of clocks above a bank's counters, each showing when that counter will be free; who
comes next looks for the earliest.

*Models:* identical servers, first come first served: a request begins at max(its time, the
earliest free). *Leaves out:* who is served by whom, for they are alike.
"""

from heapq import heapreplace

from labsim.errors import require


class Servers(list):
    """A heap (`heapq`) of the times, s, at which the servers get free. Its length is how many."""

    def __init__(self, count: int, free: float = 0.0):
        require("servers", count, whole=True)
        super().__init__([free] * count)

    def begin(self, at: float, work: float) -> float:
        """The first free server takes a request of `at` s that is `work` s; when it begins, s."""
        free = self[0]
        start = free if free > at else at
        heapreplace(self, start + work)
        return start
