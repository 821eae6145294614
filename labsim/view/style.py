"""Colours and sizes: readable by colour-blind people, on a projector, in light and dark.

The palette is Okabe and Ito's (2008). Nothing is told by colour alone: the n-th curve of a panel
also has the n-th dash.
"""

from dataclasses import dataclass

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES_DARK = ("#56B4E9", "#E69F00", "#35C494", "#E4A3C6")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))


@dataclass(frozen=True)
class Style:
    """One look. Sizes in points; figure in inches at `dpi`."""

    dark: bool = False
    large: bool = False
    dpi: int = 100

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure, inches."""
        return (7.8, 5.4)

    @property
    def font(self) -> float:
        """Size of the type, points."""
        return 11.5 if self.large else 8.5

    @property
    def width(self) -> float:
        """Width of a curve, points."""
        return 2.4 if self.large else 1.5

    @property
    def lines(self) -> tuple[str, ...]:
        """Colour of the n-th curve of a panel."""
        return LINES_DARK if self.dark else LINES

    @property
    def ink(self) -> str:
        """Colour of text."""
        return "#e8e8e8" if self.dark else "#222222"

    @property
    def faint(self) -> str:
        """Colour of frames and arrows."""
        return "#9a9a9a" if self.dark else "#6f6f6f"

    @property
    def grid(self) -> str:
        """Colour of grid lines."""
        return "#3a3a3a" if self.dark else "#e3e3e3"

    @property
    def paper(self) -> str:
        """Colour of the background."""
        return "#181818" if self.dark else "#ffffff"
