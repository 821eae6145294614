"""What a Kinesis stream is measured in, how it is drawn, and what holds for it always.

Picture the dials above the counters of a post office: each says what it shows, and beneath it
hangs the wire from the counter that it reads. (*Models:* and *Leaves out:* are those of `stream`.)
"""

import numpy as np

from labsim.declare import (
    CLIENT_METRICS,
    MOST_BARS,
    Count,
    Invariant,
    Line,
    Metric,
    Panel,
    adds_up,
    bars,
    per_tick,
    share,
)

METRICS = (
    Count("offered", "records", "records that producers wanted to put, each once", "",
          lambda s: s.fates.sum(), aliases=("records_offered",)),
    Count("completed", "records", "records put, at whichever attempt", "higher",
          lambda s: s.fates[:3].sum(), aliases=("records_accepted",)),
    Count("incomplete", "records", "records not put: failed and waiting_end together", "lower",
          lambda s: s.fates[3:].sum(), aliases=("records_throttled",), label="not put"),
    Count("read", "records", "records that each of the consumers has read", "higher",
          lambda s: s.fates[0], aliases=("records_read",)),
    Count("retained_end", "records", "records put and not yet read at the end", "lower",
          lambda s: s.fates[1], aliases=("records_retained",)),
    Count("expired", "records", "records that expired before they were read", "lower",
          lambda s: s.fates[2], aliases=("records_lost",), label="expired unread"),
    Count("failed", "records", "records that producers gave up after the last retry", "lower",
          lambda s: s.fates[3], aliases=("records_dropped",)),
    Count("waiting_end", "records", "records that came last, or wait for a retry, at the end",
          "lower", lambda s: s.fates[4], aliases=("records_waiting",)),
    Metric("incomplete_share", "of records", "records not put / records offered", "lower",
           lambda s: share(s.incomplete, s.offered), aliases=("throttle_ratio",), label="not put"),
    Count("attempts", "attempts", "records offered and retries made", "lower",
          lambda s: s.attempts, aliases=("put_attempts",)),
    Count("throttled", "attempts", "attempts that a shard refused", "lower",
          lambda s: s.throttled, aliases=("throttled_attempts",)),
    Count("reads_throttled", "calls", "GetRecords calls that a shard refused", "lower",
          lambda s: s.calls_refused.sum()),
    Count("kinesis_records", "records", "records as Kinesis counts them: aggregates are one",
          "", lambda s: s.made[0]),
    Metric("hottest_shard_share", "of records", "share of the records offered that went to one "
           "shard, at the worst time between reshards", "lower",
           lambda s: max(s.hottest_shares), label="on the hottest shard"),
    Metric("hottest_share_end", "of records", "the same, from the last reshard to the end", "lower",
           lambda s: s.hottest_shares[-1], label="on the hottest shard, at the end"),
    Count("shards_end", "shards", "shards open at the end", "",
          lambda s: s.told["shards"][0][-1]),
    Metric("propagation_mean", "s", "mean time from put to read", "lower",
           lambda s: s.delays.mean()),
    Metric("propagation_p50", "s", "half of the records are read within this after their put",
           "lower", lambda s: np.percentile(s.delays, 50)),
    Metric("propagation_p95", "s", "19 of 20 records are read within this after their put",
           "lower", lambda s: np.percentile(s.delays, 95)),
    Metric("propagation_p99", "s", "99 of 100 records are read within this after their put",
           "lower", lambda s: np.percentile(s.delays, 99)),
    Metric("iterator_age_max", "s", "largest age of a record not yet read", "lower",
           lambda s: s.told["iterator_age"][0].max(), label="furthest behind"),
    Metric("iterator_age_end", "s", "the same, when the run ends", "lower",
           lambda s: s.told["iterator_age"][0][-1], label="behind, at the end"),
    Metric("consumer_rate", "records/s", "records that each consumer read per second, on "
           "average", "", lambda s: s.read / s.sim.duration),
    Count("errors", "attempts", "attempts that failed since something was broken", "lower",
          lambda s: s.erred),
    *(metric for metric in CLIENT_METRICS if metric.name != "timed_out"))

PANELS = (
    Panel("Traffic", (
        Line("offered", "offered_rate"), Line("put", "completed_rate"),
        Line("read", "read_rate")), marks=("split", "merge")),
    Panel("Attempts per shard", (
        Line("busiest", "load_max"), Line("mean", "load_mean"),
        Line("limit", limit=lambda p: 1)), unit="of limit"),
    Panel("Throttled attempts", (Line("throttled", "throttled_rate"),)),
    Panel("Age of oldest unread", (Line("iterator age", "iterator_age"),)))

INVARIANTS = (
    adds_up("offered", "completed", "incomplete"),
    adds_up("incomplete", "failed", "waiting_end"),
    adds_up("offered", "completed", "failed", "waiting_end"),
    adds_up("completed", "read", "retained_end", "expired"),
    adds_up("attempts", "completed", "throttled", "errors", "short_circuited",
            upto="waiting_end"),
    Invariant("each shard takes no more than its limit", lambda r: bool(
        (r.series["completed_rate"].value <= r.series["put_limit"].value
         * (1 + 1 / min(r.series["completed_rate"].t[1], 1.0)) + 1e-6).all())),
    Invariant("shares are shares", lambda r: all(
        0 <= r.summary[name] <= 1 + 1e-9
        for name in ("incomplete_share", "hottest_shard_share"))))


def curves(stream) -> dict[str, tuple[np.ndarray, str]]:
    """Rates, loads of the shards against their limit, and how far the consumers are behind."""
    plane, tick = stream.shards, stream.sim.tick
    first, tried, put = (a.sum(axis=1) for a in (plane.attempts.arrived, stream.asked,
                                                 plane.accepted))
    shards, reshards = plane.counts()
    load = plane.load
    rates = {"offered": first, "attempts": tried, "completed": put,
             "read": plane.read.sum(axis=1), "throttled": np.maximum(tried - put, 0.0),
             "retries": np.maximum(tried - first, 0.0), "expired": plane.lost.sum(axis=1)}
    return {
        **{f"{name}_rate": per_tick(n / tick, "records/s") for name, n in rates.items()},
        "put_limit": per_tick(shards * plane.limit, "records/s"),
        "reads_throttled_rate": per_tick(stream.calls_refused / tick, "calls/s"),
        "unread": per_tick(plane.backlog.sum(axis=1), "records"),
        "shards": per_tick(shards, "shards"), "reshards": per_tick(reshards, "times"),
        "load_max": per_tick(load.max(axis=1), "of limit"),
        "load_mean": per_tick(tried / (plane.limit * tick * shards), "of limit"),
        "iterator_age": per_tick(plane.ages(), "s"),
        **bars("load", plane.loads(MOST_BARS))}
