"""Pictures: they show what the result says."""

import io
import statistics
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from over_labs import LABS, each_lab, some_labs
from PIL import Image

import labsim
from labsim.declare import MOST_BARS, bar_name
from labsim.text import labelled
from labsim.view.figure import draw
from labsim.view.scales import Axis, nice_top, time_unit
from labsim.view.style import Style
from labsim.view.system_diagram import at, picture


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@some_labs
def test_every_preset_is_drawn_and_differs(slug):
    """No two scenes of the story look the same; curves lie inside their axes."""
    lab, seen = LABS[slug], set()
    for preset in lab.presets:
        figure = draw(lab.run(lab.preset(preset.title)))
        seen.add(figure._repr_png_())
        for axes in figure.axes:
            for line in axes.lines:
                assert np.max(line.get_ydata(), initial=0.0) <= axes.get_ylim()[1]
    assert len(seen) == len(lab.presets)


@each_lab
def test_the_curves_are_the_series(slug):
    """What is drawn is what the result holds, in the unit of time that reads well; limits are
    where the parameters say."""
    lab = LABS[slug]
    result = lab.run()
    seconds, _ = time_unit(result.params.duration)
    for panel, axes in zip(lab.panels, draw(result).axes):
        drawn = {line.get_label(): line for line in axes.lines}
        for line in panel.drawn if not panel.bars else ():
            if line.series:
                series = result.series[line.series]
                assert (drawn[line.label].get_xdata() == series.t / seconds).all()
                assert (drawn[line.label].get_ydata() == series.value).all()
            elif (limit := line.limit(result.params)) is not None:
                assert limit in [one.get_ydata()[0] for one in axes.lines
                                 if one.get_label() == line.label]


