"""TTLs, failover, signed URLs, prices, edges and replicas, rule by rule."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_edges import PlainEdges

import labsim
from labsim import theory
from labsim.builtin.cloudfront_cache import model, story
from labsim.engine import LruCache, Simulation
from labsim.errors import NotApplicable, ParameterError
from labsim.services.cloudfront import Distribution, Origin, Site, bill
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.cloudfront.books import CODES
from labsim.services.cloudfront.origin import FAILED, SECOND
from labsim.services.cloudfront.tally import ERROR, EXPIRED, FROM_ORIGIN, HIT, REGIONAL, SHIELD
from labsim.services.cloudfront.viewers import Requests
from labsim.services.common import regions as world
from labsim.services.s3 import replication as s3_replication
from labsim.statistics import half_width

LAB = labsim.lab("cloudfront-cache")
DAY, YEAR = 86_400, 31_536_000
US_ONLY = {"europe_share": 0, "asia_share": 0, "south_america_share": 0}
STILL = {"change_every": 0}
seconds = st.integers(0, 10**8)


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


def inside(expected, values):
    """Whether a closed form is in the 99% interval of the mean, and the interval is narrow."""
    half = half_width(values, 0.99)
    print(f"measured: cloudfront-cache: {np.mean(values):.4f} +- {half:.4f}, theory {expected:.4f}")
    return abs(np.mean(values) - expected) <= half < 0.1 * expected


# -- expiry (C33) ------------------------------------------------------------------------------

@pytest.mark.parametrize("header, expires, behaviour, kept", [
    ("", None, (0, DAY, YEAR), DAY), ("max-age=60", None, (0, DAY, YEAR), 60),
    ("max-age=40000000", None, (0, DAY, YEAR), YEAR),
    ("max-age=60, s-maxage=10", None, (0, DAY, YEAR), 10),
    ("s-maxage=10, max-age=60", None, (20, DAY, YEAR), 20),
    ("max-age=60", None, (300, DAY, YEAR), 300), ("", None, (300, 60, YEAR), 300),
    ("", None, (0, 60, YEAR), 60), ("", 120, (0, DAY, YEAR), 120), ("", -5, (0, DAY, YEAR), 0),
    ("", -5, (30, DAY, YEAR), 30), ("", 10**9, (0, DAY, YEAR), YEAR),
    ("max-age=60", 9, (0, DAY, YEAR), 60), ("s-maxage=0", 9, (0, DAY, YEAR), 0),
    ("max-age=0", None, (0, DAY, YEAR), 0), ("no-cache", None, (0, DAY, YEAR), 0),
    ("no-store", 500, (0, DAY, YEAR), 0), ("private, max-age=500", None, (0, DAY, YEAR), 0),
    ("no-cache", None, (300, DAY, YEAR), 300), ("private, s-maxage=9", 9, (40, DAY, YEAR), 40),
    ("public, must-revalidate", None, (0, DAY, YEAR), DAY), ("public", 50, (0, DAY, YEAR), 50),
    ("Public, MAX-AGE = 60", None, (0, DAY, YEAR), 60), ('max-age="60"', None, (0, DAY, YEAR), 60),
    ("max-age=soon", None, (0, DAY, YEAR), DAY), ("max-age=", 70, (0, DAY, YEAR), 70),
    ('no-cache="set-cookie"', None, (0, DAY, YEAR), 0), (",,", None, (0, DAY, YEAR), DAY),
    ("", None, (0, 500, 100), 500), ("max-age=60", None, (100, DAY, 100), 100)])
def test_how_long_an_edge_keeps_an_answer(header, expires, behaviour, kept):
    """The table of the Developer Guide, row by row, and what the rows leave open."""
    assert cloudfront.edge_ttl(header, expires, *behaviour) == kept


@given(st.none() | seconds, st.none() | seconds, st.none() | st.integers(-10**8, 10**8),
       st.booleans(), st.tuples(seconds, seconds, seconds))
def test_expiry_for_any_behaviour_and_any_headers(max_age, shared, expires, private, ttls):
    """As the rule is said in words, with min <= max in any order of the default."""
    low, default, high = min(ttls[0], ttls[2]), ttls[1], max(ttls[0], ttls[2])
    parts = [*(["private"] if private else []),
             *([f"max-age={max_age}"] if max_age is not None else []),
             *([f"s-maxage={shared}"] if shared is not None else [])]
    got = cloudfront.edge_ttl(", ".join(parts), expires, low, default, high)
    said = next((x for x in (shared, max_age, expires) if x is not None), None)
    if private:
        assert got == low
    elif said is None:
        assert got == (default if default > low else low)
    elif low <= said <= high:
        assert got == said
    else:
        assert got == (low if said < low else high)


@pytest.mark.parametrize("header, expires, kept", [
    ("max-age=60, s-maxage=10", None, 60), ("s-maxage=10", None, None), ("no-store", None, 0),
    ("", 90, 90), ("", -90, 0), ("max-age=5", 90, 5), ("", None, None)])
def test_a_browser_reads_its_own_directives(header, expires, kept):
    """Not s-maxage, and nothing of the behaviour."""
    assert cloudfront.browser_ttl(header, expires) == kept


def test_a_minimum_above_the_maximum_is_refused():
    """By the rule and by the lab, with the name."""
    with pytest.raises(ValueError, match="minimum"):
        cloudfront.edge_ttl("", None, 10, 10, 9)
    with pytest.raises(ParameterError, match="min_ttl"):
        LAB.Params(min_ttl=100, max_ttl=99)


@pytest.mark.parametrize("values, ttl", [
    (dict(header="none"), DAY), (dict(header_age=60), 60), (dict(header="private"), 0),
    (dict(header="s-maxage", header_age=700), 700), (dict(header="no-cache", min_ttl=9), 9),
    (dict(header="expires", header_age=500), 400), (dict(header_age=90, max_ttl=80), 80)])
def test_the_labs_headers(values, ttl):
    """What its origin sends, by the same rule, at 100 s."""
    assert LAB.Params(**values).ttl(100) == ttl


# -- an origin that fails (C33) -----------------------------------------------------------------

@given(st.floats(0, 100), st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), max_size=3),
       st.integers(1, 3), st.floats(1, 10))
def test_attempts_and_timeouts(at, outages, attempts, timeout):
    """Through at the first attempt that falls outside of every outage; else given up."""
    down = [(start, start + lasts) for start, lasts in outages]
    tries = [at + n * timeout for n in range(attempts)]
    good = [t for t in tries if all(t < start or t >= end for start, end in down)]
    got = cloudfront.connected(at, down, attempts, timeout)
    assert got == (good[0] if good else None)


@pytest.mark.parametrize("attempts", [1, 2, 3])
@pytest.mark.parametrize("timeout", [1, 4, 10])
def test_time_to_failover_in_the_simulation(attempts, timeout):
    """Attempts times timeout, at each miss anew, plus the ways; nobody gets an error."""
    s = summary(outage="unreachable", outage_start=0, outage_duration=200_000, origin_group=True,
                connect_attempts=attempts, connect_timeout=timeout, header="no-cache", **US_ONLY,
                **STILL, regional=False, edges=1, origin_time=0.05)
    ways = 3 * 0.04 + world.round_trip(world.US, world.EUROPE) + 0.05
    assert s["latency_p50"] == pytest.approx(attempts * timeout + ways)
    assert s["failed"] == 0 and s["from_second"] == s["offered"] == s["origin_requests"]


@pytest.mark.parametrize("method, status, over", [
    ("GET", 503, True), ("head", 404, True), ("OPTIONS", 500, True), ("POST", 503, False),
    ("PUT", 504, False), ("GET", 200, False), ("GET", 304, False), ("GET", 429, False)])
def test_what_fails_over(method, status, over):
    """Reads, on a status that was chosen."""
    assert cloudfront.fails_over(method, status) == over
    assert not cloudfront.fails_over(method, status, codes=(502,))


def test_503_fails_over_at_once_and_goes_home_without_a_second_origin():
    """No timeout is waited for."""
    for group in (True, False):
        origin = Origin(Simulation(1, 100), "origin", 0.1, group=group)
        origin.fault(10, 10, "errors")
        assert origin.ask(15, 0.2, 0.3) == pytest.approx(
            (15.6, SECOND) if group else (15.2, FAILED))
        assert origin.ask(20, 0.2, 0.3)[0] == pytest.approx(20.3)


AT = ((0, 0.0), (0, 0.5), (1, 0.0), (3, 0.0))     # four edges of two per region: region, place


def caches(requests, ttl, *, room=1e9, regional=False, sizes=(1.0,) * 9, stale=0.0, error_ttl=0.0,
           fault=(), workers=0, service=0.1, ends=1e6, **given):
    """A distribution with these requests (time, object, one of the four edges)."""
    times, objects, edges = (np.array(c) for c in zip(*requests))
    sim = Simulation(1, ends)
    site = Site(sim, "site", len(sizes))
    site.sizes = list(sizes)
    origin = Origin(sim, "origin", service, workers, response_timeout=1e9)
    if fault:
        origin.fault(*fault)
    made = Distribution(sim, "cdn", site, origin, edges=2, edge_size=room, regional=regional,
                        min_ttl=ttl, default_ttl=ttl, max_ttl=max(ttl, stale),
                        stale_if_error=stale, error_ttl=error_ttl, **given)
    region, place = np.array(AT).T
    made.expect(iter([Requests(times.astype(float), region[edges].astype(int), objects,
                               place[edges], np.zeros(len(times)))]))
    return made, sim


def kinds(made):
    """How each request went, a list."""
    found = [HIT] * made.count
    for i, kind, _ in made.noted:
        found[i] = kind
    return found


@given(st.floats(1, 1_000), st.floats(1, 1_000))
def test_an_expired_copy_stands_in_for_so_long(age, stale):
    """Until stale-if-error after its expiry, as of when the tries are over; then an error."""
    made, sim = caches([(0, 0, 0), (100.1 + 0.13 + age, 0, 0)], ttl=100, stale=stale,
                       fault=(50, 1e6, "unreachable"))
    sim.run()
    late = age + 30
    if abs(late - stale) > 0.5:
        assert kinds(made)[1] == (EXPIRED if late < stale else ERROR)


@given(st.integers(1, 100), st.lists(st.floats(0, 500), min_size=1, max_size=40))
def test_an_error_is_kept_for_its_ttl(error_ttl, times):
    """The origin is asked again only when it is over; who asks meanwhile shares it."""
    times = sorted(times)
    made, sim = caches([(t, 0, 0) for t in times], ttl=100, error_ttl=error_ttl,
                       fault=(0, 1e6, "errors"))
    sim.run()
    asked, until = [], -1.0
    for t in times:
        if t >= until:
            asked.append(t)
            until = t + world.ROUND_TRIP[0][0] + error_ttl
    assert made.origin.asked == asked and set(kinds(made)) == {ERROR}


def test_stale_if_error_is_cut_to_the_maximum():
    """Nothing said: not at all."""
    assert cloudfront.stale_allowed(100, 60) == 60 and cloudfront.stale_allowed(None) == 0
    assert cloudfront.CacheControl.parse("max-age=1, stale-if-error=70").stale_if_error == 70


# -- caches beside plain SimPy -------------------------------------------------------------------

worlds = st.tuples(
    st.lists(st.tuples(st.floats(0, 200), st.integers(0, 4), st.integers(0, 3)), min_size=1,
             max_size=60, unique_by=lambda r: round(r[0], 3)),
    st.booleans(), st.sampled_from([0.0, 1.0, 20.0, 500.0]), st.sampled_from([0.1, 3.0]),
    st.integers(1, 2),
    st.lists(st.tuples(st.floats(0, 200), st.lists(st.integers(0, 4), max_size=5)), max_size=3))


@settings(max_examples=150, deadline=None)
@given(worlds)
def test_the_same_as_plain_simpy(drawn):
    """Request by request: who answered, after how long, whether it was old or unchanged."""
    requests, regional, ttl, service, workers, releases = drawn
    requests, region = sorted(requests), [0, 0, 1, 3]
    taken = {t for t, _, _ in requests}
    releases = sorted((t, objects) for t, objects in releases if t not in taken)
    made, sim = caches(requests, ttl, regional=regional, workers=workers, service=service)

    def changing():
        for t, objects in releases:
            yield sim.env.timeout(max(0.0, t - sim.now))
            made.advance(t)
            made.site.change(objects)
    sim.process(changing())
    sim.run()
    plain = PlainEdges(requests, region, regional=regional, ttl=ttl, service=service,
                       workers=workers, releases=releases)
    names = {HIT: "hit", REGIONAL: "regional"}
    assert [names.get(k, "origin") for k in kinds(made)] == [
        plain.kind[i] for i in range(len(requests))]
    waits = {i: wait for i, _, wait in made.noted}
    for i in range(len(requests)):
        assert waits.get(i, 0.0) == pytest.approx(plain.wait[i], abs=1e-6)
    assert set(made.old) == plain.old and set(made.unchanged) == plain.unchanged


def test_simultaneous_misses_share_a_fetch():
    """One goes to the origin, the others wait for it: unless nothing may be kept."""
    burst = [(1 + n / 1_000, 0, 0) for n in range(10)]
    made, sim = caches(burst, ttl=60)
    sim.run()
    assert len(made.origin.asked) == 1 and len(made.shared) == 9
    made, sim = caches(burst, ttl=0)
    sim.run()
    assert len(made.origin.asked) == 10


def test_an_invalidation_drops_what_it_names():
    """In edges and regional caches; a wildcard drops all, for one path."""
    for names, asked, paths in (([0], 3, 1), ([0, 1], 4, 2), (None, 4, 1), ([], 2, 0)):
        made, sim = caches([(1, 0, 0), (2, 1, 0), (10, 0, 1), (11, 1, 1)], ttl=1e5,
                           regional=True)
        made.advance(5)
        made.invalidate(names)
        sim.run()
        assert (len(made.origin.asked), made.paths) == (asked, paths)


def test_the_shield_is_asked_by_all_and_is_the_regional_cache_of_its_region():
    """The US, Europe, South America: one fetch for all of them; two ways to it that are paid."""
    asked = [(1, 0, 0), (2, 0, 2), (3, 0, 3), (4, 0, 1), (5, 0, 2)]
    made, sim = caches(asked, ttl=1e5, regional=True, shield=True)
    sim.run()
    assert len(made.origin.asked) == 1 and made.shielded == 2
    assert kinds(made) == [FROM_ORIGIN, SHIELD, SHIELD, REGIONAL, HIT]
    waits = {i: wait for i, _, wait in made.noted}
    assert [waits[i] for i in (1, 2)] == pytest.approx([
        world.WITHIN + world.round_trip(world.US, other)
        for other in (world.EUROPE, world.SOUTH_AMERICA)])
    made, sim = caches(asked, ttl=1e5, shield=True)
    sim.run()       # without regional caches the edges ask it themselves
    assert len(made.origin.asked) == 1 and kinds(made)[1:4] == [SHIELD] * 3


def test_what_is_fetched_through_the_shield_goes_a_hop_more():
    """Regional cache, shield, origin: each way there and back."""
    made, sim = caches([(1, 0, 2)], ttl=1e5, regional=True, shield=True)
    sim.run()
    assert made.noted[0][2] == pytest.approx(
        2 * world.WITHIN + world.round_trip(world.EUROPE, world.US) + 0.1)


def test_a_cache_key_with_so_many_values_makes_as_many_copies():
    """Each is fetched for itself; a path that is invalidated drops them all."""
    burst = [(float(t), 0, 0) for t in range(1, 200)]
    made, sim = caches(burst, ttl=1e6, variants=7)
    sim.run()
    assert len(made.origin.asked) == 7
    made, sim = caches(burst + [(300.0 + t, 0, 0) for t in range(200)], ttl=1e6, variants=7)
    made.advance(250)
    made.invalidate([0])
    sim.run()
    assert (len(made.origin.asked), made.paths) == (14, 1)


def test_cut_anywhere_it_is_the_same():
    """Whoever looks in between changes nothing."""
    rng = np.random.default_rng(3)
    requests = sorted(zip(rng.uniform(0, 500, 300).tolist(), rng.integers(0, 9, 300).tolist(),
                          rng.integers(0, 4, 300).tolist()))
    books = []
    for cuts in ([], range(0, 500, 7)):
        made, sim = caches(requests, ttl=40, room=3.0, regional=True)
        made.regional = [LruCache(6.0) for _ in world.REGIONS]
        for t in cuts:
            made.advance(t)
        sim.run()
        books.append((made.noted, made.evictions))
    assert books[0] == books[1] and books[0][1] > 0


# -- hit ratios in theory -------------------------------------------------------------------------

@pytest.mark.long
@pytest.mark.parametrize("edges, room, rate, skew", [
    (1, 20, 0.05, 1.0), (4, 20, 0.1, 1.0), (2, 60, 0.08, 0.6), (1, 100, 0.05, 1.4)])
def test_che_at_each_edge(edges, room, rate, skew):
    """An LRU edge with its share of the viewers: Che's approximation is in the interval."""
    values = [summary(seed, **US_ONLY, **STILL, edges=edges, regional=False, header_age=10**8,
                      objects=200, warm_up=DAY, request_rate=rate, skew=skew, size_cv=0,
                      size_mean=1e6,
                      edge_size=room / 1e3, duration=DAY)["hit_ratio"] for seed in range(20)]
    assert inside(story.lru_hit_ratio(rate, edges, 200, skew, room), values)


