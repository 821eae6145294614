"""Functions among other parts: sources, destinations, dead letters, and what breaks meanwhile."""

import numpy as np
import pytest

import labsim
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import api_gateway, dynamodb, ec2, kinesis, lambda_, s3, sqs

LEFT = ("completed", "failed", "waiting_end")


def run(build, duration=300, **how):
    r = labsim.simulate(build, duration=duration, **how)
    assert [law.name for law in r.lab.invariants if not law.holds(r)] == []
    return r.summary


def queue(sim, name):
    """A queue and who works it off."""
    made = sqs.Queue(sim, name)
    ec2.Fleet(sim, f"{name} workers", consumes=made, work=labsim.fixed(0.01), size=6)
    return made


def database(sim, calls):
    """What the function calls, if it does."""
    return ec2.Service(sim, "db", labsim.exponential(0.02), instances=20) if calls else ()


def balanced(s, *parts):
    """All that came to each of these has one fate."""
    for part in parts:
        assert s[f"{part}.offered"] == sum(s[f"{part}.{fate}"] for fate in LEFT) > 0


@pytest.mark.parametrize("calls", [False, True])
def test_producers_stream_function_queue(calls):
    """Counted, then one by one, then in blocks: each record that the stream has read comes to the
    mapping, and each that is done to the queue."""
    def pipe(sim):
        stream = kinesis.Stream(sim, "stream", 2)
        sim.send(300, to=stream)
        function = lambda_.Function(sim, "fn", labsim.fixed(0.001), calls=database(sim, calls))
        mapping = lambda_.KinesisEventSourceMapping(sim, "mapping", function, shards=2)
        stream.done.to(mapping)
        mapping.done.to(queue(sim, "out"))
    s = run(pipe)
    balanced(s, "mapping")
    assert s["mapping.offered"] == s["stream.completed"] > 85_000
    assert s["mapping.completed"] == s["out.offered"] > 85_000
    if calls:
        assert s["db.offered"] == s["fn to db.offered"]


@pytest.mark.parametrize("calls", [False, True])
def test_one_function_two_event_sources_and_their_dead_letters(calls):
    """A queue and a stream, one limit: what either gives up goes to the one dead-letter queue."""
    def two(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(0.05), limit=5, error_share=0.1,
                                    calls=database(sim, calls))
        a = lambda_.SqsEventSourceMapping(sim, "a", function, visibility=20, max_receives=2)
        b = lambda_.KinesisEventSourceMapping(sim, "b", function, shards=5, batch_size=2,
                                              attempts=2)
        sim.send(20, to=a)
        sim.send(30, to=b)
        dead = queue(sim, "dead")
        a.dead.to(dead)
        b.dead.to(dead)
    s = run(two)
    balanced(s, "a", "b")
    assert s["a.dead_lettered"] + s["b.dead_lettered"] == s["dead.offered"] > 50
    assert s["a.dead_lettered"] > 0 < s["b.dead_lettered"]


def test_a_buckets_events_a_table_and_dead_letters():
    """S3 -> asynchronous invocation -> DynamoDB, and what fails three times -> SQS. The table takes
    step by step: those of the last one aren't there yet."""
    def thumbnails(sim):
        bucket = s3.Bucket(sim, "bucket")
        sim.send(50, to=bucket.puts)
        function = lambda_.Function(sim, "fn", labsim.fixed(0.05), error_share=0.8)
        events = lambda_.Asynchronous(sim, "events", function)
        bucket.written.to(events)
        events.done.to(dynamodb.Table(sim, "table", "provisioned", 100.0, 100.0).writes)
        events.dead.to(queue(sim, "dead"))
    s = run(thumbnails, duration=600)
    balanced(s, "events")
    written = sum(s[f"table.{fate}"] for fate in LEFT)
    assert s["events.completed"] - 100 < written <= s["events.completed"]
    assert s["dead.offered"] == s["events.dead_lettered"] > 1_000


