"""Edges and the caches behind them at real size: fetches are followed, what lies between is counted.

Picture a chain of shops in which nobody watches the customers. Only who finds the shelf empty rings
a bell; what the others took is known from how long the shelf was full and how many people pass.

*Models:* of each object (or class of objects that one stands for) and each cache that asks the
origin itself, the renewals: a fetch, then fresh for the TTL, then a gap until the next request
(exponential, viewers being Poisson). All copies behind that cache expire together, for freshness
counts from the origin's answer; edges fill up meanwhile one after the other, in the mean. Room: a
copy that is not the most recent is lost at the rate that Che's approximation gives (hits, loss and
filling are expected values). Cells that renew more than `FAST` times in a window are counted there
by renewal theory. All objects are followed up to `FOLLOWED`, all edges up to `PLACES` of a region.
*Leaves out:* where a cache lost what its edges still have (they lose it with it); who waits at a
second edge for a fetch under way.

Data plane: counted. Tests hold it against `distribution`, which follows each request.
"""

import numpy as np

from labsim.services.cloudfront.ledger import (
    FETCHED,
    SENT,
    SHARED,
    SHIELDED,
    UNCHANGED,
    UNSERVED,
    Ledger,
)
from labsim.services.cloudfront.origin import FAILED
from labsim.services.cloudfront.tally import (
    ERROR,
    EXPIRED,
    FROM_ORIGIN,
    FROM_SECOND,
    HIT,
    REGIONAL,
    REGIONS,
    SHIELD,
)
from labsim.services.common import regions as world

FAST = 4.0          # renewals in a window from which on they are counted
PLACES = 4          # edges of a region that stand for all
HALVES = 0.25, 0.75     # of a time that some wait for the rest of: what two halves of them wait


def turnover(share: np.ndarray, size: np.ndarray, many: np.ndarray, room: float) -> np.ndarray:
    """Che's approximation of an LRU cache with `room` bytes: how many requests for it, of so many
    that nobody asks for an object, throw it out; as a mean number of requests for the object.

    `many` objects of this `size`, each with this `share` of the cache's requests. inf: never, 0: it
    is larger than the room. The next request for it is a hit with the chance 1 - exp(-turnover).
    Source: Che, Tung and Wang, IEEE JSAC 20 (2002), for objects of different size.
    """
    weight = np.where(size <= room, size * many, 0.0)
    turn = np.inf
    if weight.sum() > room:
        low, high = -10.0, 3.0 - np.log10(share[share > 0].min())
        for _ in range(60):
            turn = 10 ** ((low + high) / 2)
            free = (weight * -np.expm1(-share * turn)).sum() < room
            low, high = ((low + high) / 2, high) if free else (low, (low + high) / 2)
    return np.where(size > room, 0.0, share * turn)


def loss(turn: np.ndarray) -> np.ndarray:
    """The rate at which a copy is lost over that at which it is asked for, given its `turnover`: a
    loss comes first with the chance exp(-turn), as it should, if both come at random."""
    with np.errstate(divide="ignore"):
        return np.minimum(1.0 / np.expm1(np.minimum(turn, 700.0)), 1e9) * (turn < 700.0)


