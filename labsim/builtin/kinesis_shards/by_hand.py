"""One record put by hand into streams of several sizes, for the lab's known answers.

Picture one letter taken to several post offices: at which counter does each say it belongs?
"""

import numpy as np

from labsim.engine import Simulation
from labsim.services.kinesis import Keys, Stream


def shards_of(key: str, *sizes: int) -> list[int]:
    """The shard, counted from 0, that takes a record of the partition key `key` in new streams of
    so many shards."""
    return [_taken(key, n) for n in sizes]


def _taken(key: str, shards: int) -> int:
    sim = Simulation(1, 10.0, points=1)
    stream = Stream(sim, "stream", shards, keys=Keys.named({key: 1.0}))
    stream.records.expect(np.array([1]))
    sim.run()
    return int(np.flatnonzero(stream.shards.accepted[0])[0])
