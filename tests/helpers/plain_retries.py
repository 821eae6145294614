"""Requests one by one in plain SimPy: a token bucket turns them away, and they try again.

The textbook's model, to hold the counted data plane against.
"""

import numpy as np
import simpy

from labsim.engine import TokenBucket


def run(seed, rate, limit, waits, duration):
    """(requests, served, turned away, waiting at the end) of Poisson requests before one limit.

    rate, limit: per second; waits: (low, high) s before each retry; duration: s. The bucket holds
    a second's worth, and is empty at first.
    """
    rng, env = np.random.default_rng(seed), simpy.Environment()
    bucket, counts = TokenBucket(limit, limit), dict.fromkeys(("requests", "served", "away"), 0)
    bucket.tokens[...] = 0.0
    on_their_way = set()

    def request(name):
        for low, high in [*waits, (0, None)]:
            if bucket.take(env.now, 1):
                counts["served"] += 1
                break
            counts["away"] += 1
            if high is not None:
                on_their_way.add(name)
                yield env.timeout(rng.uniform(low, high))
                on_their_way.discard(name)

    def arrivals():
        while True:
            yield env.timeout(rng.exponential(1 / rate))
            counts["requests"] += 1
            env.process(request(counts["requests"]))

    env.process(arrivals())
    env.run(until=duration)
    return (*counts.values(), len(on_their_way))
