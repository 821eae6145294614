"""The facts table: every limit, default, delay and price that a model uses, with its source.

`data/facts.csv` holds one row per fact: the course notes' value, today's value, unit, source
and confidence. A model asks for a number by id (`value("sqs.visibility_default_s")`), a reader
for a topic's table (`facts("sqs")`).
"""

import csv
import functools
import html
from dataclasses import dataclass
from pathlib import Path

from labsim._callable import make_callable
from labsim.errors import unknown


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

    @property
    def number(self) -> float:
        """Today's value as a number; ValueError where it is not one."""
        try:
            return float(self.today or self.notes)
        except ValueError:
            raise ValueError(f"fact {self.id} is not a number: {self.today!r}") from None

    @property
    def differs(self) -> bool:
        """Whether the notes say something else than AWS does today."""
        return bool(self.notes and self.today and self.notes != self.today)


class FactTable(tuple):
    """Facts to look at: text in a terminal, a table in a notebook."""

    columns = ("Fact", "In the notes", "Today", "Unit", "Confidence")

    def _rows(self):
        return [(f.quantity, f.notes or "-", f.today or "-", f.unit, f.confidence) for f in self]

    def __repr__(self) -> str:
        rows = [self.columns, *self._rows()]
        widths = [min(44, max(len(row[i]) for row in rows)) for i in range(len(self.columns))]
        lines = ["  ".join(cell[:44].ljust(w) for cell, w in zip(row, widths)).rstrip()
                 for row in rows]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])

    def _repr_html_(self) -> str:
        def row(cells, tag):
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{html.escape(c)}</{tag}>'
                                    for c in cells) + "</tr>"
        body = "".join(row(cells, "td") for cells in self._rows())
        return f"<table><thead>{row(self.columns, 'th')}</thead><tbody>{body}</tbody></table>"


@functools.cache
def all_facts() -> dict[str, Fact]:
    """{id: Fact} of every row of facts.csv."""
    with open(data_folder() / "facts.csv", encoding="utf-8", newline="") as file:
        rows = [Fact(**row) for row in csv.DictReader(file)]
    return {fact.id: fact for fact in rows}


def fact(id: str) -> Fact:
    """The fact with this id; an unknown id suggests the nearest."""
    if id not in all_facts():
        raise unknown("fact", id, all_facts())
    return all_facts()[id]


def value(id: str) -> float:
    """Today's value of a fact, in its unit."""
    return fact(id).number


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
