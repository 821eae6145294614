"""Servers and clients against closed forms: 99% intervals over seeds, Erlang A to closed loops."""

import numpy as np
import pytest

import labsim as ls
from labsim import theory
from labsim.engine import Simulation
from labsim.engine.agenda import ARRIVE, Call, to_nobody
from labsim.engine.center import Center
from labsim.services import ec2
from labsim.statistics import half_width

SEEDS = range(101, 113)


def run(build, seed, duration):
    """The parts of a system by name, at the end of a run."""
    sim = Simulation(seed, duration)
    build(sim)
    for part in list(sim.parts.values()):
        part.wired()
    sim.run()
    return sim.parts


def holds(values, expected):
    """Whether the 99% interval of their mean has it."""
    return abs(np.mean(values) - expected) <= half_width(values, 0.99)


@pytest.mark.parametrize("rate, work, servers, patience", [
    (3.0, 1.0, 4, 2.0), (8.0, 0.5, 3, 1.0), (20.0, 1.0, 18, 0.5)])
def test_who_loses_patience_is_erlang_a(rate, work, servers, patience):
    """The share turned away, and the mean wait of the served."""
    def build(sim):
        a = ec2.Service(sim, "a", ls.exponential(work), instances=servers,
                        max_wait=ls.exponential(patience))
        sim.send(rate, to=a)
    parts = [run(build, seed, 3_000)["a"] for seed in SEEDS]
    told = theory.erlang_a(rate, work, servers, patience)
    assert holds([a.count["shed"] / len(a.came) for a in parts], told.abandoned)
    assert holds([a.waits.mean() for a in parts], told.wait_served)


@pytest.mark.parametrize("rate, servers, room", [(0.9, 1, 3), (5.0, 4, 2), (9.0, 10, 0)])
def test_a_bounded_queue_is_mmck(rate, servers, room):
    """The share refused, and the mean wait of those let in."""
    def build(sim):
        sim.send(rate, to=ec2.Service(sim, "a", ls.exponential(1.0), instances=servers,
                                      max_queue=room))
    parts = [run(build, seed, 6_000)["a"] for seed in SEEDS]
    told = theory.mmck(rate, 1.0, servers, servers + room)
    assert holds([len(a.refused) / len(a.came) for a in parts], told.blocked)
    assert holds([a.waits.mean() for a in parts], told.wait_mean) or room == 0


def loop(parts, duration, client="producers"):
    """Throughput and response of a client in the second half of a run."""
    ended, took = np.array(parts[client].ended[1]), np.array(parts[client].took)
    late = ended > duration / 2
    return late.sum() / (duration / 2), took[late].mean()


@pytest.mark.parametrize("users, think, servers", [(4, 2.0, 1), (30, 10.0, 3), (12, 1.0, 2)])
def test_users_before_one_part_are_machine_repair(users, think, servers):
    """Throughput and response of a closed loop."""
    def build(sim):
        sim.send(ls.users(users, ls.exponential(think)), to=ec2.Service(
            sim, "a", ls.exponential(1.0), instances=servers))
    found = [loop(run(build, seed, 6_000), 6_000) for seed in SEEDS]
    told = theory.machine_repair(users, think, 1.0, servers)
    assert holds([rate for rate, _ in found], told.throughput)
    assert holds([took for _, took in found], told.response_mean)


@pytest.mark.parametrize("users, think", [(5, 1.0), (25, 6.0)])
def test_three_stations_in_a_closed_loop_are_mean_value_analysis(users, think):
    """Two in a row, of which the second sends a third part back, and one that some visit."""
    def build(sim):
        a = ec2.Service(sim, "a", ls.exponential(0.2), instances=1)
        b = ec2.Service(sim, "b", ls.exponential(0.5), instances=2)
        c = ec2.Service(sim, "c", ls.exponential(1.0), instances=2)
        a.then(b)
        b.then(a, 1 / 3)
        b.then(c, 1 / 3)
        sim.send(ls.users(users, ls.exponential(think)), to=a)
    found = [loop(run(build, seed, 4_000), 4_000) for seed in SEEDS]
    told = theory.closed_network(users, think, [
        theory.Station(0.2, 1, 1.5), theory.Station(0.5, 2, 1.5), theory.Station(1.0, 2, 0.5)])
    assert holds([rate for rate, _ in found], told.throughput)
    assert holds([took for _, took in found], told.response_mean)


def test_ranks_wait_as_cobham_has_it():
    """Two ranks before three servers, of whom the first goes first."""
    waits = []
    for seed in SEEDS:
        sim = Simulation(seed, 6_000.0)
        kept = {0: [], 1: []}
        center = Center(sim.agenda, 3, lambda t, call, k=kept: None, lambda t, call: None, ranks=2)

        def done(t, call, center=center, kept=kept):
            center.leave(t, call)
            kept[call.rank].append(t - call.came - call.work)
        center._done = done
        rng = np.random.default_rng(seed)
        for rank, rate in enumerate((1.2, 1.4)):
            t = 0.0
            while (t := t + rng.exponential(1 / rate)) < 6_000:
                call = Call(to_nobody, rank=rank)
                call.work = rng.exponential(1.0)
                sim.agenda.at(t, center.enter, call, ARRIVE)
        sim.agenda.advance(6_000.0)
        waits.append([np.mean(kept[0]), np.mean(kept[1])])
    for found, expected in zip(np.transpose(waits), theory.cobham_waits((1.2, 1.4), 1.0, 3),
                               strict=True):
        assert holds(found, expected)


@pytest.mark.parametrize("attempts, share", [(2, 0.3), (4, 0.6)])
def test_attempts_are_amplified(attempts, share):
    """Attempts per request at a share that fails, and the requests all of whose attempts do."""
    def build(sim):
        a = ec2.Service(sim, "a", ls.exponential(0.01), instances=50)
        a.suffer("a", "errors", [share])
        sim.send(5, to=a, retry=ls.retry(attempts=attempts, base=0.1))
    parts = [run(build, seed, 2_000)["producers"] for seed in SEEDS]
    assert holds([len(p.attempts) / len(p.sent) for p in parts],
                 theory.amplification(attempts, share))
    assert holds([p.fates[2] / len(p.sent) for p in parts], theory.failed_share(attempts, share))


@pytest.mark.parametrize("backoff", ["fixed", "exponential", "full-jitter", "decorrelated-jitter"])
def test_the_mean_waits_of_each_backoff(backoff):
    """A part that refuses all: a client's attempts are its waits apart."""
    def build(sim):
        a = ec2.Service(sim, "a", ls.exponential(0.01))
        a.suffer("a", "down", [0.0])
        sim.send(ls.users(1, 5.0), to=a, retry=ls.retry(attempts=6, backoff=backoff, base=0.5,
                                                        cap=4.0))
    expected = [theory.backoff_mean(backoff, n, 0.5, 4.0) for n in range(1, 6)]
    found = []
    for seed in SEEDS:
        client = run(build, seed, 20_000)["producers"]
        tries = np.array(client.attempts)[:6 * (len(client.sent) - 1)].reshape(-1, 6)
        found.append(np.diff(tries, axis=1).mean(axis=0))
    for waits, mean in zip(np.transpose(found), expected, strict=True):
        assert abs(waits.mean() - mean) <= half_width(waits, 0.99) + 1e-9
