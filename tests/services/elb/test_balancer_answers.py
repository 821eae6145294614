"""Load balancers that answer: whose clients come back, whose targets suffer, which break."""

import random

import numpy as np
import plain_clients
import pytest

import labsim as ls
from labsim import theory
from labsim.builtin.elb_balancing import model
from labsim.declare.faults import checked, schedule
from labsim.engine import Simulation
from labsim.services import autoscaling, ec2, elb
from labsim.services.elb.traffic import Traffic
from labsim.statistics import half_width

LAB = ls.lab("elb-balancing")
WORK = ls.exponential(0.02)
LEAST = "least_outstanding_requests"
STILL = elb.HealthChecks(interval=300, unhealthy=10)    # nothing is ever noticed


def holds(result):
    assert [law.name for law in result.lab.invariants if not law.holds(result)] == []
    return result.summary


# -- the two data planes ----------------------------------------------------------------------

def insides(seed, follow, faults, **values):
    """The balancer and the fates of a run of the lab, on the agenda or in blocks."""
    p = LAB.Params(**values)
    sim = Simulation(seed, p.duration, points=model.TICKS)
    outcome = model.simulate(p, sim)
    if follow:
        outcome.balancer.asked_by(outcome.balancer)
    schedule(sim, checked(faults))
    outcome.run()
    assert outcome.balancer.follows == follow
    return outcome.balancer, outcome.balancer.readings.fates


def any_set(rng):
    """Parameters and faults, any."""
    alb = rng.random() < 0.7
    values = dict(
        balancer="alb" if alb else "nlb", cross_zone=rng.choice(["default", "on", "off"]),
        algorithm=rng.choice(["round_robin", LEAST, "weighted_random"]),
        a_targets=rng.randint(1, 3), b_targets=rng.randint(0, 4), c_targets=rng.randint(0, 3),
        request_rate=rng.choice([5, 20, 40]), service_time=rng.choice([0.05, 0.2, 1.0]),
        service_cv=rng.choice([0, 1, 2]), duration=300, users=50, visit_time=200,
        health_interval=rng.choice([5, 10, 30]), health_timeout=rng.choice([2, 4]),
        healthy_threshold=rng.choice([2, 3]), idle_timeout=rng.choice([5, 20, 60]),
        connection_time=rng.choice([7, 60]), dns_ttl=rng.choice([10, 60]))
    dice = alb and values["algorithm"] == "weighted_random"
    if rng.random() < 0.4 and not (alb and (dice or values["cross_zone"] == "off")):
        values |= dict(sticky=True, cookie_duration=rng.choice([2, 60, 86_400]))
    if dice:
        values["anomaly_mitigation"] = rng.random() < 0.6
    if rng.random() < 0.4:
        values |= dict(add_targets=rng.randint(1, 3), add_at=rng.randint(10, 200), warm_time=60,
                       cold_factor=rng.choice([1, 4]), slow_start=rng.choice([0, 60]))
    if rng.random() < 0.4:
        values |= dict(remove_targets=rng.randint(1, 3), remove_at=rng.randint(10, 200),
                       deregistration_delay=rng.choice([0, 10, 60]))
    faults = []
    if rng.random() < 0.4:
        values |= dict(fault=rng.choice(["target-refuses", "target-hangs", "target-errors",
                                         "zone-lost"]), fault_zone="a",
                       fault_at=rng.randint(10, 150), fault_duration=rng.choice([0, 70, 100]))
    else:
        for _ in range(rng.randint(0, 4)):
            piece, what, *amount = rng.choice([
                ("balancer-1", "down"), ("balancer-1", "hangs"), ("balancer-1", "slow", 3.0),
                ("balancer-1", "errors", 0.3), ("balancer-1", "errors", 1.0), ("balancer", "down"),
                ("balancer-a", "lost")])
            faults.append((piece, what, rng.uniform(5, 200), rng.choice([0, 30.5, 80.25]), *amount))
    return values, faults


@pytest.mark.parametrize("number", range(24))
def test_followed_or_in_blocks_is_the_same(number, monkeypatch):
    """Any parameters and faults: the same node, target, end and fate for each request to the bit,
    and the same metrics."""
    monkeypatch.setattr(Traffic, "_picked", lambda *_: None)    # the blocks one by one, for sums
    monkeypatch.setattr(Traffic, "_route", lambda self, piece, route=Traffic._route: (
        self.slower.setdefault(-1, (0.0, 1.0, 0.0)), route(self, piece)))
    values, faults = any_set(random.Random(number))
    (block, blocks), (follows, single) = (insides(number, follow, faults, **values)
                                          for follow in (False, True))
    over = blocks.ended <= 300
    assert len(over) > 1_000 and (single.ended[~over] > 300).all()
    for name in ("sent", "target", "node", "work", "user", "first"):
        assert np.array_equal(getattr(blocks, name), getattr(single, name)), name
    for name in ("ended", "kind"):
        assert np.array_equal(getattr(blocks, name)[over], getattr(single, name)[over]), name
    assert block.summary() == follows.summary()


