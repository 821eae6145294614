"""The shards of a Kinesis stream against brute force; streams as parts of a system."""

import gc
import math
import weakref
from collections import deque

import numpy as np
import pytest

import labsim
from labsim.declare import AskedInlet, CountedPart
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import ec2, kinesis, sqs
from labsim.services.kinesis.reshard import OnDemand
from labsim.services.kinesis.routing import Keys, ShardMap
from labsim.services.kinesis.shards import Shards


def made(sim, totals, keys, shards, **values):
    """Shards to which so many records come in each tick; they step with `sim.pace`."""
    records = AskedInlet(CountedPart(sim, "records"))
    records.expect(totals)
    stream = Shards(sim, records, keys, shards, random=sim.stream, **values)

    def step(step):
        stream.step(step)
        return math.inf
    sim.pace.join(step)
    return stream


def by_brute_force(stream, reads, retention):
    """Ages, records lost and mean delay, from a list of (from, to, records) per shard."""
    tick, (ticks, shards) = stream.tick, stream.accepted.shape
    tapes = [deque() for _ in range(shards)]
    ages, lost, delays, weights = np.zeros(ticks), np.zeros(ticks), [], []
    for k in range(ticks):
        now = (k + 1) * tick
        for s, tape in enumerate(tapes):
            if stream.accepted[k, s]:
                tape.append([k * tick, now, stream.accepted[k, s]])
            todo = whole = min(sum(piece[2] for piece in tape), reads[k])
            while todo > 1e-9:
                piece = tape[0]
                part = min(1.0, todo / piece[2])
                middle = piece[0] + (piece[1] - piece[0]) * part / 2
                read_at = k * tick + tick * (whole - todo + part * piece[2] / 2) / whole
                delays.append(min(retention, max(0.0, read_at - middle)))
                weights.append(part * piece[2])
                todo -= part * piece[2]
                piece[0] += (piece[1] - piece[0]) * part
                piece[2] *= 1 - part
                if piece[2] <= 1e-9:
                    tape.popleft()
            while tape and tape[0][0] < now - retention - 1e-9:
                piece = tape[0]
                part = min(1.0, (now - retention - piece[0]) / (piece[1] - piece[0]))
                lost[k] += part * piece[2]
                piece[0] += (piece[1] - piece[0]) * part
                piece[2] *= 1 - part
                if piece[2] <= 1e-9:
                    tape.popleft()
            if tape and sum(piece[2] for piece in tape) > 1e-6:
                ages[k] = max(ages[k], now - tape[0][0])
    return ages, lost, np.average(delays, weights=weights)


@pytest.mark.parametrize("retention, capacity", [(10_000, 40), (130, 40), (97, 30), (61, 0.5)])
def test_ages_and_losses_are_those_of_a_tape_cut_piece_by_piece(retention, capacity):
    """Every record accounted for, with an outage, slow readers, and a short retention."""
    sim = Simulation(3, 600.0, points=60)
    totals = sim.stream("x").poisson(200.0, 60)
    reads = np.full(60, capacity * sim.tick / 4)
    reads[12:30] = 0.0
    stream = made(sim, totals, Keys(30, 0.5), 3, limit=6.0, readable=capacity / 4,
                  away=(12 * sim.tick, 30 * sim.tick), waits=[(1.0, 3.0)],
                  retention=float(retention))
    sim.run()
    ages, lost, delay = by_brute_force(stream, reads, retention)
    assert stream.ages() == pytest.approx(ages, abs=1e-4)
    assert stream.lost.sum(axis=1) == pytest.approx(lost, abs=1e-4)
    assert stream.delays().mean() == pytest.approx(delay, rel=0.01, abs=0.05)
    assert (retention > 1_000) == (lost.sum() == 0)


def test_shares_of_shards_are_those_of_their_keys():
    """Key by key, with Zipf popularity and a hot key."""
    shards, n = ShardMap(5), 200
    shards.split(shards.open[2])
    weights = np.arange(1, n + 1) ** -0.8
    weights *= 0.7 / weights.sum()
    weights[0] += 0.3
    expected = dict.fromkeys((shard.id for shard in shards.open), 0.0)
    for i, weight in enumerate(weights):
        expected[shards.route(f"key-{i}").id] += weight
    shares = Keys(n, 0.8, 0.3).shares(shards.open)
    assert shares == pytest.approx(list(expected.values())) and shares.sum() == pytest.approx(1)


