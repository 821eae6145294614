"""Stages on the pages of a site: each plays without a kernel, and one has a knob that turns.

Picture a museum whose machines stand behind glass: press a button, and what a machine did is played
again. One of them has a lever, with a record for each of its notches.
"""

import json
import re
from html import escape

from labsim.course.markup import code
from labsim.errors import LabsimError
from labsim.text import format_value
from labsim.view import knobs, links, still

SCRIPT = "labsim-stage.js"      # the player, once for all pages
NOTCHES = 10
LEVERS = {"sqs-asg": "spike_factor"}    # elsewhere the first knob at hand
SET = "Set in this step, beside the defaults:"


def script_file() -> str:
    """What is in the file `SCRIPT`: a plain script, for a page that is opened as a file."""
    return still.player()


def script(up: str) -> str:
    """What asks for it, on a page from which the site's first folder is `up`."""
    return f'<script defer src="{up}_static/{SCRIPT}"></script>'


def stage(lab, up: str) -> str:
    """The steps of a lab, as they play on a page; it opens at the second, where something happens
    that does not in the first."""
    plan = still.story(lab, SET)
    return still.piece(plan, still.in_words(lab, lab.run(), ""),
                       step=min(1, len(plan["steps"]) - 1)) + script(up)


def output(html: str, up: str) -> str:
    """The same of a stage that a notebook shows: with the site's script in the place of its own."""
    return re.sub(r'<script type="module">.*?</script>', script(up), html, flags=re.S)


def lever(lab, up: str = "") -> str:
    """A lab's second step with a slider that chooses among recordings over one parameter; just its
    steps where there is none that can be turned."""
    scenes, specs = links.scenes(lab), lab.Params.specs()
    place = min(1, len(scenes) - 1)
    name = LEVERS.get(lab.slug) or next(
        (name for name in knobs.ranked(lab, place) if specs[name].slider), None)
    found = _runs(lab, scenes[place], specs[name]) if name else []
    if len(found) < 2:
        return stage(lab, up)
    spec, values = specs[name], [getattr(run.params, name) for run in found]
    told = [format_value(value, spec.unit) for value in values]
    base = getattr(lab.Params(**scenes[place].values), name)
    at = min(range(len(values)), key=lambda i: abs(values[i] - base))
    plan = still.plan_of([still.Scene(run, f"{spec.label}: {words}", spec.help)
                          for run, words in zip(found, told)], gone="Beside the defaults:")
    return (f'<div class="labsim-try" data-notches="{escape(json.dumps(told))}">'
            f'<p hidden><label for="labsim-lever">{escape(spec.label)}</label> '
            f'<input id="labsim-lever" type="range" min="0" max="{len(values) - 1}" value="{at}"> '
            f'<output for="labsim-lever">{escape(told[at])}</output></p>'
            f"{still.piece(plan, still.in_words(lab, found[at], ''), step=at)}</div>"
            f'<p class="labsim-note">Drag the slider, press play. In Jupyter the lab has '
            f"{len(specs)} knobs: {code(f'labsim open {lab.slug}')}.</p>{script(up)}")


def _runs(lab, scene, spec) -> list:
    """A run for each notch; some values may not go with the others."""
    stops = knobs.travel(spec)
    step = max(1, (len(stops) - 1) / (NOTCHES - 1))
    found = []
    for place in sorted({round(i * step) for i in range(NOTCHES)}):
        try:
            if place < len(stops):
                params = lab.Params(**{**scene.values, spec.name: stops[place]})
                found.append(lab.run(params, budget=still.LIVE))
        except LabsimError:
            pass
    return found
