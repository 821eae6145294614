"""What leaves a part and comes back to it, all of it, is refused before anything runs; what comes
back in part, or as it failed or is dead, comes to an end."""

import pytest

import labsim as ls
from labsim.errors import LabsimError
from labsim.services import ec2, elasticache, elb, lambda_, rds, sqs


def queue(sim, name, **how):
    """A queue with consumers."""
    made = sqs.Queue(sim, name, **how)
    ec2.Fleet(sim, f"workers of {name}", size=5, consumes=made, work=ls.fixed(0.5))
    return made


def service(sim, name, **how):
    """A service with room."""
    return ec2.Service(sim, name, ls.fixed(0.1), threads=9, **how)


def failing(sim):
    """Two queues whose messages are followed one by one, since some fail."""
    a, b = (queue(sim, name, error_share=0.1, max_receives=3) for name in "ab")
    a.done.to(b)
    b.done.to(a)
    return a


def failing_itself(sim):
    """One that is its own next."""
    a = queue(sim, "a", error_share=0.1, max_receives=3)
    a.done.to(a)
    return a


def by_two_halves(sim):
    """Half of it by one way, half by another."""
    a, b, c = map(lambda name: service(sim, name), "abc")
    for other in (b, c):
        a.then(other, 0.5)
        other.done.to(a)
    return a


def asked_in_the_course(sim):
    """A service asks another one, which gives to it what it has answered."""
    b = service(sim, "b")
    a = service(sim, "a", calls=ls.ask(b, optional=True))
    b.done.to(a)
    return a


def asked_by_a_function(sim):
    """A function puts each event into a queue, from which it comes."""
    b = queue(sim, "b")
    a = lambda_.Asynchronous(sim, "a", lambda_.Function(sim, "f", ls.fixed(0.1), calls=b))
    b.done.to(a)
    return a


def by_targets(sim):
    """Each of a balancer's targets gives to it what it has answered."""
    parts = [service(sim, name) for name in "ab"]
    balancer = elb.Balancer(sim, "balancer", targets=parts)
    for part in parts:
        part.done.to(balancer)
    return balancer


def without_a_cache(sim, strategy="no-cache"):
    """Each read is a query, and each query a read."""
    database = rds.Database(sim, "database", servers=9, work=ls.fixed(0.01))
    app = elasticache.Application(sim, "app", elasticache.Cluster(sim, "cache", keys=9, room=9),
                                  database, strategy=strategy)
    database.done.to(app)
    return app


@pytest.mark.parametrize("circle", [
    failing, failing_itself, by_two_halves, asked_in_the_course, asked_by_a_function, by_targets,
    without_a_cache], ids=lambda circle: circle.__name__)
def test_what_comes_back_all_of_it_is_refused(circle):
    """53 messages were thousands a minute later."""
    with pytest.raises(LabsimError, match="what leaves .* comes back to .*: one `to` has to go"):
        ls.simulate(lambda sim: sim.send(1, to=circle(sim)), duration=60)


def test_the_circle_is_named_by_its_parts():
    """All that are on it, and none that is not."""
    def build(sim):
        a = by_two_halves(sim)
        a.done.to(queue(sim, "aside"))
        sim.send(1, to=a)
    with pytest.raises(LabsimError, match="^what leaves a comes back to a by way of b, c: one"):
        ls.simulate(build, duration=60)


def dead_again(sim):
    """A queue's dead letters are its own, until they are done."""
    a = queue(sim, "a", error_share=0.5, max_receives=2)
    a.dead.to(a)
    return a


def in_part(sim):
    """One half comes back; the others leave."""
    a, b, c = map(lambda name: service(sim, name), "abc")
    a.then(b, 0.5)
    a.then(c, 0.5)
    b.done.to(a)
    return a


def by_one_target(sim):
    """One of two gives back."""
    parts = [service(sim, name) for name in "ab"]
    parts[0].done.to(balancer := elb.Balancer(sim, "a balancer", targets=parts))
    return balancer


def with_a_cache(sim):
    """Only what is missed is a query."""
    return without_a_cache(sim, "lazy-loading")


@pytest.mark.parametrize("circle", [dead_again, in_part, by_one_target, with_a_cache],
                         ids=lambda circle: circle.__name__)
def test_what_comes_back_in_part_comes_to_an_end(circle):
    """As many are done as came, and nothing grows."""
    first = []

    def build(sim):
        first[:] = [circle(sim)]
        sim.send(1, to=first[0])
    told = ls.simulate(build, duration=600).summary
    assert told[f"{first[0].name}.offered"] < 3 * told["producers.offered"]