def test_a_group_that_drains_is_let_go_at_the_same_moment():
    """A fleet behind a balancer that is followed, or not: the same bill."""
    def build(sim, follow=False):
        web = elb.Balancer(sim, "web", deregistration_delay=20)
        fleet = ec2.Fleet(sim, "fleet", 60, consumes=web, size=4, drain=True,
                          work=ls.gamma(1, cv=2))
        group = autoscaling.Group(sim, "group", fleet, min_size=1, max_size=9)
        sim.send(3, to=web)
        if follow:
            web.asked_by(web)

        def scaling():
            for size in (7, 3):
                yield sim.env.timeout(200)
                group.scale_to(size, "a test")
        sim.process(scaling())
    blocks, single = (ls.simulate(build, 600, follow=follow) for follow in (False, True))
    assert holds(blocks) == pytest.approx(holds(single), rel=1e-12)
    assert single.summary["fleet.utilization"] > 0.3


@pytest.mark.parametrize("piece, word, fault, how_many", [
    ("web-1", "down", "target-refuses", 1), ("web-1", "hangs", "target-hangs", 1),
    ("web-1", "errors", "target-errors", 1), ("web-a", "lost", "zone-lost", 2)])
@pytest.mark.parametrize("algorithm", ["round_robin", LEAST])
def test_a_fault_from_outside_is_the_one_of_the_lab(piece, word, fault, how_many, algorithm):
    """The same requests fail, and it is noticed and forgotten at the same moments."""
    def build(sim, inside=True):
        web = elb.Balancer(sim, "web", targets=(2, 2, 2), work=WORK, algorithm=algorithm,
                           checks=elb.HealthChecks(10, 5, 2, 3))
        sim.send(100, to=web)
        if inside:
            web.fault(100, 100, fault, "a", how_many)
    amount = [1.0] * (word == "errors")
    one = ls.simulate(build, 400)
    other = ls.simulate(build, 400, inside=False, faults=[(piece, word, 100, 100, *amount)])
    assert holds(one) == pytest.approx(holds(other), rel=1e-9) and one.summary["web.failed"] > 0
    told = [{e.text: pytest.approx(e.t) for e in r.events
             if e.kind in ("healthy", "unhealthy", "dns")} for r in (one, other)]
    assert told[0] == told[1] and bool(told[0]) == (word != "errors")


# -- clients who come back, beside plain SimPy --------------------------------------------------

@pytest.mark.parametrize("number", range(12))
def test_clients_request_by_request_as_plain_simpy_has_it(number):
    """Any schedule of faults, threads, timeouts and backoff: the same target and end of each
    attempt, and of each request, to the bit."""
    rng = random.Random(number)
    a, b = rng.choice([(3, 0), (2, 2), (1, 3)])
    targets, threads, mean = a + b, rng.choice([1, 2, 5]), rng.choice([0.1, 0.5])
    how = dict(timeout=rng.choice([0.7, 2.0, 6.0]), attempts=rng.choice([2, 3, 5]),
               base=rng.choice([0.05, 1.0]), cap=3.0)
    algorithm, idle = rng.choice(["round_robin", LEAST]), rng.choice([3.0, 20.0])
    faults = []
    for k in range(targets):
        faults.append((k, rng.choice(["down", "hangs", "slow", "errors"]),
                       round(rng.uniform(10, 60), 3), round(rng.uniform(5, 40), 3)))
    made = {}

    def build(sim):
        made["sim"] = sim
        made["web"] = web = elb.Balancer(
            sim, "web", targets=(a, b, 0), work=ls.exponential(mean), threads=threads,
            algorithm=algorithm, idle_timeout=idle, checks=STILL)
        made["clients"] = sim.send(0.7 * targets * threads / mean, to=web,
                                   retry=ls.retry(backoff="exponential", **how))
    amounts = {"slow": [3.0], "errors": [1.0]}
    r = ls.simulate(build, 100, seed=number, faults=[
        (f"web-{k + 1}", what, begin, lasts, *amounts.get(what, []))
        for k, what, begin, lasts in faults])
    holds(r)
    sim, fates, clients = made["sim"], made["web"].readings.fates, made["clients"]
    nodes = [zone for zone, n in enumerate((a, b)) if n]
    looks = sim.stream("web askers").random(200_000)[1::2].tolist()
    tries, ends = plain_clients.run(
        clients.sent, iter(ls.exponential(mean).draw(100_000, sim.stream("web service")).tolist()),
        (nodes[int(look * len(nodes))] for look in looks), targets=targets, nodes=2,
        threads=threads, algorithm=algorithm, idle=idle, faults=faults,
        first=(sim.stream("web turns").random(3) * targets).astype(int).tolist(), **how)
    tries = [one for one in tries if one[0] <= 100]
    assert [one[0] for one in tries] == fates.sent.tolist()
    assert [one[1] for one in tries] == fates.target.tolist()
    ended = [one[2] if one[2] is not None and one[2] <= 100 else np.inf for one in tries]
    assert ended == fates.ended.tolist()
    well = [t for t, answered in ends if answered and t <= 100]
    assert sorted(well) == clients.ended[1] and len(fates.sent) > len(clients.sent)


