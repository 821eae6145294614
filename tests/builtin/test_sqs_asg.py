"""The queue-backlog lab against theory, and against what AWS would do."""

import math
import os
import statistics
from pathlib import Path

import alone
import numpy as np
import pytest

import labsim
from labsim import theory
from labsim.errors import ParameterError
from labsim.statistics import half_width

REPLICATIONS = 20
TRACE = Path(__file__).parents[3] / "shared" / "traces" / "elb_request_count.csv"


def mean_wait(utilization, servers, cv, messages):
    """(mean, half-width) of the 99% confidence interval over replications; service time 1 s."""
    rate = utilization * servers
    waits = [labsim.run("sqs-asg", seed=seed, workload="steady", policy="none", service_time=1.0,
                        service_cv=cv, arrival_rate=rate, instances=servers,
                        duration=messages / rate).summary["wait_mean"]
             for seed in range(REPLICATIONS)]
    return (statistics.mean(waits),
            half_width(waits, 0.99))


@pytest.mark.long
@pytest.mark.parametrize("servers", [1, 4, 10])
@pytest.mark.parametrize("utilization, messages", [(0.5, 20_000), (0.8, 40_000), (0.9, 100_000),
                                                   (0.95, 200_000)])
def test_mean_wait_is_erlang_c(utilization, servers, messages):
    """M/M/c: theory lies inside the 99% confidence interval, and the interval says something."""
    mean, half = mean_wait(utilization, servers, 1.0, messages)
    expected = theory.mmc_wait_mean(utilization * servers, 1.0, servers)
    print(f"measured: M/M/{servers} at {utilization}: {mean:.4f} +- {half:.4f} s, Erlang "
          f"C {expected:.4f} s")
    assert abs(mean - expected) <= half
    assert half < 0.15 * expected


