"""Scaling policies: what a group does when an alarm on its metric rings.

Picture three foremen with the same bell. One hires a fixed number and then ignores the bell for
a while (simple). One hires more the louder it rings (step). One works out how many are needed
to bring the number back to the target (target tracking).

*Models:* dynamic scaling on one metric with a high and a low alarm, as AWS documents it; the
alarms' datapoints and the low threshold of target tracking are arguments, as AWS doesn't
promise them. How far it scales in at once is not published, either: see `TargetTracking`.
*Leaves out:* scaling ahead of the load, which is in `labsim.services.autoscaling.predictive`; step
and simple scaling that act on one datapoint twice, when its alarm repeats.
"""

import math
from collections import deque
from collections.abc import Sequence
from operator import itemgetter
from statistics import fmean as mean
from typing import Protocol, runtime_checkable

from labsim import factbook
from labsim.declare import Component
from labsim.engine import Order
from labsim.errors import LabsimError, ParameterError, require
from labsim.services.autoscaling.rules import (
    ADJUSTMENTS,
    CHANGE,
    adjusted,
    load_to_expect,
    percent_change,
    step_adjustment,
    tracked,
    unanimous,
)
from labsim.services.cloudwatch.alarms import Alarm, Metric
from labsim.services.cloudwatch.rules import ALARM, STANDARD_RESOLUTION

# What people see of target tracking's alarms: facts asg.tt_alarm_high, tt_alarm_low,
# tt_low_threshold.
HIGH_POINTS, LOW_POINTS, LOW = 3, 15, 0.7
SCALE_IN_STEP = factbook.value("asg.tt_scale_in_step")      # % of the group at a datapoint


@runtime_checkable
class Scalable(Protocol):
    """an autoscaling.Group or an aurora.Cluster"""

    def scale_to(self, wanted: int, why: str) -> float | None:
        """Set its desired capacity."""


class Seen:
    """A group as a policy sees it at a datapoint.

    desired, warming: of the group, now. in_service: the instances that the datapoint was measured
    on. load: metric times instances, the most that is to be expected (see `load_to_expect`); None
    while too little is known. unhealthy: instances in service that do none of it.
    """

    def __init__(self, desired: int, warming: int, in_service: float, load: float | None,
                 unhealthy: int = 0):
        self.desired, self.warming = desired, warming
        self.in_service, self.load, self.unhealthy = in_service, load, unhealthy


