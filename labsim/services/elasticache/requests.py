"""Reads and writes of keys: what each asks for is drawn as it comes, unless it says so.

Picture the slips that readers fill in at the library's counter: the number of a book, and, what
only the archive knows yet, how long it would take to fetch.

*Models:* keys by popularity, exponential or other work, a die for the TTL. *Leaves out:* readers
who ask for the same thing again because they liked it.
"""

from collections.abc import Iterator

from labsim.declare import Asked
from labsim.engine import draw_keys
from labsim.engine.agenda import Call
from labsim.services.rds.database import Query

DRAWN = 4_096       # requests that are drawn at a time


class Read(Call):
    """A call that asks an application for this `key`, a number."""

    __slots__ = ("key",)

    def __init__(self, back, key: int, asker=None):
        super().__init__(back, asker)
        self.key = key


class Miss(Query):
    """A read or write that goes to the database: what was `asked`, for which `key`, with which
    `die`; a read's `row` in the results. `before`: who was fetching the same then; `there`: when
    the answer is in the cache, s; `over`: nothing comes of it any more; `waiting`: rows of others
    that wait for it, and what they asked; `old`: an expired value to fall back on. shared: it
    is wanted though who began it has gone."""

    __slots__ = ("asked", "key", "die", "row", "before", "there", "over", "waiting", "old")

    def __init__(self, t: float, asked: Call, key: int, takes: float, die: float,
                 row: int | None = None, old: list | None = None, shared: bool = False):
        super().__init__(asked.back, None if shared else asked)
        self.came, self.asked, self.key, self.takes, self.die = t, asked, key, takes, die
        self.row, self.old, self.before, self.there, self.over = row, old, None, None, False
        self.waiting: list[tuple[int, Call]] = []


class Writes(Asked):
    """The way into an application for writes: `sim.send(load, to=app.writes)`."""

    boxed = False

    def __init__(self, app):
        super().__init__(app.sim, f"{app.name} writes")
        self.part = app     # where arrows to it end

    def wired(self) -> None:
        """Nobody need write."""
        if self._sent or self.askers or self.fed_by:
            super().wired()

    def ask(self, t: float, call: Call) -> None:
        """A write of a key comes."""
        self.part.write(t, call)


def drawn(app, what: str) -> Iterator[tuple[int, float, float]]:
    """(key, work of the database, s, a die for the TTL) of each of the `what`, one by one."""
    keys, work, dice = (app.random(f"{use} of {what}") for use in ("keys", "work", "dice"))
    while True:
        yield from zip(draw_keys(app.shares, DRAWN, keys).tolist(),
                       app.database.work.draw(DRAWN, work).tolist(), dice.random(DRAWN).tolist())
