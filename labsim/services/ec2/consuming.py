"""Amazon EC2 instances that receive messages or requests, and what breaks them.

Picture a shift of clerks. They come and go one by one; on some days a whole floor stays closed, on
others they all got a wrong form, and whatever they work on fails.

*Models:* each instance in service is a consumer of the group's queues, or a balancer's target; an
instance that is drained, or lost with what it has in hand; all instances broken, slow or failing
for a time (they stay in service); a zone that is down: its instances are gone, and nobody pays for
them; an Auto Scaling group launches others in the zones that are left, and without one as many are
back when the zone is.
*Leaves out:* how long it takes until a group knows; which instance holds which message.
"""

import numpy as np

from labsim.declare.faults import ERRORS, SLOW, FaultKind
from labsim.engine import ServiceTimes, Simulation
from labsim.errors import ParameterError
from labsim.services.sqs.crew import Crew

FAULTS = {"down": FaultKind("nobody works: what is in hand comes back after its visibility "
                            "timeout"), "slow": SLOW, "errors": ERRORS}
ZONE_FAULTS = {"down": FaultKind("its instances are lost with what they have in hand; a group "
                                 "replaces them elsewhere")}


class Kept:
    """The consumers of a `part` that keeps them itself, such as an `elb.WebTier`."""

    def __init__(self, part, sim: Simulation):
        self.part, self.sim = part, sim
        self.add, self.busy_seconds = part.add_consumer, part.busy_seconds

    def advance(self) -> None:
        """Let everything happen until now."""
        self.part.advance(self.sim.now)

    def remove(self, rng: np.random.Generator, drain: bool) -> float:
        """A consumer stops now; returns when it is gone, s."""
        return self.part.remove_consumer(rng, drain=drain)


class Consuming:
    """The instances of a `fleet` as consumers of `parts`, the first named first."""

    def __init__(self, fleet, parts, work: ServiceTimes | None, drain: bool | None,
                 drain_time: float, rng: np.random.Generator):
        given, parts = parts, list(parts) if isinstance(parts, (list, tuple)) else [parts]
        kept = [part for part in parts if hasattr(part, "crews")]
        if not (parts and all(hasattr(part, "worked_by") for part in parts)
                and len(kept) in (0 if len(parts) == 1 else len(parts), len(parts))):
            raise ParameterError("consumes", given, "a queue, a balancer or a web tier, or several "
                                             "queues, the first named first")
        keepers = [part.worked_by(fleet, None if len(parts) > 1 and part.work is not None
                                  else work) or part for part in parts]
        for queue in kept:
            if queue.threads != kept[0].threads:
                raise ParameterError("threads", queue.threads, f"{kept[0].threads} as in "
                                     f"{kept[0].name}, for {fleet.name} serves both")
        self.fleet, self.queues = fleet, kept
        self.crew = Crew(kept, fleet) if kept else Kept(keepers[0], fleet.sim)
        self._drain = not kept if drain is None else drain
        self._drain_time, self._rng = drain_time, rng
        self._at_work: set = set()      # instances
        self._lost: dict[str, list[bool]] = {}  # by zone, without a group: whether each had booted

    def enter(self, instance) -> None:
        """An instance in service starts to receive, unless its zone is down."""
        if instance.zone not in self.fleet.shut:
            self._at_work.add(instance)
            self.crew.add()

    def release(self, instance) -> float:
        """An instance stops; returns when it has finished, s."""
        if instance not in self._at_work:
            return self.fleet.sim.now + self._drain_time
        self._at_work.remove(instance)
        return self.crew.remove(self._rng, self._drain) + self._drain_time

    def lose(self, instance) -> None:
        """An instance is gone, and what it has in hand is cut off."""
        if instance in self._at_work:
            self._at_work.remove(instance)
            self.crew.remove(self._rng, False)

    def busy_seconds(self) -> float:
        """Instance-seconds spent on messages by now."""
        self.crew.advance()
        return self.crew.busy_seconds()

    # -- faults --------------------------------------------------------------------------------

    def breakable(self, zones: str) -> dict:
        """All of it, and each zone, where the consumers of queues can be."""
        name = self.fleet.name
        if not self.queues:
            return {}
        return {name: FAULTS, **{f"{name}-{zone}": ZONE_FAULTS for zone in zones}}

    def brace(self) -> None:
        """A fault will strike: its queues follow their messages one by one."""
        for queue in self.queues:
            queue.follow = True

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """All are down, slow or failing, or a zone is down."""
        if piece == self.fleet.name:
            return self.crew.suffer(what, amounts)
        zone = piece[-1]
        fleet, shut = self.fleet, self.fleet.shut
        there = [i for i in fleet.instances if i.zone == zone and i.state in (
            "pending", "in service")]
        if amounts and zone not in shut:
            shut.add(zone)
            for instance in there:
                if fleet.group is not None:
                    fleet.group.lose(instance)
                else:
                    self._lost.setdefault(zone, []).append(instance.state == "in service")
                    fleet.lose(instance)
        elif not amounts:
            shut.remove(zone)
            for instance in there:
                if instance.state == "in service":
                    self.enter(instance)
            for booted in self._lost.pop(zone, ()):
                fleet.launch(ready=booted)
