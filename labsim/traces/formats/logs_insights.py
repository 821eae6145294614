"""The JSON of `aws logs get-query-results`: rows of fields, with `bin(5m)` for the time."""

from labsim.errors import short
from labsim.traces.formats.columns import from_dicts
from labsim.traces.text_file import TraceError


def columns(source):
    """As a table with these fields as its head."""
    page = source.documents[0] if len(source.documents) == 1 else None
    if not (isinstance(page, dict) and isinstance(page.get("results"), list)):
        return []
    rows = []
    for row in page["results"]:
        if not isinstance(row, list) or not all(
                isinstance(f, dict) and {"field", "value"} <= set(f) for f in row):
            raise TraceError(f"1: {short(row)}, expected a list of fields with field and value")
        rows.append({f["field"]: str(f["value"]) for f in row if f["field"] != "@ptr"})
    if not any(rows):
        raise TraceError("1: 0 results, expected stats count(*) by bin(5m)")
    found = from_dicts(rows)
    status = str(page.get("status") or "Complete")
    return [c if status == "Complete" else c.noting(f"incomplete: the query's status is {status}")
            for c in found]
