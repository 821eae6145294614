"""The lab `retry-storms`: two states at one load, eight ways into the bad one, and out of it."""

import pytest

import labsim
from labsim.builtin.retry_storms import lab
from labsim.builtin.retry_storms.exercises import EXERCISES

SEEDS = range(1, 9)
STUCK = ("Retry storm", "Contention", "Cache flush", "Timeout cascade",
         "Stale queue")     # to the end of the run
CURES = {
    "Retry storm": [{"retry_quota": True}, {"breaker": True}, {"shed_after": 0.4}],
    "Contention": [{"max_queue": 4}, {"max_wait": 0.5}],
    "Cache flush": [{"shed_after": 0.4}],
    "Timeout cascade": [{"database_attempts": 1}, {"database_timeout": 0.3, "cancels": True}],
    "Stale queue": [{"queue_order": "lifo"}, {"max_wait": 0.8}, {"max_queue": 20}]}
NO_TRIGGER = {"faults": "", "spike_factor": 1}


def ends(name, seeds=SEEDS, **change):
    """The share answered in time at the end of a story, by seed."""
    p = lab.preset(name).changed(**change)
    return [lab.run(p, seed).summary["goodput_end_share"] for seed in seeds]


@pytest.mark.parametrize("name", STUCK)
def test_the_bad_state_lasts_to_the_end(name):
    """The cause is gone, the load is as before: for every seed most requests get no answer."""
    assert max(ends(name)) < 0.6


@pytest.mark.parametrize("name, cure", [(name, cure) for name, cures in CURES.items()
                                        for cure in cures], ids=str)
def test_the_cure_ends_it(name, cure):
    """For every seed."""
    assert min(ends(name, **cure)) > 0.95


@pytest.mark.parametrize("name", STUCK)
def test_the_same_load_alone_never_gets_there(name):
    """Without the trigger."""
    assert min(ends(name, **NO_TRIGGER)) > 0.95


def test_a_stampede_comes_with_the_clock():
    """At each expiry, for every seed; with a lock the worst is a mass expiry's few seconds."""
    p = lab.preset("Cache stampede")
    for seed in SEEDS:
        assert lab.run(p, seed).summary["outage_s"] >= 15
        assert lab.run(p.changed(lock=True), seed).summary["outage_s"] <= 10


def test_threads_that_wait_leave_none_for_others():
    """More connections change nothing, more threads or a timeout alone make it worse; a timeout
    whose query is cancelled keeps those alive who need no database."""
    p = lab.preset("Connection pool exhausted")
    for seed in SEEDS:
        def good(seed=seed, **change):
            return lab.run(p.changed(**change), seed).summary["goodput_share"]
        assert good() < 0.8 and good(pool=64) == pytest.approx(good(), abs=0.03)
        assert good(threads=64) < 0.6
        assert good(database_timeout=0.3) < 0.8
        assert good(database_timeout=0.3, cancels=True) > 0.9


def test_what_is_no_cure():
    """Another order, or a bound, where the queue is not; fewer retries, where the misses alone are
    too many."""
    for name, change in (
            ("Retry storm", {"queue_order": "lifo"}),
            ("Retry storm", {"max_queue": 5}), ("Cache flush", {"retry_mode": "none"})):
        assert max(ends(name, range(1, 4), **change)) < 0.6


def test_who_fails_fastest_gets_nearly_everything():
    """By outstanding requests; its share by turns; hardly any, where errors are looked at."""
    def failed(**change):
        s = lab.run(lab.preset("Least outstanding requests").changed(**change)).summary
        return 1 - s["goodput_end_share"]
    assert failed() > 0.7
    assert failed(algorithm="round_robin") == pytest.approx(0.25, abs=0.05)
    assert failed(algorithm="weighted_random", anomaly_mitigation=True) < 0.15


def test_ten_times_the_load_on_ten_times_the_servers_behaves_alike():
    """The rates are those of a small service: a larger one ends in the same state."""
    story = lab.preset("Retry storm")
    large = {"request_rate": 200, "targets": 20, "vcpus": 20, "duration": 60}
    assert lab.run(story.changed(**large)).summary["goodput_end_share"] < 0.1
    assert lab.run(story.changed(**large, breaker=True, clients=10)).summary[
        "goodput_end_share"] > 0.95


def test_every_exercise_s_own_answer_is_right():
    """And what it starts from is not."""
    for exercise in EXERCISES:
        assert exercise.check(lab, exercise.answer(lab)).right, exercise.id
        if exercise.kind == "design":
            assert not exercise.check(lab, {}).right, exercise.id


def test_the_metrics_of_a_run_without_anybody():
    """No requests: all shares and times are numbers, and nothing is out."""
    s = labsim.run("retry-storms", request_rate=0).summary
    assert s["offered"] == s["outage_s"] == s["goodput_end_share"] == 0


@pytest.mark.parametrize("step", ["1", "2", "5"])
def test_what_travels_on_the_stage_adds_up(step):
    """A try is the first or a repeat; each retry is counted once."""
    lab = labsim.lab("retry-storms")
    r = lab.run(lab.preset(step))
    offered, retries, attempts = (r.series[f"{name}_rate"].value
                                  for name in ("offered", "retries", "attempts"))
    assert offered + retries == pytest.approx(attempts) and (retries >= -1e-9).all()
    assert retries[1:].sum() * r.series["offered_rate"].t[1] == pytest.approx(r.summary["retries"])


def test_a_spike_again_and_again():
    """Three times the load for five seconds, three times: the log says each."""
    r = labsim.run("retry-storms", spike_factor=3, spike_start=10, spike_duration=5, spike_every=20)
    assert [e.t for e in r.events if e.kind == "spike"] == [10, 30, 50]
    once = labsim.run("retry-storms", spike_factor=3, spike_start=10, spike_duration=5)
    assert r.summary["offered"] > once.summary["offered"] + 200
