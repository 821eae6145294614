"""Viewers who ask buckets, without CloudFront: one for the world, or a copy in each region.

Picture a publisher with one library, or with branches in every part of the world. A branch is near;
what it has is as new as the last van.

*Models:* one origin for all; copies that get each change after a lag of their own (exponential); an
outage of the home region, which the others don't notice.
*Leaves out:* DNS that sends viewers elsewhere when a region is away, limits of a bucket's rate.

Data plane: counted, tick by tick, or request-level, as a distribution's, with the same books. A
few hundred requests in a tick come to a server one by one, more as a fluid.
"""

from collections.abc import Callable

import numpy as np

from labsim.engine import Simulation
from labsim.services.cloudfront import bill
from labsim.services.cloudfront.delivery import AT_ONCE, Delivery, within
from labsim.services.cloudfront.ledger import FETCHED, SENT, UNSERVED, Ledger
from labsim.services.cloudfront.origin import FAILED, GRAINS, SINGLY, Origin
from labsim.services.cloudfront.site import Site
from labsim.services.cloudfront.tally import ERROR, FROM_ORIGIN, REGIONS
from labsim.services.common import regions as world


class Buckets(Delivery):
    """The origin alone, or with a copy in each other region (`replicated`), in which a change is
    after `lag` s in the mean."""

    def __init__(self, sim: Simulation, name: str, site: Site, origin: Origin, *,
                 replicated: bool = False, lag: float = 60.0, random: Callable | None = None):
        within(lag=(lag, 0, float("inf")))
        regions = list(range(len(world.REGIONS)))
        super().__init__(sim, name, site, origin, places=1, random=random,
                         serving=regions if replicated else [origin.region for _ in regions])
        self.replicated, self.lag = replicated, lag
        self.arrives = np.full((len(regions), site.objects), -np.inf)   # the last change; s
        self._copies = sorted({*self.serving} - {origin.region})
        self._lags = self.random("replication")

    def serve(self, first: int, times: list[float], objects: np.ndarray,
              edges: list[int]) -> None:
        """Answer these requests, the first of which has number `first`."""
        ask, service, arrives = self.origin.ask, self.origin.usual, self.arrives
        home, asked, changed = self.origin.region, self.asked, self.site.changed
        for i, (now, one, region) in enumerate(zip(times, objects.tolist(), edges), first):
            if not i % AT_ONCE:
                self.sim.check()
            asked.append(now)
            if region != home:
                self.noted.append((i, FROM_ORIGIN, service))
                if arrives[region, one] > now:
                    self.old.append(i)
                    self.old_for.append(now - changed[one])
            else:
                there, who = ask(now, 0.0, 0.0)
                self.noted.append((i, ERROR if who == FAILED else FROM_ORIGIN, there - now))

    def counted(self, viewers) -> "Callers":
        """Each bucket's requests are counted."""
        return Callers(self, viewers)

    def released(self, objects: np.ndarray) -> None:
        """The site has changed these: each copy gets it after a lag of its own."""
        if self.lag:
            for region in self._copies:
                lags = self._lags.exponential(self.lag, len(objects))
                self.arrives[region, objects] = self.sim.now + lags

    def bill(self, months: float) -> dict[str, float]:
        """{line: USD} for a month of so many runs like this one."""
        gb, _ = self.books.sent(months)
        return {"data out": sum(bill.bucket_out(*there) for there in gb.items()),
                **bill.stored(self.site, len(self._copies)),
                "origin requests": float(self.books.fetched) * months * bill.GET}


class Callers(Ledger):
    """Viewers of `Buckets`."""

    def window(self, begin: float, end: float, tick: int, rates: np.ndarray) -> None:
        """Each bucket answers its own viewers."""
        part, sample, length = self.part, self.part.site.sample, end - begin
        share = sample.share * sample.stands
        size = float((share * sample.size).sum())
        came = np.bincount(self.serving, rates, REGIONS) * length
        for here in np.flatnonzero(came):
            if here == part.origin.region and (part.origin.workers or part.origin.outages):
                self._at_home(begin, end, tick, here, came[here], size)
                continue
            service = part.origin.service if here == part.origin.region else part.origin.usual
            self._answered(tick, here, np.array([service]), came[here:here + 1], size)
            if here == part.origin.region:
                continue
            arrives = part.arrives[here, sample.one]
            late = arrives > begin
            if tick >= 0 and late.any():
                until = np.minimum(arrives[late], end)
                n = came[here] * share[late] * (until - begin) / length
                self.count(tick, FROM_ORIGIN, here, np.array([-n.sum(), n.sum()]),
                           np.array([False, True]))
                ages = until - part.site.changed[sample.one[late]]
                self.oldest = max(self.oldest, ages[n > 0.5].max(initial=0.0))

    def _at_home(self, begin, end, tick, here, many, size) -> None:
        """The origin itself: a server may be full, and it may be away."""
        if many <= SINGLY:
            t = np.sort(self.random.random(self.random.poisson(many)))
            n = np.ones(len(t))
        else:
            t, n = (np.arange(GRAINS) + 0.5) / GRAINS, np.full(GRAINS, many / GRAINS)
        t = begin + (end - begin) * t
        nothing = np.zeros(len(t))
        there, who = self.part.origin.answers(t, nothing, nothing)
        wait, lost = there - t, who == FAILED
        asked = np.flatnonzero(~lost)
        more, taken = self.part.origin.queue(t[asked], n[asked], end, self.random)
        wait[asked] += more
        wait[asked[~taken]], lost[asked[~taken]] = self.part.origin.response, True
        self._answered(tick, here, wait[~lost], n[~lost], size)
        self.count(tick, ERROR, here, n[lost])
        region = np.full(lost.sum(), here)
        self.extra(tick, UNSERVED, region, n[lost])
        self.wait(tick, wait[lost], n[lost], region, np.ones(len(region), dtype=bool))

    def _answered(self, tick, here, wait, n, size) -> None:
        region = np.full(len(n), here)
        self.count(tick, FROM_ORIGIN, region, n)
        self.wait(tick, wait, n, region)
        for what in (SENT, FETCHED):
            self.extra(tick, what, region, n * size)
