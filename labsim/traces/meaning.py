"""What the values of a series are: counts per period, or something that is none.

Picture a shopkeeper who is handed a slip with numbers and asks, before he adds them up: what of?

The file's own words decide, statistic and unit first, then the words in the name; where it says
nothing, the numbers: fractions look like a rate, and what only rises like a running total.
"""

import re

import numpy as np

from labsim.errors import short
from labsim.traces.column import Column, seconds

COUNTS, RATE, TOTAL, STATISTIC = "counts", "rate", "total", "statistic"
VALUES = ("file", COUNTS, RATE, TOTAL)
RISES = 24       # so many values that never fall, and mostly rise, are no counts by chance
QUOTIENT = re.compile(r"\)\s*/|/\s*(\d+\s*$|PERIOD\()")       # count(*)/300, m1/PERIOD(m1)
LENGTHS = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day", 604_800: "week"}
ARE_COUNTS = set("count counts request requests hits messages invocations views events records "
                 "calls orders clicks".split())
MOMENT = "what there is at a moment"
WORDS = {       # of a name or a unit; "_" between words that follow each other
    "a percentage": "percent percentage pct utilization utilisation % cpu load1 load5 load15 ratio "
                    "error_rate hit_rate miss_rate success_rate failure_rate burst_balance",
    "a time": "latency first_byte duration ms milliseconds microseconds seconds age ttfb elapsed "
              "time_taken response_time wait_time service_time processing_time",
    "a number of bytes": "bytes byte kb mb gb kib mib gib bits kilobytes megabytes gigabytes "
                         "kilobits megabits network_in network_out message_size mbps",
    MOMENT: "visible inflight in_flight concurrent concurrency depth backlog hosts healthy "
            "unhealthy instances memory users user_count host_count vus available free "
            "temperature gauge credit credits active database_connections queue_length queue_size "
            "not_visible messages_delayed current_connections curr_connections pending "
            "waiting replicas pods threads lag",
    "an amount of money": "cost costs price revenue charges usd eur $ € £",
    "a number of capacity units": "capacity_units lcu lcus lc_us",
    "a part of it": "per_target per_host per_instance",
    "a code": "status status_code response_code id",
    "rounded": "thousand thousands million millions",
}
TO_DO = {RATE: "; trace_as=rate multiplies it by the period, trace_as=counts takes it as it is",
         TOTAL: "; trace_as=total takes its differences, trace_as=counts takes it as it is",
         STATISTIC: ", no count: export it as Sum, or say what it is by trace_as=counts, rate or "
                    "total",
         "": ", no count: export what was counted, such as RequestCount or NumberOfMessagesSent, "
             "as Sum; if it is one after all, trace_as=counts"}
OF_A_FILE = re.compile(r"(?:^|_)(cpu|percent|utili[sz]ation|bytes|network_(?:in|out))(?:_|$)")
STATISTICS = set("avg average mean median max maximum minimum stddev percentile quantile".split())


def kind(column: Column, file: str = "", values: np.ndarray | None = None) -> tuple[str, str]:
    """"counts", "rate", "total", "statistic" (an average, say), or "" for what is none; and why it
    is not counts, as the end of a sentence.

    file: the name of the file, which may say what its only column is. values: in the order of time,
    to be asked where no word says it.
    """
    if column.kind == COUNTS or column.statistic.casefold().replace(" ", "") == "samplecount":
        return COUNTS, ""
    about = _about(column.name) or _about(column.unit)
    length, per = _per(column)
    if not about and column.name.casefold() in ("", "value", "values"):
        if not ARE_COUNTS & set(_words(file)):
            found = OF_A_FILE.search("_".join(_words(file)))    # "ms" in it is no unit
            about = _about(found[1]) if found else ""
            about += ", as the file's name says" if about else ""
    if about:
        return "", about + per
    if length == 1 or length and values is not None and length != column.period:
        return RATE, f"a rate{per}"
    words = _words(column.name)
    if column.statistic and column.statistic.casefold() != "sum":
        return STATISTIC, f"each period's {column.statistic}"
    if found := [word for word in words if word in STATISTICS or re.fullmatch(r"p\d+", word)]:
        return STATISTIC, f"each period's {found[0]}"
    if {"rate", "irate", "throughput"} & set(words):
        return RATE, "a rate per second, it seems"
    if QUOTIENT.search(column.name):
        return RATE, "a quotient: a rate per second?"
    if {"cumulative", "cumulated", "running"} & set(words):
        return TOTAL, "a running total"
    if column.kind or column.statistic or values is None:
        return column.kind or COUNTS, ""
    return _by_numbers(column, values)


