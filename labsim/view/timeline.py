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


class Timeline:
    """The artists of a panel's spans on its `axes`; `fill` puts a run's spans in."""

    def __init__(self, axes, panel, style: Style, live: bool):
        self.axes, self.style = axes, style
        self._kinds = (*panel.bars, *panel.moments)
        self._shown: list[bool] = []
        self._rows: tuple[str, ...] | None = None
        axes.tick_params(axis="y", labelsize=style.font - 1.5)
        self._bars = []
        for kind, (_, _, hatch), colour in zip(panel.bars, LOOKS, COLOURS):
            ink = style.faint if colour is None else style.lines[colour]
            look = dict(facecolor=style.paper if hatch else ink, edgecolor=ink, hatch=hatch,
                        linewidth=0.7, label=kind, zorder=2)    # above the grid
            bars = PolyCollection([], animated=live, **look)
            axes.add_collection(bars, autolim=False)
            thin = Line2D([], [], color=ink, linewidth=2, label=kind)
            self._bars.append((bars, Patch(**look) if self._bars else thin))
        size = style.font * 0.5
        self._signs = [axes.plot([], [], linestyle="", marker=sign, color=style.ink, label=kind,
                                 markersize=1.5 * size if sign == "|" else size, animated=live,
                                 markerfacecolor=style.paper if sign in "od" else style.ink)[0]
                       for kind, sign in zip(panel.moments, SIGNS)]
        self.artists = [*(bars for bars, _ in self._bars), *self._signs]

    def fill(self, spans, seconds: float) -> tuple[tuple[str, ...], list[bool]]:
        """Put the spans in; returns the rows' names from the top, and which kinds there are."""
        rows = tuple(dict.fromkeys(span.row for span in spans)) or ("",)
        height = {row: len(rows) - 0.5 - i for i, row in enumerate(rows)}
        of_kind: dict[str, list] = {kind: [] for kind in self._kinds}
        for span in spans:
            of_kind[span.kind].append((span.start / seconds, span.end / seconds,
                                       height[span.row]))
        for kind, (bars, _), (below, above, _) in zip(self._kinds, self._bars, LOOKS):
            start, end, y = np.array(of_kind[kind] or np.empty((0, 3))).T
            low, high = y + below, y + above
            bars.set_verts(np.stack([start, low, start, high, end, high, end, low],
                                    axis=1).reshape(-1, 4, 2))
        for kind, sign in zip(self._kinds[len(self._bars):], self._signs):
            start, _, y = np.array(of_kind[kind] or np.empty((0, 3))).T
            sign.set_data(start, y)
        self._shown = [bool(of_kind[kind]) for kind in self._kinds]
        if rows != self._rows:
            self._rows = rows
            each = math.ceil(len(rows) / MOST_NAMES)
            self.axes.yaxis.set_major_locator(FixedLocator([height[r] for r in rows[::each]]))
            self.axes.yaxis.set_major_formatter(FixedFormatter(rows[::each]))
        return rows, list(self._shown)

    def handles(self) -> list:
        """What the legend shows: the kinds that there are."""
        handles = [*(patch for _, patch in self._bars), *self._signs]
        return [handle for handle, shown in zip(handles, self._shown) if shown]
