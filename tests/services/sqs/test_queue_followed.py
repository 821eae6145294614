"""Messages with fates of their own: dead letters, priorities, senders who wait, what breaks."""

import random
import statistics

import numpy as np
import pytest

import labsim as ls
from labsim.declare import Component, Outlet
from labsim.engine import Order, Simulation, stream
from labsim.errors import LabsimError, ParameterError
from labsim.services import autoscaling, dynamodb, ec2, s3, sqs
from labsim.statistics import half_width


def test_a_message_is_dead_at_the_receive_that_is_one_too_many():
    """The sequence of moto (timeout 1 s, three receives): returned at 0, 1.2 and 2.4 s, not at 0.3
    (in flight), and at 3.6 s it is moved."""
    sim = Simulation(1, 10.0)
    queue = sqs.Queue(sim, "orders", 1.0, work=ls.fixed(0.05), error_share=1, max_receives=3)
    queue.feed([np.zeros(1)])
    seen = []

    def polling():
        for at in (0.0, 0.3, 1.2, 2.4, 3.6):
            yield sim.until(at, Order.CAPACITY)
            queue.add_consumer()
            yield sim.until(at + 0.1, Order.CAPACITY)
            queue.remove_consumer(stream(1, "lots"), drain=False)
            seen.append((len(queue.record.values("wait")), queue.record.total("dead")))
    sim.process(polling())
    sim.run()
    assert seen == [(1, 0), (1, 0), (2, 0), (3, 0), (3, 1)]
    assert queue.waits.tolist() == [0.0, 1.2, 2.4]


@pytest.mark.parametrize("receives", [1, 2, 5])
def test_the_share_that_dies_is_that_of_as_many_failures(receives):
    """Half of all works fail: a share 1/2 to the power of the receives comes to the dead-letter
    queue, inside the 99% interval over seeds."""
    def shop(sim):
        dead = sqs.Queue(sim, "dead", work=ls.fixed(1))
        orders = sqs.Queue(sim, "orders", 5, error_share=0.5, max_receives=receives)
        orders.dead.to(dead)
        ec2.Fleet(sim, "workers", size=50, consumes=orders, work=ls.exponential(1))
        ec2.Fleet(sim, "operator", size=9, consumes=dead)
        sim.send(ls.spike(2, 0, start=2_000, length=9_999), to=orders)
    runs = [ls.simulate(shop, 3_000, seed=seed).summary for seed in range(8)]
    shares = [s["orders.dead_lettered"] / s["orders.offered"] for s in runs]
    assert abs(statistics.mean(shares) - 0.5**receives) <= half_width(shares, 0.99)
    assert all(s["dead.completed"] == s["orders.dead_lettered"] > 0 for s in runs)


@pytest.mark.parametrize("servers, urgent, normal", [(1, 0.3, 0.4), (3, 1.0, 1.4), (8, 5.0, 1.8)])
def test_two_priorities_wait_as_cobham_says(servers, urgent, normal):
    """M/M/c, non-preemptive: W1 = C/(c mu)/(1 - r1), W2 = W1/(1 - r1 - r2), C by Erlang; inside the
    99% interval over seeds."""
    def shop(sim):
        queues = [sqs.Queue(sim, name) for name in ("urgent", "normal")]
        ec2.Fleet(sim, "workers", size=servers, consumes=queues, work=ls.exponential(1))
        for queue, rate in zip(queues, (urgent, normal)):
            sim.send(rate, to=queue)
    runs = [ls.simulate(shop, 30_000 / servers, seed=seed).summary for seed in range(8)]
    r1, r2 = urgent / servers, normal / servers
    together = ls.theory.mmc_wait_mean(urgent + normal, 1.0, servers) * (1 - r1 - r2)
    first = together / (1 - r1)
    for name, expected in (("urgent", first), ("normal", first / (1 - r1 - r2))):
        waits = [s[f"{name}.wait_mean"] for s in runs]
        assert abs(statistics.mean(waits) - expected) <= half_width(waits, 0.99), name


