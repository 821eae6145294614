"""The lab lambda-concurrency: limits, theory, callers, memory and money, in runs."""

import functools
import math
import statistics
import time

import numpy as np
import pytest

import labsim
from labsim import declare as kit
from labsim import theory
from labsim.builtin.lambda_concurrency import story
from labsim.errors import NotApplicable, ParameterError
from labsim.services.lambda_.environments import Environments
from labsim.statistics import half_width
from labsim.study import measured

LAB = labsim.lab("lambda-concurrency")


def summary(seed=1, **values):
    return LAB.run(LAB.Params(**values), seed).summary


def interval(metric, runs=20, **values):
    got = [summary(seed, **values)[metric] for seed in range(runs)]
    return statistics.mean(got), half_width(got, 0.99)


def test_very_short_requests_are_limited_by_their_number():
    """Quota 100: a thousand a second, though few are under way."""
    s = summary(arrival_rate=2_000, spike_factor=1, cpu_time=0.01, wait_time=0, reserved=100,
                init_time=0, duration=10, work_cv=0)
    assert s["invocations"] == pytest.approx(1_000 * 10 + 1_000, rel=0.01)
    assert s["throttled_concurrency"] == 0 and s["throttled_rate"] == s["throttled"]


def test_what_cannot_be_reserved_is_refused():
    """Not more than the account has, less a hundred; no more provisioned than reserved."""
    LAB.Params(reserved=900, provisioned=900)
    for values, name in (({"reserved": 901}, "reserved"), ({"provisioned": 901}, "provisioned"),
                         ({"reserved": 200, "provisioned": 201}, "provisioned")):
        with pytest.raises(ParameterError) as caught:
            LAB.Params(**values)
        assert caught.value.name == name


def test_reserved_zero_switches_the_function_off():
    """As AWS documents; without a reservation, -1 as Terraform writes it, it has the account's."""
    s = summary(reserved=0, duration=30)
    assert s["invocations"] == s["concurrency_max"] == 0 < s["throttled"] == s["offered"]
    assert LAB.Params().reserved == -1 and LAB.Params().limit(False) == 1_000
    assert LAB.Params(reserved=0).limit(False) == 0


@pytest.mark.parametrize("values, name", [
    ({"visibility_timeout": 29.9}, "visibility_timeout"), ({"timeout": 181}, "visibility_timeout"),
    ({"max_concurrency": 1}, "max_concurrency"), ({"batch_size": 11}, "batch_size"),
    ({"batch_size": 100, "batch_window": 0.5}, "batch_size")])
def test_an_event_source_mapping_that_aws_refuses(values, name):
    """CreateEventSourceMapping: visibility timeout below the function's, maximum concurrency below
    2, more than 10 messages without a window of a second. Of a queue only."""
    with pytest.raises(ParameterError) as caught:
        LAB.Params(caller="sqs", **values)
    assert caught.value.name == name
    LAB.Params(caller="kinesis", **values)
    LAB.Params(caller="sqs", batch_size=10_000, batch_window=1, max_concurrency=2,
               visibility_timeout=30)


def test_a_poison_record_shows_in_the_iterator_age():
    """A stream without end of attempts stands still; bisected and with few attempts it does not."""
    bad = dict(caller="kinesis", arrival_rate=20, spike_factor=1, cpu_time=0.01, wait_time=0,
               poison_share=0.002, shards=2, batch_size=100, duration=600)
    stuck = LAB.run(LAB.Params(**bad))
    assert stuck.summary["iterator_age_max"] > 100 and stuck.summary["waiting_end"] > 1_000
    assert stuck.series["iterator_age"].value[-1] > 100
    mended = summary(**bad, bisect_batch=True, batch_attempts=2)
    assert mended["iterator_age_max"] < 60 and mended["waiting_end"] < 100
    assert 0 < mended["dead_lettered"] < 0.004 * mended["offered"]


@pytest.mark.parametrize("caller", ["synchronous", "asynchronous", "sqs", "kinesis"])
def test_errors_begin_and_end_when_they_should(caller):
    """All attempts fail for ten seconds: nobody is done then, and nobody fails before or after."""
    result = labsim.run("lambda-concurrency", caller=caller, spike_factor=1, error_share=1,
                        error_start=20, error_duration=10, cpu_time=0.1, wait_time=0, work_cv=0,
                        delivery_delay=False, init_time=0, shards=500)
    done = result.series["completed_rate"]
    assert (done.value[(done.t > 20.5) & (done.t < 30)] == 0).all()
    assert (done.value[(done.t > 5) & (done.t < 20)] > 0).all() and done.value[-1] > 0
    assert caller != "synchronous" or result.summary["errors"] == pytest.approx(2_000, rel=0.1)


