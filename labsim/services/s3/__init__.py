"""Amazon S3: buckets with prefixes and their limits, replication, prices."""

from labsim.services.s3.bucket import Bucket

__all__ = ["Bucket"]
