"""Where a learner stands: what is done in each lab, and what is next.

Picture the card at the entrance of a trail: the stations passed are punched, and an arrow shows
the next one.
"""

from dataclasses import dataclass
from html import escape

from labsim.course import progress
from labsim.course import questions as cards
from labsim.course.exercises import Question
from labsim.course.in_effect import labs
from labsim.declare.lab import Lab
from labsim.tables import as_html, as_text


@dataclass(frozen=True)
class Row:
    """One lab: ids of its exercises and quiz questions, all of them and those answered rightly."""

    lab: Lab
    exercises: tuple[str, ...]
    solved: frozenset[str]
    questions: tuple[str, ...]
    known: frozenset[str]
    started: bool

    @property
    def open(self) -> int | None:
        """The number of the first exercise that is not solved; None if all are."""
        return next((n for n, id in enumerate(self.exercises, 1) if id not in self.solved), None)

    @property
    def next(self) -> str:
        """What is next in it, such as "exercise 3" or "quiz"; empty when both are done."""
        if self.open:
            return f"exercise {self.open}"
        return "quiz" if len(self.known) < len(self.questions) else ""


class ProgressReport:
    """All labs, counted from `answers`; shows itself in a terminal and in a notebook."""

    columns = ("Lab", "Exercises", "Quiz", "Next")

    def __init__(self, answers: list[dict]):
        right = [(a["lab"], a["exercise"]) for a in answers if a["right"]]
        known = {id for _, id in right if id.startswith("quiz:")}   # a card is of many labs
        started = {a["lab"] for a in answers}
        self.rows = []
        for slug, lab in labs().items():
            exercises = tuple(e.id for e in lab.exercises)
            questions = tuple(f"quiz:{q.id}" for q in cards.of_lab(lab))
            self.rows.append(Row(
                lab, exercises, frozenset(id for where, id in right if where == slug)
                & frozenset(exercises), questions, known & frozenset(questions), slug in started))
        self.elsewhere = sum(a["lab"] not in labs() for a in answers)
        self._last = next((a["lab"] for a in reversed(answers) if a["lab"] in labs()), None)

    @property
    def begun(self) -> bool:
        """Whether anything was answered."""
        return self._last is not None

    @property
    def next(self) -> Row | None:
        """The lab to go on with: the last one worked in, else the next that is not done."""
        at = [row.lab.slug for row in self.rows].index(self._last) if self.begun else 0
        return next((row for row in self.rows[at:] + self.rows[:at] if row.next), None)

    def lines(self) -> list[str]:
        """A line per lab begun, and what is next."""
        shown = [f"{row.lab.slug:20} {_of(row.solved, row.exercises)} exercises, "
                 f"quiz {_of(row.known, row.questions)}" for row in self.rows if row.started]
        return [*shown, self.next_step()]

    def next_step(self) -> str:
        """What is next, in a sentence."""
        if self.next is None:
            return "Every exercise is solved, and every quiz."
        row = self.next
        what = Question(row.lab.slug, row.open).title if row.open else row.next
        start = "Next" if self.begun else "Nothing answered yet. Next"
        return f"{start}: {row.lab.slug}, {what[0].lower()}{what[1:]}."

    def table(self) -> list[tuple[str, str, str, str]]:
        """A row of texts per lab."""
        return [(row.lab.slug, _of(row.solved, row.exercises), _of(row.known, row.questions),
                 row.next or "done") for row in self.rows]

    def __repr__(self) -> str:
        more = ([f"{self.elsewhere} answers are kept that are of labs not installed here."]
                if self.elsewhere else [])
        return "\n".join([as_text(self.columns, self.table()), "", self.next_step(), *more])

    def _repr_html_(self) -> str:
        return f"{as_html(self.columns, self.table())}<p>{escape(self.next_step())}</p>"


def _of(some, all_of_them) -> str:
    return f"{len(some)} of {len(all_of_them)}"


def standing() -> ProgressReport:
    """Where the learner stands, from the journal."""
    return ProgressReport(progress.answers())
