"""DynamoDB Accelerator (DAX): two caches in front of a table.

Picture a notice board beside the counter. What was asked for lately is written on it; a second
board holds whole lists as they were read out. Who writes a letter also updates its line on the
first board, but nobody tells the second one.

*Models:* an item cache that holds so many items for their TTL, and a query cache with a TTL of its
own; only eventually consistent reads use them.
*Leaves out:* nodes that fill separately, negative entries, the size of lists.

Hit ratios are those of theory, of a cache that has run for a while: Che's approximation, and that
of a TTL; where both limit, the smaller one (the truth is a little below).
"""

import numpy as np

from labsim import factbook

HIT_LATENCY = factbook.value("dax.hit_latency_s")
MISS_LATENCY = factbook.value("ddb.latency_s")


def hit_ratios(rates: np.ndarray, by_room: np.ndarray, by_ttl: np.ndarray) -> np.ndarray:
    """Share of the reads of each item that the cache answers, (items,): what its room allows, and
    what its TTL does; rates: of the reads, per second."""
    return np.where(rates > 0, np.minimum(by_room, by_ttl), 0.0)
