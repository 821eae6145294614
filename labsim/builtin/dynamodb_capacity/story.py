"""What the lab `dynamodb-capacity` measures, tells, draws and guarantees."""

from dataclasses import replace

import numpy as np

from labsim import declare as kit
from labsim.builtin.dynamodb_capacity import model
from labsim.builtin.dynamodb_capacity.params import MODES
from labsim.declare import Box, Count, Link, Metric, Preset
from labsim.services.dynamodb import bill, measures, rules
from labsim.services.dynamodb.measures import READ, WRITE

LATENCY = "latency_p50", "latency_p99"      # of the lab with what the cache answers
METRICS = (
    Count("reads_offered", "requests", "reads that came, of a sharded key each part counted",
          value=lambda o: o.offered[READ], aliases=("reads",)),
    Count("writes_offered", "requests", "writes that came", value=lambda o: o.offered[WRITE],
          aliases=("writes",)),
    Count("hits", "requests", "reads that DAX answered", "higher", lambda o: o.hits.sum()),
    Metric("hit_ratio", "of reads", "part of the reads that DAX answered", "higher",
           lambda o: kit.share(o.hits.sum(), o.offered[READ])),
    *kit.of_part("table", [m for m in measures.METRICS[2:] if m.name not in LATENCY]),
    Count("scale_outs", "times", "how often auto scaling raised a capacity",
          value=lambda o: o.scaled("outs")),
    Count("scale_ins", "times", "how often it lowered one", value=lambda o: o.scaled("ins")),
    Metric("latency_mean", "s", "mean time to an answer, waits before retries included", "lower",
           lambda o: o.latency.mean),
    Metric("latency_p50", "s", "half of the answers come within this", "lower",
           lambda o: o.latency.p50),
    Metric("latency_p99", "s", "99 of 100 answers come within this", "lower",
           lambda o: o.latency.p99),
    Metric("cost_at_peak", "USD", "what this traffic costs with capacity for its peak all along",
           value=model.Capacity.cost_at_peak,
           label="cost with capacity for the peak"),
    Metric("cost_scaled", "USD", "and with capacity that follows it at the target",
           value=lambda o: bill.followed(o.wanted, o.p.target / 100, o.hours),
           label="cost with auto scaling"),
    Metric("cost_on_demand", "USD", "and on demand", value=model.Capacity.cost_on_demand,
           label="cost on demand"),
    Metric("on_demand_ratio", "x", "what it costs on demand, over what this run costs",
           value=lambda o: kit.share(o.cost_on_demand(), o.total_cost()),
           label="on demand over provisioned"),
    Metric("cost_usd", "USD", "what this run costs", "lower", kit.Outcome.total_cost),
)

SHORT = {"peak_duration": 300}
AUTO = {"mode": "auto-scaling", "peak_start": 1_200}
HOT = {"read_rate": 0, "write_rate": 3_000, "write_capacity": 6_000, "peak_factor": 1}
STATUS = {"read_rate": 0, "write_rate": 1_500, "write_capacity": 2_000, "peak_factor": 1,
          "index": True, "index_capacity": 2_000}
READERS = {"read_rate": 12_000, "write_rate": 50, "read_capacity": 7_000, "peak_factor": 1,
           "hot_key_share": 0.9}
DAYS = {"workload": "day", "duration": 86_400, "peak_factor": 6}

