"""Amazon Kinesis Data Streams, the arithmetic: how much, how many, how long.

Picture the rules that hang behind the counters of a post office: so many letters and so many
kilos a minute for each clerk, a parcel counts as one letter, and what is read at the tapes.

*Models:* limits of a shard, rounding of sizes, batches, aggregation as in the producer library,
shards needed, on-demand capacity, the time to catch up, GetRecords calls, propagation delay.
*Leaves out:* encryption, checkpoints, limits on control calls. Which shard a key goes to is in
`routing`, what it costs in `bill`, the stream that moves in `stream`.
"""

import math
from dataclasses import dataclass

import numpy as np

from labsim import factbook
from labsim.services.common.delays import Delay

SHARD_BYTES = factbook.value("kinesis.shard_write_bytes_per_s")
SHARD_RECORDS = factbook.value("kinesis.shard_write_records_per_s")
READ_BYTES = factbook.value("kinesis.read_bytes_per_s_shared")
FAN_OUT_BYTES = factbook.value("kinesis.efo_bytes_per_s")
GET_CALLS = factbook.value("kinesis.get_records_tps")               # calls/s of a shard
GET_RECORDS = factbook.value("kinesis.get_records_records_max")     # of a call
GET_BYTES = factbook.value("kinesis.get_records_bytes_max")
POLL_INTERVAL = factbook.value("kinesis.poll_interval_s")
PUT_RECORDS = int(factbook.value("kinesis.put_records_max"))
PUT_BYTES = factbook.value("kinesis.put_records_bytes_max")
AGGREGATE_BYTES = factbook.value("kinesis.kpl_aggregation_bytes")
BUFFER_TIME = factbook.value("kinesis.kpl_buffer_ms") / 1000
ONDEMAND_BYTES = factbook.value("kinesis.ondemand_initial_write")
KB, GB = 1024, 2**30
SHARED, ENHANCED = "shared", "enhanced"
LIBRARY, MAPPING = "library", "lambda"      # who reads: the client library, or a Lambda mapping
# s from the poll that finds a record to a function: what is left of half of the records' delays
MAPPING_POLLED = factbook.value("kinesis.mapping_p50_ms") / 1000 - POLL_INTERVAL / 2
MAPPING_PUSHED = Delay.measured("kinesis.mapping_efo_p10_ms", "kinesis.mapping_efo_p50_ms",
                                "kinesis.mapping_efo_p90_ms")
PROVISIONED, ON_DEMAND = "provisioned", "on-demand"


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


def retry_waits(retries: int, wait: float) -> list[tuple[float, float]]:
    """Shortest and longest wait before each retry, about `wait`, s."""
    return [(0.5 * wait, 1.5 * wait)] * retries


def packed(rate: float, size: float):
    """Records of `size` bytes that the producer library packs into one, of `rate` a second that
    go to a shard: as many as come while it waits, as fit into an aggregate. Takes arrays, too."""
    return np.clip(rate * BUFFER_TIME, 1.0, max(1.0, AGGREGATE_BYTES // size))


@dataclass(frozen=True)
class Puts:
    """How records of `size` bytes are put: so many in a call, and whether the producer library
    packs them. call_bytes: the most that a PutRecords call carries."""

    size: float
    batch: int = PUT_RECORDS
    aggregation: bool = False
    call_bytes: float = PUT_BYTES

    @property
    def full(self) -> int:
        """Records in a full Kinesis record: 1 without aggregation."""
        return max(1, int(AGGREGATE_BYTES // self.size)) if self.aggregation else 1

    @property
    def charged(self) -> float:
        """Bytes that a record takes of its shard's limit, its share of the rounding included."""
        size = self.full * self.size
        batch = batch_records(size, self.batch, self.call_bytes)
        return charged_bytes(size, batch) / self.full

    def limit(self, records: float = SHARD_RECORDS, size: float = SHARD_BYTES) -> float:
        """Records/s in a shard's `records`/s and bytes/s, whichever is reached first.

        An aggregate counts as one record. While fewer come than fill it, the limit of records is
        far away, so that of full ones will do.
        """
        return min(records * self.full, size / self.charged)

    def each(self, rate: np.ndarray):
        """Records in each Kinesis record of a shard that takes so many a second."""
        return packed(rate, self.size) if self.aggregation else 1.0


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


def read_rate(consumers: int, fan_out: str, poll_interval: float = 0.0) -> float:
    """Bytes/s that each consumer can read of a shard. Source: Kinesis API, GetRecords and
    RegisterStreamConsumer."""
    if fan_out == ENHANCED:
        return FAN_OUT_BYTES
    return min(READ_BYTES / consumers, GET_BYTES / propagation(consumers, fan_out, poll_interval))


def call_rates(consumers: int, fan_out: str, poll_interval: float) -> tuple[float, float]:
    """GetRecords calls/s that a shard gets from consumers who each call once per `poll_interval` s,
    and how many of them it refuses. Source: Kinesis API, GetRecords."""
    asked = consumers / poll_interval if fan_out == SHARED else 0.0
    return asked, max(0.0, asked - GET_CALLS)


def propagation(consumers: int, fan_out: str = SHARED, poll_interval: float = 0.0) -> float:
    """Mean time from put to read, s, of consumers that keep up: the time between two GetRecords
    calls that a shard answers, of which it answers all consumers together five a second; or that
    of a push. poll_interval: s between two calls of a consumer; 0: as often as they may.

    Source: Kinesis Developer Guide, enhanced consumers: 200 ms for one consumer, 1,000 ms for five.
    """
    if fan_out == ENHANCED:
        return factbook.value("kinesis.latency_efo_ms") / 1000
    return max(poll_interval, consumers / GET_CALLS)
