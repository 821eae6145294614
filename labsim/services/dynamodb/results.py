"""What has become of the requests to a DynamoDB table, once its run has ended.

Picture the ledger that is closed in the evening: sums of columns that were written during the day.

*Models:* units and requests by tick, times to an answer, the bill; and, while it runs, what is left
for who asks one by one. *Leaves out:* everything that moves: see `table`.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.services.dynamodb import bill
from labsim.services.dynamodb.latency import Times, law, longer, times


class Results(kit.CountedPart):
    """The sums of a `table.Table`; arrays are by interval of the record, (ticks, ...)."""

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
        return self._asked[:, :, self.partitions.order] / self.limits[:, None]

    @cached_property
    def arrived(self) -> np.ndarray:
        """Reads and writes that came in each tick, (ticks, 2)."""
        return self.attempts.arrived.sum(axis=-1)

    @property
    def offered(self) -> np.ndarray:
        """Reads and writes that came, (2,)."""
        return kit.whole(self.arrived.sum(axis=0)) + self.on_its_way

    @cached_property
    def fates(self) -> np.ndarray:
        """Requests that were served, given up, and wait or came last, in whole numbers, (3,)."""
        done, failed, waiting = kit.whole(np.array([
            self.served.sum(), self.given_up.sum(), self.attempts.waiting.sum()]))
        well, *badly = self.heard.sum(axis=0)
        return np.array([done + well, failed + sum(badly),
                         waiting + self.on_its_way.sum() - well - sum(badly)])

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
        others = self.erred + self.attempts.timed_out
        left = self.attempted - self.served - others
        return np.where(left > 1e-9 * self.attempted, left, 0.0)    # less is rounding

    @property
    def given_up(self) -> np.ndarray:
        """Reads and writes throttled at their last attempt, (2,)."""
        return self.attempts.given_up

    @property
    def retried(self) -> float:
        """Attempts beyond the first."""
        made = self.attempted.sum() + self.attempts.stopped.sum()
        return max(0.0, float(made - self.arrived.sum()))

    @property
    def used(self) -> np.ndarray:
        """Read and write units consumed, (2,)."""
        return self._used.sum(axis=0)

    @property
    def wanted(self) -> np.ndarray:
        """Read and write units/s of what came in each tick, (ticks, 2)."""
        return self.arrived * self.units / self.sim.tick

    @cached_property
    def latency(self) -> Times:
        """Times from the first attempt of a request that was served to its answer."""
        return self.latency_with()

    def latency_with(self, cached: float = 0.0, hit: float = 0.0) -> Times:
        """The same with so many more that a cache before the table answered, in `hit` s each."""
        return times(self.served_by_pace, self.attempts.waits,
                     self.sim.stream(f"{self.name} latency"), cached, hit,
                     self.retry.timeout if self.retry else math.inf)

    def later_than(self, seconds: float) -> np.ndarray:
        """The share of reads and of writes that take longer, (2, 1)."""
        return np.array([[longer(op, seconds)] for op in (0, 1)])

    def answer_times(self, op: int) -> Callable[[int, np.random.Generator], np.ndarray]:
        """A function that draws so many times of reads (0) or writes (1), s."""
        return lambda n, rng: np.interp(rng.random(n), law(op).below, law(op).times)

    def rooms(self, op: int) -> list[kit.Room]:
        """Limits of the partitions, of the table, and of its index, in requests of this kind."""
        flow, each, units = self.capacity_now[op] * self.left, self.limits[op], self.units[op]
        found = [kit.Room(self._tokens[op] / units, np.full(self.parts, each / units),
                          np.full(self.parts, each / units)),
                 kit.Room(*np.array([[self._burst[op]], [flow], [
                     self.capacity_now[op] * self.window]]) / units)]
        if not self.adaptive:
            even = flow / self.parts
            found.append(kit.Room(self._part_burst[op] / units, np.full(
                self.parts, even / units), np.full(self.parts, even * self.window / units)))
        return found + (self.index.rooms() if self.index and op else [])

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
