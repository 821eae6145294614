"""The lab kinesis-shards against a record-level model, formulas and the bill."""

import math
import statistics
import time

import alone
import numpy as np
import pytest
import simpy
from pace import pace

import labsim
from labsim.errors import ParameterError
from labsim.services.kinesis import Keys, ShardMap, rules

SLUG = "kinesis-shards"
T_99_38 = 2.712     # Student's t, two-sided 99%, 2 x 20 - 2 degrees of freedom


def run(seed=1, **values):
    return labsim.run(SLUG, seed=seed, **values)


# -- the stream against a record-level model ---------------------------------------------------

LIMIT = {"record_size": 20_480, "batch_size": 1}       # 51.2 records/s per shard


def records_one_by_one(seed, *, rate, shares, limit, depth, retries, wait, duration):
    """Accepted records and attempts of a plain SimPy stream, a process per record."""
    rng, env = np.random.default_rng([seed, 77]), simpy.Environment()
    tokens, filled = [0.0] * len(shares), [0.0] * len(shares)
    counts = {"accepted": 0, "attempts": 0}

    def record(at, shard):
        yield env.timeout(at)
        for _ in range(retries + 1):
            counts["attempts"] += 1
            tokens[shard] = min(depth, tokens[shard] + limit * (env.now - filled[shard]))
            filled[shard] = env.now
            if tokens[shard] >= 1:
                tokens[shard] -= 1
                counts["accepted"] += 1
                return
            yield env.timeout(rng.uniform(0.5, 1.5) * wait)

    n = rng.poisson(rate * duration)
    for at, shard in zip(rng.uniform(0, duration, n), rng.choice(len(shares), n, p=shares)):
        env.process(record(at, shard))
    env.run(until=duration)
    return counts["accepted"], counts["attempts"]


@pytest.mark.long
@pytest.mark.parametrize("rate, retries, hot", [
    (120.0, 0, 0.0), (120.0, 2, 0.0), (150.0, 1, 0.6), (75.0, 0, 0.8)])
def test_counted_agrees_with_record_level(rate, retries, hot):
    """Records accepted and attempts made: equal means, inside a 99% confidence interval, but for
    a record per shard: the counted ones are not whole, and take a part of a token, too."""
    duration, keys = 60.0, 400
    shares = Keys(keys, 0.0, hot).shares(ShardMap(2).open)
    values = dict(record_rate=rate, keys=keys, hot_key_share=hot, shards=2, retries=retries,
                  retry_wait=1.0, duration=duration, **LIMIT)
    counted = [run(seed, **values).summary for seed in range(20)]
    plain = [records_one_by_one(seed, rate=rate, shares=shares, limit=51.2, depth=51.2,
                                retries=retries, wait=1.0, duration=duration)
             for seed in range(20)]
    for i, name in enumerate(("completed", "attempts")):
        ours, theirs = [s[name] for s in counted], [row[i] for row in plain]
        spread = statistics.variance(ours) + statistics.variance(theirs)
        half = T_99_38 * math.sqrt(spread / 20)
        gap = statistics.mean(ours) - statistics.mean(theirs)
        print(f"measured: {rate=} {retries=} {hot=} {name}: {statistics.mean(ours):.0f} against "
              f"{statistics.mean(theirs):.0f}, gap {gap:.1f} of {half:.1f}")
        assert abs(gap) <= half + len(shares) and half < 0.1 * statistics.mean(theirs)


# -- how long a record takes to its reader -----------------------------------------------------

@pytest.mark.parametrize("read_by, fan_out, interval, mean", [
    ("library", "shared", 0.2, 0.2), ("library", "enhanced", 1, 0.07),
    ("lambda", "shared", 1, 0.627), ("lambda", "shared", 5, 2.627),
    ("lambda", "enhanced", 1, 0.0522)])
def test_put_to_read_is_what_aws_states_or_somebody_measured(read_by, fan_out, interval, mean):
    """The library: the developer guide's 200 ms and 70 ms. A Lambda mapping: half an interval and
    127 ms, or the mean of the law through what was measured of pushed records."""
    s = run(read_by=read_by, fan_out=fan_out, poll_interval=interval, record_rate=20).summary
    assert s["propagation_mean"] == pytest.approx(mean, rel=0.03)
    assert s["propagation_p50"] <= s["propagation_p95"] <= s["propagation_p99"]


# -- a limit per second holds per second -------------------------------------------------------

DURATIONS = 60, 600, 1_800, 7_200, 86_400


