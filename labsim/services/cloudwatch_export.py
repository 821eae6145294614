"""Reads what Amazon CloudWatch exports: counts per period, to be replayed as arrivals.

Picture a clerk with a strip of readings. He accepts four kinds of strip, reads every line, and
where something is odd he names the line and stops; what he fills in or turns round, he says.

*Models:* the CSV that the console downloads (lines of description, then timestamp,value), the
JSON of `get-metric-statistics` (in no order) and of `get-metric-data` (newest first, unless asked
otherwise), and a plain CSV of timestamp,count. What a file is, its content says, not its name.
*Leaves out:* several metrics in one file, and timestamps written in several ways (both refused);
time zones: a timestamp without an offset, as the console writes it, is kept without one.

Source: the CloudWatch API reference; AWS describes the console's CSV nowhere, so of its
description only `Period` is used, where it is there.
"""

import csv
import functools
import io
import json
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np

from labsim.errors import LabsimError, short

MAX_BYTES = 64 * 2**20
MAX_PERIODS = 1_000_000
MAX_COUNT = 1e12
STATISTICS = ("Sum", "SampleCount", "Average", "Maximum", "Minimum")
DESCRIPTION = ("full label", "label", "id", "metric", "metric name", "namespace", "dimensions",
               "statistic", "period", "unit", "region", "account", "account id", "yaxis")
UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
EPOCH = re.compile(r"(\d{10}|\d{13})(\.\d+)?", re.A)     # s from 2001 on, or ms
STRING_OR_BRACE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|}')


class TraceError(LabsimError):
    """A file that is no usable export: `NAME:LINE: what was found, what is expected`."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Counts per period.

    `start`: when the first period begins, s of the trace. `period`: s. `counts`: whole numbers,
    shape (n,), read-only. `first`: ISO timestamp of the first datapoint, with an offset only
    where the file has one. `gaps`: (index of the first missing period, how many) of each gap,
    counted as 0. `notes`: all that was done to the data, in words.
    """

    start: float
    period: float
    counts: np.ndarray
    first: str
    gaps: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]

    @property
    def duration(self) -> float:
        """Seconds from the start of the first period to the end of the last."""
        return self.period * len(self.counts)


class Point(NamedTuple):
    """A datapoint on its line: `written` is how its timestamp is; no value: an empty cell."""

    line: int
    moment: datetime
    written: str
    value: float | None


class _Refused(Exception):
    """(line, what was found and what is expected)"""


def read_trace(path, max_bytes: int = MAX_BYTES) -> Trace:
    """The trace in the file at `path`; `TraceError`, in one line, for any other file."""
    path = os.fsdecode(path)
    name = os.path.basename(path) or path
    name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused(1, "a folder or a device, expected a file")
        with open(path, "rb") as file:
            _limit(status.st_size, max_bytes)
            raw = file.read(max_bytes + 1)
        _limit(len(raw), max_bytes)
        return _parse(raw)
    except _Refused as refused:
        line, message = refused.args
    except RecursionError:
        line, message = 1, "JSON nested too deeply"
    except (OSError, ValueError) as error:      # ValueError: a path that cannot be
        line, message = 1, f"cannot be read: {getattr(error, 'strerror', None) or error}"
    raise TraceError(f"{name}:{line}: {message}")


