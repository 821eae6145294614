"""The reader endpoint: a DNS name that answers with one replica, and pools that hold on to it.

Picture the desk at a kitchen's door. Whoever asks is told the name of one cook, each as often as
the others; but a waiter asks once, and then brings all his orders to the same cook for the whole
evening, while the others wait for work. A cook who joins gets nobody until somebody asks again.

*Models:* a DNS answer that each client keeps for its TTL, one member of the endpoint, each as
likely as the others; a pool of connections per client, each closed after its lifetime (each with
a phase of its own) and opened to the answer of that moment; connections that an instance drops
come back when their client's answer has expired; custom endpoints for big replicas.
*Leaves out:* pools that grow and shrink with the load, proxies, how long opening takes; all
connections of an endpoint carry equally many reads.

Data plane: counted. `step` touches only the connections that are due.
"""

from collections.abc import Iterable

import numpy as np

from labsim import factbook
from labsim.declare import Component, Count, Line, Metric, Panel, per_tick
from labsim.declare.counted import CountedProducers, Inlet
from labsim.engine import Load, Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services.aurora.rules import SHORTEST_TTL, dns_remainder

MOST_LOOKUPS = 1_024    # answers drawn per client; after so many they repeat
TTL = factbook.value("aurora.endpoint_ttl")


