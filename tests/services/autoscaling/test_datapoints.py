"""Policies act at most once on a datapoint, from the instances that it was measured on.

Sources: EC2 Auto Scaling User Guide, as-scaling-target-tracking ("scales out proportionally to the
metric as fast as it can, but scales in more gradually"; missing data; several policies) and
ec2-auto-scaling-default-instance-warmup; facts asg.tt_no_flap_rule, asg.tt_multi_policy_rule.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from labsim.engine import Simulation
from labsim.services.autoscaling import (
    CpuAlarms,
    Group,
    SimpleScaling,
    StepScaling,
    TargetTracking,
)
from labsim.services.autoscaling.rules import load_to_expect, unanimous
from labsim.services.cloudwatch import Metric
from labsim.services.ec2 import Fleet
from labsim.services.elb.web_tier import WebTier

PERIODS = 10, 60, 300


def site(load, *, start, end, least=1, most=200, boot=90.0, warmup=300.0):
    """A group under `load(t)`, in instances that are busy, and a metric of its CPU, percent."""
    sim = Simulation(1, end)
    fleet = Fleet(sim, "fleet", boot)
    group = Group(sim, "group", fleet, desired=start, min_size=least, max_size=most, warmup=warmup)

    def cpu():
        n = group.in_service
        return min(100 * load(sim.now) / n, 100.0) if n else None
    return SimpleNamespace(sim=sim, fleet=fleet, group=group, cpu=cpu)


def actions(sim):
    """[(time, change)] of all scaling activities."""
    return [(e.t, int(e.text.split(": ")[-2 if "tracking" in e.text or "scaling:" in e.text else -1]
                      .split()[0])) for e in sim.events if e.kind.startswith("scale")]


STEPS = {"out_steps": [(0, 15, 4), (15, np.inf, 8)], "in_steps": [(-np.inf, 0, -3)]}


@pytest.mark.parametrize("make", [
    lambda group, metric, **how: TargetTracking(group, metric, target=60, **how),
    lambda group, metric, **how: StepScaling(group, metric, target=60, **STEPS, **how),
    lambda group, metric, **how: SimpleScaling(group, metric, target=60, out=4, in_=-3,
                                               cooldown=0, **how)])
@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("quick", [False, True])
def test_at_most_one_action_on_a_datapoint(make, period, quick):
    """Loads that jump about: between two actions there is always a new datapoint, with alarms of
    the policy's own and with the quick ones."""
    loads = np.random.default_rng(4).uniform(1, 40, 12)
    def load(t):
        return loads[int(t // 1_800) % 12]
    rig = site(load, start=10, end=21_600.0, warmup=0.0)
    sim, group = rig.sim, rig.group
    how = dict(high_points=1, low_points=1)
    if quick:
        tier = WebTier(sim, "tier", 100.0, 100 * np.repeat(loads, 180))
        rig.fleet.on_service = lambda instance: tier.add_consumer()
        rig.fleet.release = lambda instance: tier.remove_consumer(None, drain=False)
        for _ in rig.fleet.instances:
            tier.add_consumer()
        CpuAlarms(sim, "alarms", group, tier, [make(group, None, **how)], period)
    else:
        make(group, Metric(sim, "CPU", rig.cpu, period), **how)
    sim.run()
    times = [t for t, _ in group.record.changes("desired")[1:]]
    assert len(times) > 5
    if quick:
        assert len({t // period for t in times}) == len(times)
    assert (np.diff(times) >= (1 if quick else period)).all()


@pytest.mark.parametrize("period", PERIODS)
def test_a_steady_load_is_met_from_above_and_below_without_a_turn(period):
    """Loads of all magnitudes, targets, starts; plain alarms: the group moves one way and stops,
    no higher than the low alarm's threshold tells, and never below what the load needs."""
    rng = np.random.default_rng(period)
    for _ in range(40):
        load, target = float(np.exp(rng.uniform(np.log(0.2), np.log(80)))), rng.choice([30, 50, 80])
        start = int(np.clip(load * rng.choice([0.3, 1, 3, 10]), 1, 200))
        points = int(rng.choice([1, 3, 15]))
        rig = site(lambda t, load=load: load, start=start, end=86_400.0)
        TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu, period), target=float(target),
                       low_points=points)
        rig.sim.run()
        sizes = np.array([n for _, n in rig.group.record.changes("desired")])
        needed = int(np.clip(np.ceil(100 * load / target - 1e-9), 1, 200))
        moves = np.diff(sizes)
        assert (moves > 0).all() or (moves < 0).all(), (load, target, start)
        assert sizes[-1] >= needed or sizes[-1] == 200
        if start > needed:
            assert sizes.min() >= needed
            assert 100 * load / sizes[-1] >= 0.7 * target * (1 - 1e-9) or sizes[-1] == needed


@pytest.mark.parametrize("period", PERIODS)
def test_after_a_drop_of_the_load_it_scales_in_gradually(period):
    """By a tenth of the group (at least one) at a datapoint, and never below what is needed."""
    rng = np.random.default_rng(period + 1)
    for _ in range(25):
        before = float(np.exp(rng.uniform(np.log(1), np.log(60))))
        after = before * float(np.exp(rng.uniform(np.log(0.05), np.log(0.9))))
        start = int(np.ceil(before / 0.6))
        rig = site(lambda t, a=before, b=after: a if t < 3_600 else b, start=start, end=43_200.0)
        TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu, period), target=60,
                       low_points=3)
        rig.sim.run()
        changes = rig.group.record.changes("desired")
        for (t, n), (later, fewer) in zip(changes, changes[1:]):
            assert n - fewer <= max(n // 10, 1)
            assert later > 3_600 and (t == 0 or later - t >= period)
            assert fewer >= after / 0.6 - 1e-6


def test_what_is_computed_from_is_the_capacity_that_was_measured():
    """A datapoint of 300 s, all at four instances of which 4.8 would be busy at the target of 60%:
    it asks for 100% x 4 / 60% = 7, though more are in service when it is acted on."""
    rig = site(lambda t: 10.0, start=4, end=700.0, boot=0.0, warmup=0.0)
    TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu, 300), target=60, high_points=1)
    rig.sim.run()
    # At 60 s: 4 x 100 / 60. Nothing until 360 s: five minutes at seven, 100%: 12.
    assert rig.group.record.changes("desired") == [(0, 4), (60, 7), (360, 12), (660, 17)]


