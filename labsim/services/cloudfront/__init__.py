"""Amazon CloudFront: viewers, edges that keep copies, the origin behind them, and the bill."""

from labsim.services.cloudfront.buckets import Buckets
from labsim.services.cloudfront.distribution import Distribution
from labsim.services.cloudfront.origin import Origin
from labsim.services.cloudfront.site import Site
from labsim.services.cloudfront.viewers import Viewers

__all__ = ["Buckets", "Distribution", "Origin", "Site", "Viewers"]
