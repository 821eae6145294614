"""The knobs of the lab `dynamodb-capacity`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim.declare import (
    TraceParams,
    check_spikes,
    choice,
    every_knob,
    flag,
    integer,
    number,
    spike_knobs,
)

TRAFFIC, ITEMS, CAPACITY = "Traffic", "Items", "Capacity"
INDEX, CACHE, RETRIES = "Index", "DAX", "Retries"
PROVISIONED, SCALED, ON_DEMAND = MODES = "provisioned", "auto-scaling", "on-demand"
BOUGHT, AUTO = ("mode", (PROVISIONED, SCALED)), ("mode", (SCALED,))
INDEXED, CACHED, QUOTA = ("index", (True,)), ("dax", (True,)), ("retry_quota", (True,))
SPACED = ("retry_mode", ("fixed", "exponential", "full-jitter", "decorrelated-jitter"))
RETRIED = ("retry_mode", ("at-once", *SPACED[1]))


class DynamodbCapacityParams(TraceParams):
    """Parameters of `dynamodb-capacity`."""

    rates = ("read_rate", "write_rate")

    workload: Literal["steady", "day", "trace"] = choice(
        "steady", label="Workload", group=TRAFFIC,
        help="The same rate with one busy time, a wave with a day's length, or a file of your "
             "traffic.")
    read_rate: float = number(
        400, unit="req/s", bounds=(0, 10_000_000), slider=(0, 5_000), step=100,
        label="Read rate", group=TRAFFIC, help="Reads per second, outside the busy time; of a "
                                               "trace's requests its part of both.")
    write_rate: float = number(
        100, unit="req/s", bounds=(0, 10_000_000), slider=(0, 2_000), step=50,
        label="Write rate", group=TRAFFIC, help="Writes per second, outside the busy time; of a "
                                                "trace's requests its part of both.")
    peak_factor: float
    peak_start: float
    peak_duration: float
    peak_factor, peak_start, peak_duration = spike_knobs(
        3, 1_800, 1_800, group=TRAFFIC, name="Peak", of="both rates in the peak, or at noon",
        when=("workload", ("steady",)), growing=("workload", ("steady", "day")),
        starts=(0, 7_200), lasts=(0, 7_200), steps=(0.5, 300, 300))
    peak_every: float = every_knob(TRAFFIC, "Peak", ("workload", ("steady",)))
    duration: float = number(
        7_200, unit="s", bounds=(60, 8_640_000), slider=(600, 86_400), step=600,
        label="Duration", group=TRAFFIC, help="Simulated time; a tick is a part of it.")

    item_size: float = number(
        1_000, unit="bytes", bounds=(1, 409_600), slider=(100, 20_000), step=100,
        label="Item size", group=ITEMS, help="Of an item, names and values.")
    consistency: Literal["strong", "eventual", "transactional"] = choice(
        "eventual", label="Reads", group=ITEMS, fact="ddb.read_arith",
        help="Strong reads cost twice as much as eventual ones, transactional ones four times.")
    transactional: bool = flag(
        False, label="Write in transactions", group=ITEMS, fact="ddb.write_arith",
        help="Such writes cost twice as much.")
    query_share: float = number(
        0, unit="of reads", bounds=(0, 1), slider=(0, 1), step=0.1, label="Queries", group=ITEMS,
        help="Part of the reads that are queries; the rest gets one item.")
    query_items: int = integer(
        20, unit="items", bounds=(1, 10_000), slider=(1, 100), step=1, label="Items of a query",
        group=ITEMS, help="Items that a query reads.")
    keys: int = integer(
        2_000, unit="keys", bounds=(1, 20_000), slider=(10, 5_000), step=10, label="Keys",
        group=ITEMS, help="Partition keys.")
    skew: float = number(
        0, unit="", bounds=(0, 5), slider=(0, 2), step=0.1, label="Skew", group=ITEMS,
        help="Exponent of Zipf's law for their popularity: 0 for all alike.")
    hot_key_share: float = number(
        0, unit="of requests", bounds=(0, 1), slider=(0, 1), step=0.05, label="Hot key",
        group=ITEMS, help="Part of all requests that is for one and the same key.")
    write_shards: int = integer(
        1, unit="suffixes", bounds=(1, 100), slider=(1, 20), step=1, label="Write sharding",
        group=ITEMS, help="Suffixes that spread the hot key; who reads it reads all of them.")

    sort_keys: bool = flag(
        False, label="Many items per key", group=ITEMS, fact="ddb.split_rule",
        help="A key has many items, under a sort key and without a local index: a split can divide "
             "them. Else it is one item.")

    mode: Literal["provisioned", "auto-scaling", "on-demand"] = choice(
        "provisioned", label="Mode", group=CAPACITY, help="How capacity is bought.")
    read_capacity: float = number(
        300, unit="RCU", bounds=(1, 10_000_000), slider=(10, 5_000), step=10,
        label="Read capacity", group=CAPACITY, when=BOUGHT, help="Read units per second, at first.")
    write_capacity: float = number(
        150, unit="WCU", bounds=(1, 10_000_000), slider=(10, 3_000), step=10,
        label="Write capacity", group=CAPACITY, when=BOUGHT,
        help="Write units per second, at first.")
    target: float = number(
        70, unit="%", bounds=(20, 90), slider=(20, 90), step=5, label="Target", group=CAPACITY,
        fact="ddb.autoscale_target_default_pct", help="Utilization that auto scaling aims at; in "
        "the other modes, for the price of a table that it had scaled.")
    scaling_delay: float = number(
        60, unit="s", bounds=(0, 3_600), slider=(0, 600), step=30, label="Change takes",
        group=CAPACITY, when=AUTO, help="Until a new capacity is there; AWS says minutes.")
    adaptive: bool = flag(
        True, label="Adaptive", group=CAPACITY, when=BOUGHT, fact="ddb.adaptive_rule",
        help="A partition may use what the others leave; else each has its even share.")
    split_after: float = number(
        600, unit="s", bounds=(1, 10_000_000), slider=(60, 3_600), step=60, label="Split for heat",
        group=CAPACITY, fact="ddb.split_s",
        help="For how long a partition is near its limit until it is split, where capacity is "
             "adaptive; longer than the run: never.")
    saved: float = number(
        300, unit="s", bounds=(0, 300), slider=(0, 300), step=30, label="Saved at the start",
        group=CAPACITY, when=BOUGHT, fact="ddb.burst_window_s",
        help="For how long capacity has not been used before: the tank holds so much; 0: a new "
             "table.")
    previous_peak: float = number(
        0, unit="units/s", bounds=(0, 10_000_000), slider=(0, 20_000), step=500,
        label="Highest peak", group=CAPACITY, when=("mode", (ON_DEMAND,)),
        help="That an on-demand table has seen; 0 for a new one.")

    index: bool = flag(
        False, label="Index", group=INDEX, help="Whether each write also goes to a global index.")
    index_capacity: float = number(
        150, unit="WCU", bounds=(1, 10_000_000), slider=(10, 3_000), step=10,
        label="Index capacity", group=INDEX, when=INDEXED, help="Write units of the index.")
    index_keys: int = integer(
        500, unit="keys", bounds=(1, 20_000), slider=(1, 1_000), step=1, label="Index keys",
        group=INDEX, when=INDEXED, help="Different keys of the index: a status has only few.")
    index_size: float = number(
        500, unit="bytes", bounds=(1, 409_600), slider=(100, 5_000), step=100,
        label="Index item", group=INDEX, when=INDEXED, help="Of what is projected of an item.")

    dax: bool = flag(False, label="DAX", group=CACHE, help="Whether there is a DAX cluster.")
    dax_items: int = integer(
        1_000, unit="items", bounds=(1, 1_000_000), slider=(10, 5_000), step=10,
        label="DAX items", group=CACHE, when=CACHED, help="Items that fit into its memory.")
    item_ttl: float = number(
        300, unit="s", bounds=(0, 86_400), slider=(0, 900), step=30, label="Item TTL",
        group=CACHE, when=CACHED, fact="dax.ttl_default_s", help="How long an item is kept.")
    query_ttl: float = number(
        300, unit="s", bounds=(0, 86_400), slider=(0, 900), step=30, label="Query TTL",
        group=CACHE, when=CACHED, help="How long the result of a query is kept.")
    dax_nodes: int = integer(
        3, unit="nodes", bounds=(1, 11), slider=(1, 11), step=1, label="DAX nodes", group=CACHE,
        when=CACHED, help="Nodes of the cluster, each with all of the cache.")
    dax_price: float = number(
        0.04, unit="USD/h", bounds=(0, 100), slider=(0, 2), step=0.01, label="DAX node price",
        group=CACHE, when=CACHED, help="Per node and hour; an assumption.")

    retry_mode: Literal["none", "at-once", "fixed", "exponential", "full-jitter",
                        "decorrelated-jitter"] = choice(
        "full-jitter", label="Retries", group=RETRIES, help="How the SDK waits before it retries.")
    max_attempts: int = integer(
        3, unit="attempts", bounds=(1, 20), slider=(1, 10), step=1, label="Attempts",
        group=RETRIES, when=RETRIED, fact="sdk.standard_attempts",
        help="Of a request, the first one included.")
    retry_base: float = number(
        1, unit="s", bounds=(0.001, 60), slider=(0.05, 5), step=0.05, label="First wait",
        group=RETRIES, when=SPACED, fact="sdk.backoff_base_s",
        help="Longest wait before the first retry; it doubles.")
    retry_quota: bool = flag(
        False, label="Retry quota", group=RETRIES, fact="sdk.quota_rule", when=RETRIED,
        help="A client's bucket of retry tokens, as in the SDK's standard mode.")
    clients: int = integer(
        100, unit="clients", bounds=(1, 1_000_000), slider=(1, 500), step=1, label="Clients",
        group=RETRIES, help="Clients, each with a retry quota of its own.", when=QUOTA)

    def check(self) -> None:
        """A peak is over before the next one begins."""
        check_spikes(self, "peak")
