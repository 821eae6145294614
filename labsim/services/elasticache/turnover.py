"""How long items stay in a cache, and a cache that turns over faster than one looks.

Picture a shop window that is done up anew many times an hour: who passes does not ask what was in
it before, only how often each thing is.

*Models:* Che's approximation (an item goes when nobody has asked for it for a certain time, the
same for all), with a TTL and the time of a fetch: each key is kept, missing and being fetched in
turns, independent of all others. *Leaves out:* how that state comes about.
"""

import numpy as np

from labsim import theory
from labsim.services.elasticache.rules import LAZY, SESSIONS

AGES, MOST = 1e12, 500.0    # s, and touches, that are as good as infinite


def shortest_cycle(reads: np.ndarray, fills: np.ndarray, life: float, fetch: float,
                   renewed: bool) -> float:
    """How long it takes at least, in the mean, until an item that lives for `life` s has expired
    and is there again, with a `fetch` of so long; renewed: by each read."""
    lives = lifetime(reads if renewed else fills, np.full(len(reads), min(life, AGES)))[1]
    return float(np.min(lives + (1.0 + fetch * reads) / np.maximum(reads + fills, 1e-300)))


def time_in_cache(cluster, touched: np.ndarray, nodes: int) -> float:
    """How long an item that nobody asks for stays in `nodes` nodes where each followed key is
    `touched` so often a second, s."""
    return theory.characteristic_time(touched, cluster.room * nodes, cluster.sample.weight)


def expected_time(rate: np.ndarray, most: np.ndarray) -> np.ndarray:
    """How long it takes in the mean until something of this `rate`, 1/s, or until `most`, s."""
    return np.where(rate * most > 1e-12, -np.expm1(-rate * most) / np.maximum(rate, 1e-300), most)


def stays(rate: np.ndarray, life: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """How long something lives that dies when it was not touched for `life`, s: touches come by
    chance at `rate`, 1/s. Drawn with the right mean, and the right chance of no touch at all."""
    hit, total = lifetime(rate, life)
    more = (total - life) / np.maximum(hit, 1e-300)
    again = random.random(len(rate)) < hit
    return life + np.where(again, more * random.standard_exponential(len(rate)), 0.0)


def lifetime(rate: np.ndarray, life: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chance of a touch within `life`, and the mean time until there is none for so long, s."""
    touches = np.minimum(rate * life, MOST)
    return -np.expm1(-touches), np.where(
        touches > 1e-9, np.expm1(touches) / np.maximum(rate, 1e-300), life)


class Turnover:
    """The cache of `app` in steady state."""

    def __init__(self, app):
        self.app, self.share = app, 0.0     # of the time that each key is there
        self._stays: dict[tuple, float] = {}

    def _stay(self, touched: np.ndarray) -> float:
        """How long an item stays now; worked out once for what does not change."""
        state = float(touched.sum()), self.app.cluster.answering
        if state not in self._stays:
            self._stays[state] = min(time_in_cache(self.app.cluster, touched, state[1]), AGES)
        return self._stays[state]

    def step(self, begin: float, length: float) -> None:
        """Count what is read in the `length` s from `begin`."""
        app, cluster, tally = self.app, self.app.cluster, self.app.tally
        weight = cluster.sample.weight
        weighed, touched = app.weighed, app.touched
        if any(cluster.away):
            out = cluster.out()
            app._unanswered(out, length)
            weight, weighed = weight * ~out, weighed * ~out
        most, life = self._stay(touched), app.ttl * (1.0 - app.jitter / 2)
        if app.strategy == SESSIONS:
            stay = np.full(len(weight), min(most, app.ttl))
            kept, fetch = lifetime(touched, stay)[1], 0.0
        else:
            stay = np.full(len(weight), most)
            lives = lifetime(app._admits * app.fills, np.full(len(weight), min(life, AGES)))[1]
            more = lifetime(touched, stay)[1] - stay            # beyond the first `stay`
            kept = np.minimum(stay, lives) + more * -np.expm1(
                -np.maximum(lives - stay, 0.0) / np.maximum(more, 1e-200))
            fetch, again = app.fetch_times(app._admits * app.reads, app.ttl < AGES)
            kept = kept + again
        # Queries that end one after the other keep bringing the item back: only with a lock, or
        # where it stays for longer than a query takes, is it away for as long as one takes.
        whole = app.way + app._wait + app.database.work_mean
        away = fetch * app.reads / touched
        apart = not app.lock and app.strategy != SESSIONS
        if apart:
            away = np.where(stay < whole, whole * app.reads / touched, away)
            away = away * stay / np.maximum(away + stay, 1e-300)
        gone = 1.0 / (app._admits * touched) + away
        turn = kept + gone
        self.share = kept / turn
        missed = weighed * (gone / turn) * length
        if app.readers:
            app.readers.asked(slice(None), missed)
        waiting = away / gone
        if apart:
            waiting = np.maximum(waiting, -np.expm1(-app.reads * (gone / turn) * whole))
        tally.missing += float(missed @ (1.0 - waiting))
        tally.window += float(missed @ waiting)
        tally.left += float(np.sum(missed * waiting * fetch)) / 2
        cluster.thrown += float(weight @ (touched * np.exp(-touched * most))) * length
        cluster.turnover = float(weight @ -np.expm1(-touched * most))
        if app.strategy == SESSIONS:
            busy = np.minimum(app.ttl, begin)       # nobody was here before the start
            lost = np.exp(-touched * stay) - np.exp(-touched * np.maximum(busy, stay))
            tally.lost += float(weighed @ lost) * length
            app._renewed(np.arange(len(weight)), weighed * (kept / turn) * length,
                         np.minimum(stay, begin + length))
        elif app.strategy == LAZY and app.writes.any():
            dice = app.random
            some = np.where(dice.random(len(weight)) < lifetime(touched, stay)[0],
                            more * dice.standard_exponential(len(weight)), 0.0)
            live = np.minimum(np.minimum(stay + some, lives), begin + length)
            old = np.maximum(live - dice.standard_exponential(len(weight)) / np.maximum(
                app.writes, 1e-300), 0.0)           # s for which it is out of date, each turn
            met = dice.random(len(weight)) < weighed * old / turn * length
            tally.age(weighed * old / turn * length, old / 2, float((old * met).max()))

    def resume(self, now: float) -> None:
        """Each followed key as it may be at `now`, s, where steady state ends."""
        app, cluster, dice = self.app, self.app.cluster, self.app.random
        n, touched = len(cluster.has), app.touched
        ago = dice.standard_exponential(n) / touched
        kept = np.flatnonzero(ago < min(self._stay(touched), now))
        cluster.each()
        app.keep(kept, now - dice.random(len(kept)) * min(app.ttl, now))
        cluster.last[kept] = now - ago[kept]
        there = -np.expm1(-touched * self._stay(touched))
        fresh = dice.random(n) * there < self.share
        cluster.expires[kept] = np.where(fresh[kept], np.maximum(cluster.expires[kept], now), now)
