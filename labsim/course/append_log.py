"""A file of lines that are added at the end and never changed.

Picture a diary written in ink: a line per answer, nothing is ever crossed out. A pen that breaks
in the middle of a line spoils that line only; two people write by turns.

A line is written by one appending write, while nobody else writes (a lock of the operating
system, which is gone with the process that held it), and it is on the disk when `append` returns.
A write that was cut short, by a full disk say, is taken back; where that can't be done, the next
line begins on a new line.
"""

import contextlib
import errno
import os
import stat
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

PATIENCE = 2.0      # s to wait for another writer; appending writes don't mix on a local disk
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)     # a FIFO never blocks


class Damaged(UserWarning):
    """What is wrong with a journal, and what was done about it."""


def append(path: Path, lines: Iterable[bytes]) -> None:
    """Add lines (without their ends); they are on the disk on return. OSError if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        with _locked(file) as alone:
            end = os.lseek(file, 0, os.SEEK_END)
            whole = alone and (end == 0 or _last(file, end) == b"\n")
            data = (b"" if whole else b"\n") + b"".join(line + b"\n" for line in lines)
            if os.write(file, data) < len(data):
                if alone:
                    os.ftruncate(file, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
    finally:
        os.close(file)
    if end == 0:
        _sync_folder(path.parent)       # the new file's name, too


def read(path: Path, parse: Callable[[bytes], dict]) -> list[dict]:
    """Every line that `parse` can read, oldest first.

    The others (ValueError) are copied once into a file beside it, and a `Damaged` warning tells
    of them; so it does if the file can't be read at all.
    """
    try:
        data = _bytes(path)
    except FileNotFoundError:
        if path.is_symlink():
            warnings.warn(f"{path.name} is a link to a file that is not there", Damaged)
        return []
    except OSError as error:
        warnings.warn(f"{path.name} can't be read: {error.strerror}; it is left as it is", Damaged)
        return []
    good, bad = [], []
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.strip():
            try:
                good.append(parse(line))
            except ValueError:
                bad.append(line)
    if bad:
        _keep(path, bad)
    return good


def free_name(path: Path) -> Path:
    """`path`, or with a number where that is taken."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _open(path: Path, flags: int) -> int:
    """The regular file at `path`; anything else that stands there is put aside first."""
    for _ in range(2):
        with contextlib.suppress(IsADirectoryError):
            file = os.open(path, flags | _PLAIN, 0o600)
            if stat.S_ISREG(os.fstat(file).st_mode):
                return file
            os.close(file)
        _put_aside(path)
    raise OSError(errno.EINVAL, "not a file")


def _bytes(path: Path) -> bytes:
    """All that is in the file, and no half of a line that somebody is writing."""
    with os.fdopen(_open(path, os.O_RDONLY), "rb") as file, _locked(file.fileno(), shared=True):
        return file.read()


@contextlib.contextmanager
def _locked(file: int, shared: bool = False) -> Iterator[bool]:
    """Nobody else writes meanwhile; False where the system has no such lock, or not in time."""
    try:
        import fcntl
        flock, kind = fcntl.flock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    except (ImportError, AttributeError):   # Windows; in a browser fcntl is there, but empty
        yield False
        return
    alone, until = False, time.monotonic() + PATIENCE
    while not alone and time.monotonic() < until:
        try:
            flock(file, kind | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break
    try:
        yield alone
    finally:
        if alone:
            flock(file, fcntl.LOCK_UN)


def _last(file: int, end: int) -> bytes:
    os.lseek(file, end - 1, os.SEEK_SET)
    return os.read(file, 1)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):      # Windows opens no folder
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _put_aside(path: Path) -> None:
    """Rename what stands at `path` and is no file: a folder, a pipe, a link to a device."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with _locked(folder):       # so that nobody renames the new file that another has made
            if path.is_file() or not os.path.lexists(path):
                return
            aside = free_name(path.with_suffix(".aside"))
            os.rename(path, aside)
    finally:
        os.close(folder)
    warnings.warn(f"{path.name} was no file: it is now {aside.name} beside it, and a new "
                  f"{path.name} is begun", Damaged)


def _keep(path: Path, bad: list[bytes]) -> None:
    """Copy lines that can't be read into the file beside it, those that are not there yet."""
    beside = path.with_suffix(".damaged")
    try:
        kept = set(_bytes(beside).splitlines())
    except OSError:
        kept = set()
    if not (new := [line for line in bad if line not in kept]):
        return
    some = f"{len(new):,} line" + ("s" if len(new) > 1 else "")
    try:
        append(beside, new)
        where = f"kept as {beside.name} beside it"
    except OSError as error:
        where = f"left in place ({beside.name} can't be written: {error.strerror})"
    warnings.warn(f"{some} of {path.name} can't be read: {where}; all others count", Damaged)
