"""Reads what Amazon CloudWatch exports: counts per period, to be replayed as arrivals.

Picture a clerk with a strip of readings. He reads every line; where one is odd, he names it and
stops; what he fills in or turns round, he says.

*Models:* the console's CSV (description, then timestamp,value; AWS does not document it), the JSON
of `get-metric-statistics` (in no order) and of `get-metric-data` (newest first), and a plain CSV
of timestamp,count; told apart by content.
*Leaves out:* several metrics, timestamps written in several ways (both refused); time zones.
"""

import csv
import functools
import io
import json
import re
from collections import Counter, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from labsim.errors import short
from labsim.traces.text_file import MAX_BYTES, TraceError, decoded, read

MAX_PERIODS, MAX_COUNT, NAN = 1_000_000, 1e12, float("nan")
STATISTICS = ("Sum", "SampleCount", "Average", "Maximum", "Minimum")

Point = namedtuple("Point", "line moment form value")    # value: NaN for an empty cell


@dataclass(frozen=True, eq=False)
class Trace:
    """Counts per period, and what was done to the data to get them."""

    start: float                        # of the first period, s of the trace: 0
    period: float                       # s
    counts: np.ndarray                  # int64, shape (n,), read-only
    first: str                          # ISO time; has a UTC offset where the file says one
    gaps: tuple[tuple[int, int], ...]   # (first missing period, how many); counted as 0
    notes: tuple[str, ...]              # every treatment, in words

    @property
    def duration(self) -> float:
        """Seconds from the start of the first period to the end of the last."""
        return self.period * len(self.counts)


@dataclass(frozen=True, eq=False)
class Readings:
    """The values as they were exported, on their grid."""

    period: float           # s
    values: np.ndarray      # float, shape (n,); NaN where a period is missing
    first: str              # ISO time of the first period
    statistic: str          # "Sum" where the file does not say
    lines: tuple[int, ...]  # of the file, of each value that is there


def read_trace(path, max_bytes: int = MAX_BYTES) -> Trace:
    """The trace in the file at `path`; `TraceError` for any other file."""
    return read(path, _parse, max_bytes)


def read_readings(path) -> Readings:
    """The same file's values, which need not be counts; `TraceError` for any other file."""
    return read(path, _parse_readings)


@functools.lru_cache(maxsize=2)     # a lab reads its trace several times for one run
def _parse(raw: bytes) -> Trace:
    points, notes, period, _ = _points(decoded(raw))
    return _trace(points, notes, period)


def _parse_readings(raw: bytes) -> Readings:
    points, _, period, statistic = _points(decoded(raw))
    period, values, _ = _on_grid(points, period)
    return Readings(period, np.array(values), points[0].moment.isoformat(), statistic,
                    tuple(p.line for p in points))


def _points(text: str) -> tuple[list[Point], list[str], float | None, str]:
    """Points in the order of time as far as the format tells it, what was done to them, the period
    where the file says one, and the statistic."""
    return (_from_json if text.lstrip().startswith(("{", "[")) else _from_csv)(text)


def _from_csv(text: str) -> tuple[list[Point], list[str], float | None, str]:
    """Points in the file's order, and period and statistic where the console's description has
    them."""
    points, period, statistic, first, described = [], None, STATISTICS[0], True, False
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            line, (stamp, value, *more) = reader.line_num, [c.strip() for c in [*cells, "", ""]]
            described = described or first and stamp.casefold() in ("full label", "label", "id")
            header = described or first and not re.match(r"[-+.]?\d", value)
            first = False
            if header and not points and not stamp[:1].isdigit():
                if stamp.casefold() == "period" and re.fullmatch(r"[1-9]\d{0,8}", value):
                    period = float(value)
                if stamp.casefold() == "statistic" and value in STATISTICS:
                    statistic = value
                continue
            if any(more):
                raise TraceError(f"{line}: {len(cells)} columns, expected 2: keep one metric")
            empty = described and not value     # the console's sign of no data
            points.append(point(points, line, stamp, NAN if empty else _count(line, value, str)))
    except csv.Error as error:
        raise TraceError(f"{reader.line_num}: not CSV: {error}") from None
    return points, [], period, statistic


