"""The system picture: the boxes and arrows of the architecture with a moment's numbers, as SVG.

Picture the plan on the wall of a control room, photographed: what moves on the stage stands still
here, for a page that is printed or read.
"""

import os
from html import escape

import numpy as np

from labsim.declare.drawing import MOST_BARS, bar_name
from labsim.declare.faults import checked
from labsim.errors import ends_in
from labsim.text import format_value, labelled
from labsim.view.style import Style

MARGIN, COLUMN, ROW, WIDTH, HEIGHT = 8, 236, 132, 176, 88   # pixels: between boxes, of a box
TEXT, LINK = 13, 11.5                                       # sizes of type
NAME, FIRST, PITCH = 20, 40, 18     # from the top of a box: its name, its first number, the next
BARS, BARRED = 24, (36, 15)         # height of full columns; numbers of a box that has some
SHAPES = ('<rect x="{x}" y="{y}" width="7" height="7" fill="{ink}"/>',
          '<rect x="{x}.5" y="{y}.5" width="6" height="6" fill="none" stroke="{ink}"/>',
          '<path d="M{x} {y}l7 7m0 -7l-7 7" stroke="{ink}" fill="none"/>')
MOST_SHAPES = 6
WIDE = 0.53     # mean width of a character, in font sizes


def at(result, name: str, t: float) -> float:
    """Value of a series at `t` seconds: that of the last instant not after `t`; 0 where a system
    has been wired without that part."""
    if name not in result.series:
        return 0.0
    series = result.series[name]
    index = int(np.searchsorted(series.t, t, side="right")) - 1
    return float(series.value[max(index, 0)])


def picture(lab, result, t: float, *, dark: bool = False) -> str:
    """SVG of the system at `t` seconds into the run `result`, with a description in words."""
    style = Style(dark=dark)
    width = max(box.at[0] for box in lab.boxes) * COLUMN + WIDTH + 2 * MARGIN
    height = max(box.at[1] for box in lab.boxes) * ROW + HEIGHT + 2 * MARGIN
    places = {box.name: box.at for box in lab.boxes}
    parts = [_link(link, places, result, t, style) for link in lab.links]
    held = {fault.part for fault in checked(result.params.faults) if fault.at <= t < fault.end}
    parts += [_box(box, result, t, style, held) for box in lab.boxes]
    return (f'<svg viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg" '
            f'style="width:100%;max-width:{width}px;background:{style.paper}" '
            f'font-family="sans-serif" font-size="{TEXT}" fill="{style.ink}">'
            f"<title>The system at {format_value(t, 's')}</title>"
            f"<desc>{escape(described(lab, result, t))}</desc>"
            f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{style.faint}"/>'
            f"</marker></defs>{''.join(parts)}</svg>")


class Diagram:
    """The system picture at a moment of a run; shows itself in a notebook, in words elsewhere."""

    def __init__(self, result, t: float):
        self.result, self.t = result, t

    def __repr__(self) -> str:
        told = described(self.result.lab, self.result, self.t)
        return f"At {format_value(self.t, 's')}: {told}"

    def save(self, file: str | os.PathLike) -> None:
        """Write it into `file`, whose name ends in .svg."""
        with open(ends_in("picture", file, ".svg"), "w", encoding="utf-8") as out:
            out.write(self._repr_html_())

    def _repr_html_(self) -> str:
        return picture(self.result.lab, self.result, self.t)


def described(lab, result, t: float) -> str:
    """What the boxes show at `t` seconds."""
    return "; ".join(f"{box.name}: " + ", ".join(
        labelled(at(result, series, t), _unit(result, series), label)
        for label, series in box.show) for box in lab.boxes)


def _unit(result, name: str) -> str:
    return result.series[name].unit if name in result.series else ""


def _corner(place) -> tuple[int, int]:
    return MARGIN + place[0] * COLUMN, MARGIN + place[1] * ROW


def _fitted(text: str, room: float) -> float:
    """The size of type, at most TEXT, in which the text fits into `room`."""
    return round(min(TEXT, room / (max(len(text), 1) * WIDE)), 1)


def _box(box, result, t, style, held) -> str:
    x, y = _corner(box.at)
    rings = bool(box.alarm) and at(result, box.alarm, t) > 0
    edge = f'stroke="{style.lines[1]}" stroke-width="4"' if rings else (
        f'stroke="{style.faint}" stroke-width="1.5"')
    room = WIDTH - 16
    size = _fitted(box.name, room)
    squeezed = f' textLength="{room}" lengthAdjust="spacingAndGlyphs"' if size < TEXT else ""
    out = [f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
           f'fill="{style.grid if style.dark else "#f6f8fa"}" {edge}/>'
           f'<text x="{x + 8}" y="{y + NAME}" font-weight="bold" '
           f'font-size="{size}"{squeezed}>{escape(box.name)}</text>']
    if rings:
        out.append(f'<text x="{x + WIDTH - 8}" y="{y + NAME}" text-anchor="end" '
                   f'font-weight="bold">! ALARM</text>')
    if box.bars:
        out.append(_bars(box.bars, result, t, x, y, style))
    first, pitch = BARRED if box.bars else (FIRST, PITCH)
    for i, (label, series) in enumerate(box.show):
        value, line = at(result, series, t), y + first + pitch * i
        number = labelled(value, _unit(result, series), "")
        size = _fitted(label, max(room - (len(number) + 1) * WIDE * TEXT, room / 3))
        out.append(f'<text x="{x + 8}" y="{line}"><tspan font-weight="bold">{number}</tspan> '
                   f'<tspan font-size="{size}">{escape(label)}</tspan></text>')
        counted = series in result.series and result.series[series].unit == "instances"
        if counted and len(box.show) > 1:
            out.append(_shapes(int(value), i, x + 105, line - 10, style))
    return "".join(out) + (_broken(box.breaks, held, x, y, style) if box.breaks else "")


