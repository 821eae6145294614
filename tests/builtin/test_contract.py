"""What every lab promises, held for every lab that is registered."""

import json
import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from over_labs import LABS, each_lab, some_labs
from pace import pace
from wrong_answers import wrong

import labsim
from labsim.engine import Budget
from labsim.errors import BudgetError, ParameterError, ResultError
from labsim.factbook import fact


@some_labs
@pytest.mark.parametrize("end", [0, 1])
def test_every_slider_at_both_ends(slug, end):
    """Each alone at its end: a run whose invariants hold, or a refusal in words."""
    lab = LABS[slug]
    for name, spec in lab.Params.specs().items():
        for value in ([spec.slider[end]] if spec.slider else spec.choices):
            try:
                result = lab.run(lab.Params(**{name: spec.type(value)}))
            except ParameterError as error:
                assert str(error).startswith(error.name)
                continue
            for law in lab.invariants:
                assert law.holds(result), (name, value, law.name)


@each_lab
def test_every_bound_is_enforced(slug):
    """Just outside, NaN, infinity, wrong types: ParameterError with name, given, allowed, unit."""
    Params = LABS[slug].Params
    for name, spec in Params.specs().items():
        wrong = [None, [], {}, b"x", object(), 1j]
        if spec.bounds:
            low, high = spec.bounds
            outside = ([low - 1, high + 1] if spec.type is int else
                       [math.nextafter(low, -math.inf), math.nextafter(high, math.inf)])
            wrong += [*outside, math.nan, math.inf, -math.inf, "1", True, 10**400]
        elif spec.type is bool:
            wrong += [1, "yes", 0.0]
        else:
            wrong += [1, True, *(["no such choice", ""] if spec.choices else [])]
        for value in wrong:
            if spec.faults and value == []:
                continue                    # no faults
            with pytest.raises(ParameterError) as caught:
                Params(**{name: value})
            assert caught.value.name == name, (name, value)
            assert spec.unit in str(caught.value) and "allowed" in str(caught.value)
            assert "\n" not in str(caught.value)


@each_lab
def test_hard_bounds_themselves_are_allowed(slug):
    """Both ends of every parameter, alone, pass its own check."""
    Params = LABS[slug].Params
    for name, spec in Params.specs().items():
        for value in spec.bounds or ():
            try:
                Params(**{name: spec.type(value)})
            except ParameterError as error:
                assert "from min" in error.allowed or "most" in error.allowed, (name, value)


@each_lab
def test_an_unknown_parameter_suggests_the_nearest(slug):
    """A name with its last letter missing."""
    names = LABS[slug].Params.specs()
    for name in names:
        if name[:-1] in names:
            continue                        # nearer
        with pytest.raises(ParameterError, match=f"did you mean {name}"):
            LABS[slug].Params(**{name[:-1] + "q": 1})


def test_an_unknown_lab_suggests_the_nearest():
    """A typing error of one letter."""
    with pytest.raises(ParameterError, match="did you mean sqs-asg"):
        labsim.run("sqs-asq")


@each_lab
@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "1", None, True])
def test_a_bad_seed_is_refused(slug, seed):
    """A seed is a whole number from 0 to 2**63 - 1."""
    with pytest.raises(ParameterError, match="seed: given"):
        labsim.run(slug, seed=seed)


@each_lab
def test_numpy_numbers_are_numbers(slug):
    """A sweep over np.arange and np.linspace passes."""
    lab = LABS[slug]
    for name, spec in lab.Params.specs().items():
        if spec.bounds:
            kind = np.int64 if spec.type is int else np.float64
            assert getattr(lab.Params(**{name: kind(spec.default)}), name) == spec.default


@each_lab
def test_parameters_are_frozen_and_a_change_makes_new_ones(slug):
    """`changed` leaves the old ones alone."""
    Params = LABS[slug].Params
    name, spec = next((n, k) for n, k in Params.specs().items() if k.bounds)
    before = Params()
    with pytest.raises(ValueError):
        setattr(before, name, spec.default)
    assert getattr(before.changed(**{name: spec.slider[1]}), name) == spec.slider[1]
    assert getattr(before, name) == spec.default


