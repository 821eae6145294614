"""What the lab `s3-prefix` measures, tells, draws and guarantees."""

import numpy as np

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
    near,
)
from labsim.services.common import kms
from labsim.services.s3 import prefixes as s3

METRICS = (
    Metric("gets_offered", "requests", "GETs that clients wanted, each counted once"),
    Metric("gets_served", "requests", "GETs answered, at whichever attempt", "higher"),
    Metric("puts_offered", "requests", "PUTs that clients wanted, each counted once"),
    Metric("puts_served", "requests", "PUTs answered, at whichever attempt", "higher"),
    Metric("throttled_503", "attempts", "attempts answered 503 Slow Down", "lower"),
    Metric("kms_throttled", "attempts", "attempts that failed for the KMS quota", "lower"),
    Metric("failed_after_retries", "requests",
           "requests given up, or not answered when the run ended", "lower"),
    Metric("retries", "attempts", "attempts beyond the first", "lower"),
    Metric("attempts_per_request", "", "attempts / requests", "lower"),
    Metric("latency_p50", "s", "half of the answers come within this, waits included", "lower"),
    Metric("latency_p99", "s", "99 of 100 answers come within this, waits included", "lower"),
    Metric("download_p50", "s", "half of the downloads take no longer, without throttling",
           "lower"),
    Metric("download_p99", "s", "99 of 100 downloads take no longer, without throttling", "lower"),
    Metric("kms_calls", "calls", "KMS requests asked for"),
    Metric("prefixes_effective", "prefixes", "partitions that share the load at the end"),
    Metric("cost_usd", "USD", "requests answered, and KMS requests", "lower"),
)

WARM = {"partition_time": 0, "duration": 600}
BURST = {"key_scheme": "one-prefix", "get_rate": 5_000, "put_rate": 0, "spike_factor": 4,
         "spike_start": 20, "spike_duration": 2, "duration": 120, "retry_quota": False,
         "max_attempts": 8}

PRESETS = (
    Preset("1 A new bucket", "More than one partition can do, and S3 needs its time to split: "
                             "slow down now, no trouble later."),
    Preset("2 Dates first", "Keys that begin with the date: reads spread over the days, but all "
                            "writes go to today.",
           {"key_scheme": "date", "prefixes": 8, "get_rate": 20_000, "put_rate": 5_000, **WARM}),
    Preset("3 Hash first", "The same load, keys that begin with a hash: every prefix gets its "
                           "share.",
           {"key_scheme": "hashed", "prefixes": 8, "get_rate": 20_000, "put_rate": 5_000, **WARM}),
    Preset("4 The notary", "Two prefixes at full speed, every object sealed by KMS: now the "
                           "account's quota is the limit.",
           {"prefixes": 2, "get_rate": 10_900, "put_rate": 0, "encryption": "sse-kms",
            "retry_mode": "none", **WARM}),
    Preset("5 Bucket keys", "The same, but one stamp serves a hundred letters.",
           {"prefixes": 2, "get_rate": 10_900, "put_rate": 0, "encryption": "sse-kms-bucket-key",
            "retry_mode": "none", **WARM}),
    Preset("6 The storm", "Two seconds of spike. Every client waits the same time and comes back "
                          "with all the others.", {**BURST, "retry_mode": "exponential"}),
    Preset("7 With jitter", "The same spike; each client tosses a die for its wait.",
           {**BURST, "retry_mode": "full-jitter"}),
    Preset("8 Impatient", "The same spike; a second, and again, and again.",
           {**BURST, "retry_mode": "fixed"}),
)

def allowed(p) -> float:
    """Requests per second that get through at a steady load: each operation up to the limits of
    the prefixes that it meets, both up to the KMS quota."""
    if p.spike_factor != 1:
        raise NotApplicable("the load changes")
    if p.partition_time:
        raise NotApplicable("the bucket has yet to split")
    n = s3.prefixes_in_use(p.key_scheme, p.prefixes)
    writable = 1 if p.key_scheme == s3.DATE else n
    through = min(p.get_rate, n * s3.GET_RATE) + min(p.put_rate, writable * s3.PUT_RATE)
    calls = kms.calls_per_object(p.encryption)
    return min(through, p.kms_quota / calls) if calls else through


PANELS = (
    Panel("Requests", "req/s", (
        Line("wanted", "offered"), Line("attempted", "attempted"), Line("served", "served")),
        marks=("split",), theory=Theory("what the prefixes allow", allowed)),
    Panel("Turned away", "req/s", (
        Line("503 Slow Down", "slow_down"), Line("KMS quota", "kms_throttled"))),
    Panel("Busiest partition", "of limit", (
        Line("load", "busiest"), Line("limit", limit=lambda p: 1))),
    Panel("Time to an answer", "s", (Line("mean latency", "latency"),)),
)

BOXES = (
    Box("Clients", (0, 0), (("wanted/s", "offered"), ("retries/s", "retries"))),
    Box("Partitions", (1, 0), (("of the bucket", "partitions"),), bars=("load", "partitions")),
    Box("KMS", (2, 0), (("calls/s", "kms_calls"), ("throttled/s", "kms_throttled"))),
    Box("Answered", (3, 0), (("GET/s", "gets_served"), ("PUT/s", "puts_served"))),
    Box("503 Slow Down", (1, 1), (("per second", "slow_down"),), alarm="slow_down"),
)
LINKS = (
    Link("Clients", "Partitions", "", "attempted"), Link("Partitions", "KMS"),
    Link("KMS", "Answered", "", "served"), Link("Partitions", "503 Slow Down"),
    Link("503 Slow Down", "Clients", "try again", control=True),
)


def attempts(r) -> float:
    """Every attempt made, from the summary."""
    s = r.summary
    return s["attempts_per_request"] * (s["gets_offered"] + s["puts_offered"])


INVARIANTS = (
    Invariant("offered = served + failed", lambda r: near(
        r.summary["gets_offered"] + r.summary["puts_offered"],
        r.summary["gets_served"] + r.summary["puts_served"] + r.summary["failed_after_retries"])),
    Invariant("attempts = served + turned away", lambda r: near(attempts(r), (
        r.summary["gets_served"] + r.summary["puts_served"] + r.summary["throttled_503"]
        + r.summary["kms_throttled"]))),
    Invariant("attempts = requests + retries", lambda r: near(attempts(r), (
        r.summary["gets_offered"] + r.summary["puts_offered"] + r.summary["retries"]))),
    NOTHING_IS_NEGATIVE,
    Invariant("no more is served than the partitions may", lambda r: bool((
        r.series["gets_served"].value <= r.series["get_limit"].value
        * (1 + 1 / min(r.series["offered"].t[1], 1.0)) + 1e-6).all())),
    Invariant("partitions only split", lambda r: bool(
        (np.diff(r.series["partitions"].value) >= 0).all())),
    COST_ADDS_UP,
)
