"""Quiz questions again, before they are forgotten: the topics of the labs begun, card by card.

Picture a box with five compartments. A card answered rightly moves one compartment up, a wrong
one goes back to the first; the first is gone through every day, each further one half as often.

The schedule is Leitner's (S. Leitner, So lernt man lernen, Herder 1972), with compartments of 1,
2, 4, 8 and 16 days, as Settles and Meeder describe it (A Trainable Spaced Repetition Model for
Language Learning, ACL 2016). A right answer before a card is due moves nothing: to
answer ten times in a row is not to remember for ten weeks. Where a card is, is counted from the
journal; there is no second file.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from labsim.course import progress
from labsim.course import questions as cards
from labsim.course.answering.asks import CardAsk
from labsim.course.exercises import answerable
from labsim.course.in_effect import labs
from labsim.course.questions import Question
from labsim.errors import ParameterError

DAYS = (1, 2, 4, 8, 16)     # from one repetition to the next, by compartment
LETTERS = "abcdefgh"
AT_ONCE = 10                # cards in a sitting


@dataclass(frozen=True)
class Place:
    """Where a card is: its compartment (from 0), and the day on which it is due."""

    box: int = 0
    due: date = date.min

    def answered(self, right: bool, day: date) -> "Place":
        """Where it goes with an answer given on that day."""
        if not right:
            box = 0
        elif day < self.due:
            return self
        else:       # a card never seen is taken as one of the first compartment
            box = min(self.box + 1, len(DAYS) - 1)
        return Place(box, day + timedelta(DAYS[box]))


def places(answers: list[dict], today: date) -> dict[str, Place]:
    """{question id: Place} of every question ever answered. A day to come counts as today."""
    found: dict[str, Place] = {}
    days = [(min(progress.day(a), today), a) for a in answers if a["exercise"].startswith("quiz:")]
    for day, a in sorted(days, key=lambda pair: pair[0]):
        id = a["exercise"].removeprefix("quiz:")
        found[id] = found.get(id, Place()).answered(a["right"], day)
    return found


class Card:
    """A question as it is asked on a day: its choices in that day's order."""

    def __init__(self, question: Question, today: date):
        self.question = question
        self.order = list(range(len(question.choices)))
        random.Random(f"{today} {question.id}").shuffle(self.order)

    @property
    def letters(self) -> str:
        """The letters that are answers."""
        return LETTERS[:len(self.order)]

    def lines(self) -> list[str]:
        """The choices with their letters."""
        return [f"{letter}) {self.question.choices[i].text}"
                for letter, i in zip(self.letters, self.order)]

    @property
    def answer(self) -> str:
        """The right letter, today."""
        return self.letters[[self.question.choices[i].right for i in self.order].index(True)]

    def check(self, letter: str) -> tuple[bool, list[str]]:
        """Keep the answer; returns whether it is right, and what to say, the chosen first."""
        chosen = self.order[self.letters.index(letter)]
        choices = self.question.choices
        trouble = progress.noted(_home(self.question), f"quiz:{self.question.id}",
                                 choices[chosen].right, LETTERS[chosen])
        said = [f"{'Right.' if choices[chosen].right else 'No.'} {choices[chosen].why}"]
        said += [f"{other}) {'is right. ' if choices[i].right else ''}{choices[i].why}"
                 for other, i in zip(self.letters, self.order) if i != chosen]
        return choices[chosen].right, said + ([trouble] if trouble else [])

    def judged(self, letter: str) -> tuple[bool, str, str]:
        """The same for the widget: whether it is right, why the chosen one is, and the trouble."""
        right, said = self.check(letter)
        why = self.question.choices[self.order[self.letters.index(letter)]].why
        return right, why, "".join(said[len(self.order):])


class Review:
    """The cards of a sitting; shows itself in a notebook and in a terminal.

    due: how many there are in all that are due; next: the day on which the next one will be.
    """

    def __init__(self, topics: Iterable[str], today: date, most: int):
        answers = progress.answers()
        where = places(answers, today)
        begun = {a["lab"] for a in answers}
        asked = cards.questions(topics)
        self.named = bool(asked)
        if not asked:
            seen = dict.fromkeys(q for lab in labs().values() if lab.slug in begun
                                 for q in cards.of_lab(lab))
            others = [q for q in cards.all_questions() if q.id in where and q not in seen]
            asked = (*seen, *others)
        luck = random.Random(str(today))
        mixed = sorted(dict.fromkeys(asked), key=lambda q: (
            where.get(q.id, Place()).due, luck.random()))
        due = [q for q in mixed if where.get(q.id, Place()).due <= today]
        later = [where[q.id].due for q in mixed if q not in due]
        self.begun, self.due, self.next = bool(asked), len(due), min(later, default=None)
        self.cards = [Card(q, today) for q in (mixed if self.named else due)[:most]]

    def nothing(self) -> str:
        """Why there are no cards, in a sentence."""
        if not self.begun:
            return "Nothing to repeat yet: the questions of a lab come once you have begun it."
        return f"Nothing is due today. Next: {self.next}."

    def __repr__(self) -> str:
        return "\n".join(line for number, card in enumerate(self.cards, 1) for line in (
            f"{number}. {card.question.question}", *(f"   {c}" for c in card.lines()))
            ) or self.nothing()

    def _repr_html_(self) -> str:
        items = "".join(
            f'<p style="margin:8px 0 2px"><b>{number}. {escape(card.question.question)}</b></p>'
            + "".join(f'<div style="margin-left:1.5em">{escape(c)}</div>' for c in card.lines())
            for number, card in enumerate(self.cards, 1)) or escape(self.nothing())
        return f'<div style="border-left:4px solid #009E73;padding:4px 12px">{items}</div>'

    def _repr_mimebundle_(self, **kwargs) -> dict:
        if not self.cards:
            return {"text/plain": repr(self), "text/html": self._repr_html_()}
        return answerable(repr(self), self._repr_html_(), "Review", lambda: [
            CardAsk(number, card.question.question, [line[3:] for line in card.lines()],
                    card.judged) for number, card in enumerate(self.cards, 1)])

    def check(self, answers: str) -> None:
        """Print, for one letter per card, why it is right or wrong; "." leaves one out."""
        letters = [c for c in str(answers).casefold() if not c.isspace()]
        if len(letters) != len(self.cards):
            raise ParameterError("answers", answers, f"{len(self.cards)} letters, one per "
                                 "question; a dot leaves a question out")
        for number, (letter, card) in enumerate(zip(letters, self.cards), 1):
            if letter not in f".{card.letters}":
                raise ParameterError("answers", letter, f"for question {number} one of "
                                     + ", ".join(card.letters))
        right = 0
        for number, (letter, card) in enumerate(zip(letters, self.cards), 1):
            if letter == ".":
                print(f"{number}. Not answered yet.")
                continue
            good, said = card.check(letter)
            right += good
            print("\n   ".join([f"{number}. {said[0]}", *said[1:]]))
        print(f"{right} of {len(self.cards)} right.")


def _home(question: Question) -> str:
    """The first lab that the question belongs to."""
    return next((slug for slug, lab in labs().items()
                 if any(q.id == question.id for q in cards.of_lab(lab))), "quiz")


def review(*topics: str, today: date | None = None, most: int = AT_ONCE) -> Review:
    """The quiz questions that are due `today`, of the labs begun; or all of these topics'.

    The questions and their choices come in another order every day.
    """
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ParameterError("most", most, "a whole number from 1")
    return Review(topics, today or date.today(), most)
