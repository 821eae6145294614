"""Caches: what they answer, how old it is, who misses together, and what a lost node takes."""

import statistics

import numpy as np
import plain_cache
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim import theory
from labsim.builtin.elasticache_strategies import story
from labsim.errors import NotApplicable, ParameterError
from labsim.services.elasticache import cluster as elasticache
from labsim.services.elasticache.cache_aside import Application, Database
from labsim.services.elasticache.cluster import Cluster
from labsim.study.known_answers import T_99

LAB = labsim.lab("elasticache-strategies")


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


def warmed(values, first, last, metric="hits", runs=20):
    """Mean and 99% half-width of `metric` per read between two moments of the same runs."""
    shares = []
    for seed in range(runs):
        a, b = (summary(seed, **values, duration=d) for d in (first, last))
        shares.append((b[metric] - a[metric]) / (b["reads"] - a["reads"]))
    return statistics.mean(shares), T_99[runs] * statistics.stdev(shares) / runs**0.5


# -- beside plain SimPy -----------------------------------------------------------------------

steps = st.lists(st.tuples(st.floats(0.01, 2), st.integers(0, 4), st.floats(0.01, 3),
                           st.booleans()), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from(["lazy-loading", "write-through"]), st.integers(1, 3),
       st.integers(0, 4), st.sampled_from([1e9, 4.03]), st.booleans())
def test_request_by_request_as_plain_simpy_has_it(steps, strategy, servers, room, ttl, lock):
    """The same hits, the same ends, the same age of each answer; times that never coincide."""
    t, requests = 0.0, []
    for n, (gap, key, work, is_write) in enumerate(steps):
        t += gap + 1e-4 * (n % 7 + 1)
        requests.append((t, key, work + 1e-5 * (n % 11 + 1), is_write))
    app = Application(Cluster(5, 1, room), Database(servers, 1e12), strategy, trip=0.003,
                      ttl=ttl, jitter=0.0, lock=lock)
    for t, key, work, is_write in requests:
        app.settle(t)
        if is_write:
            app.write(t, key, work, 0.0)
        else:
            app.read(t, key, work, 0.0)
    app.settle(1e9)
    plain = plain_cache.run(requests, strategy=strategy, servers=servers, room=room, ttl=ttl,
                            trip=0.003, lock=lock)
    assert app.hit == [hit for _, hit, _ in plain]
    assert app.ends == pytest.approx([end for end, _, _ in plain], abs=1e-9)
    assert app.stale == pytest.approx([stale for _, _, stale in plain], abs=1e-9)


# -- theory -----------------------------------------------------------------------------------

@pytest.mark.parametrize("items, skew", [(25, 0.9), (100, 0.9), (100, 0.4), (200, 1.2)])
def test_the_hit_ratio_is_che_s(items, skew):
    """In steady state, inside the 99% interval over twenty runs."""
    values = dict(node_items=items, nodes=1, skew=skew, write_rate=0, database_servers=100,
                  database_time=0.0001, trip_time=0, warm=True)
    mean, half = warmed(values, 30, 130)
    expected = story.hit_ratio(LAB.Params(**values))
    print(f"measured: elasticache, {items} items, skew {skew}: hit ratio {mean:.4f} +- {half:.4f}, "
          f"Che {expected:.4f}")
    assert abs(mean - expected) <= half


@pytest.mark.parametrize("ttl", [2, 8])
def test_the_hit_ratio_of_a_ttl(ttl):
    """Where all fits: rate x TTL over 1 + rate x TTL, key by key."""
    values = dict(keys=200, node_items=200, skew=0.8, ttl=ttl, write_rate=0, read_rate=60,
                  database_servers=100, database_time=0.0001, trip_time=0)
    mean, half = warmed(values, 10 * ttl, 10 * ttl + 100)
    assert abs(mean - story.hit_ratio(LAB.Params(**values))) <= half


def test_write_through_keeps_what_is_written_on_the_shelf():
    """Che's approximation with reads and writes as touches."""
    values = dict(strategy="write-through", node_items=100, nodes=1, write_rate=60,
                  database_servers=100, database_time=0.0001, trip_time=0, warm=True)
    mean, half = warmed(values, 30, 130)
    assert abs(mean - story.hit_ratio(LAB.Params(**values))) <= half


@pytest.mark.parametrize("rate, servers", [(40, 1), (70, 2), (150, 4)])
def test_the_database_is_mmc(rate, servers):
    """Without a cache: the mean time of a read is M/M/c's, inside the interval."""
    got = [summary(seed, strategy="no-cache", read_rate=rate, write_rate=0, duration=200,
                   database_servers=servers, database_timeout=1e3)["latency_mean"]
           for seed in range(20)]
    half = T_99[20] * statistics.stdev(got) / 20**0.5
    expected = theory.mmc_wait_mean(rate, 0.02, servers) + 0.02
    assert abs(statistics.mean(got) - expected) <= half


@pytest.mark.parametrize("values", [{"strategy": "no-cache"}, {"lost_nodes": 1}, {"ttl": 5},
                                    {"ttl": 5, "node_items": 500, "jitter": 0.1},
                                    {"strategy": "sessions"}, {"read_rate": 0}])
