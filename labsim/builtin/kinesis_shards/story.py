"""What the lab `kinesis-shards` measures, tells, draws and guarantees."""

from labsim.builtin.kinesis_shards.model import shard_limit
from labsim.declare import COST_ADDS_UP, Box, Invariant, Line, Link, Metric, Panel, Preset

METRICS = (
    Metric("records_offered", "records", "records that producers wanted to put, each once"),
    Metric("records_accepted", "records", "records put, at whichever attempt", "higher"),
    Metric("records_throttled", "records", "records not put: dropped or still waiting", "lower"),
    Metric("records_read", "records", "records that each of the consumers has read", "higher"),
    Metric("records_retained", "records", "records put and not yet read at the end", "lower"),
    Metric("records_lost", "records", "records that expired before they were read", "lower"),
    Metric("records_dropped", "records", "records that producers gave up after the last retry",
           "lower"),
    Metric("records_waiting", "records", "records that wait for a retry at the end", "lower"),
    Metric("throttle_ratio", "", "records throttled / records offered", "lower"),
    Metric("put_attempts", "attempts", "records offered and retries made", "lower"),
    Metric("throttled_attempts", "attempts", "attempts that a shard refused", "lower"),
    Metric("kinesis_records", "records", "records as Kinesis counts them: aggregates are one"),
    Metric("hottest_shard_share", "", "share of the records offered that went to one shard, "
           "at the worst time between reshards", "lower"),
    Metric("hottest_share_end", "", "the same, from the last reshard to the end", "lower"),
    Metric("shards_needed", "shards", "shards that the highest rate needs, spread evenly"),
    Metric("shards_end", "shards", "shards open at the end"),
    Metric("propagation_mean", "s", "mean time from put to read", "lower"),
    Metric("propagation_p95", "s", "19 of 20 records are read within this after their put",
           "lower"),
    Metric("iterator_age_max", "s", "largest age of a record not yet read", "lower"),
    Metric("iterator_age_end", "s", "the same, when the run ends", "lower"),
    Metric("consumer_rate", "records/s", "records that each consumer read per second, on average"),
    Metric("cost_usd", "USD", "shards and what they carry, or on-demand capacity", "lower"),
)

HOT = {"record_rate": 2_500, "hot_key_share": 0.6}
OUTAGE = {"record_rate": 3_600, "record_size": 1_000, "outage_start": 300,
          "outage_duration": 600, "duration": 3_600}
PINGS = {"record_rate": 40_000, "record_size": 50, "keys": 10_000, "retries": 1}
WAVE = {"record_rate": 1_800, "keys": 10_000, "spike_factor": 3, "spike_start": 600,
        "spike_duration": 4_800, "duration": 7_200}
DAY = 86_400

PRESETS = (
    Preset("1 Enough shards", "Many keys, evenly spread: every counter has its share, and nobody "
                              "is turned away."),
    Preset("2 One hot key", "The same stream, most records have one key: one shard burns, the "
                            "others read the paper.", HOT),
    Preset("3 A split in vain", "So split the hot shard. Its key goes to one of the halves, "
                                "whole.", {**HOT, "split_at": 600}),
    Preset("4 A split that helps", "Few keys, none of them hot, but too many of them met in one "
                                   "shard: here a split is the cure.",
           {"keys": 20, "split_at": 600}),
    Preset("5 The outage", "The consumer is away for ten minutes. Nothing is lost, but it can "
                           "read only twice as fast as a full shard is written.",
           {**OUTAGE, "duration": 2_400}),
    Preset("6 Two on one pipe", "The same outage with two consumers that share the reads: what "
                                "is left over hardly shortens the pile.",
           {**OUTAGE, "consumers": 2}),
    Preset("7 A pipe for each", "The same two with enhanced fan-out: each catches up as if it "
                                "were alone.", {**OUTAGE, "consumers": 2, "fan_out": "enhanced"}),
    Preset("8 Tiny records", "Little data, many records: the limit on records turns them away "
                             "while the bytes are nowhere near theirs.", PINGS),
    Preset("9 Packed", "The producer library packs them: the same records in a few parcels.",
           {**PINGS, "aggregation": True}),
    Preset("10 On demand", "Nobody counts shards, but the load more than doubles: AWS splits "
                           "busy shards, after its quarter of an hour.",
           {**WAVE, "mode": "on-demand"}),
    Preset("11 The long weekend", "The consumer fails on Friday evening. What is older than the "
                                  "retention is gone, read or not.",
           {"duration": 5 * DAY, "outage_start": DAY, "outage_duration": 2.5 * DAY}),
)