@each_lab
def test_the_declaration_is_complete(slug):
    """Metrics are the summary's keys; panels, boxes and links show series that exist."""
    lab = LABS[slug]
    result = lab.run()
    assert [m.name for m in lab.metrics] == list(result.summary)
    assert set(lab.headline) <= set(result.summary)
    shown = [line.series for panel in lab.panels for line in panel.lines if line.series]
    shown += [series for box in lab.boxes for series in box.series]
    shown += [link.series for link in lab.links if link.series]
    assert set(shown) <= set(result.series)
    assert {end for link in lab.links for end in (link.start, link.end)} <= {
        box.name for box in lab.boxes}
    clicked = {box.breaks for box in lab.boxes if box.breaks}
    assert bool(clicked & set(result.breakable)) == bool(result.breakable)
    for preset in lab.presets:
        clicked -= set(lab.run(lab.preset(preset.title)).breakable) if clicked else set()
    assert not clicked, "no run has them"
    for id in [*lab.facts, *(k.fact for k in lab.Params.specs().values() if k.fact)]:
        assert fact(id).id == id
    for spec in lab.Params.specs().values():
        assert spec.help.endswith(".") and spec.label and spec.group
        if spec.bounds:
            low, high = spec.bounds
            assert low <= spec.slider[0] < spec.slider[1] <= high and low <= spec.default <= high


@each_lab
def test_defaults_that_are_facts_are_those_facts(slug):
    """A knob whose fact is a number starts at that number."""
    for spec in LABS[slug].Params.specs().values():
        if spec.fact and spec.bounds:
            try:
                number = fact(spec.fact).number()
            except ValueError:
                continue    # a rule, not a number
            assert spec.default == number, spec.name


@each_lab
def test_facts_as_in_the_notes(slug):
    """What is not given is the notes' value; what is given stays; and back again."""
    Params = LABS[slug].Params
    noted = Params.in_notes()
    assert Params(facts="notes").model_dump() == {
        **Params().model_dump(), **Params(facts="notes", **noted).model_dump()}
    for name, value in noted.items():
        assert value == Params.specs()[name].type(fact(Params.specs()[name].fact).number("notes"))
        assert getattr(Params(), name) != value
        given = getattr(Params(), name)
        assert getattr(Params(facts="notes", **{name: given}), name) == given
    assert Params().changed(facts="notes") == Params(facts="notes")
    assert Params(facts="notes").changed(facts="today") == Params()


@each_lab
def test_known_answers_hold(slug):
    """The table that a user sees: all agree, within ten seconds where nothing else runs."""
    begin = time.process_time()
    table = LABS[slug].trust()
    took = (time.process_time() - begin) / pace()
    print(f"measured: {slug}: {len(table)} known answers in {took:.1f} s")
    assert table.passed and len(table) >= 5 and took < 10


@each_lab
def test_presets_run_and_tell_a_story(slug):
    """Each is valid, numbered, has a sentence to say, and obeys the laws."""
    lab = LABS[slug]
    assert len(lab.presets) >= 4
    for number, preset in enumerate(lab.presets, 1):
        assert preset.title.startswith(f"{number} ") and preset.say.endswith((".", "?", "!"))
        result = lab.run(lab.preset(str(number)))
        for law in lab.invariants:
            assert law.holds(result), (preset.title, law.name)


SAME = """
import hashlib, labsim, labsim.declare.lab
labsim.declare.lab.COMPILE_FROM = 0     # compiled, however small, where numba may be used
for slug in labsim.labs():
    print(slug, hashlib.sha256(labsim.run(slug, seed=7).to_json().encode()).hexdigest())
"""


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes_everywhere():
    """In other processes, under other hash seeds, with and without numba."""
    def elsewhere(**env):
        return subprocess.run([sys.executable, "-c", SAME], env={**os.environ, **env}, text=True,
                              check=True, capture_output=True).stdout
    first = elsewhere(PYTHONHASHSEED="1", LABSIM_NUMBA="0")
    assert first.count("\n") == len(LABS)
    assert elsewhere(PYTHONHASHSEED="2", LABSIM_NUMBA="1") == first


