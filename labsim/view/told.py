"""What a stage is told about a lab, once: steps, knobs, boxes, panels, metrics, as plain data.

Picture the programme that is handed out before the play: who is in it, and in which order. What
happens in it is in the recordings.
"""

from labsim import traces
from labsim.declare.drawing import MOST_BARS
from labsim.text import format_value
from labsim.view import knobs, links

MOST_SET = 9    # values of a step that are told where there are no knobs


def told(lab, *, still: bool = False) -> dict:
    """The plan of `lab` as its stage takes it; `still`: without what only a kernel's stage needs.

    steps: title, say, values (all), what the step moves, the knobs as ranked, the headline, what is
    set in words, the moment to open at (s). knobs: {name: plate}. boxes, links, panels, metrics.
    own: which knobs come first while a file of one's own runs, and how large one may be (bytes);
    None where the lab takes none.
    """
    specs = lab.Params.specs()
    scenes = [lab.Params(**scene.values).model_dump() for scene in links.scenes(lab)]
    plates = {} if still else {
        name: _plate(spec, {scene[name] for scene in scenes})
        for name, spec in specs.items() if knobs.shown(lab, name)}
    return {
        "slug": lab.slug, "title": lab.title, "most_bars": MOST_BARS,
        "steps": [_step(lab, i, values, still) for i, values in enumerate(scenes)],
        "knobs": plates,
        "own": {"knobs": [name for name in knobs.OWN if name in plates],
                "most": traces.MAX_BYTES} if "trace" in specs else None,
        "boxes": [{"name": b.name, "at": list(b.at), "show": [list(pair) for pair in b.show],
                   "alarm": b.alarm, "bars": list(b.bars) if b.bars else None,
                   "breaks": b.breaks, "bursts": b.burst is not None} for b in lab.boxes],
        "links": [{"start": k.start, "end": k.end, "label": k.label, "series": k.series,
                   "control": k.control, "flows": [list(flow) for flow in k.flows]}
                  for k in lab.links],
        "panels": [{"title": p.title, "unit": p.unit, "marks": list(p.marks), "part": p.part,
                    "bars": list(p.bars), "moments": list(p.moments),
                    "lines": [{"label": line.label, "series": line.series, "step": line.step}
                              for line in p.drawn]} for p in lab.panels],
        "metrics": {m.name: {"label": m.label, "unit": m.unit, "meaning": m.meaning,
                             "better": m.better}
                    for m in lab.metrics},
    }


def _step(lab, place: int, values: dict, still: bool) -> dict:
    scene, specs = links.scenes(lab)[place], lab.Params.specs()
    start = lab.Params().model_dump()
    chosen = [name for name in specs if values[name] != start[name]][:MOST_SET]
    found = {"title": scene.name, "say": scene.say, "moment": scene.moment,
             "headline": list(scene.headline or lab.headline
                              or [m.name for m in lab.metrics[:4]]),
             "set": [[specs[name].label, in_words_of(specs[name], values[name])]
                     for name in chosen]}
    if still:
        return found
    return {**found, "values": values, "moved": knobs.moved(lab, place),
            "ranked": knobs.ranked(lab, place)}


def in_words_of(spec, value) -> str:
    """The value of a parameter, for who can't turn it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else format_value(value, spec.unit)


def _plate(spec, presets: set) -> dict:
    plate = {"label": spec.label, "unit": spec.unit, "help": spec.help, "group": spec.group,
             "when": [spec.when[0], list(spec.when[1])] if spec.when else None}
    if spec.type is bool:
        return {**plate, "kind": "flag"}
    if spec.choices or spec.options:
        return {**plate, "kind": "choice",
                "choices": list(spec.choices) or sorted({*spec.options, *presets})}
    if spec.type is str:
        return {**plate, "kind": "text"}
    return {**plate, "kind": "number", "travel": knobs.travel(spec, presets)}
