"""The model of the lab `cloudfront-cache`: viewers all over the world, edges, one origin.

Picture corner shops in four parts of the world and one factory in America. Who finds what he wants
in the shop around the corner has it at once; every other wish crosses an ocean. The date on the
loaf decides how often, and how old the bread may be.

Start reading at `simulate`. Data plane: request-level, since what an edge has depends on every
request before. A day of some three thousand requests takes a few milliseconds.
"""

import numpy as np

from labsim.builtin.cloudfront_cache.params import CloudfrontCacheParams
from labsim.builtin.cloudfront_cache.report import TICKS, report
from labsim.builtin.cloudfront_cache.viewers import Viewers
from labsim.declare import Run
from labsim.engine import Estimate, Order, Simulation
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.cloudfront.direct import Buckets
from labsim.services.cloudfront.edges import Edges
from labsim.services.cloudfront.origin import Content, Fault, Origin
from labsim.services.common import regions as world

WIDER = 10          # times the room of an edge that a regional cache has; an assumption


def simulate(p: CloudfrontCacheParams, sim: Simulation) -> Run:
    """Viewers ask edges or buckets; the site changes; the origin may be away."""
    viewers = Viewers.draw(p, sim)
    content = Content(sizes(p, sim), versioned=p.by_edges and p.update == "versioned")
    origin = Origin(p.origin_time, p.workers if p.origin == "server" else 0, fault(p),
                    attempts=p.connect_attempts, connect=p.connect_timeout,
                    response=p.fact("cf.response_timeout_s"),
                    group=p.origin_group and p.by_edges)
    caches = (edges if p.by_edges else buckets)(p, sim, viewers, content, origin)
    if p.change_every:
        sim.process(releases(p, sim, content, caches))
    if p.outage != "none":
        sim.process(outage(p, sim))
    sim.run()
    return report(p, sim, viewers, content, origin, caches)


def sizes(p: CloudfrontCacheParams, sim: Simulation) -> list[float]:
    """Bytes of each object, lognormal."""
    spread = np.log1p(p.size_cv**2)
    normal = sim.stream("sizes").standard_normal(p.objects)
    return (p.size_mean * np.exp(np.sqrt(spread) * normal - spread / 2)).tolist()


def fault(p: CloudfrontCacheParams) -> Fault:
    """When and how the first origin is away."""
    lasts = 0.0 if p.outage == "none" else p.outage_duration
    return Fault(p.outage, p.outage_start, p.outage_start + lasts)


def edges(p: CloudfrontCacheParams, sim: Simulation, viewers: Viewers, content: Content,
          origin: Origin) -> Edges:
    """CloudFront, as many edges in each region."""
    let_in, fresh = viewers.admitted, p.ttl()
    return Edges(
        sim, viewers.times[let_in], viewers.objects[let_in], viewers.edge[let_in],
        [here for here in range(len(world.REGIONS)) for _ in range(p.edges)], content, origin,
        room=p.edge_size, regional_room=WIDER * p.edge_size if p.regional else None,
        ttl=p.ttl if p.header == "expires" else lambda now: fresh,
        stale=cloudfront.stale_allowed(p.stale_if_error, p.max_ttl), error_ttl=p.error_ttl,
        home=world.US, second=world.EUROPE,
        function=p.function_time if p.trigger == cloudfront.ORIGIN else 0.0)


def buckets(p: CloudfrontCacheParams, sim: Simulation, viewers: Viewers, content: Content,
            origin: Origin) -> Buckets:
    """No CloudFront: the origin, or copies of it."""
    return Buckets(sim, viewers.times, viewers.objects, viewers.served, content, origin,
                   p.replication_lag)


def releases(p: CloudfrontCacheParams, sim: Simulation, content: Content, caches):
    """Every so often some objects change; perhaps their old copies are invalidated."""
    random, number = sim.stream("releases"), 0
    while True:
        number += 1
        yield sim.until(number * p.change_every, Order.CAPACITY)
        caches.advance(sim.now)
        changed = np.flatnonzero(random.random(p.objects) < p.change_share).tolist()
        content.change(changed, sim.now)
        caches.changed(changed, sim.now)
        sim.log("release", f"{len(changed):,} objects changed")
        if p.by_edges and p.update in ("invalidate", "wildcard"):
            sim.process(invalidation(p, sim, changed if p.update == "invalidate" else None, caches))


def invalidation(p: CloudfrontCacheParams, sim: Simulation, names: list[int] | None, caches):
    """It takes its time, and then nobody has those names any more."""
    yield sim.until(sim.now + p.invalidation_time, Order.CAPACITY)
    caches.advance(sim.now)
    caches.invalidate(names)
    sim.log("invalidation", "all caches are empty" if names is None else
            f"{len(names):,} paths are dropped everywhere")


def outage(p: CloudfrontCacheParams, sim: Simulation):
    """Tell when the origin goes and comes back; the origin itself knows."""
    yield sim.until(p.outage_start, Order.CAPACITY)
    sim.log("outage", "the origin doesn't answer" if p.outage == "unreachable" else
            "the origin answers 503")
    yield sim.until(p.outage_start + p.outage_duration, Order.CAPACITY)
    sim.log("back", "the origin is back")


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
