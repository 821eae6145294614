"""Retries of the SDK, rule by rule."""

import pytest

from labsim.errors import ParameterError
from labsim.services.common import retries as sdk


def test_waits_of_each_mode():
    """Fixed stays, exponential doubles up to the cap, full jitter is from 0 to that."""
    assert sdk.waits("none", 5, 1, 20) == []
    assert sdk.waits("fixed", 3, 2, 20) == [(2, 2), (2, 2)]
    assert sdk.waits("exponential", 7, 1, 20) == [(w, w) for w in (1, 2, 4, 8, 16, 20)]
    assert sdk.waits("full-jitter", 4, 1, 20) == [(0, 1), (0, 2), (0, 4)]


def test_a_client_retries_a_hundred_times_in_an_outage():
    """500 tokens at 5 each; successes bring tokens back, 1 at the first attempt, else 5; never
    more than there were."""
    quota = sdk.RetryQuota()
    assert quota.share(wanted=200, first=0, retried=0) == 0.5
    assert sdk.RetryQuota(timeouts=True).share(wanted=200, first=0, retried=0) == 0.25
    assert quota.tokens == 500                      # so far nobody has tried again
    quota.settle()
    assert quota.tokens == 0 and quota.share(wanted=10, first=0, retried=0) == 0
    assert quota.share(wanted=2, first=5, retried=1) == 1.0
    assert quota.share(wanted=4, first=5, retried=1) == 0.5
    quota.share(wanted=0, first=1e9, retried=0)
    quota.settle()
    assert quota.tokens == 500


def test_the_standard_mode():
    """Three attempts, full jitter up to 1 and 2 s."""
    assert sdk.standard_waits() == sdk.waits("full-jitter", 3, 1, 20) == [(0, 1), (0, 2)]


def test_what_is_no_policy_is_refused():
    """An unknown mode, with the nearest; no attempt; waits below zero; fewer than no client."""
    with pytest.raises(ParameterError, match="did you mean full-jitter"):
        sdk.waits("full jitter", 1, 1, 20)
    for told, values in (("max_attempts", (0, 1, 20)), ("base", (3, -1, 20)), ("cap", (3, 1, -1))):
        with pytest.raises(ParameterError, match=told):
            sdk.waits("fixed", *values)
    with pytest.raises(ParameterError, match="clients"):
        sdk.RetryQuota(-1)
