"""Quiz questions: well formed, by topic, each answer explained."""

from collections import Counter
from datetime import date, datetime, timedelta

import pytest

import labsim
from labsim import cli
from labsim.course import progress, quiz, review
from labsim.course.questions import all_questions, questions
from labsim.course.spaced_repetition import DAYS, Card, Place, places
from labsim.errors import ParameterError
from labsim.factbook import book


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path))


@pytest.mark.parametrize("q", all_questions(), ids=lambda q: q.id)
def test_a_question_has_one_right_choice_and_a_reason_for_each(q):
    """And a topic that the facts know, and no two choices alike."""
    assert sum(c.right for c in q.choices) == 1 and 3 <= len(q.choices) <= 5
    assert all(c.text and c.why.endswith(".") for c in q.choices)
    assert len({c.text for c in q.choices}) == len(q.choices)
    assert q.topic in {f.service for f in book().values()}
    assert q.question.endswith("?")


def test_ids_are_one_question_each():
    """Progress is kept by id."""
    assert len({q.id for q in all_questions()}) == len(all_questions())


@pytest.mark.parametrize("slug", labsim.labs())
def test_every_lab_has_a_quiz(slug):
    """At least three questions about its topics."""
    assert len(quiz(slug).questions) >= 3


def test_right_answers_are_counted_and_kept(capsys):
    """A letter per question; spaces don't matter."""
    asked = quiz("sqs-asg").questions
    quiz("sqs-asg", " ".join(q.answer for q in asked))
    out = capsys.readouterr().out
    assert f"{len(asked)} of {len(asked)} right." in out and out.count("Right.") == len(asked)
    assert progress.solved("sqs-asg") == {f"quiz:{q.id}" for q in asked}


def test_wrong_answers_get_their_reason_and_dots_none(capsys):
    """A wrong letter is explained, a dot is left out."""
    asked = quiz("sqs-asg").questions
    wrong = next(c for c in "abc" if c != asked[0].answer)
    quiz("sqs-asg", wrong + "." * (len(asked) - 1))
    out = capsys.readouterr().out
    assert asked[0].choices["abc".index(wrong)].why in out
    assert out.count("Not answered yet.") == len(asked) - 1
    assert not progress.solved("sqs-asg")


@pytest.mark.parametrize("answers", ["", "a", "abcabcabcabc", "z" * 5])
def test_answers_that_are_none_are_refused(answers):
    """Too few, too many, no such letter."""
    with pytest.raises(ParameterError, match="answers"):
        quiz("sqs-asg", answers)


def test_an_unknown_topic_suggests_the_nearest():
    """A typing error of one letter."""
    with pytest.raises(ParameterError, match="did you mean CloudWatch"):
        questions(["cloudwach"])


def test_a_quiz_shows_itself():
    """In a terminal and in a notebook, with every choice."""
    asked = quiz("sqs-asg")
    for q in asked.questions:
        assert all(c.text in repr(asked) for c in q.choices)
    assert asked._repr_html_().count("<p") == len(asked.questions)


# -- repetition -------------------------------------------------------------------------------

TODAY = date(2026, 3, 2)


def answered(id, right, day, lab="sqs-asg"):
    """An answer to a question, given on a day at noon."""
    progress.record(lab, f"quiz:{id}", right, "a", datetime(day.year, day.month, day.day, 12))


def ids(asked):
    return {card.question.id for card in asked.cards}


def test_only_topics_already_seen_are_asked():
    """Nothing before something was answered; then the questions of that lab's topics."""
    assert review(today=TODAY).cards == [] and "Nothing to repeat yet" in repr(review(today=TODAY))
    progress.record("s3-prefix", "dates", False, "a")
    assert ids(review(today=TODAY, most=99)) == {q.id for q in quiz("s3-prefix").questions}
    assert ids(review("KMS", today=TODAY)) == {q.id for q in questions(["KMS"])}


def test_leitners_boxes():
    """A right answer on the day doubles the wait, up to sixteen days; a wrong one starts anew."""
    answered("sqs-metric", False, day := TODAY)
    for wait in (1, 2, 4, 8, 16, 16):
        for early in range(1, wait):
            assert "sqs-metric" not in ids(review(today=day + timedelta(early), most=99))
        day += timedelta(wait)
        assert "sqs-metric" in ids(review(today=day, most=99))
        answered("sqs-metric", True, day)
    answered("sqs-metric", False, day + timedelta(3))
    assert places(progress.answers(), day + timedelta(3))["sqs-metric"] == Place(
        0, day + timedelta(4))
    assert DAYS == (1, 2, 4, 8, 16)


