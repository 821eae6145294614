"""A queue loses nothing: a message that an instance drops comes back."""

import numpy as np
import pytest

from labsim.engine import Order, Simulation, stream
from labsim.services.sqs.queue import Queue


def play(visibility_timeout, kill_at, *, work=100.0, drain=False, end=2_000.0):
    """One message of `work` seconds; its consumer is removed at `kill_at`, a new one comes."""
    sim = Simulation(1, end)
    queue = Queue(sim, [(np.array([0.0]), np.array([work]))], visibility_timeout)
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
    sim, queue, gone = play(30.0, kill_at)
    assert gone == kill_at
    waits = sim.record.values("wait")
    assert waits.tolist() == [0.0, back]
    assert queue.series()["processed"][0][-1] == 1


def test_a_drained_consumer_finishes_its_message():
    """Nothing comes back, and the instance is gone when the work is done."""
    sim, _, gone = play(30.0, 10.0, drain=True)
    assert gone == 100.0 and sim.record.values("wait").tolist() == [0.0]


def test_a_lost_message_is_in_flight_until_it_is_visible_again():
    """As ApproximateNumberOfMessagesNotVisible counts it; nothing is lost at any instant."""
    _, queue, _ = play(500.0, 10.0, end=1_000.0)
    series = {name: value for name, (value, _) in queue.series().items()}
    t = np.linspace(0, 1_000, 601)
    assert (series["in_flight"][(t > 10) & (t < 500)] == 1).all()
    assert (series["arrived"] == series["processed"] + series["backlog"]
            + series["in_flight"]).all()


def test_the_oldest_age_counts_from_the_first_sending():
    """Lost at 10 s, back at 30 s, done at 130 s: the message was 130 s old."""
    _, queue, _ = play(30.0, 10.0)
    assert queue.oldest_age_max() == 130.0


def test_busy_time_counts_lost_work_too():
    """10 s lost and 100 s done."""
    _, queue, _ = play(30.0, 10.0)
    assert queue.busy_seconds() == 110.0
