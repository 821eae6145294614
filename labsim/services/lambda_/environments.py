"""The environments of a Lambda function: reused, started cold, or refused.

Picture a telephone exchange of old. Each call keeps an operator busy for as long as it lasts. Who
calls gets an operator who sits idle; if none does, another one is fetched, which takes a while; if
all lines are in use, or no more operators can come yet, the caller hears the busy tone at once. An
operator whom nobody has needed for long goes home; when nobody has rung for a while, all do; and
each has a shift that ends.

*Models:* one request per environment at a time; the idle one used last comes first; a limit of
executions; new environments at most 1,000 at once and 100 more per second; at most ten requests per
second and unit of the limit; provisioned environments, which are there from the start and stay;
the end of others: all of them when the function has been idle for `keep` s, a spare one after its
own patience, each at its own age or by chance (an invocation under way ends first).
*Leaves out:* failures of the init phase.

Data plane: request-level, exact. Calls come in order of time; one alone is one step of a heap.
Many that are known beforehand (`invoke_all`) are looked at together: who gets in is guessed, from
the guess follows when each ends, from that who gets in; as far as that agrees with the guess, it is
what happens one by one. A test holds the two against each other. Where environments end, calls are
made one by one.
"""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush

import numpy as np

from labsim.engine import tokens_before
from labsim.services.lambda_.rules import AT_ONCE, PER_SECOND, REQUESTS_PER_EXECUTION

# Why a call is throttled: executions under way, new environments, requests per second.
CONCURRENCY, SCALING, RATE = -1.0, -2.0, -3.0
BLOCK = 4_096           # calls looked at together at most
ROUNDS = 6              # guesses at them
FEW = 128               # so many one by one where no more could be told together


