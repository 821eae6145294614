"""What the lab `cloudfront-cache` measures, tells, draws and guarantees."""

import math
from dataclasses import replace

from labsim import declare as kit
from labsim import theory
from labsim.declare import Box, Line, Link, Preset
from labsim.declare.faults import checked
from labsim.engine import popularity
from labsim.services.cloudfront import Distribution
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.cloudfront.books import CODES, WAYS
from labsim.services.cloudfront.distribution import WIDER
from labsim.services.common import regions as world

METRICS = (
    *kit.of_part("delivery", Distribution.METRICS),
    kit.Metric("origin_utilization", "of capacity", "work of a server at the origin; 0 for a "
               "bucket", "lower", lambda o: o.origin_utilization(), aliases=("origin_load",)),
    kit.Metric("direct_usd", "USD/month", "what a bucket in the US alone would cost", "",
               lambda o: o.direct_usd(), label="cost without CloudFront"),
    kit.Metric("cost_usd", "USD", "what this run costs", "lower", kit.Outcome.total_cost),
)
ALONE = {"regional": False}
LONG = {"header_age": 86_400}
STORM = {"origin": "server", "workers": 40, "header": "no-cache", "request_rate": 200,
         "objects": 1_000, "change_every": 0, "duration": 3_600, "client_timeout": 2,
         "retry_mode": "full-jitter", "faults": "origin slow 900 120 8"}
SHUT = {"outage": "unreachable", "change_every": 0}

PRESETS = (
    Preset("No CDN", "A thousand requests a second, and everybody asks a bucket in the US. The "
                     "first byte takes three round trips, and an ocean is wide.",
           {"delivery": "direct"},
           headline=("latency_p50", "ttfb_as", "month_usd"),
           hand=("delivery", "origin_time", "request_rate")),
    Preset("Edge locations", "Four edges in each region. What the shop has is there at once; what "
                             "it lacks still crosses the ocean.", ALONE,
           headline=("hit_ratio", "latency_p50", "latency_p95", "origin_requests"),
           hand=("edges", "regional", "delivery")),
    Preset("More edge locations", "Sixteen edges in each: nearer to everybody, and each knows a "
                                  "smaller street. Watch the hit ratio.", {**ALONE, "edges": 16},
           headline=("hit_ratio", "latency_p50", "latency_p95", "origin_requests"),
           hand=("edges", "regional", "edge_size")),
    Preset("Regional edge cache", "The same, with a regional cache. What one shop has fetched, the "
                                  "others find near by.", {"edges": 16},
           headline=("hit_ratio", "offload", "latency_p95", "origin_requests"),
           hand=("regional", "edges")),
    Preset("Origin Shield", "And one cache near the origin that all regions ask. The origin is "
                            "asked once for the world; each way through it is paid.",
           {"edges": 16, "shield": True},
           headline=("offload", "origin_requests", "shield_requests", "month_usd"),
           hand=("shield", "regional", "edges")),
    Preset("Cache key", "Tracking parameters in the query string make two hundred copies of each "
                        "object. Most of what viewers ask for is there, under another key.",
           {"variants": 200},
           headline=("hit_ratio", "offload", "origin_requests"), hand=("variants", "header_age")),
    Preset("Day and night", "Asia asks while Europe sleeps: the origin sees a flatter day than any "
                            "region.", {"day_swing": 0.8},
           headline=("origin_peak", "offload", "latency_p95"), hand=("day_swing", "asia_share")),
    Preset("Long max-age", "A max-age of a day spares the origin, and the bread is old: look what "
                           "a release does.", LONG,
           headline=("stale_share", "stale_longest", "origin_requests"),
           hand=("header_age", "change_every", "change_share"), moment=72_000),
    Preset("Invalidation", "The same, and after each release every changed file is invalidated. "
                           "Look at the bill.",
           {**LONG, "update": "invalidate", "invalidation_time": 300},
           headline=("stale_share", "paths", "month_usd"),
           hand=("update", "invalidation_time", "change_every"), moment=45_000),
    Preset("Versioned names", "The same, but what changes gets a new name. Nothing is old, and "
                              "nothing is paid for that.", {**LONG, "update": "versioned"},
           headline=("stale_share", "paths", "month_usd"), hand=("update", "change_every"),
           moment=45_000),
    Preset("No-cache header", "No-cache, says the origin: each request goes all the way.",
           {"header": "no-cache"},
           headline=("hit_ratio", "origin_requests", "latency_p95"), hand=("header", "min_ttl")),
    Preset("Minimum TTL", "No-cache, says the origin; four hours at least, says the behaviour. The "
                          "behaviour wins.", {"header": "no-cache", "min_ttl": 14_400},
           headline=("hit_ratio", "origin_requests", "stale_share"), hand=("min_ttl", "header")),
    Preset("Origin outage", "The origin doesn't answer for two hours. What is fresh is still sold; "
                            "who wants more waits half a minute for an error.", SHUT,
           headline=("failed", "latency_max", "hit_ratio"),
           hand=("outage", "outage_duration", "stale_if_error"), moment=41000),
    Preset("Stale-if-error", "The same, but expired copies may stand in.",
           {**SHUT, "stale_if_error": 86_400},
           headline=("failed", "expired_served", "latency_max"),
           hand=("stale_if_error", "error_ttl", "outage"), moment=41000),
    Preset("Origin group failover", "A second origin, asked after one short try, for every single "
                                    "miss anew.",
           {**SHUT, "origin_group": True, "connect_attempts": 1, "connect_timeout": 2},
           headline=("failed", "from_second", "latency_max"),
           hand=("origin_group", "connect_timeout", "connect_attempts"), moment=41000),
    Preset("Price class 100", "Asia and South America travel. Compare their wait and the bill.",
           {"price_class": "100"},
           headline=("ttfb_as", "ttfb_sa", "month_usd"), hand=("price_class", "asia_share")),
    Preset("Cross-Region Replication", "No cache at all: S3 replicates to every region. All is "
                                       "near, little is old. And the bill?",
           {"delivery": "replicas"},
           headline=("latency_p50", "stale_share", "month_usd"),
           hand=("delivery", "replication_lag")),
    Preset("Retry storm", "Nothing may be cached, says a small server. It is slow for two minutes; "
                          "viewers wait for two seconds and ask again. When is it over?", STORM,
           headline=("goodput", "amplification", "failed", "origin_utilization"),
           hand=("client_timeout", "retry_mode", "workers")),
)


