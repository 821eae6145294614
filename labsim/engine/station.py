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

The state is when each server gets free, so a request costs one `heapreplace` (`serve`): no process,
no event. Where servers are many, a few sorts serve thousands of requests (`in_bulk`); where numba
is installed, `serve` may be compiled. Each gives the same floats.
"""

import math
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapreplace
from typing import NamedTuple

import numpy as np

from labsim.engine.compiled import compiled
from labsim.engine.due import Due
from labsim.errors import ParameterError

PIECE = 2_048   # requests looked at together: behind a long line few of them start
MANY = 64       # servers from which on `in_bulk` may be the quicker way for as many requests,
VERY_MANY = 512     # and for few, or compared with the compiled loop
ROUNDS = 16     # of `in_bulk`: a piece one by one takes as long
LEAST = 512     # requests for which all those rounds are worth it
PAUSE = 63      # pieces served one by one, at most, before `in_bulk` is tried again


def serve(ready, service, free, until):
    """Start times, one by one, of the requests that start by `until`; `free` is the servers' heap,
    updated.

    ready, service: arrival and service times in order, s; free: non-empty heap, s.
    """
    for at, work in zip(ready, service):
        start = free[0]
        if start < at:
            start = at
        if start > until:
            return
        heapreplace(free, start + work)
        yield start


def in_bulk(ready, service, free, until) -> np.ndarray | None:
    """The same for arrays, `free` sorted, which stays: of the first requests, at least one if it
    starts by `until`; or None if that takes too long.

    Number i in line (from 0) begins when for the (i + 1)th time a server has got free. It doesn't
    matter whose ends are counted, since nobody behind ends before. So let everybody begin too
    early, and as often as needed sort the ends and put off whoever has no server yet. Whoever is
    put off no more, nor anybody before, is right.
    """
    start = np.maximum(ready, free[0])
    for _ in range(ROUNDS):
        here = int(start.searchsorted(until, side="right"))     # nobody behind starts by then
        ready, service, start = ready[:here], service[:here], start[:here]
        end = start + service
        if not (end > start).all():     # of no length at all: it would be its own server
            return None
        later = np.maximum(ready, np.sort(np.concatenate([free[:here], end]))[:here])
        put_off = later != start
        if not put_off.any():
            return start
        start = later
    right = int(put_off.argmax())
    return start[:right] if right >= LEAST else None


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
        self._ready = np.zeros(servers)     # when each server gets free, sorted
        self._opened: list[float] = []      # the same of those that are not yet among them
        self._pause = self._pauses = 0      # pieces to serve one by one; after the last failure
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

    def advance(self, until: float, most: float = math.inf) -> Window:
        """Serve the line up to and including `until` s; of more than `most` requests only the
        first so many or a few more, and the others when it is called again."""
        if not until >= self.now:
            raise ParameterError("until", until, f"at least now, {self.now:,g} s")
        self.now = until
        begun = [self._working]
        self._load(until)
        last = self.started + most
        while self._line and len(self._free) and self.started < last:
            ready, service, sent = self._line[0]
            first = self._first
            piece = ready[first:first + max(PIECE, len(self._free) // 2)]
            arrived = int(piece.searchsorted(until, side="right"))
            if not arrived or self._free[0] > until:
                break
            starts = self._serve(piece[:arrived], service[first:first + arrived], until)
            self._first += len(starts)
            self.started += len(starts)
            begun.append((sent[first:self._first], starts, service[first:self._first]))
            if self._first == len(ready):
                self._line.popleft()
                self._first = 0
        sent, start, work = jobs = [np.concatenate(column) for column in zip(*begun)]
        old = len(self._working[0])
        end = start + work
        on = (end > until).nonzero()[0]
        self._working = tuple(column[on] for column in jobs)
        return Window(sent[old:], start[old:], _without(sent, on), _without(end, on))

    def _serve(self, ready, service, until) -> np.ndarray:
        """Start times of those that start by `until`, or of the first of them."""
        free, inner = self._free, self._fast and compiled()
        if len(free) >= (MANY if len(ready) >= MANY and not inner else VERY_MANY):
            if self._pause:
                self._pause -= 1
            elif (starts := in_bulk(ready, service, free, until)) is not None:
                n = len(starts)
                left = np.sort(np.concatenate([free[:n], starts + service[:n]]))[n:]
                self._ready = np.insert(free[n:], free[n:].searchsorted(left), left)
                self._pauses = 0
                return starts
            else:
                self._pause = self._pauses = min(2 * self._pauses + 1, PAUSE)
        if inner:
            starts = np.empty(len(ready))
            starts = starts[:inner(ready, service, free, until, starts)]
            free.sort()
            return starts
        heap = free.tolist()        # an array takes each number when it is its turn
        line = array("d", ready.tobytes()), array("d", service.tobytes())
        starts = np.fromiter(serve(*line, heap, until), dtype=float)
        self._ready = np.sort(heap)
        return starts

    def _load(self, until: float) -> None:
        """Bring blocks into the line until the last one reaches beyond `until`."""
        while not self._line or self._line[-1][0][-1] <= until:
            block = next(self._source, None)
            if block is None:
                break
            ready, service = (np.ascontiguousarray(column, dtype=float) for column in block)
            if len(ready):
                self._check(ready, service)
                self._upto = ready[-1]
                self._line.append([ready, service, ready])
                self.loaded += len(ready)
        end = self._line[-1][0][-1] if self._line else until
        if self._offered.first <= max(end, until):
            late = list(self._offered.upto(max(end, until)))
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
        return len(self._ready) + len(self._opened)

    @property
    def _free(self) -> np.ndarray:
        if self._opened:
            self._ready = np.sort(np.concatenate([self._ready, self._opened]))
            self._opened = []
        return self._ready

    def add(self, ready: float, count: int = 1) -> None:
        """So many servers open at `ready` >= now."""
        if not ready >= self.now:
            raise ParameterError("ready", ready, f"at least now, {self.now:,g} s")
        self._opened += [ready] * count

    def retire(self, which: Sequence[int] = (0,)) -> np.ndarray:
        """The servers that get free as numbers `which` (0: first) take no more requests.

        Returns when each has finished, at least now.
        """
        return np.maximum(self._close(which), self.now)

    def kill(self, which: Sequence[int] = (0,)) -> tuple[list[Job], list[float]]:
        """Like `retire`, but the servers leave now: returns the jobs that they drop, and when those
        that drop none would have got free, at least now."""
        ends, (_, start, service) = np.sort(self._close(which)), self._working
        later = ends[ends > self.now]
        idle, dropped = [self.now] * (len(ends) - len(later)), []
        end = start + service
        found = later.take(later.searchsorted(end), mode="clip") == end if len(later) else end < 0
        ending: dict[float, list[int]] = {}     # the jobs that end then
        for job in found.nonzero()[0].tolist():
            ending.setdefault(float(end[job]), []).append(job)
        for t in later.tolist():
            if ending.get(t):
                dropped.append(ending[t].pop(0))
            else:
                idle.append(t)
        rows = np.array(dropped, dtype=int)
        jobs = [Job(*row) for row in zip(*(column[rows].tolist() for column in self._working))]
        self._working = tuple(_without(column, rows) for column in self._working)
        return jobs, idle

    def _close(self, which: Sequence[int]) -> np.ndarray:
        where = np.array(which, dtype=int)
        ends = self._free[where]
        self._ready = _without(self._ready, where)
        return ends

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


def _without(column: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The column without the places `which`: `numpy.delete`, but sooner."""
    stay = np.ones(len(column), dtype=bool)
    stay[which] = False
    return column[stay]
