'''The file course.toml: a course of one's own, without a change to labsim.

Picture the programme of an evening: which pieces, in which order, under which titles, and how
they are played tonight. The pieces themselves stay as they are.

    labsim = 1                          # marks a course of labsim; the version of this format
    title = "Queues for operators"
    intro = """Bring a laptop."""       # optional: Markdown on the page to start with
    files = ["traces/shop.csv"]         # optional: put beside the notebooks

    [[chapters]]                        # in order; they are numbered from 01
    lab = "kinesis-shards"              # a lab's own notebook
    title = "One hot key"               # optional: instead of the notebook's own title

    [[chapters]]
    source = "chapters/retries.py"      # or a notebook source of the course's, see notebooks.py
    lab = "s3-prefix"                   # optional: the lab whose {{...}} it may use

    [defaults.sqs-asg]                  # optional: a lab's parameters start here
    arrival_rate = 3

    [notes]                             # optional: what these course notes say of a fact
    "kms.rate_default" = 1000

Paths are relative to the file and stay in its folder. Here the file is read and its shape
checked; labs, parameters and facts are checked where it comes into effect
(`labsim.course.in_effect`).
'''

import functools
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labsim.errors import CourseError, nearest, short

FORMAT = 1
NAME = "course.toml"
KEYS = {"labsim": int, "title": str, "intro": str, "files": list, "chapters": list,
        "defaults": dict, "notes": dict}
CHAPTER = {"lab": str, "source": str, "title": str}
WORDS = {int: "a whole number", str: "a text in quotes", list: "a list", dict: "a table"}


@dataclass(frozen=True)
class CourseFile:
    """A course.toml as it stands: its path and its text. `read` gives what it says."""

    path: str
    text: str

    @functools.cached_property
    def read(self) -> dict[str, Any]:
        """{key: value}, every key of `KEYS` there; notes are {fact id: value}."""
        return _read(self)

    @property
    def folder(self) -> Path:
        """The folder in which it stands."""
        return Path(self.path).parent

    def wrong(self, key: str, given: object, allowed: str) -> CourseError:
        """The error for what a key says."""
        return CourseError(f"{Path(self.path).name}: {key}: given {short(given)}, "
                           f"allowed {allowed}")

    def unknown(self, what: str, key: str, name: str, known) -> CourseError:
        """The error for a name that is not known: suggests the nearest."""
        return CourseError(f"{Path(self.path).name}: {key}: unknown {what} {short(name)}: "
                           f"{nearest(name, known)}")

    def inside(self, key: str, given: str) -> Path:
        """The file that a relative path names; it must be there, inside the course's folder."""
        folder, path = self.folder.resolve(), Path(given)
        whole = (folder / path).resolve()
        if path.is_absolute() or not whole.is_relative_to(folder):
            raise self.wrong(key, given, "a path relative to the file and inside its folder")
        if not whole.is_file():
            raise self.wrong(key, given, "a file that is there")
        return whole


def load(path) -> CourseFile:
    """The course file at `path`, its shape checked. `CourseError` says what is wrong with it."""
    path = Path(path)
    try:
        course = CourseFile(str(path.absolute()), path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise CourseError(f"{path}: cannot be read: {reason}") from None
    assert course.read
    return course


# -- its shape -----------------------------------------------------------------------------------


def _read(course: CourseFile) -> dict[str, Any]:
    try:
        data = tomllib.loads(course.text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CourseError(f"{Path(course.path).name}: {error}") from None
    if data.get("labsim") is True or data.get("labsim") != FORMAT:
        raise course.wrong("labsim", data.get("labsim"), f"{FORMAT}, the version of the format")
    _check_table(course, "", data, KEYS)
    if not data.get("title", "").strip() or "\n" in data["title"].strip():
        raise course.wrong("title", data.get("title"), "one line of text")
    if not data.get("chapters"):
        raise course.wrong("chapters", data.get("chapters"), "at least one [[chapters]]")
    for number, chapter in enumerate(data["chapters"], 1):
        place = f"chapters, number {number}"
        if not isinstance(chapter, dict):
            raise course.wrong(place, chapter, "a table, [[chapters]]")
        _check_table(course, f"{place}, ", chapter, CHAPTER)
        if not {"lab", "source"} & set(chapter):
            raise course.wrong(place, chapter, "a `lab` or a `source`")
        if "\n" in chapter.get("title", "t").strip() or not chapter.get("title", "t").strip():
            raise course.wrong(f"{place}, title", chapter["title"], "one line of text")
    for number, name in enumerate(data.get("files", ()), 1):
        if not isinstance(name, str):
            raise course.wrong(f"files, number {number}", name, WORDS[str])
    for slug, values in data.get("defaults", {}).items():
        if not isinstance(values, dict):
            raise course.wrong(f"defaults.{slug}", values, f"a table, [defaults.{slug}]")
    notes = dict(_flat(data.get("notes", {})))
    for id, value in notes.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, str)) or (
                not isinstance(value, str) and not math.isfinite(value)):
            raise course.wrong(f"notes.{id}", value, "a number, or a text in quotes")
    return {"intro": "", "files": [], "defaults": {}, **data, "notes": notes}


def _check_table(course: CourseFile, place: str, table: dict, known: dict) -> None:
    for key, value in table.items():
        if key not in known:
            raise course.unknown("key", f"{place}{key}", key, known)
        if isinstance(value, bool) or not isinstance(value, known[key]):
            raise course.wrong(f"{place}{key}", value, WORDS[known[key]])


def _flat(table: dict, above: str = ""):
    """Fact ids have dots, which TOML takes for tables unless they are in quotes."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value
