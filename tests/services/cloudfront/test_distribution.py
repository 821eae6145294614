"""CloudFront's parts: alone, two of a kind, fed by another part and feeding one."""

import numpy as np
import pytest

import labsim as ls
from labsim.errors import LabsimError, ParameterError
from labsim.services import cloudfront, ec2, elb, sqs

WORK = ls.gamma(0.1, cv=1)


def shops(sim, name="cdn", rate=0.5, site=None, **given):
    """A site with its origin, a distribution and viewers."""
    site = site or cloudfront.Site(sim, f"site of {name}")
    origin = cloudfront.Origin(sim, f"origin of {name}")
    made = cloudfront.Distribution(sim, name, site, origin, **given)
    cloudfront.Viewers(sim, f"viewers of {name}", rate, made)
    return made


def holds(result):
    assert all(law.holds(result) for law in result.lab.invariants)
    return result.summary


def test_two_distributions_in_one_simulation_do_not_mix():
    """One has what it has alone, whatever another carries; and pays its own bill."""
    def both(sim):
        shops(sim, "one", 0.1, trigger="viewer-request")
        shops(sim, "two", 0.3, regional=False)

    def alone(sim):
        shops(sim, "two", 0.3, regional=False)
    r, single = (ls.simulate(build, 7_200) for build in (both, alone))
    for name, value in holds(single).items():
        assert name == "cost_usd" or r.summary[name] == value, name
    assert all(r.cost[line] == usd for line, usd in single.cost.items())
    assert r.summary["one.offered"] != r.summary["two.offered"]
    assert r.summary["two.invocations"] == 0 < r.summary["one.invocations"]


def test_two_distributions_before_one_origin():
    """Each knows what it has asked; the origin was asked for both."""
    def build(sim):
        one = shops(sim, "one")
        two = cloudfront.Distribution(sim, "two", one.site, one.origin, edges=1)
        sim.send(0.2, to=two)
    s = holds(ls.simulate(build, 7_200))
    assert s["one.origin_requests"] + s["two.origin_requests"] == s["origin of one.attempts"]


def test_two_of_one_name_are_an_error_that_names_both():
    """As for all parts."""
    def build(sim):
        made = shops(sim)
        cloudfront.Buckets(sim, "cdn", made.site, made.origin)
    with pytest.raises(ParameterError, match="cloudfront.Distribution and a cloudfront.Buckets"):
        ls.simulate(build, 60)


@pytest.mark.parametrize("given, name", [
    ({"edges": 0}, "edges"), ({"edge_size": -1}, "edge_size"), ({"price_class": "300"},
                                                                "price_class"),
    ({"min_ttl": 9, "max_ttl": 8}, "min_ttl"), ({"default_ttl": -1}, "default_ttl"),
    ({"stale_if_error": -1}, "stale_if_error"), ({"error_ttl": -1}, "error_ttl"),
    ({"update": "purge"}, "update"), ({"invalidation_time": -1}, "invalidation_time"),
    ({"trigger": "viewer"}, "trigger"), ({"function_time": -1}, "function_time"),
    ({"url_lifetime": -1}, "url_lifetime"), ({"click_delay": 0}, "click_delay")])
def test_bad_arguments_are_refused_at_once(given, name):
    """With the argument's name."""
    with pytest.raises(ParameterError) as caught:
        ls.simulate(lambda sim: shops(sim, **given), 60)
    assert caught.value.name == name


@pytest.mark.parametrize("build", [
    lambda sim: cloudfront.Origin(sim, "x", -1), lambda sim: cloudfront.Origin(sim, "x", 1, -1),
    lambda sim: cloudfront.Origin(sim, "x", connect_attempts=0),
    lambda sim: cloudfront.Origin(sim, "x").fault(-1, 5),
    lambda sim: cloudfront.Origin(sim, "x").fault(1, -5),
    lambda sim: cloudfront.Origin(sim, "x").fault(1, 5, "tired"),
    lambda sim: cloudfront.Site(sim, "x", 0), lambda sim: cloudfront.Site(sim, "x", size_cv=-1),
    lambda sim: cloudfront.Site(sim, "x", change_share=1.5),
    lambda sim: cloudfront.Site(sim, "x", change_every=-1),
    lambda sim: shops(sim, rate=-1),
    lambda sim: cloudfront.Viewers(sim, "x", 1, shops(sim), swing=2),
    lambda sim: cloudfront.Viewers(sim, "x", 1, shops(sim), shares=(0.5, 0.6, 0, 0)),
    lambda sim: cloudfront.Buckets(sim, "x", shops(sim).site, None, lag=-1)])
