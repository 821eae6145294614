"""Viewers who come back: who got an error, or no first byte in time, presses reload.

Picture the queue before a shop whose shelf is empty: some leave, some walk round the block and
stand there again. To the shop they are new customers; only the street knows that they are not more
people than before, but the same ones more often.

*Models:* per window the share of the requests from each region that got an error, and when they
knew; and that got nothing within the viewers' timeout, whether or not it came after all. They are
requests of later windows, for whatever others ask for, too. Who is back within a window is taken to
be so many as in the window before; windows are short after each change.
*Leaves out:* that who comes back wants the same object again; retries before 0 s.

Data plane: counted.
"""

import numpy as np

from labsim.services.cloudfront.tally import ERROR, REFUSED, REGIONS, Fates, ratio, whole
from labsim.services.common import regions as world
from labsim.services.common.returning import AT_ONCE, Returning, patience

SHORTEST = 1.0      # s, of a window while somebody comes back
BLINK = 1e-6        # s; no window is shorter
SLOWEST = 60.0      # s, at most, until an error is known


class Returns:
    """The viewers of a `Ledger` who come back as `retry` says."""

    def __init__(self, ledger, retry):
        self.ledger, self.limit = ledger, patience(retry)
        part = ledger.part
        self.crowd = Returning(retry, REGIONS, min(self.limit, SLOWEST))
        self.crowd.least = SHORTEST
        trip = part.trips()[np.arange(REGIONS), np.arange(REGIONS)]
        self.near = world.first_byte(trip, part.viewer_time)    # s, of who is served at home
        self._ticks: list[int] = []                             # of each window
        self._more = np.zeros(REGIONS)      # requests that were sent beyond the first attempts
        self._away: list = []               # outages that hold
        self._clear()

    def _clear(self) -> None:
        self._late, self._late_lost, self._waits = np.zeros((3, REGIONS))

    def waited(self, waits, n, region, lost) -> None:
        """`n` requests waited so long, s, row by row; some of them for an error."""
        late = waits + self.near[region] > self.limit
        self._late += np.bincount(region, n * late, REGIONS)
        if lost is not None and lost.any():
            self._late_lost += np.bincount(region, n * (late & lost), REGIONS)
            self._waits += np.bincount(region, n * waits * (lost & ~late), REGIONS)

    def window(self, begin: float, end: float, tick: int, rates: np.ndarray) -> float:
        """Requests at these `rates` come, and those who are back; returns when the window ends."""
        ledger, crowd = self.ledger, self.crowd
        away = [one for one in ledger.part.origin.outages if one.start <= begin < one.end]
        if away != self._away:
            self._away = away
            crowd.changed(begin)
        end = float(min(end, max(crowd.next(begin), begin + BLINK)))
        fresh = rates * (end - begin)
        crowd.begin(begin, end, fresh)
        before = ledger.sums[:, tick].copy()
        self._clear()
        self._more += crowd.asked - fresh
        ledger.ask(begin, end, tick, crowd.asked / (end - begin))
        went = ledger.sums[:, tick] - before
        crowd.told(self._shares(went.sum(axis=0), went[ERROR]))
        crowd.end()
        self._ticks.append(tick)
        return end

    def _shares(self, came, errors) -> np.ndarray:
        """Of the requests of each viewers' region: those that got an error, and nothing in time."""
        known = np.maximum(errors - self._late_lost, 0.0)
        if known.sum():
            self.crowd.delay[AT_ONCE] = float(self._waits.sum() / known.sum() + self.near.mean())
        told = np.minimum(ratio(known, came), 1.0)
        timed = np.where(self.near > self.limit, 1.0, ratio(self._late, came))
        return np.array([told, np.clip(timed, 0.0, 1.0 - told)])[:, self.ledger.serving]

    # -- at the end --------------------------------------------------------------------------

    def more(self, came: np.ndarray) -> np.ndarray:
        """How many attempts, whole, there were from each region beyond those who `came`."""
        part = ratio(came, self.ledger.expected.sum(axis=0))
        return np.maximum(np.rint(self._more * part), -came).astype(np.int64)

    def fates(self, count: np.ndarray, offered: np.ndarray) -> Fates:
        """What became of the requests `offered`, (ticks, regions), of whose attempts so many went
        each way. Who was not awaited, or foreseen within a window, has had an answer for nothing.
        """
        ticks, crowd = len(offered), self.crowd
        rows = np.array(crowd.rows).sum(axis=2)
        attempts, sent, answered, _, told, timed, timed_out = rows.T
        waiting = float(crowd.waiting.sum())
        let_in = int(offered.sum() - count[REFUSED].sum())
        total = float((answered + told + timed).sum()) + waiting
        scale = let_in / total if total else 0.0
        open_end = min(round(waiting * scale), let_in)
        lost = round(float((told + timed).sum()) * scale) if self.limit < np.inf else 0
        completed = min(int(count[:ERROR].sum()), max(let_in - open_end - lost, 0))
        failed = let_in - open_end - completed

        def by_tick(values: np.ndarray, many: int) -> np.ndarray:
            values = np.bincount(self._ticks, values, ticks)
            if not values.sum():
                values = offered.sum(axis=1)
            return whole(values * (many / max(values.sum(), 1e-300)))
        return Fates(offered.sum(axis=1), by_tick(answered, completed),
                     by_tick(told + timed, failed), open_end,
                     min(round(float(timed.sum()) * scale), failed),
                     round(float(timed_out.sum()) * scale),
                     round(float((attempts - sent).sum()) * scale), offered)
