"""EC2's instances: when they come, how they go, what they cost."""

import pytest

import labsim as ls
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError
from labsim.services import autoscaling, ec2, sqs
from labsim.services.ec2 import Fleet, Hook, Instance, Reclaims, WarmPool, bill
from labsim.services.ec2.launch import longest_wait


def test_a_boot_that_completes_at_a_metric_period_counts_in_it():
    """Capacity before metric: launched at 20 s with 100 s to boot, it is there at 120 s."""
    sim = Simulation(1, 300.0)
    fleet = Fleet(sim, "fleet", 100.0)
    seen = []

    def launch():
        yield sim.until(20.0, 5)
        fleet.launch()

    def look():
        yield sim.until(120.0, 3)
        seen.append(fleet.count("in service"))
    sim.process(look())
    sim.process(launch())
    sim.run()
    assert seen == [1]


def test_the_mean_launch_is_over_those_that_had_to_boot():
    """Two that were there at once don't count, nor does one that is still booting: 10 s and 30 s
    make 20; with no launch at all it is 0."""
    sim, times = Simulation(1, 100.0), iter((10.0, 30.0, 500.0))
    fleet = Fleet(sim, "fleet", size=2, boots=lambda: (next(times), True))
    value = next(m.value for m in Fleet.METRICS if m.name == "launch_s")
    assert value(fleet) == 0
    for _ in range(3):
        fleet.launch()
    sim.run()
    assert value(fleet) == 20


def test_billing_is_by_the_second_with_a_minimum_of_a_minute():
    """An instance that lived 10 s costs 60 s, one that lived 100 s costs 100 s."""
    assert Instance(0, "a", 0.0, ended=10.0).billed(1_000.0) == 60
    assert Instance(0, "a", 0.0, ended=100.0).billed(1_000.0) == 100
    assert Instance(0, "a", 900.0).billed(1_000.0) == 100


def test_a_warm_pool_that_is_empty_is_a_cold_start():
    """Four come out of it, the fifth boots like any other; the pool fills up again."""
    pool = WarmPool(Simulation(1, 1_000), "pool", 4, resume=40.0, cold=90.0)
    assert [pool.take() for _ in range(5)] == [40, 40, 40, 40, 90]
    pool.sim.run()
    assert pool.ready == 4 and pool.prepared == 4


def test_a_hook_is_over_or_given_up():
    """Its work within the timeout; with heartbeats a hundred times as long, 48 h at most."""
    assert Hook(300, timeout=240).passed(90) == (330, False)
    assert Hook(300, timeout=300).passed(90) == (390, True)
    assert Hook(300, timeout=240, heartbeats=True).passed(90) == (390, True)
    assert Hook(7_000, timeout=60, heartbeats=True).passed(90) == (6_090, False)
    assert longest_wait(3_600) == 172_800 and longest_wait(300) == 30_000


def test_a_terminated_instance_is_paid_while_its_hook_works():
    """Out of service at 100 s, gone 50 s later."""
    sim = Simulation(1, 600.0)
    queue = sqs.Queue(sim, "queue", work=ls.fixed(1))
    fleet = Fleet(sim, "fleet", consumes=queue, size=1, drain_time=50)

    def story():
        yield sim.until(100.0, Order.SCALING)
        fleet.terminate(fleet.instances[0], fleet.release(fleet.instances[0]))
    sim.process(story())
    sim.run()
    instance = fleet.all[0]
    assert (instance.left_at, instance.ended, fleet.billed_seconds()) == (100, 150, 150)


def test_what_a_zone_that_is_down_takes_along_is_neither_there_nor_paid():
    """Four of ten instances are gone for a tenth of the run, and back after it: 9.6 on average,
    and so many are billed; utilization is what they worked of the time that they were there."""
    def build(sim):
        ec2.Fleet(sim, "w", size=10, work=ls.fixed(1), consumes=(queue := sqs.Queue(sim, "q")))
        sim.send(2, to=queue)
    r = ls.simulate(build, 10_000, faults=[("w-a", "down", 1_000, 1_000)])
    s, there = r.summary, r.series["w.in_service"]
    assert s["w.instances_mean"] == pytest.approx(9.6)
    assert s["w.instance_hours"] == pytest.approx(96_000 / 3_600)
    assert s["w.utilization"] == pytest.approx(s["q.completed"] / 96_000, rel=1e-3)
    assert set(there.value[(there.t >= 1_000) & (there.t < 2_000)]) == {6}
    assert set(there.value[(there.t < 1_000) | (there.t >= 2_000)]) == {10}


def test_who_still_booted_when_its_zone_went_down_boots_again_when_it_is_back():
    """Of two in the zone the one that was there is there at once, the other a boot later."""
    def build(sim):
        fleet = ec2.Fleet(sim, "w", 50, size=3, work=ls.fixed(1),
                          consumes=(queue := sqs.Queue(sim, "q")))
        fleet.launch()
        sim.send(1, to=queue)
    r = ls.simulate(build, 300, faults=[("w-a", "down", 20, 100)])
    there = r.series["w.in_service"]
    assert [int(there.value[there.t.searchsorted(t)]) for t in (10, 30, 110, 130, 160, 180)] == [
        3, 2, 2, 3, 3, 4]


