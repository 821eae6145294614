"""Counted clients of a `Retry`: who failed or got no answer in time comes back, and is load again.

Picture the crowd before a counter, seen from a balcony. Of those turned away some walk off, some
are back at once, some a little later; who stands in line too long walks off as well, and is back
the sooner the more impatient he is. Nobody is known by name; what is seen is how many come back
when, and that the line grows by them.

*Models:* attempts, each failing with the share of its step, at once or when its timeout is over; a
wait of any backoff before the next, evenly from its shortest to its longest; a budget of retry
tokens, all clients' together; a breaker, which all clients' switch together: it opens when so many
of their last answers were failures, and closes when most of them would see all trials answered; a
step may be longer than it is open, and then lets through the trials of each time.
Nothing is lost or made: offered + due = answered + given up + waiting.
*Leaves out:* who is who: clients whose budgets or breakers differ; a timeout that is drawn is its
mean, decorrelated jitter goes by the mean of the wait before; hedged requests, adaptive mode.

Data plane: counted; its cost grows with steps, not with requests.
"""

import math

import numpy as np

from labsim.declare.retry import CLOSED, OPEN, RETRY_COST, TIMEOUT_COST, Retry
from labsim.engine import ServiceTimes
from labsim.engine.pace import LONGEST, SHORTEST
from labsim.engine.waits import shares_back
from labsim.errors import ParameterError
from labsim.services.common.retries import RetryQuota

AT_ONCE, TIMED_OUT = range(2)   # how an attempt fails
BINS = 512          # of those who wait
PASSES = 40         # at most, until the shares that fail stand still
STILL = 1e-4        # a change of them that no longer matters
NOBODY = 1e-9       # as good as no share at all
GROWTH = 32         # a short step is at most such a part of the time since the change


def intervals(retry: Retry) -> list[tuple[float, float]]:
    """Shortest and longest wait before each retry, s."""
    last, waits = 0.0, []
    for number in range(1, retry.attempts):
        low, high = (retry.wait(number, die, last) for die in (0.0, 1.0))
        waits.append((low, high))
        last = (low + high) / 2
    return waits


def patience(retry: Retry | None) -> float:
    """How long a counted client waits for an answer, s."""
    if retry is None:
        return math.inf
    return retry.timeout.mean if isinstance(retry.timeout, ServiceTimes) else retry.timeout


def least(waits: list[tuple[float, float]], timeout: float) -> float:
    """The shortest step, s: a quarter of the time until who is not answered is back."""
    return min(LONGEST, max(SHORTEST, (timeout + sum(min(waits, default=(0.0, 0.0))) / 2) / 4))


def steps(retry: Retry | None, timeout: float, changes: float, duration: float) -> float:
    """How many steps more a run of `duration` s takes at most, if so much changes in it."""
    if retry is None:
        return 0.0
    shortest = least(intervals(retry), min(patience(retry), timeout))
    a_change = GROWTH * (1.0 + math.log(max(duration / (GROWTH * shortest), 1.0)))
    return min(changes * a_change, duration / shortest)


