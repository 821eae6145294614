"""Functions, their environments, those who call them and the bill, rule by rule and as parts."""

import itertools

import numpy as np
import plain_pool
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.builtin.lambda_concurrency import by_hand
from labsim.engine import ServiceTimes, Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import api_gateway, ec2, lambda_, sqs
from labsim.services.lambda_ import (
    Asynchronous,
    Function,
    KinesisEventSourceMapping,
    SqsEventSourceMapping,
    Synchronous,
    rules,
)
from labsim.services.lambda_.bill import bill, gb_seconds
from labsim.services.lambda_.caller import DEAD, DONE
from labsim.services.lambda_.environments import CONCURRENCY, RATE, SCALING, Environments
from labsim.services.lambda_.retrying import Retrying

times_and_works = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 400)), min_size=1,
                           max_size=120)


@settings(max_examples=150, deadline=None)
@given(times_and_works, st.integers(1, 12), st.integers(0, 5), st.sampled_from([0.03, 1.03, 1e9]),
       st.lists(st.tuples(st.integers(0, 80), st.integers(0, 40)), min_size=1, max_size=9))
def test_the_pool_is_plain_simpy(steps, limit, provisioned, keep, fates):
    """Who is cold, warm or throttled, when each ends, and when each environment does: equal, at
    random times that never coincide, whatever the environments' ages and patience."""
    provisioned = min(provisioned, limit)
    times = np.cumsum([gap for gap, _ in steps]) / 16 + np.arange(len(steps)) * 1e-6
    works, until = [work / 64 + 1 / 512 for _, work in steps], times[-1] + 9.00123
    fates = [(age / 7 + 1e-4, patience / 11 + 1e-3) for age, patience in fates]
    pool = Environments(limit, init=0.25, keep=keep, provisioned=provisioned,
                        fates=itertools.cycle(fates))
    pool._calls = 1e9       # the rate limit has a test of its own
    told, ended = plain_pool.run(times.tolist(), works, limit=limit, init=0.25, keep=keep,
                                 provisioned=provisioned, fates=itertools.cycle(fates), until=until)
    for t, work, (kind, end) in zip(times.tolist(), works, told):
        before, pool._calls = pool.cold, 1e9
        got = pool.invoke(t, work)
        assert (got < 0) == (kind == "throttled")
        if got >= 0:
            assert got == end and (pool.cold > before) == (kind == "cold")
    gone = pool.uses(until)[1]
    assert np.sort(gone[gone < until]) == pytest.approx(sorted(ended))
    assert len(gone) == pool.cold + provisioned


@pytest.mark.parametrize("trial", range(60))
def test_calls_made_together_are_those_made_one_by_one(trial):
    """At any load, spread of work, limit and scaling, with equal times and cut anywhere: the same
    end or refusal of each, and the same environments afterwards."""
    rng = np.random.default_rng(trial)
    rate, mean, cv = 10 ** rng.uniform(-1, 4), 10 ** rng.uniform(-3, 2), rng.choice([0, 0.2, 1, 3])
    n = int(rng.integers(100, 4_000))
    times = np.cumsum(rng.standard_exponential(n)) / rate
    works = ServiceTimes(mean, cv).draw(n, rng)
    if trial % 3 == 0:
        times, works = np.round(times * 64) / 64, np.round(works * 64) / 64
    limit = float(rng.integers(0, int(rate * mean * rng.choice([0.3, 1, 3])) + 2))
    how = {"init": float(rng.choice([0, 0.25, 1])),
           "provisioned": int(limit / 2) if trial % 4 == 0 else 0}
    if trial % 5 == 0:
        how.update(at_once=20, per_second=10 ** rng.uniform(0, 3))
    alone, many = Environments(limit, **how), Environments(limit, **how)
    told = [alone.invoke(t, work) for t, work in zip(times.tolist(), works.tolist())]
    cuts = [0, *sorted(rng.integers(0, n, 2).tolist()), n]
    got = [many.invoke_all(times[a:b], works[a:b]) for a, b in zip(cuts, cuts[1:])]
    assert np.concatenate(got).tolist() == told
    assert (many.refused, many.cold, sorted(many.busy), list(many.idle)) == (
        alone.refused, alone.cold, sorted(alone.busy), list(alone.idle))
    assert many.started.tolist() == alone.started.tolist()
    assert many._calls == pytest.approx(alone._calls) and many._new == pytest.approx(alone._new)


