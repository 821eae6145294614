"""Amazon CloudFront, a distribution: edges, one more cache per region, rules for what is kept.

Picture corner shops, a warehouse in each part of the world, and one factory. A shop has what its
own street has asked for lately. What it lacks it gets from the warehouse, which knows all streets;
only what that lacks, too, comes from the factory.

*Models:* an LRU cache with room for so many bytes per edge and per regional cache; freshness that
counts from the origin's answer, in both; 304 for a copy that is expired and still right;
simultaneous misses that share a fetch; an expired copy or an error when origins fail, and the
error's own TTL; invalidation after a release; Origin Shield, one cache more that all others ask; a
cache key that tells several copies of an object apart, all asked for alike; a Lambda@Edge function;
price classes.
*Leaves out:* memory and disk of an edge, copies that travel between edges, parts of objects, the
bytes' own time.

Data plane: where viewers alone come, they are counted (`crowd`). What other parts send or get is
followed here request by request, in the viewers' order. What is looked up is the caches as they are
when the viewer asks; ways only add to the time of the answer.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.engine import LruCache, Order, Simulation
from labsim.errors import ParameterError, unknown
from labsim.services.cloudfront import bill, rules
from labsim.services.cloudfront.books import (
    ERROR,
    EXPIRED,
    FROM_ORIGIN,
    FROM_SECOND,
    HIT,
    REFUSED,
    REGIONAL,
    SHIELD,
)
from labsim.services.cloudfront.crowd import Crowd
from labsim.services.cloudfront.delivery import AT_ONCE, Delivery, within
from labsim.services.cloudfront.origin import FAILED, PRIMARY, Origin
from labsim.services.cloudfront.site import Site
from labsim.services.common import regions as world

WIDER = 10          # times the room of an edge that a regional cache has; an assumption
UPDATES = EXPIRE, INVALIDATE, WILDCARD = "expire", "invalidate", "wildcard"
NONE, INF = "none", float("inf")


class Distribution(Delivery):
    """`edges` in each region of the price class, in front of `origin`.

    edge_size: bytes of this site at an edge. shield: all regional caches (without them, edges) ask
    one near the origin. variants: how many copies of an object the cache key tells apart.
    cache_control: what the origin says of its answers;
    expires_at: the date of Expires, s; min_ttl, default_ttl, max_ttl: the behaviour's, s.
    stale_if_error, error_ttl: s. update: what is done after a release; invalidation_time: until
    all caches have dropped it, s. trigger: when a function runs that takes `function_time` s.
    url_lifetime: of signed URLs, s (0: not signed), clicked after `click_delay` s in the mean.
    free_tier: the account's free data and requests are this site's.
    """

    by_edges, wider = True, WIDER

    def __init__(self, sim: Simulation, name: str, site: Site, origin: Origin, *, edges: int = 4,
                 edge_size: float = 5e9, regional: bool = True, shield: bool = False,
                 variants: int = 1, price_class: str = "all",
                 cache_control: str = "", expires_at: float | None = None, min_ttl: float = 0.0,
                 default_ttl: float = rules.DEFAULT_TTL, max_ttl: float = rules.MAX_TTL,
                 stale_if_error: float = 0.0, error_ttl: float = factbook.value("cf.error_ttl_s"),
                 update: str = EXPIRE, invalidation_time: float = 60.0, trigger: str = NONE,
                 function_time: float = 0.02, url_lifetime: float = 0.0, click_delay: float = 100.0,
                 free_tier: bool = False, random: Callable | None = None):
        for what, word, words in (("update", update, UPDATES),
                                  ("price_class", price_class, rules.CLASSES),
                                  ("trigger", trigger, (NONE, rules.VIEWER, rules.ORIGIN))):
            if word not in words:
                raise unknown(what, word, words)
        within(max_ttl=(max_ttl, 0, INF), edges=(edges, 1, INF), variants=(variants, 1, INF),
               edge_size=(edge_size, 0, INF), min_ttl=(min_ttl, 0, max_ttl),
               default_ttl=(default_ttl, 0, INF), stale_if_error=(stale_if_error, 0, INF),
               error_ttl=(error_ttl, 0, INF), invalidation_time=(invalidation_time, 0, INF),
               function_time=(function_time, 0, INF), url_lifetime=(url_lifetime, 0, INF))
        if not click_delay > 0:
            raise ParameterError("click_delay", click_delay, "above 0 s")
        super().__init__(sim, name, site, origin, places=edges, random=random, serving=[
            rules.served_from(here, price_class) for here in range(len(world.REGIONS))])
        self.url_lifetime, self.click_delay, self.free_tier = url_lifetime, click_delay, free_tier
        self.edges, self.edge_size = edges, edge_size
        self.update, self.invalidation_time = update, invalidation_time
        self.trigger, self.function_time = trigger, function_time
        self.viewer_time = function_time if trigger == rules.VIEWER else 0.0
        self.expires_at = expires_at
        self._least, self._most = (     # that an answer is fresh, s
            rules.edge_ttl(cache_control, left, min_ttl, default_ttl, max_ttl)
            for left in ((None, None) if expires_at is None else (-INF, INF)))
        self.stale, self.error_ttl = rules.stale_allowed(stale_if_error, max_ttl), error_ttl
        regions = range(len(world.REGIONS))
        self.caches = [LruCache(edge_size) for _ in regions for _ in range(edges)]
        self.regional = [LruCache(WIDER * edge_size) for _ in regions] if regional else None
        self.shield = LruCache(WIDER * edge_size) if shield else None
        if regional and shield:     # it is the regional cache of its region
            self.regional[origin.region] = self.shield
        self.behind = [self._behind(here, origin.region) for here in regions]
        more = function_time if trigger == rules.ORIGIN else 0.0
        self.ways = [tuple(more + world.ROUND_TRIP[origin.region if shield else here][there]
                           for there in (origin.region, origin.second_region))
                     for here in regions]
        self.variants = variants
        self._keys = self.random("keys")
        self.failing: dict = {}     # (cache, name): answered when, forgotten when, both s

    def ttl(self, now: float) -> float:
        """How long an answer of the origin that comes `now` is fresh, s."""
        if self._least == self._most:
            return self._most
        return max(self._least, min(self.expires_at - now, self._most))

    def ttls(self, t: np.ndarray) -> np.ndarray:
        """As `ttl`, of many moments at once."""
        if self._least == self._most:
            return np.full(len(t), self._most)
        return np.clip(self.expires_at - t, self._least, self._most)

    def counted(self, viewers) -> Crowd:
        """Fetches are followed, what lies between is counted."""
        return Crowd(self, viewers)

    def _behind(self, here: int, home: int) -> list[tuple[LruCache, float, int, int]]:
        """The caches that the edges of a region ask one after the other: each with the round trip
        to it, s, its place and how a request is answered there."""
        caches, first = [], len(self.caches)
        if self.regional:
            caches.append((self.regional[here], world.ROUND_TRIP[here][here], first + here,
                           REGIONAL))
        if self.shield is not None and not (self.regional and here == home):
            caches.append((self.shield, world.ROUND_TRIP[here][home], first + home, SHIELD))
        return caches

    # -- requests ----------------------------------------------------------------------------

    def serve(self, first: int, times: list[float], objects: np.ndarray,
              edges: list[int]) -> None:
        """Answer these requests, the first of which has number `first`."""
        get = [cache.get for cache in self.caches]
        names = self.site.name_now[objects]
        if self.variants > 1:
            names = names * self.variants + self._keys.integers(self.variants, size=len(names))
        now_out = self.site.version[objects].tolist()
        miss = self._miss
        for i, (now, one, name, version, edge) in enumerate(
                zip(times, objects.tolist(), names.tolist(), now_out, edges), first):
            if not i % AT_ONCE:
                self.sim.check()
            copy = get[edge](name, now)
            if copy is None or copy[1] <= now:
                miss(i, now, one, name, edge, copy)
            elif copy[0] > now:             # on its way already
                self.noted.append((i, HIT, copy[0] - now))
                self.shared.append(i)
                self.look(i, now, one, copy[2])
            elif copy[2] != version:
                self.look(i, now, one, copy[2])

    def _miss(self, i: int, now: float, one: int, name: int, edge: int,
              copy: tuple | None) -> None:
        """Nothing that is fresh at the edge. A copy is (there when, fresh until, version)."""
        here, wait, place = edge // self.places, 0.0, edge
        size, version = self.site.sizes[one], self.site.version[one]
        nearer = [self.caches[edge]]        # they keep what comes
        for cache, hop, at, kind in self.behind[here]:
            wait, place = wait + hop, at
            if kind == SHIELD and now >= 0:
                self.shielded += 1
            larger = cache.get(name, now)
            if larger is not None and now < larger[1]:
                there = max(now, larger[0]) + wait
                for smaller in nearer:
                    smaller.put(name, (there, larger[1], larger[2]), size=size)
                self.noted.append((i, kind, there - now))
                return self.look(i, now, one, larger[2])
            if larger is not None and (copy is None or larger[1] > copy[1]):
                copy = larger
            nearer.append(cache)
        if self.failing:        # place: who would ask the origin
            there, until = self.failing.get((place, name), (0.0, 0.0))
            if now < until:
                return self._fail(i, now, one, copy, max(there, now))
        self.asked.append(now + wait)
        there, who = self.origin.ask(now + wait, *self.ways[here])
        if who == FAILED:
            self.failing[place, name] = (there, there + self.error_ttl)
            return self._fail(i, now, one, copy, there)
        if copy is not None and copy[2] == version:
            self.unchanged.append(i)
        self.noted.append((i, FROM_ORIGIN if who == PRIMARY else FROM_SECOND, there - now))
        fresh = self.ttl(there)
        if fresh > 0:
            for cache in nearer:
                cache.put(name, (there, there + fresh, version), size=size)

    def _fail(self, i: int, now: float, one: int, copy: tuple | None, there: float) -> None:
        """No origin has answered until `there` s: a copy that is not too old, or an error."""
        if copy is not None and there - copy[1] < self.stale:
            self.noted.append((i, EXPIRED, there - now))
            self.look(i, now, one, copy[2])
        else:
            self.noted.append((i, ERROR, there - now))

    # -- releases ----------------------------------------------------------------------------

    def released(self, objects: np.ndarray) -> None:
        """The site has changed these; nobody tells the caches, unless they are invalidated."""
        if self.crowd:
            self.crowd.changed(objects)
        if self.update != EXPIRE:
            self.sim.process(self._invalidation(objects if self.update == INVALIDATE else None))

    def _invalidation(self, names: np.ndarray | None):
        """It takes its time, and then nobody has those names any more."""
        yield self.sim.until(self.sim.now + self.invalidation_time, Order.CAPACITY)
        self.advance(self.sim.now)
        self.invalidate(names)
        self.log("invalidation", "all caches are empty" if names is None else
                 f"{len(names):,} paths are dropped everywhere")

    def invalidate(self, names: np.ndarray | None) -> None:
        """Drop these everywhere, a path for each; None: all there are, by a wildcard."""
        self.paths += 1 if names is None else len(names)
        if self.crowd:
            return self.crowd.drop(names)
        for cache in (*self.caches, *(self.regional or ()), *(
                () if self.shield is None else (self.shield,))):
            if names is None:
                cache.clear()
            else:
                for name in names:
                    for key in range(name * self.variants, (name + 1) * self.variants):
                        cache.drop(key)

    # -- at the end of the run -------------------------------------------------------------

    @property
    def evictions(self) -> float:
        """Copies that edges have thrown out for want of room."""
        return self.crowd.evictions if self.crowd else sum(
            cache.evictions for cache in self.caches)

    @cached_property
    def invocations(self) -> int:
        """How often the function has run."""
        if self.trigger == NONE:
            return 0
        kinds = self.books.kinds
        return rules.invocations(self.trigger, int(kinds.sum() - kinds[REFUSED]),
                                 int(self.books.asked.sum()), int(kinds[FROM_SECOND]))

    def bill(self, months: float) -> dict[str, float]:
        """{line: USD} for a month of so many runs like this one."""
        return {**bill.month(*self.books.sent(months), self.free_tier),
                **bill.stored(self.site, 0),
                "origin requests": float(self.books.fetched) * months * bill.GET,
                "origin shield": bill.shielded(
                    world.REGIONS[self.origin.region], self.books.shielded * months),
                "invalidation": rules.invalidation_cost(round(self.paths * months)),
                "functions": bill.functions(self.invocations * months, self.function_time)}
