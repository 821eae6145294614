"""Caches: what they answer, how old it is, who misses together, and what a lost node takes."""

import statistics

import numpy as np
import pytest

import labsim
from labsim import theory
from labsim.builtin.elasticache_strategies import model, story
from labsim.errors import NotApplicable, ParameterError
from labsim.statistics import half_width

LAB = labsim.lab("elasticache-strategies")
FEW = dict(read_rate=120, write_rate=5, keys=2_000, node_items=100, database_servers=2,
           database_time=0.02)      # requests that are followed one by one


def few(**values):
    """Parameters of a run that is small enough to follow each request."""
    p = LAB.Params(**{**FEW, **values})
    assert model.followed(p)
    return p


def summary(seed=1, **values):
    return LAB.run(few(**values), seed).summary


def warmed(values, first, last, metric="hits", runs=20):
    """Mean and 99% half-width of `metric` per read between two moments of the same runs."""
    shares = []
    for seed in range(runs):
        a, b = (summary(seed, **values, duration=d) for d in (first, last))
        shares.append((b[metric] - a[metric]) / (b["offered"] - a["offered"]))
    return statistics.mean(shares), half_width(shares, 0.99)


# -- theory -----------------------------------------------------------------------------------

@pytest.mark.long
@pytest.mark.parametrize("items, skew", [(25, 0.9), (100, 0.9), (100, 0.4), (200, 1.2)])
def test_the_hit_ratio_is_che_s(items, skew):
    """In steady state, inside the 99% interval over twenty runs."""
    values = dict(node_items=items, nodes=1, skew=skew, write_rate=0, database_servers=100,
                  database_time=0.0001, trip_time=0, warm=True)
    mean, half = warmed(values, 30, 130)
    expected = story.hit_ratio(few(**values))
    print(f"measured: elasticache, {items} items, skew {skew}: hit ratio {mean:.4f} +- {half:.4f}, "
          f"Che {expected:.4f}")
    assert abs(mean - expected) <= half


@pytest.mark.parametrize("ttl", [2, 8])
def test_the_hit_ratio_of_a_ttl(ttl):
    """Where all fits: rate x TTL over 1 + rate x TTL, key by key."""
    values = dict(keys=200, node_items=200, skew=0.8, ttl=ttl, write_rate=0, read_rate=60,
                  database_servers=100, database_time=0.0001, trip_time=0)
    mean, half = warmed(values, 10 * ttl, 10 * ttl + 100)
    assert abs(mean - story.hit_ratio(few(**values))) <= half


@pytest.mark.long
def test_write_through_keeps_what_is_written_on_the_shelf():
    """Che's approximation with reads and writes as touches."""
    values = dict(strategy="write-through", node_items=100, nodes=1, write_rate=60,
                  database_servers=100, database_time=0.0001, trip_time=0, warm=True)
    mean, half = warmed(values, 30, 130)
    assert abs(mean - story.hit_ratio(few(**values))) <= half


@pytest.mark.long
@pytest.mark.parametrize("rate, servers", [(40, 1), (70, 2), (150, 4)])
def test_the_database_is_mmc(rate, servers):
    """Without a cache: the mean time of a read is M/M/c's, inside the interval."""
    got = [summary(seed, strategy="no-cache", read_rate=rate, write_rate=0, duration=200,
                   database_servers=servers, database_timeout=1e3)["latency_mean"]
           for seed in range(20)]
    half = half_width(got, 0.99)
    expected = theory.mmc_wait_mean(rate, 0.02, servers) + 0.02
    assert abs(statistics.mean(got) - expected) <= half


@pytest.mark.parametrize("values", [{"strategy": "no-cache"}, {"lost_nodes": 1}, {"ttl": 5},
                                    {"ttl": 5, "node_items": 500_000, "jitter": 0.1},
                                    {"strategy": "sessions"}, {"read_rate": 0}])
def test_theory_is_drawn_only_where_it_holds(values):
    """No cache, a lost node, TTL and room at once: there is no such form."""
    with pytest.raises(NotApplicable):
        story.hit_ratio(LAB.Params(**values))


# -- age --------------------------------------------------------------------------------------

def test_lazy_loading_is_stale_from_the_first_write_to_the_ttl():
    """One key: fresh until it is written, then stale, never longer than the TTL."""
    s = summary(keys=1, ttl=10, read_rate=90, write_rate=1, duration=300, database_servers=50)
    assert 0.8 < s["stale_share"] < 0.95 and s["stale_age_max"] <= 10
    assert summary(keys=1, strategy="write-through", write_rate=1)["stale"] == 0
    assert summary(keys=1, write_rate=0)["stale"] == 0


