"""What Amazon DynamoDB costs: capacity by the hour, or requests one by one.

Picture two ways to buy stamps: a book for each hour, used or not, or single ones at the counter,
three and a half times as dear.

*Models:* provisioned and on-demand units, three bills for the same traffic.
*Leaves out:* storage, backups, streams, global tables, reserved capacity.
"""

import numpy as np

from labsim import factbook

WRITE_PRICE = factbook.value("ddb.price_wru_million") / 1e6
READ_PRICE = factbook.value("ddb.price_rru_million") / 1e6
WRITE_HOUR, READ_HOUR = factbook.value("ddb.price_wcu_hour"), factbook.value("ddb.price_rcu_hour")


def provisioned_price(reads: float, writes: float, hours: float) -> float:
    """What so much capacity (units/s) costs for so many hours, USD."""
    return hours * (reads * READ_HOUR + writes * WRITE_HOUR)


def on_demand_price(reads: float, writes: float) -> float:
    """What so many units cost, USD."""
    return reads * READ_PRICE + writes * WRITE_PRICE


def at_peak(wanted: np.ndarray, hours: float) -> float:
    """What traffic costs with capacity for its peak all along, USD; wanted: units/s of reads and
    writes in each tick, (ticks, 2)."""
    return provisioned_price(*wanted.max(axis=0), hours)


def followed(wanted: np.ndarray, target: float, hours: float) -> float:
    """What it costs with capacity that follows it at a utilization of `target`, a share, USD."""
    return provisioned_price(*(wanted / target).mean(axis=0), hours)


def on_demand(wanted: np.ndarray, tick: float) -> float:
    """What it costs on demand, USD; tick: s."""
    return on_demand_price(*(wanted.sum(axis=0) * tick))
