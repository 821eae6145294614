"""A global secondary index of a DynamoDB table: each write to the table goes through it, too.

Picture a second ledger that every letter must also be entered in. Whoever keeps it writes no faster
because the counter is quick; when he falls behind, the counter waits for him.

*Models:* write units of the index with a burst of its own, its partitions, and what it throttles of
the table's writes. *Leaves out:* reads of the index, writes that don't touch it, several indexes of
one table, how long an entry takes to appear, partitions of the index that split, and an index on
demand that grows.
"""

import numpy as np

from labsim.declare import Component, Line, Metric, Panel, Room, per_tick, share
from labsim.declare.arguments import numbers
from labsim.engine import Simulation, Step, held_at_first
from labsim.errors import ParameterError, require
from labsim.services.dynamodb import bill, rules
from labsim.services.dynamodb.measures import WRITE
from labsim.services.dynamodb.table import Table


class GlobalIndex(Component):
    """An index of `table`, in the table's mode, with `write_capacity` units/s of its own.

    keys: how popular each of its key values is, (keys,). item: what is projected of one, its bytes
    or as a dict. previous_peak: as of a table.
    """

    METRICS = (
        Metric("write_units", "units", "write units consumed", value=lambda i: i.used),
        Metric("write_utilization", "of capacity", "write units consumed, of those allowed",
               value=lambda i: share(i.used, i.capacity * i.sim.duration)))
    PANELS = (Panel("Writes", (Line("used", "used"), Line("capacity", "capacity"))),)
    shows = (("units/s", "used"),)
    control = True

    def __init__(self, sim: Simulation, name: str, table: Table, write_capacity: float = 0.0, *,
                 keys: np.ndarray | None = None, item=rules.WRITE_BYTES,
                 previous_peak: float = 0.0):
        super().__init__(sim, name)
        least = 0 if table.on_demand else 1
        for what, value, low in (("write_capacity", write_capacity, least),
                                 ("previous_peak", previous_peak, 0)):
            if not low <= value < np.inf:
                raise ParameterError(what, value, f"at least {low}, {table.mode}")
        if not isinstance(item, dict):
            require("item", item, unit="bytes")
        if table.index:
            raise ParameterError("table", table.name, "a table without an index", (
                f"{table.name} has an index, {table.index.name}; one of them is modelled"))
        self.table, table.index = table, self
        self.capacity = rules.at_first(table.mode, 0.0, write_capacity, previous_peak)[WRITE]
        parts = rules.partitions(0, self.capacity)
        shares = np.ones(parts) if keys is None else rules.partition_shares(
            numbers("keys", keys), parts)
        self.shares = shares / shares.sum()
        self.units = rules.write_units(item)
        self._burst = self.capacity * table.saved
        self._tokens = np.full(len(self.shares), float(rules.PARTITION_WRITES))
        self.consumed = np.zeros(len(self.record.t) - 1)
        self.load = np.zeros((len(self.consumed), len(self.shares)))    # asked, of a limit, at most
        self.link(table, "throttles")

    def open(self, before: float) -> None:
        """So many writes/s have come so far: what was not overrun has saved a second's worth."""
        asked = before * self.units * self.shares
        self._tokens = held_at_first(rules.PARTITION_WRITES, asked)
        if self.table.on_demand:
            self._burst = self.capacity * float(asked.sum() <= self.capacity)

    def through(self, writes: float, length: float) -> float:
        """The share of so many writes that the index lets through in a step of `length` s; `end`
        makes it so."""
        asked = writes * self.units * self.shares
        served = np.minimum(asked, self._tokens + rules.PARTITION_WRITES * length)
        room = self.capacity * length + self._burst
        served *= min(1.0, room / max(float(served.sum()), 1e-9))
        self._asked, self._served = asked, served
        return min(1.0, float(served.sum()) / max(float(asked.sum()), 1e-9)) if writes else 1.0

    def rooms(self) -> list[Room]:
        """Its limits for writes, after the last step: those of its partitions, when the first one
        is used up, and its own."""
        first = float((self.shares / np.maximum(self._tokens, 1e-9)).max())
        return [Room(*np.array([[1 / first], [most := rules.PARTITION_WRITES / self.shares.max()], [
                    most]]) / self.units),
                Room(*np.array([[self._burst], [self.capacity], [
                    self.capacity * self.table.window]]) / self.units)]

    def end(self, step: Step) -> None:
        """What `through` let through last is written."""
        served, done = self._served, float(self._served.sum())
        tokens = self._tokens + rules.PARTITION_WRITES * step.length - served
        self._tokens = np.minimum(tokens, rules.PARTITION_WRITES)
        most = self.capacity * self.table.window
        self._burst = min(max(self._burst + self.capacity * step.length - done, 0.0), most)
        self.consumed[step.k] += done / self.sim.tick
        self.load[step.k] = np.maximum(self.load[step.k], self._asked / (
            rules.PARTITION_WRITES * step.length))

    # -- at the end of the run -----------------------------------------------------------------

    @property
    def used(self) -> float:
        """Write units consumed."""
        return float(self.consumed.sum() * self.sim.tick)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Units used, and how many there are."""
        return {"used": per_tick(self.consumed, "units/s"),
                "capacity": (np.full(len(self.record.t), self.capacity), "units/s")}

    def cost(self) -> dict[str, float]:
        """Its write units, or its capacity by the hour."""
        if self.table.on_demand:
            writes = self.table.used[WRITE] / self.table.units[WRITE]
            return {"index": writes * self.units * bill.WRITE_PRICE}
        return {"index": self.capacity * (self.sim.duration / 3_600) * bill.WRITE_HOUR}
