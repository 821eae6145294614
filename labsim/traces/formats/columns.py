"""Any table with a column of times and one or more of numbers: timestamp,value and the like; what
Logs Insights and Grafana write; with or without a head, with an index, a unit, a name per row."""

import re

from labsim.traces.column import Column, seconds
from labsim.traces.formats.get_metric_statistics import STATISTICS
from labsim.traces.moments import is_time
from labsim.traces.table import NOTHING
from labsim.traces.text_file import TraceError

TIMES = {"time", "timestamp", "timestamps", "date", "datetime", "date_time", "@timestamp", "_time",
         "hour", "day", "minute", "timebucket", "ts", "start", "start_time", "period_start"}
BIN = re.compile(r"(?:date)?bin\s*\(\s*(\d+\s*[a-z]+)", re.I)
NUMBER = re.compile(r"[-+]?[\d.,'\u00a0\u202f ]*\d[\d.,]*([eE][-+]?\d+)?")
LOOKED_AT = 50      # rows that say what a column is


def columns(source):
    """A column per series of a text with separators."""
    if source.documents:
        raise TraceError("1: other JSON, expected that of get-metric-statistics, get-metric-data, "
                         "Logs Insights, Prometheus or k6")
    mark, rows = source.table
    return from_rows(list(rows), mark == ";")


def from_rows(rows: list[tuple[int, list[str]]], european: bool = False) -> list[Column]:
    """The series of a table, (line, cells) each row; the first may be its head."""
    (line, first), *rest = rows
    head = first if not _is_data(first) else []
    body = rest if head else rows
    if not body:
        raise TraceError(f"{line}: no row after the names of the columns, expected one or more")
    width = len(head or body[0][1])
    for at, cells in body:
        if len(cells) != width and any(cells[width:]) or len(cells) < min(width, 2):
            raise TraceError(f"{at}: {len(cells)} columns, expected {width}")
    cells = [[*c, *[""] * width][:width] for _, c in body]
    lines = [at for at, _ in body]
    head = [*head, *[""] * width][:width]
    time = _time(head, cells, lines[0])
    numbers = [i for i in range(width) if i != time and _are_numbers(cells, i)
               and not _is_index(head[i], cells, i)]
    others = [i for i in range(width) if i != time and i not in numbers and not _is_index(
        head[i], cells, i) and any(row[i] for row in cells)]
    wrong = [i for i in others if any(NUMBER.fullmatch(row[i]) for row in cells[:LOOKED_AT])]
    if not numbers and not wrong:
        raise TraceError(f"{lines[0]}: no number beside the time, expected a count per period")
    numbers += [i for i in wrong if not numbers]
    others = [i for i in others if i not in numbers]
    period = BIN.search(head[time])
    groups: dict[tuple, list[int]] = {}
    for k, row in enumerate(cells):
        groups.setdefault(tuple(row[i] for i in others), []).append(k)
    made = []
    for i in numbers:
        for group, members in groups.items():
            named = [text for text, place in zip(group, others)
                     if head[place].casefold() != "unit" and (len(groups) > 1
                                                              or not _plain(head[i]))]
            unit = next((text for text, place in zip(group, others)
                         if head[place].casefold() == "unit"), "")
            own = head[i] if head[i] not in STATISTICS else ""
            name = " ".join([*named, *([own] if len(numbers) > 1 or not named else [])])
            made.append(Column([cells[k][time] for k in members], [cells[k][i] for k in members],
                               [lines[k] for k in members], name,
                               head[i] if head[i] in STATISTICS else "", unit,
                               seconds(period[1]) if period else 0.0, also=(head[i],),
                               european=european))
    return made


def _plain(name: str) -> bool:
    """Whether a column's name says something."""
    return name.casefold() not in ("", "value", "values")


def _is_data(cells: list[str]) -> bool:
    return any(map(NUMBER.fullmatch, cells)) or any(
        is_time(cell) and not cell.isalpha() for cell in cells)


def _time(head: list[str], cells: list[list[str]], line: int) -> int:
    """The place of the column of times: by its name, else the first that looks like it."""
    named = [i for i, name in enumerate(head)
             if name.casefold() in TIMES or BIN.search(name)]
    looks = [i for i in range(len(head)) if any(is_time(row[i]) for row in cells[:LOOKED_AT])]
    if not (named or looks):
        raise TraceError(f"{line}: no time in it, expected one such as 2026-03-01T12:00:00Z")
    return next((i for i in named if i in looks), (looks or named)[0])


def _are_numbers(cells: list[list[str]], i: int) -> bool:
    there = [row[i] for row in cells[:LOOKED_AT] if row[i].casefold() not in NOTHING]
    return bool(there) and all(map(NUMBER.fullmatch, there))


def _is_index(name: str, cells: list[list[str]], i: int) -> bool:
    """Whether a column only numbers the rows."""
    if name.casefold() not in ("", "index", "unnamed: 0", "#", "no", "row"):
        return False
    first = cells[0][i]
    return first in ("0", "1") and len(cells) > 1 and all(
        row[i] == str(int(first) + k) for k, row in enumerate(cells))
