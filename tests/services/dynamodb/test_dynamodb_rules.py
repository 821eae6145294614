"""Units, sizes, partitions and prices of DynamoDB, rule by rule."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.services.dynamodb import bill, rules

sizes = st.integers(1, 409_600)


# -- units --------------------------------------------------------------------------------------

@given(sizes)
def test_a_read_is_rounded_to_four_kb_a_write_to_one(size):
    """Half if eventual, double in a transaction."""
    reads, writes = math.ceil(size / 4_096), math.ceil(size / 1_024)
    assert [rules.read_units(size, c) for c in rules.CONSISTENCIES] == [
        reads, reads / 2, 2 * reads]
    assert [rules.write_units(size, t) for t in (False, True)] == [writes, 2 * writes]


@given(st.lists(sizes, min_size=1, max_size=50))
def test_a_query_is_rounded_once_and_a_batch_for_each_item(items):
    """So a query is never dearer."""
    assert rules.query_units(sum(items)) == math.ceil(sum(items) / 4_096)
    assert sum(map(rules.read_units, items)) == sum(math.ceil(s / 4_096) for s in items)
    assert rules.query_units(sum(items)) <= sum(map(rules.read_units, items))
    assert sum(map(rules.write_units, items)) == sum(math.ceil(s / 1_024) for s in items)


@given(sizes, sizes)
def test_an_update_is_charged_for_the_larger_item(before, after):
    """All of it, however little changes."""
    assert rules.write_units(after, before=before) == math.ceil(max(before, after) / 1_024)


@pytest.mark.parametrize("item, size", [
    ({"shirt-color": "R", "shirt-size": "M"}, 23), ({"a": True}, 2), ({"a": None}, 2),
    ({"a": "\u00fc"}, 3), ({"a": b"xyz"}, 4), ({"a": 1}, 3), ({"a": 12}, 3), ({"a": 123}, 4),
    ({"a": -123}, 5), ({"a": []}, 4), ({"a": ["b", "c"]}, 1 + 3 + 2 + 2),
    ({"a": {"b": "c"}}, 1 + 3 + 1 + 2), ({}, 0)])
def test_the_size_of_an_item(item, size):
    """Names in UTF-8, values by type."""
    assert rules.item_size(item) == size
    assert rules.read_units(item) == rules.read_units(size) == 1


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_on_demand_takes_twice_the_highest_peak(peak, before):
    """Or what a new table takes, or what it had."""
    assert rules.on_demand(peak) == max(2 * peak, 4_000)
    assert rules.switched(before, peak) == (max(before, 12_000), max(peak, 4_000))


def test_a_table_begins_with_what_is_provisioned_or_twice_its_peak():
    """On demand what was provisioned before counts, too."""
    assert rules.at_first("provisioned", 5, 7, 1e6) == (5, 7)
    assert rules.at_first("on-demand", 24_000, 8_000) == (24_000, 8_000)
    assert rules.at_first("on-demand", 0, 0, 5_000) == (12_000, 10_000)


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_prices(reads, writes):
    """An hour provisioned, the same units on demand: at the break-even they cost the same."""
    assert bill.provisioned_price(reads, writes, 1) == pytest.approx(
        reads * 0.00013 + writes * 0.00065)
    ratios = [on_demand * 3_600 / hour for on_demand, hour in (
        (bill.WRITE_PRICE, bill.WRITE_HOUR), (bill.READ_PRICE, bill.READ_HOUR))]
    used = writes * 3_600 / ratios[0]
    assert bill.on_demand_price(0, used) == pytest.approx(bill.provisioned_price(0, writes, 1))
    assert ratios[0] == pytest.approx(3.46, rel=1e-3) == pytest.approx(ratios[1], rel=0.01)


def test_three_bills():
    """Ten units/s for half of the time, a hundred for the other: by hand."""
    wanted = np.array([[0, 10.0], [0, 100.0]])
    assert bill.at_peak(wanted, 2) == pytest.approx(2 * 100 * 0.00065)
    assert bill.followed(wanted, 0.5, 2) == pytest.approx(2 * 110 * 0.00065)
    assert bill.on_demand(wanted, 3_600) == pytest.approx(110 * 3_600 * 0.625e-6)
