"""Reads a file that a user has, or refuses it in one line that says where and why.

Picture the counter of an office: what is handed in is unwrapped, looked at from the first line on,
and given back with a pencil mark at the line that is wrong.

Unwrapped are gzip, a zip with one file in it, UTF-8 and UTF-16. Nothing is written, and no file
takes more than `MAX_BYTES` of memory, packed or not.
"""

import codecs
import csv
import gzip
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from labsim.errors import LabsimError

MAX_BYTES, MAX_LINES, MAX_LINE = 64 * 2**20, 1_000_000, 2**17
CHUNK, MAX_ZIPPED = 2**20, 1_000
KNOWN = {b"PAR1": "a Parquet file", b"%PDF": "a PDF", b"\x89PNG": "a picture",
         b"SQLi": "a database", b"7z\xbc\xaf": "a 7z archive", b"BZh": "a bzip2 archive",
         b"\xfd7zX": "an xz archive", b"\x28\xb5\x2f\xfd": "a zstd archive",
         b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
_brought: dict[str, bytes] = {}


class TraceError(LabsimError):
    """No usable file: `NAME:LINE: what is there, what is expected`, in one line; `parameter` is the
    one to change."""

    parameter = "trace"


class Unnamed(TraceError):
    """A file in which the series that is wanted is not clear: `trace_metric` says which."""

    parameter = "trace_metric"


class Unsaid(TraceError):
    """A series of which the file doesn't say enough to count it: `trace_as` says what it is."""

    parameter = "trace_as"


def bring(name: str, raw: bytes) -> None:
    """Keep a file's bytes in memory: `name` then means them, and no file of that path.
    `TraceError` for too many."""
    if len(raw) > MAX_BYTES:
        raise TraceError(f"{name}:1: {len(raw):,} bytes, at most {MAX_BYTES:,}: export a shorter "
                         "time")
    _brought[name] = raw


def brought(name: str) -> bytes | None:
    """The bytes that are kept under a name, if there are any."""
    return _brought.get(name)


def forget(name: str) -> None:
    """Keep what was brought under this name no longer."""
    _brought.pop(name, None)


def mark(path) -> tuple:
    """Tells whether a file is still the same."""
    if (raw := _brought.get(os.fspath(path))) is not None:
        return len(raw), hash(raw)
    try:
        found = os.stat(path)
    except (OSError, ValueError):       # whoever reads it says so
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read(path, parse: Callable):
    """What `parse` makes of the bytes of the file at `path`; `TraceError` for any other file."""
    name = printable(Path(path).name or os.fspath(path))
    try:
        return parse(_text(unpacked(_bytes(path))))
    except TraceError as error:     # of `parse`: LINE: what is there, ...
        raise type(error)(f"{name}:{error}") from None
    except json.JSONDecodeError as error:
        wrong = f"{error.lineno}: not JSON: {error.msg}"
    except csv.Error as error:
        wrong = f"1: not CSV: {error}"
    except (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile) as error:
        wrong = f"1: packed, and cannot be unpacked: {error}"
    except RecursionError:
        wrong = "1: nested too deeply"
    except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
        # no path, or thousands of digits; of a zip a password, or a way of packing
        wrong = f"1: cannot be read: {getattr(error, 'strerror', None) or error}"
    raise TraceError(f"{name}:{wrong}")


def printable(text: str) -> str:
    """A text that keeps to its line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def line_at(raw, place: int) -> int:
    """The line of a place in bytes or a text, from 1."""
    return raw.count(b"\n" if isinstance(raw, bytes) else "\n", 0, place) + 1


def _bytes(path) -> bytes:
    if (raw := _brought.get(os.fspath(path))) is None:
        path = Path(path)
        if (size := path.stat().st_size) > MAX_BYTES:
            raise TraceError(f"1: {size:,} bytes, at most {MAX_BYTES:,}: export a shorter time")
        if not path.is_file():
            raise TraceError("1: a folder or a device, expected a file")
        return path.read_bytes()
    return raw


def unpacked(raw: bytes) -> bytes:
    """What is in a gzip, or in a zip of one file; other bytes as they are."""
    if raw.startswith(b"\x1f\x8b"):
        raw = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(MAX_BYTES + 1)
    elif raw.startswith(b"PK\x03\x04"):
        if (many := raw.count(b"PK\x01\x02")) > MAX_ZIPPED:     # or their list takes long
            raise TraceError(f"1: a zip of {many:,} files, expected one")
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            if "[Content_Types].xml" in names:
                raise TraceError("1: an Excel workbook or the like, expected text: save as CSV")
            if len(names) != 1:
                raise TraceError(f"1: a zip of {len(names)} files, expected one")
            with archive.open(names[0]) as file:
                raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise TraceError(f"1: unpacked more than {MAX_BYTES:,} bytes: export a shorter time")
    for magic, what in KNOWN.items():
        if raw.startswith(magic):
            raise TraceError(f"1: {what}, expected text: export CSV or JSON")
    return raw


def encoding(raw: bytes) -> str:
    """How the text is encoded, by its byte order mark."""
    return "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _text(raw: bytes) -> bytes:
    """The same, if they are text; a NUL is none."""
    decoder = codecs.getincrementaldecoder(encoding(raw))()
    for at in range(0, len(raw), CHUNK):
        part, what = raw[at:at + CHUNK], ""
        try:
            if "\0" in decoder.decode(part, at + CHUNK >= len(raw)):
                what = "a binary file"
        except UnicodeDecodeError:
            what = "a binary file" if b"\0" in part else "in another encoding"
        if what:
            raise TraceError(f"{line_at(raw, at)}: {what}, expected text in UTF-8"
                             + (": save as CSV UTF-8" if "encoding" in what else ""))
    return raw


def decoded(raw: bytes) -> str:
    """The text of a file's bytes."""
    return raw.decode(encoding(raw))


def lines(raw: bytes) -> Iterator[str]:
    """The lines of a file's text with their ends, one after the other."""
    if (many := max(raw.count(b"\n"), raw.count(b"\r"))) > MAX_LINES:
        raise TraceError(f"1: {many:,} lines, at most {MAX_LINES:,}: export a shorter time, or "
                         "longer periods")
    file = io.TextIOWrapper(io.BytesIO(raw), encoding(raw), newline="")
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise TraceError(f"{number}: a line of more than {MAX_LINE:,} characters, expected "
                             "times and counts")
        yield line
