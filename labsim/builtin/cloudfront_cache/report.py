"""From a run of the lab `cloudfront-cache` to its summary, series and bill."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labsim.builtin.cloudfront_cache.params import REPLICAS, CloudfrontCacheParams
from labsim.builtin.cloudfront_cache.viewers import Viewers
from labsim.declare import MOST_BARS, Run, bar_name, per_tick
from labsim.engine import Simulation
from labsim.services.cloudfront import bill
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.cloudfront.edges import (
    ERROR,
    EXPIRED,
    FROM_ORIGIN,
    FROM_SECOND,
    HIT,
    REFUSED,
    REGIONAL,
)
from labsim.services.cloudfront.origin import Content, Origin
from labsim.services.common import regions as world
from labsim.services.s3 import replication as s3_replication

TICKS = 96          # of a run, however long it is
LOOK = 8            # ticks; a ratio and a time are means over so many, two hours of a day
CODES = {"us": "us", "europe": "eu", "asia": "as", "south_america": "sa"}


@dataclass(frozen=True)
class Books:
    """Every request that counts, in order: when (s), how it went, how long the first byte took
    (s), the size of its object, whether a newer version was out, and where."""

    times: np.ndarray
    kind: np.ndarray
    latency: np.ndarray
    size: np.ndarray
    old: np.ndarray
    region: np.ndarray
    served: np.ndarray
    edge: np.ndarray
    unchanged: int          # answers of an origin without a body
    origin_bytes: float
    shared: int
    oldest: float           # s that a version had been out of date when it was served

    @property
    def answered(self) -> np.ndarray:
        """Which got the object."""
        return self.kind < ERROR

    @property
    def fetched(self) -> np.ndarray:
        """Which got it from an origin."""
        return (self.kind == FROM_ORIGIN) | (self.kind == FROM_SECOND)


def keep(p: CloudfrontCacheParams, viewers: Viewers, content: Content, caches) -> Books:
    """The books of those that came after the warm-up."""
    n, let_in = len(viewers.times), np.flatnonzero(viewers.admitted)
    kind, wait, size = np.full(n, REFUSED), np.zeros(n), np.array(content.sizes)[viewers.objects]
    kind[let_in] = HIT
    if caches.noted:
        which, how, took = zip(*caches.noted)
        which = let_in[list(which)]
        kind[which], wait[which] = how, took
    old = np.zeros(n, dtype=bool)
    old[let_in[np.array(caches.old, dtype=np.int64)]] = True
    unchanged = np.zeros(n, dtype=bool)
    unchanged[let_in[np.array(caches.unchanged, dtype=np.int64)]] = True
    shared = let_in[np.array(caches.shared, dtype=np.int64)]
    trips = np.array([[trip(p, here, there) for there in range(len(world.REGIONS))]
                      for here in range(len(world.REGIONS))])
    more = p.function_time if p.by_edges and p.trigger == cloudfront.VIEWER else 0.0
    latency = world.first_byte(trips[viewers.region, viewers.served], wait + more)
    first = int(viewers.times.searchsorted(0.0))
    fetched = (kind == FROM_ORIGIN) | (kind == FROM_SECOND)
    late = [age for i, age in zip(caches.old, caches.old_for) if let_in[i] >= first]
    columns = (viewers.times, kind, latency, size, old, viewers.region, viewers.served,
               viewers.edge)
    return Books(*(column[first:] for column in columns), unchanged=int(unchanged[first:].sum()),
                 origin_bytes=float(size[first:][(fetched & ~unchanged)[first:]].sum()),
                 shared=int((shared >= first).sum()), oldest=max(late, default=0.0))


def trip(p: CloudfrontCacheParams, here: int, there: int) -> float:
    """Round trip from a viewer to who serves him, s."""
    places = p.edges if p.by_edges else 1
    return world.viewer_trip(places) if here == there else world.ROUND_TRIP[here][there]


def rolling(values: np.ndarray) -> np.ndarray:
    """Sums over the last `LOOK` ticks, along the first axis."""
    total = np.cumsum(values, axis=0, dtype=float)
    total[LOOK:] -= total[:-LOOK].copy()
    return total


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Their quotient; 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Their quotient; the last one where there is nothing (0 before the first)."""
    last = np.maximum.accumulate(np.where(count > 0, np.arange(len(count)), -1))
    return np.where(last >= 0, ratio(total, count)[last], 0.0)


def months_bill(p: CloudfrontCacheParams, books: Books, runs: int, paths: int) -> dict[str, float]:
    """USD by line for a month that goes on as this run. runs: of the function; paths:
    invalidated."""
    months = bill.MONTH / p.duration
    good, regions = books.answered, len(world.REGIONS)
    gb = np.bincount(books.served[good], books.size[good], regions) / bill.GB * months
    by_gb = dict(zip(world.REGIONS, gb.tolist()))
    n = np.bincount(books.served, minlength=regions) * months
    releases = bill.MONTH / p.change_every if p.change_every else 0.0
    changed, each = p.objects * p.change_share * releases, p.size_mean / bill.GB
    copies = regions - 1 if p.delivery == REPLICAS else 0
    lines = {**s3_replication.cost(copies, p.objects * each, changed * each, changed),
             "origin requests": float(books.fetched.sum()) * months * bill.GET}
    if not p.by_edges:
        return {"data out": sum(bill.bucket_out(*there) for there in by_gb.items()), **lines}
    return {**bill.month(by_gb, dict(zip(world.REGIONS, n.tolist())), p.free_tier), **lines,
            "invalidation": cloudfront.invalidation_cost(round(paths * months)),
            "functions": bill.functions(runs * months, p.function_time)}


