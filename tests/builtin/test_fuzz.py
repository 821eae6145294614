"""Thousands of random parameter sets per lab: a run is finite, lawful, and as quick as was said.

Half of the values are drawn from the sliders, half from everything that is allowed, so that the
corners are met. LABSIM_FUZZ says how many sets over all labs: 300 if it doesn't, 1,200 in
`.ci/run`; 10,000 a lab before a release takes about an hour.
"""

import gc
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from over_labs import LABS, each_lab
from pace import pace

from labsim.engine import Budget
from labsim.errors import BudgetError, ParameterError

SETS = max(int(os.environ.get("LABSIM_FUZZ", "300")) // len(LABS), 10)     # of each lab
MOST_SECONDS, MOST_BYTES = 2.0, 1e9
FELT, HELD = 0.15, 0.5                          # s: a run that is felt; one that is held back
ITSELF = 1e8                                    # bytes of a process before any run
BUDGET = Budget(seconds=MOST_SECONDS / 3)       # the estimate holds within a factor of three


def value(spec, rng):
    """A value that its knob allows: from the slider or, over all magnitudes, from the bounds."""
    if spec.type is bool:
        return rng.random() < 0.5
    if spec.choices or spec.options:
        return rng.choice(spec.choices or spec.options)
    low, high = rng.choice([spec.slider, spec.bounds])
    if rng.random() < 0.2:
        return spec.type(rng.choice([low, high]))
    if (low, high) == tuple(spec.slider):
        drawn = rng.uniform(low, high)
    else:
        drawn = math.exp(rng.uniform(math.log(max(low, 1e-3)), math.log(max(high, 1e-3))))
    return spec.type(min(max(drawn, low), high))


def parameter_sets(lab, rng):
    """Sets without end: up to ten knobs changed, as a learner does."""
    specs = [k for k in lab.Params.specs().values() if k.type is not str or k.choices]
    while True:
        changed = rng.sample(specs, rng.randint(0, min(10, len(specs))))
        yield {spec.name: value(spec, rng) for spec in changed}


def memory(mark):
    """Bytes that this process holds ("VmRSS"), or the most since the peak was forgotten
    ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) * 1024 for x in lines if x.startswith(mark))


def forget_peak():
    """Begin to measure a new peak; returns what is held now, by other tests too."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def timed(lab, *run, **budget):
    """The CPU seconds of a run where nothing else runs, and its result."""
    before = pace()
    begin = time.process_time()
    result = lab.run(*run, **budget)
    took = time.process_time() - begin
    return 2 * took / (before + pace()), result


@pytest.mark.fuzz
@each_lab
def test_random_valid_parameters(slug, monkeypatch):
    """Finite, lawful, inside 2 s and 1 GB, and as long as was estimated within a factor of three,
    where a run is felt or its estimate would hold it back: all but one in two hundred.

    A run that seems to take too long or too short is measured again: other processes disturb.
    """
    lab, rng, linux = LABS[slug], random.Random(f"valid {slug}"), os.path.exists("/proc/self")
    with monkeypatch.context() as patch:
        patch.setattr("labsim.declare.lab.COMPILE_FROM", 0)
        lab.run()       # imported, and compiled where numba is installed
    ran = refused = crossed = again = outside = 0
    ratios, slowest, fattest = [], 0.0, 0.0
    for changed in parameter_sets(lab, rng):
        if ran == SETS:
            break
        try:
            params = lab.Params(**changed)
        except ParameterError as error:     # a rule across fields
            assert error.name in lab.Params.specs()
            crossed += 1
            continue
        seed, estimated = rng.randrange(2**63), lab.estimate(params).seconds
        held = forget_peak() if linux and estimated > 0.1 else 0
        try:
            took, result = timed(lab, params, seed, budget=BUDGET)
        except BudgetError as error:
            assert error.name in lab.Params.specs()
            refused += 1
            continue
        ran += 1
        if held:
            fattest = max(fattest, memory("VmHWM") - held)
            assert fattest < MOST_BYTES - ITSELF, changed
        for _ in range(4):
            if estimated / 3 <= took <= min(3 * estimated, MOST_SECONDS):
                break
            again += 1
            took = timed(lab, params, seed)[0]
        assert took < MOST_SECONDS, (changed, took)
        for law in lab.invariants:
            assert law.holds(result), (changed, seed, law.name)
        assert all(math.isfinite(v) for v in result.summary.values()), changed
        assert all(np.isfinite(s.value).all() for s in result.series.values()), changed
        ratios.append(took / estimated)
        outside += (took > max(FELT, 3 * estimated) or estimated > max(HELD, 3 * took))
        slowest = max(slowest, took)
    low, mid, high = np.percentile(ratios, (0, 50, 100))
    print(f"measured: {slug}: {ran:,} valid sets ran ({again} measured again), "
          f"{refused:,} beyond the "
          f"budget, {crossed:,} against a rule across fields; slowest {slowest:.2f} s, at most "
          f"{fattest / 1e6:,.0f} MB; took {low:.2f} to {high:.2f} (median {mid:.2f}) times the "
          f"estimate, {outside} not within a factor of three")
    expected = SETS / 200       # and three standard deviations of so small a sample
    assert outside <= expected + 3 * math.sqrt(expected)


WRONG = [None, [], {}, b"1", object(), 1j, (1,), {1}, math.nan, math.inf, -math.inf, 10**400,
         "", "x", "1e3", "NaN", "<b>", "../..", True, np.nan, np.inf, np.array([1.0]),
         np.datetime64("2020-01-01"), float, lambda: 1]


def broken(spec, rng):
    """A value that the knob can't allow."""
    if spec.bounds and rng.random() < 0.6:
        low, high = spec.bounds
        beyond = math.exp(rng.uniform(-20, 20))
        if spec.type is int:
            return rng.choice([low - math.ceil(beyond), high + math.ceil(beyond)])
        return rng.choice([min(low - beyond, math.nextafter(low, -math.inf)),
                           max(high + beyond, math.nextafter(high, math.inf))])
    wrong = rng.choice(WRONG)
    fits = {bool: wrong is True, str: isinstance(wrong, str) and not spec.choices
            or spec.faults and isinstance(wrong, list) and not wrong}
    return None if fits.get(spec.type) else wrong


@each_lab
def test_random_invalid_parameters(slug):
    """One or a few values out of bounds, of the wrong type, or with no such name: ParameterError,
    in one short line, and quickly."""
    lab, rng = LABS[slug], random.Random(f"invalid {slug}")
    specs = list(lab.Params.specs().values())
    sets, slowest = parameter_sets(lab, rng), 0.0
    for number in range(2_000):
        changed = {k: v for k, v in next(sets).items() if number % 2}
        bad = {k.name: broken(k, rng) for k in rng.sample(specs, rng.randint(1, 3))}
        if number % 10 == 0:
            bad = {rng.choice(specs).name + rng.choice("xyz_ 1"): 1}
        begin = time.perf_counter()
        with pytest.raises(ParameterError) as caught:
            lab.Params(**{**changed, **bad})
            pytest.fail(f"accepted {changed} with {bad}")
        slowest = max(slowest, time.perf_counter() - begin)
        assert caught.value.name in {*lab.Params.specs(), "parameter"}, (changed, bad)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500
    print(f"measured: {slug}: 2,000 invalid sets refused, the slowest in {1e3 * slowest:.1f} ms")


@each_lab
def test_beyond_the_budget_is_refused_within_ten_milliseconds(slug):
    """Random sets, a budget that none fits: the estimate is arithmetic, nothing is tried."""
    lab, rng, times = LABS[slug], random.Random(f"budget {slug}"), []
    for changed in parameter_sets(lab, rng):
        if len(times) == 200:
            break
        try:
            params = lab.Params(**changed)
        except ParameterError:
            continue
        begin = time.process_time()
        with pytest.raises(BudgetError):
            lab.run(params, budget=Budget(requests=0, events=0, cells=0))
        times.append(time.process_time() - begin)
    times = np.array(times) / pace(5)
    print(f"measured: {slug}: 200 refusals, median {1e3 * np.median(times):.2f} ms, 99% within "
          f"{1e3 * np.percentile(times, 99):.2f} ms")
    assert np.percentile(times, 99) < 0.01
