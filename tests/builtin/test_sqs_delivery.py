"""sqs-delivery: rules of the queue, polls that are counted against polls that happen, and each
statement of the notes in a run."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.builtin.sqs_delivery import model
from labsim.builtin.sqs_delivery.by_hand import play
from labsim.declare.describe import timeline
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError
from labsim.services.sqs import client as sqs_client
from labsim.services.sqs.messages import MessageQueue
from labsim.services.sqs.order import DELETED, EXPIRED, IN_FLIGHT, VISIBLE

LAB = labsim.lab("sqs-delivery")


def run(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed)


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
    dead = MessageQueue(fifo=True) if most else None
    queue = MessageQueue(fifo=True, max_receives=most, dead_letters=dead, retention=400)
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
            numbers = [r.message.number for r in got]
            assert numbers == sorted(numbers)
        elif receipts:
            receipt = receipts[value % len(receipts)]
            if what == "delete":
                queue.delete(now, receipt)
            else:
                queue.change_visibility(now, receipt, 7.0 * (value % 3))
    assert sum(queue.count.values()) == len(queue.messages) == sent


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), st.integers(0, 3)), max_size=60), st.integers(1, 9))
def test_what_was_received_is_hidden_for_its_timeout(steps, window):
    """In whatever order: no message is received within the timeout of its last receive."""
    queue = MessageQueue(order_window=window, rng=np.random.default_rng(window))
    now, last = 0.0, {}
    for wait, sends in steps:
        now += wait
        for _ in range(sends):
            queue.send(now)
        for r in queue.receive(now, 4):
            assert now >= last.get(r.message, -math.inf) + queue.visibility_timeout
            last[r.message] = now


def test_two_thousand_per_second_for_a_minute_are_at_the_limit():
    """120,000 in flight: at 2,000 received per second and held 60 s the last is just received, of
    2,001 per second sixty are refused."""
    queue = MessageQueue(visibility_timeout=60, in_flight_limit=120_000)
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
        getattr(MessageQueue(**settings), call)(*args)


def test_a_change_needs_the_latest_receipt_and_a_message_in_flight():
    """MessageNotInflight otherwise; and it does not outlast the receive."""
    assert play([[0, "send"], [0, "receive"], [30, "change", 10], [30, "receive"],
                 [40, "receive"], [60, "receive"]]) == [1, ["1 x1"], False, ["1 x2"], [], ["1 x3"]]


def test_a_fifo_receipt_ends_with_its_timeout():
    """After it a delete is of no effect, although nobody else has received the message."""
    assert play([[0, "send", "a", "x"], [0, "receive"], [31, "delete"], [31, "receive"]],
                {"fifo": True}) == [1, ["1 x1"], False, ["1 x2"]]


# -- polls ----------------------------------------------------------------------------------------

class Polling(sqs_client.Client):
    """Every poll is an event: what `Client` counts must be what happens here."""

    def receive(self):
        yield from self.turn(sqs_client.RECEIVE)
        while True:
            self.calls[sqs_client.RECEIVE] += 1
            begun = self.sim.now
            if self.wait:       # whatever comes at this instant is seen
                yield self.sim.until(begun, Order.TICK)
            while True:
                receipts = self.queue.receive(self.sim.now, self.most, sees=self.sees)
                if receipts:
                    self.billed[sqs_client.RECEIVE] += sqs_client.billed(
                        len(receipts) * self.size)
                    return receipts
                if self.sim.now + 0.25 > begun + self.wait:
                    break
                yield self.sim.until(self.sim.now + 0.25, Order.TICK)
            yield self.sim.until(begun + self.period, Order.TICK)
            self.empty += 1
            self.billed[sqs_client.RECEIVE] += 1

    def tell(self):
        pass


@pytest.mark.parametrize("values", [
    {"wait_time": 0, "poll_pause": 0.75}, {"wait_time": 20}, {"wait_time": 5, "poll_pause": 2},
    {"wait_time": 0, "poll_pause": 3.75, "consumers": 1, "poison_share": 0.3},
    {"wait_time": 10, "poison_share": 0.5, "dead_letters": True, "max_receives": 2},
    {"wait_time": 20, "queue_type": "fifo", "groups": 2, "poison_share": 0.2, "fifo_rate": 4}])
def test_polls_that_are_counted_are_those_that_would_happen(values, monkeypatch):
    """Times on a grid of a quarter of a second, on which both clients look: the same result."""
    values = {"consumers": 2, "call_time": 0.25, "service_time": 7.5, "arrival_rate": 0.125,
              "order_window": 1, "short_poll_sees": 1, "duration": 400, **values}
    counted = run(**values)
    monkeypatch.setattr(sqs_client, "Client", Polling)
    polled = run(**values)
    for name, value in counted.summary.items():
        if name not in ("receive_calls", "empty_receives", "api_calls", "cost_usd"):
            assert polled.summary[name] == pytest.approx(value), name
        elif name != "cost_usd":    # a poll under way at the end
            assert abs(polled.summary[name] - value) <= 2 * values["consumers"], name


def test_little():
    """Mean in flight = messages per second x time held; mean visible = per second x wait. Where it
    says nothing it says why."""
    assert "crashes" in LAB.panels[1].theory.applied(LAB.preset("4"))[1]
    p = LAB.Params(arrivals="random", arrival_rate=0.4, messages=4_000, consumers=5, wait_time=20,
                   service_time=10, duration=10_000)
    r = LAB.run(p)
    rate = r.summary["sent"] / 10_000
    expected, why = LAB.panels[1].theory.applied(p)
    assert not why and expected == p.arrival_rate * (p.service_time + p.call_time)
    assert r.series["in_flight"].value.mean() == pytest.approx(
        expected * rate / p.arrival_rate, rel=0.03)
    assert r.series["visible"].value.mean() == pytest.approx(
        rate * r.summary["wait_mean"], rel=0.15)


# -- what the notes say -------------------------------------------------------------------------

def test_a_longer_timeout_than_the_work_ends_repeats():
    """And one that is shorter brings them; work is done again, never lost."""
    slow = LAB.preset("2")
    short, long = (LAB.run(slow.changed(visibility_timeout=t)).summary for t in (20, 60))
    assert short["done_again"] > 0 and long["done_again"] == long["received_again"] == 0
    assert short["done"] == long["done"] == 25


def test_a_heartbeat_does_what_a_long_timeout_does_and_crashes_come_back_sooner():
    """No repeats either; what a crash leaves is back after the short timeout."""
    mixed = LAB.preset("2").changed(crash_share=0.1, duration=900)
    beat = LAB.run(mixed.changed(heartbeat=20)).summary
    long = LAB.run(mixed.changed(visibility_timeout=120)).summary
    assert beat["done_again"] == long["done_again"] == 0
    assert beat["latency_p95"] < long["latency_p95"] / 2 and beat["change_calls"] > 0


def test_a_crash_brings_the_message_back_when_its_timeout_ends():
    """Common random numbers: the same crashes, whatever the timeout."""
    for timeout in (30, 90):
        r = run(crash_share=0.25, consumers=3, visibility_timeout=timeout, wait_time=20)
        back = [e for e in r.events if e.kind == "back"]
        crashes = [e for e in r.events if e.kind == "crash"]
        assert {e.text.split()[-1] for e in crashes} >= {e.text.split()[1] for e in back}
        for e in back:
            number = e.text.split()[1]
            received = [s.start for s in r.spans if (s.row, s.kind) == (number, "receive")]
            assert any(e.t == pytest.approx(t + timeout) for t in received)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_poisoned_message_is_delivered_so_often(most):
    """maxReceiveCount deliveries, then the dead-letter queue."""
    r = run(messages=4, poison_share=1, dead_letters=True, max_receives=most, duration=900,
            wait_time=20)
    assert r.summary["receives"] == 4 * most and r.summary["dead_lettered"] == 4


def test_fifo_is_in_order_where_standard_is_not():
    """In each group; and parallel only over groups."""
    burst = {"arrivals": "at once", "messages": 60, "consumers": 8, "wait_time": 20,
             "duration": 900}
    assert run(**burst).summary["out_of_order"] > 0
    latency = []
    for groups in (1, 2, 5, 20):
        s = run(**burst, queue_type="fifo", groups=groups).summary
        assert s["out_of_order"] == 0 and s["done"] == 60
        latency.append(s["latency_p95"])
    assert latency == sorted(latency, reverse=True)
    one = run(**burst, queue_type="fifo", groups=1)
    assert one.series["in_flight"].value.max() == 1


@pytest.mark.parametrize("after, dropped", [(10, True), (299, True), (301, False)])
def test_fifo_drops_a_repeat_within_five_minutes(after, dropped):
    """A standard queue delivers it, always."""
    twice = {"resend_share": 0.5, "resend_after": after, "duration": 900}
    fifo, plain = run(queue_type="fifo", **twice).summary, run(**twice).summary
    assert fifo["done_again"] + fifo["deduplicated"] == 13
    assert (fifo["done_again"] == 0) == dropped == (fifo["deduplicated"] > 0)
    assert plain["done_again"] > 0 and plain["deduplicated"] == 0


def test_a_delay_and_a_message_that_brings_its_own():
    """Both hide a message at first; its own overrides the queue's."""
    r = run(delay=30, delayed_share=0.5, message_delay=90)
    for s in r.spans:
        if s.kind == "delayed":
            assert s.end - s.start == pytest.approx(30) or s.end - s.start == pytest.approx(90)
    assert {round(s.end - s.start) for s in r.spans if s.kind == "delayed"} == {30, 90}


