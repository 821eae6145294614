"""Counted parts: clients who come back as a crowd, single requests, faults."""

import math
import statistics

import numpy as np
import pytest

import labsim as ls
from labsim.declare import Asked, Client, Retry
from labsim.declare.crowd import CountedBreakers, counted
from labsim.engine import Simulation, TokenBucket
from labsim.errors import ParameterError
from labsim.services import dynamodb, ec2, kinesis, kms, s3
from labsim.statistics import half_width


class Gate(Asked):
    """A token bucket, request by request: what a counted part stands for. Answers take `takes` s.
    """

    def __init__(self, sim: Simulation, name: str, limit: float, *, room: float,
                 first: float = 0.0, takes: float = 0.004):
        super().__init__(sim, name)
        self.bucket, self.takes = TokenBucket(limit, room), takes
        self.bucket.tokens[...] = first

    def ask(self, t, call):
        """It is answered a bit later, well if there is a token."""
        ok = bool(self.bucket.take(t, 1))
        self.sim.agenda.at(t + self.takes, lambda t, call: self.answer(t, call, ok), call)


def table(sim, limit=40.0, **how):
    """A table of one partition that writes so much a second, with nothing saved at first."""
    return dynamodb.Table(sim, "table", "provisioned", 10.0, limit, saved=0, **how)


def summed(build, **how):
    """The summary of a run, of which all laws hold."""
    result = ls.simulate(build, **how)
    broken = [law.name for law in result.lab.invariants if not law.holds(result)]
    assert not broken
    return result.summary


# -- a crowd that comes back ---------------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("p", [0.25, 0.8])
def test_the_amplification_of_n_attempts_at_a_share_p_of_failures(n, p):
    """(1 - p^n) / (1 - p), whatever the load."""
    def build(sim):
        sim.send(20, to=table(sim, 1_000.0).writes, retry=ls.retry(attempts=n, backoff="none"))
    told = summed(build, duration=600, faults=[("table", "errors", 0, 0, p)])
    assert told["table.amplification"] == pytest.approx((1 - p**n) / (1 - p), rel=1e-3)
    assert told["table.failed"] == pytest.approx(
        p**n * told["table.writes_offered"], rel=1e-3, abs=1)


def test_in_an_outage_a_client_has_tokens_for_a_hundred_retries():
    """500 tokens, 5 for each: no more, however many it would make."""
    def build(sim):
        sim.send(200, to=table(sim).writes, retry=ls.retry(attempts=4, budget=500, clients=7))
    told = summed(build, duration=300, faults=[("table", "down", 0)])
    assert told["table.retries"] == pytest.approx(700, rel=1e-6)


RETRIES = {
    "at once": Retry(attempts=3, backoff="none"),
    "fixed": Retry(attempts=3, backoff="fixed", base=0.7),
    "full jitter": Retry(attempts=4, backoff="full-jitter", base=0.5),
    "decorrelated jitter": Retry(attempts=4, backoff="decorrelated-jitter", base=0.3, cap=3),
    "a budget": Retry(attempts=4, backoff="full-jitter", budget=100, clients=3),
}


@pytest.mark.parametrize("retry", RETRIES.values(), ids=RETRIES)
def test_a_crowd_does_what_its_clients_do_one_by_one(retry):
    """Before the same limit, 15 runs each way: attempts and answers differ by less than the 99%
    interval of the difference, and a hundredth for what is random within a step."""
    def crowd(sim):
        sim.send(60, to=table(sim).writes, retry=retry, name="clients")

    def single(sim):
        gate = Gate(sim, "gate", 40.0, room=12_000.0, takes=0.03)
        sim.send(60, to=gate, retry=retry, name="clients")
    told = {"attempts": [], "completed": []}
    for seed in range(15):
        many = ls.simulate(crowd, duration=200, seed=seed).summary
        each = ls.simulate(single, duration=200, seed=seed).summary
        for name, values in told.items():
            values.append((many[f"table.{name}"] / many["table.writes_offered"],
                           each[f"clients.{name}"] / each["clients.offered"]))
    for name, values in told.items():
        one, other = map(statistics.mean, zip(*values))
        half = half_width([a - b for a, b in values], 0.99)
        print(f"measured: {name}: a crowd {one:.4f}, one by one {other:.4f}, half width {half:.4f}")
        assert abs(one - other) <= half + 0.01 * other


