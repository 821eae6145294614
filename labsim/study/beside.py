"""A file of one's own measurements beside a run.

Picture two strips of paper held against the window, one over the other.

The file is one of three, told apart by its first line:

* `metric,value` or `metric,value,se`: a row per metric of the result, in the metric's unit, with
  its standard error where it is known;
* `seconds,NAME,...` or `time,NAME,...`: values over time of the result's series of these names, in
  their units (`NAME_se`: the standard error of NAME). Seconds count from the start of the run; of
  times (ISO 8601, or s or ms since 1970) the first row is the start. A value is the mean until the
  next row's time, the last one's as long as the one before; an empty cell is no value;
* an export of one's own system (`labsim.traces`): a metric per period, the first of which starts
  with the run, or the trace that it replays. A count is divided by the period where the series is
  one per second. `metric` says which of several; a second metric of the same export shows how far
  the model is from one's own system.

What is in any other form is refused in one line: file, line, what is there, what is expected.
"""

import csv
import functools
import io
import math
import re
from pathlib import Path

import numpy as np

from labsim.errors import ParameterError, nearest, short, unknown
from labsim.measurements import Measurement
from labsim.study.comparison import Comparison, Figure, MeasuredTable
from labsim.traces import TraceError, read_readings, read_trace
from labsim.traces.meaning import COUNTS
from labsim.traces.moments import moments
from labsim.traces.text_file import Unnamed, decoded, read

# What AWS, k6 and locust say in milliseconds, where the file doesn't say it.
MILLISECONDS = re.compile(r"FirstByteLatency|TotalRequestLatency|SuccessfulRequestLatency|Duration|"
                          r"IteratorAge|IntegrationLatency|http_req_\w+|Response Time|\d\d%|_ms\b|"
                          r"\bms\b")
UNITS = {"Milliseconds": 1e-3, "Microseconds": 1e-6, "ms": 1e-3, "us": 1e-6}    # s
OFFERED = "offered_rate"    # what an export is beside where nothing else is said


class OwnTable(MeasuredTable):
    """What a file of one's own has beside a result; `notes`: what of it was left out."""

    columns = ("Measured", "There", "The model gives", "Error", "", "File")
    whose, there = "Your measurements", "yours"
    notes: tuple[str, ...] = ()

    def told(self) -> str:
        """How many are near, in a sentence, and what was left out."""
        return " ".join([super().told(), *self.notes])


def beside(result, file, series: str | None = None, metric: str = "") -> OwnTable:
    """The file's measurements beside `result`, see above. series: what an export is of, by default
    what was offered; metric: which of the export's. `LabsimError` for any other file or name."""
    if not hasattr(result, "series"):
        raise ParameterError("result", result, "what a run gives, labsim.run(...)")
    if series is not None and series not in result.series:
        raise unknown("series", series, result.series)
    found = read(file, functools.partial(_parse, result, series))
    if found is None:
        found = _export(result, file, series, metric)
    elif series is not None or metric:
        raise ParameterError("series", series or metric, "none: the file names its own")
    comparisons, notes = found
    table = OwnTable(comparison(_own(result, file)) for comparison in comparisons)
    table.notes = tuple(notes)
    return table


def _own(result, file) -> Measurement:
    name = Path(file).name
    return Measurement("own", result.slug, "", "", "", "", name, "", name, "no", Path())


def _parse(result, series, raw: bytes):
    """The comparisons of a CSV of metrics or series, and notes; None for another file."""
    text = decoded(raw)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise TraceError(f"{reader.line_num}: not CSV: {error}") from None
    if not rows:
        raise TraceError("1: an empty file, expected metrics, series over time or an export")
    (line, head), *rows = rows
    kind = head[0].casefold()
    if kind not in ("metric", "seconds", "time"):
        return None
    if not rows:
        raise TraceError(f"{line}: no row after the names of the columns, expected one or more")
    for at, cells in rows:
        if len(cells) != len(head):
            raise TraceError(f"{at}: {len(cells)} columns, expected {len(head)}")
    return (_metrics if kind == "metric" else _series)(result, line, head, rows)


def _metrics(result, line: int, head: list[str], rows: list):
    if [name.casefold() for name in head[1:]] not in (["value"], ["value", "se"]):
        raise TraceError(f"{line}: columns {', '.join(head)}, expected metric,value or "
                         "metric,value,se")
    made = {}
    for at, (name, value, *more) in rows:
        if name not in result.summary and name not in [a for m in result.lab.metrics
                                                       for a in m.aliases]:
            raise TraceError(f"{at}: metric {short(name)}, {nearest(name, result.summary)}")
        metric = result.lab.metric(name)
        if metric.name in made:
            raise TraceError(f"{at}: {name} twice, expected once")
        se = _number(at, more[0], "standard error", 0.0) if more and more[0] else math.nan
        figure = Figure(math.nan, _number(at, value), se, result.summary[metric.name])
        made[metric.name] = functools.partial(_comparison, result, metric.name, metric.unit, "",
                                              [figure])
    return made.values(), []


def _series(result, line: int, head: list[str], rows: list):
    names = head[1:]
    base = [name for name in names if not _error_of(name, result)]
    if wrong := [name for name in base if name not in result.series]:
        raise TraceError(f"{line}: series {short(wrong[0])}, "
                         f"{nearest(wrong[0], result.series)}")
    if not base or len(set(names)) < len(names) or any(
            name not in base and _error_of(name, result) not in base for name in names):
        raise TraceError(f"{line}: columns {', '.join(head)}, expected each series once, its "
                         "standard error beside it")
    start = _starts(head[0].casefold() == "seconds", rows)
    lines = [at for at, _ in rows]
    columns = {name: [_number(at, cells[i]) if cells[i] else math.nan for at, cells in rows]
               for i, name in enumerate(head) if i}
    return _curves(result, start, lines, {
        name: (columns[name], columns.get(f"{name}_se")) for name in base})