@pytest.mark.parametrize("caller", ["synchronous", "api-gateway"])
def test_who_waits_for_the_answer_has_no_way_to_the_function(caller):
    """Whatever the knob says."""
    near, far = (labsim.run("lambda-concurrency", caller=caller, delivery_delay=on).summary
                 for on in (False, True))
    assert near == far


def test_a_reservation_guards_against_neighbours():
    """They take nearly all; with a reservation nothing changes for us."""
    noisy = dict(arrival_rate=100, spike_factor=1, init_time=0, other_concurrency=950)
    assert summary(**noisy)["failed_throttled"] > 1_000
    guarded = summary(**noisy, reserved=250)
    assert guarded["failed_throttled"] == 0 and guarded["others_short"] == 200


@pytest.mark.long
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
        tried = b["offered"] - a["offered"]
        shares.append((b["failed_throttled"] - a["failed_throttled"]) / tried)
    mean, half = statistics.mean(shares), half_width(shares, 0.99)
    expected = theory.erlang_b(servers, load)
    print(f"measured: lambda, {servers} servers, {load} erlangs, cv {cv}: {mean:.4f} +- "
          f"{half:.4f}, Erlang B {expected:.4f}")
    assert abs(mean - expected) <= half


def test_littles_law_of_what_is_under_way():
    """Inside the 99% interval; what is missing in the first seconds, as it fills, is taken off."""
    mean, half = interval("concurrency_mean", spike_factor=1, duration=30, init_time=0)
    assert abs(mean - 200 * 1.25 * (1 - 0.625 * (1 + 0.04) / 30)) <= half


@pytest.mark.parametrize("values", [{}, {"caller": "sqs", "spike_factor": 1},
                                    {"spike_factor": 1, "other_concurrency": 5},
                                    {"spike_factor": 1, "cpu_time": 2, "timeout": 6}])
def test_erlang_b_is_drawn_only_where_it_holds(values):
    """Spikes, queues, neighbours and timeouts are none of its business."""
    with pytest.raises(NotApplicable):
        story.erlang(LAB.Params(**values))


def test_a_client_is_not_waited_for_longer_than_the_gateway_does():
    """The function goes on and is paid."""
    s = summary(caller="api-gateway", arrival_rate=5, spike_factor=1, cpu_time=40, wait_time=0,
                work_cv=0, timeout=60, duration=100)
    assert s["completed"] == 0 and s["timed_out"] > 0 and s["gb_seconds"] > 0


@pytest.mark.parametrize("ttl", [2, 5])
def test_the_cache_answers_as_renewal_theory_says(ttl):
    """Each key's requests are Poisson, an answer is kept from when it came: inside the interval."""
    values = dict(caller="api-gateway", arrival_rate=50, spike_factor=1, cpu_time=0.01,
                  wait_time=0, cache_ttl=ttl, cache_keys=100, duration=100 + 10 * ttl,
                  init_time=0)
    warm = [summary(seed, **{**values, "duration": 4 * ttl}) for seed in range(20)]
    long = [summary(seed, **values) for seed in range(20)]
    got = [(b["cache_hits"] - a["cache_hits"]) / (b["offered"] - a["offered"])
           for a, b in zip(warm, long)]
    mean, half = statistics.mean(got), half_width(got, 0.99)
    assert abs(mean - theory.ttl_hit_ratios([0.5], ttl)[0]) <= half + 1e-3  # 10 ms to answer


def test_the_bill_of_a_run_is_that_of_its_invocations():
    """Cold starts are paid, throttles are not."""
    r = LAB.run(LAB.Params())
    assert r.cost["duration"] == pytest.approx(r.summary["gb_seconds"] * 0.0000166667)
    assert r.cost["requests"] == pytest.approx(r.summary["invocations"] * 0.2e-6)


def test_provisioned_environments_have_no_cold_start():
    """As long as they are enough; beyond them there are."""
    steady = dict(spike_factor=1)
    assert summary(**steady, provisioned=350)["cold_starts"] == 0
    assert summary(**steady, provisioned=100)["cold_starts"] > 20


def test_a_minute_at_a_thousand_a_second_is_quicker_than_request_by_request():
    """The whole run, with its draws and its record, beside the calls alone of an environment pool
    that takes one after the other; best of three in turn, with room to spare."""
    r, times = LAB.Params(arrival_rate=1_000, cpu_time=0.2, wait_time=0.05, spike_factor=1), []
    arrivals = np.arange(60_000) / 1_000
    for _ in range(3):
        begin = time.process_time()
        LAB.run(r)
        between = time.process_time()
        pool = Environments(1_000, init=r.init_time)
        for t in arrivals.tolist():
            pool.invoke(t, 0.25)
        times.append((between - begin, time.process_time() - between))
    run, alone = map(min, zip(*times))
    print(f"measured: lambda, 60,000 requests: whole run {1e3 * run:.0f} ms, calls one by one "
          f"{1e3 * alone:.0f} ms")
    assert run < 1.5 * alone


