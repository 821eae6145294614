"""Counted requests: how many, per step and per key, instead of which one.

Picture turnstiles. A crowd comes up to every one of them; each lets through as many as its limit
allows. The rest step back, wait, and try again later, or go home.

*Models:* requests in arrays, one column per key (a partition, a shard); of those turned away at a
key every attempt has its equal share, and comes back after a wait of any distribution, a limited
number of times. Nothing is lost or made: arrived = served + gone home + waiting to try again.
*Leaves out:* order within a step (see `pace`): requests come evenly, and those turned away are so
evenly; who is back within the step is counted in it.

The cost of a run is steps x keys, whatever the rate. Tests put it beside plain SimPy.
"""

import numpy as np

from labsim.engine.pace import LONGEST, Step, most_steps, sharp, shortest

BINS = 64, 512      # at most, for the longest wait; of a crowd that comes back as a crowd
PASSES = 12         # at most, until the share turned away stands still
STILL = 2e-4        # a change of that share that no longer matters
CHANCE = 0.01       # such a change may be chance, if nothing else has changed


class Attempts:
    """Requests before turnstiles, `keys` of any shape: a first attempt, and one more after each of
    `waits`, (low, high) s, for those turned away. The pace of `sim` knows when they come back.

    A step is `begin`, then `turn_away` until it says that nothing moves any more, then `end`.
    `asked`, (*keys), are all attempts of the step: more after a `turn_away`, if some are back
    within the step. At its end `attempts`, (attempts, *keys), are the same by how often they have
    tried, `failed` those turned away, and `served`, (*keys), the others.
    quota: how many may try again, a `RetryQuota`. `still`: a change of the share turned away that
    no longer matters: larger where limits move within a step.

    By interval of the record: `arrived`, `asked_by`, (ticks, *keys), and, added up over the last of
    the keys' axes, `served_by`, (ticks, attempts, ...).
    """

    def __init__(self, sim, keys: tuple[int, ...], waits: list[tuple[float, float]] = (),
                 quota=None):
        self.waits, self.quota, n = list(waits), quota, len(waits)
        self._pace, self.still = sim.pace, STILL
        sim.pace.retries(self.waits)
        ticks, rest = len(sim.record.t) - 1, keys[:-1]
        self.arrived, self.asked_by = np.zeros((2, ticks, *keys))
        self.served_by, self._gone_home = np.zeros((ticks, n + 1, *rest)), np.zeros(rest)
        self._longest, self._width = _bins(self.waits)
        self._bins = int(np.ceil(self._longest / self._width)) + 2 if n else 0
        # Who waits, by when they are back and how often they have tried.
        self.pool = np.zeros((self._bins, n, *keys))
        self._first, self._all_back = 0, 0.0            # bin; time by which nobody waits any more
        self._share, self._again = np.zeros(keys), 1.0  # turned away; of these, who tries again
        self._axes, self._each = tuple(range(1, len(keys) + 1)), (1,) * len(keys)   # of the keys
        self._known: dict[tuple, tuple] = {}            # `_back` of steps like those before
        # While all goes on as it did, as many come back as begin to wait: for those who wait the
        # clock has stood still for so many s by now.
        self._steady, self._stood, self._tokens = False, 0.0, 0.0

    def widen(self, more: int) -> None:
        """So many keys more, after the last one of a single axis; nothing comes to them yet."""
        for name in ("arrived", "asked_by", "pool", "_share"):
            setattr(self, name, widened(getattr(self, name), more))

    @property
    def waiting(self) -> np.ndarray:
        """Who waits to try again, (*keys)."""
        return self.pool.sum(axis=(0, 1))

    @property
    def given_up(self) -> np.ndarray:
        """Who has been turned away at the last attempt, (...)."""
        return np.maximum(self._gone_home, 0.0)

    # `np.add.reduce` is `sum` without its overhead; BLAS adds up in another order elsewhere.

    # -- a step ----------------------------------------------------------------------------

    def begin(self, step: Step, fresh: np.ndarray) -> None:
        """`fresh` first attempts come, (*keys), and those whose wait ends."""
        self._step, self._passes, self._fresh, self._due = step, 0, fresh, None
        self._steady = self._steady and step.settled
        if self._steady:
            self.attempts = np.empty((len(self.waits) + 1, *fresh.shape))
            again = self._share * self._again
            self.attempts[0] = fresh
            for n in range(len(self.waits)):
                np.multiply(self.attempts[n], again, out=self.attempts[n + 1])
            self.asked = np.add.reduce(self.attempts, axis=0)
        else:
            self._begin()

    def _begin(self) -> None:
        step, fresh = self._step, self._fresh
        self.asked, self.attempts = fresh, fresh[None]
        if step.start < self._all_back:
            self._open(self._take_due(step))
            if self._comes_back:
                self._count_back(self._share)
            self.asked = np.add.reduce(self.attempts, axis=0)

    def _open(self, due: np.ndarray) -> None:
        """Some of the attempts of this step are not the first ones."""
        self._due = due
        self._inside, self._later = self._back(self._step)
        self._comes_back = max(self._inside) > 0.0
        self.attempts = np.concatenate([self.attempts, due])

    def turn_away(self, share: np.ndarray) -> bool:
        """The `share` (*keys) of the step's attempts fails. True if that is the end of it, False if
        `asked` has changed, for some of them are back before the step is over."""
        if self._steady:
            if self._still(share):
                return True
            self._steady = False
            self._begin()
            return False
        if not self.waits or self._due is None and not share.any():
            self.failed = self.attempts * share
            return True
        if self._due is None:
            self._first = int((self._step.end - self._stood) / self._width)
            self._open(np.zeros(self.pool.shape[1:]))
            self._share = np.zeros_like(share)
        self.failed, counted = self.attempts * share, self._again
        if self.quota:
            self._ask_quota()
        if not self._comes_back:
            return True
        off = share - self._share       # of what was thought when who is back was counted
        wrong = max(np.maximum.reduce(np.abs(off), axis=None), abs(self._again - counted))
        if wrong <= self.still or self._passes == PASSES:
            return True
        guess = share
        if self._passes:                # a line through the last two: the secant method
            before, off_before = self._before
            bend = off_before - off
            guess = self._share + off * np.divide(self._share - before, bend,
                                                  out=np.ones_like(off), where=bend != 0)
            guess = np.minimum(np.maximum(guess, 0.0), 1.0)
        self._before = self._share, off
        self._share = guess
        self._passes += 1
        self._count_back(guess)
        self.asked = np.add.reduce(self.attempts, axis=0)
        return False

    def _still(self, share: np.ndarray) -> bool:
        """Whether all goes on as it did, so that as many come back as begin to wait: of each key
        the same share is turned away, give or take chance, and no more is served than comes."""
        self.failed = self.attempts * share
        self.served = self.asked - np.add.reduce(self.failed, axis=0)
        self._gone = self._fresh - self.served
        off, self._share = np.abs(share - self._share), share
        return bool(np.maximum.reduce(off, axis=None) <= CHANCE
                    and np.minimum.reduce(self._gone, axis=None) >= -1e-9)

    def _is_steady(self) -> bool:
        """Whether the quota is as it was: all there, or used up."""
        before, self._tokens = self._tokens, self.quota.tokens if self.quota else 0.0
        return self._tokens == before

    def _ask_quota(self) -> None:
        lost = np.add.reduce(self.failed, axis=self._axes).tolist()
        tried = np.add.reduce(self.attempts, axis=self._axes).tolist()
        self._again = self.quota.share(sum(lost[:-1]), tried[0] - lost[0],
                                       sum(tried[1:]) - sum(lost[1:]))

    def end(self) -> None:
        """Whoever may try again waits, the others go home."""
        k, failed, served_by = self._step.k, self.failed, self.served_by
        self.arrived[k] += self._fresh
        self.asked_by[k] += self.asked
        if self.waits and self._due is None and not self._steady:   # nobody fails, nor is back
            self.served = self.asked
            served_by[k, 0] += np.add.reduce(self.asked, axis=-1)
            return
        served = self.attempts - failed
        served_by[k] += np.add.reduce(served, axis=-1)
        if self._steady:
            self._stood += self._step.length
            self._wait_until(self._all_back + self._step.length)
            self._gone_home += np.add.reduce(self._gone, axis=-1)
            return
        self.served, gone = np.add.reduce(served, axis=0), np.add.reduce(failed, axis=0)
        if self.waits:
            later = failed[:-1] if self._again == 1.0 else failed[:-1] * self._again
            if self._comes_back:
                back = self.attempts[1:] - self._due        # in this step already
                later = np.maximum(later - back, 0.0)
                gone -= np.add.reduce(back, axis=0)
            gone -= np.add.reduce(later, axis=0)
            if self.quota:
                self.quota.settle()
            if np.logical_or.reduce(later, axis=None):
                self._put(later)
                self._wait_until(self._step.end + self._longest + self._width)
                self._steady = self._step.settled and self._is_steady()
        self._gone_home += np.add.reduce(gone, axis=-1)

    def _count_back(self, share: np.ndarray) -> None:
        """Add to the attempts who is back within the step, if this `share` is turned away."""
        again, attempts = share * self._again, self.attempts
        for n, inside in enumerate(self._inside):
            np.add(self._due[n], attempts[n] * (again * inside), out=attempts[n + 1])

    # -- who waits -------------------------------------------------------------------------

    def _wait_until(self, t: float) -> None:
        """By `t` s nobody waits any more."""
        self._all_back = t
        self._pace.awaited(t)

    def _take_due(self, step: Step) -> np.ndarray:
        """Those who are back in this step, (attempts - 1, *keys): they don't wait any more."""
        pool, width = self.pool, self._width
        end = step.end - self._stood
        last, due = int(end / width), np.zeros(self.pool.shape[1:])
        for where in self._bins_from(self._first, min(last - self._first, self._bins)):
            due += np.add.reduce(pool[where], axis=0)
            pool[where] = 0.0
        bin_, start = pool[last % self._bins], max(step.start - self._stood, last * width)
        part = bin_ * min(1.0, (end - start) / ((last + 1) * width - start))
        bin_ -= part
        self._first = last
        return due + part

    def _bins_from(self, first: int, n: int) -> list[slice]:
        """Where `n` bins are kept: one stretch, or two."""
        head = first % self._bins
        return [slice(head, min(head + n, self._bins)), *(
            [slice(0, head + n - self._bins)] if head + n > self._bins else [])]

    def _put(self, later: np.ndarray) -> None:
        """These wait, (attempts - 1, *keys), and come back after the step."""
        for n, (first, shares) in enumerate(self._later):
            for where in self._bins_from(self._first + first, len(shares)):
                here = where.stop - where.start
                self.pool[where, n] += shares[:here] * later[n]
                shares = shares[here:]

    def _back(self, step: Step) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
        """Of those turned away evenly over the step, before each retry: the share that is back
        within it, (attempts - 1,); of the others, from which bin on the share that is back in each.
        """
        phase = step.end - self._stood - self._first * self._width
        known = round(step.length, 6), round(phase, 6)
        if known not in self._known:
            if len(self._known) > 1_000:
                self._known.clear()
            until = step.length + np.append(0.0, (np.arange(self._bins) + 1) * self._width - phase)
            back = shares_back(until, self.waits, step.length)
            back[-1] = 1.0
            inside = np.where(back[0] > 1e-9, back[0], 0.0).tolist()
            later = np.diff(back, axis=0) / np.maximum(1.0 - back[0], 1e-9)
            later[later < 1e-9] = 0.0                   # rounding; what it lacks then the bin gets
            most = later.argmax(axis=0), np.arange(later.shape[1])      # that has most, or, if
            later[most] += 1.0 - later.sum(axis=0)      # nobody is back later, the first one
            self._known[known] = inside, [self._trimmed(shares) for shares in later.T]
        return self._known[known]

    def _trimmed(self, shares: np.ndarray) -> tuple[int, np.ndarray]:
        some = np.flatnonzero(shares)
        return int(some[0]), shares[some[0]:some[-1] + 1].reshape(-1, *self._each)


