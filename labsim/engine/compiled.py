"""The inner loop compiled by numba, where numba is installed (`pip install labsim[fast]`)."""

import functools
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

    inner = numba.njit(function)

    @numba.njit
    def on_arrays(ready, service, free, until):
        heap = list(free)
        starts = inner(ready, service, heap, until)
        return np.array(starts), np.array(heap)

    return on_arrays
