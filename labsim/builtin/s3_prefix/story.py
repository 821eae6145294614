"""What the lab `s3-prefix` measures, tells, draws and guarantees."""

from dataclasses import replace

from labsim import declare as kit
from labsim.declare import Box, Link, Preset
from labsim.services.kms.rules import calls_per_object
from labsim.services.s3 import Bucket, rules

METRICS = (
    *kit.of_part("bucket", Bucket.METRICS),
    kit.Metric("download_p50", "s", "half of the downloads take no longer, without throttling",
               "lower", lambda o: o.downloads[0]),
    kit.Metric("download_p99", "s", "99 of 100 downloads take no longer, without throttling",
               "lower", lambda o: o.downloads[1]),
    kit.Count("kms_calls", "calls", "KMS requests asked for", "", lambda o: o.kms.calls.sum()),
    kit.Metric("cost_usd", "USD", "requests answered, and KMS requests", "lower",
               kit.Outcome.total_cost),
)

WARM = {"partition_time": 0, "duration": 600}
BURST = {"key_scheme": "one-prefix", "get_rate": 5_000, "put_rate": 0, "spike_factor": 4,
         "spike_start": 20, "spike_duration": 2, "duration": 120, "retry_quota": False,
         "max_attempts": 8}

GROWS = ("throttled", "failed", "prefixes_effective", "latency_p95")
SHARES = ("puts_completed", "throttled", "failed", "latency_p99")
SEALED = ("throttled_kms", "failed", "kms_calls", "cost_usd")
STORM = ("throttled", "failed", "attempts_per_request", "latency_p99")
AGAIN = ("retry_mode", "max_attempts", "retry_base", "retry_quota")

PRESETS = (
    Preset("New bucket, one partition", "More than one partition can do, and S3 needs its time for "
                                        "another: slow down now, no trouble later.",
           headline=GROWS, hand=("prefixes", "partition_time", "get_rate"), moment=150),
    Preset("Date prefixes", "Keys that begin with the date: reads spread over the days, but all "
                            "writes go to today.",
           {"key_scheme": "date", "prefixes": 8, "get_rate": 20_000, "put_rate": 5_000, **WARM},
           SHARES, ("key_scheme", "prefixes", "put_rate")),
    Preset("Hash prefixes", "The same load, keys that begin with a hash: every prefix gets its "
                            "share.",
           {"key_scheme": "hashed", "prefixes": 8, "get_rate": 20_000, "put_rate": 5_000, **WARM},
           SHARES, ("key_scheme", "prefixes", "put_rate")),
    Preset("KMS quota", "Two prefixes at full speed, every object sealed by KMS: now the "
                        "account's quota is the limit, one notary for the whole town.",
           {"prefixes": 2, "get_rate": 10_900, "put_rate": 0, "encryption": "sse-kms",
            "retry_mode": "none", **WARM}, SEALED, ("encryption", "kms_quota", "retry_mode")),
    Preset("S3 Bucket Keys", "The same, but one stamp serves a hundred letters.",
           {"prefixes": 2, "get_rate": 10_900, "put_rate": 0, "encryption": "sse-kms-bucket-key",
            "retry_mode": "none", **WARM}, SEALED, ("encryption", "kms_quota", "retry_mode")),
    Preset("Retry storm", "Two seconds of spike. Every client waits the same time and comes back "
                          "with all the others.", {**BURST, "retry_mode": "exponential"},
           STORM, AGAIN, 37),
    Preset("Full jitter", "The same spike; each client tosses a die for its wait.",
           {**BURST, "retry_mode": "full-jitter"}, STORM, AGAIN, 37),
    Preset("Fixed backoff", "The same spike, impatient clients: a second, and again, and again.",
           {**BURST, "retry_mode": "fixed"}, STORM, AGAIN, 28),
    Preset("Within one prefix", "One prefix, but its keys are spread over four ranges: S3 divides "
                                "it as if they were prefixes. Keys in sequence: ranges to 1.",
           {"key_scheme": "one-prefix", "key_ranges": 4, "get_rate": 20_000, "put_rate": 0,
            "duration": 7_200}, GROWS, ("key_ranges", "partition_time"), 1_290),
    Preset("Below the published rate", "A new bucket that allows a quarter of it: 503s at a load "
                                       "that any prefix serves once it has adapted.",
           {"start_rate": 25, "get_rate": 5_000, "put_rate": 500, "duration": 7_200}, GROWS,
           ("start_rate", "partition_time"), 300),
    Preset("Warming up", "Always a little more than the bucket serves, as somebody measured it: "
                         "partition by partition, and evenly between.",
           {"key_scheme": "one-prefix", "key_ranges": 64, "get_rate": 5_800, "put_rate": 0,
            "ramp_factor": 5.5, "ramp_duration": 2_280, "duration": 2_280, "retry_mode": "none"},
           GROWS, ("ramp_factor", "partition_time"), 1_700),
    Preset("Cooling down", "A peak, a quiet time, the same peak: what has cooled down has to warm "
                           "up anew. How soon S3 cools is assumed.",
           {"key_scheme": "one-prefix", "key_ranges": 16, "get_rate": 4_000, "put_rate": 0,
            "spike_factor": 5, "spike_start": 0, "spike_duration": 1_800, "spike_every": 5_400,
            "cooling_time": 600, "duration": 7_200, "retry_mode": "none"},
           GROWS, ("cooling_time", "partition_time"), 5_560),
)


