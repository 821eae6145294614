"""The reader endpoint: a DNS name that answers with one replica, and pools that hold on to it.

Picture a taxi rank with a dispatcher who names a taxi to whoever asks. He shares the *askers* out
evenly; but a company that asks once, and then sends all its people with that one driver for the
whole day, keeps him busy while the others wait for work. A taxi that joins the rank gets nobody
until somebody asks again.

*Models:* a DNS answer that each client keeps for its TTL, one member of the endpoint, each as
likely as the others; a pool of connections per client, each closed after its lifetime (each with
a phase of its own) and opened to the answer of that moment; connections that an instance drops
come back when their client's answer has expired.
*Leaves out:* pools that grow and shrink with the load, proxies, how long opening takes; all
connections of an endpoint carry equally many reads.

Data plane: counted. `step` touches only the connections that are due.
"""

import numpy as np

from labsim.engine import Simulation

SHORTEST_TTL = 1e-3     # s; as good as none
MOST_LOOKUPS = 1_024    # answers drawn per client; after so many they repeat


def dns_remainder(t: float, shift: np.ndarray, ttl: float) -> np.ndarray:
    """How long an answer in hand at `t` is kept yet, s: clients look up when t + shift is a
    multiple of `ttl`."""
    return ttl - (t + shift) % ttl


class Endpoint:
    """An endpoint over `members` (instance numbers), used by `clients` with a pool each.

    lifetime: s, of a connection; ttl: s, of a DNS answer. Instances are numbered below `nowhere`,
    where connections are that have been dropped and wait for a new answer.
    """

    def __init__(self, sim: Simulation, name: str, *, clients: int, pool_size: int,
                 lifetime: float, ttl: float, members: np.ndarray, nowhere: int):
        rng = sim.stream(f"{name} endpoint")
        self.ttl, self.members, self.nowhere = max(ttl, SHORTEST_TTL), members, nowhere
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
        self._none = np.zeros(nowhere + 1)
        self.opened, self._away = self._none, False     # away: some are nowhere
        self.connections = self._count()

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

    def step(self, t: float) -> None:
        """The tick that begins at `t`: connections that are due in it are closed and opened.

        Then `connections` (instances + 1,) says how many each instance holds in this tick, and
        `opened` how many of them it has had to open.
        """
        end, wide = t + self.tick, self.nowhere + 1
        if self._soonest >= end:
            if self.opened is not self._none:
                self.connections, self.opened = self._count(), self._none
            return
        due = (self.due < end).nonzero()[0]
        at, before = self.due[due], self.at[due]
        self._open(due, at)
        self.connections = self._count()
        self.opened = np.bincount(self.at[due], minlength=wide) * self.openings
        if self._away:      # for a part of the tick these still were nowhere
            part = np.where(before == self.nowhere, np.maximum(at - t, 0.0) / self.tick, 0.0)
            self.connections -= np.bincount(self.at[due], part, wide)
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
