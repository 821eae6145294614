"""The race of `labsim bench`: the same starts for everybody, and by how much labsim wins."""

import json

import numpy as np
import plain_simpy
import pytest

from labsim.cli import race as bench
from labsim.engine.compiled import compiled
from labsim.engine.station import PIECE
from labsim.errors import LabsimError

PLAIN, CALLBACKS, PYTHON, NUMBA, *_ = bench.CONTENDERS


def test_the_measure_is_plain_simpy():
    """The textbook's model starts everybody as the tests' own does."""
    d = bench.draws(3_000)
    assert bench.plain_simpy(d) == plain_simpy.starts(d.arrivals.tolist(), d.services.tolist(),
                                                      bench.SERVERS)


@pytest.mark.parametrize("contender", bench.CONTENDERS[1:], ids=lambda c: c.name)
def test_every_contender_starts_as_plain_simpy_bit_for_bit(contender):
    """On the same draws, in blocks and windows; more customers than a station takes at a time."""
    if why := bench.absent(contender):
        pytest.skip(why)
    d = bench.draws(2 * PIECE * 3)
    assert np.hstack(contender.starts(d)).tolist() == bench.plain_simpy(d)


def test_many_customers_in_one_window_start_as_in_many(monkeypatch):
    """A window may hold more than a block and more than a piece."""
    d = bench.draws(20_000)
    many = np.hstack(bench.station(d, fast=False))
    monkeypatch.setattr(bench, "WINDOWS", 1)
    monkeypatch.setattr(bench, "BLOCK", 3 * PIECE + 1)
    once = bench.station(d, fast=False)
    assert len(once) == 1 and once[0].tolist() == many.tolist()


def test_plain_python_means_plain_python(monkeypatch):
    """fast=False never asks for the compiled loop."""
    def fail():
        raise AssertionError("asked for the compiled loop")
    monkeypatch.setattr("labsim.engine.station.compiled", fail)
    d = bench.draws(1_000)
    assert np.hstack(bench.station(d, fast=False)).tolist() == bench.plain_simpy(d)


def test_whoever_starts_a_customer_otherwise_is_refused():
    """By the last bit of one start; by one start too few."""
    def late(d):
        starts = bench.plain_simpy(d)
        return [*starts[:-1], np.nextafter(starts[-1], np.inf)]
    for wrong in (late, lambda d: bench.plain_simpy(d)[:-1]):
        with pytest.raises(LabsimError, match="cheat does not start as plain SimPy does"):
            bench.race(1_000, 1, [PLAIN, bench.Contender("cheat", wrong)])


def test_every_run_of_a_turn_is_looked_at():
    """Whoever starts the first run right and a later one wrong has no time either."""
    seen = []

    def tires(d):
        seen.append(len(d.gaps))
        return bench.plain_simpy(d)[seen.count(1_000) > 1:]
    with pytest.raises(LabsimError, match="cheat does not start as plain SimPy does"):
        bench.race(1_000, 1, [PLAIN, bench.Contender("cheat", tires)])
    assert seen.count(1_000) == 2


def test_who_is_not_installed_is_said_not_timed():
    """And the others race on."""
    nobody = bench.Contender("nobody", bench.plain_simpy, "no_such_package")
    first, second = bench.race(1_000, 1, [PLAIN, nobody])
    assert first.ratio == 1.0
    assert second == bench.Time("nobody", None, None, "not installed")
    assert f"{'nobody':24}{'not installed':>15}\n" in bench.report([first, second], {}, 1_000)


def test_the_json_is_the_race():
    """Names, times and ratios; the times of each lab's run and figure."""
    times = [bench.Time("a", 2.0, 1.0), bench.Time("b", None, None, "not installed")]
    data = json.loads(bench.as_json(times, {"lab": (0.01, 0.2)}, 1_000))
    assert data["contenders"] == [
        {"name": "a", "microseconds": 2.0, "ratio": 1.0, "note": ""},
        {"name": "b", "microseconds": None, "ratio": None, "note": "not installed"}]
    assert data["labs"] == {"lab": {"run_seconds": 0.01, "draw_seconds": 0.2}}


def test_progress_reaches_the_end():
    """Shares that grow to 1."""
    shares = []
    bench.race(1_000, 2, [PLAIN, PYTHON], shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def fast_enough(contender, least):
    """Whether a race has this ratio over plain SimPy; a noisy machine gets four tries."""
    ratios = []
    for _ in range(4):
        ratios.append(bench.race(contenders=[PLAIN, contender])[1].ratio)
        if ratios[-1] >= least:
            return True
    print(f"measured: {contender.name}: {ratios} times plain SimPy, expected {least}")
    return False


@pytest.mark.long
def test_plain_python_is_35_times_as_fast_as_plain_simpy():
    """Requests per second, one process, one run, the same draws."""
    assert fast_enough(PYTHON, 35)


@pytest.mark.long
@pytest.mark.skipif(compiled() is None, reason="numba is not installed or switched off")
def test_numba_is_200_times_as_fast_as_plain_simpy():
    """Requests per second, one process, one run, the same draws; compiled beforehand."""
    assert fast_enough(NUMBA, 200)


@pytest.mark.long
def test_a_default_run_takes_less_time_than_drawing_its_figure():
    """For every lab."""
    for slug, (run, draw) in bench.run_and_draw().items():
        assert run < draw, slug
