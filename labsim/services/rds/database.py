"""Amazon RDS: a database that works on so many requests at a time.

Picture an archive in a cellar with narrow stairs: so many people can be down there at once, the
others wait above, who would have to wait too long turns round and goes, and when the hall is full
the porter lets nobody in.

*Models:* servers that suffer (`labsim.services.common.serving`); at most so many connections; a
timeout of who waits, known at arrival; what it costs by the hour.
*Leaves out:* queries that lock each other out, its own cache, failover (Aurora's and RDS's replicas
and standby are in `labsim.services.aurora`), storage.

Data plane: request-level, exact. In a line of first in, first out, when a request ends is known at
its arrival, with its work, until a fault changes it.
"""

import math
from heapq import heapify

import numpy as np

from labsim.declare import mean, per_tick
from labsim.declare.users import Request
from labsim.engine import Servers, ServiceTimes, Simulation
from labsim.engine.agenda import Call
from labsim.engine.center import FIFO, OUT
from labsim.errors import ParameterError, require
from labsim.services.common.serving import Serving
from labsim.services.rds import measures
from labsim.services.rds.measures import NEVER, PRICE, per_interval

KNOWN = {metric.name for metric in measures.METRICS}


class Query(Call):
    """A call in whose course a database is asked, which knows how long that will take at the first
    attempt: `takes` s."""

    __slots__ = ("takes",)


class Database(Serving):
    """A database that works on `servers` requests at a time. Requests come by `sim.send(load,
    to=database)`, from another part's outlet, from an `elasticache.Application`, or as `calls` of
    another part.

    work: how long a request takes, `ServiceTimes(mean, cv)`: with a coefficient of variation of 0
    always as long, with 1 exponential. timeout: s; who would wait longer is turned away at once,
    which is known only where first come is first served and nobody leaves the line. connections: at
    most so many wait or are worked on (`max_connections`); who comes then is refused. price: USD
    per hour. `done` is the outlet of the requests that are answered, `failed` of the others. What
    else may be said: `labsim.services.common.serving.Serving`.
    """

    METRICS = (*measures.METRICS,
               *(metric for metric in Serving.METRICS if metric.name not in KNOWN))
    PANELS = measures.PANELS
    INVARIANTS = (*Serving.INVARIANTS, *measures.INVARIANTS)
    shows = measures.SHOWS

    def __init__(self, sim: Simulation, name: str, *, servers: int, work: ServiceTimes,
                 timeout: float = NEVER, connections: float = math.inf, price: float = PRICE,
                 random: np.random.Generator | None = None,
                 order: str = FIFO, max_wait: float | ServiceTimes = math.inf,
                 contention: float = 0.0, cancels: bool = False, calls=(), **how):
        super().__init__(sim, name, servers, work, calls=calls, order=order, max_wait=max_wait,
                         contention=contention, cancels=cancels, random=random, **how)
        require("timeout", timeout, unit="s", endless=True)
        require("connections", connections, 1, endless=True)
        require("price", price)
        if not work.mean > 0:
            raise ParameterError("work", work, "of a mean above 0 s")
        self.foresees = (order == FIFO and max_wait == math.inf and not contention and not cancels
                         and not self.clients)
        if timeout < NEVER and not self.foresees:
            raise ParameterError("timeout", timeout, "inf together with order, max_wait, "
                                 "contention, cancels or calls, with which nobody knows at arrival "
                                 "how long he will wait; max_wait turns away who has waited")
        self.timeout, self.connections, self.price = timeout, connections, price
        self.inside: dict[Call, float] = {}     # requests at hand, and when they will end, s
        self._free = Servers(servers)           # when servers will have done what is in line, s
        self._stays: list[tuple[float, float]] = []     # from when to when others were inside, s

    # -- a request -----------------------------------------------------------------------------

    def work_of(self, call: Call) -> float:
        """Drawn, unless whoever asks for the first time knows it."""
        asker = call.asker
        if isinstance(asker, Request):
            asker = asker.asker
        if isinstance(asker, Query) and asker.takes is not None:
            work, asker.takes = asker.takes, None
            return work
        return super().work_of(call)

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s."""
        if len(self.inside) >= self.connections or self._free[0] - t > self.timeout:
            self.came.append(t)
            self.refused.append(t)
            self._fail(t, call)
            return
        super().ask(t, call)
        if self._hangs:
            self.inside[call] = NEVER
        elif call.state != OUT:
            work = call.work * self.center.slow
            self.inside[call] = self._free.begin(t, work) + work if self.foresees else NEVER

    def answer(self, t: float, call: Call, ok: bool) -> None:
        """It is done with a request."""
        self._leave(t, call)
        super().answer(t, call, ok)

    def give_up(self, t: float, call: Call) -> None:
        """Whoever asked waits no more: what waits is dropped, if it `cancels`."""
        super().give_up(t, call)
        if self.cancels and call.state == OUT:
            self._leave(t, call)

    def _leave(self, t: float, call: Call) -> None:
        if self.inside.pop(call, None) is not None:
            self._stays.append((call.came, t))

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is down, hangs, is slow, or makes errors; whoever comes sees how long the line is."""
        super().suffer(piece, what, amounts)
        if not self.foresees:
            return
        t, working = self.sim.now, self.center.working
        ends = [self.inside[call] for call in working]
        self._free[:] = [*ends, *[t] * (self.most_servers - len(ends))]
        heapify(self._free)
        for call in self.inside:
            if self._hangs:
                self.inside[call] = NEVER
            elif call not in working:
                work = call.work * self.center.slow
                self.inside[call] = self._free.begin(t, work) + work

    # -- at the end of the run -----------------------------------------------------------------

    @property
    def accepted(self) -> int:
        """Requests that it worked on or will."""
        return len(self.came) - len(self.refused)

    @property
    def turned_away(self) -> int:
        """Requests that it did not let in."""
        return len(self.refused)

    @property
    def failures(self) -> int:
        """Requests turned away, lost or answered with an error."""
        return len(self.lost)

    def time_mean(self) -> float:
        """Mean time from arrival to answer, s."""
        return mean(np.array(self.took))

    def in_flight_mean(self) -> float:
        """Requests that wait or are worked on, average over the run."""
        end = self.sim.duration
        stays = np.array(sorted([*self._stays, *((call.came, end) for call in self.inside)]))
        came, left = stays.reshape(-1, 2).T.clip(0, end)
        return (left - came).sum() / end

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests that come, wait and are worked on."""
        told = super().series()
        t, queue, working = self.record.t, told["queue"][0], told["in_service"][0]
        accepted = per_interval(np.array(self.came), t) - per_interval(np.array(self.refused), t)
        return {**told, "accepted_rate": per_tick(accepted / self.sim.tick, "req/s"),
                "in_flight": (queue + working, "requests")}

    def cost(self) -> dict[str, float]:
        """By the hour."""
        return measures.bill(self.price, self.sim.duration)
