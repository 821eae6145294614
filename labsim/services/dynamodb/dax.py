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

from dataclasses import replace

import numpy as np

from labsim import factbook, theory
from labsim.declare import (
    AskedInlet,
    Component,
    Count,
    CountedOutlet,
    Inlet,
    Metric,
    per_tick,
    share,
)
from labsim.declare.arguments import numbers
from labsim.declare.asked import pass_back
from labsim.engine import Arrivals, Simulation
from labsim.engine.agenda import Call
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.services.dynamodb import rules

HIT_LATENCY = factbook.value("dax.hit_latency_s")
TTL = factbook.value("dax.ttl_default_s")
NODES = 3               # AWS's advice; at most 11
PRICE = 0.04            # USD per node and hour; an assumption


def cached(rates: np.ndarray, room: int, ttl: float) -> np.ndarray:
    """Hit ratio of each key, (keys,): what the room of so many items allows, and what the TTL
    (s) does; rates: of its reads, per second."""
    by_room = theory.lru_hit_ratios(rates, min(room, len(rates)))
    return np.where(rates > 0, np.minimum(by_room, theory.ttl_hit_ratios(rates, ttl)), 0.0)


class _Counter(Inlet):
    """Where reads come to the cluster: what it has is answered, the rest goes on at once."""

    def expect(self, arrivals: Arrivals | np.ndarray) -> None:
        """These reads come, or so many in each interval of the record, (ticks,)."""
        super().expect(arrivals)
        self.part.answer(self.arrivals[-1])

    def take(self, times: np.ndarray) -> None:
        """Reads come at `times` (s)."""
        self.part.answer_at(times)

    # -- single requests: see `labsim.declare.asked_inlet` ----------------------------------

    def asked_by(self, asker: Component) -> None:
        """`asker` is going to ask it."""
        self.part.followed_by(asker)
        self._sent = True

    def ask(self, t: float, call: Call) -> None:
        """A read comes at `t` s: it is answered, or asked of the table."""
        self.part.ask(t, call)

    def give_up(self, t: float, call: Call) -> None:
        """Whoever has made the call waits no more; nobody here hears of it."""


class Dax(Component):
    """A DAX cluster. Reads come by `sim.send(load, to=dax.reads)`; `dax.missed.to(table.reads)`
    hands on what it has not. Parts may ask its `reads` one by one, once they are connected.

    popularity: how often each item is read per request, (items,); `rate` requests/s come, of which
    `query_share` are queries. room: items that fit into its memory. item_ttl, query_ttl: s.
    nodes, each with all of the cache, cost `price` USD per hour. `get_misses` and `query_misses`
    are what is left for the table, of each item per request.
    """

    METRICS = (
        Count("hits", "requests", "reads that DAX answered", "higher", lambda d: d.hits.sum()),
        Metric("hit_ratio", "of reads", "part of the reads that DAX answered", "higher",
               lambda d: share(d.hits.sum(), d.asked.sum())))
    shows = (("hits/s", "hits_rate"),)

    def __init__(self, sim: Simulation, name: str, popularity: np.ndarray, rate: float, *,
                 consistency: str = rules.EVENTUAL, query_share: float = 0.0, room: int = 1_000,
                 item_ttl: float = TTL, query_ttl: float = TTL, nodes: int = NODES,
                 price: float = PRICE, random=None):
        super().__init__(sim, name)
        for what, value, low, high in (
                ("rate", rate, 0, np.inf), ("query_share", query_share, 0, 1),
                ("room", room, 1, np.inf), ("item_ttl", item_ttl, 0, np.inf),
                ("query_ttl", query_ttl, 0, np.inf), ("nodes", nodes, 1, 11),
                ("price", price, 0, np.inf)):
            if not low <= value <= high:
                raise ParameterError(what, value, f"from {low} to {high:g}")
        if consistency not in rules.CONSISTENCIES:
            raise unknown("consistency", consistency, rules.CONSISTENCIES)
        popularity = numbers("popularity", popularity)
        if popularity.ndim != 1 or not popularity.any():
            raise ParameterError("popularity", "this", "at least 0, and not all 0")
        self.nodes, self.price = nodes, price
        gets, queries = popularity * (1 - query_share), popularity * query_share
        if consistency == rules.EVENTUAL and rate:
            gets = gets * (1 - cached(gets * rate, room, item_ttl))
            queries = queries * (1 - cached(queries * rate, room, query_ttl))
        self.get_misses, self.query_misses = gets, queries
        missed = max(float((gets + queries).sum()), 1e-12)
        self.hit_share = min(1.0, max(0.0, 1 - missed / float(popularity.sum())))
        self.reads, self.missed = _Counter(self, "reads"), CountedOutlet(self)
        self._random = sim.stream(f"{name} hits") if random is None else random
        self.asked, self.hits = (np.zeros(len(self.record.t) - 1) for _ in range(2))

    def wired(self) -> None:
        """What it has not must come from somewhere."""
        if not self.missed.connected:
            raise LabsimError(f"{self.name} stands before no table: {self.name}.missed.to("
                              f"table.reads) connects it")

    def answer(self, reads: Arrivals) -> None:
        """Reads come: some hit, the others go on."""
        hits = replace(reads, counts=self._random.binomial(reads.counts, self.hit_share))
        self.asked = self.asked + reads.on(self.record.t)
        self.hits = self.hits + hits.on(self.record.t)
        self.missed.expect(replace(reads, counts=reads.counts - hits.counts))

    def answer_at(self, times: np.ndarray) -> None:
        """Reads come at `times` (s): some hit, the others go on."""
        hit = self._random.random(len(times)) < self.hit_share
        for counted, some in ((self.asked, times), (self.hits, times[hit])):
            counted += np.histogram(some, self.record.t)[0]
        self.missed.give(times[~hit])

    def followed_by(self, asker: Component) -> None:
        """Single reads come from `asker`, and what it has not is asked of the table."""
        if not isinstance(self.missed.first, AskedInlet):
            raise ParameterError("to", self.reads.name, "a cache before a table, since clients wait"
                                 f" for the answer: {self.name}.missed.to(table.reads)")
        self._luck = self.sim.stream(f"{self.name} single hits")
        self.missed.first.asked_by(asker)

    def ask(self, t: float, call: Call) -> None:
        """A single read comes at `t` s."""
        k = min(int(t / self.sim.tick), len(self.asked) - 1)
        self.asked[k] += 1
        if self._luck.random() < self.hit_share:
            self.hits[k] += 1
            self.sim.agenda.at(t + HIT_LATENCY, self._hit, call)
        else:
            self.missed.first.ask(t, Call(pass_back, call))

    def _hit(self, t: float, call: Call) -> None:
        call.back(t, call, True)

    def advance(self, now: float) -> None:
        """Who feeds it goes first."""
        for part in self.fed_by:
            part.advance(now)

    # -- at the end of the run -----------------------------------------------------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Reads that it answered, per second."""
        return {"hits_rate": per_tick(self.hits / self.sim.tick, "req/s")}

    def cost(self) -> dict[str, float]:
        """Its nodes by the hour."""
        return {"DAX": self.nodes * self.price * (self.sim.duration / 3_600)}
