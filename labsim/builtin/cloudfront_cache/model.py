"""The model of the lab `cloudfront-cache`: viewers all over the world, edges, one origin.

Picture corner shops in four parts of the world and one factory in America. Who finds what he wants
in the shop around the corner has it at once; every other wish crosses an ocean. The date on the
loaf decides how often, and how old the bread may be.

Start reading at `simulate`. Data plane: request-level, since what an edge has depends on every
request before. A day of some three thousand requests takes a few milliseconds.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.cloudfront_cache.params import REPLICAS, CloudfrontCacheParams
from labsim.engine import Estimate, Simulation
from labsim.services import cloudfront
from labsim.services.cloudfront import bill
from labsim.services.common import regions as world

TICKS = 96          # of a run, however long it is


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
    cloudfront.Viewers(sim, "viewers", p.request_rate, delivery, shares=p.shares,
                       swing=p.day_swing, warm_up=p.warm_up, random=sim.stream)
    return Shops(p, sim, site=site, origin=origin, delivery=delivery)


def edges(p: CloudfrontCacheParams, sim: Simulation, site, origin) -> cloudfront.Distribution:
    """CloudFront, as many edges in each region."""
    return cloudfront.Distribution(
        sim, "cloudfront", site, origin, edges=p.edges, edge_size=p.edge_size,
        regional=p.regional, price_class=p.price_class, cache_control=p.cache_control,
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
        """Those of who delivers."""
        return self.delivery.series()

    def cost(self) -> dict:
        """This run's part of a month's bill."""
        return self.delivery.cost()

    def origin_utilization(self) -> float:
        """Share of the time of a server's workers that was spent on answers; 0 for a bucket."""
        whole = self.p.duration + self.p.warm_up
        return self.origin.worked / (self.p.workers * whole) if self.p.origin == "server" else 0.0

    def direct_usd(self) -> float:
        """USD for a month in which a bucket in the US sends the same answers."""
        books, months = self.delivery.books, bill.MONTH / self.p.duration
        gb = float(books.size[books.good].sum()) / bill.GB * months
        return bill.one_bucket(gb, float(books.good.sum()) * months, self.site)


RANKS = 40          # of popularity that stand for all


def missing(p: CloudfrontCacheParams) -> float:
    """Part of the requests that an edge has nothing fresh for, roughly: rate times TTL at a few
    ranks of popularity, less of it where there is no room."""
    ranks = np.geomspace(1, p.objects, RANKS)
    widths = np.gradient(ranks) + 1 / RANKS
    shares = ranks ** -p.skew / (widths * ranks ** -p.skew).sum()
    fresh = min(p.ttl(), p.duration + p.warm_up)
    asked = p.request_rate * p.let_in / len(world.REGIONS) / p.edges * fresh * shares
    found = float((widths * shares * asked / (1 + asked)).sum())
    if p.header == "expires" and not p.min_ttl:
        found *= min(1.0, p.header_age / p.duration)
    return 1.0 - found * min(1.0, p.edge_size / p.size_mean / p.objects) ** 0.5


# Parts of a control event's time: what there is anyhow, a hit, a miss in addition, a request to a
# bucket, a release, each of all objects then, each that changes, each cache that drops one.
ANYHOW, HIT, MISS, DIRECT = 70, 1 / 24, 1 / 12, 1 / 18
RELEASE, OBJECT, CHANGED, CACHE = 1 / 2, 1 / 3_500, 1 / 110, 1 / 120


def estimate(p: CloudfrontCacheParams) -> Estimate:
    """What a run will take: requests that are let in, one by one, and releases, each with its
    objects."""
    requests = p.request_rate * (p.duration + p.warm_up)
    releases = p.duration / p.change_every if p.change_every else 0.0
    caches = len(world.REGIONS) * p.edges * CACHE if p.by_edges else 0.0
    each = p.change_share * (CHANGED + caches * (p.update == "invalidate"))
    wiped = p.objects * caches / 100 if p.update == "wildcard" else 0.0
    one = (HIT + MISS * missing(p)) * p.let_in if p.by_edges else DIRECT
    return Estimate(requests=requests,
                    events=ANYHOW + one * requests
                    + releases * (RELEASE + p.objects * (OBJECT + each) + wiped),
                    cells=TICKS * len(world.REGIONS) * p.edges + 7 * p.objects + 6 * requests,
                    lower="request_rate" if requests > releases * p.objects else "objects")
