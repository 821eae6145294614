"""CloudFront's caches as plain SimPy processes, one per request: slow, and easy to believe.

Caches are dicts without limit of size. A fetch under way is an event that others wait for.
"""

import simpy

from labsim.services.common import regions as world


class PlainEdges:
    """The same world as `labsim.services.cloudfront.Distribution`, without room to run out of."""

    def __init__(self, requests, region, *, regional, ttl, service, workers, releases):
        self.env = simpy.Environment()
        self.region, self.ttl, self.service = region, ttl, service
        self.edges = [{} for _ in region]
        self.regional = [{} for _ in world.REGIONS] if regional else None
        self.bay = simpy.Resource(self.env, workers)
        self.version: dict[int, int] = {}
        self.kind, self.wait, self.old, self.unchanged = {}, {}, set(), set()
        for t, objects in releases:
            self.env.process(self._release(t, objects))
        for i, (t, one, edge) in enumerate(requests):
            self.env.process(self._request(i, t, one, edge))
        self.env.run()

    def _release(self, t, objects):
        yield self.env.timeout(t)
        for one in objects:
            self.version[one] = self.version.get(one, 0) + 1

    def _fresh(self, cache, one):
        """A copy that is fresh or under way: a fetch is an event until it is a copy."""
        copy = cache.get(one)
        return copy is not None and (not copy["there"].processed or self.env.now < copy["until"])

    def _end(self, i, kind, began, copy, now_version):
        self.kind[i], self.wait[i] = kind, self.env.now - began
        if copy["version"] != now_version:
            self.old.add(i)

    def _request(self, i, t, one, edge):
        yield self.env.timeout(t)
        env, here, now_version = self.env, self.region[edge], self.version.get(one, 0)
        cache, before = self.edges[edge], self.edges[edge].get(one)
        if self._fresh(cache, one):
            copy = cache[one]
            yield copy["there"]
            return self._end(i, "hit", t, copy, now_version)
        copy = {"there": env.event(), "version": now_version, "until": None}
        if self.regional:
            larger = self.regional[here].get(one)
            if self._fresh(self.regional[here], one):
                copy["version"] = larger["version"]
                cache[one] = copy
                yield larger["there"]
                yield env.timeout(world.ROUND_TRIP[here][here])
                copy["until"] = larger["until"]
                copy["there"].succeed()
                return self._end(i, "regional", t, copy, now_version)
            if larger and (before is None or larger["until"] > before["until"]):
                before = larger
        if before and before["version"] == now_version:
            self.unchanged.add(i)
        if self.ttl:
            cache[one] = copy
            if self.regional:
                self.regional[here][one] = copy
        if self.regional:
            yield env.timeout(world.ROUND_TRIP[here][here])
        with self.bay.request() as turn:
            yield turn
            yield env.timeout(self.service)
        yield env.timeout(world.ROUND_TRIP[here][world.US])
        copy["until"] = env.now + self.ttl
        copy["there"].succeed()
        self._end(i, "origin", t, copy, now_version)
