"""A course: which notebooks there are, in which order, under which title.

Picture the table of contents of a book: a title, and a line per chapter. What a chapter says is
in its source, a file notebook.py in its lab's folder; the book is made from it in several forms,
see `labsim.course.build`. The built-in course has a chapter to start with, those of labsim's labs,
those of the labs that other packages add, and one on systems without a lab; a course of one's own
has those that its course.toml names (`labsim.course.coursefile`).
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from labsim.catalogue import is_builtin
from labsim.course.coursefile import NAME, CourseFile
from labsim.course.in_effect import labs
from labsim.course.own_start import start_page
from labsim.declare.lab import Lab

PACKAGE = Path(__file__).parents[1]
START = Path(__file__).parent / "start_here.py"             # the first chapter's source,
LAST = Path(__file__).parent / "build_your_own.py"          # and the last one's
FORMS = ("learner", "instructor")


@dataclass(frozen=True)
class Chapter:
    """A notebook of a course, by its source."""

    source: Path
    named: str = ""             # its name in this course, where it is not the source's
    own_title: str = ""         # the course's title for it
    about: str = ""             # the lab's name, where the chapter's name doesn't say it
    made: str = ""              # the text of the source, where there is no such file
    added: bool = False         # of a lab that another package adds
    own: bool = False           # of a course of one's own, which it puts into effect

    @property
    def name(self) -> str:
        """Such as "01-sqs-asg"."""
        return self.named or self.source.stem

    @property
    def number(self) -> str:
        """Such as "01"."""
        return self.name.split("-", 1)[0]

    @property
    def slug(self) -> str:
        """Such as "sqs-asg"."""
        return self.name.split("-", 1)[-1]

    @property
    def origin(self) -> str:
        """Which source that is, for a message: "my-chapter.py", "sqs_asg/notebook.py"."""
        one_of_many = self.source.name == "notebook.py"
        return f"{self.source.parent.name}/{self.source.name}" if one_of_many else self.source.name

    @property
    def lab(self) -> Lab | None:
        """The lab it is about; none in a chapter such as 00-start-here."""
        return labs().get(self.about or self.slug)

    @functools.cached_property
    def text(self) -> str:
        """The percent-format source."""
        return self.made or self.source.read_text(encoding="utf-8")

    @property
    def title(self) -> str:
        """The course's title for it, or the source's first heading."""
        heading = re.search(r"^# # (.+)$", self.text, re.M)
        return self.own_title or (heading[1].strip() if heading else self.slug)


@dataclass(frozen=True)
class Course:
    """A title, chapters in order, and where what is made of them goes.

    notebooks: the learner's executed notebooks; of the built-in course in a checkout these are
    the committed ones, and the instructor's are in solutions/ below. out: everything else that is
    built. file: the course.toml of a course of one's own.
    """

    title: str
    chapters: tuple[Chapter, ...]
    notebooks: Path
    out: Path
    file: CourseFile | None = None
    committed: bool = False

    def learner(self, chapter: Chapter) -> Path:
        """The executed notebook with its exercises blank."""
        return self.place(chapter, "learner")

    def instructor(self, chapter: Chapter) -> Path:
        """The executed notebook with its solutions."""
        return self.place(chapter, "instructor")

    def place(self, chapter: Chapter, form: str) -> Path:
        """The executed notebook in one of `FORMS`."""
        if self.committed and not chapter.added:
            folder = self.notebooks / ("" if form == "learner" else "solutions")
        else:
            folder = self.out / form
        return folder / f"{chapter.name}.ipynb"

    @property
    def beside(self) -> dict[str, Path]:
        """{name: file} of what stands beside the notebooks: course.toml and the course's files."""
        if self.file is None:
            return {}
        found = {NAME: Path(self.file.path)}
        for number, name in enumerate(self.file.read["files"], 1):
            key = f"files, number {number}"
            path = self.file.inside(key, name)
            within = Path(name).as_posix()
            if within in found or within.endswith(".ipynb") or within.startswith(".."):
                raise self.file.wrong(key, name, "each file once, neither course.toml nor a "
                                                 "notebook")
            found[within] = path
        return found


def notebooks_folder() -> Path:
    """The built-in notebooks: of a checkout, or installed."""
    inside = PACKAGE / "notebooks"
    return inside if inside.is_dir() else PACKAGE.parent / "notebooks"


def source_of(lab: Lab) -> Path | None:
    """The notebook source of a lab, if it has one."""
    source = lab.home / "notebook.py" if lab.home else None
    return source if source and source.is_file() else None


def built_in(out: Path | None = None) -> Course:
    """The course that labsim comes with: numbered as its labs are, then those of other packages."""
    notebooks = notebooks_folder()
    committed = notebooks.parent != PACKAGE
    out = out or (notebooks.parent if committed else Path.cwd()) / "build"
    chapters, number = [Chapter(START, "00-start-here")], 0
    for lab in sorted(labs().values(), key=lambda lab: not is_builtin(lab)):
        if source := source_of(lab):
            number = int(lab.order) if is_builtin(lab) else number + 1
            chapters.append(Chapter(source, f"{number:02}-{lab.slug}", added=not is_builtin(lab)))
    chapters.append(Chapter(LAST, "99-build-your-own"))
    return Course("labsim", tuple(chapters), notebooks if committed else out / "learner", out,
                  committed=committed)


def own(file: CourseFile, out: Path | None = None) -> Course:
    """The course of a course.toml, which must be in effect. `CourseError` for what can't be."""
    out = out or file.folder / "build"
    chapters = [_chapter(file, number, told)
                for number, told in enumerate(file.read["chapters"], 1)]
    for number, chapter in enumerate(chapters, 1):
        if chapter.slug in [c.slug for c in chapters[:number - 1]] + ["start-here"]:
            raise file.wrong(f"chapters, number {number}", chapter.slug, "each chapter once")
    start = Chapter(Path(file.path), "00-start-here", about="-", made=start_page(file, chapters),
                    own=True)
    course = Course(file.read["title"].strip(), (start, *chapters), out / "learner", out, file)
    assert course.beside
    return course


def _chapter(file: CourseFile, number: int, told: dict) -> Chapter:
    key, slug = f"chapters, number {number}", told.get("lab")
    if slug is not None and slug not in labs():
        raise file.unknown("lab", f"{key}, lab", slug, labs())
    if "source" not in told:
        source = source_of(labs()[slug])
        if source is None:
            raise file.wrong(f"{key}, lab", slug, "a lab with a notebook source")
        return Chapter(source, f"{number:02}-{slug}", told.get("title", "").strip(), slug,
                       own=True)
    source = file.inside(f"{key}, source", told["source"])
    name = re.sub(r"^\d+-", "", source.stem)
    if source.suffix != ".py" or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise file.wrong(f"{key}, source", told["source"], "a name such as my-chapter.py: small "
                                                           "letters, digits and hyphens")
    return Chapter(source, f"{number:02}-{name}", told.get("title", "").strip(),
                   slug or (name if name in labs() else "-"), own=True)
