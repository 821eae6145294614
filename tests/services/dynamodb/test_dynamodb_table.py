"""A table, its index, its scaling and its cache as parts: beside other ways to compute them, two
in one simulation, and what is refused."""

import statistics

import numpy as np
import pytest

import labsim as ls
from labsim.engine import LruCache, Simulation, draw_keys, popularity, stream
from labsim.errors import LabsimError, ParameterError
from labsim.services import dynamodb
from labsim.services.dynamodb import rules
from labsim.services.dynamodb.dax import cached
from labsim.services.dynamodb.measures import WRITE
from labsim.services.dynamodb.scaling import AutoScaling, Decreases
from labsim.services.dynamodb.table import Table
from labsim.statistics import half_width

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


@pytest.mark.long
@pytest.mark.parametrize("capacity, rate", [(50, 80), (50, 200), (50, 40), (200, 210)])
def test_counted_as_one_by_one(capacity, rate):
    """Served writes of the counted table and of single requests, on the same arrivals: over twenty
    runs they differ by less than one in ten thousand, the worth of the order within a tick."""
    gaps, all_served = [], 0
    for seed in range(20):
        sim = Simulation(seed, 1_200, points=240)
        times = np.sort(sim.stream("t").random(sim.stream("n").poisson(rate * 1_200)) * 1_200)
        totals = np.histogram(times, sim.record.t)[0]
        table = Table(sim, "table", "provisioned", 1.0, capacity)
        table.writes.expect(totals)
        sim.run()
        one = plain(times.tolist(), capacity, 300, 1, np.zeros(len(times), int), 1_000.0)
        gaps.append(table.served[:, WRITE].sum() - one.sum())
        all_served += one.sum()
    half = half_width(gaps, 0.99)
    print(f"measured: dynamodb, {rate}/s on {capacity}: counted minus one by one "
          f"{statistics.mean(gaps):.1f} +- {half:.1f}")
    assert abs(sum(gaps)) <= 1e-4 * all_served


def served_for(idle, factor, saved, capacity=100):
    """For how many s a table serves `factor` times its capacity after `idle` s."""
    seconds = idle + 400
    sim = Simulation(1, seconds, points=seconds)
    table = Table(sim, "table", "provisioned", 1.0, capacity, saved=saved)
    table.writes.expect([0] * idle + [factor * capacity] * 400)
    sim.run()
    return int((table.throttled[:, WRITE] > 0).argmax()) - idle


@pytest.mark.parametrize("idle, factor, saved, seconds", [
    (60, 4, 0, 20), (60, 4, 300, 100), (60, 4, 120, 60), (1, 4, 0, 0), (30, 2, 0, 30),
    (30, 2, 300, 300), (600, 4, 0, 100), (200, 5, 200, 75), (90, 10, 0, 10)])
def test_the_tank_at_the_start_is_a_parameter(idle, factor, saved, seconds):
    """What was saved before and in the idle time, to 300 s of capacity (fact ddb.burst_window_s),
    over what is too much: 60 s idle, then four times the capacity, serve a new table 20 s."""
    assert min(300, saved + idle) / (factor - 1) == pytest.approx(seconds, abs=0.5)
    assert served_for(idle, factor, saved) == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize("units", [10, 50, 100, 400])
@pytest.mark.parametrize("adaptive", [True, False])
def test_the_tank_is_cut_at_a_change_of_capacity(units, adaptive):
    """From 100 units/s with a full tank to `units`: it holds at most 300 s of the new ones, and a
    rise fills nothing."""
    sim = Simulation(1, 200, points=200)
    table = Table(sim, "table", "provisioned", 1.0, 100.0, adaptive=adaptive)
    table.writes.expect([100] * 100 + [900] * 100)

    def change():
        yield sim.env.timeout(100)
        table.provision(WRITE, units)
    sim.process(change())
    sim.run()
    served = table.served[100:, WRITE].sum()
    assert served == pytest.approx(min(90_000, units * 100 + 300 * min(units, 100)), rel=0.01)


@pytest.mark.parametrize("saved", [-1, 301, float("nan")])
def test_a_tank_that_cannot_be_is_refused(saved):
    """It holds 0 to 300 s."""
    with pytest.raises(ParameterError, match="saved"):
        Table(Simulation(1, 60), "table", "provisioned", 1, 1, saved=saved)


# -- auto scaling ---------------------------------------------------------------------------------

def scaled(rates, tick=60, capacity=100.0, delay=0.0):
    """The capacity at the end of each minute in which these rates are consumed."""
    sim = Simulation(1, tick * len(rates), points=len(rates))
    table = Table(sim, "table", "provisioned", 1.0, capacity)
    table.writes.expect([int(r * tick) for r in rates])
    AutoScaling(sim, "scaling", table, target=0.7, least=1.0, most=1e6, delay=delay)
    seen = []
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


