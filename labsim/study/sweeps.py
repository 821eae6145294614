"""Parameter studies: many runs of a lab, on many cores or machines, with honest intervals.

Picture a field trial. Every plot of the field gets another treatment, and each treatment is grown
in several years; the same weather comes over all plots (common random numbers), so what differs
between them is the treatment. One year is an anecdote: a table says how sure it is.

Runs go through joblib: by default to all cores of this machine, or to whatever the caller's
`joblib.parallel_config` names (Dask, Ray). The table is the same, bit for bit, wherever it ran.
"""

import functools
import itertools
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labsim.errors import LabsimError, ParameterError, optional, require, short
from labsim.statistics import half_width, steady_mean
from labsim.study.checkpoint import Store

FEWEST = 5      # replications of a point before `until` may stop it, and in each round after that
RESTARTS = 3    # times that a study goes on after a worker process has died
DESIGNS = ("grid", "list", "latin")


def sweep(lab, over: Mapping[str, Sequence], *, replications: int = 10, design: str = "grid",
          points: int | None = None, seed: int = 1, until: float | None = None,
          steady: Sequence[str] = (), confidence: float = 0.95, file=None,
          progress: bool | None = None, **parameters):
    """Run a `Lab` over a set of points, each with several seeds; returns a tidy DataFrame, which
    draws itself: `table.plot("wait_p95")`, see `labsim.study.table`.

    over: {parameter: values}. design: "grid", every combination; "list", the first values
    together, then the second ...; "latin", `points` points of a Latin hypercube between the
    (low, high) of each parameter. The other parameters are the lab's defaults or as given.

    Every point runs with the seeds `seed`, `seed` + 1, ... (common random numbers); `until` stops
    a point early, when every interval's half width is at most that share of its mean. steady:
    names of series whose mean after the warm-up (MSER-5) is reported, too, as "steady:name".

    file: a Parquet file to which every finished point is written; the same study with the same
    file goes on where it was. progress: a bar with the time left; by default in a terminal.

    Columns: the parameters of `over`, metric, unit, mean, low and high (the confidence interval of
    the mean, Student's t), replications, error (why a point has no result). A point that fails
    is such a row, and the others go on. `LabsimError` for a study that makes no sense.
    """
    lab.Params.refuse_unknown([*over, *parameters])
    require("replications", replications, 1, 1_000_000, whole=True)
    if until is not None and not (isinstance(until, (int, float)) and 0 < until < math.inf):
        raise ParameterError("until", until, "a share above 0, such as 0.05, or None")
    if not 0 < confidence < 1:
        raise ParameterError("confidence", confidence, "a share between 0 and 1")
    chosen = list(_points(lab, over, design, points, seed))
    study = {"lab": lab.slug, "design": design,
             "over": {k: [*map(_plain, v)] for k, v in over.items()}, "points": points,
             "parameters": {k: _plain(v) for k, v in parameters.items()},
             "replications": replications, "seed": seed, "until": until, "steady": [*steady],
             "confidence": confidence}
    store = Store(file, study)
    work = functools.partial(run_once, lab, steady=tuple(steady))
    todo = {i: {**parameters, **point} for i, point in enumerate(chosen) if i not in store.done}
    with _Bar(progress, len(todo) * replications) as bar:
        runs: dict[int, dict] = {i: {} for i in todo}
        while todo:
            tasks = [(i, values, s) for i, values in todo.items()
                     for s in _next_seeds(seed, len(runs[i]), replications, until)]
            for i, s, summary in run_all(work, tasks):
                runs[i][s] = summary
                bar.update(1)
                if len(runs[i]) < replications and not (
                        until and len(runs[i]) % FEWEST == 0):
                    continue
                rows = list(_rows(lab, chosen[i], runs[i], confidence))
                if len(runs[i]) >= replications or _narrow(rows, until):
                    bar.update(replications - len(runs[i]))
                    store.add(i, rows)
                    del todo[i], runs[i]
    return _table(lab, store.frame(), over, range(seed, seed + replications), confidence)


# -- the points ------------------------------------------------------------------------------


def _points(lab, over, design: str, points, seed: int) -> Iterable[dict[str, Any]]:
    if design not in DESIGNS:
        raise ParameterError("design", design, f"one of {', '.join(DESIGNS)}")
    for name, values in over.items():
        if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
            raise ParameterError(name, values, "a sequence of at least one value")
    columns = [[_plain(v) for v in values] for values in over.values()]
    if design == "grid":
        rows = itertools.product(*columns)
    elif design == "list":
        if len({len(column) for column in columns}) > 1:
            raise ParameterError("over", {k: len(v) for k, v in over.items()},
                                 "lists of one length (design=\"list\")")
        rows = zip(*columns)
    else:
        rows = _latin(lab, over, points, seed)
    return [dict(zip(over, row)) for row in rows]


