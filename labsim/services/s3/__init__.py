"""Amazon S3: prefixes and their limits, replication, storage classes and prices."""
