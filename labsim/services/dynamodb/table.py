"""A DynamoDB table at work: partitions, bursts, and an index that holds it up.

Picture a row of taps on one pipe. The pipe gives so much (the table's capacity), each tap no more
than its width, whatever the pipe could give. A tank behind the pipe holds what nobody drew in the
last five minutes. And for each glass that is filled, one has to be poured into a second basin (the
index); when that is full, the tap stops.

*Models:* read and write units per step and partition; what a partition serves a second, of which a
second's worth is kept, as of what is on demand; 300 seconds of unused capacity; adaptive capacity
(a partition may use what others leave, and a hot one is split), or even shares without it; retries.
Splits are in `partitions`, on-demand in `growth`, times to an answer in `latency`, a global
secondary index in `gsi`, auto scaling in `scaling`, a cache before in `dax`.
*Leaves out:* local indexes, more partitions where more is provisioned, how a request is spread
within a step.

Data plane: counted per step and partition (`Attempts`), since DynamoDB limits rates.
"""

import math
from collections.abc import Sequence

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare.arguments import numbers
from labsim.engine import Attempts, LastSecond, Simulation, Step, held_at_first, widened
from labsim.errors import LabsimError, ParameterError, require, unknown
from labsim.services.common.retries import RetryQuota
from labsim.services.dynamodb import measures, rules
from labsim.services.dynamodb.growth import Growth
from labsim.services.dynamodb.measures import OPS, READ, WRITE
from labsim.services.dynamodb.partitions import Partitions, divided_among
from labsim.services.dynamodb.results import Results

SPLIT_AFTER = factbook.value("ddb.split_s")


