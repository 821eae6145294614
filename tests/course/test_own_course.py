"""A course of one's own: its course.toml holds where it is put into effect, and nowhere else."""

import os
import re
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import nbformat
import pytest
from small_course import DEFAULTS, NOTEBOOKS, write_course

import labsim
from labsim.cli import main
from labsim.course import build as work
from labsim.course import course_model, coursefile, in_effect, lite, nbgrader
from labsim.course.build import build
from labsim.course.notebooks import IN_EFFECT, generate
from labsim.course.pyodide_bundle import Bundle
from labsim.errors import CourseError

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


@pytest.mark.long     # a whole course is built for it
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


@pytest.mark.long     # a whole course is built for it
def test_own_defaults_and_notes_hold_in_the_notebooks(example):
    """In the prose, in code and in the explorer, while they are made."""
    said = texts(example / "build" / "learner" / "02-retries.ipynb")
    assert "8,000 req/s, 10,000 req/s, 1,000 req/s" in said
    assert "3.0\\n1000.0 True" in said and "'text/plain': '3.0'" in said


@pytest.mark.long     # a whole course is built for it
def test_every_notebook_puts_its_course_into_effect(example):
    """In the cell after its title, of both forms; the built-in ones have none."""
    assert IN_EFFECT == 'import labsim\n\nlabsim.use_course("course.toml")'
    for path in sorted(example.glob("build/*/*.ipynb")):
        cells = nbformat.read(path, 4).cells
        assert cells[0].cell_type == "markdown" and cells[1].source == IN_EFFECT
    for chapter in course_model.built_in().chapters:
        assert "use_course" not in nbformat.writes(generate(chapter, solution=False))


def test_the_file_goes_where_the_notebooks_go(tmp_path):
    """Beside each assignment of nbgrader's, where the cell is locked; into a browser's folder."""
    file = coursefile.load(write_course(tmp_path / "c", DEFAULTS, chapters=1, labs=["s3-prefix"]))
    with in_effect.using(file):
        whole = course_model.own(file)
        nbgrader.make(whole, tmp_path / "nbgrader")
        for chapter in whole.chapters:
            whole.learner(chapter).parent.mkdir(parents=True, exist_ok=True)
            whole.learner(chapter).write_text("{}")
        (tmp_path / "lite").mkdir()
        lite.lay_out(whole, Bundle(), tmp_path / "lite")
    (assignment,) = (tmp_path / "nbgrader" / "source").iterdir()
    assert (assignment / "course.toml").read_text() == file.text
    cell = nbformat.read(assignment / "02-s3-prefix.ipynb", 4).cells[1]
    assert cell.source == IN_EFFECT and cell.metadata["nbgrader"]["locked"]
    assert (tmp_path / "lite" / "files" / "course.toml").read_text() == file.text


ASK = """
import labsim
{first}
lab = labsim.lab("sqs-asg")
print(lab.Params().arrival_rate, labsim.lab("s3-prefix").Params.book().value(
    "kms.rate_default", "notes"), lab.fact_table() and lab.original is not None)
"""
USE = "labsim.use_course('course.toml')"


def ask(folder, code, **env):
    """What a new Python says in this folder."""
    root = str(Path(labsim.__file__).parents[1])
    kept = {name: value for name, value in os.environ.items() if name != in_effect.VARIABLE}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, text=True, check=True,
                          capture_output=True, env={**kept, "PYTHONPATH": root, **env})
    return done.stdout


