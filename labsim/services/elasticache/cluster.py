"""Amazon ElastiCache: nodes that keep answers in memory, and who has which key.

Picture a library's shelf in several cabinets. A label on each book says which cabinet it belongs
into. When a cabinet is carried out, its books are gone; and if the labels are worked out from the
number of cabinets, nearly all of the others are now looked for in the wrong place.

*Models:* nodes of so many items, least recently used out first; keys shared out by their number
modulo the nodes, or by a ring of points (consistent hashing); Memcached's loss of a node; Redis's
shards with replicas, failover, and without; until when a lost node is replaced; memory that Redis
keeps back. *Leaves out:* a second loss of the same shard meanwhile, cluster-mode resharding,
writes that were not replicated yet, connection limits, sampled LRU, Redis's data types.

Data plane: request-level, exact LRU in each node; who asks is an `Application`.
"""


import numpy as np

from labsim.declare import Component, Count, Line, Metric, Panel, share
from labsim.engine import LruCache, Order, Simulation
from labsim.errors import LabsimError, ParameterError, require, require_each, unknown
from labsim.services.elasticache.rules import (
    ENGINES,
    FAILOVER,
    MEMCACHED,
    NODES_MAX,
    REDIS,
    REPLACE,
    REPLICAS_MAX,
    by_modulo,
    by_ring,
    items_that_fit,
    moved,
)

PRICE = 0.034       # USD per node and hour, of a small node; an assumption


