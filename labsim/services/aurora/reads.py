"""Database instances as queues of reads: load and waits, step by step.

Picture cooks with a few pans each; orders come at the rate at which waiters bring them. As long as
a cook keeps up there is a short line now and then (M/M/c); when he doesn't, it grows by whatever is
too much, and who would have to wait too long goes home.

*Models:* per step and instance a fluid queue of the expected flow, with what connections cost and
writes take; reads that would wait longer than a client's timeout fail. A step ends where anything
jumps: a rate, an instance, a dropped connection that is back; within it the queue is a straight
line that is exact up to where it is empty or full, so that steps may be as long as a tick. On top
of it waits as in M/M/c at steady state.
Expected is what comes on average over times long against a read (`offers`): whole numbers that are
drawn for a step would be chance on top of that of M/M/c, and more of it the shorter a step is.
*Leaves out:* how waits build up within a step, caches, locks, reads in hand when an instance dies.

Data plane: counted per step and instance; its cost doesn't depend on the rate of reads.
"""

from functools import cached_property

import numpy as np

from labsim.engine import Step
from labsim.services.aurora.returns import Returns, waits_beside
from labsim.services.aurora.rules import FULLEST, servers, wait_probability

BLINK = 1e-6        # s; no step is shorter


class Reads:
    """The reads on the instances of `cluster`, whose endpoints say where they go.

    At the end of the run the steps are rows: `tick`, `start`, `length` (s), (steps,); `offered`,
    reads, `opened`, connections, (steps, instances + 1); `queue`, in reads, (steps + 1, ...).
    """

    def __init__(self, cluster):
        self.sim, self.cluster, self.now = cluster.sim, cluster, 0.0
        self._t, self._k = self.sim.record.t.tolist(), 0
        self._rows: list[tuple] = []    # tick, start, length, state, offered, opened, failing
        self._queue = [np.zeros(len(cluster.size))]
        self._states: list = []         # each that has held, with what follows from it
        self.returns: Returns | None = None     # of those who come back, if anybody does
        self.sim.each_tick(self._tick)
        self.sim.on_advance(lambda t: self.advance(t) if t >= self.sim.duration else None)

    def _tick(self, k: int) -> None:
        """Tick `k` begins, and the one before is over."""
        self.advance(self._t[k])
        for endpoint in self.cluster.endpoints:
            endpoint.begin(k)

    def advance(self, until: float) -> None:
        """Let the reads up to `until` s come, and queues grow or shrink."""
        if self.now >= until - BLINK:
            return
        endpoints = self.cluster.endpoints
        for endpoint in endpoints:
            if endpoint.askers:
                endpoint.listen(self.now, until)
        while self.now < until - BLINK:
            edge = self._t[self._k + 1]
            later = self.now + BLINK
            end = min(until, edge, *(e.changes(later) for e in endpoints),
                      *(t for t in self.cluster.failures if t > later))
            if self.returns:
                end = min(end, max(self.returns.next(self.now), later))
            if edge - end < BLINK:
                end = edge
            self._step(Step(self._k, self.now, end, end == edge, True))
            self.now, self._k = end, self._k + (end == edge)

    def come_back(self) -> None:
        """From the start clients of an endpoint wait for answers and come back."""
        self.returns = self.returns or Returns(self.cluster)

    def _step(self, step: Step) -> None:
        offered, opened, length = 0.0, 0.0, step.length
        for endpoint in self.cluster.endpoints:
            endpoint.step(step)
            offered = offered + endpoint.connections * (endpoint.per_connection * length)
            opened = opened + endpoint.opened
        state, room, longest = self._state()
        if self.returns:
            offered = self.returns.step(step, self.cluster.state, room, self._queue[-1]
                                        + opened * self.cluster.connect_cost)
        queue = self._queue[-1] + offered + opened * self.cluster.connect_cost - room * length
        failing = np.minimum(np.maximum(queue - longest, 0.0), offered)
        failing = np.divide(failing, offered, out=np.zeros_like(queue), where=offered > 0)
        self._rows.append((step.k, step.start, length, state, offered, opened, failing))
        self._queue.append(np.minimum(np.maximum(queue, 0.0), longest))
        if self.cluster.done.connected:
            self.cluster.done.count(self._answered(), step.start, step.end)

    def _answered(self) -> float:
        """How many reads are answered in the latest step."""
        *_, length, _, offered, _, failing = self._rows[-1]
        ends = self.cluster.endpoints
        crowd = offered - sum(e.connections / len(e.client) * e.asking for e in ends) * length
        answered = crowd * (1.0 - failing)
        if self.returns:
            answered = answered * (1.0 - self.returns.late[-1])
        expected = sum(e.crowding for e in ends) * length
        came = sum(e.rate * length + e.came[-1] for e in ends)      # chance, and what is expected
        return float(sum(e.answered[-1].sum() for e in ends)
                     + (answered.sum() * came / expected if expected else 0.0))

    def moment(self, endpoint) -> tuple[np.ndarray, ...]:
        """What a read through `endpoint` meets after the latest step, by instance: up to which die
        it goes there, whether it works, the share that fails for the queue is too long, the wait
        behind it, s, and `waits_beside` it."""
        cluster, (_, room, _) = self.cluster, self._state()
        load = failing = np.zeros(len(room))
        if self._rows:
            *_, length, _, offered, opened, failing = self._rows[-1]
            load = (offered + opened * cluster.connect_cost) / length
        return (np.cumsum(endpoint.connections) / len(endpoint.client), cluster.state.speed > 0,
                np.where(room > 0, failing, 1.0), self._queue[-1] / np.maximum(room, 1e-9),
                *waits_beside(load, room, cluster.read_time * cluster.state.slow))

    def _state(self) -> tuple[int, np.ndarray, np.ndarray]:
        """Which state holds, how many reads/s each instance has room for beside its writes, and
        its longest queue."""
        state = self.cluster.state
        if not self._states or self._states[-1][0] is not state:
            room = np.maximum(state.speed - state.writes * self.cluster.write_cost, 0.0)
            self._states.append((state, room, room * self.cluster.timeout))
        return len(self._states) - 1, *self._states[-1][1:]

    def _during(self, what: str, at: np.ndarray) -> np.ndarray:
        return np.array([getattr(state, what) for state, *_ in self._states])[at]

    def _cpu(self, steps: slice) -> tuple[np.ndarray, np.ndarray]:
        """Share of each instance's time that is worked, and which are replicas; both (steps,
        instances + 1)."""
        rows = self._rows[steps]
        at = np.array([row[3] for row in rows])
        length = np.array([row[2] for row in rows])[:, None]
        work = np.array([row[4] + row[5] * self.cluster.connect_cost for row in rows])
        work = (work + np.array(self._queue[:-1][steps])) / length
        work += self._during("writes", at) * self.cluster.write_cost
        speed = self._during("speed", at)
        cpu = np.divide(work, speed, out=np.zeros_like(work), where=speed > 0)
        return np.minimum(cpu, 1.0), self._during("readers", at) * length

    # -- CloudWatch metrics ----------------------------------------------------------------

    def _recent(self, period: float) -> slice:
        """The steps of the last `period` s."""
        self.advance(self.sim.now)
        since, first = self.sim.now - max(period, self.sim.tick) + BLINK, len(self._rows)
        while first and self._rows[first - 1][1] + self._rows[first - 1][2] > since:
            first -= 1
        return slice(first, len(self._rows))

    def recent_cpu(self, period: float) -> float | None:
        """Mean CPU of the replicas over the last `period` s, in percent; None without replicas."""
        steps = self._recent(period)
        if steps.start == steps.stop:
            return None
        cpu, there = self._cpu(steps)
        seconds = float(there.sum())
        return 100.0 * float((cpu * there).sum()) / seconds if seconds else None

    def recent_replicas(self, period: float) -> float:
        """How many replicas there were on average over the last `period` s."""
        steps = self._recent(period)
        if steps.start == steps.stop:
            return 0.0
        return float(self._cpu(steps)[1].sum()) / sum(row[2] for row in self._rows[steps])

    def recent_connections(self) -> float | None:
        """Connections per replica now; None without replicas."""
        self.advance(self.sim.now)
        readers = self.cluster.readers
        total = sum(e.connections[readers].sum() for e in self.cluster.endpoints)
        return float(total) / int(readers.sum()) if readers.any() else None

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def tick(self) -> np.ndarray:
        """The tick that each step is in, (steps,)."""
        return np.array([row[0] for row in self._rows])

    @cached_property
    def start(self) -> np.ndarray:
        """When each step begins, s, (steps,)."""
        return np.array([row[1] for row in self._rows])

    @cached_property
    def length(self) -> np.ndarray:
        """How long each step is, s, (steps,)."""
        return np.array([row[2] for row in self._rows])

    @cached_property
    def offered(self) -> np.ndarray:
        """Reads expected at each instance, (steps, instances + 1)."""
        return np.array([row[4] for row in self._rows])

    @cached_property
    def opened(self) -> np.ndarray:
        """Connections opened to each instance, (steps, instances + 1)."""
        return np.array([row[5] for row in self._rows])

    @cached_property
    def first(self) -> np.ndarray:
        """The first step of each tick, (ticks,)."""
        return np.searchsorted(self.tick, np.arange(len(self._t) - 1))

    @cached_property
    def cpu(self) -> np.ndarray:
        """Share of each instance's time that is worked, from 0 to 1, (steps, instances + 1)."""
        return self._cpu(slice(None))[0]

    @cached_property
    def extra(self) -> np.ndarray:
        """What connections that are opened take, in reads, (steps, instances + 1)."""
        return self.opened * self.cluster.connect_cost

    def during(self, what: str) -> np.ndarray:
        """A field of the cluster's `State`, step by step."""
        return self._during(what, self._at)

    def of_writer(self, what: str) -> np.ndarray:
        """The writer's part of such a field, by step."""
        writer = self.during("writer")
        return self.during(what)[np.arange(len(writer)), writer]

    @cached_property
    def _at(self) -> np.ndarray:
        return np.array([row[3] for row in self._rows])

    @cached_property
    def room(self) -> np.ndarray:
        """Reads/s that each instance has room for beside its writes, (steps, instances + 1)."""
        return np.array([room for _, room, _ in self._states])[self._at]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """The sum over the steps of each tick, (ticks, ...)."""
        return np.add.reduceat(values, self.first, axis=0)

    def means(self, values: np.ndarray) -> np.ndarray:
        """The mean over each tick of what holds in each step, (ticks, ...)."""
        length = self.length.reshape(-1, *[1] * (values.ndim - 1))
        return self.sums(values * length) / self.sums(length)

    @cached_property
    def failing(self) -> np.ndarray:
        """Share of each step's reads that fail at each instance: beyond its longest queue."""
        return np.array([row[6] for row in self._rows])

    @cached_property
    def _queue_before(self) -> np.ndarray:
        return np.array(self._queue[:-1])

    @cached_property
    def growth(self) -> np.ndarray:
        """By how many reads a queue would grow in each step, were it never empty or full."""
        return self.offered + self.extra - self.room * self.length[:, None]

    def behind(self, part, cells=slice(None)) -> np.ndarray:
        """Wait behind the queue, s, after a `part` of the step, from 0 to 1; in these cells of all
        (steps x instances + 1)."""
        room = self.room.ravel()[cells]
        queue = self._queue_before.ravel()[cells] + self.growth.ravel()[cells] * part
        return np.clip(queue, 0.0, room * self.cluster.timeout) / np.maximum(room, 1e-9)

    def mean_behind(self) -> np.ndarray:
        """Mean wait behind the queue, s, (steps, instances + 1): the area below a straight line
        that is cut at an empty and at a full queue."""
        room, before, growth = self.room, self._queue_before, self.growth
        full = room * self.cluster.timeout
        before = np.minimum(before, full)
        ends = np.where(growth > 0, full, 0.0)
        moves = np.divide(ends - before, growth, out=np.full_like(growth, np.inf),
                          where=growth != 0)
        moves = np.clip(moves, 0.0, 1.0)        # part of the step until it is empty or full
        area = moves * (before + growth * moves / 2) + (1.0 - moves) * ends
        return np.where(growth == 0, before, area) / np.maximum(room, 1e-9)

    def waits(self) -> tuple[np.ndarray, np.ndarray]:
        """Beside the queue: the share of reads that wait for a server, and the rate at which such
        a wait ends, 1/s; each (steps, instances + 1)."""
        room = self.room
        safe = np.maximum(room, 1e-9)
        load = (self.offered + self.extra) / self.length[:, None] / safe
        load = np.minimum(load, FULLEST)
        share = np.zeros_like(load)
        used = (room > 0) & (self.offered > 0)
        share[used] = wait_probability(servers(room[used], self.cluster.read_time), load[used])
        return share, safe * (1.0 - load)
