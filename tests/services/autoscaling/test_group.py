"""Auto Scaling's arithmetic and timing are AWS's."""

import numpy as np
import pytest

from labsim.engine import Simulation, stream
from labsim.errors import ParameterError
from labsim.services.autoscaling import (
    Group,
    PredictiveScaling,
    ScheduledActions,
    SimpleScaling,
    StepScaling,
    TargetTracking,
)
from labsim.services.autoscaling.rules import (
    CHANGE,
    EXACT,
    PERCENT,
    adjusted,
    effective_maximum,
    largest,
    percent_change,
    reversals,
    step_adjustment,
    terminated,
    tracked,
)
from labsim.services.cloudwatch import Metric
from labsim.services.ec2 import Fleet, Instance


@pytest.mark.parametrize("change, rounded", [(12.7, 12), (0.67, 1), (-0.58, -1), (-6.67, -6),
                                             (1.0, 1), (-1.0, -1), (0.0, 0), (1.99, 1)])
def test_percentages_round_as_in_the_user_guide(change, rounded):
    """as-scaling-simple-step: toward zero above 1, to 1 between 0 and 1."""
    assert percent_change(100, change) == rounded


def test_a_percentage_that_is_whole_stays_whole():
    """7% of 100 is 7, whatever binary fractions make of it; for all sizes and percentages."""
    for capacity in range(1, 1_001):
        for percent in range(1, 101):
            exact = capacity * percent / 100
            if capacity * percent % 100 == 0:
                assert percent_change(capacity, percent) == capacity * percent // 100, exact


def test_adjustment_types():
    """User guide: ExactCapacity, ChangeInCapacity, PercentChangeInCapacity with a minimum."""
    assert adjusted(3, EXACT, 5) == 5
    assert adjusted(3, CHANGE, 5) == 8
    assert adjusted(4, PERCENT, 25, minimum_magnitude=2) == 6
    assert adjusted(4, PERCENT, -25, minimum_magnitude=2) == 2
    assert adjusted(10, PERCENT, 200) == 30
    with pytest.raises(ValueError, match="ExactCapacity"):
        adjusted(3, "Exact", 5)


def test_target_tracking_rounds_up():
    """as-scaling-target-tracking: +1.5 becomes +2, -1.5 becomes -1; metric 75, target 50."""
    assert tracked(4, 75, 50) == 6
    assert tracked(10, 57.5, 50) == 12      # 11.5 needed
    assert tracked(10, 42.5, 50) == 9       # 8.5 needed
    assert tracked(10, 50, 50) == 10


def test_the_backlog_example():
    """as-using-sqs-queue: 10 instances, 1,500 messages, 0.1 s each, 10 s acceptable."""
    target = 10 / 0.1
    assert target == 100 and tracked(10, 1_500 / 10, target) == 15


def test_step_bounds():
    """Above the threshold the lower bound is inside, below it the upper one."""
    out, back = [(0, 10, 1), (10, 20, 2), (20, float("inf"), 3)], [(-10, 0, -1), (-20, -10, -2)]
    assert [step_adjustment(out, b) for b in (0, 9.9, 10, 20, 1e9)] == [1, 1, 2, 3, 3]
    assert [step_adjustment(back, b) for b in (-0.1, -10, -10.1, -20)] == [-1, -2, -2, 0]


def test_default_termination_policy():
    """Most crowded zone, oldest template, closest to the next billing hour, random."""
    def make(zone, template, launched):
        return Instance(0, zone, launched, template)
    rng = stream(1, "test")
    crowd = [make("a", 1, 0), make("b", 0, 0), make("b", 1, 0)]
    assert terminated("default", crowd, 1, 100.0, rng) == [crowd[1]]
    hours = [make("a", 0, 0), make("a", 0, 500)]        # to the hour: 2600 s and 3100 s
    assert terminated("default", hours, 2, 1_000.0, rng) == hours
    alike = [make("a", 0, 0), make("a", 0, 0)]
    picks = {id(terminated("default", alike, 1, 10.0, rng)[0]) for _ in range(50)}
    assert len(picks) == 2


