"""An application with a cache beside its database, request by request.

Picture a librarian with a small shelf behind her and an archive in the cellar. What is on the shelf
she gives out at once; for all else somebody has to go down, and the stairs are narrow. If ten
people ask for the same new book, do ten go down? And who tells the shelf that a book has a new
edition?

*Models:* lazy loading and write-through, with a TTL and its jitter; values as they were when they
were fetched, so that each stale answer is known; misses for a key that is being fetched already,
and a lock that makes them wait for it; sessions that live in the cache alone.
*Leaves out:* the network's variation, writes that fail, negative caching, batches.

Data plane: request-level, exact: requests in order of time, and a heap of what is under way.
"""

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from labsim.declare import Component
from labsim.declare.component import Outlet
from labsim.engine import Due, Simulation, Source, popularity, together
from labsim.errors import LabsimError, require, require_each, unknown
from labsim.services.elasticache.answers import INVARIANTS, METRICS, PANELS, Answers
from labsim.services.elasticache.cluster import Cluster
from labsim.services.elasticache.requests import Requests, Way
from labsim.services.rds.database import NEVER, Database

NONE, LAZY, THROUGH, SESSIONS = STRATEGIES = "no-cache", "lazy-loading", "write-through", "sessions"
FILL, WROTE = 0, 1
PATIENCE = 1_000    # requests between two looks at whether the run was cancelled


def refuse_nonsense(strategy: str, *, jitter: float, **values: float) -> None:
    """`ParameterError` for a strategy that there is not, a time or exponent below 0."""
    if strategy not in STRATEGIES:
        raise unknown("strategy", strategy, STRATEGIES)
    require_each(**values)
    require("jitter", jitter, 0, 1)


