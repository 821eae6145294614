"""What the lab `aurora-replicas` measures, tells, draws and guarantees."""

from labsim import theory
from labsim.declare import (
    COST_ADDS_UP,
    Box,
    Invariant,
    Line,
    Link,
    Metric,
    NotApplicable,
    Panel,
    Preset,
    Theory,
)
from labsim.services.aurora.cluster import COPIES, RDS
from labsim.services.aurora.reads import servers

METRICS = (
    Metric("reads", "reads", "reads that clients wanted"),
    Metric("reads_served", "reads", "reads that were answered", "higher"),
    Metric("reads_failed", "reads", "reads that timed out or found no instance", "lower"),
    Metric("read_wait_mean", "s", "mean time until a read is worked on", "lower"),
    Metric("read_latency_p50", "s", "half of the reads take no longer than this", "lower"),
    Metric("read_latency_p95", "s", "19 of 20 reads take no longer than this", "lower"),
    Metric("read_latency_p99", "s", "99 of 100 reads take no longer than this", "lower"),
    Metric("replica_cpu_mean", "%", "CPU of the instances that serve reads, on average"),
    Metric("replica_cpu_max", "%", "CPU of the busiest of them at each moment, averaged over the "
                                   "run", "lower"),
    Metric("imbalance", "x", "load of the busiest over the mean, each over its time; 1 is even",
           "lower"),
    Metric("connections_max_share", "", "share of all connections at the replica that has most, "
                                        "averaged over the run", "lower"),
    Metric("lag_p95", "s", "19 of 20 times a replica is no further behind than this", "lower"),
    Metric("stale_reads", "reads", "reads of an item whose newest write was not there yet",
           "lower"),
    Metric("writes", "writes", "writes that clients wanted"),
    Metric("writes_failed", "writes", "writes that found no writer, no quorum, or no room",
           "lower"),
    Metric("failover_seconds", "s", "how long the slowest client is without a writer", "lower"),
    Metric("replicas_max", "replicas", "most replicas available at a time"),
    Metric("scale_outs", "", "times that auto scaling added replicas"),
    Metric("scale_ins", "", "times that auto scaling removed replicas"),
    Metric("cost_usd", "USD", "instances, and writes to Aurora's storage", "lower"),
)

FOREVER = 86_400     # s; a lifetime beyond every run
BUSY = {"read_rate": 3_600, "clients": 8, "connection_lifetime": FOREVER}
SCALED = {**BUSY, "autoscaling": True, "target_cpu": 45, "duration": 3_600}

PRESETS = (
    Preset("1 Short connections", "Connections live for a minute. Every new one asks the "
                                  "dispatcher, so the replicas are about equally busy."),
    Preset("2 Pools that hold on", "A few more reads, and pools that never let go: one replica "
                                   "burns while another idles.", BUSY),
    Preset("3 One more replica", "Auto scaling adds a replica, and nobody goes there. Who should "
                                 "tell the pools?", SCALED),
    Preset("4 Recycle", "The same, but a connection lives for five minutes: now the new replica "
                        "gets its share.", {**SCALED, "connection_lifetime": 300}),
    Preset("5 The report", "A third of the reads are a report; a custom endpoint sends them to "
                           "a bigger replica of their own.",
           {"read_rate": 4_000, "custom_endpoint_share": 0.35}),
    Preset("6 The same in RDS", "Each replica repeats every write, and is late: seconds instead "
                                "of milliseconds.", {"engine": "rds", "write_rate": 300}),
    Preset("7 The writer fails", "A replica takes over in half a minute. Its readers have to go "
                                 "elsewhere, all at once.", {"failover_at": 600}),
    Preset("8 Nobody to promote", "No replica: a new writer has to be made, and until then nobody "
                                  "reads either.",
           {"replicas": 0, "read_rate": 1_000, "failover_at": 600}),
    Preset("9 The deputy", "RDS Multi-AZ without replicas: the standby takes over the writes, "
                           "but it never took a single read.",
           {"engine": "rds", "multi_az": True, "replicas": 0, "read_rate": 1_400,
            "failover_at": 600}),
)

def even_latency(p) -> float:
    """Mean time of a read, s, if every replica got the same: M/M/c."""
    if p.failover_at or p.copies_lost or p.scales or p.custom_share:
        raise NotApplicable("the cluster changes, or a part of the reads goes its own way")
    writes = p.write_rate if p.engine == RDS or not p.replicas else 0.0
    room = p.instance_capacity - min(writes, p.apply_rate if p.replicas else writes) * p.write_cost
    if room <= 0:
        raise NotApplicable("the writes take all that an instance can do")
    clerks = int(servers(room, p.read_time))
    return p.read_time + theory.mmc_wait_mean(p.read_rate / max(p.replicas, 1), clerks / room,
                                              clerks)


