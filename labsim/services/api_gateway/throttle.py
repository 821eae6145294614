"""Amazon API Gateway: a bucket of tokens and a cache before whatever answers.

Picture the door of a shop with a bowl of tokens beside it. Each visitor takes one; who finds none
is sent away. The bowl is filled all the time, and never beyond its rim. A board beside the door
answers what was asked a short while ago, and whoever reads it need not go in.

*Models:* one bucket of an account; a response cache with a TTL, per key; the integration timeout.
*Leaves out:* limits per method and per client, cache sizes, authorizers.

Data plane: request-level; a bucket in arithmetic for a crowd that comes evenly.
"""

from labsim import factbook
from labsim.engine import TokenBucket

RATE, BURST = factbook.value("apigw.rate_account"), factbook.value("apigw.burst_account")
PRICE = factbook.value("apigw.price_rest_million") / 1e6


def passed_evenly(requests: float, seconds: float, rate: float = RATE,
                  burst: float = BURST) -> float:
    """Of so many requests, evenly over so many seconds, those that a full bucket lets through."""
    return min(requests, burst + rate * seconds)


def passed(counts: list[int], seconds: float, rate: float = RATE, burst: float = BURST, *,
           interval: float = 0.0) -> list[int]:
    """Of `counts` requests at 0, `seconds`, 2 `seconds`, ... those that pass each time. With an
    `interval` tokens come in portions, every so many seconds."""
    bucket = TokenBucket(rate, burst, interval=interval)
    return [int(bucket.take(n * seconds, count)) for n, count in enumerate(counts)]


def passed_by_second(counts: list[int], rate: float, burst: float) -> list[int]:
    """`passed` each second, with a whole second's tokens at a time."""
    return passed(counts, 1.0, rate, burst, interval=1.0)


class Gateway:
    """A gateway with a bucket, and a cache that keeps an answer for `ttl` s (0: none)."""

    def __init__(self, rate: float, burst: float, ttl: float = 0.0):
        self.rate, self.burst, self.ttl = rate, burst, ttl
        self._tokens, self._at = float(burst), 0.0
        self._kept: dict[int, float] = {}       # key: until when

    def admit(self, t: float) -> bool:
        """Whether the bucket has a token for a request at `t` s, never earlier than the last."""
        tokens = self._tokens + self.rate * (t - self._at)
        self._at, self._tokens = t, min(tokens, self.burst)
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens -= 1.0
        return True

    def cached(self, key: int, t: float) -> bool:
        """Whether there is an answer for `key` at `t` s."""
        return self._kept.get(key, -1.0) > t

    def keep(self, key: int, t: float) -> None:
        """Keep the answer that came at `t` s."""
        if self.ttl:
            self._kept[key] = t + self.ttl
