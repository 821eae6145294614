"""Amazon S3: request rates per partitioned prefix, 503 Slow Down, and partitions that split.

Picture a library with one desk. A desk hands out so many books a second and takes back so many;
who comes beyond that is told to slow down. When a desk has been overrun for long enough the
library opens a second one and divides the alphabet between them, but never within one shelf.

*Models:* 5,500 reads and 3,500 writes a second per partition (what is not used is kept for a
second); partitions cover whole prefixes and split in halves once they have been over a limit for
`partition_time` without a break; a KMS quota that all requests share; SDK retries with their
quota.
*Leaves out:* what S3 does before a prefix is at its full rate, partitions that merge again, LIST,
HEAD and DELETE (they count like reads or writes), other users of the KMS quota, data transfer.

Data plane: counted per tick and partition (`Attempts`), since S3 limits rates, not requests.
"""

import numpy as np

from labsim import factbook
from labsim.engine import Attempts, Simulation, spread
from labsim.services.common import kms
from labsim.services.common.retries import RetryQuota

GET_RATE = factbook.value("s3.get_rate_per_prefix")
PUT_RATE = factbook.value("s3.put_rate_per_prefix")
LIMITS = np.array([[GET_RATE], [PUT_RATE]])
GET_PRICE = factbook.value("s3.get_price_1000") / 1000
PUT_PRICE = factbook.value("s3.put_price_1000") / 1000
FIRST_BYTE = factbook.value("s3.first_byte_low_s"), factbook.value("s3.first_byte_high_s")
CONNECTION = factbook.value("s3.connection_bytes_per_s")
ONE, DATE, HASHED, RANDOM = "one-prefix", "date", "hashed", "random"
RANDOM_PREFIXES = 256
GET, PUT = 0, 1


def prefixes_in_use(scheme: str, prefixes: int) -> int:
    """How many prefixes a key scheme makes. Random names start with any of 256 bytes."""
    return {ONE: 1, RANDOM: RANDOM_PREFIXES}.get(scheme, prefixes)


def shares(scheme: str, prefixes: int) -> np.ndarray:
    """Share of the reads and of the writes that goes to each prefix, shape (2, prefixes).

    With dates all writes go to the newest; reads spread over the days. Else both spread evenly.
    """
    even = np.full((2, prefixes), 1.0 / prefixes)
    if scheme == DATE:
        even[PUT] = 0.0
        even[PUT, -1] = 1.0
    return even


def first_byte(n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` first-byte latencies, s: lognormal, nine of ten between the ends of `FIRST_BYTE`."""
    low, high = np.log(FIRST_BYTE)
    return np.exp((low + high) / 2 + (high - low) / 2 / 1.645 * rng.standard_normal(n))


def download_time(size: float, ranges: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` times to fetch `size` bytes by so many parallel byte ranges, s: the slowest decides."""
    slowest = first_byte(n * ranges, rng).reshape(n, ranges).max(axis=1)
    return slowest + size / ranges / CONNECTION


class Bucket:
    """A bucket whose prefixes get these requests; step it with `sim.each_tick(bucket.step)`.

    totals: GETs and PUTs per tick, (2, ticks), whole. weights: `shares`. calls: KMS calls per
    request, of which `kms_quota` a second go through. waits: of the SDK; `quota` its tokens.
    """

    def __init__(self, sim: Simulation, totals: np.ndarray, weights: np.ndarray, *,
                 partition_time: float, waits: list, quota: RetryQuota | None = None,
                 calls: float = 0.0, kms_quota: float = 0.0):
        self.sim, self.quota, self.partition_time = sim, quota, partition_time
        self.calls, self.kms_quota = calls, kms_quota
        fresh = [spread(total, weight, sim.stream(name)) for total, weight, name in
                 zip(totals, weights, ("get prefixes", "put prefixes"))]
        self.attempts = Attempts(np.stack(fresh, axis=1), waits, sim.tick)
        self.prefixes, ticks = weights.shape[1], self.attempts.ticks
        self._rate = LIMITS * sim.tick
        # A partition covers the prefixes from its start to before the next one's.
        self._divide(np.arange(self.prefixes) if partition_time == 0 else np.zeros(1, dtype=int))
        self.hot = np.zeros(len(self.start))    # seconds that each has been over a limit
        self.slow_down, self.kms_throttled, self.kms_calls = (np.zeros(ticks) for _ in range(3))
        self.asked: list[np.ndarray] = []       # per tick, (2, partitions)

    def _divide(self, start: np.ndarray) -> None:
        self.start = start
        self.size = np.diff(start, append=self.prefixes)
        self.partition = np.repeat(np.arange(len(start)), self.size)    # of each prefix
        self._tokens = np.zeros((2, len(start)))

    def step(self, k: int) -> None:
        """Tick `k`: the partitions serve what they may, then KMS; the rest is turned away."""
        asked = np.add.reduceat(self.attempts.at(k), self.start, axis=1)    # (2, partitions)
        room = self._tokens + self._rate
        served = np.minimum(asked, room)
        self._tokens = np.minimum(room - served, LIMITS)    # a second's worth is kept
        passed = served / np.maximum(asked, 1e-9)
        throttled = self._ask_kms(k, served) if self.calls else 0.0
        if throttled:
            passed *= 1.0 - throttled
        failed, lost = self.attempts.turn_away(k, 1.0 - passed[:, self.partition])
        lost = lost.tolist()
        self.slow_down[k] = sum(lost) - self.kms_throttled[k]
        self._try_again(k, failed, lost)
        self.asked.append(asked)
        self._count_heat(k, served < asked)

    def _ask_kms(self, k: int, served: np.ndarray) -> float:
        """The share of requests that KMS throttles: one quota for all."""
        requests = float(served.sum())
        self.kms_calls[k] = calls = requests * self.calls
        throttled = kms.throttled(calls, self.kms_quota * self.sim.tick) / max(calls, 1e-9)
        self.kms_throttled[k] = requests * throttled
        return throttled

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
            self.sim.log("split", f"{ripe.sum()} of {before} partitions split in two: "
                                  f"{len(self.start)} now", t=float(self.sim.record.t[k + 1]))

    # -- at the end of the run -------------------------------------------------------------

    @property
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
