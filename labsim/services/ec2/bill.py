"""What EC2 instances cost: by the second, reserved, on Spot, and what comes on top.

Picture a car rental: by the minute, or whatever stands about unused at a third of the price, until
somebody wants it.

*Models:* On-Demand by the second; Spot at a discount; detailed monitoring per instance; disks of
hibernated instances; CPU credits of burstable (T) instances: earned at the baseline, kept up to a
day's worth, and the surplus of unlimited mode.
*Leaves out:* reservations, Savings Plans, Spot prices that move, the free tier, data transfer,
tiers by volume.

Prices are for us-east-1; a month has 730 hours. Credits: 1 is a vCPU for a minute.
Facts: ebs.gp3_price, cw.alarm_price.
"""

from collections.abc import Iterable

import numpy as np

from labsim import factbook

MONTH, DAY = 730.0, 24.0    # hours
DETAILED = factbook.value("cw.detailed_price") / MONTH     # USD per instance and hour
DISK = factbook.value("ebs.gp3_price_gb") / MONTH          # USD per GB and hour
SURPLUS = factbook.value("ec2.unlimited_price")            # USD per vCPU-hour


def instance_hours(instances: Iterable, now: float) -> tuple[float, float]:
    """Hours of `ec2.Instance`s billed by `now`: On-Demand, Spot."""
    hours = [0.0, 0.0]
    for instance in instances:
        hours[instance.spot] += instance.billed(now) / 3600
    return hours[0], hours[1]


def by_line(instances: Iterable, now: float, price: float, discount: float,
            detailed: bool) -> dict[str, float]:
    """What they cost by `now`, USD: at `price` USD/h, Spot `discount` percent less, and with or
    without detailed monitoring."""
    demand, spot = instance_hours(instances, now)
    return {"On-Demand": demand * price, "Spot": spot * price * (1 - discount / 100),
            "Detailed monitoring": (demand + spot) * (DETAILED if detailed else 0.0)}


def spent(cost: float, instances: Iterable, t: np.ndarray) -> np.ndarray:
    """How much of `cost` is spent at each of the instants `t` (sorted, from 0 on): in proportion to
    the time of all `instances` that ran."""
    end = float(t[-1])
    changes = sorted([(i.launched, 1.0) for i in instances]
                     + [(min(i.ended, end), -1.0) for i in instances])
    times, alive = np.array([*changes, (end, 0.0)]).T
    seconds = np.concatenate([[0.0], np.cumsum(np.cumsum(alive)[:-1] * np.diff(times))])
    return cost * np.interp(t, times, seconds) / max(seconds[-1], 1e-9)


def credits_per_hour(vcpus: int, baseline: float) -> float:
    """CPU credits that a T instance earns in an hour, at a baseline of so many percent per vCPU.
    Fact: ec2.cpu_credit_rule."""
    return vcpus * baseline / 100 * 60


def credits_kept(vcpus: int, baseline: float) -> float:
    """The most credits that it can save: a day's worth."""
    return DAY * credits_per_hour(vcpus, baseline)


def credits_net(vcpus: int, baseline: float, utilization: float) -> float:
    """Credits won (or lost) in an hour at so many percent of CPU."""
    return credits_per_hour(vcpus, baseline) - vcpus * utilization / 100 * 60


def credit_balance(vcpus: int, baseline: float, utilization: float, hours: float,
                   launch: float = 0.0) -> float:
    """Credits after `hours` of steady CPU, from a start with `launch` credits, which are spent
    first and do not count against the most that is kept; none below zero."""
    change = credits_net(vcpus, baseline, utilization) * hours
    if change >= 0:
        return launch + min(change, credits_kept(vcpus, baseline))
    return max(launch + change, 0.0)


def unlimited_break_even(vcpus: int, baseline: float, price: float, other: float,
                         surplus: float = SURPLUS) -> float:
    """The mean CPU, percent, above which an unlimited T instance at `price` USD/h costs more than
    another one at `other` USD/h. Fact: ec2.unlimited_rule."""
    return baseline + 100 * (other - price) / (surplus * vcpus)
