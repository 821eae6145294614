"""Curves: which points, which seeds, the mean and its interval, theory and measurement beside."""

import joblib
import numpy as np
import pytest
from scipy.stats import t

import labsim
from labsim import declare as kit
from labsim.errors import LabsimError, ParameterError
from labsim.study import curves
from labsim.study.turned import between, logarithmic, spread

LAB = labsim.lab("sqs-asg")
SHORT = {"duration": 600, "policy": "none", "workload": "steady"}


def params(spec):
    return LAB.Params.specs()[spec]


# -- points and seeds -------------------------------------------------------------------------

def test_a_point_is_the_mean_of_its_runs_and_students_t():
    """As numpy and scipy have them from the runs themselves."""
    line, = LAB.curve("wait_p95", over={"instances": [6, 8]}, seeds=6, seed=5, **SHORT).lines
    assert [point.x for point in line.points] == [6, 8]
    for point in line.points:
        values = [labsim.run("sqs-asg", seed=s, instances=point.x, **SHORT).summary["wait_p95"]
                  for s in range(5, 11)]
        assert point.values == tuple(values)
        low, high = t.interval(0.95, 5, np.mean(values), np.std(values, ddof=1) / np.sqrt(6))
        assert (point.mean, point.low, point.high) == tuple(map(pytest.approx, (
            np.mean(values), low, high)))


def test_points_share_their_luck():
    """Common random numbers: where the parameter has no effect, all points are one number."""
    line, = LAB.curve("wait_mean", over={"cooldown": [60, 300, 600]}, seeds=3, **SHORT).lines
    assert len({point.values for point in line.points}) == 1
    assert len(set(line.points[0].values)) == 3


def test_where_runs_go_makes_no_difference():
    """Here, or to another process."""
    def once():
        return LAB.curve("wait_p95", over={"instances": [6, 8]}, seeds=3, **SHORT).rows()
    here = once()
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert once() == here


def test_few_seeds_where_runs_are_long(monkeypatch):
    """Ten for a quick lab, three for a slow one, whose own range has fewer points, too."""
    quick = LAB.curve("wait_p95", over="instances", **SHORT)
    assert len(quick.seeds) == 10 and len(quick.axis.places) == 9
    monkeypatch.setattr(curves, "QUICK", 1e-3)
    slow = LAB.curve("wait_p95", over="instances", **SHORT)
    assert slow.seeds == range(1, 4) and len(slow.axis.places) == 6


def test_a_range_is_gone_through_in_round_steps():
    """Evenly, by the slider's steps; logarithmically where its ends are decades apart; all of a
    choice; never outside the bounds."""
    assert spread(params("cooldown"), 4) == [0, 300, 600, 900]
    assert spread(params("instances"), 5) == [1, 3, 8, 22, 60]
    assert spread(params("policy"), 9) == [*params("policy").choices]
    assert spread(params("drain"), 9) == [False, True]
    with pytest.raises(ParameterError, match="a text has no range"):
        spread(params("trace"), 4)


def test_numbers_evenly_spaced_in_their_logarithms_are_known():
    """A doubling is, a range is not, nor is what contains nothing or spans little."""
    assert logarithmic([1, 2, 4, 8, 16])
    assert not logarithmic(range(1, 20)) and not logarithmic([0, 1, 10, 100])
    assert not logarithmic([1, 2, 4])
    assert between([1, 4], 3, whole=True) == [1, 2, 3, 4]
    assert between([1, 10, 100], 4, whole=False) == pytest.approx([1, 10**0.5, 10, 10**1.5, 100])


# -- lines ------------------------------------------------------------------------------------

def test_a_line_for_each_value_of_a_second_parameter():
    """Each line is what it is alone."""
    both = LAB.curve("wait_p95", over={"instances": [6, 8]}, by={"service_cv": [0.0, 1.0]},
                     seeds=2, **SHORT)
    for line, cv in zip(both.lines, (0.0, 1.0)):
        alone, = LAB.curve("wait_p95", over={"instances": [6, 8]}, service_cv=cv, seeds=2,
                           **SHORT).lines
        assert line.points == alone.points
    assert [line.label for line in both.lines] == [
        "service variation 0", "service variation 1"]


