"""Faults: what is struck when, and what is said of those that can't be."""

import pytest

import labsim as ls
from labsim.declare.faults import Fault, as_text, checked
from labsim.errors import ParameterError
from labsim.services import ec2


def shop(sim):
    """A service that calls a database."""
    db = ec2.Service(sim, "db", ls.fixed(0.1), instances=9)
    web = ec2.Service(sim, "web", ls.fixed(0.1), instances=90, calls=db)
    sim.send(5, to=web, retry=ls.retry(timeout=2))


def test_a_list_and_a_text_say_the_same():
    """Also with blanks in a name, and as the program writes it."""
    rows = [("db", "slow", 600, 120, 5.0), ("web to db", "lost", 10, 0, 0.5), ("db", "down", 5)]
    text = "db slow 600 120 5; web to db lost 10 0 0.5; db down 5"
    assert checked(rows) == checked(text) == checked(as_text(rows))
    assert checked(rows)[2] == Fault("db", "down", 5.0) == checked("db down 5")[0]
    assert as_text("db down 5 0 0") == "db down 5 0 0" and as_text("db down 5") == "db down 5 0"


@pytest.mark.parametrize("faults, says", [
    ([("dp", "slow", 1, 1, 2)], "faults: unknown part 'dp': did you mean db"),
    ([("db", "slwo", 1, 1, 2)], "faults: unknown fault of db 'slwo': did you mean slow"),
    ([("db", "slow", 1, 1, 0.5)], "faults: db slow: times as long: given 0.5"),
    ([("db", "slow", 1, 1)], "faults: db slow: how badly is missing: times as long, a number from"),
    ([("db", "errors", 1, 1)], "faults: db errors: how badly is missing: share that fails, a num"),
    ("web to db lost 1 1", "faults: web to db lost: how badly is missing: share that is lost"),
    ([("db", "down", 1, 1, 0.5)], "faults: db down takes no amount, given 0.5"),
    ([("db", "slow", -1, 1, 2)], "faults: .*at: given -1"), ("nonsense", "faults: given")])
def test_what_can_not_be_broken_is_said_at_once(faults, says):
    """Which part, what of it, the nearest."""
    with pytest.raises(ParameterError, match=says):
        ls.simulate(shop, duration=60, faults=faults)


def test_it_is_broken_as_long_as_it_is_said():
    """From 20 to 30 s, and in the log."""
    r = ls.simulate(shop, duration=60, faults=[("db", "down", 20, 10)])
    failed, t = r.series["db.failed_rate"].value, r.series["db.failed_rate"].t
    assert failed[(t > 20.2) & (t < 29.8)].min() >= 0 < failed[(t > 20.2) & (t < 29.8)].max()
    assert not failed[(t < 19.8) | (t > 30.2)].any()
    assert [(e.t, e.text) for e in r.events if e.kind in ("fault", "mended")] == [
        (20.0, "db: down"), (30.0, "db: no longer down")]


def test_two_faults_of_a_kind_hold_together():
    """Twice and three times as long are six times; what is mended first leaves the other."""
    kept = {}

    def build(sim):
        kept["db"] = ec2.Service(sim, "db", ls.fixed(0.1), instances=90)
        sim.send(9, to=kept["db"])
    ls.simulate(build, duration=60, faults=[("db", "slow", 10, 30, 2), ("db", "slow", 20, 10, 3)])
    took = [(end - took, round(took, 9)) for end, took in zip(
        kept["db"].ended, kept["db"].took, strict=True)]
    assert {took for begun, took in took if begun < 10 or begun > 40} == {0.1}
    assert {took for begun, took in took if 10 < begun < 20 or 30 < begun < 40} == {0.2}
    assert {took for begun, took in took if 20 < begun < 30} == {0.6}


def test_the_log_says_which_of_several_faults_hold_still():
    """Nothing is well again before the last of them is mended."""
    r = ls.simulate(shop, duration=60, faults=[
        ("db", "slow", 10, 30, 2), ("db", "slow", 20, 10, 3), ("web", "down", 15, 10),
        ("web", "down", 20, 10)])
    assert [(e.t, e.text) for e in r.events if e.kind == "mended"] == [
        (25.0, "web: still down"), (30.0, "db: still slow (2 times as long)"),
        (30.0, "web: no longer down"), (40.0, "db: no longer slow")]


def test_a_fault_after_the_end_is_named_in_a_note():
    """It has no effect; nor has one at the very end."""
    faults = [("db", "down", 59, 10), ("db", "down", 60, 10), ("web", "slow", 90, 0, 2.5)]
    r = ls.simulate(shop, duration=60, faults=faults)
    assert r.notes == tuple(f'the fault "{text}" has no effect: the run ends at 60 s'
                            for text in ("db down 60 10", "web slow 90 0 2.5"))
    assert r.summary == ls.simulate(shop, duration=60, faults=faults[:1]).summary


def test_shares_are_struck_each_for_itself():
    """Two halves make three quarters, on a link and at a part; s longer add up."""
    kept = {}

    def build(sim):
        kept["db"] = ec2.Service(sim, "db", ls.fixed(0.1), instances=90)
        kept["clients"] = sim.send(200, to=kept["db"], retry=ls.retry(), name="clients")
    link = "clients to db"
    s = ls.simulate(build, duration=60, faults=2 * [("db", "errors", 0, 0, 0.5)]).summary
    assert s["db.failed"] / s["db.offered"] == pytest.approx(0.75, abs=0.02)
    s = ls.simulate(build, duration=60, faults=2 * [(link, "lost", 0, 0, 0.5)]).summary
    assert s["db.offered"] / s["clients.offered"] == pytest.approx(0.25, abs=0.02)
    s = ls.simulate(build, duration=60, faults=2 * [(link, "slow", 0, 0, 0.5)]).summary
    assert s["clients.latency_p50"] == pytest.approx(1.1)


def test_what_hangs_answers_nobody_until_it_is_mended():
    """Then all that it has taken fails."""
    r = ls.simulate(shop, duration=60, faults=[("db", "hangs", 20, 10)])
    assert r.summary["db.failed"] >= 30 and r.summary["producers.timed_out"] >= 30
    queue, t = r.series["db.queue"].value, r.series["db.queue"].t
    assert queue[t < 30].max() >= 30 and not queue[t > 30.2].any()


def test_who_is_down_calls_nobody():
    """While the web is down nobody asks the database, retries of lost requests included."""
    kept = {}

    def build(sim):
        db = kept["db"] = ec2.Service(sim, "db", ls.fixed(0.1), instances=1)
        db.suffer("db", "errors", [1.0])
        web = ec2.Service(sim, "web", ls.fixed(0.1), instances=9, calls=ls.ask(
            db, retry=ls.retry(attempts=9, base=1, backoff="fixed")))
        sim.send(5, to=web)
    ls.simulate(build, duration=60, faults=[("web", "down", 20, 20)])
    assert not [t for t in kept["db"].came if 20 < t < 40]
    assert [t for t in kept["db"].came if t > 40]
