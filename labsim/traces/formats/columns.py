"""Any table with a column of times and one or more of numbers: timestamp,value and the like; what
Logs Insights and Grafana write; with or without a head, with an index, a unit, a name per row."""

import re
from array import array
from collections.abc import Iterable

from labsim.errors import short
from labsim.traces.column import Column, seconds
from labsim.traces.formats.get_metric_statistics import STATISTICS
from labsim.traces.moments import is_time
from labsim.traces.table import NOTHING, NUMBER
from labsim.traces.text_file import TraceError

TIMES = {"time", "timestamp", "timestamps", "date", "datetime", "date_time", "@timestamp", "_time",
         "hour", "day", "minute", "timebucket", "ts", "start", "start_time", "period_start"}
TIMELY = re.compile(r"time|date|start|stop|end|stamp", re.I)
# Of times: bin(5m), "@timestamp per 5 minutes"; of values: increase(requests_total[5m]).
PERIOD = re.compile(r"(?:bin\s*\(|\bper )\s*(\d+\s*[a-z]+)", re.I)
WINDOW = re.compile(r"(?:increase|count_over_time)\(.*\[(\d+\s*[a-z]+)", re.I)
CLOCK = re.compile(r"\d\d?:\d\d(:\d\d)?( [AP]M)?", re.I)
DAY = re.compile(r"\d+\D\d+\D\d+")
SAYS = ("unit", "statistic", "stat", "period", "_span")     # columns that say something of another
NAMES = ("metric", "metric_name", "metricname", "name", "label", "series", "_field", "_measurement")
KEYS = re.compile(r"(\b|_)(status|(http|status|response)_?code|id|port|shard|table)$", re.I)
LOOKED_AT = 50      # rows that say what a column is
MOST_SERIES, MOST_CELLS = 1_000, 6_000_000


def columns(source):
    """A column per series of a text with separators."""
    if source.documents:
        raise TraceError("1: other JSON, expected that of get-metric-statistics, get-metric-data, "
                         "Logs Insights, Prometheus or k6")
    mark, rows = source.table
    return from_rows(rows, mark == ";")


def from_rows(rows: Iterable[tuple[int, list[str]]], european: bool = False) -> list[Column]:
    """The series of a table, (line, cells) each row; the first may be its head."""
    table = Table(rows)
    head, cells, lines = table.head, table.cells, table.lines
    said, named, numbers, others = {}, [], [], []
    for i in table.there():
        there = [cell for cell in cells[i][:LOOKED_AT] if cell.casefold() not in NOTHING]
        if head[i].casefold() in SAYS:
            said[head[i].casefold()] = i
        elif there and all(map(NUMBER.fullmatch, there)):
            numbers.append(i)
        elif there:
            (named if head[i].casefold() in NAMES else others).append(i)
    # Where there is another: the only column of numbers is no index, and tells nothing apart.
    numbers = [i for i in numbers if not table.is_index(i)] or numbers
    keys = [i for i in numbers if KEYS.search(head[i])]
    if len(keys) < len(numbers):
        numbers, others = [i for i in numbers if i not in keys], others + keys
    if not numbers:     # some that are none are said by whoever reads them
        wrong = [i for i in others if any(map(NUMBER.fullmatch, cells[i][:LOOKED_AT]))]
        numbers, others = wrong, [i for i in others if i not in wrong]
    if not numbers:
        found = f" but {short(cells[others[0]][0])}" if others else ""
        raise TraceError(f"{lines[0]}: no number beside the time{found}, expected a plain count "
                         "per period")
    keys = [*said.values(), *named, *others]
    groups: dict[tuple, list[int]] = {} if keys else {(): []}
    for k, key in enumerate(zip(*(cells[i] for i in keys))):
        groups.setdefault(key, []).append(k)
        if len(groups) > MOST_SERIES:
            raise TraceError(f"{lines[k]}: {short(' '.join(key))}, yet another of {MOST_SERIES:,} "
                             "series, expected a time and a count per line")
    made = []
    for key, members in groups.items():
        texts = dict(zip(keys, key))
        told = {name: texts[i] for name, i in said.items()}
        for i in numbers:
            own = head[i] if head[i] not in STATISTICS else ""
            if own == head[i] and len(numbers) > 1 and (not own or head.count(own) > 1):
                own = f"{own} column {i + 1}".strip()
            called = " ".join(filter(None, (texts[j] for j in named)))
            found = PERIOD.search(table.time_head) or WINDOW.search(own)
            period = told.get("period") or told.get("_span") or (found[1] if found else "")
            made.append(Column(
                *([column[k] for k in members] if keys else column
                  for column in (table.times, cells[i], lines)),
                " ".join(filter(None, (called, "" if called and _plain(own) else own))),
                told.get("statistic") or told.get("stat") or head[i] * (not own),
                told.get("unit", ""), seconds(period), also=(head[i],), european=european,
                of=" ".join(texts[j] for j in others) if len(groups) > 1 else ""))
    return made


