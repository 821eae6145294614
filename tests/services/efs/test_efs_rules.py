"""What EFS meters, earns and holds, and what it costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.services.efs import bill
from labsim.services.efs import rules as efs


@given(st.floats(1, 1e5), st.floats(0, 1_000), st.floats(0, 1_000))
def test_efs_counts_a_read_as_a_third(size, read, write):
    """Metered bytes, baseline, burst, credits by size."""
    assert efs.metered(read, write) == pytest.approx(read / 3 + write)
    assert efs.baseline(size) == pytest.approx(max(1, 0.05 * size))
    assert efs.burst(size) == pytest.approx(max(100, 0.1 * size))
    assert efs.most_credits(size) == pytest.approx(2.1 * 2**20 * max(1, size / 1_024))


def test_what_a_month_costs():
    """Storage; throughput beyond what is stored earns; what an elastic one moves."""
    assert bill.month_price("efs-bursting", 100) == {"storage": pytest.approx(30)}
    rented = bill.month_price("efs-provisioned", 100, 45)["provisioned throughput"]
    assert rented == pytest.approx(40 * bill.PROVISIONED_PRICE)
    assert bill.transfer_price(2, 3) == pytest.approx(2 * bill.READ_PRICE + 3 * bill.WRITE_PRICE)
