"""CloudWatch's alarms do what its documents say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services.cloudwatch import Alarm, Metric
from labsim.services.cloudwatch.rules import (
    ALARM,
    INSUFFICIENT_DATA,
    OK,
    alarm_state,
    ringing,
)

# CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data": the datapoints
# oldest to newest, then the state for missing, ignore, breaching, notBreaching ("=": kept).
THREE_OF_THREE = """
0 - X - X | OK    OK    OK    OK
0 - - - - | OK    OK    OK    OK
- - - - - | INSUF =     ALARM OK
0 X X - X | ALARM ALARM ALARM ALARM
- - X - - | ALARM =     ALARM OK
"""
TWO_OF_THREE = """
0 - X - X | ALARM ALARM ALARM ALARM
0 0 X 0 X | ALARM ALARM ALARM ALARM
0 - X - - | OK    OK    ALARM OK
- - - - 0 | OK    OK    ALARM OK
- - - X - | ALARM =     ALARM OK
"""
STATES = {"OK": OK, "ALARM": ALARM, "INSUF": INSUFFICIENT_DATA}
ROWS = [(m, row) for m, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
        for row in table.strip().splitlines()]


@pytest.mark.parametrize("m, row", ROWS, ids=[f"{m} of 3: {row[:9]}" for m, row in ROWS])
@pytest.mark.parametrize("before", [OK, ALARM, INSUFFICIENT_DATA])
def test_missing_data_as_in_the_user_guide(m, row, before):
    """AWS's two tables, each row with every treatment and every state before."""
    data, states = row.split("|")
    points = [{"0": False, "X": True, "-": None}[x] for x in data.split()]
    for missing, state in zip(("missing", "ignore", "breaching", "notBreaching"), states.split()):
        assert alarm_state(points, m, 3, missing, before) == STATES.get(state, before), missing


def test_an_alarm_needs_enough_datapoints_to_look_at():
    """M <= N <= points, or it is a mistake of the caller."""
    for points, m, n in [([True], 1, 2), ([True] * 5, 3, 2), ([True] * 5, 0, 2)]:
        with pytest.raises(ValueError, match="M <= N"):
            alarm_state(points, m, n)


def watch(values, period, minutes, *, m=1, n=1, threshold=10.0, above=True, resolution=60):
    """(times at which the alarm acted, (time, state) of its changes) for a metric of `values`."""
    sim, acted = Simulation(1, minutes * 60 + 1), []
    feed = iter(values)
    metric = Metric(sim, "metric", lambda: next(feed, None), period)
    assert metric.resolution == resolution
    alarm = Alarm(sim, "a", metric, threshold=threshold, above=above, m=m, n=n,
                  action=lambda value: acted.append(sim.now))
    sim.run()
    return acted, [(e.t, e.text.split(":")[0].split()[-1]) for e in sim.events], alarm


def test_a_period_of_300_s_is_evaluated_every_minute_on_the_minutes_it_holds():
    """CloudWatch User Guide: at minute 5 on minutes 1 to 5, at minute 6 on minutes 2 to 6."""
    acted, _, _ = watch([0, 0, 0, 0, 40, 15], 300, 6)
    assert acted == [360.0]      # mean of 1-5 is 8, of 2-6 is 11


def test_three_of_three_minutes_alarm_at_the_third():
    """And the action repeats every minute while it lasts, as Auto Scaling gets it."""
    acted, _, _ = watch([0, 20, 20, 20, 20, 0, 0], 60, 7, m=3, n=3)
    assert acted == [240.0, 300.0]


def test_high_resolution_alarms_look_every_ten_seconds():
    """Three of three at 10 s ring after 30 s; the action still repeats by the minute."""
    acted, _, _ = watch([20] * 12, 10, 2, m=3, n=3, resolution=10)
    assert acted == [30.0, 90.0]


def test_an_alarm_below_a_threshold():
    """The low alarm rings for values under it, not at it."""
    assert watch([10, 10, 9], 60, 3, above=False)[0] == [180.0]
    assert watch([10, 10, 10], 60, 3)[0] == []


def test_no_data_is_insufficient():
    """A metric that is never published leaves the alarm where it began."""
    acted, changes, alarm = watch([], 60, 5)
    assert acted == [] and changes == [] and alarm.state == INSUFFICIENT_DATA


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 6), st.integers(1, 6),
       st.data())
def test_many_datapoints_at_once_are_what_each_is_alone(breach, m, n, data):
    """`ringing` over an array is `alarm_state` at each datapoint, what was before it no breach."""
    m, last = min(m, n), data.draw(st.integers(1, len(breach)))
    before = [False] * (n - 1) + breach
    alone = [alarm_state(before[:len(before) - last + 1 + k], m, n) == ALARM for k in range(last)]
    seen = np.array(breach[-(last + n - 1):])
    assert ringing(seen, m, n, last).tolist() == alone


def test_two_alarms_on_two_metrics_do_not_mix():
    """Each has its own readings and its own state; in one simulation."""
    sim, acted = Simulation(1, 301.0), []
    for name, value in (("low", 1.0), ("high", 9.0)):
        metric = Metric(sim, name, lambda value=value: value, 60)
        Alarm(sim, f"{name} alarm", metric, threshold=5.0, above=True, m=1, n=1,
              action=lambda value, name=name: acted.append((name, value)))
    sim.run()
    assert {*acted} == {("high", 9.0)}
    series = {name: sim.parts[name].series() for name in sim.parts}
    assert series["low"]["value"][0][-1] == 1 and series["high"]["value"][0][-1] == 9
    assert series["low alarm"]["state"][0].max() == 0 and series["high alarm"]["state"][0][-1] == 1
    assert sim.parts["high alarm"].summary() == {"alarms": 1}


def test_two_of_one_name_are_told_apart_at_once():
    """The error names both parts."""
    sim = Simulation(1, 60.0)
    metric = Metric(sim, "load", lambda: 1.0)
    with pytest.raises(ParameterError, match='"load": a cloudwatch.Metric and a cloudwatch.Alarm'):
        Alarm(sim, "load", metric, threshold=1, above=True, m=1, n=1, action=lambda value: None)


@pytest.mark.parametrize("name, bad", [("missing", {"missing": "none"}), ("m", {"m": 3}),
                                       ("m", {"m": 0}), ("n", {"n": 1_441})])
def test_bad_arguments_of_an_alarm(name, bad):
    """A word that CloudWatch has not, M beyond N, more than a day of datapoints."""
    sim = Simulation(1, 60.0)
    metric = Metric(sim, "load", lambda: 1.0)
    with pytest.raises(ParameterError) as caught:
        Alarm(sim, "alarm", metric, **{"threshold": 1, "above": True, "m": 1, "n": 2,
                                       "action": lambda value: None, **bad})
    assert caught.value.name == name


@pytest.mark.parametrize("period", [0, -60, 45, 90, float("nan")])
def test_bad_periods(period):
    """10, 20, 30 or a multiple of 60 s."""
    with pytest.raises(ParameterError, match="period"):
        Metric(Simulation(1, 60.0), "load", lambda: 1.0, period)
