"""Counted requests: nothing is lost, waits are kept, and plain SimPy counts the same."""

import math
import statistics

import numpy as np
import plain_retries
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.engine import Attempts, spread
from labsim.engine.counted import delay_shares
from labsim.statistics import half_width


def served_until_the_end(fresh, limit, waits, tick):
    """A turnstile per key, each with `limit` a second: the attempts after all ticks."""
    attempts = Attempts(fresh, waits, tick)
    tokens = np.zeros(fresh.shape[1])
    for k in range(attempts.ticks):
        asked = attempts.at(k)
        room = tokens + limit * tick
        served = np.minimum(asked, room)
        tokens = np.minimum(room - served, limit)
        failed, _ = attempts.turn_away(k, 1 - served / np.maximum(asked, 1e-9))
        attempts.again(k, failed[:-1])
    return attempts


waits = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)).map(sorted), max_size=4)


@given(st.integers(0, 2**32), waits, st.sampled_from([0.1, 1.0, 7.0]), st.floats(0, 50))
def test_nothing_is_lost_or_made(seed, waits, tick, limit):
    """arrived = served + gone home + waiting, at every key."""
    fresh = np.random.default_rng(seed).poisson(20, (50, 3)).astype(float)
    a = served_until_the_end(fresh, limit, waits, tick)
    failed = a.attempts - a.served.sum(axis=1)
    retried = a.due[:, 1:].sum(axis=(0, 1))
    gone = failed.sum(axis=0) - retried
    balance = a.served.sum(axis=(0, 1)) + gone + a.waiting
    assert balance == pytest.approx(a.arrived.sum(axis=0))
    assert (gone >= -1e-6).all()


@given(st.floats(0, 30), st.floats(0, 30), st.sampled_from([0.1, 1.0, 5.0, 300.0]))
def test_waits_are_kept_on_average(low, more, tick):
    """The mean number of ticks is the mean wait, where no wait is under a tick."""
    shares = delay_shares(low, low + more, tick)
    assert shares.sum() == pytest.approx(1) and (shares >= 0).all()
    mean = (shares * np.arange(1, len(shares) + 1)).sum() * tick
    if low >= tick:
        assert mean == pytest.approx(low + more / 2)
    assert mean >= low + more / 2 - 1e-9


@pytest.mark.parametrize("wait, tick, shares", [
    ((1, 1), 1, [1]), ((2, 2), 1, [0, 1]), ((1.5, 1.5), 1, [0.5, 0.5]), ((0, 0), 1, [1]),
    ((0, 1), 100, [1])])
def test_who_is_back_when(wait, tick, shares):
    """Turned away at any moment of a tick; in the same tick nobody comes back."""
    assert delay_shares(*wait, tick) == pytest.approx(np.array(shares), abs=0.01)


def test_more_patience_never_makes_other_arrivals():
    """Common random numbers: retries and limits do not shift who comes first."""
    rng = [np.random.default_rng(5) for _ in range(2)]
    one, two = (spread(r.poisson(100, 60), np.array([0.5, 0.3, 0.2]), r) for r in rng)
    a = served_until_the_end(one, 40.0, [], 1.0)
    b = served_until_the_end(two, 10.0, [(0, 1), (0, 2)], 1.0)
    assert (a.arrived == b.arrived).all()


def interval(values):
    """Mean, and half the 99% confidence interval."""
    return statistics.mean(values), half_width(values, 0.99)


CASES = {
    "half over the limit, no retries": (60.0, 40.0, []),
    "over the limit, full jitter": (50.0, 40.0, [(0, 1), (0, 2)]),
    # Waits of exactly 1 s would be in step with 40 tokens a second: who came second in a token's
    # time comes second again. A network shakes that up; so do these waits.
    "over the limit, a second each": (50.0, 40.0, [(0.9, 1.1), (0.9, 1.1)]),
    "far over the limit": (200.0, 40.0, [(0, 1), (0, 2), (0, 4)]),
    "under the limit": (30.0, 40.0, [(0, 1)]),
}


@pytest.mark.long
@pytest.mark.parametrize("rate, limit, waits", CASES.values(), ids=CASES)
def test_plain_simpy_counts_the_same(rate, limit, waits):
    """Served and turned away per run, 20 runs each way, seeds 0-19: the difference of the means
    lies inside its 99% confidence interval, give or take what a single tick lets through."""
    duration, ticks = 120.0, 1_200
    plain = [plain_retries.run(seed, rate, limit, waits, duration) for seed in range(20)]
    counted = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        fresh = rng.poisson(rate * duration / ticks, (ticks, 1)).astype(float)
        a = served_until_the_end(fresh, limit, waits, duration / ticks)
        served = a.served.sum()
        counted.append((fresh.sum(), served, a.attempts.sum() - served, a.waiting.sum()))
    for what, one, other in zip(("requests", "served", "turned away"), zip(*plain), zip(*counted)):
        (a, half_a), (b, half_b) = interval(one), interval(other)
        half = math.hypot(half_a, half_b)
        print(f"measured: {what}: plain SimPy {a:,.1f}, counted {b:,.1f}, half width {half:.1f}")
        assert abs(a - b) <= half + limit * duration / ticks


def test_who_arrives_later_is_treated_as_who_was_there_from_the_start():
    """All at once, or tick by tick and key by key: the same attempts."""
    fresh = np.random.default_rng(4).poisson(20, (30, 3)).astype(float)
    waits = [(0.5, 2.0)]
    later = Attempts(np.zeros_like(fresh), waits, 1.0)
    later.arrive(fresh[:, 1:2], 0, (slice(1, 2),))
    for k in range(30):
        later.arrive(fresh[k:k + 1, [0, 2]], k, ([0, 2],))
    at_once = Attempts(fresh, waits, 1.0)
    assert (later.arrived == at_once.arrived).all() and (later.due == at_once.due).all()