def ttl_hit_ratio(rate: float, places: int, objects: int, skew: float, ttl: float) -> float:
    """Hit ratio of `places` caches without limit that share `rate` requests per second evenly."""
    shares = popularity(objects, skew)
    return float((shares * theory.ttl_hit_ratios(shares * rate / places, ttl)).sum())


def lru_hit_ratio(rate: float, places: int, objects: int, skew: float, room: int) -> float:
    """Hit ratio of `places` LRU caches with room for so many objects of one size."""
    shares = popularity(objects, skew)
    return float((shares * theory.lru_hit_ratios(shares * rate / places, room)).sum())


def served_rates(p) -> list[float]:
    """Requests per second that the edges of each region get, of regions that get any."""
    rates = [0.0 for _ in p.shares]
    for share, there in zip(p.shares, p.serving):
        rates[there] += p.request_rate * share * p.let_in
    return [rate for rate in rates if rate > 0]


def steady_offload(p) -> float:
    """Part of the requests that needs no origin once the caches are warm: all that stands behind
    Origin Shield or a regional cache is one cache whose copies expire together; without, each edge
    is one. A cache key that tells copies apart makes as many objects of each."""
    if not p.by_edges:
        raise kit.NotApplicable("nothing is cached")
    if p.traced or p.day_swing or p.outage != "none":
        raise kit.NotApplicable("rates change, or the origin is away")
    if p.change_every and p.update != "expire":
        raise kit.NotApplicable("copies go before they expire")
    if p.header == "expires":
        raise kit.NotApplicable("all copies expire on one date")
    shared = p.regional or p.shield
    room = p.edge_bytes * (WIDER if shared else 1)
    needed = p.size_mean * p.variants * (p.objects + 4 * p.size_cv * p.objects**0.5)
    rates, places = served_rates(p), 1 if shared else p.edges
    if p.shield:
        rates = [sum(rates)]
    if needed <= room:
        ratios = [ttl_hit_ratio(rate, places * p.variants, p.objects, p.skew, p.ttl())
                  for rate in rates]
    elif p.ttl() >= p.duration + p.warm_up and not shared and not p.size_cv and p.variants == 1:
        ratios = [lru_hit_ratio(rate, places, p.objects, p.skew, int(room / p.size_mean))
                  for rate in rates]
    else:
        raise kit.NotApplicable("copies go both by age and for want of room")
    whole = sum(rates)
    return sum(rate * ratio for rate, ratio in zip(rates, ratios)) / whole if whole else 0.0


REQUESTS, FOUND, TIMES, TROUBLE = Distribution.PANELS
OFFLOAD = kit.Theory("steady state", steady_offload)
PANELS = (
    REQUESTS, replace(FOUND, theory=OFFLOAD),
    replace(TIMES, lines=(*TIMES.lines, Line(
        "client timeout", limit=lambda p: p.client_timeout or None))), TROUBLE)

