"""What a load balancer costs: its hours, what it carries, what it sends between zones.

Picture a toll road with a yearly fee: on top of it counts how many drive up, how many are on it, or
how much they carry, whichever is most.

*Models:* capacity units (LCU, NLCU) and prices per hour; data between zones, which an NLB's owner
pays both ways and an ALB's does not. *Leaves out:* rules evaluated, TLS, public addresses.
"""

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
    between = {"data between zones": 2 * crossing_gb * BETWEEN_ZONES} if kind == NLB else {}
    return {"balancer": hours * HOUR, "capacity units": hours * used * UNIT_HOUR[kind], **between}
