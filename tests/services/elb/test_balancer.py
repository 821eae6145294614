"""Load balancers as parts: alone, two of them, in front of a fleet, fed and feeding."""

import numpy as np
import pytest

import labsim as ls
from labsim.errors import LabsimError, ParameterError
from labsim.services import autoscaling, cloudwatch, ec2, elb, sqs

WORK = ls.gamma(0.1, cv=1)


def front(sim, name="front", load=10, **given):
    balancer = elb.Balancer(sim, name, **{"targets": (1, 1, 1), "work": WORK, **given})
    sim.send(load, to=balancer, name=f"those of {name}")
    return balancer


def holds(result):
    assert all(law.holds(result) for law in result.lab.invariants)
    return result.summary


def test_two_balancers_in_one_simulation_do_not_mix():
    """One has what it has alone, whatever another carries."""
    def both(sim):
        front(sim, "one", 5, algorithm="least_outstanding_requests").fault(
            100, 0, "target-refuses", "a")
        front(sim, "two", 20, kind="nlb")

    def alone(sim):
        front(sim, "two", 20, kind="nlb")
    s, single = (holds(ls.simulate(build, 600)) for build in (both, alone))
    assert s["one.refused"] > 0 == s["two.refused"]
    assert s["one.offered"] == pytest.approx(3_000, rel=0.1)
    for name, value in single.items():
        assert name == "cost_usd" or s[name] == value, name


def test_two_of_one_name_are_an_error_that_names_both():
    """And so are two groups of users."""
    def build(sim):
        front(sim)
        ec2.Fleet(sim, "front")
    with pytest.raises(ParameterError, match=r'called "front": a elb.Balancer and a ec2.Fleet'):
        ls.simulate(build, 60)

    def crowds(sim):
        balancer = front(sim)
        for _ in range(2):
            elb.Users(sim, "shoppers", 1, balancer)
    with pytest.raises(ParameterError, match="a elb.Users and a elb.Users"):
        ls.simulate(crowds, 60)


@pytest.mark.parametrize("given, name", [
    ({"kind": "clb"}, "kind"), ({"algorithm": "round-robin"}, "algorithm"),
    ({"cross_zone": "yes"}, "cross_zone"), ({"targets": (1, -1, 1)}, "targets"),
    ({"slow_start": 10}, "slow_start"), ({"slow_start": 60, "kind": "nlb"}, "slow_start"),
    ({"slow_start": 60, "algorithm": "least_outstanding_requests"}, "slow_start"),
    ({"sticky": True, "cross_zone": "off"}, "sticky"),
    ({"sticky": True, "algorithm": "weighted_random"}, "sticky"),
    ({"anomaly_mitigation": True}, "anomaly_mitigation"),
    ({"anomaly_mitigation": True, "kind": "nlb"}, "anomaly_mitigation"),
    ({"dns_ttl": -1}, "dns_ttl"), ({"deregistration_delay": -1}, "deregistration_delay"),
    ({"idle_timeout": -1}, "idle_timeout"),
    ({"response_size": -1}, "response_size"), ({"target_price": -1}, "target_price")])
def test_bad_arguments_are_refused_at_once(given, name):
    """With the argument's name."""
    with pytest.raises(ParameterError) as caught:
        ls.simulate(lambda sim: front(sim, **given), 60)
    assert caught.value.name == name


@pytest.mark.parametrize("build", [
    lambda sim: elb.HealthChecks(interval=5, timeout=6),
    lambda sim: elb.HealthChecks(interval=6, timeout=6),
    lambda sim: elb.HealthChecks(interval=1, timeout=0.5),
    lambda sim: elb.HealthChecks(interval=301), lambda sim: elb.HealthChecks(timeout=1),
    lambda sim: elb.HealthChecks(unhealthy=1), lambda sim: elb.HealthChecks(healthy=11),
    lambda sim: front(sim, slow_start=901), lambda sim: front(sim, cookie_duration=604_801),
    lambda sim: front(sim, deregistration_delay=3_601), lambda sim: front(sim, idle_timeout=0.5),
    lambda sim: front(sim, kind="nlb", idle_timeout=59),
    lambda sim: elb.Users(sim, "people", -1, front(sim)),
    lambda sim: elb.Users(sim, "people", 1, front(sim), count=0),
    lambda sim: elb.Users(sim, "people", 1, front(sim), cv=-1),
    lambda sim: elb.Users(sim, "people", 1, front(sim), visit=0),
    lambda sim: front(sim).fault(0, 10, "dies", "a"),
    lambda sim: front(sim).fault(0, 10, "zone-lost", "d"),
    lambda sim: front(sim).fault(-1, 10, "zone-lost", "a"),
    lambda sim: front(sim).add(10, -1),
    lambda sim: front(sim).add(10, 1, cold_factor=0.5),
    lambda sim: front(sim).add(10, 1, 2, warm_time=-1),
    lambda sim: front(sim).remove(10, -1)])
