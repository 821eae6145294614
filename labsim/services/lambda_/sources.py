"""Who calls a Lambda function, and what each does when it is throttled or fails.

Picture four kinds of people at a counter that is closed for a moment. One walks away with an error
slip. One leaves a note in a box, from which it is tried again later. One stands in a queue whose
ushers let in a few more each second. And one belongs to a column of people who all wait behind the
first of them, for nobody in it may overtake.

*Models:* synchronous calls, perhaps through API Gateway; asynchronous events with retries after 1
and 2 minutes, waits that double after a throttle, an age limit and a dead-letter queue; a queue's
pollers, which begin with 5 batches at a time and add 5 a second, visibility timeout and receive
count; a stream's shards, each of which waits for its batch.
*Leaves out:* batch windows, partial batch answers, splitting of a failed batch, FIFO queues, event
filters.

Data plane: request-level; who comes back does so through a heap of times.
"""

from collections import deque
from heapq import heappop, heappush

from labsim import factbook
from labsim.services.api_gateway.throttle import Gateway
from labsim.services.lambda_ import rules as aws_lambda
from labsim.services.lambda_.pool import Pool

WAITS, DONE, THROTTLED, FAILED, DEAD, TIMED_OUT, CACHED, TURNED_AWAY = range(8)     # fates
POLLERS = factbook.value("lambda.esm_sqs_start")
POLLERS_PER_SECOND = factbook.value("lambda.esm_sqs_ramp") / 60
POLLERS_MOST = factbook.value("lambda.esm_sqs_max")
PATIENCE = 1_000                # steps between two looks at whether the run was cancelled
GOLDEN = 0.6180339887498949     # turns a request's die between its attempts


class Calls:
    """Requests that come at `times` (s, ascending), each of `work` s, and what became of them.

    chance: a number from 0 to 1 for each, which decides with `error_share` whether an attempt
    fails. timeout: of the function, s. `fate`, `end` and `invoked` are one row a request; `runs`
    are the invocations: (start, end, requests in it).
    """

    def __init__(self, pool: Pool, times: list, work: list, chance: list, *, error_share: float,
                 timeout: float):
        self.pool, self.times, self.work, self.chance = pool, times, work, chance
        self.error_share, self.timeout = error_share, timeout
        self.fate, self.end = [WAITS] * len(times), [float("inf")] * len(times)
        self.runs: list[tuple[float, float, int]] = []
        self.throttles: list[float] = []        # when
        self.look = lambda: None                # called now and then: it may stop the run
        self._next = 0

    def invoke(self, t: float, which: list[int], attempt: int) -> tuple[float, bool]:
        """One invocation for these: when it ends (negative: throttled), and whether it fails."""
        work = self.work[which[0]] if len(which) == 1 else sum(self.work[i] for i in which)
        late = work > self.timeout
        end = self.pool.invoke(t, self.timeout if late else work)
        if end < 0.0:
            self.throttles.append(t)
            return end, True
        self.runs.append((t, end, len(which)))
        if late or not self.error_share:
            return end, late
        return end, any((self.chance[i] + attempt * GOLDEN) % 1.0 < self.error_share
                        for i in which)

    def settle(self, which: list[int], fate: int, end: float) -> None:
        """What became of these requests, and when."""
        for i in which:
            self.fate[i], self.end[i] = fate, end


class Synchronous(Calls):
    """Who calls waits for the answer, and is told at once that there is none. With a `gateway` the
    request passes it first; keys: what each asks for. A client waits at most `patience` s."""

    def __init__(self, *args, gateway: Gateway | None = None, keys: list | None = None,
                 patience: float = float("inf"), **how):
        super().__init__(*args, **how)
        self.gateway, self.keys, self.patience = gateway, keys, patience

    def advance(self, until: float) -> None:
        """Take the calls up to `until` s."""
        times, fate, ends, gateway = self.times, self.fate, self.end, self.gateway
        i = self._next
        while i < len(times) and times[i] <= until:
            t = times[i]
            if not i % PATIENCE:
                self.look()
            if gateway and gateway.ttl and gateway.cached(self.keys[i], t):
                fate[i], ends[i] = CACHED, t
            elif gateway and not gateway.admit(t):
                fate[i] = TURNED_AWAY
            else:
                end, failed = self.invoke(t, [i], 0)
                if end < 0.0:
                    fate[i] = THROTTLED
                elif end - t > self.patience:
                    fate[i], ends[i] = TIMED_OUT, t + self.patience
                else:
                    fate[i], ends[i] = (FAILED if failed else DONE), end
                    if gateway and not failed:
                        gateway.keep(self.keys[i], end)
            i += 1
        self._next = i


