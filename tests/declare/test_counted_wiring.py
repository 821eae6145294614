"""What flows into counted parts and out of them: nothing goes round for ever, nothing is lost."""

import pytest

import labsim as ls
from labsim.errors import LabsimError
from labsim.services import aurora, dynamodb, ebs, ec2, kinesis, kms, s3, sqs


def table(sim, name="table", writes=1_000.0):
    """A table that writes so much a second, with nothing saved at first."""
    return dynamodb.Table(sim, name, "provisioned", 10.0, writes, saved=0)


def endpoint(sim):
    """A way into a cluster called "part", for all who read."""
    return aurora.Endpoint(sim, "way", aurora.Cluster(sim, "part", capacity=500.0), lifetime=60.0)


def summed(build, **how):
    """The summary of a run, of which all laws hold."""
    result = ls.simulate(build, **how)
    broken = [law.name for law in result.lab.invariants if not law.holds(result)]
    assert not broken
    return result.summary


# -- circles -------------------------------------------------------------------------------------

def bucket_itself(sim):
    """What is written is written."""
    bucket = s3.Bucket(sim, "bucket")
    bucket.written.to(bucket.puts)
    return bucket.puts


def table_itself(sim):
    """What is read or written is written."""
    t = table(sim)
    t.done.to(t.writes)
    return t.reads


def stream_itself(sim):
    """What is read is put."""
    stream = kinesis.Stream(sim, "stream")
    stream.done.to(stream)
    return stream


def volume_itself(sim):
    """What is written is written."""
    volume = ebs.Volume(sim, "volume")
    volume.done.to(volume)
    return volume


def endpoint_itself(sim):
    """What has been read is read."""
    way = endpoint(sim)
    way.cluster.done.to(way)
    return way


def table_and_bucket(sim):
    """One writes into the other."""
    t, bucket = table(sim), s3.Bucket(sim, "bucket")
    t.done.to(bucket.puts)
    bucket.written.to(t.writes)
    return t.writes


def by_a_service(sim):
    """A service writes for each of its requests, and each write is a request to it."""
    t = table(sim)
    web = ec2.Service(sim, "web", ls.fixed(0.01), threads=9, calls=ls.ask(
        t.writes, retry=ls.retry(timeout=1)))
    t.done.to(web)
    return web


def by_a_queue(sim):
    """A queue between."""
    t, queue = table(sim), sqs.Queue(sim, "queue")
    ec2.Fleet(sim, "workers", size=9, consumes=queue, work=ls.fixed(0.1))
    t.done.to(queue)
    queue.done.to(t.writes)
    return queue


@pytest.mark.parametrize("circle", [
    bucket_itself, table_itself, stream_itself, volume_itself, endpoint_itself, table_and_bucket,
    by_a_service, by_a_queue], ids=lambda circle: circle.__name__)
def test_a_circle_through_counted_parts_is_refused_at_once(circle):
    """With a line that says what comes back, and what has to go."""
    with pytest.raises(LabsimError, match="comes back to .*has to go"):
        ls.simulate(lambda sim: sim.send(1, to=circle(sim)), duration=60)


def test_a_circle_names_what_is_on_it_and_nothing_else():
    """A bucket that the table also writes to is on none."""
    def build(sim):
        t = table(sim)
        t.done.to(s3.Bucket(sim, "aside").puts)
        bucket = s3.Bucket(sim, "bucket")
        t.done.to(bucket.puts)
        bucket.written.to(t.writes)
        sim.send(1, to=t.writes)
    with pytest.raises(LabsimError, match="what leaves table comes back to table writes by way of "
                                          "bucket PUTs: one `to`"):
        ls.simulate(build, duration=60)


def test_what_does_not_come_back_by_the_same_way_is_no_circle():
    """Each object written is read once; each that is given up is written again."""
    def build(sim):
        bucket, t = s3.Bucket(sim, "bucket"), table(sim)
        bucket.written.to(bucket.gets)
        t.failed.to(t.writes)
        sim.send(5, to=bucket.puts)
        sim.send(5, to=t.writes)
    told = summed(build, duration=100)
    assert told["bucket.gets_offered"] == told["bucket.puts_completed"]


# -- on the way, at the end ----------------------------------------------------------------------

def offered(part, kind=""):
    """A function that tells how many came to a part, or of a kind."""
    return lambda told: told[f"{part}.{kind}offered"]


INTO = {
    "table": lambda sim: (table(sim, "part", 8.0).writes, offered("part", "writes_")),
    "bucket": lambda sim: (s3.Bucket(sim, "part").puts, offered("part", "puts_")),
    "stream": lambda sim: (kinesis.Stream(sim, "part"), offered("part")),
    "volume": lambda sim: (ebs.Volume(sim, "part"), offered("part")),
    "kms": lambda sim: (kms.Quota(sim, "part").requests, lambda told: told["part.calls"])}


