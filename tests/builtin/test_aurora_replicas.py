"""The lab aurora-replicas: counted reads beside closed forms and plain SimPy, failures, scaling."""

import math
import statistics
import time

import numpy as np
import pytest
import simpy

import labsim
from labsim import theory
from labsim.engine import Station
from labsim.errors import BudgetError, ParameterError
from labsim.services.aurora import rules
from labsim.statistics import half_width

LAB = labsim.lab("aurora-replicas")
REPLICATIONS = 20
FOREVER = 604_800.0


def run(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed)


def differ(ours, theirs):
    """How far apart two means are, and the half-width of the 99% interval of that difference."""
    half = math.hypot(half_width(ours, 0.99), half_width(theirs, 0.99))
    return abs(statistics.mean(ours) - statistics.mean(theirs)), half


# -- waits: M/M/c --------------------------------------------------------------------------


def sojourn_quantile(q, rate, service, servers):
    """Time that a share `q` of M/M/c's customers stay at most, by bisection of its distribution.

    P(T > t) = e^(-mu t) + C mu / (mu - d) (e^(-d t) - e^(-mu t)), d = c mu - lambda.
    """
    mu, waits = 1 / service, theory.erlang_c(servers, rate * service)
    d = servers * mu - rate

    def longer(t):
        return math.exp(-mu * t) + waits * mu / (mu - d) * (math.exp(-d * t) - math.exp(-mu * t))
    low, high = 0.0, 1_000 * service
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if longer(middle) > 1 - q else (low, middle)
    return low


@pytest.mark.parametrize("servers", [1, 4, 10, 40])
@pytest.mark.parametrize("load", [0.5, 0.8, 0.95])
def test_latencies_are_those_of_mmc(servers, load):
    """p50, p95 and p99 of one replica: the closed form lies in the 99% interval of the mean."""
    speed = servers / 0.02
    got = [run(seed, replicas=1, instance_capacity=speed, read_time=0.02, read_timeout=3_600,
               read_rate=load * speed, connect_cost=0).summary for seed in range(REPLICATIONS)]
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        values = [s[f"latency_{name}"] for s in got]
        half = half_width(values, 0.99)
        truth = sojourn_quantile(q, load * speed, 0.02, servers)
        print(f"measured: M/M/{servers} at {load}, {name}: {statistics.mean(values):.5f} "
              f"+- {half:.5f} s, "
              f"theory {truth:.5f} s")
        assert abs(statistics.mean(values) - truth) <= half < 0.2 * truth


@pytest.mark.long
def test_latencies_are_those_of_a_station():
    """The same read by read: Poisson arrivals at four servers, exponential work, load 0.8."""
    def one_by_one(seed, n=60_000):
        rng = np.random.default_rng(seed)
        arrivals = np.cumsum(rng.exponential(1 / 160, n))
        service = rng.exponential(0.02, n)
        window = Station([(arrivals, service)], 4).advance(arrivals[-1] + 1_000)
        stay = window.start - window.sent + service
        return np.percentile(stay[5_000:], (50, 95, 99))
    theirs = np.array([one_by_one(seed) for seed in range(REPLICATIONS)]).T
    ours = [run(seed, replicas=1, instance_capacity=200, read_time=0.02, read_rate=160,
                connect_cost=0).summary for seed in range(REPLICATIONS)]
    for name, values in zip(("p50", "p95", "p99"), theirs):
        apart, half = differ([s[f"latency_{name}"] for s in ours], values)
        print(f"measured: {name}: {apart:.5f} s apart, 99% interval {half:.5f} s")
        assert apart <= half < 0.2 * statistics.mean(values)


# -- connections ---------------------------------------------------------------------------


