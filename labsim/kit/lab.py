"""A lab, declared once: everything a user sees of it is generated from this.

Picture the plan of a stage: the knobs, the play (`simulate`), what is measured, the scenes
(`presets`), what the audience sees (`panels`, `picture`), and the questions afterwards.
"""

import importlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labsim.engine import Budget, Estimate, Simulation
from labsim.errors import BudgetError, ParameterError, unknown
from labsim.facts import fact
from labsim.kit.params import Params
from labsim.kit.result import Result, Series, Span

COMPILE_FROM = 500_000  # requests in a run; compiling takes as long as this many in plain Python


MOST_BARS = 16          # columns in a box of the system picture


def bar_name(prefix: str, i: int) -> str:
    """The series of the i-th column of a box: "load00", "load01", ..."""
    return f"{prefix}{i:02}"


def per_tick(values: np.ndarray, unit: str = "") -> tuple[np.ndarray, str]:
    """A series from a value per tick, (ticks,): that of the tick which ends at each instant of
    the record, at the first instant that of the first tick."""
    return np.append(values[:1], values), unit


@dataclass(frozen=True)
class Metric:
    """A key of `Result.summary`: its unit, one line of meaning, and which way is better."""

    name: str
    unit: str
    meaning: str
    better: str = ""        # "lower", "higher" or ""


