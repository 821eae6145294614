"""Closed forms for clients that come back: how often they ask, and how long they wait before.

A client makes up to so many `attempts`; each fails with the probability `failure_share`,
independent of the others. Waits are in seconds. Errors as in `queues`.
"""

import numpy as np

from labsim.errors import NotApplicable
from labsim.theory.arguments import check, check_share, check_whole

GRID = 20_001       # points between the shortest wait and the longest


def amplification(attempts: int, failure_share: float) -> float:
    """Attempts per request: 1 + p + ... + p^(n - 1) = (1 - p^n) / (1 - p). `ValueError`.

    Source: a geometric sum; AWS Builders' Library, Timeouts, retries, and backoff with jitter.
    """
    check_whole(attempts=attempts)
    check_share(failure_share=failure_share)
    return float(sum(failure_share**n for n in range(attempts)))


def layers_amplification(attempts: int, layers: int) -> float:
    """Attempts at the last of so many layers, each of which makes all its `attempts` at the next,
    for each request at the first, when nothing works: n^layers. `ValueError`. Source: as above."""
    check_whole(attempts=attempts, layers=layers)
    return float(attempts) ** layers


def failed_share(attempts: int, failure_share: float) -> float:
    """Share of the requests all of whose attempts fail: p^n. `ValueError`."""
    check_whole(attempts=attempts)
    check_share(failure_share=failure_share)
    return float(failure_share**attempts)


def backoff_mean(backoff: str, retry: int, base: float, cap: float) -> float:
    """Mean wait before retry number `retry` (from 1), s, from `base` to at most `cap`.

    "none": 0; "fixed": base; "exponential": min(base 2^(n - 1), cap); "full-jitter": half of it;
    "decorrelated-jitter": each wait is even between base and three times the last, or cap if that
    is less: h_n(base), where h_n(x) is the mean of h_n-1 over the next wait, h_0(x) = x; by the
    trapezoidal rule, to about eight digits. `NotApplicable` for another backoff, `ValueError`.
    Source: AWS Architecture Blog, Exponential Backoff And Jitter (2015).
    """
    check_whole(retry=retry)
    check(base=base, cap=cap)
    if backoff == "none":
        return 0.0
    if backoff == "fixed":
        return float(base)
    if backoff in ("exponential", "full-jitter"):
        longest = min(base * 2.0 ** min(retry - 1, 1_000), cap)
        return float(longest if backoff == "exponential" else longest / 2)
    if backoff != "decorrelated-jitter":
        raise NotApplicable(f"backoff: there is no closed form for {backoff!r}")
    if base >= cap or base == 0:
        return float(min(base, cap))
    return _decorrelated_mean(retry, base, cap)


def _decorrelated_mean(retry: int, base: float, cap: float) -> float:
    waits = np.linspace(base, cap, GRID)
    mean = waits
    for _ in range(retry):
        area = np.concatenate([[0.0], np.cumsum((mean[1:] + mean[:-1]) / 2 * np.diff(waits))])
        inside = np.interp(np.minimum(3.0 * waits, cap), waits, area)
        beyond = mean[-1] * np.maximum(3.0 * waits - cap, 0.0)
        mean = (inside + beyond) / (3.0 * waits - base)
    return float(mean[0])
