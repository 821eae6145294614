"""How often each of many keys is asked for: Zipf's law, and a hot key above it."""

import numpy as np


def popularity(n: int, skew: float = 0.0, hot: float = 0.0) -> np.ndarray:
    """Share of all requests that each of `n` keys has, (n,), adding up to 1: key 0 gets the
    share `hot` (0 to 1), the rest goes to all by Zipf's law, 1 / rank ** skew (0: evenly)."""
    shares = np.arange(1, n + 1) ** -float(skew)
    shares *= (1.0 - hot) / shares.sum()
    shares[0] += hot
    return shares


def draw_keys(shares: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    """`n` keys drawn with these `shares`, (n,) of whole numbers from 0 to below len(shares)."""
    upto = np.cumsum(shares)
    return np.searchsorted(upto, random.random(n) * upto[-1], side="right").clip(max=len(upto) - 1)
