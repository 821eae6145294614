"""The figure of a run: its lab's panels, for a page, a report, a notebook.

Picture a page of an atlas: each panel has its frame, its scale and its legend, and what belongs
together has one look on all pages.
"""

import io
import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from labsim.declare.faults import checked
from labsim.text import format_value
from labsim.view import timeline
from labsim.view.alt import KEY, alt
from labsim.view.scales import Axis, time_unit
from labsim.view.style import DASHES, Style

MOST_MARKS = 30
TALL = 1.6      # height of a timeline, in panels
MARKS, SIGNS = "^vos", "\u25b2\u25bc\u25cf\u25a0"


class LabFigure(Figure):
    """A `Figure` that shows itself in a notebook without pyplot; `alt` says what it shows."""

    alt = ""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi, metadata={KEY: self.alt})
        return buffer.getvalue()


def cells(figure: Figure, panels) -> list:
    """Where each panel goes: two in a row if there are more than two; a timeline has its own."""
    columns = 1 if len(panels) < 3 else 2
    places, row, column = [], 0, 0
    for panel in panels:
        if column and (panel.bars or column == columns):
            row, column = row + 1, 0
        places.append((row, slice(None) if panel.bars else column))
        column = columns if panel.bars else column + 1
    tall = {row for (row, _), panel in zip(places, panels) if panel.bars}
    grid = figure.add_gridspec(row + 1, columns, height_ratios=[
        TALL if i in tall else 1 for i in range(row + 1)])
    return [grid[place] for place in places]


def draw(result, pinned=None, style: Style | None = None) -> LabFigure:
    """The figure of `result`, with `pinned` dotted behind it."""
    lab, style = result.lab, style or Style()
    width, height = style.size
    height *= max(1.0, math.ceil(len(lab.panels) / 2) / 2)    # of a system of many parts
    figure = LabFigure(figsize=(width, height), dpi=style.dpi, facecolor=style.paper)
    FigureCanvasAgg(figure)     # or its canvas would draw nothing
    large = style.large
    figure.subplots_adjust(left=0.075, right=0.97, bottom=0.11 if large else 0.09,
                           top=0.90 if large else 0.92, wspace=0.26, hspace=0.48 if large else 0.4)
    for cell, panel in zip(cells(figure, lab.panels), lab.panels):
        _panel(figure.add_subplot(cell), panel, result, pinned, style)
    figure.alt = alt(lab, result, pinned)
    return figure


def _panel(axes, panel, result, pinned, style: Style) -> None:
    """One set of axes and all that is on it."""
    seconds, unit = time_unit(result.params.duration)
    _frame(axes, panel, style)
    _faults(axes, result.params, seconds, style)
    if panel.bars:
        rows, handles = timeline.draw(axes, panel, result.spans, seconds, style)
        top, axis = float(len(rows)), Axis(panel.unit_in(result), len(rows))
    else:
        highest, handles = _curves(axes, panel, result, pinned, seconds, style)
        axis = Axis(panel.unit_in(result), 1.06 * highest)
        top = axis.top(highest)
        axis = Axis(panel.unit_in(result), top)
        axes.yaxis.set_major_locator(axis)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: axis.told(y)))
    for i, kind in enumerate(panel.marks):
        times = np.array(panel.marked(result, kind))
        if 0 < len(times) <= MOST_MARKS:    # a black bar says nothing; the event log has them
            axes.plot(times / seconds, np.zeros(len(times)), linestyle="", marker=MARKS[i % 4],
                      clip_on=False, color=style.ink, markersize=style.font * 0.55)
    axes.set_ylim(0, top)
    axes.set_xlim(0, result.params.duration / seconds)
    told = not axis.name or axis.name in panel.title.lower().split()
    axes.set_title(panel.title if told else f"{panel.title} ({axis.name})", loc="left",
                   fontsize=style.font + 0.5, color=style.ink, fontweight="bold",
                   pad=style.font * 2.0)
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.02, 0.985), ncols=8,
                frameon=False, fontsize=style.font - 0.5, labelcolor=style.ink,
                handlelength=1.2 if panel.bars else 1.8, columnspacing=0.9, handletextpad=0.35,
                borderaxespad=0.1)
    if axes.get_subplotspec().is_last_row():
        axes.set_xlabel(f"time ({unit})", fontsize=style.font - 0.5, color=style.ink, labelpad=2)


def frame(axes, style: Style) -> None:
    """Axes in the house's style: a faint grid, and lines where they begin."""
    axes.grid(True, color=style.grid, linewidth=0.8)
    axes.tick_params(colors=style.ink, labelsize=style.font - 0.5, length=3)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(style.faint)


def _frame(axes, panel, style: Style) -> None:
    axes.set_facecolor(style.paper)
    signs = "  ".join(f"{SIGNS[i % 4]} {kind}" for i, kind in enumerate(panel.marks))
    axes.annotate(signs, (1, 1), xycoords="axes fraction", xytext=(0, style.font * 2.0),
                  textcoords="offset points", ha="right", fontsize=style.font - 1,
                  color=style.faint)
    frame(axes, style)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: format_value(x)))


def _faults(axes, params, seconds: float, style: Style) -> None:
    for fault in checked(params.faults):
        if fault.at < params.duration:
            axes.axvspan(fault.at / seconds, min(fault.end, params.duration) / seconds,
                         color=style.lines[1], alpha=0.13, linewidth=0)


def _curves(axes, panel, result, pinned, seconds: float, style: Style) -> tuple[float, list]:
    """Draw the lines, and those of the pinned run behind; the highest value, and what the legend
    shows."""
    highest, handles, end = 0.0, [], result.params.duration / seconds
    for line in panel.lines if pinned is not None else ():
        if line.series in pinned.series:        # of a system, a run may have other parts
            series = pinned.series[line.series]
            axes.plot(series.t / seconds, series.value, color=style.faint, linestyle=":",
                      linewidth=style.width)
            highest = max(highest, series.value.max(initial=0.0))
    for i, line in enumerate(panel.drawn):
        if line.series in result.series:
            series = result.series[line.series]
            handles += axes.plot(
                series.t / seconds, series.value, label=line.label, linewidth=style.width,
                color=style.lines[i % 4], linestyle=DASHES[i % 4],
                drawstyle="steps-post" if line.step else "default")
            highest = max(highest, series.value.max(initial=0.0))
        elif line.limit and (limit := line.limit(result.params)) is not None:
            axes.plot([0, end], [limit, limit], color=style.faint, linestyle=(0, (8, 4)),
                      label=line.label, linewidth=style.width)
            axes.text(end, limit, line.label, color=style.faint, fontsize=style.font - 1,
                      ha="right", va="bottom")
            highest = max(highest, limit)
    return highest, handles