@pytest.mark.parametrize("edges, ttl, skew", [(1, 600, 1.0), (4, 7_200, 1.0), (16, 14_400, 0.5)])
def test_ttl_at_each_edge(edges, ttl, skew):
    """A cache that forgets by age: the renewal formula is in the interval."""
    values = [summary(seed, **US_ONLY, **STILL, edges=edges, regional=False, header_age=ttl,
                      objects=200, warm_up=3 * ttl, request_rate=0.05, skew=skew)["hit_ratio"]
              for seed in range(20)]
    assert inside(story.ttl_hit_ratio(0.05, edges, 200, skew, ttl), values)


@pytest.mark.parametrize("values", [
    {}, {"price_class": "100"}, {"regional": False}, {"edges": 16, "header_age": 3_100},
    {"url_lifetime": 300, "click_delay": 200}, {"shield": True}, {"variants": 50},
    {"variants": 1_000, "shield": True}, {"request_rate": 100_000, "header_age": 700},
    {"request_rate": 1, "objects": 10_000}])
def test_the_dashed_line(values):
    """Four regions of different size, with and without regional caches and Origin Shield, others'
    edges, fewer viewers let in, many copies of each object, from 1 to 100,000 requests per second:
    the panel's closed form is in the interval."""
    p = LAB.Params(**{"warm_up": 3 * 14_400, "header_age": 7_000, "edge_size": 1e5, **STILL,
                      **values})
    found, expected = [LAB.run(p, seed).summary["offload"] for seed in range(20)], (
        story.steady_offload(p))
    # Favourites are fetched in step with the run, so that a few more or less fall into its day.
    assert inside(expected, found) or abs(np.mean(found) - expected) < 5e-4


