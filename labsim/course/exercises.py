"""Exercises in a notebook: the question shown, the answer checked."""

from html import escape

from labsim.course import progress
from labsim.errors import ParameterError
from labsim.kit.registry import lab
from labsim.kit.text import figure

KINDS = {"predict": "Predict", "explain": "Explain", "design": "Design"}


def _find(slug: str, number: int):
    found = lab(slug)
    if isinstance(number, bool) or not isinstance(number, int) or not (
            1 <= number <= len(found.exercises)):
        raise ParameterError("exercise", number, f"1 to {len(found.exercises)}")
    return found, found.exercises[number - 1]


class Question:
    """The text of an exercise; shows itself in a notebook and in a terminal."""

    def __init__(self, slug: str, number: int):
        self.lab, self.exercise = _find(slug, number)
        self.number = number

    @property
    def title(self) -> str:
        """Such as "Exercise 1 (predict)"."""
        return f"Exercise {self.number} ({self.exercise.kind})"

    @property
    def text(self) -> str:
        """The question, its numbers filled in."""
        return self.exercise.told(self.lab, self.exercise.question)

    def lines(self) -> list[str]:
        """What belongs to the question: choices, or goals and what may change."""
        e = self.exercise
        if e.kind == "explain":
            return [f"{letter}) {choice.text}" for letter, choice in zip("abcdefgh", e.choices)]
        if e.kind == "design":
            goals = [f"Goal: {name} {sign} {figure(value, self.lab.metric(name).unit)}"
                     for name, sign, value in e.goals]
            return [*goals, f"At the least: {e.cost}", f"You may change: {', '.join(e.free)}"]
        return [f"Your answer: a number in {e.unit}, right within {figure(100 * e.within)}%"]

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
    feedback = asked.check(found, answer, progress.wrong_before(slug, asked.id))
    print(feedback.text)
    if feedback.right is not None and not progress.record(slug, asked.id, feedback.right):
        print("(Progress could not be saved: the disk is full, or the folder can't be written.)")