@pytest.mark.parametrize("rates", [[0] * 60, [40] * 14 + [0] * 60, [0, 0, 300] + [0] * 40])
def test_it_does_not_scale_in_where_nothing_is_consumed(rates):
    """Source: Amazon DynamoDB Developer Guide, auto scaling: it "does not scale down your
    provisioned capacity if your table's consumed capacity becomes zero"; nor after minutes that
    were low but too few."""
    assert scaled(rates, capacity=1_000.0) == [1_000] * len(rates)


def test_it_scales_in_at_little_traffic():
    """A request a second is enough for a datapoint: to what is consumed over the target."""
    assert scaled([1] * 17, capacity=1_000.0)[-1] == pytest.approx(1 / 0.7)


def lowered(times):
    """Which of decreases at these times (s) are allowed."""
    limit, allowed = Decreases(), []
    for now in times:
        if limit.allowed(now):
            limit.make(now)
            allowed.append(now)
    return allowed


@pytest.mark.parametrize("times, allowed", [
    ([0, 0, 0, 0, 0], [0, 0, 0, 0]),
    ([0, 60, 120, 180, 240, 3_600, 3_780, 3_800], [0, 60, 120, 180, 3_780]),
    ([0, 60, 3_599, 3_600, 3_700, 7_199, 7_200], [0, 60, 3_599, 7_199]),
    ([50_000, 50_001, 53_700, 53_701, 57_300], [50_000, 50_001, 53_700, 57_300]),
    ([86_000, 86_000, 86_000, 86_000, 86_300, 86_400, 86_400, 86_400, 86_400, 86_400],
     [86_000] * 4 + [86_400] * 4),
    ([86_399, 86_400 * 3], [86_399, 86_400 * 3])])
def test_four_decreases_in_an_hour_then_one_where_there_was_none_in_the_last(times, allowed):
    """"Up to four decreases within one hour as long as you have not performed any other decreases
    yet during that day. Subsequently, one additional decrease per hour as long as there was no
    decreases in the preceding hour." Source: Amazon DynamoDB Developer Guide, service quotas."""
    assert lowered(times) == allowed