@pytest.mark.parametrize("duration", [*DURATIONS, 864_000])
def test_ten_seconds_of_fifty_times_as_much_are_throttled_whatever_the_run(duration):
    """50,000 records in 10 s to a shard that takes 1,000 a second, and as many that it has saved
    (Kinesis quotas): 39,000 are refused, in a minute's run as in one of ten days."""
    s = run(shards=1, record_rate=100, spike_factor=50, spike_start=30, spike_duration=10,
            retries=0, duration=duration).summary
    assert s["throttled"] == pytest.approx(39_000, rel=0.01)


@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize("length", [0.5, 3, 17])
def test_a_burst_is_the_same_burst_in_any_run_at_any_place(length, retries):
    """Within 1% of each other, and without retries what the rule gives: what comes beyond the rate
    and a second's worth of it (to the chance of a Poisson count). Little else comes: in its echo
    that, and its chance, would be throttled, too."""
    burst = dict(shards=2, keys=10_000, record_rate=20, spike_factor=600, retries=retries,
                 spike_duration=length)
    got = [run(**burst, spike_start=place * duration, duration=duration).summary["throttled"]
           for duration in DURATIONS for place in (0.05, 0.41, 0.6)]
    print(f"measured: burst of {length} s, {retries} retries: {min(got):,.0f} to {max(got):,.0f}")
    assert max(got) <= 1.01 * min(got)
    if not retries:
        right = 12_000 * length - 2_000 * (length + 1)
        assert got == pytest.approx([right] * len(got), abs=4 * (12_000 * length)**0.5)


@pytest.mark.parametrize("retries", [0, 3])
def test_micro_bursts_of_200_ms_each_minute_are_throttled_each_alike(retries):
    """20,000/s for 0.2 s: 4,000 records to a shard that has saved 1,000 and takes 200 meanwhile,
    so 2,800 are refused at first, each minute of an hour as of a day."""
    bursts = dict(shards=1, record_rate=100, spike_factor=200, spike_start=10, spike_duration=0.2,
                  spike_every=60, retries=retries)
    each = [run(**bursts, duration=60 * n).summary["throttled"] / n for n in (30, 120, 1_440)]
    print(f"measured: micro-bursts, {retries} retries: {min(each):,.0f} to {max(each):,.0f}")
    assert max(each) <= 1.01 * min(each)
    if not retries:
        assert each == pytest.approx([2_800] * 3, rel=0.01)


# -- consumers ---------------------------------------------------------------------------------

@pytest.mark.parametrize("consumers, fan_out, size", [
    (1, "shared", 1_000), (1, "shared", 1_400), (2, "enhanced", 1_100), (2, "shared", 600)])
def test_catching_up_takes_as_long_as_the_formula_says(consumers, fan_out, size):
    """To the tick: one shard, so that all of it is as far behind."""
    rate = 700.0
    r = run(shards=1, record_rate=rate, record_size=size, consumers=consumers, fan_out=fan_out,
            outage_start=300, outage_duration=600, duration=7_200)
    age = r.series["iterator_age"]
    behind = age.t[np.flatnonzero(age.value > 0)[-1]] - 900
    reads = rules.read_rate(consumers, fan_out) / size
    expected = rules.catch_up_time(600, rate, reads)
    print(f"measured: {consumers} {fan_out}: {behind:.0f} s, formula {expected:.0f} s")
    assert abs(behind - expected) <= age.t[1]


def test_two_shared_consumers_of_a_full_shard_never_catch_up():
    """They can just read what is written; one alone can, and so can two with a pipe each."""
    full = dict(shards=1, record_rate=1_200, record_size=1_050, outage_duration=300, retries=0,
                duration=7_200)
    assert run(**full).series["iterator_age"].value[-1] == 0
    assert run(**full, consumers=2, fan_out="enhanced").series["iterator_age"].value[-1] == 0
    assert run(**full, consumers=2).series["iterator_age"].value[-1] > 250


@pytest.mark.parametrize("consumers", [1, 2, 5])
def test_propagation_has_the_published_means(consumers):
    """200 ms for each consumer that polls as often as the shard lets one, 70 ms with enhanced
    fan-out whatever their number (Kinesis Developer Guide, enhanced consumers)."""
    assert run(consumers=consumers, poll_interval=0.2).summary["propagation_mean"] == pytest.approx(
        0.2 * consumers, rel=0.02)
    assert run(consumers=consumers, fan_out="enhanced").summary[
        "propagation_mean"] == pytest.approx(0.07, rel=0.01)


