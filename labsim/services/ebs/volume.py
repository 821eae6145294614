"""Amazon EBS volumes: what a type and a size promise, and what they cost.

Picture pipes in a hardware shop. Each kind has a price per metre, and some have a valve that costs
extra: so many drops a second (IOPS), so much water a second (throughput). Whichever runs full first
is the limit, and a pipe as wide as you like helps nobody behind a narrow tap (the instance).

*Models:* size, IOPS and throughput that each type allows; baseline and burst of gp2, st1, sc1 with
their bucket of credits; how many operations an I/O counts as; Multi-Attach; boot volumes; price per
month; fast snapshot restore; gp2 storage of RDS, which is striped over four volumes.
*Leaves out:* the time that a change of a volume takes, blocks that a restored volume has yet to
fetch, io2's price steps, magnetic volumes.

Arithmetic only; how I/Os flow through a volume in time is in `storage_device`.
"""

import math
from dataclasses import dataclass

from labsim import factbook
from labsim.engine.storage_device import Device

GP2, GP3, IO1, IO2, ST1, SC1 = TYPES = "gp2", "gp3", "io1", "io2", "st1", "sc1"
SSD, HDD, PROVISIONED = (GP2, GP3, IO1, IO2), (ST1, SC1), (GP3, IO1, IO2)
TIB = 1_024                             # GiB in a TiB
MONTH = 730 * 3_600                     # s that a month's price is for
SIZES = {GP2: (1, 16_384), GP3: (1, factbook.value("ebs.gp3_size_max")), IO1: (4, 16_384),
         IO2: (4, 65_536), ST1: (125, 16_384), SC1: (125, 16_384)}      # GiB; ebs.sizes
GP2_RATIO = factbook.value("ebs.gp2_iops_per_gib")
GP2_LEAST = factbook.value("ebs.gp2_min_iops")
GP2_MOST = factbook.value("ebs.gp2_max_iops")
GP2_BURST = factbook.value("ebs.gp2_burst_iops")
GP2_BUCKET = factbook.value("ebs.gp2_bucket")
GP2_SLOW, GP2_QUICK = factbook.value("ebs.gp2_throughput_small"), factbook.value("ebs.gp2_throughput_max")
GP2_SMALL, GP2_LARGE = 170, 334         # GiB: up to the one slow, from the other on always quick
GP3_IOPS, GP3_THROUGHPUT = factbook.value("ebs.gp3_base_iops"), factbook.value("ebs.gp3_base_throughput")
GP3_THROUGHPUT_MOST = factbook.value("ebs.gp3_max_throughput")
GP3_THROUGHPUT_RATIO = factbook.value("ebs.gp3_throughput_ratio")
MOST_IOPS = {GP3: factbook.value("ebs.gp3_max_iops"), IO1: factbook.value("ebs.io1_max_iops"),
             IO2: factbook.value("ebs.io2_max_iops")}
IOPS_RATIO = {GP3: factbook.value("ebs.gp3_iops_ratio"), IO1: factbook.value("ebs.io1_ratio"),
              IO2: factbook.value("ebs.io2_iops_ratio")}
LEAST_IOPS = {GP3: GP3_IOPS, IO1: 100, IO2: 100}
IO1_HALF, IO1_HALF_IOPS = 500, 32_000   # MiB/s up to so many IOPS; above, 16 KiB for each
IO2_PER_IOPS, IO2_MOST = 0.256, factbook.value("ebs.io2_max_throughput")
HDD_RATES = {ST1: (40, 250, 500), SC1: (12, 80, 250)}    # MiB/s per TiB, and at most; ebs.st1_rates
LARGEST = {True: 1_024, False: 256}     # KiB that count as one operation: HDD, SSD
ATTACHED = 16                           # instances; ebs.multi_attach_max
PRICE = {GP2: factbook.value("ebs.gp2_gib_month"), GP3: factbook.value("ebs.gp3_gib_month"),
         IO1: factbook.value("ebs.io_gib_month"), IO2: factbook.value("ebs.io_gib_month"),
         ST1: factbook.value("ebs.st1_gib_month"), SC1: factbook.value("ebs.sc1_gib_month")}
