"""An application with a cache beside its database, request by request.

Picture a librarian with a small shelf behind her and an archive in the cellar. What is on the shelf
she gives out at once; for all else somebody has to go down, and the stairs are narrow. If ten
people ask for the same new book, do ten go down? And who tells the shelf that a book has a new
edition?

*Models:* lazy loading and write-through, with a TTL and its jitter; values as they were when they
were fetched, so that each stale answer is known; misses for a key that is being fetched already,
and a lock that makes them wait for it; a database that works on so many requests at a time, in
order of arrival, and turns away who would wait too long; sessions that live in the cache alone.
*Leaves out:* the network's variation, writes that fail, negative caching, batches.

Data plane: request-level, exact: requests in order of time, and a heap of what is under way.
"""

from heapq import heapify, heappop, heappush, heapreplace

from labsim.services.elasticache.cluster import Cluster

NONE, LAZY, THROUGH, SESSIONS = STRATEGIES = "no-cache", "lazy-loading", "write-through", "sessions"
FILL, WROTE = 0, 1
NEVER = float("inf")


class Database:
    """Works on `servers` requests at a time, in order of arrival; who would wait longer than
    `timeout` s is turned away."""

    def __init__(self, servers: int, timeout: float):
        self.free, self.timeout = [0.0] * servers, timeout
        heapify(self.free)
        self.jobs: list[tuple[float, float]] = []       # (arrival, end)

    def serve(self, t: float, work: float) -> float:
        """A request at `t` s that takes `work` s: when it ends; infinity: turned away."""
        start = self.free[0]
        if start < t:
            start = t
        elif start - t > self.timeout:
            return NEVER
        end = start + work
        heapreplace(self.free, end)
        self.jobs.append((t, end))
        return end


class Application:
    """Reads and writes of keys by a strategy. trip: s of one way to the cache and back; ttl: s (0:
    none), and `jitter`, by what share of it each item's is shorter at most.

    Results, a row per read: `ends` (infinity: failed), `hit`, `stale` (s since the answer was out
    of date; 0: it was not). `doubled` counts database reads of a key that was being read already.
    """

    def __init__(self, cluster: Cluster, database: Database, strategy: str, *, trip: float,
                 ttl: float, jitter: float, lock: bool):
        self.cluster, self.database, self.strategy = cluster, database, strategy
        self.trip, self.ttl, self.jitter, self.lock = trip, ttl or NEVER, jitter, lock
        self.times: list[float] = []
        self.ends: list[float] = []
        self.hit: list[bool] = []
        self.stale: list[float] = []
        self.doubled = self.fetches = self.writes = self.logged_out = 0
        self._due: list[tuple] = []             # (time, number, what, key)
        self._number = 0
        self._fetching: dict[int, tuple[float, int]] = {}   # key: (when it is there, how many)
        self._seen: dict[int, float] = {}       # sessions: when last used

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
        due = self._due
        while due and due[0][0] <= t:
            end, _, what, key, die = heappop(due)
            if what == FILL:
                if self._fetching.get(key, (0.0, 0))[0] <= end:
                    self._fetching.pop(key, None)
                self.fill(key, end, die)
                continue
            self.writes += 1
            if self.strategy == THROUGH:
                self.fill(key, end, die)
            else:
                self._outdate(key, end)

    def _outdate(self, key: int, t: float) -> None:
        cluster = self.cluster
        value = cluster.caches[cluster.where[key]].peek(key)
        if value is not None and value[0] == NEVER:
            value[0] = t

    def _later(self, t: float, what: int, key: int, die: float) -> None:
        self._number += 1
        heappush(self._due, (t, self._number, what, key, die))

    def write(self, t: float, key: int, work: float, die: float) -> None:
        """A write at `t` s: to the database, and with write-through to the cache."""
        end = self.database.serve(t, work)
        if end != NEVER:
            self._later(end, WROTE, key, die)

    def read(self, t: float, key: int, work: float, die: float) -> None:
        """A read at `t` s."""
        self.times.append(t)
        cluster = self.cluster
        node = cluster.where[key]
        if self.strategy != NONE and not cluster.away[node]:
            value = cluster.caches[node].get(key, t)
            if value is not None:
                if self.strategy == SESSIONS:
                    self._use(key, t, die)
                return self._answer(t + self.trip, True, max(0.0, t - value[0]))
            if self.strategy == SESSIONS:
                return self._log_in(t, key, work, die)
        self._fetch(t, key, work, die)

    def _answer(self, end: float, hit: bool, stale: float = 0.0) -> None:
        self.ends.append(end)
        self.hit.append(hit)
        self.stale.append(stale)

    def _fetch(self, t: float, key: int, work: float, die: float) -> None:
        """A miss: a way to the cache, one to the database, and one to fill the cache."""
        there, many = self._fetching.get(key, (0.0, 0))
        if many:
            if self.lock:
                return self._answer(max(there, t) + self.trip, False)
            self.doubled += 1
        asked = t + self.trip if self.strategy != NONE else t
        end = self.database.serve(t, work)
        self.fetches += 1
        if end == NEVER:
            return self._answer(NEVER, False)
        end += asked - t
        if self.strategy != NONE:
            self._fetching[key] = (end, many + 1)
            self._later(end, FILL, key, die)
            end += self.trip
        self._answer(end, False)

    # -- sessions --------------------------------------------------------------------------

    def _use(self, key: int, t: float, die: float) -> None:
        """A session that is used lives on for its whole TTL."""
        self._seen[key] = t
        self.fill(key, t, die)

    def _log_in(self, t: float, key: int, work: float, die: float) -> None:
        """No session: its user has to log in again, which asks the database."""
        seen = self._seen.get(key)
        if seen is not None and t < self.expiry(seen, 1.0):
            self.logged_out += 1
        end = self.database.serve(t, work)
        self.fetches += 1
        if end != NEVER:
            self._use(key, t, die)
            end += 2 * self.trip
        self._answer(end, False)
