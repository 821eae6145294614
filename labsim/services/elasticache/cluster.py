"""Amazon ElastiCache: nodes that keep answers in memory, and who has which key.

Picture pigeonholes behind a counter, in several cabinets. A label on each letter says which cabinet
it belongs into. When a cabinet is carried out, its letters are gone; and if the labels are worked
out from the number of cabinets, nearly all of the others are now looked for in the wrong place.

*Models:* nodes of so many items, least recently used out first; keys shared out by their number
modulo the nodes, or by a ring of points (consistent hashing); Memcached's loss of a node; Redis's
shards with replicas, failover, and without; memory that Redis keeps back.
*Leaves out:* cluster-mode resharding, writes that were not replicated yet, connection limits,
sampled LRU, Redis's data types.

Data plane: request-level, exact LRU in each node.
"""

import numpy as np

from labsim import factbook
from labsim.engine import LruCache, scatter

REDIS, MEMCACHED = ENGINES = "redis", "memcached"
RESERVED = factbook.value("ec.reserved_memory") / 100
POINTS = 160        # of each node on the ring, as usual clients have it
NODES = 1 << 40     # points are numbered from here, keys from 0


def items_that_fit(memory: float, item: float, reserved: float = RESERVED) -> int:
    """Items of `item` bytes in a node of `memory` bytes, of which Redis keeps a share back."""
    return int(memory * (1 - reserved) // item)


def by_modulo(keys: int, nodes: list[int]) -> np.ndarray:
    """The node of each key, (keys,): its number modulo how many nodes there are."""
    return np.array(nodes)[np.arange(keys) % len(nodes)]


def by_ring(keys: int, nodes: list[int]) -> np.ndarray:
    """The node of each key, (keys,): the next of all nodes' points on a ring of hashes."""
    nodes = np.array(nodes)
    points = scatter(nodes[:, None] * POINTS + np.arange(POINTS) + NODES).ravel()
    order = np.argsort(points)
    after = np.searchsorted(points[order], scatter(np.arange(keys)), side="right")
    return nodes[order[after % len(points)] // POINTS]


def moved(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the keys whose node is another one."""
    return float(np.mean(before != after))


def moved_by_modulo(before: int, after: int) -> float:
    """Share of very many keys that moves from `before` to `after` nodes by modulo: all but those
    with the same remainder."""
    cycle = np.arange(np.lcm(before, after))
    return float(np.mean(cycle % before != cycle % after))


def lost_by_ring(nodes: int) -> float:
    """Share of the keys that moves on average when one of `nodes` on a ring is gone: its own."""
    return 1 / nodes


class Cluster:
    """`nodes` caches of `room` items each; `where[key]` is the node of each key.

    consistent: keys are on a ring, else by modulo. A node that is away answers nothing.
    """

    def __init__(self, keys: int, nodes: int, room: int, *, consistent: bool = True):
        self.keys, self.spread = keys, by_ring if consistent else by_modulo
        self.caches = [LruCache(room) for _ in range(nodes)]
        self.all = list(range(nodes))
        self.where = self.spread(keys, self.all).tolist()
        self.away = [False] * nodes

    def fail_over(self, node: int) -> None:
        """A node does not answer; its replica will, with all that it holds."""
        self.away[node] = True

    def recover(self, node: int) -> None:
        """It answers again."""
        self.away[node] = False

    def lose(self, node: int) -> int:
        """A node's items are gone; how many."""
        gone = len(self.caches[node])
        self.caches[node].clear()
        return gone

    def without(self, nodes: list[int]) -> None:
        """Clients know of the other nodes only, and look for all keys there."""
        left = [node for node in self.all if node not in nodes] or self.all
        self.where = self.spread(self.keys, left).tolist()

    @property
    def items(self) -> int:
        """How many there are in all nodes."""
        return sum(map(len, self.caches))
