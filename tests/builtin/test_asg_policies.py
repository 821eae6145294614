"""Auto Scaling policies side by side: the quick alarms against plain ones, rule by rule."""

import math
import statistics

import numpy as np
import pytest
import simpy

import labsim
from labsim.engine import Cancelled, Order, Simulation, stream
from labsim.errors import ParameterError
from labsim.services.autoscaling import predictive as scaling_ahead
from labsim.services.autoscaling.cpu_alarms import Act, Watch, tell
from labsim.services.autoscaling.group import Group, terminated
from labsim.services.autoscaling.policies import SimpleScaling, StepScaling, TargetTracking
from labsim.services.cloudwatch.alarms import Alarm, Metric
from labsim.services.ec2 import launch as lifecycle
from labsim.services.ec2.fleet import Fleet, Instance
from labsim.services.elb.web_tier import WebTier, traffic

LAB = labsim.lab("asg-policies")


# -- the watchman against the plain alarms ----------------------------------------------------

class PlainTier:
    """CPU from the requests and the instances, kept second by second in between changes."""

    def __init__(self, sim, rates, each):
        self.sim, self.rates, self.each = sim, rates, each
        self.count, self.busy, self.missed, self.at = 0, 0.0, 0.0, 0.0

    def change(self, by):
        self.advance()
        self.count += by

    def advance(self):
        while self.at < self.sim.now:
            k = int(self.at // 10)
            until = min((k + 1) * 10.0, self.sim.now)
            served = min(self.rates[k], self.count * self.each)
            self.busy += (until - self.at) * served / (self.count * self.each)
            self.missed += (until - self.at) * (self.rates[k] - served)
            self.at = until

    def mean_cpu(self, seconds):
        self.advance()
        busy, self.busy = self.busy, 0.0
        return 100 * busy / seconds


class Published:
    """A metric of one datapoint every `period` s, however long: basic monitoring."""

    name, resolution = "CPU", 60.0

    def __init__(self, sim, tier, period):
        self.values = []

        def publishing():
            for n in range(1, int(sim.duration // period) + 1):
                yield sim.until(n * period, Order.METRIC)
                self.values.append(tier.mean_cpu(period))
        sim.process(publishing())

    def datapoints(self, count):
        return ([None] * count + self.values)[-count:]


def policies(kind, group, sim, **more):
    common = dict(sim=sim, group=group, metric=None, threshold=50.0, **more)
    steps = dict(out_steps=[(0, 15, 2), (15, 30, 4), (30, float("inf"), 8)],
                 in_steps=[(-float("inf"), 0, -1)])
    return {"tracking": [TargetTracking(**common)], "step": [StepScaling(**common, **steps)],
            "simple": [SimpleScaling(**common, out=3, in_=-2, cooldown=more["low_points"] * 40.0)]}[
                kind]


def rig(rates, boot, warmup, plain):
    sim = Simulation(1, len(rates) * 10.0)
    tier = (PlainTier if plain else WebTier)(sim, rates, 100.0)
    enter = (lambda i: tier.change(1)) if plain else tier.add
    fleet = Fleet(sim, boot, enter)

    def release(instance):
        tier.change(-1) if plain else tier.remove(instance)
        return sim.now
    group = Group(sim, fleet, desired=5, min_size=2, max_size=30, warmup=warmup, release=release)
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
        for policy in policies(kind, group, sim, **more):
            for high, points, threshold in ((True, more["high_points"], 50.0),
                                            (False, more["low_points"], more["low"] * 50.0)):
                Alarm(sim, f"{high}", metric, threshold=threshold, above=high, m=points, n=points,
                      action=lambda value, high=high, policy=policy, sim=sim, group=group: tell(
                          policy, Act(group, sim.now), value, high))
        sim.run()
        tier.advance()

        quick, web, watched = rig(rates, boot, warmup, plain=False)
        Watch(quick, watched, web, policies(kind, watched, quick, **more), period)
        quick.run()
        web.finish()

        def actions(run):
            return [(e.t, e.text.split(" (")[0]) for e in run.events if e.kind.startswith("scale")]
        assert actions(quick) == actions(sim)
        assert 10 * (rates - web.served).sum() == pytest.approx(tier.missed, abs=1e-6)
        acted += len(actions(quick))
    assert acted > 50


# -- side by side -----------------------------------------------------------------------------

def test_whoever_is_watched_changes_nothing():
    """The table of all six is the same, whichever group is in the spotlight."""
    def comparison(policy):
        s = LAB.run(LAB.Params(policy=policy), 3).summary
        return {k: v for k, v in s.items() if k.startswith(("missed_", "cost_"))
                and k not in ("missed_share", "cost_usd")}
    first = comparison("target-tracking")
    assert len(first) == 12
    assert all(comparison(policy) == first for policy in ("step", "predictive", "together"))


def test_a_setting_of_one_policy_leaves_the_others_alone():
    """Common random numbers: the cooldown is simple scaling's, the schedule the scheduled one's."""
    plain = LAB.run(LAB.Params()).summary
    other = LAB.run(LAB.Params(cooldown=900, schedule_size=12, prelaunch=900)).summary
    changed = {k for k in plain if plain[k] != other[k]}
    assert changed == {"missed_simple", "cost_simple", "missed_scheduled", "cost_scheduled",
                       "cost_predictive", "cost_together"} & changed
    assert {"cost_simple", "cost_scheduled", "cost_predictive"} <= changed


def test_predictive_scaling_never_scales_in_and_tracking_does():
    """An ordinary day: as many at midnight as at noon; `together` goes down with the load."""
    r = LAB.run(LAB.Params(flash_factor=1, policy="predictive"))
    assert r.summary["scale_ins"] == 0
    assert (np.diff(r.series["in_predictive"].value) >= 0).all()
    assert r.series["in_together"].value[-1] < r.series["in_together"].value.max() / 2


def test_predictive_scaling_launches_before_the_hour():
    """Each scale-out `prelaunch` s before an hour, so that the instances serve when it begins."""
    r = LAB.run(LAB.Params(flash_factor=1, policy="predictive", variability=0, prelaunch=300))
    times = [e.t for e in r.events if e.kind == "scale-out"]
    assert times and all((t + 300) % 3_600 == 0 for t in times)


@pytest.mark.parametrize("forecast, top, buffer, effective", [
    (50, 40, 10, 55), (30, 40, 10, 40), (40, 40, 10, 44), (7, 4, 0, 7), (9, 4, 25, 12)])
def test_a_forecast_may_increase_the_maximum_up_to_its_buffer(forecast, top, buffer, effective):
    """PredictiveScalingConfiguration: 50 over 40 with 10% makes 55; honored, it stays 40."""
    assert scaling_ahead.most(top, forecast, "increase", buffer) == effective
    assert scaling_ahead.most(top, forecast, "honor", buffer) == top


def test_scheduled_actions_come_every_day():
    """Two days: up at the start, down to the minimum at the end, twice."""
    r = LAB.run(LAB.Params(policy="scheduled", duration=172_800, schedule_start=3_600,
                           schedule_end=7_200))
    assert [(e.t, e.text.split(" (")[0]) for e in r.events if e.kind.startswith("scale")] == [
        (t + day, text) for day in (0, 86_400) for t, text in (
            (3_600, "+7 instances to 9"), (7_200, "-7 instances to 2"))]


def test_the_nervous_group_swings_and_the_patient_one_does_not():
    """The same traffic; the patient one misses nothing."""
    nervous, patient = (LAB.run(LAB.preset(n)).summary for n in "67")
    assert nervous["reversals"] > 10 and nervous["missed_share"] > 3
    assert patient["reversals"] == 0 and patient["missed"] == 0


# -- until it serves --------------------------------------------------------------------------

@pytest.mark.parametrize("values, serves", [
    ({}, 90), ({"boot": "user-data"}, 330), ({"hook_time": 100}, 190),
    ({"boot": "hibernated", "ram": 10}, 30 + 10 * 1_024 / 125)])
def test_how_long_an_instance_takes_to_serve(values, serves):
    """Boot, user data, start, hook; out of hibernation its memory instead."""
    r = LAB.run(LAB.Params(**values, workload="steady", flash_factor=1, variability=0,
                           duration=7_200, policy="scheduled", schedule_start=1_000,
                           schedule_end=7_200))
    level = r.series["instances_booting"]
    last = level.t[np.flatnonzero(level.value)][-1]
    assert last == pytest.approx(1_000 + serves, abs=level.t[1])


def test_a_warm_pool_that_is_empty_is_a_cold_start():
    """Four come out of it, the fifth boots like any other; the pool fills up again."""
    pool = lifecycle.WarmPool(Simulation(1, 1_000), 4, resume=40.0, cold=90.0)
    assert [pool.take() for _ in range(5)] == [40, 40, 40, 40, 90]
    pool.sim.run()
    assert pool.ready == 4 and pool.prepared == 4


def test_a_hook_that_times_out_gives_every_launch_up():
    """Two at the start, and no more; with a timeout as long as its work all come."""
    late = LAB.preset("10")
    assert LAB.run(late).summary["instances_max"] == 2 < LAB.run(late).summary["launches"]
    assert LAB.run(late.changed(hook_timeout=late.hook_time)).summary["instances_max"] > 5


# -- zones, templates, Spot -------------------------------------------------------------------

@pytest.mark.parametrize("policy, gone", [("default", "b1"), ("oldest-instance", "a0"),
                                          ("newest-instance", "b2")])
def test_termination_begins_with_the_fullest_zones(policy, gone):
    """Zones a and b have three each, c one; in them the oldest template, instance, newest."""
    made = [("a", 0.0, 1), ("b", 10.0, 0), ("b", 90.0, 1), ("a", 20.0, 1), ("a", 30.0, 1),
            ("b", 40.0, 1), ("c", 0.0, 0)]
    alive = [Instance(n, zone, t, template) for n, (zone, t, template) in enumerate(made)]
    assert {"a0": 0, "b1": 1, "b2": 2}[gone] == terminated(
        policy, alive, 100.0, stream(1, "test")).id


def test_a_days_breathing_renews_the_group():
    """With the default policy no instance of the old template is left, with the newest ones are."""
    left = {t: LAB.run(LAB.Params(termination=t)).summary["old_template"]
            for t in ("default", "newest-instance")}
    assert left["default"] == 0 < left["newest-instance"]


def test_two_minutes_are_enough_for_a_successor_that_boots_in_less():
    """The same reclaims: replaced at the notice nothing is missed, replaced afterwards some is."""
    spot = LAB.preset("9").changed(boot="golden-ami")
    late, early = (LAB.run(spot.changed(rebalance=r)).summary for r in (False, True))
    assert early["missed"] == 0 < late["missed"] and early["spot_lost"] > 5


def test_a_reclaimed_instance_goes_after_its_notice():
    """Between the notice and 120 s later it serves; then its zone is empty of Spot."""
    r = LAB.run(LAB.preset("9").changed(policy="scheduled", spot_share=100, reclaims=3))
    notices = [e for e in r.events if e.kind == "spot"]
    assert notices and all("notice, 120 s" in e.text for e in notices)
    series = r.series["instances_in_service"]
    first = notices[0].t
    before, after = (series.value[np.searchsorted(series.t, first + s)] for s in (0, 300))
    assert after == before - int(notices[0].text.split()[0])


def test_spot_costs_what_is_left_of_the_price():
    """All Spot at a discount of 75%: a quarter, but for the monitoring."""
    base = LAB.Params(policy="scheduled", reclaims=0)
    cost = {share: LAB.run(base.changed(spot_share=share, spot_discount=75)).cost
            for share in (0, 100)}
    assert cost[100]["Spot"] == pytest.approx(cost[0]["On-Demand"] / 4)
    assert cost[100]["Detailed monitoring"] == cost[0]["Detailed monitoring"]


@pytest.mark.parametrize("values, name", [
    ({"min_size": 30, "max_size": 20}, "min_size"), ({"instances": 50}, "instances"),
    ({"schedule_size": 1}, "schedule_size"), ({"metric_period": 45}, "metric_period"),
    ({"low_datapoints": 30, "metric_period": 3_600}, "low_datapoints"),
    ({"boot": "hibernated", "spot_share": 50}, "spot_share")])
def test_rules_across_fields(values, name):
    """Refused with the field to change."""
    with pytest.raises(ParameterError) as caught:
        LAB.Params(**values)
    assert caught.value.name == name


# -- the counted tier against requests one by one ---------------------------------------------

def one_by_one(seed, rates, each, changes):
    """Requests of a Poisson process, each served at once if one of n x `each` places of the
    present second is free, after plain SimPy: those that find none are missed."""
    env, rng = simpy.Environment(), np.random.default_rng(seed)
    state = {"n": changes[0][1], "missed": 0, "window": -1, "used": 0}

    def scaling():
        for t, n in changes[1:]:
            yield env.timeout(t - env.now)
            state["n"] = n

    def requests():
        for k, rate in enumerate(rates):
            for t in np.sort(rng.uniform(10 * k, 10 * k + 10, rng.poisson(10 * rate))):
                yield env.timeout(max(t - env.now, 0))
                window = int(env.now // 10)
                if window != state["window"]:
                    state["window"], state["used"] = window, 0
                if state["used"] >= state["n"] * each * 10:
                    state["missed"] += 1
                else:
                    state["used"] += 1
    env.process(scaling())
    env.process(requests())
    env.run()
    return state["missed"]


def test_the_counted_tier_misses_what_requests_one_by_one_miss():
    """A load that rises over the capacity of two, then three instances: the means of twenty
    replications each lie in the 99% interval of their difference."""
    rates, changes = np.array([8.0] * 6 + [14.0] * 6 + [20.0] * 6), [(0, 2), (120, 3)]
    differences = []
    for seed in range(20):
        sim = Simulation(seed, 180.0)
        counted = traffic(rates, 0.0, 180.0, sim.stream("arrivals"), sim.stream("variability"))
        tier = WebTier(sim, counted, 5.0)
        fleet = Fleet(sim, 0.0, tier.add, boots=lambda: (120.0, True))
        for _ in range(2):
            fleet.launch(ready=True)
        fleet.launch()
        sim.run()
        tier.finish()
        missed = 10 * (counted - tier.served).sum()
        differences.append(missed - one_by_one(seed + 100, rates, 5.0, changes))
    half = 2.861 * statistics.stdev(differences) / math.sqrt(20)
    print(f"measured: counted minus one by one: {statistics.mean(differences):.1f} +- {half:.1f}")
    assert abs(statistics.mean(differences)) <= half < 60


def test_a_day_takes_no_longer_at_ten_thousand_times_the_rate():
    """Counted: the cost is the cells' and the control plane's."""
    slow, fast = (LAB.estimate(LAB.Params(arrival_rate=rate, instance_capacity=rate)).seconds
                  for rate in (10, 100_000))
    assert slow == fast


def test_a_run_beside_a_run_has_the_same_dice_and_a_record_of_its_own():
    """`Simulation.beside`: same seed, same length, nothing shared but the stop button."""
    sim = Simulation(5, 100.0, points=50)
    other = sim.beside()
    assert (other.seed, other.duration, len(other.record.t)) == (5, 100.0, 51)
    assert other.stream("a").random() == sim.stream("a").random()
    other.log("x", "y")
    other.record.level("level", 0.0, 1.0)
    assert sim.events == [] and sim.record.changes("level") == []
    assert other.record.changes("level") == [(0.0, 1.0)]
    sim.cancel()
    with pytest.raises(Cancelled):
        other.check()
