"""Who answers the viewers of a site, by edges or by buckets; what came of each request.

Picture the counter of a shop, whoever stands behind it: who comes is noted with what he wanted, how
long he waited, and whether what he got was old.

*Models:* requests of viewers, of strangers and of other parts; signed URLs, looked at as a request
begins; books of all requests. *Leaves out:* how an answer is found: that is in `distribution` and
`buckets`.

Data plane: viewers who come alone are counted (see `crowd`); what other parts send or get is
followed request by request, in the viewers' order.
"""

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from labsim.declare import Component, Outlet, adds_up
from labsim.engine import Simulation, Source, together
from labsim.errors import LabsimError, require
from labsim.services.cloudfront import bill, rules
from labsim.services.cloudfront.books import METRICS, PANELS, Books
from labsim.services.cloudfront.origin import Origin
from labsim.services.cloudfront.site import Site
from labsim.services.cloudfront.tally import followed
from labsim.services.cloudfront.viewers import Requests, anybody
from labsim.services.common import regions as world

AT_ONCE = 4_096     # requests between two looks at whether the run was cancelled


class Delivery(Component):
    """Answers viewers of `site`, whose origin is `origin`. Requests come from `cloudfront.Viewers`,
    by `sim.send(load, to=delivery)` or from another part's outlet; those of the latter come from
    all over the world. `misses` is the outlet of those that the origin is asked.

    places: edges or buckets per region. serving: the region that serves each. random(use): the
    generator for each use.
    """

    METRICS, PANELS = METRICS, PANELS
    INVARIANTS = (adds_up("offered", "completed", "failed", "refused"),
                  adds_up("completed", "edge_hits", "regional_hits", "shield_hits", "from_origin",
                          "from_second", "expired_served"))
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
        site.served_by.append(self)
        origin.asked_by.append(self)
        self.link(origin)
        sim.on_advance(self.advance)

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

    def wired(self) -> None:
        """It has to have somebody who asks."""
        if not self._sources and not self.fed_by and not self.visitors:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")

    def _begin(self) -> None:
        """Count the viewers if they are alone and nobody needs to know when each came."""
        alone = len(self.visitors) == 1 and not (
            self._sources or self.fed_by or self.misses.connected)
        if alone and not self.visitors[0].follow:
            self.crowd = self.counted(self.visitors[0])
        else:
            self._sources += [Source(iter([who.requests])) for who in self.visitors]

    def counted(self, viewers):
        """The viewers as a crowd, which is asked to `advance` and, at the end, for its `tally`."""
        raise NotImplementedError

    # -- requests ----------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Answer all requests that came up to and including `now` s."""
        for part in self.fed_by:
            part.advance(now)
        if not self._begun:
            self._begun = True
            self._begin()
        if self.crowd:
            return self.crowd.advance(now)
        pieces, self._taken = self._taken, []
        pieces += [piece for source in self._sources for piece in source.upto(now)]
        if pieces:
            self._come(together(pieces))
        if self.misses.connected:
            asked = [t for t in self.asked[self._given:] if t >= 0]
            self._given = len(self.asked)
            self.misses.give(np.sort(np.minimum(asked, now)))

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
        self.serve(first, served.t.tolist(), served.one, edge.tolist())

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
