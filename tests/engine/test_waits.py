"""The laws of waits: their means are exact, and a mixture comes back as it waits."""

import math
import statistics

import numpy as np
import pytest

from labsim.declare import Retry
from labsim.declare.crowd import waits_of
from labsim.engine.waits import Spread, drawn_waits, mean_wait, shares_back
from labsim.statistics import half_width

BASE, CAP, N = 0.5, 4.0, 5


def means(backoff, cap=CAP):
    """The mean wait before each retry of the counted form."""
    return [mean_wait(wait) for wait in waits_of(Retry(
        attempts=N + 1, backoff=backoff, base=BASE, cap=cap))]


def test_the_mean_wait_of_each_backoff_is_exact():
    """None, b, b 2^k up to the cap, half of that; b + (3 m - b) / 2 after a mean wait of m."""
    doubling = [min(BASE * 2**k, CAP) for k in range(N)]
    assert means("none") == [0.0] * N
    assert means("fixed") == [BASE] * N
    assert means("exponential") == doubling
    assert means("full-jitter") == [wait / 2 for wait in doubling]
    expected = [BASE]
    for _ in range(N):
        expected.append((BASE + 3 * expected[-1]) / 2)
    assert means("decorrelated-jitter", 1e9) == pytest.approx(expected[1:], rel=1e-9)


@pytest.mark.parametrize("cap", [CAP, 1.0])
def test_capped_decorrelated_jitter_has_the_means_of_single_clients(cap):
    """Of 400 groups of 500 clients who follow the rule wait by wait, in a 99.9% interval."""
    retry, rng = Retry(attempts=N + 1, backoff="decorrelated-jitter", base=BASE, cap=cap), (
        np.random.default_rng(1))
    groups = []
    for _ in range(400):
        last, waits = [0.0] * 500, []
        for k in range(N):
            last = [retry.wait(k + 1, die, before) for die, before in zip(rng.random(500), last)]
            waits.append(statistics.mean(last))
        groups.append(waits)
    for told, counted in zip(zip(*groups), means("decorrelated-jitter", cap)):
        assert abs(statistics.mean(told) - counted) <= half_width(told, 0.999)


def test_a_mixture_comes_back_as_its_pieces_do():
    """By every time the share that is back is the mean of theirs, by their shares."""
    t, pieces = np.linspace(0, 9, 50), [(0.0, 2.0, 0.25), (3.0, 3.0, 0.5), (1.0, 5.0, 0.25)]
    mixed = shares_back(t, [Spread(pieces)], 1.5)[:, 0]
    apart = sum(share * shares_back(t, [(low, high)], 1.5)[:, 0] for low, high, share in pieces)
    assert mixed == pytest.approx(apart, abs=1e-12)


def test_a_mixture_is_drawn_as_it_is():
    """The mean of 40,000 waits is in its 99.9% interval; a pair draws as it always did."""
    wait, rng = Spread([(0.0, 2.0, 0.25), (3.0, 3.0, 0.5), (1.0, 5.0, 0.25)]), (
        np.random.default_rng(2))
    drawn = drawn_waits(wait, rng, 40_000)
    assert abs(drawn.mean() - mean_wait(wait)) <= 3.29 * drawn.std() / math.sqrt(40_000)
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    assert (drawn_waits((1.0, 3.0), one, 9) == 1.0 + 2.0 * other.random(9)).all()
