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
