"""Viewers counted (`crowd`) beside the same viewers followed one by one (`distribution`).

Small sites, in which all objects are followed: means of some runs of each differ by no more than
chance allows, in everything that is counted. And a large one, of which a sample stands for all.
"""

import math

import numpy as np
import pytest

import labsim as ls
from labsim import theory
from labsim.engine import Simulation, popularity
from labsim.errors import ParameterError
from labsim.services import cloudfront
from labsim.services.cloudfront import bill, rules
from labsim.services.cloudfront.cells import fill, turnover
from labsim.services.cloudfront.tally import FROM_SECOND, whole
from labsim.statistics import student_t

RUNS, POINTS = 8, 48
WHAT = ("offered", "edge_hits", "regional_hits", "shield_hits", "from_origin", "from_second",
        "expired_served", "failed", "refused", "not_modified", "evictions", "shield_requests",
        "latency_mean", "stale", "origin_gb", "month_usd")
HOUR, DOWN = {"cache_control": "max-age=3600"}, ("unreachable", 20_000, 20_000)
AWAY = {**HOUR, "fault": DOWN}


def build(sim, follow, rate=0.2, site=None, origin=None, fault=None, swing=0.0, warm_up=0.0,
          **given):
    """A site of 200 objects that changes each six hours, and its viewers."""
    made = cloudfront.Site(sim, "site", **{
        "objects": 200, "change_every": 21_600, "size": 1e6, **(site or {})})
    behind = cloudfront.Origin(sim, "origin", **(origin or {}))
    if fault:
        behind.fault(fault[1], fault[2], fault[0])
    cdn = cloudfront.Distribution(sim, "cdn", made, behind, **{
        "cache_control": "max-age=21600", **given})
    cloudfront.Viewers(sim, "viewers", rate, cdn, follow=follow, swing=swing, warm_up=warm_up)
    return cdn


def runs(follow, duration=86_400, **given):
    """Summaries of `RUNS` runs, (runs, what)."""
    rows = []
    for seed in range(RUNS):
        sim = Simulation(seed + 1_000 * (not follow), duration, points=POINTS)
        cdn = build(sim, follow, **given)
        sim.run()
        summary = cdn.summary()
        rows.append([summary[name] for name in WHAT])
    return np.array(rows, dtype=float)


@pytest.mark.parametrize("given", [
    {}, {"regional": False}, {"shield": True}, {"shield": True, "regional": False},
    {"price_class": "100"}, {"cache_control": "no-cache"}, {"variants": 5},
    {"cache_control": "max-age=120", "rate": 0.5}, {"cache_control": "", "expires_at": 43_200.0},
    {"swing": 0.8, "edges": 16, "regional": False}, {"url_lifetime": 100, "click_delay": 100},
    {**HOUR, "update": "invalidate"}, {**HOUR, "update": "wildcard"},
    {**HOUR, "site": {"versioned": True}}, AWAY, {**AWAY, "stale_if_error": 7_200},
    {**AWAY, "fault": ("errors", 20_000, 20_000)}, {**AWAY, "origin": {"group": True}},
    {"regional": False, "edge_size": 2e7, "cache_control": "max-age=7200", "warm_up": 43_200},
    {"edge_size": 5e6, "cache_control": "max-age=20000", "warm_up": 43_200},
    {**HOUR, "regional": False, "origin": {"workers": 1, "service": 5.0}}],
    ids=lambda given: ",".join(given))
def test_a_crowd_is_as_its_people(given):
    """In each thing that is counted the means of runs of both differ by less than the 99.9%
    interval of their difference, or by one request in a thousand."""
    people, crowd = runs(True, **given), runs(False, **given)
    reach = student_t(0.999, 2 * RUNS - 2)
    for name, one, other in zip(WHAT, people.T, crowd.T):
        error = math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / RUNS)
        slack = 1e-3 * (people[:, 0].mean() if one.mean() > 1 else max(one.mean(), 1e-9))
        print(f"measured: {name}: {one.mean():,.4g} followed, {other.mean():,.4g} counted")
        assert abs(one.mean() - other.mean()) <= reach * error + slack, name