def test_hardly_any_call_is_made_alone(monkeypatch):
    """A steady load, far from and beyond its limit: looked at together, as the model says."""
    for limit in (1_000, 200):
        pool, alone = Environments(limit, init=0.25), []
        invoke = pool.invoke
        monkeypatch.setattr(pool, "invoke", lambda *call, invoke=invoke, alone=alone: (
            alone.append(1), invoke(*call))[1])
        pool.invoke_all(np.arange(60_000) / 1_000, np.full(60_000, 0.25))
        assert len(alone) < 1_000


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 20)), min_size=1, max_size=60))
def test_an_environment_serves_one_request_at_a_time(steps):
    """There are as many as ever overlap, no more; each began with a cold start."""
    starts = np.cumsum([gap for gap, _ in steps])
    ends = [s + work for s, (_, work) in zip(starts, steps)]
    most = max(sum(s <= t < e for s, e in zip(starts, ends)) for t in starts)
    assert sum(by_hand.cold_starts(starts.tolist(), ends)) == most


def test_ten_requests_and_six_environments():
    """The figure of AWS: A to E are new, then A, B, C again, F is new, D again."""
    starts = [0, 1, 2, 3, 4, 5, 6, 7, 7.5, 8]
    ends = [4.5, 5.5, 6.5, 7.8, 9, 9, 10, 11, 12, 12]
    new = [name for name, cold in zip("ABCDEABCFD", by_hand.cold_starts(starts, ends)) if cold]
    assert new == list("ABCDEF")


def lasting(age=1e9, patience=1e9, keep=1e9, **how):
    """Environments that all become so old and bear to be idle so long, s."""
    return Environments(1_000, keep=keep, fates=itertools.repeat((age, patience)), **how)


def test_an_idle_function_has_no_environment_any_more():
    """One request a minute: always cold if they are kept for less, once if for more."""
    for keep, cold in ((30, 5), (58.9, 5), (59.1, 1), (90, 1)):
        pool = lasting(keep=keep)
        for minute in range(5):
            pool.invoke(60.0 * minute, 1.0)
        assert pool.cold == cold


def test_a_function_that_works_keeps_its_spare_environments():
    """Two at once, an hour apart; one request a minute between them. The spare one is there after
    an hour if it bears that, whatever an idle function keeps, and gone if not."""
    for patience, cold in ((3_500, 3), (3_700, 2)):
        pool = lasting(keep=90, patience=patience)
        for minute in range(61):
            for _ in range(2 if minute in (0, 60) else 1):
                pool.invoke(60.0 * minute, 1.0)
        assert pool.cold == cold


def test_spare_environments_go_one_by_one_as_a_load_ramps_down():
    """Ten, nine, eight, ... at once, a minute each: whoever is not needed goes after his own
    patience, and as many are there as were needed within it."""
    pool = lasting(patience=150)
    for minute in range(10):
        for _ in range(10 - minute):
            pool.invoke(60.0 * minute, 1.0)
        assert len(pool) == min(10, 10 - minute + 2)
    assert pool.cold == 10


@pytest.mark.parametrize("wait, cold", [(500, 100), (700, 200)])
def test_a_burst_leaves_its_environments_to_the_next_one(wait, cold):
    """A hundred at once, again before and after an idle function's are given up."""
    pool = lasting(keep=640, patience=1_450)
    for t in (0.0, 1.0 + wait):
        for _ in range(100):
            pool.invoke(t, 1.0)
    assert pool.cold == cold


@given(st.floats(10, 1e4), st.floats(0.1, 5))
@settings(deadline=None)
def test_an_environment_is_replaced_at_its_age(age, gap):
    """Under a continuous load of one at a time: each serves all calls until it is too old."""
    pool, calls = lasting(age=age), 1_000
    colds = []
    for call in range(calls):
        before = pool.cold
        pool.invoke(gap * call, gap / 2)
        if pool.cold > before:
            colds.append(gap * call)
    due, t = [], 0.0
    for call in range(calls):
        if not due or gap * call > t + age:
            t = gap * call
            due.append(t)
    assert colds == due


def test_an_invocation_under_way_ends_before_its_environment_does():
    """Older than it may become when it ends: it is done, and the next call finds none."""
    pool = lasting(age=5)
    assert pool.invoke(0.0, 60.0) == 60.0 and pool.invoke(61.0, 1.0) == 62.0
    assert pool.cold == 2 and pool.ended == [(60.0, 60.0)]


def test_provisioned_environments_stay():
    """Idle for days, and of any age."""
    pool = lasting(age=5, patience=5, keep=5, provisioned=3)
    for day in range(3):
        for _ in range(4):
            pool.invoke(86_400.0 * day, 1.0)
        assert len(pool) == 4
    assert pool.cold == 3


