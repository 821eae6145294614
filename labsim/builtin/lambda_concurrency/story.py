"""What the lab `lambda-concurrency` measures, tells, draws and guarantees."""

from dataclasses import replace

from labsim import declare as kit
from labsim import theory
from labsim.builtin.lambda_concurrency.params import NO_RESERVATION
from labsim.declare import Box, Line, Link, Panel, Preset
from labsim.services.api_gateway import Gateway
from labsim.services.lambda_ import Function, rules
from labsim.services.lambda_.caller import Caller
from labsim.services.lambda_.callers import Retrying, Synchronous

OF_CALLER = {metric.name: metric for metric in (*Caller.METRICS, *Synchronous.METRICS,
                                                *Gateway.METRICS, *Retrying.METRICS)}
FAILED = "errors", "timeouts"       # of the function: its callers have errors of their own
OF_CLIENTS = {metric.name: metric for metric in kit.Client.METRICS}


def by_clients(name: str, once, clients: str = "", **said):
    """A metric as clients see it who wait for answers and may come back; else `once(outcome)`."""
    metric = OF_CLIENTS[clients or name]
    return replace(metric, name=name, label="", **said, value=lambda o: (
        metric.value(o.clients) if o.clients else once(o)))


def of_both(name: str, clients: str = ""):
    """What the caller tells of requests, and clients of theirs; the same where nobody comes back.
    """
    own = OF_CALLER[name]
    return by_clients(name, lambda o: own.value(o.caller), clients, unit=own.unit,
                      meaning=own.meaning, better=own.better, aliases=own.aliases)


AS_BOTH = {metric.name: metric for metric in (
    *map(of_both, ("offered", "completed", "failed", "latency_mean", "latency_p50", "latency_p99")),
    of_both("waiting_end", "open_end"))}
METRICS = (
    *(AS_BOTH.get(metric.name, metric) for metric in kit.of_part("caller", OF_CALLER.values())),
    by_clients("attempts", lambda o: OF_CALLER["offered"].value(o.caller)),
    by_clients("retries", lambda o: 0),
    by_clients("abandoned", lambda o: 0),
    by_clients("late", lambda o: 0),
    *(replace(metric, name="attempts_failed", label="", unit="attempts", aliases=(),
              meaning="attempts that got no answer but an error")
      for metric in kit.of_part("caller", OF_CALLER.values(), "failed")),
    by_clients("amplification", lambda o: 1.0),
    by_clients("goodput", lambda o: OF_CALLER["completed"].value(o.caller) / o.sim.duration),
    *(metric for metric in kit.of_part("function", Function.METRICS) if metric.name not in FAILED),
    *kit.of_part("function", Function.METRICS, *FAILED, prefix="function_"),
    kit.Metric("iterator_age_max", "s", "age of the last record of a stream's batch that is not "
               "done yet, most", "lower", lambda o: o.top("iterator_age"), label="furthest behind"),
    kit.Metric("concurrency_needed", "executions", "highest rate times mean duration", "",
               lambda o: o.concurrency_needed()),
    kit.Count("others_short", "executions", "what other functions lacked, most", "lower",
              lambda o: o.top("others_short"), label="lacked by others"),
    kit.Metric("cost_usd", "USD", "requests, duration, provisioned concurrency, gateway, queue",
               "lower", kit.Outcome.total_cost),
)

STEADY = {"spike_factor": 1}
NOISY = {"spike_factor": 1, "other_concurrency": 900}
SMALL = {"arrival_rate": 100, "spike_factor": 15, "cpu_time": 0.2, "wait_time": 0.05,
         "duration": 120, "reserved": 60}
BURST = {"caller": "sqs", "arrival_rate": 0.5, "spike_factor": 20, "spike_duration": 60,
         "cpu_time": 1, "wait_time": 4, "reserved": 5, "visibility_timeout": 30,
         "max_receives": 2, "duration": 1_800}
POISON = {"caller": "kinesis", "arrival_rate": 200, "spike_factor": 1, "cpu_time": 0.01,
          "wait_time": 0.01, "poison_share": 0.0005, "batch_size": 100, "batch_window": 5,
          "duration": 120}