def test_each_queue_of_a_group_has_its_own_work():
    """Where it says so; the others have the group's."""
    def shop(sim):
        queues = [sqs.Queue(sim, "short", work=ls.fixed(1), backlog=10),
                  sqs.Queue(sim, "long", backlog=10)]
        ec2.Fleet(sim, "workers", size=1, consumes=queues, work=ls.fixed(5))
    r = ls.simulate(shop, 59)
    assert r.summary["short.wait_mean"] == 4.5 and r.summary["long.wait_mean"] == 10 + 22.5


# -- senders who wait ------------------------------------------------------------------------------


def stale(sim, order="fifo", max_age=1e9, attempts=3):
    """Clients who wait 20 s for the result, and a minute in which nobody works."""
    orders = sqs.Queue(sim, "orders", order=order, max_age=max_age)
    ec2.Fleet(sim, "workers", size=10, consumes=orders, work=ls.fixed(1))
    sim.send(8, to=orders, retry=ls.retry(timeout=20, attempts=int(attempts), backoff="none"))


STOPPED = [("workers", "down", 600, 60)]


def test_a_queue_full_of_stale_messages_stays_so():
    """The consumers are back after a minute, and half an hour later still work for nobody: every
    message that they take is one whose sender has given up."""
    s = ls.simulate(stale, 3_600, faults=STOPPED)
    late = s.series["producers.goodput_rate"].value[-200:]
    assert late.max() == 0 and s.summary["orders.stale"] > 20_000
    assert ls.simulate(stale, 3_600).summary["producers.goodput_share"] == 1.0


@pytest.mark.parametrize("cure", [{"order": "lifo"}, {"max_age": 15.0}])
def test_the_newest_first_or_dropping_what_is_old_cures_it(cure):
    """All are answered again, and the loss is what the minute cost."""
    s = ls.simulate(stale, 3_600, faults=STOPPED, **cure)
    assert s.series["producers.goodput_rate"].value[-200:].mean() == pytest.approx(8, rel=0.1)
    assert s.summary["producers.goodput_share"] > 0.95


def test_the_retry_is_another_message():
    """One consumer of 30 s, a client who waits 10 s and asks three times: three messages, worked on
    in turn, for nobody."""
    sim = Simulation(1, 200.0)
    queue = sqs.Queue(sim, "orders", work=ls.fixed(30))
    client = sim.send(ls.steady(0), to=queue, retry=ls.retry(timeout=10, attempts=3,
                                                             backoff="none"))
    queue.add_consumer()
    sim.agenda.arrivals([np.array([5.0])], lambda t: client.request(t, None))
    sim.run()
    assert queue.waits.tolist() == [0.0, 20.0, 40.0]
    assert queue.summary()["stale"] == 3 and client.summary()["abandoned"] == 1


def test_who_is_answered_in_the_last_moment_is_answered():
    """Work of as long as the patience."""
    def shop(sim):
        orders = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", size=99, consumes=orders, work=ls.fixed(10))
        sim.send(1, to=orders, retry=ls.retry(timeout=10))
    s = ls.simulate(shop, 600).summary
    assert s["producers.abandoned"] == s["orders.stale"] == 0 < s["producers.completed"]


# -- what breaks -----------------------------------------------------------------------------------


def shop(sim):
    """A queue, its group."""
    orders = sqs.Queue(sim, "orders", 45)
    fleet = ec2.Fleet(sim, "workers", 60, consumes=orders, work=ls.fixed(4))
    autoscaling.Group(sim, "group", fleet, min_size=6, max_size=6)
    sim.send(1, to=orders)