@given(st.floats(0.001, 1), st.integers(1, 40), st.floats(10, 1e5), st.floats(0, 2))
def test_more_edges_hit_less(rate, edges, ttl, skew):
    """Each sees a smaller rate; and the more popular are hit more often."""
    one, more = (story.ttl_hit_ratio(rate, n, 50, skew, ttl) for n in (edges, edges + 1))
    assert more < one
    ratios = theory.ttl_hit_ratios(np.array([3, 2, 1]) * rate, ttl)
    assert ratios[0] > ratios[1] > ratios[2]


def test_more_edges_hit_less_in_the_simulation():
    """But are nearer; and a regional cache spares the origin as before."""
    runs = [summary(edges=n, regional=False) for n in (1, 4, 16)]
    assert runs[0]["hit_ratio"] > runs[1]["hit_ratio"] > runs[2]["hit_ratio"]
    behind = [summary(edges=n)["offload"] for n in (1, 4, 16)]
    assert max(behind) - min(behind) < 0.01


@pytest.mark.parametrize("values", [
    {"delivery": "direct"}, {"day_swing": 0.5}, {"outage": "errors"}, {"header": "expires"},
    {"update": "wildcard"}, {"edge_size": 0.1, "regional": False}])
def test_where_theory_says_nothing(values):
    """It says why."""
    with pytest.raises(NotApplicable):
        story.steady_offload(LAB.Params(**values))


