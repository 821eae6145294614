"""Event source mapping of a queue to a function: pollers that take messages and invoke.

Picture a door of the exchange's waiting room, where ushers let in a few more people each second,
and fewer as soon as somebody is sent back. (The other door is that of `stream_mapping`.)

*Models:* a standard queue's pollers, which begin with 5 batches at a time, add 5 a second while
messages wait, and scale back when they find none or the function fails or is throttled; a throttled
batch that its poller tries again until the visibility timeout has run out; batch windows, maximum
concurrency, receive count; the way of messages (`delivery`); a mapping that is disabled for a
while, whose queue piles up; the queue's bill: messages are sent one by one, received and deleted by
tens (that Lambda deletes so is an assumption), and a poller with nothing to do asks again after
each long poll.
*Leaves out:* the receives of a batch window beyond one for ten messages; partial batch answers,
FIFO queues, event filters; a batch that begins late in its visibility timeout and ends after it is
done once, not twice. The queue itself is inside, without limits of its own. Of a function that
calls others, pollers back off when a batch has failed, else when it begins to.
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from labsim import factbook
from labsim.errors import ParameterError, require
from labsim.services.lambda_ import delivery as ways
from labsim.services.lambda_.caller import DEAD, DONE
from labsim.services.lambda_.retrying import DISABLED, Retrying
from labsim.services.lambda_.rules import checked_batch, checked_queue, visibility_timeout
from labsim.services.sqs.queue import LONG_POLL, PRICE
from labsim.services.sqs.rules import MOST_ENTRIES

POLLERS = factbook.value("lambda.esm_sqs_start")    # and what they scale back to when idle
RAMP = factbook.value("lambda.esm_sqs_ramp")        # more of them per minute
POLLERS_MOST = factbook.value("lambda.esm_sqs_max")
POLLERS_LEAST = factbook.value("lambda.esm_sqs_least")
BACK_OFF = factbook.value("lambda.esm_sqs_back_off") / 100  # of the pollers, per error or throttle
RECEIVED = int(factbook.value("sqs.receive_max_messages"))  # at a time, at most
RETRY = 1.0             # s between two attempts at a throttled batch: AWS publishes no figure
END, RETRIED, BACK, GROW, LOOK, GATHERED = range(6)     # what is due at a queue


class SqsEventSourceMapping(Retrying):
    """A standard SQS queue and its pollers: batches of at most `batch_size` messages, gathered for
    at most `window` s, at most `max_concurrency` batches at a time (0: as many as the pollers do).
    What fails, or is throttled until then, is back `visibility` s after it was received, by default
    what AWS advises; the dead-letter queue gets what has been received `max_receives` times. While
    messages wait there are `ramp` more pollers a minute (60 in 2018).

    The queue is inside, and so it is in the bill, polls that find nothing included. ParameterError
    for what CreateEventSourceMapping refuses."""

    FAULTS = {"down": DISABLED}

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
        self._calls = 0                     # to receive and to delete messages
        self._idle, self._idle_by = 0.0, 0.0    # s of all pollers without a batch, by when

    def enter(self, times) -> None:
        """A row for each message that comes at `times` (s, sorted)."""
        super().enter(times)
        self.received += [0] * len(times)

    def delivered(self, times: np.ndarray) -> np.ndarray:
        """When a poller could hand messages of `times` s to the function, s."""
        return times + ways.QUEUE.draw(len(times), self._way)

    def arrive(self, t: float, i: int) -> None:
        """A new message."""
        self._wait(t)
        self.visible.append(i)
        self._poll(t)

    def happen(self, t: float, what: int, which: Sequence[int] = (), since: float = 0.0) -> None:
        """A batch has ended, is tried again or is back; pollers come, go or have gathered."""
        self._wait(t)
        if what == RETRIED:
            self.calls_again.append((t, len(which)))
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

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is disabled: batches under way end, and no other one is received; or it is enabled."""
        self._wait(self.sim.now)
        self.disabled = bool(amounts)
        self._poll(self.sim.now)
        self.awake()

    def _wait(self, t: float) -> None:
        """Until `t` s pollers without a batch have waited for one."""
        if not self.disabled:
            self._idle += max(min(self.allowed, self.most) - self.running, 0.0) * (
                t - self._idle_by)
        self._idle_by = t

    def _poll(self, t: float) -> None:
        if not self.visible or self.disabled:
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
            (self.calls_first if self.received[which[0]] == 1 else self.calls_again).append((t, n))
            self.running += 1
            self._calls += math.ceil(n / RECEIVED)
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
            self._calls += math.ceil(len(which) / MOST_ENTRIES) * (end <= self.sim.duration)
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

    def cost(self) -> dict[str, float]:
        """The requests to the queue: sends, receives and deletes, and polls that find nothing."""
        self._wait(self.sim.duration)
        requests = len(self.times) + self._calls + self._idle / LONG_POLL
        return {"SQS requests": requests / 1e6 * PRICE}