@some_labs
def test_a_plot_is_a_figure_that_shows_itself(slug):
    """A bare Figure, without pyplot; the same bytes every time."""
    result = labsim.run(slug)
    png = result.plot()._repr_png_()
    assert png.startswith(b"\x89PNG") and png == result.plot()._repr_png_()
    assert len(np.unique(pixels(png).reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("style", [Style(), Style(large=True)], ids=["normal", "large"])
@some_labs
def test_titles_fit(slug, style):
    """No title leaves its half of the figure or runs into the signs of the marks."""
    figure = draw(LABS[slug].run(), style=style)
    figure.canvas.draw()
    width = figure.bbox.width
    for panel, axes in zip(LABS[slug].panels, figure.axes):
        title, signs = axes._left_title.get_window_extent(), axes.texts[0].get_window_extent()
        column = axes.get_subplotspec().colspan.start
        columns = axes.get_gridspec().ncols
        assert title.x1 <= width * (column + 1) / columns + 1, panel.title
        assert not panel.marks or title.x1 < signs.x0, panel.title


def test_a_pinned_run_is_dotted_behind_and_faults_are_shaded():
    """In every panel."""
    lab = LABS["retry-storms"]
    steady, storm = lab.run(lab.preset("1")), lab.run(lab.preset("2"))
    alone, both = draw(storm), draw(storm, steady)
    for panel, one, two in zip(lab.panels, alone.axes, both.axes):
        curves = sum(bool(line.series) for line in panel.lines)
        assert len(two.lines) == len(one.lines) + curves
        assert sum(line.get_linestyle() == ":" for line in two.lines) >= curves
        assert len(one.patches) == 1        # the fault
    assert draw(steady).axes[0].patches[:] == []


@pytest.mark.parametrize("value, top", [(0, 1), (0.9, 1), (1, 1.5), (95, 150), (5_000, 8_000),
                                        (99, 150), (1e-9, 1.5e-9)])
def test_axes_end_at_a_round_number(value, top):
    """With room above the highest point."""
    assert nice_top(value) == pytest.approx(top)


@each_lab
def test_the_system_picture_says_the_numbers_of_the_moment(slug):
    """Well-formed SVG, with a description in words; each number is the series' at that time."""
    lab = LABS[slug]
    result = lab.run()
    for t in (0.0, 777.0, result.params.duration):
        root = ElementTree.fromstring(picture(lab, result, t))
        words = root.find("{http://www.w3.org/2000/svg}desc").text
        for box in lab.boxes:
            for label, series in box.show:
                assert labelled(at(result, series, t), result.series[series].unit, label) in words
    assert root.get("role") == "img"
    assert picture(lab, result, 777.0) != picture(lab, result, 0.0)


@each_lab
def test_comparing_two_runs(slug):
    """The parameters that differ, every metric, and the change in words."""
    spec = next(k for k in LABS[slug].Params.specs().values() if k.bounds and k.name != "duration")
    one, two = labsim.run(slug), labsim.run(slug, **{spec.name: spec.type(spec.slider[1])})
    comparison = labsim.compare(one, two)
    assert list(comparison.parameters()) == [spec.name]
    assert [row[0] for row in comparison.rows()] == [m.label for m in LABS[slug].metrics]
    assert comparison.plot()._repr_png_() and "<table>" in comparison._repr_html_()
    same = labsim.compare(one, labsim.run(slug))
    assert all(row[-1] == "same" for row in same.rows()) and same.parameters() == {}


@pytest.mark.parametrize("slug", [s for s in LABS if any(b.bars for b in LABS[s].boxes)])
def test_a_bar_per_key_and_a_mark_on_those_over_the_limit(slug):
    """As many columns as there are shards, partitions or replicas, at most sixteen."""
    lab = LABS[slug]
    for preset in lab.presets:
        r = lab.run(lab.preset(preset.title))
        for t in (0.0, 0.5 * r.params.duration, r.params.duration):
            text = picture(lab, r, t)
            bars = [box.bars for box in lab.boxes if box.bars]
            counts = [min(int(at(r, count, t)), MOST_BARS) for _, count in bars]
            over = sum(at(r, bar_name(prefix, i), t) > 1.001
                       for (prefix, _), n in zip(bars, counts) for i in range(n))
            assert text.count('class="bar"') == sum(counts)
            assert text.count(">!<") == over


@some_labs
def test_the_default_run_takes_less_time_than_drawing_its_figure(slug):
    """The simulation is not what a learner waits for."""
    lab = LABS[slug]
    result = lab.run()

    def median(action):
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            action()
            times.append(time.perf_counter() - begin)
        return statistics.median(times)
    run, draw = median(lab.run), median(lambda: result.plot()._repr_png_())
    print(f"measured: {slug}: run {run * 1e3:.1f} ms, figure {draw * 1e3:.1f} ms")
    assert run < draw


@pytest.mark.parametrize("number", "2345")
def test_what_the_prefixes_allow_is_what_is_served(number):
    """The closed form of s3-prefix is the mean of the curve beside it, to a hundredth."""
    lab = LABS["s3-prefix"]
    r = lab.run(lab.preset(number))
    value, why = lab.panels[0].theory.applied(r.params)
    assert not why and r.series["completed_rate"].value.mean() == pytest.approx(value, rel=0.01)


def test_even_replicas_read_as_theory_says():
    """Many clients whose connections are short: the mean latency is M/M/c's; with auto scaling
    it says nothing."""
    lab = LABS["aurora-replicas"]
    p = lab.Params(clients=1_000, pool_size=10, connection_lifetime=5, connect_cost=0, dns_ttl=0)
    value, why = lab.panels[2].theory.applied(p)
    assert lab.run(p).series["latency"].value.mean() == pytest.approx(value, rel=0.05) and not why
    assert "changes" in lab.panels[2].theory.applied(p.changed(autoscaling=True))[1]


@pytest.mark.parametrize("unit, highest, top, labels, name", [
    ("of reads", 0.81, 1, ["0%", "20%", "40%", "60%", "80%", "100%"], "of reads"),
    ("of limit", 2.4, 3, ["0%", "100%", "200%", "300%"], "of limit"),
    ("share", 0.02, 0.03, ["0%", "1%", "2%", "3%"], ""),
    ("%", 97, 100, ["0%", "20%", "40%", "60%", "80%", "100%"], ""),
    ("s", 290, 480, ["0", "2", "4", "6", "8"], "min"),
    ("s", 0.04, 0.05, ["0", "10", "20", "30", "40", "50"], "ms"),
    ("messages", 12_000, 15_000, ["0", "3,000", "6,000", "9,000", "12k", "15k"], "messages")])
def test_an_axis_is_told_in_units_that_people_use(unit, highest, top, labels, name):
    """A part ends at 100%, a load goes on behind it; times are told in what reads well."""
    end = Axis(unit, 1.06 * highest).top(highest)
    axis = Axis(unit, end)
    assert (end, axis.name) == (pytest.approx(top), name)
    assert [axis.told(tick) for tick in axis.tick_values(0, end)] == labels
