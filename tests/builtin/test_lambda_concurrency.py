"""Environments, limits, callers and the bill of Lambda, rule by rule."""

import statistics

import numpy as np
import plain_pool
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import labsim
from labsim import theory
from labsim.builtin.lambda_concurrency import story
from labsim.errors import NotApplicable, ParameterError
from labsim.services.api_gateway import throttle as api_gateway
from labsim.services.api_gateway.throttle import Gateway
from labsim.services.lambda_ import rules as aws_lambda
from labsim.services.lambda_.pool import TOO_FAST, TOO_MANY, TOO_OFTEN, Pool
from labsim.services.lambda_.sources import DEAD, DONE, Asynchronous, Queue, Stream, Synchronous
from labsim.study.known_answers import T_99

LAB = labsim.lab("lambda-concurrency")
times_and_works = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 400)), min_size=1,
                           max_size=120)


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


def interval(metric, runs=20, **values):
    got = [summary(seed, **values)[metric] for seed in range(runs)]
    return statistics.mean(got), T_99[runs] * statistics.stdev(got) / runs**0.5


# -- environments -----------------------------------------------------------------------------

@settings(max_examples=150, deadline=None)
@given(times_and_works, st.integers(1, 12), st.integers(0, 5), st.sampled_from([0.03, 1.03, 1e9]))
def test_the_pool_is_plain_simpy(steps, limit, provisioned, keep):
    """Who is cold, warm or throttled, and when each ends: equal, at random times that never
    coincide."""
    provisioned = min(provisioned, limit)
    times = np.cumsum([gap for gap, _ in steps]) / 16 + np.arange(len(steps)) * 1e-6
    works = [work / 64 + 1 / 512 for _, work in steps]
    pool = Pool(limit, init=0.25, keep=keep, provisioned=provisioned)
    pool._calls = 1e9       # the rate limit has a test of its own
    told = plain_pool.run(times.tolist(), works, limit=limit, init=0.25, keep=keep,
                          provisioned=provisioned)
    for t, work, (kind, end) in zip(times.tolist(), works, told):
        before, pool._calls = pool.cold, 1e9
        got = pool.invoke(t, work)
        assert (got < 0) == (kind == "throttled")
        if got >= 0:
            assert got == end and (pool.cold > before) == (kind == "cold")


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 20)), min_size=1, max_size=60))
def test_an_environment_serves_one_request_at_a_time(steps):
    """No two overlap in one; there are as many as ever overlap, no more."""
    starts = np.cumsum([gap for gap, _ in steps])
    ends = [s + work for s, (_, work) in zip(starts, steps)]
    used = aws_lambda.environments(starts.tolist(), ends)
    most = max(sum(s <= t < e for s, e in zip(starts, ends)) for t in starts)
    assert max(used) + 1 == most
    for i, environment in enumerate(used):
        assert all(ends[j] <= starts[i] for j in range(i) if used[j] == environment)


def test_ten_requests_and_six_environments():
    """The figure of AWS: A to E, then A, B, C again, F, D."""
    starts = [0, 1, 2, 3, 4, 5, 6, 7, 7.5, 8]
    ends = [4.5, 5.5, 6.5, 7.8, 9, 9, 10, 11, 12, 12]
    assert [*map("ABCDEF".__getitem__, aws_lambda.environments(starts, ends))] == list("ABCDEABCFD")


def test_an_idle_environment_is_given_up():
    """One request a minute: always cold if kept for less, once if for more."""
    for keep, cold in ((30, 5), (90, 1)):
        pool = Pool(10, keep=keep)
        for minute in range(5):
            pool.invoke(60.0 * minute, 1.0)
        assert pool.cold == cold


# -- limits -----------------------------------------------------------------------------------

