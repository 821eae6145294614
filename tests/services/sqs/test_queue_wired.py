"""The standard queue as an engineer wires it: bursts, a backlog, threads, its depth as a metric."""

import numpy as np
import pytest

import labsim
from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services import autoscaling, ec2, sqs


def group(sim):
    """A group that an alarm on queue depth moves; a burst comes at 100 s."""
    queue = sqs.Queue(sim, "orders", backlog=50, threads=2)
    queue.burst(2_000, at=100)
    fleet = ec2.Fleet(sim, "workers", 30, consumes=queue, work=labsim.fixed(2))
    workers = autoscaling.Group(sim, "group", fleet, min_size=2, max_size=20)
    autoscaling.StepScaling(workers, queue.depth(), target=500, high_points=1,
                            out_steps=[(0, float("inf"), 10)], in_steps=[(-float("inf"), 0, -2)])


def test_an_alarm_on_queue_depth_from_the_parts():
    """It rings at the first reading after the burst, and all are done."""
    r = labsim.simulate(group, duration=1_200)
    first = next(e for e in r.events if e.kind == "scale-out")
    assert first.t == 120 and "to 12" in first.text
    s = r.summary
    assert s["orders.offered"] == s["orders.completed"] == 2_050
    assert r.series["orders depth.value"].value.max() == 2_000 - 11 * 4     # four each 2 s


@pytest.mark.parametrize("values, name", [
    ({"backlog": -1}, "backlog"), ({"backlog": 0.5}, "backlog"), ({"threads": 0}, "threads"),
    ({"in_flight_limit": 0}, "in_flight_limit"), ({"visibility_timeout": 0}, "visibility_timeout")])
def test_what_no_queue_has(values, name):
    """Each names the argument."""
    with pytest.raises(ParameterError) as caught:
        sqs.Queue(Simulation(1, 60), "orders", **values)
    assert caught.value.name == name


@pytest.mark.parametrize("messages, at", [(-1, 0), (1, -1), (1, float("nan"))])
def test_what_no_burst_is(messages, at):
    """Fewer than none, or before the run."""
    with pytest.raises(ParameterError):
        sqs.Queue(Simulation(1, 60), "orders").burst(messages, at)


def test_who_is_drained_gives_its_room_to_the_next():
    """Limit 1, two consumers: the second receives when the first, drained, has finished."""
    sim = Simulation(1, 100)
    queue = sqs.Queue(sim, "orders", work=labsim.fixed(10), in_flight_limit=1)
    queue.feed([np.zeros(3)])
    queue.add_consumer()
    queue.add_consumer()
    queue.advance(5)
    assert queue.plane.station.in_service == 1 and queue.plane.receiving.outside == 1
    rng = np.random.default_rng(1)
    sim.env.run(until=5)
    left = queue.remove_consumer(rng, drain=True)
    queue.advance(9.9)
    assert queue.plane.station.in_service == 1
    queue.advance(10)
    assert queue.plane.station.in_service == 1 and left in (5, 10)
    assert queue.record.total("completed") == 1
