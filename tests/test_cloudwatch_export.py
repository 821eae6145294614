"""A CloudWatch export is read exactly, or refused with its line."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.services.cloudwatch_export import TraceError, read_trace

REAL = Path(__file__).parents[2] / "shared" / "traces" / "elb_request_count.csv"
START = datetime(2026, 3, 1, tzinfo=UTC)


def stamps(n, period=300):
    return [START + timedelta(seconds=i * period) for i in range(n)]


def plain(counts, form="%Y-%m-%d %H:%M:%S", header="timestamp,value\n"):
    return header + "".join(f"{t:{form}},{n}\n" for t, n in zip(stamps(len(counts)), counts))


def console(counts):
    head = ("\ufeffFull label,my-load-balancer RequestCount\nLabel,RequestCount\n"
            "Id,m1\nPeriod,300\nStatistic,Sum\n\n")
    return plain(counts, "%Y/%m/%d %H:%M:%S", head)


def statistics(counts):
    points = [{"Timestamp": t.isoformat(), "Sum": float(n), "Unit": "Count"}
              for t, n in zip(stamps(len(counts)), counts)]
    return json.dumps({"Label": "RequestCount", "Datapoints": points[1::2] + points[::2]})


def metric_data(counts):
    times = [t.isoformat() for t in stamps(len(counts))]
    return json.dumps({"MetricDataResults": [{
        "Id": "m1", "Label": "RequestCount", "StatusCode": "Complete",
        "Timestamps": times[::-1], "Values": [float(n) for n in counts][::-1]}], "Messages": []})


def read(folder, text, **options):
    path = Path(folder) / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, **options)


@pytest.mark.parametrize("form", [plain, console, statistics, metric_data])
def test_all_four_formats_give_the_same_counts(form, tmp_path):
    """Whatever the form, the content is the same."""
    counts = [5, 0, 7, 123456, 9]
    trace = read(tmp_path, form(counts))
    assert trace.counts.tolist() == counts and trace.period == 300 and trace.duration == 1_500
    assert trace.first == "2026-03-01T00:00:00+00:00"


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=60))
def test_round_trips(tmp_path_factory, counts):
    """Random counts in every format."""
    folder = tmp_path_factory.mktemp("trace")
    for form in (plain, console, statistics, metric_data):
        assert read(folder, form(counts)).counts.tolist() == counts


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
                                  "%Y-%m-%d %H:%M:%S+00:00", "%Y/%m/%d %H:%M:%S", "%s"])
def test_timestamps_are_taken_in_any_usual_form(form, tmp_path):
    """ISO, the console's slashes, offsets, epoch seconds; milliseconds too."""
    lines = [(f"{t.timestamp():.0f}" if form == "%s" else f"{t:{form}}") for t in stamps(3)]
    assert read(tmp_path, "\n".join(f"{t},1" for t in lines)).period == 300
    ms = [f"{t.timestamp() * 1000:.0f}" for t in stamps(3)]
    assert read(tmp_path, "\n".join(f"{t},1" for t in ms)).period == 300


def test_gaps_are_filled_with_nothing_and_said(tmp_path):
    """Two periods are missing before line 4: counted as 0, with a note."""
    lines = plain([1, 2, 3, 4, 5]).splitlines(keepends=True)
    trace = read(tmp_path, "".join(lines[:3] + lines[5:]))
    assert trace.counts.tolist() == [1, 2, 0, 0, 5]
    assert trace.notes == ("2 missing periods counted as 0, the first before file:4",)


def test_an_empty_cell_of_the_console_is_a_gap(tmp_path):
    """The console writes nothing where there was no data."""
    text = console([1, 2, 3]).replace(",2\n", ",\n")
    assert read(tmp_path, text).counts.tolist() == [1, 0, 3]
    assert "1 missing periods" in read(tmp_path, text).notes[0]


def test_fractions_are_carried_on(tmp_path):
    """Averages: the total is kept to within one."""
    trace = read(tmp_path, plain([0.4, 0.4, 0.4, 2.9]))
    assert trace.counts.tolist() == [0, 0, 1, 3] and "carried on" in trace.notes[0]


