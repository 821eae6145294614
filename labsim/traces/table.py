"""A table as text: its separator, its rows, and its numbers, however they are written.

Picture a proofreader with a ruler: he finds out what parts the columns, and whether a comma parts
thousands or is the decimal point. Where both could be, he asks.
"""

import csv
import re
from collections.abc import Iterator

import numpy as np

from labsim.errors import short
from labsim.traces.column import Column
from labsim.traces.moments import is_time
from labsim.traces.text_file import TraceError, lines

MAX_COLUMNS, MOST = 1_000, 1e300
NOTHING = ("", "null", "none", "nan", "-", "n/a", "na")     # no value
# None is longer than 60 characters, or matching would take long.
PLAIN = re.compile(r"(?=.{1,60}$)[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
NUMBER = re.compile(r"(?=.{1,60}$)[-+]?[\d.,'\u2009\u00a0\u202f ]*\d[\d.,]*([eE][-+]?\d+)?")
# 1,234,567.5 and 1.234.567,5; a blank or an apostrophe between thousands is taken out before.
ENGLISH = re.compile(r"-?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?")
EUROPEAN = re.compile(r"-?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?")
BLANKS = re.compile(r"(?<=\d)[ \u2009\u00a0\u202f'\u2019](?=\d{3}(\D|$))")


def separated(raw: bytes) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """The separator of a table as text, and its rows, (line, cells), without the empty ones."""
    first = next(iter(lines(raw)), "").strip().casefold()
    if re.fullmatch("sep=.", first):        # Excel's and Grafana's own word
        return first[-1], _rows(raw, first[-1], 1)
    head = []
    for line in lines(raw):
        head += [line] if line.strip() else []
        if len(head) > 20 or len(line) > 2**16:
            break
    mark = max(",;\t|", key=lambda mark: _evenness(head, mark))
    return mark, _rows(raw, mark, 0)


def _evenness(head: list[str], mark: str) -> tuple[int, int, int]:
    """How many of the lines have a time; how many as many cells as most, two or more; and those."""
    rows = [cells for cells in csv.reader(head, delimiter=mark) if len(cells) > 1]
    widths = [len(cells) for cells in rows]
    most = max(widths, key=widths.count, default=0)
    return sum(any(map(is_time, cells)) for cells in rows), widths.count(most), -most


def _rows(raw: bytes, mark: str, skip: int) -> Iterator[tuple[int, list[str]]]:
    def narrow():
        for number, line in enumerate(lines(raw), 1):
            if line.count(mark) > MAX_COLUMNS:
                raise TraceError(f"{number}: {line.count(mark) + 1:,} columns, "
                                 f"at most {MAX_COLUMNS:,}")
            yield line
    reader = csv.reader(narrow(), delimiter=mark, strict=True)
    try:
        for cells in reader:
            if reader.line_num > skip and any(map(str.strip, cells)):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise TraceError(f"{reader.line_num}: not CSV: {error}") from None


def figures(column: Column) -> np.ndarray:
    """The values as numbers, shape (n,), NaN where there is none; `TraceError` for any other."""
    values = column.values
    if all(type(value) in (int, float) for value in values):
        found = np.array([value if abs(value) <= MOST else np.inf for value in values], dtype=float)
    else:
        texts = ["" if value is None else str(value).strip() for value in values]
        none = [text.casefold() in NOTHING for text in texts]
        reading = float
        if column.european or not all(no or PLAIN.fullmatch(text)
                                      for text, no in zip(texts, none)):
            reading = _reading([(text, line) for text, line, no in zip(
                texts, column.lines, none) if not no], column.european)
        found = np.fromiter((np.nan if no else reading(text) for text, no in zip(texts, none)),
                            float, len(texts))
    if len(wrong := np.flatnonzero(np.isinf(found))):
        raise TraceError(f"{column.lines[wrong[0]]}: {short(values[wrong[0]])} is no number that "
                         "can be counted")
    return found


def _reading(texts: list[tuple[str, int]], european: bool):
    """How numbers with separators are read, if there is one way: a function of the text."""
    european = european or any("," in text for text, _ in texts)
    ways = [lambda text: float(BLANKS.sub("", text).replace(",", "")),
            lambda text: float(BLANKS.sub("", text).replace(".", "").replace(",", "."))]
    for text, line in texts:
        if not any(form.fullmatch(BLANKS.sub("", text)) for form in (PLAIN, ENGLISH, EUROPEAN)):
            raise TraceError(f"{line}: {short(text)} is no number, expected a plain count")
    able = [way for way, forms in zip(ways, ((ENGLISH, PLAIN), (EUROPEAN,)))
            if (european or way is ways[0]) and all(
                any(form.fullmatch(BLANKS.sub("", text)) for form in forms) for text, _ in texts)]
    if not able:
        raise TraceError(f"{texts[0][1]}: commas and points are mixed, expected one of 1,234.5 and "
                         "1.234,5 in all")
    for text, line in texts if len(able) > 1 else ():
        one, other = (way(text) for way in able)
        if one != other:
            raise TraceError(f"{line}: {short(text)} is {one:,.10g} or {other:,.10g}: write it "
                             "without a separator of thousands")
    return able[0]
