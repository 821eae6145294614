"""Elastic Load Balancing: balancers, their nodes, targets, users and traffic; a web tier that
is counted."""

from labsim.services.elb.balancer import Balancer
from labsim.services.elb.rules import HealthChecks
from labsim.services.elb.users import Users
from labsim.services.elb.web_tier import WebTier

__all__ = ["Balancer", "HealthChecks", "Users", "WebTier"]
