"""Splits for heat, replicas that share reads, growth on demand and times to an answer, rule by
rule. Sources: Amazon DynamoDB Developer Guide, burst and adaptive capacity; AWS Database Blog,
Scaling DynamoDB, parts 2 and 3; hpides/skyrise, storage_latency."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labsim.engine import Simulation, stream
from labsim.errors import ParameterError
from labsim.services.dynamodb import latency, rules
from labsim.services.dynamodb.measures import READ, WRITE
from labsim.services.dynamodb.partitions import NEAR, Partitions
from labsim.services.dynamodb.table import Table

popularities = st.lists(st.floats(0.01, 1), min_size=2, max_size=60)


def split(keys, parts, divided, times):
    """Partitions of which the busiest were split so many times, and shares of reads before each."""
    line = Partitions(np.tile(keys, (2, 1)), parts, divided, 600.0)
    seen = []
    for _ in range(times):
        seen.append(line.shares[READ].max())
        line.split(np.array([line.shares[READ].argmax()]), np.ones((2, len(line))))
    return line, seen


# -- where a split is made ----------------------------------------------------------------------

@given(popularities, st.integers(1, 5), st.booleans(), st.integers(0, 8))
def test_a_split_loses_nothing(keys, parts, divided, times):
    """Whatever is split, all of the traffic has a partition, and no key has two owners."""
    line, _ = split(keys, parts, divided, times)
    assert line.shares.sum(axis=1) == pytest.approx(1)
    assert (line.shares >= 0).all()
    order = line.order
    assert line.end[order][:-1] == pytest.approx(line.start[order][1:])


@given(popularities, st.integers(1, 8))
def test_items_that_can_be_divided_are_halved(keys, times):
    """Each split of the busiest halves it, though it were one key."""
    line, _ = split(keys, 1, True, times)
    assert line.shares[READ].max() == pytest.approx(0.5 ** int(np.log2(times + 1)))


@given(popularities, st.integers(1, 5), st.integers(1, 70))
def test_a_single_item_is_never_divided(keys, parts, times):
    """So that the busiest partition has at least the most popular item; and where splits go on for
    long enough, nothing else."""
    line, _ = split(keys, parts, False, times)
    most = max(keys) / sum(keys)
    assert line.shares[READ].max() >= most * (1 - 1e-9)
    if times >= len(keys):
        assert line.shares[READ].max() == pytest.approx(most)


@given(popularities)
def test_a_split_is_where_the_halves_are_most_alike(keys):
    """No other place between two keys is better."""
    before = Partitions(np.tile(keys, (2, 1)), 1, False, 600.0)
    sides = np.diff(before._below[READ])
    best = np.abs(np.cumsum(sides)[:-1] - 0.5).min()
    line, _ = split(keys, 1, False, 1)
    assert np.abs(line.shares[READ] - 0.5).min() == pytest.approx(best)


# -- when it is made ----------------------------------------------------------------------------

def written(rates, mode="on-demand", tick=10, keys=None, divided=True, **values):
    """A table to which so many writes/s come in each interval of `tick` s, all for one key."""
    sim = Simulation(1, tick * len(rates), points=len(rates))
    capacity = () if mode == "on-demand" else (1.0, 1e6)
    table = Table(sim, "table", mode, *capacity, keys=keys if keys else [1.0], divided=divided,
                  **values)
    table.writes.expect([int(rate * tick) for rate in rates])
    sim.run()
    return table


def used(table):
    """Write units/s of each interval."""
    return table.consumed[:, WRITE]


@given(st.integers(30, 600), st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_heat_splits_when_it_has_lasted(after, late):
    """Not before `split_after` s of it, and then at once: the key's limit is doubled."""
    table = written([100] * late + [5_000] * 120, tick=10, split_after=float(after))
    hot = used(table)[late:]
    first = int(np.ceil(after / 10))
    assert hot[1:first - 1] == pytest.approx(1_000)
    assert hot[first] == pytest.approx(2_000, rel=0.01)


