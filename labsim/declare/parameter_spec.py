"""What there is to say of one parameter: its name plate, and how a text is read as its value.

Picture the plate beside a knob: what it sets, in which unit, and how far it turns.
"""

import re
from dataclasses import dataclass
from typing import Any

from labsim.declare.amounts import Unclear, amount
from labsim.errors import ParameterError, nearest, short
from labsim.text import TRUTH


@dataclass(frozen=True)
class ParameterSpec:
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
    faults: bool = False                        # a list of faults, kept as a text

    @property
    def allowed(self) -> str:
        """What values are allowed, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.type is bool:
            return "True or False"
        if self.faults:
            return 'rows such as "db slow 600 120 5"'
        if self.type is str:
            return "a text"
        kind = "a whole number" if self.type is int else "a number"
        low, high = self.bounds
        return f"{kind} from {low:,.10g} to {high:,.10g} {self.unit}".rstrip()

    def parse(self, text: str):
        """The value that a text, of a command line or a link, means; bounds are not checked.

        A number may have a suffix that fits the unit ("5m" of s, "10k" of req/s, "1GiB" of bytes)
        and thousands separated by commas. Choices, and yes or no, are read in any case, with `_`,
        `-` and blanks alike. ParameterError for a number that is none.
        """
        if self.type is bool:
            return TRUTH.get(text.strip().casefold(), text)
        if self.type is str:
            return next((c for c in self.choices if _folded(c) == _folded(text)), text)
        try:
            value = amount(text, self.unit, share=self.bounds[1] <= 1)
        except Unclear as unclear:
            raise ParameterError(self.name, text, self.allowed,
                                 f"{self.name}: given {short(text)}; {unclear}") from None
        except ValueError:
            raise self.refusal(text) from None
        return int(value) if self.type is int and value.is_integer() else value

    def refusal(self, value) -> ParameterError:
        """The error for a value that is not allowed; it suggests the nearest choice."""
        error = ParameterError(self.name, value, self.allowed)
        near = nearest(_folded(str(value)), self.choices, cutoff=0.55) if self.choices else ""
        if near.startswith("did you mean"):
            return ParameterError(self.name, value, self.allowed, f"{error}; {near}")
        return error


def _folded(text: str) -> str:
    return re.sub(r"[\s_-]+", "-", text.strip().casefold())
