"""A DynamoDB table at work: partitions, bursts, and an index that holds it up.

Picture a row of taps on one pipe. The pipe gives so much (the table's capacity), each tap no more
than its width, whatever the pipe could give. A tank behind the pipe holds what nobody drew in the
last five minutes. And for each glass that is filled, one has to be poured into a second basin (the
index); when that is full, the tap stops.

*Models:* read and write units per tick and partition; 3,000 and 1,000 a second per partition;
300 seconds of unused capacity; adaptive capacity (a partition may use what others leave), or even
shares without it; on-demand; retries. A global secondary index is in `gsi`, auto scaling in
`scaling`, a cache before the table in `dax`.
*Leaves out:* partitions that split, isolation of a hot item, local indexes, how a request is spread
within a tick.

Data plane: counted per tick and partition (`Attempts`), since DynamoDB limits rates.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.declare.arguments import numbers
from labsim.engine import Attempts, Simulation, spread
from labsim.errors import LabsimError, ParameterError, require, unknown
from labsim.services.dynamodb import bill, measures, rules
from labsim.services.dynamodb.measures import OPS, READ, WRITE

HARD = np.array([rules.PARTITION_READS, rules.PARTITION_WRITES])
PEAK_AFTER = 1_800          # s until a new peak is one that on-demand doubles


class Table(kit.Component):
    """A table. Requests come by `sim.send(load, to=table.reads)` and `to=table.writes`, or from an
    outlet; `done` and `failed` are the outlets of those served and of those given up.

    mode: "provisioned" with `read_capacity` and `write_capacity` units/s, or "on-demand"; then
    these are what was provisioned before, and `previous_peak` units/s is the highest peak so far.
    keys: how popular each partition key is, (keys,), or for reads and writes apart, (2, keys); by
    default all partitions get the same. item: its bytes, or an item as a dict, which a read of this
    `consistency` and a write, perhaps in a transaction, are charged for; read_units: the mean of a
    read, where not all are of one item. waits: (shortest, longest) s before each retry.
    random: of what goes to which partition, one for reads and one for writes.
    """

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    shows = (("partitions", "partitions"), ("units saved", "burst"))
    bars = "load", "partitions"
    alarm = "throttled_rate"

    def __init__(self, sim: Simulation, name: str, mode: str = rules.ON_DEMAND,
                 read_capacity: float = 0.0, write_capacity: float = 0.0, *,
                 previous_peak: float = 0.0, keys: np.ndarray | None = None, item=rules.WRITE_BYTES,
                 consistency: str = rules.EVENTUAL, transactional: bool = False,
                 read_units: float = 0.0, adaptive: bool = True,
                 waits: Sequence[tuple[float, float]] = (), random=None):
        super().__init__(sim, name)
        self.mode, self.adaptive = mode, adaptive
        self._check(read_capacity, write_capacity, previous_peak, read_units, item)
        if consistency not in rules.CONSISTENCIES:
            raise unknown("consistency", consistency, rules.CONSISTENCIES)
        self.on_demand = mode == rules.ON_DEMAND
        self.capacity = np.array(rules.at_first(mode, read_capacity, write_capacity,
                                                previous_peak), dtype=float)
        self.parts = rules.partitions(*self.capacity)
        self.shares = self._shares(keys)
        self.units = np.array([read_units or rules.read_units(item, consistency),
                               rules.write_units(item, transactional)], dtype=float)
        self.index = None
        self.reads, self.writes = kit.Inlet(self, "reads"), kit.Inlet(self, "writes")
        self.done, self.failed = kit.CountedOutlet(self), kit.CountedOutlet(self)
        self._random = random or [sim.stream(f"{name} {to} to") for to in OPS]
        ticks = len(self.record.t) - 1
        self._waits = list(waits)
        self._hard = HARD[:, None] * sim.tick
        self._burst = self.capacity * rules.BURST_WINDOW * (not self.on_demand)
        self._part_burst = np.tile(self._burst[:, None] / self.parts, self.parts)
        self._peak = np.zeros((ticks + 1, 2))       # highest consumption before each tick
        self._after = int(PEAK_AFTER // sim.tick)
        self.consumed, self.allowed, self.asked = (np.zeros((ticks, 2)) for _ in range(3))
        self.burst_left = np.zeros((ticks, 2))
        self.load = np.zeros((ticks, 2, self.parts))        # of a partition's limit
        self.held_up = np.zeros(ticks)                      # writes that the index throttled
        sim.each_tick(self.step)

    def _check(self, read_capacity, write_capacity, previous_peak, read_units, item) -> None:
        if self.mode not in rules.MODES:
            raise unknown("mode", self.mode, rules.MODES)
        least = 1 if self.mode == rules.PROVISIONED else 0
        for what, value, low in (("read_capacity", read_capacity, least),
                                 ("write_capacity", write_capacity, least),
                                 ("previous_peak", previous_peak, 0),
                                 ("read_units", read_units, 0)):
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

    # -- tick by tick ------------------------------------------------------------------------

    @cached_property
    def attempts(self) -> Attempts:
        """The requests before the partitions: what is expected of them, at the first look."""
        fresh = [spread(inlet.expected, to, rng) for inlet, to, rng in zip(
            (self.reads, self.writes), self.shares, self._random)]
        return Attempts(np.stack(fresh, axis=1), self._waits, self.sim.tick)

    def step(self, k: int) -> None:
        """Tick `k`: partitions serve what they may, the table what it has, if its index can."""
        tick, capacity = self.sim.tick, self.capacity
        if self.fed_by:
            self._take_in(k)
        if self.on_demand:
            capacity = np.maximum(capacity, 2.0 * self._peak[max(0, k - self._after)])
        counts = self.attempts.at(k)
        asked = counts * self.units[:, None]
        limit = self._hard
        if not self.adaptive and not self.on_demand:
            limit = np.minimum(limit, capacity[:, None] * tick / self.parts + self._part_burst)
        served = np.minimum(asked, limit)
        total = np.add.reduce(served, axis=1)
        room = capacity * tick + self._burst
        served *= np.minimum(1.0, room / np.maximum(total, 1e-9))[:, None]
        if self.index:
            writes = float(served[WRITE].sum()) / self.units[WRITE]
            through = self.index.through(k, writes)
            self.held_up[k] = writes * (1.0 - through)
            served[WRITE] *= min(1.0, through)
        used = np.add.reduce(served, axis=1)
        if not self.on_demand:
            most = capacity * rules.BURST_WINDOW
            self._burst = np.clip(self._burst + capacity * tick - used, 0.0, most)
            self._part_burst = np.clip(
                self._part_burst + capacity[:, None] * tick / self.parts - served, 0.0,
                most[:, None] / self.parts)
        self._peak[k + 1] = np.maximum(self._peak[k], used / tick)
        self.consumed[k], self.allowed[k] = used / tick, capacity
        self.asked[k], self.burst_left[k] = np.add.reduce(asked, axis=1) / tick, self._burst
        self.load[k] = asked / self._hard
        failed, by_attempt = self.attempts.turn_away(k, 1.0 - served / np.maximum(asked, 1e-300)
                                                     * (asked > 0) - (asked <= 0))
        self.attempts.again(k, failed[:-1])
        if self.done.connected or self.failed.connected:
            self.done.count(float(counts.sum() - by_attempt.sum()), self.sim.now)
            self.failed.count(float(by_attempt[-1]), self.sim.now)

    def _take_in(self, k: int) -> None:
        """What other parts have given out since the last tick comes now."""
        for part in self.fed_by:
            part.advance(self.sim.now)
        for op, inlet in enumerate((self.reads, self.writes)):
            if taken := inlet.taken():
                self.attempts.due[k, 0, op] += self._random[op].multinomial(taken, self.shares[op])

    # -- at the end of the run -----------------------------------------------------------------

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
        return self.attempts.attempts.sum(axis=-1)

    @cached_property
    def served(self) -> np.ndarray:
        """Reads and writes that were served in each tick, (ticks, 2)."""
        return self.attempts.served.sum(axis=(1, 3))

    @property
    def throttled(self) -> np.ndarray:
        """Attempts that were throttled in each tick, (ticks, 2)."""
        return np.maximum(self.attempted - self.served, 0.0)

    @property
    def given_up(self) -> np.ndarray:
        """Reads and writes throttled at their last attempt, (2,)."""
        at = self.attempts
        return (at.due[:at.ticks, -1] * at.refused).sum(axis=(0, 2))

    @property
    def retried(self) -> float:
        """Attempts beyond the first."""
        return max(0.0, float(self.attempted.sum() - self.arrived.sum()))

    @property
    def used(self) -> np.ndarray:
        """Read and write units consumed, (2,)."""
        return self.consumed.sum(axis=0) * self.sim.tick

    @property
    def wanted(self) -> np.ndarray:
        """Read and write units/s of what came in each tick, (ticks, 2)."""
        return self.arrived * self.units / self.sim.tick

    def utilization(self, op: int) -> float:
        """Units consumed of those allowed: of reads (0) or writes (1)."""
        return kit.share(self.consumed[:, op].mean(), self.allowed[:, op].mean())

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Units and requests per second, the tank, and how loaded partitions are; in
        `load00`, ... the busiest of each of as many groups of neighbours as a box has columns."""
        tick, throttled = self.sim.tick, self.throttled / self.sim.tick
        groups = np.array_split(self.load.max(axis=1), min(kit.MOST_BARS, self.parts), axis=1)
        rates = {
            **{f"{op}_offered_rate": self.arrived[:, i] / tick for i, op in enumerate(OPS)},
            **{f"throttled_{op}_rate": throttled[:, i] for i, op in enumerate(OPS)},
            "throttled_rate": self.throttled.sum(axis=1) / tick,
            "throttled_by_gsi_rate": self.held_up / tick}
        units = {f"{what}_{op}": values[:, i] for i, op in enumerate(OPS)
                 for what, values in (("asked", self.asked), ("used", self.consumed))}
        units |= {"read_capacity": self.allowed[:, READ], "write_capacity": self.allowed[:, WRITE]}
        return {
            **{name: kit.per_tick(values, "req/s") for name, values in rates.items()},
            **{name: kit.per_tick(values, "units/s") for name, values in units.items()},
            "burst": kit.per_tick(self.burst_left.min(axis=1), "units"),
            "partitions": kit.per_tick(np.full(len(self.load), float(self.parts)), "partitions"),
            "partition_load": kit.per_tick(self.load.max(axis=(1, 2))),
            **kit.bars("load", [group.max(axis=1) for group in groups])}

    def cost(self) -> dict[str, float]:
        """Units that were consumed, or capacity by the hour."""
        if self.on_demand:
            reads, writes = self.used
            return {"reads": reads * bill.READ_PRICE, "writes": writes * bill.WRITE_PRICE}
        hours = self.sim.duration / 3_600
        reads, writes = self.allowed.mean(axis=0)
        return {"reads": reads * hours * bill.READ_HOUR, "writes": writes * hours * bill.WRITE_HOUR}
