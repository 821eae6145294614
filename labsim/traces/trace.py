"""One's own traffic: counts per period from a file, to be replayed as arrivals.

Picture a clerk with a strip of readings. He asks what they are before he adds them up; where one is
odd, he names it and stops; what he fills in or turns round, he says.

The formats stand in `labsim.traces.formats`, a module each. What comes from them is put in the
order of time, on a grid of periods: the file's own, else the greatest common divisor of the steps.
"""

import functools
import os
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from labsim.errors import ParameterError, nearest, short
from labsim.traces import formats, meaning
from labsim.traces.column import Column
from labsim.traces.moments import EPOCH, clock_change, moments
from labsim.traces.table import figures
from labsim.traces.text_file import TraceError, Unnamed, Unsaid, mark, read

MAX_PERIODS, MAX_COUNT, MOST_TIME, FEW, MANY = 1_000_000, 1e12, 7.26e9, 8, 50
NEARLY = 1.12       # times as long, as is a month of another, or a day on which clocks change


@dataclass(frozen=True, eq=False)
class Trace:
    """Counts per period, and what was done to the data to get them."""

    period: float                       # s
    counts: np.ndarray                  # int64, shape (n,), read-only
    first: str                          # ISO time; has a UTC offset where the file says one
    began: float                        # the same, s since 1970
    gaps: tuple[tuple[int, int], ...]   # (first missing period, how many); counted as 0
    notes: tuple[str, ...]              # what it is, then every treatment, in words
    name: str = ""                      # of the series

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
    kind: str               # "counts", "rate", "total", or "" for what is neither
    lines: tuple[int, ...]  # of the file, of each value that is there
    name: str
    unit: str               # as the file writes it; "" where it says none
    start: float            # of the first period, s since 1970
    notes: tuple[str, ...]


def read_trace(path, metric: str = "", values: str = "file") -> Trace:
    """The trace in the file at `path`; `TraceError` for any other file.

    metric: which of several series; by default the only one that is a count. values: what they are,
    one of "file" (as the file says), "counts" per period, "rate" (1/s) and "total" (running).
    """
    if values not in meaning.VALUES:
        raise ParameterError("trace_as", values, f"one of {', '.join(meaning.VALUES)}")
    return _trace(os.fspath(path), mark(path), metric, values)


def read_readings(path, metric: str = "") -> Readings:
    """A series of the same file as it is, which need not be a count: the one called `metric`."""
    def parse(raw):
        column = chosen(columns(raw, path), metric, path, any_kind=True)
        grid = Grid(column)
        found, _ = meaning.kind(column, Path(path).stem, grid.values)
        return Readings(grid.period, grid.values, grid.first, found, tuple(grid.lines.tolist()),
                        column.called, column.unit, grid.start, (*column.notes, *grid.notes))
    return read(path, parse)


@functools.lru_cache(maxsize=4)     # a lab reads its trace several times for one run
def _trace(path: str, _: tuple, metric: str, values: str) -> Trace:
    return read(path, lambda raw: _counts(chosen(columns(raw, path), metric, path), values, path))


def columns(raw: bytes, path) -> list[Column]:
    """The series that a format finds in the file; `TraceError` where none does."""
    source = formats.Source(raw)
    for form in formats.known():
        if found := form.columns(source):
            return found
    raise TraceError("1: no series in it, expected a time and a number per line")


def chosen(found: list[Column], metric: str, path, any_kind: bool = False) -> Column:
    """The series called `metric`; else the only one, or the only one that is a count."""
    if metric:
        named = [column for column in found if column.answers(metric)]
        if not named:
            raise Unnamed(f"1: no series {short(metric)}: "
                          f"{nearest(metric, [column.called for column in found])}")
        found = named
    sums = [c for c in found if not c.statistic or c.statistic.casefold() == "sum"]
    if len({(c.name, c.of) for c in found}) == 1 and len(sums) == 1 < len(found):
        others = ", ".join(c.statistic for c in found if c is not sums[0])
        return sums[0].noting(f"of each period its Sum, not its {others}")
    if 1 < len(found) <= MANY and not any_kind and not metric:
        counts = [c for c in found if not c.part and meaning.kind(c, Path(path).stem, _some(c))[0]
                  in (meaning.COUNTS, meaning.TOTAL)]
        if len(counts) == 1:
            return counts[0].noting(f"of {len(found)} series: {counts[0].called}")
    if len(found) > 1:
        names = [c.called for c in found]
        if len(set(names)) < len(names):
            names = [(c.also or (c.called,))[0] or c.called for c in found]
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        raise Unnamed(f"1: {len(found)} series, expected one; trace_metric says which: "
                      f"{', '.join(names[:FEW])}{more}")
    return found[0]


