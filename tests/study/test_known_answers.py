"""The known answers of every lab: numbers in, numbers out, with their source."""

import functools

import pytest
from reached import name_of, reached, reached_by

import labsim
from labsim.catalogue import is_builtin, labs
from labsim.study import known_answers as trust

CASES = [(slug, case) for slug, lab in labs().items() for case in trust.cases(lab)]


def test_every_lab_has_known_answers_and_each_a_source():
    """Every built-in lab has some, in its folder; no two cases of a lab have one name."""
    assert all(trust.answers_file(lab).is_file() for lab in labs().values() if is_builtin(lab))
    assert all(case["source"] and case["name"] for _, case in CASES)
    assert len({(slug, case["name"]) for slug, case in CASES}) == len(CASES)


@pytest.mark.parametrize("slug, case", CASES, ids=[f"{s}: {c['name']}" for s, c in CASES])
def test_known_answer(slug, case):
    """Called, or run, and compared as the case says."""
    check = trust.check(labsim.lab(slug), case)
    print(f"{check.name}: {check.given} +- {check.half}, expected {check.expected}")
    assert check.passed


@functools.cache
def called_by_the_model(slug):
    """What a run of the lab calls."""
    return reached(labsim.lab(slug))


@pytest.mark.parametrize("slug", labs())
def test_a_rule_is_one_that_the_model_itself_calls(slug):
    """A formula that only a known answer calls proves nothing of the model."""
    called = called_by_the_model(slug)
    assert not [case["name"] for case in trust.cases(labsim.lab(slug))
                if "call" in case and name_of(trust.function(case["call"])) not in called]


@pytest.mark.parametrize("slug", labs())
def test_what_is_played_by_hand_are_the_parts_of_the_lab(slug):
    """A `play` case makes a simulation, with a service that the lab's own run has in it."""
    for case in trust.cases(labsim.lab(slug)):
        if "play" in case:
            used = reached_by(trust.function(case["play"]))
            assert "labsim.engine.simulation:Simulation.__init__" in used, case["name"]
            assert any(name.startswith("labsim.services.") and name.endswith(".__init__")
                       for name in used & called_by_the_model(slug)), case["name"]


def test_two_kinds_of_evidence_are_counted_apart():
    """Of a rule, and of the model; each case is of one kind."""
    for slug, lab in labs().items():
        kinds = [trust.kind(case) for case in trust.cases(lab)]
        assert {*kinds} <= {"rule", "model"}, slug
    lab = labsim.lab("sqs-asg")
    case = {"name": "x", "source": "y", "call": "math:sqrt", "args": [9], "gives": 3}
    run = {"name": "z", "source": "y", "run": {"duration": 600}, "metric": "wait_p99", "gives": -1}
    played = {"name": "x", "source": "y", "play": "math:sqrt", "args": [9], "gives": 3}
    table = trust.TrustTable(trust.check(lab, c) for c in (
        case, {**case, "gives": 4}, run, played))
    assert table.counts == {"rule": (1, 2), "model": (1, 2)}
    assert table.told().endswith(
        " Rules of the model: 1 of 2 agree; runs of the model: 1 of 2 agree.")
    assert table.told() in repr(table) and table.told() in table._repr_html_()


def test_a_wrong_answer_is_told():
    """A case that does not hold is in the table as one that differs; a share must be met."""
    lab = labsim.lab("sqs-asg")
    wrong = {"name": "x", "source": "y", "call": "math:sqrt", "args": [9], "gives": 3.1}
    check = trust.check(lab, wrong)
    assert not check.passed and "DIFFERS" in repr(trust.TrustTable([check]))
    assert trust.check(lab, {**wrong, "within": 0.05}).passed
    assert not trust.check(lab, {**wrong, "within": 0.03}).passed


def test_an_interval_that_is_too_wide_is_no_agreement():
    """A mean must be known to a fifth before it may agree."""
    case = {"name": "x", "source": "y", "run": {"duration": 600}, "metric": "wait_p99",
            "gives": 1.0, "replications": 10}
    check = trust.check(labsim.lab("sqs-asg"), case)
    assert check.half > 0.2 and not check.passed


def test_the_table_shows_itself():
    """In a terminal and in a notebook."""
    table = labsim.lab("sqs-asg").trust()
    assert table.passed and "Erlang C" in repr(table) and "agrees" in table._repr_html_()
