"""Sketch exercises: a curve is drawn on empty axes, then the model draws its own over it.

Picture a weather forecaster at a map with a felt pen, before the measurements of the day come in:
nobody asks for the third decimal; that the storm comes in the evening and is gone by midnight is
what counts. What counts of a curve is declared (`Peak`, `Back`, `Level`, `Close`).

The curve is of one series over the time of a run, or of a metric over a parameter. An answer is a
list of points (x, y); between two of them the line is straight.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from labsim.declare.exercises import Exercise, Slip, run_of
from labsim.text import format_value

FINE = 400          # points at which two curves are compared
POINTS = 40         # intervals of an answer that the model gives
MOST = 200          # points of an answer
ENDS = 0.1          # share of the axis that may be left empty at either end
FLAT = 0.9          # share of its height above which all of a curve without a peak is
TOP = 0.97          # share of a peak's height from which on a curve is at its peak


@dataclass(frozen=True)
class Drawn:
    """A curve at `x`, drawn or the model's; `tall` is the upper end of the axis."""

    x: np.ndarray
    y: np.ndarray
    tall: float

    @property
    def span(self) -> float:
        """How wide the axis is."""
        return float(self.x[-1] - self.x[0])

    @property
    def peak(self) -> float:
        """Where it is highest: the middle of the time for which it is nearly so."""
        high = self.x[self.y >= TOP * self.y.max()]
        return float(high[0] + high[-1]) / 2

    def at(self, x: float) -> float:
        """Its height there."""
        return float(np.interp(x, self.x, self.y))

    def back(self, below: float) -> float | None:
        """From where on it is below a share of the axis for good; None if never."""
        high = np.flatnonzero(self.y > below * self.tall)
        if not high.size:
            return float(self.x[0])
        return float(self.x[high[-1] + 1]) if high[-1] + 1 < len(self.x) else None


@dataclass(frozen=True)
class Peak:
    """The peak: within a share of the axis of where the model has it, and within a share of its
    height."""

    when: float = 0.08
    height: float = 0.3

    def judge(self, drawn: Drawn, truth: Drawn, said: Callable[[float], str]) -> str:
        """What is wrong, in words; nothing if it fits."""
        late, high, tall = drawn.peak - truth.peak, drawn.y.max(), truth.y.max()
        if drawn.y.min() > FLAT * high:
            return "Your curve has no peak."
        if abs(late) > self.when * truth.span:
            return f"Your curve is highest too {'late' if late > 0 else 'early'}."
        if abs(high - tall) > self.height * tall:
            return f"Your curve gets too {'high' if high > tall else 'low'}."
        return ""


@dataclass(frozen=True)
class Back:
    """From where on the curve is below a share of the axis for good: within a share of it."""

    below: float = 0.06
    within: float = 0.1

    def judge(self, drawn: Drawn, truth: Drawn, said: Callable[[float], str]) -> str:
        """What is wrong, in words; nothing if it fits."""
        mine, its = drawn.back(self.below), truth.back(self.below)
        if mine is None or its is None:
            return "" if mine is its else ("Your curve stays up; the model's comes down." if its
                                           else "Your curve comes down; the model's stays up.")
        if abs(mine - its) > self.within * truth.span:
            return f"Your curve is down too {'late' if mine > its else 'early'}."
        return ""


@dataclass(frozen=True)
class Level:
    """The height at a share of the way along the axis (0: its left end): within a share of it."""

    along: float
    within: float = 0.1

    def judge(self, drawn: Drawn, truth: Drawn, said: Callable[[float], str]) -> str:
        """What is wrong, in words; nothing if it fits."""
        x = float(truth.x[0] + self.along * truth.span)
        off = drawn.at(x) - truth.at(x)
        if abs(off) <= self.within * truth.tall:
            return ""
        return f"At {said(x)} your curve is too {'high' if off > 0 else 'low'}."


@dataclass(frozen=True)
class Close:
    """The mean distance between the curves: at most a share of the axis."""

    within: float = 0.1

    def judge(self, drawn: Drawn, truth: Drawn, said: Callable[[float], str]) -> str:
        """What is wrong, in words; nothing if it fits."""
        if distance(drawn, truth) <= self.within:
            return ""
        x = float(truth.x[np.argmax(abs(drawn.y - truth.y))])
        high = "high" if drawn.at(x) > truth.at(x) else "low"
        return f"Your curve is farthest off at {said(x)}: too {high}."


def distance(drawn: Drawn, truth: Drawn) -> float:
    """Mean distance between two curves, a share of the axis."""
    return float(abs(drawn.y - truth.y).mean() / truth.tall)