class Policy(Component):
    """What all policies share: they act on `group` when `metric` is far from `target`, at most once
    on a datapoint. Of several that want something at once, whoever wants most has its way.

    metric: None if somebody else looks at the alarms (`cpu_alarms`). high_points, low_points:
    datapoints in a row before the alarm rings. low: the low alarm's threshold as a share of the
    target. A subclass says what it wants (`decide`).
    """

    shows = (("high alarm", "high"), ("low alarm", "low"))
    control = True
    alarm = "high"
    agrees = False      # it scales in only where all others of this kind do

    def __init__(self, group: Scalable, metric: Metric | None, *, target: float, name: str = "",
                 high_points: int = HIGH_POINTS, low_points: int = LOW_POINTS, low: float = LOW):
        super().__init__(group.sim, name or f"{group.name} policy")
        if not target > 0:
            raise ParameterError("target", target, "above 0")
        require("low", low, 0, 1)
        require("high_points", high_points, 1, whole=True)
        require("low_points", low_points, 1, whole=True)
        self.group, self.metric, self.threshold = group, metric, target
        self.high_points, self.low_points, self.low = high_points, low_points, low
        self.watched = metric is not None   # somebody looks at its alarms
        self.deaf_until = 0.0       # nothing it hears before has any effect
        self.link(group, "desired")
        if metric is None:
            self.shows, self.alarm = (), ""
        else:
            self._watch(metric)

    def series(self) -> dict:
        """1 while an alarm of its rings."""
        if self.metric is None:
            return {}
        return {"high": self.high.told["state"], "low": self.low_alarm.told["state"]}

    def wired(self) -> None:
        """It has to hear of something."""
        if not self.watched:
            raise LabsimError(f"nothing rings for {self.name}: give it a metric (a "
                              "cloudwatch.Metric, such as queue.backlog_per(fleet), fleet.cpu() or "
                              "balancer.requests_per_target()), or put it among the policies of "
                              "autoscaling.CpuAlarms")

    def decide(self, seen: Seen, value: float, high: bool) -> tuple[int, str] | None:
        """The capacity it wants of the group it has `seen` for a metric of `value`, and why; None
        for no change.

        high: whether the high alarm rings, or the low one.
        """
        raise NotImplementedError

    def looks_back(self, period: float) -> int:
        """How many datapoints of `period` s it looks at before it scales in: those of the low
        alarm; of a metric of high resolution as many minutes."""
        return self.low_points * max(round(STANDARD_RESOLUTION / period), 1)

    def act(self, wanted: int, why: str) -> bool:
        """It has its way; returns whether that changed anything."""
        done = self.group.scale_to(max(wanted, 0), why)     # an order may take more than there are
        if done is not None:
            self.acted(done)
        return done is not None

    def acted(self, done: float) -> None:
        """It has had its way; its activity is complete at `done` s."""

    # -- with alarms of its own --------------------------------------------------------------

    def _watch(self, metric: Metric) -> None:
        self._wish: tuple[int, str] | None = None       # what it wants since `_heard`, s
        self._heard = self._acted = -math.inf
        self._unhealthy = 0
        self._per_period = round(metric.period / metric.resolution)
        self._read: deque = deque(maxlen=self._per_period)      # the load at each reading
        # The load of the period that ends at each reading, as far as anybody looks back.
        self._loads: deque = deque(maxlen=self.looks_back(metric.period) * self._per_period)
        metric.on_read.append(self._note)
        self.high, self.low_alarm = (Alarm(
            self.sim, f"{self.name} {which}", metric, above=above, m=points, n=points,
            threshold=threshold, action=lambda value, above=above: self.hear(value, above))
            for which, above, points, threshold in (
                ("high", True, self.high_points, self.threshold),
                ("low", False, self.low_points, self.low * self.threshold)))
        self.high.link(self, "alarm")
        self.low_alarm.link(self, "alarm")

    def _note(self, value: float | None) -> None:
        """The metric has been read: what does it say of the load, on the instances it was over?"""
        count = self.metric.over() if self.metric.over else max(self.group.in_service, 1)
        self._unhealthy = round(self.metric.unhealthy())
        self._read.append(None if value is None else value * count)
        real = [load for load in self._read if load is not None]
        self._loads.append(mean(real) if real else 0.0)

    def _seen(self, value: float) -> Seen:
        group, loads = self.group, list(self._loads)[::-self._per_period]
        enough = len(self._loads) == self._loads.maxlen
        return Seen(group.desired, group.warming, loads[0] / value if value else group.in_service,
                    load_to_expect(loads) if enough else None, self._unhealthy)

    def hear(self, value: float, high: bool) -> None:
        """An alarm rings. If this datapoint has not been acted on, do what the group's policies
        want, once all have heard theirs. Fact: asg.tt_missing_data."""
        now = self.sim.now
        if (now >= max(self.deaf_until, self._acted + self.metric.period)
                and self.metric.datapoints(1)[0] is not None):
            wish = self.decide(self._seen(value), value, high)
            self._wish, self._heard = wish or (self.group.desired, ""), now
            if wish:
                self.sim.until(now, Order.SCALING).callbacks.append(self._settle)

    def _settle(self, _event) -> None:
        alike = [p for p in self.sim.parts.values()
                 if isinstance(p, Policy) and p.group is self.group and p.metric is not None]
        speak = [p for p in alike if p._wish and p._heard == self.sim.now]
        if not speak:       # one of the others has settled it
            return
        wishes = [p._agreed(alike) for p in speak]
        most = max(wishes, key=itemgetter(0))
        changed = speak[wishes.index(most)].act(*most)
        for policy in speak:
            policy._wish = None
            if changed:
                policy._acted = self.sim.now

    def _agreed(self, policies: list) -> tuple[int, str]:
        desired = self.group.desired
        if self._wish[0] >= desired or not self.agrees:
            return self._wish
        others = [p._scales_in() for p in policies if p.agrees and p is not self]
        return unanimous([self._wish, *others]) or (desired, "")

    def _scales_in(self) -> tuple[int, str] | None:
        """How far it would let the group shrink now, and why; None for not at all."""
        value = self.metric.datapoints(1)[0]
        if value is None or self.low_alarm.state != ALARM:
            return None
        return self.decide(self._seen(value), value, high=False)


