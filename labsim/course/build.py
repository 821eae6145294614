"""Everything that is made from the notebooks' sources, part by part.

Picture a printing works: one manuscript per chapter goes in, and every form of the course comes
out, each from a machine (a part) of its own. What has not changed since the last time is not
printed again; what is half printed is never handed out.

A part has a function `make(course, out, tell)`: it writes everything below `out`, an empty
folder, and `tell`s in a line what it has made. The folder takes its place only when it is whole.
The notebooks themselves, learner's and instructor's, are made one by one (`execute`).
"""

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from labsim.course import (
    archive,
    course_model,
    coursefile,
    execute,
    fingerprints,
    in_effect,
    lite,
    nbgrader,
    site,
)
from labsim.course.course_model import FORMS, Course
from labsim.course.execute import Edition, put
from labsim.course.fingerprints import Fingerprints
from labsim.course.notebooks import BuildError, compare, generate
from labsim.errors import nearest

NEEDED = ("jupytext", "nbclient", "nbval", "pytest", "xdist")


@dataclass(frozen=True)
class Part:
    """A form of the course: what makes it (None: the notebooks themselves), and the notebooks it
    is made from.

    links: parts that it links to where they are. keeps: others put files of their own into its
    folder (hand-ins, a gradebook); they stay.
    """

    make: Callable[[Course, Path, Callable[[str], None]], None] | None
    needs: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    keeps: bool = False


PARTS = {
    "learner": Part(None),
    "instructor": Part(None),
    "lite": Part(lite.make, FORMS),
    "site": Part(site.make, FORMS, links=("lite",)),
    "zip": Part(archive.make, FORMS),
    "nbgrader": Part(nbgrader.make, FORMS, keeps=True),
}


def build(only: list[str] | None = None, parts: list[str] | None = None, *,
          course: Path | str | None = None, to: Path | str | None = None, force: bool = False,
          tell: Callable[[str], None] = lambda text: None,
          progress: Callable[[float], None] = lambda share: None) -> None:
    """Make what is not as its inputs would make it now.

    only: numbers ("01") of the chapters; parts: names of `PARTS`, by default all, with the
    notebooks that they need. course: a course.toml, by default that in effect. to: the folder for
    what is built, by default build/ beside the notebooks or the course.toml. force: make it all.
    Raises `BuildError`, naming notebook and cell where it is one's, and `CourseError`.
    """
    chosen = _chosen(parts)
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise BuildError(f'{missing[0]} is not installed: pip install "labsim[build]"')
    with _opened(course, to) as whole, _alone(whole.out) as drafts:
        work = _Build(whole, _only(whole, only), drafts, force, tell, progress)
        work.plan(chosen)
        work.make(chosen)
        if not work.made:
            tell("nothing to do: everything is as its sources make it")


def check(course: Path | str | None = None, *, to: Path | str | None = None) -> list[str]:
    """What of the executed notebooks is not what their sources make, a line each; nothing is
    executed. Of the built-in course those that are committed."""
    differ = []
    with _opened(course, to) as whole:
        chapters = [c for c in whole.chapters if not c.added]
        places = {whole.place(c, form) for c in chapters for form in FORMS}
        for place in sorted({place.parent for place in places}):
            differ += [f"{path.parent.name}/{path.name}: no source makes it"
                       for path in sorted(place.glob("*.ipynb")) if path not in places]
        for chapter in chapters:
            for form in FORMS:
                path = whole.place(chapter, form)
                try:
                    compare(path, generate(chapter, form == "instructor"))
                except BuildError as error:
                    differ.append(f"{path.parent.name}/{error}")
    return differ


# -- what is asked for ---------------------------------------------------------------------------


def _chosen(parts: list[str] | None) -> list[str]:
    """The parts in the order of `PARTS`."""
    for name in parts or ():
        if name not in PARTS:
            raise BuildError(f"unknown part {name!r}: {nearest(name, PARTS)}")
    return [name for name in PARTS if not parts or name in parts]


def _only(course: Course, only: list[str] | None) -> Course:
    there = [chapter.number for chapter in course.chapters]
    only = [number.zfill(2) for number in only or ()]
    for number in only:
        if number not in there:
            raise BuildError(f"there is no chapter {number}, only {', '.join(there)}")
    return replace(course, chapters=tuple(c for c in course.chapters
                                          if not only or c.number in only))


@contextlib.contextmanager
def _opened(path, to) -> Iterator[Course]:
    """The course, in effect meanwhile."""
    file = coursefile.load(path) if path else in_effect.current()
    out = Path(to).absolute() if to else None
    with in_effect.using(file):
        yield course_model.own(file, out) if file else course_model.built_in(out)


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[Path]:
    """An empty folder for drafts in `out`, for one build at a time."""
    drafts = out / ".drafts"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with open(out / ".lock", "w") as lock:
            if importlib.util.find_spec("fcntl"):
                import fcntl
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise BuildError(f"{out}: another build is at work there") from None
            shutil.rmtree(drafts, ignore_errors=True)
            drafts.mkdir()
            try:
                yield drafts
            finally:
                shutil.rmtree(drafts, ignore_errors=True)
    except OSError as error:
        raise BuildError(f"{error.filename or out}: {error.strerror}") from None


