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

from labsim.declare import Component
from labsim.engine import Load, Simulation
from labsim.errors import ParameterError, require
from labsim.services.elasticache.answers import INVARIANTS, METRICS, PANELS
from labsim.services.elasticache.cache_aside import LAZY, NONE, SESSIONS, THROUGH, refuse_nonsense
from labsim.services.elasticache.pace import Pace, plan
from labsim.services.elasticache.sampled_cluster import NEVER, SampledCluster
from labsim.services.elasticache.stampede import Stampede
from labsim.services.elasticache.tally import Tally
from labsim.services.elasticache.turnover import (
    Turnover,
    expected_time,
    shortest_cycle,
    stays,
    time_in_cache,
)
from labsim.services.rds.counted import CountedDatabase


class SampledApplication(Component):
    """As `Application`, for `reads` and `writes` per second (a `Load` or a number) of the keys of a
    `SampledCluster`, before a `CountedDatabase`."""

    METRICS, PANELS, INVARIANTS = METRICS, PANELS, INVARIANTS
    shows = (("reads/s", "offered_rate"), ("hit ratio", "hit_ratio"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, cache: SampledCluster, database: CountedDatabase,
                 *, reads: Load | float, writes: Load | float = 0.0, strategy: str = LAZY,
                 trip: float = 0.001, ttl: float = 0.0, jitter: float = 0.0, lock: bool = False,
                 warm: bool = False):
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
        self.answers = self.tally = Tally(trip, 0 if strategy == NONE else 2, database, sim)
        self.ready = np.full(len(cache.sample), -NEVER)     # when what is fetched will be there, s,
        self.latest = np.full(len(cache.sample), -NEVER)    # and when the last query for it ends
        self._stampede = Stampede(database.work, self.random)
        self._now, self._wait, self._admits = 0.0, 0.0, 1.0
        self._even = all((curve.rate == curve.rate[0]).all() for curve in self.curves)
        self._rates(0.0, sim.duration)
        jumps = {t for curve in self.curves for t in curve.t[1:][np.diff(curve.t) == 0].tolist()}
        warm = warm and strategy in (LAZY, THROUGH)
        self._pace = Pace(sim.record.t, *self._planned(), self.ttl, jumps, warm or strategy == NONE)
        self.turnover = Turnover(self)
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
                 curve.expected(np.array([begin, end]))[0] / length for curve in self.curves]
        if begin == 0 or not self._even:
            sample = self.cluster.sample
            self.reads, self.writes = (sample.share * rate for rate in rates)
            self.fills = self.writes if self.strategy == THROUGH else np.zeros(len(sample))
            self.weighed = sample.weight * self.reads       # of all that a key stands for
            self.touched = np.maximum(self.reads + self.fills, 1e-200)
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
            if pace.settled(self._now, self.database.standing):
                self.cluster.each()
            end = pace.end(self._now, now, self.database.standing)
            self._step(self._now, end)
            self._now = end
        if now < self.sim.duration:     # who has made it advance is about to change something
            self._begin_small(True)

    def _begin_small(self, changed: bool) -> None:
        if self._pace.small(self._now, changed):
            self.turnover.resume(self._now)

    def _step(self, begin: float, end: float) -> None:
        reads, writes = self._rates(begin, end)
        tally, database, length = self.tally, self.database, end - begin
        tally.clear()
        self._wait, self._admits = database.wait, max(database.admits, 1e-9)
        if self.strategy == NONE:
            tally.missing = reads
        elif self._pace.steady:
            self.turnover.step(begin, length)
        else:
            self._follow(begin, end)
            self.cluster.throw_out()
        if self.strategy != NONE:
            self.cluster.ask(reads)
        offered, wrote = self.random.poisson(reads), self.random.poisson(writes)
        queries = tally.draw(offered, reads, self.lock, self.random)
        admitted = database.count(begin, end, queries + wrote)
        answered = round(admitted * queries / max(queries + wrote, 1))
        tally.close(begin, answered, admitted - answered)

    # -- followed keys -----------------------------------------------------------------------------

    def _follow(self, begin: float, end: float) -> None:
        """Each followed key from `begin` to `end`, s: kept, missing, being fetched, in turns."""
        cluster, dice, tally = self.cluster, self.random, self.tally
        weighed, at = self.weighed, np.full(len(self.weighed), begin)
        if self.strategy == SESSIONS:
            self._unused = cluster.longest_unused((begin + end) / 2)
        if any(cluster.away):
            out = cluster.out()
            self._unanswered(weighed[out], self.reads[out], end - begin)
            at[out] = end
        k = np.flatnonzero((self.ready > begin) & (at < end))
        if len(k):
            self._fetching(k, self.ready[k], at, end)
        while True:
            self._kept(np.flatnonzero(cluster.has & (cluster.expires > at) & (at < end)), at, end)
            k = np.flatnonzero(at < end)
            if not len(k):
                break
            ending, left = self._admits * self.touched[k], end - at[k]
            tally.missing += weighed[k] @ expected_time(ending, left)
            if self.strategy == SESSIONS:
                last = cluster.last[k]
                seen = np.maximum(last, -1e300) + np.where(last > -NEVER, self.ttl, 0.0)
                busy = np.clip(seen - at[k], 0.0, left)
                tally.lost += weighed[k] @ expected_time(ending, busy)
            moment = at[k] + dice.standard_exponential(len(k)) / ending
            at[k] = end
            begun = moment < end
            k, moment = k[begun], moment[begun]
            at[k] = self.latest[k] = moment
            there = moment if self.strategy == SESSIONS else self._fetched(k, moment)
            self._fetching(k, there, at, end)

    def _kept(self, k: np.ndarray, at: np.ndarray, end: float) -> None:
        """These are there: their reads hit, until they expire."""
        cluster, tally, weighed = self.cluster, self.tally, self.weighed
        since, until = at[k], np.minimum(cluster.expires[k], end)
        used = until - self.random.standard_exponential(len(k)) / self.touched[k]
        last = np.where(used > since, used, cluster.last[k])
        if self.strategy == SESSIONS:
            ended = until < end
            last[ended] = until[ended] - self.ttl
            self._renewed(k, weighed[k] * (until - since), min(self.ttl, self._unused))
        elif self.strategy == LAZY:
            written = cluster.outdated[k]
            stale = np.flatnonzero(until > written)
            if len(stale):
                written, read = written[stale], last[stale]
                old = np.maximum(since[stale], written)
                a, b = old - written, until[stale] - written
                tally.age(weighed[k[stale]] * (b - a), (a + b) / 2,
                          float((read - written).max(where=read > old, initial=-NEVER)))
        cluster.last[k] = last
        at[k] = until

    def _renewed(self, k: np.ndarray, reads: np.ndarray, most: np.ndarray) -> None:
        """So many reads of sessions that each use makes fresh: what was written since the last use,
        `most` s ago, is out of date once."""
        read, write = np.maximum(self.reads[k], 1e-300), self._admits * self.writes[k]
        if not write.any() or not len(k):
            return
        within = self.random.random(len(k)) * np.expm1(-read * most)
        gap = np.minimum(most, -np.log1p(within) / read)
        stale = reads * -np.expm1(-write * gap)
        met = self.random.random(len(k)) < stale
        old = gap * self.random.random(len(k))
        self.tally.age(stale, gap / 2, float((old * met).max()))

    def _fetching(self, k: np.ndarray, there: np.ndarray, at: np.ndarray, end: float) -> None:
        """These are on their way, and are there at `there`, s; who reads them meanwhile misses."""
        weighed, since, until = self.weighed[k], at[k], np.minimum(there, end)
        within = until - since
        self.tally.window += weighed @ within
        self.tally.left += weighed @ (within * (there - since - within / 2))
        at[k] = until
        done = there < end
        self.ready[k], self.cluster.has[k] = there, done
        self.keep(k[done], there[done])

    def _fetched(self, k: np.ndarray, t: np.ndarray) -> np.ndarray:
        """When what is missing since a request at `t`, s, is in the cache: with the first of all
        the queries for it that is done, or with a write."""
        dice, n, admits = self.random, len(k), self._admits
        fetch, again = self.fetch_times(admits * self.reads[k])
        there = t + fetch
        self.latest[k] = there + again
        if self.strategy != THROUGH:
            return there
        by_write = dice.random(n) * (self.reads[k] + self.fills[k]) < self.fills[k]
        write = t + dice.standard_exponential(n) / np.maximum(admits * self.fills[k], 1e-300)
        self.latest[k[by_write]] = t[by_write]
        return np.where(by_write, t, np.minimum(there, write))

    def fetch_times(self, others: np.ndarray, last: bool = True) -> tuple:
        """How long it may take until what is missing is there, and how long then until the `last`
        query for it is done, where `others` come per second, s."""
        query = self.database.work.draw(len(others), self.random)
        fetch, again = query, 0.0
        if not self.lock:
            fetch = np.minimum(query, self._stampede.luckiest(others))
            again = self._stampede.last(query, fetch, others) - fetch if last else 0.0
        return self.trip + self._wait + fetch, again

    def keep(self, k: np.ndarray, t: np.ndarray) -> None:
        """Fresh values of these keys from `t`, s, on; who queried as well renews them."""
        cluster, n = self.cluster, len(k)
        cluster.has[k], cluster.last[k] = True, t
        t = np.maximum(t, self.latest[k])
        if self.ttl < NEVER:
            life = self.ttl * (1.0 - self.jitter * self.random.random(n))
            again = {THROUGH: self._admits * self.fills, SESSIONS: self.reads}.get(self.strategy)
            if again is not None:
                life = stays(again[k], life, self.random)
            cluster.expires[k] = t + life
        else:
            cluster.expires[k] = NEVER
        cluster.outdated[k] = NEVER
        if self.strategy == LAZY and self.writes.any():
            cluster.outdated[k] = t + self.random.standard_exponential(n) / np.maximum(
                self.writes[k], 1e-300)

    def _unanswered(self, weighed: np.ndarray, reads: np.ndarray, length: float) -> None:
        """Nobody answers for these keys: one read after the other goes to the database."""
        tally = self.tally
        fetch = self.trip + self._wait + self.database.work.mean
        idle = 1.0 / (1.0 + self._admits * reads * fetch)   # share of time without a fetch
        tally.missing += weighed @ idle * length
        tally.window += weighed @ (1.0 - idle) * length
        tally.left += weighed @ (1.0 - idle) * length * fetch / 2

    # -- at the end of the run ---------------------------------------------------------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Reads, hits, failures, latency and staleness over time."""
        return self.tally.series()

