"""Amazon EFS in numbers: a file system for many instances, and its throughput modes.

Picture a shared well. It fills at a rate that grows with the land around it (bytes stored); whoever
draws in bursts lives on what has gathered. One may rent a pump (provisioned), or pay by the bucket
and forget the level (elastic).

*Models:* bursting: baseline and burst by size, byte credits, reads that count one third;
provisioned and elastic throughput; limits of I/Os, of the file system and per client, of which
reads and writes share the whole: AWS's quotas, and what a new file system was found to do; how the
times of I/Os spread. *Leaves out:* One Zone and Max I/O file systems, storage classes, quotas
raised on request, the hour until a new size counts, whether a file system gets quicker with use.

Arithmetic only; `file_system` is one at work, `bill` has the prices.
"""

import math
from statistics import NormalDist

from labsim import factbook
from labsim.engine.storage_device import Device

BURSTING, PROVISIONED, ELASTIC = MODES = "efs-bursting", "efs-provisioned", "efs-elastic"
GIB = TIB = 1_024                               # MiB in a GiB, GiB in a TiB
BASELINE = factbook.value("efs.baseline_kibps_per_gib") / 1_024     # MiB/s per GiB
LEAST = factbook.value("efs.min_throughput")
BURST = factbook.value("efs.burst_mibps")          # at least, and per TiB
CREDITS = factbook.value("efs.credit_initial") * TIB * GIB     # MiB
READS_PER_WRITE = 3                             # a read is metered as a third of a write
SMALLEST = factbook.value("efs.min_request")       # KiB metered for a request at least
CLIENT = factbook.value("efs.client_mibps")        # MiB/s of one client
ELASTIC_CLIENT = factbook.value("efs.client_elastic_mibps")
READ_IOPS = {BURSTING: 35_000, PROVISIONED: 55_000, ELASTIC: 250_000}     # efs.iops and
WRITE_IOPS = {BURSTING: 7_000, PROVISIONED: 25_000, ELASTIC: 50_000}      # efs.iops_elastic
READ_MOST = {BURSTING: 3 * GIB, PROVISIONED: 3 * GIB, ELASTIC: 20 * GIB}  # MiB/s, the least of any
WRITE_MOST = dict.fromkeys(MODES, GIB)          # region: efs.throughput_most, efs.elastic
MOST_PROVISIONED = factbook.value("efs.provisioned_most")      # MiB/s
NEW_READS = factbook.value("efs.new_read_iops")     # I/Os/s, as measured; AWS's quotas are above
NEW_WRITES = factbook.value("efs.new_write_iops")
READ_LATENCY = factbook.value("efs.read_latency_measured_s")    # typical; AWS says the best case,
WRITE_LATENCY = factbook.value("efs.write_latency_measured_s")  # efs.read_latency_s and ..write..
TAIL = factbook.value("efs.latency_tail")           # p99 over the mean
TAIL_MOST = 14.0    # a lognormal's is below 15
NORMAL = NormalDist()


def baseline(size: float) -> float:
    """MiB/s metered that a bursting file system of `size` GiB does for good."""
    return max(LEAST, earned(size))


def earned(size: float) -> float:
    """MiB of credits per second that a bursting file system of `size` GiB earns."""
    return BASELINE * size


def burst(size: float) -> float:
    """MiB/s metered that it does while it has credits."""
    return BURST * max(1.0, size / TIB)


def most_credits(size: float) -> float:
    """MiB of credits that it holds at most; also what a new one begins with."""
    return CREDITS * max(1.0, size / TIB)


def metered(read: float, write: float) -> float:
    """MiB/s that count, of so many read and written."""
    return read / READS_PER_WRITE + write


def latency(reads: float, read: float = READ_LATENCY, write: float = WRITE_LATENCY) -> float:
    """Mean latency of an I/O of which the share `reads` are reads, s."""
    return reads * read + (1 - reads) * write


def slow(reads: float, read: float = READ_LATENCY, write: float = WRITE_LATENCY,
         tail: float = TAIL) -> float:
    """The time that 99 of 100 I/Os don't exceed at the file system, s, of which the share `reads`
    are reads; each kind is lognormal, its p99 `tail` times its mean."""
    z = NORMAL.inv_cdf(0.99)
    spread = max(z - math.sqrt(z * z - 2 * math.log(tail)), 1e-9)
    low, high = sorted((tail * read, tail * write))     # the p99 of one kind, and of the other

    def above(t: float) -> float:
        return sum(share * (1 - NORMAL.cdf(math.log(t / (tail * mean)) / spread + z))
                   for share, mean in ((reads, read), (1 - reads, write)))

    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) > 0.01 else (low, middle)
    return high


def limits(mode: str, size: float, io_size: float, reads: float, *, clients: int = 1,
           throughput: float = 0.0, new_client: bool = True, read_iops: float = math.inf,
           write_iops: float = math.inf) -> dict[str, tuple[float, float]]:
    """{what limits: (I/Os/s for good, and with credits)} for I/Os of `io_size` KiB, of which the
    share `reads` are reads; see `device`."""
    moved = io_size / 1_024
    each = ELASTIC_CLIENT if mode == ELASTIC and new_client else CLIENT
    found = {
        "clients": each * clients / moved,
        "IOPS": mixed(reads, READ_IOPS[mode], WRITE_IOPS[mode]),
        "found": mixed(reads, read_iops, write_iops),
        "file system": mixed(reads, READ_MOST[mode], WRITE_MOST[mode]) / moved}
    told = {name: (rate, rate) for name, rate in found.items()}
    if mode == BURSTING:
        cost = charge(io_size, reads)
        told["throughput"] = baseline(size) / cost, burst(size) / cost
    elif mode == PROVISIONED:
        rate = max(throughput, baseline(size)) / charge(io_size, reads)
        told["throughput"] = rate, rate
    return told


def mixed(reads: float, read_iops: float, write_iops: float) -> float:
    """I/Os/s of which the share `reads` are reads, if so many reads or so many writes alone can be
    done: each takes its part of the whole."""
    taken = reads / read_iops + (1 - reads) / write_iops
    return 1 / taken if taken else math.inf


def charge(io_size: float, reads: float) -> float:
    """MiB that an I/O of `io_size` KiB is metered as, mean of reads and writes."""
    charged = max(io_size, SMALLEST) / 1_024
    return metered(reads * charged, (1 - reads) * charged)


def device(mode: str, size: float, io_size: float, reads: float, *, clients: int = 1,
           throughput: float = 0.0, start: float = 1.0, new_client: bool = True,
           read_iops: float = math.inf, write_iops: float = math.inf,
           takes: float | None = None) -> Device:
    """A file system of `size` GiB as I/Os of `io_size` KiB meet it, of which the share `reads` are
    reads. throughput: MiB/s provisioned; new_client: whether instances mount it with version 2.0
    or later of the EFS client or CSI driver; read_iops, write_iops: reads or writes per second that
    it does alone, if not AWS's quota; takes: s of an I/O, if not what was measured."""
    found = limits(mode, size, io_size, reads, clients=clients, throughput=throughput,
                   new_client=new_client, read_iops=read_iops, write_iops=write_iops)
    steady, burst = (min(rates) for rates in zip(*found.values()))
    takes = latency(reads) if takes is None else takes
    if mode != BURSTING:
        return Device(steady, burst, takes)
    return Device(steady, burst, takes, earn=earned(size), spend=charge(io_size, reads),
                  bucket=most_credits(size), start=start)
