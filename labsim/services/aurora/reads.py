"""Database instances as queues of reads: load, waits, and how far replicas are behind.

Picture counters in a post office. Each has a few clerks; people come at the rate at which the
doorman sends them. As long as the clerks keep up there is a short line now and then (M/M/c); when
they don't, it grows by whatever is too much, and who would have to wait too long goes home.

*Models:* per tick and instance a fluid queue of the expected flow, with what connections cost and
writes take; reads that would wait longer than a client's timeout fail; within a tick waits as in
M/M/c at steady state; replica lag that grows with the load of writes, as in a queue, and without
end where writes come faster than a replica applies them; reads of what has just changed.
*Leaves out:* how waits build up within a tick, caches, locks, reads in hand when an instance dies.

Data plane: counted per tick and instance; its cost doesn't depend on the rate of reads.
"""

import numpy as np

from labsim.engine import Simulation
from labsim.services.aurora.cluster import Cluster

MOST_SERVERS = 256
FULLEST = 0.99      # M/M/c waits grow no further than at this utilization,
LAG_FULLEST = 0.95  # and lag no further than at this share of the apply rate


def servers(speed: np.ndarray, read_time: float) -> np.ndarray:
    """How many reads an instance works on at once: speed x read time, from 1 to 256."""
    return np.clip(np.rint(speed * read_time), 1, MOST_SERVERS).astype(np.int64)


