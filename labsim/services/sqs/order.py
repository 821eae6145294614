"""Amazon SQS: a message, and which one comes next, in a standard and in a FIFO queue.

Picture the rail of a kitchen again. In one kitchen a cook takes about the oldest slip that he can
see. In the other, slips of one table go to one cook at a time and in their order; a table whose
slip lies face down gets nothing else until it is spiked or turns face up.

*Models:* best-effort order: any of the oldest few; message groups: strictly in order, shut while
one of their messages is in flight, but for the call that receives several of them at once, as many
of one group as possible; of a FIFO queue only the oldest 120,000 messages are looked at.
*Leaves out:* time and timeouts: the queue (`messages`) says what is visible.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict, deque
from heapq import heappop, heappush

import numpy as np

from labsim import factbook

LOOKS = int(factbook.value("sqs.fifo_scan_messages"))   # of a FIFO queue's messages
DELAYED, VISIBLE, IN_FLIGHT = "delayed", "visible", "in flight"
DELETED, DEAD, EXPIRED = "deleted", "dead letter", "expired"
STATES = DELAYED, VISIBLE, IN_FLIGHT, DELETED, DEAD, EXPIRED
GONE = DELETED, DEAD, EXPIRED


class Message:
    """A message: its `number` in the queue, when it was `sent`, its `state` now, the `history`
    [(s, state)], and when it was `received`, its timeout `changed`, and a repeat of it dropped
    (`repeats`) [s]. body: what it is about, by default its number; two may be about the same."""

    __slots__ = ("number", "group", "sent", "body", "state", "history", "received", "changed",
                 "repeats", "receives", "due")

    def __init__(self, number: int, group: str, sent: float, body=None, receives: int = 0):
        self.number, self.group, self.sent, self.receives = number, group, sent, receives
        self.body = number if body is None else body
        self.state, self.due = "", 0.0
        self.history: list[tuple[float, str]] = []
        self.received: list[float] = []
        self.changed: list[float] = []
        self.repeats: list[float] = []


class Pile:
    """The visible messages of a standard queue: the next is any of the `window` oldest."""

    def __init__(self, window: int = 1, rng: np.random.Generator | None = None):
        self._window, self._rng = window, rng
        self._front: list[tuple[int, Message]] = []     # the oldest, in order, of a window above 1
        self._heap: list[tuple[int, Message]] = []      # the others

    def put(self, message: Message) -> None:
        """A message is visible now."""
        front, one = self._front, (message.number, message)
        if front and one < front[-1]:
            insort(front, one)
            if len(front) > self._window:
                heappush(self._heap, front.pop())
        else:
            heappush(self._heap, one)

    def any(self) -> bool:
        """Whether one can be taken."""
        heap = self._heap
        while heap and heap[0][1].state != VISIBLE:
            heappop(heap)
        return bool(heap or self._front)

    def take(self) -> Message | None:
        """The next one, off the shelf."""
        if self._window == 1:
            return heappop(self._heap)[1] if self.any() else None
        front = self._front
        while len(front) < self._window and self.any() and self._heap:
            front.append(heappop(self._heap))
        return front.pop(int(self._rng.random() * len(front)))[1] if front else None

    def gone(self, message: Message) -> None:
        """A message is in the queue no more."""
        front, one = self._front, (message.number, message)
        if front and one <= front[-1]:
            place = bisect_left(front, one)
            if front[place] == one:
                del front[place]

    def flew(self, message: Message) -> None:
        """A message is in flight now, or in the queue. It shuts nothing."""

    landed = came = flew

    def end_of_call(self) -> None:
        """The receive that took messages has ended."""


class Groups:
    """The visible messages of a FIFO queue. A group is shut while one of its messages is in flight,
    but for the call that has just received it: that takes as many of one group as there are, then
    of the group whose message is the oldest (fact sqs.fifo_batch_rule).

    looks: how many of the oldest messages it looks at, those in flight among them, for a group that
    is not shut (fact sqs.fifo_scan_messages). `came` and `gone` say which there are.
    """

    def __init__(self, looks: float = LOOKS):
        self._lines: dict[str, list] = defaultdict(list)    # of each group, a heap
        self._heads: list[tuple[int, str]] = []             # of the open groups, a heap
        self._flying: Counter = Counter()
        self._opened: set[str] = set()                      # by this call
        self._group: str | None = None                      # that this call takes from
        self._room, self._last = looks, -1      # how many more, the number of the last, looked at
        self._beyond: deque[Message] = deque()  # and those after it

    def came(self, message: Message) -> None:
        """A message is in the queue now, the newest."""
        if self._room:
            self._room -= 1
            self._last = message.number
        else:
            self._beyond.append(message)

    def gone(self, message: Message) -> None:
        """A message is in the queue no more: the next one after those looked at is."""
        if message.number > self._last:
            return
        while self._beyond:
            after = self._beyond.popleft()
            if after.state not in GONE:
                self._last = after.number
                self._offer(after.group)
                return
        self._room += 1

    def put(self, message: Message) -> None:
        """A message is visible now."""
        line = self._lines[message.group]
        heappush(line, (message.number, message))
        if line[0][1] is message:
            self._offer(message.group)

    def _first(self, group: str) -> int | None:
        """The number of the message of a group that can be taken."""
        line = self._lines[group]
        while line and line[0][1].state != VISIBLE:
            heappop(line)
        if line and line[0][0] <= self._last and (
                not self._flying[group] or group in self._opened):
            return line[0][0]
        return None

    def _offer(self, group: str) -> None:
        number = self._first(group)
        if number is not None:
            heappush(self._heads, (number, group))

    def any(self) -> bool:
        """Whether one can be taken."""
        while self._heads:
            number, group = self._heads[0]
            first = self._first(group)
            if first == number:
                return True
            heappop(self._heads)
            if first is not None:
                heappush(self._heads, (first, group))
        return False

    def take(self) -> Message | None:
        """The next one, off the shelf."""
        if self._group is None or self._first(self._group) is None:
            if not self.any():
                return None
            self._group = self._heads[0][1]
            self._opened.add(self._group)
        return heappop(self._lines[self._group])[1]

    def flew(self, message: Message) -> None:
        """A message is in flight now."""
        self._flying[message.group] += 1

    def landed(self, message: Message) -> None:
        """A message is in flight no more."""
        self._flying[message.group] -= 1
        self._offer(message.group)

    def end_of_call(self) -> None:
        """The receive that took messages has ended."""
        opened, self._opened, self._group = self._opened, set(), None
        for group in opened:        # nothing of it may be in flight
            self._offer(group)
