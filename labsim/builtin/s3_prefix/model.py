"""The model of the lab `s3-prefix`: requests, partitions that adapt, a KMS quota, retries.

Picture a cloakroom. However many people come, each hatch serves only so many a second; beside
a hatch that is overrun another is being opened, but whoever's coat hangs in one and the same row
has to go to one hatch. Some of those turned away come back a second later, all together.

Start reading at `simulate`. *Models:* requests are counted per partition at every magnitude, since
S3 and KMS limit rates, in steps of a second or less wherever a limit is met by a changing load, and
longer ones elsewhere: a day at a million requests per second takes no longer than an hour at ten.
"""

from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.builtin.s3_prefix.params import S3PrefixParams
from labsim.engine import Arrivals, Estimate, Order, RateCurve, Simulation, counted_run
from labsim.services import kms, s3
from labsim.services.common import retries as sdk
from labsim.services.kms.rules import SSE_S3, calls_per_object
from labsim.services.s3 import rules

TICKS = 120             # of the record; steps are as short as they have to be
PIECES = 60             # of a ramp


def simulate(p: S3PrefixParams, sim: Simulation) -> "Requests":
    """Requests meet their partition's limit, then the account's KMS quota; some try again."""
    waits = retry_waits(p)
    account = kms.Quota(sim, "kms", p.kms_quota)
    bucket = s3.Bucket(
        sim, "bucket", p.prefixes, scheme=p.key_scheme, key_ranges=p.key_ranges,
        start_partitions=p.start_partitions, start_rate=p.start_rate / 100,
        partition_time=p.partition_time, cooling_time=p.cooling_time, first_byte=p.first_byte,
        encryption=p.encryption, kms=account, waits=waits, random=sim.stream,
        quota=sdk.RetryQuota(p.clients) if waits and p.retry_quota else None)
    if ramps(p):
        sim.process(pieces(p, sim))
    for name, inlet, rate in (("gets", bucket.gets, "get_rate"),
                              ("puts", bucket.puts, "put_rate")):
        inlet.expect(Arrivals.drawn(load(p, rate), sim.record.t, sim.stream(name)))
    return Requests(p, sim, bucket=bucket, kms=account)


class Requests(kit.Outcome):
    """A run of the lab: a bucket, and KMS behind it."""

    @cached_property
    def downloads(self) -> np.ndarray:
        """Median and 99th percentile of the time of a download, s."""
        times = rules.download_time(self.p.object_size, self.p.ranges, rules.SAMPLE,
                                    self.sim.stream("downloads"), self.p.first_byte)
        return np.percentile(times, (50, 99))

    def series(self) -> dict:
        """Those of the bucket, what passes its partitions, and the calls of KMS."""
        told = self.bucket.told
        passed = told["completed_rate"][0] + told["throttled_kms_rate"][0]
        return {**told, "passed_rate": (passed, "req/s"),
                "kms_calls_rate": self.kms.series()["calls_rate"]}

    def cost(self) -> dict[str, float]:
        """Requests answered, KMS requests among them."""
        return {**self.bucket.cost(), **self.kms.cost()}


def ramps(p: S3PrefixParams) -> bool:
    """Whether the rates rise or fall evenly."""
    return p.ramp_factor != 1 and p.ramp_duration > 0 and not p.traced


def load(p: S3PrefixParams, rate: str) -> RateCurve:
    """One of both rates over the run, with its spikes, times a ramp from its start; its part of a
    trace is as the trace has it."""
    curve = kit.load(p, rate)
    if p.traced:
        return curve
    if not ramps(p):
        return RateCurve(curve.t, curve.rate * (p.ramp_factor if p.ramp_duration == 0 else 1))
    knots = [t for t in np.linspace(0.0, p.ramp_duration, PIECES + 1).tolist()
             if t < p.duration and t not in curve.t]
    at = np.searchsorted(curve.t, knots)
    base = np.insert(curve.rate, at, np.interp(knots, curve.t, curve.rate))
    t = np.insert(curve.t, at, knots)
    return RateCurve(t, base * np.interp(t, [0.0, p.ramp_duration], [1.0, p.ramp_factor]))


def pieces(p: S3PrefixParams, sim: Simulation):
    """A step of the counted load is within a piece of the ramp, however long the run."""
    for k in range(1, PIECES + 1):
        if (t := p.ramp_duration * k / PIECES) >= p.duration:
            return
        yield sim.until(t, Order.CAPACITY)


def retry_waits(p: S3PrefixParams) -> list[tuple[float, float]]:
    """Shortest and longest wait before each retry, s."""
    return sdk.waits(p.retry_mode, p.max_attempts, p.retry_base, p.retry_cap)


def let_through(p: S3PrefixParams) -> float:
    """Requests per second, of both kinds in their proportion, of which a bucket that has not
    adapted turns nobody away, nor KMS."""
    full = min(p.start_partitions, rules.prefixes_in_use(p.key_scheme, p.prefixes) * p.key_ranges)
    both, calls = p.get_rate + p.put_rate, calls_per_object(p.encryption)
    gets = p.get_rate / both if both else 0.5
    writable = 1 if p.key_scheme == rules.DATE else full
    each = p.start_rate / 100
    return min(full * each * rules.GET_RATE / gets if gets else np.inf,
               writable * each * rules.PUT_RATE / (1 - gets) if gets < 1 else np.inf,
               p.kms_quota / calls if calls else np.inf)


def estimate(p: S3PrefixParams) -> Estimate:
    """What a run will take: as any counted run, with a change at each end of a spike or period of
    a trace, at each piece of a ramp, and each time that partitions come or go."""
    prefixes = rules.prefixes_in_use(p.key_scheme, p.prefixes)
    ranges, grown = prefixes * p.key_ranges, 0
    if p.partition_time:
        grown = min(ranges, p.duration // p.partition_time)
        grown += min(grown, p.duration // p.cooling_time)
    close = kit.changes(p, above=let_through(p))
    changes = 1 + close + grown + PIECES * ramps(p)
    takes = counted_run(2 * ranges, retry_waits(p), changes, TICKS, p.duration,
                        kit.changes(p) - close)
    if p.encryption != SSE_S3:      # asked again until the share that KMS throttles is known
        takes["events"] *= 2
    return Estimate(requests=0, lower="prefixes" if prefixes > p.key_ranges else "key_ranges",
                    **takes)