def test_batches_are_calls():
    """Ten in a call: a tenth of the sends, receives and deletes."""
    alone, ten = (run(arrivals="at once", messages=100, consumers=1, service_time=0.1, send_batch=b,
                      receive_batch=b, delete_batch=b > 1, wait_time=20, duration=60).summary
                  for b in (1, 10))
    assert (alone["send_calls"], alone["delete_calls"]) == (100, 100)
    assert (ten["send_calls"], ten["delete_calls"], ten["receive_calls"]) == (10, 10, 13)
    assert ten["done"] == alone["done"] == 100


def test_the_largest_message_of_the_notes():
    """256 KiB there, 1 MiB today."""
    assert LAB.Params(message_size=2**20).message_size == 2**20
    assert LAB.Params(message_size=2**18, facts="notes").message_size == 2**18
    with pytest.raises(ParameterError, match="message_size"):
        LAB.Params(message_size=2**18 + 1, facts="notes")


def test_no_delay_of_one_message_in_a_fifo_queue():
    """Said with the name of the parameter."""
    with pytest.raises(ParameterError, match="delayed_share"):
        LAB.Params(queue_type="fifo", delayed_share=0.1)


def test_what_is_old_expires():
    """Nobody receives: all are gone after the retention, in any state."""
    r = run(messages=10, arrivals="at once", consumers=0, retention=60, delay=30)
    assert r.summary["expired"] == 10 and r.summary["oldest_age_max"] == 60
    assert {s.kind for s in r.spans} == {"delayed", "waits", EXPIRED}


