"""The model of the lab `cloudfront-cache`: viewers all over the world, edges, one origin.

Picture corner shops in four parts of the world and one factory in America. Who finds what he wants
in the shop around the corner has it at once; every other wish crosses an ocean. The date on the
loaf decides how often, and how old the bread may be.

*Models:* at any rate requests are counted, in windows of a 60th of the run, cut where something
changes. Followed are the fetches from the origin: of each object up to `FOLLOWED` of them, of more
objects so many that stand for all (favourites each for itself, others by classes of neighbours in
rank); of each edge, or of so many that stand for the region's. With all of them followed the law is
that of the request-level model, so long as there is room; for want of room Che's approximation,
above three fetches in a window renewal theory, at a server with more than 500 requests in a window
a fluid. So a day at 100,000 requests per second takes as long as one at 100.

Start reading at `simulate`; how viewers are counted is in `labsim/services/cloudfront/crowd.py`.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.cloudfront_cache.params import REPLICAS, CloudfrontCacheParams
from labsim.declare.faults import checked
from labsim.engine import Estimate, Simulation
from labsim.services import cloudfront
from labsim.services.cloudfront import bill
from labsim.services.cloudfront.cells import places
from labsim.services.cloudfront.distribution import WIDER
from labsim.services.cloudfront.fetches import REFUSED
from labsim.services.cloudfront.ledger import WARMING
from labsim.services.cloudfront.returns import SLOWEST
from labsim.services.cloudfront.site import FOLLOWED
from labsim.services.common import regions as world
from labsim.services.common.returning import steps

TICKS = 60          # of a run, however long it is


def simulate(p: CloudfrontCacheParams, sim: Simulation) -> "Shops":
    """Viewers ask edges or buckets; the site changes; the origin may be away."""
    site = cloudfront.Site(
        sim, "site", p.objects, p.size_mean, size_cv=p.size_cv, skew=p.skew,
        change_every=p.change_every, change_share=p.change_share,
        versioned=p.by_edges and p.update == "versioned", sizes_random=sim.stream("sizes"),
        changes_random=sim.stream("releases"))
    origin = cloudfront.Origin(
        sim, "origin", p.origin_time, p.workers if p.origin == "server" else 0,
        connect_attempts=p.connect_attempts, connect_timeout=p.connect_timeout,
        response_timeout=p.fact("cf.response_timeout_s"), group=p.origin_group and p.by_edges)
    if p.outage != "none":
        origin.fault(p.outage_start, p.outage_duration, p.outage)
    delivery = (edges if p.by_edges else buckets)(p, sim, site, origin)
    rate = kit.load(p, "request_rate") if p.traced else p.request_rate
    cloudfront.Viewers(sim, "viewers", rate, delivery, shares=p.shares,
                       swing=p.day_swing, warm_up=p.warm_up, retry=p.retry,
                       random=sim.stream)
    return Shops(p, sim, site=site, origin=origin, delivery=delivery)


def edges(p: CloudfrontCacheParams, sim: Simulation, site, origin) -> cloudfront.Distribution:
    """CloudFront, as many edges in each region."""
    return cloudfront.Distribution(
        sim, "cloudfront", site, origin, edges=p.edges, edge_size=p.edge_bytes,
        regional=p.regional, shield=p.shield, variants=p.variants, price_class=p.price_class,
        cache_control=p.cache_control,
        expires_at=p.header_age if p.header == "expires" else None, min_ttl=p.min_ttl,
        default_ttl=p.default_ttl, max_ttl=p.max_ttl, stale_if_error=p.stale_if_error,
        error_ttl=p.error_ttl, update="expire" if p.update == "versioned" else p.update,
        invalidation_time=p.invalidation_time, trigger=p.trigger, function_time=p.function_time,
        url_lifetime=p.url_lifetime, click_delay=p.click_delay, free_tier=p.free_tier)


def buckets(p: CloudfrontCacheParams, sim: Simulation, site, origin) -> cloudfront.Buckets:
    """No CloudFront: the origin, or copies of it."""
    return cloudfront.Buckets(sim, "buckets", site, origin, replicated=p.delivery == REPLICAS,
                              lag=p.replication_lag, random=sim.stream)


class Shops(kit.Outcome):
    """A site, its origin, and who delivers it."""

    def series(self) -> dict:
        """Those of who delivers, with shares told of what."""
        of = {"hits": "of requests", "regional": "of misses", "shield": "of misses"}
        return {name: (values, unit or of.get(name.split("_")[0], ""))
                for name, (values, unit) in self.delivery.series().items()}

    def cost(self) -> dict:
        """This run's part of a month's bill."""
        return self.delivery.cost()

    def origin_utilization(self) -> float:
        """Share of the time of a server's workers that was spent on answers; 0 for a bucket."""
        room = self.p.workers * self.p.duration
        return self.origin.worked / room if self.p.origin == "server" else 0.0

    def direct_usd(self) -> float:
        """USD for a month in which a bucket in the US sends the same answers."""
        books, months = self.delivery.books, bill.MONTH / self.p.duration
        gb = float(books.tally.sent.sum()) / bill.GB * months
        return bill.one_bucket(gb, float(books.good.sum()) * months, self.site)


