"""A crew: servers before one line who, in the course of their work, ask others.

Picture the clerks of one office. How long the line may get, who is taken first and how the crowd
slows them down is the office's manner; whom they ring up while you wait, its telephone list.

*Models:* a `Center` whose calls keep their server while further calls, in order, are made to other
parts, each by a client with timeouts, retries and a pool of connections.
*Leaves out:* what is done in parallel for one request; who comes, and what becomes of it (a part
says that: `serving`, or the targets of a load balancer).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from labsim.declare import Asked, Client, Component, Retry
from labsim.declare.users import Answering
from labsim.engine import ServiceTimes, Simulation, one_by_one
from labsim.engine.agenda import Agenda, Call
from labsim.engine.center import FIFO, ORDERS, WORKS, Center
from labsim.errors import ParameterError, require, unknown


@dataclass(frozen=True)
class Ask:
    """A call that each request makes to `to`, a part that answers, in the course of its work.

    retry: what is done if no answer comes. pool: at most so many such calls are under way; the
    others wait for a connection. trip: s there and back. optional: the request goes on without it.
    """

    to: Asked
    retry: Retry | None = None
    pool: float = math.inf
    trip: float = 0.0
    optional: bool = False

    def __post_init__(self):
        if not isinstance(self.optional, bool):
            raise ParameterError("optional", self.optional, "True or False")


class Inner(Client):
    """What a part asks another one in the course of its work: the arrow between their boxes."""

    boxed = False
    PANELS = ()


class Errand(Inner):
    """The same while a server is kept for it."""

    def _goes_on(self, request) -> bool:
        """Whether the call is still worked on; and wanted, where work is cancelled otherwise."""
        call = request.asker
        return call.state == WORKS and (not self.owner.cancels or call.wanted)


def asks(calls) -> list[Ask]:
    """The calls that each request makes, each as an `Ask`; `ParameterError`."""
    calls = calls if isinstance(calls, (list, tuple)) else [calls]
    for one in calls:
        if not isinstance(one.to if isinstance(one, Ask) else one, Answering):
            raise ParameterError("calls", one, "a part that answers, such as "
                                 "a service or a table's reads, or labsim.ask(part, ...), or "
                                 "several of them")
    return [one if isinstance(one, Ask) else Ask(one) for one in calls]


def lines(part: Component, calls) -> list[tuple[Client, bool]]:
    """(client, whether requests go on without it) of each of the `calls` that `part` makes."""
    made: list[tuple[Client, bool]] = []
    for ask in asks(calls):
        name = f"{part.name} to {ask.to.name}"
        before = sum(client.to is ask.to for client, _ in made)
        client = Errand(part.sim, f"{name} {before + 1}" if before else name, ask.to, owner=part,
                        retry=ask.retry, pool=ask.pool, trip=ask.trip)
        made.append((client, ask.optional))
        part.link(ask.to)
    return made


@dataclass(frozen=True)
class Manner:
    """How a crew suffers. order: "fifo" or "lifo", of the line; max_queue: so many wait at most;
    max_wait: s (a number, or of any distribution) after which who waits is turned away; contention:
    by what share work takes longer for each other request at hand when it begins."""

    order: str = FIFO
    max_queue: float = math.inf
    max_wait: float | ServiceTimes = math.inf
    contention: float = 0.0

    def __post_init__(self):
        require("max_queue", self.max_queue, endless=True)
        require("contention", self.contention)
        if not isinstance(self.max_wait, ServiceTimes):
            require("max_wait", self.max_wait, unit="s", endless=True)
        if self.order not in ORDERS:
            raise unknown("order", self.order, ORDERS)

    def patience(self, sim: Simulation, name: str) -> Callable[[], float] | None:
        """How long the next one waits for part `name` at most, s; None: for ever."""
        if isinstance(self.max_wait, ServiceTimes):
            return one_by_one(self.max_wait.draw, lambda: sim.stream(f"{name} patience"))
        return (lambda: self.max_wait) if self.max_wait < math.inf else None


class Errands:
    """What calls that keep a server ask others by `clients` (client, whether it is optional), one
    after the other. ended(t, call, ok): a call is through with them, or one has failed."""

    def __init__(self, clients: list[tuple[Client, bool]],
                 ended: Callable[[float, Call, bool], object]):
        self.clients, self._ended = clients, ended

    def go_on(self, t: float, call: Call) -> None:
        """From number `call.step` on."""
        if call.step == len(self.clients):
            return self._ended(t, call, True)
        client, _ = self.clients[call.step]
        client.request(t, self._told, call)

    def _told(self, t: float, request, ok: bool) -> None:
        """One has ended."""
        call = request.asker
        if call.state != WORKS:         # lost meanwhile
            return
        ok = ok or self.clients[call.step][1]
        call.step += 1
        if ok:
            self.go_on(t, call)
        else:
            self._ended(t, call, False)


class Crew:
    """`servers` who work in a `manner`, and then ask by `clients`, in order. ended(t, call, ok): a
    call has left its server, well or not; shed(t, call): it has waited too long."""

    def __init__(self, agenda: Agenda, servers: int, manner: Manner,
                 patience: Callable[[], float] | None, clients: list[tuple[Client, bool]],
                 ended: Callable[[float, Call, bool], object],
                 shed: Callable[[float, Call], object]):
        self.clients, self._ended = clients, ended
        self._errands = Errands(clients, self._leave)
        self.center = Center(agenda, servers, self._done, shed, order=manner.order,
                             room=manner.max_queue, patience=patience,
                             contention=manner.contention)

    def _done(self, t: float, call: Call) -> None:
        """Its own work is done: now come the calls to others."""
        call.step = 0
        self._errands.go_on(t, call)

    def _leave(self, t: float, call: Call, ok: bool) -> None:
        self.center.leave(t, call)
        self._ended(t, call, ok)
