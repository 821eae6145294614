"""Kinesis' routing and arithmetic, rule by rule."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim import factbook
from labsim.services.kinesis import routing, rules
from labsim.services.kinesis.routing import HASHES, ShardMap


def test_a_key_and_the_ranges_of_four_shards_as_numbers():
    """MD5 (RFC 1321) read as a 128-bit number; starts a quarter of 2**128 apart."""
    assert routing.hash_key("user-1") == 285573413173782752570879317399258818820
    assert routing.hash_key("user-1") == 0xd6d7705392bc7af633328bea8c4c6904
    assert [start for start, _ in routing.hash_ranges(4)] == [
        0, 85070591730234615865843651857942052864, 170141183460469231731687303715884105728,
        255211775190703847597530955573826158592]


@given(st.integers(1, 10_000), st.integers(0, HASHES - 1))
def test_the_shard_of_a_hash_is_the_one_whose_range_holds_it(n, hashed):
    """And hash x n / 2**128, rounded down, but for the few hashes beside a boundary."""
    index = ShardMap(n).route(hashed).id
    first, last = routing.hash_ranges(n)[index]
    assert first <= hashed <= last
    rule = hashed * n // HASHES
    assert index == rule or hashed - first < n


@given(st.integers(1, 3_000))
def test_ranges_cover_all_hashes_once(n):
    """Each begins where the one before ends; lengths differ by the remainder alone."""
    ranges = routing.hash_ranges(n)
    assert ranges[0][0] == 0 and ranges[-1][1] == HASHES - 1
    assert all(a[1] + 1 == b[0] for a, b in zip(ranges, ranges[1:]))


@given(st.integers(1, 6), st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=20))
def test_open_shards_cover_all_hashes_after_any_splits_and_merges(n, steps):
    """And every shard knows its parents."""
    shards = ShardMap(n)
    for is_split, which in steps:
        i = int(which * (len(shards.open) - 1))
        if is_split:
            parent = shards.open[i]
            assert [child.parents for child in shards.split(parent)] == 2 * [(parent.id,)]
        elif i + 1 < len(shards.open):
            a, b = shards.open[i:i + 2]
            assert shards.merge(b, a).parents == (b.id, a.id)
    ranges = [shard.range for shard in shards.open]
    assert ranges[0][0] == 0 and ranges[-1][1] == HASHES - 1
    assert all(a[1] + 1 == b[0] for a, b in zip(ranges, ranges[1:]))


@pytest.mark.parametrize("hashed", [-1, HASHES])
def test_a_hash_key_beyond_128_bits_is_refused(hashed):
    """With what is allowed."""
    with pytest.raises(ValueError, match="allowed from 0"):
        ShardMap(4).route(hashed)


@given(st.integers(1, 100_000), st.integers(1, 500))
def test_rounding_never_takes_more_than_a_kilobyte_per_call(size, batch):
    """PutRecord per record, PutRecords per call."""
    extra = batch * (rules.charged_bytes(size, batch) - size)
    assert -1e-6 <= extra < 1024


@pytest.mark.parametrize("size, batch, facts, gives", [
    (100, 500, "today", 500), (100, 7, "today", 7), (1_048_576, 500, "today", 10),
    (1_048_576, 500, "notes", 5), (10_485_760, 500, "today", 1), (30_000, 500, "today", 349)])
def test_a_batch_holds_five_hundred_records_and_ten_mebibytes(size, batch, facts, gives):
    """Five in the notes."""
    most = factbook.value("kinesis.put_records_bytes_max", facts)
    assert rules.batch_records(size, batch, most) == gives


@given(st.floats(0.1, 1e6), st.integers(1, 100_000))
def test_aggregation_keeps_the_bytes(rate, size):
    """Fewer records, each larger, no larger than an aggregate, none that waits too long."""
    packed = float(rules.packed(rate, size))
    records, each = rate / packed, packed * size
    assert records * each == pytest.approx(rate * size)
    assert size <= each <= max(size, 51_200) and records <= rate
    assert records >= min(rate, 10) * (1 - 1e-9)


def test_catch_up_time():
    """Inf if the consumer never catches up, 0 if there is nothing to catch up on."""
    assert rules.catch_up_time(600, 1, 1) == math.inf == rules.catch_up_time(600, 2, 1)
    assert rules.catch_up_time(0, 2, 1) == rules.catch_up_time(600, 0, 0) == 0
    assert rules.catch_up_time(600, 2, 5) == 400
