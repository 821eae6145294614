"""Reads a file that a user has, or refuses it in one line that says where and why.

Picture the counter of an office: what is handed in is looked at from the first line on, and given
back with a pencil mark at the line that is wrong.
"""

import json
from collections.abc import Callable
from pathlib import Path

from labsim.errors import LabsimError

MAX_BYTES = 64 * 2**20


class TraceError(LabsimError):
    """No usable file: `NAME:LINE: what is there, what is expected`, in one line."""


def read(path, parse: Callable, max_bytes: int = MAX_BYTES):
    """What `parse` makes of the bytes of the file at `path`; `TraceError` for any other file."""
    path = Path(path)
    name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in path.name or str(path))
    try:
        if (size := path.stat().st_size) > max_bytes:
            raise TraceError(f"1: {size:,} bytes, at most {max_bytes:,}")
        if not path.is_file():
            raise TraceError("1: a folder or a device, expected a file")
        return parse(path.read_bytes())
    except TraceError as error:     # of `parse`: LINE: what is there, ...
        wrong = error
    except json.JSONDecodeError as error:
        wrong = f"{error.lineno}: not JSON: {error.msg}"
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong = f"{line}: a binary file, expected text in UTF-8"
    except RecursionError:
        wrong = "1: JSON nested too deeply"
    except (OSError, ValueError) as error:      # ValueError: no path, or thousands of digits
        wrong = f"1: cannot be read: {getattr(error, 'strerror', None) or error}"
    raise TraceError(f"{name}:{wrong}")


def decoded(raw: bytes) -> str:
    """The text of a file's bytes in UTF-8; a NUL is no text either."""
    return raw.replace(b"\0", b"\xff").decode("utf-8-sig")
