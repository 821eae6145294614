"""Access logs: of load balancers (ALB, Classic, NLB), S3, CloudFront, and in Common Log Format. The
requests of each second are counted."""

import re
from collections import Counter

from labsim.traces.column import Column
from labsim.traces.text_file import TraceError, lines

TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z? "
FORMS = (   # what a line is, and its form: the groups are the second and the status
    ("request", re.compile(     # ALB
        rf"(?:https?|h2|grpcs?|wss?) {TIME}\S+ \S+ \S+ \S+ \S+ \S+ (\d+|-)")),
    ("connection", re.compile(rf"tls \S+ {TIME}()")),       # NLB
    ("request", re.compile(rf"{TIME}\S+ \S+:\d+ \S+ \S+ \S+ \S+ (\d+|-) ")),    # Classic
    ("request", re.compile(     # CloudFront
        r"(\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d)\t(?:[^\t]*\t){6}(\d+|-)")),
    ("request", re.compile(     # S3 and web servers
        r"[^\[\"]{0,500}\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] [^\"]{0,2000}?"
        r"(?:\"(?:[^\"\\]|\\.)*\"|(?<= )-) (\d{3}|-) ")),
)
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def columns(source):
    """Requests, and those of them with a status of 5xx, of each second."""
    first = next((line for line in source.head.splitlines() if not line.startswith("#")
                  and line.strip()), "")
    what, form = next((one for one in FORMS if one[1].match(first)), ("", None))
    if form is None:
        return []
    requests, failed = Counter(), Counter()
    for number, line in enumerate(lines(source.raw), 1):
        if line.startswith("#") or not line.strip():
            continue
        found = form.match(line)
        if not found:
            raise TraceError(f"{number}: not of the form of the lines before, expected an access "
                             "log of one kind")
        requests[found[1]] += 1
        failed[found[1]] += found[2].startswith("5")
    times = sorted((_iso(time), time) for time in requests)
    return [Column([iso for iso, _ in times], [count[time] for _, time in times],
                   [1] * len(times), name, "Sum", "Count", 1.0, "counts", part=count is failed,
                   notes=(f"each line of the log is a {what}",))
            for name, count in ((f"{what}s", requests), ("5xx", failed)) if any(count.values())]


def _iso(time: str) -> str:
    """As ISO 8601, with the offset that the log has."""
    if time[2] == "/":
        day, month, rest = time.split("/")
        if month not in MONTHS:
            raise TraceError(f"1: {time} is no time, expected a month such as Feb")
        year, clock = rest.split(":", 1)
        return f"{year}-{MONTHS.index(month) + 1:02}-{day}T{clock[:8]}{clock[9:12]}:{clock[12:]}"
    return time.replace("\t", "T") + "+00:00"
