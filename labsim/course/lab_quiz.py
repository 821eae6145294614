"""A quiz in a notebook: the questions of a lab's topics, answered where they stand or typed."""

import functools
from html import escape

from labsim.course import progress
from labsim.course import questions as cards
from labsim.course.answering.asks import CardAsk
from labsim.course.exercises import RUN, answerable
from labsim.course.in_effect import lab
from labsim.declare.exercises import LETTERS
from labsim.errors import ParameterError


class Quiz:
    """The questions of a lab's topics; shows itself in a notebook and in a terminal."""

    def __init__(self, slug: str):
        self.lab = lab(slug)
        self.questions = cards.of_lab(self.lab)

    def __repr__(self) -> str:
        return "\n".join(line for number, q in enumerate(self.questions, 1)
                         for line in (f"{number}. {q.question}", *self.choices(q)))

    def _repr_html_(self) -> str:
        items = "".join(
            f'<p style="margin:8px 0 2px"><b>{number}. {escape(q.question)}</b></p>'
            + "".join(f'<div style="margin-left:1.5em">{escape(c)}</div>' for c in self.choices(q))
            for number, q in enumerate(self.questions, 1))
        return (f'<div style="border-left:4px solid #009E73;padding:4px 12px">{items}'
                f"<div><i>{RUN}</i></div></div>")

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        def asks():
            known = progress.known()
            return [CardAsk(number, q.question, [c.text for c in q.choices],
                            functools.partial(self.judged, q), f"quiz:{q.id}" in known)
                    for number, q in enumerate(self.questions, 1)]
        return answerable(repr(self), self._repr_html_(), f"Quiz: {self.lab.title}", asks)

    def judged(self, question, letter: str) -> tuple[bool, str, str]:
        """Whether the choice of a letter is right, kept by then; why; why it was not kept."""
        choice = question.choices[LETTERS.index(letter)]
        return choice.right, choice.why, progress.noted(
            self.lab.slug, f"quiz:{question.id}", choice.right, letter)

    @staticmethod
    def choices(question) -> list[str]:
        """The choices with their letters."""
        return [f"   {letter}) {choice.text}"
                for letter, choice in zip(LETTERS, question.choices)]

    def check(self, answers: str) -> None:
        """Print, for one letter per question, why it is right or wrong; "." leaves one out."""
        letters = [c for c in str(answers).casefold() if not c.isspace() and c not in ",;()"]
        if len(letters) != len(self.questions):
            raise ParameterError("answers", answers, f"{len(self.questions)} letters, one per "
                                 "question; a dot leaves a question out")
        right, trouble = 0, ""
        for number, (letter, q) in enumerate(zip(letters, self.questions), 1):
            if letter == ".":
                print(f"{number}. Not answered yet.")
                continue
            allowed = LETTERS[:len(q.choices)]
            if letter not in allowed:
                raise ParameterError("answers", letter, f"for question {number} one of "
                                     + ", ".join(allowed))
            good, why, unkept = self.judged(q, letter)
            right, trouble = right + good, unkept or trouble
            print(f"{number}. {'Right.' if good else 'No.'} {why}")
        print(f"{right} of {len(self.questions)} right.")
        if trouble:
            print(trouble)


def quiz(slug: str, answers: str | None = None):
    """The quiz of a lab's topics to be shown; or, with `answers` (one letter each), checked."""
    asked = Quiz(slug)
    return asked if answers is None else asked.check(answers)