def test_a_consumer_that_is_broken_for_an_hour():
    """Nobody works in that hour; what was in hand comes back after its visibility timeout."""
    r = ls.simulate(shop, 15_000, faults=[("workers", "down", 1_800, 3_600)])
    done, back = r.series["orders.completed"], r.series["orders.returned"].value
    assert len(set(done.value[(done.t >= 1_800) & (done.t < 5_400)])) == 1
    assert r.summary["orders.redelivered"] == back[np.searchsorted(done.t, 1_860)] > 0
    assert r.series["orders.queue"].value.max() == pytest.approx(3_600, rel=0.06)
    assert r.summary["orders.completed"] > 0.95 * r.summary["orders.offered"]


def test_consumers_that_are_slow_for_a_time():
    """Each work that begins then takes so many times as long."""
    def one(sim):
        ec2.Fleet(sim, "workers", size=1, work=ls.fixed(10),
                  consumes=sqs.Queue(sim, "orders", backlog=9))
    r = ls.simulate(one, 200, faults=[("workers", "slow", 15, 50, 3.0)])
    assert r.summary["orders.wait_mean"] == np.mean([0, 10, 20, 50, 80, 90, 100, 110, 120])


def test_consumers_all_of_whose_works_fail():
    """Each message is tried once per visibility timeout, and is there in the end."""
    r = ls.simulate(shop, 3_000, faults=[("workers", "errors", 600, 600, 1.0)])
    done = r.series["orders.completed"]
    assert len(set(done.value[(done.t >= 600) & (done.t < 1_200)])) == 1
    assert r.summary["orders.redelivered"] > 600


def test_a_zone_that_is_down_is_replaced_elsewhere():
    """Two of six instances are lost; a boot later there are six again, none of them in the zone."""
    sim = Simulation(1, 3_000.0)
    shop(sim)
    fleet = sim.parts["workers"]
    fleet.brace("workers-a", "down")

    def striking():
        yield sim.until(600, Order.CAPACITY)
        fleet.strike("workers-a", "down", 0.0)
    sim.process(striking())
    sim.run()
    there = fleet.record.changes("in_service")
    assert there[-4:] == [(600, 5), (600, 4), (660, 5), (660, 6)]
    assert fleet.zones()["a"][-1] == 0 and len(fleet.instances) == 6


def test_a_zone_without_a_group_comes_back():
    """A third of the consumers pause."""
    def alone(sim):
        ec2.Fleet(sim, "workers", size=6, consumes=sqs.Queue(sim, "orders", backlog=999),
                  work=ls.fixed(10))
    r = ls.simulate(alone, 400, faults=[("workers-b", "down", 100, 100)])
    at_work = r.series["orders.in_flight"].value - (
        r.series["orders.lost"].value - r.series["orders.returned"].value)
    t = r.series["orders.queue"].t
    assert set(at_work[(t > 101) & (t < 199)]) == {4} and set(at_work[t > 201]) == {6}


def test_a_queue_that_is_down():
    """It takes nothing and hands nothing out; producers who don't try again lose what they sent."""
    def quiet(sim):
        ec2.Fleet(sim, "workers", size=9, work=ls.fixed(1),
                  consumes=(orders := sqs.Queue(sim, "orders")))
        sim.send(2, to=orders)

    def trying(sim):
        ec2.Fleet(sim, "workers", size=9, work=ls.fixed(1),
                  consumes=(orders := sqs.Queue(sim, "orders")))
        sim.send(2, to=orders, retry=ls.retry(attempts=9, backoff="exponential", base=1))
    down = [("orders", "down", 100, 50)]
    lost = ls.simulate(quiet, 400, faults=down)
    sent = lost.series["producers.offered_rate"]
    assert lost.summary["orders.failed"] == pytest.approx(
        sent.value[(sent.t > 100) & (sent.t <= 150)].mean() * 50, rel=0.05)
    tried = ls.simulate(trying, 400, faults=down).summary
    assert tried["producers.failed"] == 0 < tried["orders.failed"]


# -- what balances ---------------------------------------------------------------------------------


