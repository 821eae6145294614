"""Database instances as queues of reads: load and waits, tick by tick.

Picture cooks with a few pans each; orders come at the rate at which waiters bring them. As long as
a cook keeps up there is a short line now and then (M/M/c); when he doesn't, it grows by whatever is
too much, and who would have to wait too long goes home.

*Models:* per tick and instance a fluid queue of the expected flow, with what connections cost and
writes take; reads that would wait longer than a client's timeout fail; within a tick waits as in
M/M/c at steady state.
*Leaves out:* how waits build up within a tick, caches, locks, reads in hand when an instance dies.

Data plane: counted per tick and instance; its cost doesn't depend on the rate of reads.
"""

import numpy as np

from labsim.services.aurora.rules import servers, wait_probability

FULLEST = 0.99      # M/M/c waits grow no further than at this utilization


class Reads:
    """The reads on the instances of `cluster`, whose endpoints say where they go."""

    def __init__(self, cluster):
        self.sim, self.cluster = cluster.sim, cluster
        ticks, wide = len(self.sim.record.t) - 1, len(cluster.size)
        self.offered, self.opened = np.zeros((2, ticks, wide))
        self.queue = np.zeros((ticks + 1, wide))
        self._states: list = []         # each that has held, with what follows from it
        self._at = np.zeros(ticks, dtype=np.int64)      # which of them in each tick
        self.sim.each_tick(self.step)

    def step(self, k: int) -> None:
        """Tick `k`: connections are opened, reads come over them, queues grow or shrink."""
        offered, opened = self.offered[k], self.opened[k]
        for endpoint in self.cluster.endpoints:
            endpoint.step(k)
            offered += endpoint.connections * endpoint.per_connection
            opened += endpoint.opened
        room, longest = self._room(k)
        work = (offered - room) * self.sim.tick + opened * self.cluster.connect_cost
        queue = work + self.queue[k]
        np.minimum(np.maximum(queue, 0.0), longest, out=self.queue[k + 1])
        if self.cluster.done.connected:
            reads = offered * self.sim.tick
            failing = np.clip(queue - longest, 0.0, reads)
            now = self.sim.now
            self.cluster.done.count(float((reads - failing).sum()), now, now + self.sim.tick)

    def _room(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads/s that each instance has room for beside its writes, and its longest queue."""
        state = self.cluster.state
        if not self._states or self._states[-1][0] is not state:
            room = np.maximum(state.speed - state.writes * self.cluster.write_cost, 0.0)
            self._states.append((state, room, room * self.cluster.timeout))
        self._at[k] = len(self._states) - 1
        return self._states[-1][1:]

    @property
    def extra(self) -> np.ndarray:
        """What connections that are opened take, in reads/s, (ticks, instances + 1)."""
        return self.opened * (self.cluster.connect_cost / self.sim.tick)

    def during(self, what: str, ticks=slice(None)) -> np.ndarray:
        """A field of the cluster's `State`, or the "room" for reads, tick by tick."""
        rows = [room if what == "room" else getattr(state, what)
                for state, room, _ in self._states]
        return np.array(rows)[self._at[ticks]]

    def cpu(self, ticks=slice(None)) -> np.ndarray:
        """Share of each instance's time that is worked, from 0 to 1, (ticks, instances + 1)."""
        speed = self.during("speed", ticks)
        work = (self.offered[ticks] + self.extra[ticks] + self.queue[:-1][ticks] / self.sim.tick
                + self.during("writes", ticks) * self.cluster.write_cost)
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
        total = sum(e.connections[readers].sum() for e in self.cluster.endpoints)
        return float(total) / int(readers.sum()) if readers.any() else None

    # -- at the end of the run -------------------------------------------------------------

    def failing(self) -> np.ndarray:
        """Share of each tick's reads that fail at each instance: beyond its longest queue."""
        room, tick = self.during("room"), self.sim.tick
        over = ((self.offered + self.extra - room) * tick + self.queue[:-1]
                - room * self.cluster.timeout)
        reads = self.offered * tick
        failing = np.minimum(np.maximum(over, 0.0), reads)
        return np.divide(failing, reads, out=np.zeros_like(over), where=reads > 0)

    def waits(self):
        """What a read's wait is made of: seconds behind the queue, the share that waits for a
        server, and the rate at which such a wait ends, 1/s; each (ticks, instances + 1)."""
        room = self.during("room")
        safe = np.maximum(room, 1e-9)
        load = np.minimum((self.offered + self.extra) / safe, FULLEST)
        behind = (self.queue[:-1] + self.queue[1:]) / 2 / safe
        share = np.zeros_like(load)
        used = (room > 0) & (self.offered > 0)
        share[used] = wait_probability(servers(room[used], self.cluster.read_time), load[used])
        return behind, share, safe * (1.0 - load)
