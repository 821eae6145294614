"""Random files made of the formats' grammar: read right, or refused in one line; never another sum.

300 of them; with --long 5,000.
"""

import gzip
import io
import json
import random
import re
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from labsim.traces import TraceError, bring, read_trace

PERIODS = (1, 10, 15, 60, 300, 900, 3_600, 21_600, 86_400, 604_800)
COUNTED = ("value", "requests", "RequestCount", "count(*)", "NumberOfMessagesSent", "5xx", "Hits",
           "Requests (Sum)", "HTTPCode_Target_5XX_Count", "sum:hits{*}.as_count()", "Anzahl")
NOT_COUNTED = ("CPUUtilization", "latency_ms", "avg(requests)", "requests/s", "BytesIn", "p99",
               "queue_size", "http_requests_total_per_second", "Average", "ErrorRate", "cost")
ISO = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.000Z", "%Y/%m/%d %H:%M:%S",
       "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d %H:%M:%S UTC", "%Y%m%dT%H%M%SZ", "%Y%m%d%H%M%S")
WORDED = ("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
          "%b %d, %Y @ %H:%M:%S.000", "%a, %d %b %Y %H:%M:%S GMT",
          "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")


class Made:
    """A file, and what is in it."""

    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.period = rng.choice(PERIODS)
        n = rng.choice((2, 3, 5, 12, 40))
        start = rng.randrange(1_000_000_000, 1_900_000_000) // self.period * self.period
        most = rng.choice((1, 9, 1_000, 10**6, 10**12))
        places = sorted(rng.sample(range(n), n if rng.random() < 0.6 else rng.randrange(2, n + 1)))
        self.points = [(start + self.period * i, rng.randint(0, most)) for i in places]
        self.total, self.start = sum(v for _, v in self.points), self.points[0][0]
        self.said = False           # whether the file says its period
        self.counts = True          # whether they are counts
        order = rng.random()
        if order < 0.2:
            self.points.reverse()
        elif order < 0.3:
            rng.shuffle(self.points)
        form = rng.choice((self.table, self.table, self.table, self.console, self.statistics,
                           self.metric_data, self.insights, self.prometheus, self.grafana,
                           self.log, self.locust))
        self.form = form.__name__
        self.content = self.wrapped(form())

    def named(self):
        """The name of the values."""
        self.counts = self.rng.random() < 0.85
        return self.rng.choice(COUNTED if self.counts else NOT_COUNTED)

    def times(self, forms):
        """Texts of the times, in one form."""
        form = self.rng.choice(forms)
        if form in ("s", "ms", "us", "ns"):
            return [str(t) + "0" * (0, 3, 6, 9)[("s", "ms", "us", "ns").index(form)]
                    for t, _ in self.points]
        return [datetime.fromtimestamp(t, UTC).strftime(form) for t, _ in self.points]

    def numbers(self, sep):
        """Texts of the values, in one way of writing."""
        way = self.rng.choice(("plain",) * 4 + (".0", "thousands", "blank", "exponent", "plus"))
        mark = "." if sep == ";" and self.rng.random() < 0.7 else ","
        write = {"plain": str, ".0": lambda v: f"{v}.0" if mark == "," else f"{v},0",
                 "thousands": lambda v: f"{v:,}".replace(",", mark), "exponent": lambda v: f"{v}e0",
                 "blank": lambda v: f"{v:,}".replace(",", "\u202f"), "plus": lambda v: f"+{v}"}[way]
        return [write(v) for _, v in self.points]

    def table(self):
        """Plain columns, in any dialect."""
        rng = self.rng
        sep = rng.choice(",,,;\t|")
        times = self.times(ISO * 2 + WORDED + ("s", "ms", "us", "ns"))
        columns = [("timestamp", times), (self.named(), self.numbers(sep))]
        if rng.random() < 0.2:
            columns.reverse()
        if rng.random() < 0.2:
            columns.insert(0, ("", [str(i) for i in range(len(times))]))
        if rng.random() < 0.2:
            columns.append((rng.choice(("region", "host", "service")), ["users-1"] * len(times)))
        if rng.random() < 0.1:
            columns.append(("unit", ["Count"] * len(times)))
        if rng.random() < 0.1:
            columns.append(("period", [str(self.period)] * len(times)))
            self.said = True
        quote = rng.random() < 0.3

        def cell(text):
            return f'"{text}"' if quote or sep in text else text
        lines = [sep.join(map(cell, row)) for row in zip(*(cells for _, cells in columns))]
        if not (bare := self.counts and rng.random() < 0.2):
            lines.insert(0, sep.join(cell(name) for name, _ in columns))
        if not bare and rng.random() < 0.1:
            lines.insert(0, "# made by chance")
        if rng.random() < 0.2:
            lines.insert(rng.randrange(len(lines)), "")
        if (twist := rng.random()) < 0.06:      # a total, a row twice, a second table
            self.counts = False
            lines += [sep.join("Total" if cells is times else str(self.total)
                               for _, cells in columns)] if twist < 0.02 else [
                lines[-1] or lines[-2]] if twist < 0.04 else lines[:-1]
        return "\n".join(lines) + "\n" * rng.randrange(4)

    def console(self):
        """What the console downloads."""
        name = self.named()
        if " " in name or "(" in name or name == "value" or name == "Average":
            name, self.counts = "Requests", True
        statistic = self.rng.choice(("Sum",) * 5 + ("Average", "p99"))
        self.counts, self.said = self.counts and statistic == "Sum", True
        return ("Id,m1\nStatusCode,Complete\nMessages,\n"
                f"Full label,eu:AWS/X A:b {name} {statistic} {self.period}\nLabel,{name}\n"
                + "".join(f"{t},{v}\n" for t, (_, v) in zip(self.times(ISO), self.points)))

    def statistics(self):
        """Datapoints; a document, a list, or a line each."""
        unit = self.rng.choice(("Count",) * 5 + ("Percent", "Bytes", "Count/Second"))
        self.counts = unit == "Count"
        points = [{"Timestamp": t, "Sum": float(v), "Unit": unit}
                  for t, (_, v) in zip(self.times(ISO), self.points)]
        return self.rng.choice((json.dumps({"Label": "x", "Datapoints": points}, indent=4),
                                json.dumps(points), "\n".join(map(json.dumps, points))))

    def metric_data(self):
        """A result or two, in pages."""
        name, times, values = self.named(), self.times(ISO), [float(v) for _, v in self.points]
        cut = self.rng.randrange(len(times)) if self.rng.random() < 0.3 else 0
        other = [{"Id": "m2", "Label": "TargetResponseTime", "Timestamps": times,
                  "Values": [0.5] * len(times)}] * self.rng.randrange(2)
        if not self.counts:
            other = []
        pages = [{"MetricDataResults": [{"Id": "m1", "Label": name, "Timestamps": times[a:b],
                                         "Values": values[a:b]}, *other * (b == len(times))]}
                 for a, b in ((0, cut), (cut, len(times)))]
        return "\n".join(json.dumps(page, indent=self.rng.choice((None, 4))) for page in pages)

    def insights(self):
        """CSV or JSON of a query."""
        head, self.said = f"bin({self.period}s)", True
        pairs = [(t, str(v)) for t, (_, v) in zip(self.times(("%Y-%m-%d %H:%M:%S.000",)),
                                                  self.points)]
        if self.rng.random() < 0.5:
            return f"{head},count(*)\n" + "".join(f"{t},{v}\n" for t, v in pairs)
        return json.dumps({"status": "Complete", "results": [
            [{"field": head, "value": t}, {"field": "count(*)", "value": v}] for t, v in pairs]})

    def prometheus(self):
        """A matrix of one series."""
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"job": "users"}, "values": [[t, str(v)] for t, v in self.points]}]}})

    def grafana(self):
        """Series, time and value."""
        return self.rng.choice(("sep=;\n", "")) + '"Series";"Time";"Value"\n' + "".join(
            f'"requests";"{t}";{v}\n' for t, (_, v) in zip(self.times(
                ("%Y-%m-%dT%H:%M:%S+00:00",)), self.points))

    def log(self):
        """An access log, a line per request."""
        self.points = [(self.start + self.rng.randrange(3_000), 1)
                       for _ in range(self.rng.randrange(1, 60))]
        self.total, self.start = len(self.points), min(self.points)[0]
        self.period, self.said = 1, True
        line, form = self.rng.choice((
            ('1.1.1.1 - - [{}] "GET / HTTP/1.1" {} 5\n', "%d/%b/%Y:%H:%M:%S +0000"),
            ("https {} app/a/1 1.1.1.1:2 10.0.0.1:80 0.0 0.1 0.0 {} 200 3 4 \"GET /\"\n",
             "%Y-%m-%dT%H:%M:%S.123456Z")))
        return "".join(line.format(t, self.rng.choice((200, 404, 503)))
                       for t in self.times((form,)))

    def locust(self):
        """Running totals."""
        self.points.sort()
        self.period, self.said, total, made = 1, False, 0, ""
        for t, v in self.points:
            total += v
            made += f"{t},5,,Aggregated,1.0,{total},0\n"
        return ("Timestamp,User Count,Type,Name,Requests/s,Total Request Count,"
                "Total Failure Count\n" + made)

    def wrapped(self, text):
        """With a line's end, in an encoding, perhaps packed."""
        rng = self.rng
        raw = text.replace("\n", rng.choice(("\n", "\n", "\r\n"))).encode(
            rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16")))
        if (packed := rng.random()) < 0.1:
            return gzip.compress(raw)
        if packed < 0.2:
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("x", raw)
            return file.getvalue()
        return raw


@pytest.mark.fuzz
def test_read_right_or_refused_in_one_line(pytestconfig):
    """The sum, the first time, and the period where the file says it; what is no count is refused,
    and most of what is one is read."""
    many = 5_000 if pytestconfig.getoption("--long") else 300
    was_read = counts = 0
    for seed in range(many):
        made = Made(seed)
        bring("random.x", made.content)
        counts += made.counts
        try:
            trace = read_trace("random.x")
        except TraceError as error:
            assert re.fullmatch(r"random\.x:\d+: .+", str(error)), (seed, error)
            continue
        assert made.counts, (seed, made.form, trace.notes)
        assert trace.counts.sum() == made.total, (seed, made.form, trace.notes, made.total)
        assert trace.began == made.start, (seed, made.form, trace.notes)
        assert trace.period == made.period or not made.said, (seed, made.form, trace.notes)
        end = datetime.fromtimestamp(trace.began, UTC) + timedelta(seconds=trace.duration)
        assert re.match(rf"[\d,]+ periods? of [\d,]+ s from .* to {end:%Y-%m-%d %H:%M:%S}.*, "
                        rf"{made.total:,} requests in all", trace.notes[0]), (seed, trace.notes)
        was_read += 1
    print(f"measured: random files: {was_read:,} of {counts:,} files of counts read")
    assert was_read > 0.7 * counts
