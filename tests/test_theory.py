"""The closed forms against published values, exact arithmetic and a solved birth-death chain."""

import inspect
import math
from fractions import Fraction
from itertools import accumulate, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim import theory
from labsim.engine import LruCache, draw_keys, popularity, stream
from labsim.statistics import half_width

servers = st.integers(1, 200)
shares = st.integers(0, 63).map(lambda n: n / 64)       # utilizations, far enough apart to order


def close(value):
    return pytest.approx(value, rel=1e-12, abs=0)


# Published values

def test_erlang_b_of_ten_servers_and_five_erlangs():
    """The value of every Erlang B table, here by exact fractions."""
    terms = [Fraction(5**k, math.factorial(k)) for k in range(11)]
    assert theory.erlang_b(10, 5) == close(float(terms[10] / sum(terms)))
    assert round(theory.erlang_b(10, 5), 6) == 0.018385


def test_fifteen_lines_carry_8_108_erlangs_at_one_percent_blocking():
    """The worked example of erlang.com's Erlang B calculator manual."""
    assert theory.erlang_b(15, 8.1075) < 0.01 < theory.erlang_b(15, 8.1085)


def test_two_servers_with_one_erlang_make_every_third_customer_wait():
    """For two servers Erlang C is 2 rho^2 / (1 + rho)."""
    assert theory.erlang_c(2, 1) == close(1 / 3)


def test_the_eye_clinic_of_gross_and_harris():
    """6 patients an hour, 20 minutes each, 3 doctors: 4/9 wait, 4/27 h on average, 8/9 in line."""
    assert theory.erlang_c(3, 2) == close(4 / 9)
    assert theory.mmc_wait_mean(6 / 3600, 1200, 3) == close(4 / 27 * 3600)
    assert theory.mmc_queue_mean(6 / 3600, 1200, 3) == close(8 / 9)


def test_three_tellers_of_the_hp_12c_handbook():
    """1.2 customers a minute, 2 minutes each: the mean wait is 1.079 service times (Trueman)."""
    assert round(theory.mmc_wait_mean(1.2 / 60, 120, 3) / 120, 3) == 1.079


