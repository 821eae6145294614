"""What the lab `elasticache-strategies` measures, tells, draws and guarantees."""

from dataclasses import replace

import numpy as np

from labsim import declare as kit
from labsim import theory
from labsim.declare import Box, Client, Line, Link, Panel, Preset
from labsim.engine import KeySample, key_sample
from labsim.services.elasticache import Application, Cluster, cache_aside
from labsim.services.rds import CountedDatabase


def of_clients(*names: str) -> tuple[kit.Metric, ...]:
    """Metrics of the readers, whether they come back or not."""
    return tuple(replace(metric, value=lambda o, name=metric.name: o.clients[name])
                 for metric in Client.METRICS if metric.name in names)


FATES = "offered", "completed", "failed", "open_end"
CAME_BACK = "attempts", "retries", "abandoned", "timed_out", "amplification", "goodput"
METRICS = (
    *of_clients(*FATES),
    *kit.of_part("app", tuple(m for m in Application.METRICS if m.name not in FATES)),
    *of_clients(*CAME_BACK),
    *kit.of_part("database", CountedDatabase.METRICS, "accepted", "utilization", "in_flight_mean",
                 prefix="database_"),
    *kit.of_part("database", CountedDatabase.METRICS, "queue_max"),
    *kit.of_part("cache", Cluster.METRICS),
    kit.Metric("cost_usd", "USD", "nodes and database", "lower", kit.Outcome.total_cost),
)

ALIKE = {"keys": 150_000, "skew": 0.5, "ttl": 25, "write_rate": 100, "duration": 50}
HOT = {"keys": 2_000, "skew": 1.6, "node_items": 1_000, "ttl": 15, "read_rate": 10_000,
       "write_rate": 1, "database_time": 0.5, "database_cv": 0.2, "database_servers": 1_000,
       "database_timeout": 10, "duration": 40}
NEWS = {"write_rate": 2_000, "database_servers": 80}
FULL = {"node_items": 400_000, "lost_at": 15}
VISITORS = {"strategy": "sessions", "keys": 60_000, "skew": 0, "ttl": 60, "write_rate": 0,
            "read_rate": 6_000}
FLUSHED = {"read_rate": 24_000, "client_timeout": 1, "retry_mode": "full-jitter", "duration": 120,
           "faults": "cache flush 30"}

