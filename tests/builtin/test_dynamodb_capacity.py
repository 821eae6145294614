"""Units, partitions, tanks, indexes, auto scaling and three bills, rule by rule."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.builtin.dynamodb_capacity import model
from labsim.engine import LruCache, Simulation, draw_keys, popularity, stream
from labsim.services.dynamodb import rules as dynamodb
from labsim.services.dynamodb.table import WRITE, AutoScaling, Table
from labsim.study.known_answers import T_99

LAB = labsim.lab("dynamodb-capacity")
sizes = st.integers(1, 409_600)


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


WRITES = dict(read_rate=0, peak_factor=1, retry_mode="none", duration=1_800)


# -- units --------------------------------------------------------------------------------------

@given(sizes)
def test_a_read_is_rounded_to_four_kb_a_write_to_one(size):
    """Half if eventual, double in a transaction."""
    reads, writes = math.ceil(size / 4_096), math.ceil(size / 1_024)
    assert [dynamodb.read_units(size, c) for c in dynamodb.CONSISTENCIES] == [
        reads, reads / 2, 2 * reads]
    assert [dynamodb.write_units(size, t) for t in (False, True)] == [writes, 2 * writes]


@given(st.lists(sizes, min_size=1, max_size=50))
def test_a_query_is_rounded_once_and_a_batch_for_each_item(items):
    """So a query is never dearer."""
    assert dynamodb.query_units(sum(items)) == math.ceil(sum(items) / 4_096)
    assert dynamodb.batch_read_units(items) == sum(math.ceil(s / 4_096) for s in items)
    assert dynamodb.query_units(sum(items)) <= dynamodb.batch_read_units(items)
    assert dynamodb.batch_write_units(items) == sum(math.ceil(s / 1_024) for s in items)


@given(sizes, sizes)
def test_an_update_is_charged_for_the_larger_item(before, after):
    """All of it, however little changes."""
    assert dynamodb.write_units(after, before=before) == math.ceil(max(before, after) / 1_024)


@given(st.integers(1, 200), st.integers(1, 409_600))
def test_a_batch_ends_at_100_items_or_16_mb(count, size):
    """What is returned fits, and one more would not."""
    n = dynamodb.batch_returned(count, size)
    assert n * size <= 16_000_000 and n <= min(count, 100)
    assert n == min(count, 100) or (n + 1) * size > 16_000_000


@pytest.mark.parametrize("item, size", [
    ({"shirt-color": "R", "shirt-size": "M"}, 23), ({"a": True}, 2), ({"a": None}, 2),
    ({"a": "\u00fc"}, 3), ({"a": b"xyz"}, 4), ({"a": 1}, 3), ({"a": 12}, 3), ({"a": 123}, 4),
    ({"a": -123}, 5), ({"a": []}, 4), ({"a": ["b", "c"]}, 1 + 3 + 2 + 2),
    ({"a": {"b": "c"}}, 1 + 3 + 1 + 2), ({}, 0)])
def test_the_size_of_an_item(item, size):
    """Names in UTF-8, values by type."""
    assert dynamodb.item_size(item) == size


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_on_demand_takes_twice_the_highest_peak(peak, before):
    """Or what a new table takes, or what it had."""
    assert dynamodb.on_demand(peak) == max(2 * peak, 4_000)
    assert dynamodb.switched(before, peak) == (max(before, 12_000), max(peak, 4_000))


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_prices(reads, writes):
    """An hour provisioned, the same units on demand: at the break-even they cost the same."""
    assert dynamodb.provisioned_price(reads, writes, 1) == pytest.approx(
        reads * 0.00013 + writes * 0.00065)
    used = dynamodb.break_even() * writes * 3_600
    assert dynamodb.on_demand_price(0, used) == pytest.approx(
        dynamodb.provisioned_price(0, writes, 1))
    assert dynamodb.price_ratio(False) == pytest.approx(dynamodb.price_ratio(True), rel=0.01)


# -- the table ----------------------------------------------------------------------------------

def plain(times, capacity, window, parts, keys_part, hard):
    """A table request by request: buckets of tokens in plain Python, one unit each."""
    table, filled, served = capacity * window, 0.0, []
    taps, at = [hard] * parts, [0.0] * parts
    for t, part in zip(times, keys_part):
        table, filled = min(capacity * window, table + capacity * (t - filled)), t
        taps[part] = min(hard, taps[part] + hard * (t - at[part]))
        at[part] = t
        ok = table >= 1 and taps[part] >= 1
        if ok:
            table -= 1
            taps[part] -= 1
        served.append(ok)
    return np.array(served)


@pytest.mark.parametrize("capacity, rate", [(50, 80), (50, 200), (50, 40), (200, 210)])
def test_counted_as_one_by_one(capacity, rate):
    """Served writes of the counted table and of single requests, on the same arrivals: over twenty
    runs they differ by less than one in ten thousand, the worth of the order within a tick."""
    gaps, all_served = [], 0
    for seed in range(20):
        sim = Simulation(seed, 1_200, points=240)
        times = np.sort(sim.stream("t").random(sim.stream("n").poisson(rate * 1_200)) * 1_200)
        totals = np.histogram(times, sim.record.t)[0]
        table = Table(sim, np.stack([totals * 0, totals]), np.ones((2, 1)), units=(1, 1),
                      capacity=(1.0, capacity))
        sim.each_tick(table.step)
        sim.run()
        one = plain(times.tolist(), capacity, 300, 1, np.zeros(len(times), int), 1_000.0)
        gaps.append(table.attempts.served[..., WRITE, :].sum() - one.sum())
        all_served += one.sum()
    half = T_99[20] * statistics.stdev(gaps) / 20**0.5
    print(f"measured: dynamodb, {rate}/s on {capacity}: counted minus one by one "
          f"{statistics.mean(gaps):.1f} +- {half:.1f}")
    assert abs(sum(gaps)) <= 1e-4 * all_served


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
    p = LAB.preset("10")
    assert LAB.run(p).summary["throttled"] > 0
    assert LAB.run(p.changed(adaptive=True)).summary["throttled"] == 0


@pytest.mark.parametrize("capacity", [300, 700, 1_500])
def test_an_index_lets_through_what_it_has(capacity):
    """A unit for each write: its capacity and its tank, and the table gets no more."""
    s = summary(**{**WRITES, "duration": 3_600}, write_rate=1_800, write_capacity=4_000,
                index=True, index_capacity=capacity, keys=20_000, index_keys=20_000)
    assert s["write_units"] == pytest.approx(capacity * 3_900, rel=0.01)
    assert s["held_up"] == pytest.approx(s["throttled_writes"], rel=1e-6)


def test_a_new_on_demand_table_throttles_beyond_its_start():
    """4,000 at once, and twice the peak half an hour later."""
    r = LAB.run(LAB.Params(**{**WRITES, "duration": 7_200}, mode="on-demand", write_rate=7_000,
                           keys=20_000))
    capacity = r.series["write_capacity"]
    assert capacity.value[1] == 4_000
    assert 1_800 <= capacity.t[(capacity.value > 4_000).argmax()] <= 1_900
    assert capacity.value[capacity.t > 2_000][0] == pytest.approx(8_000, rel=0.01)
    assert capacity.value[-1] == pytest.approx(14_000, rel=0.02)


# -- auto scaling ---------------------------------------------------------------------------------

def scaled(rates, tick=60, capacity=100.0, delay=0.0):
    """The capacity at the end of each minute in which these rates are consumed."""
    sim = Simulation(1, tick * len(rates), points=len(rates))
    totals = np.array([[0] * len(rates), [int(r * tick) for r in rates]])
    table = Table(sim, totals, np.ones((2, 1)), units=(1, 1), capacity=(1.0, capacity))
    scaling = AutoScaling(sim, table, target=0.7, least=1.0, most=1e6, delay=delay)
    seen = []
    sim.each_tick(table.step)
    sim.each_tick(scaling.step)
    sim.each_tick(lambda k: seen.append(float(table.capacity[WRITE])))
    sim.run()
    return seen


def test_it_scales_out_after_two_minutes_above_the_target():
    """To consumption over target; one minute isn't enough, and 70 of 100 isn't above."""
    assert scaled([71, 50, 71, 50, 70, 70, 70]) == [100] * 7
    assert scaled([71, 140, 140, 140]) == [100, 100, pytest.approx(200), pytest.approx(200)]


def test_it_scales_in_after_fifteen_minutes_twenty_points_below():
    """50 of 100 is low enough, 51 is not."""
    assert scaled([51] * 30) == [100] * 30
    low = scaled([50] * 17)
    assert low[:15] == [100] * 15 and low[16] == pytest.approx(50 / 0.7)


def test_decreases_are_limited():
    """Four at first, then one an hour: a long decline takes its time."""
    rates = [50 * 0.6 ** (n // 16) for n in range(16 * 8)]
    steps = np.flatnonzero(np.diff(scaled(rates)) < 0)
    assert len(steps) <= dynamodb.decreases(len(rates) / 60) + 1
    assert [dynamodb.decreases(h) for h in (0.5, 1, 2, 24)] == [4, 4, 5, 27]


# -- DAX -------------------------------------------------------------------------------------------

def measured(rates, room, ttl, seconds):
    """Hit ratio of a real cache after it has warmed up, a run per seed."""
    ratios = []
    for seed in range(20):
        random, cache, hits, n = stream(seed, "dax"), LruCache(room), 0, 0
        times = np.cumsum(random.exponential(1 / rates.sum(), int(rates.sum() * seconds)))
        for t, key in zip(times.tolist(), draw_keys(rates, len(times), random).tolist()):
            hit = cache.get(key, t) is not None
            if not hit:
                cache.put(key, True, expires=t + ttl)
            if t > seconds / 3:
                n, hits = n + 1, hits + hit
        ratios.append(hits / n)
    return statistics.mean(ratios), T_99[20] * statistics.stdev(ratios) / 20**0.5


@pytest.mark.parametrize("room, ttl", [(60, 1e9), (300, 3.0)])
def test_dax_hits_as_a_real_cache_does(room, ttl):
    """Where its room limits, and where its TTL does: inside the 99% interval."""
    rates = 40 * popularity(300, 0.9)
    mean, half = measured(rates, room, ttl, 300)
    expected = float((rates * model.cached(rates, room, ttl)).sum() / rates.sum())
    assert abs(mean - expected) <= half


def test_dax_answers_eventual_reads_only():
    """Strong ones pass through; the more popular an item, the more hits."""
    reads = dict(read_rate=500, write_rate=0, peak_factor=1, dax=True, duration=600)
    assert summary(**reads, consistency="strong")["hits"] == 0
    assert summary(**reads, skew=1.5)["hit_ratio"] > summary(**reads, skew=0.2)["hit_ratio"]
    assert summary(**{**reads, "dax": False})["hits"] == 0


# -- money -----------------------------------------------------------------------------------------

def test_three_bills_of_the_same_traffic():
    """What the run says another mode would cost is about what it costs there."""
    day = LAB.preset("15")
    told = LAB.run(day).summary
    on_demand = LAB.run(day.changed(mode="on-demand")).summary["cost_usd"]
    assert told["cost_on_demand"] == pytest.approx(on_demand, rel=0.01)
    assert told["cost_usd"] == pytest.approx(told["cost_scaled"], rel=0.2)
    peak = LAB.run(day.changed(mode="provisioned", read_capacity=1_210,
                               write_capacity=610)).summary
    assert peak["throttled"] == 0 and told["cost_at_peak"] == pytest.approx(peak["cost_usd"],
                                                                            rel=0.05)
