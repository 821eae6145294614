"""A learner's answers to a lab, as one file for the instructor.

Picture the envelope in which answer sheets are handed in: a name and a lab on it, one answer per
exercise in it, and no marks. Whoever receives it works every answer out again.

The file is JSON: format, labsim (version), lab, learner, and answers {exercise id: answer}. Of
several answers to an exercise the latest right one is handed in, else the latest.
"""

import getpass
import json
import os
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

from labsim.catalogue import lab as find_lab
from labsim.course import progress
from labsim.errors import LabsimError, ParameterError
from labsim.version import __version__

FORMAT = "labsim-hand-in-1"
MOST_BYTES = 200_000
LONGEST_NAME = 100


def hand_in(slug: str, file: str | os.PathLike | None = None, *, name: str | None = None) -> Path:
    """Write the answers to a lab into `file` (default: SLUG-NAME.json here), and print what is in
    it. `name` is the learner's (default: the user's). Returns the path; `LabsimError` if nothing
    was answered, or another file stands there."""
    envelope = collected(slug, name)
    path = Path(file) if file is not None else Path(default_name(envelope))
    _write(path, as_text(envelope))
    print(f"{path}: {told(envelope)}")
    return path


def collected(slug: str, name: str | None = None) -> dict[str, Any]:
    """What is handed in: the answers to lab `slug`, from the journal."""
    lab = find_lab(slug)
    learner = _learner(name)
    given: dict[str, Any] = {}
    right: dict[str, Any] = {}
    unkept = []
    for entry in progress.answers():
        if entry["lab"] == slug and "answer" in entry:
            (right if entry["right"] else given)[entry["exercise"]] = entry["answer"]
        elif entry["lab"] == slug:
            unkept.append(entry["exercise"])
    given.update(right)
    answers = {e.id: given[e.id] for e in lab.exercises if e.id in given}
    if not answers:
        old = (" (the answers of an older labsim were not kept: answer once more)"
               if unkept else "")
        raise LabsimError(f"{slug}: no exercise of it was answered yet{old}")
    return {"format": FORMAT, "labsim": __version__, "lab": slug, "learner": learner,
            "answers": answers}


def as_text(envelope: dict[str, Any]) -> str:
    """The file's content."""
    return json.dumps(envelope, indent=1, allow_nan=False) + "\n"


def told(envelope: dict[str, Any]) -> str:
    """What is in it, in a sentence."""
    exercises = find_lab(envelope["lab"]).exercises
    missing = [str(n) for n, e in enumerate(exercises, 1) if e.id not in envelope["answers"]]
    rest = f"; not answered: {', '.join(missing)}" if missing else ""
    return (f"{len(envelope['answers'])} of {len(exercises)} exercises of {envelope['lab']}, "
            f"by {envelope['learner']}{rest}")


def default_name(envelope: dict[str, Any]) -> str:
    """A file name that says which lab and whose: letters and digits only."""
    ascii = unicodedata.normalize("NFKD", envelope["learner"]).encode("ascii", "ignore").decode()
    who = re.sub(r"[^a-z0-9]+", "-", ascii.lower()).strip("-") or "learner"
    return f"{envelope['lab']}-{who[:40]}.json"


def opened(text: str) -> dict[str, Any]:
    """The envelope that `as_text` wrote; `LabsimError` says what is wrong with any other text."""
    try:
        data = progress.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabsimError("not JSON: " + ("nested too deeply" if isinstance(error, RecursionError)
                                          else str(error)[:80])) from None
    _need(isinstance(data, dict) and data.get("format") == FORMAT, f"its format is not {FORMAT}")
    for field in ("lab", "learner", "labsim"):
        value = data.get(field)
        _need(isinstance(value, str) and 0 < len(value.strip()) and len(value) <= LONGEST_NAME
              and value.isprintable(), f"{field} is no name")
    _need(isinstance(data.get("answers"), dict), "it has no answers")
    lab = find_lab(data["lab"])
    _need(len(data["answers"]) <= 2 * len(lab.exercises), "it has more answers than there are "
                                                         "exercises")
    return data


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise LabsimError(f"no hand-in: {what}")


def _learner(name: str | None) -> str:
    if name is None:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):
            name = ""
    name = " ".join(str(name).split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ParameterError("name", name, f"your name, of 1 to {LONGEST_NAME} characters")
    return name


def _write(path: Path, text: str) -> None:
    """In one step; a file that is no hand-in is left alone."""
    try:
        if path.exists() and not _is_hand_in(path):
            raise LabsimError(f"{path}: is there already, and no hand-in; it was left as it is")
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False,
                                         prefix=".hand-in-") as draft:
            try:
                draft.write(text)
                draft.flush()
                os.fsync(draft.fileno())
            except OSError:
                os.unlink(draft.name)
                raise
        os.chmod(draft.name, 0o644)
        os.replace(draft.name, path)
    except OSError as error:
        raise LabsimError(f"{path}: cannot be written: {error.strerror}") from None


def _is_hand_in(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return False
    return f'"{FORMAT}"' in path.read_text(encoding="utf-8", errors="replace")