def test_breakers_of_a_crowd_stop_what_those_of_single_clients_stop():
    """All is down for four minutes: attempts made meanwhile, in the 99% interval of ten runs, and
    a tenth for those who open and close a little earlier."""
    retry = Retry(breaker=ls.breaker(open_for=15.0), clients=10)

    def crowd(sim):
        sim.send(50, to=table(sim, 1_000.0).writes, retry=retry, name="clients")

    def single(sim):
        sim.send(50, to=ec2.Service(sim, "table", ls.fixed(0.001), threads=100), retry=retry,
                 name="clients")
    pairs = []
    for seed in range(10):
        fault = [("table", "down", 60, 240)]
        many = summed(crowd, duration=400, seed=seed, faults=fault)
        each = ls.simulate(single, duration=400, seed=seed, faults=fault).summary
        pairs.append((many["table.errors"], each["clients.refused"]))
    one, other = map(statistics.mean, zip(*pairs))
    print(f"measured: sent to what is down: a crowd {one:.0f}, one by one {other:.0f}")
    assert abs(one - other) <= half_width([a - b for a, b in pairs], 0.99) + 0.1 * other


def test_half_open_breakers_close_with_the_chance_of_as_many_answers():
    """Of those that try three times while a fifth fails, 0.8^3 close."""
    breakers = CountedBreakers(ls.breaker(open_for=5, trials=3, window=10), 100)
    assert breakers.let(0.0, 5_000) == 1.0
    breakers.end(1.0, 5_000, 1.0)
    assert breakers.let(1.0, 5_000) == breakers.let(5.9, 5_000) == 0.0
    assert breakers.let(6.0, 5_000) == pytest.approx(300 / 5_000)
    breakers.end(7.0, 5_000, 0.2)
    assert breakers.closed == pytest.approx(0.8**3)


def test_a_timeout_that_is_too_short_makes_retries_of_what_was_done():
    """Ten times as slow, nearly all writes come too late: done three times, and never told."""
    def build(sim):
        sim.send(20, to=table(sim, 1_000.0).writes, retry=ls.retry(attempts=3, timeout=0.02))
    well = summed(build, duration=300)
    ill = summed(build, duration=300, faults=[("table", "slow", 0, 0, 10)])
    assert well["table.amplification"] < 1.05 and well["table.goodput"] > 19
    assert ill["table.goodput"] < 1 and ill["table.write_units"] > 2.9 * ill["table.writes_offered"]


def test_what_a_crowd_cannot_do_is_refused_with_a_reason():
    """Hedges, adaptive mode, a timeout that differs; two kinds of clients of one part."""
    for how in ({"hedge": 1.0}, {"adaptive": True}, {"timeout": ls.exponential(1)}):
        with pytest.raises(ParameterError, match="one by one"):
            counted(Retry(**how))
    with pytest.raises(ParameterError, match="one crowd"):
        ls.simulate(lambda sim: [sim.send(1, to=t.writes, retry=ls.retry(attempts=n), name=str(n))
                                 for t in [table(sim)] for n in (2, 3)], duration=60)
    with pytest.raises(ParameterError, match="put twice"):
        ls.simulate(lambda sim: sim.send(1, to=kinesis.Stream(sim, "stream"), retry=ls.retry(
            timeout=1)), duration=60)


# -- single requests -----------------------------------------------------------------------------

def ask_service(sim, rate=60.0):
    """A service that writes to a table for each of its requests."""
    ask = ls.ask(table(sim).writes, retry=ls.retry(attempts=3))
    web = ec2.Service(sim, "web", ls.exponential(0.05), instances=50, calls=ask)
    sim.send(rate, to=web)


def test_as_many_are_told_that_it_is_done_as_are_counted_so():
    """A service that asks an overrun table: within a hundredth, for each of five seeds."""
    for seed in range(5):
        told = summed(ask_service, duration=400, seed=seed)
        assert told["web.completed"] == pytest.approx(told["table.completed"], rel=0.01)
        assert told["table.attempts"] == pytest.approx(
            told["web to table writes.attempts"], rel=0.01)


def test_what_it_costs_in_truth_to_ask_a_counted_part():
    """Clients of a table one by one, and of a token bucket that knows each: amplification and
    answers differ by two parts in a hundred at most, on a load that swings over the limit."""
    load = ls.spike(30, 2.5, start=100, length=60)

    def known(sim):
        sim.send(load, to=Gate(sim, "gate", 40.0, room=12_000.0, takes=0.004),
                 retry=ls.retry(attempts=3), name="clients")

    def provisioned(sim):
        sim.send(load, to=table(sim).writes.one_by_one, retry=ls.retry(attempts=3), name="clients")
    for name in ("completed", "attempts"):
        values = [(ls.simulate(provisioned, duration=400, seed=seed).summary[f"clients.{name}"],
                   ls.simulate(known, duration=400, seed=seed).summary[f"clients.{name}"])
                  for seed in range(8)]
        one, other = map(statistics.mean, zip(*values))
        print(f"measured: {name}: counted {one:.0f}, known one by one {other:.0f}")
        assert one == pytest.approx(other, rel=0.02)