@given(st.floats(0.1, 1e5), st.floats(0.001, 60), st.floats(1, 1e5))
def test_littles_law_and_ten_requests_a_second(rate, seconds, quota):
    """What is served is the least of three, and the quota that is needed serves all."""
    assert aws_lambda.served_rate(rate, seconds, quota) == pytest.approx(
        min(rate, quota / seconds, 10 * quota))
    needed = aws_lambda.quota_needed(rate, seconds)
    assert aws_lambda.served_rate(rate, seconds, needed) == pytest.approx(rate)


@pytest.mark.parametrize("rate, seconds, under_way", [
    (100, 1, 100), (100, 0.5, 50), (200, 0.25, 50), (5_000, 0.2, 1_000)])
def test_concurrency_of_aws_examples(rate, seconds, under_way):
    """Rate times duration."""
    assert aws_lambda.concurrency(rate, seconds) == under_way


def test_very_short_requests_are_limited_by_their_number():
    """Quota 100: a thousand a second, though few are under way."""
    s = summary(arrival_rate=2_000, spike_factor=1, cpu_time=0.01, wait_time=0, reserved=100,
                init_time=0, duration=10, work_cv=0)
    assert s["invocations"] == pytest.approx(1_000 * 10 + 1_000, rel=0.01)
    assert s["too_many"] == 0 and s["too_often"] == s["throttles"]


@pytest.mark.parametrize("account, rate", [(10_000, 600), (2_000, 600), (5_000, 1_500)])
def test_a_steep_load_gets_a_thousand_and_a_hundred_a_second(account, rate):
    """Second by second the rule's ramp, or as many as have come."""
    pool, got = Pool(account), 0
    for n in range(20 * rate):
        t = n / rate
        got += pool.invoke(t, 1e6) >= 0
        if n % rate == 0:
            due = min(n + 1, aws_lambda.ramp(t, account))
            assert got == pytest.approx(due, abs=2), t
    assert pool.refused[TOO_OFTEN] == 0
    assert (pool.refused[TOO_MANY] > 0) == (account < 2_900)
    assert pool.refused[TOO_FAST] > 0 or account < 2_900


@given(st.integers(100, 50_000), st.lists(st.integers(0, 5_000), max_size=8))
def test_a_hundred_stay_unreserved(quota, reserved):
    """What is left, or a refusal."""
    if quota - sum(reserved) < 100:
        with pytest.raises(ValueError, match="at most"):
            aws_lambda.unreserved(quota, reserved)
    else:
        assert aws_lambda.unreserved(quota, reserved) == quota - sum(reserved)


def test_what_cannot_be_reserved_is_refused():
    """Not more than the account has, less a hundred; no more provisioned than reserved."""
    LAB.Params(reserved=900, provisioned=900)
    for values, name in (({"reserved": 901}, "reserved"), ({"provisioned": 901}, "provisioned"),
                         ({"reserved": 200, "provisioned": 201}, "provisioned")):
        with pytest.raises(ParameterError) as caught:
            LAB.Params(**values)
        assert caught.value.name == name


def test_a_reservation_guards_against_neighbours():
    """They take nearly all; with a reservation nothing changes for us."""
    noisy = dict(arrival_rate=60, spike_factor=1, cpu_time=2, other_concurrency=950, duration=100)
    assert summary(**noisy)["throttled"] > 1_000
    guarded = summary(**noisy, reserved=250)
    assert guarded["throttled"] == 0 and guarded["others_short"] == 200


# -- theory -----------------------------------------------------------------------------------

@pytest.mark.parametrize("servers, load, cv", [(5, 3, 1), (20, 20, 1), (20, 20, 0), (50, 40, 2),
                                               (10, 15, 0.5)])
