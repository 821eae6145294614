"""What the lab `ebs-iops` measures, tells, draws and guarantees."""

import numpy as np

from labsim.builtin.ebs_iops import model
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
    near,
)

METRICS = (
    Metric("ios", "I/Os", "I/Os that the application wanted"),
    Metric("done", "I/Os", "I/Os done", "higher"),
    Metric("failed", "I/Os", "I/Os that waited too long, or came while the instance was stopped",
           "lower"),
    Metric("waiting_end", "I/Os", "I/Os in line when the run ended", "lower"),
    Metric("iops_mean", "I/Os/s", "I/Os done per second, mean", "higher"),
    Metric("iops_max", "I/Os/s", "I/Os done per second, in the best tick"),
    Metric("throughput_mean", "MiB/s", "moved per second, mean", "higher"),
    Metric("latency_mean", "s", "mean time of an I/O, in line and at the storage", "lower"),
    Metric("latency_p99", "s", "99 of 100 I/Os take no longer, by the mean of their tick", "lower"),
    Metric("depth_mean", "I/Os", "I/Os at the storage, mean (VolumeQueueLength)"),
    Metric("steady_limit", "I/Os/s", "what the application can have for good", "higher"),
    Metric("burst_limit", "I/Os/s", "what it can have while there are credits", "higher"),
    Metric("credits_end", "of bucket", "credits left at the end (BurstBalance); 1: needs none",
           "higher"),
    Metric("credits_low", "of bucket", "fewest credits", "higher"),
    Metric("dry_time", "s", "time without credits that were needed", "lower"),
    Metric("credits_last", "s", "when the credits were gone; at most the run's end", "higher"),
    Metric("lost_gib", "GiB", "data lost with a stopped instance", "lower"),
    Metric("month_usd", "USD", "storage for a month at this rate", "lower"),
    Metric("cost_usd", "USD", "storage for the time of the run", "lower"),
)

NOON = {"io_rate": 750, "size": 125}
LUNCH = {"io_rate": 300, "busy_factor": 6, "size": 125}
LARGE = {"io_size": 256, "io_rate": 900, "size": 500}
LOGS = {"storage": "st1", "size": 500, "io_size": 64, "io_rate": 400}
SHARE = {"storage": "efs-bursting", "size": 100, "io_rate": 1_200, "io_size": 64,
         "duration": 86_400}

PRESETS = (
    Preset("1 Fine all morning", "A database on a small gp2 volume. Somebody measured it at nine, "
                                 "and it was quick. Watch the credits.", NOON),
    Preset("2 Lunch", "Less work, but six times as much for an hour: that is what credits are "
                      "for.", LUNCH),
    Preset("3 A larger gp2", "The old cure: buy room that nobody needs, for the baseline that "
                             "comes with it.", {**NOON, "size": 250}),
    Preset("4 gp3", "The same size as at first, no credits, no noon. And look at the bill.",
           {**NOON, "storage": "gp3"}),
    Preset("5 Large I/Os", "Fewer I/Os than the volume may do, and still it falls behind: now the "
                           "throughput is the limit.", {**LARGE, "storage": "gp3"}),
    Preset("6 One at a time", "Ten thousand IOPS paid for, and an application that waits for each "
                              "I/O before it sends the next.",
           {"storage": "io2", "size": 125, "provisioned_iops": 10_000, "io_rate": 4_000,
            "queue_depth": 1}),
    Preset("7 A narrow tap", "The volume can do it, the instance can't.",
           {"storage": "io2", "size": 125, "provisioned_iops": 16_000, "io_rate": 12_000,
            "instance_iops": 6_000}),
    Preset("8 Logs on a hard disk", "Small I/Os all over a cheap disk: each is charged as a whole "
                                    "MiB, and the credits melt.", LOGS),
    Preset("9 Logs in a row", "The same logs, written one behind the other: small I/Os are merged.",
           {**LOGS, "sequential": True}),
    Preset("10 A file system for all", "EFS lives on credits, too: a day of them, and then what "
                                       "little data there is earns.", SHARE),
    Preset("11 Provisioned", "The same, with enough throughput rented: no level to watch. What "
                             "would elastic cost?",
           {**SHARE, "storage": "efs-provisioned", "provisioned_throughput": 45}),
    Preset("12 The disk inside", "Quick as nothing else, and nearly free. Then somebody stops the "
                                 "instance.",
           {"storage": "instance-store", "io_rate": 10_000, "size": 400, "stop_at": 14_400}),
)


