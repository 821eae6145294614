"""Amazon EC2: instances that boot, work and are billed."""

from labsim.services.ec2.fleet import Fleet, Instance

__all__ = ["Fleet", "Instance"]
