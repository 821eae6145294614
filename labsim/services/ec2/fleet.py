"""Amazon EC2: instances that take time to boot, work, and are billed by the second.

Picture a taxi that you call: it comes after `boot_time`, works until you send it away, and its
meter runs from the call, for at least a minute.

*Models:* pending -> in service -> terminating -> terminated; boot time, longer with user data
than with a golden AMI (the time is the caller's); launches that are given up; billing per second
with the 60 s minimum; zones, filled evenly; a share of Spot instances.
*Leaves out:* insufficient capacity, the few seconds of `pending` that are not billed, instance
types. What it costs is in `labsim.services.ec2.bill`, who loses Spot in `ec2_spot`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from labsim import factbook
from labsim.engine import Order, Simulation

BILLING_MINIMUM = factbook.value("ec2.billing_min_seconds")
ZONES = "abc"
RECORDED = {"pending": "instances_booting", "in service": "instances_in_service",
            "terminating": "instances_terminating"}


@dataclass(eq=False)
class Instance:
    """One instance: `launched`, `in_service_at` and `ended` in s; inf while still ahead."""

    id: int
    zone: str
    launched: float
    template: int = 0       # version of the launch template it was made from
    state: str = ""
    spot: bool = False
    noticed: bool = False   # Spot: it has its notice
    doomed: bool = False    # a successor has been launched for it
    ready_at: float = 0.0   # when it has booted, or its launch is given up
    in_service_at: float = float("inf")
    ended: float = float("inf")

    def billed(self, now: float) -> float:
        """Seconds billed by `now`."""
        return max(min(self.ended, now) - self.launched, BILLING_MINIMUM)


class Fleet:
    """The instances of one group. `on_service(instance)` is called when one enters service.

    boots(): the seconds from a launch until the instance serves, and whether it ever does; by
    default `boot_time`, and it does. spot_share: of the instances alive, rounded down.
    """

    def __init__(self, sim: Simulation, boot_time: float,
                 on_service: Callable[[Instance], None], *,
                 boots: Callable[[], tuple[float, bool]] | None = None, spot_share: float = 0.0):
        self.sim, self.on_service = sim, on_service
        self.boots = boots or (lambda: (boot_time, True))
        self.spot_share, self.template = spot_share, 0
        self.on_lost: Callable[[Instance], None] = lambda instance: None   # its launch failed
        self.instances: list[Instance] = []
        self.entered: list[Instance] = []   # those that had to boot, as they entered service
        self._ended: list[Instance] = []
        self._states: Counter[str] = Counter()
        self._zones = Counter(dict.fromkeys(ZONES, 0))
        self._record(*RECORDED)

    def launch(self, *, ready: bool = False) -> Instance:
        """Launch an instance in the emptiest zone; with `ready` it is in service at once."""
        zone = min(ZONES, key=lambda z: self._zones[z])
        instance = Instance(len(self.instances) + len(self._ended), zone, self.sim.now,
                            self.template, spot=self._spot_next())
        self.instances.append(instance)
        self._zones[zone] += 1
        self._change(instance, "pending")
        if ready:
            self._enter(instance)
        else:
            wait, comes = self.boots()
            instance.ready_at = self.sim.now + wait
            self.sim.until(instance.ready_at, Order.CAPACITY).callbacks.append(
                partial(self._boot, instance, comes))
        return instance

    def change_template(self, t: float) -> None:
        """From `t` s on instances are launched from a new version of the launch template."""
        def changing():
            yield self.sim.until(t, Order.CAPACITY)
            self.template += 1
        self.sim.process(changing())

    def _spot_next(self) -> bool:
        if not self.spot_share:
            return False
        alive = [i for i in self.instances if i.state != "terminating"]
        return sum(i.spot for i in alive) + 1 <= self.spot_share * (len(alive) + 1) + 1e-9

    def _boot(self, instance: Instance, comes: bool, _event) -> None:
        if instance.state == "pending" and comes:
            self.entered.append(instance)
            self._enter(instance)
        elif instance.state == "pending":
            self.terminate(instance, self.sim.now)
            self.on_lost(instance)

    def _enter(self, instance: Instance) -> None:
        instance.in_service_at = self.sim.now
        self._change(instance, "in service")
        self.on_service(instance)

    def leaving(self, instance: Instance) -> None:
        """An instance will be lost soon: it no longer counts in its zone."""
        instance.doomed = True
        self._zones[instance.zone] -= 1

    def terminate(self, instance: Instance, finished: float) -> None:
        """Take an instance out of service now; it ends at `finished` >= now."""
        instance.ended = finished
        self._zones[instance.zone] -= not instance.doomed
        self._change(instance, "terminating")
        if finished > self.sim.now:
            self.sim.process(self._end(instance))
        else:
            self._gone(instance)

    def _end(self, instance: Instance):
        yield self.sim.until(instance.ended, Order.CAPACITY)
        self._gone(instance)

    def _gone(self, instance: Instance) -> None:
        self.instances.remove(instance)
        self._ended.append(instance)
        self._change(instance, "terminated")

    def count(self, state: str) -> int:
        """Instances in a state."""
        return self._states[state]

    @property
    def all(self) -> list[Instance]:
        """All instances that there ever were."""
        return self.instances + self._ended

    def billed_seconds(self) -> float:
        """Seconds billed by now, over all instances that there ever were."""
        return sum(i.billed(self.sim.now) for i in self.all)

    def _change(self, instance: Instance, state: str) -> None:
        before, instance.state = instance.state, state
        self._states[before] -= 1
        self._states[state] += 1
        self._record(before, state)

    def _record(self, *states: str) -> None:
        for state in states:
            if state in RECORDED:
                self.sim.record.level(RECORDED[state], self.sim.now, self.count(state))