@pytest.mark.parametrize("load", [9_000, 9_900, 9_999, 12_000])
def test_erlang_b_of_ten_thousand_servers_keeps_twelve_digits(load):
    """The sum a^k / k! in whole numbers scaled by 2^200, which lose nothing, gives the same."""
    terms = list(accumulate(range(1, 10_001), lambda term, k: term * load // k, initial=1 << 200))
    assert theory.erlang_b(10_000, load) == close(float(Fraction(terms[-1], sum(terms))))


# A chain solved by brute force

def chain(servers, load):
    """Stationary distribution of M/M/c, mu = 1, by balance of flows, cut where nothing is left."""
    p = [1.0]
    for n in range(1, servers + 1500):
        p.append(p[-1] * load / min(n, servers))
    return [x / math.fsum(p) for x in p]


CASES = [(1, 0.5), (1, 0.95), (2, 1.9), (4, 2.0), (10, 8.0), (50, 47.5)]


@pytest.mark.parametrize("servers, load", CASES)
def test_mmc_is_the_birth_death_chain(servers, load):
    """Who waits and how many wait, added up over the chain's states."""
    p = chain(servers, load)
    queue = math.fsum((n - servers) * x for n, x in enumerate(p) if n > servers)
    assert theory.erlang_c(servers, load) == pytest.approx(math.fsum(p[servers:]), rel=1e-10)
    assert theory.mmc_queue_mean(load, 1, servers) == pytest.approx(queue, rel=1e-10)
    assert theory.mmc_wait_mean(load, 1, servers) == pytest.approx(queue / load, rel=1e-10)


@pytest.mark.parametrize("p", [0.7, 0.9, 0.99])
@pytest.mark.parametrize("servers, load", [(1, 0.5), (2, 1.8), (10, 8.0)])
def test_the_quantile_is_exceeded_by_the_share_left(servers, load, p):
    """Who finds n >= c waits for n - c + 1 ends: longer than t if fewer come in t (Poisson)."""
    x = servers * theory.mmc_wait_quantile(p, load, 1, servers)
    few, term, longer = 0.0, math.exp(-x), 0.0
    for k, share in enumerate(chain(servers, load)[servers:]):
        few += term
        longer += share * few
        term *= x / (k + 1)
    assert longer == pytest.approx(1 - p, rel=1e-9)


def test_mean_wait_is_the_area_over_the_quantiles():
    """The mean of any wait is its quantile averaged over p."""
    n = 20_000
    total = math.fsum(theory.mmc_wait_quantile((i + 0.5) / n, 8, 1, 10) for i in range(n))
    assert total / n == pytest.approx(theory.mmc_wait_mean(8, 1, 10), rel=1e-3)


def test_the_quantile_is_zero_up_to_the_share_that_does_not_wait():
    """C is 1/2 in M/M/1 at 1/2: half do not wait, the next does."""
    assert theory.mmc_wait_quantile(0.5, 1, 0.5, 1) == 0
    assert theory.mmc_wait_quantile(0.75, 1, 0.5, 1) == close(math.log(2))
    assert theory.mmc_wait_quantile(0.5 + 1e-9, 1, 0.5, 1) > 0


def test_md1_is_the_chain_seen_at_departures():
    """Customers left behind, by the balance of a chain with Poisson(1/2) arrivals per service."""
    load = 0.5
    come = [math.exp(-load) * load**k / math.factorial(k) for k in range(32)]
    p = [1 - load]
    for n in range(30):
        known = p[0] * come[n] + math.fsum(p[k] * come[n - k + 1] for k in range(1, n + 1))
        p.append((p[n] - known) / come[0])
    left = math.fsum(n * x for n, x in enumerate(p))
    assert theory.md1_wait_mean(load, 1) == pytest.approx(left / load - 1, rel=1e-6)


# One formula is another's limit

@given(shares)
def test_mmc_with_one_server_is_mm1(rho):
    """C is rho, and the mean wait rho / (mu - lambda)."""
    assert theory.erlang_c(1, rho) == close(rho)
    assert theory.mmc_wait_mean(rho, 1, 1) == close(rho / (1 - rho))


@given(shares)
def test_fixed_service_halves_the_wait(rho):
    """M/D/1 waits half as long as M/M/1."""
    assert 2 * theory.md1_wait_mean(rho / 3, 3) == close(theory.mmc_wait_mean(rho / 3, 3, 1))


@given(servers, shares)
def test_c_follows_from_b_of_one_server_less(servers, share):
    """1 / C(c) = 1 + (1 - rho) / (rho B(c - 1)): another identity than the one in use."""
    load, n = share * servers, servers - 1
    before = theory.erlang_b(n, load) if n else 1.0
    assert theory.erlang_c(servers, load) == pytest.approx(
        share * before / (share * before + 1 - share), rel=1e-9)


def test_the_wait_behind_turns():
    """E_1/M/1 is M/M/1; many stages are a clock, D/M/1, whose root solves s = exp(-(1 - s)/rho);
    chance is worse than turns."""
    assert theory.ekm1_wait_mean(1.5, 0.5, 1) == pytest.approx(theory.mmc_wait_mean(1.5, 0.5, 1))
    sigma = 0.5
    for _ in range(200):
        sigma = math.exp(-(1 - sigma) / 0.75)
    assert theory.ekm1_wait_mean(1.5, 0.5, 10**6) == pytest.approx(0.5 * sigma / (1 - sigma),
                                                                  rel=1e-4)
    waits = [theory.ekm1_wait_mean(1.5, 0.5, k) for k in (1, 2, 4, 8)]
    assert waits == sorted(waits, reverse=True)
    with pytest.raises(theory.Unstable):
        theory.ekm1_wait_mean(2, 0.5, 3)
    with pytest.raises(ValueError, match="stages"):
        theory.ekm1_wait_mean(1, 0.5, 0)


@given(shares, st.integers(0, 40).map(lambda n: n / 8))
def test_kingman_and_allen_cunneen_are_exact_for_mg1(rho, cv):
    """With Poisson arrivals and one server both are rho (1 + cv^2) / 2 / (mu - lambda)."""
    expected = close(rho * (1 + cv**2) / 2 / (1 - rho))
    assert theory.mg1_wait_mean(rho, 1, cv) == expected
    assert theory.kingman_wait_mean(rho, 1, 1, cv) == expected
    assert theory.ggc_wait_mean(rho, 1, 1, 1, cv) == expected


def test_arrivals_and_services_vary_apart():
    """(ca^2 + cs^2) / 2 = (2^2 + 3^2) / 2 = 6.5 times the wait of M/M/c."""
    assert theory.kingman_wait_mean(0.5, 1, 2, 3) == close(6.5)
    assert theory.ggc_wait_mean(1, 1, 2, 2, 3) == close(6.5 / 3)


def test_kingmans_formula_is_no_upper_bound():
    """Arrivals at rate 1 or 1/2 by the toss of a coin, exponential service: the wait is sqrt 5.

    In G/M/1 it is s / (1 - s), where s = E exp(-(1 - s) mu A) over the times A between arrivals.
    """
    exact = math.sqrt(5)
    s = exact / (1 + exact)
    assert s == close((1 / (1 + 1 - s) + 0.5 / (0.5 + 1 - s)) / 2)
    assert theory.kingman_wait_mean(2 / 3, 1, math.sqrt(11) / 3, 1) == close(20 / 9)
    assert 20 / 9 < exact


@pytest.mark.parametrize("cv, servers, name, exact, value", [
    (1, 1, "Erlang C", True, 1.0), (1, 2, "Erlang C", True, 1 / 3),
    (0, 1, "Pollaczek-Khinchine", True, 0.5), (2, 1, "Pollaczek-Khinchine", True, 2.5),
    (0, 2, "Allen-Cunneen", False, 1 / 6), (2, 2, "Allen-Cunneen", False, 5 / 6)])
def test_wait_mean_says_which_formula_and_whether_it_is_exact(cv, servers, name, exact, value):
    """Utilization 1/2 of one or two servers with a mean service of 1 s."""
    assert theory.wait_mean(servers / 2, 1, cv, servers) == (close(value), name, exact)


# Order

@given(st.integers(1, 100), st.integers(1, 1000))
def test_one_server_more_loses_fewer(servers, load):
    """Erlang B falls with the servers (up to 100: with 178 and 1 erlang no float holds it)."""
    assert theory.erlang_b(servers + 1, load) < theory.erlang_b(servers, load)


@given(servers, st.integers(0, 1000))
def test_more_load_loses_more(servers, load):
    """Erlang B rises with the load (at least an eighth of an erlang)."""
    assert theory.erlang_b(servers, load / 8) <= theory.erlang_b(servers, (load + 1) / 8) < 1


@given(servers, shares.filter(bool))
def test_one_server_more_shortens_the_line(servers, share):
    """M/M/c with the same arrivals and one server more: fewer wait, and they wait less."""
    load = share * servers
    assert theory.erlang_c(servers + 1, load) < theory.erlang_c(servers, load)
    assert theory.mmc_wait_mean(load, 1, servers + 1) < theory.mmc_wait_mean(load, 1, servers)


@given(servers, st.integers(1, 62))
def test_more_arrivals_lengthen_the_line(servers, n):
    """M/M/c at a higher utilization: more wait, and longer; the queue is Little's law."""
    less, more = n / 64 * servers, (n + 1) / 64 * servers
    assert theory.erlang_c(servers, less) < theory.erlang_c(servers, more) < 1
    assert theory.mmc_wait_mean(less, 1, servers) < theory.mmc_wait_mean(more, 1, servers)


@given(servers, shares, st.integers(0, 99), st.integers(1, 1000))
def test_time_has_no_scale_of_its_own(servers, share, p, seconds):
    """A service `seconds` times as long and arrivals as much rarer stretch each wait so."""
    slow = share * servers / seconds, seconds, servers
    fast = share * servers, 1.0, servers
    assert theory.mmc_wait_mean(*slow) == pytest.approx(
        seconds * theory.mmc_wait_mean(*fast), rel=1e-9)
    assert theory.mmc_wait_quantile(p / 100, *slow) == pytest.approx(
        seconds * theory.mmc_wait_quantile(p / 100, *fast), rel=1e-9, abs=1e-9 * seconds)


# Refusals

CALLS = {       # each function with arguments that it takes
    "utilization": dict(arrival_rate=1, service_time=0.5, servers=1),
    "erlang_b": dict(servers=2, offered_load=1),
    "erlang_c": dict(servers=2, offered_load=1),
    "mmc_wait_mean": dict(arrival_rate=1, service_time=0.5, servers=1),
    "mmc_queue_mean": dict(arrival_rate=1, service_time=0.5, servers=1),
    "mmc_wait_quantile": dict(p=0.9, arrival_rate=1, service_time=0.5, servers=1),
    "mg1_wait_mean": dict(arrival_rate=1, service_time=0.5, service_cv=1),
    "md1_wait_mean": dict(arrival_rate=1, service_time=0.5),
    "kingman_wait_mean": dict(arrival_rate=1, service_time=0.5, arrival_cv=1, service_cv=1),
    "ggc_wait_mean": dict(arrival_rate=1, service_time=0.5, servers=1, arrival_cv=1,
                          service_cv=1),
    "ekm1_wait_mean": dict(arrival_rate=1, service_time=0.5, stages=2),
    "wait_mean": dict(arrival_rate=1, service_time=0.5, service_cv=1, servers=1),
    "characteristic_time": dict(arrival_rates=[1, 2], capacity=1),
    "lru_hit_ratios": dict(arrival_rates=[1, 2], capacity=1),
    "ttl_hit_ratios": dict(arrival_rates=[1, 2], ttl=1),
}
STEADY = {"erlang_b", "characteristic_time", "lru_hit_ratios", "ttl_hit_ratios"}
ARGUMENTS = [(f, name) for f, taken in CALLS.items() for name in taken]


def test_every_public_function_is_called_here():
    """The table above misses none of queues and caches; of the others another file has one."""
    public = {name for name, f in vars(theory).items() if inspect.isfunction(f)
              and f.__module__.endswith((".queues", ".caches"))}
    assert public == set(CALLS)


@pytest.mark.parametrize("function, name", ARGUMENTS)
@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, -math.inf, "1", None, True])
def test_a_bad_argument_is_named_with_its_value(function, name, bad):
    """Negative, infinite, no number: the error starts with the name and what was given."""
    with pytest.raises(ValueError) as e:
        getattr(theory, function)(**CALLS[function] | {name: bad})
    assert str(e.value).startswith(f"{name}: given {bad!r}, allowed ")


