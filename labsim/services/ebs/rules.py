"""Amazon EBS volumes in numbers: what a type and a size promise.

Picture pipes in a hardware shop. Each kind has a price per metre, and some have a valve that costs
extra: so many drops a second (IOPS), so much water a second (throughput). Whichever runs full first
is the limit, and a pipe as wide as you like helps nobody behind a narrow tap (the instance).

*Models:* size, IOPS and throughput that each type allows; baseline and burst of gp2, st1, sc1 with
their bucket of credits; how many operations an I/O counts as; several volumes striped together
(RAID 0), as RDS does with four of gp2; Multi-Attach; boot volumes.
*Leaves out:* the time that a change of a volume takes, blocks that a restored volume has yet to
fetch, magnetic volumes.

Arithmetic only; `volume` is a volume at work, `bill` has the prices.
"""

import math
from dataclasses import dataclass

from labsim import factbook
from labsim.engine.storage_device import Device

GP2, GP3, IO1, IO2, ST1, SC1 = TYPES = "gp2", "gp3", "io1", "io2", "st1", "sc1"
SSD, HDD, PROVISIONED = (GP2, GP3, IO1, IO2), (ST1, SC1), (GP3, IO1, IO2)
TIB = 1_024                             # GiB in a TiB
SIZES = {GP2: (1, 16_384), GP3: (1, factbook.value("ebs.gp3_size_max")), IO1: (4, 16_384),
         IO2: (4, 65_536), ST1: (125, 16_384), SC1: (125, 16_384)}      # GiB; ebs.sizes
GP2_RATIO = factbook.value("ebs.gp2_iops_per_gib")
GP2_LEAST = factbook.value("ebs.gp2_min_iops")
GP2_MOST = factbook.value("ebs.gp2_max_iops")
GP2_BURST = factbook.value("ebs.gp2_burst_iops")
GP2_BUCKET = factbook.value("ebs.gp2_bucket")
GP2_SLOW = factbook.value("ebs.gp2_throughput_small")
GP2_QUICK = factbook.value("ebs.gp2_throughput_max")
GP2_SMALL, GP2_LARGE = 170, 334         # GiB: up to the one slow, from the other on always quick
GP3_IOPS = factbook.value("ebs.gp3_base_iops")
GP3_THROUGHPUT = factbook.value("ebs.gp3_base_throughput")
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
LATENCY = {GP2: 0.001, GP3: 0.001, IO1: 0.001, IO2: factbook.value("ebs.io2_latency_s"),
           ST1: 0.01, SC1: 0.01}        # s; AWS says single-digit ms of SSDs, nothing of disks


@dataclass(frozen=True)
class Spec:
    """A volume as it is ordered: `size` GiB; `iops` and `throughput` (MiB/s) as provisioned, where
    the type has them."""

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


def refusal(v: Spec) -> tuple[str, str] | None:
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


def performance(v: Spec) -> Performance:
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


def striped(v: Spec, stripes: int) -> Spec:
    """One of so many volumes that share what is ordered."""
    return Spec(v.type, v.size / stripes, v.iops / stripes, v.throughput / stripes)


def operations(size: float, hdd: bool = False, sequential: bool = False) -> float:
    """How many operations an I/O of `size` KiB counts as: a large one is split, small ones that
    follow each other are merged. Source: EBS User Guide, I/O characteristics (8 x 32 KiB in a row
    are one operation of an SSD, at random eight)."""
    largest = LARGEST[hdd]
    return size / largest if sequential else math.ceil(size / largest)


def limits(v: Spec, io_size: float, sequential: bool = False,
           stripes: int = 1) -> dict[str, tuple[float, float]]:
    """{what limits: (I/Os/s for good, and while there are credits)} for I/Os of `io_size` KiB; see
    `device`. A small random I/O on a hard disk costs as much as one of 1 MiB."""
    does, hdd = performance(striped(v, stripes)), v.type in HDD
    ops = operations(io_size, hdd, sequential)
    charged = charge(v.type, io_size, sequential)
    return {"IOPS": (stripes * does.iops / ops, stripes * does.burst_iops / ops),
            "throughput": (stripes * does.throughput / charged,
                           stripes * does.burst_throughput / charged)}


def charge(type: str, io_size: float, sequential: bool = False) -> float:
    """MiB of throughput that an I/O of `io_size` KiB takes."""
    if type in HDD:
        return operations(io_size, True, sequential) * LARGEST[True] / 1_024
    return io_size / 1_024


def device(v: Spec, io_size: float, *, latency: float, sequential: bool = False,
           start: float = 1.0, stripes: int = 1) -> Device:
    """A volume as I/Os of `io_size` KiB meet it; with `stripes`, so many of a part of its size each
    (RAID 0; facts: rds.gp2_stripe). latency: s; sequential: I/Os follow each other; start: share of
    the bucket that is full."""
    steady, burst = (min(rates) for rates in zip(*limits(v, io_size, sequential, stripes).values()))
    does = performance(striped(v, stripes))
    if v.type in HDD:
        return Device(steady, burst, latency, earn=stripes * does.throughput,
                      spend=charge(v.type, io_size, sequential), bucket=v.size * 1_024, start=start)
    if v.type == GP2 and burst > steady:
        return Device(steady, burst, latency, earn=stripes * does.iops,
                      spend=operations(io_size, False, sequential), bucket=stripes * GP2_BUCKET,
                      start=start, whole=True)
    return Device(steady, burst, latency)


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
