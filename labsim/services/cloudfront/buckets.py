"""Viewers who ask buckets, without CloudFront: one for the world, or a copy in each region.

Picture a publisher with one library, or with branches in every part of the world. A branch is near;
what it has is as new as the last van.

*Models:* one origin for all; copies that get each change after a lag of their own (exponential); an
outage of the home region, which the others don't notice.
*Leaves out:* DNS that sends viewers elsewhere when a region is away, limits of a bucket's rate.

Data plane: request-level, with the same books as a distribution's.
"""

from collections.abc import Callable

from labsim.engine import Simulation
from labsim.services.cloudfront import bill
from labsim.services.cloudfront.books import ERROR, FROM_ORIGIN
from labsim.services.cloudfront.delivery import AT_ONCE, Delivery, within
from labsim.services.cloudfront.origin import FAILED, Origin
from labsim.services.cloudfront.site import Site
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
        self.arrives: dict[tuple[int, int], float] = {}     # region, object: when, s
        self._copies = sorted({*self.serving} - {origin.region})
        self._lags = self.random("replication")

    def serve(self, first: int, times: list[float], objects: list[int], edges: list[int]) -> None:
        """Answer these requests, the first of which has number `first`."""
        ask, service, arrives = self.origin.ask, self.origin.service, self.arrives
        home, asked, changed = self.origin.region, self.asked, self.site.changed
        for i, (now, one, region) in enumerate(zip(times, objects, edges), first):
            if not i % AT_ONCE:
                self.sim.check()
            asked.append(now)
            if region != home:
                self.noted.append((i, FROM_ORIGIN, service))
                if arrives and arrives.get((region, one), now) > now:
                    self.old.append(i)
                    self.old_for.append(now - changed[one])
            else:
                there, who = ask(now, 0.0, 0.0)
                self.noted.append((i, ERROR if who == FAILED else FROM_ORIGIN, there - now))

    def released(self, objects: list[int]) -> None:
        """The site has changed these: each copy gets it after a lag of its own."""
        if self.lag:
            for region in self._copies:
                lags = self._lags.exponential(self.lag, len(objects))
                self.arrives.update(zip(((region, one) for one in objects),
                                        (self.sim.now + lags).tolist()))

    def bill(self, months: float) -> dict[str, float]:
        """{line: USD} for a month of so many runs like this one."""
        gb, _ = self.books.sent(months)
        return {"data out": sum(bill.bucket_out(*there) for there in gb.items()),
                **bill.stored(self.site, len(self._copies)),
                "origin requests": float(self.books.fetched.sum()) * months * bill.GET}
