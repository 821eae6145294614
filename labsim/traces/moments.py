"""The times of a file, all written in the same way: ISO 8601, epoch, digits, or as Excel writes.

Picture somebody who reads a row of postmarks: if one of them could mean two days, none is read.

The usual forms are read by Python itself; others (5/1/2023, 1 May 2023) by pandas, once with the
month and once with the day first: what then differs is refused with both readings. Without an
offset a time is taken as it stands.
"""

import re
import warnings
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from dateutil import tz

from labsim.errors import optional, short
from labsim.traces.text_file import TraceError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIZES = {10: ("s", 1), 13: ("ms", 1e3), 16: ("us", 1e6), 19: ("ns", 1e9)}   # digits since 2001
ISO = re.compile(r"(?:\d{4}-\d\d-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?)?|"
                 r"\d{8}T\d{4}(?:\d\d)?)(Z|[+-]\d\d(?::?\d\d)?)?")
# 2015100100 since 1970: as seconds it would be 2032 or later.
DIGITS = re.compile(r"(19[7-9]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
                    r"([01]\d|2[0-3])?([0-5]\d)?([0-5]\d)?")
WRITTEN = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
WORDED = re.compile(r"[\d ,./:T+-]*([A-Za-z]{3,9})?[\d ,./:+-]*(AM|PM|UTC|GMT|Z)?"
                    r"[\d :+-]*(AM|PM|UTC|GMT)?", re.I)
LONGEST, ZEROS = 80, str.maketrans("123456789", "000000000")
# Some whose clocks change at different days, to tell whether local time jumps.
ZONES = ("America/New_York", "Europe/London", "Europe/Berlin", "Europe/Helsinki",
         "Australia/Sydney", "Pacific/Auckland", "America/Santiago")


def is_time(text: str) -> bool:
    """Whether a cell is a time, in a form that is read."""
    return bool(_form(text)) and not re.fullmatch(r"\d{1,9}", text)


def moments(texts: Sequence[str], lines: Sequence[int]) -> tuple[np.ndarray, bool]:
    """Seconds since 1970 (s, float), and whether the file says an offset from UTC."""
    form, known = _form(texts[0]), {}       # by shape: 2026-03-01 and 2027-04-02 have the same
    for text, line in zip(texts, lines):
        shape = text.translate(ZEROS)
        if (found := known.get(shape)) is None or text.isdigit():
            found = known[shape] = _form(text)
        if found != form or not found:
            raise TraceError(f"{line}: {short(text)} is {found or 'no time'}, expected "
                             f"{form or 'a time such as 2026-03-01T12:00:00Z'}")
    if form.startswith("written"):
        return _two_ways(texts, lines)
    if form.endswith("since 1970"):
        size = SIZES[len(re.match(r"\d+", texts[0])[0])][1]
        return np.array([float(text) for text in texts]) / size, True
    read, found = _as_digits if form.startswith("digits") else _as_iso, array("d")
    try:
        for text in texts:
            found.append(read(text).timestamp())
    except ValueError:
        raise TraceError(f"{lines[len(found)]}: {short(text)} is no time: there is no such day or "
                         "hour") from None
    return np.array(found), form.endswith("with an offset")


def _form(text: str) -> str:
    """How a time is written; "" for what is none."""
    if len(text) > LONGEST:
        return ""
    text = _as_written(text)
    if DIGITS.fullmatch(text):
        return f"digits ({len(text)})"
    if (number := re.fullmatch(r"(\d{10}|\d{13}|\d{16}|\d{19})(\.\d*)?", text)):
        return f"{SIZES[len(number[1])][0]} since 1970"
    if iso := ISO.fullmatch(text):
        return "ISO 8601 with an offset" if iso[1] else "ISO 8601 without an offset"
    parts = re.findall(r"\d+", text.partition(":")[0])
    if len(parts) + bool(re.search(r"[A-Za-z]{3}", text)) >= 3 and WORDED.fullmatch(text):
        year = re.search(r"(?<!\d)(19[7-9]|2[01]\d)\d(?!\d)", text)
        return "written with a year" if year else ""
    return ""


def _as_written(text: str) -> str:
    """Without what says nothing: a weekday, "@", a zone's name beside its offset."""
    if text[:1].isdigit() and text[-1:] in "0123456789Z":       # most
        return text.replace("/", "-")
    text = re.sub(r"^\s*(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? |\(.*\)\s*$", "", text)
    text = re.sub(r"\s*(UTC|GMT)(?=[+-]\d|$)", "", text.strip()) + "Z" * text.strip().endswith(
        ("UTC", "GMT"))
    return text.replace(" @ ", " ").replace("/", "-")


def _as_iso(text: str) -> datetime:
    found = datetime.fromisoformat(_as_written(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _as_digits(text: str) -> datetime:
    return datetime.strptime(text.strip(), WRITTEN[len(text.strip())]).replace(tzinfo=UTC)


def _two_ways(texts: Sequence[str], lines: Sequence[int]) -> tuple[np.ndarray, bool]:
    """As pandas reads them, with the month or the day first, where only one of them can be."""
    pd, written = optional("pandas"), [_as_written(text) for text in texts]
    readings = []
    orders = ((False,) if re.match(r"\d{4}", written[0]) else        # the year, the month, the day
              (True,) if re.match(r"\d{1,2}\.\d", written[0]) else   # with points the day first
              (False, True))
    if worded := re.search("[A-Za-z]{3}", written[0]):      # May may be a short name or a long one
        orders = (False, True)
    for first in orders:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")     # pandas says which of the two it has tried
            try:
                readings.append(pd.to_datetime(pd.Series(written), dayfirst=first and not worded,
                                               format="mixed" if first and worded else None))
            except (ValueError, OverflowError):
                continue
        if worded:
            break
    if not readings:
        raise TraceError(f"{lines[0]}: {short(texts[0])} is no time that is read, or others are "
                         "written in another way: write 2026-03-01T12:00:00Z")
    one, other = readings[0], readings[-1]
    if not one.equals(other):
        at = int((one != other).to_numpy().argmax())
        raise TraceError(f"{lines[at]}: {short(texts[at])} is {one[at]:%d %B %Y} or "
                         f"{other[at]:%d %B %Y}: write 2026-03-01T12:00:00Z")
    offset = one.dt.tz is not None
    return (one - pd.Timestamp(0, tz=one.dt.tz)).dt.total_seconds().to_numpy(), offset


def clock_change(before: float, after: float, back: bool = False) -> str:
    """Where clocks are put forward between two local times, or back to `after` (s since 1970):
    "on 12 March 2023 in America/New_York"; "" for nowhere."""
    at = (after if back else before) // 3_600 * 3_600
    for name in ZONES:
        for hour in [at] if back else [hour for hour in (at, at + 3_600) if hour < after]:
            zone, local = tz.gettz(name), datetime.fromtimestamp(hour, UTC).replace(tzinfo=None)
            if tz.datetime_ambiguous(local, zone) if back else not tz.datetime_exists(local, zone):
                return f"on {local.day} {local:%B %Y} in {name}"
    return ""
