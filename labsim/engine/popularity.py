"""How often each of many keys is asked for, and where it is put: Zipf's law, a hot key, a hash."""

import numpy as np

from labsim.errors import require


def popularity(n: int, skew: float = 0.0, hot: float = 0.0, hot_keys: int = 1) -> np.ndarray:
    """Share of all requests that each of `n` keys has, (n,), adding up to 1: the first `hot_keys`
    get the share `hot` (0 to 1), all alike, the rest goes to all by Zipf's law, 1 / rank ** skew
    (0: evenly)."""
    require("n", n, 1, unit="keys", whole=True)
    require("skew", skew)
    require("hot", hot, 0, 1)
    require("hot_keys", hot_keys, 1, n, unit="keys", whole=True)
    shares = np.arange(1, n + 1) ** -float(skew)
    shares *= (1.0 - hot) / shares.sum()
    shares[:hot_keys] += hot / hot_keys
    return shares


def draw_keys(shares: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    """`n` keys drawn with these `shares`, (n,) of whole numbers from 0 to below len(shares)."""
    upto = np.cumsum(shares)
    return np.searchsorted(upto, random.random(n) * upto[-1], side="right").clip(max=len(upto) - 1)


MIX = np.array([0x9E3779B97F4A7C15, 30, 0xBF58476D1CE4E5B9, 27, 0x94D049BB133111EB, 31], np.uint64)


def scatter(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 as 64 random-looking bits each, of their shape: a hash that is the same
    everywhere (SplitMix64; Steele, Lea and Flood, OOPSLA 2014)."""
    z = (numbers.astype(np.uint64) + np.uint64(1)) * MIX[0]
    z = (z ^ (z >> MIX[1])) * MIX[2]
    z = (z ^ (z >> MIX[3])) * MIX[4]
    return z ^ (z >> MIX[5])
