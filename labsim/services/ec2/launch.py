"""How an instance of an Auto Scaling group comes to serve: how it boots, hooks, a warm pool.

Picture four ways to get a cook at short notice: one who has to learn the menu first (user data),
one who knows it (golden AMI), one who has learnt it and sleeps around the corner (stopped, in a
warm pool), and one who dozes in the back room, apron on (hibernated, in a warm pool). And at the
door somebody who checks his papers, and sends him home if it takes too long (a lifecycle hook).

*Models:* time to serve = launch and boot + user data + start of the application; of a stopped
instance, its start and that of the application; of a hibernated one, its start and reading its
memory back from the disk; a warm pool of limited size that fills up again by itself; launch hooks
with their timeout, after which the launch is given up (ABANDON), and heartbeats that put it off up
to the global limit.
*Leaves out:* instances that go back to the pool at scale-in, CONTINUE as a hook's default result,
pools of running instances.

What these make is what `ec2.Fleet` takes as `boots`; its `drain_time` is the other hook.
"""

from dataclasses import dataclass

from labsim import factbook
from labsim.declare import Component, Count
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError, require
from labsim.services.ec2.bill import DISK

GOLDEN, USER_DATA, STOPPED, HIBERNATED = "golden-ami", "user-data", "stopped", "hibernated"
POOLED = STOPPED, HIBERNATED    # out of a warm pool. Fact: asg.warm_pool_state
GIB = 2**30
MIB = 2**20


def resume_time(restart: float, ram: float, throughput: float) -> float:
    """Seconds until a hibernated instance with `ram` GiB in use serves: its start, and what its
    root volume takes at so many MiB/s. Facts: ec2.hibernate_rule, ec2.restart_s."""
    return restart + ram * GIB / (throughput * MIB)


def cold_time(boot: float, start: float, user_data: float = 0.0) -> float:
    """Seconds until a new instance serves: boot, its script at first boot, its application's start.
    Fact: ec2.boot_golden_rule."""
    return boot + user_data + start


def longest_wait(heartbeat: float) -> float:
    """Seconds that an instance may stay in a wait state, however often its hook's heartbeat is
    renewed. Fact: asg.hook_global_timeout."""
    return min(factbook.value("asg.hook_global_h") * 3600,
               factbook.value("asg.hook_global_heartbeats") * heartbeat)


@dataclass(frozen=True)
class Hook:
    """A launch hook: `takes` seconds of work, given up after `timeout`; with `heartbeats` the
    timeout begins anew again and again. Fact: asg.hook_timeout."""

    takes: float = 0.0
    timeout: float = factbook.value("asg.hook_heartbeat_s")
    heartbeats: bool = False

    def __post_init__(self):
        for what, value in (("takes", self.takes), ("timeout", self.timeout)):
            require(what, value, unit="s")

    def passed(self, booted: float) -> tuple[float, bool]:
        """Seconds from the launch until the hook is over, and whether the instance then serves."""
        most = longest_wait(self.timeout) if self.heartbeats else self.timeout
        return booted + min(self.takes, most), self.takes <= most


class WarmPool(Component):
    """`size` stopped or hibernated instances that serve in `resume` s; a new one takes `cold` s to
    prepare.

    While the pool is empty, launches are cold. `prepared` counts the instances made for it.
    price: of an instance that is prepared, USD/h. disk: GB that each keeps.
    """

    METRICS = (Count("prepared", "instances", "instances made for the pool, but for the first",
                     "", lambda w: w.prepared),)
    shows = (("ready", "ready"),)

    def __init__(self, sim: Simulation, name: str, size: int, *, resume: float, cold: float,
                 price: float = 0.0, disk: float = 0.0):
        super().__init__(sim, name)
        for what, value in (("size", size), ("resume", resume), ("cold", cold), ("price", price),
                            ("disk", disk)):
            if not value >= 0:
                raise ParameterError(what, value, "at least 0")
        self.size, self.resume, self.cold, self.price, self.disk = size, resume, cold, price, disk
        self.ready, self.prepared = size, 0
        self.record.level("ready", 0.0, size)

    def take(self) -> float:
        """Seconds until the next launch serves; the pool makes a new one for it."""
        if not self.ready:
            return self.cold
        self._change(-1)
        self.prepared += 1
        self.sim.process(self._prepare())
        return self.resume

    def _prepare(self):
        yield self.sim.until(self.sim.now + self.cold, Order.CAPACITY)
        self._change(1)

    def _change(self, by: int) -> None:
        self.ready += by
        self.record.level("ready", self.sim.now, self.ready)

    # -- at the end of the run -------------------------------------------------------------

    def series(self) -> dict:
        """Instances ready."""
        return {"ready": (self.record.sampled("ready"), "instances")}

    def cost(self) -> dict[str, float]:
        """Instances while they are prepared, and the disks of all."""
        disks = self.size * self.disk * self.sim.duration / 3600 * DISK
        return {"Warm pool": self.prepared * self.cold / 3600 * self.price + disks}