def test_a_server_without_cloudfront_is_m_d_1():
    """Fixed times, one worker, viewers at random: Pollaczek-Khinchine is in the interval."""
    wait = theory.md1_wait_mean(0.3, 2.0)
    trips = world.NEAREST, *world.ROUND_TRIP[world.US][1:]
    ways = sum(share * 3 * trip for share, trip in zip((0.4, 0.3, 0.2, 0.1), trips))
    values = [summary(seed, delivery="direct", origin="server", workers=1, origin_time=2.0,
                      request_rate=0.3, duration=40_000, **STILL)["latency_mean"]
              for seed in range(20)]
    assert inside(2.0 + wait + ways, values)


# -- signed URLs, functions -----------------------------------------------------------------------

@given(st.lists(st.floats(-1e6, 1e6)), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_signed_url_is_looked_at_when_a_request_begins(times, since, until):
    """From its start to before its end; a range or a restart like any other request."""
    got = cloudfront.admitted(times, until, since)
    assert got == [since <= t < until for t in times]
    assert cloudfront.admitted([until], until) == [False]


def test_who_is_late_gets_403():
    """exp(-lifetime / mean), in the interval; no refused request reaches a cache or an origin."""
    values = [summary(seed, url_lifetime=400, click_delay=300, header="no-cache", regional=False,
                      **STILL) for seed in range(20)]
    assert inside(math.exp(-4 / 3), [s["refused"] / s["offered"] for s in values])
    assert all(s["origin_requests"] == s["offered"] - s["refused"] for s in values)


def test_where_a_function_runs():
    """A viewer's trigger for all, an origin's for misses; never for what is not there."""
    for trigger, counted in (("viewer-request", "offered"), ("origin-request",
                                                              "origin_requests")):
        s = summary(trigger=trigger)
        assert s["invocations"] == s[counted]
    assert summary()["invocations"] == 0
    assert cloudfront.invocations(cloudfront.VIEWER_RESPONSE, 9, 4) == 9
    assert cloudfront.invocations(cloudfront.ORIGIN_RESPONSE, 9, 4, 2) == 6


# -- money ----------------------------------------------------------------------------------------

@given(st.integers(0, 60_000), st.sampled_from(bill.PRICE_REGIONS))
def test_steps_of_a_price(gb, region):
    """GB by GB it is the same; the first steps as printed."""
    steps = [(10_240, bill.PRICES[region][0]), (40_960, bill.PRICES[region][1]),
             (10**9, bill.PRICES[region][2])]
    total, left = 0.0, gb
    for size, price in steps:
        total += min(left, size) * price
        left -= min(left, size)
    assert bill.data_out(region, gb) == pytest.approx(total)
    assert bill.data_out(region, gb + 1) > bill.data_out(region, gb)


@pytest.mark.parametrize("region, gb, edge, bucket", [
    ("us", 1, 0.085, 0.09), ("europe", 10_240, 870.4, 921.6), ("south_america", 100, 11, 15),
    ("japan", 10, 1.14, 1.14), ("india", 100, 10.9, 10.93), ("asia", 51_200, 5_324.8, 4_710.4),
    ("us", 10_240 * 5, 870.4 + 40_960 * 0.08, 921.6 + 40_960 * 0.085)])
def test_prices_by_region(region, gb, edge, bucket):
    """By hand."""
    assert bill.data_out(region, gb) == pytest.approx(edge)
    assert bill.bucket_out(region, gb) == pytest.approx(bucket)


def test_requests_functions_and_the_free_tier():
    """By hand; what is free is taken from all regions alike."""
    assert bill.requests("us", 1e6) == pytest.approx(1)
    assert bill.requests("south_america", 1e6) == pytest.approx(2.2)
    assert bill.functions(1e6, 0.1) == pytest.approx(0.6 + 1e6 * 0.0125 * 0.00005001)
    month = bill.month({"us": 1_024, "asia": 1_024}, {"us": 1e7}, True)
    assert month == pytest.approx({"data out": 512 * (0.085 + 0.12), "requests": 0})
    assert sum(bill.month({"us": 1_000}, {"us": 9e6}, True).values()) == 0


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 5_000))
def test_invalidation_paths_beyond_the_free_ones(used, first, more):
    """All at once or in two requests: the same; the first thousand of a month are free."""
    whole = cloudfront.invalidation_cost(first + more, used)
    assert whole == pytest.approx(cloudfront.invalidation_cost(first, used)
                                  + cloudfront.invalidation_cost(more, used + first))
    assert cloudfront.invalidation_cost(first) == pytest.approx(0.005 * max(first - 1_000, 0))


