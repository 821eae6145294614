"""A curve drawn: lines over numbers, bars over words, theory and measurements beside them.

Picture a navigator's chart: the soundings with how sure they are, the depth that the chart gives as
a dashed line, and what others have sounded as crosses.
"""

import math

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from labsim.study.turned import logarithmic
from labsim.text import format_value
from labsim.view.curve_bars import bars
from labsim.view.curve_layout import entitle, layout, legend, limit, name_of, scaled
from labsim.view.figure import LabFigure, frame
from labsim.view.scales import compact, time_unit
from labsim.view.style import DASHES, Style

MARKERS = "osD^vPX*"
DECADES = 100.0     # values that span so many times have a logarithmic axis
FITS = 9            # marks along the axis of a wide panel that stand apart


def draw(curve, style: Style | None = None) -> LabFigure:
    """The figure of a `Curve`."""
    style = style or Style()
    figure = LabFigure(dpi=style.dpi, facecolor=style.paper)
    for axes, group in layout(figure, curve, style):
        if curve.axis.words:
            bars(axes, curve, group, style)
        else:
            _lines(axes, curve, group, style)
    figure.alt = alt(curve)
    return figure


def alt(curve) -> str:
    """What the figure shows, in words: of each line where it begins, its highest point, where it
    ends, and what stands beside it."""
    over = f", over {curve.over}" if curve.axis.name else ""
    told = [f"{curve.lab.title}, {curve.how}{over}."]
    names = {place.value: place.label for place in curve.axis.places}
    for line in curve.lines:
        if not line.points:
            continue
        name = ", ".join(filter(None, (line.reading.label, line.label)))
        points = line.points if curve.axis.words else (
            line.points[0], max(line.points, key=lambda p: p.mean), line.points[-1])
        values = ", ".join(dict.fromkeys(
            f"{curve.said(line.reading, p.mean)} at {names[p.x]}" for p in points))
        more = f"; theory, {line.theory}, is dashed" if line.theory else ""
        more += "".join(f"; {m.name}, measured on AWS, is beside it" for m in line.measured)
        told.append(f"{name}: {values}{more}.")
    return " ".join([*told, *filter(None, [curve.not_shown])])


def _lines(axes, curve, group: list, style: Style) -> None:
    """Each line with its points, their intervals, its closed form, what was measured."""
    scale, unit, whole = scaled(curve, group)
    handles, theories = [], {}
    tops = [0.0]
    for i, line in enumerate(group):
        look = dict(color=style.lines[i % 4], linestyle=DASHES[(i + i // 4) % 4])
        x = np.array([p.x for p in line.points], dtype=float)
        mean, low, high = (scale * np.array([getattr(p, name) for p in line.points], dtype=float)
                           for name in ("mean", "low", "high"))
        sure = np.where(np.isfinite(low), low, mean), np.where(np.isfinite(high), high, mean)
        if len(x) and (sure[1] > sure[0]).any():
            axes.fill_between(x, *sure, color=look["color"], alpha=0.18, linewidth=0)
            axes.vlines(x, *sure, color=look["color"], linewidth=style.width * 0.8)
        handles += axes.plot(x, mean, marker=MARKERS[i % len(MARKERS)], linewidth=style.width,
                             markersize=style.font * 0.55, label=name_of(line, group),
                             clip_on=False, zorder=3, **look)
        tops += [*sure[1]]
        if line.theory and (line.theory, line.theory_y) not in theories:
            y = scale * np.array(line.theory_y)
            drawn, = axes.plot(line.theory_x, y, color=_of_theory(line, group, i, style),
                               linestyle=(0, (8, 4)), linewidth=style.width,
                               label=f"theory: {line.theory}".removesuffix(": "))
            theories[line.theory, line.theory_y] = drawn
            tops += [v for v in y if v <= 1.5 * max(tops)]
        handles += _measured(axes, line, scale, style, tops, len(handles))
    by_name = {drawn.get_label(): drawn for drawn in theories.values()}
    handles += by_name.values()
    entitle(axes, curve, group, unit, style)
    legend(axes, handles if len(handles) > 1 else [], style)
    _across(axes, curve, style)
    _upwards(axes, curve, group, scale, tops, whole)
    frame(axes, style)


def _of_theory(line, group: list, i: int, style: Style) -> str:
    """Its colour: that of its line where there are several."""
    return style.lines[i % 4] if sum(bool(other.theory) for other in group) > 1 else style.ink


def _measured(axes, line, scale: float, style: Style, tops: list, before: int) -> list:
    made = []
    for n, curve in enumerate(line.measured):
        x, y, se = np.array(curve.figures, dtype=float).T
        known = bool((se > 0).any())
        made.append(axes.errorbar(
            x, scale * y, scale * np.where(se > 0, 2 * se, 0.0) if known else None,
            fmt="xP*"[n % 3], color=style.ink, markersize=style.font * 0.7, elinewidth=1,
            label=f"measured on AWS: {curve.name}" + (", 2 SE" if known else "")))
        tops += [*(scale * y)]
    return made


def _across(axes, curve, style: Style) -> None:
    """The axis of the parameter."""
    values = [place.value for place in curve.axis.places]
    there = sorted({p.x for line in curve.lines for p in line.points})
    wide = axes.get_position().width > 0.6
    fits = FITS if wide else FITS // 2 + 1
    seconds, unit = time_unit(max(values)) if curve.axis.unit == "s" else (1, "")
    if min((value for value in values if value), default=0) < seconds:
        seconds = 1     # what is shorter reads better in seconds
    if logarithmic(values):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    apart = _apart(there, axes.get_xscale() == "log")
    if len(there) > 1 and apart >= 1 / (fits + 1):
        axes.xaxis.set_major_locator(FixedLocator(there))
    elif axes.get_xscale() == "log":
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if wide else (1,)))
    else:
        ticks = MaxNLocator(7 if wide else 5, integer=seconds == 1 and all(
            isinstance(value, int) for value in values))
        axes.xaxis.set_major_locator(FixedLocator([seconds * tick for tick in ticks.tick_values(
            min(values) / seconds, max(values) / seconds)]))
        axes.set_xlim(auto=True)
    axes.xaxis.set_major_formatter(FuncFormatter(
        lambda x, _: compact(x) if abs(x) >= 1e4 * seconds else format_value(x / seconds)))
    axes.set_xlabel(curve.over if seconds == 1 else f"{curve.axis.label} ({unit})",
                    fontsize=style.font - 0.5, color=style.ink, labelpad=2)


def _apart(values: list, log: bool) -> float:
    """The smallest gap, a share of the whole."""
    places = [math.log(value) for value in values] if log else values
    gaps = [b - a for a, b in zip(places, places[1:])]
    return min(gaps) / (places[-1] - places[0]) if gaps else 1.0


def _upwards(axes, curve, group: list, scale: float, tops: list, whole: float) -> None:
    """The axis of the values: to 100% for shares, logarithmic where they span decades."""
    means = [p.mean for line in group for p in line.points]
    span = min(means) > 0 and max(means) >= DECADES * min(means)
    if curve.log or (curve.log is None and span and not whole):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1,)))
        axes.yaxis.set_minor_locator(NullLocator())
        if tops:
            axes.set_ylim(top=2 * max(tops))
    else:
        axes.set_ylim(0, limit(group, scale, max(tops), whole))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=all(
            float(mean).is_integer() for mean in means) and not whole))
    sign = "%" if whole else ""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{compact(y)}{sign}"))
