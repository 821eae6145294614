"""`labsim build`: what is made, what is made again, and what is refused, with its place."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from pace import pace
from small_course import NOTEBOOKS, SOURCE, made, write_course

import labsim
from labsim.cli import main
from labsim.course import build as work
from labsim.course import execute
from labsim.course.build import build, check
from labsim.course.notebooks import BuildError

pytestmark = pytest.mark.long


def contents(folder):
    """{path: bytes} of everything below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    """A part `fake`, which writes the titles of the chapters."""
    def make(course, out, tell):
        assert not [*out.iterdir()]
        (out / "below").mkdir()
        (out / "below" / "titles.txt").write_text("\n".join(c.title for c in course.chapters))
    monkeypatch.setitem(work.PARTS, "fake", work.Part(make, ("learner",)))
    return make


# -- what is made, and made again ---------------------------------------------------------------

def test_everything_is_made_once_then_only_what_has_changed(tmp_path):
    """A source: its chapter and what depends on it. A file lost or damaged: that file. A title:
    that chapter. Nothing: nothing."""
    file = write_course(tmp_path / "c")
    out = tmp_path / "c" / "build"
    assert sorted(made(file)) == sorted([
        *(f"{form}/{name}.ipynb" for form in NOTEBOOKS
          for name in ("00-start-here", "01-chapter-0", "02-chapter-1")),
        "learner/course.toml", "instructor/course.toml", "zip/", "fake/"])
    nothing = ["nothing to do: everything is as its sources make it"]
    before = contents(out)
    assert made(file) == nothing and contents(out) == before

    source = SOURCE.format(number=1).replace("+ 1", "+ 2")
    (tmp_path / "c" / "chapter-1.py").write_text(source)
    assert made(file) == ["learner/02-chapter-1.ipynb", "instructor/02-chapter-1.ipynb", "zip/",
                          "fake/"]
    (out / "fake" / "below" / "titles.txt").write_text("damaged")
    assert made(file) == ["fake/"]
    (out / "fake" / "more.txt").write_text("nobody made this")
    assert made(file) == ["fake/"]
    path = out / "learner" / "01-chapter-0.ipynb"
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    assert made(file) == ["learner/01-chapter-0.ipynb"]     # the same bytes: the rest still fits
    assert path.read_bytes() == whole and made(file) == nothing
    (out / "learner" / "course.toml").unlink()
    assert made(file) == ["learner/course.toml"]
    (out / ".fingerprints" / "fake.json").write_text("{")
    assert made(file) == ["fake/"]
    assert made(file, ["fake"], force=True)[-1] == "fake/"

    text, second = file.read_text(), '[[chapters]]\nsource = "chapter-1.py"\n'
    file.write_text(text + 'title = "Its own"\n')
    assert made(file, ["learner"]) == ["learner/00-start-here.ipynb", "learner/02-chapter-1.ipynb",
                                       "learner/course.toml"]
    file.write_text(text.replace(second, ""))
    told = made(file)
    assert "no learner/02-chapter-1.ipynb: its chapter is no more" in told
    assert not (out / "learner" / "02-chapter-1.ipynb").exists() and made(file) == nothing


SHOWN = """
# %%
import labsim
print(labsim.lab("s3-prefix").trust())

# %%
labsim.run("s3-prefix").plot()

# %%
labsim.lab("s3-prefix").explore()
"""


def test_two_builds_from_scratch_give_the_same_bytes(tmp_path, monkeypatch):
    """Elsewhere, at another time, in another time zone and a narrow terminal: every file."""
    results = []
    for name, env in (("one", {"COLUMNS": "60", "TZ": "UTC"}),
                      ("another-one", {"COLUMNS": "200", "TZ": "Asia/Tokyo"})):
        for variable, value in env.items():
            monkeypatch.setenv(variable, value)
        file = write_course(tmp_path / name, chapters=1)
        with open(tmp_path / name / "chapter-0.py", "a") as source:
            source.write(SHOWN)
        made(file)
        results.append(contents(tmp_path / name / "build"))
    assert results[0] == results[1] and len(results[0]) > 10
    assert str(tmp_path).encode() not in b"".join(results[0].values())


