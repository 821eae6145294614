"""The traffic of the lab `asg-policies`: what comes today, and what the forecast has seen.

Picture the counter at the supermarket's door, and its sheets of the last two weeks in a folder.

*Models:* Poisson requests around a day, a ramp or a steady rate, with a flash crowd; or exactly
those of a file, each at any time in its period. The folder has the usual day; of a file the days
before each hour, or, where it has none, that hour itself.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.asg_policies.params import AsgPoliciesParams
from labsim.engine import Arrivals, RateCurve, Simulation, scaled
from labsim.services.autoscaling.predictive import HOUR
from labsim.services.elb.web_tier import CELL, between, curve_rates, edges, lengths, traffic

DAY = 86_400


def usual(p: AsgPoliciesParams) -> RateCurve:
    """The request rate of an ordinary day: what history knows."""
    if p.workload == "day":
        return RateCurve.diurnal(p.arrival_rate, p.peak_factor, DAY, p.duration)
    return RateCurve.steady(p.arrival_rate, p.duration)


def expected(p: AsgPoliciesParams, cell: float = CELL) -> np.ndarray:
    """Today's expected requests per second in cells of so many s, (cells,)."""
    ends = edges(p.duration, cell)
    if p.traced:
        return p.today_factor * curve_rates(kit.load(p, "arrival_rate"), ends)
    curve = RateCurve.ramp(p.arrival_rate, p.peak_factor, p.ramp_start, p.ramp_duration,
                           p.duration) if p.workload == "ramp" else usual(p)
    return p.today_factor * between(curve_rates(curve, ends), ends, p.flash_start,
                                    p.flash_duration, p.flash_factor)


def arrivals(p: AsgPoliciesParams, sim: Simulation) -> np.ndarray:
    """Today's requests per second, (cells,)."""
    if p.traced:
        ends, curve = edges(p.duration), kit.load(p, "arrival_rate")
        counts = Arrivals.drawn(curve, ends, sim.stream("arrivals")).on(ends)
        return scaled(counts, p.today_factor) / lengths(p.duration)
    return traffic(expected(p), p.variability, p.duration, sim.stream("arrivals"),
                   sim.stream("variability"))


def hourly(p: AsgPoliciesParams) -> np.ndarray:
    """The usual mean rate of each hour, (hours,); the last one may go on after the end."""
    ends = np.append(np.arange(0.0, p.duration, HOUR), p.duration)
    return before(p, ends) if p.traced else curve_rates(usual(p), ends)


def before(p: AsgPoliciesParams, ends: np.ndarray) -> np.ndarray:
    """The mean rate between each two of `ends`, s of the run, on the days before in the file: of at
    most `history_days`; where there is no day before, on the day itself. (len(ends) - 1,)"""
    file = kit.whole_file(p)
    upto = np.append(0.0, np.cumsum(file.counts)) * p.trace_factor
    t = ends + np.floor(p.trace_start / file.period + 1e-9) * file.period
    periods = np.arange(len(upto)) * file.period
    total, days = np.zeros((2, len(ends) - 1))
    for past in (t - day * DAY for day in range(1, p.history_days + 1)):
        there = past[:-1] >= 0
        total += there * np.diff(np.interp(past, periods, upto))
        days += there
    today = np.diff(np.interp(t, periods, upto))
    return np.where(days, total / np.maximum(days, 1), today) / np.diff(ends)
