"""Amazon EC2: instances that boot, work and are billed."""

from labsim.services.ec2.fleet import Fleet, Instance
from labsim.services.ec2.launch import Hook, WarmPool
from labsim.services.ec2.service import Service
from labsim.services.ec2.spot import Reclaims

__all__ = ["Fleet", "Hook", "Instance", "Reclaims", "Service", "WarmPool"]