def plain_imbalance(seed, *, clients, pool, lifetime, ttl, replicas, until, every):
    """Busiest over mean of the replicas' connections over time, as a textbook would simulate it:
    a process per DNS cache and per connection."""
    env, rng = simpy.Environment(), np.random.default_rng(seed)
    answer, held, samples = [0] * clients, {}, []

    def cache(client):
        answer[client] = rng.integers(replicas)
        yield env.timeout(ttl * rng.random())
        while True:
            answer[client] = rng.integers(replicas)
            yield env.timeout(ttl)

    def connection(client, number):
        life = lifetime * (0.5 + rng.random())
        while True:
            held[client, number] = answer[client]
            yield env.timeout(life)
            life = lifetime

    def look():
        while True:
            yield env.timeout(every)
            counts = np.bincount(list(held.values()), minlength=replicas)
            samples.append(counts)

    for client in range(clients):
        env.process(cache(client))
        for number in range(pool):
            env.process(connection(client, number))
    env.process(look())
    env.run(until + every / 2)
    total = np.sum(samples, axis=0)
    return float(total.max() / total.mean())


@pytest.mark.parametrize("lifetime, ttl", [(60, 5), (20, 5), (60, 30), (600, 5)])
def test_connections_spread_as_in_plain_simpy(lifetime, ttl):
    """The imbalance of a small cluster, counted and with a process per connection."""
    case = dict(clients=4, pool=5, lifetime=lifetime, ttl=ttl, replicas=3)
    theirs = [plain_imbalance(seed, **case, until=1_800, every=10) for seed in range(REPLICATIONS)]
    ours = [run(seed, clients=4, pool_size=5, connection_lifetime=lifetime, dns_ttl=ttl,
                replicas=3, connect_cost=0, read_rate=100).summary["imbalance"]
            for seed in range(REPLICATIONS)]
    apart, half = differ(ours, theirs)
    print(f"measured: lifetime {lifetime} s, TTL {ttl} s: {statistics.mean(ours):.3f} and "
          f"{statistics.mean(theirs):.3f}, {apart:.3f} apart, 99% interval {half:.3f}")
    assert apart <= half < 0.2 * statistics.mean(theirs)


def test_opening_connections_costs_capacity():
    """200 connections, each opened anew every 60 s at 20 reads: a thirtieth of 2,000 reads/s."""
    with_cost, without = (run(connect_cost=cost, replicas=1, read_rate=500).summary
                          for cost in (20, 0))
    more = with_cost["cpu_mean"] - without["cpu_mean"]
    assert more == pytest.approx(100 * 200 / 60 * 20 / 2_000, rel=0.05)


def test_a_custom_endpoint_keeps_its_reads_apart():
    """The big replica serves the share, the two others the rest."""
    r = run(custom_endpoint_share=0.4, read_rate=2_000, connect_cost=0)
    assert r.series["load00"].value == pytest.approx(0.4 * 2_000 / 8_000)
    rest = r.series["load01"].value + r.series["load02"].value
    assert rest == pytest.approx(0.6 * 2_000 / 2_000)


# -- failures ------------------------------------------------------------------------------


def kinds(r):
    return [(e.t, e.kind) for e in r.events]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("values, shortest, ttl", [
    ({}, 10, 5), ({"dns_ttl": 60}, 10, 60), ({"replicas": 0, "read_rate": 500}, 540, 5),
    ({"engine": "rds", "multi_az": True}, 90, 5), ({"engine": "rds"}, 540, 5)])
def test_an_outage_is_the_failover_and_what_is_left_of_the_ttl(seed, values, shortest, ttl):
    """Of the slowest client: longer than the failover, by no more than the TTL."""
    seconds = run(seed, failover_at=600, **values).summary["failover_s"]
    assert shortest < seconds <= shortest + ttl


@pytest.mark.parametrize("values, least, most", [
    ({"dns_ttl": 0}, 10, 10), ({"dns_ttl": 1}, 10, 11), ({"dns_ttl": 300}, 130, 310),
    ({"proxy": True}, 3.4, 3.4), ({"silent_failure": True, "socket_timeout": 60}, 60, 60),
    ({"silent_failure": True, "socket_timeout": 3, "connect_timeout": 4}, 11, 19),
    ({"surviving_share": 1, "pool_validation": "on-error"}, 10, 15),
    ({"surviving_share": 1, "connection_lifetime": 600}, 300, 615)])
