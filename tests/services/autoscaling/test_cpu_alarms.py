"""The quick alarms on CPU see what plain ones see, and predict nothing that does not come."""

from functools import partial

import numpy as np
import pytest

import labsim as ls
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError
from labsim.services.autoscaling import (
    CpuAlarms,
    Group,
    SimpleScaling,
    StepScaling,
    TargetTracking,
)
from labsim.services.autoscaling.policies import Seen
from labsim.services.autoscaling.rules import load_to_expect
from labsim.services.cloudwatch import Alarm, Metric
from labsim.services.ec2 import Fleet
from labsim.services.elb.web_tier import WebTier


class PlainTier:
    """CPU from the requests and the instances, kept second by second in between changes."""

    def __init__(self, sim, rates, each):
        self.sim, self.rates, self.each = sim, rates, each
        self.count, self.busy, self.missed, self.at = 0, 0.0, 0.0, 0.0
        self.worked = 0.0           # instance-seconds
        self.loads = []             # instances that are busy, percent, at each datapoint

    def change(self, by):
        self.advance()
        self.count += by

    def advance(self):
        while self.at < self.sim.now:
            k = int(self.at // 10)
            until = min((k + 1) * 10.0, self.sim.now)
            served = min(self.rates[k], self.count * self.each)
            self.worked += (until - self.at) * served / self.each
            self.busy += (until - self.at) * served / (self.count * self.each)
            self.missed += (until - self.at) * (self.rates[k] - served)
            self.at = until

    def mean_cpu(self, seconds):
        self.advance()
        busy, self.busy = self.busy, 0.0
        worked, self.worked = self.worked, 0.0
        self.loads.append(100 * worked / seconds)
        return 100 * busy / seconds


class Published:
    """A metric of one datapoint every `period` s, however long: basic monitoring."""

    name, resolution = "CPU", 60.0

    def __init__(self, sim, tier, period):
        self.values, self.period = [], period

        def publishing():
            for n in range(1, int(sim.duration // period) + 1):
                yield sim.until(n * period, Order.METRIC)
                self.values.append(tier.mean_cpu(period))
        sim.process(publishing())

    def datapoints(self, count):
        return ([None] * count + self.values)[-count:]

    def link(self, alarm):
        """No picture is drawn of it."""


class Watchman:
    """Hears the plain alarms of one policy, and acts once on a datapoint."""

    def __init__(self, policy, tier, period):
        self.policy, self.tier, self.period, self.acted = policy, tier, period, 0

    def hear(self, value, high):
        policy, group, loads = self.policy, self.policy.group, self.tier.loads
        if group.sim.now < policy.deaf_until or self.acted == len(loads):
            return
        back = policy.looks_back(self.period)
        warm = group.in_service - group.warming + group.fleet.count("pending")
        seen = Seen(group.desired, group.warming,
                    min(warm, loads[-1] / value) if value else warm,
                    load_to_expect(loads[-back:]) if len(loads) >= back else None)
        wish = policy.decide(seen, value, high)
        if wish and policy.act(*wish):
            self.acted = len(loads)


def policies(kind, group, **more):
    common = dict(group=group, metric=None, target=50.0, **more)
    steps = dict(out_steps=[(0, 15, 2), (15, 30, 4), (30, float("inf"), 8)],
                 in_steps=[(-float("inf"), 0, -1)])
    if kind == "tracking":
        return [TargetTracking(**common)]
    if kind == "step":
        return [StepScaling(**common, **steps)]
    return [SimpleScaling(**common, out=3, in_=-2, cooldown=more["low_points"] * 40.0)]


def rig(rates, boot, warmup, plain):
    sim = Simulation(1, len(rates) * 10.0)
    if plain:
        tier = PlainTier(sim, rates, 100.0)

        def release(instance):
            tier.change(-1)
            return sim.now
        fleet = Fleet(sim, "fleet", boot, on_service=lambda i: tier.change(1), on_release=release)
    else:
        tier = WebTier(sim, "tier", 100.0, rates)
        fleet = Fleet(sim, "fleet", boot, consumes=tier)
    group = Group(sim, "group", fleet, desired=5, min_size=2, max_size=30, warmup=warmup)
    return sim, tier, group


@pytest.mark.parametrize("kind", ["tracking", "step", "simple"])
@pytest.mark.parametrize("period", [10, 30, 60, 300])
def test_the_watchman_sees_what_plain_alarms_see(kind, period):
    """Random traffic and settings: the same actions at the same times, and the same misses, as
    with `cloudwatch.Alarm` evaluated every minute."""
    rng = np.random.default_rng(7)
    acted = 0
    for _ in range(12):
        curve = 400 + 300 * np.sin(np.arange(1_440) / rng.uniform(20, 200))
        curve += rng.normal(0, 40, 1_440)
        curve[600:700] *= rng.uniform(1, 3)
        rates = np.maximum(curve, 0.0)
        boot, warmup = rng.choice([15.0, 90.0, 333.0]), rng.choice([0.0, 120.0, 300.0])
        more = dict(high_points=int(rng.choice([1, 3])), low_points=int(rng.choice([1, 5, 15])),
                    low=float(rng.choice([0.7, 0.95])))

        sim, tier, group = rig(rates, boot, warmup, plain=True)
        metric = (Metric(sim, "CPU", lambda tier=tier: tier.mean_cpu(period), period)
                  if period <= 60 else Published(sim, tier, period))
        for policy in policies(kind, group, **more):
            watchman = Watchman(policy, tier, period)
            for high, points, threshold in ((True, more["high_points"], 50.0),
                                            (False, more["low_points"], more["low"] * 50.0)):
                Alarm(sim, f"{high}", metric, threshold=threshold, above=high, m=points, n=points,
                      action=partial(watchman.hear, high=high))
        sim.run()
        tier.advance()

        quick, web, watched = rig(rates, boot, warmup, plain=False)
        CpuAlarms(quick, "CPU", watched, web, policies(kind, watched, **more), period)
        quick.run()

        def actions(run):
            return [(e.t, e.text.split(" (")[0]) for e in run.events if e.kind.startswith("scale")]
        assert actions(quick) == actions(sim)
        assert 10 * (rates - web.served).sum() == pytest.approx(tier.missed, abs=1e-6)
        acted += len(actions(quick))
    assert acted > 50


def shop(sim, tiers=1, quick=True, policies=1):
    """Web tiers that target tracking scales on CPU."""
    for n in range(tiers):
        web = WebTier(sim, f"web{n}", each=400)
        servers = Fleet(sim, f"servers{n}", boot=90, consumes=web)
        group = Group(sim, f"group{n}", servers, min_size=2 + 3 * n, max_size=12 + n)
        metric = None if quick else web.cpu_metric()
        made = [TargetTracking(group, metric, target=60 + 15 * k, name=f"policy {n} {k}")
                for k in range(policies)]
        if quick:
            CpuAlarms(sim, f"CPU{n}", group, web, made)
        sim.send(ls.ramp(400, 5, start=1_200, length=900), to=web, name=f"clients{n}")


def test_a_web_tier_in_a_system_of_ones_own():
    """The group grows to the load at the target; all laws hold; the alarms are in the log."""
    r = ls.simulate(shop, duration=7_200)
    assert r.summary["group0.desired_mean"] > 5 and r.series["servers0.in_service"].value[-1] == 9
    assert all(law.holds(r) for law in r.lab.invariants)
    assert {e.text.split(" is ")[0] for e in r.events if e.kind == "alarm"} >= {
        "CPU0: alarm high"}
    assert r.series["CPU0.alarm_high"].value.max() == 1


def test_plain_alarms_on_the_tiers_metric_ring_first_when_the_quick_ones_do():
    """The same datapoints, so the first action is the same."""
    first = [next((e.t, e.text) for e in ls.simulate(
        shop, duration=7_200, quick=quick).events if e.kind == "scale-out")
        for quick in (True, False)]
    assert first[0] == first[1]


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("boot", [20, 55, 60, 90])
def test_a_tier_comes_to_what_the_load_needs_whenever_its_instances_enter_service(boot, quick):
    """2,000/s of 400 each at 60% are 9 instances: the CPU of a minute in which some come is of
    those who were there."""
    def build(sim):
        web = WebTier(sim, "web", each=400)
        servers = Fleet(sim, "servers", boot, consumes=web)
        group = Group(sim, "group", servers, min_size=2, max_size=100)
        policy = TargetTracking(group, None if quick else web.cpu_metric(), target=60)
        if quick:
            CpuAlarms(sim, "CPU", group, web, [policy])
        sim.send(ls.spike(400, 5, start=300, length=1_500), to=web)
    assert ls.simulate(build, 1_800).summary["servers.instances_max"] == 9


def test_two_policies_with_thresholds_of_their_own():
    """The larger wish wins; an alarm is on while any of its direction is."""
    one, two = (ls.simulate(shop, duration=7_200, policies=n) for n in (1, 2))
    assert [e.text for e in two.events if e.kind == "scale-out"] == [
        e.text for e in one.events if e.kind == "scale-out"]
    assert two.summary["web0.failed"] == one.summary["web0.failed"]


def test_two_tiers_do_not_mix():
    """Beside a second one the first does what it does alone."""
    alone, both = (ls.simulate(shop, duration=7_200, tiers=n) for n in (1, 2))
    for name, value in alone.summary.items():
        if name != "cost_usd":
            assert both.summary[name] == value
    assert both.summary["servers1.instances_max"] >= 5


def test_bad_arguments_of_the_quick_alarms():
    """A period that CloudWatch has not; a policy of another group, or with a metric."""
    sim = Simulation(1, 600.0)
    web = WebTier(sim, "web", 100.0, np.zeros(60))
    groups = [Group(sim, f"group{n}", Fleet(sim, f"fleet{n}", consumes=web), min_size=1,
                    max_size=2) for n in (0, 1)]
    policy = TargetTracking(groups[0], None, target=50)
    seeing = TargetTracking(groups[0], web.cpu_metric(), target=50, name="seeing")
    for name, wrong in (("period", (groups[0], web, [policy], 45)),
                        ("policies", (groups[1], web, [policy], 60)),
                        ("policies", (groups[0], web, [seeing], 60))):
        with pytest.raises(ParameterError) as caught:
            CpuAlarms(sim, f"alarms {len(sim.parts)}", *wrong)
        assert caught.value.name == name
