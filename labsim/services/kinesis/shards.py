"""The shards of a Kinesis stream at work: they take what they may, and keep it to be read.

Picture a row of counters with a tape behind each. A clerk takes so many letters a second and
turns the rest away; what is taken goes onto the tape, and readers follow the tape at their own
pace. Reading removes nothing: the tape's end is cut off when it is a day old, read or not.

*Models:* records of keys whose hash decides the shard; a limit per shard, of which a second's
worth is kept; retries of what was turned away; one of several consumers, all alike; retention;
splits and merges, where children are read only once their parents have been, so that the order
within a key is kept.
*Leaves out:* order within a tick, GetRecords calls, checkpoints, splits other than in halves.

Data plane: counted per tick and shard (`Attempts`), since Kinesis limits rates, not records.
"""

from collections.abc import Callable

import numpy as np

from labsim.engine import Attempts, Simulation, spread
from labsim.services.kinesis import tape
from labsim.services.kinesis.routing import Keys, Shard, ShardMap


class Shards:
    """So many `shards`; `step` them at each tick (`sim.each_tick`).

    limit: records/s that a shard takes. reads: records that a consumer can read of a shard in each
    tick. waits: (low, high) s before each retry. retention: s that a record is kept. random: the
    dice of a use. One column per shard, closed ones too.
    """

    def __init__(self, sim: Simulation, keys: Keys, shards: int, *, limit: float,
                 reads: np.ndarray, waits: list, retention: float,
                 random: Callable[[str], np.random.Generator]):
        self.keys, self.map, self.k, self.tick = keys, ShardMap(shards), 0, sim.tick
        shape = len(reads), shards
        self.attempts, self._again = Attempts(np.zeros(shape), waits, sim.tick), len(waits) > 0
        self._random, self._shard_dice = random, random("shards")
        self.limit = limit
        self._rate = limit * sim.tick
        self.accepted, self.read, self.lost, self.backlog = (np.zeros(shape) for _ in range(4))
        # As of now: tokens, records unread, records that have left (read or lost), records
        # older than the retention, and whether a parent has to be read first.
        self._tokens, self.unread, self._gone, self._old, self._blocked = np.zeros((5, shards))
        self._reads, self._kept, self.retention = reads.tolist(), retention / sim.tick, retention
        self.reshards = 0                           # splits and merges so far
        self._epochs = [(0, 0, self._open())]       # tick, reshards, columns open from then on
        self._born, self._lineage = [], None        # (child, parent, parent); as columns
        self._changed = False

    def _open(self) -> np.ndarray:
        return np.array([shard.id for shard in self.map.open])

    def arrive(self, counts: np.ndarray, first: int = 0) -> None:
        """So many records, whole, want to be put in tick `first` and those after it, (ticks,)."""
        shares = self.keys.shares(self.map.open)
        fresh = spread(counts, shares / shares.sum(), self._shard_dice)
        self.attempts.arrive(fresh, first, (self._open(),) if self.reshards else ())

    def step(self, k: int) -> None:
        """Tick `k`: shards take what they may, consumers read what they can."""
        if self._changed:
            self._settle(k)
        attempts = self.attempts
        asked = attempts.at(k)
        room = self._tokens + self._rate
        taken = np.minimum(asked, room)
        self._tokens = np.minimum(room - taken, self.limit)     # a second's worth is kept
        failed, _ = attempts.turn_away(k, (asked - taken) / np.maximum(asked, 1e-300))
        if self._again:
            attempts.again(k, failed[:-1])
        unread = self.unread + taken
        read = np.minimum(unread, self._reads[k])
        if self._lineage:
            read *= self._free()
        self.unread = unread - read
        self.accepted[k], self.read[k] = taken, read
        if self._kept < attempts.ticks:
            self._expire(k, read)
        self.backlog[k] = self.unread
        self.k = k + 1

    def _free(self) -> np.ndarray:
        """1 for a shard that may be read, 0 while a parent of it has unread records."""
        children, (a, b) = self._lineage
        undrained = (self._blocked > 0) | (self.unread > 0)
        self._blocked[children] = undrained[a] | undrained[b]
        return 1.0 - self._blocked

    def _expire(self, k: int, read: np.ndarray) -> None:
        """What was accepted longer ago than the retention and is still unread is lost."""
        self._gone += read
        whole, part = divmod(k + 1 - self._kept, 1.0)
        if whole < 0:
            return
        row = self.accepted[int(whole)]
        lost = np.clip(self._old + part * row - self._gone, 0.0, self.unread)
        self._old = self._old + row
        self._gone += lost
        self.unread = self.unread - lost
        self.lost[k] = lost

    # -- resharding ------------------------------------------------------------------------

    def split(self, *shards: Shard) -> list[Shard]:
        """Close these shards and open two halves of each, in order: what was still to come to a
        shard goes to its halves, each record by its key."""
        children = [child for shard in shards for child in self.map.split(shard)]
        self._make_room(children)
        parents, ids = [shard.id for shard in shards], [child.id for child in children]
        shares = self.keys.shares(children).reshape(-1, 2)
        both = shares.sum(axis=1)
        share = np.divide(shares[:, 0], both, out=np.full(len(both), 0.5), where=both > 0)
        due = self.attempts.due[self.k:]
        whole = due[..., parents]               # (ticks, attempts, shards)
        first = whole * share
        first[:, 0] = self._random(f"split {parents[0]}").binomial(
            whole[:, 0].astype(np.int64), share)
        due[..., ids[::2]], due[..., ids[1::2]], due[..., parents] = first, whole - first, 0.0
        return children

    def merge(self, a: Shard, b: Shard) -> Shard:
        """Close two adjacent shards and open one for both."""
        child = self.map.merge(a, b)
        self._make_room([child])
        due = self.attempts.due[self.k:]
        due[..., child.id] = due[..., a.id] + due[..., b.id]
        due[..., a.id] = due[..., b.id] = 0.0
        return child

    def _make_room(self, children: list[Shard]) -> None:
        """A column for each child, and some more, so that this is rarely needed."""
        more = len(self.map.all) - len(self.unread)
        if more > 0:
            more = max(more, len(self.unread) // 2)
            self.attempts.widen(more)
            for name in ("accepted", "read", "lost", "backlog", "_tokens", "unread", "_gone",
                         "_old", "_blocked"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate(
                    [old, np.zeros((*old.shape[:-1], more))], axis=-1))
        for child in children:
            a, b = child.parents[0], child.parents[-1]
            self._tokens[child.id] = 0.0
            self._blocked[child.id] = max(self._blocked[a], self._blocked[b],
                                          self.unread[a] > 0, self.unread[b] > 0)
            self._born.append((child.id, a, b))
        self.reshards += len({child.parents for child in children})
        self._changed = True

    def _settle(self, k: int) -> None:
        """From tick `k` on these are open, and those must be read first."""
        children, *parents = np.array(self._born).T
        self._lineage = children, parents
        self._epochs.append((k, self.reshards, self._open()))
        self._changed = False

    # -- at the end of the run -------------------------------------------------------------

    @property
    def asked(self) -> np.ndarray:
        """Attempts to put, (ticks, columns)."""
        return self.attempts.attempts

    @property
    def epochs(self) -> list[tuple]:
        """Spans of time in which the same shards were open: first tick, tick after the last,
        reshards before it, columns that are open."""
        ends = [start for start, *_ in self._epochs[1:]] + [self.attempts.ticks]
        return [(start, end, *rest) for (start, *rest), end in zip(self._epochs, ends)]

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How many shards were open, and how many reshards there had been, in each tick."""
        lengths, done, shards = zip(*((end - start, reshards, len(columns)) for
                                      start, end, reshards, columns in self.epochs))
        return np.repeat(np.array(shards, float), lengths), np.repeat(np.array(done, float),
                                                                      lengths)

    def loads(self, bars: int) -> np.ndarray:
        """Attempts as a share of a shard's limit, in the order of the hash ranges: the busiest of
        each of so many groups of neighbours (or each shard alone), (bars, ticks)."""
        loads, asked = np.zeros((bars, self.attempts.ticks)), self.asked / self._rate
        for start, end, _, columns in self.epochs:
            groups = np.array_split(columns, min(bars, len(columns)))
            for bar, group in zip(loads, groups):
                bar[start:end] = asked[start:end, group].max(axis=1)
        return loads

    def hottest_shares(self) -> list[float]:
        """Share of the records offered that went to the shard which got most, in each epoch."""
        counts = [self.attempts.arrived[start:end].sum(axis=0) for start, end, *_ in self.epochs]
        return [float(count.max() / max(count.sum(), 1.0)) for count in counts]

    def ages(self) -> np.ndarray:
        """Age of the oldest unread record of the worst shard at the end of each tick, s."""
        return tape.ages(self.accepted, self.read + self.lost, self.backlog, self.tick,
                         self.retention)

    def delays(self) -> np.ndarray:
        """Time that records wait for a consumer that is behind, s: of some, evenly over all."""
        return tape.delays(self.accepted, self.read, self.read + self.lost, self.tick,
                           self.retention)