def test_presets_are_places_and_lines():
    """By title or number, named as they are; what is given besides them holds in all."""
    over = LAB.curve("cost_usd", over=["3", "golden ami"], seeds=2, seed=3, cooldown=60)
    points = over.lines[0].points
    assert [point.x for point in points] == ["One-minute metrics", "Golden AMI"]
    for point, number in zip(points, "34"):
        assert point.values == tuple(
            LAB.run(LAB.preset(number).changed(cooldown=60), s).summary["cost_usd"]
            for s in (3, 4))
    by = LAB.curve("cost_usd", over={"cooldown": [60]}, by=["3", "4"], seeds=2, seed=3)
    assert [line.label for line in by.lines] == ["One-minute metrics", "Golden AMI"]
    assert [line.points[0].mean for line in by.lines] == [point.mean for point in points]


def test_own_names_for_parameters_and_changes():
    """{label: Params, or {parameter: value}}; a change is made where the curve starts from."""
    start = LAB.preset("1").changed(duration=600)
    curve = LAB.curve("wait_p95", at=start, seeds=2, over={
        "as it is": start, "half": {"instances": 5}, "golden": "4"}, duration=600)
    expected = [start, start.changed(instances=5), LAB.preset("4").changed(duration=600)]
    assert [point.x for point in curve.lines[0].points] == ["as it is", "half", "golden"]
    for point, run in zip(curve.lines[0].points, expected):
        assert point.values == tuple(LAB.run(run, s).summary["wait_p95"] for s in (1, 2))


def test_changes_are_called_as_what_they_change():
    """By the parameters' labels, with units; none is how it is."""
    curve = LAB.curve("wait_p95", at="1", seeds=1, duration=600, over=[
        {}, {"instances": 1, "drain": True}, {"policy": "step"}])
    points = curve.lines[0].points
    assert [point.x for point in points] == [
        "as it is", "instances at start 1, drain before it goes: yes",
        "scaling policy: step"]
    start = LAB.preset("1").changed(duration=600)
    for point, change in zip(points, ({}, {"instances": 1, "drain": True}, {"policy": "step"})):
        assert point.mean == LAB.run(start.changed(**change)).summary["wait_p95"]


# -- what is read -----------------------------------------------------------------------------

def test_one_number_over_another_and_a_function():
    """Metrics and parameters that are numbers; labels and units of one's own."""
    curve = LAB.curve("completed / duration", {"left (of all)": "queue_end / offered"},
                      {"log (events)": lambda r: len(r.events)}, over={"instances": [6]},
                      seeds=1, **SHORT)
    r = labsim.run("sqs-asg", instances=6, **SHORT)
    values = [line.points[0].mean for line in curve.lines]
    assert values == [r.summary["completed"] / 600,
                      r.summary["queue_end"] / r.summary["offered"], len(r.events)]
    assert [line.reading.unit for line in curve.lines] == ["messages/s", "of all", "events"]


def test_the_headline_is_read_by_default():
    """In its order."""
    curve = LAB.curve(over={"instances": [6]}, seeds=1, **SHORT)
    assert [line.reading.name for line in curve.lines] == [*LAB.headline]


def test_the_numbers_as_a_table():
    """A row per point and line, the theory beside it where it applies."""
    table = LAB.curve("wait_mean", over={"instances": [8, 12]}, by={"service_cv": [1.0]}, seeds=4,
                      arrival_rate=2.0, **SHORT).frame()
    assert table.columns.tolist() == ["instances", "service_cv", "metric", "unit", "mean", "low",
                                      "high", "replications", "theory"]
    assert table.instances.tolist() == [8, 12] and set(table.replications) == {4}
    assert np.isnan(table.theory[0])        # as much work as they can do: no steady state
    assert table.theory[1] == labsim.theory.mmc_wait_mean(2.0, 4.0, 12)


# -- theory and measurements ------------------------------------------------------------------

