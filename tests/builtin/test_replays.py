"""Traffic from a file in every lab that replays one: exact, cut where it has to be, and told."""

import time

import numpy as np
import pytest

import labsim
from labsim.builtin.asg_policies.traffic import hourly
from labsim.declare import replayed
from labsim.declare.traffic import TraceParams
from labsim.engine import Budget, Replayed
from labsim.errors import BudgetError, ParameterError
from labsim.services import ec2, sqs
from labsim.traces import TraceError

# {lab: what its requests are counted by}
OFFERED = {
    "aurora-replicas": lambda r: r.summary["offered"],
    "dynamodb-capacity": lambda r: r.summary["reads_offered"] + r.summary["writes_offered"],
    "ebs-iops": lambda r: r.summary["offered"],
    "kinesis-shards": lambda r: r.summary["offered"],
    "sqs-asg": lambda r: r.summary["offered"],
    "s3-prefix": lambda r: r.summary["gets_offered"] + r.summary["puts_offered"],
    "elb-balancing": lambda r: r.summary["offered"],
    "elasticache-strategies": lambda r: r.summary["offered"],
    "lambda-concurrency": lambda r: r.summary["offered"],
    "asg-policies": lambda r: r.summary["offered"],
    "cloudfront-cache": lambda r: r.summary["offered"],
    "retry-storms": lambda r: r.summary["offered"],
    "sqs-delivery": lambda r: r.summary["offered"],
}
each_traced = pytest.mark.parametrize("slug", OFFERED)
PER_SECOND = {"retry-storms": 8}    # where each request is followed from part to part,
FEWEST = {"retry-storms": 30, "sqs-delivery": 100}  # and so few periods of a long file are run
COUNTS = [300, 0, 601, 900, 77, 77, 1, 250, 33, 40, 2, 0, 120, 81, 90, 97]
LENGTH = 60 * len(COUNTS)


def write(folder, counts, period=60):
    """A file of counts per period (s)."""
    t = np.datetime64("2026-01-01T00:00:00") + np.arange(len(counts)) * np.timedelta64(period, "s")
    path = folder / f"{len(counts)}-{period}.csv"
    path.write_text("timestamp,value\n" + "".join(f"{at},{n}\n" for at, n in zip(t, counts)))
    return str(path)