def _latin(lab, over, points, seed: int):
    """Points of a Latin hypercube (McKay, Beckman, Conover, Technometrics 21, 1979)."""
    qmc = optional("scipy.stats").qmc
    require("points", points, 1, 1_000_000, whole=True)
    kinds = [lab.Params.specs()[name].type for name in over]
    for name, ends in over.items():
        if len(ends) != 2 or lab.Params.specs()[name].bounds is None or not ends[0] < ends[1]:
            raise ParameterError(name, list(ends), "(low, high) of a number (design=\"latin\")")
    sample = qmc.LatinHypercube(len(over), rng=seed).random(points).tolist()
    for row in sample:
        yield [kind(round(low + x * (high - low))) if kind is int else low + x * (high - low)
               for kind, x, (low, high) in zip(kinds, row, over.values())]


def _next_seeds(seed: int, made: int, replications: int, until) -> range:
    last = replications if until is None else min(made + FEWEST, replications)
    return range(seed + made, seed + last)


def _plain(value):
    return value.item() if hasattr(value, "item") else value



# -- the runs --------------------------------------------------------------------------------


def run_once(lab, values: dict, seed: int, *, steady: Sequence[str]) -> dict[str, float] | str:
    """The summary of one run, or in words why there is none; this is what a worker does."""
    try:
        result = lab.run(lab.Params(**values), seed)
        more = {f"steady:{name}": steady_mean(_series(result, name)) for name in steady}
        return {**result.summary, **more}
    except LabsimError as error:
        return str(error)
    except Exception as error:      # a model that breaks at one point is that point's result
        return f"{type(error).__name__}: {short(str(error))}"


def _series(result, name: str):
    if name not in result.series:
        raise ParameterError("steady", name, f"one of {', '.join(result.series)}")
    return result.series[name].value


def run_all(work, tasks: list):
    """(key, seed, `work(given, seed)`) of every task (key, given, seed), as they come, from
    wherever joblib sends them; a dead worker's tasks are done again."""
    from concurrent.futures import BrokenExecutor

    joblib = optional("joblib")
    left = {(i, s): values for i, values, s in tasks}
    _, chosen = joblib.parallel.get_active_backend()
    for attempt in range(RESTARTS + 1):
        parallel = joblib.Parallel(**({} if chosen else {"n_jobs": -1}),
                                   return_as="generator_unordered")
        jobs = (joblib.delayed(_numbered)(work, i, values, s)
                for (i, s), values in list(left.items()))
        try:
            for i, s, summary in parallel(jobs):
                del left[i, s]
                yield i, s, summary
            return
        except BrokenExecutor:
            if attempt == RESTARTS:
                raise LabsimError("worker processes keep dying: out of memory?") from None


def _numbered(work, i, values, seed):
    return i, seed, work(values, seed)


# -- the table -------------------------------------------------------------------------------


def _rows(lab, point: dict, runs: dict, confidence: float):
    summaries = [runs[s] for s in sorted(runs)]
    failed = next((s for s in summaries if isinstance(s, str)), None)
    if failed is not None:
        yield {**point, "metric": "", "unit": "", "mean": math.nan, "low": math.nan,
               "high": math.nan, "replications": 0, "error": failed}
        return
    units = {m.name: m.unit for m in lab.metrics}
    for name in summaries[0]:
        values = [summary[name] for summary in summaries]
        mean, half = math.fsum(values) / len(values), half_width(values, confidence)
        yield {**point, "metric": name, "unit": units.get(name, ""), "mean": mean,
               "low": mean - half, "high": mean + half, "replications": len(values), "error": ""}


def _table(lab, frame, over, seeds: range, confidence: float):
    """The rows as a table that draws itself."""
    from labsim.study.table import StudyTable  # it is made of pandas

    table = StudyTable(frame)
    table.lab, table.over, table.seeds, table.confidence = lab, [*over], seeds, confidence
    return table


def _narrow(rows: list[dict], until: float | None) -> bool:
    """Whether every interval is narrow enough, or there is nothing to wait for."""
    return until is not None and all(
        row["error"] or row["mean"] - row["low"] <= until * abs(row["mean"]) for row in rows)


class _Bar:
    """A bar of tqdm, where wanted and installed."""

    def __init__(self, wanted: bool | None, total: int):
        self._bar = None
        if wanted or (wanted is None and sys.stderr.isatty()):
            self._bar = optional("tqdm.auto").tqdm(total=total, unit="run", leave=False)

    def update(self, n: int) -> None:
        if self._bar is not None and n:
            self._bar.update(n)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()