@pytest.mark.parametrize("consumers, interval, refused, mean", [
    (1, 1, 0, 1), (5, 1, 0, 1), (6, 1, 1, 1.2), (10, 1, 5, 2), (1, 0.2, 0, 0.2), (1, 0.1, 5, 0.2),
    (2, 0.25, 3, 0.4), (5, 3, 0, 3)])
def test_a_shard_answers_five_get_records_calls_a_second(consumers, interval, refused, mean):
    """The rest is refused and comes late (Kinesis API, GetRecords: five a second and shard; the
    developer guide on low latency: once a second for each of several applications, and throttled
    below 200 ms, or at it if there are several)."""
    s = run(consumers=consumers, poll_interval=interval, shards=3, record_size=100,
            duration=600).summary
    assert s["reads_throttled"] == pytest.approx(3 * refused * 600)
    assert s["propagation_mean"] == pytest.approx(mean, rel=0.02)
    pushed = run(consumers=consumers, poll_interval=interval, fan_out="enhanced").summary
    assert pushed["reads_throttled"] == 0


def test_who_is_away_makes_no_calls():
    """An outage of half the run: half the refused calls."""
    half = run(consumers=7, outage_start=300, outage_duration=900).summary
    assert half["reads_throttled"] == pytest.approx(0.5 * run(consumers=7).summary[
        "reads_throttled"])


def test_rare_calls_bring_at_most_ten_thousand_records_or_ten_mebibytes_each():
    """Every 20 s: 500 records/s of a shard, or half a MiB/s (Kinesis API, GetRecords)."""
    rare = dict(shards=1, record_rate=900, poll_interval=20, duration=600)
    assert run(**rare, record_size=100).summary["consumer_rate"] == pytest.approx(500, rel=0.01)
    assert run(**rare, record_size=2**20 // 900).summary["consumer_rate"] == pytest.approx(
        450, rel=0.01)


@pytest.mark.parametrize("hot_keys", [1, 2, 4, 50])
def test_hot_keys_share_what_is_hot_and_some_meet_in_a_shard(hot_keys):
    """Each is a key of its own: the shards of their hashes, as many times as they come (MD5 of the
    key, Kinesis API, PutRecord)."""
    shards, meet = 8, [0] * 8
    for i in range(hot_keys):
        meet[ShardMap(shards).route(f"key-{i}").id] += 1
    s = run(shards=shards, keys=50_000, hot_key_share=0.8, hot_keys=hot_keys).summary
    assert s["hottest_shard_share"] == pytest.approx(
        0.8 * max(meet) / hot_keys + 0.2 / shards, rel=0.02)


def test_no_more_hot_keys_than_keys():
    with pytest.raises(ParameterError, match="hot_keys: given 11, allowed at most 10"):
        run(keys=10, hot_keys=11)


def test_reading_removes_nothing_and_retention_does():
    """What nobody reads stays until it is too old; a longer retention loses none of it."""
    away = dict(record_rate=100, outage_start=0, outage_duration=7_200, duration=7_200)
    short, long = run(**away, retention=3_600).summary, run(**away).summary
    assert long["expired"] == 0 and long["retained_end"] == long["completed"]
    assert short["expired"] == pytest.approx(100 * 3_600, rel=0.01)
    assert short["completed"] == long["completed"]


# -- resharding --------------------------------------------------------------------------------

def test_a_split_divides_keys_but_no_key():
    """The hot key's share stays on one child; that of many keys is divided."""
    def before_and_after(**values):
        r = run(record_rate=3_000, split_at=600, reshard_time=0, **values)
        return r.summary["hottest_shard_share"], r.summary["hottest_share_end"]
    _, after = before_and_after(hot_key_share=0.6)
    assert after > 0.6
    before, after = before_and_after(shards=1)
    assert before == 1 and after == pytest.approx(0.5, abs=0.05)


def test_a_split_takes_its_time_and_the_parent_goes_on():
    """One shard, too small: twice as much is taken once there are two, not before."""
    r = run(shards=1, record_rate=2_500, retries=0, split_at=600, reshard_time=120)
    accepted = r.series["completed_rate"]
    assert (accepted.value[(accepted.t > 0) & (accepted.t <= 720)] == 1_000).all()
    assert accepted.value[accepted.t > 735].min() > 1_900
    assert [e.t for e in r.events] == [720]


