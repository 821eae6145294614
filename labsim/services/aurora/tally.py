"""What came of the reads and writes on a cluster: drawn and counted once, when the run has ended.

Picture the head waiter after closing time. He has seen how full each cook's table was all evening;
from that he works out how many plates came, who waited how long, and who got yesterday's soup.

*Models:* Poisson numbers of reads and writes per tick, shared out as the connections were;
latencies of reads drawn in proportion to where they were served; writes that find no writer, no
quorum or no room; lag of each replica, and reads of what was written within it.
*Leaves out:* correlation between ticks beyond the queues.
"""

from functools import cached_property

import numpy as np

from labsim.declare import bars, mean, per_tick, quantile, quantiles
from labsim.services.aurora import bill
from labsim.services.aurora.rules import (
    AURORA,
    client_outage,
    dns_remainder,
    replica_lag,
    stale_share,
    unapplied,
)

SAMPLE = 4_000      # reads whose latency is drawn


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole` at each place; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


class Tally:
    """The figures of a run of `cluster`, as arrays by tick, and the values of its metrics."""

    def __init__(self, cluster):
        self.cluster, self.sim, self.reads = cluster, cluster.sim, cluster.reads
        self.tick, self.ticks = self.sim.tick, len(self.sim.record.t) - 1
        self.readers = self.reads.during("readers")
        self._count_reads()
        self._draw_latencies(cluster.random("latency"))
        self._count_writes()
        self._draw_staleness()
        self._measure_load()

    # -- reads -------------------------------------------------------------------------------

    def _count_reads(self) -> None:
        """How many there are, where they go, which of them fail; (ticks, instances + 1)."""
        nowhere = self.cluster.nowhere
        endpoints = self.cluster.endpoints
        steady, rate = sum(e.rate for e in endpoints), sum(e.flow() for e in endpoints)
        self.offered = self.cluster.random("reads").poisson(steady * self.tick, self.ticks)
        self.offered = self.offered + sum(e.came for e in endpoints).astype(np.int64)
        weights = np.minimum(self.reads.offered / np.maximum(rate, 1e-9)[:, None], 1.0)
        weights[:, nowhere] = np.maximum(1.0 - weights[:, :nowhere].sum(axis=1), 0.0)
        counts = self.cluster.random("routing").multinomial(self.offered, weights)
        self.failed = np.rint(counts * self.reads.failing())
        self.completed = counts - self.failed

    def _draw_latencies(self, rng: np.random.Generator) -> None:
        """Waits and latencies of `SAMPLE` completed reads, s, and the mean latency by tick: cells
        (tick, instance) are drawn in proportion to what they complete, however much that is."""
        read_time, timeout = self.cluster.read_time, self.cluster.timeout
        behind, waiting, rate = self.reads.waits()
        expected = np.minimum(behind + waiting / rate, timeout) + read_time
        self.latency_by_tick = ratio((expected * self.completed).sum(axis=1),
                                     self.completed.sum(axis=1))
        below = np.cumsum(self.completed.ravel())
        if not below[-1]:
            self.waits = self.latencies = np.zeros(1)
            return
        at = np.searchsorted(below, (np.arange(SAMPLE) + rng.random()) / SAMPLE * below[-1])
        waiting, chance = waiting.ravel()[at], rng.random(SAMPLE)
        turn = np.log(np.maximum(waiting, 1e-300) / np.maximum(chance, 1e-300)) / rate.ravel()[at]
        waits = behind.ravel()[at] + np.where(chance < waiting, turn, 0.0)
        self.waits = np.minimum(waits, timeout)
        self.latencies = self.waits + read_time * rng.exponential(size=SAMPLE)

    # -- writes, and how far behind the replicas are -----------------------------------------

    def _count_writes(self) -> None:
        """Which of them fail, by tick, and how long the slowest client finds no writer."""
        cluster, endpoint = self.cluster, self.cluster.endpoints[0]
        failed_over = np.isfinite(cluster.down_at)
        left = dns_remainder(cluster.recovered_at, endpoint.shift, endpoint.ttl) \
            if failed_over else np.zeros(len(endpoint.shift))
        self.failover = client_outage(cluster.recovered_at - cluster.down_at, left.max()) \
            if failed_over else 0.0
        self.writes = cluster.random("writes").poisson(cluster.write_rate * self.tick, self.ticks)
        self.writable = self._writable(cluster.recovered_at + left)
        self.writes_failed = np.rint(self.writes * (1.0 - self.writable))

    def _writable(self, found: np.ndarray) -> np.ndarray:
        """Share of each tick's writes that succeed: there is a writer, clients have `found` it
        (s), the storage has its quorum, and the instance keeps up; (ticks,)."""
        cluster, t = self.cluster, self.sim.record.t
        start, end = t[:-1, None], t[1:, None]
        out = np.clip(np.minimum(end, found) - np.maximum(start, cluster.down_at), 0.0, None)
        ok = np.clip(1.0 - out.mean(axis=1) / self.tick, 0.0, 1.0)
        ok *= t[:-1] < cluster.lost_at
        work = cluster.write_rate * cluster.write_cost
        return ok * min(1.0, cluster.capacity / max(work, 1e-9))

    def _draw_staleness(self) -> None:
        """Lag of each replica, s, (ticks, instances + 1), and reads that are out of date."""
        cluster, rate = self.cluster, self.cluster.write_rate * self.writable
        usual = replica_lag(cluster.lag, rate, cluster.apply_rate)
        lag = usual[:, None] * cluster.random("lag").gamma(4.0, 0.25, size=self.readers.shape)
        if cluster.engine != AURORA:
            lag += unapplied(rate, cluster.apply_rate, self.tick)[:, None]
        self.lag = lag * self.readers
        stale = stale_share(rate[:, None], self.lag, cluster.items)
        completed = self.completed.sum(axis=1)
        self.stale = cluster.random("stale").binomial(
            completed.astype(np.int64), ratio((self.completed * stale).sum(axis=1), completed))

    # -- load ----------------------------------------------------------------------------------

    def _measure_load(self) -> None:
        """CPU, percent, and connections of the replicas; the writer's where there is none."""
        self.cpu, serving = 100.0 * self.reads.cpu(), self.reads.during("serving")
        self.cpu_mean = (self.cpu * serving).sum(axis=1) / serving.sum(axis=1)
        self.cpu_max = np.where(serving, self.cpu, 0.0).max(axis=1)
        self.cpu_min = np.where(serving, self.cpu, np.inf).min(axis=1)
        served_for = serving.sum(axis=0)                        # ticks, by instance
        loads = ((self.reads.offered + self.reads.extra) * serving).sum(axis=0)[served_for > 0]
        loads = loads / served_for[served_for > 0]              # while each served
        self.imbalance = float(loads.max() / loads.mean()) if loads.any() else 1.0
        held = sum(endpoint.connections_by_tick for endpoint in self.cluster.endpoints)
        self.connections_max = np.where(serving, held, 0.0).max(axis=1)
        pools = len(self.cluster.endpoints) * len(self.cluster.endpoints[0].client)
        self.connections_max_share = float((self.connections_max / pools).mean())

    # -- what is told of it --------------------------------------------------------------------

    @property
    def wait_mean(self) -> float:
        """Mean wait of a read, s."""
        return mean(self.waits)

    @cached_property
    def latency_quantiles(self) -> dict[int, float]:
        """{50: median latency of a read, 95: ..., 99: ...}, s."""
        return quantiles(self.latencies)

    @property
    def lag_p95(self) -> float:
        """19 of 20 times a replica is no further behind, s."""
        return quantile(self.lag[self.readers], 95)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        tick, readers = self.tick, self.readers
        order = np.argsort(~readers, axis=1, kind="stable")
        load = np.take_along_axis(np.where(readers, self.cpu, 0.0), order, axis=1) / 100.0
        return {
            "offered_rate": per_tick(self.offered / tick, "reads/s"),
            "completed_rate": per_tick(self.completed.sum(axis=1) / tick, "reads/s"),
            "failed_rate": per_tick(self.failed.sum(axis=1) / tick, "reads/s"),
            "writes_rate": per_tick((self.writes - self.writes_failed) / tick, "writes/s"),
            "writes_failed_rate": per_tick(self.writes_failed / tick, "writes/s"),
            "cpu_mean": per_tick(self.cpu_mean, "%"), "cpu_max": per_tick(self.cpu_max, "%"),
            "cpu_min": per_tick(self.cpu_min, "%"),
            "connections_max": per_tick(self.connections_max, "connections"),
            "opened_rate": per_tick(self.reads.opened.sum(axis=1) / tick, "per s"),
            "latency": per_tick(self.latency_by_tick, "s"),
            "replica_lag": per_tick(self.lag.sum(axis=1) / np.maximum(readers.sum(axis=1), 1), "s"),
            "writer_cpu": per_tick(self.cpu[np.arange(self.ticks), self.reads.during("writer")],
                                   "%"),
            **bars("load", load.T)}

    def bill(self) -> dict[str, float]:
        """{line: USD}."""
        cluster = self.cluster
        hours = bill.instance_hours(self.reads.during("billed"), cluster.size / cluster.capacity,
                                    self.tick)
        return bill.bill(cluster.engine, hours, cluster.price,
                         writes=float((self.writes - self.writes_failed).sum()),
                         standby=self.sim.duration / 3600 if cluster.multi_az else 0.0)
