"""A cache of very many keys, of which some are followed and stand for all.

Picture a library with a million books, of which an inspector watches two thousand: those that
everybody wants, and of the others one from each shelf. What she sees of one she believes of its
shelf.

*Models:* of each followed key whether it is kept, until when, when it was used last; least recently
used out first, by weight; the loss of nodes as a `Cluster` has it; which node is asked most.
*Leaves out:* what `Cluster` leaves out.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from labsim.engine import KeySample, Simulation, key_sample
from labsim.errors import require
from labsim.services.elasticache.cluster import Cluster
from labsim.services.rds.measures import NEVER

COUNTED = 20_000    # keys whose nodes are looked up to know how many keys each node has
PLACES = 8_192      # a power of two, more than keys that are followed, and copies of them


class SampledCluster(Cluster):
    """A `Cluster` for a `SampledApplication`: `keys` of Zipf's `skew`. Each row of `kept`, `has`
    and `places` is one of `sample`, the keys that are followed."""

    def __init__(self, sim: Simulation, name: str, *, keys: int, skew: float = 0.0, **how):
        require("keys", keys, 1, whole=True)
        require("skew", skew)
        self.skew = skew
        self.sample: KeySample = key_sample(keys, skew)
        self.has = np.zeros(len(self.sample), dtype=bool)
        self.kept = np.full((3, len(self.sample)), -NEVER)
        self.last, self.expires, self.outdated = self.kept      # s
        self.thrown = self.turnover = 0.0
        self._held = self._spare = 0.0
        self.dice = sim.stream(f"{name} sample")
        self._elsewhere: tuple | None = None
        super().__init__(sim, name, keys=keys, **how)
        self.fewest = self.answering = len(self.all)            # nodes that keep items, and least

    @property
    def items(self) -> int:
        """How many there are in all nodes."""
        items = float(self.sample.weight @ self.has) + self.turnover + float(np.sum(self._spare))
        return round(min(items, self.room * len(self.all), self.keys))

    @property
    def evictions(self) -> int:
        """Items thrown out for want of room."""
        return round(self.thrown)

    def out(self) -> np.ndarray:
        """Which of the followed keys nobody answers for, (followed,)."""
        return np.array(self.away)[self.places]

    def warm(self) -> None:
        """The most popular are there, as many as there is room for; they were used just now."""
        room = self.room * len(self.all)
        self.has = np.cumsum(self.sample.weight) <= room
        self._held = np.bincount(self.places, self.sample.weight * self.has, len(self.all))
        self.last[:] = -1e-6 * self.sample.number / self.keys

    def throw_out(self) -> None:
        """In each node the least recently used go until there is room, half of what has come in
        this step included, so that nodes hold in the mean of a step what they can hold. Of the key
        that is the last to fit in part, all stay or none, by chance."""
        held, n = np.flatnonzero(self.has), len(self.all)
        node, last, weight = self.places[held], self.last[held], self.sample.weight[held]
        if self._elsewhere:         # copies where nobody looks now take room, too
            where, has, kept, places = self._elsewhere
            old = np.flatnonzero(has)
            node = np.append(node, places[old])
            last = np.append(last, kept[0, old])
            weight = np.append(weight, self.sample.weight[where[old]])
        full = np.bincount(node, weight, n)
        spare = np.clip((full - self._held) / 2, 0.0, self._rooms / 2)
        over = full > self._rooms - spare
        self._held, self._spare = full, np.where(over, spare, 0.0)
        if not over.any():
            return
        order = in_turn(node, last)
        weight, node = weight[order], node[order]
        most = np.cumsum(full) - full + self._rooms - spare
        out = np.cumsum(weight) - weight * self.dice.random(len(order)) > most[node]
        gone = np.bincount(node[out], weight[out], n)
        out = order[out]
        self.has[held[out[out < len(held)]]] = False
        if self._elsewhere:
            has[old[out[out >= len(held)] - len(held)]] = False
        self.thrown += float(gone.sum())
        self._held = full - gone

    def each(self) -> None:
        """What is kept of each key is told anew; nothing is, until then."""
        self.has[:] = False
        self.turnover, self._elsewhere = 0.0, None
        self._held, self._spare = NEVER, 0.0

    def longest_unused(self, now: float) -> float:
        """For how long what is kept has not been used at most, s."""
        return now - float(self.last[self.has].min(initial=now))

    def ask(self, reads: float) -> None:
        """Count so many reads of all keys."""
        self.asked = self.asked + reads * self._shares

    # -- failures ----------------------------------------------------------------------------------

    def fail(self, at: float, nodes: int = 1, **how) -> None:
        """As a `Cluster`'s."""
        super().fail(at, nodes, **how)
        if nodes < len(self.all):
            self.fewest -= nodes

    def _clear(self, nodes: list[int]) -> int:
        lost = self.has & np.isin(self.places, nodes)
        self.has[lost] = False
        if self._elsewhere:
            self._elsewhere[1][np.isin(self._elsewhere[3], nodes)] = False
        return round(float(self.sample.weight @ lost))

    def _look_in(self, nodes: list[int]) -> None:
        before = getattr(self, "places", None)
        self.where, self.places = looked_up(self.spread, self.keys, self.skew, tuple(nodes))
        parts = np.bincount(self.where, minlength=len(self.all)) / len(self.where)
        each, asked = self.sample.weight == 1, self.sample.weight * self.sample.share
        self._shares = asked[~each].sum() * parts + np.bincount(    # of all reads
            self.places[each], asked[each], len(self.all))
        if before is not None:
            self._swap(before)
        self.answering = len(nodes)
        followed = np.bincount(self.places, self.sample.weight, len(self.all))
        should = self.keys * parts      # a sample has somewhat more or fewer of a node's
        self._rooms = self.room * np.divide(followed, should, where=should > 0,
                                            out=np.ones(len(self.all)))

    def _swap(self, before: np.ndarray) -> None:
        """Those of which clients look elsewhere now are found there as they were, if they were
        there before; and where they were `before`, copies stay behind."""
        away = np.flatnonzero(before != self.places)
        left = away, self.has[away], self.kept[:, away], before[away]
        if self._elsewhere:
            away, self.has[away], self.kept[:, away], _ = self._elsewhere
        else:
            self.has[away] = False
        self._elsewhere = left
        self._held = NEVER      # what changes now has not come in


def in_turn(node: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The order of fewer than PLACES keys by their `node`, and there the last used first, or the
    first where they were used together: numbers with places in them, for those sort fastest."""
    latest = last.max()
    span = latest - last.min() + 1.0
    turn = (node + (latest - last) / span) * (2.0**62 / PLACES / (node.max() + 1.0))
    return np.sort(turn.astype(np.int64) * PLACES + np.arange(len(node))) & (PLACES - 1)


@lru_cache(maxsize=8)
def looked_up(spread: Callable, keys: int, skew: float, nodes: tuple) -> tuple:
    """The nodes of the first COUNTED keys, and of those that are followed."""
    return (spread(min(keys, COUNTED), list(nodes)),
            spread(key_sample(keys, skew).number, list(nodes)))