def sustained(p) -> float:
    """I/Os/s that are done once the credits are gone: as many as come, or the steady limit."""
    if p.busy_factor != 1 and p.busy_duration:
        raise NotApplicable("the load changes")
    if p.stop_at:
        raise NotApplicable("the instance is stopped")
    return min(p.io_rate, model.seen(p).steady)


def saturated(p) -> float:
    """Time at the storage and in line when it is full: Little's law for all who wait, ms."""
    here = model.seen(p)
    if p.io_rate < 1.05 * here.burst:
        raise NotApplicable("the storage keeps up, or only just falls behind")
    if here.steady < here.burst:
        raise NotApplicable("the limit changes when the credits are gone")
    sustained(p)
    return 1_000 * (p.timeout + here.latency)


PANELS = (
    Panel("I/Os", "I/Os/s", (
        Line("wanted", "wanted"), Line("done", "done"), Line("limit", "limit", step=True)),
        marks=("credits", "stop"), theory=Theory("for good", sustained)),
    Panel("Time of an I/O", "ms", (Line("mean latency", "latency"),),
          theory=Theory("Little's law, full", saturated)),
    Panel("Credits", "of bucket", (Line("left", "credits"),), marks=("credits",)),
    Panel("Moved", "MiB/s", (Line("throughput", "throughput"),)),
)

BOXES = (
    Box("Application", (0, 0), (("wanted/s", "wanted"), ("in line", "waiting"))),
    Box("Instance", (1, 0), (("under way", "depth"), ("limit/s", "limit"))),
    Box("Storage", (2, 0), (("done/s", "done"), ("MiB/s", "throughput"))),
    Box("Credits", (2, 1), (("of bucket", "credits"),), alarm="dry"),
    Box("Failed", (0, 1), (("per second", "failed"),), alarm="failed"),
)
LINKS = (
    Link("Application", "Instance"), Link("Instance", "Storage", "", "done"),
    Link("Storage", "Credits", "spends", control=True), Link("Application", "Failed", "timeout"),
)


def within_limits(r) -> bool:
    """No tick does more than the burst limit allows."""
    return bool((r.series["done"].value <= r.summary["burst_limit"] * (1 + 1e-6) + 1e-6).all())


INVARIANTS = (
    Invariant("wanted = done + failed + in line", lambda r: near(
        r.summary["ios"],
        r.summary["done"] + r.summary["failed"] + r.summary["waiting_end"])),
    Invariant("never more than the limit", within_limits),
    Invariant("steady is at most burst",
              lambda r: r.summary["steady_limit"] <= r.summary["burst_limit"]),
    Invariant("credits stay in their bucket", lambda r: bool(
        (r.series["credits"].value >= 0).all() and (r.series["credits"].value <= 1).all())),
    Invariant("under way never more than the queue depth", lambda r: bool(
        (r.series["depth"].value <= r.params.queue_depth * r.params.users + 1e-6).all())),
    Invariant("Little's law", lambda r: near(
        r.summary["latency_mean"] * r.summary["done"],
        float(np.sum(r.series["latency"].value[1:] * r.series["done"].value[1:])
              * r.series["done"].t[1] / 1_000))),
    NOTHING_IS_NEGATIVE,
    Invariant("only a stopped instance store loses data", lambda r:
              r.summary["lost_gib"] == 0 or r.params.storage == "instance-store"),
    COST_ADDS_UP,
)
