"""Amazon S3: a bucket with the limits of its partitions, 503 Slow Down, and clients who try again.

Picture a cloakroom with one hatch. A hatch hands out so many coats a second and takes in so many;
who comes beyond that is told to slow down. While it is overrun, a second one is being opened.

*Models:* 5,500 reads and 3,500 writes a second per partition (what is not used is kept for a
second), or a part of that in a new bucket; partitions that adapt to the load (`partitions`); a KMS
quota behind them; SDK retries with their quota.
*Leaves out:* LIST, HEAD and DELETE (they count like reads or writes), data transfer.

AWS promises at least these rates, and an exam asks for them: so they stand here. That a new bucket
was measured to serve more is what it gains while it adapts: it does not begin with more.

Data plane: counted per step and partition (`Attempts`), since S3 limits rates, not requests.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.declare import (
    MOST_BARS,
    AskedInlet,
    CountedOutlet,
    CountedPart,
    Room,
    single,
)
from labsim.engine import STILL, Attempts, LastSecond, Simulation, Step, held_at_first
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.services import kms as kms_
from labsim.services.common.retries import RetryQuota, standard_waits
from labsim.services.kms import rules as kms_rules
from labsim.services.s3 import bill, measures, rules
from labsim.services.s3.partitions import Partitions
from labsim.services.s3.rules import GET, PUT

MOVING = 3e-3       # a limit that rises within a step makes a larger difference than that
PARTITION_TIME = factbook.value("s3.partition_time_s")
COOLING_TIME = factbook.value("s3.cooling_time_s")
LOGGED = {"rate": "{0.areas} of {0.before} partitions reach the full rate",
          "split": "load for more: from {0.before} to {0.after} partitions",
          "merge": "room for less: from {0.before} to {0.after} partitions",
          "cool": "what was gained beyond {0.after} partitions is gone"}


class Bucket(CountedPart):
    """A bucket whose keys make so many `prefixes` by a `scheme` ("one-prefix", "date", "hashed",
    "random"). Requests come, counted, to its `gets` and its `puts`: by `sim.send(load,
    to=bucket.gets)`, from an outlet (`other.done.to(bucket.puts)`), as `bucket.gets.expect(counts)`
    or one by one, as `AskedInlet` says. Outlets: `done`, all that is answered, `written`, PUTs.

    key_ranges: into how many ranges of keys, equally busy, S3 can divide a prefix; 1: not at all.
    start_partitions: that it begins with (at most as many as ranges): 1 of a new bucket, more of
    one that has grown; each heats up by itself. start_rate: the share of the full rate that each
    of these allows at first.
    partition_time: s beyond the published rate for a partition's worth more; 0: a partition of
    every range, at its full rate, from the start. cooling_time: s for which the load fits into a
    partition less, until there is one less; never less than it begins with.
    first_byte: "measured" or "documented", the law of the time to an answer.
    encryption: "sse-s3", "sse-kms" or "sse-kms-bucket-key"; the latter two ask `kms`.
    waits: (shortest, longest) s before each retry, by default those of the SDK's standard mode;
    quota: its tokens. random: the dice of a use; by default streams of its own.
    """

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    shows = (("partitions", "partitions"), ("of limit", "load_max"))
    alarm = "throttled_rate"
    ways = "gets", "puts"

    def __init__(self, sim: Simulation, name: str, prefixes: int = 1, *,
                 scheme: str = rules.HASHED, key_ranges: int = 1,
                 start_partitions: int = 1, start_rate: float = 1.0,
                 partition_time: float = PARTITION_TIME, cooling_time: float = COOLING_TIME,
                 first_byte: str = rules.MEASURED,
                 encryption: str = kms_rules.SSE_S3, kms: kms_.Quota | None = None,
                 waits: list[tuple[float, float]] | None = None, quota: RetryQuota | None = None,
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        if encryption not in kms_rules.ENCRYPTIONS:
            raise unknown("encryption", encryption, kms_rules.ENCRYPTIONS)
        if first_byte not in rules.LAWS:
            raise unknown("first_byte", first_byte, rules.LAWS)
        self.require("start_partitions", start_partitions, 1, whole=True)
        self.require("start_rate", start_rate, 0, 1, above=True)
        self.require("partition_time", partition_time, unit="s")
        self.require("cooling_time", cooling_time, unit="s", above=True)
        self.calls = kms_rules.calls_per_object(encryption)
        if self.calls and kms is None:
            raise ParameterError("kms", kms, f"a kms.Quota, which a bucket with {encryption} asks")
        self.pieces = rules.prefixes_in_use(scheme, prefixes)
        shares = rules.shares(scheme, self.pieces, key_ranges)
        self.ranges, self.first_byte = shares.shape[1], first_byte      # ranges of keys, in all
        self._piece = np.arange(self.ranges) // key_ranges
        self._random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.crowd = self.attempts = Attempts(
            sim, (2, self.ranges), standard_waits() if waits is None else waits, quota)
        ticks = len(self.record.t) - 1
        self._none = np.zeros((2, self.ranges))       # the share that is turned away mostly
        self._throttled = 0.0                         # by KMS, in the last step
        self.busiest = np.zeros((MOST_BARS, ticks))    # most that was asked of these partitions
        self.partitions, self.allowed, self.slow_down, self.kms_throttled = np.zeros((4, ticks))
        self.erred, self.slow_then = np.zeros((2, ticks))   # attempts, while broken; s longer
        self.places = (Partitions(shares, self.ranges, 1.0, 0.0, cooling_time, sim.duration)
                       if partition_time == 0 else
                       Partitions(shares, min(start_partitions, self.ranges), start_rate,
                                  partition_time, cooling_time, sim.duration))
        self._tokens = np.zeros((2, len(self.places)))
        self._group()
        self.gets, self.puts = AskedInlet(self, "GETs", GET), AskedInlet(self, "PUTs", PUT)
        for inlet, share, use in zip((self.gets, self.puts), shares,
                                     ("get prefixes", "put prefixes")):
            inlet.lead(share, self._random(use))
        self.done = CountedOutlet(self, self.gets, self.puts)
        self.written = CountedOutlet(self, self.puts)
        if self.calls:
            self.link(kms, "a call per object")
            kms.used_by(self)
        else:
            sim.pace.join(self.step)
        if not self.places.fixed:
            sim.pace.look_closely()

    def wired(self) -> None:
        """It has to have somebody who sends."""
        if not (self.gets.used or self.puts.used):
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=bucket.gets) does")

    def _group(self) -> None:
        """The partitions that share a bar, where there are many."""
        parts = np.arange(len(self.places))
        self._groups = np.array([group[0] for group in np.array_split(
            parts, min(MOST_BARS, len(parts)))])

    # -- a step ----------------------------------------------------------------------------

    def step(self, step: Step) -> float:
        """A step of a bucket that needs no KMS."""
        self.begin(step)
        while not self.settle(0.0):
            pass
        return self.end()

    def begin(self, step: Step) -> None:
        """What comes in this step, and what the partitions may serve of it."""
        for other in self.fed_by:
            other.advance(step.start)
        if self.places.warming_up:      # nothing goes on as it did
            step = step._replace(settled=False)
        self.attempts.still = MOVING if self.places.warming_up else STILL
        self._step = step
        if step.start == 0.0:
            before = np.array([self.gets.before, self.puts.before])
            self._second = LastSecond(before)
            self._tokens = held_at_first(self.places.limits, np.add.reduceat(
                before, self.places.start, axis=1))
        self.attempts.begin(step, np.array([self.gets.during(step), self.puts.during(step)]),
                            single(step, self.gets, self.puts))
        self._may = self.places.during(step.length) * (step.length * self.left)
        if self.left < 1.0:
            self._tokens = np.minimum(self._tokens, self.places.limits * self.left)
        self._room = self._tokens + self._may
        self._serve()

    def _serve(self) -> None:
        # (2, ranges), and (2, partitions)
        well, asked = self.well, self.attempts.asked
        self._reached = asked if well is None else asked * well
        self._asked = np.add.reduceat(self._reached, self.places.start, axis=1)
        self._served = np.minimum(self._asked, self._room)
        self._unserved = self._asked - self._served
        self._over = bool(np.logical_or.reduce(self._unserved, axis=None))

    def ask(self) -> float:
        """How many KMS calls it takes to answer what the partitions serve."""
        return float(self._served.sum()) * self.calls

    def settle(self, throttled: float) -> bool:
        """KMS throttles this share of what the partitions serve, and all that is not served is
        turned away. Whether that is the end of the step: else, `ask` again."""
        self._throttled = throttled
        share = self._none
        if self._over or throttled:
            lost = self._unserved + self._served * throttled
            share = (lost / np.maximum(self._asked, 1e-9))[:, self.places.partition]
        if self.well is not None:
            share = 1.0 - (1.0 - share) * self.well
        if self.attempts.turn_away(share):
            return True
        self._serve()
        return False

    def end(self) -> float:
        """The step is over; for how many s nothing changes if all goes on like this."""
        k, length, served = self._step.k, self._step.length, self._served
        self.attempts.end()
        if self._over:
            self.slow_down[k] += np.add.reduce(self._unserved, axis=None)
        if self._throttled:
            self.kms_throttled[k] += np.add.reduce(served, axis=None) * self._throttled
        if self.well is not None:
            self.erred[k] += (self.attempts.asked * (1.0 - self.well)).sum()
        if self.slow > 1.0:
            self.slow_then[k] += (self.slow - 1.0) * length / self.sim.tick
        asked = self._second.rate(self._reached, length)
        load = np.add.reduceat(asked, self.places.start, axis=1) * length
        load = np.maximum.reduce(load / np.maximum(self._may, 1e-9), axis=0)
        bars = self.busiest[:len(self._groups), k]
        np.maximum(bars, np.maximum.reduceat(load, self._groups), out=bars)
        self.partitions[k] = len(self.places)
        self.allowed[k] += np.add.reduce(self._may[GET])
        if self.done.connected or self.written.connected:
            gets, puts = (served.sum(axis=1) * (1.0 - self._throttled)).tolist()
            self.done.count(gets + puts, self._step.start, self._step.end)
            self.written.count(puts, self._step.start, self._step.end)
        changes, ahead = self.places.after(length, self._asked, self.attempts.asked, self._over)
        if changes:
            self._tokens = np.zeros((2, len(self.places)))
            self._group()
            for change in changes:
                self.log(change.kind, LOGGED[change.kind].format(change), self._step.end)
        else:       # a second's worth is kept
            self._tokens = np.minimum(self._room - served, self.places.limits)
        return ahead

    def rooms(self, op: int) -> list[Room]:
        """Limits of its partitions, if KMS throttles as it did in the last step."""
        passes, limits = 1.0 - self._throttled, self.places.limits[op]
        return [Room(self._tokens[op] * passes, limits * (self.left * passes), limits * passes)]

    def by_limit(self, requests: np.ndarray) -> np.ndarray:
        """Of requests to each range of keys, those to each partition."""
        return np.add.reduceat(requests, self.places.start)

    # -- at the end of the run -------------------------------------------------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests per second, partitions and their loads, and the mean latency."""
        return measures.curves(self)

    @property
    def loaded(self) -> int:
        """Partitions of which anything is asked at the end."""
        return int((self._asked.sum(axis=0) > 0).sum())

    @cached_property
    def arrived(self) -> np.ndarray:
        """GETs and PUTs that came, (ticks, 2)."""
        return self.attempts.arrived.sum(axis=-1)

    @cached_property
    def tried(self) -> np.ndarray:
        """All attempts made, and those that a breaker stopped, (ticks,)."""
        return (self.attempts.asked_by.sum(axis=-1) + self.attempts.stopped).sum(axis=1)

    @property
    def served(self) -> np.ndarray:
        """Requests answered, (ticks, attempts, 2)."""
        return self.attempts.served_by

    @cached_property
    def offered(self) -> np.ndarray:
        """GETs and PUTs that clients wanted, (2,)."""
        return self.arrived.sum(axis=0) + self.on_its_way

    @cached_property
    def completed(self) -> np.ndarray:
        """GETs and PUTs answered, (2,)."""
        return np.rint(self.served.sum(axis=1).sum(axis=0)) + self.heard[:, 0]

    @cached_property
    def latencies(self) -> tuple:
        """p50, p95 and p99 of the time to an answer, and the mean by number of attempts and by
        operation, s."""
        return rules.latencies(self.served_by_pace, self.attempts.waits, self._random("latency"),
                               self.first_byte, self.retry.timeout if self.retry else math.inf)

    def later_than(self, seconds: float) -> np.ndarray:
        """The share of GETs and of PUTs whose first byte takes longer, (2, 1)."""
        return np.array([[rules.longer(seconds, op, self.first_byte)] for op in (GET, PUT)])

    def answer_times(self, op: int) -> Callable[[int, np.random.Generator], np.ndarray]:
        """A function that draws so many times to a first byte of a GET or a PUT, s."""
        return lambda n, rng: rules.first_byte(n, rng, op, self.first_byte)

    def cost(self) -> dict[str, float]:
        """Requests answered."""
        return bill.cost(*self.completed)
