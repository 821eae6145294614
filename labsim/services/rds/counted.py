"""A database to which requests come by thousands: counted, step by step.

Picture a weir: so much water can pass in a second, what comes above that stands before it, and the
height of the water says how long a drop will wait. Ripples are small beside the stream.

*Models:* the number of requests in it as a fluid: it grows by what comes, and each of the servers
ends one per mean time of work; who would wait longer than the timeout is turned away; what waits in
ripples below capacity, as in steady state (Sakasegawa, Annals of the Institute of Statistical
Mathematics 29, 1977). *Leaves out:* when a single request ends; that fixed times of work end
together.

Data plane: counted; its requests come from an `elasticache.SampledApplication`.
"""

import math
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from labsim.declare import Component, per_tick
from labsim.declare.faults import DOWN, ERRORS, SLOW, together
from labsim.engine import ServiceTimes, Simulation
from labsim.errors import LabsimError, ParameterError, require
from labsim.services.rds import measures
from labsim.services.rds.measures import NEVER, PRICE

# The columns of what is kept: until when a step went; requests admitted and turned away; inside at
# its end and in the mean; how long it was and a request took, and servers were busy, s.
END, ADMITTED, TURNED, INSIDE, MEAN, LENGTH, TIME, BUSY = range(8)


class CountedDatabase(Component):
    """A database with so many `servers` for `work`, a `timeout` (s) and a `price` (USD per hour),
    that is told how many requests come in a step (`count`), and says before each step how long one
    would wait: a sure part `standing`, s, and with the chance `delayed` another one of `ripple` s
    in the mean. In the last step it was `stood` s. One application asks it, alone."""

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    FAULTS = {"down": DOWN, "slow": SLOW, "errors": ERRORS}
    shows = measures.SHOWS

    def __init__(self, sim: Simulation, name: str, *, servers: int, work: ServiceTimes,
                 timeout: float = NEVER, price: float = PRICE):
        super().__init__(sim, name)
        require("servers", servers, 1, whole=True)
        require("timeout", timeout, unit="s", endless=True)
        require("price", price)
        if not work.mean > 0:
            raise ParameterError("work", work, "of a mean above 0 s")
        self.servers, self.work, self.timeout, self.price = servers, work, timeout, price
        self.user: Component | None = None      # an application that asks it, alone
        self.inside = 0.0                       # requests in it now
        self.admits = 1.0                       # share of those who come that is not turned away
        self.standing = self.stood = self.delayed = self.ripple = 0.0
        self.rows: list[tuple] = []             # one a step, of the columns above
        self.cv = float(getattr(self.work, "cv", 1.0))
        self.slow, self.errors, self.down = 1.0, 0.0, False     # by faults
        self.mistakes = 0                       # requests answered with an error

    @property
    def rate(self) -> float:
        """Requests per second that it can do."""
        return self.servers / self.work.mean

    @property
    def work_mean(self) -> float:
        """How long it works on a request now, in the mean, s."""
        return self.work.mean * self.slow

    @property
    def wait(self) -> float:
        """Mean wait of who comes now, s."""
        return self.standing + self.delayed * self.ripple

    def count(self, begin: float, end: float, requests: int) -> int:
        """So many come evenly between `begin` and `end`, s; how many are answered well."""
        length, servers, work = end - begin, self.servers, self.work_mean
        if self.down:
            self.admits = 0.0
            self.rows.append((end, 0, requests, 0.0, 0.0, length, 0.0, 0.0))
            return 0
        load = requests / length * work                     # servers that they keep busy
        turned = self.delayed * math.exp(-self.timeout / self.ripple) if self.ripple else 0.0
        before = self.inside
        served = self._flow(length, (1.0 - turned) * load, servers, work)
        admitted = min(requests, max(0, round(self.inside - before + served)))
        self.admits = admitted / requests if requests else 1.0
        now = max(0.0, self.inside - servers) * work / servers
        self.standing, self.stood = now, (self.standing + now) / 2
        self._ripples(load / servers, servers, work)
        mean = (before + self.inside) / 2
        waiting = self.delayed * self.ripple * requests / length
        self.rows.append((end, admitted, requests - admitted, self.inside + waiting,
                          mean + waiting, length,
                          self.stood + self.delayed * self.ripple + work, served * work))
        wrong = round(admitted * self.errors)
        self.mistakes += wrong
        return admitted - wrong

    def _flow(self, left: float, load: float, servers: int, work: float) -> float:
        """Let `left` s pass while `load` servers' work comes; how many requests have ended."""
        served, most = 0.0, servers * (1.0 + self.timeout / work)
        while left > 0:
            now = self.inside
            if now < servers or (now == servers and load < servers):    # some are free
                reach = work * math.log((load - now) / (load - servers)) if load > servers else left
                took = min(reach, left)
                full = took < left or (load > servers and reach <= left)
                self.inside = servers if full else load + (now - load) * math.exp(-took / work)
                served += load * took / work - (self.inside - now)
            else:                                                       # a line
                slope = (load - servers) / work
                goal = most if slope > 0 else servers
                reach = (goal - now) / slope if slope else left
                took = min(max(reach, 0.0), left)
                self.inside = goal if took < left else min(now + slope * took, most)
                served += servers * took / work
                if took < left and slope >= 0:      # as long as it may be: the rest is turned away
                    served += servers * (left - took) / work
                    took = left
            left -= took
        return served

    def _ripples(self, busy: float, servers: int, work: float) -> None:
        """Waits below capacity: how likely, how long."""
        if busy >= 1:
            self.delayed = self.ripple = 0.0
            return
        spread = (1.0 + self.cv**2) / 2 * work / servers
        most = math.sqrt(2.0 * spread * self.sim.tick)      # how far chance leads in a tick
        self.delayed = busy ** (math.sqrt(2.0 * (servers + 1.0)) - 1.0)
        self.ripple = min(spread / (1.0 - busy), most)

    # -- who asks ----------------------------------------------------------------------------------

    def served_for(self, user: Component) -> None:
        """Only `user` asks it from now on, by `count`."""
        if self.user is not None:
            raise ParameterError("database", self.name, f"a database of its own: {self.name} "
                                                        f"serves {self.user.name} already")
        self.user = user

    def advance(self, now: float) -> None:
        """Let its application ask until `now`."""
        if self.user:
            self.user.advance(now)

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is slow, makes errors, or is down; what it had at hand then counts as answered."""
        if what == "slow":
            self.slow = math.prod(amounts)
        elif what == "errors":
            self.errors = together(amounts)
        else:
            self.down, self.inside = bool(amounts), 0.0
            self.standing = self.stood = self.delayed = self.ripple = 0.0

    def wired(self) -> None:
        """An application asks it."""
        if self.user is None:
            raise LabsimError(f"nobody asks {self.name}: an elasticache.SampledApplication does")

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """It follows no single request."""
        raise ParameterError("to", self.name, "an elasticache.SampledApplication in front of it")

    def take(self, times: np.ndarray) -> None:
        """It follows no single request."""
        self.feed([times])

    # -- at the end of the run ---------------------------------------------------------------------

    @cached_property
    def _columns(self) -> np.ndarray:
        return np.array(self.rows, dtype=float).reshape(-1, BUSY + 1).T.copy()

    @property
    def accepted(self) -> int:
        """Requests that it worked on or will."""
        return int(self._columns[ADMITTED].sum())

    @property
    def turned_away(self) -> int:
        """Requests that would have waited too long."""
        return int(self._columns[TURNED].sum())

    @property
    def failures(self) -> int:
        """Those, and those answered with an error."""
        return self.turned_away + self.mistakes

    @property
    def busy_seconds(self) -> float:
        """Seconds that servers were kept by requests."""
        return float(self._columns[BUSY].sum())

    @property
    def server_seconds(self) -> float:
        """Seconds of all servers."""
        return self.servers * self.sim.duration

    def time_mean(self) -> float:
        """Mean time from arrival to answer, s."""
        return float(self._columns[ADMITTED] @ self._columns[TIME]) / max(self.accepted, 1)

    def in_flight_mean(self) -> float:
        """Requests that wait or are worked on, average over the run."""
        return float(self._columns[MEAN] @ self._columns[LENGTH]) / self.sim.duration

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests that come, wait and are worked on."""
        t, ends = self.record.t, self._columns[END]
        accepted = np.diff(np.interp(t, np.append(0.0, ends),
                                     np.append(0.0, np.cumsum(self._columns[ADMITTED]))))
        inside = np.round(np.interp(t, np.append(0.0, ends), np.append(0.0, self._columns[INSIDE])))
        queue = np.maximum(0.0, inside - self.servers)
        return {"accepted_rate": per_tick(accepted / self.sim.tick, "req/s"),
                "in_flight": (inside, "requests"), "queue": (queue, "requests"),
                "in_service": (inside - queue, "requests")}

    def cost(self) -> dict[str, float]:
        """By the hour."""
        return measures.bill(self.price, self.sim.duration)
