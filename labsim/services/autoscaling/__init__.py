"""Amazon EC2 Auto Scaling: groups, policies that react, policies that look ahead."""

from labsim.services.autoscaling.group import Group
from labsim.services.autoscaling.policies import SimpleScaling, StepScaling, TargetTracking

__all__ = ["Group", "SimpleScaling", "StepScaling", "TargetTracking"]
