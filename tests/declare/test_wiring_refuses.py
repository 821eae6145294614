"""Wirings that ran without a word of what they left out: each is a line that names the part."""

import pytest

import labsim as ls
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import autoscaling, ec2, elb, sqs


def test_a_function_without_a_simulation():
    """One line, which says what it has to take."""
    def nothing():
        """It wires nothing."""
    with pytest.raises(ParameterError, match=r"^build: nothing\(\) takes nothing, allowed "
                                             r"nothing\(sim, \.\.\.\)"):
        ls.simulate(nothing, duration=60)


def test_a_fleet_without_work_is_told_that_it_is_missing():
    """Not that nobody consumes its queue."""
    def build(sim):
        queue = sqs.Queue(sim, "a")
        ec2.Fleet(sim, "workers", size=1, consumes=queue)
        sim.send(1, to=queue)
    with pytest.raises(LabsimError, match="^workers: work is missing: how long a message of a "):
        ls.simulate(build, duration=60)


def test_a_backlog_is_per_instance_of_a_fleet():
    """Not of its group, which was accepted, until the run."""
    def build(sim):
        queue, fleet = sqs.Queue(sim, "orders"), ec2.Fleet(sim, "workers", size=1)
        queue.backlog_per(autoscaling.Group(sim, "group", fleet, min_size=1, max_size=20))
    with pytest.raises(ParameterError, match="^orders: fleet: given 'group', an autoscaling.Group, "
                                             "allowed an ec2.Fleet"):
        ls.simulate(build, duration=60)


@pytest.mark.parametrize("how, says", [
    ({"work": ls.fixed(1)}, "^alb: work: given .*, allowed none: web, a target that is a part"),
    ({"threads": 2}, "^alb: threads: given 2, allowed none: web, a target that is a part")])
def test_targets_that_are_parts_have_work_and_threads_of_their_own(how, says):
    """What the balancer said of them was ignored."""
    sim = Simulation(1, 60.0)
    web = ec2.Service(sim, "web", ls.fixed(1))
    with pytest.raises(ParameterError, match=says):
        elb.Balancer(sim, "alb", targets=[web], **how)


def test_whether_a_call_is_optional_is_true_or_false():
    """"no" was as good as True."""
    part = ec2.Service(Simulation(1, 60.0), "web", ls.fixed(1))
    with pytest.raises(ParameterError, match="optional: given 'no', allowed True or False"):
        ls.ask(part, optional="no")


# -- what has no effect, and is noted ------------------------------------------------------------


def notes_of(load=1, retry=None, max_receives=float("inf")):
    """The notes of a run of 60 s of a queue with a dead-letter queue."""
    def build(sim):
        a, b = (sqs.Queue(sim, name, work=ls.fixed(0.1), max_receives=max_receives)
                for name in "ab")
        ec2.Fleet(sim, "workers", size=1, consumes=a)
        ec2.Fleet(sim, "others", size=1, consumes=b)
        a.dead.to(b)
        sim.send(load, to=a, retry=retry, name="senders")
    return ls.simulate(build, duration=60).notes


DEAD = "nothing leaves a by dead: it has no max_receives"


@pytest.mark.parametrize("how, notes", [
    ({}, (DEAD,)), ({"max_receives": 3}, ()),
    ({"max_receives": 3, "load": ls.spike(1, 4, start=30, length=10)}, ()),
    ({"max_receives": 3, "load": ls.spike(1, 4, start=60, length=10)},
     ("the load of senders does not change: that begins at 60 s, and the run ends at 60 s",)),
    ({"max_receives": 3, "load": ls.ramp(1, 4, start=90, length=10), "retry": ls.retry(timeout=1)},
     ("the load of senders does not change: that begins at 90 s, and the run ends at 60 s",)),
    ({"max_receives": 3, "retry": ls.retry(timeout=1, hedge=0.5)}, ()),
    ({"max_receives": 3, "retry": ls.retry(timeout=1, hedge=2)},
     ("senders hedges no request: it gives up after 1 s, before 2 s have gone",))])
def test_what_has_no_effect_is_noted(how, notes):
    """As a fault after the end is."""
    assert notes_of(**how) == notes
