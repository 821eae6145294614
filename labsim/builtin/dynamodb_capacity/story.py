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
           value=lambda o: bill.at_peak(o.wanted, o.hours),
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
                             "happens: the tank."),
    Preset("Short peak", "Five minutes, short enough for what was saved before.", SHORT),
    Preset("Provisioned for the peak", "Enough for the busiest minute, all day long.",
           {"read_capacity": 650, "write_capacity": 320}),
    Preset("Auto scaling", "It looks twice before it buys, and for a quarter of an hour before "
                           "it sells.", AUTO),
    Preset("On-demand", "Nobody plans anything. Look at the bill.", {"mode": "on-demand"}),
    Preset("On-demand's limit", "A new table takes four thousand at once. Then its partitions "
                                "split for heat, and half an hour later there is twice the peak.",
           {"mode": "on-demand", "read_rate": 0, "write_rate": 1_000, "peak_factor": 7,
            "peak_start": 900, "peak_duration": 3_600}),
    Preset("Hot partition key", "Capacity for twice as much as comes, and half of it is for one "
                                "key: one partition does a thousand. Splits free its neighbours, "
                                "but a single item stays where it is.",
           {**HOT, "hot_key_share": 0.5}),
    Preset("Split for heat", "The same key, but with many items under a sort key: ten minutes "
                             "later the partition is split between them.",
           {**HOT, "hot_key_share": 0.5, "sort_keys": True}),
    Preset("Write sharding", "The same key under ten names.",
           {**HOT, "hot_key_share": 0.5, "write_shards": 10}),
    Preset("Hot key, on-demand", "The hot key again, and money is no object: the partition is.",
           {"read_rate": 0, "write_rate": 3_000, "peak_factor": 1, "hot_key_share": 0.5,
            "mode": "on-demand", "previous_peak": 3_000}),
    Preset("Without adaptive capacity", "How it was: each partition has its part of the capacity, "
                                        "used or not.",
           {**HOT, "write_rate": 2_000, "hot_key_share": 0.38, "adaptive": False}),
    Preset("GSI back-pressure", "An index on a status that is always the same: its partition "
                                "fills, and the table's writes stop.", {**STATUS, "index_keys": 1}),
    Preset("GSI with many keys", "The same writes, an index key with many values.", STATUS),
    Preset("Hot item, read", "Everybody reads one page: nine of ten reads are for one item. Three "
                             "replicas have it, and that is all that ever will.",
           READERS),
    Preset("DAX", "The same readers with a cache in front: hardly one of them is left.",
           {**READERS, "dax": True}),
    Preset("Three bills of a day", "A day with six times the traffic at noon. What would each way "
                                   "of paying cost?", {**DAYS, "mode": "auto-scaling"}),
)


def allowed(p) -> float:
    """Write units/s that are consumed at a steady load for good: as many as come, the capacity, or
    what the partitions of the keys do once all splits that help are made."""
    if p.peak_factor != 1 or p.mode not in MODES[:1]:
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

BOXES = (
    Box("Clients", (0, 0), (("reads/s", "reads_offered_rate"),
                           ("writes/s", "writes_offered_rate"))),
    Box("DAX", (1, 0), (("hits/s", "hits_rate"),)),
    Box("Partitions", (2, 0), (("of the table", "partitions"),), bars=("load", "partitions"),
        breaks="table-1"),
    Box("Tank", (2, 1), (("units saved", "burst"),)),
    Box("Throttled", (1, 1), (("req/s", "throttled_rate"),), alarm="throttled_rate"),
)
LINKS = (
    Link("Clients", "DAX"), Link("DAX", "Partitions"),
    Link("Tank", "Partitions", "unused capacity"), Link("Partitions", "Throttled"),
    Link("Throttled", "Clients", "try again", control=True),
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
