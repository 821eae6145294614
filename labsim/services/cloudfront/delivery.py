"""Who answers the viewers of a site, by edges or by buckets; what came of each request.

Picture the counter of a shop, whoever stands behind it: who comes is noted with what he wanted, how
long he waited, and whether what he got was old.

*Models:* requests of viewers, of strangers and of other parts; signed URLs, looked at as a request
begins; a region whose edges answer nobody; books of all requests. *Leaves out:* how an answer is
found: that is in `distribution` and `buckets`; that DNS sends viewers on to another region's edges.

Data plane: viewers who come alone are counted (see `crowd`); what other parts send, ask or get is
followed request by request, in the viewers' order.
"""

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from labsim.declare import Outlet, adds_up
from labsim.declare.asked import Asked
from labsim.declare.faults import DOWN, FaultKind
from labsim.engine import Simulation, Source, together
from labsim.engine.agenda import Call
from labsim.errors import LabsimError, ParameterError, require
from labsim.services.cloudfront import bill, rules
from labsim.services.cloudfront.books import ANSWERS, METRICS, PANELS, Books
from labsim.services.cloudfront.origin import Origin
from labsim.services.cloudfront.site import Site
from labsim.services.cloudfront.tally import ERROR, HIT, followed
from labsim.services.cloudfront.viewers import Requests, anybody
from labsim.services.common import regions as world

AT_ONCE = 4_096     # requests between two looks at whether the run was cancelled


