"""The course for those who grade with nbgrader: a course directory with an assignment per lab.

Picture the answer sheets of an examination: the same questions as in the book, a box for each
answer, and at the margin, printed by the examiner, how many points it got.

A learner works as in the normal notebook: `answer = ...`, `check(...)`. Below each answer stands
a locked cell, `points("slug", number, most)`: its value, 0 or `most`, is what nbgrader takes as
the score. It asks labsim how the answer that was checked last in this kernel was judged, and the
judge is the model; so no answer stands in a test, no test has to be hidden, and a blank stops
nobody's Run All. Whoever reads labsim's source finds the answers; examinations need a room.

Nothing but `source/`, `nbgrader_config.py` and `.gitignore` is written: a gradebook and the work
that was handed in stay as they are. A course of one's own has its course.toml in every assignment.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from labsim.course.course_model import Chapter, Course
from labsim.course.execute import put
from labsim.course.notebooks import IN_EFFECT, METADATA, BuildError, calls, generate

WORTH = {"predict": 1, "explain": 1, "design": 2, "sketch": 1}     # points, by kind
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CONFIG = '''"""Made by labsim. Settings of your own: nbgrader_config.json beside it, which wins."""

import atexit
import os
import shutil
import tempfile

c = get_config()    # noqa: F821
c.CourseDirectory.course_id = {course!r}
c.ClearSolutions.code_stub = {{"python": ""}}     # the blank stands above the solution
c.ExecutePreprocessor.timeout = 300
# Whoever grades keeps their own progress: learners' answers go where nobody looks.
os.environ["LABSIM_HOME"] = tempfile.mkdtemp(prefix="labsim-grading-")
atexit.register(shutil.rmtree, os.environ["LABSIM_HOME"], ignore_errors=True)
'''
# What is made while grading belongs to learners, and to no repository.
IGNORED = "gradebook.db\nrelease/\nsubmitted/\nautograded/\nfeedback/\n*.log\n"


def make(course: Course, out: Path, tell: Callable[[str], None] = lambda text: None) -> None:
    """Make the nbgrader course directory `out` of the chapters that are a lab's.

    Raises `BuildError` for a notebook in which an exercise can't be graded.
    """
    import nbformat

    for chapter in course.chapters:
        if chapter.lab is None:
            continue
        folder = out / "source" / chapter.name
        write(folder / f"{chapter.name}.ipynb", nbformat.writes(assignment(chapter)) + "\n")
        for name, path in course.beside.items():
            put(path, folder / name)
        worth = sum(WORTH[e.kind] for e in chapter.lab.exercises)
        tell(f"assignment {chapter.name}: {len(chapter.lab.exercises)} exercises, "
             f"{worth} points")
    name = re.sub(r"[^\w-]+", "-", course.title).strip("-") or "course"
    write(out / "nbgrader_config.py", CONFIG.format(course=name))
    write(out / ".gitignore", IGNORED)


def assignment(chapter: Chapter):
    """The instructor's version of a chapter, with nbgrader's marks: what is a solution, what is
    locked, and after each answer a cell that gives its points."""
    import nbformat

    learner = generate(chapter, solution=False, typed=True).cells
    solved = {cell.id: cell for cell in generate(chapter, solution=True).cells}
    cells, graded = [], set()
    for cell in learner:
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        full = solved[cell.id].source
        checked = [call for call in calls(cell.source, "check")
                   if call[0] == chapter.lab.slug and len(call) == 2]
        if full != cell.source:
            cell.source = f"{cell.source}\n{BEGIN}\n{full}\n{END}"
            mark(cell, cell.id, solution=True)
            for _, number in checked:
                if number in graded:
                    raise BuildError(f"{chapter.origin}: exercise {number} is checked twice")
                graded.add(number)
                cells.append(margin(chapter, number))
        elif [*calls(cell.source, "exercise")] or "labsim.course" in cell.source or (
                cell.source == IN_EFFECT):
            mark(cell, cell.id, locked=True)
    if missing := {*range(1, len(chapter.lab.exercises) + 1)} - graded:
        raise BuildError(f"{chapter.origin}: no cell tagged solution checks exercise "
                         f"{', '.join(map(str, sorted(missing)))} of {chapter.lab.slug}")
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def margin(chapter: Chapter, number: int):
    """The locked cell that gives an exercise's points."""
    import nbformat

    lab = chapter.lab
    if not 1 <= number <= len(lab.exercises):
        raise BuildError(f"{chapter.origin}: {lab.slug} has no exercise {number}")
    worth = WORTH[lab.exercises[number - 1].kind]
    cell = nbformat.v4.new_code_cell(
        "from labsim.course.exercises import points\n\n"
        f'points("{lab.slug}", {number}, {worth})', id=f"{lab.slug[:44]}-points-{number:02}")
    mark(cell, f"exercise-{number:02}", grade=True, locked=True, points=worth)
    return cell


def mark(cell, name: str, **what) -> None:
    """Give a cell the metadata that nbgrader reads, schema 3."""
    cell.metadata = {"nbgrader": {"schema_version": 3, "grade_id": name, "grade": False,
                                  "solution": False, "locked": False, "task": False, **what}}


def write(path: Path, text: str) -> None:
    """Write a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".tmp")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
