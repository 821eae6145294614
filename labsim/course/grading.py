"""Hand-ins graded: every answer is worked out again by the lab that asked.

Picture an examiner who takes nothing from the sheet but the answers, at arm's length: an envelope
that is too thick, or ticking, is put aside unopened, with a note, and the next one is taken.

Nothing of a file is executed; parameters run in the model under a small budget and a time limit.
"""

import csv
import io
import json
import os
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from labsim.catalogue import lab as find_lab
from labsim.course import handin, progress
from labsim.engine import Budget, Cancelled
from labsim.errors import LabsimError, ParameterError
from labsim.tables import as_text

# What one run of a learner's parameters may take: a fraction of a second in plain Python. An
# exercise whose own good answer takes more gets twice that.
SMALL = Budget(requests=1e6, events=1e5, cells=4e6, bytes=400e6)
SECONDS = 30.0      # for one file
FORMULA = tuple("=+-@\t\r")     # how a cell begins that a spreadsheet would work out
WORDS = {None: "blank", True: "yes", False: "no"}


@dataclass(frozen=True)
class Mark:
    """One exercise of one hand-in; `right` is "yes", "no" or "blank", `points` 1 or 0."""

    learner: str
    lab: str
    exercise: str
    right: str
    points: int
    answer: str
    feedback: str
    file: str


@dataclass(frozen=True)
class Refusal:
    """A file, or an answer in one, that was not graded, and why."""

    file: str
    why: str


@dataclass
class Grades:
    """What came of a folder: marks in order, and refusals; shows itself as a table."""

    marks: list[Mark]
    refusals: list[Refusal]

    def __repr__(self) -> str:
        columns = ("learner", "lab", "exercise", "right", "points", "feedback")
        rows = [[str(getattr(mark, c)) for c in columns] for mark in self.marks]
        return as_text(columns, rows, widest=60)

    def totals(self) -> str:
        """Points of each learner in each lab."""
        sums: dict[tuple[str, str], list[int]] = {}
        for mark in self.marks:
            sums.setdefault((mark.learner, mark.lab), []).append(mark.points)
        return as_text(("learner", "lab", "points"), [
            (learner, lab, f"{sum(points)} of {len(points)}")
            for (learner, lab), points in sums.items()], widest=60)

    def csv_text(self) -> str:
        """One line per exercise; no cell begins like a spreadsheet's formula."""
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(field.name for field in fields(Mark))
        for mark in self.marks:
            lines.writerow("'" + cell if isinstance(cell, str) and cell.startswith(FORMULA)
                           else cell for cell in astuple(mark))
        return out.getvalue()


