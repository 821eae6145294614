"""The arithmetic of Amazon ElastiCache: what fits into a node, and which node has which key.

Picture labels on letters: worked out from the number of cabinets, nearly all are wrong when one
cabinet is gone; read off a ring on which each cabinet has many marks, only its own are.

*Models:* memory that Redis keeps back; how many nodes a cluster may have; how long a failover and
a new node take; keys by modulo, and by consistent hashing (Karger et al., STOC 1997).
*Leaves out:* overhead per item, slots of Redis's cluster mode.
"""

import numpy as np

from labsim import factbook
from labsim.engine import scatter
from labsim.errors import require, require_each, unknown

REDIS, MEMCACHED = ENGINES = "redis", "memcached"
NONE, LAZY, THROUGH, SESSIONS = STRATEGIES = "no-cache", "lazy-loading", "write-through", "sessions"
RESERVED = {REDIS: factbook.value("ec.reserved_memory") / 100, MEMCACHED: 0.0}
REPLICAS_MAX = int(factbook.value("ec.replicas_max"))
NODES_MAX = {REDIS: int(factbook.value("ec.redis_nodes")),        # replicas included
             MEMCACHED: int(factbook.value("ec.memcached_nodes"))}
FAILOVER = factbook.value("ec.failover_s")      # s until a replica answers for a failed node
REPLACE = factbook.value("ec.replace_s")        # s until there is a new node
POINTS = 160        # of each node on the ring, as usual clients have it
NODES = 1 << 40     # points are numbered from here, keys from 0


def refuse_nonsense(strategy: str, *, jitter: float, **values: float) -> None:
    """`ParameterError` for a strategy that there is not, a time or exponent below 0."""
    if strategy not in STRATEGIES:
        raise unknown("strategy", strategy, STRATEGIES)
    require_each(**values)
    require("jitter", jitter, 0, 1)


def items_that_fit(memory: float, item: float, engine: str = REDIS) -> int:
    """Items of `item` bytes in a node of `memory` bytes, of which Redis keeps a share back."""
    return int(memory * (1 - RESERVED[engine]) // item)


def by_modulo(keys: int | np.ndarray, nodes: list[int]) -> np.ndarray:
    """The node of each key, (keys,): its number modulo how many nodes there are. keys: so many,
    numbered from 0, or their numbers."""
    return np.array(nodes)[numbers(keys) % len(nodes)]


def by_ring(keys: int | np.ndarray, nodes: list[int]) -> np.ndarray:
    """The node of each key, (keys,): the next of all nodes' points on a ring of hashes. keys: as
    `by_modulo` has them."""
    nodes = np.array(nodes)
    points = scatter(nodes[:, None] * POINTS + np.arange(POINTS) + NODES).ravel()
    order = np.argsort(points)
    after = np.searchsorted(points[order], scatter(numbers(keys)), side="right")
    return nodes[order[after % len(points)] // POINTS]


def numbers(keys: int | np.ndarray) -> np.ndarray:
    """The numbers of so many keys, or those given."""
    return np.arange(keys) if isinstance(keys, int) else keys


def moved(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the keys whose node is another one."""
    return float(np.mean(np.not_equal(before, after)))