class Environments:
    """A function's environments. `limit`: executions that it may have (may be changed between
    calls); init: s of a cold start; keep: s after which an idle function has none any more; fates:
    of each new one, how old it may become and how long it bears to be idle, s. Without fates none
    of them ends.
    """

    def __init__(self, limit: float, *, init: float = 0.0, keep: float = float("inf"),
                 fates: Iterator[tuple[float, float]] | None = None, provisioned: int = 0,
                 at_once: float = AT_ONCE, per_second: float = PER_SECOND):
        self.limit, self.init, self.keep, self.provisioned = limit, init, keep, provisioned
        # When each ends, a heap; since when it is idle, the longest first. With fates: (that, until
        # when it may be used, how long it bears to be idle).
        stays = 0.0 if fates is None else (0.0, float("inf"), float("inf"))
        self.busy: list = []
        self.idle: deque = deque([stays] * provisioned)
        self.cold = 0
        self.refused = {CONCURRENCY: 0, SCALING: 0, RATE: 0}
        self.ended: list[tuple[float, float]] = []      # of each: its last use's end, its own, s
        self._fates, self._last = fates, 0.0            # when the last use ended that has
        self._started: list[float] = []                 # when, s, those made alone
        self._blocks: list[np.ndarray] = []             # and those made together
        self._at_once, self._per_second = at_once, per_second
        self._new, self._calls, self._at = at_once, REQUESTS_PER_EXECUTION * limit, 0.0

    def invoke(self, t: float, work: float) -> float:
        """A call at `t` (s, never earlier than the last one) that takes `work` s: when it ends, or
        why it is throttled (negative: CONCURRENCY, SCALING, RATE)."""
        busy, idle, fates = self.busy, self.idle, self._fates
        if fates:
            self._end_some(t)
        else:
            while busy and busy[0] <= t:
                idle.append(heappop(busy))
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
            one = idle.pop()
        elif new < 1.0:
            self._calls = calls
            return self._refuse(SCALING)
        else:
            self._new = new - 1.0
            self.cold += 1
            self._started.append(t)
            work += self.init
            if fates:
                life, patience = next(fates)
                one = t, t + life, patience
        self._calls = calls - 1.0
        end = t + work
        heappush(busy, (end, one[1], one[2]) if fates else end)
        return end

    def _end_some(self, t: float) -> None:
        """By `t` some uses have ended; then the idle one that is next to be used is still there."""
        busy, idle = self.busy, self.idle
        if busy and busy[0][0] <= t:
            while busy and busy[0][0] <= t:
                idle.append(heappop(busy))
            self._last = idle[-1][0]
        if not busy and len(idle) > self.provisioned and self._last < t - self.keep:
            self._give_up_all()
        while idle and (idle[-1][1] < t or idle[-1][0] < t - idle[-1][2]):
            self._note(idle.pop())

    def _give_up_all(self) -> None:
        """The function has been idle for too long: all are gone, but for the provisioned ones."""
        idle = self.idle
        for _ in range(len(idle)):
            one = idle.popleft()
            if one[1] < float("inf"):
                self._note(one, self._last + self.keep)
            else:
                idle.append(one)

    def _note(self, one: tuple[float, float, float], latest: float = float("inf")) -> None:
        """An idle one has ended: too old, idle for too long, or at `latest` with all others."""
        since, until, patience = one
        self.ended.append((since, min(max(since, until), since + patience, latest)))

    def invoke_all(self, times: np.ndarray, works: np.ndarray) -> np.ndarray:
        """Calls at `times` (s, sorted) that take `works` s, as by `invoke`: for each when it ends,
        or why it is throttled, s."""
        if self._fates:
            return np.fromiter(map(self.invoke, times.tolist(), works.tolist()), float, len(times))
        told, first, some, alone = np.empty(len(times)), 0, BLOCK, FEW
        while first < len(times):
            block = slice(first, first + some)
            sure = self._together(times[block], works[block], told[block])
            first += sure
            some = min(max(2 * sure, 4 * FEW), BLOCK)       # about as many as can be told
            alone = FEW if sure else min(2 * alone, BLOCK)
            if not sure:
                rest = slice(first, first + alone)
                told[rest] = list(map(self.invoke, times[rest].tolist(), works[rest].tolist()))
                first += alone
        return told

    def _together(self, times: np.ndarray, works: np.ndarray, told: np.ndarray) -> int:
        """Make the first of these calls for which all is known; how many were made."""
        warm, cold = times + works, times + (works + self.init)
        brief = warm <= times       # gone before the next one of that moment: one by one
        n = int(brief.argmax()) if brief.any() else len(times)
        start, times, warm, cold = float(times[0]), times[:n], warm[:n], cold[:n]
        if n < FEW or self._at > start:
            return 0
        busy, idle = self.busy, self.idle
        while busy and busy[0] <= start:
            idle.append(heappop(busy))
        room, number, before = len(idle) + len(busy), np.arange(n), np.array(busy)
        none, enough = np.zeros(n, bool), np.full(n, room)
        let, new, ends = np.full(n, len(busy) < self.limit), none, warm
        for _ in range(ROUNDS):
            every = np.concatenate([before, ends[let]])
            every.sort()
            order = np.concatenate([every, times]).argsort(kind="stable")
            left = np.flatnonzero(order >= len(every)) - number     # have ended before each call
            guess, so_far = (let, new), number + 1      # calls that have got in, this one too
            under_way = so_far - left + len(busy)
            if under_way.max() > self.limit:            # one more with each call, where allowed
                allowed = np.maximum(self.limit + left - len(busy), 0.0)
                so_far = number + np.minimum(np.minimum.accumulate(allowed - number), 1.0)
                under_way = so_far - left + len(busy)
            let, new, most, ends = _grown(so_far, 0), none, enough, warm
            if under_way.max() > room:
                most = np.maximum(np.maximum.accumulate(under_way), room)
                new = _grown(most, room)
                ends = np.where(new, cold, warm)
            differ = (let != guess[0]) | (new != guess[1])
            sure = int(differ.argmax()) if differ.any() else n
            if sure == n:
                break
        # Tokens before each call: none may be missing.
        passed, most_calls = times - self._at, REQUESTS_PER_EXECUTION * self.limit
        calls = tokens_before(self._calls, most_calls, most_calls, passed, so_far - let)
        envs = tokens_before(self._new, self._at_once, self._per_second, passed,
                             np.cumsum(new) - new)
        wrong = (let & (calls < 1.0)) | (new & (envs < 1.0))
        if wrong[:sure].any():
            sure = int(wrong.argmax())
        if sure < FEW:
            return 0
        last, let, new, ends = sure - 1, let[:sure], new[:sure], ends[:sure]
        told[:sure] = np.where(let, ends, CONCURRENCY)
        self.refused[CONCURRENCY] += int(sure - let.sum())
        self.cold += int(new.sum())
        self._blocks.append(times[:sure][new])
        self._calls, self._new = float(calls[last] - let[last]), float(envs[last] - new[last])
        self._at = float(times[last])
        # Who gets idle lies on top of those idle then; the last one to lie at a place is there.
        done = every[:left[last]]
        calls_by = np.flatnonzero(order < len(every))[:len(done)] - np.arange(len(done))
        let_by, room_by = np.append(0, so_far)[calls_by], np.append(room, most)[calls_by]
        place = room_by - (len(before) + let_by - np.arange(len(done)))
        places = np.empty(max(int(most[last]), len(idle)))
        places[:len(idle)] = idle
        places[place.astype(int)] = done
        self.busy = np.sort(np.concatenate([before, ends[let]]))[len(done):].tolist()  # a heap
        self.idle = deque(places[:int(most[last]) - len(self.busy)].tolist())
        return sure

    def _refuse(self, why: float) -> float:
        self.refused[why] += 1
        return why

    def __len__(self) -> int:
        """How many there are, as of the last call."""
        t = self._at
        return len(self.busy) + (sum(until >= t and since >= t - patience
                                     for since, until, patience in self.idle)
                                 if self._fates else len(self.idle))

    # -- at the end of the run -------------------------------------------------------------

    @property
    def started(self) -> np.ndarray:
        """When each environment started for a request, s, sorted; before them the provisioned ones,
        which are there at 0."""
        return np.sort(np.concatenate([np.zeros(self.provisioned), self._started, *self._blocks]))

    def uses(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """For each environment when its last use up to `t` s ended and when it does (infinite:
        not by then), s, in no order. No call comes after this."""
        never = float("inf")
        if self._fates is None:
            last = np.array([*self.busy, *self.idle])
            return last, np.full(len(last), never)
        self._end_some(t)
        latest = never if self.busy else self._last + self.keep
        for one in self.idle:
            self._note(one, latest if one[1] < never else never)
        self.ended += [(one[0], never) for one in self.busy]
        self.idle, self.busy = deque(), []
        last, gone = np.array(self.ended).reshape(-1, 2).T
        return last, gone


def _grown(counts: np.ndarray, before: float) -> np.ndarray:
    """Which of these counts, `before` ahead of them, are more than the last one."""
    return np.append(counts[:1] > before, counts[1:] > counts[:-1])
