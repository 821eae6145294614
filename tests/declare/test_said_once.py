"""What a run says of itself: units, and parameters that have no effect."""

import json

import pytest
from over_labs import LABS, each_lab

import labsim
from labsim.declare.describe import without_effect
from labsim.declare.metrics import STATISTICS
from labsim.declare.result import _digest
from labsim.errors import LabsimError, ResultError
from labsim.text import labelled

IN_THE_NAME = {"s", "ms", "usd"}    # a metric that says its unit itself is no series' statistic


@each_lab
def test_a_metric_and_the_series_of_its_name_have_one_unit(slug):
    """`latency_p99` is a statistic of `latency`; the CSV has the one, the table the other."""
    result = labsim.run(slug)
    for metric in LABS[slug].metrics:
        stem, _, statistic = metric.name.rpartition("_")
        names = [metric.name, *([stem] if statistic in set(STATISTICS) - IN_THE_NAME else [])]
        for name in names:
            if name in result.series:
                assert result.series[name].unit == metric.unit, metric.name


def rewritten(data):
    """A file with these data, digest and all."""
    data.pop("digest", None)
    return json.dumps({**data, "digest": _digest(data)})


@each_lab
def test_units_stand_in_the_json_and_files_without_them_are_read(slug):
    """The round trip; a file of before; other units are refused."""
    text = labsim.run(slug, seed=3).to_json()
    data = json.loads(text)
    assert data["units"] == {m.name: m.unit for m in LABS[slug].metrics}
    assert set(data["units"]) == set(data["summary"])
    assert labsim.Result.from_json(text).to_json() == text
    units = data.pop("units")
    assert labsim.Result.from_json(rewritten(data)).to_json() == text
    for wrong in ({**units, "cost_usd": "EUR"}, {"cost_usd": "USD"}, {"nonsense": ""}, ["s"], 3):
        with pytest.raises(ResultError):
            labsim.Result.from_json(rewritten({**data, "units": wrong}))


def others(spec, value):
    """Other values of a parameter, near and far."""
    if spec.type is bool:
        return [not value]
    if spec.choices:
        return [choice for choice in spec.choices if choice != value]
    return [spec.type(end) for end in spec.slider or () if end != value]


@each_lab
def test_what_has_no_effect_has_none(slug):
    """In the default and each preset: another value of an idle parameter changes no metric, and is
    named in a note."""
    lab = LABS[slug]
    seen = set()
    for values in ({}, *(preset.values for preset in lab.presets)):
        base, before = lab.Params(**values), None
        for name, switch in base.idle().items():
            spec = lab.Params.specs()[name]
            if (name, switch, getattr(base, switch)) in seen:
                continue
            for value in others(spec, getattr(base, name)):
                try:
                    params = base.changed(**{name: value})
                except LabsimError:     # refused beside the others
                    continue
                before = before or lab.run(base).summary
                result = lab.run(params)
                assert result.summary == before, f"{name} beside {switch}"
                assert value == spec.default or any(
                    note.startswith(f"{name} has no effect while {switch} is ")
                    for note in result.notes)
                seen.add((name, switch, getattr(base, switch)))
                break


@each_lab
def test_no_preset_says_what_has_no_effect(slug):
    """Nor does the default."""
    lab = LABS[slug]
    for preset in lab.presets:
        assert without_effect(lab, lab.Params(**preset.values)) == (), preset.title
    assert without_effect(lab, lab.Params()) == () and not labsim.run(slug).notes


@each_lab
def test_a_box_says_words_and_no_unit_twice(slug):
    """What stands beside a value in the system's picture: no bare "s", no "%" behind a percent."""
    lab = LABS[slug]
    result = lab.run()
    for box in lab.boxes:
        for label, series in box.show:
            value, unit = float(result.series[series].value.max()), result.series[series].unit
            told = labelled(value, unit, label).replace(",", "").split()
            assert all(a != b for a, b in zip(told, told[1:])), (box.name, told)
            assert len(told) > 1 and "s" not in label.split() and "%" not in label


@each_lab
def test_labels_are_words(slug):
    """Of metrics and curves: no underscore, no name for code; all metrics' are different."""
    lab = LABS[slug]
    labels = [m.label for m in lab.metrics]
    assert not [label for label in labels if "_" in label or not label.strip()]
    twice = {(m.label, m.unit) for m in lab.metrics}
    assert len(twice) == len(labels), sorted(labels)
    for panel in lab.panels:
        assert not [line.label for line in panel.lines if "_" in line.label]
