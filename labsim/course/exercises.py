"""Exercises in a notebook: the question shown, and answered where it stands; or typed and checked.

An exercise is about the lab as it is, also in a course with own defaults: then its question says
which of its parameters are not the course's.
"""

from html import escape
from typing import Any

from labsim.course import in_effect, progress
from labsim.course.answering.asks import ExerciseAsk, Remembering
from labsim.declare.describe import in_full
from labsim.declare.exercises import LETTERS, Feedback
from labsim.errors import LabsimError, ParameterError
from labsim.text import format_value

RUN = "Run this cell to answer."
TYPE = ("To answer here, install anywidget; or type the answer: check(lab, number, answer), or "
        "quiz(lab, letters).")
_right: dict[tuple[str, int], bool] = {}    # the answers checked last in this process
_widgets: dict[str, Any] = {}   # by what they show: a cell that is run again shows the same one


def _find(slug: str, number: int):
    found = in_effect.lab(slug)
    if isinstance(number, bool) or not isinstance(number, int) or not (
            1 <= number <= len(found.exercises)):
        raise ParameterError("exercise", number, f"1 to {len(found.exercises)}")
    return found, found.exercises[number - 1]


class Question:
    """An exercise; shows itself in a notebook, to be answered there, and in a terminal."""

    def __init__(self, slug: str, number: int):
        found, self.exercise = _find(slug, number)
        self.lab, self.own = found.original or found, found.Params.own
        self.slug, self.number = slug, number
        self.remembering = Remembering(self.lab)

    @property
    def title(self) -> str:
        """Such as "Exercise 1 (predict)"."""
        return f"Exercise {self.number} ({self.exercise.kind})"

    @property
    def text(self) -> str:
        """The question, its numbers filled in."""
        with in_effect.using(None):
            return self.exercise.told(self.lab, self.exercise.question)

    def lines(self) -> list[str]:
        """What belongs to the question: choices, or goals and what may change."""
        return [*self._lines(), *self.not_the_courses()]

    def not_the_courses(self) -> list[str]:
        """The parameters that are not as the course has them, in a sentence."""
        params, specs = self.exercise.params(self.lab), self.lab.Params.specs()
        other = [f"{name} {in_full(specs[name], getattr(params, name))}"
                 for name, value in self.own.items() if getattr(params, name) != value]
        return [f"Other than in this course, here: {', '.join(other)}"] if other else []

    def _lines(self) -> list[str]:
        e = self.exercise
        if e.kind == "explain":
            return [f"{letter}) {choice.text}" for letter, choice in zip(LETTERS, e.choices)]
        if e.kind == "design":
            goals = [f"Goal: {name} {sign} {format_value(value, self.lab.metric(name).unit)}"
                     for name, sign, value in e.goals]
            return [*goals, f"At the least: {e.cost}", f"You may change: {', '.join(e.free)}"]
        if e.kind == "sketch":
            left, right = (e.said(self.lab, x) for x in e.axis(self.lab))
            return [f"Your answer: a curve, {e.label}, from {left} to {right}, as points (x, y)"]
        return [f"Your answer: a number in {e.unit}, {e.tolerance}"]

    def judged(self, answer: Any) -> tuple[Feedback, str]:
        """What there is to say about an answer, kept by then; and why it could not be kept.

        A slip of form and a blank are no answers. The same wrong answer counts once.
        """
        lab, asked = self.remembering, self.exercise
        _right[self.slug, self.number] = False      # until it is judged
        if answer is not ...:
            answer = progress.plain(answer)     # what is judged is what is kept and handed in
        with in_effect.using(None):
            try:
                answer = progress.plain(asked.understood(lab, answer))
            except LabsimError:     # `check` says so in its own words
                return asked.check(lab, answer), ""
            wrong = progress.wrong_answers(self.slug, asked.id)
            before = wrong.index(answer) if answer in wrong else len(wrong)
            feedback = asked.check(lab, answer, before)
        if feedback.right is None:
            return feedback, ""
        _right[self.slug, self.number] = feedback.right
        return feedback, progress.noted(self.slug, asked.id, feedback.right, answer)

    def __repr__(self) -> str:
        return "\n".join([f"{self.title}. {self.text}", *("  " + line for line in self.lines())])

    def _repr_html_(self) -> str:
        items = "".join(f"<div>{escape(line)}</div>" for line in self.lines())
        return (f'<div style="border-left:4px solid #0072B2;padding:4px 12px">'
                f"<b>{self.title}.</b> {escape(self.text)}{items}<div><i>{RUN}</i></div></div>")

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        return answerable(repr(self), self._repr_html_(), self.title, lambda: [
            ExerciseAsk(self, self.exercise.id in progress.solved(self.slug))])


def answerable(text: str, html: str, label: str, asks) -> tuple[dict, dict]:
    """The output of a question and its metadata: the widget that `asks()` makes, and what says the
    same without."""
    try:
        from labsim.course.answering.widget import Answer, place
        from labsim.view.frontend import bundle
    except ImportError:         # anywidget is not there: it can be read, and typed
        return {"text/plain": text, "text/html": html.replace(RUN, TYPE)}, {}
    if text not in _widgets or _widgets[text].comm is None:
        _widgets[text] = Answer(label, asks())
    return bundle(_widgets[text], place(html), text)


def exercise(slug: str, number: int) -> Question:
    """Exercise `number` (from 1) of lab `slug`, to be shown and answered."""
    return Question(slug, number)


def check(slug: str, number: int, answer) -> None:
    """Print what there is to say about `answer`; a blank (None, "" or ...) is no mistake.

    The first wrong answer gets a hint, the second another, the third the solution; the same one
    twice counts once, and a slip of form ("five", a name that is not free) costs nothing.
    """
    feedback, trouble = Question(slug, number).judged(answer)
    print(feedback.text)        # only now: "Right." is on the disk
    if trouble:
        print(trouble)


def points(slug: str, number: int, most: int) -> int:
    """What the answer to an exercise that was checked last in this process is worth: `most` if it
    is right; 0 if it is wrong or blank, or if nothing was checked."""
    _find(slug, number)
    return most if _right.get((slug, number)) else 0
