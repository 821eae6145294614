"""One archive per audience, to hand out: the learner's notebooks, and the instructor's.

Picture the two envelopes on the teacher's desk on the first day: one for everybody, one with the
answers. The same notebooks give the same bytes, whenever and wherever they are packed: names are
sorted, dates fixed, and nothing is compressed (libraries differ in how).
"""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from labsim import plugins
from labsim.course.course_model import FORMS, Course
from labsim.version import __version__

DATE = (1980, 1, 1, 0, 0, 0)        # the first that a zip file can say
FOR = {"learner": "The exercises are blank; leave them blank as long as you like.",
       "instructor": "The exercises are solved. Not for learners."}


def make(course: Course, out: Path, tell: Callable[[str], None]) -> None:
    """Write NAME-learner.zip and NAME-instructor.zip into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for form in FORMS:
        name = f"{file_name(course.title)}-{form}"
        entries = {f"{name}/README.txt": read_me(course, form).encode()}
        for chapter in course.chapters:
            path = course.place(chapter, form)
            entries[f"{name}/{path.name}"] = path.read_bytes()
        for inside, path in course.beside.items():
            entries[f"{name}/{inside}"] = path.read_bytes()
        with zipfile.ZipFile(out / f"{name}.zip", "w") as archive:
            for inside in sorted(entries):
                archive.writestr(_entry(inside), entries[inside])
        tell(f"packed {name}.zip: {len(entries)} files")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, DATE)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def file_name(title: str) -> str:
    """A title as the name of a file: "Queues for operators" is queues-for-operators."""
    return "-".join(re.findall(r"[a-z0-9]+", title.casefold())) or "course"


def read_me(course: Course, form: str) -> str:
    """What is in the archive and how to open it."""
    chapters = [f"  {chapter.name}.ipynb  {chapter.title}" for chapter in course.chapters]
    needs = [f"  labsim {__version__}, with its extra \"lab\" (Python 3.11 or newer)",
             *(f"  {name} {version}" for name, version in sorted(plugins.added().items())
               if any(chapter.lab and chapter.lab.home for chapter in course.chapters))]
    own = ["Keep course.toml beside the notebooks: the labs start where it says."]
    return "\n".join([
        course.title, "", FOR[form], "", *chapters, "", "What has to be installed:", "", *needs,
        "", "Then, in this folder: jupyter lab " + course.chapters[0].name + ".ipynb",
        *(own if course.file else []), ""])