PRESETS = (
    Preset("Warm cache", "The most popular fifth is on the shelf when the doors open. It answers "
                         "far more than a fifth.",
           headline=("hit_ratio", "latency_p95", "database_utilization"),
           hand=("node_items", "nodes", "skew")),
    Preset("No cache", "The same without a shelf: this is what the database would have to do.",
           {"strategy": "no-cache"},
           headline=("failed", "latency_p95", "database_utilization", "cost_usd"),
           hand=("strategy", "read_rate", "database_servers")),
    Preset("Cold cache", "The shelf is new. Each first question goes to the database.",
           {"warm": False},
           headline=("failed", "hit_ratio", "latency_p95"), hand=("warm", "lock")),
    Preset("Half the memory", "Half of the room. Does it cost half of the hits?",
           {"node_items": 25_000},
           headline=("hit_ratio", "evictions", "latency_p95", "database_utilization"),
           hand=("node_items", "nodes", "skew")),
    Preset("Lazy loading, stale data", "Many writes, lazy loading, no TTL: a popular page is "
                                       "hardly ever the newest.", NEWS,
           headline=("stale_share", "stale_age_max", "hit_ratio"),
           hand=("write_rate", "ttl", "strategy")),
    Preset("TTL", "The same with a TTL of ten seconds: nothing is older than that, and the "
                  "database pays for it.", {**NEWS, "ttl": 10},
           headline=("stale_share", "stale_age_max", "hit_ratio", "database_reads"),
           hand=("ttl", "write_rate", "strategy")),
    Preset("Write-through", "Who writes also tells the shelf. Nothing is out of date.",
           {**NEWS, "strategy": "write-through"},
           headline=("stale_share", "stale_age_max", "hit_ratio", "database_reads"),
           hand=("strategy", "write_rate")),
    Preset("Mass expiry", "Everything was loaded at the same moment, with the same TTL. Watch what "
                          "happens when it has passed.", ALIKE,
           headline=("failed", "queue_max", "latency_p95"), hand=("ttl", "jitter")),
    Preset("TTL jitter", "The same TTL, less up to half of it at random.",
           {**ALIKE, "jitter": 0.5},
           headline=("failed", "queue_max", "latency_p95"), hand=("jitter", "ttl")),
    Preset("Cache stampede", "One page is nearly half of the traffic, and takes half a second to "
                             "make. When it expires, everybody goes and makes it.", HOT,
           headline=("duplicate_fetches", "queue_max", "latency_p99"),
           hand=("lock", "ttl", "database_time")),
    Preset("Stampede, with a lock", "The same, with a lock: the first goes, the others wait for "
                                    "him.", {**HOT, "lock": True},
           headline=("duplicate_fetches", "queue_max", "latency_p99"),
           hand=("lock", "ttl", "database_time")),
    Preset("Node lost, hash ring", "Memcached, four nodes, one is lost: a quarter of the keys, by "
                                   "consistent hashing.", {**FULL, "lost_nodes": 1},
           headline=("keys_moved_share", "hit_ratio", "queue_max", "latency_p95"),
           hand=("ring", "lost_nodes", "nodes")),
    Preset("Node lost, modulo", "The same loss, where clients count modulo the nodes.",
           {**FULL, "lost_nodes": 1, "ring": False},
           headline=("keys_moved_share", "hit_ratio", "queue_max", "latency_p95"),
           hand=("ring", "lost_nodes", "nodes")),
    Preset("Redis failover", "Redis with a replica of each shard: half a minute, and nothing is "
                             "lost.",
           {**FULL, "lost_nodes": 1, "engine": "redis", "replicas": 1},
           headline=("hit_ratio", "failed", "replacing_s", "cost_usd"),
           hand=("replicas", "failover_time", "engine"), moment=25),
    Preset("Session store lost", "Sessions in a cache without replicas. A node is lost, and with "
                                 "it the visits of a quarter of the users.",
           {**VISITORS, "lost_nodes": 1},
           headline=("sessions_lost", "hit_ratio", "latency_p95"),
           hand=("lost_nodes", "engine", "replicas"), moment=32),
    Preset("Flush that does not recover", "Somebody empties the cache. Readers wait for a second "
                                          "and ask again: the flush is over at once, and what it "
                                          "did is not.", FLUSHED,
           headline=("goodput", "amplification", "failed", "queue_max"),
           hand=("client_timeout", "retry_mode", "max_attempts"), moment=90),
    Preset("Flush, nobody retries", "The same flush, the same readers, but nobody asks twice: the "
                                    "shelf is full again by itself.",
           {**FLUSHED, "retry_mode": "none"},
           headline=("goodput", "amplification", "failed", "queue_max"),
           hand=("retry_mode", "client_timeout", "max_attempts"), moment=60),
    Preset("Flush, with a lock", "Readers ask again, but a page that is being fetched is not "
                                 "fetched twice: the queue drains.", {**FLUSHED, "lock": True},
           headline=("goodput", "amplification", "failed", "duplicate_fetches"),
           hand=("lock", "retry_mode", "client_timeout"), moment=55),
    Preset("Flush, timeouts that fit", "No lock. The database turns away who would wait for longer "
                                       "than his reader does: nothing is done for nobody.",
           {**FLUSHED, "database_timeout": 0.5},
           headline=("goodput", "amplification", "failed", "queue_max"),
           hand=("database_timeout", "client_timeout", "retry_mode"), moment=45),
)


def hit_ratio(p) -> float:
    """Share of the reads that a cache which has been running for long answers: Che's
    approximation for what there is room for, or a TTL's share where all fits."""
    if p.strategy in (cache_aside.NONE, cache_aside.SESSIONS):
        raise kit.NotApplicable("there is no cache that is filled from a database")
    if p.lost_nodes:
        raise kit.NotApplicable("nodes are lost")
    if kit.changes(p):
        raise kit.NotApplicable("the rate changes")
    sample = key_sample(p.keys, p.skew)
    reads, touched = sample.share * p.read_rate, sample.share * p.read_rate
    if p.strategy == cache_aside.THROUGH:
        touched = sample.share * (p.read_rate + p.write_rate)
    if not p.read_rate:
        raise kit.NotApplicable("nobody reads")
    if p.ttl and (p.room < p.keys or p.jitter or p.strategy == cache_aside.THROUGH):
        raise kit.NotApplicable("a TTL and the room, its jitter or writes decide together")
    ratios = theory.ttl_hit_ratios(reads, p.ttl) if p.ttl else theory.lru_hit_ratios(
        touched, min(p.room, p.keys), sample.weight)
    return answered(sample, ratios)


def answered(sample: KeySample, ratios: np.ndarray) -> float:
    """Share of all reads, if of those of each key in the sample `ratios` are answered."""
    return float(np.sum(sample.weight * sample.share * ratios))