# -- the work ------------------------------------------------------------------------------------


class _Build:
    """One build: what has to be made, and the making of it."""

    def __init__(self, whole: Course, course: Course, drafts: Path, force: bool, tell, progress):
        self.whole, self.course, self.drafts, self.force = whole, course, drafts, force
        self._known: dict[str, Fingerprints] = {}
        self.tell, self.progress = tell, progress
        self.made = self.steps = self.all_steps = 0
        self.forms: list[str] = []
        self.editions: list[Edition] = []
        self.apart = {part.make.__module__ for part in PARTS.values() if part.make}

    def known(self, part: str) -> Fingerprints:
        """The fingerprints of a part."""
        if part not in self._known:
            file = self.course.out / ".fingerprints" / f"{part}.json"
            self._known[part] = Fingerprints(file, self.course.out)
        return self._known[part]

    def inputs(self, edition: Edition) -> str:
        """The fingerprint of what a notebook is made from."""
        return fingerprints.of_chapter(self.course, edition.chapter, edition.form, self.apart)

    def plan(self, chosen: list[str]) -> None:
        """Find the notebooks that have to be made, for themselves or for other parts."""
        self.forms = [form for form in FORMS
                      if form in chosen or any(form in PARTS[name].needs for name in chosen)]
        self.editions = [edition for chapter in self.course.chapters for form in self.forms
                         if not self._fresh(edition := Edition(chapter, form))]
        self.all_steps = 2 * len(self.editions) + 5 * len([p for p in chosen if p not in FORMS])

    def make(self, chosen: list[str]) -> None:
        """Make the notebooks, then the other parts."""
        if self.editions:
            execute.make(self.course, self.editions, self.drafts / "notebooks", self._done,
                         self._step)
        for form in self.forms:
            self._keep_beside(form)
        for name in chosen:
            if name not in FORMS:
                self._make_part(name)
                self._step(5)

    def _fresh(self, edition: Edition) -> bool:
        return not self.force and self.known(edition.form).fresh(
            edition.chapter.name, self.inputs(edition),
            self.course.place(edition.chapter, edition.form))

    def _done(self, edition: Edition) -> None:
        self.known(edition.form).add(edition.chapter.name, self.inputs(edition),
                                     self.course.place(edition.chapter, edition.form))
        self._say(edition.name)

    def _keep_beside(self, form: str) -> None:
        """What stands beside the notebooks is there; those of chapters that are no more are not."""
        beside, folder = self.course.beside, self.course.out / form
        inputs = fingerprints.of_text(*(f"{name} {fingerprints.of_file(path)}"
                                        for name, path in beside.items()))
        places = [folder / name for name in beside]
        if beside and not self.known(form).fresh("beside", inputs, *places):
            for path, source in zip(places, beside.values()):
                put(source, path)
            self.known(form).add("beside", inputs, *places)
            self._say(f"{form}/{', '.join(beside)}")
        for path in self.known(form).forget([*(c.name for c in self.whole.chapters), "beside"]):
            self._say(f"no {form}/{path.name}: its chapter is no more")

    def _make_part(self, name: str) -> None:
        part, out = PARTS[name], self.course.out / name
        sources = [fingerprints.of_file(self.course.place(chapter, form))
                   for chapter in self.course.chapters for form in part.needs]
        sources += [other for other in part.links if (self.course.out / other).is_dir()]
        inputs = fingerprints.of_part(self.course, sources)
        mine = self.known(name).made(name) if part.keeps else {out}
        if not self.force and out.is_dir() and mine and self.known(name).fresh(
                name, inputs, *mine):
            return
        draft = self.drafts / name
        draft.mkdir()
        try:
            part.make(self.course, draft, self.tell)
        except ModuleNotFoundError as error:
            raise BuildError(f"part {name}: {error.name} is not installed: "
                             'pip install "labsim[build]"') from None
        made = [path.relative_to(draft) for path in fingerprints.files(draft)]
        if not made:
            raise BuildError(f"part {name}: has made nothing")
        if part.keeps:
            self._put_into(out, draft, made, mine)
        else:
            if out.exists():
                os.replace(out, self.drafts / f"{name}.old")
            os.replace(draft, out)
        self.known(name).add(name, inputs, *(out / path for path in made))
        self._say(f"{name}/")

    def _put_into(self, out: Path, draft: Path, made: list[Path], before: set[Path]) -> None:
        """File by file: what the last build made and this one has not goes, all else stays."""
        for path in before - {out / path for path in made}:
            path.unlink(missing_ok=True)
        for path in made:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft / path, out / path)

    def _say(self, name: str) -> None:
        self.made += 1
        self.tell(f"made {name}")

    def _step(self, count: int = 1) -> None:
        self.steps += count
        self.progress(min(self.steps / max(self.all_steps, 1), 1.0))
