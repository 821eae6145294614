"""What is turned from run to run: the values along a curve's axis, and what tells its lines apart.

Picture an organ tuner's list: this stop through all of its positions, once in each of the rooms.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from labsim.errors import ParameterError
from labsim.text import format_value

DECADES = 20.0      # a slider whose ends are so many times apart is gone through logarithmically
FORMS = ('a parameter ("arrival_rate"), {parameter: values}, a list of presets or of changes '
         "{parameter: value}, or {label: a preset, a Params, or a change}")


@dataclass(frozen=True)
class Setting:
    """The parameters of a run to be: those of `start`, or of the lab, with `values`."""

    lab: Any
    start: Any = None                                   # a Params
    scene: Mapping[str, Any] = field(default_factory=dict)     # of a preset
    values: Mapping[str, Any] = field(default_factory=dict)    # they win

    def but(self, values: Mapping[str, Any]) -> "Setting":
        """The same with other `values`."""
        return replace(self, values={**self.values, **values})

    def params(self):
        """The `Params`; `ParameterError` for what can't be."""
        values = {**self.scene, **self.values}
        return self.lab.Params(**values) if self.start is None else self.start.changed(**values)


@dataclass(frozen=True)
class Place:
    """One position: its value (that of the parameter, or a name), what it is called, and how a
    `Setting` gets there."""

    value: Any
    label: str
    to: Callable[[Setting], Setting]


@dataclass(frozen=True)
class Turned:
    """A parameter, or presets or other cases (`name` empty), and its positions. words: they are no
    numbers."""

    name: str
    label: str
    unit: str
    places: tuple[Place, ...]
    words: bool


def starting_at(lab, given, values: Mapping[str, Any]) -> Setting:
    """Where a curve starts from: a preset by title or number, a `Params`, or None for the lab's
    defaults; with `values`."""
    lab.Params.refuse_unknown(values)
    setting = Setting(lab, values=dict(values))
    return setting if given is None else _scene(lab, given)(setting)


def turned(lab, given, what: str, most: int) -> Turned:
    """What is turned, `given` as "over" or "by" (`what`); most: positions of a parameter whose
    values are not given."""
    specs = lab.Params.specs()
    if isinstance(given, str):
        lab.Params.refuse_unknown([given])
        return _parameter(specs[given], spread(specs[given], most, what), what)
    if isinstance(given, Mapping) and any(_many(value) for value in given.values()):
        lab.Params.refuse_unknown(given)
        if len(given) > 1:
            raise ParameterError(what, [*given], "one parameter; a second one goes into by=")
        (name, values), = given.items()
        if not _many(values) or not len(values):
            raise ParameterError(name, values, "a sequence of at least one value")
        values = [v.item() if hasattr(v, "item") else v for v in values]
        return _parameter(specs[name], values, what)
    if isinstance(given, Mapping) and given:
        if len(given) == 1 and (name := next(iter(given))) in specs and not isinstance(
                given[name], (Mapping, lab.Params)):
            raise ParameterError(name, given[name], "a sequence of at least one value")
        places = [Place(str(label), str(label), _scene(lab, scene))
                  for label, scene in given.items()]
        return Turned("", "", "", tuple(places), True)
    if _many(given) and len(given):
        names = [_named(lab, scene) for scene in given]
        places = [Place(name, name, _scene(lab, scene)) for name, scene in zip(names, given)]
        presets = all(isinstance(scene, (str, int)) for scene in given)
        return Turned("", "Preset" if presets else "", "", tuple(places), True)
    raise ParameterError(what, given, FORMS)


def _many(values) -> bool:
    return hasattr(values, "__len__") and hasattr(values, "__getitem__") and not isinstance(
        values, (str, Mapping))


def _parameter(spec, values: list, what: str) -> Turned:
    words = spec.type in (str, bool) or not all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    named = _change if what == "by" and not words else _told
    places = (Place(value, named(spec, value), lambda s, v=value: s.but({spec.name: v}))
              for value in dict.fromkeys(values))
    return Turned(spec.name, spec.label, spec.unit, tuple(places), words)


