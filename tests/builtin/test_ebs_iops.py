"""Volumes, credits and the narrowest place in the lab, rule by rule."""

import math
import time

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
    (dict(storage="gp3", size=1, provisioned_iops=4_000), "provisioned_iops"),
    (dict(storage="efs-provisioned", provisioned_throughput=3_415), "provisioned_throughput"),
    (dict(base_iops=20_001), "base_iops"), (dict(base_throughput=601), "base_throughput"),
    (dict(busy_every=3_600, busy_duration=3_600), "busy_every")])
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


# -- limits that bite unseen -------------------------------------------------------------------

IO2 = dict(storage="io2", size=500, provisioned_iops=100_000)


def notes(**values):
    """What a run says of its limits, by what it begins with."""
    return {text.split(":")[0]: text for text in LAB.run(LAB.Params(**values)).notes}


@pytest.mark.parametrize("values, told", [
    ({}, []), (dict(storage="gp3"), []),
    (dict(IO2, queue_depth=1_000, instance_throughput=20_000), ["instance_iops"]),
    (dict(IO2, queue_depth=1_000, instance_iops=40_000), ["instance_throughput", "instance_iops"]),
    (dict(IO2, queue_depth=1_000, instance_iops=200_000, instance_throughput=20_000), []),
    (dict(IO2, queue_depth=8, instance_iops=200_000, instance_throughput=20_000), ["queue_depth"]),
    (dict(IO2, queue_depth=1_000, instance_iops=200_000, instance_throughput=20_000, nitro=False),
     ["nitro"]),
    (dict(storage="gp3", io_size=64, io_rate=1_000), []),
    (dict(storage="gp3", io_size=64, io_rate=2_500), ["throughput"]),
    (dict(storage="gp3", io_size=512, io_rate=500), ["throughput", "io_size"]),
    (dict(storage="gp3", io_size=16, io_rate=500, sequential=True), ["sequential"]),
    (dict(storage="gp3", io_rate=100, busy_factor=30, base_iops=1_000), ["base_iops"]),
    (dict(storage="gp3", closed_loop=True, queue_depth=2), ["queue_depth"]),
    (dict(storage="gp3", closed_loop=True, queue_depth=3), []),
    (dict(size=5_334), []), (dict(size=5_335), ["size"]),
    (dict(storage="st1", size=12_800), ["io_size"]),
    (dict(storage="st1", size=12_900, sequential=True), ["sequential", "size"]),
    (dict(storage="efs-elastic", io_size=1_024, io_rate=1_600, queue_depth=1_000), ["instances"]),
    (dict(storage="efs-elastic", io_size=1_024, io_rate=1_400, queue_depth=1_000), []),
    (dict(storage="efs-elastic", io_size=1_024, io_rate=600, queue_depth=1_000, new_client=False),
     ["instances"]),
    (dict(storage="efs-elastic", io_size=2), ["io_size"]),
    (dict(storage="efs-provisioned", size=10_000), ["provisioned_throughput"])])
def test_a_limit_that_bites_unseen_is_told(values, told):
    """The narrowest first; nothing where nothing bites."""
    assert list(notes(**values)) == told


def test_what_a_note_says_is_so():
    """The rate of the first note is the rate of the run."""
    for values, rate in ((dict(IO2, io_rate=10**6), 20_000),
                         (dict(IO2, io_rate=10**6, nitro=False, instance_iops=40_000,
                               instance_throughput=2_000, queue_depth=100), 32_000),
                         (dict(storage="gp3", io_size=256, io_rate=1_000), 500),
                         (dict(IO2, io_rate=10**6, queue_depth=5), 10_000)):
        run = LAB.run(LAB.Params(duration=600, **values))
        assert run.summary["iops_mean"] == pytest.approx(rate)
        assert f"{rate:,} I/Os/s" in run.notes[0]