GOOD = plain([1, 2, 3])
BAD = {
    "empty": ("", "file:1: the file is empty"),
    "blank": (" \n\n", "file:1: the file is empty"),
    "only a header": ("timestamp,value\n", "file:1: no line starts with a timestamp"),
    "prose": ("hello\nworld\n", "no line starts with a timestamp"),
    "one row": (plain([1]), "file:2: one datapoint has no period"),
    "negative": (GOOD.replace(",2\n", ",-2\n"), "file:3: count -2.0, allowed 0 to"),
    "nan": (GOOD.replace(",2\n", ",nan\n"), "file:3: count nan"),
    "infinite": (GOOD.replace(",2\n", ",inf\n"), "file:3: count inf"),
    "too many": (GOOD.replace(",2\n", ",1e300\n"), "file:3: count 1e+300"),
    "a word": (GOOD.replace(",2\n", ",many\n"), "file:3: count 'many' is not a number"),
    "no count": (GOOD.replace(",2\n", ",\n"), "file:3: count '' is not a number"),
    "one column": (GOOD.replace(",2\n", "\n"), "file:3: count '' is not a number"),
    "three columns": (GOOD.replace(",2\n", ",2,3\n"), "file:3: 3 columns; keep one metric"),
    "no timestamp": (GOOD.replace("2026-03-01 00:05:00", "soon"), "file:3: 'soon' is not a time"),
    "duplicate": (GOOD.replace("00:05:00", "00:00:00"), "file:3: 2026-03-01 00:00:00 is a dupl"),
    "out of order": (GOOD.replace("00:05:00", "00:15:00"), "file:4: 2026-03-01 00:10:00 is out"),
    "off the period": (plain([1] * 9).replace("00:15:00", "00:16:00"), "file:5: 60 s off the per"),
    "years": ("2020-01-01,1\n2020-01-02 00:00:00,1\n2020-01-02 00:00:01,1\n"
              "2020-01-02 00:00:02,1\n2026-01-01,1", "periods of 1 s, at most 1,000,000"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0", "file:1: not a text file"),
    "nul": (b"timestamp,value\n2026-01-01,\x00\n", "file:2: a binary file"),
    "open quote": ('timestamp,value\n"2026-01-01,1\n', "file:"),
    "not json": ('{"Datapoints": [', "file:1: not JSON"),
    "json of something else": ('{"a": 1}', "file:1: neither Datapoints"),
    "json list": ("[1, 2]", "file:1: neither Datapoints"),
    "deep": ("[" * 100_000, "file:1: "),
    "digits": ('{"Datapoints": [{"Timestamp": 1, "Sum": ' + "9" * 5_000 + "}]}", "file"),
    "no points": ('{"Datapoints": []}', "file:1: no datapoints"),
    "no statistic": ('{"Datapoints": [{"Timestamp": "2026-01-01"}]}', "Datapoints[0]: none of"),
    "a point that is none": ('{"Datapoints": [3]}', "Datapoints[0]: not an object"),
    "json time": ('{"Datapoints": [{"Timestamp": [], "Sum": 1}]}', "Datapoints[0]: '[]' is not"),
    "json count": ('{"Datapoints": [{"Timestamp": "2026-01-01", "Sum": "x"}]}', "'x' is not a n"),
    "json true": ('{"Datapoints": [{"Timestamp": "2026-01-01", "Sum": true}]}', "'True' is not"),
    "json NaN": ('{"Datapoints": [{"Timestamp": "2026-01-01", "Sum": NaN}]}', "count nan"),
    "twice": (statistics([1, 2]).replace("00:05:00", "00:00:00"), "a duplicate timestamp"),
    "two metrics": ('{"MetricDataResults": [{}, {}]}', "2 metrics, expected 1"),
    "no metric": ('{"MetricDataResults": []}', "0 metrics, expected 1"),
    "partial": (metric_data([1, 2]).replace("Complete", "PartialData"), "not complete"),
    "lengths": (metric_data([1, 2]).replace("1.0", "1.0, 3.0"), "lists of one length"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said_with_its_line(what, tmp_path):
    """One line, naming the place."""
    text, message = BAD[what]
    with pytest.raises(TraceError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_of_two_gigabytes_is_refused_without_reading_it(tmp_path):
    """By its size: a sparse file, refused at once."""
    path = tmp_path / "big.csv"
    with open(path, "wb") as file:
        file.truncate(2 * 2**30)
    with pytest.raises(TraceError, match="big.csv: 2,147,483,648 bytes, at most"):
        read_trace(path)


def test_what_is_no_file_is_refused(tmp_path):
    """A folder, nothing at all, a path with a NUL."""
    for path in (tmp_path, tmp_path / "nowhere", "a\0b"):
        with pytest.raises(TraceError):
            read_trace(path)


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
def test_a_named_pipe_does_not_hang(tmp_path):
    """It has no size and no end."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TraceError, match="not a file"):
        read_trace(tmp_path / "pipe")


@given(st.binary(max_size=300) | st.text("0123456789-:/ ,.\n\"{}[]Tabc", max_size=200))
def test_no_bytes_raise_anything_else(tmp_path_factory, junk):
    """Random bytes and random near-CSV: a trace or a TraceError."""
    try:
        read(tmp_path_factory.mktemp("junk"), junk)
    except TraceError as error:
        assert "\n" not in str(error)


@pytest.mark.skipif(not REAL.is_file(), reason="the real trace is not beside this checkout")
def test_the_real_export():
    """Numenta Anomaly Benchmark: 4,032 rows of five minutes, with eight periods missing."""
    trace = read_trace(REAL)
    assert trace.period == 300 and trace.first == "2014-04-10T00:04:00+00:00"
    assert len(trace.counts) == 4_032 + 8 and "8 missing periods" in trace.notes[0]