def test_theory_is_drawn_only_where_it_holds(values):
    """No cache, a lost node, TTL and room at once: there is no such form."""
    with pytest.raises(NotApplicable):
        story.hit_ratio(LAB.Params(**values))


# -- age --------------------------------------------------------------------------------------

def test_lazy_loading_is_stale_from_the_first_write_to_the_ttl():
    """One key: fresh until it is written, then stale, never longer than the TTL."""
    s = summary(keys=1, ttl=10, read_rate=100, write_rate=1, duration=300, database_servers=50)
    assert 0.8 < s["stale_share"] < 0.95 and s["stale_age_max"] <= 10
    assert summary(keys=1, strategy="write-through", write_rate=1)["stale"] == 0
    assert summary(keys=1, write_rate=0)["stale"] == 0


def test_a_stale_share_by_renewal_theory():
    """Writes are Poisson, the TTL fixed: stale for TTL less what the first write takes, in a cycle
    of the TTL and the next miss. Inside the 99% interval."""
    rate, ttl, writes = 100.0, 10.0, 0.2
    fresh = (1 - np.exp(-writes * ttl)) / writes
    values = dict(keys=1, ttl=ttl, read_rate=rate, write_rate=writes, database_servers=50,
                  database_time=0.0001, trip_time=0)
    mean, half = warmed(values, 20, 420, "stale")
    assert abs(mean - (ttl - fresh) / (ttl + 1 / rate)) <= half


# -- together ---------------------------------------------------------------------------------

def test_jitter_spreads_what_expires_together():
    """The longest line before the database gets shorter with every step."""
    lines = [LAB.run(LAB.preset("8").changed(jitter=j)).summary["line_max"]
             for j in (0.0, 0.3, 1.0)]
    assert lines[0] > lines[1] > lines[2]


def test_a_lock_lets_one_go():
    """No key twice; who waited is answered when the first one is back."""
    free, locked = (LAB.run(LAB.preset(n)).summary for n in ("10", "11"))
    assert free["doubled"] > 50 and locked["doubled"] == 0
    assert locked["database_reads"] < free["database_reads"]


# -- nodes ------------------------------------------------------------------------------------

@given(st.integers(1, 30), st.integers(1, 30))
def test_modulo_moves_all_but_equal_remainders(before, after):
    """The closed form is what very many keys do."""
    keys = 20_000
    moved = elasticache.moved(elasticache.by_modulo(keys, range(before)),
                              elasticache.by_modulo(keys, range(after)))
    assert moved == pytest.approx(elasticache.moved_by_modulo(before, after), abs=0.01)


@given(st.integers(2, 8), st.integers(0, 7))
def test_a_ring_moves_the_lost_node_s_keys_only(nodes, lost):
    """Each other key keeps its node; the lost ones go to several."""
    lost %= nodes
    before = elasticache.by_ring(2_000, range(nodes))
    after = elasticache.by_ring(2_000, [n for n in range(nodes) if n != lost])
    assert (before[before != lost] == after[before != lost]).all()
    assert not (after == lost).any()
    assert elasticache.moved(before, after) == pytest.approx(1 / nodes, abs=0.6 / nodes)
    assert nodes < 4 or len(set(after[before == lost].tolist())) > 1


def test_what_a_lost_node_costs():
    """The hit ratio falls by about its share on a ring, by more by modulo, briefly with Redis."""
    def lowest(preset):
        return float(LAB.run(LAB.preset(preset)).series["hit_ratio"].value[19:].min())
    ring, modulo, redis = (lowest(n) for n in ("12", "13", "14"))
    assert modulo < ring - 0.15 and ring < 0.9
    late = LAB.run(LAB.preset("14")).series["hit_ratio"].value[30:].min()
    assert late > 0.9 and redis < 0.85


def test_redis_without_a_replica_has_lost_a_shard_until_it_is_replaced():
    """Its keys go to the database all the while; then the new node fills up."""
    r = LAB.run(LAB.preset("14").changed(replicas=0, replace_time=15))
    ratio = r.series["hit_ratio"].value
    assert ratio[20:35].max() < 0.9 < ratio[-10:].mean()


def test_sessions_live_in_the_cache_alone():
    """Lost with a node, not with a replica; a cache that is too small loses them, too."""
    lost = LAB.preset("15")
    assert LAB.run(lost).summary["logged_out"] > 50
    assert LAB.run(lost.changed(engine="redis", replicas=1)).summary["logged_out"] == 0
    assert LAB.run(lost.changed(lost_nodes=0)).summary["logged_out"] == 0
    assert LAB.run(lost.changed(lost_nodes=0, node_items=50)).summary["logged_out"] > 100


def test_more_nodes_cannot_be_lost_than_there_are():
    """The parameter to change is named."""
    with pytest.raises(ParameterError, match="lost_nodes"):
        LAB.Params(nodes=2, lost_nodes=3)


@given(st.integers(1, 10**12), st.integers(1, 10**6), st.sampled_from([0.0, 0.25, 0.5]))
def test_items_that_fit(memory, item, reserved):
    """As many as the memory that is left holds, and not one more."""
    n = elasticache.items_that_fit(memory, item, reserved)
    assert n * item <= memory * (1 - reserved) + 1e-3
    assert (n + 1) * item > memory * (1 - reserved) - 1e-3
