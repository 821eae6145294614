"""Amazon EC2 Auto Scaling: a group that launches and terminates instances when alarms say so.

Picture a foreman who may hire and dismiss between a minimum and a maximum. He only looks up
when a bell rings, new people take their time to arrive, and whom he dismisses is a rule's
choice, not his.

*Models:* min, max and desired capacity; AWS's arithmetic of adjustments and target tracking;
cooldown (simple scaling) and warm-up (step, target tracking: warming instances count as
capacity, and nothing scales in meanwhile); zones kept even; termination policies; whoever is lost
is replaced; termination at once, or drained by a lifecycle hook.
*Leaves out:* health checks, rebalancing of zones where nothing is launched or terminated, AWS's
undisclosed tuning of target tracking.

The policies that call `Group.scale_to` are in `scaling_policies` and `scaling_ahead`.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from labsim.engine import Simulation
from labsim.services.ec2.fleet import Fleet, Instance

CHANGE, PERCENT, EXACT = "ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"
_ROUNDING = 1e-9    # a quotient that arithmetic left this close to a whole number is whole


def adjusted(capacity: int, kind: str, adjustment: float, minimum_magnitude: int = 0) -> int:
    """The capacity after an adjustment of this kind (before min and max).

    A percentage is rounded toward zero, but changes by at least one instance, then by at least
    `minimum_magnitude`. Fact: asg.percent_rounding.
    """
    if kind == EXACT:
        return int(adjustment)
    if kind == CHANGE:
        return capacity + int(adjustment)
    if kind != PERCENT:
        raise ValueError(f"kind {kind!r}: {CHANGE}, {PERCENT} or {EXACT}")
    change = percent_change(capacity, adjustment)
    if change and abs(change) < minimum_magnitude:
        change = int(math.copysign(minimum_magnitude, change))
    return capacity + change


def percent_change(capacity: int, percent: float) -> int:
    """Instances that `percent` of `capacity` stands for: toward zero, but not to zero."""
    change = capacity * percent / 100
    if 0 < abs(change) < 1:
        return int(math.copysign(1, change))
    return math.trunc(change + math.copysign(_ROUNDING, change))


def tracked(capacity: int, metric: float, target: float) -> int:
    """Target tracking's capacity: in proportion to metric / target, rounded up.

    Fact: asg.tt_capacity_rule.
    """
    return math.ceil(capacity * metric / target - _ROUNDING)


def backlog_target(latency: float, service_time: float) -> float:
    """Messages per instance that can wait if each is to start within `latency` s.

    Source: EC2 Auto Scaling User Guide, as-using-sqs-queue.
    """
    return latency / service_time


def step_adjustment(steps: Sequence[tuple[float, float, float]], breach: float) -> float:
    """The adjustment of the step (lower, upper, adjustment) that holds `breach`; 0 if none does.

    breach: metric - threshold. Above the threshold lower bounds are inside a step and upper
    ones outside; below it the reverse. Fact: asg.step_rule.
    """
    for lower, upper, adjustment in steps:
        if (lower <= breach < upper) if breach >= 0 else (lower < breach <= upper):
            return adjustment
    return 0


def in_fullest_zone(instances: Sequence[Instance]) -> list[Instance]:
    """Those in the zone with most instances (in all such zones)."""
    zones = [i.zone for i in instances]
    counts = {zone: zones.count(zone) for zone in dict.fromkeys(zones)}
    most = max(counts.values())
    return [i for i in instances if counts[i.zone] == most]


def terminated(policy: str, instances: Sequence[Instance], now: float,
               rng: np.random.Generator) -> Instance:
    """The instance that a termination policy picks: "default", or in the fullest zone the
    "oldest-instance" or "newest-instance". Fact: asg.termination_rule."""
    if policy == "default":
        return default_termination(instances, now, rng)
    pick = min if policy == "oldest-instance" else max
    return pick(in_fullest_zone(instances), key=lambda i: (i.launched, i.id))


def default_termination(instances: Sequence[Instance], now: float,
                        rng: np.random.Generator) -> Instance:
    """The instance that the default termination policy picks.

    The zone with most instances; in it the oldest launch template; then the one closest to its
    next billing hour; then at random. Source: as-termination-policies.
    """
    left = in_fullest_zone(instances)
    oldest = min(i.template for i in left)
    left = [i for i in left if i.template == oldest]
    to_hour = [-(now - i.launched) % 3600 for i in left]
    soonest = min(to_hour)
    left = [i for i, wait in zip(left, to_hour) if wait == soonest]
    return left[int(rng.integers(len(left)))] if len(left) > 1 else left[0]


class Group:
    """An Auto Scaling group on a `fleet`, from `min_size` to `max_size` instances.

    `release(instance)` is called when an instance leaves service; it returns the time at which
    the instance has finished (now, or later if a lifecycle hook lets it drain). `changed()` is
    called after every change of the desired capacity or its limits.
    """

    def __init__(self, sim: Simulation, fleet: Fleet, *, desired: int, min_size: int,
                 max_size: int, warmup: float, release: Callable[[Instance], float],
                 termination: str = "default", changed: Callable[[], None] = lambda: None):
        self.sim, self.fleet, self.release = sim, fleet, release
        self.min_size, self.max_size, self.warmup = min_size, max_size, warmup
        self.desired, self.termination, self.changed = desired, termination, changed
        fleet.on_lost = lambda instance: self._launch_missing()
        self.scale_outs = self.scale_ins = 0
        self._random = sim.stream("termination")
        sim.record.level("desired", 0.0, desired)
        for _ in range(desired):
            fleet.launch(ready=True)

    @property
    def in_service(self) -> int:
        """GroupInServiceInstances, now."""
        return self.fleet.count("in service")

    @property
    def warming(self) -> int:
        """Instances that boot or have been in service for less than the warm-up."""
        return self.warming_at(self.sim.now)

    def warming_at(self, t: float) -> int:
        """Instances that will still warm up at `t` >= now, if none enters or leaves service."""
        warming = self.fleet.count("pending")
        for instance in reversed(self.fleet.entered):
            if t >= instance.in_service_at + self.warmup:
                break
            warming += instance.state == "in service"
        return warming

    def scale_to(self, wanted: int, why: str) -> float | None:
        """Set the desired capacity to `wanted`, within min and max.

        Returns the time at which the last launch or termination of this activity is complete,
        or None if there is nothing to do.
        """
        capped = min(max(wanted, self.min_size), self.max_size)
        change = capped - self.desired
        if change == 0:
            return None
        self.desired = capped
        self.sim.record.level("desired", self.sim.now, capped)
        limit = "" if capped == wanted else f", {'max' if wanted > capped else 'min'} size reached"
        self.sim.log("scale-out" if change > 0 else "scale-in",
                     f"{change:+d} instances to {capped} ({why}{limit})")
        if change > 0:
            self.scale_outs += 1
            done = max([i.ready_at for i in self._launch_missing()], default=self.sim.now)
        else:
            self.scale_ins += 1
            done = max([self._terminate_one() for _ in range(len(self._staying()) - capped)],
                       default=self.sim.now)
        self.changed()
        return done

    def limits(self, min_size: int, max_size: int, why: str, at_least: int = 0) -> None:
        """New limits of the size; the desired capacity comes inside, and to `at_least`."""
        self.min_size, self.max_size = min_size, max(min_size, max_size)
        self.scale_to(max(self.desired, at_least), why)
        self.changed()

    def replace(self, instance: Instance) -> None:
        """Launch the successor of an instance that is going to be lost."""
        self.fleet.leaving(instance)
        self._launch_missing()

    def lose(self, instance: Instance) -> None:
        """An instance is gone, whatever the group wants: it is replaced."""
        if instance.state == "in service":
            self.release(instance)
        self.fleet.terminate(instance, self.sim.now)
        self._launch_missing()

    def _staying(self) -> list[Instance]:
        return [i for i in self.fleet.instances if i.state != "terminating" and not i.doomed]

    def _launch_missing(self) -> list[Instance]:
        launched = [self.fleet.launch() for _ in range(self.desired - len(self._staying()))]
        self.changed()
        return launched

    def _terminate_one(self) -> float:
        instance = terminated(self.termination, self._staying(), self.sim.now, self._random)
        finished = self.release(instance) if instance.state == "in service" else self.sim.now
        self.fleet.terminate(instance, finished)
        return finished
