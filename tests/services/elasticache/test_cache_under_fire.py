"""Caches whose readers wait, give up and come back, and what breaks."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.declare.faults import checked, schedule
from labsim.engine import ServiceTimes, Simulation
from labsim.engine.agenda import ARRIVE
from labsim.errors import ParameterError
from labsim.services import ec2, elasticache, rds

TRIP = 0.5


def told(reads, faults=(), work=10.0, servers=100, timeout=1e9, writes=(), **how):
    """(came, answered, well) of reads (s, key) of a cache of two nodes, which is 0.5 s away, before
    a database that takes 10 s for each; and the application."""
    sim, came = Simulation(1, 1_000.0), []
    cache = elasticache.Cluster(sim, "cache", keys=50, nodes=2, room=50)
    database = rds.Database(sim, "db", servers=servers, work=ServiceTimes(work, 0), timeout=timeout)
    app = elasticache.Application(sim, "app", cache, database, trip=TRIP, **how)

    def back(t):
        return lambda end, call, ok: came.append((t, round(end, 6), ok))
    for to, requests in ((app, reads), (app.writes, writes)):
        for t, key in requests:
            sim.agenda.at(t, lambda t, what: what[0].ask(t, elasticache.Read(back(t), what[1])),
                          (to, key), ARRIVE)
    schedule(sim, checked(faults))
    sim.run()
    return sorted(came), app


@pytest.mark.parametrize("lock, queries", [(False, 20), (True, 1)])
def test_a_stampede(lock, queries):
    """Twenty miss the same key at once: twenty queries, or one for which the others wait."""
    came, app = told([(1.0, 3)] * 20, lock=lock)
    assert len(app.fetches) == queries and set(came) == {(1.0, 12.0, True)}


def test_a_hit_is_a_trip_and_a_miss_a_query_and_two():
    """10 s for the query, half a second there, half a second to fill."""
    assert told([(1.0, 3), (20.0, 3)])[0] == [(1, 12, True), (20, 20.5, True)]


def test_those_who_wait_for_a_fetch_fail_with_it():
    """The database is down when it would have answered; who comes after that asks it anew."""
    came, app = told([(1.0, 3), (2.0, 3), (30.0, 3)], [("db", "down", 5, 1)], lock=True)
    assert came == [(1, 5, False), (2, 5, False), (30, 41, True)] and len(app.fetches) == 2


def test_an_application_asks_again_and_then_fills():
    """It gives up after 12 s; the second query is answered, and both have filled the cache."""
    came, app = told([(1.0, 3), (60.0, 3)], [("db", "slow", 0, 5, 2.0)],
                     retry=labsim.retry(timeout=12, attempts=2, backoff="fixed", base=1))
    assert came == [(1, 25, True), (60, 60.5, True)]
    assert (app.client.summary()["attempts"], len(app.fetches)) == (2, 1)


def test_a_pool_keeps_queries_out_of_the_database():
    """One connection: the second query begins when the first is done."""
    came, _ = told([(1.0, 3), (1.0, 4)], pool=1)
    assert came == [(1, 12, True), (1, 22, True)]


def test_what_has_expired_is_served_while_the_database_fails():
    """Stale-if-error; without it that read fails, and so does one of a key that never was there."""
    reads, down = [(1.0, 3), (40.0, 3), (41.0, 4)], [("db", "down", 35, 10)]
    served, app = told(reads, down, ttl=20.0, serve_stale=True)
    assert served == [(1, 12, True), (40, 40.5, True), (41, 41, False)] and app.served_stale == 1
    assert [ok for *_, ok in told(reads, down, ttl=20.0)[0]] == [True, False, False]


def test_an_old_value_has_its_age():
    """Written at 20 s (done at 30), served at 40 though it has expired: 10 s out of date."""
    _, app = told([(1.0, 3), (40.0, 3)], [("db", "down", 35, 10)], writes=[(20.0, 3)], ttl=20.0,
                  serve_stale=True)
    assert app.stale == [0.0, 10.0]


@pytest.mark.parametrize("fault, hits", [
    (("cache", "flush", 50), 0), (("cache", "down", 50, 20), 1), (("cache", "down", 20, 20), 2),
    (("cache-1", "lost", 50, 5), None)])
def test_what_a_fault_takes_from_the_cache(fault, hits):
    """Two keys on two nodes are there at 15 s and read at 60 and 100 s: a flush loses both, a cache
    that is down keeps them, a lost node loses its own."""
    keys = (0, 1)
    _, app = told([(t, key) for t in (1.0, 60.0) for key in keys], [fault])
    where = [elasticache.rules.by_ring(50, [0, 1])[key] for key in keys]
    expected = hits * (1 if hits == 2 else 0) if hits is not None else where.count(1)
    assert sum(app.hit) == expected


def test_a_slow_cache_takes_longer():
    """Four times as long a trip."""
    assert told([(1.0, 3), (20.0, 3)], [("cache", "slow", 15, 0, 4)])[0][1] == (20, 22, True)


def test_a_broken_node_is_lost_as_one_that_fails():
    """The fault and `fail` do the same to the same reads."""
    def site(sim, fails):
        cache = elasticache.Cluster(sim, "cache", keys=500, nodes=2, room=200)
        if fails:
            cache.fail(100, 1, replace=50)
        app = elasticache.Application(sim, "app", cache, rds.Database(
            sim, "db", servers=2, work=ServiceTimes(0.02)), skew=1)
        sim.send(50.0, to=app)
    by_hand = labsim.simulate(lambda sim: site(sim, True), 300)
    broken = labsim.simulate(lambda sim: site(sim, False), 300, faults=[
        ("cache-1", "lost", 100, 50)])
    assert by_hand.summary == broken.summary
    assert (by_hand.series["cache.nodes"].value == broken.series["cache.nodes"].value).all()


def test_a_replica_takes_over_from_a_broken_node():
    """With all that it had, half a minute after the fault, though it lasts longer."""
    def site(sim):
        cache = elasticache.Cluster(sim, "cache", keys=500, nodes=2, room=500, engine="redis",
                                    replicas=1)
        app = elasticache.Application(sim, "app", cache, rds.Database(
            sim, "db", servers=9, work=ServiceTimes(0.02)), warm=True)
        sim.send(50.0, to=app)
    r = labsim.simulate(site, 300, faults=[("cache-2", "lost", 100, 120)])
    assert [(e.kind, e.t) for e in r.events] == [("fault", 100), ("lost", 100), ("back", 130),
                                                 ("mended", 220)]
    ratio = r.series["app.hit_ratio"]
    assert ratio.value[ratio.t > 131].min() == 1.0
    assert r.summary["cache.replacing_s"] == 120


def test_a_flush_at_a_moment():
    """`flush(at)` is what the fault is."""
    def site(sim, by_hand):
        cache = elasticache.Cluster(sim, "cache", keys=500, nodes=2, room=200)
        if by_hand:
            cache.flush(100)
        sim.send(50.0, to=elasticache.Application(sim, "app", cache, rds.Database(
            sim, "db", servers=2, work=ServiceTimes(0.02)), skew=1))
    runs = [labsim.simulate(lambda sim, hand=hand: site(sim, hand), 300, faults=faults).summary
            for hand, faults in ((True, ()), (False, [("cache", "flush", 100)]), (False, ()))]
    assert runs[0] == runs[1] and runs[0]["app.hits"] < runs[2]["app.hits"]


def test_who_asks_again_asks_for_the_same():
    """Readers give up after 5 s and ask again 10 s later: the answer is there, though they had
    gone; nobody reads what another one has read."""
    def site(sim):
        cache = elasticache.Cluster(sim, "cache", keys=1_000_000, room=10_000)
        app = elasticache.Application(sim, "app", cache, rds.Database(
            sim, "db", servers=10_000, work=ServiceTimes(10.0, 0)))
        sim.send(2.0, to=app, name="readers", retry=labsim.retry(
            timeout=5, attempts=2, backoff="fixed", base=10))
    s = labsim.simulate(site, 200).summary
    assert s["app.database_reads"] + s["app.hits"] == s["readers.attempts"]
    assert s["app.hits"] == s["readers.retries"] > 300


def test_a_service_calls_an_application_that_asks_a_database():
    """A page reads and writes through the cache; each part has what the one before it asks."""
    def site(sim):
        database = rds.Database(sim, "db", servers=4, work=ServiceTimes(0.02))
        app = elasticache.Application(sim, "app", elasticache.Cluster(
            sim, "cache", keys=500, room=100), database, skew=1)
        web = ec2.Service(sim, "web", ServiceTimes(0.01), instances=4, calls=[app, app.writes])
        sim.send(20.0, to=web, name="users", retry=labsim.retry(timeout=5, attempts=2))
    r = labsim.simulate(site, 200)
    s = r.summary
    assert s["app.offered"] == s["web to app.offered"] > 3_000
    assert s["db.offered"] == s["app.database_reads"] + s["web to app writes.offered"]
    assert s["users.completed"] == s["web.completed"] > 3_000
    assert all(law.holds(r) for law in r.lab.invariants)


# -- counted -----------------------------------------------------------------------------------


def both(sim, follow, retry, reads=2_400.0, timeout=2.0, lock=False, **how):
    """A tenth of the lab's default, its requests followed each or its reads counted."""
    kind = elasticache.Cluster if follow else elasticache.SampledCluster
    cache = kind(sim, "cache", keys=100_000, nodes=4, room=5_000, **({} if follow else {
        "skew": 0.9}))
    made = rds.Database if follow else rds.CountedDatabase
    database = made(sim, "db", servers=4, work=ServiceTimes(0.005), timeout=timeout)
    if not follow:
        elasticache.SampledApplication(sim, "app", cache, database, reads=reads, writes=50.0,
                                       warm=True, lock=lock, retry=retry)
        return
    app = elasticache.Application(sim, "app", cache, database, skew=0.9, warm=True, lock=lock)
    sim.send(reads, to=app, name="app readers", retry=retry)
    sim.send(50.0, to=app.writes)


