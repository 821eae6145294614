"""Target groups: what an Auto Scaling group does with its own, and several behind one balancer."""

import pytest

import labsim as ls
from labsim.services import autoscaling, ec2, elb, sqs


def holds(result):
    assert [law.name for law in result.lab.invariants if not law.holds(result)] == []
    return result.summary


# -- a group that shrinks ------------------------------------------------------------------------

def test_who_is_scaled_in_behind_a_balancer_finishes_its_requests():
    """Four scale-ins after a spike, requests of 2 s, a deregistration delay of 300 s: none is cut
    off, and an instance is let go when its last one has ended. With drain=False some are."""
    def build(sim, cuts=False):
        tg = elb.Balancer(sim, "tg", work=ls.exponential(2), threads=400)
        fleet = ec2.Fleet(sim, "fleet", 60, consumes=tg, **({"drain": False} if cuts else {}))
        group = autoscaling.Group(sim, "group", fleet, min_size=3, max_size=20, warmup=60)
        autoscaling.TargetTracking(group, tg.requests_per_target(), target=600)
        sim.send(ls.spike(15, 4, start=600, length=900), to=tg)
    drained, cut = (holds(ls.simulate(build, 3_600, cuts=cuts)) for cuts in (False, True))
    assert drained["group.scale_ins"] >= 3 and drained["tg.failed"] == 0
    assert 2 < drained["tg.drain_s"] < 40
    assert cut["tg.cut_off"] == cut["tg.failed"] > 10


def test_requests_beyond_the_deregistration_delay_are_cut_off():
    """Requests of 50 s and a delay of 20 s: the instance is gone, and not paid, 20 s after it left.
    """
    def build(sim):
        tg = elb.Balancer(sim, "tg", work=ls.fixed(50), threads=400, deregistration_delay=20)
        fleet = ec2.Fleet(sim, "fleet", consumes=tg, size=2)
        group = autoscaling.Group(sim, "group", fleet, min_size=1, max_size=2)
        autoscaling.ScheduledActions(group, [(100, 1)])
        sim.send(2, to=tg)
    s = holds(ls.simulate(build, 600))
    assert s["tg.cut_off"] == s["tg.failed"] > 10
    assert s["tg.drain_s"] == 20 and s["fleet.instance_hours"] == pytest.approx(720 / 3_600)


def test_before_a_queue_nobody_is_waited_for_unless_told():
    """drain=None is drain=False there."""
    def build(sim, how="none"):
        queue = sqs.Queue(sim, "queue", visibility_timeout=100)
        given = {} if how == "none" else {"drain": how == "yes"}
        fleet = ec2.Fleet(sim, "fleet", consumes=queue, work=ls.fixed(50), size=4, **given)
        group = autoscaling.Group(sim, "group", fleet, min_size=1, max_size=4)
        autoscaling.ScheduledActions(group, [(100, 1)])
        sim.send(1, to=queue)
    none, no, yes = (ls.simulate(build, 600, how=how).summary for how in ("none", "no", "yes"))
    assert none == no and none["fleet.instance_hours"] < yes["fleet.instance_hours"]


@pytest.mark.parametrize("behind", ["balancer", "queue"])
def test_who_is_lost_finishes_nothing(behind):
    """Spot capacity that is taken back: what is in hand is cut off, or comes back, however patient
    a scale-in would be."""
    def build(sim):
        if behind == "balancer":
            front = elb.Balancer(sim, "front", work=ls.fixed(50), threads=400)
        else:
            front = sqs.Queue(sim, "front", visibility_timeout=300, work=ls.fixed(50))
        fleet = ec2.Fleet(sim, "fleet", 60, consumes=front, drain=True, spot_share=1)
        group = autoscaling.Group(sim, "group", fleet, min_size=6, max_size=6)
        ec2.Reclaims(sim, "spot", group, per_day=100)
        sim.send(0.1, to=front)
    s = holds(ls.simulate(build, 7_200))
    assert s["spot.spot_lost"] > 10
    assert (s["front.cut_off"] if behind == "balancer" else s["front.redelivered"]) > 2


# -- several groups behind one balancer ------------------------------------------------------------

CHECKS = elb.HealthChecks(interval=10, timeout=5, unhealthy=2, healthy=2)


