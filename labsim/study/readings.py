"""What is read of a run: the numbers that a curve is made of.

Picture a meter reader with a list: this dial, that dial, and here the one divided by the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from labsim.errors import ParameterError, unknown

FORMS = ('names of metrics, such as "wait_p95"; "one / another", each a metric or a number among '
         "the parameters; or {label: either, or a function of the result}")


@dataclass(frozen=True)
class Reading:
    """One number of a result, by `of(result)`: its name, how people say it, its unit ("" for a
    share or a plain number), and the metric that it is, or None."""

    name: str
    label: str
    unit: str
    of: Callable[[Any], float]
    metric: Any = None


def readings(lab, given: tuple) -> tuple[Reading, ...]:
    """What is `given` to be read of the results of `lab`; by default its headline metrics.

    Each is a metric's name, "one / another" (either a metric, or a parameter that is a number), or
    {label: such a name, or a function of the result}, with a unit behind the label in brackets.
    `ParameterError` for what is none of these; an unknown metric suggests the nearest.
    """
    found: list[Reading] = []
    for what in given or lab.headline:
        if isinstance(what, Mapping):
            found += [_called(lab, label, inner) for label, inner in what.items()]
        elif isinstance(what, str):
            found.append(_one(lab, what))
        else:
            raise ParameterError("metric", what, FORMS)
    if not found:
        raise ParameterError("metric", None, FORMS)
    return tuple(found)


def _called(lab, label: str, what) -> Reading:
    """A reading under a label of the caller's own."""
    label, _, unit = str(label).partition(" (")
    unit = unit.removesuffix(")")
    if isinstance(what, str):
        reading = _one(lab, what)
        return replace(reading, label=label, unit=unit or reading.unit)
    if not callable(what):
        raise ParameterError("metric", what, FORMS)
    return Reading(label, label, unit, lambda result: float(what(result)))


def _one(lab, name: str) -> Reading:
    above, slash, below = (part.strip() for part in name.partition("/"))
    if not slash:
        metric = lab.metric(name)
        return Reading(metric.name, metric.label, metric.unit, _value(metric.name), metric)
    upper, lower = _number(lab, above), _number(lab, below)

    def ratio(result) -> float:
        divisor = lower.of(result)
        return upper.of(result) / divisor if divisor else 0.0
    unit = "" if upper.unit == lower.unit else f"{upper.unit or '1'}/{lower.unit}".rstrip("/")
    label = upper.label if lower.name == "duration" else f"{upper.label} / {lower.label}"
    return Reading(f"{upper.name} / {lower.name}", label, unit, ratio)


def _number(lab, name: str) -> Reading:
    """A metric, or a parameter that is a number."""
    spec = lab.Params.specs().get(name)
    if spec is None or spec.bounds is None:
        return _one(lab, name)
    return Reading(name, spec.label.lower(), spec.unit, lambda r: float(getattr(r.params, name)))


def _value(name: str) -> Callable[[Any], float]:
    def of(result) -> float:
        if name not in result.summary:      # of a system: at this point it has no such part
            raise unknown("metric", name, result.summary)
        return float(result.summary[name])
    return of
