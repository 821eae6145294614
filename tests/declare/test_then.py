"""`then`: what is done at any part goes on to the next one, whether or not somebody waits."""

import pytest

import labsim as ls
from labsim.errors import LabsimError
from labsim.services import (
    api_gateway,
    aurora,
    cloudfront,
    ec2,
    elasticache,
    elb,
    lambda_,
    rds,
    sqs,
)

WORK = ls.fixed(0.01)


def queue(sim, name="part"):
    """A queue with workers."""
    made = sqs.Queue(sim, name)
    ec2.Fleet(sim, f"{name} workers", size=4, consumes=made, work=ls.fixed(0.1))
    return made


def function(sim, name="function"):
    return lambda_.Function(sim, name, WORK)


PARTS = {
    "queue": queue,
    "function": lambda sim: function(sim, "part"),
    "callers": lambda sim: lambda_.Synchronous(sim, "part", function(sim)),
    "gateway": lambda sim: api_gateway.Gateway(sim, "part", function(sim)),
    "service": lambda sim: ec2.Service(sim, "part", WORK, threads=8),
    "balancer": lambda sim: elb.Balancer(sim, "part", targets=(2, 2, 2), work=WORK),
    "database": lambda sim: rds.Database(sim, "part", servers=8, work=WORK),
    "application": lambda sim: elasticache.Application(
        sim, "part", elasticache.Cluster(sim, "cache", keys=100, room=50),
        rds.Database(sim, "database", servers=8, work=WORK)),
}


@pytest.mark.parametrize("retry", [None, ls.retry()], ids=["nobody waits", "clients wait"])
@pytest.mark.parametrize("made", PARTS.values(), ids=PARTS)
def test_what_is_done_goes_on(made, retry):
    """All of it to one part; or by shares, to two. Requests that come to nobody end there."""
    kept = {}

    def build(sim, share=1.0):
        part = made(sim)
        for name in ("b", "c"):
            kept[name] = ec2.Service(sim, name, ls.fixed(0.001), threads=64)
            if share < 1.0 or name == "b":
                part.then(kept[name], share)
            else:
                part.done.to(kept[name])
        sim.send(10, to=part, retry=retry)
    ls.simulate(build, duration=200)
    assert len(kept["b"].came) == len(kept["c"].came) > 1_800     # as many as by `done`
    ls.simulate(build, duration=200, share=0.3)
    for name in "bc":
        assert 500 < len(kept[name].came) < 700


def test_a_queue_passes_on_what_another_one_gives_out():
    """In blocks up to the one that passes on; there and after it, one by one."""
    def build(sim):
        first, second, third = (queue(sim, name) for name in "abc")
        first.done.to(second)
        second.then(third)
        sim.send(5, to=first)
    s = ls.simulate(build, duration=300).summary
    assert s["a.completed"] == s["b.offered"] > 1_300
    assert s["b.completed"] == s["c.offered"] and s["c.completed"] > 1_300


# -- where it makes no sense ---------------------------------------------------------------------


def to_itself(sim):
    made = queue(sim)
    made.then(made)
    sim.send(1, to=made)


def back_by_done(sim):
    first, second = queue(sim, "a"), queue(sim, "b")
    first.then(second)
    second.done.to(first)
    sim.send(1, to=first)


def function_to_itself(sim):
    made = function(sim)
    made.then(made)
    sim.send(1, to=made)


def function_given_itself(sim):
    made = function(sim)
    made.done.to(made)
    sim.send(1, to=made)


def accepted_before(sim):
    mapping = lambda_.SqsEventSourceMapping(sim, "mapping", function(sim))
    mapping.then(queue(sim))
    sim.send(1, to=mapping)


def calls_of_others(sim):
    made = function(sim)
    made.then(queue(sim))
    sim.send(1, to=lambda_.Asynchronous(sim, "events", made))


def counted_viewers(sim):
    site = cloudfront.Site(sim, "site", objects=10)
    cdn = cloudfront.Distribution(sim, "cdn", site, cloudfront.Origin(sim, "origin"))
    cdn.then(queue(sim))
    sim.send(1, to=cdn)


def counted_reads(sim):
    cluster = aurora.Cluster(sim, "cluster", capacity=100)
    reader = aurora.Endpoint(sim, "reader", cluster, lifetime=60)
    reader.done.to(queue(sim))
    sim.send(1, to=reader)


@pytest.mark.parametrize("build, says", [
    (to_itself, "part can't answer: what it does goes on in a circle"),
    (back_by_done, "what leaves a comes back to a"),
    (function_to_itself, "function can't answer: what it does goes on in a circle"),
    (function_given_itself, "what leaves function comes back to function"),
    (accepted_before, r"mapping: other: .*what is done goes on by mapping.done.to\("),
    (calls_of_others, "nothing leaves function but what its own calls have done"),
    (counted_viewers, "nobody waits for the answers of cdn"),
    (counted_reads, "nobody waits for the answers of reader.* leaves by cluster.done.to")])
def test_what_can_not_go_on_is_said_at_once(build, says):
    """With what to do instead."""
    with pytest.raises(LabsimError, match=says):
        ls.simulate(build, duration=10)
