"""The model of the lab `ebs-iops`: an application, an instance, a volume with credits.

Picture a bath that is filled all morning from a cistern on the roof. The mains bring a trickle, and
nobody notices, for the cistern makes up for it; at noon it is empty, and the bath gets the trickle.

Start reading at `simulate`.

*Models:* no I/O is followed one by one, at any rate. I/Os are counted from one change of their rate
to the next and flow as a fluid; the run is cut wherever the load changes, a bucket is empty, a line
is gone or full, and in between all is exact. So a burst of a fifth of a second is the same in a run
of a minute and of a day. A run is a few hundred such pieces, and a few more for every burst.
*Leaves out:* what happens by chance between two changes; see the notebook.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.ebs_iops import limits
from labsim.builtin.ebs_iops.params import LOCAL, EbsIopsParams
from labsim.engine import Estimate, Load, Simulation
from labsim.services import ebs, efs
from labsim.services.common.storage import Storage
from labsim.services.ec2.instance_store import InstanceStore

TICKS = 240             # of the record, however long the run is
PIECE = 0.5             # a piece's share of a control event's time
PER_TAP = 0.3           # as much more for each bucket of the instance
PER_BURST = 2.5         # pieces: from two to six, by what empties and fills
PER_PERIOD = 0.5        # of a trace: a piece, which nothing else is done for
KEPT = 16               # numbers kept of a piece


def simulate(p: EbsIopsParams, sim: Simulation) -> "Disk":
    """I/Os come, the device passes what it may; perhaps the instance is stopped."""
    storage = made(p, sim)
    if p.keeps:
        storage.keep(Load(lambda duration: kit.spiked(p, p.queue_depth * p.users, "busy")))
    else:
        storage.ios.follow(kit.load(p, "io_rate", "busy"), sim.stream("ios"))
    if p.stop_at:
        storage.stop(p.stop_at, p.stop_time)
    return Disk(p, sim, storage=storage)


def made(p: EbsIopsParams, sim: Simulation) -> Storage:
    """The storage, behind its instances, with the application's queue depth."""
    load = dict(io_size=p.io_size, timeout=p.timeout, queue_depth=depth(p))
    if p.storage == LOCAL:
        return InstanceStore(sim, "storage", p.size, iops=p.fact("istore.iops"),
                             latency=p.latency, **load)
    if p.on_efs:
        return efs.FileSystem(sim, "storage", p.storage, p.size, clients=p.users,
                              throughput=p.provisioned_throughput, reads=p.read_share,
                              credits=p.credits, new_client=p.new_client,
                              read_iops=p.read_iops, write_iops=p.write_iops,
                              read_latency=p.read_latency, write_latency=p.write_latency,
                              tail=p.latency_tail, **load)
    return ebs.Volume(sim, "storage", p.storage, p.size, iops=p.provisioned_iops,
                      throughput=p.provisioned_throughput, latency=p.latency, stripes=p.stripes,
                      sequential=p.sequential, credits=p.credits, instance=p.instance, **load)


def depth(p: EbsIopsParams) -> float:
    """I/Os under way at a time at most, of all instances."""
    more = max(1.0, p.busy_factor) if p.keeps else 1.0
    return p.queue_depth * p.users * more


def seen(p: EbsIopsParams) -> Storage:
    """The storage as the application sees it: its `steady` and `burst` limit, its `device`."""
    return made(p, Simulation(1, 1, points=1))


class Disk(kit.Outcome):
    """The storage, and what came of it."""

    def __init__(self, p, sim, **parts):
        super().__init__(p, sim, **parts)
        self.notes = limits.notes(p)

    def series(self) -> dict:
        """Those of the storage, and how many I/Os per second live on its credits."""
        series, device = self.storage.series(), self.storage.device
        left = np.append(device.start, self.storage.credits)
        spent = np.maximum(left[:-1] - left[1:], 0.0) * device.bucket / max(device.spend, 1e-9)
        return {**series, "spent_rate": kit.per_tick(spent / self.sim.tick, "I/Os/s")}

    def cost(self) -> dict:
        """That of the storage."""
        return self.storage.cost()


def estimate(p: EbsIopsParams) -> Estimate:
    """What a run will take: pieces, whatever the rate."""
    pieces = TICKS + (
        PER_PERIOD * kit.changes(p) if p.traced else PER_BURST * kit.spikes(p, "busy"))
    taps = p.on_ebs * (bool(p.base_iops) + bool(p.base_throughput))
    return Estimate(requests=0, events=PIECE * (1 + PER_TAP * taps) * pieces, cells=KEPT * pieces,
                    lower="duration")
