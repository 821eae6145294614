"""Viewers all over the world: who asks for what, when and from where.

Picture people in armchairs on four continents. Each wants what the others want, mostly, and most of
them want it in the evening.

*Models:* Poisson requests from each region, by day and night; objects by popularity; any edge of
the region; how old a signed URL is when it is clicked (exponential). Of a file's traffic each count
is exact, and each region has its share of it at any time.
*Leaves out:* a viewer's own cache and second visit; who waits no longer.

Data plane: counted where they alone come to a delivery, tick by tick; else request-level, drawn at
once. Times before 0 are the warm-up.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np

from labsim.declare import Component, Count, Line, Panel, per_tick
from labsim.declare.retry import Retry
from labsim.engine import RateCurve, Replayed, Rows, Simulation, together
from labsim.errors import ParameterError
from labsim.services.common import regions as world

SHARES = 0.4, 0.3, 0.2, 0.1     # of the requests, by region: an assumption


@dataclass(frozen=True)
class Requests(Rows):
    """Requests: when (`t`, s), the viewer's region, the object, a number from [0, 1) that decides
    which edge it is, and how old the URL is, s."""

    region: np.ndarray
    one: np.ndarray
    place: np.ndarray
    age: np.ndarray


@runtime_checkable
class Delivering(Protocol):
    """a cloudfront.Distribution or cloudfront.Buckets"""

    visitors: list


class Viewers(Component):
    """Viewers who send `rate` requests per second to a delivery, in the mean of a day; or those of
    a file (`Replayed`), and in the warm-up as many as in its mean.

    shares: by region. swing: how much more they ask in their evening. warm_up: how long before
    the start they begin, s. follow: each request is followed, even if nobody needs it. retry: what
    they do when there is an error, or no first byte in time (`labsim.retry`), from 0 s on; by
    default nobody comes back. random(use): the generator for each use; by default streams of its
    own.
    """

    METRICS = (Count("offered", "requests", "requests that viewers sent", "",
                     lambda v: v.sent.sum()),)
    PANELS = (Panel("Offered", (Line("offered", "offered_rate"),)),)
    shows = (("req/s", "offered_rate"),)

    def __init__(self, sim: Simulation, name: str, rate: float | Replayed, to: Delivering, *,
                 shares: tuple[float, ...] = SHARES, swing: float = 0.0, warm_up: float = 0.0,
                 follow: bool = False, retry: Retry | None = None,
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        if len(shares) != len(world.REGIONS):
            raise ParameterError("shares", shares, f"one of each of {', '.join(world.REGIONS)}")
        self.counted = isinstance(rate, Replayed)       # it is known how many come
        mean = rate.total / sim.duration if self.counted else rate
        for what, value in (("rate", mean), ("shares", min(shares)), ("swing", swing),
                            ("warm_up", warm_up)):
            if not value >= 0:
                raise ParameterError(what, value, "at least 0")
        if swing > 1 or sum(shares) > 1 + 1e-9:
            what = "swing" if swing > 1 else "shares"
            raise ParameterError(what, swing if swing > 1 else shares, "at most 1, all together")
        self.random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.warm_up, self.follow, self.retry = warm_up, follow, retry
        self._to = weakref.ref(to)
        self._curves = rate.split(shares) if self.counted else [
            world.awake(here, rate * share, swing, -warm_up, sim.duration)
            for here, share in enumerate(shares)]
        to.visitors.append(self)
        self.link(to)

    def expected(self, t: np.ndarray) -> np.ndarray:
        """How many requests to expect from each region between the instants `t`, (len(t) - 1,
        regions)."""
        if self.counted:
            return np.stack([np.diff(np.interp(t, curve.t, curve.cumulative) + (
                curve.total / self.sim.duration) * np.minimum(t, 0.0))
                for curve in self._curves], axis=1)
        return np.stack([curve.expected(t + self.warm_up) for curve in self._curves], axis=1)

    def totals(self) -> np.ndarray | None:
        """How many requests there are from each region, if that is known, (regions,)."""
        return np.array([curve.total for curve in self._curves]) if self.counted else None

    def _times(self, here: int) -> Iterator[np.ndarray]:
        """When they come from a region, s, in blocks."""
        curve, dice = self._curves[here], self.random(f"viewers {world.REGIONS[here]}")
        if self.counted and self.warm_up:
            before = RateCurve.steady(curve.total / self.sim.duration, self.warm_up)
            yield from (block - self.warm_up for block in before.arrivals(dice))
        for block in curve.arrivals(dice):
            yield block if self.counted else block - self.warm_up

    @cached_property
    def requests(self) -> Requests:
        """All of them, one by one."""
        to, columns = self._to(), []
        for here, region in enumerate(world.REGIONS):
            columns.append(requests(
                np.concatenate([*self._times(here), np.empty(0)]), np.full(1, here), to,
                lambda use, region=region: self.random(f"{use} {region}")))
        return together(columns)

    @cached_property
    def sent(self) -> np.ndarray:
        """Requests of each tick, warm-up aside, (ticks,)."""
        to = self._to()
        if to.crowd:
            return to.books.offered
        t = self.requests.t
        return np.histogram(t[t >= 0], self.record.t)[0]

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests sent per second."""
        return {"offered_rate": per_tick(self.sent / self.sim.tick, "req/s")}


def requests(t: np.ndarray, region: np.ndarray, to, random: Callable) -> Requests:
    """Requests at these times from a region (or one each) to a delivery: what for, and where."""
    n = len(t)
    objects = to.site.draw(n, random("objects"))
    place = random("edges").random(n)
    age = random("clicks").exponential(to.click_delay, n) if to.url_lifetime else np.zeros(n)
    return Requests(t, np.broadcast_to(region, n), objects, place, age)


def anybody(blocks: Iterable[np.ndarray], to, random: Callable) -> Iterator[Requests]:
    """Requests at the times of `blocks` (s, sorted), from all over the world."""
    kept = {use: random(use) for use in ("regions", "objects", "edges", "clicks")}
    for t in blocks:
        where = np.searchsorted(np.cumsum(SHARES), kept["regions"].random(len(t)), side="right")
        yield requests(t, np.minimum(where, len(SHARES) - 1), to, kept.get)
