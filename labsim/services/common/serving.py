"""Servers that answer requests one by one, and suffer when there are too many.

Picture a counter with clerks. There is room for so many people before it; the more of them stand
there, the slower each clerk gets; some clerks have to ring up another office while you wait; and
if nobody says otherwise, the first in line is served first, though he may be long gone.

*Models:* so many requests at a time; first in, first out or last in, first out; a bounded queue,
and waits of bounded length (load shedding); work that takes longer the more is at hand (garbage
collection, contention); calls to other parts, for which a request keeps its server, each through a
client of its own with timeouts, retries and a pool of connections; work for clients who are gone,
unless it is cancelled.
*Leaves out:* what is done in parallel for one request; work that is slowed down after it has begun.

Data plane: request-level, exact (`labsim.engine.center`).
"""

import math

import numpy as np

from labsim.declare import (
    Asked,
    Count,
    Invariant,
    Line,
    Metric,
    Panel,
    adds_up,
    mean,
    per_tick,
    quantiles,
)
from labsim.declare.faults import DOWN, ERRORS, HANGS, SLOW, together
from labsim.engine import ServiceTimes, Simulation, one_by_one, so_far
from labsim.engine.agenda import Call
from labsim.engine.center import FIFO
from labsim.errors import require
from labsim.services.common.crew import Crew, Manner, lines

UTILIZATION = Metric("utilization", "of capacity", "share of the servers' time in use", "lower",
                     lambda s: s.busy_seconds / (s.server_seconds or 1.0))


