"""A recording: one run as the stage plays it, compact, the same bytes for the same run.

Picture the roll of a player piano: what was played is punched into it once, and any piano plays it
again, as fast or slowly as one likes, without the pianist.

Four bytes say how long the header is (JSON: what ran, what came of it, when what happened). Then
come the series, one after the other, each as whole numbers: the value, divided by the series'
`scale` and rounded, as differences from instant to instant. A difference is written in groups of
seven bits, the lowest first (as protocol buffers write it, zigzag for the sign); a zero is
followed by how many more zeros come.
"""

import base64
import json
import struct

import numpy as np

from labsim.declare.faults import checked
from labsim.declare.result import Result, Series
from labsim.text import format_value

LEVELS = 50_000     # into which a series that is no whole number is divided; a pixel shows fewer
MOST_EVENTS = 400   # of the log; a stage shows the last ones before the moment
MOST_SPANS = 3_000
GLANCE = 60         # such a part of a run a fault is shown that is over at once
DIGITS = 7          # significant figures of a number in the header


def recording(result: Result, bands=None) -> bytes:
    """The run as bytes; `bands` are {series: (low, high)} of replications, drawn as shades."""
    lab, params = result.lab, result.params
    names = [name for name in drawn_series(lab) if name in result.series]
    chunks, table = [], []
    curves = [(name, result.series[name].unit, result.series[name].value) for name in names]
    for name, (low, high) in (bands or {}).items():
        curves += [(f"{name}|low", "", low), (f"{name}|high", "", high)]
    for name, unit, values in curves:
        scale, data = _packed(np.asarray(values, dtype=float))
        chunks.append(data)
        table.append([name, unit, _short(scale), len(data)])
    first = next(iter(result.series.values()))
    rows = list(dict.fromkeys(span.row for span in result.spans))
    header = {
        "lab": lab.slug, "seed": result.seed, "duration": params.duration,
        "params": params.model_dump(), "n": len(first.t), "series": table,
        "summary": {name: _short(value) for name, value in result.summary.items()},
        "limits": [[_limit(line, params) for line in panel.drawn] for panel in lab.panels],
        "events": [[_short(e.t), e.kind, e.text, e.part] for e in result.events[:MOST_EVENTS]],
        "later": max(0, len(result.events) - MOST_EVENTS),
        "rows": rows,
        "spans": [[rows.index(s.row), s.kind, _short(s.start), _short(s.end)]
                  for s in result.spans[:MOST_SPANS]],
        "faults": [[f.part, f.what, _short(f.at), _short(_ends(f, result))]
                   for f in checked(params.faults) if f.at < params.duration],
        "breakable": {piece: {what: [kind.usual, kind.amount, kind.meaning]
                              for what, kind in kinds.items()}
                      for piece, kinds in result.breakable.items()},
        "notes": list(result.notes), "theory": list(_theory(result)),
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return struct.pack("<I", len(text)) + text + b"".join(chunks)


def as_text(data: bytes) -> str:
    """A recording as text, for a page."""
    return base64.b64encode(data).decode()


def drawn_series(lab) -> list[str]:
    """The names of all series that a stage of this lab shows."""
    names = [name for box in lab.boxes for name in box.series]
    names += [name for link in lab.links
              for name in (link.series, *(flow for flow, _ in link.flows))]
    names += [line.series for panel in lab.panels for line in panel.lines]
    return list(dict.fromkeys(filter(None, names)))


def decoded(data: bytes) -> tuple[dict, dict[str, Series]]:
    """Header and series of a recording: for those who read one without a browser."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4:4 + length])
    t = np.linspace(0, header["duration"], header["n"])
    series, at = {}, 4 + length
    for name, unit, scale, size in header["series"]:
        series[name] = Series(t, _unpacked(data[at:at + size], header["n"]) * scale, unit)
        at += size
    return header, series


def _short(value: float) -> float:
    """A number for the header: whole ones as they are, others with a few figures."""
    value = float(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else float(
        f"{value:.{DIGITS}g}")


def _ends(fault, result) -> float:
    """When a fault is no longer shown; one that is over at once is, for a moment."""
    kind = result.breakable.get(fault.part, {}).get(fault.what)
    if kind is not None and not kind.lasting:
        return fault.at + result.params.duration / GLANCE
    return min(fault.end, result.params.duration)


def _limit(line, params):
    value = line.limit(params) if line.limit else None
    return None if value is None else _short(value)


def _theory(result):
    """What the closed forms say about these parameters, or why they don't."""
    for panel in result.lab.panels:
        if panel.theory:
            value, why = panel.theory.applied(result.params)
            told = f"does not apply: {why}" if value is None else (
                f"{format_value(value, panel.unit_in(result))}, the dashed line in {panel.title}")
            yield f"Theory, {panel.theory.label}: {told}."


def _packed(values: np.ndarray) -> tuple[float, bytes]:
    """The scale of a series, and its values as bytes."""
    top = float(np.abs(values).max(initial=0.0))
    whole = top < 2**30 and bool((values == np.rint(values)).all())
    scale = 1.0 if whole else _short(top / LEVELS)
    steps = np.diff(np.rint(values / scale).astype(np.int64), prepend=0)
    marks = np.where(steps < 0, -2 * steps - 1, 2 * steps)      # the sign goes last
    return scale, _groups(_with_runs(marks))


def _with_runs(marks: np.ndarray) -> np.ndarray:
    """Each run of zeros as one zero, and how many more there are."""
    zero = marks == 0
    starts = np.flatnonzero(zero & ~np.append(False, zero[:-1]))
    ends = np.flatnonzero(zero & ~np.append(zero[1:], False))
    kept = np.flatnonzero(~zero)
    order = np.concatenate([kept, starts, starts])
    values = np.concatenate([marks[kept], np.zeros(len(starts), np.int64), ends - starts])
    return values[np.argsort(order, kind="stable")]


def _groups(numbers: np.ndarray) -> bytes:
    """Numbers in groups of seven bits; all but the last of each have the eighth set."""
    size = np.ones(len(numbers), np.int64)
    for bits in range(7, 63, 7):
        size += numbers >= 1 << bits
    at = np.repeat(numbers, size)
    place = np.arange(len(at)) - np.repeat(np.cumsum(size) - size, size)
    more = place < np.repeat(size, size) - 1
    return ((at >> (7 * place)) & 127 | more * 128).astype(np.uint8).tobytes()


def _unpacked(data: bytes, n: int) -> np.ndarray:
    """The whole numbers of a series."""
    numbers, number, bits = [], 0, 0
    for byte in data:
        number |= (byte & 127) << bits
        bits += 7
        if byte < 128:
            numbers.append(number)
            number, bits = 0, 0
    steps, i = [], 0
    while i < len(numbers):
        if numbers[i] == 0:
            steps += [0] * (numbers[i + 1] + 1)
            i += 1
        else:
            steps.append(numbers[i] >> 1 if numbers[i] % 2 == 0 else -(numbers[i] + 1 >> 1))
        i += 1
    return np.cumsum(np.array(steps[:n], dtype=np.int64))
