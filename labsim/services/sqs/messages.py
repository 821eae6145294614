"""Amazon SQS, message by message: a standard or a FIFO queue, to be asked at any time.

Picture the rail of a kitchen and its order slips. A cook takes a slip and turns it face down; it
hangs there, and nobody else takes it, until he spikes it (delete), or until its time is up and it
turns face up by itself. Whoever never comes back has lost nothing but time.

*Models:* visibility timeout and its change by the latest receipt; receive count, and the move to a
dead-letter queue by the receive that would exceed it; delays; retention, whose clock goes on in a
standard dead-letter queue and starts anew in a FIFO one; the in-flight limit; message groups, of
which one batch is in flight at a time; deduplication for five minutes from the first copy; and,
for a standard queue, best-effort order, short polls that ask some of the servers only, and copies
that stay visible although they were received.
*Leaves out:* the time that calls take and their limits (`sqs_client`), sizes, batches that fail
in part, receive attempt ids, redrive.

One object per message, to be followed; the queue knows no clock, each call says when it is. A
message is visible at the very instant at which its timeout ends.
"""

import hashlib
import math
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from labsim import factbook
from labsim.services.sqs.order import (
    DEAD,
    DELAYED,
    DELETED,
    EXPIRED,
    IN_FLIGHT,
    STATES,
    VISIBLE,
    Groups,
    Message,
    Pile,
)

VISIBILITY = factbook.value("sqs.visibility_default_s")
DEDUPLICATION = factbook.value("sqs.fifo_dedup_window_s")
LONGEST_DELAY = factbook.value("sqs.delay_max_s")
LONGEST_HIDDEN = factbook.value("sqs.visibility_max_s")


def content_id(body: str) -> str:
    """The deduplication id of a body (fact sqs.fifo_content_dedup)."""
    return hashlib.sha256(body.encode()).hexdigest()


class Receipt(NamedTuple):
    """What a receive hands out: the message, and its how-manyth receive this is."""

    message: Message
    receive: int


