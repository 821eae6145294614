"""An application with a cache at thousands of reads per second: some keys followed, reads counted.

Picture a turnstile and a few marked visitors: the turnstile counts everybody, and what the marked
ones go through says how the rest fares.

*Models:* what `Application` models, with the popular keys followed each and a sample of the others:
when each misses, how long it is fetched, when it expires, is written, is thrown out. Between those
moments its reads are only counted: as many as are expected, in whole numbers by chance. A fetch
ends with the first of all that are under way: exactly so for works at random. A cache that turns
over often in a run is followed until it has settled after each change, then it is in steady state
(`turnover`). The wait before the database is that at the begin of a step.
*Leaves out:* what `Application` leaves out; that who comes last in a stampede waits longer.

Data plane: counted, in steps of at most a tick of the record, shorter after each change and where
items were loaded together; held against `Application` in the tests.
"""


import numpy as np

from labsim.declare import Retry
from labsim.engine import Gradual, Load, Replayed, Simulation
from labsim.errors import ParameterError, require
from labsim.services.elasticache.answers import INVARIANTS, METRICS, PANELS
from labsim.services.elasticache.followed import FollowedKeys
from labsim.services.elasticache.pace import Pace, landmarks, plan
from labsim.services.elasticache.readers import Readers
from labsim.services.elasticache.rules import LAZY, NONE, SESSIONS, THROUGH, refuse_nonsense
from labsim.services.elasticache.sampled_cluster import NEVER, SampledCluster
from labsim.services.elasticache.stampede import Stampede
from labsim.services.elasticache.tally import Tally
from labsim.services.elasticache.turnover import Turnover, shortest_cycle, time_in_cache
from labsim.services.rds.counted import CountedDatabase


