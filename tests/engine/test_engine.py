"""The rest of the engine: streams, workloads, recorder, token bucket, cache, equal times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.engine import (
    Budget,
    Cancelled,
    Estimate,
    LruCache,
    Order,
    RateCurve,
    Recorder,
    ServiceTimes,
    Simulation,
    TokenBucket,
    replay,
    stream,
)


def all_arrivals(curve, seed=1):
    return np.concatenate([*curve.arrivals(stream(seed, "arrivals")), []])


def test_a_jump_at_the_end_of_the_run_comes_too_late():
    """The rate before it holds to the end; a jump a moment earlier is there."""
    for start, expected in ((120.0, 2_400.0), (200.0, 2_400.0), (119.0, 119 * 20 + 300)):
        curve = RateCurve.spike(20.0, 15.0, start, 50.0, 120.0)
        assert curve.expected(np.array([0.0, 120.0])).sum() == pytest.approx(expected)


def test_streams_are_independent_of_each_other():
    """Another stream, however much it is used, changes nothing in this one."""
    alone = stream(7, "service").random(5)
    stream(7, "arrivals").random(1_000)
    assert stream(7, "service").random(5).tolist() == alone.tolist()
    assert stream(8, "service").random() != alone[0]


def test_a_stream_is_the_same_on_every_machine():
    """The derivation is fixed: changing it would change every published number."""
    assert stream(1, "arrivals").random(2).tolist() == (
        [0.6458780888723156, 0.5486182565605028])


@pytest.mark.parametrize("curve, expected", [
    (RateCurve.steady(5, 1_000), 5_000),
    (RateCurve.spike(5, 4, 200, 100, 1_000), 5_000 + 15 * 100),
    (RateCurve.spike(5, 4, 950, 100, 1_000), 5_000 + 15 * 50),
    (RateCurve.ramp(5, 3, 200, 400, 1_000), 5 * 200 + 10 * 400 + 15 * 400),
    (RateCurve.diurnal(5, 3, 1_000, 1_000), 10 * 1_000),
    (RateCurve.steady(0, 1_000), 0),
    (RateCurve.ramp(5, 0, 0, 1_000, 1_000), 2_500),
])
def test_expected_arrivals_are_the_area_under_the_curve(curve, expected):
    """Known by geometry; the draws agree within five standard deviations."""
    assert curve.cumulative[-1] == pytest.approx(expected, rel=1e-3)
    times = all_arrivals(curve)
    assert abs(len(times) - expected) <= 5 * expected**0.5
    assert (np.diff(times) >= 0).all() and ((times >= 0) & (times <= 1_000)).all()


def test_arrivals_follow_the_curve_not_only_its_area():
    """In each tenth of a ramp the count is the ramp's, within five standard deviations."""
    times = all_arrivals(RateCurve.ramp(0, 1, 0, 1, 1))
    assert len(times) == 0
    curve = RateCurve.through((0, 0), (1_000, 100), duration=1_000)
    counts, _ = np.histogram(all_arrivals(curve), np.linspace(0, 1_000, 11))
    expected = np.diff(np.linspace(0, 1_000, 11)**2) * 0.05
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()


def test_common_random_numbers_stretch_time_only():
    """Twice the rate: the same arrivals, at half the time."""
    slow, fast = all_arrivals(RateCurve.steady(5, 100)), all_arrivals(RateCurve.steady(10, 50))
    assert np.allclose(slow / 2, fast, rtol=1e-12) and len(slow) == len(fast)


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=50), st.sampled_from([1, 60, 300]))
def test_replay_keeps_every_count(counts, period):
    """Exactly counts[i] arrivals in the i-th period, in order."""
    times = np.concatenate([*replay(np.array(counts), period, stream(1, "a")), []])
    edges = np.arange(len(counts) + 1) * period
    assert (np.diff(times) >= 0).all()
    assert np.histogram(times, edges)[0].tolist() == counts


@pytest.mark.parametrize("cv", [0, 0.5, 1, 2])
def test_service_times_have_the_mean_and_variation_asked_for(cv):
    """Mean within five standard errors, coefficient of variation within 3%."""
    n = 200_000
    draws = ServiceTimes(3.0, cv).draw(n, stream(1, "service"))
    assert abs(draws.mean() - 3.0) <= 5 * 3.0 * cv / n**0.5 + 1e-12
    assert draws.std() / draws.mean() == pytest.approx(cv, rel=0.03)


def test_an_event_at_an_instant_belongs_to_it():
    """Counted at t means: has happened by t, t included."""
    record = Recorder(10.0, points=10)
    record.count("x", np.array([0.0, 1.0, 1.5, 10.0]))
    assert record.counted("x").tolist() == [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4]
    assert record.rate("x").tolist() == [2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1]


@given(st.lists(st.floats(0, 10), max_size=300), st.integers(1, 5))
def test_counting_in_pieces_is_counting(times, pieces):
    """However the rows come in, the grid is the same."""
    one, many = Recorder(10.0, points=7), Recorder(10.0, points=7)
    one.count("x", np.array(times))
    for part in np.array_split(np.array(times), pieces):
        many.count("x", part)
        many.counted("x")
    assert one.counted("x").tolist() == many.counted("x").tolist()


def test_observations_are_kept_exactly_and_averaged_by_interval():
    """Intervals without an observation repeat the last mean."""
    record = Recorder(4.0, points=4)
    record.observe("w", np.array([0.5, 1.0, 3.5]), np.array([1.0, 3.0, 10.0]))
    assert record.values("w").tolist() == [1.0, 3.0, 10.0]
    assert record.mean_by_interval("w").tolist() == [0.0, 2.0, 2.0, 2.0, 10.0]


