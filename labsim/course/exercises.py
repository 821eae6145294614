"""Exercises in a notebook: the question shown, the answer checked.

An exercise is about the lab as it is, also in a course with own defaults: then its question says
which of its parameters are not the course's.
"""

from html import escape

from labsim.course import in_effect, progress
from labsim.declare.describe import in_full
from labsim.errors import ParameterError
from labsim.text import format_value

KINDS = {"predict": "Predict", "explain": "Explain", "design": "Design"}
_right: dict[tuple[str, int], bool] = {}    # the answers checked last in this process


def _find(slug: str, number: int):
    found = in_effect.lab(slug)
    if isinstance(number, bool) or not isinstance(number, int) or not (
            1 <= number <= len(found.exercises)):
        raise ParameterError("exercise", number, f"1 to {len(found.exercises)}")
    return found, found.exercises[number - 1]


class Question:
    """The text of an exercise; shows itself in a notebook and in a terminal."""

    def __init__(self, slug: str, number: int):
        found, self.exercise = _find(slug, number)
        self.lab, self.own = found.original or found, found.Params.own
        self.number = number

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
        return [*self._lines(), *self._not_the_courses()]

    def _not_the_courses(self) -> list[str]:
        params, specs = self.exercise.params(self.lab), self.lab.Params.specs()
        other = [f"{name} {in_full(specs[name], getattr(params, name))}"
                 for name, value in self.own.items() if getattr(params, name) != value]
        return [f"Other than in this course, here: {', '.join(other)}"] if other else []

    def _lines(self) -> list[str]:
        e = self.exercise
        if e.kind == "explain":
            return [f"{letter}) {choice.text}" for letter, choice in zip("abcdefgh", e.choices)]
        if e.kind == "design":
            goals = [f"Goal: {name} {sign} {format_value(value, self.lab.metric(name).unit)}"
                     for name, sign, value in e.goals]
            return [*goals, f"At the least: {e.cost}", f"You may change: {', '.join(e.free)}"]
        return [f"Your answer: a number in {e.unit}, right within {format_value(100 * e.within)}%"]

    def __repr__(self) -> str:
        return "\n".join([f"{self.title}. {self.text}", *("  " + line for line in self.lines())])

    def _repr_html_(self) -> str:
        items = "".join(f"<div>{escape(line)}</div>" for line in self.lines())
        return (f'<div style="border-left:4px solid #0072B2;padding:4px 12px">'
                f"<b>{self.title}.</b> {escape(self.text)}{items}</div>")


def exercise(slug: str, number: int) -> Question:
    """Exercise `number` (from 1) of lab `slug`, to be shown."""
    return Question(slug, number)


def check(slug: str, number: int, answer) -> None:
    """Print what there is to say about `answer`; a blank (None, "" or ...) is no mistake.

    The first wrong answer gets a hint, the second another, the third the solution.
    """
    found, asked = _find(slug, number)
    if answer is not ...:
        answer = progress.plain(answer)     # what is checked is what is kept and handed in
    _right[slug, number] = False            # until it is judged
    with in_effect.using(None):
        feedback = asked.check(found.original or found, answer,
                               progress.wrong_before(slug, asked.id))
    _right[slug, number] = bool(feedback.right)
    if feedback.right is None:
        print(feedback.text)
        return
    trouble = progress.noted(slug, asked.id, feedback.right, answer)
    print(feedback.text)        # only now: "Right." is on the disk
    if trouble:
        print(trouble)


def points(slug: str, number: int, most: int) -> int:
    """What the answer to an exercise that was checked last in this process is worth: `most` if it
    is right; 0 if it is wrong or blank, or if nothing was checked."""
    _find(slug, number)
    return most if _right.get((slug, number)) else 0
