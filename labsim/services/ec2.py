"""Amazon EC2: instances that take time to boot, work, and are billed by the second.

Picture a taxi that you call: it comes after `boot_time`, works until you send it away, and its
meter runs from the call, for at least a minute.

*Models:* pending -> in service -> terminating -> terminated; boot time, longer with user data
than with a golden AMI (the time is the caller's); billing per second with the 60 s minimum;
zones, filled evenly.
*Leaves out:* failed launches, insufficient capacity, the few seconds of `pending` that are not
billed, instance types.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from labsim import facts
from labsim.engine import Order, Simulation

BILLING_MINIMUM = facts.value("ec2.billing_min_seconds")
ZONES = "abc"


@dataclass(eq=False)
class Instance:
    """One instance: `launched`, `in_service_at` and `ended` in s; inf while still ahead."""

    id: int
    zone: str
    launched: float
    template: int = 0       # version of the launch template it was made from
    state: str = ""
    in_service_at: float = float("inf")
    ended: float = float("inf")

    def billed(self, now: float) -> float:
        """Seconds billed by `now`."""
        return max(min(self.ended, now) - self.launched, BILLING_MINIMUM)


class Fleet:
    """The instances of one group. `on_service(instance)` is called when one enters service."""

    def __init__(self, sim: Simulation, boot_time: float,
                 on_service: Callable[[Instance], None]):
        self.sim, self.boot_time, self.on_service = sim, boot_time, on_service
        self.instances: list[Instance] = []
        self._ended: list[Instance] = []
        self._states: Counter[str] = Counter()
        self._zones = Counter(dict.fromkeys(ZONES, 0))
        self._record()

    def launch(self, *, ready: bool = False) -> Instance:
        """Launch an instance in the emptiest zone; with `ready` it is in service at once."""
        zone = min(ZONES, key=lambda z: self._zones[z])
        instance = Instance(len(self.instances) + len(self._ended), zone, self.sim.now)
        self.instances.append(instance)
        self._zones[zone] += 1
        self._change(instance, "pending")
        if ready:
            self._enter(instance)
        else:
            self.sim.process(self._boot(instance))
        return instance

    def _boot(self, instance: Instance):
        yield self.sim.until(self.sim.now + self.boot_time, Order.CAPACITY)
        if instance.state == "pending":
            self._enter(instance)

    def _enter(self, instance: Instance) -> None:
        instance.in_service_at = self.sim.now
        self._change(instance, "in service")
        self.on_service(instance)

    def terminate(self, instance: Instance, finished: float) -> None:
        """Take an instance out of service now; it ends at `finished` >= now."""
        instance.ended = finished
        self._zones[instance.zone] -= 1
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

    def billed_seconds(self) -> float:
        """Seconds billed by now, over all instances that there ever were."""
        return sum(i.billed(self.sim.now) for i in self.instances + self._ended)

    def _change(self, instance: Instance, state: str) -> None:
        self._states[instance.state] -= 1
        self._states[state] += 1
        instance.state = state
        self._record()

    def _record(self) -> None:
        for state, name in (("pending", "instances_booting"),
                            ("in service", "instances_in_service"),
                            ("terminating", "instances_terminating")):
            self.sim.record.level(name, self.sim.now, self.count(state))