@pytest.mark.parametrize("region, price_class, there", [
    (0, "100", 0), (1, "100", 1), (2, "100", 0), (3, "100", 0), (2, "200", 2), (3, "200", 0),
    (2, "all", 2), (3, "all", 3)])
def test_price_classes(region, price_class, there):
    """The nearest edges of those that are paid for."""
    assert cloudfront.served_from(region, price_class) == there


def test_a_cheaper_class_is_slower_where_it_saves():
    """In Asia and South America, and nowhere else."""
    every, cheap = summary(), summary(price_class="100")
    assert cheap["month_usd"] < every["month_usd"]
    assert cheap["ttfb_as"] > every["ttfb_as"] and cheap["ttfb_sa"] > every["ttfb_sa"]
    assert cheap["egress_gb"] == pytest.approx(every["egress_gb"], rel=0.01)
    assert cheap["offered"] == every["offered"]


def test_egress_with_and_without():
    """The same bytes: by the edges' regions, or all from the bucket's."""
    p = LAB.Params(**US_ONLY, **STILL, request_rate=10)
    r = LAB.run(p)
    gb, n = r.summary["egress_gb"], r.summary["offered"]
    assert r.cost["data out"] == pytest.approx(0.085 * gb)
    assert r.cost["requests"] == pytest.approx(1e-6 * n)
    storage = 1e5 * 1e5 / 2**30 * 0.023
    months = bill.MONTH / DAY
    assert r.summary["direct_usd"] == pytest.approx(
        storage + months * (0.09 * gb + n * 0.0004 / 1_000))


