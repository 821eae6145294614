"""What the lab `ebs-iops` measures, tells, draws and guarantees."""

from dataclasses import replace

from labsim import declare as kit
from labsim.builtin.ebs_iops import model
from labsim.declare import Box, Link, Preset
from labsim.services.common.storage import Storage

METRICS = (
    *kit.of_part("storage", Storage.METRICS),
    kit.Metric("lost_gib", "GiB", "data lost with a stopped instance", "lower",
               lambda o: getattr(o.storage, "lost_gib", 0.0), label="lost"),
    kit.Metric("cost_usd", "USD", "storage for the time of the run", "lower",
               kit.Outcome.total_cost),
)

NOON = {"io_rate": 750, "size": 125}
LUNCH = {"io_rate": 300, "busy_factor": 6, "size": 125}
LARGE = {"io_size": 256, "io_rate": 900, "size": 500}
LOGS = {"storage": "st1", "size": 500, "io_size": 64, "io_rate": 400}
SMALL = {"instance_iops": 18_750, "instance_throughput": 593.75, "base_iops": 3_600,
         "base_throughput": 81.25}      # ebs.instance_m5_large
SHARE = {"storage": "efs-bursting", "size": 100, "io_rate": 1_200, "io_size": 64,
         "duration": 86_400}

PRESETS = (
    Preset("gp2 burst credits", "Fine all morning: a database on a small gp2 volume. Somebody "
                                "measured it at nine, and it was quick. Watch the credits.", NOON,
           headline=("burst_exhausted_s", "failed", "latency_p99", "month_usd"),
           hand=("size", "io_rate", "credits"), moment=15_000),
    Preset("Burst at lunch", "Less work, but six times as much for an hour: that is what credits "
                             "are for.", LUNCH,
           headline=("credits_low", "failed", "latency_p99", "month_usd"),
           hand=("busy_factor", "busy_duration", "size"), moment=9000),
    Preset("Larger gp2", "The old cure: buy room that nobody needs, for the baseline that comes "
                         "with it.", {**NOON, "size": 250},
           headline=("failed", "latency_p99", "month_usd"), hand=("size", "storage", "io_rate")),
    Preset("gp3", "The same size as at first, no credits, no noon. And look at the bill.",
           {**NOON, "storage": "gp3"},
           headline=("failed", "latency_p99", "month_usd"),
           hand=("storage", "size", "provisioned_iops")),
    Preset("Throughput limit", "Fewer I/Os than the volume may do, and still it falls behind: they "
                               "are large, and now the throughput is the limit.",
           {**LARGE, "storage": "gp3"},
           headline=("iops_mean", "throughput_mean", "failed", "latency_p99"),
           hand=("io_size", "provisioned_throughput", "io_rate")),
    Preset("Queue depth of one", "Ten thousand IOPS paid for, and an application that waits for "
                                 "each I/O before it sends the next.",
           {"storage": "io2", "size": 125, "provisioned_iops": 10_000, "io_rate": 4_000,
            "queue_depth": 1},
           headline=("iops_mean", "steady_limit", "failed", "latency_p99"),
           hand=("queue_depth", "provisioned_iops", "io_rate")),
    Preset("Instance limit", "A narrow tap: the volume can do it, the instance can't.",
           {"storage": "io2", "size": 125, "provisioned_iops": 16_000, "io_rate": 12_000,
            "instance_iops": 6_000},
           headline=("iops_mean", "steady_limit", "failed", "month_usd"),
           hand=("instance_iops", "provisioned_iops", "io_rate")),
    Preset("Instance burst credits", "No gp2 in sight, and still it's over before the second hour "
                                     "is: the volume has no credits, the small instance has.",
           {"storage": "gp3", "size": 500, "provisioned_iops": 10_000, "io_rate": 8_000,
            **SMALL},
           headline=("ebs_balance_end", "failed", "latency_p99"),
           hand=("base_iops", "instance_iops", "io_rate")),
    Preset("Closed loop", "What a benchmark does: as many I/Os outstanding as you say, the next "
                          "when one is done. Raise the queue depth, and watch the latency.",
           {"storage": "gp3", "size": 500, "closed_loop": True, "queue_depth": 2,
            "duration": 600},
           headline=("iops_mean", "latency_mean", "depth_mean"),
           hand=("queue_depth", "provisioned_iops", "ssd_latency")),
    Preset("Random I/O on st1", "Logs all over a cheap hard disk: each small I/O is charged as a "
                                "whole MiB, and the credits melt.", LOGS,
           headline=("throughput_mean", "burst_exhausted_s", "failed"),
           hand=("sequential", "io_size", "size"), moment=3_000),
    Preset("Sequential I/O on st1", "The same logs, written one behind the other: small I/Os are "
                                    "merged.", {**LOGS, "sequential": True},
           headline=("throughput_mean", "burst_exhausted_s", "failed"),
           hand=("sequential", "io_size", "size")),
    Preset("EFS bursting", "A file system for all lives on credits, too: a day of them, and then "
                           "what little data there is earns.", SHARE,
           headline=("burst_exhausted_s", "failed", "latency_p99", "month_usd"),
           hand=("size", "io_rate", "storage"), moment=72_000),
    Preset("EFS provisioned", "The same, with enough throughput rented: no level to watch. What "
                              "would elastic cost?",
           {**SHARE, "storage": "efs-provisioned", "provisioned_throughput": 45},
           headline=("failed", "latency_p99", "throughput_mean", "month_usd"),
           hand=("provisioned_throughput", "storage", "io_rate")),
    Preset("Instance store", "The disk inside: quick as nothing else, and nearly free. Then "
                             "somebody stops the instance.",
           {"storage": "instance-store", "io_rate": 10_000, "size": 400, "stop_at": 14_400},
           headline=("lost_gib", "failed", "latency_p99", "month_usd"),
           hand=("stop_at", "stop_time", "storage")),
)


