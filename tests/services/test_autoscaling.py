"""Auto Scaling's arithmetic and timing are AWS's."""

import pytest

from labsim.engine import Simulation, stream
from labsim.services.autoscaling.group import (
    CHANGE,
    EXACT,
    PERCENT,
    Group,
    adjusted,
    backlog_target,
    default_termination,
    percent_change,
    step_adjustment,
    tracked,
)
from labsim.services.autoscaling.policies import SimpleScaling, StepScaling, TargetTracking
from labsim.services.ec2.fleet import Fleet, Instance


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
    target = backlog_target(10, 0.1)
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
    assert default_termination(crowd, 100.0, rng) is crowd[1]
    hours = [make("a", 0, 0), make("a", 0, 500)]        # to the hour: 2600 s and 3100 s
    assert default_termination(hours, 1_000.0, rng) is hours[0]
    alike = [make("a", 0, 0), make("a", 0, 0)]
    picks = {id(default_termination(alike, 10.0, rng)) for _ in range(50)}
    assert len(picks) == 2


class Rig:
    """A group on a fleet with a boot time of 100 s, and a metric that a test sets by the minute."""

    def __init__(self, policy, values, *, desired=10, warmup=300.0, end=3_000.0, **options):
        self.sim = Simulation(1, end)
        self.fleet = Fleet(self.sim, 100.0, lambda instance: None)
        self.group = Group(self.sim, self.fleet, desired=desired, min_size=1, max_size=50,
                           warmup=warmup, release=lambda instance: self.sim.now)
        rig = self

        class Reading:
            name, resolution = "metric", 60.0

            def datapoints(self, count):
                minute = int(rig.sim.now // 60)
                return ([None] * count + values[:minute])[-count:]
        options = {"high_points": 1, "low_points": 1, "low": 0.7, **options}
        policy(sim=self.sim, group=self.group, metric=Reading(), threshold=100.0, **options)
        self.sim.run()
        self.log = [(e.t, e.text.split(" (")[0]) for e in self.sim.events
                    if e.kind.startswith("scale")]


def test_target_tracking_repeats_by_the_minute_but_only_for_what_is_lacking():
    """200 per instance on 10 in service needs 20: once, however often the alarm acts."""
    rig = Rig(TargetTracking, [200.0] * 2 + [100.0] * 40)
    assert rig.log == [(60.0, "+10 instances to 20")]


def test_target_tracking_waits_with_scale_in_for_warm_instances():
    """In service at 160 s, warm at 460 s: the first evaluation after that scales in."""
    rig = Rig(TargetTracking, [200.0] + [50.0] * 12)
    assert rig.log[:2] == [(60.0, "+10 instances to 20"), (480.0, "-10 instances to 10")]


def test_simple_scaling_is_deaf_until_its_cooldown_is_over():
    """Launched at 60 s, in service at 160 s, deaf until 460 s: next at 480 s."""
    rig = Rig(SimpleScaling, [200.0] * 9 + [100.0] * 40, out=4, in_=-2, cooldown=300.0)
    assert rig.log == [(60.0, "+4 instances to 14"), (480.0, "+4 instances to 18")]


def test_step_scaling_adds_only_what_is_lacking_while_instances_warm_up():
    """+1 for a small breach, +3 for a large one: while the first warms up, 2 more."""
    steps = [(0, 50, 1), (50, float("inf"), 3)]
    rig = Rig(StepScaling, [120.0, 180.0, 180.0] + [100.0] * 20, out_steps=steps)
    assert rig.log == [(60.0, "+1 instances to 11"), (120.0, "+2 instances to 13")]


def test_a_boot_that_completes_at_a_metric_period_counts_in_it():
    """Capacity before metric: launched at 20 s with 100 s to boot, it is there at 120 s."""
    sim = Simulation(1, 300.0)
    fleet = Fleet(sim, 100.0, lambda instance: None)
    seen = []

    def launch():
        yield sim.until(20.0, 5)
        fleet.launch()

    def look():
        yield sim.until(120.0, 3)
        seen.append(fleet.count("in service"))
    sim.process(look())
    sim.process(launch())
    sim.run()
    assert seen == [1]


def test_billing_is_by_the_second_with_a_minimum_of_a_minute():
    """An instance that lived 10 s costs 60 s, one that lived 100 s costs 100 s."""
    assert Instance(0, "a", 0.0, ended=10.0).billed(1_000.0) == 60
    assert Instance(0, "a", 0.0, ended=100.0).billed(1_000.0) == 100
    assert Instance(0, "a", 900.0).billed(1_000.0) == 100


def test_min_and_max_hold():
    """A wish beyond the maximum is cut, and the log says so."""
    rig = Rig(TargetTracking, [100_000.0] * 2 + [0.0] * 40)
    assert rig.log[0] == (60.0, "+40 instances to 50")
    assert "max size reached" in next(e.text for e in rig.sim.events if e.kind == "scale-out")
    assert rig.log[-1][1] == "-49 instances to 1"
