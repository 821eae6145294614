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
from pathlib import Path

import numpy as np

from labsim.errors import LabsimError, short

MAX_PERIODS, MAX_COUNT, NAN = 1_000_000, 1e12, float("nan")
STATISTICS = ("Sum", "SampleCount", "Average", "Maximum", "Minimum")

Point = namedtuple("Point", "line moment form value")    # value: NaN for an empty cell


class TraceError(LabsimError):
    """No usable export: `NAME:LINE: what is there, what is expected`, in one line."""


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


def read_trace(path, max_bytes: int = 64 * 2**20) -> Trace:
    """The trace in the file at `path`; `TraceError` for any other file."""
    path = Path(path)
    name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in path.name or str(path))
    try:
        if (size := path.stat().st_size) > max_bytes:
            raise TraceError(f"1: {size:,} bytes, at most {max_bytes:,}")
        if not path.is_file():
            raise TraceError("1: a folder or a device, expected a file")
        return _parse(path.read_bytes())
    except TraceError as error:     # from the functions below: LINE: what is there, ...
        wrong = error
    except json.JSONDecodeError as error:
        wrong = f"{error.lineno}: not JSON: {error.msg}"
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong = f"{line}: a binary file, expected text in UTF-8"
    except RecursionError:
        wrong = "1: JSON nested too deeply"
    except (OSError, ValueError) as error:      # ValueError: no path, or thousands of digits
        wrong = f"1: cannot be read: {getattr(error, 'strerror', None) or error}"
    raise TraceError(f"{name}:{wrong}")


@functools.lru_cache(maxsize=2)     # a lab reads its trace several times for one run
def _parse(raw: bytes) -> Trace:
    text = raw.replace(b"\0", b"\xff").decode("utf-8-sig")      # a NUL is no text either
    return _trace(*(_from_json if text.lstrip().startswith(("{", "[")) else _from_csv)(text))


def _from_csv(text: str) -> tuple[list[Point], list[str], float | None]:
    """Points in the file's order, and the period where the console's description has it."""
    points, period, first, described = [], None, True, False
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
                continue
            if any(more):
                raise TraceError(f"{line}: {len(cells)} columns, expected 2: keep one metric")
            empty = described and not value     # the console's sign of no data
            points.append(_point(points, line, stamp, NAN if empty else _count(line, value, str)))
    except csv.Error as error:
        raise TraceError(f"{reader.line_num}: not CSV: {error}") from None
    return points, [], period


def _from_json(text: str) -> tuple[list[Point], list[str], None]:
    """Points from the oldest to the newest, as far as the format leaves their order open."""
    data = json.loads(text, object_pairs_hook=functools.partial(_object, text))
    points, notes = [], []
    if isinstance(data, dict) and "Datapoints" in data:
        found = _statistics(_list(text, data, "Datapoints"), notes)
    elif isinstance(data, dict) and "MetricDataResults" in data:
        found = _metric_data(text, data)
    else:
        raise TraceError("1: other JSON, expected an object with Datapoints or MetricDataResults")
    for line, stamp, at, value in found:
        points.append(_point(points, line, str(stamp), _count(at, value, int, float)))
    if any(a.moment > b.moment for a, b in zip(points, points[1:])):
        if "Datapoints" in data:
            points.sort(key=lambda point: point.moment)
            notes.append("datapoints sorted by time: get-metric-statistics gives them in no order")
        elif points[0].moment > points[-1].moment:
            points.reverse()
            notes.append("datapoints reversed: get-metric-data gives the newest first")
    return points, notes, None


def _statistics(datapoints: list[tuple], notes: list[str]):
    """(line, timestamp, line, count) of each datapoint, all of the same statistic."""
    one = datapoints[0][1] if datapoints and isinstance(datapoints[0][1], dict) else {}
    used, *others = [s for s in STATISTICS if s in one] or ["Sum"]
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


def _point(before: list[Point], line: int, stamp: str, value: float) -> Point:
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


def _trace(points: list[Point], notes: list[str], period: float | None) -> Trace:
    """Points as counts per period: the commonest step (of two, the shorter) if none is given."""
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
    counts, drift = [], 0.0
    for point, t in zip(points, at):
        line, i = point.line, round(t / period)
        off = abs(t - i * period)
        if i >= MAX_PERIODS:
            raise TraceError(f"{line}: period {i + 1:,} of {period:g} s, at most {MAX_PERIODS:,}")
        if off > min(1.0, period / 10) or i < len(counts):
            raise TraceError(f"{line}: {point.moment} is {off:g} s off the period of {period:g} s")
        drift = max(drift, off)
        counts += [NAN] * (i - len(counts)) + [point.value]
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
