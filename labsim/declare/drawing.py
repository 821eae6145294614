"""What a lab or a part shows: panels with curves, and boxes with arrows between them.

Picture the plan of an instrument panel: which needle reads which wire is said once, and whoever
builds the panel, for a page, a wall or a terminal, works from this plan.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FATES = ("sent", "served", "waiting", "retried", "lost")
MOST_BARS = 16          # columns in a box of the system picture


def bar_name(prefix: str, i: int) -> str:
    """The series of the i-th column of a box: "load00", "load01", ..."""
    return f"{prefix}{i:02}"


def per_tick(values: np.ndarray, unit: str = "") -> tuple[np.ndarray, str]:
    """A series from a value per tick, (ticks,): that of the tick which ends at each instant of
    the record, at the first instant that of the first tick."""
    return np.append(values[:1], values), unit


def bars(prefix: str, columns,
         unit: str = "of limit") -> dict[str, tuple[np.ndarray, str]]:
    """The series of the columns of a box, from a value per tick each, (ticks,): the first
    MOST_BARS of them; where there are fewer, the rest stand at nothing."""
    columns = list(columns)[:MOST_BARS]
    columns += [np.zeros(len(columns[0]))] * (MOST_BARS - len(columns))
    return {bar_name(prefix, i): per_tick(column, unit) for i, column in enumerate(columns)}


@dataclass(frozen=True)
class Preset:
    """A scene of a lab's story: parameters, and a sentence that an instructor says.

    A lab numbers its presets by their places: `title` is "2 Retry storm", `name` "Retry storm".
    """

    title: str
    say: str
    values: dict[str, Any] = field(default_factory=dict)
    headline: tuple[str, ...] = ()      # metrics to show at this step; empty: the lab's
    hand: tuple[str, ...] = ()          # parameters to have at hand first, beside what it sets
    moment: float | None = None         # s, where it opens; None: where most is wrong

    @property
    def name(self) -> str:
        """The title without its number."""
        first, _, rest = self.title.partition(" ")
        return rest if first.isdigit() and rest else self.title


@dataclass(frozen=True)
class Line:
    """A curve of a panel: a series by name, or a limit (dashed) computed from the parameters."""

    label: str
    series: str = ""
    limit: Callable[[Any], float | None] | None = None
    step: bool = False      # holds until it changes


@dataclass(frozen=True)
class Theory:
    """A closed form to hold a panel's curve against: its name, and its value for parameters.

    `value` raises `NotApplicable` or `labsim.theory.Unstable` with the reason where it says
    nothing.
    """

    label: str
    value: Callable[[Any], float]

    def line(self) -> Line:
        """The dashed line; none where it does not apply."""
        return Line(self.label, limit=lambda p: self.applied(p)[0])

    def applied(self, params) -> tuple[float | None, str]:
        """The value, and in words why there is none."""
        try:
            return self.value(params), ""
        except ValueError as error:
            return None, str(error)


@dataclass(frozen=True)
class Panel:
    """One set of axes: a title, its lines, the kinds of events marked on it, and perhaps a closed
    form beside the curves. Its unit is that of its curves, unless `unit` says it in words.

    A timeline has no lines, and is as wide as the figure: the spans of the kinds `bars`, a row
    below the other, with signs for those of the kinds `moments`. The n-th kind has the n-th look.
    """

    title: str
    lines: tuple[Line, ...] = ()
    marks: tuple[str, ...] = ()
    theory: Theory | None = None
    bars: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    unit: str = ""
    part: str = ""          # only events of this part are marked; empty: all

    def marked(self, result, kind: str) -> list[float]:
        """When events of this kind happened, s."""
        return [e.t for e in result.events if e.kind == kind and self.part in ("", e.part)]

    def unit_in(self, result) -> str:
        """Its unit: that of its curves."""
        return self.unit or next(
            (result.series[line.series].unit for line in self.lines
             if line.series in result.series), "")

    @property
    def drawn(self) -> tuple[Line, ...]:
        """Everything that is drawn as a line."""
        return (*self.lines, *([self.theory.line()] if self.theory else []))


@dataclass(frozen=True)
class Box:
    """A box of the system picture at column, row; `show` names series shown as numbers in it.

    Series in instances are also drawn as little squares. `bars` draws a row of columns, one per
    shard, partition or replica: (prefix, count) for the series prefix00, prefix01, ... (1: at its
    limit), of which the series count says how many there are. breaks: the piece that a click breaks
    (see `labsim.declare.faults`); empty: none. burst: of a source, what a burst at a moment (s)
    changes: {parameter: value} from the parameters and the moment.
    """

    name: str
    at: tuple[int, int]
    show: tuple[tuple[str, str], ...] = ()      # (label, series)
    alarm: str = ""                             # a series: the box is marked while it is above 0
    bars: tuple[str, str] | None = None
    breaks: str = ""
    burst: Callable[[Any, float], dict[str, Any]] | None = None

    @property
    def series(self) -> list[str]:
        """The names of all series that it shows."""
        bars = [bar_name(self.bars[0], i) for i in range(MOST_BARS)] if self.bars else []
        more = [self.alarm, self.bars[1] if self.bars else ""]
        return [*(name for _, name in self.show), *filter(None, more), *bars]


@dataclass(frozen=True)
class Link:
    """An arrow of the system picture between two boxes, with a series as its number.

    flows: what travels along it, (series, fate) each: dots in the density of the series (a rate,
    or a count that grows), in the look of one of FATES. By default its number or a rate of the box
    where it ends or begins.
    """

    start: str
    end: str
    label: str = ""
    series: str = ""
    control: bool = False       # a control action, drawn dashed
    flows: tuple[tuple[str, str], ...] = ()
