"""The JSON of `aws cloudwatch get-metric-data`: several results, the newest first, in pages."""

from dataclasses import replace

from labsim.errors import short
from labsim.traces.column import Column
from labsim.traces.formats import line_of
from labsim.traces.formats.console import described
from labsim.traces.text_file import TraceError


def columns(source):
    """A column per Id; the pages of one joined."""
    results, notes = [], []
    for page in source.documents:
        if isinstance(page, dict) and "MetricDataResults" in page:
            if not isinstance(page["MetricDataResults"], list):
                raise TraceError(f"{line_of(source, 'MetricDataResults')}: MetricDataResults is "
                                 f"{short(page['MetricDataResults'])}, expected a list")
            results += page["MetricDataResults"]
            notes += [f"incomplete: CloudWatch says {_said(m)}" for m in page.get("Messages") or ()]
            if page.get("NextToken") and page is source.documents[-1]:
                notes.append("incomplete: NextToken says that more pages follow")
        elif isinstance(page, dict) and "Timestamps" in page:     # --query 'MetricDataResults[0]'
            results.append(page)
        elif isinstance(page, list) and page and all(
                isinstance(one, dict) and "Timestamps" in one for one in page):
            results += page
    found = [_column(source, result) for result in results]
    if any("MetricDataResults" in page for page in source.documents if isinstance(page, dict)) \
            and not any(column.times for column in found):
        raise TraceError(f"{line_of(source, 'MetricDataResults')}: no values in {len(found)} "
                         "results, expected some: look at the times and the dimensions")
    made = {}
    for one in found:
        key = one.also[:1] or (one.name,)
        if before := made.get(key):
            one = replace(one, times=[*before.times, *one.times], values=[
                *before.values, *one.values], lines=[*before.lines, *one.lines])
        made[key] = one
    return [column.noting(*notes) for column in made.values() if column.times]


def _said(message) -> str:
    return short(message.get("Value", message) if isinstance(message, dict) else message)


def _column(source, result) -> Column:
    line = line_of(source, "Timestamps")
    times, values = (result.get(key) if isinstance(result, dict) else None
                     for key in ("Timestamps", "Values"))
    for key, found in (("Timestamps", times), ("Values", values)):
        if not isinstance(found, list):
            raise TraceError(f"{line_of(source, key)}: {key} is {short(found)}, expected a list")
    if len(times) != len(values):
        raise TraceError(f"{line}: {len(values)} Values of {len(times)} Timestamps, expected as "
                         "many")
    if wrong := [v for v in values if type(v) not in (int, float)]:
        raise TraceError(f"{line_of(source, 'Values')}: {short(wrong[0])} in Values, expected "
                         "numbers")
    status = result.get("StatusCode", "Complete")
    notes = [f"incomplete: StatusCode {short(status)}"] * (status != "Complete") + [
        f"incomplete: CloudWatch says {_said(m)}" for m in result.get("Messages") or ()]
    label, id_ = str(result.get("Label") or ""), str(result.get("Id") or "")
    column = Column([str(t) for t in times], values, [line] * len(times), label,
                    also=tuple(filter(None, (id_,))), notes=tuple(notes))
    return described(column, label)
