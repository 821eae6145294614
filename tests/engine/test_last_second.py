"""The last second: a rate of at least a second, however short the steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.engine import LastSecond

lengths = st.lists(st.floats(1e-3, 3.0), min_size=1, max_size=60)


@given(lengths, st.floats(0, 1e4))
def test_an_even_load_is_its_rate_in_steps_of_any_length(steps, rate):
    """Also in the first second, if it was so before."""
    second = LastSecond(np.full(2, rate))
    for length in steps:
        assert second.rate(np.full(2, rate * length), length) == pytest.approx(rate)


@given(lengths, st.integers(1, 100))
def test_a_few_at_once_are_a_few_a_second(steps, few):
    """Whatever comes before: never more than they are in a second."""
    second = LastSecond(np.zeros(1))
    for length in steps:
        second.rate(np.zeros(1), length)
    assert second.rate(np.full(1, float(few)), 1e-3) == pytest.approx(few)
    assert second.rate(np.zeros(1), 0.5) == pytest.approx(few)
    assert second.rate(np.zeros(1), 0.5) == pytest.approx(0, abs=few * 2e-3)


def test_what_has_come_is_divided_with_its_key():
    """A key more, and half of the first one's second goes to it."""
    second = LastSecond(np.full(1, 8.0))
    second.widen(1)
    for counts in second.kept:
        counts[:] = counts[0] / 2
    assert second.rate(np.full(2, 4.0 * 0.25), 0.25) == pytest.approx([4.0, 4.0])