def test_theory_is_drawn_where_it_applies():
    """At each point and between them, the value of the metric's closed form; nowhere where it says
    nothing."""
    line, = LAB.curve("wait_mean", over={"arrival_rate": [1.0, 2.0, 2.4, 3.0]}, at="1",
                      seeds=1).lines
    assert line.theory == "Erlang C" and max(line.theory_x) < 2.5
    for x, y in zip(line.theory_x, line.theory_y):
        assert y == labsim.theory.mmc_wait_mean(x, 4.0, 10)
    assert {1.0, 2.0, 2.4} <= set(line.theory_x) and len(line.theory_x) > 30
    assert line.theory_at(2.0) == labsim.theory.mmc_wait_mean(2.0, 4.0, 10)
    off, = LAB.curve("wait_mean", over={"arrival_rate": [1.0]}, at="2", seeds=1).lines
    assert off.theory == "" and off.theory_x == ()      # the load changes


def test_a_closed_form_of_ones_own():
    """A function of the parameters; none with False."""
    def twice(p):
        return 2.0 * p.instances
    options = dict(over={"instances": [6, 8]}, seeds=1, **SHORT)
    line, = LAB.curve("wait_mean", theory=twice, **options).lines
    assert line.theory == "twice" and line.theory_y == (12.0, 14.0, 16.0)
    assert LAB.curve("wait_mean", theory=False, **options).lines[0].theory == ""
    with pytest.raises(ParameterError, match="theory"):
        LAB.curve("wait_mean", theory=3, **options)


def test_a_theory_belongs_to_a_metric_that_there_is():
    """A name that is none is an error of the lab's author."""
    with pytest.raises(ValueError, match="no metric wait_men"):
        kit.with_theory(LAB.metrics, wait_men=kit.Theory("", lambda p: 1.0))


COLD = "Cold start of .NET, by memory"


def test_measurements_stand_beside_the_same_situation():
    """Where all other parameters are as they were measured, in the metric's unit; the comparison's
    name puts it there, at the points that were measured."""
    lab = labsim.lab("lambda-concurrency")
    curve = lab.curve("latency_mean", over="memory", at=COLD, seeds=1)
    line, = curve.lines
    assert [m.name for m in line.measured] == [COLD, f"{COLD}, September 2019"]
    assert [p.x for p in line.points] == [x for x, _, _ in line.measured[0].figures]
    told = {c.name: c for c in labsim.measured("lambda-concurrency")}
    assert [y for _, y, _ in line.measured[0].figures] == [f.measured for f in told[COLD].figures]
    assert [p.mean for p in line.points] == [f.model for f in told[COLD].figures]
    other, = lab.curve("latency_mean", over="memory", at=COLD, seeds=1, arrival_rate=0.02).lines
    assert other.measured == ()


def test_what_was_measured_in_another_unit_is_in_the_metrics():
    """Milliseconds there, seconds here."""
    lab = labsim.lab("lambda-concurrency")
    line, = lab.curve("latency_mean", over="memory", at="Duration of CPU-bound code, by memory",
                      seeds=1).lines
    measured, = line.measured
    assert {y for _, y, _ in measured.figures} == {
        float(row["duration_ms"]) / 1000
        for row in measured.of.rows(memory_mb=[128, 192, 256, 512, 768, 1024, 1536])}


# -- what can't be ----------------------------------------------------------------------------

def test_a_point_that_cannot_be_run_is_left_out_and_said():
    """With the reason; a run that is too big as well as a parameter that can't be."""
    curve = LAB.curve("wait_p95", over={"min_size": [1, 50]}, seeds=2, instances=10)
    assert [point.x for point in curve.lines[0].points] == [1]
    assert curve.not_shown == ("left out: 50 instances (instances: given 10, allowed from min_size "
                               "to max_size, 50 to 60 instances)")
    assert curve.not_shown in repr(curve)
    big = LAB.curve("wait_p95", over={"arrival_rate": [1.0, 1e5]}, seeds=2, **SHORT)
    assert len(big.lines[0].points) == 1 and "a smaller run" in big.not_shown


def test_no_point_at_all_is_an_error():
    """That says why."""
    with pytest.raises(LabsimError, match="no point can be run; 50 .*min_size"):
        LAB.curve("wait_p95", over={"min_size": [50]}, instances=10)


