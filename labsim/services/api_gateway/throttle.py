"""The throttle of Amazon API Gateway: a bucket of tokens.

Picture the door of a shop with a bowl of tokens beside it. Each visitor takes one; who finds none
is sent away. The bowl is filled all the time, and never beyond its rim.

*Models:* one bucket of an account. *Leaves out:* limits per method and per client.
"""

import numpy as np

from labsim import factbook
from labsim.engine import tokens_before

RATE, BURST = factbook.value("apigw.rate_account"), factbook.value("apigw.burst_account")


class Throttle:
    """A bucket of `burst` tokens, filled with `rate` of them per second; full at first."""

    def __init__(self, rate: float = RATE, burst: float = BURST):
        self.rate, self.burst = rate, burst
        self._tokens, self._at = float(burst), 0.0

    def admit(self, t: float) -> bool:
        """Whether there is a token for a request at `t` s, never earlier than the last."""
        tokens = self._tokens + self.rate * (t - self._at)
        self._at, self._tokens = t, min(tokens, self.burst)
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens -= 1.0
        return True

    def admit_all(self, times: np.ndarray) -> np.ndarray:
        """For each request at `times` (s, sorted) whether there is a token, as by `admit`."""
        if not len(times):
            return np.empty(0, bool)
        before = np.arange(len(times))
        tokens = tokens_before(self._tokens, self.burst, self.rate, times - self._at, before)
        if tokens.min() < 1.0 - 1e-9:       # not for all of them
            return np.array([self.admit(t) for t in times.tolist()])
        self._at, self._tokens = float(times[-1]), float(tokens[-1] - 1.0)
        return np.ones(len(times), bool)
