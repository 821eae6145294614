"""Two runs side by side: one figure, and a table of the differences."""

from html import escape

from labsim.errors import ParameterError
from labsim.kit.registry import lab
from labsim.kit.text import figure
from labsim.view.figure import LiveFigure


def change(metric, now: float, before: float) -> str:
    """How a metric changed, in words: nothing is told by colour alone."""
    if now == before:
        return "same"
    if abs(before) > 1e-12:
        text = f"{100 * (now - before) / abs(before):+,.0f}%"
    else:
        text = f"{'+' if now > before else ''}{figure(now - before)}"
    if metric.better:
        text += " better" if (now < before) == (metric.better == "lower") else " worse"
    return text


class Comparison:
    """`second` against `first`; shows itself as a table and a figure in a notebook."""

    columns = ("metric", "first", "second", "unit", "change")

    def __init__(self, first, second):
        if first.slug != second.slug:
            raise ParameterError("compare", second.slug, f"two runs of one lab, {first.slug}")
        self.first, self.second, self.lab = first, second, lab(first.slug)

    def parameters(self) -> dict[str, tuple]:
        """{name: (first, second)} of the parameters that differ."""
        a, b = self.first.params.model_dump(), self.second.params.model_dump()
        pairs = {name: (a[name], b[name]) for name in a if a[name] != b[name]}
        if self.first.seed != self.second.seed:
            pairs["seed"] = (self.first.seed, self.second.seed)
        return pairs

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """One row per metric, as text."""
        return [(m.name, figure(self.first.summary[m.name]), figure(self.second.summary[m.name]),
                 m.unit, change(m, self.second.summary[m.name], self.first.summary[m.name]))
                for m in self.lab.metrics]

    def plot(self):
        """The second run's figure, with the first dotted behind it."""
        return LiveFigure(self.lab, live=False).draw(self.second, self.first)

    def __repr__(self) -> str:
        changed = ", ".join(f"{n}: {a} -> {b}" for n, (a, b) in self.parameters().items())
        rows = [self.columns, *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        table = "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip()
                          for row in rows)
        return f"{changed or 'no parameter differs'}\n{table}"

    def _repr_html_(self) -> str:
        def row(cells, tag):
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{escape(c)}</{tag}>'
                                    for c in cells) + "</tr>"
        changed = "; ".join(f"{n}: {a} → {b}" for n, (a, b) in self.parameters().items())
        body = "".join(row(cells, "td") for cells in self.rows())
        return (f"<p>{escape(changed or 'no parameter differs')}</p><table><thead>"
                f"{row(self.columns, 'th')}</thead><tbody>{body}</tbody></table>")


def compare(first, second) -> Comparison:
    """The two results side by side; both must be of one lab."""
    return Comparison(first, second)
