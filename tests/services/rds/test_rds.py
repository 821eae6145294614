"""A database: first come, first served, and who would wait too long goes."""

import statistics

import numpy as np
import pytest

import labsim
from labsim import theory
from labsim.declare.faults import checked, schedule
from labsim.engine import ServiceTimes, Simulation
from labsim.engine.agenda import ARRIVE, Call
from labsim.errors import LabsimError, ParameterError
from labsim.services import ec2, elasticache, rds
from labsim.statistics import half_width

WORK = ServiceTimes(0.02)


def shop(sim, rate=70.0, timeout=1e9):
    """Clients and a database."""
    sim.send(rate, to=rds.Database(sim, "db", servers=2, work=WORK, timeout=timeout))


def answers(times, faults=(), **how):
    """When a database of one server, of 10 s each, answers requests of these times, and how."""
    sim, told = Simulation(1, 100.0), []
    database = rds.Database(sim, "db", servers=1, work=ServiceTimes(10.0, 0), **how)
    for t in times:
        sim.agenda.at(t, lambda t, _: database.ask(t, Call(
            lambda end, call, ok, t=t: told.append((t, end, ok)))), None, ARRIVE)
    schedule(sim, checked(faults))
    sim.run()
    return sorted(told)


def test_it_serves_in_order_and_turns_away():
    """One server, work of 10 s each, nobody waits longer than 12 s: he goes at once."""
    assert answers([0.0, 1.0, 2.0, 12.0], timeout=12) == [
        (0, 10, True), (1, 20, True), (2, 2, False), (12, 30, True)]


def test_who_comes_while_it_is_slow_knows_how_long_the_line_is():
    """From 5 s on work that begins takes twice as long: the second request ends at 30 s, not 20;
    so the third would wait 24 s and goes, and the one of 19 s waits 11 s."""
    assert answers([0.0, 1.0, 6.0, 19.0], [("db", "slow", 5, 20, 2)], timeout=12) == [
        (0, 10, True), (1, 30, True), (6, 6, False), (19, 40, True)]


def test_whoever_comes_when_all_connections_are_taken_is_refused():
    """Two may be connected, one of whom is served."""
    assert answers([0.0, 1.0, 2.0, 12.0], connections=2) == [
        (0, 10, True), (1, 20, True), (2, 2, False), (12, 30, True)]


def test_a_database_that_hangs_keeps_its_connections():
    """Who is stuck is connected until it is mended, and then gets an error."""
    assert answers([0.0, 1.0, 2.0, 50.0], [("db", "hangs", 0.5, 40)], connections=2) == [
        (0, 40.5, False), (1, 40.5, False), (2, 2, False), (50, 60, True)]


def test_a_database_that_is_down_answers_nobody_and_begins_anew():
    """What it has is lost, who comes is refused; then the line is empty."""
    assert answers([0.0, 1.0, 6.0, 9.0], [("db", "down", 5, 3)], timeout=12) == [
        (0, 5, False), (1, 5, False), (6, 6, False), (9, 19, True)]


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
    ({"price": -1}, "price"), ({"work": ServiceTimes(0.0)}, "work"), ({"connections": 0},
    "connections"), ({"timeout": 1, "order": "lifo"}, "timeout"), ({"order": "random"}, "order"),
    ({"timeout": 1, "max_wait": 2}, "timeout"), ({"timeout": 1, "cancels": True}, "timeout")])
def test_a_database_refuses(values, name):
    """What cannot be, with the argument's name."""
    with pytest.raises(ParameterError) as caught:
        rds.Database(Simulation(1, 60.0), "a", **{"servers": 1, "work": WORK, **values})
    assert caught.value.name == name


def test_applications_and_clients_share_a_database():
    """Each request is one of somebody's."""
    def shared(sim):
        database = rds.Database(sim, "db", servers=2, work=WORK)
        for name in ("a", "b"):
            cache = elasticache.Cluster(sim, f"{name} cache", keys=9, room=2)
            sim.send(9.0, to=elasticache.Application(sim, name, cache, database), name=f"to {name}")
        sim.send(5.0, to=database, name="others")
    s = labsim.simulate(shared, 200).summary
    assert s["db.offered"] == s["a.database_reads"] + s["b.database_reads"] + s["others.offered"]
    assert min(s["a.database_reads"], s["b.database_reads"]) > 100


def test_a_counted_database_is_one_application_s():
    """A second one is refused."""
    sim = Simulation(1, 60.0)
    database = rds.CountedDatabase(sim, "db", servers=1, work=WORK)
    cache = elasticache.SampledCluster(sim, "cache", keys=9, room=1)
    elasticache.SampledApplication(sim, "first", cache, database, reads=1.0)
    with pytest.raises(ParameterError, match="serves first already"):
        elasticache.SampledApplication(sim, "second", cache, database, reads=1.0)


def test_a_database_that_nobody_asks_says_so():
    """By name."""
    with pytest.raises(LabsimError, match="nothing comes to db"):
        labsim.simulate(lambda sim: rds.Database(sim, "db", servers=1, work=WORK), 60)


# -- theory -----------------------------------------------------------------------------------


def inside(values, expected):
    """Whether the mean of `values` over the seeds is as expected, in the 99% interval."""
    return abs(statistics.mean(values) - expected) <= half_width(values, 0.99)