def _error_of(name: str, result) -> str:
    """The series of which a column is the standard error; "" for another column."""
    return name.removesuffix("_se") if name.endswith("_se") and name not in result.series else ""


def _starts(seconds: bool, rows: list) -> np.ndarray:
    """The time of each row, s of the run."""
    if seconds:
        start = [_number(at, cells[0], "seconds", 0.0) for at, cells in rows]
    else:
        times, _ = moments([cells[0] for _, cells in rows], [at for at, _ in rows])
        start = (times - times[0]).tolist()
    for (at, _), before, after in zip(rows[1:], start, start[1:]):
        if after <= before:
            raise TraceError(f"{at}: {after:,.10g} s after {before:,.10g} s, expected rows in "
                             "order of time")
    return np.array(start)


def _export(result, file, series: str | None, metric: str):
    """The comparison of a metric of an export, and notes."""
    try:
        readings = read_readings(file, metric)
    except Unnamed as error:
        raise TraceError(str(error).replace("trace_metric", "metric")) from None
    name = series or OFFERED
    if name not in result.series:
        raise ParameterError("series", series, f"one of {', '.join(result.series)}")
    values, notes = readings.values, [f"{note[:1].upper()}{note[1:]}." for note in readings.notes]
    if result.series[name].unit.endswith("/s") and readings.kind == COUNTS:
        values = values / readings.period
        notes.append(f"Each count of {readings.name} is taken by its {readings.period:g} s, as "
                     f"{name}.")
    factor = _factor(readings, result.series[name].unit)
    values = values * factor
    if factor != 1 or result.series[name].unit == "s" and not readings.unit:
        said = {1e-3: "milliseconds", 1e-6: "microseconds", 0.01: "percent"}.get(factor, "seconds")
        notes.append(f"{readings.name} is taken as {said}.")
    start = readings.period * np.arange(len(values)) + _after(result.params, readings)
    values, start = values[start >= 0], start[start >= 0]
    if not len(start):
        raise TraceError(f"{Path(file).name}:1: ends before the run begins")
    if len(start) == 1:
        start = np.append(start, readings.period)
        values = np.append(values, math.nan)
    lines = np.full(len(start), readings.lines[0])
    try:
        curves, more = _curves(result, start, lines, {name: (values, None)})
    except TraceError as error:
        raise TraceError(f"{Path(file).name}:{error}") from None
    return curves, [*notes, *more]


def _factor(readings, wanted: str) -> float:
    """From what was exported to the series' unit."""
    if readings.unit == "Percent" and wanted.startswith("of "):
        return 0.01
    if wanted == "s" and not readings.unit and MILLISECONDS.search(readings.name):
        return 1e-3
    return UNITS.get(readings.unit, 1.0) if wanted == "s" else 1.0


def _after(params, readings) -> float:
    """When the file begins, s of the run: with it; of a trace that is replayed, by its times."""
    if getattr(params, "workload", "") != "trace":
        return 0.0
    trace = read_trace(params.trace, params.trace_metric, params.trace_as)
    return readings.start - trace.began - params.trace_start


def _curves(result, start: np.ndarray, lines, columns: dict):
    """A comparison per column, {series: (values, standard errors or None)}; rows within the run."""
    if len(start) < 2:
        raise TraceError(f"{lines[0]}: one row, expected two or more")
    end, duration = np.append(start[1:], 2 * start[-1] - start[-2]), result.params.duration
    within = end <= duration * (1 + 1e-9)
    if not within.any():
        raise TraceError(f"{lines[0]}: until {end[0]:,.10g} s, expected a time within the run's "
                         f"{duration:,.10g} s")
    notes = [] if within.all() else [
        f"{int((~within).sum()):,} of {len(start):,} rows are after the run's end, from line "
        f"{lines[int(within.argmin())]}."]
    made = []
    for name, (values, errors) in columns.items():
        model = _means(result.series[name], start, end)
        errors = np.full(len(start), math.nan) if errors is None else errors
        figures = [Figure(float(t), float(v), float(se), float(m))
                   for t, v, se, m, inside in zip(start, values, errors, model, within)
                   if inside and not math.isnan(v)]
        if not figures:
            raise TraceError(f"{lines[0]}: {name} has no value within the run, expected one or "
                             "more")
        made.append(functools.partial(_comparison, result, name, result.series[name].unit,
                                      "seconds", figures))
    return made, notes


def _means(series, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The mean of a curve between these times."""
    steps = np.diff(series.t) * (series.value[1:] + series.value[:-1]) / 2
    area = np.concatenate([[0.0], np.cumsum(steps)])
    return (np.interp(end, series.t, area) - np.interp(start, series.t, area)) / (end - start)


def _comparison(result, name: str, unit: str, over: str, figures: list, of) -> Comparison:
    return Comparison(result.slug, name, unit, of, over, tuple(figures), "")


def _number(line: int, text: str, what: str = "value", least: float = -math.inf) -> float:
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= least):
        allowed = "a number" if least == -math.inf else f"a number, {least:g} or more"
        raise TraceError(f"{line}: {what} {short(text)}, expected {allowed}")
    return number
