"""How an AWS SDK tries again: attempts, backoff, jitter, and a quota of retries.

Picture people who ring a bell that nobody answers. Some walk away, some ring every second, some
wait twice as long each time; wise ones also toss dice for when, so that they don't all ring at
once, and stop ringing when nobody in the street has been let in for a while.

*Models:* the wait before each retry (none, fixed, exponential, full jitter); the retry quota of
the standard mode: a bucket of tokens per client, a retry takes some, a success brings some back.
*Leaves out:* adaptive mode's client-side rate, clients with both kinds of failures, hints
of the service on how long to wait.
"""

from labsim import factbook
from labsim.errors import require, require_each, unknown

NONE, FIXED, EXPONENTIAL, FULL_JITTER = "none", "fixed", "exponential", "full-jitter"
MODES = (NONE, FIXED, EXPONENTIAL, FULL_JITTER)
QUOTA = factbook.value("sdk.quota_capacity")
RETRY_COST = factbook.value("sdk.retry_cost")
TIMEOUT_COST = factbook.value("sdk.timeout_retry_cost")


def _known(mode: str) -> None:
    if mode not in MODES:
        raise unknown("mode", mode, MODES)


def wait(mode: str, retry: int, base: float, cap: float) -> tuple[float, float]:
    """Shortest and longest wait before retry number `retry` (from 1), s.

    fixed: `base`; exponential: min(base x 2^(retry - 1), cap); full jitter: uniform from 0 to
    that. Fact: sdk.standard_backoff; AWS Architecture Blog, Exponential Backoff And Jitter.
    """
    _known(mode)
    if mode == FIXED:
        return base, base
    longest = min(base * 2.0 ** (retry - 1), cap)
    return (0.0 if mode == FULL_JITTER else longest), longest


def waits(mode: str, max_attempts: int, base: float, cap: float) -> list[tuple[float, float]]:
    """`wait` before each retry of a request that may be tried `max_attempts` times in all.

    ParameterError for an unknown mode, fewer than one attempt, a wait below zero.
    """
    _known(mode)
    require("max_attempts", max_attempts, 1, whole=True)
    require_each(base=base, cap=cap)
    if mode == NONE:
        return []
    return [wait(mode, retry, base, cap) for retry in range(1, max_attempts)]


def standard_waits() -> list[tuple[float, float]]:
    """`waits` of the SDK's standard mode, as it is set up."""
    value = factbook.value
    return waits(FULL_JITTER, int(value("sdk.standard_attempts")), value("sdk.backoff_base_s"),
                 value("sdk.backoff_cap_s"))


class RetryQuota:
    """The retry tokens of `clients` clients, full at first. timeouts: attempts fail by timing out,
    of which a retry takes more tokens.

    Source: botocore, retries/quota.py and retries/standard.py (RetryQuotaChecker).
    """

    def __init__(self, clients: int = 1, capacity: float = QUOTA, *, timeouts: bool = False):
        require_each(clients=clients, capacity=capacity)
        self.capacity = self.tokens = self._left = clients * capacity
        self.price = TIMEOUT_COST if timeouts else RETRY_COST

    def share(self, wanted: float, first: float, retried: float) -> float:
        """Which part of so many retries `wanted` the tokens are good for, if meanwhile so many
        succeed at their first attempt, which brings 1 back, or at a retry, which brings back what
        it took. `settle` makes it so."""
        tokens, price = self.tokens + first + retried * self.price, wanted * self.price
        share = min(1.0, tokens / price) if price > 0 else 1.0
        self._left = min(self.capacity, tokens - price * share)
        return share

    def settle(self) -> None:
        """What `share` said last has happened."""
        self.tokens = max(0.0, self._left)
