"""The course in effect: the labs and facts as a course.toml has them.

Picture a theatre's notice board: which production is on. Somebody has to put the notice up: a
folder that happens to be the working directory changes nothing. A course is put into effect by
`labsim.use_course(file)`, by the environment variable LABSIM_COURSE, or by a command of `labsim`
that works for a course (`open`, `demo`, `build`, `progress`, ...) in the course's folder.

Here its defaults and notes are checked against the labs and facts that there are, and handed to
the labs as arguments: below, nothing knows of courses.
"""

import contextlib
import functools
import math
import os
import re
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from labsim import factbook
from labsim.course.coursefile import NAME, CourseFile, load
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.factbook import FactBook

if TYPE_CHECKING:       # facts are there at once, and without numpy
    from labsim.declare.lab import Lab

VARIABLE = "LABSIM_COURSE"
_chosen: ContextVar = ContextVar("course")      # within `using`
_of_process: list[CourseFile | None] = []       # what `use` said last


def current() -> CourseFile | None:
    """The course in effect; None for labsim as it is."""
    if (chosen := _chosen.get(_chosen)) is not _chosen:
        return chosen
    return _of_process[-1] if _of_process else _of_environment()


def use(file=None) -> None:
    """Put the course.toml `file` into effect for this process; None: labsim as it is."""
    course = None if file is None else load(file)
    if course is not None:
        _adapted(course)
    _of_process[:] = [course]


@contextlib.contextmanager
def using(course: CourseFile | None):
    """Within the block, in this thread, `course` is in effect; with None, labsim as it is."""
    token = _chosen.set(course)
    try:
        yield
    finally:
        _chosen.reset(token)


@functools.cache
def _of_environment() -> CourseFile | None:
    named = os.environ.get(VARIABLE)
    return load(named) if named else None


def of_folder() -> CourseFile | None:
    """The course.toml of the working directory, if it says that it is one of labsim's."""
    try:
        marked = re.search(r"^labsim\s*=", Path(NAME).read_text(encoding="utf-8"), re.M)
    except (OSError, UnicodeDecodeError):
        return None
    return load(NAME) if marked else None


# -- labs and facts as the course has them -------------------------------------------------------


def labs() -> "dict[str, Lab]":
    """{slug: Lab} of every lab, in course order."""
    from labsim import catalogue
    course = current()
    return catalogue.labs() if course is None else dict(_adapted(course))


def lab(slug: str) -> "Lab":
    """The lab called `slug`; an unknown name suggests the nearest."""
    found = labs()
    if slug not in found:
        raise unknown("lab", slug, found)
    return found[slug]


def book() -> FactBook:
    """The facts, with the course's notes."""
    course = current()
    return factbook.book() if course is None else _noted(course)


@functools.cache
def _adapted(course: CourseFile) -> "dict[str, Lab]":
    from labsim import catalogue
    noted, found, own = _noted(course), catalogue.labs(), course.read["defaults"]
    for slug in own:
        if slug not in found:
            raise course.unknown("lab", f"defaults.{slug}", slug, found)
    if own or course.read["notes"]:
        found = {slug: _as_told(course, lab, own.get(slug, {}), noted)
                 for slug, lab in found.items()}
    for lab in found.values() if course.read["notes"] else ():
        _check_notes(course, lab)
    return found


def _as_told(course: CourseFile, lab: "Lab", own: dict, noted: FactBook) -> "Lab":
    """The lab with the course's defaults and notes; the defaults hold, and every preset is still
    possible."""
    if not own and not course.read["notes"]:
        return lab
    key, specs = f"defaults.{lab.slug}", lab.Params.specs()
    for name in own:
        if name not in specs:
            raise course.unknown("parameter", f"{key}.{name}", name, specs)
    try:
        adapted = lab.adapted(own, noted)
        start = adapted.Params()
    except ParameterError as error:
        raise course.wrong(f"{key}.{error.name}", error.given, error.allowed) from None
    for name, value in own.items():
        if getattr(start, name) != value:
            raise course.wrong(f"{key}.{name}", value, f"with these facts: {getattr(start, name)}"
                               f"; it is a fact's, set notes.{specs[name].fact}")
    for preset in lab.presets if own else ():
        try:
            adapted.preset(preset.title)
        except LabsimError as error:
            raise course.wrong(key, own, f"what leaves preset {preset.title!r} possible: "
                               f"{error}") from None
    return adapted


def _check_notes(course: CourseFile, lab: "Lab") -> None:
    """Each parameter that is a fact's may have the value which the course's notes give it."""
    for name, spec in lab.Params.specs().items():
        if spec.fact in course.read["notes"] and spec.bounds:
            value = course.read["notes"][spec.fact]
            if not spec.bounds[0] <= value <= spec.bounds[1] or spec.type(value) != value:
                raise course.wrong(f"notes.{spec.fact}", value,
                                   f"for {name} of {lab.slug} {spec.allowed}")
    try:
        lab.Params(facts="notes")
    except ParameterError as error:
        raise course.wrong("notes", f"{error.name} {error.given} of {lab.slug}",
                           error.allowed) from None


@functools.cache
def _noted(course: CourseFile) -> FactBook:
    texts, book = {}, factbook.book()
    for id, given in course.read["notes"].items():
        if id not in book:
            raise course.unknown("fact", f"notes.{id}", id, book)
        texts[id] = _text(course, book[id], given)
    return book.noted(texts)


def _text(course: CourseFile, fact, given: float | str) -> str:
    """What the notes say of a fact, as the fact has it."""
    try:
        old = fact.number()
    except ValueError:      # a rule, in words
        return str(given)
    if isinstance(given, str) or given < 0 or (given == 0 < old) or math.isinf(given):
        raise course.wrong(f"notes.{fact.id}", given,
                           f"a number above zero, in {fact.unit or 'no unit'}")
    return repr(given)
