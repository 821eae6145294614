"""Tanks, hot keys, an index, on-demand, DAX and three bills in the lab, rule by rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.builtin.dynamodb_capacity.by_hand import decreases
from labsim.services.dynamodb import bill

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
    """4,000 at once, twice as much when its partitions have been hot for ten minutes, and twice the
    peak in the end."""
    r = LAB.run(LAB.Params(**{**WRITES, "duration": 7_200}, mode="on-demand", write_rate=7_000,
                           keys=20_000))
    capacity = r.series["write_capacity"]
    assert capacity.value[1] == pytest.approx(4_000)
    assert 600 <= capacity.t[(capacity.value > 4_001).argmax()] <= 660
    assert capacity.value[capacity.t > 700][0] == pytest.approx(8_000, rel=0.01)
    assert capacity.value[-1] == pytest.approx(14_000, rel=0.02)


@pytest.mark.parametrize("sort_keys, writes", [(False, 1_000), (True, 5_000)])
def test_a_split_helps_a_key_of_many_items(sort_keys, writes):
    """After an hour of heat; a single item stays at what a partition does."""
    r = LAB.run(LAB.Params(**{**WRITES, "duration": 3_600}, mode="on-demand", write_rate=5_000,
                           hot_key_share=1, sort_keys=sort_keys))
    assert r.series["used_writes"].value[-1] == pytest.approx(writes, rel=0.02)


@given(st.integers(0, 30_000), st.integers(0, 60_000), st.floats(0, 1), st.booleans(),
       st.sampled_from(["provisioned", "on-demand"]), st.integers(60, 1_200),
       st.sampled_from(["none", "full-jitter"]))
@settings(max_examples=40, deadline=None)
def test_nothing_is_lost_where_partitions_split(
        writes, reads, hot, sort_keys, mode, after, retries):
    """All that the lab guarantees holds while they do, and nothing is served but what was asked."""
    result = LAB.run(LAB.Params(
        write_rate=writes, read_rate=reads, hot_key_share=hot, sort_keys=sort_keys, mode=mode,
        write_capacity=20_000, read_capacity=30_000, split_after=after, retry_mode=retries,
        duration=3_600, peak_start=600))
    assert [law.name for law in LAB.invariants if not law.holds(result)] == []


def test_times_with_a_cache_and_with_retries():
    """What DAX answers takes half a millisecond; who is throttled waits for a second and more."""
    reads = dict(read_rate=500, write_rate=0, peak_factor=1, duration=600, hot_key_share=0.9)
    assert summary(**reads)["latency_p50"] == pytest.approx(0.00394, rel=0.02)
    assert summary(**reads, dax=True)["latency_p50"] == 0.0005
    late = summary(**{**WRITES, "retry_mode": "full-jitter"}, write_rate=300, keys=1)
    assert late["latency_p99"] > 0.5 > summary(**WRITES, write_rate=100)["latency_p99"]


def test_four_decreases_and_one_an_hour():
    """Where there is always one to make: 27 within a day."""
    assert [decreases(h) for h in (2, 24)] == [5, 27]


def test_dax_answers_eventual_reads_only():
    """Strong ones pass through; the more popular an item, the more hits."""
    reads = dict(read_rate=500, write_rate=0, peak_factor=1, dax=True, duration=600)
    assert summary(**reads, consistency="strong")["hits"] == 0
    assert summary(**reads, skew=1.5)["hit_ratio"] > summary(**reads, skew=0.2)["hit_ratio"]
    assert summary(**{**reads, "dax": False})["hits"] == 0


# -- a limit per second holds per second -----------------------------------------------------------

# Fact ddb.partition_wcu_max: a partition does 1,000 writes/s, and a second's worth is kept; fact
# ddb.burst_window_s: 300 s of unused capacity. Throttled: what comes in `length` s beyond that.
BURSTS = {
    "provisioned": (dict(write_rate=100, write_capacity=1_000, peak_factor=50),
                    lambda s: 5_000 * s - 2 * 1_000 * (s + 1)),
    "tank": (dict(write_rate=200, write_capacity=200, peak_factor=400),
             lambda s: 80_000 * s - 1_000 * (s + 1)),
    "even shares": (dict(write_rate=100, write_capacity=1_000, peak_factor=50, adaptive=False),
                    lambda s: 5_000 * s - 2 * 1_000 * (s + 1)),
    "on demand": (dict(write_rate=100, mode="on-demand", peak_factor=200),
                  lambda s: 20_000 * s - 4_000 * (s + 1)),
    "index": (dict(write_rate=100, write_capacity=20_000, peak_factor=50, index=True,
                   index_capacity=1_000, index_keys=20_000), lambda s: 5_000 * s - 1_000 * (s + 1))}
RETRIES = (dict(retry_mode="none"), dict(retry_mode="full-jitter"),
           dict(retry_mode="exponential", retry_base=0.3))


def burst(shape, retries, length, start, duration):
    """Throttled by a burst of `length` s at `start`."""
    return summary(**{**WRITES, **BURSTS[shape][0], **retries, "keys": 20_000, "duration": duration,
                      "peak_start": start, "peak_duration": length})["throttled"]


@pytest.mark.parametrize("retries", RETRIES, ids=lambda retries: retries["retry_mode"])
@pytest.mark.parametrize("shape", BURSTS)
@given(st.floats(3, 30), st.floats(2.2, 5.9), st.floats(0.01, 0.9))
@settings(max_examples=8, deadline=None)
def test_a_burst_is_the_same_in_a_run_of_any_length(shape, retries, length, magnitude, place):
    """At any place of ten minutes or of ten days, with and without retries: within one percent."""
    duration = max(10**magnitude, length + 60)
    start = place * (duration - length)
    throttled = burst(shape, retries, length, start, duration)
    assert throttled == pytest.approx(burst(shape, retries, length, 30, 600), rel=0.01, abs=5)


@pytest.mark.parametrize("duration", [60, 7_200, 864_000])
@pytest.mark.parametrize("length", [3, 10])
@pytest.mark.parametrize("shape", BURSTS)
def test_a_burst_is_throttled_by_the_rule(shape, length, duration):
    """What comes, without what the limits let through in so many seconds and had saved before."""
    right = BURSTS[shape][1](length)
    assert burst(shape, RETRIES[0], length, 30, duration) == pytest.approx(right, rel=0.03)


@pytest.mark.parametrize("retries", RETRIES, ids=lambda retries: retries["retry_mode"])
def test_micro_bursts_are_counted_one_by_one(retries):
    """Of 200 ms each minute, 200,000/s on two partitions: in half an hour and in a third of a day
    the same for each, by the rule where nobody tries again."""
    each = []
    for bursts in (30, 480):
        s = summary(**{**WRITES, **retries, "write_rate": 500, "write_capacity": 1_000,
                       "peak_factor": 400, "peak_every": 60, "peak_duration": 0.2, "keys": 20_000,
                       "peak_start": 30, "duration": 60 * bursts})
        each.append(s["throttled"] / bursts)
    assert each[0] == pytest.approx(each[1], rel=0.01)
    if retries["retry_mode"] == "none":
        assert each[1] == pytest.approx(200_000 * 0.2 - 2 * 1_000 * 1.2, rel=0.01)


@pytest.mark.parametrize("values", [
    dict(duration=2e6, workload="day", mode="auto-scaling"),
    dict(duration=2e6, workload="day", mode="auto-scaling", peak_factor=40, scaling_delay=0,
         retry_mode="none"),
    dict(duration=20_000, mode="on-demand", write_rate=9_000, read_rate=30_000),
    dict(saved=0, write_rate=500, mode="auto-scaling", target=20)])
def test_never_more_than_capacity_and_what_was_saved_of_it(values):
    """Where auto scaling cuts the capacity within a tick, too."""
    result = LAB.run(LAB.Params(**values))
    assert [law.name for law in LAB.invariants if not law.holds(result)] == []


@pytest.mark.parametrize("write_rate, end", [(0, 1_000), (1, 1 / 0.7)])
def test_nothing_consumed_is_never_scaled_in(write_rate, end):
    """A table of 1,000 units stays at 1,000 without traffic, and falls with little of it. Source:
    Amazon DynamoDB Developer Guide, auto scaling: it "does not scale down your provisioned
    capacity if your table's consumed capacity becomes zero"."""
    s = summary(**WRITES, mode="auto-scaling", write_capacity=1_000, write_rate=write_rate)
    assert s["write_capacity_end"] == pytest.approx(end, rel=0.5)


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


