"""What load tests leave behind: locust's `*_stats_history.csv`, k6's `--out csv` and `--out json`.

Locust writes running totals, and k6 a line per request: both become counts per second.
"""

from collections import defaultdict

import numpy as np

from labsim.errors import short
from labsim.traces.column import Column
from labsim.traces.text_file import TraceError

ALL = "Aggregated"
SUMMED = ("http_reqs", "iterations", "data_sent", "data_received", "http_req_failed")


def columns(source):
    """The requests of each second, and what else there is of it."""
    if source.first[:2] == ["Timestamp", "User Count"]:
        return _locust(source)
    if source.first[:3] == ["metric_name", "timestamp", "metric_value"]:
        rows = source.table[1]
        next(rows)
        return _k6((cells[0], cells[1], cells[2]) for _, cells in rows if len(cells) > 2)
    if source.first[:3] == ["Type", "Name", "Request Count"]:
        raise TraceError("1: locust's summary, which has no times: expected its "
                         "..._stats_history.csv")
    page = source.documents[0] if source.documents else None
    if isinstance(page, dict) and page.get("type") in ("Metric", "Point") and "data" in page:
        return _k6((p["metric"], str(p["data"]["time"])[:19] + _offset(str(p["data"]["time"])),
                    p["data"]["value"]) for p in source.documents
                   if isinstance(p, dict) and p.get("type") == "Point" and isinstance(
                       p.get("data"), dict) and {"time", "value"} <= set(p["data"]))
    if isinstance(page, dict) and isinstance(page.get("metrics"), dict) \
            and "http_reqs" in page["metrics"]:
        raise TraceError("1: k6's summary, which has no times: expected k6 run --out csv=FILE")
    return []


def _locust(source):
    head, rows = source.first, list(source.table[1])[1:]
    place = {name: i for i, name in enumerate(head)}
    rows = [(line, cells) for line, cells in rows
            if len(cells) == len(head) and cells[place["Name"]] == ALL]
    if not rows or "Total Request Count" not in place:
        raise TraceError(f"1: no row called {ALL} with a Total Request Count, expected locust's "
                         "..._stats_history.csv")
    made, seen = [], {}
    for line, cells in rows:        # of a second that is there twice the last
        seen[cells[0]] = line, cells
    lines, cells = [line for line, _ in seen.values()], [cells for _, cells in seen.values()]
    times = [row[0] for row in cells]
    for name, called in (("Total Request Count", "requests"), ("Total Failure Count", "failures")):
        try:
            total = np.array([int(row[place[name]]) for row in cells])
        except (KeyError, ValueError):
            raise TraceError(f"{lines[0]}: a {name} that is no whole number") from None
        made.append(Column(times, np.diff(total, prepend=0).tolist(), lines, called, "Sum", "Count",
                           kind="counts", part=called == "failures", also=(name,), notes=(
                               "locust's running totals, of which the differences count",)))
    return made + [Column(times, [row[place[name]] for row in cells], lines, name)
                   for name in ("User Count", "Total Average Response Time", "50%", "95%")
                   if name in place]


def _k6(points):
    """{metric: {second: values}} as columns."""
    seconds = defaultdict(lambda: defaultdict(list))
    for metric, time, value in points:
        try:
            seconds[str(metric)][str(time)].append(float(value))
        except (TypeError, ValueError):
            raise TraceError(f"1: {short(value)} of {short(metric)}, expected a number") from None
    if not seconds["http_reqs"]:
        raise TraceError("1: no http_reqs in it, expected what k6 run --out csv=FILE writes")
    made = []
    for metric, found in seconds.items():
        times = sorted(found)
        of = sum if metric in SUMMED else np.mean
        made.append(Column(times, [float(of(found[t])) for t in times], [1] * len(times),
                           metric, "" if metric == "http_reqs" else
                           "Sum" if metric in SUMMED else "Average", period=1.0,
                           kind="counts" if metric == "http_reqs" else ""))
    return made


def _offset(time: str) -> str:
    """Of an ISO time with a fraction of a second: its end."""
    rest = time[19:].lstrip(".0123456789")
    return rest or "Z"
