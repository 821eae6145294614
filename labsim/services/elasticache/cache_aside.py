"""An application with a cache beside its database, request by request.

Picture a librarian with a small shelf behind her and an archive in the cellar. What is on the shelf
she gives out at once; for all else somebody has to go down, and the stairs are narrow. If ten
people ask for the same new book, do ten go down? And if nobody comes back, is the old one better?

*Models:* lazy loading and write-through, with a TTL and its jitter; values as they were when they
were fetched, so that each stale answer is known; misses for a key that is being fetched already,
and a lock that makes them wait for it, and fail with it; a client of its own for the database, with
timeouts, retries, a breaker, a pool of connections; expired values while the database fails; fills
though the reader has gone; sessions that live in the cache alone.
*Leaves out:* the network's variation, negative caching, batches; the way to the cache is added
after the database's answer, so that a database asked by this alone gets its requests as they come.

Data plane: request-level, exact, on the `Agenda`.
"""

import math
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np

from labsim.declare import Asked, Retry
from labsim.engine import Simulation, popularity
from labsim.engine.agenda import Call, to_nobody
from labsim.errors import LabsimError, ParameterError
from labsim.services.common.crew import Inner
from labsim.services.elasticache.answers import INVARIANTS, METRICS, PANELS, Answers
from labsim.services.elasticache.cluster import Cluster
from labsim.services.elasticache.requests import Miss, Writes, asked, drawn
from labsim.services.elasticache.rules import LAZY, NONE, SESSIONS, THROUGH, refuse_nonsense
from labsim.services.rds.measures import NEVER

OPEN = math.nan     # the end of a read that is under way
STAMPEDE, QUIET = 10, 10.0      # so many more who fetch the same are told of, once in so many s


