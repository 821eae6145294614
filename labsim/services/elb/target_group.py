"""A load balancer's control plane: targets come, die, are noticed, come back, and leave.

Picture the day of the supermarket. A cashier faints, and people still stand before her till until
each usher has called out in vain often enough. New tills open, and the ushers send people there
after the first answer. A till that closes serves its line to the end, but not for longer than the
manager waits. One night a whole wing burns; people go on running to its door until the street sign
is changed and everybody has looked at it again.

*Models:* registration, the first check, health checks per node and target, each with a phase of
its own; targets that refuse or hang, or a zone that is lost, and their end; deregistration with its
delay; DNS that names the nodes of zones with a healthy target, or all if there is none; whose
weight is cut is in `weights`.
*Leaves out:* checks that fail because a target is busy; the boot of new targets, and who decides
how many there are (`ec2.Fleet`, `autoscaling`).

Control plane: SimPy processes, one event per change. Health checks that change nothing are not
simulated; when one that does is sent follows from its phase.
"""

from collections.abc import Callable, Container

import numpy as np

from labsim.declare import Component
from labsim.engine import Order
from labsim.services.elb import rules
from labsim.services.elb.fates import Cut
from labsim.services.elb.nodes import Node
from labsim.services.elb.traffic import Traffic
from labsim.services.elb.trouble import Trouble
from labsim.services.elb.weights import Weights
from labsim.text import plural

NEVER = float("inf")


