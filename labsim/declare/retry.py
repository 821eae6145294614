"""How a client comes back: attempts, timeouts, backoff, a retry budget, a circuit breaker.

Picture people who ring a bell that nobody answers. Some walk away, some ring every second, some
wait twice as long each time; wise ones toss dice for when, so that they don't all ring at once, and
stop ringing when nobody in the street has been let in for a while.

*Models:* the wait before each retry (none, fixed, exponential, full jitter, decorrelated jitter);
the retry quota of the SDKs' standard mode (botocore, retries/quota.py); a breaker over the last so
many answers, closed, open, half open (as Resilience4j has it).
*Leaves out:* hints of the service on how long to wait; the rate that the SDKs' adaptive mode keeps
to.
"""

import functools
import inspect
import math
from collections import deque
from dataclasses import dataclass

from labsim import factbook
from labsim.engine import ServiceTimes
from labsim.errors import ParameterError, require, short, unknown

NONE, FIXED, EXPONENTIAL, FULL_JITTER, DECORRELATED = BACKOFFS = (
    "none", "fixed", "exponential", "full-jitter", "decorrelated-jitter")
QUOTA = factbook.value("sdk.quota_capacity")            # tokens
RETRY_COST = factbook.value("sdk.retry_cost")
TIMEOUT_COST = factbook.value("sdk.timeout_retry_cost")
BASE, CAP = factbook.value("sdk.backoff_base_s"), factbook.value("sdk.backoff_cap_s")


def wait(backoff: str, retry: int, base: float, cap: float, die: float, last: float = 0.0) -> float:
    """The wait before retry number `retry` (from 1), s; die: from 0 to 1; last: the wait before, s.

    fixed: `base`; exponential: min(base x 2^(retry - 1), cap); full jitter: `die` times that;
    decorrelated jitter: from `base` to three times the last wait, at most `cap`. Fact:
    sdk.full_jitter; AWS Architecture Blog, Exponential Backoff And Jitter.
    """
    if backoff == NONE:
        return 0.0
    if backoff == FIXED:
        return base
    if backoff == DECORRELATED:
        return min(cap, base + die * (3.0 * max(last, base) - base))
    longest = min(base * 2.0 ** min(retry - 1, 1_000), cap)
    return longest if backoff == EXPONENTIAL else die * longest


@dataclass(frozen=True)
class Breaker:
    """A circuit breaker: open as soon as `failures` (a share) of the last `window` answers are
    failures, so many at least; after `open_for` s half open, when it lets `trials` requests
    through: if all are answered it closes, with the first failure it opens again."""

    failures: float = 0.5
    window: int = 20
    open_for: float = 10.0
    trials: int = 3

    def __post_init__(self):
        require("failures", self.failures, 0, 1, above=True)
        require("window", self.window, 1, whole=True)
        require("open_for", self.open_for, unit="s", above=True)
        require("trials", self.trials, 1, whole=True)


@dataclass(frozen=True)
class Retry:
    """What clients do when there is no answer: they ask `attempts` times in all, and wait at most
    `timeout` s each time (a number, or of any distribution, such as `labsim.exponential(2)`).

    backoff: "none", "fixed", "exponential", "full-jitter" or "decorrelated-jitter", from `base` to
    at most `cap` s. budget: retry tokens of a client (inf: no budget); a retry takes 5, after a
    timeout 10, a success brings back what its last retry took, or 1. breaker: a `Breaker`. hedge: s
    without an answer after which the request is sent once more. adaptive: it keeps to a rate that
    falls with each error (`labsim.declare.adaptive`). clients: so many there are, each with a
    budget, a breaker and a rate of its own; they take turns.
    """

    timeout: float | ServiceTimes = math.inf
    attempts: int = 1
    backoff: str = FULL_JITTER
    base: float = BASE
    cap: float = CAP
    budget: float = math.inf
    breaker: Breaker | None = None
    hedge: float = math.inf
    adaptive: bool = False
    clients: int = 1

    def __post_init__(self):
        if not isinstance(self.timeout, ServiceTimes):
            require("timeout", self.timeout, unit="s", above=True, endless=True)
        require("attempts", self.attempts, 1, whole=True)
        if self.backoff not in BACKOFFS:
            raise unknown("backoff", self.backoff, BACKOFFS)
        require("base", self.base, unit="s")
        require("cap", self.cap, unit="s")
        require("budget", self.budget, unit="tokens", endless=True)
        require("hedge", self.hedge, unit="s", endless=True)
        require("clients", self.clients, 1, whole=True)
        if self.breaker is not None and not isinstance(self.breaker, Breaker):
            raise ParameterError("breaker", self.breaker, "a breaker, such as labsim.breaker()")
        if not isinstance(self.adaptive, bool):
            raise ParameterError("adaptive", self.adaptive, "True or False")

    def wait(self, retry: int, die: float, last: float) -> float:
        """The wait before retry number `retry` (from 1), s; die: from 0 to 1; last: the one before.
        """
        return wait(self.backoff, retry, self.base, self.cap, die, last)


