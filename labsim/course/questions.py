"""Quiz questions by topic, from the file questions.yaml in each lab's folder.

Picture flash cards: a question, a few answers, and on the back of each answer why it is right or
wrong. Each question has an `id`, a `topic` (a service, as in the facts), a `question` and
`choices`, of which one is `right`; each choice has its `why`. A lab asks all cards of its topics,
whoever wrote them.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from labsim import plugins
from labsim.catalogue import is_builtin, labs
from labsim.declare.exercises import Choice
from labsim.errors import unknown


@dataclass(frozen=True)
class Question:
    """A card: what is asked about `topic`, and the choices."""

    id: str
    topic: str
    question: str
    choices: tuple[Choice, ...]

    @property
    def answer(self) -> str:
        """The right letter."""
        return "abcdefgh"[[choice.right for choice in self.choices].index(True)]


@functools.cache
def all_questions() -> tuple[Question, ...]:
    """Every question, in the order written: of the labs of labsim in course order, then of others.

    What is wrong with the file of another package is told in one line; its questions are left out.
    """
    found: dict[str, Question] = {}
    for lab in sorted(labs().values(), key=lambda lab: not is_builtin(lab)):
        try:
            more = {q.id: q for q in _read(lab.home / "questions.yaml")} if lab.home else {}
            if taken := sorted(set(more) & set(found)):
                raise ValueError(f"another package has the questions {', '.join(taken)}")
            found |= more
        except Exception as error:      # whatever is wrong with another's file
            if is_builtin(lab):
                raise
            plugins.tell(f"of the lab {lab.slug}: questions.yaml", error)
    return tuple(found.values())


def _read(path: Path) -> list[Question]:
    import yaml

    if not path.is_file():
        return []
    return [Question(row["id"], row["topic"], row["question"],
                     tuple(Choice(**choice) for choice in row["choices"]))
            for row in yaml.safe_load(path.read_text(encoding="utf-8"))]


def questions(topics) -> tuple[Question, ...]:
    """The questions of these topics, any case; an unknown topic suggests the nearest."""
    known = dict.fromkeys(q.topic for q in all_questions())
    found = []
    for topic in topics:
        mine = [q for q in all_questions() if q.topic.casefold() == str(topic).casefold()]
        if not mine:
            raise unknown("topic", topic, known)
        found += mine
    return tuple(found)


def of_lab(lab) -> tuple[Question, ...]:
    """The questions of a lab's topics; none of a topic that has no questions."""
    known = {q.topic for q in all_questions()}
    return questions(topic for topic in lab.topics if topic in known)
