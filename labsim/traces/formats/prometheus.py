"""The JSON of Prometheus's `query_range`: a matrix of series, each a list of [time, "value"]."""

from labsim.errors import short
from labsim.traces.column import Column
from labsim.traces.text_file import TraceError

ENDS = ("_total", "_count", "_bucket")


def columns(source):
    """A column per series, named as Prometheus writes it."""
    page = source.documents[0] if len(source.documents) == 1 else None
    if not (isinstance(page, dict) and "status" in page and ("data" in page or "error" in page)):
        return []
    data = page.get("data")
    if page["status"] != "success" or not isinstance(data, dict):
        raise TraceError(f"1: Prometheus says {short(page.get('error', page['status']))}, no data")
    if data.get("resultType") != "matrix":
        raise TraceError(f"1: a {short(data.get('resultType'))} of Prometheus, expected a matrix: "
                         "query_range with a step")
    made = []
    for series in data.get("result") or ():
        labels = dict(series.get("metric") or {}) if isinstance(series, dict) else {}
        name = str(labels.pop("__name__", ""))
        rest = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        values = series.get("values") if isinstance(series, dict) else None
        if not isinstance(values, list) or not all(
                isinstance(v, list) and len(v) == 2 and type(v[0]) in (int, float)
                for v in values) or not values:
            raise TraceError(f"1: {short(values)}, expected a list of [time, value]")
        made.append(Column([f"{t:.3f}" for t, _ in values], [str(v) for _, v in values],
                           [1] * len(values), f"{name}{{{rest}}}" if rest else name,
                           also=(name,) if name else (), notes=tuple(
                               f"incomplete: Prometheus says {short(warning)}"
                               for warning in page.get("warnings") or ()),
                           # As Prometheus asks for it, a counter's name ends so; a rule's has ":".
                           kind="total" if (total := name.endswith(ENDS)) else "",
                           unit="gauge" if name and not total and ":" not in name else ""))
    if not made:
        raise TraceError("1: 0 series, expected one: the query found nothing")
    return made