def test_fates_are_those_of_the_facts():
    """Of 100,000 environments: the part lost by chance before an age, the ages of the others, the
    part without much patience."""
    drawn = itertools.islice(rules.fates(1e4, 640, 1_450, np.random.default_rng(1)), 100_000)
    age, patience = np.array(list(drawn)).T
    early = age < rules.LIFE_LEAST / rules.LIFE * 1e4
    assert early.mean() == pytest.approx(
        1 - np.exp(-1e4 * rules.LIFE_LEAST / rules.LIFE / rules.LOSS), abs=0.006)
    assert age.max() == pytest.approx(1e4 * rules.LIFE_MOST / rules.LIFE, rel=1e-3)
    assert set(patience) == {640, 1_450}
    assert (patience == 640).mean() == pytest.approx(rules.EARLY, abs=0.005)


def test_a_short_run_has_no_fates():
    """Nobody ends within it, so that calls are made together."""
    for duration, fates in ((640.0, False), (641.0, True)):
        function = Function(Simulation(1, duration), "api", labsim.fixed(1))
        assert bool(function.environments._fates) == fates


def test_environments_over_time():
    """Two at once, then one each minute of an hour: two until the spare one goes, then one; who
    sees requests only counts each until ten minutes after its last."""
    sim = Simulation(1, 3_600.0, points=60)
    function = Function(sim, "api", labsim.fixed(1), init=0)
    function.environments._fates = itertools.repeat((1e9, 1_450.0))
    Synchronous(sim, "clients", function).feed([
        np.append(0.5, 60.0 * np.arange(60) + 0.5)])
    sim.run()
    series = function.series()
    assert series["environments"][0][1:].tolist() == [2] * 24 + [1] * 36
    assert series["environments_seen"][0][1:].tolist() == [2] * 10 + [1] * 50
    assert function.environments_max() == 2
    assert function.environments_mean() == pytest.approx((3_599.5 + 1_451) / 3_600)
    assert series["cold_starts_rate"][0][1:].sum() * sim.tick == pytest.approx(2)


@given(st.floats(0.1, 1e5), st.floats(0.001, 60), st.floats(1, 1e5))
def test_littles_law_and_ten_requests_a_second(rate, seconds, quota):
    """What is served is the least of three, and the quota that is needed serves all."""
    assert rules.served_rate(rate, seconds, quota) == pytest.approx(
        min(rate, quota / seconds, 10 * quota))
    needed = max(rules.concurrency(rate, seconds), rate / 10)
    assert rules.served_rate(rate, seconds, needed) == pytest.approx(rate)


@pytest.mark.parametrize("rate, seconds, under_way", [
    (100, 1, 100), (100, 0.5, 50), (200, 0.25, 50), (5_000, 0.2, 1_000)])
def test_concurrency_of_aws_examples(rate, seconds, under_way):
    """Rate times duration."""
    assert rules.concurrency(rate, seconds) == under_way


@pytest.mark.parametrize("account, rate", [(10_000, 600), (2_000, 600), (5_000, 1_500)])
def test_a_steep_load_gets_a_thousand_and_a_hundred_a_second(account, rate):
    """Second by second the rule's ramp, or as many as have come."""
    pool, got = Environments(account), 0
    for n in range(20 * rate):
        t = n / rate
        got += pool.invoke(t, 1e6) >= 0
        if n % rate == 0:
            due = min(n + 1, account, 1_000 + 100 * t)
            assert got == pytest.approx(due, abs=2), t
    assert pool.refused[RATE] == 0
    assert (pool.refused[CONCURRENCY] > 0) == (account < 2_900)
    assert pool.refused[SCALING] > 0 or account < 2_900


@given(st.integers(100, 50_000), st.lists(st.integers(0, 5_000), max_size=8))
def test_a_hundred_stay_unreserved(quota, reserved):
    """What is left, or a refusal."""
    if quota - sum(reserved) < 100:
        with pytest.raises(ValueError, match="at most"):
            rules.unreserved(quota, reserved)
    else:
        assert rules.unreserved(quota, reserved) == quota - sum(reserved)


def source(Kind, times, work=1.0, limit=10, chance=None, error_share=0.0, poison=None,
           timeout=900, until=1e6, **how):
    """A caller that has run to its end, or for days, with nothing on its way to it. poison: of the
    requests, which are bad."""
    sim = Simulation(1, until)
    function = Function(sim, "function", ServiceTimes(work, 0), timeout=timeout, limit=limit,
                        init=0, keep=1e9, spare=1e9, life=1e9, error_share=error_share)
    if chance is not None:
        how["luck"] = Given(chance)
    if poison is not None:
        how["luck"] = Given([-1.0 if i in poison else 0.5 for i in range(len(times))])
        function.poison_share = 1e-9
    if issubclass(Kind, Retrying):
        how.setdefault("delivery", False)
    made = Kind(sim, "callers", function, **how)
    made.feed([np.array(times, dtype=float)])
    sim.run()
    return made


