"""Two runs side by side: one figure, and a table of the differences."""

from html import escape

from labsim import hooks
from labsim.errors import ParameterError
from labsim.tables import as_html, as_text
from labsim.text import format_value, is_share, said
from labsim.view import figure


def change(metric, now: float, before: float) -> str:
    """How a metric changed, in words: nothing is told by colour alone."""
    if now == before:
        return "same"
    if is_share(metric.unit):
        text = f"{'+' if now > before else ''}{format_value(100 * (now - before))} points"
    elif abs(before) > 1e-12:
        percent = 100 * (now - before) / abs(before)
        text = f"{percent:+,.0f}%" if abs(percent) >= 1 else f"{percent:+.1g}%"
    else:
        text = f"{'+' if now > before else ''}{format_value(now - before, metric.unit)}"
    if metric.better:
        text += " better" if (now < before) == (metric.better == "lower") else " worse"
    return text


def from_to(metric, before: float, now: float) -> str:
    """Two values of a metric, with their unit once where they share it."""
    (first, one), (second, other) = (said(value, metric.unit) for value in (before, now))
    first = first if one == other else f"{first} {one}".strip()
    return f"{first} \u2192 {second} {other}".strip()


class Comparison:
    """`second` against `first`; shows itself as a table and a figure in a notebook."""

    columns = ("metric", "first", "second", "change")

    def __init__(self, first, second):
        if first.slug != second.slug:
            raise ParameterError("compare", second.slug, f"two runs of one lab, {first.slug}")
        self.first, self.second, self.lab = first, second, second.lab

    def parameters(self) -> dict[str, tuple]:
        """{name: (first, second)} of the parameters that differ."""
        a, b = self.first.params.model_dump(), self.second.params.model_dump()
        pairs = {name: (a[name], b[name]) for name in a if a[name] != b[name]}
        if self.first.seed != self.second.seed:
            pairs["seed"] = (self.first.seed, self.second.seed)
        return pairs

    @property
    def metrics(self) -> list:
        """The metrics of both: of a system, other parameters may wire other parts."""
        return [m for m in self.lab.metrics if m.name in self.first.summary]

    def rows(self) -> list[tuple[str, str, str, str]]:
        """One row per metric, as text."""
        return [(m.label, format_value(self.first.summary[m.name], m.unit),
                 format_value(self.second.summary[m.name], m.unit),
                 change(m, self.second.summary[m.name], self.first.summary[m.name]))
                for m in self.metrics]

    def report(self, file) -> None:
        """Write a page about the two into `file`, whose name ends in .html or .pdf."""
        hooks.ring("report", self, file)

    def plot(self):
        """The second run's figure, with the first dotted behind it."""
        return figure.draw(self.second, self.first)

    def __repr__(self) -> str:
        changed = ", ".join(f"{n}: {a} -> {b}" for n, (a, b) in self.parameters().items())
        return f"{changed or 'no parameter differs'}\n{as_text(self.columns, self.rows())}"

    def _repr_html_(self) -> str:
        changed = "; ".join(f"{n}: {a} → {b}" for n, (a, b) in self.parameters().items())
        return (f"<p>{escape(changed or 'no parameter differs')}</p>"
                f"{as_html(self.columns, self.rows())}")


def compare(first, second) -> Comparison:
    """The two results side by side; both must be of one lab."""
    return Comparison(first, second)
