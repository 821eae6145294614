"""JSON that is a table: a list of flat objects, or one of them per line, as jq and many services
write it."""

from labsim.traces.formats.columns import from_dicts


def columns(source):
    """As a table with the keys as its head."""
    rows = [row for page in source.documents
            for row in (page if isinstance(page, list) else [page])]
    if len(rows) < 2 or not all(isinstance(row, dict) and row and not any(
            isinstance(cell, dict | list) for cell in row.values()) for row in rows):
        return []
    return from_dicts(rows)