class Later(Calls):
    """Whatever comes back goes through `due`, a heap of (time, number, what)."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.due: list[tuple] = []
        self._number = 0

    def push(self, t: float, *what) -> None:
        """Have `happen(t, *what)` called at `t` s."""
        self._number += 1
        heappush(self.due, (t, self._number, what))

    def advance(self, until: float) -> None:
        """Take what comes, for the first time or again, up to `until` s."""
        times, due, i, n, steps = self.times, self.due, self._next, len(self.times), 0
        while True:
            steps += 1
            if not steps % PATIENCE:
                self.look()
            first = times[i] if i < n else float("inf")
            if due and due[0][0] <= first:
                if due[0][0] > until:
                    break
                t, _, what = heappop(due)
                self.happen(t, *what)
            elif first <= until:
                self.arrive(first, i)
                i += 1
            else:
                break
        self._next = i


class Asynchronous(Later):
    """An event waits in Lambda's own queue: at most `retries` more attempts after errors, and as
    many after throttles as fit into `age` s."""

    def __init__(self, *args, retries: int, age: float, **how):
        super().__init__(*args, **how)
        self.retries, self.age = retries, age

    def arrive(self, t: float, i: int) -> None:
        """A new event."""
        self.happen(t, i, 0, 0)

    def happen(self, t: float, i: int, errors: int, throttles: int) -> None:
        """An attempt after so many errors and throttles."""
        end, failed = self.invoke(t, [i], errors)
        if end < 0.0:
            again, throttles = t + aws_lambda.backoff(throttles + 1), throttles + 1
        elif not failed:
            return self.settle([i], DONE, end)
        else:
            if errors == self.retries:
                return self.settle([i], DEAD, end)
            waits = aws_lambda.RETRY_WAITS
            again, errors = end + waits[min(errors, len(waits) - 1)], errors + 1
        if again - self.times[i] > self.age:
            return self.settle([i], DEAD, again)
        self.push(again, i, errors, throttles)


class Queue(Later):
    """An SQS queue and its pollers: batches of at most `batch` messages, at most `most` batches at
    a time (0: as many as the pollers do). What is throttled or fails is back after `visibility` s;
    the dead-letter queue gets what has been received `receives` times."""

    def __init__(self, *args, batch: int, most: int, visibility: float, receives: int, **how):
        super().__init__(*args, **how)
        self.batch, self.visibility, self.receives = batch, visibility, receives
        self.most = most or POLLERS_MOST
        self.visible: deque[int] = deque()
        self.received = [0] * len(self.times)
        self.running, self.allowed, self._grows = 0, POLLERS, False

    def arrive(self, t: float, i: int) -> None:
        """A new message."""
        self.visible.append(i)
        self._poll(t)

    def happen(self, t: float, what: str, which: list[int], ended: bool) -> None:
        """A batch has ended, messages are back, or there is one more poller."""
        if what == "grow":
            self._grows = False
            self.allowed += 1
        if ended:
            self.running -= 1
        if what == "back":
            for i in which:
                if self.received[i] >= self.receives:
                    self.settle([i], DEAD, t)
                else:
                    self.visible.append(i)
        self._poll(t)

    def _poll(self, t: float) -> None:
        while self.visible and self.running < min(self.allowed, self.most):
            n = min(self.batch, len(self.visible))
            which = [self.visible.popleft() for _ in range(n)]
            for i in which:
                self.received[i] += 1
            end, failed = self.invoke(t, which, self.received[which[0]] - 1)
            self.running += 1
            if end < 0.0:       # the poller is free again after a moment
                self.push(t + 1.0 / POLLERS_PER_SECOND, "end", [], True)
                self.push(t + self.visibility, "back", which, False)
            elif failed:
                self.push(end, "end", [], True)
                self.push(max(end, t + self.visibility), "back", which, False)
            else:
                self.settle(which, DONE, end)
                self.push(end, "end", [], True)
        if self.visible and self.allowed < self.most and not self._grows:
            self._grows = True
            self.push(t + 1.0 / POLLERS_PER_SECOND, "grow", [], False)


class Stream(Later):
    """A Kinesis stream: `lanes` (shards times parallelization) that each wait for their batch of at
    most `batch` records. lane: of each record. attempts: of a batch, then it is given up; 0: no
    end.
    """

    def __init__(self, *args, lanes: int, lane: list, batch: int, attempts: int, **how):
        super().__init__(*args, **how)
        self.lane, self.batch, self.attempts = lane, batch, attempts
        self.waiting = [deque() for _ in range(lanes)]
        self.busy = [False] * lanes

    def arrive(self, t: float, i: int) -> None:
        """A new record."""
        lane = self.lane[i]
        self.waiting[lane].append(i)
        if not self.busy[lane]:
            self._take(t, lane)

    def _take(self, t: float, lane: int) -> None:
        line = self.waiting[lane]
        self.busy[lane] = bool(line)
        if line:
            self.happen(t, lane, [line.popleft() for _ in range(min(self.batch, len(line)))], 0)

    def happen(self, t: float, lane: int, which: list[int], attempt: int) -> None:
        """An attempt at a batch; its lane waits for the end of it. With nothing in it, the lane is
        free again."""
        if not which:
            return self._take(t, lane)
        end, failed = self.invoke(t, which, attempt)
        if end >= 0.0 and not failed:
            self.settle(which, DONE, end)
            return self.push(end, lane, [], 0)
        attempt, at = attempt + 1, max(end, t)
        if self.attempts and attempt >= self.attempts:
            self.settle(which, DEAD, at)
            return self.push(at, lane, [], 0)
        self.push(at + aws_lambda.backoff(attempt), lane, which, attempt)
