"""A load balancer's control plane: targets come, die, are noticed, come back, and leave.

Picture the day of the supermarket. A cashier faints, and people still stand before her till until
each usher has called out in vain often enough. New tills open, and the ushers send people there
after the first answer. A till that closes serves its line to the end, but not for longer than the
manager waits. One night a whole wing burns; people go on running to its door until the street sign
is changed and everybody has looked at it again.

*Models:* registration, the first check, health checks per node and target, each with a phase of
its own; one fault (targets that refuse or hang, or a zone that is lost) and its end; deregistration
with its delay; DNS that names the nodes of zones with a healthy target, or all if there is none.
*Leaves out:* checks that fail because a target is busy; the boot of new targets, and who decides
how many there are (`autoscaling`).

Control plane: SimPy processes, one event per change. Health checks that change nothing are not
simulated; when one that does is sent follows from its phase.
"""

import numpy as np

from labsim.engine import Order, Simulation
from labsim.services.elb import rules as elb
from labsim.services.elb.nodes import Node
from labsim.services.elb.traffic import Traffic


class Balancer:
    """Nodes in the zones that have targets (`counts`, per zone), and up to `more` targets later.

    check: (interval, timeout, unhealthy threshold, healthy threshold) of the health checks.
    """

    def __init__(self, sim: Simulation, kind: str, algorithm: str, *, counts: list[int],
                 more: int, cross: bool, slow_start: float, delay: float, check: tuple):
        self.sim, self.kind, self.cross, self.delay = sim, kind, cross, delay
        self.interval, self.timeout, self.threshold, self.back = check
        self.zones = [zone for zone, n in enumerate(counts) if n]
        self.zone = [zone for zone, n in enumerate(counts) for _ in range(n)]
        self.first = len(self.zone)             # targets that are there from the start
        after = list(counts)
        for _ in range(more):                   # new ones go where the fewest are
            zone = min(self.zones, key=lambda z: after[z])
            after[zone] += 1
            self.zone.append(zone)
        n = len(self.zone)
        turns = sim.stream("turns").random(len(counts)) * self.first
        self.nodes = [Node(zone, algorithm, slow_start, n, int(first))
                      for zone, first in enumerate(turns)]
        own = [sim.stream(f"checks {name}").random((after[z], len(counts)))
               for z, name in enumerate(elb.ZONES)]
        place = [self.zone[:k].count(zone) for k, zone in enumerate(self.zone)]
        self.phase = [own[zone][at] * self.interval for zone, at in zip(self.zone, place)]
        self.registered = list(range(self.first))
        self.draining: list[int] = []
        self.came = np.array([0.0] * self.first + [np.inf] * more)
        self.left = np.full(n, np.inf)          # deregistered
        self.unused = np.full(n, np.inf)        # at the latest
        self.died, self.hangs = np.full(n, np.inf), np.zeros(n, dtype=bool)
        self.lost = np.full(len(counts), np.inf)
        self.noticed_at = 0.0                   # by the last node that has noticed a fault
        self.fault_ends = np.inf
        for zone in self.zones:
            self.nodes[zone].healthy = set(self._scope(zone, self.registered))
        self.traffic: Traffic | None = None

    def begin(self, traffic: Traffic) -> None:
        """Open the doors."""
        self.traffic = traffic
        self._refresh(0.0)

    # -- who may be picked -----------------------------------------------------------------

    def _scope(self, zone: int, targets: list[int]) -> list[int]:
        return targets if self.cross else [k for k in targets if self.zone[k] == zone]

    def _refresh(self, now: float) -> None:
        """Every node takes note of its targets, DNS of the nodes, the record of both."""
        keeps = self.draining if self.kind == elb.NLB else []
        good = []
        for zone in self.zones:
            node = self.nodes[zone]
            if node.sends_to(self._scope(zone, self.registered), self._scope(zone, keeps)):
                good += [zone] if node.in_dns else []
        named = tuple(good or self.zones)
        if not self.traffic.answers or self.traffic.answers[-1][1] != named:
            self.traffic.resolve_to(now, named)
            if now:
                self.sim.log("dns", "DNS names the nodes of zones "
                             + ", ".join(elb.ZONES[zone] for zone in named), now)
        record, zones = self.sim.record, np.array(self.zone)
        nodes = [self.nodes[zone] for zone in self.zones]
        usable = {k for node in nodes if node.up for k in node.healthy} & {*self.registered}
        dead = np.array([self.zone[k] for k in self.registered
                         if k not in usable and self.died[k] <= now], dtype=np.int64)
        record.level("in_service", now, len(usable))
        record.level("unhealthy", now, len(dead))
        record.level("draining", now, len(self.draining))
        for zone, name in enumerate(elb.ZONES):
            record.level(f"lost_{name}", now, not self.nodes[zone].up)
            record.level(f"unhealthy_{name}", now, np.count_nonzero(dead == zone))
            record.level(f"targets_{name}", now, np.count_nonzero(self.came[zones == zone] <= now))

    def _mark(self, zone: int, target: int, healthy: bool, now: float) -> None:
        node = self.nodes[zone]
        if healthy:
            if node.healthy - {target}:         # in an empty group nobody starts slowly
                node.picker.start_slowly(target, now)
            node.healthy.add(target)
        else:
            node.healthy.discard(target)
        self._refresh(now)

    def _at(self, t: float):
        """Wait until `t`, by when all requests up to then are routed."""
        yield self.sim.until(max(t, self.sim.now), Order.CAPACITY)
        self.traffic.advance(self.sim.now)

    # -- coming and leaving ------------------------------------------------------------------

    def add(self, t: float, cold: tuple[float, float]):
        """All further targets are registered at `t`; at first they need cold[0] times as long
        for everything, for cold[1] s less and less."""
        yield from self._at(t)
        new = list(range(self.first, len(self.zone)))
        self.registered += new
        self.came[new] = t
        self.sim.log("scale-out", f"{len(new)} targets registered", t)
        self._refresh(t)
        for k in new:
            for zone in self._checking(k):
                self.sim.process(self._first_checks(zone, k, t, cold))

    def _checking(self, target: int) -> list[int]:
        """The zones whose nodes check this target: those that may send to it."""
        return self.zones if self.cross else [self.zone[target]]

    def _first_checks(self, zone: int, target: int, t: float, cold):
        while t < self.sim.duration:
            passed = elb.next_check(t, self.phase[target][zone], self.interval)
            yield from self._at(passed + (elb.FIRST_CHECKS - 1) * self.interval)
            now = self.sim.now
            if target not in self.registered:
                return
            if target in self.traffic.failing or not self.nodes[self.zone[target]].up:
                t = self.fault_ends         # dead before it was ever in service
                continue
            if cold[1] and target not in self.traffic.slower:
                self.traffic.slower[target] = (now, *cold)
            self._mark(zone, target, True, now)
            return

    def remove(self, t: float, how_many: int):
        """At `t` so many targets are deregistered, the oldest of the zones that have the most."""
        yield from self._at(t)
        leaving = []
        for _ in range(min(how_many, len(self.registered))):
            zones = [self.zone[k] for k in self.registered]
            most = max(self.zones, key=zones.count)
            leaving.append(self.registered.pop(zones.index(most)))
        self.draining += leaving
        self.left[leaving], self.unused[leaving] = t, t + self.delay
        self.sim.log("scale-in", f"{len(leaving)} targets deregistered", t)
        self._refresh(t)
        yield from self._at(t + self.delay)
        self.draining = []
        self._refresh(self.sim.now)

    # -- faults ------------------------------------------------------------------------------

    def fault(self, t: float, lasts: float, what: str, zone: int, how_many: int,
              evict: float):
        """From `t` on for `lasts` s: `how_many` targets of `zone` are dead, or all of it is.

        evict: how long DNS goes on naming the node of a lost zone, s.
        """
        yield from self._at(t)
        all_of_it = what == elb.ZONE_LOST
        here = [k for k in (*self.registered, *self.draining) if self.zone[k] == zone]
        dead = here if all_of_it else here[:how_many]
        self.fault_ends = end = t + lasts if lasts else np.inf
        self.died[dead], self.hangs[dead] = t, what != elb.REFUSES
        self.traffic.fail(dead, what != elb.REFUSES, t)
        self.sim.log("fault", f"{what}: {len(dead)} targets in zone {elb.ZONES[zone]}", t)
        for k in dead:
            for z in self._checking(k):
                if not all_of_it or z != zone:      # nobody is left there to check
                    self.sim.process(self._watch(z, k, t, end, what))
        if all_of_it and zone in self.zones:
            self.lost[zone], self.nodes[zone].up = t, False
            self._refresh(t)
            self.sim.process(self._evict(zone, t, end, evict))
        if end < self.sim.duration:
            yield from self._at(end)
            for k in dead:
                self.traffic.heal(k, end)
            self.nodes[zone].up = self.nodes[zone].in_dns = True
            self.sim.log("fault", f"zone {elb.ZONES[zone]} answers again", end)
            self._refresh(end)

    def _watch(self, zone: int, target: int, died: float, end: float, what: str):
        """The checks of one node on one dead target, until it is well again."""
        phase = self.phase[target][zone]
        timeout = 0.0 if what == elb.REFUSES else self.timeout
        when = elb.noticed(died, phase, self.interval, self.threshold, timeout)
        if when - timeout >= end or (when >= self.sim.duration):
            return      # over before it was noticed
        yield from self._at(when)
        self.noticed_at = max(self.noticed_at, when)
        self.sim.log("unhealthy", f"node {elb.ZONES[zone]} finds target {target + 1} unhealthy")
        self._mark(zone, target, False, when)
        if end < self.sim.duration:
            passed = elb.next_check(max(end, when), phase, self.interval)
            yield from self._at(passed + (self.back - 1) * self.interval)
            self.sim.log("healthy", f"node {elb.ZONES[zone]} finds target {target + 1} healthy")
            self._mark(zone, target, True, self.sim.now)

    def _evict(self, zone: int, t: float, end: float, after: float):
        """DNS stops naming a lost zone's node."""
        if t + after < end:
            yield from self._at(t + after)
            self.noticed_at = max(self.noticed_at, t + after)
            self.nodes[zone].in_dns = False
            self._refresh(t + after)
