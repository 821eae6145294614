"""Aurora: waits go by the rate at which reads are expected, not by how many came by chance."""

import numpy as np
import pytest

import labsim as ls
from labsim import theory
from labsim.services import aurora, ec2, sqs
from labsim.services.aurora.offers import LONG, Mean

HALF = theory.mmc_wait_mean(15.0, 1 / 30, 1)    # s, of M/M/1 at half of what one can do


def reader(sim):
    """The way into a cluster of one replica that can do 30 reads/s, one at a time."""
    cluster = aurora.Cluster(sim, "db", capacity=30, replicas=1)
    return aurora.Endpoint(sim, "reader", cluster, lifetime=300)


def clients(sim):
    """15 reads/s."""
    sim.send(15, to=reader(sim))


def workers(sim):
    """As many from workers who are done at once."""
    jobs = sqs.Queue(sim, "jobs")
    ec2.Fleet(sim, "workers", size=100, consumes=jobs, work=ls.exponential(0.01))
    jobs.done.to(reader(sim))
    sim.send(15, to=jobs)


def users(sim):
    """As many, but for the time that they wait, from those who think for a minute."""
    sim.send(ls.users(900, think=ls.exponential(60)), to=reader(sim), name="users")


@pytest.mark.parametrize("duration", [60, 200, 600, 2_000])
def test_waits_of_clients_are_those_of_theory_in_runs_of_any_length(duration):
    """M/M/1, though a tick is a tenth of a second in which one read comes or none, or four."""
    s = ls.simulate(clients, duration, seed=1).summary
    assert s["db.wait_mean"] == pytest.approx(HALF, rel=1e-6)
    assert s["db.latency_p95"] == pytest.approx(np.log(0.5 / 0.05) / 15, rel=0.15)


@pytest.mark.parametrize("build", [workers, users])
@pytest.mark.parametrize("duration", [60, 600, 2_000])
def test_so_are_those_of_reads_that_nobody_knew_of_in_advance(build, duration):
    """Ten seeds, whose rates differ by chance."""
    waits = [ls.simulate(build, duration, seed=n).summary["db.wait_mean"] for n in range(10)]
    print(f"measured: {build.__name__}, {duration} s: {np.mean(waits):.4f} s, {HALF:.4f} by theory")
    assert np.mean(waits) == pytest.approx(HALF, rel=0.15)


def test_a_mean_is_not_moved_by_chance():
    """Poisson numbers in steps of a tenth of a second: after a minute the mean of a minute, within
    four standard errors."""
    dice = np.random.default_rng(1)
    for rate in (0.5, 15.0, 4_000.0):
        mean, last = Mean(), []
        for _ in range(10_000):
            last.append(mean.after(dice.poisson(rate / 10), 0.1))
        assert last[600:] == pytest.approx([rate] * 9_400, abs=4.5 * (rate / LONG)**0.5)


def test_a_mean_knows_a_change_at_once():
    """From 15/s to 600/s and back: the first step is at the new rate but for a tenth; the old one
    is known again as soon as there are enough reads to tell."""
    mean = Mean()
    assert [mean.after(1.5, 0.1) for _ in range(100)][60:] == pytest.approx([15] * 40, rel=0.1)
    assert [mean.after(60, 0.1) for _ in range(20)] == pytest.approx([600] * 20, rel=0.1)
    assert [mean.after(1.5, 0.1) for _ in range(60)][-20:] == pytest.approx([15] * 20, rel=0.1)


def test_a_burst_that_another_part_gives_out_is_no_chance():
    """600 reads in a second, where 30 can be done and 150 wait: the rest fails."""
    def build(sim):
        first = aurora.Cluster(sim, "first", capacity=1_000)
        way = aurora.Endpoint(sim, "way", first, lifetime=300)
        first.done.to(reader(sim))
        sim.send(ls.spike(1, 600, start=30, length=1), to=way)
    s = ls.simulate(build, 60, seed=1).summary
    assert s["db.failed"] == pytest.approx(600 - 30 - 150, rel=0.15)


def test_what_goes_on_is_what_came():
    """Not what was expected: the next part is offered as many as are completed, but the last."""
    def build(sim):
        first = aurora.Cluster(sim, "first", capacity=1_000)
        way = aurora.Endpoint(sim, "way", first, lifetime=300)
        first.done.to(reader(sim))
        sim.send(10, to=way)
    s = ls.simulate(build, 60, seed=3).summary
    assert s["first.completed"] - 4 <= s["db.offered"] <= s["first.completed"]
