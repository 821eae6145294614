"""API Gateway's throttle, and the gateway as a part."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import labsim
from labsim.builtin.lambda_concurrency import by_hand
from labsim.engine import Simulation, TokenBucket
from labsim.errors import ParameterError
from labsim.services.api_gateway import Gateway
from labsim.services.api_gateway.throttle import Throttle
from labsim.services.lambda_ import Function


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 50), st.integers(1, 20))
def test_the_gateway_is_a_token_bucket(gaps, rate, burst):
    """Never more than burst + rate x time in any stretch, and none is refused that has a token."""
    gateway, t, passed, tokens, last = Throttle(rate, burst), 0.0, [], float(burst), 0.0
    for gap in gaps:
        t += gap
        tokens, last = min(burst, tokens + rate * (t - last)), t
        assume(abs(tokens - 1) > 1e-6)
        if gateway.admit(t):
            passed.append(t)
            tokens -= 1
        else:
            assert tokens < 1
    for i, a in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= burst + rate * (passed[j] - a) + 1e-6


@pytest.mark.parametrize("counts, seconds, rate, burst, interval, due", [
    ([10, 10], 0.5, 10, 5, 0, [5, 5]), ([20, 30, 30], 1, 20, 30, 1, [20, 30, 20]),
    ([100, 0, 100], 1, 10, 40, 0, [40, 0, 20]), ([30, 30, 30], 1, 20, 30, 1, [30, 20, 20])])
def test_sequences_of_a_token_bucket(counts, seconds, rate, burst, interval, due):
    """Those of AWS's page, and others; where tokens come all the time, by the gateway's, too."""
    bucket = TokenBucket(rate, burst, interval=interval)
    assert [bucket.take(n * seconds, count) for n, count in enumerate(counts)] == due
    if not interval:
        assert by_hand.admitted(counts, seconds, rate, burst) == due


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30_000), st.floats(0, 3))
def test_an_even_crowd_before_a_full_bucket(n, seconds):
    """All, or the burst and what comes meanwhile."""
    assert by_hand.admitted_evenly(n, seconds) == pytest.approx(
        min(n, 5_000 + 10_000 * seconds), abs=1)


def test_two_gateways_do_not_mix():
    """One function behind two doors: each lets in what its own bucket allows."""
    def doors(sim):
        function = Function(sim, "function", labsim.fixed(0.1))
        for name, rate in (("front", 5), ("back", 20)):
            door = Gateway(sim, name, function, rate=rate, burst=20)
            sim.send(50, to=door, name=f"{name} users")
    s = labsim.simulate(doors, duration=100).summary
    for name, rate in (("front", 5), ("back", 20)):
        let_in = s[f"{name}.offered"] - s[f"{name}.failed_gateway"]
        assert s[f"{name}.offered"] == s[f"{name} users.offered"]
        assert 0.99 * 100 * rate < let_in <= 20 + 100 * rate
    assert s["function.invocations"] == sum(
        s[f"{name}.offered"] - s[f"{name}.failed_gateway"] for name in ("front", "back"))


@pytest.mark.parametrize("bad", [{"rate": -1}, {"burst": 0}, {"cache_ttl": -1}, {"keys": 0},
                                 {"timeout": -1}])
def test_settings_that_a_gateway_refuses(bad):
    """Said with the name of the setting."""
    sim = Simulation(1, 60.0)
    with pytest.raises(ParameterError) as caught:
        Gateway(sim, "door", Function(sim, "function", labsim.fixed(1)), **bad)
    assert caught.value.name in bad