PRESETS = (
    Preset("Burst capacity", "Three times the load for half an hour. For some minutes nothing "
                             "happens: the tank.",
           headline=("throttled", "failed", "latency_p99", "cost_usd"),
           hand=("peak_factor", "peak_duration", "read_capacity"), moment=1980),
    Preset("Short peak", "Five minutes, short enough for what was saved before.", SHORT,
           headline=("throttled", "failed", "latency_p99", "cost_usd"),
           hand=("peak_factor", "peak_duration", "read_capacity"), moment=2040),
    Preset("Provisioned for the peak", "Enough for the busiest minute, all day long.",
           {"read_capacity": 650, "write_capacity": 320},
           headline=("throttled", "read_utilization", "cost_usd"),
           hand=("peak_factor", "peak_duration"), moment=2700),
    Preset("Auto scaling", "It looks twice before it buys, and for a quarter of an hour before "
                           "it sells.", AUTO,
           headline=("scale_outs", "scale_ins", "throttled", "cost_usd"),
           hand=("target", "scaling_delay", "peak_duration"), moment=1380),
    Preset("On-demand", "Nobody plans anything. Look at the bill.", {"mode": "on-demand"},
           headline=("throttled", "cost_usd", "on_demand_ratio"),
           hand=("mode", "peak_factor", "peak_duration"), moment=2700),
    Preset("On-demand's limit", "A new table takes four thousand at once. Then its partitions "
                                "split for heat, and half an hour later there is twice the peak.",
           {"mode": "on-demand", "read_rate": 0, "write_rate": 1_000, "peak_factor": 7,
            "peak_start": 900, "peak_duration": 3_600},
           headline=("throttled", "failed", "partitions", "write_capacity_end"),
           hand=("peak_factor", "previous_peak", "split_after")),
    Preset("Hot partition key", "Capacity for twice as much as comes, and half of it is for one "
                                "key: one partition does a thousand. Splits free its neighbours, "
                                "but a single item stays where it is.",
           {**HOT, "hot_key_share": 0.5},
           headline=("failed", "partition_load_max", "partitions", "write_utilization"),
           hand=("hot_key_share", "sort_keys", "write_shards"), moment=1800),
    Preset("Split for heat", "The same key, but with many items under a sort key: ten minutes "
                             "later the partition is split between them.",
           {**HOT, "hot_key_share": 0.5, "sort_keys": True},
           headline=("failed", "partition_load_max", "partitions", "write_utilization"),
           hand=("sort_keys", "split_after", "hot_key_share"), moment=900),
    Preset("Write sharding", "The same key under ten names.",
           {**HOT, "hot_key_share": 0.5, "write_shards": 10},
           headline=("failed", "partition_load_max", "partitions", "write_utilization"),
           hand=("write_shards", "hot_key_share")),
    Preset("Hot key, on-demand", "The hot key again, and money is no object: the partition is.",
           {"read_rate": 0, "write_rate": 3_000, "peak_factor": 1, "hot_key_share": 0.5,
            "mode": "on-demand", "previous_peak": 3_000},
           headline=("failed", "partition_load_max", "partitions", "cost_usd"),
           hand=("hot_key_share", "write_shards", "mode"), moment=1800),
    Preset("Without adaptive capacity", "How it was: each partition has its part of the capacity, "
                                        "used or not.",
           {**HOT, "write_rate": 2_000, "hot_key_share": 0.38, "adaptive": False},
           headline=("failed", "throttled", "write_utilization"),
           hand=("adaptive", "hot_key_share", "write_capacity")),
    Preset("GSI back-pressure", "An index on a status that is always the same: its partition "
                                "fills, and the table's writes stop.", {**STATUS, "index_keys": 1},
           headline=("throttled_by_gsi", "failed", "write_utilization"),
           hand=("index_keys", "index_capacity", "index"), moment=1800),
    Preset("GSI with many keys", "The same writes, an index key with many values.", STATUS,
           headline=("throttled_by_gsi", "failed", "write_utilization"),
           hand=("index_keys", "index_capacity", "index")),
    Preset("Hot item, read", "Everybody reads one page: nine of ten reads are for one item. Three "
                             "replicas have it, and that is all that ever will.",
           READERS,
           headline=("failed", "throttled_reads", "partition_load_max", "latency_p99"),
           hand=("hot_key_share", "dax", "read_rate"), moment=1800),
    Preset("DAX", "The same readers with a cache in front: hardly one of them is left.",
           {**READERS, "dax": True},
           headline=("hit_ratio", "failed", "latency_p50", "cost_usd"),
           hand=("dax", "item_ttl", "dax_items")),
    Preset("Three bills of a day", "A day with six times the traffic at noon. What would each way "
                                   "of paying cost?", {**DAYS, "mode": "auto-scaling"},
           headline=("cost_at_peak", "cost_scaled", "cost_on_demand", "cost_usd"),
           hand=("mode", "peak_factor", "target")),
)


