"""Viewers who press reload, parts that ask a distribution, and what breaks in it."""

import numpy as np
import pytest

import labsim as ls
from labsim.errors import ParameterError
from labsim.services import cloudfront, ec2

HOUR = 3_600


def cdn(sim, retry=None, rate=100.0, outage=None, age=300, objects=20, **how):
    """Viewers, a distribution and its origin."""
    site = cloudfront.Site(sim, "site", objects, 1e5)
    origin = cloudfront.Origin(sim, "origin", 0.1)
    if outage:
        origin.fault(*outage)
    part = cloudfront.Distribution(sim, "cdn", site, origin, cache_control=f"max-age={age}")
    if rate:
        cloudfront.Viewers(sim, "viewers", rate, part, retry=retry, **how)
    return part


def run(seed=1, faults=(), duration=HOUR, **how):
    """The summary of such a distribution, without its name."""
    made = ls.simulate(lambda sim: cdn(sim, **how) and None, duration=duration, seed=seed,
                       faults=faults)
    assert all(law.holds(made) for law in made.lab.invariants)
    return {name.removeprefix("cdn."): value for name, value in made.summary.items()}


@pytest.mark.parametrize("what, kind", [("down", "unreachable"), ("errors", "errors")])
def test_an_origin_that_is_struck_is_away_as_one_whose_outage_was_chosen(what, kind):
    """The same numbers, in whichever way it is said."""
    amount = (1.0,) if what == "errors" else ()
    assert run(outage=(900, 600, kind)) == run(faults=[("origin", what, 900, 600, *amount)])


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_retries_amplify_as_the_geometric_sum(share):
    """Nothing is kept, nor errors: each request asks the origin, which fails a share of the time;
    4 attempts amplify by 1 + p + p^2 + p^3 and leave p^4 failed."""
    def build(sim):
        site = cloudfront.Site(sim, "site", 10, 1e5)
        origin = cloudfront.Origin(sim, "origin", 0.1)
        part = cloudfront.Distribution(sim, "cdn", site, origin, cache_control="no-cache",
                                       error_ttl=0.0)
        cloudfront.Viewers(sim, "viewers", 200.0, part, retry=ls.retry(attempts=4))
    s = ls.simulate(build, duration=600, seed=2,
                    faults=[("origin", "errors", 0, 0, share)]).summary
    assert s["cdn.amplification"] == pytest.approx(sum(share**n for n in range(4)), rel=0.03)
    assert s["cdn.failed"] / s["cdn.offered"] == pytest.approx(share**4, abs=0.02)


def test_the_counted_crowd_comes_back_as_single_clients_do(seed=1):
    """The same site asked by clients who are followed one by one: amplification within 5%."""
    retry, faults = ls.retry(attempts=3, base=2.0, cap=10.0), [("origin", "errors", 900, 900, 1.0)]
    counted = run(retry=retry, rate=5.0, faults=faults, seed=seed, duration=2_700)

    def followed(sim):
        sim.send(5.0, to=cdn(sim, rate=0.0), name="viewers", retry=retry)
    single = ls.simulate(followed, duration=2_700, seed=seed, faults=faults).summary
    assert counted["amplification"] == pytest.approx(single["viewers.amplification"], rel=0.05)
    assert counted["failed"] / counted["offered"] == pytest.approx(
        single["viewers.failed"] / single["viewers.offered"], rel=0.15)


def test_a_region_whose_edges_are_down_answers_nobody():
    """Asia, a fifth of the viewers, for a third of the hour; the others notice nothing."""
    s = run(faults=[("cdn-asia", "down", 1_200, 1_200)])
    assert s["failed"] / s["offered"] == pytest.approx(0.2 / 3, rel=0.02)


def test_the_same_region_is_down_for_those_who_are_followed():
    """One law for both ways to advance."""
    s = run(faults=[("cdn-asia", "down", 1_200, 1_200)], follow=True, rate=20.0)
    assert s["failed"] / s["offered"] == pytest.approx(0.2 / 3, rel=0.05)


def test_a_slow_origin_is_slow_until_it_is_mended():
    """An answer of 0.1 s takes 3 s: viewers whose patience is 1 s come back; before and after,
    none does."""
    slow = run(retry=ls.retry(timeout=1, attempts=3), faults=[("origin", "slow", 900, 900, 30.0)])
    usual = run(retry=ls.retry(timeout=1, attempts=3))
    assert slow["timed_out"] > 0 and slow["late"] > 0
    assert usual["timed_out"] == usual["retries"] == 0


def test_a_budget_bounds_the_reloads():
    """With no tokens left, about one retry in five successes at most is made."""
    faults = [("origin", "errors", 900, 1_800, 1.0)]
    free = run(retry=ls.retry(attempts=3), faults=faults)
    budget = run(retry=ls.retry(attempts=3, budget=500, clients=1), faults=faults)
    assert budget["retries"] < 0.1 * free["retries"]


def test_random_faults_and_retries_keep_the_laws():
    """Sets by chance: what viewers want is answered, given up or waited for."""
    dice = np.random.default_rng(3)
    kinds = [("origin", "down"), ("origin", "errors"), ("origin", "slow"), ("cdn-us", "down"),
             ("cdn-europe", "down")]
    for seed in range(25):
        faults = []
        for i in dice.integers(len(kinds), size=2):
            amount = {"slow": 1 + 50 * dice.random(), "errors": dice.random()}
            faults.append((*kinds[i], 600 * dice.random(), 300 * dice.random(),
                           amount.get(kinds[i][1], 0.0)))
        timeout = np.inf if dice.random() < 0.4 else dice.uniform(0.05, 20)
        s = run(seed=seed, faults=faults, duration=900, objects=20, retry=ls.retry(
            timeout=timeout, attempts=int(dice.integers(1, 6)),
            breaker=ls.breaker() if dice.random() < 0.2 else None))
        assert s["offered"] == s["completed"] + s["failed"] + s["open_end"]


def test_a_service_asks_a_distribution_and_waits_for_the_first_byte():
    """Each call is a request of the distribution, and fails when the origin does."""
    def build(sim):
        web = ec2.Service(sim, "web", ls.exponential(0.01), instances=20,
                          calls=cdn(sim, rate=0.0, objects=20, age=0))
        sim.send(5, to=web)
    s = ls.simulate(build, duration=1_200, seed=1,
                    faults=[("origin", "errors", 400, 400, 1.0)]).summary
    assert s["cdn.offered"] == s["web to cdn.attempts"]
    assert s["cdn.failed"] == pytest.approx(s["web to cdn.failed"], abs=2)
    assert s["web to cdn.failed"] / s["cdn.offered"] == pytest.approx(1 / 3, abs=0.04)


def test_viewers_beside_others_do_not_come_back():
    """Where requests are followed, viewers with a `retry` are an error that says what to do."""
    def build(sim):
        part = cdn(sim, retry=ls.retry(attempts=2))
        sim.send(1.0, to=part)
    with pytest.raises(ParameterError, match="retry"):
        ls.simulate(build, duration=60)
