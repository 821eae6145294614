"""How long a DynamoDB request takes, seen by its client: most alike, a few far longer.

Picture a counter where nearly everybody is served in about the same time, and one in seventy has to
wait until the clerk comes back from the cellar.

*Models:* reads and writes each with a lognormal time; of both the same small share takes longer by
a lognormal time of its own; waits before retries. A throttled attempt takes as long as another.
*Leaves out:* sizes, the hour, the client's distance and first connections, strong or eventual.
"""

import functools
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from labsim import factbook
from labsim.engine import drawn_waits, scatter

MEDIAN = factbook.value("ddb.read_p50_s"), factbook.value("ddb.write_p50_s")
SPREAD = factbook.value("ddb.read_spread"), factbook.value("ddb.write_spread")
SLOW_SHARE = factbook.value("ddb.slow_pct") / 100
SLOW = factbook.value("ddb.slow_p50_s"), factbook.value("ddb.slow_spread")
ROUNDING = 1e-9
POINTS = 1_000      # times that stand for most, and as many for the slow ones


class Times(NamedTuple):
    """Half, 99 of 100 and the mean of some times, s."""

    p50: float
    p99: float
    mean: float


class Law(NamedTuple):
    """Times, s, ascending, the probability of each, and of all up to it."""

    times: np.ndarray
    weights: np.ndarray
    below: np.ndarray

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """`POINTS` times in any order, spread over all of the law."""
        shares = (rng.permutation(POINTS) + rng.random(POINTS)) / POINTS
        return self.times[np.minimum(np.searchsorted(self.below, shares), len(self.times) - 1)]


@functools.lru_cache(maxsize=2)
def law(op: int) -> Law:
    """The times of single reads (0) or writes (1)."""
    most = _lognormal(MEDIAN[op], SPREAD[op])
    slow = most[np.argsort(scatter(np.arange(POINTS)))] + _lognormal(*SLOW)
    times = np.concatenate([most, slow])
    weights = np.repeat([1 - SLOW_SHARE, SLOW_SHARE], POINTS) / POINTS
    order = np.argsort(times)
    return Law(times[order], weights[order], np.cumsum(weights[order]))


def _lognormal(median: float, spread: float) -> np.ndarray:
    """`POINTS` equally likely times, ascending."""
    normal = NormalDist()
    return median * np.exp(spread * np.array([
        normal.inv_cdf((i + 0.5) / POINTS) for i in range(POINTS)]))


def quantile(op: int, share: float) -> float:
    """The time, s, within which this share of single reads (0) or writes (1) is answered."""
    found = law(op)
    return float(np.interp(share, found.below - found.weights / 2, found.times))


def longer(op: int, seconds: float) -> float:
    """The share of single reads (0) or writes (1) that take longer."""
    found = law(op)
    return 1.0 - float(np.interp(seconds, found.times, found.below, left=0.0))


def times(served: dict[float, np.ndarray], waits: list[tuple[float, float]],
          rng: np.random.Generator, cached: float = 0.0, hit: float = 0.0,
          timeout: float = math.inf) -> Times:
    """Times from the first attempt to the answer, of so many reads and writes that needed 1, 2,
    ... attempts, (attempts, 2), each of these so many times as long as usual, and at most
    `timeout` s; and of so many that a cache answered, in `hit` s each."""
    kinds, weights = [np.full(1, hit)], [np.full(1, cached)]
    for slow, answered in served.items():
        for op in np.flatnonzero(answered.sum(axis=0) > 0):
            one, most = law(op), timeout / slow
            kinds.append(slow * np.minimum(one.times, most))
            weights.append(answered[0, op] * one.weights)
            last = int(np.flatnonzero(answered[:, op] > ROUNDING * answered[:, op].sum())[-1])
            taken = slow * np.minimum(one.draw(rng), most) if last else None
            for wait, n in zip(waits[:last], answered[1:, op]):
                taken = taken + drawn_waits(wait, rng, POINTS) + slow * np.minimum(
                    one.draw(rng), most)
                kinds.append(taken)
                weights.append(np.full(POINTS, n / POINTS))
    value, weight = np.concatenate(kinds), np.concatenate(weights)
    total = float(weight.sum())
    if not total > 0:
        return Times(0.0, 0.0, 0.0)
    order = np.argsort(value)
    below = np.cumsum(weight[order])
    p50, p99 = value[order][np.minimum(np.searchsorted(below, (0.5 * total, 0.99 * total)),
                                       len(value) - 1)]
    return Times(float(p50), float(p99), float((value * weight).sum() / total))
