"""What the lab `dynamodb-capacity` measures, tells, draws and guarantees."""

from labsim.builtin.dynamodb_capacity import model
from labsim.builtin.dynamodb_capacity.params import MODES
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
)
from labsim.services.dynamodb import rules as dynamodb

METRICS = (
    Metric("reads", "requests", "reads that came, of a sharded key each part counted"),
    Metric("writes", "requests", "writes that came"),
    Metric("hits", "requests", "reads that DAX answered", "higher"),
    Metric("hit_ratio", "", "part of the reads that DAX answered", "higher"),
    Metric("served", "requests", "requests that the table served", "higher"),
    Metric("throttled", "attempts", "attempts that were throttled", "lower"),
    Metric("throttled_reads", "attempts", "reads among them", "lower"),
    Metric("throttled_writes", "attempts", "writes among them", "lower"),
    Metric("held_up", "attempts", "writes throttled because of the index", "lower"),
    Metric("retries", "attempts", "attempts beyond the first", "lower"),
    Metric("failed", "requests", "requests given up after their last attempt", "lower"),
    Metric("waiting_end", "requests", "requests that wait to be tried again at the end"),
    Metric("read_units", "units", "read units consumed"),
    Metric("write_units", "units", "write units consumed"),
    Metric("read_utilization", "", "read units consumed, of those allowed"),
    Metric("write_utilization", "", "write units consumed, of those allowed"),
    Metric("partitions", "partitions", "partitions of the table"),
    Metric("busiest", "of limit", "most that was asked of a partition", "lower"),
    Metric("read_capacity_end", "units/s", "read units allowed at the end"),
    Metric("write_capacity_end", "units/s", "write units allowed at the end"),
    Metric("scale_outs", "times", "how often auto scaling raised a capacity"),
    Metric("scale_ins", "times", "how often it lowered one"),
    Metric("latency_mean", "s", "mean time of a request, waits before retries included", "lower"),
    Metric("cost_at_peak", "USD", "what this traffic costs with capacity for its peak all along"),
    Metric("cost_scaled", "USD", "and with capacity that follows it at the target"),
    Metric("cost_on_demand", "USD", "and on demand"),
    Metric("cost_usd", "USD", "what this run costs", "lower"),
)

SHORT = {"peak_duration": 300}
AUTO = {"mode": "auto-scaling", "peak_start": 1_200}
HOT = {"read_rate": 0, "write_rate": 3_000, "write_capacity": 6_000, "peak_factor": 1}
STATUS = {"read_rate": 0, "write_rate": 1_500, "write_capacity": 2_000, "peak_factor": 1,
          "index": True, "index_capacity": 2_000}
READERS = {"read_rate": 8_000, "write_rate": 50, "read_capacity": 5_000, "peak_factor": 1,
           "hot_key_share": 0.9}
DAYS = {"workload": "day", "duration": 86_400, "peak_factor": 6}

PRESETS = (
    Preset("1 A busy half hour", "Three times the load for half an hour. For some minutes nothing "
                                 "happens: the tank."),
    Preset("2 A busy five minutes", "Short enough for what was saved before.", SHORT),
    Preset("3 Bought for the peak", "Enough for the busiest minute, all day long.",
           {"read_capacity": 650, "write_capacity": 320}),
    Preset("4 Auto scaling", "It looks twice before it buys, and for a quarter of an hour before "
                             "it sells.", AUTO),
    Preset("5 On demand", "Nobody plans anything. Look at the bill.", {"mode": "on-demand"}),
    Preset("6 More than double", "On demand also has a limit: twice the highest peak it has seen.",
           {"mode": "on-demand", "read_rate": 0, "write_rate": 1_000, "peak_factor": 7,
            "peak_start": 900, "peak_duration": 3_600}),
    Preset("7 One hot key", "Capacity for twice as much as comes, and half of it is for one key: "
                            "one partition does a thousand.", {**HOT, "hot_key_share": 0.5}),
    Preset("8 Suffixes", "The same key under ten names.",
           {**HOT, "hot_key_share": 0.5, "write_shards": 10}),
    Preset("9 On demand, too?", "The hot key again, and money is no object: the partition is.",
           {**HOT, "hot_key_share": 0.5, "mode": "on-demand", "previous_peak": 3_000}),
    Preset("10 Even shares", "How it was: each partition has its part of the capacity, used or "
                             "not.", {**HOT, "write_rate": 2_000, "hot_key_share": 0.38,
                                      "adaptive": False}),
    Preset("11 The index holds it up", "An index on a status with three values: its partitions "
                                       "fill, and the table's writes stop.",
           {**STATUS, "index_keys": 1}),
    Preset("12 A better index", "The same writes, an index key with many values.", STATUS),
    Preset("13 Everybody reads one page", "Nine of ten reads are for one item.", READERS),
    Preset("14 DAX", "The same readers with a cache in front: hardly one of them is left.",
           {**READERS, "dax": True}),
    Preset("15 One day", "A day with six times the traffic at noon. What would each way of paying "
                         "cost?", {**DAYS, "mode": "auto-scaling"}),
)


