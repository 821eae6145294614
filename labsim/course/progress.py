"""A learner's progress: every answer given, in one file, `progress.jsonl`.

Picture a pile of answer sheets: each says when which question got which answer, and whether that
was right. Whatever else is known of a learner is counted from the pile.

The file is in the user's data folder, or in the folder that the environment variable LABSIM_HOME
names; `labsim.course.append_log` keeps it. A line is an object: lab, exercise (an exercise's id, or
"quiz:" and a question's), right, and since version 0.1 answer and at (local time). An answer is
confirmed once it is on the disk.
"""

import errno
import json
import math
import os
import stat
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import platformdirs

from labsim.course import append_log as file
from labsim.errors import LabsimError, short

MOST_BYTES = 16_000         # of a line
MOST_IMPORTED = 16 * 2**20  # bytes of a file to import
DEEPEST = 4                 # objects in objects
YEARS = range(2000, 2100)


def journal() -> Path:
    """Where the journal is."""
    folder = os.environ.get("LABSIM_HOME") or platformdirs.user_data_dir("labsim", False)
    return Path(folder) / "progress.jsonl"


def record(lab: str, exercise: str, right: bool, answer: Any = None,
           at: datetime | None = None) -> bool:
    """Add an answer, given now or `at` that time; False if it could not be saved."""
    return noted(lab, exercise, right, answer, at) == ""


def noted(lab: str, exercise: str, right: bool, answer: Any = None,
          at: datetime | None = None) -> str:
    """The same; returns "", or why it could not be saved, as a line to show."""
    when = (at or datetime.now()).astimezone().isoformat(timespec="milliseconds")
    entry = {"lab": lab, "exercise": exercise, "right": right, "answer": plain(answer),
             "at": when}
    try:
        file.append(journal(), [_line(entry)])
    except OSError as error:
        return f"(Your answer counts, but could not be saved: {error.strerror or error}.)"
    return ""


def answers() -> list[dict]:
    """Every answer so far, oldest first: {lab, exercise, right}, perhaps answer and at.

    Warns (`journal.Damaged`) of what can't be read; that is kept.
    """
    return file.read(journal(), parse)


def wrong_answers(lab: str, exercise: str) -> list:
    """The wrong answers to an exercise so far, each once, in the order in which they first came.

    Those of an older labsim, which was not kept, count one each.
    """
    found: list = []
    for entry in answers():
        if entry["lab"] == lab and entry["exercise"] == exercise and not entry["right"]:
            answer = entry.get("answer", object())
            if answer not in found:
                found.append(answer)
    return found


def solved(lab: str) -> set[str]:
    """The exercises of a lab that were answered rightly."""
    return {a["exercise"] for a in answers() if a["lab"] == lab and a["right"]}


def known() -> set[str]:
    """The questions of the quiz that were answered rightly: a card belongs to many labs."""
    return {a["exercise"] for a in answers() if a["right"] and a["exercise"].startswith("quiz:")}


def day(entry: dict) -> date:
    """The learner's day on which an answer was given; long ago where that was not kept."""
    return datetime.fromisoformat(entry["at"]).date() if "at" in entry else date.min


# -- lines ---------------------------------------------------------------------------------------


def plain(answer: Any) -> Any:
    """An answer as JSON has it: numpy's numbers as Python's; what JSON has not, as a text."""
    try:
        text = json.dumps(_python(answer), allow_nan=False)
        if len(text) < MOST_BYTES // 2 and _depth(read := json.loads(text)) <= DEEPEST:
            return read
    except (TypeError, ValueError, RecursionError):
        pass
    return short(answer)


def _python(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _python(inner) for name, inner in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if getattr(value, "ndim", None) == 0 else value


def parse(line: bytes) -> dict:
    """The answer that a line of a journal holds; ValueError if it holds none."""
    if len(line) > MOST_BYTES:
        raise ValueError(f"{len(line):,} bytes")
    try:
        entry = loads(line.decode("utf-8"))
        read = {name: entry[name] for name in ("lab", "exercise", "right")}
        read.update((name, entry[name]) for name in ("answer", "at") if name in entry)
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None
    for name in ("lab", "exercise"):
        if not isinstance(read[name], str) or not read[name].isprintable():
            raise ValueError(f"{name} is no name")
    if not isinstance(read["right"], bool) or _depth(read.get("answer")) > DEEPEST:
        raise ValueError("not an answer")
    if "at" in read and not (isinstance(read["at"], str)
                             and datetime.fromisoformat(read["at"]).year in YEARS):
        raise ValueError("not a time")
    return read


def _line(entry: dict) -> bytes:
    return json.dumps(entry, allow_nan=False).encode()


def loads(text: str) -> Any:
    """What a JSON text says; ValueError for NaN and infinities too, however they are written."""
    def number(word: str) -> float:
        if not math.isfinite(value := float(word)):
            raise ValueError(f"{word[:20]} is no number of JSON's")
        return value
    return json.loads(text, parse_constant=number, parse_float=number)


def _depth(value: Any) -> int:
    """How many objects and lists are in one another; counted no further than needed."""
    deep, level = 0, [value]
    while level and deep <= DEEPEST + 1:
        level = [inner for outer in level if isinstance(outer, (dict, list))
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]
        deep += 1
    return deep - 1


# -- from one machine to another -----------------------------------------------------------------


def exported() -> str:
    """Every answer as text: a journal to be merged elsewhere."""
    return "".join(_line(entry).decode() + "\n" for entry in answers())


def merge(path: Path | str) -> tuple[int, int]:
    """Add the answers of another journal that are not here yet: (added, known already).

    `LabsimError` names the first line that holds no answer; then nothing is added.
    """
    found = []
    for number, line in enumerate(_bytes(path).splitlines(), 1):
        if line.strip():
            try:
                found.append(_line(parse(line)))
            except ValueError as error:
                raise LabsimError(f"{path}: line {number} is no answer of labsim's: "
                                  f"{str(error)[:80]}; nothing was added") from None
    if not found:
        raise LabsimError(f"{path}: there are no answers in it")
    here = Counter(map(_line, answers()))
    new = []
    for line in found:      # two alike stay two
        here[line] -= 1
        if here[line] < 0:
            new.append(line)
    try:
        if new:
            file.append(journal(), new)
    except OSError as error:
        raise LabsimError(f"{journal().name}: cannot be written: {error.strerror}; "
                          "nothing was added") from None
    return len(new), len(found) - len(new)


def _bytes(path: Path | str) -> bytes:
    """A file given by a user, or standard input for "-"; refused if it is huge or no file."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MOST_IMPORTED + 1)
        else:
            if not stat.S_ISREG(os.stat(path).st_mode):     # a pipe would wait for ever
                raise OSError(errno.EINVAL, "not a file")
            with open(path, "rb") as stream:
                data = stream.read(MOST_IMPORTED + 1)
    except (OSError, ValueError) as error:
        raise LabsimError(f"{path}: can't be read: "
                          f"{getattr(error, 'strerror', None) or error}") from None
    if len(data) > MOST_IMPORTED:
        raise LabsimError(f"{path}: more than {MOST_IMPORTED:,} bytes, too large for a journal")
    return data.removeprefix(b"\xef\xbb\xbf")
