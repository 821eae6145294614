"""Amazon RDS: a database instance in front of which requests wait."""

from labsim.services.rds.counted import CountedDatabase
from labsim.services.rds.database import Database, Query

__all__ = ["CountedDatabase", "Database", "Query"]
