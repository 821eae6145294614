"""Exercises, and notebooks that are what their sources make."""

import json
import os
import re
import statistics
from pathlib import Path

import pytest
from wrong_answers import wrong

import labsim
from labsim.catalogue import is_builtin
from labsim.course import check, exercise, progress
from labsim.course.course_model import FORMS, built_in
from labsim.course.notebooks import BuildError, compare, filled, form, generate
from labsim.errors import ParameterError

COURSE = built_in()
CHAPTERS = [chapter for chapter in COURSE.chapters if not chapter.added]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Progress in a folder of its own."""
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# -- exercises --------------------------------------------------------------------------------

@pytest.mark.parametrize("slug, number", [(slug, n + 1) for slug, lab in labsim.labs().items()
                                          for n in range(len(lab.exercises))])
def test_hint_hint_solution(slug, number, capsys):
    """Three wrong answers get two hints and the solution, of three choices the two wrong ones two
    hints; the right one is right after all."""
    lab, asked = labsim.lab(slug), labsim.lab(slug).exercises[number - 1]
    for answer, more in zip(wrong(lab, asked), (*asked.hints, f"Solution: {asked.solution}")):
        check(slug, number, answer)
        assert capsys.readouterr().out.rstrip().endswith(asked.told(lab, more))
    check(slug, number, asked.answer(lab))
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
    assert "  b) " in repr(exercise("sqs-asg", 4)) and "Goal: wait_p95 <= 2 min" in repr(
        exercise("sqs-asg", 6))


# -- notebooks --------------------------------------------------------------------------------

@each_chapter
def test_committed_notebooks_are_what_their_sources_make(chapter):
    """Both forms: the same cells, all executed, no error, no widget state, no path; a figure is
    shown, not named."""
    for kind in FORMS:
        path = COURSE.place(chapter, kind)
        compare(path, generate(chapter, kind == "instructor"))
        data = json.loads(path.read_text())
        assert "widgets" not in data["metadata"]
        code = [c for c in data["cells"] if c["cell_type"] == "code"]
        assert all(c["execution_count"] for c in code)
        assert not [o for c in code for o in c["outputs"] if o["output_type"] == "error"]
        shown = [o["data"] for c in code for o in c["outputs"] if "data" in o]
        assert all("image/png" in data for data in shown
                   if "Figure size" in "".join(data.get("text/plain", "")))
        lines = ["".join(c["source"]).count("\n") + 1 for c in code]
        assert max(lines) <= 15 and statistics.median(lines) <= 5
        assert os.getcwd() not in path.read_text() and str(Path.home()) not in path.read_text()


@pytest.mark.parametrize("slug", [s for s, lab in labsim.labs().items() if is_builtin(lab)])
def test_blanks_and_solutions(slug):
    """The learner's notebook asks every exercise and the quiz, in a line each, and has nothing to
    type; the instructor's also has the answers, all right."""
    (chapter,) = [c for c in CHAPTERS if c.slug == slug]
    count = len(labsim.lab(slug).exercises)
    for kind in FORMS:
        sources = [c.source for c in generate(chapter, kind == "instructor").cells]
        for call in (*(f'exercise("{slug}", {n + 1})' for n in range(count)), f'quiz("{slug}")'):
            assert sum(source.endswith(call) for source in sources) == 1, (kind, call)
        typed = [s for s in sources if "check(" in s or f'quiz("{slug}", ' in s]
        assert len(typed) == (0 if kind == "learner" else count + 1)
    data = json.loads(COURSE.place(chapter, "instructor").read_text())
    said = ["".join(o.get("text", "")) for c in data["cells"] if c["cell_type"] == "code"
            and "check(" in "".join(c["source"]) for o in c["outputs"]]
    said = [text for text in said if text]
    assert len(said) == count and all(text.startswith("Right.") for text in said)


@each_chapter
def test_prose_says_no_number_that_something_owns(chapter):
    """Digits in markdown only inside {{...}}, code, or as the number of a list item."""
    import jupytext
    for number, cell in enumerate(jupytext.reads(chapter.text, fmt="py:percent").cells, 1):
        if cell.cell_type == "markdown":
            text = re.sub(r"\{\{.*?\}\}|`[^`]*`|^\s*\d+\. |\*\*\d\d-[\w-]+\*\*|EC2|S3", "",
                          cell.source, flags=re.M)
            assert not re.search(r"\d", text), f"{chapter.origin}, cell {number}: {text}"


def test_both_forms_of_a_cell():
    """The learner's blank, the instructor's answer."""
    cell = "# blank: answer = None\n# blank: check(1, answer)\n# >>> solution\ncheck(1, 7)\n" \
           "# <<< solution"
    assert form(cell, solution=False).strip() == "answer = None\ncheck(1, answer)"
    assert form(cell, solution=True).strip() == "check(1, 7)"


@pytest.mark.parametrize("text, value", [
    ("{{arrival_rate}}", "2 msg/s"), ("{{ fact:asg.default_cooldown }}", "5 min"),
    ("{{preset:2}}", "*Spike, five-minute metrics* (step 2)"), ("{{spike_factor}}", "4x"),
    ("{{workload}}", "spike"),
    ("{{version}}", "0.1.0")])
def test_numbers_in_the_prose_are_filled_in(text, value):
    """From parameters, facts, presets; results are three figures with their unit."""
    assert filled(text, labsim.lab("sqs-asg"), "x") == value
    cost = labsim.lab("sqs-asg").run().summary["cost_usd"]
    assert filled("{{result:cost_usd}}", labsim.lab("sqs-asg"), "x") == f"{cost:.3g} USD"


@pytest.mark.parametrize("text", ["after {{boot_time}} s", "{{fact:asg.default_cooldown}}\ns.",
                                  "{{arrival_rate}} msg/s", "{{visibility_timeout}} seconds"])
def test_a_unit_that_is_said_twice_is_told(text):
    """What is filled in brings its own; what only begins alike, or comes later, may follow."""
    lab = labsim.lab("sqs-asg")
    with pytest.raises(BuildError, match="cell 3: .* has its unit already"):
        filled(text, lab, "file.py, cell 3")
    for right in ("{{boot_time}} spent", "{{boot_time}}, s is a second", "{{trace}} . x"):
        assert filled(right, lab, "x")


@pytest.mark.parametrize("text", ["{{nothing}}", "{{fact:no.such}}", "{{result:no}}",
                                  "{{result:99:wait_p95}}", "{{preset:x}}"])
def test_an_unknown_name_in_the_prose_is_told_with_its_place(text):
    """Notebook, cell, reason."""
    with pytest.raises(BuildError, match="file.py, cell 3"):
        filled(text, labsim.lab("sqs-asg"), "file.py, cell 3")