def _broken(piece: str, held, x: int, y: int, style) -> str:
    """What of a box is broken: all of it crossed out, one of several named on its upper edge."""
    stem, _, number = piece.rpartition("-")
    several = stem and number.isdigit()
    broken = sorted(one for one in held if one == piece or (
        several and one.rpartition("-")[0] == stem and one[-1].isdigit()))
    if not broken:
        return ""
    if not several:
        return (f'<path d="M{x + 6} {y + 6}L{x + WIDTH - 6} {y + HEIGHT - 6}M{x + 6} '
                f'{y + HEIGHT - 6}L{x + WIDTH - 6} {y + 6}" stroke="{style.lines[1]}" '
                f'stroke-width="5" opacity=".55"/>')
    text = f"\u2715 {', '.join(broken)}"
    size = _fitted(text, WIDTH - 20)
    wide = round(len(text) * size * WIDE) + 10
    return (f'<rect x="{x + WIDTH - wide - 4}" y="{y - 8}" width="{wide}" height="18" rx="4" '
            f'fill="{style.lines[1]}"/><text x="{x + WIDTH - 9}" y="{y + 6}" text-anchor="end" '
            f'font-size="{size}" font-weight="bold" '
            f'style="fill:{"#111" if style.dark else "#fff"}">{escape(text)}</text>')


def _bars(bars, result, t, x: int, y: int, style) -> str:
    """A column per shard or replica, its limit dashed; what is over the limit has a mark on it."""
    prefix, count = bars
    n = min(int(at(result, count, t)), MOST_BARS)
    foot, wide, out = y + HEIGHT - 5, (WIDTH - 20) / max(n, MOST_BARS // 2), []
    for i in range(n):
        load = at(result, bar_name(prefix, i), t)
        left, tall = x + 10 + i * wide, max(min(load, 1.2), 0.02) * BARS
        over = load > 1.001
        out.append(f'<rect class="bar" x="{left:.1f}" y="{foot - tall:.1f}" width="{wide - 2:.1f}" '
                   f'height="{tall:.1f}" fill="{style.lines[over]}"/>')
        if over:
            out.append(f'<text x="{left + wide / 2 - 1:.1f}" y="{foot - 2}" font-size="10" '
                       f'text-anchor="middle" fill="{style.paper}" font-weight="bold">!</text>')
    out.append(f'<path d="M{x + 8} {foot - BARS}h{WIDTH - 16}" stroke="{style.ink}" '
               'stroke-dasharray="3 3" stroke-width="1"/>')
    return "".join(out)


def _shapes(n: int, kind: int, x: int, y: int, style) -> str:
    """Little squares for `n` instances, a plus for those that have no room."""
    drawn = "".join(SHAPES[kind % 3].format(x=x + 9 * i, y=y + 1, ink=style.lines[0])
                    for i in range(min(n, MOST_SHAPES)))
    return drawn + (f'<text x="{x + 9 * MOST_SHAPES}" y="{y + 9}">+</text>'
                    if n > MOST_SHAPES else "")


def _link(link, places, result, t, style) -> str:
    start, end = places[link.start], places[link.end]
    (x1, y1), (x2, y2) = ((x + WIDTH / 2, y + HEIGHT / 2) for x, y in map(_corner, (start, end)))
    level = start[1] == end[1]
    if level:
        way = 1 if x2 > x1 else -1
        x1, x2 = x1 + way * WIDTH / 2, x2 - way * (WIDTH / 2 + 2)
    else:
        way = 1 if y2 > y1 else -1
        y1, y2 = y1 + way * HEIGHT / 2, y2 - way * (HEIGHT / 2 + 2)
    dash = ' stroke-dasharray="6 4"' if link.control else ""
    label = link.label + (f" {format_value(at(result, link.series, t))}" if link.series else "")
    tx, ty = (x1 + x2) / 2, (y1 + y2) / 2
    tx, ty = (tx, ty - 7) if level else (tx + 8, ty + 4)
    return (f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{style.faint}" stroke-width="1.8" '
            f'fill="none" marker-end="url(#tip)"{dash}/>'
            f'<text x="{tx:g}" y="{ty:g}" text-anchor="{"middle" if level else "start"}" '
            f'font-size="{LINK}" paint-order="stroke" '
            f'stroke="{style.paper}" stroke-width="4">{escape(label)}</text>')
