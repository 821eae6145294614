"""Elastic Load Balancing: balancers, their nodes, targets, users and traffic."""

from labsim.services.elb.balancer import Balancer
from labsim.services.elb.rules import HealthChecks
from labsim.services.elb.users import Users

__all__ = ["Balancer", "HealthChecks", "Users"]