@pytest.mark.parametrize("follow", [True, False])
def test_a_server_works_in_the_warm_up_and_is_not_busy_with_it_afterwards(follow):
    """Its workers are free when the warm-up begins; what they do then is in no figure."""
    busy = {}
    for warm_up in (0.0, 7_200.0):
        sim = Simulation(1, 3_600, points=POINTS)
        cdn = build(sim, follow, 2.0, {"change_every": 0}, {"workers": 2, "service": 0.2},
                    warm_up=warm_up, cache_control="no-cache")
        sim.run()
        assert cdn.summary()["failed"] == 0
        busy[warm_up] = cdn.origin.summary()["utilization"]
    assert busy[0.0] == pytest.approx(0.2, rel=0.05)     # 2/s of 0.2 s on two workers
    assert busy[7_200.0] == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("objects, skew", [(3_000, 1.0), (20_000, 0.6), (20_000, 0.0)])
def test_a_sample_of_the_objects_stands_for_all(objects, skew):
    """Classes of neighbours in rank give the hit ratio of all objects, each with its own rate."""
    rate, ttl, edges = 4.0, 5_000.0, 4
    found = []
    for seed in range(RUNS):
        sim = Simulation(seed, 86_400, points=POINTS)
        cdn = build(sim, False, rate=rate, regional=False, edges=edges, warm_up=20_000,
                    cache_control="max-age=5000", edge_size=1e13,
                    site={"objects": objects, "skew": skew, "change_every": 0})
        sim.run()
        found.append(cdn.summary()["hit_ratio"])
        assert len(cdn.site.sample.one) <= 200 and cdn.site.sample.stands.sum() == objects
    shares = popularity(objects, skew)
    expected = sum(part * (shares * theory.ttl_hit_ratios(shares * rate * part / edges, ttl)).sum()
                   for part in (0.4, 0.3, 0.2, 0.1))
    half = student_t(0.999, RUNS - 1) * np.std(found, ddof=1) / math.sqrt(RUNS)
    assert abs(np.mean(found) - expected) <= half < 0.1 * expected


def test_at_any_rate_a_run_takes_the_same_steps():
    """Every request of a day at 100,000 per second is in the books, and none is made."""
    sim = Simulation(1, 86_400, points=POINTS)
    cdn = build(sim, False, rate=1e5, edge_size=1e13, site={"objects": 100_000})
    sim.run()
    s = cdn.summary()
    assert s["offered"] == pytest.approx(8.64e9, rel=1e-4) and not cdn.requests
    assert s["offered"] == s["completed"] == (
        s["edge_hits"] + s["regional_hits"] + s["from_origin"])
    assert s["hit_ratio"] > 0.99


def test_who_needs_each_request_has_them_followed():
    """Another part that feeds the delivery or gets its misses, and `follow`."""
    def counted(connect=False, follow=False, strangers=False):
        def wire(sim):
            cdn = build(sim, follow)
            if strangers:
                sim.send(0.1, to=cdn)
            if connect:
                cdn.misses.to(cloudfront.Distribution(sim, "next", cdn.site, cdn.origin))
            kept.append(cdn)
        kept = []
        ls.simulate(wire, 3_600)
        return [cdn.crowd is not None for cdn in kept][-1]
    assert counted()
    assert not counted(connect=True) and not counted(follow=True) and not counted(strangers=True)


def test_che_for_objects_of_one_size():
    """The turnover is that of the theory; what is larger than the room is never kept."""
    shares = popularity(1_000, 1.0)
    turn = turnover(shares, np.full(1_000, 5.0), np.ones(1_000), 5.0 * 100)
    assert -np.expm1(-turn) == pytest.approx(theory.lru_hit_ratios(shares, 100), rel=1e-6)
    assert np.isinf(turnover(shares, np.ones(1_000), np.ones(1_000), 1_000)).all()
    assert turnover(shares, np.full(1_000, 9.0), np.ones(1_000), 5.0).max() == 0


