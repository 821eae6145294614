"""`labsim build`: what is made, what is made again, and what is refused, with its place."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import nbformat
import pytest

import labsim
from labsim.cli import main
from labsim.course import build as work
from labsim.course import coursefile, execute, in_effect
from labsim.course.build import build, check
from labsim.course.notebooks import BuildError

NOTEBOOKS = ["learner", "instructor"]
SOURCE = """# %% [markdown]
# # Chapter {number}
#
# Of labsim {{{{version}}}}.

# %%
print({number} + 1)

# %% tags=["solution"]
# blank: answer = None
# >>> solution
answer = 7
# <<< solution
"""


def write_course(folder, more="", chapters=2, labs=()):
    """A course.toml with as many chapters of its own, and those of `labs`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    text = 'labsim = 1\ntitle = "Queues, a course"\n'
    for number in range(chapters):
        (folder / f"chapter-{number}.py").write_text(SOURCE.format(number=number))
        text += f'[[chapters]]\nsource = "chapter-{number}.py"\n'
    text += "".join(f'[[chapters]]\nlab = "{lab}"\n' for lab in labs)
    (folder / "course.toml").write_text(text + more)
    return folder / "course.toml"


def made(file, parts=(*NOTEBOOKS, "zip", "fake"), **how):
    """What a build says that it made."""
    told = []
    build(parts=[*parts], course=file, tell=told.append, **how)
    return [line.removeprefix("made ") for line in told if not line.startswith("packed")]


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


DEFAULTS = '[defaults.sqs-asg]\narrival_rate = 1.5\n[notes]\n"asg.default_cooldown" = 240\n'


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
    """A new process, from the command line; it says that there is nothing to do."""
    file = write_course(tmp_path, chapters=1)
    command = [sys.executable, "-m", "labsim.cli", "build", "--parts", "learner,instructor,zip",
               "--course", file]
    env = {**os.environ, "PYTHONPATH": str(Path(labsim.__file__).parents[1])}
    subprocess.run(command, check=True, capture_output=True, env=env)
    begin = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    took = time.perf_counter() - begin
    print(f"measured: nothing to do in {took:.2f} s")
    assert done.stdout.startswith("nothing to do") and took < 3


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


# -- a course of one's own ------------------------------------------------------------------------

EXAMPLE = textwrap.dedent(re.search(r"\n\n(    labsim = 1.*?)\n\nPaths", coursefile.__doc__,
                                    re.S)[1])


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example of the documentation, built."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "chapters").mkdir()
    (folder / "traces").mkdir()
    (folder / "traces" / "shop.csv").write_text("t,count\n0,5\n60,7\n120,3\n")
    (folder / "chapters" / "retries.py").write_text(textwrap.dedent("""\
        # %% [markdown]
        # # Retries
        #
        # {{get_rate}}, {{fact:kms.rate_default}}, {{notes:kms.rate_default}}

        # %%
        import labsim
        from pathlib import Path

        print(labsim.lab("sqs-asg").Params().arrival_rate)
        book = labsim.lab("s3-prefix").Params.book()
        print(book.value("kms.rate_default", "notes"), Path("traces/shop.csv").is_file())

        # %%
        labsim.lab("sqs-asg").explore().result.params.arrival_rate
        """))
    (folder / "course.toml").write_text(EXAMPLE)
    told = []
    build(parts=[*NOTEBOOKS, "zip"], course=folder / "course.toml", tell=told.append)
    return folder


def texts(path):
    """What the cells of a notebook say: sources and outputs."""
    return "\n".join(str(part) for cell in nbformat.read(path, 4).cells
                     for part in (cell.source, cell.get("outputs", "")))


def test_the_example_of_the_documentation_is_built(example):
    """Order, numbers and titles are the course's; its page to start with names them."""
    learner = example / "build" / "learner"
    assert sorted(p.name for p in learner.glob("*.ipynb")) == [
        "00-start-here.ipynb", "01-kinesis-shards.ipynb", "02-retries.ipynb"]
    start = texts(learner / "00-start-here.ipynb")
    for text in ("# Queues for operators", "Bring a laptop.", "sqs-asg: arrival_rate = 3.0",
                 "1. [One hot key](01-kinesis-shards.ipynb)", "2. [Retries](02-retries.ipynb)"):
        assert text in start
    assert texts(learner / "01-kinesis-shards.ipynb").startswith("# One hot key\n")
    assert (learner / "course.toml").read_text() == EXAMPLE
    assert (learner / "traces" / "shop.csv").is_file()


def test_own_defaults_and_notes_hold_in_the_notebooks(example):
    """In the prose, in code and in the explorer, while they are made."""
    said = texts(example / "build" / "learner" / "02-retries.ipynb")
    assert "9,000 req/s, 10,000 req/s, 1,000 req/s" in said
    assert "3.0\\n1000.0 True" in said and "'text/plain': '3.0'" in said