def test_erlang_b(servers, load, cv):
    """No queue: the share throttled is inside the 99% interval, for any spread of durations."""
    values = dict(arrival_rate=load, spike_factor=1, cpu_time=1, wait_time=0, work_cv=cv,
                  reserved=servers, provisioned=servers, init_time=0, timeout=900)
    first = dict(values, duration=60)       # from empty: those of the first minute are taken off
    shares = []
    for seed in range(20):
        a, b = summary(seed, **first), summary(seed, **values, duration=660)
        tried = b["requests"] - a["requests"]
        shares.append((b["throttled"] - a["throttled"]) / tried)
    mean, half = statistics.mean(shares), T_99[20] * statistics.stdev(shares) / 20**0.5
    expected = theory.erlang_b(servers, load)
    print(f"measured: lambda, {servers} servers, {load} erlangs, cv {cv}: {mean:.4f} +- "
          f"{half:.4f}, Erlang B {expected:.4f}")
    assert abs(mean - expected) <= half


def test_littles_law_of_what_is_under_way():
    """Inside the 99% interval; what is missing in the first seconds, as it fills, is taken off."""
    mean, half = interval("concurrency_mean", arrival_rate=30, spike_factor=1, duration=200,
                          init_time=0)
    assert abs(mean - 30 * 5 * (1 - 2.5 * (1 + 0.04) / 200)) <= half


@pytest.mark.parametrize("values", [{}, {"caller": "sqs", "spike_factor": 1},
                                    {"spike_factor": 1, "other_concurrency": 5},
                                    {"spike_factor": 1, "timeout": 6}])
def test_erlang_b_is_drawn_only_where_it_holds(values):
    """Spikes, queues, neighbours and timeouts are none of its business."""
    with pytest.raises(NotApplicable):
        story.erlang(LAB.Params(**values))


# -- callers ----------------------------------------------------------------------------------

def source(Kind, times, work=1.0, limit=10, chance=None, **how):
    """A source that has run to its end, or for an hour."""
    n = len(times)
    made = Kind(Pool(limit), list(map(float, times)), [work] * n, chance or [0.5] * n,
                **{"error_share": 0.0, "timeout": 900.0, **how})
    made.advance(1e6)
    return made


@given(st.lists(st.floats(0, 30), min_size=1, max_size=4), st.integers(0, 2))
def test_an_event_that_always_fails(durations, retries):
    """Attempts at 0, a minute after the first failure, two after the second; then the DLQ."""
    times = aws_lambda.attempt_times(durations, retries)
    assert len(times) == min(len(durations), retries + 1)
    waits = [b - a - d for a, b, d in zip(times, times[1:], durations)]
    assert waits == pytest.approx([60, 120][:len(waits)])


def test_an_event_that_always_fails_in_the_run():
    """Three invocations, at the times of the rule; then it is dead-lettered."""
    made = source(Asynchronous, [5.0], work=7.0, error_share=1.0, retries=2, age=21_600)
    assert [start - 5 for start, _, _ in made.runs] == aws_lambda.attempt_times([7, 7, 7])
    assert made.fate == [DEAD]


def test_a_throttled_event_waits_twice_as_long_each_time():
    """From a second up to five minutes, until its age is used up."""
    assert [aws_lambda.backoff(n) for n in (1, 2, 3, 9, 10, 99)] == [1, 2, 4, 256, 300, 300]
    made = source(Asynchronous, [0.0], limit=0, retries=2, age=3_600)
    gaps = np.diff(made.throttles)
    assert gaps.tolist() == [min(300, 2.0**n) for n in range(len(gaps))]
    assert made.fate == [DEAD] and made.throttles[-1] <= 3_600 < made.throttles[-1] + 300


def test_pollers_begin_with_five_and_grow():
    """A backlog at once: five batches, and five more each second, up to the most that is set."""
    for most, due in ((0, [5, 10, 15, 20]), (12, [5, 10, 12, 12])):
        made = source(Queue, [0.0] * 500, work=100.0, limit=1_000, batch=1, most=most,
                      visibility=600, receives=5)
        starts = np.array([start for start, _, _ in made.runs])
        # The small step is for rounding of sums of fifths of a second.
        assert [int((starts <= t + 1e-6).sum()) for t in (0, 1, 2, 3)] == due


