"""Amazon CloudWatch: metrics that are sampled, and alarms that look at the last few datapoints.

Picture a nurse who reads a thermometer every minute and writes the value down; another who
looks at the last N readings and rings a bell when M of them are too high.

*Models:* a metric sampled at its resolution (60 s; 10 s for high resolution) and averaged over
the alarm's period; alarms M out of N with the four treatments of missing data, evaluated every
minute (every 10 s for high resolution) on the period that ends then; actions on the change to
ALARM, and again every minute while it lasts, as Auto Scaling gets them.
*Leaves out:* statistics other than the average, composite and anomaly alarms, the seconds that
a datapoint takes to become visible.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from labsim.declare import Component, Count
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError, require, unknown
from labsim.services.cloudwatch.rules import (
    ALARM,
    INSUFFICIENT_DATA,
    MISSING,
    PERIODS,
    REPEAT_ACTION,
    STANDARD_RESOLUTION,
    alarm_state,
    breaches,
    fits,
    is_period,
    most_datapoints,
)


class Metric(Component):
    """A value in `unit`, read every `resolution` seconds; `read()` gives None for no data.

    over: of a value per instance, over how many instances the latest one was taken (`over()`).
    unhealthy: how many in service were left out of these, since they are unhealthy.
    on_read: what is called with each value as it is read.
    """

    shows = (("now", "value"),)
    control = True

    def __init__(self, sim: Simulation, name: str, read: Callable[[], float | None],
                 period: float = STANDARD_RESOLUTION, unit: str = "",
                 over: Callable[[], float] | None = None,
                 unhealthy: Callable[[], float] = lambda: 0):
        super().__init__(sim, name)
        if not is_period(period):
            raise ParameterError("period", period, PERIODS)
        self.period, self.unit, self._read = period, unit, read
        self.over, self.unhealthy = over, unhealthy
        self.resolution = min(period, STANDARD_RESOLUTION)
        self._per_period = round(period / self.resolution)
        self.samples: list[float | None] = []
        self._averages: list[float | None] = []     # of the period that ends at each sample
        self.on_read: list[Callable[[float | None], None]] = []
        sim.process(self._sampling())

    def _sampling(self):
        while True:
            tick = len(self.samples) + 1
            yield self.sim.until(tick * self.resolution, Order.METRIC)
            value = self._read()
            self.samples.append(value)
            self._averages.append(self._average())
            if value is not None:
                self.record.level("value", self.sim.now, value)
            for told in self.on_read:
                told(value)

    def _average(self) -> float | None:
        real = [s for s in self.samples[-self._per_period:] if s is not None]
        return sum(real) / len(real) if real else None

    def datapoints(self, count: int) -> list[float | None]:
        """The averages of the last `count` periods that end now, oldest first; None: no data."""
        step = self._per_period
        real = self._averages[:-count * step - 1:-step]
        return [None] * (count - len(real)) + real[::-1]

    def series(self) -> dict:
        """The value as it was read."""
        return {"value": (self.record.sampled("value"), self.unit)}


@runtime_checkable
class Published(Protocol):
    """a cloudwatch.Metric"""

    def datapoints(self, count: int) -> list[float | None]:
        """The last ones, oldest first."""


class Alarm(Component):
    """Compares the datapoints of `metric` with `threshold`, and calls `action(value)`.

    above: True alarms on values > threshold, False on values < threshold.
    extra: datapoints looked at beyond N where some are missing; AWS says only that N=3 looks at 5.
    """

    METRICS = (Count("alarms", "times", "times that it went into ALARM", "",
                     lambda a: a.rung),)
    boxed = False       # whoever acts on it shows it
    control = True

    def __init__(self, sim: Simulation, name: str, metric: Published, *, threshold: float,
                 above: bool, m: int, n: int, action: Callable[[float], None],
                 missing: str = "missing", extra: int = 2):
        super().__init__(sim, name)
        if missing not in MISSING:
            raise unknown("missing", missing, MISSING)
        require("n", n, 1, whole=True)
        if not 1 <= m <= n:
            raise ParameterError("m", m, f"from 1 to n, {n}")
        require("extra", extra, whole=True)
        if not fits(metric.period, n):
            raise ParameterError("n", n, most_datapoints(metric.period))
        self.metric, self.action, self.rung = metric, action, 0
        self.threshold, self.above, self.m, self.n = threshold, above, m, n
        self.missing, self.extra = missing, extra
        self.state = INSUFFICIENT_DATA
        self._acted = float("-inf")
        metric.link(self)
        sim.process(self._evaluation())

    def _evaluation(self):
        tick = 0
        while True:
            tick += 1
            yield self.sim.until(tick * self.metric.resolution, Order.ALARM)
            self.evaluate()

    def evaluate(self) -> None:
        """Look at the datapoints now; act on ALARM.

        Facts: cw.alarm_eval_rate, cw.alarm_actions_rule.
        """
        values = self.metric.datapoints(self.n + self.extra)
        state = alarm_state([v if v is None else breaches(v, self.threshold, self.above)
                             for v in values], self.m, self.n, self.missing, self.state)
        changed, self.state = state != self.state, state
        if not changed and state != ALARM:
            return
        if changed:
            self.rung += state == ALARM
            self.record.level("state", self.sim.now, state == ALARM)
        newest = next((v for v in reversed(values) if v is not None), None)
        if changed and newest is not None:
            self.sim.log("alarm", f"alarm {self.name} is {state}: {self.metric.name} "
                                  f"{newest:,.1f}, threshold {self.threshold:,.1f}", part=self.name)
        if state == ALARM and newest is not None and (
                changed or self.sim.now - self._acted >= REPEAT_ACTION):
            self._acted = self.sim.now
            self.action(newest)

    def series(self) -> dict:
        """1 while it is in ALARM."""
        return {"state": (self.record.sampled("state"), "on")}
