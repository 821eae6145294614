"""What a database tells of itself, whether its requests are followed or counted.

Picture the form that each archive fills in at the end of the day: so many came, so many stood in
line at most, and what it cost.

*Models:* metrics, panels and laws that both have. *Leaves out:* how their values come about.
"""

from dataclasses import replace

import numpy as np

from labsim import factbook
from labsim.declare import Count, Line, Metric, Panel, conserved
from labsim.engine import so_far
from labsim.services.common.serving import UTILIZATION

NEVER = float("inf")
PRICE = factbook.value("rds.t3_large_price")    # USD per hour

METRICS = (
    Count("offered", "requests", "requests that came", "", lambda d: d.accepted + d.turned_away),
    Count("accepted", "requests", "requests that it worked on or will", "higher",
          lambda d: d.accepted, aliases=("database_requests",)),
    Count("failed", "requests", "requests turned away, lost or answered with an error", "lower",
          lambda d: d.failures),
    replace(UTILIZATION, aliases=("database_load",)),
    Metric("in_flight_mean", "requests", "requests that wait or are worked on, mean", "lower",
           lambda d: d.in_flight_mean(), aliases=("database_number",)),
    Count("queue_max", "requests", "most that waited at a recorded instant", "lower",
          lambda d: d.told["queue"][0].max(), aliases=("line_max",)),
    Metric("time_mean", "s", "mean time from arrival to answer", "lower",
           lambda d: d.time_mean()))
PANELS = (
    Panel("Requests per second", (Line("accepted", "accepted_rate"),)),
    Panel("Queue", (Line("waiting", "queue"), Line("at work", "in_service"))))
INVARIANTS = (conserved("in_flight", "queue", "in_service"),)
SHOWS = (("req/s", "accepted_rate"), ("at work", "in_service"), ("waiting", "queue"))


def per_interval(moments: np.ndarray, t: np.ndarray) -> np.ndarray:
    """How many of `moments` (s, any order) are in each interval between the instants `t`."""
    return np.diff(so_far(t, moments))


def bill(price: float, duration: float) -> dict[str, float]:
    """By the hour: `price` USD, for `duration` s."""
    return {"database": price * (duration / 3_600)}
