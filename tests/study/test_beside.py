"""A file of one's own beside a run: read exactly, or refused with its line."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labsim
from labsim.study.beside import beside
from labsim.traces.text_file import TraceError

RUN = labsim.run("sqs-asg", duration=900)


def laid(folder, text, series=None, result=RUN):
    """The table of a file with this text."""
    path = folder / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return labsim.beside(result, path, series)


def test_metrics_with_and_without_a_standard_error(tmp_path):
    """In the metric's unit; blanks and empty lines are no matter, nor are names of old."""
    offered = RUN.summary["offered"]
    table = laid(tmp_path, f"Metric, value, se\n\nwait_p95, 1, 0.5\noffered,{offered},\n")
    by_name = {c.name: c for c in table}
    assert by_name["offered"].error == 0 and by_name["offered"].met
    (figure,) = by_name["wait_p95"].figures
    assert (figure.measured, figure.se, figure.model) == (1.0, 0.5, RUN.summary["wait_p95"])
    assert "Your measurements" in table.told() and "own.csv" in repr(table)


def mean_of(series, start, end):
    """The mean of a curve, by many small steps."""
    t = np.linspace(start, end, 20_001)
    return np.interp(t, series.t, series.value).mean()


def test_a_value_is_the_mean_until_the_next_row(tmp_path):
    """The last one's, as long as the one before; a gap is no value."""
    table = laid(tmp_path, "seconds,queue,offered_rate,offered_rate_se\n"
                           "0,5,2,0.5\n100,,2.5,\n350,7,3,1\n")
    by_name = {c.name: c for c in table}
    queue, offered = by_name["queue"].figures, by_name["offered_rate"].figures
    assert [f.x for f in queue] == [0, 350] and [f.x for f in offered] == [0, 100, 350]
    for figure, end in zip(queue, (100, 600)):
        assert figure.model == pytest.approx(
            mean_of(RUN.series["queue"], figure.x, end), rel=5e-3)
    assert [f.se for f in offered][::2] == [0.5, 1.0] and np.isnan(offered[1].se)


def test_times_count_from_the_first_row(tmp_path):
    """ISO 8601, and s or ms since 1970."""
    seconds = laid(tmp_path, "seconds,queue\n0,1\n300,2\n")
    for first, second in (("2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"),
                          ("1767225600", "1767225900"), ("1767225600000", "1767225900000")):
        timed = laid(tmp_path, f"time,queue\n{first},1\n{second},2\n")
        assert timed[0].figures[0].model == seconds[0].figures[0].model
        assert [f.x for f in timed[0].figures] == [0, 300]


def test_an_export_is_beside_what_was_offered(tmp_path):
    """A count per period as a rate; the trace that a run replays agrees with it."""
    text = "timestamp,value\n" + "".join(
        f"2026-03-02 00:{m:02}:00,{600 + 60 * m}\n" for m in range(15))
    (tmp_path / "trace.csv").write_text(text)
    result = labsim.run("sqs-asg", workload="trace", trace=str(tmp_path / "trace.csv"))
    (one,) = laid(tmp_path, text, result=result)
    assert [f.measured for f in one.figures][:2] == [10.0, 11.0]
    assert one.name == "offered_rate" and one.error < 0.05
    (other,) = laid(tmp_path, text, "queue", result)
    assert other.figures[0].measured == 600


def test_an_export_of_another_statistic_is_no_count(tmp_path):
    """An Average is what it is."""
    text = ("Full label,x\nLabel,x\nId,m1\nPeriod,60\nStatistic,Average\n\n"
            "2026/03/02 00:00:00,3.5\n2026/03/02 00:01:00,4.5\n")
    (one,) = laid(tmp_path, text, "offered_rate")
    assert [f.measured for f in one.figures] == [3.5, 4.5]