def test_a_throttled_message_counts_its_receive():
    """With no concurrency at all it is received so often, each a visibility timeout later."""
    made = source(Queue, [0.0], limit=0, batch=10, most=0, visibility=30, receives=3)
    assert made.throttles == [0, 30, 60] and made.fate == [DEAD] and made.end == [90]


def test_batches_are_as_large_as_allowed():
    """A hundred messages that wait: ten in each."""
    made = source(Queue, [0.0] * 105, batch=10, most=0, visibility=600, receives=5, limit=100)
    assert max(n for _, _, n in made.runs) == 10 and made.fate == [DONE] * 105
    assert sum(n for _, _, n in made.runs) == 105


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 5))
def test_a_stream_keeps_the_order_of_each_lane(lanes, batch):
    """Whatever fails, records of a lane end in the order in which they came, batch by batch."""
    chance = [((i * 37) % 100) / 100 for i in range(len(lanes))]
    made = source(Stream, np.arange(len(lanes)) / 8, chance=chance, error_share=0.1, lanes=4,
                  lane=lanes, batch=batch, attempts=0, limit=1_000)
    assert set(made.fate) == {DONE}
    for lane in range(4):
        ends = [end for end, where in zip(made.end, lanes) if where == lane]
        assert ends == sorted(ends)


def test_a_failing_batch_blocks_its_lane_until_its_attempts_are_used_up():
    """The record behind a bad one waits for all of its attempts and their waits."""
    made = source(Stream, [0.0, 0.5], chance=[0.0, 0.5], error_share=1e-9, lanes=1, lane=[0, 0],
                  batch=1, attempts=1)
    assert made.fate == [DEAD, DONE] and made.runs[1][0] == made.runs[0][1]


def test_a_client_is_not_waited_for_longer_than_the_gateway_does():
    """The function goes on and is paid."""
    s = summary(caller="api-gateway", arrival_rate=5, spike_factor=1, cpu_time=40, wait_time=0,
                work_cv=0, timeout=60, duration=100)
    assert s["answered"] == 0 and s["timed_out"] > 0 and s["gb_seconds"] > 0


# -- API Gateway ------------------------------------------------------------------------------

@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 50), st.integers(1, 20))
def test_the_gateway_is_a_token_bucket(gaps, rate, burst):
    """Never more than burst + rate x time in any stretch, and none is refused that has a token."""
    gateway, t, passed, tokens, last = Gateway(rate, burst), 0.0, [], float(burst), 0.0
    for gap in gaps:
        t += gap
        tokens, last = min(burst, tokens + rate * (t - last)), t
        assume(abs(tokens - 1) > 1e-6)
        if gateway.admit(t):
            passed.append(t)
            tokens -= 1
        else:
            assert tokens < 1
    for i, a in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= burst + rate * (passed[j] - a) + 1e-6


@pytest.mark.parametrize("counts, seconds, rate, burst, interval, due", [
    ([10, 10], 0.5, 10, 5, 0, [5, 5]), ([20, 30, 30], 1, 20, 30, 1, [20, 30, 20]),
    ([100, 0, 100], 1, 10, 40, 0, [40, 0, 20]), ([30, 30, 30], 1, 20, 30, 1, [30, 20, 20])])
def test_sequences_of_a_token_bucket(counts, seconds, rate, burst, interval, due):
    """Those of AWS's page, and others."""
    assert api_gateway.passed(counts, seconds, rate, burst, interval=interval) == due


@given(st.floats(0, 1e5), st.floats(0, 10))
def test_an_even_crowd_before_a_full_bucket(n, seconds):
    """All, or the burst and what comes meanwhile; as the bucket in thousands of steps has it."""
    assert api_gateway.passed_evenly(n, seconds) == min(n, 5_000 + 10_000 * seconds)