class Given:
    """What is drawn is known beforehand."""

    def __init__(self, values):
        self.values = np.array(values)

    def random(self, n):
        return self.values[:n]

    def integers(self, most, size):
        assert (self.values < most).all()
        return self.values[:size]


@given(st.floats(0, 30), st.integers(0, 2))
@settings(deadline=None)
def test_an_event_that_always_fails(takes, retries):
    """Attempts at 0, a minute after the first failure, two after the second; then the DLQ."""
    made = source(Asynchronous, [0.0], work=takes, error_share=1.0, retries=retries)
    times = [start for start, _, _ in made.function.runs]
    assert len(times) == retries + 1 and made.fate == [DEAD]
    waits = [b - a - takes for a, b in zip(times, times[1:])]
    assert waits == pytest.approx([60, 120][:len(waits)])


def test_an_event_that_always_fails_in_the_run():
    """Three invocations, at the times of the rule; then it is dead-lettered."""
    made = source(Asynchronous, [5.0], work=7.0, error_share=1.0, retries=2, age=21_600)
    assert [start - 5 for start, _, _ in made.function.runs] == by_hand.attempts(7)
    assert by_hand.attempts(7) == [0, 67, 194]
    assert made.fate == [DEAD]


def test_a_throttled_event_waits_twice_as_long_each_time():
    """From a second up to five minutes, until its age is used up."""
    assert [rules.backoff(n) for n in (1, 2, 3, 9, 10, 99)] == [1, 2, 4, 256, 300, 300]
    made = source(Asynchronous, [0.0], limit=0, retries=2, age=3_600)
    gaps = np.diff(made.function.throttles)
    assert gaps.tolist() == [min(300, 2.0**n) for n in range(len(gaps))]
    last = made.function.throttles[-1]
    assert made.fate == [DEAD] and last <= 3_600 < last + 300


def test_pollers_begin_with_five_and_grow():
    """A backlog at once: five batches, and five more each second, up to the most that is set."""
    for most, due in ((0, [5, 10, 15, 20]), (12, [5, 10, 12, 12])):
        made = source(SqsEventSourceMapping, [0.0] * 500, work=100.0, limit=1_000, batch_size=1,
                      max_concurrency=most, visibility=900, max_receives=5)
        starts = np.array([start for start, _, _ in made.function.runs])
        # The small step is for rounding of sums of fifths of a second.
        assert [int((starts <= t + 1e-6).sum()) for t in (0, 1, 2, 3)] == due


def requests(made):
    """Of the queue that is inside."""
    return made.cost()["SQS requests"] / 0.4e-6


def test_an_idle_queue_before_a_function_is_polled_all_the_same():
    """Five long polls at a time of twenty seconds each: 648,000 requests in thirty days, and three
    for the one message."""
    made = source(SqsEventSourceMapping, [0.0], work=0.0, until=30 * 86_400.0)
    assert requests(made) == pytest.approx(648_000 + 3)


def test_messages_before_a_function_are_received_and_deleted_by_tens():
    """The first two alone, a thousand behind them; two pollers, who have a batch for 50.1 s each,
    and wait for another one for 0.9 s."""
    made = source(SqsEventSourceMapping, [0.0] * 1_002, work=0.1, max_concurrency=2, until=51.0)
    assert made.counted[DONE] == 1_002
    assert requests(made) == pytest.approx(1_002 + 102 + 102 + 2 * 0.9 / 20)


def test_what_fails_before_a_function_is_received_again_and_deleted_by_nobody():
    """Ten messages, three receives, no deletes; meanwhile the other pollers wait, as far as errors
    have left them."""
    made = source(SqsEventSourceMapping, [0.0] * 10, work=0.1, error_share=1.0, max_receives=3,
                  window=1, timeout=30, visibility=30, until=100.0)
    assert made.counted[DEAD] == 10
    assert 10 + 3 + 0.95 * 5 * 100 / 20 < requests(made) < 10 + 3 + 5 * 100 / 20


def test_a_throttled_batch_is_retried_until_its_visibility_timeout_has_run_out():
    """Each second by its poller, then it is back, one receive older (Developer Guide, handling
    errors for an SQS event source)."""
    made = source(SqsEventSourceMapping, [0.0], limit=0, timeout=30, batch_size=10, visibility=30,
                  max_receives=3)
    assert made.function.throttles == list(range(90)) and made.fate == [DEAD] and made.end == [90]


