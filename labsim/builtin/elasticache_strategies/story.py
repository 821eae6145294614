"""What the lab `elasticache-strategies` measures, tells, draws and guarantees."""

import numpy as np

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
from labsim.engine import popularity
from labsim.services.elasticache import cache_aside

METRICS = (
    Metric("reads", "requests", "reads that came"),
    Metric("hits", "requests", "reads that the cache answered", "higher"),
    Metric("hit_ratio", "", "part of the reads that the cache answered", "higher"),
    Metric("failed", "requests", "reads that the database turned away", "lower"),
    Metric("writes", "requests", "writes done"),
    Metric("database_reads", "requests", "reads that went to the database", "lower"),
    Metric("database_requests", "requests", "reads and writes that the database did", "lower"),
    Metric("database_load", "of capacity", "what it did, of what it can do", "lower"),
    Metric("database_number", "requests", "in line or at work in the database, mean", "lower"),
    Metric("line_max", "requests", "in line before the database, most", "lower"),
    Metric("doubled", "requests", "database reads of a key that was being read already", "lower"),
    Metric("stale", "requests", "answers that were out of date", "lower"),
    Metric("stale_share", "", "part of the answers that were out of date", "lower"),
    Metric("stale_age_mean", "s", "how long they had been, mean", "lower"),
    Metric("stale_age_max", "s", "how long they had been, most", "lower"),
    Metric("logged_out", "users", "users whose session was lost while it was in use", "lower"),
    Metric("evictions", "items", "items thrown out for want of room", "lower"),
    Metric("items_end", "items", "items in the cache at the end"),
    Metric("latency_mean", "s", "mean time of a read", "lower"),
    Metric("latency_p50", "s", "half of the reads take no longer", "lower"),
    Metric("latency_p95", "s", "19 of 20 reads take no longer", "lower"),
    Metric("latency_p99", "s", "99 of 100 reads take no longer", "lower"),
    Metric("cost_usd", "USD", "nodes and database", "lower"),
)

ALIKE = {"warm": True, "ttl": 25, "skew": 0.5, "node_items": 500, "write_rate": 1,
         "read_rate": 180, "duration": 50}
HOT = {"keys": 200, "skew": 1.6, "node_items": 50, "warm": True, "ttl": 15, "read_rate": 150,
       "write_rate": 1, "database_time": 1, "database_servers": 20, "duration": 40,
       "database_timeout": 10}
NEWS = {"write_rate": 20}
FULL = {"warm": True, "node_items": 500, "duration": 50, "read_rate": 180, "lost_at": 15}
VISITORS = {"strategy": "sessions", "keys": 500, "skew": 0, "ttl": 60, "node_items": 200,
            "write_rate": 0, "read_rate": 80}

PRESETS = (
    Preset("1 A warm shelf", "The most popular fifth is on the shelf when the doors open. It "
                             "answers far more than a fifth."),
    Preset("2 No cache", "The same without a shelf: this is what the database would have to do.",
           {"strategy": "no-cache"}),
    Preset("3 An empty shelf", "The shelf is new. Each first question goes to the database.",
           {"warm": False}),
    Preset("4 Half the memory", "Half of the room. Does it cost half of the hits?",
           {"node_items": 50}),
    Preset("5 Yesterday's edition", "Many writes, lazy loading, no TTL: a popular page is hardly "
                                    "ever the newest.", NEWS),
    Preset("6 A date on each", "The same with a TTL of ten seconds: nothing is older than that, "
                               "and the database pays for it.", {**NEWS, "ttl": 10}),
    Preset("7 Write-through", "Who writes also tells the shelf. Nothing is out of date.",
           {**NEWS, "strategy": "write-through"}),
    Preset("8 All at once", "Everything was loaded at the same moment, with the same TTL. Watch "
                            "what happens when it has passed.", ALIKE),
    Preset("9 Each at its own time", "The same TTL, less up to half of it at random.",
           {**ALIKE, "jitter": 0.5}),
    Preset("10 The front page", "One page is asked for half of the time, and takes a second to "
                                "make. When it expires, everybody goes and makes it.", HOT),
    Preset("11 One goes down", "The same, with a lock: the first goes, the others wait for him.",
           {**HOT, "lock": True}),
    Preset("12 A cabinet less", "Memcached, four nodes, one is lost: a quarter of the keys, by a "
                                "hash ring.", {**FULL, "lost_nodes": 1}),
    Preset("13 Wrong labels", "The same loss, where clients count modulo the nodes.",
           {**FULL, "lost_nodes": 1, "ring": False}),
    Preset("14 A second cabinet", "Redis with a replica of each shard: some seconds, and nothing "
                                  "is lost.",
           {**FULL, "lost_nodes": 1, "engine": "redis", "replicas": 1}),
    Preset("15 Logged out", "Sessions in a cache without replicas. A node is lost, and with it the "
                            "visits of a quarter of the users.", {**VISITORS, "lost_nodes": 1}),
)