class MessageQueue:
    """A queue. Times are seconds; they never go back from one call to the next.

    order_window: a receive of a standard queue takes any of so many oldest visible messages.
    duplicates: the share of receives after which the message stays visible all the same.
    old_receipts: the share of deletes by other than the latest receipt that work.
    """

    def __init__(self, *, fifo: bool = False, visibility_timeout: float = VISIBILITY,
                 delay: float = 0.0, retention: float = math.inf, max_receives: int = 0,
                 dead_letters: "MessageQueue | None" = None, in_flight_limit: float = math.inf,
                 order_window: int = 1, duplicates: float = 0.0, old_receipts: float = 0.0,
                 rng: np.random.Generator | None = None):
        self.fifo, self.visibility_timeout, self.delay = fifo, visibility_timeout, delay
        self.retention, self.max_receives, self.dead_letters = retention, max_receives, dead_letters
        self.in_flight_limit, self.duplicates, self.rng = in_flight_limit, duplicates, rng
        self.old_receipts = old_receipts
        self.messages: list[Message] = []
        self.deduplicated = 0       # sends accepted, and not delivered
        self.count = dict.fromkeys(STATES, 0)
        self._shelf = Groups() if fifo else Pile(order_window, rng)
        self._hidden: list[tuple[float, int, Message]] = []     # until when, a heap
        self._keeping: list[tuple[float, int, Message]] = []    # until when, a heap
        self._known: dict[str, tuple[float, Message]] = {}      # deduplication id: its first copy

    # -- the API of SQS ----------------------------------------------------------------------

    def send(self, now: float, group: str = "", dedup: str = "",
             delay: float | None = None) -> Message:
        """SendMessage. A repeat within five minutes is answered with the copy that was kept."""
        if self.fifo and (not group or not dedup or delay):
            raise ValueError("a FIFO queue needs group and dedup, and no delay of the message")
        delay = self.delay if delay is None else delay
        if not 0 <= delay <= LONGEST_DELAY:
            raise ValueError(f"delay: given {delay}, allowed 0 to {LONGEST_DELAY:g} s")
        self.settle(now)
        if self.fifo:
            first, kept = self._known.get(dedup, (-math.inf, None))
            if now - first < DEDUPLICATION:
                self.deduplicated += 1
                kept.repeats.append(now)
                return kept
        message = Message(len(self.messages), group, now)
        if self.fifo:
            self._known[dedup] = now, message
        self._put(now, message, delay)
        return message

    def receive(self, now: float, most: int = 1, timeout: float | None = None,
                sees: float = 1.0) -> list[Receipt]:
        """ReceiveMessage: up to `most` messages, each hidden for `timeout` s, by default the
        queue's. A poll that `sees` only a share of the servers may miss some or all of them."""
        self.settle(now)
        timeout = self.visibility_timeout if timeout is None else timeout
        room = min(most, self.in_flight_limit - self.count[IN_FLIGHT])
        receipts: list[Receipt] = []
        aside = []      # not seen by this call, or visible again at once
        while len(receipts) < room and (message := self._shelf.take()):
            if sees < 1 and self.rng.random() >= sees:
                aside.append(message)
            elif self.dead_letters and message.receives >= self.max_receives:
                self._bury(now, message)
            else:
                message.receives += 1
                message.received.append(now)
                receipts.append(Receipt(message, message.receives))
                if timeout and not (self.duplicates and self.rng.random() < self.duplicates):
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
        self.settle(now)
        message = receipt.message
        if not self._holds(receipt) or now + timeout > message.received[-1] + LONGEST_HIDDEN:
            return False
        message.changed.append(now)
        if timeout:
            message.due = now + timeout
            heappush(self._hidden, (message.due, message.number, message))
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
                and self.rng.random() >= self.old_receipts):
            return False
        self._move(now, message, DELETED)
        return True

    # -- what can be asked -------------------------------------------------------------------

    @property
    def receivable(self) -> bool:
        """Whether a receive that sees all servers would return or move something."""
        return self.count[IN_FLIGHT] < self.in_flight_limit and self._shelf.any()

    @property
    def next_due(self) -> float:
        """When the next hidden or delayed message becomes visible, unless something is done."""
        hidden = self._hidden
        while hidden and not _is_due(*hidden[0]):
            heappop(hidden)
        return hidden[0][0] if hidden else math.inf

    def settle(self, now: float) -> None:
        """Let happen what is due by `now`: timeouts and delays end, messages expire."""
        while (until := self._keeping[0][0] if self._keeping else math.inf) <= now:
            self._reappear(until)
            message = heappop(self._keeping)[2]
            if message.state in (DELAYED, VISIBLE, IN_FLIGHT):      # it may have come here too old
                self._move(max(until, message.history[-1][0]), message, EXPIRED)
        self._reappear(now)

    # -- inside ------------------------------------------------------------------------------

    def _reappear(self, now: float) -> None:
        while self.next_due <= now:
            due, _, message = heappop(self._hidden)
            self._show(due, message)

    def _holds(self, receipt: Receipt) -> bool:
        message = receipt.message
        return message.state == IN_FLIGHT and receipt.receive == message.receives

    def _put(self, now: float, message: Message, delay: float) -> None:
        self.messages.append(message)
        if self.retention < math.inf:
            heappush(self._keeping, (message.sent + self.retention, message.number, message))
        if delay:
            message.due = now + delay
            self._move(now, message, DELAYED)
            heappush(self._hidden, (message.due, message.number, message))
        else:
            self._show(now, message)

    def _show(self, now: float, message: Message) -> None:
        self._move(now, message, VISIBLE)
        self._shelf.put(message)

    def _hide(self, now: float, message: Message, timeout: float) -> None:
        self._move(now, message, IN_FLIGHT)
        message.due = now + timeout
        heappush(self._hidden, (message.due, message.number, message))

    def _bury(self, now: float, message: Message) -> None:
        self._move(now, message, DEAD)
        other = self.dead_letters
        other.settle(now)
        other._put(now, Message(message.number, message.group, now if self.fifo else message.sent,
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
        elif state == IN_FLIGHT:
            self._shelf.flew(message)


def _is_due(due: float, number: int, message: Message) -> bool:
    """Whether an entry of the heap of hidden messages still says the truth."""
    return message.due == due and message.state in (IN_FLIGHT, DELAYED)
