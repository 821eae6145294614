"""What can be done to a load balancer: to a target of it, to a zone, to all of it.

Picture the drill's script of a supermarket: the third till is switched off at ten and on again at a
quarter past; the west wing is shut; all doors are locked. Nobody tells the ushers: they call out to
the tills, as they always do, and count.

*Models:* faults that begin and end when somebody says so (`labsim.declare.faults`), several at a
time; health checks one by one while they matter: in a row, from each node, each with its phase; a
part that stands as a target and is down or hangs. A target group (`Balancer.is_target_group`) has
no node and isn't checked, but each of its targets is, by what it has of checks: what comes to it
while it is down, or has nobody healthy, is not sent to another group. A lost zone takes a
balancer's node and the targets there; of a balancer before groups the node, of a group the targets.
So a zone that is lost altogether is a fault of each of them.
*Leaves out:* checks that fail because a target is busy.
"""

import math

from labsim.declare.faults import DOWN, HANGS, SLOW, FaultKind, together
from labsim.services.elb import rules
from labsim.services.elb.fates import Cut

EVICTION = 30.0     # s until DNS drops the node of a lost zone; an assumption
DEAF = FaultKind("nobody is sent anywhere, and what is under way is cut off; targets stay healthy")
LOST = FaultKind("its node and its targets are lost")
NODE_LOST = LOST._replace(meaning="its node is lost; parts that are its targets span all zones")
TARGETS_LOST = LOST._replace(meaning="its targets there are lost; the node is its balancer's")
FAILS = FaultKind("a share of its answers is a 5xx, at once; it passes its health checks",
                  "share that fails", "", 0.0, 1.0, 0.5)
WEIGHS = SLOW._replace(meaning="requests that come take so many times as long")