@pytest.mark.parametrize("other", [False, True])
def test_a_dead_letter_queue_feeds_another_queue(other):
    """Of another function, or the same one again; each message at the moment it is given up."""
    def again(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(0.05), error_share=0.6)
        events = lambda_.Asynchronous(sim, "events", function, retries=0)
        sim.send(10, to=events)
        second = lambda_.Function(sim, "second", labsim.fixed(0.05)) if other else function
        mapping = lambda_.SqsEventSourceMapping(sim, "redrive", second)
        events.dead.to(mapping)
        mapping.done.to(queue(sim, "last"))
    s = run(again)
    balanced(s, "events", "redrive")
    assert s["redrive.offered"] == s["events.dead_lettered"] > 1_000
    assert s["last.offered"] == s["redrive.completed"] > 400


def test_parts_that_answer_feed_functions_and_are_fed():
    """What a service has answered is an event, and a call of another function's; what is done with
    the events comes to a service."""
    def shop(sim):
        web = ec2.Service(sim, "web", labsim.fixed(0.1), instances=4)
        sim.send(10, to=web, retry=labsim.retry(timeout=1, attempts=2))
        events = lambda_.Asynchronous(sim, "events", lambda_.Function(
            sim, "mail", labsim.fixed(0.05)))
        web.done.to(events)
        web.done.to(lambda_.Function(sim, "log", labsim.fixed(0.02)))
        events.done.to(ec2.Service(sim, "after", labsim.fixed(0.1), instances=4))
    s = run(shop)
    assert s["events.offered"] == s["log calls.offered"] == s["web.completed"] > 2_800
    assert s["after.offered"] == s["events.completed"]


def test_gateway_function_function_database():
    """A function calls another, and both the database; users wait for the door's answer."""
    def deep(sim):
        table = ec2.Service(sim, "table", labsim.exponential(0.05), instances=10)
        inner = lambda_.Function(sim, "inner", labsim.fixed(0.05), calls=table)
        outer = lambda_.Function(sim, "outer", labsim.fixed(0.05), timeout=5,
                                 calls=[inner, labsim.ask(table, pool=20)])
        sim.send(labsim.users(40, 1.0), to=api_gateway.Gateway(sim, "door", outer))
    s = run(deep)
    balanced(s, "door", "inner calls")
    assert s["inner to table.offered"] + s["outer to table.offered"] == s["table.offered"]
    assert s["producers.completed"] == s["door.completed"] > 8_000


def test_a_function_that_is_called_in_two_ways():
    """By clients in blocks and by what a queue gives out, through one door."""
    def both(sim):
        orders = queue(sim, "orders")
        sim.send(4, to=orders)
        function = lambda_.Function(sim, "fn", labsim.fixed(0.2))
        orders.done.to(function)
        sim.send(3, to=function, name="direct")
        function.done.to(queue(sim, "out"))
    s = run(both)
    assert s["fn calls.offered"] == s["direct.offered"] + s["orders.completed"]
    assert s["out.offered"] == s["fn calls.completed"] > 1_900


def test_what_two_parts_give_out_is_taken_in_order_of_time():
    """Two streams of answers into one function, in blocks: one at a time of what comes by turns."""
    def merged(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(0.4), limit=1, init=0)
        for name in ("a", "b"):
            orders = queue(sim, name)
            sim.send(1, to=orders, name=f"{name} producers")
            orders.done.to(function)
    s = run(merged, duration=3_000)
    refused = s["fn.throttled"] / s["fn calls.offered"]
    assert refused == pytest.approx(0.8 / 1.8, abs=0.03)    # Erlang B of one server


# -- what breaks ------------------------------------------------------------------------------

def one(sim):
    """A function and clients who wait."""
    function = lambda_.Function(sim, "fn", labsim.fixed(0.1), init=0)
    sim.send(20, to=function, retry=labsim.retry())


def two(sim):
    """The same in blocks."""
    sim.send(20, to=lambda_.Function(sim, "fn", labsim.fixed(0.1), init=0))


@pytest.mark.parametrize("build", [one, two])
@pytest.mark.parametrize("what, amount, failed, busy", [
    ("down", 0, 1.0, 0), ("errors", 0.25, 0.25, 2.0), ("slow", 5, 0.0, 10.0),
    ("throttled", 0, 1.0, 0)])