def allowed(p) -> float:
    """Requests per second that get through at a steady load: each operation up to the limits of
    the prefixes that it meets, both up to the KMS quota."""
    if p.traced or p.spike_factor != 1 or p.ramp_factor != 1:
        raise kit.NotApplicable("the load changes")
    if p.partition_time:
        raise kit.NotApplicable("the bucket has yet to split")
    n = rules.prefixes_in_use(p.key_scheme, p.prefixes)
    writable = 1 if p.key_scheme == rules.DATE else n
    through = min(p.get_rate, n * rules.GET_RATE) + min(p.put_rate, writable * rules.PUT_RATE)
    calls = calls_per_object(p.encryption)
    return min(through, p.kms_quota / calls) if calls else through


ALLOWED = kit.Theory("what the prefixes allow", allowed)
REQUESTS, *OTHERS = Bucket.PANELS
PANELS = (replace(REQUESTS, theory=ALLOWED), *OTHERS)

BOXES = (
    Box("Clients", (0, 0), (("wanted/s", "offered_rate"), ("retries/s", "retries_rate")),
        burst=kit.burst),
    Box("Partitions", (1, 0), (("in use", "partitions"), ("tries/s", "attempts_rate")),
        bars=("load", "partitions"), breaks="bucket-1"),
    Box("KMS", (2, 0), (("calls/s", "kms_calls_rate"),), breaks="kms"),
    Box("Answered", (3, 0), (("GET/s", "gets_completed_rate"), ("PUT/s", "puts_completed_rate"))),
    Box("503 Slow Down", (1, 1), (("/s", "throttled_rate"),), alarm="throttled_rate"),
    Box("KMS throttled", (2, 1), (("/s", "throttled_kms_rate"),), alarm="throttled_kms_rate"),
)
LINKS = (
    Link("Clients", "Partitions", flows=(("offered_rate", "sent"), ("retries_rate", "retried"))),
    Link("Partitions", "KMS", flows=(("passed_rate", "sent"),)),
    Link("KMS", "Answered", flows=(("completed_rate", "served"),)),
    Link("Partitions", "503 Slow Down", flows=(("throttled_rate", "lost"),)),
    Link("KMS", "KMS throttled", flows=(("throttled_kms_rate", "lost"),)),
    Link("503 Slow Down", "Clients", "try again", control=True,
         flows=(("retries_rate", "retried"),)),
)

INVARIANTS = Bucket.INVARIANTS
