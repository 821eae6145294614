"""What was measured and what the model gives, on one axis."""

import dataclasses
import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from labsim.measurements import measurements
from labsim.study.comparison import Comparison, Figure, MeasuredTable
from labsim.view.measured import WIDEST, draw
from labsim.view.style import Style

OF = measurements()["lambda-memory"]


def one(name, *pairs, se=math.nan, over=""):
    """A comparison of (measured, model) pairs."""
    figures = (Figure(float(i + 1), a, se, b) for i, (a, b) in enumerate(pairs))
    return Comparison("lambda-concurrency", name, "s", OF, over, tuple(figures), "")


TABLE = MeasuredTable([one("near", (10, 11), se=1.0), one("far", (10, 35)),
                       one("curve", (1, 1.1), (2, 2.1), (30, 29), over="memory_mb")])


def test_every_row_says_both_numbers_and_how_far():
    """In its words, and at its place on the axis: measured is 1, and it is off by colour, form and
    word."""
    figure = draw(TABLE)
    ratio, curve = figure.axes
    texts = [text.get_text() for text in ratio.texts]
    assert "AWS 10 \u00b1 1, here 11 s" in texts and "+250%  OFF" in texts
    points = {round(x, 3) for line in ratio.lines for x in line.get_xdata()}
    assert {1.1, 3.5, 1.05} <= points
    assert {line.get_marker() for line in ratio.lines if len(line.get_xdata())} == {
        "o", "D", "None"}
    assert curve.get_yscale() == "log" and curve.get_title(loc="left") == "curve (s)"


def test_a_model_that_is_wide_of_the_mark_is_at_the_edge():
    """A thousand times too much, or nothing at all, is an arrow and does not hide the others."""
    axes, = draw(MeasuredTable([one("far", (1, 1_000)), one("none", (1, 0.0)),
                                one("never", (1, math.inf))])).axes
    low, high = axes.get_xlim()
    assert high == pytest.approx(1 / low) and high < 1.1 * WIDEST
    arrows = {line.get_marker(): len(line.get_xdata()) for line in axes.lines}
    assert arrows["<"] + arrows[">"] == 1


def test_the_picture_in_words():
    """For those who can't see it."""
    assert draw(TABLE).alt.startswith("Measurements on AWS: 2 of 3 near")
    assert "far: 10 s measured, 35 s here, +250%, OFF." in draw(TABLE).alt


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_cut_off(dark):
    """Every word is within the picture, and none lies on another of its column."""
    long = dataclasses.replace(
        one("A name that is as long as names of comparisons get", (0.674, 0.683),
            (8.4, 11.9), over="memory_mb", se=0.5), unit="environments", fitted=True)
    figure = draw(MeasuredTable([*TABLE, long]), Style(dark=dark))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    width, height = canvas.get_width_height()
    boxes = [text.get_window_extent(renderer).padded(-2) for axes in figure.axes
             for text in axes.texts]
    assert all(0 <= b.x0 and b.x1 <= width and 0 <= b.y0 and b.y1 <= height for b in boxes)
    assert not any(a is not b and a.overlaps(b) for a in boxes for b in boxes)
