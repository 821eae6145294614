"""Where CloudFront's misses go: an origin, perhaps a second one in another region.

Picture the factory with its loading bays. A lorry waits until a bay is free; if that takes too long
it drives away empty. When the gate is shut nobody says so: the driver rings, waits, rings again,
and goes to the other factory. The next driver rings, too.

*Models:* a bucket (any number at a time) or a server with so many workers, first come first served;
an outage in which it doesn't answer or answers 503; attempts and timeouts; an origin group, which
forgets each failure; what has changed there and when.
*Leaves out:* attempts after a response timeout, keep-alive, partial answers, a second origin that
is full or behind.

Data plane: request-level. Whoever asks is taken in the order in which viewers asked; ways only add
to the time of the answer.
"""

import heapq
from dataclasses import dataclass

from labsim.services.cloudfront import rules

UNREACHABLE, ERRORS = "unreachable", "errors"
PRIMARY, SECOND, FAILED = range(3)


@dataclass(frozen=True)
class Fault:
    """From when to before when (s) the first origin is away, and how; `start` = `end`: never."""

    kind: str = UNREACHABLE
    start: float = 0.0
    end: float = 0.0


class Origin:
    """An origin that takes `service` s for an answer, with so many `workers` (0: no limit).

    attempts, connect, response: how often and how long CloudFront tries, s. group: there is a
    second origin, which always answers.
    """

    def __init__(self, service: float, workers: int, fault: Fault, *, attempts: int,
                 connect: float, response: float, group: bool):
        self.service, self.fault, self.group = service, fault, group
        self.attempts, self.connect, self.response = attempts, connect, response
        self.free = [0.0] * workers         # when each worker is free, s; a heap
        self.asked: list[float] = []        # when the first origin was asked, s
        self.failovers = 0
        self.worked = 0.0                   # s of all workers together

    def ask(self, now: float, way: float, other_way: float) -> tuple[float, int]:
        """When (s) the answer to a request of `now` is back over round trips of `way` s, or over
        `other_way` from the second origin, and who gave it."""
        self.asked.append(now)
        at = now
        if self.fault.start <= now < self.fault.end:
            if self.fault.kind == ERRORS:
                return self._other(now + way, other_way, rules.UNAVAILABLE)
            away = [(self.fault.start, self.fault.end)]
            at = rules.connected(now, away, self.attempts, self.connect)
            if at is None:
                given_up = now + rules.time_to_failover(self.attempts, self.connect)
                return self._other(given_up, other_way)
        if self.free:
            start = max(at, self.free[0])
            if start - at > self.response:
                return self._other(at + self.response, other_way)
            heapq.heapreplace(self.free, start + self.service)
            at = start
        self.worked += self.service
        return at + self.service + way, PRIMARY

    def _other(self, now: float, way: float, status: int | None = None) -> tuple[float, int]:
        """The second origin's answer, if there is one to ask. status: the first one's, None if it
        gave no answer at all."""
        if self.group and (status is None or rules.fails_over("GET", status)):
            self.failovers += 1
            return now + way + self.service, SECOND
        return now, FAILED


class Content:
    """The objects of a site: their sizes (bytes) and versions, and the names they have now.

    versioned: a changed object gets a new name, and every page that leads to it says so at once.
    """

    def __init__(self, sizes: list[float], versioned: bool = False):
        self.sizes, self.versioned = sizes, versioned
        self.version = [0] * len(sizes)
        self.name = list(range(len(sizes)))
        self.changed = [float("-inf")] * len(sizes)     # when, the last time; s

    def change(self, objects: list[int], now: float) -> None:
        """These have other contents from `now` s on."""
        for one in objects:
            self.version[one] += 1
            self.changed[one] = now
            if self.versioned:
                self.name[one] += len(self.sizes)
