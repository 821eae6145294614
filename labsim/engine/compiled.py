"""The station's inner loop compiled by numba, where that is installed (`pip install labsim[fast]`).

Picture the same recipe in shorthand: who cooks by it needs no other ingredient, only less time.
"""

import functools
import importlib.util
import os

TYPES = "int64(float64[::1], float64[::1], float64[::1], float64, float64[::1])"


@functools.cache
def compiled():
    """`serve` compiled, or None without numba. It takes about a second, once in a process.

    Set LABSIM_NUMBA=0 to go without numba although it is installed.
    """
    if os.environ.get("LABSIM_NUMBA") == "0" or importlib.util.find_spec("numba") is None:
        return None
    import numba
    return numba.njit(TYPES)(serve)


def serve(ready, service, free, until, starts):
    """`labsim.engine.station.serve` spelled out for arrays: writes the start times into `starts`
    and returns how many there are. Its lower half is `heapq.heapreplace`."""
    servers = len(free)
    for i in range(len(ready)):
        start = free[0]
        if start < ready[i]:
            start = ready[i]
        if start > until:
            return i
        starts[i] = start
        end = start + service[i]
        place, child = 0, 1
        while child < servers:
            if child + 1 < servers and free[child + 1] < free[child]:
                child += 1
            if free[child] >= end:
                break
            free[place] = free[child]
            place, child = child, 2 * child + 1
        free[place] = end
    return len(ready)
