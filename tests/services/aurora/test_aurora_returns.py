"""Clients of Aurora that come back, parts that ask it, and what breaks in it."""

import numpy as np
import pytest

import labsim as ls
from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services import aurora, ec2
from labsim.services.common.returning import Returning, intervals

STEADY = ls.retry(timeout=1, attempts=3)
BUDGET = ls.retry(timeout=1, attempts=3, budget=500, clients=10)


def cluster(sim, rate=1_000.0, retry=None, replicas=2, capacity=1_000.0, lifetime=10.0, **how):
    """Reads through an endpoint of so many replicas."""
    part = aurora.Cluster(sim, "cluster", capacity=capacity, replicas=replicas, most=replicas,
                          **how)
    reader = aurora.Endpoint(sim, "reader", part, lifetime=lifetime, clients=20, ttl=1.0)
    if rate:
        sim.send(rate, to=reader, retry=retry)
    return part, reader


def run(seed=1, faults=(), duration=900, **how):
    """The summary of such a cluster, without its name."""
    made = ls.simulate(lambda sim: cluster(sim, **how) and None, duration=duration, seed=seed,
                       faults=faults)
    assert all(law.holds(made) for law in made.lab.invariants)
    return {name.removeprefix("cluster."): value for name, value in made.summary.items()}


@pytest.mark.parametrize("backoff", ["none", "fixed", "exponential", "full-jitter",
                                     "decorrelated-jitter"])
