"""AWS KMS: the request quota of an account in a region, which all that use KMS there share.

Picture one notary for the whole town, with a queue from every shop. He makes so many stamps a
second; when more are wanted, every shop gets the same share of what it asks for.

*Models:* calls of any number of users, counted per tick; the quota holds for all together, and
throttles each user's calls alike. *Leaves out:* latency of a call, other users of the account.

Data plane: counted per tick.
"""

from typing import Protocol

import numpy as np

from labsim.declare import Component, Count, Line, Panel, adds_up, per_tick
from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services.kms import rules


class User(Protocol):
    """A part that needs KMS, such as an `s3.Bucket` with SSE-KMS."""

    name: str

    def ask(self, k: int) -> float:
        """How many calls it wants in tick `k`."""

    def settle(self, k: int, throttled: float) -> None:
        """The share `throttled` of these calls has failed; tick `k` goes on."""


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
        """`user` asks for calls in each tick from now on."""
        if not self._users:
            self.sim.each_tick(self.step)
        self._users.append(user.name)

    def step(self, k: int) -> None:
        """Tick `k`: all ask, and the same share of everybody's calls is throttled."""
        users = [self.sim.parts[name] for name in self._users]
        self.calls[k] = calls = sum([user.ask(k) for user in users])
        share = rules.throttled(calls, self.rate * self.sim.tick) / max(calls, 1e-9)
        self.throttled[k] = calls * share
        for user in users:
            user.settle(k, share)

    # -- at the end of the run -------------------------------------------------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Calls per second."""
        return {"calls_rate": per_tick(self.calls / self.sim.tick, "req/s"),
                "throttled_rate": per_tick(self.throttled / self.sim.tick, "req/s")}

    def cost(self) -> dict[str, float]:
        """Calls that were answered."""
        return {"KMS requests": rules.cost(self.calls.sum() - self.throttled.sum())}