NAMES = {"us": "US", "eu": "Europe", "as": "Asia", "sa": "S. America"}
BOXES = (
    *(box for row, (region, code) in enumerate(CODES.items()) for box in (
        Box(NAMES[code], (0, row), (("req/s", f"viewers_{code}"), ("first byte", f"ttfb_{code}"))),
        Box(f"Edges {NAMES[code]}", (1, row), (("hits", f"hits_{code}"),),
            bars=(f"hit_{code}", "edges"),
            breaks=f"cloudfront-{region}"),
        Box(f"Regional {NAMES[code]}", (2, row), (("hits", f"regional_{code}"),)))),
    Box("Origin Shield", (3, 0), (("hits", "shield_share"),)),
    Box("Origin", (3, 1), (("req/s", "origin_rate"),), breaks="origin"),
    Box("Second origin", (3, 2), (("req/s", "second_rate"),)),
    Box("Failed", (3, 3), (("req/s", "failed_rate"),), alarm="failed_rate"),
)
LINKS = (
    *(link for who, where in [[list(NAMES)[k] for k in way] for way in WAYS] for link in (
        Link(NAMES[who], f"Edges {NAMES[where]}", flows=(
            (f"first_{who}_{where}", "sent"), (f"again_{who}_{where}", "retried"))),
        Link(f"Edges {NAMES[where]}", NAMES[who], flows=(
            (f"good_{who}_{where}", "served"), (f"bad_{who}_{where}", "lost"))))),
    *(link for code, name in NAMES.items() for link in (
        Link(f"Edges {name}", f"Regional {name}", flows=((f"missed_{code}", "sent"),)),
        Link(f"Regional {name}", "Origin", flows=((f"on_{code}", "sent"),)),
        Link(f"Regional {name}", "Origin Shield", flows=((f"shielded_{code}", "sent"),)))),
    Link("Origin Shield", "Origin", flows=(("shield_rate", "sent"),)),
    Link("Origin", "Second origin", flows=(("second_rate", "sent"),)),
    Link("Origin", "Failed", flows=(("failed_rate", "lost"),)),
)


def oldest(p) -> float:
    """Longest that a version may have been out of date when an edge serves it, s: what was fetched
    just before a change, after all tries, is kept for the TTL and stands in for errors after."""
    slow = math.prod(fault.amount for fault in checked(p.faults) if fault.what == "slow")
    fetch = (cloudfront.time_to_failover(p.connect_attempts, p.connect_timeout)
             + p.origin_time * slow
             + p.fact("cf.response_timeout_s") + p.function_time + max(map(max, world.ROUND_TRIP))
             * world.TRIPS)
    return p.ttl() + cloudfront.stale_allowed(p.stale_if_error, p.max_ttl) + fetch


INVARIANTS = (
    *Distribution.INVARIANTS,
    kit.Invariant("an origin is asked for each of its answers", lambda r: (
        r.summary["origin_requests"] + 1e-9 >= r.summary["from_origin"])),
    kit.Invariant("nothing answers before the viewer's own round trips", lambda r: (
        not r.summary["completed"] or r.summary["latency_p50"] > 0)),
    kit.Invariant("no answer is older than TTL, stale-if-error and fetch allow", lambda r: not (
        r.params.by_edges and r.params.header != "expires")
        or r.summary["stale_longest"] <= oldest(r.params)),
    kit.Invariant("new names are never old", lambda r: not (
        r.params.by_edges and r.params.update == "versioned") or r.summary["stale"] == 0),
    kit.Invariant("without an outage, a full server or impatience nothing fails", lambda r: not (
        r.params.outage == "none" and r.params.origin == "s3" and not r.params.faults
        and not r.params.client_timeout) or r.summary["failed"] == 0),
    kit.Invariant("what is never kept is never found", lambda r: not (
        r.params.by_edges and r.params.ttl() == 0 and r.params.header != "expires")
        or r.summary["hit_ratio"] == r.summary["offload"] == 0),
    kit.Invariant("Origin Shield is asked only where there is one", lambda r: (
        r.params.by_edges and r.params.shield)
        or r.summary["shield_requests"] == r.summary["shield_hits"] == 0),
    kit.Invariant("no cache, no hits", lambda r: r.params.by_edges or (
        r.summary["edge_hits"] + r.summary["regional_hits"] + r.summary["shield_hits"]
        + r.summary["expired_served"] == 0)),
    kit.Invariant("origins send at most what viewers get", lambda r: (
        r.summary["origin_gb"] <= r.summary["egress_gb"] + 1e-9)),
)
