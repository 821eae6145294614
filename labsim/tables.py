"""Small tables to look at: text in a terminal, HTML in a notebook."""

from collections.abc import Iterable, Sequence
from html import escape

Rows = Iterable[Sequence[str]]


def as_text(columns: Sequence[str], rows: Rows, widest: int = 44) -> str:
    """The table with a line under its head; a cell is cut at `widest` characters."""
    table = [[cell[:widest] for cell in row] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in table]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def as_html(columns: Sequence[str], rows: Rows) -> str:
    """The table as HTML; every cell is escaped."""
    def row(cells, tag):
        return "<tr>" + "".join(f'<{tag} style="text-align:left">{escape(cell)}</{tag}>'
                                for cell in cells) + "</tr>"
    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(columns, 'th')}</thead><tbody>{body}</tbody></table>"
