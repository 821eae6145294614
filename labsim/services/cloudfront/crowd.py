"""Edges at real size: fetches from the origin are followed, what lies between is counted.

Picture a chain of shops in which nobody watches the customers. Only who finds the shelf empty rings
a bell; what the others took is known from how long the shelf was full and how many people pass.

*Models:* the renewals of each cell: a fetch, then fresh for the TTL, then a gap until the next
request (exponential, viewers being Poisson). Cells that renew more than `FAST` times in a window
are counted there by renewal theory; fetches that stand for more than `COARSE` of all requests are
counted as expected, and followed as they come. *Leaves out:* who waits at a second edge for a fetch
under way; that who is refused by a full server gets nothing from the edge, until the window ends.

Data plane: counted; of a catalogue up to `FOLLOWED` objects each is followed, of a larger one so
many that stand for all. Tests hold it against `distribution`, which follows each request.
"""

import numpy as np

from labsim.services.cloudfront.fetches import Fetches
from labsim.services.cloudfront.ledger import SENT
from labsim.services.cloudfront.origin import FAILED
from labsim.services.cloudfront.tally import ERROR, EXPIRED, REGIONS

FAST = 3.0          # renewals in a window from which on they are counted
COARSE = 1e-4       # of all requests: a fetch that stands for more is counted as expected