def wait_probability(servers: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Erlang C: the share of reads that wait, at a utilization of `load` < 1; any shape.

    Source: Kleinrock, Queueing Systems I (1975), ch. 3; by the recursion of Erlang B.
    """
    servers, load = np.asarray(servers), np.asarray(load)
    waits = np.empty(load.shape)
    for c in np.unique(servers).tolist():
        here = servers == c
        busy, blocked = load[here] * c, np.ones(int(here.sum()))
        for n in range(1, c + 1):
            blocked *= busy
            blocked /= n + blocked
        waits[here] = blocked / (1.0 - load[here] * (1.0 - blocked))
    return waits[()]    # of numbers a number


def replica_lag(base: float, writes: np.ndarray, apply_rate: float) -> np.ndarray:
    """Mean lag of a replica that keeps up with so many writes/s, s: base / (1 - writes / apply
    rate), as in a queue; it grows no further than at 95% of the apply rate."""
    return base / (1.0 - np.minimum(writes / apply_rate, LAG_FULLEST))


def unapplied(writes: np.ndarray, apply_rate: float, tick: float) -> np.ndarray:
    """Writes not yet applied at the end of each tick, in seconds of work, where they may come
    faster than a replica applies them; writes: per second, by tick."""
    pile = np.cumsum((writes - apply_rate) * tick)
    pile -= np.minimum(np.minimum.accumulate(pile), 0.0)
    return pile / apply_rate


def stale_share(writes: np.ndarray, lag: np.ndarray, items: float) -> np.ndarray:
    """Share of reads whose item was written within the lag: 1 - exp(-writes x lag / items)."""
    return -np.expm1(-writes * lag / items)


class Reads:
    """Reads on a cluster's instances; step it with `sim.each_tick(reads.step)`.

    rates: reads/s on each of the cluster's endpoints. connect_cost, write_cost: what a new
    connection and a write take, in reads. timeout: the longest wait of a read, s.
    """

    def __init__(self, sim: Simulation, cluster: Cluster, rates: list[float], *,
                 connect_cost: float, write_cost: float, timeout: float):
        self.sim, self.cluster, self.timeout = sim, cluster, timeout
        self.connect_cost, self.write_cost = connect_cost, write_cost
        self.endpoints = [(endpoint, rate / len(endpoint.client)) for (endpoint, _), rate in
                          zip(cluster.endpoints, rates, strict=True)]
        ticks, wide = len(sim.record.t) - 1, len(cluster.size)
        self.offered, self.opened, self.connections = (np.zeros((ticks, wide)) for _ in range(3))
        self.queue = np.zeros((ticks + 1, wide))
        self._states: list = []         # each that has held, with what follows from it
        self._at = np.zeros(ticks, dtype=np.int64)      # which of them in each tick

    def step(self, k: int) -> None:
        """Tick `k`: connections are opened, reads come over them, queues grow or shrink."""
        t = self.sim.record.t[k]
        offered, connections, opened = self.offered[k], self.connections[k], self.opened[k]
        for endpoint, per_connection in self.endpoints:
            endpoint.step(t)
            connections += endpoint.connections
            offered += endpoint.connections * per_connection
            opened += endpoint.opened
        room, longest = self._room(k)
        work = (offered - room) * self.sim.tick + opened * self.connect_cost
        queue = work + self.queue[k]
        np.minimum(np.maximum(queue, 0.0), longest, out=self.queue[k + 1])

    def _room(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads/s that each instance has room for beside its writes, and its longest queue."""
        state = self.cluster.state
        if not self._states or self._states[-1][0] is not state:
            room = np.maximum(state.speed - state.writes * self.write_cost, 0.0)
            self._states.append((state, room, room * self.timeout))
        self._at[k] = len(self._states) - 1
        return self._states[-1][1:]

    @property
    def extra(self) -> np.ndarray:
        """What connections that are opened take, in reads/s, (ticks, instances + 1)."""
        return self.opened * (self.connect_cost / self.sim.tick)

    def during(self, what: str, ticks=slice(None)) -> np.ndarray:
        """A field of the cluster's `State`, or the "room" for reads, tick by tick."""
        rows = [room if what == "room" else getattr(state, what)
                for state, room, _ in self._states]
        return np.array(rows)[self._at[ticks]]

    def cpu(self, ticks=slice(None)) -> np.ndarray:
        """Share of each instance's time that is worked, from 0 to 1, (ticks, instances + 1)."""
        speed = self.during("speed", ticks)
        work = (self.offered[ticks] + self.extra[ticks] + self.queue[:-1][ticks] / self.sim.tick
                + self.during("writes", ticks) * self.write_cost)
        return np.minimum(np.divide(work, speed, out=np.zeros_like(work), where=speed > 0), 1.0)

    def recent_cpu(self, period: float) -> float | None:
        """Mean CPU of the replicas over the last `period` s, in percent; None without replicas."""
        k = int(np.searchsorted(self.sim.record.t, self.sim.now - 1e-9))
        ticks = slice(max(0, k - max(1, round(period / self.sim.tick))), k)
        readers = self.during("readers", ticks)
        there = int(readers.sum())
        return 100.0 * float(self.cpu(ticks)[readers].sum()) / there if there else None

    def recent_connections(self) -> float | None:
        """Connections per replica now; None without replicas."""
        readers = self.cluster.readers
        total = sum(endpoint.connections[readers].sum() for endpoint, _ in self.endpoints)
        return float(total) / int(readers.sum()) if readers.any() else None

    # -- at the end of the run -------------------------------------------------------------

    def failing(self) -> np.ndarray:
        """Share of each tick's reads that fail at each instance: beyond its longest queue."""
        room, tick = self.during("room"), self.sim.tick
        over = ((self.offered + self.extra - room) * tick + self.queue[:-1]
                - room * self.timeout)
        reads = self.offered * tick
        failing = np.minimum(np.maximum(over, 0.0), reads)
        return np.divide(failing, reads, out=np.zeros_like(over), where=reads > 0)

    def waits(self, read_time: float):
        """What a read's wait is made of: seconds behind the queue, the share that waits for a
        server, and the rate at which such a wait ends, 1/s; each (ticks, instances + 1)."""
        room = self.during("room")
        safe = np.maximum(room, 1e-9)
        load = np.minimum((self.offered + self.extra) / safe, FULLEST)
        behind = (self.queue[:-1] + self.queue[1:]) / 2 / safe
        share = np.zeros_like(load)
        used = (room > 0) & (self.offered > 0)
        share[used] = wait_probability(servers(room[used], read_time), load[used])
        return behind, share, safe * (1.0 - load)
