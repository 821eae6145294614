"""A stage without a kernel: a piece of HTML in which the recordings of runs play.

Picture a music box: the tune is on its drum, and whoever finds it turns the handle.

Where no script may run (a notebook that is not trusted, a page that shows only text) the same
piece tells the run in words, with each curve as a row of little bars.
"""

import functools
import json
import weakref
from dataclasses import dataclass
from html import escape
from itertools import accumulate

import numpy as np

from labsim.declare.describe import changed
from labsim.errors import LabsimError
from labsim.text import format_value
from labsim.view import links
from labsim.view.recording import as_text, recording
from labsim.view.session import LIVE
from labsim.view.stage import script
from labsim.view.told import MOST_SET, in_words_of, told

BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
WIDE = 48       # little bars in a row
RUN = "Run this cell to turn the knobs."
_made: "weakref.WeakKeyDictionary" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Scene:
    """A run as a step of a stage: its title, and the sentence to it."""

    result: object
    title: str
    say: str


def page(lab, result, *, live: str = "") -> str:
    """The piece of HTML for `lab`: `result` in words, and recordings of all its steps.

    live: the name of the model that takes it over where that is in the same page.
    """
    return piece(story(lab, RUN), in_words(lab, result), live) + alone()


def story(lab, gone: str) -> dict:
    """The plan of a stage that plays the steps of `lab`; `gone`: what is said in place of the
    knobs."""
    plan = told(lab, still=True)
    kept = [(step, run) for step, run in zip(plan["steps"], steps(lab)) if run]
    return {**plan, "gone": gone, "steps": [step for step, _ in kept],
            "runs": [run for _, run in kept]}


def piece(plan: dict, words: str = "", live: str = "", step: int = 0) -> str:
    """A stage's place in a page: `words` until a script (`alone`, or a file of the same) finds it,
    and opens it at `step`."""
    data = json.dumps(plan, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
    named = f' data-live="{escape(live)}"' if live else ""
    named += f' data-step="{step}"' if step else ""
    return (f'<div class="labsim-stage"{named}>{words}'
            f'<script type="application/json">{data}</script></div>')


def alone() -> str:
    """The script that a page carries itself, once, behind the stages it awakes."""
    source = player().replace("</script", "<\\/script")
    return f'<script type="module">{source}</script>'


@functools.cache
def player() -> str:
    """The text of the script that awakes all stages of a page: for a file, too."""
    return f"(() => {{\n{script()}\nawaken();\n}})();\n"


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


def plan_of(scenes: list[Scene], *, room: int = 0, gone: str = "") -> dict:
    """The plan of a stage whose steps are runs of one lab, and then the lab's own steps as far as
    there is `room` for recordings, in characters. gone: what is said in place of the knobs.
    """
    lab = scenes[-1].result.lab
    plan = story(lab, gone) if room and lab.presets else {
        **told(lab, still=True), "gone": gone, "steps": [], "runs": []}
    runs = [*(as_text(recording(scene.result)) for scene in scenes), *plan["runs"]]
    most = max(len(scenes), sum(size <= room for size in accumulate(map(len, runs))))
    return {**plan, "steps": [*map(_step, scenes), *plan["steps"]][:most], "runs": runs[:most]}


def _step(scene: Scene) -> dict:
    lab, result = scene.result.lab, scene.result
    specs = lab.Params.specs()
    turned = list(changed(lab, result.params).items())[:MOST_SET]
    return {"title": scene.title, "say": scene.say, "moment": None,
            "headline": list(lab.headline or [m.name for m in lab.metrics[:4]]),
            "set": [[specs[name].label, in_words_of(specs[name], value)]
                    for name, value in turned]}


class Still:
    """A run as a stage of its own, which plays wherever HTML is shown."""

    def __init__(self, result):
        self.result = result

    def __repr__(self) -> str:
        return f"Stage of {self.result.slug}, seed {self.result.seed}"

    def _repr_html_(self) -> str:
        lab, result = self.result.lab, self.result
        preset = next((p for p in lab.presets if lab.Params(**p.values) == result.params), None)
        scene = Scene(result, preset.name if preset else lab.title,
                      preset.say if preset else lab.summary)
        return piece(plan_of([scene]), in_words(lab, result, "")) + alone()


def in_words(lab, result, end: str = RUN) -> str:
    """Headline numbers and curves of a run, as text in HTML; `end`: the last sentence."""
    numbers = "".join(f"<li>{escape(m.label)}: <b>{escape(format_value(value, m.unit))}</b></li>"
                      for m in map(lab.metric, lab.headline) if m.name in result.summary
                      for value in [result.summary[m.name]])
    rows = "".join(f"<tr><td>{escape(panel.title)}</td><td>{escape(line.label)}</td>"
                   f"<td>{_little(result.series[line.series].value)}</td>"
                   f"<td>up to {escape(_most(result.series[line.series]))}</td></tr>"
                   for panel in lab.panels for line in panel.lines
                   if line.series in result.series)
    last = f"<p>{escape(end)}</p>" if end else ""
    return (f"<p><b>{escape(lab.title)}.</b> {escape(lab.summary)}</p><ul>{numbers}</ul>"
            f"<table>{rows}</table>{last}")


def _most(series) -> str:
    return format_value(float(np.max(series.value, initial=0.0)), series.unit)


def _little(values: np.ndarray) -> str:
    """A curve as a row of little bars: the largest value of each part of the run."""
    parts = [float(part.max()) for part in np.array_split(values, min(WIDE, len(values)))]
    top = max(parts) or 1.0
    return "".join(BARS[min(7, max(0, int(8 * part / top - 1e-9)))] for part in parts)
