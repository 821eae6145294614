"""A stage without a kernel: a piece of HTML in which the recordings of all steps play.

Picture a music box: the tune is on its drum, and whoever finds it turns the handle.

Where no script may run (a notebook that is not trusted, a page that shows only text) the same
piece tells the steps in words, with each curve as a row of little bars.
"""

import functools
import json
import weakref
from html import escape

import numpy as np

from labsim.errors import LabsimError
from labsim.text import format_value
from labsim.view import links
from labsim.view.recording import as_text, recording
from labsim.view.session import LIVE
from labsim.view.stage import script
from labsim.view.told import told

BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
WIDE = 48       # little bars in a row
_made: "weakref.WeakKeyDictionary" = weakref.WeakKeyDictionary()


def page(lab, result, *, live: str = "", runs: list[str] | None = None) -> str:
    """The piece of HTML for `lab`: `result` in words, and recordings of all its steps.

    live: the name of the model that takes it over where that is in the same page; runs: other
    recordings (as text), by default those of the lab's steps.
    """
    plan = told(lab, still=True)
    plan["runs"] = steps(lab) if runs is None else runs
    data = json.dumps(plan, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
    named = f' data-live="{escape(live)}"' if live else ""
    return (f'<div class="labsim-stage"{named}>{in_words(lab, result)}'
            f'<script type="application/json">{data}</script></div>'
            f'<script type="module">{_inline()}</script>')


@functools.cache
def _inline() -> str:
    return f"{script()}\nawake();\n".replace("</script", "<\\/script")


def steps(lab) -> list[str]:
    """The recordings of the lab's steps, as text; "" for one that would take too long."""
    if lab not in _made:
        found = []
        for scene in links.scenes(lab):
            try:
                run = lab.run(lab.Params(**scene.values), budget=LIVE)
                found.append(as_text(recording(run)))
            except LabsimError:
                found.append("")
        _made[lab] = found
    return _made[lab]


def in_words(lab, result) -> str:
    """Headline numbers and curves of a run, as text in HTML."""
    numbers = "".join(f"<li>{escape(m.label)}: <b>{escape(format_value(value, m.unit))}</b></li>"
                      for m in map(lab.metric, lab.headline) if m.name in result.summary
                      for value in [result.summary[m.name]])
    rows = "".join(f"<tr><td>{escape(panel.title)}</td><td>{escape(line.label)}</td>"
                   f"<td>{_little(result.series[line.series].value)}</td>"
                   f"<td>up to {escape(_most(result.series[line.series]))}</td></tr>"
                   for panel in lab.panels for line in panel.lines
                   if line.series in result.series)
    return (f"<p><b>{escape(lab.title)}.</b> {escape(lab.summary)}</p><ul>{numbers}</ul>"
            f"<table>{rows}</table><p>Run this cell to turn the knobs.</p>")


def _most(series) -> str:
    return format_value(float(np.max(series.value, initial=0.0)), series.unit)


def _little(values: np.ndarray) -> str:
    """A curve as a row of little bars: the largest value of each part of the run."""
    parts = [float(part.max()) for part in np.array_split(values, min(WIDE, len(values)))]
    top = max(parts) or 1.0
    return "".join(BARS[min(7, max(0, int(8 * part / top - 1e-9)))] for part in parts)
