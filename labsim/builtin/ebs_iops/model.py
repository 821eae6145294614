"""The model of the lab `ebs-iops`: an application, an instance, a volume with credits.

Picture a bath that is filled all morning from a cistern on the roof. The mains bring a trickle, and
nobody notices, for the cistern makes up for it; at noon it is empty, and the bath gets the trickle.

Start reading at `simulate`. Data plane: counted per tick, as a fluid, since what is limited are
rates over hours; when the credits are gone is reckoned exactly, wherever in a tick that is. Eight
hours take a few milliseconds, at any rate.
"""

from labsim import declare as kit
from labsim.builtin.ebs_iops.params import LOCAL, EbsIopsParams
from labsim.engine import Estimate, Simulation
from labsim.engine.storage_device import Device
from labsim.services import ebs, efs
from labsim.services.common.storage import Storage
from labsim.services.ebs import rules
from labsim.services.ec2.instance_store import InstanceStore

TICKS = 240             # of a run, however long it is
SHORT = 0.2             # a tick's share of a control event's time


def simulate(p: EbsIopsParams, sim: Simulation) -> "Disk":
    """I/Os come, the device passes what it may; perhaps the instance is stopped."""
    storage = made(p, sim)
    curve = kit.spiked(p, p.io_rate, "busy")
    storage.ios.expect(sim.stream("ios").poisson(curve.expected(sim.record.t)))
    if p.stop_at:
        storage.stop(p.stop_at, p.stop_time)
    return Disk(p, sim, storage=storage)


def made(p: EbsIopsParams, sim: Simulation) -> Storage:
    """The storage, behind its instances, with the application's queue depth."""
    load = dict(io_size=p.io_size, limit=instance_limit(p), timeout=p.timeout,
                queue_depth=p.queue_depth * p.users)
    if p.storage == LOCAL:
        return InstanceStore(sim, "storage", p.size, iops=p.fact("istore.iops"), **load)
    if p.on_efs:
        return efs.FileSystem(sim, "storage", p.storage, p.size, clients=p.users,
                              throughput=p.provisioned_throughput, reads=p.read_share,
                              credits=p.credits, **load)
    latency = (p.hdd_latency if p.storage in rules.HDD else
               p.fact("ebs.io2_latency_s") if p.storage == rules.IO2 else p.ssd_latency)
    return ebs.Volume(sim, "storage", p.storage, p.size, iops=p.provisioned_iops,
                      throughput=p.provisioned_throughput, latency=latency, stripes=p.stripes,
                      sequential=p.sequential, credits=p.credits, **load)


def instance_limit(p: EbsIopsParams) -> float:
    """I/Os/s that the instances together can ask of the storage."""
    if p.storage == LOCAL:
        return float("inf")             # the disk is inside
    by_throughput = p.instance_throughput * 1_024 / p.io_size * p.users
    if p.on_efs:
        return by_throughput            # a file system's limits are its own
    ops = rules.operations(p.io_size, p.storage in rules.HDD, p.sequential)
    most = p.fact("ec2.nitro_iops" if p.nitro else "ec2.not_nitro_iops")
    each = min(p.instance_iops, most)
    whole = sum(rules.multi_attach(most, [each] * p.users, [float("inf")] * p.users))
    return min(whole / ops, by_throughput)


def seen(p: EbsIopsParams) -> Device:
    """The storage as the application sees it."""
    return made(p, Simulation(1, 1, points=1)).device


class Disk(kit.Outcome):
    """The storage, and what came of it."""

    def series(self) -> dict:
        """Those of the storage."""
        return self.storage.series()

    def cost(self) -> dict:
        """That of the storage."""
        return self.storage.cost()


def estimate(p: EbsIopsParams) -> Estimate:
    """What a run will take: ticks, whatever the rate."""
    return Estimate(requests=0, events=SHORT * TICKS, lower="duration")