def anything(rng):
    """A shop of random queues, groups and clients, and its random faults."""
    values = dict(
        errors=rng.choice([0.0, 0.2, 0.7]), receives=rng.choice([1, 2, 3, 99]),
        lifo=rng.random() < 0.3, age=rng.choice([5.0, 60.0, 1e6]), limit=rng.choice([3, 20, 9999]),
        waits=rng.random() < 0.6, threads=rng.choice([1, 3]), drain=rng.random() < 0.5,
        rate=rng.uniform(0.5, 6), timeout=rng.uniform(1, 90))

    def build(sim):
        v = values
        how = dict(threads=v["threads"], in_flight_limit=v["limit"], max_age=v["age"],
                   order="lifo" if v["lifo"] else "fifo")
        second = sqs.Queue(sim, "second", v["timeout"], work=ls.exponential(1), **how)
        first = sqs.Queue(sim, "first", v["timeout"], backlog=20, error_share=v["errors"],
                          max_receives=v["receives"], **how)
        first.dead.to(second)
        fleet = ec2.Fleet(sim, "workers", 30, consumes=[first, second], work=ls.exponential(2),
                          drain=v["drain"])
        group = autoscaling.Group(sim, "group", fleet, desired=3, min_size=1, max_size=9)
        autoscaling.TargetTracking(group, first.backlog_per(fleet), target=5, high_points=1,
                                   low_points=2)
        sim.send(v["rate"], to=first, retry=ls.retry(timeout=v["timeout"], attempts=2)
                 if v["waits"] else None)
        sim.send(0.5, to=second)
    places = {"first": ["down"], "second": ["down"], "workers": ["down", "slow", "errors"],
              "workers-a": ["down"], "workers-b": ["down"], "workers-c": ["down"]}
    faults = []
    for _ in range(rng.randrange(4)):
        place = rng.choice(list(places))
        what = rng.choice(places[place])
        amount = {"slow": rng.uniform(1, 9), "errors": rng.random()}.get(what, 0.0)
        faults.append((place, what, rng.uniform(0, 900), rng.choice([0, rng.uniform(1, 400)]),
                       amount))
    return build, faults, values["threads"]


def test_whatever_is_asked_and_breaks_nothing_is_lost():
    """A hundred random shops with faults: every law holds at every instant, what came balances
    with what became of it to the last message, nobody works on more than he can."""
    rng = random.Random(7)
    for seed in range(100):
        build, faults, threads = anything(rng)
        r = ls.simulate(build, 1_000, seed=seed, faults=faults)
        for law in r.lab.invariants:
            assert law.holds(r), (seed, law.name)
        for name in ("first", "second"):
            last = {key: r.series[f"{name}.{key}"].value[-1] for key in (
                "offered", "completed", "queue", "in_flight", "dead_lettered", "expired", "failed")}
            assert last.pop("offered") == sum(last.values()), seed
            assert min(r.series[f"{name}.{key}"].value.min() for key in last) == 0, seed
        assert all(np.isfinite(list(r.summary.values()))), seed
        at_work = sum(r.series[f"{name}.in_flight"].value - r.series[f"{name}.lost"].value
                      + r.series[f"{name}.returned"].value for name in ("first", "second"))
        there = r.series["workers.in_service"].value + r.series["workers.terminating"].value
        assert (at_work <= there * threads).all(), seed
        assert 0 <= r.summary["workers.utilization"] <= 1 + 1e-9, (seed, faults)


# -- how it is wired -------------------------------------------------------------------------------


