"""What the lab `asg-policies` measures, tells, draws and guarantees."""

import numpy as np

from labsim.builtin.asg_policies.model import SHORT
from labsim.builtin.asg_policies.params import POLICIES
from labsim.declare import (
    COST_ADDS_UP,
    NOTHING_IS_NEGATIVE,
    Box,
    Invariant,
    Line,
    Link,
    Metric,
    NotApplicable,
    Panel,
    Preset,
    Theory,
    bar_name,
)
from labsim.services.autoscaling.predictive import needed
from labsim.services.ec2.fleet import ZONES
from labsim.services.elb.web_tier import CELL

NAMES = [SHORT.get(policy, policy) for policy in POLICIES]

METRICS = (
    Metric("arrived", "requests", "requests of the run"),
    Metric("served", "requests", "requests that the chosen group served", "higher"),
    Metric("missed", "requests", "requests beyond its capacity", "lower"),
    Metric("missed_share", "%", "missed / arrived", "lower"),
    Metric("cpu_mean", "%", "CPU, average over time", ""),
    Metric("instances_mean", "instances", "instances in service, average over time"),
    Metric("instances_max", "instances", "most instances in service"),
    Metric("launches", "instances", "instances launched during the run"),
    Metric("scale_outs", "", "times that the group grew"),
    Metric("scale_ins", "", "times that the group shrank"),
    Metric("reversals", "", "changes of direction within half an hour: oscillation", "lower"),
    Metric("spot_lost", "instances", "Spot instances taken back in service or booting", "lower"),
    Metric("zones_uneven", "instances", "largest difference between two zones", "lower"),
    Metric("old_template", "instances", "instances of the old launch template at the end", "lower"),
    Metric("instance_hours", "h", "instance hours billed", "lower"),
    Metric("cost_usd", "USD", "instances, monitoring, warm pool of the chosen group", "lower"),
    *(metric for name in NAMES for metric in (
        Metric(f"missed_{name}", "requests", f"missed by the group '{name}'", "lower"),
        Metric(f"cost_{name}", "USD", f"cost of the group '{name}'", "lower"))),
)

RISE = {"workload": "ramp", "flash_factor": 1, "duration": 7_200, "schedule_end": 7_200,
        "schedule_start": 3_600}
LATE = {**RISE, "metric_period": 300, "boot": "user-data", "low_datapoints": 3}
EVEN = {"workload": "steady", "arrival_rate": 2_400, "instances": 10, "flash_factor": 1,
        "duration": 7_200, "variability": 0.1, "schedule_size": 10, "max_size": 20}
NERVOUS = {**EVEN, "metric_period": 300, "high_datapoints": 1, "low_datapoints": 1,
           "low_ratio": 0.95, "warmup": 0, "cooldown": 0, "scale_out_by": 3, "scale_in_by": 2}

PRESETS = (
    Preset("1 Six managers", "One day and a flash crowd at four, the same for six groups: watch "
                             "where the traffic rises above a group's capacity."),
    Preset("2 A slow look, slow legs", "The load rises to five times in a quarter of an hour; the "
                                       "metric comes every five minutes, and a script installs "
                                       "the software at boot.", LATE),
    Preset("3 Look every minute", "The same rise with detailed monitoring.",
           {**LATE, "metric_period": 60, "low_datapoints": 15}),
    Preset("4 Golden AMI", "And with everything installed in the image.", RISE),
    Preset("5 Dozing in the back room", "And out of hibernation: a warm pool of eight.",
           {**RISE, "boot": "hibernated", "warm_pool": 8}),
    Preset("6 Nervous", "A steady load. The number is five minutes old, nobody waits for what the "
                        "last order did, and dismissing is as quick as hiring.", NERVOUS),
    Preset("7 Patient", "The same load and the same old number, but with warm-up, cooldown, and a "
                        "low alarm that takes its time.",
           {**NERVOUS, "warmup": 600, "cooldown": 600, "low_datapoints": 4, "low_ratio": 0.7}),
    Preset("8 An unusual day", "All groups have known quieter days: today brings twice the load of "
                               "the last two weeks.",
           {"today_factor": 2, "flash_factor": 1, "policy": "together", "max_size": 20}),
    Preset("9 Rooms for a third", "Four of five instances are Spot; now and then a whole zone is "
                                  "wanted back, in two minutes.",
           {"spot_share": 80, "reclaims": 6, "flash_factor": 1, "boot": "user-data",
            "rebalance": False, "target": 80}),
    Preset("10 The door that never opens", "A launch hook that takes longer than its timeout: "
                                           "instances are paid, given up, launched again.",
           {**RISE, "hook_time": 300, "hook_timeout": 240}),
)


def at_target(p) -> float:
    """The fewest instances that keep a steady load at the target, where tracking settles."""
    if p.workload != "steady" or p.flash_factor != 1:
        raise NotApplicable("the load changes")
    load = p.arrival_rate * p.today_factor
    return min(max(needed(load, p.instance_capacity, p.target), p.min_size), p.max_size)