class Crowd(Ledger):
    """Viewers of a `Distribution`. A cell is an object (or class) at a cache that asks the origin:
    Origin Shield, a regional cache or, without them, an edge."""

    def __init__(self, delivery, viewers):
        super().__init__(delivery, viewers)
        part, sample = delivery, delivery.site.sample
        home, served = part.origin.region, np.unique(self.serving)
        shield, regional = part.shield is not None, bool(part.regional)
        followed = min(part.edges, PLACES)
        roots = [home] if shield else served if regional else np.repeat(served, followed)
        many, cells = len(sample.one), len(roots)
        self.kids = served if shield else None          # regions behind a cell
        self.one = np.tile(np.arange(many), cells)      # in the sample
        self.region = np.repeat(roots, many)
        self.share = np.tile(sample.share / part.variants, cells)
        self.stands = np.tile(sample.stands * float(part.variants), cells)
        self.nested = shield or regional
        if not self.nested:
            self.stands *= part.edges / followed
        self.size = np.tile(sample.size, cells)
        self.where = {one: i for i, one in enumerate(sample.one.tolist())}
        room = part.edge_size, part.edge_size * part.wider
        edge, wide = (np.tile(turnover(sample.share / part.variants, sample.size,
                                       sample.stands * part.variants, each), cells)
                      for each in room)
        turn = wide if self.nested else edge
        self.loses, self.edge_loses = loss(turn), loss(edge)    # a cell, an edge of one
        self.tight = bool(self.loses.any() or self.edge_loses.any())
        with np.errstate(invalid="ignore"):     # an expired copy is there when somebody asks
            self.stays = np.where(turn > 1e-6, 1 - turn / np.expm1(np.minimum(turn, 700.0)), 0.0)
        self.missed = np.where(edge > 0, np.exp(-edge), 0.0)    # and takes another's room
        self.asked = np.zeros(REGIONS)          # requests to an edge so far
        self.full_from = float((edge / self.share).min())       # so many
        n, columns = len(self.one), len(served) if shield else 1
        self.kid = np.broadcast_to(served, (n, columns)) if shield else self.region[:, None]
        self.until = np.full(n, -np.inf)    # fresh until
        self.old_since = np.full(n, np.inf)     # of the copy that a cell has
        self.held = np.zeros(n, dtype=bool)     # fresh or expired
        self.blocked = np.full(n, -np.inf)      # an error is kept until
        self.over = np.full(n, -np.inf)         # its tries are over
        self.latest = np.full(n, -np.inf)       # the origin was asked
        self.refused = False                    # by a server that is full, in the last window
        self.filled = np.zeros((n, columns))    # part of the edges of a region that have it
        self.reached = np.zeros((n, columns))   # whether its regional cache does
        here = np.arange(REGIONS)
        trips = np.array(world.ROUND_TRIP)
        self.near = trips[here, here] * regional
        self.far = trips[here, home] * (shield and (here != home) | (not regional))
        self.ways = np.array(part.ways)

    def hop(self, kind: int) -> np.ndarray:
        """To a regional cache, and on to Origin Shield."""
        return self.near + self.far * (kind == SHIELD)

    def changes(self) -> list[float]:
        """Those of any crowd, and the date of Expires."""
        date = self.part.expires_at
        return [*super().changes(), *([] if date is None else [date])]

    def longest(self) -> float:
        """A full server is looked at more often: who was refused has nothing to keep."""
        return self.t[1] / 4 if self.refused else np.inf

    # -- what the site does ------------------------------------------------------------------

    def _cells(self, objects: np.ndarray) -> np.ndarray:
        hit = np.zeros(self.part.site.objects, dtype=bool)
        hit[objects] = True
        return hit[self.part.site.sample.one][self.one]

    def changed(self, objects: np.ndarray) -> None:
        """The site has other contents for these now; under new names, nobody has them."""
        if self.part.site.versioned:
            return self.drop(objects)
        self.old_since[self._cells(objects)] = self.at

    def drop(self, objects: np.ndarray | None) -> None:
        """Nobody has these any more; None: anything."""
        which = slice(None) if objects is None else self._cells(objects)
        self.until[which], self.held[which] = -np.inf, False
        self.old_since[which] = np.inf

    # -- a window ----------------------------------------------------------------------------

    def window(self, begin: float, end: float, tick: int, rates: np.ndarray) -> None:
        """Renew each cell until `end`."""
        arriving = np.bincount(self.serving, rates, REGIONS)
        self.kid_rate = self.share[:, None] * arriving[self.kid]
        if not self.nested:
            self.kid_rate = self.kid_rate / self.part.edges
        self.rate = self.kid_rate.sum(axis=1)
        self.clock = np.full(len(self.rate), begin)
        self.fetches: list[tuple] = []
        todo = np.flatnonzero(self.rate > 0)
        while len(todo):
            self._fresh(todo, end, tick)
            todo = todo[self.clock[todo] < end]
            self._failing(todo, end, tick)
            todo = todo[self.clock[todo] < end]
            todo = self._missing(todo, end, tick)
        self._settle(end, tick)
        if self.tight and self.part.ttl(begin) > 0:     # what comes in throws something out
            self.asked += arriving * (end - begin) / self.part.edges
            full = self.asked[self.kid] > self.full_from
            self.evictions += (end - begin) * float(
                ((self.kid_rate * full).sum(axis=1) * self.missed * self.stands).sum())

    def _fresh(self, cells: np.ndarray, end: float, tick: int) -> None:
        """These have fresh copies for a while, or none; nothing needs the origin until then."""
        cells = cells[self.until[cells] > self.clock[cells]]
        if not len(cells):
            return
        upto = np.minimum(self.until[cells], end)
        rate, loses = self.rate[cells], self.loses[cells]
        if loses.any():
            with np.errstate(divide="ignore"):
                gone = self.clock[cells] + self.random.standard_exponential(len(cells)) / (
                    rate * loses)
            lost = gone < upto
            upto = np.where(lost, gone, upto)
            self.until[cells[lost]], self.held[cells[lost]] = upto[lost], False
        self._served(cells, upto - self.clock[cells], tick)
        self._age(cells, self.clock[cells], upto, tick)
        self.clock[cells] = upto

    def _age(self, cells, begin, upto, tick) -> None:
        """They answer from `begin` to `upto`: how old a version does, at the last request."""
        cells, begin, upto = (x[self.old_since[cells] < np.inf] for x in (cells, begin, upto))
        if tick >= 0 and len(cells):
            last = upto - self.random.standard_exponential(len(cells)) / (
                self.rate[cells] * self.stands[cells])
            changed = self.part.site.changed[self.part.site.sample.one[self.one[cells]]]
            self.oldest = max(self.oldest, (last - changed)[last > begin].max(initial=0.0))

    def _served(self, cells: np.ndarray, length: np.ndarray, tick: int) -> None:
        """They are fresh for so long, s: the edges of each region fill up, and answer."""
        rate = self.kid_rate[cells]
        first, shielded, self.filled[cells], self.reached[cells] = self._filling(
            rate, length[:, None], self.filled[cells], self.reached[cells], cells)
        if tick >= 0:
            self._tell(cells, rate * length[:, None], first, shielded, tick)

    def _filling(self, rate, length, filled, reached, cells):
        """Requests to each region that its edges (`first`) and its regional cache (`shielded`)
        lack while a cell is fresh, and how full they are then."""
        if not self.nested:
            return 0.0, 0.0, filled, reached
        edge = rate / self.part.edges
        first, filled = fill(edge, edge * self.edge_loses[cells, None], length, filled)
        shielded = 0.0
        if self.kids is not None:
            if self.part.regional:
                shielded, reached = fill(rate, rate * self.loses[cells, None], length, reached)
                shielded = np.minimum(shielded, first) * (self.kids != self.part.origin.region)
            else:
                shielded = first
        return rate * first, rate * shielded, filled, reached

    def _tell(self, cells, came, first, shielded, tick) -> None:
        """Of requests that `came` to each region of these cells, edges lacked some at `first`."""
        weight, kid = self.stands[cells, None], self.kid[cells]
        old = (self.old_since[cells] < np.inf)[:, None]
        self.count(tick, HIT, kid, (came - first) * weight, old)
        self.extra(tick, SENT, kid, came * weight * self.size[cells, None])
        if not self.nested:
            return
        self.count(tick, REGIONAL, kid, (first - shielded) * weight, old)
        waits = first * self.near[kid]
        if self.kids is not None:
            self.count(tick, SHIELD, kid, shielded * weight, old)
            self.extra(tick, SHIELDED, kid, shielded * weight * (self.far[kid] > 0))
            waits = waits + shielded * self.far[kid]
        self._shared(tick, waits * weight * self.kid_rate[cells] / self.part.edges, kid)
        for kind, n in ((REGIONAL, first - shielded), (SHIELD, shielded)):
            self.extras[-1, tick] += self.hop(kind) * np.bincount(
                kid.ravel(), (n * weight).ravel(), REGIONS)

    def _shared(self, tick: int, n, region, wait=None) -> None:
        """`n` hits wait for a fetch under way, of `wait` s, by default that to the next cache."""
        self.extra(tick, SHARED, region, n)
        if wait is None:
            n = np.bincount(region.ravel(), n.ravel(), REGIONS)
            region, wait = np.arange(REGIONS), self.near
        for half in HALVES:
            self.wait(tick, wait * half, n / len(HALVES), region)

    def _failing(self, cells: np.ndarray, end: float, tick: int) -> None:
        """Errors are kept, also while the origin is still tried."""
        cells = cells[self.blocked[cells] > self.clock[cells]]
        if len(cells):
            begin, upto = self.clock[cells], np.minimum(self.blocked[cells], end)
            trying = np.clip(np.minimum(self.over[cells], upto) - begin, 0.0, None)
            rate = self.rate[cells]
            self._errors(cells, rate * trying, np.maximum(self.over[cells], begin), tick,
                         (self.over[cells] - begin - trying / 2))
            self._errors(cells, rate * (upto - begin - trying), (begin + upto) / 2, tick, 0.0)
            stale = self.held[cells] & (upto - self.until[cells] < self.part.stale)
            self._age(cells[stale], begin[stale], upto[stale], tick)
            self.clock[cells] = upto

    def _errors(self, cells, n, at, tick: int, wait) -> None:
        """`n` requests of each cell are told `at` s that there is no origin."""
        stale = self.held[cells] & (at - self.until[cells] < self.part.stale)
        n, kid = (n * self.stands[cells])[:, None], self.kid[cells]
        n = n * self.kid_rate[cells] / self.rate[cells, None]
        self.count(tick, np.where(stale, EXPIRED, ERROR)[:, None], kid, n,
                   (stale & (self.old_since[cells] < np.inf))[:, None])
        self.extra(tick, SENT, kid, n * (self.size[cells] * stale)[:, None])
        self.wait(tick, np.broadcast_to(wait, len(cells))[:, None], n, kid)

    # -- fetches -----------------------------------------------------------------------------

    def _missing(self, cells: np.ndarray, end: float, tick: int) -> np.ndarray:
        """The next request of each is a miss; which cells go on then."""
        if not len(cells):
            return cells
        at, rate = self.clock[cells], self.rate[cells]
        way, other = self.ways[self.kid[cells, 0]].T
        there, who = self.part.origin.answers(at, way, other)
        fresh = self.part.ttls(there)
        keeps = np.where(who == FAILED, self.part.error_ttl, np.maximum(fresh, 0.0))
        loses = rate * self.loses[cells] * (who != FAILED)
        with np.errstate(invalid="ignore", divide="ignore"):
            keeps = np.where(loses * keeps > 1e-9, -np.expm1(-loses * keeps) / loses, keeps)
        lasts = np.where((keeps > 0) | (who == FAILED), there - at + keeps, 0.0)
        fast = (end - at) > FAST * (lasts + 1 / rate)
        if fast.any():
            which = cells[fast]
            self._renewals(which, end, tick, lasts[fast], who[fast])
            self.clock[which] = end
        cells, at = cells[~fast], at[~fast]
        at = at + self.random.standard_exponential(len(cells)) / self.rate[cells]
        cells, at = cells[at < end], at[at < end]
        if len(cells):
            if self.tight:
                self.held[cells] &= self.random.random(len(cells)) < self.stays[cells]
            self._fetch(cells, at, tick)
        return cells

    def _asking(self, cells: np.ndarray) -> np.ndarray:
        """The column of the region from which each cell is asked."""
        if self.kids is None:
            return np.zeros(len(cells), dtype=np.int64)
        upto = np.cumsum(self.kid_rate[cells], axis=1)
        return (upto < self.random.random((len(cells), 1)) * upto[:, -1:]).sum(axis=1)

    def _fetch(self, cells: np.ndarray, at: np.ndarray, tick: int) -> None:
        """The origin is asked once for each."""
        column = self._asking(cells)
        region = self.kid[cells, column]
        before = self.near[region] + self.far[region]
        there, who = self.part.origin.answers(at + before, *self.ways[region].T)
        fresh = np.where(who == FAILED, 0.0, self.part.ttls(there))
        self._ask(cells, column, at, there - at, who, np.ones(len(cells)),
                  self._current(cells) & (who != FAILED), fresh > 0)
        self.clock[cells] = at
        lost = cells[who == FAILED]
        self.over[lost] = there[who == FAILED]
        self.blocked[lost] = self.over[lost] + self.part.error_ttl
        kept = fresh > 0
        self._keep(cells[kept], column[kept], (there + fresh)[kept])

    def _keep(self, cells, column, until) -> None:
        """An edge of the region in this column has a copy now, and all that is behind it."""
        self.until[cells], self.old_since[cells], self.held[cells] = until, np.inf, True
        self.filled[cells] = self.reached[cells] = 0.0
        self.filled[cells, column], self.reached[cells, column] = 1 / self.part.edges, 1.0

    def _current(self, cells: np.ndarray) -> np.ndarray:
        """Whether each has a copy, fresh or expired, that is not out of date."""
        return self.held[cells] & (self.old_since[cells] == np.inf)

    def _ask(self, cells, column, at, wait, who, n, unchanged, kept) -> None:
        """An origin is asked `n` times for each cell, and answers `wait` s after a viewer came:
        to be settled when a server's queue is known. unchanged: with 304. kept: others share it."""
        edge = self.kid_rate[cells, column] / (self.part.edges if self.nested else 1)
        stale = self.held[cells] & (at + wait - self.until[cells] < self.part.stale)
        kind = np.choose(who, (FROM_ORIGIN, FROM_SECOND, np.where(stale, EXPIRED, ERROR)))
        old = (kind == EXPIRED) & (self.old_since[cells] < np.inf)
        stands, self.latest[cells] = self.stands[cells], at
        self.fetches.append((cells, self.kid[cells, column], at, wait, kind, n * stands, old,
                             unchanged * stands, n * stands * edge * kept,
                             self.until[cells], self.held[cells], self.old_since[cells]))

    def _renewals(self, cells, end, tick, lasts, who) -> None:
        """They renew so often until `end` that it is enough to count: a fetch, `lasts` s and a gap
        each time, from a gap on. Source: Cox, Renewal Theory (1962), 4.2."""
        begin, rate = self.clock[cells], self.rate[cells]
        length, cycle = end - begin, lasts + 1 / rate
        came = rate * length
        n = (length + lasts) / cycle + (1 / (rate * cycle) ** 2 - 1) / 2
        n = np.clip(n, np.minimum(1.0, came), came)
        lost = who == FAILED
        kept = ~lost & (lasts > 0)
        column = self._asking(cells)
        region = self.kid[cells, column]
        at = begin + length * self.random.random(len(cells))
        before = self.near[region] + self.far[region]
        there, _ = self.part.origin.answers(at + before, *self.ways[region].T)
        still = np.exp(-rate * self.loses[cells] * cycle)       # a copy is there at the next fetch
        unchanged = np.where(kept, np.maximum(n - 1, 0.0) * still + self._current(cells),
                             n * self._current(cells))
        self._ask(cells, column, at, there - at, who, n, np.minimum(unchanged, n) * ~lost, kept)
        if lost.any():
            middle, others = begin[lost] + length[lost] / 2, (came - n)[lost]
            trying = (there - at)[lost] / lasts[lost]
            self._errors(cells[lost], others * trying, middle, tick, (there - at)[lost] / 2)
            self._errors(cells[lost], others * (1 - trying), middle, tick, 0.0)
        self._between(cells[kept], n[kept], lasts[kept], length[kept], tick)
        rest = lasts * self.random.random(len(cells))       # as it is at the end
        within = self.random.random(len(cells)) * cycle < lasts
        stuck, on, off = lost & within, kept & within, kept & ~within
        self.blocked[cells[stuck]] = self.over[cells[stuck]] = end + rest[stuck]
        self._keep(cells[on], column[on], end + rest[on])
        _, _, self.filled[cells[on]], self.reached[cells[on]] = self._filling(
            self.kid_rate[cells[on]], (lasts - rest)[on, None], self.filled[cells[on]],
            self.reached[cells[on]], cells[on])
        self.until[cells[off]], self.old_since[cells[off]] = end, np.inf
        self.held[cells[off]] = self.random.random(off.sum()) < still[off]

    def _between(self, cells, n, lasts, length, tick) -> None:
        """What edges answer between `n` fetches of each cell, for `lasts` s after each."""
        self.old_since[cells] = np.inf
        share = self.kid_rate[cells] / self.rate[cells, None]   # of the fetches, by region
        first, shielded, _, _ = self._filling(
            self.kid_rate[cells], lasts[:, None], share / self.part.edges, share, cells)
        if tick >= 0 and len(cells):
            n = n[:, None]
            came = self.kid_rate[cells] * length[:, None] - share * n
            first = np.minimum(first * n, came)
            self._tell(cells, came, first, np.minimum(shielded * n, first), tick)

    def _settle(self, end: float, tick: int) -> None:
        """What became of all that was asked of origins in this window."""
        if not self.fetches:
            return
        cells, region, at, wait, kind, n, old, unchanged, shared, *before = map(
            np.concatenate, zip(*self.fetches))
        origin = self.part.origin
        if origin.workers:
            asked = np.flatnonzero(kind == FROM_ORIGIN)
            asked = asked[np.argsort(at[asked], kind="stable")]
            more, taken = origin.queue(at[asked], n[asked], end)
            wait[asked] += more
            late = asked[~taken]
            self.refused = bool(len(late))
            wait[late] = (self.near + self.far)[region[late]] + origin.response
            unchanged[late] = shared[late] = 0.0
            if origin.group:
                kind[late] = FROM_SECOND
                wait[late] += self.ways[region[late], 1] + origin.service
            else:
                kind[late] = ERROR
                late = late[at[late] == self.latest[cells[late]]]
                which = cells[late]
                self.until[which], self.held[which], self.old_since[which] = (
                    x[late] for x in before)
                self.over[which] = at[late] + wait[late]
                self.blocked[which] = self.over[which] + self.part.error_ttl
        origin.failovers += round(n[kind == FROM_SECOND].sum())
        lost, size = kind >= EXPIRED, self.size[cells]
        self.count(tick, kind, region, n, old)
        self.extra(tick, SENT, region, n * size * (kind != ERROR))
        self.extra(tick, FETCHED, region, (n - unchanged) * size * ~lost)
        self.extra(tick, UNCHANGED, region, unchanged)
        self.extra(tick, UNSERVED, region, n * lost)
        self.extra(tick, SHIELDED, region, n * (self.far[region] > 0))
        self.wait(tick, wait, n, region)
        self._shared(tick, shared * wait, region, wait)


def fill(rate: np.ndarray, lost: np.ndarray, length: np.ndarray,
         full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Caches that are asked at `rate`, 1/s, and lose a copy at the rate `lost`, for `length` s; at
    first a part `full` of them has it. How long a cache lacks it, s, and how full they are then:
    expected values of a two-state Markov chain."""
    both = np.maximum(rate + lost, 1e-300)
    steady = rate / both
    moved = -np.expm1(-both * length)
    lacking = (1.0 - steady) * length + (steady - full) * moved / both
    return np.clip(lacking, 0.0, length), full + (steady - full) * moved
