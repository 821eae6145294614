"""The labs there are: modules of `labsim.labs`, and what other packages register.

A package of its own adds labs through the entry point group `labsim.labs`; each entry names a
`Lab`. Nothing here knows any lab by name. A package that is broken is told of in one line, and
the others go on. In a course with own defaults (`labsim.coursefile`) its labs start there.
"""

import dataclasses
import functools
import importlib
import math
import pkgutil
import re

from labsim import coursefile, packages
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.kit.lab import Lab
from labsim.kit.params import Params


@functools.cache
def _found() -> dict[str, Lab]:
    import labsim.labs

    own = [importlib.import_module(f"labsim.labs.{module.name}").lab
           for module in pkgutil.iter_modules(labsim.labs.__path__)
           if not module.name.startswith("_")]
    found = {lab.slug: lab for lab in own}
    for package, entry in packages.entries(packages.LABS):
        try:
            lab = entry.load()
        except (Exception, SystemExit) as error:    # whatever a package does when it is imported
            packages.tell(package, error)
            continue
        if fault := _fault(lab, entry.value, found):
            packages.tell(package, fault)
        else:
            found[lab.slug] = lab
    return {lab.slug: lab for lab in sorted(found.values(), key=lambda lab: (lab.order, lab.slug))}


def _fault(lab, value: str, found: dict) -> str:
    """What is wrong with what a package gives as its lab; empty for nothing."""
    if not isinstance(lab, Lab):
        return f"{value} is no Lab but a {type(lab).__name__}"
    if not isinstance(lab.slug, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", lab.slug):
        return f"{value} has the name {lab.slug!r}; allowed are small letters, digits and hyphens"
    if lab.slug in found:
        return f"there is another lab {lab.slug}"
    if isinstance(lab.order, bool) or not isinstance(lab.order, (int, float)) or (
            math.isnan(lab.order)):
        return f"{lab.slug}: its order is no number"
    if not isinstance(lab.Params, type) or not issubclass(lab.Params, Params):
        return f"{lab.slug}: its Params are no Params"
    return ""


def labs() -> dict[str, Lab]:
    """{slug: Lab} of every lab, in course order."""
    return dict(_labs())


def lab(slug: str) -> Lab:
    """The lab called `slug`; an unknown name suggests the nearest."""
    found = _labs()
    if slug not in found:
        raise unknown("lab", slug, found)
    return found[slug]


def _labs() -> dict[str, Lab]:
    course = coursefile.current()
    return _found() if course is None else _of_course(course)


@functools.cache
def _of_course(course: coursefile.CourseFile) -> dict[str, Lab]:
    found = dict(_found())
    with coursefile.using(course):
        for slug in course.read["defaults"]:
            if slug not in found:
                raise course.unknown("lab", f"defaults.{slug}", slug, found)
            found[slug] = _starting_at(course, found[slug])
        for lab in found.values() if course.read["notes"] else ():
            _check_notes(course, lab)
    return found


def _starting_at(course: coursefile.CourseFile, lab: Lab) -> Lab:
    """The lab with the course's defaults; they hold, and every preset is still possible."""
    key, own = f"defaults.{lab.slug}", course.read["defaults"][lab.slug]
    knobs = lab.Params.knobs()
    for name in own:
        if name not in knobs:
            raise course.unknown("parameter", f"{key}.{name}", name, knobs)
    try:
        adapted = dataclasses.replace(lab, Params=lab.Params.starting_at(own), original=lab)
        start = adapted.Params()
    except ParameterError as error:
        raise course.wrong(f"{key}.{error.name}", error.given, error.allowed) from None
    for name, value in own.items():
        if getattr(start, name) != value:
            raise course.wrong(f"{key}.{name}", value, f"with these facts: {getattr(start, name)}"
                               f"; it is a fact's, set notes.{knobs[name].fact}")
    for preset in lab.presets:
        try:
            adapted.preset(preset.title)
        except LabsimError as error:
            raise course.wrong(key, own, f"what leaves preset {preset.title!r} possible: "
                               f"{error}") from None
    return adapted


def _check_notes(course: coursefile.CourseFile, lab: Lab) -> None:
    """Each parameter that is a fact's may have the value which the course's notes give it."""
    for name, knob in lab.Params.knobs().items():
        if knob.fact in course.read["notes"] and knob.bounds:
            value = course.read["notes"][knob.fact]
            if not knob.bounds[0] <= value <= knob.bounds[1] or knob.type(value) != value:
                raise course.wrong(f"notes.{knob.fact}", value,
                                   f"for {name} of {lab.slug} {knob.allowed}")
    try:
        lab.Params(facts="notes")
    except ParameterError as error:
        raise course.wrong("notes", f"{error.name} {error.given} of {lab.slug}",
                           error.allowed) from None