@given(st.integers(1, 2_000), st.integers(1, 100_000), st.sampled_from(["gp3", "io1", "io2"]))
@settings(max_examples=40, deadline=None)
def test_who_falls_behind_what_it_pays_for_is_told(io_size, depth, storage):
    """If less than the IOPS can be had, a note says why; if all can, none does."""
    p = LAB.Params(storage=storage, size=500, provisioned_iops=10_000, io_size=io_size,
                   queue_depth=depth, io_rate=10**6)
    less = model.seen(p).steady < 10_000 / math.ceil(io_size / 256) * (1 - 1e-9)
    said = {text.split(":")[0] for text in LAB.run(p.changed(duration=60)).notes}
    assert bool(said - {"io_size"}) == less


# -- latency and the timeout ----------------------------------------------------------------------

@pytest.mark.parametrize("storage, knob, more", [
    ("gp3", "ssd_latency", {}), ("io2", "io2_latency", {}), ("st1", "hdd_latency", {}),
    ("instance-store", "local_latency", {}), ("efs-elastic", "read_latency", {"read_share": 1}),
    ("efs-elastic", "write_latency", {"read_share": 0})])
@pytest.mark.parametrize("latency", [0.0002, 0.004])
def test_the_latency_of_every_device_is_a_knob(storage, knob, more, latency):
    """It is told apart from the line, and the timeout counts the line only."""
    values = dict(storage=storage, size=500, io_rate=1, io_size=64, duration=600, latency_tail=1,
                  **more)
    quiet = summary(**values, **{knob: latency})
    assert quiet["device_latency"] == pytest.approx(latency)
    assert quiet["latency_mean"] == pytest.approx(latency)
    assert quiet["latency_p99"] == pytest.approx(latency)
    assert quiet["wait_mean"] == 0 == quiet["failed"]
    full = summary(**{**values, "io_rate": 10**6}, queue_depth=1, timeout=0.05, **{knob: latency})
    assert full["wait_mean"] == pytest.approx(0.05, rel=0.001)
    assert full["latency_p99"] == pytest.approx(0.05 + latency)


@pytest.mark.parametrize("storage", ["efs-elastic", "efs-provisioned", "efs-bursting"])
@pytest.mark.parametrize("clients", [1, 10, 30, 64, 400])
def test_clients_with_one_file_each(storage, clients):
    """Clients over the time of a file, 5.3 ms to read and 15 ms to write as measured, up to what a
    new file system does: the latency is by the law of Little, too."""
    for share, took, most in ((1, 0.0053, 7_028), (0, 0.015, 3_662)):
        s = summary(storage=storage, closed_loop=True, queue_depth=1, instances=clients, io_size=1,
                    provisioned_throughput=1_000, read_share=share, duration=60)
        assert s["iops_mean"] == pytest.approx(min(clients / took, most))
        assert s["latency_mean"] == pytest.approx(max(took, clients / most))


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 1])
def test_reads_and_writes_share_what_a_file_system_does(share):
    """Half of the most reads leaves half of the most writes; and nothing beyond AWS's quota."""
    full = dict(storage="efs-elastic", closed_loop=True, queue_depth=10_000, io_size=1,
                duration=60, read_share=share)
    each = summary(**full)["iops_mean"]
    assert each * share / 7_028 + each * (1 - share) / 3_662 == pytest.approx(1)
    each = summary(**full, read_iops=10**7, write_iops=10**7)["iops_mean"]
    assert each * share / 250_000 + each * (1 - share) / 50_000 == pytest.approx(1)


def test_a_file_system_that_does_less_than_its_quota_says_so():
    """In a note, with the parameters to raise."""
    busy = dict(storage="efs-elastic", io_size=4, io_rate=20_000, queue_depth=1_000)
    assert list(notes(**busy)) == ["read_iops, write_iops"]
    assert not notes(**busy, read_iops=250_000, write_iops=50_000)


@pytest.mark.parametrize("size, most", [(8, 3_000), (500, 3_000), (1_000, 3_000), (2_000, 6_000),
                                        (5_000, 15_000), (8_000, 16_000)])
