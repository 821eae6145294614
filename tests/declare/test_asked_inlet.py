"""Single requests to counted parts: they share the fate that the part counts."""

import pytest

import labsim as ls
from labsim.services import dynamodb, ec2, kinesis, lambda_, s3

TOLD = 3        # requests by which the account is off after a burst, at most


def table(sim, writes=5.0, **how):
    """A table that writes so much a second, with nothing saved at first."""
    return dynamodb.Table(sim, "table", "provisioned", 10.0, writes, saved=0, **how)


def summed(build, **how):
    """The summary of a run, of which all laws hold."""
    result = ls.simulate(build, **how)
    broken = [law.name for law in result.lab.invariants if not law.holds(result)]
    assert not broken
    return result.summary


@pytest.mark.parametrize("think", [0.5, 1.0, 2.0, 5.0, 10.0])
def test_users_who_come_all_at_once_are_told_what_is_counted(think):
    """12 requests a second, by users in step with each other, of which 5 a second get through."""
    def build(sim):
        sim.send(ls.users(int(12 * think), think=think), to=table(sim).writes, name="users")
    told = summed(build, duration=1_000)
    assert 4_900 < told["table.completed"] <= 5_000
    assert told["users.completed"] == pytest.approx(told["table.completed"], abs=TOLD)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_function_that_asks_an_overrun_table_is_told_what_is_counted(seed):
    """Over 100 minutes: as many of 72,000 as the table has room for, within a thousandth."""
    def build(sim):
        f = lambda_.Function(sim, "f", ls.fixed(0.01), calls=table(sim).writes)
        sim.send(12, to=f, retry=ls.retry(attempts=1), name="clients")
    told = summed(build, duration=6_000, seed=seed)
    assert told["clients.completed"] == pytest.approx(told["table.completed"], rel=1e-3)


def test_a_burst_that_empties_the_tank_is_told_so():
    """From 1 to 60 writes a second for five seconds: more than the table had saved."""
    def build(sim):
        sim.send(ls.spike(1, 60, start=10, length=5), to=table(sim).writes.one_by_one, name="c")
    told = summed(build, duration=300)
    assert told["table.failed"] > 100
    assert told["c.failed"] == pytest.approx(told["table.failed"], abs=TOLD)


def test_what_a_shard_has_saved_is_what_users_at_once_get():
    """5,000 users at once before a shard that has a second's worth, and no more, saved."""
    def build(sim):
        sim.send(ls.users(5_000, think=2.0), to=kinesis.Stream(sim, "stream").records, name="u")
    told = summed(build, duration=60)
    assert told["u.failed"] > 100_000
    assert told["u.completed"] == pytest.approx(told["stream.completed"], abs=TOLD)


@pytest.mark.parametrize("limits", [{"adaptive": False}, {"index": 10.0}])
def test_users_at_once_are_told_what_a_second_limit_lets_through(limits):
    """Even shares of the partitions; an index that holds the table up."""
    def build(sim):
        index = limits.get("index")
        t = table(sim, 40.0, adaptive=limits.get("adaptive", True))
        if index:
            dynamodb.GlobalIndex(sim, "index", t, write_capacity=index)
        sim.send(ls.users(300, think=5.0), to=t.writes, name="users")
    told = summed(build, duration=600)
    assert told["users.completed"] == pytest.approx(told["table.completed"], rel=0.01)


def test_a_crowd_beside_them_gets_its_share_and_no_more():
    """30 counted and 30 single writes a second before a limit of 40: half of it each."""
    def build(sim):
        writes = table(sim, 40.0).writes
        sim.send(30, to=writes)
        sim.send(30, to=writes.one_by_one, name="c")
    told = summed(build, duration=600)
    assert told["table.completed"] == pytest.approx(24_000, rel=0.01)
    assert told["c.completed"] == pytest.approx(12_000, rel=0.02)


@pytest.mark.parametrize("fault", [("down",), ("errors", 0.5)])
def test_as_many_are_told_of_a_fault_as_suffer_it(fault):
    """15 s of 20 requests a second, of a table and of a bucket; a second's worth at most is told
    otherwise when it begins, and is made good when it ends."""
    def build(sim):
        sim.send(20, to=table(sim, 50.0).writes.one_by_one, name="t")
        sim.send(20, to=s3.Bucket(sim, "bucket", waits=[]).puts.one_by_one, name="b")
    what, *amount = fault
    told = summed(build, duration=1_000, faults=[
        (part, what, 500, 15, *amount) for part in ("table", "bucket")])
    assert told["t.failed"] == pytest.approx(told["table.failed"], abs=2 * TOLD)
    assert told["b.failed"] == pytest.approx(told["bucket.failed"], abs=20)    # open ones, too


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fates_are_as_good_as_independent(n):
    """Half of all fail, and each is tried at most n times, at once: (1 - p^n) / (1 - p)."""
    def build(sim):
        ask = ls.ask(table(sim, 1_000.0).writes, retry=ls.retry(attempts=n, backoff="none"))
        sim.send(20, to=ec2.Service(sim, "web", ls.fixed(0.01), threads=50, calls=ask))
    told = summed(build, duration=1_000, faults=[("table", "errors", 0, 0, 0.5)])
    assert told["web to table writes.amplification"] == pytest.approx(2 * (1 - 0.5**n), rel=0.02)