def test_the_second_build_takes_less_than_three_seconds(tmp_path):
    """Of processor time, in a new process, from the command line; it says that there is nothing
    to do."""
    file = write_course(tmp_path, chapters=1)
    command = [sys.executable, "-m", "labsim.cli", "build", "--parts", "learner,instructor,zip",
               "--course", file]
    env = {**os.environ, "PYTHONPATH": str(Path(labsim.__file__).parents[1])}
    subprocess.run(command, check=True, capture_output=True, env=env)
    before = os.times()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    after = os.times()
    took = sum(after[2:4]) - sum(before[2:4])
    print(f"measured: nothing to do in {took:.2f} s of processor time")
    assert done.stdout.startswith("nothing to do") and took / pace() < 3


def test_only_some_chapters_and_parts(tmp_path):
    """By number, with or without its zero; what a part needs is made first."""
    file = write_course(tmp_path)
    assert made(file, ["fake"], only=["1"]) == ["learner/01-chapter-0.ipynb",
                                                "learner/course.toml", "fake/"]
    assert (tmp_path / "build/fake/below/titles.txt").read_text() == "Chapter 0"


def test_two_archives_without_a_date(tmp_path):
    """Notebooks, README.txt and course.toml; the learner's has no solution."""
    file = write_course(tmp_path, chapters=1)
    made(file, ["zip"])
    for form in NOTEBOOKS:
        name = f"queues-a-course-{form}"
        archive = zipfile.ZipFile(tmp_path / "build" / "zip" / f"{name}.zip")
        assert archive.namelist() == [f"{name}/{inside}" for inside in (
            "00-start-here.ipynb", "01-chapter-0.ipynb", "README.txt", "course.toml")]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        read_me = archive.read(f"{name}/README.txt").decode()
        assert "Queues, a course" in read_me and f"labsim {labsim.__version__}" in read_me
        solved = b"answer = 7" in archive.read(f"{name}/01-chapter-0.ipynb")
        assert solved == (form == "instructor")


# -- what goes wrong ------------------------------------------------------------------------------

@pytest.mark.parametrize("how, told", [
    ({"parts": ["learnr"]}, "unknown part 'learnr': did you mean learner?"),
    ({"parts": ["zip", "x"]}, "unknown part 'x': one of learner"),
    ({"only": ["7"]}, "there is no chapter 07, only 00, 01, 02"),
    ({"only": ["one"]}, "there is no chapter one"),
])
def test_what_there_is_not_is_told(tmp_path, how, told):
    """A part, a chapter."""
    with pytest.raises(BuildError, match=re.escape(told)):
        build(course=write_course(tmp_path), **how)


WRONG = {       # name: (the cell after the first, what is told, in which cell)
    "raises": ("x = 1\nraise ValueError('no such\\nthing')", "ValueError: no such thing"),
    "differs": ("import random\nrandom.random()", "not alike when run again"),
    "path": ("import os\nos.getcwd()", "says a path of this machine"),
    "warns": ("import warnings\nwarnings.warn('x')", "not alike|path of this machine"),
    "dies": ("import os\nos._exit(1)", "its kernel died"),
    "endless": ("while True:\n    pass", "took more than 3 s"),
}


def test_each_notebook_that_fails_is_named_with_its_cell(tmp_path, monkeypatch):
    """All of them at once, each in one line; those that are right are in their place."""
    monkeypatch.setattr(execute, "CELL_TIMEOUT", 3)
    text = 'labsim = 1\ntitle = "X"\n'
    for name, (cell, _) in {**WRONG, "right": ("1 + 1", "")}.items():
        (tmp_path / f"{name}.py").write_text(f"# %% [markdown]\n# # {name}\n\n# %%\n{cell}\n")
        text += f'[[chapters]]\nsource = "{name}.py"\n'
    (tmp_path / "course.toml").write_text(text)
    with pytest.raises(BuildError) as caught:
        made(tmp_path / "course.toml", ["learner"])
    lines = str(caught.value).splitlines()
    assert len(lines) == len(WRONG)
    for number, (name, (cell, told)) in enumerate(WRONG.items(), 1):
        (line,) = [line for line in lines if f"-{name}.ipynb" in line]
        first = cell.splitlines()[0]
        assert line.startswith(f"learner/{number:02}-{name}.ipynb, cell 3 ({first!r}): ")
        assert re.search(told, line), line
    assert sorted(p.name for p in (tmp_path / "build" / "learner").glob("*")) == [
        "00-start-here.ipynb", "07-right.ipynb"]
    assert not (tmp_path / "build" / ".drafts").exists()


