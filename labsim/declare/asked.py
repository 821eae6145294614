"""Parts that answer requests one by one: whoever asks may wait for the answer.

Picture counters in an office. At one you may get what you want, or be sent on to the next counter
with your slip, and the last one answers; or the clerk himself telephones the next one while you
wait.

*Models:* requests that are asked, passed on to other parts in shares, answered to whoever asked,
given out to parts that nobody waits for. *Leaves out:* how they are worked on (a part says that).
"""

from collections.abc import Iterable

import numpy as np

from labsim.declare.client import Client
from labsim.declare.component import Component, Outlet, Producers, producers_name
from labsim.declare.users import Answering, Users
from labsim.declare.wiring import settle
from labsim.engine import Load, Simulation, one_by_one
from labsim.engine.agenda import Call, to_nobody
from labsim.errors import LabsimError, ParameterError


class AnswerOutlet(Outlet):
    """Where requests leave a part that answers them one by one."""

    def __init__(self, part: Component):
        super().__init__(part)
        self._left: list[float] = []
        self.asked: list[Asked] = []    # to whom single requests go

    def to(self, other: Component) -> None:
        """From now on what leaves here comes to `other`, a part or an inlet of one; nobody waits
        for what becomes of it there."""
        super().to(other)
        if isinstance(other, Asked):
            self._takers.remove(other)
            self.asked.append(other)

    @property
    def connected(self) -> bool:
        """Whether what leaves here comes to somebody."""
        return bool(self._takers or self.asked)

    @property
    def asks(self) -> bool:
        """Whether it comes to a part that answers."""
        return bool(self.asked)

    def leave(self, t: float) -> None:
        """A request leaves at `t` s."""
        for other in self.asked:
            other.ask(t, Call(to_nobody))
        if self._takers:
            self._left.append(t)

    def flush(self) -> None:
        """Hand on what has left to parts that take it in blocks."""
        left, self._left = self._left, []
        self.give(np.array(left))


class Asked(Component):
    """A part that answers. `ask(t, call)` asks it; it says `answer(t, call, ok)` when it has done
    its part. `done` and `failed` are the outlets of what it has answered well and badly."""

    cancels = False     # whether it drops work whose client has given up
    all_leave = ""      # of one that follows only what somebody waits for: where all go on

    def __init__(self, sim: Simulation, name: str):
        super().__init__(sim, name)
        self.done, self.failed = AnswerOutlet(self), AnswerOutlet(self)
        self.askers: list[Component] = []
        self._onward: list[tuple[float, Asked]] = []    # up to which die, and to whom
        self._sent = False
        sim.on_advance(self.advance)

    # -- who asks --------------------------------------------------------------------------------

    def sent(self, load: Load | Users | float, name: str = "", retry=None) -> Component:
        """Clients send requests to this part at the rate of `load`; see `Simulation.send`."""
        name = name or producers_name(self)
        if retry is None and not isinstance(load, Users):
            return Producers(self.sim, name, load, self)
        return Client(self.sim, name, self, load, retry=retry)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted); nobody waits for answers."""
        self._sent = True
        self.sim.agenda.arrivals(blocks, self._come)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), which another part has just given out."""
        self.sim.agenda.arrive(self, times.tolist(), self._come)

    def _come(self, t: float, _=None) -> None:
        self.ask(t, Call(to_nobody))

    def asked_by(self, asker: Component) -> None:
        """`asker` is going to ask it."""
        self.askers.append(asker)

    @property
    def is_fed(self) -> bool:
        """Whether clients or block parts send to it, other than in the course of what comes."""
        return self._sent or any(not isinstance(part, Asked) for part in self.fed_by)

    @property
    def waits_for(self) -> list["Asked"]:
        """Parts without whose answer nothing is done here."""
        return []

    @property
    def in_course(self) -> list[tuple[float, "Asked"]]:
        """Whom it asks in the course of each request, and of what share of them."""
        return [(1.0, part.to) for part in self.sim.parts.values()
                if getattr(part, "owner", None) is self]

    @property
    def onward(self) -> list[tuple[float, "Asked"]]:
        """Where what is done here goes on to, and what share of it."""
        before = [0.0, *(upto for upto, _ in self._onward)]
        return [(upto - last, part)
                for last, (upto, part) in zip(before, self._onward, strict=False)]

    def wired(self) -> None:
        """Somebody has to ask it, and what is asked has to come to an end."""
        settle(self)

    def heard(self) -> None:
        """For a part that follows only what somebody waits for: `LabsimError` if nobody does, and
        yet something is to go on from here."""
        if not self.askers and (self._onward or self.done.connected or self.failed.connected):
            raise LabsimError(
                f"nobody waits for the answers of {self.name}, and only what somebody waits for "
                f"goes on from it: a part that `calls` it, or sim.send(labsim.users(...), to=...)"
                f"{self.all_leave}")

    def advance(self, now: float) -> None:
        """Let everything happen until `now`."""
        self.sim.agenda.advance(now, self)
        self.done.flush()
        self.failed.flush()

    # -- what it does ----------------------------------------------------------------------------

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s, in order of time."""
        raise NotImplementedError

    def give_up(self, t: float, call: Call) -> None:
        """Whoever has made the call waits no more. By default nobody here cares; where it was
        passed on, they hear of it."""
        if call.passed:
            part, onward = call.passed
            part.give_up(t, onward)

    def then(self, other: "Asked", share: float = 1.0) -> None:
        """What is done here, a `share` of it, goes on to `other`, which answers instead."""
        if not isinstance(other, Answering):
            raise ParameterError("other", other, "a part that answers; what nobody waits for goes "
                                 "on by done.to(...)").of(self.name)
        before = self._onward[-1][0] if self._onward else 0.0
        self.require("share", share, 0, 1.0 - before + 1e-12)
        if not self._onward:
            self._onward_dice = one_by_one(lambda n, rng: rng.random(n),
                                           lambda: self.sim.stream(f"{self.name} ways"))
        self._onward.append((before + share, other))
        other.asked_by(self)
        self.link(other)

    def answer(self, t: float, call: Call, ok: bool) -> None:
        """It has done its part; the call goes on to the next one, or is answered."""
        outlet = self.done if ok else self.failed
        if outlet.asked or outlet._takers:
            outlet.leave(t)
        if ok and self._onward:
            die = self._onward_dice() if self._onward[0][0] < 1 else 0.0
            for upto, other in self._onward:
                if die < upto:
                    onward = Call(pass_back, call)
                    call.passed = other, onward
                    return other.ask(t, onward)
        call.back(t, call, ok)


def pass_back(t: float, call: Call, ok: bool) -> None:
    """The answer to a call that was passed on goes to whoever asked first."""
    call.asker.back(t, call.asker, ok)
