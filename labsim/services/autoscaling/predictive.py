"""Scaling ahead of the load: scheduled actions, and predictive scaling.

Picture two more foremen. One has the calendar on his wall and calls people in for the rush hour
before it begins (scheduled). One has kept the books of the last two weeks and orders, every hour,
as many as were needed at that hour on average (predictive); dismissing people is not his job.

*Models:* scheduled actions that set the minimum, and the desired capacity if told to; a forecast
of each hour's mean load from the days before; the capacity for it at the target; launches ahead of
the hour (SchedulingBufferTime); a maximum that the forecast may exceed with a buffer, or not.
*Leaves out:* AWS's machine learning (here the forecast is the mean of the same hour of the days
before), forecast-only mode, time zones, refreshing the forecast.
"""

import math
from collections.abc import Sequence

import numpy as np

from labsim import factbook
from labsim.declare import Component
from labsim.engine import Order
from labsim.errors import ParameterError, require
from labsim.services.autoscaling.group import Group
from labsim.services.autoscaling.rules import HONOR, INCREASE, effective_maximum, needed

HOUR = 3600.0   # s: a forecast is made for each


class ScheduledActions(Component):
    """At each (t s, size) of `actions` the minimum of `group` becomes `size`, and the desired
    capacity at least that; with `sets_desired` it becomes `size`, too, so that the group shrinks.
    """

    control = True

    def __init__(self, group: Group, actions: Sequence[tuple[float, int]], *,
                 sets_desired: bool = True, name: str = ""):
        super().__init__(group.sim, name or f"{group.name} schedule")
        if bad := [action for action in actions if not (action[0] >= 0 and action[1] >= 0)]:
            raise ParameterError("actions", bad[0], "times and sizes of at least 0")
        self.group, self.actions, self.sets_desired = group, sorted(actions), sets_desired
        self.link(group, "desired")
        self.sim.process(self._acting())

    def _acting(self):
        for t, size in self.actions:
            yield self.sim.until(t, Order.SCALING)
            self.group.limits(size, self.group.max_size, "scheduled action")
            if self.sets_desired:
                self.group.scale_to(size, "scheduled action")


def forecast(hourly: np.ndarray, days: int, variability: float,
             rng: np.random.Generator) -> np.ndarray:
    """The mean load of each hour over the last `days` days, (hours,): `hourly` is what is usual,
    and each day's hour is off by this coefficient of variation. Fact: asg.predictive_history."""
    off = variability / math.sqrt(days) * rng.standard_normal(len(hourly))
    return hourly * np.maximum(1.0 + off, 0.0)


class PredictiveScaling(Component):
    """Every hour at least as many instances as the forecast `loads` (hours,), 1/s, needs, where one
    serves `each` per second at full CPU and `target` percent are wanted; launched `prelaunch` s
    before. By itself it never scales in, and a maximum that was increased stays so.

    behavior: whether a forecast above the group's maximum honors or increases it, up to `buffer`
    percent above the forecast. quota: how many the account may run at most.
    Facts: asg.predictive_forecast, asg.predictive_in_rule.
    """

    control = True

    def __init__(self, group: Group, loads: Sequence[float], each: float, target: float, *,
                 prelaunch: float = factbook.value("asg.predictive_prelaunch"),
                 behavior: str = HONOR, buffer: float = 0.0, quota: float = math.inf,
                 name: str = ""):
        super().__init__(group.sim, name or f"{group.name} forecast")
        for what, value in (("each", each), ("target", target)):
            if not value > 0:
                raise ParameterError(what, value, "above 0")
        if not 0 <= prelaunch < HOUR:
            raise ParameterError("prelaunch", prelaunch, f"from 0 to below {HOUR:g} s")
        if behavior not in (HONOR, INCREASE):
            raise ParameterError("behavior", behavior, f"{HONOR} or {INCREASE}")
        require("buffer", buffer, unit="%")
        require("quota", quota, unit="instances", endless=True)
        for load in loads:
            require("loads", load, unit="requests/s")
        self.group, self.prelaunch, self.behavior, self.buffer = group, prelaunch, behavior, buffer
        self.quota, self.usual_minimum = quota, group.min_size
        self.sizes = [needed(load, each, target) for load in np.asarray(loads).tolist()]
        self.link(group, "desired")
        self.sim.process(self._forecasting())

    def _forecasting(self):
        self._at_least(0)
        for hour in range(1, len(self.sizes)):
            if self.prelaunch:
                yield self.sim.until(max(hour * HOUR - self.prelaunch, 0.0), Order.SCALING)
                self._at_least(hour - 1, hour)
            yield self.sim.until(hour * HOUR, Order.SCALING)
            self._at_least(hour)

    def _at_least(self, *hours: int) -> None:
        size = max((self.sizes[h] for h in hours if h < len(self.sizes)), default=0)
        top = effective_maximum(self.group.max_size, min(size, self.quota), self.behavior,
                                self.buffer)
        floor = min(max(size, self.usual_minimum), top)
        self.group.limits(floor, top, f"predictive scaling: {size} forecast", at_least=floor)