REACTING, AHEAD = NAMES[:3], NAMES[3:]
# Where a legend is short of room.
LABELS = {"tracking": "track", "scheduled": "sched.", "predictive": "pred.", "together": "all"}
PANELS = (
    Panel("Policies that react", "req/s", (
        Line("load", "arrivals"),
        *(Line(LABELS.get(name, name), f"capacity_{name}", step=True) for name in REACTING))),
    Panel("Policies that know ahead", "req/s", (
        Line("load", "arrivals"),
        *(Line(LABELS.get(name, name), f"capacity_{name}", step=True) for name in AHEAD))),
    Panel("Chosen group's CPU", "%", (
        Line("CPU", "cpu"), Line("as the alarm sees it", "datapoint", step=True),
        Line("target", limit=lambda p: p.target),
        Line("low", limit=lambda p: p.target * p.low_ratio)), marks=("alarm",)),
    Panel("Its instances", "instances", (
        Line("in service", "instances_in_service", step=True),
        Line("booting", "instances_booting", step=True),
        Line("desired", "desired", step=True)),
        marks=("scale-out", "scale-in"), theory=Theory("needed at the target", at_target)),
)


def group(title: str, policy: str, at: tuple[int, int]) -> Box:
    """The box of one group: how many serve, what it misses now, what it has cost so far."""
    name = SHORT.get(policy, policy)
    return Box(title, at, (("in service", f"in_{name}"), ("missed/s", f"missing_{name}"),
                           ("USD", f"spent_{name}")), alarm=f"missing_{name}")


TITLES = ("Tracking", "Step", "Simple", "Scheduled", "Predictive", "Together")
PLACES = ((0, 0), (1, 0), (2, 0), (0, 2), (1, 2), (2, 2))
BOXES = (
    *(group(title, policy, at) for title, policy, at in zip(TITLES, POLICIES, PLACES)),
    Box("Clients", (0, 1), (("req/s", "arrivals"),)),
    Box("Load balancers", (1, 1), (("req/s to each", "arrivals"),), bars=("load", "groups")),
    Box("CloudWatch", (2, 1), (("% CPU, chosen", "datapoint"),), alarm="alarm_high"),
    Box("Chosen group", (3, 1), (("desired", "desired"), ("in service", "instances_in_service"),
                                 ("booting", "instances_booting"))),
    Box("Its zones", (3, 2), tuple((f"in {zone}", f"zone_{zone}") for zone in ZONES)),
)
LINKS = (
    Link("Clients", "Load balancers"),
    *(Link("Load balancers", title) for title in TITLES),
    Link("CloudWatch", "Chosen group", "alarm", control=True),
    Link("Chosen group", "Its zones"),
)


def chosen(r) -> str:
    """The name of the chosen group in series and metrics."""
    return SHORT.get(r.params.policy, r.params.policy)


def near(a: float, b: float) -> bool:
    """Equal but for rounding."""
    return abs(a - b) <= 1e-6 + 1e-9 * max(abs(a), abs(b))


def beyond(r, load: str, missing: str) -> bool:
    """In every interval at least the requests beyond what the group could serve were missed; at
    its two ends an interval may share a cell, and the cell's misses, with its neighbour."""
    load, arrivals = r.series[load].value, r.series["arrivals"]
    shared = min(2 * CELL / arrivals.t[1], 1.0)
    arrivals = arrivals.value
    least = arrivals * (1 - 1 / np.maximum(load, 1.0) - shared)
    return bool((r.series[missing].value >= least * (1 - 1e-9) - 1e-3).all())


def sizes(r) -> bool:
    """The desired capacity of the chosen group stays between its limits; a forecast may lift the
    upper one."""
    p, desired = r.params, r.series["desired"].value
    lifted = p.max_behavior == "increase" and p.policy in ("predictive", "together")
    return bool((desired >= p.min_size).all() and (lifted or (desired <= p.max_size).all()))


INVARIANTS = (
    Invariant("arrived = served + missed", lambda r: near(
        r.summary["arrived"], r.summary["served"] + r.summary["missed"])),
    Invariant("the chosen group is the one in the comparison", lambda r: (
        r.summary["missed"] == r.summary[f"missed_{chosen(r)}"]
        and r.summary["cost_usd"] == r.summary[f"cost_{chosen(r)}"])),
    Invariant("what is beyond a group's capacity is missed", lambda r: all(
        beyond(r, bar_name("load", i), f"missing_{name}") for i, name in enumerate(NAMES))),
    Invariant("no more is served than the instances in service could", lambda r: (
        r.summary["served"] <= r.summary["instances_mean"] * r.params.duration
        * r.params.instance_capacity * (1 + 1e-9) + 1e-6)),
    Invariant("all groups have the same traffic, and miss no more than there is", lambda r: all(
        -1e-6 <= r.summary[f"missed_{name}"] <= r.summary["arrived"] * (1 + 1e-9) + 1e-6
        for name in NAMES)),
    NOTHING_IS_NEGATIVE,
    Invariant("desired capacity stays between its limits", sizes),
    Invariant("the zones add up", lambda r: bool((sum(
        r.series[f"zone_{zone}"].value for zone in ZONES)
        == r.series["instances_in_service"].value).all())),
    Invariant("CPU is a share", lambda r: all(
        (r.series[name].value <= 100 + 1e-6).all() for name in ("cpu", "datapoint"))),
    Invariant("instances in service are paid", lambda r: (
        r.summary["instances_mean"] * r.params.duration / 3600
        <= r.summary["instance_hours"] * (1 + 1e-9) + 1e-9)),
    COST_ADDS_UP,
)