@pytest.mark.long
@pytest.mark.parametrize("cv", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("utilization, messages", [(0.5, 20_000), (0.8, 60_000), (0.9, 150_000)])
def test_mean_wait_is_pollaczek_khinchine(cv, utilization, messages):
    """M/D/1 and M/G/1 likewise."""
    mean, half = mean_wait(utilization, 1, cv, messages)
    expected = theory.mg1_wait_mean(utilization, 1.0, cv)
    print(f"measured: M/G/1 cv {cv} at {utilization}: {mean:.4f} +- {half:.4f} s, theory "
          f"{expected:.4f} s")
    assert abs(mean - expected) <= half
    assert half < 0.2 * expected


def test_littles_law():
    """Mean backlog = arrival rate x mean wait, on one long run."""
    r = labsim.run("sqs-asg", workload="steady", policy="none", arrival_rate=2.2, duration=400_000)
    backlog = r.series["queue"].value.mean()
    assert backlog == pytest.approx(r.summary["offered"] / r.params.duration
                                    * r.summary["wait_mean"], rel=0.1)


def test_more_instances_never_wait_longer():
    """Common random numbers: the same messages, so the order is strict."""
    waits = [labsim.run("sqs-asg", workload="steady", policy="none", instances=n,
                        arrival_rate=2.2).summary["wait_mean"] for n in range(9, 20)]
    assert waits == sorted(waits, reverse=True)


def test_the_backlog_example_of_the_user_guide():
    """1,500 messages wait for ten instances, target 100: the group goes to fifteen.

    The load is such that 1,500 are visible at the third reading, as in as-using-sqs-queue.
    """
    r = labsim.run("sqs-asg", workload="steady", arrival_rate=10 / 3600 + 500 / 60,
                   service_time=3_600, service_cv=0, instances=10, target_backlog=100,
                   high_datapoints=1, duration=200, visibility_timeout=43_200)
    event = next(e for e in r.events if e.kind == "scale-out")
    per_instance = r.series["metric"]
    metric = per_instance.value[np.searchsorted(per_instance.t, event.t)]
    assert r.series["desired"].value[-1] >= math.ceil(10 * metric / 100)


def test_boot_time_is_from_launch_to_service():
    """The first instance takes work boot_time + user_data_time after the scale-out."""
    for boot, user_data in [(0, 0), (60, 0), (60, 240)]:
        r = labsim.run("sqs-asg", boot_time=boot, user_data_time=user_data)
        launch = next(e.t for e in r.events if e.kind == "scale-out")
        s = r.series["in_service"]
        first = s.t[np.argmax(s.value > r.params.instances)]
        assert 0 <= first - (launch + boot + user_data) <= s.t[1]


def test_a_group_of_nobody_processes_nothing():
    """No instance, no policy: all wait, nothing fails."""
    r = labsim.run("sqs-asg", policy="none", instances=0, duration=600)
    assert r.summary["completed"] == 0 and r.summary["queue_end"] == r.summary["offered"] > 0
    assert r.summary["cost_usd"] == pytest.approx(r.summary["offered"] * 0.4e-6)


def test_a_group_scales_out_from_zero():
    """With no instance in service the metric is the whole backlog."""
    r = labsim.run("sqs-asg", workload="steady", instances=0, min_size=0, duration=1_800)
    assert r.summary["completed"] > 0


def test_cost_is_instance_hours_and_requests():
    """Ten instances for an hour; each message is sent, received and deleted, idle ones poll."""
    r = labsim.run("sqs-asg", workload="steady", policy="none", duration=3_600, service_cv=0)
    assert r.summary["instance_hours"] == 10
    assert r.cost["EC2 instances"] == 10 * r.params.instance_price
    s = r.summary
    idle = (1 - s["utilization"]) * 36_000 / 20
    calls = s["offered"] + (s["completed"] + s["in_flight_end"]) + s["completed"] + idle
    assert r.cost["SQS requests"] == pytest.approx(calls * 0.4e-6, rel=1e-9)


@pytest.mark.parametrize("changes, name", [
    ({"min_size": 61}, "min_size"), ({"instances": 5}, "instances"),
    ({"instances": 61}, "instances"), ({"metric_period": 45}, "metric_period"),
    ({"metric_period": 3_600, "low_datapoints": 30}, "low_datapoints"),
    ({"workload": "trace"}, "trace"), ({"workload": "trace", "trace": "nowhere.csv"}, "trace"),
])
def test_rules_across_fields(changes, name):
    """Each names the field to change, and what it allows."""
    with pytest.raises(ParameterError) as caught:
        labsim.run("sqs-asg", **changes)
    assert caught.value.name == name


def write(folder, counts):
    """A two-column trace of counts per five minutes."""
    lines = [f"2026-01-01 {i // 12:02}:{i % 12 * 5:02}:00,{n}" for i, n in enumerate(counts)]
    path = folder / "trace.csv"
    path.write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    return path


def test_a_trace_is_replayed_as_a_whole_unless_duration_says_less(tmp_path):
    """Every count of every period; a shorter duration cuts it; a longer one adds nothing."""
    path = write(tmp_path, [300, 0, 600, 900])
    whole = labsim.run("sqs-asg", workload="trace", trace=path)
    assert whole.params.duration == 1_200 and whole.summary["offered"] == 1_800
    counts = whole.series["offered"]
    at = [counts.value[np.searchsorted(counts.t, t)] for t in (300, 600, 900)]
    assert at == [300, 300, 900]
    cut = labsim.run("sqs-asg", workload="trace", trace=path, duration=900)
    assert cut.summary["offered"] == 900
    longer = labsim.run("sqs-asg", workload="trace", trace=path, duration=5_000)
    assert longer.params.duration == 1_200


def test_a_trace_can_be_multiplied(tmp_path):
    """trace_factor scales every count, fractions carried on."""
    path = write(tmp_path, [100, 101, 102, 103])
    run = labsim.run("sqs-asg", workload="trace", trace=path, trace_factor=2.5)
    assert run.summary["offered"] == math.floor(406 * 2.5)


def test_a_result_of_a_trace_is_read_without_the_file(tmp_path):
    """A hand-in doesn't need the learner's disk."""
    path = write(tmp_path, [100, 100, 100])
    text = labsim.run("sqs-asg", workload="trace", trace=path).to_json()
    os.remove(path)
    assert labsim.Result.from_json(text).to_json() == text


@pytest.mark.long
@pytest.mark.skipif(not TRACE.is_file(), reason="the real trace is not beside this checkout")
def test_two_weeks_of_a_real_load_balancer():
    """Numenta Anomaly Benchmark, elb_request_count: all its requests, in its 14 days."""
    with open(TRACE) as file:
        total = sum(float(line.split(",")[1]) for line in list(file)[1:])
    r = labsim.run("sqs-asg", workload="trace", trace=TRACE, min_size=1, instances=1)
    assert r.summary["offered"] == total
    assert r.params.duration == pytest.approx(14 * 86_400, rel=0.01)
    for law in labsim.lab("sqs-asg").invariants:
        assert law.holds(r), law.name


@pytest.mark.long
def test_ten_million_messages_fit_into_memory():
    """Peak memory of a process that runs ten million messages stays under 1.5 GB."""
    code = ("import labsim\n"
            "r = labsim.run('sqs-asg', workload='steady', policy='none', service_time=0.009,\n"
            "               instances=10, arrival_rate=1000, duration=10_000)\n"
            "print(r.summary['offered'])")
    (arrived,), peak = alone.run(code)
    print(f"measured: {arrived} messages, peak {peak / 2**30:.2f} GiB")
    assert arrived > 9_900_000 and peak < 1.5e9