@each_traced
def test_every_count_is_replayed(slug, tmp_path):
    """The whole file, unless the run begins later, ends earlier or is multiplied."""
    lab, file = labsim.lab(slug), write(tmp_path, COUNTS)

    def run(**values):
        return lab.run(lab.Params(workload="trace", trace=file, **values))
    whole = run()
    assert whole.params.duration == LENGTH and OFFERED[slug](whole) == sum(COUNTS)
    assert OFFERED[slug](run(trace_factor=2.5)) == int(2.5 * sum(COUNTS))
    assert OFFERED[slug](run(trace_start=150)) == sum(COUNTS[2:])
    ten, eleven = int(2.5 * sum(COUNTS[2:12])), int(2.5 * sum(COUNTS[2:13]))
    assert OFFERED[slug](run(trace_start=120, trace_factor=2.5, duration=630)) == (
        ten + (eleven - ten + 1) // 2)      # half of the eleventh minute, rounded
    longer = run(duration=5_000)
    assert longer.params.duration == LENGTH and OFFERED[slug](longer) == sum(COUNTS)
    for r in (whole, longer):
        assert all(law.holds(r) for law in lab.invariants)


@each_traced
def test_the_rate_and_its_spikes_have_no_effect_beside_a_file(slug, tmp_path):
    """They say so in a note; of two rates the proportion remains."""
    lab, file = labsim.lab(slug), write(tmp_path, COUNTS)
    rates = lab.Params.rates
    shape = {"spike_factor": 0.75, "peak_factor": 0.75, "busy_factor": 0.75, "flash_factor": 0.75,
             "day_swing": 0.75, "messages": 7}
    spike = next(name for name in shape if name in lab.Params.specs())
    p = lab.Params(workload="trace", trace=file, **{spike: shape[spike], rates[0]: 7.0})
    idle = p.idle()
    assert idle[spike] == "workload" and (rates[0] in idle) == (len(rates) == 1)
    plain, other = lab.run(lab.Params(workload="trace", trace=file)), lab.run(p)
    assert any(note.startswith(f"{spike} has no effect") for note in other.notes)
    if len(rates) == 1:
        assert other.summary == plain.summary
    own = lab.Params(trace_factor=2.0)
    assert own.idle()["trace_factor"] == "workload" and not own.notes and not own.traced


def test_two_rates_share_a_file_in_whole_numbers(tmp_path):
    """In proportion, each count exact; evenly if both are 0."""
    lab, file = labsim.lab("s3-prefix"), write(tmp_path, COUNTS)
    for gets, puts, share in ((8_000, 1_000, 8 / 9), (0, 5, 0), (3, 0, 1), (0, 0, 0.5)):
        p = lab.Params(workload="trace", trace=file, get_rate=float(gets), put_rate=float(puts))
        r = lab.run(p)
        assert OFFERED["s3-prefix"](r) == sum(COUNTS)
        one, two = replayed(p).split([gets, puts])
        assert (one.counts + two.counts == COUNTS).all() and (one.counts >= 0).all()
        assert one.total == pytest.approx(share * sum(COUNTS), abs=1)


@each_traced
def test_a_file_sets_the_time_unless_somebody_does(slug, tmp_path):
    """Below the least of the lab nothing comes after it; above the most the rest is not run."""
    lab, short = labsim.lab(slug), write(tmp_path, [5, 5], 2)
    least, most = lab.Params.specs()["duration"].bounds
    r = lab.run(lab.Params(workload="trace", trace=short))
    assert r.params.duration == max(least, 4) and OFFERED[slug](r) == 10
    assert least <= 4 or any("the file ends after 4 s" in note for note in r.notes)
    years = write(tmp_path, [3] * 3_000, 86_400)
    p = lab.Params(workload="trace", trace=years)
    assert p.duration == most and p.follows == {"duration"}
    assert any("days are run" in note for note in p.notes)
    assert p.changed(trace=short).duration == max(least, 4) and p.changed(facts="notes").follows
    assert not p.changed(duration=3_600).follows and p.changed(duration=3_600).duration == 3_600
    assert lab.Params(**p.model_dump()) == p


@each_traced
def test_what_can_not_be_replayed_names_the_parameter(slug, tmp_path):
    """In the words of whoever reads the file, too; values that say all need no file."""
    lab, file = labsim.lab(slug), write(tmp_path, COUNTS)
    for wrong, name in (({}, "trace"), ({"trace": "nowhere.csv"}, "trace"), ({"trace": 3}, "trace"),
                        ({"trace": file, "trace_start": float(LENGTH)}, "trace_start"),
                        ({"trace": file, "trace_start": -1.0}, "trace_start"),
                        ({"trace": file, "duration": "long"}, "duration"),
                        ({"trace": file, "duration": 0.5}, "duration"),
                        ({"trace": file, "trace_as": "sum"}, "trace_as")):
        with pytest.raises(ParameterError) as caught:
            lab.Params(workload="trace", **wrong)
        assert caught.value.name == name, wrong
    with pytest.raises(ParameterError, match=f"{LENGTH} s, the length of the file"):
        lab.Params(workload="trace", trace=file, trace_start=LENGTH + 20.0)
    assert lab.Params(workload="trace", trace="nowhere.csv", duration=600.0).duration == 600


@each_traced
def test_a_run_of_unsaid_length_is_cut_to_what_fits(slug, tmp_path):
    """By halves, in whole periods, and it says so; who said how long is told to lower that."""
    some = PER_SECOND.get(slug, 100) * 60
    lab, file = labsim.lab(slug), write(tmp_path, [some, some + 60] * 240)
    p = lab.Params(workload="trace", trace=file)
    budget = Budget(seconds=1.01 * lab.estimate(p.changed(duration=7_200.0)).seconds)
    r = lab.run(p, budget=budget)
    assert r.params.duration == lab.fitting(p, budget).duration
    assert 480 * 60 / 16 <= r.params.duration < 480 * 60 and r.params.duration % 60 == 0
    told = next(note for note in r.notes if note.startswith("the first "))
    assert "8 h" in told and "duration=" in told and "trace_start=" in told
    assert [e.text for e in r.events if e.kind == "note"] == list(p.notes) + [told]
    assert lab.run(r.params, budget=budget).to_json() == r.to_json()
    with pytest.raises(BudgetError) as caught:
        lab.run(p.changed(duration=480 * 60.0), budget=budget)
    assert caught.value.name == "duration"
    with pytest.raises(BudgetError) as caught:
        lab.run(p, budget=Budget(events=0.5, requests=0.5, seconds=1e-9))
    assert caught.value.name not in {*p.idle(), *p.rates}


@pytest.mark.long
@each_traced
@pytest.mark.parametrize("periods, period, rate", [(86_400, 1, 40), (43_200, 60, 3),
                                                   (8_760, 3_600, 1)])
def test_long_files_run_within_the_budget(slug, periods, period, rate, tmp_path):
    """A day of seconds, a month of minutes, a year of hours."""
    counts = np.random.default_rng(1).poisson(
        rate * period * (1 + 0.5 * np.sin(np.arange(periods) * period * 2 * np.pi / 86_400)))
    lab, file = labsim.lab(slug), write(tmp_path, counts, period)
    p = lab.Params(workload="trace", trace=file)
    begin = time.process_time()
    r = lab.run(p)
    took, n = time.process_time() - begin, r.params.duration / period
    print(f"measured: {slug}, {periods:,} periods of {period} s: {n:,.0f} of them in {took:.1f} s")
    assert took < 60 and n >= FEWEST.get(slug, 200)
    if n == int(n):
        assert OFFERED[slug](r) == counts[:int(n)].sum()


def test_a_forecast_has_the_days_before_in_the_same_file(tmp_path):
    """At most so many as the history has; of the first day it knows the day itself."""
    lab, hours = labsim.lab("asg-policies"), np.repeat([3_600, 7_200, 36_000, 18_000], 24)
    hours[24] += 3_600
    file = write(tmp_path, hours * 100, 3_600)

    def known(**values):
        return hourly(lab.Params(workload="trace", trace=file, duration=86_400.0, **values)) / 100
    assert known() == pytest.approx(np.ones(24))
    assert known(trace_start=86_400.0, trace_factor=3.0) == pytest.approx(3 * np.ones(24))
    two = known(trace_start=2 * 86_400.0)
    assert two[1:] == pytest.approx(1.5 * np.ones(23)) and two[0] == pytest.approx(2)
    assert known(trace_start=3 * 86_400.0, history_days=1) == pytest.approx(10 * np.ones(24))
    assert known(trace_start=2 * 86_400.0, today_factor=4.0) == pytest.approx(two)


def test_a_cache_hits_as_often_whatever_the_chance_of_a_minute(tmp_path):
    """As at the same rate without a file: what is by chance settles nothing anew."""
    counts = np.random.default_rng(1).poisson(1_200_000, 60)
    lab, file = labsim.lab("elasticache-strategies"), write(tmp_path, counts)
    traced = lab.run(lab.Params(workload="trace", trace=file))
    level = lab.run(lab.Params(duration=3_600.0))
    assert traced.summary["hit_ratio"] == pytest.approx(level.summary["hit_ratio"], abs=0.003)


def test_a_function_needs_what_comes_within_one_request(tmp_path):
    """In a file's busiest stretch of that length."""
    lab, file = labsim.lab("lambda-concurrency"), write(tmp_path, [60, 600, 60, 60])
    for work, needed in ((0.75, 10), (119.75, 660), (60 - 0.25 + 30, 630)):
        r = lab.run(lab.Params(workload="trace", trace=file, cpu_time=work, timeout=900.0))
        assert r.summary["concurrency_needed"] == pytest.approx(needed)


def test_a_million_periods_are_made_at_once():
    """In far less than a second: whole, split, and as times."""
    counts = np.random.default_rng(1).poisson(5, 1_000_000)
    begin = time.process_time()
    curve = Replayed.of(counts, 1.0, 1e6)
    took = time.process_time() - begin
    print(f"measured: a million periods in {took:.3f} s")
    assert took < 0.5 and curve.total == counts.sum()
    assert curve.cumulative[-1] == pytest.approx(curve.total)


def test_the_labs_of_this_file_are_all_that_replay():
    """A lab that learns to is tested here, too."""
    import over_labs
    assert {slug for slug, lab in over_labs.LABS.items()
            if issubclass(lab.Params, TraceParams)} == set(OFFERED)


def test_a_system_of_ones_own_replays_a_file(tmp_path):
    """Exactly its requests, so many times as many, from where it is to begin; what can't be is
    refused before anything runs."""
    path = tmp_path / "own.csv"
    path.write_text("timestamp,requests\n" + "".join(
        f"{1_772_323_200 + 60 * i},{n}\n" for i, n in enumerate((5, 0, 40, 7))))

    def counter(sim, factor=1.0, start=0.0):
        orders = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", consumes=orders, work=labsim.exponential(1), size=2)
        sim.send(labsim.trace(path, trace_factor=factor, trace_start=start), to=orders)

    def offered(**options):
        return labsim.simulate(counter, duration=300, **options).summary["orders.offered"]
    assert (offered(), offered(factor=3.0), offered(start=100.0)) == (52, 156, 47)
    assert offered(start=120.0) == 47
    notes = labsim.simulate(counter, duration=300).notes
    assert any("52 requests in all" in note for note in notes)
    assert any("ends at 240 s, and nothing comes after" in note for note in notes)
    for options in ({"factor": -1.0}, {"start": 240.0}):
        with pytest.raises(labsim.ParameterError):
            offered(**options)
    with pytest.raises(TraceError, match="own.csv:1: no series"):
        labsim.trace(path, trace_metric="errors")
