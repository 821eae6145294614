"""Single requests to counted parts: they share the fate that the part counts."""

import pytest
from test_counted_part import summed, table

import labsim as ls
from labsim.services import api_gateway, dynamodb, ec2, kinesis, kms, lambda_, s3

TOLD = 3        # requests by which the account is off after a burst, at most


@pytest.mark.parametrize("think", [0.5, 1.0, 2.0, 5.0, 10.0])
def test_users_who_come_all_at_once_are_told_what_is_counted(think):
    """12 requests a second, by users in step with each other, of which 5 a second get through; who
    was told last is served after the end."""
    def build(sim):
        sim.send(ls.users(int(12 * think), think=think), to=table(sim, 5.0).writes, name="users")
    told = summed(build, duration=1_000)
    assert 4_900 < told["table.completed"] <= 5_000 + TOLD
    assert told["users.completed"] == pytest.approx(told["table.completed"], abs=TOLD)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_function_that_asks_an_overrun_table_is_told_what_is_counted(seed):
    """Over 100 minutes: as many of 72,000 as the table has room for, within a thousandth."""
    def build(sim):
        f = lambda_.Function(sim, "f", ls.fixed(0.01), calls=table(sim, 5.0).writes)
        sim.send(12, to=f, retry=ls.retry(attempts=1), name="clients")
    told = summed(build, duration=6_000, seed=seed)
    assert told["clients.completed"] == pytest.approx(told["table.completed"], rel=1e-3)


def test_a_burst_that_empties_the_tank_is_told_so():
    """From 1 to 60 writes a second for five seconds: more than the table had saved."""
    def build(sim):
        load, writes = ls.spike(1, 60, start=10, length=5), table(sim, 5.0).writes
        sim.send(load, to=writes.one_by_one, name="c")
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


# -- when the run ends ---------------------------------------------------------------------------

PARTS = {"table": lambda sim: table(sim, 1_000.0).writes,
         "stream": lambda sim: kinesis.Stream(sim, "stream").records,
         "bucket": lambda sim: s3.Bucket(sim, "bucket", waits=[]).puts,
         "kms": lambda sim: kms.Quota(sim, "kms").requests}


@pytest.mark.parametrize("faults", [(), (("down", 0, 0),)])
@pytest.mark.parametrize("name, done, failed", [
    ("table", "completed", "failed"), ("stream", "completed", "failed"),
    ("bucket", "puts_completed", "failed"), ("kms", "completed", "errors")])
def test_who_was_answered_last_is_counted_as_he_was_told(name, done, failed, faults):
    """100 a second, all of them done or, where all is down, none: as many as the clients say; who
    waits has no answer."""
    def build(sim):
        sim.send(100, to=PARTS[name](sim).one_by_one, name="c", retry=ls.retry(attempts=1))
    told = summed(build, duration=60, faults=[(name, *fault) for fault in faults])
    assert told[f"{name}.{done}"] == told["c.completed"]
    if name != "bucket":        # where those that are open have failed
        assert told[f"{name}.{failed}"] == told["c.failed"]
        assert told[f"{name}.waiting_end"] == (
            told["c.offered"] - told["c.completed"] - told["c.failed"]) < 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_users_behind_a_gateway_and_their_table_count_alike(seed):
    """Far more than 50 writes a second: but for what the account is off by, all are told the same,
    and each failure is an attempt that was throttled."""
    def build(sim):
        f = lambda_.Function(sim, "f", ls.fixed(0.05), calls=table(sim, 50.0).writes)
        sim.send(ls.users(200, think=1.0), to=api_gateway.Gateway(sim, "api", f), name="users")
    told = summed(build, duration=600, seed=seed)
    assert told["users.completed"] == pytest.approx(told["table.completed"], abs=3 * TOLD)
    assert told["users.failed"] == pytest.approx(told["table.failed"], abs=3 * TOLD)
    assert told["table.throttled"] == told["table.failed"] and told["table.waiting_end"] == 0


def test_a_shard_that_is_overrun_counts_whom_it_told():
    """3,000 records a second before a limit of 1,000: attempts add up, though no step counted the
    last of them."""
    def build(sim):
        sim.send(3_000, to=kinesis.Stream(sim, "stream").records.one_by_one, name="c",
                 retry=ls.retry(attempts=1))
    told = summed(build, duration=20)
    assert told["c.completed"] == pytest.approx(told["stream.completed"], rel=1e-3)
    assert told["stream.throttled"] == pytest.approx(told["stream.failed"], abs=1)
    assert told["stream.offered"] == (
        told["stream.completed"] + told["stream.failed"] + told["stream.waiting_end"])
