"""A DynamoDB table at work: partitions, bursts, and an index that holds it up.

Picture a row of taps on one pipe. The pipe gives so much (the table's capacity), each tap no more
than its width, whatever the pipe could give. A tank behind the pipe holds what nobody drew in the
last five minutes. And for each glass that is filled, one has to be poured into a second basin (the
index); when that is full, the tap stops.

*Models:* read and write units per step and partition; 3,000 and 1,000 a second per partition, of
which a second's worth is kept, as of what is on demand; 300 seconds of unused capacity; adaptive
capacity (a partition may use what others leave), or even shares without it; retries. On-demand is
in `growth`, a global secondary index in `gsi`, auto scaling in `scaling`, a cache before in `dax`.
*Leaves out:* partitions that split, isolation of a hot item, local indexes, how a request is spread
within a step.

Data plane: counted per step and partition (`Attempts`), since DynamoDB limits rates.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.declare.arguments import numbers
from labsim.engine import Attempts, Simulation, Step, held_at_first
from labsim.errors import LabsimError, ParameterError, require, unknown
from labsim.services.dynamodb import bill, measures, rules
from labsim.services.dynamodb.growth import Growth
from labsim.services.dynamodb.measures import OPS, READ, WRITE

HARD = np.array([rules.PARTITION_READS, rules.PARTITION_WRITES])
EACH = HARD[:, None]


class Table(kit.Component):
    """A table. Requests come by `sim.send(load, to=table.reads)` and `to=table.writes`, or from an
    outlet; `done` and `failed` are the outlets of those served and of those given up.

    mode: "provisioned" with `read_capacity` and `write_capacity` units/s, or "on-demand"; then
    these are what was provisioned before, and `previous_peak` units/s is the highest peak so far.
    keys: how popular each partition key is, (keys,), or for reads and writes apart, (2, keys); by
    default all partitions get the same. item: its bytes, or an item as a dict, which a read of this
    `consistency` and a write, perhaps in a transaction, are charged for; read_units: the mean of a
    read, where not all are of one item. waits: (shortest, longest) s before each retry. saved: for
    how many seconds (to 300) capacity has not been used before the run; none of a new table.
    random: of what goes to which partition, one for reads and one for writes.
    """

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    series = measures.series
    shows = (("partitions", "partitions"), ("units saved", "burst"))
    bars = "load", "partitions"
    alarm = "throttled_rate"

    def __init__(self, sim: Simulation, name: str, mode: str = rules.ON_DEMAND,
                 read_capacity: float = 0.0, write_capacity: float = 0.0, *,
                 previous_peak: float = 0.0, keys: np.ndarray | None = None, item=rules.WRITE_BYTES,
                 consistency: str = rules.EVENTUAL, transactional: bool = False,
                 read_units: float = 0.0, adaptive: bool = True,
                 waits: Sequence[tuple[float, float]] = (), saved: float = rules.BURST_WINDOW,
                 random=None):
        super().__init__(sim, name)
        self.mode, self.adaptive = mode, adaptive or mode == rules.ON_DEMAND
        self._check(read_capacity, write_capacity, previous_peak, read_units, item)
        self.require("saved", saved, 0, rules.BURST_WINDOW, "s")
        if consistency not in rules.CONSISTENCIES:
            raise unknown("consistency", consistency, rules.CONSISTENCIES)
        self.on_demand = mode == rules.ON_DEMAND
        self.capacity = np.array(rules.at_first(mode, read_capacity, write_capacity,
                                                previous_peak), dtype=float)
        self.parts = rules.partitions(*self.capacity)
        self.shares = self._shares(keys)
        self.units = np.array([read_units or rules.read_units(item, consistency),
                               rules.write_units(item, transactional)], dtype=float)
        self._cost = self.units[:, None]
        self.index = None
        self.reads, self.writes = kit.Inlet(self, "reads"), kit.Inlet(self, "writes")
        self.done, self.failed = kit.CountedOutlet(self), kit.CountedOutlet(self)
        dice = random or [sim.stream(f"{name} {to} to") for to in OPS]
        for inlet, share, die in zip((self.reads, self.writes), self.shares, dice):
            inlet.lead(share, die)
        ticks = len(self.record.t) - 1
        self.attempts = Attempts(sim, (2, self.parts), waits)
        self.window = 1.0 if self.on_demand else rules.BURST_WINDOW
        self.saved = saved
        self._burst = (self.capacity * self.saved).tolist()
        self._part_burst = np.tile(self.capacity[:, None] * self.saved / self.parts, self.parts)
        self._tokens = np.tile(EACH, self.parts)   # of what the partitions can do
        self._full = [True, True]                   # a tank that may run dry, and hasn't yet
        self._growth = Growth(self.capacity)        # on demand
        self.used_now, self._short = [0.0, 0.0], False     # units of the last step; too few?
        self._used, self._given, self.burst_left = np.zeros((3, ticks, 2))      # units
        self._asked = np.zeros((ticks, 2, self.parts))      # units/s of a partition, at most
        self.held_up = np.zeros(ticks)                      # writes that the index throttled
        sim.pace.join(self.step)

    def _check(self, read_capacity, write_capacity, previous_peak, read_units, item) -> None:
        if self.mode not in rules.MODES:
            raise unknown("mode", self.mode, rules.MODES)
        least = 1 if self.mode == rules.PROVISIONED else 0
        for what, value, low in (
                ("read_capacity", read_capacity, least), ("write_capacity", write_capacity, least),
                ("previous_peak", previous_peak, 0), ("read_units", read_units, 0)):
            if not low <= value < np.inf:
                raise ParameterError(what, value, f"at least {low}, {self.mode}")
        if not isinstance(item, dict):
            require("item", item, unit="bytes")

    def _shares(self, keys) -> np.ndarray:
        """Of each partition, of the reads and of the writes, (2, partitions)."""
        if keys is None:
            return np.full((2, self.parts), 1 / self.parts)
        keys = numbers("keys", keys)
        keys = np.broadcast_to(keys, (2, keys.shape[-1]))
        if not (keys.sum(axis=1) > 0).all():
            raise ParameterError("keys", "these", "popularities, at least 0 and not all 0")
        shares = np.stack([rules.partition_shares(side, self.parts) for side in keys])
        return shares / shares.sum(axis=1, keepdims=True)

    def feed(self, blocks) -> None:
        """A table has two ways in."""
        raise TypeError(f"{self.name}: send to its reads or its writes, to={self.name}.reads")

    take = feed

    def wired(self) -> None:
        """Somebody has to read or write."""
        if not (self.reads.used or self.writes.used):
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=table.reads) and "
                              f"to=table.writes send to it")

    # -- step by step ------------------------------------------------------------------------

    def provision(self, op: int, units: float) -> None:
        """From now on so many read (0) or write (1) units/s; a tank holds 300 s of the new ones."""
        self.capacity[op] = units
        self._burst[op] = min(self._burst[op], units * self.window)
        most = units * self.window / self.parts
        self._part_burst[op] = np.minimum(self._part_burst[op], most)
        if self._short:
            self.sim.pace.changed()

    def _open(self) -> None:
        """What was not overrun so far has saved a second's worth."""
        before = np.array([self.reads.before, self.writes.before]) * self.units[:, None]
        self._tokens = held_at_first(EACH, before)
        if self.on_demand:
            self._burst = (self.capacity * (before.sum(axis=1) <= self.capacity)).tolist()
        self.burst_first = list(self._burst)
        if self.index:
            self.index.open(float(self.writes.before.sum()))

    def step(self, step: Step) -> float:
        """Partitions serve what they may, the table what it has, if its index can. For how many s
        nothing changes if all goes on like this."""
        for part in self.fed_by:
            part.advance(step.start)
        if step.start == 0.0:
            self._open()
        attempts, length, k = self.attempts, step.length, step.k
        attempts.begin(step, np.array([self.reads.during(step), self.writes.during(step)]))
        capacity = (self._growth.at(step.start) if self.on_demand else self.capacity).tolist()
        given = [units * length for units in capacity]
        room = [units + tank for units, tank in zip(given, self._burst)]
        limit = most = self._tokens + EACH * length
        if not self.adaptive:
            even = np.array(given)[:, None] / self.parts + self._part_burst
            most = np.minimum(limit, even)
        while True:
            asked = attempts.asked * self._cost
            served = np.minimum(asked, most)
            used = np.add.reduce(served, axis=1).tolist()
            for op in (READ, WRITE):
                if used[op] > room[op]:
                    served[op] *= room[op] / used[op]
                    used[op] = room[op]
            if self.index:
                writes = used[WRITE] / self.units[WRITE]
                through = self.index.through(writes, length)
                served[WRITE] *= through
                used[WRITE] *= through
            unserved = asked - served
            self._short = bool(np.maximum.reduce(unserved, axis=None) > 0.0)
            if attempts.turn_away(unserved / np.maximum(asked, 1e-300) if self._short
                                  else unserved):
                break
        attempts.end()
        if self.index:
            self.index.end(step)
            self.held_up[k] += writes * (1.0 - through)
        self.used_now = used
        self._tokens = np.minimum(limit - served, EACH)
        for op in (READ, WRITE):
            tank = min(max(room[op] - used[op], 0.0), capacity[op] * self.window)
            self._burst[op] = self.burst_left[k, op] = tank
            self._used[k, op] += used[op]
            self._given[k, op] += given[op]
        if not self.adaptive:
            self._part_burst = np.minimum(np.maximum(even - served, 0.0), np.array(capacity)[
                :, None] * self.window / self.parts)
        np.maximum(self._asked[k], asked / length, out=self._asked[k])
        if self.done.connected or self.failed.connected:
            self.done.count(float(attempts.served.sum()), step.start, step.end)
            self.failed.count(float(attempts.failed[-1].sum()), step.start, step.end)
        if self.on_demand:
            self._growth.note(np.array(used) / max(length, 1.0), step.end)
            return self._growth.next() - step.end if self._short else math.inf
        return self._until_dry([u - g for u, g in zip(used, given)], length)

    def _until_dry(self, drain: list[float], length: float) -> float:
        """For how many s a tank holds out, if each step as long as this one takes so much of it."""
        ahead = math.inf
        for op, (taken, burst) in enumerate(zip(drain, self._burst)):
            if burst <= 0.0 and self._full[op]:
                self._full[op] = False
                self.sim.pace.changed()
            elif burst > self.capacity[op] * self.window / 20:
                self._full[op] = True
            if taken > 0.0 and burst > 0.0:
                ahead = min(ahead, burst / taken * length)
        return ahead

    # -- at the end of the run -----------------------------------------------------------------

    @cached_property
    def consumed(self) -> np.ndarray:
        """Read and write units/s in each tick, (ticks, 2)."""
        return self._used / self.sim.tick

    @cached_property
    def allowed(self) -> np.ndarray:
        """Read and write units/s that there were in each tick, the tank not counted, (ticks, 2)."""
        return self._given / self.sim.tick

    @cached_property
    def load(self) -> np.ndarray:
        """Most that was asked of each partition in each tick, of its limit, (ticks, 2, parts)."""
        return self._asked / EACH

    @cached_property
    def arrived(self) -> np.ndarray:
        """Reads and writes that came in each tick, (ticks, 2)."""
        return self.attempts.arrived.sum(axis=-1)

    @property
    def offered(self) -> np.ndarray:
        """Reads and writes that came, (2,)."""
        return self.arrived.sum(axis=0)

    @cached_property
    def attempted(self) -> np.ndarray:
        """Attempts to read and to write in each tick, (ticks, 2)."""
        return self.attempts.asked_by.sum(axis=-1)

    @cached_property
    def served(self) -> np.ndarray:
        """Reads and writes that were served in each tick, (ticks, 2)."""
        return self.attempts.served_by.sum(axis=1)

    @property
    def throttled(self) -> np.ndarray:
        """Attempts that were throttled in each tick, (ticks, 2)."""
        return np.maximum(self.attempted - self.served, 0.0)

    @property
    def given_up(self) -> np.ndarray:
        """Reads and writes throttled at their last attempt, (2,)."""
        return self.attempts.given_up

    @property
    def retried(self) -> float:
        """Attempts beyond the first."""
        return max(0.0, float(self.attempted.sum() - self.arrived.sum()))

    @property
    def used(self) -> np.ndarray:
        """Read and write units consumed, (2,)."""
        return self._used.sum(axis=0)

    @property
    def wanted(self) -> np.ndarray:
        """Read and write units/s of what came in each tick, (ticks, 2)."""
        return self.arrived * self.units / self.sim.tick

    def utilization(self, op: int) -> float:
        """Units consumed of those allowed: of reads (0) or writes (1)."""
        return kit.share(self._used[:, op].sum(), self._given[:, op].sum())

    def cost(self) -> dict[str, float]:
        """Units that were consumed, or capacity by the hour."""
        if self.on_demand:
            reads, writes = self.used
            return {"reads": reads * bill.READ_PRICE, "writes": writes * bill.WRITE_PRICE}
        hours = self.sim.duration / 3_600
        reads, writes = self.allowed.mean(axis=0)
        return {"reads": reads * hours * bill.READ_HOUR, "writes": writes * hours * bill.WRITE_HOUR}
