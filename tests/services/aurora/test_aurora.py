"""Aurora and RDS, part by part: rules, connections, and clusters in systems of one's own."""

import numpy as np
import pytest

import labsim
from labsim import theory
from labsim.engine import Simulation, Step
from labsim.errors import LabsimError, ParameterError
from labsim.services import aurora, autoscaling, ec2, sqs
from labsim.services.aurora import rules

FOREVER = 604_800.0


def endpoint(sim, members=3, **values):
    """Three clients with four connections each, to replicas 1, 2, 3; there is room for a fourth."""
    given = dict(clients=3, pool_size=4, lifetime=30.0, ttl=5.0)
    cluster = aurora.Cluster(sim, "cluster", capacity=100, replicas=members, most=members + 1)
    return aurora.Endpoint(sim, "reader", cluster, **{**given, **values})


def step(names, start, end):
    """The endpoint's connections in one step."""
    names.step(Step(0, start, end, True, True))


def test_erlang_c_is_that_of_theory():
    """For any number of servers and any load."""
    servers = np.array([1, 2, 3, 10, 100, 256])
    for load in (0.0, 0.1, 0.7, 0.99):
        expected = [theory.erlang_c(int(c), load * int(c)) for c in servers]
        assert rules.wait_probability(servers, np.full(6, load)) == pytest.approx(expected)


def test_a_pool_that_opens_at_once_lands_on_one_replica():
    """All connections of a client share its DNS answer."""
    names = endpoint(Simulation(1, 600.0, points=60))
    for client in range(3):
        assert len(set(names.at[names.client == client])) == 1


def test_long_lifetimes_leave_a_new_replica_without_load():
    """The new member gets connections only from those that are opened after it has joined."""
    for lifetime, some in ((FOREVER, False), (60.0, True)):
        names = endpoint(Simulation(1, 600.0, points=60), lifetime=lifetime)
        names.members = np.arange(1, 5)
        for t in range(0, 600, 10):
            step(names, t, t + 10)
        assert (names.connections[4] > 0) == some