@pytest.mark.parametrize("function", sorted(set(CALLS) - STEADY))
def test_utilization_from_one_on_is_unstable_and_named(function):
    """At 1 and just above it there is no steady state, and the error says how far above."""
    load = "offered_load" if "offered_load" in CALLS[function] else "arrival_rate"
    for rho in (1.0, 1.0005):
        with pytest.raises(theory.Unstable, match=rf"^utilization: given {rho},"):
            getattr(theory, function)(**CALLS[function] | {load: 2 * rho})


def test_a_whole_number_beyond_floats_is_refused():
    """10^400 is no finite float."""
    with pytest.raises(ValueError, match="^offered_load: given 10{400}, allowed finite"):
        theory.erlang_b(1, 10**400)


@pytest.mark.parametrize("bad", [0, 1.5, 2.0])
def test_servers_are_whole_and_at_least_one(bad):
    """No servers, or a part of one, is refused."""
    with pytest.raises(ValueError, match=f"^servers: given {bad}, allowed a whole number from 1"):
        theory.erlang_b(bad, 1)


@pytest.mark.parametrize("bad", [1, 1.5])
def test_no_wait_covers_everyone(bad):
    """The quantile of 1 is infinite, so p stays below."""
    with pytest.raises(ValueError, match=f"^p: given {bad}, allowed from 0 to below 1"):
        theory.mmc_wait_quantile(bad, 1, 0.5, 1)