def _told(spec, value) -> str:
    if isinstance(value, bool):
        return f"{spec.label.lower()}: {'yes' if value else 'no'}"
    if isinstance(value, str):
        return value or "none"
    counted = value == 1 and spec.unit.isalpha() and len(spec.unit) > len("min")
    return format_value(value, spec.unit.removesuffix("s") if counted else spec.unit)


def _named(lab, scene) -> str:
    """What a preset, or a change of parameters, is called."""
    if isinstance(scene, (str, int)) and not isinstance(scene, bool):
        return lab.scene(str(scene)).name
    if not isinstance(scene, Mapping):
        raise ParameterError("preset", scene, FORMS)
    lab.Params.refuse_unknown(scene)
    specs = [(lab.Params.specs()[name], value) for name, value in scene.items()]
    return ", ".join(_change(spec, value) for spec, value in specs) or "as it is"


def _change(spec, value) -> str:
    """A value with the name of its parameter; a unit that the name says already is not said."""
    label = spec.label.lower()
    if isinstance(value, bool):
        return _told(spec, value)
    if isinstance(value, str):
        return f"{label}: {_told(spec, value)}"
    return f"{label} {format_value(value) if spec.unit in label.split() else _told(spec, value)}"


def _scene(lab, given) -> Callable[[Setting], Setting]:
    """To a preset, a `Params`, or changes of where the curve starts from."""
    if isinstance(given, (str, int)) and not isinstance(given, bool):
        preset = lab.scene(str(given))
        return lambda s: replace(s, start=None, scene=preset.values)
    if isinstance(given, lab.Params):
        return lambda s: replace(s, start=given, scene={})
    if isinstance(given, Mapping):
        lab.Params.refuse_unknown(given)
        return lambda s: s.but(given)
    raise ParameterError("preset", given, "a preset's title or number, a Params of this lab, or "
                         "{parameter: value}")


def spread(spec, most: int, what: str = "over") -> list:
    """At most so many values of a parameter, over its slider: evenly, or logarithmically where its
    ends are decades apart; all there are of one that is chosen from a few."""
    if spec.choices or spec.type is bool:
        return [*spec.choices] or [False, True]
    if spec.slider is None:
        raise ParameterError(what, spec.name, f'{{"{spec.name}": [...]}}: a text has no range')
    if spec.options:
        return [*spec.options]
    low, high = max(spec.slider[0], spec.bounds[0]), min(spec.slider[1], spec.bounds[1])
    shares = [i / max(most - 1, 1) for i in range(most)]
    if low > 0 and high >= DECADES * low:
        values = [low * (high / low) ** share for share in shares]
        values = [float(f"{value:.2g}") for value in values[:-1]] + [high]
    else:
        step = spec.step or (high - low) / most
        values = [low + round((high - low) * share / step) * step for share in shares]
    digits = None if spec.type is int else 10
    values = [min(max(round(value, digits), low), high) for value in values]
    return [*dict.fromkeys(map(spec.type, values))]


def between(values: list, most: int, whole: bool) -> list:
    """These numbers and others between them, at most about so many, in order."""
    low, high = min(values), max(values)
    if low == high:
        return [*values]
    steps = [i / most for i in range(most + 1)]
    if logarithmic(values):
        more = [math.exp(math.log(low) + s * math.log(high / low)) for s in steps]
    else:
        more = [low + s * (high - low) for s in steps]
    more = [float(f"{min(max(value, low), high):.12g}") for value in more]
    return sorted({*values, *(map(round, more) if whole else more)})


def logarithmic(values: list) -> bool:
    """Whether numbers had better stand on a logarithmic axis: they span much of a decade, and are
    nearer to being evenly spaced there."""
    values = sorted(set(values))
    if len(values) < 3 or values[0] <= 0 or values[-1] < 8 * values[0]:
        return False
    even = [b - a for a, b in zip(values, values[1:])]
    times = [math.log(b / a) for a, b in zip(values, values[1:])]
    return max(times) / min(times) < max(even) / min(even)


