"""The facts table: every limit, default, delay and price that a model uses, with its source.

`data/facts.csv` and `data/prices.csv` hold one row per fact: the course notes' value, today's
value, unit, source and confidence. A model asks for a number by id
(`value("sqs.visibility_default_s")`), a reader for a topic's table (`facts("sqs")`).

Another package adds facts of its own, files of the same names and columns, see `labsim.packages`;
a course may have other values in its notes, see `labsim.coursefile`.
"""

import csv
import functools
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

from labsim import coursefile, packages
from labsim._callable import make_callable
from labsim.errors import unknown
from labsim.tables import as_html, as_text

FILES = "facts.csv", "prices.csv"


def data_folder() -> Path:
    """The folder `data/`: in the installed package, or at the top of a checkout."""
    here = Path(__file__).parent
    return here / "data" if (here / "data").is_dir() else here.parent / "data"


@dataclass(frozen=True)
class Fact:
    """One row. `notes` and `today` are texts as printed; empty where nothing is said."""

    id: str
    service: str
    quantity: str
    unit: str
    notes: str
    today: str
    kind: str
    confidence: str     # verified, unverified, notes-only
    source: str
    comment: str

    def number(self, side: str = "today") -> float:
        """The value as a number, as of `side`: "today" or "notes"; where that side says nothing,
        the other's. ValueError where it is not a number."""
        text = self.notes or self.today if side == "notes" else self.today or self.notes
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"fact {self.id} is not a number: {text!r}") from None

    @property
    def numbers_differ(self) -> bool:
        """Whether notes and today both have a number, and another one."""
        try:
            return self.number("notes") != self.number("today")
        except ValueError:
            return False

    @property
    def differs(self) -> bool:
        """Whether the notes say something else than AWS does today."""
        return bool(self.notes and self.today and self.notes != self.today)


class FactTable(tuple):
    """Facts to look at: text in a terminal, a table in a notebook."""

    columns = ("Fact", "In the notes", "Today", "Unit", "Confidence")

    def _rows(self):
        return [(f.quantity, _spaced(f.notes), _spaced(f.today), f.unit, f.confidence)
                for f in self]

    def __repr__(self) -> str:
        return as_text(self.columns, self._rows())

    def _repr_html_(self) -> str:
        return as_html(self.columns, self._rows())


def _spaced(text: str) -> str:
    """A value to look at: thousands separated, a dash for nothing."""
    return f"{int(text):,}" if text.isdecimal() else text or "-"


def all_facts() -> dict[str, Fact]:
    """{id: Fact} of every row of facts.csv and prices.csv, here and in other packages; the notes'
    values as the course in effect has them."""
    course = coursefile.current()
    return _all() if course is None else _noted(course)


@functools.cache
def _all() -> dict[str, Fact]:
    found = {fact.id: fact for fact in _rows(data_folder())}
    for package, entry in packages.entries(packages.FACTS):
        try:
            more = {fact.id: fact for fact in _rows(packages.folder(entry))}
            if taken := sorted(set(more) & set(found)):
                raise ValueError(f"another package has the facts {', '.join(taken)}")
            found |= more
        except Exception as error:      # whatever is wrong with another's files
            packages.tell(package, error)
    return found


def _rows(folder: Path) -> list[Fact]:
    rows = []
    for path in (folder / name for name in FILES):
        if not path.is_file():
            continue
        with open(path, encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            wanted = [field.name for field in fields(Fact)]
            if table.fieldnames != wanted:
                raise ValueError(f"{path.name}: its columns are not {', '.join(wanted)}")
            rows += [Fact(**row) for row in table]
    if not rows:
        raise ValueError(f"no facts: neither {' nor '.join(FILES)} has a row")
    if bad := [row.id for row in rows if not row.id or None in vars(row).values()]:
        raise ValueError(f"a row of facts.csv or prices.csv is short: {bad[0]}")
    return rows


@functools.cache
def _noted(course: coursefile.CourseFile) -> dict[str, Fact]:
    found = dict(_all())
    for id, given in course.read["notes"].items():
        if id not in found:
            raise course.unknown("fact", f"notes.{id}", id, found)
        found[id] = _with_notes(course, found[id], given)
    return found


def _with_notes(course, fact: Fact, given: float | str) -> Fact:
    """The fact with other notes. Today's value stays, also where that is the notes' of old."""
    try:
        old = fact.number()
    except ValueError:      # a rule, in words
        return replace(fact, notes=str(given), today=fact.today or fact.notes)
    if isinstance(given, str) or given < 0 or (given == 0 < old) or math.isinf(given):
        raise course.wrong(f"notes.{fact.id}", given,
                           f"a number above zero, in {fact.unit or 'no unit'}")
    return replace(fact, notes=repr(given),
                   today=fact.today or fact.notes)


def fact(id: str) -> Fact:
    """The fact with this id; an unknown id suggests the nearest."""
    if id not in all_facts():
        raise unknown("fact", id, all_facts())
    return all_facts()[id]


def value(id: str, side: str = "today") -> float:
    """The value of a fact, in its unit: AWS's today, or with side "notes" the course notes'."""
    return fact(id).number(side)


def facts(topic: str) -> FactTable:
    """The facts of a topic: a service ("S3"), or an id's first part ("s3"), any case."""
    wanted = str(topic).casefold()
    rows = [f for f in all_facts().values()
            if wanted in (f.service.casefold(), f.id.split(".")[0])]
    if not rows:
        raise unknown("topic", topic, dict.fromkeys(f.service for f in all_facts().values()))
    return FactTable(rows)


def table(ids) -> FactTable:
    """The facts with these ids, in this order."""
    return FactTable(fact(id) for id in ids)


make_callable(__name__, facts)