@pytest.mark.parametrize("into", INTO)
@pytest.mark.parametrize("duration", [7, 600, 20_000])
def test_what_leaves_a_queue_has_come_to_a_counted_part_however_long_the_run(into, duration):
    """Also what came in its last step, and is not counted yet."""
    tell = []

    def build(sim):
        queue = sqs.Queue(sim, "queue")
        ec2.Fleet(sim, "workers", size=100, consumes=queue, work=ls.fixed(0.1))
        to, came = INTO[into](sim)
        queue.done.to(to)
        sim.send(10, to=queue)
        tell.append(came)
    told = summed(build, duration=duration)
    assert tell[-1](told) == told["queue.completed"] > 0


@pytest.mark.parametrize("into", ["table", "bucket", "stream", "kms"])
@pytest.mark.parametrize("duration", [7, 600])
def test_each_attempt_of_a_client_has_come_to_the_part_that_it_asks(into, duration):
    """Those of the last second, too."""
    tell = []

    def build(sim):
        to, came = INTO[into](sim)
        sim.send(10, to=getattr(to, "records", to).one_by_one, name="clients")
        tell.append(came)
    told = summed(build, duration=duration)
    assert tell[-1](told) == told["clients.attempts"] > 0


def test_what_is_counted_done_has_left():
    """From a table to a bucket and on to a stream: all three say the same, and none is lost."""
    def build(sim):
        t, bucket, stream = table(sim, writes=3.3), s3.Bucket(sim, "bucket"), kinesis.Stream(
            sim, "stream")
        t.done.to(bucket.puts)
        bucket.written.to(stream)
        sim.send(5, to=t.writes)
    told = summed(build, duration=777)
    assert told["bucket.puts_offered"] == told["table.completed"] > 2_000
    assert told["stream.offered"] == told["bucket.puts_completed"]


# -- at what pace --------------------------------------------------------------------------------

PLACES = {"table": lambda sim: table(sim, "part", 40.0).writes,
          "stream": lambda sim: kinesis.Stream(sim, "part").records,
          "bucket": lambda sim: s3.Bucket(sim, "part").puts}


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("place, load", [("table", "partition_load"), ("stream", "load_max"),
                                         ("bucket", "load_max")])
def test_what_workers_give_out_comes_as_fast_as_they_work(place, load, seed):
    """45 a second before limits of 1,000 and 3,500, though faults cut short steps from the run:
    never more than 100 in a second."""
    def build(sim):
        q = sqs.Queue(sim, "q")
        ec2.Fleet(sim, "w", size=100, consumes=q, work=ls.exponential(0.5))
        q.done.to(PLACES[place](sim))
        sim.send(45, to=q)
    r = ls.simulate(build, duration=3_600, seed=seed, faults=[
        ("part", "throttled", start + start % 7 / 10, 0.4, 0.01)
        for start in range(60, 3_600, 67)])
    assert r.series[f"part.{load}"].value.max() <= 0.1


@pytest.mark.parametrize("place, load", [("table", "partition_load"), ("stream", "load_max"),
                                         ("bucket", "load_max")])
def test_a_load_is_a_rate_over_a_second(place, load):
    """45 a second, by clients who come one by one: most in a second, not in a step of a moment."""
    def build(sim):
        sim.send(45, to=PLACES[place](sim).one_by_one)
    r = ls.simulate(build, duration=600, seed=1, faults=[
        ("part", "throttled", start + start % 7 / 10 + 0.002, 0.01, 0.01)
        for start in range(60, 600)])
    assert 0.01 < r.series[f"part.{load}"].value.max() <= 0.08


# -- whole numbers -------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(8))
def test_whole_numbers_of_requests_add_up_exactly(seed):
    """Though each of them is counted in shares, while half and a third of all fails."""
    def build(sim):
        sim.send(10, to=table(sim).writes)
        sim.send(1_100, to=kinesis.Stream(sim, "stream", retries=2))
        sim.send(10, to=kms.Quota(sim, "kms", 9.0).requests)
    told = summed(build, duration=1_000, seed=seed, faults=[
        ("table", "errors", 100, 100, 0.5), ("stream", "errors", 100, 100, 1 / 3),
        ("kms", "errors", 100, 100, 1 / 3)])
    assert told["table.writes_offered"] == (
        told["table.completed"] + told["table.failed"] + told["table.waiting_end"])
    assert told["stream.offered"] == told["stream.completed"] + told["stream.incomplete"]
    assert told["stream.incomplete"] == told["stream.failed"] + told["stream.waiting_end"]
    assert told["stream.completed"] == (
        told["stream.read"] + told["stream.retained_end"] + told["stream.expired"])
    assert told["kms.calls"] == (told["kms.completed"] + told["kms.throttled"]
                                 + told["kms.errors"] + told["kms.waiting_end"])
