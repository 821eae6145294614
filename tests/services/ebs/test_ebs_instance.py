"""What an instance can do with EBS: its baseline, its half hour a day, closed loops behind it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim as ls
from labsim.engine import Load, Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import ebs
from labsim.services.ec2.instance_store import InstanceStore

# AWS's table (EC2 User Guide, EBS-optimized instances): most IOPS and MB/s, baseline of each.
M5_LARGE = dict(iops=18_750, throughput=593.75, base_iops=3_600, base_throughput=81.25)
M5_XLARGE = dict(iops=18_750, throughput=593.75, base_iops=6_000, base_throughput=143.75)
T3_MEDIUM = dict(iops=11_800, throughput=260.57, base_iops=2_000, base_throughput=43.43)
M5_4XLARGE = dict(iops=18_750, throughput=593.75)


def run(instance, rate=50_000, io_size=4, duration=86_400, storage="io2", **values):
    """A volume that is never the limit, behind an instance."""
    def build(sim):
        disk = ebs.Volume(sim, "disk", storage, 1_000, iops=60_000, io_size=io_size,
                          queue_depth=10_000, timeout=1.0,
                          instance=ebs.Instance(**instance), **values)
        sim.send(rate, to=disk)
    return ls.simulate(build, duration)


@pytest.mark.parametrize("instance", [M5_LARGE, M5_XLARGE, T3_MEDIUM])
def test_its_maximum_lasts_for_half_an_hour_then_its_baseline(instance):
    """Flat out with small I/Os. Source: EC2 User Guide, "maximum performance for 30 minutes at
    least once every 24 hours"."""
    s = run(instance, duration=7_200).summary
    assert s["disk.ebs_baseline_s"] == pytest.approx(5_400, rel=1e-6)
    done = 1_800 * instance["iops"] + 5_400 * instance["base_iops"]
    assert s["disk.completed"] == pytest.approx(done, rel=1e-6)
    assert s["disk.steady_limit"] == instance["base_iops"]
    assert s["disk.burst_limit"] == instance["iops"]


@pytest.mark.parametrize("instance", [M5_LARGE, M5_XLARGE, T3_MEDIUM])
def test_so_does_its_throughput(instance):
    """With large I/Os; the table's MB are millions of bytes."""
    s = run(instance, io_size=256, duration=7_200).summary
    done = 1_800 * instance["throughput"] + 5_400 * instance["base_throughput"]
    assert s["disk.throughput_mean"] * 7_200 * 2**20 / 1e6 == pytest.approx(done, rel=1e-6)
    assert s["disk.ebs_baseline_s"] == pytest.approx(5_400, rel=1e-6)


def test_once_every_day():
    """Its bucket is full again after 24 hours, flat out or not; AWS Compute Blog, Simulating Amazon
    EC2 EBS burst credits."""
    s = run(M5_LARGE, duration=3 * 86_400).summary
    assert s["disk.ebs_baseline_s"] == pytest.approx(3 * (86_400 - 1_800), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(3_700, 18_700))
def test_how_long_it_lasts_at_any_rate(rate):
    """30 minutes of what the maximum is over the baseline, over what the load is over it."""
    def build(sim):
        disk = ebs.Volume(sim, "disk", "io2", 1_000, iops=60_000, queue_depth=10_000, io_size=4,
                          instance=ebs.Instance(**M5_LARGE))
        disk.keep(rate * disk.device.latency)
    s = ls.simulate(build, 86_000).summary
    lasts = 1_800 * (18_750 - 3_600) / (rate - 3_600)
    assert s["disk.ebs_baseline_s"] == pytest.approx(max(0, 86_000 - lasts), rel=1e-5, abs=1)


def test_a_large_size_has_no_such_day():
    """Its maximum is for good."""
    s = run(M5_4XLARGE).summary
    assert s["disk.iops_mean"] == pytest.approx(18_750)
    assert s["disk.ebs_baseline_s"] == 0 and s["disk.ebs_balance_end"] == 1


def test_below_its_baseline_credits_come_back():
    """Two hours flat out, then idle: full after the bucket over the baseline."""
    def build(sim):
        disk = ebs.Volume(sim, "disk", "io2", 1_000, iops=60_000, io_size=4, queue_depth=10_000,
                          timeout=0.1, instance=ebs.Instance(**M5_LARGE))
        sim.send(Load.spike(0.001, 5e7, 0, 3_600), to=disk)
    r = ls.simulate(build, 3_600 + 3_000)
    assert r.summary["disk.ebs_balance_end"] == pytest.approx(
        3_000 * 3_600 / (1_800 * (18_750 - 3_600)), rel=0.01)


def test_the_volume_has_its_own_credits():
    """A gp2 without credits behind an instance with them, and the other way round."""
    def house(sim):
        for name, credits, own in (("both", 1, 1), ("volume", 1, 0), ("instance", 0, 1)):
            disk = ebs.Volume(sim, name, "gp2", 100, credits=credits, io_size=4, instance=(
                ebs.Instance(4_000, 500, base_iops=1_000, credits=own)))
            disk.keep(32)
    s = ls.simulate(house, 60).summary
    assert [s[f"{name}.iops_mean"] for name in ("both", "volume", "instance")] == [
        pytest.approx(3_000), pytest.approx(1_000), pytest.approx(300)]