class Application(Component):
    """Reads and writes of the keys of `cache` by a strategy: "lazy-loading", "write-through",
    "sessions" or "no-cache". Reads come by `sim.send(load, to=app)` or from another part's outlet,
    writes likewise to `app.writes`; `done` and `failed` are the outlets of reads.

    skew: of the keys' popularity (Zipf; 0: all alike). trip: s of one way to the cache and back;
    ttl: s (0: none), and `jitter`, by what share of it each item's is shorter at most. lock: of
    those who miss a key only the first asks the database. warm: the most popular are loaded at the
    start. random(use): the generator for a use; by default streams of its own.

    Results, a row per read: `ends` (infinity: failed), `hit`, `stale` (s since the answer was out
    of date; 0: it was not).
    """

    METRICS, PANELS, INVARIANTS = METRICS, PANELS, INVARIANTS
    shows = (("reads/s", "offered_rate"), ("hit ratio", "hit_ratio"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, cache: Cluster, database: Database, *,
                 strategy: str = LAZY, skew: float = 0.0, trip: float = 0.001, ttl: float = 0.0,
                 jitter: float = 0.0, lock: bool = False, warm: bool = False,
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        refuse_nonsense(strategy, skew=skew, trip=trip, ttl=ttl, jitter=jitter)
        self.cluster, self.database, self.strategy = cache, database, strategy
        self._cached, self._sessions = strategy != NONE, strategy == SESSIONS
        self.trip, self.ttl, self.jitter, self.lock = trip, ttl or NEVER, jitter, lock
        self.random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.shares = popularity(cache.keys, skew)
        self.times: list[float] = []
        self.ends: list[float] = []
        self.hit: list[bool] = []
        self.stale: list[float] = []
        self.duplicate_fetches = self.fetches = self.written = self.sessions_lost = 0
        self.reads, self.writes = Way(self, "reads"), Way(self, "writes")
        self.done, self.failed = Outlet(self), Outlet(self)
        self.taken: list[Requests] = []
        self._sources = [Source(way.blocks()) for way in (self.reads, self.writes)]
        self._due, self._leaving = Due(), Due()
        self._given = 0
        self._fetching: dict[int, tuple[float, int]] = {}   # key: (when it is there, how many)
        self._seen: dict[int, float] = {}       # sessions: when last used
        cache.users.append(self)
        database.served_for(self)
        self.link(cache)
        self.link(database, "misses")
        sim.on_advance(self.advance)
        if warm and strategy in (LAZY, THROUGH):
            dice = self.random("warm").random(cache.keys).tolist()
            for key in reversed(range(min(cache.keys, cache.room * len(cache.all)))):
                self.fill(key, 0.0, dice[key])      # the most popular last

    # -- how requests come and go --------------------------------------------------------------

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Reads come at the times of `blocks` (arrays, s, sorted)."""
        self.reads.feed(blocks)

    def take(self, times: np.ndarray) -> None:
        """Reads come at `times` (s, sorted), which another part has just given out."""
        self.reads.take(times)

    def wired(self) -> None:
        """Somebody has to ask it."""
        if not (self.reads.sources or self.writes.sources or self.fed_by):
            raise LabsimError(f"nobody asks {self.name}: sim.send(load, to=...) does")

    def advance(self, now: float) -> None:
        """Let requests come and go until `now`."""
        for part in self.fed_by:
            part.advance(now)
        pieces = [piece for source in self._sources for piece in source.upto(now)] + self.taken
        self.taken = []
        if pieces:
            self._play(together(pieces))
        self.settle(now)
        if self.done.connected or self.failed.connected:
            self._give_out(now)

    def _play(self, requests: Requests) -> None:
        due, settle, read, write = self._due, self.settle, self.read, self.write
        if self._cached:
            self.cluster.ask(requests.key[~requests.write])
        rows = zip(*map(np.ndarray.tolist, requests.columns))
        for step, (t, key, work, die, is_write) in enumerate(rows):
            if not step % PATIENCE:
                self.sim.check()
            if due.first <= t:
                settle(t)
            if is_write:
                write(t, key, work, die)
            else:
                read(t, key, work, die)

    def _give_out(self, now: float) -> None:
        failed = []
        for t, end in zip(self.times[self._given:], self.ends[self._given:]):
            if end == NEVER:
                failed.append(t)
            else:
                self._leaving.put(end)
        self._given = len(self.ends)
        self.failed.give(np.array(failed))
        self.done.give(np.array([end for end, in self._leaving.upto(now)]))

    # -- the cache -----------------------------------------------------------------------------

    def expiry(self, t: float, die: float) -> float:
        """When what is kept at `t` s expires; die: from 0 to 1."""
        return t + self.ttl * (1.0 - self.jitter * die)

    def fill(self, key: int, t: float, die: float) -> None:
        """Keep a fresh value of `key`; its cell is when it became out of date."""
        cluster = self.cluster
        node = cluster.where[key]
        if not cluster.away[node]:
            cluster.caches[node].put(key, [NEVER], expires=self.expiry(t, die))

    def settle(self, t: float) -> None:
        """What is under way and ends by `t` s."""
        for end, what, key, die in self._due.upto(t):
            if what == FILL:
                fetched = self._fetching.get(key)
                if fetched is not None and fetched[0] <= end:
                    del self._fetching[key]
                self.fill(key, end, die)
                continue
            self.written += 1
            if self.strategy == THROUGH:
                self.fill(key, end, die)
            else:
                self._outdate(key, end)

    def _outdate(self, key: int, t: float) -> None:
        cluster = self.cluster
        value = cluster.caches[cluster.where[key]].peek(key)
        if value is not None and value[0] == NEVER:
            value[0] = t

    # -- requests ------------------------------------------------------------------------------

    def write(self, t: float, key: int, work: float, die: float) -> None:
        """A write at `t` s: to the database, and with write-through to the cache."""
        end = self.database.serve(t, work)
        if end != NEVER:
            self._due.put(end, WROTE, key, die)

    def read(self, t: float, key: int, work: float, die: float) -> None:
        """A read at `t` s."""
        self.times.append(t)
        if self._cached:
            cluster = self.cluster
            node = cluster.where[key]
            if not cluster.away[node]:
                value = cluster.caches[node].get(key, t)
                if value is not None:
                    if self._sessions:
                        self._use(key, t, die)
                    outdated = value[0]
                    self.ends.append(t + self.trip)     # `_answer`, spelled out for speed
                    self.hit.append(True)
                    self.stale.append(t - outdated if t > outdated else 0.0)
                    return
                if self._sessions:
                    return self._log_in(t, key, work, die)
        self._fetch(t, key, work, die)

    def _answer(self, end: float, hit: bool, stale: float = 0.0) -> None:
        self.ends.append(end)
        self.hit.append(hit)
        self.stale.append(stale)

    def _fetch(self, t: float, key: int, work: float, die: float) -> None:
        """A miss: a way to the cache, one to the database, and one to fill the cache."""
        many = 0
        if key in self._fetching:
            there, many = self._fetching[key]
            if self.lock:
                return self._answer(max(there, t) + self.trip, False)
            self.duplicate_fetches += 1
        end = self.database.serve(t, work)
        self.fetches += 1
        if self._cached and end != NEVER:
            end += (t + self.trip) - t      # the way to the cache, in vain
            self._fetching[key] = (end, many + 1)
            self._due.put(end, FILL, key, die)
            end += self.trip
        self._answer(end, False)

    # -- sessions ------------------------------------------------------------------------------

    def _use(self, key: int, t: float, die: float) -> None:
        """A session that is used lives on for its whole TTL."""
        self._seen[key] = t
        self.fill(key, t, die)

    def _log_in(self, t: float, key: int, work: float, die: float) -> None:
        """No session: its user has to log in again, which asks the database."""
        seen = self._seen.get(key)
        if seen is not None and t < self.expiry(seen, 1.0):
            self.sessions_lost += 1
        end = self.database.serve(t, work)
        self.fetches += 1
        if end != NEVER:
            self._use(key, t, die)
            end += 2 * self.trip
        self._answer(end, False)

    # -- at the end of the run -----------------------------------------------------------------

    @cached_property
    def answers(self) -> Answers:
        """What came of the reads, worked out once."""
        return Answers(self)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Reads, hits, failures, latency and staleness over time."""
        return self.answers.series()
