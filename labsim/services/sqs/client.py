"""Amazon SQS's calls: who looks for messages when, how many calls that makes, what they cost.

Picture cooks at the rail of order slips. One walks there, looks, walks back, and looks again at
once (short polling): many walks, most for nothing. Another stays beside the rail for up to twenty
seconds and takes what comes (long polling).

*Models:* short and long polls and the pause between two that found nothing; a short poll that asks
some of the servers only; the time that a call takes; calls per second and action of a FIFO queue:
who comes too early is told to wait his turn; requests as AWS bills them, by chunks of 64 KiB.
*Leaves out:* calls that fail; the limit on a FIFO queue's empty receives; connections.

A poll that finds nothing changes nothing: a consumer whose queue is empty sleeps until something
comes, then looks when its next poll would have been, and the polls in between are counted.
"""

import math
from collections import Counter
from collections.abc import Generator

import numpy as np
import simpy

from labsim import factbook
from labsim.engine import Simulation
from labsim.services.sqs.messages import MessageQueue, Receipt

CHUNK = factbook.value("sqs.price_chunk_bytes")
MOST_ENTRIES = int(factbook.value("sqs.batch_entries_max"))
MOST_BYTES = factbook.value("sqs.batch_payload_max_bytes")

SEND, RECEIVE, CHANGE, DELETE = "send", "receive", "change", "delete"


