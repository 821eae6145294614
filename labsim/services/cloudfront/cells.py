"""What edges and the caches behind them have, cell by cell, and how they fill up and lose it.

Picture the shelves of a chain of shops on one sheet of paper: a line for each thing on sale, a
column for each warehouse that orders it from the factory.

*Models:* a cell is an object (or a class that it stands for) at a cache that asks the origin
itself: Origin Shield, a regional cache or, without them, an edge. All copies behind that cache
expire together, for freshness counts from the origin's answer; edges fill up one after the other.
Room: a copy is lost at the rate that Che's approximation of LRU gives. Filling and loss of the
caches behind a cell are expected values.
*Leaves out:* where a cache lost what those before it still have: they lose it with it.

Data plane: counted.
"""

import numpy as np

from labsim.services.cloudfront.ledger import LATE, SENT, SHARED, SHIELDED, Ledger
from labsim.services.cloudfront.tally import HIT, REGIONAL, REGIONS, SHIELD
from labsim.services.common import regions as world

CELLS = 3_200       # where each edge asks the origin, so many of a region stand for all


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


def fill(rate: np.ndarray, lost, length: np.ndarray,
         full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Caches that are asked at `rate`, 1/s, and lose a copy at the rate `lost`, for `length` s; at
    first a part `full` of them has it. How long a cache lacks it, s, and how full they are then:
    expected values of a two-state Markov chain."""
    both = np.maximum(rate + lost, 1e-300)
    steady = rate / both
    moved = -np.expm1(-both * length)
    lacking = (1.0 - steady) * length + (steady - full) * moved / both
    return np.clip(lacking, 0.0, length), full + (steady - full) * moved


def places(objects: int, regions: int, edges: int) -> int:
    """How many edges of each region are followed."""
    return min(edges, max(CELLS // (objects * regions), 2))


class Cells(Ledger):
    """The caches of a `Distribution` and what they have.

    Of each cell: the object's place in the sample (`one`), the region of its cache, how many cells
    it `stands` for, its `share` of the requests, its `size` in bytes; when its copy expires
    (`until`) and is out of date (`old_since`), whether one is `held`, fresh or not; until when it
    is `blocked` by an error, of which the tries are over (`over`). Of each region behind it: the
    part of the edges that have it (`filled`), whether its regional cache does (`reached`).
    """

    def __init__(self, delivery, viewers):
        super().__init__(delivery, viewers)
        part, sample = delivery, delivery.site.sample
        home, served = part.origin.region, np.unique(self.serving)
        self.shield, self.nested = part.shield is not None, bool(part.shield is not None
                                                                 or part.regional)
        followed = places(len(sample.one), len(served), part.edges)
        roots = [home] if self.shield else served if self.nested else np.repeat(served, followed)
        many, caches = len(sample.one), len(roots)
        share, stands = sample.share / part.variants, sample.stands * float(part.variants)
        self.one = np.tile(np.arange(many), caches)
        self.share, self.stands = np.tile(share, caches), np.tile(stands, caches)
        self.size = np.tile(sample.size, caches)
        if not self.nested:
            self.stands *= part.edges / followed
        self.each = 1 if not self.nested else part.edges    # edges of a region behind a cell
        n, columns = many * caches, len(served) if self.shield else 1
        region = np.repeat(roots, many)[:, None]
        self.kid = np.broadcast_to(served, (n, columns)) if self.shield else region
        self.kids = self.kid.ravel()
        self._room(part, share, sample.size, stands, caches)
        self.until, self.old_since = np.full(n, -np.inf), np.full(n, np.inf)
        self.held = np.zeros(n, dtype=bool)
        self.blocked, self.over = np.full((2, n), -np.inf)
        self.filled, self.reached = np.zeros((2, n, columns))
        levels = 1 + self.nested + self.shield      # came, lacked by edges, by regional caches
        self.told = np.zeros((levels, 2, n, columns))
        here, trips = np.arange(REGIONS), np.array(world.ROUND_TRIP)
        self.near = trips[here, here] * bool(part.regional)
        self.far = trips[here, home] * (self.shield and (here != home) | (not part.regional))
        self.hops = {kind: self.hop(kind) for kind in (HIT, REGIONAL, SHIELD)}
        self.ways, self.any_old = np.array(part.ways), False

    def _room(self, part, share, size, stands, caches) -> None:
        edge, wide = (np.tile(turnover(share, size, stands, room), caches)
                      for room in (part.edge_size, part.edge_size * part.wider))
        turn = wide if self.nested else edge
        self.loses, self.edge_loses = loss(turn), loss(edge)    # a cell, an edge; per request
        self.fits = turn > 0
        self.tight = bool(self.loses.any() or self.edge_loses.any())
        with np.errstate(invalid="ignore"):     # an expired copy is there when somebody asks
            self.stays = np.where(turn > 1e-6, 1 - turn / np.expm1(np.minimum(turn, 700.0)), 0.0)
        self.missed = np.where(edge > 0, np.exp(-edge), 0.0)    # and takes another's room
        self.asked = np.zeros(REGIONS)          # requests to an edge so far
        self.full_from = float((edge / self.share).min())       # so many

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

    def current(self, cells: np.ndarray) -> np.ndarray:
        """Whether each has a copy, fresh or expired, that is not out of date."""
        return self.held[cells] & (self.old_since[cells] == np.inf)

    def keep(self, cells: np.ndarray, column, until) -> None:
        """An edge of the region in this column has a copy now, and all that is behind it."""
        self.until[cells], self.old_since[cells], self.held[cells] = until, np.inf, True
        self.filled[cells] = self.reached[cells] = 0.0
        self.filled[cells, column], self.reached[cells, column] = 1 / self.each, 1.0

    # -- what they answer --------------------------------------------------------------------

    def steady(self, rates: np.ndarray) -> None:
        """Requests come at these rates now, per second and region of who serves."""
        self.kid_rate = self.share[:, None] * rates[self.kid]
        if not self.nested:
            self.kid_rate = self.kid_rate / self.part.edges
        self.rate = self.kid_rate.sum(axis=1)
        self.any_old = bool((self.old_since < np.inf).any())

    def filling(self, cells, rate, length, filled, reached):
        """Requests at this `rate` from each region, for `length` s, that its edges lack (`first`)
        and its regional cache, too (`shielded`), while a cell is fresh, and how full they are
        then."""
        if not self.nested:
            return 0.0, 0.0, filled, reached
        edge, shielded = rate / self.each, 0.0
        first, filled = fill(edge, edge * self.edge_loses[cells, None] if self.tight else 0.0,
                             length, filled)
        if self.shield and self.part.regional:
            shielded, reached = fill(rate, rate * self.loses[cells, None], length, reached)
            shielded = np.minimum(shielded, first) * (self.kid[cells] != self.part.origin.region)
        elif self.shield:
            shielded = first
        return rate * first, rate * shielded, filled, reached

    def tell(self, cells, came, first, shielded) -> None:
        """Of requests that `came` to each region of these cells edges lacked some at first."""
        old = (self.old_since[cells] < np.inf)[:, None] if self.any_old else None
        for told, more in zip(self.told, (came, first, shielded)):
            if old is None:
                told[0, cells] += more
            else:
                told[0, cells] += more * ~old
                told[1, cells] += more * old

    def close(self, tick: int) -> None:
        """Count what was told in a window."""
        if tick >= 0:
            for old in range(1 + self.any_old):
                reached = [*(self.by_region(told[old]) for told in self.told), 0.0]
                for kind, n, beyond in zip((HIT, REGIONAL, SHIELD), reached, reached[1:]):
                    self.sums[kind, tick] += n - beyond
                    self.extras[LATE, tick] += (n - beyond) * self.hops[kind]
                    if old:
                        self.old[kind, tick] += n - beyond
                if self.shield:
                    self.extras[SHIELDED, tick] += reached[2] * (self.far > 0)
            told = self.told.sum(axis=1) if self.any_old else self.told[:, 0]
            self.extras[SENT, tick] += self.by_region(told[0] * self.size[:, None])
            if self.nested:
                n = sum(self.by_region(lacked * self.kid_rate) * way
                        for lacked, way in zip(told[1:], (self.near, self.far)))
                self.shared(tick, n / self.each, np.arange(REGIONS), self.near)
        self.told[:] = 0.0

    def by_region(self, n: np.ndarray) -> np.ndarray:
        """Something of each cell and region behind it, added up by region, of all it stands for."""
        return np.bincount(self.kids, (n * self.stands[:, None]).ravel(), REGIONS)

    def shared(self, tick: int, n, region, wait) -> None:
        """`n` hits wait for the rest, half in the mean, of a fetch under way, of `wait` s."""
        self.extra(tick, SHARED, region, n)
        self.wait(tick, wait / 2, n, region)

    def hop(self, kind: int) -> np.ndarray:
        """To a regional cache, and on to Origin Shield."""
        return (self.near + self.far * (kind == SHIELD)) * (kind != HIT)

    def evict(self, rates: np.ndarray, length: float, now: float) -> None:
        """What comes into a full edge throws something out."""
        if self.tight and self.part.ttl(now) > 0:
            self.asked += rates * length / self.part.edges
            full = self.asked[self.kid] > self.full_from
            self.evictions += length * float(
                ((self.kid_rate * full).sum(axis=1) * self.missed * self.stands).sum())
