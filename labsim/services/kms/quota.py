"""AWS KMS: the request quota of an account in a region, which all that use KMS there share.

Picture one notary for the whole town, with a queue from every shop. He makes so many stamps a
second; when more are wanted, every shop gets the same share of what it asks for.

*Models:* calls of any number of users, counted; the quota holds for all together, and
throttles each user's calls alike. *Leaves out:* latency of a call, other users of the account.

Data plane: counted per step.
"""

from typing import Protocol

import numpy as np

from labsim.declare import Component, Count, Line, Panel, adds_up, per_tick
from labsim.engine import Simulation, Step
from labsim.errors import ParameterError
from labsim.services.kms import rules


class User(Protocol):
    """A part that needs KMS, such as an `s3.Bucket` with SSE-KMS."""

    name: str

    def begin(self, step: Step) -> None:
        """A step begins."""

    def ask(self) -> float:
        """How many calls it wants in this step."""

    def settle(self, throttled: float) -> bool:
        """The share `throttled` of these calls fails. Whether that is the end of it; else it asks
        again, for some of what has failed is back before the step is over."""

    def end(self) -> float:
        """The step is over; for how many s nothing changes if all goes on like this."""


class Quota(Component):
    """KMS for an account: so many `rate` requests/s. Parts that need it are given it (`kms=`)."""

    METRICS = (
        Count("calls", "calls", "KMS requests asked for", "", lambda q: q.calls.sum()),
        Count("throttled", "calls", "KMS requests beyond the quota", "lower",
              lambda q: q.throttled.sum()),
        Count("completed", "calls", "KMS requests answered", "",
              lambda q: (q.calls - q.throttled).sum()))
    PANELS = (Panel("KMS requests", (
        Line("asked for", "calls_rate"), Line("throttled", "throttled_rate"),
        Line("quota", limit=lambda q: q.rate))),)
    INVARIANTS = (adds_up("calls", "completed", "throttled"),)
    shows = (("calls/s", "calls_rate"), ("throttled/s", "throttled_rate"))
    alarm = "throttled_rate"

    def __init__(self, sim: Simulation, name: str, rate: float = rules.RATE):
        super().__init__(sim, name)
        if not rate >= 0:
            raise ParameterError("rate", rate, "at least 0 requests/s")
        self.rate = rate
        self.calls, self.throttled = np.zeros((2, len(self.record.t) - 1))
        self._users: list[str] = []     # names: who uses it holds it, not it them

    def used_by(self, user: User) -> None:
        """`user` asks for calls in each step from now on."""
        if not self._users:
            self.sim.pace.join(self.step)
        self._users.append(user.name)

    def step(self, step: Step) -> float:
        """All ask, and the same share of everybody's calls is throttled."""
        users = [self.sim.parts[name] for name in self._users]
        for user in users:
            user.begin(step)
        still = False
        while not still:
            calls = sum([user.ask() for user in users])
            share = rules.throttled(calls, self.rate * step.length) / max(calls, 1e-9)
            still = all([user.settle(share) for user in users])
        self.calls[step.k] += calls
        self.throttled[step.k] += calls * share
        return min([user.end() for user in users])

    # -- at the end of the run -------------------------------------------------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Calls per second."""
        return {"calls_rate": per_tick(self.calls / self.sim.tick, "req/s"),
                "throttled_rate": per_tick(self.throttled / self.sim.tick, "req/s")}

    def cost(self) -> dict[str, float]:
        """Calls that were answered."""
        return {"KMS requests": rules.cost(self.calls.sum() - self.throttled.sum())}
