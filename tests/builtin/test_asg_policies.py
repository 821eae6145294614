"""Auto Scaling policies side by side: who fails, who pays, and which setting is whose."""

import numpy as np
import pytest

import labsim
from labsim.builtin.asg_policies import story
from labsim.errors import ParameterError

LAB = labsim.lab("asg-policies")


# -- side by side -----------------------------------------------------------------------------

def test_whoever_is_watched_changes_nothing():
    """The table of all six is the same, whichever group is in the spotlight."""
    def comparison(policy):
        s = LAB.run(LAB.Params(policy=policy), 3).summary
        return {k: v for k, v in s.items() if k.startswith(("failed_", "cost_"))
                and k not in ("failed_share", "cost_usd")}
    first = comparison("target-tracking")
    assert len(first) == 12
    assert all(comparison(policy) == first for policy in ("step", "predictive", "together"))


def test_a_setting_of_one_policy_leaves_the_others_alone():
    """Common random numbers: the cooldown is simple scaling's, the schedule the scheduled one's."""
    plain = LAB.run(LAB.Params()).summary
    other = LAB.run(LAB.Params(cooldown=900, schedule_size=24, prelaunch=900)).summary
    changed = {k for k in plain if plain[k] != other[k]}
    assert changed == {"failed_simple", "cost_simple", "failed_scheduled", "cost_scheduled",
                       "cost_predictive", "cost_together"} & changed
    assert {"cost_simple", "cost_scheduled", "cost_predictive"} <= changed


def test_predictive_scaling_never_scales_in_and_tracking_does():
    """An ordinary day: as many at midnight as at noon; `together` goes down with the load."""
    r = LAB.run(LAB.Params(flash_factor=1, policy="predictive"))
    assert r.summary["scale_ins"] == 0
    assert (np.diff(r.series["in_service_predictive"].value) >= 0).all()
    together = r.series["in_service_together"].value
    assert together[-1] < together.max() / 2


def test_predictive_scaling_launches_before_the_hour():
    """Each scale-out `prelaunch` s before an hour, so that the instances serve when it begins."""
    r = LAB.run(LAB.Params(flash_factor=1, policy="predictive", variability=0, prelaunch=300))
    times = [e.t for e in r.events if e.kind == "scale-out"]
    assert times and all((t + 300) % 3_600 == 0 for t in times)


def test_scheduled_actions_come_every_day():
    """Two days: up at the start, down to the minimum at the end, twice."""
    r = LAB.run(LAB.Params(policy="scheduled", duration=172_800, schedule_start=3_600,
                           schedule_end=7_200))
    acted = [(e.t, e.text.split(": ")[1].split(" (")[0]) for e in r.events
             if e.kind.startswith("scale")]
    assert acted == [(t + day, text) for day in (0, 86_400) for t, text in (
        (3_600, "+14 instances to 18"), (7_200, "-14 instances to 4"))]


def test_a_group_oscillates_without_warm_up_and_cooldown():
    """The same traffic; with them nothing fails."""
    nervous, patient = (LAB.run(LAB.preset(n)).summary for n in "67")
    assert nervous["reversals"] > 10 and nervous["failed_share"] > 3
    assert patient["reversals"] == 0 and patient["failed"] == 0


# -- one action on a datapoint ---------------------------------------------------------------

STALE = {"workload": "steady", "arrival_rate": 1_200, "instance_capacity": 400, "instances": 12,
         "min_size": 2, "schedule_size": 12, "metric_period": 300, "low_datapoints": 3,
         "duration": 14_400, "variability": 0, "flash_factor": 1}


def sizes(r):
    """[(time, desired capacity)] as the log tells it."""
    return [(e.t, int(e.text.split(" to ")[1].split()[0])) for e in r.events
            if e.kind.startswith("scale")]


def test_a_five_minute_metric_is_acted_on_once():
    """Twelve instances at a quarter of their CPU, where five are needed: gradually, one action each
    five minutes, none below the need, nothing fails (AWS: "scales in more gradually")."""
    r = LAB.run(LAB.Params(**STALE))
    assert sizes(r) == [(900, 11), (1_200, 10), (1_500, 9), (1_800, 8), (2_100, 7)]
    assert r.summary["failed"] == r.summary["failed_step"] == r.summary["failed_simple"] == 0


@pytest.mark.parametrize("policy", ["target-tracking", "step", "simple", "together"])
@pytest.mark.parametrize("period", [10, 60, 300])
def test_between_two_actions_lies_a_datapoint(policy, period):
    """On the default day, with alarms of one datapoint, for every policy that reacts."""
    r = LAB.run(LAB.Params(policy=policy, metric_period=period, high_datapoints=1,
                           low_datapoints=1, warmup=0, cooldown=0))
    acted = [e.t // period for e in r.events if e.kind.startswith("scale")
             and "predictive" not in e.text.split("(")[1]]
    assert len(acted) > 20 and len({*acted}) == len(acted)


