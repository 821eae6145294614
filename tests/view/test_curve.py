"""A curve drawn: its points where they are, its words within the picture."""

import contextlib
import io
import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from over_labs import LABS, each_lab
from PIL import Image

import labsim
from labsim.view.alt import description
from labsim.view.style import Style

LAB = labsim.lab("sqs-asg")
STEADY = {"duration": 600, "policy": "none", "workload": "steady"}


def texts(figure):
    """All words of a figure that are seen."""
    found = [*figure.texts]
    for axes in figure.axes:
        found += [axes.title, axes._left_title, axes.xaxis.label, *axes.texts]
        for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            found += [tick.label1 for tick in axis.get_major_ticks()
                      if min(ends) <= tick.get_loc() <= max(ends)]
        if axes.get_legend():
            found += axes.get_legend().get_texts()
    return [text for text in found if text.get_text() and text.get_visible()]


def test_a_line_goes_through_its_points_and_has_their_interval():
    """Each mean where it is, from the low to the high end of its interval."""
    curve = LAB.curve("wait_p95", over={"instances": [6, 7, 8]}, seeds=4, **STEADY)
    axes, = curve.plot().axes
    line, = axes.lines
    assert line.get_xydata().tolist() == [[p.x, p.mean] for p in curve.lines[0].points]
    ends = [segment.tolist() for segment in axes.collections[1].get_segments()]
    assert ends == [[[p.x, p.low], [p.x, p.high]] for p in curve.lines[0].points]
    assert axes.get_title(loc="left") == "Wait, 95th percentile (s)"
    assert axes.get_xlabel() == "Instances at start"


def test_a_single_run_has_no_interval():
    """Nor a shade."""
    axes, = LAB.curve("wait_p95", over={"instances": [6, 7]}, seeds=1, **STEADY).plot().axes
    assert not axes.collections


def test_theory_is_dashed_and_named():
    """Beside the line, in the same unit."""
    curve = LAB.curve("wait_mean", over={"arrival_rate": [1.0, 2.0, 2.25]}, at="1", seeds=3)
    axes, = curve.plot().axes
    _, theory = axes.lines
    assert theory.get_xydata().tolist() == [[*xy] for xy in zip(curve.lines[0].theory_x,
                                                                curve.lines[0].theory_y)]
    assert theory.is_dashed()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "wait, mean", "theory: Erlang C"]


def test_a_wait_below_half_a_second_is_in_milliseconds():
    """The line, its theory, and the title."""
    curve = LAB.curve("wait_mean", over={"arrival_rate": [1.0, 1.2, 1.5]}, at="1", seeds=3)
    axes, = curve.plot().axes
    assert axes.get_title(loc="left") == "Wait, mean (ms)"
    line, theory = axes.lines
    assert line.get_ydata().tolist() == [1000 * p.mean for p in curve.lines[0].points]
    assert theory.get_ydata().tolist() == [1000 * y for y in curve.lines[0].theory_y]


def test_measurements_are_marks():
    """With whose they are."""
    curve = labsim.lab("lambda-concurrency").curve(
        "latency_mean", over="memory", at="Cold start of .NET, by memory", seeds=1)
    axes, = curve.plot().axes
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert crosses[0].get_xydata().tolist() == [
        [x, y] for x, y, _ in curve.lines[0].measured[0].figures]
    assert "measured on AWS: Cold start of .NET, by memory" in [
        text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("rate, end", [(2.0, 100.0), (0.1, None)])
def test_a_share_ends_at_a_hundred_percent(rate, end):
    """Unless all of it is within the first tenth; the end of an interval does not count."""
    curve = LAB.curve("utilization", over={"instances": [10, 20]}, seeds=3, arrival_rate=rate,
                      **STEADY)
    axes, = curve.plot().axes
    means = [100 * p.mean for p in curve.lines[0].points]
    assert axes.lines[0].get_ydata().tolist() == means
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] == (end or pytest.approx(1.08 * max(
        100 * p.high for p in curve.lines[0].points)))
    assert axes.yaxis.get_major_formatter()(50.0, 0) == "50%"


def test_values_over_decades_are_on_a_logarithmic_axis():
    """Unless it is said otherwise; nothing is on none."""
    over = {"arrival_rate": [1.0, 2.0, 2.7]}

    def scale(**options):
        return LAB.curve("wait_mean", over=over, at="1", seeds=2, **options).plot().axes[0]
    assert scale().get_yscale() == "log" and scale(log=False).get_yscale() == "linear"
    assert scale(instances=60).get_yscale() == "linear"


def test_readings_of_one_unit_are_on_one_pair_of_axes():
    """Others beside them; with lines of a second parameter each has its own."""
    options = dict(over={"instances": [10, 12]}, seeds=2, **STEADY)
    names = ("wait_mean", "wait_p95", "utilization")
    titles = [axes.get_title(loc="left") for axes in LAB.curve(*names, **options).plot().axes]
    assert titles == ["Seconds", "Utilization (of instance time)"]
    axes = LAB.curve(*names, by={"service_cv": [0.0, 1.0]}, **options).plot().axes
    assert [len(one.lines) for one in axes] == [4, 2, 2]    # the first with theory


