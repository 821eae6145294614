"""A service center: servers before a line, with all that makes servers suffer.

Picture a counter with clerks, and the people before it. There may be room for so many only; some
leave when they have stood for too long; a clerk who sees the crowd grow gets slower; and in bad
times it may be better to call up whoever came last, for he still wants what he came for.

*Models:* identical servers; first in, first out, or last in, first out, by rank before that; a
line of bounded length; waits of bounded length, the same for all or each of its own; work that
takes longer the more requests are at hand when it begins; servers that open and close, are slow
for a time, or drop what they have. A server is kept by its request until it is told to `leave`: so
it can wait for others meanwhile.
*Leaves out:* preemption; work that slows down once it has begun.

Data plane: request-level, exact, on the `Agenda`.
"""

import math
from collections import deque
from collections.abc import Callable
from heapq import heapreplace

from labsim.engine.agenda import TURN_AWAY, Agenda, Call

OUT, WAITS, WORKS = range(3)            # states of a call
FIFO, LIFO = ORDERS = "fifo", "lifo"


class Center:
    """`servers` on `agenda`. done(t, call): its work is done; its server stays until `leave`.
    shed(t, call): it leaves the line, for it has waited too long.

    order: "fifo" or "lifo". room: for so many in line. patience(): how long the next one waits at
    most, s; None: for ever. contention: how much longer work gets with each other request at hand,
    as a share of it. ranks: how many ranks of calls there are.
    """

    def __init__(self, agenda: Agenda, servers: int, done: Callable[[float, Call], object],
                 shed: Callable[[float, Call], object], *, order: str = FIFO,
                 room: float = math.inf, patience: Callable[[], float] | None = None,
                 contention: float = 0.0, ranks: int = 1):
        self.servers = self.idle = servers
        self.waiting = 0                    # calls in line
        self.working: dict[Call, float] = {}    # calls that keep a server: when their work ends, s
        self.closing = 0                    # servers that close when their call leaves
        self.slow = 1.0                     # how many times as long work takes that begins now
        self.begun: list[float] = []        # when calls began to be worked on, s,
        self.waits: list[float] = []        # after how long,
        self.unserved: list[float] = []     # left the line,
        self.released: list[float] = []     # gave their server back
        self._agenda, self._done, self._shed = agenda, done, shed
        self._lifo, self._room, self._patience = order == LIFO, room, patience
        self._contention = contention
        self._lines = [deque() for _ in range(ranks)]

    def enter(self, t: float, call: Call) -> bool:
        """A call, whose `work` (s) is set, comes; False if there is no room for it."""
        call.came = t
        if self.idle > 0:
            self.idle -= 1
            self._begin(t, call)
            return True
        if self.waiting >= self._room:
            return False
        self._wait(t, call)
        return True

    def _wait(self, t: float, call: Call) -> None:
        call.state = WAITS
        self.waiting += 1
        self._lines[call.rank].append(call)
        if self._patience:
            self._agenda.at(t + self._patience(), self._too_long, call, TURN_AWAY)

    def _too_long(self, t: float, call: Call) -> None:
        if self.drop(t, call):
            self._shed(t, call)

    def drop(self, t: float, call: Call) -> bool:
        """A call leaves the line, if it is there."""
        if call.state != WAITS:
            return False
        call.state = OUT
        self.waiting -= 1
        self.unserved.append(t)
        return True

    def _begin(self, t: float, call: Call) -> None:
        work = call.work * self.slow
        if self._contention:
            work *= 1.0 + self._contention * (len(self.working) + self.waiting)
        call.state = WORKS
        self.working[call] = t + work
        self.begun.append(t)
        self.waits.append(t - call.came)
        self._agenda.at(t + work, self._end, call)

    def _end(self, t: float, call: Call) -> None:
        if call.state == WORKS:
            self._done(t, call)

    def leave(self, t: float, call: Call) -> None:
        """A call gives its server back."""
        del self.working[call]
        call.state = OUT
        self.released.append(t)
        self._next(t)

    def _next(self, t: float) -> None:
        """A server is free: it closes, or the next one in line has it, if there is one."""
        if self.closing:
            self.closing -= 1
            return
        if not self.waiting:
            self.idle += 1
            return
        for line in self._lines:
            while line:
                call = line.pop() if self._lifo else line.popleft()
                if call.state == WAITS:     # others have left it
                    self.waiting -= 1
                    self._begin(t, call)
                    return

    # -- servers come and go -------------------------------------------------------------------

    def open(self, t: float, count: int = 1) -> None:
        """So many servers more, from `t` s on."""
        self.servers += count
        for _ in range(count):
            self._next(t)

    def close(self, count: int = 1) -> None:
        """So many servers fewer: idle ones at once, then whichever are done first."""
        self.servers -= count
        at_once = min(count, self.idle)
        self.idle -= at_once
        self.closing += count - at_once

    def lose(self, t: float) -> list[Call]:
        """Everything at hand is lost: first what is worked on, then what waits."""
        lost = [*self.working, *(call for line in self._lines for call in line
                                 if call.state == WAITS)]
        free = len(self.working)
        self.released += [t] * free
        self.unserved += [t] * self.waiting
        self.working.clear()
        for line in self._lines:
            line.clear()
        self.waiting = 0
        for call in lost:
            call.state = OUT
        closed = min(self.closing, free)
        self.closing -= closed
        self.idle += free - closed
        return lost

    def done_at(self, now: float) -> float:
        """When all that is at hand at `now` has been worked on, s, if nothing else comes."""
        ends = sorted([*self.working.values(), now])[-self.servers:]
        for line in self._lines:
            for call in reversed(line) if self._lifo else line:
                if call.state == WAITS:
                    heapreplace(ends, ends[0] + call.work * self.slow)
        return max(ends)

    def busy(self, now: float) -> float:
        """Server-seconds that calls have kept by `now`, s."""
        return sum(self.released) + now * len(self.working) - sum(self.begun)