def entries(wanted: int, size: float) -> int:
    """Messages of `size` bytes in one SendMessageBatch of up to `wanted`."""
    return max(1, min(wanted, MOST_ENTRIES, int(MOST_BYTES // size)))


def billed(size: float) -> int:
    """Requests that a call with a payload of `size` bytes is billed as."""
    return max(1, math.ceil(size / CHUNK))


def in_flight(rate: float, held: float) -> float:
    """Messages in flight where `rate` per second are received and each is held for `held` s
    (Little's law)."""
    return rate * held


class Idle:
    """A consumer without a message: its call number `call` since `since` found nothing yet."""

    __slots__ = "since", "call", "event"

    def __init__(self, since: float):
        self.since, self.call = since, 0


class Client:
    """The calls of all producers and consumers of one `queue`.

    wait: WaitTimeSeconds. pause: after a poll that found nothing. rate: calls per second that the
    queue takes of each action. sees: share of the servers that a short poll asks. size: bytes of
    a message.
    """

    def __init__(self, sim: Simulation, queue: MessageQueue, *, most: int = 1, wait: float = 0.0,
                 pause: float = 0.0, call_time: float = 0.01, rate: float = math.inf,
                 sees: float = 1.0, size: float = 1.0):
        self.sim, self.queue, self.most, self.wait = sim, queue, most, wait
        self.period = max(wait, call_time) + pause      # from one empty poll to the next
        self.call_time, self.rate, self.size = call_time, rate, size
        self.sees = 1.0 if wait or queue.fifo else sees
        self.calls: Counter = Counter()     # by action
        self.billed: Counter = Counter()    # requests on the bill, by action
        self.empty = 0                      # receives that returned nothing
        self.times: list[float] = []        # of all other calls
        self.idle: list[tuple[float, float, int]] = []  # from, to, calls in vain: who had nothing
        self._turns: dict[str, tuple[float, int]] = {}
        self._idle: list[Idle] = []         # who sleeps, in the order in which they began to
        self._all_idle: set[Idle] = set()   # and who has been called, but has not looked yet
        self._looking = self._alarm = math.inf

    # -- calls -------------------------------------------------------------------------------

    def turn(self, action: str) -> Generator:
        """Wait until a call of this kind is let through."""
        if self.rate < math.inf:
            now = self.sim.now
            start, calls = self._turns.get(action, (now, 0))
            if start + calls / self.rate < now:
                start, calls = now, 0
            self._turns[action] = start, calls + 1
            if calls:
                yield self.sim.env.timeout(max(start + calls / self.rate - now, 0.0))

    def told(self, action: str, size: float = 0.0) -> None:
        """Count a call with a payload of `size` bytes."""
        self.calls[action] += 1
        self.times.append(self.sim.now)
        self.billed[action] += billed(size)

    def receive(self) -> Generator[simpy.Event, int, list[Receipt]]:
        """Poll until there are messages."""
        yield from self.turn(RECEIVE)
        self.calls[RECEIVE] += 1
        receipts = self.queue.receive(self.sim.now, self.most, sees=self.sees)
        if not receipts:
            idle = Idle(self.sim.now)
            self._all_idle.add(idle)
            while not receipts:
                idle.event = self.sim.env.event()
                self._idle.append(idle)
                self.tell()
                call = yield idle.event
                self._looking = math.inf
                self._passed(idle, call)
                receipts = self.queue.receive(self.sim.now, self.most, sees=self.sees)
            self._all_idle.discard(idle)
            self.idle.append((idle.since, self.sim.now, idle.call))
        self.times.append(self.sim.now)
        self.billed[RECEIVE] += billed(len(receipts) * self.size)
        self.tell()
        return receipts

    def change(self, receipts: list[Receipt], timeout: float) -> None:
        """ChangeMessageVisibilityBatch."""
        self.told(CHANGE)
        for receipt in receipts:
            self.queue.change_visibility(self.sim.now, receipt, timeout)
        self.tell()

    def delete(self, receipts: list[Receipt]) -> Generator:
        """DeleteMessageBatch; over when the answer is there."""
        yield from self.turn(DELETE)
        self.told(DELETE)
        for receipt in receipts:
            self.queue.delete(self.sim.now, receipt)
        self.tell()
        yield self.sim.env.timeout(self.call_time)

    def end(self) -> None:
        """The run is over: count the polls of those who still wait."""
        for idle in self._all_idle:
            begun = math.ceil((self.sim.now - idle.since) / self.period) - 1
            ended = math.floor((self.sim.now - idle.since - self.wait) / self.period + 1)
            empty = max(idle.call, min(ended, begun + 1))
            self.calls[RECEIVE] += max(0, begun - idle.call)
            self.empty += empty - idle.call
            self.idle.append((idle.since, self.sim.now, empty))
            self.billed[RECEIVE] += max(0, begun - idle.call) + 1
        self.queue.settle(self.sim.now)

    def empty_by(self, t: np.ndarray) -> np.ndarray:
        """Receives that had returned nothing by each of `t`, spread evenly over idle times."""
        start, end, calls = np.array(self.idle or [(0.0, 1.0, 0)], dtype=float).T
        each = np.divide(calls, end - start, out=np.zeros(len(calls)), where=end > start)
        when = np.concatenate([start, end])
        order = np.argsort(when, kind="stable")
        rate = np.cumsum(np.concatenate([each, -each])[order])
        total = np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(when[order]))])
        return np.interp(t, when[order], total)

    # -- who looks next ----------------------------------------------------------------------

    def tell(self) -> None:
        """Something may be there: call the idle consumer that looks first; if there is nothing,
        see to it that somebody is called when there is."""
        if not self._idle:
            return
        if not self.queue.receivable:
            self._wake_at(self.queue.next_due)
            return
        now, first = self.sim.now, math.inf
        for idle in self._idle:
            t, call = self._look(idle, now)
            if t < first:
                first, chosen, which = t, idle, call
                if t == now:
                    break
        if first < self._looking:       # else somebody looks before
            self._looking = first
            self._idle.remove(chosen)
            event = chosen.event
            event._ok, event._value = True, which
            self.sim.env.schedule(event, delay=first - now)

    def _look(self, idle: Idle, now: float) -> tuple[float, int]:
        """When an idle consumer looks next, and with its how-manyth call."""
        call = max(int((now - idle.since) // self.period), idle.call)
        start = idle.since + call * self.period
        if start <= now <= start + self.wait and (self.wait or call > idle.call):
            return now, call
        return max(idle.since + (call + 1) * self.period, now), call + 1

    def _passed(self, idle: Idle, call: int) -> None:
        """Its calls before this one found nothing."""
        passed, idle.call = call - idle.call, call
        self.calls[RECEIVE] += passed
        self.billed[RECEIVE] += passed
        self.empty += passed

    def _wake_at(self, t: float) -> None:
        if t < self._alarm:
            self._alarm = t
            self.sim.env.timeout(max(t - self.sim.now, 0.0), t).callbacks.append(self._ring)

    def _ring(self, event: simpy.Event) -> None:
        if event.value == self._alarm:
            self._alarm = math.inf
            self.queue.settle(self.sim.now)
            self.tell()