def test_a_throttled_batch_gets_in_as_soon_as_there_is_room():
    """Two batches for one execution of ten seconds: the second costs one receive all the same."""
    made = source(SqsEventSourceMapping, [0.0, 0.0], work=10, limit=1, timeout=10, batch_size=1,
                  visibility=60, max_receives=1)
    assert made.fate == [DONE, DONE] and made.end == [10, 20] and made.received == [1, 1]


@pytest.mark.parametrize("visibility, receives, lost", [
    (30, 1, (0.3, 0.8)), (30, 3, (0.1, 0.5)), (180, 5, (0, 0.002)), (360, 10, (0, 0.002))])
def test_messages_are_lost_at_a_low_concurrency_only_against_the_advice(visibility, receives, lost):
    """Two executions of five seconds, a timeout of thirty, 600 messages in a minute. AWS advises a
    visibility timeout of six times the function's and five receives; without it people report
    valid messages in the dead-letter queue (zaccharles.medium.com, 2019; aws-cdk issue 24180;
    DataBiosphere/azul issue 3708)."""
    made = source(SqsEventSourceMapping, np.arange(600) / 10, work=5.0, limit=2, timeout=30,
                  batch_size=1, visibility=visibility, max_receives=receives)
    assert lost[0] <= made.counted[DEAD] / 600 <= lost[1]
    assert made.counted[DONE] + made.counted[DEAD] == 600


@pytest.mark.parametrize("errors, concurrency, rate", [
    (0.01, 25, 1_600), (0.05, 16, 500), (0.10, 13, 300)])
def test_pollers_back_off_under_errors_as_measured(errors, concurrency, rate):
    """2,000 messages/s, with 60 at a time before (rehanvdm.com, SQS Lambda ESM scaling behaviour,
    2025): concurrency and throughput within half of what was measured; one constant for six
    figures."""
    times = np.arange(240_000) / 2_000
    made = source(SqsEventSourceMapping, times, work=0.03, limit=1_000, timeout=30, batch_size=1,
                  chance=np.random.default_rng(1).random(len(times)), error_share=errors, until=120)
    late = made.function.starts > 60
    served = late.sum() / 60 * (1 - errors)
    under_way = late.sum() / 60 * 0.03
    print(f"measured: pollers at {errors:.0%} errors: {under_way:.0f} at a time, {served:,.0f}/s; "
          f"on AWS {concurrency}, {rate:,}")
    assert under_way == pytest.approx(concurrency, rel=0.5)
    assert served == pytest.approx(rate, rel=0.5)


def test_pollers_scale_back_to_five_when_there_is_little_to_do():
    """Developer Guide, SQS scaling: a backlog makes many of them, a quiet minute takes them away,
    and the next backlog finds five again."""
    made = source(SqsEventSourceMapping, [0.0] * 600 + [200.0] * 100, work=2.0, limit=1_000,
                  batch_size=1, timeout=30)
    starts = made.function.starts
    assert (starts <= 15).sum() > 200 and (starts < 200).sum() == 600
    assert (starts == 200).sum() == 5 and (starts <= 201 + 1e-6).sum() == 610


def test_no_fewer_pollers_than_two():
    """However many errors: it goes on with two at a time."""
    made = source(SqsEventSourceMapping, [0.0] * 2_000, work=0.1, error_share=1.0, timeout=30,
                  batch_size=1, max_receives=1, until=200)
    assert made.allowed >= 2


@pytest.mark.parametrize("size, window, batches", [
    (100, 5, [100, 50]), (60, 5, [60, 60, 30]), (10_000, 300, [150])])
def test_a_batch_window_gathers(size, window, batches):
    """150 messages at once: full batches go at once, the rest when the window is over."""
    made = source(SqsEventSourceMapping, [0.0] * 150, work=0.001, limit=1_000, batch_size=size,
                  window=window, timeout=30)
    assert sorted((n for _, _, n in made.function.runs), reverse=True) == batches
    starts = [start for start, _, n in made.function.runs if n < size]
    assert starts == [window] * len(starts)


def test_the_visibility_timeout_runs_while_a_batch_is_gathered():
    """Received when the window begins: what fails is back that much earlier after its attempt."""
    made = source(SqsEventSourceMapping, [0.0], work=1.0, error_share=1.0, batch_size=100,
                  window=20, timeout=30, visibility=40, max_receives=2)
    assert [start for start, _, _ in made.function.runs] == [20, 60]