def _known(kind: str, magnitude: int) -> None:
    if kind not in ADJUSTMENTS:
        raise ParameterError("kind", kind, f"one of {', '.join(ADJUSTMENTS)}")
    if not magnitude >= 0:
        raise ParameterError("magnitude", magnitude, "at least 0 instances")


class TargetTracking(Policy):
    """Capacity in proportion to the metric, from the instances that the datapoint was measured on:
    those that the metric names (`cloudwatch.Metric.over`), else those in service as it was read.
    Who came into service since is not in it, and is part of what was asked for; who is unhealthy
    serves nothing, for however long, and comes on top of what the load needs.

    Out at once; in by a tenth of the group at a datapoint, never below what the load to expect
    needs at the target, not while instances warm up, and only where all target tracking policies of
    the group agree. scale_in: whether it ever does (not DisableScaleIn).
    Facts: asg.tt_capacity_rule, asg.tt_no_flap_rule, asg.tt_scale_in_step.
    """

    def __init__(self, group: Scalable, metric: Metric | None, *, scale_in: bool = True, **how):
        self.agrees = scale_in
        super().__init__(group, metric, **(how if scale_in else {**how, "low": 0.0}))

    def decide(self, seen: Seen, value: float, high: bool) -> tuple[int, str] | None:
        why = f"target tracking: {value:,.1f} per instance, target {self.threshold:,g}"
        if high:
            needed = seen.unhealthy + tracked(max(seen.in_service, 1), value, self.threshold)
            return (needed, why) if needed > seen.desired else None
        if seen.warming or seen.load is None:
            return None
        wanted = max(seen.unhealthy + tracked(1, seen.load, self.threshold),
                     seen.desired + percent_change(seen.desired, -SCALE_IN_STEP))
        return (wanted, why) if wanted < seen.desired else None


class SimpleScaling(Policy):
    """One fixed adjustment; then deaf until the activity is complete and the cooldown is over.

    out, in_: the adjustments of this `kind`. magnitude: the least that a percentage changes,
    MinAdjustmentMagnitude.
    """

    def __init__(self, group: Scalable, metric: Metric | None, *, kind: str = CHANGE,
                 out: float = 1, in_: float = -1,
                 cooldown: float = factbook.value("asg.default_cooldown"),
                 magnitude: int = 0, **how):
        super().__init__(group, metric, **how)
        _known(kind, magnitude)
        if not cooldown >= 0:
            raise ParameterError("cooldown", cooldown, "at least 0 s")
        self.kind, self.out, self.in_, self.magnitude = kind, out, in_, magnitude
        self.cooldown = cooldown

    def decide(self, seen: Seen, value: float, high: bool) -> tuple[int, str] | None:
        by = self.out if high else self.in_
        return (adjusted(seen.desired, self.kind, by, self.magnitude),
                f"simple scaling: {self.kind} {by:+g}")

    def acted(self, done: float) -> None:
        self.deaf_until = done + self.cooldown


class StepScaling(Policy):
    """An adjustment by the size of the breach.

    While instances warm up, an adjustment is counted from the capacity without them, so that
    only what is still lacking is added; nothing scales in meanwhile.
    out_steps, in_steps: (lower, upper, adjustment), bounds in the metric's unit from its alarm's
    threshold.
    """

    def __init__(self, group: Scalable, metric: Metric | None, *, kind: str = CHANGE,
                 out_steps: Sequence[tuple[float, float, float]] = (),
                 in_steps: Sequence[tuple[float, float, float]] = (), magnitude: int = 0, **how):
        super().__init__(group, metric, **how)
        _known(kind, magnitude)
        self.kind, self.magnitude = kind, magnitude
        self.out_steps, self.in_steps = out_steps, in_steps

    def decide(self, seen: Seen, value: float, high: bool) -> tuple[int, str] | None:
        if high:
            by = step_adjustment(self.out_steps, value - self.threshold)
            wanted = adjusted(seen.desired - seen.warming, self.kind, by, self.magnitude)
            changes = wanted > seen.desired
        else:
            by = step_adjustment(self.in_steps, value - self.low * self.threshold)
            wanted = adjusted(seen.desired, self.kind, by, self.magnitude)
            changes = wanted < seen.desired and not seen.warming
        why = f"step scaling: {value:,.1f}, {self.kind} {by:+g}"
        return (wanted, why) if by and changes else None
