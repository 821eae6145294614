"""Volumes, file systems and instance stores as parts: alone, two in one simulation, refused."""

import pytest

import labsim as ls
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import ebs, efs
from labsim.services.ec2.instance_store import InstanceStore


def two(sim, other=400):
    """A small gp2 volume that runs dry, and one that need not."""
    data, logs = ebs.Volume(sim, "data", "gp2", 50), ebs.Volume(sim, "logs", "gp2", 200)
    sim.send(2_500, to=data)
    sim.send(other, to=logs)


def test_two_volumes_in_one_simulation_do_not_mix():
    """Each has its own I/Os, credits and bill, whatever the other does; all laws hold."""
    both, more = ls.simulate(two, 7_200), ls.simulate(two, 7_200, other=5_000)
    assert both.summary["data.offered"] == both.summary["producers.offered"]
    assert both.summary["logs.offered"] == both.summary["producers of logs.offered"]
    assert both.summary["data.burst_lasts_s"] == pytest.approx(5.4e6 / 2_350, rel=0.01)
    assert both.summary["logs.burst_exhausted_s"] == 0 < both.summary["data.burst_exhausted_s"]
    assert {n: v for n, v in both.summary.items() if n.startswith("data.")} == {
        n: v for n, v in more.summary.items() if n.startswith("data.")}
    assert both.cost == {"data: storage": pytest.approx(5 * 7_200 / (730 * 3_600)),
                         "logs: storage": pytest.approx(20 * 7_200 / (730 * 3_600))}
    told = [event.text for event in both.events if event.kind == "credits"]
    assert len(told) == 1 and told[0].startswith("data: the credits are gone")
    for result in (both, more):
        assert all(law.holds(result) for law in result.lab.invariants)


def test_two_of_one_name_are_an_error():
    """Which names both."""
    sim = Simulation(1, 60)
    ebs.Volume(sim, "disk")
    with pytest.raises(ParameterError, match="a ebs.Volume and a efs.FileSystem"):
        efs.FileSystem(sim, "disk")


@pytest.mark.parametrize("values, name", [
    ({"type": "gp1"}, "type"), ({"size": 0}, "size"), ({"iops": 1}, "iops"),
    ({"throughput": 10_000}, "throughput"), ({"io_size": 0}, "io_size"),
    ({"latency": 0}, "latency"), ({"credits": 2}, "credits"), ({"stripes": 0}, "stripes"),
    ({"stripes": 1.5}, "stripes"),
    ({"limit": 0}, "limit"), ({"queue_depth": -1}, "queue_depth"), ({"timeout": 0}, "timeout"),
    ({"type": "gp2", "size": 20, "stripes": 32}, "size")])
def test_a_volume_that_cannot_be_is_refused(values, name):
    """At once, with the argument to change."""
    with pytest.raises(ParameterError) as caught:
        ebs.Volume(Simulation(1, 60), "disk", **values)
    assert caught.value.name == name


@pytest.mark.parametrize("values, name", [
    ({"mode": "fast"}, "mode"), ({"size": 0}, "size"), ({"io_size": 0}, "io_size"),
    ({"clients": 0}, "clients"), ({"reads": 1.5}, "reads"), ({"credits": -1}, "credits"),
    ({"throughput": -1}, "throughput")])
def test_a_file_system_that_cannot_be_is_refused(values, name):
    """At once, with the argument to change."""
    with pytest.raises(ParameterError) as caught:
        efs.FileSystem(Simulation(1, 60), "files", **values)
    assert caught.value.name == name


@pytest.mark.parametrize("name", ["size", "iops", "io_size", "latency"])
def test_an_instance_store_that_cannot_be_is_refused(name):
    """At once, with the argument to change."""
    with pytest.raises(ParameterError) as caught:
        InstanceStore(Simulation(1, 60), "local", **{name: 0})
    assert caught.value.name == name


def test_only_a_stopped_instance_store_loses_its_data():
    """A file system and a volume beside it keep theirs, and nobody is served meanwhile."""
    def house(sim):
        parts = [InstanceStore(sim, "local", 400), ebs.Volume(sim, "disk"),
                 efs.FileSystem(sim, "files")]
        for part in parts:
            sim.send(10, to=part)
            part.stop(600, 300)
    r = ls.simulate(house, 1_200)
    assert r.summary["local.lost_gib"] == 400
    for name in ("local", "disk", "files"):
        assert r.summary[f"{name}.failed"] == pytest.approx(3_000, rel=0.1)
    with pytest.raises(ParameterError, match="length"):
        ebs.Volume(Simulation(1, 60), "disk").stop(10, 0)


def test_what_a_volume_has_done_can_come_to_another_part():
    """Blocks read from one volume are written to another, in whole I/Os, and none is lost."""
    def copy(sim):
        old, new = ebs.Volume(sim, "old", "gp2", 50, credits=0), ebs.Volume(sim, "new")
        old.done.to(new)
        sim.send(500, to=old)
    r = ls.simulate(copy, 600)
    assert abs(r.summary["new.offered"] - r.summary["old.completed"]) <= 1
    assert r.summary["new.completed"] == pytest.approx(150 * 600, rel=0.01)


def test_what_is_not_wired_says_so():
    """Nobody sends."""
    with pytest.raises(LabsimError, match="nothing comes to disk"):
        ls.simulate(lambda sim: ebs.Volume(sim, "disk"), 60)
