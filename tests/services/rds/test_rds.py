"""A database: first come, first served, and who would wait too long goes."""

import statistics

import pytest

import labsim
from labsim import theory
from labsim.engine import ServiceTimes, Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import elasticache, rds
from labsim.statistics import half_width

WORK = ServiceTimes(0.02)


def shop(sim, rate=70.0, timeout=1e9):
    """Clients and a database."""
    sim.send(rate, to=rds.Database(sim, "db", servers=2, work=WORK, timeout=timeout))


def test_it_serves_in_order_and_turns_away():
    """One server, work of 10 s each, nobody waits longer than 12 s."""
    database = rds.Database(Simulation(1, 60.0), "db", servers=1, work=WORK, timeout=12)
    assert [database.serve(t, 10.0) for t in (0.0, 1.0, 2.0, 12.0)] == [
        10.0, 20.0, float("inf"), 30.0]


def test_a_database_of_one_s_own_is_mmc():
    """The mean time of a request is M/M/c's, inside the 99% interval over twenty runs."""
    got = [labsim.simulate(shop, 200, seed=seed).summary["db.time_mean"] for seed in range(20)]
    half = half_width(got, 0.99)
    assert abs(statistics.mean(got) - theory.mmc_wait_mean(70, 0.02, 2) - 0.02) <= half


def test_two_databases_do_not_mix():
    """Each has what it has alone."""
    def two(sim):
        for name, rate in (("a", 20.0), ("b", 50.0)):
            sim.send(rate, to=rds.Database(sim, name, servers=2, work=WORK), name=f"to {name}")

    def one(sim):
        sim.send(50.0, to=rds.Database(sim, "b", servers=2, work=WORK), name="to b")
    both, alone = labsim.simulate(two, 100).summary, labsim.simulate(one, 100).summary
    assert {n: v for n, v in both.items() if n.startswith(("b.", "to b."))} == {
        n: v for n, v in alone.items() if n != "cost_usd"}
    assert both["a.offered"] == both["to a.offered"] != both["b.offered"]


def test_what_is_done_comes_to_the_next_part():
    """In order of time, and what is turned away goes another way."""
    def chain(sim):
        first, second, third = (rds.Database(sim, name, servers=n, work=WORK, timeout=0.05)
                                for name, n in (("a", 2), ("b", 50), ("c", 50)))
        sim.send(200.0, to=first)
        first.done.to(second)
        first.failed.to(third)
    s = labsim.simulate(chain, 100).summary
    assert s["c.offered"] == s["a.failed"] > 1_000
    assert 0 <= s["a.accepted"] - s["b.offered"] < 20


@pytest.mark.parametrize("values, name", [
    ({"servers": 0}, "servers"), ({"servers": 1.5}, "servers"), ({"timeout": -1}, "timeout"),
    ({"price": -1}, "price"), ({"work": ServiceTimes(0.0)}, "work")])
def test_a_database_refuses(values, name):
    """What cannot be, with the argument's name."""
    with pytest.raises(ParameterError) as caught:
        rds.Database(Simulation(1, 60.0), "a", **{"servers": 1, "work": WORK, **values})
    assert caught.value.name == name


def test_an_application_has_its_database_for_itself():
    """Requests of two would not come in order of time."""
    sim = Simulation(1, 60.0)
    database = rds.Database(sim, "db", servers=1, work=WORK)
    cache = elasticache.Cluster(sim, "cache", keys=1, room=1)
    elasticache.Application(sim, "first", cache, database)
    with pytest.raises(ParameterError, match="serves first already"):
        elasticache.Application(sim, "second", cache, database)

    def both(sim):
        database = rds.Database(sim, "db", servers=1, work=WORK)
        app = elasticache.Application(
            sim, "app", elasticache.Cluster(sim, "cache", keys=1, room=1), database)
        sim.send(1.0, to=app)
        sim.send(1.0, to=database)
    with pytest.raises(LabsimError, match="serves app alone"):
        labsim.simulate(both, 60)


def test_a_database_that_nobody_asks_says_so():
    """By name."""
    with pytest.raises(LabsimError, match="nobody asks db"):
        labsim.simulate(lambda sim: rds.Database(sim, "db", servers=1, work=WORK), 60)


# -- counted ----------------------------------------------------------------------------------


def counted(rates, servers=40, work=0.005, timeout=1e9, step=0.1):
    """A counted database after steps of so many requests per second each."""
    database = rds.CountedDatabase(Simulation(1, 60.0), "db", servers=servers,
                                   work=ServiceTimes(work), timeout=timeout)
    for k, rate in enumerate(rates):
        database.count(k * step, (k + 1) * step, round(rate * step))
    return database


def test_a_counted_queue_grows_by_what_is_too_much():
    """12,000 a second come for 10 s, 8,000 can go: 40,000 wait, 5 s; then it takes 10 s to be gone
    if 4,000 come."""
    database = counted([12_000] * 100)
    assert database.inside == pytest.approx(40_000, rel=0.01)
    assert database.standing == pytest.approx(5.0, rel=0.01)
    for k in range(100, 200):
        database.count(k / 10, (k + 1) / 10, 400)
    assert database.inside == pytest.approx(20, abs=30)


def test_a_counted_database_turns_away_who_would_wait_too_long():
    """With 2 s to wait at most, 16,000 wait, and of each 12,000 a third goes."""
    database = counted([12_000] * 200, timeout=2)
    assert database.standing == pytest.approx(2.0, rel=0.01)
    assert database.accepted + database.turned_away == 240_000
    assert database.admits == pytest.approx(2 / 3, rel=0.01)


@pytest.mark.parametrize("load", [0.5, 0.8, 0.9])
def test_a_counted_database_waits_as_erlang_has_it(load):
    """Below what it can do: within 5% of M/M/c's time."""
    database = counted([load * 8_000] * 100)
    assert database.wait + 0.005 == pytest.approx(
        theory.mmc_wait_mean(load * 8_000, 0.005, 40) + 0.005, rel=0.05)
