"""Exercises, progress, and notebooks that are what their sources make."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import labsim
from labsim.course import check, exercise, progress
from labsim.course.build import BuildError, compare, filled, form, generate
from labsim.errors import ParameterError

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SOURCES = sorted((NOTEBOOKS / "src").glob("*.py"))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Progress in a folder of its own."""
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# -- exercises --------------------------------------------------------------------------------

@pytest.mark.parametrize("slug, number", [(slug, n + 1) for slug, lab in labsim.labs().items()
                                          for n in range(len(lab.exercises))])
def test_hint_hint_solution(slug, number, capsys):
    """Three wrong answers get three different texts; the right one is right after all."""
    asked = labsim.lab(slug).exercises[number - 1]
    said = []
    for _ in range(3):
        check(slug, number, "?")
        said.append(capsys.readouterr().out)
    assert len(set(said)) == 3 and "Solution:" in said[2] and "Solution:" not in said[0] + said[1]
    check(slug, number, asked.answer(labsim.lab(slug)))
    assert capsys.readouterr().out.startswith("Right.")
    assert progress.solved(slug) == {asked.id}


def test_a_blank_is_no_answer(capsys):
    """Neither told off nor written down."""
    for blank in (None, "", ...):
        check("sqs-asg", 1, blank)
        assert capsys.readouterr().out == "Not answered yet.\n"
    assert progress.answers() == []


@pytest.mark.parametrize("number", [0, 99, -1, "1", True, None])
def test_an_exercise_that_is_none(number):
    """Says how many there are."""
    with pytest.raises(ParameterError, match="exercise: given"):
        exercise("sqs-asg", number)


def test_questions_show_themselves():
    """Choices with letters, goals with units; no number is left to fill in."""
    for n in range(1, len(labsim.lab("sqs-asg").exercises) + 1):
        for text in (repr(exercise("sqs-asg", n)), exercise("sqs-asg", n)._repr_html_()):
            assert "{" not in text
    assert "  b) " in repr(exercise("sqs-asg", 4)) and "Goal: wait_p95 <= 120 s" in repr(
        exercise("sqs-asg", 6))


# -- progress ---------------------------------------------------------------------------------

def test_a_damaged_line_is_kept_aside_and_told(home):
    """The others count; the copy is made once."""
    progress.record("lab", "a", True)
    with open(progress.journal(), "ab") as file:
        file.write(b'{"lab": "lab", "exer')
    progress.record("lab", "b", True)
    with pytest.warns(UserWarning, match="1 lines of progress.jsonl can't be read"):
        assert progress.solved("lab") == {"a", "b"}
    assert b'"exer' in (home / "progress.damaged").read_bytes()
    assert progress.solved("lab") == {"a", "b"}     # no second warning


def test_a_disk_that_cannot_be_written_breaks_nothing(monkeypatch, capsys, tmp_path):
    """The answer is checked, and one line says that it was not saved."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "file" / "below"))
    check("sqs-asg", 4, "b")
    out = capsys.readouterr().out
    assert out.startswith("Right.") and "could not be saved" in out


WRITER = """
import sys
from labsim.course import progress
for i in range(100_000):
    assert progress.record("lab", str(i), True)
    print(i, flush=True)