def _limit(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise _Refused(1, f"{size:,} bytes, at most {max_bytes:,}")


@functools.lru_cache(maxsize=2)     # a lab reads its trace several times for one run
def _parse(raw: bytes) -> Trace:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Refused(line, "a binary file, expected text in UTF-8") from None
    if "\0" in text:
        raise _Refused(_line(text, "\0"), "a binary file (a NUL byte), expected text in UTF-8")
    if not text.strip():
        raise _Refused(1, "the file is empty, expected lines of timestamp,count")
    if text.lstrip()[0] in "{[":
        return _trace(*_from_json(text))
    return _trace(*_from_csv(text))


def _from_csv(text: str) -> tuple[list[Point], list[str], float | None]:
    """Points in the file's order, notes, and the period where the console's description has it."""
    points, notes, period, described, began = [], [], None, False, False
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            cells, line = [cell.strip() for cell in cells] + [""], reader.line_num
            key, value = cells[0].casefold(), cells[1]
            if not any(cells):
                continue
            described = described or (not began and key in DESCRIPTION)
            header = described or (not began and not re.match(r"[-+.]?\d", value))
            began = True
            if not points and header and not key[:1].isdigit():
                if described and key == "period":
                    given = re.fullmatch(r"(\d{1,9}) ?(second|minute|hour|day)?s?", value.lower())
                    period = int(given[1]) * UNITS[given[2] or "second"] if given else None
                    if not period:
                        notes.append(f"period {short(value)} not understood: commonest step taken")
                continue
            if any(cells[2:]):
                raise _Refused(line, f"{len(cells) - 1} columns, expected timestamp,count: keep "
                                     "one metric")
            empty = described and not value     # the console's sign of no data
            points.append(_point(line, cells[0], None if empty else _count(line, value), points))
    except csv.Error as error:
        raise _Refused(reader.line_num, f"not CSV: {error}") from None
    if not points:
        raise _Refused(reader.line_num, "no datapoints, expected lines of timestamp,count")
    return points, notes, period


def _from_json(text: str) -> tuple[list[Point], list[str]]:
    """Points from the oldest to the newest, as far as the format promises an order, and notes."""
    try:
        data = json.loads(text, object_pairs_hook=_unique_keys(text))
    except json.JSONDecodeError as error:
        raise _Refused(error.lineno, f"not JSON: {error.msg}") from None
    except ValueError:
        raise _Refused(1, "not JSON: a number of thousands of digits") from None
    data = data if isinstance(data, dict) else {}
    if "Datapoints" in data:
        found, notes = _statistics(_list(text, data, "Datapoints"))
    elif "MetricDataResults" in data:
        found, notes = _metric_data(text, data), []
    else:
        raise _Refused(1, "neither Datapoints (get-metric-statistics) nor MetricDataResults "
                          "(get-metric-data), expected one of them")
    points: list[Point] = []
    for line, stamp, count in found:
        if isinstance(count, bool) or not isinstance(count, (int, float)):
            raise _Refused(line, f"count {_shown(count)}, expected a number")
        points.append(_point(line, stamp, _count(line, count), points))
    if not points:
        raise _Refused(1, "no datapoints, expected two or more")
    if "Datapoints" in data and any(a.moment > b.moment for a, b in pairwise(points)):
        points.sort(key=lambda point: point.moment)
        notes.append("datapoints sorted by time: get-metric-statistics gives them in no order")
    elif points[0].moment > points[-1].moment:
        points.reverse()
        notes.append("datapoints reversed: get-metric-data gives the newest first")
    return points, notes


def _statistics(datapoints: list[tuple[int, object]]) -> tuple[list[tuple], list[str]]:
    """(line, timestamp, count) of each datapoint, all of the first one's foremost statistic."""
    for line, point in datapoints:
        if not isinstance(point, dict):
            raise _Refused(line, f"{_shown(point)}, expected an object with Timestamp and Sum")
    there = [s for s in STATISTICS if datapoints and s in datapoints[0][1]] or ["Sum"]
    for line, point in datapoints:
        if there[0] not in point:
            raise _Refused(line, f"no {there[0]}, expected one statistic in all datapoints")
    others = f"; not used: {', '.join(there[1:])}" if there[1:] else ""
    notes = [f"the counts are the {there[0]} of each period{others}"] if there != ["Sum"] else []
    return [(line, point.get("Timestamp"), point[there[0]]) for line, point in datapoints], notes


def _metric_data(text: str, data: dict) -> list[tuple]:
    """(line, timestamp, count) of each datapoint of the only metric."""
    results = _list(text, data, "MetricDataResults")
    if len(results) != 1 or not isinstance(results[0][1], dict):
        raise _Refused(_line(text, '"MetricDataResults"'),
                       f"{len(results)} results, expected 1: keep one metric, all its pages joined")
    result = results[0][1]
    status = "PartialData" if data.get("NextToken") else result.get("StatusCode", "Complete")
    if status != "Complete":
        where = _line(text, '"NextToken"' if data.get("NextToken") else '"StatusCode"')
        raise _Refused(where, f"StatusCode {_shown(status)}, expected 'Complete': fetch the rest")
    times, values = _list(text, result, "Timestamps"), _list(text, result, "Values")
    if len(times) != len(values):
        raise _Refused(_line(text, '"Values"'),
                       f"{len(values)} Values, expected one for each of {len(times)} Timestamps")
    return [(line if isinstance(stamp, str) and isinstance(count, str) else at, stamp, count)
            for (line, stamp), (at, count) in zip(times, values)]
