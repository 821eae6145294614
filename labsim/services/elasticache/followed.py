"""Keys that are followed each: when they are there, missing, being fetched, out of date.

Picture the marked visitors of a show, each with a tally of where he was and for how long; at the
end of each minute the tallies say how many of all visitors stood where.

*Models:* what an `Application` does to each key between two moments, at the rates of the step, by
chance. *Leaves out:* how many reads come of it (`sampled`).
"""

import numpy as np

from labsim.declare import Component
from labsim.services.elasticache.rules import LAZY, SESSIONS, THROUGH
from labsim.services.elasticache.turnover import expected_time, stays
from labsim.services.rds.measures import NEVER


class FollowedKeys(Component):
    """The keys of a `SampledApplication`, and what becomes of them in a step."""

    @property
    def way(self) -> float:
        """A way to the cache and back, s."""
        return self.trip * self.cluster.slow

    def _follow(self, begin: float, end: float) -> None:
        """Each followed key from `begin` to `end`, s: kept, missing, being fetched, in turns."""
        cluster, dice, tally = self.cluster, self.random, self.tally
        weighed, at = self.weighed, np.full(len(self.weighed), begin)
        if self.strategy == SESSIONS:
            self._unused = cluster.longest_unused((begin + end) / 2)
        if any(cluster.away):
            out = cluster.out()
            self._unanswered(out, end - begin)
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
            spent = expected_time(ending, left)
            tally.missing += weighed[k] @ spent
            if self.readers:
                self.readers.missed(k, weighed[k] * spent)
            if self.strategy == SESSIONS:
                last = cluster.last[k]
                seen = np.maximum(last, -1e300) + np.where(last > -NEVER, self.ttl, 0.0)
                busy = np.clip(seen - at[k], 0.0, left)
                tally.lost += weighed[k] @ expected_time(ending, busy)
            moment = at[k] + dice.standard_exponential(len(k)) / ending
            at[k] = end
            begun = moment < end
            k, moment = k[begun], moment[begun]
            if self.readers:
                self.readers.fetched(k, cluster.sample.weight[k])
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
        if self.readers:
            self.readers.asked(k, weighed * within)
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
        slow, stampede = self.database.slow, self._stampede
        query = self.database.work.draw(len(others), self.random)
        fetch, again = query, 0.0
        if not self.lock:
            fetch = np.minimum(query, stampede.luckiest(others * slow))
            again = stampede.last(query, fetch, others * slow) - fetch if last else 0.0
        fetch, again = fetch * slow, again * slow
        return self.way + self._wait + fetch, again

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

    def _unanswered(self, out: np.ndarray, length: float) -> None:
        """Nobody answers for these keys: one read after the other goes to the database."""
        tally, weighed, reads = self.tally, self.weighed[out], self.reads[out]
        fetch = self.way + self._wait + self.database.work_mean
        idle = 1.0 / (1.0 + self._admits * reads * fetch)   # share of time without a fetch
        tally.missing += weighed @ idle * length
        tally.window += weighed @ (1.0 - idle) * length
        tally.left += weighed @ (1.0 - idle) * length * fetch / 2
        if self.readers:
            self.readers.asked(out, weighed * length)