def test_reads_and_writes_share_the_decreases():
    """They are the table's. Both fall each quarter of an hour: in an hour four together."""
    minutes = 16 * 8
    sim = Simulation(1, 60 * minutes, points=minutes)
    table = Table(sim, "table", "provisioned", 100.0, 100.0, item=4_096)
    fall = [60 * 50 * 0.6 ** (n // 16) for n in range(minutes)]
    table.reads.expect([int(2 * n) for n in fall])
    table.writes.expect([int(n / 4) for n in fall])
    scaling = AutoScaling(sim, "scaling", table, delay=0.0)
    at = []
    sim.each_tick(lambda k: at.append(scaling.ins))
    sim.run()
    assert at[60 + 14] <= rules.FIRST_DECREASES < at[-1]


def test_decreases_are_limited():
    """Four at first, then one an hour: a long decline takes its time."""
    rates = [50 * 0.6 ** (n // 16) for n in range(16 * 8)]
    steps = np.flatnonzero(np.diff(scaled(rates)) < 0)
    assert len(steps) <= rules.FIRST_DECREASES + len(rates) // 60


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
    return statistics.mean(ratios), half_width(ratios, 0.99)


@pytest.mark.parametrize("room, ttl", [(60, 1e9), (300, 3.0)])
def test_dax_hits_as_a_real_cache_does(room, ttl):
    """Where its room limits, and where its TTL does: inside the 99% interval."""
    rates = 40 * popularity(300, 0.9)
    mean, half = measured(rates, room, ttl, 300)
    expected = float((rates * cached(rates, room, ttl)).sum() / rates.sum())
    assert abs(mean - expected) <= half


# -- parts --------------------------------------------------------------------------------------

def two(sim, rate=300, other=40):
    """Two tables, one with a cache before it and an index, one that scales."""
    keys = popularity(200, 1.0)
    cache = dynamodb.Dax(sim, "cache", keys, rate)
    shop = Table(sim, "shop", "provisioned", 500, 100, keys=keys)
    cache.missed.to(shop.reads)
    dynamodb.GlobalIndex(sim, "by status", shop, 60)
    sim.send(rate, to=cache.reads)
    sim.send(80, to=shop.writes)
    log = Table(sim, "log", "provisioned", 10, 200)
    AutoScaling(sim, "scaling", log)
    sim.send(other, to=log.writes)


def test_two_tables_in_one_simulation_do_not_mix():
    """What one gets, consumes and throttles is the same without the other, and all adds up."""
    both = ls.simulate(two, 3_600)
    assert both.summary["log.write_units"] == pytest.approx(
        both.summary["producers of log writes.offered"])
    assert both.summary["shop.reads_offered"] == (
        both.summary["producers.offered"] - both.summary["cache.hits"])
    assert both.summary["shop.throttled_by_gsi"] > 0 == both.summary["log.throttled_by_gsi"]
    assert both.summary["scaling.scale_ins"] > 0
    assert set(both.cost) == {"cache: DAX", "shop: reads", "shop: writes", "by status: index",
                              "log: reads", "log: writes"}
    more = ls.simulate(two, 3_600, other=4_000)
    assert {n: v for n, v in both.summary.items() if n.startswith("shop.")} == {
        n: v for n, v in more.summary.items() if n.startswith("shop.")}
    for result in (both, more):
        assert all(law.holds(result) for law in result.lab.invariants)


def test_what_a_table_has_done_can_come_to_another_part():
    """Orders that were written go on to a second table, in whole requests, and none is lost."""
    def chain(sim):
        orders = Table(sim, "orders", "provisioned", 1, 50)
        audit = Table(sim, "audit")
        orders.done.to(audit.writes)
        sim.send(40, to=orders.writes)
    r = ls.simulate(chain, 600)
    assert abs(r.summary["audit.writes_offered"] - r.summary["orders.completed"]) <= 1


def test_two_of_one_name_are_an_error():
    """Which names both."""
    sim = Simulation(1, 60)
    Table(sim, "a")
    with pytest.raises(ParameterError, match='two parts are called "a": a dynamodb.Table and a'):
        dynamodb.Dax(sim, "a", np.ones(3), 1.0)


@pytest.mark.parametrize("values, name", [
    ({"mode": "reserved"}, "mode"), ({"mode": "provisioned"}, "read_capacity"),
    ({"read_capacity": -1}, "read_capacity"), ({"write_capacity": float("nan")}, "write_capacity"),
    ({"previous_peak": -1}, "previous_peak"), ({"read_units": -1}, "read_units"),
    ({"consistency": "sometimes"}, "consistency"), ({"keys": [1, -1]}, "keys"),
    ({"keys": [0, 0]}, "keys")])
def test_a_table_that_cannot_be_is_refused(values, name):
    """At once, with the argument to change."""
    with pytest.raises(ParameterError) as caught:
        Table(Simulation(1, 60), "table", **values)
    assert caught.value.name == name


@pytest.mark.parametrize("values, name", [
    ({"target": 0.95}, "target"), ({"least": 0}, "least"), ({"least": 5, "most": 4}, "most"),
    ({"delay": -1}, "delay")])
def test_scaling_that_cannot_be_is_refused(values, name):
    """Targets that AWS doesn't take, and a table that is on demand."""
    sim = Simulation(1, 60)
    with pytest.raises(ParameterError) as caught:
        AutoScaling(sim, "scaling", Table(sim, "table", "provisioned", 1, 1), **values)
    assert caught.value.name == name
    with pytest.raises(ParameterError, match="provisioned"):
        AutoScaling(sim, "more", Table(sim, "on demand"))


@pytest.mark.parametrize("values, name", [
    ({"rate": -1}, "rate"), ({"query_share": 2}, "query_share"), ({"room": 0}, "room"),
    ({"item_ttl": -1}, "item_ttl"), ({"query_ttl": -1}, "query_ttl"), ({"nodes": 12}, "nodes"),
    ({"price": -1}, "price"), ({"consistency": "none"}, "consistency"),
    ({"popularity": [0.0]}, "popularity")])
def test_a_cache_that_cannot_be_is_refused(values, name):
    """At once, with the argument to change."""
    with pytest.raises(ParameterError) as caught:
        dynamodb.Dax(Simulation(1, 60), "cache", **{"popularity": [1.0], "rate": 1.0, **values})
    assert caught.value.name == name


def test_an_index_that_cannot_be_is_refused():
    """Without capacity beside a provisioned table, or a second one."""
    sim = Simulation(1, 60)
    table = Table(sim, "table", "provisioned", 1, 1)
    with pytest.raises(ParameterError, match="write_capacity"):
        dynamodb.GlobalIndex(sim, "none", table)
    dynamodb.GlobalIndex(sim, "first", table, 5)
    with pytest.raises(ParameterError, match="table has an index, first"):
        dynamodb.GlobalIndex(sim, "second", table, 5)


def test_what_is_not_wired_says_so():
    """Nobody sends, nothing is behind the cache, and a table has two ways in."""
    with pytest.raises(LabsimError, match="nothing comes to lonely"):
        ls.simulate(lambda sim: Table(sim, "lonely"), 60)
    with pytest.raises(LabsimError, match="stands before no table"):
        ls.simulate(lambda sim: sim.send(1, to=dynamodb.Dax(sim, "cache", np.ones(3), 1).reads), 60)
    with pytest.raises(ParameterError, match="one of its ways in: to=table.reads or to=table.wri"):
        ls.simulate(lambda sim: sim.send(1, to=Table(sim, "table")), 60)
