"""Whether what a part is made with is of the kind that its annotation says.

Picture plugs and sockets: a plug of another shape does not go in, and the socket has a plate that
says which one does. How far a knob may be turned, each part says itself.

A number is no bool and not NaN, and finite unless the default is not; where a part belongs, no
number or text does. What is annotated otherwise (a function, a sequence) is left to the part.
"""

import math
import types
import typing
from collections.abc import Callable, Iterable
from inspect import Parameter
from numbers import Integral, Real

import numpy as np

from labsim.engine import Load, ServiceTimes, Simulation
from labsim.errors import ParameterError

Test = tuple[Callable[[object], bool], str]     # of a value, and what is allowed in words
PLAIN = str, bytes, Real, types.NoneType, list, tuple, set, dict    # no object of any part's kind
SAID = {bool: "True or False", int: "a whole number", float: "a number", str: "a text",
        types.NoneType: "None", Simulation: "the simulation",
        ServiceTimes: "how long work takes, such as labsim.fixed(4), labsim.exponential(4) or "
                      "labsim.gamma(4, cv=0.5)"}


def a_number(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def a_whole_number(value: object) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def an_object(value: object) -> bool:
    """Whether it may be a part or the like: one may stand for another that behaves like it."""
    return not isinstance(value, PLAIN)


FITS: dict[type, Callable] = {
    float: a_number, int: a_whole_number, bool: lambda value: isinstance(value, bool | np.bool_),
    str: lambda value: isinstance(value, str), types.NoneType: lambda value: value is None}
UNTESTED = {Parameter.empty, np.ndarray, object, Load}  # a load says itself what is wrong with it


def test_of(parameter: Parameter, name_of: Callable[[type], str]) -> Test | None:
    """How to test what is given for a parameter; None if its annotation says nothing that can be
    tested. `name_of` says what a class is called."""
    said = parameter.annotation
    classes = typing.get_args(said) if isinstance(said, types.UnionType) else (said,)
    if not all(isinstance(c, type) and not isinstance(c, types.GenericAlias) for c in classes) or (
            UNTESTED & set(classes)):
        return None
    tests = [FITS.get(c, an_object) for c in classes]
    if parameter.default == math.inf:
        tests.append(lambda value: value == math.inf)
    allowed = " or ".join(SAID.get(c) or f"a {name_of(c)}" for c in classes)
    return (lambda value: any(test(value) for test in tests)), allowed


def check(given: Iterable[tuple[str, object]], takes: dict[str, Test | None]) -> None:
    """ParameterError for the first of the `given` (parameter, value) that is not of its kind."""
    for name, value in given:
        if (test := takes[name]) and not test[0](value):
            raise ParameterError(name, value, test[1])
