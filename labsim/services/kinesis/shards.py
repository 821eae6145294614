"""The shards of a Kinesis stream at work: they take what they may, and keep it to be read.

Picture a row of counters with a tape behind each. A clerk takes so many letters a second and
turns the rest away; what is taken goes onto the tape, and readers follow the tape at their own
pace. Reading removes nothing: the tape's end is cut off when it is a day old, read or not.

*Models:* records of keys whose hash decides the shard; a limit per shard, of which a second's
worth is kept; retries of what was turned away; one of several consumers, all alike; retention;
splits and merges, where children are read only once their parents have been, so that the order
within a key is kept.
*Leaves out:* order within a step, checkpoints, splits other than in halves.

Data plane: counted per step and shard (`Attempts`), since Kinesis limits rates, not records.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from labsim.declare import AskedInlet, Room
from labsim.engine import Attempts, LastSecond, Simulation, Step, held_at_first, widened
from labsim.services.kinesis import tape
from labsim.services.kinesis.routing import Keys, Shard, ShardMap


class Shards:
    """So many `shards`, to which records come by `records`; `step` moves them on (`sim.pace`).

    limit: records/s that a shard takes. readable: records/s that a consumer can read of a shard.
    away: (start, end), s, in which none does. waits: (low, high) s before each retry. retention: s
    that a record is kept. random: the dice of a use. One column per shard, closed ones too; arrays
    are (ticks, columns), by interval of the record.
    `works`: which part of what is put to each of the first shards does not fail, (shards,), None
    for all; `left`: the share of the limit that there is; `pulls`: of what they can, what consumers
    read.
    """

    def __init__(self, sim: Simulation, records: AskedInlet, keys: Keys, shards: int, *,
                 limit: float, readable: float, waits: list, retention: float,
                 random: Callable[[str], np.random.Generator],
                 away: tuple[float, float] = (0.0, 0.0)):
        self.keys, self.map, self.tick, self.pace = keys, ShardMap(shards), sim.tick, sim.pace
        self.records, self.limit, self.retention = records, limit, retention
        self.ticks = len(sim.record.t) - 1
        shape = self.ticks, shards
        self._second = LastSecond(np.zeros(shards))
        self.attempts = Attempts(sim, (shards,), waits)
        sim.pace.jumps(np.array(away))
        self.accepted, self.read, self.lost, self.backlog, self.load = np.zeros((5, *shape))
        # As of now: tokens, records unread, records that have left (read or lost), records older
        # than the retention, and whether a parent has to be read first.
        (self._tokens, self.unread, self._gone, self._old,
         self._blocked) = np.zeros((5, shards))
        self._readable, self._away, self._kept = readable, away, retention / sim.tick
        self.works, self.left, self.pulls = None, 1.0, 1.0
        self.erred, self._piece = np.zeros(self.ticks), np.arange(shards)   # whose shard each was
        self.reshards = 0                           # splits and merges so far
        # The tick from which a shard is open, and from which it is not any more; the reshards by
        # each tick in which there were some; parents of the shards that are not of the first ones.
        self._since, self._until = np.zeros(shards), np.full(shards, float(self.ticks))
        self._resharded, self._parents = {0: 0}, np.zeros((2, shards), int)
        self._first, self._settled = shards, shards
        self._weights, self._dice = self.keys.shares(self.map.open), random("shards")
        self._weights /= self._weights.sum()
        records.lead(self._weights, self._dice)

    def step(self, step: Step) -> None:
        """Shards take what they may, consumers read what they can."""
        k, attempts = step.k, self.attempts
        if step.start == 0.0:
            self._tokens = held_at_first(self.limit, self.records.before)
            self._second = LastSecond(self.records.before)
        if self._settled < len(self.map.all):
            self._settle(step)
        attempts.begin(step, self.records.during(step),
                       self.records.singles(step) if self.records.followed else None)
        room = self._tokens + self.limit * (step.length * self.left)
        works = self.well
        while True:
            asked = attempts.asked
            taken = np.minimum(asked if works is None else asked * works, room)
            share = (asked - taken) / np.maximum(asked, 1e-300)
            if attempts.turn_away(share if works is None else np.maximum(share, 1.0 - works)):
                break
        attempts.end()
        self._tokens = np.minimum(room - taken, self.limit)     # a second's worth is kept
        unread = self.unread + taken
        gone = self._away
        away = max(0.0, min(step.end, gone[1]) - max(step.start, gone[0]))
        read = np.minimum(unread, self._readable * (step.length - away) * self.pulls)
        if works is not None:
            self.erred[k] += (asked * (1.0 - works)).sum()
            read *= works > 0.0
        if self._settled > self._first:
            read *= self._free()
        self.unread = unread - read
        self._gone += read
        self.accepted[k] += taken
        self.read[k] += read
        load = self._second.rate(asked, step.length) / self.limit
        np.maximum(self.load[k], load, out=self.load[k])
        self.put, self.read_now = taken, read   # in this step
        if step.last:
            if self._kept < self.ticks:
                self._expire(k)
            self.backlog[k] = self.unread

    @property
    def well(self) -> np.ndarray | None:
        """`works`, of each column."""
        return None if self.works is None else self.works[self._piece]

    @property
    def room(self) -> Room:
        """What each can take as of now."""
        limits = np.full(len(self._tokens), self.limit)
        return Room(self._tokens, limits * self.left, limits)

    def _free(self) -> np.ndarray:
        """1 for a shard that may be read, 0 while a parent of it has unread records."""
        children = slice(self._first, self._settled)
        undrained = (self._blocked > 0) | (self.unread > 0)
        self._blocked[children] = undrained[self._parents[:, children]].any(axis=0)
        return 1.0 - self._blocked

    def _expire(self, k: int) -> None:
        """What was accepted longer ago than the retention and is still unread is lost."""
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
        for due in self._to_come():
            whole = due[..., parents]
            due[..., ids[::2]], due[..., ids[1::2]] = whole * share, whole * (1 - share)
            due[..., parents] = 0.0
        return children

    def merge(self, a: Shard, b: Shard) -> Shard:
        """Close two adjacent shards and open one for both."""
        child = self.map.merge(a, b)
        self._make_room([child])
        for due in self._to_come():
            due[..., child.id] = due[..., a.id] + due[..., b.id]
            due[..., a.id] = due[..., b.id] = 0.0
        return child

    def _to_come(self) -> list[np.ndarray]:
        """What is still to come to each column, and came in the last second, (..., columns), to be
        changed in its place."""
        return [self._weights, self.attempts.pool, *self._second.kept,
                *(coming.left for coming in self.records.coming)]

    def _make_room(self, children: list[Shard]) -> None:
        """A column for each child, and some more, so that this is rarely needed."""
        more = len(self.map.all) - len(self.unread)
        if more > 0:
            more = max(more, len(self.unread) // 2)
            self.attempts.widen(more)
            self._second.widen(more)
            for coming in self.records.coming:
                coming.left = widened(coming.left, more)
            for name in ("accepted", "read", "lost", "backlog", "load", "_weights", "_tokens",
                         "unread", "_gone", "_old", "_blocked", "_since", "_until", "_parents",
                         "_piece"):
                setattr(self, name, widened(getattr(self, name), more))
            self.records.lead(self._weights, self._dice)
        for child in children:
            a, b = child.parents[0], child.parents[-1]
            self._tokens[child.id], self._piece[child.id] = 0.0, self._piece[a]
            self.attempts.refused[child.id] = self.attempts.refused[a]
            self._blocked[child.id] = max(self._blocked[a], self._blocked[b],
                                          self.unread[a] > 0, self.unread[b] > 0)
            self._since[child.id] = self._until[child.id] = self.ticks
            self._parents[:, child.id] = a, b
        self.reshards += len({child.parents for child in children})
        self.pace.changed()

    def _settle(self, step: Step) -> None:
        """From this step on these are open, and those must be read first."""
        tick = min(round(step.start / self.tick), self.ticks - 1)
        new = slice(self._settled, len(self.map.all))
        self._since[new] = self._until[self._parents[:, new]] = tick
        self._resharded[tick], self._settled = self.reshards, len(self.map.all)

    # -- at the end of the run -------------------------------------------------------------

    @property
    def asked(self) -> np.ndarray:
        """Attempts to put, (ticks, columns)."""
        return self.attempts.asked_by

    @cached_property
    def epochs(self) -> list[tuple]:
        """Spans of time in which the same shards were open: first tick, tick after the last,
        reshards before it, columns that are open."""
        ids = np.array([shard.id for shard in sorted(self.map.all, key=lambda shard: shard.start)])
        starts = list(self._resharded)
        return [(start, end, self._resharded[start],
                 ids[(self._since[ids] <= start) & (start < self._until[ids])])
                for start, end in zip(starts, [*starts[1:], self.ticks])]

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How many shards were open, and how many reshards there had been, in each tick."""
        lengths, done, shards = zip(*((end - start, reshards, len(columns)) for
                                      start, end, reshards, columns in self.epochs))
        return np.repeat(np.array(shards, float), lengths), np.repeat(np.array(done, float),
                                                                      lengths)

    def loads(self, bars: int) -> np.ndarray:
        """Attempts as a share of a shard's limit, most in a second, in the order of the hash
        ranges: the busiest of each of so many groups of neighbours (or each shard alone),
        (bars, ticks)."""
        loads = np.zeros((bars, self.ticks))
        for start, end, _, columns in self.epochs:
            groups = np.array_split(columns, min(bars, len(columns)))
            for bar, group in zip(loads, groups):
                bar[start:end] = self.load[start:end, group].max(axis=1)
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
