"""API Gateway's throttle, and the gateway as a part."""

import numpy as np
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
from labsim.services.lambda_.caller import REJECTED, THROTTLED, TIMED_OUT


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


@pytest.mark.parametrize("trial", range(20))
def test_requests_let_in_together_are_those_let_in_one_by_one(trial):
    """Whether there is a token for all of them or not."""
    rng = np.random.default_rng(trial)
    times = np.cumsum(rng.standard_exponential(500)) / 100
    rate, burst = rng.integers(20, 200), rng.integers(1, 100)
    alone, many = Throttle(rate, burst), Throttle(rate, burst)
    cut = int(rng.integers(500))
    got = np.concatenate([many.admit_all(times[:cut]), many.admit_all(times[cut:])])
    assert got.tolist() == [alone.admit(t) for t in times.tolist()]
    assert many._tokens == pytest.approx(alone._tokens)


def test_an_answer_is_in_the_cache_from_when_it_has_come():
    """Three requests for one thing: the second comes while the first is worked on, the third
    afterwards."""
    sim = Simulation(1, 60.0)
    door = Gateway(sim, "door", Function(sim, "function", labsim.fixed(1), init=0), cache_ttl=10)
    door.feed([np.array([0.0, 0.5, 1.5, 12.0])])
    sim.run()
    assert len(door.function.starts) == 3 and door.end.tolist() == [1, 1.5, 1.5, 13]


@pytest.mark.parametrize("cache_ttl", [0, 10])
def test_what_a_gateway_turns_away_has_not_timed_out(cache_ttl):
    """One token, a limit of one, an answer that takes too long: each is what it is."""
    sim = Simulation(1, 60.0)
    door = Gateway(sim, "door", Function(sim, "function", labsim.fixed(2), init=0, limit=1),
                   cache_ttl=cache_ttl, keys=1, timeout=1, rate=1, burst=2)
    door.feed([np.array([0.0, 0.1, 0.2])])
    sim.run()
    assert door.fate.tolist() == [TIMED_OUT, THROTTLED, REJECTED]
    assert door.end.tolist() == [1.0, np.inf, np.inf]


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
