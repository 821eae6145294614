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

from collections.abc import Callable, Sequence

from labsim import factbook
from labsim.engine import Order, Simulation

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
STANDARD_RESOLUTION = factbook.value("sqs.metric_period_s")
REPEAT_ACTION = factbook.value("cw.alarm_repeat_s")
LONGEST_WINDOW = factbook.value("cw.alarm_max_window")


def alarm_state(points: Sequence[bool | None], m: int, n: int, missing: str = "missing",
                state: str = OK) -> str:
    """The state of an alarm "M out of N" that sees `points`, oldest first.

    points: the evaluation range, at least n long: True breaching, False not, None missing.
    missing: "missing", "ignore", "breaching" or "notBreaching". state: the one before.
    Facts: cw.alarm_rule, cw.alarm_missing_default, cw.alarm_missing_rule, cw.alarm_premature_rule;
    the tables of their source, AlarmThatSendsEmail, are in tests/services/test_cloudwatch.py.
    """
    if not 1 <= m <= n <= len(points):
        raise ValueError(f"M={m}, N={n} on {len(points)} points: needs 1 <= M <= N <= points")
    newest = points[-n:]
    if None not in newest:
        return ALARM if sum(newest) >= m else OK
    real = [p for p in points if p is not None][-n:]
    lacking = n - len(real)
    if missing == "breaching":
        return ALARM if sum(real) + lacking >= m else OK
    if missing == "notBreaching" or lacking == 0 or sum(real) >= m:
        return ALARM if sum(real) >= m else OK
    if missing not in ("missing", "ignore"):
        raise ValueError(f"missing={missing!r}: missing, ignore, breaching or notBreaching")
    if not all(real):
        return OK
    if missing == "ignore":
        return state
    if not real:
        return INSUFFICIENT_DATA
    oldest = next(age for age, p in zip(range(len(points), 0, -1), points) if p is not None)
    return ALARM if oldest >= m else OK     # only breaching data, and old enough: premature alarm


def evaluation_window(period: float, n: int) -> float:
    """Seconds that an alarm with `n` evaluation periods looks back on; a day at most.

    Facts: cw.alarm_eval_rate, cw.alarm_max_window.
    """
    if not 0 < period * n <= LONGEST_WINDOW:
        raise ValueError(f"{n} periods of {period} s: at most {LONGEST_WINDOW:g} s together")
    return period * n


class Metric:
    """A value read every `resolution` seconds; `read()` returns None where there is no data."""

    def __init__(self, sim: Simulation, name: str, read: Callable[[], float | None],
                 period: float):
        self.name, self.period, self._read, self._sim = name, period, read, sim
        self.resolution = min(period, STANDARD_RESOLUTION)
        self._per_period = round(period / self.resolution)
        self.samples: list[float | None] = []
        self._averages: list[float | None] = []     # of the period that ends at each sample
        sim.process(self._sampling())

    def _sampling(self):
        while True:
            tick = len(self.samples) + 1
            yield self._sim.until(tick * self.resolution, Order.METRIC)
            value = self._read()
            self.samples.append(value)
            self._averages.append(self._average())
            if value is not None:
                self._sim.record.level(self.name, self._sim.now, value)

    def _average(self) -> float | None:
        real = [s for s in self.samples[-self._per_period:] if s is not None]
        return sum(real) / len(real) if real else None

    def datapoints(self, count: int) -> list[float | None]:
        """The averages of the last `count` periods that end now, oldest first; None: no data."""
        step = self._per_period
        real = self._averages[:-count * step - 1:-step]
        return [None] * (count - len(real)) + real[::-1]


class Alarm:
    """Compares the datapoints of `metric` with `threshold`, and calls `action(value)`.

    above: True alarms on values > threshold, False on values < threshold.
    extra: datapoints looked at beyond N where some are missing; AWS says only that N=3 looks at 5.
    """

    def __init__(self, sim: Simulation, name: str, metric: Metric, *, threshold: float,
                 above: bool, m: int, n: int, action: Callable[[float], None],
                 missing: str = "missing", extra: int = 2):
        self.sim, self.name, self.metric, self.action = sim, name, metric, action
        self.threshold, self.above, self.m, self.n = threshold, above, m, n
        self.missing, self.extra = missing, extra
        self.state = INSUFFICIENT_DATA
        self._acted = float("-inf")
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
        limit, above = self.threshold, self.above
        state = alarm_state([v if v is None else v > limit if above else v < limit
                             for v in values], self.m, self.n, self.missing, self.state)
        changed, self.state = state != self.state, state
        if not changed and state != ALARM:
            return
        if changed:
            self.sim.record.level(f"alarm_{self.name}", self.sim.now, state == ALARM)
        newest = next((v for v in reversed(values) if v is not None), None)
        if changed and newest is not None:
            self.sim.log("alarm", f"alarm {self.name} is {state}: {self.metric.name} "
                                  f"{newest:,.1f}, threshold {self.threshold:,.1f}")
        if state == ALARM and newest is not None and (
                changed or self.sim.now - self._acted >= REPEAT_ACTION):
            self._acted = self.sim.now
            self.action(newest)
