"""The knobs of the lab `aurora-replicas`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim.declare import (
    BY_RATE,
    ClientParams,
    TraceParams,
    check_spikes,
    choice,
    every_knob,
    flag,
    integer,
    number,
    spike_knobs,
)
from labsim.errors import ParameterError
from labsim.services.aurora.rules import (
    AURORA,
    PROMOTION,
    REBUILD,
    REJOIN,
    REPLICAS_MAX,
    STANDBY,
)
from labsim.services.aurora.writers import BORROW_TIMEOUT, GAIN, PROXY_PRICE, TCP_GIVES_UP

LOAD, CLUSTER, CONNECTIONS, CUSTOM, SCALING, FAILURES, WRITERS, REPLICATION, COST = (
    "Load", "Cluster", "Connections", "Custom endpoint", "Auto scaling", "Failures",
    "Writer connections", "Replication", "Cost")
ON_AURORA = ("engine", ("aurora",))
ON_RDS = ("engine", ("rds",))
SCALES = ("autoscaling", (True,))
PROXIED = ("proxy", (True,))
SILENT = ("silent_failure", (True,))


class AuroraReplicasParams(ClientParams, TraceParams):
    """Parameters of `aurora-replicas`."""

    rates = ("read_rate",)

    read_rate: float = number(
        3_000, unit="reads/s", bounds=(0, 100_000_000), slider=(0, 12_000), step=100,
        label="Read rate", group=LOAD, when=BY_RATE,
        help="Reads per second through the reader endpoint.")
    write_rate: float = number(
        200, unit="writes/s", bounds=(0, 1_000_000), slider=(0, 2_000), step=50,
        label="Write rate", group=LOAD, help="Writes per second, all to the writer.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        1, 600, 90, group=LOAD, of="the read rate during the spike", when=BY_RATE)
    spike_every: float = every_knob(LOAD, when=BY_RATE)
    duration: float = number(
        1_800, unit="s", bounds=(60, 8_640_000), slider=(600, 7_200), step=300, label="Duration",
        group=LOAD, help="Simulated time; a tick of the model is a part of it.")

    engine: Literal["aurora", "rds"] = choice(
        "aurora", label="Engine", group=CLUSTER,
        help="Aurora's shared storage, or RDS with a copy per replica.")
    replicas: int = integer(
        3, unit="replicas", bounds=(0, 15), slider=(0, 15), step=1, label="Replicas at start",
        group=CLUSTER, help="Read replicas; without any the reader endpoint is the writer. RDS "
                            "has a limit of its own.")
    multi_az: bool = flag(
        False, label="Multi-AZ standby", group=CLUSTER, fact="rds.multi_az_rule", when=ON_RDS,
        help="A synchronous copy that takes over when the writer fails; it serves no reads.")
    instance_capacity: float = number(
        2_000, unit="reads/s", bounds=(1, 10_000_000), slider=(500, 8_000), step=100,
        label="Instance capacity", group=CLUSTER,
        help="Reads per second that an instance can do when it does nothing else.")
    read_time: float = number(
        0.005, unit="s", bounds=(0.0001, 60), slider=(0.001, 0.05), step=0.001,
        label="Read time", group=CLUSTER,
        help="Mean time to work on a read, once it has its turn; exponential.")
    write_cost: float = number(
        2, unit="reads", bounds=(0, 1_000), slider=(0, 10), step=0.5, label="A write costs",
        group=CLUSTER, help="A write takes an instance as long as so many reads.")
    read_timeout: float = number(
        5, unit="s", bounds=(0.01, 3_600), slider=(0.5, 30), step=0.5, label="Read timeout",
        group=CLUSTER, help="Reads that would wait longer than this fail.")

    clients: int = integer(
        10, unit="clients", bounds=(1, 1_000), slider=(1, 50), step=1, label="Clients",
        group=CONNECTIONS, help="Application servers, each with a pool, a DNS cache and, if it has "
                                "any, a retry budget and a circuit breaker.")
    pool_size: int = integer(
        20, unit="connections", bounds=(1, 1_000), slider=(1, 100), step=1, label="Pool size",
        group=CONNECTIONS, help="Connections of a client's pool, opened together at the start.")
    connection_lifetime: float = number(
        60, unit="s", bounds=(1, 604_800), slider=(5, 3_600), step=5,
        label="Connection lifetime", group=CONNECTIONS,
        help="A pool closes a connection after this and opens another; much longer than the run "
             "for one that never does.")
    dns_ttl: float = number(
        5, unit="s", bounds=(0, 86_400), slider=(0, 120), step=1, label="DNS cached for",
        group=CONNECTIONS, fact="aurora.endpoint_ttl",
        help="How long a client keeps the endpoint's answer; Java may keep it for ever.")
    connect_cost: float = number(
        20, unit="reads", bounds=(0, 10_000), slider=(0, 100), step=5,
        label="A connection costs", group=CONNECTIONS,
        help="Opening a connection takes an instance as long as so many reads.")

    custom_endpoint_share: float = number(
        0, unit="of reads", bounds=(0, 1), slider=(0, 1), step=0.05, label="Share of the reads",
        group=CUSTOM, fact="aurora.custom_endpoint_rule", when=ON_AURORA,
        help="Reads that use a custom endpoint with bigger replicas; the others then use the "
             "remaining replicas. Aurora only.")
    big_replicas: int = integer(
        1, unit="replicas", bounds=(1, 15), slider=(1, 15), step=1, label="Bigger replicas",
        group=CUSTOM, when=ON_AURORA,
        help="So many of the replicas are bigger, while a share goes to them.")
    big_factor: float = number(
        4, unit="x", bounds=(1, 64), slider=(1, 16), step=1, label="How much bigger",
        group=CUSTOM, when=ON_AURORA, help="Capacity and price of a bigger replica.")

    autoscaling: bool = flag(
        False, label="Replica auto scaling", group=SCALING, fact="aurora.as_rule", when=ON_AURORA,
        help="Target tracking on the replicas' average. Aurora only.")
    scaling_metric: Literal["cpu", "connections"] = choice(
        "cpu", label="Metric", group=SCALING, when=SCALES,
        help="The average over the replicas that is kept near its target.")
    target_cpu: float = number(
        60, unit="%", bounds=(1, 100), slider=(10, 95), step=5, label="Target CPU",
        group=SCALING, when=SCALES, help="Average CPU of the replicas to keep.")
    target_connections: float = number(
        50, unit="connections", bounds=(1, 100_000), slider=(10, 500), step=10,
        label="Target connections", group=SCALING, when=SCALES,
        help="Average connections per replica to keep.")
    min_replicas: int = integer(
        1, unit="replicas", bounds=(0, 15), slider=(0, 15), step=1, label="Fewest replicas",
        group=SCALING, when=SCALES, help="Auto scaling never goes below this.")
    max_replicas: int = integer(
        8, unit="replicas", bounds=(0, 15), slider=(0, 15), step=1, label="Most replicas",
        group=SCALING, when=SCALES, help="Auto scaling never goes beyond this.")
    replica_creation_time: float = number(
        300, unit="s", bounds=(0, 86_400), slider=(0, 1_200), step=30, label="A replica takes",
        group=SCALING, when=SCALES,
        help="From the scale-out until a replica is available. AWS publishes no figure.")

    failover_at: float = number(
        0, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60, label="Writer fails at",
        group=FAILURES, help="When the writer fails; 0 for never.")
    promotion_time: float = number(
        PROMOTION, unit="s", bounds=(0, 3_600), slider=(0, 120), step=5, label="Promotion takes",
        group=FAILURES, fact="aurora.promotion_s", when=ON_AURORA,
        help="Until an Aurora replica is the writer: as measured without load; AWS says less than "
             "a minute, often less than half of one.")
    multi_az_failover_time: float = number(
        STANDBY, unit="s", bounds=(0, 3_600), slider=(0, 240), step=5, label="Standby takes",
        group=FAILURES, fact="rds.multi_az_failover", when=ON_RDS,
        help="Until the Multi-AZ standby is the writer.")
    rebuild_time: float = number(
        REBUILD, unit="s", bounds=(0, 86_400), slider=(60, 1_200), step=30,
        label="Rebuilding takes", group=FAILURES, fact="aurora.failover_no_replica",
        help="Until a writer is replaced where nobody can take over: no Aurora replica, no "
             "standby.")
    rejoin_time: float = number(
        REJOIN, unit="s", bounds=(0, 86_400), slider=(0, 600), step=10, label="Rejoining takes",
        group=FAILURES, when=ON_AURORA,
        help="From the promotion until the old writer is back, as a replica.")
    silent_failure: bool = flag(
        False, label="Silent failure", group=FAILURES, fact="rds.tcp_gives_up",
        help="The host or its network is gone: connections to the writer hang. Else a crash, "
             "which resets them at once.")
    copies_lost: int = integer(
        0, unit="copies", bounds=(0, 6), slider=(0, 6), step=1, label="Storage copies lost",
        group=FAILURES, fact="aurora.quorum_rule", when=ON_AURORA,
        help="How many of the six copies fail, for good.")
    copies_lost_at: float = number(
        600, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60, label="Lost at",
        group=FAILURES, when=ON_AURORA, help="When they fail.")

    pool_validation: Literal["lifetime", "on-error", "before-use"] = choice(
        "lifetime", label="Read-only: parted with", group=WRITERS, fact="rds.pool_read_only_rule",
        when=ON_AURORA,
        help="When a pool parts with a connection to the old writer, now read-only: at the end of "
             "its lifetime, on the first error, or by a test before each use.")
    surviving_share: float = number(
        0, unit="of connections", bounds=(0, 1), slider=(0, 1), step=0.05,
        label="Survive a failover", group=WRITERS, fact="rds.pool_read_only_rule", when=ON_AURORA,
        help="Share of the connections to the writer that a failover leaves open, so that they "
             "meet a read-only server. None of a silent failure.")
    connect_timeout: float = number(
        10, unit="s", bounds=(0.01, 3_600), slider=(0.5, 60), step=0.5, label="Connect timeout",
        group=WRITERS, when=SILENT,
        help="An attempt to connect to a server that is silent takes so long.")
    socket_timeout: float = number(
        TCP_GIVES_UP, unit="s", bounds=(0.01, 86_400), slider=(1, 1_000), step=1,
        label="Socket timeout", group=WRITERS, fact="rds.tcp_gives_up", when=SILENT,
        help="A write on a connection to a server that is silent hangs so long; drivers have none "
             "by default, and it hangs until TCP gives up.")
    proxy: bool = flag(
        False, label="RDS Proxy", group=WRITERS, fact="rds.proxy_failover_gain",
        help="It holds the clients' connections to the writer: no DNS, no read-only server, and "
             "writes wait at it for the next writer.")
    proxy_gain: float = number(
        100 * GAIN, unit="%", bounds=(0, 100), slider=(0, 80), step=1, label="Proxy saves",
        group=WRITERS, fact="rds.proxy_failover_gain", when=PROXIED,
        help="Of the time until a replica or standby has taken over; AWS says up to so much.")
    proxy_borrow_timeout: float = number(
        BORROW_TIMEOUT, unit="s", bounds=(0, 3_600), slider=(0, 300), step=5,
        label="Borrow timeout", group=WRITERS, fact="rds.proxy_borrow_timeout", when=PROXIED,
        help="A write that has waited so long at the proxy fails.")

    replica_lag: float = number(
        0.02, unit="s", bounds=(0.0001, 3_600), slider=(0.005, 0.2), step=0.005,
        label="Replica lag", group=REPLICATION, fact="aurora.replica_lag", when=ON_AURORA,
        help="Mean lag of an Aurora replica while there are hardly any writes.")
    rds_replica_lag: float = number(
        1, unit="s", bounds=(0.0001, 3_600), slider=(0.1, 30), step=0.1, label="Replica lag",
        group=REPLICATION, fact="rds.replica_rule", when=ON_RDS,
        help="Mean lag of an RDS replica while there are hardly any writes. AWS publishes none.")
    apply_rate: float = number(
        1_000, unit="writes/s", bounds=(1, 10_000_000), slider=(100, 5_000), step=100,
        label="A replica applies", group=REPLICATION,
        help="Writes per second that a replica can take over; lag grows as they come near it.")
    items: float = number(
        10_000, unit="items", bounds=(1, 1e12), slider=(1_000, 1_000_000), step=1_000,
        label="Items", group=REPLICATION,
        help="Writes and reads choose among so many, all alike; it decides what is stale.")

    aurora_price: float = number(
        0.164, unit="USD/h", bounds=(0, 1_000), slider=(0, 5), step=0.01, label="Instance price",
        group=COST, fact="aurora.t3_large_price", when=ON_AURORA,
        help="Per Aurora instance and hour.")
    rds_price: float = number(
        0.136, unit="USD/h", bounds=(0, 1_000), slider=(0, 5), step=0.01, label="Instance price",
        group=COST, fact="rds.t3_large_price", when=ON_RDS,
        help="Per RDS instance and hour; the standby is one, too.")

    proxy_price: float = number(
        PROXY_PRICE, unit="USD/h", bounds=(0, 1_000), slider=(0, 0.1), step=0.005,
        label="Proxy price", group=COST, fact="rds.proxy_price", when=PROXIED,
        help="Per vCPU of each instance and hour.")
    instance_vcpus: int = integer(
        2, unit="vCPUs", bounds=(1, 192), slider=(2, 64), step=2, label="vCPUs of an instance",
        group=COST, when=PROXIED, help="What the proxy is charged for; a bigger replica has more.")

    def check(self) -> None:
        """No more replicas than the engine allows; min <= replicas <= max where they are scaled; a
        spike is over before the next one begins."""
        check_spikes(self)
        on_aurora = self.engine == AURORA
        most = REPLICAS_MAX[AURORA] if on_aurora else int(self.fact("rds.read_replicas_max"))
        if self.replicas > most:
            raise ParameterError("replicas", self.replicas, f"at most {most} replicas on "
                                                            f"{self.engine}, {self.facts}")
        if self.scales and self.min_replicas > self.max_replicas:
            raise ParameterError("min_replicas", self.min_replicas,
                                 f"at most max_replicas, {self.max_replicas} replicas")
        if self.scales and not self.min_replicas <= self.replicas <= self.max_replicas:
            raise ParameterError("replicas", self.replicas,
                                 f"from min_replicas to max_replicas, {self.min_replicas} to "
                                 f"{self.max_replicas} replicas")

    @property
    def scales(self) -> bool:
        """Whether replicas are scaled: Aurora only."""
        return self.autoscaling and self.engine == AURORA

    @property
    def custom_share(self) -> float:
        """The share of the reads that uses the custom endpoint: Aurora only."""
        return self.custom_endpoint_share if self.engine == AURORA else 0.0

    @property
    def most_replicas(self) -> int:
        """The most replicas that there can be in a run."""
        return max(self.replicas, self.max_replicas if self.scales else 0)