@pytest.mark.parametrize("number", range(20))
def test_nothing_gets_lost(number):
    """Any balancer, clients, targets and faults: what is sent has ended or is under way, in each
    part and from part to part."""
    rng = random.Random(number)
    retry = ls.retry(timeout=rng.choice([0.3, 2]), attempts=rng.randint(1, 5), base=0.1,
                     budget=rng.choice([50, np.inf]), clients=5,
                     breaker=rng.choice([None, ls.breaker(window=10)]))
    calling, nested = rng.randrange(3), rng.random() < 0.5
    how = dict(algorithm=rng.choice(["round_robin", LEAST, "weighted_random"]),
               threads=rng.randint(1, 5), max_queue=rng.choice([5, np.inf]),
               order=rng.choice(["fifo", "lifo"]), max_wait=rng.choice([0.5, np.inf]))

    def build(sim):
        db = ec2.Service(sim, "db", ls.exponential(0.05), instances=4, max_queue=20)
        sim.send(5, to=db, name="others")
        calls = ((), db, ls.ask(db, pool=3, retry=ls.retry(timeout=0.2, attempts=2)))[calling]
        web = elb.Balancer(sim, "web", targets=(2, 1, 1), work=ls.exponential(0.03), calls=calls,
                           **how)
        front = elb.Balancer(sim, "front", targets=[web, db]) if nested else web
        elb.Users(sim, "people", 30, front, count=50, retry=retry)
        sim.send(ls.users(10, ls.exponential(1)), to=front, retry=retry, name="loop")
        sim.send(20, to=web, name="nobody")
    pieces = [("web", "down"), ("web-1", "down"), ("web-2", "hangs"), ("web-3", "slow", 9.0),
              ("web-1", "errors", 0.5), ("web-a", "lost"), ("db", "down"), ("db", "hangs"),
              ("db", "slow", 5.0)]
    faults = [(*(one := rng.choice(pieces))[:2], rng.uniform(0, 100), rng.choice([0, 5, 30]),
               *one[2:]) for _ in range(5)]
    r = ls.simulate(build, 120, seed=number, faults=faults)
    s = holds(r)
    first = "front" if nested else "web"
    asked = sum(s[f"{name}.attempts"] - s[f"{name}.short_circuited"]
                for name in (f"people to {first}", "loop"))
    assert asked + (0 if nested else s["nobody.offered"]) == s[f"{first}.offered"]
    assert s[f"{first}.completed"] + s[f"{first}.failed"] > 500


# -- what is said of it ---------------------------------------------------------------------------

def front(sim, **given):
    web = elb.Balancer(sim, "web", **{"targets": (3, 3, 0), "work": WORK, **given})
    sim.send(100, to=web, retry=ls.retry(timeout=1, attempts=1))


def test_who_fails_fastest_gets_nearly_all():
    """With least outstanding requests most go to the one target of six that fails at once; by turns
    a sixth; anomaly mitigation leaves it a small part."""
    failed = {}
    for algorithm, mitigates in (("round_robin", False), (LEAST, False), ("weighted_random", True)):
        r = ls.simulate(lambda sim, algorithm=algorithm, mitigates=mitigates: front(
            sim, targets=(6, 0, 0), work=ls.exponential(0.5), threads=20, algorithm=algorithm,
            anomaly_mitigation=mitigates), 300, faults=[("web-1", "errors", 60, 240, 1.0)])
        failed[algorithm] = holds(r)["web.failed"] / 24_000
    assert failed["round_robin"] == pytest.approx(1 / 6, abs=0.01)
    assert failed[LEAST] > 0.8 and failed["weighted_random"] < 0.06


