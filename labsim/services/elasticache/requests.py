"""Reads and writes of keys: what each asks for is drawn as it comes.

Picture the slips that readers fill in at the library's counter: the number of a book, and, what
only the archive knows yet, how long it would take to fetch.

*Models:* keys by popularity, exponential or other work, a die for the TTL. *Leaves out:* readers
who ask for the same thing again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from labsim.declare import Component
from labsim.declare.component import Port, Producers, producers_name
from labsim.engine import Rows, draw_keys, merged


@dataclass(frozen=True)
class Requests(Rows):
    """Reads and writes: the key, how long the database would work on it, s, a die for its TTL, and
    whether it is a write."""

    key: np.ndarray
    work: np.ndarray
    die: np.ndarray
    write: np.ndarray


class Way(Port):
    """A way into an application, its reads or its writes: `sim.send(load, to=app.writes)`."""

    def __init__(self, part: Component, what: str):
        super().__init__(part)
        self.sim, self.name, self.what = part.sim, f"{part.name} {what}", what
        self.sources: list[Iterable[np.ndarray]] = []
        self.dice = [part.random(f"{use} of {what}") for use in ("keys", "work", "dice")]

    @property
    def fed_by(self) -> list[Component]:
        """Whose outlets lead to its part."""
        return self.part.fed_by

    def sent(self, load, name: str = "") -> Producers:
        """Clients send requests this way at the rate of `load`; see `Simulation.send`."""
        return Producers(self.sim, name or producers_name(self), load, self)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted)."""
        self.sources.append(blocks)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), which another part has just given out."""
        self.part.taken.append(self.made(times))

    def made(self, times: np.ndarray) -> Requests:
        """Requests at `times`: which keys they ask for, and the rest, is drawn."""
        n, (keys, work, dice) = len(times), self.dice
        return Requests(times, draw_keys(self.part.shares, n, keys),
                        self.part.database.work.draw(n, work), dice.random(n),
                        np.full(n, self.what == "writes"))

    def blocks(self) -> Iterator[Requests]:
        """All that is fed."""
        for times in merged(self.sources):
            self.sim.check()
            yield self.made(times)