def test_the_load_to_expect():
    """As much above the highest datapoint as that is above the mean; a quiet one is as it is."""
    assert load_to_expect([4.0, 4.0, 4.0]) == 4
    assert load_to_expect([3.0, 5.0]) == 6


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_tracking_does_not_saw_on_a_noisy_load(noise):
    """A steady load with noise from minute to minute, right below whole instances at the target,
    for a day: not more than one turn, where the last datapoint alone would turn all day."""
    rng = np.random.default_rng(5)
    for needed in (1.97, 2.96, 5.94, 19.8):
        factors = np.maximum(rng.normal(1, noise, 1_440), 0)
        rig = site(lambda t, f=factors, n=needed: 0.6 * n * f[min(int((t - 1) // 60), 1_439)],
                   start=int(needed) + 2, end=86_400.0)
        TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu, 60), target=60, low=0.9)
        rig.sim.run()
        moves = np.sign(np.diff([n for _, n in rig.group.record.changes("desired")]))
        assert (np.diff(moves) != 0).sum() <= 1, needed


# -- several policies -------------------------------------------------------------------------

def test_at_one_instant_whoever_wants_most_has_its_way():
    """Application Auto Scaling, PutScalingPolicy: current 10, +3 and +200%: 30, not 39; and an
    order to shrink does not act beside one to grow."""
    rig = site(lambda t: 9.0, start=10, end=100.0)
    high = Metric(rig.sim, "CPU", rig.cpu)
    low = Metric(rig.sim, "requests", lambda: 1.0)
    for name, metric, how in (("a", high, {"out": 3}), ("c", low, {"in_": -4}),
                              ("b", high, {"kind": "PercentChangeInCapacity", "out": 200})):
        SimpleScaling(rig.group, metric, target=60, high_points=1, low_points=1, name=name, **how)
    rig.sim.run()
    assert rig.group.record.changes("desired") == [(0, 10), (60, 30)]


def test_who_wanted_nothing_is_not_asked_again_later():
    """A step policy that found no step for its first datapoint: an order to shrink of two minutes
    later does not meet that word."""
    rig = site(lambda t: 2.0, start=20, end=200.0)
    StepScaling(rig.group, Metric(rig.sim, "requests", lambda: 90.0 if rig.sim.now < 70 else 55.0),
                target=60, high_points=1, name="step", in_steps=[(-99, 0, -1)])
    TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu), target=60, low_points=3,
                   name="tracking")
    rig.sim.run()
    assert rig.group.record.changes("desired") == [(0, 20), (180, 18)]


