"""A queue message by message: its rules, those who call it, and the parts side by side."""

import math
from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.builtin.sqs_delivery.by_hand import play
from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services import ec2, sqs
from labsim.services.sqs.idle import Sleepers
from labsim.services.sqs.order import DELETED, IN_FLIGHT, VISIBLE, Message, Pile


def queue_of(**settings):
    """A queue of which a test says what time it is."""
    return sqs.MessageQueue(Simulation(1, 1.0), "queue", **settings)


# -- the queue ------------------------------------------------------------------------------------

STEP = st.one_of(st.tuples(st.just("send"), st.sampled_from("abc")),
                 st.tuples(st.just("receive"), st.integers(1, 10)),
                 st.tuples(st.just("delete"), st.integers(0, 9)),
                 st.tuples(st.just("change"), st.integers(0, 9)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), STEP), max_size=60), st.integers(0, 3))
def test_a_group_is_in_order_and_one_batch_at_a_time(steps, most):
    """No message of a FIFO group is received while an earlier one is visible, nor while any other
    receive of the group is in flight."""
    sim = Simulation(1, 1.0)
    dead = sqs.MessageQueue(sim, "dead letters", fifo=True) if most else None
    queue = sqs.MessageQueue(sim, "queue", fifo=True, max_receives=max(most, 1), dead_letters=dead,
                             retention=400)
    now, receipts, sent = 0.0, [], 0
    for wait, (what, value) in steps:
        now += wait
        queue.settle(now)
        if what == "send":
            queue.send(now, value, str(sent := sent + 1))
        elif what == "receive":
            flying = {m.group for m in queue.messages if m.state == IN_FLIGHT}
            got = queue.receive(now, value)
            receipts += got
            for r in got:
                assert r.message.group not in flying
                assert not [m for m in queue.messages if m.group == r.message.group
                            and m.number < r.message.number and m.state == VISIBLE]
            batches = [[r.message.number for r in batch]
                       for _, batch in groupby(got, key=lambda r: r.message.group)]
            assert all(batch == sorted(batch) for batch in batches)
            assert len(batches) == len({r.message.group for r in got})
        elif receipts:
            receipt = receipts[value % len(receipts)]
            if what == "delete":
                queue.delete(now, receipt)
            else:
                queue.change_visibility(now, receipt, 7.0 * (value % 3))
    assert sum(queue.count.values()) == len(queue.messages) == sent


def by_the_book(queue, most, looks):
    """What a FIFO receive of messages that are none too often received returns, from a list of all:
    of the oldest `looks` messages, those of the oldest open group, then of the next, ..."""
    there = [m for m in queue.messages if m.state in (VISIBLE, IN_FLIGHT)]
    shut = {m.group for m in there if m.state == IN_FLIGHT}
    seen = [m for m in there[:looks] if m.state == VISIBLE and m.group not in shut]
    groups = list(dict.fromkeys(m.group for m in seen))
    return sorted(seen, key=lambda m: (groups.index(m.group), m.number))[:most]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), STEP), max_size=80), st.integers(1, 12))
def test_one_group_first_of_the_oldest_messages(steps, looks):
    """SQS guide, FIFO delivery logic: as many messages of one group as possible, then of others;
    backlog in one group: only the first messages of the queue are looked at for open groups."""
    queue = queue_of(fifo=True, fifo_scan=looks)
    now, receipts = 0.0, []
    for k, (wait, (what, value)) in enumerate(steps):
        now += wait
        queue.settle(now)
        if what == "send":
            queue.send(now, value, str(k))
        elif what == "receive":
            expected = by_the_book(queue, value, looks)
            assert queue.receivable == bool(expected)
            got = queue.receive(now, value)
            assert [r.message for r in got] == expected
            receipts += got
        elif receipts and what == "delete":
            queue.delete(now, receipts[value % len(receipts)])
        elif receipts:
            queue.change_visibility(now, receipts[value % len(receipts)], 7.0 * (value % 3))


@pytest.mark.parametrize("backlog, reached", [(119_999, True), (120_000, False)])
def test_behind_120_000_messages_of_one_group_others_are_not_seen(backlog, reached):
    """SQS guide, "Avoid large message backlogs with the same message group ID": the first 120,000
    messages are looked at. One deleted, and the next comes into sight."""
    queue = queue_of(fifo=True)
    for k in range(backlog):
        queue.send(0.0, "stuck", str(k))
    queue.send(0.0, "other", "last")
    held = queue.receive(0.0)
    assert len(queue.receive(0.0)) == reached
    queue.delete(1.0, held[0])
    queue.receive(1.0)      # the next of the backlog, which shuts its group again
    assert len(queue.receive(1.0)) == (not reached)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), st.integers(0, 3)), max_size=60), st.integers(1, 9))
def test_what_was_received_is_hidden_for_its_timeout(steps, window):
    """In whatever order: no message is received within the timeout of its last receive."""
    queue = queue_of(order_window=window, random=np.random.default_rng(window))
    now, last = 0.0, {}
    for wait, sends in steps:
        now += wait
        for _ in range(sends):
            queue.send(now)
        for r in queue.receive(now, 4):
            assert now >= last.get(r.message, -math.inf) + queue.visibility_timeout
            last[r.message] = now


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "put", "take", "drop"]), st.floats(0, 0.999)),
                max_size=80), st.integers(1, 6))
