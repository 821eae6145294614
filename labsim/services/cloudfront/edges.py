"""CloudFront's caches on the way from a viewer to the origin: edges, and one more per region.

Picture corner shops, a warehouse in each part of the world, and one factory. A shop has what its
own street has asked for lately. What it lacks it gets from the warehouse, which knows all streets;
only what that lacks, too, comes from the factory.

*Models:* an LRU cache with room for so many bytes per edge and per regional cache; freshness that
counts from the origin's answer, in both; 304 for a copy that is expired and still right;
simultaneous misses that share a fetch; an expired copy or an error when origins fail, and the
error's own TTL; invalidation.
*Leaves out:* memory and disk of an edge, copies that travel between edges, Origin Shield, parts of
objects, the bytes' own time.

Data plane: request-level, request by request in the viewers' order, since what an edge has depends
on each of them. What is looked up is the caches as they are when the viewer asks; ways only add to
the time of the answer.
"""

from collections.abc import Callable

import numpy as np

from labsim.engine import LruCache, Simulation
from labsim.services.cloudfront.origin import FAILED, PRIMARY, Content, Origin
from labsim.services.common import regions as world

HIT, REGIONAL, FROM_ORIGIN, FROM_SECOND, EXPIRED, ERROR, REFUSED = range(7)
AT_ONCE = 4_096     # requests between two looks at whether the run was cancelled


class Edges:
    """Edges that serve viewers' requests; `advance(t)` serves those up to `t`.

    times (s, sorted), objects, edges: a request each. region: of each edge. room, regional_room:
    bytes of an edge, of a regional cache (None: there is none). ttl: how long an answer of the
    origin that comes at t s is fresh, s. stale: how long past that it may stand in for an error, s.
    function: time that a function at the origin's trigger takes, s.
    """

    def __init__(self, sim: Simulation, times: np.ndarray, objects: np.ndarray, edges: np.ndarray,
                 region: list[int], content: Content, origin: Origin, *, room: float,
                 regional_room: float | None, ttl: Callable[[float], float], stale: float,
                 error_ttl: float, home: int, second: int, function: float = 0.0):
        self.sim, self.content, self.origin, self.region = sim, content, origin, region
        self.times, self._rows = times, zip(times.tolist(), objects.tolist(), edges.tolist())
        self.caches = [LruCache(room) for _ in region]
        self.regional = None if regional_room is None else [
            LruCache(regional_room) for _ in world.REGIONS]
        self.ttl, self.stale, self.error_ttl = ttl, stale, error_ttl
        self.hops = [world.ROUND_TRIP[here][here] for here in range(len(world.REGIONS))]
        self.ways = [(function + world.ROUND_TRIP[here][home],
                      function + world.ROUND_TRIP[here][second])
                     for here in range(len(world.REGIONS))]
        self.failing: dict = {}     # (cache, name): answered when, forgotten when, both s
        self.done = self.paths = 0  # requests served, invalidation paths submitted so far
        # Of the requests that were more than a hit of a copy that is there and right:
        self.noted: list[tuple[int, int, float]] = []   # which, how it went, how long it took (s)
        self.shared: list[int] = []
        self.old: list[int] = []
        self.old_for: list[float] = []      # how long there had been a newer version, s
        self.unchanged: list[int] = []      # the origin's answer was 304
        sim.on_advance(self.advance)

    def advance(self, until: float) -> None:
        """Serve all requests that came up to and including `until` s."""
        last = int(self.times.searchsorted(until, side="right"))
        get = [cache.get for cache in self.caches]
        names, version, miss = self.content.name, self.content.version, self._miss
        for i, (now, one, edge) in zip(range(self.done, last), self._rows):
            if not i % AT_ONCE:
                self.sim.check()
            name = names[one]
            copy = get[edge](name, now)
            if copy is None or copy[1] <= now:
                miss(i, now, one, name, edge, copy)
            elif copy[0] > now:             # on its way already
                self.noted.append((i, HIT, copy[0] - now))
                self.shared.append(i)
                self._look(i, now, one, copy)
            elif copy[2] != version[one]:
                self._look(i, now, one, copy)
        self.done = max(self.done, last)

    def _look(self, i: int, now: float, one: int, copy: tuple) -> None:
        """Whether a newer version than this copy's is out."""
        if copy[2] != self.content.version[one]:
            self.old.append(i)
            self.old_for.append(now - self.content.changed[one])

    def _miss(self, i: int, now: float, one: int, name: int, edge: int,
              copy: tuple | None) -> None:
        """Nothing that is fresh at the edge. A copy is (there when, fresh until, version)."""
        here, wait, place = self.region[edge], 0.0, edge
        size, version = self.content.sizes[one], self.content.version[one]
        if self.regional:
            wait, place = self.hops[here], len(self.region) + here
            larger = self.regional[here].get(name, now)
            if larger is not None and now < larger[1]:
                there = max(now, larger[0]) + wait
                larger = (there, larger[1], larger[2])
                self.caches[edge].put(name, larger, size=size)
                self.noted.append((i, REGIONAL, there - now))
                return self._look(i, now, one, larger)
            if larger is not None and (copy is None or larger[1] > copy[1]):
                copy = larger
        if self.failing:        # place: who would ask the origin
            there, until = self.failing.get((place, name), (0.0, 0.0))
            if now < until:
                return self._fail(i, now, one, copy, max(there, now))
        there, who = self.origin.ask(now + wait, *self.ways[here])
        if who == FAILED:
            self.failing[place, name] = (there, there + self.error_ttl)
            return self._fail(i, now, one, copy, there)
        if copy is not None and copy[2] == version:
            self.unchanged.append(i)
        self.noted.append((i, FROM_ORIGIN if who == PRIMARY else FROM_SECOND, there - now))
        fresh = self.ttl(there)
        if fresh > 0:
            copy = (there, there + fresh, version)
            self.caches[edge].put(name, copy, size=size)
            if self.regional:
                self.regional[here].put(name, copy, size=size)

    def _fail(self, i: int, now: float, one: int, copy: tuple | None, there: float) -> None:
        """No origin has answered until `there` s: a copy that is not too old, or an error."""
        if copy is not None and there - copy[1] < self.stale:
            self.noted.append((i, EXPIRED, there - now))
            self._look(i, now, one, copy)
        else:
            self.noted.append((i, ERROR, there - now))

    def changed(self, objects: list[int], now: float) -> None:
        """The site has changed; nobody tells the caches."""

    def invalidate(self, names: list[int] | None) -> None:
        """Drop these everywhere, a path for each; None: all there are, by a wildcard."""
        self.paths += 1 if names is None else len(names)
        for cache in (*self.caches, *(self.regional or ())):
            if names is None:
                cache.clear()
            else:
                for name in names:
                    cache.drop(name)

    @property
    def evictions(self) -> int:
        """Copies that edges have thrown out for want of room."""
        return sum(cache.evictions for cache in self.caches)
