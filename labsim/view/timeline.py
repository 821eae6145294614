"""The timeline of a panel: a row per thing, bars for what lasts, signs for moments.

Picture the strips of paper on an air controller's board, one per aeroplane. Each kind of bar has a
height and a hatch of its own, each kind of moment a sign, so that nothing is told by colour alone.
"""

import math

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator

from labsim.view.style import Style

# Of the n-th kind of bar: where in its row it begins and ends (0: the middle), and its hatch; one
# without a hatch is filled. The first is a thread, the third leaves half of the second in sight.
LOOKS = ((-0.08, 0.08, ""), (-0.38, 0.38, ""), (-0.38, 0.06, "//////"), (-0.25, 0.25, "....."))
COLOURS = (None, 0, 1, 2)       # of the style's lines; None: that of frames
SIGNS = "|oXvd+"
MOST_NAMES = 13                 # rows with a name beside them


def draw(axes, panel, spans, seconds: float, style: Style) -> tuple[tuple[str, ...], list]:
    """Put a run's spans on the axes; the rows' names from the top, and what the legend shows: the
    kinds that there are."""
    rows = tuple(dict.fromkeys(span.row for span in spans)) or ("",)
    height = {row: len(rows) - 0.5 - i for i, row in enumerate(rows)}
    of_kind: dict[str, list] = {kind: [] for kind in (*panel.bars, *panel.moments)}
    for span in spans:
        of_kind[span.kind].append((span.start / seconds, span.end / seconds, height[span.row]))
    found = {kind: np.array(places).T for kind, places in of_kind.items() if places}
    handles = []
    for i, (kind, (below, above, hatch), colour) in enumerate(zip(panel.bars, LOOKS, COLOURS)):
        if kind not in found:
            continue
        ink = style.faint if colour is None else style.lines[colour]
        look = dict(facecolor=style.paper if hatch else ink, edgecolor=ink, hatch=hatch,
                    linewidth=0.7, label=kind, zorder=2)    # above the grid
        start, end, y = found[kind]
        low, high = y + below, y + above
        axes.add_collection(PolyCollection(np.stack(
            [start, low, start, high, end, high, end, low], axis=1).reshape(-1, 4, 2), **look),
            autolim=False)
        handles.append(Patch(**look) if i else Line2D([], [], color=ink, linewidth=2, label=kind))
    size = style.font * 0.5
    for kind, sign in zip(panel.moments, SIGNS):
        if kind in found:
            start, _, y = found[kind]
            handles += axes.plot(start, y, linestyle="", marker=sign, color=style.ink, label=kind,
                                 markersize=1.5 * size if sign == "|" else size,
                                 markerfacecolor=style.paper if sign in "od" else style.ink)
    each = math.ceil(len(rows) / MOST_NAMES)
    axes.tick_params(axis="y", labelsize=style.font - 1.5)
    axes.yaxis.set_major_locator(FixedLocator([height[row] for row in rows[::each]]))
    axes.yaxis.set_major_formatter(FixedFormatter(rows[::each]))
    return rows, handles
