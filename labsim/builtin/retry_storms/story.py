"""What the lab `retry-storms` measures, tells, draws and guarantees."""

from labsim import declare as kit
from labsim import theory
from labsim.builtin.retry_storms.model import LAST
from labsim.declare import Box, Client, Line, Link, Metric, Panel, Preset
from labsim.services.elb import Balancer
from labsim.services.rds import Database

METRICS = (
    *kit.of_part("clients", Client.METRICS),
    Metric("outage_s", "s", "time in which fewer than nine of ten requests were answered", "lower",
           lambda o: o.outage(), label="outage"),
    Metric("goodput_end_share", "of requests", "part of the requests that ended in the last "
           "quarter of the run which was answered in time", "higher",
           lambda o: o.good((1 - LAST) * o.p.duration), label="answered in time, at the end"),
    *kit.of_part("web", Balancer.METRICS, "imbalance", "rejected"),
    *kit.of_part("database", Database.METRICS, "accepted", "utilization", "queue_max",
                 prefix="database_"),
    Metric("hit_ratio", "of reads", "part of the reads that the cache answered", "higher",
           lambda o: o.app.answers.hits / max(o.app.answers.offered, 1) if o.app else 0.0),
    Metric("cost_usd", "USD", "balancer, web servers, cache and database", "lower",
           kit.Outcome.total_cost),
)

LONG = {"duration": 90}     # the cause is long gone
SLOW = {**LONG, "faults": "database slow 20 15 5"}
HOT = {**LONG, "request_rate": 30, "cached": True, "keys": 8, "skew": 1.0, "ttl": 20,
       "query_time": 1.0, "client_timeout": 3}
WARM = {**LONG, "cached": True, "query_time": 0.2, "database_timeout": 0.5, "database_attempts": 2}
MOSTLY = {**LONG, "cached": True, "keys": 2_000, "skew": 0.8, "cache_items": 400, "threads": 8,
          "pool": 4}

STORM = ("goodput_end_share", "amplification", "outage_s", "late")
LATE = ("goodput_end_share", "late", "abandoned", "outage_s")
EMPTY = ("goodput_end_share", "hit_ratio", "database_queue_max", "outage_s")

PRESETS = (
    Preset("Steady load", "Users, a load balancer, web servers, a database. Nobody waits for long, "
                          "and hardly anybody has to try again.",
           headline=("goodput_share", "latency_p95", "amplification", "cost_usd"),
           hand=("request_rate", "query_time", "client_timeout", "retry_mode"), moment=30),
    Preset("Retry storm", "For fifteen seconds the database takes five times as long. Then it is "
                          "well again, and the load is what it was. Look at goodput.", SLOW,
           STORM, ("retry_mode", "max_attempts", "client_timeout", "retry_quota", "breaker"), 75),
    Preset("Contention", "Ten seconds of triple load. The more requests a web server has at hand, "
                         "the slower it gets; nobody even tries again here.",
           {**LONG, "work_time": 0.15, "threads": 4, "contention": 3, "query_time": 0.01,
            "spike_factor": 3, "retry_mode": "none"}, LATE,
           ("contention", "threads", "max_queue", "targets"), 60),
    Preset("Connection pool exhausted", "Two thirds of the requests never need the database. It "
                                        "is slow for twenty seconds: who is without an answer?",
           {**MOSTLY, "faults": "database slow 20 20 12"},
           ("goodput_share", "outage_s", "hit_ratio", "amplification"),
           ("pool", "threads", "database_timeout", "shed_after"), 36),
    Preset("Cache stampede", "A few pages, a second of work each. They expire, and everybody goes "
                             "and makes them.", HOT, EMPTY, ("lock", "ttl", "ttl_jitter", "keys")),
    Preset("Cache flush", "After twenty seconds somebody empties the cache. How long until it is "
                          "full again?", {**WARM, "faults": "cache flush 20 1"},
           EMPTY, ("lock", "database_attempts", "query_time", "request_rate"), 40),
    Preset("Timeout cascade", "Users wait for a second. Web servers wait two for the database, and "
                              "ask three times. Whom do the last two attempts serve?",
           {**LONG, "database_timeout": 2, "database_attempts": 3, "retry_mode": "none",
            "faults": "database slow 20 15 5"},
           ("late", "database_accepted", "goodput_end_share", "outage_s"),
           ("database_timeout", "database_attempts", "client_timeout", "cancels"), 60),
    Preset("Least outstanding requests", "One of four targets answers with an error at once, and "
                                         "passes its health checks. Who has the fewest requests "
                                         "outstanding?",
           {**LONG, "targets": 4, "algorithm": "least_outstanding_requests", "work_time": 1.0,
            "client_timeout": 8, "retry_mode": "none", "faults": "web-1 errors 20 0 1"},
           ("goodput_share", "refused", "imbalance", "latency_p95"),
           ("algorithm", "anomaly_mitigation", "targets"), 50),
    Preset("Stale queue", "Ten seconds of triple load. Nobody tries again; and still, long "
                          "afterwards, each answer comes too late.",
           {**LONG, "request_rate": 30, "spike_factor": 3, "retry_mode": "none", "targets": 1,
            "threads": 4, "work_time": 0.1, "query_time": 0.01}, LATE,
           ("queue_order", "max_queue", "max_wait", "client_timeout"), 60),
)