class Endpoint(Component):
    """An endpoint of `cluster`, used by `clients` with a pool of `pool_size` connections each.

    Reads come by `sim.send(load, to=endpoint)` or from another part, counted by tick, and at `rate`
    per second beside (the cluster draws how many these are).
    lifetime: s, of a connection; ttl: s, of a DNS answer. big: whether it names the big replicas
    only, or (False) the others only. random: by default a stream of its own.
    """

    METRICS = (
        Count("opened", "connections", "connections opened after the start", "",
              lambda e: e.opened_by_tick.sum()),
        Metric("connections_max", "connections", "most connections on one instance, averaged over "
               "the run", "lower", lambda e: e.fullest().mean()))
    PANELS = (Panel("Connections", (Line("on the fullest", "connections_max"),)),)
    shows = (("opened/s", "opened_rate"), ("on the fullest", "connections_max"))

    def __init__(self, sim: Simulation, name: str, cluster, *, clients: int = 10,
                 pool_size: int = 20, lifetime: float, ttl: float = TTL, big: bool | None = None,
                 rate: float = 0.0, random: np.random.Generator | None = None):
        super().__init__(sim, name)
        for what, value in (("clients", clients), ("pool_size", pool_size)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ParameterError(what, value, "a whole number, at least 1")
        if not lifetime > 0:
            raise ParameterError("lifetime", lifetime, "above 0 s")
        for what, value in (("ttl", ttl), ("rate", rate)):
            if not value >= 0:
                raise ParameterError(what, value, "at least 0")
        rng = sim.stream(f"{name} endpoint") if random is None else random
        self.cluster, self.big, self.nowhere = cluster, big, cluster.nowhere
        self.ttl, self.members = max(ttl, SHORTEST_TTL), cluster.members(big)
        self.tick = sim.tick
        self.period = max(lifetime, sim.tick)       # none is opened twice in a tick; but each
        self.openings = self.period / lifetime      # opening counts for so many
        self.client = np.repeat(np.arange(clients), pool_size)
        self.phase = rng.random(len(self.client)) * self.period
        self.shift = rng.random(clients) * self.ttl
        lookups = min(int(sim.duration / self.ttl) + 3, MOST_LOOKUPS)
        self._answers = rng.random((lookups, clients))
        self._shift = self.shift[self.client]
        self.at = np.zeros(len(self.client), dtype=np.int64)    # which instance
        self.due = np.zeros(len(self.client))                   # when it is opened anew, s
        self._open(np.arange(len(self.client)), self.due)       # all pools, at the start
        ticks, wide = len(sim.record.t) - 1, self.nowhere + 1
        self._none = np.zeros(wide)
        self.opened, self._away = self._none, False     # away: some are nowhere
        self.connections = self._count()
        self.connections_by_tick, self.opened_by_tick = np.zeros((2, ticks, wide))
        self.rate, self.counted = rate, Inlet(self)
        self.came = np.zeros(ticks)     # reads in each tick, beside those at `rate`
        self.per_connection = rate / len(self.client)   # reads/s, in this tick
        self._counts = False            # whether any come beside those at `rate`
        cluster.endpoints.append(self)
        self.link(cluster)

    def sent(self, load: Load | float, name: str = "") -> CountedProducers:
        """Clients read through this endpoint at the rate of `load`."""
        return self.counted.sent(load, name)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Reads come at the times of `blocks` (arrays, s)."""
        self.counted.feed(blocks)

    def expect(self, counts: np.ndarray) -> None:
        """So many reads come in each tick, (ticks,), whole numbers."""
        self.counted.expect(counts)

    def take(self, times: np.ndarray) -> None:
        """Reads come at `times` (s), given out by another part; they count in the next tick."""
        self.counted.take(times)

    def wired(self) -> None:
        """Somebody has to read through it."""
        if not (self.rate or self.counted.used):
            raise LabsimError(f"nobody reads through {self.name}: sim.send(load, to=...) does")

    # -- connections -------------------------------------------------------------------------

    def _count(self) -> np.ndarray:
        return np.bincount(self.at, minlength=self.nowhere + 1).astype(float)

    def _open(self, which: np.ndarray, t: np.ndarray) -> None:
        """Open connections at times `t` to their clients' answers; set when they are due next."""
        # The client's latest lookup by then, its answer, and the replica that this names.
        lookup = ((t + self._shift[which]) / self.ttl).astype(np.int64) % len(self._answers)
        answer = self._answers[lookup, self.client[which]] * len(self.members)
        self.at[which] = self.members[answer.astype(np.int64)]
        # Closed when its own time has come; one that was dropped keeps its phase.
        phase = self.phase[which]
        self.due[which] = phase + self.period * (np.rint((t - phase) / self.period) + 1)
        self._soonest = self.due.min()

    def step(self, k: int) -> None:
        """Tick `k`: connections that are due in it are closed and opened.

        Then `connections` (instances + 1,) says how many each instance holds in this tick,
        `opened` how many of them it has had to open, and `came` how many reads have come.
        """
        t = self.sim.record.t[k]
        if k == 0:
            self._counts = self.counted.used
        if self._counts:
            for part in self.fed_by:
                part.advance(t)
            self.came[k] = self.counted.expected[k] + self.counted.taken()
            self.per_connection = float(self.flow(k)) / len(self.client)
        if self._soonest < t + self.tick:
            self._renew(t)
        elif self.opened is not self._none:
            self.connections, self.opened = self._count(), self._none
        self.connections_by_tick[k], self.opened_by_tick[k] = self.connections, self.opened

    def _renew(self, t: float) -> None:
        due = (self.due < t + self.tick).nonzero()[0]
        at, before = self.due[due], self.at[due]
        self._open(due, at)
        self.connections = self._count()
        self.opened = np.bincount(self.at[due], minlength=self.nowhere + 1) * self.openings
        if self._away:      # for a part of the tick these still were nowhere
            part = np.where(before == self.nowhere, np.maximum(at - t, 0.0) / self.tick, 0.0)
            self.connections -= np.bincount(self.at[due], part, self.nowhere + 1)
            np.maximum(self.connections, 0.0, out=self.connections)
            self.connections[self.nowhere] += part.sum()
            self._away = bool((self.at == self.nowhere).any())

    def drop(self, instance: int, t: float) -> int:
        """`instance` drops its connections at `t`: how many. They come back one by one, as their
        clients' answers expire."""
        gone = np.flatnonzero(self.at == instance)
        if len(gone):
            self.at[gone], self._away = self.nowhere, True
            self.due[gone] = t + dns_remainder(t, self._shift[gone], self.ttl)
            self._soonest = min(self._soonest, self.due[gone].min())
            self.connections = self._count()
        return len(gone)

    def flow(self, ticks=slice(None)):
        """Reads per second through it in these ticks."""
        return self.rate + self.came[ticks] / self.tick

    # -- at the end of the run -------------------------------------------------------------

    def fullest(self) -> np.ndarray:
        """Connections on the instance that has most, by tick."""
        return self.connections_by_tick[:, :self.nowhere].max(axis=1)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Connections that are opened, and those of the fullest instance."""
        return {"opened_rate": per_tick(self.opened_by_tick.sum(axis=1) / self.tick, "per s"),
                "connections_max": per_tick(self.fullest(), "connections")}
