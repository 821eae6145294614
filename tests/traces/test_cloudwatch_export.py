"""A CloudWatch export is read exactly, or refused with its line."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labsim.traces.cloudwatch_export import TraceError, read_trace

REAL = Path(__file__).parents[3] / "shared" / "traces" / "elb_request_count.csv"
START = datetime(2026, 3, 1, tzinfo=UTC)


def stamps(n, period=300):
    return [START + timedelta(seconds=i * period) for i in range(n)]


def plain(counts, form="%Y-%m-%d %H:%M:%S", header="timestamp,value\n"):
    return header + "".join(f"{t:{form}},{n}\n" for t, n in zip(stamps(len(counts)), counts))


HEAD = "Full label,shop RequestCount\nLabel,RequestCount\nId,m1\nPeriod,300\nStatistic,Sum\n\n"


def console(counts, head=HEAD):
    return plain(counts, "%Y/%m/%d %H:%M:%S", "\ufeff" + head)


def statistics(counts, name="Sum"):
    """One key a line, as the CLI prints it; in no order."""
    points = [{"Timestamp": t.isoformat(), name: float(n), "Unit": "Count"}
              for t, n in zip(stamps(len(counts)), counts)]
    return json.dumps({"Label": "RequestCount", "Datapoints": points[1::2] + points[::2]}, indent=4)


def metric_data(counts):
    """One value a line; newest first."""
    times = [t.isoformat() for t in stamps(len(counts))]
    return json.dumps({"MetricDataResults": [{
        "Id": "m1", "Label": "RequestCount", "Timestamps": times[::-1],
        "Values": [float(n) for n in counts][::-1], "StatusCode": "Complete"}],
        "Messages": []}, indent=4)


FORMATS = [plain, console, statistics, metric_data]


def read(folder, text, **options):
    path = Path(folder) / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, **options)


@pytest.mark.parametrize("form", FORMATS)
def test_all_four_formats_give_the_same_counts(form, tmp_path):
    """Whatever the form, the content is the same."""
    counts = [5, 0, 7, 123456, 9]
    trace = read(tmp_path, form(counts))
    assert trace.counts.tolist() == counts and trace.counts.dtype == np.int64
    assert (trace.start, trace.period, trace.duration, trace.gaps) == (0, 300, 1_500, ())


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=60))
def test_round_trips(tmp_path_factory, counts):
    """Random counts in every format, to the last message even where the sum exceeds 2**53."""
    folder = tmp_path_factory.mktemp("trace")
    for form in FORMATS:
        assert read(folder, form(counts)).counts.tolist() == counts


@pytest.mark.parametrize("form", [
    "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+02:00",
    "%Y-%m-%dT%H:%M:%S.000Z", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%s", "%s.0", "%s000"])
def test_timestamps_are_taken_in_any_usual_form(form, tmp_path):
    """ISO, the console's slashes, offsets, fractions, epoch seconds and milliseconds."""
    form = form.replace("%s", "{:.0f}") if "%s" in form else "{:" + form + "}"
    text = "".join(form.format(t.timestamp() if ".0f" in form else t) + ",1\n" for t in stamps(3))
    assert read(tmp_path, text).period == 300


@pytest.mark.parametrize("written, first", [
    ("2026-03-01 00:00", "2026-03-01T00:00:00"), ("1772323200", "2026-03-01T00:00:00+00:00"),
    ("2026-03-01T00:00+02:00", "2026-03-01T00:00:00+02:00")])
def test_no_time_zone_is_invented(written, first, tmp_path):
    """`first` has an offset where the file says one, and none where it says none."""
    later = "1772323500" if written.isdigit() else written.replace("00:00", "00:05", 1)
    assert read(tmp_path, f"{written},1\n{later},2\n").first == first


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do(end, tmp_path):
    """Of Unix, of Windows and of old; with or without the header."""
    for header in ("timestamp,value\n", ""):
        text = plain([3, 4], header=header).replace("\n", end)
        assert read(tmp_path, text).counts.tolist() == [3, 4]


def test_gaps_are_filled_with_nothing_and_said(tmp_path):
    """Two periods are missing before line 4: counted as 0, with a note."""
    lines = plain([1, 2, 3, 4, 5]).splitlines(keepends=True)
    trace = read(tmp_path, "".join(lines[:3] + lines[5:]))
    assert trace.counts.tolist() == [1, 2, 0, 0, 5] and trace.gaps == ((2, 2),)
    assert trace.notes == (
        "2 missing periods counted as 0, first 2026-03-01 00:10:00, line 4",)


def test_empty_cells_of_the_console_are_a_gap(tmp_path):
    """The console writes nothing where there was no data, at the end as well."""
    trace = read(tmp_path, console([1, "", "", 4, ""]))
    assert trace.counts.tolist() == [1, 0, 0, 4, 0] and trace.gaps == ((1, 2), (4, 1))
    assert trace.notes == ("3 missing periods counted as 0, first 2026-03-01 00:05:00, line 8",)