class Serving(Asked):
    """`servers` that work on a request each, for `work` (a `ServiceTimes`); then they make the
    `calls` (a part, an `Ask`, or several, in order), and then it is answered.

    order: "fifo" or "lifo", of the queue. max_queue: so many wait at most; who comes then is
    refused. max_wait: s (a number, or of any distribution) after which who waits is turned away.
    contention: by what share work takes longer for each other request at hand when it begins.
    cancels: work for clients who have given up is dropped from the queue. random: what the work is
    drawn from; by default a stream of its own.
    """

    METRICS = (
        Count("offered", "requests", "requests that came", "", lambda s: len(s.came)),
        Count("completed", "requests", "requests answered well", "higher", lambda s: len(s.ended)),
        Count("failed", "requests", "refused, turned away, lost or answered with an error", "lower",
              lambda s: len(s.lost)),
        Count("refused", "requests", "of these, refused since the queue was full or the part down",
              "lower", lambda s: len(s.refused)),
        Count("shed", "requests", "of these, turned away since they had waited too long", "lower",
              lambda s: s.count["shed"]),
        Count("cancelled", "requests", "dropped from the queue, for their client had given up", "",
              lambda s: s.count["cancelled"]),
        Count("in_flight_end", "requests", "waiting or worked on when the run ended", "",
              lambda s: s.center.waiting + len(s.center.working) + len(s._stuck)),
        Count("queue_max", "requests", "most that waited at a recorded instant", "lower",
              lambda s: s.told["queue"][0].max()),
        UTILIZATION,
        Metric("wasted_share", "of answers", "part of what it did for clients who had given up",
               "lower", lambda s: s.count["wasted"] / max(len(s.ended), 1)),
        Metric("wait_mean", "s", "mean time in the queue, of those who were served", "lower",
               lambda s: mean(s.waits)),
        Metric("wait_p95", "s", "19 of 20 of them wait no longer than this", "lower",
               lambda s: quantiles(s.waits)[95]),
        Metric("time_mean", "s", "mean time from arrival to answer", "lower",
               lambda s: mean(np.array(s.took))))
    PANELS = (
        Panel("Requests per second", (Line("offered", "offered_rate"),
                                      Line("completed", "completed_rate"),
                                      Line("failed", "failed_rate"))),
        Panel("Requests at hand", (Line("waiting", "queue"), Line("at work", "in_service"))))
    INVARIANTS = (
        adds_up("offered", "completed", "failed", "cancelled", "in_flight_end"),
        Invariant("never more at work than there are servers", lambda r: bool(
            (r.series["in_service"].value <= r.part.most_servers).all())))
    FAULTS = {"down": DOWN, "hangs": HANGS, "slow": SLOW, "errors": ERRORS}
    shows = (("req/s", "completed_rate"), ("at work", "in_service"), ("waiting", "queue"))
    alarm = "failed_rate"

    def __init__(self, sim: Simulation, name: str, servers: int, work: ServiceTimes, *,
                 calls=(), order: str = FIFO, max_queue: float = math.inf,
                 max_wait: float | ServiceTimes = math.inf, contention: float = 0.0,
                 cancels: bool = False, random: np.random.Generator | None = None):
        super().__init__(sim, name)
        require("servers", servers, 1, whole=True)
        manner = Manner(order, max_queue, max_wait, contention)
        self.work, self.cancels, self.most_servers = work, cancels, servers
        self._works = one_by_one(work.draw, lambda: random or sim.stream(f"{name} work"))
        crew = Crew(sim.agenda, servers, manner, manner.patience(sim, name), lines(self, calls),
                    self._finish, self._shed)
        self.center, self.clients = crew.center, crew.clients
        self.came: list[float] = []     # requests, s; and of those who
        self.ended: list[float] = []    # were answered well,
        self.took: list[float] = []     # after how long, s,
        self.lost: list[float] = []     # failed,
        self.refused: list[float] = []  # of these, at the door
        self.count = dict.fromkeys(("shed", "cancelled", "wasted"), 0)
        self._stuck: list[Call] = []    # at hand while it hangs;
        self.stuck: list[float] = []    # of these, who had been waiting or worked on: since when,
        self.freed: list[float] = []    # and all of them: when they had their answer at last
        self._down = self._hangs = False
        self._errors = 0.0
        self._luck = one_by_one(lambda n, rng: rng.random(n), lambda: sim.stream(f"{name} errors"))

    @property
    def waits_for(self) -> list[Asked]:
        """Parts that it calls, for however long it takes."""
        return [client.to for client, _ in self.clients if not client.gives_up]

    # -- a request -----------------------------------------------------------------------------

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s."""
        self.came.append(t)
        call.work = self.work_of(call)
        if self._hangs and not self._down:
            call.came = t
            self._stuck.append(call)
        elif self._down or not self.center.enter(t, call):
            self.refused.append(t)
            self._fail(t, call)

    def work_of(self, call: Call) -> float:
        """How long it works on a request, s."""
        return self._works()

    def give_up(self, t: float, call: Call) -> None:
        """Whoever asked waits no more: what waits is dropped, if it `cancels`."""
        if self.cancels and self.center.drop(t, call):
            self.count["cancelled"] += 1
        else:
            super().give_up(t, call)

    def _shed(self, t: float, call: Call) -> None:
        self.count["shed"] += 1
        self._fail(t, call)

    def _fail(self, t: float, call: Call) -> None:
        self.lost.append(t)
        self.answer(t, call, False)

    def _finish(self, t: float, call: Call, ok: bool) -> None:
        if not ok or self._errors and self._luck() < self._errors:
            return self._fail(t, call)
        self.ended.append(t)
        self.took.append(t - call.came)
        if call.gone or call.asker is not None and not call.wanted:
            self.count["wasted"] += 1
        self.answer(t, call, True)

    # -- faults --------------------------------------------------------------------------------

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is down, hangs, is slow, or makes errors."""
        t = self.sim.now
        if what == "slow":
            self.center.slow = math.prod(amounts)
        elif what == "errors":
            self._errors = together(amounts)
        elif what == "down":
            self._down = bool(amounts)
            if amounts:
                self._let_go(t)
                for call in self.center.lose(t):
                    self._fail(t, call)
        elif bool(amounts) != self._hangs:
            self._hangs = bool(amounts)
            if amounts:
                self._stuck = self.center.lose(t)
                self.stuck += [t] * len(self._stuck)
            else:
                self._let_go(t)

    def _let_go(self, t: float) -> None:
        """What it has taken while it hangs, or before, fails."""
        stuck, self._stuck = self._stuck, []
        self.freed += [t] * len(stuck)
        for call in stuck:
            self._fail(t, call)

    # -- at the end of the run -----------------------------------------------------------------

    @property
    def waits(self) -> np.ndarray:
        """The wait of each request that was begun, s."""
        return np.array(self.center.waits)

    @property
    def busy_seconds(self) -> float:
        """Seconds that servers were kept by requests, by now."""
        return self.center.busy(self.sim.now)

    @property
    def server_seconds(self) -> float:
        """Seconds of all servers by now."""
        return self.center.servers * self.sim.now

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests per second by what becomes of them, and those at hand."""
        t, tick, center = self.record.t, self.sim.tick, self.center

        def by_now(times) -> np.ndarray:
            return so_far(t, np.array(times))

        def rate(times) -> tuple[np.ndarray, str]:
            return per_tick(np.diff(by_now(times)) / tick, "req/s")
        begun = by_now(center.begun)
        queue = (by_now(self.came) - begun - by_now(self.refused) - by_now(center.unserved)
                 + by_now(self.stuck) - by_now(self.freed))
        return {"offered_rate": rate(self.came), "completed_rate": rate(self.ended),
                "failed_rate": rate(self.lost),
                "queue": (queue, "requests"),
                "in_service": (begun - by_now(center.released), "requests")}
