"""A number over a parameter: means over replications, with their interval, theory, measurements.

Picture a surveyor who walks along a slope and drives in a stake every few steps. At each one the
level is read several times, by the same people (common random numbers); beside the stakes stands
where the map has the slope, and where others have measured it.

A curve of many runs that would take long goes to all cores, or to whatever the caller's
`joblib.parallel_config` names; the numbers are the same.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from labsim.declare.drawing import Theory
from labsim.errors import LabsimError, ParameterError, require, short
from labsim.statistics import half_width
from labsim.study import measured, sweeps
from labsim.study.curve import Curve, CurveLine, LeftOut, Point
from labsim.study.readings import Reading, readings
from labsim.study.turned import Setting, Turned, between, starting_at, turned

POINTS, FEWER, LINES = 10, 6, 8     # of a parameter whose values are not given; lines at most
FEWEST, MOST = 3, 10                # replications where their number is not given
QUICK = 1.0     # s that the runs of a curve may take by their estimate, which is on the high side
LONG = 20.0     # s from which on a curve is worth sending to other processes
FINE = 60       # points of theory between the first and the last


def curve(lab, *metrics, over, by=None, at=None, seeds: int | None = None, seed: int = 1,
          confidence: float = 0.95, theory=None, log: bool | None = None, **values) -> Curve:
    """Metrics of a `Lab` over a parameter: a figure that shows itself, and keeps its numbers.

    metrics: see `labsim.study.readings`; by default the headline ones. over: a parameter (points
    over its slider's range), {parameter: values}, a list of presets (titles or numbers) or of
    changes {parameter: value}, or {label: preset, `Params`, or change}. by: the same, a line for
    each. at: what else holds, a preset, a `Params`, or the name of a comparison with AWS
    (`labsim.measured`), with **values.

    Every point runs with the seeds `seed`, `seed` + 1, ...; `seeds` of them, by default from 3 to
    10, so many that it stays quick. theory: a closed form of the parameters for the first metric,
    by default that which the metric declares; False: none. log: whether the values' axis is
    logarithmic; by default where they span decades.

    A point that can't be run is left out, and said. `ParameterError` for unknown names, which
    suggests the nearest.
    """
    wanted = readings(lab, metrics)
    start, beside = _start(lab, at, values)
    if beside and over == beside.parameter:
        over = {over: [x for x, _, _ in beside.figures]}
    require("seed", seed, 0, 2**63 - 1, whole=True)
    if seeds is not None:
        require("seeds", seeds, 1, 10_000, whole=True)
    if not 0 < confidence < 1:
        raise ParameterError("confidence", confidence, "a share between 0 and 1")
    lines = turned(lab, by, "by", LINES // 2) if by is not None else None
    settings = [(place.label, place.to(start)) for place in lines.places] if lines else [
        ("", start)]
    if len(settings) > LINES:
        raise ParameterError("by", len(settings), f"at most {LINES} lines")
    axis = turned(lab, over, "over", POINTS)
    told, left = _to_run(axis, settings)
    if isinstance(over, str) and seeds is None and _cost(lab, told) * FEWEST > 2 * QUICK:
        axis = turned(lab, over, "over", FEWER)
        told, left = _to_run(axis, settings)
    if seeds is None:
        seeds = max(FEWEST, min(MOST, int(QUICK / max(_cost(lab, told), 1e-9))))
    every = range(seed, seed + seeds)
    runs = _run_all(lab, wanted, told, every)
    made = []
    for i, (label, setting) in enumerate(settings):
        points: list[list[Point]] = [[] for _ in wanted]
        for k, place in enumerate(axis.places):
            rows = [runs[i, k, s] for s in every if (i, k, s) in runs]
            if failed := next((row for row in rows if isinstance(row, str)), ""):
                left.append(LeftOut(label, place.label, failed))
            elif rows:
                for column, point in zip(zip(*rows), points):
                    point.append(_point(place.value, column, confidence))
        for n, (reading, own) in enumerate(zip(wanted, points)):
            given = theory if n == 0 or theory is False else None
            made.append(_line(lab, label, reading, own, axis, setting, given))
    if not any(line.points for line in made):
        raise LabsimError(f"no point can be run; {left[0].told()}")
    return Curve(lab, axis, lines, tuple(made), every, confidence, tuple(left), log)


def _start(lab, given, values: Mapping[str, Any]):
    """Where it starts from, and the comparison that `given` names, if any."""
    if isinstance(given, str):
        beside = next((c for c in measured.over_parameters(lab) if c.name == given), None)
        if beside:
            return Setting(lab, scene=beside.run, values=dict(values)), beside
    return starting_at(lab, given, values), None


# -- the runs --------------------------------------------------------------------------------


def _to_run(axis: Turned, settings: list) -> tuple[dict, list[LeftOut]]:
    """{(line, place): params} of every point, and what can't be one."""
    told, left = {}, []
    for i, (label, setting) in enumerate(settings):
        for k, place in enumerate(axis.places):
            try:
                told[i, k] = place.to(setting).params()
            except LabsimError as error:
                left.append(LeftOut(label, place.label, str(error)))
    return told, left


def _cost(lab, told: dict) -> float:
    """What all points take with one seed, s, by the lab's estimate."""
    return math.fsum(min(lab.estimate(params).seconds, 60.0) for params in told.values())


def _run_all(lab, wanted: tuple[Reading, ...], told: dict, every: range) -> dict:
    """{(line, place, seed): values, or why there are none}."""
    work = _Work(lab, wanted)
    tasks = [((i, k, s), params, s) for (i, k), params in told.items() for s in every]
    if _cost(lab, told) * len(every) < LONG and not _elsewhere():
        return {key: work(params, s) for key, params, s in tasks}
    return {key: row for key, _, row in sweeps.run_all(work, tasks)}


def _elsewhere() -> bool:
    """Whether the caller has said where runs go."""
    if "joblib" not in sys.modules:
        return False
    return bool(sys.modules["joblib"].parallel.get_active_backend()[1])


class _Work:
    """One run: the readings of its result, or in words why there are none."""

    def __init__(self, lab, wanted: tuple[Reading, ...]):
        self.lab, self.wanted = lab, wanted

    def __call__(self, params, seed: int) -> tuple[float, ...] | str:
        try:
            result = self.lab.run(params, seed)
            return tuple(reading.of(result) for reading in self.wanted)
        except LabsimError as error:
            return str(error)
        except Exception as error:      # a model that breaks at one point is that point's result
            return f"{type(error).__name__}: {short(str(error))}"


def _point(value, column: Iterable[float], confidence: float) -> Point:
    column = tuple(column)
    mean, half = math.fsum(column) / len(column), half_width(column, confidence)
    return Point(value, mean, mean - half, mean + half, column)


# -- what stands beside them -----------------------------------------------------------------


def _line(lab, label: str, reading: Reading, points: list[Point], axis: Turned,
          setting: Setting, given) -> CurveLine:
    form = _theory(reading, given)
    x, y = _of_theory(form.value, axis, setting) if form else ((), ())
    figures = ()
    if reading.metric and axis.name and points:
        figures = measured.of_curve(lab, reading.metric.name, axis.name, setting)
    return CurveLine(label, reading, tuple(points), form.label if x else "", x, y, figures)


def _theory(reading: Reading, given) -> Theory | None:
    if given is None:
        return getattr(reading.metric, "theory", None)
    if given is False:
        return None
    if isinstance(given, Theory):
        return given
    if not callable(given):
        raise ParameterError("theory", given, "a function of the parameters, or False")
    label = getattr(given, "__name__", "").replace("_", " ").strip()
    return Theory(label if label != "<lambda>" else "", given)


def _of_theory(value: Callable[[Any], float], axis: Turned, setting: Setting):
    """(x, y) of a closed form where it applies: between the points, too, where they are numbers."""
    places = [(place.value, place.to(setting)) for place in axis.places]
    if not axis.words:
        whole = all(isinstance(place.value, int) for place in axis.places)
        places = [(x, setting.but({axis.name: x})) for x in between(
            [place.value for place in axis.places], FINE, whole)]
    there = []
    for x, told in places:
        try:
            y = float(value(told.params()))
        except (ValueError, ZeroDivisionError):     # it does not apply, or there are no such params
            continue
        if math.isfinite(y):
            there.append((x, y))
    return tuple(zip(*there)) if there else ((), ())
