"""The environments of a Lambda function: reused, started cold, or refused.

Picture a telephone exchange of old. Each call keeps an operator busy for as long as it lasts. Who
calls gets an operator who sits idle; if none does, another one is fetched, which takes a while; if
all lines are in use, or no more operators can come yet, the caller hears the busy tone at once. An
operator whom nobody has needed for long goes home.

*Models:* one request per environment at a time; the idle one used last comes first, so that those
too many are given up after `keep` s; a limit of executions; new environments at most 1,000 at once
and 100 more per second; at most ten requests per second and unit of the limit; provisioned
environments, which are there from the start.
*Leaves out:* environments that are recycled after hours, failures of the init phase.

Data plane: request-level, exact. Calls come in order of time; each is one step of a heap.
"""

from collections import deque
from heapq import heappop, heappush

from labsim.services.lambda_.rules import AT_ONCE, PER_SECOND, REQUESTS_PER_EXECUTION

# Why a call is throttled: executions under way, new environments, requests per second.
CONCURRENCY, SCALING, RATE = -1.0, -2.0, -3.0


class Environments:
    """A function's environments. `limit`: executions that it may have (may be changed between
    calls); init: s of a cold start; keep: s that an idle environment is kept."""

    def __init__(self, limit: float, *, init: float = 0.0, keep: float = float("inf"),
                 provisioned: int = 0, at_once: float = AT_ONCE, per_second: float = PER_SECOND):
        self.limit, self.init, self.keep, self.provisioned = limit, init, keep, provisioned
        self.busy: list[float] = []                         # when each ends, a heap
        self.idle: deque[float] = deque([0.0] * provisioned)    # since when, the longest first
        self.cold = 0
        self.refused = {CONCURRENCY: 0, SCALING: 0, RATE: 0}
        self._at_once, self._per_second = at_once, per_second
        self._new, self._calls, self._at = at_once, REQUESTS_PER_EXECUTION * limit, 0.0

    def invoke(self, t: float, work: float) -> float:
        """A call at `t` (s, never earlier than the last one) that takes `work` s: when it ends, or
        why it is throttled (negative: CONCURRENCY, SCALING, RATE)."""
        busy, idle = self.busy, self.idle
        while busy and busy[0] <= t:
            idle.append(heappop(busy))
        if idle and idle[0] < t - self.keep:
            self._give_up(t)
        passed, self._at, limit = t - self._at, t, self.limit
        most = REQUESTS_PER_EXECUTION * limit
        calls = self._calls + most * passed
        if calls > most:
            calls = most
        new = self._new + self._per_second * passed
        self._new = new = self._at_once if new > self._at_once else new
        if len(busy) >= limit:
            self._calls = calls
            return self._refuse(CONCURRENCY)
        if calls < 1.0:
            self._calls = calls
            return self._refuse(RATE)
        if idle:
            idle.pop()
        elif new < 1.0:
            self._calls = calls
            return self._refuse(SCALING)
        else:
            self._new = new - 1.0
            self.cold += 1
            work += self.init
        self._calls = calls - 1.0
        end = t + work
        heappush(busy, end)
        return end

    def _refuse(self, why: float) -> float:
        self.refused[why] += 1
        return why

    def _give_up(self, t: float) -> None:
        """Environments that were idle for too long are gone, but for the provisioned ones."""
        idle = self.idle
        while idle and idle[0] < t - self.keep and len(idle) + len(self.busy) > self.provisioned:
            idle.popleft()

    def __len__(self) -> int:
        """How many there are, as of the last call."""
        return len(self.busy) + len(self.idle)