def test_bad_origins_sites_and_viewers_are_refused(build):
    """Negative times and sizes, unknown faults, more viewers than all."""
    with pytest.raises(ParameterError):
        ls.simulate(build, 60)


def test_who_gets_no_requests_says_so():
    """By name."""
    def build(sim):
        cloudfront.Distribution(sim, "cdn", cloudfront.Site(sim, "site"),
                                cloudfront.Origin(sim, "origin"))
    with pytest.raises(LabsimError, match="nothing comes to cdn"):
        ls.simulate(build, 60)


def test_misses_come_to_a_load_balancer():
    """As many as the origin was asked, no matter when somebody looks."""
    def build(sim, alarms=False):
        made = shops(sim, rate=2, cache_control="max-age=60")
        balancer = elb.Balancer(sim, "front", targets=(1, 1, 0), work=WORK)
        made.misses.to(balancer)
        queue = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", size=3, consumes=queue, work=WORK)
        balancer.done.to(queue)
        if alarms:
            queue.backlog_per(ec2.Fleet(sim, "more", size=1, consumes=queue, work=WORK))
    s, looked = (holds(ls.simulate(build, 1_800, alarms=alarms)) for alarms in (False, True))
    assert s["front.offered"] == s["cdn.origin_requests"] > 500
    assert looked["cdn.origin_requests"] == looked["front.offered"] == s["front.offered"]
    assert s["orders.offered"] == s["front.completed"]


def test_what_another_part_gives_out_is_answered():
    """Each comes from some region and asks for some object."""
    def build(sim):
        queue = sqs.Queue(sim, "queue")
        ec2.Fleet(sim, "workers", size=3, consumes=queue, work=WORK)
        sim.send(3, to=queue)
        site, origin = cloudfront.Site(sim, "site"), cloudfront.Origin(sim, "origin")
        made = cloudfront.Distribution(sim, "cdn", site, origin, url_lifetime=60, click_delay=60)
        queue.done.to(made)
        sim.send(1, to=made)
    r = ls.simulate(build, 3_600)
    s = holds(r)
    assert s["cdn.offered"] == s["queue.completed"] + s["producers of cdn.offered"]
    assert s["cdn.refused"] / s["cdn.offered"] == pytest.approx(np.exp(-1), abs=0.02)
    by_region = [r.series[f"cdn.viewers_{code}"].value.mean() for code in ("us", "eu", "as", "sa")]
    assert np.array(by_region) / sum(by_region) == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.02)


def test_two_outages_of_one_origin():
    """Each is told, and each hurts."""
    def build(sim, second=True):
        made = shops(sim, cache_control="no-cache", regional=False, error_ttl=0)
        for at in (600, 1_800) if second else (600,):
            made.origin.fault(at, 300, "errors")
    twice, once = (ls.simulate(build, 3_600, second=more) for more in (True, False))
    assert [e.t for e in twice.events if e.kind == "outage"] == [600, 1_800]
    assert holds(twice)["cdn.failed"] > 1.5 * holds(once)["cdn.failed"] > 0


def test_buckets_and_edges_of_one_site_see_the_same_releases():
    """Copies are late by their lag, edges by their TTL."""
    def build(sim):
        site = cloudfront.Site(sim, "site", change_every=1_800, change_share=1)
        made = shops(sim, rate=1, site=site, update="invalidate")
        buckets = cloudfront.Buckets(sim, "buckets", site, made.origin, replicated=True)
        cloudfront.Viewers(sim, "others", 1, buckets)
    s = holds(ls.simulate(build, 7_200))
    assert s["site.releases"] == 3 and s["cdn.paths"] == 300
    assert s["cdn.stale"] > 0 and s["buckets.stale"] > 0
    assert s["cdn.stale_longest"] <= 60.5