def test_batches_are_as_large_as_allowed():
    """A hundred messages that wait: ten in each."""
    made = source(SqsEventSourceMapping, [0.0] * 105, batch_size=10,
                      max_concurrency=0, visibility=900, max_receives=5, limit=100)
    assert max(n for _, _, n in made.function.runs) == 10 and made.fate == [DONE] * 105
    assert sum(n for _, _, n in made.function.runs) == 105


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 5))
def test_a_stream_keeps_the_order_of_each_lane(lanes, batch):
    """Whatever fails, records of a lane end in the order in which they came, batch by batch."""
    chance = [((i * 37) % 100) / 100 for i in range(len(lanes))]
    made = source(KinesisEventSourceMapping, np.arange(len(lanes)) / 8, chance=chance,
                  error_share=0.1, shards=4, lots=Given(lanes), batch_size=batch, attempts=0,
                  limit=1_000)
    assert set(made.fate) == {DONE}
    for lane in range(4):
        ends = [end for end, where in zip(made.end, lanes) if where == lane]
        assert ends == sorted(ends)


def test_a_failing_batch_blocks_its_lane_until_its_attempts_are_used_up():
    """The record behind a bad one waits for all of its attempts and their waits."""
    made = source(KinesisEventSourceMapping, [0.0, 0.5], chance=[0.0, 0.5], error_share=1e-9,
                  lots=Given([0, 0]), batch_size=1, attempts=1)
    first, second = made.function.runs
    assert made.fate == [DEAD, DONE] and second[0] == first[1]


def test_a_poison_record_blocks_its_lane_until_it_is_too_old():
    """It fails each time, whatever the luck; who is behind it waits, and goes on then."""
    made = source(KinesisEventSourceMapping, [0.0, 30.0], poison={0}, work=0.5,
                  lots=Given([0, 0]), batch_size=1, age=60)
    assert made.fate == [DEAD, DONE]
    tries = [start for start, _, _ in made.function.runs]
    gaps = np.diff(tries[:-1]) - 0.5
    assert gaps.tolist() == [1, 2, 4, 8, 16] and tries[-1] > 60
    # IteratorAge: the last record's of each batch, when it is tried.
    assert [when - last for when, _, last in made.tries] == [*tries[:-1], tries[-1] - 30]


@pytest.mark.parametrize("bisect, lost, attempts", [(False, 8, 3), (True, 1, 3)])
def test_bisecting_a_batch_finds_the_bad_record(bisect, lost, attempts):
    """Eight records, one bad: all of them are given up, or it alone. Splitting counts as no
    attempt (Developer Guide, Kinesis)."""
    made = source(KinesisEventSourceMapping, [0.0] + [0.1] * 8, poison={6}, work=1.0,
                  lots=Given([0] * 9), batch_size=8, attempts=attempts, bisect=bisect)
    assert made.counted[DEAD] == lost and made.counted[DONE] == 9 - lost
    sizes = [n for _, _, n in made.function.runs]
    assert sizes == ([1, 8, 4, 4, 2, 1, 1, 1, 1, 2] if bisect else [1, 8, 8, 8])
    ends = [end for end, fate in zip(made.end, made.fate) if fate == DONE]
    assert ends == sorted(ends)


def test_throttles_are_no_retry_attempts_of_a_stream():
    """Maximum retry attempts count when the function returns an error: without an execution the
    batch is tried until its record is too old."""
    made = source(KinesisEventSourceMapping, [0.0], limit=0, lots=Given([0]), attempts=2, age=600)
    assert len(made.function.throttles) > 8 and made.fate == [DEAD] and made.end[0] > 600


def test_records_that_wait_too_long_are_given_up():
    """A hundred records at once, each of them ten seconds, at most a minute old when tried."""
    made = source(KinesisEventSourceMapping, [0.0] * 100, work=10.0, lots=Given([0] * 100),
                  batch_size=1, age=60)
    assert made.counted[DONE] == 7 and made.counted[DEAD] == 93
    assert max(when - last for when, _, last in made.tries) == 60


def test_the_iterator_age_grows_with_the_clock_behind_a_bad_record():
    """Of the batch that is tried again and again; a shard that works has next to none."""
    stuck = source(KinesisEventSourceMapping, [0.0, 1.0], poison={0}, work=0.5, until=600,
                   lots=Given([0, 0]), batch_size=1)
    assert stuck.iterator_age == pytest.approx(stuck.record.t[1:])
    fine = source(KinesisEventSourceMapping, np.arange(500.0), work=0.5, until=600,
                  lots=Given([0] * 500), batch_size=1)
    assert fine.iterator_age.max() <= 0.5


@pytest.mark.parametrize("window, sizes, first", [(0, [1, 9], 0.0), (5, [10], 5.0)])
def test_a_streams_batch_window(window, sizes, first):
    """Ten records within a second: gathered, or the first at once and the others behind it."""
    made = source(KinesisEventSourceMapping, np.arange(10) / 10, work=0.2, lots=Given([0] * 10),
                  window=window)
    made_sizes = [n for _, _, n in made.function.runs]
    assert made_sizes == sizes if window else made_sizes[0] == 1
    assert made.function.runs[0][0] == first


