"""The figure of a lab: its panels, built once, its data replaced at every change.

Picture a printed form: frame, titles and scales are printed once, and the curves are drawn onto
it again and again. Only where a curve no longer fits is that panel's form printed anew. That
keeps a slider alive: filling in takes a tenth of the time of printing.
"""

import io
import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from labsim.declare.faults import checked
from labsim.text import format_value
from labsim.view.alt import KEY, alt
from labsim.view.scales import Axis, time_unit
from labsim.view.style import DASHES, Style
from labsim.view.timeline import Timeline

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


def plot(result):
    """The lab's panels for one run, as a `matplotlib.figure.Figure`."""
    return LiveFigure(result.lab, live=False).draw(result)


class LiveFigure:
    """The figure of `lab`. `update` returns PNG bytes; `draw` a figure to keep (live=False)."""

    def __init__(self, lab, style: Style | None = None, *, live: bool = True):
        self.lab, self.style, self._live = lab, style or Style(), live
        width, height = self.style.size
        height *= max(1.0, math.ceil(len(lab.panels) / 2) / 2)    # of a system of many parts
        self.figure = LabFigure(figsize=(width, height), dpi=self.style.dpi,
                                facecolor=self.style.paper)
        self.canvas = FigureCanvasAgg(self.figure)
        self.redraws = 0            # panels printed so far
        self._forms: list = []      # what each panel's printed form shows: limits, unit of time
        self._background = None
        large = self.style.large
        self.figure.subplots_adjust(left=0.075, right=0.97, bottom=0.11 if large else 0.09,
                                    top=0.90 if large else 0.92, wspace=0.26,
                                    hspace=0.48 if large else 0.4)
        self._panels = [_Panel(self.figure.add_subplot(cell), panel, self.style, live)
                        for cell, panel in zip(cells(self.figure, lab.panels), lab.panels)]

    def draw(self, result, pinned=None) -> LabFigure:
        """The figure of `result`, with `pinned` behind it; for `live=False`."""
        self._fill(result, pinned, None)
        self.figure.alt = alt(self.lab, result, pinned)
        return self.figure

    def update(self, result, pinned=None, t: float | None = None, bands=None) -> bytes:
        """PNG of `result`, with a `pinned` run faintly behind it and a cursor at `t` seconds.

        bands: {series: (low, high)} drawn as a shade behind their curves.
        """
        forms = self._fill(result, pinned, t, bands)
        if self._background is None:
            self.canvas.draw()
            self._keep(forms, len(forms))
        else:
            self.canvas.restore_region(self._background)
            stale = [panel for panel, old, new in zip(self._panels, self._forms, forms)
                     if old != new]
            for panel in stale:
                panel.print(self.canvas.renderer)
            if stale:
                self._keep(forms, len(stale))
        for panel in self._panels:
            panel.blit()
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())[..., :3]).save(
            buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def _keep(self, forms: list, printed: int) -> None:
        self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self._forms = forms
        self.redraws += printed

    def _fill(self, result, pinned, t, bands=None) -> list:
        unit = time_unit(result.params.duration)
        faults = _fault_times(result.params, unit[0])
        return [panel.fill(result, pinned, t, unit, bands or {}, faults)
                for panel in self._panels]


class _Panel:
    """One set of axes and its artists."""

    def __init__(self, axes, panel, style: Style, live: bool):
        self.axes, self.panel, self.style = axes, panel, style
        self._drawn = panel.drawn
        self.top = self._told = -1.0    # nothing is printed yet
        self._shaded = 0.0      # where the axis ended before there were shades; 0 without any
        self._unit = None
        self._legend = None
        self._scale(axes)
        new = dict(animated=live, linewidth=style.width)
        self.bands = [axes.fill_between([], [], color=style.lines[i % 4], alpha=0.25, linewidth=0,
                                        animated=live) for i in range(len(panel.drawn))]
        self.faults = axes.add_collection(PolyCollection(
            [], color=style.lines[1], alpha=0.13, linewidth=0, animated=live,
            transform=axes.get_xaxis_transform()))
        self.pinned = [axes.plot([], [], color=style.faint, linestyle=":", **new)[0]
                       for _ in panel.drawn]
        self.lines = []
        for i, line in enumerate(panel.drawn):
            if line.limit:
                kind = dict(color=style.faint, linestyle=(0, (8, 4)))
            else:
                kind = dict(color=style.lines[i % 4], linestyle=DASHES[i % 4],
                            drawstyle="steps-post" if line.step else "default")
            self.lines.append(axes.plot([], [], label=line.label, **kind, **new)[0])
        self.marks = [axes.plot([], [], linestyle="", marker=MARKS[i % 4], clip_on=False,
                                color=style.ink, markersize=style.font * 0.55, animated=live)[0]
                      for i in range(len(panel.marks))]
        self.limits = [axes.text(0, 0, line.label, color=style.faint, fontsize=style.font - 1,
                                 ha="right", va="bottom", animated=live)
                       for line in panel.drawn if line.limit]
        self.timeline = Timeline(axes, panel, style, live) if panel.bars else None
        self.cursor = axes.axvline(0, color=style.ink, linewidth=1, animated=live, visible=False)

    def _scale(self, axes) -> None:
        style = self.style
        axes.set_facecolor(style.paper)
        signs = "  ".join(f"{SIGNS[i % 4]} {kind}" for i, kind in enumerate(self.panel.marks))
        axes.annotate(signs, (1, 1), xycoords="axes fraction", xytext=(0, style.font * 2.0),
                      textcoords="offset points", ha="right", fontsize=style.font - 1,
                      color=style.faint)
        axes.grid(True, color=style.grid, linewidth=0.8)
        axes.tick_params(colors=style.ink, labelsize=style.font - 0.5, length=3)
        for name, spine in axes.spines.items():
            spine.set_visible(name in ("left", "bottom"))
            spine.set_color(style.faint)
        axes.xaxis.set_major_locator(MaxNLocator(7))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: format_value(x)))

    def _entitle(self, axis: Axis) -> None:
        if not self.timeline:       # whose rows have names
            self.axes.yaxis.set_major_locator(axis)
            self.axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: axis.told(y)))
        title, style, unit = self.panel.title, self.style, axis.name
        said = not unit or unit in title.lower().split()
        self.axes.set_title(title if said else f"{title} ({unit})", loc="left",
                            fontsize=style.font + 0.5, color=style.ink, fontweight="bold",
                            pad=style.font * 2.0)

    def fill(self, result, pinned, t, unit, bands, faults) -> tuple:
        """Put the data in; returns all that the printed form depends on."""
        seconds, name = unit
        highest, own = 0.0, self.panel.unit_in(result)
        shown = []
        for line, artist, ghost, shade in zip(self._drawn, self.lines, self.pinned,
                                              self.bands):
            shade.set_visible(line.series in bands)
            if line.series in bands:
                low, high = bands[line.series]
                shade.set_data(result.series[line.series].t / seconds, low, high)
                highest = max(highest, high.max())
            x, y = self._data(line, result)
            shown.append(len(x) > 0)
            artist.set_data(x / seconds, y)
            highest = max(highest, y.max(initial=0.0))
            x, y = self._data(line, pinned) if pinned is not None and not line.limit else (
                np.empty(0), np.empty(0))
            ghost.set_data(x / seconds, y)
            highest = max(highest, y.max(initial=0.0))
        self.faults.set_verts([[(start, 0), (start, 1), (end, 1), (end, 0)]
                               for start, end in faults])
        limits = (line.limit(result.params) for line in self._drawn if line.limit)
        for artist, limit in zip(self.limits, limits):
            artist.set_visible(limit is not None)
            artist.set_position((result.params.duration / seconds, limit or 0.0))
        for kind, artist in zip(self.panel.marks, self.marks):
            times = np.array(self.panel.marked(result, kind))
            if len(times) > MOST_MARKS:     # a black bar says nothing; the event log has them
                times = times[:0]
            artist.set_data(times / seconds, np.zeros(len(times)))
            shown.append(len(times) > 0)
        rows = ()
        if self.timeline:
            rows, kinds = self.timeline.fill(result.spans, seconds)
            shown += kinds
            highest = self.top = float(len(rows))
        shaded = any(line.series in bands for line in self._drawn)
        if self._shaded and not shaded:     # as it was before the shades
            self.top, self._shaded = self._shaded, 0.0
        elif shaded and not self._shaded:
            self._shaded = self.top
        if highest > self.top or highest < 0.3 * self.top:
            self.top = Axis(own, 1.06 * highest).top(highest)
        if self._told != self.top:
            self._told = self.top
            self._entitle(Axis(own, self.top))
        self.axes.set_ylim(0, self.top)
        self.axes.set_xlim(0, result.params.duration / seconds)
        self.cursor.set_visible(t is not None)
        if t is not None:
            self.cursor.set_xdata([t / seconds, t / seconds])
        form = (self.top, result.params.duration, name, tuple(shown), rows)
        if form[2:] != self._unit:
            self._unit = form[2:]
            self._print_legend(shown, name)
        return form

    def _data(self, line, result):
        if line.limit:
            limit = line.limit(result.params)
            if limit is None:
                return np.empty(0), np.empty(0)
            return np.array([0.0, result.params.duration]), np.array([limit, limit], dtype=float)
        series = result.series.get(line.series)     # of a system, a run may have other parts
        return (series.t, series.value) if series else (np.empty(0), np.empty(0))

    def _print_legend(self, shown, unit: str) -> None:
        artists = [a for a, yes, line in zip(self.lines, shown, self._drawn)
                   if yes and not line.limit]
        if self.timeline:
            artists = self.timeline.handles()
        size = self.style.font - 0.5
        if self._legend:
            self._legend.remove()
        self._legend = self.axes.legend(
            handles=artists, loc="lower left", bbox_to_anchor=(-0.02, 0.985), ncols=8,
            frameon=False, fontsize=size, labelcolor=self.style.ink,
            handlelength=1.2 if self.timeline else 1.8,
            columnspacing=0.9, handletextpad=0.35, borderaxespad=0.1)
        for handle in self._legend.legend_handles:
            handle.set_animated(False)
        if self.axes.get_subplotspec().is_last_row():
            self.axes.set_xlabel(f"time ({unit})", fontsize=size, color=self.style.ink,
                                 labelpad=2)

    def print(self, renderer) -> None:
        """Print this panel's form over the old one."""
        figure, grid = self.axes.figure, self.axes.get_subplotspec()
        box, space = self.axes.get_position(), figure.subplotpars
        labels = 0.075                                          # left of the axes
        ticks = (self.style.font + 7) / 72 / figure.get_size_inches()[1]    # below them
        left = 0.0 if grid.is_first_col() else box.x0 - labels
        right = 1.0 if grid.is_last_col() else box.x1 + space.wspace * box.width - labels
        bottom = 0.0 if grid.is_last_row() else box.y0 - ticks
        rows = grid.get_gridspec().nrows
        height = (space.top - space.bottom) / (rows + space.hspace * (rows - 1))    # on average
        top = 1.0 if grid.is_first_row() else box.y1 + space.hspace * height - ticks
        Rectangle((left, bottom), right - left, top - bottom, color=self.style.paper,
                  linewidth=0, transform=figure.transFigure).draw(renderer)
        self.axes.draw(renderer)

    def blit(self) -> None:
        """Draw the curves onto the form."""
        spans = self.timeline.artists if self.timeline else ()
        for artist in (self.faults, *self.bands, *self.pinned, *self.lines, *spans, *self.marks,
                       *self.limits, self.cursor):
            self.axes.draw_artist(artist)


def _fault_times(params, seconds: float) -> list[tuple[float, float]]:
    """When faults hold, from and to, in units of so many seconds."""
    return [(fault.at / seconds, min(fault.end, params.duration) / seconds)
            for fault in checked(params.faults) if fault.at < params.duration]
