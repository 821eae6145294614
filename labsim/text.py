"""Numbers as people say them, and the words for yes and no.

Picture a newsreader with a sheet of numbers: "five minutes", "68 percent of requests", "1.2
billion", never "300 s", "0.68" or "1.2e+09". One rule, which is data: a unit belongs to a family,
and a family is a list of rows (factor, name, least, whole), largest first. A value takes the first
row of which it has at least `least`, or a whole number of at least `whole`; None: never.
Then come three significant figures, thousands separated, halves rounded up.
"""

import math
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal

TRUTH = {"true": True, "yes": True, "on": True, "1": True,
         "false": False, "no": False, "off": False, "0": False}

NUMBERS = ((1e12, "trillion", 1, 1), (1e9, "billion", 1, 1), (1e6, "million", 10, 1),
           (1, "", 0, 1))
TIMES = ((86_400, "day", 2, 1), (3_600, "h", 2, 1), (60, "min", 5, 2), (1, "s", 1, 1),
         (0.001, "ms", 1, 1), (1e-6, "\u00b5s", 0, 1))
SIZES = ((2**40, "TiB", None, 1), (1e12, "TB", 1, 1), (2**30, "GiB", None, 1), (1e9, "GB", 1, 1),
         (2**20, "MiB", None, 1), (1e6, "MB", 1, 1), (2**10, "KiB", None, 1), (1e3, "KB", 1, 1),
         (1, "byte", 0, 1))
# Unit -> (family, the unit in that family's factors, what follows the name). Any other unit, such
# as MB, with which AWS means powers of ten or of two, stays as it is, behind one of NUMBERS.
FAMILIES = {"s": (TIMES, 1, ""), "ms": (TIMES, 0.001, ""), "min": (TIMES, 60, ""),
            "h": (TIMES, 3_600, ""), "day": (TIMES, 86_400, ""), "days": (TIMES, 86_400, ""),
            "bytes": (SIZES, 1, ""), "bytes/s": (SIZES, 1, "/s")}
COUNTED = ("day", "byte")       # names in a family that have a plural
CLOSE = ("%", "x")              # units that stand close to their number
SHARE = "share"                 # the unit of a part of 1; "of requests" says of what
FIGURES, EXACT = 3, 12          # significant figures
RULE = {"families": FAMILIES, "numbers": NUMBERS, "share": SHARE, "counted": COUNTED,
        "close": CLOSE}         # as JSON for labsim/view/stage/said.js


def said(value: float, unit: str = "") -> tuple[str, str]:
    """A value as people say it, its number and its unit apart: ("5", "min") of 300 s,
    ("68%", "of requests") of 0.68 of requests."""
    rows, _, size = _measured(value, unit)
    return _told(value, unit, next(_fitting(rows, size, float(_rounded(size)))))


def format_value(value: float, unit: str = "") -> str:
    """A value with its unit as people say it, in three significant figures: "5 min"."""
    return " ".join(said(value, unit)).strip()


def labelled(value: float, unit: str, label: str) -> str:
    """A value of a box, whose label says what it is: "100 visible", "80.5% hits", "45 ms to an
    answer". Of a unit stands what the label leaves open: which one of its family."""
    number, its = said(value, unit)
    return " ".join(filter(None, (number, its if unit in FAMILIES else "", label)))


def two(first: float, between: str, second: float, unit: str = "") -> str:
    """Two values with a sign or a word between them, in the unit of the larger, which is said
    once: "4 to 7 min", "12.3 \u00b1 0.3 ms"."""
    rows, _, size = _measured(max(abs(first), abs(second)), unit)
    row = next(_fitting(rows, size, float(_rounded(size))))
    (one, its), (other, unit) = (_told(value, unit, row) for value in (first, second))
    return f"{one} {between} {other} {unit or its}".strip()


