"""A few of very many keys that stand for all of them: the popular ones each, the rest by samples.

Picture an opinion poll: the ministers are asked one by one; of the people somebody from each
street, who counts for all that live there.

*Models:* Zipf's law over any number of keys; beyond the most popular, neighbours in rank as one
stratum, of which one key is followed (spatial sampling by a hash, as SHARDS does it; Waldspurger et
al., FAST 2015). *Leaves out:* differences of popularity inside a stratum.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from labsim.engine.popularity import popularity, scatter

HEAD = 400          # keys followed each, whatever the number of all
STRATA = 1_100      # strata of equal ratios of ranks, and as many of equal widths


@dataclass(frozen=True)
class KeySample:
    """Followed keys: the `number` of each from 0, how many keys it stands for (`weight`) and which
    `share` of all requests one of those has; all (followed,). Weights add up to all keys, weight
    times share to 1."""

    number: np.ndarray
    weight: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.number)


@lru_cache(maxsize=8)
def key_sample(keys: int, skew: float = 0.0, head: int = HEAD, strata: int = STRATA) -> KeySample:
    """Followed keys of `keys` with Zipf's exponent `skew`: all of them if they are few."""
    if keys <= head + 2 * strata:
        return KeySample(np.arange(keys), np.ones(keys), popularity(keys, skew))
    ranks = np.linspace(head + 1, keys + 1, strata), np.geomspace(head + 1, keys + 1, strata)
    edges = np.unique(np.concatenate(ranks).round().astype(np.int64))
    width = np.diff(edges)
    within = scatter(edges[:-1]) % width.astype(np.uint64)
    popular = np.arange(1, head + 1, dtype=float) ** -float(skew)
    mass = np.concatenate([popular, np.diff(_integral(edges - 0.5, skew))])
    weight = np.concatenate([np.ones(head), width])
    number = np.concatenate([np.arange(head), edges[:-1] - 1 + within.astype(np.int64)])
    return KeySample(number, weight, mass / weight / mass.sum())


def _integral(x: np.ndarray, skew: float) -> np.ndarray:
    """Of x ** -skew, so that differences are sums over whole ranks between (midpoint rule)."""
    if abs(1.0 - skew) < 1e-9:
        return np.log(x)
    return x ** (1.0 - skew) / (1.0 - skew)
