"""What Amazon EBS volumes cost per month.

Picture the price list of a hardware shop: pipes by the metre, valves and wider taps extra.

*Models:* storage, IOPS and throughput beyond what is included; us-east-1. *Leaves out:* io2's price
steps, snapshots and their fast restore, magnetic volumes.
"""

from labsim import factbook
from labsim.services.ebs import rules
from labsim.services.ebs.rules import GP2, GP3, IO1, IO2, SC1, ST1, Spec

PRICE = {GP2: factbook.value("ebs.gp2_gib_month"), GP3: factbook.value("ebs.gp3_gib_month"),
         IO1: factbook.value("ebs.io_gib_month"), IO2: factbook.value("ebs.io_gib_month"),
         ST1: factbook.value("ebs.st1_gib_month"), SC1: factbook.value("ebs.sc1_gib_month")}
IOPS_PRICE = {GP3: factbook.value("ebs.gp3_iops_month"), IO1: factbook.value("ebs.io_iops_month"),
              IO2: factbook.value("ebs.io_iops_month")}
THROUGHPUT_PRICE = factbook.value("ebs.gp3_mibps_month")


def month_price(v: Spec, stripes: int = 1) -> dict[str, float]:
    """What a volume costs per month, USD by line; each of several `stripes` has what is included
    in a gp3."""
    lines = {"storage": PRICE[v.type] * v.size}
    if v.type in rules.PROVISIONED:
        free = stripes * rules.GP3_IOPS if v.type == GP3 else 0.0
        lines["provisioned IOPS"] = IOPS_PRICE[v.type] * (v.iops - free)
    if v.type == GP3:
        beyond = v.throughput - stripes * rules.GP3_THROUGHPUT
        lines["provisioned throughput"] = THROUGHPUT_PRICE * beyond
    return lines


def total(v: Spec) -> float:
    """What a volume costs per month, USD."""
    return sum(month_price(v).values())