@functools.cache
def of_values(values, seed):
    return LAB.run(LAB.Params(**dict(values)), seed)


def beside(simfaas):
    """The comparisons with that set of measurements, or with the others of environments."""
    return [case for case in measured.cases(LAB) if "sqs" not in case["set"]
            and case["set"].startswith("lambda-") and (case["set"] == "lambda-simfaas") == simfaas]


@pytest.mark.parametrize("case", beside(simfaas=False), ids=lambda case: case["name"])
def test_what_is_beside_a_measurement_is_met_or_explained(case):
    """Within a fifth of it or two standard errors, or it says why not."""
    comparison = measured.compare(LAB, case, of_values)
    print(f"measured: lambda: {comparison.name}: {comparison.error:+.1%}")
    assert comparison.met != bool(comparison.why)


@pytest.mark.long
def test_nearer_to_the_experiments_than_the_simulator_made_for_them():
    """Cold starts and environments of SimFaaS's 20 experiments: no number of the model is fitted to
    these figures, and both are nearer than its own (examples/04-Experiment-Comparison)."""
    for case, of_simfaas in zip(beside(simfaas=True), (0.1223, 0.0305), strict=True):
        error = measured.compare(LAB, case, of_values).error
        print(f"measured: lambda: {case['name']}: {error:.1%}, SimFaaS {of_simfaas:.1%}")
        assert error < of_simfaas
    of_values.cache_clear()


def test_the_runtime_says_how_long_a_cold_start_takes():
    """Unless it is one's own: base, CPU work on one thread, package."""
    values = dict(spike_factor=1, arrival_rate=0.01, cpu_time=0, wait_time=0, keep_time=0,
                  duration=5_000)
    for more, takes in (({}, 0.25), ({"init_time": 2.0}, 2.0), ({"runtime": "java"}, 0.37),
                        ({"runtime": "nodejs", "package_size": 35.0}, 0.26 + 35 * 0.103),
                        ({"runtime": "dotnet", "memory": 128}, 0.30 + 0.21 * 1_769 / 128),
                        ({"runtime": "dotnet", "memory": 8_192}, 0.51)):
        assert summary(**values, **more)["latency_mean"] == pytest.approx(takes)


@pytest.mark.parametrize("rate", [0.003, 0.005, 0.01])
def test_cold_starts_of_a_function_that_is_seldom_called(rate):
    """Those whom nobody preceded for so long, as the closed form has it, and a few whose
    environment ended by age or chance."""
    s = summary(arrival_rate=rate, spike_factor=1, cpu_time=0.1, wait_time=0,
                duration=2_000 / rate)
    alone = math.exp(-rate * 640)
    noise = 3 * math.sqrt(alone * (1 - alone) / 2_000)
    assert alone - noise <= s["cold_start_share"] <= alone + noise + 0.06


def test_a_busy_function_has_cold_starts_too():
    """One request a second of a second each for a week: each environment lasts at most two hours
    or so, and some are lost."""
    s = summary(arrival_rate=1, spike_factor=1, work_cv=0, cpu_time=1, wait_time=0,
                duration=604_800)
    assert s["cold_starts"] > 604_800 / 7_400 and s["cold_start_share"] < 0.003
    assert s["environments_max"] >= s["concurrency_max"]


# -- clients who wait, and come back --------------------------------------------------------

@pytest.mark.parametrize("values", [
    {}, {"caller": "api-gateway", "gateway_rate": 150, "gateway_burst": 50, "gateway_timeout": 1.2},
    {"caller": "api-gateway", "cache_ttl": 5, "cache_keys": 500},
    {"error_share": 0.1, "error_start": 10, "error_duration": 20, "other_concurrency": 900}])
def test_clients_who_wait_for_ever_see_what_others_cause(values):
    """One attempt each and all the patience: on the agenda every number is that of the blocks, to
    the bit but for means, whose sums have another order."""
    blocks = LAB.run(LAB.Params(**values))
    waiting = LAB.run(LAB.Params(**values, client_timeout=86_400))
    summed = "goodput", "latency_mean"
    assert [waiting.summary[name] for name in blocks.summary if name not in summed] == [
        blocks.summary[name] for name in blocks.summary if name not in summed]
    for name in summed:
        assert waiting.summary[name] == pytest.approx(blocks.summary[name], rel=1e-12)
    for name in ("in_flight", "environments", "throttled_rate", "limit", "waiting"):
        assert waiting.series[name].value.tolist() == blocks.series[name].value.tolist()


