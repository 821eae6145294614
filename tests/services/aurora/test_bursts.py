"""Aurora: what happens in ten seconds doesn't depend on the hours around them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.engine import Load, RateCurve, Simulation
from labsim.services import aurora

LAB = labsim.lab("aurora-replicas")
DURATIONS = (300, 600, 1_800, 7_200, 86_400)


def burst(load, duration, **values):
    """The summary of one replica of 1,000 reads/s under `load`."""
    def build(sim):
        cluster = aurora.Cluster(sim, "db", **{"capacity": 1_000, **values})
        sim.send(load, to=aurora.Endpoint(sim, "reader", cluster, lifetime=60))
    return labsim.simulate(build, duration).summary


@pytest.mark.parametrize("length, factor", [(0.2, 300), (5, 30), (10, 20), (60, 8)])
@pytest.mark.parametrize("place", [0.1, 0.37, 0.77])
def test_a_burst_is_the_same_in_every_run(length, factor, place):
    """Reads refused: what comes, less what is served meanwhile and one queue of 5 s (a fluid at a
    constant rate), whatever the duration and the place; wherever a tick of the record lies."""
    rate = 200.0
    right = rate * factor * length - 1_000 * length - 5_000
    failed = [burst(Load.spike(rate, factor, place * d, length), d)["db.failed"] for d in DURATIONS]
    print(f"measured: {length} s of {rate * factor:,.0f}/s: {failed}, {right:,.0f} by arithmetic")
    assert max(failed) - min(failed) <= 0.01 * right
    assert np.mean(failed) == pytest.approx(right, abs=3 * (rate * factor * length)**0.5)


def test_micro_bursts_add_up():
    """A burst of 200 ms each minute for two hours: 120 times as many as one."""
    def curve(duration):
        knots = [(0.0, 100.0)]
        for minute in range(1, int(duration / 60)):
            t = 60.0 * minute + 7.3
            knots += [(t, 100.0), (t, 40_000.0), (t + 0.2, 40_000.0), (t + 0.2, 100.0)]
        return RateCurve.through(*knots, duration=duration)
    one, many = (burst(Load(curve), d)["db.failed"] for d in (120, 7_200))
    assert one == pytest.approx(40_000 * 0.2 - 1_000 * 0.2 - 5_000, rel=0.05)
    assert many == pytest.approx(119 * (40_000 * 0.2 - 1_000 * 0.2 - 5_000), rel=0.01)


def test_the_sum_of_waits_is_the_area_of_a_triangle():
    """A burst of 10 s at 30% more than can be done, then half: the queue of 3 s takes 6 s to clear,
    and who comes waits as long as the queue is, 1.5 s on average."""
    rate, sums = 500_000.0, []
    for duration in DURATIONS:
        s = burst(Load.spike(rate, 2.6, 0.4 * duration, 10), duration, read_time=1e-4,
                  capacity=2 * rate)
        sums.append(s["db.wait_mean"] * s["db.completed"])
    right = (10 * 2.6 * rate + 6 * rate) * 1.5
    print(f"measured: {[round(x) for x in sums]} s, {right:.0f} by arithmetic")
    assert sums == pytest.approx([right] * len(sums), rel=0.01)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), at=st.floats(20, 250), recovery=st.floats(1, 60),
       duration=st.sampled_from(DURATIONS))
def test_a_failover_is_the_same_in_every_run(seed, at, recovery, duration):
    """Reads and writes that fail, and the outage, as in a run of 400 s with the same failure."""
    def run(duration):
        return LAB.run(LAB.Params(replicas=0, read_rate=1_000, failover_at=at, duration=duration,
                                  rebuild_time=recovery), seed).summary
    short, long = run(400), run(max(duration, at + 100))
    for name in ("failed", "writes_failed"):
        assert long[name] == pytest.approx(short[name], rel=0.01, abs=30), name
    assert long["failover_s"] == pytest.approx(short["failover_s"], abs=1e-6)


@pytest.mark.parametrize("values", [
    {}, {"dns_ttl": 60}, {"custom_endpoint_share": 0.4}, {"surviving_share": 0.5},
    {"connection_lifetime": 3}, {"engine": "rds", "multi_az": True, "replicas": 0}])
def test_so_is_one_of_several_replicas(values):
    """Also where connections, placed by chance, decide who fails."""
    given = [LAB.run(LAB.Params(failover_at=120, duration=d, read_rate=4_000, connect_cost=0,
                                **values)).summary for d in (600, 1_800, 86_400)]
    for name in ("writes_failed", "writes_read_only"):
        assert [s[name] for s in given] == pytest.approx([given[0][name]] * 3, rel=0.01, abs=5)


def test_looking_changes_nothing():
    """However often somebody looks at a metric meanwhile, and cuts a step in two."""
    def summary(every):
        def build(sim):
            cluster = aurora.Cluster(sim, "db", capacity=1_000, replicas=2)
            reader = aurora.Endpoint(sim, "reader", cluster, lifetime=40)
            sim.send(Load.spike(900, 4, 100, 30), to=reader)

            def look():
                while every:
                    yield sim.env.timeout(every)
                    cluster.reads.advance(sim.now)
            sim.process(look())
        return labsim.simulate(build, 600).summary
    without, often = summary(0.0), summary(0.7)
    for name in ("db.failed", "db.completed", "db.wait_mean"):
        assert often[name] == pytest.approx(without[name], rel=0.02), name


def test_the_mean_wait_is_that_of_the_line():
    """Half empty, filling, full, draining, idle: the closed form beside a sum of 10,000 moments."""
    sim = Simulation(1, 300.0, points=30)
    cluster = aurora.Cluster(sim, "db", capacity=1_000)
    sim.send(Load.spike(300, 8, 42.0, 8), to=aurora.Endpoint(sim, "r", cluster, lifetime=60))
    sim.run()
    reads = cluster.reads
    moments = (np.arange(10_000) + 0.5) / 10_000
    summed = sum(reads.behind(x) for x in moments).reshape(reads.offered.shape) / len(moments)
    assert summed.max() > 3 and reads.mean_behind() == pytest.approx(summed, abs=2e-3)