PANELS = (
    Panel("Reads/s", "reads/s", (
        Line("wanted", "offered"), Line("served", "served"), Line("failed", "failed")),
        marks=("failover", "recovered")),
    Panel("CPU", "%", (
        Line("busiest", "cpu_max"), Line("mean", "cpu_mean"), Line("idlest", "cpu_min"),
        Line("target", limit=lambda p: p.target_cpu if p.scales and p.scaling_metric == "cpu"
             else None)), marks=("scale-out", "replica")),
    Panel("Time to read", "s", (Line("mean latency", "latency"),),
          theory=Theory("if all were even", even_latency)),
    Panel("Replica lag", "s", (Line("mean lag", "lag"),)),
)

BOXES = (
    Box("Clients", (0, 0), (("reads/s", "offered"), ("fail/s", "failed")), alarm="failed"),
    Box("Reader endpoint", (1, 0), (("opened/s", "opened"), ("on the fullest", "connections_max"))),
    Box("Replicas", (2, 0), (("available", "replicas"),), bars=("load", "replicas")),
    Box("Storage", (3, 0), (("copies", "copies"),)),
    Box("CloudWatch", (1, 1), (("% CPU on average", "cpu_mean"),), alarm="alarm_high"),
    Box("Auto scaling", (2, 1), (("being created", "creating"),)),
    Box("Writer", (3, 1), (("writes/s", "writes"), ("% CPU", "writer_cpu")),
        alarm="writes_failed"),
)
LINKS = (
    Link("Clients", "Reader endpoint", "ask"), Link("Reader endpoint", "Replicas", "", "served"),
    Link("Storage", "Replicas", "lag", "lag"), Link("Writer", "Storage"),
    Link("CloudWatch", "Auto scaling", "alarm", control=True),
    Link("Auto scaling", "Replicas", "add, remove", control=True),
)

INVARIANTS = (
    Invariant("reads = served + failed", lambda r: r.summary["reads"] == (
        r.summary["reads_served"] + r.summary["reads_failed"])),
    Invariant("reads are whole, and none is served twice", lambda r: all(
        r.summary[name] == int(r.summary[name]) and 0 <= r.summary[name] <= r.summary["reads"]
        for name in ("reads_served", "reads_failed", "stale_reads"))),
    Invariant("no more writes fail than there are", lambda r: (
        0 <= r.summary["writes_failed"] <= r.summary["writes"])),
    Invariant("CPU is a share", lambda r: bool(
        0 <= r.series["cpu_min"].value.min() and r.series["cpu_max"].value.max() <= 100 + 1e-9)),
    Invariant("idlest <= mean <= busiest", lambda r: bool(
        (r.series["cpu_min"].value <= r.series["cpu_mean"].value * (1 + 1e-9)).all()
        and (r.series["cpu_mean"].value <= r.series["cpu_max"].value * (1 + 1e-9)).all())),
    Invariant("imbalance is from 1 to the number of instances", lambda r: bool(
        1 - 1e-9 <= r.summary["imbalance"] <= r.params.most_replicas + 1 + 1e-9)),
    Invariant("replicas stay between minimum and maximum, but for a failover", lambda r: bool(
        not r.params.scales or r.series["replicas"].value.max() <= r.params.max_replicas)),
    Invariant("the outage is the failover and at most the TTL", lambda r: bool(
        r.summary["failover_seconds"] <= max(
            r.params.promotion_time, r.params.multi_az_failover_time, r.params.rebuild_time)
        + max(r.params.dns_ttl, 1e-3) + 1e-6)),
    Invariant("latencies are in order", lambda r: (
        0 <= r.summary["read_latency_p50"] <= r.summary["read_latency_p95"]
        <= r.summary["read_latency_p99"])),
    Invariant("nothing is negative", lambda r: bool(
        all((s.value >= 0).all() for s in r.series.values())
        and all(v >= 0 for v in r.summary.values()))),
    Invariant("Aurora has no more than six copies, whatever reads them", lambda r: bool(
        r.params.engine == "rds" or (r.series["copies"].value <= COPIES).all())),
    COST_ADDS_UP,
)
