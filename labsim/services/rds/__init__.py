"""Amazon RDS: a database instance in front of which requests wait."""

from labsim.services.rds.database import Database

__all__ = ["Database"]