def _some(column: Column) -> np.ndarray:
    try:
        return figures(column)
    except TraceError:
        return np.array([np.nan])


class Grid:
    """A column's values on its periods: `period` s, `values` with NaN where there is none."""

    def __init__(self, column: Column):
        self.notes: list[str] = []
        times, self.offset = moments(column.times, column.lines)
        values, lines = figures(column), np.asarray(column.lines)
        if len(wrong := np.flatnonzero((times < 0) | (times > MOST_TIME))):
            raise TraceError(f"{lines[wrong[0]]}: {short(column.times[wrong[0]])}, expected a year "
                             "from 1970 to 2200")
        if (np.diff(times) < 0).any():
            order = np.argsort(times, kind="stable")
            newest = (np.diff(times) < 0).all()
            times, values, lines = times[order], values[order], lines[order]
            self.notes.append("the newest came first, now sorted by time" if newest
                              else "in no order, now sorted by time")
        self.start = float(times[0])
        self._refuse_twice(times, lines)
        at = times - times[0]
        self.period = column.period or self._found(at, lines)
        i = np.rint(at / self.period).astype(np.int64)
        off = np.abs(at - i * self.period)
        far = (off > min(1.0, self.period / 10)) | (np.diff(i, prepend=-1) == 0)
        if far.any():
            k = int(far.argmax())
            raise TraceError(f"{lines[k]}: {self.when(float(at[k]))} is {off[k]:g} s off the "
                             f"period of {self.period:g} s")
        if i[-1] >= MAX_PERIODS:
            raise TraceError(f"{lines[-1]}: period {i[-1] + 1:,} of {self.period:g} s, at most "
                             f"{MAX_PERIODS:,}: export longer periods, or a shorter time")
        if off.max() > 0.001:
            self.notes.append(f"timestamps up to {off.max():.3g} s off the period taken as on it")
        self.values = np.full(i[-1] + 1, np.nan)
        self.values[i] = values
        self.lines = lines[~np.isnan(values)]
        self._say_jumps(times)

    @property
    def first(self) -> str:
        """ISO time of the first period."""
        return self.when(0.0, "T")

    def when(self, after: float, between: str = " ") -> str:
        """The time so many seconds after the first, as ISO 8601."""
        moment = EPOCH + timedelta(seconds=self.start + after)
        return (moment if self.offset else moment.replace(tzinfo=None)).isoformat(between)

    def _refuse_twice(self, times: np.ndarray, lines: np.ndarray) -> None:
        twice = np.flatnonzero(np.diff(times) == 0)
        if len(twice):
            t = float(times[twice[0]])
            change = "" if self.offset else (clock_change(t, t, back=True)
                                            or clock_change(t - 3_600, t))
            raise TraceError(f"{lines[twice[0] + 1]}: {self.when(t - self.start)} twice, expected "
                             "once" + (f": local time, clocks change {change}; export in UTC"
                                       if change else ": one series, a row per time"))

    def _found(self, at: np.ndarray, lines: np.ndarray) -> float:
        """The greatest common divisor of the steps; where they only tremble, what they are."""
        if len(at) < 2:
            raise TraceError(f"{lines[0]}: one time, expected two or more: nothing says how long "
                             "a period is")
        steps = np.diff(at)
        if len(cut := np.flatnonzero(np.diff(steps))) == 1 and FEW <= cut[0] < len(steps) - FEW:
            raise TraceError(f"{lines[cut[0] + 1]}: periods of {steps[0]:,.10g} s, and of "
                             f"{steps[-1]:,.10g} s from here on, expected one length")
        unit = 1.0 if (np.abs(steps - np.rint(steps)) < 1e-3).all() else 1e-3
        ticks = np.maximum(np.rint(steps / unit), 1).astype(np.int64)
        divisor = float(np.gcd.reduce(ticks)) * unit
        kinds, often = np.unique(ticks, return_counts=True)
        near = ticks[ticks < NEARLY * kinds[0]]
        common = kinds[often.argmax()] if 2 * often.max() >= len(ticks) else np.median(near)
        common = float(common) * unit
        common = np.rint(common) or common
        if near.max() == kinds[0] and (divisor >= min(60.0, common / 8)
                                       or 2 * often.max() < len(ticks)):
            return divisor
        far = np.abs(at - np.rint(at / common) * common)
        k = int((far > min(1.0, common / 10)).argmax())
        if far[k] > min(1.0, common / 10):
            raise TraceError(
                f"{lines[k]}: {self.when(float(at[k]))} is {far[k]:,.10g} s off periods of "
                f"{common:,.10g} s, expected periods of one length, such as hours in UTC")
        return common

    def _say_jumps(self, times: np.ndarray) -> None:
        """Local time that jumps over an hour."""
        gaps = () if self.offset else np.flatnonzero(
            np.diff(times) > max(3_599.0, 1.01 * self.period))
        for k in gaps[:100]:
            if change := clock_change(float(times[k]), float(times[k + 1])):
                self.notes.append(
                    f"after {self.when(float(times[k]) - self.start)} an hour is missing where "
                    f"clocks change {change}: if these are local times, export in UTC")
                return


