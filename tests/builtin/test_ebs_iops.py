"""Volumes, credits, the narrowest place and the cheapest type, rule by rule."""

import math

import numpy as np
import plain_device
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim import theory
from labsim.builtin.ebs_iops import model
from labsim.engine import Simulation
from labsim.engine.storage_device import Device, Flow
from labsim.errors import ParameterError
from labsim.services.ebs import volume as ebs
from labsim.services.ebs.choice import DAY, Load, cheapest, holds, smallest
from labsim.services.ebs.volume import Volume
from labsim.services.efs import file_system as efs

LAB = labsim.lab("ebs-iops")
sizes = st.integers(1, 16_384)


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


# -- what a type and a size promise -----------------------------------------------------------

@given(sizes)
def test_gp2_has_three_iops_per_gib_between_its_ends(size):
    """At least 100, at most 16,000; the burst is 3,000 or the baseline, if that is more."""
    does = ebs.performance(Volume("gp2", size))
    assert does.iops == max(100, min(3 * size, 16_000))
    assert does.burst_iops == max(3_000, does.iops)


@given(sizes)
def test_a_bucket_lasts_and_fills_by_the_rule(size):
    """5.4 million over what is above the baseline, and over the baseline when idle."""
    base = max(100, min(3 * size, 16_000))
    lasts = 5.4e6 / (3_000 - base) if base < 3_000 else math.inf
    assert ebs.burst_seconds(size) == pytest.approx(lasts)
    assert ebs.refill_seconds(size) == pytest.approx(5.4e6 / base)


@pytest.mark.parametrize("size, burst, refill", [
    (33.33, 1_862, 54_000), (100, 2_000, 18_000), (334, 2_703, 5_389), (750, 7_200, 2_400)])
def test_the_table_of_aws(size, burst, refill):
    """Rounded to seconds, as it is printed."""
    assert round(ebs.burst_seconds(size)) == burst
    assert round(ebs.refill_seconds(size)) == refill


@pytest.mark.parametrize("size, slow, quick", [
    (1, 128, 128), (170, 128, 128), (171, 128, 250), (333, 128, 250), (334, 250, 250),
    (16_384, 250, 250)])
def test_gp2_throughput_by_size(size, slow, quick):
    """128 MiB/s when small, 250 when large, in between while there are credits."""
    does = ebs.performance(Volume("gp2", size))
    assert (does.throughput, does.burst_throughput) == (slow, quick)


@pytest.mark.parametrize("type, tib, base, burst", [
    ("st1", 0.125, 5, 31.25), ("st1", 0.5, 20, 125), ("st1", 1, 40, 250), ("st1", 2, 80, 500),
    ("st1", 12.5, 500, 500), ("sc1", 0.125, 1.5, 10), ("sc1", 1, 12, 80), ("sc1", 3, 36, 240),
    ("sc1", 3.125, 37.5, 250), ("sc1", 16, 192, 250)])
def test_hard_disks_by_the_table_of_aws(type, tib, base, burst):
    """MiB/s for good and while there are credits."""
    does = ebs.performance(Volume(type, tib * 1_024))
    assert (does.throughput, does.burst_throughput) == (base, burst)


@pytest.mark.parametrize("volume, wrong", [
    (Volume("gp3", 10, 5_000, 125), None), (Volume("gp3", 10, 5_001, 125), "iops"),
    (Volume("gp3", 32, 20_000, 125), "iops"), (Volume("gp3", 32, 16_000, 125), None),
    (Volume("gp3", 160, 80_000, 2_000), None), (Volume("gp3", 159, 80_000, 2_000), "iops"),
    (Volume("gp3", 16, 8_000, 2_000), None), (Volume("gp3", 16, 7_999, 2_000), "throughput"),
    (Volume("gp3", 100, 4_000, 1_000), None), (Volume("gp3", 100, 4_000, 1_001), "throughput"),
    (Volume("gp3", 65_537, 3_000, 125), "size"), (Volume("gp3", 1, 3_000, 125), None),
    (Volume("io1", 100, 5_000), None), (Volume("io1", 100, 5_001), "iops"),
    (Volume("io1", 2_000, 64_001), "iops"), (Volume("io1", 3, 100), "size"),
    (Volume("io2", 256, 256_000), None), (Volume("io2", 255, 256_000), "iops"),
    (Volume("io2", 10, 99), "iops"), (Volume("st1", 124), "size"), (Volume("sc1", 125), None),
    (Volume("gp2", 16_385), "size")])
