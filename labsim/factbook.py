"""The facts table: every limit, default, delay and price that a model uses, with its source.

Picture a reference book on the desk: whoever writes a number down says on which line it stands.

`data/facts/` and `data/prices/` hold one file per service, one row per fact: the course notes'
value, today's value, unit, source and confidence. A model asks for a number by id
(`value("sqs.visibility_default_s")`), a reader for a topic's table (`labsim.facts("sqs")`).

Another package adds facts of its own: facts.csv and prices.csv with the same columns, see
`labsim.plugins`. A course may have other values in its notes: another `FactBook`, handed to the
labs of that course (`Lab.adapted`).
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from labsim import plugins
from labsim.errors import unknown
from labsim.tables import as_html, as_text
from labsim.text import in_full

KINDS = "facts", "prices"


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
    confidence: str     # verified, measured (by somebody, on AWS), unverified, notes-only
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

    def told(self, side: str) -> str:
        """The value of one side to look at, with its unit; a dash for nothing."""
        text, unit = getattr(self, side), "" if self.unit in ("rule", "count") else self.unit
        if not text:
            return "-"
        try:
            return in_full(float(text), unit)
        except ValueError:      # in words
            once = "" if unit in text.replace(")", " ").split() else unit
            return f"{text} {once}".strip()

    def noted(self, notes: str) -> "Fact":
        """The fact with other notes. Today's value stays, also where that is the notes' of old."""
        return replace(self, notes=notes, today=self.today or self.notes)


class FactTable(tuple):
    """Facts to look at: text in a terminal, a table in a notebook."""

    columns = ("Fact", "In the notes", "Today", "Confidence")

    def _rows(self):
        return [(f.quantity, f.told("notes"), f.told("today"), f.confidence) for f in self]

    def __repr__(self) -> str:
        return as_text(self.columns, self._rows())

    def _repr_html_(self) -> str:
        return as_html(self.columns, self._rows())


class FactBook(dict):
    """{id: Fact}; an unknown id or topic is a `ParameterError` that suggests the nearest."""

    def fact(self, id: str) -> Fact:
        """The fact with this id."""
        if id not in self:
            raise unknown("fact", id, self)
        return self[id]

    def value(self, id: str, side: str = "today") -> float:
        """The value of a fact, in its unit: AWS's today, or with side "notes" the notes'."""
        return self.fact(id).number(side)

    def facts(self, topic: str) -> FactTable:
        """The facts of a topic: a service ("S3"), or an id's first part ("s3"), any case."""
        wanted = str(topic).casefold()
        rows = [f for f in self.values() if wanted in (f.service.casefold(), f.id.split(".")[0])]
        if not rows:
            raise unknown("topic", topic, self.topics())
        return FactTable(rows)

    def topics(self) -> dict[str, int]:
        """{service: how many facts}."""
        services = [f.service for f in self.values()]
        return {service: services.count(service) for service in dict.fromkeys(services)}

    def table(self, ids) -> FactTable:
        """The facts with these ids, in this order."""
        return FactTable(self.fact(id) for id in ids)

    def noted(self, notes: Mapping[str, str]) -> "FactBook":
        """This book with other notes, {id: text}."""
        return FactBook({**self, **{id: self.fact(id).noted(text) for id, text in notes.items()}})


@functools.cache
def book() -> FactBook:
    """Every row of every file, here and in other packages."""
    folder = data_folder()
    found = FactBook((fact.id, fact) for fact in _rows(
        path for kind in KINDS for path in sorted((folder / kind).glob("*.csv"))))
    for package, entry in plugins.entries(plugins.FACTS):
        try:
            theirs = plugins.folder(entry)
            more = {fact.id: fact for fact in _rows(theirs / f"{kind}.csv" for kind in KINDS)}
            if taken := sorted(set(more) & set(found)):
                raise ValueError(f"another package has the facts {', '.join(taken)}")
            found.update(more)
        except Exception as error:      # whatever is wrong with another's files
            plugins.tell(package, error)
    return found


def _rows(paths) -> list[Fact]:
    rows = []
    for path in paths:
        if not path.is_file():
            continue
        with open(path, encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            wanted = [field.name for field in fields(Fact)]
            if table.fieldnames != wanted:
                raise ValueError(f"{path.name}: its columns are not {', '.join(wanted)}")
            rows += [Fact(**row) for row in table]
    if not rows:
        raise ValueError("no facts: neither facts.csv nor prices.csv has a row")
    if bad := [row.id for row in rows if not row.id or None in vars(row).values()]:
        raise ValueError(f"a row of facts.csv or prices.csv is short: {bad[0]}")
    return rows


def fact(id: str) -> Fact:
    """The fact with this id; an unknown id suggests the nearest."""
    return book().fact(id)


def value(id: str, side: str = "today") -> float:
    """The value of a fact, in its unit: AWS's today, or with side "notes" the course notes'."""
    return book().value(id, side)


def table(ids) -> FactTable:
    """The facts with these ids, in this order."""
    return book().table(ids)