def _counts(column: Column, values: str, path: str) -> Trace:
    """A column as counts per period."""
    def told(there=None) -> str:        # by words, before anything else is looked at
        found, why = meaning.kind(column, Path(path).stem, there)
        if values == "file" and why:
            raise (Unsaid if found else TraceError)(meaning.refusal(column, found, why))
        return found if values == "file" else values
    told()
    grid = Grid(column)
    column = replace(column, period=grid.period)
    taken_as = told(grid.values)
    if len(wrong := np.flatnonzero(grid.values < 0)):
        line = grid.lines[(~np.isnan(grid.values[:wrong[0]])).sum()]
        raise TraceError(f"{line}: {short(column.called)} is {grid.values[wrong[0]]:,.10g}, "
                         "expected counts of 0 or more")
    counts, treated = meaning.counted(column, grid.values, taken_as, grid.period)
    if np.isnan(counts).all():
        raise TraceError(f"{column.lines[0]}: {short(column.called)} has no value, expected counts")
    if np.nanmax(counts) > MAX_COUNT:
        raise TraceError(f"{column.lines[0]}: a count of {np.nanmax(counts):.3g}, at most "
                         f"{MAX_COUNT:g}")
    notes = [*column.notes, *grid.notes, *treated]
    missing = np.isnan(counts)
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)
    gaps = tuple((int(begin), int(end - begin)) for begin, end in edges)
    if gaps:
        notes.append(f"{many(missing.sum())} without a value counted as 0, the first at "
                     f"{grid.when(gaps[0][0] * grid.period)}")
    fraction, whole = np.modf(np.nan_to_num(counts))
    if (np.abs(fraction - np.rint(fraction)) > 1e-6).any():
        notes.append("counts that are no whole numbers: fractions carried on to the next")
    carried = np.diff(np.floor(np.cumsum(fraction) + 1e-6), prepend=0.0)
    numbers = (whole + carried).astype(np.int64)
    numbers.setflags(write=False)
    what = (f"{many(len(numbers))} of {grid.period:,.10g} s from {grid.when(0)} to "
            f"{grid.when(len(numbers) * grid.period)}, {numbers.sum():,} requests in all")
    return Trace(grid.period, numbers, grid.first, grid.start, gaps, (what, *notes),
                 column.called)


def many(n: int) -> str:
    """So many periods, in words."""
    return f"{n:,} period" + "s" * int(n != 1)
