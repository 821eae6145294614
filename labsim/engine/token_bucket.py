"""Token bucket: a rate limit that allows bursts.

Picture a bucket that holds `burst` tokens, filled by a tap at `rate` tokens per second.
Each request takes a token; a request that finds none is throttled.

*Models:* continuous refill, or refill in portions every `interval` seconds (some AWS APIs
add a whole second's tokens at each second); one bucket, or an array of buckets (one per key)
filled and emptied together.
*Leaves out:* queueing in front of the bucket; whoever is throttled decides what to do.
"""

import numpy as np

from labsim.errors import ParameterError, require


class TokenBucket:
    """Buckets of `burst` tokens refilled at `rate` tokens/s; full at time 0.

    `rate` and `burst` may be arrays of shape (keys,): then so are `tokens` and the results.
    """

    def __init__(self, rate, burst, *, interval: float = 0.0):
        self.rate, self.burst = (_amounts(name, value)
                                 for name, value in (("rate", rate), ("burst", burst)))
        require("interval", interval, unit="s")
        self.interval = interval
        self.tokens = np.broadcast_to(self.burst, np.broadcast(self.rate, self.burst).shape).copy()
        self._filled_to = 0.0

    def fill(self, now: float) -> None:
        """Let the tap run until `now` (s); time never goes back."""
        if now < self._filled_to:
            raise ParameterError("now", now, f"at least {self._filled_to:,g} s, when it was filled")
        if self.interval:
            portions = now // self.interval - self._filled_to // self.interval
            elapsed = portions * self.interval
        else:
            elapsed = now - self._filled_to
        self.tokens = np.minimum(self.burst, self.tokens + self.rate * elapsed)
        self._filled_to = now

    def take(self, now: float, wanted):
        """Serve as many of the `wanted` requests at `now` as there are whole tokens; how many."""
        self.fill(now)
        # A token that rounding left a millionth short of whole is whole.
        served = np.minimum(np.asarray(wanted), np.floor(self.tokens + 1e-6))
        self.tokens = np.maximum(self.tokens - served, 0.0)
        return served


def tokens_before(held: float, most: float, rate: float, passed: np.ndarray,
                  taken: np.ndarray) -> np.ndarray:
    """What is in a bucket before each of some requests: it `held` so many tokens, `passed` s
    before; as many are `taken` by the requests before; it holds `most`, filled with `rate` a
    second. Below 0 where more were taken than there are. Arrays of shape (requests,)."""
    filled = rate * passed - taken
    return filled + np.minimum(held, np.minimum.accumulate(most - filled))


def held_at_first(rate, before):
    """What buckets of a second's worth at `rate` hold when a run begins, if so much a second was
    asked of them `before`: all of it, or, if they were overrun, nothing."""
    return rate * (before <= rate)


def _amounts(name: str, value) -> np.ndarray:
    for one in np.asarray(value, dtype=object).flat:
        require(name, one, unit="tokens", endless=True)
    return np.asarray(value, dtype=float)