@pytest.mark.long     # a whole course is built for it
def test_they_hold_for_the_learner_too_and_nowhere_else(example, tmp_path):
    """Where the built folder was unpacked, once its course is put into effect; where LABSIM_COURSE
    says so; nowhere by themselves."""
    archive = next((example / "build" / "zip").glob("*learner.zip"))
    zipfile.ZipFile(archive).extractall(tmp_path)
    unpacked = tmp_path / archive.stem
    as_it_is, as_told = "2.0 5500.0 False\n", "3.0 1000.0 True\n"
    assert ask(unpacked, ASK.format(first=USE)) == as_told
    named = {in_effect.VARIABLE: str(example / "course.toml")}
    assert ask(tmp_path, ASK.format(first=""), **named) == as_told
    assert ask(unpacked, ASK.format(first="")) == ask(tmp_path, ASK.format(first="")) == as_it_is
    told = subprocess.run(     # by the command line too, which says so
        [sys.executable, "-m", "labsim.cli", "run", "sqs-asg", "--json"], cwd=tmp_path,
        text=True, capture_output=True, check=True, env={**os.environ, **named})
    assert told.stderr == f"labsim: as in the course {example / 'course.toml'}\n"
    back = USE + "; labsim.use_course()"
    assert ask(unpacked, ASK.format(first=back)) == as_it_is


RUN = """
import labsim
for facts in ("today", "notes"):
    print(labsim.run("sqs-asg", seed=3, duration=900, facts=facts).to_json())
    print(labsim.run("s3-prefix", duration=60, facts=facts).to_json())
print(labsim.facts("KMS"), labsim.facts("ASG"))
"""


def test_a_course_in_the_folder_changes_nothing(tmp_path):
    """The same numbers, to the last bit, from beside a course.toml as from anywhere else; also
    from beside one that is broken, or another program's."""
    notes = DEFAULTS + '"kms.rate_default" = 700\n'
    write_course(tmp_path / "c", notes, chapters=1, labs=["sqs-asg"])
    for name, text in (("broken", "labsim = 1\ntitle ="), ("other", 'name = "a program"\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "course.toml").write_text(text)
    elsewhere = ask(tmp_path, RUN)
    assert all(ask(tmp_path / name, RUN) == elsewhere for name in ("c", "broken", "other"))


@pytest.mark.parametrize("words", [
    ["list"], ["show", "sqs-asg"], ["facts", "kms"], ["facts", "--diff"], ["check", "s3-prefix"],
    ["run", "sqs-asg", "--facts", "notes", "--json"],
    ["sweep", "sqs-asg", "--over", "facts=today,notes", "--duration", "600", "--replications",
     "2"]])
def test_nor_for_the_commands_that_run_labs(words, tmp_path, monkeypatch, capsys):
    """Whatever stands in the folder, also what can't be read."""
    said = []
    folder = write_course(tmp_path / "c", DEFAULTS, chapters=1, labs=["sqs-asg"]).parent
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "course.toml").write_text("labsim = 1\ntitle =")
    for place in (tmp_path, folder, tmp_path / "broken"):
        monkeypatch.chdir(place)
        assert main(words) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2] != ""


def test_commands_that_work_for_a_course_take_the_one_of_their_folder(tmp_path, monkeypatch,
                                                                      capsys):
    """Without a word: it is in effect while they work, and in the processes that they start."""
    from labsim.cli import demo_server, present
    from labsim.course import grading, handin, progress_report, spaced_repetition
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(in_effect.VARIABLE, raising=False)
    file = write_course(tmp_path / "c", DEFAULTS, chapters=1, labs=["sqs-asg"])
    monkeypatch.chdir(file.parent)
    seen = []

    def note(*_, **__):
        seen.append((labsim.lab("sqs-asg").Params().arrival_rate,
                     os.environ.pop(in_effect.VARIABLE, None)))
        raise labsim.LabsimError("seen")
    for module, name in ((present, "start"), (demo_server, "demo"), (progress_report, "standing"),
                         (spaced_repetition, "review"), (handin, "hand_in"), (grading, "grade"),
                         (work, "build"), (work, "check")):
        monkeypatch.setattr(module, name, note)
    for words in (["demo", "sqs-asg"], ["progress"], ["quiz"], ["hand-in", "sqs-asg"],
                  ["grade", "."], ["build"], ["build", "--check"], ["open"]):
        assert main(words) == 2
    alone = (1.5, None)
    assert seen == [(1.5, str(file)), *[alone] * 7]     # open asks first what is next
    monkeypatch.undo()


