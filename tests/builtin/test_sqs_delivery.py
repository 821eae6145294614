"""sqs-delivery: polls that are counted are those that happen; what the notes say, in a run."""

import pytest

import labsim
from labsim.builtin.sqs_delivery import model
from labsim.declare.describe import timeline
from labsim.engine import Order, Simulation
from labsim.errors import BudgetError, ParameterError
from labsim.services.sqs import Client
from labsim.services.sqs.client import RECEIVE
from labsim.services.sqs.order import DELETED, EXPIRED, IN_FLIGHT
from labsim.services.sqs.rules import billed_requests

LAB = labsim.lab("sqs-delivery")


def run(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed)


# -- polls ----------------------------------------------------------------------------------------

class Polling(Client):
    """Every poll is an event: what `Client` counts must be what happens here."""

    refused = 0

    def receive(self):
        yield from self.turn(RECEIVE)
        while True:
            self.calls[RECEIVE] += 1
            begun = self.sim.now
            self.refused += self.queue.full and not self.wait
            if self.wait:       # whatever comes at this instant is seen
                yield self.sim.until(begun, Order.TICK)
            while True:
                receipts = self.queue.receive(self.sim.now, self.most, sees=self.sees)
                if receipts:
                    self.billed[RECEIVE] += billed_requests(len(receipts) * self.size)
                    return receipts
                if self.sim.now + 0.25 > begun + self.wait:
                    break
                yield self.sim.until(self.sim.now + 0.25, Order.TICK)
            yield self.sim.until(begun + self.period, Order.TICK)
            self.empty += 1
            self.billed[RECEIVE] += 1

    def tell(self):
        pass

    @property
    def throttled(self):
        return self.refused


@pytest.mark.parametrize("values", [
    {"wait_time": 0, "poll_pause": 0.75}, {"wait_time": 20}, {"wait_time": 5, "poll_pause": 2},
    {"wait_time": 0, "poll_pause": 3.75, "consumers": 1, "poison_share": 0.3},
    {"wait_time": 10, "poison_share": 0.5, "dead_letters": True, "max_receives": 2},
    {"wait_time": 20, "queue_type": "fifo", "groups": 2, "poison_share": 0.2, "fifo_rate": 4},
    {"wait_time": 0, "consumers": 5, "in_flight_limit": 2, "poison_share": 0.4},
    {"wait_time": 0, "poll_pause": 0.5, "consumers": 4, "in_flight_limit": 1}])
def test_polls_that_are_counted_are_those_that_would_happen(values, monkeypatch):
    """Times on a grid of a quarter of a second, on which both clients look: the same result."""
    values = {"consumers": 2, "call_time": 0.25, "service_time": 7.5, "arrival_rate": 0.125,
              "order_window": 1, "short_poll_sees": 1, "duration": 400, **values}
    counted = run(**values)
    monkeypatch.setattr(model, "Client", Polling)
    polled = run(**values)
    for name, value in counted.summary.items():
        if name not in ("receive_calls", "empty_receives", "throttled", "api_calls", "cost_usd"):
            assert polled.summary[name] == pytest.approx(value), name
        elif name != "cost_usd":    # a poll under way at the end, or which of two comes first
            most = max(2 * values["consumers"], 0.005 * counted.summary["receive_calls"])
            assert abs(polled.summary[name] - value) <= most, name
    assert (counted.summary["throttled"] > 100) == ("in_flight_limit" in values)


@pytest.mark.parametrize("values", [
    {}, {"poison_share": 0.2}, {"poison_share": 0.2, "visibility_timeout": 0, "consumers": 20},
    {"poison_share": 0.2, "consumers": 20, "service_time": 20, "heartbeat": 1,
     "heartbeat_timeout": 0, "visibility_timeout": 43_200},
    {"poison_share": 0.2, "consumers": 20, "service_time": 20, "visibility_timeout": 2},
    {"poison_share": 0.1, "duplicate_share": 1, "service_time": 0.1},
    {"poison_share": 0.2, "release_failed": True, "service_time": 0.5},
    {"crash_share": 0.5, "restart_time": 1, "duration": 600},
    {"queue_type": "fifo", "visibility_timeout": 2, "consumers": 10},
    {"queue_type": "fifo", "visibility_timeout": 0, "consumers": 10, "service_time": 1},
    {"slow_share": 0.3, "slow_factor": 20, "consumers": 10, "visibility_timeout": 5},
    {"messages": 500, "arrivals": "at once", "consumers": 20, "receive_batch": 10},
    {"heartbeat": 5, "service_time": 60, "consumers": 10},
    {"heartbeat": 5, "service_time": 1e4, "consumers": 10, "retention": 60, "duration": 2_000}])
