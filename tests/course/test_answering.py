"""Answers where they are asked: what is understood, what costs a hint, what is kept when."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from wrong_answers import wrong

import labsim
from labsim.course import check, exercise, progress, quiz, review
from labsim.course.answering.asks import Remembering
from labsim.course.exercises import RUN, _widgets
from labsim.declare import Back, Choice, Close, Explain, Level, Peak, Predict, Sketch
from labsim.declare.sketch import Drawn
from labsim.view.knobs import STOPS

LABS = labsim.labs()
DESIGNS = [(slug, n) for slug, lab in LABS.items()
           for n, e in enumerate(lab.exercises, 1) if e.kind == "design"]
SKETCHES = [(slug, n) for slug, lab in LABS.items()
            for n, e in enumerate(lab.exercises, 1) if e.kind == "sketch"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Progress in a folder of its own, and no widget of another test."""
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    _widgets.clear()
    return tmp_path / "home"


def widget(question):
    """The widget that a question shows."""
    question._repr_mimebundle_()
    return _widgets[repr(question)]


def said(question, value, do="answer", ask=0):
    """What the widget says to an answer."""
    shown = widget(question)
    shown.hear({"do": do, "ask": ask, "value": value, "n": 7})
    return {"answer": shown.told, "try": shown.tried, "run": shown.ran}[do][ask]


def asked(slug, number):
    return LABS[slug], LABS[slug].exercises[number - 1]


# -- slips of form ------------------------------------------------------------------------------

NUMBER = Predict(id="n", runs=({},), ask=lambda r: 5_000.0, unit="s", question="?",
                 hints=("one", "two"), solution="three")
CAUSE = Explain(id="c", question="?", hints=("one", "two"), solution="three", choices=(
    Choice("The sun.", "No."), Choice("The moon.", "Yes.", right=True), Choice("A star.", "No.")))
LAB = LABS["sqs-asg"]


@pytest.mark.parametrize("answer", [
    5_000, "5000", "5,000", " 5,000 s ", "5000 seconds", "5e3", "~5,000", "about 5000", "83.5 min",
    "1.4h", "1h20m", np.float64(5_000), np.int64(5_000)])
def test_a_number_is_understood_as_people_write_it(answer):
    """Thousands, a unit, another unit that fits, "about"."""
    assert NUMBER.check(LAB, answer).right, answer


def test_k_is_a_thousand_of_what_is_counted():
    """Of seconds it is nothing."""
    count = Predict(id="n", runs=({},), ask=lambda r: 5_000.0, unit="messages", question="?",
                    hints=("one", "two"), solution="three")
    assert count.check(LAB, "5k").right and count.check(LAB, "5k messages").right
    assert NUMBER.check(LAB, "5k").slip and "5000" in NUMBER.check(LAB, "5k").text


@pytest.mark.parametrize("answer", ["b", "B", " b) ", "(b)", "b.", "Answer: b", "'b'",
                                    "The moon.", "THE MOON."])
def test_a_letter_is_understood_as_people_write_it(answer):
    """With a bracket, in capitals, or the words of the choice themselves."""
    assert CAUSE.check(LAB, answer).right, answer


@pytest.mark.parametrize("number, slip, told", [
    (1, "five", "a number in messages"), (1, True, "a number in messages"),
    (1, [5_000], "a number in messages"), (1, "5 min", "min does not go with messages"),
    (4, "e", "one of the letters a, b, c, d"), (4, 2, "one of the letters"),
    (6, {"max_sise": 3}, "Did you mean max_size?"), (6, {"max_size": "many"}, "max_size: given"),
    (6, {"max_size": -1}, "a whole number from"), (6, 5, "a dict of parameters"),
    (11, [(600, 0)], "at least two"), (11, [(600, 0), (900, 5)], "both ends"),
    (11, [(600, 0), (2_700, float("nan"))], "points"), (11, "up", "a list of points")])
def test_a_slip_of_form_costs_no_hint(number, slip, told, capsys):
    """It is told which form is meant, as often as one likes; it is not written down, and the first
    wrong answer after it still gets the first hint."""
    lab, e = asked("sqs-asg", number)
    for _ in range(4):
        check("sqs-asg", number, slip)
        out = capsys.readouterr().out
        assert told in out and e.told(lab, e.hints[0]) not in out and "Solution" not in out
    assert progress.answers() == []
    check("sqs-asg", number, wrong(lab, e)[0])
    assert e.told(lab, e.hints[0]) in capsys.readouterr().out


