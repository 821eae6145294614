"""Parts that answer requests one by one: whoever asks may wait for the answer.

Picture counters in an office. At one you may get what you want, or be sent on to the next counter
with your slip, and the last one answers; or the clerk himself telephones the next one while you
wait.

*Models:* requests that are asked, passed on to other parts in shares, answered to whoever asked,
given out to parts that nobody waits for. *Leaves out:* how they are worked on (a part says that).
"""

from collections.abc import Iterable

import numpy as np

from labsim.declare.client import Client, Users
from labsim.declare.component import Component, Outlet, Producers, producers_name
from labsim.engine import Load, Simulation
from labsim.engine.agenda import ARRIVE, Call, to_nobody
from labsim.errors import LabsimError, ParameterError


class AnswerOutlet(Outlet):
    """Where requests leave a part that answers them one by one."""

    def __init__(self, part: Component):
        super().__init__(part)
        self._left: list[float] = []
        self._asked: list[Asked] = []

    def to(self, other: Component) -> None:
        """From now on what leaves here comes to `other`, a part or an inlet of one; nobody waits
        for what becomes of it there."""
        super().to(other)
        if isinstance(other, Asked):
            self._takers.remove(other)
            self._asked.append(other)

    @property
    def connected(self) -> bool:
        """Whether what leaves here comes to somebody."""
        return bool(self._takers or self._asked)

    def leave(self, t: float) -> None:
        """A request leaves at `t` s."""
        for other in self._asked:
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
        for t in times.tolist():
            self.sim.agenda.at(t, self._come, None, ARRIVE)

    def _come(self, t: float, _=None) -> None:
        self.ask(t, Call(to_nobody))

    def asked_by(self, asker: Component) -> None:
        """`asker` is going to ask it."""
        self.askers.append(asker)

    def wired(self) -> None:
        """Somebody has to ask it; whoever gives out in blocks advances first."""
        if not (self._sent or self.askers or self.fed_by):
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")
        agenda = self.sim.agenda
        agenda.fed_by += [part for part in self.fed_by
                          if not isinstance(part, Asked) and part not in agenda.fed_by]

    def advance(self, now: float) -> None:
        """Let everything happen until `now`."""
        self.sim.agenda.advance(now)
        self.done.flush()
        self.failed.flush()

    # -- what it does ----------------------------------------------------------------------------

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s, in order of time."""
        raise NotImplementedError

    def give_up(self, t: float, call: Call) -> None:
        """Whoever has made the call waits no more. By default nobody here hears of it."""

    def then(self, other: "Asked", share: float = 1.0) -> None:
        """What is done here, a `share` of it, goes on to `other`, which answers instead."""
        if not hasattr(other, "ask"):
            raise ParameterError("other", getattr(other, "name", other), "a part that answers; what"
                                 " nobody waits for goes on by done.to(...)").of(self.name)
        before = self._onward[-1][0] if self._onward else 0.0
        self.require("share", share, 0, 1.0 - before + 1e-12)
        if not self._onward:
            self._lots = self.sim.stream(f"{self.name} ways")
        self._onward.append((before + share, other))
        other.asked_by(self)
        self.link(other)

    def answer(self, t: float, call: Call, ok: bool) -> None:
        """It has done its part; the call goes on to the next one, or is answered."""
        outlet = self.done if ok else self.failed
        if outlet.connected:
            outlet.leave(t)
        if ok and self._onward:
            die = self._lots.random() if len(self._onward) > 1 or self._onward[0][0] < 1 else 0.0
            for upto, other in self._onward:
                if die < upto:
                    return other.ask(t, Call(pass_back, call))
        call.back(t, call, ok)


def pass_back(t: float, call: Call, ok: bool) -> None:
    """The answer to a call that was passed on goes to whoever asked first."""
    call.asker.back(t, call.asker, ok)