def allowed(p) -> float:
    """Write units/s that are consumed at a steady load for good: as many as come, the capacity or
    what the partitions of the keys do."""
    if p.peak_factor != 1 or p.mode not in MODES[:1]:
        raise NotApplicable("the load or the capacity changes")
    if p.index or not p.adaptive:
        raise NotApplicable("an index or even shares limit")
    if p.retry_mode != "none" and p.max_attempts > 1 and p.write_rate:
        flow = model.reads_and_writes(p)["shares"][1] * p.write_rate * model.write_units(p)
        if flow.max() > dynamodb.PARTITION_WRITES or flow.sum() > p.write_capacity:
            share = float(sum(min(f, dynamodb.PARTITION_WRITES) for f in flow))
            return min(share, p.write_capacity)
    return min(p.write_rate * model.write_units(p), p.write_capacity)


PANELS = (
    Panel("Reads", "units/s", (
        Line("asked for", "asked_reads"), Line("used", "used_reads"),
        Line("capacity", "read_capacity", step=True))),
    Panel("Writes", "units/s", (
        Line("asked for", "asked_writes"), Line("used", "used_writes"),
        Line("capacity", "write_capacity", step=True)),
        theory=Theory("for good", allowed)),
    Panel("Throttled", "req/s", (
        Line("reads", "throttled_reads"), Line("writes", "throttled_writes"))),
    Panel("Busiest partition", "of limit", (
        Line("asked of it", "busiest"), Line("limit", limit=lambda p: 1))),
)

BOXES = (
    Box("Clients", (0, 0), (("reads/s", "reads"), ("writes/s", "writes"))),
    Box("DAX", (1, 0), (("hits/s", "hits"),)),
    Box("Partitions", (2, 0), (("of the table", "partitions"),), bars=("load", "partitions")),
    Box("Tank", (2, 1), (("units", "burst"),)),
    Box("Throttled", (1, 1), (("per second", "throttled"),), alarm="throttled"),
)
LINKS = (
    Link("Clients", "DAX"), Link("DAX", "Partitions"),
    Link("Tank", "Partitions", "unused capacity"), Link("Partitions", "Throttled"),
    Link("Throttled", "Clients", "try again", control=True),
)


def near(a: float, b: float) -> bool:
    """Equal but for rounding: a request, or a millionth of them."""
    return abs(a - b) <= 1.0 + 1e-6 * max(abs(a), abs(b))


INVARIANTS = (
    Invariant("came = hits + served + failed + waiting", lambda r: near(
        r.summary["reads"] + r.summary["writes"],
        r.summary["hits"] + r.summary["served"] + r.summary["failed"]
        + r.summary["waiting_end"])),
    Invariant("attempts = served + throttled", lambda r: near(
        r.summary["reads"] + r.summary["writes"] - r.summary["hits"] + r.summary["retries"],
        r.summary["served"] + r.summary["throttled"])),
    Invariant("never more than capacity and what was saved of it", lambda r: bool(
        (r.series["used_writes"].value * r.series["writes"].t[1] <= r.series[
            "write_capacity"].value * (r.series["writes"].t[1] + dynamodb.BURST_WINDOW)
         * (1 + 1e-9) + 1e-6).all())),
    Invariant("never more than the partitions can do", lambda r: bool(
        (r.series["used_writes"].value <= r.summary["partitions"] * dynamodb.PARTITION_WRITES
         * (1 + 1e-9)).all())),
    Invariant("without DAX nothing hits", lambda r: r.params.dax or r.summary["hits"] == 0),
    NOTHING_IS_NEGATIVE,
    COST_ADDS_UP,
)
