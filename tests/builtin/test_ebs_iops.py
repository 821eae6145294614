"""Volumes, credits and the narrowest place in the lab, rule by rule."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim import theory
from labsim.builtin.ebs_iops import model
from labsim.errors import ParameterError

LAB = labsim.lab("ebs-iops")


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


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
        assert s["burst_lasts_s"] == pytest.approx(due, rel=0.03, abs=1)
    elif due > 45_000:
        assert s["burst_exhausted_s"] == 0 and s["burst_lasts_s"] == 43_200


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
def test_the_narrowest_of_volume_and_instance_decides(io_size, iops, mb):
    """The least of four limits, in I/Os."""
    p = LAB.Params(storage="gp3", size=500, io_size=io_size, instance_iops=iops,
                   instance_throughput=mb, queue_depth=100_000)
    ops = math.ceil(io_size / 256)
    expected = min(3_000 / ops, 125 * 1_024 / io_size, iops / ops, mb * 1e6 / 1_024 / io_size)
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


# -- EFS, RDS, money --------------------------------------------------------------------------

def test_efs_runs_dry_as_its_example_says_but_earns_meanwhile():
    """100 MiB/s written to 100 GiB: 2.1 TiB at 100 less 4.88 MiB/s."""
    s = summary(storage="efs-bursting", size=100, io_size=1_024, io_rate=100, read_share=0,
                queue_depth=1_000, duration=86_400)
    assert s["burst_lasts_s"] == pytest.approx(2.1 * 2**20 / (100 - 100 * 50 / 1_024), rel=0.01)


@pytest.mark.parametrize("storage, values", [
    ("gp2", {}), ("gp3", {"provisioned_iops": 12_000, "provisioned_throughput": 1_000}),
    ("io2", {"provisioned_iops": 4_000}), ("st1", {}), ("sc1", {})])
def test_four_volumes_do_what_four_volumes_do(storage, values):
    """Of a quarter of everything each."""
    load = dict(queue_depth=100_000, instance_iops=10**6, instance_throughput=20_000)
    whole = LAB.Params(storage=storage, size=1_000, stripes=4, **values, **load)
    each = LAB.Params(storage=storage, size=250, **{n: v / 4 for n, v in values.items()}, **load)
    four, one = model.seen(whole), model.seen(each)
    four, one = four.device, one.device
    assert (four.steady, four.burst, four.bucket) == (4 * one.steady, 4 * one.burst, 4 * one.bucket)
    assert four.seconds_of_burst(4 * one.burst) == pytest.approx(one.seconds_of_burst(one.burst))


def test_the_bill_is_for_the_time_of_the_run():
    """And for a month at this rate."""
    s = summary(size=100)
    assert s["month_usd"] == pytest.approx(10)
    assert s["cost_usd"] == pytest.approx(10 * 28_800 / (730 * 3_600))
