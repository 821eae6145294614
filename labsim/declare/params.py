"""Parameters of a lab: typed, bounded, frozen; each number said once, with its unit.

Picture a control panel where every knob carries its name plate: what it sets, in which unit,
how far it turns without force (`slider`), and where it stops for good (`bounds`).

A lab declares a subclass of `Params`; its fields are made by `number`, `integer`, `choice`,
`flag`, `path` and `text`. Types come from the annotations, and pydantic checks them strictly.
"""

import copy
import math
import os
import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from labsim import factbook
from labsim.declare.faults import as_text
from labsim.declare.parameter_spec import ParameterSpec
from labsim.errors import unknown
from labsim.factbook import FactBook

# Fields that are declared here come after a lab's own, unless it puts them into a group of its own.
ROOM = __name__.rpartition(".")[0]


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


text = path     # of any other text, such as a name in a file


def _faults():
    """What breaks when; see `labsim.declare.faults`."""
    return _field("", unit="", label="Faults", group="Faults", faults=True, help=(
        "What breaks: part, what happens to it, from when on (s), for how long (s; 0: to the end), "
        "how badly; several are separated by semicolons."))


class Params(BaseModel):
    """A frozen set of parameters; a change (`changed`) makes a new one.

    Every lab has `facts`: with "notes", what is not given is as the course notes have it.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", validate_default=True)

    own: ClassVar[dict[str, Any]] = {}              # a course's own defaults,
    its_book: ClassVar[FactBook | None] = None      # and its notes; see `starting_at`

    facts: Literal["today", "notes"] = choice(
        "today", label="Facts", group="Facts",
        help="Limits, defaults and prices as AWS has them today, or as in the course notes.")
    faults: str = _faults()

    def __init__(self, **values):
        specs = self.specs()
        self.refuse_unknown(values)
        values = {name: _plain(value, specs[name]) for name, value in values.items()}
        if values.get("facts", specs["facts"].default) == "notes":
            values = {**self.in_notes(), **values}
        given = {*values, *self.own}
        values = self.complete(values)
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = first["loc"][0]
            raise specs[name].refusal(first["input"]) from None
        self.model_fields_set.difference_update(values.keys() - given)      # they follow
        for name, spec in specs.items():
            value = getattr(self, name)
            if spec.bounds and not spec.bounds[0] <= value <= spec.bounds[1]:
                raise spec.refusal(value)
        self.check()

    @classmethod
    def refuse_unknown(cls, names) -> None:
        """Raise `ParameterError` for the first of `names` that is no parameter."""
        for name in names:
            if name not in cls.specs():     # a run has a seed beside them
                raise unknown("parameter", name, [*cls.specs(), "seed"])

    @classmethod
    def complete(cls, values: dict) -> dict:
        """The given values with those added that follow from them. None here."""
        return values

    def check(self) -> None:
        """Rules across fields: raise `ParameterError` for the field to change. None here."""

    @property
    def follows(self) -> set[str]:
        """Parameters that were not given but follow from others, and do so anew in a copy. None
        here."""
        return set()

    def shorter(self) -> Iterator["Params"]:
        """The same for less and less time. None here."""
        yield from ()

    def helps(self, name: str) -> bool:
        """Whether a lower value of the parameter makes a smaller run, if it does at all."""
        return True

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the input, in words. Nothing here."""
        return ()

    def changed(self, **values) -> "Params":
        """A copy with some values changed, checked anew; see `as_of` for a change of `facts`."""
        side = values.get("facts", self.facts)
        return type(self)(**{**self.as_of(side, self.model_dump(exclude=self.follows)), **values})

    @classmethod
    def as_of(cls, side: str, values: dict) -> dict:
        """`values` as of `side`: those that are facts of the other side become that side's."""
        specs, noted = cls.specs(), cls.in_notes()
        if side == values["facts"]:
            return values
        pairs = {name: (specs[name].default, notes) for name, notes in noted.items()}
        return {**values, "facts": side, **{
            name: pair[side == "notes"] for name, pair in pairs.items()
            if values[name] == pair[side != "notes"]}}

    @classmethod
    def in_notes(cls) -> dict[str, Any]:
        """{name: value} of the parameters whose fact is another number in the course notes."""
        found = {}
        for name, spec in cls.specs().items():
            if spec.fact and spec.bounds and cls.book().fact(spec.fact).numbers_differ:
                found[name] = spec.type(cls.book().value(spec.fact, "notes"))
        return found

    def idle(self) -> dict[str, str]:
        """{parameter: the one because of whose value it has no effect}, as `when` says it."""
        specs, found = self.specs(), {}

        def switch(name):
            on, among = specs[name].when or ("", ())
            return on and (switch(on) or (on if getattr(self, on) not in among else ""))
        for name in specs:
            if on := switch(name):
                found[name] = on
        return found

    def fact(self, id: str) -> float:
        """The number of a fact, as of the side that `facts` says."""
        return self.book().value(id, self.facts)

    @classmethod
    def book(cls) -> FactBook:
        """The facts that these parameters are set from."""
        return factbook.book() if cls.its_book is None else cls.its_book

    @classmethod
    def starting_at(cls, own: Mapping[str, Any], book: FactBook | None = None) -> type["Params"]:
        """These parameters with other defaults, and other notes in `book`; `ParameterError` for
        a default that can't be."""
        start = cls(**own).model_dump()
        fields = {}
        for name in own:
            field = copy.copy(cls.model_fields[name])
            field.default = start[name]
            fields[name] = (field.annotation, field)
        made = create_model(cls.__name__, __base__=cls, __module__=cls.__module__, **fields)
        made.own, made.its_book = {name: start[name] for name in own}, book
        return made

    @classmethod
    def specs(cls) -> dict[str, ParameterSpec]:
        """{name: ParameterSpec} of every parameter, in the order declared."""
        if "_specs" not in cls.__dict__:
            shared = [name for base in cls.__mro__[1:] if base.__module__.startswith(ROOM)
                      for name in vars(base).get("__annotations__", ())
                      if name in cls.model_fields and _group(base, name) == _group(cls, name)]
            names = [*(name for name in cls.model_fields if name not in shared), *shared]
            cls._specs = {name: _spec(name, cls.model_fields[name]) for name in names}
        return cls._specs


def _group(cls: type[Params], name: str) -> str:
    return cls.model_fields[name].json_schema_extra["group"]


def _spec(name: str, field) -> ParameterSpec:
    choices: tuple = ()
    kind = field.annotation
    if typing.get_origin(kind) is Literal:
        kind, choices = str, typing.get_args(kind)
    return ParameterSpec(name=name, type=kind, default=field.default, choices=choices,
                **field.json_schema_extra)


def _plain(value, spec: ParameterSpec):
    """A numpy scalar as the Python number it is, a path or a list of faults as text; no bool or NaN
    for a number."""
    if spec.faults:
        return as_text(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if spec.type in (int, float):
        if isinstance(value, bool):
            raise spec.refusal(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise spec.refusal(value)
    return value