def test_a_design_may_be_typed_as_people_write_it(capsys):
    """Numbers with units; what is as at the start is no change."""
    lab, e = asked("sqs-asg", 6)
    start = e.params(lab).max_size
    assert e.understood(lab, {"metric_period": "1 min", "max_size": start}) == {"metric_period": 60}


@pytest.mark.parametrize("slug, number", [("sqs-asg", n) for n in (1, 4, 6, 11)])
def test_the_same_wrong_answer_counts_once(slug, number, capsys):
    """However often and however it is written, it gets its hint again; only another one gets the
    next."""
    lab, e = asked(slug, number)
    first, second, third = wrong(lab, e)
    for answer, hint in ((first, 0), (first, 0), (second, 1), (first, 0), (second, 1), (third, 2)):
        check(slug, number, answer)
        more = (*e.hints, e.solution)[hint]
        assert capsys.readouterr().out.rstrip().endswith(e.told(lab, more))
    assert len(progress.wrong_answers(slug, e.id)) == 3 and len(progress.answers()) == 6


def test_the_same_answer_in_another_form_is_the_same(capsys):
    """What is kept is what was understood."""
    for answer in (100, "100", "100 messages", 100.0):
        check("sqs-asg", 1, answer)
    for answer in ("a", "A)"):
        check("sqs-asg", 4, answer)
    assert progress.wrong_answers("sqs-asg", "backlog-of-the-spike") == [100]
    assert progress.wrong_answers("sqs-asg", "sawtooth") == ["a"]


# -- the widget ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 4, 6, 11])
def test_the_ladder_of_hints_in_the_widget(number):
    """A hint, another one, the solution; then the right answer. Every one of them is kept."""
    lab, e = asked("sqs-asg", number)
    question, answers = exercise("sqs-asg", number), wrong(lab, e)
    for answer, named, more in zip(answers, ("Hint", "Another hint", "Solution"),
                                   (*e.hints, e.solution)):
        reply = said(question, answer)
        assert (reply["right"], reply["named"]) == (False, named)
        assert reply["more"] == e.told(lab, more) and reply["n"] == 7
    reply = said(question, e.answer(lab))
    assert reply["right"] and reply["head"] == "Right." and not reply["named"]
    assert [a["right"] for a in progress.answers()] == [False] * 3 + [True]


def test_what_is_answered_is_kept_before_it_is_said(monkeypatch):
    """When the file is synced the widget has not said a word yet; for the quiz likewise."""
    heard, sync = [], os.fsync

    def watch(file):
        sync(file)
        heard.append([shown.told for shown in _widgets.values()])
    for question, value in ((exercise("sqs-asg", 4), "b"), (quiz("sqs-asg"), "a")):
        _widgets.clear()
        shown = widget(question)
        before = shown.told
        monkeypatch.setattr(os, "fsync", watch)
        shown.hear({"do": "answer", "ask": 0, "value": value, "n": 1})
        monkeypatch.undo()
        assert heard.pop(0) == [before] and shown.told[0]["head"]
        heard.clear()