# -- what the stage shows ----------------------------------------------------------------------

@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
def test_what_flows_on_the_stage_adds_up(preset):
    """Reads and writes are hits or go on; with the retries they are served or throttled; who has
    gone or is answered is in the summary."""
    r = LAB.run(LAB.Params(**preset.values))
    of = {name: series.value[1:] for name, series in r.series.items()}
    total = {name: value.sum() * r.series[name].t[1] for name, value in of.items()}
    near = dict(rel=1e-9, abs=1)
    assert np.allclose(of["offered_rate"], of["hits_rate"] + of["missed_rate"])
    assert np.allclose(of["missed_rate"] + of["again_rate"],
                       of["served_rate"] + of["throttled_rate"])
    assert np.allclose(of["completed_rate"], of["served_rate"] + of["hits_rate"])
    assert total["again_rate"] == pytest.approx(r.summary["retries"], **near)
    assert total["failed_rate"] == pytest.approx(r.summary["failed"], **near)
    assert total["completed_rate"] == pytest.approx(
        r.summary["completed"] + r.summary["hits"], **near)
    assert ((of["tank"] >= 0) & (of["tank"] <= 1)).all()
    if r.params.index:
        assert np.allclose(of["index_rate"], of["served_rate"])


@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
@pytest.mark.parametrize("part", [0.1, 0.3, 0.9])
def test_a_burst_raises_the_load(preset, part):
    """At any moment: before the peak, in it, after it, or where there is none."""
    p = LAB.Params(**preset.values)
    burst = LAB.Params(**{**preset.values, **LAB.boxes[0].burst(p, part * p.duration)})
    calm, busy = (LAB.run(each).summary for each in (p, burst))
    assert (busy["reads_offered"] + busy["writes_offered"]
            > 1.02 * (calm["reads_offered"] + calm["writes_offered"]))


def test_the_peak_of_a_file_is_its_busiest_minute(tmp_path):
    """Capacity for the peak is for that, however long a tick of the record is."""
    minutes = [600] * 6_000
    minutes[77] = 60_000
    file = tmp_path / "minutes.csv"
    file.write_text("timestamp,value\n" + "".join(
        f"{np.datetime64('2026-01-01T00:00') + np.timedelta64(k, 'm')}:00,{n}\n"
        for k, n in enumerate(minutes)))
    s = labsim.run("dynamodb-capacity", workload="trace", trace=str(file), read_rate=0,
                   write_rate=1, mode="on-demand").summary
    assert s["writes_offered"] == sum(minutes) and s["reads_offered"] == 0
    assert s["cost_at_peak"] == pytest.approx(bill.provisioned_price(0, 1_000, 100), rel=1e-3)