def test_what_aws_makes_and_what_it_refuses(volume, wrong):
    """The property to change, or nothing."""
    refused = ebs.refusal(volume)
    assert (refused and refused[0]) == wrong


@pytest.mark.parametrize("type, iops, mib", [
    ("io1", 1_000, 250), ("io1", 2_000, 500), ("io1", 32_000, 500), ("io1", 64_000, 1_000),
    ("io2", 1_000, 256), ("io2", 16_000, 4_000), ("io2", 15_000, 3_840)])
def test_throughput_comes_with_provisioned_iops(type, iops, mib):
    """io1 in two steps, io2 by a quarter of a MiB for each."""
    assert ebs.performance(Volume(type, 8_000, iops)).throughput == mib


@pytest.mark.parametrize("size, hdd, in_a_row, ops", [
    (4, False, False, 1), (256, False, False, 1), (257, False, False, 2), (1_024, False, True, 4),
    (16, True, False, 1), (16, True, True, 1 / 64), (1_025, True, False, 2)])
def test_how_many_operations_an_io_is(size, hdd, in_a_row, ops):
    """Split beyond the largest, merged on hard disks if they follow each other."""
    assert ebs.operations(size, hdd, in_a_row) == ops


@given(st.floats(1, 1e5), st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), min_size=1,
                                   max_size=16))
def test_multi_attach_shares_what_there_is(volume, instances):
    """Nobody gets more than wanted or allowed; nothing is left while somebody wants more; who gets
    less than that gets as much as anybody."""
    limits, demands = map(list, zip(*instances))
    got = ebs.multi_attach(volume, limits, demands)
    wanted = [min(pair) for pair in instances]
    assert sum(got) == pytest.approx(min(volume, sum(wanted)))
    short = [g for g, w in zip(got, wanted) if g < w - 1e-6]
    assert all(g <= w for g, w in zip(got, wanted))
    assert all(g == pytest.approx(max(got), rel=1e-6, abs=1e-6) for g in short)


@pytest.mark.parametrize("size, most, hourly", [(128, 8, 8), (1_024, 1, 1), (2_048, 1, 0.5),
                                                (50, 10, 10), (16_384, 1, 1 / 16)])
def test_fast_restore_fills_a_bucket(size, most, hourly):
    """min(10, 1024 / GiB) per hour, at least room for one; empty at first."""
    assert ebs.restore_bucket(size) == (most, hourly)
    assert ebs.restore_credits(size, 0) == 0 and ebs.restore_credits(size, 1e6) == most
    assert ebs.restore_price(1, 1, 720) == 540


@pytest.mark.parametrize("size, base, burst", [
    (20, 100, 3_000), (399, 1_197, 3_000), (400, 1_200, 12_000), (1_335, 4_005, 12_000),
    (1_336, 4_008, 12_000), (3_999, 11_997, 12_000), (4_000, 12_000, 12_000),
    (65_536, 64_000, 64_000)])
def test_rds_stripes_gp2_over_four_volumes(size, base, burst):
    """The table of the RDS User Guide."""
    assert ebs.rds_gp2(size) == (base, burst)


# -- credits in time ---------------------------------------------------------------------------

@settings(max_examples=60, deadline=None)
@given(st.integers(1, 999), st.integers(100, 6_000), st.floats(0, 1))
def test_the_run_goes_dry_when_the_rule_says(size, rate, credits):
    """Within what Poisson arrivals make of it; or never, where no more comes than the baseline."""
    base = max(100, 3 * size)
    if abs(rate - base) < 0.2 * base:
        return
    s = summary(size=size, io_rate=rate, io_size=4, credits=credits, duration=43_200)
    due = credits * 5.4e6 / (min(rate, 3_000) - base) if rate > base else math.inf
    if due < 43_000:
        assert s["credits_last"] == pytest.approx(due, rel=0.03, abs=1)
    elif due > 45_000:
        assert s["dry_time"] == 0 and s["credits_last"] == 43_200


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
    assert abs(sum(flow.done) - len(begun)) < noise
    assert abs(sum(flow.failed) - failed) < noise
    assert flow.ran_dry == pytest.approx(1_800, rel=0.05)
    late = [w for t, w in zip(begun, waits) if t > 2_400]
    fluid = sum(flow.waited[160:]) / sum(flow.done[160:])
    print(f"measured: ebs, fluid beside plain SimPy: done {sum(flow.done):,.0f} and {len(begun):,},"
          f" mean wait when full {fluid:.1f} s and {np.mean(late):.1f} s")
    assert fluid == pytest.approx(np.mean(late), rel=0.03)
    assert credits < 5 and flow.credits[-1] < 5


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
        results.append((sum(flow.done), sum(flow.failed), flow.waiting[-1], flow.credits[-1],
                        sum(flow.waited)))
    assert results[0] == pytest.approx(results[1], rel=1e-6, abs=1e-3)


