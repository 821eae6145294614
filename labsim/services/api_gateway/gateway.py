"""Amazon API Gateway in front of a Lambda function.

Picture the door of a shop again. A board beside it answers what was asked a short while ago, and
whoever reads it need not go in. Whoever has gone in is given up after a while, though somebody
inside still works for him.

*Models:* the throttle; a response cache with a TTL, per key, which needs no token; the integration
timeout, after which the function goes on, and is billed; the price per request.
*Leaves out:* cache sizes and their price, authorizers.

Data plane: request-level, exact, with that of the function: in blocks, or one by one on the agenda.
"""

import numpy as np

from labsim import factbook
from labsim.declare.faults import FaultKind
from labsim.engine import Simulation, one_by_one
from labsim.engine.agenda import GIVE_UP, Call
from labsim.errors import ParameterError
from labsim.services.api_gateway.throttle import BURST, RATE, Throttle
from labsim.services.lambda_ import Function, Synchronous
from labsim.services.lambda_.caller import (
    CACHED,
    DONE,
    FAILED,
    REJECTED,
    THROTTLED,
    TIMED_OUT,
    WAITS,
    ended,
)

PRICE = factbook.value("apigw.price_rest_million") / 1e6
NEVER = float("inf"), float("-inf")
TIMEOUT = factbook.value("apigw.timeout_max_s")
DOWN = FaultKind("answers whatever comes with an error, at once (503)")


class Gateway(Synchronous):
    """A gateway before `function`; clients reach it by `sim.send`, or from another part's outlet;
    what it has answered leaves by `done`, what not by `failed`.

    rate, burst: of its throttle. cache_ttl: s that an answer is kept; 0: no cache. keys: so many
    different things are asked for, all as often. timeout: s that it waits for an answer. lots: what
    decides which key a request asks for; by default a stream of its own.
    """

    METRICS = (
        *Synchronous.METRICS,
        ended("failed_gateway", "failed: throttled by API Gateway (429)", REJECTED, "lower",
              "turned_away"),
        ended("timed_out", "failed: API Gateway waited too long (504)", TIMED_OUT),
        ended("cache_hits", "answered by the gateway's cache", CACHED, "higher", "cached"))
    FAULTS = {"down": DOWN}

    def __init__(self, sim: Simulation, name: str, function: Function, *, rate: float = RATE,
                 burst: float = BURST, cache_ttl: float = 0.0, keys: int = 1,
                 timeout: float = TIMEOUT, lots: np.random.Generator | None = None, **how):
        super().__init__(sim, name, function, **how)
        for what, value, least in (("rate", rate, 0), ("burst", burst, 1),
                                   ("cache_ttl", cache_ttl, 0), ("keys", keys, 1),
                                   ("timeout", timeout, 0)):
            if not value >= least:
                raise ParameterError(what, value, f"at least {least}")
        self.throttle, self.cache_ttl, self.timeout = Throttle(rate, burst), cache_ttl, timeout
        self.keys = keys
        self.key: list[int] = []                # of each request
        self._lots = sim.stream(f"{name} keys") if lots is None else lots
        self._kept: dict[int, tuple] = {}       # key: from when, until when, s
        self._down = False

    def enter(self, times) -> None:
        """A row for each request that comes at `times` (s, sorted)."""
        super().enter(times)
        self.key += self._lots.integers(self.keys, size=len(times)).tolist()

    def call(self, which) -> None:
        """Let these requests in, or not, in their order: without a cache all together."""
        if self._down:
            self.fate[which], self.end[which] = FAILED, self.times[which]
            return
        if self.cache_ttl:
            return self._one_by_one(which)
        let = self.throttle.admit_all(self.times[which])
        self.fate[which[~let]] = REJECTED
        super().call(which[let])
        self._give_up(which[let])

    def _give_up(self, which) -> None:
        """Of these calls, those that take longer than the gateway waits."""
        times, ends = self.times[which], self.end[which]
        late = np.isfinite(ends) & (ends - times > self.timeout)
        self.fate[which[late]], self.end[which[late]] = TIMED_OUT, times[late] + self.timeout

    def _one_by_one(self, which) -> None:
        """These requests, each with a look at what is kept."""
        kept, key, admit = self._kept, self.key, self.throttle.admit
        for i, t in zip(which.tolist(), self.times[which].tolist()):
            since, until = kept.get(key[i], NEVER)
            if since <= t < until:
                self.fate[i], self.end[i] = CACHED, t
            elif not admit(t):
                self.fate[i] = REJECTED
            else:
                end, failed = self.invoke(t, [i], 0)
                if end < 0.0:
                    self.fate[i] = THROTTLED
                    continue
                self.fate[i], self.end[i] = (FAILED if failed else DONE), end
                if not failed and end - t <= self.timeout:
                    self._keep(key[i], t, end)
        self._give_up(which)

    def _keep(self, key: int, t: float, end: float) -> None:
        """The answer to what was asked at `t` s is there at `end` s, and is kept."""
        since, until = self._kept.get(key, NEVER)
        self._kept[key] = min(since, end) if t < until else end, end + self.cache_ttl

    # -- one by one, on the agenda -------------------------------------------------------------

    def go_live(self) -> None:
        """From now on each request is asked alone."""
        super().go_live()
        self._keys = one_by_one(lambda n, lots: lots.integers(self.keys, size=n),
                                lambda: self._lots)

    def _attend(self, t: float, i: int, call: Call) -> None:
        """Let a request in, or not."""
        key = self._keys()
        self.key.append(key)
        since, until = self._kept.get(key, NEVER)
        if self._down:
            self._tell(i, call, FAILED, t)
        elif since <= t < until:
            self._tell(i, call, CACHED, t)
        elif not self.throttle.admit(t):
            self.fate[i] = REJECTED
            self.answer(t, call, False)
        else:
            super()._attend(t, i, call)
            if self.function.invocations and self.fate[i] == WAITS:
                self.sim.agenda.at(t + self.timeout, self._too_late, (i, call), GIVE_UP)

    def _too_late(self, t: float, asked: tuple[int, Call]) -> None:
        """It has waited long enough for a function that calls others."""
        i, call = asked
        if self.fate[i] == WAITS:
            self._tell(i, call, TIMED_OUT, t)

    def _ended(self, t: float, i: int, call: Call, told: tuple[float, bool]) -> None:
        """It is known when the invocation ends, or has ended, or that there is none."""
        end, failed = told
        if self.fate[i] != WAITS:       # given up before
            return
        if end - t > self.timeout:
            return self._tell(i, call, TIMED_OUT, t + self.timeout)
        if end >= 0.0 and not failed and self.cache_ttl:
            self._keep(self.key[i], t, end)
        super()._ended(t, i, call, told)

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is down, or up again."""
        self._down = bool(amounts)

    def cost(self) -> dict[str, float]:
        """Each request, answered or not."""
        return {"API Gateway": PRICE * float(len(self.times))}
