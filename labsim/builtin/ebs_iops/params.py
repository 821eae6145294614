"""The knobs of the lab `ebs-iops`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim.declare import (
    BY_RATE,
    TraceParams,
    check_spikes,
    choice,
    every_knob,
    flag,
    integer,
    load,
    number,
    spike_knobs,
)
from labsim.errors import ParameterError
from labsim.services.ebs import Instance
from labsim.services.ebs import rules as ebs
from labsim.services.efs import rules as efs

LOAD, STORAGE, INSTANCE = "Load", "Storage", "Instance"
LOCAL = "instance-store"
TUNED = ("storage", ("gp3", "io1", "io2"))
THROUGH = ("storage", ("gp3", "efs-provisioned"))
CREDITED = ("storage", ("gp2", "st1", "sc1", "efs-bursting"))
SOLID = ("storage", ("gp2", "gp3", "io1"))
DISKS = ("storage", ("st1", "sc1"))
BLOCKS = ("storage", ebs.TYPES)
SHARED = ("storage", ("io1", "io2", "efs-bursting", "efs-provisioned", "efs-elastic"))
FILES = ("storage", efs.MODES)
OPEN = ("closed_loop", (False,))


class EbsIopsParams(TraceParams):
    """Parameters of `ebs-iops`."""

    rates = ("io_rate",)

    closed_loop: bool = flag(
        False, label="Closed loop", group=LOAD, when=BY_RATE,
        help="The application keeps as many I/Os outstanding as the queue depth says, and sends "
             "the next when one is done, as fio does; else I/Os come at their rate, whatever "
             "happens.")
    io_rate: float = number(
        750, unit="I/Os/s", bounds=(0, 10_000_000), slider=(0, 20_000), step=50,
        label="I/O rate", group=LOAD, when=OPEN,
        help="I/Os per second that the application wants.")
    io_size: float = number(
        16, unit="KiB", bounds=(0.5, 16_384), slider=(4, 1_024), step=4, label="I/O size",
        group=LOAD, help="Size of an I/O; a large one counts as several operations.")
    read_share: float = number(
        0.7, unit="of I/Os", bounds=(0, 1), slider=(0, 1), step=0.1, label="Reads", group=LOAD,
        help="Part of the I/Os that are reads; it matters to EFS only.")
    sequential: bool = flag(
        False, label="In a row", group=LOAD, when=BLOCKS,
        help="I/Os follow each other on the volume, so that small ones are merged.")
    busy_factor: float
    busy_start: float
    busy_duration: float
    busy_factor, busy_start, busy_duration = spike_knobs(
        1, 7_200, 3_600, group=LOAD, name="Busy time", factors=(1, 20), starts=(0, 28_800),
        lasts=(0, 28_800), steps=(0.5, 600, 600),
        of="the rate (in a closed loop: the I/Os outstanding) during the busy time",
        when=BY_RATE)
    busy_every: float = every_knob(LOAD, "Busy time", BY_RATE)
    queue_depth: int = integer(
        32, unit="I/Os", bounds=(1, 100_000), slider=(1, 128), step=1, label="Queue depth",
        group=LOAD, help="I/Os that the application has under way at a time, at most; in a closed "
                         "loop: always.")
    timeout: float = number(
        5, unit="s", bounds=(0.01, 3_600), slider=(1, 60), step=1, label="Patience",
        group=LOAD, help="An I/O that has waited so long for its turn is given up; what it takes "
                         "at the storage is not counted in.")
    duration: float = number(
        28_800, unit="s", bounds=(60, 8_640_000), slider=(600, 86_400), step=600,
        label="Duration", group=LOAD, help="Simulated time.")

    storage: Literal["gp2", "gp3", "io1", "io2", "st1", "sc1", "instance-store", "efs-bursting",
                     "efs-provisioned", "efs-elastic"] = choice(
        "gp2", label="Storage", group=STORAGE, help="Type of the volume or file system.")
    size: float = number(
        125, unit="GiB", bounds=(1, 65_536), slider=(25, 2_000), step=25, label="Size",
        group=STORAGE, help="Size of the volume, or what is stored in the file system.")
    provisioned_iops: float = number(
        3_000, unit="IOPS", bounds=(100, 256_000), slider=(100, 16_000), step=100,
        label="Provisioned IOPS", group=STORAGE, when=TUNED, fact="ebs.gp3_base_iops",
        help="IOPS paid for.")
    provisioned_throughput: float = number(
        125, unit="MiB/s", bounds=(1, 4_000), slider=(125, 1_000), step=25,
        label="Throughput", group=STORAGE, when=THROUGH, fact="ebs.gp3_base_throughput",
        help="Throughput paid for.")
    credits: float = number(
        1, unit="of bucket", bounds=(0, 1), slider=(0, 1), step=0.05, label="Credits at first",
        group=STORAGE, when=CREDITED, help="How full the bucket of credits is at first.")
    ssd_latency: float = number(
        0.001, unit="s", bounds=(0.00001, 1), slider=(0.0005, 0.01), step=0.0005,
        label="SSD latency", group=STORAGE, when=SOLID,
        help="Time of an I/O at the volume; AWS says single-digit milliseconds.")
    io2_latency: float = number(
        0.0005, unit="s", bounds=(0.00001, 1), slider=(0.00025, 0.005), step=0.00025,
        label="io2 latency", group=STORAGE, when=("storage", ("io2",)),
        fact="ebs.io2_latency_s", help="Time of an I/O at an io2 volume.")
    hdd_latency: float = number(
        0.01, unit="s", bounds=(0.00001, 1), slider=(0.002, 0.05), step=0.002,
        label="Disk latency", group=STORAGE, when=DISKS,
        help="Time of an I/O at a hard disk volume; AWS publishes none.")
    local_latency: float = number(
        0.0001, unit="s", bounds=(0.00001, 1), slider=(0.0001, 0.001), step=0.0001,
        label="Local latency", group=STORAGE, when=("storage", (LOCAL,)),
        help="Time of an I/O at an instance store; AWS publishes none.")
    read_latency: float = number(
        efs.READ_LATENCY, unit="s", bounds=(0.00001, 1), slider=(0.00025, 0.02), step=0.00025,
        label="Read latency", group=STORAGE, when=FILES, fact="efs.read_latency_measured_s",
        help="Mean time of a read at the file system: of a small file, as measured; AWS says the "
             "best case of one operation.")
    write_latency: float = number(
        efs.WRITE_LATENCY, unit="s", bounds=(0.00001, 1), slider=(0.0005, 0.05), step=0.0005,
        label="Write latency", group=STORAGE, when=FILES, fact="efs.write_latency_measured_s",
        help="Mean time of a write at the file system: of a small file, as measured; AWS says the "
             "best case of one operation.")
    latency_tail: float = number(
        efs.TAIL, unit="x", bounds=(1, efs.TAIL_MOST), slider=(1, 5), step=0.1,
        label="Latency tail", group=STORAGE, when=FILES, fact="efs.latency_tail",
        help="p99 of the time of a read, or of a write, over its mean.")
    read_iops: float = number(
        efs.NEW_READS, unit="I/Os/s", bounds=(1, 10_000_000), slider=(1_000, 250_000), step=1_000,
        label="Reads at most", group=STORAGE, when=FILES, fact="efs.new_read_iops",
        help="Reads per second that a file system does alone: of a new one, as measured. AWS's "
             "quota holds besides.")
    write_iops: float = number(
        efs.NEW_WRITES, unit="I/Os/s", bounds=(1, 10_000_000), slider=(1_000, 50_000), step=1_000,
        label="Writes at most", group=STORAGE, when=FILES, fact="efs.new_write_iops",
        help="Writes per second that a file system does alone: of a new one, as measured. AWS's "
             "quota holds besides.")
    stripes: int = integer(
        1, unit="volumes", bounds=(1, 16), slider=(1, 8), step=1, label="Striped over",
        group=STORAGE, when=BLOCKS,
        help="Volumes that have a part of size, IOPS and throughput each; RDS takes four of gp2.")
    boot_volume: bool = flag(
        False, label="Boot volume", group=STORAGE, fact="ebs.boot_types",
        help="The instance starts from it; hard disks and file systems can't do that.")

    nitro: bool = flag(
        True, label="Nitro", group=INSTANCE, fact="ec2.nitro_iops", when=BLOCKS,
        help="Whether the instance is built on Nitro; others do fewer IOPS with a volume.")
    instances: int = integer(
        1, unit="instances", bounds=(1, 1_000), slider=(1, 16), step=1, label="Instances",
        group=INSTANCE, when=SHARED, help="Instances that share it, each with a part of the load.")
    instance_iops: float = number(
        20_000, unit="IOPS", bounds=(100, 1_000_000), slider=(1_000, 80_000), step=1_000,
        label="Instance IOPS", group=INSTANCE, when=BLOCKS,
        help="The most that an instance can do with EBS; see the table of its type.")
    instance_throughput: float = number(
        600, unit="MB/s", bounds=(1, 20_000), slider=(50, 2_000), step=50,
        label="Instance MB/s", group=INSTANCE, when=BLOCKS,
        help="The most that an instance can move to and from EBS; see the table of its type, "
             "whose MB are millions of bytes.")
    base_iops: float = number(
        0, unit="IOPS", bounds=(0, 1_000_000), slider=(0, 20_000), step=100,
        label="Baseline IOPS", group=INSTANCE, when=BLOCKS,
        help="What a smaller instance does for good, its maximum being for half an hour a day; "
             "0: the maximum is for good.")
    base_throughput: float = number(
        0, unit="MB/s", bounds=(0, 20_000), slider=(0, 600), step=5,
        label="Baseline MB/s", group=INSTANCE, when=BLOCKS,
        help="What a smaller instance moves for good; 0: the maximum is for good.")
    instance_credits: float = number(
        1, unit="of bucket", bounds=(0, 1), slider=(0, 1), step=0.05, label="Instance credits",
        group=INSTANCE, when=BLOCKS,
        help="How full the instance's buckets are at first (EBSIOBalance%, EBSByteBalance%).")
    new_client: bool = flag(
        True, label="EFS client 2.0", group=INSTANCE, when=("storage", ("efs-elastic",)),
        help="Mounted with version 2.0 or later of the EFS client or CSI driver: an instance moves "
             "three times as much.")
    stop_at: float = number(
        0, unit="s", bounds=(0, 8_640_000), slider=(0, 28_800), step=600, label="Stopped at",
        group=INSTANCE, help="When the instances are stopped and started again; 0 for never.")
    stop_time: float = number(
        600, unit="s", bounds=(1, 864_000), slider=(60, 3_600), step=60, label="Stopped for",
        group=INSTANCE, help="How long they are away.")

    def check(self) -> None:
        """A volume that AWS makes, where it may be used. Facts: ebs.sizes, ebs.boot_types,
        ebs.multi_attach_max."""
        if self.on_ebs:
            name, allowed = ebs.refusal(ebs.striped(self.volume, self.stripes)) or ("", "")
            name = {"iops": "provisioned_iops", "throughput": "provisioned_throughput"}.get(
                name, name)
            if name:
                raise ParameterError(name, getattr(self, name), allowed)
        if self.storage == ebs.IO2 and self.provisioned_iops > self.fact("ebs.io2_max_iops"):
            raise ParameterError("provisioned_iops", self.provisioned_iops,
                                 f"at most {self.fact('ebs.io2_max_iops'):,.0f} IOPS")
        if self.storage in (ebs.IO1, ebs.IO2):
            if self.instances > ebs.ATTACHED:
                raise ParameterError("instances", self.instances,
                                     f"at most {ebs.ATTACHED} with Multi-Attach")
            if self.instances > 1 and not self.nitro:
                raise ParameterError("nitro", False, "True with Multi-Attach")
        for name, most in (("base_iops", self.instance_iops),
                           ("base_throughput", self.instance_throughput)):
            if self.on_ebs and getattr(self, name) > most:
                raise ParameterError(name, getattr(self, name),
                                     f"at most {most:g}, the instance's maximum")
        check_spikes(self, "busy")
        if self.storage == efs.PROVISIONED and (
                self.provisioned_throughput > efs.MOST_PROVISIONED):
            raise ParameterError("provisioned_throughput", self.provisioned_throughput,
                                 f"at most {efs.MOST_PROVISIONED:,.0f} MiB/s with EFS")
        if self.boot_volume and (not self.on_ebs or not ebs.may_boot(self.storage)):
            raise ParameterError("boot_volume", True, f"False with {self.storage}")

    @property
    def keeps(self) -> bool:
        """Whether it is a closed loop: of a trace it is known when I/Os come."""
        return self.closed_loop and not self.traced

    @property
    def busiest_rate(self) -> float:
        """I/Os per second in the busy time, or outside of it, whichever is more; or in a trace's
        busiest period."""
        if self.traced:
            return float(load(self, "io_rate").rate.max())
        return self.io_rate * max(1.0, self.busy_factor)

    @property
    def on_ebs(self) -> bool:
        """Whether it is an EBS volume."""
        return self.storage in ebs.TYPES

    @property
    def on_efs(self) -> bool:
        """Whether it is a file system."""
        return self.storage in efs.MODES

    @property
    def volume(self) -> ebs.Spec:
        """The EBS volume."""
        return ebs.Spec(self.storage, self.size, self.provisioned_iops, self.provisioned_throughput)

    @property
    def users(self) -> int:
        """Instances that share the storage: only some types can be shared."""
        return self.instances if self.storage in SHARED[1] else 1

    @property
    def latency(self) -> float:
        """Time of an I/O at the storage, s."""
        if self.on_efs:
            return efs.latency(self.read_share, self.read_latency, self.write_latency)
        return {LOCAL: self.local_latency, ebs.IO2: self.io2_latency, **dict.fromkeys(
            ebs.HDD, self.hdd_latency)}.get(self.storage, self.ssd_latency)

    @property
    def instance(self) -> Instance:
        """What its instances can do with EBS."""
        return Instance(
            self.instance_iops, self.instance_throughput, self.base_iops or None,
            self.base_throughput or None, count=self.users, credits=self.instance_credits,
            volume_iops=self.fact("ec2.nitro_iops" if self.nitro else "ec2.not_nitro_iops"))
