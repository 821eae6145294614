"""Pictures of results and the widget explorer. Reads results; never reaches into a model."""

from labsim.kit.registry import lab
from labsim.view.compare import Comparison, compare
from labsim.view.figure import LiveFigure

__all__ = ["Comparison", "compare", "plot"]


def plot(result):
    """The lab's panels for one run, as a `matplotlib.figure.Figure`."""
    return LiveFigure(lab(result.slug), live=False).draw(result)