# -- changes, replicas ----------------------------------------------------------------------------

def test_how_old_an_answer_may_be():
    """Until the TTL, until the invalidation, never under a new name."""
    long = {"header_age": DAY, "duration": 2 * DAY}
    assert 7_200 < summary(**long)["stale_longest"] <= DAY
    assert 0 < summary(**long, update="invalidate")["stale_longest"] <= 60.5
    assert 0 < summary(**long, update="wildcard")["stale_longest"] <= 60.5
    assert summary(**long, update="versioned")["stale"] == 0
    assert summary(**long, delivery="direct")["stale"] == 0


def test_an_expires_date_is_one_for_all():
    """Before it hits, after it none."""
    p = LAB.Params(header="expires", header_age=43_200, **STILL)
    ratio = LAB.run(p).series["hit_ratio"].value
    assert ratio[25] > 0.4 and ratio[-25:].max() == 0


def test_price_of_replicas():
    """Storage for all, transfer and PUTs for copies."""
    got = s3_replication.cost(3, 100, 10, 1_000)
    assert got == pytest.approx({"storage": 4 * 2.3, "replication": 3 * (0.2 + 0.005)})
    timed = s3_replication.cost(3, 100, 10, 1_000, time_control=True)
    assert timed["replication"] - got["replication"] == pytest.approx(3 * 0.15)


