"""How fast this machine is at the moment, beside one where nothing else runs.

Picture a runner's split times on a windy day: only beside another runner on the same track do they
say anything. The other runner here is a fixed piece of work, the kind that runs are made of.
"""

import heapq
import time

import numpy as np
import simpy

NOMINAL = 0.0025    # CPU seconds of the piece of work, where the estimates of runs are right


def _work() -> None:
    env = simpy.Environment()

    def ticking():
        for _ in range(400):
            yield env.timeout(1.0)
    env.process(ticking())
    env.run()
    free = [0.0] * 10
    for t in range(4_000):
        heapq.heapreplace(free, max(free[0], t) + 9.0)
    values = np.arange(20_000.0)
    for _ in range(4):
        np.sort(np.sin(values))


def pace(tries: int = 2) -> float:
    """CPU seconds that work takes at the moment, of a second of the small machine for which runs
    are estimated: 2 on one half as fast, or as busy again."""
    def once() -> float:
        begin = time.process_time()
        _work()
        return time.process_time() - begin
    return min(once() for _ in range(tries)) / NOMINAL
