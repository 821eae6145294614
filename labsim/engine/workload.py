"""Where requests come from: a rate that changes over time, or a trace replayed.

Picture a tap whose opening follows a curve drawn on paper. The drops are random (Poisson),
the curve is not. Drops are made in blocks of fixed size, so they never depend on when
somebody looks.

*Models:* Poisson arrivals at a rate that is piecewise linear in time; replay of counts per
period (each count exact, its requests placed uniformly in the period); service times of any
mean and coefficient of variation (fixed, gamma; exponential at 1).
*Leaves out:* correlation between arrivals beyond the curve, and between service times.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from labsim.errors import ParameterError, require, require_each

BLOCK = 8_192   # requests made at a time
LARGE = 32 * BLOCK      # requests of one period that are made in parts, for memory


@dataclass(frozen=True)
class RateCurve:
    """Arrivals per second, linear between the knots (`t` s, `rate` 1/s); two at one t: a jump."""

    t: np.ndarray
    rate: np.ndarray

    def __post_init__(self):
        t, rate = self.t, self.rate
        if not (len(t) == len(rate) and len(t) > 1 and 0 <= t[-1] - t[0] < math.inf
                and (t[1:] >= t[:-1]).all()):
            raise ParameterError("t", t, "two times or more, in order, s")
        if not (rate.min() >= 0 and rate.max() < math.inf):
            raise ParameterError("rate", rate, "at least 0 requests/s at each of its times")

    @classmethod
    def through(cls, *knots: tuple[float, float], duration: float) -> "RateCurve":
        """The curve through `knots` (t, rate), t non-decreasing from 0, cut at `duration`."""
        require("duration", duration, unit="s")
        t, rate = np.array(knots, dtype=float).T
        inside = t < duration
        k = min(int(inside.sum()), len(t) - 1)      # a jump at the end itself comes too late
        end = np.interp(duration, t[:k + 1], rate[:k + 1])
        return cls(np.append(t[inside], duration), np.append(rate[inside], end))

    @classmethod
    def steady(cls, rate: float, duration: float) -> "RateCurve":
        """The same rate throughout."""
        return cls.through((0, rate), duration=duration)

    @classmethod
    def spike(cls, rate, factor, start, length, duration, every=0.0) -> "RateCurve":
        """`rate`, then `factor` times as much from `start` for `length` seconds, then `rate`; the
        same again `every` so many seconds, 0 for once."""
        starts = np.arange(start, duration, every) if every else np.array([start])
        ends, high = starts + length, rate * factor
        t = np.append(0.0, np.stack([starts, starts, ends, ends], axis=1))
        rates = np.append(rate, np.tile([rate, high, high, rate], len(starts)))
        return cls.through(*zip(t.tolist(), rates.tolist()), duration=duration)

    @classmethod
    def ramp(cls, rate, factor, start, length, duration) -> "RateCurve":
        """`rate` until `start`, then in `length` seconds linearly to `factor` times as much."""
        return cls.through((0, rate), (start, rate), (start + length, rate * factor),
                           duration=duration)

    @classmethod
    def diurnal(cls, rate, factor, day, duration) -> "RateCurve":
        """A sine (48 straight pieces per `day` s) from `rate` at t = 0 up to `factor` times it."""
        require_each(rate=rate, factor=factor, duration=duration)
        require("day", day, above=True, unit="s")
        t = np.append(np.arange(0.0, duration, day / 48), duration)
        wave = (1 - np.cos(2 * np.pi * t / day)) / 2
        return cls(t, rate * (1 + (factor - 1) * wave))

    @property
    def cumulative(self) -> np.ndarray:
        """Expected arrivals up to each knot."""
        pieces = np.diff(self.t) * (self.rate[1:] + self.rate[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(pieces)])

    def expected(self, t: np.ndarray) -> np.ndarray:
        """Expected arrivals between the instants `t` (sorted), shape (len(t) - 1,)."""
        k = np.clip(np.searchsorted(self.t, t, side="right") - 1, 0, len(self.t) - 2)
        more, width = t - self.t[k], self.t[k + 1] - self.t[k]
        slope = np.divide(self.rate[k + 1] - self.rate[k], width,
                          out=np.zeros(len(t)), where=width > 0)
        return np.diff(self.cumulative[k] + more * (self.rate[k] + slope * more / 2))

    def inverse(self, expected: np.ndarray, cumulative: np.ndarray) -> np.ndarray:
        """The times at which the expected number of arrivals reaches `expected` (sorted)."""
        ends = expected[[0, -1]] if len(expected) else expected
        k = np.clip(np.searchsorted(cumulative, ends, side="right") - 1, 0, len(self.t) - 2)
        if len(k) and k[0] == k[1]:
            k = k[0]            # all between the same two knots
        else:
            k = np.clip(np.searchsorted(cumulative, expected, side="right") - 1, 0, len(self.t) - 2)
        more, rate = expected - cumulative[k], self.rate[k]
        width = self.t[k + 1] - self.t[k]
        slope = np.divide(self.rate[k + 1] - rate, width, out=np.zeros_like(rate), where=width > 0)
        # rate * x + slope * x**2 / 2 = more, in the form that holds for slope 0 too
        return self.t[k] + 2 * more / (rate + np.sqrt(np.maximum(rate**2 + 2 * slope * more, 0)))

    def arrivals(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Poisson arrival times (s, sorted), in blocks: a unit-rate process, its time stretched.

        Source: time-scale transformation, Law, Simulation Modeling and Analysis (2015), 8.6.2.
        """
        cumulative, steady = self.cumulative, len(self.t) == 2 and self.rate[0] == self.rate[1]
        total, reached = cumulative[-1], 0.0
        while reached < total:
            expected = reached + np.cumsum(rng.standard_exponential(BLOCK))
            reached = expected[-1]
            here = expected[:expected.searchsorted(total)]
            times = (here / self.rate[0] + self.t[0] if steady      # as `inverse` has it
                     else self.inverse(here, cumulative))
            times = np.minimum(times, self.t[-1])
            in_order = (times[1:] >= times[:-1]).all()      # but for rounding
            yield times if in_order else np.maximum.accumulate(times)


