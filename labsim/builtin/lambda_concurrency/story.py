"""What the lab `lambda-concurrency` measures, tells, draws and guarantees."""

from labsim import theory
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
from labsim.services.lambda_ import rules as aws_lambda

METRICS = (
    Metric("requests", "requests", "requests, events, messages or records that came"),
    Metric("answered", "requests", "done by the function, or answered by the cache", "higher"),
    Metric("lost", "requests", "refused, failed, timed out or given up", "lower"),
    Metric("waiting_end", "requests", "not ended when the run ended", "lower"),
    Metric("throttled", "requests", "lost: throttled by Lambda (429)", "lower"),
    Metric("turned_away", "requests", "lost: throttled by API Gateway (429)", "lower"),
    Metric("errors", "requests", "lost: the function failed, nobody tries again", "lower"),
    Metric("timed_out", "requests", "lost: API Gateway waited too long (504)", "lower"),
    Metric("dead_lettered", "requests", "lost: given up, in the dead-letter queue", "lower"),
    Metric("cached", "requests", "answered by the gateway's cache", "higher"),
    Metric("invocations", "invocations", "times that the function ran"),
    Metric("throttles", "attempts", "attempts that Lambda throttled", "lower"),
    Metric("throttle_share", "", "part of the attempts that Lambda throttled", "lower"),
    Metric("too_many", "attempts", "throttles: as many under way as allowed", "lower"),
    Metric("too_fast", "attempts", "throttles: no more new environments yet", "lower"),
    Metric("too_often", "attempts", "throttles: over ten requests a second per unit", "lower"),
    Metric("cold_starts", "environments", "environments started for a request", "lower"),
    Metric("cold_share", "", "part of the invocations that waited for one", "lower"),
    Metric("concurrency_needed", "executions", "highest rate times mean duration"),
    Metric("concurrency_mean", "executions", "executions under way, mean"),
    Metric("concurrency_max", "executions", "executions under way, most"),
    Metric("latency_mean", "s", "mean time from request to answer", "lower"),
    Metric("latency_p50", "s", "half of the answers come within this", "lower"),
    Metric("latency_p99", "s", "99 of 100 answers come within this", "lower"),
    Metric("others_short", "executions", "what other functions lacked, most", "lower"),
    Metric("gb_seconds", "GB-s", "duration times memory, billed"),
    Metric("cost_usd", "USD", "requests, duration, provisioned concurrency, gateway", "lower"),
)

STEADY = {"spike_factor": 1, "arrival_rate": 40, "duration": 180}
NOISY = {"spike_factor": 1, "arrival_rate": 60, "other_concurrency": 900, "cpu_time": 2}
SMALL = {"arrival_rate": 8, "spike_factor": 15, "duration": 240, "reserved": 60, "cpu_time": 1}

PRESETS = (
    Preset("1 A crowd", "Three hundred a second for twenty seconds, five seconds each: that is one "
                        "and a half thousand at a time, and the account has a thousand."),
    Preset("2 Half the memory", "The same crowd, half the memory, and so half the CPU: twice as "
                                "many are under way. Is it cheaper?", {"memory": 884}),
    Preset("3 Two vCPUs", "Twice the memory, and code that uses both vCPUs. Look at the bill.",
           {"memory": 3_538, "threads": True}),
    Preset("4 Less work", "The cure that pays: a function that does the same with a quarter of the "
                          "CPU.", {"cpu_time": 1}),
    Preset("5 A quiet minute", "A steady rate. Little's law says two hundred, and the first of "
                               "each pays with a cold start.", STEADY),
    Preset("6 Kept warm", "The same, with two hundred environments that wait for it.",
           {**STEADY, "provisioned": 250}),
    Preset("7 Noisy neighbours", "Other functions take nine hundred for a while. Nothing has "
                                 "changed here, and we are throttled.", NOISY),
    Preset("8 A reserved table", "The same neighbours, but two hundred are kept for us: now they "
                                 "are the ones who lack some.", {**NOISY, "reserved": 200}),
    Preset("9 Somebody pushes", "A function kept small. Who calls and waits gets errors.",
           SMALL),
    Preset("10 A note in the box", "The same, by events: nothing is lost, each is tried again "
                                   "later.", {**SMALL, "caller": "asynchronous"}),
    Preset("11 Ushers", "The same, through a queue: its pollers begin slowly, and what is "
                        "throttled is back after the visibility timeout.",
           {**SMALL, "caller": "sqs", "visibility_timeout": 60}),
    Preset("12 In single file", "The same, from a stream of fifty shards; one record of twenty "
                                "fails, and its shard waits.",
           {**SMALL, "caller": "kinesis", "error_share": 0.05}),
    Preset("13 A guarded door", "API Gateway in front, with a small bucket and a cache.",
           {"caller": "api-gateway", "gateway_rate": 100, "gateway_burst": 200, "cache_ttl": 20}),
)


