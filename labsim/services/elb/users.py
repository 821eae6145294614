"""The people who use a load balancer: who sends a request when, and which door they know.

Picture customers with a shopping list each. They ask the street sign (DNS) which door to take and
remember it for a minute. Some come often and some rarely; who has all he wanted goes home, and
another comes in his place.

*Models:* Poisson requests of users who differ in how busy they are, come for a visit (of an
exponential length) and are followed by others; DNS answers kept for their TTL, each user's with a
phase of its own, which point to the doors in turn; strangers, who send one request each; users who
come back if no answer comes (`labsim.retry`), each by his own DNS answers and with his own cookie.
*Leaves out:* think times that follow an answer.

Data plane: request-level, made in blocks of arrays that don't depend on what the balancer does. A
user's rate is a whole number of 64ths of the mean one. Where nobody stays with a target it doesn't
matter who comes, so a sample of the users is asked about visits, some 20,000 requests' worth.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from labsim.declare import Component, Count, Line, Panel, Retry
from labsim.engine import Load, Rows, ServiceTimes, Simulation
from labsim.engine.agenda import ARRIVE
from labsim.errors import ParameterError, require
from labsim.services.common.crew import Inner
from labsim.services.elb.lines import in_order

PEOPLE = 600            # at any time, by default
SHORTEST_TTL = 1e-3     # s; as good as none
LOTS = 64               # a user's rate comes in so many parts of the mean one's
ASKED = 20_000          # requests, of users who are asked whether they have been moved
TURN = (5**0.5 - 1) / 2     # of a user's DNS answers: each next one this part of a turn further
STRANGER = 0            # the number of all users who send one request


@dataclass(frozen=True)
class Requests(Rows):
    """Requests: when each is sent (`t`, s), by whom, whether it is the first of a visit, when its
    DNS answer was looked up, and where in that answer it points, from [0, 1)."""

    user: np.ndarray
    first: np.ndarray
    looked_up: np.ndarray
    pointer: np.ndarray

    def one_by_one(self) -> Iterator[tuple]:
        """(t, user, first, looked_up, pointer) of each."""
        yield from zip(*(column.tolist() for column in (
            self.t, self.user, self.first, self.looked_up, self.pointer)))


class Visitor:
    """One of the `users` (by number) who wants something, whether at the first of a visit: the
    call to nobody in whose course his attempts are made (`labsim.engine.agenda.Call`)."""

    __slots__ = ("users", "user", "first")
    asker, gone, wanted = None, False, True

    def __init__(self, users: "Users", user: int, first: bool):
        self.users, self.user, self.first = users, user, first


def strangers(blocks: Iterable[np.ndarray], ttl: float, random: np.random.Generator
              ) -> Iterator[Requests]:
    """Requests at the times of `blocks` (s, sorted), each of somebody who was never there before
    and whose DNS answer is of any age up to the TTL, s."""
    for sent in blocks:
        n = len(sent)
        yield Requests(sent, np.full(n, STRANGER), np.ones(n, dtype=bool),
                       sent - random.random(n) * ttl, random.random(n))


@runtime_checkable
class Welcoming(Protocol):
    """an elb.Balancer"""

    def welcome(self, users: "Users") -> int:
        """These people use it; the number of the first of them."""


class Users(Component):
    """`count` people at any time who send Poisson requests to a load balancer, at the rate of
    `load` (a `Load`, or requests/s) all together.

    cv: of their own rates. visit: its mean length, s. retry: how they come back if no answer comes
    (`labsim.retry`); by default nobody waits for one. random(use): the generator for each use; by
    default streams of its own.
    """

    METRICS = (Count("offered", "requests", "requests sent", "",
                     lambda users: users.record.total("offered")),)
    PANELS = (Panel("Offered", (Line("offered", "offered_rate"),)),)
    shows = (("req/s", "offered_rate"),)

    def __init__(self, sim: Simulation, name: str, load: Load | float, to: Welcoming, *,
                 count: int = PEOPLE, cv: float = 1.0, visit: float = 1_200.0,
                 retry: Retry | None = None,
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        require("count", count, 1)
        require("cv", cv)
        if not visit > 0:
            raise ParameterError("visit", visit, "above 0 s")
        self.count, self.visit = count, visit
        self._random = random or (lambda use: sim.stream(f"{name} {use}"))
        curve = (load if isinstance(load, Load) else Load.steady(load)).curve(sim.duration)
        self._arrivals = curve.arrivals(self._random("arrivals"))
        busy = np.cumsum(ServiceTimes(1.0, cv).draw(count, self._random("users")) + 1e-9)
        lots = np.round(busy * (LOTS * count / busy[-1])).astype(np.int64)
        self._lots = np.repeat(np.arange(count, dtype=np.int32), np.diff(lots, prepend=0))
        expected = float(curve.cumulative[-1])
        self._asked = (count if to.pins_users or expected < ASKED
                       else -int(-count * ASKED // expected))
        self.ttl, dns = max(to.dns_ttl, SHORTEST_TTL), self._random("dns")
        self.shift, self.start = dns.random(count) * self.ttl, dns.random(count)
        self.to, self.client = to, None
        if retry:
            self.client = Inner(sim, f"{name} to {to.name}", to, retry=retry, owner=self)
            self._places = list(zip(self.shift.tolist(), self.start.tolist()))
        self.number = to.welcome(self)      # of the first of them
        if retry:
            self._await(row for piece in self.requests() for row in piece.one_by_one())
        self.link(to)

    # -- who wait for the answer ---------------------------------------------------------------

    def _await(self, rows: Iterator[tuple]) -> None:
        row = next(rows, None)
        if row is not None:
            self.sim.agenda.at(row[0], self._come, (rows, row), ARRIVE)

    def _come(self, t: float, source: tuple) -> None:
        rows, (_, user, first, *_) = source
        self._await(rows)
        self.client.request(t, None, Visitor(self, user - self.number, first))

    def looks_up(self, user: int, t: float) -> tuple[float, float]:
        """When the DNS answer that a user has at `t` s was looked up, and where it points."""
        shift, start = self._places[user]
        answer = math.floor((t + shift) / self.ttl)
        pointer = start + answer * TURN
        return answer * self.ttl - shift, pointer - math.floor(pointer)

    # -- all of them ---------------------------------------------------------------------------

    def requests(self) -> Iterator[Requests]:
        """All requests, in order, in blocks."""
        who, visits = self._random("who"), self._random("visits")
        seen = np.full(self.count, -np.inf)
        for sent in self._arrivals:
            self.record.count("offered", sent)
            n = len(sent)
            user = self._lots[(who.random(n) * len(self._lots)).astype(np.int64)]
            first = np.ones(n, dtype=bool)
            asked = slice(None) if self._asked == self.count else (user < self._asked).nonzero()[0]
            gap = sent[asked] - previous(user[asked], sent[asked], seen)
            first[asked] = visits.random(len(gap)) >= np.exp(-np.maximum(gap, 0.0) / self.visit)
            shift = self.shift[user]
            answer = np.floor((sent + shift) / self.ttl)
            pointer = self.start[user] + answer * TURN
            pointer -= np.floor(pointer)
            yield Requests(sent, self.number + user, first, answer * self.ttl - shift, pointer)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests sent per second."""
        return {"offered_rate": (self.record.rate("offered"), "req/s")}


def previous(user: np.ndarray, value: np.ndarray, last: np.ndarray) -> np.ndarray:
    """What `value` was at each user's request before; `last` is that of earlier blocks, by user,
    and is brought up to date."""
    order = in_order(user, len(last))
    user, value = user[order], value[order]
    before = last[user]
    again = user[1:] == user[:-1]
    before[1:][again] = value[:-1][again]
    last[user] = value              # of several the last one stays
    back = np.empty_like(before)
    back[order] = before
    return back
