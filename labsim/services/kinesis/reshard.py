"""Who changes a Kinesis stream's shards: you, by splits and merges, or AWS on demand.

Picture the postmaster: on request a counter is given to two clerks, or two quiet counters to
one, which takes a while each time. Or he walks along the row himself with a watch, and divides
each counter that has been busy for a quarter of an hour.

*Models:* a split of the hottest shard or of all in turn, a merge of the two coldest neighbours,
the time each takes, during which the old shards go on; on-demand splits of every shard that is
busy for long enough.
*Leaves out:* limits on how often one may reshard, on-demand merges, splits that aim at a key.
"""

import numpy as np

from labsim import factbook
from labsim.engine import Order, Simulation
from labsim.services.kinesis import rules as kinesis
from labsim.services.kinesis.stream import Stream

SPLIT_BYTES = factbook.value("kinesis.ondemand_split_rule")
SPLIT_RECORDS = kinesis.SHARD_RECORDS / 2
HOTTEST, ALL = "hottest", "all"


def split_shards(sim: Simulation, stream: Stream, at: float, what: str, takes: float):
    """Process: from `at` on split the hottest shard, or all in turn; each takes `takes` s."""
    yield sim.until(at, Order.CAPACITY)
    shards = list(stream.map.open)
    if what == HOTTEST:
        shards = [shards[int(np.argmax(stream.keys.shares(shards)))]]
    for shard in shards:
        yield sim.until(sim.now + takes, Order.CAPACITY)
        if stream.map.is_open(shard):   # not merged meanwhile
            a, b = stream.split(shard)
            before, *after = stream.keys.shares([shard, a, b])
            sim.log("split", f"shard {shard.id} ({before:.0%} of the records) splits into shards "
                             f"{a.id} ({after[0]:.0%}) and {b.id} ({after[1]:.0%})")


def merge_shards(sim: Simulation, stream: Stream, at: float, takes: float):
    """Process: at `at` merge the two neighbours that get the least together."""
    yield sim.until(at, Order.CAPACITY)
    shards = list(stream.map.open)
    if len(shards) > 1:
        shares = stream.keys.shares(shards)
        i = int(np.argmin(shares[1:] + shares[:-1]))
        a, b = shards[i:i + 2]
        yield sim.until(sim.now + takes, Order.CAPACITY)
        if stream.map.is_open(a) and stream.map.is_open(b):     # not split meanwhile
            child = stream.merge(a, b)
            sim.log("merge", f"shards {a.id} and {b.id} are merged into shard {child.id}, "
                             f"{shares[i] + shares[i + 1]:.0%} of the records")


class OnDemand:
    """Splits each shard that took more than `threshold` records/s for `after` s without a break,
    up to `most` shards; step it after the stream."""

    def __init__(self, sim: Simulation, stream: Stream, threshold: float, after: float, most: int):
        self.sim, self.stream, self.after, self.most = sim, stream, after, most
        self._threshold, self._hot = threshold * sim.tick, np.zeros(len(stream.unread))

    def step(self, k: int) -> None:
        """Tick `k` has ended: shards over the threshold heat up, the others are cool at once."""
        taken, stream = self.stream.accepted[k], self.stream
        hot = np.zeros(len(taken))
        hot[:len(self._hot)] = self._hot
        self._hot = (hot + self.sim.tick) * (taken > self._threshold)
        ripe = np.flatnonzero(self._hot >= self.after)
        ripe = [shard for shard in map(stream.map.all.__getitem__, ripe)
                if shard.end - shard.start > 1][:max(0, self.most - len(stream.map.open))]
        if ripe:
            stream.split(*ripe)
            self._hot[[shard.id for shard in ripe]] = 0.0
            self.sim.log("split", f"{len(ripe)} busy shards split in two: "
                                  f"{len(stream.map.open)} now")
