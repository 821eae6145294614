"""Amazon EC2 Auto Scaling: groups, policies that react, policies that look ahead."""

from labsim.services.autoscaling.cpu_alarms import CpuAlarms
from labsim.services.autoscaling.group import Group
from labsim.services.autoscaling.policies import SimpleScaling, StepScaling, TargetTracking
from labsim.services.autoscaling.predictive import PredictiveScaling, ScheduledActions

__all__ = ["CpuAlarms", "Group", "PredictiveScaling", "ScheduledActions", "SimpleScaling",
           "StepScaling", "TargetTracking"]
