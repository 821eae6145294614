"""The known answers of every lab: numbers in, numbers out, with their source."""

import importlib
import math
import statistics
from pathlib import Path

import pytest
import yaml

import labsim

FOLDER = Path(__file__).parent / "known_answers"
CASES = [(path.stem, case) for path in sorted(FOLDER.glob("*.yaml"))
         for case in yaml.safe_load(path.read_text())]
T_99 = {20: 2.861}      # Student's t, two-sided, by replications


def function(name):
    module, attribute = name.split(":")
    return getattr(importlib.import_module(module), attribute)


def test_every_lab_has_known_answers():
    """One file per lab, named after it; each case has a source."""
    assert {slug for slug, _ in CASES} == set(labsim.labs())
    assert all(case["source"] and case["name"] for _, case in CASES)


@pytest.mark.parametrize("slug, case", CASES, ids=[f"{s}: {c['name']}" for s, c in CASES])
def test_known_answer(slug, case):
    """Called, or run, and compared as the case says."""
    if "call" in case:
        assert function(case["call"])(*case["args"]) == case["gives"]
        return
    n = case.get("replications", 1)
    values = [labsim.run(slug, seed=seed, **case["run"]).summary[case["metric"]]
              for seed in range(n)]
    if "theory" in case:
        expected = function(case["theory"])(*case["args"])
        half = T_99[n] * statistics.stdev(values) / math.sqrt(n)
        print(f"{case['name']}: {statistics.mean(values):.4g} +- {half:.2g}, "
              f"expected {expected:.4g}")
        assert abs(statistics.mean(values) - expected) <= half < 0.2 * expected
    else:
        assert values[0] == pytest.approx(case["gives"], rel=case.get("within", 0), abs=1e-12)