def test_what_a_client_makes_of_a_promotion_of_ten_seconds(values, least, most):
    """Its DNS answer, its timeouts and its pool add to it; a proxy saves two thirds of it."""
    seconds = run(failover_at=600, **values).summary["failover_s"]
    assert least - 0.01 <= seconds <= most + 0.01


def test_a_promotion_keeps_what_aws_says_of_it():
    """Typically less than 60 s, often less than 30; the default was measured."""
    assert labsim.factbook.fact("aurora.failover").today == "<60, often <30"
    assert 0 < LAB.Params().promotion_time < 30


def test_a_replica_that_is_promoted_leaves_the_readers():
    """One less until the old writer is back."""
    r = run(failover_at=600)
    replicas = r.series["replicas"]
    assert replicas.value[replicas.t == 590] == 3 and replicas.value[replicas.t == 600] == 2
    assert replicas.value[replicas.t == 720] == 2 and replicas.value[replicas.t == 730] == 3
    assert kinds(r) == [(600, "failover"), (610, "recovered"), (730, "replica")]


def test_a_promoted_replica_s_connections_return_unevenly_and_cost():
    """The reads on them fail until each client's answer has expired, and not longer."""
    r = run(failover_at=600)
    failed = r.series["failed_rate"]
    assert failed.value[failed.t <= 600].sum() == 0
    assert set(failed.t[failed.value > 0]) == {610.0}
    lost = r.summary["failed"] / r.params.read_rate   # seconds of all reads
    assert 0 < lost < 5


def test_without_a_replica_reads_fail_until_there_is_a_writer_again():
    """And until the clients know where."""
    r = run(replicas=0, read_rate=1_000, failover_at=600)
    seconds = r.summary["failed"] / 1_000
    assert 540 < seconds < 545.5
    assert r.summary["writes_failed"] / r.params.write_rate == pytest.approx(seconds, rel=0.02)


def test_rds_replicas_go_on_reading_while_there_is_no_primary():
    """And nobody promotes them."""
    r = run(engine="rds", failover_at=600)
    assert r.summary["failed"] == 0 and r.summary["writes_failed"] > 0
    assert (r.series["replicas"].value == 3).all()


def test_a_standby_serves_no_reads():
    """Multi-AZ or not, the same reads meet the same instance; only the bill differs."""
    single, pair = (run(engine="rds", replicas=0, read_rate=1_500, multi_az=m)
                    for m in (False, True))
    for name in ("completed", "cpu_mean", "latency_p99"):
        assert single.summary[name] == pair.summary[name]
    assert pair.summary["cost_usd"] == 2 * single.summary["cost_usd"]


@pytest.mark.parametrize("lost, writes, reads", [
    (0, True, True), (1, True, True), (2, True, True), (3, False, True), (4, False, False),
    (6, False, False)])
def test_the_quorum(lost, writes, reads):
    """Four of six to write, three of six to read; from the moment of the loss."""
    assert rules.volume_writable(lost) == writes and rules.volume_readable(lost) == reads
    r = run(copies_lost=lost, copies_lost_at=900)
    for name, goes_on in (("writes_failed_rate", writes), ("failed_rate", reads)):
        series = r.series[name]
        assert series.value[series.t <= 900].sum() == 0
        assert (series.value[series.t > 900] > 0).all() == (not goes_on)


# -- auto scaling --------------------------------------------------------------------------

SCALED = {"read_rate": 6_000, "autoscaling": True, "duration": 3_600, "connection_lifetime": 60,
          "connect_cost": 0, "read_timeout": 3_600}


def test_a_replica_is_there_after_its_creation_time():
    """Three high datapoints of a minute, then so long."""
    for creation in (0, 120, 300):
        out = [t for t, kind in kinds(run(**SCALED, replica_creation_time=creation))
               if kind in ("scale-out", "replica")]
        assert out[:2] == [180, 180 + creation]


def test_target_tracking_adds_in_proportion():
    """Three replicas at 100%, target 60%: five."""
    r = run(**SCALED)
    assert "+2 replicas to 5" in next(e.text for e in r.events if e.kind == "scale-out")