def test_numbers_of_numpy_are_numbers():
    """What comes out of an array, a count of servers say, is taken as it is."""
    assert theory.wait_mean(np.float64(1), np.int64(1), np.float32(0), np.int64(2))[0] == close(
        theory.wait_mean(1, 1, 0, 2)[0])


# Caches

def lru_chain(shares, capacity):
    """Hit ratio of an LRU cache by King's formula: over all orders in which the items of the
    cache can stand (J. SIAM 1971)."""
    hits = 0.0
    for order in permutations(range(len(shares)), capacity):
        held, left = 1.0, 1.0
        for i in order:
            held *= shares[i] / left
            left -= shares[i]
        hits += held * sum(shares[i] for i in order)
    return hits


@pytest.mark.parametrize("capacity", [1, 2, 3, 4])
def test_che_is_near_the_exact_hit_ratio_of_a_small_cache(capacity):
    """An approximation that is good for many items; with seven it is within three hundredths."""
    shares = popularity(7, 0.8)
    che = float(shares @ theory.lru_hit_ratios(shares, capacity))
    assert abs(che - lru_chain(shares, capacity)) < 0.03


def test_che_of_equal_items_is_the_share_that_fits():
    """None is more popular than another, so the hit ratio is capacity over items."""
    assert theory.lru_hit_ratios(np.full(50, 3.0), 20) == pytest.approx(np.full(50, 0.4))
    assert theory.characteristic_time([1, 1], 2) == math.inf
    assert theory.lru_hit_ratios([1, 0, 1], 2).tolist() == [1, 0, 1]