class Rig:
    """A group on a fleet with a boot time of 100 s, and a metric that a test sets by the minute."""

    def __init__(self, policy, values, *, desired=10, warmup=300.0, end=3_000.0, **options):
        self.sim = Simulation(1, end)
        self.fleet = Fleet(self.sim, "fleet", 100.0)
        self.group = Group(self.sim, "group", self.fleet, desired=desired, min_size=1, max_size=50,
                           warmup=warmup)
        metric = Metric(self.sim, "metric", lambda: values[min(
            int(self.sim.now // 60), len(values)) - 1])
        options = {"high_points": 1, "low_points": 1, "low": 0.7, **options}
        policy(self.group, metric, target=100.0, **options)
        self.sim.run()
        self.log = [(e.t, e.text.removeprefix("group: ").split(" (")[0]) for e in self.sim.events
                    if e.kind.startswith("scale")]


def test_target_tracking_repeats_by_the_minute_but_only_for_what_is_lacking():
    """200 per instance on 10 in service needs 20: once, however often the alarm acts."""
    rig = Rig(TargetTracking, [200.0] * 2 + [100.0] * 40)
    assert rig.log == [(60.0, "+10 instances to 20")]


def test_target_tracking_waits_with_scale_in_for_warm_instances():
    """In service at 160 s, warm at 460 s: the first evaluation after that scales in."""
    rig = Rig(TargetTracking, [200.0] + [50.0] * 12)
    assert rig.log[:2] == [(60.0, "+10 instances to 20"), (480.0, "-2 instances to 18")]


def test_simple_scaling_is_deaf_until_its_cooldown_is_over():
    """Launched at 60 s, in service at 160 s, deaf until 460 s: next at 480 s."""
    rig = Rig(SimpleScaling, [200.0] * 9 + [100.0] * 40, out=4, in_=-2, cooldown=300.0)
    assert rig.log == [(60.0, "+4 instances to 14"), (480.0, "+4 instances to 18")]


def test_step_scaling_adds_only_what_is_lacking_while_instances_warm_up():
    """+1 for a small breach, +3 for a large one: while the first warms up, 2 more."""
    steps = [(0, 50, 1), (50, float("inf"), 3)]
    rig = Rig(StepScaling, [120.0, 180.0, 180.0] + [100.0] * 20, out_steps=steps)
    assert rig.log == [(60.0, "+1 instance to 11"), (120.0, "+2 instances to 13")]


def test_min_and_max_hold():
    """A wish beyond the maximum is cut, and the log says so; down it goes to the minimum."""
    rig = Rig(TargetTracking, [100_000.0] * 2 + [0.0] * 40)
    assert rig.log[0] == (60.0, "+40 instances to 50")
    assert "max size reached" in next(e.text for e in rig.sim.events if e.kind == "scale-out")
    assert rig.log[1][1] == "-5 instances to 45" and rig.log[-1][1] == "-1 instance to 1"


@pytest.mark.parametrize("policy, gone", [("default", "b1"), ("oldest-instance", "a0"),
                                          ("newest-instance", "b2")])
def test_termination_begins_with_the_fullest_zones(policy, gone):
    """Zones a and b have three each, c one; in them the oldest template, instance, newest."""
    made = [("a", 0.0, 1), ("b", 10.0, 0), ("b", 90.0, 1), ("a", 20.0, 1), ("a", 30.0, 1),
            ("b", 40.0, 1), ("c", 0.0, 0)]
    alive = [Instance(n, zone, t, template) for n, (zone, t, template) in enumerate(made)]
    assert {"a0": 0, "b1": 1, "b2": 2}[gone] == terminated(
        policy, alive, 1, 100.0, stream(1, "test"))[0].id


def test_many_at_once_go_as_one_after_the_other():
    """Random groups: the same instances, whoever is asked once for all or once for each."""
    rng = np.random.default_rng(3)
    for policy in ("default", "oldest-instance", "newest-instance"):
        for _ in range(30):
            alive = [Instance(n, "abc"[rng.integers(3)], float(t), int(rng.integers(2)))
                     for n, t in enumerate(rng.permutation(3_600)[:rng.integers(2, 40)])]
            count = int(rng.integers(1, len(alive)))
            at_once = terminated(policy, alive, count, 4_000.0, stream(1, "test"))
            left = list(alive)
            for gone in at_once:
                assert [gone] == terminated(policy, left, 1, 4_000.0, stream(1, "test"))
                left.remove(gone)


@pytest.mark.parametrize("forecast, top, buffer, effective", [
    (50, 40, 10, 55), (30, 40, 10, 40), (40, 40, 10, 44), (7, 4, 0, 7), (9, 4, 25, 12)])
def test_a_forecast_may_increase_the_maximum_up_to_its_buffer(forecast, top, buffer, effective):
    """PredictiveScalingConfiguration: 50 over 40 with 10% makes 55; honored, it stays 40."""
    assert effective_maximum(top, forecast, "increase", buffer) == effective
    assert effective_maximum(top, forecast, "honor", buffer) == top


def test_of_several_policies_the_largest_capacity_wins():
    """Ten, +3 and +200%: thirty; twenty, -2 and -50%: eighteen; nobody speaks: as it was."""
    assert largest(10, [adjusted(10, CHANGE, 3), adjusted(10, PERCENT, 200)]) == 30
    assert largest(20, [adjusted(20, CHANGE, -2), adjusted(20, PERCENT, -50)]) == 18
    assert largest(5, []) == 5


def test_a_reversal_is_a_change_of_direction_soon_after():
    """Out, in after a minute: one; the next out comes an hour later, and does not count."""
    assert reversals([(0, 2), (60, 4), (120, 3), (3_720, 5)], within=1_800) == 1
    assert reversals([(0, 2), (60, 4), (120, 6)], within=1_800) == 0


def test_scheduled_actions_and_a_forecast_move_a_group():
    """Up to five at 100 s, back to two at 200 s; a forecast of 900/s at 300/s and 50%: six."""
    sim = Simulation(1, 4_000.0)
    group = Group(sim, "group", Fleet(sim, "fleet", 10.0), min_size=2, max_size=8)
    ScheduledActions(group, [(100, 5), (200, 2)])
    PredictiveScaling(group, [0.0, 900.0], each=300, target=50, prelaunch=300)
    sim.run()
    assert group.record.changes("desired") == [(0, 2), (100, 5), (200, 2), (3_300, 6)]


def test_two_groups_do_not_mix():
    """Three and seven instances in one simulation: three and seven."""
    sim = Simulation(1, 600.0)
    for size in (3, 7):
        fleet = Fleet(sim, f"fleet of {size}")
        Group(sim, f"group of {size}", fleet, min_size=size, max_size=size)
    sim.run()
    for size in (3, 7):
        assert sim.parts[f"fleet of {size}"].summary()["instances_max"] == size
        assert sim.parts[f"group of {size}"].series()["desired"][0].max() == size


def test_two_of_one_name():
    """The error names both parts."""
    sim = Simulation(1, 60.0)
    fleet = Fleet(sim, "workers")
    with pytest.raises(ParameterError, match='"workers": a ec2.Fleet and a autoscaling.Group'):
        Group(sim, "workers", fleet, min_size=1, max_size=2)


@pytest.mark.parametrize("name, bad", [
    ("min_size", {"min_size": -1}), ("max_size", {"max_size": 0}), ("warmup", {"warmup": -1}),
    ("desired", {"desired": -1}), ("termination", {"termination": "youngest"})])
def test_bad_arguments_of_a_group(name, bad):
    """Refused at once, by name."""
    sim = Simulation(1, 60.0)
    with pytest.raises(ParameterError) as caught:
        Group(sim, "group", Fleet(sim, "fleet"), **{"min_size": 1, "max_size": 2, **bad})
    assert caught.value.name == name


@pytest.mark.parametrize("policy, name, bad", [
    (TargetTracking, "target", {"target": 0}), (TargetTracking, "low", {"low": 2}),
    (SimpleScaling, "kind", {"kind": "Percent"}), (SimpleScaling, "cooldown", {"cooldown": -1}),
    (StepScaling, "magnitude", {"magnitude": -1})])
def test_bad_arguments_of_a_policy(policy, name, bad):
    """Refused at once, by name."""
    sim = Simulation(1, 60.0)
    group = Group(sim, "group", Fleet(sim, "fleet"), min_size=1, max_size=2)
    with pytest.raises(ParameterError) as caught:
        policy(group, None, **{"target": 50, **bad})
    assert caught.value.name == name


@pytest.mark.parametrize("name, bad", [
    ("each", {"each": 0}), ("target", {"target": 0}), ("prelaunch", {"prelaunch": 3_600}),
    ("behavior", {"behavior": "exceed"}), ("buffer", {"buffer": -1})])
def test_bad_arguments_of_predictive_scaling(name, bad):
    """Refused at once, by name; and so is an action before the beginning."""
    sim = Simulation(1, 60.0)
    group = Group(sim, "group", Fleet(sim, "fleet"), min_size=1, max_size=2)
    with pytest.raises(ParameterError) as caught:
        PredictiveScaling(group, [1.0], **{"each": 1, "target": 50, **bad})
    assert caught.value.name == name
    with pytest.raises(ParameterError, match="actions"):
        ScheduledActions(group, [(-1, 2)], name="calendar")