def _bins(waits: list[tuple[float, float]]) -> tuple[float, float]:
    """The longest wait and a bin of the pool, s."""
    longest = max((high for _, high in waits), default=0.0)
    return longest, max(shortest(waits), longest / BINS[sharp(waits)])


def counted_run(keys: float, waits: list[tuple[float, float]], changes: float, points: int,
                duration: float) -> dict[str, float]:
    """What a run of so many `keys` will take (fields of an `Estimate`), if load or capacity change
    so often and the record has so many `points`."""
    steps = most_steps(waits, changes, points, duration)
    longest, width = _bins(waits)
    a_step = sum((high - low + LONGEST) / width + 3 for low, high in waits)     # bins, at most
    kept = keys * (4 * points + len(waits) * longest / width)
    return {"events": 5 * steps, "cells": kept / 2,
            "touched": keys * (steps * (60 + 12 * len(waits)) + (steps - points) * 2 * a_step)}


def shares_back(t: np.ndarray, waits: list[tuple[float, float]], length: float) -> np.ndarray:
    """Share that is back by `t` (n,) s after the start of a step of `length` s, in which they are
    turned away evenly, if they wait from `low` to `high` s, evenly too: shape (n, waits)."""
    low, high = np.array(waits).T
    wait = np.maximum(high - low, 1e-4 * (length + low))    # none is quite the same as another
    t = np.minimum(t[:, None] - low, length + wait)         # by then all are back

    def square(by):
        return np.maximum(t - by, 0.0)**2
    areas = square(0) - square(length) - square(wait) + square(length + wait)
    return np.clip(areas / (2 * length * wait), 0.0, 1.0)


def widened(values: np.ndarray, more: int) -> np.ndarray:
    """The same with so many keys more, along the last axis, of nothing."""
    return np.concatenate([values, np.zeros((*values.shape[:-1], more), values.dtype)], axis=-1)
