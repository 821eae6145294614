"""Auto scaling of a DynamoDB table: two alarms, a new capacity after a while, few decreases a day.

Picture a landlord who reads the water meter. Two minutes of too much, and he orders a wider pipe;
he waits a quarter of an hour before he orders a narrower one, and the water works come for that
only so often a day.

*Models:* the two alarms, the delay, target tracking's proportion, no scale-in where nothing is
consumed, decreases that are limited, of reads and writes together. *Leaves out:* scheduled scaling,
alarms that come late.
"""

import math

from labsim import factbook
from labsim.declare import Component, Count
from labsim.engine import Simulation, Step
from labsim.errors import ParameterError
from labsim.services.dynamodb import rules
from labsim.services.dynamodb.table import READ, WRITE, Table

HOUR, DAY = 3_600, 86_400   # s
MINUTE = 60.0               # s of a datapoint
AT_MOST = 300.0             # s of a step while somebody looks at each minute
TARGET = factbook.value("ddb.autoscale_target_default_pct") / 100
TARGETS = 0.2, 0.9          # that AWS allows


class Decreases:
    """Those of a table's capacity, of reads and writes together, as many as AWS allows: four within
    an hour from the first one of a day, then one if there was none in the hour before; the days
    (UTC) begin at multiples of 86,400 s. Source: fact `ddb.decreases`."""

    def __init__(self):
        self._day, self._made = 0, []       # at these times, today

    def allowed(self, now: float) -> bool:
        """Whether there may be one at `now` s."""
        if now // DAY != self._day:
            self._day, self._made = now // DAY, []
        made = self._made
        return (not made or now - made[-1] >= HOUR
                or len(made) < rules.FIRST_DECREASES and now - made[0] < HOUR)

    def make(self, now: float) -> None:
        """There is one at `now` s."""
        self._made.append(now)


class AutoScaling(Component):
    """Sets the capacity of a `table` from its consumption.

    target: a share. least, most: units/s. delay: s until a new capacity is there. The low alarm
    waits for 15 minutes, and decreases are limited.
    """

    METRICS = (
        Count("scale_outs", "times", "how often auto scaling raised a capacity",
              value=lambda s: s.outs),
        Count("scale_ins", "times", "how often it lowered one", value=lambda s: s.ins))
    control = True

    def __init__(self, sim: Simulation, name: str, table: Table, *, target: float = TARGET,
                 least: float = 1.0, most: float = math.inf, delay: float = 60.0):
        super().__init__(sim, name)
        low, high = TARGETS
        for what, value, ok, allowed in (
                ("target", target, low <= target <= high, f"from {low} to {high}"),
                ("least", least, 0 < least < math.inf, "above 0"),
                ("most", most, most >= least, f"at least {least:g}"),
                ("delay", delay, 0 <= delay < math.inf, "at least 0 s"),
                ("table", table.name, not table.on_demand, "a table with provisioned capacity")):
            if not ok:
                raise ParameterError(what, value, allowed)
        self.table, self.target, self.delay = table, target, delay
        self.least, self.most = least, most
        self._high, self._low = [0, 0], [0, 0]  # minutes in a row that were too high, too low
        self._minute, self._units = 1, [0.0, 0.0]   # that goes on, and what was consumed in it
        self._coming: list = [None, None]       # (when, capacity)
        self._decreases = Decreases()
        self.outs = self.ins = 0
        self.link(table, "capacity")
        sim.pace.join(self.step)

    def step(self, step: Step) -> float:
        """After each step of the table: look at the minutes that have ended in it. For how many s
        nothing changes."""
        now, used = step.start, [units / step.length for units in self.table.used_now]
        while (end := self._minute * MINUTE) <= step.end * (1 + 1e-12):
            for op in (READ, WRITE):
                self._look(op, (self._units[op] + used[op] * (end - now)) / MINUTE, end)
            now, self._units = end, [0.0, 0.0]
            self._minute += 1
        left = max(0.0, step.end - now)
        self._units = [units + rate * left for units, rate in zip(self._units, used)]
        for op, coming in enumerate(self._coming):
            if coming and coming[0] <= step.end:
                self.table.provision(op, coming[1])
                self._coming[op] = None
        return min([AT_MOST] + [coming[0] - step.end for coming in self._coming if coming])

    def _look(self, op: int, consumed: float, now: float) -> None:
        """A minute has ended at `now` s, in which so many units/s were `consumed`."""
        capacity = self.table.capacity[op]
        high, low = rules.thresholds(capacity, self.target)
        self._high[op] = self._high[op] + 1 if consumed > high else 0
        # Where nothing is consumed there is no datapoint, and no scale-in; ddb.autoscale_zero.
        self._low[op] = self._low[op] + 1 if 0.0 < consumed <= low else 0
        if self._coming[op]:
            return
        wanted = min(max(rules.scaled(consumed, self.target), self.least), self.most)
        if self._high[op] * MINUTE >= rules.HIGH_SECONDS and wanted > capacity:
            self._set(op, now, wanted, "scale-out")
            self.outs += 1
        elif (self._low[op] * MINUTE >= rules.LOW_SECONDS and wanted < capacity
              and self._decreases.allowed(now)):
            self._decreases.make(now)
            self._set(op, now, wanted, "scale-in")
            self.ins += 1

    def _set(self, op: int, now: float, wanted: float, kind: str) -> None:
        self._coming[op] = (now + self.delay, wanted)
        self._high[op] = self._low[op] = 0
        what = f"{self.table.name}, {('reads', 'writes')[op]}"
        self.sim.log(kind, f"{what}: {self.table.capacity[op]:,.0f} -> {wanted:,.0f} units/s",
                     now, self.name)
