"""A cache whose keys are sampled: the sample stands for all, laws hold, nonsense is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim import theory
from labsim.engine import Load, ServiceTimes, Simulation, key_sample, popularity
from labsim.errors import LabsimError, ParameterError
from labsim.services import elasticache, rds
from labsim.services.elasticache.stampede import Stampede
from labsim.services.elasticache.turnover import lifetime, stays

WORK = ServiceTimes(0.005)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 1_000_000), st.floats(0, 3))
def test_a_sample_stands_for_all_keys(keys, skew):
    """Weights add up to the keys, shares to 1; the most popular and the sum of all are Zipf's."""
    sample = key_sample(keys, skew)
    assert sample.weight.sum() == keys and len(sample) <= 2_600
    assert sample.weight @ sample.share == pytest.approx(1)
    assert sample.share[0] == pytest.approx(popularity(keys, skew)[0], rel=1e-3)
    assert len(set(sample.number.tolist())) == len(sample) and sample.number.max() < keys


def test_a_sample_gives_the_hit_ratio_of_all():
    """Che's approximation over the sample is that over all keys."""
    all_keys, sample = popularity(200_000, 0.9), key_sample(200_000, 0.9)
    for room in (100, 5_000, 100_000):
        whole = all_keys @ theory.lru_hit_ratios(all_keys, room)
        some = (sample.weight * sample.share) @ theory.lru_hit_ratios(
            sample.share, room, sample.weight)
        assert some == pytest.approx(whole, rel=2e-3)


@pytest.mark.parametrize("cv", [0.0, 0.3, 1.0, 2.0])
def test_the_first_and_the_last_of_a_stampede(cv):
    """Beside queries drawn one by one: means agree within 5%."""
    random, rate, n = np.random.default_rng(1), 40.0, 4_000
    work, first, last = ServiceTimes(1.0, cv), [], []
    for own in work.draw(n, random):
        begins = np.cumsum(random.exponential(1 / rate, 400))
        ends = begins + work.draw(400, random)
        done = min(own, ends.min())
        first.append(done)
        last.append(max(own, ends[begins < done].max(initial=0.0)))
    stampede, own = Stampede(work, random), work.draw(n, random)
    quick = np.minimum(own, stampede.luckiest(np.full(n, rate)))
    assert quick.mean() == pytest.approx(np.mean(first), rel=0.05)
    late = [stampede.last(own[k:k + 200], quick[k:k + 200], np.full(200, rate))
            for k in range(0, n, 200)]      # few keys at a time: of many less is drawn of each
    assert np.mean(late) == pytest.approx(np.mean(last), rel=0.05)


@pytest.mark.parametrize("touches", [0.1, 1.0, 4.0])
def test_how_long_what_is_touched_lives(touches):
    """Beside gaps drawn one by one until one is longer than a life of 1 s."""
    random, n = np.random.default_rng(2), 3_000
    lived = []
    for _ in range(n):
        t = 0.0
        while (gap := random.exponential(1 / touches)) < 1.0:
            t += gap
        lived.append(t + 1.0)
    rate, life = np.full(n, touches), np.ones(n)
    assert lifetime(rate, life)[1][0] == pytest.approx(np.mean(lived), rel=0.08)
    drawn = stays(rate, life, random)
    assert drawn.mean() == pytest.approx(np.mean(lived), rel=0.1)
    assert np.mean(drawn == 1.0) == pytest.approx(np.exp(-touches), abs=0.03)


# -- systems of one's own ----------------------------------------------------------------------


def site(sim, reads=20_000.0, strategy="lazy-loading", **how):
    """An application at real magnitudes."""
    cache = elasticache.SampledCluster(sim, "cache", keys=1_000_000, skew=0.9, nodes=4,
                                       room=50_000)
    database = rds.CountedDatabase(sim, "db", servers=40, work=WORK, timeout=2)
    return elasticache.SampledApplication(sim, "site", cache, database, reads=reads,
                                          writes=500.0, strategy=strategy, **how)