def two_metrics(folder, first=0):
    """A console's CSV of what was sent and how old the oldest was, a row per minute; the second
    metric begins `first` minutes later."""
    rows = "".join(f"2026/03/02 00:{m:02}:00,{60 + m},{m if m >= first else ''}\n"
                   for m in range(15))
    path = folder / "both.csv"
    path.write_text("Id,m1,m2\nStatusCode,Complete,Complete\nMessages,,\n"
                    "Full label,eu:AWS/SQS QueueName:orders NumberOfMessagesSent Sum 60,"
                    "eu:AWS/SQS QueueName:orders ApproximateAgeOfOldestMessage Maximum 60\n"
                    "Label,NumberOfMessagesSent,ApproximateAgeOfOldestMessage\n" + rows)
    return path


def test_a_second_metric_of_the_same_export_is_beside_the_run_of_the_first(tmp_path):
    """Each value at its own time, also where the run begins within the file."""
    path = two_metrics(tmp_path, first=4)
    run = labsim.run("sqs-asg", workload="trace", trace=str(path))
    (ages,) = labsim.beside(run, path, "wait", metric="ApproximateAgeOfOldestMessage")
    assert ages.name == "wait" and ages.unit == "s"
    assert [(f.x, f.measured) for f in ages.figures] == [(60.0 * m, m) for m in range(4, 15)]
    (sent,) = labsim.beside(run, path, metric="NumberOfMessagesSent")
    assert [f.measured for f in sent.figures][:2] == [1.0, 61 / 60]
    later = labsim.run("sqs-asg", workload="trace", trace=str(path), trace_start=300)
    (ages,) = labsim.beside(later, path, "wait", metric="ApproximateAgeOfOldestMessage Maximum")
    assert [(f.x, f.measured) for f in ages.figures][:2] == [(0.0, 5), (60.0, 6)]


def test_which_metric_is_asked_where_there_are_several(tmp_path):
    """All are named; one that isn't there has the nearest suggested."""
    path = two_metrics(tmp_path)
    with pytest.raises(TraceError, match="expected one; metric says which"):
        labsim.beside(RUN, path)
    with pytest.raises(TraceError, match="did you mean NumberOfMessagesSent"):
        labsim.beside(RUN, path, metric="NumberOfMessageSent")


def test_units_of_cloudwatch_become_the_series_own(tmp_path):
    """Milliseconds beside seconds."""
    points = [{"Timestamp": f"2026-03-02T00:{m:02}:00Z", "Average": 250.0 * m,
               "Unit": "Milliseconds"} for m in range(1, 5)]
    path = tmp_path / "latency.json"
    path.write_text(json.dumps({"Label": "Latency", "Datapoints": points}))
    (one,) = labsim.beside(RUN, path, "wait")
    assert [f.measured for f in one.figures] == [0.25, 0.5, 0.75, 1.0]
    path.write_text("timestamp,FirstByteLatency\n2026-03-02 00:00,250\n2026-03-02 00:05,500\n")
    table = labsim.beside(RUN, path, "wait")
    assert [f.measured for f in table[0].figures] == [0.25, 0.5]
    assert "FirstByteLatency is taken as milliseconds." in table.told()


def test_what_is_after_the_end_is_left_out_and_said(tmp_path):
    """As long as something is within the run."""
    table = laid(tmp_path, "seconds,queue\n0,1\n450,2\n900,3\n1350,4\n")
    assert len(table[0].figures) == 2
    assert "2 of 4 rows are after the run's end, from line 4." in table.told()


