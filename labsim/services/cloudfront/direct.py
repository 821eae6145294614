"""Viewers who ask buckets, without CloudFront: one for the world, or a copy in each region.

Picture a publisher with one library, or with branches in every part of the world. A branch is near;
what it has is as new as the last van.

*Models:* one origin for all; copies that get each change after a lag of their own; an outage of the
home region, which the others don't notice.
*Leaves out:* DNS that sends viewers elsewhere when a region is away, limits of a bucket's rate.

Data plane: request-level, with the same books as `cloudfront_edges`, so that one report reads both.
"""

import numpy as np

from labsim.engine import Simulation
from labsim.services.cloudfront.edges import AT_ONCE, ERROR, FROM_ORIGIN
from labsim.services.cloudfront.origin import FAILED, Content, Origin


class Buckets:
    """Buckets that serve requests (times in s, sorted; objects; the region that serves each).

    Those of region 0 are served by `origin`. lag: mean time until a change is in another region's
    bucket, s.
    """

    evictions = paths = 0

    def __init__(self, sim: Simulation, times: np.ndarray, objects: np.ndarray, served: np.ndarray,
                 content: Content, origin: Origin, lag: float = 0.0):
        self.sim = sim
        self.times, self.content, self.origin, self.lag = times, content, origin, lag
        self._rows = zip(times.tolist(), objects.tolist(), served.tolist())
        self._random, self.done = sim.stream("replication"), 0
        self.arrives: dict[tuple[int, int], float] = {}     # region, object: when, s
        self.regions = sorted({*served.tolist()} - {0})
        self.noted: list[tuple[int, int, float]] = []
        self.shared: list[int] = []
        self.unchanged: list[int] = []
        self.old: list[int] = []
        self.old_for: list[float] = []
        sim.on_advance(self.advance)

    def advance(self, until: float) -> None:
        """Serve all requests that came up to and including `until` s."""
        last = int(self.times.searchsorted(until, side="right"))
        ask, service, arrives = self.origin.ask, self.origin.service, self.arrives
        for i in range(self.done, last):
            if not i % AT_ONCE:
                self.sim.check()
            now, one, region = next(self._rows)
            if region:
                self.noted.append((i, FROM_ORIGIN, service))
                if arrives and arrives.get((region, one), now) > now:
                    self.old.append(i)
                    self.old_for.append(now - self.content.changed[one])
            else:
                there, who = ask(now, 0.0, 0.0)
                self.noted.append((i, ERROR if who == FAILED else FROM_ORIGIN, there - now))
        self.done = max(self.done, last)

    def changed(self, objects: list[int], now: float) -> None:
        """These have changed: each copy gets it after a lag of its own."""
        if self.lag:
            for region in self.regions:
                lags = self._random.exponential(self.lag, len(objects))
                self.arrives.update(zip(((region, one) for one in objects), (now + lags).tolist()))