QUICK = 0.5         # s; viewers who wait no longer give up for want of anything but the origin
RANKS = 40          # of popularity that stand for all


def busiest_rate(p: CloudfrontCacheParams) -> float:
    """Requests per second of all viewers; of a trace those of its busiest tick."""
    if not p.traced:
        return p.request_rate
    ticks = np.linspace(0.0, p.duration, TICKS + 1)
    return float(kit.load(p, "request_rate").expected(ticks).max()) / ticks[1]


def asked(p: CloudfrontCacheParams) -> float:
    """Requests per second that the origin gets, roughly: one per cycle of TTL and gap at a few
    ranks of popularity."""
    rate = busiest_rate(p) * p.let_in
    if not p.by_edges:
        return rate
    ranks = np.geomspace(1, p.objects, RANKS)
    widths = np.gradient(ranks) + 1 / RANKS
    share = ranks ** -p.skew / (widths * ranks ** -p.skew).sum()
    caches = p.variants * (1 if p.shield else len(world.REGIONS) * (1 if p.regional else p.edges))
    each = rate * share / caches
    room = p.edge_bytes * (WIDER if p.regional or p.shield else 1)
    fresh = p.ttl() * min(1.0, room / (p.size_mean * p.objects * p.variants))
    return float((widths * caches * each / (1 + each * fresh)).sum())


# Parts of a control event's time: what there is anyhow, a window of buckets, of edges, a cell in
# it, each again where cells renew often or lose what they have, a server, each object, at first
# and at a release, and each that changes then.
ANYHOW, DIRECT, WINDOW, CELL, AGAIN, LOSING, SERVER, OBJECT, CHANGED = (
    200, 3, 8, 1 / 200, 4, 0.5, 8, 1 / 4_000, 1 / 1_500)


def estimate(p: CloudfrontCacheParams) -> Estimate:
    """What a run will take: windows between changes, in each the cells that are followed; the rate
    of requests makes no difference."""
    releases = p.duration / p.change_every if p.change_every else 0.0
    told = releases * (1 + (p.by_edges and p.update in ("invalidate", "wildcard")))
    tick = p.duration / TICKS
    windows = TICKS + min(WARMING, p.warm_up / tick)
    needed = p.size_mean * p.objects * p.variants / p.edge_bytes
    often = p.ttl() < tick or needed > 1
    if p.by_edges and p.origin == "server":
        full = asked(p) * p.origin_time > 0.9 * p.workers
        windows *= REFUSED if full else 2 if often else 1
    windows += told + 2
    changes = 2 * (p.outage != "none" and p.outage_start < p.duration)
    changes += 2 * len(checked(p.faults)) + (0 < p.client_timeout < p.origin_time + QUICK)
    if busiest_rate(p) and (changes or p.origin == "server"):
        windows += steps(p.retry, SLOWEST, 1 + changes, p.duration)
    objects, served = min(p.objects, FOLLOWED), len(set(p.serving))
    caches = 1 if p.shield else served if p.regional else (
        served * places(objects, served, p.edges))
    cells = objects * caches if p.by_edges else 0
    away = p.outage != "none" and max(
        min(p.outage_duration, p.duration - p.outage_start), 0) / p.duration
    rounds = 1 + (AGAIN if p.ttl() < tick or needed > 100 else LOSING if often else 0)
    rounds += 1.5 * AGAIN * away        # errors are kept for a short time only
    each = (WINDOW + CELL * cells) * rounds if p.by_edges else DIRECT
    each += SERVER * (p.origin == "server")
    return Estimate(requests=0.0,
                    events=ANYHOW + windows * each + p.objects * OBJECT * (1 + releases)
                    + releases * p.objects * p.change_share * CHANGED * (
                        3 if p.delivery == REPLICAS else 1),
                    cells=TICKS * len(world.REGIONS) * p.edges + 4 * p.objects,
                    lower="duration" if releases < 1e3 else "change_every")