def test_parts_as_targets_are_found_out():
    """One of three services is down: the balancer sends it nothing once its checks have failed, and
    then again."""
    def build(sim):
        apis = [ec2.Service(sim, f"api-{n}", WORK, threads=5) for n in range(3)]
        web = elb.Balancer(sim, "web", targets=apis, checks=elb.HealthChecks(10, 5, 2, 2))
        sim.send(90, to=web)
    r = ls.simulate(build, 600, faults=[("api-1", "down", 100, 200)])
    s, came = holds(r), r.series["api-1.offered_rate"]
    quiet = (came.t > 121) & (came.t < 300)
    assert not came.value[quiet].any()
    assert came.value[came.t > 325].mean() == pytest.approx(30, abs=2)
    assert 0 < s["web.failed"] == s["api-1.failed"] < 20 * 31 + 100
    assert "web: targets" not in r.cost


@pytest.mark.parametrize("kind", ["alb", "nlb"])
def test_a_balancer_that_is_down_answers_nobody(kind):
    """While it is down all is refused, and its targets are as they were when it is back."""
    r = ls.simulate(lambda sim: front(sim, kind=kind), 300, faults=[("web", "down", 100, 50)])
    s = holds(r)
    assert s["web.rejected"] == s["producers.refused"] - s["web.cut_off"]
    assert s["web.rejected"] == pytest.approx(5_000, rel=0.05) and s["web.failed"] < 5_300
    assert r.series["web.in_service"].value.min() == 6


