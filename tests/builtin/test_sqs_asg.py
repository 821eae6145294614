"""The queue-backlog lab against theory, and against what AWS would do."""

import math
import os
import statistics
import time
from pathlib import Path

import alone
import numpy as np
import pytest
import simpy

import labsim
from labsim import theory
from labsim.engine.compiled import compiled
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
        assert r.summary["launch_s"] == pytest.approx(boot + user_data)


def test_both_labs_boot_as_measured():
    """Nothing to install and no application to start: the fact, in either."""
    boots = {labsim.run("sqs-asg", user_data_time=0).summary["launch_s"],
             labsim.run("asg-policies", start_time=0).summary["launch_s"]}
    assert boots == {labsim.factbook.value("ec2.boot_s")}


def test_a_group_of_nobody_processes_nothing():
    """No instance, no policy: all wait, nothing fails."""
    r = labsim.run("sqs-asg", policy="none", instances=0, duration=600)
    assert r.summary["completed"] == 0 and r.summary["queue_end"] == r.summary["offered"] > 0
    assert r.summary["cost_usd"] == pytest.approx(r.summary["offered"] * 0.4e-6)


def test_a_group_scales_out_from_zero():
    """With no instance in service the metric is the whole backlog."""
    r = labsim.run("sqs-asg", workload="steady", instances=0, min_size=0, duration=1_800)
    assert r.summary["completed"] > 0


def test_an_alarm_on_depth_rings_whoever_works():
    """The same backlog, ten instances or forty: the alarm on depth rings for both, the one on
    backlog per instance only for the ten (300 visible, 4 s each: 120 s of work or 30 s)."""
    def alarms(**changes):
        r = labsim.run("sqs-asg", workload="steady", arrival_rate=0, backlog=1_000, max_size=40,
                       policy="step", high_datapoints=1, duration=300, service_cv=0, **changes)
        return sum("high is ALARM" in e.text for e in r.events)
    assert alarms(scale_on="queue-depth", instances=10) == 1
    assert alarms(scale_on="queue-depth", instances=40) == 1        # 400 visible after a minute
    assert alarms(instances=10) == 1                # 850 / 10 > 30
    assert alarms(instances=40) == 0                # 400 / 40 < 30


@pytest.mark.parametrize("policy", ["simple", "step", "target-tracking"])
def test_any_policy_may_look_at_the_depth(policy):
    """It does something, and the laws hold."""
    r = labsim.run("sqs-asg", policy=policy, scale_on="queue-depth", user_data_time=0)
    assert r.summary["scale_outs"] > 0
    assert all(law.holds(r) for law in labsim.lab("sqs-asg").invariants)


def test_a_backlog_waits_from_the_start():
    """It is counted among the messages, but is no rate, and no request of this run."""
    r = labsim.run("sqs-asg", workload="steady", policy="none", arrival_rate=0, backlog=1_000,
                   service_cv=0, duration=1_000)
    assert r.summary["offered"] == r.summary["completed"] == 1_000
    assert r.series["queue"].value[0] == 990 and r.series["offered_rate"].value.max() == 0
    idle = 10 * 1_000 * (1 - r.summary["utilization"]) / 20
    assert r.cost["SQS requests"] == pytest.approx((2_000 + idle) * 0.4e-6)


@pytest.mark.parametrize("duration", [700, 5_400, 86_400])
@pytest.mark.parametrize("at", [0, 33.3, 600])
def test_a_burst_is_the_same_wherever_it_comes(duration, at):
    """3,000 messages at once, a hundred instances of a second each: gone after 30 s; none waits for
    more than 29 s."""
    r = labsim.run("sqs-asg", workload="steady", policy="none", arrival_rate=0, burst_size=3_000,
                   burst_start=at, instances=100, service_time=1, service_cv=0, duration=duration)
    assert r.summary["offered"] == r.summary["completed"] == 3_000
    assert r.summary["oldest_age_max"] == pytest.approx(30, abs=1e-6)
    assert r.summary["wait_p50"] == pytest.approx(14.5, abs=0.5 + 1e-6)


def test_threads_are_as_good_as_instances():
    """Ten instances, or two of five threads: the same waits to the last bit, a fifth of the
    bill."""
    ten = labsim.run("sqs-asg", workload="steady", policy="none")
    two = labsim.run("sqs-asg", workload="steady", policy="none", instances=2, threads=5)
    for name in ("wait_mean", "wait_p99", "completed", "in_flight_max"):
        assert ten.summary[name] == two.summary[name]
    assert two.summary["utilization"] == pytest.approx(ten.summary["utilization"])
    assert two.cost["EC2 instances"] == pytest.approx(ten.cost["EC2 instances"] / 5)
    assert two.cost["SQS requests"] == pytest.approx(ten.cost["SQS requests"])