def _from_json(text: str) -> tuple[list[Point], list[str], None, str]:
    """Points from the oldest to the newest, as far as the format leaves their order open."""
    data = json.loads(text, object_pairs_hook=functools.partial(_object, text))
    points, notes, statistic = [], [], STATISTICS[0]
    if isinstance(data, dict) and "Datapoints" in data:
        datapoints = _list(text, data, "Datapoints")
        found, statistic = _statistics(datapoints, notes), _statistic(datapoints)
    elif isinstance(data, dict) and "MetricDataResults" in data:
        found = _metric_data(text, data)
    else:
        raise TraceError("1: other JSON, expected an object with Datapoints or MetricDataResults")
    for line, stamp, at, value in found:
        points.append(point(points, line, str(stamp), _count(at, value, int, float)))
    if any(a.moment > b.moment for a, b in zip(points, points[1:])):
        if "Datapoints" in data:
            points.sort(key=lambda point: point.moment)
            notes.append("datapoints sorted by time: get-metric-statistics gives them in no order")
        elif points[0].moment > points[-1].moment:
            points.reverse()
            notes.append("datapoints reversed: get-metric-data gives the newest first")
    return points, notes, None, statistic


def _statistic(datapoints: list[tuple]) -> str:
    """The first of the statistics that the first datapoint has."""
    one = datapoints[0][1] if datapoints and isinstance(datapoints[0][1], dict) else {}
    return next((s for s in STATISTICS if s in one), STATISTICS[0])


def _statistics(datapoints: list[tuple], notes: list[str]):
    """(line, timestamp, line, count) of each datapoint, all of the same statistic."""
    used, one = _statistic(datapoints), datapoints[0][1] if datapoints else {}
    others = [s for s in STATISTICS if s != used and isinstance(one, dict) and s in one]
    if used != "Sum" or others:
        notes.append(f"the counts are each period's {used}, not its {' or '.join(others) or 'Sum'}")
    for line, point in datapoints:
        if not isinstance(point, dict) or used not in point:
            raise TraceError(f"{line}: a datapoint without {used}, expected one statistic in all")
        yield line, point.get("Timestamp"), line, point[used]


def _metric_data(text: str, data: dict) -> list[tuple]:
    """(line, timestamp, line, count) of each datapoint of the only metric."""
    results = [result for _, result in _list(text, data, "MetricDataResults")]
    if len(results) != 1 or not isinstance(results[0], dict):
        raise TraceError(f"{_line(text, 'MetricDataResults')}: {len(results)} results, expected 1")
    for key, where in ("StatusCode", results[0]), ("NextToken", data):
        if (value := where.get(key)) not in ("Complete", None):
            raise TraceError(f"{_line(text, key)}: {key} {short(value)}, expected all the data")
    times, values = _list(text, results[0], "Timestamps"), _list(text, results[0], "Values")
    if len(times) != len(values):
        raise TraceError(f"{_line(text, 'Values')}: {len(values)} Values, expected {len(times)}")
    return [(*time, *value) for time, value in zip(times, values)]


def _list(text: str, data: dict, key: str) -> list[tuple[int, object]]:
    """(line, element) of the list under `key`; json tells no lines, so the list is read again."""
    elements, start = data.get(key), re.search(rf'"{key}"\s*:\s*\[', text)
    if not start or not isinstance(elements, list):
        raise TraceError(f"{_line(text, key)}: {key} is {short(elements)}, expected a list")
    found, line, before, at = [], 1, 0, start.end()
    decode, skip = json.JSONDecoder().raw_decode, re.compile(r"[\s,]*").match
    for element in elements:
        at = skip(text, at).end()
        line, before = line + text.count("\n", before, at), at
        found.append((line, element))
        at = decode(text, at)[1]
    return found


def _object(text: str, pairs: list[tuple]) -> dict:
    """A JSON object; one that has a key twice is refused."""
    if len(made := dict(pairs)) < len(pairs):
        key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        twice = re.search('{0}:[^{{}}]*{0}:'.format(rf'"{re.escape(key)}"\s*'), text)
        line = text.count("\n", 0, twice.end()) + 1 if twice else _line(text, key)
        raise TraceError(f"{line}: the key {short(key)} twice in an object, expected once")
    return made


