"""Auto Scaling policies side by side: who fails, who pays, and which setting is whose."""

import numpy as np
import pytest

import labsim
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


# -- until it serves --------------------------------------------------------------------------

@pytest.mark.parametrize("values, serves", [
    ({}, 90), ({"boot": "user-data"}, 330), ({"hook_time": 100}, 190),
    ({"boot": "hibernated", "ram": 10}, 30 + 10 * 1_024 / 125)])
def test_how_long_an_instance_takes_to_serve(values, serves):
    """Boot, user data, start, hook; out of hibernation its memory instead."""
    r = LAB.run(LAB.Params(**values, workload="steady", flash_factor=1, variability=0,
                           duration=7_200, policy="scheduled", schedule_start=1_000,
                           schedule_end=7_200))
    level = r.series["booting"]
    last = level.t[np.flatnonzero(level.value)][-1]
    assert last == pytest.approx(1_000 + serves, abs=level.t[1])


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
