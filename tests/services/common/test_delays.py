"""The law through three measured percentiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.errors import ParameterError
from labsim.services.common.delays import Delay


@given(st.floats(1e-4, 10), st.floats(0.01, 10), st.floats(1.01, 20))
def test_a_skewed_delay_hits_all_three(p10, step, skew):
    """Where the upper half is longer than the lower one by more than a lognormal time from 0 would
    have it, the law goes through every percentile that was measured."""
    p50 = p10 + step
    p90 = p50 + step * max(skew, 1.01 * p50 / p10)
    law = Delay.through(p10, p50, p90)
    assert [law.quantile(q) for q in (0.1, 0.5, 0.9)] == pytest.approx([p10, p50, p90], rel=1e-6)
    assert 0 <= law.least < p10


@given(st.floats(1e-3, 10), st.floats(1.1, 5), st.floats(0.05, 0.95))
def test_any_delay_hits_the_median_and_the_width(p10, width, middle):
    """Whatever was measured: half within the median, and nine of ten as many times the first of ten
    as the law's own least allows."""
    p90 = p10 * width
    p50 = p10 + middle * (p90 - p10)
    law = Delay.through(p10, p50, p90)
    ends = law.quantile(0.9) - law.least, law.quantile(0.1) - law.least
    assert law.quantile(0.5) == pytest.approx(p50)
    assert ends[0] / ends[1] == pytest.approx((p90 - law.least) / (p10 - law.least))


def test_what_is_drawn_is_the_law():
    """Mean and 99 % point of a million draws."""
    law = Delay.through(0.0137, 0.0162, 0.0338)
    drawn = law.draw(1_000_000, np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(law.mean, rel=0.02)
    assert np.quantile(drawn, 0.99) == pytest.approx(law.quantile(0.99), rel=0.02)


@pytest.mark.parametrize("p10, p50, p90", [(0, 1, 2), (1, 1, 2), (1, 3, 2), (1, 2, float("inf"))])
def test_percentiles_out_of_order(p10, p50, p90):
    """Refused."""
    with pytest.raises(ParameterError, match="p50"):
        Delay.through(p10, p50, p90)