def test_beyond_the_limit_in_flight_nobody_receives():
    """Fact sqs.inflight_max_standard: as many threads as the limit do as well."""
    common = dict(workload="steady", policy="none", arrival_rate=5, backlog=500)
    few = labsim.run("sqs-asg", **common, instances=30)
    many = labsim.run("sqs-asg", **common, instances=100, in_flight_limit=30)
    assert many.summary["in_flight_max"] == 30
    for name in ("wait_mean", "wait_p99", "completed"):
        assert few.summary[name] == many.summary[name]
    assert labsim.run("sqs-asg", **common, instances=100).summary["wait_mean"] < (
        few.summary["wait_mean"])


def test_a_lost_message_is_in_flight_until_it_is_visible_again():
    """Its room is nobody's: with a long visibility timeout the limit stays exhausted."""
    for visibility in (30, 3_000):
        r = labsim.run("sqs-asg", workload="steady", min_size=1, instances=40, threads=5,
                       arrival_rate=4, service_time=20, in_flight_limit=100, backlog=200,
                       visibility_timeout=visibility, duration=7_200)
        assert r.summary["redelivered"] > 0 or visibility > 30
        assert r.series["lost"].value[-1] > 0
        for law in labsim.lab("sqs-asg").invariants:
            assert law.holds(r), (visibility, law.name)


@pytest.mark.parametrize("rate, instances, threads", [(1_000, 100, 5), (10_000, 200, 20)])
def test_thousands_of_messages_per_second(rate, instances, threads):
    """Real rates: what comes is worked off, at the utilization of Little's law."""
    r = labsim.run("sqs-asg", workload="steady", policy="none", arrival_rate=rate,
                   instances=instances, threads=threads, service_time=0.3, duration=60)
    expected = rate * 0.3 / (instances * threads)
    assert r.summary["offered"] == pytest.approx(rate * 60, rel=0.02)
    assert r.summary["utilization"] == pytest.approx(expected, rel=0.03)


def plain_simpy(rate, service, servers, duration):
    """CPU seconds per message of the same in plain SimPy: draws, a process per message, waits."""
    rng, env, waits = np.random.default_rng(1), simpy.Environment(), []
    group = simpy.Resource(env, servers)

    def message():
        sent = env.now
        with group.request() as turn:
            yield turn
            waits.append(env.now - sent)
            yield env.timeout(rng.exponential(service))

    def producer():
        while True:
            yield env.timeout(rng.exponential(1 / rate))
            env.process(message())

    env.process(producer())
    begin = time.process_time()
    env.run(until=duration)
    np.percentile(waits, (50, 95, 99))
    return (time.process_time() - begin) / len(waits)


@pytest.mark.long
@pytest.mark.parametrize("instances", [10, 1_000])
def test_a_whole_run_beside_plain_simpy(instances):
    """200,000 messages, draws and records counted, in one process: with numba, or where servers are
    many, 60 times as fast; in plain Python with few 35 times. A noisy machine gets four tries."""
    rate = 200_000 / 5_400
    lab = labsim.lab("sqs-asg")
    params = lab.Params(workload="steady", policy="none", arrival_rate=rate, instances=instances,
                        max_size=1_000, service_time=0.9 * instances / rate)
    least, ratios = 60 if compiled() or instances > 100 else 35, []
    for _ in range(4):
        plain = plain_simpy(rate, 9 / rate, 10, 1_000)
        runs = []
        for _ in range(5):
            begin = time.process_time()
            offered = lab.run(params).summary["offered"]
            runs.append((time.process_time() - begin) / offered)
        ratios.append(plain / min(runs))
        if ratios[-1] >= least:
            break
    print(f"measured: sqs-asg, {instances} instances: {max(ratios):.0f} times plain SimPy")
    assert max(ratios) >= least


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
    assert arrived > 9_900_000 and peak < 1e9


