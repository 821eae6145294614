"""Event source mappings of Lambda: pollers that take from a queue or a stream and invoke.

Picture two doors of the exchange's waiting room. At one stand ushers who let in a few more people
each second, and fewer as soon as somebody is sent back. At the other each column of people waits
behind its first, for nobody in it may overtake.

*Models:* a standard queue's pollers, which begin with 5 batches at a time, add 5 a second while
messages wait, and scale back when they find none or the function fails or is throttled; a throttled
batch that its poller tries again until the visibility timeout has run out; batch windows, maximum
concurrency, receive count. A stream's shards, each of which waits for its batch; retries, splitting
of a failed batch, maximum record age, IteratorAge. The way of messages and records (`delivery`).
*Leaves out:* partial batch answers, FIFO queues, event filters; a batch that begins late in its
visibility timeout and ends after it is done once, not twice. The queue and the stream themselves
are inside, without limits of their own.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare import Line, Metric, Panel
from labsim.errors import ParameterError, require, require_each, unknown
from labsim.services.kinesis.rules import ENHANCED, MAPPING_PUSHED, POLL_INTERVAL, SHARED
from labsim.services.lambda_ import delivery as ways
from labsim.services.lambda_.caller import DEAD, DONE
from labsim.services.lambda_.retrying import Retrying
from labsim.services.lambda_.rules import backoff, checked_batch, checked_queue, visibility_timeout

POLLERS = factbook.value("lambda.esm_sqs_start")    # and what they scale back to when idle
RAMP = factbook.value("lambda.esm_sqs_ramp")        # more of them per minute
POLLERS_MOST = factbook.value("lambda.esm_sqs_max")
POLLERS_LEAST = factbook.value("lambda.esm_sqs_least")
BACK_OFF = factbook.value("lambda.esm_sqs_back_off") / 100  # of the pollers, per error or throttle
LONG_POLL = factbook.value("sqs.long_poll_max_s")
RETRY = 1.0             # s between two attempts at a throttled batch: AWS publishes no figure
RETENTION = factbook.value("kinesis.retention_default_s")
END, RETRIED, BACK, GROW, LOOK, GATHERED = range(6)     # what is due at a queue


class SqsEventSourceMapping(Retrying):
    """A standard SQS queue and its pollers: batches of at most `batch_size` messages, gathered for
    at most `window` s, at most `max_concurrency` batches at a time (0: as many as the pollers do).
    What fails, or is throttled until then, is back `visibility` s after it was received, by default
    what AWS advises; the dead-letter queue gets what has been received `max_receives` times. While
    messages wait there are `ramp` more pollers a minute (60 in 2018).

    ParameterError for what CreateEventSourceMapping refuses."""

    def __init__(self, *args, batch_size: int = 10, window: float = 0.0, max_concurrency: int = 0,
                 visibility: float | None = None,
                 max_receives: int = int(factbook.value("sqs.dlq_max_receive_default")),
                 ramp: float = RAMP, **how):
        super().__init__(*args, **how)
        if not 0.0 < ramp < float("inf"):
            raise ParameterError("ramp", ramp, "above 0 pollers a minute")
        if visibility is None:
            visibility = visibility_timeout(self.function.timeout, window)
        require("max_receives", max_receives, 1)
        checked_batch(batch_size=batch_size, window=window)
        checked_queue(self.function.timeout, visibility=visibility,
                      max_concurrency=max_concurrency)
        self.batch_size, self.window = batch_size, window
        self.visibility, self.max_receives = visibility, max_receives
        self.most = max_concurrency or POLLERS_MOST
        self._apart = 60.0 / ramp           # s between two more pollers
        self.visible: deque[int] = deque()
        self.received: list[int] = []       # how often, of each message
        self.running, self.allowed = 0, POLLERS
        self._busiest = 0                   # most batches at a time since the last look
        self._grows = self._looks = False
        self._gathers: float | None = None  # since when a poller gathers a batch, s

    def enter(self, times) -> None:
        """A row for each message that comes at `times` (s, sorted)."""
        super().enter(times)
        self.received += [0] * len(times)

    def delivered(self, times: np.ndarray) -> np.ndarray:
        """When a poller could hand messages of `times` s to the function, s."""
        return times + ways.QUEUE.draw(len(times), self._way)

    def arrive(self, t: float, i: int) -> None:
        """A new message."""
        self.visible.append(i)
        self._poll(t)

    def happen(self, t: float, what: int, which: Sequence[int] = (), since: float = 0.0) -> None:
        """A batch has ended, is tried again or is back; pollers come, go or have gathered."""
        if what == RETRIED:
            return self._try(t, which, since)
        if what == END:
            self.running -= 1
        elif what == GROW:
            self._grows = False
            if self.visible:
                self.allowed += 1
        elif what == LOOK:      # who has found nothing for the length of a long poll goes
            self.allowed = min(self.allowed, max(POLLERS, self._busiest))
            self._busiest, self._looks = self.running, False
            self._watch(t)
        for i in which:
            if self.received[i] >= self.max_receives:
                self.settle([i], DEAD, t)
            else:
                self.visible.append(i)
        self._poll(t)

    def _poll(self, t: float) -> None:
        if not self.visible:
            return
        visible, most = self.visible, min(self.allowed, self.most)
        while visible and self.running + 1 <= most:
            n = min(self.batch_size, len(visible))
            if self.window and n < self.batch_size:
                if self._gathers is None:
                    self._gathers = t
                    self.due.put(t + self.window, GATHERED)
                if t < self._gathers + self.window:
                    break
            since, self._gathers = t if self._gathers is None else self._gathers, None
            which = [visible.popleft() for _ in range(n)]
            for i in which:
                self.received[i] += 1
            self.running += 1
            self._try(t, which, since)
            most = min(self.allowed, self.most)
        if self.running > self._busiest:
            self._busiest = self.running
        if visible and self.allowed < self.most and not self._grows and self._gathers is None:
            self._grows = True
            self.due.put(t + self._apart, GROW)
        self._watch(t)

    def _watch(self, t: float) -> None:
        """While there are more than at the start, somebody looks who has nothing to do."""
        if self.allowed > POLLERS and not self._looks:
            self._looks = True
            self.due.put(t + LONG_POLL, LOOK)

    def _try(self, t: float, which: Sequence[int], since: float, told=None) -> None:
        """An attempt at a batch that was received at `since` s; told: how it has ended."""
        told = told or self.invoke(t, which, self.received[which[0]] - 1)
        if told is None:
            return self.later(self._try, t, which, since)
        end, failed = told
        if not failed:
            self.settle(which, DONE, end)
            return self.due.put(end, END)
        self.allowed = max(POLLERS_LEAST, self.allowed * (1.0 - BACK_OFF))
        back = since + self.visibility
        if end >= 0.0:
            self.due.put(end, END)
            self.due.put(max(end, back), BACK, which)
        elif t + RETRY < back:
            self.due.put(t + RETRY, RETRIED, which, since)
        else:
            self.due.put(max(t, back), END, which)


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
        if not line or self._busy[lane]:
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
