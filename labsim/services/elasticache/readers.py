"""Readers who come back, counted: what is turned away or takes too long is asked for again.

Picture the crowd before the counter, of which nobody knows the names. So many went away angry; of
these so many will be back in a second, so many in two; and what they wanted was mostly what nobody
had, so that is what they will want again.

*Models:* clients of a `SampledApplication`: attempts whose answer comes in time, is an error, or
has not come within a timeout; retries with all backoffs, after those the reads of each followed key
grow; a retry budget, of all clients alike; a circuit breaker, of all clients together.
*Leaves out:* hedged requests; clients whose luck differs.

Data plane: counted, by the steps of the application; held against `Client` in the tests.
"""

import math
from functools import cached_property

import numpy as np

from labsim.declare import Client, Component, Count, Invariant, Metric, adds_up, per_tick
from labsim.declare.retry import (
    DECORRELATED,
    FULL_JITTER,
    RETRY_COST,
    TIMEOUT_COST,
    Retry,
    wait,
)
from labsim.errors import ParameterError
from labsim.services.common.retries import RetryQuota
from labsim.services.elasticache.pace import CLOSE

BINS = 64           # for the longest wait
CROWDS = 3          # who tries for the second time, the third, and later: they want other things
STEPS = 2_000       # of a run at most for the sake of those who wait
LUCK = 64           # works that are looked at to know how many are late
COLUMNS = BEGIN, OFFERED, ATTEMPTS, COMPLETED, LATE, LOST = range(6)    # of a row per step


def bounds(retry: Retry, number: int) -> tuple[float, float]:
    """Between which the wait before retry `number` is, evenly, s."""
    longest = wait(retry.backoff, number, retry.base, retry.cap, 1.0,
                   retry.base * 3.0 ** min(number - 2, 100) if number > 1 else 0.0)
    if retry.backoff == DECORRELATED:
        return min(retry.base, longest), longest
    return (0.0 if retry.backoff == FULL_JITTER else longest), longest


