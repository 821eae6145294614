"""What the values of a series are: counts per period, or something that is none.

Picture a shopkeeper who is handed a slip with numbers and asks, before he adds them up: what of?

The file's own words decide, statistic and unit first, then the words in the name; where it says
nothing, the numbers: fractions look like a rate, and what only rises like a running total.
"""

import re

import numpy as np

from labsim.errors import short
from labsim.traces.column import Column

COUNTS, RATE, TOTAL, STATISTIC = "counts", "rate", "total", "statistic"
VALUES = ("file", COUNTS, RATE, TOTAL)
RISES = 24       # so many values that never fall, and mostly rise, are no counts by chance
UNITS = (("Percent", "a percentage"), ("Count/Second", ""), ("Bytes", "a number of bytes"),
         ("Bits", "a number of bits"), ("Seconds", "a time"), ("s", "a time"), ("ms", "a time"),
         ("%", "a percentage"), ("Milliseconds", "a time"), ("Microseconds", "a time"))
ARE_COUNTS = set("count counts request requests hits messages invocations views events records "
                 "calls orders clicks".split())
WORDS = {
    "a percentage": "percent percentage pct utilization utilisation % cpu load1 load5 load15",
    "a number of bytes": "bytes byte kb mb gb kib mib gib bits kilobytes megabytes",
    "a time": "latency duration ms milliseconds seconds age p50 p90 p95 p99 ttfb elapsed",
    "what there is at a moment": "visible inflight concurrent concurrency depth backlog hosts "
                                 "healthy unhealthy instances memory users vus available free "
                                 "temperature gauge credit credits",
}
PHRASES = {     # of several words, in this order
    "a number of bytes": ("network in", "network out", "disk read", "disk write", "message size"),
    "a time": ("response time", "wait time", "service time", "processing time"),
    "what there is at a moment": ("active connection", "database connections", "queue length",
                                  "queue size", "in flight", "not visible", "messages delayed",
                                  "concurrent executions", "current connections"),
}
PER_SECOND = re.compile(r"/\s*s(ec(ond)?)?\b|per[ _]?sec(ond)?\b|\b[rqt]ps\b|persecond", re.I)
PER_MINUTE = re.compile(r"/\s*min(ute)?\b|per[ _]?min(ute)?\b|\brpm\b", re.I)


def kind(column: Column, file: str = "", values: np.ndarray | None = None) -> tuple[str, str]:
    """"counts", "rate", "total", "statistic" (an average, say), or "" for what is none; and why it
    is not counts, as the end of a sentence.

    file: the name of the file, which may say what its only column is. values: in the order of time,
    to be asked where no word says it.
    """
    if column.kind:
        return column.kind, ""
    if column.statistic.casefold() == "samplecount":
        return COUNTS, ""
    if PER_SECOND.search(f"{column.name} {column.unit}") or column.unit == "Count/Second":
        about = _about(column.name, column.unit)
        return ("", f"{about} per second") if about else (RATE, "a rate per second")
    about = _about(column.name, column.unit)
    if not about and column.name.casefold() in ("", "value", "values"):
        if not ARE_COUNTS & set(_words(file)):
            about = _about(file, "")
            about += ", as the file's name says" if about else ""
    if about:
        return "", about
    if column.statistic and column.statistic.casefold() != "sum":
        return STATISTIC, f"each period's {column.statistic}"
    if PER_MINUTE.search(f"{column.name} {column.unit}"):
        return "", "a rate per minute"
    if column.statistic or values is None:
        return COUNTS, ""
    return _by_numbers(column, values)


def _by_numbers(column: Column, values: np.ndarray) -> tuple[str, str]:
    """Where no word says it."""
    there = values[~np.isnan(values)]
    steps = np.diff(there)
    if len(steps) + 1 >= RISES and (steps >= 0).all() and (steps > 0).sum() > len(steps) / 2:
        return TOTAL, "a running total, it seems: it never falls"
    if "total" in _words(column.name)[-1:] and len(there) > 2 and (steps >= 0).mean() > 0.9:
        return TOTAL, "a running total, it seems"
    fractions = there[there % 1 != 0]
    if len(fractions):
        return RATE, f"no whole number, such as {fractions[0]:.4g}: a rate per second?"
    return COUNTS, ""


def _about(name: str, unit: str) -> str:
    """What unit and name say it is; "" where that may be counted."""
    for known, what in UNITS:
        if unit.casefold().removesuffix("/second").removeprefix("kilo").removeprefix("mega") \
                .removeprefix("giga").removeprefix("tera") == known.casefold():
            return what
    words = _words(name)
    if "%" in name:
        return "a percentage"
    for what, phrases in PHRASES.items():
        if any(f" {phrase} " in f" {' '.join(words)} " for phrase in phrases):
            return what
    return next((what for what, known in WORDS.items() if set(known.split()) & set(words)), "")


def _words(name: str) -> list[str]:
    """The words in a name, "TargetResponseTime" and "target_response_time" alike."""
    return [word.casefold() for word in
            re.findall(r"p\d\d|[A-Z]+(?![a-z])|[A-Z]?[a-z]+\d*|%", name)]


def refusal(column: Column, found: str, why: str) -> str:
    """One line: that it is no count, and what to do."""
    what = f"{column.lines[0]}: {short(column.called)} is {why}"
    if found == RATE:
        return (f"{what}; trace_as=rate multiplies it by the period, trace_as=counts "
                "takes it as it is")
    if found == TOTAL:
        return f"{what}; trace_as=total takes its differences, trace_as=counts takes it as it is"
    if found == STATISTIC:
        return (f"{what}, no count: export it as Sum, or say what it is by trace_as=counts, "
                "rate or total")
    return (f"{what}, no count: export what was counted, such as RequestCount or "
            "NumberOfMessagesSent, as Sum")


def counted(values: np.ndarray, kind_: str, period: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Counts per period of what is `kind_`, NaN where there is no value, and what was done."""
    if kind_ == RATE:
        return values * period, (f"each value is a rate per second, multiplied by {period:g} s",)
    if kind_ != TOTAL:
        return values, ()
    known = np.flatnonzero(~np.isnan(values))
    counts, steps = np.full(len(values), np.nan), np.diff(values[known])
    fell = steps < 0
    counts[known[1:]] = np.where(fell, values[known[1:]], steps)
    counts[known[0]] = 0.0      # what came before it is in it
    again = f"; it began again {fell.sum()} times" if fell.any() else ""
    return counts, (f"each value is a running total, of which the differences count{again}",)
