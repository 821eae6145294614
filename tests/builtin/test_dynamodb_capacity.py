"""Tanks, hot keys, an index, on-demand, DAX and three bills in the lab, rule by rule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.builtin.dynamodb_capacity.by_hand import decreases

LAB = labsim.lab("dynamodb-capacity")


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


WRITES = dict(read_rate=0, peak_factor=1, retry_mode="none", duration=1_800)


@given(st.integers(10, 900), st.floats(1.1, 5))
@settings(max_examples=40, deadline=None)
def test_the_tank_lasts_by_the_rule(capacity, factor):
    """300 seconds of capacity, over what is too much: then the table does its capacity."""
    s = summary(**{**WRITES, "duration": 3_600, "write_rate": factor * capacity,
                   "write_capacity": capacity, "keys": 20_000})
    used = min(factor * capacity * 3_600, capacity * 3_600 + 300 * capacity)
    if factor * capacity < 900:     # so that no partition is the limit
        assert s["write_units"] == pytest.approx(used, rel=0.02)


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("mode", ["provisioned", "on-demand"])
def test_no_capacity_helps_a_hot_key(share, mode):
    """Its partition does a thousand writes a second, in any mode."""
    s = summary(**WRITES, write_rate=5_000, write_capacity=100_000, hot_key_share=share,
                keys=1, mode=mode, previous_peak=50_000)
    assert s["write_units"] == pytest.approx(1_000 * 1_800)


def test_suffixes_spread_it():
    """Enough of them, and nothing is throttled; reads of it have to read them all."""
    hot = dict(**WRITES, write_rate=3_000, write_capacity=6_000, hot_key_share=0.5)
    assert summary(**hot)["throttled"] > 0 == summary(**hot, write_shards=10)["throttled"]
    read = dict(read_rate=100, write_rate=0, peak_factor=1, hot_key_share=1, duration=600,
                read_capacity=2_000)
    one, ten = (summary(**read, write_shards=n)["read_units"] for n in (1, 10))
    assert ten == pytest.approx(10 * one, rel=0.03)


def test_even_shares_throttle_what_adaptive_capacity_lets_through():
    """A partition below its own limit and above its share."""
    p = LAB.preset("Without adaptive capacity")
    assert LAB.run(p).summary["throttled"] > 0
    assert LAB.run(p.changed(adaptive=True)).summary["throttled"] == 0


@pytest.mark.parametrize("capacity", [300, 700, 1_500])
def test_an_index_lets_through_what_it_has(capacity):
    """A unit for each write: its capacity and its tank, and the table gets no more."""
    s = summary(**{**WRITES, "duration": 3_600}, write_rate=1_800, write_capacity=4_000,
                index=True, index_capacity=capacity, keys=20_000, index_keys=20_000)
    assert s["write_units"] == pytest.approx(capacity * 3_900, rel=0.01)
    assert s["throttled_by_gsi"] == pytest.approx(s["throttled_writes"], rel=1e-6)


def test_a_new_on_demand_table_throttles_beyond_its_start():
    """4,000 at once, and twice the peak half an hour later."""
    r = LAB.run(LAB.Params(**{**WRITES, "duration": 7_200}, mode="on-demand", write_rate=7_000,
                           keys=20_000))
    capacity = r.series["write_capacity"]
    assert capacity.value[1] == pytest.approx(4_000)
    assert 1_800 <= capacity.t[(capacity.value > 4_001).argmax()] <= 1_900
    assert capacity.value[capacity.t > 2_000][0] == pytest.approx(8_000, rel=0.01)
    assert capacity.value[-1] == pytest.approx(14_000, rel=0.02)


def test_four_decreases_and_one_an_hour():
    """Where there is always one to make: 27 within a day."""
    assert [decreases(h) for h in (2, 24)] == [5, 27]


def test_dax_answers_eventual_reads_only():
    """Strong ones pass through; the more popular an item, the more hits."""
    reads = dict(read_rate=500, write_rate=0, peak_factor=1, dax=True, duration=600)
    assert summary(**reads, consistency="strong")["hits"] == 0
    assert summary(**reads, skew=1.5)["hit_ratio"] > summary(**reads, skew=0.2)["hit_ratio"]
    assert summary(**{**reads, "dax": False})["hits"] == 0


# -- money -----------------------------------------------------------------------------------------

def test_three_bills_of_the_same_traffic():
    """What the run says another mode would cost is about what it costs there."""
    day = LAB.preset("Three bills of a day")
    told = LAB.run(day).summary
    on_demand = LAB.run(day.changed(mode="on-demand")).summary["cost_usd"]
    assert told["cost_on_demand"] == pytest.approx(on_demand, rel=0.01)
    assert told["cost_usd"] == pytest.approx(told["cost_scaled"], rel=0.2)
    peak = LAB.run(day.changed(mode="provisioned", read_capacity=1_210,
                               write_capacity=610)).summary
    assert peak["throttled"] == 0 and told["cost_at_peak"] == pytest.approx(peak["cost_usd"],
                                                                            rel=0.05)
