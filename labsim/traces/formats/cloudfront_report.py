"""CloudFront's reports as CSV: a head of keys and values, then a table per distribution."""

from dataclasses import replace

from labsim.traces.formats.columns import from_rows
from labsim.traces.text_file import TraceError

GRANULARITY = {"ONE_MINUTE": 60, "FIVE_MINUTES": 300, "HOURLY": 3_600, "ONE_HOUR": 3_600,
               "DAILY": 86_400, "ONE_DAY": 86_400}


def columns(source):
    """The table's columns; the period is the report's granularity."""
    if source.first[:1] != ["Version"] or "Report," not in source.head:
        return []
    rows, period = list(source.table[1]), 0
    for place, (_, cells) in enumerate(rows):
        if cells[0].casefold() == "granularity" and len(cells) > 1:
            period = GRANULARITY.get(cells[1].upper(), 0)
        if "TimeBucket" in cells:
            return [replace(column, period=column.period or period)
                    for column in from_rows(rows[place:])]
    raise TraceError("1: a report of CloudFront without TimeBucket, expected one with times")
