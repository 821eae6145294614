"""What the lab `aurora-replicas` measures, tells, draws and guarantees."""

from labsim import declare as kit
from labsim import theory
from labsim.declare import Box, Line, Link, Panel, Preset
from labsim.services.aurora import Cluster
from labsim.services.aurora.rules import AURORA, COPIES, RDS, SHORTEST_TTL, servers
from labsim.services.aurora.writers import KEEP, TCP_GIVES_UP

METRICS = (
    *kit.of_part("cluster", Cluster.METRICS),
    kit.Metric("cost_usd", "USD", "instances, and writes to Aurora's storage", "lower",
               kit.Outcome.total_cost),
)

FOREVER = 86_400     # s; a lifetime beyond every run
BUSY = {"read_rate": 3_600, "clients": 8, "connection_lifetime": FOREVER}
SCALED = {**BUSY, "autoscaling": True, "target_cpu": 45, "duration": 3_600}
STORM = {"read_rate": 4_000, "client_timeout": 1, "retry_mode": "full-jitter",
         "faults": "cluster-1 down 600 60"}
POOLED = {"failover_at": 600, "surviving_share": 0.5, "connection_lifetime": 1_800}

EVEN = ("imbalance", "connections_max_share", "lost", "latency_p99")
GROWN = ("imbalance", "replicas_max", "lost", "cost_usd")
FAILED = ("failover_s", "writes_failed", "lost", "cost_usd")
CLOSED = ("failover_s", "writes_read_only", "writes_failed", "cost_usd")

PRESETS = (
    Preset("Short-lived connections", "Connections live for a minute. Every new one asks the "
                                      "reader endpoint, so the replicas are about equally busy.",
           headline=EVEN, hand=("connection_lifetime", "clients", "pool_size")),
    Preset("Long-lived pools", "A few more reads, and pools that never let go: one replica burns "
                               "while another idles.", BUSY, EVEN,
           ("connection_lifetime", "pool_size"), 1_200),
    Preset("Replica auto scaling", "Auto scaling adds a replica, and nobody goes there. Who should "
                                   "tell the pools?", SCALED, GROWN,
           ("connection_lifetime", "target_cpu"), 1_200),
    Preset("Connection lifetime", "The same, but a connection lives for five minutes: now the new "
                                  "replica gets its share.",
           {**SCALED, "connection_lifetime": 300}, GROWN, ("connection_lifetime", "target_cpu"),
           1_500),
    Preset("Custom endpoint", "A third of the reads are a report; a custom endpoint sends them to "
                              "a bigger replica of their own.",
           {"read_rate": 4_000, "custom_endpoint_share": 0.35},
           hand=("big_factor", "big_replicas")),
    Preset("RDS read replicas", "Each replica repeats every write, and is late: seconds instead "
                                "of milliseconds.", {"engine": "rds", "write_rate": 300},
           ("replica_lag_p95", "stale_reads", "cpu_mean", "cost_usd"), ("apply_rate",), 1_275),
    Preset("Failover to a replica", "A replica takes over within seconds. Its readers have to go "
                                    "elsewhere, all at once.", {"failover_at": 600}, FAILED,
           ("replicas", "dns_ttl", "promotion_time")),
    Preset("No failover target", "No replica: a new writer has to be made, and until then nobody "
                                 "reads either.",
           {"replicas": 0, "read_rate": 1_000, "failover_at": 600}, FAILED, ("rebuild_time",)),
    Preset("Multi-AZ standby", "RDS Multi-AZ without replicas: the standby takes over the writes, "
                               "but it never took a single read.",
           {"engine": "rds", "multi_az": True, "replicas": 0, "read_rate": 1_400,
            "failover_at": 600}, FAILED, ("multi_az_failover_time",)),
    Preset("Read-only server", "Half of the pooled connections to the writer survive the failover, "
                               "and their server has become read-only. Who closes them?", POOLED,
           CLOSED, ("pool_validation", "proxy"), 900),
    Preset("RDS Proxy", "The same pools behind a proxy: it knows the new writer first, and holds "
                        "the writes until then.", {**POOLED, "proxy": True}, CLOSED,
           ("pool_validation", "proxy_borrow_timeout")),
    Preset("Silent failure", "The writer's host is gone without a word: connections hang until "
                             "somebody loses patience.",
           {"failover_at": 600, "silent_failure": True}, FAILED,
           ("socket_timeout", "connect_timeout", "proxy"), 1_200),
    Preset("Retry storm", "A replica is away for a minute and comes back. Readers give up after a "
                          "second and ask again. Look at what is read at the end, and for whom.",
           STORM, ("goodput", "amplification", "late", "lost"),
           ("client_timeout", "max_attempts", "retry_mode", "read_rate"), 1_500),
)


