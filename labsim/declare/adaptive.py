"""Adaptive mode of the SDKs: a client that keeps to a rate which falls with each throttled answer.

Picture a tap that its owner turns down by a third whenever the drain overflows, and then opens
again: fast at first, slowly where it overflowed last time, and then faster and faster.

*Models:* botocore's client-side rate limiter, step by step: a bucket of tokens, one for each
attempt, that fills at a rate; CUBIC, which sets that rate after each answer; never more than twice
the rate at which answers come, measured by half-seconds. Until the first throttled answer nobody
waits. Who waits for a token is served in order.
*Leaves out:* which errors are throttles: all that are refused count as such.

Source: botocore, retries/adaptive.py, throttling.py, bucket.py; tests hold it against them.
"""

import math
from collections import deque
from collections.abc import Callable

from labsim import factbook
from labsim.engine.agenda import ARRIVE, Agenda

BETA, SCALE = factbook.value("sdk.adaptive_beta"), factbook.value("sdk.adaptive_scale")
MOST, LEAST = factbook.value("sdk.adaptive_most"), factbook.value("sdk.adaptive_least")
PERIOD, SMOOTHING = (factbook.value("sdk.adaptive_period_s"),
                     factbook.value("sdk.adaptive_smoothing"))
ROUNDING = 1e-9


class ClientRate:
    """The rate of one client; go(t, what) sends an attempt.

    `rate` tokens/s come, of which `room` are kept; `tokens` are there. `enabled`: it has been
    throttled once.
    """

    def __init__(self, agenda: Agenda, go: Callable[[float, object], object]):
        self.enabled, self.tokens, self.measured = False, 0.0, 0.0
        self.rate, self.room, self._filled = 1.0, 1.0, 0.0
        self._agenda, self._go = agenda, go
        self._line: deque = deque()
        self._waking = -1.0         # when the first in line is served, as far as is known, s
        self._best = self._back_at = self._failed = 0.0     # of CUBIC: rate, s after, s
        self._period, self._answers = 0.0, 0

    def acquire(self, t: float, what) -> None:
        """An attempt wants a token at `t` s: it goes at once, or when there is one."""
        if not self.enabled:
            self._go(t, what)
            return
        self._fill(t)
        self._line.append(what)
        self._serve(t)

    def told(self, t: float, throttled: bool) -> None:
        """An answer comes, or a timeout, which is no throttle."""
        measured = self._measure(t)
        if throttled:
            now = min(measured, self.rate) if self.enabled else measured
            self._best, self._failed, self.enabled = now, t, True
            self._back_at = (now * (1 - BETA) / SCALE) ** (1 / 3.0)
            rate = now * BETA
        else:
            rate = SCALE * (t - self._failed - self._back_at) ** 3 + self._best
        self._set(t, min(rate, MOST * measured))

    def _measure(self, t: float) -> float:
        """Answers per second lately, with the one that has just come."""
        period = math.floor(t / PERIOD) * PERIOD
        self._answers += 1
        if period > self._period:
            rate = self._answers / (period - self._period)
            self.measured = rate * SMOOTHING + self.measured * (1 - SMOOTHING)
            self._answers, self._period = 0, period
        return self.measured

    def _set(self, t: float, rate: float) -> None:
        self._fill(t)
        self.rate, self.room = max(rate, LEAST), max(rate, 1.0)
        self.tokens = min(self.tokens, self.room)
        if self._line:
            self._serve(t)

    def _fill(self, t: float) -> None:
        self.tokens = min(self.room, self.tokens + (t - self._filled) * self.rate)
        self._filled = t

    def _serve(self, t: float) -> None:
        """Whoever is first in line goes, while there are tokens."""
        line = self._line
        while line and self.tokens >= 1.0 - ROUNDING:
            self.tokens = max(self.tokens - 1.0, 0.0)
            self._go(t, line.popleft())
        if line:
            self._waking = t + (1.0 - self.tokens) / self.rate
            self._agenda.at(self._waking, self._wake, self._waking, ARRIVE)

    def _wake(self, t: float, due: float) -> None:
        if due == self._waking and self._line:      # no other rate since
            self._fill(t)
            self._serve(t)
