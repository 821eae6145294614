"""The known answers of every lab: numbers in, numbers out, with their source."""

import pytest

import labsim
from labsim.catalogue import labs
from labsim.study import known_answers as trust

CASES = [(slug, case) for slug, lab in labs().items() for case in trust.cases(lab)]


def test_every_lab_has_known_answers_and_each_a_source():
    """One file per lab, named after it; no two cases of a lab have one name."""
    assert {path.stem for path in trust.folder().glob("*.yaml")} == {
        slug for slug, lab in labsim.labs().items() if lab.home is None}
    assert all(case["source"] and case["name"] for _, case in CASES)
    assert len({(slug, case["name"]) for slug, case in CASES}) == len(CASES)


@pytest.mark.parametrize("slug, case", CASES, ids=[f"{s}: {c['name']}" for s, c in CASES])
def test_known_answer(slug, case):
    """Called, or run, and compared as the case says."""
    check = trust.check(labsim.lab(slug), case)
    print(f"{check.name}: {check.given} +- {check.half}, expected {check.expected}")
    assert check.passed


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