def test_zones_are_filled_evenly_and_add_up():
    """Seven instances in three zones: three, two, two."""
    sim = Simulation(1, 60.0)
    fleet = Fleet(sim, "fleet", size=7)
    sim.run()
    assert [n[-1] for n in fleet.zones().values()] == [3, 2, 2]
    assert (sum(fleet.zones().values()) == fleet.series()["in_service"][0]).all()


def test_the_bill_by_line():
    """An hour of two instances, one of them Spot at 75% off; detailed monitoring of both."""
    pair = [Instance(0, "a", 0.0), Instance(1, "b", 0.0, spot=True)]
    lines = bill.by_line(pair, 3_600.0, price=0.04, discount=75, detailed=True)
    assert lines == {"On-Demand": 0.04, "Spot": pytest.approx(0.01),
                     "Detailed monitoring": pytest.approx(2 * bill.DETAILED)}


def test_cpu_credits_as_in_the_user_guide():
    """burstable-credits-baseline-concepts, unlimited-mode-concepts."""
    assert bill.credits_per_hour(2, 5) == 6 and bill.credits_kept(2, 5) == 144
    assert bill.credits_net(2, 5, 2) == pytest.approx(3.6)
    assert bill.credit_balance(1, 10, 0, 24, launch=30) == 174
    assert bill.unlimited_break_even(2, 30, 0.0835, 0.096) == pytest.approx(42.5)


def system(sim, fleets=1):
    """Spot fleets, each with a group, reclaims and a warm pool."""
    for n in range(fleets):
        pool = WarmPool(sim, f"pool{n}", 2, resume=30, cold=90, price=0.04, disk=12)
        fleet = Fleet(sim, f"fleet{n}", boots=lambda pool=pool: (pool.take(), True),
                      spot_share=1, detailed=True)
        group = autoscaling.Group(sim, f"group{n}", fleet, min_size=4 + n, max_size=9)
        Reclaims(sim, f"spot{n}", group, per_day=24, rebalance=bool(n))


def test_spot_is_reclaimed_and_replaced_from_the_pool():
    """The group keeps its size, the pool is used, everything is on the bill."""
    r = ls.simulate(system, duration=86_400)
    assert r.summary["spot0.spot_lost"] > 20 and r.summary["pool0.prepared"] > 20
    assert r.series["fleet0.in_service"].value[-1] == 4
    assert set(r.cost) == {"pool0: Warm pool", "fleet0: On-Demand", "fleet0: Spot",
                           "fleet0: Detailed monitoring"}
    assert all(law.holds(r) for law in r.lab.invariants)


def test_two_fleets_do_not_mix():
    """Beside a second one the first does what it does alone."""
    alone, both = (ls.simulate(system, duration=86_400, fleets=n).summary for n in (1, 2))
    assert all(both[name] == value for name, value in alone.items() if name != "cost_usd")
    assert both["fleet1.instances_max"] >= 5


def test_two_of_one_name():
    """The error names both parts."""
    sim = Simulation(1, 60.0)
    Fleet(sim, "workers")
    with pytest.raises(ParameterError, match='"workers": a ec2.Fleet and a ec2.WarmPool'):
        WarmPool(sim, "workers", 1, resume=1, cold=1)


@pytest.mark.parametrize("name, make", [
    *[(name, lambda sim, name=name, bad=bad: Fleet(sim, "x", **{name: bad})) for name, bad in (
        ("boot", -1), ("size", -1), ("price", -1), ("drain_time", -1), ("spot_share", 2),
        ("spot_discount", 101))],
    *[(name, lambda sim, name=name: WarmPool(
        sim, "x", **{"size": 1, "resume": 1, "cold": 1, name: -1})) for name in (
            "size", "resume", "cold", "price", "disk")],
    ("takes", lambda sim: Hook(-1)), ("timeout", lambda sim: Hook(1, float("nan"))),
    ("per_day", lambda sim: Reclaims(sim, "x", autoscaling.Group(
        sim, "group", ec2.Fleet(sim, "fleet"), min_size=1, max_size=1), -1))])
def test_bad_arguments(name, make):
    """Refused at once, by name."""
    with pytest.raises(ParameterError) as caught:
        make(Simulation(1, 60.0))
    assert caught.value.name == name


def test_cpu_is_the_share_of_the_last_minute_that_was_work():
    """AWS's ASGAverageCPUUtilization, read each minute: 3 messages/s of a second for 10; with
    nobody in service there is no data."""
    def build(sim, size=10):
        queue = sqs.Queue(sim, "queue")
        fleet = Fleet(sim, "fleet", consumes=queue, work=ls.fixed(1), size=size)
        fleet.cpu()
        sim.send(ls.spike(3, 2, start=600, length=600), to=queue)
    value = ls.simulate(build, 1_800).series["fleet CPU.value"]
    means = [value.value[(value.t > start + 60) & (value.t <= start + 600)].mean()
             for start in (0, 600, 1_200)]
    assert means == pytest.approx([30, 60, 30], abs=4)
    assert value.value.max() <= 100

    def nobody(sim):
        queue = sqs.Queue(sim, "queue")
        fleet = Fleet(sim, "fleet", 3_000, consumes=queue, work=ls.fixed(1))
        autoscaling.Group(sim, "group", fleet, min_size=0, max_size=1)
        fleet.cpu()
        sim.send(1, to=queue)
    assert not ls.simulate(nobody, 600).series["fleet CPU.value"].value.any()
