"""Exercises and quiz on a page: the question, and its hints and solution folded away.

Picture a book whose answers are printed upside down. They are computed by the model when the
page is made.
"""

from collections.abc import Mapping
from html import escape

from labsim.course.exercises import Question
from labsim.course.lab_quiz import Quiz
from labsim.course.markup import code, folded, paragraph
from labsim.course.notebooks import BuildError
from labsim.text import format_value

HINTS = "Hint one", "Hint two", "Hint three"


def exercise(question: Question) -> str:
    """An exercise as HTML. `BuildError` if the lab's own answer is not right."""
    asked, lab = question.exercise, question.lab
    lines = "".join(f"<li>{escape(line)}</li>" for line in question.lines())
    parts = [folded(name, paragraph(asked.told(lab, hint)))
             for name, hint in zip(HINTS, asked.hints)]
    return (f'<div class="labsim-asked" id="{lab.slug}-exercise-{question.number}">\n'
            f'<p class="labsim-kind">{escape(question.title)}</p>\n{paragraph(question.text)}\n'
            f'<ul class="labsim-lines">{lines}</ul>\n'
            + "\n".join([*parts, folded("Solution", solution(question))]) + "\n</div>")


def solution(question: Question) -> str:
    """The worked solution of an exercise, with the answer, as HTML."""
    asked, lab = question.exercise, question.lab
    answer = asked.answer(lab)
    feedback = asked.check(lab, answer)
    if not feedback.right:
        raise BuildError(f"{lab.slug}, {question.title}: its own answer {answer!r} is not right: "
                         f"{feedback.text}")
    told = paragraph(asked.told(lab, asked.solution))
    if choices := getattr(asked, "choices", ()):
        return f"<p>The answer is <b>{escape(str(answer))}</b>.</p>{told}{reasons(choices)}"
    if isinstance(answer, Mapping):
        shown = code(repr(dict(answer)))
        return f"<p>A good design: {shown}{escape(costs(question, answer))}.</p>{told}"
    return f"<p>The answer is <b>{escape(asked.told(lab, '{answer}'))}</b>.</p>{told}"


def costs(question: Question, answer: Mapping) -> str:
    """What a design costs, in words; empty for a kind of exercise that has no score."""
    asked, lab = question.exercise, question.lab
    if not hasattr(asked, "score"):
        return ""
    return f", for {format_value(asked.score(lab, answer)[0], lab.metric(asked.cost).unit)}"


def reasons(choices) -> str:
    """Why each choice is right or wrong."""
    rows = "".join(f"<li><b>{letter}) {'Right' if choice.right else 'Wrong'}.</b> "
                   f"{escape(choice.why)}</li>" for letter, choice in zip("abcdefgh", choices))
    return f'<ul class="labsim-lines">{rows}</ul>'


def quiz(asked: Quiz) -> str:
    """The quiz of a lab as HTML, each answer folded with its whys."""
    cards = []
    for number, question in enumerate(asked.questions, 1):
        choices = "".join(f"<li>{escape(choice)}</li>" for choice in asked.choices(question))
        cards.append(f'<div class="labsim-card-asked"><p><b>{number}.</b> '
                     f'{escape(question.question)}</p>\n<ul class="labsim-lines">{choices}</ul>\n'
                     + folded("Answer", f"<p>The answer is <b>{question.answer}</b>.</p>"
                              + reasons(question.choices)) + "</div>")
    return '<div class="labsim-asked labsim-quiz">\n' + "\n".join(cards) + "\n</div>"
