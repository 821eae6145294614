"""Amazon DynamoDB in numbers: what a request is charged, and what a table may do.

Picture a post office that charges by weight. A letter up to so many grams is one stamp, a heavier
one two, registered mail twice as many.

*Models:* units of reads, writes, queries and transactions by size; size of an item; on-demand's
double of the highest peak; the thresholds of auto scaling; partitions, what each may do, and the
keys in them.
*Leaves out:* batches, which are charged item by item; `bill` has the prices.

Arithmetic only; requests in time are in `table`.
"""

import math
from collections.abc import Mapping

import numpy as np

from labsim import factbook
from labsim.engine import scatter

READ_BYTES, WRITE_BYTES = factbook.value("ddb.rcu_bytes"), factbook.value("ddb.wcu_bytes")
STRONG, EVENTUAL, TRANSACTIONAL = CONSISTENCIES = "strong", "eventual", "transactional"
READ_FACTOR = {STRONG: 1.0, EVENTUAL: 0.5, TRANSACTIONAL: 2.0}
PARTITION_READS = factbook.value("ddb.partition_rcu_max")
PARTITION_WRITES = factbook.value("ddb.partition_wcu_max")
PARTITION = np.array([PARTITION_READS, PARTITION_WRITES])       # units/s of reads and of writes
REPLICAS = factbook.value("ddb.replicas")
PARTITION_BYTES = factbook.value("ddb.partition_size_bytes")
BURST_WINDOW = factbook.value("ddb.burst_window_s")
NEW_READS, NEW_WRITES = factbook.value("ddb.ondemand_rru"), factbook.value("ddb.ondemand_wru")
HIGH_SECONDS, LOW_SECONDS = 120, 900            # of auto scaling's alarms; ddb.autoscale_alarms
LOW_POINTS = 0.2                                # under the target before it scales in
FIRST_DECREASES = 4                             # within an hour, then one an hour; ddb.decreases
PROVISIONED, ON_DEMAND = MODES = "provisioned", "on-demand"


def read_units(item: float | Mapping, consistency: str = STRONG) -> float:
    """Units of reading an item, its bytes or the item itself; one that isn't there is charged as
    the smallest."""
    return max(1, math.ceil(in_bytes(item) / READ_BYTES)) * READ_FACTOR[consistency]


def write_units(item: float | Mapping, transactional: bool = False, before: float = 0.0) -> float:
    """Units of writing an item that had `before` bytes: the larger counts, all of it."""
    size = max(in_bytes(item), before)
    return max(1, math.ceil(size / WRITE_BYTES)) * (2.0 if transactional else 1.0)


def query_units(size: float, consistency: str = STRONG) -> float:
    """Units of a Query or Scan that reads `size` bytes in all: rounded once."""
    return read_units(size, consistency)


def in_bytes(item: float | Mapping) -> float:
    """Bytes of an item that is given by them, or as it is."""
    return item_size(item) if isinstance(item, Mapping) else item


def item_size(item: Mapping) -> int:
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


def first_partitions(mode: str, reads: float, writes: float) -> int:
    """Partitions of a table that takes so many units/s: on demand enough for all reads or all
    writes, so that a new one has four."""
    if mode == PROVISIONED:
        return partitions(reads, writes)
    full = max(reads / PARTITION_READS, writes / PARTITION_WRITES)
    return max(1, math.ceil(full - 1e-9))       # of sums of floats


def partition_limits(consistency: str = STRONG) -> np.ndarray:
    """Units/s of reads and of writes that a partition serves, (2,). Strong reads all go to one of
    its replicas, eventual ones to any: each replica reads as much, and is charged half."""
    spread = REPLICAS * READ_FACTOR[EVENTUAL] if consistency == EVENTUAL else 1.0
    return PARTITION * (spread, 1.0)


def on_demand(peak: float, least: float = NEW_WRITES) -> float:
    """Units/s that an on-demand table takes at once: twice its highest peak, or what a new one
    takes, or what it had when it was provisioned (`least`)."""
    return max(2.0 * peak, least)


def switched(reads: float, writes: float) -> tuple[float, float]:
    """Read and write units/s of a provisioned table that is switched to on-demand."""
    return max(reads, NEW_READS), max(writes, NEW_WRITES)


def at_first(mode: str, reads: float, writes: float, peak: float = 0.0) -> tuple[float, float]:
    """Read and write units/s that a table takes at first: those provisioned; on demand what it
    takes after a highest `peak`, and after so many were provisioned."""
    if mode == PROVISIONED:
        return reads, writes
    reads, writes = switched(reads, writes)
    return on_demand(peak, reads), on_demand(peak, writes)


def thresholds(capacity: float, target: float) -> tuple[float, float]:
    """Consumption above which auto scaling scales out, and up to which it scales in; target: a
    share."""
    return target * capacity, max(0.0, target * capacity - LOW_POINTS * capacity)


def scaled(consumed: float, target: float) -> float:
    """The capacity that auto scaling sets."""
    return consumed / target


def on_partition(keys: int, parts: int) -> np.ndarray:
    """The partition of each key, (keys,): as good as random, and always the same."""
    return (scatter(np.arange(keys)) % np.uint64(parts)).astype(np.int64)


def in_partitions(keys: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """The partition of each key, and the keys in the order of partition and hash, (keys,) each."""
    where = on_partition(keys, parts)
    return where, np.lexsort((scatter(np.arange(keys)), where))


def partition_shares(keys: np.ndarray, parts: int) -> np.ndarray:
    """What comes to each of `parts` partitions, (parts,), of what comes to each key, (keys,)."""
    return np.bincount(on_partition(len(keys), parts), keys, minlength=parts)