def test_heat_that_lasts_goes_on_doubling():
    """1,000, 2,000, 4,000 writes/s, each for ten minutes (fact ddb.split_s)."""
    hot = used(written([50_000] * 180, tick=10))
    assert [hot[k] for k in (30, 90, 150)] == pytest.approx([1_000, 2_000, 4_000])


@pytest.mark.parametrize("busy, calm, splits", [
    (590, 600, 0), (590, 300, 1), (300, 300, 0), (400, 100, 1), (60, 60, 0), (610, 1_000, 3)])
def test_a_partition_cools_as_it_heats(busy, calm, splits):
    """Three busy times with calm ones between: with breaks that are long enough it is never
    split, with short ones the heat adds up."""
    rates = ([5_000] * (busy // 10) + [10] * (calm // 10)) * 3
    assert (written(rates).parts > 4) == (splits > 0)


@pytest.mark.parametrize("rate, splits", [(700, False), (870, False), (930, True), (1_000, True)])
def test_near_its_limit_is_hot(rate, splits):
    """That is an assumption: 0.9 of it."""
    assert (written([rate] * 70).parts > 4) == splits == (rate > NEAR * 1_000)


@pytest.mark.parametrize("mode", ["on-demand", "provisioned"])
@given(st.integers(1_100, 100_000), st.integers(10, 60))
@settings(max_examples=10, deadline=None)
def test_no_heat_helps_a_single_item(mode, rate, minutes):
    """Its writes are 1,000 units/s for good."""
    table = written([rate] * minutes, mode, tick=60, divided=False)
    assert used(table)[1:] == pytest.approx(1_000)


def test_splits_free_the_neighbours_of_a_single_item():
    """Two of three writes are for one item, the rest for 200 others: ten minutes and more later
    only the item is throttled."""
    sim = Simulation(1, 3_600, points=360)
    table = Table(sim, "table", "provisioned", 1.0, 4_000, keys=[400.0] + [1.0] * 200)
    table.writes.expect([30_000] * 360)
    sim.run()
    at_first, at_last = used(table)[5], used(table)[-5]
    assert at_first < 2_000 and at_last == pytest.approx(2_000, rel=0.01)


def test_even_shares_are_never_split():
    """Splits are adaptive capacity's; without it all stays as it was."""
    sim = Simulation(1, 3_600, points=360)
    table = Table(sim, "table", "provisioned", 1.0, 2_000, keys=[1.0], divided=True,
                  adaptive=False)
    table.writes.expect([30_000] * 360)
    sim.run()
    assert table.parts == rules.partitions(1, 2_000)


@given(st.integers(1, 55), st.integers(2_000, 100_000))
@settings(max_examples=15, deadline=None)
def test_a_burst_that_is_shorter_than_the_heat_is_throttled_as_ever(tens, rate):
    """As in a table that never splits."""
    rates = [200] * 10 + [rate] * tens + [200] * 10
    assert used(written(rates)) == pytest.approx(used(written(rates, split_after=1e9)))


def test_clients_who_wait_find_the_halves():
    """Those who come back after a split are served by either side: nobody is lost."""
    sim = Simulation(1, 1_800, points=180)
    table = Table(sim, "table", keys=[1.0], divided=True, waits=[(0.0, 2.0), (0.0, 4.0)])
    table.writes.expect([18_000] * 180)
    sim.run()
    assert table.throttled[-30:].sum() == 0 and table.parts > 4
    assert table.offered.sum() == pytest.approx(
        table.served.sum() + table.given_up.sum() + table.attempts.waiting.sum())


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_heat_that_cannot_be_is_refused(value):
    """It lasts for some time."""
    with pytest.raises(ParameterError, match="split_after"):
        Table(Simulation(1, 60), "table", split_after=value)


# -- replicas -----------------------------------------------------------------------------------

@pytest.mark.parametrize("consistency, reads", [
    ("strong", 3_000), ("eventual", 9_000), ("transactional", 1_500)])
def test_three_replicas_share_eventual_reads(consistency, reads):
    """Reads/s of 4 KB that one item gets: each replica does 3,000, a strong one is for the leader
    alone, one in a transaction costs two."""
    sim = Simulation(1, 300, points=30)
    table = Table(sim, "table", keys=[1.0], item=4_096, consistency=consistency)
    table.reads.expect([200_000] * 30)
    sim.run()
    assert table.served[1:, READ] / 10 == pytest.approx(reads)
    assert rules.partition_limits(consistency)[WRITE] == 1_000


# -- on demand ----------------------------------------------------------------------------------

def ramp(top, minutes, keys=2_000):
    """A new table on demand, to which writes come at a rate that grows from 0 to `top`."""
    sim = Simulation(1, 60 * minutes, points=minutes)
    table = Table(sim, "table", keys=np.ones(keys))
    table.writes.expect([int(60 * top * (k + 0.5) / minutes) for k in range(minutes)])
    sim.run()
    return table


@given(st.integers(5, 150))
@settings(max_examples=15, deadline=None)
def test_a_ramp_below_the_start_is_not_throttled(minutes):
    """3,500 writes/s are within what a new table does, however they come."""
    assert ramp(3_500, minutes).throttled.sum() < 1e-6


def test_a_slower_ramp_is_throttled_less():
    """0 to 40,000 writes/s within one, one and a half, two, two and a half hours, of all that
    come; nothing is, if it takes days."""
    shares = [t.throttled.sum() / t.offered.sum() for t in (
        ramp(40_000, minutes) for minutes in (60, 90, 120, 150, 4_320))]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.1 > shares[3]
    assert shares[-1] < 1e-3


@pytest.mark.parametrize("minute, writes", [(5, 4_000), (15, 8_000), (25, 16_000)])
def test_a_new_table_that_is_hot_doubles_every_ten_minutes(minute, writes):
    """Its four partitions split, and theirs again: sustained heat, not half an hour."""
    sim = Simulation(1, 1_800, points=30)
    table = Table(sim, "table")
    table.writes.expect([60 * 50_000] * 30)
    sim.run()
    assert used(table)[minute] == pytest.approx(writes)


@pytest.mark.parametrize("followed", [False, True])
def test_twice_the_peak_is_there_half_an_hour_later(followed):
    """3,000 writes/s make no partition hot, and half an hour later 6,000 are served at once; also
    in steps of half a second, as where somebody asks one by one."""
    sim = Simulation(1, 2_700, points=45)
    table = Table(sim, "table")
    if followed:
        sim.pace.follow()
    table.writes.expect([60 * 3_000] * 40 + [60 * 20_000] * 5)
    sim.run()
    assert table.parts == 6
    assert used(table)[[20, 42]] == pytest.approx([3_000, 6_000])


# -- times --------------------------------------------------------------------------------------

@pytest.mark.parametrize("op", [READ, WRITE])
@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75, 0.9, 0.95])
def test_most_times_are_lognormal(op, share):
    """The body of the law is, give or take those that take longer."""
    normal = NormalDist().inv_cdf(share)
    body = latency.MEDIAN[op] * np.exp(latency.SPREAD[op] * normal)
    assert body * (1 - 1e-3) <= latency.quantile(op, share) <= body * 1.05


def test_times_of_attempts_add_up():
    """Who needed two attempts has waited, and taken the time of two; a cache is quicker."""
    served = np.array([[0.0, 100.0], [0.0, 0.0]])
    late = served[::-1]
    one, two = (latency.times({1.0: s}, [(1.0, 3.0)], stream(1, "t")) for s in (served, late))
    assert one.p50 == pytest.approx(latency.quantile(WRITE, 0.5), rel=1e-3)
    assert two.mean == pytest.approx(2 * one.mean + 2.0, rel=0.02)
    cached = latency.times({1.0: served}, [], stream(1, "t"), cached=900.0, hit=0.0005)
    assert cached.p50 == 0.0005 and cached.mean == pytest.approx(0.9 * 0.0005 + 0.1 * one.mean)


def test_nothing_served_takes_no_time():
    """Rather than an error."""
    assert latency.times({1.0: np.zeros((3, 2))}, [(0, 1), (0, 2)], stream(1, "t")) == (0, 0, 0)
