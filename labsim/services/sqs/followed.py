"""The messages of an Amazon SQS queue, followed one by one on the agenda.

Picture registered mail: each letter has a slip on which is written how often it was handed out, who
has it now, and who wants a receipt. A letter that nobody could deal with three times goes into
another tray.

*Models:* what `windows` does, message by message, with the same results; a share of works that
fail, whose message is visible again after the visibility timeout; a dead-letter queue, to which a
message goes at the receive that would be one too many (fact sqs.dlq_rule); senders who wait until
their message is worked on; messages that are too old when they are received, which are dropped
unread; the newest first; a queue that is down. Who waits for a message that is dead or dropped
hears nothing, as with SQS.
*Leaves out:* retention, duplicates, and batches, for which see the lab `sqs-delivery`.

Data plane: request-level, exact (`labsim.engine.agenda`); some microseconds for each message.
"""

import math
from collections import deque

import numpy as np

from labsim.engine import at_once, merged, one_by_one
from labsim.engine.agenda import ARRIVE, Call, to_nobody
from labsim.services.sqs.windows import visible_again
from labsim.services.sqs.wiring import block_feeders

RECORDED = ("offered", "completed", "lost", "returned", "failed", "dead", "expired", "stale")


class Message:
    """A message in a plane: the call that it came by, when it was `sent` (s), its `work` (s), how
    often it has been received, whether it is `deleted`."""

    __slots__ = ("plane", "call", "sent", "work", "receives", "deleted")

    def __init__(self, plane: "Followed", call: Call, sent: float, work: float):
        self.plane, self.call, self.sent, self.work = plane, call, sent, work
        self.receives, self.deleted = 0, False


class Followed:
    """The data plane of a `queue` (`sqs.Queue`) whose messages have fates of their own."""

    def __init__(self, queue, in_flight_limit: int):
        self.queue, self.agenda, self.limit = queue, queue.sim.agenda, in_flight_limit
        self.line: deque[Message] = deque()     # visible
        self.in_flight = 0                      # received, or lost and not yet visible again
        self.down = False
        self.oldest_age = 0.0                   # largest age that a deleted message has had, s
        self._alive: deque[Message] = deque()   # as sent; the first is there
        self._works = one_by_one(lambda n, queue: queue.draw(n), lambda: queue)
        self._times: dict[str, list[float]] = {what: [] for what in RECORDED}
        self._starts: list[float] = []
        self._waits: list[float] = []
        self.agenda.arrivals(at_once(queue.backlog, 0.0), self._was_there, queue)
        self.agenda.arrivals(merged(queue.sources), self._come, queue)
        self.agenda.feeds(queue, block_feeders(queue))

    # -- messages come ---------------------------------------------------------------------------

    def _was_there(self, t: float) -> None:
        self._enter(t, self._made(t, Call(to_nobody)))

    def _come(self, t: float, _=None) -> None:
        self.ask(t, Call(to_nobody))

    def take(self, times: np.ndarray) -> None:
        """Messages come at `times`, given out by another part in blocks."""
        self.agenda.arrive(self.queue, times.tolist(), self._come)

    def ask(self, t: float, call: Call) -> None:
        """A message is sent; its call is answered when it is worked on."""
        self._times["offered"].append(t)
        if self.down:
            self._times["failed"].append(t)
            self.queue.answer(t, call, False)
        else:
            self._enter(t, self._made(t, call))

    def _made(self, t: float, call: Call) -> Message:
        message = Message(self, call, t, self._works())
        self._alive.append(message)
        return message

    def _enter(self, t: float, message: Message) -> None:
        self.line.append(message)
        self.look(t)

    def look(self, t: float) -> None:
        """Whoever is idle looks for messages."""
        for crew in self.queue.crews if self.line else ():
            if crew.idle:
                crew.look(t)

    # -- and go ----------------------------------------------------------------------------------

    @property
    def room(self) -> float:
        """How many more may be in flight."""
        return self.limit - self.in_flight

    def receive(self, t: float) -> Message | None:
        """Whoever is idle gets the next message, if there is one for him."""
        queue, line = self.queue, self.line
        while line and not self.down and self.in_flight < self.limit:
            message = line.pop() if queue.newest_first else line.popleft()
            if message.receives >= queue.max_receives:
                self._delete("dead", t, message)
                queue.dead.leave(t)
            elif t - message.sent > queue.max_age:
                self._delete("expired", t, message)
            else:
                message.receives += 1
                self.in_flight += 1
                self._starts.append(t)
                self._waits.append(t - message.sent)
                return message
        return None

    def _delete(self, what: str, t: float, message: Message) -> None:
        message.deleted = True
        self._times[what].append(t)
        self.oldest_age = max(self.oldest_age, t - message.sent)
        alive = self._alive
        while alive and alive[0].deleted:
            alive.popleft()

    def complete(self, t: float, message: Message) -> None:
        """A message is worked on and deleted."""
        self.in_flight -= 1
        self._delete("completed", t, message)
        if not message.call.wanted:
            self._times["stale"].append(t)
        self.queue.answer(t, message.call, True)

    def come_back(self, t: float, job) -> float:
        """The work on a message has come to nothing; returns when it is visible again, s."""
        visible = visible_again(job.start, t, self.queue.visibility_timeout)
        self._times["lost"].append(t)
        self.agenda.at(visible, self._visible, job.message, ARRIVE)
        return visible

    def _visible(self, t: float, message: Message) -> None:
        self.in_flight -= 1
        self._times["returned"].append(t)
        self._enter(t, message)

    def lose(self, t: float, jobs: list) -> None:
        """Messages lose their consumers now."""
        self.queue.log_lost([self.come_back(t, job) for job in jobs])

    def suffer(self, down: bool) -> None:
        """It is down, or up again."""
        self.down = down
        self.look(self.queue.sim.now)

    # -- what is known ---------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Let everything happen until `now`, and write it down."""
        queue = self.queue
        self.agenda.advance(now, self.queue)
        record = queue.record
        if self._starts:
            record.observe("wait", np.array(self._starts), np.array(self._waits))
            self._starts.clear()
            self._waits.clear()
        for what, times in self._times.items():
            if times:
                record.count(what, np.array(times))
                times.clear()
        for outlet in (queue.done, queue.failed, queue.dead):
            outlet.flush()

    @property
    def waiting(self) -> int:
        """Visible messages."""
        return len(self.line)

    @property
    def oldest_sent(self) -> float:
        """When the oldest message was sent, s; inf if there is none."""
        return self._alive[0].sent if self._alive else math.inf

    def busy_seconds(self) -> float:
        """Thread-seconds that the consumers have spent on any messages by now."""
        return sum(crew.busy_seconds() * crew.threads for crew in self.queue.crews)