def test_who_ran_dry_is_told():
    """In the log, once each."""
    r = run(M5_LARGE, duration=7_200)
    told = [(e.t, e.text) for e in r.events if e.kind == "credits"]
    assert told == [(pytest.approx(1_800), "disk: the instance's credits are gone: 18,750 become "
                                           "3,600 I/Os/s")]


@pytest.mark.parametrize("values, name", [
    ({"iops": 0}, "iops"), ({"throughput": -1}, "throughput"), ({"base_iops": 20_000}, "base_iops"),
    ({"base_iops": 0}, "base_iops"), ({"base_throughput": 600}, "base_throughput"),
    ({"credits": 1.5}, "credits")])
def test_an_instance_that_cannot_be_is_refused(values, name):
    """At once, with the argument to change."""
    with pytest.raises(ParameterError) as caught:
        ebs.Instance(**{**M5_LARGE, **values})
    assert caught.value.name == name


# -- closed loops ------------------------------------------------------------------------------


def closed(outstanding, latency=0.001, duration=60, storage="gp3", **values):
    """A volume with so many I/Os outstanding."""
    def build(sim):
        disk = ebs.Volume(sim, "disk", storage, 500, io_size=4, latency=latency,
                          **{"queue_depth": 1e6, **values})
        disk.keep(outstanding)
    return ls.simulate(build, duration)


@given(st.floats(1, 500), st.floats(1e-4, 0.1))
@settings(max_examples=50, deadline=None)
def test_rate_is_depth_over_latency_up_to_the_limit(outstanding, latency):
    """And the latency what Little's law says: outstanding over rate, as fio shows it."""
    s = closed(outstanding, latency).summary
    rate = min(3_000, outstanding / latency)
    assert s["disk.iops_mean"] == pytest.approx(rate)
    assert s["disk.latency_mean"] == pytest.approx(outstanding / rate)
    assert s["disk.latency_p99"] == pytest.approx(outstanding / rate)
    assert s["disk.depth_mean"] == pytest.approx(outstanding)
    assert s["disk.device_latency"] == latency and s["disk.failed"] == 0


@pytest.mark.parametrize("depth, measured_iops, measured_us", [
    (4, 3_068, 1_301.99), (4, 3_070, 1_301.45), (4, 3_065, 1_303.18)])
def test_as_fio_measured_it(depth, measured_iops, measured_us):
    """gp2 of 8 GiB with credits, 4 KiB: three of dyu/vps-comparison's runs (2017). By Little's law
    its latency is that of the throttled volume, whatever the device takes."""
    s = closed(depth, 0.0005, storage="gp2").summary
    assert s["disk.iops_mean"] == pytest.approx(measured_iops, rel=0.03)
    assert s["disk.latency_mean"] == pytest.approx(measured_us / 1e6, rel=0.03)


def test_a_number_that_changes():
    """At its instant, in a run of a day; who is outstanding meanwhile ends first."""
    def build(sim):
        ebs.Volume(sim, "disk", "gp3", io_size=4, latency=0.001).keep(
            Load.spike(1, 2, 43_210.7, 10))
    s = ls.simulate(build, 86_400).summary
    assert s["disk.completed"] == pytest.approx(86_400 * 1_000 + 10 * 1_000, abs=2)
    assert s["disk.iops_max"] == pytest.approx(2_000)


def test_a_closed_loop_gives_up_after_the_timeout():
    """Each has its turn within the timeout or is sent anew: outstanding over the timeout come in a
    second, and those that are not done fail."""
    s = closed(30_000, timeout=1.0).summary
    assert s["disk.iops_mean"] == pytest.approx(3_000)
    assert s["disk.wait_mean"] == pytest.approx(1.0)
    assert s["disk.failed"] == pytest.approx((29_997 - 3_000) * 60, rel=0.01)
    assert s["disk.depth_mean"] == pytest.approx(30_000)


def test_a_stop_breaks_the_loop_off():
    """What is outstanding fails, nothing is sent meanwhile, then it goes on."""
    def build(sim):
        disk = ebs.Volume(sim, "disk", "gp3", io_size=4)
        disk.keep(32)
        disk.stop(100.5, 20)
    s = ls.simulate(build, 1_000).summary
    assert s["disk.completed"] == pytest.approx(3_000 * 980) and s["disk.failed"] == 29


def test_either_kept_or_sent():
    """Both at once is no plan."""
    def build(sim):
        disk = ebs.Volume(sim, "disk")
        disk.keep(8)
        sim.send(10, to=disk)
    with pytest.raises(LabsimError, match="nothing else comes"):
        ls.simulate(build, 60)
    with pytest.raises(ParameterError):
        ebs.Volume(Simulation(1, 60), "disk").keep(-1)


def test_an_instance_store_in_a_loop():
    """0.1 ms each: ten thousand a second for each outstanding."""
    def build(sim):
        InstanceStore(sim, "local").keep(8)
    assert ls.simulate(build, 60).summary["local.iops_mean"] == pytest.approx(80_000)
