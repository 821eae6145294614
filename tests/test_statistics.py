"""The interval of a mean, with scipy and without."""

import pytest
from scipy import stats

from labsim import statistics
from labsim.errors import LabsimError


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 10, 19, 29, 200])
def test_student_s_t_is_scipy_s(confidence, freedom, monkeypatch):
    """Also where there is no scipy, as in a browser."""
    right = stats.t.ppf((1 + confidence) / 2, freedom)
    assert statistics.student_t.__wrapped__(confidence, freedom) == pytest.approx(right, rel=1e-9)

    def missing(module):
        raise LabsimError(f"{module} is not loaded")
    monkeypatch.setattr(statistics, "optional", missing)
    assert statistics.student_t.__wrapped__(confidence, freedom) == pytest.approx(right, rel=1e-9)


def test_half_of_an_interval():
    """Student's t times the standard error; none for one value."""
    values = [1.0, 2.0, 4.0, 9.0, 3.0]
    low, high = stats.t.interval(0.95, 4, 3.8, stats.sem(values))
    assert statistics.half_width(values, 0.95) == pytest.approx((high - low) / 2)
    assert statistics.half_width([1.0], 0.95) != statistics.half_width([1.0], 0.95)     # NaN
