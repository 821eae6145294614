"""A trace before anything is run: a strip of blocks as wide as a terminal, and a picture.

Picture the roll of a seismograph, cut to the width of the table: each column is the mean rate of
its stretch, and a dot over it the busiest period in it, which the mean hides.
"""

from datetime import datetime, timedelta

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from labsim.text import format_value
from labsim.view.figure import LabFigure, frame
from labsim.view.scales import nice_top, time_unit
from labsim.view.style import Style

BLOCKS, PLAIN = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588", " ..::##@@"
PEAK = "\u00b7", "'"
HEIGHT = 8
STRETCHES = 400       # of a picture


def stretches(trace, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The start (s), the mean and the highest rate (1/s) of `n` stretches of about equal length,
    or of each period where there are fewer."""
    rates = trace.counts / trace.period
    edges = np.unique(np.linspace(0, len(rates), min(n, len(rates)) + 1).astype(int))
    sums = np.add.reduceat(rates, edges[:-1])
    return (edges[:-1] * trace.period, sums / np.diff(edges),
            np.maximum.reduceat(rates, edges[:-1]))


def strip(trace, width: int, plain: bool = False) -> str:
    """The trace in lines of `width` characters; plain: of ASCII."""
    blocks, dot = PLAIN if plain else BLOCKS, PEAK[plain]
    top = nice_top(trace.counts.max() / trace.period)
    label = f"{format_value(top)}/s "
    columns = max(width - len(label), 10)
    _, means, peaks = stretches(trace, columns)
    wide = np.repeat(np.arange(len(means)), -(-columns // len(means)))[:columns] if len(
        means) < columns else np.arange(len(means))
    full = np.rint(means[wide] / top * HEIGHT * 8).astype(int)
    at = np.minimum((peaks[wide] / top * HEIGHT).astype(int), HEIGHT - 1)
    rows = []
    for row in reversed(range(HEIGHT)):
        filled = np.clip(full - 8 * row, 0, 8)
        rows.append((label if row == HEIGHT - 1 else " " * len(label)) + "".join(
            blocks[f] if f else dot if peak == row else " "
            for f, peak in zip(filled.tolist(), at.tolist())).rstrip())
    first, last = when(trace, 0), when(trace, trace.duration)
    if len(first) + len(last) < columns:
        rows.append(" " * len(label) + first + last.rjust(columns - len(first)))
    return "\n".join(rows)


def told(trace) -> list[str]:
    """What it is, in lines: its notes, the mean and the busiest period."""
    busiest = int(trace.counts.argmax())
    mean, most = trace.counts.mean() / trace.period, trace.counts[busiest] / trace.period
    return [*trace.notes, f"mean {format_value(mean)} requests/s; the busiest period has "
            f"{format_value(most)}/s, from {when(trace, busiest * trace.period)}"]


def when(trace, after: float) -> str:
    """The time so many seconds after its start, in its own time zone."""
    return (datetime.fromisoformat(trace.first) + timedelta(seconds=after)).isoformat(" ")


def picture(trace, style: Style | None = None) -> LabFigure:
    """The rate over time: the mean of each stretch, and up to its busiest period."""
    style = style or Style()
    figure = LabFigure(figsize=(style.size[0], style.size[1] / 2), dpi=style.dpi,
                       facecolor=style.paper)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.08, right=0.97, bottom=0.16, top=0.86)
    axes = figure.add_subplot()
    seconds, unit = time_unit(trace.duration)
    start, means, peaks = stretches(trace, STRETCHES)
    edges = np.append(start, trace.duration) / seconds
    axes.stairs(peaks, edges, color=style.lines[0], alpha=0.35, fill=True,
                label="busiest period" if len(means) < len(trace.counts) else None)
    axes.stairs(means, edges, color=style.lines[0], linewidth=style.width, label="mean")
    frame(axes, style)
    axes.set_xlim(0, trace.duration / seconds)
    axes.set_ylim(0, nice_top(peaks.max()))
    axes.set_facecolor(style.paper)
    axes.set_title(f"{trace.name} (requests/s)", loc="left", fontsize=style.font + 0.5,
                   color=style.ink, fontweight="bold")
    axes.set_xlabel(f"time ({unit}) from {trace.first}", fontsize=style.font - 0.5, color=style.ink)
    if len(means) < len(trace.counts):
        axes.legend(frameon=False, fontsize=style.font - 0.5, labelcolor=style.ink,
                    loc="upper right", ncols=2, bbox_to_anchor=(1, 1.16))
    figure.alt = "; ".join(told(trace))
    return figure
