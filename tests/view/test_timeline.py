"""Spans: kept in a result, checked when it is read, drawn, and told in words; for every lab that
has a timeline."""

import json

import numpy as np
import pytest

import labsim
from labsim.declare import Line, Panel, Span
from labsim.declare import result as result_module
from labsim.declare.describe import report, timeline
from labsim.errors import ResultError
from labsim.view.figure import cells, draw
from labsim.view.style import Style

LABS = {slug: lab for slug, lab in labsim.labs().items() if any(p.bars for p in lab.panels)}
each_lab = pytest.mark.parametrize("slug", LABS)


@each_lab
def test_spans_survive_writing_and_reading(slug):
    """The same rows, and a digest over them."""
    result = LABS[slug].run(seed=3)
    assert result.spans
    again = labsim.Result.from_json(result.to_json())
    assert again.spans == result.spans
    data = json.loads(result.to_json())
    data["spans"][0][2] += 1.0
    with pytest.raises(ResultError, match="digest"):
        labsim.Result.from_json(json.dumps(data))


@each_lab
@pytest.mark.parametrize("bad", [[["1", "x", 2.0, 1.0]], [["1", "x", -1.0, 1.0]], [["1", "x", 1.0]],
                                 [[1, "x", 1.0, 2.0]], [["1", None, 1.0, 2.0]], 7, [7], {"a": 1},
                                 [["1", "x", "1", 2.0]], [["1", "x", True, 2.0]]])
def test_spans_that_labsim_did_not_write_are_refused(slug, bad):
    """A rewritten digest does not help."""
    body = json.loads(LABS[slug].run(seed=3).to_json())
    del body["digest"]
    forged = {**body, "spans": bad}
    with pytest.raises(ResultError):
        labsim.Result.from_json(json.dumps({**forged, "digest": result_module._digest(forged)}))


@each_lab
def test_every_kind_of_span_is_drawn(slug):
    """In all presets; each panel's kinds differ, and there are as many looks as kinds."""
    lab = LABS[slug]
    kinds = [kind for p in lab.panels for kind in (*p.bars, *p.moments)]
    assert len(set(kinds)) == len(kinds)
    for preset in lab.presets:
        result = lab.run(lab.preset(preset.title))
        assert {span.kind for span in result.spans} <= set(kinds), preset.title
        assert all(0 <= s.start <= s.end <= result.params.duration for s in result.spans)
    drawn = draw(lab.run())
    for panel, axes in zip(lab.panels, drawn.axes):
        if panel.bars:
            there = {span.kind for span in lab.run().spans}
            assert [text.get_text() for text in axes.get_legend().get_texts()] == [
                kind for kind in (*panel.bars, *panel.moments) if kind in there]


@each_lab
@pytest.mark.parametrize("style", [Style(), Style(large=True)], ids=["normal", "large"])
def test_names_and_legend_of_a_timeline_fit(slug, style):
    """In every preset."""
    lab = LABS[slug]
    for preset in lab.presets:
        drawn = draw(lab.run(lab.preset(preset.title)), style=style)
        drawn.canvas.draw()
        for panel, axes in zip(lab.panels, drawn.axes):
            if panel.bars:
                legend = axes.get_legend().get_window_extent()
                names = [t.get_window_extent().x0 for t in axes.get_yticklabels()]
                assert min(names) >= 0, preset.title
                assert legend.x1 <= drawn.bbox.width, preset.title


def test_a_bar_is_where_its_span_is():
    """In the unit of the axis, in its row from the top."""
    lab = LABS["sqs-delivery"]
    result = lab.run()
    kinds = [kind for kind in lab.panels[0].bars if any(s.kind == kind for s in result.spans)]
    bars = draw(result).axes[0].collections[kinds.index(lab.panels[0].bars[1])]
    spans = [s for s in result.spans if s.kind == lab.panels[0].bars[1]]
    assert len(bars.get_paths()) == len(spans)
    for path, span in zip(bars.get_paths(), spans):
        x, y = np.array(path.vertices).T
        assert (x.min(), x.max()) == pytest.approx((span.start, span.end))
        assert y.min() < 25.5 - int(span.row) < y.max()


def test_a_timeline_in_words_and_in_a_report():
    """A line per row, in the order of time."""
    lab = LABS["sqs-delivery"]
    result = lab.run()
    first = timeline(result).splitlines()[0]
    assert first == timeline(result, "1") and first.startswith("1: ") and "deleted" in first
    assert "\nTimeline\n" in report(lab, result) and "and 15 more rows" in report(lab, result)
    assert "Timeline" not in report(labsim.lab("sqs-asg"), labsim.run("sqs-asg"))


def test_a_timeline_has_a_row_of_the_figure_to_itself():
    """Others two by two; without one it is the old grid."""
    from matplotlib.figure import Figure
    curve = Panel("a", (Line("x", "x"),))
    rows = Panel("b", bars=("x",))
    places = [[(c.rowspan.start, list(c.colspan)) for c in cells(Figure(), panels)]
              for panels in ([curve] * 4, [rows, curve, curve], [curve, rows, curve], [rows])]
    assert places == [[(0, [0]), (0, [1]), (1, [0]), (1, [1])],
                      [(0, [0, 1]), (1, [0]), (1, [1])],
                      [(0, [0]), (1, [0, 1]), (2, [0])], [(0, [0])]]


def test_a_span_is_a_plain_row():
    """Frozen, compared by value."""
    assert Span("1", "x", 0.0, 1.0) == Span("1", "x", 0.0, 1.0)
    with pytest.raises(AttributeError):
        Span("1", "x", 0.0, 1.0).start = 2.0