def allowed(p) -> float:
    """Write units/s that are consumed at a steady load for good: as many as come, the capacity, or
    what the partitions of the keys do once all splits that help are made."""
    if p.traced or p.peak_factor != 1 or p.mode not in MODES[:1]:
        raise kit.NotApplicable("the load or the capacity changes")
    if p.index or not p.adaptive:
        raise kit.NotApplicable("an index or even shares limit")
    wanted = p.write_rate * model.write_units(p)
    if p.retry_mode != "none" and p.max_attempts > 1 and p.write_rate:
        parts, keys = rules.partitions(p.read_capacity, p.write_capacity), model.asked(p)[WRITE]
        flow = wanted * (rules.partition_shares(keys, parts) if p.split_after > p.duration
                         else np.zeros(1) if p.sort_keys else keys)
        if flow.max() > rules.PARTITION_WRITES or flow.sum() > p.write_capacity:
            share = float(sum(min(f, rules.PARTITION_WRITES) for f in flow))
            return min(share, p.write_capacity)
    return min(wanted, p.write_capacity)


PANELS = tuple(replace(panel, theory=kit.Theory("for good", allowed))
               if panel.title == "Writes" else panel for panel in measures.PANELS)


def burst(p, t: float) -> dict:
    """A peak at `t` s more; of a day, twice the height at noon; of a trace, twice as much."""
    if p.workload == "day":
        return {"peak_factor": min(2 * p.peak_factor, 1_000)}
    return kit.burst(p, t, "peak")


BOXES = (
    Box("Clients", (0, 0), (("reads/s", "reads_offered_rate"),
                           ("writes/s", "writes_offered_rate")), burst=burst),
    Box("DAX", (1, 0), (("hits/s", "hits_rate"), ("of reads", "hit_share"))),
    Box("Partitions", (2, 0), (("in the table", "partitions"),), bars=("load", "partitions"),
        breaks="table-1"),
    Box("Tank", (3, 0), (("full", "tank"),)),
    Box("Given up", (0, 1), (("req/s", "failed_rate"),), alarm="failed_rate"),
    Box("Answered", (1, 1), (("req/s", "completed_rate"),)),
    Box("Throttled", (2, 1), (("attempts/s", "throttled_rate"),), alarm="throttled_rate"),
    Box("Index", (3, 1), (("writes/s", "index_rate"),), bars=("index", "index_partitions")),
)
LINKS = (
    Link("Clients", "DAX", flows=(("offered_rate", "sent"), ("again_rate", "retried"))),
    Link("DAX", "Partitions", flows=(("missed_rate", "sent"), ("again_rate", "retried"))),
    Link("DAX", "Answered", flows=(("hits_rate", "served"),)),
    Link("Partitions", "Answered", flows=(("served_rate", "served"),)),
    Link("Partitions", "Throttled", flows=(("throttled_rate", "lost"),)),
    Link("Partitions", "Index", flows=(("index_rate", "sent"),)),
    Link("Clients", "Given up", flows=(("failed_rate", "lost"),)),
    Link("Tank", "Partitions", "saved", flows=(("tank_rate", "sent"),)),
)


INVARIANTS = (
    kit.Invariant("offered = hits + completed + failed + waiting", lambda r: kit.near(
        r.summary["reads_offered"] + r.summary["writes_offered"],
        r.summary["hits"] + r.summary["completed"] + r.summary["failed"]
        + r.summary["waiting_end"])),
    kit.Invariant("attempts = completed + throttled + errors", lambda r: kit.near(
        r.summary["reads_offered"] + r.summary["writes_offered"] - r.summary["hits"]
        + r.summary["retries"], r.summary["completed"] + r.summary["throttled"]
        + r.summary["errors"])),
    *measures.INVARIANTS[1:],
    kit.Invariant("without DAX nothing hits", lambda r: r.params.dax or r.summary["hits"] == 0),
)
