"""Elastic Load Balancing, the rules: who may be sent where, when a dead target is noticed, how long
a leaving one is waited for.

Picture a supermarket with a door per zone and an usher at each door. The street sends equally many
people to every door. An usher points each one to a till, calls out to all tills every so often to
hear whether anybody answers, and sends nobody to a till that has missed too many calls, or that is
about to close.

*Models:* the split over doors and tills with cross-zone on and off; health checks in numbers
(interval, timeout, thresholds); the linear share of slow start; deregistration delay.
*Leaves out:* listeners, rules, TLS, security groups; Gateway Load Balancers, which pass on packets;
how the balancer itself grows. Who routes is in `nodes`, who is routed in `traffic`.
"""

import math
from dataclasses import dataclass

from labsim import factbook
from labsim.errors import ParameterError, require, unknown

ALB, NLB = "alb", "nlb"
ROUND_ROBIN, LEAST, RANDOM = "round_robin", "least_outstanding_requests", "weighted_random"
KINDS, ALGORITHMS, SETTINGS = (ALB, NLB), (ROUND_ROBIN, LEAST, RANDOM), ("default", "on", "off")
ZONES = ("a", "b", "c")
REFUSES, HANGS, ZONE_LOST = FAULTS = "target-refuses", "target-hangs", "zone-lost"

FIRST_CHECKS = int(factbook.value("elb.alb_first_check"))
SLOW_START_LEAST = 30       # s; slow start is off (0) or at least this. Fact: elb.slow_start


@dataclass(frozen=True)
class HealthChecks:
    """A check every `interval` s to each target from each node, failed after `timeout` s without
    an answer; `unhealthy` failed ones in a row take a target out, `healthy` passed ones back in.

    ParameterError for a timeout beyond the interval, and for what is not above 0.
    """

    interval: float = factbook.value("elb.hc_interval_s")
    timeout: float = factbook.value("elb.hc_timeout_s")
    unhealthy: int = int(factbook.value("elb.alb_unhealthy_threshold"))
    healthy: int = int(factbook.value("elb.healthy_threshold"))

    def __post_init__(self):
        for name, value in vars(self).items():
            require(name, value, above=True, whole=name in ("unhealthy", "healthy"))
        if self.timeout > self.interval:
            raise ParameterError("timeout", self.timeout,
                                 f"at most the interval of checks, {self.interval:g} s")


def one_of(name: str, value: str, words: tuple[str, ...]) -> str:
    """`value`, if it is one of the words; ParameterError with the nearest."""
    if value not in words:
        raise unknown(name, value, words)
    return value


def at_least(least: float, **given: float) -> None:
    """ParameterError for the first of the `given` that is below."""
    for name, value in given.items():
        require(name, value, least)


def crosses(kind: str, setting: str) -> bool:
    """Whether a node sends to targets of other zones; by default an ALB does, an NLB doesn't.
    Fact: elb.cross_zone_default."""
    return kind == ALB if setting == "default" else setting == "on"


def picks(kind: str, algorithm: str) -> str:
    """How a node picks: an NLB by a hash, as good as a die. Fact: elb.nlb_flow_rule."""
    return algorithm if kind == ALB else RANDOM


def stays(kind: str, sticky: bool, cookie_duration: float, connection_time: float) -> float:
    """How long a user stays with a target, s; 0: for a request. By cookie on an ALB; on an NLB by
    connection, or for good by the address. Fact: elb.stickiness_scope."""
    if kind == NLB:
        return math.inf if sticky else connection_time
    return cookie_duration if sticky else 0.0


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


def let_go(left: float, delay: float, last: float) -> float:
    """When a target that was deregistered at `left` s, and whose last request would end at `last`
    s, is done: then, or at the end of the deregistration delay. Fact: elb.dereg_rule."""
    return max(left, min(last, left + delay))