@pytest.mark.long
def test_a_stale_share_by_renewal_theory():
    """Writes are Poisson, the TTL fixed: stale for TTL less what the first write takes, in a cycle
    of the TTL and the next miss. Inside the 99% interval."""
    rate, ttl, writes = 60.0, 10.0, 0.2
    fresh = (1 - np.exp(-writes * ttl)) / writes
    values = dict(keys=1, ttl=ttl, read_rate=rate, write_rate=writes, database_servers=50,
                  database_time=0.0001, trip_time=0)
    mean, half = warmed(values, 20, 420, "stale")
    assert abs(mean - (ttl - fresh) / (ttl + 1 / rate)) <= half


# -- together ---------------------------------------------------------------------------------

def test_jitter_spreads_what_expires_together():
    """The longest line before the database gets shorter with every step."""
    lines = [LAB.run(LAB.preset("8").changed(jitter=j)).summary["queue_max"]
             for j in (0.0, 0.3, 1.0)]
    assert lines[0] > lines[1] > lines[2]


def test_a_lock_lets_one_go():
    """No key twice; who waited is answered when the first one is back."""
    free, locked = (LAB.run(LAB.preset(n)).summary for n in ("10", "11"))
    assert free["duplicate_fetches"] > 5_000 and locked["duplicate_fetches"] == 0
    assert locked["database_reads"] < free["database_reads"]


# -- nodes ------------------------------------------------------------------------------------

def test_what_a_lost_node_costs():
    """The hit ratio falls by about its share on a ring, by more by modulo, and with Redis until a
    replica has taken over."""
    def lowest(preset, after):
        p = LAB.preset(preset)
        ratio = LAB.run(p).series["hit_ratio"]
        return float(ratio.value[ratio.t > p.lost_at + after].min())
    ring, modulo, redis = (lowest(n, 0) for n in ("12", "13", "14"))
    assert modulo < ring - 0.15 and ring < 0.9
    assert lowest("14", LAB.Params().failover_time + 2) > 0.9 and redis < 0.85


@pytest.mark.parametrize("replicas, back, replaced, lost", [
    (0, 596, 596, True), (1, 30, 596, False), (2, 30, 596, False)])
def test_a_replica_answers_long_before_the_node_is_replaced(replicas, back, replaced, lost):
    """With one the shard answers after the failover, with all it had; without it is away until
    there is a new node, empty. The node itself is missed equally long (measured: 593 s, 599 s)."""
    r = LAB.run(LAB.Params(engine="redis", replicas=replicas, lost_nodes=1, lost_at=45,
                           node_items=400_000, duration=900))
    at = {event.kind: event.t for event in r.events}
    assert (at["back"] - 45, r.summary["replacing_s"]) == (back, replaced)
    assert ("items" in r.events[0].text) == lost
    ratio = r.series["hit_ratio"]
    away = ratio.value[(ratio.t > 45) & (ratio.t < 45 + back)]
    assert away.max(initial=0) < 0.85 < ratio.value[-1]


@pytest.mark.parametrize("engine, replicas", [("redis", 1), ("redis", 0), ("memcached", 0)])
def test_a_run_that_ends_before_a_node_is_replaced_says_so(engine, replicas):
    """It has been away so far, or never."""
    for at, away in ((30, 30), (60, 0), (90, 0)):
        s = summary(engine=engine, replicas=replicas, lost_nodes=1, lost_at=at)
        assert s["replacing_s"] == away
    assert summary(engine=engine, replicas=replicas)["replacing_s"] == 0


def test_redis_without_a_replica_has_lost_a_shard_until_it_is_replaced():
    """Its keys go to the database all the while; then the new node fills up."""
    r = LAB.run(LAB.preset("14").changed(replicas=0, replace_time=15, duration=60))
    ratio = r.series["hit_ratio"].value
    assert ratio[12:20].max() < 0.9 < ratio[-10:].mean()


def test_sessions_live_in_the_cache_alone():
    """Lost with a node, not with a replica; a cache that is too small loses them, too."""
    lost = LAB.preset("15")
    assert LAB.run(lost).summary["sessions_lost"] > 10_000
    assert LAB.run(lost.changed(engine="redis", replicas=1)).summary["sessions_lost"] == 0
    assert LAB.run(lost.changed(lost_nodes=0)).summary["sessions_lost"] == 0
    assert LAB.run(lost.changed(lost_nodes=0, node_items=5_000)).summary["sessions_lost"] > 10_000


def test_more_nodes_cannot_be_lost_than_there_are():
    """The parameter to change is named."""
    with pytest.raises(ParameterError, match="lost_nodes"):
        LAB.Params(nodes=2, lost_nodes=3)


# -- stampedes --------------------------------------------------------------------------------

