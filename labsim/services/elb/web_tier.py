"""A web tier behind a load balancer: instances that share the requests evenly, and their CPU.

Picture the tills of a supermarket. Shoppers are spread over all open tills; as long as there are
tills enough, everybody is served at once; of those beyond that, the rest walk out.

*Models:* requests per second, counted in cells of ten seconds, on instances that are all alike;
CPU = load / capacity; requests beyond the capacity are missed; the mean CPU over each period, as
CloudWatch publishes it: no datapoint where no instance is in service.
*Leaves out:* response times and queues, sessions, health checks, registration (there is a lab on
load balancers), and CPU that depends on anything but requests.

Counted, since nobody asks for one request's fate here, but for how many are missed in a day. The
arrivals do not depend on the group, and the capacity changes at control events only: all that lies
between two of them is filled in at once. Tests put it beside plain SimPy, request by request.
"""

import math
from collections.abc import Callable

import numpy as np

from labsim.engine import RateCurve, Simulation
from labsim.services.ec2.fleet import Instance

CELL = 10.0     # s; in the finest metric period there is one
MINUTE = 6      # cells


def edges(duration: float, cell: float = CELL) -> np.ndarray:
    """Where the cells of a run begin and end; the last one may be shorter."""
    return np.minimum(np.arange(math.ceil(duration / cell - 1e-9) + 1) * cell, duration)


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
    lengths = np.diff(edges(duration))
    return counting.poisson(rates * factors * lengths) / lengths


def curve_rates(curve: RateCurve, ends: np.ndarray) -> np.ndarray:
    """Expected requests per second in each cell, (cells,)."""
    return curve.expected(ends) / np.diff(ends)


class WebTier:
    """Requests at `rates` per second (cells,) on instances that serve `each` per second.

    `cpu` (share, NaN with no instance) and `served` (per second) are filled in as far as somebody
    has looked, as if the capacity stayed as it is. `changed()` is called when it has changed.
    """

    def __init__(self, sim: Simulation, rates: np.ndarray, each: float):
        self.sim, self.rates, self.each = sim, rates, each
        self.edges = edges(sim.duration)
        self.cpu, self.served = np.zeros(len(rates)), np.zeros(len(rates))
        self.changed: Callable[[], None] = lambda: None
        self._count, self._filled = 0, 0
        self._zones: dict[str, int] = {}
        sim.record.level("capacity", 0.0, 0.0)

    def add(self, instance: Instance) -> None:
        """An instance is in service."""
        self._change(instance, 1)

    def remove(self, instance: Instance) -> None:
        """An instance is out of service."""
        self._change(instance, -1)

    def _change(self, instance: Instance, by: int) -> None:
        now = self.sim.now
        k = int(now // CELL)
        before = self._count
        self._count += by
        if now == self.edges[k]:
            self.fill(k, before)
        else:                   # within a cell: its values are means over its length
            self.fill(k + 1, before)
            left = (self.edges[k + 1] - now) / (self.edges[k + 1] - self.edges[k])
            cpu, served = self._use(k, self._count)
            old_cpu, old_served = self._use(k, before)
            self.cpu[k] += left * (cpu - old_cpu)
            self.served[k] += left * (served - old_served)
        self._filled = min(self._filled, max(k + (now != self.edges[k]), 0))
        zone = self._zones[instance.zone] = self._zones.get(instance.zone, 0) + by
        self.sim.record.level(f"zone {instance.zone}", now, zone)
        self.sim.record.level("capacity", now, self._count * self.each)
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

    # -- at the end of the run -------------------------------------------------------------

    def finish(self) -> None:
        """Fill in the rest."""
        self.fill(len(self.rates))

    def datapoints(self, period: float) -> np.ndarray:
        """Mean CPU of each whole period in percent, (periods,)."""
        cells = round(period / CELL)
        whole = int(self.sim.duration // period)
        return 100 * np.add.reduce(self.cpu[:whole * cells].reshape(whole, cells), axis=1) / cells

    def until(self, per_second: np.ndarray) -> np.ndarray:
        """Requests of a rate (cells,) up to each instant of the record."""
        total = np.concatenate([[0.0], np.cumsum(per_second * np.diff(self.edges))])
        return np.interp(self.sim.record.t, self.edges, total)

    def load(self, arrived: np.ndarray) -> np.ndarray:
        """Requests as a share of what the instances could serve, in each interval of the record;
        arrived: requests up to each instant of it."""
        t, room = np.array([*self.sim.record.changes("capacity"), (self.sim.duration, 0.0)]).T
        could = np.concatenate([[0.0], np.cumsum(room[:-1] * np.diff(t))])
        return np.diff(arrived) / np.maximum(np.diff(np.interp(self.sim.record.t, t, could)), 1e-9)
