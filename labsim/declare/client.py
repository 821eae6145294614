"""Clients that wait for an answer, give up, and come back.

Picture a counter's regulars. Each asks, and looks at the clock; who has waited too long goes to the
end of the line and asks again, while the clerk still works on what he wanted first.

*Models:* clients in an open loop (requests come by chance, whatever happens) or a closed one (so
many users, who think between an answer and the next request); how each asks is in `asking`.
*Leaves out:* users who stay away after a failure.

Data plane: request-level, exact, on the `Agenda`; some microseconds for each attempt.
"""

import math

from labsim.declare.asking import Asking
from labsim.declare.component import Component, of_load
from labsim.declare.retry import Retry
from labsim.declare.users import Users
from labsim.engine import Load, Simulation
from labsim.engine.agenda import ARRIVE


class Client(Asking):
    """Clients that ask the part `to`, and come back as `retry` says (a `Retry`).

    load: a rate (1/s), a `Load` or `Users`; without one, what the part `owner` asks in the course
    of its work (`request`). pool: at most so many attempts are under way at a time; the others wait
    for a connection, which counts as waiting for the answer. trip: s from the client to the part
    and back.
    """

    def __init__(self, sim: Simulation, name: str, to, load: Load | Users | float | None = None, *,
                 retry: Retry | None = None, pool: float = math.inf, trip: float = 0.0,
                 owner: Component | None = None):
        super().__init__(sim, name, to, retry=retry, pool=pool, trip=trip, owner=owner)
        self.load = load
        if isinstance(load, Users):
            self._think = self._drawn("think", load.think.draw)
            for _ in range(load.count):
                self._agenda.at(self._think(), self._again, None, ARRIVE)
        elif load is not None:
            curve = (load if isinstance(load, Load) else Load.steady(load)).curve(sim.duration)
            self._agenda.arrivals(curve.arrivals(sim.stream(f"{name} arrivals")), self._come)

    def notes(self) -> tuple[str, ...]:
        return (*super().notes(), *of_load(self))

    def _come(self, t: float) -> None:
        self.request(t, None)

    def _again(self, t: float, _) -> None:
        """A user has thought."""
        self.request(t, self._think_on)

    def _think_on(self, t: float, request, ok: bool) -> None:
        self._agenda.at(t + self._think(), self._again, None, ARRIVE)
