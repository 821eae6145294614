"""What the lab `cloudfront-cache` measures, tells, draws and guarantees."""

from labsim import theory
from labsim.builtin.cloudfront_cache.model import WIDER
from labsim.builtin.cloudfront_cache.report import CODES
from labsim.declare import (
    COST_ADDS_UP,
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
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.common import regions as world

METRICS = (
    Metric("requests", "requests", "requests that viewers sent"),
    Metric("answered", "requests", "requests that got the object", "higher"),
    Metric("refused", "requests", "403: the signed URL had expired", "lower"),
    Metric("admitted_share", "", "part of the requests whose URL was valid", "higher"),
    Metric("failed", "requests", "5xx: no origin answered, and no copy stood in", "lower"),
    Metric("edge_hits", "requests", "answered by an edge's own fresh copy", "higher"),
    Metric("regional_hits", "requests", "answered by a regional cache's fresh copy", "higher"),
    Metric("from_origin", "requests", "answered by the origin (or a bucket)", "lower"),
    Metric("from_second", "requests", "answered by the second origin"),
    Metric("expired_served", "requests", "answered by an expired copy, for want of an origin"),
    Metric("hit_ratio", "", "part of the admitted requests that an edge had", "higher"),
    Metric("offload", "", "part of the admitted requests that needed no origin", "higher"),
    Metric("collapsed", "requests", "edge hits that waited for a fetch under way"),
    Metric("not_modified", "requests", "answers of an origin that were 304, without a body"),
    Metric("evictions", "objects", "copies that edges threw out for want of room", "lower"),
    Metric("origin_requests", "requests", "requests that origins or buckets got", "lower"),
    Metric("origin_peak", "req/s", "most that it was asked in a tick", "lower"),
    Metric("origin_load", "of capacity", "work of a server at the origin; 0 for a bucket", "lower"),
    Metric("latency_mean", "s", "mean time to the first byte, of an object or an error", "lower"),
    Metric("latency_p50", "s", "half of the first bytes come within this", "lower"),
    Metric("latency_p95", "s", "19 of 20 first bytes come within this", "lower"),
    Metric("latency_max", "s", "longest time to a first byte", "lower"),
    Metric("first_us", "s", "median time to the first byte in the US", "lower"),
    Metric("first_eu", "s", "median time to the first byte in Europe", "lower"),
    Metric("first_as", "s", "median time to the first byte in Asia", "lower"),
    Metric("first_sa", "s", "median time to the first byte in South America", "lower"),
    Metric("stale", "requests", "answers that were an old version", "lower"),
    Metric("stale_share", "", "part of the answers that were an old version", "lower"),
    Metric("stale_longest", "s", "longest that a version served had been out of date", "lower"),
    Metric("paths", "paths", "invalidation paths submitted", "lower"),
    Metric("invocations", "", "runs of the Lambda@Edge function"),
    Metric("egress_gb", "GB", "sent to viewers"),
    Metric("origin_gb", "GB", "sent by origins", "lower"),
    Metric("direct_usd", "USD/month", "what a bucket in the US alone would cost"),
    Metric("month_usd", "USD/month", "what a month like this run costs", "lower"),
    Metric("cost_usd", "USD", "what this run costs", "lower"),
)
ALONE = {"regional": False}
LONG = {"header_age": 86_400}
SHUT = {"outage": "unreachable", "change_every": 0}

PRESETS = (
    Preset("1 One factory", "Everybody asks a bucket in the US. The first byte takes three round "
                            "trips, and an ocean is wide.", {"delivery": "direct"}),
    Preset("2 Corner shops", "Four edges in each region. What the shop has is there at once; what "
                             "it lacks still crosses the ocean.", ALONE),
    Preset("3 More shops", "Sixteen edges in each: nearer to everybody, and each knows a smaller "
                           "street. Watch the hit ratio.", {**ALONE, "edges": 16}),
    Preset("4 A warehouse behind", "The same, with a regional cache. What one shop has fetched, "
                                   "the others find near by.", {"edges": 16}),
    Preset("5 The evening wanders", "Asia asks while Europe sleeps: the origin sees a flatter day "
                                    "than any region.", {"day_swing": 0.8}),
    Preset("6 A long date", "A max-age of a day spares the origin, and the bread is old: look what "
                            "a release does.", LONG),
    Preset("7 Ask for it back", "The same, and after each release every changed file is "
                                "invalidated. Look at the bill.", {**LONG, "update": "invalidate",
                                                           "invalidation_time": 300}),
    Preset("8 New names", "The same, but what changes gets a new name. Nothing is old, and nothing "
                          "is paid for that.", {**LONG, "update": "versioned"}),
    Preset("9 The factory's word", "No-cache, says the origin: each request goes all the way.",
           {"header": "no-cache"}),
    Preset("10 The head office's", "No-cache, says the origin; six hours at least, says "
                                   "the behaviour. The behaviour wins.",
           {"header": "no-cache", "min_ttl": 21_600}),
    Preset("11 The gate is shut", "The origin doesn't answer for two hours. What is fresh is still "
                                  "sold; who wants more waits half a minute for an error.", SHUT),
    Preset("12 Old bread", "The same, but expired copies may stand in.",
           {**SHUT, "stale_if_error": 86_400}),
    Preset("13 Another factory", "A second origin, asked after one short try, for every single "
                                 "miss anew.", {**SHUT, "origin_group": True,
                                                "connect_attempts": 1, "connect_timeout": 2}),
    Preset("14 Cheap shops only", "Price class 100: Asia and South America travel. Compare their "
                                  "wait and the bill.", {"price_class": "100"}),
    Preset("15 A bucket for each", "No cache at all: S3 replicates to every region. All is near, "
                                   "little is old. And the bill?", {"delivery": "replicas"}),
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
    """Part of the requests that needs no origin once the caches are warm: a region with a regional
    cache is one cache whose copies expire together; without, each edge is one."""
    if not p.by_edges:
        raise NotApplicable("nothing is cached")
    if p.day_swing or p.outage != "none":
        raise NotApplicable("rates change, or the origin is away")
    if p.change_every and p.update != "expire":
        raise NotApplicable("copies go before they expire")
    if p.header == "expires":
        raise NotApplicable("all copies expire on one date")
    room = p.edge_size * (WIDER if p.regional else 1)
    needed = p.size_mean * (p.objects + 4 * p.size_cv * p.objects**0.5)
    rates, places = served_rates(p), 1 if p.regional else p.edges
    if needed <= room:
        ratios = [ttl_hit_ratio(rate, places, p.objects, p.skew, p.ttl()) for rate in rates]
    elif p.ttl() >= p.duration + p.warm_up and not p.regional and not p.size_cv:
        ratios = [lru_hit_ratio(rate, places, p.objects, p.skew, int(room / p.size_mean))
                  for rate in rates]
    else:
        raise NotApplicable("copies go both by age and for want of room")
    whole = sum(rates)
    return sum(rate * ratio for rate, ratio in zip(rates, ratios)) / whole if whole else 0.0


PANELS = (
    Panel("Requests", "req/s", (
        Line("viewers", "offered"), Line("origin", "origin"), Line("failed", "failed")),
        marks=("outage",)),
    Panel("Found on the way", "of requests", (
        Line("at the edges", "hit_ratio"), Line("no origin needed", "offload")),
        theory=Theory("steady state", steady_offload)),
    Panel("Time to an answer", "s", (
        Line("US", "first_us"), Line("Europe", "first_eu"), Line("Asia", "first_as"),
        Line("S. Am.", "first_sa"))),
    Panel("Trouble", "of requests", (
        Line("old version", "stale"), Line("failed", "errors"), Line("URL expired", "refused")),
        marks=("release",)),
)

NAMES = {"us": "US", "eu": "Europe", "as": "Asia", "sa": "S. America"}
BOXES = (
    *(box for row, code in enumerate(CODES.values()) for box in (
        Box(NAMES[code], (0, row), (("req/s", f"viewers_{code}"), ("s", f"first_{code}"))),
        Box(f"Edges {NAMES[code]}", (1, row), (("hits", f"hits_{code}"),),
            bars=(f"hit_{code}", "edges")),
        Box(f"Regional {NAMES[code]}", (2, row), (("hits", f"regional_{code}"),)))),
    Box("Origin", (3, 1), (("req/s", "origin"), ("failed", "failed")), alarm="failed"),
    Box("Second origin", (4, 1), (("req/s", "second"),)),
)
LINKS = (
    *(link for name in NAMES.values() for link in (
        Link(name, f"Edges {name}"), Link(f"Edges {name}", f"Regional {name}"),
        Link(f"Regional {name}", "Origin"))),
    Link("Origin", "Second origin", control=True),
)



def oldest(p) -> float:
    """Longest that a version may have been out of date when an edge serves it, s: what was fetched
    just before a change, after all tries, is kept for the TTL and stands in for errors after."""
    fetch = (cloudfront.time_to_failover(p.connect_attempts, p.connect_timeout) + p.origin_time
             + p.fact("cf.response_timeout_s") + p.function_time + max(map(max, world.ROUND_TRIP))
             * world.TRIPS)
    return p.ttl() + cloudfront.stale_allowed(p.stale_if_error, p.max_ttl) + fetch


INVARIANTS = (
    Invariant("requests = answered + failed + refused", lambda r: r.summary["requests"] == (
        r.summary["answered"] + r.summary["failed"] + r.summary["refused"])),
    Invariant("every answer comes from somewhere", lambda r: r.summary["answered"] == sum(
        r.summary[name] for name in ("edge_hits", "regional_hits", "from_origin", "from_second",
                                     "expired_served"))),
    Invariant("nothing is negative", lambda r: all(
        (s.value >= 0).all() for s in r.series.values())),
    Invariant("an origin is asked for each of its answers", lambda r: (
        r.summary["origin_requests"] + 1e-9 >= r.summary["from_origin"])),
    Invariant("nothing answers before the viewer's own round trips", lambda r: (
        not r.summary["answered"] or r.summary["latency_p50"] > 0)),
    Invariant("no answer is older than TTL, stale-if-error and fetch allow", lambda r: not (
        r.params.by_edges and r.params.header != "expires")
        or r.summary["stale_longest"] <= oldest(r.params)),
    Invariant("new names are never old", lambda r: not (
        r.params.by_edges and r.params.update == "versioned") or r.summary["stale"] == 0),
    Invariant("without an outage or a full server nothing fails", lambda r: not (
        r.params.outage == "none" and r.params.origin == "s3") or r.summary["failed"] == 0),
    Invariant("what is never kept is never found", lambda r: not (
        r.params.by_edges and r.params.ttl() == 0 and r.params.header != "expires")
        or r.summary["hit_ratio"] == r.summary["offload"] == 0),
    Invariant("no cache, no hits", lambda r: r.params.by_edges or (
        r.summary["edge_hits"] + r.summary["regional_hits"] + r.summary["expired_served"] == 0)),
    Invariant("origins send at most what viewers get", lambda r: (
        r.summary["origin_gb"] <= r.summary["egress_gb"] + 1e-9)),
    COST_ADDS_UP,
)