@pytest.mark.parametrize("items, capacity, skew", [(2_000, 50, 0.8), (2_000, 400, 1.0),
                                                   (500, 100, 0.0), (20_000, 300, 1.2)])
def test_an_lru_cache_hits_as_often_as_che_says(items, capacity, skew):
    """Inside the 99% interval over twenty runs, warmed up."""
    shares = popularity(items, skew)
    expected, ratios = float(shares @ theory.lru_hit_ratios(shares, capacity)), []
    for seed in range(20):
        cache, hits = LruCache(capacity), 0
        keys = draw_keys(shares, 30_000, stream(seed, "keys"))
        for n, key in enumerate(keys.tolist()):
            if cache.get(key, n) is None:
                cache.put(key, True)
            elif n >= 10_000:
                hits += 1
        ratios.append(hits / 20_000)
    half = half_width(ratios, 0.99)
    assert abs(np.mean(ratios) - expected) <= half, (np.mean(ratios), half, expected)


@pytest.mark.parametrize("ttl", [0.5, 5.0])
def test_a_cache_with_a_ttl_hits_as_often_as_renewal_theory_says(ttl):
    """Inside the 99% interval over twenty runs; two items, everything fits."""
    rates = np.array([1.0, 0.2])
    expected = float(rates @ theory.ttl_hit_ratios(rates, ttl) / rates.sum())
    ratios = []
    for seed in range(20):
        random, cache, hits = stream(seed, "keys"), LruCache(2), 0
        times = np.cumsum(random.exponential(1 / rates.sum(), 5_000))
        for t, key in zip(times.tolist(), draw_keys(rates, 5_000, random).tolist()):
            if cache.get(key, t) is None:
                cache.put(key, True, expires=t + ttl)
            else:
                hits += 1
        ratios.append(hits / 5_000)
    half = half_width(ratios, 0.99)
    assert abs(np.mean(ratios) - expected) <= half