def run(seed, rate, duration=400, **how):
    """The summary of a database of 3 servers, of 0.5 s each in the mean."""
    return labsim.simulate(lambda sim: sim.send(rate, to=rds.Database(
        sim, "db", servers=3, work=ServiceTimes(0.5), **how)) and None, duration, seed=seed).summary


@pytest.mark.parametrize("busy, how, faults", [
    (None, dict(rate=12.0, max_wait=ServiceTimes(2.0)), ()),
    (None, dict(rate=12.0, cancels=True, retry=labsim.retry(timeout=3)), ()),
    (None, dict(rate=9.0, retry=labsim.retry(timeout=2, attempts=3)), [("db", "slow", 200, 50, 5)]),
    (0.25, dict(rate=5.0), [("db", "hangs", 0, 1_000)]),
    (0.25, dict(rate=5.0), [("db", "down", 0, 1_000)]),
    (0.5, dict(rate=2.5), [("db", "slow", 1_000, 1_000, 3)]),
    (0.8, dict(rate=8.0), ())])
def test_utilization_is_busy_server_seconds_as_in_every_other_part(busy, how, faults):
    """Ten servers, a second each: with shedding, cancelled work, retries and faults as busy as an
    `ec2.Service` of the same requests; by hand load x time at work x how slow. Never above 1."""
    def build(sim, servers=False):
        more = {name: value for name, value in how.items() if name not in ("rate", "retry")}
        part = ec2.Service(sim, "db", ServiceTimes(1.0), threads=10, **more) if servers else (
            rds.Database(sim, "db", servers=10, work=ServiceTimes(1.0), **more))
        sim.send(how["rate"], to=part, retry=how.get("retry", labsim.retry()))
    own, other = (labsim.simulate(build, 2_000, seed=3, faults=list(faults), servers=servers)
                  .summary["db.utilization"] for servers in (False, True))
    assert own == other <= 1
    assert busy is None or own == pytest.approx(busy, rel=0.05)


def births(rate, leaves):
    """The chance of each number inside, if who comes at `rate` is let in, and with n inside they
    leave at `leaves[n - 1]`, 1/s."""
    weights = np.cumprod([1.0, *(rate / leave for leave in leaves)])
    return weights / weights.sum()


@pytest.mark.parametrize("rate", [4.0, 9.0])
def test_with_so_many_connections_it_is_mmck(rate):
    """M/M/3/7: the share refused is the chance that all connections are taken."""
    chance = births(rate, [min(n, 3) / 0.5 for n in range(1, 8)])
    got = [run(seed, rate, connections=7) for seed in range(20)]
    assert inside([s["db.refused"] / s["db.offered"] for s in got], chance[-1])
    assert inside([s["db.in_flight_mean"] for s in got], chance @ np.arange(8))


@pytest.mark.parametrize("rate", [4.0, 9.0])
def test_with_impatient_requests_it_is_erlang_a(rate):
    """M/M/3 + M: each in line leaves at 0.8 per second."""
    n = np.arange(60)
    chance = births(rate, np.minimum(n[1:], 3) / 0.5 + 0.8 * np.maximum(n[1:] - 3, 0))
    leaving = 0.8 * (chance @ np.maximum(n - 3, 0))
    got = [run(seed, rate, max_wait=ServiceTimes(1 / 0.8)) for seed in range(20)]
    assert inside([s["db.shed"] / s["db.offered"] for s in got], leaving / rate)
    assert inside([s["db.in_flight_mean"] for s in got], chance @ n)


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


def test_a_counted_database_obeys_its_faults():
    """Three times as slow it does a third; down nothing; and half of what it does may fail."""
    database = counted([], timeout=0.01)
    got = []
    for what, amounts in (("slow", [3.0]), ("slow", []), ("down", [0.0]), ("down", []),
                          ("errors", [0.5]), ("errors", [])):
        database.suffer("db", what, amounts)
        got.append([database.count(0, 10, 60_000) for _ in range(2)][1])
        database.inside = 0.0
    assert got == [26_667, 60_000, 0, 60_000, 30_000, 60_000]


@pytest.mark.parametrize("rate, what, amounts, busy", [
    (4_000, "slow", [], 0.5), (12_000, "slow", [], 1.0), (2_000, "slow", [3.0], 0.75),
    (4_000, "down", [0.0], 0.0), (4_000, "errors", [0.5], 0.5)])
def test_a_counted_database_is_as_busy_as_its_servers_are(rate, what, amounts, busy):
    """40 servers, 0.005 s each: load x work, longer where it is slow, for those who get an error,
    too, but not for who still stands in line."""
    database = counted([])
    database.suffer("db", what, amounts)
    for k in range(60):
        database.count(k, k + 1, rate)
    utilization = next(m for m in rds.CountedDatabase.METRICS if m.name == "utilization")
    assert utilization.value(database) == pytest.approx(busy, rel=0.01)


@pytest.mark.parametrize("load", [0.5, 0.8, 0.9])
def test_a_counted_database_waits_as_erlang_has_it(load):
    """Below what it can do: within 5% of M/M/c's time."""
    database = counted([load * 8_000] * 100)
    assert database.wait + 0.005 == pytest.approx(
        theory.mmc_wait_mean(load * 8_000, 0.005, 40) + 0.005, rel=0.05)
