"""Closed forms of those who leave, come back and think: against solved chains, recursions and
known values."""

import math

import numpy as np
import pytest

from labsim import theory


def close(value, rel=1e-9):
    return pytest.approx(value, rel=rel, abs=1e-14)


def solved(comes, goes):
    """Shares of time of a birth-death chain, by linear algebra: `comes[n]` from n to n + 1."""
    size = len(comes) + 1
    flows = np.zeros((size, size))
    for n, (up, down) in enumerate(zip(comes, goes, strict=True)):
        flows[n, n + 1], flows[n + 1, n] = up, down
    flows -= np.diag(flows.sum(axis=1))
    flows[:, 0] = 1.0
    return np.linalg.solve(flows.T, np.eye(size)[0])


POINTS = [(0.7, 1.0, 1, 2.0), (5.0, 1.0, 4, 0.3), (9.0, 0.5, 4, 8.0), (30.0, 1.0, 20, 1.0)]


@pytest.mark.parametrize("rate, service, servers, patience", POINTS)
def test_erlang_a_is_the_chain(rate, service, servers, patience):
    """Who leaves, who waits and how many, by linear algebra over 400 states."""
    n = np.arange(1, 400)
    p = solved(np.full(399, rate),
               np.minimum(n, servers) / service + np.maximum(n - servers, 0) / patience)
    line = p @ np.maximum(np.arange(400) - servers, 0)
    told = theory.erlang_a(rate, service, servers, patience)
    assert told[:4] == close((line / patience / rate, p[servers:].sum(), line, line / rate))


@pytest.mark.parametrize("rate, service, servers, patience", POINTS)
def test_the_served_wait_as_long_as_a_first_passage_says(rate, service, servers, patience):
    """Wait and service of who finds k in line, by first-step equations over the place in line."""
    told = theory.erlang_a(rate, service, servers, patience)
    serve, leave = servers / service, 1 / patience
    n = np.arange(1, 400)
    p = solved(np.full(399, rate), np.minimum(n, servers) / service
               + np.maximum(n - servers, 0) / patience)
    chance, spent = 1.0, 0.0    # of being served, and mean wait of who is, at the head of the line
    shares, waits = p[:servers].sum(), 0.0
    for ahead, share in enumerate(p[servers:]):
        total = serve + (ahead + 1) * leave
        moves = (serve + ahead * leave) / total
        spent = (moves * chance * (spent / chance if chance else 0) + moves * chance / total)
        chance *= moves
        shares += share * chance
        waits += share * spent
    assert told.wait_served == close(waits / shares, 1e-8)


def test_patience_without_end_is_erlang_c():
    """Who would wait a million times the service leaves hardly ever."""
    told = theory.erlang_a(3.0, 1.0, 4, 1e9)
    assert told.waiting == close(theory.erlang_c(4, 3.0), 1e-6)
    assert told.wait_mean == close(theory.mmc_wait_mean(3.0, 1.0, 4), 1e-6)


def test_with_patience_like_service_the_number_is_poisson():
    """theta = mu makes it M/M/inf: those in line are the tail of a Poisson."""
    load, servers = 6.0, 5
    p = [math.exp(-load) * load**n / math.factorial(n) for n in range(100)]
    assert theory.erlang_a(load, 1.0, servers, 1.0).queue_mean == close(
        sum((n - servers) * x for n, x in enumerate(p) if n > servers))


@pytest.mark.parametrize("rate, servers, places", [(0.5, 1, 4), (3.0, 2, 9), (8.0, 8, 8)])
def test_mmck_is_the_chain(rate, servers, places):
    """Blocked, there, in line."""
    p = solved(np.full(places, rate), np.minimum(np.arange(1, places + 1), servers) / 1.0)
    n = np.arange(places + 1)
    line = p @ np.maximum(n - servers, 0)
    assert theory.mmck(rate, 1.0, servers, places) == close(
        (p[-1], p @ n, line, line / rate / (1 - p[-1])))


def test_without_a_line_it_is_erlang_b():
    """As many places as servers."""
    assert theory.mmck(5.0, 1.0, 10, 10).blocked == close(theory.erlang_b(10, 5.0))


@pytest.mark.parametrize("users, think, servers", [(1, 3.0, 1), (8, 4.0, 2), (40, 10.0, 3)])
def test_machine_repair_is_the_chain(users, think, servers):
    """Throughput and response."""
    n = np.arange(users + 1)
    p = solved((users - n[:-1]) / think, np.minimum(n[1:], servers) / 1.0)
    rate = p @ np.minimum(n, servers)
    told = theory.machine_repair(users, think, 1.0, servers)
    assert told[:2] == close((rate, users / rate - think))
    assert told.numbers == close((p @ n,))


def test_a_lone_user_never_waits():
    """His response is the service time."""
    assert theory.machine_repair(1, 7.0, 2.0).response_mean == close(2.0)