@given(st.integers(128, 10_240), st.floats(0.01, 100))
def test_memory_buys_cpu(memory, work):
    """Duration times memory stays while the CPU is the limit; one thread uses no more than one."""
    full = gb_seconds(1, work, 1_769)
    takes = rules.duration(work, memory)
    assert gb_seconds(1, takes, memory) == pytest.approx(full)
    single = rules.duration(work, memory, threads=False)
    assert single == pytest.approx(max(takes, work))


@given(st.floats(0, 1e9), st.floats(0.001, 900), st.integers(128, 10_240))
def test_a_bill_by_hand(requests, seconds, memory):
    """Requests and GB-s, with and without what is free."""
    gb_s = requests * seconds * memory / 1_024
    plain = bill([(requests, seconds, memory)])
    assert plain["requests"] == pytest.approx(requests * 0.2e-6)
    assert plain["duration"] == pytest.approx(gb_s * 0.0000166667)
    free = bill([(requests, seconds, memory)], free=True)
    assert free["requests"] == pytest.approx(max(0, requests - 1e6) * 0.2e-6)
    assert free["duration"] == pytest.approx(max(0, gb_s - 4e5) * 0.0000166667)


def cents(lines):
    """The sum of a bill, each line to the cent, as AWS's price page adds up; USD."""
    return round(sum(round(usd, 2) for usd in lines.values()), 2)


@pytest.mark.parametrize("args, total", [
    (([[3_000_000, 0.12, 1_536]], [], [], True), 2.73), (([[7_440_000, 2, 1_024]],), 249.49),
    (([[6_000_000, 0.28, 4_096, 2_048]], [], [], True), 106.41),
    (([[2_500_000, 0.12, 1_536]], [[500_000, 0.1, 1_536]], [[100, 8, 1_536]], True), 19.96),
    (([], [[2_000_000, 0.28, 4_096]], [[7, 24, 4_096]]), 32.26)])
def test_the_sums_of_the_price_page(args, total):
    """To the cent; the lines are among the known answers."""
    assert cents(bill(*args)) == total


def test_the_examples_of_the_price_page():
    """To the cent; the older page's rates were rounded, so that one of its sums is a cent more."""
    assert cents(bill([[30_000_000, 0.2, 128]], free=True)) == 11.63
    assert cents(bill([[3_000_000, 1, 512]], free=True)) == pytest.approx(18.74, abs=0.011)
    assert cents(bill([[1e6, 1, 1_024]], arm=True)) == 13.53


@pytest.mark.parametrize("timeout, window, due", [(60, 0, 360), (30, 20, 200)])
def test_the_visibility_timeout_that_aws_advises(timeout, window, due):
    """Six times the function's, and the batching window."""
    assert rules.visibility_timeout(timeout, window) == due


def test_synchronous_calls_are_never_tried_again():
    """Each is invoked or throttled, once."""
    made = source(Synchronous, np.arange(100) / 10, work=5.0, limit=3)
    assert len(made.function.starts) + len(made.function.refused) == 100


# -- parts ------------------------------------------------------------------------------------

def two(sim):
    """Two functions, each with its callers, at different rates."""
    for name, rate, work in (("small", 5, 0.1), ("large", 20, 2.0)):
        function = Function(sim, name, labsim.exponential(work), timeout=60, limit=30)
        sim.send(rate, to=function, name=f"{name} clients")


def test_two_functions_do_not_mix():
    """Each has its own invocations, environments and line in the bill."""
    r = labsim.simulate(two, duration=600)
    assert all(law.holds(r) for law in r.lab.invariants)
    for name, rate in (("small", 5), ("large", 20)):
        s, clients = r.summary, r.summary[f"{name} clients.offered"]
        assert s[f"{name} calls.offered"] == clients == pytest.approx(600 * rate, rel=0.1)
        assert s[f"{name}.invocations"] + s[f"{name}.throttled"] == clients
        assert r.cost[f"{name}: requests"] == pytest.approx(s[f"{name}.invocations"] * 0.2e-6)
    assert r.summary["small.throttled"] == 0 < r.summary["large.throttled"]
    assert r.summary["large.concurrency_max"] == 30 > r.summary["small.concurrency_max"]


def test_several_callers_of_a_function_are_served_in_order_of_time():
    """One limit for all of them; merged, their calls are those of one caller."""
    times = np.arange(400) / 10
    def ends(sim, shares):
        function = Function(sim, "function", labsim.fixed(1.05), timeout=60, limit=10)
        for which in range(shares):
            Synchronous(sim, f"caller {which}", function).feed([times[which::shares]])
        sim.run()
        return [np.sort(x).tolist() for x in (function.starts, function.ends, function.refused)]
    assert ends(Simulation(1, 60.0), 1) == ends(Simulation(1, 60.0), 3)