def test_an_answer_that_cannot_be_kept_says_so(tmp_path, monkeypatch):
    """It counts, and a line says why it was not saved."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="Not a directory"):
        reply = said(exercise("sqs-asg", 4), "b")
    assert reply["right"] and "could not be saved" in reply["trouble"]


KILLED = """
import os, random, signal, sys, time
from labsim.course import exercise
from labsim.course.exercises import _widgets
question = exercise("sqs-asg", 1)
question._repr_mimebundle_()
widget, luck = _widgets[repr(question)], random.Random(1)
widget.hear({"do": "answer", "ask": 0, "value": 4900, "n": 0})     # the model has run
for kill in range(200):
    out, into = os.pipe()
    child = os.fork()
    if not child:
        for i in range(10_000):
            widget.hear({"do": "answer", "ask": 0, "value": f"{4900 + kill / 10}{i:05}", "n": i})
            assert widget.told[0]["head"] == "Right."
            os.write(into, f"{4900 + kill / 10}{i:05}\\n".encode())     # confirmed
    os.close(into)
    time.sleep(luck.uniform(0.005, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(out, "rb") as told:
        sys.stdout.buffer.write(told.read())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 of a fork")
def test_two_hundred_kills_lose_no_answer_that_the_widget_confirmed(home):
    """kill -9 at 200 random moments while somebody answers: all that was confirmed is there."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", KILLED], capture_output=True,
                          text=True, check=True)
    confirmed = [float(line) for line in done.stdout.split()]
    kept = {a["answer"] for a in progress.answers()}
    assert len(confirmed) > 200 and set(confirmed) <= kept
    assert len(kept) - len(set(confirmed)) <= 200       # one a kill, not yet confirmed


def test_a_cell_that_is_run_again_shows_the_same_widget():
    """So that widgets do not pile up; a closed one is made anew."""
    ids = {exercise("sqs-asg", 1)._repr_mimebundle_()[0][
        "application/vnd.jupyter.widget-view+json"]["model_id"] for _ in range(10)}
    assert len(ids) == 1 and len(_widgets) == 1
    _widgets[repr(exercise("sqs-asg", 1))].close()
    assert widget(exercise("sqs-asg", 1)).model_id not in ids


@pytest.mark.parametrize("question", [exercise("sqs-asg", n) for n in (1, 4, 6, 11)]
                         + [quiz("sqs-asg")], ids=lambda q: getattr(q, "title", "quiz"))
def test_without_a_kernel_it_can_be_read(question, capsys):
    """Text and HTML say the question, with one sentence on how to answer; the same bytes whatever
    was answered."""
    first, _ = question._repr_mimebundle_()
    said(question, "b")
    _widgets.clear()
    again, _ = question._repr_mimebundle_()
    for kind in ("text/plain", "text/html"):
        assert first[kind] == again[kind]
    assert first["text/html"].count(RUN) == 1 and RUN not in first["text/plain"]


def test_without_anywidget_it_can_be_read(monkeypatch):
    """The question, to be typed."""
    monkeypatch.setitem(sys.modules, "labsim.course.answering.widget", None)
    shown, _ = exercise("sqs-asg", 1)._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"} and RUN not in shown["text/html"]
    assert "check(lab, number, answer)" in shown["text/html"]


def test_what_was_solved_before_is_marked():
    """An exercise, and the cards of a quiz, in whichever lab they were answered."""
    card = quiz("s3-prefix").questions[0]
    progress.record("s3-prefix", f"quiz:{card.id}", True, "a")
    progress.record("sqs-asg", "sawtooth", True, "b")
    assert [ask["solved"] for ask in widget(quiz("s3-prefix")).asks].count(True) == 1
    assert widget(exercise("sqs-asg", 4)).asks[0]["solved"]
    assert not widget(exercise("sqs-asg", 5)).asks[0]["solved"]


@pytest.mark.parametrize("message", [None, [], {}, {"do": "answer"}, {"do": "x", "ask": 0},
                                     {"do": "answer", "ask": 9}, {"do": "answer", "ask": "0"},
                                     {"do": "answer", "ask": [0], "value": "b"}])
def test_a_message_that_means_nothing_is_left_alone(message):
    """Nothing is said, nothing raised."""
    shown = widget(exercise("sqs-asg", 4))
    shown.hear(message)
    assert shown.told == [{}]


def test_an_error_is_said_where_the_answer_would_be(monkeypatch):
    """And not swallowed."""
    assert "error" in said(exercise("sqs-asg", 6), {"max_size": -1}, "try")
    assert "error" in said(exercise("sqs-asg", 6), "nonsense", "try")
    json.dumps(widget(exercise("sqs-asg", 6)).tried)


@pytest.mark.parametrize("slug", LABS)
def test_every_exercise_and_quiz_shows_itself_as_a_widget(slug):
    """All that the script is told is JSON, and a run is there to be shown where one is asked of."""
    for number in range(1, len(LABS[slug].exercises) + 1):
        shown = widget(exercise(slug, number)).asks[0]
        json.dumps(shown, allow_nan=False)
        assert shown["runs"] or shown["kind"] == "explain"
    cards = widget(quiz(slug)).asks
    assert len(cards) >= 3 and all(card["kind"] == "explain" for card in cards)


@pytest.mark.parametrize("number", [1, 6, 11])
def test_show_me_this_run(number):
    """A picture, light or dark, with its words."""
    reply = said(exercise("sqs-asg", number), None, "run")
    assert reply["src"].startswith("data:image/png;base64,") and reply["alt"]
    assert bool(reply["curve"]) == (number == 11)


# -- quiz ---------------------------------------------------------------------------------------


def test_the_quiz_is_answered_card_by_card():
    """Each says why; what is right counts for the lab."""
    asked_ = quiz("s3-prefix")
    for place, card in enumerate(asked_.questions):
        other = next(c for c in "abc" if c != card.answer)
        reply = said(asked_, other, ask=place)
        assert (reply["right"], reply["head"]) == (False, "No.")
        assert reply["reason"] == card.choices["abc".index(other)].why
        assert said(asked_, card.answer, ask=place)["right"]
    assert progress.solved("s3-prefix") == {f"quiz:{card.id}" for card in asked_.questions}
    assert said(asked_, "z")["right"] is None and len(progress.answers()) == 2 * len(
        asked_.questions)


def test_a_review_is_answered_card_by_card():
    """In the day's order of the choices, kept by the card's own letter; without a card it says why,
    and has no widget."""
    assert set(review()._repr_mimebundle_()) == {"text/plain", "text/html"}
    progress.record("s3-prefix", "dates", True, "b")
    asked_ = review()
    card = asked_.cards[0]
    assert widget(asked_).asks[0]["choices"][card.letters.index(card.answer)] == next(
        c.text for c in card.question.choices if c.right)
    reply = said(asked_, card.answer)
    assert reply["right"] and reply["reason"] == next(
        c.why for c in card.question.choices if c.right)
    assert progress.answers()[-1]["answer"] == card.question.answer


# -- design -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug, number", DESIGNS)
def test_knobs_have_about_a_hundred_steps_and_reach_the_known_solution(slug, number):
    """Every knob that is free; each value is one that may be given, and has its text."""
    lab, e = asked(slug, number)
    shown = widget(exercise(slug, number)).asks[0]
    assert [knob["name"] for knob in shown["knobs"]] == list(e.free)
    for knob in shown["knobs"]:
        assert 2 <= len(knob["values"]) <= STOPS + 4 and len(knob["texts"]) == len(
            knob["values"])
        assert len(set(map(str, knob["values"]))) == len(knob["values"])
        assert knob["values"][knob["start"]] == getattr(e.params(lab), knob["name"])
        if bounds := lab.Params.specs()[knob["name"]].bounds:
            assert bounds[0] <= knob["values"][0] and knob["values"][-1] <= bounds[1]
        if knob["name"] in e.good:
            assert e.good[knob["name"]] in knob["values"]


@pytest.mark.parametrize("slug, number", DESIGNS)
def test_goals_turn_green_when_they_are_met(slug, number):
    """The known solution meets them all; what misses one says so, with what it gives now."""
    lab, e = asked(slug, number)
    question = exercise(slug, number)
    reply = said(question, e.good, "try")
    assert all(goal["met"] for goal in reply["goals"]) and reply["cost"]
    assert len(reply["goals"]) == len(e.goals) == len(widget(question).asks[0]["goals"])
    assert progress.answers() == []     # trying is not answering


def test_cheaper_than_the_known_solution_is_said_with_pleasure():
    """As good, nearly as good, too dear: each in its own words."""
    import dataclasses

    lab, e = asked("sqs-asg", 6)
    best = e.score(lab, e.good)[0]
    poor = dataclasses.replace(e, good={**e.good, "max_size": 60, "low_datapoints": 9})
    assert poor.score(lab, poor.good)[0] > 1.02 * best
    cheaper = poor.check(lab, e.good)
    assert cheaper.right and "cheaper than the solution that we know" in cheaper.text
    assert "Well done!" in cheaper.text and "as good as the solution" in e.check(lab, e.good).text
    dear = {**e.good, "low_datapoints": 30}
    assert e.check(lab, dear).right is False and "it can be done for" in e.check(lab, dear).text
    near = dataclasses.replace(e, slack=9.0).check(lab, dear)
    assert near.right and "nearly as good" in near.text


# -- sketch -------------------------------------------------------------------------------------


def drawn(*points, top=100.0):
    grid = np.linspace(0, 100, 401)
    return Drawn(grid, np.interp(grid, *zip(*points)), top)


HILL = drawn((0, 0), (20, 0), (40, 80), (60, 0), (100, 0))


@pytest.mark.parametrize("rule, curve, told", [
    (Peak(0.1, 0.3), HILL, ""),
    (Peak(0.1, 0.3), drawn((0, 0), (47, 60), (100, 0)), ""),
    (Peak(0.1, 0.3), drawn((0, 0), (60, 80), (100, 0)), "highest too late"),
    (Peak(0.1, 0.3), drawn((0, 0), (20, 80), (100, 0)), "highest too early"),
    (Peak(0.1, 0.1), drawn((0, 0), (40, 60), (100, 0)), "gets too low"),
    (Peak(0.1, 0.1), drawn((0, 0), (40, 100), (100, 0)), "gets too high"),
    (Peak(0.1, 0.1), drawn((0, 50), (100, 50)), "no peak"),
    (Back(0.05, 0.1), HILL, ""),
    (Back(0.05, 0.1), drawn((0, 0), (40, 80), (90, 0), (100, 0)), "down too late"),
    (Back(0.05, 0.1), drawn((0, 0), (20, 80), (30, 0), (100, 0)), "down too early"),
    (Back(0.05, 0.1), drawn((0, 0), (100, 80)), "stays up"),
    (Level(0.4, 0.1), HILL, ""),
    (Level(0.4, 0.1), drawn((0, 60), (100, 60)), "At 40 your curve is too low"),
    (Level(0.8, 0.1), drawn((0, 60), (100, 60)), "At 80 your curve is too high"),
    (Close(0.1), HILL, ""),
    (Close(0.1), drawn((0, 20), (100, 20)), "farthest off at 40: too low"),
    (Close(0.1), drawn((0, 90), (100, 0)), "too high")])
def test_what_counts_of_a_curve(rule, curve, told):
    """Each rule lets the model's own curve pass, and says what is off about another."""
    words = rule.judge(curve, HILL, lambda x: f"{x:.0f}")
    assert told in words if told else words == ""


def test_at_least_four_labs_ask_for_a_curve():
    """Where it teaches."""
    assert len({slug for slug, _ in SKETCHES}) >= 4


@pytest.mark.parametrize("slug, number", SKETCHES)
def test_a_curve_is_judged_by_the_models_own(slug, number):
    """The model's curve is right, and as drawn by hand, a little off; flat ones, its mirror image
    and what is given alone are not; the axes hold it, and give nothing away."""
    lab, e = Remembering(LABS[slug]), LABS[slug].exercises[number - 1]
    truth = e.answer(lab)
    x, y = np.array(truth).T
    assert e.check(lab, truth).right and y.max() <= e.top and y.max() >= 0.3 * e.top
    shaken = np.clip(y + 0.03 * e.top * np.sin(9 * np.arange(len(y))), 0, e.top)
    assert e.check(lab, list(zip(x, shaken))).right
    for flat in np.linspace(0, e.top, 11):
        assert e.check(lab, [(x[0], flat), (x[-1], flat)]).right is False, flat
    assert e.check(lab, list(zip(x, y[::-1]))).right is False
    shown = widget(exercise(slug, number)).asks[0]["axes"]
    assert len(shown["ticks"]) <= 8 and len(shown["marks"]) <= 8 and len(shown["places"]) == 41
    known = max([point[0] for point in shown["known"]], default=x[0])
    assert known == x[0] and "curve" not in shown


def test_the_models_curve_is_drawn_when_it_is_right_or_solved():
    """And not with a hint: it could be copied."""
    lab, e = asked("sqs-asg", 11)
    question = exercise("sqs-asg", 11)
    curves = [bool(said(question, answer)["curve"]) for answer in (*wrong(lab, e), e.answer(lab))]
    assert curves == [False, False, True, True]


def test_a_metric_over_a_parameter():
    """A run for each value; outside of the axes nothing is drawn."""
    e = Sketch(id="s", run={"policy": "none", "duration": 1_800}, metric="queue_max",
               over="instances", values=(5, 20, 40), top=8_000, label="Backlog", unit="messages",
               rules=(Close(0.05),), question="?", hints=("one", "two"), solution="{answer}")
    x, y = e.curve(LAB)
    assert x.tolist() == [5, 20, 40] and y[0] > y[1] > y[2]
    assert e.check(LAB, list(zip(x, y))).right
    assert e.understood(LAB, [(0, -5), (90, 1e9)]) == [[5, 0], [40, 8_000]]
    assert "messages at 5 instances" in e.told(LAB, "{answer}")