class Application(Asked):
    """Reads and writes of the keys of `cache` by a strategy: "lazy-loading", "write-through",
    "sessions" or "no-cache", before `database`, a part that answers and knows how long its `work`
    is. Reads come by `sim.send(load, to=app)`, from another part's outlet, as `calls` of another
    part; writes likewise to `app.writes`. `done` and `failed` are the outlets of reads.

    skew: of the keys' popularity (Zipf; 0: all alike). trip: s of one way to the cache and back;
    ttl: s (0: none), and `jitter`, by what share of it each item's is shorter at most. lock: of
    those who miss a key only the first asks the database; the others get its answer, or fail with
    it. retry: what it does when the database does not answer (a `labsim.retry`), and pool: at most
    so many of its requests are under way there. serve_stale: if the database fails, a value that
    has expired and is still there is the answer. warm: the most popular are loaded at the start.
    random(use): the generator for a use; by default streams of its own.

    Results, a row per read: `ends` (s; infinity: failed), `hit`, `stale` (s out of date; 0: not).
    """

    METRICS, PANELS, INVARIANTS = METRICS, PANELS, INVARIANTS
    shows = (("reads/s", "offered_rate"), ("hits", "hit_ratio"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, cache: Cluster, database: Asked, *,
                 strategy: str = LAZY, skew: float = 0.0, trip: float = 0.001, ttl: float = 0.0,
                 jitter: float = 0.0, lock: bool = False, warm: bool = False,
                 retry: Retry | None = None, pool: float = math.inf, serve_stale: bool = False,
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        refuse_nonsense(strategy, skew=skew, trip=trip, ttl=ttl, jitter=jitter)
        if not hasattr(database, "work"):
            raise ParameterError("database", database, "a part that works, such as an rds.Database")
        self.cluster, self.database, self.strategy = cache, database, strategy
        self._cached, self._sessions = strategy != NONE, strategy == SESSIONS
        self.trip, self.ttl, self.jitter, self.lock = trip, ttl or NEVER, jitter, lock
        self.serve_stale = serve_stale and self._cached
        self.random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.shares = popularity(cache.keys, skew)
        self.times, self.ends, self.hit, self.stale = [], [], [], []    # a row per read
        self.duplicate_fetches = self.written = self.sessions_lost = self.served_stale = 0
        self.fetches: list[float] = []          # when it asked the database for a read, s
        self.writes = Writes(self, drawn(self, "writes").__next__)
        self._drawn = drawn(self, "reads").__next__
        self.client = Inner(sim, f"{name} to {database.name}", database, retry=retry, pool=pool,
                            owner=self)
        self._told = True                       # somebody hears of each answer
        self.fetching: dict[int, Miss] = {}    # key: who asked the database last
        self._hush = 0.0            # until then the log tells of no more stampedes, s
        self._seen: dict[int, float] = {}       # sessions: when last used
        cache.users.append(self)
        self.link(cache)
        self.link(database, "misses")
        if warm and strategy in (LAZY, THROUGH):
            dice = self.random("warm").random(cache.keys).tolist()
            for key in reversed(range(min(cache.keys, cache.room * len(cache.all)))):
                self.fill(key, 0.0, dice[key])      # the most popular last

    @property
    def waits_for(self) -> list[Asked]:
        """The database, if it waits for as long as it takes."""
        return [] if self.client.gives_up else [self.database]

    @property
    def in_course(self) -> list[tuple[float, Asked]]:
        """The database, of each read only where there is no cache: how many miss, a run says."""
        return [] if self._cached else super().in_course

    def wired(self) -> None:
        """Somebody has to ask it."""
        if not any(way._sent or way.askers or way.fed_by for way in (self, self.writes)):
            raise LabsimError(f"nobody asks {self.name}: sim.send(load, to=...) does")
        if self._sent or self.askers or self.fed_by:
            super().wired()
        self._told = bool(self.done.connected or self._onward)

    # -- the cache -----------------------------------------------------------------------------

    @property
    def back(self) -> float:
        """How long one way to the cache and back takes now, s."""
        return self.trip * self.cluster.slow

    def expiry(self, t: float, die: float) -> float:
        """When what is kept at `t` s expires; die: from 0 to 1."""
        return t + self.ttl * (1.0 - self.jitter * die)

    def fill(self, key: int, t: float, die: float) -> None:
        """Keep a fresh value of `key`: when it became out of date, and when it expires."""
        cluster = self.cluster
        node = cluster.where[key]
        if not cluster.away[node]:
            expires = self.expiry(t, die)
            cluster.caches[node].put(key, [NEVER, expires],
                                     expires=NEVER if self.serve_stale else expires)

    def _outdate(self, key: int, t: float) -> None:
        cluster = self.cluster
        value = cluster.caches[cluster.where[key]].peek(key)
        if value is not None and value[0] == NEVER:
            value[0] = t

    # -- reads ---------------------------------------------------------------------------------

    def ask(self, t: float, call: Call) -> None:
        """A read comes at `t` s, of a key by its popularity, or of a `Read`'s."""
        self.read(t, *asked(call, self._drawn), call)

    def read(self, t: float, key: int, work: float, die: float, call: Call) -> None:
        """A read of `key` at `t` s, on which the database would work for `work` s."""
        self.times.append(t)
        old, cluster = None, self.cluster
        if self._cached:
            node = cluster.where[key]
            cluster.asked[node] += 1.0
            if not cluster.away[node]:
                value = cluster.caches[node].get(key, t)
                if value is not None:
                    if value[1] > t:
                        if self._sessions:
                            self._use(key, t, die)
                        self.ends.append(t + self.back)
                        self.hit.append(True)
                        self.stale.append(t - value[0] if t > value[0] else 0.0)
                        return self._reply_at(self.ends[-1], call)
                    old = value
                if self._sessions:
                    return self._log_in(t, key, work, die, call)
        self._fetch(t, key, work, die, call, old)

    def _reply_at(self, end: float, call: Call) -> None:
        if self._told or call.back is not to_nobody:
            self.sim.agenda.at(end, partial(self.answer, ok=True), call)

    def _open(self) -> int:
        """The row of a read that goes to the database."""
        self.ends.append(OPEN)
        self.hit.append(False)
        self.stale.append(0.0)
        return len(self.ends) - 1

    def _fetch(self, t: float, key: int, work: float, die: float, call: Call,
               old: list | None = None) -> None:
        """A miss: a way to the cache, one to the database, and one to fill the cache."""
        row, other = self._open(), self.fetching.get(key)
        if other is not None:
            if self.lock:
                other.waiting.append((row, call))
                return
            self.duplicate_fetches += 1
        miss = Miss(t, call, key, work, die, row, old, shared=self.lock)
        self.fetches.append(t)
        if self._cached:
            miss.before, self.fetching[key] = other, miss
            if other is not None:
                miss.beside = other.beside + 1
                if miss.beside == STAMPEDE and t >= self._hush:
                    self._hush = t + QUIET
                    self.log("stampede", f"{STAMPEDE} more fetch what is being fetched", t)
        self.client.request(t, self._fetched, miss)

    def _way(self, miss: Miss) -> float:
        """The way to the cache, in vain, of which the database knows nothing, s."""
        return (miss.came + self.back) - miss.came

    def _fetched(self, t: float, request, ok: bool) -> None:
        """The database has answered, or not."""
        miss = request.asker
        if not ok:
            return self._failed(t, miss)
        end = t
        if self._cached:
            there = t + self._way(miss)
            self.sim.agenda.at(there, self._filled, miss)
            end = there + self.back
        self.ends[miss.row] = end
        self._reply_at(end, miss.asked)

    def _filled(self, t: float, miss: Miss) -> None:
        """Its answer is in the cache."""
        miss.over = True
        if self.fetching.get(miss.key) is miss:
            del self.fetching[miss.key]
        self.fill(miss.key, t, miss.die)
        for row, call in miss.waiting:
            self.ends[row] = end = t + self.back
            self._reply_at(end, call)

    def _failed(self, t: float, miss: Miss) -> None:
        """No answer: those who wait for it fail with it, or all get what was kept before."""
        miss.over = True
        if self.fetching.get(miss.key) is miss:
            other = miss.before
            while other is not None and other.over:
                other = other.before
            if other is None:
                del self.fetching[miss.key]
            else:
                self.fetching[miss.key] = other
        for row, call in [(miss.row, miss.asked), *miss.waiting]:
            if miss.old is None:
                self.ends[row] = NEVER
                self.answer(t, call, False)
                continue
            self.served_stale += 1
            self.stale[row] = max(t - miss.old[0], 0.0)
            self.ends[row] = end = t + self._way(miss)
            self._reply_at(end, call)

    # -- sessions ------------------------------------------------------------------------------

    def _use(self, key: int, t: float, die: float) -> None:
        """A session that is used lives on for its whole TTL."""
        self._seen[key] = t
        self.fill(key, t, die)

    def _log_in(self, t: float, key: int, work: float, die: float, call: Call) -> None:
        """No session: its user has to log in again, which asks the database."""
        seen = self._seen.get(key)
        if seen is not None and t < self.expiry(seen, 1.0):
            self.sessions_lost += 1
        miss = Miss(t, call, key, work, die, self._open())
        self.fetches.append(t)
        self.client.request(t, self._logged_in, miss)
        if not miss.over:
            self._use(key, t, die)

    def _logged_in(self, t: float, request, ok: bool) -> None:
        miss, cluster = request.asker, self.cluster
        miss.over = True
        if ok:
            self.ends[miss.row] = end = t + 2 * self.back
            self._reply_at(end, miss.asked)
            return
        if t > miss.came:       # nothing has come of it
            cluster.caches[cluster.where[miss.key]].drop(miss.key)
        self.ends[miss.row] = NEVER
        self.answer(t, miss.asked, False)

    # -- writes --------------------------------------------------------------------------------

    def write(self, t: float, key: int, work: float, die: float, call: Call) -> None:
        """A write at `t` s: to the database, and with write-through to the cache."""
        self.client.request(t, self._wrote, Miss(t, call, key, work, die))

    def _wrote(self, t: float, request, ok: bool) -> None:
        miss = request.asker
        if ok:
            self.written += 1
            if self.strategy == THROUGH:
                self.fill(miss.key, t, miss.die)
            else:
                self._outdate(miss.key, t)
        self.writes.answer(t, miss.asked, ok)

    # -- at the end of the run -----------------------------------------------------------------

    @cached_property
    def answers(self) -> Answers:
        """What came of the reads, worked out once."""
        return Answers(self)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Reads, hits, failures, latency and staleness over time."""
        return self.answers.series()