def steady(p) -> None:
    """`NotApplicable` unless the same rate comes all the time, and nobody tries again."""
    if p.spike_factor != 1 and p.spike_duration:
        raise NotApplicable("the rate changes")
    if p.other_concurrency and p.other_duration and not p.reserved:
        raise NotApplicable("other functions come and go")
    if p.caller not in (aws_lambda.SYNCHRONOUS, aws_lambda.GATEWAY):
        raise NotApplicable("what is throttled comes back")
    if p.caller == aws_lambda.GATEWAY:
        raise NotApplicable("the gateway takes a part of it")


def little(p) -> float:
    """Executions under way, if none is throttled: rate times duration."""
    steady(p)
    return aws_lambda.concurrency(p.arrival_rate, p.mean_duration)


def erlang(p) -> float:
    """Part of the requests that finds the limit reached: Erlang B."""
    steady(p)
    if p.error_share or p.timeout < 3 * p.mean_duration:
        raise NotApplicable("requests end early")
    if p.arrival_rate > aws_lambda.REQUESTS_PER_EXECUTION * p.limit(False):
        raise NotApplicable("more requests a second than the limit allows")
    return theory.erlang_b(int(p.limit(False)),
                           aws_lambda.concurrency(p.arrival_rate, p.mean_duration))


PANELS = (
    Panel("Requests", "req/s", (
        Line("wanted", "wanted"), Line("done", "done"), Line("lost", "lost"))),
    Panel("Executions under way", "", (
        Line("this function", "in_flight"), Line("limit", "limit", step=True)),
        marks=("others",), theory=Theory("rate x duration", little)),
    Panel("Throttled attempts", "of all", (Line("share", "share"),),
          theory=Theory("Erlang B", erlang)),
    Panel("Time to an answer", "s", (Line("mean", "latency"),)),
)

BOXES = (
    Box("Callers", (0, 0), (("req/s", "wanted"), ("waiting", "waiting"))),
    Box("Function", (1, 0), (("under way", "in_flight"), ("limit", "limit"))),
    Box("Done", (2, 0), (("req/s", "done"),)),
    Box("Throttled", (0, 1), (("per second", "throttled"),), alarm="throttled"),
    Box("Lost", (1, 1), (("req/s", "lost"),), alarm="lost"),
    Box("Other functions", (2, 1), (("under way", "others"), ("lacking", "short")),
        alarm="short"),
)
LINKS = (
    Link("Callers", "Function"), Link("Function", "Done"), Link("Function", "Throttled", "429"),
    Link("Throttled", "Callers", "again?", control=True), Link("Function", "Lost"),
    Link("Other functions", "Function", "one limit", control=True),
)


def whole(r, *names: str) -> float:
    """The sum of these metrics."""
    return sum(r.summary[name] for name in names)


INVARIANTS = (
    Invariant("came = answered + lost + waiting", lambda r: r.summary["requests"] == whole(
        r, "answered", "lost", "waiting_end")),
    Invariant("lost = its five kinds", lambda r: r.summary["lost"] == whole(
        r, "throttled", "turned_away", "errors", "timed_out", "dead_lettered")),
    Invariant("throttles = their three reasons", lambda r: r.summary["throttles"] == whole(
        r, "too_many", "too_fast", "too_often")),
    Invariant("never more under way than the limit allows at its highest", lambda r:
              r.summary["concurrency_max"] <= max(r.params.limit(True), r.params.limit(False))),
    Invariant("never more cold starts than invocations", lambda r:
              r.summary["cold_starts"] <= r.summary["invocations"]),
    Invariant("who waits for the answer is never dead-lettered", lambda r:
              r.params.caller not in ("synchronous", "api-gateway")
              or not r.summary["dead_lettered"]),
    NOTHING_IS_NEGATIVE,
    COST_ADDS_UP,
)