def test_a_level_holds_until_it_changes():
    """Sampling, mean and maximum of a step function; what held for no time was never there."""
    record = Recorder(10.0, points=5)
    for t, value in [(0, 9), (0, 2), (4, 6), (8, 0)]:
        record.level("n", t, value)
    assert record.sampled("n").tolist() == [2, 2, 6, 6, 0, 0]
    assert record.level_mean("n") == (4 * 2 + 4 * 6) / 10 and record.level_max("n") == 6


def test_equal_times_have_an_order():
    """Capacity, metric, alarm, scaling: whatever order they were asked for in."""
    sim, seen = Simulation(1, 100.0), []

    def actor(order):
        yield sim.until(60.0, order)
        seen.append(order)
    for order in (Order.SCALING, Order.METRIC, Order.CAPACITY, Order.ALARM):
        sim.process(actor(order))
    sim.run()
    assert seen == [Order.CAPACITY, Order.METRIC, Order.ALARM, Order.SCALING]


def test_a_cancelled_run_stops():
    """From inside or from another thread: the run raises, and goes no further."""
    sim, seen = Simulation(1, 1_000.0), []

    def actor():
        for t in range(1_000):
            yield sim.until(float(t), Order.METRIC)
            seen.append(t)
            if t == 100:
                sim.cancel()
    sim.process(actor())
    with pytest.raises(Cancelled):
        sim.run()
    assert max(seen) < 200


def test_progress_ends_at_one():
    """Shares rise to 1."""
    shares = []
    Simulation(1, 10.0, progress=shares.append).run()
    assert shares == sorted(shares) and shares[-1] == 1


def test_the_budget_names_what_is_too_much():
    """Each of the three limits."""
    assert Budget().excess(Estimate(requests=1e6, events=1e3)) is None
    assert "requests" in Budget().excess(Estimate(requests=1e9, events=1))
    assert "events" in Budget().excess(Estimate(requests=1, events=1e9))
    assert "requests" in Budget().excess(Estimate(requests=float("nan"), events=1))


def spread(bucket, n, start, seconds):
    """How many of n requests, spread evenly over the seconds from start, get a token."""
    times = start + np.arange(n) * seconds / n
    return sum(float(bucket.take(t, 1)) for t in times)


def test_token_bucket_rate_10000_burst_5000():
    """AWS API Gateway's account limit: 15,000 pass in a second, 20,000 do not (one request is
    what whole requests may differ by from the fluid's arithmetic)."""
    assert spread(TokenBucket(10_000, 5_000), 15_000, 0, 1) == pytest.approx(15_000, abs=1)
    bucket = TokenBucket(10_000, 5_000)
    assert spread(bucket, 20_000, 0, 1) == pytest.approx(15_000, abs=1)
    assert spread(bucket, 20_000, 1, 1) == pytest.approx(10_000, abs=1)


def test_token_bucket_small():
    """Rate 10, burst 5: ten at once, then half a second later."""
    bucket = TokenBucket(10, 5)
    assert bucket.take(0, 10) == 5 and bucket.take(0.5, 10) == 5


def test_token_bucket_refilled_by_the_second():
    """AWS Organizations' documented sequence: 20, 30, then only 20 calls (20/s, burst 30)."""
    bucket = TokenBucket(20, 30, interval=1.0)
    assert [float(bucket.take(t, n)) for t, n in [(0, 20), (1, 30), (2, 30)]] == [20, 30, 20]


def test_token_buckets_side_by_side():
    """An array of buckets gives what each alone gives."""
    many = TokenBucket(np.array([10.0, 1.0]), np.array([5.0, 2.0]))
    alone = [TokenBucket(10, 5), TokenBucket(1, 2)]
    for t, wanted in [(0.0, 4), (0.25, 4), (2.0, 9)]:
        assert many.take(t, np.array([wanted, wanted])).tolist() == [
            float(b.take(t, wanted)) for b in alone]


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 20)), max_size=40),
       st.floats(0, 20), st.floats(0, 20))
def test_a_token_bucket_never_lets_through_more_than_burst_plus_rate(steps, rate, burst):
    """Over any stretch of time, by the definition of the bucket."""
    bucket, now, served = TokenBucket(rate, burst), 0.0, 0.0
    for dt, wanted in steps:
        now += dt
        served += float(bucket.take(now, wanted))
        assert served <= burst + rate * now + 1e-6


class PlainLru:
    """The same by a list, in plain words."""

    def __init__(self, capacity):
        self.capacity, self.items = capacity, []

    def get(self, key, now):
        for item in self.items:
            if item[0] == key:
                self.items.remove(item)
                if item[3] > now:
                    self.items.append(item)
                    return item[1]
        return None

    def put(self, key, value, size, expires):
        self.items = [item for item in self.items if item[0] != key]
        if size <= self.capacity:
            self.items.append((key, value, size, expires))
        while sum(item[2] for item in self.items) > self.capacity:
            self.items.pop(0)


@given(st.integers(0, 12), st.lists(st.tuples(st.integers(0, 5), st.booleans(),
                                              st.integers(1, 5), st.integers(1, 20))))
def test_the_cache_is_the_plain_list(capacity, moves):
    """Gets and puts of items with sizes and expiry times, one a second."""
    cache, plain = LruCache(capacity), PlainLru(capacity)
    for now, (key, put, size, ttl) in enumerate(moves):
        if put:
            cache.put(key, now + 1, size=size, expires=now + ttl)
            plain.put(key, now + 1, size, now + ttl)
        else:
            assert cache.get(key, now) == plain.get(key, now)
        assert cache.used == sum(item[2] for item in plain.items) <= capacity
