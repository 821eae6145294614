"""What a load balancer costs: its hours, what it carries, what it sends between zones.

Picture a toll road with a yearly fee: on top of it counts how many drive up, how many are on it, or
how much they carry, whichever is most.

*Models:* capacity units (LCU, NLCU) and prices per hour; data between zones, which an NLB's owner
pays both ways and an ALB's does not; a balancer that is a target group of another costs nothing
itself: hours and units are those of the one to which the requests came.
*Leaves out:* rules evaluated, TLS, public addresses.
"""

import math

from labsim import factbook
from labsim.services.elb.rules import ALB, NLB

HOUR = factbook.value("elb.hour_price")
UNIT_HOUR = {ALB: factbook.value("elb.alb_lcu_price"), NLB: factbook.value("elb.nlb_lcu_price")}
BETWEEN_ZONES = factbook.value("elb.inter_az_price")
# New connections per second, connections open, and GB per hour that one unit holds.
HOLDS = {ALB: ("elb.alb_lcu_new", "elb.alb_lcu_active", "elb.alb_lcu_gb"),
         NLB: ("elb.nlb_lcu_new", "elb.nlb_lcu_active", "elb.nlb_lcu_gb")}
UNIT = {kind: tuple(map(factbook.value, ids)) for kind, ids in HOLDS.items()}


def units(kind: str, new: float, active: float, gb_per_hour: float) -> float:
    """Capacity units (LCU, NLCU) in use: the dimension that needs the most counts. `new`
    connections per second, `active` ones. Fact: elb.alb_lcu."""
    return max(used / held for used, held in zip((new, active, gb_per_hour), UNIT[kind]))


def cost(kind: str, hours: float, used: float, crossing_gb: float) -> dict[str, float]:
    """What a balancer costs for `hours` with `used` units: {line: USD}."""
    return {"balancer": hours * HOUR, "capacity units": hours * used * UNIT_HOUR[kind],
            **between_zones(kind, crossing_gb)}


def between_zones(kind: str, gb: float) -> dict[str, float]:
    """What it costs to send so many GB to another zone, once there and once back."""
    return {"data between zones": 2 * gb * BETWEEN_ZONES} if kind == NLB else {}


def of(balancer) -> dict[str, float]:
    """The same for a `Balancer` that has run. A user opens a connection per visit, and another when
    that or the DNS answer has run out."""
    readings, seconds, users = balancer.readings, balancer.sim.duration, balancer.users
    hours, gb = seconds / 3600, balancer.response_size / 1e9
    if balancer.is_target_group:
        return between_zones(balancer.kind, readings.crossing * gb)
    kept = balancer.connection_time if balancer.kind == NLB else balancer.dns_ttl
    sent = len(readings.fates.sent) / seconds
    opened = min(sum(u.count * (1 / u.visit + 1 / kept) for u in users) or sent, sent)
    active = min(sum(u.count for u in users) or math.inf,      # a connection each, as
                 opened * balancer.traffic.timeout + readings.latency.sum() / seconds)
    used = units(balancer.kind, opened, active, len(readings.fates.sent) * gb / hours)
    return cost(balancer.kind, hours, used, readings.crossing * gb)
