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

import math

import numpy as np

from labsim.engine.pace import Step
from labsim.engine.pool import Pool

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
    quota: how many may try again, a `RetryQuota`. gate: which share of the attempts is made at all,
    a circuit breaker. `late`: the share of the answers that come when nobody waits any more: they
    fail for who asks, though not for who answers. `still`: a change of the share turned away that
    no longer matters: larger where limits move within a step.

    By interval of the record: `arrived`, `asked_by`, (ticks, *keys), and, added up over the last of
    the keys' axes, `served_by`, (ticks, attempts, ...), `timed_out`, `stopped` (by the gate) and
    `gone` (given up), (ticks, ...).
    """

    def __init__(self, sim, keys: tuple[int, ...], waits: list[tuple[float, float]] = (),
                 quota=None):
        self._pace, self.still, self.late, self._let = sim.pace, STILL, None, 1.0
        ticks, rest = len(sim.record.t) - 1, keys[:-1]
        self.arrived, self.asked_by = np.zeros((2, ticks, *keys))
        self.timed_out, self.stopped, self.gone = np.zeros((3, ticks, *rest))
        self.refused = np.zeros(keys)
        self.asked, self._single, self._length = self.refused, None, math.inf   # of the last step
        self.come_back(waits, quota)

    def come_back(self, waits: list[tuple[float, float]], quota=None, gate=None) -> None:
        """Before the run: after these `waits`, while there is `quota`, if the `gate` lets them."""
        self.waits, self.quota, self.gate, n = list(waits), quota, gate, len(waits)
        keys = self.refused.shape
        self._pace.retries(self.waits)
        self.served_by = np.zeros((len(self.arrived), n + 1, *keys[:-1]))
        self._pool, self._all_back = Pool(self.waits, keys), 0.0    # by when nobody waits any more
        self._share, self._again = np.zeros(keys), 1.0  # turned away; of these, who tries again
        self._axes = tuple(range(1, len(keys) + 1))     # of the keys
        # While all goes on as it did, as many come back as begin to wait: for those who wait the
        # clock has stood still for so many s by now.
        self._steady, self._stood, self._tokens = False, 0.0, 0.0

    def widen(self, more: int) -> None:
        """So many keys more, after the last one of a single axis; nothing comes to them yet."""
        for name in ("arrived", "asked_by", "_share", "refused", "asked"):
            setattr(self, name, widened(getattr(self, name), more))
        if self._single is not None:
            self._single = widened(self._single, more)
        self._pool.who = widened(self.pool, more)

    @property
    def pool(self) -> np.ndarray:
        """Who waits, by when they are back and how often they have tried, (..., attempts, *keys);
        to be changed in its place."""
        return self._pool.who

    @property
    def waiting(self) -> np.ndarray:
        """Who waits to try again, (*keys)."""
        return self.pool.sum(axis=(0, 1))

    @property
    def own_rate(self) -> np.ndarray:
        """Attempts per second in the last step, but for single ones, (*keys)."""
        own = self.asked if self._single is None else self.asked - self._single
        return own / self._length

    @property
    def given_up(self) -> np.ndarray:
        """Who has been turned away at the last attempt, (...)."""
        return np.maximum(self.gone.sum(axis=0), 0.0)

    # `np.add.reduce` is `sum` without its overhead; BLAS adds up in another order elsewhere.

    # -- a step ----------------------------------------------------------------------------

    def begin(self, step: Step, fresh: np.ndarray, single: np.ndarray | None = None) -> None:
        """`fresh` first attempts come, (*keys), and those whose wait ends; and `single` ones,
        (*keys), of others, who see for themselves whether they come back."""
        self._step, self._passes, self._fresh, self._due = step, 0, fresh, None
        self._single, self._length = single, step.length
        self._steady = self._steady and step.settled and not self.gate
        if self._steady:
            self.attempts = np.empty((len(self.waits) + 1, *fresh.shape))
            again = self._share * self._again
            self.attempts[0] = fresh
            for n in range(len(self.waits)):
                np.multiply(self.attempts[n], again, out=self.attempts[n + 1])
            self._add_up()
        else:
            self._begin()

    def _begin(self) -> None:
        step, fresh = self._step, self._fresh
        self._own, self.attempts = fresh, fresh[None]
        if step.start < self._all_back:
            self._open(self._pool.due(step.start - self._stood, step.end - self._stood))
            if self._comes_back:
                self._count_back(self._share)
        if self.gate:
            self._let = self.gate.let(step.start, float(self.attempts.sum()))
        self._add_up()

    def _add_up(self) -> None:
        """All attempts that are made: `_own`, those that are made here, and single ones."""
        if len(self.attempts) > 1:
            self._own = np.add.reduce(self.attempts, axis=0)
        own = self._own if self._let == 1.0 else self._own * self._let
        self.asked = own if self._single is None else own + self._single

    def _open(self, due: np.ndarray) -> None:
        """Some of the attempts of this step are not the first ones."""
        self._due = due
        self._inside, self._later = self._pool.back(self._step.length,
                                                    self._step.end - self._stood)
        self._comes_back = max(self._inside) > 0.0
        self.attempts = np.concatenate([self.attempts, due])

    def turn_away(self, share: np.ndarray) -> bool:
        """The `share` (*keys) of the step's attempts fails. True if that is the end of it, False if
        `asked` has changed, for some of them are back before the step is over."""
        self.refused = share
        if self.late is not None or self._let < 1.0:
            share = 1.0 - self._in_time(share)
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
            self._pool.start(self._step.end - self._stood)
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
        self._add_up()
        return False

    def _still(self, share: np.ndarray) -> bool:
        """Whether all goes on as it did, so that as many come back as begin to wait: of each key
        the same share is turned away, give or take chance, and no more is served than comes."""
        self.failed = self.attempts * share
        self.served = self._own - np.add.reduce(self.failed, axis=0)
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
        late = 0.0 if self.late is None else float(self._too_late().sum()) / max(sum(lost), 1e-9)
        self._again = self.quota.share(sum(lost[:-1]), tried[0] - lost[0],
                                       sum(tried[1:]) - sum(lost[1:]), late)

    def _in_time(self, refused) -> np.ndarray:
        """Of the attempts, the share that is made, and answered in time, if so many are refused."""
        made = self._let * (1.0 - refused)
        return made if self.late is None else made * (1.0 - self.late)

    def _too_late(self) -> np.ndarray:
        """Attempts that are answered when nobody waits any more, (*keys)."""
        return self._own * (self._let * (1.0 - self.refused) * self.late)

    def end(self) -> None:
        """Whoever may try again waits, the others go home."""
        k, failed, served_by = self._step.k, self.failed, self.served_by
        self.arrived[k] += self._fresh
        self.asked_by[k] += self.asked
        if self.late is not None or self.gate:
            self._note_others()
        if self.waits and self._due is None and not self._steady:   # nobody fails, nor is back
            self.served, self.lost = self._own, 0.0
            served_by[k, 0] += np.add.reduce(self._own, axis=-1)
        else:
            served = self.attempts - failed
            served_by[k] += np.add.reduce(served, axis=-1)
            if self._steady:
                self._stood += self._step.length
                self._wait_until(self._all_back + self._step.length)
                gone = self._gone
            else:
                self.served, gone = np.add.reduce(served, axis=0), np.add.reduce(failed, axis=0)
                if self.waits:
                    gone -= self._send_round(failed)
            self.lost = np.add.reduce(gone, axis=-1)
            self.gone[k] += self.lost
        if self._single is not None:
            self._end_single()

    def _send_round(self, failed: np.ndarray) -> np.ndarray:
        """Who may try again waits, or is back already, (*keys)."""
        later = failed[:-1] if self._again == 1.0 else failed[:-1] * self._again
        back = 0.0
        if self._comes_back:
            inside = self.attempts[1:] - self._due
            later, back = np.maximum(later - inside, 0.0), np.add.reduce(inside, axis=0)
        if self.quota:
            self.quota.settle()
        if np.logical_or.reduce(later, axis=None):
            self._pool.put(later, self._later)
            self._wait_until(self._step.end + self._pool.longest + self._pool.width)
            self._steady = self._step.settled and self._is_steady()
        return back + np.add.reduce(later, axis=0)

    def _note_others(self) -> None:
        """Who was answered too late, or stopped."""
        k, own = self._step.k, self._own
        if self.late is not None:
            self.timed_out[k] += np.add.reduce(self._too_late(), axis=-1)
        if self.gate:
            self.stopped[k] += np.add.reduce(own, axis=-1) * (1.0 - self._let)
            made, well = float(own.sum()) * self._let, float((own * self._in_time(
                self.refused)).sum())
            self.gate.end(self._step.end, float(own.sum()), 1.0 - well / made if made else 0.0)

    def _end_single(self) -> None:
        k, single, away = self._step.k, self._single, self._single * self.refused
        self.arrived[k] += single
        self.served = self.served + single - away
        self.served_by[k, 0] += np.add.reduce(single - away, axis=-1)
        self.lost = self.lost + np.add.reduce(away, axis=-1)
        self.gone[k] += np.add.reduce(away, axis=-1)

    def _count_back(self, share: np.ndarray) -> None:
        """Add to the attempts who is back within the step, if this `share` is turned away."""
        again, attempts = share * self._again, self.attempts
        for n, inside in enumerate(self._inside):
            np.add(self._due[n], attempts[n] * (again * inside), out=attempts[n + 1])

    def _wait_until(self, t: float) -> None:
        """By `t` s nobody waits any more."""
        self._all_back = t
        self._pace.awaited(t)


def widened(values: np.ndarray, more: int) -> np.ndarray:
    """The same with so many keys more, along the last axis, of nothing."""
    return np.concatenate([values, np.zeros((*values.shape[:-1], more), values.dtype)], axis=-1)
