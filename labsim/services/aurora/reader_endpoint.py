"""The reader endpoint: a DNS name that answers with one replica, and pools that hold on to it.

Picture the desk at a kitchen's door. Whoever asks is told the name of one cook, each as often as
the others; but a waiter asks once, and then brings all his orders to the same cook for the whole
evening, while the others wait for work. A cook who joins gets nobody until somebody asks again.

*Models:* a DNS answer that each client keeps for its TTL, one member of the endpoint, each as
likely as the others; a pool of connections per client, each closed after its lifetime (each with
a phase of its own) and opened to the answer of that moment; connections that an instance drops
come back when their client's answer has expired; custom endpoints for big replicas.
*Leaves out:* pools that grow and shrink with the load, a proxy's reader endpoint, how long opening
takes; all connections of an endpoint carry equally many reads, retries too. What comes from another
counted part comes evenly, a tick later. How many come, and how many are expected: `offers`.

Data plane: counted. `step` touches only the connections that are due.
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np

from labsim import factbook
from labsim.declare import Count, Line, Metric, Panel, per_tick
from labsim.declare.client import Client
from labsim.declare.counted import CountedProducers, Inlet
from labsim.declare.retry import Retry
from labsim.declare.users import Users
from labsim.engine import Load, Simulation, Step
from labsim.errors import LabsimError, ParameterError
from labsim.services.aurora.answers import Answering
from labsim.services.aurora.offers import Offers
from labsim.services.aurora.returns import crowd
from labsim.services.aurora.rules import SHORTEST_TTL, dns_remainder
from labsim.services.common.returning import Returning

MOST_LOOKUPS = 1_024    # answers drawn per client; after so many they repeat
MOST_RETURNS = 128      # steps, while dropped connections come back
SHORTEST = 0.05         # s of such a step
TTL = factbook.value("aurora.endpoint_ttl")


@runtime_checkable
class Instanced(Protocol):
    """an aurora.Cluster"""

    nowhere: int


class Endpoint(Answering):
    """An endpoint of `cluster`, used by `clients` with a pool of `pool_size` connections each.

    Reads come by `sim.send(load, to=endpoint)` or from another part, counted by tick, and at `rate`
    per second beside (the cluster draws how many these are). `done`, `failed` and what goes on by
    `then` are reads of parts and users who wait for the answer.
    lifetime: s, of a connection; ttl: s, of a DNS answer. big: whether it names the big replicas
    only, or (False) the others only. retry: what clients do when a read fails or is not answered in
    time (`labsim.retry`); by default nobody comes back. random: by default a stream of its own.
    """

    METRICS = (
        Count("opened", "connections", "connections opened after the start", "",
              lambda e: np.sum(e.all_opened)),
        Metric("connections_max", "connections", "most connections on one instance, averaged over "
               "the run", "lower", lambda e: e.fullest().mean()))
    PANELS = (Panel("Connections", (Line("on the fullest", "connections_max"),)),)
    shows = (("opened/s", "opened_rate"), ("on the fullest", "connections_max"))

    def __init__(self, sim: Simulation, name: str, cluster: Instanced, *, clients: int = 10,
                 pool_size: int = 20, lifetime: float, ttl: float = TTL, big: bool | None = None,
                 rate: float = 0.0, retry: Retry | None = None,
                 random: np.random.Generator | None = None):
        super().__init__(sim, name, cluster)
        for what, value in (("clients", clients), ("pool_size", pool_size)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ParameterError(what, value, "a whole number, at least 1")
        if not lifetime > 0:
            raise ParameterError("lifetime", lifetime, "above 0 s")
        for what, value in (("ttl", ttl), ("rate", rate)):
            if not value >= 0:
                raise ParameterError(what, value, "at least 0")
        rng = sim.stream(f"{name} endpoint") if random is None else random
        self.big, self.nowhere = big, cluster.nowhere
        self.ttl, self.members = max(ttl, SHORTEST_TTL), cluster.members(big)
        self.lifetime = lifetime
        self.client = np.repeat(np.arange(clients), pool_size)
        self.phase = rng.random(len(self.client)) * lifetime
        self.shift = rng.random(clients) * self.ttl
        lookups = min(int(sim.duration / self.ttl) + 3, MOST_LOOKUPS)
        self._answers = rng.random((lookups, clients))
        self._shift = self.shift[self.client]
        self.at = np.zeros(len(self.client), dtype=np.int64)    # which instance
        self.due = np.zeros(len(self.client))                   # when it is opened anew, s
        self._open(np.arange(len(self.client)), self.due)       # all pools, at the start
        self._none = np.zeros(self.nowhere + 1)
        self.opened, self._back = self._none, np.inf    # back: when the next one that is nowhere is
        self.connections = self._count()
        self.held: list[np.ndarray] = []        # connections of each step, (instances + 1,)
        self.all_opened: list[np.ndarray] = []
        self.rate, self.counted = rate, Inlet(self)
        self._offers = Offers(self.counted)
        self.came: list[float] = []     # reads in each step, beside those at `rate` and the `asked`
        self.crowding = rate            # reads/s that are expected in this step, but for the asked
        self.per_connection = rate / len(self.client)   # and over each connection, with these
        self.retry: Retry | None = None
        self.crowd: Returning | None = None     # of those who come back
        cluster.endpoints.append(self)
        cluster.done.of.append(self)
        self.link(cluster)
        self.come_back(retry)

    def come_back(self, retry: Retry | None) -> None:
        """From the start its clients come back like this; all those of an endpoint are alike."""
        if retry is None:
            return
        if self.retry not in (None, retry):
            raise ParameterError("retry", retry, "the same for all clients of an endpoint"
                                 ).of(self.name)
        self.retry, self.crowd = retry, crowd(self.cluster, retry)
        self.cluster.reads.come_back()

    def sent(self, load: Load | Users | float, name: str = "",
             retry: Retry | None = None) -> Client | CountedProducers:
        """Clients read through this endpoint at the rate of `load`; users are followed one by
        one."""
        if isinstance(load, Users):
            return super().sent(load, name, retry)
        self.come_back(retry)
        return self._offers.sent(load, name)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Reads come at the times of `blocks` (arrays, s)."""
        self.counted.feed(blocks)

    def expect(self, counts: np.ndarray) -> None:
        """So many reads come in each tick, (ticks,), whole numbers."""
        self.counted.expect(counts)

    def take(self, times: np.ndarray) -> None:
        """Reads come at `times` (s), given out by another part; they count in the next tick."""
        self.counted.take(times)

    @property
    def all_leave(self) -> str:
        """Of all that is read through it, followed or not, the cluster knows."""
        return f"; what is read, by anybody, leaves by {self.cluster.name}.done.to(...)"

    @property
    def is_fed(self) -> bool:
        """Whether reads come to it other than in the course of what comes to others."""
        return bool(self.rate or self.counted.used) or super().is_fed

    def wired(self) -> None:
        """Somebody has to read through it, and to wait if something is to go on."""
        self.heard()
        if not (self.rate or self.counted.used or self.askers):
            raise LabsimError(f"nobody reads through {self.name}: sim.send(load, to=...) does")

    # -- connections -------------------------------------------------------------------------

    def changed(self, members: np.ndarray) -> None:
        """From now on these instances are behind it, or can do something else."""
        self.members = members
        if self.crowd:
            self.crowd.changed(self.sim.now)

    def _count(self) -> np.ndarray:
        return np.bincount(self.at, minlength=self.nowhere + 1).astype(float)

    def _open(self, which: np.ndarray, t: np.ndarray) -> None:
        """Open connections at times `t` to their clients' answers; set when they are due next."""
        # The client's latest lookup by then, its answer, and the replica that this names.
        lookup = ((t + self._shift[which]) / self.ttl).astype(np.int64) % len(self._answers)
        answer = self._answers[lookup, self.client[which]] * len(self.members)
        self.at[which] = self.members[answer.astype(np.int64)]
        self.due[which] = self._next(which, t)
        self._soonest = self.due.min()

    def _next(self, which: np.ndarray, t: np.ndarray) -> np.ndarray:
        """When connections opened at `t` close: in their own time; one that was dropped keeps its
        phase."""
        phase = self.phase[which]
        return phase + self.lifetime * (np.rint((t - phase) / self.lifetime) + 1)

    def begin(self, k: int) -> None:
        """Tick `k` begins: what other parts have given out comes in it."""
        t = self.sim.record.t
        for part in self.fed_by:
            part.advance(t[k])
        self._offers.begin(t[k], t[k + 1])

    def changes(self, now: float) -> float:
        """When the rate through it jumps next, or a dropped connection is back, s."""
        jump = self._offers.changes(now)
        if self._back == np.inf:
            return jump
        return min(jump, max(self._back, now + max(SHORTEST, self.ttl / MOST_RETURNS)))

    def step(self, step: Step) -> None:
        """Connections that are due in the step are closed and opened.

        Then `connections` (instances + 1,) says how many each instance holds in it, `opened` how
        many of them it has had to open, and `per_connection` how many reads/s come over each.
        """
        came, expected = self._offers.during(step.length)
        self.came.append(came)
        self.crowding = self.rate + expected / step.length
        self.note(step.length)
        self.per_connection = (self.crowding + self.asking) / len(self.client)
        if self._soonest < step.end:
            self._renew(step.start, step.end)
        elif self.opened is not self._none:
            self.connections, self.opened = self._count(), self._none
        self.held.append(self.connections)
        self.all_opened.append(self.opened)

    def _renew(self, start: float, end: float) -> None:
        due = (self.due < end).nonzero()[0]
        at, before = self.due[due], self.at[due]
        after = self._next(due, at)         # a short life may be over again within the step
        more = np.maximum(np.ceil((end - after) / self.lifetime), 0.0)
        self._open(due, np.where(more > 0, after + (more - 1) * self.lifetime, at))
        self.connections = self._count()
        self.opened = np.bincount(self.at[due], 1.0 + more, self.nowhere + 1)
        if self._back < np.inf:     # for a part of the step these still were nowhere
            part = np.where(before == self.nowhere, np.maximum(at - start, 0.0), 0.0)
            part /= end - start
            self.connections -= np.bincount(self.at[due], part, self.nowhere + 1)
            np.maximum(self.connections, 0.0, out=self.connections)
            self.connections[self.nowhere] += part.sum()
            self._wait_for_return()

    def _wait_for_return(self) -> None:
        self._back = self.due[self.at == self.nowhere].min(initial=np.inf)

    def drop(self, instance: int, t: float) -> int:
        """`instance` drops its connections at `t`: how many. They come back one by one, as their
        clients' answers expire."""
        gone = np.flatnonzero(self.at == instance)
        if len(gone):
            self.at[gone] = self.nowhere
            self.due[gone] = t + dns_remainder(t, self._shift[gone], self.ttl)
            self._soonest = min(self._soonest, self.due[gone].min())
            self._wait_for_return()
            self.connections = self._count()
        return len(gone)

    # -- at the end of the run -------------------------------------------------------------

    @property
    def reads(self):
        """The cluster's reads, whose steps are ours."""
        return self.cluster.reads

    def fullest(self) -> np.ndarray:
        """Connections on the instance that has most, by tick."""
        return self.reads.means(np.array(self.held)[:, :self.nowhere].max(axis=1))

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Connections that are opened, and those of the fullest instance."""
        opened = self.reads.sums(np.array(self.all_opened).sum(axis=1))
        return {"opened_rate": per_tick(opened / self.sim.tick, "per s"),
                "connections_max": per_tick(self.fullest(), "connections")}