@pytest.mark.parametrize("text, told", [
    ("", "1: an empty file, expected metrics, series over time or an export"),
    ("metric,value", "1: no row after the names of the columns, expected one or more"),
    ("metric\nx", "1: columns metric, expected metric,value or metric,value,se"),
    ("metric,value\nwait_p59,3", "2: metric 'wait_p59', did you mean wait_p99?"),
    ("metric,value\nwait_p95,3,4", "2: 3 columns, expected 2"),
    ("metric,value\nwait_p95,NaN", "2: value 'NaN', expected a number"),
    ("metric,value\nwait_p95,1_000", "2: value '1_000', expected a number"),
    ("metric,value\n\nwait_p95,", "3: value '', expected a number"),
    ("metric,value\nwait_p95,1\nwait_p95,2", "3: wait_p95 twice, expected once"),
    ("metric,value,se\nwait_p95,1,-1", "2: standard error '-1', expected a number, 0 or more"),
    ("seconds,queeu\n0,1\n1,2", "1: series 'queeu', did you mean queue?"),
    ("seconds\n0\n1", "1: columns seconds, expected each series once, its standard error beside "
                      "it"),
    ("seconds,queue,queue\n0,1,1\n1,2,2", "1: columns seconds, queue, queue, expected each series "
                                          "once, its standard error beside it"),
    ("seconds,queue\n0,1\n0,2", "3: 0 s after 0 s, expected rows in order of time"),
    ("seconds,queue\n-1,1\n0,2", "2: seconds '-1', expected a number, 0 or more"),
    ("seconds,queue\n0,1", "2: one row, expected two or more"),
    ("seconds,queue\n0,\n9,", "2: queue has no value within the run, expected one or more"),
    ("seconds,queue\n9000,1\n9900,2", "2: until 9,900 s, expected a time within the run's 900 s"),
    ("time,queue\n2026-01-01,1\nfoo,2", "3: 'foo' is no time, expected ISO 8601 without an "
                                            "offset"),
    ("time,queue\n1767225600,1\n2026-01-02,2", "3: '2026-01-02' is ISO 8601 without an offset, "
                                               "expected s since 1970"),
    ('"metric,value', "1: not CSV: unexpected end of data"),
    (b"\x00\x01", "1: a binary file, expected text in UTF-8"),
    ('{"x": 1}', "1: other JSON, expected that of get-metric-statistics, get-metric-data, Logs "
                 "Insights, Prometheus or k6"),
    ("timestamp,value\n2026-01-01 00:00:00,x\n", "2: no number beside the time but 'x', expected a "
                                                 "plain count per period"),
    ("timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01 01:00:00,1\n",
     "2: until 3,600 s, expected a time within the run's 900 s"),
])
def test_a_malformed_file_is_one_line_with_its_line(tmp_path, text, told):
    """What is there, and what is expected."""
    with pytest.raises(TraceError) as caught:
        laid(tmp_path, text)
    assert str(caught.value) == f"own.csv:{told}"


def test_what_is_no_file_no_series_and_no_result(tmp_path):
    """Each is named."""
    with pytest.raises(TraceError, match="none.csv:1: cannot be read: No such file"):
        labsim.beside(RUN, tmp_path / "none.csv")
    with pytest.raises(labsim.ParameterError, match="did you mean queue"):
        laid(tmp_path, "seconds,queue\n0,1\n1,2", "queu")
    with pytest.raises(labsim.ParameterError, match="the file names its own"):
        laid(tmp_path, "seconds,queue\n0,1\n1,2", "queue")
    with pytest.raises(labsim.ParameterError, match="what a run gives"):
        laid(tmp_path, "metric,value\nx,1", result=labsim.lab("sqs-asg"))


@given(st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(
    ["metric", "seconds", "time", "value", "queue", "queue_se", ",", "\n", "1", "2026-01-01", '"',
     "NaN", " ", "offered", "\r"]), max_size=14).map(lambda parts: "".join(parts).encode())))
def test_any_file_is_a_table_or_one_line(tmp_path_factory, raw):
    """Random bytes and random near-CSV."""
    path = tmp_path_factory.getbasetemp() / "random.csv"
    path.write_bytes(raw)
    try:
        assert repr(beside(RUN, path))
    except TraceError as error:
        assert str(error).startswith("random.csv:") and "\n" not in str(error)
