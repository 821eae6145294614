"""The station starts every request exactly when plain SimPy does."""

import numpy as np
import plain_simpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.engine import Station, stream
from labsim.engine.station import LEAST, in_bulk, serve


def blocks(arrivals, services, size=7):
    """Arrivals in small blocks, as a source gives them."""
    a, s = np.array(arrivals, dtype=float), np.array(services, dtype=float)
    return [(a[i:i + size], s[i:i + size]) for i in range(0, len(a), size)]


def run(arrivals, services, servers, changes=(), windows=(), end=1e6):
    """Starts of a Station whose servers change at `changes`, looked at also at `windows`."""
    station = Station(blocks(arrivals, services), servers)
    starts = []
    for t, n in sorted([*changes, *((w, 0) for w in windows)], key=lambda c: c[0]):
        starts.extend(station.advance(t).start)
        for _ in range(n):
            station.add(t)
        for _ in range(-n):
            station.retire()
    starts.extend(station.advance(end).start)
    return starts


# Quarter seconds make requests, ends and changes meet at equal times again and again.
quarter = st.integers(0, 80).map(lambda n: n / 4)
requests = st.lists(st.tuples(quarter, quarter), min_size=1, max_size=60)


@given(requests, st.integers(1, 5), st.lists(quarter, max_size=5))
def test_starts_are_those_of_plain_simpy_bit_for_bit(reqs, servers, windows):
    """Any arrivals and service times, any windows: the same floats, equal times included."""
    arrivals = sorted(a for a, _ in reqs)
    services = [s for _, s in reqs]
    assert run(arrivals, services, servers, windows=windows) == plain_simpy.starts(
        arrivals, services, servers)


@given(requests, st.lists(st.tuples(quarter, st.sampled_from([1, 2, -1])), max_size=6))
def test_starts_are_those_of_plain_simpy_while_servers_come_and_go(reqs, changes):
    """Servers that open and close on the way, at times that meet arrivals and ends."""
    arrivals = sorted(a for a, _ in reqs)
    services = [s for _, s in reqs]
    changes, servers = sorted(changes, key=lambda c: c[0]), 3
    kept = []
    for t, n in changes:        # never below one server, so that every request starts
        if servers + n >= 1:
            servers += n
            kept.append((t, n))
    assert run(arrivals, services, 3, kept) == plain_simpy.starts(arrivals, services, 3, kept)


@pytest.mark.parametrize("servers", [1, 4, 10, 70, 700])
def test_random_floats_too(servers):
    """20,000 requests with real draws and 40 changes: the same bits."""
    rng = stream(1, "test")
    arrivals = np.cumsum(rng.exponential(1 / (0.9 * servers), 20_000))
    services = rng.exponential(1.0, 20_000)
    times = np.sort(rng.uniform(0, arrivals[-1], 40))
    changes = [(float(t), 1 if i % 2 == 0 else -1) for i, t in enumerate(times)]
    mine = run(arrivals, services, servers, changes, end=1e9)
    assert mine == plain_simpy.starts(arrivals.tolist(), services.tolist(), servers, changes)


@pytest.mark.parametrize("load", [0.7, 0.95, 1.3])
@pytest.mark.parametrize("servers", [64, 300, 3_000])
def test_many_are_served_together_as_one_by_one(servers, load):
    """From any state, up to any time: the first of the same floats, and nearly always all."""
    rng = stream(servers, "in_bulk")
    free = np.sort(rng.uniform(0, 2, servers))
    ready = np.cumsum(rng.exponential(1 / (load * servers), 2_000))
    service = rng.gamma(2, 0.5, 2_000)
    for until in (0.0, 0.5, 1e9):
        one_by_one = list(serve(ready, service, free.tolist(), until))
        at_once = in_bulk(ready, service, free, until)
        if at_once is None:     # it would have taken longer
            assert servers < 300 or load > 1
            continue
        assert at_once.tolist() == one_by_one[:len(at_once)]
        assert len(at_once) >= min(LEAST, len(one_by_one))


def test_work_of_no_length_is_not_served_together():
    """It would be its own server: one after the other it is right."""
    ready = np.array([1.0, 2.0, 3.0])
    assert in_bulk(ready, np.zeros(3), np.array([10.0]), 1e9) is None
    assert run(ready, np.zeros(3), 600) == ready.tolist()


@given(st.integers(0, 5))
def test_work_of_no_length_among_many_servers(seed):
    """Gamma with a large variation: much of it is too short to count beside the time."""
    rng = stream(seed, "short")
    arrivals = np.cumsum(rng.exponential(1e-3, 1_500)) + 1e6
    services = rng.gamma(0.02, 50 * 0.9, 1_500)
    assert run(arrivals, services, 600, end=1e9) == plain_simpy.starts(
        arrivals.tolist(), services.tolist(), 600)


