"""The labs beside what was measured on AWS: each figure, its error, and what is out says why."""

import dataclasses
import functools
import math
import pkgutil

import numpy as np
import pytest
from reached import reached_by

import labsim
from labsim.catalogue import labs
from labsim.errors import LabsimError
from labsim.measurements import measurements
from labsim.study.comparison import Comparison, Figure, MeasuredTable, percent
from labsim.study.measured import cases, compare, comparisons

ALL = [(slug, case) for slug, lab in labs().items() for case in cases(lab)]


@functools.cache
def verdicts():
    """{set: whether half of the comparisons with it, or more, are near}."""
    found = {}
    for lab in labs().values():
        for one in comparisons(lab):
            found.setdefault(one.of.id, []).append(one.met)
    return {id: 2 * sum(met) >= len(met) for id, met in found.items()}


def test_every_set_is_laid_beside_a_lab():
    """None is left out because it would not look well."""
    assert {case["set"] for _, case in ALL} == set(measurements())
    assert len({(slug, case["name"]) for slug, case in ALL}) == len(ALL)


def test_most_sets_are_met():
    """At least 14 of the first 19, in half of the comparisons with each, or more."""
    print(verdicts())
    assert sum(verdicts().values()) >= 14


@pytest.mark.parametrize("slug", [slug for slug, lab in labs().items() if cases(lab)])
def test_what_is_out_says_why(slug):
    """In one sentence; what is near has nothing to explain."""
    for one in comparisons(labs()[slug]):
        print(f"{one.name}: {one.said('measured')}, here {one.said('model')}: {one.how_far()}")
        assert all(math.isfinite(figure.measured) for figure in one.figures)
        assert bool(one.why) != one.met, one.name
        assert one.met or one.why.endswith("."), one.name


def test_what_is_played_by_hand_are_the_parts_of_the_lab():
    """A `play` runs a service of the lab, and does not know what was measured."""
    for slug, case in ALL:
        if "play" in case:
            used = reached_by(pkgutil.resolve_name(case["play"]))
            assert any(name.startswith("labsim.services.") for name in used), (slug, case["name"])
            assert not any(name.startswith("labsim.measurements") for name in used)


LATENCY = {"name": "x", "set": "storage-latency", "rows": {"system": "EFS", "op": "read"},
           "gives": "p50 * 0.001", "error": "p50_se * 0.001"}
FAILOVER = {"name": "x", "set": "aurora-failover", "gives": "seconds",
            "rows": {"what": "Aurora PostgreSQL, new connection every second, 2021"}}


def laid(case, **values):
    """The case beside runs of the queue lab that give these values, or curves."""
    t = np.linspace(0.0, 100.0, 101)
    lab, asked = labsim.lab("sqs-asg"), []
    real = lab.run(lab.Params(duration=100))

    def run(params, seed):
        asked.append((dict(params), seed))
        curves = {name: dataclasses.replace(real.series["queue"], t=t, value=np.array(value(t)))
                  for name, value in values.items() if callable(value)}
        return dataclasses.replace(real, series=curves, summary={
            name: value for name, value in values.items() if not callable(value)})
    return compare(lab, case, run), asked


def test_one_row_with_its_standard_error():
    """Error in percent and in standard errors."""
    one, _ = laid({**LATENCY, "metric": "wait_mean"}, wait_mean=0.006)
    (figure,) = one.figures
    assert (figure.measured, figure.se) == pytest.approx((0.005198, 0.000023))
    assert one.error == pytest.approx(0.1543, abs=1e-4)
    assert one.errors == pytest.approx(0.000802 / 0.000023)
    assert one.met and one.how_far() == "+15%, 34.9 SE"


def test_several_trials_are_their_mean_with_its_standard_error():
    """13, 11, 16, 10 and 12 s: 12.4 s, 1.03 s."""
    one, _ = laid({**FAILOVER, "metric": "wait_mean"}, wait_mean=14.0)
    (figure,) = one.figures
    assert (figure.measured, figure.se) == pytest.approx((12.4, 1.0296), abs=1e-4)
    assert one.met and one.errors == pytest.approx(1.554, abs=1e-3)


def test_each_row_may_be_a_figure_of_its_own():
    """Then the mean error counts, each without its sign; a row's situation is what is run."""
    case = {"name": "x", "set": "lambda-memory", "rows": {"memory_mb": [128, 256]}, "run": {"a": 1},
            "gives": "duration_ms * 0.001", "over": "memory_mb", "metric": "wait_mean",
            "take": {"memory": "memory_mb"}, "replications": 2}
    one, asked = laid(case, wait_mean=0.3)
    assert asked == [({"a": 1, "memory": m}, seed) for m in (128, 256) for seed in (1, 2)]
    assert [f.x for f in one.figures] == [128, 256]
    assert one.error == pytest.approx((0.07605 / 0.37605 + 0.10144 / 0.19856) / 2, abs=1e-4)
    assert not one.met and one.how_far() == "mean 36%, worst 51%"