def test_replicas_are_near_and_a_little_late():
    """Two short trips less than an ocean; the longer the lag, the more is old; an outage at home
    hurts home alone."""
    here = {"delivery": "replicas", "change_every": 3_600, "change_share": 1}
    near, far = summary(**here), summary(delivery="direct")
    assert near["ttfb_as"] == pytest.approx(near["ttfb_us"]) and (
        near["ttfb_as"] < far["ttfb_as"] / 2)
    late = [summary(**here, replication_lag=lag)["stale"] for lag in (0, 60, 600)]
    assert late[0] == 0 < late[1] < late[2]
    out = summary(delivery="replicas", outage="errors", outage_start=0, outage_duration=DAY)
    assert out["failed"] == pytest.approx(0.4 * out["offered"], rel=0.05)


# -- viewers --------------------------------------------------------------------------------------

def test_viewers_wake_by_their_own_clock():
    """A day's mean is the rate; Asia's evening is not the US's."""
    for region in range(4):
        curve = world.awake(region, 2.0, 0.8, 0, DAY)
        assert curve.cumulative[-1] == pytest.approx(2.0 * DAY)
        top = curve.t[np.argmax(curve.rate)] / 3_600
        assert (top + world.AHEAD[region]) % 24 == pytest.approx(20)
    assert world.nearest(3, (0, 1, 2)) == 0 and world.nearest(2, (2, 0)) == 2
    assert world.viewer_trip(16) == pytest.approx(world.viewer_trip(1) / 4)


