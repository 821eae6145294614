"""What came of the reads and writes on a cluster: drawn and counted once, when the run has ended.

Picture the head waiter after closing time. He has seen how full each cook's table was all evening;
from that he works out how many plates came, who waited how long, and who got yesterday's soup.

*Models:* Poisson numbers of reads and writes, with dice of their own between failures and
recoveries, so that a failover is the same in a short run and in a long one; reads shared out as the
connections were; mean waits of all reads, and quantiles of some that are drawn in proportion to
where they were served; writes that find no writer, no quorum or no room; lag of each replica, and
reads of what was written within it.
*Leaves out:* correlation between steps beyond the queues.
"""

from functools import cached_property

import numpy as np

from labsim.declare import bars, per_tick, quantile, quantiles
from labsim.services.aurora import bill
from labsim.services.aurora.reads import BLINK
from labsim.services.aurora.rules import AURORA, replica_lag, stale_share, unapplied
from labsim.services.aurora.writers import Writers
from labsim.services.common.returning import patience

SAMPLE = 4_000      # reads whose latency is drawn
BRIEF = 300.0       # s; in a shorter stretch between them reads and writes come evenly


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole` at each place; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def poisson(rate: float, stretch: np.ndarray, length: np.ndarray,
            rng: np.random.Generator) -> np.ndarray:
    """Poisson numbers at `rate` per second in steps of `length` s, (steps,). Their sum does not
    depend on where the steps are cut. Each `stretch` (steps,) has dice of its own, so that what
    comes in it is the same whatever lies around it, and the longest gets the rest."""
    seconds, numbers = np.bincount(stretch, length), np.zeros(len(length), dtype=np.int64)
    left, longest = int(rng.poisson(rate * length.sum())), int(seconds.argmax())
    dice = rng.spawn(len(seconds))
    for one in sorted(range(len(seconds)), key=longest.__eq__):     # the longest comes last
        here, die = stretch == one, dice[one]
        some = left if one == longest else min(int(die.poisson(rate * seconds[one])), left)
        part = length[here] / seconds[one]
        numbers[here] = whole(some * part) if seconds[one] < BRIEF else die.multinomial(some, part)
        left -= some
    return numbers


def whole(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """The same as whole numbers, whose sums along the axis are right but for one."""
    return np.diff(np.rint(np.cumsum(values, axis=axis)), axis=axis, prepend=0).astype(np.int64)


class Tally:
    """The figures of a run of `cluster`, as arrays by step, and the values of its metrics. wanted:
    reads `offered`, and those that other parts gave out last and that are in no step any more."""

    def __init__(self, cluster):
        self.cluster, self.sim, self.reads = cluster, cluster.sim, cluster.reads
        self.length, self.readers = self.reads.length, self.reads.during("readers")
        self._count_reads()
        self._add_asked()
        last = sum(endpoint.counted.on_its_way for endpoint in cluster.endpoints)
        self.wanted, self.open_end = int(self.offered.sum()) + last, self.open_end + last
        self._draw_latencies(cluster.random("latency"))
        self._count_writes()
        self._draw_staleness()
        self._measure_load()

    def _drawn(self, rate: float, use: str) -> np.ndarray:
        stretch = np.searchsorted(self.cluster.failures, self.reads.start + BLINK)
        return poisson(rate, stretch, self.length, self.cluster.random(use))

    # -- reads -------------------------------------------------------------------------------

    def _count_reads(self) -> None:
        """How many there are, where they go, which of them fail; (steps, instances + 1)."""
        nowhere, endpoints = self.cluster.nowhere, self.cluster.endpoints
        self.offered = self._drawn(sum(e.rate for e in endpoints), "reads")
        self.offered = self.offered + sum(whole(np.array(e.came)) for e in endpoints)
        expected = self.reads.offered.sum(axis=1)
        weights = ratio(self.reads.offered, expected[:, None])
        weights[expected == 0, nowhere] = 1.0
        counts = whole(self.offered[:, None] * weights, axis=1)
        if self.reads.returns:
            return self._count_returns()
        failing = np.rint(counts * self.reads.failing).astype(np.int64)
        self.completed, self.failed = counts - failing, failing.sum(axis=1)
        self.answered = self.completed
        self.retries, self.open_end = np.zeros_like(self.offered), 0
        self.timed_out = int((failing * (self.reads.during("speed") > 0)).sum())
        self.abandoned = np.zeros_like(self.offered)
        self.late = self.short_circuited = 0
        self.late_by_step = np.zeros(len(self.offered))

    def _count_returns(self) -> None:
        """The same, where some come back: what was expected, in whole numbers of those who came."""
        endpoints = self.cluster.endpoints
        crowds = [endpoint.crowd for endpoint in endpoints]
        each = [np.array(one.rows).sum(axis=2) for one in crowds]
        attempts, sent, _, retries, told, timed, timed_out = sum(each).T
        abandoned = sum(rows[:, 5] * (patience(endpoint.retry) <= self.cluster.timeout)
                        for rows, endpoint in zip(each, endpoints))
        expected = (attempts - retries).sum()
        self.scale = scale = float(self.offered.sum() / expected) if expected else 0.0
        self.answered = answered = self.reads.offered * (1.0 - self.reads.failing)
        late = answered * np.array(self.reads.returns.late)
        self.retries = whole(retries * scale)
        self.failed, self.abandoned = whole((told + timed - abandoned) * scale), whole(
            abandoned * scale)
        self.open_end = round(float(sum(one.waiting.sum() for one in crowds)) * scale)
        done = int(self.offered.sum() - self.failed.sum() - self.abandoned.sum()) - self.open_end
        if done < 0:        # rounding
            self.open_end, done = self.open_end + done, 0
        good = answered - late
        good = good * (done / good.sum()) if good.sum() else good
        if done and not good.sum():
            self.open_end, done = self.open_end + done, 0
        self.completed = whole(good.ravel()).reshape(good.shape)
        self.open_end += done - int(self.completed.sum())
        self.timed_out = round(float(timed_out.sum()) * scale)
        self.late = min(round(float(late.sum()) * scale), self.timed_out)
        self.late_by_step = late.sum(axis=1) * scale
        self.short_circuited = round(float((attempts - sent).sum()) * scale)

    def _add_asked(self) -> None:
        """Reads of those who wait for the answer: what became of each is known."""
        for endpoint in self.cluster.endpoints:
            self.offered = self.offered + whole(np.array(endpoint.asked))
            self.completed = self.completed + whole(np.array(endpoint.answered), axis=0)
            self.failed = self.failed + whole(np.array(endpoint.refused), axis=0).sum(axis=1)
            self.open_end += endpoint.open
            self.timed_out += endpoint.timed_out

    def _draw_latencies(self, rng: np.random.Generator) -> None:
        """The mean wait, s, and latencies, s, of `SAMPLE` completed reads: cells (step, instance)
        are drawn in proportion to what they complete, however much that is. The mean latency by
        tick, of all answers, those included for which nobody waits any more."""
        reads, read_time, timeout = self.reads, self.cluster.read_time, self.cluster.timeout
        waiting, rate = reads.waits()
        behind = reads.mean_behind()        # and beside the queue, but no longer than the timeout
        expected = behind - waiting / rate * np.expm1(-rate * np.maximum(timeout - behind, 0.0))
        slow = reads.during("slow")
        lasted = (expected + read_time * slow) * self.answered
        self.latency_by_tick = ratio(reads.sums(lasted.sum(axis=1)),
                                     reads.sums(self.answered.sum(axis=1)))
        self.wait_mean = float((expected * self.completed).sum() / max(self.completed.sum(), 1))
        below = np.cumsum(self.completed.ravel())
        if not below[-1]:
            self.latencies = np.zeros(1)
            return
        at = np.searchsorted(below, (np.arange(SAMPLE) + rng.random()) / SAMPLE * below[-1])
        waiting, chance = waiting.ravel()[at], rng.random(SAMPLE)
        turn = np.log(np.maximum(waiting, 1e-300) / np.maximum(chance, 1e-300)) / rate.ravel()[at]
        waits = reads.behind(rng.random(SAMPLE), at) + np.where(chance < waiting, turn, 0.0)
        work = read_time * rng.exponential(size=SAMPLE) * slow.ravel()[at]
        self.latencies = np.minimum(np.minimum(waits, timeout) + work, self.patience)

    @property
    def amplification(self) -> float:
        """Attempts that were sent, per read."""
        return (self.attempts - self.short_circuited) / max(self.wanted, 1)

    @property
    def attempts(self) -> int:
        """Times that clients asked."""
        return self.wanted + int(self.retries.sum())

    @property
    def patience(self) -> float:
        """The longest that a client waits for an answer, s."""
        return max(patience(endpoint.retry) for endpoint in self.cluster.endpoints)

    # -- writes, and how far behind the replicas are -----------------------------------------

    def _count_writes(self) -> None:
        """Which of them fail, by step, and how long the slowest client finds no writer."""
        cluster, start = self.cluster, self.reads.start
        outages = [Writers(cluster.endpoints[0], cluster.pool, cluster.proxy, outage)
                   for outage in cluster.outages or [None]]
        self.failover = max(writers.longest(self.sim.duration) for writers in outages)
        self.writes = self._drawn(cluster.write_rate, "writes")
        ends = np.append(start, start[-1] + self.length[-1])
        there = self.reads.during("writable")       # the storage has its quorum
        out, refused = (np.clip(sum(np.diff(past(ends)) for past in pasts) / self.length, 0.0, 1.0)
                        for pasts in ([writers.failing for writers in outages],
                                      [writers.read_only for writers in outages]))
        work = cluster.write_rate * cluster.write_cost * self.reads.of_writer("slow")
        room = np.minimum(1.0, cluster.capacity / np.maximum(work, 1e-9))
        self.writable = (1.0 - out) * there * room
        self.writes_failed = np.rint(self.writes * (1.0 - self.writable)).astype(np.int64)
        self.writes_read_only = np.minimum(
            np.rint(self.writes * (np.minimum(refused, out) * there)).astype(np.int64),
            self.writes_failed)

    def _draw_staleness(self) -> None:
        """Lag of each replica, s, (steps, instances + 1), and reads that are out of date."""
        cluster, rate = self.cluster, self.cluster.write_rate * self.writable
        usual = replica_lag(cluster.lag, rate, cluster.apply_rate)
        lag = usual[:, None] * cluster.random("lag").gamma(4.0, 0.25, size=self.readers.shape)
        if cluster.engine != AURORA:
            lag += unapplied(rate, cluster.apply_rate, self.length)[:, None]
        self.lag = lag * self.readers
        stale = stale_share(rate[:, None], self.lag, cluster.items)
        completed = self.completed.sum(axis=1)
        self.stale = cluster.random("stale").binomial(
            completed, ratio((self.completed * stale).sum(axis=1), completed))

    # -- load ----------------------------------------------------------------------------------

    def _measure_load(self) -> None:
        """CPU, percent, and connections of the replicas; the writer's where there is none."""
        reads = self.reads
        self.cpu, serving = 100.0 * reads.cpu, reads.during("serving")
        self.cpu_mean = (self.cpu * serving).sum(axis=1) / serving.sum(axis=1)
        self.cpu_max = np.where(serving, self.cpu, 0.0).max(axis=1)
        self.cpu_min = np.where(serving, self.cpu, np.inf).min(axis=1)
        served_for = (serving * self.length[:, None]).sum(axis=0)       # s, by instance
        loads = ((reads.offered + reads.extra) * serving).sum(axis=0)[served_for > 0]
        loads = loads / served_for[served_for > 0]              # while each served
        self.imbalance = float(loads.max() / loads.mean()) if loads.any() else 1.0
        held = sum(np.array(endpoint.held) for endpoint in self.cluster.endpoints)
        self.connections_max = np.where(serving, held, 0.0).max(axis=1)
        pools = len(self.cluster.endpoints) * len(self.cluster.endpoints[0].client)
        self.connections_max_share = self.over_time(self.connections_max) / pools

    # -- what is told of it --------------------------------------------------------------------

    def over_time(self, values: np.ndarray) -> float:
        """The mean over the run of what holds in each step."""
        return float((values * self.length).sum() / self.length.sum())

    @cached_property
    def latency_quantiles(self) -> dict[int, float]:
        """{50: median latency of a read, 95: ..., 99: ...}, s."""
        return quantiles(self.latencies)

    @property
    def lag_p95(self) -> float:
        """19 of 20 times a replica is no further behind, s; looked at once in each tick."""
        return quantile(self.lag[self.reads.first][self.readers[self.reads.first]], 95)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        readers, means, tick = self.readers, self.reads.means, self.sim.tick
        order = np.argsort(~readers, axis=1, kind="stable")
        load = np.take_along_axis(np.where(readers, self.cpu, 0.0), order, axis=1) / 100.0
        step, index = np.arange(len(self.length)), self.reads.during("writer")
        writer, by_writer = self.cpu[step, index], self.completed[step, index]
        lag = self.lag.sum(axis=1) / np.maximum(readers.sum(axis=1), 1)

        def rate(counts, unit):
            return per_tick(self.reads.sums(counts) / tick, unit)
        return {
            "offered_rate": rate(self.offered, "reads/s"),
            "completed_rate": rate(self.completed.sum(axis=1), "reads/s"),
            "replica_reads_rate": rate(self.completed.sum(axis=1) - by_writer, "reads/s"),
            "writer_reads_rate": rate(by_writer, "reads/s"),
            "late_rate": rate(self.late_by_step, "reads/s"),
            "retries_rate": rate(self.retries, "reads/s"),
            "failed_rate": rate(self.failed, "reads/s"),
            "lost_rate": rate(self.failed + self.abandoned, "reads/s"),
            "attempts_rate": rate(self.offered + self.retries, "reads/s"),
            "writes_offered_rate": rate(self.writes, "writes/s"),
            "writes_rate": rate(self.writes - self.writes_failed, "writes/s"),
            "writes_failed_rate": rate(self.writes_failed, "writes/s"),
            "read_only_rate": rate(self.writes_read_only, "writes/s"),
            "cpu_mean": per_tick(means(self.cpu_mean), "%"),
            "cpu_max": per_tick(means(self.cpu_max), "%"),
            "cpu_min": per_tick(means(self.cpu_min), "%"),
            "connections_max": per_tick(means(self.connections_max), "connections"),
            "opened_rate": rate(self.reads.opened.sum(axis=1), "per s"),
            "latency": per_tick(self.latency_by_tick, "s"),
            "replica_lag": per_tick(means(lag), "s"),
            "writer_cpu": per_tick(means(writer), "%"),
            **bars("load", means(load).T)}

    def bill(self) -> dict[str, float]:
        """{line: USD}."""
        cluster = self.cluster
        hours = bill.instance_hours(self.reads.during("billed"), cluster.size / cluster.capacity,
                                    self.length)
        return bill.bill(cluster.engine, hours, cluster.price,
                         writes=float((self.writes - self.writes_failed).sum()),
                         standby=self.sim.duration / 3600 if cluster.multi_az else 0.0,
                         proxy=cluster.proxy)
