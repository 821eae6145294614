"""Amazon ElastiCache: nodes, slots, and applications that cache aside."""

from labsim.services.elasticache.cache_aside import Application
from labsim.services.elasticache.cluster import Cluster

__all__ = ["Application", "Cluster"]