@pytest.mark.parametrize("values", [
    {"edges": 9}, {"header_age": 60}, {"delivery": "direct"}, {"price_class": "100"},
    {"url_lifetime": 60}, {"outage": "errors"}, {"change_every": 600}])
def test_the_same_viewers_whatever_serves_them(values):
    """Common random numbers: times and objects don't change."""
    made = [model.simulate(p, Simulation(5, p.duration)).sim.parts["viewers"].requests for p in
            (LAB.Params(request_rate=0.05), LAB.Params(request_rate=0.05, **values))]
    for name in ("t", "one", "region"):
        assert (getattr(made[0], name) == getattr(made[1], name)).all()
    assert summary(5, **values)["offered"] == summary(5)["offered"]


def test_sizes_have_their_mean_and_spread():
    """Lognormal; all alike at 0."""
    drawn = np.array(Site(Simulation(1, 600), "site", 100_000, 1e6, size_cv=1.5).sizes)
    assert drawn.mean() == pytest.approx(1e6, rel=0.02)
    assert drawn.std() / drawn.mean() == pytest.approx(1.5, rel=0.1)
    alike = Site(Simulation(1, 600), "site", 100_000, 1e6, size_cv=0).sizes
    assert np.ptp(alike) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("values, name", [
    (dict(europe_share=0.8, asia_share=0.3), "asia_share"),
    (dict(europe_share=0.5, asia_share=0.4, south_america_share=0.2), "south_america_share")])
def test_no_more_viewers_than_all(values, name):
    """With the parameter to change."""
    with pytest.raises(ParameterError) as caught:
        LAB.Params(**values)
    assert caught.value.name == name


# -- what the stage shows ----------------------------------------------------------------------

@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
def test_what_flows_on_the_stage_adds_up(preset):
    """All attempts go to some region's edges, and their answers come back, in time or not; what is
    asked of origins comes through Origin Shield or from the regions."""
    r = LAB.run(LAB.Params(**preset.values))
    of = {name: series.value for name, series in r.series.items()}

    def ways(*names):
        return sum(of[name] for name in of if name.split("_")[0] in names and name.count("_") == 2)

    def regions(*names):
        return sum(of[f"{name}_{code}"] for name in names for code in CODES.values())
    everybody = regions("viewers")
    assert np.allclose(ways("first", "again"), everybody)
    assert np.allclose(ways("good", "bad"), everybody)
    assert (ways("again") > 0).any() == (r.params.retry_mode != "none")
    asked = of["origin_rate"] if r.params.delivery != "replicas" else of["viewers_us"]
    through = of["shield_rate"] if r.params.shield else regions("on")
    assert np.allclose(through, asked, atol=0.02 * asked.max() + 1e-9)
    if r.params.shield:
        assert (regions("shielded") >= of["shield_rate"] - 1e-9).all()
    if r.params.by_edges:
        assert (regions("missed") >= regions("on", "shielded") - 0.02 * asked.max()).all()