@pytest.mark.parametrize("metrics, options, word", [
    (("wait_p955",), {}, "did you mean wait_p95"), (("wait_p95 / ofered",), {}, "offered"),
    ((3,), {}, "metric"), (({"x": 3},), {}, "metric"),
    ((), {"over": "instance"}, "did you mean instances"),
    ((), {"over": {"instance": [1]}}, "did you mean instances"),
    ((), {"over": {"instances": 3}}, "sequence"), ((), {"over": {"instances": []}}, "instances"),
    ((), {"over": {"instances": [1], "cooldown": [1]}}, "by="), ((), {"over": 3}, "over"),
    ((), {"over": ["Golden AIM"]}, "did you mean 4 Golden AMI"),
    ((), {"by": {"polcy": ["none"]}}, "did you mean policy"),
    ((), {"by": {"instances": range(1, 20)}}, "at most 8 lines"),
    ((), {"at": "Golden AIM"}, "did you mean 4 Golden AMI"), ((), {"at": 2.5}, "preset"),
    ((), {"cooldwn": 3}, "did you mean cooldown"), ((), {"seeds": 0}, "seeds"),
    ((), {"seed": -1}, "seed"), ((), {"confidence": 95}, "confidence")])
def test_what_makes_no_sense_is_refused(metrics, options, word):
    """Before any run, naming what is wrong and what is near."""
    with pytest.raises(ParameterError, match=word):
        LAB.curve(*metrics, **{"over": {"instances": [6, 8]}, **options})


# -- systems, and studies ---------------------------------------------------------------------

def shop(sim, boot=120, instances=10):
    """Orders, and who works on them."""
    from labsim.services import ec2, sqs
    orders = sqs.Queue(sim, "orders")
    ec2.Fleet(sim, "workers", boot, size=instances, consumes=orders, work=labsim.exponential(4))
    sim.send(2.0, to=orders)


def test_a_system_of_ones_own():
    """By its function: its parts' metrics over its own parameters."""
    curve = labsim.curve(shop, "orders.wait_mean", over={"instances": [9, 12]}, duration=600,
                         seeds=2, boot=60)
    for point in curve.lines[0].points:
        assert point.values == tuple(labsim.simulate(
            shop, duration=600, seed=s, boot=60, instances=point.x).summary["orders.wait_mean"]
            for s in (1, 2))
    with pytest.raises(ParameterError, match="duration"):
        labsim.curve(shop, "orders.wait_mean", over={"instances": [9]})


def test_a_lab_by_its_name():
    """As for a run or a study."""
    given = dict(over={"instances": [6]}, seeds=2, **SHORT)
    assert labsim.curve("sqs-asg", "wait_p95", **given).rows() == LAB.curve(
        "wait_p95", **given).rows()


def test_a_study_draws_itself():
    """Its rows as lines: the column with most values is the axis, another one tells the lines
    apart; what has failed is left out, and said."""
    with joblib.parallel_config(backend="sequential"):
        table = labsim.sweep("sqs-asg", over={"min_size": [1, 5, 50], "cooldown": [60, 300]},
                             replications=3, instances=10, duration=600)
    curve = table.plot("wait_p95")
    assert [(line.label, [p.x for p in line.points]) for line in curve.lines] == [
        ("cooldown 60 s", [1, 5]), ("cooldown 5 min", [1, 5])]
    for line, cooldown in zip(curve.lines, (60, 300)):
        rows = table[(table.metric == "wait_p95") & (table.cooldown == cooldown)]
        assert [(p.mean, p.low, p.high) for p in line.points] == [*zip(
            rows["mean"], rows.low, rows.high)]
    assert "left out: cooldown 60 s: 50 instances" in curve.not_shown and curve.seeds == range(1, 4)
    other = table.plot("wait_p95", over="cooldown", by="min_size")
    assert [line.label for line in other.lines if line.points] == ["minimum size 1 instance",
                                                              "minimum size 5 instances"]
    with pytest.raises(ParameterError, match="did you mean cooldown"):
        table.plot("wait_p95", over="cooldwn")