@pytest.mark.parametrize("other, sizes", [
    ({"cpu": 10.0}, [20, 18]), ({"cpu": 59.0}, [20]), ({"cpu": None}, [20]),
    ({"cpu": 59.0, "scale_in": False}, [20, 18]), ({"cpu": 90.0}, [20, 30])])
def test_target_tracking_scales_in_where_all_agree(other, sizes):
    """As-scaling-target-tracking: out if any asks for it, in only if all with scale-in enabled do;
    one without data does not."""
    rig = site(lambda t: 2.0, start=20, end=100.0)
    how = dict(target=60, high_points=1, low_points=1)
    TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu), name="first", **how)
    TargetTracking(rig.group, Metric(rig.sim, "other", lambda: other["cpu"]), name="second", **how,
                   scale_in=other.get("scale_in", True))
    rig.sim.run()
    assert [n for _, n in rig.group.record.changes("desired")] == sizes
    assert unanimous([(5, "a"), None]) is None
    assert unanimous([(5, "a"), (7, "b")]) == (7, "b")


@pytest.mark.parametrize("scale_in", [True, False])
def test_two_targets_behind_the_quick_alarms(scale_in):
    """Targets of 60% and 16% at 15% CPU: the second one lets one go and no more; with its scale-in
    disabled it has no say."""
    sim = Simulation(1, 1_900.0)
    tier = WebTier(sim, "tier", 100.0, np.full(190, 300.0))
    group = Group(sim, "group", Fleet(sim, "fleet", consumes=tier), desired=20, min_size=1,
                  max_size=50)
    both = [TargetTracking(group, None, target=60, name="one"),
            TargetTracking(group, None, target=16, low=1.0, name="two", scale_in=scale_in)]
    CpuAlarms(sim, "alarms", group, tier, both)
    sim.run()
    # 3 busy: 60% needs 5, 16% needs 19.
    assert [n for _, n in group.record.changes("desired")][1:2] == [19 if scale_in else 18]


def test_disable_scale_in():
    """DisableScaleIn: out as always, never in."""
    rig = site(lambda t: 9.0 if t < 1_200 else 1.0, start=10, end=7_200.0)
    TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu), target=60, scale_in=False)
    rig.sim.run()
    assert [n for _, n in rig.group.record.changes("desired")] == [10, 15]


# -- missing data -----------------------------------------------------------------------------

def test_no_scaling_while_data_are_missing():
    """The metric stops while its alarm rings: CloudWatch keeps the state for a while, for it looks
    at the datapoints before; nothing is done until data return."""
    rig = site(lambda t: 1.0, start=20, end=1_900.0)
    TargetTracking(rig.group, Metric(rig.sim, "CPU", lambda: (
        None if 250 < rig.sim.now < 1_000 else 5.0)), target=60, low_points=3)
    rig.sim.run()
    times = [t for t, _ in rig.group.record.changes("desired")[1:]]
    assert [t for t in times if t < 1_020] == [180, 240] and times[2] >= 1_020


@pytest.mark.parametrize("period", PERIODS)
def test_nothing_scales_in_on_too_few_data(period):
    """At the start: not before there are as many datapoints, or minutes, as the low alarm looks at.
    """
    rig = site(lambda t: 1.0, start=20, end=6_000.0)
    TargetTracking(rig.group, Metric(rig.sim, "CPU", rig.cpu, period), target=60, low_points=5)
    rig.sim.run()
    least = 5 * max(period, 60)
    assert least <= rig.group.record.changes("desired")[1][0] < least + 60
