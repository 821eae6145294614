"""How far can you trust a lab? Its known answers: numbers in, numbers out, with their source.

Picture the calibration sheet that hangs beside a scale: which weights were put on it, what they
are known to weigh, and what it showed.

`known_answers.yaml` in the lab's folder (`home`) is a list of cases; each has a `name`, a
`source`, and one of

* call: a function ("module:function") that the model calls, `args`, and what it `gives`;
* run: parameters of the lab, a `metric`, and what it `gives`: exactly, or `within` a share of it.
  With `replications` the value, or that of a closed form (`theory`: a function with `args`), must
  lie inside the 99% confidence interval of the mean over so many seeds;
* play: like call, but the function plays the lab's own parts by hand in a simulation.

What is called is evidence for a rule, what is run or played for the model: they are counted apart.
The third kind, the lab beside measurements on AWS, stands in `labsim.study.measured`.
"""

import math
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labsim.errors import LabsimError
from labsim.statistics import half_width
from labsim.study.comparison import MeasuredTable
from labsim.study.measured import comparisons
from labsim.tables import as_html, as_text
from labsim.text import format_value

CONFIDENCE = 0.99   # of the interval in which a known mean must lie
KINDS = {"call": "rule", "run": "model", "play": "model"}   # what a case is evidence for
HEADING = "Known answers: numbers in, numbers out"
WORDS = {"rule": "rules of the model", "model": "runs of the model"}


@dataclass(frozen=True)
class Check:
    """One known answer: what was expected, what the model gives, and whether they agree.

    kind: what it is evidence for, one of `WORDS`. half: half the width of the confidence
    interval; 0 for a value that must match.
    """

    kind: str
    name: str
    source: str
    expected: object
    given: object
    half: float
    passed: bool


class TrustTable(tuple):
    """The checks of a lab, and how it compares with AWS (`measured`, a `MeasuredTable`): text in a
    terminal, tables in a notebook. First what may be relied on and what not, then one by one."""

    columns = ("Known answer", "Evidence", "Expected", "The model gives", "", "Source")

    def __new__(cls, checks=(), measured=()):
        """Of these checks, and `Comparison`s."""
        made = super().__new__(cls, checks)
        made.measured = MeasuredTable(measured)
        return made

    @property
    def passed(self) -> bool:
        """Whether all agree."""
        return all(check.passed for check in self)

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """{kind of evidence: (how many agree, of how many)}."""
        kinds = dict.fromkeys((*KINDS.values(), *(check.kind for check in self)))
        return {kind: (sum(c.passed for c in self if c.kind == kind),
                       sum(c.kind == kind for c in self)) for kind in kinds}

    def told(self) -> str:
        """The counts of the three kinds of evidence, each apart from the others."""
        checked = "; ".join(f"{WORDS[kind]}: {passed} of {of_all} agree"
                            for kind, (passed, of_all) in self.counts.items()).capitalize()
        return f"{self.measured.told()} {checked}."

    def rows(self) -> list[tuple[str, ...]]:
        """One row of texts per check."""
        return [(c.name, c.kind, words(c.expected), words(c.given) + (
            f" \u00b1 {format_value(c.half)}" if c.half else ""),
            "agrees" if c.passed else "DIFFERS", c.source) for c in self]

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, (self.told(), self.measured.table_text(), as_text(
            self.columns, self.rows(), widest=58))))

    def _repr_html_(self) -> str:
        return (f"<p>{self.told()}</p>{self.measured.off_html()}{self.measured.table_html()}"
                f"<details><summary>{HEADING}</summary>"
                f"{as_html(self.columns, self.rows())}</details>")


def words(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        if isinstance(value, dict):
            return ", ".join(f"{key} {words(part)}" for key, part in value.items())
        return ", ".join(map(words, value)) if isinstance(value, (list, tuple)) else str(value)
    return f"{value:,}" if isinstance(value, int) else format_value(value)


def answers_file(lab) -> Path:
    """Where the known answers of a lab are."""
    return (lab.home or Path()) / "known_answers.yaml"


def cases(lab) -> list[dict]:
    """The known answers of a lab, as written. `LabsimError` if it has none."""
    import yaml

    path = answers_file(lab)
    if not path.is_file():
        raise LabsimError(f"{lab.slug} has no known answers: {path.name} is missing")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def trust(lab) -> TrustTable:
    """Every known answer of `lab`, checked now, and it beside what was measured on AWS: of the lab
    as it is, in every course."""
    lab = lab.original or lab
    return TrustTable((check(lab, case) for case in cases(lab)), comparisons(lab))


def kind(case: dict) -> str:
    """What a case is evidence for."""
    return next(KINDS[word] for word in KINDS if word in case)


def check(lab, case: dict) -> Check:
    """One known answer, checked now."""
    expected, half = case.get("gives"), 0.0
    if "run" not in case:
        given = function(case.get("call") or case["play"])(*case["args"])
        passed = same(given, expected, case.get("within", 1e-9))
        return Check(kind(case), case["name"], case["source"], expected, given, half, passed)
    if "theory" in case:
        expected = function(case["theory"])(*case["args"])
    values = list(replications(lab, case))
    given = math.fsum(values) / len(values)
    if len(values) == 1:
        passed = same(given, expected, case.get("within", 1e-12))
    else:
        half = half_width(values, CONFIDENCE)
        passed = abs(given - expected) <= half < 0.2 * abs(expected)
    return Check(kind(case), case["name"], case["source"], expected, given, half, passed)


def replications(lab, case: dict) -> Iterator[float]:
    """The metric of each replication."""
    params = lab.Params(**case["run"])
    for seed in range(case.get("replications", 1)):
        yield lab.run(params, seed).summary[case["metric"]]


def function(name: str):
    """The function that "module:name" names."""
    return pkgutil.resolve_name(name)


def same(given, expected, within: float) -> bool:
    """Equal; numbers to a share `within`, lists and tables item by item."""
    if isinstance(expected, dict):
        return given.keys() == expected.keys() and all(
            same(given[key], value, within) for key, value in expected.items())
    if isinstance(expected, list):
        return len(given) == len(expected) and all(
            same(a, b, within) for a, b in zip(given, expected))
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return math.isclose(given, expected, rel_tol=within, abs_tol=1e-12)
    return given == expected
