"""Named random streams: one generator per use, derived from the seed and a name.

Picture a drawer of dice, one labelled die per question ("arrivals", "service", ...).
Adding a die never changes what the others roll, and two runs with the same seed roll
the same dice, so a comparison of two runs shows the parameter's effect and not luck
(common random numbers).
"""

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

AT_A_TIME = 1_024       # numbers that are drawn where one is needed after the other


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of stream `name` in the run with this `seed` (0 <= seed < 2**63)."""
    digest = hashlib.sha256(name.encode()).digest()
    key = [int.from_bytes(digest[i:i + 4], "big") for i in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=key)))


def one_by_one(draw: Callable[[int, np.random.Generator], np.ndarray],
               rng: Callable[[], np.random.Generator]) -> Callable[[], float]:
    """A function that gives one number at a time of those that `draw(n, rng())` draws; the
    generator is made when the first one is wanted."""
    def numbers() -> Iterator[float]:
        made = rng()
        while True:
            yield from draw(AT_A_TIME, made).tolist()
    return numbers().__next__
