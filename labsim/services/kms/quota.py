"""AWS KMS: the request quota of an account in a region, which all that use KMS there share.

Picture one notary for the whole town, with a queue from every shop. He makes so many stamps a
second; when more are wanted, every shop gets the same share of what it asks for.

*Models:* calls of any number of users, counted; the quota holds for all together, and throttles
each user's calls alike, also those of clients and of parts that ask one by one (`requests`).
*Leaves out:* latency of a bucket's calls, other users of the account.

Data plane: counted per step.
"""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np

from labsim.declare import (
    AskedInlet,
    Count,
    CountedPart,
    Line,
    Panel,
    Room,
    adds_up,
    per_tick,
    whole,
)
from labsim.declare.counted_part import DOWN, ERRORS, THROTTLED
from labsim.engine import Attempts, Simulation, Step
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


CALL_TIME = 0.012       # s to the answer to a call; an assumption: AWS publishes none


class Quota(CountedPart):
    """KMS for an account: so many `rate` requests/s. Parts that need it are given it (`kms=`);
    others ask its `requests` (`sim.send(load, to=kms.requests)`, `calls=kms.requests`). call_time:
    s until a request that is asked one by one is answered."""

    METRICS = (
        Count("calls", "calls", "KMS requests asked for", "", lambda q: q.fates.sum()),
        Count("throttled", "calls", "KMS requests beyond the quota", "lower",
              lambda q: q.fates[1]),
        Count("completed", "calls", "KMS requests answered", "", lambda q: q.fates[0]),
        Count("errors", "calls", "KMS requests that failed since it was broken", "lower",
              lambda q: q.fates[2]),
        Count("waiting_end", "calls", "KMS requests that came last, at the end", "",
              lambda q: q.fates[3]))
    PANELS = (Panel("KMS requests", (
        Line("asked for", "calls_rate"), Line("throttled", "throttled_rate"),
        Line("quota", limit=lambda q: q.rate))),)
    INVARIANTS = (adds_up("calls", "completed", "throttled", "errors", "waiting_end"),)
    FAULTS = {"down": DOWN, "errors": ERRORS, "throttled": THROTTLED}
    shows = (("calls/s", "calls_rate"), ("throttled/s", "throttled_rate"))
    alarm = "throttled_rate"

    def __init__(self, sim: Simulation, name: str, rate: float = rules.RATE, *,
                 call_time: float = CALL_TIME):
        super().__init__(sim, name)
        if not rate >= 0:
            raise ParameterError("rate", rate, "at least 0 requests/s")
        self.require("call_time", call_time, unit="s")
        self.rate, self.call_time = rate, call_time
        self.calls, self.throttled, self.erred = np.zeros((3, len(self.record.t) - 1))
        self.crowd, self.requests = Attempts(sim, (1,)), AskedInlet(self, "requests")
        self.requests.lead(np.ones(1), sim.stream(f"{name} requests"))
        sim.pace.join(self.step)
        self._users: list[str] = []     # names: who uses it holds it, not it them
        self._others, self._length = 0.0, math.inf      # calls/s of theirs in the last step; s
        self._piece = np.zeros(1, dtype=int)

    def used_by(self, user: User) -> None:
        """`user` asks for calls in each step from now on."""
        self._users.append(user.name)

    def step(self, step: Step) -> float:
        """All ask, and the same share of everybody's calls is throttled."""
        users, own = [self.sim.parts[name] for name in self._users], self.requests.used
        if not (users or own):
            return math.inf
        for user in users:
            user.begin(step)
        if own:
            for part in self.fed_by:
                part.advance(step.start)
            self.crowd.begin(step, self.requests.during(step), self.requests.singles(step))
        broken = 0.0 if self._works is None else 1.0 - float(self._works[0])
        still = False
        while not still:
            calls = sum([user.ask() for user in users])
            if own:
                calls += float(self.crowd.asked[0])
            reach, quota = calls * (1.0 - broken), self.rate * step.length * self.left
            over = rules.throttled(reach, quota) / max(calls, 1e-9)
            share = min(over + broken, 1.0)
            still = all([user.settle(share) for user in users])
            if own:
                still = self.crowd.turn_away(np.array([share])) and still
        self.calls[step.k] += calls
        self.throttled[step.k] += calls * over
        self.erred[step.k] += calls * broken
        if own:
            self._others = (calls - float(self.crowd.asked[0])) / step.length
            self._length = step.length
            self.crowd.end()
        return min([user.end() for user in users], default=math.inf)

    def rooms(self, op: int) -> list[Room]:
        """What others leave of the quota, of which nothing is kept; or, if there is not enough for
        all, the same share as for all."""
        quota, own = self.rate * self.left, float(self.crowd.asked[0]) / self._length
        fair = quota * own / max(own + self._others, 1e-300)
        return [Room(*np.array([[0.0], [max(quota - self._others, fair)], [0.0]]))]

    def answer_times(self, op: int) -> Callable[[int, np.random.Generator], np.ndarray]:
        """A function that gives so many times to the answer to a call, s."""
        return lambda n, rng: np.full(n, self.call_time)

    def later_than(self, seconds: float) -> np.ndarray:
        """The share of the calls that take longer, (1,)."""
        return np.array([float(self.call_time > seconds)])

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def fates(self) -> np.ndarray:
        """Calls that were answered, throttled, failed since it was broken, and that came last: in
        whole numbers, (4,)."""
        throttled, erred = self.throttled.sum(), self.erred.sum()
        counted = whole(np.array([self.calls.sum() - throttled - erred, throttled, erred]))
        return np.append(counted + self.heard[0], self.on_its_way.sum() - self.heard.sum())

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Calls per second."""
        return {"calls_rate": per_tick(self.calls / self.sim.tick, "req/s"),
                "throttled_rate": per_tick(self.throttled / self.sim.tick, "req/s")}

    def cost(self) -> dict[str, float]:
        """Calls that were answered."""
        answered = self.calls.sum() - self.throttled.sum() - self.erred.sum()
        return {"KMS requests": rules.cost(answered)}