@pytest.mark.parametrize("rate, query, ttl, runs", [(10, 3.0, 60, 20), (1_000, 1.0, 10, 3)])
def test_a_stampede_is_as_wide_as_the_query_is_long(rate, query, ttl, runs):
    """The textbook's: of one key each read that comes while a query of fixed length runs begins
    another one: rate times length, 30 for 3 s at 10 reads/s, 1,000 for 1 s at 1,000 reads/s."""
    p = LAB.Params(keys=1, nodes=1, read_rate=rate, write_rate=0, ttl=ttl, trip_time=0,
                   database_time=query, database_cv=0, database_servers=10_000,
                   duration=3 * (ttl + 2 * query) + 5)     # the last to come makes it fresh anew
    got = [LAB.run(p, seed).summary["duplicate_fetches"] / 3 for seed in range(runs)]
    half = half_width(got, 0.99)
    assert abs(statistics.mean(got) - rate * query) <= half < 0.2 * rate * query


def test_a_lucky_query_ends_a_stampede_early():
    """With exponential times of the same mean the first of many is done soon: of a thousand that
    would come few do."""
    p = LAB.Params(keys=1, nodes=1, read_rate=1_000, write_rate=0, ttl=10, database_time=1,
                   database_servers=10_000, duration=50)
    fixed, varied = (LAB.run(p.changed(database_cv=cv)).summary["duplicate_fetches"]
                     for cv in (0, 1))
    assert fixed > 3_500 and varied < fixed / 10


# -- counted beside followed ------------------------------------------------------------------

REAL = dict(read_rate=4_000, write_rate=40, keys=50_000, node_items=4_000, database_servers=40,
            database_time=0.02, duration=30)
FOLLOWED = 4        # runs that follow each request, and that count
COUNTED = 12
CLOSE = {"hit_ratio": 0.006, "database_utilization": 0.02, "stale_share": 0.03,
         "latency_mean": 0.12, "evictions": 0.06, "busiest_node_rate": 0.02, "latency_p99": 0.25,
         "duplicate_fetches": 0.12}     # a share of the value, beside what chance explains


@pytest.mark.long
@pytest.mark.parametrize("values", [
    {}, {"warm": False}, {"ttl": 8, "node_items": 20_000},
    {"ttl": 8, "node_items": 20_000, "jitter": 0.5}, {"ttl": 6, "jitter": 0.2},
    {"ttl": 6, "skew": 1.2, "node_items": 20_000, "database_cv": 0},
    {"ttl": 6, "skew": 1.2, "node_items": 20_000, "database_time": 0.1, "database_servers": 400},
    {"ttl": 6, "skew": 1.2, "node_items": 20_000, "database_time": 0.1, "database_servers": 400,
     "lock": True},
    {"strategy": "write-through", "write_rate": 400},
    {"strategy": "write-through", "write_rate": 400, "ttl": 10, "node_items": 20_000},
    {"strategy": "sessions", "skew": 0, "ttl": 20, "node_items": 20_000, "database_servers": 200,
     "lost_nodes": 1, "lost_at": 15},
    {"lost_nodes": 1, "lost_at": 10, "replace_time": 10, "node_items": 20_000},
    {"lost_nodes": 1, "lost_at": 10, "replace_time": 10, "ring": False},
    {"engine": "redis", "lost_nodes": 1, "lost_at": 10, "replace_time": 10},
    {"engine": "redis", "replicas": 1, "lost_nodes": 1, "lost_at": 10},
    {"strategy": "no-cache", "read_rate": 1_500}, {"strategy": "no-cache", "read_rate": 3_000},
    {"node_items": 10, "write_rate": 0, "database_servers": 400}], ids=str)
def test_counted_as_followed(values, monkeypatch):
    """Sampled keys and counted reads give what following each request gives: means of several runs,
    apart by no more than 99% of chance and a small share of the value."""
    p = LAB.Params(**{**REAL, **values})
    runs = {}
    for most, many in ((1e9, FOLLOWED), (-1, COUNTED)):
        monkeypatch.setattr(model, "FOLLOWED", most)
        runs[many] = [LAB.run(p, seed).summary for seed in range(many)]
    for metric, share in CLOSE.items():
        exact, counted = ([s[metric] for s in some] for some in runs.values())
        wide = half_width(exact, 0.99) + half_width(counted, 0.99)
        mean = statistics.mean(exact)
        print(f"{metric}: followed {mean:.4g}, counted {statistics.mean(counted):.4g}")
        assert abs(statistics.mean(counted) - mean) <= wide + share * abs(mean) + (
            metric == "duplicate_fetches") * 20, metric


