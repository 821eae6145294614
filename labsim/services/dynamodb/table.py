"""A DynamoDB table at work: partitions, bursts, an index that holds it up, and what scales it.

Picture a row of taps on one pipe. The pipe gives so much (the table's capacity), each tap no more
than its width, whatever the pipe could give. A tank behind the pipe holds what nobody drew in the
last five minutes. And for each glass that is filled, one has to be poured into a second basin (the
index); when that is full, the tap stops.

*Models:* read and write units per tick and partition; 3,000 and 1,000 a second per partition;
300 seconds of unused capacity; adaptive capacity (a partition may use what others leave), or even
shares without it; on-demand; a global secondary index with keys of its own; auto scaling with its
two alarms, its delay and its limited decreases; retries.
*Leaves out:* partitions that split, isolation of a hot item, local indexes, how a request is spread
within a tick.

Data plane: counted per tick and partition (`Attempts`), since DynamoDB limits rates.
"""

import numpy as np

from labsim.engine import Attempts, Simulation, spread
from labsim.services.dynamodb import rules as dynamodb

READ, WRITE = 0, 1
HARD = np.array([dynamodb.PARTITION_READS, dynamodb.PARTITION_WRITES])
PEAK_AFTER = 1_800          # s until a new peak is one that on-demand doubles
DECREASE_EVERY = 3_600      # s until one more decrease is allowed


class Table:
    """A table whose partitions get these requests; step it with `sim.each_tick(table.step)`.

    totals: reads and writes per tick, (2, ticks), whole. shares: of each partition, (2,
    partitions). units: of a read and of a write. capacity: units/s provisioned, (2,); with
    `on_demand` what it takes at first. index: shares of the index's partitions, its units/s and
    units per write, or None. waits: of the SDK.
    """

    def __init__(self, sim: Simulation, totals: np.ndarray, shares: np.ndarray, *, units, capacity,
                 on_demand: bool = False, adaptive: bool = True, index=None, waits=()):
        self.sim, self.units = sim, np.array(units, dtype=float)
        self.capacity = np.array(capacity, dtype=float)
        self.on_demand, self.adaptive, self.index = on_demand, adaptive, index
        fresh = [spread(total, share / share.sum(), sim.stream(name)) for total, share, name in
                 zip(totals, shares, ("reads to", "writes to"))]
        self.attempts = Attempts(np.stack(fresh, axis=1), list(waits), sim.tick)
        ticks, self.parts = len(totals[0]), shares.shape[1]
        self._hard = HARD[:, None] * sim.tick
        self._burst = self.capacity * dynamodb.BURST_WINDOW * (not on_demand)
        self._part_burst = np.tile(self._burst[:, None] / self.parts, self.parts)
        self._index_burst = index[1] * dynamodb.BURST_WINDOW if index else 0.0
        self._peak = np.zeros((ticks + 1, 2))       # highest consumption before each tick
        self._after = int(PEAK_AFTER // sim.tick)
        self.consumed, self.allowed, self.asked = (np.zeros((ticks, 2)) for _ in range(3))
        self.burst_left = np.zeros((ticks, 2))
        self.load = np.zeros((ticks, 2, self.parts))        # of a partition's limit
        self.held_up = np.zeros(ticks)                      # writes that the index throttled

    def step(self, k: int) -> None:
        """Tick `k`: partitions serve what they may, the table what it has, if its index can."""
        tick, capacity = self.sim.tick, self.capacity
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
            served[WRITE] *= self._through_index(k, float(served[WRITE].sum()))
        used = np.add.reduce(served, axis=1)
        if not self.on_demand:
            most = capacity * dynamodb.BURST_WINDOW
            self._burst = np.clip(self._burst + capacity * tick - used, 0.0, most)
            self._part_burst = np.clip(
                self._part_burst + capacity[:, None] * tick / self.parts - served, 0.0,
                most[:, None] / self.parts)
        self._peak[k + 1] = np.maximum(self._peak[k], used / tick)
        self.consumed[k], self.allowed[k] = used / tick, capacity
        self.asked[k], self.burst_left[k] = np.add.reduce(asked, axis=1) / tick, self._burst
        self.load[k] = asked / self._hard
        failed, _ = self.attempts.turn_away(k, 1.0 - served / np.maximum(asked, 1e-300)
                                            * (asked > 0) - (asked <= 0))
        self.attempts.again(k, failed[:-1])

    def _through_index(self, k: int, units: float) -> float:
        """The share of the writes that the index lets through."""
        shares, capacity, each = self.index
        tick = self.sim.tick
        asked = units / self.units[WRITE] * each * shares
        served = np.minimum(asked, HARD[WRITE] * tick)
        room = capacity * tick + self._index_burst
        total = float(served.sum())
        served *= min(1.0, room / max(total, 1e-9))
        done = float(served.sum())
        self._index_burst = min(max(room - done, 0.0), capacity * dynamodb.BURST_WINDOW)
        through = done / max(float(asked.sum()), 1e-9) if units else 1.0
        self.held_up[k] = units / self.units[WRITE] * (1.0 - through)
        return min(1.0, through)


class AutoScaling:
    """Sets the capacity of a `table` from its consumption; step it after the table.

    target: a share. least, most: units/s. delay: s until a new capacity is there. The low alarm
    waits for 15 minutes, and decreases are limited.
    """

    def __init__(self, sim: Simulation, table: Table, *, target: float, least: float, most: float,
                 delay: float):
        self.sim, self.table, self.target, self.delay = sim, table, target, delay
        self.least, self.most = least, most
        self._high, self._low = np.zeros(2), np.zeros(2)
        self._coming: list = [None, None]       # (when, capacity)
        self._decreases = [float(dynamodb.FIRST_DECREASES)] * 2
        self.outs = self.ins = 0

    def step(self, k: int) -> None:
        """After tick `k`: look at what was consumed in it."""
        table, tick, now = self.table, self.sim.tick, float(self.sim.record.t[k + 1])
        for op in (READ, WRITE):
            self._decreases[op] = min(dynamodb.FIRST_DECREASES,
                                      self._decreases[op] + tick / DECREASE_EVERY)
            if self._coming[op] and self._coming[op][0] <= now:
                table.capacity[op] = self._coming[op][1]
                self._coming[op] = None
            capacity, consumed = table.capacity[op], table.consumed[k, op]
            high, low = dynamodb.thresholds(capacity, self.target)
            self._high[op] = self._high[op] + tick if consumed > high else 0.0
            self._low[op] = self._low[op] + tick if consumed <= low else 0.0
            if self._coming[op]:
                continue
            wanted = min(max(dynamodb.scaled(consumed, self.target), self.least), self.most)
            if self._high[op] >= dynamodb.HIGH_SECONDS and wanted > capacity:
                self._set(op, now, wanted, "scale-out")
                self.outs += 1
            elif (self._low[op] >= dynamodb.LOW_SECONDS and wanted < capacity
                  and self._decreases[op] >= 1.0):
                self._decreases[op] -= 1.0
                self._set(op, now, wanted, "scale-in")
                self.ins += 1

    def _set(self, op: int, now: float, wanted: float, kind: str) -> None:
        self._coming[op] = (now + self.delay, wanted)
        self._high[op] = self._low[op] = 0.0
        self.sim.log(kind, f"{('reads', 'writes')[op]}: {self.table.capacity[op]:,.0f} -> "
                           f"{wanted:,.0f} units/s", t=now)
