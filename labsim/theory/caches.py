"""Closed forms for caches: how long an item stays, and how often it is found.

Items are asked for in Poisson streams of their own, at `arrival_rates` per second, (items,).
"""

import math

import numpy as np

from labsim.theory.arguments import check, check_rates


def characteristic_time(arrival_rates, capacity: float, counts=1.0) -> float:
    """How long an item stays in an LRU cache when nobody asks for it, s (Che's approximation).

    The cache holds `capacity` items of one size; item i is asked for at `arrival_rates[i]` per
    second, (items,), in a Poisson stream of its own; there are `counts[i]` such. The
    root t of sum(counts_i (1 - exp(-rate_i t))) = capacity; infinite if all items fit.
    `ValueError`. Source: Che, Tung and Wang, IEEE JSAC 20 (2002); why it is so good: Fricker,
    Robert and Roberts, ITC 24 (2012).
    """
    rates = check_rates(arrival_rates)
    check(capacity=capacity)
    counts = np.broadcast_to(counts, rates.shape)
    if capacity >= counts @ (rates > 0):
        return math.inf
    high = 1.0 / rates.max()
    while counts @ -np.expm1(-rates * high) < capacity:
        high *= 2.0
    low = 0.0
    for _ in range(100):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if counts @ -np.expm1(-rates * middle) < capacity else (
            low, middle)
    return (low + high) / 2


def lru_hit_ratios(arrival_rates, capacity: float, counts=1.0) -> np.ndarray:
    """Share of the requests for each item that an LRU cache of `capacity` items answers, (items,):
    1 - exp(-rate t), t of `characteristic_time`. `ValueError`. Source: as there."""
    rates = check_rates(arrival_rates)
    stays = characteristic_time(rates, capacity, counts)
    return (rates > 0).astype(float) if math.isinf(stays) else -np.expm1(-rates * stays)


def ttl_hit_ratios(arrival_rates, ttl: float) -> np.ndarray:
    """Share of the requests for each item that a cache without limit of size answers, (items,),
    which keeps an item for `ttl` s from when it was fetched: rate ttl / (1 + rate ttl), for one
    miss begins a cycle in which rate ttl hits follow. Poisson arrivals. `ValueError`. Source:
    Jung, Berger and Balakrishnan, IEEE INFOCOM (2003)."""
    rates = check_rates(arrival_rates)
    check(ttl=ttl)
    return rates * ttl / (1.0 + rates * ttl)