IOPS_PRICE = {GP3: factbook.value("ebs.gp3_iops_month"), IO1: factbook.value("ebs.io_iops_month"),
              IO2: factbook.value("ebs.io_iops_month")}
THROUGHPUT_PRICE = factbook.value("ebs.gp3_mibps_month")
RESTORE_PRICE = factbook.value("ebs.fsr_price")
RESTORE_CREDITS = 10                    # most, and per hour
STRIPED_FROM, STRIPES, STRIPED_MOST = 400, 4, 64_000     # RDS: GiB, volumes, IOPS; rds.gp2_stripe


@dataclass(frozen=True)
class Volume:
    """A volume of `size` GiB; `iops` and `throughput` (MiB/s) as provisioned, where the type has
    them."""

    type: str
    size: float
    iops: float = 0.0
    throughput: float = 0.0


@dataclass(frozen=True)
class Performance:
    """What a volume does: IOPS and MiB/s for good, and while it has credits."""

    iops: float
    burst_iops: float
    throughput: float
    burst_throughput: float


def most_iops(type: str, size: float) -> float:
    """The IOPS that may be provisioned for a gp3, io1 or io2 volume of `size` GiB."""
    return max(LEAST_IOPS[type], min(MOST_IOPS[type], IOPS_RATIO[type] * size))


def most_throughput(iops: float) -> float:
    """The MiB/s that may be provisioned for a gp3 volume with so many IOPS."""
    return max(GP3_THROUGHPUT, min(GP3_THROUGHPUT_MOST, GP3_THROUGHPUT_RATIO * iops))


def refusal(v: Volume) -> tuple[str, str] | None:
    """Why AWS does not make such a volume: the property, and what is allowed; None if it does."""
    low, high = SIZES[v.type]
    if not low <= v.size <= high:
        return "size", f"for {v.type} from {low} GiB, at most {high:,.0f} GiB"
    if v.type in PROVISIONED:
        least, most = LEAST_IOPS[v.type], most_iops(v.type, v.size)
        if not least <= v.iops <= most:
            return "iops", (f"for {v.type} of {v.size:g} GiB from {least:,.0f} IOPS, at most "
                            f"{most:,.0f} IOPS")
    if v.type == GP3 and not GP3_THROUGHPUT <= v.throughput <= most_throughput(v.iops):
        return "throughput", (f"with {v.iops:,.0f} IOPS from {GP3_THROUGHPUT:g} MiB/s, at most "
                              f"{most_throughput(v.iops):,.0f} MiB/s")
    return None


def performance(v: Volume) -> Performance:
    """IOPS and throughput of a volume. Source: EBS User Guide, general purpose, provisioned IOPS
    and HDD volumes."""
    if v.type == GP2:
        iops = min(max(GP2_LEAST, GP2_RATIO * v.size), GP2_MOST)
        return Performance(iops, max(iops, GP2_BURST),
                           GP2_QUICK if v.size >= GP2_LARGE else GP2_SLOW,
                           GP2_SLOW if v.size <= GP2_SMALL else GP2_QUICK)
    if v.type in HDD:
        base, burst, most = HDD_RATES[v.type]
        base, burst = min(base * v.size / TIB, most), min(burst * v.size / TIB, most)
        return Performance(most, most, base, burst)     # an operation moves at most 1 MiB
    if v.type == GP3:
        throughput = v.throughput
    elif v.type == IO1:
        throughput = min(v.iops / 4, IO1_HALF) if v.iops <= IO1_HALF_IOPS else v.iops / 64
    else:
        throughput = min(IO2_PER_IOPS * v.iops, IO2_MOST)
    return Performance(v.iops, v.iops, throughput, throughput)


def operations(size: float, hdd: bool = False, sequential: bool = False) -> float:
    """How many operations an I/O of `size` KiB counts as: a large one is split, small ones in a
    row are merged on a hard disk volume."""
    largest = LARGEST[hdd]
    return size / largest if hdd and sequential else math.ceil(size / largest)


