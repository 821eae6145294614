"""The inner loop compiled by numba, where numba is installed (`pip install labsim[fast]`)."""

import functools
import heapq
import importlib.util
import os

import numpy as np


@functools.cache
def compiled(function):
    """`function(ready, service, heap, until)` compiled for arrays, or None without numba.

    Set LABSIM_NUMBA=0 to go without numba although it is installed.
    """
    if os.environ.get("LABSIM_NUMBA") == "0" or importlib.util.find_spec("numba") is None:
        return None
    import numba
    from numba.extending import overload

    @overload(heapq.heapreplace)
    def heapreplace(heap, item):
        return sift_down if isinstance(heap, numba.types.Array) else None

    inner = numba.njit(function)

    @numba.njit
    def on_arrays(ready, service, free, until):
        heap, starts, n = free.copy(), np.empty(len(ready)), 0
        for start in inner(ready, service, heap, until):
            starts[n] = start
            n += 1
        return starts[:n], heap

    return on_arrays


def sift_down(heap, item):
    """`heapq.heapreplace` for an array: `item` takes the place of the smallest, heap[0]."""
    place, child, n = 0, 1, len(heap)
    while child < n:
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= item:
            break
        heap[place] = heap[child]
        place, child = child, 2 * child + 1
    heap[place] = item