def test_a_function_breaks_and_is_mended(build, what, amount, failed, busy):
    """From 100 to 200 s a share fails, executions take longer, or there are none; then as before,
    on the agenda and in blocks."""
    r = labsim.simulate(build, duration=300, faults=[("fn", what, 100, 100, amount)])
    series = r.series["fn calls.failed_rate"]
    inside = (series.t > 101) & (series.t <= 199)
    after = series.t > 202
    offered = r.series["fn calls.offered_rate"].value
    share = series.value[inside].sum() / offered[inside].sum()
    assert share == failed if failed in (0, 1) else share == pytest.approx(failed, abs=0.03)
    assert series.value[after].sum() == 0
    under_way = r.series["fn.in_flight"].value
    assert under_way[inside].mean() == pytest.approx(busy, rel=0.15, abs=1e-9)
    assert under_way[after].mean() == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("calls", [False, True])
@pytest.mark.parametrize("kind", [lambda_.SqsEventSourceMapping, lambda_.KinesisEventSourceMapping])
def test_a_mapping_that_is_disabled_lets_its_source_pile_up(kind, calls):
    """Nothing is invoked meanwhile, nothing is lost, and afterwards it is worked off."""
    def pipe(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(0.01), calls=database(sim, calls))
        sim.send(20, to=kind(sim, "mapping", function))
    r = labsim.simulate(pipe, duration=300, faults=[("mapping", "down", 100, 100)])
    waiting, s = r.series["mapping.waiting"], r.summary
    assert waiting.value[waiting.t.searchsorted(199)] == pytest.approx(2_000, rel=0.1)
    at = r.series["fn.invocations_rate"]
    assert at.value[(at.t > 101) & (at.t <= 199)].sum() == 0
    assert s["mapping.waiting_end"] < 20 and s["mapping.failed"] == 0


@pytest.mark.parametrize("retry", [None, labsim.retry()])
def test_a_gateway_that_is_down_lets_nothing_through(retry):
    """Whatever comes fails at once, and costs the function nothing."""
    def shop(sim):
        door = api_gateway.Gateway(sim, "door", lambda_.Function(sim, "fn", labsim.fixed(0.1)))
        sim.send(20, to=door, retry=retry)
    r = labsim.simulate(shop, duration=300, faults=[("door", "down", 100, 100)])
    failed = r.series["door.failed_rate"]
    inside = (failed.t > 101) & (failed.t <= 200)
    assert failed.value[inside].tolist() == r.series["door.offered_rate"].value[inside].tolist()
    assert failed.value[~inside & (failed.t > 202)].sum() == 0
    assert r.summary["fn.invocations"] == r.summary["door.completed"] + r.summary[
        "door.waiting_end"]


def test_a_fault_that_cannot_be():
    """The nearest is suggested."""
    for fault, near in ((("fm", "down", 1), "fn"), (("fn", "slaw", 1), "slow")):
        with pytest.raises(ParameterError, match=near):
            labsim.simulate(one, duration=10, faults=[fault])


def test_a_mapping_that_nobody_feeds():
    """Said before the run begins."""
    def empty(sim):
        lambda_.SqsEventSourceMapping(sim, "mapping", lambda_.Function(
            sim, "fn", labsim.fixed(1)))
    with pytest.raises(LabsimError, match="nothing comes to mapping"):
        labsim.simulate(empty, duration=10)


def test_a_message_that_is_asked_for_is_accepted_at_once():
    """A service puts each request into a queue before a function, and goes on."""
    def shop(sim):
        mapping = lambda_.SqsEventSourceMapping(sim, "mapping", lambda_.Function(
            sim, "fn", labsim.fixed(2)))
        web = ec2.Service(sim, "web", labsim.fixed(0.1), instances=5, calls=mapping)
        sim.send(10, to=web, retry=labsim.retry(timeout=1))
    s = run(shop)
    assert s["web.time_mean"] < 0.2
    assert s["mapping.offered"] == s["web to mapping.completed"] > 2_800


def test_records_of_a_mapping_that_was_disabled_for_too_long_expire():
    """A minute of age, two minutes disabled: those of the first one are given up."""
    sim = Simulation(1, 300.0)
    function = lambda_.Function(sim, "fn", labsim.fixed(0.01))
    mapping = lambda_.KinesisEventSourceMapping(sim, "mapping", function, age=60)
    mapping.feed([np.arange(0.5, 300.0)])
    mapping.strike("mapping", "down", 0.0)
    sim.process(enabled(sim, mapping, 120.0))
    sim.run()
    assert mapping.counted[4] == 60 and mapping.ends[:60].tolist() == [120.0] * 60