@pytest.mark.parametrize("strategy", ["no-cache", "lazy-loading", "write-through", "sessions"])
def test_an_application_stands_alone(strategy):
    """Laws hold, counts are whole and add up, a result can be stored."""
    def one(sim):
        site(sim, strategy=strategy, warm=True)
    r = labsim.simulate(one, 60)
    s = r.summary
    assert s["site.offered"] == s["site.hits"] + s["site.database_reads"]
    assert s["db.offered"] == s["db.accepted"] + s["db.failed"]
    assert s["db.failed"] >= s["site.failed"] and s["cache.items_end"] <= 200_000
    assert all(law.holds(r) for law in r.lab.invariants)
    assert labsim.Result.from_json(r.to_json(), one).summary == s


@pytest.mark.parametrize("rate, answered", [(40, 40), (120, 80)])
def test_who_has_no_answer_when_the_run_ends_is_under_way(rate, answered):
    """40 servers, half a second each, can do 80 a second: what comes above that is in line at the
    end, counted or request by request; below, as many as Little has at work."""
    work, got = ServiceTimes(0.5), []

    def counted(sim):
        elasticache.SampledApplication(
            sim, "app", elasticache.SampledCluster(sim, "cache", keys=1, room=1),
            rds.CountedDatabase(sim, "db", servers=40, work=work), reads=rate, strategy="no-cache")

    def followed(sim):
        sim.send(rate, to=elasticache.Application(
            sim, "app", elasticache.Cluster(sim, "cache", keys=1, room=1),
            rds.Database(sim, "db", servers=40, work=work), strategy="no-cache"))
    for build in (counted, followed):
        s = labsim.simulate(build, 100).summary
        assert s["app.completed"] + s["app.open_end"] == s["app.offered"]
        assert s["app.completed"] == pytest.approx(answered * 100, rel=0.05)
        got.append(s)
    assert got[0]["app.open_end"] == pytest.approx(got[1]["app.open_end"], rel=0.15, abs=12)
    assert got[0]["app.latency_mean"] == pytest.approx(got[1]["app.latency_mean"], rel=0.1)


def test_a_burst_is_a_burst():
    """Ten times the reads for ten seconds: the database's queue grows then, and is gone after."""
    def one(sim):
        site(sim, reads=Load.spike(15_000, 10, 100, 10), warm=True)
    queue = labsim.simulate(one, 200).series["db.queue"]
    assert queue.value[queue.t < 100].max() < 100
    assert queue.value[(queue.t > 100) & (queue.t < 111)].max() > 10_000
    assert queue.value[queue.t > 150].max() < 100


def test_the_same_seed_gives_the_same_bits():
    """Whoever watches."""
    def run(**how):
        sim = Simulation(5, 60.0, points=60, **how)
        app = site(sim, warm=True)
        sim.run()
        return app.summary()
    assert run() == run(progress=lambda share: None)


@pytest.mark.parametrize("values, name", [
    ({"strategy": "eager"}, "strategy"), ({"ttl": -1}, "ttl"), ({"trip": -1}, "trip"),
    ({"jitter": 2}, "jitter"), ({"reads": -1.0}, "reads")])
def test_it_refuses(values, name):
    """What cannot be, with the argument's name."""
    with pytest.raises(ParameterError) as caught:
        site(Simulation(1, 60.0), **values)
    assert caught.value.name == name


def test_followed_and_counted_parts_do_not_mix():
    """A sampled application needs sampled keys and a counted database; nobody else asks that."""
    sim = Simulation(1, 60.0)
    database = rds.Database(sim, "db", servers=1, work=WORK)
    with pytest.raises(ParameterError, match="CountedDatabase"):
        elasticache.SampledApplication(
            sim, "app", elasticache.SampledCluster(sim, "cache", keys=1, room=1), database,
            reads=1.0)
    with pytest.raises(LabsimError, match="SampledApplication"):
        sim.send(1.0, to=rds.CountedDatabase(sim, "counted", servers=1, work=WORK))
