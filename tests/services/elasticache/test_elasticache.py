"""Caches, part by part: beside plain SimPy, keys on a ring, and systems of one's own."""

import numpy as np
import plain_cache
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.engine import ServiceTimes, Simulation
from labsim.engine.agenda import ARRIVE, Call, to_nobody
from labsim.errors import LabsimError, ParameterError
from labsim.services import elasticache, rds
from labsim.services.elasticache import rules

WORK = ServiceTimes(0.02)

steps = st.lists(st.tuples(st.floats(0.01, 2), st.integers(0, 4), st.floats(0.01, 3),
                           st.booleans()), min_size=1, max_size=40)


def come(t, request):
    """A read or write comes."""
    app, key, work, is_write = request
    (app.write if is_write else app.read)(t, key, work, 0.0, Call(to_nobody))


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from(["lazy-loading", "write-through"]), st.integers(1, 3),
       st.integers(0, 4), st.sampled_from([1e9, 4.03]), st.booleans())
def test_request_by_request_as_plain_simpy_has_it(steps, strategy, servers, room, ttl, lock):
    """The same hits, the same ends, the same age of each answer; times that never coincide."""
    t, requests = 0.0, []
    for n, (gap, key, work, is_write) in enumerate(steps):
        t += gap + 1e-4 * (n % 7 + 1)
        requests.append((t, key, work + 1e-5 * (n % 11 + 1), is_write))
    sim = Simulation(1, 1e9)
    app = elasticache.Application(
        sim, "app", elasticache.Cluster(sim, "cache", keys=5, room=room),
        rds.Database(sim, "database", servers=servers, work=WORK), strategy=strategy, trip=0.003,
        ttl=ttl, lock=lock)
    for t, *request in requests:
        sim.agenda.at(t, come, (app, *request), ARRIVE)
    sim.agenda.advance(1e9)
    plain = plain_cache.run(requests, strategy=strategy, servers=servers, room=room, ttl=ttl,
                            trip=0.003, lock=lock)
    assert app.hit == [hit for _, hit, _ in plain]
    assert app.ends == pytest.approx([end for end, _, _ in plain], abs=1e-9)
    assert app.stale == pytest.approx([stale for _, _, stale in plain], abs=1e-9)


@pytest.mark.parametrize("strategy", ["no-cache", "lazy-loading", "write-through", "sessions"])
@pytest.mark.parametrize("lock", [False, True])
@pytest.mark.parametrize("how", [{}, {"retry": labsim.retry()}])
def test_who_has_no_answer_when_the_run_ends_is_under_way(strategy, lock, how):
    """One server that takes 5 s answers 19 in 100 s, whoever stands in line, foreseen or not; and
    of those who were answered none waited for longer than the run."""
    def build(sim):
        database = rds.Database(sim, "db", servers=1, work=labsim.fixed(5))
        cache = elasticache.Cluster(sim, "cache", keys=100_000, room=1)
        app = elasticache.Application(sim, "app", cache, database, strategy=strategy, lock=lock,
                                      **how)
        sim.send(1, to=app)
    s = labsim.simulate(build, 100).summary
    assert s["app.completed"] == s["db.completed"] == 19
    assert s["app.open_end"] == s["db.in_flight_end"] == s["app.offered"] - 19
    assert s["app.latency_mean"] == pytest.approx(s["app to db.latency_mean"], abs=0.01)
    assert s["app.latency_p99"] < 100


def test_an_answer_of_the_cache_on_its_way_is_no_answer_yet():
    """Ten seconds each way: who found his value in the last ten has not got it. So says who waits
    for it, and what is given on, too."""
    def build(sim):
        cache = elasticache.Cluster(sim, "cache", keys=1, room=1)
        app = elasticache.Application(sim, "app", cache, rds.Database(
            sim, "db", servers=1, work=labsim.fixed(5)), trip=10, warm=True)
        app.done.to(rds.Database(sim, "next", servers=99, work=labsim.fixed(1)))
        sim.send(1, to=app, name="users", retry=labsim.retry())
    s = labsim.simulate(build, 100).summary
    assert s["app.hits"] == s["app.offered"] and 0 < s["app.open_end"] < 25
    assert s["app.completed"] == s["users.completed"] == s["next.offered"]
    assert s["app.open_end"] == s["users.open_end"]
    assert [s["app.latency_mean"], s["app.latency_p99"]] == pytest.approx([10, 10])