def sustained(p) -> float:
    """I/Os/s that are done once the credits are gone: as many as come, or the steady limit."""
    if p.traced or p.busy_factor != 1 and p.busy_duration:
        raise kit.NotApplicable("the load changes")
    if p.stop_at:
        raise kit.NotApplicable("the instance is stopped")
    steady = model.seen(p).steady
    return steady if p.keeps else min(p.io_rate, steady)


def saturated(p) -> float:
    """Time at the storage and in line when it is full: Little's law for all who wait, s."""
    here = model.seen(p)
    sustained(p)
    if not p.keeps and p.io_rate < 1.05 * here.burst:
        raise kit.NotApplicable("the storage keeps up, or only just falls behind")
    if here.steady < here.burst:
        raise kit.NotApplicable("the limit changes when the credits are gone")
    latency = here.device.latency
    waits = p.queue_depth * p.users / here.steady - latency if p.keeps else p.timeout
    return latency + min(waits, p.timeout)


SUSTAINED = kit.Theory("for good", sustained)
THEORIES = {"I/Os": SUSTAINED,
            "Time of an I/O": kit.Theory("Little's law, full", saturated)}
PANELS = tuple(replace(panel, theory=THEORIES.get(panel.title)) for panel in Storage.PANELS)


def burst(p, t: float) -> dict:
    """A busy time at `t` s."""
    return kit.burst(p, t, "busy")


BOXES = (
    Box("Application", (0, 0), (("wanted/s", "offered_rate"), ("in line", "queue")), burst=burst),
    Box("Instance", (1, 0), (("under way", "depth"), ("limit/s", "limit"),
                             ("of credits", "instance_credits"))),
    Box("Storage", (2, 0), (("done/s", "completed_rate"), ("MiB/s", "throughput"))),
    Box("Done", (3, 0), (("I/Os/s", "completed_rate"), ("each takes", "latency"))),
    Box("Given up", (0, 1), (("I/Os/s", "failed_rate"),), alarm="failed_rate"),
    Box("Credits", (2, 1), (("full", "credits"),), alarm="burst_exhausted"),
)
LINKS = (
    Link("Application", "Instance", flows=(("completed_rate", "sent"),)),
    Link("Instance", "Storage", flows=(("completed_rate", "sent"),)),
    Link("Storage", "Done", flows=(("completed_rate", "served"),)),
    Link("Credits", "Storage", "spent", flows=(("spent_rate", "sent"),)),
    Link("Application", "Given up", flows=(("failed_rate", "lost"),)),
)

INVARIANTS = (
    *Storage.INVARIANTS,
    kit.Invariant("under way never more than the queue depth", lambda r: bool(
        (r.series["depth"].value <= model.depth(r.params) * (1 + 1e-9) + 1e-6).all())),
    kit.Invariant("only a stopped instance store loses data", lambda r:
                  r.summary["lost_gib"] == 0 or r.params.storage == "instance-store"),
)
