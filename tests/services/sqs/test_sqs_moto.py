"""The queue agrees with moto's SQS, step by step, on random schedules.

Time is set by hand; every step and every look at the counts has an instant of its own. Left out, by
name, is where moto is known to differ from AWS (see `Schedule`):

* a tie: moto shows a message a moment after its timeout has ended, not at that instant;
* lazy groups: moto notices only while it walks the queue that a timeout has ended, and shuts other
  groups half-way when it does; so it is told before each receive;
* one group first: moto's receive of several messages goes by their age, AWS's takes as many of one
  group as there are (fact sqs.fifo_batch_rule); so several are asked for where one group is open;
* forgotten ids: moto forgets a deduplication id with its message, AWS keeps it for five minutes;
* old receipts: moto always deletes by any receipt that a message ever had (as our standard queue
  does here, with `old_receipts=1`), and in a FIFO queue even after the timeout;
* changes of what is not in flight: moto hides a visible message, by any receipt;
* twelve hours: moto counts them from the send, AWS from the receive;
* retention: moto keeps what has expired, and stops a receive at it.
"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labsim.engine import Simulation
from labsim.services.sqs.messages import DEDUPLICATION, MessageQueue
from labsim.services.sqs.order import DELAYED, IN_FLIGHT, VISIBLE

ACCOUNT, REGION = "123456789012", "us-east-1"
TIMEOUT, MOST_RECEIVES = 20, 3


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """moto's SQS, by a clock that stands still until it is set."""
    from moto.sqs import models
    now = [0.0]
    monkeypatch.setattr(models, "unix_time", lambda *_: now[0])
    monkeypatch.setattr(models, "unix_time_millis", lambda *_: now[0] * 1000)
    yield now
    models.sqs_backends.reset()


class Schedule:
    """One queue in moto and one of ours, each with a dead-letter queue, and the steps on both."""

    def __init__(self, clock, fifo, redrive, delay):
        from moto.sqs.models import sqs_backends
        sqs_backends.reset()
        self.clock, self.fifo = clock, fifo
        self.backend = sqs_backends[ACCOUNT][REGION]
        more, end = ({"FifoQueue": "true"}, ".fifo") if fifo else ({}, "")
        dead = self.backend.create_queue(name="dead" + end, tags={}, region=REGION, **more)
        policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.queue_arn,
                                               "maxReceiveCount": MOST_RECEIVES})}
        self.theirs = self.backend.create_queue(
            name="queue" + end, tags={}, region=REGION, VisibilityTimeout=TIMEOUT,
            DelaySeconds=delay, **more, **(policy if redrive else {}))
        self.their_dead = dead
        sim = Simulation(1, 1.0)
        self.our_dead = MessageQueue(sim, "dead letters", fifo=fifo)
        self.ours = MessageQueue(
            sim, "queue", TIMEOUT, fifo=fifo, delay=delay, old_receipts=1.0,
            max_receives=MOST_RECEIVES, dead_letters=self.our_dead if redrive else None)
        self.bodies = {}        # our message: its body in moto
        self.receipts = []      # (ours, moto's handle)
        self.sent_with = {}     # deduplication id: our message
        self.steps = 0

    def tick(self, seconds=0.0):
        """Time goes on, to an instant of its own."""
        self.steps += 1
        self.clock[0] = round(self.clock[0] + seconds) + self.steps * 1e-3
        return self.clock[0]

    def send(self, group, dedup, delay):
        now, body = self.clock[0], f"message {len(self.bodies)}"
        if self.fifo:
            kept = self.sent_with.get(dedup)
            if kept and now - kept.sent < DEDUPLICATION and kept.state not in (
                    DELAYED, VISIBLE, IN_FLIGHT):
                return      # forgotten ids
            message = self.ours.send(now, group, dedup)
            self.sent_with[dedup] = message
            self.backend.send_message(self.theirs.name, body, group_id=group,
                                      deduplication_id=dedup)
        else:
            message = self.ours.send(now, delay=delay)
            self.backend.send_message(self.theirs.name, body, delay_seconds=delay)
        self.bodies.setdefault(message, body)

    def receive(self, most, timeout):
        for message in [m for m in self.theirs.pending_messages if m.visible]:
            self.theirs.pending_messages.discard(message)       # lazy groups
        now = self.clock[0]
        self.ours.settle(now)
        flying = {m.group for m in self.ours.messages if m.state == IN_FLIGHT}
        waiting = {m.group for m in self.ours.messages if m.state == VISIBLE}
        if len(waiting - flying) > 1:
            most = 1        # one group first
        ours = self.ours.receive(now, most, timeout)
        theirs = self.backend.receive_message(
            self.theirs.name, most, 0, TIMEOUT if timeout is None else timeout)
        assert [(self.bodies[r.message], r.receive) for r in ours] == [
            (m.body, m.approximate_receive_count) for m in theirs]
        self.receipts += zip(ours, (m.receipt_handle for m in theirs))

    def change(self, which, timeout):
        if not self.receipts:
            return
        receipt, handle = self.receipts[which % len(self.receipts)]
        self.ours.settle(self.clock[0])
        if receipt.message.state != IN_FLIGHT or receipt.receive != receipt.message.receives:
            assert not self.ours.change_visibility(self.clock[0], receipt, timeout)
            return      # changes of what is not in flight
        assert self.ours.change_visibility(self.clock[0], receipt, timeout)
        self.backend.change_message_visibility(self.theirs.name, handle, timeout)

    def delete(self, which):
        if not self.receipts:
            return
        receipt, handle = self.receipts[which % len(self.receipts)]
        if self.ours.delete(self.clock[0], receipt):
            self.backend.delete_message(self.theirs.name, handle)
            self.receipts.remove((receipt, handle))
        else:       # a FIFO timeout has ended (old receipts), or the message is gone
            assert receipt.message.state != IN_FLIGHT and (
                self.fifo or receipt.message.state != VISIBLE)

    def compare(self):
        self.ours.settle(now := self.tick())
        for ours, theirs in ((self.ours, self.theirs), (self.our_dead, self.their_dead)):
            ours.settle(now)
            assert ours.count[VISIBLE] == theirs.approximate_number_of_messages
            assert ours.count[IN_FLIGHT] == theirs.approximate_number_of_messages_not_visible
            assert ours.count[DELAYED] == theirs.approximate_number_of_messages_delayed
        assert self.ours.receivable or not self.ours.receive(now, 10)


STEPS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from("ab"), st.sampled_from("stuvwxyz"),
              st.sampled_from([None, None, 0, 7])),
    st.tuples(st.just("receive"), st.integers(1, 10), st.sampled_from([None, None, 0, 5, 60])),
    st.tuples(st.just("change"), st.integers(0, 20), st.sampled_from([0, 3, 30, 300])),
    st.tuples(st.just("delete"), st.integers(0, 20)))


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
@settings(max_examples=300, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from([0, 1, 4, 21, 120]), STEPS), max_size=60),
       redrive=st.booleans(), delay=st.sampled_from([0, 0, 15]))
def test_every_step_gives_what_moto_gives(clock, fifo, steps, redrive, delay):
    """Messages received, their order and receive counts; three counters of queue and dead-letter
    queue after each step."""
    clock[0] = 1e6
    schedule = Schedule(clock, fifo, redrive, delay)
    for seconds, (what, *args) in steps:
        schedule.tick(seconds)
        getattr(schedule, what)(*args)
        schedule.compare()