def enabled(sim, mapping, at):
    """It is enabled then."""
    yield sim.env.timeout(at)
    mapping.mend("mapping", "down", 0.0)


# -- what fails -------------------------------------------------------------------------------

@pytest.mark.parametrize("calls", [False, True])
@pytest.mark.parametrize("caller, tries", [("sqs", 2), ("kinesis", 2), ("asynchronous", 3)])
def test_a_function_that_times_out_says_so_whoever_calls_it(caller, tries, calls):
    """Each attempt takes longer than the timeout: errors as CloudWatch counts them, one for each
    invocation that has ended, all of them timeouts; their rate adds up to as many."""
    def slow(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(2), timeout=1, init=0,
                                    calls=database(sim, calls))
        source = {
            "sqs": lambda: lambda_.SqsEventSourceMapping(
                sim, "jobs", function, visibility=20, max_receives=tries, batch_size=1),
            "kinesis": lambda: lambda_.KinesisEventSourceMapping(
                sim, "jobs", function, attempts=tries, batch_size=1),
            "asynchronous": lambda: lambda_.Asynchronous(sim, "jobs", function)}[caller]()
        sim.send(0.1, to=source)
    r = labsim.simulate(slow, duration=900)
    s, rate = r.summary, r.series["fn.errors_rate"]
    assert s["jobs.completed"] == 0 < s["jobs.dead_lettered"]
    assert s["fn.invocations"] - 1 <= s["fn.errors"] == s["fn.timeouts"] <= s["fn.invocations"]
    assert s["fn.errors"] >= tries * s["jobs.dead_lettered"]
    assert rate.value[1:].sum() * rate.t[1] == pytest.approx(s["fn.errors"])
    assert "jobs.errors" not in s       # nothing of that name which stays 0


@pytest.mark.parametrize("live", [False, True])
def test_errors_of_calls_are_the_requests_that_fail(live):
    """A call is an invocation: as many errors as failed requests, half of them here, none late."""
    def shaky(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(0.1), error_share=0.5)
        sim.send(10, to=function, retry=labsim.retry() if live else None)
    s = run(shaky)
    assert s["fn.errors"] == s["fn calls.errors"] == pytest.approx(1_500, rel=0.1)
    assert s["fn.timeouts"] == 0


def test_errors_under_a_fault_are_the_functions():
    """Half of the attempts fail for a while: each record is tried again until it is done, and each
    failure is one of the function's errors."""
    def pipe(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(0.01))
        sim.send(5, to=lambda_.KinesisEventSourceMapping(sim, "records", function, shards=20))
    r = labsim.simulate(pipe, duration=600, faults=[("fn", "errors", 100, 100, 0.5)])
    rate = r.series["fn.errors_rate"]
    assert r.summary["records.failed"] == 0 < r.summary["fn.errors"]
    assert rate.value[(rate.t < 100) | (rate.t > 202)].max() == 0.0


def test_a_cold_start_does_not_count_against_the_timeout():
    """Ten seconds of it, a timeout of one: the call is answered, late, and all of it is billed."""
    def cold(sim):
        function = lambda_.Function(sim, "fn", labsim.fixed(0.5), timeout=1, init=10)
        sim.send(1, to=function)
    r = labsim.simulate(cold, duration=100)
    assert r.summary["fn.errors"] == 0 < r.summary["fn calls.completed"]
    assert r.summary["fn calls.latency_p99"] == 10.5
    assert r.summary["fn.gb_seconds"] > r.summary["fn.cold_starts"] * 10.5 * 128 / 1_024


# -- a stream and its mapping -----------------------------------------------------------------

