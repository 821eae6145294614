"""The lines before the targets: when each request of many ends, worked off all at once.

Picture the tape of a till at closing time. Who came when and how much he had is on it; when each
was done follows without playing the day again: the scanned goods so far, and the longest idle time
before that.

*Models:* one server per target, first come first served. The end of request i is the larger of
`free` and the largest t[j] minus the work before j, j <= i, plus all work up to i (Lindley 1952,
unrolled). Exact but for rounding: a test puts it beside one request after the other.
*Leaves out:* whatever makes a pick depend on the lines (`traffic` does that one by one).
"""

import numpy as np

FEW = 64    # requests, up to which one after the other is quicker


def in_order(numbers: np.ndarray, below: int) -> np.ndarray:
    """The stable order of whole numbers from 0 to `below`; what fits into 16 bits numpy sorts by
    radix, which is quicker."""
    return np.argsort(numbers.astype(np.uint16) if below < 1 << 16 else numbers, kind="stable")


def served(targets: np.ndarray, t: np.ndarray, work: np.ndarray, free: list[float]) -> np.ndarray:
    """When each request of `t` (s, sorted) that is `work` (s) for one of `targets` ends, s; when
    each target is `free` (s) is brought up to date."""
    count = len(free)
    if len(t) <= FEW:
        ended = []
        for target, now, long in zip(targets.tolist(), t.tolist(), work.tolist()):
            start = free[target]
            free[target] = end = (start if start > now else now) + long
            ended.append(end)
        return np.array(ended)
    order = in_order(targets, count)
    each = np.bincount(targets, minlength=count)        # the requests of each target, in a row
    some = each.nonzero()[0]
    each = each[some]
    last = np.cumsum(each) - 1
    t, work = t[order], work[order]
    done = work.cumsum()
    before = np.append(0.0, done[last[:-1]])
    done -= np.repeat(before, each)
    idle = t - done
    idle += work
    # A step up from target to target, beyond all that lies between two of its values, so that the
    # largest so far is one of its own.
    steps = np.repeat(np.arange(len(some)) * (idle.max() - idle.min() + 1.0), each)
    idle += steps
    np.maximum.accumulate(idle, out=idle)
    idle -= steps
    np.maximum(idle, np.repeat(np.array(free)[some], each), out=idle)
    idle += done
    np.maximum(idle, t, out=idle)       # not before it came, by rounding
    for k, end in zip(some.tolist(), idle[last].tolist()):
        free[k] = end
    back = np.empty(len(t))
    back[order] = idle
    return back
