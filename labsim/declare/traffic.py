"""Your own traffic as every lab has it: a file is replayed instead of the lab's rates.

    class MyParams(ClientParams, TraceParams):
        rates = ("request_rate",)               # what the file stands for
        request_rate: float = number(..., when=BY_RATE)
        ...spike_knobs(..., when=BY_RATE)
    load(p, "request_rate")                     # a `RateCurve`: the file's, or the rate with spikes

The file begins with the period in which `trace_start` is: periods are replayed whole, for of a part
nobody knows how many came in it. Where `duration` ends within a period, its part of them comes.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal

import numpy as np

from labsim.declare.params import Params, choice, number, path, text
from labsim.declare.spike import spiked, spikes
from labsim.engine import Load, RateCurve, Replayed, scaled
from labsim.errors import ParameterError, require_each
from labsim.text import format_value
from labsim.traces import TraceError, read_trace

OWN = "Own traffic"
TRACE = "trace"
BY_TRACE, BY_RATE = ("workload", (TRACE,)), ("workload", ("rate",))
ROUNDING = 1e-9     # of a period


class TraceParams(Params):
    """Parameters of a lab whose load may be a file's. A lab that has a `workload` of its own
    declares it anew, with "trace" among the choices.

    rates: the parameters that the file stands for. Of two or more, which remain the proportion in
    which its requests are split, none is without effect.
    """

    rates: ClassVar[tuple[str, ...]] = ()

    workload: Literal["rate", "trace"] = choice(
        "rate", label="Workload", group=OWN, help="Where requests come from: the lab's own rate, "
                                                  "or a file of your traffic.")
    trace: str = path(
        label="Trace file", group=OWN, when=BY_TRACE,
        help="A file of your traffic to replay: its counts per period become requests.")
    trace_metric: str = text(
        label="Series of the file", group=OWN, when=BY_TRACE,
        help="Which one, by name, where the file has several; empty: the only one that is a count.")
    trace_as: Literal["file", "counts", "rate", "total"] = choice(
        "file", label="Values are", group=OWN, when=BY_TRACE,
        help="What the file's values are: as it says itself, counts per period, a rate per second, "
             "or a running total.")
    trace_factor: float = number(
        1, unit="x", bounds=(0, 10_000), slider=(1, 100), step=1, label="Multiplied by",
        group=OWN, help="Every count of the trace is multiplied by this.", when=BY_TRACE)
    trace_start: float = number(
        0, unit="s", bounds=(0, 1e9), slider=(0, 604_800), step=3_600, label="Trace from",
        group=OWN, when=BY_TRACE,
        help="How far into the file the run begins: with the period that this is in.")

    @classmethod
    def complete(cls, values: dict) -> dict:
        """How long a run is follows from the file, unless `duration` says less."""
        values = super().complete(values)
        said = {name: values.get(name, spec.default) for name, spec in cls.specs().items()}
        given = said["duration"] if "duration" in {**values, **cls.own} else None
        if said["workload"] != TRACE:
            return values
        if not said["trace"]:
            raise ParameterError("trace", "", 'the path of a file of your traffic '
                                              '(workload="trace")')
        if not _plausible(cls, said):
            return values       # they are refused, each with what is allowed
        try:
            whole = _read(*(said[name] for name in ("trace", "trace_metric", "trace_as")))
        except ParameterError:
            if given is None:
                raise
            return values       # the values say all; whoever runs them needs the file
        rest = whole.duration - _first(said["trace_start"], whole.period) * whole.period
        if rest <= 0:
            raise ParameterError("trace_start", said["trace_start"],
                                 f"below {whole.duration:,.10g} s, the length of the file")
        least, most = cls.specs()["duration"].bounds
        rest = max(rest, least)
        return {**values, "duration": min(rest, most if given is None else given)}

    @property
    def traced(self) -> bool:
        """Whether a file is replayed."""
        return self.workload == TRACE

    @property
    def follows(self) -> set[str]:
        """`duration`, if it follows from the file."""
        return {"duration"} - self.model_fields_set if self.traced else set()

    def shorter(self) -> Iterator["Params"]:
        """The same for half of the time, and again, in whole periods while there are two or more;
        down to the least `duration` of the lab."""
        if not self.traced:
            return
        least, period, now = self.specs()["duration"].bounds[0], whole_file(self).period, None
        while (now or self.duration) > least:
            half = (now or self.duration) / 2
            step = period if half >= period else 1.0
            now = max(float(half // step * step), float(least))
            yield self.changed(duration=now)

    def helps(self, name: str) -> bool:
        """Whether a lower value of the parameter makes a smaller run; of a rate that is replaced by
        a file's it doesn't."""
        return not (self.traced and name in {*self.rates, *self.idle()})

    @property
    def notes(self) -> tuple[str, ...]:
        """What the file holds, what was done to it, and which part of it is run."""
        if not self.traced:
            return ()
        file = whole_file(self)
        start = _first(self.trace_start, file.period) * file.period
        rest, notes = file.duration - start, list(file.notes)
        ran = format_value(min(self.duration, rest), "s")
        if start:
            begin = datetime.fromisoformat(file.first) + timedelta(seconds=start)
            notes.append(f"{ran} of the file's {format_value(file.duration, 's')} are run, from "
                         f"{begin.isoformat()} on; duration= says how much, trace_start= from "
                         "where")
        elif self.duration < rest * (1 - ROUNDING):
            notes.append(f"the first {ran} of the file's {format_value(rest, 's')} are run: "
                         "duration= says how much (by default as much as fits), trace_start= from "
                         "where")
        if self.duration > rest * (1 + ROUNDING):
            notes.append(f"the file ends after {ran}, and nothing comes after that: a run of this "
                         f"lab takes {format_value(self.duration, 's')} at least")
        return tuple(notes)


def load(p: Params, rate: str, spike: str = "spike") -> RateCurve:
    """The curve over a run of `p` of the rate that its parameter `rate` (1/s) says, with its
    spikes; or, where a file is replayed, of the part of its requests that comes instead."""
    if not traced(p):
        return spiked(p, getattr(p, rate), spike)
    curve = replayed(p)
    if len(p.rates) == 1:
        return curve
    return curve.split(_weights(p))[p.rates.index(rate)]


def replaying(file, *, trace_metric: str = "", trace_as: str = "file", trace_factor: float = 1.0,
              trace_start: float = 0.0) -> Load:
    """A `Load` of what came in a file: `trace_factor` times as much, from the period in which
    `trace_start` (s into the file) is; nothing comes after its end. `TraceError` for a file that
    can't be replayed."""
    require_each(trace_factor=trace_factor, trace_start=trace_start)
    found = read_trace(file, trace_metric, trace_as)
    first = _first(trace_start, found.period)
    if first >= len(found.counts):
        raise ParameterError("trace_start", trace_start,
                             f"below {found.duration:,.10g} s, the length of the file")
    return Load(partial(_window, found, first, factor=trace_factor), notes=found.notes,
                ends=(len(found.counts) - first) * found.period)


