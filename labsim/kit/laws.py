"""Laws that hold for every lab, and what they are made of.

Picture a shopkeeper's two rules, whatever he sells: nothing on the shelf is less than nothing, and
the bill is the sum of its lines.
"""

from labsim.kit.lab import Invariant

ROUNDING = 1e-6


def near(a: float, b: float) -> bool:
    """Equal but for rounding: one of whatever is counted, or a billionth of them."""
    return abs(a - b) <= 1.0 + 1e-9 * max(abs(a), abs(b))


NOTHING_IS_NEGATIVE = Invariant("nothing is negative", lambda r: bool(
    all((s.value >= -ROUNDING).all() for s in r.series.values())
    and all(v >= -ROUNDING for v in r.summary.values())))

COST_ADDS_UP = Invariant("the cost is its lines' sum", lambda r: (
    abs(sum(r.cost.values()) - r.summary["cost_usd"])
    < 1e-9 * max(1.0, r.summary["cost_usd"])))
