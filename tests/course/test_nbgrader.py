"""The nbgrader course: what it is made of, and three learners' work through the real nbgrader."""

import contextlib
import csv
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

import nbformat
import pytest
from wrong_answers import wrong

from labsim.course import course_model, exercises, nbgrader, notebooks

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
WANTED = "nbgrader==0.9.*"
COURSE = course_model.built_in()
CHAPTERS = [chapter for chapter in COURSE.chapters if chapter.lab]
TRIED = CHAPTERS[-1]        # the chapter that goes through the real nbgrader
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course directory."""
    folder = tmp_path_factory.mktemp("nbgrader") / "course"
    nbgrader.make(COURSE, folder)
    return folder


def read(path):
    return nbformat.read(path, as_version=4)


def marked(cell):
    return cell.metadata.get("nbgrader", {})


@each_chapter
def test_every_exercise_has_its_points(chapter, course):
    """A locked cell each, in their order, worth what the exercise is; the notebook is valid."""
    notebook = read(course / "source" / chapter.name / f"{chapter.name}.ipynb")
    nbformat.validate(notebook)
    graded = [cell for cell in notebook.cells if marked(cell).get("grade")]
    assert [marked(cell)["points"] for cell in graded] == [
        nbgrader.WORTH[e.kind] for e in chapter.lab.exercises]
    assert all(marked(cell)["locked"] and not marked(cell)["solution"] for cell in graded)
    for number, cell in enumerate(graded, 1):
        assert f'points("{chapter.lab.slug}", {number}, ' in cell.source
    names = [marked(cell)["grade_id"] for cell in notebook.cells if marked(cell)]
    assert len(names) == len(set(names))
    for cell in notebook.cells:
        assert ("BEGIN SOLUTION" in cell.source) == bool(marked(cell).get("solution"))


def test_made_twice_it_is_the_same_and_the_gradebook_stays(course, tmp_path):
    """The same bytes; what teachers and learners made is not touched."""
    kept = [tmp_path / name for name in ("gradebook.db", "submitted/ada/01/x.ipynb",
                                         "nbgrader_config.json", "source/own/own.ipynb")]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept")
    nbgrader.make(COURSE, tmp_path)
    made = {p.relative_to(course) for p in course.rglob("*") if p.is_file()}
    assert made and all((course / p).read_bytes() == (tmp_path / p).read_bytes() for p in made)
    assert all(path.read_text() == "kept" for path in kept)
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == {*kept, *(tmp_path / p
                                                                       for p in made)}


SOURCE = """# %% [markdown]
# # A chapter

# %% tags=["solution"]
# blank: answer = None
# blank: check("s3-prefix", 1, answer)
# >>> solution
check("s3-prefix", 1, 5500)
# <<< solution
"""


@pytest.mark.parametrize("text, told", [
    (SOURCE, "no cell tagged solution checks exercise 2, 3, 4, 5, 6, 7, 8 of s3-prefix"),
    (SOURCE + "\n" + SOURCE, "exercise 1 is checked twice"),
    (SOURCE.replace("1, answer", "99, answer"), "s3-prefix has no exercise 99"),
])
def test_an_exercise_that_cannot_be_graded_is_told(text, told, tmp_path):
    """With the source's name."""
    source = tmp_path / "01-s3-prefix.py"
    source.write_text(text)
    with pytest.raises(notebooks.BuildError, match=f"01-s3-prefix.py: {told}"):
        nbgrader.assignment(course_model.Chapter(source))


def test_the_last_answer_counts(tmp_path, monkeypatch, capsys):
    """Right, then blank or refused: no points; a wrong exercise number is an error."""
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path))
    monkeypatch.setattr(exercises, "_right", {})
    lab = TRIED.lab
    right = lab.exercises[0].answer(lab)
    assert exercises.points(lab.slug, 1, 3) == 0
    for answer, worth in ((right, 3), (None, 0), (right, 3), ("no number", 0)):
        exercises.check(lab.slug, 1, answer)
        assert exercises.points(lab.slug, 1, 3) == worth
    with pytest.raises(exercises.ParameterError, match="exercise: given 99"):
        exercises.points(lab.slug, 99, 1)


# -- the real nbgrader ------------------------------------------------------------------------


