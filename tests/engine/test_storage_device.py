"""I/Os through a device with credits: beside plain SimPy, and however time is cut."""

import math

import numpy as np
import plain_device
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labsim.engine import Simulation
from labsim.engine.storage_device import CREDITS, DONE, FAILED, LEFT, SPAN, Device, Flow


def totals(flow):
    """Done, failed, left in line, credits at the end, time waited."""
    at = flow.pieces
    return (at[:, DONE].sum(), at[:, FAILED].sum(), at[-1, LEFT], at[-1, CREDITS],
            flow.line @ at[:, SPAN])


def test_beside_plain_simpy():
    """An hour of a small volume, I/O by I/O: as many done and failed, the same mean wait and the
    same credits, inside the 99.9% range of the Poisson counts."""
    here = Device(steady=3.0, burst=30.0, latency=1e-9, earn=3.0, spend=1.0, bucket=9_000.0,
                  start=1.0, whole=True)
    sim = Simulation(5, 3_600, points=240)
    rng = np.random.default_rng(5)
    times = np.sort(rng.random(rng.poisson(8.0 * 3_600)) * 3_600)
    arrivals = np.histogram(times, sim.record.t)[0]
    flow = Flow(sim, here, arrivals, timeout=60.0)
    sim.each_tick(flow.step)
    sim.run()
    begun, waits, failed, credits = plain_device.run(
        times.tolist(), steady=3.0, burst=30.0, earn=3.0, spend=1.0, bucket=9_000.0, start=1.0,
        timeout=60.0, whole=True, duration=3_600)
    noise = 3.3 * math.sqrt(len(times))
    done, lost, _, left, _ = totals(flow)
    assert abs(done - len(begun)) < noise
    assert abs(lost - failed) < noise
    assert flow.ran_dry[0] == pytest.approx(1_800, rel=0.05)
    late = [w for t, w in zip(begun, waits) if t > 2_400]
    fluid = (flow.mean(flow.line)[160:] * sim.tick).sum() / flow.counted(DONE)[160:].sum()
    print(f"measured: ebs, fluid beside plain SimPy: done {done:,.0f} and {len(begun):,},"
          f" mean wait when full {fluid:.1f} s and {np.mean(late):.1f} s")
    assert fluid == pytest.approx(np.mean(late), rel=0.03)
    assert credits < 5 and left < 5


@pytest.mark.parametrize("earn", [3.0, 6.0, 50.0])
def test_credits_that_come_faster_than_the_baseline_takes_them_pass_too(earn):
    """An empty bucket bursts again and again, so that in the mean what is earned passes, between
    baseline and burst; as I/O by I/O in plain SimPy, and in a few pieces."""
    here = Device(steady=3.0, burst=30.0, latency=1e-9, earn=earn, spend=1.0, bucket=60.0,
                  start=0.0)
    sim = Simulation(1, 1_200, points=40)
    flow = Flow(sim, here, np.full(40, 40.0 * 30), timeout=60.0)
    sim.each_tick(flow.step)
    sim.run()
    begun, *_ = plain_device.run((np.arange(48_000) / 40).tolist(), steady=3.0, burst=30.0,
                                 earn=earn, spend=1.0, bucket=60.0, start=0.0, timeout=60.0,
                                 whole=False, duration=1_200)
    done = totals(flow)[0]
    print(f"measured: earned {earn:g}/s: {done:,.0f} done, plain SimPy {len(begun):,}")
    assert done == pytest.approx(len(begun), rel=0.02) == pytest.approx(
        1_200 * min(earn, 30.0), rel=0.02)
    assert len(flow.pieces) < 4 * 40


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 50), st.floats(1, 4), st.floats(0, 200), st.integers(1, 60))
def test_cut_into_ticks_in_any_way_it_is_the_same(steady, more, rate, ticks):
    """What is done, failed and left does not depend on the length of a tick."""
    here = Device(steady, steady * more, 0.01, earn=steady, spend=1.0, bucket=500.0, start=0.7)
    results = []
    for n in (ticks, 60 * ticks):
        sim = Simulation(1, 600, points=n)
        flow = Flow(sim, here, np.full(n, rate * 600 / n), timeout=20.0)
        sim.each_tick(flow.step)
        sim.run()
        results.append(totals(flow))
    assert results[0] == pytest.approx(results[1], rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("outstanding, latency, timeout", [
    (3, 0.5, 1e9), (12, 0.1, 1e9), (200, 0.1, 1e9), (300, 0.1, 20.0)])
@pytest.mark.parametrize("limits", [
    [(8.0, 8.0, 0.0)], [(8.0, 40.0, 9_000.0)],
    [(8.0, 40.0, 9_000.0), (15.0, 30.0, 6_000.0)]])
def test_a_closed_loop_beside_plain_simpy(outstanding, latency, timeout, limits):
    """Twenty minutes, I/O by I/O, before one limit or two with credits: as many done and given up,
    and the same mean time, within two percent and a round of those outstanding."""
    devices = [Device(steady, burst, latency, earn=steady if bucket else 0.0,
                      spend=1.0 if bucket else 0.0, bucket=bucket)
               for steady, burst, bucket in limits]
    sim = Simulation(1, 1_200, points=40)
    flow = Flow(sim, devices[0], np.zeros(40), timeout, tuple(devices[1:]))
    flow.keep(np.array([0.0, 1_200.0]), np.array([float(outstanding)]))
    sim.each_tick(flow.step)
    sim.run()
    done, failed, took = plain_device.loop(outstanding, limits=limits, latency=latency,
                                           timeout=timeout, duration=1_200)
    mine, lost, _, _, waited = totals(flow)
    assert mine == pytest.approx(done, rel=0.02, abs=outstanding)
    assert lost == pytest.approx(failed, rel=0.02, abs=2 * outstanding)
    assert latency + waited / mine == pytest.approx(took, rel=0.03, abs=1 / limits[0][0])
