"""What the lab `asg-policies` measures, tells, draws and guarantees."""

import numpy as np

from labsim import declare as kit
from labsim.builtin.asg_policies.model import SHORT
from labsim.builtin.asg_policies.params import POLICIES
from labsim.declare import Box, Count, Line, Link, Metric, Panel, Preset
from labsim.services.autoscaling import Group
from labsim.services.autoscaling.rules import needed
from labsim.services.ec2 import Fleet, Reclaims
from labsim.services.ec2.bill import instance_hours
from labsim.services.ec2.fleet import ZONES
from labsim.services.elb.web_tier import CELL, WebTier

NAMES = [SHORT.get(policy, policy) for policy in POLICIES]


def zones_uneven(o) -> float:
    """The largest difference between two zones at any recorded instant."""
    return np.ptp(np.array([o.curve(f"zone_{zone}") for zone in ZONES]), axis=0).max()


METRICS = (
    *kit.of_part("tier", WebTier.METRICS),
    *kit.of_part("fleet", Fleet.METRICS, "instances_mean", "instances_max", "launch_s"),
    Count("launches", "instances", "instances launched during the run", "",
          lambda o: len(o.fleet.all) - o.p.instances),
    *kit.of_part("group", Group.METRICS, "scale_outs", "scale_ins", "reversals"),
    *kit.of_part("reclaims", Reclaims.METRICS),
    Count("zones_uneven", "instances", "largest difference between two zones", "lower",
          zones_uneven, label="zones, most apart"),
    Count("old_template", "instances", "instances of the old launch template at the end", "lower",
          lambda o: sum(i.state == "in service" and i.template < o.fleet.template
                        for i in o.fleet.instances)),
    Metric("instance_hours", "h", "instance hours billed", "lower",
           lambda o: sum(instance_hours(o.fleet.all, o.sim.now))),
    Metric("cost_usd", "USD", "instances, monitoring, warm pool of the chosen group", "lower",
           kit.Outcome.total_cost),
    *(metric for name, policy in zip(NAMES, POLICIES) for metric in (
        Count(f"failed_{name}", "requests", f"failed in the group '{name}'", "lower",
              lambda o, policy=policy: o.sites[policy].tier.failed[-1],
              aliases=(f"missed_{name}",)),
        Metric(f"cost_{name}", "USD", f"cost of the group '{name}'", "lower",
               lambda o, policy=policy: o.costs[policy]))),
)

RISE = {"workload": "ramp", "flash_factor": 1, "duration": 7_200, "schedule_end": 7_200,
        "schedule_start": 3_600}
LATE = {**RISE, "metric_period": 300, "boot": "user-data", "low_datapoints": 3}
EVEN = {"workload": "steady", "arrival_rate": 12_000, "instances": 20, "flash_factor": 1,
        "duration": 7_200, "variability": 0.1, "schedule_size": 20, "max_size": 40}
NERVOUS = {**EVEN, "metric_period": 300, "high_datapoints": 1, "low_datapoints": 1,
           "low_ratio": 0.95, "warmup": 0, "cooldown": 0, "scale_out_by": 6, "scale_in_by": 14,
           "policy": "step"}

RISES = ("failed_share", "launch_s", "instances_max", "cost_usd")
HELP = ("metric_period", "boot", "user_data_time", "policy")
SWINGS = ("reversals", "failed_share", "instances_max", "cost_usd")
CALM = ("warmup", "cooldown", "low_ratio", "scale_out_by", "metric_period")

