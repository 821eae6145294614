"""Laws that several labs and parts share."""

from types import SimpleNamespace

import pytest

from labsim.declare import adds_up


@pytest.mark.parametrize("summary, holds", [
    ({"a": 10, "b": 4, "c": 6}, True), ({"a": 10, "b": 4, "c": 7}, True),     # each is rounded
    ({"a": 10, "b": 4, "c": 8}, False), ({"a": 10**12, "b": 10**12, "c": 500}, True),
    ({"a": 10**12, "b": 10**12, "c": 2_000}, False)])
def test_a_sum_of_metrics_holds_but_for_rounding(summary, holds):
    """Half of one for each count, a billionth of the whole."""
    assert adds_up("a", "b", "c").holds(SimpleNamespace(summary=summary)) == holds
