"""Knobs: at hand is what a step is about, and a slider stops where it is worth stopping."""

import pytest
from over_labs import LABS, each_lab

from labsim.view import knobs, links
from labsim.view.told import told


def numbers(lab):
    specs = lab.Params.specs()
    return {name: plate["travel"] for name, plate in told(lab)["knobs"].items()
            if plate["kind"] == "number" and specs[name]}


@each_lab
def test_a_slider_has_some_hundred_stops_with_both_ends_and_every_presets_value(slug):
    """All of them allowed; in order; the default is one."""
    lab = LABS[slug]
    scenes = [lab.preset(p.title).model_dump() for p in lab.presets]
    for name, stops in numbers(lab).items():
        spec = lab.Params.specs()[name]
        assert stops == sorted(set(stops)) and len(stops) <= knobs.STOPS + 25, name
        assert spec.default in stops and {scene[name] for scene in scenes} <= set(stops), name
        assert stops[0] <= spec.slider[0] and stops[-1] >= spec.slider[1], name
        assert spec.bounds[0] <= stops[0] and stops[-1] <= spec.bounds[1], name
        assert all(isinstance(stop, spec.type) for stop in stops), name


@each_lab
def test_a_slider_over_decades_gives_each_decade_its_share(slug):
    """No decade of it takes more than two thirds of the travel, and none is jumped over."""
    for name, stops in numbers(LABS[slug]).items():
        low = next(stop for stop in stops if stop > 0) if stops[-1] > 0 else 0
        if low <= 0 or stops[0] < 0 or stops[-1] / low < 1_000 or len(stops) < 60:
            continue
        share = sum(stop > stops[-1] / 10 for stop in stops) / len(stops)
        assert share <= 2 / 3, (name, share)


@each_lab
def test_what_a_step_moves_is_at_hand(slug):
    """Among the first six that have an effect; what has none comes after."""
    lab = LABS[slug]
    for place, scene in enumerate(links.scenes(lab)):
        moved = [name for name in knobs.moved(lab, place)
                 if knobs.shown(lab, name) and name not in knobs.LAST]
        params = lab.preset(scene.title)
        at_hand = [name for name in knobs.ranked(lab, place) if name not in params.idle()][:6]
        shown = [name for name in moved if name not in params.idle()]
        assert len(at_hand) == 6 or len(lab.Params.specs()) < 10
        assert set(at_hand) & set(shown) or not shown, scene.title
        assert set(scene.hand[:3]) - set(params.idle()) <= set(at_hand), scene.title


def test_a_number_between_zero_and_thousands_begins_at_zero():
    """Zero has a place of its own before the powers of ten."""
    lab = LABS["sqs-asg"]
    spec = lab.Params.specs()["backlog"]
    stops = knobs.travel(spec)
    assert stops[:2] == [0, spec.step] and stops[-1] == spec.slider[1]
    assert sum(stop > stops[-1] / 10 for stop in stops) < 2 / 3 * len(stops)


@pytest.mark.parametrize("slug", LABS)
def test_the_plan_tells_every_step(slug):
    """Title, sentence, values and headline of each; metrics that there are."""
    lab, plan = LABS[slug], told(LABS[slug])
    for step, preset in zip(plan["steps"], lab.presets, strict=True):
        assert (step["title"], step["say"]) == (preset.name, preset.say)
        assert step["values"] == lab.preset(preset.title).model_dump()
        assert 1 <= len(step["headline"]) <= 5 and set(step["headline"]) <= set(plan["metrics"])
