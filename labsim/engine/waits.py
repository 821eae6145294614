"""How long who is turned away waits until he tries again, as a law instead of one by one.

Picture a gate that sends people round the block. Some blocks are short, some long; who is sent off
in this minute is back spread over the next ones, and one can say how many of them in which.

*Models:* waits of any length from a shortest to a longest, evenly, as a pair (low, high) s; or a
`Spread`, a mixture of such. *Leaves out:* who it was: what his last wait was tells nothing of the
next one.
"""

from collections.abc import Iterable

import numpy as np

POINTS = 24         # waits that stand for all of a law
FINE = 200          # times as many, from which those are means


class Spread(tuple):
    """A wait of a mixed law: with the `share` of each of `pieces`, (low, high, share) s, evenly
    from its low to its high. As a pair it is its (shortest, longest), s."""

    def __new__(cls, pieces: Iterable[tuple[float, float, float]]):
        pieces = tuple(pieces)
        made = super().__new__(cls, (min(p[0] for p in pieces), max(p[1] for p in pieces)))
        made.pieces = pieces
        return made

    def __getnewargs__(self):
        return (self.pieces,)

    def points(self, n: int = POINTS) -> np.ndarray:
        """`n` equally likely waits that stand for all, ascending, s; their mean is that of all."""
        low, high, share = np.array(self.pieces).T
        at = np.unique(np.concatenate([low, high]))
        rising = np.where(high > low, high - low, 1.0)
        upto = np.where((high > low)[:, None],
                        np.clip((at - low[:, None]) / rising[:, None], 0.0, 1.0),
                        (at >= low[:, None]) * 1.0)
        before = np.where((high > low)[:, None], upto, (at > low[:, None]) * 1.0)
        law = np.ravel([share @ before, share @ upto], order="F")   # below, and up to each time
        fine = np.interp((np.arange(n * FINE) + 0.5) / (n * FINE), law, np.repeat(at, 2))
        points = fine.reshape(n, FINE).mean(axis=1)
        return points * (mean_wait(self) / (points.mean() or 1.0))


def pieces(wait: tuple[float, float]) -> tuple[tuple[float, float, float], ...]:
    """(low, high, share) of each piece of a wait."""
    return getattr(wait, "pieces", ((*wait, 1.0),))


def mean_wait(wait: tuple[float, float]) -> float:
    """Its mean, s."""
    return sum(share * (low + high) / 2 for low, high, share in pieces(wait))


def drawn_waits(wait: tuple[float, float], rng: np.random.Generator, shape) -> np.ndarray:
    """So many waits, s."""
    low, high = wait
    if isinstance(wait, Spread):
        lows, highs, shares = np.array(wait.pieces).T
        which = np.searchsorted(np.cumsum(shares), rng.random(shape))
        low, high = lows[which := np.minimum(which, len(lows) - 1)], highs[which]
    return low + (high - low) * rng.random(shape)


def decorrelated(base: float, cap: float, retries: int) -> list[Spread]:
    """The law of each of so many waits, each of which is from `base` to three times the last one,
    at most `cap` s, the first from `base` to three times that.

    Each keeps its mean and its spread; that a long wait follows a long one is lost.
    """
    waits, last = [], np.array([base])
    for _ in range(retries):
        most = 3.0 * last
        longer = np.maximum(most - cap, 0.0) / np.maximum(most - base, 1e-300)
        longer = np.where(base >= cap, 1.0, longer)         # share that the cap cuts off
        share = 1.0 / len(last)
        wait = [(base, high, share * (1.0 - cut)) for high, cut in zip(
            np.minimum(most, cap).tolist(), longer.tolist()) if cut < 1.0]
        if longer.any():
            wait.append((cap, cap, share * float(longer.sum())))
        waits.append(Spread(wait))
        last = waits[-1].points()
    return waits


def shares_back(t: np.ndarray, waits: list[tuple[float, float]], length: float) -> np.ndarray:
    """Share that is back by `t` (n,) s after the start of a step of `length` s, in which they are
    turned away evenly, if they wait from `low` to `high` s, evenly too: shape (n, waits)."""
    if any(isinstance(wait, Spread) for wait in waits):
        laws = [np.array(pieces(wait)) for wait in waits]
        back = _back(t, *np.concatenate([law[:, :2] for law in laws]).T, length)
        ends = np.cumsum([len(law) for law in laws])
        return np.stack([some @ law[:, 2] for some, law in zip(
            np.split(back, ends[:-1], axis=1), laws)], axis=1)
    return _back(t, *np.array(waits).T, length)


def _back(t: np.ndarray, low: np.ndarray, high: np.ndarray, length: float) -> np.ndarray:
    wait = np.maximum(high - low, 1e-4 * (length + low))    # none is quite the same as another
    t = np.minimum(t[:, None] - low, length + wait)         # by then all are back

    def square(by):
        return np.maximum(t - by, 0.0)**2
    areas = square(0) - square(length) - square(wait) + square(length + wait)
    return np.clip(areas / (2 * length * wait), 0.0, 1.0)
