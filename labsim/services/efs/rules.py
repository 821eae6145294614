"""Amazon EFS in numbers: a file system for many instances, and its throughput modes.

Picture a shared well. It fills at a rate that grows with the land around it (bytes stored); whoever
draws in bursts lives on what has gathered. One may rent a pump (provisioned), or pay by the bucket
and forget the level (elastic).

*Models:* bursting: baseline and burst by size, byte credits, reads that count one third;
provisioned and elastic throughput; limits of I/Os and per client.
*Leaves out:* One Zone and Max I/O file systems, storage classes, the hour until a new size
counts.

Arithmetic only; `file_system` is one at work, `bill` has the prices.
"""

from labsim import factbook
from labsim.engine.storage_device import Device

BURSTING, PROVISIONED, ELASTIC = MODES = "efs-bursting", "efs-provisioned", "efs-elastic"
TIB = 1_024                                     # GiB in a TiB, MiB in a GiB
BASELINE = factbook.value("efs.baseline_mibps_per_tib") / 1_000    # MiB/s per GiB
LEAST = factbook.value("efs.min_throughput")
BURST = factbook.value("efs.burst_mibps")          # at least, and per TiB
CREDITS = factbook.value("efs.credit_initial") * TIB * TIB     # MiB
READS_PER_WRITE = 3                             # a read is metered as a third of a write
SMALLEST = factbook.value("efs.min_request")       # KiB metered for a request at least
CLIENT = factbook.value("efs.client_mibps")        # MiB/s of one client
READ_IOPS = {BURSTING: 35_000, PROVISIONED: 55_000, ELASTIC: 900_000}     # efs.iops
WRITE_IOPS = {BURSTING: 7_000, PROVISIONED: 25_000, ELASTIC: 500_000}
ELASTIC_READ, ELASTIC_WRITE = 20 * TIB, 1 * TIB      # MiB/s, the least of any region; efs.elastic
READ_LATENCY = factbook.value("efs.read_latency_s")
WRITE_LATENCY = factbook.value("efs.write_latency_s")


def baseline(size: float) -> float:
    """MiB/s metered that a bursting file system of `size` GiB does for good."""
    return max(LEAST, BASELINE * size)


def burst(size: float) -> float:
    """MiB/s metered that it does while it has credits."""
    return BURST * max(1.0, size / 1_000)


def most_credits(size: float) -> float:
    """MiB of credits that it holds at most; also what a new one begins with."""
    return CREDITS * max(1.0, size / TIB)


def metered(read: float, write: float) -> float:
    """MiB/s that count, of so many read and written."""
    return read / READS_PER_WRITE + write


def latency(reads: float) -> float:
    """Mean latency of an I/O of which the share `reads` are reads, s."""
    return reads * READ_LATENCY + (1 - reads) * WRITE_LATENCY


def device(mode: str, size: float, io_size: float, reads: float, *, clients: int = 1,
           throughput: float = 0.0, start: float = 1.0) -> Device:
    """A file system of `size` GiB as I/Os of `io_size` KiB meet it, of which the share `reads` are
    reads. throughput: MiB/s provisioned."""
    charged = max(io_size, SMALLEST) / 1_024
    moved, cost = io_size / 1_024, metered(reads * charged, (1 - reads) * charged)
    most = CLIENT * clients / moved
    for share, iops, mib in ((reads, READ_IOPS[mode], ELASTIC_READ),
                             (1 - reads, WRITE_IOPS[mode], ELASTIC_WRITE)):
        if share:
            most = min(most, iops / share, mib / share / moved)
    made = latency(reads)
    if mode == BURSTING:
        there = Device(baseline(size) / cost, burst(size) / cost, made, earn=baseline(size),
                       spend=cost, bucket=most_credits(size), start=start)
        return there.at_most(most)
    rate = most if mode == ELASTIC else max(throughput, baseline(size)) / cost
    return Device(rate, rate, made).at_most(most)
