"""Amounts as people type them, "5m", "10k", "1.5 GiB", "1,000", as numbers of a unit.

Picture a clerk at a counter who takes a sum in any coin that fits the account, and who hands back
a coin that could be two different ones, with both values on a slip of paper.

`m` is minutes and never milli, `M` is a million and never minutes; bytes take no bare `k` or `M`,
which could be a power of ten or of two; nor does a unit of MB take GB, since AWS writes MB for
powers of either.
"""

import re
from decimal import Decimal

from labsim.text import is_share

MINUTE, HOUR, DAY = 60, 3_600, 86_400
TIMES = {word: Decimal(size) for size, words in {
    "1e-9": "ns", "1e-6": "us µs", "0.001": "ms", 1: "s sec secs second seconds",
    MINUTE: "m min mins minute minutes", HOUR: "h hr hrs hour hours", DAY: "d day days",
    7 * DAY: "w week weeks"}.items() for word in words.split()}
LARGE = {"k": Decimal(1_000), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12)}
WORDS = {"k": "thousand", "m": "million", "g": "thousand million", "t": "million million"}
SIZES = {"b": Decimal(1), "byte": Decimal(1), "bytes": Decimal(1),
         **{f"{letter}b".casefold(): size for letter, size in LARGE.items()},
         **{f"{letter}ib": Decimal(1024 ** power) for power, letter in enumerate("kmgt", 1)}}
POWERS_OF_TEN = ("kb", "mb", "gb", "tb")     # by name; AWS means powers of two with some

NUMBER = (r"[+-]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)?(?:(?<=[0-9])\.[0-9]*|\.[0-9]+)?"
          r"(?:(?<=[0-9.])[eE][+-]?[0-9]{1,3}(?![0-9]))?")
AMOUNT = re.compile(rf"(?P<number>{NUMBER})\s*(?P<suffix>[^0-9\s,.+-][^,]*)?")
TIME = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([^\W\d]+)\s*")


class Unclear(ValueError):
    """A number whose suffix does not go with the unit; the message says what to type instead."""


def amount(text: str, unit: str = "", share: bool = False) -> float:
    """What `text` means in `unit`; ValueError for no amount, `Unclear` for one that doesn't fit.

    share: it is from 0 to 1, so that "50%" is 0.5.
    """
    text = text.strip()
    if is_share(unit):          # "50%", "50% of requests" or "0.5"
        text, unit = text.removesuffix(unit).strip(), ""
    bare = text[:-len(unit)] if unit and text.casefold().endswith(unit.casefold()) else text
    try:
        return float(bare)
    except ValueError:
        found = AMOUNT.fullmatch(text)
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text) and not (found and found["number"]):
        raise Unclear("a comma separates thousands, as in 1,000, and a point the fraction, "
                      "as in 1.5")
    if unit.casefold() in TIMES and (sum_ := _several_times(text)) is not None:
        return float(sum_ / TIMES[unit.casefold()])
    if not found or not re.search("[0-9]", found["number"]):
        raise ValueError(text)
    number, suffix = Decimal(found["number"].replace(",", "")), (found["suffix"] or "").strip()
    factor = _factor(suffix, unit, share)
    if factor is None:
        raise Unclear(f"{suffix} does not go with {unit or 'a number without a unit'}: type "
                      + " or ".join(_readings(number, suffix, unit)))
    return float(number * factor)


def written(number: float | Decimal) -> str:
    """A number as it can be typed: ten digits, no exponent, no separators."""
    return f"{Decimal(f'{number:.10g}').normalize():f}"


def _several_times(text: str) -> Decimal | None:
    """Seconds of "1h30m"; None where a part is no time."""
    parts = TIME.findall(text)
    if len(parts) < 2 or TIME.sub("", text) or any(_time(word) is None for _, word in parts):
        return None
    return sum(Decimal(number) * _time(word) for number, word in parts)


def _time(word: str) -> Decimal | None:
    return None if word == "M" else TIMES.get(word.casefold())


def _size(word: str) -> Decimal | None:
    """Bytes; None for Mb, which are bits."""
    return None if word[:1].isupper() and word[-1:] == "b" else SIZES.get(word.casefold())


def _large(word: str) -> Decimal | None:
    return LARGE.get(word if word != "K" else "k")


def _factor(suffix: str, unit: str, share: bool) -> Decimal | None:
    """What one of `suffix` is in `unit`; None where the suffix does not fit."""
    own = unit.casefold()
    if not suffix or suffix.casefold() in (own, own.removesuffix("s") if len(own) > 3 else own):
        return Decimal(1)
    if suffix == "%":
        return Decimal("0.01") if share else None
    if one := TIMES.get(own):
        return size / one if (size := _time(suffix)) else None
    if one := SIZES.get(own.removesuffix("/s")):
        per_second = r"(/s|ps)$" if unit.endswith("/s") else "$"
        size = _size(re.sub(per_second, "", suffix))
        if size and own in POWERS_OF_TEN:
            return Decimal(1) if suffix[0].casefold() == own[0] else None
        return size / one if size else None
    word = re.sub(rf"\s*({re.escape(unit)}{'|/s' if unit.endswith('/s') else ''})$", "", suffix)
    return _large(word) if word else Decimal(1)


def _readings(number: Decimal, suffix: str, unit: str) -> list[str]:
    """The plain numbers of `unit` that may have been meant, each with what it is."""
    plain, letter = written(number), suffix[:1].casefold()
    if own := SIZES.get(unit.removesuffix("/s").casefold()):
        if suffix.casefold() not in (letter, f"{letter}b", f"{letter}ib") or letter not in "kmgt":
            return [plain]
        either = unit.casefold() in POWERS_OF_TEN
        return [f"{written(number * SIZES[word] / (SIZES[unit_of] if either else own))} "
                f"({plain} {word[0].upper()}{word[1:-1]}B)" for word, unit_of in (
                    (f"{letter}b", unit.casefold()), (f"{letter}ib", f"{unit[0].casefold()}ib"))]
    found = []
    if suffix == "M" and unit.casefold() in TIMES:
        found = [f"{written(number * MINUTE / TIMES[unit.casefold()])} ({plain} minutes)"]
    elif suffix == "m":
        found = [plain]
    if size := LARGE["M"] if suffix == "m" else _large(suffix):
        return [*found, f"{written(number * size)} ({plain} {WORDS[letter]})"]
    return [plain]
