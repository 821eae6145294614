"""A queue loses nothing: a message that an instance drops comes back."""

import numpy as np
import pytest

import labsim as ls
from labsim.engine import Order, ServiceTimes, Simulation, stream
from labsim.errors import LabsimError, ParameterError
from labsim.services import ec2, sqs


def play(visibility_timeout, kill_at, *, work=100.0, drain=False, end=2_000.0):
    """One message of `work` seconds; its consumer is removed at `kill_at`, a new one comes."""
    sim = Simulation(1, end)
    queue = sqs.Queue(sim, "queue", visibility_timeout, work=ServiceTimes(work, 0.0))
    queue.feed([np.array([0.0])])
    queue.add_consumer()
    gone = []

    def story():
        yield sim.until(kill_at, Order.SCALING)
        gone.append(queue.remove_consumer(stream(1, "c"), drain=drain))
        queue.add_consumer()
    sim.process(story())
    sim.run()
    return sim, queue, gone[0]


@pytest.mark.parametrize("kill_at, back", [(10.0, 30.0), (29.0, 30.0), (31.0, 60.0), (60.0, 60.0)])
def test_a_lost_message_comes_back_when_its_visibility_timeout_ends(kill_at, back):
    """Received at 0, timeout 30 s, renewed by its consumer every 30 s while it lives."""
    _, queue, gone = play(30.0, kill_at)
    assert gone == kill_at
    assert queue.waits.tolist() == [0.0, back]
    assert queue.series()["completed"][0][-1] == 1


def test_a_drained_consumer_finishes_its_message():
    """Nothing comes back, and the instance is gone when the work is done."""
    _, queue, gone = play(30.0, 10.0, drain=True)
    assert gone == 100.0 and queue.waits.tolist() == [0.0]


def test_a_lost_message_is_in_flight_until_it_is_visible_again():
    """As ApproximateNumberOfMessagesNotVisible counts it; nothing is lost at any instant."""
    _, queue, _ = play(500.0, 10.0, end=1_000.0)
    series = {name: value for name, (value, _) in queue.series().items()}
    t = np.linspace(0, 1_000, 601)
    assert (series["in_flight"][(t > 10) & (t < 500)] == 1).all()
    assert (series["offered"] == series["completed"] + series["queue"]
            + series["in_flight"]).all()


def test_the_oldest_age_counts_from_the_first_sending():
    """Lost at 10 s, back at 30 s, done at 130 s: the message was 130 s old."""
    _, queue, _ = play(30.0, 10.0)
    assert queue.oldest_age_max() == 130.0


def test_busy_time_counts_lost_work_too():
    """10 s lost and 100 s done."""
    _, queue, _ = play(30.0, 10.0)
    assert queue.busy_seconds() == 110.0


def test_two_queues_do_not_mix():
    """Two queues, each with a fleet and producers of its own, in one simulation: what each counts
    is what it counts alone, and together they are all."""
    def shop(sim, a=True, b=True):
        for name, rate, work, size, there in (("a", 0.1, 2, 3, a), ("b", 0.5, 3, 7, b)):
            if there:
                queue = sqs.Queue(sim, name)
                ec2.Fleet(sim, f"{name} workers", consumes=queue, work=ls.exponential(work),
                          size=size)
                sim.send(rate, to=queue, name=f"producers of {name}")
    both = ls.simulate(shop, 6_000).summary
    alone = {**ls.simulate(shop, 6_000, b=False).summary,
             **ls.simulate(shop, 6_000, a=False).summary}
    del alone["cost_usd"]
    assert all(both[name] == value for name, value in alone.items())
    assert 500 < both["a.offered"] < 700 and 2_800 < both["b.offered"] < 3_200
    assert both["a workers.instances_max"] == 3 and both["b workers.instances_max"] == 7


def test_two_of_one_name():
    """The error names both parts."""
    sim = Simulation(1, 60.0)
    sqs.Queue(sim, "orders")
    with pytest.raises(ParameterError, match='"orders": a sqs.Queue and a sqs.Queue'):
        sqs.Queue(sim, "orders")


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_visibility_timeout_is_above_zero(timeout):
    """Refused with its name."""
    with pytest.raises(ParameterError, match="visibility_timeout"):
        sqs.Queue(Simulation(1, 60.0), "orders", timeout)


def test_a_queue_lacks_a_sender_or_a_consumer():
    """It says which, before anything runs."""
    def nobody_sends(sim):
        ec2.Fleet(sim, "workers", consumes=sqs.Queue(sim, "orders"), work=ls.fixed(1))

    def nobody_works(sim):
        sim.send(1, to=sqs.Queue(sim, "orders"))
    with pytest.raises(LabsimError, match="nothing comes to orders"):
        ls.simulate(nobody_sends, 60)
    with pytest.raises(LabsimError, match="nobody consumes orders.*lambda_.SqsEventSourceMapping"):
        ls.simulate(nobody_works, 60)


def test_consumers_of_one_queue_agree_on_the_work():
    """A message is as long for each of them."""
    def shop(sim):
        orders = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "a", consumes=orders, work=ls.fixed(1))
        ec2.Fleet(sim, "b", consumes=orders, work=ls.fixed(2))
    with pytest.raises(ParameterError, match="work: .*other consumers of orders"):
        ls.simulate(shop, 60)


def test_a_queue_does_not_feed_itself():
    """Neither at once nor round about: what leaves it would have to be known before it comes."""
    def circle(sim, direct=False):
        first, second = (sqs.Queue(sim, name, work=ls.fixed(1)) for name in ("first", "second"))
        sim.send(1, to=first)
        first.done.to(first if direct else second)
        second.done.to(first)
    with pytest.raises(LabsimError, match="what leaves first comes back to first by way of second"):
        ls.simulate(circle, 60)
    with pytest.raises(LabsimError, match="what leaves first comes back to first"):
        ls.simulate(circle, 60, direct=True)
