"""Event source mappings of Lambda: pollers that take from a queue or a stream and invoke.

Picture two doors of the exchange's waiting room. At one stand ushers who let in a few more people
each second. At the other each column of people waits behind its first, for nobody in it may
overtake.

*Models:* a queue's pollers, which begin with 5 batches at a time and add 5 a second, maximum
concurrency, visibility timeout and receive count; a stream's shards, each of which waits for its
batch. *Leaves out:* batch windows, partial batch answers, splitting of a failed batch, FIFO queues,
event filters. The queue and the stream themselves are inside, without limits of their own.
"""

from collections import deque

from labsim import factbook
from labsim.errors import ParameterError
from labsim.services.lambda_.caller import DEAD, DONE
from labsim.services.lambda_.callers import Retrying
from labsim.services.lambda_.rules import backoff, visibility_timeout

POLLERS = factbook.value("lambda.esm_sqs_start")
POLLERS_PER_SECOND = factbook.value("lambda.esm_sqs_ramp") / 60
POLLERS_MOST = factbook.value("lambda.esm_sqs_max")


def _checked(**given) -> None:
    for what, (value, least) in given.items():
        if not value >= least:
            raise ParameterError(what, value, f"at least {least:g}")


class SqsEventSourceMapping(Retrying):
    """An SQS queue and its pollers: batches of at most `batch_size` messages, at most
    `max_concurrency` batches at a time (0: as many as the pollers do). What is throttled or fails
    is back after `visibility` s, by default what AWS advises; the dead-letter queue gets
    what has been received `max_receives` times."""

    def __init__(self, *args, batch_size: int = 10, max_concurrency: int = 0,
                 visibility: float | None = None,
                 max_receives: int = int(factbook.value("sqs.dlq_max_receive_default")), **how):
        super().__init__(*args, **how)
        if visibility is None:
            visibility = visibility_timeout(self.function.timeout)
        _checked(batch_size=(batch_size, 1), max_concurrency=(max_concurrency, 0),
                 visibility=(visibility, 0), max_receives=(max_receives, 1))
        self.batch_size, self.visibility, self.max_receives = batch_size, visibility, max_receives
        self.most = max_concurrency or POLLERS_MOST
        self.visible: deque[int] = deque()
        self.received: list[int] = []       # how often, of each message
        self.running, self.allowed, self._grows = 0, POLLERS, False

    def take(self, times) -> None:
        """Messages come at `times` (s, sorted)."""
        super().take(times)
        self.received += [0] * len(times)

    def arrive(self, t: float, i: int) -> None:
        """A new message."""
        self.visible.append(i)
        self._poll(t)

    def happen(self, t: float, what: str, which: list[int]) -> None:
        """A batch has ended, messages are back, or there is one more poller."""
        if what == "grow":
            self._grows = False
            self.allowed += 1
        elif what == "end":
            self.running -= 1
        else:
            for i in which:
                if self.received[i] >= self.max_receives:
                    self.settle([i], DEAD, t)
                else:
                    self.visible.append(i)
        self._poll(t)

    def _poll(self, t: float) -> None:
        while self.visible and self.running < min(self.allowed, self.most):
            n = min(self.batch_size, len(self.visible))
            which = [self.visible.popleft() for _ in range(n)]
            for i in which:
                self.received[i] += 1
            end, failed = self.invoke(t, which, self.received[which[0]] - 1)
            self.running += 1
            if end < 0.0:       # the poller is free again after a moment
                end = t + 1.0 / POLLERS_PER_SECOND
                self.due.put(end, "end", [])
                self.due.put(t + self.visibility, "back", which)
            elif failed:
                self.due.put(end, "end", [])
                self.due.put(max(end, t + self.visibility), "back", which)
            else:
                self.settle(which, DONE, end)
                self.due.put(end, "end", [])
        if self.visible and self.allowed < self.most and not self._grows:
            self._grows = True
            self.due.put(t + 1.0 / POLLERS_PER_SECOND, "grow", [])


class KinesisEventSourceMapping(Retrying):
    """A Kinesis stream: `shards` times `parallelization` lanes that each wait for their batch of
    at most `batch_size` records. attempts: of a batch, then it is given up; 0: no end. lots: what
    decides which lane a record is in; by default a stream of its own."""

    def __init__(self, *args, shards: int = 1, parallelization: int = 1, batch_size: int = 100,
                 attempts: int = 0, lots=None, **how):
        super().__init__(*args, **how)
        _checked(shards=(shards, 1), parallelization=(parallelization, 1),
                 batch_size=(batch_size, 1), attempts=(attempts, 0))
        self.batch_size, self.attempts, self.lanes = batch_size, attempts, shards * parallelization
        self.lane: list[int] = []       # of each record
        self._lots = self.sim.stream(f"{self.name} lanes") if lots is None else lots
        self._waiting = [deque() for _ in range(self.lanes)]
        self._busy = [False] * self.lanes

    def take(self, times) -> None:
        """Records come at `times` (s, sorted)."""
        super().take(times)
        self.lane += self._lots.integers(self.lanes, size=len(times)).tolist()

    def arrive(self, t: float, i: int) -> None:
        """A new record."""
        lane = self.lane[i]
        self._waiting[lane].append(i)
        if not self._busy[lane]:
            self._begin(t, lane)

    def _begin(self, t: float, lane: int) -> None:
        line = self._waiting[lane]
        self._busy[lane] = bool(line)
        if line:
            n = min(self.batch_size, len(line))
            self.happen(t, lane, [line.popleft() for _ in range(n)], 0)

    def happen(self, t: float, lane: int, which: list[int], attempt: int) -> None:
        """An attempt at a batch; its lane waits for the end of it. With nothing in it, the lane is
        free again."""
        if not which:
            return self._begin(t, lane)
        end, failed = self.invoke(t, which, attempt)
        if end >= 0.0 and not failed:
            self.settle(which, DONE, end)
            return self.due.put(end, lane, [], 0)
        attempt, at = attempt + 1, max(end, t)
        if self.attempts and attempt >= self.attempts:
            self.settle(which, DEAD, at)
            return self.due.put(at, lane, [], 0)
        self.due.put(at + backoff(attempt), lane, which, attempt)