"""


def test_a_killed_kernel_loses_no_confirmed_answer(home):
    """kill -9 at twenty moments while two notebooks write: all that was confirmed is there."""
    confirmed = 0
    for round in range(10):
        writers = [subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE)
                   for _ in range(2)]
        for writer in writers:
            confirmed += writer.stdout.readline().endswith(b"\n")
        time.sleep(0.007 * round)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            confirmed += writer.communicate()[0].count(b"\n")
    assert confirmed > 10
    entries = progress.answers()
    assert confirmed <= len(entries) <= confirmed + 20


# -- notebooks --------------------------------------------------------------------------------

@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_committed_notebooks_are_what_their_sources_make(source):
    """Both forms: the same cells, all executed, no error, no widget state, no path."""
    for solution, folder in ((False, NOTEBOOKS), (True, NOTEBOOKS / "solutions")):
        path = folder / f"{source.stem}.ipynb"
        compare(path, generate(source, solution))
        data = json.loads(path.read_text())
        assert "widgets" not in data["metadata"]
        code = [c for c in data["cells"] if c["cell_type"] == "code"]
        assert all(c["execution_count"] for c in code)
        assert not [o for c in code for o in c["outputs"] if o["output_type"] == "error"]
        lines = ["".join(c["source"]).count("\n") + 1 for c in code]
        assert max(lines) <= 15 and statistics.median(lines) <= 5
        assert os.getcwd() not in path.read_text() and str(Path.home()) not in path.read_text()


@pytest.mark.parametrize("slug", labsim.labs())
def test_blanks_and_solutions(slug):
    """The learner's checks are unanswered, the instructor's all right, for every exercise."""
    (source,) = [s for s in SOURCES if s.stem.endswith(slug)]
    for folder, word in ((NOTEBOOKS, "Not answered yet."), (NOTEBOOKS / "solutions", "Right.")):
        data = json.loads((folder / f"{source.stem}.ipynb").read_text())
        said = ["".join(o.get("text", "")) for c in data["cells"] if c["cell_type"] == "code"
                and "check(" in "".join(c["source"]) for o in c["outputs"]]
        said = [text for text in said if text]
        assert len(said) == len(labsim.lab(slug).exercises)
        assert all(text.startswith(word) for text in said)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_prose_says_no_number_that_something_owns(source):
    """Digits in markdown only inside {{...}}, code, or as the number of a list item."""
    import re

    import jupytext
    for number, cell in enumerate(jupytext.read(source).cells, 1):
        if cell.cell_type == "markdown":
            text = re.sub(r"\{\{.*?\}\}|`[^`]*`|^\s*\d+\. |\*\*\d\d-[\w-]+\*\*|EC2|S3", "",
                          cell.source, flags=re.M)
            assert not re.search(r"\d", text), f"{source.name}, cell {number}: {text}"


def test_both_forms_of_a_cell():
    """The learner's blank, the instructor's answer."""
    cell = "# blank: answer = None\n# blank: check(1, answer)\n# >>> solution\ncheck(1, 7)\n" \
           "# <<< solution"
    assert form(cell, solution=False).strip() == "answer = None\ncheck(1, answer)"
    assert form(cell, solution=True).strip() == "check(1, 7)"


@pytest.mark.parametrize("text, value", [
    ("{{arrival_rate}}", "2 msg/s"), ("{{ fact:asg.default_cooldown }}", "300 s"),
    ("{{preset:2}}", "2 The spike"), ("{{workload}}", "spike"), ("{{version}}", "0.1.0")])
def test_numbers_in_the_prose_are_filled_in(text, value):
    """From parameters, facts, presets; results are three figures with their unit."""
    assert filled(text, labsim.lab("sqs-asg"), "x") == value
    cost = labsim.lab("sqs-asg").run().summary["cost_usd"]
    assert filled("{{result:cost_usd}}", labsim.lab("sqs-asg"), "x") == f"{cost:.3g} USD"


@pytest.mark.parametrize("text", ["{{nothing}}", "{{fact:no.such}}", "{{result:no}}",
                                  "{{result:9:wait_p95}}", "{{preset:x}}"])
def test_an_unknown_name_in_the_prose_is_told_with_its_place(text):
    """Notebook, cell, reason."""
    with pytest.raises(BuildError, match="file.py, cell 3"):
        filled(text, labsim.lab("sqs-asg"), "file.py, cell 3")


SCRATCH = """# %% [markdown]
# # Scratch {{version}}

# %%
import labsim
print(1 + 1)

# %% tags=["solution"]
# blank: answer = None
# >>> solution
answer = 7
# <<< solution

# %%
raise_or_not = 1
"""


@pytest.fixture
def scratch(tmp_path):
    """A folder with one source."""
    (tmp_path / "nb" / "src").mkdir(parents=True)
    (tmp_path / "nb" / "src" / "07-scratch.py").write_text(SCRATCH)
    return tmp_path / "nb"


def test_build_twice_gives_the_same_bytes(scratch):
    """And the check is content; until somebody edits the notebook, or the source."""
    from labsim.course.build import build
    build(folder=scratch)
    first = {p.name: p.read_bytes() for p in scratch.rglob("*.ipynb")}
    build(folder=scratch)
    assert {p.name: p.read_bytes() for p in scratch.rglob("*.ipynb")} == first
    build(folder=scratch, check=True)
    path = scratch / "07-scratch.ipynb"
    path.write_text(path.read_text().replace("1 + 1", "1 + 2"))
    with pytest.raises(BuildError, match="07-scratch.ipynb, cell 2: not what its source makes"):
        build(folder=scratch, check=True)


@pytest.mark.parametrize("change, message", [
    (("raise_or_not = 1", "raise ValueError('x')"), "ValueError: x"),
    (("{{version}}", "{{nothing}}"), "07-scratch.py, cell 1"),
    (("print(1 + 1)", "\n".join(f"x = {i}" for i in range(20))), "more than 15 lines"),
])
def test_a_build_that_goes_wrong_names_the_place(scratch, change, message):
    """Notebook, cell, reason."""
    from labsim.course.build import build
    source = scratch / "src" / "07-scratch.py"
    source.write_text(SCRATCH.replace(*change))
    with pytest.raises(BuildError, match="07-scratch") as caught:
        build(folder=scratch)
    assert message in str(caught.value)


def test_only_some_are_built(scratch):
    """By number; an unknown one is an error."""
    from labsim.course.build import build
    with pytest.raises(BuildError, match="no sources numbered 08"):
        build(folder=scratch, only=["08"])
    assert build is not None
