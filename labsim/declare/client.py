"""Clients that wait for an answer, give up, and come back.

Picture a counter's regulars. Each asks, and looks at the clock; who has waited too long goes to the
end of the line and asks again, while the clerk still works on what he wanted first.

*Models:* clients in an open loop (requests come by chance, whatever happens) or a closed one (so
many users, who think between an answer and the next request); attempts with a timeout each, their
retries by a `Retry`; a pool of connections; the link to the part that they ask, which may be slow
or lose what is sent. Who gives up tells the part so only if it can cancel work; else it goes on.
*Leaves out:* users who stay away after a failure.

Data plane: request-level, exact, on the `Agenda`; some microseconds for each attempt.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labsim.declare.adaptive import ClientRate
from labsim.declare.component import Component
from labsim.declare.drawing import Line, Panel, per_tick
from labsim.declare.faults import LATER, LOST
from labsim.declare.invariants import adds_up
from labsim.declare.metrics import Count, Metric
from labsim.declare.outcome import mean, quantiles
from labsim.declare.retry import Budget, Retry, Switch
from labsim.engine import Load, ServiceTimes, Simulation, so_far
from labsim.engine.agenda import ARRIVE, GIVE_UP, Call
from labsim.errors import ParameterError, require

OPEN, COMPLETED, FAILED, ABANDONED = range(4)       # what has become of a request
DRAWN = 1_024       # numbers that are drawn at a time
SENT = 1            # an attempt that has a connection


@dataclass(frozen=True)
class Users:
    """A closed loop: so many users, each of whom thinks (`think`, a `ServiceTimes`), asks, waits
    for the answer or gives up, and thinks again."""

    count: int
    think: ServiceTimes

    def __post_init__(self):
        require("count", self.count, 1, whole=True)
        if not isinstance(self.think, ServiceTimes):
            raise ParameterError("think", self.think, "how long users think, such as "
                                 "labsim.exponential(5)")


class Request:
    """What a client wants: asked by attempts, of which `tries` have been made. It is a call to
    nobody itself, in whose course they are made (`labsim.engine.agenda.Call`)."""

    __slots__ = ("sent", "tries", "wait", "paid", "client", "out", "then", "asker", "gone")

    def __init__(self, sent: float, client: int, then, asker):
        self.sent, self.client, self.then, self.asker = sent, client, then, asker
        self.gone = False
        self.tries = self.out = 0       # of the attempts, how many are waited for
        self.wait = self.paid = 0.0


def of_fate(name: str, meaning: str, fate: int, better: str = "lower", *aliases: str) -> Count:
    """How many requests have come to this."""
    return Count(name, "requests", meaning, better, lambda c: c.fates[fate], aliases=aliases)


def of_attempts(name: str, meaning: str, better: str = "lower") -> Count:
    """How many attempts have come to this."""
    return Count(name, "attempts", meaning, better, lambda c: len(c.moments[name]))


class Client(Component):
    """Clients that ask the part `to`, and come back as `retry` says (a `Retry`).

    load: a rate (1/s), a `Load` or `Users`; without one, what another part asks in the course of
    its work (`request`). pool: at most so many attempts are under way at a time; the others wait
    for a connection, which counts as waiting for the answer. trip: s from the client to the part
    and back.
    """

    METRICS = (
        Count("offered", "requests", "requests that clients wanted, retries not counted", "",
              lambda c: len(c.sent)),
        of_attempts("attempts", "times that they asked: offered and retries", ""),
        Count("retries", "attempts", "attempts after the first of a request", "lower",
              lambda c: len(c.moments["attempts"]) - len(c.sent)),
        of_fate("completed", "answered in time", COMPLETED, "higher"),
        of_fate("failed", "given up after an error", FAILED),
        of_fate("abandoned", "given up after a timeout", ABANDONED),
        of_fate("open_end", "not ended when the run ended", OPEN, ""),
        of_attempts("timed_out", "attempts without an answer in time"),
        of_attempts("refused", "attempts answered with an error"),
        of_attempts("late", "answers that came when nobody waited for them: work for nothing"),
        of_attempts("short_circuited", "attempts that an open breaker stopped"),
        Metric("amplification", "x", "attempts that were sent, per request", "lower",
               lambda c: c.sent_attempts / max(len(c.sent), 1)),
        Metric("goodput", "req/s", "requests answered in time, per second", "higher",
               lambda c: c.fates[COMPLETED] / c.sim.duration),
        Metric("goodput_share", "", "part of the requests that ended which was answered in time",
               "higher", lambda c: c.fates[COMPLETED] / max(sum(c.fates[COMPLETED:]), 1)),
        Metric("latency_mean", "s", "mean time from the first attempt to the answer", "lower",
               lambda c: mean(c.latency)),
        *(Metric(f"latency_p{q}", "s", f"{some} of the answers come within this", "lower",
                 lambda c, q=q: c.latencies[q])
          for q, some in ((50, "half"), (95, "19 of 20"), (99, "99 of 100"))))
    PANELS = (
        Panel("Requests per second", (
            Line("offered", "offered_rate"), Line("attempts", "attempts_rate"),
            Line("goodput", "goodput_rate"))),
        Panel("Time to an answer", (Line("mean", "latency"),)))
    INVARIANTS = (adds_up("offered", "completed", "failed", "abandoned", "open_end"),
                  adds_up("attempts", "offered", "retries"))
    FAULTS = {"lost": LOST, "slow": LATER}
    shows = (("wanted/s", "offered_rate"), ("answered/s", "goodput_rate"))
    alarm = "lost_rate"

    def __init__(self, sim: Simulation, name: str, to, load: Load | Users | float | None = None, *,
                 retry: Retry | None = None, pool: float = math.inf, trip: float = 0.0):
        super().__init__(sim, name)
        if not hasattr(to, "ask"):
            raise ParameterError("to", getattr(to, "name", to), "a part that answers requests, "
                                 "since clients wait for the answer")
        require("pool", pool, 1, endless=True)
        require("trip", trip, unit="s")
        self.to, self.retry, self.pool = to, retry or Retry(), pool
        self._trip = trip
        self.trip, self.lost = trip / 2, 0.0        # s one way; share of what is sent that is lost
        self.sent: list[float] = []     # requests, when, s,
        self.ended: list[list[float]] = [[], [], [], []]    # and when they ended, by fate
        self.took: list[float] = []     # from the first attempt to the answer, s
        self.moments: dict[str, list[float]] = {    # attempts, when, s
            what: [] for what in ("attempts", "timed_out", "refused", "late", "short_circuited")}
        self._attempts = self.moments["attempts"]
        self._timers: deque[tuple[float, Call]] = deque()   # of one timeout, by when
        r = self.retry
        self._budgets = [Budget(r.budget) for _ in range(r.clients)] if r.budget < math.inf else ()
        self._switches = [Switch(r.breaker) for _ in range(r.clients)] if r.breaker else ()
        self._rates = [ClientRate(sim.agenda, self._make) for _ in range(r.clients)] if (
            r.adaptive) else ()
        self._under_way, self._line = 0, deque()    # attempts, and who waits for a connection
        self._dice = self._drawn("retries", lambda rng, n: rng.random(n))
        self._luck = self._drawn("link", lambda rng, n: rng.random(n))
        self._agenda = sim.agenda
        self._waits_only = (r.timeout == r.hedge == r.budget == pool == math.inf
                            and r.attempts == 1 and not r.breaker and not r.adaptive)
        self._timeout = 0.0 if isinstance(r.timeout, ServiceTimes) else r.timeout
        self._patience = not self._timeout and self._drawn(
            "patience", lambda rng, n: r.timeout.draw(n, rng))
        to.asked_by(self)
        self.link(to)
        if isinstance(load, Users):
            self._think = self._drawn("think", lambda rng, n: load.think.draw(n, rng))
            for _ in range(load.count):
                self._agenda.at(self._think(), self._again, None, ARRIVE)
        elif load is not None:
            curve = (load if isinstance(load, Load) else Load.steady(load)).curve(sim.duration)
            self._agenda.arrivals(curve.arrivals(sim.stream(f"{name} arrivals")), self._come)
        sim.on_advance(self.advance)

    def _drawn(self, use: str, draw):
        """A function that gives one number at a time from a stream of its own."""
        def numbers() -> Iterator[float]:
            rng = self.sim.stream(f"{self.name} {use}")
            while True:
                yield from draw(rng, DRAWN).tolist()
        return numbers().__next__

    def advance(self, now: float) -> None:
        """Let everything happen until `now`."""
        self._agenda.advance(now)

    # -- requests --------------------------------------------------------------------------------

    def _come(self, t: float) -> None:
        self.request(t, None)

    def _again(self, t: float, _=None) -> None:
        """A user has thought."""
        self.request(t, self._ended)

    def _ended(self, t: float, request: Request, ok: bool) -> None:
        think = self._think()
        self._agenda.at(t + think, self._again, None, ARRIVE)

    def request(self, t: float, then, asker=None) -> None:
        """A request is made at `t` s, in the course of the call `asker`, if any; then, when it has
        ended, `then(t, request, ok)` is called, the request with that `asker`."""
        if self._waits_only and not (self.trip or self.lost):   # one attempt, however long
            self.sent.append(t)
            self._attempts.append(t)
            call = Call(self._told, asker, then)
            call.came = t
            self.to.ask(t, call)
            return
        request = Request(t, len(self.sent) % self.retry.clients, then, asker)
        self.sent.append(t)
        self._attempt(t, request)

    def _told(self, t: float, call: Call, ok: bool) -> None:
        """The answer to a request that is one attempt."""
        call.gone = True
        if self.lost and self._luck() < self.lost:
            return
        fate = COMPLETED if ok else FAILED
        self.ended[fate].append(t)
        if ok:
            self.took.append(t - call.came)
        else:
            self.moments["refused"].append(t)
        if call.what:
            call.what(t, call, ok)

    def _attempt(self, t: float, request: Request) -> None:
        request.tries += 1
        self._attempts.append(t)
        if self._rates:
            self._rates[request.client].acquire(t, request)
        else:
            self._make(t, request)

    def _make(self, t: float, request: Request) -> None:
        if request.gone:                    # answered by the other one of two
            return
        attempt = Call(self._answered, request)
        if self._switches:
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
        if self._under_way < self.pool:
            self._send(t, attempt)
        else:
            self._line.append(attempt)

    def _send(self, t: float, attempt: Call) -> None:
        self._under_way += 1
        attempt.step = SENT
        if self.lost and self._luck() < self.lost:
            return
        if self.trip:
            self._agenda.at(t + self.trip, self.to.ask, attempt, ARRIVE)
        else:
            self.to.ask(t, attempt)

    def _hedge(self, t: float, request: Request) -> None:
        if request.tries == 1 and not request.gone:
            self._attempt(t, request)

    def _answered(self, t: float, attempt: Call, ok: bool) -> None:
        if self.lost and self._luck() < self.lost:
            return
        if self.trip:
            self._agenda.at(t + self.trip, self._back, (attempt, ok))
        else:
            self._back(t, (attempt, ok))

    def _back(self, t: float, what: tuple[Call, bool]) -> None:
        """An answer is there."""
        attempt, ok = what
        request = attempt.asker
        if request.gone or attempt.gone:
            self.moments["late"].append(t)
            if not attempt.gone:            # the other one of two was there before
                self._close(t, attempt)
            return
        self._close(t, attempt)
        if self._switches:
            self._switches[request.client].tell(t, ok, attempt.what)
        if self._rates:
            self._rates[request.client].told(t, not ok)
        if ok:
            if self._budgets:
                self._budgets[request.client].give_back(request.paid)
            self._end(t, request, COMPLETED)
        else:
            self.moments["refused"].append(t)
            self._fail(t, request, FAILED)

    def _ring(self, t: float, _) -> None:
        """The earliest timeout is over."""
        timers = self._timers
        while timers and (timers[0][1].gone or timers[0][0] <= t):
            attempt = timers[0][1]
            if not attempt.gone:
                self._time_out(t, attempt)      # it may be asked again: the list is not empty yet
            timers.popleft()
        if timers:
            self._agenda.at(timers[0][0], self._ring, None, GIVE_UP)

    def _time_out(self, t: float, attempt: Call) -> None:
        if attempt.gone:
            return
        request = attempt.asker
        self._close(t, attempt)
        if request.gone:
            return
        self.moments["timed_out"].append(t)
        if self._switches:
            self._switches[request.client].tell(t, False, attempt.what)
        if self._rates:
            self._rates[request.client].told(t, False)
        self.to.give_up(t, attempt)
        self._fail(t, request, ABANDONED)

    def _close(self, t: float, attempt: Call) -> None:
        """Nobody waits for this attempt any more, and its connection is free."""
        attempt.gone = True
        attempt.asker.out -= 1
        if attempt.step == SENT:
            self._under_way -= 1
        line = self._line
        while line and self._under_way < self.pool:
            waiting = line.popleft()
            if not waiting.gone:
                self._send(t, waiting)

    def _fail(self, t: float, request: Request, fate: int) -> None:
        """An attempt has failed: another one, if there may be one and no other is under way."""
        retry = self.retry
        if request.out:
            return
        if request.tries >= retry.attempts or request.asker and not request.asker.wanted:
            return self._end(t, request, fate)
        if self._budgets:
            request.paid = self._budgets[request.client].take(fate == ABANDONED)
            if not request.paid:
                return self._end(t, request, fate)
        request.wait = retry.wait(request.tries, self._dice(), request.wait)
        self._agenda.at(t + request.wait, self._attempt, request, ARRIVE)

    def _end(self, t: float, request: Request, fate: int) -> None:
        request.gone = True
        self.ended[fate].append(t)
        if fate == COMPLETED:
            self.took.append(t - request.sent)
        if request.then:
            request.then(t, request, fate == COMPLETED)

    # -- faults of the link ----------------------------------------------------------------------

    def breakable(self) -> dict:
        """The link between it and the part that it asks."""
        name = self.name if self.name.endswith(f" to {self.to.name}") else (
            f"{self.name} to {self.to.name}")
        return {name: self.FAULTS}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """The link loses a share of what is sent, or takes longer."""
        if what == "lost":
            self.lost = 1.0 - math.prod(1.0 - share for share in amounts)
        else:
            self.trip = (self._trip + sum(amounts)) / 2

    # -- at the end of the run -------------------------------------------------------------------

    @cached_property
    def fates(self) -> list[int]:
        """How many requests have come to each fate."""
        ended = [len(times) for times in self.ended]
        return [len(self.sent) - sum(ended), *ended[1:]]

    @property
    def sent_attempts(self) -> int:
        """Attempts that were sent."""
        return len(self._attempts) - len(self.moments["short_circuited"])

    @cached_property
    def latency(self) -> np.ndarray:
        """From the first attempt to the answer, of each request that was answered, s."""
        return np.array(self.took)

    @cached_property
    def latencies(self) -> dict[int, float]:
        """{50: median latency, 95: ..., 99: ...}, s."""
        return quantiles(self.latency)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests and attempts per second, and how long answers take."""
        t, tick = self.record.t, self.sim.tick

        def rate(times) -> tuple[np.ndarray, str]:
            return per_tick(np.diff(so_far(t, np.array(times))) / tick, "req/s")
        ticks, answered = len(t) - 1, np.array(self.ended[COMPLETED])
        slot = np.minimum((answered / tick).astype(int), ticks - 1)
        slow = np.bincount(slot, self.latency, ticks) / np.maximum(
            np.bincount(slot, minlength=ticks), 1)
        return {"offered_rate": rate(self.sent), "attempts_rate": rate(self._attempts),
                "goodput_rate": rate(answered),
                "lost_rate": rate(self.ended[FAILED] + self.ended[ABANDONED]),
                "late_rate": rate(self.moments["late"]), "latency": per_tick(slow, "s")}
