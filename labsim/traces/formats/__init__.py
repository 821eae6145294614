"""The formats that are read, a module each: a new one is a module more in this folder.

A module has `columns(source)`, which gives the series (`Column`) that a file has, [] or None where
the file is another format's, and raises `TraceError` ("LINE: what is there, what to do") for what
is of its format and can't be used. They are asked in the order of their names; `columns.py`, which
takes any table, comes last.
"""

import ast
import functools
import json
import pkgutil
import re
from collections import Counter
from datetime import datetime

from labsim.errors import short
from labsim.traces.table import separated
from labsim.traces.text_file import TraceError, decoded, encoding, line_at

# Bytes; commas and brackets, as many as a year of minutes has; of what Python has printed fewer.
MOST_JSON, MOST_PARTS, MOST_PRINTED = 48 * 2**20, 1_500_000, 50_000
LAST = "columns"
DATETIME = re.compile(r"datetime\.datetime\(([\d, ]+)(?:, tzinfo=(?:tz(?:utc|local)\(\)|"
                      r"datetime\.timezone\.utc))?\)")


class Source:
    """A file's text, in the forms in which formats look at it."""

    def __init__(self, raw: bytes):
        self.raw = raw
        if not self.head.strip():
            raise TraceError("1: an empty file, expected a time and a number per line")

    @functools.cached_property
    def head(self) -> str:
        """The first 4,000 characters, or so."""
        return self.raw[:4_000].decode(encoding(self.raw), "ignore")

    @functools.cached_property
    def text(self) -> str:
        """All of it."""
        return decoded(self.raw)

    @functools.cached_property
    def documents(self) -> list:
        """The JSON documents that follow each other in it; [] if it isn't JSON."""
        if not self.head.lstrip().startswith(("{", "[")):
            return []
        printed = re.match(r"\s*[\[{]+\s*'", self.head)
        if len(self.raw) > MOST_JSON or sum(map(self.raw.count, (b",", b"[", b"{"))) > (
                MOST_PRINTED if printed else MOST_PARTS):
            raise TraceError("1: more JSON than is read: export CSV, or a shorter time")
        text = self.text
        if printed:
            return [_python(text)]
        found, at, skip = [], 0, re.compile(r"\s*").match
        decode = json.JSONDecoder(object_pairs_hook=functools.partial(_object, text)).raw_decode
        while (at := skip(text, at).end()) < len(text):
            one, at = decode(text, at)
            found.append(one)
        return found

    @functools.cached_property
    def table(self):
        """Its separator, and its rows (line, cells), as far as they have been asked for."""
        return separated(self.raw)

    @functools.cached_property
    def first(self) -> list[str]:
        """The cells of its first row; [] for JSON."""
        return [] if self.documents else next(separated(self.raw)[1], (0, []))[1]


def known() -> list:
    """The modules of the formats, in the order in which they are asked."""
    names = sorted((m.name for m in pkgutil.iter_modules(__path__)), key=lambda n: (n == LAST, n))
    return [pkgutil.resolve_name(f"{__name__}.{name}") for name in names]


def line_of(source: Source, key: str) -> int:
    """The line of a JSON key; 1 where it is not found."""
    return line_at(source.text, max(source.text.find(f'"{key}"'), 0))


def _object(text: str, pairs: list[tuple]) -> dict:
    """A JSON object; one that has a key twice is refused."""
    if len(made := dict(pairs)) < len(pairs):
        key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        twice = re.search('{0}:[^{{}}]*{0}:'.format(rf'"{re.escape(key)}"\s*'), text)
        line = line_at(text, twice.end() if twice else 0)
        raise TraceError(f"{line}: the key {short(key)} twice in an object, expected once")
    return made


def _python(text: str):
    """What Python's print has made of the answer of boto3."""
    def iso(found):
        return f"'{datetime(*map(int, found[1].split(','))).isoformat()}+00:00'"
    try:
        return ast.literal_eval(DATETIME.sub(iso, text.strip()))
    except (SyntaxError, ValueError, TypeError, MemoryError):
        raise TraceError("1: what Python has printed, expected JSON: "
                         "json.dumps(response, default=str)") from None
