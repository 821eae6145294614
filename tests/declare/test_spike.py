"""A burst at any moment, whatever spike a lab has."""

import pytest

import labsim


@pytest.mark.parametrize("slug", ["elb-balancing", "lambda-concurrency", "dynamodb-capacity",
                                  "elasticache-strategies", "ebs-iops"])
def test_a_burst_is_valid_at_any_moment(slug):
    """Of each preset, at its begin, in each tenth of the run, and at its end."""
    lab = labsim.lab(slug)
    source = next(box for box in lab.boxes if box.burst)
    for preset in lab.presets:
        p = lab.Params(**preset.values)
        for part in range(11):
            lab.Params(**{**preset.values, **source.burst(p, p.duration * part / 10)})
