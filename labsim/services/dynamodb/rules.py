"""Amazon DynamoDB in numbers: what a request is charged, what a table may do, and what it costs.

Picture a post office that charges by weight. A letter up to so many grams is one stamp, a heavier
one two, registered mail twice as many; who buys stamps for the whole day pays for those he doesn't
use, and who buys them one by one pays more for each.

*Models:* units of reads, writes, batches, queries and transactions by size; size of an item;
on-demand's double of the highest peak; the thresholds of auto scaling; partitions; prices.
*Leaves out:* storage, backups, streams, global tables, reserved capacity.

Arithmetic only; requests in time are in `dynamodb_table`.
"""

import math
from collections.abc import Sequence

import numpy as np

from labsim import factbook
from labsim.engine import scatter

READ_BYTES, WRITE_BYTES = factbook.value("ddb.rcu_bytes"), factbook.value("ddb.wcu_bytes")
STRONG, EVENTUAL, TRANSACTIONAL = CONSISTENCIES = "strong", "eventual", "transactional"
READ_FACTOR = {STRONG: 1.0, EVENTUAL: 0.5, TRANSACTIONAL: 2.0}
PARTITION_READS = factbook.value("ddb.partition_rcu_max")
PARTITION_WRITES = factbook.value("ddb.partition_wcu_max")
PARTITION_BYTES = factbook.value("ddb.partition_size_bytes")
BURST_WINDOW = factbook.value("ddb.burst_window_s")
NEW_READS, NEW_WRITES = factbook.value("ddb.ondemand_rru"), factbook.value("ddb.ondemand_wru")
BATCH_BYTES, BATCH_ITEMS = 16_000_000, 100      # of a BatchGetItem; ddb.batch_get
HIGH_SECONDS, LOW_SECONDS = 120, 900            # of auto scaling's alarms; ddb.autoscale_alarms
LOW_POINTS = 0.2                                # under the target before it scales in
FIRST_DECREASES = 4                             # and one more in each further hour
WRITE_PRICE = factbook.value("ddb.price_wru_million") / 1e6
READ_PRICE = factbook.value("ddb.price_rru_million") / 1e6
WRITE_HOUR, READ_HOUR = factbook.value("ddb.price_wcu_hour"), factbook.value("ddb.price_rcu_hour")


def read_units(size: float, consistency: str = STRONG) -> float:
    """Units of reading an item of `size` bytes; one that isn't there is charged as the smallest."""
    return max(1, math.ceil(size / READ_BYTES)) * READ_FACTOR[consistency]


def write_units(size: float, transactional: bool = False, before: float = 0.0) -> float:
    """Units of writing an item of `size` bytes that had `before`: the larger counts, all of it."""
    return max(1, math.ceil(max(size, before) / WRITE_BYTES)) * (2.0 if transactional else 1.0)


def batch_read_units(sizes: Sequence[float], consistency: str = STRONG) -> float:
    """Units of a BatchGetItem: each item is rounded."""
    return sum(read_units(size, consistency) for size in sizes)


def batch_write_units(sizes: Sequence[float]) -> float:
    """Units of a BatchWriteItem: each item is rounded."""
    return sum(write_units(size) for size in sizes)


def query_units(size: float, consistency: str = STRONG) -> float:
    """Units of a Query or Scan that reads `size` bytes in all: rounded once."""
    return read_units(size, consistency)


def batch_returned(count: int, size: float) -> int:
    """How many of `count` items of `size` bytes a BatchGetItem returns; the rest is handed back as
    UnprocessedKeys."""
    return min(count, BATCH_ITEMS, int(BATCH_BYTES // size) if size else count)


def bytes_per_second(units: float, consistency: str = STRONG, write: bool = False) -> float:
    """What so many units a second read (or write) of items that fill them, bytes/s."""
    if write:
        return units * WRITE_BYTES / (2 if consistency == TRANSACTIONAL else 1)
    return units * READ_BYTES / READ_FACTOR[consistency]


def item_size(item) -> int:
    """Bytes of an item (a dict of attributes), names and values, as DynamoDB counts them: text and
    bytes as they are, a number a byte for two digits and one more, lists and maps three more and
    one for each element, booleans and nothing one."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value) -> int:
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    if isinstance(value, dict):
        return 3 + len(value) + item_size(value)
    if isinstance(value, (list, tuple)):
        return 3 + len(value) + sum(map(_value_size, value))
    if isinstance(value, (set, frozenset)):
        return sum(map(_value_size, value))
    digits = len(f"{value:.15g}".lstrip("-0.").replace(".", "").split("e")[0].rstrip("0")) or 1
    return math.ceil(digits / 2) + 1 + (value < 0)


def partitions(reads: float, writes: float, size: float = 0.0) -> int:
    """Partitions of a table with such capacity and so many bytes (an older guide's formula)."""
    return max(1, math.ceil(reads / PARTITION_READS + writes / PARTITION_WRITES),
               math.ceil(size / PARTITION_BYTES))


def on_demand(peak: float, least: float = NEW_WRITES) -> float:
    """Units/s that an on-demand table takes at once: twice its highest peak, or what a new one
    takes, or what it had when it was provisioned (`least`)."""
    return max(2.0 * peak, least)


def switched(reads: float, writes: float) -> tuple[float, float]:
    """Read and write units/s of a provisioned table that is switched to on-demand."""
    return max(reads, NEW_READS), max(writes, NEW_WRITES)


def thresholds(capacity: float, target: float) -> tuple[float, float]:
    """Consumption above which auto scaling scales out, and up to which it scales in; target: a
    share."""
    return target * capacity, max(0.0, target * capacity - LOW_POINTS * capacity)


def scaled(consumed: float, target: float) -> float:
    """The capacity that auto scaling sets."""
    return consumed / target


def decreases(hours: float) -> int:
    """How often capacity may be lowered within so many hours from midnight."""
    return FIRST_DECREASES + max(0, int(hours) - 1)


def provisioned_price(reads: float, writes: float, hours: float) -> float:
    """What so much capacity costs for so many hours, USD."""
    return hours * (reads * READ_HOUR + writes * WRITE_HOUR)


def on_demand_price(reads: float, writes: float) -> float:
    """What so many units cost, USD."""
    return reads * READ_PRICE + writes * WRITE_PRICE


def price_ratio(write: bool = True) -> float:
    """How many times as much a unit costs on demand as one of provisioned capacity that is used."""
    each, hour = (WRITE_PRICE, WRITE_HOUR) if write else (READ_PRICE, READ_HOUR)
    return each * 3_600 / hour


def break_even(write: bool = True) -> float:
    """The utilization of provisioned capacity above which it is cheaper than on-demand."""
    return 1 / price_ratio(write)


def on_partition(keys: int, parts: int) -> np.ndarray:
    """The partition of each key, (keys,): as good as random, and always the same."""
    return (scatter(np.arange(keys)) % np.uint64(parts)).astype(np.int64)
