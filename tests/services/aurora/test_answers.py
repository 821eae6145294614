"""Aurora: who asks it and waits is told what it counts."""

import pytest

import labsim as ls
from labsim.services import aurora, ec2

FATES = ("completed", "failed", "open_end")


def reader(sim):
    """The way into a cluster of two replicas that can do 30 reads/s each."""
    return aurora.Endpoint(sim, "reader", aurora.Cluster(sim, "db", capacity=30, replicas=2),
                           lifetime=300)


def run(build, duration=200, faults=(), seed=1):
    """The summary of a run of which all laws hold."""
    r = ls.simulate(build, duration=duration, seed=seed, faults=faults)
    assert all(law.holds(r) for law in r.lab.invariants)
    return r.summary


def users(count):
    """A system of so many users who think for a second."""
    def build(sim):
        sim.send(ls.users(count, think=ls.exponential(1)), to=reader(sim), name="users")
    return build


@pytest.mark.parametrize("count, faults", [
    (30, []), (30, [("db-1", "down", 50, 50)]), (30, [("db-storage", "lost", 20, 30, 4)]),
    (200, []), (600, [("db-2", "slow", 50, 50, 3)])])
@pytest.mark.parametrize("seed", range(1, 4))
def test_what_users_are_told_is_what_is_counted(count, faults, seed):
    """Each fate, to the read, whether a replica is gone, all are, or the queues are too long."""
    s = run(users(count), faults=faults, seed=seed)
    assert s["users.offered"] == s["db.offered"]
    for fate in FATES:
        assert s[f"users.{fate}"] == s[f"db.{fate}"], fate


def test_users_wait_as_long_as_the_cluster_says():
    """Half of the load that it can bear, in steps of a tenth of a second: nobody fails, and the
    time to an answer is the wait and 5 ms of work; also with 200, for whom 60/s are not enough."""
    for count in (30, 200):
        told = [run(users(count), 60, seed=seed) for seed in range(6)]
        latency, wait, failed = (sum(s[name] for s in told) / len(told) for name in (
            "users.latency_mean", "db.wait_mean", "db.failed"))
        assert latency == pytest.approx(wait + 0.005, rel=0.1)
        assert failed == 0 or count == 200


def test_who_asks_fails_as_often_as_those_beside_him():
    """80 reads/s, of which 60 can be done: of each kind a quarter fails, after the first 15 s in
    which the queues grow to 5 s."""
    def build(sim):
        way = reader(sim)
        web = ec2.Service(sim, "web", ls.exponential(0.001), instances=100, calls=way)
        sim.send(20, to=web)
        sim.send(60, to=way, name="clients")
    s = run(build, 1_000)
    asked, failed = s["web to reader.attempts"], s["web to reader.failed"]
    right = 0.25 * 985 / 1_000
    assert s["db.offered"] == asked + s["clients.offered"]
    assert failed / asked == pytest.approx(right, rel=0.1)
    assert (s["db.failed"] - failed) / s["clients.offered"] == pytest.approx(right, rel=0.1)


def test_who_asks_comes_back_in_his_own_way():
    """Users who don't, beside hardly any counted clients who do: no read is tried again."""
    def build(sim):
        way = reader(sim)
        sim.send(ls.users(30, think=ls.exponential(1)), to=way, name="users")
        sim.send(1e-6, to=way, retry=ls.retry(attempts=5))
    s = run(build, faults=[("db-1", "down", 50, 50)])
    assert s["users.failed"] > 0 and s["db.retries"] == 0
    assert s["db.failed"] == s["users.failed"]