def test_words_are_bars_with_their_numbers():
    """A bar as long as its mean, the number behind it, the name before it."""
    curve = LAB.curve("cost_usd", over=["3", "4"], seeds=3)
    axes, = curve.plot().axes
    assert [bar.get_width() for bar in axes.patches] == [
        p.mean for p in curve.lines[0].points]
    assert [text.get_text() for text in axes.texts] == ["1.68", "1.19"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["One-minute metrics",
                                                                    "Golden AMI"]


def test_a_point_left_out_is_said_in_the_picture():
    """Below the axes, and to those who can't see it."""
    curve = LAB.curve("wait_p95", over={"min_size": [1, 5, 50]}, seeds=2, instances=10)
    figure = curve.plot()
    note = figure.texts[0].get_text().replace("\n", " ")
    assert note.startswith("mean and 95% interval of 2 runs each, seeds 1 to 2")
    assert "left out: 50 instances (instances: given 10" in note
    assert "left out: 50 instances" in figure.alt


def test_it_shows_itself_with_its_words():
    """A PNG that says what it shows, and a text with the numbers."""
    curve = LAB.curve("wait_mean", over={"arrival_rate": [1.0, 2.0]}, at="1", seeds=3)
    png = curve._repr_png_()
    assert Image.open(io.BytesIO(png)).size[0] == 780
    first, last = (p.mean for p in curve.lines[0].points)
    assert description(png) == (
        "A queue in front of an Auto Scaling group, mean and 95% interval of 3 runs each, seeds 1 "
        f"to 3, over Arrival rate (msg/s). wait, mean: {1e3 * first:.3g} ms at 1 msg/s, "
        f"{1e3 * last:.3g} ms at 2 msg/s; theory, Erlang C, is dashed.")
    head, _, columns, _, row, _ = repr(curve).splitlines()
    assert head.endswith("3 runs each, seeds 1 to 3")
    assert columns.split("  ")[0] == "Arrival rate (msg/s)" and "wait, mean (s)" in columns
    assert row.split("  ")[0] == "1" and f"{first:.3g} \u00b1 " in row


def cut_off(figure):
    """The words that are not within the figure, or lie on another's."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    width, height = canvas.get_width_height()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(figure)]
    out = [name for name, b in boxes
           if not (-1 <= b.x0 and b.x1 <= width + 1 and -1 <= b.y0 and b.y1 <= height + 1)]
    for i, (name, one) in enumerate(boxes):
        out += [f"{name} on {other}" for other, two in boxes[i + 1:]
                if one.padded(-2).overlaps(two.padded(-2))]
    return out


MANY = [f"A name of a preset as long as names of presets are, {i}" for i in range(8)]


@pytest.mark.parametrize("style", [Style(), Style(dark=True)])
@pytest.mark.parametrize("options", [
    {"over": "arrival_rate"}, {"over": "cooldown", "by": {"policy": ["simple", "step"]}},
    {"over": "instances", "by": {"service_cv": [0.0, 0.5, 1.0, 1.5]}, "at": "1"},
    {"over": "policy"}, {"over": "policy", "by": {"drain": [False, True]}},
    {"over": {"instances": range(5, 13)}}, {"over": ["2", "3", "4", "5", "8", "12"]},
    {"over": dict.fromkeys(MANY, "4")}, {"over": {"min_size": [1, 5, 50]}, "instances": 10},
    {"over": {"cooldown": [60, 300]}, "by": dict.fromkeys(MANY, "4")}])
@pytest.mark.parametrize("metrics", [("wait_mean",), ("wait_p95", "utilization", "cost_usd")])
def test_nothing_is_cut_off(metrics, options, style):
    """Every word is within the picture, and none lies on another."""
    curve = LAB.curve(*metrics, seeds=2, duration=1_200, **options)
    assert not cut_off(curve.plot(style))


@each_lab
def test_every_lab_has_curves(slug):
    """Of its headline metrics over the first parameter with a slider: finite numbers, a picture."""
    lab = LABS[slug]
    name = next(name for name, spec in lab.Params.specs().items() if spec.slider)
    curve = lab.curve(over=name, seeds=2)
    assert all(math.isfinite(p.mean) for line in curve.lines for p in line.points)
    assert not cut_off(curve.plot())


@each_lab
def test_what_is_declared_as_theory_applies_somewhere(slug):
    """Where a metric declares a closed form, it says something in a preset, or with a choice."""
    lab = LABS[slug]
    situations = [lab.Params(), *(lab.preset(preset.title) for preset in lab.presets)]
    for name, spec in lab.Params.specs().items():
        for choice in spec.choices:
            with contextlib.suppress(labsim.ParameterError):    # it wants another one, too
                situations.append(lab.Params(**{name: choice}))
    for metric in lab.metrics:
        if metric.theory:
            values = [metric.theory.applied(params)[0] for params in situations]
            assert any(value is not None and math.isfinite(value) for value in values), metric.name
