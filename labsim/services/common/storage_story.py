"""What storage measures, draws and guarantees: of volumes, file systems and local disks alike.

Picture the keeper's log at the lock: boats passed, boats that turned round, how long they waited,
and the lowest level of the basin.

*Models:* the rates, times and credits of `storage`. *Leaves out:* what only one kind has.
"""

import numpy as np

from labsim import declare as kit
from labsim.declare import Count, Invariant, Line, Metric, Panel
from labsim.engine import storage_device as col

MONTH = 730 * 3_600     # s that a month's price is for


def _littles_law(r) -> bool:
    """Time of all I/Os = rate x time, summed over the ticks."""
    latency, done = (r.series[name].value[1:] for name in ("latency", "completed_rate"))
    t = r.series["latency"].t
    return kit.near(r.summary["latency_mean"] * r.summary["iops_mean"] * t[-1],
                    float(np.sum(latency * done) * t[1]))


METRICS = (
    Count("offered", "I/Os", "I/Os that the application wanted",
          value=lambda s: s.wanted.sum() + s.ios.on_its_way, aliases=("ios",)),
    Count("completed", "I/Os", "I/Os done", "higher", lambda s: s.passed.sum(),
          aliases=("done",)),
    Count("failed", "I/Os", "I/Os that waited too long, or came while the instance was stopped",
          "lower", lambda s: s.lost.sum()),
    Count("queue_end", "I/Os", "I/Os that came last, or in line, when the run ended", "lower",
          lambda s: s.flow.pieces[-1, col.LEFT] + s.ios.on_its_way, aliases=("waiting_end",)),
    Metric("iops_mean", "I/Os/s", "I/Os done per second, mean", "higher",
           lambda s: s.passed.sum() / s.sim.duration),
    Metric("iops_max", "I/Os/s", "I/Os done in the best second",
           value=lambda s: s.most_per_second()),
    Metric("throughput_mean", "MiB/s", "moved per second, mean", "higher",
           lambda s: s.moved.sum() / s.sim.duration),
    Metric("latency_mean", "s", "mean time of an I/O, in line and at the storage", "lower",
           lambda s: s.wait_mean() + s.device.latency * bool(s.passed.sum())),
    Metric("latency_p99", "s", "99 of 100 I/Os take no longer, in line and at the storage",
           "lower", lambda s: s.wait_p99() + s.slow * bool(s.passed.sum())),
    Metric("wait_mean", "s", "mean time of an I/O in line, before the storage", "lower",
           lambda s: s.wait_mean()),
    Metric("device_latency", "s", "time of an I/O at the storage, without any line", "lower",
           lambda s: s.device.latency),
    Metric("depth_mean", "I/Os", "I/Os at the storage, mean (VolumeQueueLength)",
           value=lambda s: s.under_way.mean()),
    Metric("steady_limit", "I/Os/s", "what the application can have for good", "higher",
           lambda s: s.steady),
    Metric("burst_limit", "I/Os/s", "what it can have while there are credits", "higher",
           lambda s: s.burst),
    Metric("credits_end", "of bucket", "credits left at the end (BurstBalance); 1: needs none",
           "higher", lambda s: s.credits[-1]),
    Metric("credits_low", "of bucket", "fewest credits", "higher",
           lambda s: s.fewest(s.flow.pieces[:, col.CREDITS], s.device), label="credits, lowest"),
    Metric("burst_exhausted_s", "s", "time without credits that were needed", "lower",
           lambda s: s.dry.sum(), aliases=("dry_time",)),
    Metric("burst_lasts_s", "s", "when the credits were gone; at most the run's end", "higher",
           lambda s: min(s.flow.ran_dry[0], s.sim.duration), aliases=("credits_last",)),
    Metric("ebs_balance_end", "of bucket", "credits of the instance left at the end, the "
           "lower of EBSIOBalance% and EBSByteBalance%; 1: needs none", "higher",
           lambda s: s.tap_credits[-1], label="instance's credits, at the end"),
    Metric("ebs_baseline_s", "s", "time at the instance's baseline, though more was "
           "wanted", "lower", lambda s: s.flow.counted(col.TAPS_DRY).sum()),
    Metric("month_usd", "USD", "storage for a month at this rate", "lower",
           lambda s: sum(s.cost().values()) * MONTH / s.sim.duration, label="cost of a month"))
PANELS = (
    Panel("I/Os", (
        Line("wanted", "offered_rate"), Line("done", "completed_rate"),
        Line("limit", "limit", step=True)), marks=("credits", "stop")),
    Panel("Time of an I/O", (Line("mean latency", "latency"),)),
    Panel("Credits", (
        Line("of the volume", "credits"), Line("of the instance", "instance_credits")),
        marks=("credits",), unit="of bucket"),
    Panel("Moved", (Line("throughput", "throughput"),)))
INVARIANTS = (
    kit.adds_up("offered", "completed", "failed", "queue_end"),
    Invariant("never more than the limit", lambda r: bool(
        (r.series["completed_rate"].value
         <= r.summary["burst_limit"] * (1 + 1e-6) + 1e-6).all())),
    Invariant("steady is at most burst",
              lambda r: r.summary["steady_limit"] <= r.summary["burst_limit"]),
    Invariant("credits stay in their buckets", lambda r: all(
        (r.series[name].value >= 0).all() and (r.series[name].value <= 1).all()
        for name in ("credits", "instance_credits"))),
    Invariant("Little's law", lambda r: _littles_law(r)))