@each_lab
def test_whoever_watches_changes_nothing(slug):
    """With a progress bar and a stop button the result is the same, byte for byte."""
    told = []
    watched = labsim.lab(slug).run(seed=7, progress=told.append, stop=threading.Event())
    assert watched.to_json() == labsim.run(slug, seed=7).to_json()
    assert told == sorted(told) and len(told) > 10 and told[-1] == 1


@each_lab
def test_a_result_as_a_table(slug):
    """`to_frame`: one column per series, indexed by seconds."""
    result = labsim.run(slug)
    frame = result.to_frame()
    assert list(frame.columns) == list(result.series) and frame.index.name == "t"
    for name, series in result.series.items():
        assert (frame[name].to_numpy() == series.value).all()
        assert (frame.index.to_numpy() == series.t).all()


@each_lab
def test_json_round_trip(slug):
    """What was written is read, and writing it again gives the same text."""
    text = labsim.run(slug, seed=3).to_json()
    again = labsim.Result.from_json(text)
    assert again.to_json() == text and again.params == LABS[slug].Params()


def spoiled(text):
    """Texts that `to_json` did not write."""
    data = json.loads(text)
    yield "summary changed", json.dumps({**data, "summary": {**data["summary"], "cost_usd": 0}})
    yield "unknown lab", json.dumps({**data, "lab": "no-such-lab"})
    yield "another format", json.dumps({**data, "format": "x"})
    yield "no digest", json.dumps({k: v for k, v in data.items() if k != "digest"})
    yield "extra key", json.dumps({**data, "run": "__import__('os').system('true')"})
    yield "NaN", text.replace('"seed":3', '"seed":NaN')
    yield "a list", "[]"
    yield "a number", "1"
    yield "nothing", ""
    yield "half of it", text[:len(text) // 2]
    yield "nested", "[" * 100_000
    yield "deep digest", '{"format":' + "[" * 5_000 + "]" * 5_000 + "}"
    yield "huge", " " * (64 * 2**20 + 1)
    yield "not a text", None
    yield "bytes", text.encode()


@each_lab
def test_a_result_that_labsim_did_not_write_is_refused(slug):
    """Each with ResultError, in one line; a rewritten digest does not help wrong contents."""
    from labsim.declare import result as module
    text = labsim.run(slug, seed=3).to_json()
    for what, bad in spoiled(text):
        with pytest.raises(ResultError):
            labsim.Result.from_json(bad)
            pytest.fail(what)
    body = json.loads(text)
    del body["digest"]
    for key, value in [("seed", "3"), ("seed", True), ("lab", ["x"]), ("params", {"x": 1}),
                       ("series", {}), ("t", ["a"]), ("events", [[1]]), ("summary", {"a": 1}),
                       ("cost", {"a": "b"}), ("params", {"seed": math.pi}), ("t", [])]:
        forged = {**body, key: value}
        with pytest.raises(ResultError):
            labsim.Result.from_json(json.dumps({**forged, "digest": module._digest(forged)}))
            pytest.fail(key)


@each_lab
def test_a_run_beyond_the_budget_is_refused_before_it_starts(slug):
    """With the estimate, and the parameter to lower."""
    lab = LABS[slug]
    with pytest.raises(BudgetError) as caught:
        lab.run(budget=Budget(requests=1, events=1))
    assert caught.value.name in lab.Params.specs() and "lower" in str(caught.value)


@each_lab
def test_at_least_five_exercises_of_three_kinds(slug):
    """The known good answers are right; blanks and nonsense are taken kindly: no hint is lost."""
    lab = LABS[slug]
    assert len(lab.exercises) >= 5
    assert {e.kind for e in lab.exercises} - {"sketch"} == {"predict", "explain", "design"}
    for exercise in lab.exercises:
        assert exercise.check(lab, exercise.answer(lab)).right, exercise.id
        assert exercise.check(lab, None).right is None
        for nonsense in ("?", math.nan, [], {"x": 1}, object()):
            feedback = exercise.check(lab, nonsense, 2)
            assert feedback.slip and feedback.right is None, (exercise.id, nonsense)
            assert feedback.text and feedback.text == exercise.check(lab, nonsense).text
        texts = {exercise.check(lab, wrong(lab, exercise, 1)[0], n).text for n in range(3)}
        assert len(texts) == 3, exercise.id
