"""Amazon Aurora: a writer, its readers, one endpoint for each, and the reads that they answer."""

from labsim.services.aurora.cluster import Cluster
from labsim.services.aurora.failures import Failover
from labsim.services.aurora.reader_endpoint import Endpoint
from labsim.services.aurora.writers import Pool, Proxy

__all__ = ["Cluster", "Endpoint", "Failover", "Pool", "Proxy"]