@pytest.mark.long
def test_ten_million_messages_at_once_fit_into_memory():
    """All begin in one moment, and end in the next: under a gigabyte all the same."""
    code = ("import labsim\n"
            "r = labsim.run('sqs-asg', workload='steady', policy='none', service_time=0.001,\n"
            "               instances=1_000, threads=100, arrival_rate=1, burst_size=10_000_000)\n"
            "print(r.summary['completed'])")
    (done,), peak = alone.run(code)
    print(f"measured: {done} messages at once, peak {peak / 2**30:.2f} GiB")
    assert done > 9_999_999 and peak < 1e9


@pytest.mark.parametrize("seed", range(5))
def test_a_stale_queue_stays_stale_and_its_cure_cures_it(seed):
    """The spike of five minutes is over, and an hour later every message is worked on for nobody;
    with stale ones dropped none is; without the spike it never begins."""
    lab = labsim.lab("sqs-asg")

    def for_nobody(params):
        r = lab.run(params, seed)
        late = r.series["completed_rate"].t > 4_500
        return [r.series[name].value[late].sum() for name in ("stale_rate", "completed_rate")]
    sick = lab.preset("12")
    stale, done = for_nobody(sick)
    assert stale == done > 0
    assert for_nobody(lab.preset("13"))[0] == 0
    assert for_nobody(sick.changed(spike_factor=1))[0] == 0


def test_clients_by_the_parameters():
    """A request has one fate; the queue's messages are the attempts of all, and who doesn't wait is
    answered in time."""
    s = labsim.run("sqs-asg", client_timeout=30, retry_mode="at-once", policy="none",
                   spike_duration=300).summary
    assert s["amplification"] > 1.5 and s["abandoned"] > 0 and s["late"] == s["stale"] > 0
    s = labsim.run("sqs-asg").summary
    assert s["goodput"] == s["completed"] / 5_400 and s["amplification"] == 1
    assert s["abandoned"] == s["timed_out"] == s["late"] == s["stale"] == 0


@pytest.mark.parametrize("fault", ["workers down 900 600", "workers-b down 900 600",
                                   "workers slow 900 600 3", "workers errors 900 600 0.5",
                                   "orders down 900 600"])
def test_a_fault_makes_the_wait_longer_and_nothing_gets_lost(fault):
    """Each kind, by its text, with steady load: what is refused, alone, is not done in the end."""
    steady = {"workload": "steady", "policy": "none", "duration": 7_200}
    well, ill = (labsim.run("sqs-asg", faults=faults, **steady) for faults in ("", fault))
    for law in ill.lab.invariants:
        assert law.holds(ill), law.name
    assert ill.summary["wait_mean"] > well.summary["wait_mean"] or ill.summary["failed"] > 1_000
    assert ill.summary["completed"] + ill.summary["failed"] == pytest.approx(
        ill.summary["offered"], abs=20)


@pytest.mark.parametrize("step", ["2", "12", "13"])
def test_what_travels_on_the_stage_adds_up(step):
    """First sends and repeats are what is offered; answers and what is done for nobody are what is
    completed; what is dropped has expired."""
    r = labsim.lab("sqs-asg").run(labsim.lab("sqs-asg").preset(step))
    rates = {name: r.series[f"{name}_rate"].value for name in (
        "first", "retries", "offered", "answered", "stale", "completed", "started", "dropped")}
    assert rates["first"] + rates["retries"] == pytest.approx(rates["offered"])
    assert rates["answered"] + rates["stale"] == pytest.approx(rates["completed"])
    assert all((rate >= -1e-9).all() for rate in rates.values())
    assert (rates["retries"].sum() > 0) == (step != "2")
    tick = r.params.duration / (len(rates["first"]) - 1)
    assert rates["dropped"][1:].sum() * tick == pytest.approx(r.summary["expired"])
    assert rates["started"][1:].sum() * tick == pytest.approx(
        r.summary["completed"] + r.summary["in_flight_end"] + r.series["returned"].value[-1])


@pytest.mark.parametrize("workload", ["steady", "spike", "ramp", "diurnal"])
def test_a_burst_comes_beside_any_workload(workload):
    """A thousand at once, beside whatever comes anyway."""
    runs = [labsim.run("sqs-asg", workload=workload, burst_size=size, burst_start=900.0)
            for size in (0, 1_000)]
    before, after = (run.summary["offered"] for run in runs)
    assert after == before + 1_000


def test_a_burst_that_is_a_workload_is_one_beside_a_steady_one():
    """Files and programs that say it as it was once said go on."""
    old = labsim.run("sqs-asg", workload="burst", duration=1_200)
    new = labsim.run("sqs-asg", workload="steady", burst_size=3_000, duration=1_200)
    assert old.to_json() == new.to_json()