PRESETS = (
    Preset("Six scaling policies", "One day and a flash crowd at four, the same for six groups: "
                                   "watch where the traffic rises above a group's capacity.",
           headline=tuple(f"failed_{name}" for name in ("tracking", "simple", "scheduled",
                                                        "predictive")),
           hand=("policy", "flash_factor", "peak_factor", "target"), moment=58_200),
    Preset("Basic monitoring, user data", "The load rises to five times in a quarter of an hour; "
           "the metric comes every five minutes, and a script installs the software at boot.",
           LATE, RISES, HELP, 2_100),
    Preset("Detailed monitoring", "The same rise, seen every minute.",
           {**LATE, "metric_period": 60, "low_datapoints": 15}, RISES, HELP, 2_100),
    Preset("Golden AMI", "And with everything installed in the image.", RISE, RISES, HELP,
           2_100),
    Preset("Hibernated warm pool", "And out of hibernation: a warm pool of sixteen.",
           {**RISE, "boot": "hibernated", "warm_pool": 16}, RISES,
           ("warm_pool", *HELP), 2_100),
    Preset("Oscillation", "A steady load. Orders are large, nobody waits for what the last one "
                          "did, and the low alarm rings just below the target.", NERVOUS, SWINGS,
           CALM, 5_400),
    Preset("Warm-up and cooldown", "The same load and the same large orders, but with warm-up, "
                                   "cooldown, and a low alarm far below the target that takes its "
                                   "time.",
           {**NERVOUS, "warmup": 600, "cooldown": 600, "low_datapoints": 4, "low_ratio": 0.7},
           SWINGS, CALM, 5_400),
    Preset("Forecast too low", "All groups have known quieter days: today brings twice the load "
                               "of the last two weeks.",
           {"today_factor": 2, "flash_factor": 1, "policy": "together", "max_size": 40},
           ("failed_scheduled", "failed_predictive", "failed_together", "cost_together"),
           ("policy", "schedule_size"), 43_200),
    Preset("Spot reclaims", "Four of five instances are Spot; now and then a whole zone is "
                            "wanted back, in two minutes.",
           {"spot_share": 80, "reclaims": 6, "flash_factor": 1, "boot": "user-data",
            "rebalance": False, "target": 80},
           ("spot_lost", "failed_share", "zones_uneven", "cost_usd"), ("boot",), 39_600),
    Preset("Launch hook times out", "A launch hook that takes longer than its timeout: instances "
                                    "are paid, given up, launched again.",
           {**RISE, "hook_time": 300, "hook_timeout": 240},
           ("launches", "instances_max", "failed_share", "cost_usd"), ("hook_heartbeats",), 3_600),
)


def at_target(p) -> float:
    """The fewest instances that keep a steady load at the target, where tracking settles."""
    if p.workload != "steady" or p.flash_factor != 1:
        raise kit.NotApplicable("the load changes")
    load = p.arrival_rate * p.today_factor
    return min(max(needed(load, p.instance_capacity, p.target), p.min_size), p.max_size)


NEEDED = kit.Theory("needed at the target", at_target)

# Where a legend is short of room.
LABELS = {"tracking": "track", "scheduled": "sched.", "predictive": "pred.", "together": "all"}


def compared(title: str, names: list[str]) -> Panel:
    """The capacity of some of the groups beside the load."""
    return Panel(title, (Line("load", "offered_rate"), *(
        Line(LABELS.get(name, name), f"capacity_{name}", step=True) for name in names)))


PANELS = (
    compared("Policies that react", NAMES[:3]),
    compared("Policies that know ahead", NAMES[3:]),
    Panel("Chosen group's CPU", (
        Line("CPU", "cpu"), Line("as the alarm sees it", "datapoint", step=True),
        Line("target", limit=lambda p: p.target),
        Line("low", limit=lambda p: p.target * p.low_ratio)), marks=("alarm",)),
    Panel("Its instances", (
        Line("in service", "in_service", step=True), Line("booting", "booting", step=True),
        Line("desired", "desired", step=True)),
        marks=("scale-out", "scale-in"), theory=NEEDED),
)

