"""Amazon Kinesis Data Streams: keys, shards, consumers, resharding."""