@pytest.mark.parametrize("how, value", [
    ({"series": "queue"}, 50.5), ({"series": "queue", "after": 90}, 95.5),
    ({"series": "queue", "at": 20}, 20.0), ({"series": "queue", "reaches": 70}, 70.0),
    ({"series": ["queue", "double"], "after": 90}, 0.5),
    ({"series": "queue", "at": 20, "times": 60}, 1200.0),
    ({"series": "queue", "reaches": 101}, math.inf)])
def test_a_curve_of_the_run(how, value):
    """Its mean after some time, its value at a time, when it gets somewhere, two as a ratio."""
    one, _ = laid({**LATENCY, **how}, queue=lambda t: t, double=lambda t: 2 * t)
    assert one.figures[0].model == value


def test_a_key_that_means_nothing_is_named(tmp_path):
    """A word mistyped would else be a comparison without it."""
    (tmp_path / "measured.yaml").write_text("- {name: x, set: ec2-boot, reaces: 3}")
    lab = dataclasses.replace(labsim.lab("sqs-asg"), home=tmp_path)
    with pytest.raises(LabsimError, match="sqs-asg, measured.yaml, x: .*did you mean reaches"):
        cases(lab)


def table(*errors, why=""):
    """A table of comparisons whose model is so far out, a share of 100."""
    of = measurements()["s3-warming"]
    return MeasuredTable(Comparison("s3-prefix", f"n{i}", "s", of, "", (
        Figure(math.nan, 100.0, math.nan, 100.0 * (1 + error)),), why)
        for i, error in enumerate(errors))


def test_what_is_out_is_told_and_listed_first():
    """In text and in a notebook; the near ones stand together."""
    shown = table(1.5, 0.1, why="Nobody knows.")
    assert [c.name for c in shown] == ["n0", "n1"] and shown.counts == (1, 2)
    told = "n0: 100 s there, 250 s here. Nobody knows."
    for text in (repr(shown), shown._repr_html_()):
        assert text.index(told) < text.index("OFF") and "1 of 2 near" in text
        assert "2024-03-19" in text
    assert "hpides/skyrise" in shown._repr_html_()


@pytest.mark.parametrize("share, text", [(0.05, "+5.0%"), (-0.31, "-31%"), (127, "128 times"),
                                         (math.inf, "inf times"), (0.0, "+0.0%")])
def test_an_error_in_words(share, text):
    """As precise as it is worth."""
    assert percent(share) == text


def test_what_the_model_was_set_by_is_no_evidence():
    """It is near by construction, and that is said."""
    fitted = dataclasses.replace(table(0.0)[0], fitted=True)
    shown = MeasuredTable([*table(0.1), fitted])
    assert shown.told().endswith("near (within 20%, or 2 standard errors, SE); 1 of them fitted: "
                                 "they set the model.")
    assert [row[4] for row in shown.rows()] == ["near", "near, fitted"]
    assert dataclasses.replace(table(9.0)[0], fitted=True).verdict == "OFF"


def test_figures_measured_as_nothing_count_by_the_sum():
    """A share of zero says nothing."""
    figures = (Figure(0, 0.0, math.nan, 1.0), Figure(1, 9.0, math.nan, 10.0))
    one = dataclasses.replace(table(0.0)[0], figures=figures)
    assert one.error == pytest.approx(2 / 9)


def test_a_topic_is_a_lab_a_service_or_a_set():
    """In any case; a typing error suggests the nearest."""
    by_set = labsim.measured("aurora-failover")
    assert {c.of.id for c in by_set} == {"aurora-failover"}
    assert {c.lab for c in labsim.measured("AURORA")} == {"aurora-replicas"}
    assert set(by_set) <= set(labsim.measured("aurora-replicas"))
    with pytest.raises(labsim.ParameterError, match="did you mean aurora-failover"):
        labsim.measured("aurora-failovr")


def test_a_lab_is_trusted_by_three_kinds_of_evidence():
    """Counted apart; what is missed does not make a known answer differ."""
    trust = labsim.lab("aurora-replicas").trust()
    assert trust.told().startswith("Measurements on AWS: ") and "Rules of the model" in trust.told()
    assert trust.measured == MeasuredTable(comparisons(labsim.lab("aurora-replicas")))
    assert type(trust)(trust, table(9.0)).passed
