"""Each family of exports: what is read, what is refused, what is said."""

import gzip
import io
import json
import os
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from exports import (
    ALB,
    CLASSIC,
    CLOUDFRONT,
    COUNTS,
    FIELDS,
    ISO,
    NLB,
    S3,
    SQS,
    START,
    console,
    insights,
    k6,
    locust,
    log,
    metric_data,
    plain,
    points,
    prometheus,
    result,
    rows,
    statistics,
    times,
)

from labsim.traces import TraceError, read_trace

NAB = Path(os.environ.get("LABSIM_NAB", "nowhere"))     # a folder with Numenta's CloudWatch series


def read(folder, text, name="file.csv", **options):
    """The trace in a file with this content."""
    path = Path(folder) / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, **options)


def zipped(text):
    """In a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/b.csv", text)
    return file.getvalue()


def two(counts, others, head="timestamp,requests,errors"):
    """Two columns."""
    return f"{head}\n" + "".join(f"{t.strftime(ISO)},{n},{m}\n"
                                 for t, n, m in zip(times(len(counts)), counts, others))


GRAFANA = 'sep=;\n"Series";"Time";"Value"\n' + "".join(
    f'"requests";"{t:%Y-%m-%dT%H:%M:%S}+00:00";{n or "null"}\n' for t, n in zip(times(5), COUNTS))
REPORT = ("Version,1.0\nReport,CloudWatch Metrics\nDistributionID,E1\n"
          "StartDateUTC,2023-05-01T12:00:00Z\nGranularity,FIVE_MINUTES\n"
          "DistributionID,FriendlyName,TimeBucket,Requests,BytesDownloaded\n"
          + "".join(f"E1,www.example.com,{t.strftime(ISO)},{n},1000\n"
                    for t, n in zip(times(5), COUNTS)))
TWO_METRICS = ("Id,m1,m2\nStatusCode,Complete,Complete\nMessages,,\n"
               "Full label,a RequestCount Sum 300,a HTTPCode_Target_5XX_Count Sum 300\n"
               "Label,RequestCount,HTTPCode_Target_5XX_Count\n"
               + "".join(f"{t:%Y/%m/%d %H:%M:%S},{n},{n // 100 or ''}\n"
                         for t, n in zip(times(5), COUNTS)))
BOTO3 = ("{'Label': 'RequestCount', 'Datapoints': [" + ", ".join(
    f"{{'Timestamp': datetime.datetime(2023, 5, 1, 12, {5 * i}, tzinfo=tzutc()), 'Sum': {n}.0, "
    "'Unit': 'Count'}" for i, n in enumerate(COUNTS))
    + "], 'ResponseMetadata': {'HTTPStatusCode': 200}}")
SPARSE = ("bin(1h),FailureCount\n2024-12-29 06:00:00.000,2\n2024-12-27 10:00:00.000,170\n"
          "2024-12-27 06:00:00.000,4\n")
K6_JSON = ('{"type":"Metric","data":{"name":"http_reqs","type":"counter"},"metric":"http_reqs"}\n'
           + "".join('{"metric":"http_reqs","type":"Point","data":{"time":"2023-05-01T12:00:0'
                     f'{i // 3}.21432+00:00","value":1,"tags":{{"status":"200"}}}}}}\n'
                     for i in range(9)))
KIBANA = plain(form='"%b %d, %Y @ %H:%M:%S.000"',
               head='"@timestamp per 5 minutes","Count of records"')
JS_DATE = plain(form="%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)",
                head="time,requests")
NEW_RELIC = "beginTimeSeconds,endTimeSeconds,count\n" + "".join(
    f"{t.timestamp():.0f},{t.timestamp() + 300:.0f},{n}\n" for t, n in zip(times(5), COUNTS))
START_END = "start,end,requests\n" + "".join(
    f"{t.strftime(ISO)},{(t + timedelta(minutes=5)).strftime(ISO)},{n}\n"
    for t, n in zip(times(5), COUNTS))
SPLUNK = "_time,count,_span\n" + "".join(f"{t:%Y-%m-%dT%H:%M:%S}.000+0000,{n},300\n"
                                         for t, n in zip(times(5), COUNTS))
DATE_CLOCK = "Date,Time,Requests\n" + "".join(f"{t:%Y-%m-%d},{t:%H:%M},{n}\n"
                                              for t, n in zip(times(5), COUNTS))
# name: content, options, and what the notes have in them besides the five periods of 1,761
FIVE = {
    "plain": (plain(), {}, ()),
    "no head": (rows(), {}, ()),
    "unordered": ("\n".join(sorted(rows().split(), key=lambda r: r[-1])), {}, ("in no order",)),
    "semicolon": (plain(sep=";", head="timestamp;value"), {}, ()),
    "tab": (plain(sep="\t", head="timestamp\tvalue"), {}, ()),
    "pipe": (plain(sep="|", head="timestamp|value"), {}, ()),
    "UTF-16": (statistics().encode("utf-16"), {}, ("in no order",)),
    "gzip": (gzip.compress(console().encode()), {}, ()),
    "zip": (zipped(console()), {}, ()),
    "console": (console(), {}, ()),
    "console, old": ("Full label,shop\nLabel,RequestCount\nId,m1\nPeriod,300\nStatistic,Sum\n\n"
                     + rows("%Y/%m/%d %H:%M:%S"), {}, ()),
    "console, partial": (console(status="PartialData"), {}, ("incomplete: StatusCode Partial",)),
    "console, message": (console(messages="lost"), {}, ("incomplete: CloudWatch says lost",)),
    "console, Excel": ("Id;m1\nStatusCode;Complete\nMessages;\nFull label;x\nLabel;Requests\n"
                       + rows("%d.%m.%Y %H:%M", sep=";"), {}, ()),
    "console, two": (TWO_METRICS, {"metric": "RequestCount"}, ()),
    "console, two by Id": (TWO_METRICS, {"metric": "M1"}, ()),
    "console, samples of a time": (console(full="a TargetResponseTime SampleCount 300"), {}, ()),
    "statistics": (statistics(), {}, ("in no order",)),
    "statistics, samples": (statistics(statistic="SampleCount", unit="Seconds"), {}, ()),
    "datapoints": (json.dumps(points()), {}, ()),
    "a datapoint a line": ("\n".join(map(json.dumps, points())), {}, ()),
    "boto3": (BOTO3, {}, ()),
    "two statistics": (json.dumps({"Label": "RequestCount", "Datapoints": [
        {**one, "Average": 1.5} for one in points()]}), {}, ("its Sum, not its Average",)),
    "metric data": (metric_data(), {}, ("the newest came first",)),
    "metric data, one result": (json.dumps(result()), {}, ()),
    "metric data, results": (json.dumps([result()]), {}, ()),
    "metric data, one is no count": (metric_data(result(), result(
        [0.1] * 5, "TargetResponseTime", "m2")), {}, ("of 2 series: RequestCount",)),
    "metric data, one is empty": (metric_data(result(), result([], "Errors", "m2")), {}, ()),
    "metric data, by Id": (metric_data(result(), result([1] * 5, "Errors", "m2")),
                           {"metric": "m1"}, ()),
    "metric data, messages": (metric_data(Messages=[{"Code": "x", "Value": "too many"}]), {},
                              ("incomplete: CloudWatch says 'too many'",)),
    "metric data, a result's messages": (metric_data(result(Messages=[{"Value": "lost"}])), {},
                                         ("incomplete: CloudWatch says 'lost'",)),
    "metric data, more pages": (metric_data(NextToken="x"), {}, ("NextToken",)),
    "metric data, partial": (metric_data(result(StatusCode="PartialData")), {}, ("PartialData",)),
    "insights": (insights(), {}, ()),
    "insights, running": (insights(status="Running"), {}, ("incomplete: the query's status",)),
    "insights, CSV": (plain(form="%Y-%m-%d %H:%M:%S.000", head="bin(5m),count(*)"), {}, ()),
    "prometheus": (prometheus(period=300), {}, ()),
    "prometheus, a counter": (prometheus([7, 125, 125, 467, 564, 1768], "requests_total", 300), {},
                              ("a running total, of which the differences",)),
    "grafana, old": (GRAFANA, {}, ("1 period without a value",)),
    "grafana, new": ('"Time","{job=""users-api""}"\n' + rows('"%Y-%m-%d %H:%M:%S"'), {}, ()),
    "grafana, ms": (two(COUNTS, [.5] * 5, "Time,requests,latency"), {}, ("of 2 series",)),
    "grafana, increase": (plain(head='Time,"sum(increase(http_requests_total{a=""b""}[5m]))"'),
                          {}, ()),
    "cloudfront report": (REPORT, {}, ("of 2 series: Requests",)),
    "kibana": (KIBANA, {}, ()),
    "splunk": (SPLUNK, {}, ()),
    "new relic": (NEW_RELIC, {}, ()),
    "start and end": (START_END, {}, ()),
    "date and time of day": (DATE_CLOCK, {}, ()),
    "date of a browser": (JS_DATE, {}, ()),
    "datadog": ('"time","service","sum:trace.hits{*}.as_count()"\n' + rows(f'"{ISO}","users"'),
                {}, ()),
    "azure": (plain(form='"%m/%d/%Y %I:%M:%S %p"', head='"Time","Requests (Sum)"',
                    start=START + timedelta(days=12)), {}, ()),
    "athena": (plain(form='"%Y-%m-%d %H:%M:%S.000 UTC"', head='"minute","_col1"'), {}, ()),
    "records": (json.dumps([{"t": t.strftime(ISO), "count": n}
                            for t, n in zip(times(5), COUNTS)]), {}, ()),
    "comments": ("# exported by somebody\n# today\n" + plain(), {}, ()),
    "index": (",timestamp,value\n" + "".join(
        f"{i},{row}\n" for i, row in enumerate(rows().split())), {}, ()),
    "digit in the head": (plain(head="timestamp,5xx"), {}, ()),
    "null": (plain([118, "null", 342, 97, 1204]), {}, ("1 period without a value",)),
    "empty cell": (plain([118, "", 342, 97, 1204]), {}, ("1 period without a value",)),
    "blank lines": (plain() + "\n\n , \n", {}, ()),
    "a rate": (plain([n / 300 for n in COUNTS], head='"Time","requests/s"'), {"values": "rate"},
               ("a rate per second, multiplied by 300 s",)),
    "a rate per minute": (plain([n / 5 for n in COUNTS], head="Time,rpm"), {"values": "rate"},
                          ("a rate per minute, multiplied by 300 s",)),
    "per five minutes": (plain(head="Time,Requests per 5 minutes"), {}, ()),
    "an average, taken as it is": (console(full=SQS.replace("Sum 60", "Average 300")),
                                   {"values": "counts"}, ()),
}


@pytest.mark.parametrize("what", FIVE)
def test_five_periods_of_five_minutes(what, tmp_path):
    """118, 0, 342, 97, 1,204, in whatever form; the first note says what it is."""
    content, options, said = FIVE[what]
    trace = read(tmp_path, content, **options)
    assert trace.notes[0].startswith("5 periods of 300 s from 2023-05-")
    assert trace.notes[0].endswith("1,761 requests in all")
    assert trace.counts.tolist() == COUNTS and trace.period == 300
    assert trace.began % 86_400 == 43_200
    notes = " ; ".join(trace.notes)
    assert all(words in notes for words in said), notes
    assert said or len(trace.notes) == 1 or "order" in notes or "newest" in notes or what in (
        "an average, taken as it is",), notes


@pytest.mark.parametrize("content, said, failed", [
    (log(ALB), "request", 0), (log(ALB, kind="h2", target="-", status=503), "request", 1761),
    (log(CLASSIC), "request", 0), (log(NLB), "connection", 0), (log(S3), "request", 0),
    (log(S3, request="-", status=204), "request", 0), (FIELDS + log(CLOUDFRONT), "request", 0),
    (log('1.1.1.1 - - [{time}] "GET /\\"a HTTP/1.1" {status} 612 "-" "curl/8"\n'), "request", 0),
    (log('h:80 ::1 - bob [{time}] "GET / HTTP/1.1" {status} 612\n'), "request", 0),
    (gzip.compress(log(ALB)[:0].encode() + log(ALB).encode()), "request", 0)])
def test_the_lines_of_an_access_log_are_counted_per_second(content, said, failed, tmp_path):
    """Of load balancers, S3, CloudFront and web servers; what failed is there by name."""
    trace = read(tmp_path, content, "a.log")
    assert trace.counts.tolist() == COUNTS and trace.period == 1
    assert trace.notes[1] == f"each line of the log is a {said}"
    if failed:
        assert read(tmp_path, content, "a.log", metric="5xx").counts.sum() == failed


@pytest.mark.parametrize("content", [locust(), k6(), K6_JSON])
def test_what_load_tests_leave_behind(content, tmp_path):
    """Requests per second."""
    trace = read(tmp_path, content)
    assert trace.period == 1 and trace.counts.sum() == (9 if content is K6_JSON else 1761)
    if content.startswith('"Timestamp"'):
        assert read(tmp_path, content, metric="failures").counts.sum() == 1761 // 10


def test_pages_of_one_answer_are_joined(tmp_path):
    """Two answers after each other, each the newest first; only the first is partial."""
    later = result([97, 1204], StatusCode="PartialData")
    later["Timestamps"] = [t.isoformat() for t in times(5)[3:]][::-1]
    text = metric_data(later, NextToken="x") + "\n" + metric_data(result(COUNTS[:3]))
    assert read(tmp_path, text, "a.json").counts.tolist() == COUNTS


@pytest.mark.parametrize("content, periods, period, total", [
    (console([600] * 24, SQS), 116, 60, 14_400), (SPARSE, 49, 3_600, 176),
    ("\n".join(SPARSE.split("\n")[:1] + SPARSE.split("\n")[:0:-1]), 49, 3_600, 176),
    (console([6], SQS), 1, 60, 6), (plain([5] * 8760, "%Y-%m-%d %H:%M", period=3_600,
                                          start=datetime(2023, 1, 1)), 8_760, 3_600, 43_800),
    ('"timestamp","views"\n"2015100100",18860\n"2015100200",17622\n', 2, 86_400, 36_482),
    (plain([7] * 5, "%Y-%m-%d", period=7 * 86_400), 5, 604_800, 35),
    (plain([7] * 3, "%Y-%m-%d", period=86_400, start=datetime(2024, 2, 28)), 3, 86_400, 21)])
def test_the_period_is_the_files_own_or_the_divisor(content, periods, period, total, tmp_path):
    """`Sum 60`, `bin(1h)`; hours of a year, days, weeks, a leap day."""
    trace = read(tmp_path, content)
    assert (len(trace.counts), trace.period, trace.counts.sum()) == (periods, period, total)


@pytest.mark.skipif(not NAB.is_dir(), reason="LABSIM_NAB names no folder")
def test_numentas_series():
    """Counts are summed; percentages, bytes and means are no counts."""
    for path in NAB.glob("*.csv"):
        if "request_count" in path.name:
            values = [float(row.split(",")[1]) for row in path.read_text().split("\n")[1:] if row]
            assert read_trace(path).counts.sum() == sum(values)
        else:
            with pytest.raises(TraceError, match=re.escape(path.name) + ":2: .*( no count|rate)"):
                read_trace(path)
