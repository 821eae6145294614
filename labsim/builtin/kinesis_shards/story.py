"""What the lab `kinesis-shards` measures, tells, draws and guarantees."""

from labsim import declare as kit
from labsim.builtin.kinesis_shards.model import shards_needed
from labsim.declare import Box, Line, Link, Panel, Preset
from labsim.services.kinesis import Stream

METRICS = (
    *kit.of_part("stream", Stream.METRICS),
    kit.Count("shards_needed", "shards", "shards that the highest rate needs, spread evenly", "",
              lambda o: shards_needed(o.p), label="shards needed"),
    kit.Metric("cost_usd", "USD", "shards and what they carry, or on-demand capacity", "lower",
               kit.Outcome.total_cost),
)

HOT = {"record_rate": 2_500, "hot_key_share": 0.6}
OUTAGE = {"record_rate": 3_600, "record_size": 1_000, "outage_start": 300,
          "outage_duration": 600, "duration": 3_600}
PINGS = {"record_rate": 40_000, "record_size": 50, "keys": 10_000, "retries": 1}
WAVE = {"record_rate": 1_800, "keys": 10_000, "spike_factor": 3, "spike_start": 600,
        "spike_duration": 4_800, "duration": 7_200}
DAY = 86_400

SPREAD = ("incomplete", "throttled", "hottest_shard_share", "shards_end")
BEHIND = ("iterator_age_max", "iterator_age_end", "consumer_rate", "cost_usd")
SMALL = ("incomplete", "throttled", "kinesis_records", "cost_usd")

PRESETS = (
    Preset("Enough shards", "Many keys, evenly spread: every counter has its share, and nobody "
                            "is turned away.",
           headline=("incomplete", "hottest_shard_share", "shards_needed", "cost_usd"),
           hand=("record_rate", "shards", "keys", "hot_key_share")),
    Preset("Hot partition key", "The same stream, most records have one key: one shard burns, "
                                "the others read the paper.", HOT, SPREAD, ("shards", "keys")),
    Preset("Split of a hot key", "So split the hot shard. Its key goes to one of the halves, "
                                 "whole.", {**HOT, "split_at": 600}, SPREAD, ("split_what",), 900),
    Preset("Split of a hot shard", "Few keys, none of them hot, but too many of them met in one "
                                   "shard: here a split is the cure.",
           {"keys": 20, "split_at": 600}, SPREAD, ("split_what", "shards"), 900),
    Preset("Consumer outage", "The consumer is away for ten minutes. Nothing is lost, but it can "
                              "read only twice as fast as a full shard is written.",
           {**OUTAGE, "duration": 2_400}, BEHIND, ("shards", "consumer_capacity"), 1_080),
    Preset("Shared fan-out", "The same outage with two consumers that share the reads: what is "
                             "left over hardly shortens the pile.", {**OUTAGE, "consumers": 2},
           BEHIND, ("fan_out", "shards"), 1_200),
    Preset("Enhanced fan-out", "The same two with a pipe each: each catches up as if it were "
                               "alone.", {**OUTAGE, "consumers": 2, "fan_out": "enhanced"},
           BEHIND, ("fan_out", "shards"), 1_200),
    Preset("Limit on records", "Tiny records: little data, many of them, and the limit on records "
                               "turns them away while the bytes are nowhere near theirs.", PINGS,
           SMALL, ("aggregation", "shards")),
    Preset("Producer aggregation", "The producer library packs them: the same records in a few "
                                   "parcels.", {**PINGS, "aggregation": True}, SMALL, ("shards",)),
    Preset("On-demand mode", "Nobody counts shards, but the load more than doubles: AWS splits "
                             "busy shards, after its quarter of an hour.",
           {**WAVE, "mode": "on-demand"}, ("incomplete", "throttled", "shards_end", "cost_usd"),
           ("spike_factor", "ondemand_split_time", "ondemand_peak"), 1_560),
    Preset("Retention runs out", "The consumer fails on Friday evening. What is older than the "
                                 "retention is gone, read or not.",
           {"duration": 5 * DAY, "outage_start": DAY, "outage_duration": 2.5 * DAY},
           ("expired", "iterator_age_max", "read", "cost_usd"), ("retention",)),
    Preset("Several hot keys", "Five keys with most of the records, and shards enough for all, on "
                               "paper. But their hashes meet: two of them share a shard.",
           {"record_rate": 5_000, "shards": 8, "hot_key_share": 0.6, "hot_keys": 5}, SPREAD),
    Preset("Too many pollers", "Eight applications ask each shard once a second, as they should, "
                               "and it answers five. The others come back later.",
           {"record_size": 100, "consumers": 8},
           ("reads_throttled", "propagation_p95", "consumer_rate", "cost_usd"),
           ("fan_out", "poll_interval")),
)

*BEFORE, AGE = Stream.PANELS
PANELS = (
    *BEFORE,
    Panel(AGE.title, (*AGE.lines, Line(
        "retention", limit=lambda p: p.retention if p.retention < p.duration else None))),
)

BOXES = (
    Box("Producers", (0, 0), (("records/s", "offered_rate"), ("retries/s", "retries_rate")),
        burst=kit.burst),
    Box("Shards", (1, 0), (("open", "shards"), ("tries/s", "attempts_rate"),
                           ("put/s", "completed_rate")), bars=("load", "shards"),
        breaks="stream-1"),
    Box("Kept", (2, 0), (("unread", "unread"),)),
    Box("Consumers", (3, 0), (("read/s", "read_rate"), ("behind", "iterator_age"),
                              ("refused calls/s", "reads_throttled_rate")),
        alarm="reads_throttled_rate", breaks="stream consumers"),
    Box("Throttled", (1, 1), (("/s", "throttled_rate"),), alarm="throttled_rate"),
    Box("Resharding", (2, 1), (("splits, merges", "reshards"),)),
    Box("Expired", (3, 1), (("/s", "expired_rate"),), alarm="expired_rate"),
)
LINKS = (
    Link("Producers", "Shards", flows=(("offered_rate", "sent"), ("retries_rate", "retried"))),
    Link("Shards", "Kept", flows=(("completed_rate", "sent"),)),
    Link("Kept", "Consumers", flows=(("read_rate", "served"),)),
    Link("Shards", "Throttled", flows=(("throttled_rate", "lost"),)),
    Link("Kept", "Expired", flows=(("expired_rate", "lost"),)),
    Link("Throttled", "Producers", "try again", control=True,
         flows=(("retries_rate", "retried"),)),
    Link("Resharding", "Shards", "split, merge", control=True),
)

INVARIANTS = (
    *Stream.INVARIANTS,
    kit.Invariant("no record is older than the retention", lambda r:
                  r.summary["iterator_age_max"] <= r.params.retention * (1 + 1e-9)),
)