TITLES = ("Tracking", "Step", "Simple", "Scheduled", "Predictive", "Together")
PLACES = ((0, 0), (1, 0), (2, 0), (0, 2), (1, 2), (2, 2))
BOXES = (
    *(Box(title, at, (("in service", f"in_service_{name}"),), alarm=f"failed_rate_{name}")
      for title, name, at in zip(TITLES, NAMES, PLACES)),
    Box("Clients", (0, 1), (("req/s", "offered_rate"),),
        burst=lambda p, t: kit.burst(p, t, "flash")),
    Box("Load balancers", (1, 1), (("req/s to each", "offered_rate"),), bars=("load", "groups")),
    Box("It missed", (3, 0), (("failed/s", "failed_rate"),), alarm="failed_rate"),
    Box("CloudWatch", (2, 1), (("CPU, chosen", "datapoint"),), alarm="alarm_high"),
    Box("Chosen group", (3, 1), (("in service", "in_service"), ("booting", "booting"))),
    Box("Its zones", (3, 2), (("in the emptiest", "zone_least"),)),
)
LINKS = (
    Link("Clients", "Load balancers", flows=(("offered_rate", "sent"),)),
    *(Link("Load balancers", title, flows=((f"completed_rate_{name}", "served"),
                                           (f"failed_rate_{name}", "lost")))
      for title, name in zip(TITLES, NAMES)),
    Link("CloudWatch", "Chosen group", control=True),
    Link("Chosen group", "It missed", flows=(("failed_rate", "lost"),)),
    Link("Chosen group", "Its zones"),
)


def chosen(r) -> str:
    """The name of the chosen group in series and metrics."""
    return SHORT.get(r.params.policy, r.params.policy)


def beyond(r, load: str, failed: str) -> bool:
    """In every interval at least the requests beyond what the group could serve failed; at its two
    ends an interval may share a cell, and what failed in it, with its neighbour."""
    load, offered = r.series[load].value, r.series["offered_rate"]
    shared = min(2 * CELL / offered.t[1], 1.0)
    least = offered.value * (1 - 1 / np.maximum(load, 1.0) - shared)
    return bool((r.series[failed].value >= least * (1 - 1e-9) - 1e-3).all())


def sizes(r) -> bool:
    """The desired capacity of the chosen group stays between its limits; a forecast may lift the
    upper one."""
    p, desired = r.params, r.series["desired"].value
    lifted = p.max_behavior == "increase" and p.policy in ("predictive", "together")
    return bool((desired >= p.min_size).all() and (lifted or (desired <= p.max_size).all()))


INVARIANTS = (
    *WebTier.INVARIANTS,
    kit.Invariant("the chosen group is the one in the comparison", lambda r: (
        r.summary["failed"] == r.summary[f"failed_{chosen(r)}"]
        and r.summary["cost_usd"] == r.summary[f"cost_{chosen(r)}"])),
    kit.Invariant("what is beyond a group's capacity fails", lambda r: all(
        beyond(r, kit.bar_name("load", i), f"failed_rate_{name}")
        for i, name in enumerate(NAMES))),
    kit.Invariant("no more is served than the instances in service could", lambda r: (
        r.series["completed"].value[-1] <= r.summary["instances_mean"] * r.params.duration
        * r.params.instance_capacity * (1 + 1e-9) + 1e-6)),
    kit.Invariant("all groups have the same traffic, and lose no more than there is", lambda r: all(
        (r.series[f"failed_{name}"].value <= r.series["offered"].value * (1 + 1e-9) + 1e-6).all()
        for name in NAMES)),
    kit.Invariant("desired capacity stays between its limits", sizes),
    kit.Invariant("the zones add up", lambda r: bool((sum(
        r.series[f"zone_{zone}"].value for zone in ZONES) == r.series["in_service"].value).all())),
    kit.Invariant("CPU is a share", lambda r: all(
        (r.series[name].value <= 100 + 1e-6).all() for name in ("cpu", "datapoint"))),
    kit.Invariant("instances in service are paid", lambda r: (
        r.summary["instances_mean"] * r.params.duration / 3600
        <= r.summary["instance_hours"] * (1 + 1e-9) + 1e-9)),
)
