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

import numpy as np

from labsim.engine import Order, Simulation
from labsim.services.autoscaling.group import Group

HOUR = 3600.0   # s: a forecast is made for each
HONOR, INCREASE = "honor", "increase"       # what a forecast above the maximum size does
_ROUNDING = 1e-9


def scheduled(sim: Simulation, group: Group, actions: list[tuple[float, int]],
              dismisses: bool) -> None:
    """At each (t s, size) the minimum becomes `size`, and the desired capacity at least that.

    dismisses: the action sets the desired capacity, too, so that the group shrinks to it.
    """
    def acting():
        for t, size in actions:
            yield sim.until(t, Order.SCALING)
            group.limits(size, group.max_size, "scheduled action")
            if dismisses:
                group.scale_to(size, "scheduled action")
    sim.process(acting())


def daily(start: float, end: float, size: int, otherwise: int, day: float,
          duration: float) -> list[tuple[float, int]]:
    """Actions of every `day` s: `size` from `start` to `end` s of the day, then `otherwise`."""
    times = [(n * day + t, wanted) for n in range(int(duration // day) + 1)
             for t, wanted in ((start, size), (end, otherwise))]
    return [(t, wanted) for t, wanted in sorted(times) if t < duration]


def forecast(hourly: np.ndarray, days: int, variability: float,
             rng: np.random.Generator) -> np.ndarray:
    """The mean load of each hour over the last `days` days, (hours,): `hourly` is what is usual,
    and each day's hour is off by this coefficient of variation. Fact: asg.predictive_history."""
    off = variability / math.sqrt(days) * rng.standard_normal(len(hourly))
    return hourly * np.maximum(1.0 + off, 0.0)


def needed(load: float, each: float, target: float) -> int:
    """Instances that serve `load` per second, `each` so many, at `target` percent CPU."""
    return math.ceil(load / (each * target / 100) - _ROUNDING)


def most(max_size: int, predicted: int, behavior: str, buffer: float) -> int:
    """The effective maximum: the group's, or with INCREASE up to `buffer` percent above the
    forecast where that is more. Source: EC2 Auto Scaling User Guide, predictive scaling."""
    if behavior == HONOR:
        return max_size
    return max(max_size, math.ceil(predicted * (1 + buffer / 100) - _ROUNDING))


def predictive(sim: Simulation, group: Group, loads: np.ndarray, each: float, target: float, *,
               prelaunch: float, behavior: str, buffer: float, quota: int) -> None:
    """Every hour at least as many as the forecast `loads` (hours,) needs; launched `prelaunch` s
    before. By itself it never scales in, and a maximum that was increased stays so. quota: how many
    the account may run at most. Facts: asg.predictive_forecast,
    asg.predictive_in_rule."""
    usual = group.min_size
    sizes = [needed(load, each, target) for load in loads.tolist()]

    def at_least(*hours: int):
        size = max((sizes[h] for h in hours if h < len(sizes)), default=0)
        top = most(group.max_size, min(size, quota), behavior, buffer)
        floor = min(max(size, usual), top)
        group.limits(floor, top, f"predictive scaling: {size} forecast", at_least=floor)

    def forecasting():
        at_least(0)
        for hour in range(1, len(sizes)):
            if prelaunch:
                yield sim.until(max(hour * HOUR - prelaunch, 0.0), Order.SCALING)
                at_least(hour - 1, hour)
            yield sim.until(hour * HOUR, Order.SCALING)
            at_least(hour)
    sim.process(forecasting())
