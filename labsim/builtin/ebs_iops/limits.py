"""Which limits bite unseen: in words, so that nobody pays for IOPS that cannot come.

Picture the plumber who follows the pipe from the street to the tap, and says at each place what it
lets through.
"""

import math
from dataclasses import dataclass

from labsim.builtin.ebs_iops.params import LOCAL, EbsIopsParams
from labsim.services.ebs import rules as ebs
from labsim.services.efs import rules as efs
from labsim.text import format_value


@dataclass(frozen=True)
class Limit:
    """What lets `rate` I/Os/s through at most, said in `text`; outside of what is paid for, it is
    worth a word even where the load is below it."""

    rate: float
    text: str
    outside: bool = False


def notes(p: EbsIopsParams) -> tuple[str, ...]:
    """What the limits of the storage and of its instance make of the load and of what is paid for,
    the narrowest first."""
    if p.storage == LOCAL:
        return ()
    own, found = on_efs(p) if p.on_efs else on_ebs(p)
    peak = math.inf if p.keeps else p.busiest_rate
    paid = p.storage in (ebs.IO1, ebs.IO2) or (
        p.storage == ebs.GP3 and p.provisioned_iops > p.stripes * ebs.GP3_IOPS)
    biting = [limit for limit in found if limit.rate < own * (1 - 1e-9)
              and (peak > limit.rate or paid and limit.outside)]
    return (*(limit.text for limit in sorted(biting, key=lambda limit: limit.rate)), *sizes(p))


def of(p: EbsIopsParams, rate: float) -> str:
    """A rate of I/Os in words."""
    return f"{format_value(rate)} I/Os/s of {format_value(p.io_size, 'KiB')}"


def by_depth(p: EbsIopsParams) -> Limit:
    """Little's law."""
    rate = p.queue_depth * p.users / p.latency
    return Limit(rate, f"queue_depth: {format_value(p.queue_depth * p.users)} at a time of "
                 f"{format_value(1_000 * p.latency, 'ms')} each are at most {of(p, rate)}", True)


def on_ebs(p: EbsIopsParams) -> tuple[float, list[Limit]]:
    """What the volume's IOPS allow, I/Os/s, and what allows perhaps less."""
    rates = ebs.limits(p.volume, p.io_size, p.sequential, p.stripes)
    ops = ebs.operations(p.io_size, p.storage in ebs.HDD, p.sequential)
    own, moved = (rates[name][1] for name in ("IOPS", "throughput"))
    most = p.instance.most(p.io_size, ops)
    volume = f"the volume's {format_value(own * ops, 'IOPS')}"
    by_iops = min(p.instance_iops * p.users, p.instance.volume_iops)
    name = "instance_iops" if by_iops < p.instance.volume_iops else "nitro"
    found = [
        Limit(math.inf if p.storage in ebs.HDD else moved,      # a disk is bought for it
              f"throughput: {format_value(moved * p.io_size / 1_024, 'MiB/s')} of the "
              f"volume are {of(p, moved)}; {volume} would be more"),
        Limit(most["iops"], f"{name}: {format_value(by_iops, 'IOPS')} of the instance are at most "
              f"{of(p, most['iops'])}; {volume} would be more", True),
        Limit(most["throughput"], f"instance_throughput: "
              f"{format_value(p.instance_throughput * p.users, 'MB/s')} of the instance are at "
              f"most {of(p, most['throughput'])}; {volume} would be more", True),
        by_depth(p)]
    taps = p.instance.taps(p.io_size, ops)
    for name, unit, each, tap in zip(("base_iops", "base_throughput"), ("IOPS", "MB/s"),
                                     (p.base_iops, p.base_throughput), taps):
        if tap.bucket:
            found.append(Limit(
                tap.steady, f"{name}: without credits the instance's {format_value(each, unit)} "
                f"are at most {of(p, tap.steady)}; its maximum is for half an hour a day", True))
    return own, found


def on_efs(p: EbsIopsParams) -> tuple[float, list[Limit]]:
    """What the throughput mode allows, I/Os/s, and what allows perhaps less."""
    rates = efs.limits(p.storage, p.size, p.io_size, p.read_share, clients=p.users,
                       throughput=p.provisioned_throughput, new_client=p.new_client,
                       read_iops=p.read_iops, write_iops=p.write_iops)
    own = rates.get("throughput", (math.inf, math.inf))[1]
    clients, iops, new, most = (rates[name][1] for name in (
        "clients", "IOPS", "found", "file system"))
    found = [
        Limit(clients, f"instances: {format_value(p.users)} of "
              f"{format_value(clients / p.users * p.io_size / 1_024, 'MiB/s')} each are at most "
              f"{of(p, clients)}"),
        Limit(iops, f"a file system in this mode does at most {of(p, iops)} of such a mix of "
              "reads and writes"),
        Limit(new, f"read_iops, write_iops: a file system as it was measured does at most "
              f"{of(p, new)} of such a mix; AWS's quota is {format_value(iops, 'I/Os/s')}"),
        Limit(most, f"a file system in this mode moves at most {of(p, most)}"),
        by_depth(p)]
    return own, found


def sizes(p: EbsIopsParams) -> list[str]:
    """What a size does that is not what one expects: of an I/O, and of the volume."""
    found = []
    if p.on_efs:
        if p.io_size < efs.SMALLEST:
            found.append(f"io_size: an I/O of {format_value(p.io_size, 'KiB')} is metered as "
                         f"{format_value(efs.SMALLEST, 'KiB')}")
        if p.storage == efs.PROVISIONED and p.provisioned_throughput < efs.baseline(p.size):
            found.append(f"provisioned_throughput: what is stored gives "
                         f"{format_value(efs.baseline(p.size), 'MiB/s')} by itself, which is more")
        return found
    hdd = p.storage in ebs.HDD
    ops = ebs.operations(p.io_size, hdd, p.sequential)
    largest = format_value(ebs.LARGEST[hdd], "KiB")
    if ops > 1:
        found.append(f"io_size: an I/O of {format_value(p.io_size, 'KiB')} counts as "
                     f"{format_value(ops)} operations of {largest}")
    elif ops < 1:
        found.append(f"sequential: I/Os of {format_value(p.io_size, 'KiB')} are merged, up to "
                     f"{format_value(1 / ops)} into one operation of {largest}")
    elif hdd and p.io_size < ebs.LARGEST[hdd]:
        found.append(f"io_size: a random I/O of {format_value(p.io_size, 'KiB')} is charged as "
                     f"{largest} of throughput")
    each = p.size / p.stripes
    enough = math.ceil(ebs.GP2_MOST / ebs.GP2_RATIO)
    if p.storage == ebs.GP2 and each > enough:
        found.append(f"size: a gp2 volume does at most {format_value(ebs.GP2_MOST, 'IOPS')}, which "
                     f"{format_value(enough, 'GiB')} have")
    if hdd and ebs.HDD_RATES[p.storage][0] * each / ebs.TIB > ebs.HDD_RATES[p.storage][2]:
        base, _, most = ebs.HDD_RATES[p.storage]
        found.append(f"size: a {p.storage} volume moves at most {format_value(most, 'MiB/s')}, "
                     f"which {format_value(most / base * ebs.TIB, 'GiB')} do")
    return found
