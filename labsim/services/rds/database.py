"""Amazon RDS: a database that works on so many requests at a time, in order of arrival.

Picture an archive in a cellar with narrow stairs: so many people can be down there at once, the
others wait above, and who would have to wait too long turns round and goes.

*Models:* first come first served at several servers; a timeout of who waits; what it costs by the
hour. *Leaves out:* queries that slow each other down, its own cache, failover (Aurora's and RDS's
replicas and standby are in `labsim.services.aurora`), storage.

Data plane: request-level, exact: when a request ends is known at its arrival, with its work.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.declare import Component, Count, Line, Metric, Panel, conserved, mean, per_tick
from labsim.declare.component import Outlet
from labsim.engine import Due, Rows, Servers, ServiceTimes, Simulation, Source, merged, together
from labsim.errors import LabsimError, ParameterError, require

NEVER = float("inf")
PRICE = factbook.value("rds.t3_large_price")    # USD per hour


@dataclass(frozen=True)
class Queries(Rows):
    """Requests and how long each is work, s."""

    work: np.ndarray


def upto(moments: np.ndarray, t: np.ndarray) -> np.ndarray:
    """How many of `moments` (s, any order) have come by each of the instants `t`."""
    return np.searchsorted(np.sort(moments), t, side="right").astype(float)


def per_interval(moments: np.ndarray, t: np.ndarray) -> np.ndarray:
    """How many of `moments` (s, any order) are in each interval between the instants `t`."""
    return np.diff(upto(moments, t))


class Database(Component):
    """A database that works on `servers` requests at a time; who would wait longer than `timeout` s
    is turned away. Requests come by `sim.send(load, to=database)`, from another part's outlet, or
    from an `elasticache.Application` in front of it, which it then serves alone.

    work: how long a request takes, `ServiceTimes(mean, cv)`: with a coefficient of variation of 0
    always as long, with 1 exponential. price: USD per hour. `done` is the outlet of the requests
    that are answered, `failed` of those that are turned away. random: what their work is drawn
    from; by default a stream of its own.
    """

    METRICS = (
        Count("offered", "requests", "requests that came", "",
              lambda d: d.accepted + d.turned_away),
        Count("accepted", "requests", "requests that it worked on or will", "higher",
              lambda d: d.accepted, aliases=("database_requests",)),
        Count("failed", "requests", "requests that would have waited too long", "lower",
              lambda d: d.turned_away),
        Metric("utilization", "of capacity", "what it was given to do, of what it can do", "lower",
               lambda d: d.accepted / d.sim.duration / d.rate, aliases=("database_load",)),
        Metric("in_flight_mean", "requests", "requests that wait or are worked on, mean", "lower",
               lambda d: d.in_flight_mean(), aliases=("database_number",)),
        Count("queue_max", "requests", "most that waited at a recorded instant", "lower",
              lambda d: d.told["queue"][0].max(), aliases=("line_max",)),
        Metric("time_mean", "s", "mean time from arrival to answer", "lower",
               lambda d: d.time_mean()))
    PANELS = (
        Panel("Requests per second", (Line("accepted", "accepted_rate"),)),
        Panel("Queue", (Line("waiting", "queue"), Line("at work", "in_service"))))
    INVARIANTS = (conserved("in_flight", "queue", "in_service"),)
    shows = (("req/s", "accepted_rate"), ("at work", "in_service"), ("waiting", "queue"))

    def __init__(self, sim: Simulation, name: str, *, servers: int, work: ServiceTimes,
                 timeout: float = NEVER, price: float = PRICE, random=None):
        super().__init__(sim, name)
        require("servers", servers, 1, whole=True)
        require("timeout", timeout, unit="s", endless=True)
        require("price", price)
        if not work.mean > 0:
            raise ParameterError("work", work, "of a mean above 0 s")
        self.servers, self.timeout, self.work, self.price = Servers(servers), timeout, work, price
        self.came: list[float] = []         # of those accepted, s,
        self.ends: list[float] = []         # and when they are answered
        self.refused: list[float] = []      # when those came who were turned away
        self.done, self.failed = Outlet(self), Outlet(self)
        self.user: Component | None = None              # an application that asks it, alone
        self._random = sim.stream(f"{name} work") if random is None else random
        self._sources: list[Iterable[np.ndarray]] = []
        self._source, self._taken = Source(self._queries()), []
        self._leaving, self._given = Due(), [0, 0]
        sim.on_advance(self.advance)

    @property
    def rate(self) -> float:
        """Requests per second that it can do."""
        return len(self.servers) / self.work.mean

    def serve(self, t: float, work: float) -> float:
        """A request at `t` s that takes `work` s: when it ends; infinity: turned away. Requests
        come in order of time."""
        servers = self.servers
        if servers[0] - t > self.timeout:
            self.refused.append(t)
            return NEVER
        end = servers.begin(t, work) + work
        self.came.append(t)
        self.ends.append(end)
        return end

    # -- requests that come by themselves ------------------------------------------------------

    def served_for(self, user: Component) -> None:
        """Only `user` asks it from now on, by `serve`."""
        if self.user is not None:
            raise ParameterError("database", self.name, f"a database of its own: {self.name} "
                                                        f"serves {self.user.name} already")
        self.user = user

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted)."""
        self._sources.append(blocks)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        self._taken.append(self._made(times))

    def wired(self) -> None:
        """Somebody asks it; an application only if nobody else does."""
        if not (self._sources or self.fed_by or self.user):
            raise LabsimError(f"nobody asks {self.name}: sim.send(load, to=...) does")
        if self.user and (self._sources or self.fed_by):
            raise LabsimError(f"{self.name} serves {self.user.name} alone; send to that instead")

    def _made(self, times: np.ndarray) -> Queries:
        return Queries(times, self.work.draw(len(times), self._random))

    def _queries(self) -> Iterator[Queries]:
        for times in merged(self._sources):
            self.sim.check()
            yield self._made(times)

    def advance(self, now: float) -> None:
        """Let requests come and go until `now`."""
        if self.user:
            return
        for part in self.fed_by:
            part.advance(now)
        pieces = [*self._source.upto(now), *self._taken]
        self._taken = []
        for t, work in zip(*map(np.ndarray.tolist, together(pieces).columns)) if pieces else ():
            self.serve(t, work)
        if self.done.connected:
            for end in self.ends[self._given[0]:]:
                self._leaving.put(end)
            self.done.give(np.array([end for end, in self._leaving.upto(now)]))
        self.failed.give(np.array(self.refused[self._given[1]:]))
        self._given = [len(self.came), len(self.refused)]

    # -- at the end of the run -----------------------------------------------------------------

    @property
    def accepted(self) -> int:
        """Requests that it worked on or will."""
        return len(self.came)

    @property
    def turned_away(self) -> int:
        """Requests that would have waited too long."""
        return len(self.refused)

    def time_mean(self) -> float:
        """Mean time from arrival to answer, s."""
        return mean(np.subtract(self.ends, self.came))

    def in_flight_mean(self) -> float:
        """Requests that wait or are worked on, average over the run."""
        came, end = (np.clip(times, 0, self.sim.duration) for times in (self.came, self.ends))
        return (end - came).sum() / self.sim.duration

    @cached_property
    def told(self) -> dict[str, tuple[np.ndarray, str]]:
        """The series, worked out once."""
        return self.series()

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests that come, wait and are worked on."""
        t, came = self.record.t, np.array(self.came)
        inside = upto(came, t) - upto(np.array(self.ends), t)
        queue = np.maximum(0.0, inside - len(self.servers))
        return {"accepted_rate": per_tick(per_interval(came, t) / self.sim.tick, "req/s"),
                "in_flight": (inside, "requests"), "queue": (queue, "requests"),
                "in_service": (inside - queue, "requests")}

    def cost(self) -> dict[str, float]:
        """By the hour."""
        return {"database": self.price * (self.sim.duration / 3_600)}