def test_the_commonest_step_is_the_period_and_of_two_the_shorter(tmp_path):
    """A step of 600 s, then one of 300 s."""
    lines = plain([1, 2, 3, 4]).splitlines(keepends=True)
    trace = read(tmp_path, "".join(lines[:2] + lines[3:]))
    assert trace.period == 300 and trace.counts.tolist() == [1, 0, 3, 4]


def test_a_period_that_the_file_gives_is_its_period(tmp_path):
    """Every second period is missing: the steps alone would say 600 s. One line is enough."""
    lines = console([1, 2, 3]).splitlines(keepends=True)
    assert read(tmp_path, "".join(lines[:-2] + lines[-1:])).counts.tolist() == [1, 0, 3]
    assert read(tmp_path, console([7])).duration == 300


def test_timestamps_a_little_off_are_taken_as_on_the_period_and_said(tmp_path):
    """Up to 1 s, and up to a tenth of the period."""
    trace = read(tmp_path, plain([1, 2, 3, 4, 5]).replace("00:05:00", "00:05:00.5"))
    assert trace.counts.tolist() == [1, 2, 3, 4, 5]
    assert trace.notes == ("timestamps up to 0.5 s off the period taken as on it",)


def test_fractions_are_carried_on_and_said(tmp_path):
    """Averages: the total is kept to within one."""
    trace = read(tmp_path, plain([0.4, 0.4, 0.4, 2.9]))
    assert trace.counts.tolist() == [0, 0, 1, 3]
    assert trace.notes == ("counts that are no whole numbers: fractions carried on to the next",)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60))
def test_the_total_is_kept_to_within_one(tmp_path_factory, counts):
    """At every period, not only at the end."""
    trace = read(tmp_path_factory.mktemp("trace"), plain(counts))
    assert np.all(np.abs(np.cumsum(trace.counts) - np.cumsum(counts)) < 1 + 1e-5)


def test_what_is_sorted_or_reversed_or_chosen_is_said(tmp_path):
    """The two commands' own orders; a statistic other than the plain Sum."""
    assert read(tmp_path, statistics([1, 2, 3])).notes == (
        "datapoints sorted by time: get-metric-statistics gives them in no order",)
    assert read(tmp_path, metric_data([1, 2])).notes == (
        "datapoints reversed: get-metric-data gives the newest first",)
    assert read(tmp_path, statistics([1, 2], "Average")).notes[0] == (
        "the counts are each period's Average, not its Sum")


