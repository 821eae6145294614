"""Clients who come back, as a crowd: what a `Retry` is where requests are counted.

Picture a crowd before turnstiles. Nobody knows who of them has been turned away twice, but how many
have; and their purses (the retry tokens) are thrown together and shared out evenly.

*Models:* the waits of each backoff; the retry tokens of so many clients as one purse; their circuit
breakers, whose clients are alike: all whose window is as full of failures open at once, and of
those half open so many close as have seen no failure by chance.
*Leaves out:* hedged requests, adaptive mode, timeouts that differ: follow the requests one by one
(`to=table.writes.one_by_one`). That a retry after a timeout comes later by that timeout.
"""

import math
from collections import deque

from labsim.declare.retry import (
    DECORRELATED,
    QUOTA,
    RETRY_COST,
    TIMEOUT_COST,
    Breaker,
    Retry,
)
from labsim.declare.retry import wait as one_wait
from labsim.engine import ServiceTimes
from labsim.engine.waits import decorrelated
from labsim.errors import ParameterError, require_each


def counted(retry: Retry) -> None:
    """ParameterError, with the reason, for what a crowd can't do."""
    for name, asked in (("hedge", retry.hedge < math.inf), ("adaptive", retry.adaptive),
                        ("timeout", isinstance(retry.timeout, ServiceTimes))):
        if asked:
            raise ParameterError(
                name, getattr(retry, name), "for requests that are followed one by one",
                f"{name}: requests here are counted, and a crowd has no {name} of each request's "
                f"own; send them one by one, such as to=table.writes.one_by_one")


def wait(backoff: str, retry: int, base: float, cap: float) -> tuple[float, float]:
    """Shortest and longest wait before retry number `retry` (from 1), s: the same at a die of 0 and
    of 1 as of one client (`labsim.declare.retry.wait`); not for decorrelated jitter, whose waits
    hang on the last one."""
    return one_wait(backoff, retry, base, cap, 0.0), one_wait(backoff, retry, base, cap, 1.0)


def waits_of(retry: Retry) -> list[tuple[float, float]]:
    """The law of the wait before each retry: (shortest, longest) s, evenly in between, or a
    mixture of such (`labsim.engine.waits`)."""
    if retry.backoff == DECORRELATED:
        return decorrelated(retry.base, retry.cap, retry.attempts - 1)
    return [wait(retry.backoff, k, retry.base, retry.cap) for k in range(1, retry.attempts)]


class RetryQuota:
    """The retry tokens of `clients` clients, full at first. timeouts: attempts fail by timing out,
    of which a retry takes more tokens.

    Source: botocore, retries/quota.py and retries/standard.py (RetryQuotaChecker).
    """

    def __init__(self, clients: int = 1, capacity: float = QUOTA, *, timeouts: bool = False):
        require_each(clients=clients, capacity=capacity)
        self.capacity = self.tokens = self._left = clients * capacity
        self.price = TIMEOUT_COST if timeouts else RETRY_COST

    def share(self, wanted: float, first: float, retried: float, late: float = 0.0) -> float:
        """Which part of so many retries `wanted`, of which a share `late` comes after a timeout,
        the tokens are good for, if meanwhile so many succeed at their first attempt, which brings 1
        back, or at a retry, which brings back what it took. `settle` makes it so."""
        each = self.price + (TIMEOUT_COST - self.price) * late
        tokens, price = self.tokens + first + retried * each, wanted * each
        share = min(1.0, tokens / price) if price > 0 else 1.0
        self._left = min(self.capacity, tokens - price * share)
        return share

    def settle(self) -> None:
        """What `share` said last has happened."""
        self.tokens = max(0.0, self._left)


class CountedBreakers:
    """The circuit breakers of `clients` clients who are alike: which share of them is `closed`,
    which half open (`trying`), and until when the others are open."""

    def __init__(self, breaker: Breaker, clients: int):
        self.breaker, self.clients = breaker, clients
        self.closed, self.trying = 1.0, 0.0
        self._opened: deque[tuple[float, float]] = deque()      # until, share of the clients
        self._told: deque[tuple[float, float]] = deque()        # answers lately, failures
        self._tried = self._trials = 0.0        # of each that is half open; share let through

    def let(self, t: float, attempts: float) -> float:
        """The share of so many attempts that goes through, from `t` s on; `end` ends the step."""
        while self._opened and self._opened[0][0] <= t + 1e-9:
            self.trying += self._opened.popleft()[1]
        left = (self.breaker.trials - self._tried) * self.clients
        self._trials = min(1.0, max(left, 0.0) / attempts) if attempts > 0 else 1.0
        return min(self.closed + self.trying * self._trials, 1.0)

    def end(self, t: float, attempts: float, failing: float) -> None:
        """By `t` s so many attempts were wanted, and of those let through a share was `failing`."""
        if self.trying:
            self._try(t, attempts * self._trials / self.clients, failing)
        if self.closed and attempts:
            self._tell(t, attempts / self.clients, failing)

    def _try(self, t: float, each: float, failing: float) -> None:
        """So many trials of each that is half open."""
        well = self.trying * (1.0 - failing) ** each
        self._open(t, self.trying - well)
        self.trying, self._tried = well, self._tried + each
        if self._tried >= self.breaker.trials * (1.0 - 1e-9) or well < 1e-6:
            if well >= 1e-6:
                self.closed += well
                self._told.clear()
            self.trying = self._tried = 0.0

    def _tell(self, t: float, each: float, failing: float) -> None:
        """So many answers more to each that is closed, whose windows roll on."""
        told, window = self._told, self.breaker.window
        told.append((each, each * failing))
        seen = sum(n for n, _ in told)
        while seen - told[0][0] >= window:
            seen -= told.popleft()[0]
        if seen >= window and sum(bad for _, bad in told) >= self.breaker.failures * seen:
            self._open(t, self.closed)
            self.closed = 0.0
            told.clear()

    def _open(self, t: float, share: float) -> None:
        if share > 0.0:
            self._opened.append((t + self.breaker.open_for, share))