PANELS = (
    Panel("Requests per second", (
        Line("wanted", "offered_rate"), Line("attempts", "attempts_rate"),
        Line("goodput", "goodput_rate"))),
    Panel("Time until a request ends", (
        Line("mean, retries included", "time"),
        Line("client timeout", limit=lambda p: p.client_timeout or None))),
    Panel("Requests at hand", (
        Line("web servers", "web_in_flight"), Line("database", "database_in_flight"),
        Line("threads", limit=lambda p: p.targets * p.threads)), marks=("outage",)),
    Panel("Answers per second", (
        Line("in time", "goodput_rate"), Line("too late", "late_rate"),
        Line("errors", "refused_rate"))),
)

BOXES = (
    Box("Clients", (0, 0), (("wanted/s", "offered_rate"), ("retries/s", "retries_rate")),
        alarm="lost_rate", breaks="clients to web", burst=kit.burst),
    Box("Load balancer", (1, 0), (("tries/s", "attempts_rate"), ("healthy", "healthy")),
        breaks="web"),
    Box("Web servers", (2, 0), (("at hand", "web_in_flight"), ("errors/s", "refused_rate")),
        alarm="web_waiting", breaks="web-1"),
    Box("Cache", (3, 0), (("hits", "hit_ratio"),), breaks="cache"),
    Box("Database", (4, 0), (("queries/s", "database_rate"), ("waiting", "database_queue")),
        alarm="database_overdue", breaks="database"),
    Box("Lost", (0, 1), (("/s", "lost_rate"),), alarm="lost_rate"),
    Box("In time", (1, 1), (("answers/s", "goodput_rate"),)),
    Box("For nobody", (2, 1), (("/s", "late_rate"),), alarm="late_rate"),
)
LINKS = (
    Link("Clients", "Load balancer", flows=(("offered_rate", "sent"), ("retries_rate", "retried"))),
    Link("Load balancer", "Web servers", flows=(("attempts_rate", "sent"),)),
    Link("Web servers", "Cache", flows=(("reads_rate", "sent"),)),
    Link("Cache", "Database", flows=(("database_rate", "sent"),)),
    Link("Clients", "Lost", "give up", flows=(("lost_rate", "lost"),)),
    Link("Web servers", "In time", flows=(("goodput_rate", "served"),)),
    Link("Web servers", "For nobody", "late", flows=(("late_rate", "lost"),)),
)

def time_mean(rate: float, work: float, query: float, vcpus: int) -> float:
    """Mean time to an answer, s, of a web server with threads enough before a database of `vcpus`
    servers: Poisson requests come to the database, too, so its queue is that of M/M/c."""
    return work + theory.mmc_wait_mean(rate, query, vcpus) + query


INVARIANTS = (
    *Client.INVARIANTS,
    kit.Invariant("without retries nothing is asked twice", lambda r: (
        r.params.retry_mode != "none" or r.summary["retries"] == 0)),
    kit.Invariant("never more attempts than allowed", lambda r: (
        r.summary["attempts"] <= r.params.max_attempts * r.summary["offered"])),
    kit.Invariant("without a cache nothing hits", lambda r: (
        r.params.cached or r.summary["hit_ratio"] == 0)),
    kit.Invariant("an outage is within the run", lambda r: (
        0 <= r.summary["outage_s"] <= r.params.duration)),
)
