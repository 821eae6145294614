"""The smallest system that stays down: clients who come back, one group of servers, a minute in
which these are slow. 30 seeds each."""

import time

import numpy as np
import pytest

import labsim as ls
from labsim.declare.faults import checked, schedule
from labsim.engine import Simulation
from labsim.services import ec2

DURATION, RATE = 600.0, 5.2     # s, requests/s; four servers of half a second do 8
SLOW = [("web", "slow", 60, 60, 5.0)]


def goodput(seed, faults=(), *, rate=RATE, **how):
    """Requests answered in time per request, in the last 200 s."""
    client = {key: how.pop(key) for key in ("budget", "breaker", "attempts") if key in how}
    sim = Simulation(seed, DURATION)
    web = ec2.Service(sim, "web", ls.exponential(0.5), instances=4, **how)
    clients = sim.send(rate, to=web, retry=ls.retry(
        **{"timeout": 4.0, "attempts": 3, "clients": 4, **client}))
    web.wired()
    schedule(sim, checked(list(faults)))
    sim.run()
    sent, answered = np.array(clients.sent), np.array(clients.ended[1])
    return (answered > DURATION - 200).sum() / (sent > DURATION - 200).sum()


def test_without_the_trigger_it_never_enters_the_bad_state():
    """The same load, the same clients."""
    assert min(goodput(seed) for seed in range(30)) > 0.98


def test_with_the_trigger_gone_the_bad_state_lasts():
    """For every seed: eight minutes later hardly anybody is answered in time."""
    assert max(goodput(seed, SLOW) for seed in range(30)) < 0.1


CURES = {"budget": dict(budget=50.0), "breaker": dict(breaker=ls.breaker()),
         "lifo": dict(order="lifo"), "max_queue": dict(max_queue=16),
         "max_wait": dict(max_wait=2.0), "once": dict(attempts=1)}


@pytest.mark.parametrize("cure", CURES)
def test_it_ends_with_the_cure(cure):
    """For every seed, with each of them."""
    assert min(goodput(seed, SLOW, **CURES[cure]) for seed in range(30)) > 0.9


def test_work_that_is_cancelled_is_half_a_cure():
    """The bad state does not last, but some seeds still fall back for a while."""
    shares = [goodput(seed, SLOW, cancels=True) for seed in range(30)]
    assert min(shares) > 0.5 and np.median(shares) > 0.9


@pytest.mark.parametrize("how", [dict(max_queue=64), dict(max_wait=6.0)], ids=str)
def test_a_bound_beyond_the_timeout_is_no_cure(how):
    """Who is served at last has gone, as long as the line is longer than they wait."""
    assert max(goodput(seed, SLOW, **how) for seed in range(30)) < 0.1


@pytest.mark.parametrize("rate, lasts", [(2.0, False), (3.2, True)])
def test_the_window_begins_where_all_attempts_together_are_too_many(rate, lasts):
    """Below a third of what the servers do, three attempts each are no more than that."""
    shares = [goodput(seed, SLOW, rate=rate) for seed in range(30)]
    assert max(shares) < 0.1 if lasts else min(shares) > 0.9


def test_a_thousand_retries_cost_what_a_thousand_requests_cost():
    """30,000 attempts, each a request of its own, or three to a request: in turn, the fastest of
    five each, with as much again to spare."""
    def seconds(rate, errors):
        sim = Simulation(1, 1_000.0)
        web = ec2.Service(sim, "web", ls.exponential(0.1), instances=20)
        web.suffer("web", "errors", [errors] if errors else [])
        clients = sim.send(rate, to=web, retry=ls.retry(timeout=4, attempts=3))
        begin = time.process_time()
        sim.run()
        return (time.process_time() - begin) / len(clients.attempts)
    both = [(seconds(30, 0.0), seconds(10, 1.0)) for _ in range(5)]
    requests, retries = map(min, zip(*both, strict=True))
    print(f"measured: an attempt of a request {1e6 * requests:.1f} us, a retry's "
          f"{1e6 * retries:.1f} us")
    assert retries < 2 * requests
