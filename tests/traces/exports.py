"""Files in the shape of what tools export, made of counts; a period of five minutes."""

import json
from datetime import UTC, datetime, timedelta

COUNTS = [118, 0, 342, 97, 1204]
START = datetime(2023, 5, 1, 12, tzinfo=UTC)
ISO = "%Y-%m-%dT%H:%M:%SZ"
SQS = "eu-west-1:AWS/SQS QueueName:orders NumberOfMessagesSent Sum 60"
ELB = "eu-west-1:AWS/ApplicationELB LoadBalancer:app/shop/1 RequestCount Sum 300"


def times(n, period=300, start=START):
    """The first n times."""
    return [start + timedelta(seconds=i * period) for i in range(n)]


def rows(form=ISO, counts=COUNTS, sep=",", start=START, period=300):
    """A line per count, the time first."""
    return "".join(f"{t.strftime(form)}{sep}{n}\n"
                   for t, n in zip(times(len(counts), period, start), counts))


def plain(counts=COUNTS, form=ISO, head="timestamp,value", **more):
    """CSV with a head."""
    return f"{head}\n{rows(form, counts, **more)}"


def console(counts=COUNTS, full=ELB, label="RequestCount", status="Complete", messages="",
            form="%Y/%m/%d %H:%M:%S", **more):
    """What the console downloads."""
    return (f"Id,m1\nStatusCode,{status}\nMessages,{messages}\nFull label,{full}\nLabel,{label}\n"
            + rows(form, counts, **more))


def points(counts=COUNTS, statistic="Sum", unit="Count", period=300):
    """Datapoints, in no order."""
    made = [{"Timestamp": t.strftime(ISO), statistic: float(n), "Unit": unit}
            for t, n in zip(times(len(counts), period), counts)]
    return made[1::2] + made[::2]


def statistics(counts=COUNTS, statistic="Sum", unit="Count", label="RequestCount", **more):
    """What get-metric-statistics prints."""
    return json.dumps({"Label": label, "Datapoints": points(counts, statistic, unit, **more)},
                      indent=4)


def result(counts=COUNTS, label="RequestCount", id_="m1", **more):
    """A result of get-metric-data, the newest first."""
    return {"Id": id_, "Label": label, "Timestamps": [
        t.isoformat() for t in times(len(counts))][::-1], "Values": [
            float(n) for n in counts][::-1], "StatusCode": "Complete", **more}


def metric_data(*results, **more):
    """What get-metric-data prints."""
    return json.dumps({"MetricDataResults": [*results] or [result()], "Messages": [], **more},
                      indent=4)


def insights(counts=COUNTS, status="Complete"):
    """What logs get-query-results prints."""
    return json.dumps({"results": [[
        {"field": "bin(5m)", "value": f"{t:%Y-%m-%d %H:%M:%S}.000"},
        {"field": "count(*)", "value": str(n)}, {"field": "@ptr", "value": "x"}]
        for t, n in zip(times(len(counts)), counts)], "status": status})


def prometheus(counts=COUNTS, name="", period=15):
    """What query_range answers."""
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [{
        "metric": {"__name__": name, "job": "shop"} if name else {},
        "values": [[START.timestamp() + i * period, str(n)] for i, n in enumerate(counts)]}]}})


ALB = ('{kind} {time} app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 {target} 0.000 '
       '0.001 0.000 {status} - 34 366 "GET http://www.example.com:80/a\\"b HTTP/1.1" "curl/7.46.0" '
       '- - arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/t/73e2 "Root=1-58337262" "-" "-" '
       '0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "-" "-" "-" "-"\n')
CLASSIC = ('{time} my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 '
           '{status} {status} 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -\n')
S3 = ('79a59df900b949e5 DOC-EXAMPLE-BUCKET1 [{time}] 192.0.2.3 79a59df900b949e5 3E57427F3EXAMPLE '
      'REST.GET.OBJECT photos/a.jpg {request} {status} - 113 - 7 - "-" "S3Console/0.4" - s9lz= '
      'SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader b.s3.us-west-1.amazonaws.com TLSV1.2 - -\n')
NLB = ("tls 2.0 {time} net/my-network-loadbalancer/c6e77e28c25b2234 g3d4b5e8bb8464cd "
       "72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:1:certificate/2 "
       "- ECDHE-RSA-AES128-SHA tlsv12 - h.elb.us-east-2.amazonaws.com - - - 2018-12-20T02:59:30\n")
CLOUDFRONT = ("{date}\t{clock}\tLAX1\t392\t192.0.2.100\tGET\td111.cloudfront.net\t/index.html\t"
              "{status}\t-\tMozilla/5.0\t-\t-\tHit\tSOX4==\td111.cloudfront.net\thttps\t23\n")
FIELDS = ("#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) "
          "cs-uri-stem sc-status cs(Referer) cs(User-Agent)\n")
LOCUST = ('"Timestamp","User Count","Type","Name","Requests/s","Failures/s","50%","66%","95%",'
          '"100%","Total Request Count","Total Failure Count","Total Median Response Time",'
          '"Total Average Response Time","Total Min Response Time","Total Max Response Time",'
          '"Total Average Content Size"\n')
K6 = ("metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,"
      "name,proto,scenario,service,status,subproto,tls_version,url,extra_tags,metadata\n")


def log(line, counts=COUNTS, **fields):
    """An access log with so many lines in each second."""
    return "".join(line.format(
        time=t.strftime("%d/%b/%Y:%H:%M:%S +0000" if "[{time}]" in line else
                        "%Y-%m-%dT%H:%M:%S" if line is NLB else "%Y-%m-%dT%H:%M:%S.186641Z"),
        date=f"{t:%Y-%m-%d}", clock=f"{t:%H:%M:%S}",
        **{"kind": "http", "target": "10.0.0.1:80", "status": 200,
           "request": '"GET /a HTTP/1.1"', **fields})
        for t, n in zip(times(len(counts), 1), counts) for _ in range(n))


def locust(counts=COUNTS):
    """A ..._stats_history.csv, a row per second and endpoint."""
    total, made = 0, LOCUST
    for i, n in enumerate(counts):
        total += n
        made += "".join(
            f'"{1682942400 + i}","10","{kind}","{name}",{n}.000000,0.000000,N/A,1,2,3,{total},'
            f'{total // 10},0,0.0,0,0,0\n'
            for kind, name in (("GET", "/"), ("", "Aggregated")))
    return made


def k6(counts=COUNTS):
    """What k6 run --out csv writes, a line per request and metric."""
    return K6 + "".join(
        f"{metric},{1682942400 + i},{value},,,,true,,GET,http://t,HTTP/1.1,default,,200,,,"
        "http://t,,\n" for i, n in enumerate(counts) for _ in range(n)
        for metric, value in (("http_reqs", 1.0), ("http_req_duration", 25.7)))