def test_what_is_answered_goes_on_to_another_part():
    """Gateway, function, queue: each answer is a message, when it has come."""
    def shop(sim):
        function = Function(sim, "function", labsim.fixed(0.2), limit=1_000)
        door = api_gateway.Gateway(sim, "door", function, rate=10, burst=20)
        mails = sqs.Queue(sim, "mails")
        ec2.Fleet(sim, "workers", consumes=mails, work=labsim.fixed(0.05), size=2)
        door.answered.to(mails)
        sim.send(labsim.spike(5, 10, start=60, length=20), to=door)
    r = labsim.simulate(shop, duration=200)
    s = r.summary
    assert s["door.failed_gateway"] > 100 and s["door.offered"] == s["producers.offered"]
    assert s["mails.offered"] == s["door.completed"] > 800
    assert all(law.holds(r) for law in r.lab.invariants)
    assert r.cost["door: API Gateway"] == pytest.approx(s["door.offered"] * 3.5e-6)


def test_a_function_takes_what_a_queue_gives_out():
    """The messages that are worked on are calls, through the function's own door."""
    def chain(sim):
        orders = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", consumes=orders, work=labsim.fixed(0.1), size=3)
        function = Function(sim, "receipt", labsim.fixed(0.2))
        orders.done.to(function.calls)
        sim.send(4, to=orders)
    s = labsim.simulate(chain, duration=500).summary
    assert s["receipt calls.offered"] == s["orders.completed"] == s["receipt.invocations"] > 1_800


def test_two_parts_of_one_name():
    """The error names both."""
    sim = Simulation(1, 60.0)
    function = Function(sim, "api", labsim.fixed(1))
    with pytest.raises(ParameterError, match="a lambda_.Function and a lambda_.Synchronous"):
        Synchronous(sim, "api", function)


def test_a_function_that_nobody_calls():
    """Said before the run."""
    with pytest.raises(LabsimError, match="nobody calls api"):
        labsim.simulate(lambda sim: Function(sim, "api", labsim.fixed(1)), duration=60)


@pytest.mark.parametrize("bad", [
    {"memory": 127}, {"memory": 10_241}, {"timeout": 0}, {"timeout": 901}, {"limit": -1},
    {"init": -1}, {"keep": -1}, {"spare": -1},
    {"life": -1}, {"provisioned": 1_001}, {"error_share": 1.1}, {"at_once": -1},
    {"per_second": -1}])
def test_settings_that_lambda_refuses(bad):
    """Said with the name of the setting."""
    with pytest.raises(ParameterError) as caught:
        Function(Simulation(1, 60.0), "api", labsim.fixed(1), **bad)
    assert caught.value.name in bad


@pytest.mark.parametrize("kind, bad", [
    (Asynchronous, {"retries": 3}), (Asynchronous, {"age": -1}),
    (SqsEventSourceMapping, {"batch_size": 0}), (SqsEventSourceMapping, {"max_concurrency": -1}),
    (SqsEventSourceMapping, {"max_concurrency": 1}),
    (SqsEventSourceMapping, {"max_concurrency": 1_001}),
    (SqsEventSourceMapping, {"batch_size": 11}), (SqsEventSourceMapping, {"window": 301}),
    (SqsEventSourceMapping, {"batch_size": 11, "window": 0.5}),
    (SqsEventSourceMapping, {"batch_size": 10_001, "window": 1}),
    (SqsEventSourceMapping, {"visibility": 2.9}), (SqsEventSourceMapping, {"max_receives": 0}),
    (KinesisEventSourceMapping, {"age": -1}), (KinesisEventSourceMapping, {"window": -1}),
    (KinesisEventSourceMapping, {"shards": 0}), (KinesisEventSourceMapping, {"attempts": -1}),
    (KinesisEventSourceMapping, {"parallelization": 0}),
    (KinesisEventSourceMapping, {"batch_size": 0})])
def test_callers_that_cannot_be(kind, bad):
    """Said with the name of the setting."""
    sim = Simulation(1, 60.0)
    with pytest.raises(ParameterError) as caught:
        kind(sim, "callers", Function(sim, "api", labsim.fixed(1)), **bad)
    assert caught.value.name in bad


def test_a_queue_before_a_function_is_hidden_as_long_as_aws_advises():
    """Unless somebody says otherwise."""
    sim = Simulation(1, 60.0)
    function = lambda_.Function(sim, "api", labsim.fixed(1), timeout=30)
    assert SqsEventSourceMapping(sim, "orders", function).visibility == 180
