"""Scaling policies: what a group does when an alarm on its metric rings.

Picture three foremen with the same bell. One hires a fixed number and then ignores the bell for
a while (simple). One hires more the louder it rings (step). One works out how many are needed
to bring the number back to the target (target tracking).

*Models:* dynamic scaling on one metric with a high and a low alarm, as AWS documents it; the
alarms' datapoints and the low threshold of target tracking are arguments, as AWS doesn't
promise them.
*Leaves out:* scaling ahead of the load; that is in `labsim.services.autoscaling.predictive`.
"""

from collections.abc import Sequence

from labsim import factbook
from labsim.declare import Component
from labsim.errors import LabsimError, ParameterError, require
from labsim.services.autoscaling.group import Group
from labsim.services.autoscaling.rules import (
    ADJUSTMENTS,
    CHANGE,
    adjusted,
    step_adjustment,
    tracked,
)
from labsim.services.cloudwatch.alarms import Alarm, Metric

# What people see of target tracking's alarms: facts asg.tt_alarm_high, tt_alarm_low,
# tt_low_threshold.
HIGH_POINTS, LOW_POINTS, LOW = 3, 15, 0.7


class Policy(Component):
    """What all policies share: they act on `group` when `metric` is far from `target`.

    metric: None if somebody else looks at the alarms (`cpu_alarms`). high_points, low_points:
    datapoints in a row before the alarm rings. low: the low alarm's threshold as a share of the
    target. A subclass says what it wants (`decide`).
    """

    shows = (("high alarm", "high"), ("low alarm", "low"))
    control = True
    alarm = "high"

    def __init__(self, group: Group, metric: Metric | None, *, target: float, name: str = "",
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
            self.high, self.low_alarm = (Alarm(
                self.sim, f"{self.name} {which}", metric, above=above, m=points, n=points,
                threshold=threshold, action=lambda value, above=above: self.hear(value, above))
                for which, above, points, threshold in (
                    ("high", True, high_points, target), ("low", False, low_points, low * target)))
            self.high.link(self, "alarm")
            self.low_alarm.link(self, "alarm")

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

    def decide(self, group, value: float, high: bool) -> tuple[int, str] | None:
        """The capacity it wants of `group` for a metric of `value`, and why; None for no change.

        high: whether the high alarm rings, or the low one.
        """
        raise NotImplementedError

    def hear(self, value: float, high: bool, group=None) -> None:
        """An alarm rings: do what the policy wants.

        group: the group as the policy sees it, where that is not the group itself.
        """
        if self.sim.now < self.deaf_until:
            return
        wish = self.decide(group or self.group, value, high)
        done = wish and self.group.scale_to(*wish)
        if done is not None:
            self.acted(done)

    def acted(self, done: float) -> None:
        """It has had its way; its activity is complete at `done` s."""


def _known(kind: str, magnitude: int) -> None:
    if kind not in ADJUSTMENTS:
        raise ParameterError("kind", kind, f"one of {', '.join(ADJUSTMENTS)}")
    if not magnitude >= 0:
        raise ParameterError("magnitude", magnitude, "at least 0 instances")


class TargetTracking(Policy):
    """Capacity in proportion to the metric; scale-in waits for warming instances.

    Facts: asg.tt_capacity_rule, asg.tt_missing_data.
    """

    def decide(self, group, value: float, high: bool) -> tuple[int, str] | None:
        needed = tracked(max(group.in_service, 1), value, self.threshold)
        why = f"target tracking: {value:,.1f} per instance, target {self.threshold:,g}"
        if needed > group.desired if high else needed < group.desired and not group.warming:
            return needed, why
        return None


class SimpleScaling(Policy):
    """One fixed adjustment; then deaf until the activity is complete and the cooldown is over.

    out, in_: the adjustments of this `kind`. magnitude: the least that a percentage changes,
    MinAdjustmentMagnitude.
    """

    def __init__(self, group: Group, metric: Metric | None, *, kind: str = CHANGE, out: float = 1,
                 in_: float = -1, cooldown: float = factbook.value("asg.default_cooldown"),
                 magnitude: int = 0, **how):
        super().__init__(group, metric, **how)
        _known(kind, magnitude)
        if not cooldown >= 0:
            raise ParameterError("cooldown", cooldown, "at least 0 s")
        self.kind, self.out, self.in_, self.magnitude = kind, out, in_, magnitude
        self.cooldown = cooldown

    def decide(self, group, value: float, high: bool) -> tuple[int, str] | None:
        by = self.out if high else self.in_
        return (adjusted(group.desired, self.kind, by, self.magnitude),
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

    def __init__(self, group: Group, metric: Metric | None, *, kind: str = CHANGE,
                 out_steps: Sequence[tuple[float, float, float]] = (),
                 in_steps: Sequence[tuple[float, float, float]] = (), magnitude: int = 0, **how):
        super().__init__(group, metric, **how)
        _known(kind, magnitude)
        self.kind, self.magnitude = kind, magnitude
        self.out_steps, self.in_steps = out_steps, in_steps

    def decide(self, group, value: float, high: bool) -> tuple[int, str] | None:
        if high:
            by = step_adjustment(self.out_steps, value - self.threshold)
            wanted = adjusted(group.desired - group.warming, self.kind, by, self.magnitude)
            changes = wanted > group.desired
        else:
            by = step_adjustment(self.in_steps, value - self.low * self.threshold)
            wanted = adjusted(group.desired, self.kind, by, self.magnitude)
            changes = wanted < group.desired and not group.warming
        why = f"step scaling: {value:,.1f} per instance, {self.kind} {by:+g}"
        return (wanted, why) if by and changes else None
