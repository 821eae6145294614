"""What no Auto Scaling group can be made with: it has its fleet for itself, and no more instances
than it may have."""

import pytest

from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services import autoscaling, ec2


@pytest.mark.parametrize("sizes, says", [
    ({"min_size": 1, "max_size": 2}, "group: max_size: given 2, allowed at least 9, as many as "
                                     "fleet has at the start"),
    ({"min_size": 1, "max_size": 20, "desired": 3}, "group: desired: given 3, allowed at least 9")])
def test_a_fleet_is_no_larger_than_its_group(sizes, says):
    """It stayed at 9 for the whole run, whatever the group said."""
    sim = Simulation(1, 60.0)
    with pytest.raises(ParameterError, match=says):
        autoscaling.Group(sim, "group", ec2.Fleet(sim, "fleet", size=9), **sizes)


@pytest.mark.parametrize("size", [0, 3, 5, 8])
def test_a_fleet_that_is_too_small_is_launched_at_once(size):
    """Up to the minimum, as is documented."""
    sim = Simulation(1, 60.0)
    fleet = ec2.Fleet(sim, "fleet", size=size)
    assert autoscaling.Group(sim, "group", fleet, min_size=5, max_size=8).desired == max(size, 5)
    assert fleet.count("in service") == max(size, 5)


def test_a_fleet_has_one_group():
    """Two of them would count each other's instances as their own."""
    sim = Simulation(1, 60.0)
    fleet = ec2.Fleet(sim, "fleet")
    autoscaling.Group(sim, "first", fleet, min_size=1, max_size=2)
    with pytest.raises(ParameterError, match="second: fleet: given 'fleet', allowed one without a "
                                             "group: it is first's"):
        autoscaling.Group(sim, "second", fleet, min_size=1, max_size=2)