def two_groups(sim, rate=100, kind="alb", each="alb", size=6, direct=0, by_rules=False):
    """An ALB before groups a and b, which get half each, and what comes to a directly."""
    groups = [elb.Balancer(sim, name, each, targets=(size // 3,) * 3, work=ls.exponential(0.02),
                           threads=50, checks=CHECKS) for name in "ab"]
    if by_rules:
        front = elb.Balancer(sim, "front", kind, targets=(1, 1, 1), work=ls.fixed(0.001))
        for group in groups:
            front.then(group, share=0.5)
    else:
        front = elb.Balancer(sim, "front", kind, targets=groups, checks=CHECKS)
    sim.send(rate, to=front)
    if direct:
        sim.send(direct, to=groups[0], name="others")


@pytest.mark.parametrize("given, billed", [
    ({}, {"front"}), ({"by_rules": True}, {"front"}), ({"kind": "nlb", "each": "nlb"}, {"front"}),
    ({"kind": "nlb"}, {"front", "a", "b"}), ({"direct": 5}, {"front", "a"})])
def test_hours_and_capacity_units_are_the_balancer_s(given, billed):
    """Target groups cost nothing but their targets. An ALB behind an NLB is a balancer, and so is
    what gets requests of its own."""
    cost = ls.simulate(two_groups, 600, **given).cost
    for line in ("balancer", "capacity units"):
        assert {name for name in ("front", "a", "b") if f"{name}: {line}" in cost} == billed
    assert "a: targets" in cost and ("front: targets" in cost) == ("by_rules" in given)


def test_a_lost_zone_of_the_balancer_takes_its_node_only():
    """A third of the requests is turned away until DNS drops the node; the groups go on."""
    s = holds(ls.simulate(two_groups, 600, rate=300, faults=[("front-a", "lost", 100, 100)]))
    assert s["front.failed"] == s["front.rejected"] + s["front.cut_off"]
    # Names looked up before the eviction, after 30 s, live on for a minute.
    assert s["front.rejected"] == pytest.approx(100 * (30 + 60 / 2), rel=0.05)
    assert s["a.offered"] == pytest.approx(s["b.offered"], abs=1)
    assert s["a.failed"] == s["b.failed"] == 0 and s["front.cross_zone_share"] == 0


def test_a_lost_zone_of_a_group_takes_its_targets_only():
    """A third of this group's targets hangs until its checks have failed; then nobody fails."""
    r = ls.simulate(two_groups, 600, faults=[("a-a", "lost", 100, 200)])
    s, in_service, failed = holds(r), r.series["a.in_service"], r.series["front.failed_rate"]
    assert s["a.rejected"] == s["b.failed"] == 0 and s["a.failed"] == s["front.failed"]
    assert 50 / 3 * 10 < s["front.failed"] < 50 / 3 * 25
    assert set(in_service.value[(in_service.t > 130) & (in_service.t < 300)]) == {4}
    assert not failed.value[failed.t > 200].any()       # beyond the idle timeout
    said = {name: r.breakable[name]["lost"].meaning for name in ("front-a", "a-a")}
    assert "node is lost" in said["front-a"] and "targets there" in said["a-a"]


def test_a_group_s_share_is_not_sent_to_another():
    """A group that is down: its half fails as long as it is, for what is checked are targets."""
    r = ls.simulate(two_groups, 600, faults=[("a", "down", 100, 300)])
    s = holds(r)
    assert s["front.failed"] == s["a.rejected"] + s["a.cut_off"]
    assert s["front.failed"] == pytest.approx(50 * 300, rel=0.02) and s["b.failed"] == 0
    assert set(r.series["front.in_service"].value) == {2}


def test_parts_as_targets_come_and_go_in_no_zone():
    """One of two groups is deregistered: the other gets all; with cross-zone off both get theirs
    from each node."""
    def build(sim, cross="on"):
        groups = [elb.Balancer(sim, name, targets=(1, 1, 1), work=ls.exponential(0.02))
                  for name in "ab"]
        front = elb.Balancer(sim, "front", targets=groups, cross_zone=cross)
        front.remove(300, 1)
        sim.send(50, to=front)
    for cross in ("on", "off"):
        s = holds(ls.simulate(build, 600, cross=cross))
        assert s["a.offered"] == pytest.approx(7_500, rel=0.05)
        assert s["b.offered"] == pytest.approx(22_500, rel=0.05) and s["front.failed"] == 0


# -- how many are needed ------------------------------------------------------------------------

def tracked(sim, rate=60, rises=1.0, interval=10):
    """Six instances at least, at 10 requests/s each."""
    tg = elb.Balancer(sim, "tg", work=ls.exponential(0.1), threads=50, checks=elb.HealthChecks(
        interval=interval, timeout=2, unhealthy=2, healthy=2))
    fleet = ec2.Fleet(sim, "fleet", 60, consumes=tg)
    group = autoscaling.Group(sim, "group", fleet, min_size=6, max_size=40, warmup=60)
    autoscaling.TargetTracking(group, tg.requests_per_target(), target=600)
    sim.send(ls.spike(rate, rises, start=600, length=3_000), to=tg)


def test_who_is_unhealthy_comes_on_top_of_what_the_load_needs():
    """Six instances at 550 of 600 requests a minute each; a zone is lost, and the other four have
    825: out to six healthy ones beside all that are in the lost zone, newcomers included, and in
    again when it is back."""
    r = ls.simulate(tracked, 3_600, rate=55, faults=[("tg-a", "lost", 600, 1_500)])
    per, healthy, dead, desired = (r.series[name] for name in (
        "tg per target.value", "tg.in_service", "tg.unhealthy", "group.desired"))
    settled = (desired.t > 1_000) & (desired.t < 2_000)
    assert set(healthy.value[settled]) == {6} and set(dead.value[settled]) == {3}
    assert set(desired.value[settled]) == {9} and per.value[settled].max() < 600
    assert desired.value[-1] < 9


@pytest.mark.parametrize("interval", [5, 10, 60])
def test_who_is_in_service_and_not_yet_in_the_count_is_not_ordered_twice(interval):
    """325 requests/s are 33 instances at the target of 10/s each; however late the first check of
    those who boot comes, no more are launched."""
    r = ls.simulate(tracked, 3_000, rate=60, rises=5.42, interval=interval)
    assert r.series["group.desired"].value.max() == 33
