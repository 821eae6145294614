"""The knobs of a design exercise: each with its values, so few that a slider reaches all of them.

Picture a row of switches with clicks: what lies between two clicks nobody needs.
"""

import math
from collections.abc import Callable
from typing import Any

from labsim.text import format_value

MOST = 100          # values of a slider
DECADES = 100.0     # ends so many times apart: even steps would be too coarse at the low end


def knob(spec, start: Any, also: tuple, allowed: Callable[[Any], bool]) -> dict[str, Any]:
    """What is shown of a parameter that starts at `start`: its `values`, and `texts` for them;
    `also`: values that a slider has to reach, too; `allowed` says whether one may be given."""
    shown = {"name": spec.name, "label": spec.label, "help": spec.help}
    if spec.type is bool:
        return {**shown, "kind": "flag", "values": [False, True], "texts": ["no", "yes"],
                "start": int(start)}
    if spec.choices:
        return {**shown, "kind": "menu", "values": list(spec.choices),
                "texts": [text.replace("_", " ") for text in spec.choices],
                "start": spec.choices.index(start)}
    values = [v for v in numbers(spec, (start, *also)) if v in (start, *also) or allowed(v)]
    return {**shown, "kind": "slider", "values": values, "start": values.index(spec.type(start)),
            "texts": [format_value(value, spec.unit) for value in values]}


def numbers(spec, also: tuple) -> list:
    """The values of a slider, at most about a hundred: even steps, or, over decades, even shares;
    each a multiple of the parameter's step."""
    low, high = spec.slider
    step = spec.step or 1
    count = (high - low) / step
    if count <= MOST:
        found = [low + i * step for i in range(round(count) + 1)]
    elif low + step > 0 and high / max(low, step) >= DECADES:
        first = max(low, step)
        found = [low, *(first * (high / first) ** (i / (MOST - 1)) for i in range(MOST))]
    else:
        coarse = step * math.ceil(count / MOST)
        found = [low + i * coarse for i in range(math.floor((high - low) / coarse) + 1)]
    found = [low + round((value - low) / step) * step for value in [*found, high]]
    return sorted({spec.type(round(value, 9)) for value in found if low <= value <= high}
                  | {spec.type(value) for value in also})
