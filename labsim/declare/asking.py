"""How a client asks: attempts with a timeout each, by a link that may be slow or lose what is sent.

Picture somebody at the telephone, with a watch and so many lines. He dials, waits, hangs up when he
has waited too long, and dials again when his notes say so; who has no line free waits for one.

*Models:* requests, each asked by attempts as a `Retry` says: timeouts, backoff, a retry budget, a
circuit breaker, hedges, the SDKs' adaptive rate; a pool of connections; the link there and back.
Who gives up tells the part so; only if that can cancel work, it matters.
*Leaves out:* who wants something, and when (`client`).

Data plane: request-level, exact, on the `Agenda`; some microseconds for each attempt.
"""

import math
from collections import defaultdict, deque

from labsim.declare.adaptive import ClientRate
from labsim.declare.client_report import ABANDONED, COMPLETED, FAILED, ClientReport
from labsim.declare.faults import LATER, LOST, together
from labsim.declare.retry import Budget, Retry, Switch
from labsim.declare.users import Answering, Request
from labsim.engine import ServiceTimes, Simulation, one_by_one
from labsim.engine.agenda import ARRIVE, GIVE_UP, Call
from labsim.errors import ParameterError, require


class Asking(ClientReport):
    """Somebody who asks the part `to`, in the course of the work of `owner`, if any; the parameters
    are explained at `client.Client`."""

    FAULTS = {"lost": LOST, "slow": LATER}

    def __init__(self, sim: Simulation, name: str, to, *, retry: Retry | None, pool: float,
                 trip: float, owner):
        super().__init__(sim, name)
        if not isinstance(to, Answering):
            raise ParameterError("to", to, "a part that answers requests, "
                                 "since clients wait for the answer")
        require("pool", pool, 1, endless=True)
        require("trip", trip, unit="s")
        self.to, self.owner = to, owner
        self.retry, self.pool = retry or Retry(), pool
        self._trip = trip
        self.trip, self.lost = trip / 2, 0.0        # s one way; share of what is sent that is lost
        self._timers: deque[tuple[float, Call]] = deque()   # of one timeout, by when
        r = self.retry
        # By client, made when it first comes: of a million few ever do. None: they have none.
        self._budgets = defaultdict(lambda: Budget(r.budget)) if r.budget < math.inf else None
        self._switches = defaultdict(lambda: Switch(r.breaker)) if r.breaker else None
        self._rates = defaultdict(lambda: ClientRate(sim.agenda, self._make)) if (
            r.adaptive) else None
        self._under_way, self._line = 0, deque()    # attempts, and who waits for a connection
        self._letting = False               # those are being let in
        self._dice = self._drawn("retries", lambda n, rng: rng.random(n))
        self._luck = self._drawn("link", lambda n, rng: rng.random(n))
        self._agenda = sim.agenda
        self._timeout = math.inf if isinstance(r.timeout, ServiceTimes) else r.timeout
        self._patience = isinstance(r.timeout, ServiceTimes) and self._drawn(
            "patience", r.timeout.draw)
        self._waits_only = not self.gives_up and (
            r.hedge == r.budget == pool == math.inf and r.attempts == 1
            and not (r.breaker or r.adaptive))
        self._far = bool(trip)              # the link takes time, or loses something
        self._direct = self._waits_only and not trip    # a request is one call, and no more
        to.asked_by(self)
        self.link(to)
        sim.on_advance(self.advance)

    def notes(self) -> tuple[str, ...]:
        if self._timeout <= self.retry.hedge < math.inf:
            return (f"{self.name} hedges no request: it gives up after {self._timeout:g} s, before "
                    f"{self.retry.hedge:g} s have gone",)
        return ()

    def _drawn(self, use: str, draw):
        return one_by_one(draw, lambda: self.sim.stream(f"{self.name} {use}"))

    def advance(self, now: float) -> None:
        """Let everything happen until `now`."""
        self._agenda.advance(now, self)

    @property
    def gives_up(self) -> bool:
        """Whether it waits no longer than a timeout."""
        return bool(self._patience) or self._timeout < math.inf

    # -- requests --------------------------------------------------------------------------------

    def request(self, t: float, then, asker=None) -> None:
        """A request is made at `t` s, in the course of the call `asker`, if any; then, when it has
        ended, `then(t, request, ok)` is called, the request with that `asker`."""
        self.sent.append(t)
        if self._direct:
            self.attempts.append(t)
            call = Call(self._told, asker, then)
            call.sent = t
            self.to.ask(t, call)
        else:
            self._attempt(t, Request(t, (len(self.sent) - 1) % self.retry.clients, then, asker))

    def _told(self, t: float, call: Call, ok: bool, late: bool = False) -> None:
        """The answer to a request that is one call."""
        if not (self._direct or late) and self._held_up(t, self._told, call, ok):
            return
        call.gone = True
        fate = COMPLETED if ok else FAILED
        self.ended[fate].append(t)
        self.waited[fate].append(t - call.sent)
        if not ok:
            self.moments["refused"].append(t)
        if call.what:
            call.what(t, call, ok)

    # -- attempts --------------------------------------------------------------------------------

    def _attempt(self, t: float, request: Request) -> None:
        request.tries += 1
        self.attempts.append(t)
        if self._rates is not None:
            self._rates[request.client].acquire(t, request)
        else:
            self._make(t, request)

    def _make(self, t: float, request: Request) -> None:
        if request.gone:                    # answered by the other one of two
            return
        attempt = Call(self._answered, request)
        if self._switches is not None:
            switch = self._switches[request.client]
            if not switch.lets(t):
                self.moments["short_circuited"].append(t)
                return self._fail(t, request, FAILED)
            attempt.what = switch.epoch
        request.out += 1
        if self._patience:
            self._agenda.at(t + self._patience(), self._time_out, attempt, GIVE_UP)
        elif self._timeout < math.inf:
            self._timers.append((t + self._timeout, attempt))
            if len(self._timers) == 1:
                self._agenda.at(t + self._timeout, self._ring, None, GIVE_UP)
        if request.tries == 1 and self.retry.hedge < math.inf:
            self._agenda.at(t + self.retry.hedge, self._hedge, request, GIVE_UP)
        if self._line or self._under_way >= self.pool:
            self._line.append(attempt)
        else:
            self._send(t, attempt)

    def _send(self, t: float, attempt: Call) -> None:
        self._under_way += 1
        attempt.sent = t
        if self.lost and self._luck() < self.lost:
            return
        if self.trip:
            self._agenda.at(t + self.trip, self.to.ask, attempt, ARRIVE)
        else:
            self.to.ask(t, attempt)

    def _hedge(self, t: float, request: Request) -> None:
        """The first attempt is still waited for: a second one beside it."""
        if request.tries == 1 and request.out and self._goes_on(request):
            self._attempt(t, request)

    def _held_up(self, t: float, act, call: Call, ok: bool) -> bool:
        """Whether an answer is lost on its way back, or comes later: then `act(..., late=True)`."""
        if self.lost and self._luck() < self.lost:
            return True
        if self.trip:
            self._agenda.at(t + self.trip, lambda t, call: act(t, call, ok, True), call)
            return True
        return False

    def _answered(self, t: float, attempt: Call, ok: bool, late: bool = False) -> None:
        """The answer to an attempt."""
        if self._far and not late and self._held_up(t, self._answered, attempt, ok):
            return
        request = attempt.asker
        if attempt.gone:
            self.moments["late"].append(t)
            return
        self._close(t, attempt, ok)
        if self._rates is not None:
            self._rates[request.client].told(t, not ok)
        if request.gone:                    # the other one of two was there before
            self.moments["late"].append(t)
        elif ok:
            if self._budgets is not None:
                self._budgets[request.client].give_back(request.paid)
            self._end(t, request, COMPLETED)
        else:
            self.moments["refused"].append(t)
            self._fail(t, request, FAILED)
        if self._line:
            self._freed(t)

    def _ring(self, t: float, _) -> None:
        """The earliest timeout is over."""
        timers = self._timers
        while timers and (timers[0][1].gone or timers[0][0] <= t):
            self._time_out(t, timers[0][1])     # it may be asked again: the list is not empty yet
            timers.popleft()
        if timers:
            self._agenda.at(timers[0][0], self._ring, None, GIVE_UP)

    def _time_out(self, t: float, attempt: Call) -> None:
        if attempt.gone:
            return
        request, sent = attempt.asker, attempt.sent
        self._close(t, attempt, False)
        if self._rates is not None:
            self._rates[request.client].told(t, False)
        if sent is not None:
            if self.trip:
                self._agenda.at(t + self.trip, self.to.give_up, attempt, ARRIVE)
            else:
                self.to.give_up(t, attempt)
        if not request.gone:
            self.moments["timed_out"].append(t)
            self._fail(t, request, ABANDONED)
        if self._line:
            self._freed(t)

    def _close(self, t: float, attempt: Call, ok: bool) -> None:
        """Nobody waits for this attempt any more, and its connection is free."""
        attempt.gone = True
        request = attempt.asker
        request.out -= 1
        if self._switches is not None:
            self._switches[request.client].tell(t, ok, attempt.what)
        if attempt.sent is not None:
            self._under_way -= 1

    def _freed(self, t: float) -> None:
        """A connection may be free, for who waits for it: as soon as all that fails at this moment
        has failed."""
        if not self._letting:
            self._letting = True
            self._agenda.at(t, self._let_in, None, ARRIVE)

    def _let_in(self, t: float, _) -> None:
        """Those who wait for a connection get what is free, one after the other: who is refused
        at once frees his for the next."""
        while self._line and self._under_way < self.pool:
            attempt = self._line.popleft()
            if attempt.asker.gone and not attempt.gone:     # the other one of two was there before
                self._close(t, attempt, True)
            elif not (attempt.gone or self._goes_on(attempt.asker)):    # it is for nobody now
                self._close(t, attempt, False)
                self._fail(t, attempt.asker, FAILED)
            elif not attempt.gone:
                self._send(t, attempt)
        self._letting = False

    def _fail(self, t: float, request: Request, fate: int) -> None:
        """An attempt has failed: another one, if there may be one and no other is under way."""
        retry = self.retry
        if request.out:
            return
        if request.tries >= retry.attempts or not self._goes_on(request):
            return self._end(t, request, fate)
        if self._budgets is not None:
            request.paid = self._budgets[request.client].take(fate == ABANDONED)
            if not request.paid:
                return self._end(t, request, fate)
        request.wait = retry.wait(request.tries, self._dice(), request.wait)
        self._agenda.at(t + request.wait, self._retry, request, ARRIVE)

    def _retry(self, t: float, request: Request) -> None:
        if self._goes_on(request):
            self._attempt(t, request)
        else:
            self._end(t, request, ABANDONED)

    def _goes_on(self, request: Request) -> bool:
        """Whether whoever makes the request is still there to try again."""
        return True

    def _end(self, t: float, request: Request, fate: int) -> None:
        request.gone = True
        self.ended[fate].append(t)
        self.waited[fate].append(t - request.sent)
        if request.then:
            request.then(t, request, fate == COMPLETED)

    # -- faults of the link ----------------------------------------------------------------------

    def breakable(self) -> dict:
        """The link between it and the part that it asks."""
        name = self.name if self.owner else f"{self.name} to {self.to.name}"
        return {name: self.FAULTS}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """The link loses a share of what is sent, or takes longer."""
        if what == "lost":
            self.lost = together(amounts)
        else:
            self.trip = (self._trip + sum(amounts)) / 2
        self._far = bool(self.trip or self.lost)
        self._direct = self._waits_only and not self._far
