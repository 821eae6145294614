"""Event source mapping of a stream to a function: shards whose records are read in order.

Picture the other door of the exchange's waiting room. Each column of people waits behind its first,
for nobody in it may overtake.

*Models:* a stream's shards, each of which waits for its batch; batch windows, retries, splitting of
a failed batch, maximum record age, IteratorAge; the way of records (`delivery`); a mapping that is
disabled for a while, behind whose back records pile up, and expire.
*Leaves out:* partial batch answers, event filters. The stream itself is inside, without limits of
its own: one that has them stands before it by `stream.done.to(mapping)`, and then its readers are
what reads, so leave `delivery` off.
"""

from collections import defaultdict, deque
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare import Line, Metric, Panel
from labsim.errors import require_each, unknown
from labsim.services.kinesis.rules import ENHANCED, MAPPING_PUSHED, POLL_INTERVAL, SHARED
from labsim.services.lambda_ import delivery as ways
from labsim.services.lambda_.caller import DEAD, DONE
from labsim.services.lambda_.retrying import DISABLED, Retrying
from labsim.services.lambda_.rules import backoff, checked_batch

RETENTION = factbook.value("kinesis.retention_default_s")


class KinesisEventSourceMapping(Retrying):
    """A stream of Kinesis or DynamoDB: `shards` times `parallelization` lanes that each wait for
    their batch of at most `batch_size` records, gathered for at most `window` s.

    fan_out: how records come if `delivery` takes its time: "shared", the shard is polled once a
    second, or "enhanced", they are pushed.
    attempts: of a batch, then it is given up; 0: no end. bisect: what fails is split in two, which
    counts as no attempt. age: s after which a record is given up. lots: what decides which lane a
    record is in; by default a stream of its own."""

    METRICS = (*Retrying.METRICS, Metric(
        "iterator_age_max", "s", "age of the last record of a batch that isn't done yet, most",
        "lower", lambda c: c.iterator_age.max()))
    PANELS = (*Retrying.PANELS, Panel("IteratorAge", (Line("most", "iterator_age"),)))
    FAULTS = {"down": DISABLED}

    def __init__(self, *args, shards: int = 1, parallelization: int = 1, batch_size: int = 100,
                 window: float = 0.0, attempts: int = 0, bisect: bool = False,
                 age: float = RETENTION, fan_out: str = SHARED, lots=None, **how):
        super().__init__(*args, **how)
        if fan_out not in (SHARED, ENHANCED):
            raise unknown("fan_out", fan_out, (SHARED, ENHANCED))
        require_each(1, shards=shards, parallelization=parallelization)
        require_each(attempts=attempts, age=age, endless=True)
        checked_batch(batch_size=batch_size, window=window, windowless=batch_size)
        self.batch_size, self.window, self.attempts = batch_size, window, attempts
        self.bisect, self.age, self.lanes = bisect, age, shards * parallelization
        self.fan_out = fan_out
        self.lane: list[int] = []       # of each record
        self.tries: list[tuple] = []    # (when, until the next one or the end, its last record's)
        self._lots = self.sim.stream(f"{self.name} lanes") if lots is None else lots
        self._waiting: dict[int, deque] = defaultdict(deque)    # of the lanes that got a record
        self._busy = [False] * self.lanes
        self._gathers: list[float | None] = [None] * self.lanes
        self._phases = (self._way.random(shards).repeat(parallelization) - 1.0) * POLL_INTERVAL
        self._before = np.zeros(self.lanes)     # s when the last record of a lane is there
        self._held: list[tuple] = []    # (lane, todo) of batches to try while it is disabled
        self._more: list[bool] = []     # of each record: others of its lane come with it, after it

    def enter(self, times) -> None:
        """A row for each record that comes at `times` (s, sorted)."""
        lanes = self._lots.integers(self.lanes, size=len(times))
        self.lane += lanes.tolist()
        super().enter(times)

    def delivered(self, times: np.ndarray) -> np.ndarray:
        """When records of `times` s, the last ones taken, are read or pushed, s."""
        lanes = np.array(self.lane[len(self.lane) - len(times):], dtype=int)
        if self.fan_out == SHARED:
            at = ways.polled(times, self._phases[lanes])
        else:
            at = times + MAPPING_PUSHED.draw(len(times), self._way)
        at = ways.in_order(at, lanes, self._before)
        self._more += (~ways.last_together(at, lanes)).tolist()
        return at

    def arrive(self, t: float, i: int) -> None:
        """A new record."""
        lane = self.lane[i]
        self._waiting[lane].append(i)
        if not (self._more and self._more[i]):
            self._begin(t, lane)

    def _begin(self, t: float, lane: int) -> None:
        """The lane's next batch, if it is free and there is enough for one."""
        line = self._waiting[lane]
        if not line or self._busy[lane] or self.disabled:
            return
        n = min(self.batch_size, len(line))
        if self.window and n < self.batch_size:
            if self._gathers[lane] is None:
                self._gathers[lane] = t
                self.due.put(t + self.window, lane, None)
            if t < self._gathers[lane] + self.window:
                return
        self._gathers[lane] = None
        self._busy[lane] = True
        self.happen(t, lane, [([line.popleft() for _ in range(n)], 0, 0, 0)])

    def happen(self, t: float, lane: int, todo: list[tuple] | None, told=None) -> None:
        """A lane tries the first batch `todo`, (records, times it was tried, errors that count,
        waits before it), and waits for the end of it; with nothing todo it is free again. None: the
        time to gather a batch is over."""
        if not todo:
            if todo is not None:
                self._busy[lane] = False
            return self._begin(t, lane)
        if self.disabled and not told:
            return self._held.append((lane, todo))
        (which, tried, errors, waits), *rest = todo
        oldest, old = t - self.age, 0       # who is older is in front
        while old < len(which) and self.times[which[old]] < oldest:
            old += 1
        if old:
            self.settle(which[:old], DEAD, t)
            which = which[old:]
            if not which:
                return self.due.put(t, lane, rest)
        told = told or self.invoke(t, which, tried)
        if told is None:
            return self.later(self.happen, t, lane, [(which, tried, errors, waits), *rest])
        end, failed = again, _ = told
        if not failed:
            self.settle(which, DONE, end)
        elif end < 0.0:     # throttled, which is no error
            again, rest = t + backoff(waits + 1), [(which, tried, errors, waits + 1), *rest]
        elif self.bisect and len(which) > 1:
            half = len(which) // 2
            rest = [*((part, tried + 1, errors, 0) for part in (which[:half], which[half:])), *rest]
        elif self.attempts and errors + 1 >= self.attempts:
            self.settle(which, DEAD, end)
        else:
            again = end + backoff(waits + 1)
            rest = [(which, tried + 1, errors + 1, waits + 1), *rest]
        self.tries.append((t, again, self.times[which[-1]]))
        self.due.put(again, lane, rest)

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is disabled: batches under way end, and no other one is read; or it is enabled."""
        self.disabled, now = bool(amounts), self.sim.now
        if not amounts:
            held, self._held = self._held, []
            for lane, todo in held:
                self.happen(now, lane, todo)
            for lane in range(self.lanes):
                self._begin(now, lane)
        self.awake()

    @cached_property
    def iterator_age(self) -> np.ndarray:
        """IteratorAge in each tick, the highest: of batches when they are tried, and of those that
        wait to be tried again as the tick ends, s."""
        t = self.record.t
        highest = np.zeros(len(t) - 1)
        if self.tries:
            when, until, last = np.array(self.tries).T
            np.maximum.at(highest, np.clip(t.searchsorted(when) - 1, 0, None), when - last)
            first, beyond = t.searchsorted(when), t.searchsorted(until)
            oldest = t.copy()       # of the last records not done by each instant
            for a, b, came in zip(*(x[beyond > first].tolist() for x in (first, beyond, last))):
                np.minimum(oldest[a:b], came, out=oldest[a:b])
            np.maximum(highest, (t - oldest)[1:], out=highest)
        return highest

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Those of any caller, and the IteratorAge."""
        return {**super().series(), "iterator_age": kit.per_tick(self.iterator_age, "s")}