ASK = ("import labsim; lab = labsim.lab('sqs-asg'); print(lab.Params().arrival_rate, "
       "labsim.factbook.value('kms.rate_default', 'notes'), lab.trust().passed)")


def test_they_hold_for_the_learner_too_and_nowhere_else(example, tmp_path):
    """Where the built folder was unpacked; where LABSIM_COURSE says so; not in another folder, not
    beside another program's course.toml."""
    archive = next((example / "build" / "zip").glob("*learner.zip"))
    zipfile.ZipFile(archive).extractall(tmp_path)
    root = str(Path(labsim.__file__).parents[1])

    def ask(folder, **env):
        done = subprocess.run([sys.executable, "-c", ASK], cwd=folder, text=True, check=True,
                              capture_output=True, env={**os.environ, "PYTHONPATH": root, **env})
        return done.stdout.split()
    assert ask(tmp_path / archive.stem) == ["3.0", "1000.0", "True"]
    assert ask(tmp_path, LABSIM_COURSE=str(example / "course.toml"))[0] == "3.0"
    assert ask(tmp_path) == ["2.0", "5500.0", "True"]
    (tmp_path / "course.toml").write_text('name = "another program"\n')
    assert ask(tmp_path)[0] == "2.0"


def course(tmp_path, more):
    """A course in effect that has these lines more."""
    return coursefile.load(write_course(tmp_path, more, chapters=1, labs=["sqs-asg"]))


def test_exercises_and_trust_are_about_the_lab_as_it_is(tmp_path, monkeypatch, capsys):
    """And a question says which parameter is not the course's."""
    from labsim.course import check as answer
    from labsim.course import exercise
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    lab = labsim.lab("sqs-asg")
    with in_effect.using(course(tmp_path, DEFAULTS)):
        assert labsim.run("sqs-asg").params.arrival_rate == 1.5
        assert labsim.lab("sqs-asg").preset("2").arrival_rate == 1.5
        assert repr(labsim.lab("sqs-asg").trust()) == repr(lab.trust())
        assert "Other than in this course, here: arrival_rate 2 msg/s" in repr(
            exercise("sqs-asg", 1))
        for number, asked in enumerate(lab.exercises, 1):
            answer("sqs-asg", number, asked.answer(lab))
            assert capsys.readouterr().out.startswith("Right.")
        assert [*labsim.lab("sqs-asg").Params.specs()] == [*lab.Params.specs()]
        result = labsim.run("sqs-asg")
        assert labsim.Result.from_json(result.to_json()).params == result.params
    assert "Other than" not in repr(exercise("sqs-asg", 1))
    assert labsim.run("sqs-asg").params.arrival_rate == 2


def test_a_study_takes_the_course_to_its_workers(tmp_path):
    """Other processes, which may be in another folder: the same defaults and notes."""
    import joblib
    with in_effect.using(course(tmp_path, DEFAULTS)), joblib.parallel_config(n_jobs=2):
        table = labsim.sweep("sqs-asg", over={"facts": ["today", "notes"]}, policy="simple",
                             replications=2)
        for side, rows in table[table.metric == "arrived"].groupby("facts"):
            params = {"policy": "simple", "facts": side}
            runs = [labsim.run("sqs-asg", seed=seed, **params) for seed in (1, 2)]
            assert {r.params.cooldown for r in runs} == {300 if side == "today" else 240}
            assert rows["mean"].item() == sum(r.summary["arrived"] for r in runs) / 2


