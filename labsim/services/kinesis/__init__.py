"""Amazon Kinesis Data Streams: keys, shards, consumers, resharding."""

from labsim.services.kinesis.reshard import merge_shards, split_shards
from labsim.services.kinesis.routing import Keys, ShardMap
from labsim.services.kinesis.stream import Stream

__all__ = ["Keys", "ShardMap", "Stream", "merge_shards", "split_shards"]