def in_full(value: float, unit: str = "") -> str:
    """The same, not rounded: in the largest unit in which three figures say it, or in its own."""
    rows, _, size = _measured(value, unit)
    fitting = list(_fitting(rows, size, size))
    fitting = [row for row in fitting if row[0] >= min(1, fitting[0][0])]
    row = next((row for row in fitting if _rounded(size / row[0]) == _rounded(
        size / row[0], EXACT)), fitting[-1])
    return " ".join(_told(value, unit, row, EXACT)).strip()


def scale(largest: float, unit: str) -> tuple[float, str]:
    """How an axis up to `largest` is told: what one of its units is in `unit`, and its name."""
    rows, behind, size = _measured(largest, unit)
    if rows is NUMBERS:
        return 1, unit
    factor, name = next(_fitting(rows, size, float(_rounded(size))))
    return factor / FAMILIES[unit][1], name + "s" * (name in COUNTED) + behind


def without(unit: str) -> str:
    """The unit for a sentence that says itself what a part is of."""
    return SHARE if is_share(unit) else unit


def is_share(unit: str) -> bool:
    """Whether values of this unit are parts of 1, said in percent."""
    return unit == SHARE or unit.startswith("of ")


def _measured(value: float, unit: str) -> tuple:
    """The rows for a unit, what follows their names, and the size in their factors."""
    rows, own, behind = FAMILIES.get(unit, (NUMBERS, 1, ""))
    return rows, behind, abs(value) * own if math.isfinite(value) else 0.0


def _fitting(rows: tuple, size: float, rounded: float) -> Iterator[tuple]:
    """The rows in which a size may be told, the best first."""
    for factor, name, least, whole in rows:
        if (factor == 1 if size == 0 else size >= whole * factor and size % factor == 0
                or least is not None and rounded >= least * factor):
            yield factor, name


def _told(value: float, unit: str, row: tuple, figures: int = FIGURES) -> tuple[str, str]:
    if not math.isfinite(value):
        never = FAMILIES.get(unit, ("",))[0] is TIMES and value > 0
        return "unknown" if math.isnan(value) else "never" if never else "unlimited", ""
    if unit == "on":            # a state, 1 or 0
        return "on" if value else "off", ""
    if is_share(unit):
        return f"{_percent(value, figures)}%", "" if unit == SHARE else unit
    (factor, name), (rows, behind, size) = row, _measured(value, unit)
    number = _text(size / factor, figures, value < 0)
    single = number in ("1", "-1")
    if rows is NUMBERS:
        number, name = f"{number} {name}".strip(), one(unit) if single and factor == 1 else unit
    elif name in COUNTED and not single:
        name += "s"
    name += behind
    return (number + name, "") if name in CLOSE else (number, name)


def _percent(share: float, figures: int) -> str:
    """A part of 1 in percent; what is not all is not said to be 100."""
    text = _text(abs(100 * share), figures, share < 0)
    while text == "100" and share < 1 and figures < 6:
        figures += 1
        text = _text(100 * share, figures)
    return text


def _rounded(size: float, figures: int = FIGURES) -> Decimal:
    """Halves up, as in JavaScript's toPrecision; all digits before the point stay."""
    return Context(max(figures, len(str(int(size)))), ROUND_HALF_UP).create_decimal(size)


def _text(size: float, figures: int, negative: bool = False) -> str:
    text = f"{_rounded(size, figures):,.12f}".rstrip("0").rstrip(".")
    return f"-{text}" if negative and text != "0" else text


def one(things: str) -> str:
    """The unit of a single one: "message" of "messages"; what is no such word stays."""
    if not (things.isalpha() and len(things) > 3 and things.endswith("s")):
        return things
    for end, instead in (("ies", "y"), ("ches", "ch"), ("xes", "x"), ("sses", "ss"), ("ss", "ss")):
        if things.endswith(end):
            return things.removesuffix(end) + instead
    return things.removesuffix("s")


def a_or_an(thing: str) -> str:
    """"a queue", "an instance": by its first letter."""
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def plural(number: int, thing: str) -> str:
    """"target" for 1 (or -1) of them, else "targets"."""
    return thing if abs(number) == 1 else f"{thing}s"
