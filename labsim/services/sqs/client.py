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
from collections.abc import Generator, Iterable
from functools import cached_property

import numpy as np
import simpy

from labsim import factbook
from labsim.declare import Component, Count, Line, Panel
from labsim.engine import Order, Simulation, Wake, so_far
from labsim.errors import ParameterError
from labsim.services.sqs.idle import Idle, Sleepers
from labsim.services.sqs.messages import BATCHES, MessageQueue, Receipt
from labsim.services.sqs.rules import billed_requests

CALL = factbook.value("sqs.call_s")
LONG_POLL = factbook.value("sqs.long_poll_max_s")
FIFO_RATE = factbook.value("sqs.fifo_tps")          # calls per second of each action
PRICE = factbook.value("sqs.price_per_million_standard")    # USD per million requests
FIFO_PRICE = factbook.value("sqs.price_per_million_fifo")
SEND, RECEIVE, CHANGE, DELETE = ACTIONS = "send", "receive", "change", "delete"


def called(action: str, meaning: str) -> Count:
    """How often a client has called an action."""
    return Count(f"{action}_calls", "calls", meaning, "lower", lambda c: c.calls[action])


class Client(Component):
    """The calls of all producers and consumers of one `queue`; `sim.send` sends through it, each
    message alone, at any rate at which messages can be followed one by one.

    most: MaxNumberOfMessages. wait: WaitTimeSeconds. pause: after a poll that found nothing.
    call_time: s that a receive or a delete takes; who sends doesn't wait for the answer here. rate:
    calls per second that the queue takes of each action, by default those of a FIFO queue, and any
    number. sees: share of the servers that a short poll asks. size: bytes of a message. groups:
    message groups of what `sim.send` sends, drawn by lot. price: USD per million requests. random:
    where that lot is drawn; by default a stream of its own.
    """

    METRICS = (
        called(SEND, "SendMessage, alone or in batches"), called(RECEIVE, "ReceiveMessage"),
        Count("empty_receives", "calls", "of these, those that returned nothing", "lower",
              lambda c: c.empty - c.throttled),
        Count("throttled", "calls", "of these, those refused with OverLimit: too many in flight",
              "lower", lambda c: c.throttled),
        called(CHANGE, "ChangeMessageVisibility"),
        called(DELETE, "DeleteMessage, alone or in batches"),
        Count("api_calls", "calls", "all of them", "lower", lambda c: sum(c.calls.values())),
    )
    PANELS = (Panel("API calls", (
        Line("in vain", "empty_calls"), Line("others", "other_calls"))),)
    shows = (("in vain", "empty_calls"), ("others", "other_calls"))

    def __init__(self, sim: Simulation, name: str, queue: MessageQueue, *, most: int = 1,
                 wait: float = factbook.value("sqs.long_poll_default_s"), pause: float = 0.0,
                 call_time: float = CALL, rate: float | None = None, sees: float = 1.0,
                 size: float = 1.0, groups: int = 1, price: float | None = None,
                 random: np.random.Generator | None = None):
        super().__init__(sim, name)
        rate = (FIFO_RATE if queue.fifo else math.inf) if rate is None else rate
        price = (FIFO_PRICE if queue.fifo else PRICE) if price is None else price
        for what, value, least, greatest in (
                ("most", most, 1, BATCHES[-1]), ("wait", wait, 0, LONG_POLL),
                ("pause", pause, 0, math.inf), ("call_time", call_time, 1e-6, math.inf),
                ("rate", rate, 1e-6, math.inf), ("sees", sees, 1e-6, 1),
                ("size", size, 0, math.inf), ("groups", groups, 1, math.inf),
                ("price", price, 0, math.inf)):
            if not least <= value <= greatest:
                raise ParameterError(what, value, f"{least:g} to {greatest:,g}")
        if queue.client is not None:
            raise ParameterError("queue", queue.name, f"one client, and it has {queue.client.name}")
        queue.client = self
        self.queue, self.most, self.wait = queue, most, wait
        self.period = max(wait, call_time) + pause      # from one empty poll to the next
        self.call_time, self.rate, self.size = call_time, rate, size
        self.groups, self.price = groups, price
        self.sees = 1.0 if wait or queue.fifo else sees
        self.calls: Counter = Counter()     # by action
        self.billed: Counter = Counter()    # requests on the bill, by action
        self.empty = 0                      # receives that returned nothing, or OverLimit
        self.times: list[float] = []        # of all other calls
        self.idle: list[tuple[float, float, int]] = []  # from, to, calls in vain: who had nothing
        self._turns: dict[str, tuple[float, int]] = {}
        self._idle = Sleepers(wait, self.period)
        self._all_idle: set[Idle] = set()   # and who has been called, but has not looked yet
        self._looking = self._alarm = math.inf
        self._random = random
        self.link(queue)
        sim.on_advance(self._end)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Messages are sent at the times of `blocks` (arrays, s, sorted), each with a body of its
        own, or as soon as the queue lets them."""
        self.sim.process(self._sending(blocks))

    def _sending(self, blocks: Iterable[np.ndarray]) -> Generator:
        lots = self._random or self.sim.stream(f"{self.name} groups")
        for times in blocks:
            for t in times.tolist():
                yield self.sim.until(max(t, self.sim.now), Order.CAPACITY)
                group = int(lots.random() * self.groups)
                yield from self.send([{"body": f"{self.name} {self.calls[SEND]}",
                                       "group": str(group) if self.queue.fifo else ""}])

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

    def count(self, action: str, size: float = 0.0) -> None:
        """Count a call with a payload of `size` bytes."""
        self.calls[action] += 1
        self.times.append(self.sim.now)
        self.billed[action] += billed_requests(size)

    def send(self, entries: list[dict]) -> Generator:
        """SendMessageBatch, or SendMessage for one: what `MessageQueue.send` takes, of each."""
        yield from self.turn(SEND)
        self.count(SEND, len(entries) * self.size)
        for entry in entries:
            self.queue.send(self.sim.now, **entry)
        self.tell()

    def receive(self) -> Generator[simpy.Event, int, list[Receipt]]:
        """Poll until there are messages."""
        yield from self.turn(RECEIVE)
        self.calls[RECEIVE] += 1
        receipts = self.queue.receive(self.sim.now, self.most, sees=self.sees)
        if not receipts:
            idle = self._idle.idle(self.sim.now)
            self._all_idle.add(idle)
            while not receipts:
                idle.wake = Wake(self.sim.env)
                self._idle.add(idle)
                self.tell()
                call = yield idle.wake
                self._looking = math.inf
                self._passed(idle, call)
                receipts = self.queue.receive(self.sim.now, self.most, sees=self.sees)
            self._all_idle.discard(idle)
            self.idle.append((idle.since, self.sim.now, idle.call))
        self.times.append(self.sim.now)
        self.billed[RECEIVE] += billed_requests(len(receipts) * self.size)
        self.tell()
        return receipts

    def change(self, receipts: list[Receipt], timeout: float) -> None:
        """ChangeMessageVisibilityBatch."""
        self.count(CHANGE)
        for receipt in receipts:
            self.queue.change_visibility(self.sim.now, receipt, timeout)
        self.tell()

    def delete(self, receipts: list[Receipt]) -> Generator:
        """DeleteMessageBatch; over when the answer is there."""
        yield from self.turn(DELETE)
        self.count(DELETE)
        for receipt in receipts:
            self.queue.delete(self.sim.now, receipt)
        self.tell()
        yield self.sim.env.timeout(self.call_time)

    # -- who looks next ----------------------------------------------------------------------

    def tell(self) -> None:
        """Something may be there: call the idle consumer that looks first; if there is nothing,
        see to it that somebody is called when there is."""
        now = self.sim.now
        if not self._idle or self._looking <= now:
            return
        if not self.queue.receivable:
            self._wake_at(self.queue.next_due)
            return
        t, call, place = self._idle.first(now)
        if t < self._looking:       # else somebody looks before
            self._looking = t
            self._idle.pop(place).wake.set(t - now, value=call)

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

    # -- at the end of the run ---------------------------------------------------------------

    def _end(self, now: float) -> None:
        """The run is over: count the polls of those who still wait."""
        for idle in self._all_idle if now >= self.sim.duration else ():
            begun = math.ceil((now - idle.since) / self.period) - 1
            ended = math.floor((now - idle.since - self.wait) / self.period + 1)
            empty = max(idle.call, min(ended, begun + 1))
            self.calls[RECEIVE] += max(0, begun - idle.call)
            self.empty += empty - idle.call
            self.idle.append((idle.since, now, empty))
            self.billed[RECEIVE] += max(0, begun - idle.call) + 1

    @cached_property
    def throttled(self) -> int:
        """Short polls of a standard queue that came while as many as allowed were in flight."""
        if self.wait or self.queue.fifo or not self.queue.filled:
            return 0
        spans = -(-len(self.queue.filled) // 2)
        begin, end = np.resize([*self.queue.filled, math.inf], (spans, 2)).T
        refused = 0
        for since, until, calls in self.idle:
            some = slice(end.searchsorted(since), begin.searchsorted(until, side="right"))
            first, last = (np.clip(np.ceil((t[some] - since) / self.period), 0, calls)
                           for t in (begin, end))
            refused += int((last - first).sum())
        return refused

    def empty_by(self, t: np.ndarray) -> np.ndarray:
        """Receives that had returned nothing by each of `t`, spread evenly over idle times."""
        start, end, calls = np.array(self.idle or [(0.0, 1.0, 0)], dtype=float).T
        each = np.divide(calls, end - start, out=np.zeros(len(calls)), where=end > start)
        when = np.concatenate([start, end])
        order = np.argsort(when, kind="stable")
        rate = np.cumsum(np.concatenate([each, -each])[order])
        total = np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(when[order]))])
        return np.interp(t, when[order], total)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Calls that returned nothing, and all others, per second."""
        t = self.record.t
        return {"empty_calls": (_per_second(t, self.empty_by(t)), "calls/s"),
                "other_calls": (_per_second(t, so_far(t, self.times)), "calls/s")}

    def cost(self) -> dict[str, float]:
        """The requests as billed, by action."""
        return {f"SQS {action}": self.billed[action] / 1e6 * self.price for action in ACTIONS}


def _per_second(t: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The rate in the interval that ends at each instant; what is at the very start counts in the
    first."""
    rate = np.maximum(np.diff(total, prepend=0.0), 0.0) / t[1]
    rate[:2] = rate[0] + rate[1]
    return rate
