"""A lab beside what people measured on AWS: the same situation, both numbers, and how far apart.

Picture a tailor who lays his pattern on the customer: where it pinches is seen at once, and said.
A model may be wrong; it may not hide it.

`measured.yaml` in the lab's folder (`home`) is a list of comparisons. Each has

* name, unit (none: a share or a number), set: the id of a measurement (`data/measurements/`);
* rows: {column: value or list of values}, which rows of it; by default all;
* gives: what was measured, and error: its standard error, if one is known. Both a number, a column,
  or "column * number". With `each` every row is a figure of its own, with `over`: a column every
  row is a point of a curve over it; else the mean of the rows is compared, whose standard error is
  theirs where none is given;
* run: parameters of the lab, take: {parameter: column, or "column * number"} of those that the
  rows have, numbers or words; replications: so many seeds, whose mean is taken (default 1), or
  fewer, as soon as the standard error of that mean is at most `until`, a share of it;
* what of the run is beside it: metric: a name of the summary; or series: a name, or [one, another]
  for their ratio, as a mean after `after` s (default 0), or `at` s, or with `reaches`: a number or
  column, when it first gets there, s. times: a factor to the unit (default 1);
* or, for no run, play: "module:function" that plays the lab's own parts by hand, with `args`;
* fitted: true where a number of the model was taken from this very measurement: then that they
  agree is no evidence for the model, and is said;
* why: where the model is out, the reason, in one sentence.

A comparison is met where the mean of its figures' errors is at most `NEAR`, or they are on average
within `ERRORS` standard errors (`labsim.study.comparison`). What is missed is shown like what is
met, and is no failure.
"""

import functools
import math
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from labsim.errors import LabsimError, ParameterError, unknown
from labsim.measurements import Measurement, measurement
from labsim.statistics import standard_error
from labsim.study.comparison import Comparison, Figure, MeasuredTable

SPREAD = "standard error of the mean"   # of several rows, beside their columns
FEWEST = 3          # seeds before `until` may end it
KEPT = 256          # results, which several comparisons may share
KEYS = {"name", "unit", "set", "rows", "gives", "error", "each", "over", "run", "take",
        "replications", "until", "metric", "series", "after", "at", "reaches", "times", "play",
        "args", "fitted", "why"}


def cases(lab) -> list[dict]:
    """The comparisons of a lab, as written; none where it has no `measured.yaml`."""
    import yaml

    path = lab.home / "measured.yaml" if lab.home else None
    if path is None or not path.is_file():
        return []
    found = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    for case in found:
        for key in set(case) - KEYS:
            raise LabsimError(f"{lab.slug}, {path.name}, {case.get('name')}: "
                              f"{unknown('key', key, sorted(KEYS))}")
    return found


def about(topic: str, labs: Iterable) -> MeasuredTable:
    """The comparisons of these labs that are about `topic`: a lab, a service, a set of data or the
    part of its id before the first hyphen, in any case; `ParameterError` suggests the nearest."""
    wanted, known, found, labs = str(topic).strip().casefold(), {}, [], [*labs]
    if own := [lab for lab in labs if lab.slug == wanted and cases(lab.original or lab)]:
        return MeasuredTable(comparisons(own[0]))
    if any(lab.slug == wanted for lab in labs):
        raise ParameterError("topic", topic, "a lab of which something was measured", (
            f"nothing that the lab {wanted} shows has been measured on AWS, as far as we know"))
    for lab in labs:
        for case in cases(lab.original or lab):
            of = measurement(case["set"])
            words = {lab.slug, *lab.topics, of.id, *of.topics}
            names = {word.casefold() for word in words} | {
                word.split("-")[0] for word in (lab.slug, of.id)}
            known.update(dict.fromkeys(sorted(words)))
            if wanted in names:
                found.append((lab, case["name"]))
    if not found:
        raise unknown("topic", topic, known)
    return MeasuredTable(c for lab in dict.fromkeys(lab for lab, _ in found)
                         for c in comparisons(lab) if (lab, c.name) in found)


def comparisons(lab) -> tuple[Comparison, ...]:
    """Every comparison of `lab`, run now (once in a process): of the lab as it is, in every
    course."""
    return _comparisons(lab.original or lab)


@functools.lru_cache(maxsize=64)
def _comparisons(lab) -> tuple[Comparison, ...]:
    run = functools.lru_cache(maxsize=KEPT)(
        lambda values, seed: lab.run(lab.Params(**dict(values)), seed))
    return tuple(compare(lab, case, run) for case in cases(lab))


def compare(lab, case: dict, run: Callable) -> Comparison:
    """One comparison; `run` gives the result of ((name, value), ...) and a seed."""
    of = measurement(case["set"])
    rows, over = of.rows(**case.get("rows", {})), case.get("over", "")
    if not (over or case.get("each")):
        rows = [_mean_row(rows, case)]
    figures = tuple(
        Figure(_number(row, over) if over else math.nan,
               _number(row, case["gives"]), _error(row, case),
               _model(lab, case, row, run)) for row in rows)
    return Comparison(lab.slug, case["name"], case.get("unit", ""), of, over, figures,
                      case.get("why", ""), case.get("fitted", False))