def test_a_pile_gives_any_of_the_oldest(steps, window):
    """The message that a list of all gives, by the same dice."""
    dice = [luck for what, luck in steps if what == "take"]
    pile = Pile(window, SimpleNamespace(random=iter(dice + [0.0]).__next__))
    there, taken, number = [], [], 0
    for what, luck in steps:
        if what == "put":
            back = taken and luck < 0.3
            message = taken.pop(0) if back else Message(number := number + 1, "", 0.0)
            message.state = VISIBLE
            there.append(message)
            pile.put(message)
        elif what == "take" and there:
            oldest = sorted(there, key=lambda m: m.number)[:window]
            expected = oldest[int(luck * len(oldest))]
            assert pile.any() and pile.take() is expected
            there.remove(expected)
            taken.append(expected)
        elif what == "take":
            assert not pile.any() and pile.take() is None
            pile._rng.random()
        elif there:
            message = there.pop(int(luck * len(there)))
            message.state = DELETED
            pile.gone(message)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.integers(0, 20),
       st.integers(0, 20), st.integers(400, 900))
def test_who_looks_next_is_found_without_asking_everybody(starts, wait, pause, now):
    """Of all who sleep nobody would look before the one that is found. Asked between the instants
    at which polls begin or end, where no rounding decides."""
    call_time, now = 3, now + 0.5
    sleepers = Sleepers(wait / 10, (max(wait, call_time) + pause) / 10)
    for start in sorted(starts):
        sleepers.add(sleepers.idle(start / 10))
    t, call, place = sleepers.first(now / 10)
    each = [sleepers._look(idle, now / 10) for _, _, idle in sleepers._line]
    assert t == pytest.approx(min(each)[0]) and (t, call) == each[place]


@pytest.mark.long
def test_two_thousand_per_second_for_a_minute_are_at_the_limit():
    """120,000 in flight: at 2,000 received per second and held 60 s the last is just received, of
    2,001 per second sixty are refused."""
    queue = queue_of(visibility_timeout=60, in_flight_limit=120_000)
    for second in range(60):
        for _ in range(2_000):
            queue.send(second)
        while queue.receive(second, 10):
            pass
    assert (queue.count[VISIBLE], queue.count[IN_FLIGHT]) == (0, 120_000)
    for _ in range(60):
        queue.send(59.5)
    assert queue.receive(59.5, 10) == [] and not queue.receivable
    assert len(queue.receive(60, 10)) == 10     # the first two thousand are back


@pytest.mark.parametrize("settings, call, args", [
    ({"fifo": True}, "send", (0.0, "", "x")), ({"fifo": True}, "send", (0.0, "a", "")),
    ({"fifo": True}, "send", (0.0, "a", "x", 5.0)), ({}, "send", (0.0, "", "", 901)),
    ({}, "send", (0.0, "", "", -1))])
def test_calls_that_sqs_refuses(settings, call, args):
    """FIFO without group or id or with a delay of its own; a delay beyond a quarter of an hour."""
    with pytest.raises(ValueError):
        getattr(queue_of(**settings), call)(*args)


def test_a_change_needs_the_latest_receipt_and_a_message_in_flight():
    """MessageNotInflight otherwise; and it does not outlast the receive."""
    assert play([[0, "send"], [0, "receive"], [30, "change", 10], [30, "receive"],
                 [40, "receive"], [60, "receive"]]) == [1, ["1 x1"], False, ["1 x2"], [], ["1 x3"]]


def test_a_fifo_receipt_ends_with_its_timeout():
    """After it a delete is of no effect, although nobody else has received the message."""
    assert play([[0, "send", "a", "x"], [0, "receive"], [31, "delete"], [31, "receive"]],
                {"fifo": True}) == [1, ["1 x1"], False, ["1 x2"]]


# -- parts ----------------------------------------------------------------------------------------

def kitchens(sim, crashes=0.0):
    """Two queues with consumers of their own, at different rates."""
    for name, rate, count in (("lunch", 0.2, 2), ("dinner", 0.5, 5)):
        dead = sqs.MessageQueue(sim, f"{name} dead letters")
        orders = sqs.MessageQueue(sim, f"{name} orders", max_receives=3, dead_letters=dead)
        calls = sqs.Client(sim, f"{name} calls", orders, wait=20)
        sqs.Consumers(sim, f"{name} cooks", calls, count, work=labsim.exponential(6),
                      crashes=crashes, restart=20)
        sim.send(rate, to=calls, name=f"{name} guests")