def from_dicts(rows: list[dict]) -> list[Column]:
    """The series of a table whose rows name their cells; None is no cell."""
    head = list(dict.fromkeys(name for row in rows for name in row))
    return from_rows([(1, head), *((1, ["" if (cell := row.get(name)) is None else str(cell)
                                        for name in head]) for row in rows)])


def _plain(name: str) -> bool:
    """Whether a column's name says nothing."""
    return name.casefold() in ("", "value", "values")


class Table:
    """Rows as columns: `head`, `cells` and `lines`; `times`, of which the name is `time_head`."""

    def __init__(self, rows: Iterable[tuple[int, list[str]]]):
        self.head, self.cells, self.lines = [], [], array("q")
        comments: list[str] = []
        for at, row in rows:
            if not self.lines and not self.head and row[0][:1] == "#" and row[0] != "#":
                comments = [row[0].lstrip("# "), *row[1:]]
            elif not self.cells:
                width = len(row)
                self.cells = [[] for _ in row]
                if not _is_data(row):
                    self.head, first = row, at
                    continue
                self.head = comments if len(comments) == width else [""] * width
                self._add(at, row)
            else:
                if len(self.head) == 1 < len(row) and not self.lines:
                    raise TraceError(f"{first}: {short(self.head[0])}, expected the names of the "
                                     "columns: leave out what is before them")
                self._add(at, row)
        if not self.lines:
            raise TraceError("1: no row of times and numbers, expected one or more")
        self.time = self._time()
        self.times, self.time_head = self.cells[self.time], self.head[self.time]
        for i, column in enumerate(self.cells):     # a day, and the time of day beside it
            if DAY.fullmatch(self.times[0]) and all(map(CLOCK.fullmatch, column)):
                self.times = [f"{day} {clock}" for day, clock in zip(self.times, column)]
                self.cells[i] = [""] * len(column)

    def _add(self, at: int, row: list[str]) -> None:
        width = len(self.cells)
        if len(row) != width and any(row[width:]) or len(row) < min(width, 2):
            raise TraceError(f"{at}: columns: {len(row)}, expected {width}")
        if len(self.lines) * width > MOST_CELLS:
            raise TraceError(f"{at}: more than {MOST_CELLS:,} cells, expected fewer columns")
        self.lines.append(at)
        for i, column in enumerate(self.cells):
            column.append(row[i] if i < len(row) else "")

    def _time(self) -> int:
        """The place of the column of times: by its name, else the first that looks like it."""
        named = [i for i, name in enumerate(self.head)
                 if name.casefold() in TIMES or PERIOD.search(name)]
        looks = [i for i, column in enumerate(self.cells) if any(map(is_time, column[:LOOKED_AT]))]
        if not (named or looks):
            raise TraceError(f"{self.lines[0]}: no time in it, expected one such as "
                             "2026-03-01T12:00:00Z")
        return next((i for i in named if i in looks), (looks or named)[0])

    def there(self) -> list[int]:
        """The places of what is no time."""
        return [i for i, column in enumerate(self.cells) if i != self.time and not (
            all(map(is_time, column[:LOOKED_AT])) and (TIMELY.search(self.head[i]) or not all(map(
                NUMBER.fullmatch, column[:LOOKED_AT]))))]

    def is_index(self, i: int) -> bool:
        """Whether a column only numbers the rows."""
        if self.head[i].casefold() not in ("", "index", "unnamed: 0", "#", "no", "row"):
            return False
        first = self.cells[i][0]
        return first in ("0", "1") and len(self.lines) > (1 if any(self.head) else 2 + i) and all(
            cell == str(int(first) + k) for k, cell in enumerate(self.cells[i]))


def _is_data(cells: list[str]) -> bool:
    """Whether a row is no head: it has a number, or times alone."""
    return any(map(NUMBER.fullmatch, cells)) or all(map(is_time, filter(None, cells)))
