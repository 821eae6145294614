"""What goes wrong, in words that say what was given and what is allowed."""

import difflib
from collections.abc import Iterable


class LabsimError(ValueError):
    """Any error of labsim that a user can mend."""


class ParameterError(LabsimError):
    """A parameter that a lab refuses: `name`, what was `given`, what is `allowed`."""

    def __init__(self, name: str, given: object, allowed: str, text: str = ""):
        self.name, self.given, self.allowed = name, given, allowed
        super().__init__(text or f"{name}: given {short(given)}, allowed {allowed}")


class BudgetError(ParameterError):
    """A run that would take more than its budget; `name` is the parameter to lower."""


class ResultError(LabsimError):
    """A text that is not a result written by labsim."""


def short(value: object) -> str:
    """`repr(value)` on one line, cut at 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def unknown(what: str, name: object, known: Iterable[str]) -> ParameterError:
    """The error for a name that is not known: suggests the nearest."""
    known = list(known)
    folded = {str(k).casefold(): k for k in reversed(known)}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.4)
    allowed = f"one of {', '.join(known)}"
    hint = f"did you mean {folded[near[0]]}?" if near else allowed
    return ParameterError(what, name, allowed, f"unknown {what} {short(name)}: {hint}")
