"""Amazon CloudWatch: metrics and alarms."""

from labsim.services.cloudwatch.alarms import Alarm, Metric

__all__ = ["Alarm", "Metric"]
