"""Numbers on axes: how far an axis goes, in which unit time is told, how a number is shortened.

Picture the person who letters a chart by hand: round numbers, room above the highest curve, and
no number longer than its place.
"""

import math

from matplotlib.ticker import MaxNLocator

from labsim.text import SHARE, format_value, is_share, scale

TIME_UNITS = ((7200 * 24, 86_400, "d"), (3 * 3600 + 1, 3600, "h"), (600, 60, "min"), (0, 1, "s"))


def time_unit(duration: float) -> tuple[float, str]:
    """(seconds, name) of the unit in which a run of `duration` s reads well."""
    return next((seconds, name) for least, seconds, name in TIME_UNITS if duration >= least)


def nice_top(value: float) -> float:
    """A round number with room above `value` (1 for 0)."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 8, 10, 15)
                if step * power >= 1.06 * value)


def compact(value: float) -> str:
    """A number of at most six characters for an axis: 15k, 2.5M."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return format_value(value)


class Axis(MaxNLocator):
    """An axis that is told in the unit that people use: round numbers of it, percent of a part."""

    def __init__(self, unit: str = "", top: float = 1.0):
        self.percent = "%" * (unit == "%" or is_share(unit))
        super().__init__(5, steps=[1, 2, 2.5, 5, 10] if self.percent else None)
        self._full = {"%": 100.0}.get(unit, 1.0)        # all there is, where it is a part
        self.one, name = (self._full / 100, unit) if self.percent else scale(top, unit)
        self.name = "" if name in ("%", SHARE) else name

    def tick_values(self, low, high):
        """Where the ticks are."""
        return super().tick_values(low / self.one, high / self.one) * self.one

    def told(self, value: float) -> str:
        """The label of a tick."""
        return compact(value / self.one) + self.percent

    def top(self, highest: float) -> float:
        """Where it ends: a part that is worth it at 100%, else at a round number."""
        if self.percent and 0.3 * self._full <= highest <= self._full:
            return self._full
        return nice_top(highest / self.one) * self.one