def test_the_estimate_counts_deliveries_and_heartbeats(values):
    """Whatever brings messages back: within a factor of two, so that what is too big is refused."""
    p = LAB.Params(**values)
    n = p.messages if p.arrivals == "at once" else min(p.messages, p.arrival_rate * p.duration)
    expected, s = model.deliveries(p, n), LAB.run(p).summary
    assert s["received"] / 2 < expected.count < 2 * s["received"]
    released = s["change_calls"] if p.release_failed else 0
    assert (s["change_calls"] - released) / 2 <= expected.beats <= 2 * s["change_calls"]


def test_heartbeats_of_a_day_for_a_hundred_consumers_are_refused():
    """Five messages that always fail keep all of them at work: ten million calls."""
    with pytest.raises(BudgetError, match="lower messages"):
        run(duration=100_000, consumers=100, poison_share=0.2, service_time=20, heartbeat=1,
            heartbeat_timeout=0, visibility_timeout=43_200)


def test_a_full_queue_tells_short_polls_only():
    """SQS guide, quotas: OverLimit for a short poll of a standard queue; a long poll, and a FIFO
    queue, get nothing and no error."""
    full = LAB.preset("In-flight limit")
    short, long, fifo = (LAB.run(full.changed(**how)).summary for how in (
        {}, {"wait_time": 20}, {"queue_type": "fifo", "groups": 1_000}))
    assert short["throttled"] > 1_000 and short["in_flight_max"] == 20
    assert long["throttled"] == fifo["throttled"] == 0
    assert long["in_flight_max"] == fifo["in_flight_max"] == 20


@pytest.mark.long
def test_a_hundred_and_twenty_thousand_in_flight():
    """AWS's own limit: nobody deletes, and the rest is out of reach (SQS guide, quotas)."""
    s = run(consumers=1_000, messages=121_000, arrivals="at once", send_batch=10, receive_batch=10,
            visibility_timeout=600, poison_share=1, service_time=0.1, duration=30).summary
    assert s["in_flight_max"] == 120_000 and s["queue_end"] == 1_000 and s["throttled"] > 10_000


def test_a_backlog_of_one_group_hides_the_others():
    """SQS guide, "Avoid large message backlogs with the same message group ID": fewer are done,
    the less is looked at; a dead-letter queue opens the group."""
    backlog = LAB.preset("FIFO backlog")
    done = [LAB.run(backlog.changed(fifo_scan=scan)).summary["completed"]
            for scan in (20, 40, 120_000)]
    assert done[0] < done[1] < done[2] and done[0] < 0.7 * done[2]
    opened = backlog.changed(dead_letters=True, max_receives=1, visibility_timeout=5)
    assert LAB.run(opened).summary["completed"] > 1.5 * done[2]


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
    assert r.series["queue"].value.mean() == pytest.approx(
        rate * r.summary["wait_mean"], rel=0.15)


# -- what the notes say -------------------------------------------------------------------------

def test_a_longer_timeout_than_the_work_ends_repeats():
    """And one that is shorter brings them; work is done again, never lost."""
    slow = LAB.preset("2")
    short, long = (LAB.run(slow.changed(visibility_timeout=t)).summary for t in (20, 60))
    assert short["duplicates"] > 0 and long["duplicates"] == long["redelivered"] == 0
    assert short["completed"] == long["completed"] == 25


def test_a_heartbeat_does_what_a_long_timeout_does_and_crashes_come_back_sooner():
    """No repeats either; what a crash leaves is back after the short timeout."""
    mixed = LAB.preset("2").changed(crash_share=0.1, duration=900)
    beat = LAB.run(mixed.changed(heartbeat=20)).summary
    long = LAB.run(mixed.changed(visibility_timeout=120)).summary
    assert beat["duplicates"] == long["duplicates"] == 0
    assert beat["latency_p95"] < long["latency_p95"] / 2 and beat["change_calls"] > 0


def test_a_crash_brings_the_message_back_when_its_timeout_ends():
    """Common random numbers: the same crashes, whatever the timeout."""
    for timeout in (30, 90):
        r = run(crash_share=0.25, consumers=3, visibility_timeout=timeout, wait_time=20)
        back = [e for e in r.events if e.kind == "back"]
        crashes = [e for e in r.events if e.kind == "crash"]
        assert {e.text.split()[-1] for e in crashes} >= {e.text.split()[2] for e in back}
        for e in back:
            number = e.text.split()[2]
            received = [s.start for s in r.spans if (s.row, s.kind) == (number, "receive")]
            assert any(e.t == pytest.approx(t + timeout) for t in received)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_poisoned_message_is_delivered_so_often(most):
    """maxReceiveCount deliveries, then the dead-letter queue."""
    r = run(messages=4, poison_share=1, dead_letters=True, max_receives=most, duration=900,
            wait_time=20)
    assert r.summary["received"] == 4 * most and r.summary["dead_lettered"] == 4


