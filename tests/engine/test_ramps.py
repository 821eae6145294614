"""Statistics of pieces, beside a fine comb over them."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labsim.engine import ramps

pieces = st.lists(st.tuples(st.floats(0, 10), st.one_of(st.just(0.0), st.floats(0.01, 10)),
                            st.floats(0, 100)), min_size=1, max_size=8)
COMB = (np.arange(2_000) + 0.5) / 2_000


@given(pieces, st.floats(0.01, 0.99))
def test_a_quantile_of_ramps(given, share):
    """As of 2,000 values of each piece, with their weights."""
    low, width, weight = np.array(given).T
    found = ramps.quantile(low + width, low, weight, share)
    values = (low[:, None] + width[:, None] * COMB).ravel()
    weights = np.repeat(weight / len(COMB), len(COMB))
    slack = 2 * weight.max() / len(COMB) + 1e-9 * weight.sum() + 1e-12
    assert weights[values <= found + 1e-6].sum() >= share * weight.sum() - slack
    assert weights[values < found - 1e-6].sum() <= share * weight.sum() + slack


def test_a_quantile_by_hand():
    """Half at nothing, half evenly from 0 to 10; all at one place; of none."""
    assert ramps.quantile([0, 0], [0, 10], np.array([50, 50]), 0.99) == pytest.approx(9.8)
    assert ramps.quantile([0, 0], [0, 10], np.array([50, 50]), 0.5) == 0
    assert ramps.quantile(np.array([3.0]), np.array([3.0]), np.array([7.0]), 0.5) == 3
    assert ramps.quantile(np.zeros(2), np.ones(2), np.zeros(2), 0.5) == 0


@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 100)), min_size=1, max_size=12))
def test_the_best_second(given):
    """No window on a fine comb holds more, and one holds as much."""
    length, counts = np.array(given).T
    t = np.append(0.0, np.cumsum(length))
    window = min(1.0, t[-1])
    best = ramps.most_within(t, counts, 1.0)
    total = np.append(0.0, np.cumsum(counts))
    starts = np.concatenate([np.linspace(0, t[-1] - window, 500), t, t - window])
    starts = starts[(starts >= 0) & (starts + window <= t[-1])]
    held = np.interp(starts + window, t, total) - np.interp(starts, t, total)
    assert best == pytest.approx(held.max(initial=total[-1] * (t[-1] <= 1)), rel=1e-6, abs=1e-9)


@example(0.0, 5e-324, 0.1)
@example(0.0, 0.0, 0.1)
@given(st.floats(0, 10), st.floats(0, 10), st.floats(0.1, 10))
def test_a_mean_that_is_cut(start, end, most):
    """As of 2,000 values, also where it hardly changes."""
    values = np.minimum(start + (end - start) * COMB, most)
    found = ramps.mean_up_to(np.array([start]), np.array([end]), most)[0]
    assert found == pytest.approx(values.mean(), abs=1e-5)
