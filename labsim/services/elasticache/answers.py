"""What came of the reads of an application with a cache: counted when the run has ended.

Picture the librarian's book of loans: when each reader came and went, whether the shelf had it,
and how old the edition was.

*Models:* hits, failures, latencies, staleness, by read and over time. What the cache gives out
counts as it does, what a reader gets as he has it: who has no answer when the run ends, though it
be on its way, is under way. *Leaves out:* writes, but for their number.
"""

from functools import cached_property

import numpy as np

from labsim.declare import Count, Invariant, Line, Metric, Panel, adds_up, mean, per_tick, quantiles
from labsim.services.rds.measures import NEVER, per_interval


class Answers:
    """The reads of `app` as arrays, (reads,): times and ends, s, hit, stale, s; and how many."""

    def __init__(self, app):
        self.sim = app.sim
        self.times, self.ends, self.stale = (np.array(a) for a in (app.times, app.ends, app.stale))
        self.hit = np.array(app.hit, dtype=bool)
        self.failed = self.ends == NEVER
        answered = self.ends <= self.sim.duration
        self.latency, self._answered = (self.ends - self.times)[answered], answered
        ages = self.stale[self.stale > 0]       # how long they had been out of date, s
        self.offered, self.completed, self.hits = len(self.times), len(self.latency), self.hit.sum()
        self.outdated = len(ages)
        self.failures = int(self.failed.sum())
        self.open = self.offered - self.completed - self.failures
        self.stale_age_mean, self.stale_age_max = mean(ages), ages.max(initial=0.0)
        self.latency_mean = mean(self.latency)
        self.written, self.fetches = app.written, len(app.fetches)
        self._fetched = np.array(app.fetches)
        self.duplicate_fetches, self.sessions_lost = app.duplicate_fetches, app.sessions_lost
        self.served_stale = app.served_stale

    @cached_property
    def latency_quantiles(self) -> dict[int, float]:
        """{50: median latency, 95: ..., 99: ...}, s."""
        return quantiles(self.latency)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        t, tick = self.sim.record.t, self.sim.tick
        ticks = len(t) - 1
        asked, hits, outdated, failed = (per_interval(self.times[which], t) for which in (
            slice(None), self.hit, self.stale > 0, self.failed))
        slot = np.minimum((self.times[self._answered] / tick).astype(int), ticks - 1)
        latency = np.zeros(ticks)
        np.add.at(latency, slot, self.latency)
        latency /= np.maximum(np.bincount(slot, minlength=ticks), 1)
        return curves(tick, asked, hits, failed, outdated, latency,
                      per_interval(self._fetched, t))


def curves(tick: float, offered: np.ndarray, hits: np.ndarray, failed: np.ndarray,
           outdated: np.ndarray, latency: np.ndarray, queries: np.ndarray
           ) -> dict[str, tuple[np.ndarray, str]]:
    """{name: (values at the record's instants, unit)} of so many reads in each tick of `tick` s,
    their mean latency, s, and for how many of them the database was asked; all (ticks,)."""
    asked = np.maximum(offered, 1.0)
    return {
        "offered_rate": per_tick(offered / tick, "req/s"),
        "hits_rate": per_tick(hits / tick, "req/s"),
        "hit_ratio": per_tick(hits / asked, "of reads"),
        "queries_rate": per_tick(queries / tick, "req/s"),
        "failed_rate": per_tick(failed / tick, "req/s"),
        "latency": per_tick(latency, "s"),
        "stale_share": per_tick(outdated / asked, "of answers"),
    }


METRICS = (
    Count("offered", "requests", "reads that came", "", lambda a: a.answers.offered,
          aliases=("reads",)),
    Count("completed", "requests", "reads that were answered", "higher",
          lambda a: a.answers.completed),
    Count("hits", "requests", "reads of what the cache had", "higher", lambda a: a.answers.hits),
    Metric("hit_ratio", "of reads", "part of the reads that asked for what the cache had", "higher",
           lambda a: a.answers.hits / max(a.answers.offered, 1)),
    Count("failed", "requests", "reads that the database turned away or did not answer", "lower",
          lambda a: a.answers.failures),
    Count("open_end", "requests", "reads that were under way when the run ended", "",
          lambda a: a.answers.open),
    Count("served_stale", "requests", "reads answered with what had expired, since the database "
          "failed", "", lambda a: a.answers.served_stale),
    Count("writes_completed", "requests", "writes done", "", lambda a: a.answers.written,
          aliases=("writes",)),
    Count("database_reads", "requests", "reads that went to the database", "lower",
          lambda a: a.answers.fetches),
    Count("duplicate_fetches", "requests", "database reads of a key that was being read already",
          "lower", lambda a: a.answers.duplicate_fetches, aliases=("doubled",)),
    Count("stale", "requests", "answers that were out of date", "lower",
          lambda a: a.answers.outdated),
    Metric("stale_share", "of answers", "part of the answers that were out of date", "lower",
           lambda a: a.answers.outdated / max(a.answers.offered, 1), label="out of date"),
    Metric("stale_age_mean", "s", "how long they had been, mean", "lower",
           lambda a: a.answers.stale_age_mean),
    Metric("stale_age_max", "s", "how long they had been, most", "lower",
           lambda a: a.answers.stale_age_max),
    Count("sessions_lost", "users", "users whose session was lost while it was in use", "lower",
          lambda a: a.answers.sessions_lost, aliases=("logged_out",)),
    Metric("latency_mean", "s", "mean latency of a read", "lower",
           lambda a: a.answers.latency_mean),
    *(Metric(f"latency_p{q}", "s", f"{some} of the reads take no longer", "lower",
             lambda a, q=q: a.answers.latency_quantiles[q])
      for q, some in ((50, "half"), (95, "19 of 20"), (99, "99 of 100"))),
)

PANELS = (
    Panel("Hit ratio", (Line("measured", "hit_ratio"),), marks=("lost", "back")),
    Panel("Reads per second", (Line("offered", "offered_rate"), Line("hits", "hits_rate"),
                                        Line("failed", "failed_rate"))),
    Panel("Latency", (Line("mean", "latency"),)),
)

INVARIANTS = (
    adds_up("offered", "completed", "failed", "open_end"),
    Invariant("every read is a hit or asks the database, or waits for one that does", lambda r: (
        r.summary["hits"] + r.summary["database_reads"] <= r.summary["offered"])),
    Invariant("only hits are out of date, and what is served though it has expired", lambda r: (
        r.summary["stale"] <= r.summary["hits"] + r.summary["served_stale"])),
)