class Table(Results):
    """A table. Requests come by `sim.send(load, to=table.reads)` and `to=table.writes`, with a
    `retry` as a crowd that comes back; from an outlet; or one by one, as `kit.AskedInlet` says.
    `done` and `failed` are the outlets of those served and of those given up.

    mode: "provisioned" with `read_capacity` and `write_capacity` units/s, or "on-demand"; then
    these are what was provisioned before, and `previous_peak` units/s is the highest peak so far.
    keys: how popular each partition key is, (keys,), or for reads and writes apart, (2, keys); by
    default all partitions get the same. divided: whether a key has many items, which a split can
    divide (it has a sort key, and no local index). split_after: s for which a partition is hot
    until it is split, with adaptive capacity. item: its bytes, or an item as a dict, which a read
    of this `consistency` and a write, perhaps in a transaction, are charged for; read_units: the
    mean of a read, where not all are of one item. waits: (shortest, longest) s before each
    retry, while there is a `quota` of tokens; or as its clients say (`sim.send(..., retry=...)`).
    saved: for how many seconds (to 300) capacity has not been used before the run; none of a new
    table. random: of what goes to which partition, one for reads and one for writes.
    """

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    series = measures.series
    shows = (("partitions", "partitions"), ("units saved", "burst"))
    bars = "load", "partitions"
    alarm = "throttled_rate"
    ways = "reads", "writes"

    def __init__(self, sim: Simulation, name: str, mode: str = rules.ON_DEMAND,
                 read_capacity: float = 0.0, write_capacity: float = 0.0, *,
                 previous_peak: float = 0.0, keys: np.ndarray | None = None, item=rules.WRITE_BYTES,
                 consistency: str = rules.EVENTUAL, transactional: bool = False,
                 read_units: float = 0.0, adaptive: bool = True, divided: bool = False,
                 split_after: float = SPLIT_AFTER,
                 waits: Sequence[tuple[float, float]] = (), quota: RetryQuota | None = None,
                 saved: float = rules.BURST_WINDOW, random=None):
        super().__init__(sim, name)
        self.mode, self.adaptive = mode, adaptive or mode == rules.ON_DEMAND
        self._check(read_capacity, write_capacity, previous_peak, read_units, item)
        self.require("saved", saved, 0, rules.BURST_WINDOW, "s")
        self.require("split_after", split_after, 0, unit="s", above=True, endless=True)
        if consistency not in rules.CONSISTENCIES:
            raise unknown("consistency", consistency, rules.CONSISTENCIES)
        self.on_demand = mode == rules.ON_DEMAND
        self.capacity = np.array(rules.at_first(mode, read_capacity, write_capacity,
                                                previous_peak), dtype=float)
        parts = rules.first_partitions(mode, *self.capacity)
        self.partitions = Partitions(self._popularity(keys), parts, divided, split_after)
        self.limits = rules.partition_limits(consistency)       # units/s of a partition
        self._each = self.limits[:, None]
        self.units = np.array([read_units or rules.read_units(item, consistency),
                               rules.write_units(item, transactional)], dtype=float)
        self._cost = self.units[:, None]
        self.index = None
        self.reads, self.writes = (kit.AskedInlet(self, to, op) for op, to in enumerate(OPS))
        self.done = kit.CountedOutlet(self, self.reads, self.writes)
        self.failed = kit.CountedOutlet(self)
        self._dice = random or [sim.stream(f"{name} {to} to") for to in OPS]
        self._lead()
        ticks = len(self.record.t) - 1
        self.crowd = self.attempts = Attempts(sim, (2, parts), waits, quota)
        self.pieces, self._piece = parts, np.arange(parts)      # that each partition comes from
        self.window = 1.0 if self.on_demand else rules.BURST_WINDOW
        self.saved = saved
        self._burst = (self.capacity * self.saved).tolist()
        self._part_burst = np.tile(self.capacity[:, None] * self.saved / parts, parts)
        self._tokens = np.tile(self._each, parts)   # of what the partitions can do
        self._full = [True, True]                   # a tank that may run dry, and hasn't yet
        self._growth, self.capacity_now = Growth(self.capacity.copy()), self.capacity
        self.used_now, self._short = [0.0, 0.0], False     # units of the last step; too few?
        self._used, self._given, self.burst_left = np.zeros((3, ticks, 2))      # units
        self.erred = np.zeros((ticks, 2))           # attempts, since something was broken
        self._asked = np.zeros((ticks, 2, parts))   # units in a second of a partition, at most
        self.parts_then = np.full(ticks, float(parts))
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

    def _popularity(self, keys) -> np.ndarray | None:
        """How often each key is read and written, (2, keys)."""
        if keys is None:
            return None
        keys = numbers("keys", keys)
        keys = np.broadcast_to(keys, (2, keys.shape[-1]))
        if not (keys.sum(axis=1) > 0).all():
            raise ParameterError("keys", "these", "popularities, at least 0 and not all 0")
        return keys

    @property
    def parts(self) -> int:
        """Partitions as of now."""
        return len(self.partitions)

    def _lead(self) -> None:
        """What comes goes to the partitions that there are."""
        for inlet, share, die in zip((self.reads, self.writes), self.partitions.shares, self._dice):
            inlet.lead(share / share.sum(), die)

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
        self._tokens, self._second = held_at_first(self._each, before), LastSecond(before)
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
        attempts.begin(step, np.array([self.reads.during(step), self.writes.during(step)]),
                       kit.single(step, self.reads, self.writes))
        works = self.well
        now = self._growth.at(step.start) if self.on_demand else self.capacity
        capacity = self.capacity_now = now.tolist()
        given = [units * length * self.left for units in capacity]
        room = [units + tank for units, tank in zip(given, self._burst)]
        limit = most = self._tokens + self._each * length
        if not self.adaptive:
            even = np.array(given)[:, None] / self.parts + self._part_burst
            most = np.minimum(limit, even)
        while True:
            asked = attempts.asked * self._cost
            served = np.minimum(asked if works is None else asked * works, most)
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
            share = unserved / np.maximum(asked, 1e-300) if self._short else unserved
            if attempts.turn_away(share if works is None else np.maximum(share, 1.0 - works)):
                break
        attempts.end()
        if works is not None:
            self.erred[k] += (attempts.asked * (1.0 - works)).sum(axis=1)
        if self.index:
            self.index.end(step)
            self.held_up[k] += writes * (1.0 - through)
        self.used_now = used
        self._tokens = np.minimum(limit - served, self._each)
        for op in (READ, WRITE):
            tank = min(max(room[op] - used[op], 0.0), capacity[op] * self.window)
            self._burst[op] = self.burst_left[k, op] = tank
            self._used[k, op] += used[op]
            self._given[k, op] += given[op]
        if not self.adaptive:
            self._part_burst = np.minimum(np.maximum(even - served, 0.0), np.array(capacity)[
                :, None] * self.window / self.parts)
        np.maximum(self._asked[k], self._second.rate(asked, length), out=self._asked[k])
        if self.done.connected or self.failed.connected:
            self.done.count(float(attempts.served.sum()), step.start, step.end)
            self.failed.count(float(np.sum(attempts.lost)), step.start, step.end)
        ahead = math.inf
        if self.adaptive and not self.partitions.cool(used, length):
            ahead = self._split_for_heat(served, length, step)
        if self.on_demand:
            self._growth.note(np.array(used), length, step.end)
            if self._growth.rose:
                self._make_room(step)
            return min(ahead, self._growth.next() - step.end) if self._short else ahead
        return min(ahead, self._until_dry([u - g for u, g in zip(used, given)], length))

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

    # -- splits ------------------------------------------------------------------------------

    def _split_for_heat(self, served: np.ndarray, length: float, step: Step) -> float:
        """Partitions near their limit heat up, and the ripe ones are split; on demand each gives
        the table more. For how many s nothing changes."""
        ahead, ripe = self.partitions.step(served, length)
        if len(ripe):
            split = self._split(ripe, served / self._each, step)
            if self.on_demand:
                self._growth.add(split * rules.PARTITION)
        return ahead

    def _make_room(self, step: Step) -> None:
        """As many partitions as it takes for what is there on demand after a new peak."""
        doubled, self._growth.rose = self._growth.doubled(step.end), False
        wanted = rules.first_partitions(self.mode, *doubled)
        while self.parts < wanted:
            load = self.partitions.shares * (doubled / self.limits)[:, None]
            if not self._split(self.partitions.largest(wanted - self.parts), load, step):
                break

    def _split(self, which: np.ndarray, load: np.ndarray, step: Step) -> int:
        """Split these partitions, of which so much of their limit is asked, (2, partitions), where
        that helps: what is still to come to each goes to its two sides. How many were."""
        before = self.parts
        old, stays = self.partitions.split(which, load)
        if not len(old):
            return 0
        self.attempts.widen(len(old))
        self.attempts.refused[:, self.parts - len(old):] = self.attempts.refused[:, old]
        self._piece = np.concatenate([self._piece, self._piece[old]])
        for inlet, share in zip((self.reads, self.writes), stays):
            for coming in inlet.coming:
                coming.left = divided_among(widened(coming.left, len(old)), old, share)
        self._second.widen(len(old))
        for due in (self.attempts.pool, *self._second.kept):
            divided_among(due, old, stays)
        self._asked = widened(self._asked, len(old))
        self._tokens = widened(self._tokens, len(old))
        self._part_burst = widened(self._part_burst, len(old))
        self.parts_then[step.k + step.last:] = self.parts
        self._lead()
        self.sim.pace.changed()
        self.sim.log("split", f"{len(old)} of {before} partitions split in two: {self.parts} now",
                     step.end, self.name)
        return len(old)