def test_who_tries_again_at_once_only_uses_up_attempts():
    """Nothing has changed in a moment: who fails has made all five, who is served one."""
    s = LAB.run(LAB.Params(**{**story.CROWD, "retry_mode": "at-once"})).summary
    assert s["attempts"] == s["offered"] + 4 * s["failed"] and s["failed"] > 2_000


@pytest.mark.parametrize("seed", range(8))
def test_jitter_serves_a_crowd_that_comes_together_without_it(seed):
    """The same attempts at most, the same limit: a quarter of those who got nothing still do."""
    together, apart = (LAB.run(LAB.Params(**{**story.CROWD, "retry_mode": mode}), seed).summary
                       for mode in ("exponential", "full-jitter"))
    assert apart["failed"] < together["failed"] / 4 and together["failed"] > 500


@pytest.mark.parametrize("seed", range(4))
def test_who_hangs_up_too_early_makes_the_throttles(seed):
    """Without a timeout there are none; with one the function works more, and answers less."""
    patient = summary(seed, **{**story.IMPATIENT, "client_timeout": 0})
    hasty = summary(seed, **story.IMPATIENT)
    assert patient["throttled"] < 20 < 5_000 < hasty["throttled"]
    assert hasty["gb_seconds"] > 1.1 * patient["gb_seconds"]
    assert hasty["completed"] < 0.9 * patient["completed"]


def test_clients_matter_to_who_waits_for_an_answer_only():
    """An event, a message or a record is accepted at once: knobs of clients change nothing."""
    for caller in ("asynchronous", "sqs", "kinesis"):
        values = dict(caller=caller, arrival_rate=50, duration=30)
        assert summary(**values) == summary(**values, retry_mode="full-jitter", client_timeout=1)


@pytest.mark.parametrize("values", [{}, {"retry_mode": "full-jitter"}, {"caller": "sqs"},
                                    {"caller": "api-gateway", "cache_ttl": 5}])
def test_a_function_that_is_down_for_a_while(values):
    """From 30 to 40 s whoever is invoked fails at once; whatever the caller, all adds up."""
    calm = dict(arrival_rate=50, spike_factor=1, **values)
    r = LAB.run(LAB.Params(**calm, faults=[("function", "down", 30, 10)]))
    assert all(law.holds(r) for law in LAB.invariants)
    s, untroubled = r.summary, LAB.run(LAB.Params(**calm)).summary
    assert s["offered"] == untroubled["offered"]
    assert s["completed"] < untroubled["completed"] or s["throttled"] > untroubled["throttled"]


def test_theory_says_why_it_is_silent():
    """Clients who come back, or a fault."""
    for values in ({"retry_mode": "fixed"}, {"faults": [("function", "slow", 1, 1, 2)]}):
        with pytest.raises(NotApplicable):
            story.erlang(LAB.Params(spike_factor=1, **values))


# -- what the stage shows ----------------------------------------------------------------------

@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
def test_what_flows_on_the_stage_adds_up(preset):
    """Who calls the function, for the first time or again, is let in or throttled; what leaves the
    callers is answered or given up."""
    p = LAB.Params(**preset.values)
    r = LAB.run(p)
    total = {name: float(series.value[1:].sum()) * series.t[1] for name, series in r.series.items()}
    calls, s = total["first_rate"] + total["again_rate"], r.summary
    assert total["turned_away_rate"] == pytest.approx(s["throttled"] + s["failed_gateway"])
    assert total["cached_rate"] == pytest.approx(s["cache_hits"])
    assert total["completed_rate"] == pytest.approx(s["completed"], abs=1e-6)
    assert total["late_rate"] == pytest.approx(s["late"])
    if p.caller in ("synchronous", "api-gateway"):
        assert calls == pytest.approx(s["attempts"])
        assert total["again_rate"] == pytest.approx(s["retries"])
        assert calls == pytest.approx(s["invocations"] + s["cache_hits"]
                                      + total["turned_away_rate"])
    else:
        assert total["first_rate"] <= s["offered"]
        assert p.batch_size > 1 or calls == pytest.approx(s["invocations"] + s["throttled"])
    assert (r.series["free"].value >= r.series["limit"].value
            - r.series["in_flight"].value).all()


@pytest.mark.parametrize("preset", LAB.presets, ids=lambda preset: preset.name)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_burst_raises_the_load(preset, part):
    """At any moment: before the spike, in it, after it, or where there is none."""
    p = LAB.Params(**preset.values)
    burst = LAB.Params(**{**preset.values, **LAB.boxes[0].burst(p, part * p.duration)})
    calm, busy = (kit.spiked(each, each.arrival_rate) for each in (p, burst))
    assert busy.cumulative[-1] > 1.05 * calm.cumulative[-1]
    later = kit.spiked(burst, 1.0).expected(np.array([part, part + 0.05]) * p.duration)[0]
    assert later > 1.8 * 0.05 * p.duration