def order_of_reading(parents_first):
    """(key, number) of every record in the order read: three shards, a split, a merge, and
    readers that are behind."""
    rng, shards = np.random.default_rng(5), ShardMap(3)
    tapes, read, numbers = {s.id: deque() for s in shards.open}, [], {}
    for step in range(4_000):
        if step in (800, 1_600):
            for child in shards.split(shards.open[step // 800]):
                tapes[child.id] = deque()
        if step == 2_400:
            tapes[shards.merge(*shards.open[1:3]).id] = deque()
        if step < 3_000:
            key = f"key-{rng.integers(25)}"
            numbers[key] = numbers.get(key, 0) + 1
            tapes[shards.route(key).id].append((key, numbers[key]))

        def drained(shard):
            return not tapes[shard.id] and all(drained(shards.all[p]) for p in shard.parents)
        ready = [s for s in shards.all if tapes[s.id] and (
            not parents_first or all(drained(shards.all[p]) for p in s.parents))]
        if ready and rng.random() < (0.75 if step < 3_000 else 1.0):
            read.append(tapes[ready[rng.integers(len(ready))].id].popleft())
    return read


@pytest.mark.parametrize("parents_first", [True, False])
def test_order_within_a_key_is_kept_if_parents_are_read_first(parents_first):
    """Record by record, across splits and a merge; and it isn't if children don't wait."""
    seen, in_order = {}, True
    for key, number in order_of_reading(parents_first):
        in_order &= number == seen.get(key, 0) + 1
        seen[key] = number
    assert in_order == parents_first


def test_children_are_read_only_once_their_parents_have_been():
    """In the stream itself: while a parent has unread records, nothing of a child is read."""
    sim = Simulation(1, 600.0, points=120)
    totals = np.full(120, 500)
    stream = made(sim, totals, Keys(50), 2, limit=100.0, readable=30.0, waits=[(0.5, 1.5)],
                  retention=1e6)

    def reshard():
        yield sim.env.timeout(100.0)
        children = stream.split(stream.map.open[0])
        stream.split(children[1])                           # before it got anything
        yield sim.env.timeout(100.0)
        stream.merge(*stream.map.open[:2])
    sim.process(reshard())
    sim.run()
    children = [shard for shard in stream.map.all if shard.parents]

    def ancestors(shard):
        for parent in shard.parents:
            yield parent
            yield from ancestors(stream.map.all[parent])
    waited = 0
    for child in children:
        elders = list(ancestors(child))
        busy = (stream.backlog[:-1][:, elders] > 0).any(axis=1)     # when the next tick begins
        later = busy & (stream.accepted[1:, elders].sum(axis=1) == 0)
        waited += later.sum()
        assert (stream.read[1:, child.id][busy] == 0).all()
    assert len(children) == 5 and waited > 20


def test_a_range_of_a_few_hashes_is_not_split_for_ever():
    """One key, a split in every tick: the run ends, with no more shards than halvings."""
    sim = Simulation(1, 600.0, points=240)
    stream = made(sim, np.full(240, 5_000), Keys(1), 1, limit=1_000.0,
                  readable=1e9, waits=[], retention=1e6)
    sim.pace.join(OnDemand(stream, 500.0, 1.0, 10_000).step)
    sim.run()
    assert 120 <= len(stream.map.open) <= 128


@pytest.mark.parametrize("most", [3, 5, 8])
def test_on_demand_stops_at_the_most_shards(most):
    """Also where there are more from the start."""
    sim = Simulation(1, 600.0, points=240)
    stream = made(sim, np.full(240, 50_000), Keys(10_000), 5, limit=1_000.0,
                  readable=1e9, waits=[], retention=1e6)
    sim.pace.join(OnDemand(stream, 500.0, 1.0, most).step)
    sim.run()
    assert len(stream.map.open) == max(most, 5)


# -- a stream as a part of a system --------------------------------------------------------------

def clicks(sim, rate=3_000, split=0):
    """A hot key, and a queue that gets what one consumer reads."""
    stream = kinesis.Stream(sim, "clicks", 4, keys=Keys(1_000, hot=0.6), record_size=500)
    sim.send(rate, to=stream)
    if split:
        kinesis.split_shards(stream, split)
    work = sqs.Queue(sim, "work")
    stream.done.to(work)
    ec2.Fleet(sim, "workers", consumes=work, work=labsim.fixed(0.001), size=10)


def test_a_stream_without_a_lab_feeds_a_queue():
    """The hot shard takes 1,000 records/s; what a consumer reads comes to the queue."""
    r = labsim.simulate(clicks, duration=60)
    s = r.summary
    assert s["producers.offered"] == s["clicks.offered"] == pytest.approx(180_000, rel=0.01)
    assert s["clicks.completed"] == pytest.approx(60 * (1_000 + 0.4 * 3_000 * 0.75), rel=0.1)
    assert abs(s["work.offered"] - s["clicks.read"]) <= 1
    assert all(law.holds(r) for law in r.lab.invariants)
    assert {line for line in r.cost if line.startswith("clicks")} == {
        "clicks: Shard hours", "clicks: PUT payload units"}


def test_a_split_is_told_with_the_name_of_its_stream():
    """In the event log."""
    r = labsim.simulate(clicks, duration=120, split=60)
    assert [e.text.split(":")[0] for e in r.events if e.kind == "split"] == ["clicks"]


def test_what_another_part_gives_out_is_put_in_the_next_tick():
    """All that a queue's consumers have done; what they did in the last tick waits."""
    def chain(sim):
        work = sqs.Queue(sim, "work")
        ec2.Fleet(sim, "workers", consumes=work, work=labsim.fixed(0.01), size=4)
        sim.send(100, to=work)
        work.done.to(kinesis.Stream(sim, "results"))
    s = labsim.simulate(chain, duration=600).summary
    late = s["results.waiting_end"]
    assert s["results.offered"] == s["work.completed"]
    assert 0 < late < 100 * 3 and s["results.completed"] == s["results.offered"] - late


def test_two_streams_in_one_simulation_do_not_mix():
    """Each alone gives the same: its records, its dice, its bill."""
    def two(sim, a=True, b=True):
        for name, shards, rate, there in (("a", 1, 2_000, a), ("b", 3, 500, b)):
            if there:
                stream = kinesis.Stream(sim, name, shards)
                sim.send(rate, to=stream, name=f"producers of {name}")
    both = labsim.simulate(two, duration=300)
    for name, alone in (("a", {"b": False}), ("b", {"a": False})):
        r = labsim.simulate(two, duration=300, **alone)
        mine = {key: value for key, value in both.summary.items() if key.startswith(f"{name}.")}
        assert mine == {key: r.summary[key] for key in mine}
        assert {k: v for k, v in both.cost.items() if k.startswith(f"{name}:")} == r.cost
    assert both.summary["a.throttled"] > 0 == both.summary["b.throttled"]


def test_two_parts_of_one_name_are_an_error_that_names_both():
    """A stream and a queue."""
    sim = Simulation(1, 60.0)
    sqs.Queue(sim, "x")
    with pytest.raises(ParameterError, match='called "x": a sqs.Queue and a kinesis.Stream'):
        kinesis.Stream(sim, "x")


@pytest.mark.parametrize("values, told", [
    ({"shards": 0}, "shards"), ({"shards": 2.5}, "shards"), ({"keys": 0}, "n: "),
    ({"record_size": 0}, "record_size"), ({"record_size": 11_000_000}, "record_size"),
    ({"batch_size": 0}, "batch_size"), ({"retries": -1}, "retries"), ({"retry_wait": 0}, "retry_w"),
    ({"consumers": 0}, "consumers"), ({"fan_out": "shred"}, "did you mean shared"),
    ({"consumer_capacity": -1}, "consumer_capacity"), ({"outage": (5, -1)}, "outage"),
    ({"retention": 0}, "retention"), ({"mode": "on demand"}, "did you mean on-demand"),
    ({"split_after": 0}, "split_after")])
def test_a_stream_refuses_what_it_cannot_be(values, told):
    """At once, where it is written."""
    with pytest.raises(ParameterError, match=told):
        kinesis.Stream(Simulation(1, 60.0), "x", **values)


def test_keys_and_reshards_refuse_what_they_cannot_be():
    """Shares below zero, a split of nothing, of an on-demand stream, before the run begins."""
    for shares in ({}, {"a": -1.0}, {"a": 0.0}):
        with pytest.raises(ParameterError, match="shares"):
            Keys.named(shares)
    for values in ({"skew": -1.0}, {"hot": 1.5}):
        with pytest.raises(ParameterError, match=next(iter(values))):
            Keys(5, **values)
    stream = kinesis.Stream(Simulation(1, 60.0), "x")
    for values in ({"at": -1}, {"at": 1, "takes": -1}, {"at": 1, "what": "none"}):
        with pytest.raises(ParameterError):
            kinesis.split_shards(stream, **values)
    with pytest.raises(ParameterError, match="at least 0 s"):
        kinesis.merge_shards(stream, -1)
    with pytest.raises(ParameterError, match="provisioned"):
        kinesis.split_shards(kinesis.Stream(stream.sim, "y", mode="on-demand"), 1)


def test_a_stream_that_nobody_feeds_is_an_error():
    """Before the run."""
    with pytest.raises(LabsimError, match="nothing comes to x"):
        labsim.simulate(lambda sim: kinesis.Stream(sim, "x"), duration=60)


def test_a_run_that_has_ended_goes_at_once(monkeypatch):
    """With all its arrays, not when the collector comes by."""
    seen, cost = [], kinesis.Stream.cost

    def watched(stream):
        seen.append(weakref.ref(stream.shards))
        return cost(stream)
    monkeypatch.setattr(kinesis.Stream, "cost", watched)
    gc.disable()
    try:
        result = labsim.run("kinesis-shards", duration=60)
        assert result.cost and len(seen) == 1 and seen[0]() is None
    finally:
        gc.enable()
