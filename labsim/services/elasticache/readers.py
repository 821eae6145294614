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
from labsim.engine.pace import LONGEST
from labsim.errors import ParameterError
from labsim.services.common.retries import RetryQuota

BINS = 96           # for the longest wait
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
               lambda r: r.amplification),
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
        self.close = max(LONGEST, self.sim.duration / STEPS)    # s of a step while anybody waits
        patience = retry.timeout if retry.timeout < math.inf else 0.0
        longest = patience + max((high for _, high in self.waits), default=0.0) + 2 * self.close
        self._width = max(longest / BINS, self.close / 4)
        self._bins = int(longest / self._width) + 3
        self.pool = np.zeros((self._bins, n))       # who waits, by when he is back, and his tries
        self.keys = np.zeros((self._bins, len(app.cluster.sample)))     # and what he wants
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
        """Who is back between `begin` and `end`, s: reads of each key, (followed,)."""
        self._asked[:] = self._missed[:] = self._fetched[:] = 0.0
        width, last = self._width, int(end / self._width)
        first = max(self._first, last - self._bins + 1)
        keys, self._back = np.zeros(self.keys.shape[1]), np.zeros(self.pool.shape[1])
        if not self.troubled:
            self._first = last
            return keys
        for bin_ in range(first, last + 1):
            at = bin_ % self._bins
            part = 1.0 if bin_ < last else min(1.0, (end - max(begin, last * width)) / (
                (last + 1) * width - max(begin, last * width)))
            for pool, due in ((self.pool, self._back), (self.keys, keys)):
                out = pool[at] * part
                pool[at] -= out
                due += out
        self._first = last
        return keys

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
        wait_mean = app.tally.left / app.tally.window if app.tally.window else 0.0
        spare = self.retry.timeout - trips / 2
        waits = 1.0 - min(1.0, max(0.0, spare) / (2.0 * wait_mean)) if wait_mean else 0.0
        return late, waits

    def end(self, begin: float, end: float, fresh: int, back: np.ndarray, stopped: float) -> None:
        """The step is over, in which so many came for the first time, and `back` again."""
        tally, app = self.app.tally, self.app
        queries, waits, hits, answered = tally.last
        tries = np.concatenate([[float(fresh)], self._back])
        refused = float(queries - answered)
        trips = app.way * tally.trips
        late_query, late_wait = self._too_late(app.database.stood, trips)
        late = answered * late_query + waits * late_wait
        if app.way > self.retry.timeout:
            late += hits
        gone = np.outer([refused, late], self._who(tries, back, end - begin))
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
        self._put(begin, end, failed[:-1] * again, 0.0, self._missed + self._asked)
        self._put(begin, end, timed[:-1] * again, self.retry.timeout, self._fetched + self._asked)
        self.rows.append((begin, fresh, tries.sum(), good.sum(), timed.sum(),
                          (1.0 - again) * (failed + timed)[:-1].sum() + failed[-1] + timed[-1]))
        lost = failed.sum() + timed.sum()
        self.troubled = lost > 1e-6 * tries.sum() or self.pool.sum() > 1e-3

    def _who(self, tries: np.ndarray, back: np.ndarray, length: float) -> np.ndarray:
        """Of what fails in a step of `length` s, the share of those who ask for the first time, the
        second, ...: those who come again want what is mostly missing."""
        mass = self._missed + self._asked
        if not (self._back.any() and mass.any()):
            return tries / max(tries.sum(), 1e-300)
        share = np.minimum(mass / np.maximum(self.app.weighed * length, 1e-300), 1.0)
        again = min(1.0, float(share @ back) / float(mass.sum()))
        return np.concatenate([[1.0 - again], again * self._back / self._back.sum()])

    def _put(self, begin: float, end: float, later: np.ndarray, after: float,
             wants: np.ndarray) -> None:
        """These wait, from `after` s after their attempt on, and want those keys."""
        many = later.sum()
        if not many > 0:
            return
        if not wants.any():
            wants = self.app.weighed
        width, bins = self._width, np.zeros(self._bins)
        edges = (self._first + np.arange(self._bins + 1)) * width
        edges[0] = -math.inf        # nobody is back before the step is over
        for n, (low, high) in enumerate(self.waits):
            low, high = begin + after + low, end + after + high
            part = np.diff(np.clip((edges - low) / (high - low), 0.0, 1.0))
            part[-1] += 1.0 - part.sum()
            self.pool[(self._first + np.arange(self._bins)) % self._bins, n] += part * later[n]
            bins += part * later[n]
        some = np.flatnonzero(bins)
        self.keys[(self._first + some) % self._bins] += np.outer(bins[some], wants / wants.sum())

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
                                    ("goodput_rate", COMPLETED), ("lost_rate", LOST))}
