"""An Amazon EFS file system at work, for many instances.

Picture the shared well with its keeper: he looks at the level, at the pump, or counts the buckets.

*Models:* `rules` has the throughput modes, `labsim.services.common.storage` how I/Os flow.
*Leaves out:* metadata operations, limits per file, lifecycle.

Data plane: counted, as a fluid.
"""

from labsim.engine import Simulation
from labsim.errors import ParameterError, require, require_each, unknown
from labsim.services.common.storage import Storage
from labsim.services.efs import bill, rules


class FileSystem(Storage):
    """A file system with `size` GiB stored, in `mode`, with `throughput` MiB/s if provisioned.
    I/Os are of `io_size` KiB, the share `reads` of them are reads; `clients` instances mount it.

    credits: how full the bucket is at first. new_client: whether they mount it with version 2.0 or
    later of the EFS client. read_iops, write_iops: reads or writes per second that it does alone,
    within AWS's quota. read_latency, write_latency: mean time at the file system, s; tail: p99 over
    the mean. All of these by default as measured. Others: see `Storage`.
    """

    def __init__(self, sim: Simulation, name: str, mode: str = rules.ELASTIC, size: float = 100.0,
                 *, throughput: float = 0.0, io_size: float = 16.0, reads: float = 0.5,
                 clients: int = 1, credits: float = 1.0, new_client: bool = True,
                 read_iops: float = rules.NEW_READS, write_iops: float = rules.NEW_WRITES,
                 read_latency: float = rules.READ_LATENCY,
                 write_latency: float = rules.WRITE_LATENCY, tail: float = rules.TAIL, **load):
        if mode not in rules.MODES:
            raise unknown("mode", mode, rules.MODES)
        require_each(above=True, endless=True, size=size, io_size=io_size, clients=clients,
                     read_iops=read_iops, write_iops=write_iops,
                     read_latency=read_latency, write_latency=write_latency)
        require("tail", tail, 1, rules.TAIL_MOST)
        rented = rules.MOST_PROVISIONED if mode == rules.PROVISIONED else float("inf")
        for what, value, most in (("reads", reads, 1), ("credits", credits, 1),
                                  ("throughput", throughput, rented)):
            if not 0 <= value <= most:
                raise ParameterError(what, value, f"from 0 to {most:g}")
        self.mode, self.size, self.throughput, self.reads = mode, size, throughput, reads
        self._times = reads, read_latency, write_latency, tail
        super().__init__(sim, name, rules.device(
            mode, size, io_size, reads, clients=clients, throughput=throughput, start=credits,
            new_client=new_client, read_iops=read_iops, write_iops=write_iops,
            takes=rules.latency(reads, read_latency, write_latency)), io_size=io_size, **load)

    @property
    def slow(self) -> float:
        """The time that 99 of 100 I/Os don't exceed at the file system, s."""
        return rules.slow(*self._times)

    def month_price(self) -> dict[str, float]:
        """What it costs per month, USD by line, without an elastic one's transfers."""
        return bill.month_price(self.mode, self.size, self.throughput)

    def cost(self) -> dict[str, float]:
        """Its part of the month, and what an elastic one charges for what was moved."""
        if self.mode != rules.ELASTIC:
            return super().cost()
        return {**super().cost(), "transfer": bill.transfer_price(
            *(share * self.passed.sum() for share in (self.reads, 1 - self.reads)), self.io_size)}
