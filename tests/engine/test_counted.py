"""Counted requests: nothing is lost, waits are kept, and plain SimPy counts the same."""

import math
import statistics

import numpy as np
import plain_retries
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.engine import Arrivals, Attempts, Coming, RateCurve, Simulation
from labsim.engine.waits import shares_back
from labsim.statistics import half_width


class Turnstiles:
    """A turnstile per key, each with `limit` a second, of which one second's worth is kept."""

    def __init__(self, seed, curve, weights, limit, waits, duration, points=60, tokens=0.0):
        self.sim = Simulation(seed, duration, points=points)
        arrivals = Arrivals.drawn(curve, self.sim.record.t, self.sim.stream("came"))
        self.coming = Coming(arrivals, np.array(weights), self.sim.stream("keys"))
        self.sim.pace.jumps(arrivals.jumps)
        self.attempts = Attempts(self.sim, (len(weights),), waits)
        self.limit, self.tokens, self.steps = limit, np.full(len(weights), tokens), []
        self.sim.pace.join(self.step)
        self.sim.run()

    def step(self, step):
        """Serve what there is room for."""
        at = self.attempts
        at.begin(step, self.coming.during(step))
        room = self.tokens + self.limit * step.length
        while True:
            served = np.minimum(at.asked, room)
            if at.turn_away(1 - served / np.maximum(at.asked, 1e-9)):
                break
        at.end()
        self.tokens = np.minimum(room - served, self.limit)
        self.steps.append(step)
        return math.inf

    @property
    def served(self):
        """In the whole run."""
        return self.attempts.served_by.sum()


waits = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)).map(sorted), max_size=4)


@given(st.integers(0, 2**32), waits, st.sampled_from([5.0, 60.0, 7_000.0]), st.floats(0, 50))
def test_nothing_is_lost_or_made(seed, waits, duration, limit):
    """arrived = served + gone home + waiting, whatever the steps."""
    here = Turnstiles(seed, RateCurve.spike(60, 5, 1, 2, duration), [0.5, 0.3, 0.2], limit, waits,
                      duration)
    at = here.attempts
    assert at.arrived.sum() == pytest.approx(
        here.served + float(at.given_up) + at.waiting.sum(), rel=1e-6)
    assert float(at.given_up) >= 0 and (at.waiting >= 0).all()


@given(st.floats(0, 30), st.floats(0, 30), st.sampled_from([0.1, 1.0, 5.0, 300.0]))
def test_waits_are_kept(low, more, length):
    """Who is turned away evenly over a step and waits from `low` to `high` s is back when the sum
    of both is over: held against 20,000 of them."""
    rng, high = np.random.default_rng(1), low + more
    back = rng.random(20_000) * length + rng.uniform(low, high, 20_000)
    t = np.linspace(0, length + high + 1, 40)
    shares = shares_back(t, [(low, high)], length)[:, 0]
    assert (np.diff(shares) >= -1e-6).all() and shares[-1] == pytest.approx(1)
    assert shares == pytest.approx((back[None] <= t[:, None]).mean(axis=1), abs=0.02)


def test_a_burst_is_the_same_burst_wherever_it_lies():
    """How many come in it is drawn apart from what lies around it, and in whole numbers."""
    def in_burst(start, duration, points):
        curve = RateCurve.spike(100, 50, start, 10, duration)
        came = Arrivals.drawn(curve, np.linspace(0, duration, points + 1),
                              Simulation(4, duration).stream("x"))
        assert came.counts.sum() == came.on(np.linspace(0, duration, points + 1)).sum()
        inside = (came.t[:-1] >= start - 1e-9) & (came.t[1:] <= start + 10 + 1e-9)
        return came.counts[inside].sum()
    counts = {in_burst(start, duration, points) for start in (0, 17.3, 40) for points in (7, 240)
              for duration in (50, 3_600, 86_400)}
    assert len(counts) == 1 and 49_000 < counts.pop() < 51_000


@pytest.mark.parametrize("waits", [[], [(0.5, 1.5)] * 3, [(1, 1), (2, 2), (4, 4)], [(0, 20)] * 4])
def test_what_happens_in_a_burst_does_not_depend_on_the_run(waits):
    """Turned away in the burst and its echo: a minute's run, an hour's, a day's, within 1%."""
    for length in (0.2, 3, 20):
        away = []
        for start, duration, points in ((20, 300, 600), (20, 3_600, 240), (1_003.7, 86_400, 240)):
            here = Turnstiles(2, RateCurve.spike(5_000, 60, start, length, duration), [1.0], 1e4,
                              waits, duration, points, tokens=1e4)
            away.append(here.attempts.asked_by.sum() - here.served)
        assert max(away) - min(away) <= 0.01 * max(away), (length, away)


def test_steps_are_short_where_something_changes_and_long_elsewhere():
    """At most a second around the burst and its echo; as long as the record allows before it."""
    here = Turnstiles(1, RateCurve.spike(50, 60, 40_000, 0.2, 86_400), [1.0], 100.0, [(1, 2)] * 2,
                      86_400, 240)
    near = [s.length for s in here.steps if 40_000 <= s.start < 40_007]
    assert max(near) <= 1.0 and any(s.start == 40_000 and s.end == 40_000.2 for s in here.steps)
    assert max(s.length for s in here.steps) == 360 and len(here.steps) < 400


def test_more_patience_never_makes_other_arrivals():
    """Common random numbers: retries and limits do not shift who comes first."""
    a = Turnstiles(5, RateCurve.steady(100, 60), [0.5, 0.3, 0.2], 40.0, [], 60)
    b = Turnstiles(5, RateCurve.steady(100, 60), [0.5, 0.3, 0.2], 10.0, [(0, 1), (0, 2)], 60)
    assert a.attempts.arrived == pytest.approx(b.attempts.arrived)


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
@pytest.mark.parametrize("points", [1_200, 12])
@pytest.mark.parametrize("rate, limit, waits", CASES.values(), ids=CASES)
def test_plain_simpy_counts_the_same(rate, limit, waits, points):
    """Served and turned away per run, 20 runs each way, seeds 0-19: the difference of the means
    lies inside its 99% confidence interval, give or take what a tenth of a second lets through:
    with steps of up to 0.1 s, and with steps of up to 10 s where nothing changes."""
    duration = 120.0
    plain = [plain_retries.run(seed, rate, limit, waits, duration) for seed in range(20)]
    counted = []
    for seed in range(20):
        here = Turnstiles(seed, RateCurve.steady(rate, duration), [1.0], limit, waits, duration,
                          points)
        at = here.attempts
        counted.append((at.arrived.sum(), here.served, at.asked_by.sum() - here.served))
    for what, one, other in zip(("requests", "served", "turned away"), zip(*plain), zip(*counted)):
        (a, half_a), (b, half_b) = interval(one), interval(other)
        half = math.hypot(half_a, half_b)
        print(f"measured: {what}: plain SimPy {a:,.1f}, counted {b:,.1f}, half width {half:.1f}")
        assert abs(a - b) <= half + 0.1 * limit
