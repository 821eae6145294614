"""How long a DynamoDB request takes, seen by its client: most alike, a few far longer.

Picture a counter where nearly everybody is served in about the same time, and one in seventy has to
wait until the clerk comes back from the cellar.

*Models:* reads and writes each with a lognormal time; of both the same small share takes longer by
a lognormal time of its own; waits before retries. A throttled attempt takes as long as another.
*Leaves out:* sizes, the hour, the client's distance and first connections, strong or eventual.
"""

import functools
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from labsim import factbook
from labsim.engine import scatter

MEDIAN = factbook.value("ddb.read_p50_s"), factbook.value("ddb.write_p50_s")
SPREAD = factbook.value("ddb.read_spread"), factbook.value("ddb.write_spread")
SLOW_SHARE = factbook.value("ddb.slow_share")
SLOW = factbook.value("ddb.slow_p50_s"), factbook.value("ddb.slow_spread")
POINTS = 2_000      # times, equally likely, that stand for a law


class Times(NamedTuple):
    """Half, 99 of 100 and the mean of some times, s."""

    p50: float
    p99: float
    mean: float


@functools.lru_cache(maxsize=2)
def law(op: int) -> np.ndarray:
    """Times of single reads (0) or writes (1), s, ascending: `POINTS` of them, equally likely."""
    times = _lognormal(MEDIAN[op], SPREAD[op], POINTS)
    n = round(SLOW_SHARE * POINTS)
    slow = ((np.arange(n) + 0.5) / n * POINTS).astype(int)
    times[slow] += _lognormal(*SLOW, n)[np.argsort(scatter(np.arange(n)))]
    times.sort()
    times.flags.writeable = False
    return times


def _lognormal(median: float, spread: float, n: int) -> np.ndarray:
    """`n` equally likely times, ascending."""
    normal = NormalDist()
    return median * np.exp(spread * np.array([normal.inv_cdf((i + 0.5) / n) for i in range(n)]))


def quantile(op: int, share: float) -> float:
    """The time, s, within which this share of single reads (0) or writes (1) is answered."""
    return float(np.interp(share, (np.arange(POINTS) + 0.5) / POINTS, law(op)))


def times(served: np.ndarray, waits: list[tuple[float, float]], rng: np.random.Generator,
          cached: float = 0.0, hit: float = 0.0) -> Times:
    """Times from the first attempt to the answer, of so many reads and writes that needed 1, 2,
    ... attempts, (attempts, 2), and of so many that a cache answered, in `hit` s each."""
    kinds, weights = [np.full(1, hit)], [np.full(1, cached)]
    for op in np.flatnonzero(served.sum(axis=0) > 0):
        taken = np.zeros(POINTS)
        for n, (low, high) in enumerate([(0.0, 0.0), *waits][:_last(served[:, op]) + 1]):
            if n:
                taken = taken + low + (high - low) * rng.random(POINTS)
            taken = taken + (rng.permutation(law(op)) if n else law(op))
            kinds.append(taken)
            weights.append(np.full(POINTS, served[n, op] / POINTS))
    value, weight = np.concatenate(kinds), np.concatenate(weights)
    total = float(weight.sum())
    if not total > 0:
        return Times(0.0, 0.0, 0.0)
    order = np.argsort(value)
    below = np.cumsum(weight[order])
    p50, p99 = value[order][np.minimum(np.searchsorted(below, (0.5 * total, 0.99 * total)),
                                       len(value) - 1)]
    return Times(float(p50), float(p99), float((value * weight).sum() / total))


def _last(served: np.ndarray) -> int:
    """The most attempts, from 0, that any needed, give or take rounding."""
    return int(np.flatnonzero(served > 1e-9 * served.sum())[-1])
