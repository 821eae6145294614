"""Faults: any part that can be broken, at any moment, for how long and how badly.

Picture a fire drill's script: at ten past two the lift stops, for five minutes; at half past the
telephone line hisses. Who is named in it has to exist, and nobody reads from it twice.

*Models:* a list of faults, each of which strikes one part (or a piece of it, such as one target of
a balancer) from a moment on, and is mended after a while. What a fault does, the part says. Several
may hold at a time, also of one kind on one piece, each until its own end: a piece is down, or
hangs, as long as any of them holds; shares that fail, get lost or are gone are struck by each for
itself (two halves make three quarters); times as long multiply, s longer and copies lost add up,
and of limits the lowest holds.
*Leaves out:* faults that come by chance, as with a mean time between them.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labsim.declare.amounts import amount
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError, nearest, require, short


class FaultKind(NamedTuple):
    """What a fault of one kind does, in words; what its amount is ("" for none), its unit, from
    where to where it goes, and what is offered first; whether it lasts, or is over at once."""

    meaning: str
    amount: str = ""
    unit: str = ""
    least: float = 0.0
    most: float = math.inf
    usual: float = 0.0
    lasting: bool = True

    def said(self, what: str, amounts: Iterable[float]) -> str:
        """Faults of this kind, called `what`, and by how much: "slow (3, 5 times as long)"."""
        if not self.amount:
            return what
        if self.amount.startswith("share"):
            return f"{what} ({', '.join(f'{100 * x:g}%' for x in amounts)})"
        return f"{what} ({', '.join(f'{x:g}' for x in amounts)} {self.amount})"


DOWN = FaultKind("refuses whatever comes, and loses what it has at hand")
HANGS = FaultKind("takes whatever comes, and never answers")
SLOW = FaultKind("work that begins takes so many times as long", "times as long", "x", 1.0, 1e6,
                 5.0)
LOST = FaultKind("a share of what is sent gets lost, there and on the way back",
                 "share that is lost", "", 0.0, 1.0, 0.5)
LATER = FaultKind("what is sent takes so many s longer, there and back together", "s longer", "s",
                  0.0, 1e6, 1.0)
ERRORS = FaultKind("a share of what it does fails", "share that fails", "", 0.0, 1.0, 0.5)


def together(shares: Iterable[float]) -> float:
    """The share that is struck by any of several faults, each of which strikes such a share."""
    return 1.0 - math.prod(1.0 - share for share in shares)


class Fault(NamedTuple):
    """What is done to a part or a piece of it: of which kind, from `at` s on, for `lasts` s (0: to
    the end), and by how much (None: not said, as it must be where a kind has an amount)."""

    part: str
    what: str
    at: float
    lasts: float = 0.0
    amount: float | None = None

    @property
    def end(self) -> float:
        """When it is mended, s."""
        return self.at + self.lasts if self.lasts else math.inf

    @property
    def text(self) -> str:
        """As a row of a text."""
        return " ".join([self.part, self.what, *(f"{x:.12g}" for x in self[2:] if x is not None)])


def checked(faults) -> tuple[Fault, ...]:
    """The faults of a list of rows (part, what, at, lasts, amount), or of a text "part what at
    lasts amount; ...": a part's name may have blanks. `ParameterError`; names are not checked."""
    if isinstance(faults, str):
        faults = [_row(text) for text in re.split(r"[;\n]", faults) if text.strip()]
    if isinstance(faults, tuple) and faults and isinstance(faults[0], str):
        faults = [faults]
    if not isinstance(faults, Iterable) or isinstance(faults, dict):
        raise _refused(faults)
    return tuple(map(_fault, faults))


def as_text(faults) -> str:
    """The same as a text, always in the same words; "" for none."""
    return "; ".join(fault.text for fault in checked(faults))


def _row(text: str) -> list:
    words, numbers = text.split(), []
    while len(words) > 2 and len(numbers) < 3 and (number := _number(words[-1])) is not None:
        numbers.insert(0, number)
        words.pop()
    return [" ".join(words[:-1]), *words[-1:], *numbers]


def _number(word: str) -> float | None:
    try:
        return amount(word, "s")
    except ValueError:
        return None


def _fault(row) -> Fault:
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise _refused(row)
    row = tuple(row)
    if not (3 <= len(row) <= 5 and isinstance(row[0], str) and isinstance(row[1], str)):
        raise _refused(row)
    for name, given in zip(Fault._fields[2:], row[2:]):
        try:
            if name != "amount" or given is not None:
                require(name, given, unit="" if name == "amount" else "s")
        except ParameterError as error:
            raise ParameterError("faults", row, str(error),
                                 f"faults: {short(row)}: {error}") from None
    return Fault(*row[:2], *(given if given is None else float(given) for given in row[2:]))


def _refused(given) -> ParameterError:
    return ParameterError("faults", given, 'a list of (part, what, at, lasts, amount), such as '
                          '("db", "slow", 600, 120, 5.0)')


def places(sim: Simulation) -> dict[str, tuple]:
    """{piece: (its part, what can be done to it)} of all that can be broken."""
    found: dict[str, tuple] = {}
    for part in sim.parts.values():
        for piece, kinds in part.breakable().items():
            found.setdefault(piece, (part, kinds))
    return found


def schedule(sim: Simulation, faults: Sequence[Fault]) -> None:
    """Have these faults strike in a run that is about to begin. `ParameterError` for one that names
    no part, does something to it that can't be, or doesn't say how badly; it suggests the nearest.
    """
    found = places(sim) if faults else {}
    for fault in faults:
        if not found:
            raise ParameterError("faults", fault, "none, since no part here can be broken")
        if fault.part not in found:
            part = sim.parts.get(fault.part)        # of which only pieces can be broken
            raise _unknown("part", fault.part, found, part.breakable() if part else ())
        part, kinds = found[fault.part]
        if fault.what not in kinds:
            raise _unknown(f"fault of {fault.part}", fault.what, kinds)
        kind = kinds[fault.what]
        if kind.amount:
            try:
                require(kind.amount, fault.amount, kind.least, kind.most, kind.unit)
            except ParameterError as error:
                said = error if fault.amount is not None else (
                    f"how badly is missing: {kind.amount}, {error.allowed}")
                raise ParameterError("faults", fault, error.allowed,
                                     f"faults: {fault.part} {fault.what}: {said}") from None
        elif fault.amount:
            raise ParameterError("faults", fault, "no amount", f"faults: {fault.part} {fault.what} "
                                 f"takes no amount, given {fault.amount:g}")
        part.brace(fault.part, fault.what)
        sim.pace.jumps([fault.at, fault.at + fault.lasts])
        sim.process(_striking(sim, part, fault))


def _unknown(what: str, name: str, known, own=()) -> ParameterError:
    meant = f"one of {', '.join(own)}" if own else nearest(name, known)
    return ParameterError("faults", name, f"one of {', '.join(known)}",
                          f"faults: unknown {what} {short(name)}: {meant}")


def _striking(sim: Simulation, part, fault: Fault):
    yield sim.until(min(fault.at, sim.duration), Order.CAPACITY)
    amount = fault.amount or 0.0
    part.strike(fault.part, fault.what, amount, fault.end)
    if fault.end < sim.duration:
        yield sim.until(fault.end, Order.CAPACITY)
        part.mend(fault.part, fault.what, amount)
