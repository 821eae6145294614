"""Reads what Amazon CloudWatch exports: counts per period, to be replayed as arrivals.

Picture a clerk with a strip of readings. He accepts four kinds of strip, reads every line,
and where something is odd he names the line and stops; what he fills in, he says.

*Models:* the CSV that the console downloads (lines of description, then timestamp,value), the
JSON of `get-metric-statistics` and of `get-metric-data`, and a plain CSV of timestamp,count.
The period is the commonest step between timestamps. A missing period counts as 0, and a count
that is no whole number is carried on to the next, so that the total is kept; both are said in
`Trace.notes`.
*Leaves out:* several metrics in one file (refused), time zones (timestamps are UTC unless they
say otherwise).
"""

import csv
import functools
import io
import json
import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

MAX_BYTES = 64 * 2**20
MAX_PERIODS = 1_000_000
MAX_COUNT = 1e12
STATISTICS = ("Sum", "SampleCount", "Average", "Maximum", "Minimum")


class TraceError(ValueError):
    """A file that is no usable export: `NAME:LINE: what was found, what is expected`."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Counts per period: `counts[i]` in the i-th `period` (s) after `first` (ISO time)."""

    period: float
    counts: np.ndarray
    first: str
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds from the start of the first period to the end of the last."""
        return self.period * len(self.counts)


@dataclass(frozen=True)
class Row:
    """A datapoint and where it stands: `value` is None where the export has an empty cell."""

    where: str
    t: float
    value: float | None


def read_trace(path, max_bytes: int = MAX_BYTES) -> Trace:
    """The trace in the file at `path`; `TraceError` in one line for anything else."""
    name = os.path.basename(os.fspath(path)) or os.fspath(path)
    try:
        status = os.stat(path)
        if status.st_size > max_bytes:
            raise TraceError(f"{name}: {status.st_size:,} bytes, at most {max_bytes:,}")
        if not os.path.isfile(path):
            raise TraceError(f"{name}: not a file")
        return _read(os.fspath(path), status.st_mtime_ns, status.st_size)
    except (OSError, ValueError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


@functools.lru_cache(maxsize=4)
def _read(path: str, modified: int, size: int) -> Trace:
    name = os.path.basename(path)
    with open(path, "rb") as file:
        raw = file.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[:error.start].count(b"\n") + 1
        raise TraceError(f"{name}:{line}: not a text file (UTF-8)") from None
    if "\0" in text:
        line = text[:text.index("\0")].count("\n") + 1
        raise TraceError(f"{name}:{line}: a binary file, not an export")
    if not text.strip():
        raise TraceError(f"{name}:1: the file is empty")
    is_json = text.lstrip()[0] in "{["
    rows, period, notes = (_from_json if is_json else _from_csv)(name, text)
    return _trace(name, rows, period, notes)


def _from_csv(name: str, text: str) -> tuple[list[Row], float | None, list[str]]:
    """Rows in the file's order: it must be the order of time."""
    rows: list[Row] = []
    described, period = False, None
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        for cells in reader:
            where = f"{name}:{reader.line_num}"
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            t = _time(cells[0])
            if t is None:
                if rows:
                    raise TraceError(f"{where}: {cells[0][:40]!r} is not a timestamp")
                described = described or cells[0].casefold() in ("full label", "label", "id")
                if cells[0].casefold() == "period" and len(cells) > 1:
                    period = _number(where, cells[1])
                if reader.line_num > 100:
                    raise TraceError(f"{where}: no timestamp in the first 100 lines")
                continue
            if len(cells) > 2 and any(cells[2:]):
                raise TraceError(f"{where}: {len(cells)} columns; keep one metric, two columns: "
                                 "timestamp and count")
            value = cells[1] if len(cells) > 1 else ""
            missing = described and not value   # the console writes an empty cell
            rows.append(Row(where, t, None if missing else _number(where, value)))
            if len(rows) > 1 and t <= rows[-2].t:
                wrong = "a duplicate timestamp" if t == rows[-2].t else "out of order"
                raise TraceError(f"{where}: {cells[0]} is {wrong}; each line must be later than "
                                 "the one before")
    except csv.Error as error:
        raise TraceError(f"{name}:{reader.line_num}: {error}") from None
    if not rows:
        raise TraceError(f"{name}:{max(reader.line_num, 1)}: no line starts with a timestamp")
    return rows, period, []


