"""The CSV that CloudWatch's console downloads: a description, a column per metric, then the rows.

    Id,m1
    StatusCode,Complete
    Messages,
    Full label,eu-west-1:AWS/SQS QueueName:orders NumberOfMessagesSent Sum 60
    Label,NumberOfMessagesSent
    2023/05/01 12:00:00,600

AWS documents no such format. Periods in which there was nothing are left out of it.
"""

import re
from dataclasses import replace

from labsim.traces.column import Column, seconds
from labsim.traces.text_file import TraceError

KEYS = {"id", "statuscode", "messages", "full label", "label", "period", "statistic", "unit",
        "account", "account id", "region", "namespace", "metric name", "dimensions"}
LABEL = re.compile(r'^"?(full )?label"?[,;\t]', re.I | re.M)
SUMMARY = re.compile(r"(?:(\S+)\s+)?(Sum|Sample ?Count|Average|Maximum|Minimum|IQM|(?:p|tm|wm|"
                     r"tc|ts|pr)(?:\d[\d.]*|\([^()]*\)))\s+(\d{1,7})\s*$", re.I)


def columns(source):
    """A column per metric; the description's last words are statistic and period."""
    if source.first[:1] == [] or source.first[0].casefold() not in KEYS or not LABEL.search(
            source.head):
        return []
    mark, rows = source.table
    described_as: dict[str, list[str]] = {}
    body = []
    for line, (key, *cells) in rows:
        if not body and key.casefold() in KEYS:
            described_as[key.casefold()] = cells
        elif not body and not key and any(cells):       # Excel's head of a column
            continue
        else:
            body.append((line, [key, *cells]))
    if not body:
        raise TraceError("1: a description and no row after it, expected times and values")
    width = max(1, *map(len, described_as.values()))
    for line, cells in body:
        if len([c for c in cells[width + 1:] if c]) or len(cells) < 2:
            raise TraceError(f"{line}: {len(cells)} columns, expected {width + 1}")
    times, lines = [cells[0] for _, cells in body], [line for line, _ in body]
    return [_column(described_as, i, Column(
        times, [cells[i + 1] if i + 1 < len(cells) else "" for _, cells in body], lines,
        european=mark == ";")) for i in range(width)]


def _column(said: dict[str, list[str]], i: int, column: Column) -> Column:
    def told(key):
        return (said.get(key) or [])[i] if i < len(said.get(key) or []) else ""
    name = told("metric name") or told("label")
    notes = []
    if told("statuscode") not in ("", "Complete"):
        notes.append(f"incomplete: StatusCode {told('statuscode')}")
    if told("messages") and told("messages") not in ("[]", "{}"):
        notes.append(f"incomplete: CloudWatch says {told('messages')}")
    column = replace(column, name=name, statistic=told("statistic"), unit=told("unit"),
                     period=seconds(told("period")) if told("period") else 0.0,
                     also=tuple(filter(None, (told("id"), told("label"), told("full label")))))
    return described(column.noting(*notes), told("full label"))


def described(column: Column, label: str) -> Column:
    """With what a full label ends with: metric, statistic, period."""
    if not (found := SUMMARY.search(label[-200:])):
        return column
    return replace(column, name=found[1] or column.name, statistic=column.statistic or found[2],
                   period=column.period or float(found[3]), also=(*column.also, column.name, label))