def test_fifo_is_in_order_where_standard_is_not():
    """In each group; and parallel only over groups."""
    burst = {"arrivals": "at once", "messages": 60, "consumers": 8, "wait_time": 20,
             "duration": 900}
    assert run(**burst).summary["out_of_order"] > 0
    latency = []
    for groups in (1, 2, 5, 20):
        s = run(**burst, queue_type="fifo", groups=groups).summary
        assert s["out_of_order"] == 0 and s["completed"] == 60
        latency.append(s["latency_p95"])
    assert latency == sorted(latency, reverse=True)
    one = run(**burst, queue_type="fifo", groups=1)
    assert one.series["in_flight"].value.max() == 1


@pytest.mark.parametrize("after, dropped", [(10, True), (299, True), (301, False)])
def test_fifo_drops_a_repeat_within_five_minutes(after, dropped):
    """A standard queue delivers it, always."""
    twice = {"resend_share": 0.5, "resend_after": after, "duration": 900}
    fifo, plain = run(queue_type="fifo", **twice).summary, run(**twice).summary
    assert fifo["duplicates"] + fifo["deduplicated"] == 13
    assert (fifo["duplicates"] == 0) == dropped == (fifo["deduplicated"] > 0)
    assert plain["duplicates"] > 0 and plain["deduplicated"] == 0


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
    assert ten["completed"] == alone["completed"] == 100


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
    assert max(rows) > 150 and r.summary["redelivered"] > 0


def test_a_message_that_goes_round_thousands_of_times_is_few_bars():
    """What is closer together than can be seen is one."""
    r = run(messages=1, poison_share=1, release_failed=True, service_time=0.05, duration=600)
    assert r.summary["received"] > 5_000 and len(r.spans) < 2_000


def test_a_parameter_moves_nothing_but_its_own_effect():
    """The same arrivals and poison, whatever else changes; the share is exact, one at least."""
    def drawn(**values):
        values = {"poison_share": 0.3, **values}
        items = model.Items(LAB.Params(arrivals="random", **values), Simulation(5, 240.0))
        return items.made.tolist(), items.poison
    assert drawn() == drawn(crash_share=0.5, slow_share=0.5, resend_share=0.5, consumers=9)
    assert sum(drawn()[1]) == 8 and sum(drawn(poison_share=0.001)[1]) == 1


@pytest.mark.parametrize("step", ["2", "7", "9", "10", "13"])
def test_what_travels_on_the_stage_adds_up(step):
    """A receive is the first of a message or another; what was received is in flight, back, deleted
    or moved aside, but for copies; what is sent is a message or a repeat that is dropped."""
    r = LAB.run(LAB.preset(step))
    s = {name: series.value for name, series in r.series.items()}
    assert s["received_first"][-1] + s["redelivered"][-1] == r.summary["received"]
    assert (s["sends"] == s["sent"] + s["deduplicated"]).all()
    if not r.params.duplicate_share:
        out = s["in_flight"] + s["returned"] + s["deleted"] + s["dead_lettered"]
        assert (s["received_first"] + s["redelivered"] <= out).all()
    for name in ("duplicates", "deduplicated"):
        assert s[f"{name}_rate"][1:].sum() * r.series["sent"].t[1] == pytest.approx(s[name][-1])


def test_a_burst_comes_beside_the_others_and_leaves_their_luck():
    """Ten at once in the second minute: what was before is as it was."""
    usual, more = (run(crash_share=0.25, consumers=3, burst_size=n, burst_start=60.0)
                   for n in (0, 10))
    assert more.summary["offered"] == usual.summary["offered"] + 10
    before = usual.series["sent"].t < 60
    for name in ("sent", "in_flight", "deleted", "crashes"):
        assert (usual.series[name].value[before] == more.series[name].value[before]).all()


def test_a_file_s_messages_in_groups_and_calls(tmp_path):
    """Each is sent once, with a burst beside them; how the producer calls is as without a file."""
    file = tmp_path / "minutes.csv"
    file.write_text("timestamp,value\n" + "".join(
        f"2026-01-01T00:{minute:02}:00,{n}\n" for minute, n in enumerate([300, 0, 601, 77])))
    lab = labsim.lab("sqs-delivery")
    r = lab.run(lab.Params(workload="trace", trace=str(file), queue_type="fifo", send_batch=10,
                           hot_group=0.5, burst_size=22, arrivals="at once", messages=3))
    assert r.summary["offered"] == r.summary["sent"] == 1_000 and r.summary["send_calls"] == 100
    offered = r.series["offered"]
    assert offered.value[offered.t <= 59.9].max() <= 300 and offered.value[-1] == 1_000
    assert [note.split()[0] for note in r.notes[1:]] == ["messages", "arrivals"]


def test_a_burst_alone_is_a_load():
    """Where no messages come at a rate."""
    lab = labsim.lab("sqs-delivery")
    assert lab.run(lab.Params(arrival_rate=0, burst_size=5, send_batch=2)).summary["sent"] == 5
