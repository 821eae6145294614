"""A learner's progress: a journal of answers in one file.

Picture a diary written in ink: a line per answer, added at the end, never changed. A pen that
breaks in the middle of a line spoils that line only; two people may write by turns.

The file is `progress.jsonl` in the user's data folder (or in the folder that the environment
variable LABSIM_HOME names). A line is written by one appending write and is on the disk when
`record` returns.
"""

import json
import os
import shutil
import warnings
from pathlib import Path

import platformdirs


def journal() -> Path:
    """Where the journal is."""
    folder = os.environ.get("LABSIM_HOME") or platformdirs.user_data_dir("labsim", False)
    return Path(folder) / "progress.jsonl"


def record(lab: str, exercise: str, right: bool) -> bool:
    """Add an answer; False if it could not be saved (a full disk, a folder without leave)."""
    line = json.dumps({"lab": lab, "exercise": exercise, "right": right}) + "\n"
    path = journal()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            end = os.lseek(file, 0, os.SEEK_END)
            torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"
            data = ("\n" + line if torn else line).encode()     # after a half-written line
            written = os.write(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        return written == len(data)
    except OSError:
        return False


def answers() -> list[dict]:
    """Every answer so far, oldest first: {lab, exercise, right}.

    Lines that can't be read are kept in a copy of the journal beside it, and told of once.
    """
    try:
        lines = journal().read_bytes().splitlines()
    except OSError:
        return []
    good, bad = [], 0
    for line in lines:
        try:
            entry = json.loads(line)
            good.append({"lab": str(entry["lab"]), "exercise": str(entry["exercise"]),
                         "right": bool(entry["right"])})
        except (ValueError, TypeError, KeyError, RecursionError):
            bad += bool(line.strip())
    if bad:
        _keep_aside(bad)
    return good


def _keep_aside(bad: int) -> None:
    path = journal()
    aside = path.with_suffix(".damaged")
    if not aside.exists():
        try:
            shutil.copyfile(path, aside)
        except OSError:
            return
        warnings.warn(f"{bad} lines of {path.name} can't be read; a copy is kept as "
                      f"{aside.name} beside it, all others count")


def wrong_before(lab: str, exercise: str) -> int:
    """Wrong answers to an exercise so far."""
    return sum(a["lab"] == lab and a["exercise"] == exercise and not a["right"]
               for a in answers())


def solved(lab: str) -> set[str]:
    """The exercises of a lab that were answered rightly."""
    return {a["exercise"] for a in answers() if a["lab"] == lab and a["right"]}