def device(v: Volume, io_size: float, *, latency: float, sequential: bool = False,
           start: float = 1.0) -> Device:
    """A volume as I/Os of `io_size` KiB meet it. latency: s; start: share of the bucket that is
    full. A small random I/O on a hard disk costs as much as one of 1 MiB."""
    does, hdd = performance(v), v.type in HDD
    ops, moved = operations(io_size, hdd, sequential), io_size / 1_024
    charged = ops * LARGEST[True] / 1_024 if hdd else moved         # MiB
    steady = min(does.iops / ops, does.throughput / charged)
    burst = min(does.burst_iops / ops, does.burst_throughput / charged)
    if hdd:
        return Device(steady, burst, latency, earn=does.throughput, spend=charged,
                      bucket=v.size * 1_024, start=start)
    if v.type == GP2 and burst > steady:
        return Device(steady, burst, latency, earn=does.iops, spend=ops, bucket=GP2_BUCKET,
                      start=start, whole=True)
    return Device(steady, burst, latency)


def burst_seconds(size: float, rate: float = GP2_BURST) -> float:
    """How long a full bucket lets a gp2 volume of `size` GiB do `rate` IOPS, s; inf: for good."""
    base = performance(Volume(GP2, size)).iops
    return math.inf if rate <= base else GP2_BUCKET / (min(rate, GP2_BURST) - base)


def refill_seconds(size: float) -> float:
    """How long an idle gp2 volume of `size` GiB takes to fill its empty bucket, s."""
    return GP2_BUCKET / performance(Volume(GP2, size)).iops


def multi_attach(volume: float, limits: list[float], demands: list[float]) -> list[float]:
    """IOPS that each instance gets of a volume that does `volume` in all: at most its own limit
    and what it wants, and what is too much is taken from those who get most."""
    wanted = [min(limit, demand) for limit, demand in zip(limits, demands, strict=True)]
    got, left = [0.0] * len(wanted), float(volume)
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    for place, i in enumerate(order):
        got[i] = min(wanted[i], left / (len(order) - place))
        left -= got[i]
    return got


def may_boot(type: str) -> bool:
    """Whether an instance can boot from a volume of this type: from SSDs only."""
    return type in SSD


def month_price(v: Volume) -> dict[str, float]:
    """What a volume costs per month, USD by line; us-east-1."""
    lines = {"storage": PRICE[v.type] * v.size}
    if v.type in PROVISIONED:
        free = GP3_IOPS if v.type == GP3 else 0.0
        lines["provisioned IOPS"] = IOPS_PRICE[v.type] * (v.iops - free)
    if v.type == GP3:
        lines["provisioned throughput"] = THROUGHPUT_PRICE * (v.throughput - GP3_THROUGHPUT)
    return lines


def restore_bucket(size: float) -> tuple[float, float]:
    """Volumes that a snapshot of `size` GiB with fast restore makes at once at most, and how many
    more per hour, in each zone."""
    hourly = min(RESTORE_CREDITS, TIB / size)
    return max(1.0, hourly), hourly


def restore_credits(size: float, minutes: float) -> float:
    """Credits of such a bucket so many minutes after it was enabled; one buys a whole volume."""
    most, hourly = restore_bucket(size)
    return min(most, hourly * minutes / 60)


def restore_price(snapshots: int, zones: int, hours: float) -> float:
    """What fast restore costs, USD."""
    return snapshots * zones * hours * RESTORE_PRICE


def rds_gp2(size: float) -> tuple[float, float]:
    """Baseline and burst IOPS of RDS storage (MySQL, PostgreSQL) of `size` GiB gp2: from 400 GiB on
    four volumes share it. Source: RDS User Guide, storage."""
    stripes = STRIPES if size >= STRIPED_FROM else 1
    base = min(max(GP2_LEAST, GP2_RATIO * size), stripes * GP2_MOST)
    return base, max(base, stripes * GP2_BURST)
