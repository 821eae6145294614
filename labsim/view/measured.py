"""What was measured on AWS and what the model gives, on one axis.

Picture a shooting range seen from above: all targets stand on one line, the measurement; how far a
shot fell to the left or the right of it is how many times too little or too much the model gives.
Below it, where a measurement is a curve, the curve itself with the model's.
"""

import math
import textwrap

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from labsim.study.comparison import ERRORS, NEAR
from labsim.text import format_value
from labsim.view.figure import LabFigure
from labsim.view.style import Style

ROW, CURVE, EDGE = 0.40, 2.3, 1.0      # inches: a row, a panel of a curve, above and below
WIDEST = 5.0        # times too little or too much; what is further out is an arrow at the edge
STEPS = (1.25, 1.5, 2, 3, 5)
LEGEND = (f"grey band: within {NEAR:.0%}; bar: {ERRORS:g} standard errors (SE) of the measurement; "
          "hollow: fitted;\n"
          "small dots: several figures, judged by their mean error; arrow: further out")
LOG_FROM = 8.0      # a curve whose values span so many times has logarithmic axes


def draw(table, style: Style | None = None) -> LabFigure:
    """The figure of a `MeasuredTable`."""
    style = style or Style()
    curves = [c for c in table if c.over and len(c.figures) > 2]
    above, below = ROW * len(table) + EDGE, CURVE * math.ceil(len(curves) / 2)
    height = above + below + (0.2 if curves else 0.0)
    figure = LabFigure(figsize=(style.size[0], height), dpi=style.dpi, facecolor=style.paper)
    axes = figure.add_axes((0.325, 1 - (above - 0.42) / height, 0.31, (above - EDGE) / height))
    _range(axes, table, style)
    for i, curve in enumerate(curves):
        left, row = 0.085 + 0.5 * (i % 2), i // 2
        bottom = below - CURVE * (row + 1) + 0.5
        _curve(figure.add_axes((left, bottom / height, 0.39, (CURVE - 0.9) / height)), curve, style)
    figure.alt = alt(table)
    return figure


def alt(table) -> str:
    """What the figure shows, in words."""
    rows = (f"{c.name}: {c.said('measured')} measured, {c.said('model')} here, {c.how_far()}, "
            f"{c.verdict}." for c in table)
    return " ".join([table.told(), *rows])


def _range(axes, table, style: Style) -> None:
    """Every comparison a row: its figures by how many times the measured they are."""
    rows, furthest = [], 1.3
    for comparison in table:
        ratios = [f.model / f.measured for f in comparison.figures if f.measured]   # of 0: none
        ratios = np.array(ratios or [1.0 + comparison.error])
        rows.append(ratios)
        furthest = max(furthest, ratios.max(), 1 / max(ratios.min(), 1 / (2 * WIDEST)))
    edge = min([step for step in STEPS if step >= furthest] or [WIDEST]) * 1.06
    axes.set_xscale("log")
    axes.set_xlim(1 / edge, edge)
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.axvspan(1 - NEAR, 1 + NEAR, color=style.grid, linewidth=0)
    axes.axvline(1, color=style.ink, linewidth=1)
    met, off = style.lines[0], style.lines[1]
    for y, (comparison, ratios) in enumerate(zip(table, rows)):
        colour, marker = (met, "o") if comparison.met else (off, "D")
        if len(comparison.figures) == 1:
            (figure,) = comparison.figures
            if figure.se > 0:       # the interval in which the model would be near, too
                reach = 2 * figure.se / abs(figure.measured)
                axes.plot([max(1 - reach, 1 / edge), min(1 + reach, edge)], [y, y],
                          color=style.faint, linewidth=4, solid_capstyle="butt")
            axes.plot([1, min(max(ratios[0], 1 / edge), edge)], [y, y], color=colour,
                      linewidth=style.width)
        many = len(ratios) > 1
        low, high = ratios < 1 / edge, ratios > edge
        for shown, sign in ((~low & ~high, marker), (low, "<"), (high, ">")):
            axes.plot(np.clip(ratios[shown], 1 / edge, edge), np.full(shown.sum(), y), sign,
                      color=colour, clip_on=False, markersize=style.font * (0.5 if many else 0.8),
                      alpha=0.7 if many else 1.0,
                      markerfacecolor=style.paper if comparison.fitted else colour)
        places = dict(transform=axes.get_yaxis_transform(), color=style.ink)
        axes.text(-0.03, y, _wrapped(comparison.name), ha="right", va="center", fontsize=style.font,
                  **places)
        axes.text(1.03, y, f"{comparison.how_far()}  {comparison.verdict}",
                  va="bottom", fontsize=style.font,
                  fontweight="normal" if comparison.met else "bold", **places)
        measured, here = comparison.said("measured"), comparison.said("model")
        if (unit := here.rpartition(" ")[2]) and not unit[0].isdigit():     # said once
            measured = measured.removesuffix(f" {unit}")
        axes.text(1.03, y, f"{table.there} {measured}, here {here}",
                  va="top", fontsize=style.font - 1, **places)
    finest = 1.25 if edge < 2 else 1.5 if edge < 4 else 2
    ticks = [1, *(step for step in STEPS if finest <= step <= edge and (step != 3 or edge < 8))]
    axes.set_xticks(sorted({*ticks, *(1 / t for t in ticks)}))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _times(x)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)
    axes.set_yticks([])
    _frame(axes, style, "bottom")
    axes.set_xlabel(LEGEND, fontsize=style.font - 1, color=style.ink, labelpad=4)
    axes.set_title("model \u00f7 measured: left too low, right too high", fontsize=style.font + 0.5,
                   color=style.ink, fontweight="bold", pad=5)


