"""A file of one's own traffic is told and drawn before anything is run."""

import numpy as np
import pytest

from labsim.traces import read_trace
from labsim.view.trace_picture import HEIGHT, picture, stretches, strip, told


@pytest.fixture
def trace(tmp_path):
    """A day of seconds: one request each, and ten seconds with a hundred at noon."""
    counts = np.ones(86_400, int)
    counts[43_200:43_210] = 100
    (tmp_path / "day.csv").write_text("timestamp,requests\n" + "".join(
        f"{1_772_323_200 + i},{n}\n" for i, n in enumerate(counts)))
    return read_trace(tmp_path / "day.csv")


def test_it_says_what_it_is(trace):
    """Periods, requests in all, the mean, and when it is busiest."""
    first, *_, last = told(trace)
    assert first.startswith("86,400 periods of 1 s from 2026-03-01") and "87,390 requests" in first
    assert "mean 1.01 requests/s" in last and "100/s, from 2026-03-01 12:00:00" in last


@pytest.mark.parametrize("width", [20, 60, 200])
@pytest.mark.parametrize("plain", [False, True])
def test_the_strip_is_as_wide_as_it_may_be_and_shows_the_peak(trace, width, plain):
    """The mean hides ten busy seconds; a dot over its stretch does not."""
    rows = strip(trace, width, plain).split("\n")
    assert len(rows) == HEIGHT + (width > 40) and max(map(len, rows)) <= max(width, 20)
    dots = [row for row in rows[:4] if ("'" if plain else "\u00b7") in row]
    assert len(dots) == 1
    assert not plain or "\n".join(rows).isascii()


def test_stretches_keep_every_request(trace):
    """Their means add up to the whole, whatever their number."""
    for n in (1, 7, 400, 86_400, 1_000_000):
        start, means, peaks = stretches(trace, n)
        lasts = np.diff(np.append(start, trace.duration))
        assert (means * lasts).sum() == pytest.approx(87_390) and peaks.max() == 100


def test_the_picture_has_the_peak_and_says_what_it_shows(trace):
    """In its axes, and in words."""
    figure = picture(trace)
    (axes,) = figure.axes
    assert axes.get_ylim()[1] >= 100 and axes.get_xlim() == (0, 24)
    assert "87,390 requests in all" in figure.alt and figure._repr_png_().startswith(b"\x89PNG")


def test_a_trace_of_nothing_has_a_strip(tmp_path):
    """No request, and two periods alone."""
    (tmp_path / "none.csv").write_text("timestamp,requests\n1772323200,0\n1772323260,0\n")
    nothing = read_trace(tmp_path / "none.csv")
    assert len(strip(nothing, 80).split("\n")) == HEIGHT + 1
    assert picture(nothing).axes
