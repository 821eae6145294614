"""The system picture: the boxes and arrows of the architecture with live numbers, as SVG."""

import os
from dataclasses import dataclass
from html import escape

import numpy as np

from labsim.declare.drawing import MOST_BARS, bar_name
from labsim.declare.faults import checked
from labsim.errors import ends_in
from labsim.text import format_value
from labsim.view.style import Style

MARGIN = 8
SHAPES = ('<rect x="{x}" y="{y}" width="7" height="7" fill="{ink}"/>',
          '<rect x="{x}.5" y="{y}.5" width="6" height="6" fill="none" stroke="{ink}"/>',
          '<path d="M{x} {y}l7 7m0 -7l-7 7" stroke="{ink}" fill="none"/>')
MOST_SHAPES = 22
WIDE = 0.53     # mean width of a character, in font sizes


@dataclass(frozen=True)
class Plan:
    """Where things are and how large, in units of the SVG: pixels, unless it is scaled."""

    column: int = 236       # from box to box
    row: int = 132
    width: int = 176        # of a box
    height: int = 88
    top: int = MARGIN       # above the first row
    text: float = 13        # sizes of type
    name: float = 13
    number: float = 13
    link: float = 11.5
    lines: tuple[int, int, int] = (20, 40, 18)  # name, first number, from number to number
    bars: tuple[int, int, int] = (32, 36, 15)   # height of a row of columns; lines with one
    shapes: bool = True     # little squares for instances
    above: bool = False     # numbers of arrows stand above the boxes: the gaps are narrow
    touch: bool = False     # boxes are buttons that break what they stand for


PAGE = Plan()
# For a projector: the same picture in two thirds of the width, type half as large again.
WALL = Plan(column=154, row=154, width=134, height=112, top=24, text=13.5, name=15, number=21,
            link=13, lines=(21, 47, 25), bars=(36, 46, 23), shapes=False, above=True, touch=True)
STACK = (43, 37, 16)    # there: first number, from number to number, from number to its label


def at(result, name: str, t: float) -> float:
    """Value of a series at `t` seconds: that of the last instant not after `t`; 0 where a system
    has been wired without that part."""
    if name not in result.series:
        return 0.0
    series = result.series[name]
    index = int(np.searchsorted(series.t, t, side="right")) - 1
    return float(series.value[max(index, 0)])


def picture(lab, result, t: float, *, dark: bool = False, plan: Plan = PAGE) -> str:
    """SVG of the system at `t` seconds into the run `result`, with a description in words."""
    style = Style(dark=dark)
    columns = 1 + max(box.at[0] for box in lab.boxes)
    rows = 1 + max(box.at[1] for box in lab.boxes)
    width = (columns - 1) * plan.column + plan.width + 2 * MARGIN
    height = (rows - 1) * plan.row + plan.height + plan.top + MARGIN
    places = {box.name: box.at for box in lab.boxes}
    parts = [_link(link, places, result, t, style, plan) for link in lab.links]
    held = {fault.part for fault in checked(result.params.faults) if fault.at <= t < fault.end}
    parts += [_box(box, result, t, style, plan, held) for box in lab.boxes]
    clicked = plan.touch and any(box.breaks in result.breakable for box in lab.boxes)
    role = "group" if clicked else "img"
    return (f'<svg viewBox="0 0 {width} {height}" role="{role}" xmlns="http://www.w3.org/2000/svg" '
            f'style="width:100%;max-width:{width}px;background:{style.paper}" '
            f'font-family="sans-serif" font-size="{plan.text}" fill="{style.ink}">'
            f"<title>The system at {format_value(t)} s</title>"
            f"<desc>{escape(described(lab, result, t))}</desc>"
            f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{style.faint}"/>'
            f"</marker></defs>{''.join(parts)}</svg>")


class Diagram:
    """The system picture at a moment of a run; shows itself in a notebook, in words elsewhere."""

    def __init__(self, result, t: float):
        self.result, self.t = result, t

    def __repr__(self) -> str:
        return f"At {format_value(self.t)} s: {described(self.result.lab, self.result, self.t)}"

    def save(self, file: str | os.PathLike) -> None:
        """Write it into `file`, whose name ends in .svg."""
        with open(ends_in("picture", file, ".svg"), "w", encoding="utf-8") as out:
            out.write(self._repr_html_())

    def _repr_html_(self) -> str:
        return picture(self.result.lab, self.result, self.t)


