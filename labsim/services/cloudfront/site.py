"""What a site has to show: objects with sizes, favourites among them, releases that change them.

Picture a publisher's list: a few titles that everybody wants, many that hardly anybody does. Every
so often new editions come out, and all printed copies of those titles are old.

*Models:* objects with lognormal sizes and Zipf popularity; releases at equal intervals that change
each object by chance; new names for what has changed.
*Leaves out:* new objects, favourites that change, pages that are made for one viewer.

Control plane: one event per release.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from labsim.declare import Component, Count
from labsim.engine import Order, Simulation, draw_keys, popularity
from labsim.errors import ParameterError

FOLLOWED = 200      # objects that stand for all where there are more


@dataclass(frozen=True)
class Sample:
    """Objects that stand for all of a site: which (`one`), for how many objects each, the share of
    all requests that each of these has, and their mean size in bytes; arrays of one length."""

    one: np.ndarray
    stands: np.ndarray
    share: np.ndarray
    size: np.ndarray


@lru_cache(4)
def shares(objects: int, skew: float) -> np.ndarray:
    """`popularity`, kept for the next run: of many objects it takes as long as a run."""
    found = popularity(objects, skew)
    found.flags.writeable = False
    return found


class Site(Component):
    """A site with so many `objects`: `size` bytes in the mean, lognormal with `size_cv`, asked for
    by Zipf's law with exponent `skew`.

    Every `change_every` s (0: never) each changes with the chance `change_share`. versioned: a
    changed object gets a new name, and every page that leads to it says so at once.
    sizes_random, changes_random: by default streams of its own.
    """

    METRICS = (Count("releases", "times", "times that the site changed", "", lambda s: s.releases),)
    control = True

    def __init__(self, sim: Simulation, name: str, objects: int = 100, size: float = 5e6, *,
                 size_cv: float = 1.0, skew: float = 1.0, change_every: float = 0.0,
                 change_share: float = 0.3, versioned: bool = False,
                 sizes_random: np.random.Generator | None = None,
                 changes_random: np.random.Generator | None = None):
        super().__init__(sim, name)
        for what, value, least, most in (
                ("objects", objects, 1, np.inf), ("size", size, 0, np.inf),
                ("size_cv", size_cv, 0, np.inf), ("skew", skew, 0, np.inf),
                ("change_every", change_every, 0, np.inf), ("change_share", change_share, 0, 1)):
            if not least <= value <= most:
                raise ParameterError(what, value, f"from {least:g} to {most:g}")
        self.objects, self.size, self.versioned = objects, size, versioned
        self.change_every, self.change_share, self.releases = change_every, change_share, 0
        self.popularity = shares(objects, skew)
        self.size_cv = size_cv
        self._sizes_random = sizes_random or sim.stream(f"{name} sizes")
        self.version = np.zeros(objects, dtype=np.int64)
        self.name_now = np.arange(objects)
        self.changed = np.full(objects, -np.inf)    # when, the last time; s
        self.served_by: list = []                   # deliveries, which hear of each release
        if change_every:
            sim.process(self._releases(changes_random or sim.stream(f"{name} releases")))

    @cached_property
    def sizes(self) -> np.ndarray:
        """Of each object, bytes."""
        return self.size * self._lognormal(self._sizes_random.standard_normal(self.objects))

    def _lognormal(self, normal: np.ndarray) -> np.ndarray:
        """Sizes over their mean."""
        spread = np.log1p(self.size_cv**2)
        return np.exp(np.sqrt(spread) * normal - spread / 2)

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        """So many objects, as viewers ask for them."""
        return draw_keys(self.popularity, n, random)

    @cached_property
    def sample(self) -> "Sample":
        """At most `FOLLOWED` objects that stand for all: the most popular ones for themselves, the
        others for a class of neighbours in rank each, wider and wider."""
        singles = self.objects if self.objects <= FOLLOWED else FOLLOWED // 2
        ends = np.arange(1, singles + 1)
        if singles < self.objects:
            wide = np.geomspace(singles, self.objects, FOLLOWED - singles + 1)[1:]
            ends = np.unique(np.append(ends, np.maximum(np.ceil(wide), singles + 1)))
        ends = ends.astype(np.int64)
        first = np.append(0, ends[:-1])
        stands = ends - first
        normal = self._sizes_random.standard_normal(len(ends))
        sizes = np.where(stands == 1, self._lognormal(normal),
                         np.maximum(1.0 + self.size_cv * normal / np.sqrt(stands), 0.1))
        return Sample((first + ends - 1) // 2, stands,
                      np.add.reduceat(self.popularity, first) / stands, self.size * sizes)

    def change(self, objects: np.ndarray) -> None:
        """These have other contents from now on."""
        self.version[objects] += 1
        self.changed[objects] = self.sim.now
        if self.versioned:
            self.name_now[objects] += self.objects

    def _releases(self, random: np.random.Generator):
        while True:
            yield self.sim.until((self.releases + 1) * self.change_every, Order.CAPACITY)
            self.releases += 1
            for delivery in self.served_by:
                delivery.advance(self.sim.now)
            changed = np.flatnonzero(random.random(self.objects) < self.change_share)
            self.change(changed)
            self.log("release", f"{len(changed):,} objects changed")
            for delivery in self.served_by:
                delivery.released(changed)
