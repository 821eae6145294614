"""A lab, declared once: everything a user sees of it is generated from this.

Picture the plan of a stage: the knobs, the play (`simulate`), what is measured, the scenes
(`presets`), what the audience sees (`panels`, `boxes`), and the questions afterwards.
"""

import copyreg
import itertools
import pkgutil
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labsim import hooks
from labsim.declare.describe import without_effect
from labsim.declare.drawing import Box, Link, Panel, Preset
from labsim.declare.faults import checked, places, schedule
from labsim.declare.invariants import ALWAYS, Invariant
from labsim.declare.metrics import Metric, Summary
from labsim.declare.outcome import Outcome
from labsim.declare.params import Params
from labsim.declare.result import Result, Series
from labsim.engine import Budget, Estimate, Simulation
from labsim.errors import BudgetError, ParameterError, unknown
from labsim.factbook import FactBook

BIG = 500_000           # requests of a run whose data plane catches up now and then, for memory
COMPILE_FROM = 500_000  # requests of all runs so far from which on a long one is compiled
LONG = 0.1              # of COMPILE_FROM: shorter runs are never compiled, nor waited for
_requests_run = 0.0


@dataclass(frozen=True, eq=False)
class Lab:
    """A lab; see `labsim/builtin/sqs_asg/` for one to read.

    In the folder `home` stand notebook.py (the source of its notebook), known_answers.yaml and
    questions.yaml.
    """

    slug: str
    title: str
    summary: str
    topics: tuple[str, ...]
    order: float
    Params: type[Params]
    simulate: Callable[[Params, Simulation], Outcome]
    estimate: Callable[[Params], Estimate]
    metrics: tuple[Metric, ...]
    presets: tuple[Preset, ...]
    panels: tuple[Panel, ...]
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    invariants: tuple[Invariant, ...]   # its own; those that hold for all labs are added
    exercises: tuple[Any, ...] = ()
    facts: tuple[str, ...] = ()         # ids shown in the notebook
    headline: tuple[str, ...] = ()      # metrics shown first
    points: int = 600                   # intervals of the record; ticks of a counted data plane
    home: Path | None = None
    original: "Lab | None" = None       # of a lab as a course has it: the lab as it is

    def __post_init__(self):
        numbered = tuple(replace(preset, title=f"{place} {preset.name}")
                         for place, preset in enumerate(self.presets, 1))
        object.__setattr__(self, "presets", numbered)
        own = tuple(law for law in self.invariants if law not in ALWAYS)
        object.__setattr__(self, "invariants", (*own, *ALWAYS))

    def __repr__(self) -> str:
        return f"Lab({self.slug!r}: {self.title})"

    @property
    def call(self) -> str:
        """How a line of Python that runs it begins."""
        return f"labsim.run({self.slug!r}"

    def run(self, params: Params | None = None, seed: int = 1, *, budget: Budget | None = None,
            progress: Callable[[float], None] | None = None,
            stop: threading.Event | None = None) -> Result:
        """Run the lab once. ParameterError for bad input, BudgetError if it would be too big,
        `labsim.engine.Cancelled` soon after another thread has set `stop`."""
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise ParameterError("seed", seed, "a whole number from 0 to 2**63 - 1")
        params = self.Params() if params is None else params
        budget = budget or Budget()
        params = self.fitting(params, budget)
        estimate = self.estimate(params)
        if excess := budget.excess(estimate):
            name = self._to_lower(params, estimate, budget)
            raise BudgetError(name, getattr(params, name),
                              f"a smaller run: this one would take {excess}; lower {name}")
        served = min(estimate.requests, estimate.served)    # who only waits takes no loop
        sim = Simulation(seed, params.duration, points=self.points, progress=progress, stop=stop,
                         big=estimate.requests > BIG, fast=worth_compiling(served))
        for note in params.notes:
            sim.log("note", note)
        outcome = self.simulate(params, sim)
        outcome.notes = (*params.notes, *outcome.notes)
        schedule(sim, checked(params.faults))
        outcome.run()
        result = self.result(outcome, params, seed)
        sim.parts.clear()   # they hold the run, and it them: now they can go
        return result

    def fitting(self, params: Params, budget: Budget | None = None) -> Params:
        """`params`, or, of a file whose `duration` nobody has given, as much of it from its start
        on as fits `budget`, if any does: half of it, a quarter, ..."""
        if params.follows:
            for fewer in itertools.chain([params], params.shorter()):
                if not (budget or Budget()).excess(self.estimate(fewer)):
                    return fewer
        return params

    def _to_lower(self, params: Params, estimate: Estimate, budget: Budget) -> str:
        """The parameter to lower so that a run fits: of a file its `duration`, if that is enough;
        never one that has no effect."""
        if any(not budget.excess(self.estimate(fewer)) for fewer in params.shorter()):
            return "duration"
        return estimate.lower if params.helps(estimate.lower) else "trace_factor"

    def result(self, outcome: Outcome, params: Params, seed: int) -> Result:
        """What a run that has ended is summed up in."""
        sim, told = outcome.sim, outcome.told
        return Result(
            lab=self, params=params, seed=seed, cost=outcome.bill, events=sim.events,
            series={name: Series(sim.record.t, values, unit)
                    for name, (values, unit) in told.items()},
            summary=Summary(((m.name, m.of(outcome)) for m in self.metrics), self.metrics),
            notes=(*outcome.notes, *without_effect(self, params)), spans=tuple(outcome.spans),
            breakable={piece: kinds for piece, (_, kinds) in places(sim).items()})

    def preset(self, title: str) -> Params:
        """The parameters of a preset, by its title, with or without its number, or its number."""
        return self.Params(**self.scene(title).values)

    def scene(self, title: str) -> Preset:
        """A preset by its title, with or without its number, or by its number alone ("2"), in
        any case; an unknown one suggests the nearest."""
        wanted = str(title).strip().casefold()
        for place, preset in enumerate(self.presets, 1):
            if wanted in (preset.title.casefold(), preset.name.casefold(), str(place)):
                return preset
        raise unknown("preset", title, [p.title for p in self.presets])

    def metric(self, name: str) -> Metric:
        """A metric by its name, or one that it had before."""
        for metric in self.metrics:
            if name == metric.name or name in metric.aliases:
                return metric
        raise unknown("metric", name, [m.name for m in self.metrics])

    @property
    def facts_differ(self) -> bool:
        """Whether the course notes have another number than today for a fact of this lab."""
        own = [spec.fact for spec in self.Params.specs().values() if spec.fact]
        return any(self.Params.book().fact(id).numbers_differ for id in (*own, *self.facts))

    def adapted(self, own: Mapping[str, Any], book: FactBook | None = None) -> "Lab":
        """The lab as a course has it: with its own defaults, and its notes' values in `book`.

        ParameterError for a default that can't be.
        """
        return replace(self, Params=self.Params.starting_at(own, book), original=self)

    def __reduce__(self):
        """To another process a lab goes by name where it has one, so that what it is made of need
        not be copied; a course's lab goes as what the course changes."""
        if self.original is not None:
            return Lab.adapted, (self.original, self.Params.own, self.Params.its_book)
        package = re.sub(r"\.params$", "", self.Params.__module__)
        if _named(package) is self:
            return _named, (package,)
        return copyreg.__newobj__, (type(self),), vars(self)

    def fact_table(self):
        """The facts that its notebook shows, with their sources: a table that shows itself."""
        return self.Params.book().table(self.facts)

    def trust(self):
        """Its known answers, checked now: a table that shows itself, `passed` if all agree."""
        return hooks.ring("trust", self)

    def curve(self, *metrics, over, by=None, at=None, **options):
        """Metrics over a parameter, means of several runs with their interval, theory and
        measurements beside them where there are any: a figure that shows itself.

        `lab.curve("wait_p95", over={"instances": range(2, 9)})`; what else may be given:
        `labsim.study.curves.curve`.
        """
        return hooks.ring("curve", self, *metrics, over=over, by=by, at=at, **options)

    def explore(self, **values):
        """The widget explorer, in a notebook or under Voila; `values` are where it starts."""
        return hooks.ring("explore", self, **values)


def worth_compiling(requests: float) -> bool:
    """Whether a run of so many requests had better be compiled. What it gives is the same; the
    first compiled run of a process takes some seconds, the later ones half of the time."""
    global _requests_run
    if requests > LONG * COMPILE_FROM:
        _requests_run += requests
        return _requests_run > COMPILE_FROM
    return False


def _named(package: str):
    """The lab of a package, if it has one."""
    try:
        return getattr(pkgutil.resolve_name(package), "lab", None)
    except (ImportError, AttributeError, ValueError):
        return None