def test_a_queues_policies_act_once_on_a_datapoint_too():
    """sqs-asg: a metric of five minutes is acted on every five minutes at most, and an empty queue
    is no reason to dismiss all at once."""
    lab = labsim.lab("sqs-asg")
    for policy in ("target-tracking", "step", "simple"):
        r = lab.run(lab.Params(metric_period=300, low_datapoints=3, cooldown=0, policy=policy))
        acted = sizes(r)
        assert len(acted) > 3
        assert all(later - t >= 300 for (t, _), (later, _) in zip(acted, acted[1:]))
        if policy == "target-tracking":
            assert all(n - fewer <= n // 10 for (_, n), (_, fewer) in zip(acted, acted[1:]))


@pytest.mark.parametrize("period", [10, 60, 300])
def test_tracking_does_not_saw_on_a_steady_load(period):
    """Steady loads of all magnitudes, with the noise of the default, for a day: it may turn once,
    and in a few of the runs twice; nothing fails once it has settled.
    """
    rng, turned = np.random.default_rng(period), []
    for seed in range(30):
        needed, target = float(np.exp(rng.uniform(np.log(0.5), np.log(60)))), rng.uniform(30, 85)
        start = int(np.clip(needed * rng.choice([0.5, 1, 4]), 1, 200))
        r = LAB.run(LAB.Params(
            workload="steady", flash_factor=1, arrival_rate=needed * 10 * target, target=target,
            metric_period=period, instances=start, min_size=1, max_size=200,
            schedule_size=start), seed)
        moves = np.sign(np.diff([start, *(n for _, n in sizes(r))]))
        turned.append(int((np.diff(moves) != 0).sum()))
        settled = r.series["failed"].value[-1] - np.interp(21_600, r.series["failed"].t,
                                                           r.series["failed"].value)
        assert settled == 0
    assert max(turned) <= 3 and sum(turns > 1 for turns in turned) <= 2, turned


# -- until it serves --------------------------------------------------------------------------

@pytest.mark.parametrize("values, serves", [
    ({}, 90), ({"boot": "user-data"}, 330), ({"hook_time": 100}, 190),
    ({"boot": "stopped"}, 80), ({"boot": "stopped", "warm_pool": 0}, 330),
    ({"boot": "hibernated", "ram": 10}, 20 + 10 * 1_024 / 125)])
def test_how_long_an_instance_takes_to_serve(values, serves):
    """Boot, user data, start, hook; out of a pool its start and that of the application, out of
    hibernation its memory instead; with the pool empty all that made it."""
    r = LAB.run(LAB.Params(**{"warm_pool": 14, **values}, boot_time=30, restart_time=20,
                           workload="steady", flash_factor=1, variability=0, duration=7_200,
                           policy="scheduled", schedule_start=1_000, schedule_end=7_200))
    level = r.series["booting"]
    last = level.t[np.flatnonzero(level.value)][-1]
    assert last == pytest.approx(1_000 + serves, abs=level.t[1])
    assert r.summary["launch_s"] == pytest.approx(serves)


def test_a_stopped_pool_pays_for_less_disk_than_a_hibernated_one():
    """Hibernated instances keep their memory on it: 4 GB beside 8 of the system."""
    disks = {boot: LAB.run(LAB.Params(boot=boot, policy="scheduled", instances=18,
                                      min_size=18)).cost["Warm pool"]
             for boot in ("stopped", "hibernated")}
    assert disks["hibernated"] == pytest.approx(disks["stopped"] * 12 / 8)


def test_a_hook_that_times_out_gives_every_launch_up():
    """Four at the start, and no more; with a timeout as long as its work all come."""
    late = LAB.preset("10")
    assert LAB.run(late).summary["instances_max"] == 4 < LAB.run(late).summary["launches"]
    assert LAB.run(late.changed(hook_timeout=late.hook_time)).summary["instances_max"] > 5


# -- zones, templates, Spot -------------------------------------------------------------------


def test_a_days_breathing_renews_the_group():
    """With the default policy no instance of the old template is left, with the newest ones are."""
    left = {t: LAB.run(LAB.Params(termination=t)).summary["old_template"]
            for t in ("default", "newest-instance")}
    assert left["default"] == 0 < left["newest-instance"]


def test_two_minutes_are_enough_for_a_successor_that_boots_in_less():
    """The same reclaims: replaced at the notice nothing fails, replaced afterwards some does."""
    spot = LAB.preset("9").changed(boot="golden-ami")
    late, early = (LAB.run(spot.changed(rebalance=r)).summary for r in (False, True))
    assert early["failed"] == 0 < late["failed"] and early["spot_lost"] > 5


def test_a_reclaimed_instance_goes_after_its_notice():
    """Between the notice and 120 s later it serves; then its zone is empty of Spot."""
    r = LAB.run(LAB.preset("9").changed(policy="scheduled", spot_share=100, reclaims=3))
    notices = [e for e in r.events if e.kind == "spot"]
    assert notices and all("notice, 120 s" in e.text for e in notices)
    series = r.series["in_service"]
    first = notices[0].t
    before, after = (series.value[np.searchsorted(series.t, first + s) - at]
                     for s, at in ((0, 1), (130, 0)))
    assert after == before - int(notices[0].text.split(": ")[1].split()[0])


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
    ({"boot": "stopped", "spot_share": 50}, "spot_share"),
    ({"boot": "hibernated", "spot_share": 50}, "spot_share")])
def test_rules_across_fields(values, name):
    """Refused with the field to change."""
    with pytest.raises(ParameterError) as caught:
        LAB.Params(**values)
    assert caught.value.name == name


def test_a_day_takes_no_longer_at_ten_thousand_times_the_rate():
    """Counted: the cost is the cells' and the control plane's."""
    slow, fast = (LAB.estimate(LAB.Params(arrival_rate=rate, instance_capacity=rate)).seconds
                  for rate in (10, 100_000))
    assert slow == fast


def test_what_travels_on_the_stage_adds_up():
    """To each group comes the same, which it serves or misses."""
    s = labsim.run("asg-policies").series
    for name in story.NAMES:
        served, failed = (s[f"{what}_rate_{name}"].value for what in ("completed", "failed"))
        assert served + failed == pytest.approx(s["offered_rate"].value)
