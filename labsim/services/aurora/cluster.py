"""Amazon Aurora (and RDS): a cluster that answers reads, with what came of them.

Picture a kitchen from the dining room: who is in it (`instances`), which cook the desk names to
whom (`reader_endpoint`), how full each cook's table is (`reads`), who still brings orders to
yesterday's chef (`writers`), and what the head waiter has counted when it closes (`tally`).

*Models:* what these do together; CPU and connections as CloudWatch shows them, for auto scaling.
*Leaves out:* what each of these leaves out.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from labsim.declare import Count, Invariant, Line, Metric, Panel, adds_up
from labsim.declare.counted import CountedOutlet
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services.aurora.bill import PRICES
from labsim.services.aurora.failures import Failover, Failures
from labsim.services.aurora.reads import Reads
from labsim.services.aurora.rules import AURORA
from labsim.services.aurora.tally import Tally
from labsim.services.aurora.writers import Pool, Proxy
from labsim.services.cloudwatch.alarms import STANDARD_RESOLUTION
from labsim.services.cloudwatch.alarms import Metric as CloudWatchMetric


class Cluster(Failures):
    """A writer (instance 0), `replicas`, and room for `most` of them (by default the engine's
    limit). Reads come through an `Endpoint`, at least one, and leave by `done` when they have been
    answered; writes come at `write_rate` per second.

    A read that gets no answer in `timeout` has failed; clients whose own timeout (`retry`) is no
    longer than that have given up before, and abandon it.

    capacity: reads/s of an instance. big: so many replicas, the first, are `big_factor` times as
    large. read_time, timeout: of a read, s. connect_cost, write_cost: in reads. apply_rate, lag:
    writes/s that a replica can take over, and its lag with hardly any, s. items: of which reads
    and writes choose. price: USD per instance and hour. pool: how clients treat their connections
    to the writer. proxy: RDS Proxy in front of it. failover: how long one takes. random(use): the
    generator for a use.
    """

    METRICS = (
        Count("offered", "reads", "reads that clients wanted", "",
              lambda c: c.tally.wanted, aliases=("reads",)),
        Count("completed", "reads", "reads that were answered", "higher",
              lambda c: c.tally.completed.sum(), aliases=("reads_served",)),
        Count("failed", "reads", "reads that found no instance or took as long as the cluster's "
              "timeout, and were given up", "lower", lambda c: c.tally.failed.sum(),
              aliases=("reads_failed",)),
        Count("open_end", "reads", "reads that came last, or whose clients wait to try again, as "
              "the run ends", "",
              lambda c: c.tally.open_end),
        Count("attempts", "attempts", "times that clients asked: offered and retries", "",
              lambda c: c.tally.attempts),
        Count("retries", "attempts", "attempts after the first of a read", "lower",
              lambda c: c.tally.retries.sum()),
        Count("timed_out", "attempts", "attempts without an answer in time", "lower",
              lambda c: c.tally.timed_out),
        Count("late", "attempts", "of these, attempts that were answered after all: work for "
              "nothing", "lower", lambda c: c.tally.late),
        Count("abandoned", "reads", "reads given up after a timeout of the clients' own", "lower",
              lambda c: c.tally.abandoned.sum()),
        Count("lost", "reads", "reads without an answer: failed and abandoned", "lower",
              lambda c: c.tally.failed.sum() + c.tally.abandoned.sum()),
        Count("short_circuited", "attempts", "attempts that an open breaker stopped", "lower",
              lambda c: c.tally.short_circuited),
        Metric("amplification", "x", "attempts that were sent, per read", "lower",
               lambda c: c.tally.amplification, label="attempts per request"),
        Metric("goodput", "reads/s", "reads answered in time, per second", "higher",
               lambda c: c.tally.completed.sum() / c.sim.duration),
        Metric("wait_mean", "s", "mean time until a read is worked on", "lower",
               lambda c: c.tally.wait_mean, aliases=("read_wait_mean",)),
        *(Metric(f"latency_p{q}", "s", f"{some} of the reads take no longer than this", "lower",
                 lambda c, q=q: c.tally.latency_quantiles[q], aliases=(f"read_latency_p{q}",))
          for q, some in ((50, "half"), (95, "19 of 20"), (99, "99 of 100"))),
        Metric("cpu_mean", "%", "CPU of the instances that serve reads, on average", "",
               lambda c: c.tally.over_time(c.tally.cpu_mean), aliases=("replica_cpu_mean",)),
        Metric("cpu_max", "%", "CPU of the busiest of them at each moment, averaged over the run",
               "lower", lambda c: c.tally.over_time(c.tally.cpu_max), aliases=("replica_cpu_max",)),
        Metric("imbalance", "x", "load of the busiest over the mean, each over its time; 1 is even",
               "lower", lambda c: c.tally.imbalance, label="busiest over mean"),
        Metric("connections_max_share", "of connections", "share of all connections at the replica "
               "that has most, averaged over the run", "lower",
               lambda c: c.tally.connections_max_share, label="connections on the fullest replica"),
        Metric("replica_lag_p95", "s", "19 of 20 times a replica is no further behind than this",
               "lower", lambda c: c.tally.lag_p95, aliases=("lag_p95",)),
        Count("stale_reads", "reads", "reads of an item whose newest write was not there yet",
              "lower", lambda c: c.tally.stale.sum()),
        Count("writes_offered", "writes", "writes that clients wanted", "",
              lambda c: c.tally.writes.sum(), aliases=("writes",)),
        Count("writes_failed", "writes", "writes that found no writer, no quorum, or no room",
              "lower", lambda c: c.tally.writes_failed.sum()),
        Count("writes_read_only", "writes", "of these, writes that met a server which had become "
              "read-only", "lower", lambda c: c.tally.writes_read_only.sum()),
        Metric("failover_s", "s", "how long the slowest client is without a writer", "lower",
               lambda c: c.tally.failover, aliases=("failover_seconds",)),
        Count("replicas_max", "replicas", "most replicas available at a time", "",
              lambda c: c.record.level_max("replicas")),
        Count("scale_outs", "times", "times that auto scaling added replicas", "",
              lambda c: c.scale_outs),
        Count("scale_ins", "times", "times that auto scaling removed replicas", "",
              lambda c: c.scale_ins))
    PANELS = (
        Panel("Reads per second", (
            Line("offered", "offered_rate"), Line("attempts", "attempts_rate"),
            Line("completed", "completed_rate"), Line("given up", "lost_rate")),
            marks=("failover", "recovered")),
        Panel("CPU", (Line("busiest", "cpu_max"), Line("mean", "cpu_mean"),
                           Line("idlest", "cpu_min")), marks=("scale-out", "replica")),
        Panel("Latency", (Line("mean latency", "latency"),)),
        Panel("Replica lag", (Line("mean lag", "replica_lag"),)))
    INVARIANTS = (
        adds_up("offered", "completed", "failed", "abandoned", "open_end"),
        adds_up("attempts", "offered", "retries"),
        Invariant("reads that are given up, late or waiting are counted once", lambda r: (
            r.summary["abandoned"] >= 0 and r.summary["open_end"] >= 0
            and r.summary["late"] <= r.summary["timed_out"] <= r.summary["attempts"])),
        Invariant("no read is answered twice, no write fails twice", lambda r: (
            r.summary["stale_reads"] <= r.summary["completed"]
            and r.summary["writes_read_only"] <= r.summary["writes_failed"]
            and r.summary["writes_failed"] <= r.summary["writes_offered"])),
        Invariant("CPU is a share, and idlest <= mean <= busiest", lambda r: bool(
            (r.series["cpu_max"].value <= 100 + 1e-9).all()
            and (r.series["cpu_min"].value <= r.series["cpu_mean"].value * (1 + 1e-9)).all()
            and (r.series["cpu_mean"].value <= r.series["cpu_max"].value * (1 + 1e-9)).all())),
        Invariant("latencies are in order", lambda r: (
            r.summary["latency_p50"] <= r.summary["latency_p95"] <= r.summary["latency_p99"])))
    shows = (("available", "replicas"), ("reads/s", "completed_rate"))
    alarm = "lost_rate"

    def __init__(self, sim: Simulation, name: str, *, capacity: float, engine: str = AURORA,
                 replicas: int = 1, most: int | None = None, multi_az: bool = False, big: int = 0,
                 big_factor: float = 1.0, read_time: float = 0.005, timeout: float = 5.0,
                 connect_cost: float = 0.0, write_rate: float = 0.0, write_cost: float = 1.0,
                 apply_rate: float = 1_000.0, lag: float = 0.02, items: float = 10_000.0,
                 price: float | None = None, pool: Pool | None = None, proxy: Proxy | None = None,
                 failover: Failover | None = None,
                 random: Callable[[str], np.random.Generator] | None = None):
        for what, value in (("capacity", capacity), ("read_time", read_time), ("items", items),
                            ("timeout", timeout), ("apply_rate", apply_rate)):
            if not 0 < value < math.inf:
                raise ParameterError(what, value, "above 0")
        for what, value in (("write_rate", write_rate), ("write_cost", write_cost), ("lag", lag),
                            ("connect_cost", connect_cost), ("price", price or 0.0)):
            if not 0 <= value < math.inf:
                raise ParameterError(what, value, "at least 0")
        super().__init__(sim, name, engine=engine, replicas=replicas, most=most, big=big,
                         multi_az=multi_az, capacity=capacity, big_factor=big_factor,
                         write_rate=write_rate, apply_rate=apply_rate, proxy=proxy,
                         failover=failover)
        self.read_time, self.timeout, self.connect_cost = read_time, timeout, connect_cost
        self.write_cost, self.lag, self.items, self.pool = write_cost, lag, items, pool or Pool()
        self.price = PRICES[engine] if price is None else price
        self.random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.done = CountedOutlet(self)
        self.reads = Reads(self)

    def wired(self) -> None:
        """Somebody has to connect to it."""
        if not self.endpoints:
            raise LabsimError(f"nobody connects to {self.name}: aurora.Endpoint(sim, name, "
                              f"cluster, ...) does")

    @property
    def failures(self) -> list[float]:
        """When something fails, is there again, or has been found by all its clients; s, in
        order."""
        found = self.endpoints[0].ttl
        return sorted(self.losses + [t for one in self.outages for t in (
            one.down, one.back, one.back + found, one.demoted)])

    def advance(self, now: float) -> None:
        """Let reads come and be answered until `now`."""
        if self.endpoints:      # else it is still being made
            self.reads.advance(now)

    # -- CloudWatch metrics --------------------------------------------------------------------

    def average_cpu(self, period: float = STANDARD_RESOLUTION, name: str = "") -> CloudWatchMetric:
        """The metric to track: CPU of the replicas on average, percent."""
        return self._watched(name or f"CPU of {self.name}", period, "%",
                             lambda: self.reads.recent_cpu(period),
                             lambda: self.reads.recent_replicas(period))

    def connections_per_replica(self, period: float = STANDARD_RESOLUTION,
                                name: str = "") -> CloudWatchMetric:
        """The other metric to track: connections per replica."""
        return self._watched(name or f"connections of {self.name}", period, "connections",
                             self.reads.recent_connections, lambda: self.in_service)

    def _watched(self, name: str, period: float, unit: str, read, over) -> CloudWatchMetric:
        metric = CloudWatchMetric(self.sim, name, read, period, unit, over)
        self.link(metric, "metric")
        return metric

    # -- at the end of the run -----------------------------------------------------------------

    @cached_property
    def tally(self) -> Tally:
        """What came of the reads and writes, worked out once."""
        return Tally(self)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Reads, writes, load, lag and members over time."""
        return {**self.tally.series(), **super().series()}

    def cost(self) -> dict[str, float]:
        """Instances by the hour, Aurora's writes to its storage or RDS's standby, the proxy."""
        return self.tally.bill()