@dataclass(frozen=True)
class Load:
    """Requests per second over a run of any length; `curve(duration)` is the `RateCurve`.
    changes: when its spike or ramp begins, s; minus infinity without one. ends: when nothing comes
    any more, s. notes: on where it comes from.

    ParameterError for a rate, factor or time below zero, or that is no finite number.
    """

    curve: Callable[[float], RateCurve]
    changes: float = -math.inf
    ends: float = math.inf
    notes: tuple[str, ...] = ()

    @classmethod
    def steady(cls, rate: float) -> "Load":
        """`rate` requests/s, always."""
        require_each(rate=rate)
        return cls(partial(RateCurve.steady, rate))

    @classmethod
    def spike(cls, rate: float, factor: float, start: float, length: float,
              every: float = 0.0) -> "Load":
        """`rate`, then `factor` times as much from `start` for `length` seconds, then `rate`; the
        same again `every` so many seconds (more than `length`), 0 for once."""
        require_each(rate=rate, factor=factor, start=start, length=length, every=every)
        if 0 < every <= length:
            raise ParameterError("every", every, f"0, or more than {length:g} s, a spike")
        return cls(partial(RateCurve.spike, rate, factor, start, length, every=every), start)

    @classmethod
    def ramp(cls, rate: float, factor: float, start: float, length: float) -> "Load":
        """`rate` until `start`, then in `length` seconds linearly to `factor` times as much."""
        require_each(rate=rate, factor=factor, start=start, length=length)
        return cls(partial(RateCurve.ramp, rate, factor, start, length), start)


def merged(sources: list[Iterator[np.ndarray]]) -> Iterator[np.ndarray]:
    """Several streams of blocks of times (s, sorted) as one, every block sorted."""
    if len(sources) == 1:
        yield from sources[0]
        return
    ahead = [(source, next(source, None)) for source in map(iter, sources)]
    while ahead := [(source, block) for source, block in ahead if block is not None]:
        # Nothing before the earliest of the last times can come any more but what is here.
        sure = min(block[-1] if len(block) else 0.0 for _, block in ahead)
        yield np.sort(np.concatenate([block[block <= sure] for _, block in ahead]), kind="stable")
        ahead = [(source, block[block > sure] if len(block) and block[-1] > sure
                  else next(source, None)) for source, block in ahead]


def replay(counts: np.ndarray, period: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Arrival times (s, sorted) with exactly `counts[i]` in the i-th `period` (s), in blocks."""
    require("period", period, above=True, unit="s")
    if len(counts) and not (np.min(counts) >= 0 and np.max(counts) < math.inf):
        raise ParameterError("counts", counts, "whole numbers, at least 0")
    return _replay(counts, period, rng)


def _replay(counts: np.ndarray, period: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    batches = np.cumsum(counts) // BLOCK
    edges = np.flatnonzero(np.diff(batches, append=-1)) + 1
    for first, last in zip(np.concatenate([[0], edges[:-1]]), edges):
        large = counts[first] > LARGE       # it begins its batch
        if large:
            parts = -(-int(counts[first]) // (LARGE // 2))
            for k, n in enumerate(rng.multinomial(counts[first], np.full(parts, 1 / parts))):
                yield np.sort(first + (k + rng.random(n)) / parts) * period
        starts = np.repeat(np.arange(first + large, last, dtype=float), counts[first + large:last])
        yield np.sort((starts + rng.random(len(starts))) * period)


def at_once(count: int, t: float) -> Iterator[np.ndarray]:
    """So many arrivals at `t` s, in blocks."""
    for first in range(0, count, BLOCK):
        yield np.full(min(BLOCK, count - first), float(t))


@dataclass(frozen=True)
class ServiceTimes:
    """Service times of `mean` s and coefficient of variation `cv`: 0 fixed, 1 exponential."""

    mean: float
    cv: float = 1.0

    def __post_init__(self):
        require_each(mean=self.mean, cv=self.cv)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` service times, s: gamma with shape 1 / cv**2 (an Erlang mix; exponential at 1)."""
        if self.cv < 1e-6:      # a gamma as narrow as that is beyond arithmetic
            return np.full(n, self.mean)
        return rng.standard_gamma(self.cv**-2, n) * (self.mean * self.cv**2)

    def source(self, arrivals: Iterator[np.ndarray], rng) -> Iterator[tuple]:
        """Blocks of (arrival times, service times) for a `Station`."""
        for times in arrivals:
            yield times, self.draw(len(times), rng)
