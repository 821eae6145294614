"""What people measured on AWS: small data sets, each with what, when, where, by whom, its licence.

Picture a shelf of lab journals. Each holds somebody's readings, as they were taken; its spine says
who took them, and under what conditions. Nothing on the shelf was worked out by labsim.

`data/measurements/` has one CSV per set and `measurements.csv`, its index, a row per set. Another
package that announces facts (`labsim.plugins`) may have a folder `measurements` of the same form.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from labsim import plugins
from labsim.errors import LabsimError, unknown
from labsim.factbook import data_folder

INDEX = "measurements.csv"


@dataclass(frozen=True)
class Measurement:
    """One row of the index, in its order, and the folder that it stands in."""

    id: str
    lab_or_service: str     # comma separated
    measured: str           # what was measured
    when: str
    where: str
    n: str                  # how often
    source: str             # by whom, in which file or article
    licence_as_seen: str
    file: str
    read_from_prose: str    # "no", or how the figures were read off a text
    folder: Path

    @property
    def topics(self) -> tuple[str, ...]:
        """The labs and services that it is about."""
        return tuple(part.strip() for part in self.lab_or_service.split(","))

    def rows(self, **where: object) -> list[dict[str, str]]:
        """Its rows, {column: text}; only those that have in the named columns the value given, or
        one of the values given. `LabsimError` for a column that it does not have, or no row."""
        path = self.folder / self.file
        with open(path, encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            found, columns = list(table), table.fieldnames or []
        if missing := [name for name in where if name not in columns]:
            raise LabsimError(f"{self.id}: {unknown('column', missing[0], columns)}")
        wanted = {name: {str(v) for v in (value if isinstance(value, list) else [value])}
                  for name, value in where.items()}
        chosen = [row for row in found if all(row[name] in wanted[name] for name in wanted)]
        if not chosen:
            raise LabsimError(f"{self.id}: no row where {where}")
        return chosen


@functools.cache
def measurements() -> Mapping[str, Measurement]:
    """{id: Measurement} of every set, here and in other packages."""
    found = {row.id: row for row in _index(data_folder() / "measurements")}
    for package, entry in plugins.entries(plugins.FACTS):
        try:
            more = {row.id: row for row in _index(plugins.folder(entry) / "measurements")}
            if taken := sorted(set(more) & set(found)):
                raise ValueError(f"another package has the measurements {', '.join(taken)}")
            found.update(more)
        except Exception as error:      # whatever is wrong with another's files
            plugins.tell(package, error)
    return found


def measurement(id: str) -> Measurement:
    """The set with this id; `ParameterError` for an unknown one suggests the nearest."""
    if id not in measurements():
        raise unknown("measurement", id, measurements())
    return measurements()[id]


def _index(folder: Path) -> list[Measurement]:
    path = folder / INDEX
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        wanted = [field.name for field in fields(Measurement)][:-1]
        if table.fieldnames != wanted:
            raise ValueError(f"{INDEX}: its columns are not {', '.join(wanted)}")
        found = [Measurement(**row, folder=folder) for row in table]
    if bad := [row.id for row in found if not (folder / row.file).is_file()]:
        raise ValueError(f"{INDEX}: there is no file of {bad[0]}")
    return found