@contextlib.contextmanager
def alone(path):
    """One process at a time, where the system can do that."""
    with open(path, "w") as file:
        with contextlib.suppress(ImportError):
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """Runs an nbgrader command in a folder: in an environment of its own, kept for next time,
    with the packages of this one behind nbgrader's."""
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    folder = Path(tempfile.gettempdir()) / f"labsim-nbgrader-{version}-{os.getenv('USER', '')}"
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    with alone(folder.with_suffix(".busy")):
        if not (folder / "ready").exists():
            venv.create(folder, with_pip=True, clear=True)
            done = subprocess.run([scripts / "python", "-m", "pip", "install", "-q", WANTED],
                                  capture_output=True, text=True)
            if done.returncode:
                if "CI" in os.environ:
                    raise AssertionError(done.stderr)
                pytest.skip(f"{WANTED} can't be installed: {done.stderr.splitlines()[-1]}")
            (folder / "ready").touch()
    behind = next(folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages")
    (behind / "zz-behind.pth").write_text(sysconfig.get_path("purelib"))
    home = tmp_path_factory.mktemp("home")
    env = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "HOME": str(home),
           "PYTHONPATH": str(ROOT), "LABSIM_HOME": str(home / "mine"),
           "JUPYTER_DATA_DIR": str(home / "jupyter"), "IPYTHONDIR": str(home / "ipython")}

    def run(where, *words):
        done = subprocess.run([scripts / "python", "-m", "nbgrader", *words], cwd=where, env=env,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not (home / "mine").exists(), "the grader's own progress was written to"
    return run


def hand_in(course, name, answers, change=lambda notebook: None):
    """A learner's work: the released notebook with an answer for some exercises."""
    work = read(course / "release" / TRIED.name / f"{TRIED.name}.ipynb")
    for number, answer in answers.items():
        call = f'check("{TRIED.lab.slug}", {number}, answer)'
        cell = next(cell for cell in work.cells if call in cell.source)
        lines = cell.source.splitlines()
        place = next(i for i, line in enumerate(lines) if line.startswith("answer = None"))
        cell.source = "\n".join([*lines[:place], f"answer = {answer}", *lines[place + 1:]])
    change(work)
    folder = course / "submitted" / name / TRIED.name
    folder.mkdir(parents=True)
    nbformat.write(work, folder / f"{TRIED.name}.ipynb")


def spoil(notebook):
    """What else learners do: delete a points cell, write points into another, define their own."""
    graded = [cell for cell in notebook.cells if marked(cell).get("grade")]
    notebook.cells.remove(graded[0])
    graded[1].source = "2"
    notebook.cells.insert(0, nbformat.v4.new_code_cell("points = lambda *words: 2", id="mine"))


def test_three_learners_get_what_they_earned(course, tool):
    """Released without solutions; all right, half right with blanks, all wrong with a cell that
    raises and points written by hand: graded, exported and told in the feedback."""
    lab = TRIED.lab
    worth = {n: nbgrader.WORTH[e.kind] for n, e in enumerate(lab.exercises, 1)}
    right = {n: repr(e.answer(lab)) for n, e in enumerate(lab.exercises, 1)}
    bad = {n: repr(wrong(lab, e, 1)[0]) for n, e in enumerate(lab.exercises, 1)}
    tool(course, "generate_assignment", TRIED.name)
    released = read(course / "release" / TRIED.name / f"{TRIED.name}.ipynb")
    blank = notebooks.generate(TRIED, solution=False, typed=True)
    assert [cell.source.rstrip() for cell in released.cells if not marked(cell).get("grade")] == [
        cell.source.rstrip() for cell in blank.cells]
    assert "SOLUTION" not in (course / "release" / TRIED.name / f"{TRIED.name}.ipynb").read_text()

    half = {n: right[n] for n in worth if n % 2}
    hand_in(course, "ada", right)
    hand_in(course, "ben", half)
    hand_in(course, "cy", {**bad, 4: "1 / 0"}, spoil)
    tool(course, "autograde", TRIED.name)
    tool(course, "export", "--to", "grades.csv")
    with open(course / "grades.csv", newline="") as file:
        score = {row["student_id"]: (float(row["score"]), float(row["max_score"]))
                 for row in csv.DictReader(file)}
    most = sum(worth.values())
    assert score == {"ada": (most, most), "ben": (sum(worth[n] for n in half), most),
                     "cy": (0, most)}

    for name, errors in (("ada", 0), ("ben", 0), ("cy", 1)):     # blanks stop nobody's Run All
        graded = read(course / "autograded" / name / TRIED.name / f"{TRIED.name}.ipynb")
        assert sum(output.output_type == "error" for cell in graded.cells
                   for output in cell.get("outputs", ())) == errors
    tool(course, "generate_feedback", TRIED.name)
    for name, (got, _) in score.items():
        page = course / "feedback" / name / TRIED.name / f"{TRIED.name}.html"
        assert f"(Score: {got} / {float(most)})" in page.read_text()