class TargetGroup:
    """The targets of a load balancer (`part`, into whose record and log it writes), by number.

    zones: those in which the balancer has a node. cross: nodes send to all targets. keeps: users
    stay with a target that leaves. delay: of deregistration, s. weighs: with anomaly mitigation.
    random(use): the generator for each use. parts: those that stand as its first targets. The lists
    have an entry per target that there ever was.
    """

    def __init__(self, part: Component, nodes: list[Node], traffic: Traffic, *, zones: list[int],
                 cross: bool, keeps: bool, delay: float, checks: rules.HealthChecks, weighs: bool,
                 random: Callable[[str], np.random.Generator], parts=()):
        self.part, self.sim, self.nodes, self.traffic = part, part.sim, nodes, traffic
        self.zones, self.cross, self.keeps, self.delay = zones, cross, keeps, delay
        self.checks, self._phases = checks, [random(f"checks {name}") for name in rules.ZONES]
        self.zone: list[int] = []
        self.phase: list[np.ndarray] = []   # of the checks of each node, s
        self.came: list[float] = []         # registered
        self.left: list[float] = []         # deregistered
        self.died: list[float] = []         # the last time
        self.waits: list[float] = []        # how long it may go on when it has left, s
        self.registered: list[int] = []
        self.draining: list[int] = []
        self.weights = Weights(self) if weighs else None
        self.lost: dict[int, float] = {}    # zones whose targets are gone, since when, s
        self.ends = [NEVER for _ in nodes]  # of the last fault in each zone
        self.trouble = Trouble(self, parts)
        self.detection = 0.0                # longest time from a fault until a node acted on it, s

    # -- who may be picked -----------------------------------------------------------------

    def _scope(self, zone: int, targets: list[int]) -> list[int]:
        return [k for k in targets if zone in self._sending(k)]

    def refresh(self) -> None:
        """Every node takes note of its targets, DNS of the nodes, the record of both."""
        now, record = self.sim.now, self.part.record
        keeps = self.draining if self.keeps else []
        good = []
        for zone in self.zones:
            node = self.nodes[zone]
            if node.sends_to(self._scope(zone, self.registered), self._scope(zone, keeps)):
                good += [zone] if node.in_dns else []
        named = tuple(good or self.zones)
        if not self.traffic.answers or self.traffic.answers[-1][1] != named:
            self.traffic.resolve_to(now, named)
            if now:
                self.part.log("dns", "DNS names the nodes of zones "
                              + ", ".join(rules.ZONES[zone] for zone in named))
        nodes = [self.nodes[zone] for zone in self.zones]
        usable = {k for node in nodes if node.up for k in node.healthy} & {*self.registered}
        dead = [self.zone[k] for k in self.registered if k not in usable and self.died[k] <= now]
        record.level("in_service", now, len(usable))
        record.level("unhealthy", now, len(dead))
        record.level("draining", now, len(self.draining))
        record.level("mitigated", now, len(self.weights.cut) if self.weights else 0)
        for zone, name in enumerate(rules.ZONES):
            record.level(f"lost_{name}", now, zone in self.lost)
            record.level(f"unhealthy_{name}", now, dead.count(zone))
            record.level(f"targets_{name}", now, self.zone.count(zone))

    def _mark(self, zone: int, target: int, healthy: bool) -> None:
        node = self.nodes[zone]
        if healthy:
            node.picker.start_slowly(target, node.healthy - {target}, self.sim.now)
            node.healthy.add(target)
        else:
            node.healthy.discard(target)
        self.refresh()

    def at(self, t: float):
        """Wait until `t`, by when all requests up to then are routed."""
        yield self.sim.until(max(t, self.sim.now), Order.CAPACITY)
        self.part.advance(self.sim.now)

    # -- coming and leaving ------------------------------------------------------------------

    def register(self, zones: list[int], *, ready: bool = False,
                 cold: tuple[float, float] = (1.0, 0.0)) -> None:
        """Targets in these zones are registered now, and pass their first checks if they are not
        `ready`. cold: at first they need cold[0] times as long for everything, for cold[1] s less
        and less."""
        now, new = self.sim.now, range(len(self.zone), len(self.zone) + len(zones))
        for zone in zones:
            self.zone.append(zone)
            self.phase.append(self._phases[zone].random(len(self.nodes)) * self.checks.interval)
            self.came.append(now)
            self.left.append(NEVER)
            self.died.append(now if zone in self.lost else NEVER)
            self.waits.append(self.delay)
            self.traffic.join(now)
        self.registered += new
        for k in new if ready else ():
            for zone in self._sending(k):
                self.nodes[zone].healthy.add(k)
        if self.trouble.some:       # some may have come to a zone that is lost
            self.trouble.change([*new])
        if not ready:
            self.part.log("scale-out", f"{len(new)} {plural(len(new), 'target')} registered")
        self.refresh()
        for k in new if not ready else ():
            for zone in self.checking(k):
                self.sim.process(self._first_checks(zone, k, now, cold))

    def emptiest(self, how_many: int) -> list[int]:
        """The zones of so many further targets, each where the fewest are."""
        counts = {zone: self.zone.count(zone) for zone in self.zones}
        chosen = []
        for _ in range(how_many):
            chosen.append(min(self.zones, key=counts.get))
            counts[chosen[-1]] += 1
        return chosen

    def _sending(self, target: int) -> list[int]:
        zone = self.zone[target]
        return self.zones if self.cross or zone == rules.EVERYWHERE else [zone]

    def checking(self, target: int) -> list[int]:
        """The zones whose nodes check this target: those that may send to it; none, if it is a
        target group, for what is checked are the targets in it."""
        return [] if self.trouble.is_group(target) else self._sending(target)

    def _first_checks(self, zone: int, target: int, t: float, cold):
        while t < self.sim.duration:
            passed = rules.next_check(t, self.phase[target][zone], self.checks.interval)
            yield from self.at(passed + (rules.FIRST_CHECKS - 1) * self.checks.interval)
            if target not in self.registered:
                return
            fails = self.traffic.failing.get(target, rules.ERRORS) != rules.ERRORS
            if fails or self.zone[target] in self.lost:
                if self.trouble.some:
                    return self.trouble.follow(zone, target)
                t = self.ends[self.zone[target]]    # dead before it was ever in service
                continue
            if cold[1] and not any(target in node.healthy for node in self.nodes):
                self.traffic.slower[target] = (self.sim.now, *cold)
            self._mark(zone, target, True)
            return

    def deregister(self, how_many: int, delay: float | None = None,
                   among: Container[int] | None = None) -> list[int]:
        """So many (of those `among` these) are deregistered now, the oldest of the zones that have
        the most; after `delay` s (by default that of the group) what they still have is cut off."""
        now, leaving, delay = self.sim.now, [], self.delay if delay is None else delay
        for _ in range(min(how_many, len(self.registered))):
            here = [k for k in self.registered if among is None or k in among]
            zones = [self.zone[k] for k in here]
            most = max([*self.zones, rules.EVERYWHERE], key=zones.count)
            leaving.append(here[zones.index(most)])
            self.registered.remove(leaving[-1])
        for k in leaving:
            self.left[k], self.waits[k] = now, delay
        self.draining += leaving
        self.traffic.cut(Cut(now + delay, tuple(leaving)))
        self.part.log("scale-in", f"{len(leaving)} "
                      f"{plural(len(leaving), 'target')} deregistered")
        self.refresh()
        self.sim.process(self._unused(now + delay, leaving))
        return leaving

    def _unused(self, t: float, targets: list[int]):
        yield from self.at(t)
        self.draining = [k for k in self.draining if k not in targets]
        self.refresh()

    # -- faults ------------------------------------------------------------------------------

    def fault(self, lasts: float, what: str, zone: int, how_many: int, evict: float) -> None:
        """From now on for `lasts` s (0: for ever) `how_many` targets of `zone` are dead, or answer
        5xx and pass their checks, or all of it is lost. evict: how long DNS goes on naming the
        node of a lost zone, s."""
        t, all_of_it = self.sim.now, what == rules.ZONE_LOST
        node_too = all_of_it and zone in self.zones and not self.part.is_target_group
        here = [k for k in (*self.registered, *self.draining) if self.zone[k] == zone]
        dead = here if all_of_it else here[:how_many]
        self.ends[zone] = end = t + lasts if lasts else NEVER
        for k in dead:
            self.died[k] = t
        self.traffic.fail(dead, rules.HANGS if all_of_it else what, t)
        self.part.log("fault", f"{what}: {len(dead)} targets in zone {rules.ZONES[zone]}")
        if self.weights:
            self.weights.begin()
        for k in dead if what != rules.ERRORS else ():
            for z in self.checking(k):
                if not node_too or z != zone:       # nobody is left there to check
                    self.sim.process(self._watch(z, k, t, end, what))
        if all_of_it and zone in self.zones:
            self.lost[zone] = t
            if node_too:
                self.traffic.cut(Cut(t, node=zone))
                self.nodes[zone].up = False
                self.sim.process(self.evict(zone, evict, end))
            self.refresh()
        if end < self.sim.duration:
            self.sim.process(self._heal(zone, dead, end))

    def _heal(self, zone: int, dead: list[int], end: float):
        yield from self.at(end)
        for k in dead:
            self.traffic.heal(k, end)
        self.nodes[zone].up = self.nodes[zone].in_dns = True
        self.lost.pop(zone, None)
        self.part.log("fault", f"zone {rules.ZONES[zone]} answers again")
        self.refresh()

    def _watch(self, zone: int, target: int, died: float, end: float, what: str):
        """The checks of one node on one dead target, until it is well again."""
        phase, checks = self.phase[target][zone], self.checks
        timeout = 0.0 if what == rules.REFUSES else checks.timeout
        when = rules.noticed(died, phase, checks.interval, checks.unhealthy, timeout)
        if when - timeout >= end or (when >= self.sim.duration):
            return      # over before it was noticed
        yield from self.at(when)
        self.detection = max(self.detection, when - died)
        self.tell(zone, target, False)
        if end < self.sim.duration:
            passed = rules.next_check(max(end, when), phase, checks.interval)
            yield from self.at(passed + (checks.healthy - 1) * checks.interval)
            self.tell(zone, target, True)

    def tell(self, zone: int, target: int, healthy: bool) -> None:
        """A node has found out how a target is."""
        how = "healthy" if healthy else "unhealthy"
        self.part.log(how, f"node {rules.ZONES[zone]} finds target {target + 1} {how}")
        self._mark(zone, target, healthy)

    def evict(self, zone: int, after: float, end: float = NEVER):
        """DNS stops naming the node of a zone that is lost now and until `end`, in so many s."""
        since = self.sim.now
        if since + after < end:
            yield from self.at(since + after)
            if self.lost.get(zone) == since:
                self.detection = max(self.detection, after)
                self.nodes[zone].in_dns = False
                self.refresh()
