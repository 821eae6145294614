"""Amazon SQS, message by message: a standard or a FIFO queue, to be asked at any time.

Picture the rail of a kitchen and its order slips. A cook takes a slip and turns it face down; it
hangs there, and nobody else takes it, until he spikes it (delete), or until its time is up and it
turns face up by itself. Whoever never comes back has lost nothing but time.

*Models:* visibility timeout and its change by the latest receipt; receive count, and the move to a
dead-letter queue by the receive that would exceed it; delays; retention, whose clock goes on in a
standard dead-letter queue and starts anew in a FIFO one; the in-flight limit; message groups, of
which one batch is in flight at a time, a batch of one group first; deduplication for five minutes
from the first copy; and, for a standard queue, best-effort order, short polls that ask some of the
servers only, and copies that stay visible although they were received.
*Leaves out:* the time that calls take and their limits (`client`), sizes, batches that fail
in part, receive attempt ids, redrive.

One object per message, to be followed. Each call says when it is, so that a queue can be played by
hand, too. A message is visible at the very instant at which its timeout ends.
"""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

from labsim import factbook
from labsim.declare import Component
from labsim.engine import Due, Simulation
from labsim.errors import ParameterError, require
from labsim.services.sqs.message_record import MessageRecord
from labsim.services.sqs.order import (
    DEAD,
    DELAYED,
    DELETED,
    EXPIRED,
    GONE,
    IN_FLIGHT,
    LOOKS,
    VISIBLE,
    Groups,
    Message,
    Pile,
)
from labsim.services.sqs.rules import content_id

VISIBILITY = factbook.value("sqs.visibility_default_s")
DEDUPLICATION = factbook.value("sqs.fifo_dedup_window_s")
LONGEST_DELAY = factbook.value("sqs.delay_max_s")
LONGEST_HIDDEN = factbook.value("sqs.visibility_max_s")
BATCHES = range(1, int(factbook.value("sqs.receive_max_messages")) + 1)
KEPT = factbook.value("sqs.retention_min_s"), factbook.value("sqs.retention_max_s")
IN_FLIGHT_LIMIT = int(factbook.value("sqs.inflight_max_standard"))     # as of a FIFO queue


class Receipt(NamedTuple):
    """What a receive hands out: the message, and its how-manyth receive this is."""

    message: Message
    receive: int


