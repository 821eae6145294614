"""Amazon S3: request rates per partitioned prefix, 503 Slow Down, and partitions that split.

Picture a cloakroom with one hatch. A hatch hands out so many coats a second and takes in so many;
who comes beyond that is told to slow down. When a hatch has been overrun for long enough, a second
one is opened and the rows of hooks are divided between them, but never within one row.

*Models:* 5,500 reads and 3,500 writes a second per partition (what is not used is kept for a
second); partitions cover whole prefixes and split in halves once they have been over a limit for
`partition_time` without a break; a KMS quota behind them; SDK retries with their quota.
*Leaves out:* what S3 does before a prefix is at its full rate, partitions that merge again, LIST,
HEAD and DELETE (they count like reads or writes), data transfer.

Data plane: counted per tick and partition (`Attempts`), since S3 limits rates, not requests.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.declare import MOST_BARS, Component, CountedOutlet, Inlet, bar_name, per_tick
from labsim.engine import Attempts, Load, Simulation, spread
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.services import kms as kms_
from labsim.services.common.retries import RetryQuota, standard_waits
from labsim.services.kms import rules as kms_rules
from labsim.services.s3 import bill, measures, rules
from labsim.services.s3.rules import GET, LIMITS, PUT

PARTITION_TIME = factbook.value("s3.split_time_s")


class Bucket(Component):
    """A bucket whose keys make so many `prefixes` by a `scheme` ("one-prefix", "date", "hashed",
    "random"). Requests come, counted per tick, to its `gets` and its `puts`: by
    `sim.send(load, to=bucket.gets)`, from another part's outlet (`other.done.to(bucket.puts)`), or
    as `bucket.gets.expect(counts)`. Outlets: `done`, all that is answered, and `written`, PUTs.

    partition_time: how many s a partition is over a limit before it splits; 0: split from the
    start. encryption: "sse-s3", "sse-kms" or "sse-kms-bucket-key"; the latter two ask `kms`.
    waits: (shortest, longest) s before each retry, by default those of the SDK's standard mode;
    quota: its tokens. random: the dice of a use; by default streams of its own.
    """

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    shows = (("partitions", "partitions"), ("of limit", "load_max"))
    alarm = "throttled_rate"

    def __init__(self, sim: Simulation, name: str, prefixes: int = 1, *,
                 scheme: str = rules.HASHED, partition_time: float = PARTITION_TIME,
                 encryption: str = kms_rules.SSE_S3, kms: kms_.Quota | None = None,
                 waits: list[tuple[float, float]] | None = None, quota: RetryQuota | None = None,
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        if encryption not in kms_rules.ENCRYPTIONS:
            raise unknown("encryption", encryption, kms_rules.ENCRYPTIONS)
        if not partition_time >= 0:
            raise ParameterError("partition_time", partition_time, "at least 0 s")
        self.calls = kms_rules.calls_per_object(encryption)
        if self.calls and kms is None:
            raise ParameterError("kms", kms, f"a kms.Quota, which a bucket with {encryption} asks")
        self.waits = standard_waits() if waits is None else waits
        self.prefixes = rules.prefixes_in_use(scheme, prefixes)
        self._weights = rules.shares(scheme, self.prefixes)
        self.quota, self.partition_time = quota, partition_time
        self._random = random or (lambda use: sim.stream(f"{name} {use}"))
        self._dice = self._random("get prefixes"), self._random("put prefixes")
        ticks = len(self.record.t) - 1
        self.attempts = Attempts(np.zeros((ticks, 2, self.prefixes)), self.waits, sim.tick)
        self._rate = LIMITS * sim.tick
        # A partition covers the prefixes from its start to before the next one's.
        self._divide(np.arange(self.prefixes) if partition_time == 0 else np.zeros(1, dtype=int))
        self.hot = np.zeros(len(self.start))    # seconds that each has been over a limit
        self.slow_down, self.kms_throttled = np.zeros((2, ticks))
        self.asked: list[np.ndarray] = []       # per tick, (2, partitions)
        self.gets, self.puts = Inlet(self, "GETs"), Inlet(self, "PUTs")
        self.done, self.written = CountedOutlet(self), CountedOutlet(self)
        if self.calls:
            self.link(kms, "a call per object")
            kms.used_by(self)
        else:
            sim.each_tick(self.step)

    def sent(self, load: Load | float, name: str = "") -> Component:
        """Requests are GETs or PUTs: say which, `sim.send(load, to=bucket.gets)`."""
        raise LabsimError(f"requests to {self.name} are GETs or PUTs: send to {self.name}'s "
                          f"`gets` or `puts`, such as sim.send(100, to=bucket.gets)")

    def wired(self) -> None:
        """It has to have somebody who sends."""
        if not (self.gets.used or self.puts.used):
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=bucket.gets) does")

    def _divide(self, start: np.ndarray) -> None:
        self.start = start
        self.size = np.diff(start, append=self.prefixes)
        self.partition = np.repeat(np.arange(len(start)), self.size)    # of each prefix
        self._tokens = np.zeros((2, len(start)))

    # -- a tick ----------------------------------------------------------------------------

    def step(self, k: int) -> None:
        """Tick `k` of a bucket that needs no KMS."""
        self.ask(k)
        self.settle(k, 0.0)

    def ask(self, k: int) -> float:
        """Tick `k`: the partitions serve what they may; how many KMS calls that takes."""
        if k == 0 or self.fed_by:
            self._let_in(k)
        self._asked = np.add.reduceat(self.attempts.at(k), self.start, axis=1)  # (2, partitions)
        room = self._tokens + self._rate
        self._served = served = np.minimum(self._asked, room)
        self._tokens = np.minimum(room - served, LIMITS)    # a second's worth is kept
        return float(served.sum()) * self.calls if self.calls else 0.0

    def settle(self, k: int, throttled: float) -> None:
        """Tick `k` goes on: KMS throttles this share of what the partitions serve, and all that is
        not served is turned away."""
        asked, served = self._asked, self._served
        passed = served / np.maximum(asked, 1e-9)
        if throttled:
            self.kms_throttled[k] = float(served.sum()) * throttled
            passed *= 1.0 - throttled
        failed, lost = self.attempts.turn_away(k, 1.0 - passed[:, self.partition])
        lost = lost.tolist()
        self.slow_down[k] = sum(lost) - self.kms_throttled[k]
        self._try_again(k, failed, lost)
        self.asked.append(asked)
        self._count_heat(k, served < asked)
        if self.done.connected or self.written.connected:
            gets, puts = (asked * passed).sum(axis=1).tolist()
            self.done.count(gets + puts, self.sim.now)
            self.written.count(puts, self.sim.now)

    def _let_in(self, k: int) -> None:
        """What the clients send in all ticks, at the first; what other parts have given out."""
        for other in self.fed_by:
            other.advance(self.sim.now)
        for operation, inlet in ((GET, self.gets), (PUT, self.puts)):
            coming = [(k, np.array([taken]))] if (taken := inlet.taken()) else []
            for first, counts in coming + ([(0, inlet.expected)] if k == 0 else []):
                fresh = spread(counts, self._weights[operation], self._dice[operation])
                self.attempts.arrive(fresh, first, (operation,))

    def _try_again(self, k: int, failed: np.ndarray, lost: list[float]) -> None:
        """Who failed and may try again waits; with a quota only as many as have tokens."""
        again, quota = failed[:-1], self.quota
        if quota:
            tried = self.attempts.by_attempt(k).tolist()
            wanted, most = sum(lost[:-1]), quota.affordable()
            if wanted > most:
                again = again * (most / wanted)
            quota.spend(min(wanted, most))
            quota.refund(tried[0] - lost[0], sum(tried[1:]) - sum(lost[1:]))
        self.attempts.again(k, again)

    def _count_heat(self, k: int, over: np.ndarray) -> None:
        """Partitions over a limit heat up, the others are cool at once; the ripe ones split."""
        if not self.partition_time:
            return
        self.hot = (self.hot + self.sim.tick) * (over[GET] | over[PUT])
        ripe = (self.hot >= self.partition_time) & (self.size > 1)
        if ripe.any():
            before, middle = len(self.start), self.start[ripe] + self.size[ripe] // 2
            self._divide(np.sort(np.append(self.start, middle)))
            self.hot = np.zeros(len(self.start))
            self.log("split", f"{ripe.sum()} of {before} partitions split in two: "
                              f"{len(self.start)} now", float(self.record.t[k + 1]))

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def arrived(self) -> np.ndarray:
        """GETs and PUTs that came, (ticks, 2)."""
        return self.attempts.arrived.sum(axis=-1)

    @cached_property
    def tried(self) -> np.ndarray:
        """All attempts made, (ticks,)."""
        return self.attempts.attempts.sum(axis=-1).sum(axis=1)

    @cached_property
    def served(self) -> np.ndarray:
        """Requests answered, (ticks, attempts, 2)."""
        return self.attempts.served.sum(axis=-1)

    @cached_property
    def offered(self) -> np.ndarray:
        """GETs and PUTs that clients wanted, (2,)."""
        return self.arrived.sum(axis=0)

    @cached_property
    def completed(self) -> np.ndarray:
        """GETs and PUTs answered, (2,)."""
        return np.rint(self.served.sum(axis=1).sum(axis=0))

    @cached_property
    def latencies(self) -> tuple:
        """p50 and p99 of the time to an answer, and the mean by number of attempts, s."""
        return rules.latencies(self.served.sum(axis=2).sum(axis=0), self.waits,
                               self._random("latency"))

    @cached_property
    def partitions(self) -> np.ndarray:
        """How many partitions there were in each tick, (ticks,)."""
        return np.array([asked.shape[1] for asked in self.asked], dtype=float)

    def loads(self, bars: int) -> np.ndarray:
        """Attempts as a share of the limit, of the operation nearer to it: the busiest of each of
        so many groups of neighbouring partitions (or each partition alone), (bars, ticks)."""
        loads = np.zeros((bars, len(self.asked)))
        counts = self.partitions
        for n in np.unique(counts).astype(int):
            there = np.flatnonzero(counts == n)
            load = (np.stack([self.asked[k] for k in there]) / self._rate).max(axis=1)
            groups = np.array_split(load, min(bars, n), axis=1)
            loads[:len(groups), there] = [group.max(axis=1) for group in groups]
        return loads

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Rates, partitions and their loads against their limit, and the mean latency."""
        by_op, by_attempt = self.served.sum(axis=1), self.served.sum(axis=2)
        wanted, done, bars = self.arrived.sum(axis=1), by_op.sum(axis=1), self.loads(MOST_BARS)
        rates = {"offered": wanted, "attempts": self.tried, "completed": done,
                 "gets_completed": by_op[:, GET], "puts_completed": by_op[:, PUT],
                 "throttled": self.slow_down, "throttled_kms": self.kms_throttled,
                 "retries": self.tried - wanted}
        latency = np.divide((by_attempt * self.latencies[2]).sum(axis=1), done,
                            out=np.zeros(len(done)), where=done > 0)
        return {
            **{f"{name}_rate": per_tick(n / self.sim.tick, "req/s") for name, n in rates.items()},
            "partitions": per_tick(self.partitions, "partitions"),
            "get_limit": per_tick(self.partitions * rules.GET_RATE, "req/s"),
            "load_max": per_tick(bars.max(axis=0)), "latency": per_tick(latency, "s"),
            **{bar_name("load", i): per_tick(load) for i, load in enumerate(bars)}}

    def cost(self) -> dict[str, float]:
        """Requests answered."""
        return bill.cost(*self.completed)
