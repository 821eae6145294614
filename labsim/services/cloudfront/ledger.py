"""The viewers of a delivery as a crowd, and the ledger in which its fate is added up.

Picture a counter at the shop's door, and one at each shelf: who the people are nobody knows, only
how many came in this quarter of an hour and how many left with what.

*Models:* windows of time, within which all rates are steady: no longer than a tick, cut where
something changes; how many requests to expect in each; what became of them, in shares; whole
numbers at the end, that add up to a Poisson number of all, or to a file's. *Leaves out:* who is
who; that a file's periods within a tick differ.

Data plane: counted.
"""

import numpy as np

from labsim.services.cloudfront.returns import Returns
from labsim.services.cloudfront.tally import (
    ERROR,
    FROM_ORIGIN,
    FROM_SECOND,
    HIT,
    KINDS,
    REFUSED,
    REGIONAL,
    REGIONS,
    SHIELD,
    Tally,
    ratio,
    whole,
)
from labsim.services.common import regions as world

WARMING = 48        # windows of a warm-up, at most
EXTRAS = (SENT, FETCHED, UNCHANGED, SHARED, SHIELDED, UNSERVED, LATE) = range(7)


class Ledger:
    """What became of the viewers of a `Delivery`; a subclass says what does, in `window`.

    sums[kind, tick, region of who serves], old likewise; extras: bytes sent to viewers and by
    origins, requests that were 304, that waited for others' fetch, that passed Origin Shield, that
    asked an origin in vain, and seconds that they waited for the first byte beyond the viewers'
    round trips.
    """

    def __init__(self, delivery, viewers):
        self.part, self.viewers = delivery, viewers
        self.t = delivery.record.t
        self.at, self.evictions, self.oldest = -viewers.warm_up, 0.0, 0.0
        self.serving = np.array(delivery.serving)
        self.random = delivery.random("crowd")
        self.expected = viewers.expected(self.t)        # (ticks, regions of viewers)
        life, late = delivery.url_lifetime, delivery.click_delay
        self.let_in = -np.expm1(-life / late) if life else 1.0
        shape = len(self.t) - 1, REGIONS
        self.sums, self.old = np.zeros((2, len(KINDS), *shape))
        self.extras = np.zeros((len(EXTRAS), *shape))
        self.parts = 1                      # of a tick, in which it is looked at
        self.rows: list[tuple] = []         # waits, how many, region of who serves
        self.returns = Returns(self, viewers.retry) if viewers.retry else None

    # -- windows -----------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """What became of all who came up to `now` s."""
        warming = max(self.t[1], self.viewers.warm_up / WARMING)
        while self.at < now:
            begin = self.at
            if begin < 0:
                tick, end = -1, min(begin + warming, 0.0)
                rates = self.viewers.expected(np.array([begin, end]))[0] / (end - begin)
            else:
                tick = min(int(self.t.searchsorted(begin, side="right")), len(self.t) - 1) - 1
                end = self.t[tick + 1]
                rates = self.expected[tick] / (end - self.t[tick])
            for change in self.changes():
                if begin < change < end:
                    end = change
            whole_one = warming if begin < 0 else self.t[1]
            end = min(end, now, begin + whole_one / self.parts)
            self.part.sim.check()
            if self.returns and begin >= 0:
                self.at = self.returns.window(begin, end, tick, rates * self.let_in)
                continue
            self.ask(begin, end, tick, rates * self.let_in)
            self.at = float(end)

    def ask(self, begin: float, end: float, tick: int, rates: np.ndarray) -> None:
        """Requests at these rates, of which some come to a region whose edges are down."""
        gone = self.part.gone[self.serving]
        if gone.any():
            self.count(tick, ERROR, self.serving[gone], rates[gone] * (end - begin))
            rates = np.where(gone, 0.0, rates)
        self.window(begin, end, tick, rates)

    def stirred(self) -> None:
        """Something has changed: whoever comes back is looked at closely."""
        if self.returns:
            self.returns.crowd.changed(self.part.sim.now)

    def changes(self) -> list[float]:
        """When rates change within a tick, s."""
        return [t for one in self.part.origin.outages for t in (one.start, one.end)]

    def window(self, begin: float, end: float, tick: int, rates: np.ndarray) -> None:
        """Requests come at these rates, per second and region of viewers, from `begin` to `end` s,
        in a tick that is -1 in the warm-up."""
        raise NotImplementedError

    # -- writing -----------------------------------------------------------------------------

    def count(self, tick: int, kind, region, n, old=False) -> None:
        """`n` requests went like this; arrays, or one for all."""
        if tick < 0:
            return
        kind, region, n, old = np.broadcast_arrays(kind, region, n, old)
        cell = ((old.ravel() * len(KINDS)) + kind.ravel()) * REGIONS + region.ravel()
        sums = np.bincount(cell, n.ravel(), 2 * len(KINDS) * REGIONS).reshape(2, -1, REGIONS)
        self.sums[:, tick] += sums[0] + sums[1]
        self.old[:, tick] += sums[1]

    def extra(self, tick: int, what: int, region: np.ndarray, n: np.ndarray) -> None:
        """So much more of an extra, row by row."""
        if tick >= 0:
            self.extras[what, tick] += np.bincount(region, n, REGIONS)

    def wait(self, tick: int, waits: np.ndarray, n: np.ndarray, region: np.ndarray,
             lost: np.ndarray | None = None) -> None:
        """`n` requests waited so long, s, beyond the viewers' round trips, row by row; those `lost`
        for an error."""
        if tick >= 0:
            if self.returns:
                self.returns.waited(waits, n, region, lost)
            self.rows.append((waits, n, region))
            self.extras[LATE, tick] += np.bincount(region, waits * n, REGIONS)

    # -- at the end --------------------------------------------------------------------------

    def tally(self) -> Tally:
        """In whole numbers. Hits and refusals are Poisson, and so are all together; where it is
        known how many came they are as expected."""
        rng, part, came = self.random, self.part, self.viewers.totals()
        poisson = rng.poisson if came is None else np.array
        together = np.zeros_like(self.expected)
        for here in range(REGIONS):
            together[:, self.serving == here] = self.expected[:, self.serving == here].sum(
                axis=1, keepdims=True)
        mine = ratio(self.expected, together)       # of what their region serves
        new, old, extras = (x[..., self.serving] * mine for x in (
            np.maximum(self.sums - self.old, 0.0), self.old, self.extras))
        new[HIT], old[HIT] = poisson(new[HIT]), poisson(old[HIT])
        new[REFUSED] = poisson(self.expected * (1.0 - self.let_in))
        if came is None:
            came = np.array([self.viewers.random(f"viewers {region}").poisson(many) for region,
                             many in zip(world.REGIONS, self.expected.sum(axis=0))])
        if self.returns:
            offered = whole(self.expected * ratio(came, self.expected.sum(axis=0)))
            came = came + self.returns.more(came)
        counted = (new + old).sum(axis=(0, 1))
        scale = ratio(came, counted)
        both = np.stack([new, old]) * scale
        both = whole(both.transpose(3, 2, 0, 1)).transpose(2, 3, 1, 0)
        extras = extras * scale
        count = both.sum(axis=0)
        let_in = count[:REFUSED].sum(axis=0)
        trip = part.trips()[np.arange(REGIONS), self.serving]
        near = world.first_byte(trip, part.viewer_time)
        fetched = count[[FROM_ORIGIN, FROM_SECOND]].sum(axis=0)
        asked = fetched.sum(axis=1) + whole(extras[UNSERVED].sum(axis=1))
        sent = extras[SENT].sum(axis=0)
        return Tally(
            count=count, old=both[1].sum(axis=0), late=extras[LATE] + let_in * near,
            latency=self._latencies(count, extras[SHARED], mine, scale, near), asked=asked,
            shared=min(round(extras[SHARED].sum()), int(count[HIT].sum())),
            unchanged=min(round(extras[UNCHANGED].sum()), int(fetched.sum())),
            shielded=round(extras[SHIELDED].sum()), oldest=self.oldest,
            sent=sent, origin_bytes=float(min(extras[FETCHED].sum(), sent.sum())),
            edges=self._by_edge(count[HIT], let_in), vain=extras[UNSERVED],
            fates=self.returns.fates(count, offered) if self.returns else None)

    def _latencies(self, count, shared, mine, scale, near) -> tuple:
        """Rows of times to the first byte, how many, and the viewers' region."""
        at_once = np.maximum(count[HIT].sum(axis=0) - shared.sum(axis=0), 0.0)
        rows = [(near, at_once), *(
            (near + self.hop(kind)[self.serving], count[kind].sum(axis=0))
            for kind in (REGIONAL, SHIELD))]
        values, n = (np.concatenate(column) for column in zip(*rows))
        regions = np.tile(np.arange(REGIONS), len(rows))
        if self.rows:
            waits, many, served = (np.concatenate(column) for column in zip(*self.rows))
            part = mine.mean(axis=0) * scale
            for here in range(REGIONS):
                which = served == self.serving[here]
                values = np.append(values, near[here] + waits[which])
                n = np.append(n, many[which] * part[here])
                regions = np.append(regions, np.full(which.sum(), here))
        return values, n, regions

    def hop(self, kind: int) -> np.ndarray:
        """How much longer a request takes that is answered like this, by region, s."""
        return np.zeros(REGIONS)

    def _by_edge(self, hit, came) -> tuple[np.ndarray, np.ndarray]:
        """Each edge's hits and requests: an even part of its region's, by chance."""
        hits, all_here = (np.stack([x[:, self.serving == here].sum(axis=1)
                                    for here in range(REGIONS)], axis=1) for x in (hit, came))
        places = self.part.places
        each = (all_here[..., None] + np.arange(places)) // places
        chance = ratio(hits, all_here)
        return self.random.binomial(each, chance[..., None]), each
