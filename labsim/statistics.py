"""What numbers from random runs say: an interval for their mean, and where a warm-up ends.

Picture a kettle: the temperature while it heats up says nothing about how warm it keeps. MSER-5
cuts off the start so that what is left has the smallest standard error.

Source: White, An effective truncation heuristic for bias reduction in simulation output,
Simulation 69 (1997); batches of five: White, Cobb, Spratt, WSC 2000.
"""

import contextlib
import functools
import math
from collections.abc import Sequence

import numpy as np

from labsim.errors import LabsimError, optional

BATCH = 5


def mser5(values: np.ndarray) -> int:
    """How many of `values` (equally spaced in time) to leave out at the start.

    The truncation d, in batches of five, that minimizes the variance of the batch means kept over
    their number; at most half of the run.
    """
    batches = len(values) // BATCH
    if batches < 2:
        return 0
    means = np.asarray(values[:batches * BATCH], dtype=float).reshape(batches, BATCH).mean(axis=1)
    kept = np.arange(batches, 0, -1.0)
    total = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum((means**2)[::-1])[::-1]
    spread = np.maximum(squares - total**2 / kept, 0.0)
    error = (spread / kept**2)[:batches // 2 + 1]
    return int(np.argmin(error)) * BATCH


def steady_mean(values: np.ndarray) -> float:
    """Mean of `values` after their warm-up."""
    return float(np.mean(values[mser5(values):]))


def half_width(values: Sequence[float], confidence: float) -> float:
    """Half the confidence interval of the mean of independent `values`, by Student's t; NaN for
    fewer than two."""
    if len(values) < 2:
        return math.nan
    return student_t(confidence, len(values) - 1) * standard_error(values)


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean of independent `values`, two or more."""
    n = len(values)
    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    return deviation / math.sqrt(n)


@functools.cache
def student_t(confidence: float, freedom: int) -> float:
    """The t that a Student variable of so many degrees of freedom exceeds, on either side, with
    the chance 1 - `confidence`; without scipy, as in a browser, from its series."""
    with contextlib.suppress(LabsimError):
        stdtrit = optional("scipy.special").stdtrit     # quick to import, unlike scipy.stats
        return float(stdtrit(freedom, (1 + confidence) / 2))
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """The chance that a Student variable lies between -t and t. Source: Abramowitz and Stegun,
    Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term, total = math.cos(angle) if odd else 1.0, 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= (k - 1) / k * math.cos(angle)**2
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