MENDED = {"caller": "sqs", "arrival_rate": 100, "spike_factor": 1, "cpu_time": 0.3,
          "wait_time": 0.3, "error_share": 0.2, "error_start": 60, "error_duration": 60,
          "duration": 300}

IDLE = {"arrival_rate": 0.004, "spike_factor": 1, "cpu_time": 0.1, "wait_time": 0.1, "memory": 512,
        "runtime": "dotnet", "duration": 86_400}
PEAK = {"arrival_rate": 2, "spike_factor": 25, "spike_start": 600, "spike_duration": 300,
        "duration": 10_800}

CROWD = {"arrival_rate": 20, "spike_factor": 150, "spike_start": 10, "spike_duration": 1,
         "cpu_time": 0.2, "wait_time": 0.05, "reserved": 100, "provisioned": 100, "max_attempts": 5,
         "retry_mode": "exponential"}
IMPATIENT = {"spike_factor": 1, "cpu_time": 0.5, "wait_time": 0.5, "work_cv": 1, "reserved": 250,
             "duration": 120, "client_timeout": 1, "retry_mode": "full-jitter"}

PRESETS = (
    Preset("Concurrency limit", "Twelve hundred a second for ten seconds, a second and a "
                                "quarter each: that is one and a half thousand at a time, and the "
                                "account has a thousand.",
           headline=("throttled", "concurrency_needed", "concurrency_max", "cost_usd"),
           hand=("spike_factor", "spike_duration", "account_concurrency")),
    Preset("Half the memory", "The same crowd, half the memory, and so half the CPU: nearly twice "
                              "as many are under way. Is it cheaper?",
           {"memory": 884},
           headline=("failed", "concurrency_needed", "latency_p50", "cost_usd"),
           hand=("memory", "threads", "account_concurrency")),
    Preset("Two vCPUs", "Twice the memory, and code that uses both vCPUs. Look at the bill.",
           {"memory": 3_538, "threads": True},
           headline=("failed", "latency_p50", "gb_seconds", "cost_usd"),
           hand=("memory", "threads", "cpu_time")),
    Preset("Shorter duration", "The cure that pays: a function that does the same with a quarter "
                               "of the CPU.",
           {"cpu_time": 0.25},
           headline=("failed", "concurrency_needed", "latency_p50", "cost_usd"),
           hand=("cpu_time", "wait_time")),
    Preset("Cold starts", "A steady rate. Little's law says two hundred and fifty, and each "
                          "environment began with a cold start.",
           STEADY,
           headline=("cold_starts", "cold_start_share", "concurrency_mean", "latency_p99"),
           hand=("init_time", "runtime")),
    Preset("Provisioned concurrency", "The same, with environments that wait for it.",
           {**STEADY, "provisioned": 350},
           headline=("cold_starts", "cold_start_share", "latency_p99", "cost_usd"),
           hand=("provisioned", "init_time")),
    Preset("Noisy neighbours", "Other functions take nine hundred for a while. Nothing has "
                               "changed here, and we are throttled.",
           NOISY,
           headline=("failed", "throttled_share", "others_short"),
           hand=("other_concurrency", "other_duration", "reserved"), moment=30),
    Preset("Reserved concurrency", "The same neighbours, but some are kept for us: now they are "
                                   "the ones who lack some.",
           {**NOISY, "reserved": 600},
           headline=("failed", "throttled_share", "others_short"),
           hand=("reserved", "other_concurrency")),
    Preset("Synchronous invocation", "A function kept small. Who calls and waits gets errors.",
           SMALL,
           headline=("failed", "completed", "latency_p99"),
           hand=("caller", "reserved", "max_attempts")),
    Preset("Asynchronous invocation", "The same, by events: nothing is lost, each is tried again "
                                      "later.",
           {**SMALL, "caller": "asynchronous"},
           headline=("failed", "completed", "throttled", "latency_p99"),
           hand=("caller", "reserved", "event_age")),
    Preset("SQS event source mapping", "The same, through a queue: its pollers begin slowly, "
                                       "what is throttled is tried again, and they back off.",
           {**SMALL, "caller": "sqs"},
           headline=("failed", "completed", "throttled", "latency_p99"),
           hand=("caller", "poller_ramp", "max_concurrency")),
    Preset("Kinesis event source mapping",
           "The same, from a stream of fifty shards; one record of a hundred fails, and its shard "
           "waits.",
           {**SMALL, "caller": "kinesis", "error_share": 0.01},
           headline=("failed", "completed", "iterator_age_max", "latency_p99"),
           hand=("caller", "shards", "error_share")),
    Preset("API Gateway throttle and cache",
           "API Gateway in front, with a small bucket and a cache.",
           {"caller": "api-gateway", "gateway_rate": 100, "gateway_burst": 100,
            "cache_ttl": 20, "cache_keys": 2_000},
           headline=("failed_gateway", "cache_hits", "invocations", "cost_usd"),
           hand=("gateway_rate", "gateway_burst", "cache_ttl")),
    Preset("Throttled into the dead-letter queue",
           "A queue before five executions, with a visibility timeout as short as the function's: "
           "batches run out of time while they are throttled, and good messages are lost.",
           BURST,
           headline=("dead_lettered", "throttled", "latency_p99"),
           hand=("visibility_timeout", "max_receives", "reserved")),
    Preset("Six times the timeout", "The same, with the visibility timeout and the receives that "
                                    "AWS advises: the same throttles, and nothing is lost.",
           {**BURST, "visibility_timeout": 180, "max_receives": 5},
           headline=("dead_lettered", "throttled", "latency_p99"),
           hand=("visibility_timeout", "max_receives", "reserved")),
    Preset("Poison record", "One record of two thousand fails each time, and there is no end of "
                            "attempts. Look at the IteratorAge: shard after shard stands still.",
           POISON,
           headline=("iterator_age_max", "failed", "completed", "latency_p99"),
           hand=("poison_share", "shards", "batch_attempts")),
    Preset("Bisect and give up", "The same; a batch that fails is split in two, and what is left "
                                 "of it is given up after three attempts.",
           {**POISON, "bisect_batch": True, "batch_attempts": 3},
           headline=("iterator_age_max", "failed", "completed", "latency_p99"),
           hand=("bisect_batch", "batch_attempts", "poison_share")),
    Preset("Errors slow the pollers down",
           "For a minute one attempt of five fails. Each error takes some of the queue's pollers "
           "away; mended, they come back in seconds, and what waits takes longer.",
           MENDED,
           headline=("function_errors", "failed", "latency_p99"),
           hand=("error_share", "error_duration", "poller_ramp"), moment=115),
    Preset("Idle function", "A request every four minutes, for a day. When nobody has called for "
                            "some eleven minutes, the next one meets a cold start.",
           IDLE,
           headline=("cold_starts", "cold_start_share", "latency_p99"),
           hand=("arrival_rate", "keep_time", "runtime")),
    Preset("Environments after a peak", "A peak of five minutes, then little. The spare "
                                        "environments stay for some twenty minutes more, and each "
                                        "is replaced after two hours.",
           PEAK,
           headline=("environments_max", "environments_mean", "cold_starts"),
           hand=("spare_time", "life_time", "spike_factor"), moment=1500),
    Preset("HTTP 429 and come back together",
           "A crowd within a second, and each who is throttled waits as long as all the others: it "
           "comes back as a crowd, again and again, and between its waves nobody calls.",
           CROWD,
           headline=("failed", "retries", "latency_p99"),
           hand=("retry_mode", "max_attempts", "reserved")),
    Preset("HTTP 429 and come back with jitter",
           "The same crowd, the same limit, as many attempts; each waits for a random part of that "
           "time, and nearly all get in.",
           {**CROWD, "retry_mode": "full-jitter"},
           headline=("failed", "retries", "latency_p99"),
           hand=("retry_mode", "max_attempts", "reserved")),
    Preset("Client timeout below the duration",
           "Nothing is wrong with the function, but its clients hang up after a second and ring "
           "again. Who has hung up is still worked for, and paid for: it is their retries that are "
           "throttled.",
           IMPATIENT,
           headline=("failed", "late", "amplification", "cost_usd"),
           hand=("client_timeout", "reserved", "retry_mode")),
)