def test_ten_times_in_a_row_is_not_ten_weeks():
    """Right answers before the card is due move nothing."""
    for _ in range(10):
        answered("sqs-metric", True, TODAY)
    assert places(progress.answers(), TODAY)["sqs-metric"] == Place(1, TODAY + timedelta(2))


def test_days_come_in_order_and_none_is_in_the_future():
    """After an import older answers stand behind newer ones; a clock may have been wrong; what
    was answered before times were kept is due."""
    answered("sqs-metric", True, TODAY)
    answered("sqs-metric", False, TODAY - timedelta(9))
    assert places(progress.answers(), TODAY)["sqs-metric"].box == 1
    answered("asg-cooldown", True, date(2099, 12, 31))
    assert places(progress.answers(), TODAY)["asg-cooldown"].due == TODAY + timedelta(2)
    with open(progress.journal(), "a") as file:
        file.write('{"lab": "sqs-asg", "exercise": "quiz:sqs-hidden", "right": true}\n')
    assert "sqs-hidden" in ids(review(today=TODAY, most=99))


def test_the_order_is_the_days_and_gives_nothing_away():
    """The same all day, another tomorrow; over the days the right answer stands everywhere."""
    progress.record("sqs-asg", "sawtooth", True, "b")
    assert repr(review(today=TODAY)) == repr(review(today=TODAY))
    assert repr(review(today=TODAY)) != repr(review(today=TODAY + timedelta(1)))
    for q in all_questions():
        days = [Card(q, TODAY + timedelta(n)).answer for n in range(200)]
        assert min(Counter(days)[letter] for letter in "abcdefgh"[:len(q.choices)]) > 200 / 10
        card = Card(q, TODAY)
        assert sorted(line[3:] for line in card.lines()) == sorted(c.text for c in q.choices)


def test_a_review_in_a_notebook(capsys):
    """Shown, answered by letters, each choice explained; a dot leaves one out; then it is gone."""
    progress.record("sqs-asg", "sawtooth", True, "b")
    asked = review(today=date.today(), most=100)
    n = len(asked.cards)
    assert asked._repr_html_().count("<p") == n and repr(asked).count("?") >= n
    asked.check("." + "".join(card.answer for card in asked.cards[1:]))
    out = capsys.readouterr().out
    assert f"{n - 1} of {n} right." in out and "1. Not answered yet." in out
    for card in asked.cards[1:]:
        assert all(choice.why in out for choice in card.question.choices)
    assert ids(review()) == {asked.cards[0].question.id}
    for wrong in ("", "a", "z" * n):
        with pytest.raises(ParameterError, match="answers"):
            asked.check(wrong)
    with pytest.raises(ParameterError, match="most"):
        review(most=0)


def test_the_answer_is_kept_by_the_questions_own_letter(capsys):
    """Whatever letter it had that day."""
    for n in range(9):
        card = Card(all_questions()[0], TODAY + timedelta(n))
        card.check(card.answer)
    assert {a["answer"] for a in progress.answers()} == {all_questions()[0].answer}


@pytest.fixture
def types(monkeypatch, capsys):
    """Runs `labsim quiz` with lines typed; returns what it printed."""
    import io

    def run(typed, *words):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert cli.main(["quiz", *words]) == 0
        return capsys.readouterr().out
    return run


def test_a_quiz_in_a_terminal(types):
    """A wrong letter is asked again, Enter leaves out, q ends; what was answered is kept."""
    assert "Nothing to repeat yet" in types("")
    out = types("?\nz\na\n\nq\n", "SQS", "asg")
    assert out.count("or Enter to leave it out") == 5 and " of 1 right." in out
    assert len(progress.answers()) == 1
    asked = review(most=99)
    out = types("".join(f"{card.answer}\n" for card in asked.cards), "--number", "99")
    assert f"{len(asked.cards)} of {len(asked.cards)} right. Nothing more is due today." in out
    assert "Nothing is due today. Next: " in types("")
    assert " of 1 right." in types("a\n", "KMS")      # its input ends


@pytest.mark.parametrize("words, line", [
    (["sqz"], "unknown topic 'sqz': did you mean SQS?"),
    (["--number", "0"], "most: given 0, allowed a whole number from 1"),
    (["--number", "x"], "most: given 'x', allowed a whole number from 1")])
def test_a_quiz_that_cannot_be(words, line, capsys):
    """One line."""
    assert cli.main(["quiz", *words]) == 2
    assert capsys.readouterr().err == f"labsim: {line}\n"
