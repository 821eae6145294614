"""Users and their requests: people who think, ask, wait for the answer, and think again.

Picture a classroom with so many pupils, each of whom raises his hand again some time after he has
been answered: however slow the teacher gets, there are never more hands than pupils.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from labsim.engine import ServiceTimes
from labsim.engine.agenda import Call
from labsim.errors import ParameterError, require


@dataclass(frozen=True)
class Users:
    """A closed loop: so many users, each of whom thinks (`think`, a `ServiceTimes`), asks, waits
    for the answer or gives up, and thinks again."""

    count: int
    think: ServiceTimes

    def __post_init__(self):
        require("count", self.count, 1, whole=True)
        if not isinstance(self.think, ServiceTimes):
            raise ParameterError("think", self.think, "how long users think, such as "
                                 "labsim.exponential(5)")


@runtime_checkable
class Answering(Protocol):
    """a part that answers requests one by one, or a way into one"""

    def asked_by(self, asker) -> None:
        """`asker` is going to ask it."""

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s."""

    def give_up(self, t: float, call: Call) -> None:
        """Whoever has made the call waits no more."""


class Request:
    """What a client wants: asked by attempts, of which `tries` have been made and `out` are waited
    for. It is a call to nobody itself, in whose course they are made
    (`labsim.engine.agenda.Call`). wait: before its last retry, s; paid: tokens that it took.
    wants: what it is about, which the part that is asked keeps here: each attempt is about the
    same.
    """

    __slots__ = ("sent", "tries", "wait", "paid", "client", "out", "then", "asker", "gone",
                 "wants")

    def __init__(self, sent: float, client: int, then, asker):
        self.sent, self.client, self.then, self.asker = sent, client, then, asker
        self.gone, self.wants = False, None
        self.tries = self.out = 0
        self.wait = self.paid = 0.0


def nobody_waits(part, what: str, load, retry) -> None:
    """ParameterError for clients who wait for answers of a part, or a way into one, that gives
    none; what: of which kind it is."""
    for name, given in (("retry", retry), ("load", load)):
        if name == "retry" and given is not None or isinstance(given, Users):
            raise ParameterError(name, given, f"none that waits for answers, since a {what} gives "
                                              "none").of(part.name)