@pytest.mark.parametrize("ttl", [2, 5])
def test_the_cache_answers_as_renewal_theory_says(ttl):
    """Each key's requests are Poisson, an answer is kept from when it came: inside the interval."""
    values = dict(caller="api-gateway", arrival_rate=50, spike_factor=1, cpu_time=0.01,
                  wait_time=0, cache_ttl=ttl, cache_keys=100, duration=100 + 10 * ttl,
                  init_time=0)
    warm = [summary(seed, **{**values, "duration": 4 * ttl}) for seed in range(20)]
    long = [summary(seed, **values) for seed in range(20)]
    got = [(b["cached"] - a["cached"]) / (b["requests"] - a["requests"])
           for a, b in zip(warm, long)]
    mean, half = statistics.mean(got), T_99[20] * statistics.stdev(got) / 20**0.5
    assert abs(mean - theory.ttl_hit_ratios([0.5], ttl)[0]) <= half + 1e-3  # 10 ms to answer


# -- memory and money --------------------------------------------------------------------------

@given(st.integers(128, 10_240), st.floats(0.01, 100))
def test_memory_buys_cpu(memory, work):
    """Duration times memory stays while the CPU is the limit; one thread uses no more than one."""
    full = aws_lambda.gb_seconds(1, work, 1_769)
    takes = aws_lambda.duration(work, memory)
    assert aws_lambda.gb_seconds(1, takes, memory) == pytest.approx(full)
    single = aws_lambda.duration(work, memory, threads=False)
    assert single == pytest.approx(max(takes, work))


@given(st.floats(0, 1e9), st.floats(0.001, 900), st.integers(128, 10_240))
def test_a_bill_by_hand(requests, seconds, memory):
    """Requests and GB-s, with and without what is free."""
    gb_s = requests * seconds * memory / 1_024
    plain = aws_lambda.bill([(requests, seconds, memory)])
    assert plain["requests"] == pytest.approx(requests * 0.2e-6)
    assert plain["duration"] == pytest.approx(gb_s * 0.0000166667)
    free = aws_lambda.bill([(requests, seconds, memory)], free=True)
    assert free["requests"] == pytest.approx(max(0, requests - 1e6) * 0.2e-6)
    assert free["duration"] == pytest.approx(max(0, gb_s - 4e5) * 0.0000166667)


def test_the_examples_of_the_price_page():
    """To the cent; the older page's rates were rounded, so that one of its sums is a cent more."""
    assert aws_lambda.total_free([[30_000_000, 0.2, 128]]) == 11.63
    assert aws_lambda.total_free([[3_000_000, 1, 512]]) == pytest.approx(18.74, abs=0.011)
    assert aws_lambda.total([[1e6, 1, 1_024]], arm=True) == 13.53


def test_the_bill_of_a_run_is_that_of_its_invocations():
    """Cold starts are paid, throttles are not."""
    r = LAB.run(LAB.Params())
    assert r.cost["duration"] == pytest.approx(r.summary["gb_seconds"] * 0.0000166667)
    assert r.cost["requests"] == pytest.approx(r.summary["invocations"] * 0.2e-6)


def test_provisioned_environments_have_no_cold_start():
    """As long as they are enough; beyond them there are."""
    steady = dict(arrival_rate=20, spike_factor=1, duration=60)
    assert summary(**steady, provisioned=150)["cold_starts"] == 0
    assert summary(**steady, provisioned=50)["cold_starts"] > 20


@pytest.mark.parametrize("timeout, window, due", [(60, 0, 360), (30, 20, 200)])
def test_the_visibility_timeout_that_aws_advises(timeout, window, due):
    """Six times the function's, and the batching window."""
    assert aws_lambda.visibility_timeout(timeout, window) == due


def test_synchronous_calls_are_never_tried_again():
    """Each is invoked or throttled, once."""
    made = source(Synchronous, np.arange(100) / 10, work=5.0, limit=3)
    assert len(made.runs) + len(made.throttles) == 100
