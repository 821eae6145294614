"""A system of one's own: a function wires parts, and all else is made from the parts.

Picture a workbench: you plug a queue to a group and switch it on. The meters, the plan of what is
connected with what, and the bill come with the parts.

`system(build)` makes a `Lab` of a function `build(sim, **parameters)`: its metrics are those of
the parts ("orders.wait_p95"), its panels, invariants and lines of the bill likewise, and its
picture has a box per part. So plot, report, compare, sweep and JSON work as for any lab.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from types import MappingProxyType, SimpleNamespace

import numpy as np
from pydantic import create_model

from labsim.declare.component import Component
from labsim.declare.drawing import Panel
from labsim.declare.invariants import Invariant
from labsim.declare.lab import Lab
from labsim.declare.metrics import Metric
from labsim.declare.outcome import Outcome
from labsim.declare.params import Params, flag, number, path
from labsim.declare.plan import drawn
from labsim.declare.result import Result
from labsim.declare.wiring import comes_to_an_end
from labsim.engine import Estimate, Simulation
from labsim.errors import LabsimError, ParameterError, short

LENGTHS = 0.001, 1e8    # s, of a run
MOST = 1e15             # of a parameter that is a number
DEFAULTS = "a default that is a number, a text, True or False, such as boot=120"
TAKEN = {"build", "self", "seed", "duration", *Params.specs(), *dir(Params)}    # by a run
PANELS = 12             # in a figure
HEADLINES = 4
TELLING = ("latency_p95", "wait_p95", "latency_p99", "failed", "throttled", "utilization")
COST = Metric("cost_usd", "USD", "all parts together", "lower", Outcome.total_cost)


class Wired(Outcome):
    """A system whose parts are wired."""

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Of every part, "part.series"."""
        return {f"{part.name}.{name}": told for part in self.sim.parts.values()
                for name, told in part.told.items()}

    def cost(self) -> dict[str, float]:
        """Of every part, "part: line"."""
        return {f"{part.name}: {line}": usd for part in self.sim.parts.values()
                for line, usd in part.cost().items()}


class SystemLab(Lab):
    """A lab made of a building function `build`; what it measures and shows is its parts'."""

    @property
    def build(self) -> Callable:
        """The function that wires its parts."""
        return self.simulate.__wrapped__

    @property
    def call(self) -> str:
        """How a line of Python that runs it begins."""
        return f"labsim.simulate({self.build.__name__}, duration={self.Params().duration!r}"

    def result(self, outcome: Outcome, params: Params, seed: int) -> Result:
        """What a run is summed up in: parameters may decide which parts there are."""
        parts = list(outcome.sim.parts.values())
        declared = replace(self, **_declared(parts))
        left = sum(len(part.PANELS) for part in parts) - len(declared.panels)
        outcome.notes += tuple(note for part in parts for note in part.notes())
        if left:
            outcome.notes = (*outcome.notes, f"the figure has room for {PANELS} panels: {left} "
                             "more are not drawn; their series are in the result")
        return Lab.result(declared, outcome, params, seed)

    def __reduce__(self):
        """To another process go the function, how long a run is, and for what it is declared."""
        return partial(system, self.build, self.Params().duration, **self.simulate.values), ()


def system(build: Callable, duration: float, **values) -> SystemLab:
    """The lab that `build(sim, **parameters)` stands for. Its parameters are those of `build`,
    each with a default (a number, a text, True or False) and a name that a run has no use of its
    own for, and `duration`, s.

    values: for which of them its parts are declared, and `build` is called; by default as `build`
    says. ParameterError, LabsimError for what can't be wired.
    """
    if not callable(build):
        raise ParameterError("build", build, "a lab, its name, or a function build(sim, ...)")
    name = getattr(build, "__name__", "system").strip("_<>").replace("_", "-")
    defaults = _defaults(build, name)

    def simulate(p: Params, sim: Simulation) -> Wired:
        build(sim, **{argument: getattr(p, argument) for argument in defaults})
        if not sim.parts:
            raise LabsimError(f"{name} wires no part")
        for part in list(sim.parts.values()):
            part.wired()
        comes_to_an_end(sim)
        return Wired(p, sim)

    simulate.__wrapped__, simulate.values = build, values
    title = name.replace("-", " ")
    lab = SystemLab(
        slug=name, title=title[:1].upper() + title[1:], topics=(), order=0, simulate=simulate,
        summary=inspect.getdoc(build) or "A system of one's own.",
        Params=_params(name, defaults, duration), estimate=lambda p: Estimate(0, 0),
        metrics=(), presets=(), panels=(), boxes=(), links=(), invariants=())
    params = lab.Params(**values)
    sim = Simulation(1, params.duration)
    simulate(params, sim)
    return replace(lab, **_declared(list(sim.parts.values())))