class Cluster(Component):
    """`nodes` of `room` items each, for keys numbered below `keys`; `where[key]` is its node.

    Instead of `room`, `memory` of a node and size of an `item`, bytes. engine: "memcached", or
    "redis", whose nodes (shards) may have `replicas` each. ring: keys are found by consistent
    hashing, else by modulo. price: USD per node and hour. A node that is away answers nothing.
    """

    METRICS = (
        Count("evictions", "items", "items thrown out for want of room", "lower",
              lambda c: c.evictions),
        Count("items_end", "items", "items in the cache at the end", "", lambda c: c.items),
        Metric("keys_moved_share", "", "part of the keys that were looked for elsewhere after a "
               "loss", "lower", lambda c: c.moved_share),
        Metric("replacing_s", "s", "how long lost nodes were away until they were replaced, at "
               "most to the run's end", "lower", lambda c: c.replacing),
        Metric("busiest_node_rate", "req/s", "reads per second of the node that is asked most",
               "lower", lambda c: c.asked.max() / c.sim.duration),
        Metric("busiest_node_share", "", "its part of all reads of the cache", "lower",
               lambda c: share(c.asked.max(), c.asked.sum())))
    PANELS = (Panel("Nodes that answer", (Line("nodes", "nodes", step=True),),
                    marks=("lost", "back")),)
    shows = (("nodes", "nodes"),)

    def __init__(self, sim: Simulation, name: str, *, keys: int, nodes: int = 1,
                 room: int | None = None, memory: float = 0.0, item: float = 1_024.0,
                 engine: str = MEMCACHED, replicas: int = 0, ring: bool = True,
                 price: float = PRICE):
        super().__init__(sim, name)
        if engine not in ENGINES:
            raise unknown("engine", engine, ENGINES)
        require("keys", keys, 1, whole=True)
        require("nodes", nodes, 1, whole=True)
        require("replicas", replicas, whole=True)
        if replicas > (REPLICAS_MAX if engine == REDIS else 0):
            raise ParameterError("replicas", replicas,
                                 f"at most {REPLICAS_MAX} on {REDIS}, none on {MEMCACHED}")
        if nodes * (1 + replicas) > NODES_MAX[engine]:
            raise ParameterError("nodes", nodes, f"at most {NODES_MAX[engine]} on {engine}, "
                                                 f"replicas included")
        require("memory", memory, unit="bytes")
        require("item", item, above=True, unit="bytes")
        if room is None and not memory:
            raise ParameterError("room", room, "items per node, or memory and item in bytes")
        self.room = items_that_fit(memory, item, engine) if room is None else room
        require_each(room=self.room, price=price)
        self.keys, self.spread = keys, by_ring if ring else by_modulo
        self.engine, self.replicas, self.price = engine, replicas, price
        self.caches = [LruCache(self.room) for _ in range(nodes)]
        self.all = list(range(nodes))
        self.where: list[int] = []
        self.asked = np.zeros(nodes)            # reads of each node
        self.away = [False] * nodes
        self.moved_share = 0.0
        self._gone: list[tuple[float, float]] = []      # from when to when nodes were away, s
        self.users: list[Component] = []        # applications; they advance before anything changes
        self._look_in(self.all)
        self.record.level("nodes", 0.0, nodes)

    def wired(self) -> None:
        """Somebody has to ask it."""
        if not self.users:
            raise LabsimError(f"nobody asks {self.name}: elasticache.Application(sim, name, cache, "
                              f"database, ...) does")

    @property
    def items(self) -> int:
        """How many there are in all nodes."""
        return sum(map(len, self.caches))

    @property
    def evictions(self) -> int:
        """Items thrown out for want of room."""
        return sum(cache.evictions for cache in self.caches)

    @property
    def replacing(self) -> float:
        """How long lost nodes were away until they were replaced, s; the longest of all."""
        end = self.sim.duration
        return max((min(back, end) - at for at, back in self._gone if at < end), default=0.0)

    def ask(self, keys: np.ndarray) -> None:
        """Count reads of these keys by their node."""
        self.asked += np.bincount(self._places[keys], minlength=len(self.all))

    # -- failures ------------------------------------------------------------------------------

    def fail(self, at: float, nodes: int = 1, *, failover: float = FAILOVER,
             replace: float = REPLACE) -> None:
        """The first so many nodes fail at `at` s. With replicas they answer again after `failover`
        s, with all that they held, and the shard has all its nodes again after `replace` s; else it
        is gone, and there are new nodes after `replace` s."""
        for what, value in (("at", at), ("failover", failover), ("replace", replace)):
            self.require(what, value, unit="s")
        self.require("nodes", nodes, 1, len(self.all), whole=True)
        failing = self._failing_over(at, self.all[:nodes], failover) if self.replicas else (
            self._losing(at, self.all[:nodes], replace))
        self.sim.process(failing)
        self._gone.append((at, at + replace))
        if self.replicas:
            self.sim.process(self._replacing(at + replace))

    def _at(self, t: float, answering: int):
        """Wait until `t` s, when all requests before it have been answered; from then on so many
        nodes are `answering`."""
        yield self.sim.until(t, Order.CAPACITY)
        for user in self.users:
            user.advance(self.sim.now)
        self.record.level("nodes", t, answering)

    def _set_away(self, nodes: list[int], away: bool) -> None:
        for node in nodes:
            self.away[node] = away

    def _failing_over(self, at: float, gone: list[int], failover: float):
        yield from self._at(at, len(self.all) - len(gone))
        self._set_away(gone, True)
        self.log("lost", f"{len(gone)} of {len(self.all)} nodes fail; their replicas will take "
                         f"over")
        yield from self._at(at + failover, len(self.all))
        self._set_away(gone, False)
        self.log("back", "the replicas answer, with all that there was")

    def _replacing(self, at: float):
        yield self.sim.until(at, Order.METRIC)
        self.log("replaced", "new nodes are there as replicas; a shard may lose one again")

    def _losing(self, at: float, gone: list[int], replace: float):
        yield from self._at(at, len(self.all) - len(gone))
        items = self._clear(gone)
        self.log("lost", f"{len(gone)} of {len(self.all)} nodes are lost with {items:,} items")
        if self.engine == REDIS:
            self._set_away(gone, True)      # a shard is not answered for by others
        else:
            before = self.where
            self._look_in([node for node in self.all if node not in gone] or self.all)
            self.moved_share = moved(before, self.where)
            self.log("moved", f"{self.moved_share:.0%} of the keys are looked for elsewhere now")
        yield from self._at(at + replace, len(self.all))
        self._set_away(gone, False)
        self._look_in(self.all)
        self.log("back", "new nodes, empty")

    def _look_in(self, nodes: list[int]) -> None:
        """Clients know of these nodes only, and look for all keys there."""
        self._places = self.spread(self.keys, nodes)
        self.where = self._places.tolist()

    def _clear(self, nodes: list[int]) -> int:
        """These nodes forget all; how many items they had."""
        items = sum(len(self.caches[node]) for node in nodes)
        for node in nodes:
            self.caches[node].clear()
        return items

    # -- at the end of the run -----------------------------------------------------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Nodes that answer."""
        return {"nodes": (self.record.sampled("nodes"), "nodes")}

    def cost(self) -> dict[str, float]:
        """Nodes by the hour, replicas included."""
        copies = len(self.all) * (1 + self.replicas)
        return {"cache": copies * self.price * (self.sim.duration / 3_600)}