class Delivery(Asked):
    """Answers viewers of `site`, whose origin is `origin`. Requests come from `cloudfront.Viewers`,
    by `sim.send(load, to=delivery)`, from another part's outlet, or from parts and clients that
    wait for the answer; all but the first come from all over the world. `misses` is the outlet of
    those that the origin is asked; `done` and `failed` are those of whoever waits for the answer,
    who has it with its first byte; so is what goes on by `then`.

    places: edges or buckets per region. serving: the region that serves each. random(use): the
    generator for each use.
    """

    METRICS, PANELS = METRICS, PANELS
    INVARIANTS = (adds_up("offered", "completed", "failed", "refused", "open_end"),
                  adds_up("attempts", "offered", "retries"),
                  ANSWERS)
    shows = (("req/s", "offered_rate"), ("hits", "hit_ratio"))
    alarm = "failed_rate"
    by_edges = False
    url_lifetime = click_delay = 0.0    # of signed URLs; s
    invocations = evictions = paths = 0     # of a function; copies thrown out; paths invalidated
    shielded = 0                            # requests to Origin Shield from other regions
    function_time = viewer_time = 0.0       # of a function; at the viewer's trigger; s

    def __init__(self, sim: Simulation, name: str, site: Site, origin: Origin, *, places: int,
                 serving: list[int], random: Callable | None = None):
        super().__init__(sim, name)
        self.site, self.origin, self.places, self.serving = site, origin, places, serving
        self.random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.misses = Outlet(self)
        self.crowd = None                   # the viewers, where they are counted
        self.visitors: list = []            # `Viewers`
        self._begun = False
        self.requests: list[Requests] = []
        self.admitted: list[np.ndarray] = []
        self._sources: list[Source] = []
        self._taken: list[Requests] = []
        self.count = 0                      # of requests let in so far
        # Of these, of which were more than a hit of a copy that is there and right:
        self.noted: list[tuple[int, int, float]] = []   # which, how it went, how long it took (s)
        self.shared: list[int] = []         # waited for a fetch under way
        self.old: list[int] = []
        self.old_for: list[float] = []      # how long there had been a newer version, s
        self.unchanged: list[int] = []      # the origin's answer was 304
        self.asked: list[float] = []        # when an origin was asked, s
        self._given = 0
        self.gone = np.zeros(len(world.REGIONS), dtype=bool)    # regions whose edges are down
        site.served_by.append(self)
        origin.asked_by.append(self)
        self.link(origin)

    # -- wiring ------------------------------------------------------------------------------

    def expect(self, blocks: Iterable[Requests]) -> None:
        """These requests will come."""
        self._sources.append(Source(iter(blocks)))

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted), from all over the world."""
        self.expect(anybody(blocks, self, lambda use: self.random(f"fed {use}")))

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        self._taken += anybody([times], self, self._others)

    @cached_property
    def _others(self) -> Callable:
        streams = {use: self.random(f"given {use}")
                   for use in ("regions", "objects", "edges", "clicks")}
        return streams.get

    @property
    def is_fed(self) -> bool:
        """Whether requests come to it other than in the course of what comes to others."""
        return bool(self._sources or self.visitors) or super().is_fed

    def wired(self) -> None:
        """It has to have somebody who asks, and who waits if something is to go on."""
        self.heard()
        if self.askers:
            super().wired()
        elif not self._sources and not self.fed_by and not self.visitors:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")
        for who in self.visitors:
            if who.retry and not self._alone:
                raise ParameterError("retry", who.retry, "None, where others ask, too: these "
                                     "viewers are followed; sim.send(load, to=..., retry=...) has "
                                     "clients that come back").of(who.name)

    @property
    def _alone(self) -> bool:
        """Whether the viewers are alone, and nobody needs to know when each came."""
        return len(self.visitors) == 1 and not (
            self._sources or self.fed_by or self.askers or self.misses.connected
            or self.visitors[0].follow)

    def _begin(self) -> None:
        """Count the viewers if that is enough."""
        if self._alone:
            self.crowd = self.counted(self.visitors[0])
        else:
            self._sources += [Source(iter([who.requests])) for who in self.visitors]

    def counted(self, viewers):
        """The viewers as a crowd, which is asked to `advance` and, at the end, for its `tally`."""
        raise NotImplementedError

    # -- requests ----------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Answer all requests that came up to and including `now` s."""
        if self.askers:
            self.sim.agenda.advance(now)
        for part in self.fed_by:
            part.advance(now)
        if not self._begun:
            self._begun = True
            self._begin()
        if self.crowd:
            return self.crowd.advance(now)
        self._follow(now)
        if self.misses.connected:
            asked = [t for t in self.asked[self._given:] if t >= 0]
            self._given = len(self.asked)
            self.misses.give(np.sort(np.minimum(asked, now)))
        self.done.flush()
        self.failed.flush()

    def _follow(self, now: float) -> None:
        """Requests that nobody waits for, up to `now` s."""
        pieces, self._taken = self._taken, []
        pieces += [piece for source in self._sources for piece in source.upto(now)]
        if pieces:
            self._come(together(pieces))

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s, from anywhere in the world."""
        if not self._begun:
            self._begun = True
            self._begin()
        self._follow(t)
        request, = anybody([np.array([t])], self, self._others)
        noted, count = len(self.noted), self.count
        self._come(request)
        _, kind, wait = self.noted[-1] if len(self.noted) > noted else (0, HIT, 0.0)
        if self.count == count:     # its URL has expired
            kind = ERROR
        here = request.region[0]
        trip = self.trips()[here, self.serving[here]]
        self.sim.agenda.at(t + world.first_byte(trip, wait + self.viewer_time), self._told,
                           (call, kind != ERROR))

    def _told(self, t: float, what: tuple[Call, bool]) -> None:
        self.answer(t, *what)

    # -- faults --------------------------------------------------------------------------------

    def breakable(self) -> dict[str, dict[str, FaultKind]]:
        """All that serves from a region, such as "cdn-europe"."""
        return {f"{self.name}-{world.REGIONS[here]}": {"down": DOWN}
                for here in sorted({*self.serving})}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """Who is served from that region gets an error; its caches keep what they have."""
        region = world.REGIONS.index(piece.removeprefix(f"{self.name}-"))
        self.gone[region] = bool(amounts)
        if self.crowd:
            self.crowd.stirred()

    def _come(self, requests: Requests) -> None:
        let_in = np.ones(len(requests), dtype=bool)
        if self.url_lifetime:
            let_in = np.array(rules.admitted(requests.age.tolist(), self.url_lifetime), dtype=bool)
        self.requests.append(requests)
        self.admitted.append(let_in)
        served = requests.part(let_in) if self.url_lifetime else requests
        where = np.array(self.serving)[served.region]
        edge = where * self.places + (served.place * self.places).astype(np.int64)
        first, self.count = self.count, self.count + len(served)
        if not self.gone.any():
            return self.serve(first, served.t.tolist(), served.one, edge.tolist())
        gone = self.gone[where]
        for run in np.split(np.arange(len(served)), np.flatnonzero(np.diff(gone)) + 1):
            if len(run) and gone[run[0]]:
                self.noted += [(first + i, ERROR, 0.0) for i in run.tolist()]
            elif len(run):
                self.serve(first + int(run[0]), served.t[run].tolist(), served.one[run],
                           edge[run].tolist())

    def serve(self, first: int, times: list[float], objects: np.ndarray,
              edges: list[int]) -> None:
        """Answer these requests, the first of which has number `first`."""
        raise NotImplementedError

    def released(self, objects: np.ndarray) -> None:
        """The site has changed these, now."""

    def look(self, i: int, now: float, one: int, version: int) -> None:
        """Whether a newer version than this is out, when request `i` is answered with it."""
        if version != self.site.version[one]:
            self.old.append(i)
            self.old_for.append(now - self.site.changed[one])

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def books(self) -> Books:
        """What came of the requests, worked out once."""
        return Books(self, self.crowd.tally() if self.crowd else followed(self))

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        return self.books.series()

    @cached_property
    def month(self) -> dict[str, float]:
        """{line: USD} for a month that goes on as this run."""
        return self.bill(bill.MONTH / self.sim.duration)

    def bill(self, months: float) -> dict[str, float]:
        """{line: USD} for a month of so many runs like this one."""
        raise NotImplementedError

    def cost(self) -> dict[str, float]:
        """{line: USD}: this run's part of the month."""
        return {line: usd * self.sim.duration / bill.MONTH for line, usd in self.month.items()}

    def trips(self) -> np.ndarray:
        """Round trips from a viewer in each region to who serves him in each, s."""
        return np.array([[world.viewer_trip(self.places) if here == there
                          else world.ROUND_TRIP[here][there] for there in range(len(world.REGIONS))]
                         for here in range(len(world.REGIONS))])


def within(**given: tuple[float, float, float]) -> None:
    """ParameterError for the first of {name: (value, least, most)} that is outside."""
    for name, (value, least, most) in given.items():
        require(name, value, least, most, endless=True)
