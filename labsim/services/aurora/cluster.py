"""Amazon Aurora (and RDS): one writer, replicas, failover, replica auto scaling, the quorum.

Picture a head chef with assistants who cook from one shared pantry. Only the chef changes the
pantry; when he faints an assistant takes his place within half a minute, if there is one; else a
new chef must be found. In RDS every assistant has a pantry of his own and copies every change of
the chef's, some time later; and the deputy (Multi-AZ) stands by and cooks for nobody.

*Models:* Aurora with replicas on shared storage of six copies, RDS with asynchronous replicas and
a Multi-AZ standby; a failover at a chosen time; target tracking that adds replicas and removes
only its own, with its cooldowns, while the cluster is available; copies of the storage that fail.
*Leaves out:* promotion tiers that are set by hand (all are alike; `promoted` has the rule), zones,
Global Database, repair of copies, an RDS replica promoted by hand, Serverless.

Control plane: SimPy processes. Connections are in `connections`, reads in `database`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labsim import factbook
from labsim.engine import Order, Simulation

AURORA, RDS = "aurora", "rds"
COPIES = int(factbook.value("aurora.copies_n"))
WRITE_QUORUM = int(factbook.value("aurora.write_quorum"))
READ_QUORUM = int(factbook.value("aurora.read_quorum"))
REPLICAS_MAX = int(factbook.value("aurora.replicas_max"))
COOLDOWN = factbook.value("aurora.as_cooldown_s")
LAST_TIER = 15      # promotion tier of a replica that auto scaling adds, as in aurora.as_rule
IO_PRICE = factbook.value("aurora.io_price_million") / 1e6


def volume_writable(copies_lost: int) -> bool:
    """Whether Aurora's storage takes writes: four of six copies must be there."""
    return COPIES - copies_lost >= WRITE_QUORUM


def volume_readable(copies_lost: int) -> bool:
    """Whether Aurora's storage can be read: three of six copies must be there."""
    return COPIES - copies_lost >= READ_QUORUM


def client_outage(failover: float, dns_remainder: float) -> float:
    """How long a client is without the writer, s: the failover, then its cached DNS answer."""
    return failover + dns_remainder


def outage_bounds(failover: float, ttl: float) -> list[float]:
    """Shortest and longest `client_outage` with a DNS answer of this TTL, s."""
    return [client_outage(failover, 0.0), client_outage(failover, ttl)]


def promoted(replicas: list[tuple[int, float]]) -> int:
    """Which of these (tier, size) is promoted: the lowest tier, then the largest; the first of
    equals. Source: Aurora User Guide, Concepts.AuroraHighAvailability."""
    return min(range(len(replicas)), key=lambda i: (replicas[i][0], -replicas[i][1]))


def time_to_recover(engine: str, replicas: int, multi_az: bool, promotion: float,
                    multi_az_failover: float, rebuild: float) -> float:
    """How long there is no writer after it has failed, s."""
    if engine == AURORA:
        return promotion if replicas else rebuild
    return multi_az_failover if multi_az else rebuild


@dataclass(frozen=True)
class State:
    """What holds from a control event to the next: arrays over instances, (instances + 1,).

    speed: reads/s that each can do; writes: writes/s that each applies; readers: which are
    replicas; serving: these, or the writer where there is none; billed: which are paid
    for; writer: which it is.
    """

    speed: np.ndarray
    writes: np.ndarray
    readers: np.ndarray
    serving: np.ndarray
    billed: np.ndarray
    writer: int


