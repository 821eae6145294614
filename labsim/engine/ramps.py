"""Statistics of what changes linearly from piece to piece: of pieces of any length, exactly.

Picture a mountain path drawn with a ruler, straight from one bend to the next. How steep its best
hundred metres are, or above which height a hundredth of it lies, needs no measuring in steps.

*Models:* values that are linear within a piece. *Leaves out:* all within a piece but that.
"""

import numpy as np

NARROW = 1e-9       # of the largest value: what is narrower is all at one place
TINY = 1e-290       # by which one can still divide


def most_within(t: np.ndarray, counts: np.ndarray, window: float) -> float:
    """The most that happens within `window` s, where `counts[i]` are spread evenly from `t[i]` to
    `t[i + 1]` s: the best window begins or ends where a piece does."""
    window = min(window, t[-1] - t[0])
    total = np.append(0.0, np.cumsum(counts))
    starts = np.clip(np.concatenate([t, t - window]), t[0], t[-1] - window)
    return float((np.interp(starts + window, t, total) - np.interp(starts, t, total)).max())


def quantile(low: np.ndarray, high: np.ndarray, weight: np.ndarray, share: float) -> float:
    """The value that the `share` of the whole weight does not exceed, where each weight is spread
    evenly from its low to its high (either way round); 0 of none."""
    low, high = np.minimum(low, high), np.maximum(low, high)
    whole = share * weight.sum()
    if whole <= 0 or weight[high <= 0].sum() >= whole:
        return 0.0
    width = high - low
    wide = width > max(NARROW * high.max(), TINY)
    at = np.concatenate([low[wide], high[wide], high[~wide]])
    rises = weight[wide] / width[wide]
    order = np.argsort(at, kind="stable")
    at = at[order]
    rise = np.cumsum(np.concatenate([rises, -rises, np.zeros(len(at) - 2 * len(rises))])[order])
    jump = np.concatenate([np.zeros(2 * len(rises)), weight[~wide]])[order]
    below = np.append(0.0, np.cumsum(rise[:-1] * np.diff(at) + jump[:-1]))  # the weight below each
    k = min(int(np.searchsorted(below + jump, whole)), len(at) - 1)
    if k == 0 or below[k] <= whole or rise[k - 1] <= 0:
        return float(at[k])
    return float(max(at[k - 1], at[k] - (below[k] - whole) / rise[k - 1]))


def mean_up_to(start: np.ndarray, end: np.ndarray, most: float) -> np.ndarray:
    """The mean of a value that goes linearly from start to end, cut at `most`."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    width = high - low
    free = np.clip((most - low) / np.maximum(width, TINY), 0.0, 1.0)
    cut = free * (low + np.minimum(high, most)) / 2 + (1.0 - free) * most
    return np.where(high <= most, (low + high) / 2, np.where(low >= most, most, cut))
