"""Routing, splits and merges agree with moto, an independent Kinesis that runs in this process."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labsim.services.kinesis import ShardMap, routing

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::FutureWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@pytest.fixture
def client(monkeypatch):
    """A Kinesis client of boto3 that talks to moto."""
    import boto3
    from moto import mock_aws
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield boto3.client("kinesis", region_name="us-east-1")


class Moto:
    """A stream in moto, changed in step with a `ShardMap`."""

    count = 0

    def __init__(self, client, shards):
        Moto.count += 1
        self.client, self.name = client, f"stream-{Moto.count}"
        client.create_stream(StreamName=self.name, ShardCount=shards)

    def shards(self):
        """All its shards, in order of their numbers."""
        return self.client.describe_stream(StreamName=self.name, Limit=1000)[
            "StreamDescription"]["Shards"]

    def open(self):
        """First and last hash of the open shards, and their names, by hash."""
        return sorted((*self.ends(shard), shard["ShardId"]) for shard in self.shards()
                      if "EndingSequenceNumber" not in shard["SequenceNumberRange"])

    @staticmethod
    def ends(shard):
        """First and last hash of a shard."""
        ends = shard["HashKeyRange"]
        return int(ends["StartingHashKey"]), int(ends["EndingHashKey"])

    def put(self, key, explicit=None):
        """The name of the shard that a record with this key gets to."""
        more = {} if explicit is None else {"ExplicitHashKey": str(explicit)}
        return self.client.put_record(StreamName=self.name, Data=b"x", PartitionKey=key,
                                      **more)["ShardId"]


def name(shard):
    """A shard's name, as AWS writes it."""
    return f"shardId-{shard.id:012}"


def same(moto, shards):
    """The open shards are the same: names and ranges."""
    assert moto.open() == [(*shard.range, name(shard)) for shard in shards.open]


few = settings(max_examples=8, suppress_health_check=list(HealthCheck))


def test_random_keys_get_to_the_same_shard(client):
    """Any text, any number of shards."""
    @few
    @given(st.integers(1, 40), st.lists(KEYS, min_size=1, max_size=15))
    def check(n, keys):
        moto, shards = Moto(client, n), ShardMap(n)
        same(moto, shards)
        for key in keys:
            index = min(routing.hash_key(key) // (2**128 // n), n - 1)
            assert moto.put(key) == f"shardId-{index:012}" == name(shards.route(key))
    check()


def test_explicit_hash_keys_get_to_the_same_shard(client):
    """At the first hash of each shard, beside it, and anywhere."""
    @few
    @given(st.integers(1, 12), st.integers(0, 2**128 - 2))
    def check(n, anywhere):
        moto, shards = Moto(client, n), ShardMap(n)
        starts = [shard.start for shard in shards.open]
        for hashed in [*starts, *(start + 1 for start in starts), anywhere]:
            assert moto.put("key", hashed) == name(shards.route(hashed))
            index = min(hashed // (2**128 // n), n - 1)
            assert name(shards.route(hashed)) == f"shardId-{index:012}"
    check()


def test_random_splits_and_merges_leave_the_same_shards(client):
    """Names, ranges, parents and routes, after each of a random series of changes."""
    step = st.tuples(st.booleans(), st.floats(0, 1), st.floats(0.001, 0.999))

    @few
    @given(st.integers(1, 5), st.lists(step, min_size=1, max_size=8),
           st.lists(KEYS, min_size=3, max_size=6))
    def check(n, steps, keys):
        moto, shards = Moto(client, n), ShardMap(n)
        for is_split, which, where in steps:
            i = min(int(which * len(shards.open)), len(shards.open) - 1)
            shard = shards.open[i]
            if is_split:
                at = shard.start + int((shard.end - shard.start) * where)
                client.split_shard(StreamName=moto.name, ShardToSplit=name(shard),
                                   NewStartingHashKey=str(at))
                shards.split(shard, at)
            elif i + 1 < len(shards.open):
                other = shards.open[i + 1]
                client.merge_shards(StreamName=moto.name, ShardToMerge=name(shard),
                                    AdjacentShardToMerge=name(other))
                shards.merge(shard, other)
            same(moto, shards)
        for mine, its in zip(shards.all, moto.shards()):
            parents = [its[k] for k in ("ParentShardId", "AdjacentParentShardId") if its.get(k)]
            assert parents == [f"shardId-{id:012}" for id in mine.parents]
        for key in keys:    # not by a put: moto may put into a shard that is closed
            hashed = routing.hash_key(key)
            (its,) = [shard for first, last, shard in moto.open() if first <= hashed <= last]
            assert its == name(shards.route(key))
    check()


@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_the_default_split_is_in_the_middle(client, n):
    """Splitting every shard makes the stream that moto's UpdateShardCount makes."""
    moto, shards = Moto(client, n), ShardMap(n)
    client.update_shard_count(StreamName=moto.name, TargetShardCount=2 * n,
                              ScalingType="UNIFORM_SCALING")
    for shard in list(shards.open):
        shards.split(shard)
    same(moto, shards)
    assert [shard.range for shard in shards.open] == routing.hash_ranges(2 * n)


def test_what_moto_refuses_is_refused(client):
    """A split at or beyond the ends, a merge of shards that don't touch, a closed shard."""
    moto, shards = Moto(client, 3), ShardMap(3)
    first, _, last = shards.open
    for at in (first.start, first.end, first.end + 1):
        with pytest.raises(client.exceptions.InvalidArgumentException):
            client.split_shard(StreamName=moto.name, ShardToSplit=name(first),
                               NewStartingHashKey=str(at))
        with pytest.raises(ValueError, match="new starting hash key"):
            shards.split(first, at)
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.merge_shards(StreamName=moto.name, ShardToMerge=name(first),
                            AdjacentShardToMerge=name(last))
    with pytest.raises(ValueError, match="not adjacent"):
        shards.merge(first, last)
    shards.split(first)
    with pytest.raises(ValueError, match="closed"):
        shards.split(first)
