"""A web tier behind a load balancer: instances that share the requests evenly, and their CPU.

Picture the tills of a supermarket. Shoppers are spread over all open tills; as long as there are
tills enough, everybody is served at once; of those beyond that, the rest walk out.

*Models:* requests per second, counted in cells of ten seconds, on instances that are all alike;
CPU = load / capacity; requests beyond the capacity fail; the mean CPU over each period, as
CloudWatch publishes it: no datapoint where no instance is in service.
*Leaves out:* response times and queues, sessions, health checks, registration (there is a lab on
load balancers), and CPU that depends on anything but requests.

Counted, since nobody asks for one request's fate here, but for how many fail in a day. The
arrivals do not depend on the group, and the capacity changes at control events only: all that lies
between two of them is filled in at once. Tests put it beside plain SimPy, request by request.
"""

import math
from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np

from labsim.declare import Component, Count, Line, Metric, Panel, conserved, per_tick, share
from labsim.declare.arguments import numbers
from labsim.declare.component import Producers, producers_name
from labsim.declare.plate import kind
from labsim.declare.users import nobody_waits
from labsim.engine import Load, RateCurve, Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services.cloudwatch.alarms import Metric as CloudWatchMetric
from labsim.services.cloudwatch.rules import STANDARD_RESOLUTION

CELL = 10.0     # s; in the finest metric period there is one
MINUTE = 6      # cells


@lru_cache(maxsize=8)
def edges(duration: float, cell: float = CELL) -> np.ndarray:
    """Where the cells of a run begin and end; the last one may be shorter. Not to be changed: all
    tiers share them."""
    ends = np.minimum(np.arange(math.ceil(duration / cell - 1e-9) + 1) * cell, duration)
    ends.flags.writeable = False
    return ends


@lru_cache(maxsize=8)
def lengths(duration: float) -> np.ndarray:
    """How long the cells of a run are, s."""
    cells = np.diff(edges(duration))
    cells.flags.writeable = False
    return cells


def between(rates: np.ndarray, ends: np.ndarray, start: float, length: float,
            factor: float) -> np.ndarray:
    """`rates` (cells,), `factor` times as high from `start` for `length` s."""
    share = np.diff(np.clip(ends, start, start + length)) / np.diff(ends)
    return rates * (1.0 + (factor - 1.0) * share)