def without(p: CloudfrontCacheParams, books: Books) -> float:
    """USD for a month in which a bucket in the US sends the same answers to all the world."""
    months, good = bill.MONTH / p.duration, books.answered
    gb = float(books.size[good].sum()) / bill.GB * months
    return (bill.bucket_out("us", gb) + float(good.sum()) * months * bill.GET
            + sum(s3_replication.cost(0, p.objects * p.size_mean / bill.GB, 0, 0).values()))


def report(p: CloudfrontCacheParams, sim: Simulation, viewers: Viewers, content: Content,
           origin: Origin, caches) -> Run:
    """The summary, series and cost of a run that has ended."""
    books, asked = keep(p, viewers, content, caches), np.array(origin.asked)
    asked = asked[asked >= 0]
    if p.delivery == REPLICAS:      # the other buckets are asked, too
        asked = books.times[books.kind != REFUSED]
    tick = np.minimum((books.times / sim.tick).astype(np.int64), TICKS - 1)
    good, let_in = books.answered, books.kind != REFUSED

    def count(which):
        return np.bincount(tick[which], minlength=TICKS).astype(float)

    def part(which, of):
        return per_tick(ratio(rolling(count(which)), rolling(count(of))))

    hit, near = books.kind == HIT, books.kind <= REGIONAL
    asked_in = np.bincount(np.minimum((asked / sim.tick).astype(np.int64), TICKS - 1),
                           minlength=TICKS)
    failed, all_of = books.kind == ERROR, slice(None)

    def rate(counts):
        return per_tick(rolling(counts) / rolling(np.ones(TICKS)) / sim.tick, "req/s")

    series = {
        "offered": rate(count(all_of)), "origin": rate(asked_in), "failed": rate(count(failed)),
        "hit_ratio": part(hit, let_in), "offload": part(near, let_in),
        "stale": part(books.old, let_in), "errors": part(failed, let_in),
        "refused": part(~let_in, all_of), "second": rate(count(books.kind == FROM_SECOND)),
        "edges": (np.full(TICKS + 1, float(p.edges if p.by_edges else 0)), "edges"),
    }
    firsts = {}
    for here, name in enumerate(world.REGIONS):
        code, mine = CODES[name], books.region == here
        came = mine & let_in
        late = np.bincount(tick[came], books.latency[came], TICKS)
        series[f"first_{code}"] = per_tick(mean(rolling(late), rolling(count(came))), "s")
        series[f"viewers_{code}"] = rate(count(mine))
        there = (books.served == here) & let_in
        series[f"hits_{code}"] = part(there & hit, there)
        series[f"regional_{code}"] = part(there & near & ~hit, there & ~hit)
        firsts[code] = float(np.median(books.latency[came])) if came.any() else 0.0
    series.update(bars(p, books, tick, hit, let_in))

    runs = 0 if p.trigger == "none" or not p.by_edges else cloudfront.invocations(
        p.trigger, int(let_in.sum()), len(asked), origin.failovers)
    month = months_bill(p, books, runs, caches.paths)
    total, direct = sum(month.values()), without(p, books)
    cost = {line: usd * p.duration / bill.MONTH for line, usd in month.items()}
    latency = books.latency[let_in]
    p50, p95 = np.percentile(latency, (50, 95)) if len(latency) else (0.0, 0.0)
    kinds = np.bincount(books.kind, minlength=REFUSED + 1)
    admitted = max(int(let_in.sum()), 1)
    whole = p.duration + p.warm_up
    summary = {
        "requests": len(books.times), "answered": good.sum(), "refused": kinds[REFUSED],
        "admitted_share": let_in.sum() / max(len(let_in), 1),
        "failed": kinds[ERROR], "edge_hits": kinds[HIT], "regional_hits": kinds[REGIONAL],
        "from_origin": kinds[FROM_ORIGIN], "from_second": kinds[FROM_SECOND],
        "expired_served": kinds[EXPIRED], "hit_ratio": kinds[HIT] / admitted,
        "offload": (kinds[HIT] + kinds[REGIONAL]) / admitted, "collapsed": books.shared,
        "not_modified": books.unchanged, "evictions": caches.evictions,
        "origin_requests": len(asked), "origin_peak": asked_in.max() / sim.tick,
        "origin_load": origin.worked / (p.workers * whole) if p.origin == "server" else 0.0,
        "latency_mean": latency.mean() if len(latency) else 0.0, "latency_p50": p50,
        "latency_p95": p95, "latency_max": latency.max(initial=0.0),
        **{f"first_{code}": value for code, value in firsts.items()},
        "stale": books.old.sum(), "stale_share": books.old.sum() / max(good.sum(), 1),
        "stale_longest": books.oldest, "paths": caches.paths, "invocations": runs,
        "egress_gb": books.size[good].sum() / bill.GB, "origin_gb": books.origin_bytes / bill.GB,
        "direct_usd": direct, "month_usd": total, "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def bars(p: CloudfrontCacheParams, books: Books, tick: np.ndarray, hit: np.ndarray,
         let_in: np.ndarray) -> Iterator[tuple]:
    """The hit ratio of each edge, as columns of its region's box."""
    edges = len(world.REGIONS) * p.edges
    shown = {}
    if p.by_edges:
        cell = tick * edges + books.edge
        asked, found = (rolling(np.bincount(cell[which], minlength=TICKS * edges).reshape(
            TICKS, edges)) for which in (let_in, hit))
        shown = ratio(found, asked)
    for here, name in enumerate(world.REGIONS):
        for i in range(MOST_BARS):
            there = p.by_edges and i < p.edges
            yield bar_name(f"hit_{CODES[name]}", i), per_tick(
                shown[:, here * p.edges + i] if there else np.zeros(TICKS))
