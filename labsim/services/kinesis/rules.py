"""Amazon Kinesis Data Streams, the arithmetic: which shard, how much, how many, how long, how dear.

Picture a post office with a row of counters. The initials of the addressee decide the counter,
whoever else is waiting: a clerk takes so many letters a minute and so many kilos a minute. A
counter can be given to two clerks, or two neighbours' counters to one, but the letters of one
addressee always go to one clerk.

*Models:* MD5 routing and hash ranges, split and merge, limits of a shard, rounding of sizes,
batches, aggregation as in the producer library, shards needed, on-demand capacity, the time to
catch up, propagation delay, prices.
*Leaves out:* sequence numbers, encryption, checkpoints, limits on control calls. The stream that
moves is in `kinesis_stream`.
"""

import hashlib
import math
from bisect import bisect_right, insort
from dataclasses import dataclass

import numpy as np

from labsim import factbook

HASHES = 2**128
SHARD_BYTES = factbook.value("kinesis.shard_write_bytes_per_s")
SHARD_RECORDS = factbook.value("kinesis.shard_write_records_per_s")
READ_BYTES = factbook.value("kinesis.read_bytes_per_s_shared")
FAN_OUT_BYTES = factbook.value("kinesis.efo_bytes_per_s")
GET_RECORDS = (factbook.value("kinesis.get_records_tps")
               * factbook.value("kinesis.get_records_records_max"))     # records/s of a shard
PUT_RECORDS = int(factbook.value("kinesis.put_records_max"))
PUT_BYTES = factbook.value("kinesis.put_records_bytes_max")
AGGREGATE_BYTES = factbook.value("kinesis.kpl_aggregation_bytes")
BUFFER_TIME = factbook.value("kinesis.kpl_buffer_ms") / 1000
ONDEMAND_BYTES = factbook.value("kinesis.ondemand_initial_write")
PUT_UNIT = factbook.value("kinesis.put_unit_bytes")
KB, GB = 1024, 2**30
SHARED, ENHANCED = "shared", "enhanced"
PROVISIONED, ON_DEMAND = "provisioned", "on-demand"


# -- routing -----------------------------------------------------------------------------------

def hash_key(partition_key: str) -> int:
    """The place of a partition key: MD5 of its UTF-8, a whole number from 0 to 2**128 - 1.

    Source: Kinesis API, PutRecord.
    """
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")


def hash_ranges(n: int) -> list[tuple[int, int]]:
    """First and last hash of each of `n` shards of a new stream: equal parts, the last one takes
    the remainder. Fact: kinesis.hash_ranges_initial."""
    step = HASHES // n
    return [(i * step, (i + 1) * step - 1 if i < n - 1 else HASHES - 1) for i in range(n)]


