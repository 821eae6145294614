"""Reads and writes of keys: what each asks for is drawn as it comes, unless it says so.

Picture the slips that readers fill in at the library's counter: the number of a book, and, what
only the archive knows yet, how long it would take to fetch.

*Models:* keys by popularity, exponential or other work, a die for the TTL. *Leaves out:* readers
who ask for the same thing again because they liked it.
"""

from collections.abc import Callable, Iterator

from labsim.declare import Asked
from labsim.declare.users import Request
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
    `die`; a read's `row` in the results. `before`: who was fetching the same then; `over`: nothing
    comes of it any more; `waiting`: rows of others that wait for it, and what they asked; `old`: an
    expired value to fall back on. shared: it is wanted though who began it has gone."""

    __slots__ = ("asked", "key", "die", "row", "before", "beside", "over", "waiting", "old")

    def __init__(self, t: float, asked: Call, key: int, takes: float, die: float,
                 row: int | None = None, old: list | None = None, shared: bool = False):
        super().__init__(asked.back, None if shared else asked)
        self.came, self.asked, self.key, self.takes = t, asked, key, takes
        self.die, self.row, self.old = die, row, old
        self.before, self.beside, self.over = None, 0, False
        self.waiting: list[tuple[int, Call]] = []


class Writes(Asked):
    """The way into an application for writes: `sim.send(load, to=app.writes)`."""

    boxed = False

    def __init__(self, app, drawn: Callable[[], tuple]):
        super().__init__(app.sim, f"{app.name} writes")
        self.part, self._drawn = app, drawn     # part: where arrows to it end

    @property
    def in_course(self) -> list[tuple[float, Asked]]:
        """The database, of each write."""
        return [(1.0, self.part.database)]

    def wired(self) -> None:
        """Nobody need write."""
        if self._sent or self.askers or self.fed_by:
            super().wired()

    def ask(self, t: float, call: Call) -> None:
        """A write of a key comes."""
        self.part.write(t, *asked(call, self._drawn), call)


def asked(call: Call, drawn: Callable[[], tuple]) -> tuple[int, float, float]:
    """The next as `drawn`, but for the key: that of a `Read`; and whoever tries again, or makes
    others try again for him, wants what he wanted before."""
    key, work, die = drawn()
    if isinstance(call, Read):
        return call.key, work, die
    request, asker = None, call.asker
    while asker is not None:
        if isinstance(asker, Request):
            request = asker
        asker = asker.asker
    if request is not None:
        if request.wants is None:
            request.wants = {}
        key = request.wants.setdefault(call.back, key)      # each of several reads has its own
    return key, work, die


def drawn(app, what: str) -> Iterator[tuple[int, float, float]]:
    """(key, work of the database, s, a die for the TTL) of each of the `what`, one by one."""
    keys, work, dice = (app.random(f"{use} of {what}") for use in ("keys", "work", "dice"))
    while True:
        yield from zip(draw_keys(app.shares, DRAWN, keys).tolist(),
                       app.database.work.draw(DRAWN, work).tolist(), dice.random(DRAWN).tolist())