def test_compiled_and_plain_give_the_same_bits():
    """numba or not: the same starts, and the same heap afterwards."""
    pytest.importorskip("numba")
    from labsim.engine.compiled import compiled
    rng = stream(2, "test")
    arrivals, services = np.cumsum(rng.exponential(0.2, 5_000)), rng.exponential(1.0, 5_000)
    heap = [0.0] * 4
    plain = list(serve(arrivals.tolist(), services.tolist(), heap, 900.0))
    fast = compiled()
    if fast is None:
        pytest.skip("numba is switched off")
    starts, free = np.empty(5_000), np.zeros(4)
    here = fast(arrivals, services, free, 900.0, starts)
    assert starts[:here].tolist() == plain and sorted(free) == sorted(heap)


def test_windows_do_not_matter():
    """One look or a thousand: the same starts."""
    rng = stream(3, "test")
    arrivals, services = np.cumsum(rng.exponential(0.3, 3_000)), rng.exponential(1.0, 3_000)
    once = run(arrivals, services, 3)
    assert run(arrivals, services, 3, windows=np.linspace(0, arrivals[-1], 1_000)) == once


def test_a_long_window_may_come_in_parts():
    """As many as wanted or a few more, in order; the rest when it is asked again."""
    rng = stream(4, "test")
    arrivals, services = np.cumsum(rng.exponential(0.3, 9_000)), rng.exponential(1.0, 9_000)
    station, parts = Station([(arrivals, services)], 3), []
    while not parts or len(parts[-1]):
        parts.append(station.advance(1e9, 2_500).start)
        assert station.waiting + station.in_service + sum(map(len, parts)) >= 9_000
    assert [len(part) for part in parts] == [4_096, 4_096, 808, 0]
    assert np.concatenate(parts).tolist() == run(arrivals, services, 3)


def test_a_start_at_the_end_of_a_window_is_inside_it():
    """Data plane first: what starts or ends exactly at `until` has happened."""
    station = Station(blocks([5.0], [2.0]), 1)
    assert station.advance(5.0).start.tolist() == [5.0]
    assert station.advance(7.0).done.tolist() == [7.0]


def test_a_killed_server_drops_its_job_and_an_offer_brings_it_back():
    """The job restarts when it is offered again, and its first sending time is kept."""
    station = Station(blocks([0.0, 1.0], [10.0, 1.0]), 1)
    station.advance(4.0)
    [job], _ = station.kill()
    assert job == (0.0, 0.0, 10.0) and station.servers == 0 and station.waiting == 1
    station.offer(30.0, job.service, job.sent)
    station.add(4.0)
    window = station.advance(50.0)
    assert window.start.tolist() == [4.0, 30.0] and window.sent.tolist() == [1.0, 0.0]
    assert window.done.tolist() == [5.0, 40.0]


def test_several_servers_leave_at_once():
    """Each drops its own job, also where several end at the same time; those without drop none."""
    station = Station(blocks([0.0, 0.0, 1.0, 1.0], [10.0, 10.0, 10.0, 9.0]), 6)
    station.advance(2.0)
    jobs, idle = station.kill([0, 2, 3, 4])     # idle; until 10, 10, 10
    assert sorted(jobs) == [(0.0, 0.0, 10.0), (0.0, 0.0, 10.0), (1.0, 1.0, 9.0)]
    assert idle == [2.0] and station.in_service == 1 and station.servers == 2
    assert station.retire([0, 1]).tolist() == [2.0, 11.0] and not station.servers
    assert station.advance(20.0).done.tolist() == [11.0]


def test_a_server_that_opens_later_drops_nothing():
    """It has no job yet, and says when it would have had one."""
    station = Station([], 0)
    station.add(5.0)
    assert station.kill() == ([], [5.0])


def test_killing_an_idle_server_drops_nothing():
    """An idle server leaves at once."""
    station = Station([], 2)
    station.advance(1.0)
    assert station.kill() == ([], [1.0]) and station.servers == 1


def test_a_retired_server_finishes_its_job():
    """It takes no more requests, and says when it is done."""
    station = Station(blocks([0.0, 1.0], [10.0, 10.0]), 1)
    station.advance(2.0)
    assert station.retire() == 10.0
    assert station.advance(100.0).done.tolist() == [10.0] and station.waiting == 1


@given(requests, st.integers(0, 4), st.lists(quarter, min_size=1, max_size=6))
def test_nothing_is_lost(reqs, servers, windows):
    """arrived = waiting + in service + done at every look."""
    arrivals = sorted(a for a, _ in reqs)
    station, done = Station(blocks(arrivals, [s for _, s in reqs]), servers), 0
    for t in sorted(windows):
        done += len(station.advance(t).done)
        assert sum(a <= t for a in arrivals) == station.waiting + station.in_service + done


@pytest.mark.parametrize("servers", [1, 600])
def test_whole_numbers_and_every_other_number_are_numbers(servers):
    """Times may come as integers, or as a view of something larger."""
    block = np.arange(2_000).reshape(-1, 2)
    station = Station([(block[:, 0], np.full(1_000, 2))], servers)
    assert station.advance(1e9).done.tolist() == (np.arange(1_000) * 2.0 + 2).tolist()


def test_time_does_not_go_back():
    """A window that ends before now is refused."""
    station = Station([], 1)
    station.advance(5.0)
    with pytest.raises(ValueError, match="until: given 4.0, allowed at least now, 5 s"):
        station.advance(4.0)