def test_two_fleets_behind_one_balancer():
    """Each gets by the number of its instances, and works as its requests are for it."""
    def build(sim):
        web = elb.Balancer(sim, "web")
        ec2.Fleet(sim, "small", consumes=web, size=4, work=ls.exponential(0.02))
        ec2.Fleet(sim, "large", consumes=web, size=2, work=ls.exponential(0.01))
        sim.send(100, to=web)
    s = holds(ls.simulate(build, 600))
    assert s["small.utilization"] == pytest.approx(100 / 6 * 0.02, rel=0.03)
    assert s["large.utilization"] == pytest.approx(100 / 6 * 0.01, rel=0.03)

    def alike(sim, fleets=2):
        web = elb.Balancer(sim, "web")
        for n in range(fleets):
            ec2.Fleet(sim, f"fleet-{n}", consumes=web, size=6 // fleets, work=WORK)
        sim.send(100, to=web)
    two, one = (ls.simulate(alike, 300, fleets=n).summary for n in (2, 1))
    assert two["web.latency_mean"] == one["web.latency_mean"]
    assert two["fleet-0.utilization"] + two["fleet-1.utilization"] == pytest.approx(
        2 * one["fleet-0.utilization"])


def test_each_fleet_gives_its_own_instances_back():
    """One that is scaled in loses its own, whatever the other has."""
    made = {}

    def build(sim):
        web = elb.Balancer(sim, "web", work=WORK)
        fleets = [ec2.Fleet(sim, f"fleet-{n}", consumes=web, size=3) for n in range(2)]
        group = autoscaling.Group(sim, "group", fleets[1], min_size=1, max_size=3)
        made["web"] = web
        sim.send(50, to=web)

        def scaling():
            yield sim.env.timeout(100)
            group.scale_to(1, "a test")
        sim.process(scaling())
    holds(ls.simulate(build, 300))
    left = [k for k, t in enumerate(made["web"].targets.left) if t < np.inf]
    assert len(left) == 2 and set(left) < set(made["web"].fleets[1].numbers)


def test_balancer_targets_cache_and_database():
    """A slow database keeps the targets' threads, until their line is full and they refuse."""
    def build(sim):
        db = ec2.Service(sim, "db", ls.exponential(0.02), instances=4)
        cache = ec2.Service(sim, "cache", ls.exponential(0.001), instances=2, threads=50, calls=db)
        web = elb.Balancer(sim, "web", targets=(2, 2, 2), work=ls.exponential(0.01), threads=10,
                           max_queue=5, calls=cache)
        sim.send(100, to=web)
    r = ls.simulate(build, 300, faults=[("db", "slow", 100, 50, 5.0)])
    s = holds(r)
    failed = r.series["web.failed_rate"]
    assert s["web.server_errors"] == s["web.failed"] > 0 == failed.value[failed.t < 100].max()
    assert failed.value[(failed.t > 120) & (failed.t < 150)].mean() == pytest.approx(60, abs=10)
    assert s["db.offered"] == s["cache.offered"]


def test_a_target_with_threads_is_mmc():
    """One target of four threads, Poisson arrivals: the mean of 20 runs within its 99% interval."""
    got = [ls.simulate(lambda sim: (
        sim.send(30, to=elb.Balancer(sim, "web", targets=(1, 0, 0), threads=4,
                                     work=ls.exponential(0.1)))), 600, seed=seed
        ).summary["web.latency_mean"] for seed in range(20)]
    expected = 0.1 + theory.mmc_wait_mean(30, 0.1, 4)
    assert abs(np.mean(got) - expected) <= half_width(got, 0.99) < 0.01


def test_attempts_at_targets_that_fail_by_chance():
    """n attempts at a failure share p: 1 + p + ... + p^(n - 1) each, and p^n given up; 20 runs."""
    runs = [ls.simulate(lambda sim: sim.send(50, retry=ls.retry(attempts=3, base=0.01), to=(
        elb.Balancer(sim, "web", targets=(1, 0, 0), work=ls.fixed(0.001)))), 200, seed=seed,
        faults=[("web-1", "errors", 0, 0, 0.4)]).summary for seed in range(20)]
    for got, expected in (([s["producers.amplification"] for s in runs], 1 + 0.4 + 0.16),
                          ([s["producers.failed"] / s["producers.offered"] for s in runs], 0.064)):
        assert abs(np.mean(got) - expected) <= half_width(got, 0.99) < 0.02


def test_a_retry_goes_to_the_next_address():
    """A zone is lost with its door: who was sent away there is answered at another door, with
    cross-zone off the first time that he tries again."""
    def build(sim, attempts=2):
        web = elb.Balancer(sim, "web", targets=(4, 4, 4), work=WORK, cross_zone="off")
        elb.Users(sim, "people", 100, web, retry=ls.retry(attempts=attempts, base=0.01))
    fault = [("web-a", "lost", 100, 100)]
    once, twice = (holds(ls.simulate(build, 300, attempts=n, faults=fault)) for n in (1, 2))
    assert once["people to web.failed"] == once["web.rejected"] + once["web.cut_off"] > 500
    assert twice["people to web.failed"] == 0


def test_who_comes_back_has_his_cookie():
    """However often people try again, they meet their own target."""
    def build(sim):
        web = elb.Balancer(sim, "web", targets=(2, 2, 2), work=ls.exponential(0.1), sticky=True)
        elb.Users(sim, "people", 30, web, count=40, visit=9e9,
                  retry=ls.retry(timeout=0.3, attempts=4))
    s = holds(ls.simulate(build, 300))
    assert s["people to web.retries"] > 500 and s["web.moved_share"] == 0


def test_who_gives_up_costs_the_target_its_work():
    """Nobody waits longer than half of the work: all of it is done, for nobody."""
    def build(sim):
        web = elb.Balancer(sim, "web", targets=(1, 0, 0), work=ls.fixed(0.01), threads=9)
        sim.send(10, to=web, retry=ls.retry(timeout=0.005))
    s = holds(ls.simulate(build, 100))
    assert s["producers.goodput"] == 0 and s["producers.abandoned"] == s["producers.offered"]
    assert s["producers.late"] == s["web.completed"] > 900


def test_faults_that_name_nothing_suggest_the_nearest():
    """A target or a zone that isn't there, a fault that it can't have."""
    for fault, said in ((("web-7", "down", 0), "did you mean web-"), (("web-c", "lost", 0), "web-"),
                        (("web-1", "lost", 0), "unknown fault of web-1")):
        with pytest.raises(ls.ParameterError, match=said):
            ls.simulate(lambda sim: front(sim), 60, faults=[fault])


def test_what_one_balancer_gives_out_comes_to_the_next():
    """Requests given out by one balancer come to the next one that answers."""
    def build(sim):
        last = elb.Balancer(sim, "last", targets=(1, 0, 0), work=ls.fixed(0.001))
        web = elb.Balancer(sim, "web", targets=(2, 2, 0), work=WORK)
        web.done.to(last)
        sim.send(50, to=web)
    s = holds(ls.simulate(build, 100))
    assert s["last.offered"] == s["web.completed"] > 4_500


