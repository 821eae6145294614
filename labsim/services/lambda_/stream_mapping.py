"""Event source mapping of a stream to a function: shards whose records are read in order.

Picture the other door of the exchange's waiting room. Each column of people waits behind its first,
for nobody in it may overtake.

*Models:* a stream's shards, polled once a second each: a poll finds what has come, up to a batch at
a time; batch windows, retries, splitting of a failed batch, maximum record age, IteratorAge; the
way of records (`delivery`); a mapping that is disabled for a while, behind whose back records pile
up, and expire. The stream itself is inside, without limits or a bill of its own; one that has them
stands before it by `stream.done.to(mapping)`, which reads as many shards as there are then, before
and after they are split and merged.
*Leaves out:* partial batch answers, event filters; which shard of the stream a record was in: each
of the mapping's gets as many.
"""

from collections import defaultdict, deque
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare import Line, Metric, Panel
from labsim.engine import widened
from labsim.errors import LabsimError, ParameterError, require_each, unknown
from labsim.services.kinesis.rules import ENHANCED, MAPPING_PUSHED, POLL_INTERVAL, SHARED
from labsim.services.kinesis.stream import Stream
from labsim.services.lambda_ import delivery as ways
from labsim.services.lambda_.caller import DEAD, DONE
from labsim.services.lambda_.retrying import DISABLED, Retrying
from labsim.services.lambda_.rules import backoff, checked_batch

RETENTION = factbook.value("kinesis.retention_default_s")