def test_bad_checks_users_and_faults_are_refused(build):
    """A timeout that is not below the interval, what is out of AWS's ranges, nobody, a rate below
    zero, what no fault is called."""
    with pytest.raises(ParameterError):
        ls.simulate(build, 60)


@pytest.mark.parametrize("given, why", [
    ({"targets": (0, 0, 0)}, "nothing is behind"), ({"work": None}, "how long a request is work")])
def test_what_is_missing_is_told(given, why):
    """Targets, work, or somebody who sends."""
    with pytest.raises(LabsimError, match=why):
        ls.simulate(lambda sim: front(sim, **given), 60)
    with pytest.raises(LabsimError, match="nothing comes to"):
        ls.simulate(lambda sim: elb.Balancer(sim, "x", targets=(1, 0, 0), work=WORK), 60)


def test_a_group_behind_a_balancer_registers_and_deregisters():
    """Instances serve after boot and first check, and are let go when their requests have ended,
    at the latest after the delay."""
    made = {}

    def build(sim):
        balancer = elb.Balancer(sim, "front", work=WORK, deregistration_delay=20)
        fleet = ec2.Fleet(sim, "web", boot=60, consumes=balancer, size=3, drain=True)
        made["group"] = group = autoscaling.Group(sim, "group", fleet, min_size=1, max_size=9)
        sim.send(5, to=balancer)
        made["front"] = balancer

        def scaling():
            yield sim.env.timeout(200)
            group.scale_to(6, "a test")
            yield sim.env.timeout(200)
            group.scale_to(2, "a test")
        sim.process(scaling())
    s = holds(ls.simulate(build, 900))
    targets, fates = made["front"].targets, made["front"].readings.fates
    assert targets.came == [0, 0, 0, 260, 260, 260] and s["web.instances_max"] == 6
    assert [t for t in targets.left if t < np.inf] == [400] * 4
    for k, (came, left) in enumerate(zip(targets.came, targets.left)):
        sent = fates.sent[fates.target == k]
        assert sent.min() >= came and sent.max() <= left
        assert sent.min() > 260 or not came
    assert s["front.failed"] == 0 and 0 < s["front.drain_s"] <= 20
    assert "front: targets" not in ls.simulate(build, 900).cost       # the fleet's are paid there
    assert 0 < s["web.utilization"] < 1


def test_what_is_answered_goes_on_and_what_is_given_comes_in():
    """A queue behind a balancer behind a queue: each gets what the one before it has done."""
    def build(sim):
        first = sqs.Queue(sim, "first")
        ec2.Fleet(sim, "workers", size=5, consumes=first, work=WORK)
        sim.send(8, to=first)
        balancer = elb.Balancer(sim, "front", targets=(2, 2, 0), work=WORK, idle_timeout=1)
        balancer.fault(200, 100, "target-hangs", "a")
        first.done.to(balancer)
        for name, outlet in (("good", balancer.done), ("bad", balancer.failed)):
            queue = sqs.Queue(sim, name)
            ec2.Fleet(sim, f"{name} workers", size=9, consumes=queue, work=WORK)
            outlet.to(queue)
    s = holds(ls.simulate(build, 600))
    assert s["front.offered"] == s["first.completed"]
    assert s["good.offered"] == s["front.completed"] > 4_000
    assert s["bad.offered"] == s["front.failed"] > 50


def test_a_second_fault_is_as_bad_as_the_first():
    """Each cuts off and is noticed; a target that is back is itself again."""
    def build(sim, second=True):
        balancer = front(sim, load=20)
        for at in (100, 400) if second else (100,):
            balancer.fault(at, 100, "target-refuses", "b")
    twice, once = (holds(ls.simulate(build, 600, second=more)) for more in (True, False))
    assert twice["front.refused"] > 1.5 * once["front.refused"] > 0


