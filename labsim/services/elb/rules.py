"""Elastic Load Balancing, the rules: who gets which share, when a dead target is noticed, how long
a leaving one is waited for, what it costs.

Picture a supermarket with a door per zone and an usher at each door. The street sends equally many
people to every door. An usher points each one to a till, calls out to all tills every so often to
hear whether anybody answers, and sends nobody to a till that has missed too many calls, or that is
about to close.

*Models:* the split over doors and tills with cross-zone on and off; health checks in numbers
(interval, timeout, thresholds); the linear share of slow start; deregistration delay; capacity
units and prices.
*Leaves out:* listeners, rules, TLS, security groups; Gateway Load Balancers, which pass on packets;
how the balancer itself grows. Who routes is in `elb_nodes`, who is routed in `elb_traffic`.
"""

import math

from labsim import factbook

ALB, NLB = "alb", "nlb"
ROUND_ROBIN, LEAST, RANDOM = "round_robin", "least_outstanding_requests", "weighted_random"
ZONES = ("a", "b", "c")
REFUSES, HANGS, ZONE_LOST = "target-refuses", "target-hangs", "zone-lost"

FIRST_CHECKS = int(factbook.value("elb.alb_first_check"))
HOUR = factbook.value("elb.hour_price")
UNIT_HOUR = {ALB: factbook.value("elb.alb_lcu_price"), NLB: factbook.value("elb.nlb_lcu_price")}
BETWEEN_ZONES = factbook.value("elb.inter_az_price")
# New connections per second, connections open, and GB per hour that one unit holds.
UNIT = {ALB: tuple(map(factbook.value, ("elb.alb_lcu_new", "elb.alb_lcu_active", "elb.alb_lcu_gb"))),
        NLB: tuple(map(factbook.value, ("elb.nlb_lcu_new", "elb.nlb_lcu_active", "elb.nlb_lcu_gb")))}


def crosses(kind: str, setting: str) -> bool:
    """Whether a node sends to targets of other zones; by default an ALB does, an NLB doesn't."""
    return kind == ALB if setting == "default" else setting == "on"


def shares(targets: list[int], cross: bool) -> list[float]:
    """Share of all requests that one target of each zone gets; `targets` in each zone.

    DNS spreads clients evenly over the nodes of zones that have targets. Fact:
    elb.cross_zone_rule.
    """
    zones = sum(n > 0 for n in targets)
    return [0.0 if not n else 1.0 / sum(targets) if cross else 1.0 / zones / n for n in targets]


def next_check(t: float, phase: float, interval: float) -> float:
    """When the first health check at or after `t` is sent, s; they are sent at phase, phase +
    interval, ..."""
    return max(phase + math.ceil((t - phase) / interval) * interval, t)


def noticed(died: float, phase: float, interval: float, threshold: int, timeout: float) -> float:
    """When a target that dies at `died` becomes unhealthy: `threshold` checks in a row fail, each
    `timeout` s after it was sent (0: refused at once). Fact: elb.hc_rule."""
    return next_check(died, phase, interval) + (threshold - 1) * interval + timeout


def detection_bounds(interval: float, threshold: int, timeout: float) -> list[float]:
    """Shortest and longest time from a target's death until one node notices, s."""
    return [(threshold - 1) * interval + timeout, threshold * interval + timeout]


def slow_start_share(age: float, duration: float) -> float:
    """Part of its fair share that a target gets `age` s after it became healthy. Fact:
    elb.slow_start_rule."""
    return min(1.0, age / duration) if duration else 1.0


def drain(delay: float, in_flight: float) -> list[float]:
    """A target is deregistered while its longest request needs `in_flight` s more: after how long
    it is done, and how many seconds of that request are not protected. Fact: elb.dereg_rule."""
    return [min(delay, in_flight), max(0.0, in_flight - delay)]


def units(kind: str, new: float, active: float, gb_per_hour: float) -> float:
    """Capacity units (LCU, NLCU) in use: the dimension that needs the most counts. `new`
    connections per second, `active` ones. Fact: elb.alb_lcu."""
    return max(used / held for used, held in zip((new, active, gb_per_hour), UNIT[kind]))


def cost(kind: str, hours: float, used: float, crossing_gb: float) -> dict[str, float]:
    """What a balancer costs: its hours, capacity units, and data between zones, which an NLB's
    owner pays both ways and an ALB's doesn't. USD."""
    between = {"data between zones": 2 * crossing_gb * BETWEEN_ZONES} if kind == NLB else {}
    return {"balancer": hours * HOUR, "capacity units": hours * used * UNIT_HOUR[kind], **between}
