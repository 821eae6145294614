"""Requests as rows of a table, made in blocks, had piece by piece as the clock moves on.

Picture a delivery note per crate: what is in it, line by line, in the order of arrival. Crates come
when they come; who unloads takes lines off the top until it is time to stop.

*Models:* blocks of rows sorted by time; those up to a time; several sources as one.
*Leaves out:* what the columns mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

R = TypeVar("R", bound="Rows")


@dataclass(frozen=True)
class Rows:
    """Columns of one length, sorted by the first, which is the time, s. Subclass it to say which
    columns there are."""

    t: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """All columns."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def part(self: R, which) -> R:
        """Some of the rows: a slice, a mask or an order."""
        return type(self)(*(column[which] for column in self.columns))


def together(several: list[R]) -> R:
    """The rows of several, at least one, in the order of time."""
    if len(several) == 1:
        return several[0]
    joined = type(several[0])(*map(np.concatenate, zip(*(one.columns for one in several))))
    return joined.part(np.argsort(joined.t, kind="stable"))


class Source:
    """Rows that will come, in blocks, of which those up to a time can be had."""

    def __init__(self, blocks: Iterator[Rows]):
        self._blocks, self._rest = iter(blocks), None

    def upto(self, until: float) -> Iterator[Rows]:
        """Those of up to and including `until` s that were not had before, in pieces."""
        while True:
            block = self._rest or next((b for b in self._blocks if len(b)), None)
            if block is None:
                return
            last = int(block.t.searchsorted(until, side="right"))
            self._rest = block.part(slice(last, None)) if last < len(block) else None
            if last:
                yield block.part(slice(last))
            if self._rest:
                return