def _by_numbers(column: Column, values: np.ndarray) -> tuple[str, str]:
    """Where no word says it."""
    there = values[~np.isnan(values)]
    steps = np.diff(there)
    if len(steps) + 1 >= RISES and (steps >= 0).all() and (steps > 0).sum() > len(steps) / 2:
        return TOTAL, "a running total, it seems: it never falls"
    if re.search(r"total\s*({|$)", column.name, re.I) and len(there) > 2 and (
            steps >= 0).mean() > 0.7:
        return TOTAL, "a running total, it seems"
    fractions = there[there % 1 != 0]
    if len(fractions):
        return RATE, f"no whole number, such as {fractions[0]:.4g}: a rate per second?"
    return COUNTS, ""


def _about(name: str) -> str:
    """What the words of a name or a unit say it is; "" where that may be counted."""
    words = _words(name)
    joined = f"_{'_'.join(words)}_"
    number_of = "count" in words[:1] + words[-1:]      # of a name: how many, whatever of
    return next((what for what, known in WORDS.items() if not number_of or what == MOMENT
                 for word in known.split() if f"_{word}_" in joined), "")


def _per(column: Column) -> tuple[float, str]:
    """Of a rate the length of time in it (s), and how it is said; 0 where no word says one."""
    words = "_".join([*_words(column.name), *_words(column.unit)]) + "_"
    if re.search(r"(^|_)([rqtcw]|req)ps_|(^|_)iops_", words):
        return 1, " per second"
    found = re.search(r"(?:^|_)(?:per_?|[rqt]p(?=m_))(?:(\d+)_)?([a-z]+)_", words)
    length = seconds(f"{found[1] or 1} {found[2]}") if found else 0
    said = found and (LENGTHS.get(length) or f"{found[1]} {found[2]}")
    return length, f" per {said}" if length else ""


def _words(name: str) -> list[str]:
    """The words in a name, "TargetResponseTime" and "target_response_time" alike."""
    return [{"/": "per"}.get(word, word.casefold()) for word in re.findall(
        r"IOPS|p\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+(?:\d+(?!\d*[a-z]))?|\d+|[%/$€£]",
        re.sub(r"\{[^{}]*\}", "", name[:200]))]


def refusal(column: Column, found: str, why: str) -> str:
    """One line: that it is no count, and what to do."""
    return f"{column.lines[0]}: {short(column.called)} is {why}{TO_DO[found]}"


def counted(column: Column, values: np.ndarray, kind_: str,
            period: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Counts per period of what is `kind_`, NaN where there is no value, and what was done."""
    if kind_ == RATE:
        length, per = _per(column)
        return values * (period / (length or 1)), (
            f"each value is a rate{per or ' per second'}, multiplied by {period:g} s",)
    if kind_ != TOTAL:
        return values, ()
    known = np.flatnonzero(~np.isnan(values))
    counts, steps = np.full(len(values) - 1, np.nan), np.diff(values[known])
    fell = steps < 0        # then what is there since it began again
    counts[known[1:] - 1] = np.where(fell, values[known[1:]], steps)
    again = f"; it fell {fell.sum()}x, where it began again" if fell.any() else ""
    return counts, (f"each value is a running total, of which the differences count{again}",)
