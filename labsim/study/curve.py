"""A curve that has been measured out: its numbers, as text, as a table, as a figure.

Picture the surveyor's notebook: a row per stake, and on the last page what could not be reached.
"""

import math
from dataclasses import dataclass
from typing import Any

from labsim import hooks
from labsim.errors import optional
from labsim.study.readings import Reading
from labsim.study.turned import Turned
from labsim.tables import as_text
from labsim.text import format_value

LONGEST = 90        # characters of a reason why a point is left out
LUCK = 0.05         # so far beyond nothing or all a share may seem to be
SEEN = 1e-3         # half an interval, a share of the mean, from which on its number says it


@dataclass(frozen=True)
class Point:
    """Where a line is at `x`: the mean of its `values` (one per seed), and the ends of the
    confidence interval of the mean, NaN where there is one run only."""

    x: Any
    mean: float
    low: float
    high: float
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class CurveLine:
    """One line: what is read, at which points; the closed form called `theory` at `theory_x`, in
    the same unit; and what was measured on AWS in the same situation (`labsim.study.measured`)."""

    label: str
    reading: Reading
    points: tuple[Point, ...]
    theory: str = ""
    theory_x: tuple = ()
    theory_y: tuple[float, ...] = ()
    measured: tuple = ()

    def theory_at(self, x) -> float:
        """The closed form at `x`, one of the points; NaN where it says nothing."""
        return dict(zip(self.theory_x, self.theory_y)).get(x, math.nan)


@dataclass(frozen=True)
class LeftOut:
    """A point that could not be run: of which line, where, and why."""

    line: str
    x: str
    why: str

    def told(self) -> str:
        """In a sentence's part: "50 (instances: given 50, allowed ...)"."""
        why = self.why if len(self.why) <= LONGEST else f"{self.why[:LONGEST - 3]}..."
        return f"{self.line + ': ' if self.line else ''}{self.x} ({why})"


@dataclass(frozen=True, eq=False)
class Curve:
    """Lines over `axis` (told apart by `by`, or None), each point a mean over `seeds`.

    A figure in a notebook, a table in a terminal; `frame()` has the numbers. `left_out`: the
    points that could not be run.
    """

    lab: Any
    axis: Turned
    by: Turned | None
    lines: tuple[CurveLine, ...]
    seeds: range
    confidence: float = 0.95
    left_out: tuple[LeftOut, ...] = ()
    log: bool | None = None

    def frame(self):
        """The numbers as a tidy `pandas.DataFrame`: the column of the axis (the parameter's name,
        "preset" or "case"), that of the lines, metric, unit, mean, low, high, replications,
        theory."""
        return optional("pandas").DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """The rows of `frame`."""
        x, by = (turned and (turned.name or turned.label.lower() or "case")
                 for turned in (self.axis, self.by))
        by = "line" if by == x else by
        return [{x: point.x, **({by: line.label} if by else {}),
                 "metric": line.reading.name, "unit": line.reading.unit, "mean": point.mean,
                 "low": point.low, "high": point.high,
                 "replications": len(point.values) or len(self.seeds),
                 "theory": line.theory_at(point.x)} for line in self.lines for point in line.points]

    def plot(self, style=None):
        """The curve as a `matplotlib.figure.Figure`."""
        return hooks.ring("curve_figure", self, style)

    @property
    def over(self) -> str:
        """What is along the axis, with its unit: "instances", "arrival rate (msg/s)"."""
        unit = self.axis.unit
        said = not unit or unit.lower() in self.axis.label.lower().split()
        return self.axis.label + ("" if said else f" ({unit})")

    @property
    def groups(self) -> list[list[CurveLine]]:
        """The lines that go on one pair of axes: of one reading; where each reading has but one
        line, all of one unit."""
        found: dict[tuple, list[CurveLine]] = {}
        for line in self.lines:
            reading = line.reading
            key = (reading.name,) if self.by else (reading.unit, self.share(reading))
            found.setdefault(key, []).append(line)
        return [*found.values()]

    def share(self, reading: Reading) -> bool:
        """Whether a reading is told in percent: it is a part of something, or has no unit and is
        nowhere above one, but for a little that is luck."""
        if reading.unit.startswith("of "):
            return True
        means = [p.mean for line in self.lines if line.reading.name == reading.name
                 for p in line.points]
        below = any(mean < 1 for mean in means) or all(mean == 1 for mean in means)
        return not reading.unit and below and all(-LUCK <= mean <= 1 + LUCK for mean in means)

    def said(self, reading: Reading, value: float, unit: bool = True) -> str:
        """A value of a reading as people write it, with its unit or without."""
        if self.share(reading):
            return percent(100 * value)
        if reading.unit == "%":
            return percent(value)
        return format_value(value, reading.unit if unit else "")

    @property
    def how(self) -> str:
        """How its points were made."""
        count = len(self.seeds)
        if count == 1:
            return f"one run each, seed {self.seeds[0]}"
        return (f"mean and {self.confidence:.0%} interval of {count} runs each, seeds "
                f"{self.seeds[0]} to {self.seeds[-1]}")

    @property
    def not_shown(self) -> str:
        """What was left out, and why; empty if nothing was. One reason is said once."""
        reasons: dict[str, list[str]] = {}
        for out in self.left_out:
            reasons.setdefault(out.why.split(": given")[0], []).append(out.told())
        told = "; ".join(rows[0] if len(rows) == 1 else f"{rows[0]} and {len(rows) - 1} more"
                         for rows in reasons.values())
        return f"left out: {told}" if told else ""

    def __repr__(self) -> str:
        tables = [self._table(group) for group in self.groups]
        return "\n\n".join(filter(None, [f"{self.lab.title}: {self.how}", *tables,
                                         self.not_shown]))

    def _table(self, group: list[CurveLine]) -> str:
        """The lines of a group as columns."""
        head, columns = [self.over], []
        for line in group:
            head.append(line.label if self.by else self.named(line.reading))
            columns.append({p.x: self._mean(line, p) for p in line.points})
            if line.theory:
                head.append(f"theory: {line.theory}" if len(group) == 1 else "theory")
                columns.append({x: self.said(line.reading, y, False) for x, y in zip(
                    line.theory_x, line.theory_y)})
        rows = [[place.label if self.axis.words else format_value(place.value),
                 *(column.get(place.value, "") for column in columns)]
                for place in self.axis.places]
        table = as_text(head, [row for row in rows if any(row[1:])])
        return f"{self.named(group[0].reading)}\n{table}" if self.by else table

    def named(self, reading: Reading) -> str:
        """A reading's label with its unit, where its values don't say it themselves."""
        plain = not reading.unit or reading.unit == "%" or self.share(reading)
        return reading.label if plain else f"{reading.label} ({reading.unit})"

    def _mean(self, line: CurveLine, point: Point) -> str:
        half = point.high - point.mean
        told = self.said(line.reading, point.mean, False)
        seen = half > SEEN * abs(point.mean)
        return f"{told} \u00b1 {self.said(line.reading, half, False)}" if seen else told

    def _repr_png_(self) -> bytes:
        return self.plot()._repr_png_()


def percent(value: float) -> str:
    """So many percent: "72.5%", "0.02%", or "<0.01%" of what is nearly nothing."""
    if 0 < value < 0.01:
        return "<0.01%"
    return f"{format_value(value if value >= 1 else round(value, 2))}%"