def mva(users, think, stations):
    """Mean value analysis as Reiser and Lavenberg have it, one server each."""
    numbers = [0.0] * len(stations)
    for n in range(1, users + 1):
        each = [d * (1 + q) for d, q in zip(stations, numbers, strict=True)]
        rate = n / (think + sum(each))
        numbers = [rate * r for r in each]
    return rate, sum(each), numbers


@pytest.mark.parametrize("users", [1, 5, 60])
def test_a_closed_network_is_mean_value_analysis(users):
    """Three stations of one server, visited more or less often."""
    stations = [theory.Station(0.3, 1, 2.0), theory.Station(0.5), theory.Station(2.0, 1, 0.2)]
    rate, response, numbers = mva(users, 5.0, [0.6, 0.5, 0.4])
    told = theory.closed_network(users, 5.0, stations)
    assert (told.throughput, told.response_mean) == close((rate, response))
    assert told.numbers == close(tuple(numbers))


def test_a_closed_network_of_several_servers_is_its_chain():
    """Two stations of two and three servers, four users: all states, by linear algebra."""
    users, think, stations = 4, 2.0, ((1.0, 2), (1.5, 3))
    states = [(a, b) for a in range(users + 1) for b in range(users + 1 - a)]
    flows = np.zeros((len(states), len(states)))
    for k, (a, b) in enumerate(states):
        for to, rate in (((a + 1, b), (users - a - b) / think), ((a - 1, b + 1), min(a, 2) / 1.0),
                         ((a, b - 1), min(b, 3) / 1.5)):
            if rate:
                flows[k, states.index(to)] += rate
    flows -= np.diag(flows.sum(axis=1))
    flows[:, 0] = 1.0
    p = np.linalg.solve(flows.T, np.eye(len(states))[0])
    rate = sum(x * (users - a - b) / think for x, (a, b) in zip(p, states, strict=True))
    assert theory.closed_network(users, think, [theory.Station(*s) for s in stations])[:2] == close(
        (rate, users / rate - think))


def test_cobham_keeps_the_wait_of_all_together():
    """Who goes first changes whose wait it is, not how long all wait: Kleinrock's conservation."""
    rates = (2.0, 1.0, 3.0)
    waits = theory.cobham_waits(rates, 0.6, 4)
    assert waits[0] < waits[1] < waits[2]
    assert sum(r * w for r, w in zip(rates, waits, strict=True)) / 6.0 == close(
        theory.mmc_wait_mean(6.0, 0.6, 4))


def test_cobham_says_nothing_where_there_is_no_steady_state():
    """All ranks together have to fit."""
    with pytest.raises(theory.NotApplicable):
        theory.cobham_waits((1.0, 1.0), 1.0, 2)


def test_three_attempts_at_one_half():
    """1 + 1/2 + 1/4; with certain failure all of them, in three layers 27."""
    assert theory.amplification(3, 0.5) == 1.75
    assert theory.amplification(3, 1.0) == 3.0
    assert theory.failed_share(3, 0.5) == 0.125
    assert theory.layers_amplification(3, 3) == 27.0


@pytest.mark.parametrize("backoff, expected", [
    ("none", [0.0, 0.0, 0.0]), ("fixed", [2.0, 2.0, 2.0]), ("exponential", [2.0, 4.0, 5.0]),
    ("full-jitter", [1.0, 2.0, 2.5])])
def test_the_waits_of_each_backoff(backoff, expected):
    """From 2 s to at most 5."""
    assert [theory.backoff_mean(backoff, n, 2.0, 5.0) for n in (1, 2, 3)] == expected


def test_decorrelated_jitter_without_a_cap_grows_by_half():
    """E[w] = base / 2 + 3/2 E[last], and the last is base at first."""
    expected = 1.0
    for n in range(1, 5):
        expected = 0.5 + 1.5 * expected
        assert theory.backoff_mean("decorrelated-jitter", n, 1.0, 3.0**n) == close(expected, 1e-6)


def test_decorrelated_jitter_under_a_cap_is_what_dice_say():
    """A million waits, each from the last: the mean within four standard errors."""
    rng, last = np.random.default_rng(1), np.full(1_000_000, 1.0)
    for n in range(1, 6):
        last = np.minimum(8.0, 1.0 + rng.random(len(last)) * (3.0 * last - 1.0))
        error = last.std() / math.sqrt(len(last))
        mean = theory.backoff_mean("decorrelated-jitter", n, 1.0, 8.0)
        assert abs(mean - last.mean()) < 4 * error


@pytest.mark.parametrize("call", [
    lambda: theory.erlang_a(-1, 1, 1, 1), lambda: theory.erlang_a(1, 1, 0, 1),
    lambda: theory.mmck(1, 1, 3, 2), lambda: theory.machine_repair(0, 1, 1),
    lambda: theory.closed_network(3, 1, []), lambda: theory.amplification(2, 1.5),
    lambda: theory.backoff_mean("fixed", 0, 1, 1), lambda: theory.backoff_mean("odd", 1, 1, 1),
    lambda: theory.cobham_waits((), 1, 1)])
def test_what_can_not_be_is_an_error(call):
    """A `ValueError`, which says which argument."""
    with pytest.raises(ValueError, match="given|closed form"):
        call()