def steady(p) -> None:
    """`NotApplicable` unless the same rate comes all the time, and nobody tries again."""
    if p.comes_back:
        raise kit.NotApplicable("clients give up, or come back")
    if p.faults:
        raise kit.NotApplicable("something breaks")
    if p.traced or p.spike_factor != 1 and p.spike_duration:
        raise kit.NotApplicable("the rate changes")
    if p.other_concurrency and p.other_duration and p.reserved == NO_RESERVATION:
        raise kit.NotApplicable("other functions come and go")
    if p.caller not in (rules.SYNCHRONOUS, rules.GATEWAY):
        raise kit.NotApplicable("what is throttled comes back")
    if p.caller == rules.GATEWAY:
        raise kit.NotApplicable("the gateway takes a part of it")


def little(p) -> float:
    """Executions under way, if none is throttled: rate times duration."""
    steady(p)
    return rules.concurrency(p.arrival_rate, p.mean_duration)


def erlang(p) -> float:
    """Part of the requests that finds the limit reached: Erlang B."""
    steady(p)
    if p.error_share or p.poison_share or p.timeout < 3 * p.mean_duration:
        raise kit.NotApplicable("requests end early")
    if p.arrival_rate > rules.REQUESTS_PER_EXECUTION * p.limit(False):
        raise kit.NotApplicable("more requests a second than the limit allows")
    return theory.erlang_b(int(p.limit(False)),
                           rules.concurrency(p.arrival_rate, p.mean_duration))