def polled(rate, shards, calls=False, reshard=None, mapped=None, **how):
    """Producers, a stream of so many shards, and a function behind it that takes next to no time,
    by a mapping that is told nothing of the stream unless `mapped` says so."""
    def pipe(sim):
        stream = kinesis.Stream(sim, "stream", shards, **how)
        sim.send(rate, to=stream)
        function = lambda_.Function(sim, "fn", labsim.fixed(1e-5), init=0,
                                    calls=database(sim, calls))
        mapping = lambda_.KinesisEventSourceMapping(sim, "mapping", function, **(mapped or {}))
        stream.done.to(mapping)
        if reshard:
            reshard(stream)
    return pipe


@pytest.mark.parametrize("calls", [False, True])
@pytest.mark.parametrize("duration", [60, 900])
def test_a_poll_a_second_of_each_shard_is_an_invocation(duration, calls):
    """However long the steps of the stream are, which counts: 25 records in each, not one."""
    s = run(polled(50, 2, calls), duration=duration)
    assert s["fn.invocations"] == pytest.approx(2 * duration, abs=2)
    assert s["mapping.completed"] + s["mapping.waiting_end"] == s["stream.completed"]
    assert s["mapping.latency_mean"] == pytest.approx(0.627, abs=0.05)


def test_a_poll_that_finds_more_than_a_batch_is_several():
    """1,000 records a second of each shard by hundreds, and the rest of each poll."""
    s = run(polled(3_000, 2), duration=60)
    assert s["stream.completed"] == 120_000
    assert s["fn.invocations"] == pytest.approx(2 * 60 * 10.5, rel=0.05)


def test_a_mapping_reads_as_many_shards_as_its_stream_has():
    """A record takes 0.15 s, and each of four shards has one batch at a time: 20 a second are done,
    of one shard it would be less than seven."""
    def pipe(sim):
        stream = kinesis.Stream(sim, "stream", 4)
        sim.send(20, to=stream)
        mapping = lambda_.KinesisEventSourceMapping(
            sim, "mapping", lambda_.Function(sim, "fn", labsim.fixed(0.15), timeout=60))
        stream.done.to(mapping)
    s = run(pipe)
    assert s["mapping.completed"] == pytest.approx(20 * 300, rel=0.05)
    assert s["fn.concurrency_max"] == 4


@pytest.mark.parametrize("reshard, polls", [
    (lambda stream: kinesis.split_shards(stream, 100, "all", 0.5), 4),
    (lambda stream: kinesis.merge_shards(stream, 100, 0.5), 1)])
def test_a_mapping_follows_when_its_stream_is_resharded(reshard, polls):
    """Two shards, and two polls a second, are four, or one, from 100 s on."""
    r = labsim.simulate(polled(60, 2, reshard=reshard), duration=200)
    rate = r.series["fn.invocations_rate"]
    assert rate.value[(rate.t > 10) & (rate.t < 99)].mean() == pytest.approx(2, abs=0.1)
    assert rate.value[rate.t > 105].mean() == pytest.approx(polls, abs=0.15)


def test_a_mapping_is_pushed_to_where_its_stream_has_enhanced_fan_out():
    """Some 50 ms instead of a poll's 627."""
    s = run(polled(50, 2, fan_out="enhanced"))
    assert s["mapping.latency_mean"] == pytest.approx(0.0522, rel=0.1)


@pytest.mark.parametrize("what, given, has", [
    ("shards", 3, "2"), ("fan_out", "enhanced", "shared")])
def test_a_mapping_that_contradicts_its_stream(what, given, has):
    """Refused before the run, with what the stream has; the same as that is fine."""
    with pytest.raises(ParameterError, match=f"{what}: given .*{given}.*{has}, as stream has"):
        labsim.simulate(polled(50, 2, mapped={what: given}), duration=60)
    run(polled(50, 2, mapped={"shards": 2, "fan_out": "shared"}), duration=60)


def test_a_mapping_reads_one_stream():
    """AWS knows no other; two are an error."""
    def two(sim):
        mapping = lambda_.KinesisEventSourceMapping(
            sim, "mapping", lambda_.Function(sim, "fn", labsim.fixed(0.1)))
        for name in ("a", "b"):
            stream = kinesis.Stream(sim, name)
            sim.send(1, to=stream)
            stream.done.to(mapping)
    with pytest.raises(LabsimError, match="mapping reads one stream, and a and b feed it"):
        labsim.simulate(two, duration=60)
