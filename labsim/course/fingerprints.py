"""What was made from what: so that a second build makes only what is no longer so.

Picture a parcel on whose label stands what went in and what came out, by fingerprint. A parcel
into which the same would go today, and whose contents are still those, is left alone.

A part's fingerprints are one JSON file, {job: {"inputs": digest, "outputs": {path: digest}}};
nothing in it depends on the time or on where the folder is.
"""

import contextlib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from importlib import metadata, util
from pathlib import Path

from labsim import factbook, plugins
from labsim.course.course_model import LAST, PACKAGE, START, Chapter, Course
from labsim.course.coursefile import NAME

# Of the package: what no notebook is made from; and notebooks' sources, each of its own only.
APART = ("cli/", "notebooks/", "data/", "course/build.py", "course/execute.py",
         "course/fingerprints.py")
SOURCES = ("notebook.py", START.name, LAST.name)
LIBRARIES = ("IPython", "ipykernel", "nbformat", "nbconvert", "pillow")


class Fingerprints:
    """The fingerprints of one part, in a file; a damaged file is as good as none."""

    def __init__(self, path: Path, base: Path):
        self.path, self.base = path, base
        try:
            self._known = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._known = {}

    def fresh(self, job: str, inputs: str, *places: Path) -> bool:
        """Whether `job` was made from these inputs, and what it made is all still there."""
        try:
            known = self._known[job]
            return known["inputs"] == inputs and known["outputs"] == self._outputs(places)
        except (KeyError, TypeError):
            return False

    def made(self, job: str) -> set[Path]:
        """The files that `job` has made."""
        known = self._known.get(job)
        return {self.base / path for path in known["outputs"]} if known else set()

    def add(self, job: str, inputs: str, *places: Path) -> None:
        """`job` was made from these inputs: files, or folders with all that is in them."""
        self._known[job] = {"inputs": inputs, "outputs": self._outputs(places)}
        self._write()

    def forget(self, kept: Iterable[str]) -> list[Path]:
        """Remove what was made by jobs that are no more; returns it."""
        gone = []
        for job in sorted(set(self._known) - {*kept}):
            outputs = self._known.pop(job).get("outputs", {})
            gone += [path for path in map(self.base.joinpath, outputs) if path.is_file()]
        for path in gone:
            path.unlink()
        if gone:
            self._write()
        return gone

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".tmp")
        draft.write_text(json.dumps(self._known, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(draft, self.path)

    def _outputs(self, places: Iterable[Path]) -> dict[str, str]:
        return {os.path.relpath(path, self.base).replace(os.sep, "/"): of_file(path)
                for place in places for path in files(place)}


def of_text(*texts: str) -> str:
    """The digest of some texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def of_file(path: Path) -> str:
    """The digest of a file; empty for one that can't be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def files(place: Path) -> list[Path]:
    """The file, or every file below the folder, in a fixed order; no bytecode."""
    if not place.is_dir():
        return [place]
    found = []
    for top, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [Path(top) / name for name in names]
    return sorted(found)


def of_chapter(course: Course, chapter: Chapter, form: str, apart: Iterable[str] = ()) -> str:
    """The digest of all that the executed notebook of a chapter depends on; `apart` are modules
    of labsim's that only make other parts."""
    return of_text(form, chapter.name, chapter.title, chapter.about, chapter.text, _world(),
                   _package(frozenset(apart)), *_beside(course, NAME), *_in_effect(course))


def of_part(course: Course, sources: Iterable[str]) -> str:
    """The digest of all that a part other than the notebooks depends on, given that of the
    notebooks it is made from."""
    return of_text(course.title, *(text for c in course.chapters
                                   for text in (c.name, c.title, c.about, c.text)),
                   *sources, _world(), _package(None), *_beside(course))


def _beside(course: Course, *but: str) -> list[str]:
    return [text for name, path in course.beside.items() if name not in but
            for text in (name, of_file(path))]


def _in_effect(course: Course) -> list[str]:
    """What of a course.toml a lab can notice."""
    told = course.file.read if course.file else {}
    return [json.dumps(told.get(key, {}), sort_keys=True, default=str)
            for key in ("defaults", "notes")]


@functools.cache
def _package(apart: frozenset[str] | None) -> str:
    """labsim's code, known answers and questions; None: all of its files, whatever they make."""
    left_out = () if apart is None else (*APART, *(
        module.removeprefix("labsim.").replace(".", "/") + ".py" for module in apart))
    texts = []
    for path in files(PACKAGE):
        name = path.relative_to(PACKAGE).as_posix()
        if apart is None and not name.startswith("notebooks/") or (
                path.suffix in (".py", ".yaml") and path.name not in SOURCES
                and not name.startswith(left_out)):
            texts += [name, of_file(path)]
    return of_text(*texts)


@functools.cache
def _world() -> str:
    """Data, versions of the libraries, and what other packages add."""
    texts = [sys.version]
    for place in (factbook.data_folder(), *_added()):
        for path in files(place):
            texts += [path.name, of_file(path)]
    return of_text(*texts, *(f"{name} {version}" for name, version in
                             [*_libraries(), *sorted(plugins.added().items())]))


def _added() -> list[Path]:
    """The packages that add labs or facts: their folders, or files."""
    found = {}
    for _, entry in (*plugins.entries(plugins.LABS), *plugins.entries(plugins.FACTS)):
        with contextlib.suppress(Exception):    # a broken package adds nothing
            top = entry.module.split(".")[0]
            spec = util.find_spec(top)
            found[top] = [*map(Path, spec.submodule_search_locations or [spec.origin])]
    return [path for top in sorted(found) for path in found[top]]


def _libraries() -> list[tuple[str, str]]:
    """(name, version) of the libraries that labsim names as its own."""
    try:
        named = metadata.requires("labsim") or []
    except metadata.PackageNotFoundError:
        named = []
    names = {line.split(";")[0].split("[")[0].strip().rstrip("<>=!~.,0123456789 ")
             for line in named}
    found = []
    for name in sorted(names | {*LIBRARIES}):
        try:
            found.append((name, metadata.version(name)))
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return found
