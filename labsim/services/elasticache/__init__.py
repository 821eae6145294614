"""Amazon ElastiCache: nodes, slots, and applications that cache aside."""

from labsim.services.elasticache.cache_aside import Application
from labsim.services.elasticache.cluster import Cluster
from labsim.services.elasticache.requests import Read
from labsim.services.elasticache.sampled import SampledApplication
from labsim.services.elasticache.sampled_cluster import SampledCluster

__all__ = ["Application", "Cluster", "Read", "SampledApplication", "SampledCluster"]
