"""Whether what a part is made with is of the kind that its annotation says.

Picture plugs and sockets: a plug of another shape does not go in, and the socket has a plate that
says which one does. How far a knob may be turned, each part says itself.

A number is no bool and not NaN, and finite unless the default is not or it is one of several; a
part is of the class that is annotated, or can do what a `Protocol` asks for, which says itself in
its docstring what that is. How large a number may be, and what a text, is left to the part.
"""

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter
from numbers import Integral, Real

import numpy as np

from labsim.engine import Load, ServiceTimes, Simulation
from labsim.errors import ParameterError
from labsim.text import a_or_an

Test = tuple[Callable[[object], bool], str]     # of a value, and what is allowed in words
PLAIN = str, bytes, Real, types.NoneType, list, tuple, set, dict    # no generator of numbers
UNTESTED = np.ndarray, object, Load     # a load says itself what is wrong with it
SAID = {bool: "True or False", int: "a whole number", float: "a number", str: "a text",
        types.NoneType: "None", np.random.Generator: "a generator of numbers",
        Simulation: "the simulation",
        ServiceTimes: "how long work takes, such as labsim.fixed(4), labsim.exponential(4) or "
                      "labsim.gamma(4, cv=0.5)"}


def a_number(value: object) -> bool:
    """Whether it is a finite number."""
    return (isinstance(value, (float, int, Real)) and not isinstance(value, bool)
            and math.isfinite(value))


def a_whole_number(value: object) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, (int, Integral)) and not isinstance(value, bool)


def a_generator(value: object) -> bool:
    """Whether it may draw numbers: nothing plain, and no part; one may stand for another that
    behaves like it."""
    return not (isinstance(value, PLAIN) or hasattr(value, "sim"))


def lots(value: object) -> bool:
    """The same of one or several."""
    return all(map(a_generator, value if isinstance(value, (list, tuple)) else [value]))


FITS: dict[object, Callable] = {
    float: a_number, int: a_whole_number, bool: lambda value: isinstance(value, bool | np.bool_),
    str: lambda value: isinstance(value, str), types.NoneType: lambda value: value is None,
    Callable: callable, np.random.Generator: a_generator}
MANY = {Sequence, list, tuple}


def test_of(parameter: Parameter, name_of: Callable[[type], str]) -> Test | None:
    """How to test what is given for a parameter; None if nothing is known of it. `name_of` says
    what a class is called."""
    said, default = parameter.annotation, parameter.default
    if said is parameter.empty:
        return None if default is not None else (
            lambda value: value is None or lots(value), "generators of numbers or None")
    kinds = typing.get_args(said) if isinstance(said, types.UnionType) else (said,)
    if any(kind in UNTESTED for kind in kinds):
        return None
    tests = [_fits(kind) for kind in kinds]
    if default == math.inf:
        tests.append(lambda value: value == math.inf)
    return (tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests),
            " or ".join(_said(kind, name_of) for kind in kinds))


def _fits(kind) -> Callable[[object], bool]:
    """The test of one annotation."""
    origin, inside = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin not in MANY:
        return FITS.get(origin) or (lambda value: isinstance(value, origin))
    tests = [_within(one) for one in inside if one is not ...]
    fixed = origin is tuple and ... not in inside

    def fits(value: object) -> bool:
        if isinstance(value, (str, dict, set)) or not isinstance(value, Iterable):
            return False
        values = list(value)
        if fixed:
            return len(values) == len(tests) and all(t(v) for t, v in zip(tests, values))
        return all(tests[0](v) for v in values)
    return fits


def _within(kind) -> Callable[[object], bool]:
    """The same for one of many: an interval may be endless."""
    if kind is float:
        return lambda value: a_number(value) or value in (math.inf, -math.inf)
    return _fits(kind)


def _said(kind, name_of: Callable[[type], str]) -> str:
    """What an annotation allows, in words."""
    origin, inside = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is Callable:
        return "a function"
    if origin is tuple and ... not in inside:
        return f"({', '.join(_said(one, name_of) for one in inside)})"
    if origin in MANY:
        return f"a sequence, of each {_said(inside[0], name_of)}"
    if getattr(kind, "_is_protocol", False):
        return inspect.getdoc(kind).splitlines()[0].strip("`.").replace("`", "")
    return SAID.get(kind) or a_or_an(name_of(kind))


def check(given: Iterable[tuple[str, object]], takes: dict[str, Test | None]) -> None:
    """ParameterError for the first of the `given` (parameter, value) that is not of its kind."""
    for name, value in given:
        if (test := takes[name]) and not test[0](value):
            raise ParameterError(name, value, test[1])


def complete(given: Iterable[str], needs: Iterable[str], takes: dict[str, Test | None]) -> None:
    """ParameterError for the first parameter that has no default and is not `given`."""
    for name in needs:
        if name not in given:
            said = takes[name][1] if takes[name] else "a value"
            raise ParameterError(name, None, said, f"{name} is missing: {said}")


def numbers(name: str, values: object, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """`values` as an array of floats, each at least 0 and finite, of that shape; ParameterError."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if not (array.ndim and array.size and (array >= 0).all() and (array < np.inf).all()) or (
            shape not in (None, array.shape)):
        raise ParameterError(name, values, "numbers, each at least 0" + (
            "" if shape is None else f", {' x '.join(map(str, shape))} of them"))
    return array