def test_cooldown_holds_the_next_scale_out_back():
    """300 s from the moment the last one is complete."""
    r = run(**{**SCALED, "read_rate": 12_000}, replica_creation_time=60)
    outs = [t for t, kind in kinds(r) if kind == "scale-out"]
    assert outs[0] == 180 and outs[1] - (outs[0] + 60) >= rules.COOLDOWN


def test_only_its_own_replicas_are_removed():
    """An idle cluster keeps what it began with."""
    r = run(autoscaling=True, read_rate=100, duration=7_200)
    assert (r.series["replicas"].value == 3).all() and r.summary["scale_ins"] == 0


def test_no_scaling_while_the_cluster_is_not_available():
    """The alarm rings at 180 s; the writer is away from 100 s to 400 s."""
    r = run(**SCALED, failover_at=100, promotion_time=300)
    assert min(t for t, kind in kinds(r) if kind == "scale-out") >= 400


def test_a_scale_out_that_nobody_uses_changes_nothing():
    """Pools that hold on: as many reads fail with auto scaling as without."""
    with_, without = (run(clients=8, read_rate=3_600, connection_lifetime=FOREVER, duration=3_600,
                          target_cpu=45, autoscaling=a).summary for a in (True, False))
    assert with_["replicas_max"] == 4 and with_["failed"] == without["failed"] > 0


def test_the_number_of_connections_may_be_the_metric():
    """200 connections on three replicas, target 40: five."""
    r = run(autoscaling=True, scaling_metric="connections", target_connections=40)
    assert r.summary["replicas_max"] == 5


# -- replication ---------------------------------------------------------------------------


def test_rds_replicas_repeat_the_writes_and_aurora_s_do_not():
    """CPU of reads alone, and of reads and writes."""
    for engine, cpu in (("aurora", 30.0), ("rds", 80.0)):
        s = run(engine=engine, read_rate=1_800, write_rate=500, connect_cost=0).summary
        assert s["cpu_mean"] == pytest.approx(cpu, rel=1e-12)


def test_beyond_the_apply_rate_an_rds_replica_falls_behind_without_end():
    """1,500 writes/s, 1,000 applied: half a second more for every second; then it catches up."""
    late = rules.unapplied(np.array([1_500.0] * 10 + [0.0] * 10), 1_000, 10.0)
    assert late[:10] == pytest.approx(5.0 * np.arange(1, 11))
    assert late[10:] == pytest.approx(np.maximum(50 - 10.0 * np.arange(1, 11), 0))
    ends = {engine: run(engine=engine, write_rate=1_500, write_cost=1, read_rate=300,
                        duration=1_800).series["replica_lag"].value[-1]
            for engine in ("rds", "aurora")}
    assert ends["rds"] > 900 and ends["aurora"] < 5


def test_stale_reads_are_as_many_as_theory_says():
    """A write of the item within the lag: 1 - E exp(-w lag / n), gamma-distributed lag."""
    got = [run(seed, write_rate=500, items=1_000, read_rate=1_000, apply_rate=1e7).summary
           for seed in range(REPLICATIONS)]
    shares = [s["stale_reads"] / s["offered"] for s in got]
    expected = 1 - (1 + 500 * 0.02 / 1_000 / 4) ** -4
    half = half_width(shares, 0.99)
    assert abs(statistics.mean(shares) - expected) <= half < 0.05 * expected


def test_the_writer_is_never_behind():
    """No replica: no lag, nothing stale."""
    s = run(replicas=0, read_rate=1_000).summary
    assert s["replica_lag_p95"] == s["stale_reads"] == 0


# -- rules, speed --------------------------------------------------------------------------


@pytest.mark.parametrize("values, name", [
    ({"engine": "rds", "facts": "notes", "replicas": 6}, "replicas"),
    ({"autoscaling": True, "replicas": 9}, "replicas"),
    ({"autoscaling": True, "min_replicas": 9}, "min_replicas"),
])
def test_rules_across_fields(values, name):
    """Each names the field to change; five replicas on RDS are the notes' number."""
    with pytest.raises(ParameterError) as caught:
        LAB.Params(**values)
    assert caught.value.name == name
    LAB.Params(engine="rds", facts="notes", replicas=5)
    LAB.Params(engine="rds", replicas=15)


