"""Who changes a Kinesis stream's shards: you, by splits and merges, or AWS on demand.

Picture the postmaster: on request a counter is given to two clerks, or two quiet counters to
one, which takes a while each time. Or he walks along the row himself with a watch, and divides
each counter that has been busy for a quarter of an hour.

*Models:* a split of the hottest shard or of all in turn, a merge of the two coldest neighbours,
the time each takes, during which the old shards go on; on-demand splits of every shard that is
busy for long enough.
*Leaves out:* limits on how often one may reshard, on-demand merges, splits that aim at a key.
"""

import math
from collections.abc import Callable

import numpy as np

from labsim import factbook
from labsim.engine import Order, Step, widened
from labsim.errors import ParameterError, unknown
from labsim.services.kinesis import rules
from labsim.services.kinesis.shards import Shards

SPLIT_BYTES = factbook.value("kinesis.ondemand_split_rule")
SPLIT_RECORDS = rules.SHARD_RECORDS / 2
SPLIT_TIME = factbook.value("kinesis.ondemand_split_s")
RESHARD_TIME = factbook.value("kinesis.reshard_s")
MOST_SHARDS = 10_000    # of a stream that grows on demand
WARM = 0.8              # of the threshold: chance may lift a shard above it at any time
HOTTEST, ALL = "hottest", "all"


def split_shards(stream, at: float, what: str = HOTTEST, takes: float = RESHARD_TIME) -> None:
    """At `at` s begin to split the hottest shard of a `Stream`, or all in turn; each takes
    `takes` s. ParameterError."""
    if what not in (HOTTEST, ALL):
        raise unknown("split", what, (HOTTEST, ALL))
    _check(stream, at, takes)
    stream.sim.process(_splitting(stream, at, what, takes))


def merge_shards(stream, at: float, takes: float = RESHARD_TIME) -> None:
    """At `at` s begin to merge the two neighbours of a `Stream` that get the least together.
    ParameterError."""
    _check(stream, at, takes)
    stream.sim.process(_merging(stream, at, takes))


def _check(stream, at: float, takes: float) -> None:
    for name, value in (("at", at), ("takes", takes)):
        stream.require(name, value, unit="s")
    if stream.mode == rules.ON_DEMAND:
        raise ParameterError("mode", stream.mode, "provisioned, for a stream that you reshard")


def _splitting(stream, at: float, what: str, takes: float):
    sim, shards = stream.sim, stream.shards
    yield sim.until(at, Order.CAPACITY)
    parents = list(shards.map.open)
    if what == HOTTEST:
        parents = [parents[int(np.argmax(stream.keys.shares(parents)))]]
    for shard in parents:
        yield sim.until(sim.now + takes, Order.CAPACITY)
        if shards.map.is_open(shard):   # not merged meanwhile
            a, b = shards.split(shard)
            before, *after = stream.keys.shares([shard, a, b])
            stream.log("split", f"shard {shard.id} ({before:.0%} of the records) splits into "
                                f"shards {a.id} ({after[0]:.0%}) and {b.id} ({after[1]:.0%})")


def _merging(stream, at: float, takes: float):
    sim, shards = stream.sim, stream.shards
    yield sim.until(at, Order.CAPACITY)
    open_ = list(shards.map.open)
    if len(open_) > 1:
        shares = stream.keys.shares(open_)
        i = int(np.argmin(shares[1:] + shares[:-1]))
        a, b = open_[i:i + 2]
        yield sim.until(sim.now + takes, Order.CAPACITY)
        if shards.map.is_open(a) and shards.map.is_open(b):     # not split meanwhile
            child = shards.merge(a, b)
            stream.log("merge", f"shards {a.id} and {b.id} are merged into shard {child.id}, "
                                f"{shares[i] + shares[i + 1]:.0%} of the records")


class OnDemand:
    """Splits each shard that took more than `threshold` records/s for `after` s without a break,
    up to `most` shards; step it after the shards. `log(kind, text)` tells of it."""

    def __init__(self, shards: Shards, threshold: float, after: float = SPLIT_TIME,
                 most: int = MOST_SHARDS,
                 log: Callable[[str, str], None] = lambda kind, text: None):
        self.shards, self.after, self.most, self.log = shards, after, most, log
        self._threshold, self._hot = threshold, np.zeros(len(shards.unread))

    def step(self, step: Step) -> float:
        """A step has ended: shards over the threshold heat up, the others are cool at once. For how
        many s nothing changes if all goes on like this."""
        shards = self.shards
        hot = widened(self._hot, len(shards.put) - len(self._hot))
        threshold = self._threshold * step.length
        self._hot = np.where(shards.put > threshold, hot + step.length, np.minimum(hot, 0.0))
        ahead = self.after - float(self._hot.max())
        if ahead > 1e-9:
            return ahead if shards.put.max() > WARM * threshold else math.inf
        over = np.flatnonzero(self._hot >= self.after - 1e-9)
        self._hot[over] = -math.inf         # each is split now, or never
        ripe = [shard for shard in map(shards.map.all.__getitem__, over)
                if shard.end - shard.start > 1][:max(0, self.most - len(shards.map.open))]
        if ripe:
            shards.split(*ripe)
            self.log("split", f"{len(ripe)} busy shards split in two: {len(shards.map.open)} now")
        return math.inf
