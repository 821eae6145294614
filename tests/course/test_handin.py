"""Hand-ins and grading: what was answered is worked out again, and nothing hostile gets further
than a line that says why it was refused."""

import csv
import dataclasses
import io
import json
import os
import time

import pytest
from over_labs import LABS, each_lab
from wrong_answers import wrong

import labsim
from labsim import cli
from labsim.course import check, grading, hand_in, handin, progress
from labsim.errors import LabsimError, ParameterError

SLUG = "sqs-asg"
DESIGN = next(e for e in LABS[SLUG].exercises if e.kind == "design")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Progress in a folder of its own; files in another."""
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path):
    """A folder for hand-ins."""
    (tmp_path / "hand-ins").mkdir()
    return tmp_path / "hand-ins"


def envelope(learner="Ada", lab=SLUG, answers=None, **more):
    """What a hand-in holds."""
    return {"format": handin.FORMAT, "labsim": labsim.__version__, "lab": lab,
            "learner": learner, "answers": answers or {}, **more}


def put(folder, name, data):
    """A file with this content: bytes, a text, or what becomes JSON."""
    data = json.dumps(data) if isinstance(data, dict) else data
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


# -- handing in -------------------------------------------------------------------------------

@each_lab
def test_what_is_answered_rightly_in_a_notebook_is_graded_right(slug, folder, capsys):
    """Every exercise of every lab, through check, hand-in and grade; the same bytes twice."""
    lab = LABS[slug]
    for number, e in enumerate(lab.exercises, 1):
        check(slug, number, e.answer(lab))
    path = hand_in(slug, folder / "ada.json", name="Ada Lovelace")
    first = path.read_bytes()
    hand_in(slug, path, name="Ada Lovelace")
    assert path.read_bytes() == first
    grades = grading.grade(folder)
    assert not grades.refusals and [m.exercise for m in grades.marks] == [
        e.id for e in lab.exercises]
    assert all((m.right, m.points, m.learner) == ("yes", 1, "Ada Lovelace") for m in grades.marks)
    assert f"{len(lab.exercises)} of {len(lab.exercises)}" in grades.totals()


@each_lab
def test_wrong_and_blank_answers_are_told_apart(slug, folder, capsys):
    """A wrong one says what it gave, and neither hint nor solution."""
    lab = LABS[slug]
    for number, e in enumerate(lab.exercises[:-1], 1):
        check(slug, number, wrong(lab, e, 1)[0])
    hand_in(slug, folder / "a.json", name="A")
    marks = grading.grade(folder).marks
    assert [m.right for m in marks] == ["no"] * (len(marks) - 1) + ["blank"]
    for mark, e in zip(marks[:-1], lab.exercises):
        assert mark.feedback and e.told(lab, e.hints[0])[:40] not in mark.feedback


def test_the_latest_right_answer_is_handed_in(capsys):
    """A wrong one after it changes nothing; without a right one it is the latest."""
    for answer in (1, 4950, 2):
        check(SLUG, 1, answer)
    for answer in ("a", "d"):
        check(SLUG, 4, answer)
    ids = [e.id for e in LABS[SLUG].exercises]
    assert handin.collected(SLUG, "A")["answers"] == {ids[0]: 4950, ids[3]: "d"}
    assert "not answered: 2, 3, 5, 6" in handin.told(handin.collected(SLUG, "A"))


def test_nothing_answered_is_nothing_to_hand_in(home):
    """Neither is an answer of an older labsim, which was not kept: that is said."""
    with pytest.raises(LabsimError, match="no exercise of it was answered yet$"):
        hand_in(SLUG, name="A")
    home.mkdir()
    progress.journal().write_text('{"lab": "sqs-asg", "exercise": "sawtooth", "right": true}\n')
    with pytest.raises(LabsimError, match="were not kept: answer once more"):
        hand_in(SLUG, name="A")


@pytest.mark.parametrize("name, file", [
    ("Ada Lovelace", "sqs-asg-ada-lovelace.json"), ("../../../tmp/x", "sqs-asg-tmp-x.json"),
    ("\u00c9mile", "sqs-asg-emile.json"), ("\u6f22\u5b57", "sqs-asg-learner.json"),
    ("=cmd|' /C calc'!A0", "sqs-asg-cmd-c-calc-a0.json")])
def test_the_file_is_named_after_lab_and_learner(name, file, capsys, tmp_path):
    """In this folder, whatever the name is; the name in it is as given."""
    check(SLUG, 4, "b")
    assert cli.main(["hand-in", SLUG, "--name", name]) == 0
    assert os.listdir() == [file] and json.loads(open(file).read())["learner"] == name


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x1b[2Jb", "a\u202eb"])
def test_a_name_that_is_none_is_refused(name, capsys):
    """Empty, too long, or with characters that a terminal obeys."""
    check(SLUG, 4, "b")
    with pytest.raises(ParameterError, match="name: given"):
        hand_in(SLUG, name=name)


def test_another_file_is_never_overwritten(capsys, tmp_path):
    """A hand-in is replaced by a newer one; anything else is left alone; half a file is none."""
    check(SLUG, 4, "b")
    (tmp_path / "thesis.json").write_text("years of work")
    assert cli.main(["hand-in", SLUG, str(tmp_path / "thesis.json")]) == 2
    assert (tmp_path / "thesis.json").read_text() == "years of work"
    assert cli.main(["hand-in", SLUG, str(tmp_path)]) == 2
    assert cli.main(["hand-in", SLUG, str(tmp_path / "no" / "a.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert cli.main(["hand-in", SLUG, "-", "--name", "A"]) == 0
    assert json.loads(capsys.readouterr().out)["learner"] == "A"


# -- grading: the hostile ---------------------------------------------------------------------

RIGHT = {e.id: e.answer(LABS[SLUG]) for e in LABS[SLUG].exercises if e.kind == "explain"}


def graded(folder, name="x.json"):
    """(marks by exercise, why it was refused) of a file, graded beside a good one."""
    put(folder, "good.json", envelope("Good", answers=RIGHT))
    grades = grading.grade(folder)
    good = [m.right for m in grades.marks if m.learner == "Good"]
    assert good.count("yes") == len(RIGHT)      # the rest is graded
    return ({m.exercise: m for m in grades.marks if m.file == name},
            [r.why for r in grades.refusals if r.file == name])


@pytest.mark.parametrize("data, why", [
    (b"", "not JSON"), (b"hello", "not JSON"), (b"\x89PNG\r\n\x1a\n\0", "not a text in UTF-8"),
    (b"\xff\xfe{\0}\0", "not a text in UTF-8"), ("[" * 90_000 + "]" * 90_000, "nested too deeply"),
    ('{"a":' * 20_000 + "1" + "}" * 20_000, "nested too deeply"), ("[1, 2]", "its format is not"),
    ("null", "its format is not"), ({"format": "labsim-result-1"}, "its format is not"),
    (b" " * 300_000, "more than 200,000 bytes"), (envelope(lab="sqs-asq"), "did you mean sqs-asg"),
    (envelope(lab="../../etc/passwd"), "unknown lab"),
    (envelope(lab=["sqs-asg"]), "lab is no name"),
    (envelope(learner=""), "learner is no name"), (envelope(learner=7), "learner is no name"),
    (envelope(learner="x" * 101), "learner is no name"),
    (envelope(learner="\x1b]0;pwned\x07\x1b[2J"), "learner is no name"),
    (envelope(learner="\u202eadA"), "learner is no name"),
    (envelope(learner="\ud800"), "learner is no name"), (envelope(answers=[1]), "has no answers"),
    (envelope(answers={str(i): i for i in range(99)}), "more answers than"),
    (json.dumps(envelope(answers={"sawtooth": 1})).replace("1}", "NaN}"), "not JSON"),
    (json.dumps(envelope(answers={"sawtooth": 1})).replace("1}", "1e999}"), "not JSON"),
    (json.dumps(envelope(answers={"sawtooth": 1})).replace("1}", "1" * 9000 + "}"), "not JSON"),
])
def test_a_file_that_is_no_hand_in_is_refused(data, why, folder):
    """With the reason, on one printable line, and at once."""
    put(folder, "x.json", data)
    marks, (said,) = graded(folder)
    assert why in said and said.isprintable() and len(said) <= 200 and not marks


@pytest.mark.parametrize("kind, why", [
    ("folder", "a folder"), ("link", "a link"), ("link to nothing", "a link"),
    ("device", "a link"), ("pipe", "not a file"), ("socket", "not a file")])
def test_what_is_no_file_is_refused_unopened(kind, why, folder, tmp_path):
    """A pipe would wait for ever, a link leaves the folder."""
    path = folder / "x.json"
    put(tmp_path, "outside.json", envelope(answers=RIGHT))
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        import socket
        os.chdir(folder)        # a socket's path is short
        socket.socket(socket.AF_UNIX).bind("x.json")
    else:
        path.symlink_to({"link": tmp_path / "outside.json", "link to nothing": "nowhere",
                         "device": "/dev/zero"}[kind])
    marks, (said,) = graded(folder)
    assert why in said and not marks


def test_a_file_name_that_speaks_to_the_terminal(folder, capsys):
    """Is printed without what a terminal obeys, and refused like any other."""
    put(folder, "\x1b[2Jx\n.json", "{}")
    with pytest.raises(SystemExit):
        cli.main(["grade", str(folder)])
    err = capsys.readouterr().err
    assert "\x1b" not in err and err.startswith("refused ?[2Jx?.json: ") and err.count("\n") == 1


HOSTILE = [
    ({DESIGN.id: {"__class__": 1}}, DESIGN.id, "Only "),
    ({DESIGN.id: {"duration": 1e12}}, DESIGN.id, "Only "),
    ({DESIGN.id: "__import__('os').system('touch pwned')"}, DESIGN.id, "a dict of parameters"),
    ({DESIGN.id: {"max_size": "__import__('os').system('touch pwned')"}}, DESIGN.id, "max_size"),
    ({DESIGN.id: {"max_size": 1e300}}, DESIGN.id, "max_size"),
    ({DESIGN.id: {"max_size": [[[[[1]]]]]}}, DESIGN.id, "nested too deeply"),
    ({DESIGN.id: {"max_size": None}}, DESIGN.id, "max_size"),
    ({DESIGN.id: {"max_size": True}}, DESIGN.id, "max_size"),
    ({DESIGN.id: {"trace": "/etc/passwd"}}, DESIGN.id, "reads no files"),
    ({DESIGN.id: {"\x1b[2J": 1}}, DESIGN.id, "Only "),
    ({"sawtooth": "x" * 20_000}, "sawtooth", "too long"),
    ({"sawtooth": "\ud800"}, "sawtooth", "one of the letters"),
    ({"sawtooth": {"a": 1}}, "sawtooth", "one of the letters"),
    ({"catching-up": 10**400}, "catching-up", "a number in s"),
    ({"catching-up": "=1+1"}, "catching-up", "a number in s"),
    ({"catching-up": True}, "catching-up", "a number in s"),
]


@pytest.mark.parametrize("answers, exercise, why", HOSTILE)
def test_a_hostile_answer_is_not_right_and_says_why(answers, exercise, why, folder):
    """Nothing is executed, and the other answers of the same file count."""
    put(folder, "x.json", envelope(answers={**RIGHT, **answers}))
    marks, refused = graded(folder)
    assert (marks[exercise].right, marks[exercise].points) == ("no", 0)
    assert why in marks[exercise].feedback and marks[exercise].feedback.isprintable()
    assert not refused and "pwned" not in os.listdir()
    assert all(marks[id].right == "yes" for id in RIGHT if id not in answers)


def test_an_answer_to_no_exercise_is_told(folder):
    """The others of the file count."""
    put(folder, "x.json", envelope(answers={**RIGHT, "../\x1bpasswd": 1}))
    marks, refused = graded(folder)
    assert refused == ["sqs-asg has no exercise ../?passwd"]
    assert sum(m.points for m in marks.values()) == len(RIGHT)


def test_parameters_that_would_take_too_much_are_refused():
    """By the estimate, before the run, with the parameter to lower; what the exercise's own good
    answer takes is always allowed, twice."""
    asked = dataclasses.replace(DESIGN, free=("duration", "arrival_rate"), seeds=(1,), slack=9.0,
                                goals=(("wait_p95", ">=", 0.0),), good={"duration": 86_400.0})
    examiner = grading.Examiner(dataclasses.replace(LABS[SLUG], exercises=(asked,)))
    for answer, right, why in (({"duration": 86_400.0}, "yes", "All goals are met"),
                               ({"duration": 150_000.0}, "yes", "All goals are met"),
                               ({"arrival_rate": 300.0}, "no", "a smaller run")):
        ((mark,), _) = examiner.marked(envelope(answers={asked.id: answer}), "x")
        assert (mark.right, why in mark.feedback) == (right, True), mark


@each_lab
def test_the_dearest_answer_that_is_allowed_takes_little(slug, folder):
    """Every free parameter at either end: refused by the budget, or run in seconds."""
    lab = LABS[slug]
    for e in (e for e in lab.exercises if e.kind == "design"):
        for end in (0, 1):
            answers = {e.id: {name: spec.type(spec.bounds[end]) for name in e.free
                              if (spec := lab.Params.specs()[name]).bounds}}
            put(folder, f"{end}.json", envelope(f"End {end}", slug, answers))
    before = time.monotonic()
    marks = [m for m in grading.grade(folder).marks if m.right != "blank"]
    assert time.monotonic() - before < 60 and all(m.feedback for m in marks)


def test_a_file_that_takes_too_long_is_stopped(folder, monkeypatch):
    """After a time, between the steps of a run; the next file is graded."""
    monkeypatch.setattr(grading, "SECONDS", 0.05)
    put(folder, "a.json", envelope("Slow", answers={**RIGHT, DESIGN.id: {"max_size": 20}}))
    run = type(LABS[SLUG]).run

    def slow(self, params=None, seed=1, *, budget=None, stop=None, **how):
        if stop is not None:
            assert stop.wait(10)
        return run(self, params, seed, budget=budget, stop=stop, **how)
    monkeypatch.setattr(type(LABS[SLUG]), "run", slow)
    marks, _ = graded(folder, "a.json")
    assert "took more than 0.05 s" in marks[DESIGN.id].feedback


def test_a_second_hand_in_of_one_learner_is_refused(folder):
    """However the name is written; the line says which was graded. Another lab is no second."""
    put(folder, "a.json", envelope("Ada", answers=RIGHT))
    put(folder, "b.json", envelope(" ADA ", answers={}))
    put(folder, "c.json", envelope("\uff21da", answers={}))
    put(folder, "d.json", envelope("Ada", "s3-prefix", {}))
    grades = grading.grade(folder)
    assert [r.file for r in grades.refusals] == ["b.json", "c.json"]
    assert all("a.json was graded" in r.why for r in grades.refusals)
    assert {m.lab for m in grades.marks} == {SLUG, "s3-prefix"}


@pytest.mark.parametrize("learner", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])
def test_no_cell_of_the_csv_is_a_formula(learner, folder, capsys):
    """It begins with an apostrophe; everything else is there as it is."""
    put(folder, "=x.json", envelope(learner, answers={**RIGHT, "catching-up": -1}))
    assert cli.main(["grade", str(folder), "--csv", "-"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == len(LABS[SLUG].exercises)
    assert all(row["learner"] == f"'{learner}" and row["file"] == "'=x.json" for row in rows)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r"))
                   for row in rows for cell in row.values())
    assert {row["points"] for row in rows} == {"0", "1"}


def test_grade_says_what_came_of_it(folder, tmp_path, capsys):
    """Status 0 if all were graded, 1 if a file was refused, 2 for no folder or an empty one."""
    assert cli.main(["grade", str(folder)]) == 2
    assert cli.main(["grade", str(tmp_path / "no")]) == 2
    put(folder, "ada.json", envelope("Ada", answers=RIGHT))
    assert cli.main(["grade", str(folder), "--csv", str(tmp_path / "out.csv")]) == 0
    out, err = capsys.readouterr()
    assert "Ada" in out and f"{len(RIGHT)} of {len(LABS[SLUG].exercises)}" in out
    assert err.count("labsim:") == 2
    assert (tmp_path / "out.csv").read_text().startswith("learner,lab,exercise,right,points,")
    put(folder, "bad.json", "{}")
    with pytest.raises(SystemExit) as end:
        cli.main(["grade", str(folder)])
    assert end.value.code == 1
    out, err = capsys.readouterr()
    assert "Ada" in out and err == "refused bad.json: no hand-in: its format is not " \
                                   "labsim-hand-in-1\n"
