"""Amazon ElastiCache: nodes that keep answers in memory, and who has which key.

Picture a library's shelf in several cabinets. A label on each book says which cabinet it belongs
into. When a cabinet is carried out, its books are gone; and if the labels are worked out from the
number of cabinets, nearly all of the others are now looked for in the wrong place.

*Models:* nodes of so many items, least recently used out first; keys shared out by their number
modulo the nodes, or by a ring of points (consistent hashing); Memcached's loss of a node; Redis's
shards with replicas, failover, and without; until when a lost node is replaced; memory that Redis
keeps back; flushes, and faults of a node or of all. *Leaves out:* a second loss of the same shard
meanwhile, cluster-mode resharding, writes that were not replicated yet, connection limits, sampled
LRU, Redis's data types.

Data plane: request-level, exact LRU in each node; who asks is an `Application`.
"""

import math

import numpy as np

from labsim.declare import Component, Count, Line, Metric, Panel, share
from labsim.declare.faults import SLOW, FaultKind
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
GONE = FaultKind("it is lost with all its items until it is mended; a replica takes over")
DOWN = FaultKind("no node answers; all items are kept")
FLUSH = FaultKind("all items are gone at that moment", lasting=False)


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
        Metric("keys_moved_share", "of keys", "part of the keys that were looked for elsewhere "
               "after a loss", "lower", lambda c: c.moved_share, label="looked for elsewhere"),
        Metric("replacing_s", "s", "how long lost nodes were away until they were replaced, at "
               "most to the run's end", "lower", lambda c: c.replacing),
        Metric("busiest_node_rate", "req/s", "reads per second of the node that is asked most",
               "lower", lambda c: np.max(c.asked) / c.sim.duration,
               label="at the busiest node, per second"),
        Metric("busiest_node_share", "of reads", "its part of all reads of the cache", "lower",
               lambda c: share(np.max(c.asked), np.sum(c.asked)), label="at the busiest node"))
    PANELS = (Panel("Nodes that answer", (Line("nodes", "nodes", step=True),),
                    marks=("lost", "back")),)
    FAULTS = {"flush": FLUSH, "down": DOWN, "slow": SLOW}
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
        self.asked = [0.0] * nodes              # reads of each node
        self.away = [False] * nodes
        self.slow = 1.0                         # how many times as long its answers take
        self._down = False
        self._lost = [0] * nodes                # for how many reasons each is lost
        self._broken: dict[int, float] = {}     # nodes that a fault has struck, and when, s
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
        gone = [*self._gone, *((at, end) for at in self._broken.values())]
        return max((min(back, end) - at for at, back in gone if at < end), default=0.0)

    def advance(self, now: float) -> None:
        """Let its applications ask until `now`."""
        for user in self.users:
            user.advance(now)

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

    def flush(self, at: float) -> None:
        """All items are gone at `at` s (FLUSHALL)."""
        self.require("at", at, unit="s")
        self.sim.process(self._flushing(at))

    def _until(self, t: float):
        """Wait until `t` s, when all requests before it have been answered."""
        yield self.sim.until(t, Order.CAPACITY)
        self.advance(self.sim.now)

    def _flushing(self, at: float):
        yield from self._until(at)
        self._flush()

    def _flush(self) -> None:
        self.log("flushed", f"{self._clear(self.all):,} items are gone")

    def _failing_over(self, at: float, gone: list[int], failover: float):
        yield from self._until(at)
        self._count(gone, 1)
        self._set_away()
        self.log("lost", f"{len(gone)} of {len(self.all)} nodes fail; their replicas will take "
                         f"over")
        yield from self._until(at + failover)
        self._count(gone, -1)
        self._set_away()
        self.log("back", "the replicas answer, with all that there was")

    def _replacing(self, at: float):
        yield self.sim.until(at, Order.METRIC)
        self.log("replaced", "new nodes are there as replicas; a shard may lose one again")

    def _losing(self, at: float, gone: list[int], replace: float):
        yield from self._until(at)
        self._lose(gone)
        yield from self._until(at + replace)
        self._restore(gone)

    def _lose(self, gone: list[int]) -> None:
        items = self._clear(gone)
        self._count(gone, 1)
        self.log("lost", f"{len(gone)} of {len(self.all)} nodes are lost with {items:,} items")
        if self.engine == REDIS:
            self._set_away()        # a shard is not answered for by others
        else:
            before = self.where
            self._look_in([node for node in self.all if not self._lost[node]] or self.all)
            self.moved_share = moved(before, self.where)
            self.log("moved", f"{self.moved_share:.0%} of the keys are looked for elsewhere now")

    def _restore(self, gone: list[int]) -> None:
        self._count(gone, -1)
        self._set_away()
        self._look_in(self.all if self.engine == REDIS else
                      [node for node in self.all if not self._lost[node]] or self.all)
        self.log("back", "new nodes, empty")

    def _count(self, nodes: list[int], more: int) -> None:
        """So many more reasons for which these nodes do not answer."""
        for node in nodes:
            self._lost[node] += more
        self._note()

    def _note(self) -> None:
        answering = 0 if self._down else self._lost.count(0)
        self.record.level("nodes", self.sim.now, answering)

    def _set_away(self) -> None:
        """Nobody answers for some nodes."""
        for node, lost in enumerate(self._lost):
            self.away[node] = self._down or self.engine == REDIS and lost > 0

    # -- faults --------------------------------------------------------------------------------

    def breakable(self) -> dict:
        """The whole, and each node: "cache-1"."""
        return {self.name: self.FAULTS,
                **{f"{self.name}-{node + 1}": {"lost": GONE} for node in self.all}}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """A node is lost; or all are slow, do not answer, or have forgotten everything."""
        if what == "slow":
            self.slow = math.prod(amounts)
        elif what == "down":
            self._down = bool(amounts)
            self._set_away()
            self._note()
        elif what == "flush":
            if amounts:
                self._flush()
        else:
            node = int(piece.removeprefix(f"{self.name}-")) - 1
            if bool(amounts) != (node in self._broken):
                self._break(node, bool(amounts))

    def _break(self, node: int, broken: bool) -> None:
        now = self.sim.now
        if not broken:
            self._gone.append((self._broken.pop(node), now))
            if not self.replicas:
                self._restore([node])
            return
        self._broken[node] = now
        if self.replicas:
            self.sim.process(self._failing_over(now, [node], FAILOVER))
        else:
            self._lose([node])

    def _look_in(self, nodes: list[int]) -> None:
        """Clients know of these nodes only, and look for all keys there."""
        self.where = self.spread(self.keys, nodes).tolist()

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
