"""Where a study keeps what is finished: a Parquet file, whole at every moment.

Picture a logbook and a slip of paper beside it. Each entry is jotted down on the slip at once; now
and then the book is copied out anew with all of them, put in the place of the old one, and the
slip thrown away. Whoever opens the book finds the old one or the new one, never half a page, and
what is on the slip counts as well: a finished point is never run twice.

The file holds the study it belongs to in its metadata; another study's file is refused.
"""

import json
import os
import time
from pathlib import Path

from labsim.errors import LabsimError, optional

KEY = b"labsim.study"
PAUSE = 0.5     # s between two copies of the book


class Store:
    """The rows of a study's finished points: in `file` (a path, or None for memory only)."""

    def __init__(self, file, study: dict):
        self.path = None if file is None else Path(file)
        self.slip = self.path and self.path.with_name(self.path.name + ".slip")
        self.study = json.dumps(study, sort_keys=True, default=repr).encode()
        self.done: dict[int, list[dict]] = {}
        self._written = time.monotonic()
        self._unwritten = False
        if self.path and self.path.exists():
            self._load()
        if self.slip and self.slip.exists():
            self._load_slip()

    def add(self, point: int, rows: list[dict]) -> None:
        """Point number `point` is finished."""
        self.done[point] = rows
        self._unwritten = True
        if self.slip:
            self._saved(lambda: self._jot(point, rows))
        if time.monotonic() - self._written > PAUSE:
            self._write()

    def frame(self):
        """All rows, in the order of the points."""
        pd = optional("pandas")
        if self._unwritten:
            self._write()
        return pd.DataFrame([row for point in sorted(self.done) for row in self.done[point]])

    def _saved(self, action) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            action()
        except OSError as error:
            raise LabsimError(f"{self.path}: cannot be written: {error.strerror}") from None

    def _jot(self, point: int, rows: list[dict]) -> None:
        with open(self.slip, "ab") as file:
            if not file.tell():
                file.write(self.study + b"\n")
            file.write(json.dumps({"point": point, "rows": rows}).encode() + b"\n")

    def _write(self) -> None:
        self._unwritten = False
        self._written = time.monotonic()
        if self.path is None:
            return
        pa, pq = optional("pyarrow"), optional("pyarrow.parquet")
        rows = [{"point": point, **row} for point, kept in self.done.items() for row in kept]
        table = pa.Table.from_pylist(rows)
        draft = self.path.with_name(self.path.name + ".tmp")

        def copy_out():
            pq.write_table(table.replace_schema_metadata({KEY: self.study}), draft)
            os.replace(draft, self.path)
            self.slip.unlink(missing_ok=True)
        self._saved(copy_out)

    def _load(self) -> None:
        pa, pq = optional("pyarrow"), optional("pyarrow.parquet")
        try:
            table = pq.read_table(self.path)
        except (OSError, pa.ArrowInvalid) as error:
            raise LabsimError(f"{self.path}: not a Parquet file: {error}") from None
        self._same((table.schema.metadata or {}).get(KEY))
        for row in table.to_pylist():
            self.done.setdefault(row.pop("point"), []).append(row)

    def _load_slip(self) -> None:
        """Into the book with what is on the slip, but for a line that a kill cut off."""
        study, *lines = self.slip.read_bytes().split(b"\n")
        if lines:
            self._same(study)
        for line in lines[:-1]:
            entry = json.loads(line)
            self.done[entry["point"]] = entry["rows"]
        if self.done:
            self._write()
        else:
            self.slip.unlink()

    def _same(self, study: bytes | None) -> None:
        if study != self.study:
            raise LabsimError(f"{self.path}: holds another study; choose another file, "
                              "or delete it")
