"""How long the steps of a counted run are: short where something happens, long where nothing does.

Picture a guard on his round: when the alarm has rung he looks every moment, then every minute, and
by and by only as often as he has to write into his book.

*Models:* steps that grow from a small one after each change and where items expire together, up to
what a cache that turns over allows, or the book; whether all has settled; of a file's traffic only
what changes at once and by much. *Leaves out:* what happens in a step.
"""

from bisect import bisect_right

import numpy as np

from labsim.engine import RateCurve, Replayed

FIRST, GROWTH = 0.01, 1.3   # s of the first step after a change, and how much longer the next is
ECHOES = 5          # times that what was loaded together expires nearly together
CLOSE, AFTER = 0.5, 10.0    # s of a step at most where requests stand in line, and s after a change
STEPS = 400         # of a run at most, or what has settled is in steady state
SETTLING = 300      # steps after a change at most, in which it settles
SHARP, SURE = 1.5, 6.0      # times as much, and standard deviations of chance: a change by much
EDGES = 2_000       # of a file's other periods, at most, a step ends there


def plan(duration: float, tick: float, stay: float, cycle: float, ttl: float) -> tuple:
    """How long a step is at most, and how long after a change all is in steady state (infinite: it
    is followed to the end), s, in a run of `duration` with ticks of `tick`, where items `stay`
    without use, live for `ttl`, and have expired and are back in a `cycle`."""
    longest = min(tick, stay / 3) or tick
    if max(duration / longest, duration / cycle / 3) <= STEPS:
        return longest, np.inf
    return min(longest, 5 * cycle), sum(
        x for x in (3 * stay, (ECHOES + 1) * ttl) if x < np.inf)


def landmarks(curve: RateCurve) -> tuple[np.ndarray, np.ndarray]:
    """When the rate of `curve` changes at once, s, so that nothing is settled any more; and when it
    is a bit another from then on, as from one period of a file to the next."""
    jumps = curve.t[1:][np.diff(curve.t) == 0]
    if not isinstance(curve, Replayed):
        return jumps, np.empty(0)
    rate = curve.rate[::2]
    high, low = np.maximum(rate[1:], rate[:-1]), np.minimum(rate[1:], rate[:-1])
    sharp = (high > SHARP * low) & ((high - low) * curve.period > SURE * np.sqrt(
        high * curve.period))
    others = jumps[~sharp]
    if len(others) > EDGES:
        grid = np.linspace(0.0, curve.t[-1], EDGES, endpoint=False)
        others = others[np.unique(np.searchsorted(others, grid)[grid <= others[-1]])]
    return jumps[sharp], others


class Pace:
    """Steps of at most `longest` s, which end at each of the instants `t` of the record, at the
    `jumps` of the load, and at its `others`, where it changes a bit. What was loaded together lives
    for `ttl` s. `settle`: s after a change until all is in steady state. calm: the begin is none,
    things are as they have been."""

    def __init__(self, t: np.ndarray, longest: float, settle: float, ttl: float, jumps: set[float],
                 calm: bool, others: set[float] = frozenset()):
        self.longest, self.settle, self.steady = longest, settle, False
        self._t, self._at, self._size = t.tolist(), 0, CLOSE if calm else FIRST
        self._changed, self._steps = 0.0, 0     # when something changed last, and steps since then
        self._watched = 0.0 if calm else AFTER  # so long, s, steps are close
        self.careful = np.inf       # s of a step at most while requests stand in line or come back
        echoes = {ttl * n for n in range(1, ECHOES + 1)}
        self.marks = {mark: mark in jumps for mark in sorted(jumps | echoes) if 0 < mark < t[-1]}
        self._ends = sorted({*self.marks, *others} - {0.0, t[-1]})

    def end(self, now: float, goal: float, standing: float) -> float:
        """Where the step ends that begins at `now`, s, and is not to go beyond `goal`, where
        requests are `standing` in line or not."""
        while self._t[self._at + 1] <= now:
            self._at += 1
        tick = self._t[self._at + 1]
        longest = tick - now if self.steady else self.longest
        if self._steps < SETTLING and (standing or now < self._watched):
            longest = min(longest, CLOSE)
        if standing:
            longest = min(longest, self.careful)
        k = bisect_right(self._ends, now)
        mark = self._ends[k] if k < len(self._ends) else goal
        end = min(now + min(self._size, longest), goal, tick, mark)
        self._size = min(self._size, longest) * GROWTH
        self._steps += 1
        return end

    def small(self, now: float, changed: bool) -> bool:
        """Small steps from `now` on. Where something has changed nothing is settled: whether it
        was."""
        self._size = FIRST
        if not changed:
            return False
        was, self.steady = self.steady, False
        self._changed, self._watched, self._steps = now, now + AFTER, 0
        return was

    def settled(self, now: float, standing: float) -> bool:
        """Whether steady state begins: some time after a change when no requests are `standing` in
        line, or when that takes too long."""
        done = now - self._changed >= self.settle and not standing
        if self.steady or self.settle == np.inf or not (done or self._steps > SETTLING):
            return False
        self.steady = True
        return True
