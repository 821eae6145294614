"""The result of a run: what ran, what came out, and a text that says both.

`to_json` writes a result so that anyone can check it, the units of its summary beside it;
`from_json` reads only what `to_json` wrote: its shape, its lab, its parameters and its digest are
checked, and nothing is executed.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labsim import hooks
from labsim.declare.metrics import Summary
from labsim.engine import Event
from labsim.errors import LabsimError, ParameterError, ResultError, optional, short

FORMAT = "labsim-result-1"
MAX_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Series:
    """A curve: `value[i]` (in `unit`) at `t[i]` seconds; two float arrays of one shape."""

    t: np.ndarray
    value: np.ndarray
    unit: str


@dataclass(frozen=True, slots=True)
class Span:
    """A bar of a timeline: in `row`, a `kind` of thing lasts from `start` to `end` s; a moment
    where both are the same."""

    row: str
    kind: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Result:
    """What one run of `lab` gave. `summary` is {metric: number}, a count a whole one; `series`
    {name: Series}, `events` the log of the control plane, `cost` {line item: USD}; `notes` tells
    what was done to the input, and what of it has no effect; `spans` is the timeline of a lab that
    has one; `breakable` {piece: {what: FaultKind}} is all that can be broken (none in one read from
    a text)."""

    lab: Any = field(repr=False)
    params: Any
    seed: int
    summary: dict[str, float]
    series: dict[str, Series]
    events: list[Event] = field(repr=False)
    cost: dict[str, float]
    notes: tuple[str, ...] = ()
    spans: tuple[Span, ...] = field(default=(), repr=False)
    breakable: dict[str, dict] = field(default_factory=dict, repr=False)

    @property
    def slug(self) -> str:
        """The name of its lab."""
        return self.lab.slug

    def __repr__(self) -> str:
        return f"Result({self.slug!r}, seed={self.seed}, {len(self.summary)} metrics)"

    def to_frame(self):
        """The series as a `pandas.DataFrame`, one column each, indexed by seconds."""
        pd = optional("pandas")
        index = pd.Index(next(iter(self.series.values())).t, name="t")
        return pd.DataFrame({name: s.value for name, s in self.series.items()}, index=index)

    def plot(self):
        """The lab's figure for this run, a `matplotlib.figure.Figure`."""
        return hooks.ring("plot", self)

    def picture(self, t: float | None = None):
        """The system picture at `t` s (default: the end): boxes and arrows with their numbers; it
        shows itself in a notebook. `ParameterError` for a moment outside the run."""
        end = self.params.duration
        t = end if t is None else t
        if isinstance(t, bool) or not isinstance(t, (int, float)) or not 0 <= t <= end:
            raise ParameterError("t", t, f"from 0 to {end:g} s")
        return hooks.ring("picture", self, t)

    def stage(self):
        """This run as a stage that plays: it shows itself in a notebook, and goes on playing where
        there is no kernel."""
        return hooks.ring("stage", self)

    def report(self, file) -> None:
        """Write a page about this run into `file`, whose name ends in .html or .pdf: figure (in
        HTML a stage, too, which plays), metrics, what was changed, the line that makes it again,
        the facts used."""
        hooks.ring("report", self, file)

    def to_json(self) -> str:
        """This result as text, the same bytes for the same seed and parameters."""
        body = _body(self)
        return _dump({**body, "digest": _digest(body)})

    @classmethod
    def from_json(cls, text: str, lab=None) -> "Result":
        """The result that `to_json` wrote as `text`; anything else is a `ResultError`.

        lab: the `Lab`, or the function that builds the system, that it is of; by default the lab
        that is called as the text says.
        """
        return _read(cls, text, lab)


def _body(r: Result) -> dict:
    first = next(iter(r.series.values()))
    return {
        "format": FORMAT, "lab": r.slug, "seed": r.seed, "params": r.params.model_dump(),
        "summary": r.summary, "units": _units(r.lab), "cost": r.cost,
        "notes": list(r.notes), "t": first.t.tolist(),
        "series": {name: {"unit": s.unit, "value": s.value.tolist()}
                   for name, s in r.series.items()},
        "events": [[e.t, e.kind, e.text, *([e.part] if e.part else [])] for e in r.events],
        **({"spans": [[s.row, s.kind, s.start, s.end] for s in r.spans]} if r.spans else {}),
    }


def _units(lab) -> dict[str, str]:
    """{metric: unit}, "" for a plain number."""
    return {m.name: m.unit for m in lab.metrics}


def _dump(data) -> str:
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _digest(body: dict) -> str:
    return hashlib.sha256(_dump(body).encode()).hexdigest()


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise ResultError(f"not a result written by labsim: {what}")


def _read(cls, text, lab) -> Result:
    _need(isinstance(text, str), "not a text")
    _need(len(text) <= MAX_BYTES, f"{len(text):,} characters, at most {MAX_BYTES:,}")
    try:
        data = json.loads(text, parse_constant=lambda name: _need(False, name))
    except (ValueError, RecursionError) as error:
        raise ResultError(f"not a result written by labsim: {str(error)[:100]}") from None
    _need(isinstance(data, dict), "not an object")
    digest = data.pop("digest", None)
    try:
        _need(data.get("format") == FORMAT, f"format is not {FORMAT}")
        _need(digest == _digest(data), "it was changed after it was written (digest)")
        _need(isinstance(data["lab"], str), "lab is not a name")
        declared = hooks.ring("lab", data["lab"] if lab is None else lab, dict(data["params"]))
        _need(declared.slug == data["lab"], f"it is one of {short(data['lab'])}")
        t = _numbers(data["t"])
        series = {name: Series(t, _numbers(s["value"], len(t)), str(s["unit"]))
                  for name, s in data["series"].items()}
        _need(len(series) > 0, "no series")
        summary = {declared.metric(name).name: value
                   for name, value in _numbers_of(data["summary"]).items()}
        _need(set(summary) == {m.name for m in declared.metrics}, "other metrics")
        units = {declared.metric(name).name: unit for name, unit in data.get("units", {}).items()}
        now = _units(declared)          # "" and {}: written before they were
        _need(units == {} or units.keys() == now.keys() and all(
            unit in ("", now[name]) for name, unit in units.items()), "other units")
        _need(type(data["seed"]) is int, "seed is not a whole number")
        return cls(lab=declared, params=declared.Params(**data["params"]),
                   seed=data["seed"], summary=Summary(summary, declared.metrics), series=series,
                   events=[Event(float(t), *map(str, (kind, text, *part)))
                           for t, kind, text, *part in data["events"]],
                   cost=_numbers_of(data["cost"]), notes=tuple(map(str, data["notes"])),
                   spans=tuple(_span(*row) for row in data.get("spans", ())))
    except ResultError:
        raise
    except LabsimError as error:
        raise ResultError(f"not a result written by labsim: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ResultError(f"not a result written by labsim: {type(error).__name__}") from None


def _numbers(values, length: int | None = None) -> np.ndarray:
    _need(isinstance(values, list) and all(type(v) in (int, float) for v in values), "numbers")
    _need(length is None or len(values) == length, "series of different lengths")
    return np.array(values, dtype=float)


def _span(row, kind, start, end) -> Span:
    _need(type(row) is str and type(kind) is str, "spans")
    start, end = _numbers([start, end]).tolist()
    _need(0 <= start <= end < math.inf, "spans")
    return Span(row, kind, start, end)


def _numbers_of(values: dict) -> dict[str, float]:
    _need(all(type(v) in (int, float) and math.isfinite(v) for v in values.values()), "numbers")
    return {str(name): value for name, value in values.items()}
