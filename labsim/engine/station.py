"""Station: identical servers behind one first-come, first-served queue.

Picture a row of counters and one line of people: whoever is first in line goes to the first
counter that gets free. Counters open and close at control events; the line doesn't care when
it is looked at.

*Models:* FCFS with c identical servers, exactly: requests start at max(arrival, earliest free
server), in order. c changes only between two calls of `advance`. A request that starts or ends
exactly at the end of a window does so inside it. A closing server finishes its job (`retire`)
or drops it (`kill`).
*Leaves out:* which of several idle servers takes a request (they are alike), priorities,
preemption.

The state is a heap of the times at which servers get free, so a request costs one
`heapreplace`: no process, no event. The inner loop `serve` is compiled where numba is
installed, and gives the same floats either way.
"""

import math
from collections import deque
from collections.abc import Iterable
from heapq import heapreplace
from typing import NamedTuple

import numpy as np

from labsim.engine.compiled import compiled
from labsim.engine.due import Due
from labsim.engine.servers import Servers
from labsim.errors import ParameterError

PIECE = 2_048   # requests looked at together: behind a long line few of them start


def serve(ready, service, free, until):
    """Start times of the requests that start by `until`; `free` is the servers' heap, updated.

    ready, service: arrival and service times in order, s; free: non-empty heap, s.
    """
    starts = []
    for at, work in zip(ready, service):
        start = free[0]
        if start < at:
            start = at
        if start > until:
            break
        heapreplace(free, start + work)
        starts.append(start)
    return starts


class Job(NamedTuple):
    """A request that was being served: when it was first sent, its start and service time, s."""

    sent: float
    start: float
    service: float


class Window(NamedTuple):
    """What happened in one advance: arrays of times, s.

    `sent` and `start` of the requests that started; `done_sent` and `done` of those that ended.
    """

    sent: np.ndarray
    start: np.ndarray
    done_sent: np.ndarray
    done: np.ndarray


class Station:
    """A station fed by `source`: blocks of (arrival times, service times), sorted, s.

    fast: False keeps the inner loop in plain Python even where numba is installed.
    """

    def __init__(self, source: Iterable[tuple[np.ndarray, np.ndarray]] = (), servers: int = 0,
                 *, fast: bool = True):
        self.now = 0.0
        self.loaded = 0             # requests taken from the source and from `offer` so far
        self.started = 0
        self._fast = fast
        self._source = iter(source)
        self._free = Servers(servers)
        self._line: deque[list] = deque()   # blocks [ready, service, sent]; the last may be ahead
        self._upto = 0.0                    # the latest arrival that has come from the source
        self._first = 0                     # the next request to start, in the first block
        self._offered = Due()       # later arrivals: (ready, service, sent)
        self._working = (np.empty(0),) * 3  # sent, start, service of the jobs in service

    # -- the queue -------------------------------------------------------------------------

    def offer(self, ready: float, service: float, sent: float) -> None:
        """A request first sent at `sent` joins the line at `ready` >= now (a retry, say)."""
        if not (ready >= self.now and 0 <= service < math.inf):
            raise ParameterError("ready, service", (ready, service),
                                 f"a time from now, {self.now:,g} s, on, and at least 0 s of work")
        self._offered.put(ready, service, sent)

    def advance(self, until: float) -> Window:
        """Serve the line up to and including `until` s."""
        if not until >= self.now:
            raise ParameterError("until", until, f"at least now, {self.now:,g} s")
        self.now = until
        begun = [self._working]
        self._load(until)
        while self._line and self._free:
            ready, service, sent = self._line[0]
            first, beyond = self._first, min(self._first + PIECE, len(ready))
            last = first + int(ready[first:beyond].searchsorted(until, side="right"))
            starts = self._serve(ready[first:last], service[first:last], until)
            self._first += len(starts)
            self.started += len(starts)
            begun.append((sent[first:self._first], starts, service[first:self._first]))
            if self._first < beyond:
                break
            if self._first == len(ready):
                self._line.popleft()
                self._first = 0
        sent, start, work = jobs = [np.concatenate(column) for column in zip(*begun)]
        old = len(self._working[0])
        end = start + work
        ended = end <= until
        on = (~ended).nonzero()[0]
        self._working = tuple(column[on] for column in jobs)
        return Window(sent[old:], start[old:], sent[ended], end[ended])

    def _serve(self, ready, service, until) -> np.ndarray:
        if self._fast and (inner := compiled(serve)):
            starts, free = inner(ready, service, np.array(self._free, dtype=float), until)
            self._free[:] = free.tolist()
            return starts
        return np.array(serve(ready.tolist(), service.tolist(), self._free, until), dtype=float)

    def _load(self, until: float) -> None:
        """Bring blocks into the line until the last one reaches beyond `until`."""
        while not self._line or self._line[-1][0][-1] <= until:
            block = next(self._source, None)
            if block is None:
                break
            ready, service = block
            if len(ready):
                self._check(ready, service)
                self._upto = ready[-1]
                self._line.append([ready, service, ready])
                self.loaded += len(ready)
        end = self._line[-1][0][-1] if self._line else until
        late = list(self._offered.upto(max(end, until)))
        if late:
            ready, service, sent = np.array(late).T
            self.loaded += len(ready)
            if not self._line:
                self._line.append([np.empty(0)] * 3)
            block = self._line[-1]
            place = np.searchsorted(block[0], ready, side="right")
            self._line[-1] = [np.insert(old, place, new)
                              for old, new in zip(block, (ready, service, sent))]

    def _check(self, ready: np.ndarray, service: np.ndarray) -> None:
        if not (ready[0] >= self._upto and (ready[1:] >= ready[:-1]).all() and ready[-1] < np.inf):
            raise ParameterError("source", "these", "arrival times in order, at least 0 s")
        if not (len(service) == len(ready) and service.min() >= 0 and service.max() < np.inf):
            raise ParameterError("source", "these", "a service time, at least 0 s, per arrival")

    # -- the servers -----------------------------------------------------------------------

    @property
    def servers(self) -> int:
        """Servers that take new requests."""
        return len(self._free)

    def add(self, ready: float) -> None:
        """A server opens at `ready` >= now."""
        if not ready >= self.now:
            raise ParameterError("ready", ready, f"at least now, {self.now:,g} s")
        self._free.add(ready)

    def retire(self, which: int = 0) -> float:
        """The server that gets free as number `which` (0: first) takes no more requests.

        Returns the time at which it has finished, at least now.
        """
        return max(self._free.close(which), self.now)

    def kill(self, which: int = 0) -> Job | None:
        """Like `retire`, but the server leaves now: returns the job that it drops, or None."""
        end = self._free.close(which)
        if end <= self.now:
            return None
        _, start, service = self._working
        index = int(np.flatnonzero(start + service == end)[0])
        job = [float(column[index]) for column in self._working]
        self._working = tuple(np.delete(column, index) for column in self._working)
        return Job(*job)

    # -- what can be seen now --------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Requests in line now."""
        ahead = 0
        if self._line:
            ready = self._line[-1][0]
            ahead = len(ready) - int(np.searchsorted(ready, self.now, side="right"))
        return self.loaded - ahead - self.started

    @property
    def in_service(self) -> int:
        """Requests being served now."""
        return len(self._working[0])

    @property
    def oldest_sent(self) -> float:
        """When the oldest of the jobs in service and the head of the line was sent; inf if none."""
        oldest = self._working[0].min(initial=np.inf)
        if self._line and self._line[0][0][self._first] <= self.now:
            oldest = min(oldest, self._line[0][2][self._first])
        return float(oldest)
