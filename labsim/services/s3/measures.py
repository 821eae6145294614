"""What an S3 bucket is measured in, how it is drawn, and what holds for it always.

Picture the tally sheets beside the hatches of a cloakroom. (*Models:* and *Leaves out:* are those
of `bucket`.)
"""

import numpy as np

from labsim.declare import (
    CLIENT_METRICS,
    Count,
    Invariant,
    Line,
    Metric,
    Panel,
    adds_up,
    bars,
    near,
    per_tick,
    share,
)
from labsim.services.s3.rules import GET, PUT

METRICS = (
    Count("gets_offered", "requests", "GETs that clients wanted, each counted once", "",
          lambda b: b.offered[0]),
    Count("gets_completed", "requests", "GETs answered, at whichever attempt", "higher",
          lambda b: b.completed[0], aliases=("gets_served",)),
    Count("puts_offered", "requests", "PUTs that clients wanted, each counted once", "",
          lambda b: b.offered[1]),
    Count("puts_completed", "requests", "PUTs answered, at whichever attempt", "higher",
          lambda b: b.completed[1], aliases=("puts_served",)),
    Count("throttled", "attempts", "attempts answered 503 Slow Down", "lower",
          lambda b: b.slow_down.sum(), aliases=("throttled_503",)),
    Count("throttled_kms", "attempts", "attempts that failed for the KMS quota", "lower",
          lambda b: b.kms_throttled.sum(), aliases=("kms_throttled",), label="throttled by KMS"),
    Count("failed", "requests", "requests given up, or not answered when the run ended", "lower",
          lambda b: b.offered.sum() - b.completed[0] - b.completed[1],
          aliases=("failed_after_retries",)),
    Count("attempts", "attempts", "requests offered and retries made", "lower",
          lambda b: b.tried.sum() + b.on_its_way.sum()),
    Count("retries", "attempts", "attempts beyond the first", "lower",
          lambda b: b.tried.sum() - b.arrived.sum()),
    Metric("attempts_per_request", "x", "attempts / requests", "lower",
           lambda b: share(b.tried.sum() + b.on_its_way.sum(), b.offered.sum()),
           label="attempts over requests"),
    Metric("latency_p50", "s", "half of the answers come within this, waits included", "lower",
           lambda b: b.latencies[0]),
    Metric("latency_p95", "s", "95 of 100 answers come within this, waits included", "lower",
           lambda b: b.latencies[1]),
    Metric("latency_p99", "s", "99 of 100 answers come within this, waits included", "lower",
           lambda b: b.latencies[2]),
    Count("prefixes_effective", "prefixes", "partitions that share the load at the end", "",
          lambda b: max(1, b.loaded), label="prefixes that share the load"),
    Count("errors", "attempts", "attempts that failed since something was broken", "lower",
          lambda b: b.erred.sum() + b.heard[:, 2].sum()),
    *CLIENT_METRICS)

PANELS = (
    Panel("Requests", (
        Line("wanted", "offered_rate"), Line("tried", "attempts_rate"),
        Line("served", "completed_rate")), marks=("split", "merge")),
    Panel("Throttled attempts", (
        Line("503 Slow Down", "throttled_rate"), Line("KMS quota", "throttled_kms_rate"))),
    Panel("Busiest partition", (
        Line("load", "load_max"), Line("limit", limit=lambda p: 1)), unit="of limit"),
    Panel("Latency", (Line("mean latency", "latency"),)))

INVARIANTS = (
    Invariant("offered = completed + failed", lambda r: near(
        r.summary["gets_offered"] + r.summary["puts_offered"],
        r.summary["gets_completed"] + r.summary["puts_completed"] + r.summary["failed"])),
    adds_up("attempts", "gets_completed", "puts_completed", "throttled", "throttled_kms",
            "errors", "timed_out", "short_circuited", upto="failed"),
    adds_up("attempts", "gets_offered", "puts_offered", "retries"),
    Invariant("no more is served than the partitions may", lambda r: bool((
        r.series["gets_completed_rate"].value <= r.series["get_limit"].value
        * (1 + 1 / min(r.series["get_limit"].t[1], 1.0)) + 1e-6).all())),
    Invariant("there is always a partition", lambda r: bool(
        (r.series["partitions"].value >= 1).all())))


def curves(bucket) -> dict[str, tuple[np.ndarray, str]]:
    """Rates, partitions and their loads against their limit, and the mean latency."""
    by_op = bucket.served.sum(axis=1)
    wanted, done = bucket.arrived.sum(axis=1), by_op.sum(axis=1)
    rates = {"offered": wanted, "attempts": bucket.tried, "completed": done,
             "gets_completed": by_op[:, GET], "puts_completed": by_op[:, PUT],
             "throttled": bucket.slow_down, "throttled_kms": bucket.kms_throttled,
             "retries": np.maximum(bucket.tried - wanted, 0.0)}
    taken, means = (bucket.served * bucket.latencies[3]).sum(axis=(1, 2)), bucket.latencies[3]
    if bucket.slow_then.any():        # each attempt takes longer
        tries = np.arange(1, len(means) + 1)[:, None]
        taken = taken + bucket.slow_then * (bucket.served * tries * means[0]).sum(axis=(1, 2))
    latency = np.divide(taken, done, out=np.zeros(len(done)), where=done > 0)
    return {
        **{f"{name}_rate": per_tick(n / bucket.sim.tick, "req/s") for name, n in rates.items()},
        "partitions": per_tick(bucket.partitions, "partitions"),
        "get_limit": per_tick(bucket.allowed / bucket.sim.tick, "req/s"),
        "load_max": per_tick(bucket.busiest.max(axis=0), "of limit"),
        "latency": per_tick(latency, "s"),
        **bars("load", bucket.busiest)}
