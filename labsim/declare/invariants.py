"""Laws: what holds for every result of a lab, and those that hold for all labs.

Picture a shopkeeper's rules, whatever he sells: nothing on the shelf is less than nothing, the
bill is the sum of its lines, and what came in has been sold or is still there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ROUNDING = 1e-6


@dataclass(frozen=True)
class Invariant:
    """A law that holds for every result: a name and a check that returns True."""

    name: str
    holds: Callable[[Any], bool]


def near(a, b) -> bool:
    """Equal but for rounding: one of whatever is counted, or a billionth of them; of arrays, at
    every place."""
    return bool(np.all(np.abs(np.subtract(a, b)) <= 1.0 + 1e-9 * np.maximum(np.abs(a), np.abs(b))))


def conserved(whole: str, *parts: str) -> Invariant:
    """At every instant the series `whole` is the sum of the series `parts`."""
    return Invariant(f"{whole} = {' + '.join(parts)}, at every instant", lambda r: near(
        r.series[whole].value, sum(r.series[part].value for part in parts)))


def adds_up(whole: str, *parts: str, upto: str = "") -> Invariant:
    """The metric `whole` is the sum of the metrics `parts`, but for the rounding of each; and, if
    some of it has no end yet, but for as much as the metric `upto` says at most."""
    def holds(r) -> bool:
        gap = r.summary[whole] - sum(r.summary[part] for part in parts)
        rounding = (1 + len(parts)) / 2 + 1e-9 * r.summary[whole]
        return -rounding <= gap <= rounding + (r.summary[upto] if upto else 0.0)
    return Invariant(f"{whole} = {' + '.join(parts)}{' + open ones' if upto else ''}", holds)


NOTHING_IS_NEGATIVE = Invariant("nothing is negative", lambda r: bool(
    all((s.value >= -ROUNDING).all() for s in r.series.values())
    and all(v >= -ROUNDING for v in r.summary.values())))

COST_ADDS_UP = Invariant("the cost is its lines' sum", lambda r: (
    "cost_usd" not in r.summary or abs(sum(r.cost.values()) - r.summary["cost_usd"])
    < 1e-9 * max(1.0, r.summary["cost_usd"])))

ALWAYS = (NOTHING_IS_NEGATIVE, COST_ADDS_UP)    # of every lab and every system