class Readers(Component):
    """The clients of `app`, who come back as `retry` says."""

    METRICS = tuple(
        Count(metric.name, metric.unit, metric.meaning, metric.better,
              lambda r, name=metric.name: r.total[name])
        for metric in Client.METRICS if metric.name in (
            "offered", "attempts", "retries", "completed", "failed", "abandoned", "open_end",
            "timed_out", "refused", "short_circuited")) + (
        Metric("amplification", "x", "attempts that were sent, per request", "lower",
               lambda r: r.amplification, label="attempts per request"),
        Metric("goodput", "req/s", "requests answered in time, per second", "higher",
               lambda r: r.total["completed"] / r.sim.duration))
    PANELS = Client.PANELS[:1]
    INVARIANTS = (adds_up("offered", "completed", "failed", "abandoned", "open_end"),
                  adds_up("attempts", "offered", "retries"),
                  Invariant("no count is negative", lambda r: min(r.summary.values()) >= 0))
    boxed = False

    def __init__(self, app, retry: Retry):
        super().__init__(app.sim, f"{app.name} readers")
        if retry.hedge < math.inf or retry.adaptive or not isinstance(retry.timeout, (int, float)):
            raise ParameterError("retry", retry, "a timeout that is a number, no hedge, and no "
                                 "adaptive rate, where readers are counted")
        self.app, self.retry, n = app, retry, retry.attempts - 1
        self.waits = [bounds(retry, number + 1) for number in range(n)]
        self.close = max(CLOSE, self.sim.duration / STEPS)    # s of a step while anybody waits
        patience = retry.timeout if retry.timeout < math.inf else 0.0
        longest = patience + max((high for _, high in self.waits), default=0.0) + 2 * self.close
        self._width = max(longest / BINS, self.close / 4)
        self._bins = int(longest / self._width) + 3
        self.pool = np.zeros((self._bins, n))       # who waits, by when he is back, and his tries
        self._crowd = np.minimum(np.arange(n), CROWDS - 1)  # of which crowd each retry is,
        self.keys = np.zeros((min(n, CROWDS), self._bins, len(app.cluster.sample)))  # and its wants
        self._first = 0
        self.quota = RetryQuota(retry.clients, retry.budget) if retry.budget < math.inf else None
        self._asked, self._missed, self._fetched = np.zeros((3, len(app.cluster.sample)))
        self._total = dict.fromkeys(("refused", "timed_out", "failed", "abandoned",
                                     "short_circuited"), 0.0)
        self.rows: list[tuple] = []
        self.troubled = False           # some fail, or wait
        self._luck = np.sort(app.database.work.draw(LUCK * LUCK, app.random))[LUCK // 2::LUCK]
        self._seen, self._fails = 0.0, 0.0      # of a client's last answers, and failures of them
        self._open_until, self._trials = -1.0, False

    # -- what the application tells of a step ------------------------------------------------------

    def missed(self, k, reads: np.ndarray) -> None:
        """So many reads of the keys `k` met no value, nor anybody who fetches it."""
        self._missed[k] += reads

    def fetched(self, k, reads: np.ndarray) -> None:
        """So many of those were the first."""
        self._fetched[k] += reads

    def asked(self, k, reads: np.ndarray) -> None:
        """So many reads of the keys `k` came while others fetched it."""
        self._asked[k] += reads

    # -- a step ------------------------------------------------------------------------------------

    def due(self, begin: float, end: float) -> np.ndarray:
        """Who is back between `begin` and `end`, s: reads of each key by crowd, (crowds, followed).
        """
        self._asked[:] = self._missed[:] = self._fetched[:] = 0.0
        width, last = self._width, int(end / self._width)
        first = max(self._first, last - self._bins + 1)
        self._again = np.zeros((len(self.keys), self.keys.shape[2]))
        self._back, self._first = np.zeros(self.pool.shape[1]), last
        for bin_ in range(first, last + 1) if self.troubled else ():
            at, part = bin_ % self._bins, 1.0
            if bin_ == last:
                left = (last + 1) * width - max(begin, last * width)
                part = min(1.0, (end - max(begin, last * width)) / left)
            for pool, due in ((self.pool[at], self._back), (self.keys[:, at], self._again)):
                due += pool * part
                pool -= pool * part
        return self._again

    def stopped(self, begin: float, attempts: float) -> float:
        """The share of so many attempts that breakers stop."""
        breaker = self.retry.breaker
        if not breaker or not self._trials and begin >= self._open_until:
            return 0.0
        if begin < self._open_until:
            return 1.0
        return 1.0 - min(1.0, breaker.trials * self.retry.clients / max(attempts, 1e-300))

    def _too_late(self, standing: float, trips: float) -> tuple[float, float]:
        """The share of queries, and of those who wait for one of another, that take too long."""
        app, database = self.app, self.app.database
        left = self.retry.timeout - trips - standing
        luck = self._luck * database.slow
        late = float(np.mean(luck > left))
        if database.ripple:
            tail = np.exp(-np.maximum(left - luck, 0.0) / database.ripple)
            late += database.delayed * (float(np.mean(tail)) - late)
        late = late if late > 1e-9 else 0.0
        wait_mean = app.tally.left / app.tally.window if app.tally.window else 0.0
        spare = self.retry.timeout - trips / 2
        waits = 1.0 - min(1.0, max(0.0, spare) / (2.0 * wait_mean)) if wait_mean else 0.0
        return late, waits

    def end(self, begin: float, end: float, fresh: int, stopped: float) -> None:
        """The step is over, in which so many came for the first time."""
        tally, app = self.app.tally, self.app
        queries, waits, hits, answered = tally.last
        tries = np.concatenate([[float(fresh)], self._back])
        refused = float(queries - answered)
        trips, self._admitted = app.way * tally.trips, answered / max(queries, 1)
        late_query, late_wait = self._too_late(app.database.stood, trips)
        late = answered * late_query + waits * late_wait
        if app.way > self.retry.timeout:
            late += hits
        gone = np.outer([refused, late], self._who(tries, end - begin))
        let = tries * (1.0 - stopped)
        gone *= np.minimum(1.0, let / np.maximum(gone.sum(0), 1e-300))
        failed, timed = gone
        good, halted = let - failed - timed, tries - let
        total = self._total
        total["short_circuited"] += halted.sum()
        total["refused"] += failed.sum()
        total["timed_out"] += timed.sum()
        self._tell(end, good.sum(), failed.sum() + timed.sum())
        failed = failed + halted
        again = 1.0
        if self.quota:
            price = failed[:-1].sum() + timed[:-1].sum() * TIMEOUT_COST / RETRY_COST
            again = self.quota.share(price, good[0], good[1:].sum())
            self.quota.settle()
        for fate, lost in (("failed", failed), ("abandoned", timed)):
            total[fate] += lost[-1] + (1.0 - again) * lost[:-1].sum()
        for lost, after, wants in (
                (failed, 0.0, self._missed + self._asked),
                (timed, self.retry.timeout, self._fetched + self._admitted * self._asked)):
            self._put(begin, end, lost[:-1] * again, after, wants)
        self.rows.append((begin, fresh, tries.sum(), good.sum(), timed.sum(),
                          (1.0 - again) * (failed + timed)[:-1].sum() + failed[-1] + timed[-1]))
        lost = failed.sum() + timed.sum()
        self.troubled = lost > 1e-6 * tries.sum() or self.pool.sum() > 1e-3

    def _who(self, tries: np.ndarray, length: float) -> np.ndarray:
        """Of what fails in a step of `length` s, the share of those who ask for the first time, the
        second, ...: who comes again wants what was missing."""
        mass = self._missed + self._asked
        self._first_reads = self.app.fresh * length
        self._reads = self._first_reads + self._again.sum(0)
        if not (self._back.any() and mass.any()):
            return tries / max(tries.sum(), 1e-300)
        again = self._again @ np.minimum(mass / np.maximum(self._reads, 1e-300), 1.0)
        crowds = np.bincount(self._crowd, self._back, len(again))
        each = self._back * (again / np.maximum(crowds, 1e-300))[self._crowd]
        first = max(float(mass.sum()) - float(each.sum()), 0.0)
        return np.append(first, each) / max(first + float(each.sum()), 1e-300)

    def _put(self, begin: float, end: float, later: np.ndarray, after: float,
             wants: np.ndarray) -> None:
        """These wait, from `after` s after their attempt on, for those of the keys that they wanted
        which such attempts were for, all `wants` together."""
        if not later.sum() > 0:
            return
        width, many = self._width, self._first + np.arange(self._bins)
        edges = np.append(-math.inf, many[1:] * width)  # nobody is back before the step is over
        edges = np.append(edges, math.inf)
        crowds: dict[tuple[int, int], np.ndarray] = {}      # from which one to which
        for n in np.flatnonzero(later).tolist():
            low, high = self.waits[n]
            wide = max(high - low, end - begin)
            low = (begin + end + low + high - wide) / 2 + after
            part = later[n] * np.diff(np.clip((edges - low) / wide, 0.0, 1.0))
            self.pool[many % self._bins, n] += part
            way = self._crowd[n - 1] if n else -1, self._crowd[n]
            crowds[way] = crowds.get(way, 0.0) + part
        for (before, crowd), part in crowds.items():
            asked = self._first_reads if before < 0 else self._again[before]
            keys = asked * wants / np.maximum(self._reads, 1e-300)
            if not keys.any():
                keys = asked
            some = np.flatnonzero(part)
            self.keys[crowd, many[some] % self._bins] += np.outer(part[some], keys / keys.sum())

    def _tell(self, t: float, good: float, bad: float) -> None:
        """The breaker of each client hears of its part of the answers."""
        breaker = self.retry.breaker
        if not breaker or t <= self._open_until or not good + bad:
            return
        each = (good + bad) / self.retry.clients
        keep = math.exp(-each / breaker.window)
        self._seen = self._seen * keep + each
        self._fails = self._fails * keep + bad / self.retry.clients
        if self._trials:       # half open: of the trials none may fail
            self._trials = False
            if (good / max(good + bad, 1e-300)) ** breaker.trials < 0.5:
                return self._open(t)
        if self._seen > breaker.window / 2 and self._fails >= breaker.failures * self._seen:
            self._open(t)

    def _open(self, t: float) -> None:
        self._open_until, self._trials = t + self.retry.breaker.open_for, True
        self._seen = self._fails = 0.0

    # -- at the end of the run ---------------------------------------------------------------------

    @cached_property
    def _columns(self) -> np.ndarray:
        return np.array(self.rows, dtype=float).reshape(-1, len(COLUMNS)).T

    @cached_property
    def total(self) -> dict[str, float]:
        """How many requests and attempts have come to each fate."""
        offered, attempts, good = (self._columns[which].sum() for which in (
            OFFERED, ATTEMPTS, COMPLETED))
        return {**self._total, "offered": offered, "attempts": attempts,
                "retries": attempts - offered, "completed": good, "open_end": self.pool.sum()}

    @property
    def amplification(self) -> float:
        """Attempts that were sent, per request."""
        total = self.total
        return (total["attempts"] - total["short_circuited"]) / max(total["offered"], 1.0)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests and attempts per second."""
        t, columns = self.record.t, self._columns
        slot = np.searchsorted(t, columns[BEGIN], side="right") - 1
        return {name: per_tick(np.bincount(slot, columns[which], len(t) - 1)[:len(t) - 1]
                               / self.sim.tick, "req/s")
                for name, which in (("offered_rate", OFFERED), ("attempts_rate", ATTEMPTS),
                                    ("goodput_rate", COMPLETED), ("late_rate", LATE),
                                    ("lost_rate", LOST))}