# -- beside a curve ------------------------------------------------------------------------------


@dataclass(frozen=True)
class MeasuredCurve:
    """A comparison that is a metric over one parameter of the lab: the `run` in which it was
    measured, and its `figures`, (x, measured, standard error or NaN), in the metric's unit."""

    name: str
    metric: str
    parameter: str
    run: dict[str, Any]
    of: Measurement
    figures: tuple[tuple[float, float, float], ...]


@functools.lru_cache(maxsize=64)
def over_parameters(lab) -> tuple[MeasuredCurve, ...]:
    """The comparisons of `lab` that are a metric over one parameter, a row of data a point."""
    found = []
    for case in cases(lab.original or lab):
        taken = case.get("take", {})
        if "metric" not in case or len(taken) != 1 or not (case.get("over") or case.get("each")):
            continue
        (parameter, column), = taken.items()
        times, of = case.get("times", 1.0), measurement(case["set"])
        rows = of.rows(**case.get("rows", {}))
        if lab.Params.specs()[parameter].bounds is None or isinstance(times, str):
            continue
        figures = sorted((_value(row, column), _number(row, case["gives"]) / times,
                          _error(row, case) / times) for row in rows)
        found.append(MeasuredCurve(case["name"], lab.metric(case["metric"]).name, parameter,
                                   case.get("run", {}), of, tuple(figures)))
    return tuple(found)


def of_curve(lab, metric: str, parameter: str, setting) -> tuple[MeasuredCurve, ...]:
    """What was measured of a metric over a parameter in the very situation of a `Setting`: every
    other parameter is the same."""
    found = []
    for curve in over_parameters(lab):
        if (curve.metric, curve.parameter) == (metric, parameter):
            x = {parameter: curve.figures[0][0]}
            try:
                same = setting.but(x).params() == lab.Params(**{**curve.run, **x})
            except ParameterError:
                continue
            found += [curve] * same
    return tuple(found)


def _mean_row(rows: list[dict], case: dict) -> dict:
    """The rows as one: numbers by their mean; what is compared with its standard error."""
    first = dict(rows[0])
    if len(rows) == 1:
        return first
    for name in first:
        if all(_is_number(row[name]) for row in rows):
            first[name] = str(np.mean([float(row[name]) for row in rows]))
    values = [_number(row, case["gives"]) for row in rows]
    return {**first, SPREAD: str(standard_error(values))}


def _model(lab, case: dict, row: dict, run: Callable) -> float:
    """What the model gives for the situation of a row."""
    times = _number(row, case.get("times", 1.0))
    if "play" in case:
        args = [_number(row, a) if isinstance(a, str) else a for a in case.get("args", [])]
        return float(pkgutil.resolve_name(case["play"])(*args)) * times
    taken = {name: _value(row, column) for name, column in case.get("take", {}).items()}
    values = tuple(sorted({**case.get("run", {}), **taken}.items()))
    given: list[float] = []
    for seed in range(1, 1 + case.get("replications", 1)):
        given.append(_read(run(values, seed), case, row))
        if len(given) >= FEWEST and standard_error(given) <= case.get("until", 0.0) * abs(
                math.fsum(given) / len(given)):
            break
    return math.fsum(given) / len(given) * times


def _read(result, case: dict, row: dict) -> float:
    """What of a result is beside the measurement."""
    if "metric" in case:
        return result.summary[result.lab.metric(case["metric"]).name]
    names = case["series"] if isinstance(case["series"], list) else [case["series"]]
    if missing := [name for name in names if name not in result.series]:
        raise unknown("series", missing[0], result.series)
    curves = [result.series[name] for name in names]
    t = curves[0].t
    if "reaches" in case:
        there = np.flatnonzero(curves[0].value >= _number(row, case["reaches"]))
        return float(t[there[0]]) if len(there) else math.inf
    if "at" in case:
        parts = [float(np.interp(_number(row, case["at"]), t, c.value)) for c in curves]
    else:
        parts = [float(c.value[t > case.get("after", 0.0)].mean()) for c in curves]
    return parts[0] if len(parts) == 1 else parts[0] / parts[1] if parts[1] else 0.0


def _number(row: dict, what: object) -> float:
    """A number, a column's, or "column * number"."""
    if not isinstance(what, str):
        return float(what)
    name, _, factor = (part.strip() for part in what.partition("*"))
    if name not in row:
        raise unknown("column", name, row)
    return float(row[name]) * float(factor or 1)


def _value(row: dict, what: str) -> float | str:
    """The same for a parameter, which may be a word, too; a whole number is one."""
    if what in row and not _is_number(row[what]):
        return row[what]
    number = _number(row, what)
    return int(number) if number.is_integer() else number


def _error(row: dict, case: dict) -> float:
    """The standard error of what a row, or the mean of several, gives."""
    return _number(row, case.get("error", SPREAD if SPREAD in row else math.nan))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