class SampledApplication(FollowedKeys):
    """As `Application`, for `reads` and `writes` per second (a `Load` or a number) of the keys of a
    `SampledCluster`, before a `CountedDatabase`. retry: what readers do who get no answer, or wait
    for too long (a `labsim.retry`); by default nobody comes back."""

    METRICS, PANELS, INVARIANTS = METRICS, PANELS, INVARIANTS
    shows = (("reads/s", "offered_rate"), ("hits", "hit_ratio"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, cache: SampledCluster, database: CountedDatabase,
                 *, reads: Load | float, writes: Load | float = 0.0, strategy: str = LAZY,
                 trip: float = 0.001, ttl: float = 0.0, jitter: float = 0.0, lock: bool = False,
                 warm: bool = False, retry: Retry | None = None):
        super().__init__(sim, name)
        refuse_nonsense(strategy, trip=trip, ttl=ttl, jitter=jitter)
        for what, load in (("reads", reads), ("writes", writes)):
            if not isinstance(load, Load):
                require(what, load, unit="requests/s")
        for part, kind in ((cache, SampledCluster), (database, CountedDatabase)):
            if not isinstance(part, kind):
                raise ParameterError(part.name, part, f"a {kind.__name__}")
        self.cluster, self.database, self.strategy = cache, database, strategy
        self.trip, self.ttl, self.jitter, self.lock = trip, ttl or NEVER, jitter, lock
        self.curves = [(load if isinstance(load, Load) else Load.steady(load)).curve(sim.duration)
                       for load in (reads, writes)]
        self.random = sim.stream(f"{name} sample")
        self.answers = self.tally = Tally(0 if strategy == NONE else 2, database, sim)
        self.ready = np.full(len(cache.sample), -NEVER)     # when what is fetched will be there, s,
        self.latest = np.full(len(cache.sample), -NEVER)    # and when the last query for it ends
        self._stampede = Stampede(database.work, self.random)
        self._now, self._wait, self._admits = 0.0, 0.0, 1.0
        self._counts = [Gradual(curve, self.random) if isinstance(curve, Replayed) else None
                        for curve in self.curves]       # how many come, where that is known
        self._upto = [curve.cumulative for curve in self.curves]
        self._even = all((curve.rate == curve.rate[0]).all() for curve in self.curves)
        self._rates(0.0, sim.duration)
        jumps, others = ({t for curve in self.curves for t in landmarks(curve)[k].tolist()}
                         for k in (0, 1))
        warm = warm and strategy in (LAZY, THROUGH)
        self._pace = Pace(sim.record.t, *self._planned(), self.ttl, jumps, warm or strategy == NONE,
                          others)
        self.turnover = Turnover(self)
        self.readers, self._part = retry and Readers(self, retry), 0.0
        if retry:
            self._pace.careful = self.readers.close
        cache.users.append(self)
        database.served_for(self)
        self.link(cache)
        self.link(database, "misses")
        sim.on_advance(self.advance)
        if warm:
            cache.warm()
            there = np.flatnonzero(cache.has)
            used = cache.last[there]
            self.keep(there, np.zeros(len(there)))
            cache.last[there] = used

    def _planned(self) -> tuple[float, float]:
        """How long a step is at most, and how long it takes until all has settled, s."""
        touched, sessions = self.reads + self.fills, self.strategy == SESSIONS
        if self.strategy == NONE or not touched.any():
            return self.sim.tick, NEVER
        fetch = 0.0 if sessions else self.trip + self.database.work.mean
        done = min(1.0, self.database.rate / max(self.cluster.sample.weight @ self.writes, 1e-9))
        cycle = shortest_cycle(self.reads, done * self.fills, self.ttl * (1.0 - self.jitter / 2),
                               fetch, sessions)
        stay = time_in_cache(self.cluster, touched, self.cluster.fewest)
        return plan(self.sim.duration, self.sim.tick, stay, cycle, self.ttl)

    def _rates(self, begin: float, end: float) -> tuple[float, float]:
        """Reads and writes to be expected; of each key per second they are kept as well."""
        length = end - begin
        rates = [curve.rate[0] if self._even else
                 float(np.diff(np.interp([begin, end], curve.t, upto))[0]) / length if counts else
                 curve.expected(np.array([begin, end]))[0] / length
                 for curve, upto, counts in zip(self.curves, self._upto, self._counts)]
        if begin == 0 or not self._even:
            sample = self.cluster.sample
            self.reads, self.writes = (sample.share * rate for rate in rates)
            self.fills = self.writes if self.strategy == THROUGH else np.zeros(len(sample))
            self.weighed = sample.weight * self.reads       # of all that a key stands for
            self.touched = np.maximum(self.reads + self.fills, 1e-200)
            self._once, self.fresh = self.reads, self.weighed   # before anybody comes back
        return rates[0] * length, rates[1] * length

    def wired(self) -> None:
        """It brings its readers with it."""

    # -- step by step ------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Let requests come and go until `now`."""
        pace = self._pace
        while self._now < now:
            self.sim.check()
            if self._now in pace.marks:
                self._begin_small(pace.marks[self._now])
            standing = self.database.standing or bool(self.readers and self.readers.troubled)
            if not (self.readers and standing) and pace.settled(self._now, standing):
                self.cluster.each()
            end = pace.end(self._now, now, standing)
            self._step(self._now, end)
            self._now = end
        if now < self.sim.duration:     # who has made it advance is about to change something
            self._begin_small(True)

    def _begin_small(self, changed: bool) -> None:
        if self._pace.small(self._now, changed):
            self.turnover.resume(self._now)

    def _step(self, begin: float, end: float) -> None:
        reads, writes = self._rates(begin, end)
        tally, database, length, readers = self.tally, self.database, end - begin, self.readers
        tally.clear()
        self._wait, self._admits = database.wait, max(database.admits, 1e-9)
        if readers:
            back = readers.due(begin, end).sum(0)
            stopped = readers.stopped(begin, reads + back.sum())
            self._read_again(back / length, 1.0 - stopped)
        if self.strategy == NONE:
            tally.missing = float(reads if not readers else self.weighed.sum() * length)
            if readers:
                readers.missed(slice(None), self.weighed * length)
        elif self._pace.steady:
            self.turnover.step(begin, length)
        else:
            self._follow(begin, end)
            self.cluster.throw_out()
        offered, wrote = (
            counts.during(begin, end) if counts else self.random.poisson(expected)
            for counts, expected in zip(self._counts, (reads, writes)))
        fresh = offered
        if readers:
            reads = float(self.weighed.sum()) * length
            came = (fresh + back.sum()) * (1.0 - stopped) + self._part
            offered, self._part = int(came), came % 1.0     # whole ones, and what is left over
        if self.strategy != NONE:
            self.cluster.ask(reads)
        queries = tally.draw(offered, reads, self.lock, self.random)
        well = database.count(begin, end, queries + wrote)
        answered = round(well * queries / max(queries + wrote, 1))
        tally.close(begin, answered, well - answered, self.way)
        if readers:
            readers.end(begin, end, fresh, stopped)

    def _read_again(self, back: np.ndarray, share: float) -> None:
        """So many come back per second for each key, (followed,); of all a `share` gets here."""
        self.reads = share * (self._once + back / self.cluster.sample.weight)
        self.weighed = share * (self.fresh + back)
        self.touched = np.maximum(self.reads + self.fills, 1e-200)

    # -- at the end of the run ---------------------------------------------------------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Reads, hits, failures, latency and staleness over time."""
        return self.tally.series()