FLUSH = [("cache", "flush", 20)]
STORM = labsim.retry(timeout=1, attempts=3)
CLOSE = {"goodput": 0.05, "attempts": 0.05, "timed_out": 0.08, "amplification": 0.05}


@pytest.mark.long
@pytest.mark.parametrize("faults, values", [
    ([], {}), (FLUSH, {}), (FLUSH, {"lock": True}), (FLUSH, {"timeout": 0.5}),
    ([("db", "slow", 20, 10, 3)], {}),
    (FLUSH, {"retry": labsim.retry(timeout=1, attempts=3, budget=500, clients=10)})], ids=str)
def test_counted_readers_come_back_as_followed_ones(faults, values):
    """Means of several runs, apart by no more than chance and a small share of the value, or of
    all attempts where there are few."""
    values = {"retry": STORM, **values}
    runs = {}
    for follow, many in ((True, 2), (False, 6)):
        def build(sim, follow=follow):
            both(sim, follow, **values)
        runs[follow] = [labsim.simulate(lambda sim: build(sim), 60, seed=seed,
                                        faults=faults).summary for seed in range(many)]
    for metric, share in CLOSE.items():
        exact, counted = (sum(s[f"app readers.{metric}"] for s in some) / len(some)
                          for some in (runs[True], runs[False]))
        least = 0.01 * runs[True][0]["app readers.attempts"] if metric == "timed_out" else 0.0
        print(f"{metric}: followed {exact:.4g}, counted {counted:.4g}")
        assert abs(counted - exact) <= share * exact + least, metric


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([math.inf, 0.02, 0.5, 3.0]), st.integers(1, 5),
       st.sampled_from(["none", "fixed", "exponential", "full-jitter", "decorrelated-jitter"]),
       st.sampled_from([math.inf, 500, 20]), st.booleans(), st.booleans(),
       st.lists(st.sampled_from([
           ("cache", "flush", 5), ("cache", "down", 8, 4), ("cache", "slow", 3, 9, 30),
           ("cache-1", "lost", 6, 7), ("db", "slow", 4, 8, 4), ("db", "down", 9, 3),
           ("db", "errors", 7, 6, 0.5)]), max_size=4), st.integers(0, 99))
@pytest.mark.parametrize("follow", [True, False])
def test_nothing_is_lost_or_answered_twice(follow, timeout, attempts, backoff, budget, breaker,
                                           lock, faults, seed):
    """Whatever breaks: offered = completed + failed + abandoned + open, attempts = offered +
    retries, hits and queries are not more than attempts, and all laws of all parts hold."""
    retry = labsim.retry(timeout=timeout, attempts=attempts, backoff=backoff, base=0.3, cap=2,
                         budget=budget, breaker=labsim.breaker() if breaker else None, clients=4)
    r = labsim.simulate(lambda sim: both(sim, follow, retry, reads=200.0 if follow else 2_400.0,
                                         lock=lock) and None, 20, seed=seed, faults=faults)
    s = r.summary
    assert not [law.name for law in r.lab.invariants if not law.holds(r)]
    assert s["app.hits"] + s["app.database_reads"] <= s["app readers.attempts"] + 1


def test_counted_readers_refuse():
    """What is not counted, with the parameter's name."""
    for retry in (labsim.retry(hedge=1), labsim.retry(timeout=labsim.exponential(2))):
        with pytest.raises(ParameterError) as caught:
            both(Simulation(1, 60.0), False, retry)
        assert caught.value.name == "retry"
