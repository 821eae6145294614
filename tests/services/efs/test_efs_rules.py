"""What EFS meters, earns and holds, and what it costs."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labsim.services.efs import bill
from labsim.services.efs import rules as efs


@given(st.floats(1, 1e5), st.floats(0, 1_000), st.floats(0, 1_000))
def test_efs_counts_a_read_as_a_third(size, read, write):
    """Metered bytes, baseline, burst, credits by size: 50 KiB/s per GiB, 100 MiB/s per TiB and at
    least, 2.1 TiB per TiB and at least. Source: EFS User Guide, performance."""
    assert efs.metered(read, write) == pytest.approx(read / 3 + write)
    assert efs.earned(size) == pytest.approx(50 * size / 1_024)
    assert efs.baseline(size) == pytest.approx(max(1, 50 * size / 1_024))
    assert efs.burst(size) == pytest.approx(max(100, 100 * size / 1_024))
    assert efs.most_credits(size) == pytest.approx(2.1 * 2**20 * max(1, size / 1_024))


@pytest.mark.parametrize("size, base, burst, minutes", [
    (256, 12.5, 100, 180), (512, 25, 100, 360), (1_024, 50, 100, 720), (1_536, 75, 150, 720),
    (4_096, 200, 400, 720), (10_240, 500, 1_000, 720)])
def test_the_table_of_bursting(size, base, burst, minutes):
    """GiB, MiB/s for good and with credits, minutes of burst that a day of rest earns. Source: EFS
    User Guide, performance, and its table of 2021."""
    assert efs.baseline(size) == base and efs.burst(size) == burst
    assert efs.earned(size) * 86_400 / burst / 60 == pytest.approx(minutes)


def test_a_tiny_file_system_moves_more_than_it_earns():
    """1 MiB/s without credits, whatever its size; it earns by its size alone."""
    assert efs.baseline(1) == 1 and efs.earned(1) == pytest.approx(50 / 1_024)


@pytest.mark.parametrize("mode, new, each", [
    ("efs-elastic", True, 1_500), ("efs-elastic", False, 500), ("efs-bursting", True, 500),
    ("efs-provisioned", True, 500), ("efs-provisioned", False, 500)])
@pytest.mark.parametrize("clients", [1, 3])
def test_what_a_client_can_move(mode, new, each, clients):
    """1,500 MiB/s in elastic mode with version 2.0 of the client, reads and writes together; else
    500. Source: EFS User Guide, performance, and its footnote 4."""
    found = efs.limits(mode, 1e5, 1_024, 0.5, clients=clients, new_client=new)
    assert found["clients"] == (each * clients, each * clients)


@pytest.mark.parametrize("mode, reads, iops", [
    ("efs-bursting", 1, 35_000), ("efs-bursting", 0, 7_000), ("efs-provisioned", 1, 55_000),
    ("efs-provisioned", 0, 25_000), ("efs-elastic", 1, 250_000), ("efs-elastic", 0, 50_000)])
def test_most_ios(mode, reads, iops):
    """Reads or writes alone; elastic as it is by default (footnote 3)."""
    assert efs.limits(mode, 100, 4, reads)["IOPS"][0] == pytest.approx(iops)


@given(st.floats(0, 1), st.floats(1e-4, 0.1), st.floats(1e-4, 0.1), st.floats(1, 10))
def test_one_of_a_hundred_is_slower(reads, read, write, tail):
    """Of lognormal times of two kinds, drawn and sorted; one kind alone has its tail."""
    slow = efs.slow(reads, read, write, tail)
    assert efs.slow(1, read, write, tail) == pytest.approx(tail * read)
    assert efs.slow(0, read, write, tail) == pytest.approx(tail * write)
    assert min(read, write) * tail <= slow <= max(read, write) * tail * (1 + 1e-6)
    assume(tail > 1.05)
    z = NormalDist().inv_cdf(0.99)
    spread = z - math.sqrt(z**2 - 2 * math.log(tail))
    rng = np.random.default_rng(1)
    mean = np.where(rng.random(200_000) < reads, read, write)
    times = mean * np.exp(spread * rng.standard_normal(200_000) - spread**2 / 2)
    assert np.mean(times > slow) == pytest.approx(0.01, abs=0.0015)


def test_reads_and_writes_share_a_file_system():
    """A third of the most reads leaves two thirds of the most writes. Source: EFS User Guide,
    throughput modes: "33% of its read throughput limit ... 67% of its write throughput limit"."""
    read, write = efs.READ_MOST["efs-elastic"] / 3, 2 * efs.WRITE_MOST["efs-elastic"] / 3
    rate = efs.limits("efs-elastic", 100, 1_024, read / (read + write))["file system"][0]
    assert rate == pytest.approx(read + write)


def test_many_megabytes_at_once_by_mode():
    """The least of all regions: 3 and 1 GiB/s, 20 and 1 in elastic mode."""
    for mode, read in (("efs-bursting", 3), ("efs-provisioned", 3), ("efs-elastic", 20)):
        for reads, most in ((1, read), (0, 1)):
            found = efs.limits(mode, 1e5, 1_024, reads)["file system"][0]
            assert found == pytest.approx(1_024 * most)


def test_what_a_month_costs():
    """Storage; throughput beyond what is stored earns; what an elastic one moves."""
    assert bill.month_price("efs-bursting", 100) == {"storage": pytest.approx(30)}
    rented = bill.month_price("efs-provisioned", 100, 45)["provisioned throughput"]
    assert rented == pytest.approx((45 - 100 * 50 / 1_024) * bill.PROVISIONED_PRICE)
    gib = bill.transfer_price(2 * 2**20 / 64, 3 * 2**20 / 64, 64)
    assert gib == pytest.approx(2 * bill.READ_PRICE + 3 * bill.WRITE_PRICE)


@pytest.mark.parametrize("size, counts", [(1, 32), (4, 32), (32, 32), (33, 33), (64, 64)])
def test_a_small_transfer_is_billed_as_32_kib(size, counts):
    """In elastic mode. Source: EFS User Guide, metered sizes."""
    assert bill.transfer_price(2**20, 0, size) == pytest.approx(counts * bill.READ_PRICE)
