"""A lab, declared once: everything a user sees of it is generated from this.

Picture the plan of a stage: the knobs, the play (`simulate`), what is measured, the scenes
(`presets`), what the audience sees (`panels`, `picture`), and the questions afterwards.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labsim.engine import Budget, Estimate, Simulation
from labsim.errors import BudgetError, ParameterError, unknown
from labsim.kit.params import Params
from labsim.kit.result import Result, Series

COMPILE_FROM = 500_000  # requests in a run; compiling takes as long as this many in plain Python


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
class Panel:
    """One set of axes: a title, a unit, its lines, and the kinds of events marked on it."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Box:
    """A box of the system picture at column, row; `show` names series shown as numbers in it.

    Series in instances are also drawn as little squares.
    """

    name: str
    at: tuple[int, int]
    show: tuple[tuple[str, str], ...] = ()      # (label, series)
    alarm: str = ""                             # a series: the box is marked while it is above 0


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
    """What `simulate` hands back: the summary, the series (value, unit), cost and notes."""

    summary: dict[str, float]
    series: dict[str, tuple[Any, str]]
    cost: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Lab:
    """A lab; see `labsim.labs.sqs_asg` for one to read."""

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

    def __repr__(self) -> str:
        return f"Lab({self.slug!r}: {self.title})"

    def run(self, params: Params | None = None, seed: int = 1, *, budget: Budget | None = None,
            progress: Callable[[float], None] | None = None) -> Result:
        """Run the lab once. ParameterError for bad input, BudgetError if it would be too big."""
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise ParameterError("seed", seed, "a whole number from 0 to 2**63 - 1")
        params = self.Params() if params is None else params
        estimate = self.estimate(params)
        if excess := (budget or Budget()).excess(estimate):
            name = estimate.lower
            raise BudgetError(name, getattr(params, name),
                              f"a smaller run: this one would take {excess}; lower {name}")
        sim = Simulation(seed, params.duration, progress=progress,
                         fast=estimate.requests > COMPILE_FROM)
        out = self.simulate(params, sim)
        series = {name: Series(sim.record.t, value, unit)
                  for name, (value, unit) in out.series.items()}
        return Result(slug=self.slug, params=params, seed=seed, summary=out.summary,
                      series=series, events=sim.events, cost=out.cost, notes=out.notes)

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

    def explore(self, **values):
        """The widget explorer, in a notebook or under Voila; `values` are where it starts."""
        return importlib.import_module("labsim.view.explorer").Explorer(self, **values)