@pytest.mark.parametrize("depth", [1, 4, 32])
def test_fio_at_a_gp2_of_any_size(size, most, depth):
    """With credits 3,000 IOPS or the baseline, if more, as far as the queue depth allows; without
    the baseline. The latency is the queue depth over the rate."""
    for credits, limit in ((1, most), (0, min(max(100, 3 * size), most))):
        s = summary(size=size, closed_loop=True, queue_depth=depth, io_size=4, credits=credits,
                    duration=300)
        rate = min(limit, depth / 0.001)
        assert s["iops_mean"] == pytest.approx(rate, rel=1e-4)
        assert s["latency_mean"] == pytest.approx(depth / rate, rel=1e-3)


def test_a_closed_loop_needs_no_rate():
    """And its rate does not matter."""
    loop = dict(storage="gp3", closed_loop=True, queue_depth=8, duration=600)
    assert summary(**loop) == summary(**loop, io_rate=10**6)
    assert summary(**loop)["iops_mean"] == pytest.approx(3_000)


def test_a_loop_that_is_busier():
    """So many times as many outstanding in the busy time."""
    s = summary(storage="gp3", size=500, closed_loop=True, queue_depth=1, busy_factor=2,
                busy_start=60, busy_duration=60, duration=600)
    assert s["iops_mean"] == pytest.approx(1_000 * (540 + 2 * 60) / 600)
    assert s["iops_max"] == pytest.approx(2_000)


def test_a_file_system_is_not_behind_the_instances_ebs_limit():
    """Its traffic is the network's."""
    narrow = dict(storage="efs-elastic", io_size=1_024, io_rate=1_000, queue_depth=1_000,
                  instance_throughput=1, instance_iops=100, duration=60)
    assert summary(**narrow)["throughput_mean"] == pytest.approx(1_000, rel=0.05)


def test_a_day_of_micro_bursts_is_quick():
    """1,440 of them; a long run without costs no more than a short one."""
    for values in (dict(duration=86_400, busy_every=60, busy_duration=0.2, busy_factor=200),
                   dict(duration=8_640_000)):
        begin = time.process_time()
        summary(**values)
        assert time.process_time() - begin < 0.5


# -- what the stage shows ----------------------------------------------------------------------

@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
def test_what_flows_on_the_stage_adds_up(preset):
    """I/Os that come are done, given up, or stand in line; what lives on credits is what is done
    beyond what they are earned for."""
    r = LAB.run(LAB.Params(**preset.values))
    of = {name: series.value[1:] for name, series in r.series.items()}
    tick = r.series["queue"].t[1]
    came = (of["completed_rate"] + of["failed_rate"]).cumsum() * tick + of["queue"]
    assert came == pytest.approx(of["offered_rate"].cumsum() * tick, abs=1e-3 * came[-1] + 1e-6)
    assert (of["spent_rate"] <= of["completed_rate"] * (1 + 1e-6) + 1e-6).all()
    assert (of["spent_rate"] > 0).any() == (r.summary["credits_low"] < 1)


@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
@pytest.mark.parametrize("part", [0.1, 0.3, 0.9])
def test_a_burst_raises_the_load(preset, part):
    """At any moment: before the busy time, in it, after it, or where there is none."""
    p = LAB.Params(**preset.values)
    burst = LAB.Params(**{**preset.values, **LAB.boxes[0].burst(p, part * p.duration)})
    calm, busy = (LAB.run(each).summary["offered"] for each in (p, burst))
    assert busy > 1.01 * calm


def test_a_file_says_when_ios_come_so_that_no_loop_is_closed(tmp_path):
    """It is said so, and the run is that of an open loop."""
    file = tmp_path / "minutes.csv"
    file.write_text("timestamp,value\n" + "".join(
        f"2026-01-01T00:{minute:02}:00,{60_000 * (1 + minute % 2)}\n" for minute in range(20)))
    lab = labsim.lab("ebs-iops")
    p = lab.Params(workload="trace", trace=str(file), storage="gp3")
    closed = p.changed(closed_loop=True)
    assert closed.idle()["closed_loop"] == closed.idle()["io_rate"] == "workload"
    open_, same = lab.run(p), lab.run(closed)
    assert same.summary == open_.summary and open_.summary["offered"] == 20 * 90_000
    assert any(note.startswith("closed_loop has no effect") for note in same.notes)