@given(st.integers(1, 30), st.integers(1, 30))
def test_modulo_moves_all_but_equal_remainders(before, after):
    """The closed form is what very many keys do."""
    keys = 20_000
    moved = rules.moved(rules.by_modulo(keys, range(before)),
                              rules.by_modulo(keys, range(after)))
    cycle = np.arange(np.lcm(before, after))
    assert moved == pytest.approx(np.mean(cycle % before != cycle % after), abs=0.01)


@given(st.integers(2, 8), st.integers(0, 7))
def test_a_ring_moves_the_lost_node_s_keys_only(nodes, lost):
    """Each other key keeps its node; the lost ones go to several."""
    lost %= nodes
    before = rules.by_ring(2_000, range(nodes))
    after = rules.by_ring(2_000, [n for n in range(nodes) if n != lost])
    assert (before[before != lost] == after[before != lost]).all()
    assert not (after == lost).any()
    assert rules.moved(before, after) == pytest.approx(1 / nodes, abs=0.6 / nodes)
    assert nodes < 4 or len(set(after[before == lost].tolist())) > 1


@given(st.integers(1, 10**12), st.integers(1, 10**6), st.sampled_from(rules.ENGINES))
def test_items_that_fit(memory, item, engine):
    """As many as the memory that is left holds, and not one more; Redis keeps a quarter back."""
    n, left = rules.items_that_fit(memory, item, engine), 0.75 if engine == "redis" else 1.0
    assert n * item <= memory * left + 1e-3
    assert (n + 1) * item > memory * left - 1e-3


# -- systems of one's own ----------------------------------------------------------------------


def site(sim, name="site", rate=100.0, room=100, **how):
    """An application with a cache and a database of its own."""
    cache = elasticache.Cluster(sim, f"{name} cache", keys=500, nodes=2, room=room)
    database = rds.Database(sim, f"{name} db", servers=2, work=WORK, timeout=1)
    app = elasticache.Application(sim, name, cache, database, skew=1, **how)
    sim.send(rate, to=app, name=f"{name} readers")
    sim.send(2.0, to=app.writes, name=f"{name} writers")
    return app


def one(sim, rate=100.0):
    """A single one."""
    site(sim, rate=rate)


def test_an_application_stands_alone():
    """Its reads are its readers'; the database gets what misses, and the writes; laws hold."""
    r = labsim.simulate(one, 300)
    s = r.summary
    assert s["site.offered"] == s["site readers.offered"]
    assert s["site.offered"] == s["site.hits"] + s["site.database_reads"]
    assert s["site db.offered"] == s["site.database_reads"] + s["site writers.offered"]
    assert 0.5 < s["site.hit_ratio"] < 1 and s["site cache.items_end"] <= 200
    assert all(law.holds(r) for law in r.lab.invariants)
    assert labsim.Result.from_json(r.to_json(), one).summary == s


def test_two_applications_do_not_mix():
    """Each has what it has alone, to the last bit."""
    def two(sim):
        site(sim, "other", rate=30.0)
        site(sim)
    both, alone = labsim.simulate(two, 200).summary, labsim.simulate(one, 200).summary
    assert {n: v for n, v in both.items() if n.startswith("site")} == {
        n: v for n, v in alone.items() if n != "cost_usd"}


def test_a_lost_node_is_looked_for_elsewhere():
    """And the hit ratio falls when it is lost."""
    def losing(sim):
        app = site(sim, room=300, warm=True)
        app.cluster.fail(100, 1, replace=50)
    r = labsim.simulate(losing, 200)
    assert [e.kind for e in r.events] == ["lost", "moved", "back"]
    assert 0.3 < r.summary["site cache.keys_moved_share"] < 0.7
    nodes = r.series["site cache.nodes"]
    assert set(nodes.value[nodes.t < 100]) == {2.0}
    assert set(nodes.value[(nodes.t > 100) & (nodes.t < 150)]) == {1.0}
    ratio = r.series["site.hit_ratio"]
    assert ratio.value[(ratio.t > 100) & (ratio.t < 103)].mean() < ratio.value[
        (ratio.t > 80) & (ratio.t < 100)].mean()


