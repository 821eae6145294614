"""The rules of the reader: what a time, a number and a period are, and how a refusal reads."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from exports import COUNTS, ISO, console, insights, metric_data, plain, result, rows, statistics
from hypothesis import given
from hypothesis import strategies as st

from labsim.traces import TraceError, bring, read_readings, read_trace, text_file

SIMPLE = "%Y-%m-%d %H:%M:%S"
FORMATS = [plain, console, statistics, lambda counts: metric_data(result(counts)), insights]


def read(folder, text, **options):
    """The trace in a file with this content."""
    path = Path(folder) / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, **options)


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=60).filter(
    lambda counts: counts != sorted(counts)))
def test_round_trips(tmp_path_factory, counts):
    """Random counts in every format, to the last message even where the sum exceeds 2**53."""
    folder = tmp_path_factory.mktemp("trace")
    for form in FORMATS:
        trace = read(folder, form(counts))
        assert trace.counts.tolist() == counts and trace.counts.dtype == np.int64
        assert (trace.period, trace.gaps) == (300, ())
        assert trace.notes[0].endswith(f" {sum(counts):,} requests in all")


@pytest.mark.parametrize("form", [
    "%Y-%m-%dT%H:%M:%S", SIMPLE, ISO, "%Y-%m-%d %H:%M:%S+02:00", "%Y-%m-%dT%H:%M:%S.000Z",
    "%Y-%m-%dT%H:%M:%S.000+0000", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M:%S UTC",
    "%Y%m%dT%H%M%SZ", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y-%m-%d %I:%M %p", "%d.%m.%Y %H:%M",
    '"%b %d, %Y @ %H:%M:%S.000"', '"%a, %d %b %Y %H:%M:%S GMT"', "%d %b %Y %H:%M:%S GMT+0200",
    "%a %b %d %Y %H:%M:%S GMT+0200 (Central European Summer Time)", "s", "s.0", "s000", "s000000",
    "s000000000"])
def test_times_are_taken_in_any_usual_form(form, tmp_path):
    """ISO, slashes, offsets, a zone's name, months in words, since 1970 in s, ms, us, ns."""
    start = datetime(2023, 5, 1, 12, tzinfo=UTC)
    text = "".join(f"{form.replace('s', str(1682942400 + 300 * i), 1)},1\n" for i in range(3)
                   ) if form[0] == "s" else rows(form, [1, 1, 1])
    trace = read(tmp_path, text)
    east = 7_200 if "+02" in form else 0
    assert (trace.period, trace.began) == (300, start.timestamp() - east)


@pytest.mark.parametrize("written, first", [
    ("2026-03-01 00:00", "2026-03-01T00:00:00"), ("1772323200", "2026-03-01T00:00:00+00:00"),
    ("2026-03-01T00:00+02:00", "2026-02-28T22:00:00+00:00")])
def test_no_time_zone_is_invented(written, first, tmp_path):
    """`first` has an offset where the file says one, and none where it says none."""
    later = "1772323500" if written.isdigit() else written.replace("00:00", "00:05", 1)
    assert read(tmp_path, f"{written},1\n{later},2\n").first == first


@pytest.mark.parametrize("text, value", [
    ("1e3", 1000), ("+5", 5), ("-0", 0), ("5.0", 5), ("5.", 5), ("007", 7), ("1\u2009204", 1204),
    ("1\u00a0204", 1204), ("1 204", 1204), ("1'204", 1204), ('"1,234,567"', 1_234_567),
    ("nan", 0), ("null", 0), ("-", 0), ("٣", 3), ("１２", 12)])
def test_numbers(text, value, tmp_path):
    """However they are written, where there is one way to read them."""
    assert read(tmp_path, plain([9, text, 8])).counts.tolist() == [9, value, 8]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_line_end_will_do(end, mark, tmp_path):
    """Of Unix, of Windows and of old; with or without a byte order mark; UTF-16 of both kinds."""
    text = mark + plain([3, 4]).replace("\n", end)
    assert read(tmp_path, text).counts.tolist() == [3, 4]
    for form in ("utf-16-le", "utf-16-be") if mark else ():
        assert read(tmp_path, text.encode(form)).counts.tolist() == [3, 4]


def test_gaps_are_filled_with_nothing_and_said(tmp_path):
    """Two periods are missing, and an empty cell: counted as 0, with a note."""
    lines = plain([1, 2, 3, 4, 5, "", 7], SIMPLE).splitlines(keepends=True)
    trace = read(tmp_path, "".join(lines[:3] + lines[5:]))
    assert trace.counts.tolist() == [1, 2, 0, 0, 5, 0, 7] and trace.gaps == ((2, 2), (5, 1))
    assert trace.notes == (
        "7 periods of 300 s from 2023-05-01 12:00:00 to 2023-05-01 12:35:00, 15 requests in all",
        "3 periods without a value counted as 0, the first at 2023-05-01 12:10:00")


def test_timestamps_that_tremble_are_taken_as_on_the_period_and_said(tmp_path):
    """Up to 1 s, and up to a tenth of the period."""
    text = plain([1, 2, 1, 4, 5])
    trace = read(tmp_path, text.replace("12:05:00Z", "12:05:00.5Z").replace("12:15:00", "12:14:59"))
    assert trace.counts.tolist() == [1, 2, 1, 4, 5] and trace.period == 300
    assert trace.notes[1] == "timestamps up to 1 s off the period taken as on it"


