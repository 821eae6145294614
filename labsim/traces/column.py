"""One series of a file, as the file has it: what a format hands on, before anything is made of it.

    Column(times, values, lines, name="RequestCount", statistic="Sum", unit="Count", period=300)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

SECONDS = {"ms": 1e-3, "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3_600,
           "hr": 3_600, "hour": 3_600, "d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800}


@dataclass(frozen=True, eq=False)
class Column:
    """Times and values as they are written, and what the file says of them."""

    times: Sequence[str]
    values: Sequence            # texts or numbers; "", None, "NaN": none
    lines: Sequence[int]        # of the file
    name: str = ""
    statistic: str = ""         # Sum, Average, ... as CloudWatch calls it
    unit: str = ""
    period: float = 0.0         # s, where the file says it
    kind: str = ""              # "counts", "rate", "total" where the format is one of that
    of: str = ""                # which of several: a host, a method
    part: bool = False          # of another: taken where it is asked for
    notes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # other names that it goes by
    european: bool = False      # a comma may be the decimal point

    @property
    def called(self) -> str:
        """Its name, with the statistic and of what it is, where the file says it."""
        return " ".join(filter(None, (self.of, self.name, self.statistic))) or "value"

    def answers(self, wanted: str) -> bool:
        """Whether it goes by this name, in any case."""
        return wanted.strip().casefold() in [
            name.casefold() for name in (self.called, self.name, self.of, *self.also) if name]

    def noting(self, *notes: str) -> "Column":
        """The same, with more to say."""
        return replace(self, notes=(*self.notes, *notes))


def seconds(text: str) -> float:
    """Of the length that a file says: "5m", "1 hour", "300"; 0 for what is none."""
    found = re.fullmatch(r"(\d{1,9})\s*([a-z]*)", text.strip().casefold())
    if not found:
        return 0.0
    unit = found[2] if found[2] in SECONDS else found[2].removesuffix("s")
    return float(found[1]) * SECONDS.get(unit or "s", 0)