# -- the timeline -------------------------------------------------------------------------------

def test_the_timeline_is_what_happened():
    """One row per message; its bars follow each other; in words as in the picture."""
    r = run(seed=3, crash_share=0.2, slow_share=0.2, consumers=4)
    assert len({s.row for s in r.spans}) == 25
    for row in {s.row for s in r.spans}:
        mine = [s for s in r.spans if s.row == row]
        assert all(0 <= s.start <= s.end <= r.params.duration for s in mine)
        assert sum(s.kind == DELETED for s in mine) <= 1
        flying = sorted((s.start, s.end) for s in mine if s.kind == IN_FLIGHT)
        assert all(a[1] <= b[0] for a, b in zip(flying, flying[1:]))
        assert timeline(r, row).startswith(f"{row}: ")
    assert len(timeline(r).splitlines()) == 25


def test_the_eventful_messages_are_shown_when_there_are_too_many():
    """And of the others some from all over the run."""
    r = run(messages=200, arrival_rate=1, consumers=12, poison_share=0.03, duration=240)
    rows = list(dict.fromkeys(int(s.row) for s in r.spans))
    again = {int(s.row) for s in r.spans
             if sum(x.kind == "receive" for x in r.spans if x.row == s.row) > 1}
    assert len(rows) == 25 and rows == sorted(rows) and again
    assert max(rows) > 150 and r.summary["received_again"] > 0


def test_a_message_that_goes_round_thousands_of_times_is_few_bars():
    """What is closer together than can be seen is one."""
    r = run(messages=1, poison_share=1, release_failed=True, service_time=0.05, duration=600)
    assert r.summary["receives"] > 5_000 and len(r.spans) < 2_000


def test_a_parameter_moves_nothing_but_its_own_effect():
    """The same arrivals and poison, whatever else changes; the share is exact, one at least."""
    def drawn(**values):
        values = {"poison_share": 0.3, **values}
        items = model.Items(LAB.Params(arrivals="random", **values), Simulation(5, 240.0))
        return items.made.tolist(), items.poison
    assert drawn() == drawn(crash_share=0.5, slow_share=0.5, resend_share=0.5, consumers=9)
    assert sum(drawn()[1]) == 8 and sum(drawn(poison_share=0.001)[1]) == 1