def traffic(rates: np.ndarray, variability: float, duration: float, counting: np.random.Generator,
            varying: np.random.Generator) -> np.ndarray:
    """Requests per second in each cell, (cells,): Poisson around `rates`, each minute's multiplied
    by a lognormal factor with mean 1 and this coefficient of variation."""
    sigma = np.sqrt(np.log1p(variability**2))
    minutes = varying.standard_normal(len(rates) // MINUTE + 1)
    factors = np.repeat(np.exp(sigma * minutes - sigma**2 / 2), MINUTE)[:len(rates)]
    cells = lengths(duration)
    return counting.poisson(rates * factors * cells) / cells


def curve_rates(curve: RateCurve, ends: np.ndarray) -> np.ndarray:
    """Expected requests per second in each cell, (cells,)."""
    return curve.expected(ends) / np.diff(ends)


class WebTier(Component):
    """Requests on instances that serve `each` per second; a fleet that `consumes` it has them.

    It takes requests counted, for the whole run, before it begins: `sim.send(load, to=tier)`, or
    `rates` per second in each cell, (cells,). Another part's requests, which nobody knows ahead, it
    can't take.
    `cpu` (share, NaN with no instance) and `served` (per second) are filled in as far as somebody
    has looked, as if the capacity stayed as it is. `changed()` is called when it has changed.
    """

    METRICS = (
        Count("offered", "requests", "requests of the run", "", lambda t: t.offered[-1],
              aliases=("arrived",)),
        Count("completed", "requests", "requests served", "higher",
              lambda t: t.completed[-1], aliases=("served",)),
        Count("failed", "requests", "requests beyond the capacity", "lower",
              lambda t: t.failed[-1], aliases=("missed",)),
        Metric("failed_share", "%", "failed / offered", "lower",
               lambda t: share(100 * t.failed[-1], t.offered[-1]), aliases=("missed_share",),
               label="failed"),
        Metric("cpu_mean", "%", "CPU, average over time", "",
               lambda t: t.percent @ t.lengths / t.sim.duration))
    PANELS = (
        Panel("Requests per second", (Line("offered", "offered_rate"),
                                               Line("capacity", "capacity", step=True))),
        Panel("CPU", (Line("CPU", "cpu"),)))
    INVARIANTS = (conserved("offered", "completed", "failed"),)
    shows = (("req/s", "offered_rate"), ("failed/s", "failed_rate"), ("CPU", "cpu"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, each: float, rates: np.ndarray | None = None):
        super().__init__(sim, name)
        if not each > 0:
            raise ParameterError("each", each, "above 0 requests/s")
        self.each, self.edges, self.lengths = each, edges(sim.duration), lengths(sim.duration)
        self.rates = rates if rates is None else numbers("rates", rates, (len(self.edges) - 1,))
        self.cpu, self.served = np.zeros((2, len(self.edges) - 1))
        self.changed: Callable[[], None] = lambda: None
        self._count, self._filled = 0, 0
        self.record.level("capacity", 0.0, 0.0)
        sim.on_advance(self.advance)

    # -- wiring ------------------------------------------------------------------------------

    def sent(self, load: Load | float, name: str = "", retry=None) -> "Clients":
        """Clients send requests at the rate of `load`; see `Simulation.send`."""
        nobody_waits(self, kind(self), load, retry)
        return Clients(self.sim, name or producers_name(self), load, self)

    def receive(self, rates: np.ndarray) -> None:
        """So many requests per second more in each cell, (cells,)."""
        self.rates = rates if self.rates is None else self.rates + rates

    def worked_by(self, consumer: Component, work) -> None:
        """The instances of `consumer` serve them; each serves `each` per second, whatever `work`
        says."""
        if work is not None:
            raise ParameterError("work", work, f"None: {self.name} says what an instance serves")
        self.link(consumer)

    def wired(self) -> None:
        """Somebody has to send."""
        if self.rates is None:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")

    def cpu_metric(self, period: float = STANDARD_RESOLUTION, name: str = "") -> CloudWatchMetric:
        """The metric to track, in percent: what `cloudwatch` publishes every `period` s."""
        def recent(values: np.ndarray) -> float:
            end = round(self.sim.now / CELL)
            return float(values[end - round(metric.resolution / CELL):end].mean())

        def read() -> float | None:
            self.fill(round(self.sim.now / CELL))
            mean = recent(self.cpu)
            return None if np.isnan(mean) else 100 * mean

        def over() -> float:
            cpu = recent(self.cpu)
            return recent(self.served) / self.each / cpu if cpu else self._count
        metric = CloudWatchMetric(self.sim, name or f"{self.name} CPU", read, period, "%", over)
        self.link(metric, "metric")
        return metric

    # -- capacity ----------------------------------------------------------------------------

    def add_consumer(self) -> None:
        """One more instance is in service."""
        self._change(1)

    def remove_consumer(self, rng: np.random.Generator, *, drain: bool) -> float:
        """One instance less is in service; nothing it works on takes any time."""
        self._change(-1)
        return self.sim.now

    def _change(self, by: int) -> None:
        now = self.sim.now
        k = int(now // CELL)
        before = self._count
        self._count += by
        begin = k * CELL
        if now == begin:
            self.fill(k, before)
        else:                   # within a cell: its values are means over its length
            self.fill(k + 1, before)
            end = float(self.edges[k + 1])
            left = (end - now) / (end - begin)
            cpu, served = self._use(k, self._count)
            old_cpu, old_served = self._use(k, before)
            self.cpu[k] += left * (cpu - old_cpu)
            self.served[k] += left * (served - old_served)
        self._filled = min(self._filled, k + (now != begin))
        self.record.level("capacity", now, self._count * self.each)
        self.changed()

    def _use(self, k: int, count: int) -> tuple[float, float]:
        served = min(self.rates[k], count * self.each)
        return (served / (count * self.each) if count else np.nan), served

    def fill(self, upto: int, count: int | None = None) -> None:
        """Fill in the cells before `upto`, with `count` instances (as many as there are)."""
        count = self._count if count is None else count
        if upto > self._filled:
            part = slice(self._filled, upto)
            np.minimum(self.rates[part], count * self.each, out=self.served[part])
            self.cpu[part] = self.served[part] / (count * self.each) if count else np.nan
            self._filled = upto

    def advance(self, now: float) -> None:
        """Fill in what lies before `now`."""
        self.fill(int(now // CELL) if now < self.sim.duration else len(self.cpu))

    # -- at the end of the run -------------------------------------------------------------

    def busy_seconds(self) -> float:
        """Instance-seconds of work."""
        return float(self.served @ self.lengths) / self.each

    def until(self, per_second: np.ndarray) -> np.ndarray:
        """Requests of a rate (cells,) up to each instant of the record."""
        total = np.concatenate([[0.0], np.cumsum(per_second * self.lengths)])
        return np.interp(self.record.t, self.edges, total)

    @cached_property
    def offered(self) -> np.ndarray:
        """Requests up to each instant of the record."""
        return self.until(self.rates)

    @cached_property
    def completed(self) -> np.ndarray:
        """Those that were served."""
        return self.until(self.served)

    @cached_property
    def failed(self) -> np.ndarray:
        """Those that were beyond the capacity."""
        return self.until(self.rates - self.served)

    @cached_property
    def percent(self) -> np.ndarray:
        """CPU in each cell, percent; 0 with no instance."""
        return 100 * np.nan_to_num(self.cpu)

    def load(self, offered: np.ndarray) -> np.ndarray:
        """The `offered` requests, up to each instant of the record, as a share of what the
        instances could serve, in each of its intervals."""
        t, room = np.array([*self.record.changes("capacity"), (self.sim.duration, 0.0)]).T
        could = np.concatenate([[0.0], np.cumsum(room[:-1] * np.diff(t))])
        return np.diff(offered) / np.maximum(
            np.diff(np.interp(self.record.t, t, could)), 1e-9)

    def published(self, period: float) -> tuple[np.ndarray, str]:
        """A series: the newest datapoint of CPU, the mean of each `period` s, percent."""
        cells, whole = round(period / CELL), int(self.sim.duration // period)
        points = 100 * np.add.reduce(
            self.cpu[:whole * cells].reshape(whole, cells), axis=1) / cells
        points = np.concatenate([[self.percent[0]], np.nan_to_num(points)])
        return points[np.minimum((self.record.t // period).astype(int), whole)], "%"

    def per_second(self, total: np.ndarray) -> tuple[np.ndarray, str]:
        """A series of rates from requests up to each instant of the record."""
        rate = np.maximum(np.diff(total), 0.0) / np.diff(self.record.t)
        return per_tick(rate, "req/s")

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        return {
            "offered_rate": self.per_second(self.offered),
            "failed_rate": self.per_second(self.failed),
            "offered": (self.offered, "requests"),
            "completed": (self.completed, "requests"),
            "failed": (self.failed, "requests"),
            "capacity": (self.record.sampled("capacity"), "req/s"),
            "cpu": per_tick(np.diff(self.until(self.percent)) / np.diff(self.record.t), "%")}


class Clients(Producers):
    """Clients who send requests to a web tier by chance, counted: Poisson in each of its cells."""

    METRICS = (Count("offered", "requests", "requests sent", value=lambda c: c.counts.sum()),)

    def _send(self, to: WebTier) -> None:
        self.to = to
        self.counts = self.sim.stream(f"{self.name} arrivals").poisson(
            self.curve.expected(to.edges))
        to.receive(self.counts / to.lengths)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests sent per second."""
        sent = self.to.until(self.counts / self.to.lengths)
        return {"offered_rate": self.to.per_second(sent)}