def test_what_is_answered_comes_to_the_next_part():
    """Reads of an application that are answered by the end are another one's reads; what fails
    goes another way."""
    def chain(sim):
        first = site(sim, "first", rate=300.0, room=5)
        cache = elasticache.Cluster(sim, "cache", keys=10, room=10)
        second = elasticache.Application(
            sim, "second", cache, rds.Database(sim, "db", servers=50, work=WORK))
        errors = rds.Database(sim, "errors", servers=50, work=WORK)
        first.done.to(second)
        first.failed.to(errors)
    s = labsim.simulate(chain, 100).summary
    assert s["errors.offered"] == s["first.failed"] > 100
    assert 0 <= s["first.completed"] - s["second.offered"] < 150   # at most a second's


def test_memory_makes_room():
    """Of bytes; Redis keeps a quarter back."""
    sim = Simulation(1, 60.0)
    rooms = {engine: elasticache.Cluster(sim, engine, keys=9, memory=4_096, item=1_024,
                                         engine=engine).room for engine in rules.ENGINES}
    assert rooms == {"redis": 3, "memcached": 4}


def test_two_parts_of_one_name_are_an_error():
    """It names both."""
    sim = Simulation(1, 60.0)
    elasticache.Cluster(sim, "a", keys=1, room=1)
    with pytest.raises(ParameterError, match=r'"a": a elasticache.Cluster and a rds.Database'):
        rds.Database(sim, "a", servers=1, work=WORK)


@pytest.mark.parametrize("values, name", [
    ({"engine": "oracle"}, "engine"), ({"keys": 0}, "keys"), ({"nodes": 1.5}, "nodes"),
    ({"room": -1}, "room"), ({"room": None}, "room"), ({"replicas": 1}, "replicas"),
    ({"engine": "redis", "replicas": 6}, "replicas"), ({"price": -1}, "price")])
def test_a_cluster_refuses(values, name):
    """What cannot be, with the argument's name."""
    with pytest.raises(ParameterError) as caught:
        elasticache.Cluster(Simulation(1, 60.0), "a", **{"keys": 9, "room": 1, **values})
    assert caught.value.name == name


@pytest.mark.parametrize("values, name", [
    ({"strategy": "eager"}, "strategy"), ({"ttl": -1}, "ttl"), ({"trip": -1}, "trip"),
    ({"jitter": 2}, "jitter"), ({"skew": float("nan")}, "skew")])
def test_an_application_refuses(values, name):
    """What cannot be, with the argument's name."""
    sim = Simulation(1, 60.0)
    cache = elasticache.Cluster(sim, "c", keys=1, room=1)
    with pytest.raises(ParameterError) as caught:
        elasticache.Application(sim, "a", cache, rds.Database(sim, "d", servers=1, work=WORK),
                                **values)
    assert caught.value.name == name


@pytest.mark.parametrize("values, name", [
    ({"at": -1}, "at"), ({"nodes": 3}, "nodes"), ({"failover": -1}, "failover"),
    ({"replace": float("inf")}, "replace")])
def test_a_failure_that_cannot_be_is_refused(values, name):
    """A time before the start, more nodes than there are."""
    with pytest.raises(ParameterError) as caught:
        elasticache.Cluster(Simulation(1, 60.0), "a", keys=9, nodes=2, room=1).fail(
            **{"at": 1, **values})
    assert caught.value.name == name


def test_what_lacks_something_says_so():
    """A cache that nobody asks, an application without readers."""
    def no_application(sim):
        elasticache.Cluster(sim, "shelf", keys=1, room=1)

    def no_readers(sim):
        elasticache.Application(sim, "app", elasticache.Cluster(sim, "shelf", keys=1, room=1),
                                rds.Database(sim, "db", servers=1, work=WORK))
    for build, words in ((no_application, "nobody asks shelf"),
                         (no_readers, "nothing comes to app")):
        with pytest.raises(LabsimError, match=words):
            labsim.simulate(build, 60)
