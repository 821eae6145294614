"""How an AWS SDK tries again: attempts, backoff, jitter, and a quota of retries.

Picture people who ring a bell that nobody answers. Some walk away, some ring every second, some
wait twice as long each time; wise ones also toss dice for when, so that they don't all ring at
once, and stop ringing when nobody in the street has been let in for a while.

*Models:* the wait before each retry (none, fixed, exponential, full jitter); the retry quota of
the standard mode: a bucket of tokens per client, a retry takes some, a success brings some back.
*Leaves out:* adaptive mode's client-side rate, timeouts other than their price in tokens, hints
of the service on how long to wait.
"""

from labsim import factbook

NONE, FIXED, EXPONENTIAL, FULL_JITTER = "none", "fixed", "exponential", "full-jitter"
MODES = (NONE, FIXED, EXPONENTIAL, FULL_JITTER)
QUOTA = factbook.value("sdk.quota_capacity")
RETRY_COST = factbook.value("sdk.retry_cost")
TIMEOUT_COST = factbook.value("sdk.timeout_retry_cost")


def wait(mode: str, retry: int, base: float, cap: float) -> tuple[float, float]:
    """Shortest and longest wait before retry number `retry` (from 1), s.

    fixed: `base`; exponential: min(base x 2^(retry - 1), cap); full jitter: uniform from 0 to
    that. Fact: sdk.standard_backoff; AWS Architecture Blog, Exponential Backoff And Jitter.
    """
    if mode == FIXED:
        return base, base
    longest = min(base * 2.0 ** (retry - 1), cap)
    return (0.0 if mode == FULL_JITTER else longest), longest


def waits(mode: str, max_attempts: int, base: float, cap: float) -> list[tuple[float, float]]:
    """`wait` before each retry of a request that may be tried `max_attempts` times in all."""
    if mode == NONE:
        return []
    return [wait(mode, retry, base, cap) for retry in range(1, max_attempts)]


def mean_wait(mode: str, max_attempts: int, base: float, cap: float) -> float:
    """Mean of all waits together of a request that fails to its last attempt, s."""
    return sum((low + high) / 2 for low, high in waits(mode, max_attempts, base, cap))


def longest_wait(mode: str, max_attempts: int, base: float, cap: float) -> float:
    """The most that all waits together can take, s."""
    return sum(high for _, high in waits(mode, max_attempts, base, cap))


def retries_without_success(clients: int = 1, timeout: bool = False) -> int:
    """How many retries full quotas allow while nothing succeeds."""
    return RetryQuota(clients).affordable(timeout)


class RetryQuota:
    """The retry tokens of `clients` clients, full at first.

    Source: botocore, retries/quota.py and retries/standard.py (RetryQuotaChecker).
    """

    def __init__(self, clients: int = 1, capacity: float = QUOTA):
        self.capacity = self.tokens = clients * capacity

    def affordable(self, timeout: bool = False) -> int:
        """How many retries the tokens are good for now."""
        return int(self.tokens // (TIMEOUT_COST if timeout else RETRY_COST))

    def spend(self, retries: float, timeout: bool = False) -> None:
        """Take the tokens of so many retries."""
        self.tokens = max(0.0, self.tokens - retries * (TIMEOUT_COST if timeout else RETRY_COST))

    def refund(self, first: float, retried: float) -> None:
        """Successes bring tokens back: 1 at the first attempt, else what the retry took."""
        self.tokens = min(self.capacity, self.tokens + first + retried * RETRY_COST)