def test_two_queues_do_not_mix():
    """Each counts its own messages, calls and work, and the bill has a line for each."""
    r = labsim.simulate(kitchens, duration=3_600, crashes=0.1)
    assert all(law.holds(r) for law in r.lab.invariants)
    for name, rate in (("lunch", 0.2), ("dinner", 0.5)):
        s = {key.removeprefix(f"{name} "): value for key, value in r.summary.items()
             if key.startswith(name)}
        assert s["guests.offered"] == s["orders.sent"] == s["calls.send_calls"]
        assert s["guests.offered"] == pytest.approx(3_600 * rate, rel=0.15)
        assert 0.9 * s["orders.sent"] < s["cooks.completed"] <= s["orders.sent"]
        assert s["orders.deleted"] <= s["cooks.completed"] + s["cooks.duplicates"]
        assert s["orders.redelivered"] > 0
        assert r.cost[f"{name} calls: SQS send"] == s["calls.send_calls"] / 1e6 * 0.4
    texts = [e.text for e in r.events]
    assert texts and all(text.startswith(("lunch ", "dinner ")) for text in texts)


def test_a_fifo_queue_by_the_rate_that_it_takes():
    """Three hundred calls a second, whatever is wanted."""
    def orders(sim):
        queue = sqs.MessageQueue(sim, "orders", fifo=True)
        sim.send(1_000, to=sqs.Client(sim, "calls", queue))
    assert labsim.simulate(orders, duration=2).summary["orders.sent"] == 600


def test_what_is_done_goes_on_to_another_part():
    """The messages that were worked on, each once, are those of the next queue."""
    def kitchen(sim):
        calls = sqs.Client(sim, "calls", sqs.MessageQueue(sim, "orders", 2), wait=20)
        cooks = sqs.Consumers(sim, "cooks", calls, 3, work=labsim.exponential(4))
        served = sqs.Queue(sim, "served")
        ec2.Fleet(sim, "waiters", consumes=served, work=labsim.fixed(1), size=2)
        cooks.done.to(served)
        sim.send(0.3, to=calls)
    s = labsim.simulate(kitchen, duration=2_000).summary
    assert s["cooks.duplicates"] > 0
    assert s["served.offered"] == s["cooks.completed"] > 450


def test_two_parts_of_one_name():
    """The error names both."""
    sim = Simulation(1, 60.0)
    queue = sqs.MessageQueue(sim, "orders")
    with pytest.raises(ParameterError, match='a sqs.MessageQueue and a sqs.Client'):
        sqs.Client(sim, "orders", queue)


@pytest.mark.parametrize("bad", [
    {"visibility_timeout": -1}, {"visibility_timeout": 43_201}, {"delay": 901}, {"retention": -1},
    {"max_receives": 0}, {"in_flight_limit": 0}, {"order_window": 0}, {"duplicates": 1.1},
    {"old_receipts": -0.1}, {"fifo": True, "order_window": 2}, {"fifo": True, "duplicates": 0.1}])
def test_settings_that_sqs_refuses(bad):
    """Said with the name of the setting."""
    with pytest.raises(ParameterError) as caught:
        queue_of(**bad)
    assert caught.value.name in bad


@pytest.mark.parametrize("bad", [
    {"most": 0}, {"most": 11}, {"wait": 21}, {"wait": -1}, {"pause": -1}, {"call_time": 0},
    {"rate": 0}, {"sees": 0}, {"sees": 1.1}, {"size": -1}, {"groups": 0}, {"price": -1}])
def test_calls_that_cannot_be(bad):
    """A batch beyond ten, a poll beyond twenty seconds, a call that takes no time, ..."""
    with pytest.raises(ParameterError) as caught:
        sqs.Client(Simulation(1, 60.0), "calls", queue_of(), **bad)
    assert caught.value.name in bad


@pytest.mark.parametrize("bad", [{"count": -1}, {"fails": 1.1}, {"crashes": -0.1},
                                 {"restart": -1}, {"heartbeat": -1}, {"heartbeat_timeout": -1}])
def test_consumers_that_cannot_be(bad):
    """Fewer than none, more than all."""
    sim = Simulation(1, 60.0)
    calls = sqs.Client(sim, "calls", sqs.MessageQueue(sim, "orders"))
    with pytest.raises(ParameterError) as caught:
        sqs.Consumers(sim, "cooks", calls, work=labsim.fixed(1), **bad)
    assert caught.value.name in bad


def test_a_queue_has_one_client_and_dead_letters_of_its_kind():
    """Two would not know of each other's calls; FIFO goes with FIFO."""
    sim = Simulation(1, 60.0)
    queue = sqs.MessageQueue(sim, "orders")
    sqs.Client(sim, "calls", queue)
    with pytest.raises(ParameterError, match="calls"):
        sqs.Client(sim, "more calls", queue)
    with pytest.raises(ParameterError, match="FIFO"):
        sqs.MessageQueue(sim, "pairs", fifo=True, dead_letters=queue)


def test_two_queues_may_share_their_dead_letters():
    """What both move there is kept, each message once."""
    sim = Simulation(1, 60.0)
    dead = sqs.MessageQueue(sim, "dead letters")
    for name in ("a", "b"):
        queue = sqs.MessageQueue(sim, name, 1, max_receives=1, dead_letters=dead)
        queue.send(0.0)
        queue.receive(0.0)
        assert queue.receive(2.0) == []
    assert dead.count[VISIBLE] == 2 and len(dead.receive(3.0, 10)) == 2