class Trouble:
    """The faults of the balancer whose targets are `group`; `parts` stand as the first of them."""

    def __init__(self, group, parts=()):
        self.group, self.part, self.sim, self.parts = group, group.part, group.sim, parts
        self._holds: dict[tuple[int, str], list[float]] = {}    # of targets, by kind
        self.some = False       # whether there was any so far
        self._asked: set[tuple[int, int]] = set()   # (zone, target) whose checks are followed

    def breakable(self) -> dict[str, dict[str, FaultKind]]:
        """{piece: what can be done to it}."""
        name, group = self.part.name, self.group
        own = {"down": DOWN, "hangs": HANGS, "errors": FAILS}
        lost = TARGETS_LOST if self.part.is_target_group else NODE_LOST if self.parts else LOST
        return {name: {"down": DEAF}, **{
            f"{name}-{k + 1}": own if k < len(self.parts) else {**own, "slow": WEIGHS}
            for k in range(len(group.zone))}, **{
            f"{name}-{rules.ZONES[zone]}": {"lost": lost} for zone in group.zones}}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """Faults of these amounts hold from now on for a piece; none of an empty list."""
        group, traffic = self.group, self.group.traffic
        if piece == self.part.name:
            traffic.down = bool(amounts)
            for zone in group.zones if amounts else ():
                self._hang_up(zone)
            return
        self.some = True
        where = piece.removeprefix(f"{self.part.name}-")
        if where in rules.ZONES:
            return self._lose(rules.ZONES.index(where), bool(amounts))
        k = int(where) - 1
        self._holds[k, what] = [*amounts]
        if what != "slow":
            return self.change([k])
        traffic.heavier.pop(k, None)
        if amounts:
            traffic.heavier[k] = math.prod(amounts)

    def _lose(self, zone: int, lost: bool) -> None:
        """A zone is lost, or there again."""
        group, node = self.group, self.group.nodes[zone]
        was = zone in group.lost
        if lost:
            group.lost.setdefault(zone, self.sim.now)
        else:
            group.lost.pop(zone, None)
        node.up = not lost or self.part.is_target_group
        self.change([k for k in (*group.registered, *group.draining) if group.zone[k] == zone])
        if not was and not node.up:
            self._hang_up(zone)
            self.sim.process(group.evict(zone, EVICTION))
        elif not lost:
            node.in_dns = True
        group.refresh()

    def _hang_up(self, zone: int) -> None:
        """What is under way through a node is cut off."""
        now, node = self.sim.now, self.group.nodes[zone]
        self.group.traffic.cut(Cut(now, node=zone))
        if node.counts:
            node.picker.settle({*range(len(self.group.zone))}, now, 0.0)

    def _how(self, k: int) -> str:
        """How a target fails now."""
        def holds(what: str) -> bool:
            return bool(self._holds.get((k, what)))
        return (rules.HANGS if self.group.zone[k] in self.group.lost else
                rules.REFUSES if holds("down") else rules.HANGS if holds("hangs") else
                rules.ERRORS if holds("errors") else "")

    def is_group(self, k: int) -> bool:
        """Whether this target is a target group."""
        return k < len(self.parts) and getattr(self.parts[k], "is_target_group", False)

    def change(self, targets: list[int]) -> None:
        """What breaks these may have changed."""
        group, traffic, now = self.group, self.group.traffic, self.sim.now
        for k in targets:
            how, was = self._how(k), traffic.failing.get(k, "")
            errors = self._holds.get((k, "errors")) if how == rules.ERRORS else None
            share = together(errors or ())
            traffic.shares.pop(k, None)
            if errors and share < 1.0:
                traffic.shares[k] = share
            if how == was:
                continue
            if was:
                traffic.heal(k, now)
            if how:
                traffic.fail([k], how, now)
                group.died[k] = now
                if group.weights:
                    group.weights.begin()
            if how and how != rules.ERRORS:
                for zone in group.checking(k):
                    self.follow(zone, k)

    # -- health checks, one by one -----------------------------------------------------------

    def watch_parts(self) -> None:
        """Parts that stand as targets may be down at any time."""
        for k in range(len(self.parts)):
            for zone in self.group.checking(k):
                self.follow(zone, k)

    def follow(self, zone: int, target: int) -> None:
        """From now on the checks of one node on one target are looked at, while they matter."""
        if (zone, target) not in self._asked:
            self._asked.add((zone, target))
            self.sim.process(self._checks(zone, target))

    def _fails(self, target: int) -> str:
        """How a check fails that is sent now; "" if it passes."""
        how = self.group.traffic.failing.get(target, "")
        if target < len(self.parts):
            part = self.parts[target]
            for what, word in ((rules.REFUSES, "down"), (rules.HANGS, "hangs")):
                if part.struck.get((part.name, word)):
                    how = what
        return "" if how == rules.ERRORS else how

    def _checks(self, zone: int, target: int):
        """Check after check, until a target is well and known to be so."""
        group, checks, node = self.group, self.group.checks, self.group.nodes[zone]
        first = rules.next_check(self.sim.now, group.phase[target][zone], checks.interval)
        row, number, since = 0, 0, 0.0
        while target in group.registered and self.sim.now < self.sim.duration:
            yield from group.at(first + number * checks.interval)
            number += 1
            if not node.up:     # nobody is left there to check
                since = self.sim.now
                continue
            how = self._fails(target)
            well = target in node.healthy
            row = row + 1 if bool(how) == well else 0
            if not how and well and target >= len(self.parts):
                break
            if row < (checks.unhealthy if how else checks.healthy):
                continue
            row = 0
            if how == rules.HANGS:
                self.sim.process(self._find(zone, target, since))
            else:
                self._mark(zone, target, not how, since)
        self._asked.discard((zone, target))

    def _find(self, zone: int, target: int, since: float):
        """A check that nobody has answered fails after a while."""
        yield from self.group.at(self.sim.now + self.group.checks.timeout)
        if target in self.group.nodes[zone].healthy:
            self._mark(zone, target, False, since)

    def _mark(self, zone: int, target: int, healthy: bool, since: float) -> None:
        """A node has found out how a target is, which it has looked at since then."""
        group, now = self.group, self.sim.now
        since = max(since, group.died[target])
        if not healthy and since < now:
            group.detection = max(group.detection, now - since)
        group.tell(zone, target, healthy)