def shard_index(key: str | int, n: int) -> int:
    """The shard, counted from 0, of a new stream of `n` to which a partition key (a text) or an
    explicit hash key (a number) goes: hash x n / 2**128, rounded down, save at the few hashes
    where `hash_ranges` says otherwise."""
    hashed = hash_key(key) if isinstance(key, str) else key
    if not 0 <= hashed < HASHES:
        raise ValueError(f"hash key: given {hashed}, allowed from 0 to 2**128 - 1")
    return min(hashed // (HASHES // n), n - 1)


def shard_indices(key: str | int, *sizes: int) -> list[int]:
    """`shard_index` in new streams of several sizes."""
    return [shard_index(key, n) for n in sizes]


def split(shard: tuple[int, int], at: int | None = None) -> tuple[tuple, tuple]:
    """The two parts of a hash range; the second starts at `at`, by default in the middle.

    ValueError unless `at` is inside. Source: Kinesis API, SplitShard.
    """
    start, end = shard
    at = (start + end + 1) // 2 if at is None else at
    if not start < at < end:
        raise ValueError(f"new starting hash key: given {at}, allowed between {start} and {end}")
    return (start, at - 1), (at, end)


def merge(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """The hash range of two adjacent ones, in either order; ValueError if they aren't.

    Source: Kinesis API, MergeShards.
    """
    first, second = sorted((a, b))
    if first[1] + 1 != second[0]:
        raise ValueError(f"shards {a} and {b} are not adjacent")
    return first[0], second[1]


@dataclass(frozen=True)
class Shard:
    """A shard: its number, the first and last hash it takes, and the shards it came from."""

    id: int
    start: int
    end: int
    parents: tuple[int, ...] = ()

    @property
    def range(self) -> tuple[int, int]:
        """First and last hash."""
        return self.start, self.end


class ShardMap:
    """All shards of a stream, by number, and the `open` ones, in the order of their hashes."""

    def __init__(self, n: int):
        self.all = [Shard(i, *ends) for i, ends in enumerate(hash_ranges(n))]
        self.open = list(self.all)

    def route(self, key: str | int) -> Shard:
        """The open shard of a partition key, or of an explicit hash key."""
        hashed = hash_key(key) if isinstance(key, str) else key
        return self.open[self._place(hashed)]

    def split(self, shard: Shard, at: int | None = None) -> list[Shard]:
        """Close a shard and open two in its place; errors as of `split`."""
        return self._replace((shard,), split(shard.range, at))

    def merge(self, a: Shard, b: Shard) -> Shard:
        """Close two adjacent shards and open one in their place; errors as of `merge`."""
        return self._replace((a, b), [merge(a.range, b.range)])[0]

    def is_open(self, shard: Shard) -> bool:
        """Whether it has been neither split nor merged."""
        return self.open[self._place(shard.start)] == shard

    def _place(self, hashed: int) -> int:
        return bisect_right(self.open, hashed, key=lambda shard: shard.start) - 1

    def _replace(self, parents, ranges) -> list[Shard]:
        for shard in parents:
            if not self.is_open(shard):
                raise ValueError(f"shard {shard.id} is closed")
            del self.open[self._place(shard.start)]
        ids = tuple(shard.id for shard in parents)
        children = [Shard(len(self.all) + i, *ends, ids) for i, ends in enumerate(ranges)]
        self.all += children
        for child in children:
            insort(self.open, child, key=lambda shard: shard.start)
        return children


# -- how much ----------------------------------------------------------------------------------

def batch_records(size: float, batch: int, most_bytes: float = PUT_BYTES) -> int:
    """Records of `size` bytes that a PutRecords call of at most `batch` really holds."""
    return max(1, min(batch, PUT_RECORDS, int(most_bytes // size)))


def charged_bytes(size: float, batch: int = 1) -> float:
    """What a record of `size` bytes takes of a shard's bytes per second, in calls of `batch`.

    PutRecord rounds a record up to the next KB, PutRecords the sum of its call. Source: Kinesis
    Developer Guide, troubleshooting producers.
    """
    return math.ceil(batch * size / KB) * KB / batch


def packed(rate: float, size: float):
    """Records of `size` bytes that the producer library packs into one, of `rate` a second that
    go to a shard: as many as come while it waits, as fit into an aggregate. Takes arrays, too."""
    return np.clip(rate * BUFFER_TIME, 1.0, max(1.0, AGGREGATE_BYTES // size))


def aggregated(rate: float, size: float) -> tuple[float, float]:
    """Kinesis records per second, and bytes of each, that `rate` a second of `size` bytes to one
    shard become. Source: Kinesis Producer Library, key concepts and default_config."""
    each = float(packed(rate, size))
    return rate / each, each * size


def put_units(size):
    """PUT payload units of a Kinesis record of `size` bytes, begun ones as whole; arrays, too."""
    return np.ceil(size / PUT_UNIT)


# -- how many ----------------------------------------------------------------------------------

def shards_needed(records: float, size: float, consumers: int = 1, fan_out: str = SHARED) -> int:
    """Shards for `records` a second and `size` bytes a second, read by so many consumers.

    Enhanced fan-out gives each consumer as much as a shard can be written twice over, so it never
    needs more. Source: Kinesis Developer Guide, how do I size a stream; and 1,000 records/s.
    """
    readers = consumers if fan_out == SHARED else 1
    return max(1, math.ceil(max(size / SHARD_BYTES, size * readers / READ_BYTES,
                                records / SHARD_RECORDS)))


def ondemand_capacity(peak_bytes: float) -> float:
    """Bytes/s that an on-demand stream takes after a peak of so many in the last 30 days: twice
    that, and never less than a new stream. Source: Kinesis Developer Guide, how do I size."""
    return max(ONDEMAND_BYTES, 2.0 * peak_bytes)


# -- how long ----------------------------------------------------------------------------------

def catch_up_time(outage: float, write_rate: float, read_rate: float) -> float:
    """Seconds until a consumer that was away for `outage` s has read all; inf if it never has.

    outage x w / (r - w): the pile, over what it reads beyond what arrives. Rates in one unit.
    """
    if not outage * write_rate:
        return 0.0
    return outage * write_rate / (read_rate - write_rate) if read_rate > write_rate else math.inf


def read_rate(consumers: int, fan_out: str) -> float:
    """Bytes/s that each consumer can read of a shard. Source: Kinesis API, GetRecords and
    RegisterStreamConsumer."""
    return FAN_OUT_BYTES if fan_out == ENHANCED else READ_BYTES / consumers


def propagation(consumers: int, fan_out: str = SHARED) -> float:
    """Mean time from put to read, s, of consumers that keep up: they share five calls a second
    per shard, or get records pushed. Source: Kinesis Developer Guide, enhanced consumers."""
    if fan_out == ENHANCED:
        return factbook.value("kinesis.latency_efo_ms") / 1000
    return consumers / factbook.value("kinesis.get_records_tps")


# -- how dear ----------------------------------------------------------------------------------

def cost(mode: str, fan_out: str, *, hours: float, shard_hours: float, units: float,
         gb_in: float, gb_out: float, consumers: int) -> dict[str, float]:
    """{line: USD} of a stream: gb_in written, gb_out read by all `consumers` together."""
    price = factbook.value
    if mode == ON_DEMAND:
        return {"Stream hours": hours * price("kinesis.price_ondemand_stream_hour"),
                "Data written": gb_in * price("kinesis.price_ondemand_in_gb"),
                "Data read": gb_out * price("kinesis.price_ondemand_out_gb")}
    lines = {"Shard hours": shard_hours * price("kinesis.price_shard_hour"),
             "PUT payload units": units / 1e6 * price("kinesis.price_put_unit_million")}
    if fan_out == ENHANCED:
        hours = shard_hours * consumers
        lines["Fan-out, shard hours"] = hours * price("kinesis.price_efo_shard_hour")
        lines["Fan-out, data"] = gb_out * price("kinesis.price_efo_gb")
    return lines