def test_n_attempts_at_a_failure_share_p_amplify_as_the_geometric_sum(backoff):
    """1 + p + p^2 + ..., in steps long and short against the waits."""
    p, attempts = 0.37, 4
    for length in (0.1, 1.0, 30.0):
        crowd = Returning(ls.retry(attempts=attempts, backoff=backoff, base=0.5))
        for k in range(int(300 / length)):
            crowd.begin(k * length, (k + 1) * length, np.array([100.0 * length]))
            while not crowd.told([[p], [0.0]]):
                pass
            crowd.end()
        later = np.array([row[0][0] for row in crowd.rows[len(crowd.rows) // 2:]])
        assert later.mean() / (100.0 * length) == pytest.approx(
            sum(p**n for n in range(attempts)), rel=1e-3)


def test_nothing_is_lost_or_made_among_those_who_come_back():
    """Random steps, shares and retries: offered = answered + given up + waiting."""
    dice = np.random.default_rng(1)
    for _ in range(100):
        crowd = Returning(ls.retry(
            timeout=dice.uniform(0.1, 5), attempts=int(dice.integers(1, 6)),
            backoff=str(dice.choice(["none", "fixed", "full-jitter", "decorrelated-jitter"])),
            budget=500 if dice.random() < 0.5 else np.inf,
            breaker=ls.breaker() if dice.random() < 0.3 else None), keys=2)
        now, offered = 0.0, 0.0
        for _ in range(50):
            end = now + dice.choice([0.05, 0.7, 20.0])
            fresh = dice.random(2) * 100
            crowd.begin(now, end, fresh)
            share = dice.random((2, 2)) / 2
            while not crowd.told(share):
                pass
            crowd.end()
            offered, now = offered + fresh.sum(), end
        rows = np.array(crowd.rows)
        ended = rows[:, [2, 4, 5]].sum()
        assert ended + crowd.waiting.sum() == pytest.approx(offered, rel=1e-9)
        assert rows[:, 0].sum() == pytest.approx(offered + rows[:, 3].sum(), rel=1e-9)


def test_a_crowd_comes_back_as_single_clients_do():
    """Plain request by request: attempts in each second of a service that is away from 20 to 40 s,
    and fails a half of what comes from 60 to 80 s; within 99% intervals of Poisson counts."""
    retry = ls.retry(attempts=4, backoff="full-jitter", base=2.0, cap=6.0)
    dice, rate, seconds = np.random.default_rng(7), 2_000.0, 100

    def failing(t):
        return 1.0 if 20 <= t < 40 else 0.5 if 60 <= t < 80 else 0.0
    plain = np.zeros(seconds)
    for t in np.sort(dice.random(int(rate * seconds)) * seconds):
        for low, high in [(0, 0), *intervals(retry)]:
            t += low + (high - low) * dice.random()
            if t >= seconds:
                break
            plain[int(t)] += 1
            if dice.random() >= failing(t):
                break
    crowd, counted = Returning(retry), np.zeros(seconds)
    for k in range(10 * seconds):
        now = k / 10
        crowd.begin(now, now + 0.1, np.array([rate / 10]))
        while not crowd.told([[failing(now + 0.05)], [0.0]]):
            pass
        crowd.end()
        counted[k // 10] += crowd.rows[-1][0][0]
    z = (plain - counted) / np.sqrt(counted)
    assert np.abs(z).max() < 4.4        # 99% of a hundred at once, with some room for the batch


def test_without_a_retry_nobody_comes_back():
    """A `Retry` of one attempt and no timeout changes what is told by rounding only."""
    one, none = run(retry=ls.retry()), run()
    assert one["attempts"] == one["offered"] == none["offered"]
    assert abs(one["completed"] - none["completed"]) <= 1e-5 * none["offered"]


@pytest.mark.parametrize("seed", range(1, 4))
def test_retries_outlive_the_failure_and_a_budget_ends_them(seed):
    """One of four replicas is gone for a minute: with the replica back and the load as before
    nothing is answered in time to the end; with a budget all is; and without the failure all is."""
    how = dict(rate=2_400.0, replicas=4, lifetime=5.0, seed=seed)
    gone = [(f"cluster-{i}", "down", 300, 60) for i in (1, 2)]
    storm = run(retry=STEADY, faults=gone, **how)
    cured, calm = run(retry=BUDGET, faults=gone, **how), run(retry=STEADY, **how)
    assert storm["completed"] < 0.45 * storm["offered"]      # up to the failure
    assert storm["amplification"] > 2
    assert cured["completed"] > 0.85 * cured["offered"]
    assert calm["completed"] > 0.999 * calm["offered"]


def test_a_writer_that_is_struck_fails_over_as_one_that_was_chosen():
    """The same numbers, if it is mended when the old writer rejoins."""
    def chosen(sim):
        part, _ = cluster(sim, replicas=3, write_rate=100.0)
        part.fail_writer(300.0, promotion=20.0, rejoin=100.0)

    def struck(sim):
        cluster(sim, replicas=3, write_rate=100.0, failover=aurora.Failover(promotion=20.0))
    one = ls.simulate(chosen, duration=900, seed=3)
    other = ls.simulate(struck, duration=900, seed=3,
                        faults=[("cluster-writer", "down", 300, 120)])
    assert one.summary == other.summary


def test_lost_copies_come_back_when_they_are_mended():
    """Three of six copies lost for 300 s: a third of the writes of 900 s fails, and no read."""
    s = run(write_rate=100.0, faults=[("cluster-storage", "lost", 300, 300, 3)])
    assert s["writes_failed"] == pytest.approx(s["writes_offered"] / 3, rel=0.02)
    assert s["failed"] == 0


def test_a_slow_replica_takes_so_many_times_as_long():
    """A tenth of the load of one: the mean latency is its read time, ten times as long."""
    s = run(rate=10.0, replicas=1, read_time=0.01, faults=[("cluster-1", "slow", 0, 0, 10.0)])
    assert s["latency_p50"] == pytest.approx(0.1 * np.log(2), rel=0.1)


def test_a_broken_replica_does_nothing_meanwhile():
    """Of three replicas one is down from 300 to 600 s: no connection, no read, no CPU."""
    parts = []
    ls.simulate(lambda sim: parts.append(cluster(sim, replicas=3)[0]), duration=900, seed=1,
                faults=[("cluster-2", "down", 300, 300)])
    reads = parts[-1].reads
    away = (reads.start >= 300) & (reads.start < 600)
    assert reads.offered[away, 2].sum() == reads.cpu[away, 2].sum() == 0
    assert reads.offered[~away, 2].min() >= 0 and reads.offered[~away, 2].sum() > 0


def test_several_faults_at_once_keep_the_laws():
    """Random faults and retries: what comes is answered, given up or waiting."""
    dice = np.random.default_rng(5)
    kinds = [("cluster-writer", "down"), ("cluster-1", "down"), ("cluster-2", "down"),
             ("cluster-1", "slow"), ("cluster-writer", "slow"), ("cluster-storage", "lost")]
    for seed in range(25):
        faults = []
        for i in dice.integers(len(kinds), size=3):
            amount = {"slow": 1 + 9 * dice.random(), "lost": float(dice.integers(1, 7))}
            faults.append((*kinds[i], 100 * dice.random(), 60 * dice.random(),
                           amount.get(kinds[i][1], 0.0)))
        run(seed=seed, faults=faults, duration=200, rate=1_500.0, write_rate=50.0,
            retry=ls.retry(timeout=dice.uniform(0.05, 4), attempts=int(dice.integers(1, 5))))


def test_a_service_asks_an_endpoint_and_waits():
    """Its calls are load of the cluster, take as long as its reads do, and all are answered."""
    def build(sim):
        _, reader = cluster(sim, rate=0.0, read_time=0.01)
        web = ec2.Service(sim, "web", ls.exponential(0.01), instances=10, calls=reader)
        sim.send(50, to=web)
    r = ls.simulate(build, duration=600, seed=1)
    asked = r.summary["web to reader.attempts"]
    assert r.summary["cluster.offered"] == pytest.approx(asked, rel=0.01)
    assert r.summary["web to reader.latency_mean"] == pytest.approx(0.01, rel=0.05)
    assert r.summary["web to reader.failed"] == 0


def test_who_asks_while_no_instance_is_there_gets_an_error():
    """No replica, and a writer that is down for 120 of 600 s: a fifth fails, but for the second in
    which it is noticed and the DNS answers that come back."""
    def build(sim):
        _, reader = cluster(sim, rate=0.0, replicas=0,
                            failover=aurora.Failover(rebuild=120.0))
        web = ec2.Service(sim, "web", ls.exponential(0.01), instances=10, calls=reader)
        sim.send(50, to=web)
    r = ls.simulate(build, duration=600, seed=1, faults=[("cluster-writer", "down", 300)])
    assert r.summary["web.failed"] == pytest.approx(0.2 * r.summary["web.offered"], rel=0.05)


def test_counted_clients_refuse_what_only_single_ones_can_do():
    """Hedged requests, adaptive mode, two kinds of clients at one endpoint."""
    part, reader = cluster(Simulation(1, 60.0), retry=ls.retry(attempts=2))
    for retry in (ls.retry(hedge=1), ls.retry(adaptive=True), ls.retry(attempts=3)):
        with pytest.raises(ParameterError, match="retry"):
            reader.sent(1.0, "more", retry)


@pytest.mark.parametrize("retry, fates", [
    (None, {"failed"}), (ls.retry(attempts=2), {"failed"}),
    (ls.retry(timeout=9, attempts=2), {"failed"}),
    (ls.retry(timeout=1, attempts=2), {"abandoned"})])
def test_who_loses_patience_first_decides_how_a_read_ends(retry, fates):
    """Twice the load that there is room for: the cluster gives a read up after 5 s, and it has
    failed; who waits less long abandons it. All that came is counted once (`run` holds the laws).
    """
    s = run(rate=4_000.0, retry=retry, duration=300)
    assert {fate for fate in ("failed", "abandoned") if s[fate] > 0} == fates
    assert s["offered"] == sum(s[fate] for fate in (
        "completed", "failed", "abandoned", "open_end"))


def test_an_error_and_a_timeout_are_two_ends():
    """Clients who wait for a second, a replica that is gone for a minute: those who find no
    instance until their DNS answer expires have failed, those in its neighbour's queue abandon."""
    s = run(rate=1_800.0, retry=ls.retry(timeout=1, attempts=1),
            faults=[("cluster-1", "down", 300, 60)])
    assert 0 < s["failed"] <= 1_800 * 1.5 and s["abandoned"] > 10 * s["failed"]


@pytest.mark.parametrize("high, most", [(0, 2), (4, 4)])
def test_only_replicas_that_may_exist_can_be_broken(high, most):
    """Two, or as many as auto scaling may add; one that is not there yet is noted in the log."""
    def build(sim):
        part = aurora.Cluster(sim, "au", capacity=100, replicas=2)
        sim.send(10, to=aurora.Endpoint(sim, "reader", part, lifetime=10))
        if high:
            part.auto_scale(2, high, creation_time=60)
    assert list(ls.simulate(build, duration=60).breakable) == [
        "au-writer", *(f"au-{i}" for i in range(1, most + 1)), "au-storage"]
    with pytest.raises(ParameterError, match=f"unknown part 'au-{most + 1}'"):
        ls.simulate(build, duration=60, faults=[(f"au-{most + 1}", "down", 10, 10)])
    events = ls.simulate(build, duration=60, faults=[(f"au-{most}", "down", 10, 10)]).events
    assert any("is not there" in event.text for event in events) == bool(high)


def test_a_cluster_s_name_is_answered_with_its_pieces():
    """Not with whichever of them is spelt most like it."""
    def build(sim):
        part = aurora.Cluster(sim, "au", capacity=100, replicas=2)
        sim.send(10, to=aurora.Endpoint(sim, "reader", part, lifetime=10))
    with pytest.raises(ParameterError, match="one of au-writer, au-1, au-2, au-storage"):
        ls.simulate(build, duration=60, faults=[("au", "down", 10, 10)])
