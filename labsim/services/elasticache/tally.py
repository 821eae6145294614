"""What came of reads that were counted: whole numbers, step by step.

Picture a tally sheet: so many came in this minute, so many had what they wanted at once, so many
had to wait, and how long, as far as a few of them were asked.

*Models:* each read of a step is a hit, a query or a wait for another's query by chance, with the
shares that are expected; latencies of a few queries a step stand for all, and say who is under way
when the run ends. *Leaves out:* the order of the reads in a step.
"""

from functools import cached_property

import numpy as np

from labsim.services.elasticache.answers import curves

ASKED = 32      # queries and waits of a step whose latencies are drawn
QUANTILES = (50, 95, 99)
BEGIN, OFFERED, HITS, WAITS, ANSWERED, FAILED, OUTDATED, STANDING = range(8)     # columns of a row


class Tally:
    """The reads of a `SampledApplication`. In a step `missing` and `window` are the reads to be
    expected of keys that are missing and of those that are being fetched, `left` the s that the
    latter will still wait, all together, `lost` the sessions; what came of it is a row."""

    def __init__(self, trips: int, database, sim):
        self.trips, self.database, self.sim = trips, database, sim
        self.rows: list[tuple] = []
        self.fetches = self.duplicate_fetches = self.written = 0
        self.stale_age_max = self._ages = self.sessions_lost = 0.0
        self.clear()

    def clear(self) -> None:
        """A new step."""
        self.missing = self.window = self.left = self.lost = self.stale = self.aged = 0.0
        self.oldest = 0.0

    def age(self, reads: np.ndarray, ages: np.ndarray, oldest: float = 0.0) -> None:
        """So many reads to be expected were out of date for so long, s."""
        self.stale += float(reads.sum())
        self.aged += float(reads @ ages)
        self.oldest = max(self.oldest, oldest)

    def draw(self, offered: int, expected: float, lock: bool, random: np.random.Generator) -> int:
        """`offered` reads came where `expected` were: how many of them go to the database."""
        whole = max(expected, 1e-300)
        window = min(self.window / whole, 1.0)
        asking = min(self.missing / whole, 1.0 - window) + (0.0 if lock else window)
        self._offered = offered
        self._queries = random.binomial(offered, min(asking, 1.0))
        rest = offered - self._queries
        waits = min(1.0, window / max(1.0 - asking, 1e-300)) if lock else 0.0
        self._waits = random.binomial(rest, waits) if waits else 0
        self._hits = rest - self._waits
        of_hits = self.stale / max(whole - self.missing - self.window, 1e-300)
        self._outdated = random.binomial(self._hits, min(of_hits, 1.0)) if self.stale else 0
        self.fetches += self._queries
        if not lock and self.window:
            self.duplicate_fetches += random.binomial(
                self._queries, min(1.0, window / max(asking, 1e-300)))
        if self._outdated:
            self._ages += self._outdated * self.aged / self.stale
            self.stale_age_max = max(self.stale_age_max, self.oldest)
        self.sessions_lost += self.lost
        return self._queries

    def close(self, begin: float, answered: int, written: int, trip: float) -> None:
        """The step's queries: so many were answered; so many writes were done; a way to the cache
        took `trip` s."""
        self.last = self._queries, self._waits, self._hits, answered
        database = self.database
        self.written += written
        self.rows.append((begin, self._offered, self._hits, self._waits, answered,
                          self._queries - answered, self._outdated, database.stood,
                          database.delayed, database.ripple,
                          self.left / self.window if self.window else 0.0, database.slow, trip))

    # -- when the run has ended --------------------------------------------------------------------

    @cached_property
    def _columns(self) -> np.ndarray:
        return np.array(self.rows, dtype=float).T

    def _sum(self, *columns: int) -> int:
        return round(self._columns[list(columns)].sum())

    offered = property(lambda self: self._sum(OFFERED), doc="Reads that came.")
    completed = property(lambda self: self._sum(HITS, WAITS, ANSWERED) - self.open,
                         doc="Reads answered.")
    hits = property(lambda self: self._sum(HITS), doc="Reads that the cache answered.")
    failures = property(lambda self: self._sum(FAILED), doc="Reads turned away.")
    served_stale = 0
    open = property(lambda self: round(self._latency[2].sum()), doc="Reads under way at the end.")
    outdated = property(lambda self: self._sum(OUTDATED), doc="Answers that were out of date.")

    @property
    def stale_age_mean(self) -> float:
        """How long those had been, s."""
        return self._ages / max(self.outdated, 1)

    @cached_property
    def _latency(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Latencies, s, how many reads each stands for that were answered, and how many that were
        not when the run ended: (steps, 1 + 2 ASKED)."""
        columns, dice = self._columns, self.sim.stream("sampled latencies")
        shape = columns.shape[1], ASKED
        standing, delayed, ripple, left, slow, trip = (
            columns[which][:, None] for which in range(STANDING, 13))
        work = slow * self.database.work.draw(shape[0] * ASKED, dice).reshape(shape)
        late = (dice.random(shape) < delayed) * ripple * dice.standard_exponential(shape)
        query = self.trips * trip + standing + late + work
        wait = trip + 2 * left * dice.random(shape)
        took = np.concatenate([trip, query, wait], axis=1)
        each = [np.repeat(columns[which][:, None] / ASKED, ASKED, 1) for which in (ANSWERED, WAITS)]
        reads = np.concatenate([columns[HITS][:, None], *each], axis=1)
        begin, end = columns[BEGIN], np.append(columns[BEGIN][1:], self.sim.duration)
        late = (end[:, None] + took - self.sim.duration) / (end - begin)[:, None]
        open_ = reads * np.clip(late, 0.0, 1.0)     # they come evenly in a step
        return took, reads - open_, open_

    @property
    def latency_mean(self) -> float:
        """Mean latency of the reads that were answered, s."""
        took, reads, _ = self._latency
        return float((took * reads).sum() / max(reads.sum(), 1.0))

    @cached_property
    def latency_quantiles(self) -> dict[int, float]:
        """{50: median latency, 95: ..., 99: ...}, s."""
        took, reads, _ = (x.ravel() for x in self._latency)
        order = np.argsort(took, kind="stable")
        upto = np.cumsum(reads[order])
        at = np.searchsorted(upto, upto[-1] * np.array(QUANTILES) / 100)
        return {q: float(took[order[min(k, len(order) - 1)]]) if upto[-1] else 0.0
                for q, k in zip(QUANTILES, at)}

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        tick, ticks = self.sim.tick, len(self.sim.record.t) - 1
        columns = self._columns
        slot = np.searchsorted(self.sim.record.t, columns[BEGIN], side="right") - 1
        took, reads, _ = self._latency

        def each(values):
            return np.bincount(slot, values, ticks)[:ticks]
        offered, hits, failed, outdated, answered = (each(columns[which]) for which in (
            OFFERED, HITS, FAILED, OUTDATED, ANSWERED))
        latency = each((took * reads).sum(1)) / np.maximum(each(reads.sum(1)), 1.0)
        return curves(tick, offered, hits, failed, outdated, latency, answered + failed)