class MessageQueue(MessageRecord):
    """A queue. Times are seconds; they never go back from one call to the next.

    dead_letters: another queue, to which the receive after `max_receives` moves a message.
    in_flight_limit: messages in flight at most; beyond it nothing is received, see `full`.
    fifo_scan: how many of its oldest messages a FIFO queue looks at for an open group.
    order_window: a receive of a standard queue takes any of so many oldest visible messages.
    duplicates: the share of receives after which the message stays visible all the same.
    old_receipts: the share of deletes by other than the latest receipt that work.
    random: what that luck is drawn from; by default a stream of its own.
    Its calls in time are made by an `sqs.Client`; `sim.send` sends to that.
    """

    def __init__(self, sim: Simulation, name: str, visibility_timeout: float = VISIBILITY, *,
                 fifo: bool = False, delay: float = factbook.value("sqs.delay_default_s"),
                 retention: float = factbook.value("sqs.retention_default_s"),
                 max_receives: int = int(factbook.value("sqs.dlq_max_receive_default")),
                 dead_letters: "MessageQueue | None" = None,
                 in_flight_limit: int = IN_FLIGHT_LIMIT, fifo_scan: int = LOOKS,
                 order_window: int = 1, duplicates: float = 0.0,
                 old_receipts: float = 0.0, random: np.random.Generator | None = None):
        super().__init__(sim, name)
        for what, value, least, most in (
                ("visibility_timeout", visibility_timeout, 0, LONGEST_HIDDEN),
                ("delay", delay, 0, LONGEST_DELAY), ("retention", retention, *KEPT),
                ("max_receives", max_receives, 1, math.inf),
                ("in_flight_limit", in_flight_limit, 1, IN_FLIGHT_LIMIT),
                ("fifo_scan", fifo_scan, 1, LOOKS),
                ("order_window", order_window, 1, 1 if fifo else math.inf),
                ("duplicates", duplicates, 0, 0 if fifo else 1),
                ("old_receipts", old_receipts, 0, 1)):
            require(what, value, least, most)
        if dead_letters is not None and dead_letters.fifo != fifo:
            raise ParameterError("dead_letters", dead_letters.name,
                                 "a FIFO queue for a FIFO queue, a standard one for a standard one")
        self.fifo, self.visibility_timeout, self.delay = fifo, visibility_timeout, delay
        self.retention, self.max_receives, self.dead_letters = retention, max_receives, dead_letters
        self.in_flight_limit, self._random = in_flight_limit, random
        self.duplicates, self.old_receipts = duplicates, old_receipts
        self.filled: list[float] = []   # when as many as allowed were in flight, when fewer, ...
        self._shelf = Groups(fifo_scan) if fifo else Pile(
            order_window, self.luck if order_window > 1 else None)
        self._hidden, self._keeping = Due(), Due()      # until when which message is
        self.client: Component | None = None    # who makes its calls
        self._known: dict[str, tuple[float, Message]] = {}      # deduplication id: its first copy
        if dead_letters is not None:
            self.link(dead_letters, "received too often")
        sim.on_advance(self.settle)

    # -- the API of SQS ----------------------------------------------------------------------

    def send(self, now: float, group: str = "", dedup: str = "", delay: float | None = None,
             body=None) -> Message:
        """SendMessage. A FIFO queue answers a repeat within five minutes with the copy that was
        kept; without a deduplication id `dedup` that of the body counts."""
        if self.fifo and (not group or not dedup and body is None or delay):
            raise ParameterError("send", (group, dedup, delay), "in a FIFO queue with a group, "
                                 "a deduplication id or body, and no delay of the message")
        if delay is None:
            delay = self.delay
        else:
            self.require("delay", delay, 0, LONGEST_DELAY, "s")
        self.settle(now)
        if self.fifo:
            dedup = dedup or content_id(str(body))
            first, kept = self._known.get(dedup, (-math.inf, None))
            if now - first < DEDUPLICATION:
                self.deduplicated += 1
                kept.repeats.append(now)
                return kept
        message = Message(len(self.messages), group, now, body)
        if self.fifo:
            self._known[dedup] = now, message
        self._put(now, message, delay)
        return message

    def receive(self, now: float, most: int = 1, timeout: float | None = None,
                sees: float = 1.0) -> list[Receipt]:
        """ReceiveMessage: up to `most` messages, each hidden for `timeout` s, by default the
        queue's. A poll that `sees` only a share of the servers may miss some or all of them."""
        self.settle(now)
        if most not in BATCHES:
            self.require("most", most, 1, BATCHES[-1], "messages", whole=True)
        if timeout is None:
            timeout = self.visibility_timeout
        else:
            self.require("timeout", timeout, 0, LONGEST_HIDDEN, "s")
        room = min(most, self.in_flight_limit - self.count[IN_FLIGHT])
        receipts: list[Receipt] = []
        aside = []      # not seen by this call, or visible again at once
        while len(receipts) < room and (message := self._shelf.take()):
            if sees < 1 and self.luck.random() >= sees:
                aside.append(message)
            elif self.dead_letters and message.receives >= self.max_receives:
                self._bury(now, message)
                if not receipts:
                    self._shelf.end_of_call()   # it begins anew: no group has been chosen
            else:
                message.receives += 1
                message.received.append(now)
                receipts.append(Receipt(message, message.receives))
                if timeout and not (self.duplicates and self.luck.random() < self.duplicates):
                    self._hide(now, message, timeout)
                else:
                    aside.append(message)
        self._shelf.end_of_call()
        for message in aside:
            self._shelf.put(message)
        return receipts

    def change_visibility(self, now: float, receipt: Receipt, timeout: float) -> bool:
        """ChangeMessageVisibility: hidden for `timeout` s from now. False, and nothing changed: it
        is not in flight by this receipt, or would be hidden for longer than twelve hours."""
        self.require("timeout", timeout, 0, LONGEST_HIDDEN, "s")
        self.settle(now)
        message = receipt.message
        if not self._holds(receipt) or now + timeout > message.received[-1] + LONGEST_HIDDEN:
            return False
        message.changed.append(now)
        if timeout:
            message.due = now + timeout
            self._hidden.put(message.due, message)
        else:
            self._show(now, message)
        return True

    def delete(self, now: float, receipt: Receipt) -> bool:
        """DeleteMessage. False: the call succeeds and is of no effect, since the message has been
        received again, or is gone, or (FIFO) its timeout has ended."""
        self.settle(now)
        message = receipt.message
        if message.state not in ((IN_FLIGHT,) if self.fifo else (VISIBLE, IN_FLIGHT)):
            return False
        if receipt.receive != message.receives and (
                not self.old_receipts or self.old_receipts < 1
                and self.luck.random() >= self.old_receipts):
            return False
        self._move(now, message, DELETED)
        return True

    @cached_property
    def luck(self) -> np.random.Generator:
        """What is drawn where AWS promises nothing."""
        return self._random or self.sim.stream(f"{self.name} luck")

    # -- what can be asked -------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether so many are in flight that a receive returns nothing. A short poll of a standard
        queue gets the error OverLimit then, any other poll an empty answer."""
        return self.count[IN_FLIGHT] >= self.in_flight_limit

    @property
    def receivable(self) -> bool:
        """Whether a receive that sees all servers would return or move something."""
        return not self.full and self._shelf.any()

    @property
    def next_due(self) -> float:
        """When the next hidden or delayed message becomes visible, unless something is done."""
        hidden = self._hidden
        while hidden:
            due, message = hidden.next
            if message.due == due and message.state in (IN_FLIGHT, DELAYED):
                return due
            hidden.pop()        # it was deleted meanwhile, or its timeout was changed
        return math.inf

    def settle(self, now: float) -> None:
        """Let happen what is due by `now`: timeouts and delays end, messages expire."""
        if self._keeping.first <= now:
            for until, message in self._keeping.upto(now):
                self._reappear(until)
                if message.state in (DELAYED, VISIBLE, IN_FLIGHT):  # it may have come here too old
                    self._move(max(until, message.history[-1][0]), message, EXPIRED)
                    self.tell(until, "expired", message, "is older than the retention and gone")
        if self._hidden.first <= now:
            self._reappear(now)

    # -- inside ------------------------------------------------------------------------------

    def _reappear(self, now: float) -> None:
        while self.next_due <= now:
            self._show(*self._hidden.pop())

    def _holds(self, receipt: Receipt) -> bool:
        message = receipt.message
        return message.state == IN_FLIGHT and receipt.receive == message.receives

    def _put(self, now: float, message: Message, delay: float) -> None:
        self.messages.append(message)
        self._shelf.came(message)
        self._keeping.put(message.sent + self.retention, message)
        if delay:
            self._hide(now, message, delay, DELAYED)
        else:
            self._show(now, message)

    def _show(self, now: float, message: Message) -> None:
        if message.state == IN_FLIGHT:
            self.tell(now, "back", message, f"is visible again after receive {message.receives}")
        self._move(now, message, VISIBLE)
        self._shelf.put(message)

    def _hide(self, now: float, message: Message, timeout: float, state: str = IN_FLIGHT) -> None:
        self._move(now, message, state)
        message.due = now + timeout
        self._hidden.put(message.due, message)

    def _bury(self, now: float, message: Message) -> None:
        self._move(now, message, DEAD)
        self.tell(now, "dead letter", message, "is moved to the dead-letter queue")
        other = self.dead_letters
        other.settle(now)
        other._put(now, Message(len(other.messages), message.group,
                                now if self.fifo else message.sent, message.body,
                                message.receives), 0.0)

    def _move(self, now: float, message: Message, state: str) -> None:
        """Every change of state is here."""
        old = message.state
        if old:
            self.count[old] -= 1
        self.count[state] += 1
        message.state = state
        message.history.append((now, state))
        if old == IN_FLIGHT:
            self._shelf.landed(message)
            if self.count[old] == self.in_flight_limit - 1:
                self.filled.append(now)
        elif state == IN_FLIGHT:
            self._shelf.flew(message)
            if self.full:
                self.filled.append(now)
                self.tell(now, "full", message, f"is one of {self.in_flight_limit:,} in flight: "
                          "nothing more is received")
        if state in GONE:
            self._shelf.gone(message)