def test_fractions_are_carried_on_and_said(tmp_path):
    """Averages that are taken as counts: the total is kept to within one."""
    trace = read(tmp_path, plain([0.4, 0.4, 0.4, 2.9]), values="counts")
    assert trace.counts.tolist() == [0, 0, 1, 3]
    assert trace.notes[1] == "counts that are no whole numbers: fractions carried on to the next"


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60))
def test_the_total_is_kept_to_within_one(tmp_path_factory, counts):
    """At every period, not only at the end."""
    trace = read(tmp_path_factory.mktemp("trace"), plain(counts), values="counts")
    assert np.all(np.abs(np.cumsum(trace.counts) - np.cumsum(counts)) < 1 + 1e-5)


@pytest.mark.parametrize("text, change", [
    ("2023/03/12 01:50:00,1\n2023/03/12 01:55:00,1\n2023/03/12 03:00:00,1\n", "America/New_York"),
    ("2023-03-26 00:00,1\n2023-03-26 01:00,2\n2023-03-26 03:00,1\n", "Europe/"),
    ("2024-03-31 00:30,1\n2024-03-31 01:00,2\n2024-03-31 01:30,2\n2024-03-31 03:00,1\n",
     "Europe/")])
def test_local_time_that_jumps_is_said(text, change, tmp_path):
    """An hour is missing where clocks are put forward."""
    assert any("an hour is missing" in note and change in note
               for note in read(tmp_path, text).notes)
    assert len(read(tmp_path, text.replace(",", "Z,")).notes) == 2     # a gap, and no more


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


def test_bytes_may_be_brought_and_readings_need_not_be_counts():
    """As a browser brings them; a column of percentages is there for a comparison."""
    bring("mine.csv", plain(COUNTS, head="timestamp,CPUUtilization").encode())
    found = read_readings("mine.csv")
    assert (found.values.tolist(), found.kind, found.name, found.lines[0]) == (
        COUNTS, "", "CPUUtilization", 2)
    with pytest.raises(TraceError, match="mine.csv:2: 'CPUUtilization' is a percentage"):
        read_trace("mine.csv")


def test_the_limit_of_size(tmp_path, monkeypatch):
    """A file of exactly `MAX_BYTES` is read, one byte more is not."""
    size = len(plain([1, 2]))
    monkeypatch.setattr(text_file, "MAX_BYTES", size)
    assert read(tmp_path, plain([1, 2])).counts.tolist() == [1, 2]
    monkeypatch.setattr(text_file, "MAX_BYTES", size - 1)
    with pytest.raises(TraceError, match=f"file:1: {size} bytes, at most {size - 1}"):
        read(tmp_path, plain([1, 2]))


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
        read(tmp_path, plain())


def tries(folder, junk):
    """A trace, or one line."""
    try:
        read(folder, junk)
    except TraceError as error:
        assert re.fullmatch(r"file:\d+: .+", str(error))


@given(st.binary(max_size=300) | st.text("0123456789-:/ ,.;\t\n\r\"{}[]TZabc_", max_size=200))
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


KEYS = ["Datapoints", "MetricDataResults", "Timestamp", "Sum", "Average", "Timestamps", "Values",
        "StatusCode", "NextToken", "Messages", "Label", "Id", "Unit", "ExtendedStatistics",
        "results", "status", "data", "result", "resultType", "metric", "values", "type", "time",
        "value", "metrics"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["2026-03-01", "2026-03-02T00:00Z", 1772323200, "matrix", "success", "Point",
                       "http_reqs"]),
    lambda value: st.lists(value, max_size=3) | st.dictionaries(
        st.sampled_from(KEYS), value, max_size=4), max_leaves=12)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES | st.lists(VALUES, max_size=3), min_size=1)
       | st.lists(VALUES))
def test_no_json_raises_anything_else(tmp_path_factory, junk):
    """JSON of the right names and any types: a trace or a TraceError of one line."""
    tries(tmp_path_factory.mktemp("junk"), json.dumps(junk))


@pytest.mark.parametrize("name, counts", [
    ("plain_epoch_ms.csv", True), ("thousands_quoted.csv", True), ("average_of_users.csv", True),
    ("latency-test of 50%.csv", True), ("cpu_request_count.csv", True),
    ("ec2_cpu_utilization_24ae8d.csv", False), ("i-a2eb1cd9_NetworkIn.csv", False),
    ("ec2_disk_write_bytes_1ef3de.csv", False)])
def test_the_name_of_a_file_says_what_its_only_column_is(name, counts, tmp_path):
    """Where the column is called value, and in words that nobody has in a name by chance."""
    path = tmp_path / name
    path.write_text(plain([5, 7, 9]))
    if counts:
        assert read_trace(path).counts.sum() == 21
    else:
        with pytest.raises(TraceError, match="as the file's name says"):
            read_trace(path)
    path.write_text(plain([5, 7, 9], head="timestamp,requests"))
    assert read_trace(path).counts.sum() == 21


def test_samples_are_counted_as_the_console_writes_them(tmp_path):
    """Of a latency, too: as many as there were requests."""
    text = console(full="eu:AWS/ApplicationELB TargetResponseTime Sample count 300")
    assert read(tmp_path, text).counts.sum() == sum(COUNTS)
