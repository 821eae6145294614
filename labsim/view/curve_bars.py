"""Bars for a curve whose axis has words: a name, a bar, its number.

Picture a league table: the names stand on the left, and how far each has got is seen from afar.
"""

from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from labsim.study.curve import percent
from labsim.text import format_value
from labsim.view.curve_layout import entitle, legend, limit, name_of, names_of, scaled
from labsim.view.figure import frame
from labsim.view.scales import compact
from labsim.view.style import Style

HATCHES = ("", "////", "....", "xxxx")


def bars(axes, curve, group: list, style: Style) -> None:
    """A row per place, in it a bar per line, with its interval and its number."""
    scale, unit, whole = scaled(curve, group)
    rows = {place.value: row for row, place in enumerate(curve.axis.places)}
    each = 0.8 / len(group)
    handles, numbers, tops = [], [], [0.0]
    for i, line in enumerate(group):
        colour, hatch = style.lines[i % 4], HATCHES[(i + i // 4) % 4 if len(group) > 1 else 0]
        look = dict(facecolor=colour, edgecolor=style.paper, hatch=hatch, linewidth=0)
        handles.append(Patch(label=name_of(line, group), **look))
        for point in line.points:
            y = rows[point.x] - 0.4 + each * (i + 0.5)
            mean, end = scale * point.mean, scale * point.mean
            axes.barh(y, mean, height=each * 0.86, **look)
            if point.high > point.low:
                end = scale * point.high
                axes.plot([scale * point.low, end], [y, y], color=style.ink, linewidth=1.2)
            tops.append(end)
            theory = scale * line.theory_at(point.x)
            numbers.append((end if theory != theory else max(end, theory), y,
                            percent(mean) if whole else format_value(mean)))
            if theory == theory:
                drawn, = axes.plot([theory] * 2, [y - each / 2, y + each / 2], color=style.ink,
                                   linestyle=(0, (3, 1.5)), linewidth=style.width,
                                   label=f"theory: {line.theory}")
                tops.append(min(theory, 1.5 * max(tops)))
                if drawn.get_label() not in [handle.get_label() for handle in handles]:
                    handles.append(drawn)
    furthest = limit(group, scale, max(tops), whole)
    for end, y, number in numbers:
        axes.annotate(number, (min(end, furthest), y), xytext=(3, 0), textcoords="offset points",
                      va="center", fontsize=style.font - 0.5, color=style.ink,
                      annotation_clip=False)
    axes.set_xlim(0, furthest)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    entitle(axes, curve, group, unit, style)
    legend(axes, handles if len(handles) > 1 else [], style)
    first = axes.get_position().x0 <= axes.figure.axes[0].get_position().x0
    axes.set_yticks(range(len(rows)), names_of(curve) if first else [""] * len(rows))
    sign = "%" if whole else ""
    axes.xaxis.set_major_locator(MaxNLocator(4 if axes.panel_inches > 2 else 3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{compact(x)}{sign}"))
    frame(axes, style)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