@dataclass(frozen=True)
class Preset:
    """A scene of the lab's story: parameters, and a sentence that an instructor says."""

    title: str
    say: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A curve of a panel: a series by name, or a limit (dashed) computed from the parameters."""

    label: str
    series: str = ""
    limit: Callable[[Params], float | None] | None = None
    step: bool = False      # holds until it changes


@dataclass(frozen=True)
class Theory:
    """A closed form to hold a panel's curve against: its name, and its value for parameters.

    `value` raises `NotApplicable` or `labsim.theory.Unstable` with the reason where it says
    nothing.
    """

    label: str
    value: Callable[[Params], float]

    def line(self) -> Line:
        """The dashed line; none where it does not apply."""
        return Line(self.label, limit=lambda p: self.applied(p)[0])

    def applied(self, params: Params) -> tuple[float | None, str]:
        """The value, and in words why there is none."""
        try:
            return self.value(params), ""
        except ValueError as error:
            return None, str(error)


@dataclass(frozen=True)
class Panel:
    """One set of axes: a title, a unit, its lines, the kinds of events marked on it, and perhaps
    a closed form beside the curves.

    A timeline has no lines, and is as wide as the figure: the spans of the kinds `bars`, a row
    below the other, with signs for those of the kinds `moments`. The n-th kind has the n-th look.
    """

    title: str
    unit: str
    lines: tuple[Line, ...] = ()
    marks: tuple[str, ...] = ()
    theory: Theory | None = None
    bars: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()

    @property
    def drawn(self) -> tuple[Line, ...]:
        """Everything that is drawn as a line."""
        return (*self.lines, *([self.theory.line()] if self.theory else []))


@dataclass(frozen=True)
class Box:
    """A box of the system picture at column, row; `show` names series shown as numbers in it.

    Series in instances are also drawn as little squares. `bars` draws a row of columns, one per
    shard, partition or replica: (prefix, count) for the series prefix00, prefix01, ... (1: at its
    limit), of which the series count says how many there are.
    """

    name: str
    at: tuple[int, int]
    show: tuple[tuple[str, str], ...] = ()      # (label, series)
    alarm: str = ""                             # a series: the box is marked while it is above 0
    bars: tuple[str, str] | None = None

    @property
    def series(self) -> list[str]:
        """The names of all series that it shows."""
        bars = [bar_name(self.bars[0], i) for i in range(MOST_BARS)] if self.bars else []
        more = [self.alarm, self.bars[1] if self.bars else ""]
        return [*(name for _, name in self.show), *filter(None, more), *bars]


@dataclass(frozen=True)
class Link:
    """An arrow of the system picture between two boxes, with a series as its number."""

    start: str
    end: str
    label: str = ""
    series: str = ""
    control: bool = False       # a control action, drawn dashed


@dataclass(frozen=True)
class Invariant:
    """A law that holds for every result: a name and a check that returns True."""

    name: str
    holds: Callable[[Result], bool]


@dataclass
class Run:
    """What `simulate` hands back: the summary, the series (value, unit), cost, notes, spans."""

    summary: dict[str, float]
    series: dict[str, tuple[Any, str]]
    cost: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    spans: Sequence[Span] = ()


@dataclass(frozen=True, eq=False)
class Lab:
    """A lab; see `labsim.labs.sqs_asg` for one to read.

    A lab outside labsim says where its files are: in the folder `home` stand notebook.py (the
    source of its notebook), known_answers.yaml and questions.yaml.
    """

    slug: str
    title: str
    summary: str
    topics: tuple[str, ...]
    order: int
    Params: type[Params]
    simulate: Callable[[Params, Simulation], Run]
    estimate: Callable[[Params], Estimate]
    metrics: tuple[Metric, ...]
    presets: tuple[Preset, ...]
    panels: tuple[Panel, ...]
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    invariants: tuple[Invariant, ...]
    exercises: tuple[Any, ...] = ()
    facts: tuple[str, ...] = ()         # ids shown in the notebook
    headline: tuple[str, ...] = ()      # metrics shown first
    points: int = 600                   # intervals of the record; ticks of a counted data plane
    home: Path | None = None            # of a lab outside labsim: the folder of its files
    original: "Lab | None" = None       # of a lab with a course's own defaults: the lab as it is

    def __repr__(self) -> str:
        return f"Lab({self.slug!r}: {self.title})"

    def run(self, params: Params | None = None, seed: int = 1, *, budget: Budget | None = None,
            progress: Callable[[float], None] | None = None,
            stop: threading.Event | None = None) -> Result:
        """Run the lab once. ParameterError for bad input, BudgetError if it would be too big,
        `labsim.engine.Cancelled` soon after another thread has set `stop`."""
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise ParameterError("seed", seed, "a whole number from 0 to 2**63 - 1")
        params = self.Params() if params is None else params
        estimate = self.estimate(params)
        if excess := (budget or Budget()).excess(estimate):
            name = estimate.lower
            raise BudgetError(name, getattr(params, name),
                              f"a smaller run: this one would take {excess}; lower {name}")
        sim = Simulation(seed, params.duration, points=self.points, progress=progress, stop=stop,
                         fast=estimate.requests > COMPILE_FROM)
        out = self.simulate(params, sim)
        series = {name: Series(sim.record.t, value, unit)
                  for name, (value, unit) in out.series.items()}
        return Result(slug=self.slug, params=params, seed=seed, summary=out.summary,
                      series=series, events=sim.events, cost=out.cost, notes=out.notes,
                      spans=tuple(out.spans))

    def preset(self, title: str) -> Params:
        """The parameters of a preset, by its title or its number ("2")."""
        return self.Params(**self.scene(title).values)

    def scene(self, title: str) -> Preset:
        """A preset by its title or its number; an unknown one suggests the nearest."""
        for preset in self.presets:
            if title in (preset.title, preset.title.split()[0]):
                return preset
        raise unknown("preset", title, [p.title for p in self.presets])

    def metric(self, name: str) -> Metric:
        """A metric by name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise unknown("metric", name, [m.name for m in self.metrics])

    @property
    def facts_differ(self) -> bool:
        """Whether the course notes have another number than today for a fact of this lab."""
        own = [knob.fact for knob in self.Params.knobs().values() if knob.fact]
        return any(fact(id).numbers_differ for id in (*own, *self.facts))

    def trust(self):
        """Its known answers, checked now: a table that shows itself, `passed` if all agree."""
        return importlib.import_module("labsim.kit.trust").trust(self)

    def explore(self, **values):
        """The widget explorer, in a notebook or under Voila; `values` are where it starts."""
        return importlib.import_module("labsim.view.explorer").Explorer(self, **values)
