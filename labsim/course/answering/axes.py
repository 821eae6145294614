"""The axes on which a curve is drawn: where they end, what is written at their ticks.

Picture squared paper: lines where round numbers are, and hardly more than six of them.
"""

import math
from typing import Any

from labsim.declare.sketch import POINTS
from labsim.text import format_value

TIMES = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))
ROUND = (1, 2, 2.5, 5, 10)
ROUND_TIMES = (*ROUND, 15, 30)
TICKS = 6


def axes(asked, lab) -> dict[str, Any]:
    """What is shown of the axes of a sketch, in the units of its answer."""
    left, right = asked.axis(lab)
    if asked.over:
        spec = lab.Params.specs()[asked.over]
        size, unit, name = 1, spec.unit, spec.label
    else:
        size, unit = next(found for found in TIMES if right - left >= 2 * found[0] or
                          found[0] == 1)
        name = "Time"
    return {
        "left": left, "right": right, "top": asked.top,
        "across": f"{name}, {unit}" if unit else name,
        "up": f"{asked.label}, {asked.unit}" if asked.unit else asked.label,
        "ticks": [[at * size, format_value(at)] for at in ticks(left / size, right / size)],
        "marks": [[at, format_value(at)] for at in ticks(0, asked.top)],
        "places": [format_value(x, unit) for x in
                   (_place(asked, lab, i, size) for i in range(POINTS + 1))],
        "unit": asked.unit, "known": asked.given(lab),
        "shades": [list(shade) for shade in asked.shades(asked.params(lab))]}


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, at most about six."""
    step = (high - low) / TICKS
    size = 10 ** math.floor(math.log10(step))
    step = next(size * nice for nice in ROUND_TIMES if size * nice >= step * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{i * step:.6g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _place(asked, lab, i: int, size: float) -> float:
    left, right = asked.axis(lab)
    left = left if asked.known is None else asked.known
    return (left + (right - left) * i / POINTS) / size
