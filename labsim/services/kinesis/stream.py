"""Amazon Kinesis Data Streams: a stream of shards that producers write and consumers read.

Picture a post office whose counters go by initials. One counter may have a line out of the door
while the next one's clerk reads the paper. Behind the counters readers follow the tapes on which
all letters are kept; one who was away must read faster than the tape grows.

*Models:* shards and their limits (`shards`), who changes them (`reshard`), batches and aggregation
of the producers and their retries; consumers that share each shard's reads or have a pipe each
(enhanced fan-out), all alike, with one outage; GetRecords calls at an interval, of which a shard
answers five a second and refuses the others, who call again an interval later; age of the oldest
unread record, delay from put to read, of the client library as AWS states it or of a Lambda mapping
as somebody measured it; provisioned and on-demand capacity and their price (`bill`).
*Leaves out:* checkpoints, records of different sizes, readers who back off, or who are refused
for the bytes that they have just read.

Data plane: counted per step and shard (`Attempts`), since Kinesis limits rates, not records.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare.counted_part import DOWN, ERRORS, SLOW, THROTTLED
from labsim.declare.faults import FaultKind
from labsim.engine import Load, Simulation, Step
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.services.kinesis import bill, measures, rules
from labsim.services.kinesis.reshard import SPLIT_BYTES, SPLIT_RECORDS, SPLIT_TIME, OnDemand
from labsim.services.kinesis.routing import Keys
from labsim.services.kinesis.shards import Shards

RETENTION = factbook.value("kinesis.retention_default_s")
RECORD_BYTES = int(factbook.value("kinesis.record_size_max_bytes"))
MODES = rules.PROVISIONED, rules.ON_DEMAND
AWAY = FaultKind("reads nothing")
PUT_TIME = 0.015    # s to the answer to a put; an assumption: AWS publishes none
FAN_OUTS, READERS = (rules.SHARED, rules.ENHANCED), (rules.LIBRARY, rules.MAPPING)


class Stream(kit.CountedPart):
    """A stream of so many `shards`. Records come, counted, by `sim.send(load, to=stream)`,
    from another part's outlet, as `stream.records.expect(counts)`, or one by one by its `records`,
    as `kit.AskedInlet` says; `done` is the outlet of what each consumer has read.

    keys: `Keys`, or how many. record_size: bytes, key included. batch_size, aggregation: how
    producers put them. retries, retry_wait: how often a refused record is put again, and after
    how many s (from half of it to half as much again). consumers: how many applications read
    every record, each at most `consumer_capacity` records/s of a shard; read_by: "library" or
    "lambda", which only differ in how long a record takes to them; fan_out: "shared" or
    "enhanced"; poll_interval: s between two GetRecords calls of a consumer to a shard, if shared.
    outage: (start, length), s, in which none of them reads. mode: "provisioned", or
    "on-demand", which splits a shard that is busy for `split_after` s. call_bytes: at most, of a
    PutRecords call. put_time: s until a record that is asked one by one is answered. random: the
    dice of a use; by default streams of its own.
    """

    FAULTS = {"down": DOWN, "errors": ERRORS, "throttled": THROTTLED}

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    shows = (("open shards", "shards"), ("unread", "unread"), ("behind", "iterator_age"))
    alarm = "throttled_rate"

    def __init__(self, sim: Simulation, name: str, shards: int = 1, *, keys: Keys | int = 1_000,
                 record_size: float = rules.KB, batch_size: int = rules.PUT_RECORDS,
                 aggregation: bool = False, retries: int = 3, retry_wait: float = 0.5,
                 consumers: int = 1, fan_out: str = rules.SHARED,
                 consumer_capacity: float = math.inf, poll_interval: float = rules.POLL_INTERVAL,
                 outage: tuple[float, float] = (0.0, 0.0), retention: float = RETENTION,
                 mode: str = rules.PROVISIONED, split_after: float = SPLIT_TIME,
                 read_by: str = rules.LIBRARY, call_bytes: float = rules.PUT_BYTES,
                 put_time: float = PUT_TIME,
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        for what, value, least in (("shards", shards, 1), ("batch_size", batch_size, 1),
                                   ("retries", retries, 0), ("consumers", consumers, 1)):
            if not (isinstance(value, int) and value >= least):
                raise ParameterError(what, value, f"a whole number, at least {least}")
        if not 0 < record_size <= RECORD_BYTES:
            raise ParameterError("record_size", record_size, f"above 0, to {RECORD_BYTES:,} bytes")
        for what, value in (("retry_wait", retry_wait), ("retention", retention),
                            ("split_after", split_after), ("call_bytes", call_bytes),
                            ("poll_interval", poll_interval)):
            if not value > 0:
                raise ParameterError(what, value, "above 0")
        if not consumer_capacity >= 0:
            raise ParameterError("consumer_capacity", consumer_capacity, "at least 0 records/s")
        if not (len(outage) == 2 and min(outage) >= 0):
            raise ParameterError("outage", outage, "(start, length), each at least 0 s")
        for what, value, known in (("mode", mode, MODES), ("fan_out", fan_out, FAN_OUTS),
                                   ("read_by", read_by, READERS)):
            if value not in known:
                raise unknown(what, value, known)
        self.require("put_time", put_time, unit="s")
        self.put_time, self.pieces = put_time, shards
        self.keys = keys if isinstance(keys, Keys) else Keys(keys)
        self.puts = rules.Puts(record_size, batch_size, aggregation, call_bytes)
        self.consumers, self.fan_out, self.read_by = consumers, fan_out, read_by
        self.mode, self.retention, self.away = mode, retention, (outage[0], sum(outage))
        self.interval = poll_interval       # s between two calls
        self.calls = rules.call_rates(consumers, fan_out, poll_interval)    # that come; refused
        self._random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.records = kit.AskedInlet(self)
        self.done = kit.CountedOutlet(self, self.records)
        self.silent = np.zeros(len(self.record.t) - 1)      # s without a call
        self.shards = Shards(
            sim, self.records, self.keys, shards, limit=self.puts.limit(), retention=retention,
            readable=min(self._readable(), consumer_capacity), away=self.away, random=self._random,
            waits=rules.retry_waits(retries, retry_wait))
        self.crowd = self.shards.attempts
        self.on_demand = mode == rules.ON_DEMAND and OnDemand(
            self.shards, self.puts.limit(SPLIT_RECORDS, SPLIT_BYTES), split_after, log=self.log)
        sim.pace.join(self.step)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Records per second, the shards and their loads, and the consumers' lag."""
        return measures.curves(self)

    def _readable(self) -> float:
        """Records/s that each consumer can read of a shard."""
        size = rules.read_rate(self.consumers, self.fan_out, self.interval) / self.puts.size
        if self.fan_out == rules.ENHANCED:
            return size
        calls = 1 / rules.propagation(self.consumers, self.fan_out, self.interval)
        return min(size, calls * rules.GET_RECORDS * self.puts.full)

    # -- what comes and goes ---------------------------------------------------------------

    def sent(self, load: Load | float, name: str = "", retry: kit.Retry | None = None):
        """Producers put records at the rate of `load`; see `Simulation.send`."""
        return self.records.sent(load, name, retry)

    def come_back(self, retry: kit.Retry) -> None:
        """Before the run: all its producers do what `retry` says when a record is refused."""
        if retry.timeout != math.inf:
            raise ParameterError("timeout", retry.timeout, "none", (
                f"timeout: a record of {self.name} that is answered too late would be put twice, "
                "which is not modelled")).of(self.name)
        super().come_back(retry)

    def answer_times(self, op: int) -> Callable[[int, np.random.Generator], np.ndarray]:
        """A function that gives so many times to the answer to a put, s."""
        return lambda n, rng: np.full(n, self.put_time)

    def feed(self, blocks) -> None:
        """Records come at the times of `blocks` (arrays, s): counted in their tick."""
        self.records.feed(blocks)

    def take(self, times: np.ndarray) -> None:
        """Records come at `times` (s), given out by another part: counted in the next tick."""
        self.records.take(times)

    def wired(self) -> None:
        """It has to have somebody who sends."""
        if not self.records.used:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")

    def step(self, step: Step) -> float:
        """What has come is put and read, busy shards of an on-demand stream split."""
        for part in self.fed_by:
            part.advance(step.start)
        self.shards.step(step)
        if not self.shards.pulls:
            self.silent[step.k] += step.length
        if self.done.connected:
            self.done.count(float(self.shards.read_now.sum()), step.start, step.end)
        return self.on_demand.step(step) if self.on_demand else math.inf

    def rooms(self, op: int) -> list[kit.Room]:
        """Limits of its shards."""
        return [self.shards.room]

    @property
    def well(self) -> np.ndarray | None:
        """Of what is put to each shard, the share that does not fail."""
        return self.shards.well

    # -- faults ------------------------------------------------------------------------------

    def breakable(self) -> dict[str, dict[str, FaultKind]]:
        """The stream, its first shards, "name-1" and so on, and its consumers."""
        return {**super().breakable(), f"{self.name} consumers": {"down": AWAY, "slow": SLOW}}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """Puts fail, and nobody reads; or consumers read less."""
        if piece == f"{self.name} consumers":
            down, slow = (self.struck.get((piece, kind), ()) for kind in ("down", "slow"))
            self.shards.pulls = 0.0 if down else 1.0 / math.prod(slow)
            self.sim.pace.changed()
        else:
            super().suffer(piece, what, amounts)
            self.shards.works, self.shards.left = self._works, self.left

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def offered(self) -> float:
        """Records that producers wanted to put."""
        return self.shards.attempts.arrived.sum() + self.on_its_way.sum()

    @cached_property
    def fates(self) -> np.ndarray:
        """Records that were read, are kept, and have expired; that were given up, and that wait or
        came last: in whole numbers, (5,)."""
        fates = kit.whole(np.array([
            self.read, self.shards.unread.sum(), self.shards.lost.sum(), self.given_up,
            self.crowd.waiting.sum()]))
        put, *not_put = self.heard[0]
        return fates + [0, put, 0, sum(not_put), self.on_its_way.sum() - put - sum(not_put)]

    @cached_property
    def put(self) -> float:
        """Records that the shards took."""
        return self.shards.accepted.sum() + self.heard[:, 0].sum()

    @property
    def incomplete(self) -> float:
        """Records not put: those given up, and those that wait."""
        return max(0.0, self.offered - self.put)

    @cached_property
    def read(self) -> float:
        """Records that each consumer has read."""
        return self.shards.read.sum()

    @cached_property
    def hottest_shares(self) -> list[float]:
        """Share of the records offered that went to the shard which got most, by epoch."""
        return self.shards.hottest_shares()

    @property
    def given_up(self) -> float:
        """Records refused at their last attempt."""
        return float(self.shards.attempts.given_up)

    @cached_property
    def asked(self) -> np.ndarray:
        """Attempts to put, (ticks, shards)."""
        return self.shards.asked

    @cached_property
    def attempts(self) -> float:
        """Attempts to put, those that came last and those that a breaker stopped among them."""
        return self.asked.sum(axis=1).sum() + self.crowd.stopped.sum() + self.on_its_way.sum()

    @property
    def throttled(self) -> float:
        """Attempts that a shard refused, for it had no room."""
        counted = self.asked.sum() - self.shards.accepted.sum() - self.shards.erred.sum()
        return max(0.0, counted) + self.heard[:, 1].sum()

    @property
    def erred(self) -> float:
        """Attempts that failed since something was broken."""
        return self.shards.erred.sum() + self.heard[:, 2].sum()

    @cached_property
    def made(self) -> tuple[float, float]:
        """Kinesis records made of the records put, and their PUT payload units."""
        taken = self.shards.accepted
        each = self.puts.each(taken / self.sim.tick)
        made = taken / each
        return made.sum(), (made * bill.put_units(each * self.puts.size)).sum()

    @cached_property
    def delays(self) -> np.ndarray:
        """Time from put to read of some of the records, s; one 0 if none was read."""
        behind, dice = self.shards.delays(), self._random("polling")
        n, (asked, refused) = len(behind), self.calls
        if not self.read:
            return np.zeros(1)
        mapping = self.read_by == rules.MAPPING
        if mapping and not asked:
            return behind + rules.MAPPING_PUSHED.draw(n, dice)
        # In intervals: part of one until the call, and for the library half of one on the way.
        wait = 0.5 * (not mapping) + dice.random(n)
        if refused:                         # calls before the one that is answered
            chance = (dice.permutation(n) + dice.random(n)) / n
            wait += np.floor(np.log1p(-chance) / math.log(refused / asked))
        interval = self.interval if asked else rules.propagation(self.consumers, self.fan_out)
        return behind + interval * wait + rules.MAPPING_POLLED * mapping

    @cached_property
    def calls_refused(self) -> np.ndarray:
        """GetRecords calls that the shards refused, (ticks,)."""
        t, tick = self.sim.record.t, self.sim.tick
        away = np.diff(np.clip(t, *self.away))
        return self.shards.counts()[0] * self.calls[1] * np.maximum(tick - away - self.silent, 0.0)

    def cost(self) -> dict[str, float]:
        """The bill of the stream."""
        hours, shards = self.sim.duration / 3600, self.told["shards"][0][1:]
        read = self.read * self.consumers * self.puts.size
        return bill.cost(
            self.mode, self.fan_out, hours=hours, consumers=self.consumers, units=self.made[1],
            shard_hours=shards.sum() * self.sim.tick / 3600,
            gb_in=self.put * self.puts.size / rules.GB, gb_out=read / rules.GB)
