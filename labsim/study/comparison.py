"""One number beside another: what was measured, what the model gives, and how far apart they are.

Picture two columns of a ledger, written by two hands, and in the margin where they disagree.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from labsim import hooks
from labsim.measurements import Measurement
from labsim.tables import as_html, as_text
from labsim.text import format_value, two

NEAR = 0.2          # error of the model, a share of what was measured
ERRORS = 2.0        # or so many standard errors of the measurement


@dataclass(frozen=True)
class Figure:
    """One number: what was measured with its standard error (NaN: unknown), what the model gives;
    x: where it stands on the axis of its curve, or NaN."""

    x: float
    measured: float
    se: float
    model: float

    @property
    def error(self) -> float:
        """The model's error, a share of what was measured."""
        if self.model == self.measured:
            return 0.0
        return (self.model - self.measured) / abs(self.measured) if self.measured else math.inf

    @property
    def errors(self) -> float:
        """The model's error in standard errors of the measurement; NaN where that has none."""
        return (self.model - self.measured) / self.se if self.se > 0 else math.nan


@dataclass(frozen=True)
class Comparison:
    """One comparison of the lab called `lab`, as `measured.yaml` declares it; `fitted`: a number of
    the model was taken from this measurement."""

    lab: str
    name: str
    unit: str
    of: Measurement
    over: str
    figures: tuple[Figure, ...]
    why: str
    fitted: bool = False

    @property
    def error(self) -> float:
        """The mean of the figures' errors, each without its sign (of one figure: with it); where
        some were measured as nothing, the sum of all differences, a share of all measured."""
        if len(self.figures) == 1:
            return self.figures[0].error
        if all(f.measured for f in self.figures):
            return math.fsum(abs(f.error) for f in self.figures) / len(self.figures)
        differ = math.fsum(abs(f.model - f.measured) for f in self.figures)
        return differ / (math.fsum(abs(f.measured) for f in self.figures) or differ or 1.0)

    @property
    def errors(self) -> float:
        """The same in standard errors; NaN where a figure has none."""
        if len(self.figures) == 1:
            return self.figures[0].errors
        return math.fsum(abs(f.errors) for f in self.figures) / len(self.figures)

    @property
    def met(self) -> bool:
        """Whether the model is near: by `NEAR` or by `ERRORS`."""
        return abs(self.error) <= NEAR or abs(self.errors) <= ERRORS

    @property
    def verdict(self) -> str:
        """In a word or two: "near", "near, fitted" or "OFF"."""
        return ("near, fitted" if self.fitted else "near") if self.met else "OFF"

    def how_far(self) -> str:
        """The error in words: "+5%, 0.6 SE", or of many "mean 7.3%, worst 36%, 0.9 SE"."""
        told = percent(self.error, signed=len(self.figures) == 1)
        if len(self.figures) > 1:
            worst = max((abs(f.error) for f in self.figures if f.measured), default=math.inf)
            told = f"mean {told}, worst {percent(worst, signed=False)}"
        return told if math.isnan(self.errors) else f"{told}, {abs(self.errors):.1f} SE"

    def said(self, side: str) -> str:
        """The "measured" figure with its standard error, or the "model"'s; of many their range."""
        values, unit = [getattr(figure, side) for figure in self.figures], self.unit
        se = self.figures[0].se if side == "measured" and len(values) == 1 else math.nan
        if not math.isnan(se):
            return two(values[0], "\u00b1", se, unit)
        least, most = min(values), max(values)
        single = format_value(least, unit) == format_value(most, unit)
        return format_value(most, unit) if single else two(least, "to", most, unit)


class MeasuredTable(tuple):
    """Comparisons: text in a terminal, a table in a notebook; those that are off come first."""

    columns = ("Measured on AWS", "There", "The model gives", "Error", "", "When and by whom")
    whose, there = "Measurements on AWS", "AWS"

    def __new__(cls, comparisons: Iterable[Comparison] = ()):
        """Of these comparisons, those that are off first."""
        return super().__new__(cls, sorted(comparisons, key=lambda c: c.met))

    @property
    def counts(self) -> tuple[int, int]:
        """How many are near, of how many."""
        return sum(c.met for c in self), len(self)

    def told(self) -> str:
        """How many are near, in a sentence."""
        near, of_all = self.counts
        if not self:
            return f"{self.whose}: none is known."
        told = (f"{self.whose}: {near} of {of_all} near (within {NEAR:.0%}, or {ERRORS:g} standard "
                "errors, SE)")
        fitted = sum(c.met and c.fitted for c in self)
        return f"{told}; {fitted} of them fitted: they set the model." if fitted else f"{told}."

    def off(self) -> list[str]:
        """What the model misses, a sentence each: not to be relied on."""
        return [f"{c.name}: {c.said('measured')} there, {c.said('model')} here. {c.why}".strip()
                for c in self if not c.met]

    def rows(self) -> list[tuple[str, ...]]:
        """One row of texts per comparison."""
        return [(c.name, c.said("measured"), c.said("model"), c.how_far(),
                 c.verdict, "; ".join(filter(None, (
                     c.of.when, c.of.where, c.of.source)))) for c in self]

    def plot(self):
        """What was measured and what the model gives, on one axis: a `matplotlib` `Figure`."""
        return hooks.ring("measured", self)

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, (self.told(), self.table_text())))

    def table_text(self) -> str:
        """What is off, and the rows as a table, in text."""
        off = "".join(f"\n* {line}" for line in self.off())
        table = as_text(self.columns, self.rows(), widest=58) if self else ""
        return "\n\n".join(filter(None, (off and f"Off:{off}", table)))

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.told())}</p>{self.off_html()}{self.table_html()}"

    def table_html(self) -> str:
        """The rows as a table, in HTML."""
        return as_html(self.columns, self.rows()) if self else ""

    def off_html(self) -> str:
        """`off` as a list, in HTML."""
        items = "".join(f"<li>{escape(line)}</li>" for line in self.off())
        return f"<p>Off:</p><ul>{items}</ul>" if items else ""


def percent(share: float, *, signed: bool = True) -> str:
    """A share in percent, as precise as it is worth: "+5%", "+0.6%", "12 times" beyond tenfold."""
    if math.isinf(share) or share >= 10:
        return f"{share + 1:,.0f} times"
    digits = 0 if abs(share) >= 0.1 else 1
    return f"{100 * share:{'+' if signed else ''}.{digits}f}%"
