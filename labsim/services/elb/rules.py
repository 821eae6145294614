"""Elastic Load Balancing, the rules: who may be sent where, when a dead target is noticed, how long
a leaving one is waited for.

Picture a supermarket with a door per zone and an usher at each door. The street sends equally many
people to every door. An usher points each one to a till, calls out to all tills every so often to
hear whether anybody answers, and sends nobody to a till that has missed too many calls, or that is
about to close.

*Models:* the split over doors and tills with cross-zone on and off; health checks in numbers
(interval, timeout, thresholds); the linear share of slow start; deregistration delay; whose weight
anomaly mitigation cuts.
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
EVERYWHERE = -1         # the zone of a target that spans all of them
REFUSES, HANGS, ERRORS, ZONE_LOST = FAULTS = (
    "target-refuses", "target-hangs", "target-errors", "zone-lost")

FIRST_CHECKS = int(factbook.value("elb.alb_first_check"))
SLOW_START_LEAST, SLOW_START_MOST = 30, 900     # s; slow start is off (0) or as long as that
# Anomaly mitigation (automatic target weights). Fact: elb.atw_rule. AWS publishes no figures for
# what a weight is cut to each time, how little it may be, what it wins back, and when errors are
# too many; these are assumed.
WEIGHED_EVERY = factbook.value("elb.atw_period_s")
WEIGHED_FROM = int(factbook.value("elb.atw_least_targets"))
WEIGHED_PART = factbook.value("elb.atw_most_share")
CUT_TO, LEAST_WEIGHT, WON_BACK = 0.5, 1 / 8, 1 / 16
TIMES_OTHERS, ERRORS_LEAST = 2.0, 0.05


# What AWS allows, from and to. Facts: elb.alb_hc_interval, elb.alb_healthy_threshold,
# elb.stickiness_default, elb.dereg_delay, elb.alb_idle_timeout, elb.nlb_idle_timeout.
CHECKS = {"interval": (5, 300), "timeout": (2, 120), "unhealthy": (2, 10), "healthy": (2, 10)}
COOKIE, DELAY, IDLE = (1, 604_800), (0, 3_600), {ALB: (1, 4_000), NLB: (60, 6_000)}


@dataclass(frozen=True)
class HealthChecks:
    """A check every `interval` s to each target from each node, failed after `timeout` s without
    an answer; `unhealthy` failed ones in a row take a target out, `healthy` passed ones back in.

    ParameterError for what AWS refuses: out of its ranges, or a timeout that is not below the
    interval. Facts: elb.alb_hc_interval, elb.alb_healthy_threshold, elb.hc_timeout_below.
    """

    interval: float = factbook.value("elb.hc_interval_s")
    timeout: float = factbook.value("elb.hc_timeout_s")
    unhealthy: int = int(factbook.value("elb.alb_unhealthy_threshold"))
    healthy: int = int(factbook.value("elb.healthy_threshold"))

    def __post_init__(self):
        for name, value in vars(self).items():
            require(name, value, *CHECKS[name], whole=name in ("unhealthy", "healthy"))
        if self.timeout >= self.interval:
            raise ParameterError("timeout", self.timeout,
                                 f"below the interval of checks, {self.interval:g} s")


def one_of(name: str, value: str, words: tuple[str, ...]) -> str:
    """`value`, if it is one of the words; ParameterError with the nearest."""
    if value not in words:
        raise unknown(name, value, words)
    return value


def crosses(kind: str, setting: str) -> bool:
    """Whether a node sends to targets of other zones; by default an ALB does, an NLB doesn't.
    Fact: elb.cross_zone_default."""
    return kind == ALB if setting == "default" else setting == "on"


def picks(kind: str, algorithm: str) -> str:
    """How a node picks: an NLB by a hash, as good as a die. Fact: elb.nlb_flow_rule."""
    return algorithm if kind == ALB else RANDOM


def stays(kind: str, sticky: bool, cookie_duration: float, connection_time: float) -> float:
    """How long a user stays with a target, s; 0: for a request. By cookie on an ALB, which each
    answer renews; on an NLB by connection, or for good by the address. Facts:
    elb.stickiness_scope, elb.cookie_renewed."""
    if kind == NLB:
        return math.inf if sticky else connection_time
    return cookie_duration if sticky else 0.0


def no_cookies(kind: str, picks: str, cross: bool) -> str:
    """Why an ALB may not be sticky, as what is allowed; empty: it may. Facts:
    elb.sticky_cross_zone, elb.sticky_weighted_random."""
    if kind != ALB:
        return ""
    return ("False where an ALB's cross-zone is off" if not cross else
            f"False with {RANDOM}, which has no sticky sessions" if picks == RANDOM else "")


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


def anomalous(errors: list[int], ended: list[int]) -> list[int]:
    """Which targets (by place) answer with disproportionately many errors: `errors` of `ended`
    requests of each, so many times the part of all others; the worst, half of them at most, and
    none of fewer than three. Facts: elb.atw_rule, elb.atw_most_share."""
    if len(ended) < WEIGHED_FROM:
        return []
    all_errors, everything = sum(errors), sum(ended)
    found = []
    for place, (bad, n) in enumerate(zip(errors, ended)):
        part = bad / n if n else 0.0
        others = (all_errors - bad) / max(everything - n, 1)
        if part >= max(ERRORS_LEAST, TIMES_OTHERS * others):
            found.append((-part, place))
    return [place for _, place in sorted(found)[:int(len(ended) * WEIGHED_PART)]]


def reweighed(weight: float, is_anomalous: bool) -> float:
    """The weight of a target at the next evaluation: cut, or won back little by little."""
    return max(weight * CUT_TO, LEAST_WEIGHT) if is_anomalous else min(weight + WON_BACK, 1.0)


def let_go(left: float, delay: float, last: float) -> float:
    """When a target that was deregistered at `left` s, and whose last request would end at `last`
    s, is done: then, or at the end of the deregistration delay. Fact: elb.dereg_rule."""
    return max(left, min(last, left + delay))


def fit_together(kind: str, picks: str, cross: bool, slow_start: float, mitigation: bool,
                 sticky: bool) -> None:
    """`ParameterError` for what a balancer does not have together."""
    if slow_start and not (picks == ROUND_ROBIN
                           and SLOW_START_LEAST <= slow_start <= SLOW_START_MOST):
        raise ParameterError("slow_start", slow_start, f"0, or with {ROUND_ROBIN} from "
                             f"{SLOW_START_LEAST} to {SLOW_START_MOST} s")
    if mitigation and (kind, picks) != (ALB, RANDOM):
        raise ParameterError("anomaly_mitigation", True, f"False, or with an ALB's {RANDOM}")
    if sticky and (refusal := no_cookies(kind, picks, cross)):
        raise ParameterError("sticky", True, refusal)