def test_all_shards_split_one_after_the_other_and_neighbours_merge():
    """Each takes the time of a reshard."""
    r = run(shards=4, split_at=100, split_what="all", reshard_time=60, merge_at=1_000)
    assert [(e.t, e.kind) for e in r.events] == [
        (160, "split"), (220, "split"), (280, "split"), (340, "split"), (1_060, "merge")]
    assert r.summary["shards_end"] == 7 and r.summary["incomplete"] == 0


def test_resharding_changes_no_arrival():
    """Common random numbers: the same records are offered in each tick, split or not."""
    plain = run(hot_key_share=0.5)
    for values in ({"split_at": 300}, {"merge_at": 300}, {"retries": 0}, {"outage_duration": 60},
                   {"shards": 9}, {"mode": "on-demand"}, {"split_at": 60, "split_what": "all"}):
        other = run(hot_key_share=0.5, **values)
        assert other.series["offered_rate"].value == pytest.approx(
            plain.series["offered_rate"].value, rel=1e-9)


def test_on_demand_starts_with_twice_the_peak_or_four_shards():
    """In whole shards."""
    for peak, shards in ((0, 4), (2**20, 4), (3 * 2**20, 6), (3.1 * 2**20, 7)):
        r = run(mode="on-demand", ondemand_peak=peak, record_rate=10)
        assert r.series["shards"].value[0] == shards == r.summary["shards_end"]


def test_on_demand_throttles_for_its_quarter_of_an_hour():
    """More than double at once: refused until the busy shards have split, then no more."""
    r = run(mode="on-demand", record_rate=1_800, keys=100_000, retries=0, spike_factor=4,
            spike_start=600, spike_duration=6_600, duration=7_200)
    refused = r.series["throttled_rate"]
    times = refused.t[refused.value > 0]
    assert 600 <= times[0] <= 630 and 1_470 <= times[-1] <= 1_530


def test_on_demand_cannot_help_one_hot_key():
    """However often its shard is split, it takes 1,000 records a second."""
    r = run(mode="on-demand", record_rate=3_000, hot_key_share=1, retries=0, duration=7_200)
    assert r.summary["shards_end"] > 8
    assert r.series["completed_rate"].value == pytest.approx(1_000)


# -- the lab -----------------------------------------------------------------------------------

def test_the_definitions_with_one_attempt_each():
    """Without retries an attempt is a record, and what is refused is dropped."""
    s = run(record_rate=6_000, retries=0).summary
    assert s["attempts"] == s["offered"]
    assert s["throttled"] == s["incomplete"] == pytest.approx(
        s["failed"])
    assert s["incomplete"] == s["offered"] - s["completed"]
    assert s["incomplete_share"] == s["incomplete"] / s["offered"]
    assert s["completed"] == pytest.approx(4 * 1_000 * 1_800)


def test_retries_lose_fewer_only_if_there_is_room_later():
    """A spike is smoothed by retries; a load that is too high for good is not."""
    spike = dict(spike_factor=2, spike_start=300, spike_duration=2, duration=600, retry_wait=5)
    assert run(**spike, retries=5).summary["failed"] < 0.01 * run(
        **spike, retries=0).summary["failed"]
    forever = dict(record_rate=6_000)
    few, many = (run(**forever, retries=n).summary for n in (0, 9))
    assert many["completed"] == pytest.approx(few["completed"])
    assert many["attempts"] > 3 * few["attempts"]


def test_aggregation_lifts_the_limit_on_records_not_that_on_bytes():
    """Tiny records until a mebibyte a second is full."""
    tiny = dict(record_rate=100_000, record_size=50, retries=0, keys=100_000,
                consumer_capacity=1e6)
    assert run(**tiny).summary["completed"] == pytest.approx(4_000 * 1_800)
    packed = run(**tiny, aggregation=True).summary
    assert packed["completed"] == pytest.approx(4 * 2**20 / 50 * 1_800, rel=0.01)
    assert packed["kinesis_records"] == pytest.approx(packed["completed"] / 1_024)


def test_the_lines_of_the_bill():
    """An hour: four shards, a million and so on; fan-out per consumer; on demand by volume."""
    value = labsim.factbook.value
    r = run(record_rate=1_000, record_size=30_000, shards=40, duration=3_600, consumers=2,
            fan_out="enhanced")
    n = r.summary["completed"]
    assert n == r.summary["offered"] == r.summary["read"]
    assert r.cost == pytest.approx({
        "Shard hours": 40 * value("kinesis.price_shard_hour"),
        "PUT payload units": 2 * n / 1e6 * value("kinesis.price_put_unit_million"),
        "Fan-out, shard hours": 2 * 40 * value("kinesis.price_efo_shard_hour"),
        "Fan-out, data": 2 * n * 30_000 / 2**30 * value("kinesis.price_efo_gb")})
    r = run(mode="on-demand", record_rate=100, record_size=10_000, duration=3_600, consumers=3)
    gb = r.summary["completed"] * 10_000 / 2**30
    assert r.cost == pytest.approx({
        "Stream hours": value("kinesis.price_ondemand_stream_hour"),
        "Data written": gb * value("kinesis.price_ondemand_in_gb"),
        "Data read": 3 * gb * value("kinesis.price_ondemand_out_gb")})


