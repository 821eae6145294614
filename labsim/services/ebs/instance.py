"""What an EC2 instance can do with EBS, for good and for half an hour a day.

Picture the tap of a house: as wide as its pipe to the street. A small house has a narrow pipe and a
tank in the attic, filled again overnight, so that for half an hour its tap runs like a large one's.

*Models:* IOPS and throughput of an instance type, their baseline and maximum, a bucket of credits
for each (EBSIOBalance%, EBSByteBalance%), which is full again after a day at the latest; several
instances; Nitro. *Leaves out:* how an instance's size follows from its type (read AWS's table), and
several volumes at one instance.

Arithmetic only. Source: EC2 User Guide, EBS-optimized instances; the refill: AWS Compute Blog,
Simulating Amazon EC2 EBS burst credits.
"""

import math
from dataclasses import dataclass

from labsim import factbook
from labsim.engine.storage_device import Device
from labsim.errors import ParameterError
from labsim.services.ebs.rules import multi_attach

BURST = factbook.value("ebs.instance_burst_s")
AGAIN = factbook.value("ebs.instance_burst_again_s")
NITRO, NOT_NITRO = factbook.value("ec2.nitro_iops"), factbook.value("ec2.not_nitro_iops")
KIB_PER_MB = 1_000_000 / 1_024      # AWS's table has MB/s: megabits over eight


@dataclass(frozen=True)
class Instance:
    """An instance type's columns of AWS's table: most IOPS and MB/s (millions of bytes), and the
    baseline of each; None where the maximum is for good.

    count: so many instances share a volume. volume_iops: the most that one volume does at them,
    all together. credits: how full their buckets are at first.
    """

    iops: float
    throughput: float
    base_iops: float | None = None
    base_throughput: float | None = None
    count: int = 1
    volume_iops: float = NITRO
    credits: float = 1.0

    def __post_init__(self):
        for name, most, base in (("base_iops", self.iops, self.base_iops),
                                 ("base_throughput", self.throughput, self.base_throughput)):
            if not most > 0:
                raise ParameterError(name.removeprefix("base_"), most, "above 0")
            if base is not None and not 0 < base <= most:
                raise ParameterError(name, base, f"above 0, at most {most:g}")
        if not 0 <= self.credits <= 1:
            raise ParameterError("credits", self.credits, "from 0 to 1")

    def most(self, io_size: float, operations: float) -> dict[str, float]:
        """{what limits: I/Os/s at most} of `io_size` KiB that count as so many operations."""
        wanted = [math.inf] * self.count
        together = sum(multi_attach(self.volume_iops, [self.iops] * self.count, wanted))
        return {"iops": together / operations,
                "throughput": self.throughput * self.count * KIB_PER_MB / io_size}

    def taps(self, io_size: float, operations: float) -> tuple[Device, ...]:
        """Its limits as I/Os of `io_size` KiB, which count as so many operations, meet them."""
        most = self.most(io_size, operations)
        return (self._tap(most["iops"], self.iops, self.base_iops, operations),
                self._tap(most["throughput"], self.throughput, self.base_throughput,
                          io_size / KIB_PER_MB))

    def _tap(self, rate: float, most: float, base: float | None, spend: float) -> Device:
        if base is None or base == most:
            return Device(rate, rate)
        earn = base * self.count
        return Device(min(rate, earn / spend), rate, earn=earn, spend=spend,
                      bucket=BURST * (most - base) * self.count, start=self.credits, again=AGAIN)
