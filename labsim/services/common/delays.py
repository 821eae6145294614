"""A delay that somebody measured: the law through three of its percentiles.

Picture a postman's round. No letter comes before he can be there; half come soon after, and a few
much later, for whatever holds him up takes a share of his time and not so many minutes.

*Models:* a lognormal time beyond a least one, which hits the 10 %, 50 % and 90 % points; where the
middle one lies too high for any such law, a lognormal time from 0 that hits the 50 % point and the
distance of the other two. *Leaves out:* delays that hang together; the far tail is the law's and
not the measurement's.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from labsim import factbook
from labsim.errors import ParameterError

NORMAL = NormalDist()
NINE_OF_TEN = NORMAL.inv_cdf(0.9)       # standard deviations from the median to the 90 % point


@dataclass(frozen=True)
class Delay:
    """A delay of at least `least` s, `median` s in the middle, whose time beyond the least is
    lognormal: `spread` is the standard deviation of its logarithm."""

    least: float
    median: float
    spread: float

    @classmethod
    def through(cls, p10: float, p50: float, p90: float) -> "Delay":
        """The law through these percentiles, s. ParameterError unless they are above 0, in
        order."""
        if not 0.0 < p10 < p50 < p90 < math.inf:
            raise ParameterError("p50", p50, f"between p10, {p10:g} s, and p90, {p90:g} s")
        skew = p10 + p90 - 2.0 * p50
        least = (p10 * p90 - p50 * p50) / skew if skew > 0.0 else 0.0
        least = least if 0.0 < least < p10 else 0.0
        spread = math.log((p90 - least) / (p10 - least)) / (2.0 * NINE_OF_TEN)
        return cls(least, p50, spread)

    @classmethod
    def measured(cls, p10: str, p50: str, p90: str) -> "Delay":
        """The law through three facts, ms."""
        return cls.through(*(factbook.value(fact) / 1_000.0 for fact in (p10, p50, p90)))

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """So many delays, s."""
        beyond = self.median - self.least
        return self.least + beyond * np.exp(self.spread * random.standard_normal(count))

    def quantile(self, share: float) -> float:
        """The delay that this share of all stays within, s."""
        beyond = self.median - self.least
        return self.least + beyond * math.exp(self.spread * NORMAL.inv_cdf(share))

    @property
    def mean(self) -> float:
        """The mean delay, s."""
        return self.least + (self.median - self.least) * math.exp(self.spread**2 / 2.0)
