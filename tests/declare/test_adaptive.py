"""Adaptive mode: a client's rate, beside botocore's own classes, and what it does to a limit."""

import numpy as np
import pytest

import labsim as ls
from labsim.declare.adaptive import ClientRate
from labsim.engine.agenda import Agenda

bucket = pytest.importorskip("botocore.retries.bucket")
from botocore.exceptions import CapacityNotAvailableError  # noqa: E402
from botocore.retries import adaptive, throttling  # noqa: E402


class Clock:
    """That says what it is told."""

    now = 0.0

    def current_time(self):
        """s."""
        return self.now


class Detector:
    """Of throttles."""

    def is_throttling_error(self, throttled):
        """It was one."""
        return throttled


@pytest.mark.parametrize("seed", range(30))
def test_the_rate_is_botocores_after_each_answer(seed):
    """Rate, room and tokens after each of 400 answers and attempts, at random times."""
    rng, clock = np.random.default_rng(seed), Clock()
    limiter = adaptive.ClientRateLimiter(
        throttling.CubicCalculator(starting_max_rate=0, start_time=0.0),
        adaptive.RateClocker(clock), bucket.TokenBucket(max_rate=1, clock=clock), Detector(), clock)
    sent, mine = [], ClientRate(Agenda(lambda: None), lambda t, what: sent.append(what))
    tokens = limiter._token_bucket
    for _ in range(400):
        clock.now += float(rng.exponential(0.05))
        throttled = bool(rng.random() < 0.3)
        limiter.on_receiving_response(throttled=throttled)
        mine.told(clock.now, throttled)
        assert (mine.rate, mine.room, mine.tokens) == pytest.approx(
            (tokens.max_rate, tokens.max_capacity, tokens.available_capacity), rel=1e-9, abs=1e-9)
        if mine.enabled and rng.random() < 0.5:
            before = len(sent)
            mine.acquire(clock.now, None)
            try:
                tokens.acquire(block=False)
                assert len(sent) == before + 1
            except CapacityNotAvailableError:
                assert len(sent) == before
                mine._line.clear()


def limited(sim, adaptive=False, rate=120.0):
    """A table that takes 40 writes a second, of one that wants to write thrice as much."""
    from labsim.services import dynamodb
    table = dynamodb.Table(sim, "table", "provisioned", 10.0, 40.0, saved=0)
    sim.send(rate, to=table.writes.one_by_one, name="clients",
             retry=ls.retry(attempts=5, adaptive=adaptive, base=0.2))


def test_an_adaptive_client_wastes_less_on_a_limit():
    """It sends a fraction of the attempts on an overrun table; each that ended is in the books."""
    with_it, without = (ls.simulate(limited, duration=120, adaptive=a) for a in (True, False))
    assert all(law.holds(with_it) for law in with_it.lab.invariants)
    one, other = with_it.summary, without.summary
    assert one["clients.refused"] < 0.4 * other["clients.refused"]
    assert one["clients.completed"] > 0.75 * other["clients.completed"]


def test_an_adaptive_client_that_is_never_throttled_waits_for_nothing():
    """The same answers, bit for bit, as without."""
    one, other = (ls.simulate(limited, duration=60, adaptive=a, rate=20.0).summary
                  for a in (True, False))
    assert dict(one) == dict(other)


def test_tokens_are_waited_for_in_order():
    """After a throttle at 10 s the next attempts leave as the tokens come."""
    agenda, sent = Agenda(lambda: None), []
    rate = ClientRate(agenda, lambda t, what: sent.append((t, what)))
    rate.told(10.0, True)       # one answer in 10 s: the lowest rate, half a token a second
    for number in range(3):
        agenda.at(10.0, rate.acquire, number)
    agenda.advance(60.0)
    assert [what for _, what in sent] == [0, 1, 2]
    assert [t for t, _ in sent] == pytest.approx([10.0, 12.0, 14.0])