def test_the_magnitudes_of_the_trade():
    """100,000 reads/s of a million keys: as Che has it in the long run; a node with the hottest
    keys does more than its part; all reads are accounted for."""
    p = LAB.Params(read_rate=100_000, write_rate=0, database_servers=400, duration=300)
    s = LAB.run(p).summary
    assert abs(s["hit_ratio"] - story.hit_ratio(p)) < 0.01
    assert s["offered"] == pytest.approx(3e7, rel=1e-3)
    assert s["busiest_node_share"] > 0.28 and s["busiest_node_rate"] > 28_000


def test_nodes_are_at_most_what_aws_grants():
    """60 of Memcached (ElastiCache User Guide, Managing clusters), 90 of Redis with replicas."""
    assert LAB.Params(nodes=60).nodes == 60 and LAB.Params(nodes=90, engine="redis").nodes == 90
    for values in ({"nodes": 61}, {"nodes": 46, "engine": "redis", "replicas": 1}):
        with pytest.raises(ParameterError, match="nodes"):
            LAB.Params(**values)


def test_a_failover_costs_the_same_in_a_minute_and_in_a_day():
    """Half a minute without a shard: as many queries of keys that are asked for already, whatever
    the length of the run, and a run of a day in little more time."""
    p = LAB.Params(engine="redis", replicas=1, lost_nodes=1, lost_at=15, node_items=400_000,
                   read_rate=40_000)
    short, long = (statistics.mean(
        LAB.run(p.changed(duration=duration), seed).summary["duplicate_fetches"]
        for seed in range(5)) for duration in (60, 86_400))
    assert long == pytest.approx(short, rel=0.02)
    assert LAB.estimate(p.changed(duration=86_400)).seconds < 0.5


# -- readers who come back --------------------------------------------------------------------

def at_the_end(seed, **changes):
    """The share of the reads that is answered in time when the flush is long over."""
    p = LAB.preset("16").changed(**changes)
    good = LAB.run(p, seed).series["goodput_rate"]
    return good.value[good.t > 100].mean() / p.read_rate


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_flush_that_does_not_recover(seed):
    """The load is as before, and the bad state stays; without the flush it never comes; a lock, or
    a database that gives up before its readers do, ends it."""
    assert at_the_end(seed) < 0.93
    for cure in ({"faults": ""}, {"lock": True}, {"database_timeout": 0.5},
                 {"retry_mode": "none"}):
        assert at_the_end(seed, **cure) > 0.98, cure


# -- what the stage shows ----------------------------------------------------------------------

@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
def test_what_flows_on_the_stage_adds_up(preset):
    """Attempts are first ones and retries; each is a hit or asks the database, or waits for one
    that does; answers come from the cache or the database."""
    p = LAB.Params(**preset.values)
    r = LAB.run(p)
    total = {name: float(series.value[1:].sum()) * series.t[1] for name, series in r.series.items()}
    s = r.summary
    assert total["attempts_rate"] == pytest.approx(s["attempts"], abs=2)
    assert total["offered_rate"] + total["again_rate"] == pytest.approx(s["attempts"], rel=1e-3)
    assert total["queries_rate"] == pytest.approx(s["database_reads"])
    apart = total["attempts_rate"] - total["hits_rate"] - total["queries_rate"]
    assert apart > 0 if p.lock else apart == pytest.approx(0, abs=2)
    assert total["hits_rate"] + total["fetched_rate"] == pytest.approx(
        total["goodput_rate"], rel=1e-4)
    assert total["failed_rate"] <= total["queries_rate"] + 1
    assert total["lost_rate"] == pytest.approx(s["failed"] + s["abandoned"], rel=1e-6, abs=2)


def test_what_flows_adds_up_request_by_request():
    """The same where each read is followed."""
    p = LAB.Params(read_rate=200, write_rate=20, keys=500, node_items=20, database_servers=2,
                   database_time=0.05, database_timeout=0.2)
    assert model.followed(p)
    r = LAB.run(p)
    of = {name: series.value for name, series in r.series.items()}
    assert np.allclose(of["attempts_rate"], of["hits_rate"] + of["queries_rate"])
    assert np.allclose(of["goodput_rate"], of["hits_rate"] + of["fetched_rate"])
    assert of["failed_rate"].sum() > 0


@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
def test_a_burst_raises_the_load_from_its_moment_on(preset):
    """Four times the reads for a twentieth of the run; before it nothing comes otherwise."""
    p = LAB.Params(**preset.values)
    at = p.duration / 3
    burst = LAB.Params(**{**preset.values, **LAB.boxes[0].burst(p, at)})
    calm, busy = (LAB.run(each).series["offered_rate"] for each in (p, burst))
    before, during = calm.t <= at, (calm.t > at) & (calm.t <= at + p.duration / 20)
    assert busy.value[during].max() > 3 * calm.value[during].max()
    assert busy.value[before].mean() == pytest.approx(calm.value[before].mean(), rel=0.02)
