"""What a site has to show: objects with sizes, favourites among them, releases that change them.

Picture a publisher's list: a few titles that everybody wants, many that hardly anybody does. Every
so often new editions come out, and all printed copies of those titles are old.

*Models:* objects with lognormal sizes and Zipf popularity; releases at equal intervals that change
each object by chance; new names for what has changed.
*Leaves out:* new objects, favourites that change, pages that are made for one viewer.

Control plane: one event per release.
"""

import numpy as np

from labsim.declare import Component, Count
from labsim.engine import Order, Simulation, draw_keys, popularity
from labsim.errors import ParameterError


class Site(Component):
    """A site with so many `objects`: `size` bytes in the mean, lognormal with `size_cv`, asked for
    by Zipf's law with exponent `skew`.

    Every `change_every` s (0: never) each changes with the chance `change_share`. versioned: a
    changed object gets a new name, and every page that leads to it says so at once.
    sizes_random, changes_random: by default streams of its own.
    """

    METRICS = (Count("releases", "", "times that the site changed", "", lambda s: s.releases),)
    control = True

    def __init__(self, sim: Simulation, name: str, objects: int = 100, size: float = 5e6, *,
                 size_cv: float = 1.0, skew: float = 1.0, change_every: float = 0.0,
                 change_share: float = 0.3, versioned: bool = False, sizes_random=None,
                 changes_random=None):
        super().__init__(sim, name)
        for what, value, least, most in (
                ("objects", objects, 1, np.inf), ("size", size, 0, np.inf),
                ("size_cv", size_cv, 0, np.inf), ("skew", skew, 0, np.inf),
                ("change_every", change_every, 0, np.inf), ("change_share", change_share, 0, 1)):
            if not least <= value <= most:
                raise ParameterError(what, value, f"from {least:g} to {most:g}")
        self.objects, self.size, self.versioned = objects, size, versioned
        self.change_every, self.change_share, self.releases = change_every, change_share, 0
        self.popularity = popularity(objects, skew)
        spread = np.log1p(size_cv**2)
        normal = (sizes_random or sim.stream(f"{name} sizes")).standard_normal(objects)
        self.sizes = (size * np.exp(np.sqrt(spread) * normal - spread / 2)).tolist()
        self.version = [0] * objects
        self.name_now = list(range(objects))
        self.changed = [float("-inf")] * objects    # when, the last time; s
        self.served_by: list = []                   # deliveries, which hear of each release
        if change_every:
            sim.process(self._releases(changes_random or sim.stream(f"{name} releases")))

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        """So many objects, as viewers ask for them."""
        return draw_keys(self.popularity, n, random)

    def change(self, objects: list[int]) -> None:
        """These have other contents from now on."""
        for one in objects:
            self.version[one] += 1
            self.changed[one] = self.sim.now
            if self.versioned:
                self.name_now[one] += self.objects

    def _releases(self, random: np.random.Generator):
        while True:
            yield self.sim.until((self.releases + 1) * self.change_every, Order.CAPACITY)
            self.releases += 1
            for delivery in self.served_by:
                delivery.advance(self.sim.now)
            changed = np.flatnonzero(random.random(self.objects) < self.change_share).tolist()
            self.change(changed)
            self.log("release", f"{len(changed):,} objects changed")
            for delivery in self.served_by:
                delivery.released(changed)
