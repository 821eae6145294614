"""The counted web tier against requests one by one, and as a part of a system of one's own."""

import math
import statistics

import numpy as np
import pytest
import simpy

import labsim as ls
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services.ec2 import Fleet
from labsim.services.elb.web_tier import WebTier, traffic


def one_by_one(seed, rates, each, changes):
    """Requests of a Poisson process, each served at once if one of n x `each` places of the
    present second is free, after plain SimPy: those that find none are missed."""
    env, rng = simpy.Environment(), np.random.default_rng(seed)
    state = {"n": changes[0][1], "missed": 0, "window": -1, "used": 0}

    def scaling():
        for t, n in changes[1:]:
            yield env.timeout(t - env.now)
            state["n"] = n

    def requests():
        for k, rate in enumerate(rates):
            for t in np.sort(rng.uniform(10 * k, 10 * k + 10, rng.poisson(10 * rate))):
                yield env.timeout(max(t - env.now, 0))
                window = int(env.now // 10)
                if window != state["window"]:
                    state["window"], state["used"] = window, 0
                if state["used"] >= state["n"] * each * 10:
                    state["missed"] += 1
                else:
                    state["used"] += 1
    env.process(scaling())
    env.process(requests())
    env.run()
    return state["missed"]


def test_the_counted_tier_misses_what_requests_one_by_one_miss():
    """A load that rises over the capacity of two, then three instances: the means of twenty
    replications each lie in the 99% interval of their difference."""
    rates, changes = np.array([8.0] * 6 + [14.0] * 6 + [20.0] * 6), [(0, 2), (120, 3)]
    differences = []
    for seed in range(20):
        sim = Simulation(seed, 180.0)
        counted = traffic(rates, 0.0, 180.0, sim.stream("arrivals"), sim.stream("variability"))
        tier = WebTier(sim, "tier", 5.0, counted)
        fleet = Fleet(sim, "fleet", boots=lambda: (120.0, True), consumes=tier)
        for _ in range(2):
            fleet.launch(ready=True)
        fleet.launch()
        sim.run()
        missed = 10 * (counted - tier.served).sum()
        differences.append(missed - one_by_one(seed + 100, rates, 5.0, changes))
    half = 2.861 * statistics.stdev(differences) / math.sqrt(20)
    print(f"measured: counted minus one by one: {statistics.mean(differences):.1f} +- {half:.1f}")
    assert abs(statistics.mean(differences)) <= half < 60


def shop(sim, tiers=1):
    """Tiers of two instances that serve 5/s each; more comes."""
    for n in range(tiers):
        tier = WebTier(sim, f"web{n}", each=5)
        Fleet(sim, f"servers{n}", consumes=tier, size=2)
        sim.send(9 + 3 * n, to=tier, name=f"clients{n}")


def test_two_tiers_do_not_mix():
    """Each counts its own, as if it were alone; utilization is its CPU."""
    alone, both = (ls.simulate(shop, duration=3_600, tiers=n) for n in (1, 2))
    s = both.summary
    assert all(s[name] == v for name, v in alone.summary.items() if name != "cost_usd")
    assert s["web0.offered"] == s["clients0.offered"] != s["web1.offered"]
    assert s["web1.completed"] == pytest.approx(36_000, rel=1e-2)
    assert s["servers0.utilization"] == pytest.approx(s["web0.cpu_mean"] / 100)
    assert all(law.holds(both) for law in both.lab.invariants)


def test_loads_of_one_tier_add_up():
    """Two who send to it: their requests together."""
    def both(sim):
        tier = WebTier(sim, "web", each=50)
        Fleet(sim, "servers", consumes=tier, size=1)
        sim.send(3, to=tier, name="a")
        sim.send(4, to=tier, name="b")
    s = ls.simulate(both, duration=1_005).summary
    assert s["web.offered"] == s["a.offered"] + s["b.offered"] > 6_500 and s["web.failed"] == 0


def test_what_a_tier_does_not_take():
    """No instances that serve nothing, no work per request, nobody who sends, no outlet."""
    def idle(sim):
        Fleet(sim, "servers", consumes=WebTier(sim, "web", each=1), size=1)
    with pytest.raises(LabsimError, match="nothing comes to web"):
        ls.simulate(idle, duration=60)
    with pytest.raises(ParameterError, match="each"):
        WebTier(Simulation(1, 60.0), "web", 0)
    sim = Simulation(1, 60.0)
    tier = WebTier(sim, "web", 1)
    with pytest.raises(ParameterError, match="work"):
        Fleet(sim, "servers", consumes=tier, work=ls.fixed(1))
    with pytest.raises(ParameterError, match="to: .* a elb.WebTier takes none from another part"):
        tier.take(np.zeros(1))
    with pytest.raises(ParameterError, match='"web": a elb.WebTier and a elb.WebTier'):
        WebTier(sim, "web", 1)