def test_users_wait_for_a_counted_part():
    """200 users who think for 3 s keep no more than the limit going, and all else balances."""
    def build(sim):
        sim.send(ls.users(200, ls.exponential(3)), to=table(sim).writes, name="users")
    told = summed(build, duration=300)
    assert told["users.completed"] <= 40 * 300 * 1.01 < told["users.attempts"]


def test_a_request_that_goes_on_to_a_counted_part_is_answered_by_it():
    """service.then(bucket.puts): its clients see the first byte's time, too."""
    def build(sim):
        web = ec2.Service(sim, "web", ls.fixed(0.01), threads=50)
        web.then(s3.Bucket(sim, "bucket").puts)
        sim.send(20, to=web, retry=ls.retry(), name="clients")
    told = summed(build, duration=100)
    assert told["clients.completed"] == told["clients.offered"] - told["clients.open_end"]
    assert told["clients.latency_p50"] == pytest.approx(0.01 + s3.rules.P50_P99[1][0], rel=0.1)


def test_single_requests_go_on_while_partitions_and_shards_split():
    """A hot partition that is split after five seconds, a stream whose shards are: all balances."""
    def hot(sim):
        t = dynamodb.Table(sim, "table", "provisioned", 10.0, 990.0, split_after=5, saved=0)
        sim.send(1_050, to=t.writes.one_by_one, name="clients")

    def stream(sim):
        s = kinesis.Stream(sim, "stream", 2)
        kinesis.split_shards(s, 5.0, "all", 2.0)
        sim.send(300, to=s.records.one_by_one, name="clients")
    assert summed(hot, duration=20)["table.partitions"] > 1
    assert summed(stream, duration=20)["stream.shards_end"] == 4


def test_a_cache_answers_what_it_has_and_asks_the_table_for_the_rest():
    """Two clients in a row: the cache's hits and the table's reads are what they asked."""
    def build(sim):
        t = dynamodb.Table(sim, "table", "provisioned", 400.0, 10.0)
        dax = dynamodb.Dax(sim, "dax", np.ones(100) / 100, 50.0, room=60)
        dax.missed.to(t.reads)
        web = ec2.Service(sim, "web", ls.fixed(0.01), threads=50, calls=dax.reads)
        sim.send(50, to=web, name="clients")
    told = summed(build, duration=200)
    asked = told["web to dax reads.attempts"]
    assert told["web.failed"] == 0 and 0.3 < told["dax.hit_ratio"] < 0.7
    assert told["dax.hits"] + told["table.reads_offered"] == pytest.approx(asked, abs=60)


def test_a_wrong_wiring_is_an_error_at_once():
    """A table, which has two ways in; a cache that stands before no table."""
    def whole(sim):
        ec2.Service(sim, "web", ls.fixed(1), calls=table(sim))

    def cache(sim):
        Client(sim, "clients", dynamodb.Dax(sim, "dax", np.ones(9) / 9, 1.0).reads, 1.0)
    for build in (whole, cache):
        with pytest.raises(ParameterError, match="a part that answers|a cache before a table"):
            ls.simulate(build, duration=60)


# -- faults --------------------------------------------------------------------------------------

def test_a_fault_begins_and_ends_at_its_moment():
    """40 even writes a second, down from 100.3 for 50.4 s: 2,016 errors."""
    def build(sim):
        t = table(sim, 1_000.0)
        t.writes.expect(np.full(600, 20))
    told = summed(build, duration=300, faults=[("table", "down", 100.3, 50.4)])
    assert told["table.errors"] == pytest.approx(40 * 50.4, rel=1e-9)


def test_a_partition_that_is_down_takes_its_keys_with_it_and_their_halves():
    """One of two partitions: half of the writes fail; also when the other one has been split."""
    def build(sim):
        t = dynamodb.Table(sim, "table", "provisioned", 10.0, 1_980.0, split_after=60)
        sim.send(1_900, to=t.writes)
    told = summed(build, duration=300, faults=[("table-1", "down", 0)])
    assert told["table.partitions"] > 2
    assert told["table.errors"] == pytest.approx(told["table.writes_offered"] / 2, rel=1e-2)