UNDER_WAY, TURNED_AWAY = kit.Theory("rate x duration", little), kit.Theory("Erlang B", erlang)
PANELS = (
    Panel("Requests", (
        Line("attempts", "attempts_rate"), Line("offered", "offered_rate"),
        Line("completed", "completed_rate"), Line("failed", "failed_rate"))),
    Panel("Executions under way", (
        Line("this function", "in_flight"), Line("environments", "environments"),
        Line("limit", "limit", step=True)), marks=("others", "errors"),
        theory=UNDER_WAY),
    Panel("Throttled attempts", (Line("share", "throttled_share"),),
          theory=TURNED_AWAY, unit="of all"),
    Panel("Time to an answer", (Line("mean", "latency"), Line("IteratorAge", "iterator_age"))),
)

BOXES = (
    Box("Callers", (0, 0), (("req/s", "offered_rate"), ("waiting", "waiting")),
        breaks="callers", burst=kit.burst),
    Box("Function", (1, 0), (("under way", "in_flight"), ("free", "free"),
                             ("environments", "environments")), breaks="function"),
    Box("Done", (2, 0), (("req/s", "completed_rate"), ("from a cache/s", "cached_rate"),
                         ("too late/s", "late_rate"))),
    Box("Throttled", (1, 1), (("attempts/s", "turned_away_rate"),), alarm="turned_away_rate"),
    Box("Failed", (0, 1), (("req/s", "failed_rate"),), alarm="failed_rate"),
    Box("Other functions", (2, 1), (("under way", "others"), ("lacking", "others_short")),
        alarm="others_short"),
)
LINKS = (
    Link("Callers", "Function", flows=(("first_rate", "sent"), ("again_rate", "retried"))),
    Link("Function", "Done", flows=(("completed_rate", "served"), ("late_rate", "lost"))),
    Link("Function", "Throttled", "429", flows=(("turned_away_rate", "lost"),)),
    Link("Callers", "Failed", "given up", flows=(("failed_rate", "lost"),)),
    Link("Throttled", "Callers", "again?", control=True),
    Link("Other functions", "Function", "one limit", control=True),
)


INVARIANTS = (
    kit.adds_up("offered", "completed", "failed", "abandoned", "waiting_end"),
    kit.adds_up("attempts", "offered", "retries"),
    *Function.INVARIANTS,
    kit.adds_up("attempts_failed", "failed_throttled", "failed_gateway", "errors", "timed_out",
                "dead_lettered"),
    kit.Invariant("who waits for the answer is never dead-lettered", lambda r:
                  r.params.caller not in ("synchronous", "api-gateway")
                  or not r.summary["dead_lettered"]),
)