def test_anomaly_mitigation_in_a_system_of_ones_own():
    """Instances of a fleet, one of which answers 5xx: its answers go to `failed`, the others take
    its share, and when it is well its weight grows again, twice."""
    def build(sim, mitigation=True):
        web = elb.Balancer(sim, "web", algorithm="weighted_random",
                           anomaly_mitigation=mitigation)
        ec2.Fleet(sim, "fleet", consumes=web, size=6, work=ls.gamma(0.02, cv=1))
        for at in (60, 240):
            web.fault(at, 60, "target-errors", "a")
        bad = sqs.Queue(sim, "bad")
        ec2.Fleet(sim, "readers", consumes=bad, size=20, work=WORK)
        web.failed.to(bad)
        sim.send(100, to=web)
    cut, whole = (ls.simulate(build, 480, mitigation=given) for given in (True, False))
    for r in (cut, whole):
        assert holds(r)["bad.offered"] == r.summary["web.server_errors"] == r.summary["web.failed"]
    assert cut.summary["web.failed"] < 0.4 * whole.summary["web.failed"]
    assert whole.summary["web.failed"] == pytest.approx(100 * 120 / 6, rel=0.15)
    mitigated = cut.series["web.mitigated"]
    t, value = mitigated.t, mitigated.value
    assert (value[(t > 70) & (t < 120)] == 1).all() and (value[(t > 210) & (t < 240)] == 0).all()
    assert (value[(t > 250) & (t < 300)] == 1).all()
    assert not whole.series["web.mitigated"].value.any()


def test_users_with_a_cookie_stay_and_strangers_have_none():
    """Who sends one request only never comes back to a target."""
    def build(sim):
        balancer = front(sim, load=5, sticky=True)
        elb.Users(sim, "shoppers", 5, balancer, count=40)
    s = holds(ls.simulate(build, 900))
    assert s["front.moved_share"] == 0
    assert s["front.offered"] == s["shoppers.offered"] + s["those of front.offered"]


def test_requests_per_target_is_what_a_policy_tracks():
    """AWS's ALBRequestCountPerTarget: requests in a minute over healthy targets; no data without
    one. A group that tracks it comes to rate / target instances."""
    def build(sim, rate=20, target=150):
        web = elb.Balancer(sim, "web")
        fleet = ec2.Fleet(sim, "fleet", 30, consumes=web, work=ls.gamma(0.05, cv=1))
        group = autoscaling.Group(sim, "group", fleet, min_size=2, max_size=20)
        autoscaling.TargetTracking(group, web.requests_per_target(), target=target)
        sim.send(rate, to=web)
    r = ls.simulate(build, 3_600)
    assert r.series["fleet.in_service"].value[-1] in (8, 9)  # 1,200 a minute by chance, of 150
    value = r.series["web per target.value"].value
    assert value[20] == pytest.approx(600, rel=0.1) and value[-1] == pytest.approx(140, rel=0.15)

    def dead(sim):
        web = front(sim, targets=(2, 0, 0))
        web.fault(60, 0, "target-refuses", "a", how_many=2)
        cloudwatch.Alarm(sim, "alarm", web.requests_per_target(), above=True,
                         threshold=1, n=3, m=3, action=lambda value: None,
                         missing="breaching")
    assert ls.simulate(dead, 1_200).summary["alarm.alarms"] == 1


@pytest.mark.parametrize("boot", [20, 55, 60, 120])
@pytest.mark.parametrize("metric, target", [("requests", 600), ("cpu", 6)])
def test_a_group_comes_to_what_the_load_needs_whenever_its_instances_enter_service(
        boot, metric, target):
    """100/s are 6,000 a minute, of 600 each, and 5 instances' work of 0.05 s by threads of 8, at
    6%: ten or eleven by chance. What a minute says was measured on those who had it, not on those
    who enter service in it or as it ends, nor on whom no health check has passed."""
    def build(sim):
        web = elb.Balancer(sim, "web", threads=8, work=ls.exponential(0.05))
        fleet = ec2.Fleet(sim, "fleet", boot, consumes=web)
        group = autoscaling.Group(sim, "group", fleet, min_size=2, max_size=100)
        autoscaling.TargetTracking(
            group, fleet.cpu() if metric == "cpu" else web.requests_per_target(), target=target)
        sim.send(100, to=web)
    assert ls.simulate(build, 1_000).summary["fleet.instances_max"] in (10, 11)