def test_caches_fill_by_the_first_request():
    """Without loss: exp(-rate t) lack it; with loss, rate / (rate + loss) have it in the end."""
    lacking, full = fill(np.array([0.5]), np.array([0.0]), np.array([2.0]), np.array([0.0]))
    assert full[0] == pytest.approx(1 - math.exp(-1)) and lacking[0] == pytest.approx(full[0] / 0.5)
    assert fill(np.array([0.5]), np.array([1.5]), np.array([99.0]),
                np.array([1.0]))[1][0] == pytest.approx(0.25)


def test_shares_are_made_whole_without_loss():
    """Sums differ by less than one, nothing is below zero."""
    shares = np.random.default_rng(1).random((7, 5)) * 3
    made = whole(shares)
    assert made.min() >= 0 and abs(made.sum() - shares.sum()) < 1
    assert (abs(np.cumsum(made) - np.cumsum(shares)) < 1).all()


def test_the_price_of_the_shield():
    """USD 0.0075 per 10,000 requests in the US, 0.009 in Europe, 0.016 in South America; and only
    those of other regions are charged. Source: AWS price list; CloudFront Developer Guide, Origin
    Shield."""
    assert bill.shielded("us", 10_000) == pytest.approx(0.0075)
    assert bill.shielded("europe", 10_000) == pytest.approx(0.009)
    assert bill.shielded("south_america", 10_000) == pytest.approx(0.016)
    sim = Simulation(1, 86_400, points=POINTS)
    cdn = build(sim, False, rate=100.0, shield=True)
    sim.run()
    abroad = cdn.summary()["shield_requests"]
    assert 0 < cdn.month["origin shield"] == pytest.approx(
        abroad * bill.MONTH / 86_400 * 0.0075 / 10_000)


@pytest.mark.parametrize("given", [{"variants": 0}, {"variants": -3}])
def test_a_cache_key_has_at_least_one_value(given):
    """Else a clear error."""
    with pytest.raises(ParameterError, match="variants"):
        build(Simulation(1, 60), False, **given)


@pytest.mark.parametrize("header, expires_at", [
    ("", None), ("max-age=60", None), ("", 5_000.0), ("max-age=60", 5_000.0),
    ("s-maxage=30, max-age=60", 5_000.0), ("no-cache", 5_000.0)])
def test_how_long_an_answer_is_fresh_is_one_rule(header, expires_at):
    """For one answer as for many: an age in Cache-Control goes before the date of Expires."""
    sim = Simulation(1, 100, points=4)
    cdn = build(sim, False, cache_control=header, expires_at=expires_at, min_ttl=10, max_ttl=4_000)
    moments = [0.0, 1_500.0, 4_980.0, 4_995.0, 6_000.0]
    expected = [rules.edge_ttl(header, None if expires_at is None else expires_at - t, minimum=10,
                               maximum=4_000) for t in moments]
    assert [cdn.ttl(t) for t in moments] == expected
    assert cdn.ttls(np.array(moments)).tolist() == expected


def test_who_comes_into_an_outage_on_his_way_gets_the_second_origin():
    """Asked for before it, answered in it: counted as what it was, about as often as if followed
    (the last moments of a step are coarse)."""
    second = []
    for follow in (True, False):
        found = 0
        for seed in range(RUNS):
            sim = Simulation(seed, 210, points=210)
            cdn = build(sim, follow, rate=400, cache_control="no-cache", origin={"group": True},
                        fault=("errors", 200, 10))
            sim.run()
            found += cdn.books.tally.count[FROM_SECOND, 199].sum()
        second.append(found)
    followed, counted = second
    print(f"measured: {followed} followed, {counted} counted")
    assert followed / 2 < counted < 2 * followed
