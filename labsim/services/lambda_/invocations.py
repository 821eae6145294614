"""Invocations of a function that calls others: each holds its environment until they answer.

Picture the operators of the exchange who put callers through to another town. Each holds the line
until somebody there has answered, or until her supervisor cuts her off; the other town knows
nothing of that, and goes on looking for the answer.

*Models:* an invocation's own work, then its calls, in order, each by a client with timeout, retries
and a pool of connections that all environments share (as through a proxy; an environment alone has
one call at a time); the function's timeout, which ends it, while who was called goes on (who still
waits for a connection does not call any more); the environment, and the bill, until then.
*Leaves out:* calls in parallel; what a batch calls for each of its records (an invocation makes its
calls once); connections that idle environments keep.

Data plane: request-level, exact, on the agenda.
"""

from typing import Protocol, runtime_checkable

from labsim.engine.agenda import GIVE_UP, Call, to_nobody
from labsim.engine.center import OUT, WORKS
from labsim.services.common.crew import Errands, lines
from labsim.services.lambda_.environments import Environments
from labsim.services.lambda_.open_ends import Held


@runtime_checkable
class Invoked(Protocol):
    """a lambda_.Function"""

    environments: Environments


class Invocation(Call):
    """One under way: which row of the function's it is, whether it is going to fail, and whom to
    tell when it has ended: (caller, method, *what)."""

    __slots__ = ("held", "row", "fails", "told")

    def __init__(self, held: Held, row: int, fails: bool):
        super().__init__(to_nobody)
        self.held, self.row, self.fails = held, row, fails
        self.told: tuple = ()
        self.state = WORKS


class Invocations:
    """Those of `function`, which makes these `calls` (a part, a `labsim.ask`, or several)."""

    def __init__(self, function, calls):
        self.function, self._agenda = function, function.sim.agenda
        self.clients = lines(function, calls)
        self._errands = Errands(self.clients, self._through)

    def begin(self, t: float, work: float, size: int, fails: bool) -> Invocation | float:
        """One begins at `t` s, of `size` requests, with so much work of its own, s; or why it is
        throttled."""
        function = self.function
        held = function.environments.begin(t)
        if isinstance(held, float):
            return held
        run = Invocation(held, len(function.runs), fails)
        function.runs.append((t, float("inf"), size))
        wait = function.environments.init if held.cold else 0.0
        if work > function.timeout:
            self._agenda.at(t + (function.timeout + wait), self._cut_off, run)
        else:
            run.step = 0 if function.pace else len(self.clients)    # down: it calls nobody
            self._agenda.at(t + (work + wait), self._worked, run)
        return run

    def _worked(self, t: float, run: Invocation) -> None:
        if run.step < len(self.clients):
            function = self.function
            wait = function.environments.init if run.held.cold else 0.0
            began = function.runs[run.row][0]
            self._agenda.at(began + (function.timeout + wait), self._cut_off, run, GIVE_UP)
        self._errands.go_on(t, run)

    def _through(self, t: float, run: Invocation, ok: bool) -> None:
        """Its calls have been answered, or one has not."""
        self._end(t, run, run.fails or not ok)

    def _cut_off(self, t: float, run: Invocation) -> None:
        """The function's timeout is over."""
        if not run.gone:
            self._end(t, run, True, late=True)

    def _end(self, t: float, run: Invocation, failed: bool, late: bool = False) -> None:
        run.gone, run.state = True, OUT
        function = self.function
        function.environments.finish(t, run.held)
        start, _, size = function.runs[run.row]
        function.runs[run.row] = start, t, size
        if failed:
            function.erred(t, late)
        caller, method, *what = run.told
        method(*what, (t, failed))
        caller.awake()
