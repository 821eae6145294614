"""The arithmetic of Amazon EC2 Auto Scaling: how many, and who goes.

Picture the house rules that hang in the foreman's office: by how much a bell changes the staff, how
a percentage is rounded, and whose turn it is to leave.

*Models:* adjustments, target tracking's proportion, steps, termination policies, what several
policies on one group come to, and the sizes that a calendar or a forecast asks for.
*Leaves out:* AWS's undisclosed tuning of target tracking.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from labsim.services.ec2.fleet import Instance

CHANGE, PERCENT, EXACT = "ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"
ADJUSTMENTS = CHANGE, PERCENT, EXACT
TERMINATION = "default", "oldest-instance", "newest-instance"
HONOR, INCREASE = "honor", "increase"       # what a forecast above the maximum size does
_ROUNDING = 1e-9    # a quotient that arithmetic left this close to a whole number is whole


def adjusted(capacity: int, kind: str, adjustment: float, minimum_magnitude: int = 0) -> int:
    """The capacity after an adjustment of this kind (before min and max).

    A percentage is rounded toward zero, but changes by at least one instance, then by at least
    `minimum_magnitude`. Fact: asg.percent_rounding.
    """
    if kind == EXACT:
        return int(adjustment)
    if kind == CHANGE:
        return capacity + int(adjustment)
    if kind != PERCENT:
        raise ValueError(f"kind {kind!r}: {CHANGE}, {PERCENT} or {EXACT}")
    change = percent_change(capacity, adjustment)
    if change and abs(change) < minimum_magnitude:
        change = int(math.copysign(minimum_magnitude, change))
    return capacity + change


def percent_change(capacity: int, percent: float) -> int:
    """Instances that `percent` of `capacity` stands for: toward zero, but not to zero."""
    change = capacity * percent / 100
    if 0 < abs(change) < 1:
        return int(math.copysign(1, change))
    return math.trunc(change + math.copysign(_ROUNDING, change))


def tracked(capacity: float, metric: float, target: float) -> int:
    """Target tracking's capacity: in proportion to metric / target, rounded up.

    Fact: asg.tt_capacity_rule.
    """
    return math.ceil(capacity * metric / target - _ROUNDING)


def load_to_expect(loads: Sequence[float]) -> float:
    """The most load to expect after datapoints that say these: their highest, and as much above it
    as it is above their mean. So a load that is steady but for its noise is not taken for less.
    Fact: asg.tt_no_flap_rule, which leaves the estimate open."""
    highest = max(loads)
    return highest + (highest - math.fsum(loads) / len(loads))


def step_adjustment(steps: Sequence[tuple[float, float, float]], breach: float) -> float:
    """The adjustment of the step (lower, upper, adjustment) that holds `breach`; 0 if none does.

    breach: metric - threshold. Above the threshold lower bounds are inside a step and upper
    ones outside; below it the reverse. Fact: asg.step_rule.
    """
    for lower, upper, adjustment in steps:
        if (lower <= breach < upper) if breach >= 0 else (lower < breach <= upper):
            return adjustment
    return 0


def terminated(policy: str, instances: Sequence[Instance], count: int, now: float,
               rng: np.random.Generator) -> list[Instance]:
    """The instances that a termination policy picks one after the other, each in the zone with most
    instances.

    "oldest-instance" or "newest-instance"; "default": the oldest launch template, then the one
    closest to its next billing hour, then at random. Fact: asg.termination_rule.
    """
    if policy == "default":
        order = [(i.template, (i.launched - now) % 3600) for i in instances]
    else:
        sign = 1 if policy == "oldest-instance" else -1
        order = [(sign * i.launched, sign * i.id) for i in instances]
    zones: dict[str, list] = {}
    for rank, instance in sorted(zip(order, instances), key=itemgetter(0)):
        zones.setdefault(instance.zone, []).append((rank, instance))
    gone = []
    for _ in range(count):
        most = max(map(len, zones.values()))
        fullest = [zone for zone in zones.values() if len(zone) == most]
        first = min([zone[0][0] for zone in fullest])
        equal = [bisect_right(zone, first, key=itemgetter(0)) for zone in fullest]
        drawn = int(rng.integers(sum(equal))) if sum(equal) > 1 else 0
        for zone, there in zip(fullest, equal):
            if drawn < there:
                gone.append(zone.pop(drawn)[1])
                break
            drawn -= there
    return gone


def largest(current: int, wanted: Sequence[int]) -> int:
    """The capacity when policies on one group want these at once: whoever wants most wins, so the
    group shrinks only as far as all that speak agree. Facts: asg.multi_policy_rule."""
    return max(wanted, default=current)


def unanimous(wishes: Sequence[tuple[int, str] | None]) -> tuple[int, str] | None:
    """What comes of the (capacity, why) that target tracking policies on one group want when they
    scale in: as far as all agree, and nothing where one wants none (None).
    Fact: asg.tt_multi_policy_rule."""
    return max(wishes, key=lambda wish: wish[0]) if all(wishes) else None


def reversals(desired: Sequence[tuple[float, float]], within: float) -> int:
    """How often the desired capacity, given as (t s, capacity) from when on it held, turned round,
    out to in or in to out, within so many s."""
    steps = [(t, after - before) for (_, before), (t, after) in zip(desired, desired[1:])
             if after != before]
    return sum((a > 0) != (b > 0) and later - t <= within
               for (t, a), (later, b) in zip(steps, steps[1:]))


# -- ahead of the load -----------------------------------------------------------------------


def daily(start: float, end: float, size: int, otherwise: int, day: float,
          duration: float) -> list[tuple[float, int]]:
    """Actions of every `day` s: `size` from `start` to `end` s of the day, then `otherwise`."""
    times = [(n * day + t, wanted) for n in range(int(duration // day) + 1)
             for t, wanted in ((start, size), (end, otherwise))]
    return [(t, wanted) for t, wanted in sorted(times) if t < duration]


def needed(load: float, each: float, target: float) -> int:
    """Instances that serve `load` per second, `each` so many, at `target` percent CPU."""
    return math.ceil(load / (each * target / 100) - _ROUNDING)


def effective_maximum(max_size: int, forecast: int, behavior: str, buffer: float) -> int:
    """The maximum size in effect: the group's, or with INCREASE up to `buffer` percent above the
    forecast where that is more. Source: EC2 Auto Scaling User Guide, predictive scaling."""
    if behavior == HONOR:
        return max_size
    return max(max_size, math.ceil(forecast * (1 + buffer / 100) - _ROUNDING))
