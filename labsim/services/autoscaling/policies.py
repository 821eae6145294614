"""Scaling policies: what a group does when an alarm on its metric rings.

Picture three foremen with the same bell. One hires a fixed number and then ignores the bell for
a while (simple). One hires more the louder it rings (step). One works out how many are needed
to bring the number back to the target (target tracking).

*Models:* dynamic scaling on one metric with a high and a low alarm, as AWS documents it; the
alarms' datapoints and the low threshold of target tracking are arguments, as AWS doesn't
promise them. What several policies on one group come to: `largest`.
*Leaves out:* scaling ahead of the load; that is in `labsim.services.autoscaling.predictive`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labsim import factbook
from labsim.engine import Simulation
from labsim.services.autoscaling import group as autoscaling
from labsim.services.autoscaling.group import Group, adjusted, step_adjustment, tracked
from labsim.services.cloudwatch.alarms import Alarm, Metric


def largest(current: int, wanted: Sequence[int]) -> int:
    """The capacity when policies on one group want these at once: whoever wants most wins, so the
    group shrinks only as far as all that speak agree. Facts: asg.multi_policy_rule."""
    return max(wanted, default=current)


def largest_of(current: int, adjustments: Sequence[tuple[str, float]]) -> int:
    """The same for policies given by their adjustments, (kind, adjustment)."""
    return largest(current, [adjusted(current, kind, by) for kind, by in adjustments])


@dataclass
class Policy:
    """What all policies share: they act on `group` when `metric` is far from `threshold`.

    metric: None if somebody else looks at the alarms (`labsim.services.autoscaling.cpu_alarms`).
    high_points, low_points: datapoints in a row before the alarm rings.
    low: the low alarm's threshold as a share of `threshold`.
    """

    sim: Simulation
    group: Group
    metric: Metric
    threshold: float
    high_points: int
    low_points: int
    low: float

    def __post_init__(self):
        self.deaf_until = 0.0       # nothing it hears before has any effect
        if self.metric is None:
            return
        for name, above, points, threshold, action in (
                ("high", True, self.high_points, self.threshold, self.on_high),
                ("low", False, self.low_points, self.low * self.threshold, self.on_low)):
            Alarm(self.sim, name, self.metric, threshold=threshold, above=above, m=points,
                  n=points, action=action)

    def on_high(self, value: float) -> None:
        """Scale out for a metric of `value`."""
        raise NotImplementedError

    def on_low(self, value: float) -> None:
        """Scale in for a metric of `value`."""
        raise NotImplementedError


@dataclass
class TargetTracking(Policy):
    """Capacity in proportion to the metric; scale-in waits for warming instances.

    Facts: asg.tt_capacity_rule, asg.tt_missing_data.
    """

    def on_high(self, value: float) -> None:
        needed = tracked(max(self.group.in_service, 1), value, self.threshold)
        if needed > self.group.desired:
            self.group.scale_to(needed, f"target tracking: {value:,.1f} per instance, "
                                        f"target {self.threshold:,g}")

    def on_low(self, value: float) -> None:
        needed = tracked(max(self.group.in_service, 1), value, self.threshold)
        if needed < self.group.desired and not self.group.warming:
            self.group.scale_to(needed, f"target tracking: {value:,.1f} per instance, "
                                        f"target {self.threshold:,g}")


@dataclass
class SimpleScaling(Policy):
    """One fixed adjustment; then deaf until the activity is complete and the cooldown is over.

    magnitude: the least that a percentage changes, MinAdjustmentMagnitude.
    """

    kind: str = autoscaling.CHANGE
    out: float = 1
    in_: float = -1
    cooldown: float = factbook.value("asg.default_cooldown")
    magnitude: int = 0

    def on_high(self, value: float) -> None:
        self._adjust(self.out)

    def on_low(self, value: float) -> None:
        self._adjust(self.in_)

    def _adjust(self, adjustment: float) -> None:
        if self.sim.now < self.deaf_until:
            return
        wanted = adjusted(self.group.desired, self.kind, adjustment, self.magnitude)
        done = self.group.scale_to(wanted, f"simple scaling: {self.kind} {adjustment:+g}")
        if done is not None:
            self.deaf_until = done + self.cooldown


@dataclass
class StepScaling(Policy):
    """An adjustment by the size of the breach.

    While instances warm up, an adjustment is counted from the capacity without them, so that
    only what is still lacking is added; nothing scales in meanwhile.
    out_steps, in_steps: (lower, upper, adjustment), bounds in the metric's unit from its alarm's
    threshold.
    """

    kind: str = autoscaling.CHANGE
    out_steps: Sequence[tuple[float, float, float]] = ()
    in_steps: Sequence[tuple[float, float, float]] = ()
    magnitude: int = 0

    def on_high(self, value: float) -> None:
        adjustment = step_adjustment(self.out_steps, value - self.threshold)
        settled = self.group.desired - self.group.warming
        wanted = adjusted(settled, self.kind, adjustment, self.magnitude)
        if adjustment and wanted > self.group.desired:
            self.group.scale_to(wanted, f"step scaling: {value:,.1f} per instance, "
                                        f"{self.kind} {adjustment:+g}")

    def on_low(self, value: float) -> None:
        adjustment = step_adjustment(self.in_steps, value - self.low * self.threshold)
        wanted = adjusted(self.group.desired, self.kind, adjustment, self.magnitude)
        if adjustment and wanted < self.group.desired and not self.group.warming:
            self.group.scale_to(wanted, f"step scaling: {value:,.1f} per instance, "
                                        f"{self.kind} {adjustment:+g}")
