"""S3's rules, and buckets and KMS as parts of a system."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labsim
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import ec2, kms, s3, sqs
from labsim.services.s3 import rules
from labsim.services.s3.partitions import Partitions, cuts


@pytest.mark.parametrize("scheme, prefixes", [
    ("one-prefix", 1), ("date", 8), ("hashed", 8), ("random", 256)])
def test_how_many_prefixes_a_scheme_makes(scheme, prefixes):
    """One, one per day, one per hash, one per first byte."""
    assert rules.prefixes_in_use(scheme, 8) == prefixes


def test_ranges_divide_the_transfer_not_the_first_byte():
    """Half of the bytes in half of the time, plus the slower of two first bytes."""
    rng = np.random.default_rng(1)
    one, two = (np.median(rules.download_time(85e6, n, 20_000, rng)) for n in (1, 2))
    assert one == pytest.approx(1 + 0.0267, abs=0.0005)
    assert 0.5 + 0.0267 < two < 0.5 + 0.04


@pytest.mark.parametrize("op, p50, p99", [(rules.GET, 26.7, 102.0), (rules.PUT, 40.7, 121.9)])
def test_first_bytes_go_through_what_was_measured(op, p50, p99):
    """In ms: half of them, and 99 of 100; never less than a fixed time."""
    drawn = 1000 * rules.first_byte(200_000, np.random.default_rng(1), op)
    assert np.percentile(drawn, (50, 99)) == pytest.approx((p50, p99), rel=0.02)
    assert drawn.min() > p50 / 2


def test_first_bytes_as_documented_are_in_the_range_of_the_guide():
    """Nine of ten from 100 to 200 ms, whatever is asked."""
    drawn = rules.first_byte(50_000, np.random.default_rng(1), rules.PUT, rules.DOCUMENTED)
    assert np.percentile(drawn, (5, 95)) == pytest.approx((0.1, 0.2), rel=0.02)


# -- partitions ----------------------------------------------------------------------------------

@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=40), st.integers(1, 40))
def test_partitions_are_whole_ranges_and_none_is_without_one(busy, n):
    """They begin with the first range, in order."""
    n = min(n, len(busy))
    at = cuts(np.array(busy, dtype=float), n)
    assert len(at) == n and at[0] == 0 and (np.diff(at) >= 1).all() and at[-1] < len(busy)


def test_partitions_are_equally_busy():
    """As far as whole ranges allow: even ranges evenly, the busy one alone."""
    assert cuts(np.ones(12), 3).tolist() == [0, 4, 8]
    assert cuts(np.array([1.0, 1, 1, 9]), 2).tolist() == [0, 3]


def adapt(parts, reads, seconds, step=10.0):
    """Ask for so many reads/s, evenly spread over the ranges, for a time; what has changed."""
    found = []
    for _ in range(round(seconds / step)):
        by_range = np.zeros((2, parts.ranges))
        by_range[0] = reads * step / parts.ranges
        asked = np.add.reduceat(by_range, parts.start, axis=1)
        found += parts.after(step, asked, by_range, True)[0]
    return [change.kind for change in found]


def new(areas=1, ranges=840, cooling=600.0, worth=1.0):
    return Partitions(np.full((2, ranges), 1 / ranges), areas, worth, 540.0, cooling)


@given(st.integers(1, 8), st.integers(1, 20), st.floats(0.02, 0.98))
def test_a_long_overload_brings_one_partition_each_period(periods, whole, share):
    """As long as more is asked than those there are may serve; not twice as many each time."""
    parts = new()
    adapt(parts, 5_500 * (whole + share), 540 * periods)
    assert len(parts) == min(1 + periods, whole + 1)


@given(st.integers(1, 6), st.integers(1, 3))
def test_each_area_heats_up_by_itself(areas, periods):
    """Partitions that are there from the start bring one each; that of a new bucket one in all."""
    parts = new(areas)
    adapt(parts, 1e6, 540 * periods)
    assert len(parts) == areas * (1 + periods)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=20))
def test_the_time_beyond_the_rate_adds_up_over_breaks(minutes):
    """Bursts of so many minutes, with breaks of as long: the limit rises evenly with their sum."""
    parts = new(cooling=1e9)
    for length in minutes:
        adapt(parts, 1e6, 60 * length)
        adapt(parts, 1_000, 60 * length)
    assert parts.limits[0].sum() == pytest.approx(5_500 * (1 + sum(minutes) / 9))


@given(st.integers(1, 5), st.integers(0, 8))
def test_it_cools_as_it_warmed_one_partition_at_a_time(grown, times):
    """Each time that the load has left room for long enough, down to what it began with; and then
    it warms up as at first."""
    parts = new()
    adapt(parts, 1e6, 540 * grown)
    assert adapt(parts, 1_000, 600 * times) == ["merge"] * min(times, grown)
    left = len(parts)
    assert adapt(parts, 1e6, 1_080) == ["split"] * 2 and len(parts) == left + 2


@given(st.floats(0.1, 0.99))
def test_a_load_that_needs_its_partitions_keeps_them(share):
    """Nothing merges while what is left could not serve it."""
    parts = new()
    adapt(parts, 1e6, 1_620)
    assert adapt(parts, 5_500 * (3 + share), 6_000) == []


def test_no_range_of_keys_gets_more_than_a_partition():
    """What cannot be divided does not warm up."""
    parts = new(ranges=1)
    assert adapt(parts, 1e6, 5_400) == [] and parts.limits.ravel().tolist() == [5_500, 3_500]


# -- parts of a system ---------------------------------------------------------------------------

def photos(sim, rate=20_000, quota=10_000):
    """Reads and writes of two prefixes, sealed by KMS."""
    account = kms.Quota(sim, "kms", quota)
    bucket = s3.Bucket(sim, "photos", 2, partition_time=0, encryption="sse-kms", kms=account,
                       waits=[])
    sim.send(rate, to=bucket.gets, name="readers")
    sim.send(100, to=bucket.puts, name="writers")


def test_a_bucket_without_a_lab():
    """Two prefixes of 5,500 GET/s and few PUTs behind a quota of 10,000."""
    r = labsim.simulate(photos, duration=60)
    s = r.summary
    assert s["readers.offered"] == s["photos.gets_offered"] == pytest.approx(1_200_000, rel=0.01)
    assert s["kms.calls"] == pytest.approx(60 * 11_100, rel=0.001)
    assert s["kms.completed"] == pytest.approx(600_000) == pytest.approx(
        s["photos.gets_completed"] + s["photos.puts_completed"], abs=2)
    assert all(law.holds(r) for law in r.lab.invariants)
    assert set(r.cost) == {"kms: KMS requests", "photos: GET requests", "photos: PUT requests"}


def test_buckets_that_share_a_quota_lose_the_same_share():
    """One asks for three times as much as the other, whoever was there first."""
    def two(sim, turned=False):
        account = kms.Quota(sim, "kms", 10_000)
        for name, rate in [("a", 5_000), ("b", 15_000)][::-1 if turned else 1]:
            bucket = s3.Bucket(sim, name, 4, partition_time=0, encryption="sse-kms", kms=account,
                               waits=[])
            sim.send(rate, to=bucket.gets, name=f"readers of {name}")
    for turned in (False, True):
        s = labsim.simulate(two, duration=60, turned=turned).summary
        shares = [s[f"{name}.throttled_kms"] / s[f"{name}.gets_offered"] for name in "ab"]
        assert shares[0] == pytest.approx(shares[1], rel=0.01) == pytest.approx(0.5, abs=0.02)


def test_two_buckets_in_one_simulation_do_not_mix():
    """Each alone gives the same: its records, its dice, its bill."""
    def two(sim, a=True, b=True):
        for name, prefixes, rate, there in (("a", 1, 9_000, a), ("b", 3, 500, b)):
            if there:
                bucket = s3.Bucket(sim, name, prefixes, partition_time=0)
                sim.send(rate, to=bucket.gets, name=f"readers of {name}")
    both = labsim.simulate(two, duration=300)
    for name, alone in (("a", {"b": False}), ("b", {"a": False})):
        r = labsim.simulate(two, duration=300, **alone)
        mine = {key: value for key, value in both.summary.items() if key.startswith(f"{name}.")}
        assert mine == {key: r.summary[key] for key in mine}
        assert {k: v for k, v in both.cost.items() if k.startswith(f"{name}:")} == r.cost
    assert both.summary["a.throttled"] > 0 == both.summary["b.throttled"]


def test_what_is_written_goes_on_to_a_queue_and_what_workers_make_comes_back():
    """An event per PUT that was answered; a worker writes a thumbnail for each."""
    def thumbnails(sim):
        originals, small = s3.Bucket(sim, "originals"), s3.Bucket(sim, "small")
        events = sqs.Queue(sim, "events")
        ec2.Fleet(sim, "workers", consumes=events, work=labsim.fixed(0.01), size=4)
        sim.send(100, to=originals.puts)
        originals.written.to(events)
        events.done.to(small.puts)
    r = labsim.simulate(thumbnails, duration=600)
    s = r.summary
    assert s["events.offered"] == s["originals.puts_completed"] > 50_000
    assert 0 <= s["events.completed"] - s["small.puts_completed"] < 100 * 3    # a tick is late
    assert all(law.holds(r) for law in r.lab.invariants)


def test_two_parts_of_one_name_are_an_error_that_names_both():
    """A quota and a bucket."""
    sim = Simulation(1, 60.0)
    kms.Quota(sim, "x")
    with pytest.raises(ParameterError, match='called "x": a kms.Quota and a s3.Bucket'):
        s3.Bucket(sim, "x")


@pytest.mark.parametrize("values, told", [
    ({"prefixes": 0}, "prefixes"), ({"scheme": "dates"}, "did you mean date"),
    ({"partition_time": -1}, "partition_time"), ({"key_ranges": 0}, "key_ranges"),
    ({"start_rate": 0}, "start_rate"), ({"start_rate": 25}, "start_rate"),
    ({"start_partitions": 0}, "start_partitions"), ({"cooling_time": 0}, "cooling_time"),
    ({"first_byte": "documentd"}, "did you mean documented"),
    ({"encryption": "kms"}, "did you mean sse-kms"),
    ({"encryption": "sse-kms"}, "kms.Quota, which")])
def test_a_bucket_refuses_what_it_cannot_be(values, told):
    """At once, where it is written."""
    with pytest.raises(ParameterError, match=told):
        s3.Bucket(Simulation(1, 60.0), "x", **values)


def test_a_quota_below_zero_is_refused():
    """With what is allowed."""
    with pytest.raises(ParameterError, match="at least 0"):
        kms.Quota(Simulation(1, 60.0), "kms", -1)


def test_requests_say_whether_they_are_gets_or_puts():
    """And a bucket that nobody asks anything is an error before the run."""
    sim = Simulation(1, 60.0)
    with pytest.raises(LabsimError, match="one of its ways in: to=x.gets or to=x.puts"):
        sim.send(5, to=s3.Bucket(sim, "x"))
    with pytest.raises(LabsimError, match="nothing comes to x"):
        labsim.simulate(lambda sim: s3.Bucket(sim, "x"), duration=60)
