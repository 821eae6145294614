"""Amazon EC2 Auto Scaling: a group that launches and terminates instances when alarms say so.

Picture a foreman who may hire and dismiss between a minimum and a maximum. He only looks up
when a bell rings, new people take their time to arrive, and whom he dismisses is a rule's
choice, not his.

*Models:* min, max and desired capacity; warm-up (step, target tracking: warming instances count as
capacity, and nothing scales in meanwhile); zones kept even; termination policies; whoever is lost
is replaced; termination at once, or drained by a lifecycle hook; behind a load balancer only
when its requests have ended, at the latest after the deregistration delay (EC2 Auto Scaling User
Guide, autoscaling-load-balancer).
*Leaves out:* health checks, rebalancing of zones where nothing is launched or terminated.

The policies that call `Group.scale_to` are in `policies` and `predictive`, the arithmetic in
`rules`.
"""

from collections.abc import Callable

import numpy as np

from labsim import factbook
from labsim.declare import Component, Count, Metric
from labsim.engine import Simulation
from labsim.errors import ParameterError, require
from labsim.services.autoscaling.rules import TERMINATION, reversals, terminated
from labsim.services.ec2.fleet import Fleet, Instance
from labsim.text import plural

REVERSAL = 1_800        # s: a change of direction within half an hour counts as a reversal


class Group(Component):
    """An Auto Scaling group on a `fleet`, from `min_size` to `max_size` instances. A fleet has one
    group, and no more instances at the start than that may have.

    desired: how many there are at the start, in service at once; by default as many as the fleet
    has, at least `min_size`.
    `changed()` is called after every change of the desired capacity or its limits.
    random: where the termination policy draws its lots; by default a stream of its own.
    """

    METRICS = (
        Count("scale_outs", "times", "times that the group grew", "", lambda g: g.scale_outs),
        Count("scale_ins", "times", "times that the group shrank", "", lambda g: g.scale_ins),
        Metric("desired_mean", "instances", "desired capacity, average over time", "",
               lambda g: g.record.level_mean("desired")),
        Count("reversals", "times", "changes of direction within half an hour: oscillation",
              "lower", lambda g: reversals(g.record.changes("desired"), REVERSAL),
              label="changes of direction"))
    shows = (("desired", "desired"),)
    control = True

    def __init__(self, sim: Simulation, name: str, fleet: Fleet, *, min_size: int, max_size: int,
                 desired: int | None = None, warmup: float = factbook.value("asg.default_cooldown"),
                 termination: str = "default", changed: Callable[[], None] = lambda: None,
                 random: np.random.Generator | None = None):
        super().__init__(sim, name)
        self.desired = max(min_size, len(fleet.instances)) if desired is None else desired
        for what, value in (("min_size", min_size), ("max_size", max_size), ("warmup", warmup)):
            if not value >= 0:
                raise ParameterError(what, value, "at least 0")
        if max_size < min_size:
            raise ParameterError("max_size", max_size, f"at least min_size, {min_size}")
        if desired is not None:
            require("desired", desired, min_size, max_size, "instances", whole=True)
        for what, value in (("max_size", max_size), ("desired", self.desired)):
            if value < len(fleet.instances):
                raise ParameterError(what, value, f"at least {len(fleet.instances)}, as many as "
                                     f"{fleet.name} has at the start")
        if fleet.group is not None:
            raise ParameterError("fleet", fleet.name, f"one without a group: it is "
                                 f"{fleet.group.name}'s")
        if termination not in TERMINATION:
            raise ParameterError("termination", termination, f"one of {', '.join(TERMINATION)}")
        self.fleet, self.warmup = fleet, warmup
        self.min_size, self.max_size = min_size, max_size
        self.termination, self.changed = termination, changed
        fleet.group = self
        fleet.on_lost = lambda instance: self._launch_missing()
        self.scale_outs = self.scale_ins = 0
        self._random = sim.stream(f"{name} termination") if random is None else random
        self.record.level("desired", 0.0, self.desired)
        self.link(fleet, "launch, terminate")
        for _ in range(self.desired - len(fleet.instances)):
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
        self.require("wanted", wanted, whole=True)
        capped = min(max(wanted, self.min_size), self.max_size)
        change = capped - self.desired
        if change == 0:
            return None
        self.desired = capped
        self.record.level("desired", self.sim.now, capped)
        limit = "" if capped == wanted else f", {'max' if wanted > capped else 'min'} size reached"
        self.log("scale-out" if change > 0 else "scale-in",
                 f"{change:+d} {plural(change, 'instance')} to {capped} ({why}{limit})")
        if change > 0:
            self.scale_outs += 1
            done = max([i.ready_at for i in self._launch_missing()], default=self.sim.now)
        else:
            self.scale_ins += 1
            done = max(self._terminate_to(capped), default=self.sim.now)
        self.changed()
        return done

    def limits(self, min_size: int, max_size: int, why: str, at_least: int = 0) -> None:
        """New limits of the size; the desired capacity comes inside, and to `at_least`."""
        for what, value in (("min_size", min_size), ("max_size", max_size)):
            self.require(what, value, whole=True)
        before = self.min_size, self.max_size
        self.min_size, self.max_size = min_size, max(min_size, max_size)
        self.scale_to(max(self.desired, at_least), why)
        if before != (self.min_size, self.max_size):
            self.changed()

    def replace(self, instance: Instance) -> None:
        """Launch the successor of an instance that is going to be lost."""
        self.fleet.leaving(instance)
        self._launch_missing()

    def lose(self, instance: Instance) -> None:
        """An instance is gone, whatever the group wants: it is replaced."""
        self.fleet.lose(instance)
        self._launch_missing()

    def _launch_missing(self) -> list[Instance]:
        launched = [self.fleet.launch() for _ in range(self.desired - self.fleet.staying)]
        self.changed()
        return launched

    def _terminate_to(self, size: int) -> list[float]:
        finished, now = [], self.sim.now
        staying = [i for i in self.fleet.instances if i.state != "terminating" and not i.doomed]
        for instance in terminated(self.termination, staying, len(staying) - size, now,
                                   self._random):
            serves = instance.state == "in service"
            finished.append(self.fleet.release(instance) if serves else now)
            self.fleet.terminate(instance, finished[-1])
        return finished

    # -- at the end of the run -------------------------------------------------------------

    def series(self) -> dict:
        """The desired capacity."""
        return {"desired": (self.record.sampled("desired"), "instances")}