def test_open_and_demo_start_their_processes_with_the_course(tmp_path, monkeypatch, capsys):
    """JupyterLab's kernels have it, wherever the notebooks are; no course, no variable."""
    pytest.importorskip("jupyterlab")
    from labsim.cli import present
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(in_effect.VARIABLE, "none yet")
    monkeypatch.delenv(in_effect.VARIABLE)
    file = write_course(tmp_path / "c", DEFAULTS, chapters=1, labs=["sqs-asg"])
    started = []
    monkeypatch.setattr(present, "start", lambda words: started.append(
        (Path(words[3]), os.environ.get(in_effect.VARIABLE))))
    monkeypatch.chdir(tmp_path)
    assert main(["open", "sqs-asg"]) == 0
    monkeypatch.chdir(file.parent)
    (file.parent / "07-sqs-asg.ipynb").write_text("{}")     # a course's own number
    assert main(["open", "sqs-asg"]) == 0
    assert [value for _, value in started] == [None, str(file)]
    assert started[1][0] == file.parent / "07-sqs-asg.ipynb"


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


def test_a_course_that_cannot_be_is_not_put_into_effect(tmp_path):
    """What was in effect stays; the error names the file."""
    good = write_course(tmp_path / "good", DEFAULTS, chapters=1, labs=["sqs-asg"])
    bad = write_course(tmp_path / "bad", "[defaults.sqs-asg]\ncoldown = 1\n", chapters=1)
    try:
        labsim.use_course(good)
        for wrong, told in ((bad, "course.toml: .*did you mean cooldown"),
                            (tmp_path / "none.toml", "none.toml: cannot be read")):
            with pytest.raises(CourseError, match=told):
                labsim.use_course(wrong)
            assert labsim.lab("sqs-asg").Params().arrival_rate == 1.5
    finally:
        labsim.use_course()
    assert labsim.lab("sqs-asg").Params().arrival_rate == 2


@pytest.mark.parametrize("values", [{}, {"arrival_rate": 2.0}, {"facts": "notes"},
                                    {"arrival_rate": 4.0, "cooldown": 240.0}])
def test_a_line_of_code_makes_the_run_with_the_course_and_without(tmp_path, values):
    """Of a report, and of a link into a site: whoever opens it may not have the course."""
    from labsim.declare.describe import as_code
    from labsim.view.lite_links import lite_code
    file = course(tmp_path, DEFAULTS)
    with in_effect.using(file):
        lab = labsim.lab("sqs-asg")
        params = lab.Params(policy="simple", duration=900, **values)
        line, link = as_code(lab, lab.run(params)), lite_code(lab, params)
    for context in (file, None):
        with in_effect.using(context):
            made = [eval(line, {"labsim": labsim}).params]
            space = {}
            exec(link, space)
            made.append(space["explorer"].result.params)
            assert [m.model_dump() for m in made] == [params.model_dump()] * 2


def test_a_study_takes_the_course_to_its_workers(tmp_path):
    """Other processes, which may be in another folder: the same defaults and notes."""
    import joblib
    with in_effect.using(course(tmp_path, DEFAULTS)), joblib.parallel_config(n_jobs=2):
        table = labsim.sweep("sqs-asg", over={"facts": ["today", "notes"]}, policy="simple",
                             replications=2)
        for side, rows in table[table.metric == "offered"].groupby("facts"):
            params = {"policy": "simple", "facts": side}
            runs = [labsim.run("sqs-asg", seed=seed, **params) for seed in (1, 2)]
            assert {r.params.cooldown for r in runs} == {300 if side == "today" else 240}
            assert rows["mean"].item() == sum(r.summary["offered"] for r in runs) / 2


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
                                             "max_attempts of sqs-asg a whole number"),
    ("[notes]\nsdk.standard_attempts = 5000", "max_attempts of sqs-asg a whole number from 1"),
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
