"""Parameters of a lab: typed, bounded, frozen; each number said once, with its unit.

Picture a control panel where every knob carries its name plate: what it sets, in which unit,
how far it turns without force (`slider`), and where it stops for good (`bounds`).

A lab declares a subclass of `Params`; its fields are made by `number`, `integer`, `choice`,
`flag` and `path`. Types come from the annotations, and pydantic checks them strictly.
"""

import copy
import math
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from labsim import facts
from labsim.errors import ParameterError, unknown


@dataclass(frozen=True)
class Knob:
    """The name plate of one parameter: all that a slider, an option or a table shows of it."""

    name: str
    type: type
    default: Any
    unit: str
    label: str
    help: str
    group: str
    bounds: tuple[float, float] | None = None   # hard: enforced, both ends included
    slider: tuple[float, float] | None = None   # soft: where the slider ends
    step: float | None = None
    choices: tuple[str, ...] = ()
    options: tuple[float, ...] = ()             # the values worth a menu instead of a slider
    fact: str | None = None                     # id in facts.csv of the number it comes from
    when: tuple[str, tuple] | None = None       # shown only if another parameter is one of these

    @property
    def allowed(self) -> str:
        """What values are allowed, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.type is bool:
            return "True or False"
        if self.type is str:
            return "a text"
        kind = "a whole number" if self.type is int else "a number"
        low, high = self.bounds
        return f"{kind} from {low:,.10g} to {high:,.10g} {self.unit}".rstrip()


def _field(default, **plate):
    return Field(default, json_schema_extra=plate)


def number(default: float, *, unit: str, bounds, slider, step, label: str, help: str,
           group: str, options=(), fact=None, when=None):
    """A real number in `unit`; `bounds` are enforced, `slider` is where the slider ends."""
    return _field(default, unit=unit, bounds=bounds, slider=slider, step=step, label=label,
                  help=help, group=group, options=options, fact=fact, when=when)


integer = number    # the annotation `int` makes the difference


def choice(default: str, *, label: str, help: str, group: str, fact=None, when=None):
    """One of the texts in the annotation `Literal[...]`."""
    return _field(default, unit="", label=label, help=help, group=group, fact=fact, when=when)


def flag(default: bool, *, label: str, help: str, group: str, fact=None, when=None):
    """True or False."""
    return _field(default, unit="", label=label, help=help, group=group, fact=fact, when=when)


def path(default: str = "", *, label: str, help: str, group: str, when=None):
    """The path of a file; empty for none."""
    return _field(default, unit="", label=label, help=help, group=group, when=when)


class Params(BaseModel):
    """A frozen set of parameters; a change (`changed`) makes a new one.

    Every lab has `facts`: with "notes", what is not given is as the course notes have it.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", validate_default=True)

    own: ClassVar[dict[str, Any]] = {}      # a course's own defaults; see `starting_at`

    facts: Literal["today", "notes"] = choice(
        "today", label="Facts", group="Facts",
        help="Limits, defaults and prices as AWS has them today, or as in the course notes.")

    def __init__(self, **values):
        knobs = self.knobs()
        self.refuse_unknown(values)
        values = {name: _plain(value, knobs[name]) for name, value in values.items()}
        if values.get("facts", knobs["facts"].default) == "notes":
            values = {**self.in_notes(), **values}
        values = self.complete(values)
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = first["loc"][0]
            raise ParameterError(name, first["input"], knobs[name].allowed) from None
        for name, knob in knobs.items():
            value = getattr(self, name)
            if knob.bounds and not knob.bounds[0] <= value <= knob.bounds[1]:
                raise ParameterError(name, value, knob.allowed)
        self.check()

    @classmethod
    def refuse_unknown(cls, names) -> None:
        """Raise `ParameterError` for the first of `names` that is no parameter."""
        for name in names:
            if name not in cls.knobs():
                raise unknown("parameter", name, cls.knobs())

    @classmethod
    def complete(cls, values: dict) -> dict:
        """The given values with those added that follow from them. None here."""
        return values

    def check(self) -> None:
        """Rules across fields: raise `ParameterError` for the field to change. None here."""

    def changed(self, **values) -> "Params":
        """A copy with some values changed, checked anew; see `as_of` for a change of `facts`."""
        side = values.get("facts", self.facts)
        return type(self)(**{**self.as_of(side, self.model_dump()), **values})

    @classmethod
    def as_of(cls, side: str, values: dict) -> dict:
        """`values` as of `side`: those that are facts of the other side become that side's."""
        knobs, noted = cls.knobs(), cls.in_notes()
        if side == values["facts"]:
            return values
        pairs = {name: (knobs[name].default, notes) for name, notes in noted.items()}
        return {**values, "facts": side, **{
            name: pair[side == "notes"] for name, pair in pairs.items()
            if values[name] == pair[side != "notes"]}}

    @classmethod
    def in_notes(cls) -> dict[str, Any]:
        """{name: value} of the parameters whose fact is another number in the course notes."""
        found = {}
        for name, knob in cls.knobs().items():
            if knob.fact and knob.bounds and facts.fact(knob.fact).numbers_differ:
                found[name] = knob.type(facts.value(knob.fact, "notes"))
        return found

    def fact(self, id: str) -> float:
        """The number of a fact, as of the side that `facts` says."""
        return facts.value(id, self.facts)

    @classmethod
    def starting_at(cls, own: Mapping[str, Any]) -> type["Params"]:
        """These parameters with other defaults; `ParameterError` for one that can't be."""
        start = cls(**own).model_dump()
        fields = {}
        for name in own:
            field = copy.copy(cls.model_fields[name])
            field.default = start[name]
            fields[name] = (field.annotation, field)
        made = create_model(cls.__name__, __base__=cls, __module__=cls.__module__, **fields)
        made.own = {name: start[name] for name in own}
        return made

    @classmethod
    def knobs(cls) -> dict[str, Knob]:
        """{name: Knob} of every parameter, in the order declared."""
        if "_knobs" not in cls.__dict__:
            cls._knobs = {name: _knob(name, field) for name, field in cls.model_fields.items()}
        return cls._knobs


def _knob(name: str, field) -> Knob:
    choices: tuple = ()
    kind = field.annotation
    if typing.get_origin(kind) is Literal:
        kind, choices = str, typing.get_args(kind)
    return Knob(name=name, type=kind, default=field.default, choices=choices,
                **field.json_schema_extra)


def _plain(value, knob: Knob):
    """A numpy scalar as the Python number it is, a path as text; no bool or NaN for a number."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if knob.type in (int, float):
        if isinstance(value, bool):
            raise ParameterError(knob.name, value, knob.allowed)
        if isinstance(value, float) and not math.isfinite(value):
            raise ParameterError(knob.name, value, knob.allowed)
    return value