def test_no_connection_is_lost_or_made():
    """Whoever drops them: the connections of a step add up to the pools, in whole or in parts."""
    names = endpoint(Simulation(1, 600.0, points=60))
    for t in range(0, 600, 10):
        if t % 70 == 0:
            names.drop(1 + t // 70 % 3, float(t))
        step(names, t, t + 10)
        assert names.connections.sum() == pytest.approx(12, rel=1e-12)


def test_dropped_connections_come_back_when_the_answer_expires():
    """Not before the client's own time, and all of one client to the same replica."""
    names = endpoint(Simulation(1, 600.0, points=600), lifetime=FOREVER)
    gone = names.at == names.at[0]
    assert names.drop(int(names.at[0]), 100.0) == gone.sum()
    assert (names.at[gone] == names.nowhere).all()
    back = 100.0 + rules.dns_remainder(100.0, names.shift, 5.0)
    assert (names.due[gone] == back[names.client[gone]]).all()
    for t in range(100, 106):
        step(names, t, t + 1)
    assert (names.at < names.nowhere).all()
    assert len(set(names.at[names.client == names.client[gone][0]])) == 1


def test_a_remainder_is_at_most_the_ttl():
    """From just above zero to the TTL."""
    left = rules.dns_remainder(1_234.5, np.linspace(0, 4.999, 1_000), 5.0)
    assert 0 < left.min() < 0.01 and 4.99 < left.max() <= 5.0


def test_the_lowest_tier_is_promoted_then_the_largest():
    """Tier first, then size, then the first of equals."""
    assert rules.promoted([(1, 64), (0, 2), (0, 8), (0, 8)]) == 2


def test_lag_grows_as_in_a_queue():
    """At half the apply rate twice as long, at nine tenths ten times."""
    writes = np.array([0.0, 500.0, 900.0])
    assert rules.replica_lag(0.02, writes, 1_000) == pytest.approx([0.02, 0.04, 0.2])


# -- systems of one's own ----------------------------------------------------------------------


def shop(sim, rate=1_000.0, lifetime=60.0, replicas=2):
    """Reads on a cluster of one's own."""
    cluster = aurora.Cluster(sim, "orders", capacity=1_000, replicas=replicas, write_rate=50)
    reader = aurora.Endpoint(sim, "reader", cluster, lifetime=lifetime)
    sim.send(rate, to=reader)


def test_a_cluster_stands_alone():
    """Its reads are the clients', half of 1,000 on each replica of 1,000; all laws hold."""
    r = labsim.simulate(shop, 1_800)
    assert r.summary["orders.offered"] == r.summary["producers.offered"]
    assert r.summary["orders.cpu_mean"] == pytest.approx(50, abs=1)
    assert all(law.holds(r) for law in r.lab.invariants)
    assert labsim.Result.from_json(r.to_json(), shop).summary == r.summary


def test_two_clusters_do_not_mix():
    """Each has what it has alone, to the last bit, whatever the other one does."""
    def both(sim):
        for name, rate in (("a", 300.0), ("b", 900.0)):
            cluster = aurora.Cluster(sim, name, capacity=1_000, replicas=1 + (name == "b"))
            reader = aurora.Endpoint(sim, f"{name} reader", cluster, lifetime=60)
            sim.send(rate, to=reader, name=f"{name} clients")

    def one(sim):
        cluster = aurora.Cluster(sim, "b", capacity=1_000, replicas=2)
        reader = aurora.Endpoint(sim, "b reader", cluster, lifetime=60)
        sim.send(900.0, to=reader, name="b clients")
    two, alone = labsim.simulate(both, 900), labsim.simulate(one, 900)
    assert {n: v for n, v in two.summary.items() if n.startswith("b ") or n.startswith("b.")} == {
        n: v for n, v in alone.summary.items() if n != "cost_usd"}
    assert two.summary["a.replicas_max"] == 1 and two.summary["b.replicas_max"] == 2


def test_a_policy_moves_the_replicas():
    """Target tracking on CPU, as on a group."""
    def scaled(sim):
        cluster = aurora.Cluster(sim, "orders", capacity=1_000, replicas=1)
        reader = aurora.Endpoint(sim, "reader", cluster, lifetime=60)
        sim.send(900.0, to=reader)
        cluster.auto_scale(1, 5, creation_time=120)
        autoscaling.TargetTracking(cluster, cluster.average_cpu(), target=40)
    r = labsim.simulate(scaled, 3_600)
    assert r.summary["orders.replicas_max"] == 3 and r.summary["orders.scale_outs"] == 1


@pytest.mark.parametrize("metric, load", [("average_cpu", 30), ("connections_per_replica", 60)])
def test_a_metric_of_replicas_says_over_how_many_it_was_taken(metric, load):
    """Times those it is the load, 300/s of 1,000 and 60 connections, though a replica comes in the
    middle of a minute."""
    seen = []

    def build(sim):
        cluster = aurora.Cluster(sim, "orders", capacity=1_000, replicas=1)
        reader = aurora.Endpoint(sim, "reader", cluster, clients=6, pool_size=10, lifetime=30)
        sim.send(300.0, to=reader)
        cluster.auto_scale(1, 5, creation_time=150)
        cluster.scale_to(2, "a second one")
        read = getattr(cluster, metric)()
        read.on_read.append(lambda value: seen.append((value * read.over(), read.over())))
    labsim.simulate(build, 600)
    loads, counts = zip(*seen)
    assert loads == pytest.approx([load] * 9, rel=0.05)
    assert counts[1] == 1 and 1 < counts[2] <= 2 and counts[-1] == 2


def test_what_is_answered_is_given_to_the_next_part():
    """Reads of one cluster make as many reads of another, but for those that fail and the last
    tick's."""
    def chain(sim):
        for name in ("first", "second"):
            cluster = aurora.Cluster(sim, name, capacity=1_000)
            reader = aurora.Endpoint(sim, f"{name} reader", cluster, lifetime=FOREVER)
            if name == "first":
                sim.send(1_200.0, to=reader)
                done = cluster.done
            else:
                done.to(reader)
    s = labsim.simulate(chain, 600).summary
    assert s["first.failed"] > 0
    assert s["second.offered"] == pytest.approx(s["first.completed"], rel=0.01)


def test_a_queue_before_a_cluster():
    """What its workers have done are reads; those of the last tick, 15 s here, are open."""
    def after(sim):
        jobs = sqs.Queue(sim, "jobs")
        ec2.Fleet(sim, "workers", size=4, consumes=jobs, work=labsim.fixed(0.1))
        cluster = aurora.Cluster(sim, "db", capacity=2_000)
        jobs.done.to(aurora.Endpoint(sim, "reader", cluster, lifetime=60))
        sim.send(20, to=jobs)
    r = labsim.simulate(after, 9_000)
    s = r.summary
    assert s["db.offered"] == s["jobs.completed"] == s["db.completed"] + s["db.open_end"]
    assert s["db.open_end"] == pytest.approx(300, abs=75)
    assert all(law.holds(r) for law in r.lab.invariants)


def test_two_parts_of_one_name_are_an_error():
    """It names both."""
    sim = Simulation(1, 60.0)
    cluster = aurora.Cluster(sim, "a", capacity=1)
    with pytest.raises(ParameterError, match=r'"a": a aurora.Cluster and a aurora.Endpoint'):
        aurora.Endpoint(sim, "a", cluster, lifetime=60)


@pytest.mark.parametrize("values, name", [
    ({"engine": "oracle"}, "engine"), ({"capacity": 0}, "capacity"), ({"replicas": 16}, "replicas"),
    ({"replicas": 2, "most": 1}, "replicas"), ({"multi_az": True}, "multi_az"),
    ({"big": 2}, "big"), ({"big_factor": 0.5}, "big_factor"), ({"timeout": -1}, "timeout"),
    ({"write_rate": -1}, "write_rate"), ({"lag": float("nan")}, "lag"), ({"price": -1}, "price"),
    ({"items": 0}, "items")])
def test_a_cluster_refuses(values, name):
    """What cannot be, with the argument's name."""
    with pytest.raises(ParameterError) as caught:
        aurora.Cluster(Simulation(1, 60.0), "a", **{"capacity": 100, **values})
    assert caught.value.name == name


@pytest.mark.parametrize("values, name", [
    ({"clients": 0}, "clients"), ({"pool_size": 1.5}, "pool_size"), ({"lifetime": 0}, "lifetime"),
    ({"ttl": -1}, "ttl"), ({"rate": -1}, "rate")])
def test_an_endpoint_refuses(values, name):
    """What cannot be, with the argument's name."""
    with pytest.raises(ParameterError) as caught:
        endpoint(Simulation(1, 60.0), **values)
    assert caught.value.name == name


@pytest.mark.parametrize("act, name", [
    (lambda c: c.fail_writer(-1), "at"), (lambda c: c.fail_writer(1, rejoin=-1), "rejoin"),
    (lambda c: [c.fail_writer(1), c.fail_writer(2)], "at"), (lambda c: c.lose_copies(1, 7), "lost"),
    (lambda c: c.auto_scale(3, 2, 1), "high"), (lambda c: c.auto_scale(1, 2, -1), "creation_time")])
def test_what_may_happen_to_a_cluster_is_checked(act, name):
    """A failure and a range of sizes that cannot be."""
    with pytest.raises(ParameterError) as caught:
        act(aurora.Cluster(Simulation(1, 60.0), "a", capacity=100))
    assert caught.value.name == name


def test_what_lacks_something_says_so():
    """A cluster without an endpoint, an endpoint without reads."""
    def no_endpoint(sim):
        aurora.Cluster(sim, "orders", capacity=100)

    def no_reads(sim):
        aurora.Endpoint(sim, "reader", aurora.Cluster(sim, "orders", capacity=100), lifetime=60)
    for build, words in ((no_endpoint, "nobody connects to orders"),
                         (no_reads, "nobody reads through reader")):
        with pytest.raises(LabsimError, match=words):
            labsim.simulate(build, 60)