def _asks_for(cls: type):
    """A function that makes one of `cls` of its fields by name, and shows these with their
    defaults; an unknown one is a `ParameterError` that suggests the nearest."""
    fields = [p.replace(kind=p.KEYWORD_ONLY)
              for p in inspect.signature(cls, eval_str=True).parameters.values()]
    known = [field.name for field in fields]

    def written(function):
        def made(**how):
            for name in how:
                if name in known:
                    continue
                if "attempts" in known and ("retr" in name or "tries" in name):
                    raise ParameterError("parameter", name, "attempts", (
                        f"unknown parameter {short(name)}: did you mean attempts, which counts the "
                        "first one, too?"))
                raise unknown("parameter", name, known)
            return cls(**how)
        made.__signature__ = inspect.Signature(fields, return_annotation=cls)
        return functools.wraps(function)(made)
    return written


@_asks_for(Breaker)
def breaker():
    """A circuit breaker for `labsim.retry`: it opens when a share `failures` of the last `window`
    answers are failures, lets nothing through for `open_for` s, then `trials` requests."""


@_asks_for(Retry)
def retry():
    """What clients do when no answer comes, for `sim.send(load, to=part, retry=...)`.

    timeout: s that they wait for an answer (a number, or `labsim.exponential(2)`); attempts: in
    all; backoff: "none", "fixed", "exponential", "full-jitter" or "decorrelated-jitter", from
    `base` to at most `cap` s; budget: retry tokens (500 in the SDKs; a retry takes 5, after a
    timeout 10, a success brings 1 back, or what its retry took); breaker: a `labsim.breaker`;
    hedge: s after which a second request is sent; adaptive: they keep to a rate that falls when
    they get errors; clients: so many there are, each with its own tokens and breaker.
    """


class Budget:
    """The retry tokens of one client, `most` and full at first."""

    def __init__(self, most: float):
        self.most = self.tokens = most

    def take(self, after_timeout: bool) -> float:
        """What a retry takes; 0 if there is not enough for it."""
        price = TIMEOUT_COST if after_timeout else RETRY_COST
        if self.tokens < price:
            return 0.0
        self.tokens -= price
        return price

    def give_back(self, price: float) -> None:
        """A request is answered, whose last retry took so much."""
        self.tokens = min(self.most, self.tokens + (price or 1.0))


CLOSED, OPEN, HALF_OPEN = "closed", "open", "half open"


class Switch:
    """A `Breaker` at work. `epoch` counts its changes: an answer says nothing about a later one."""

    def __init__(self, breaker: Breaker):
        self.breaker, self.state, self.epoch = breaker, CLOSED, 0
        self._told: deque[bool] = deque(maxlen=breaker.window)
        self._until, self._let = 0.0, 0

    def lets(self, t: float) -> bool:
        """Whether a request may go through at `t` s."""
        if self.state == OPEN and t >= self._until:
            self._change(HALF_OPEN)
        if self.state == HALF_OPEN:
            self._let += 1
            return self._let <= self.breaker.trials
        return self.state == CLOSED

    def tell(self, t: float, ok: bool, epoch: int) -> None:
        """How a request has ended that was let through in that epoch."""
        if epoch != self.epoch:
            return
        told = self._told
        told.append(ok)
        if self.state == HALF_OPEN:
            if not ok:
                self._open(t)
            elif len(told) == self.breaker.trials:
                self._change(CLOSED)
        elif not ok and len(told) == told.maxlen and (
                told.count(False) >= self.breaker.failures * told.maxlen):
            self._open(t)

    def _open(self, t: float) -> None:
        self._until = t + self.breaker.open_for
        self._change(OPEN)

    def _change(self, state: str) -> None:
        self.state, self._let = state, 0
        self.epoch += 1
        trials = self.breaker.trials if state == HALF_OPEN else self.breaker.window
        self._told = deque(maxlen=trials)