def described(lab, result, t: float) -> str:
    """What the boxes show at `t` seconds."""
    return "; ".join(f"{box.name}: " + ", ".join(
        f"{format_value(at(result, series, t))} {label}" for label, series in box.show)
        for box in lab.boxes)


def _corner(place, plan) -> tuple[int, int]:
    return MARGIN + place[0] * plan.column, plan.top + place[1] * plan.row


def _fitted(text: str, size: float, room: float) -> float:
    """The size of type, at most `size`, in which the text fits into `room`."""
    return round(min(size, room / (max(len(text), 1) * WIDE)), 1)


def _box(box, result, t, style, plan, held) -> str:
    x, y = _corner(box.at, plan)
    rings = bool(box.alarm) and at(result, box.alarm, t) > 0
    edge = f'stroke="{style.lines[1]}" stroke-width="4"' if rings else (
        f'stroke="{style.faint}" stroke-width="1.5"')
    out = [f'<rect x="{x}" y="{y}" width="{plan.width}" height="{plan.height}" rx="6" '
           f'fill="{style.grid if style.dark else "#f6f8fa"}" {edge}/>']
    room = plan.width - 16
    size = _fitted(box.name, plan.name, room)
    squeezed = f' textLength="{room}" lengthAdjust="spacingAndGlyphs"' if size < plan.name else ""
    out.append(f'<text x="{x + 8}" y="{y + plan.lines[0]}" font-weight="bold" '
               f'font-size="{size}"{squeezed}>{escape(box.name)}</text>')
    if rings:
        below = plan.above and not box.bars
        out.append(f'<text x="{x + plan.width - 8}" y="{y + (plan.height - 8 if below else 20)}" '
                   f'text-anchor="end" font-weight="bold">! ALARM</text>')
    if box.bars:
        out.append(_bars(box.bars, result, t, x, y, style, plan))
    stacked = plan.above and len(box.show) < 3 and not box.bars
    _, first, pitch = plan.bars if box.bars else plan.lines
    if stacked:
        first, pitch, _ = STACK
    for i, (label, series) in enumerate(box.show):
        value, line = at(result, series, t), y + first + pitch * i
        number = format_value(value)
        used = 0 if stacked else (len(number) + 1) * WIDE * plan.number
        size = _fitted(label, plan.text, max(room - used, room / 3))
        place = f' x="{x + 8}" y="{line + STACK[2]}"' if stacked else ""
        out.append(f'<text x="{x + 8}" y="{line}"><tspan font-weight="bold" '
                   f'font-size="{plan.number}">{number}</tspan> <tspan font-size="{size}"{place}>'
                   f"{escape(label)}</tspan></text>")
        counted = series in result.series and result.series[series].unit == "instances"
        if plan.shapes and counted and len(box.show) > 1:
            out.append(_shapes(int(value), i, x + 105, line - 10, style))
    if box.breaks not in result.breakable:
        return "".join(out)
    broken = _broken(box.breaks, held)
    if broken and _part(box.breaks) in result.breakable:
        out.append(_tag(", ".join(broken), x + plan.width, y, style, plan))
    elif broken:
        out.append(f'<path d="M{x + 6} {y + 6}L{x + plan.width - 6} {y + plan.height - 6}M{x + 6} '
                   f'{y + plan.height - 6}L{x + plan.width - 6} {y + 6}" stroke="{style.lines[1]}" '
                   f'stroke-width="5" opacity=".55"/>')
    if not plan.touch:
        return "".join(out)
    does = f"Mend {box.name}" if box.breaks in held else f"Break {box.name}"
    return (f'<g data-piece="{escape(box.breaks)}" role="button" tabindex="0" '
            f'aria-label="{escape(does)}"><title>{escape(does)}</title>{"".join(out)}</g>')


def _part(piece: str) -> str:
    """The part that a piece is one of several of: "web" of "web-1"."""
    return piece.rpartition("-")[0]


