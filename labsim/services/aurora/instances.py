"""The instances of Amazon Aurora (and RDS): writer and replicas, what each can do, auto scaling.

Picture a head chef with assistants who cook from one shared pantry. Only the chef changes the
pantry. In RDS every assistant has a pantry of his own and copies every change of the chef's, some
time later; and the deputy (Multi-AZ) stands by and cooks for nobody.

*Models:* Aurora with replicas on shared storage of six copies, RDS with asynchronous replicas and
a Multi-AZ standby; target tracking that adds replicas and removes only its own, with its cooldowns,
while the cluster is available. *Leaves out:* zones, Global Database, Serverless; what fails is in
`failures`.

Control plane: SimPy processes.
"""

import math
from dataclasses import dataclass

import numpy as np

from labsim.declare import Component
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError
from labsim.services.aurora.rules import (
    AURORA,
    COOLDOWN,
    COPIES,
    RDS,
    REPLICAS_MAX,
    volume_readable,
    volume_writable,
)
from labsim.services.aurora.writers import Outage, Proxy


@dataclass(frozen=True)
class State:
    """What holds from a control event to the next: arrays over instances, (instances + 1,).

    speed: reads/s that each can do; writes: writes/s that each applies; readers: which are
    replicas; serving: these, or the writer where there is none; billed: which are paid
    for; slow: how many times as long each takes; writer: which it is; writable: whether the storage
    has its quorum.
    """

    speed: np.ndarray
    writes: np.ndarray
    readers: np.ndarray
    serving: np.ndarray
    billed: np.ndarray
    slow: np.ndarray
    writer: int
    writable: bool


class Instances(Component):
    """A writer (instance 0), `replicas`, and room for `most` of them: who is there, and what each
    can do. What they do is in `cluster.Cluster`, where the parameters are explained."""

    def __init__(self, sim: Simulation, name: str, *, engine: str, replicas: int, most: int | None,
                 multi_az: bool, capacity: float, big: int, big_factor: float, write_rate: float,
                 apply_rate: float, proxy: Proxy | None):
        super().__init__(sim, name)
        if engine not in (AURORA, RDS):
            raise ParameterError("engine", engine, f"{AURORA} or {RDS}")
        self.most = REPLICAS_MAX[engine] if most is None else most
        for what, value, least, upto in (("most", self.most, 0, REPLICAS_MAX[engine]),
                                         ("replicas", replicas, 0, self.most),
                                         ("big", big, 0, replicas)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= upto:
                raise ParameterError(what, value, f"a whole number from {least} to {upto}")
        if multi_az and engine == AURORA:
            raise ParameterError("multi_az", multi_az, f"False on {AURORA}, whose replicas take "
                                                       f"over; {RDS} has standbys")
        if not 1 <= big_factor < math.inf:
            raise ParameterError("big_factor", big_factor, "at least 1")
        self.engine, self.multi_az, self.capacity = engine, multi_az, capacity
        self.write_rate, self.apply_rate, self.proxy = write_rate, apply_rate, proxy
        self.nowhere = self.most + 1
        self.size = np.full(self.most + 2, float(capacity))
        self.big = np.zeros(self.most + 2, dtype=bool)
        self.big[1:1 + big] = True
        self.size[self.big] *= big_factor
        self.size[self.nowhere] = 0.0
        self.up = np.zeros(self.most + 2, dtype=bool)       # runs
        self.exists = np.zeros(self.most + 2, dtype=bool)   # runs, or comes back
        self.up[:1 + replicas] = self.exists[:1 + replicas] = True
        self.broken = np.zeros(self.most + 2, dtype=bool)   # by a fault
        self.slow = np.ones(self.most + 2)                  # takes so many times as long
        self.writer, self.copies, self.first = 0, COPIES, replicas
        self.endpoints: list = []       # each is told when its members change
        self.added: list[int] = []      # replicas of auto scaling, the newest last
        self.creating = self.scale_outs = self.scale_ins = 0
        self.outages: list[Outage] = []     # of the writer, in order
        self.low, self.high, self.creation_time = 0, 0, 0.0     # what auto scaling may do
        self._deaf_out = self._deaf_in = 0.0
        self.changed()

    # -- what the data plane sees ----------------------------------------------------------

    @property
    def readers(self) -> np.ndarray:
        """Which instances are replicas that serve reads, (instances + 1,)."""
        readers = self.up & ~self.broken
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
        self.advance(self.sim.now)
        readers, speed = self.readers, self.size * (self.up & ~self.broken) / self.slow
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
                           self.slow.copy(), self.writer, writable)
        for endpoint in self.endpoints:
            endpoint.changed(self.members(endpoint.big))
        for name, value in (("replicas", self.in_service), ("creating", self.creating),
                            ("copies", self.copies)):
            self.record.level(name, self.sim.now, value)

    def drop(self, instance: int) -> int:
        """Every endpoint's connections to `instance` are gone: how many."""
        self.advance(self.sim.now)
        return sum(endpoint.drop(instance, self.sim.now) for endpoint in self.endpoints)

    # -- auto scaling: what `autoscaling.TargetTracking` moves --------------------------------

    def auto_scale(self, low: int, high: int, creation_time: float) -> None:
        """Let a policy move the replicas from `low` to `high`; a new one takes `creation_time` s.
        ParameterError where there can't be so many, or on RDS."""
        if self.engine != AURORA:
            raise ParameterError("engine", self.engine, f"{AURORA}, whose replicas can be scaled")
        if not 0 <= low <= high <= self.most:
            raise ParameterError("high", high, f"from low, {low}, to the room there is, "
                                               f"{self.most} replicas")
        self.require("creation_time", creation_time, unit="s")
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
        self.log("scale-out" if change > 0 else "scale-in",
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
        self.log("replica", f"{count} more available, without any connection yet")

    def _remove(self, instance: int) -> None:
        self.up[instance] = self.exists[instance] = False
        self.changed()
        self.drop(instance)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """How many replicas and copies there are."""
        told = {name: (self.record.sampled(name), unit) for name, unit in (
            ("replicas", "replicas"), ("creating", "replicas"), ("copies", "copies"))}
        if self.engine == RDS:      # each instance has storage of its own
            told["copies"] = told["replicas"][0] + 1 + self.multi_az, "copies"
        return told
