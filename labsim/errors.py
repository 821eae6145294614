"""What goes wrong, in words that say what was given and what is allowed."""

import difflib
import importlib
import math
import os
import sys
from collections.abc import Iterable
from numbers import Integral, Real


class LabsimError(ValueError):
    """Any error of labsim that a user can mend."""


class ParameterError(LabsimError):
    """A parameter that a lab refuses: `name`, what was `given`, what is `allowed`."""

    def __init__(self, name: str, given: object, allowed: str, text: str = ""):
        self.name, self.given, self.allowed = name, given, allowed
        # SimPy, for what fails in a process, and pickle make it anew of these.
        super().__init__(name, given, allowed,
                         text or f"{name}: given {short(given)}, allowed {allowed}")

    def __str__(self) -> str:
        return self.args[3]

    def of(self, part: str) -> "ParameterError":
        """The same error, which says of which part of a system it is."""
        return type(self)(self.name, self.given, self.allowed, f"{part}: {self}")


def require(name: str, value: object, least: float = 0.0, most: float = math.inf, unit: str = "",
            *, above: bool = False, whole: bool = False, endless: bool = False) -> None:
    """`ParameterError` unless `value` is a (whole) number from `least` (or `above` it) to `most`.

    endless: it may be infinite, too. A bool is no number, nor is NaN.
    """
    # A plain type before an abstract one: that takes long to test, and this is asked often.
    kinds = (int, Integral) if whole and not value == math.inf else (float, int, Real)
    if isinstance(value, kinds) and not isinstance(value, bool) and (
            least < value if above else least <= value) and value <= most and (
            endless or value < math.inf):
        return
    allowed = "a whole number" if whole else "a number"
    if most < math.inf:
        allowed += (f" above {least:,.10g}, at most" if above else
                    f" from {least:,.10g} to") + f" {most:,.10g}"
    elif least > -math.inf:
        allowed += f"{' above' if above else ', at least'} {least:,.10g}"
    raise ParameterError(name, value, f"{allowed} {unit}".rstrip())


def require_each(least: float = 0.0, *, above: bool = False, endless: bool = False,
                 **given: object) -> None:
    """`require` of each of the `given`, by name."""
    for name, value in given.items():
        require(name, value, least, above=above, endless=endless)


class BudgetError(ParameterError):
    """A run that would take more than its budget; `name` is the parameter to lower."""


class NotApplicable(LabsimError):
    """A closed form that says nothing about these parameters; the message says why."""


class CourseError(LabsimError):
    """A course.toml that can't be used; the message names the file, the key and what is allowed."""


class ResultError(LabsimError):
    """A text that is not a result written by labsim."""


def ends_in(what: str, file: str | os.PathLike, *endings: str) -> str:
    """The name of a file to write, of a kind that is known by these endings, in any case."""
    name = os.fspath(file)
    if not name.lower().endswith(endings):
        raise ParameterError(what, name, f"a file name that ends in {' or '.join(endings)}")
    return name


def short(value: object) -> str:
    """`repr(value)` on one line, cut at 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def unknown(what: str, name: object, known: Iterable[str]) -> ParameterError:
    """The error for a name that is not known: suggests the nearest."""
    known = list(known)
    return ParameterError(what, name, f"one of {', '.join(known)}",
                          f"unknown {what} {short(name)}: {nearest(name, known)}")


def nearest(name: object, known: Iterable[str], cutoff: float = 0.4) -> str:
    """"did you mean ...?" with the nearest of the known names, or, if none is near (a similarity
    of `cutoff`, of 1), all."""
    known = list(known)
    folded = {str(k).casefold(): k for k in reversed(known)}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=cutoff)
    return f"did you mean {folded[near[0]]}?" if near else f"one of {', '.join(known)}"


def optional(module: str):
    """The module of an optional dependency; where it is missing, an error that says how to get
    it: by pip, or in a browser by a cell that imports it (then Pyodide loads it)."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.split(".")[0]
        if error.name != package:       # it is there, and something of its own is missing
            raise
        raise LabsimError(
            f"{package} is not loaded: run a cell `import {package}` first"
            if sys.platform == "emscripten" else
            f'{package} is not installed: pip install "labsim[lab]"') from None
