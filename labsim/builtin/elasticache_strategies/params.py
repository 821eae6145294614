"""The knobs of `elasticache-strategies`: each one's name, unit, range and meaning, said once."""

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
    load,
    number,
    spike_knobs,
)
from labsim.errors import ParameterError
from labsim.services.elasticache import cache_aside
from labsim.services.elasticache.cluster import PRICE
from labsim.services.elasticache.rules import FAILOVER, NODES_MAX, REDIS, REPLACE

REQUESTS, CACHE, DATABASE, FAULT, COST = "Requests", "Cache", "Database", "Node lost", "Cost"
CACHED = ("strategy", (cache_aside.LAZY, cache_aside.THROUGH, cache_aside.SESSIONS))
FETCHED = ("strategy", (cache_aside.LAZY, cache_aside.THROUGH))
REPLICATED = ("engine", (REDIS,))


class ElasticacheStrategiesParams(ClientParams, TraceParams):
    """Parameters of `elasticache-strategies`."""

    rates = ("read_rate",)

    read_rate: float = number(
        20_000, unit="req/s", bounds=(0, 1_000_000), slider=(0, 100_000), step=1_000,
        label="Read rate", group=REQUESTS, when=BY_RATE,
        help="Reads per second, of all keys, outside of a spike.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        1, 20, 5, group=REQUESTS, of="the read rate during the spike", starts=(0, 120),
        lasts=(0, 60), steps=(0.5, 5, 1), when=BY_RATE)
    spike_every: float = every_knob(REQUESTS, when=BY_RATE)
    write_rate: float = number(
        500, unit="req/s", bounds=(0, 1_000_000), slider=(0, 5_000), step=100, label="Write rate",
        group=REQUESTS,
        help="Writes per second, of keys as popular as those read. They go on beside a trace, "
             "whose requests are all reads.")
    keys: int = integer(
        1_000_000, unit="keys", bounds=(1, 1_000_000), slider=(1_000, 1_000_000), step=1_000,
        label="Keys", group=REQUESTS,
        help="Different things that are asked for, or users with a session.")
    skew: float = number(
        0.9, unit="", bounds=(0, 5), slider=(0, 2), step=0.1, label="Skew", group=REQUESTS,
        help="Exponent of Zipf's law: 0 for keys that are all as popular.")
    duration: float = number(
        60, unit="s", bounds=(1, 864_000), slider=(20, 300), step=10, label="Duration",
        group=REQUESTS, help="Simulated time.")

    strategy: Literal["no-cache", "lazy-loading", "write-through", "sessions"] = choice(
        "lazy-loading", label="Strategy", group=CACHE,
        help="When the cache is filled: never, at a miss, also at a write; or it is all there is.")
    engine: Literal["redis", "memcached"] = choice(
        "memcached", label="Engine", group=CACHE, when=CACHED,
        help="Memcached shares keys out among nodes; Redis can have replicas of each.")
    nodes: int = integer(
        4, unit="nodes", bounds=(1, max(NODES_MAX.values())), slider=(1, 10), step=1,
        label="Nodes", group=CACHE, when=CACHED,
        help="Nodes, or shards, that share the keys.")
    node_items: int = integer(
        50_000, unit="items", bounds=(1, 10_000_000), slider=(1_000, 500_000), step=1_000,
        label="Items per node", group=CACHE, when=CACHED,
        help="How many items fit into the memory of a node.")
    replicas: int = integer(
        0, unit="per shard", bounds=(0, 5), slider=(0, 5), step=1, label="Replicas", group=CACHE,
        when=REPLICATED, help="Copies of each shard in other zones.")
    ring: bool = flag(
        True, label="Hash ring", group=CACHE, when=CACHED,
        help="Keys find their node on a ring of hashes, else by their number modulo the nodes.")
    ttl: float = number(
        0, unit="s", bounds=(0, 864_000), slider=(0, 120), step=5, label="TTL", group=CACHE,
        when=CACHED, help="After which an item is not used any more; 0 for never.")
    jitter: float = number(
        0, unit="of TTL", bounds=(0, 1), slider=(0, 1), step=0.1, label="Jitter", group=CACHE,
        when=CACHED, help="By how much of it each item's TTL is shorter at most.")
    lock: bool = flag(
        False, label="Lock", group=CACHE, when=FETCHED,
        help="Of those who miss the same key only the first asks the database; the others wait.")
    warm: bool = flag(
        True, label="Warmed up", group=CACHE, when=FETCHED,
        help="At the start the most popular items are loaded, all at the same moment.")
    trip_time: float = number(
        0.001, unit="s", bounds=(0, 1), slider=(0.0005, 0.01), step=0.0005, label="Cache trip",
        group=CACHE, when=CACHED,
        help="Time of a question to the cache, an assumption: less in the same zone.")

    database_servers: int = integer(
        40, unit="requests", bounds=(1, 10_000), slider=(1, 200), step=1, label="At a time",
        group=DATABASE, help="Requests that the database works on at the same time.")
    database_time: float = number(
        0.005, unit="s", bounds=(0.0001, 60), slider=(0.001, 0.1), step=0.001, label="Query time",
        group=DATABASE, help="Mean time of a query or write.")
    database_cv: float = number(
        1, unit="", bounds=(0, 10), slider=(0, 2), step=0.1, label="Query time CV",
        group=DATABASE, help="Coefficient of variation of the query time: 0 fixed, 1 exponential. "
                             "Where it is 0, no lucky query ends a stampede early.")
    database_timeout: float = number(
        2, unit="s", bounds=(0.01, 3_600), slider=(0.5, 30), step=0.5, label="Query timeout",
        group=DATABASE, help="Who would wait longer for its turn is turned away.")

    lost_nodes: int = integer(
        0, unit="nodes", bounds=(0, max(NODES_MAX.values())), slider=(0, 4), step=1,
        label="Nodes lost", group=FAULT, help="So many nodes fail at once; 0 for none.")
    lost_at: float = number(
        30, unit="s", bounds=(0, 864_000), slider=(0, 120), step=5, label="Lost at", group=FAULT,
        help="When.")
    failover_time: float = number(
        FAILOVER, unit="s", bounds=(0, 3_600), slider=(0, 60), step=1, label="Failover",
        group=FAULT, when=REPLICATED, fact="ec.failover_s",
        help="Until a replica answers in its place, the failure's detection included; a planned "
             "one takes seconds.")
    replace_time: float = number(
        REPLACE, unit="s", bounds=(0, 86_400), slider=(0, 1_200), step=10, label="Replaced after",
        group=FAULT, fact="ec.replace_s",
        help="Until there is a new node: empty, or a replica that has all.")

    node_price: float = number(
        PRICE, unit="USD/h", bounds=(0, 1_000), slider=(0, 1), step=0.01, label="Node price",
        group=COST, help="Per node and hour, replicas included.")
    database_price: float = number(
        0.136, unit="USD/h", bounds=(0, 1_000), slider=(0, 5), step=0.05, label="Database price",
        group=COST, fact="rds.t3_large_price", help="Per hour.")

    def check(self) -> None:
        """Not more nodes than AWS grants, nor more lost than there are."""
        if self.nodes * (1 + self.copies) > NODES_MAX[self.engine]:
            raise ParameterError("nodes", self.nodes, f"at most {NODES_MAX[self.engine]} of "
                                 f"{self.engine}, replicas included")
        if self.lost_nodes > self.nodes:
            raise ParameterError("lost_nodes", self.lost_nodes, f"at most nodes, {self.nodes}")
        check_spikes(self)

    @property
    def busiest_rate(self) -> float:
        """Reads per second in a spike, or outside of it, whichever is more; or in a trace's
        busiest period."""
        return float(load(self, "read_rate").rate.max())

    @property
    def copies(self) -> int:
        """Replicas that each shard has: Memcached has none."""
        return self.replicas if self.engine == REDIS else 0

    @property
    def room(self) -> int:
        """Items that fit into all nodes."""
        return self.nodes * self.node_items

    @property
    def database_rate(self) -> float:
        """Requests per second that the database can do."""
        return self.database_servers / self.database_time