def zipf_hit_ratio(keys: int, skew: float, room: int) -> float:
    """Share of the reads that a full LRU cache of `room` items answers, by Che's approximation."""
    sample = key_sample(keys, skew)
    return answered(sample, theory.lru_hit_ratios(sample.share, room, sample.weight))


def under_way(rate: float, time: float, servers: int) -> float:
    """Requests in line or at work in a database on average: M/M/c's line, and what is worked on."""
    return theory.mmc_queue_mean(rate, time, servers) + rate * time


def all_reads(p) -> float:
    """Requests/s that the database gets if the cache hits as often as theory says."""
    return p.read_rate * (1 - hit_ratio(p)) + p.write_rate


CHE = kit.Theory("Che, or the TTL", hit_ratio)
PANELS = (
    Panel("Hit ratio", (Line("measured", "hit_ratio"),), marks=("lost", "back"),
          theory=CHE, unit="of reads"),
    Panel("Database", (
        Line("requests", "accepted_rate"),
        Line("what it can do", limit=lambda p: p.database_rate)),
        theory=kit.Theory("by theory", all_reads)),
    Panel("Reads", (Line("offered", "offered_rate"), Line("attempts", "attempts_rate"),
                    Line("goodput", "goodput_rate"))),
    Panel("Latency", (Line("mean", "latency"),)),
    Panel("Out of date", (Line("stale", "stale_share"),), unit="of answers"),
)

BOXES = (
    Box("Readers", (0, 0), (("reads/s", "offered_rate"), ("mean wait", "latency")),
        burst=kit.burst),
    Box("Cache", (1, 0), (("hits/s", "hits_rate"), ("hit ratio", "found_share")),
        breaks="cache-1"),
    Box("Queue", (2, 0), (("waiting", "queue"),), alarm="queue"),
    Box("Database", (3, 0), (("req/s", "accepted_rate"), ("at work", "in_service")),
        breaks="database"),
    Box("Given up", (0, 1), (("reads/s", "lost_rate"),), alarm="lost_rate"),
    Box("Answered", (1, 1), (("in time/s", "goodput_rate"), ("out of date", "old_share"),
                             ("too late/s", "late_rate"))),
    Box("Turned away", (2, 1), (("attempts/s", "failed_rate"),), alarm="failed_rate"),
)
LINKS = (
    Link("Readers", "Cache", flows=(("offered_rate", "sent"), ("again_rate", "retried"))),
    Link("Cache", "Answered", flows=(("hits_rate", "served"),)),
    Link("Cache", "Queue", "misses", flows=(("queries_rate", "sent"),)),
    Link("Queue", "Database", flows=(("accepted_rate", "sent"),)),
    Link("Database", "Answered", flows=(("fetched_rate", "served"), ("late_rate", "lost"))),
    Link("Queue", "Turned away", flows=(("failed_rate", "lost"),)),
    Link("Readers", "Given up", flows=(("lost_rate", "lost"),)),
)

INVARIANTS = (
    kit.adds_up("offered", "completed", "failed", "abandoned", "open_end"),
    kit.adds_up("attempts", "offered", "retries"),
    kit.Invariant("an attempt is a hit, asks the database, or waits for one that does", lambda r: (
        r.summary["hits"] + r.summary["database_reads"] <= r.summary["attempts"] + 1)),
    kit.Invariant("only hits are out of date", lambda r: (
        r.summary["stale"] <= r.summary["hits"])),
    *CountedDatabase.INVARIANTS,
    kit.Invariant("without a lock every read is a hit or asks the database", lambda r: (
        r.params.lock or r.params.breaker or abs(
            r.summary["hits"] + r.summary["database_reads"] - r.summary["attempts"]) <= 1)),
    kit.Invariant("without a cache nothing hits", lambda r: (
        r.params.strategy != cache_aside.NONE or r.summary["hits"] == 0)),
    kit.Invariant("nothing is out of date for longer than its TTL", lambda r: (
        not r.params.ttl or r.summary["stale_age_max"] <= r.params.ttl + 1e-9)),
    kit.Invariant("never more items than there is room for", lambda r: (
        r.summary["items_end"] <= r.params.room)),
    kit.Invariant("the busiest node has at least its part of the reads", lambda r: (
        r.params.strategy == cache_aside.NONE or not r.summary["offered"]
        or r.summary["busiest_node_share"] >= 1 / r.params.nodes - 1e-9)),
    kit.Invariant("with a lock nobody reads twice", lambda r: (
        not r.params.lock or r.summary["duplicate_fetches"] == 0)),
)
