"""What is refused: one line that says where, what is there, and what to do."""

import json

import pytest
from exports import (
    COUNTS,
    ISO,
    LOCUST,
    SQS,
    console,
    k6,
    metric_data,
    plain,
    points,
    prometheus,
    result,
    rows,
    statistics,
)
from test_reader import read

from labsim.traces import TraceError, read_trace

GOOD = plain([1, 2, 1])
POINTS = '{"Datapoints": [\n{"Timestamp": "2026-03-01", "Sum": 1},\n%s]}'
OTHER = '{"Timestamp": "2026-03-02", %s}'
LOCAL = "2023-10-29 01:00,5\n2023-10-29 02:00,6\n2023-10-29 02:00,7\n2023-10-29 03:00,7\n"
MONTHS = "month,orders\n" + "".join(f"2023-{m:02}-01,100\n" for m in range(1, 13))
DAYS = ("2023-03-24T00:00+01:00,5\n2023-03-25T00:00+01:00,5\n2023-03-26T00:00+01:00,6\n"
        "2023-03-27T00:00+02:00,7\n")
TABLE = ("-" * 40 + "\n|            get-metric-statistics            |\n+----+\n")
NO = "no count: export what was counted"
BAD = {
    # what it is
    "console, CPU": (console(full=SQS.replace("NumberOfMessagesSent Sum",
                     "CPUUtilization Average")),
                     "6: 'CPUUtilization Average' is a percentage, " + NO),
    "console, average": (console(full=SQS.replace("Sum", "Average")), "each period's Average"),
    "console, p99": (console(full="a TargetResponseTime p99.9 60"), "is a time, no count"),
    "console, two": (console().replace("m1\n", "m1,m2\n").replace("Count\n", "Count,Errors\n"),
                     "2 series, expected one; trace_metric says which: RequestCount Sum, Errors"),
    "unit percent": (statistics(unit="Percent"), "is a percentage"),
    "unit bytes": (statistics(unit="Kilobytes", label="In"), "is a number of bytes"),
    "unit bytes per second": (statistics(unit="Bytes/Second"), "a number of bytes per second"),
    "unit per second": (statistics(unit="Count/Second"), "trace_as=rate multiplies"),
    "two units": (json.dumps({"Label": "Requests", "Datapoints": points() + points(unit="None")}),
                  "trace_metric says which: Requests (Count) Sum, Requests (None) Sum"),
    "metric data, two": (metric_data(result(), result(id_="m2", label="Errors")),
                         "1: 2 series, expected one; trace_metric says which: RequestCount, Err"),
    "metric data, CPU": (metric_data(result(label="CPUUtilization")), "6: 'CPUUtilization' is a p"),
    "a rate": (plain([.5, 1.25], head="t,v"), "a rate per second?; trace_as=rate multiplies"),
    "a period's head": ("period,latency_ms\n2023-05-01,5\n2023-05-02,7\n", "is a time"),
    "digits in a head": ('"Time","10.0.0.1:9090"\n2023-05-01,0.5\n2023-05-02,7\n',
                         "'10.0.0.1:9090' is no whole"),
    "two lengths": ("t,v\n" + "".join(f"{1_772_323_200 + t},1\n" for t in (
        *range(0, 1200, 60), *range(1200, 7200, 300))), "22: periods of 60 s, and of 300 s from"),
    "per target": (plain([5, 7], head="t,RequestCountPerTarget"), "is a part of it"),
    "capacity": (plain([5, 7], head="t,ConsumedLCUs"), "is a number of capacity units"),
    "first byte": (plain([5, 7], head="t,FirstByteLatency"), "is a time"),
    "a total": (plain(range(10, 40)), "trace_as=total takes its differences"),
    "prometheus, latency": (prometheus(name="request_duration_seconds_sum"), "is a time"),
    "prometheus, a gauge": (prometheus(name="queue"), "is what there is at a moment"),
    "console, trimmed": (console(full="a RequestCount TM(10%:90%) 300"), "each period's TM("),
    "console, one name twice": (console().replace("m1\n", "m1,m2\n").replace(
        "RequestCount Sum 300", "RequestCount Sum 300,b RequestCount Sum 300"), "which: m1, m2"),
    "two columns of a name": ("t,v,v\n2023-05-01,5,1\n", "which: v column 2, v column 3"),
    "no names": ("2023-05-01,5,1\n", "which: column 2, column 3"),
    "metric math": (metric_data(result(label="m1/PERIOD(m1)")), "a quotient: a rate per sec"),
    "wrong metric": (GOOD, "no series 'Requests': one of value", "Requests"),
    # times
    "two ways": (plain(form="%m/%d/%Y %H:%M"),
                 "2: '05/01/2023 12:00' is 01 May 2023 or 05 January"),
    "two ways, PM": (plain(form="%m/%d/%Y %I:%M:%S %p"), "is 01 May 2023 or 05 January 2023"),
    "a zone's name": (plain(form="%Y-%m-%d %H:%M:%S CET"),
                      "2: '2023-05-01 12:00:00 CET' is no time"),
    "year of two digits": (plain(form="%m/%d/%y %H:%M"), "2: '05/01/23 12:00' is no time"),
    "time of day": ("time,n\n12:00,5\n12:05,6\n", "2: '12:00' is no time, expected a time such as"),
    "no such day": ("t,v\n2023-02-28,1\n2023-02-29,5\n", "3: '2023-02-29' is no time: there is no"),
    "mixed zones": (GOOD.replace("12:05:00Z", "12:05:00"),
                    "3: '2023-05-01T12:05:00' is ISO 8601 w"),
    "mixed units": ("1772323200,1\n1772323500000,1\n", "2: '1772323500000' is ms since 1970, exp"),
    "a total row": (GOOD + "Total,1761\n", "5: 'Total' is no time"),
    "two tables": (GOOD + "\n" + GOOD, "6: 'timestamp' is no time"),
    "twice": (GOOD.replace("12:05", "12:00"),
              "3: 2023-05-01 12:00:00+00:00 twice, expected once: o"),
    "twice, local": (LOCAL,
                     "3: 2023-10-29 02:00:00 twice, expected once: local time, clocks change "
                     "on 29 October 2023 in Europe/Berlin; export in UTC"),
    "off the period": (plain([1, 2] * 5).replace("12:15:00", "12:16:01"),
                       "5: 2023-05-01 12:16:01+00:"
                       "00 is 61 s off periods of 300 s"),
    "months": (MONTHS, "expected periods of one length"),
    "local days": (DAYS, "4: 2023-03-26 22:00:00+00:00 is 3,600 s off periods of 86,400 s"),
    "years": ("2026-01-01 00:00:00,1\n2026-01-01 00:00:01,1\n2036-01-01 00:00:00,1\n",
              "3: period 315,532,801 of 1 s, at most 1,000,000"),
    "one row": ("t,v\n2023-05-01,5\n", "2: one time, expected two or more"),
    # numbers
    "thousands": (plain(["118", '"1,204"']), "3: '1,204' is 1,204 or 1.204: write it without"),
    "thousands, German": (plain(["118", "1.204"], sep=";", head="t;v"),
                          "3: '1.204' is 1.204 or 1,20"),
    "mixed": (plain(['"1,204.5"', '"1.204,5"']), "commas and points are mixed"),
    "negative": (GOOD.replace(",2\n", ",-2\n"), "3: 'value' is -2, expected counts of 0 or more"),
    "too many": (GOOD.replace(",2\n", ",1000000000001\n"), "a count of 1e+12, at most 1e+12"),
    "no value": (plain(["", ""]), "no number beside the time"),
    **{f"the number {text}": (GOOD.replace(",2\n", f",{text}\n"), f"3: '{text}' is no number")
       for text in ("inf", "many", "2_0", "0x10", "1.2 K", "5k", "$12", "12 €", "12%", "=1+1",
                    "(5)", "true", "½", "²", "--", "1e", "−5")},
    # shapes
    "ragged": (GOOD.replace(",2\n", ",2,3\n"), "3: columns: 3, expected 2"),
    "short": (GOOD.replace(",2\n", "\n"), "3: columns: 1, expected 2"),
    "a title": ("My traffic\n\n" + GOOD,
                "1: 'My traffic', expected the names of the columns: leave"),
    "units in cells": (plain(["5 req/s"]),
                       "2: no number beside the time but '5 req/s', expected a"),
    "only a head": ("timestamp,value\n", "1: no row of times and numbers"),
    "only a description": (console([]), "1: a description and no row after it"),
    "no time": ("a,b\n1,2\n", "2: no time in it, expected one such as 2026-03-01T12:00:00Z"),
    "by status": ("bin(5m),status,count(*)\n2023-05-01 12:00:00.000,200,5\n"
                  "2023-05-01 12:00:00.000,500,1\n", "which: 200 count(*), 500 count(*)"),
    "open quote": ('timestamp,value\n"2026-01-01,1\n', "2: not CSV: "),
    # JSON
    "not json": ('{"Datapoints": [\n', "2: not JSON: "),
    "something else": ('{"a": 1}', "1: other JSON, expected that of get-metric-statistics"),
    "an image": ('{"MetricWidgetImage": "iVBORw0KGgo="}', "1: other JSON"),
    "events": ('{"events": [{"timestamp": 1, "message": "x"}]}', "1: other JSON"),
    "no points": ('{"Datapoints": []}', "1: 0 datapoints"),
    "no results": ('{"MetricDataResults": []}', "1: no values in 0 results"),
    "empty results": (metric_data(result([])), "2: no values in 1 results"),
    "no statistic": (POINTS % (OTHER % '"p99": 1'), "2: a datapoint without a statistic"),
    "text": (POINTS % (OTHER % '"Sum": "1"'), "2: Sum is '1', expected a number"),
    "true": (POINTS % (OTHER % '"Sum": true'), "2: Sum is True, expected a number"),
    "NaN": (POINTS % (OTHER % '"Sum": NaN'), "2: nan is no number"),
    "a key twice": (POINTS % (OTHER % '"Sum": 1,\n"Sum": 2'), "4: the key 'Sum' twice"),
    "lengths": (metric_data().replace("1204.0", "1204.0, 3.0"), "6: 6 Values of 5 Timestamps"),
    "failed query": ('{"status": "error", "error": "no"}', "1: Prometheus says 'no', no data"),
    "a vector": ('{"status": "success", "data": {"resultType": "vector", "result": []}}',
                 "expected a matrix: query_range"),
    "k6, no requests": (k6([]) + "vus,1682942400,5,\n", "1: no http_reqs in it"),
    "k6, summary": ('{"metrics": {"http_reqs": {"count": 5}}}',
                    "1: k6's summary, which has no times"),
    "locust, summary": ("Type,Name,Request Count\nGET,/,5\n", "1: locust's summary"),
    "locust, none": (LOCUST, "1: no row called Aggregated"),
    # the AWS CLI, and what is no data
    "error": ("\nAn error occurred (ExpiredToken) when calling X: expired\n",
              "an error of the AWS C"),
    "table": (TABLE, "the AWS CLI's table, expected JSON: add --output json"),
    "text output": ("RequestCount\nDATAPOINTS\t97.0\t2023-05-01T12:15:00Z\tCount\n",
                    "--output json"),
    "yaml": ("Datapoints:\n- Sum: 97.0\n", "1: YAML, expected JSON: add --output json"),
    "web page": ("<!DOCTYPE html>\n<html></html>", "1: a web page or XML"),
    "mixed logs": ('1.1.1.1 - - [01/May/2023:12:00:00 +0000] "GET / HTTP/1.1" 200 5\nx\n',
                   "2: not of the form of the lines before"),
    "raw events": ("@timestamp,@message\n2023-05-01 12:00:00.000,START\n",
                   "2: no number beside the "),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said_with_its_line(what, tmp_path):
    """One line, naming the place."""
    text, message, *metric = BAD[what]
    with pytest.raises(TraceError) as caught:
        read(tmp_path, text, metric=metric[0] if metric else "")
    said = str(caught.value)
    assert said.startswith("file:") and message in said and "\n" not in said, said


NAMES = {
    "percentage": "CPUUtilization cpu_percent load1 4xxErrorRate CacheHitRate BurstBalance "
                  "Success%",
    "bytes": "sum(bytes) NetworkIn DiskReadBytes size_kb SentMessageSize",
    "time": "TargetResponseTime latency_ms ApproximateAgeOfOldestMessage Duration time_taken",
    "moment": "ApproximateNumberOfMessagesVisible queue_size HealthyHostCount active_users "
              "inflight",
    "money": "cost EstimatedCharges price", "capacity": "ConsumedReadCapacityUnits",
    "each period's": "avg(requests) max(requests) Average p99 requests_mean median "
                     "RequestCount_Avg",
    "per second": "requests/s orders_rps ReadIOPS rate(http_requests_total[5m]) "
                  "requests_per_second count(*)/300 cps",
    "per minute": "rpm req/min requests_per_minute", "per hour": "requests/h",
    "running total": "cumulative_requests",
    "": "requests RequestCount count(*) 5xx HTTPCode_Target_5XX_Count Invocations events "
        "NumberOfMessagesSent count(latency) count_distinct(user) http_requests SampleCount "
        "request_duration_seconds_count Anzahl increase(requests_total[5m]) requests_total Sum",
}


@pytest.mark.parametrize("what", NAMES)
def test_the_words_of_a_name_say_what_it_is(what, tmp_path):
    """In whatever way the words are joined; whole numbers that rise and fall say nothing."""
    for name in NAMES[what].split():
        text = plain(head=f"timestamp,{name}")
        if not what:
            assert read(tmp_path, text).counts.tolist() == COUNTS, name
            continue
        with pytest.raises(TraceError, match=f"file:2: .* is .*{what}.*trace_as=counts"):
            read(tmp_path, text)


def test_a_files_name_says_it_where_its_column_does_not(tmp_path):
    """`value` of cpu_utilization.csv; a name with requests in it says that it is counts."""
    for name, refused in (("ec2_cpu_utilization_1.csv", True), ("elb_request_count_ms.csv", False)):
        (tmp_path / name).write_text(plain())
        if refused:
            with pytest.raises(TraceError, match="a percentage, as the file's name says"):
                read_trace(tmp_path / name)
        else:
            assert read_trace(tmp_path / name).counts.tolist() == COUNTS


def test_the_words_of_a_group_say_nothing(tmp_path):
    """A service called users is no gauge."""
    text = "service,timestamp,requests\n" + "".join(
        f"{name},{row}\n" for name in ("users", "latency") for row in rows(ISO).split())
    with pytest.raises(TraceError, match="which: users requests, latency requests"):
        read(tmp_path, text)
    assert read(tmp_path, text, metric="users").counts.tolist() == COUNTS
