"""The JSON of `aws cloudwatch get-metric-statistics`: datapoints in no order, with a unit each."""

from labsim.errors import short
from labsim.traces.column import Column
from labsim.traces.formats import line_of
from labsim.traces.text_file import TraceError

STATISTICS = ("Sum", "SampleCount", "Average", "Maximum", "Minimum")


def columns(source):
    """A column per statistic and unit; of the whole answer, of its Datapoints, or line by line."""
    points, label, documents = [], "", source.documents
    for page in documents:
        if isinstance(page, dict) and "Datapoints" in page:
            points += page["Datapoints"] if isinstance(page["Datapoints"], list) else [page]
            label = label or str(page.get("Label") or "")
        elif isinstance(page, dict) and "Timestamp" in page:
            points.append(page)
        elif isinstance(page, list) and page and isinstance(page[0], dict) \
                and "Timestamp" in page[0]:
            points += page
        else:
            return []
    line = line_of(source, "Timestamp")
    if not points:
        if documents:
            raise TraceError(f"{line_of(source, 'Datapoints')}: 0 datapoints, expected one or more")
        return []
    there = [_statistics(point, line) for point in points]
    if wrong := [found for found in there if set(found) != set(there[0])]:
        raise TraceError(f"{line}: a datapoint with {', '.join(wrong[0])}, expected "
                         f"{', '.join(there[0])} in all")
    made: dict[tuple, tuple] = {}
    units = {str(point.get("Unit") or "") for point in points}
    for point, found in zip(points, there):
        unit = str(point.get("Unit") or "")
        for statistic, value in found.items():
            times, values = made.setdefault((statistic, unit), ([], []))
            times.append(str(point["Timestamp"]))
            values.append(value)
    return [Column(times, values, [line] * len(times),
                   f"{label} ({unit})" if len(units) > 1 else label, statistic, unit)
            for (statistic, unit), (times, values) in made.items()]


def _statistics(point, line: int) -> dict:
    """{statistic: value} of a datapoint."""
    if not isinstance(point, dict) or "Timestamp" not in point:
        raise TraceError(f"{line}: {short(point)}, expected a datapoint with a Timestamp")
    found = {name: point[name] for name in STATISTICS if name in point}
    found |= dict(point.get("ExtendedStatistics") or {})
    if not found:
        raise TraceError(f"{line}: a datapoint without a statistic, expected Sum")
    for name, value in found.items():
        if type(value) not in (int, float):
            raise TraceError(f"{line}: {name} is {short(value)}, expected a number")
    return found
