"""Servers before a line, one rule each; whole runs are held against plain SimPy elsewhere."""

import math

import pytest

from labsim.engine import Simulation
from labsim.engine.agenda import ARRIVE, Call, to_nobody
from labsim.engine.center import Center


def served(comes, *, servers=1, until=100.0, ranks=None, **how):
    """(who, when) in the order in which work was done, and who was turned away when. `comes`: when
    each comes, and how much work he is, s."""
    sim = Simulation(1, until)
    done, shed, refused = [], [], []

    def finish(t, call):
        done.append((call.what, t))
        center.leave(t, call)
    center = Center(sim.agenda, servers, finish, lambda t, call: shed.append((call.what, t)),
                    ranks=max(ranks or [0]) + 1, **how)

    def enter(t, call):
        if not center.enter(t, call):
            refused.append(call.what)
    for who, (t, work) in enumerate(comes):
        call = Call(to_nobody, what=who, rank=ranks[who] if ranks else 0)
        call.work = work
        sim.agenda.at(t, enter, call, ARRIVE)
    sim.agenda.advance(until)
    return done, shed, refused


THREE = [(0, 4), (1, 4), (2, 4)]


@pytest.mark.parametrize("order, expected", [("fifo", [0, 1, 2]), ("lifo", [0, 2, 1])])
def test_who_is_next(order, expected):
    """The first in line, or the last."""
    assert [who for who, _ in served(THREE, order=order)[0]] == expected


def test_a_smaller_rank_goes_first():
    """Whoever came before."""
    assert [who for who, _ in served(THREE, ranks=[1, 1, 0])[0]] == [0, 2, 1]


def test_there_is_room_for_so_many():
    """One at work, one in line, the third is refused."""
    assert served(THREE, room=1)[2] == [2]


def test_who_has_waited_too_long_is_turned_away():
    """After two seconds; who is served in the last moment is served."""
    done, shed, _ = served([(0, 3), (1, 1), (1, 1)], patience=lambda: 2.0)
    assert done == [(0, 3.0), (1, 4.0)] and shed == [(2, 3.0)]


def test_work_takes_longer_with_others_at_hand():
    """Two others when the second begins, half as long again for each: one at work, one in line."""
    done = served([(0, 4), (0, 4), (1, 4)], servers=2, contention=0.5)[0]
    assert done == [(0, 4.0), (1, 6.0), (2, 4.0 + 4 * 1.5)]


def test_at_the_end_of_one_the_next_begins_before_who_comes_then():
    """Ties: the one in line has the server, who comes at that moment waits."""
    assert served([(0, 2), (1, 5), (2, 1)])[0] == [(0, 2.0), (1, 7.0), (2, 8.0)]


def center_of(servers, works):
    """A center at work on so many, at 0 s."""
    sim = Simulation(1, 100.0)
    done = []

    def finish(t, call):
        done.append(t)
        center.leave(t, call)
    center = Center(sim.agenda, servers, finish, lambda t, call: None)
    for work in works:
        call = Call(to_nobody)
        call.work = work
        center.enter(0.0, call)
    return sim, center, done


def test_servers_that_close_do_so_when_they_are_done():
    """Two of three: the first two that end take nobody from the line."""
    sim, center, done = center_of(3, [1, 2, 3, 10])
    center.close(2)
    sim.agenda.advance(100.0)
    assert done == [1.0, 2.0, 3.0, 13.0] and center.idle == center.servers == 1


def test_servers_that_open_take_the_next_in_line():
    """At once, or they stay open after all."""
    sim, center, done = center_of(1, [5, 5, 5])
    center.close()
    center.open(0.0, 2)
    sim.agenda.advance(100.0)
    assert done == [5.0, 5.0, 10.0] and center.idle == 2


def test_what_is_lost_is_never_done():
    """At work first, then in line; all servers are free again, but those that were closing."""
    sim, center, done = center_of(2, [5, 6, 7])
    center.close()
    assert [call.work for call in center.lose(1.0)] == [5, 6, 7]
    sim.agenda.advance(100.0)
    assert not done and center.idle == 1 and center.busy(1.0) == 2.0


def test_a_server_is_busy_as_long_as_it_is_kept():
    """Sum of what all were kept, by now."""
    sim, center, _ = center_of(2, [4, 6])
    sim.agenda.advance(5.0)
    assert center.busy(5.0) == 9.0 and math.isclose(center.waits[0], 0.0)
