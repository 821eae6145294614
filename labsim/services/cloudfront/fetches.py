"""What cells ask of origins in a window, and what becomes of it when a server's queue is known.

Picture the orders of an hour on a spike: who takes them to the factory learns there how long the
lorries wait, and which of them drove away empty.

*Models:* which region asks; the answer of an origin, of the second one, or none; what is 304; who
shares a fetch. A server is asked in the order of time when the window has ended; whom it refuses
keeps what he had. *Leaves out:* that others wait the longer in the window itself.

Data plane: counted.
"""

import numpy as np

from labsim.services.cloudfront.cells import Cells
from labsim.services.cloudfront.ledger import FETCHED, SENT, SHIELDED, UNCHANGED, UNSERVED
from labsim.services.cloudfront.tally import (
    ERROR,
    EXPIRED,
    FROM_ORIGIN,
    FROM_SECOND,
    REGIONS,
    ratio,
)

REFUSED = 4         # parts of a tick in which a full server is looked at


class Fetches(Cells):
    """Cells that ask origins."""

    def __init__(self, delivery, viewers):
        super().__init__(delivery, viewers)
        self.latest = np.full(len(self.one), -np.inf)   # when the origin was asked
        self.fetches: list[tuple] = []                  # in this window

    def _asking(self, cells: np.ndarray) -> np.ndarray:
        """The column of the region from which each cell is asked."""
        if not self.shield:
            return np.zeros(len(cells), dtype=np.int64)
        upto = np.cumsum(self.kid_rate[cells], axis=1)
        return (upto < self.random.random((len(cells), 1)) * upto[:, -1:]).sum(axis=1)

    def _answers(self, region: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """When answers to viewers of `at` s are there, and of which origin."""
        return self.part.origin.answers(at + (self.near + self.far)[region], *self.ways[region].T)

    def _ttls(self, cells: np.ndarray, there: np.ndarray) -> np.ndarray:
        """How long answers of these moments are kept, s; 0: not at all."""
        return np.where(self.fits[cells], np.maximum(self.part.ttls(there), 0.0), 0.0)

    def _ask(self, cells, column, at, wait, who, n, unchanged, kept) -> None:
        """An origin is asked `n` times for each cell, and answers `wait` s after a viewer came:
        to be settled when a server's queue is known. unchanged: with 304. kept: others share it."""
        edge = self.kid_rate[cells, column] / self.each
        stale = self.held[cells] & (at + wait - self.until[cells] < self.part.stale)
        kind = np.choose(who, (FROM_ORIGIN, FROM_SECOND, np.where(stale, EXPIRED, ERROR)))
        old = (kind == EXPIRED) & (self.old_since[cells] < np.inf)
        stands, self.latest[cells] = self.stands[cells], at
        self.fetches.append((cells, self.kid[cells, column], at, wait, kind, n * stands, old,
                             unchanged * stands, n * stands * edge * kept,
                             self.until[cells], self.held[cells], self.old_since[cells]))

    def settle(self, begin: float, end: float, tick: int) -> None:
        """What became of all that was asked of origins in this window."""
        if not self.fetches:
            return
        fetches, self.fetches = self.fetches, []
        cells, region, at, wait, kind, n, old, unchanged, shared, *before = map(
            np.concatenate, zip(*fetches))
        origin, plain = self.part.origin, not any(
            one.start < end and begin < one.end for one in self.part.origin.outages)
        if origin.workers:
            plain = False
            asked = np.flatnonzero(kind == FROM_ORIGIN)
            asked = asked[np.argsort(at[asked], kind="stable")]
            more, taken = origin.queue(at[asked], n[asked], end, self.random)
            wait[asked] += more
            late = asked[~taken]
            self.parts = REFUSED if len(late) else 1    # who is refused has nothing to keep
            if len(late):
                unchanged[late] = shared[late] = 0.0
                self._refuse(cells, region, at, wait, kind, late, before)
        shared = shared * wait
        lost, size = kind >= EXPIRED, self.size[cells]
        if plain and (kind == FROM_ORIGIN).all():   # none came into an outage on its way
            self.extra(tick, SENT, region, n * size)
            if tick >= 0:
                self.sums[FROM_ORIGIN, tick] += np.bincount(region, n, REGIONS)
        else:
            origin.failovers += round(n[kind == FROM_SECOND].sum())
            self.count(tick, kind, region, n, old)
            self.extra(tick, SENT, region, n * size * (kind != ERROR))
            self.extra(tick, UNSERVED, region, n * lost)
        self.extra(tick, FETCHED, region, (n - unchanged) * size * ~lost)
        self.extra(tick, UNCHANGED, region, unchanged)
        if self.shield:
            self.extra(tick, SHIELDED, region, n * (self.far[region] > 0))
        if plain:       # all of a region wait alike
            wait, region, n, shared = self._alike(wait, region, n, shared)
            kind = np.full(len(n), FROM_ORIGIN)
        self.wait(tick, wait, n, region, kind == ERROR)
        self.shared(tick, shared, region, wait)

    @staticmethod
    def _alike(wait, region, n, shared) -> tuple:
        by = [np.bincount(region, each, REGIONS) for each in (n * wait, n, shared)]
        return ratio(by[0], by[1]), np.arange(REGIONS), by[1], by[2]

    def _refuse(self, cells, region, at, wait, kind, late, before) -> None:
        """A server was full for too long: the second origin answers, or an error is kept and what
        was there before the fetch."""
        origin = self.part.origin
        wait[late] = (self.near + self.far)[region[late]] + origin.response
        if origin.group:
            kind[late] = FROM_SECOND
            wait[late] += self.ways[region[late], 1] + origin.service
            return
        kind[late] = ERROR
        late = late[at[late] == self.latest[cells[late]]]
        which = cells[late]
        self.until[which], self.held[which], self.old_since[which] = (x[late] for x in before)
        self.over[which] = at[late] + wait[late]
        self.blocked[which] = self.over[which] + self.part.error_ttl