@pytest.mark.parametrize("more, told", [
    ("[default]\n", "default: unknown key 'default': did you mean defaults?"),
    ("[defaults.sqs-asq]\nx = 1", "defaults.sqs-asq: unknown lab 'sqs-asq': did you mean sqs-asg"),
    ("[defaults.sqs-asg]\ncoldown = 1", "unknown parameter 'coldown': did you mean cooldown?"),
    ("[defaults.sqs-asg]\ncooldown = -1", "defaults.sqs-asg.cooldown: given -1.0, allowed a number "
                                          "from 0 to 86,400 s"),
    ("[defaults.sqs-asg]\ncooldown = nan", "defaults.sqs-asg.cooldown: given nan"),
    ("[defaults.sqs-asg]\ncooldown = '60'", "defaults.sqs-asg.cooldown: given '60'"),
    ("[defaults.sqs-asg]\npolicy = 'x'", "defaults.sqs-asg.policy: given 'x', allowed one of"),
    ("[defaults.sqs-asg]\nmin_size = 20", "defaults.sqs-asg.instances: given 10, allowed from "),
    ("[defaults.sqs-asg]\ninstances = 1\nmin_size = 1\nmax_size = 1\n[[chapters]]\nlab = 'no'",
     "chapters, number 3, lab: unknown lab 'no'"),
    ("[defaults]\nsqs-asg = 3", "defaults.sqs-asg: given 3, allowed a table"),
    ("[defaults.sqs-asg]\nfacts = 'notes'\ncooldown = 100\n[notes]\n'asg.default_cooldown' = 50\n",
     None),
    ("[notes]\nkms.rate = 5", "notes.kms.rate: unknown fact 'kms.rate': did you mean kms.rate_"),
    ("[notes]\nkms.rate_default = 0", "notes.kms.rate_default: given 0, allowed a number above "),
    ("[notes]\nkms.rate_default = inf", "notes.kms.rate_default: given inf"),
    ("[notes]\nkms.rate_default = 'many'", "notes.kms.rate_default: given 'many'"),
    ("[notes]\nkms.rate_default = true", "notes.kms.rate_default: given True"),
    ("[notes]\nsdk.standard_attempts = 2.5", "notes.sdk.standard_attempts: given 2.5, allowed for "
                                             "max_attempts of s3-prefix a whole number"),
    ("[notes]\nsdk.standard_attempts = 5000", "max_attempts of s3-prefix a whole number from 1"),
    ("[[chapters]]\nlab = 'sqs-asg'", "chapters, number 3: given 'sqs-asg', allowed each chapter "),
    ("[[chapters]]\nsource = 'no.py'", "chapters, number 3, source: given 'no.py', allowed a file"),
    ("[[chapters]]\nsource = '../x.py'", "source: given '../x.py', allowed a path relative"),
    ("[[chapters]]\nsource = '/etc/passwd'", "allowed a path relative to the file and inside"),
    ("[[chapters]]\nsource = 'course.toml'", "source: given 'course.toml', allowed a name such"),
    ("[[chapters]]\nsource = 'link.py'", "source: given 'link.py', allowed a path relative"),
    ("[[chapters]]\ntitle = 'x'", "chapters, number 3: given {'title': 'x'}, allowed a `lab` or"),
    ("[[chapters]]\nlab = 3", "chapters, number 3, lab: given 3, allowed a text in quotes"),
    ("[[chapters]]\nlab = 'kinesis-shards'\ntitle = ''", "chapters, number 3, title: given ''"),
    ("x = ", "course.toml: Invalid value"),
])
def test_a_course_that_cannot_be_is_told_with_its_key(tmp_path, more, told, capsys):
    """File, key, what was given, what is allowed; a typing error suggests the nearest."""
    file = write_course(tmp_path / "c", more, chapters=1, labs=["sqs-asg"])
    (tmp_path / "x.py").write_text("# %%\n1\n")
    (tmp_path / "c" / "link.py").symlink_to(tmp_path / "x.py")
    status = main(["build", "--check", "--course", str(file)])
    error = capsys.readouterr().err
    if told is None:
        assert status == 2 and "defaults.sqs-asg.cooldown" in error
        return
    assert status == 2 and error.startswith("labsim: course.toml: ") and told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("text, told", [
    ("", "labsim: given None, allowed 1"), ("labsim = 2\ntitle = 'x'", "labsim: given 2"),
    ("labsim = 1", "title: given None"), ("labsim = 1\ntitle = ' '", "title: given ' '"),
    ('labsim = 1\ntitle = "a\\nb"', "title: given"),
    ("labsim = 1\ntitle = 'x'", "chapters: given None"),
    ("labsim = 1\ntitle = 'x'\nfiles = ['../../x']\n[[chapters]]\nlab = 'sqs-asg'",
     "files, number 1: given '../../x', allowed a path relative"),
    ("labsim = 1\ntitle = 'x'\nfiles = ['course.toml']\n[[chapters]]\nlab = 'sqs-asg'",
     "files, number 1: given 'course.toml'"),
    ("labsim = 1\ntitle = 'x'\nintro = '%% x'\n[[chapters]]\nlab = 'sqs-asg'", "intro: given"),
])
def test_a_course_needs_its_mark_a_title_and_a_chapter(tmp_path, text, told, capsys):
    """Each is told with its key."""
    (tmp_path / "course.toml").write_text(text)
    assert main(["build", "--check", "--course", str(tmp_path / "course.toml")]) == 2
    assert told in capsys.readouterr().err
    assert main(["build", "--check", "--course", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: cannot be read: No such file" in capsys.readouterr().err


def test_fingerprints_say_nothing_of_the_machine(tmp_path):
    """They are JSON, relative to the folder."""
    file = write_course(tmp_path, chapters=1)
    made(file, ["learner"])
    known = json.loads((tmp_path / "build" / ".fingerprints" / "learner.json").read_text())
    assert [*known["01-chapter-0"]["outputs"]] == ["learner/01-chapter-0.ipynb"]