@dataclass(frozen=True, kw_only=True)
class Sketch(Exercise):
    """Draw a curve. run: the parameters of the run in question.

    series: what is drawn over the time from `start` to `end` s (0: to the end of the run); or
    metric: what is drawn over the parameter `over`, at its `values`. top: the upper end of the
    axis, in `unit`; scale: what a value is multiplied with (100: per cent). known: up to this x
    the curve is given. shades: what is shaded, such as ((600, 1_200, "spike"),). label: what is
    drawn. rules: all must hold.
    """

    kind = "sketch"
    run: Mapping[str, Any]
    rules: tuple[Any, ...]
    top: float
    label: str
    series: str = ""
    start: float = 0.0
    end: float = 0.0
    metric: str = ""
    over: str = ""
    values: tuple[float, ...] = ()
    unit: str = ""
    scale: float = 1.0
    known: float | None = None
    shades: Callable[[Any], tuple[tuple[float, float, str], ...]] = lambda params: ()

    def axis(self, lab) -> tuple[float, float]:
        """Where the axis begins and ends."""
        if self.over:
            return float(self.values[0]), float(self.values[-1])
        return self.start, float(self.end or self.params(lab).duration)

    def curve(self, lab) -> tuple[np.ndarray, np.ndarray]:
        """The model's: x and y."""
        if self.over:
            y = [run_of(lab, {**self.run, self.over: x}).summary[self.metric] for x in self.values]
            return np.array(self.values, float), self.scale * np.array(y)
        series = run_of(lab, self.run).series[self.series]
        return series.t, self.scale * series.value

    def given(self, lab) -> list[tuple[float, float]]:
        """The part of the curve that is shown beforehand."""
        if self.known is None:
            return []
        x, y = self.curve(lab)
        grid = np.linspace(self.axis(lab)[0], self.known, POINTS)
        return points(grid, np.interp(grid, x, y))

    def answer(self, lab) -> list[tuple[float, float]]:
        """The model's curve, at some points."""
        x, y = self.curve(lab)
        grid = np.linspace(*self._open(lab), POINTS + 1)
        grid = np.union1d(grid, np.clip(x[np.argmax(y)], grid[0], grid[-1]))
        return points(grid, np.interp(grid, x, y))

    def said(self, lab, x: float) -> str:
        """A place on the axis, in words."""
        return format_value(x, lab.Params.specs()[self.over].unit if self.over else "s")

    def _open(self, lab) -> tuple[float, float]:
        """Where there is something to draw."""
        left, right = self.axis(lab)
        return (left if self.known is None else self.known), right

    def _understood(self, lab, answer):
        """Points from left to right, each within the axes; a `Slip` for half a curve."""
        form = "The answer is a curve: a list of points (x, y), from the left end to the right end"
        left, right = self._open(lab)
        try:
            found = sorted({float(x): float(y) for x, y in answer}.items())
        except (TypeError, ValueError, OverflowError):
            raise Slip(f"{form}.") from None
        if not 2 <= len(found) <= MOST or not all(map(isfinite, (v for p in found for v in p))):
            raise Slip(f"{form}; at least two, at most {MOST} points.")
        room = ENDS * (right - left)
        if found[0][0] > left + room or found[-1][0] < right - room:
            raise Slip(f"Draw the curve to both ends: from {self.said(lab, left)} to "
                       f"{self.said(lab, right)}.")
        return [list(point) for point in points(*zip(*(
            (min(max(x, left), right), min(max(y, 0.0), self.top)) for x, y in found)))]

    def _judge(self, lab, answer):
        grid = np.linspace(*self._open(lab), FINE)
        truth = Drawn(grid, np.interp(grid, *self.curve(lab)), self.top)
        drawn = Drawn(grid, np.interp(grid, *map(np.array, zip(*answer))), self.top)
        wrong = [text for rule in self.rules
                 if (text := rule.judge(drawn, truth, lambda x: self.said(lab, x)))]
        if wrong:
            return False, wrong[0]
        off = max(round(100 * distance(drawn, truth)), 1)
        return True, f"On average your curve is within {off}% of the axis of the model's."

    def _values(self):
        return self.run

    def _answer_text(self, lab) -> str:
        x, y = self.curve(lab)
        most = int(np.argmax(y))
        return f"{format_value(float(y[most]), self.unit)} at {self.said(lab, float(x[most]))}"


def points(x, y) -> list[tuple[float, float]]:
    """Points of a curve, their numbers short; none twice at one x."""
    found = [(float(f"{a:.6g}"), float(f"{b:.6g}")) for a, b in zip(x, y)]
    return [first for first, second in pairwise([*found, (float("nan"), 0.0)])
            if first[0] != second[0]]