def _from_json(name: str, text: str) -> tuple[list[Row], float | None, list[str]]:
    """Datapoints in any order: the two commands promise none, so they are sorted."""
    try:
        data = json.loads(text)
    except RecursionError:
        raise TraceError(f"{name}:1: JSON nested too deeply") from None
    except json.JSONDecodeError as error:
        raise TraceError(f"{name}:{error.lineno}: not JSON: {error.msg}") from None
    except ValueError as error:     # a number of thousands of digits
        raise TraceError(f"{name}:1: not JSON: {str(error)[:60]}") from None
    found = []
    if isinstance(data, dict) and isinstance(data.get("Datapoints"), list):
        for i, point in enumerate(data["Datapoints"]):
            where = f"{name}: Datapoints[{i}]"
            if not isinstance(point, dict):
                raise TraceError(f"{where}: not an object")
            statistic = next((s for s in STATISTICS if s in point), None)
            if statistic is None:
                raise TraceError(f"{where}: none of {', '.join(STATISTICS)}")
            found.append((where, point.get("Timestamp"), point[statistic]))
    elif isinstance(data, dict) and isinstance(data.get("MetricDataResults"), list):
        results = data["MetricDataResults"]
        if len(results) != 1 or not isinstance(results[0], dict):
            raise TraceError(f"{name}: MetricDataResults has {len(results)} metrics, expected 1")
        if results[0].get("StatusCode", "Complete") != "Complete":
            raise TraceError(f"{name}: StatusCode is {str(results[0]['StatusCode'])[:40]!r}: "
                             "the export is not complete")
        times, values = results[0].get("Timestamps"), results[0].get("Values")
        if not isinstance(times, list) or not isinstance(values, list) or (
                len(times) != len(values)):
            raise TraceError(f"{name}: Timestamps and Values are not lists of one length")
        found = [(f"{name}: Timestamps[{i}]", t, v) for i, (t, v) in enumerate(zip(times, values))]
    else:
        raise TraceError(f"{name}:1: neither Datapoints (get-metric-statistics) nor "
                         "MetricDataResults (get-metric-data)")
    rows = []
    for where, stamp, value in found:
        t = _time(str(stamp)) if isinstance(stamp, (str, int, float)) else None
        if t is None:
            raise TraceError(f"{where}: {str(stamp)[:40]!r} is not a timestamp")
        rows.append(Row(where, t, _number(where, value)))
    if not rows:
        raise TraceError(f"{name}:1: no datapoints")
    ordered = sorted(rows, key=lambda row: row.t)
    for before, row in zip(ordered, ordered[1:]):
        if row.t == before.t:
            raise TraceError(f"{row.where}: a duplicate timestamp, also at {before.where}")
    notes = [] if ordered == rows else ["datapoints sorted by time"]
    return ordered, None, notes


def _trace(name: str, rows: list[Row], period: float | None, notes: list[str]) -> Trace:
    """Rows in order of time as counts per period, gaps filled with 0."""
    steps = Counter(round(b.t - a.t, 3) for a, b in zip(rows, rows[1:]))
    if not steps and not period:
        raise TraceError(f"{rows[0].where}: one datapoint has no period; at least two are needed")
    if steps:
        period = min(steps, key=lambda step: (-steps[step], step))
    if period <= 0:
        raise TraceError(f"{rows[0].where}: a period of {period:g} s")
    total = (rows[-1].t - rows[0].t) / period + 1
    if total > MAX_PERIODS:
        raise TraceError(f"{rows[-1].where}: {total:,.0f} periods of {period:g} s, "
                         f"at most {MAX_PERIODS:,}")
    values, gaps = [], []
    for row in rows:
        at = (row.t - rows[0].t) / period
        index = round(at)
        if abs(at - index) * period > min(1.0, period / 10) or index < len(values):
            raise TraceError(f"{row.where}: {(row.t - rows[0].t) % period:g} s off the period "
                             f"of {period:g} s")
        if index > len(values):
            gaps.append((row.where, index - len(values)))
        values.extend([0.0] * (index - len(values)))
        if row.value is None:
            gaps.append((row.where, 1))
        values.append(row.value or 0.0)
    if gaps:
        notes = [*notes, f"{sum(n for _, n in gaps):,} missing periods counted as 0, the first "
                         f"before {gaps[0][0]}"]
    exact = np.array(values)
    whole = np.floor(np.cumsum(exact) + 1e-6)
    if not np.array_equal(exact, np.floor(exact)):
        notes = [*notes, "counts that are no whole numbers: fractions carried on to the next"]
    first = datetime.fromtimestamp(rows[0].t, UTC).isoformat()
    return Trace(float(period), np.diff(whole, prepend=0.0).astype(np.int64), first,
                 tuple(notes))


def _number(where: str, value) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise TraceError(f"{where}: count {value[:40]!r} is not a number") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TraceError(f"{where}: count {str(value)[:40]!r} is not a number")
    if not 0 <= value <= MAX_COUNT:     # NaN is neither
        raise TraceError(f"{where}: count {value!r}, allowed 0 to {MAX_COUNT:g}"[:200])
    return float(value)


def _time(text: str) -> float | None:
    """Seconds since 1970 of an ISO time, the console's YYYY/MM/DD, or epoch s or ms."""
    text = text.strip()
    try:
        number = float(text)
        seconds = number / 1000 if number > 1e11 else number
        return seconds if 1e8 < seconds < 1e10 else None
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.replace("/", "-"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