def hit_ratio(p) -> float:
    """Share of the reads that a cache which has been running for long answers: Che's
    approximation for what there is room for, or a TTL's share where all fits."""
    if p.strategy in (cache_aside.NONE, cache_aside.SESSIONS):
        raise NotApplicable("there is no cache that is filled from a database")
    if p.lost_nodes:
        raise NotApplicable("nodes are lost")
    shares = popularity(p.keys, p.skew)
    reads, touched = shares * p.read_rate, shares * p.read_rate
    if p.strategy == cache_aside.THROUGH:
        touched = shares * (p.read_rate + p.write_rate)
    if not p.read_rate:
        raise NotApplicable("nobody reads")
    if p.ttl and (p.room < p.keys or p.jitter or p.strategy == cache_aside.THROUGH):
        raise NotApplicable("a TTL and the room, its jitter or writes decide together")
    ratios = theory.ttl_hit_ratios(reads, p.ttl) if p.ttl else theory.lru_hit_ratios(
        touched, min(p.room, p.keys))
    return float(np.sum(shares * ratios))


def under_way(rate: float, time: float, servers: int) -> float:
    """Requests in line or at work in a database on average: M/M/c's line, and what is worked on."""
    return theory.mmc_queue_mean(rate, time, servers) + rate * time


def all_reads(p) -> float:
    """Requests/s that the database gets if the cache hits as often as theory says."""
    return p.read_rate * (1 - hit_ratio(p)) + p.write_rate


PANELS = (
    Panel("Hit ratio", "of reads", (Line("measured", "hit_ratio"),), marks=("lost", "back"),
          theory=Theory("Che, or the TTL", hit_ratio)),
    Panel("Database", "req/s", (
        Line("requests", "database"), Line("what it can do", limit=lambda p: p.database_rate)),
        theory=Theory("by theory", all_reads)),
    Panel("Time of a read", "ms", (Line("mean", "latency"),)),
    Panel("Out of date", "of answers", (Line("stale", "stale"),)),
)

BOXES = (
    Box("Readers", (0, 0), (("reads/s", "reads"), ("ms", "latency"))),
    Box("Cache", (1, 0), (("hits/s", "hits"), ("hit ratio", "hit_ratio"))),
    Box("Database", (2, 0), (("req/s", "database"), ("at work", "at_work"))),
    Box("In line", (2, 1), (("requests", "line"),), alarm="line"),
    Box("Failed", (1, 1), (("per second", "failed"),), alarm="failed"),
)
LINKS = (
    Link("Readers", "Cache"), Link("Cache", "Database", "misses"),
    Link("Database", "In line"), Link("In line", "Failed", "timeout"),
)

INVARIANTS = (
    Invariant("every read is a hit or goes down, or waits for who does", lambda r:
              r.summary["hits"] + r.summary["database_reads"] <= r.summary["reads"]
              and (r.params.lock or r.summary["hits"] + r.summary["database_reads"]
                   == r.summary["reads"])),
    Invariant("without a cache nothing hits", lambda r:
              r.params.strategy != "no-cache" or r.summary["hits"] == 0),
    Invariant("only hits are out of date", lambda r: r.summary["stale"] <= r.summary["hits"]),
    Invariant("nothing is out of date for longer than its TTL", lambda r:
              not r.params.ttl or r.summary["stale_age_max"] <= r.params.ttl + 1e-9),
    Invariant("never more items than there is room for", lambda r:
              r.summary["items_end"] <= r.params.room),
    Invariant("with a lock nobody reads twice", lambda r:
              not r.params.lock or r.summary["doubled"] == 0),
    NOTHING_IS_NEGATIVE,
    COST_ADDS_UP,
)