def test_a_prefix_of_a_bucket_a_shard_of_a_stream_and_its_consumers_are_down():
    """A third of the GETs fail; half of the records, which also nobody reads; the age grows."""
    def bucket(sim):
        sim.send(300, to=s3.Bucket(sim, "bucket", 3, waits=[]).gets)

    def stream(sim):
        sim.send(300, to=kinesis.Stream(sim, "stream", 2, keys=10_000, retries=0))
    told = summed(bucket, duration=100, faults=[("bucket-2", "down", 0)])
    assert told["bucket.errors"] == pytest.approx(told["bucket.gets_offered"] / 3, rel=0.02)
    told = summed(stream, duration=100, faults=[("stream-2", "down", 0)])
    assert told["stream.errors"] == pytest.approx(told["stream.offered"] / 2, rel=0.05)
    told = summed(stream, duration=100, faults=[("stream consumers", "down", 40)])
    assert told["stream.iterator_age_end"] == pytest.approx(60, abs=0.5)
    told = summed(stream, duration=100, faults=[("stream-2", "down", 40)])
    assert told["stream.iterator_age_end"] <= 60.5 and not told["stream.throttled"]


def test_kms_that_is_down_turns_away_all_who_need_it():
    """A bucket's reads, and a service's calls."""
    def build(sim):
        account = kms.Quota(sim, "kms", 1_000.0)
        sealed = s3.Bucket(sim, "bucket", encryption="sse-kms", kms=account, waits=[])
        sim.send(100, to=sealed.gets)
        sim.send(10, to=ec2.Service(sim, "web", ls.fixed(0.1), threads=9, calls=account.requests))
    told = summed(build, duration=100, faults=[("kms", "down", 0)])
    assert told["bucket.gets_completed"] == 0 and told["web.completed"] <= 10   # those of a step
    assert told["kms.errors"] == told["kms.calls"] - told["kms.waiting_end"] > 10_000


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_or_made_whatever_breaks(seed):
    """All laws hold with random loads, clients and faults, counted and one by one at a time."""
    rng = np.random.default_rng(seed)

    def retry(single=False):
        how = {"attempts": int(rng.integers(1, 5)), "base": float(rng.uniform(0.01, 2)),
               "backoff": str(rng.choice(["none", "fixed", "full-jitter", "decorrelated-jitter"]))}
        if rng.random() < 0.3:
            how |= {"budget": 50.0, "clients": 5}
        if rng.random() < 0.3:
            how |= {"breaker": ls.breaker(open_for=5)}
        if rng.random() < 0.3 and not single:
            how |= {"timeout": float(rng.uniform(0.005, 0.1))}
        return ls.retry(**how)

    crowds, singles, limit = [retry(), retry()], [retry(True) for _ in range(3)], (
        float(rng.uniform(5, 80)))
    streams = ls.retry(**{**vars(crowds[0]), "timeout": math.inf})

    def build(sim):
        t = table(sim, limit)
        bucket = s3.Bucket(sim, "bucket", 2, start_rate=0.01, partition_time=60)
        stream = kinesis.Stream(sim, "stream", 2)
        web = ec2.Service(sim, "web", ls.exponential(0.1), instances=3, calls=[
            ls.ask(t.writes, retry=singles[0]), ls.ask(bucket.gets, retry=singles[1])])
        sim.send(20, to=web)
        sim.send(ls.spike(30, 3, start=20, length=10), to=t.writes, retry=crowds[0], name="w")
        sim.send(60, to=bucket.gets, retry=crowds[1], name="g")
        sim.send(1_500, to=stream, retry=streams, name="r")
        sim.send(30, to=stream.records.one_by_one, retry=singles[2], name="rs")
        t.done.to(bucket.puts)
    pieces = {"table": ("down", "errors", "slow", "throttled"), "table-1": ("down",),
              "bucket": ("down", "errors", "slow", "throttled"), "bucket-2": ("down", "errors"),
              "stream": ("down", "errors", "throttled"), "stream-1": ("down",),
              "stream consumers": ("down", "slow")}
    faults = []
    for piece in rng.choice(list(pieces), 4):
        what = str(rng.choice(pieces[piece]))
        amount = {"slow": float(rng.uniform(1, 30)), "down": 0.0}.get(what, float(rng.random()))
        faults.append((str(piece), what, float(rng.uniform(0, 50)), float(rng.uniform(1, 30)),
                       amount))
    told = summed(build, duration=60, seed=seed, faults=faults)
    for one in ("table", "bucket", "stream"):
        made = told[f"{one}.attempts"] - told[f"{one}.short_circuited"]
        assert told[f"{one}.amplification"] == pytest.approx(made / max(sum(
            value for name, value in told.items() if name.startswith(f"{one}.")
            and name.endswith("offered")), 1), rel=1e-3)


def test_the_same_seed_asks_and_is_told_the_same():
    """Bit for bit, twice."""
    one, other = (ls.simulate(ask_service, duration=60, seed=4).summary for _ in range(2))
    assert dict(one) == dict(other)