def test_gp2_credits_come_in_full_below_the_baseline():
    """AWS's wording; a hard disk's come less what is used."""
    half = summary(credits=0, io_rate=200, size=125, duration=7_200)
    assert half["credits_end"] == pytest.approx(375 * 7_200 / 5.4e6)
    disk = summary(storage="st1", size=1_024, io_size=1_024, io_rate=20, credits=0, duration=3_600)
    assert disk["credits_end"] == pytest.approx(20 * 3_600 / 1_024**2, rel=0.05)


# -- Little's law and the narrowest place -------------------------------------------------------

@pytest.mark.parametrize("depth", [1, 2, 8, 64])
def test_littles_law_bounds_what_a_queue_depth_can_do(depth):
    """Under way = rate x latency."""
    s = summary(storage="io2", size=500, provisioned_iops=100_000, io_rate=300_000,
                queue_depth=depth, instance_iops=200_000, instance_throughput=20_000,
                duration=600)
    assert s["iops_mean"] == pytest.approx(min(depth / 0.0005, 100_000))
    assert s["depth_mean"] <= depth + 1e-9


def test_littles_law_holds_of_every_run():
    """Mean number in line and at the device = rate x mean time, at a load that is carried: equal to
    the queue of M/D/1's lower bound, no wait at all."""
    s = summary(storage="gp3", io_rate=1_000)
    assert s["depth_mean"] == pytest.approx(s["iops_mean"] * s["latency_mean"])
    assert s["latency_mean"] == pytest.approx(0.001)
    wait = theory.md1_wait_mean(1_000, 1 / 3_000)
    print(f"measured: ebs, what the fluid leaves out at a third of the limit: {1e6 * wait:.0f} us")
    assert wait < 0.1 * s["latency_mean"]


@given(st.integers(4, 1_024), st.integers(100, 20_000), st.integers(1, 2_000))
def test_the_narrowest_of_volume_and_instance_decides(io_size, iops, mib):
    """The least of four limits, in I/Os."""
    p = LAB.Params(storage="gp3", size=500, io_size=io_size, instance_iops=iops,
                   instance_throughput=mib, queue_depth=100_000)
    ops = math.ceil(io_size / 256)
    expected = min(3_000 / ops, 125 * 1_024 / io_size, iops / ops, mib * 1_024 / io_size)
    assert model.seen(p).steady == pytest.approx(expected)


def test_an_instance_without_nitro_does_less():
    """Half of the notes' 64,000, an eighth of today's 256,000."""
    wide = dict(storage="io2", size=500, provisioned_iops=64_000, io_rate=200_000, duration=600,
                instance_iops=1_000_000, instance_throughput=20_000, queue_depth=1_000)
    assert summary(**wide)["iops_mean"] == pytest.approx(64_000)
    assert summary(**wide, nitro=False)["iops_mean"] == pytest.approx(32_000)
    with pytest.raises(ParameterError, match="provisioned_iops"):
        LAB.Params(storage="io2", size=500, provisioned_iops=65_000, facts="notes")


@pytest.mark.parametrize("values, name", [
    (dict(storage="st1", size=500, boot_volume=True), "boot_volume"),
    (dict(storage="efs-elastic", boot_volume=True), "boot_volume"),
    (dict(storage="io2", instances=17), "instances"),
    (dict(storage="io1", instances=2, nitro=False), "nitro"),
    (dict(storage="st1", size=100), "size"),
    (dict(storage="gp3", size=1, provisioned_iops=4_000), "provisioned_iops")])
def test_what_cannot_be_is_refused(values, name):
    """With the parameter to change."""
    with pytest.raises(ParameterError) as caught:
        LAB.Params(**values)
    assert caught.value.name == name


def test_a_stop_loses_the_instance_store_and_nothing_else():
    """All of it, and only if there is a stop."""
    stopped = dict(stop_at=3_600, duration=7_200, io_rate=100)
    assert summary(storage="instance-store", **stopped)["lost_gib"] == 125
    assert summary(storage="gp3", **stopped)["lost_gib"] == 0
    assert summary(storage="instance-store", duration=7_200)["lost_gib"] == 0
    gone = summary(storage="gp3", **stopped)["failed"]
    assert gone == pytest.approx(100 * 600, rel=0.05)


