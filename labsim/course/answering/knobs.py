"""The knobs of a design exercise: each with its values, so few that a slider reaches all of them.

Picture a row of switches with clicks: what lies between two clicks nobody needs.
"""

from collections.abc import Callable
from typing import Any

from labsim.text import format_value
from labsim.view.knobs import travel


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
    values = [v for v in travel(spec, (start, *also)) if v in (start, *also) or allowed(v)]
    return {**shown, "kind": "slider", "values": values, "start": values.index(spec.type(start)),
            "texts": [format_value(value, spec.unit) for value in values]}
