"""How many requests come, and to which key: whole numbers, drawn once, handed out step by step.

Picture somebody who has written down in the morning how many visitors will come between any two
bells of the day, and lets them in evenly from one bell to the next.

*Models:* Poisson counts between the knots of a curve and the instants of the record; those of a
burst are the same whatever lies before and after it; of a file's traffic exactly its counts.
*Leaves out:* chance between two such times.
"""

from dataclasses import dataclass

import numpy as np

from labsim.engine.pace import Step
from labsim.engine.replayed import Replayed
from labsim.engine.workload import RateCurve

APART = 64          # stretches of a curve, from its start, that have dice of their own


@dataclass(frozen=True)
class Arrivals:
    """Requests that come: `counts[i]`, a whole number, evenly from `t[i]` to `t[i + 1]` s; at
    `jumps` (s) their rate changes at once (`soft`: with a file's next period), and up to now it was
    `before` (1/s)."""

    t: np.ndarray
    counts: np.ndarray
    jumps: np.ndarray | tuple = ()
    before: float = 0.0
    soft: bool = False

    @classmethod
    def drawn(cls, curve: RateCurve, t: np.ndarray, rng: np.random.Generator) -> "Arrivals":
        """Poisson arrivals at the rate of `curve`, between its knots and the instants `t` (s); of
        one that is `Replayed` exactly as many as there are in each period.

        How many come from one knot to the next has dice of its own, so that a burst is the same
        burst, whatever comes before and after it.
        """
        exact = isinstance(curve, Replayed)
        marks, near = curve.edges if exact else curve.t, 1e-9 * curve.t[-1]
        marks = onto(marks, t, near)
        edges = np.union1d(t, marks)
        edges = edges[np.diff(edges, prepend=-1.0) > near]      # rounding makes no piece
        expected = np.maximum(curve.expected(edges), 0.0)
        stretch = np.searchsorted(marks, edges[:-1], side="right") - 1
        if exact:
            totals = curve.counts
        else:
            means = np.bincount(stretch, expected, len(marks) - 1)
            dice = rng.spawn(min(APART, len(means)))
            totals = np.append([die.poisson(mean) for die, mean in zip(dice, means)],
                               rng.poisson(means[APART:])).astype(np.int64)
        counts = totals[stretch]
        first, pieces = np.unique(stretch, return_index=True)[1], np.bincount(stretch)
        pieces = pieces[pieces > 0]
        for start, n in np.stack([first, pieces], axis=1)[(pieces > 1) & (counts[first] > 0)]:
            here = slice(start, start + n)
            share = expected[here]
            if not share.any():     # too few beside all the others for the sum to tell
                share = np.diff(edges[start:start + n + 1])
            counts[here] = rng.multinomial(counts[start], share / share.sum())
        jumps = onto(curve.t[:-1][np.diff(curve.t) == 0], t, near)
        return cls(edges, counts, jumps, float(curve.rate[0]), soft=exact)

    def on(self, t: np.ndarray) -> np.ndarray:
        """How many come between the instants `t` (sorted, s), of which each of ours is in one or
        ends one: shape (len(t) - 1,)."""
        where = np.clip(np.searchsorted(t, self.t[:-1], side="right") - 1, 0, len(t) - 2)
        return np.bincount(where, self.counts, len(t) - 1).astype(np.int64)


def onto(times: np.ndarray, t: np.ndarray, near: float) -> np.ndarray:
    """`times` (s), of which those as `near` (s) to one of the instants `t` as rounding are it."""
    k = np.clip(np.searchsorted(t, times), 1, len(t) - 1)
    nearest = np.where(times - t[k - 1] < t[k] - times, t[k - 1], t[k])
    return np.where(np.abs(times - nearest) <= near, nearest, times)


class Coming:
    """`Arrivals` as they come, step by step, each to one of several keys with the probability
    `weights` (keys,), which sum to 1; `dice` decide."""

    def __init__(self, arrivals: Arrivals, weights: np.ndarray, dice: np.random.Generator):
        self.weights, self._dice = weights, dice
        self._pieces = iter(zip(arrivals.t[1:].tolist(), arrivals.counts.tolist()))
        self._until, self.left = 0.0, np.zeros(len(weights))    # of the piece that it is in

    def during(self, step: Step) -> np.ndarray:
        """How many come to each key, (keys,)."""
        now, end, came = step.start, step.end, 0.0
        while self._until <= end:       # the rest of a piece, and the next one
            came, now = came + self.left, self._until
            self._until, count = next(self._pieces, (np.inf, 0))
            self.left = self._dice.multinomial(count, self.weights).astype(float)
        if now < end:
            part = self.left * ((end - now) / (self._until - now))
            self.left = self.left - part
            came = came + part
        return came