@pytest.mark.parametrize("cell, told", [
    ("# %% [markdown]\n# {{nothing}}", "{{nothing}}: this notebook is no lab's"),
    ("# %% [markdown]\n# {{fact:sqs.no}}", "did you mean"),
    ("# %% [markdown]\n# {{fact:\n# x}}", "{{ is not filled in"),
    ("# %% [markdown]\n# a }} b", "}} is not filled in: a }} b"),
    ("# %%\n" + "x = 1\n" * 16, "a code cell of more than 15 lines"),
    ("# %%\n# >>> solution\nx = 1\n# <<< solution", "not tagged `solution`"),
    ("# %%\n# blank: answer = None", "not tagged `solution`"),
    ('# %% tags=["solution"]\nx = 1', "don't enclose one"),
    ('# %% tags=["solution"]\n# >>> solution\nx = 1', "don't enclose one"),
    ('# %% tags=["solution"]\n# <<< solution\n# >>> solution', "don't enclose one"),
])
def test_a_source_that_is_wrong_is_told_with_its_cell(tmp_path, cell, told):
    """Before anything is executed."""
    file = write_course(tmp_path, chapters=1)
    (tmp_path / "chapter-0.py").write_text(f"# %% [markdown]\n# # X\n\n{cell}\n")
    with pytest.raises(BuildError, match=re.escape(told)) as caught:
        made(file, ["learner"], only=["01"])
    assert str(caught.value).startswith("chapter-0.py, cell 2: ")


def test_a_part_that_breaks_leaves_the_old_one(tmp_path, fake, monkeypatch):
    """Halfway, or for want of a library, which is named; or that makes nothing at all."""
    file = write_course(tmp_path, chapters=1)
    made(file, ["fake"])
    before = contents(tmp_path / "build" / "fake")

    def half(course, out, tell):
        fake(course, out, tell)
        raise RuntimeError("half")

    def want(course, out, tell):
        raise ModuleNotFoundError("No module", name="sphinx")
    for make, error, told in ((half, RuntimeError, "half"),
                              (want, BuildError, "part fake: sphinx is not installed"),
                              (lambda *_: None, BuildError, "part fake: has made nothing")):
        monkeypatch.setitem(work.PARTS, "fake", work.Part(make, ("learner",)))
        (tmp_path / "build" / ".fingerprints" / "fake.json").unlink(missing_ok=True)
        with pytest.raises(error, match=told):
            made(file, ["fake"])
        assert contents(tmp_path / "build" / "fake") == before


def test_what_others_put_into_a_part_stays(tmp_path, fake, monkeypatch):
    """A gradebook and hand-ins outlive a new build; what the last one made and this one has not
    goes."""
    monkeypatch.setitem(work.PARTS, "fake", work.Part(fake, ("learner",), keeps=True))
    file, out = write_course(tmp_path), tmp_path / "build" / "fake"
    assert "fake/" in made(file, ["fake"])
    (out / "gradebook.db").write_text("grades")
    (out / "submitted").mkdir()
    (out / "submitted" / "ada.json").write_text("{}")
    assert made(file, ["fake"]) == ["nothing to do: everything is as its sources make it"]

    def other(course, out, tell):
        (out / "other.txt").write_text("another form")
    monkeypatch.setitem(work.PARTS, "fake", work.Part(other, ("learner",), keeps=True))
    made(file, ["fake"], force=True)
    assert [*contents(out)] == ["gradebook.db", "other.txt", "submitted/ada.json"]


