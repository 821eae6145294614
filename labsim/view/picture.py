"""The system picture: the boxes and arrows of the architecture with live numbers, as SVG."""

from html import escape

import numpy as np

from labsim.kit.text import figure
from labsim.view.style import Style

COLUMN, ROW, WIDTH, HEIGHT, MARGIN = 236, 132, 176, 88, 8
SHAPES = ('<rect x="{x}" y="{y}" width="7" height="7" fill="{ink}"/>',
          '<rect x="{x}.5" y="{y}.5" width="6" height="6" fill="none" stroke="{ink}"/>',
          '<path d="M{x} {y}l7 7m0 -7l-7 7" stroke="{ink}" fill="none"/>')
MOST_SHAPES = 22


def at(result, name: str, t: float) -> float:
    """Value of a series at `t` seconds: that of the last instant not after `t`."""
    series = result.series[name]
    index = int(np.searchsorted(series.t, t, side="right")) - 1
    return float(series.value[max(index, 0)])


def picture(lab, result, t: float, *, dark: bool = False) -> str:
    """SVG of the system at `t` seconds into the run `result`, with a description in words."""
    style = Style(dark=dark)
    columns = 1 + max(box.at[0] for box in lab.boxes)
    rows = 1 + max(box.at[1] for box in lab.boxes)
    width = (columns - 1) * COLUMN + WIDTH + 2 * MARGIN
    height = (rows - 1) * ROW + HEIGHT + 2 * MARGIN
    words = "; ".join(f"{box.name}: " + ", ".join(
        f"{figure(at(result, series, t))} {label}" for label, series in box.show)
        for box in lab.boxes)
    places = {box.name: box.at for box in lab.boxes}
    parts = [_link(link, places, result, t, style) for link in lab.links]
    parts += [_box(box, result, t, style) for box in lab.boxes]
    return (f'<svg viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg" '
            f'style="width:100%;max-width:{width}px;background:{style.paper}" '
            f'font-family="sans-serif" font-size="13" fill="{style.ink}">'
            f"<title>The system at {figure(t)} s</title><desc>{escape(words)}</desc>"
            f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{style.faint}"/>'
            f"</marker></defs>{''.join(parts)}</svg>")


def _box(box, result, t, style) -> str:
    x, y = MARGIN + box.at[0] * COLUMN, MARGIN + box.at[1] * ROW
    rings = bool(box.alarm) and at(result, box.alarm, t) > 0
    edge = f'stroke="{style.lines[1]}" stroke-width="4"' if rings else (
        f'stroke="{style.faint}" stroke-width="1.5"')
    out = [f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
           f'fill="{style.grid if style.dark else "#f6f8fa"}" {edge}/>',
           f'<text x="{x + 10}" y="{y + 20}" font-weight="bold">{escape(box.name)}</text>']
    if rings:
        out.append(f'<text x="{x + WIDTH - 8}" y="{y + 20}" text-anchor="end" '
                   f'font-weight="bold">! ALARM</text>')
    for i, (label, series) in enumerate(box.show):
        value, line = at(result, series, t), y + 40 + 18 * i
        out.append(f'<text x="{x + 10}" y="{line}"><tspan font-weight="bold">{figure(value)}'
                   f'</tspan> {escape(label)}</text>')
        if result.series[series].unit == "instances" and len(box.show) > 1:
            out.append(_shapes(int(value), i, x + 105, line - 10, style))
    return "".join(out)


def _shapes(n: int, kind: int, x: int, y: int, style) -> str:
    """Up to `MOST_SHAPES` little squares for `n` instances, in two rows."""
    half = MOST_SHAPES // 3
    shape = SHAPES[kind % 3]
    drawn = "".join(shape.format(x=x + 9 * (i % half), y=y + 1, ink=style.lines[0])
                    for i in range(min(n, half - 1)))
    more = f'<text x="{x + 9 * (half - 1)}" y="{y + 9}">+</text>' if n >= half else ""
    return drawn + more


def _link(link, places, result, t, style) -> str:
    (c1, r1), (c2, r2) = places[link.start], places[link.end]
    x1, y1 = MARGIN + c1 * COLUMN + WIDTH / 2, MARGIN + r1 * ROW + HEIGHT / 2
    x2, y2 = MARGIN + c2 * COLUMN + WIDTH / 2, MARGIN + r2 * ROW + HEIGHT / 2
    if c1 != c2 and r1 == r2:
        way = 1 if c2 > c1 else -1
        x1, x2 = x1 + way * WIDTH / 2, x2 - way * (WIDTH / 2 + 2)
    else:
        way = 1 if r2 > r1 else -1
        y1, y2 = y1 + way * HEIGHT / 2, y2 - way * (HEIGHT / 2 + 2)
    dash = ' stroke-dasharray="6 4"' if link.control else ""
    label = link.label + (f" {figure(at(result, link.series, t))}" if link.series else "")
    beside = 'text-anchor="middle"' if r1 == r2 else 'text-anchor="start"'
    tx, ty = (x1 + x2) / 2, (y1 + y2) / 2
    tx, ty = (tx, ty - 7) if r1 == r2 else (tx + 8, ty + 4)
    return (f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{style.faint}" stroke-width="1.8" '
            f'fill="none" marker-end="url(#tip)"{dash}/>'
            f'<text x="{tx:g}" y="{ty:g}" {beside} font-size="11.5">{escape(label)}</text>')
