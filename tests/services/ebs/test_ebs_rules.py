"""What EBS volumes promise, what they cost, and which is the cheapest, rule by rule."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labsim.engine import Simulation
from labsim.engine.storage_device import FAILED, LEFT, Flow
from labsim.services.ebs import bill
from labsim.services.ebs import rules as ebs
from labsim.services.ebs.choice import DAY, Load, cheapest, holds, smallest
from labsim.services.ebs.rules import Spec

sizes = st.integers(1, 16_384)


# -- what a type and a size promise -----------------------------------------------------------

@given(sizes)
def test_gp2_has_three_iops_per_gib_between_its_ends(size):
    """At least 100, at most 16,000; the burst is 3,000 or the baseline, if that is more."""
    does = ebs.performance(Spec("gp2", size))
    assert does.iops == max(100, min(3 * size, 16_000))
    assert does.burst_iops == max(3_000, does.iops)


@given(sizes)
def test_a_bucket_lasts_and_fills_by_the_rule(size):
    """5.4 million over what is above the baseline, and over the baseline when idle."""
    base = max(100, min(3 * size, 16_000))
    here = ebs.device(Spec("gp2", size), 4, latency=0.001)
    lasts = 5.4e6 / (3_000 - base) if base < 3_000 else math.inf
    assert here.seconds_of_burst(3_000) == pytest.approx(lasts)
    assert here.bucket / (here.earn or 1) == pytest.approx(5.4e6 / base if base < 3_000 else 0)


@pytest.mark.parametrize("size, burst, refill", [
    (33.33, 1_862, 54_000), (100, 2_000, 18_000), (334, 2_703, 5_389), (750, 7_200, 2_400)])
def test_the_table_of_aws(size, burst, refill):
    """Rounded to seconds, as it is printed."""
    here = ebs.device(Spec("gp2", size), 4, latency=0.001)
    assert round(here.seconds_of_burst(3_000)) == burst
    assert round(here.bucket / here.earn) == refill


@pytest.mark.parametrize("size, slow, quick", [
    (1, 128, 128), (170, 128, 128), (171, 128, 250), (333, 128, 250), (334, 250, 250),
    (16_384, 250, 250)])
def test_gp2_throughput_by_size(size, slow, quick):
    """128 MiB/s when small, 250 when large, in between while there are credits."""
    does = ebs.performance(Spec("gp2", size))
    assert (does.throughput, does.burst_throughput) == (slow, quick)


@pytest.mark.parametrize("type, tib, base, burst", [
    ("st1", 0.125, 5, 31.25), ("st1", 0.5, 20, 125), ("st1", 1, 40, 250), ("st1", 2, 80, 500),
    ("st1", 12.5, 500, 500), ("sc1", 0.125, 1.5, 10), ("sc1", 1, 12, 80), ("sc1", 3, 36, 240),
    ("sc1", 3.125, 37.5, 250), ("sc1", 16, 192, 250)])
def test_hard_disks_by_the_table_of_aws(type, tib, base, burst):
    """MiB/s for good and while there are credits."""
    does = ebs.performance(Spec(type, tib * 1_024))
    assert (does.throughput, does.burst_throughput) == (base, burst)


@pytest.mark.parametrize("volume, wrong", [
    (Spec("gp3", 10, 5_000, 125), None), (Spec("gp3", 10, 5_001, 125), "iops"),
    (Spec("gp3", 32, 20_000, 125), "iops"), (Spec("gp3", 32, 16_000, 125), None),
    (Spec("gp3", 160, 80_000, 2_000), None), (Spec("gp3", 159, 80_000, 2_000), "iops"),
    (Spec("gp3", 16, 8_000, 2_000), None), (Spec("gp3", 16, 7_999, 2_000), "throughput"),
    (Spec("gp3", 100, 4_000, 1_000), None), (Spec("gp3", 100, 4_000, 1_001), "throughput"),
    (Spec("gp3", 65_537, 3_000, 125), "size"), (Spec("gp3", 1, 3_000, 125), None),
    (Spec("io1", 100, 5_000), None), (Spec("io1", 100, 5_001), "iops"),
    (Spec("io1", 2_000, 64_001), "iops"), (Spec("io1", 3, 100), "size"),
    (Spec("io2", 256, 256_000), None), (Spec("io2", 255, 256_000), "iops"),
    (Spec("io2", 10, 99), "iops"), (Spec("st1", 124), "size"), (Spec("sc1", 125), None),
    (Spec("gp2", 16_385), "size")])
def test_what_aws_makes_and_what_it_refuses(volume, wrong):
    """The property to change, or nothing."""
    refused = ebs.refusal(volume)
    assert (refused and refused[0]) == wrong


@pytest.mark.parametrize("type, iops, mib", [
    ("io1", 1_000, 250), ("io1", 2_000, 500), ("io1", 32_000, 500), ("io1", 64_000, 1_000),
    ("io2", 1_000, 256), ("io2", 16_000, 4_000), ("io2", 15_000, 3_840)])
def test_throughput_comes_with_provisioned_iops(type, iops, mib):
    """io1 in two steps, io2 by a quarter of a MiB for each."""
    assert ebs.performance(Spec(type, 8_000, iops)).throughput == mib


@pytest.mark.parametrize("size, hdd, in_a_row, ops", [
    (4, False, False, 1), (256, False, False, 1), (257, False, False, 2), (1_024, False, True, 4),
    (32, False, True, 1 / 8), (32, False, False, 1), (128, True, True, 1 / 8),
    (16, True, False, 1), (16, True, True, 1 / 64), (1_025, True, False, 2)])
def test_how_many_operations_an_io_is(size, hdd, in_a_row, ops):
    """Split beyond the largest, merged if they follow each other. EBS User Guide, I/O
    characteristics: 8 x 32 KiB in a row are one operation of an SSD, 8 at random are eight; 8 x
    128 KiB in a row one of a hard disk."""
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


@pytest.mark.parametrize("size, base, burst", [
    (20, 100, 3_000), (399, 1_197, 3_000), (400, 1_200, 12_000), (1_335, 4_005, 12_000),
    (1_336, 4_008, 12_000), (3_999, 11_997, 12_000), (4_000, 12_000, 12_000),
    (65_536, 64_000, 64_000)])
def test_rds_stripes_gp2_over_four_volumes(size, base, burst):
    """From 400 GiB on; the table of the RDS User Guide."""
    here = ebs.device(Spec("gp2", size), 4, latency=0.001, stripes=4 if size >= 400 else 1)
    assert (here.steady, here.burst) == (base, burst)


# -- the cheapest -------------------------------------------------------------------------------

def all_volumes(type, load):
    """Every volume on a grid around the load."""
    for size in sorted({math.ceil(load.size), *range(125, 2_001, 125)}):
        if type not in ebs.PROVISIONED:
            yield Spec(type, size)
            continue
        needed = math.ceil(load.most * math.ceil(load.io_size / 256))
        for iops in sorted({100, 3_000, needed, *range(500, 16_001, 500)}):
            moved = math.ceil(load.most * load.io_size / 1_024)
            for mib in {125, max(125, moved), 500} if type == "gp3" else {0}:
                yield Spec(type, size, iops, mib)


loads = st.builds(Load, st.integers(1, 1_500), st.integers(1, 4_000),
                  st.sampled_from([4, 16, 64, 256, 1_024]), st.integers(0, 6_000),
                  st.sampled_from([0, 600, 3_600, 14_400]), st.booleans(), st.booleans())


@settings(max_examples=40, deadline=None)
@given(loads)
def test_no_volume_of_a_grid_is_cheaper(load):
    """Brute force over sizes, IOPS and throughput finds none that holds the load for less."""
    found = cheapest(load)
    price = bill.total(found) if found else math.inf
    assert found is None or holds(found, load)
    for type in ebs.TYPES:
        for v in all_volumes(type, load):
            if holds(v, load):
                assert bill.total(v) >= price - 1e-9, (v, found)


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
    assert flow.pieces[:, FAILED].sum() == 0
    assert flow.pieces[:, LEFT].max() <= 1e-6 * load.most * sim.tick


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
    assert bill.total(Spec("gp3", 500, 4_000, 225)) == pytest.approx(40 + 5 + 4)
    assert bill.total(Spec("io1", 100, 1_000)) == pytest.approx(12.5 + 65)
    assert sum(bill.month_price(Spec("gp3", 500, 12_100, 500), 4).values()) == pytest.approx(40.5)