def _wrapped(name: str) -> str:
    """A name in two lines at most."""
    return "\n".join(textwrap.wrap(name, 36, max_lines=2, placeholder=" \u2026"))


def _times(x: float) -> str:
    """"2x", or "1/2"."""
    return f"{x:g}\u00d7" if x > 0.999 else f"1/{1 / x:.3g}"


def _axis(column: str) -> str:
    """A column as the name of an axis: "memory_mb" is "memory, MB"."""
    for ending, unit in (("_per_s", "/s"), ("_s", ", s"), ("_mb", ", MB")):
        if column.endswith(ending):
            return column.removesuffix(ending).replace("_", " ") + unit
    return column.replace("_", " ")


def _curve(axes, comparison, style: Style) -> None:
    """One comparison over the axis that its measurement has."""
    figures = sorted(comparison.figures, key=lambda figure: figure.x)
    x, measured, se, model = (np.array([getattr(f, name) for f in figures])
                              for name in ("x", "measured", "se", "model"))
    known = bool((se > 0).any())
    axes.errorbar(x, measured, np.where(se > 0, 2 * se, 0.0) if known else None, fmt="o",
                  color=style.ink, markersize=style.font * 0.45, elinewidth=1,
                  label="measured, 2 SE" if known else "measured")
    axes.plot(x, model, color=style.lines[0 if comparison.met else 1], linewidth=style.width,
              label="model")
    for values, scale, ticks in ((x, axes.set_xscale, axes.xaxis),
                                 (np.append(measured, model), axes.set_yscale, axes.yaxis)):
        if values.min() > 0 and values.max() > LOG_FROM * values.min():
            scale("log")
            ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
        elif ticks is axes.yaxis:
            axes.set_ylim(0, 1.1 * values.max())
        ticks.set_major_formatter(FuncFormatter(lambda value, _: format_value(value)))
        ticks.set_minor_formatter(NullFormatter())
    unit = f" ({comparison.unit})" if comparison.unit else ""
    axes.set_title(f"{comparison.name}{unit}", loc="left", fontsize=style.font,
                   color=style.ink, fontweight="bold")
    axes.set_xlabel(_axis(comparison.over), fontsize=style.font - 0.5,
                    color=style.ink, labelpad=1)
    axes.legend(frameon=False, fontsize=style.font - 0.5, labelcolor=style.ink)
    axes.grid(True, color=style.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    _frame(axes, style, "left", "bottom")


def _frame(axes, style: Style, *sides: str) -> None:
    axes.set_facecolor(style.paper)
    axes.tick_params(colors=style.ink, labelsize=style.font - 0.5, length=3)
    for name, spine in axes.spines.items():
        spine.set_visible(name in sides)
        spine.set_color(style.faint)
