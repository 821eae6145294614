"""The steps of a counted data plane: short where something changes, long where nothing does.

Picture a film camera that is turned fast while something moves, and takes one frame a minute while
nothing does. What the film shows of a fall is the same, however long the still scenes around it.

*Models:* steps that end where a rate jumps, at the next control event, at each instant of the
record, and when a part expects a store to be empty; where clients come back, steps of `shortest` s
after each change, which grow to a second, until the last of its echo; else up to the record's next
instant, for with even requests a limit is as exact over a minute as over a second.
*Leaves out:* what is random within a step: its requests come evenly.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LONGEST = 1.0       # s of a step while something changes
SHORTEST = 0.05     # s
FOLLOWED = 0.5      # s of a step at most, while single requests are asked and answered
SETTLED = 2.0       # s for which steps stay short where nobody comes back
SOFT = 1.0          # of a step's work for a period of a file that nobody waits in: two quick steps
BINS = 64, 512      # at most, for the longest wait; of a crowd that comes back as a crowd


class Step(NamedTuple):
    """From `start` to `end` s, within interval `k` of the record; `last`: it ends that; `settled`:
    the last change is so long ago that its echo is over."""

    k: int
    start: float
    end: float
    last: bool
    settled: bool

    @property
    def length(self) -> float:
        """Its length, s."""
        return self.end - self.start


def sharp(waits: list[tuple[float, float]]) -> bool:
    """Whether some wait is for nearly the same time each: then a crowd comes back as a crowd."""
    return any(high - low < (high + low) / 8 for low, high in waits)


def shortest(waits: list[tuple[float, float]]) -> float:
    """The shortest step, s, of clients who wait from `low` to `high` s: half their shortest
    wait, within `SHORTEST` and `LONGEST`; `SHORTEST`, where they come back as a crowd."""
    if sharp(waits):
        return SHORTEST
    means = [(low + high) / 2 for low, high in waits]
    return min(LONGEST, max(SHORTEST, min(means, default=2 * LONGEST) / 2))


def growth(waits: list[tuple[float, float]]) -> int:
    """A short step is at most such a part of the time since the change."""
    return 32 if sharp(waits) else 6


def settling(waits: list[tuple[float, float]]) -> float:
    """How long steps stay short after a change, s: half as long again as who is turned away each
    time needs until the last attempt."""
    return SETTLED + 1.5 * sum(high for _, high in waits)


def most_steps(waits: list[tuple[float, float]], changes: float, points: int,
               duration: float, periods: float = 0.0) -> float:
    """How many steps a run of `duration` s with so many `points` in its record takes at most, if
    load or capacity change so often; beside it the `periods` of a file in which nobody waits."""
    least, parts, calm = shortest(waits), growth(waits), min(settling(waits), duration)
    even, longest = parts * least, parts * LONGEST      # s since the change: until steps grow, and
    steps = min(calm, even) / least                     # until they are as long as they may be
    steps += parts * math.log(min(calm, longest) / even) if calm > even else 0.0
    steps += max(0.0, calm - longest) / LONGEST
    return points + changes + min(changes * steps, duration / least) + SOFT * periods


def bins(waits: list[tuple[float, float]]) -> tuple[float, float]:
    """The longest wait and a bin of the pool, s."""
    longest = max((high for _, high in waits), default=0.0)
    return longest, max(shortest(waits), longest / BINS[sharp(waits)])


def counted_run(keys: float, waits: list[tuple[float, float]], changes: float, points: int,
                duration: float, periods: float = 0.0) -> dict[str, float]:
    """What a run of so many `keys` will take (fields of an `Estimate`), if load or capacity change
    so often, the record has so many `points`, and nobody waits in so many `periods` of a file."""
    steps = most_steps(waits, changes, points, duration, periods)
    longest, width = bins(waits)
    a_step = sum((high - low + LONGEST) / width + 3 for low, high in waits)     # bins, at most
    kept = keys * (4 * points + len(waits) * longest / width)
    return {"events": 5 * steps, "cells": kept / 2,
            "touched": keys * (steps * (60 + 12 * len(waits)) + (steps - points) * 2 * a_step)}


class Pace:
    """Moves the counted parts of a run from step to step, each at the time of its start and after
    all control events of that time: they go on stage in the `order` given. See `Simulation.pace`.
    """

    def __init__(self, sim, order: int):
        self._sim, self._order = sim, order
        self._parts: list[Callable[[Step], float]] = []
        self._jumps: dict[bool, list[np.ndarray]] = {False: [], True: []}   # soft ones, too
        self._least, self._growth = LONGEST, growth([])
        self._settled = self._settling = 0.0        # short steps, at least and at most
        self._stirred, self._awaited, self._most = True, -1.0, math.inf

    def join(self, step: Callable[[Step], float]) -> None:
        """Have `step(step)` called for each step, after those who joined before. It moves its part
        on, and returns for how many s nothing changes there if all goes on as it does."""
        if not self._parts:
            self._sim.process(self._run())
        self._parts.append(step)

    def retries(self, waits: list[tuple[float, float]]) -> None:
        """Who is turned away comes back after these waits, (low, high) s."""
        if waits:
            self._settled = SETTLED
        self._least = min(self._least, shortest(waits))
        self._settling = max(self._settling, settling(waits))
        self._growth = max(self._growth, growth(waits))

    def follow(self) -> None:
        """Somebody looks at what has become of single requests: no step is long any more."""
        self._most = FOLLOWED

    def look_closely(self) -> None:
        """A part finds out by a step what changes: after each change some are short."""
        self._settled = SETTLED

    def jumps(self, times: np.ndarray, soft: bool = False) -> None:
        """At these times (s) a rate changes at once. soft: from one period of a file to the next:
        a step is short then, and further ones only if somebody waits."""
        self._jumps[soft].append(np.asarray(times, dtype=float))

    def changed(self) -> None:
        """Something is about to change: when the step ends that is being made, or else now."""
        self._stirred = True

    def awaited(self, until: float) -> None:
        """Somebody comes back, until that time (s) at the latest."""
        self._awaited = max(self._awaited, until)

    def _run(self):
        sim, ends, least = self._sim, self._sim.record.t[1:].tolist(), self._least
        jumps, softs = (iter(np.unique(np.concatenate([*self._jumps[soft], [np.inf]])).tolist())
                        for soft in (False, True))
        jump, soft, k, now, since, ahead, calm = 0.0, 0.0, 0, 0.0, 0.0, 0.0, 0.0
        while k < len(ends):
            yield sim.until(now, self._order)
            if self._stirred or now >= min(jump, soft):
                calm = self._settled if self._stirred or now >= jump else max(
                    calm - (now - since), min(self._settled, least))
                since, length, self._stirred = now, least, False
                while jump <= now:
                    jump = next(jumps)
                while soft <= now:
                    soft = next(softs)
            end = min(ends[k], jump, soft, now + max(ahead, least), now + self._most)
            if sim.env.peek() < end:
                end = max(sim.env.peek(), min(now + least, end))
            if now - since < (self._settling if now < self._awaited else calm):
                while length < LONGEST and now - since >= 2 * length * self._growth:
                    length = min(2 * length, LONGEST)
                end = min(end, now + length)
            if ends[k] - end < least / 100:     # what is left would be too short for a step
                end = ends[k]
            step = Step(k, now, end, end == ends[k], now - since >= self._settling)
            ahead = min([part(step) for part in self._parts])
            k, now = k + step.last, end
        self._parts.clear()     # they hold the run, and it them: now they can go