def even_latency(p) -> float:
    """Mean latency of a read, s, if every replica got the same: M/M/c."""
    if p.failover_at or p.copies_lost or p.scales or p.custom_share or kit.changes(p):
        raise kit.NotApplicable("the cluster changes, or a part of the reads goes its own way")
    writes = p.write_rate if p.engine == RDS or not p.replicas else 0.0
    room = p.instance_capacity - min(writes, p.apply_rate if p.replicas else writes) * p.write_cost
    if room <= 0:
        raise kit.NotApplicable("the writes take all that an instance can do")
    c = int(servers(room, p.read_time))
    return p.read_time + theory.mmc_wait_mean(p.read_rate / max(p.replicas, 1), c / room, c)


def longest_outage(p) -> float:
    """How long a client can be without a writer at most, s."""
    longest = max(p.promotion_time, p.multi_az_failover_time, p.rebuild_time)
    longest += max(p.dns_ttl, SHORTEST_TTL)
    if p.silent_failure:
        longest = max(longest, min(p.socket_timeout, TCP_GIVES_UP)) + p.connect_timeout
    if p.engine == AURORA and p.pool_validation == KEEP:
        longest += p.connection_lifetime
    return longest


PANELS = (
    Panel("Reads/s", (
        Line("tries", "attempts_rate"), Line("wanted", "offered_rate"),
        Line("read", "completed_rate"), Line("lost", "lost_rate")),
        marks=("failover", "recovered")),
    Panel("CPU", (
        Line("busiest", "cpu_max"), Line("mean", "cpu_mean"), Line("idlest", "cpu_min"),
        Line("target", limit=lambda p: p.target_cpu if p.scales and p.scaling_metric == "cpu"
             else None)), marks=("scale-out", "replica")),
    Panel("Latency and replica lag", (
        Line("mean latency", "latency"), Line("mean replica lag", "replica_lag")),
          theory=kit.Theory("if all were even", even_latency)),
    Panel("Failing writes/s", (
        Line("all", "writes_failed_rate"), Line("read-only server", "read_only_rate")),
        marks=("failover", "recovered")),
)

BOXES = (
    Box("Clients", (0, 0), (("reads/s", "offered_rate"), ("writes/s", "writes_offered_rate")),
        burst=kit.burst),
    Box("Reader endpoint", (1, 0), (("reads/s", "attempts_rate"), ("custom/s", "custom_rate"),
                                    ("opened/s", "opened_rate"))),
    Box("Replicas", (2, 0), (("available", "replicas"), ("reads/s", "replica_reads_rate")),
        bars=("load", "replicas"),
        breaks="cluster-1"),
    Box("Auto scaling", (3, 0), (("being created", "creating"),)),
    Box("No answer", (0, 1), (("lost/s", "unanswered_rate"),), alarm="unanswered_rate"),
    Box("Writer", (1, 1), (("writes/s", "writes_rate"), ("CPU", "writer_cpu")),
        alarm="writes_failed_rate", breaks="cluster-writer"),
    Box("Storage", (2, 1), (("copies", "copies"),)),
    Box("CloudWatch", (3, 1), (("CPU, mean", "cpu_mean"),), alarm="alarm_high"),
)
LINKS = (
    Link("Clients", "Reader endpoint", flows=(("offered_rate", "sent"),
                                              ("retries_rate", "retried"))),
    Link("Reader endpoint", "Replicas",
         flows=(("replica_reads_rate", "served"), ("late_rate", "lost"))),
    Link("Reader endpoint", "Writer", flows=(("writer_reads_rate", "served"),)),
    Link("Clients", "Writer", flows=(("writes_offered_rate", "sent"),)),
    Link("Clients", "No answer", flows=(("lost_rate", "lost"),)),
    Link("Writer", "No answer", flows=(("writes_failed_rate", "lost"),)),
    Link("Writer", "Storage", flows=(("writes_rate", "served"),)),
    Link("Storage", "Replicas", "lag", "replica_lag", flows=(("writes_rate", "sent"),)),
    Link("CloudWatch", "Auto scaling", "alarm", control=True),
    Link("Auto scaling", "Replicas", "scale", control=True),
)

INVARIANTS = (
    *Cluster.INVARIANTS,
    kit.Invariant("imbalance is from 1 to the number of instances", lambda r: bool(
        1 - 1e-9 <= r.summary["imbalance"] <= r.params.most_replicas + 1 + 1e-9)),
    kit.Invariant("replicas stay between minimum and maximum, but for a failover", lambda r: bool(
        not r.params.scales or r.series["replicas"].value.max() <= r.params.max_replicas)),
    kit.Invariant("the outage is the failover, the TTL, and what the pool adds, at most",
                  lambda r: bool(r.summary["failover_s"] <= longest_outage(r.params) + 1e-6)),
    kit.Invariant("Aurora has no more than six copies, whatever reads them", lambda r: bool(
        r.params.engine == RDS or (r.series["copies"].value <= COPIES).all())),
)
