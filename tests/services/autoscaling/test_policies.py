"""What policies make of their orders."""

from labsim.engine import Simulation
from labsim.services import autoscaling, ec2
from labsim.services.autoscaling.policies import Seen


def test_an_order_for_more_than_there_are_takes_all_that_it_may():
    """A step of -100 on a group of five leaves none where the minimum is zero."""
    sim = Simulation(1, 600.0)
    fleet = ec2.Fleet(sim, "workers")
    group = autoscaling.Group(sim, "group", fleet, desired=5, min_size=0, max_size=9, warmup=0)
    policy = autoscaling.SimpleScaling(group, None, target=60, in_=-100)
    assert policy.act(*policy.decide(Seen(5, 0, 5, None), 1.0, False))
    assert group.desired == 0