class KinesisEventSourceMapping(Retrying):
    """A stream of Kinesis or DynamoDB: `shards` times `parallelization` lanes that each wait for
    their batch of at most `batch_size` records, gathered for at most `window` s.

    shards, fan_out: by default those of the stream that feeds it, else 1 and "shared".
    delivery, fan_out: records take their time: "shared", until the shard is polled, once a second,
    or "enhanced", as they are pushed. Without `delivery` each is there as it comes, so that in a
    shard with nothing to do each is a batch of its own.
    attempts: of a batch, then it is given up; 0: no end. bisect: what fails is split in two, which
    counts as no attempt. age: s after which a record is given up. lots: what decides which lane a
    record is in; by default a stream of its own."""

    METRICS = (*Retrying.METRICS, Metric(
        "iterator_age_max", "s", "age of the last record of a batch that isn't done yet, most",
        "lower", lambda c: c.iterator_age.max(), label="furthest behind"))
    PANELS = (*Retrying.PANELS, Panel("IteratorAge", (Line("most", "iterator_age"),)))
    FAULTS = {"down": DISABLED}

    def __init__(self, *args, shards: int | None = None, parallelization: int = 1,
                 batch_size: int = 100, window: float = 0.0, attempts: int = 0,
                 bisect: bool = False, age: float = RETENTION, fan_out: str | None = None,
                 delivery: bool = True, lots: np.random.Generator | None = None, **how):
        super().__init__(*args, delivery=delivery, **how)
        if fan_out not in (None, SHARED, ENHANCED):
            raise unknown("fan_out", fan_out, (SHARED, ENHANCED))
        self._wanted = {"shards": shards, "fan_out": fan_out}
        shards = 1 if shards is None else shards
        require_each(1, shards=shards, parallelization=parallelization)
        require_each(attempts=attempts, age=age, endless=True)
        checked_batch(batch_size=batch_size, window=window, windowless=batch_size)
        self.batch_size, self.window, self.attempts = batch_size, window, attempts
        self.bisect, self.age, self.parallelization = bisect, age, parallelization
        self.fan_out = fan_out or SHARED
        self.stream: Stream | None = None       # that feeds it
        self.lane: list[int] = []       # of each record
        self.tries: list[tuple] = []    # (when, until the next one or the end, its last record's)
        self._lots = self.sim.stream(f"{self.name} lanes") if lots is None else lots
        self._waiting: dict[int, deque] = defaultdict(deque)    # of the lanes that got a record
        self._busy: set[int] = set()            # lanes that have a batch
        self._gathers: dict[int, float] = {}    # lanes that gather one, and since when, s
        # Of each lane when it is first polled, when its last record is there, s, and which it is.
        self._phases, self._before, self._last = np.empty(0), np.empty(0), np.empty(0, dtype=int)
        self._shards: list[tuple[float, int]] = []      # from when on there are so many
        self._reshard(0.0, shards)
        self._held: list[tuple] = []    # (lane, todo) of batches to try while it is disabled
        self._more: list[bool] = []     # of each record: others of its lane come with it, after it

    def wired(self) -> None:
        """One stream feeds it, if any, whose shards it reads."""
        super().wired()
        streams = [part for part in self.fed_by if isinstance(part, Stream)]
        if len(streams) > 1:
            raise LabsimError(f"{self.name} reads one stream, and {streams[0].name} and "
                              f"{streams[1].name} feed it: each needs a mapping of its own")
        for stream in streams:
            for what, has in (("shards", stream.pieces), ("fan_out", stream.fan_out)):
                if self._wanted[what] not in (None, has):
                    raise ParameterError(what, self._wanted[what], f"{has}, as {stream.name} has, "
                                         "which feeds it; by default it is that").of(self.name)
            self.stream, self.fan_out = stream, stream.fan_out
            self._shards = []
            self._reshard(0.0, stream.pieces)

    def _reshard(self, t: float, shards: int) -> None:
        """From `t` s on there are so many shards."""
        self._shards.append((t, shards))
        new = shards * self.parallelization - len(self._phases)
        if new > 0:
            polled = self._way.random(new // self.parallelization).repeat(self.parallelization)
            self._phases = np.append(self._phases, (polled - 1.0) * POLL_INTERVAL)
            self._before, self._last = widened(self._before, new), widened(self._last, new)

    def take(self, times: np.ndarray) -> None:
        """Records come at `times` (s, sorted), given out by another part, such as a stream that may
        have been resharded."""
        if self.stream and len(self.stream.shards.map.open) != self._shards[-1][1]:
            self._reshard(times[0], len(self.stream.shards.map.open))
        super().take(times)

    def enter(self, times) -> None:
        """A row for each record that comes at `times` (s, sorted)."""
        since, shards = map(np.array, zip(*self._shards, strict=True))
        if len(shards) > 1:
            shards = shards[since.searchsorted(times, side="right") - 1]
        lanes = self._lots.integers(shards * self.parallelization, size=len(times))
        self.lane += lanes.tolist()
        super().enter(times)

    def delivered(self, times: np.ndarray) -> np.ndarray:
        """When records of `times` s, the last ones taken, are read or pushed, s."""
        lanes = np.array(self.lane[len(self.lane) - len(times):], dtype=int)
        if self.fan_out == SHARED:
            at = ways.polled(times, self._phases[lanes])
        else:
            at = times + MAPPING_PUSHED.draw(len(times), self._way)
        before = self._before[lanes]
        at = ways.in_order(at, lanes, self._before)
        for i in set(self._last[lanes[at == before]].tolist()):
            self._more[i] = True        # what was taken before is read by the same poll
        self._last[lanes] = len(self._more) + np.arange(len(times))
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
        if not line or lane in self._busy or self.disabled:
            return
        n = min(self.batch_size, len(line))
        if self.window and n < self.batch_size:
            if lane not in self._gathers:
                self._gathers[lane] = t
                self.due.put(t + self.window, lane, None)
            if t < self._gathers[lane] + self.window:
                return
        self._gathers.pop(lane, None)
        self._busy.add(lane)
        self.happen(t, lane, [([line.popleft() for _ in range(n)], 0, 0, 0)])

    def happen(self, t: float, lane: int, todo: list[tuple] | None, told=None) -> None:
        """A lane tries the first batch `todo`, (records, times it was tried, errors that count,
        waits before it), and waits for the end of it; with nothing todo it is free again. None: the
        time to gather a batch is over."""
        if not todo:
            if todo is not None:
                self._busy.remove(lane)
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
        if not told:
            (self.calls_again if tried or waits else self.calls_first).append((t, len(which)))
            told = self.invoke(t, which, tried)
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
            for lane in sorted(self._waiting):
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