# -- EFS ----------------------------------------------------------------------------------------

@given(st.floats(1, 1e5), st.floats(0, 1_000), st.floats(0, 1_000))
def test_efs_counts_a_read_as_a_third(size, read, write):
    """Metered bytes, baseline, burst, credits by size."""
    assert efs.metered(read, write) == pytest.approx(read / 3 + write)
    assert efs.baseline(size) == pytest.approx(max(1, 0.05 * size))
    assert efs.burst(size) == pytest.approx(max(100, 0.1 * size))
    assert efs.most_credits(size) == pytest.approx(2.1 * 2**20 * max(1, size / 1_024))


def test_efs_runs_dry_as_its_example_says_but_earns_meanwhile():
    """100 MiB/s written to 100 GiB: 2.1 TiB at 100 less 5 MiB/s."""
    s = summary(storage="efs-bursting", size=100, io_size=1_024, io_rate=100, read_share=0,
                queue_depth=1_000, duration=86_400)
    assert s["credits_last"] == pytest.approx(3_600 * efs.hours_of_credits(100, 100), rel=0.01)


# -- the cheapest -------------------------------------------------------------------------------

def all_volumes(type, load):
    """Every volume on a grid around the load."""
    for size in sorted({math.ceil(load.size), *range(125, 2_001, 125)}):
        if type not in ebs.PROVISIONED:
            yield Volume(type, size)
            continue
        needed = math.ceil(load.most * math.ceil(load.io_size / 256))
        for iops in sorted({100, 3_000, needed, *range(500, 16_001, 500)}):
            moved = math.ceil(load.most * load.io_size / 1_024)
            for mib in {125, max(125, moved), 500} if type == "gp3" else {0}:
                yield Volume(type, size, iops, mib)


loads = st.builds(Load, st.integers(1, 1_500), st.integers(1, 4_000),
                  st.sampled_from([4, 16, 64, 256, 1_024]), st.integers(0, 6_000),
                  st.sampled_from([0, 600, 3_600, 14_400]), st.booleans(), st.booleans())


@settings(max_examples=40, deadline=None)
@given(loads)
def test_no_volume_of_a_grid_is_cheaper(load):
    """Brute force over sizes, IOPS and throughput finds none that holds the load for less."""
    found = cheapest(load)
    price = sum(ebs.month_price(found).values()) if found else math.inf
    assert found is None or holds(found, load)
    for type in ebs.TYPES:
        for v in all_volumes(type, load):
            if holds(v, load):
                assert sum(ebs.month_price(v).values()) >= price - 1e-9, (v, found)


@settings(max_examples=40, deadline=None)
@given(loads, st.sampled_from(["gp2", "st1", "sc1"]))
def test_what_holds_holds_in_the_simulation(load, type):
    """Two days of it, hour after hour, without falling behind; a GiB less may not be."""
    v = smallest(type, load)
    if v is None:
        return
    here = ebs.device(v, load.io_size, latency=1e-4, sequential=load.sequential)
    sim = Simulation(1, 2 * DAY, points=288)
    t = sim.record.t[:-1]
    rate = np.where(t % DAY < load.peak_seconds, load.most, load.rate)
    flow = Flow(sim, here, rate * sim.tick, timeout=60.0)
    sim.each_tick(flow.step)
    sim.run()
    assert sum(flow.failed) == 0 and max(flow.waiting) <= 1e-6 * load.most * sim.tick


@pytest.mark.parametrize("load, type", [
    (Load(100, 300), "gp3"), (Load(2_000, 75, 1_024, sequential=True), "st1"),
    (Load(4_000, 10, 1_024, sequential=True), "sc1"), (Load(100, 100_000), "io2"),
    (Load(500, 4_000), "gp3")])
def test_who_is_the_cheapest(load, type):
    """gp3 nearly always, hard disks for streams, io2 beyond a gp3."""
    assert cheapest(load).type == type
    assert cheapest(Load(100, 400_000)) is None


def test_prices_of_a_month():
    """By hand: what is beyond what a gp3 includes; io by IOPS."""
    assert sum(ebs.month_price(Volume("gp3", 500, 4_000, 225)).values()) == pytest.approx(
        40 + 5 + 4)
    assert sum(ebs.month_price(Volume("io1", 100, 1_000)).values()) == pytest.approx(12.5 + 65)
    assert summary(size=100)["month_usd"] == pytest.approx(10)
