"""Where the panels of a curve stand, what is written around them, and in which unit.

Picture a compositor at the stone: the type is measured first, and the plate is cut to fit it.
"""

import math
import textwrap

from labsim.study.curve import LUCK
from labsim.view.scales import time_unit
from labsim.view.style import Style

PANEL, NARROW = 2.35, 2.1       # height of the axes of one panel, of several, inches
BAR = 0.23                      # height of a bar, inches
CHARACTER = 0.55                # mean width of a character, in sizes of the type
SPELLED = {"req/s": "Requests per second", "s": "Seconds", "ms": "Milliseconds", "min": "Minutes",
           "h": "Hours", "x": "Times", "": "Numbers", "%": "Shares", "USD": "Cost"}
LONG = 3 * 3_600 + 1            # s, from which on hours or days say more
LONGEST_NAME = 26               # characters of a line of a bar's name


def inches(characters: float, style: Style) -> float:
    """How wide so many characters are."""
    return characters * CHARACTER * style.font / 72


def names_of(curve) -> list[str]:
    """The names of a curve's places, in lines."""
    return ["\n".join(textwrap.wrap(place.label, LONGEST_NAME)) for place in curve.axis.places]


def name_of(line, group: list) -> str:
    """What the legend of a panel calls a line: what tells it from the others there."""
    readings = dict.fromkeys(other.reading.label for other in group)
    return line.label if len(readings) == 1 and line.label else line.reading.label


def layout(figure, curve, style: Style):
    """(axes, lines) of each panel; the figure's size is set, and what goes below it is written."""
    groups, width = curve.groups, style.size[0]
    columns = min(len(groups), 3 if curve.axis.words else 2)
    longest = max((len(label) for group in groups for label in _labels(group)), default=0)
    titles = max(len(_title(curve, group, scaled(curve, group)[1])) for group in groups)
    while columns > 1 and inches(max(longest + 6, 1.08 * titles), style) > width / columns - 1.2:
        columns -= 1
    rows = math.ceil(len(groups) / columns)
    names = names_of(curve)
    if curve.axis.words:
        left = 0.25 + inches(max(len(line) for name in names for line in name.split("\n")), style)
        most = max(len(group) for group in groups)
        height = sum(max(BAR * most + 0.12, 0.17 * (name.count("\n") + 1) + 0.1)
                     for name in names) + 0.1
    else:
        left, height = 0.62, PANEL if len(groups) == 1 else NARROW
    gap = 0.75 if not curve.axis.words else 0.62
    panel = (width - left - 0.22 - (0.4 if curve.axis.words else 0.0) - gap * (columns - 1)) / (
        columns)
    above = 0.36 + max(_rows(_labels(group), panel, style) for group in groups) * 0.19
    below = 0.42 if not curve.axis.words else 0.28
    note = textwrap.wrap(". ".join(filter(None, [curve.how, curve.not_shown])),
                         int((width - 0.3) / inches(1, style) * 1.1))
    foot = 0.10 + 0.16 * len(note)
    total = rows * (above + height + below) + foot
    figure.set_size_inches(width, total)
    figure.text(0.12 / width, 0.07 / total, "\n".join(note), fontsize=style.font - 1,
                color=style.faint, va="bottom", linespacing=1.25)
    for i, group in enumerate(groups):
        row, column = divmod(i, columns)
        bottom = foot + (rows - 1 - row) * (above + height + below) + below
        axes = figure.add_axes(((left + column * (panel + gap)) / width, bottom / total,
                                panel / width, height / total))
        axes.set_facecolor(style.paper)
        axes.set_axisbelow(True)
        axes.panel_inches = panel
        yield axes, group


def _labels(group: list) -> list[str]:
    """What the legend of a panel says, about."""
    labels = [line.label or line.reading.label for line in group]
    labels += dict.fromkeys(f"theory: {line.theory}" for line in group if line.theory)
    labels += [f"measured on AWS: {m.name}, 2 SE" for line in group for m in line.measured]
    return labels if len(labels) > 1 else []


def _columns(labels: list[str], width: float, style: Style) -> int:
    """As many columns of a legend as fit."""
    def needed(count: int) -> float:
        return sum(max(inches(len(label) + 6, style) for label in labels[i::count])
                   for i in range(count))
    return next((n for n in range(len(labels), 1, -1) if needed(n) <= width), 1)


def _rows(labels: list[str], width: float, style: Style) -> int:
    return math.ceil(len(labels) / _columns(labels, width, style)) if labels else 0


def legend(axes, handles: list, style: Style) -> None:
    """What is what, above the axes, in as many rows as it takes."""
    labels = [handle.get_label() for handle in handles]
    if not labels:
        return
    columns = _columns(labels, axes.panel_inches, style)
    # matplotlib fills columns first; people read rows
    order = [i for column in range(columns) for i in range(column, len(labels), columns)]
    axes.legend([handles[i] for i in order], [labels[i] for i in order], loc="lower left",
                bbox_to_anchor=(-0.01, 1.0), ncols=columns, frameon=False,
                fontsize=style.font - 0.5, labelcolor=style.ink, handlelength=2.2,
                columnspacing=1.0, handletextpad=0.4, borderaxespad=0.2, labelspacing=0.3)


def _title(curve, group: list, unit: str) -> str:
    """That of a panel: its reading with its unit, or what several have in common."""
    names = [*dict.fromkeys(line.reading.label for line in group)]
    if len(names) > 1:
        return SPELLED.get(unit) or unit[:1].upper() + unit[1:]
    title = names[0][:1].upper() + names[0][1:]
    said = not unit or unit.lower() in title.lower().replace(",", "").split()
    return title if said else f"{title} ({unit})"


def entitle(axes, curve, group: list, unit: str, style: Style) -> None:
    """The title of a panel, above its legend."""
    room = int(axes.panel_inches / inches(1.08, style))
    title = textwrap.shorten(_title(curve, group, unit), room, placeholder=" \u2026")
    above = 4 + 13.7 * _rows(_labels(group), axes.panel_inches, style)
    axes.set_title(title, loc="left", fontsize=style.font + 0.5, color=style.ink,
                   fontweight="bold", pad=above)


def scaled(curve, group: list) -> tuple[float, str, float]:
    """(factor, unit, whole) of a panel: its values times the factor are in the unit; whole: where
    all of a share is, 100, or 0."""
    reading = group[0].reading
    highest = max((p.mean for line in group for p in line.points), default=0.0)
    if curve.share(reading):
        return 100.0, reading.unit if reading.unit.startswith("of ") else "%", 100.0
    if reading.unit == "%":
        return 1.0, "%", 100.0
    if reading.unit == "s" and 0 < highest < 0.5:
        return 1_000.0, "ms", 0.0
    if reading.unit == "s" and highest >= LONG:
        seconds, unit = time_unit(highest)
        return 1 / seconds, unit, 0.0
    return 1.0, reading.unit, 0.0


def limit(group: list, scale: float, top: float, whole: float) -> float:
    """Where an axis ends that begins at 0: that of a share at 100%, unless a mean is beyond that,
    or all is within the first tenth; else a little above the highest that is drawn."""
    highest = scale * max((p.mean for line in group for p in line.points), default=0.0)
    if whole and top >= whole / 10 and highest <= whole * (1 + LUCK):
        return whole
    return 1.08 * top if top > 0 else 1.0
