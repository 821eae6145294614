"""The throttle of Amazon API Gateway: a bucket of tokens.

Picture the door of a shop with a bowl of tokens beside it. Each visitor takes one; who finds none
is sent away. The bowl is filled all the time, and never beyond its rim.

*Models:* one bucket of an account. *Leaves out:* limits per method and per client.
"""

from labsim import factbook

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