SLOW = """
import sys, time
from labsim.course import build
def make(course, out, tell):
    (out / "new.txt").write_text("half of it")
    print("begun", flush=True)
    time.sleep(60)
build.PARTS["fake"] = build.Part(make)
build.build(parts=["fake"], course=sys.argv[1])
"""


def test_two_at_once_and_one_that_is_killed(tmp_path):
    """The second is refused in a line; kill -9 leaves what was there, and the next build works."""
    file = write_course(tmp_path, chapters=1)
    made(file, ["fake"])
    before = contents(tmp_path / "build" / "fake")
    (tmp_path / "build" / ".fingerprints" / "fake.json").unlink()
    env = {**os.environ, "PYTHONPATH": str(Path(labsim.__file__).parents[1])}
    slow = subprocess.Popen([sys.executable, "-c", SLOW, file], stdout=subprocess.PIPE, env=env)
    assert slow.stdout.readline() == b"begun\n"
    with pytest.raises(BuildError, match="another build is at work there"):
        made(file, ["fake"])
    slow.send_signal(signal.SIGKILL)
    slow.communicate()
    assert contents(tmp_path / "build" / "fake") == before
    assert made(file, ["fake"]) == ["fake/"]
    assert contents(tmp_path / "build" / "fake") == before


def test_a_place_that_cannot_be_written_is_told_in_a_line(tmp_path, capsys):
    """Exit status 2."""
    file = write_course(tmp_path, chapters=1)
    (tmp_path / "file").write_text("")
    assert main(["build", "--course", str(file), "--to", str(tmp_path / "file" / "x")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("labsim: ") and error.count("\n") == 1 and "file" in error


# -- is what is there what the sources make? ------------------------------------------------------

def test_check_lists_everything_that_differs(tmp_path, capsys):
    """Cells, outputs, what is missing, what is too many; exit status 1. Nothing is executed."""
    file, out = write_course(tmp_path), tmp_path / "build"
    assert any("00-start-here.ipynb is missing" in line for line in check(file))
    made(file, NOTEBOOKS)
    assert check(file) == []
    assert main(["build", "--check", "--course", str(file)]) == 0

    (tmp_path / "chapter-0.py").write_text(SOURCE.format(number=0).replace("+ 1", "+ 6"))
    notebook = nbformat.read(out / "learner" / "02-chapter-1.ipynb", 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    nbformat.write(notebook, out / "learner" / "02-chapter-1.ipynb")
    (out / "learner" / "00-start-here.ipynb").write_text("{}")
    (out / "learner" / "09-old.ipynb").write_text("{}")
    (out / "instructor" / "00-start-here.ipynb").unlink()
    notebook = nbformat.read(out / "instructor" / "02-chapter-1.ipynb", 4)
    notebook.cells[2].outputs[0].text = "3\n"       # it was 2
    nbformat.write(notebook, out / "instructor" / "02-chapter-1.ipynb")
    capsys.readouterr()
    with pytest.raises(SystemExit, match="1"):
        main(["build", "--check", "--course", str(file)])
    assert [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "learner/09-old.ipynb",
        "learner/00-start-here.ipynb is no notebook",
        "instructor/00-start-here.ipynb is missing; labsim build makes it",
        "learner/01-chapter-0.ipynb, cell 3",
        "instructor/01-chapter-0.ipynb, cell 3",
        "learner/02-chapter-1.ipynb", "instructor/02-chapter-1.ipynb"]


def test_the_committed_notebooks_are_what_their_sources_make():
    """Every cell, every output as the build wrote it, none too many."""
    assert check() == []


def test_fingerprints_say_nothing_of_the_machine(tmp_path):
    """They are JSON, relative to the folder."""
    file = write_course(tmp_path, chapters=1)
    made(file, ["learner"])
    known = json.loads((tmp_path / "build" / ".fingerprints" / "learner.json").read_text())
    assert [*known["01-chapter-0"]["outputs"]] == ["learner/01-chapter-0.ipynb"]
