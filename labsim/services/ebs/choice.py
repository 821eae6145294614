"""Which EBS volume is the cheapest that holds a load, day after day?

Picture a shopper with a list: so much room, so many drops a second, twice that over lunch. In each
aisle there is one smallest pipe that does it; the cheapest of those goes into the basket.

*Models:* a load with a daily peak that credits may carry, if the bucket is large enough and filled
again by the next day; every type but magnetic; boot volumes; whole GiB, IOPS and MiB/s.
*Leaves out:* latency, durability, several volumes striped together, discounts.

Arithmetic only: more of anything never makes a volume worse, so the smallest is found by bisection.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from labsim.services.ebs import bill
from labsim.services.ebs import rules as ebs
from labsim.services.ebs.rules import Spec

DAY = 86_400
ANY_LATENCY = 1e-3      # s; it decides nothing here


@dataclass(frozen=True)
class Load:
    """`size` GiB of data, `rate` I/Os/s of `io_size` KiB; `peak` I/Os/s (0: no peak) for
    `peak_seconds` of each day. sequential: small I/Os follow each other and are merged."""

    size: float
    rate: float
    io_size: float = 16.0
    peak: float = 0.0
    peak_seconds: float = 0.0
    sequential: bool = False
    boot: bool = False

    @property
    def most(self) -> float:
        """The most I/Os/s that come."""
        return max(self.rate, self.peak if self.peak_seconds else 0.0)


def holds(v: Spec, load: Load) -> bool:
    """Whether a volume that AWS makes has room for the load and never falls behind it."""
    if ebs.refusal(v) or v.size < load.size or load.boot and not ebs.may_boot(v.type):
        return False
    here = ebs.device(v, load.io_size, latency=ANY_LATENCY, sequential=load.sequential)
    if load.most <= here.steady:
        return True
    if load.rate > here.steady or load.most > here.burst:
        return False
    lost = -here.change(load.most, load.most) * load.peak_seconds
    gained = here.change(load.rate, load.rate) * (DAY - load.peak_seconds)
    return load.peak_seconds <= here.seconds_of_burst(load.most) and lost <= gained


def least(low: int, high: int, works: Callable[[int], bool]) -> int | None:
    """The smallest whole number from `low` to `high` that works, where all above it work, too."""
    if low > high or not works(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle + 1, high)
    return low


def smallest(type: str, load: Load) -> Spec | None:
    """The cheapest volume of a type that holds the load; None if none does."""
    low, high = (int(x) for x in ebs.SIZES[type])
    low = max(low, math.ceil(load.size))
    if type not in ebs.PROVISIONED:
        size = least(low, high, lambda size: holds(Spec(type, size), load))
        return None if size is None else Spec(type, size)
    throughput = ebs.GP3_THROUGHPUT
    if type == ebs.GP3:
        throughput = max(throughput, math.ceil(load.most * load.io_size / 1_024))

    def made(iops: int) -> Spec:
        roomy = max(low, math.ceil(iops / ebs.IOPS_RATIO[type]) if iops > ebs.LEAST_IOPS[type]
                    else low)
        return Spec(type, roomy, iops, throughput if type == ebs.GP3 else 0.0)

    most = int(ebs.most_iops(type, high))
    iops = least(int(ebs.LEAST_IOPS[type]), most, lambda iops: holds(made(iops), load))
    return None if iops is None else made(iops)


def cheapest(load: Load) -> Spec | None:
    """The cheapest volume that holds the load; None if no single volume does."""
    found = [v for v in (smallest(type, load) for type in ebs.TYPES) if v]
    return min(found, key=bill.total, default=None)