def swept(build: Callable, duration: float, over: Mapping, options: dict) -> SystemLab:
    """The lab that `build` stands for in a study `over` some of its parameters, with others among
    the `options`: declared for these, or else for the first point that can be wired, or else as
    `build` says."""
    own = inspect.signature(build).parameters if callable(build) else ()
    values = {name: given for name, given in options.items() if name in own}
    rows = zip(*(given for given in over.values() if isinstance(given, Iterable)))
    tries = [values, *({**values, **dict(zip(over, row))} for row in rows), {}]
    for some in tries:
        with suppress(Exception):       # what is wrong with a point, its run tells
            return system(build, duration, **some)
    return system(build, duration, **values)


# -- parameters ----------------------------------------------------------------------------------


def _defaults(build: Callable, name: str) -> dict:
    """{parameter: default} of a building function."""
    given = inspect.signature(build).parameters
    if not given:
        raise ParameterError("build", build, "a function build(sim, ...)", (
            f"build: {name}() takes nothing, allowed {name}(sim, ...): its parts are made in sim"))
    _, *arguments = given.values()
    for argument in arguments:
        called, default = argument.name, argument.default
        wrong = ""
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            wrong = "is any number of parameters, of which none has a default"
        elif default is argument.empty:
            wrong = "has no default"
        elif not isinstance(default, (bool, int, float, str)):
            wrong = f"has the default {short(default)}"
        if wrong:
            raise ParameterError(called, None, DEFAULTS, f"{called}: {wrong} in {name}(sim, ...), "
                                 f"allowed {DEFAULTS}")
        if called.startswith("_") or called in TAKEN:
            raise ParameterError(called, None, "another name", (
                f"{called}: a parameter of {name}(sim, ...) can't be called so, since " + (
                    "names with _ in front are not its callers' to set"
                    if called.startswith("_") else f"a run has a {called} of its own")
                + "; give it another name"))
    return {argument.name: argument.default for argument in arguments}


def _params(name: str, defaults: dict, duration: float) -> type[Params]:
    plate = dict(label="", help="A parameter of the system.", group="System")
    fields: dict = {"duration": (float, number(
        duration, unit="s", bounds=LENGTHS, slider=(60, 86_400), step=60, label="Duration",
        group="System", help="Simulated time."))}
    for argument, default in defaults.items():
        own = {**plate, "label": argument.replace("_", " ").capitalize()}
        if isinstance(default, (bool, str)):
            fields[argument] = type(default), (flag if isinstance(default, bool) else path)(
                default, **own)
        else:
            fields[argument] = type(default), number(
                default, unit="", bounds=(-MOST, MOST), step=1,
                slider=(min(0, 2 * default), max(2 * default, 1)), **own)
    made = create_model(f"{name.title()}Params", __base__=Params, **fields)
    made.model_rebuild()
    return made


# -- what the parts declare ----------------------------------------------------------------------


def _declared(parts: list[Component]) -> dict:
    """The fields of a lab that its parts fill."""
    panels = sorted((place, number) for number, part in enumerate(parts)
                    for place in range(len(part.PANELS)))[:PANELS]   # of each its first ones
    shown = [_panel(parts[number], parts[number].PANELS[place])
             for number, place in sorted((number, place) for place, number in panels)]
    metrics = tuple(_metric(part, metric) for part in parts for metric in part.METRICS)
    return {
        "metrics": (*metrics, COST), "panels": tuple(shown),
        "headline": (*_headline(parts)[:HEADLINES - 1], COST.name),
        "invariants": tuple(_invariant(part, law) for part in parts for law in part.INVARIANTS),
        **dict(zip(("boxes", "links"), drawn(parts)))}


def _headline(parts: list[Component]) -> list[str]:
    """What tells well from badly: of each part the metric that tells most, then the next ..."""
    def rank(metric: Metric) -> int:
        return TELLING.index(metric.name) if metric.name in TELLING else len(TELLING)
    told = [[f"{part.name}.{metric.name}" for metric in sorted(
        (m for m in part.METRICS if m.better), key=rank)] for part in parts]
    return [name for row in zip_longest(*told) for name in row if name]


def _metric(part: Component, metric: Metric) -> Metric:
    return replace(metric, name=f"{part.name}.{metric.name}", label=f"{part.name}: {metric.label}",
                   value=lambda wired: metric.value(wired.sim.parts[part.name]), aliases=())


def _panel(part: Component, panel: Panel) -> Panel:
    def limit(line):
        return line.limit and (lambda p: line.limit(part))
    lines = tuple(replace(line, series=line.series and f"{part.name}.{line.series}",
                          limit=limit(line)) for line in panel.lines)
    title = panel.title[:1].lower() + panel.title[1:]
    return replace(panel, title=f"{part.name}: {title}", lines=lines, part=part.name)


def _invariant(part: Component, law: Invariant) -> Invariant:
    """A law of a part, which sees its own series and metrics only, by their own names."""
    def holds(result) -> bool:
        start = f"{part.name}."
        series = {name.removeprefix(start): told for name, told in result.series.items()
                  if name.startswith(start)}
        summary = {name.removeprefix(start): value for name, value in result.summary.items()
                   if name.startswith(start)}
        return law.holds(SimpleNamespace(series=series, summary=MappingProxyType(summary),
                                         params=result.params, part=part))
    return Invariant(f"{part.name}: {law.name}", holds)