def test_a_file_of_the_same_size_and_time_is_read_anew(tmp_path):
    """What is remembered between reads is told apart by content; nobody can change it."""
    trace = read(tmp_path, plain([1, 2]))
    assert read_trace(tmp_path / "file") is trace
    status = os.stat(tmp_path / "file")
    (tmp_path / "file").write_text(plain([3, 4]))
    os.utime(tmp_path / "file", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read_trace(tmp_path / "file").counts.tolist() == [3, 4]
    with pytest.raises(ValueError, match="read-only"):
        trace.counts[0] = 9


GOOD = plain([1, 2, 3])
POINTS = '{"Datapoints": [\n{"Timestamp": "2026-03-01", "Sum": 1},\n%s]}'
OTHER = '{"Timestamp": "2026-03-02", %s}'
TWO = console([1, 2]).replace(",2\n", ",2,3\n")
BAD = {
    "empty": ("", "file:1: 0 datapoint(s), expected two or more"),
    "blank": (" \n\n", "file:1: 0 datapoint(s)"),
    "only a header": ("timestamp,value\n", "file:1: 0 datapoint(s)"),
    "only a description": (HEAD, "file:1: 0 datapoint(s)"),
    "one row": (plain([1]), "file:2: 1 datapoint(s), expected two or more"),
    "prose": ("hello\nworld,1\n", "file:2: 'world' is no time"),
    "negative": (GOOD.replace(",2\n", ",-2\n"), "file:3: count '-2', expected a number, 0 to"),
    "nan": (GOOD.replace(",2\n", ",nan\n"), "file:3: count 'nan'"),
    "infinite": (GOOD.replace(",2\n", ",inf\n"), "file:3: count 'inf'"),
    "too many": (GOOD.replace(",2\n", ",1000000000001\n"), "file:3: count '1000000000001'"),
    "a word": (GOOD.replace(",2\n", ",many\n"), "file:3: count 'many'"),
    "underscore": (GOOD.replace(",2\n", ",2_0\n"), "file:3: count '2_0'"),
    "no count": (GOOD.replace(",2\n", ",\n"), "file:3: count ''"),
    "one column": (GOOD.replace(",2\n", "\n"), "file:3: count ''"),
    "three columns": (GOOD.replace(",2\n", ",2,3\n"), "file:3: 3 columns, expected 2: keep one"),
    "two metrics of the console": (TWO, "file:8: 3 columns, expected 2: keep one metric"),
    "no timestamp": (GOOD.replace("2026-03-01 00:05:00", "soon"), "file:3: 'soon' is no time"),
    "first timestamp": (GOOD.replace("2026-03-01 00:00:00", "soon"), "file:2: 'soon' is no time"),
    "no header": ("soon,5\n" + plain([1, 2], header=""), "file:1: 'soon' is no time"),
    "no such day": (GOOD.replace("03-01 00:05", "02-30 00:05"), "file:3: '2026-02-30 00:05:00'"),
    "duplicate": (GOOD.replace("00:05:00", "00:00:00"),
                  "file:3: 2026-03-01 00:00:00 is a duplicate, expected after line 2"),
    "out of order": (GOOD.replace("00:05:00", "00:15:00"),
                     "file:4: 2026-03-01 00:10:00 is out of order, expected after line 3"),
    "mixed zones": (GOOD.replace("00:05:00", "00:05:00Z"),
                    "file:3: '2026-03-01 00:05:00Z' is at UTC offset +0000, expected without"),
    "mixed units": ("1772323200,1\n1772323500000,1\n", "file:2: '1772323500000' is ms since 1970"),
    "off the period": (plain([1] * 9).replace("00:15:00", "00:16:01"),
                       "file:5: 2026-03-01 00:16:01 is 61 s off the period of 300 s"),
    "too short steps": ("2026-03-01 00:00:00,1\n2026-03-01 00:00:00.0001,1\n", "file:2: "),
    "years": ("2026-01-01 00:00:00,1\n2026-01-01 00:00:01,1\n2026-01-01 00:00:02,1\n"
              "2036-01-01 00:00:00,1\n", "file:4: period 315,532,801 of 1 s, at most 1,000,000"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0", "file:1: a binary file, expected text in UTF-8"),
    "nul": (b"timestamp,value\n2026-01-01,\x00\n", "file:2: a binary file"),
    "not UTF-8": (b"\xef\xbb\xbft,v\n2026-01-01,\xe9\n", "file:2: a binary file"),
    "open quote": ('timestamp,value\n"2026-01-01,1\n', "file:2: not CSV: "),
    "not json": ('{"Datapoints": [\n', "file:2: not JSON: "),
    "json of something else": ('{"a": 1}', "file:1: other JSON, expected"),
    "json list": ("[1, 2]", "file:1: other JSON, expected"),
    "deep": ("[" * 100_000, "file:1: JSON nested too deeply"),
    "deep count": (POINTS % (OTHER % ('"Sum": ' + "[" * 900 + "]" * 900)), "file:"),
    "digits": (POINTS % (OTHER % ('"Sum": ' + "9" * 5_000)), "file:1: cannot be read: "),
    "many digits": (POINTS % (OTHER % ('"Sum": ' + "9" * 4_000)), "file:3: count 99999"),
    "no points": ('{"Datapoints": []}', "file:1: 0 datapoint(s)"),
    "points of a text": ('{"Label": 1,\n"Datapoints": "x"}', "file:2: Datapoints is 'x', expected"),
    "no statistic": (POINTS % (OTHER % '"p99": 1'), "file:3: a datapoint without Sum"),
    "two statistics": (POINTS % (OTHER % '"Average": 1'), "file:3: a datapoint without Sum"),
    "a point that is none": (POINTS % "3", "file:3: a datapoint without Sum"),
    "json time": (POINTS % '{"Timestamp": [], "Sum": 1}', "file:3: '[]' is no time"),
    "no json time": (POINTS % '{"Sum": 1}', "file:3: 'None' is no time"),
    "json text": (POINTS % (OTHER % '"Sum": "1"'), "file:3: count '1', expected a number"),
    "json true": (POINTS % (OTHER % '"Sum": true'), "file:3: count True, expected a number"),
    "json null": (POINTS % (OTHER % '"Sum": null'), "file:3: count None, expected a number"),
    "json NaN": (POINTS % (OTHER % '"Sum": NaN'), "file:3: count nan"),
    "json negative": (metric_data([1, -2, 3]), "file:13: count -2.0, expected a number"),
    "a key twice": (POINTS % (OTHER % '"Sum": 1,\n"Sum": 2'), "file:4: the key 'Sum' twice"),
    "a time twice": (POINTS % '{"Timestamp": "2026-03-01", "Sum": 1}', "file:3: 2026-03-01 00:00:"),
    "neither order": ('{"MetricDataResults": [{"Values": [1, 2, 3], "Timestamps": ["2026-03-01",\n'
                      '"2026-03-03",\n"2026-03-02"]}]}', "file:3: 2026-03-02 00:00:00 is out of"),
    "two results": ('{\n"MetricDataResults": [{}, {}]}', "file:2: 2 results, expected 1"),
    "no result": ('{"MetricDataResults": []}', "file:1: 0 results, expected 1"),
    "partial": (metric_data([1, 2]).replace("Complete", "PartialData"),
                "file:14: StatusCode 'PartialData', expected all the data"),
    "more pages": (metric_data([1, 2]).replace('"Messages": []', '"NextToken": "x"'),
                   "file:17: NextToken 'x', expected all the data"),
    "lengths": (metric_data([1, 2]).replace("1.0", "1.0, 3.0"), "file:10: 3 Values, expected 2"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said_with_its_line(what, tmp_path):
    """One line, naming the place."""
    text, message = BAD[what]
    with pytest.raises(TraceError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_file_of_two_gigabytes_is_refused_without_reading_it(tmp_path, monkeypatch):
    """By its size: a sparse file, never opened."""
    with open(tmp_path / "big.csv", "wb") as file:
        file.truncate(2 * 2**30)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("was read"))
    with pytest.raises(TraceError, match="big.csv:1: 2,147,483,648 bytes, at most 67,108,864"):
        read_trace(tmp_path / "big.csv")


def test_the_limit_of_size_can_be_set(tmp_path):
    """A file of exactly `max_bytes` is read, one byte more is not."""
    size = len(GOOD.encode())
    assert read(tmp_path, GOOD, max_bytes=size).counts.tolist() == [1, 2, 3]
    with pytest.raises(TraceError, match=f"file:1: {size} bytes, at most {size - 1}"):
        read(tmp_path, GOOD, max_bytes=size - 1)


@pytest.mark.parametrize("name, message", [
    ("", ":1: a folder or a device, expected a file"),
    ("nowhere", "nowhere:1: cannot be read: No such file"),
    ("a\0b", r"a\\x00b:1: cannot be read: embedded null"),
    ("a\nb", r"a\\nb:1: cannot be read: No such file")])
def test_what_is_no_file_is_refused(name, message, tmp_path):
    """A folder, nothing at all, names that would break the line."""
    with pytest.raises(TraceError, match=message):
        read_trace(f"{tmp_path}/{name}")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    """The system's own words."""
    def denied(self):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(TraceError, match="file:1: cannot be read: Permission denied"):
        read(tmp_path, GOOD)


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
def test_a_named_pipe_does_not_hang(tmp_path):
    """It has no size and no end."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TraceError, match="pipe:1: a folder or a device, expected a file"):
        read_trace(tmp_path / "pipe")


def tries(folder, junk):
    try:
        read(folder, junk)
    except TraceError as error:
        assert re.fullmatch(r"file:\d+: .+", str(error))


@given(st.binary(max_size=300) | st.text("0123456789-:/ ,.\n\r\"{}[]TZabc_", max_size=200))
def test_no_bytes_raise_anything_else(tmp_path_factory, junk):
    """Random bytes and random near-CSV: a trace or a TraceError of one line."""
    tries(tmp_path_factory.mktemp("junk"), junk)


@given(st.sampled_from(FORMATS), st.data())
def test_no_damage_raises_anything_else(tmp_path_factory, form, data):
    """A good file of any format, with a piece cut out and another put in."""
    text = form([1, 2, 3, 4])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 20, len(text))))
    tries(tmp_path_factory.mktemp("junk"),
          text[:start] + data.draw(st.text('0123456789-:/,."\n{}[]Tn', max_size=4)) + text[end:])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["2026-03-01", "2026-03-02T00:00Z", 1772323200]),
    lambda value: st.lists(value, max_size=3) | st.dictionaries(st.sampled_from(
        ["Datapoints", "MetricDataResults", "Timestamp", "Sum", "Average", "Timestamps", "Values",
         "StatusCode", "NextToken"]), value, max_size=4), max_leaves=12)


@given(st.dictionaries(st.sampled_from(["Datapoints", "MetricDataResults", "Label"]),
                       VALUES | st.lists(VALUES, max_size=3), min_size=1))
def test_no_json_raises_anything_else(tmp_path_factory, junk):
    """JSON of the right names and any types: a trace or a TraceError of one line."""
    tries(tmp_path_factory.mktemp("junk"), json.dumps(junk))


@pytest.mark.skipif(not REAL.is_file(), reason="the real trace is not beside this checkout")
def test_the_real_export():
    """Numenta Anomaly Benchmark: 4,032 rows of five minutes, with eight periods missing."""
    trace = read_trace(REAL)
    assert (trace.period, trace.first) == (300, "2014-04-10T00:04:00")
    assert len(trace.counts) == 4_032 + 8 and len(trace.gaps) == 8
    assert trace.notes == (
        "8 missing periods counted as 0, first 2014-04-10 11:34:00, line 140",)
