"""Amazon EC2: instances that take time to boot, work, and are billed by the second.

Picture a taxi that you call: it comes after `boot_time`, works until you send it away, and its
meter runs from the call, for at least a minute.

*Models:* pending -> in service -> terminating -> terminated; boot time, longer with user data
than with a golden AMI (the time is the caller's); launches that are given up; billing per second
with the 60 s minimum; zones, filled evenly; a share of Spot instances.
*Leaves out:* insufficient capacity, the few seconds of `pending` that are not billed, instance
types. What it costs is in `labsim.services.ec2.bill`, who loses Spot in `labsim.services.ec2.spot`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from labsim import factbook
from labsim.declare import Component, Count, Line, Metric, Panel, mean
from labsim.engine import Order, ServiceTimes, Simulation
from labsim.errors import LabsimError, require, require_each
from labsim.services.cloudwatch.alarms import STANDARD_RESOLUTION
from labsim.services.cloudwatch.alarms import Metric as CloudWatchMetric
from labsim.services.ec2 import bill
from labsim.services.ec2.consuming import Consuming

BILLING_MINIMUM = factbook.value("ec2.billing_min_seconds")
ZONES = "abc"
PRICE = factbook.value("ec2.t3_medium_price")       # USD per instance and hour
SPOT_DISCOUNT = 70.0    # percent off; an assumption, for it differs by type, zone and month
RECORDED = {"pending": "booting", "in service": "in_service", "terminating": "terminating"}


@dataclass(eq=False)
class Instance:
    """One instance: `launched`, `in_service_at`, `left_at`, `ended` in s; inf while ahead."""

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
    left_at: float = float("inf")       # when it left service
    ended: float = float("inf")

    def billed(self, now: float) -> float:
        """Seconds billed by `now`."""
        return max(min(self.ended, now) - self.launched, BILLING_MINIMUM)


class Fleet(Component):
    """Instances, launched and terminated by whoever owns them; `size` of them are there at once.

    boot: s from a launch to service; or boots(): the seconds, and whether it ever serves.
    consumes: an `sqs.Queue`, or several, the first named first: each instance in service is a
    consumer, and `work` is how long a message takes it where a queue of several does not say it; or
    an `elb.Balancer`, whose targets they are.
    drain: a terminated instance finishes its message, or its requests, for at most the
    deregistration delay; by default (None) behind a balancer, as AWS does it, not before a queue.
    drain_time: s that it is still paid after it has left service (a termination hook's work).
    Otherwise `on_service(instance)` is called when one enters service, and `on_release(instance)`
    when one is to leave; it returns when the instance has finished, s.
    spot_share: of the instances alive, rounded down. price: USD per instance and hour;
    spot_discount: percent off it. detailed: with detailed monitoring, which is paid. random:
    decides which message a terminated instance holds; by default a stream of its own.
    """

    METRICS = (
        Metric("instances_mean", "instances", "instances in service, broken or not, on average", "",
               lambda f: f.record.level_mean("in_service")),
        Count("instances_max", "instances", "most instances in service", "",
               lambda f: f.record.level_max("in_service")),
        Metric("utilization", "of instance time", "share of instance time spent working", "higher",
               lambda f: f.utilization()),
        Metric("instance_hours", "h", "instance hours billed", "lower",
               lambda f: f.billed_seconds() / 3600),
        Metric("launch_s", "s", "from a launch until the instance is in service, mean", "lower",
               lambda f: mean(np.array([i.in_service_at - i.launched for i in f.entered]))))
    PANELS = (Panel("Instances", (
        Line("in service", "in_service", step=True), Line("booting", "booting", step=True),
        Line("terminating", "terminating", step=True))),)
    shows = (("in service", "in_service"), ("booting", "booting"), ("terminating", "terminating"))

    def __init__(self, sim: Simulation, name: str, boot: float = 0.0, *, size: int = 0,
                 consumes: object = None, work: ServiceTimes | None = None,
                 drain: bool | None = None, drain_time: float = 0.0,
                 on_service: Callable[[Instance], None] = lambda instance: None,
                 on_release: Callable[[Instance], float] | None = None,
                 boots: Callable[[], tuple[float, bool]] | None = None, spot_share: float = 0.0,
                 price: float = PRICE, spot_discount: float = SPOT_DISCOUNT,
                 detailed: bool = False, random: np.random.Generator | None = None):
        super().__init__(sim, name)
        require_each(boot=boot, size=size, price=price, drain_time=drain_time)
        require("spot_share", spot_share, 0, 1)
        require("spot_discount", spot_discount, 0, 100, "%")
        self.boots = boots or (lambda: (boot, True))
        self.on_service, self.release = on_service, on_release or (lambda instance: sim.now)
        self.spot_share, self.spot_discount = spot_share, spot_discount
        self.price, self.detailed = price, detailed
        self.template = 0           # version of the launch template
        self.group = None           # the Auto Scaling group that owns it, if there is one
        self.shut: set[str] = set()     # zones in which nothing is launched
        self.on_lost: Callable[[Instance], None] = lambda instance: None   # its launch failed
        self.instances: list[Instance] = []
        self.entered: list[Instance] = []   # those that had to boot, as they entered service
        self._ended: list[Instance] = []
        self._states, self._spot = Counter(), 0     # the second: Spot instances among those alive
        self._zones = Counter(dict.fromkeys(ZONES, 0))
        self._record(*RECORDED)
        self.consuming = None
        if consumes is not None:
            self.consuming = Consuming(self, consumes, work, drain, drain_time, (
                sim.stream(f"{name} consumer") if random is None else random))
            self.on_service, self.release = self.consuming.enter, self.consuming.release
        for _ in range(size):
            self.launch(ready=True)

    def launch(self, *, ready: bool = False) -> Instance:
        """Launch an instance in the emptiest zone; with `ready` it is in service at once."""
        zone = min([z for z in ZONES if z not in self.shut] or ZONES, key=self._zones.__getitem__)
        instance = Instance(len(self.instances) + len(self._ended), zone, self.sim.now,
                            self.template, spot=self._spot_next())
        self.instances.append(instance)
        self._spot += instance.spot
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
        self.require("t", t, unit="s")
        def changing():
            yield self.sim.until(t, Order.CAPACITY)
            self.template += 1
        self.sim.process(changing())

    def _spot_next(self) -> bool:
        if not self.spot_share:
            return False
        alive = self.count("pending") + self.count("in service")
        return self._spot + 1 <= self.spot_share * (alive + 1) + 1e-9

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
        if instance.state == "in service":
            instance.left_at = self.sim.now
        self._zones[instance.zone] -= not instance.doomed
        self._spot -= instance.spot
        self._change(instance, "terminating")
        if finished > self.sim.now:
            self.sim.process(self._end(instance))
        else:
            self._gone(instance)

    def lose(self, instance: Instance) -> None:
        """An instance is gone now, with what it has in hand."""
        if instance.state == "in service":
            (self.consuming.lose if self.consuming else self.release)(instance)
        self.terminate(instance, self.sim.now)

    def _end(self, instance: Instance):
        yield self.sim.until(instance.ended, Order.CAPACITY)
        self._gone(instance)

    def _gone(self, instance: Instance) -> None:
        self.instances.remove(instance)
        self._ended.append(instance)
        self._change(instance, "terminated")

    @property
    def staying(self) -> int:
        """Instances that nobody has begun to take away."""
        return sum(self._zones.values())

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
        now = self.sim.now
        for state in states:
            if state in RECORDED:
                self.record.level(RECORDED[state], now, self._states[state])

    def cpu(self, period: float = STANDARD_RESOLUTION, name: str = "") -> CloudWatchMetric:
        """The metric to track that AWS predefines as ASGAverageCPUUtilization: percent of the time
        in service that was spent on work since the last look. An instance works on one thing at a
        time, so it is at 0 or 100."""
        last = [0.0, 0.0, 0.0]      # instance-seconds worked, there by the last look; there since
        def read() -> float | None:
            now = self.sim.now
            busy = self.consuming.busy_seconds() if self.consuming else 0.0
            there = sum(min(i.left_at, now) - i.in_service_at
                        for i in self.all if i.in_service_at < now)
            worked, served = busy - last[0], there - last[1]
            last[:] = busy, there, served
            return min(max(100 * worked / served, 0.0), 100.0) if served > 0 else None
        metric = CloudWatchMetric(self.sim, name or f"{self.name} CPU", read, period, "%",
                                  lambda: last[2] / metric.resolution)
        self.link(metric, "metric")
        return metric

    def wired(self) -> None:
        """Somebody has to work: there are instances, or a group that may launch some."""
        if not self.instances and self.group is None:
            raise LabsimError(f"nobody works in {self.name}: give it a size, or an "
                              "autoscaling.Group")

    # -- faults: see `labsim.services.ec2.consuming` ----------------------------------------

    def breakable(self) -> dict:
        """It, and each of its zones, where it consumes messages."""
        return self.consuming.breakable(ZONES) if self.consuming else {}

    def brace(self, piece: str, what: str) -> None:
        """Its queues prepare for a fault."""
        self.consuming.brace()

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """Consumers are broken."""
        self.consuming.suffer(piece, what, amounts)

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def capacity(self) -> float:
        """Instance-seconds in service, or until the work in hand was finished."""
        return sum(self.record.level_integral(name) for name in ("in_service", "terminating"))

    def utilization(self) -> float:
        """Share of the time in service, or until it has finished, that was spent on work."""
        if not self.consuming or not self.capacity:
            return 0.0
        return self.consuming.busy_seconds() / self.capacity

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Instances in each state."""
        return {name: (self.record.sampled(name), "instances") for name in RECORDED.values()}

    def zones(self) -> dict[str, np.ndarray]:
        """{zone: instances in service in it at each instant of the record}."""
        def before(zone, moment):
            times = sorted(getattr(i, moment) for i in self.all if i.zone == zone)
            return np.searchsorted(times, self.record.t, side="right")
        return {z: (before(z, "in_service_at") - before(z, "left_at")).astype(float) for z in ZONES}

    def cost(self) -> dict[str, float]:
        """What the instances cost, by the second; by line where there are several."""
        if self.spot_share or self.detailed:
            return bill.by_line(self.all, self.sim.now, self.price, self.spot_discount,
                                self.detailed)
        return {"EC2 instances": self.billed_seconds() / 3600 * self.price}
