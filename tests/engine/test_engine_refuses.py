"""What the engine can't be asked for: each error says what was given and what is allowed."""

import math

import numpy as np
import pytest

from labsim.engine import (
    Load,
    LruCache,
    Order,
    RateCurve,
    Recorder,
    Servers,
    ServiceTimes,
    Simulation,
    Station,
    TokenBucket,
    popularity,
    replay,
)
from labsim.engine.storage_device import Device
from labsim.errors import ParameterError, require

NO_AMOUNTS = [-1, -1e-9, math.nan, "x", None, True, [1]]
ONES = np.ones(3)


def advanced(ready, service=ONES):
    """A station that was given one block."""
    station = Station([(np.array(ready, dtype=float), np.array(service, dtype=float))], 1)
    station.advance(10.0)


@pytest.mark.parametrize("bad", [*NO_AMOUNTS, math.inf])
@pytest.mark.parametrize("make, name", [
    (lambda x: Simulation(1, x), "duration"), (lambda x: Simulation(x, 60.0), "seed"),
    (lambda x: Recorder(x), "duration"), (lambda x: Load.steady(x), "rate"),
    (lambda x: Load.spike(1, x, 0, 1), "factor"), (lambda x: Load.ramp(1, 2, x, 1), "start"),
    (lambda x: RateCurve.steady(1, x), "duration"),
    (lambda x: RateCurve.diurnal(1, 2, x, 60), "day"),
    (lambda x: ServiceTimes(x), "mean"), (lambda x: ServiceTimes(1, x), "cv"),
    (lambda x: TokenBucket(1, 1, interval=x), "interval"), (lambda x: Servers(x), "servers"),
    (lambda x: replay(np.ones(2, int), x, np.random.default_rng(1)), "period"),
    (lambda x: popularity(5, x), "skew"), (lambda x: popularity(5, 0, x), "hot"),
    (lambda x: Device(1, 1, x), "latency")])
def test_no_amounts(make, name, bad):
    """Below zero, not a number, infinite."""
    with pytest.raises(ParameterError) as caught:
        make(bad)
    assert caught.value.name == name and f"{name}: given" in str(caught.value)


@pytest.mark.parametrize("bad", NO_AMOUNTS)
@pytest.mark.parametrize("make, name", [
    (lambda x: TokenBucket(x, 1), "rate"), (lambda x: TokenBucket(1, np.array([1, x], object)),
                                            "burst"),
    (lambda x: LruCache(x), "capacity"), (lambda x: Device(x, 1, 1), "steady")])
def test_no_amounts_where_there_may_be_no_end(make, name, bad):
    """A cache or a bucket without a limit is one."""
    if bad == [1]:
        bad = "nonsense"
    with pytest.raises(ParameterError) as caught:
        make(bad)
    assert caught.value.name == name
    make(math.inf)


@pytest.mark.parametrize("ready, service, says", [
    ([1, 3, 2], ONES, "in order"), ([-1, 0, 1], ONES, "at least 0 s"),
    ([1, 2, math.nan], ONES, "in order"), ([1, 2, math.inf], ONES, "in order"),
    ([1, 2, 3], [1, -1, 1], "service time"), ([1, 2, 3], [1, math.nan, 1], "service time"),
    ([1, 2, 3], [1, 1], "per arrival"), ([1, 2, 3], [1, math.inf, 1], "service time")])
def test_a_station_takes_arrivals_in_order_and_times_of_work(ready, service, says):
    """Whatever is unsorted, or takes less than no time, is refused when it comes."""
    with pytest.raises(ParameterError, match=says):
        advanced(ready, service)


def test_blocks_of_a_station_follow_each_other():
    """The second may not begin before the first has ended."""
    station = Station(iter([(ONES * 5, ONES), (ONES * 4, ONES)]), 1)
    with pytest.raises(ParameterError, match="in order"):
        station.advance(10.0)


@pytest.mark.parametrize("call, name", [
    (lambda s: s.offer(1.0, 1.0, 0.0), "ready, service"),
    (lambda s: s.offer(6.0, -1.0, 0.0), "ready, service"),
    (lambda s: s.offer(math.nan, 1.0, 0.0), "ready, service"), (lambda s: s.add(4.0), "ready"),
    (lambda s: s.advance(math.nan), "until")])
def test_a_station_does_not_go_back(call, name):
    """It is 5 s already."""
    station = Station([], 1)
    station.advance(5.0)
    with pytest.raises(ParameterError) as caught:
        call(station)
    assert caught.value.name == name


@pytest.mark.parametrize("t, rate, name", [
    ([0, 2, 1], [1, 1, 1], "t"), ([0], [1], "t"), ([0, 1], [1, 1, 1], "t"),
    ([0, math.nan], [1, 1], "t"), ([0, 1], [1, -1], "rate"), ([0, 1], [1, math.nan], "rate"),
    ([0, 1], [1, math.inf], "rate")])
def test_a_curve_of_rates_goes_on_in_time_and_not_below_zero(t, rate, name):
    """Its knots in order."""
    with pytest.raises(ParameterError) as caught:
        RateCurve(np.array(t, dtype=float), np.array(rate, dtype=float))
    assert caught.value.name == name


def test_nothing_happens_before_now():
    """A process can't wait for the past."""
    sim = Simulation(1, 60.0)

    def back():
        yield sim.until(5.0, Order.CAPACITY)
        yield sim.until(4.0, Order.CAPACITY)
    sim.process(back())
    with pytest.raises(ParameterError, match="t: given 4.0, allowed not before now, 5 s"):
        sim.run()


@pytest.mark.parametrize("how, allowed", [
    ({}, "a number, at least 0"), ({"unit": "s", "above": True}, "a number above 0 s"),
    ({"least": 1, "most": 10, "whole": True}, "a whole number from 1 to 10"),
    ({"most": 5, "above": True, "unit": "s"}, "a number above 0, at most 5 s")])
def test_what_is_allowed_is_said(how, allowed):
    """With its unit."""
    with pytest.raises(ParameterError) as caught:
        require("x", -1, **how)
    assert caught.value.allowed == allowed
