"""Who calls a Lambda function for others, who do not wait: what is refused comes back later.

Picture the exchange's night desk. Notes are taken in at once, whatever the lines are like; the
clerk tries each when its time has come, and again, and what has been tried often enough goes into
the box of the dead letters.

*Models:* what comes, on its way or there at once, and a heap of what is due again. *Leaves out:*
when that is: each kind of caller has its rule.
"""

import math

import numpy as np

from labsim import declare as kit
from labsim.declare.faults import FaultKind
from labsim.engine import Due, Simulation
from labsim.engine.agenda import ARRIVE, Call
from labsim.errors import ParameterError
from labsim.services.lambda_.caller import DEAD, PATIENCE, Caller, ended
from labsim.services.lambda_.invocations import Invoked

DISABLED = FaultKind("is disabled: what is under way ends, and what comes piles up")


class Retrying(Caller):
    """Whatever comes back does so when it is `due`: then `happen(t, *what)` is called. Who asks is
    told at once that it was accepted; `done` is the outlet of what the function has done, `dead`
    (or `failed`) of what was given up: the dead-letter queue, or the destination on failure. In how
    many attempts the function failed is told by its own `errors`.
    delivery: whether what comes is on its way to the function for as long as was measured, or there
    at once."""

    METRICS = (*(metric for metric in Caller.METRICS if metric.name != "errors"), ended(
        "dead_lettered", "failed: given up, in the dead-letter queue", DEAD))
    batch_size = 1      # of an invocation, at most

    def __init__(self, sim: Simulation, name: str, function: Invoked, *,
                 delivery: bool = False, **how):
        self._turn_at = math.inf        # when it has its next turn on the agenda, s
        super().__init__(sim, name, function, **how)
        self.due = Due()
        # When the function was called for the first time or again, s, and for how many.
        self.calls_first, self.calls_again = [], []
        self.disabled = False
        self.delivery = delivery
        self._there: list[float] = self.times   # when each is at the function, s, in this order
        self._who: list[int] = []               # which one; empty: in the order in which they came
        self._way = sim.stream(f"{name} delivery")

    @property
    def first(self) -> float:
        """When something comes next, for the first time or again, s."""
        there = self._there[self._next] if self._next < len(self._there) else float("inf")
        return min(there, self.due.first)

    @property
    def in_course(self) -> list[tuple[float, kit.Asked]]:
        """Whom its function asks, once for a batch."""
        return [(share / self.batch_size, part) for share, part in self.function.in_course]

    @property
    def dead(self) -> kit.Outlet:
        """`failed`: all that fails here is given up."""
        return self.failed

    def enter(self, times: np.ndarray) -> None:
        """A row for each request that comes at `times` (s, sorted)."""
        first, there = len(self.times), self._there
        behind = self._next < first and len(times) and times[0] < self.times[-1]
        super().enter(times)
        if not (self.delivery or behind or there is not self.times):
            return
        if there is self.times:
            self._there, self._who = self.times[:first], list(range(first))
        at = self.delivered(times) if self.delivery else times
        at = np.concatenate([self._there[self._next:], at])
        who = np.concatenate([self._who[self._next:], np.arange(first, len(self.times))])
        order = at.argsort(kind="stable")
        self._there[self._next:] = at[order].tolist()
        self._who[self._next:] = who[order].astype(int).tolist()

    def delivered(self, times: np.ndarray) -> np.ndarray:
        """When those that come at `times` are at the function, s."""
        raise NotImplementedError

    def run_to(self, until: float) -> None:
        """Take what comes, for the first time or again, up to `until` s."""
        times, who, due, i, steps = self._there, self._who, self.due, self._next, 0
        n, inf, arrive, happen = len(times), float("inf"), self.arrive, self.happen
        while True:
            steps += 1
            if not steps % PATIENCE:
                self.sim.check()
            first, again = times[i] if i < n else inf, due.first
            if again <= first:
                if again > until:
                    break
                happen(*due.pop())
            elif first <= until:
                arrive(first, who[i] if who else i)
                i += 1
            else:
                break
        self._next = i

    def arrive(self, t: float, i: int) -> None:
        """A new request."""
        raise NotImplementedError

    def happen(self, t: float, *what) -> None:
        """Something is due."""
        raise NotImplementedError

    def call_rates(self) -> dict[str, tuple[np.ndarray, str]]:
        """For how many requests per second the function was called the first time, and again."""
        def rate(calls: list[tuple[float, int]]):
            times, counts = np.array(calls, dtype=float).reshape(-1, 2).T
            return kit.per_tick(np.histogram(times, self.record.t, weights=counts)[0]
                                / self.sim.tick, "req/s")
        return {"first_rate": rate(self.calls_first), "again_rate": rate(self.calls_again)}

    # -- on the agenda -------------------------------------------------------------------------

    def _set_out(self, t: float, _=None) -> None:
        self.gather()
        self.awake()

    def awake(self) -> None:
        """It has its next turn when something comes next."""
        first = self.first
        if first < self._turn_at and self.function.live:
            self._turn_at = first
            agenda = self.sim.agenda
            agenda.at(max(first, agenda.now), self._turn, first, ARRIVE, self)

    def _turn(self, t: float, first: float) -> None:
        if first == self._turn_at:      # else it had another one before
            self._turn_at = math.inf
            self.run_to(t)
            self.awake()

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        super().take(times)
        if self.function.live:
            self.gather()
            self.awake()

    def then(self, other: kit.Asked, share: float = 1.0) -> None:
        """Nothing can: who asks has had his answer before anything is done. `ParameterError`."""
        raise ParameterError("other", other, (
            f"none: who asks {self.name} is told at once that it was accepted, so nobody else can "
            f"answer; what is done goes on by {self.name}.done.to(...)")).of(self.name)

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s, and is accepted at once."""
        self.enter(np.array([t]))
        self.awake()
        call.back(t, call, True)