class Cluster:
    """A writer (instance 0), `replicas`, and room for `most` of them.

    big: so many replicas, the first, are `big_factor` times as large. `endpoints` are told when
    their members change: {name: (endpoint, whether it is the one for big replicas)}.
    """

    def __init__(self, sim: Simulation, *, engine: str, replicas: int, most: int, capacity: float,
                 big: int, big_factor: float, write_rate: float, apply_rate: float):
        self.sim, self.engine = sim, engine
        self.write_rate, self.apply_rate = write_rate, apply_rate
        self.nowhere = most + 1
        self.size = np.full(most + 2, float(capacity))
        self.big = np.zeros(most + 2, dtype=bool)
        self.big[1:1 + big] = True
        self.size[self.big] *= big_factor
        self.size[self.nowhere] = 0.0
        self.up = np.zeros(most + 2, dtype=bool)        # runs
        self.exists = np.zeros(most + 2, dtype=bool)    # runs, or comes back
        self.up[:1 + replicas] = self.exists[:1 + replicas] = True
        self.writer, self.copies = 0, COPIES
        self.endpoints: list = []
        self.added: list[int] = []      # replicas of auto scaling, the newest last
        self.creating = self.scale_outs = self.scale_ins = 0
        self.down_at = float("inf")     # when the writer failed,
        self.recovered_at = float("inf")    # and when there was one again
        self.lost_at = float("inf")         # when the volume could no longer be written
        self._deaf_out = self._deaf_in = 0.0
        self.changed()

    # -- what the data plane sees ----------------------------------------------------------

    @property
    def readers(self) -> np.ndarray:
        """Which instances are replicas that serve reads, (instances + 1,)."""
        readers = self.up.copy()
        readers[self.writer] = False
        return readers

    def members(self, big: bool | None) -> np.ndarray:
        """The instances behind an endpoint: big replicas, the others, or all (None). Where there
        is none of the kind all replicas, where there is no replica the writer."""
        readers = self.readers
        kind = readers if big is None else readers & (self.big == big)
        for some in (kind, readers):
            if some.any():
                return np.flatnonzero(some)
        return np.array([self.writer])

    def changed(self) -> None:
        """Take down the state from now on, and tell the endpoints their members."""
        readers, speed = self.readers, self.size * self.up
        readable = self.engine == RDS or volume_readable(COPIES - self.copies)
        writable = self.engine == RDS or volume_writable(COPIES - self.copies)
        rate = self.write_rate if self.up[self.writer] and writable else 0.0
        writes = np.zeros(len(speed))
        writes[self.writer] = rate
        if self.engine == RDS:      # every replica does every write once more
            writes[readers] = min(rate, self.apply_rate)
        serving = readers.copy()
        serving[self.members(None)] = True
        self.state = State(speed * readable, writes, readers, serving, self.exists.copy(),
                           self.writer)
        for endpoint, big in self.endpoints:
            endpoint.members = self.members(big)
        self.sim.record.level("replicas", self.sim.now, self.in_service)
        self.sim.record.level("creating", self.sim.now, self.creating)
        self.sim.record.level("copies", self.sim.now, self.copies)

    def drop(self, instance: int) -> int:
        """Every endpoint's connections to `instance` are gone: how many."""
        return sum(endpoint.drop(instance, self.sim.now) for endpoint, _ in self.endpoints)

    # -- failures --------------------------------------------------------------------------

    def fail_writer(self, at: float, recovery: Callable[[int], float], rejoin: float):
        """A process: the writer fails at `at` and there is one again `recovery(replicas)` s
        later; a failed one that was replaced by a replica is back as one after `rejoin` s more."""
        yield self.sim.until(at, Order.CAPACITY)
        failed, promote = self.writer, self._successor()
        recover = recovery(self.in_service)
        self.down_at, self.recovered_at = at, at + recover
        self.up[failed] = False
        dropped = self.drop(failed)
        if promote != failed:
            dropped += self.drop(promote)
            self.writer = promote
            self.up[promote] = False    # restarts as the writer
            self.added = [i for i in self.added if i != promote]
        who = "a replica is promoted" if promote != failed else "no replica to promote"
        self.sim.log("failover", f"the writer fails; {who}; {dropped} reader connections drop")
        self.changed()
        yield self.sim.until(at + recover, Order.CAPACITY)
        self.up[self.writer] = True
        dropped = self.drop(self.writer)
        self.changed()
        self.sim.log("recovered", f"there is a writer again after {recover:,.0f} s; clients find "
                                  "it once their DNS answer has expired")
        if promote != failed:
            yield self.sim.until(at + recover + rejoin, Order.CAPACITY)
            self.up[failed] = True
            self.changed()
            self.sim.log("replica", "the old writer is back, as a replica")

    def _successor(self) -> int:
        """The replica that becomes the writer; the writer itself where nothing is promoted."""
        candidates = np.flatnonzero(self.readers)
        if self.engine == RDS or not len(candidates):
            return self.writer
        tiers = [(LAST_TIER if i in self.added else 0, self.size[i]) for i in candidates.tolist()]
        return int(candidates[promoted(tiers)])

    def lose_copies(self, at: float, lost: int):
        """A process: at `at` so many of the storage's copies are lost, for good."""
        yield self.sim.until(at, Order.CAPACITY)
        self.copies = COPIES - lost
        if not volume_writable(lost):
            self.lost_at = at
        self.changed()
        self.sim.log("storage", f"{lost} of {COPIES} copies lost: writes "
                     f"{'go on' if volume_writable(lost) else 'stop'}, reads "
                     f"{'go on' if volume_readable(lost) else 'stop'}")

    # -- auto scaling: what `scaling_policies.TargetTracking` moves --------------------------

    def auto_scale(self, low: int, high: int, creation_time: float) -> None:
        """Let a policy move the replicas from `low` to `high`; a new one takes so long, s."""
        self.low, self.high, self.creation_time = low, high, creation_time

    @property
    def in_service(self) -> int:
        """Replicas that are available now."""
        return int(self.readers.sum())

    @property
    def desired(self) -> int:
        """Replicas that are available, on their way back, or being created."""
        return int(self.exists.sum()) - 1 + self.creating

    @property
    def warming(self) -> bool:
        """Whether a scale-in has to wait: for a replica in the making, or for the cooldown."""
        return self.creating > 0 or self.sim.now < self._deaf_in

    def scale_to(self, wanted: int, why: str) -> None:
        """Set the number of replicas; nothing happens while the cluster is not available, in a
        cooldown, or at a limit."""
        now, before = self.sim.now, self.desired
        change = min(max(wanted, self.low), self.high) - before
        if change < 0:
            change = -min(-change, len(self.added))
        if not change or not self.up[self.writer] or now < (
                self._deaf_out if change > 0 else self._deaf_in):
            return
        done = now + (self.creation_time if change > 0 else 0.0)
        self._deaf_in = done + COOLDOWN
        self.sim.log("scale-out" if change > 0 else "scale-in",
                     f"{change:+d} replicas to {before + change} ({why})")
        if change > 0:
            self._deaf_out = done + COOLDOWN
            self.scale_outs += 1
            self.creating += change
            self.changed()
            self.sim.process(self._create(change))
        else:
            self.scale_ins += 1
            for _ in range(-change):
                self._remove(self.added.pop())

    def _create(self, count: int):
        yield self.sim.until(self.sim.now + self.creation_time, Order.CAPACITY)
        free = np.flatnonzero(~self.exists[:self.nowhere])[:count].tolist()
        self.up[free] = self.exists[free] = True
        self.added += free
        self.creating -= count
        self.changed()
        self.sim.log("replica", f"{count} more available, without any connection yet")

    def _remove(self, instance: int) -> None:
        self.up[instance] = self.exists[instance] = False
        self.changed()
        self.drop(instance)