def _broken(piece: str, held) -> list[str]:
    """Which of those held are the piece, or the same of another number."""
    return sorted(one for one in held if one == piece or (
        _part(one) == _part(piece) != "" and one[-1].isdigit() and piece[-1].isdigit()))


def _tag(text: str, right: int, y: int, style, plan) -> str:
    """On the upper edge of a box: what is broken in it, while the rest goes on."""
    text = f"\u2715 {text}"
    size = _fitted(text, plan.text, plan.width - 20)
    wide = round(len(text) * size * WIDE) + 10
    return (f'<rect x="{right - wide - 4}" y="{y - 11}" width="{wide}" height="18" rx="4" '
            f'fill="{style.lines[1]}"/><text x="{right - 9}" y="{y + 3}" text-anchor="end" '
            f'font-size="{size}" font-weight="bold" '
            f'style="fill:{"#111" if style.dark else "#fff"}">{escape(text)}</text>')


def _bars(bars, result, t, x: int, y: int, style, plan) -> str:
    """A column per shard or replica, its limit dashed; what is over the limit has a cross on it."""
    prefix, count = bars
    n = min(int(at(result, count, t)), MOST_BARS)
    full, foot = plan.bars[0] - 8, y + plan.height - 5
    wide = (plan.width - 20) / max(n, MOST_BARS // 2)
    out = []
    for i in range(n):
        load = at(result, bar_name(prefix, i), t)
        left, tall = x + 10 + i * wide, max(min(load, 1.2), 0.02) * full
        over = load > 1.001
        out.append(f'<rect class="bar" x="{left:.1f}" y="{foot - tall:.1f}" width="{wide - 2:.1f}" '
                   f'height="{tall:.1f}" fill="{style.lines[over]}"/>')
        if over:
            out.append(f'<text x="{left + wide / 2 - 1:.1f}" y="{foot - 2}" font-size="10" '
                       f'text-anchor="middle" fill="{style.paper}" font-weight="bold">!</text>')
    out.append(f'<path d="M{x + 8} {foot - full}h{plan.width - 16}" stroke="{style.ink}" '
               'stroke-dasharray="3 3" stroke-width="1"/>')
    return "".join(out)


def _shapes(n: int, kind: int, x: int, y: int, style) -> str:
    """Up to `MOST_SHAPES` little squares for `n` instances, in two rows."""
    half = MOST_SHAPES // 3
    shape = SHAPES[kind % 3]
    drawn = "".join(shape.format(x=x + 9 * (i % half), y=y + 1, ink=style.lines[0])
                    for i in range(min(n, half - 1)))
    more = f'<text x="{x + 9 * (half - 1)}" y="{y + 9}">+</text>' if n >= half else ""
    return drawn + more


def _link(link, places, result, t, style, plan) -> str:
    start, end = places[link.start], places[link.end]
    (x1, y1), (x2, y2) = _corner(start, plan), _corner(end, plan)
    x1, x2 = x1 + plan.width / 2, x2 + plan.width / 2
    y1, y2 = y1 + plan.height / 2, y2 + plan.height / 2
    level = start[1] == end[1]
    if start[0] != end[0] and level:
        way = 1 if x2 > x1 else -1
        x1, x2 = x1 + way * plan.width / 2, x2 - way * (plan.width / 2 + 2)
    else:
        way = 1 if y2 > y1 else -1
        y1, y2 = y1 + way * plan.height / 2, y2 - way * (plan.height / 2 + 2)
    dash = ' stroke-dasharray="6 4"' if link.control else ""
    label = link.label + (f" {format_value(at(result, link.series, t))}" if link.series else "")
    tx, ty = (x1 + x2) / 2, (y1 + y2) / 2
    up = plan.height / 2 if plan.above else 0
    tx, ty = (tx, ty - up - 7) if level else (tx + 8, ty + 4)
    beside = 'text-anchor="middle"' if level else 'text-anchor="start"'
    return (f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{style.faint}" stroke-width="1.8" '
            f'fill="none" marker-end="url(#tip)"{dash}/>'
            f'<text x="{tx:g}" y="{ty:g}" {beside} font-size="{plan.link}" paint-order="stroke" '
            f'stroke="{style.paper}" stroke-width="4">{escape(label)}</text>')
