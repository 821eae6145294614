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

PRESETS = (
    Preset("Short-lived connections", "Connections live for a minute. Every new one asks the "
                                      "reader endpoint, so the replicas are about equally busy."),
    Preset("Long-lived pools", "A few more reads, and pools that never let go: one replica burns "
                               "while another idles.", BUSY),
    Preset("Replica auto scaling", "Auto scaling adds a replica, and nobody goes there. Who should "
                                   "tell the pools?", SCALED),
    Preset("Connection lifetime", "The same, but a connection lives for five minutes: now the new "
                                  "replica gets its share.",
           {**SCALED, "connection_lifetime": 300}),
    Preset("Custom endpoint", "A third of the reads are a report; a custom endpoint sends them to "
                              "a bigger replica of their own.",
           {"read_rate": 4_000, "custom_endpoint_share": 0.35}),
    Preset("RDS read replicas", "Each replica repeats every write, and is late: seconds instead "
                                "of milliseconds.", {"engine": "rds", "write_rate": 300}),
    Preset("Failover to a replica", "A replica takes over within seconds. Its readers have to go "
                                    "elsewhere, all at once.", {"failover_at": 600}),
    Preset("No failover target", "No replica: a new writer has to be made, and until then nobody "
                                 "reads either.",
           {"replicas": 0, "read_rate": 1_000, "failover_at": 600}),
    Preset("Multi-AZ standby", "RDS Multi-AZ without replicas: the standby takes over the writes, "
                               "but it never took a single read.",
           {"engine": "rds", "multi_az": True, "replicas": 0, "read_rate": 1_400,
            "failover_at": 600}),
    Preset("Read-only server", "Half of the pooled connections to the writer survive the failover, "
                               "and their server has become read-only. Who closes them?", POOLED),
    Preset("RDS Proxy", "The same pools behind a proxy: it knows the new writer first, and holds "
                        "the writes until then.", {**POOLED, "proxy": True}),
    Preset("Silent failure", "The writer's host is gone without a word: connections hang until "
                             "somebody loses patience.",
           {"failover_at": 600, "silent_failure": True}),
    Preset("Retry storm", "A replica is away for a minute and comes back. Readers give up after a "
                          "second and ask again. Look at what is read at the end, and for whom.",
           STORM),
)


def even_latency(p) -> float:
    """Mean latency of a read, s, if every replica got the same: M/M/c."""
    if p.failover_at or p.copies_lost or p.scales or p.custom_share:
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
        Line("attempts", "attempts_rate"), Line("offered", "offered_rate"),
        Line("completed", "completed_rate"), Line("given up", "lost_rate")),
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
    Box("Clients", (0, 0), (("reads/s", "offered_rate"), ("lost/s", "lost_rate")),
        alarm="lost_rate"),
    Box("Reader endpoint", (1, 0), (("connections opened/s", "opened_rate"),
                                    ("connections on the fullest", "connections_max"))),
    Box("Replicas", (2, 0), (("available", "replicas"),), bars=("load", "replicas"),
        breaks="cluster-1"),
    Box("Storage", (3, 0), (("copies", "copies"),)),
    Box("CloudWatch", (1, 1), (("CPU on average", "cpu_mean"),), alarm="alarm_high"),
    Box("Auto scaling", (2, 1), (("being created", "creating"),)),
    Box("Writer", (3, 1), (("writes/s", "writes_rate"), ("CPU", "writer_cpu")),
        alarm="writes_failed_rate", breaks="cluster-writer"),
)
LINKS = (
    Link("Clients", "Reader endpoint", "ask"),
    Link("Reader endpoint", "Replicas", "", "completed_rate"),
    Link("Storage", "Replicas", "lag", "replica_lag"), Link("Writer", "Storage"),
    Link("CloudWatch", "Auto scaling", "alarm", control=True),
    Link("Auto scaling", "Replicas", "add, remove", control=True),
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