def test_a_part_on_the_agenda_between_two_queues():
    """Queue, service, queue, table: what leaves one comes to the next, and all balances."""
    def chain(sim):
        first, last = sqs.Queue(sim, "first"), sqs.Queue(sim, "last")
        web = ec2.Service(sim, "web", ls.exponential(0.5), instances=4)
        table = dynamodb.Table(sim, "table", "provisioned", 10.0, 50.0)
        for name, queue in (("a", first), ("b", last)):
            ec2.Fleet(sim, name, size=9, consumes=queue, work=ls.exponential(1))
        first.done.to(web)
        web.done.to(last)
        last.done.to(table.writes)
        sim.send(3, to=first)
    s = ls.simulate(chain, 2_000).summary
    assert s["first.completed"] == s["web.offered"] and s["web.completed"] == s["last.offered"]
    assert s["last.completed"] > 5_500
    assert s["table.writes_offered"] == s["last.completed"]


def test_a_circle_on_the_agenda_goes_round():
    """An operator puts dead letters back into the queue; nothing is lost on the way."""
    def again(sim):
        orders, dead = (sqs.Queue(sim, name, 5, max_receives=n, error_share=share)
                        for name, n, share in (("orders", 2, 0.5), ("dead", 9, 0)))
        orders.dead.to(dead)
        dead.done.to(orders)
        ec2.Fleet(sim, "workers", size=20, consumes=[orders, dead], work=ls.exponential(1))
        sim.send(2, to=orders)
    s = ls.simulate(again, 3_000).summary
    assert s["dead.offered"] == s["orders.dead_lettered"] > 1_000
    assert s["orders.offered"] == s["producers.offered"] + s["dead.completed"]


class Between(Component):
    """Takes blocks, and gives them out."""

    def __init__(self, sim: Simulation, name: str):
        super().__init__(sim, name)
        self.out = Outlet(self)

    def take(self, times):
        """They go on at once."""
        self.out.give(times)


def test_a_part_in_blocks_between_two_on_the_agenda_is_refused():
    """It would have to know what comes before it comes."""
    def mixed(sim):
        first, last = (sqs.Queue(sim, name, work=ls.fixed(1), max_age=9) for name in "ab")
        between = Between(sim, "between")
        first.done.to(between)
        between.out.to(last)
        sim.send(1, to=first)
    with pytest.raises(LabsimError, match="one by one in a, but between after it hands them over"):
        ls.simulate(mixed, 60)


@pytest.mark.parametrize("values, name", [
    ({"error_share": 1.1}, "error_share"), ({"max_receives": 0}, "max_receives"),
    ({"max_receives": 1.5}, "max_receives"), ({"order": "filo"}, "order"),
    ({"max_age": -1}, "max_age")])
def test_what_no_queue_is_asked_for(values, name):
    """Each names the argument."""
    with pytest.raises(ParameterError) as caught:
        sqs.Queue(Simulation(1, 60), "orders", **values)
    assert caught.value.name == name


def test_queues_of_one_group_have_as_many_threads():
    """A consumer has so many, whichever it looks into."""
    def uneven(sim):
        ec2.Fleet(sim, "workers", size=1, work=ls.fixed(1), consumes=[
            sqs.Queue(sim, "a", threads=2), sqs.Queue(sim, "b")])
    with pytest.raises(ParameterError, match="threads: .*2 as in a, for workers serves both"):
        ls.simulate(uneven, 60)


def test_objects_become_messages_become_items():
    """A counted bucket before the queue, a counted table after it, and a fault between: all of the
    objects are messages, and what is worked on is written."""
    def events(sim):
        bucket = s3.Bucket(sim, "bucket")
        orders = sqs.Queue(sim, "orders")
        table = dynamodb.Table(sim, "table", "provisioned", 10.0, 50.0)
        bucket.written.to(orders)
        ec2.Fleet(sim, "workers", size=9, consumes=orders, work=ls.exponential(1))
        orders.done.to(table.writes)
        sim.send(3, to=bucket.puts)
    broken = ls.simulate(events, 2_000, faults=[("workers", "down", 300, 200)])
    assert broken.summary["orders.offered"] == broken.summary["bucket.puts_completed"] > 5_000
    assert broken.summary["table.writes_offered"] == broken.summary["orders.completed"]
    assert broken.series["orders.queue"].value.max() > 500
