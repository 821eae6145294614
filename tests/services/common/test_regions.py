"""Regions of the world: how far they are from each other."""

from itertools import product
from statistics import mean

import pytest

from labsim.measurements import measurement
from labsim.services.common import regions as world

STANDS = {world.US: ["us-east-1"], world.EUROPE: ["eu-west-1", "eu-central-1"],
          world.ASIA: ["ap-northeast-1", "ap-northeast-2", "ap-southeast-1"],
          world.SOUTH_AMERICA: ["sa-east-1"]}


@pytest.mark.parametrize("one, other", sorted(world.BETWEEN))
def test_a_round_trip_is_the_mean_over_the_pairs_that_stand_for_it(one, other):
    """Of those measured, both ways, to a millisecond."""
    rows = {row["from"]: row for row in measurement("region-round-trips-2025").rows()}
    pairs = [*product(STANDS[one], STANDS[other]), *product(STANDS[other], STANDS[one])]
    measured = mean(float(rows[here][there]) for here, there in pairs) / 1_000
    assert world.round_trip(one, other) == pytest.approx(measured, abs=0.0006)


def test_the_way_back_is_as_long():
    """And a place is nearest to its own region."""
    assert all(world.ROUND_TRIP[a][b] == world.ROUND_TRIP[b][a] for a in range(4) for b in range(4))
    assert [world.nearest(here, range(4)) for here in range(4)] == [0, 1, 2, 3]
