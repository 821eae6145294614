"""A burst on storage: the same figures whatever the length of the run, wherever the burst is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.engine import Load, Simulation
from labsim.services import ebs
from labsim.services.common import io_load

LAB = labsim.lab("ebs-iops")
USUAL = 100
TELLING = ("failed", "iops_max", "burst_exhausted_s", "credits_low")
GP3 = dict(storage="gp3", size=500)
GP2 = dict(storage="gp2", size=50, credits=0.002)
SMALL = dict(storage="gp3", size=500, provisioned_iops=20_000, instance_iops=18_750,
             base_iops=3_600, instance_credits=0.001, io_size=4)
DISK = dict(storage="st1", size=500, credits=0.001, io_size=128, sequential=True)
FILES = dict(storage="efs-bursting", size=100, credits=0.0001, io_size=32, queue_depth=500)
KINDS = {"gp3": GP3, "gp2": GP2, "instance": SMALL, "st1": DISK, "efs": FILES}


def burst(duration, start=30.0, length=10.0, factor=200.0, every=0.0, seed=1, **values):
    """A run with a burst of so many times the usual rate."""
    values = {"timeout": 1.0, "queue_depth": 64, **values}
    return LAB.run(LAB.Params(io_rate=USUAL, busy_factor=factor, busy_start=start,
                              busy_duration=length, busy_every=every, duration=duration,
                              **values), seed)


def by_hand(length, factor, limit=3_000.0, timeout=1.0):
    """Failed of a burst on a gp3: what comes less what passes, and less the line, which is full
    after limit x timeout."""
    came = USUAL * factor * length
    return max(0.0, came - limit * length - limit * timeout)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length, factor", [(10, 200), (1, 500), (0.2, 1_000), (45, 60)])
def test_the_length_of_the_run_changes_nothing(kind, length, factor):
    """From a minute to a hundred days, within one percent, down to a fifth of a second."""
    runs = [burst(duration, length=length, factor=factor, **KINDS[kind]).summary
            for duration in (90, 600, 1_800, 7_200, 86_400, 8_640_000)]
    for name in TELLING:
        values = np.array([run[name] for run in runs])
        assert values == pytest.approx(values[0], rel=0.01, abs=0.01), (name, values)


@pytest.mark.parametrize("kind", KINDS)
def test_the_place_of_the_burst_changes_nothing(kind):
    """In a run of a day, on the edge of a tick of six minutes, off it, and late."""
    full = {**KINDS[kind], "credits": 1.0, "instance_credits": 1.0}
    runs = [burst(86_400, start=start, **full).summary
            for start in (30, 360, 359.9, 357.3, 43_211.7, 86_300)]
    for name in TELLING:
        values = np.array([run[name] for run in runs])
        assert values == pytest.approx(values[0], rel=0.01, abs=0.01), (name, values)


@settings(max_examples=60, deadline=None)
@given(st.floats(100, 1e6), st.floats(0, 1), st.floats(0.05, 60), st.floats(50, 1_000),
       st.integers(0, 2**20))
def test_a_burst_fails_as_many_as_by_hand(duration, place, length, factor, seed):
    """Any duration, place and length: what comes, less what the limit and the line take, inside
    four deviations of the Poisson count."""
    start = place * (duration - length - 5)
    failed = burst(duration, start, length, factor, seed=seed, **GP3).summary["failed"]
    came = USUAL * factor * length
    assert failed == pytest.approx(by_hand(length, factor), abs=4 * np.sqrt(came) + 1)


@pytest.mark.parametrize("duration", [600, 3_600, 86_400])
def test_micro_bursts_each_minute(duration):
    """0.2 s of 50,000 a second each minute: 10,000 come, 600 pass, 3,000 wait; the rest fails."""
    s = burst(duration, start=5, length=0.2, factor=500, every=60, timeout=1, **GP3).summary
    bursts = duration / 60
    assert s["failed"] / bursts == pytest.approx(6_400, rel=0.01)
    assert s["iops_max"] == pytest.approx(3_000)


@pytest.mark.parametrize("duration", [60, 3_600, 86_400])
def test_micro_bursts_that_the_line_takes_fail_nobody(duration):
    """0.2 s of 10,000 a second: 2,000 come, 600 pass, 1,400 wait up to 0.47 s."""
    s = burst(duration, start=5, length=0.2, factor=100, every=60, timeout=1, **GP3).summary
    assert s["failed"] == 0
    waits = burst(duration, start=5, length=0.2, factor=100, timeout=1, **GP3)
    line = 1_400 * (0.2 + 1_400 / 2_900) / 2        # a triangle, of 2,000 give or take 4 * 45
    assert waits.summary["wait_mean"] * waits.summary["completed"] == pytest.approx(line, rel=0.3)


@pytest.mark.parametrize("duration", [600, 86_400])
def test_a_burst_of_a_system_of_ones_own(duration):
    """A `Load` that a part is sent is as sharp, and so is a ramp."""
    def build(sim):
        disk = ebs.Volume(sim, "disk", "gp3", timeout=1.0)
        sim.send(Load.spike(100, 200, 30, 10), to=disk)
    s = labsim.simulate(build, duration).summary
    assert s["disk.failed"] == pytest.approx(by_hand(10, 200), rel=0.01)
    assert s["disk.offered"] == s["producers.offered"]

    def ramp(sim):
        disk = ebs.Volume(sim, "disk", "gp3", timeout=1.0)
        sim.send(Load.ramp(0, 0, 0, 1), to=disk)
        sim.send(Load.ramp(1_000, 6, 30, 60), to=disk)
    r = labsim.simulate(ramp, duration)
    over = (6_000 - 3_000) / 5_000 * 60             # s of the ramp that are too much
    beyond = over * 3_000 / 2 - 3_000 + 3_000 * (duration - 90)
    assert r.summary["disk.failed"] == pytest.approx(beyond, rel=0.01)


@given(st.floats(0.1, 1e6), st.floats(0, 1e6), st.floats(1e-3, 1e5), st.integers(0, 2**20))
@settings(max_examples=40, deadline=None)
def test_a_load_that_fades_away(rate, start, length, seed):
    """To nothing, anywhere: half of what a rectangle would bring."""
    curve = Load.ramp(rate, 0, start, length).curve(2e6)
    _, counts = io_load.counted(curve, np.random.default_rng(seed))
    expected = rate * (start + length / 2)
    assert counts.sum() == pytest.approx(expected, abs=6 * np.sqrt(expected) + 6, rel=1e-6)
    assert (counts >= 0).all()


@pytest.mark.parametrize("start, length", [(100, 20), (357.3, 11.4), (43_200, 600)])
def test_a_stop_is_as_long_as_it_is(start, length):
    """In a run of a day, whose ticks are six minutes: whoever comes meanwhile fails."""
    s = LAB.run(LAB.Params(storage="gp3", io_rate=1_000, stop_at=start, stop_time=length,
                           duration=86_400)).summary
    assert s["failed"] == pytest.approx(1_000 * length, rel=0.001 + 3 / np.sqrt(1_000 * length))


@pytest.mark.parametrize("at, begins", [(2_000, 2_000), (1_000, 1_008)])
def test_a_stop_that_a_process_decides_on_is_as_sharp(at, begins):
    """It need not be known before the run; if it is at once, it is from the next tick on."""
    def build(sim):
        disk = ebs.Volume(sim, "disk")
        sim.send(1_000, to=disk)

        def later():
            yield sim.env.timeout(1_000)
            disk.stop(at, 50)
        sim.process(later())
    r = labsim.simulate(build, 86_400)
    assert r.summary["disk.failed"] == pytest.approx(50_000, rel=0.02)
    assert [e.t for e in r.events] == [begins, begins + 50]


def test_the_noise_between_bursts_is_that_of_chance():
    """Two seeds differ by about the root of what comes; one seed not at all."""
    came = [burst(600, seed=seed, **GP3).summary["offered"] for seed in range(1, 30)]
    assert np.std(came) == pytest.approx(np.sqrt(np.mean(came)), rel=0.5)


def test_a_rate_per_tick_is_the_mean_of_its_pieces():
    """The record's ticks hold what its pieces hold."""
    def build(sim):
        sim.send(Load.spike(500, 20, 100, 7), to=ebs.Volume(sim, "disk", timeout=2.0))
    sim = Simulation(1, 3_600, points=60)
    build(sim)
    sim.run()
    disk = sim.parts["disk"]
    assert disk.wanted.sum() == pytest.approx(sim.parts["producers"].counts.sum())
    assert disk.passed[1] + disk.lost[1] == pytest.approx(disk.wanted[1], rel=0.05)