PANELS = (
    Panel("Traffic", "records/s", (
        Line("offered", "offered"), Line("accepted", "accepted"), Line("read", "read")),
        marks=("split", "merge")),
    Panel("Attempts per shard", "of limit", (
        Line("busiest", "busiest"), Line("mean", "mean_load"),
        Line("limit", limit=lambda p: 1))),
    Panel("Refused attempts", "records/s", (Line("refused", "refused"),)),
    Panel("Age of oldest unread", "s", (
        Line("iterator age", "iterator_age"),
        Line("retention", limit=lambda p: p.retention if p.retention < p.duration else None))),
)

BOXES = (
    Box("Producers", (0, 0), (("records/s", "offered"), ("retries/s", "retries"))),
    Box("Shards", (1, 0), (("open", "shards"),), bars=("load", "shards")),
    Box("Kept", (2, 0), (("unread", "unread"), ("expired/s", "expired")), alarm="expired"),
    Box("Consumers", (3, 0), (("read/s", "read"), ("s behind", "iterator_age"))),
    Box("Throttled", (1, 1), (("refused/s", "refused"),), alarm="refused"),
    Box("Resharding", (2, 1), (("splits and merges", "reshards"),)),
)
LINKS = (
    Link("Producers", "Shards", "", "attempted"), Link("Shards", "Kept", "", "accepted"),
    Link("Kept", "Consumers", "", "read"), Link("Shards", "Throttled"),
    Link("Throttled", "Producers", "try again", control=True),
    Link("Resharding", "Shards", "split, merge", control=True),
)


def near(r, a: float, b: float) -> bool:
    """Equal but for rounding: a billionth of all that moved."""
    return abs(a - b) <= 1e-9 * max(r.summary["put_attempts"], 1e-3)


def law(name: str, left: str, *right: str) -> Invariant:
    """The metric `left` is the sum of the others."""
    return Invariant(name, lambda r: near(
        r, r.summary[left], sum(r.summary[metric] for metric in right)))


INVARIANTS = (
    law("offered = accepted + throttled", "records_offered", "records_accepted",
        "records_throttled"),
    law("throttled = dropped + waiting for a retry", "records_throttled", "records_dropped",
        "records_waiting"),
    law("accepted = read + retained + lost", "records_accepted", "records_read",
        "records_retained", "records_lost"),
    law("attempts = accepted + refused", "put_attempts", "records_accepted",
        "throttled_attempts"),
    Invariant("nothing is negative", lambda r: bool(
        all((s.value >= -1e-6).all() for s in r.series.values())
        and all(v >= 0 for v in r.summary.values()))),
    Invariant("each shard accepts no more than its limit", lambda r: bool(
        (r.series["accepted"].value <= r.series["shards"].value * shard_limit(r.params)
         * (1 + 1 / min(r.series["offered"].t[1], 1.0)) + 1e-6).all())),
    Invariant("no record is older than the retention", lambda r:
              r.summary["iterator_age_max"] <= r.params.retention * (1 + 1e-9)),
    Invariant("shares are shares", lambda r: all(
        0 <= r.summary[name] <= 1 + 1e-9 for name in ("throttle_ratio", "hottest_shard_share"))),
    COST_ADDS_UP,
)
