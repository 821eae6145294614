"""A figure in words, for those who can't see it; the words travel inside the PNG.

Picture somebody who describes a chart over the telephone: what it is about, then one panel after
the other, each curve with the highest value that it reaches.
"""

import io

import numpy as np

from labsim.text import format_value, said

KEY = "Description"     # the PNG standard's name of a text that says what a picture shows


def alt(lab, result, pinned=None) -> str:
    """What the figure of `result` shows, in a few sentences, with the units of its panels."""
    told = [f"{lab.title}, over {format_value(result.params.duration, 's')}, seed {result.seed}."]
    for panel in lab.panels:
        curves = [f"{line.label} up to {_told(_top(result, line), panel.unit_in(result), panel)}"
                  for line in panel.lines if line.series in result.series]
        told.append(f"{panel.title}: {', '.join(curves)}.")
    if pinned is not None:
        told.append("The run that it is compared with is dotted.")
    return " ".join(told)


def _told(value: float, unit: str, panel) -> str:
    """With its unit, unless that is what the panel is called."""
    number, said_unit = said(value, unit)
    return number if unit in panel.title.lower().split() else f"{number} {said_unit}".strip()


def _top(result, line) -> float:
    return float(np.nanmax(result.series[line.series].value, initial=0.0))


def description(png: bytes) -> str:
    """The text in a picture; empty if there is none."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return str(getattr(image, "text", {}).get(KEY, ""))
