"""What fails in Amazon Aurora (and RDS): the writer, a replica, copies of the storage.

Picture the head chef who faints. An assistant takes his place within seconds, if there is one; else
a new chef must be found. When he has come round, he is an assistant himself. An assistant who
faints is carried out, and is back when he is well; and with three of six keys lost nobody can open
the pantry.

*Models:* a failover at a chosen time or as a fault: an Aurora replica is promoted, a Multi-AZ
standby takes over, or a new writer is made; the old one is back as a replica some time later;
replicas that are gone for a while; instances that are slow; copies of the storage that are lost.
*Leaves out:* promotion tiers that are set by hand (all are alike; `promoted` has the rule), repair
of copies, an RDS replica promoted by hand, failovers of a writer that is only slow.

Control plane: SimPy processes.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from labsim.declare.faults import SLOW, FaultKind
from labsim.engine import Order
from labsim.errors import ParameterError, require_each
from labsim.services.aurora.instances import Instances
from labsim.services.aurora.rules import (
    AURORA,
    COPIES,
    LAST_TIER,
    PROMOTION,
    RDS,
    REBUILD,
    REJOIN,
    STANDBY,
    promoted,
    time_to_recover,
    volume_readable,
    volume_writable,
)
from labsim.services.aurora.writers import Outage

WRITER = {"down": FaultKind("it fails, and another takes over; it is back as a replica"),
          "slow": SLOW}
REPLICA = {"down": FaultKind("it is gone, and its connections drop"), "slow": SLOW}
STORAGE = {"lost": FaultKind("copies are lost: writes need four of six, reads three", "copies lost",
                             "copies", 1, COPIES, 3)}


@dataclass(frozen=True)
class Failover:
    """There is a writer again after `promotion` s of an Aurora replica, `standby` s of a Multi-AZ
    standby, or else `rebuild` s; a failed one that was replaced by a replica is back as one after
    `rejoin` s more. silent: it ends no connection, as a host or network that is gone."""

    promotion: float = PROMOTION
    standby: float = STANDBY
    rebuild: float = REBUILD
    rejoin: float = REJOIN
    silent: bool = False

    def __post_init__(self):
        require_each(promotion=self.promotion, standby=self.standby, rebuild=self.rebuild)
        require_each(endless=True, rejoin=self.rejoin)


class Failures(Instances):
    """Instances that fail, as `failover` says. Its pieces are "cluster-writer", the writer that
    there is when a fault strikes, "cluster-1" and so on, an instance each, and, on Aurora,
    "cluster-storage"."""

    def __init__(self, *args, failover: Failover | None = None, **instances):
        self.failover, self.losses = failover or Failover(), []     # when a quorum came or went, s
        self._failing_at: float | None = None
        self._held: dict[tuple[str, str], int] = {}     # the instance that a fault has struck
        self._slowed: dict[str, float] = {}
        super().__init__(*args, **instances)

    # -- chosen in advance -----------------------------------------------------------------------

    def fail_writer(self, at: float, **how) -> None:
        """The writer fails at `at` s, once in a run. how: fields of `Failover` that differ from the
        cluster's."""
        self.require("at", at, unit="s")
        try:
            failover = replace(self.failover, **how)
        except ParameterError as error:
            raise error.of(self.name) from None
        if self._failing_at is not None:
            raise ParameterError("at", at, f"one failure of the writer of {self.name} in a run")
        self._failing_at = at

        def failing():
            yield self.sim.until(at, Order.CAPACITY)
            yield from self._fail_over(failover)
        self.sim.process(failing())

    def lose_copies(self, at: float, lost: int) -> None:
        """At `at` s so many of the copies of Aurora's storage are lost, for good."""
        if self.engine != AURORA:
            raise ParameterError("lost", lost, f"0: {self.engine} has no storage of copies")
        self.require("at", at, unit="s")
        self.require("lost", lost, 0, COPIES, "copies", whole=True)

        def losing():
            yield self.sim.until(at, Order.CAPACITY)
            self._lose(lost)
        self.sim.process(losing())

    # -- faults ----------------------------------------------------------------------------------

    def breakable(self) -> dict[str, dict[str, FaultKind]]:
        """The writer, whichever it is; each replica that there is at first, or that auto scaling
        may add; Aurora's storage."""
        pieces = {f"{self.name}-writer": WRITER}
        pieces |= {f"{self.name}-{i}": REPLICA for i in range(1, max(self.first, self.high) + 1)}
        return pieces | ({f"{self.name}-storage": STORAGE} if self.engine == AURORA else {})

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """An instance is down or slow, or copies are lost."""
        if what == "lost":
            return self._lose(min(round(sum(amounts)), COPIES))
        name = piece.removeprefix(f"{self.name}-")
        held = self._held.setdefault((piece, what), (
            self.writer if name == "writer" else int(name)))
        if not amounts:
            del self._held[piece, what]
        elif not self.exists[held]:
            self.log("replica", f"{piece} is not there: nothing happens unless it is added "
                                "meanwhile")
        if what == "slow":
            self._slowed[piece] = math.prod(amounts)
            self.slow[:] = 1.0
            for (other, kind), instance in self._held.items():
                if kind == "slow":
                    self.slow[instance] *= self._slowed[other]
            self.changed()
        elif not amounts:
            self._mend(held)
        elif held == self.writer:
            if len(amounts) == 1 and self.up[held]:
                self.sim.process(self._fail_over(replace(self.failover, rejoin=math.inf)))
        elif not self.broken[held]:
            self.broken[held] = True
            self.log("replica", f"a replica fails; {self.drop(held)} reader connections drop")
            self.changed()

    def _mend(self, instance: int) -> None:
        """An instance is no longer down: a replica is there again, as is a writer that has been
        replaced, once there is another."""
        if self.broken[instance]:
            self.broken[instance] = False
            self.log("replica", "a replica is there again, without any connection yet")
            return self.changed()
        back = self.outages[-1].back if self.outages else 0.0
        if self.sim.now < back:
            self.sim.process(self._later(back, instance))
        else:
            self._rejoin(instance)

    def _later(self, at: float, instance: int):
        yield self.sim.until(at, Order.CAPACITY)
        self._rejoin(instance)

    # -- what happens then -----------------------------------------------------------------------

    def _fail_over(self, how: Failover):
        """The writer fails now."""
        at, failed, promote = self.sim.now, self.writer, self._successor()
        kept = 1.0 - (self.proxy.gain if self.proxy else 0.0)   # of the time to take over
        recover = time_to_recover(self.engine, self.in_service, self.multi_az, how.promotion * kept,
                                  how.standby * kept, how.rebuild)
        replaced = promote != failed
        self.outages.append(Outage(
            at, at + recover, at + recover + how.rejoin if replaced else math.inf, how.silent,
            failed if replaced else None))
        self.up[failed] = False
        dropped = self.drop(failed)
        if replaced:
            dropped += self.drop(promote)
            self.writer = promote
            self.up[promote] = False    # restarts as the writer
            self.added = [i for i in self.added if i != promote]
        who = "a replica is promoted" if replaced else "no replica to promote"
        self.log("failover", f"the writer fails; {who}; {dropped} reader connections drop")
        self.changed()
        yield self.sim.until(at + recover, Order.CAPACITY)
        self.up[self.writer] = True
        dropped = self.drop(self.writer)
        self.changed()
        self.log("recovered", f"there is a writer again after {recover:,.0f} s; clients find "
                              "it once their DNS answer has expired")
        if replaced and how.rejoin < math.inf:
            yield self.sim.until(at + recover + how.rejoin, Order.CAPACITY)
            self._rejoin(failed)

    def _rejoin(self, instance: int) -> None:
        """A writer that has failed is back as a replica, if another has taken its place."""
        if self.up[instance] or not self.exists[instance] or instance == self.writer:
            return
        self.outages = [replace(one, demoted=self.sim.now) if one.instance == instance
                        and one.demoted == math.inf else one for one in self.outages]
        self.up[instance] = True
        self.changed()
        self.log("replica", "the old writer is back, as a replica")

    def _successor(self) -> int:
        """The replica that becomes the writer; the writer itself where nothing is promoted."""
        candidates = np.flatnonzero(self.readers)
        if self.engine == RDS or not len(candidates):
            return self.writer
        tiers = [(LAST_TIER if i in self.added else 0, self.size[i]) for i in candidates.tolist()]
        return int(candidates[promoted(tiers)])

    def _lose(self, lost: int) -> None:
        if volume_writable(lost) != volume_writable(COPIES - self.copies):
            self.losses.append(self.sim.now)
        self.copies = COPIES - lost
        self.changed()
        self.log("storage", f"{lost} of {COPIES} copies lost: writes "
                 f"{'go on' if volume_writable(lost) else 'stop'}, reads "
                 f"{'go on' if volume_readable(lost) else 'stop'}")
