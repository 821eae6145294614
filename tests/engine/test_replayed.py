"""Exact counts per period, as a curve, as times and as counted arrivals."""

import numpy as np
import pytest

from labsim.engine import Arrivals, Gradual, RateCurve, Replayed, scaled
from labsim.engine.workload import LARGE


def binned(curve, rng):
    """How many times of the curve are in each of its periods."""
    times = np.concatenate([*curve.arrivals(rng), []])
    assert (np.diff(times) >= 0).all() and (times <= curve.edges[-1]).all()
    return np.histogram(times, curve.edges)[0]


@pytest.mark.parametrize("period", [1.0, 60.0, 0.1, 86_400.0])
@pytest.mark.parametrize("whole", [1, 2, 3.5, 7, 7.25, 40])
def test_each_period_has_its_count(period, whole):
    """As times, and counted between instants that are no ends of periods, or nearly are; a part of
    the last one, rounded; nothing after the end."""
    counts = np.array([5, 0, 12, 12, 20_000, 3, 8])
    curve = Replayed.of(counts, period, whole * period)
    n = min(int(whole), 7)
    assert (curve.counts[:n] == counts[:n]).all() and curve.edges[-1] == whole * period
    if n < whole < 7:
        assert curve.counts[n] == int(counts[n] * (whole - n) + 0.5)
    assert curve.total == curve.cumulative[-1] == pytest.approx(curve.counts.sum())
    assert (binned(curve, np.random.default_rng(1)) == curve.counts).all()
    for instants in (np.linspace(0, curve.edges[-1], 601), np.linspace(0, curve.edges[-1], 4),
                     np.linspace(0, 1, 36) * curve.edges[-1]):
        drawn = Arrivals.drawn(curve, instants, np.random.default_rng(1))
        assert drawn.on(instants).sum() == curve.total and drawn.soft
        where = np.searchsorted(curve.edges, (drawn.t[:-1] + drawn.t[1:]) / 2) - 1
        assert (np.bincount(where, drawn.counts, len(curve.counts)) == curve.counts).all()


def test_a_count_beyond_what_is_made_at_once():
    """It is made in parts, which are as random as the whole."""
    curve = Replayed.of(np.array([7, 5 * LARGE, 0, 9]), 100.0, 400.0)
    assert max(map(len, curve.arrivals(np.random.default_rng(1)))) < LARGE
    assert (binned(curve, np.random.default_rng(1)) == curve.counts).all()
    times = np.concatenate([*curve.arrivals(np.random.default_rng(2))])[7:-9]
    quarters = np.histogram(times, np.linspace(100, 200, 5))[0]
    assert abs(quarters - len(times) / 4).max() < 5 * np.sqrt(len(times) * 3 / 16)


def test_equal_neighbours_make_no_jump():
    """A level hour is one stretch, whatever its periods."""
    curve = Replayed.of(np.array([4, 4, 4, 9, 9, 4]), 60.0, 360.0)
    assert curve.t.tolist() == [0, 180, 180, 300, 300, 360]
    assert isinstance(curve, RateCurve) and curve.rate.max() == 9 / 60


@pytest.mark.parametrize("weights", [(1, 1), (8, 1), (0, 3), (3, 0), (0, 0), (1, 2, 3), (0, 0, 1)])
def test_shares_add_up(weights):
    """In each period, in whole numbers, in proportion."""
    counts = np.random.default_rng(1).integers(0, 9, 5_000)
    curve = Replayed.of(counts, 60.0, 60.0 * 5_000)
    parts = curve.split(weights)
    assert (sum(part.counts for part in parts) == counts).all()
    sure = np.array(weights) / sum(weights) if sum(weights) else np.ones(2) / 2
    assert all((part.counts >= 0).all() for part in parts)
    assert [part.total for part in parts] == pytest.approx(sure * counts.sum(), abs=1)


def test_a_factor_carries_fractions_on():
    """Sums are those of the counts times the factor, rounded down; 100 times 0.29 is 29."""
    counts = np.array([1] * 100)
    assert scaled(counts, 0.29).sum() == 29 and scaled(counts, 0.29).max() == 1
    assert scaled(counts, 2.5).sum() == 250 and scaled(counts, 0).sum() == 0
    assert scaled(counts, 1) is counts


def test_step_by_step_they_are_whole_and_exact_at_the_end_of_each_period():
    """However long the steps; within a period each comes at any time."""
    counts = np.array([300, 0, 7, 12_000, 55])
    curve = Replayed.of(counts, 10.0, 45.0)
    rng = np.random.default_rng(1)
    for ends in (np.arange(0.5, 45.1, 0.5), np.array([3.0, 31.0, 45.0]), np.array([45.0])):
        come, begin, upto = Gradual(curve, rng), 0.0, {}
        for end in ends.tolist():
            upto[end] = upto.get(begin, 0) + come.during(begin, end)
            begin = end
        assert upto[45.0] == curve.total == 12_335
        if 10.0 in upto:
            assert [upto[t] for t in (10.0, 20.0, 30.0, 40.0)] == [300, 300, 307, 12_307]
            assert upto[35.0] - 307 == pytest.approx(6_000, abs=6 * 55)