def test_reads_that_come_are_the_same_whatever_serves_them():
    """Common random numbers: the arrivals don't know about replicas."""
    assert len({run(**v).summary["offered"] for v in (
        {}, {"replicas": 0}, {"engine": "rds"}, {"failover_at": 600},
        {"connection_lifetime": 10})}) == 1


def test_failing_reads_are_what_the_replica_can_not_take():
    """3,000 on one of 2,000: a third, but for one queue of `read_timeout`."""
    s = run(clients=1, replicas=1, write_rate=0, connect_cost=0, dns_ttl=0).summary
    assert s["failed"] == pytest.approx(1_000 * 1_800 - 2_000 * 5, rel=0.002)
    assert s["latency_p99"] >= 5


@pytest.mark.long
def test_cost_does_not_grow_with_the_rate():
    """A thousand times the reads, whether they fail or not, takes no longer."""
    def quickest(**values):
        times = []
        for _ in range(9):
            begin = time.process_time()
            run(**values)
            times.append(time.process_time() - begin)
        return min(times)
    for _ in range(4):
        slow = quickest(read_rate=3_000)
        if quickest(read_rate=30_000) < 1.2 * slow and quickest(
                read_rate=3_000_000, instance_capacity=2_000_000, read_time=5e-6 * 20) < 1.2 * slow:
            return
    pytest.fail("ten times the rate took more than 1.2 times as long")


def test_too_many_connections_are_refused():
    """A million connections that live a second each."""
    with pytest.raises(BudgetError) as caught:
        run(clients=1_000, pool_size=1_000, connection_lifetime=1)
    assert caught.value.name == "pool_size"


@pytest.mark.parametrize("step", [str(n) for n in range(1, 14)])
def test_what_travels_on_the_stage_adds_up(step):
    """Reads are tries of two kinds, answered by replicas or the writer; a write
    is done or fails."""
    s = labsim.lab("aurora-replicas").run(labsim.lab("aurora-replicas").preset(step)).series
    for whole, parts in {"attempts": ("offered", "retries"),
                         "unanswered": ("lost", "writes_failed"),
                         "completed": ("replica_reads", "writer_reads"),
                         "writes_offered": ("writes", "writes_failed")}.items():
        parts = [s[f"{part}_rate"].value for part in parts]
        assert s[f"{whole}_rate"].value == pytest.approx(sum(parts))
        assert all((part >= 0).all() for part in parts)


@pytest.mark.parametrize("factor", [0, 0.5, 3])
def test_a_spike_of_reads(factor):
    """So many times the reads for five minutes, and no other reads outside."""
    usual, other = (labsim.run("aurora-replicas", spike_factor=f, spike_start=600,
                               spike_duration=300).series["offered_rate"] for f in (1, factor))
    inside = (usual.t > 600) & (usual.t <= 900)
    assert other.value[inside].mean() == pytest.approx(factor * 3_000, rel=0.02)
    assert other.value[~inside].mean() == pytest.approx(3_000, rel=0.01)


def test_a_file_s_reads_through_two_endpoints(tmp_path):
    """All come, in whole numbers; a level whole may have parts that change, which is told ahead."""
    file = tmp_path / "minutes.csv"
    file.write_text("timestamp,value\n" + "".join(
        f"2026-01-01T{k // 60:02}:{k % 60:02}:00,{7_001}\n" for k in range(120)))
    lab = labsim.lab("aurora-replicas")
    p = lab.Params(workload="trace", trace=str(file), custom_endpoint_share=0.35)
    r = lab.run(p)
    assert r.summary["offered"] == 120 * 7_001 and all(law.holds(r) for law in lab.invariants)
    assert lab.estimate(p).events > 100 + lab.estimate(p.changed(custom_endpoint_share=0)).events