def _weights(p: TraceParams) -> list[float]:
    return [getattr(p, name) for name in p.rates]


def changes(p: Params, spike: str = "spike", above: float = -1.0, weights=None) -> float:
    """How often the load of a run of `p` changes at once: at the ends of its spikes, or from one
    period of a file to the next; at least once of a file, be it level.

    above: of a file only the changes to more requests/s than that, of all its rates together.
    weights: of the parts that a file's requests are split into, if these are not the rates: in
    whole numbers a level whole may have parts that are not.
    """
    if not traced(p):
        return 2 * spikes(p, spike)
    curve = replayed(p)
    weights = _weights(p) if weights is None else weights
    if len(weights) == 1:
        return float(np.count_nonzero(curve.rate[::2] > above))
    spans = np.diff(curve.edges)
    differ = np.any([np.diff(part.counts / spans, prepend=-1.0) for part in curve.split(weights)],
                    axis=0)
    return float(np.count_nonzero(differ & (curve.counts / spans > above)))


def traced(p: Params) -> bool:
    """Whether a file is replayed instead of the rates of `p`."""
    return isinstance(p, TraceParams) and p.traced


def replayed(p: TraceParams) -> Replayed:
    """All requests of a run of `p` that a file is replayed in."""
    file = whole_file(p)
    return _window(file, _first(p.trace_start, file.period), p.duration, p.trace_factor)


def whole_file(p: TraceParams):
    """The trace that the file of `p` holds, all of it; what is wrong with it is an error of the
    parameter to change."""
    return _read(p.trace, p.trace_metric, p.trace_as)


@lru_cache(maxsize=2)       # asked for by the estimate, and by each of several rates
def _window(file, first: int, duration: float, factor: float) -> Replayed:
    n = math.ceil(duration / file.period - ROUNDING)
    return Replayed.of(scaled(file.counts[first:first + n], factor), file.period, duration)


def _read(file: str, metric: str, values: str):
    try:
        return read_trace(file, metric, values)
    except TraceError as error:
        given = {"trace_metric": metric, "trace_as": values}.get(error.parameter, file)
        raise ParameterError(error.parameter, given, "counts per period", str(error)) from None


def _first(start: float, period: float) -> int:
    """The period of a file in which `start` (s) is."""
    return int(np.floor(start / period + ROUNDING))


def _plausible(cls, said: dict[str, Any]) -> bool:
    """Whether the values from which a duration follows are such as are allowed."""
    specs = cls.specs()
    for name in ("trace", "trace_metric", "trace_as", "trace_start", "duration"):
        spec, value = specs[name], said[name]
        if spec.type is str:
            if not isinstance(value, str) or spec.choices and value not in spec.choices:
                return False
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not (
                spec.bounds[0] <= value <= spec.bounds[1]):
            return False
    return True