class Returning:
    """Clients that come back as `retry` says, in so many `keys` (regions, endpoints).

    A step is `begin`, then the part says by `told` which share of the attempts `asked` (keys,)
    fails; it may be asked again where some are back within the step, until that is True, or take
    what was `asked` at first; then `end`. delay: s until an attempt that fails `AT_ONCE` knows,
    and one that is `TIMED_OUT`; longest: the most that these will be.
    """

    def __init__(self, retry: Retry, keys: int = 1, longest: float | None = None):
        if retry.adaptive or retry.hedge < math.inf:
            raise ParameterError("retry", retry, "without adaptive mode and hedged requests, since "
                                 "these clients are counted")
        self.waits, self.breaker = intervals(retry), retry.breaker
        timeout = patience(retry)
        self.delay = [0.0, timeout if timeout < math.inf else 0.0]
        self._most = max(self.delay) if longest is None else longest
        self.quota = RetryQuota(retry.clients, retry.budget) if retry.budget < math.inf else None
        n = len(self.waits)
        self._longest = max((high for _, high in self.waits), default=0.0) + self._most
        self._width = max(self._longest / BINS, SHORTEST / 4)
        bins = int(self._longest / self._width) + 3
        self.pool, self._first, self._all_back = np.zeros((bins, n, keys)), 0, 0.0
        self._share, self._again, self._price = np.zeros((2, keys)), 1.0, 1.0
        self.least = least(self.waits, self._most)
        self._since, self._calm, self._known = 0.0, True, {}
        self._clients, self.state, self._until = retry.clients, CLOSED, math.inf
        self._seen = self._bad = 0.0
        self.rows: list[tuple] = []     # of each step, (keys,): see `end`

    @property
    def waiting(self) -> np.ndarray:
        """Who waits to try again, (keys,)."""
        return self.pool.sum(axis=(0, 1))

    def changed(self, now: float) -> None:
        """Something has changed: steps are short for a while, if anybody comes back."""
        self._since = now

    def next(self, now: float) -> float:
        """By when the step that begins `now` has to end, s."""
        if self._calm:
            return math.inf
        end = now + max(self.least, (now - self._since) / GROWTH)
        return min(end, self._until) if now < self._until - 1e-9 else end

    # -- a step ----------------------------------------------------------------------------------

    def begin(self, start: float, end: float, fresh: np.ndarray) -> None:
        """`fresh` first attempts come from `start` to `end` s, (keys,), and those who are due."""
        self._start, self._end, self._fresh, self._passes = start, end, fresh, 0
        self._due = self._take(end) if start < self._all_back else None
        self._gate, self._trials = 1.0, 0
        self._count(self._share)
        if self.state == OPEN:      # half open for a moment each time
            late = end - self._until
            self._trials = 1 + int(late / self.breaker.open_for) if late > 1e-9 else 0
            let = self._trials * self.breaker.trials * self._clients
            self._gate = min(1.0, let / max(float(self.attempts.sum()), 1e-9))
            self._count(self._share)

    def _count(self, share: np.ndarray) -> None:
        """All attempts of the step, if this share of each way to fail does."""
        n = len(self.waits)
        self.attempts = np.zeros((n + 1, len(self._fresh)))
        self.attempts[0] = self._fresh
        if self._due is not None:
            self.attempts[1:] = self._due
        if n and share.any():
            self._inside, self._later = self._back()
            back = self._again * np.einsum("kn,kx->nx", self._inside, share)
            for number in range(n):
                self.attempts[number + 1] += self.attempts[number] * back[number]
        self.asked = self.attempts.sum(axis=0) * self._gate

    def told(self, share: np.ndarray) -> bool:
        """This `share` (ways to fail, keys) of what was asked fails; True if all stands still."""
        share = np.array(share) * self._gate
        share[AT_ONCE] += 1.0 - self._gate      # the breaker stops them
        share[share < NOBODY] = 0.0
        again = self._ask_quota(share)
        off = max(float(np.abs(share - self._share).max()), abs(again - self._again))
        self._share, self._again = share, again
        self._passes += 1
        if off <= STILL or self._passes >= PASSES or not self.waits:
            return True
        self._count(share)
        return False

    def _ask_quota(self, share: np.ndarray) -> float:
        if self.quota is None:
            return 1.0
        lost = np.einsum("nx,kx->kn", self.attempts, share)     # ways to fail, attempts
        wanted = lost[:, :-1].sum(axis=1)
        tried = self.attempts.sum(axis=1)
        weighed = wanted[AT_ONCE] + wanted[TIMED_OUT] * TIMEOUT_COST / RETRY_COST
        self._asks = weighed / wanted.sum() if wanted.sum() else self._price
        won = tried - lost.sum(axis=0)
        return self.quota.share(float(weighed), float(won[0]), float(won[1:].sum()) * self._price)

    def end(self) -> None:
        """Who may try again waits, the others give up. `rows` then says of the step, (keys,): all
        attempts, those that were sent, those answered, retries, given up at once and after a
        timeout; attempts that timed out."""
        share, start = self._share, self._start
        self._count(share)
        failed = self.attempts[:, None] * share         # (attempts, ways to fail, keys)
        answered = (self.attempts * (1.0 - share.sum(axis=0))).sum(axis=0)
        gone = failed[-1] + failed[:-1].sum(axis=0) * (1.0 - self._again)
        self.rows.append((self.attempts.sum(axis=0), self.asked, answered,
                          self.attempts[1:].sum(axis=0), gone[AT_ONCE], gone[TIMED_OUT],
                          failed[:, TIMED_OUT].sum(axis=0)))
        if self.quota:
            self.quota.settle()
            self._price = self._asks
        fails = bool(share.any()) and self.asked.sum() + self.attempts.sum() > 0
        if self.waits and fails:
            self._put(failed[:-1] * self._again)
        calm = not fails and self._end >= self._all_back
        if self._calm and not calm:
            self.changed(start)
        self._calm = calm
        if self.breaker:
            self._tell(float(self.asked.sum()), float(answered.sum()))

    # -- who waits -------------------------------------------------------------------------------

    def _take(self, end: float) -> np.ndarray:
        """Who is back by `end` s, (retries, keys)."""
        last, pool, bins = int(end / self._width), self.pool, len(self.pool)
        where = np.arange(self._first, min(last, self._first + bins)) % bins
        due = pool[where].sum(axis=0)
        pool[where] = 0.0
        now = max(self._start, last * self._width)
        part = pool[last % bins] * min(1.0, (end - now) / ((last + 1) * self._width - now))
        pool[last % bins] -= part
        self._first = last
        return due + part

    def _back(self) -> tuple[np.ndarray, np.ndarray]:
        """Of those who fail evenly over the step, by way to fail and retry: the share that is back
        within it, and those that are back in each bin after it, (bins, ways, retries)."""
        length, delay = self._end - self._start, tuple(round(min(d, self._most), 3)
                                                       for d in self.delay)
        first = int(self._end / self._width)
        phase = self._end - first * self._width
        known = round(length, 6), round(phase, 6), delay
        if known not in self._known:
            if len(self._known) > 1_000:
                self._known.clear()
            waits = [(low + d, high + d) for d in delay for low, high in self.waits]
            until = length + np.append(0.0, np.arange(1, len(self.pool) + 1) * self._width - phase)
            back = shares_back(until, waits, length)
            back[-1] = 1.0
            shape = len(delay), len(self.waits)
            self._known[known] = back[0].reshape(shape), np.diff(back, axis=0).reshape(-1, *shape)
        return self._known[known]

    def _put(self, failed: np.ndarray) -> None:
        """Of these, (retries, ways to fail, keys), some come back after the step."""
        self._first, bins = int(self._end / self._width), len(self.pool)
        where = (self._first + np.arange(bins)) % bins
        self.pool[where] += np.einsum("bkn,nkx->bnx", self._later, failed)
        self._all_back = self._end + self._longest + 2 * self._width

    # -- the breaker -----------------------------------------------------------------------------

    def _tell(self, sent: float, answered: float) -> None:
        """So many were sent in this step, and so many of them answered."""
        if self.state == OPEN and not self._trials:
            return
        bad = max(sent - answered, 0.0)
        if self.state == OPEN:
            if not sent or (answered / sent) ** self.breaker.trials >= 0.5:
                self.state, self._until, self._seen, self._bad = CLOSED, math.inf, 0.0, 0.0
            else:
                self._until += self._trials * self.breaker.open_for
            return
        window = float(self.breaker.window * self._clients)
        kept = max(0.0, 1.0 - sent / window)
        self._seen = min(self._seen + sent, window)
        self._bad = self._bad * kept + bad * min(1.0, window / max(sent, 1e-9))
        if self._seen >= window and self._bad >= self.breaker.failures * window:
            self.state, self._until = OPEN, self._end + self.breaker.open_for