def test_the_record_size_follows_the_facts():
    """One mebibyte in the notes, ten today."""
    assert run(record_size=10_485_760, record_rate=1, duration=60).summary["offered"]
    with pytest.raises(ParameterError, match="record_size: given 1048577, allowed at most"):
        run(record_size=1_048_577, facts="notes")


# -- speed -------------------------------------------------------------------------------------

@pytest.mark.long
@pytest.mark.parametrize("values", [
    dict(duration=10, retry_wait=10, shards=9_000, retries=10), dict(keys=100_000),
    dict(shards=10_000, split_at=10, split_what="all", reshard_time=0, retries=0, record_rate=1e7),
    dict(mode="on-demand", ondemand_split_time=5, duration=864_000, record_rate=1),
    dict(mode="on-demand", ondemand_split_time=2, hot_key_share=1, duration=1_000),
    dict(mode="on-demand", ondemand_peak=1e10, record_rate=1e8),
    dict(spike_every=0.1, spike_factor=0.01, spike_duration=0.05, spike_start=0, retries=0)])
def test_what_takes_long_is_estimated(values):
    """A third of the time at least, and no count of it below zero."""
    lab = labsim.lab(SLUG)
    p = lab.Params(**values)
    begin, expected = time.process_time(), lab.estimate(p)
    assert min(expected.events, expected.cells, expected.touched) > 0
    lab.run(p)
    seconds = (time.process_time() - begin) / pace()
    print(f"measured: {values}: {seconds:.2f} s, estimated {expected.seconds:.2f} s")
    assert seconds < 0.15 or seconds <= 3 * expected.seconds


@pytest.mark.long
@pytest.mark.parametrize("duration", [3_600, 86_400])
def test_five_thousand_shards_in_three_seconds_and_five_hundred_megabytes(duration):
    """Four million records a second, a hundred thousand keys, in a process of its own; the best
    of four tries on a noisy machine."""
    code = ("import time, labsim\n"
            "begin = time.process_time()\n"
            "r = labsim.run('kinesis-shards', shards=5000, record_rate=4_900_000.0, keys=100_000,"
            f" key_skew=0.2, duration={duration})\n"
            "print(time.process_time() - begin, r.summary['incomplete'])")
    for _ in range(4):
        (seconds, throttled), peak = alone.run(code)
        seconds /= pace()
        if seconds < 3:
            break
    print(f"measured: 5,000 shards, {duration} s: {seconds:.2f} s, {peak / 2**20:.0f} MiB")
    assert seconds < 3 and peak < 500e6 and throttled > 0


@pytest.mark.long
@pytest.mark.parametrize("shards", [4, 1_000])
def test_ten_times_the_rate_costs_no_more(shards):
    """At most 1.2 times as long; the best of six tries. (To refuse some costs more than to refuse
    none, for those come back.)"""
    def median(rate):
        times = []
        for _ in range(9):
            begin = time.process_time()
            run(shards=shards, record_rate=rate)
            times.append(time.process_time() - begin)
        return statistics.median(times)
    ratios = []
    for _ in range(6):
        ratios.append(median(75_000.0 * shards) / median(7_500.0 * shards))
        if ratios[-1] <= 1.2:
            break
    print(f"measured: {shards} shards: {ratios[-1]:.2f}")
    assert ratios[-1] <= 1.2


@pytest.mark.parametrize("step", ["2", "8", "10", "12"])
def test_what_travels_on_the_stage_adds_up(step):
    """An attempt is the first or a repeat; the shards take it or throttle it."""
    s = labsim.lab("kinesis-shards").run(labsim.lab("kinesis-shards").preset(step)).series
    offered, retries, attempts, put, throttled = (s[f"{name}_rate"].value for name in (
        "offered", "retries", "attempts", "completed", "throttled"))
    assert offered + retries == pytest.approx(attempts) == put + throttled
    assert retries.sum() > 0
