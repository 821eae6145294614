"""What `simulate` returns: the parts that it has wired, and after the run what came of them.

Picture a model railway: `simulate` lays the tracks and sets the trains on them; the kit turns the
power on, and when it is off again asks what there is to see.
"""

from functools import cached_property
from typing import Any

import numpy as np

from labsim.declare.drawing import per_tick

QUANTILES = (50, 95, 99)


class Outcome:
    """A run of a lab: its parameters `p`, its simulation `sim`, and its parts by name.

    A lab subclasses it and says its `series` and `cost`; its metrics compute their values from it.
    `notes` tells what was done to the input, `spans` is the timeline of a lab that has one.
    """

    notes: tuple[str, ...] = ()
    spans: tuple = ()

    def __init__(self, p, sim, **parts: Any):
        self.p, self.sim = p, sim
        vars(self).update(parts)

    # -- what a lab says -------------------------------------------------------------------

    def run(self) -> None:
        """Run it to the end."""
        self.sim.run()

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        return {}

    def cost(self) -> dict[str, float]:
        """{line item: USD}."""
        return {}

    # -- what its metrics use, once it has ended -------------------------------------------

    @cached_property
    def told(self) -> dict[str, tuple[np.ndarray, str]]:
        """The series, worked out once."""
        return self.series()

    @cached_property
    def bill(self) -> dict[str, float]:
        """The cost, worked out once."""
        return {line: float(usd) for line, usd in self.cost().items()}

    @property
    def record(self):
        """What the lab itself has recorded; each part has its own."""
        return self.sim.record

    def curve(self, name: str) -> np.ndarray:
        """The values of a series."""
        return self.told[name][0]

    def last(self, name: str) -> float:
        """The last value of a series."""
        return self.curve(name)[-1]

    def top(self, name: str) -> float:
        """The largest value of a series."""
        return self.curve(name).max()

    def total_cost(self) -> float:
        """The sum of the bill, USD."""
        return sum(self.bill.values())

    def per_second(self, counted: np.ndarray, unit: str) -> tuple[np.ndarray, str]:
        """A series of rates from counts per tick, (ticks,)."""
        return per_tick(counted / self.sim.tick, unit)


def whole(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Whole numbers instead of shares of requests, of their shape: sums from the first on, along
    the axis, are those of `values`, rounded."""
    upto = np.floor(np.cumsum(values, axis=axis) + 0.5)
    return np.diff(upto, axis=axis, prepend=0.0).astype(np.int64)


def share(part: float, whole: float) -> float:
    """`part / whole`; 0 of nothing."""
    return part / whole if whole else 0.0


def mean(values: np.ndarray) -> float:
    """Mean; 0 of none."""
    return float(values.mean()) if len(values) else 0.0


def quantile(values: np.ndarray, percent: float) -> float:
    """The value that `percent` of the values do not exceed; 0 of none."""
    return float(np.percentile(values, percent)) if len(values) else 0.0


def quantiles(values: np.ndarray) -> dict[int, float]:
    """{50: median, 95: ..., 99: ...}, in one go; zeros of none."""
    found = np.percentile(values, QUANTILES) if len(values) else np.zeros(len(QUANTILES))
    return dict(zip(QUANTILES, found.tolist()))