def grade(folder: Path | str, tell: Callable[[float], None] = lambda share: None) -> Grades:
    """Grade every file of `folder`, by name; `tell` is told the share that is done."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise LabsimError(f"{folder}: can't be read: {error.strerror}") from None
    if not names:
        raise LabsimError(f"{folder}: there is nothing in it")
    grades, seen, models = Grades([], []), {}, {}
    for done, name in enumerate(names):
        tell(done / len(names))
        file = clean(name)
        try:
            envelope = handin.opened(fetched(Path(folder) / name))
            who = _folded(envelope["learner"]), envelope["lab"]
            if who in seen:
                raise LabsimError(f"a second hand-in of {clean(envelope['learner'])} for "
                                  f"{envelope['lab']}; {seen[who]} was graded")
            seen[who] = file
            model = models.setdefault(envelope["lab"], Examiner(find_lab(envelope["lab"])))
            marks, refused = model.marked(envelope, file)
            grades.marks += marks
            grades.refusals += [Refusal(file, why) for why in refused]
        except LabsimError as error:
            grades.refusals.append(Refusal(file, clean(str(error), 200)))
    tell(1.0)
    return grades


def fetched(path: Path) -> str:
    """The text of a hand-in: a regular file, no link, not large; `LabsimError` for all else."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        kind = os.lstat(path)
        if stat.S_ISLNK(kind.st_mode):
            raise LabsimError("a link, not a file")
        if not stat.S_ISREG(kind.st_mode):
            raise LabsimError("a folder" if stat.S_ISDIR(kind.st_mode) else "not a file")
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise LabsimError("not a file")
            data = file.read(handin.MOST_BYTES + 1)
    except OSError as error:
        raise LabsimError(f"can't be read: {error.strerror}") from None
    if len(data) > handin.MOST_BYTES:
        raise LabsimError(f"more than {handin.MOST_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LabsimError("not a text in UTF-8") from None


class Examiner:
    """A lab that works out answers within a budget and a time; its own runs, which every
    learner's answer is compared with, are made once."""

    def __init__(self, lab):
        self.lab = lab
        self._own: dict = {}            # {(params, seed): result}
        self._budgets: dict[str, Budget] = {}
        self._budget: Budget | None = None      # None while the runs are the lab's own
        self._used: list = []
        self._stop = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lab, name)

    def run(self, params=None, seed: int = 1, **how):
        """The lab's run: its own are kept, a learner's is within the budget and the time."""
        params = self.lab.Params() if params is None else params
        self._used.append(params)
        if (params, seed) in self._own:
            return self._own[params, seed]
        if self._budget:
            return self.lab.run(params, seed, budget=self._budget, stop=self._stop)
        return self._own.setdefault((params, seed), self.lab.run(params, seed))

    def prepare(self, asked) -> None:
        """Make the lab's own runs for an exercise, and know from them what a learner's may take."""
        if asked.id not in self._budgets:
            self._budget, self._used = None, []
            asked.check(self, asked.answer(self))
            own = [self.lab.estimate(params) for params in self._used]
            self._budgets[asked.id] = Budget(**{
                name: max([getattr(SMALL, name), *(2.0 * getattr(e, name) for e in own)])
                for name in (field.name for field in fields(Budget))})

    def marked(self, envelope: dict, file: str) -> tuple[list[Mark], list[str]]:
        """The marks of a hand-in, and what is wrong with answers in it that are to no exercise."""
        exercises, answers = self.lab.exercises, envelope["answers"]
        for asked in exercises:
            self.prepare(asked)
        self._stop.clear()
        alarm = threading.Timer(SECONDS, self._stop.set)
        alarm.daemon = True
        alarm.start()
        try:
            marks = [self._mark(asked, answers.get(asked.id), clean(envelope["learner"]), file)
                     for asked in exercises]
        finally:
            alarm.cancel()
        unknown = [id for id in answers if id not in {asked.id for asked in exercises}]
        return marks, [f"{self.lab.slug} has no exercise {clean(id)}" for id in unknown]

    def _mark(self, asked, answer: Any, learner: str, file: str) -> Mark:
        try:
            right, why = self._judged(asked, answer)
        except Cancelled:
            right, why = False, f"not graded: this file took more than {SECONDS:g} s"
        except LabsimError as error:
            right, why = False, str(error)
        except Exception as error:      # an answer on which a model fails is not right
            right, why = False, f"the lab can't work this out: {type(error).__name__}"
        said = "" if answer is None else clean(json.dumps(answer), 200)
        return Mark(learner, self.lab.slug, asked.id, WORDS[right], int(right is True), said,
                    clean(why, 200), file)

    def _judged(self, asked, answer: Any) -> tuple[bool | None, str]:
        if answer is None or answer == "":
            return None, "not answered"
        if progress.plain(answer) != answer:
            return False, "the answer is too long, or nested too deeply"
        if self._stop.is_set():
            raise Cancelled
        for name in answer if isinstance(answer, dict) else ():
            spec = self.lab.Params.specs().get(name)
            if spec and spec.type is str and not spec.choices:
                raise ParameterError(name, answer[name], "nothing: a hand-in reads no files")
        self._budget = self._budgets[asked.id]
        feedback = asked.check(self, answer)
        return bool(feedback.right), feedback.reason or feedback.text   # a slip is not right


def clean(text: str, most: int = 60) -> str:
    """Text of a stranger on one line: no control or invisible characters, cut at `most`."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= most else text[:most - 3] + "..."


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def lines(refusals: Iterable[Refusal]) -> list[str]:
    """A line per refusal."""
    return [f"refused {refusal.file}: {refusal.why}" for refusal in refusals]
