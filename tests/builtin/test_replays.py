"""Traffic from a file in every lab that replays one: exact, cut where it has to be, and told."""

import time

import numpy as np
import pytest

import labsim
from labsim.declare import replayed
from labsim.declare.traffic import TraceParams
from labsim.engine import Budget, Replayed
from labsim.errors import BudgetError, ParameterError

# {lab: what its requests are counted by}
OFFERED = {
    "aurora-replicas": lambda r: r.summary["offered"],
    "dynamodb-capacity": lambda r: r.summary["reads_offered"] + r.summary["writes_offered"],
    "ebs-iops": lambda r: r.summary["offered"],
    "kinesis-shards": lambda r: r.summary["offered"],
    "sqs-delivery": lambda r: r.summary["offered"],
    "sqs-asg": lambda r: r.summary["offered"],
    "s3-prefix": lambda r: r.summary["gets_offered"] + r.summary["puts_offered"],
    "elb-balancing": lambda r: r.summary["offered"],
}
each_traced = pytest.mark.parametrize("slug", OFFERED)
FOLLOWED = {"sqs-delivery": 20}     # each message by itself: a 20th of them is as much work
SPIKES = "spike_factor", "peak_factor", "busy_factor"
COUNTS = [300, 0, 601, 900, 77, 77, 1, 250]


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
    assert whole.params.duration == 480 and OFFERED[slug](whole) == sum(COUNTS)
    assert OFFERED[slug](run(trace_factor=2.5)) == int(2.5 * sum(COUNTS))
    assert OFFERED[slug](run(trace_start=150)) == sum(COUNTS[2:])
    half = (int(2.5 * 1_578) - int(2.5 * 1_501) + 1) // 2       # of the third minute, rounded
    assert OFFERED[slug](run(trace_start=120, trace_factor=2.5, duration=150)) == (
        int(2.5 * 1_501) + half)
    longer = run(duration=5_000)
    assert longer.params.duration == 480 and OFFERED[slug](longer) == sum(COUNTS)
    for r in (whole, longer):
        assert all(law.holds(r) for law in lab.invariants)


@each_traced
def test_the_rate_and_its_spikes_have_no_effect_beside_a_file(slug, tmp_path):
    """They say so in a note; of two rates the proportion remains."""
    lab, file = labsim.lab(slug), write(tmp_path, COUNTS)
    rates = lab.Params.rates
    spike = next((name for name in lab.Params.specs() if name in SPIKES), rates[0])
    p = lab.Params(workload="trace", trace=file, **{spike: 2.5, rates[0]: 7.0})
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
    least = max(least, 4)
    assert r.params.duration == least and OFFERED[slug](r) == 10
    assert any("the file ends after 4 s" in note for note in r.notes) == (least > 4)
    years = write(tmp_path, [3] * 3_000, 86_400)
    p = lab.Params(workload="trace", trace=years)
    assert p.duration == most and p.follows == {"duration"}
    assert any("days are run" in note for note in p.notes)
    assert p.changed(trace=short).duration == least and p.changed(facts="notes").follows
    assert not p.changed(duration=3_600).follows and p.changed(duration=3_600).duration == 3_600
    assert lab.Params(**p.model_dump()) == p


@each_traced
def test_what_can_not_be_replayed_names_the_parameter(slug, tmp_path):
    """In the words of whoever reads the file, too; values that say all need no file."""
    lab, file = labsim.lab(slug), write(tmp_path, COUNTS)
    for wrong, name in (({}, "trace"), ({"trace": "nowhere.csv"}, "trace"), ({"trace": 3}, "trace"),
                        ({"trace": file, "trace_start": 480.0}, "trace_start"),
                        ({"trace": file, "trace_start": -1.0}, "trace_start"),
                        ({"trace": file, "duration": "long"}, "duration"),
                        ({"trace": file, "duration": 0.5}, "duration"),
                        ({"trace": file, "trace_as": "sum"}, "trace_as")):
        with pytest.raises(ParameterError) as caught:
            lab.Params(workload="trace", **wrong)
        assert caught.value.name == name, wrong
    with pytest.raises(ParameterError, match="480 s, the length of the file"):
        lab.Params(workload="trace", trace=file, trace_start=500.0)
    assert lab.Params(workload="trace", trace="nowhere.csv", duration=600.0).duration == 600


@each_traced
def test_a_run_of_unsaid_length_is_cut_to_what_fits(slug, tmp_path):
    """By halves, in whole periods, and it says so; who said how long is told to lower that."""
    lab, file = labsim.lab(slug), write(tmp_path, [600, 606] * 240)
    p = lab.Params(workload="trace", trace=file)
    most, least = (lab.estimate(p.changed(duration=p.duration / part)).seconds for part in (1, 16))
    budget = Budget(seconds=least + (most - least) / 3)
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


@each_traced
@pytest.mark.parametrize("periods, period, rate", [(86_400, 1, 40), (43_200, 60, 3),
                                                   (8_760, 3_600, 1)])
def test_long_files_run_within_the_budget(slug, periods, period, rate, tmp_path):
    """A day of seconds, a month of minutes, a year of hours."""
    rate /= FOLLOWED.get(slug, 1)
    counts = np.random.default_rng(1).poisson(
        rate * period * (1 + 0.5 * np.sin(np.arange(periods) * period * 2 * np.pi / 86_400)))
    lab, file = labsim.lab(slug), write(tmp_path, counts, period)
    p = lab.Params(workload="trace", trace=file)
    begin = time.process_time()
    r = lab.run(p)
    took, n = time.process_time() - begin, r.params.duration / period
    print(f"measured: {slug}, {periods:,} periods of {period} s: {n:,.0f} of them in {took:.1f} s")
    assert took < 60 and n >= 100
    if n == int(n):
        assert OFFERED[slug](r) == counts[:int(n)].sum()


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