class Crowd(Fetches):
    """Viewers of a `Distribution`."""

    def __init__(self, delivery, viewers):
        super().__init__(delivery, viewers)
        self.coarse = self.stands > COARSE * self.expected.sum()
        self.any_coarse = bool(self.coarse.any())

    def changes(self) -> list[float]:
        """Those of any crowd, and the date of Expires."""
        date = self.part.expires_at
        return [*super().changes(), *([] if date is None else [date])]

    def window(self, begin: float, end: float, tick: int, rates: np.ndarray) -> None:
        """Renew each cell until `end`."""
        arriving = np.bincount(self.serving, rates, REGIONS)
        self.steady(arriving)
        self.clock = np.full(len(self.rate), begin)
        todo = np.flatnonzero(self.rate > 0)
        while len(todo):
            self._fresh(todo, end, tick)
            todo = todo[self.clock[todo] < end]
            self._failing(todo, end, tick)
            todo = todo[self.clock[todo] < end]
            todo = self._missing(todo, begin, end, tick)
        self.settle(begin, end, tick)
        self.close(tick)
        self.evict(arriving, end - begin, begin)

    # -- between fetches ---------------------------------------------------------------------

    def _fresh(self, cells: np.ndarray, end: float, tick: int) -> None:
        """These have fresh copies for a while, or none; nothing needs the origin until then."""
        if len(cells) == len(self.until):       # a view of all is quicker than so many of them
            cells, begin = slice(None), self.clock
            upto = np.maximum(np.minimum(self.until, end), begin)
        else:
            cells = cells[self.until[cells] > self.clock[cells]]
            if not len(cells):
                return
            begin, upto = self.clock[cells], np.minimum(self.until[cells], end)
        if self.tight:
            with np.errstate(divide="ignore", over="ignore"):
                gone = np.maximum(begin, self.over[cells]) + self.random.standard_exponential(
                    len(begin)) / (self.rate[cells] * self.loses[cells])
            lost = gone < upto
            upto = np.where(lost, gone, upto)
            self.until[cells] = np.where(lost, upto, self.until[cells])
            self.held[cells] &= ~lost
        rate, length = self.kid_rate[cells], (upto - begin)[:, None]
        first, shielded, self.filled[cells], self.reached[cells] = self.filling(
            cells, rate, length, self.filled[cells], self.reached[cells])
        self.tell(cells, rate * length, first, shielded)
        if self.any_old:
            self._age(cells, begin, upto, tick)
        self.clock[cells] = upto

    def _age(self, cells, begin, upto, tick: int) -> None:
        """They answer from `begin` to `upto`: how old a version does, at the last request."""
        old = np.flatnonzero(self.old_since[cells] < np.inf)
        if tick >= 0 and len(old):
            begin, upto = begin[old], upto[old]
            cells = old if isinstance(cells, slice) else cells[old]
            last = upto - self.random.standard_exponential(len(cells)) / (
                self.rate[cells] * self.stands[cells])
            changed = self.part.site.changed[self.part.site.sample.one[self.one[cells]]]
            self.oldest = max(self.oldest, (last - changed)[last > begin].max(initial=0.0))

    def _failing(self, cells: np.ndarray, end: float, tick: int) -> None:
        """Errors are kept, also while the origin is still tried."""
        cells = cells[self.blocked[cells] > self.clock[cells]]
        if len(cells):
            begin, upto = self.clock[cells], np.minimum(self.blocked[cells], end)
            trying = np.clip(np.minimum(self.over[cells], upto) - begin, 0.0, None)
            rate = self.rate[cells]
            self._errors(cells, rate * trying, np.maximum(self.over[cells], begin), tick,
                         self.over[cells] - begin - trying / 2)
            self._errors(cells, rate * (upto - begin - trying), (begin + upto) / 2, tick, 0.0)
            self.clock[cells] = upto

    def _errors(self, cells, n, at, tick: int, wait) -> None:
        """`n` requests of each cell are told `at` s that there is no origin."""
        stale = self.held[cells] & (at - self.until[cells] < self.part.stale)
        self._age(cells[stale], at[stale] - (n / self.rate[cells])[stale], at[stale], tick)
        n, kid = (n * self.stands[cells])[:, None], self.kid[cells]
        n = n * self.kid_rate[cells] / self.rate[cells, None]
        self.count(tick, np.where(stale, EXPIRED, ERROR)[:, None], kid, n,
                   (stale & (self.old_since[cells] < np.inf))[:, None])
        wait = np.broadcast_to(wait, len(cells))[:, None] + 0.0 * n
        kid, sent = kid.ravel(), n * (self.size[cells] * stale)[:, None]
        self.extra(tick, SENT, kid, sent.ravel())
        self.wait(tick, wait.ravel(), n.ravel(), kid, np.repeat(~stale, self.kid.shape[1]))

    # -- fetches -----------------------------------------------------------------------------

    def _missing(self, cells: np.ndarray, begin: float, end: float, tick: int) -> np.ndarray:
        """The next request of each is a miss; which cells go on then."""
        if not len(cells):
            return cells
        if self._may_be_fast(end - begin):
            cells = self._count_fast(cells, end, tick)
        if self.any_coarse:
            self._expect(cells[self.coarse[cells]], end)
        at = self.clock[cells] + self.random.standard_exponential(len(cells)) / self.rate[cells]
        cells, at = cells[at < end], at[at < end]
        if len(cells):
            if self.tight:
                self.held[cells] &= self.random.random(len(cells)) < self.stays[cells]
            self._fetch(cells, at)
        return cells

    def _may_be_fast(self, length: float) -> bool:
        """Whether any cell may renew so often in a window."""
        part = self.part
        return bool(self.tight or part.origin.outages or part.expires_at is not None
                    or length > FAST * part.ttl(0.0))

    def _count_fast(self, cells: np.ndarray, end: float, tick: int) -> np.ndarray:
        """Count those that renew often; the others are given back."""
        at, rate = self.clock[cells], self.rate[cells]
        there, who = self.part.origin.answers(at, *self.ways[self.kid[cells, 0]].T)
        keeps = np.where(who == FAILED, self.part.error_ttl, self._ttls(cells, there))
        if self.tight:
            loses = rate * self.loses[cells] * (who != FAILED)
            with np.errstate(invalid="ignore", divide="ignore"):
                keeps = np.where(loses * keeps > 1e-9, -np.expm1(-loses * keeps) / loses, keeps)
        lasts = np.where((keeps > 0) | (who == FAILED), there - at + keeps, 0.0)
        fast = (end - at) > FAST * (lasts + 1 / rate)
        if fast.any():
            self._renewals(cells[fast], end, tick, lasts[fast], who[fast])
            self.clock[cells[fast]] = end
        return cells[~fast]

    def _expect(self, cells: np.ndarray, end: float) -> None:
        """Count the fetches of these that are to be expected until `end`, whether or not they come
        in the sample: each stands for so many that a few more or less would be seen."""
        if len(cells):
            length, column = end - self.clock[cells], self._asking(cells)
            at = self.clock[cells] + length * self.random.random(len(cells))
            there, who = self._answers(self.kid[cells, column], at)
            n = -np.expm1(-self.rate[cells] * length)
            self._ask(cells, column, at, there - at, who, n,
                      n * (self.current(cells) & (who != FAILED)), self._ttls(cells, there) > 0)

    def _fetch(self, cells: np.ndarray, at: np.ndarray) -> None:
        """The origin is asked once for each."""
        column = self._asking(cells)
        there, who = self._answers(self.kid[cells, column], at)
        lost = who == FAILED
        fresh = np.where(lost, 0.0, self._ttls(cells, there))
        kept = fresh > 0
        n = 1.0 - self.coarse[cells]        # the others are counted already
        self._ask(cells, column, at, there - at, who, n, n * (self.current(cells) & ~lost), kept)
        self.clock[cells], self.over[cells] = at, there
        if lost.any():
            self.blocked[cells[lost]] = there[lost] + self.part.error_ttl
        self.keep(cells[kept], column[kept], (there + fresh)[kept])

    def _renewals(self, cells, end: float, tick: int, lasts, who) -> None:
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
        at = begin + length * self.random.random(len(cells))
        there, _ = self._answers(self.kid[cells, column], at)
        still = np.exp(-rate * self.loses[cells] * cycle)       # a copy is there at the next fetch
        current = self.current(cells)
        unchanged = np.where(kept, np.maximum(n - 1, 0.0) * still + current, n * current)
        self._ask(cells, column, at, there - at, who, n, np.minimum(unchanged, n) * ~lost, kept)
        if lost.any():
            middle, others = begin[lost] + length[lost] / 2, (came - n)[lost]
            tries = np.minimum(there - at, lasts)[lost]
            self._errors(cells[lost], others * tries / lasts[lost], middle, tick, tries / 2)
            self._errors(cells[lost], others * (1 - tries / lasts[lost]), middle, tick, 0.0)
        self._between(cells[kept], n[kept, None], lasts[kept, None], length[kept, None])
        rest = lasts * self.random.random(len(cells))       # as it is at the end
        within = self.random.random(len(cells)) * cycle < lasts
        stuck, on, off = lost & within, kept & within, kept & ~within
        self.blocked[cells[stuck]] = self.over[cells[stuck]] = end + rest[stuck]
        self.keep(cells[on], column[on], end + rest[on])
        _, _, self.filled[cells[on]], self.reached[cells[on]] = self.filling(
            cells[on], self.kid_rate[cells[on]], (lasts - rest)[on, None], self.filled[cells[on]],
            self.reached[cells[on]])
        self.until[cells[off]], self.old_since[cells[off]] = end, np.inf
        self.held[cells[off]] = self.random.random(off.sum()) < still[off]

    def _between(self, cells, n, lasts, length) -> None:
        """What edges answer between `n` fetches of each cell, for `lasts` s after each."""
        self.old_since[cells] = np.inf
        rate = self.kid_rate[cells]
        share = rate / self.rate[cells, None]       # of the fetches, by region
        first, shielded, _, _ = self.filling(cells, rate, lasts, share / self.each, share)
        came = rate * length - share * n
        first = np.minimum(first * n, came)
        self.tell(cells, came, first, np.minimum(shielded * n, first))
