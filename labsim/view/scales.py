"""Numbers on axes: how far an axis goes, in which unit time is told, how a number is shortened.

Picture the person who letters a chart by hand: round numbers, room above the highest curve, and
no number longer than its place.
"""

import math

from labsim.text import format_value

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
