"""How an AWS SDK tries again, as a crowd of clients does: attempts, backoff, jitter, a quota.

Picture people who ring a bell that nobody answers. Some walk away, some ring every second, some
wait twice as long each time; wise ones also toss dice for when, so that they don't all ring at
once, and stop ringing when nobody in the street has been let in for a while.

*Models:* the wait before each retry (none, at once, fixed, exponential, full jitter, decorrelated
jitter); the retry quota of the standard mode: a bucket of tokens per client, a retry takes some, a
success brings some back (`labsim.declare.crowd`).
*Leaves out:* adaptive mode's client-side rate, hints of the service on how long to wait.
"""

from labsim import factbook
from labsim.declare.client_knobs import AT_ONCE
from labsim.declare.crowd import RetryQuota, wait, waits_of
from labsim.declare.retry import BACKOFFS, DECORRELATED, FULL_JITTER, NONE, Retry
from labsim.errors import require, require_each, unknown

__all__ = ["MODES", "RetryQuota", "standard_waits", "wait", "waits"]

MODES = (NONE, AT_ONCE, *BACKOFFS[1:])


def waits(mode: str, max_attempts: int, base: float, cap: float) -> list[tuple[float, float]]:
    """Shortest and longest wait, s, before each retry of a request that may be tried
    `max_attempts` times in all; a mixture of such for decorrelated jitter.

    fixed: `base`; exponential: min(base x 2^(retry - 1), cap); full jitter: uniform from 0 to
    that; decorrelated jitter: from `base` to three times the last wait, at most `cap`. Fact:
    sdk.standard_backoff; AWS Architecture Blog, Exponential Backoff And Jitter.
    ParameterError for an unknown mode, fewer than one attempt, a wait below zero.
    """
    if mode not in MODES:
        raise unknown("mode", mode, MODES)
    require("max_attempts", max_attempts, 1, whole=True)
    require_each(base=base, cap=cap)
    if mode == NONE:
        return []
    if mode == DECORRELATED:
        return waits_of(Retry(attempts=max_attempts, backoff=mode, base=base, cap=cap))
    backoff = NONE if mode == AT_ONCE else mode
    return [wait(backoff, retry, base, cap) for retry in range(1, max_attempts)]


def standard_waits() -> list[tuple[float, float]]:
    """`waits` of the SDK's standard mode, as it is set up."""
    value = factbook.value
    return waits(FULL_JITTER, int(value("sdk.standard_attempts")), value("sdk.backoff_base_s"),
                 value("sdk.backoff_cap_s"))