def _line(text: str, key: str) -> int:      # of a JSON key; 1 where it is not found
    return text.count("\n", 0, max(text.find(f'"{key}"'), 0)) + 1


def _count(line: int, value, *kinds: type) -> float:
    try:    # Python alone reads 1_000
        number = float(value) if type(value) in kinds and "_" not in str(value) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= MAX_COUNT:    # NaN is neither
        raise TraceError(f"{line}: count {short(value)}, expected a number, 0 to {MAX_COUNT:g}")
    return number


def point(before: list[Point], line: int, stamp: str, value: float) -> Point:
    """A timestamp in ISO 8601, the console's YYYY/MM/DD, or s or ms since 1970; as all before."""
    try:
        if epoch := re.fullmatch(r"\d{10}(\d{3})?(\.\d+)?", stamp, re.A):
            size, form = (1_000, "ms since 1970") if epoch[1] else (1, "s since 1970")
            moment = datetime.fromtimestamp(float(stamp) / size, UTC)
        else:
            moment = datetime.fromisoformat(stamp.replace("/", "-"))
            form = f"at UTC offset {moment:%z}" if moment.tzinfo else "without a UTC offset"
    except ValueError:
        raise TraceError(f"{line}: {short(stamp)} is no time (ISO 8601, epoch s or ms)") from None
    if before and form != before[0].form:
        raise TraceError(f"{line}: {short(stamp)} is {form}, expected {before[0].form}")
    return Point(line, moment, form, value)


def _on_grid(points: list[Point], period: float | None) -> tuple[float, list[float], float]:
    """The period, by default the commonest step (of two, the shorter); values of periods without a
    gap, NaN where one is missing; how far off it a timestamp is at most, s."""
    if len(points) < (1 if period else 2):
        line = points[0].line if points else 1
        raise TraceError(f"{line}: {len(points)} datapoint(s), expected two or more")
    first = points[0].moment
    at = [(point.moment - first).total_seconds() for point in points]
    for p, q in zip(points, points[1:]):
        if q.moment <= p.moment:
            wrong = "a duplicate" if q.moment == p.moment else "out of order"
            raise TraceError(f"{q.line}: {q.moment} is {wrong}, expected after line {p.line}'s")
    steps = Counter(round(b - a, 3) for a, b in zip(at, at[1:]))
    period = period or max(0.001, min(steps, key=lambda step: (-steps[step], step)))
    values, drift = [], 0.0
    for point, t in zip(points, at):
        line, i = point.line, round(t / period)
        off = abs(t - i * period)
        if i >= MAX_PERIODS:
            raise TraceError(f"{line}: period {i + 1:,} of {period:g} s, at most {MAX_PERIODS:,}")
        if off > min(1.0, period / 10) or i < len(values):
            raise TraceError(f"{line}: {point.moment} is {off:g} s off the period of {period:g} s")
        drift = max(drift, off)
        values += [NAN] * (i - len(values)) + [point.value]
    return period, values, drift


def _trace(points: list[Point], notes: list[str], period: float | None) -> Trace:
    """Points as counts per period."""
    period, counts, drift = _on_grid(points, period)
    first = points[0].moment
    missing = np.isnan(counts)
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)
    gaps = tuple((int(begin), int(end - begin)) for begin, end in edges)
    if gaps:
        when = first + timedelta(seconds=gaps[0][0] * period)
        line = next((p.line for p in points if p.moment >= when), points[-1].line)
        notes.append(f"{missing.sum():,} missing periods counted as 0, first {when}, line {line}")
    if drift > 0.001:
        notes.append(f"timestamps up to {drift:.3g} s off the period taken as on it")
    fraction, whole = np.modf(np.nan_to_num(counts))
    if fraction.any():
        notes.append("counts that are no whole numbers: fractions carried on to the next")
    carried = np.diff(np.floor(np.cumsum(fraction) + 1e-6), prepend=0.0)
    numbers = (whole + carried).astype(np.int64)
    numbers.setflags(write=False)
    return Trace(0.0, period, numbers, first.isoformat(), gaps, tuple(notes))
