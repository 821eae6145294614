"""The model of the lab `s3-prefix`: requests, partitions that split, a KMS quota, retries.

Picture a cloakroom. However many people come, each hatch serves only so many a second; a hatch
that is overrun for long is divided in two, but whoever's coat hangs in one and the same row has to
go to one hatch. Some of those turned away come back a second later, all together.

Start reading at `simulate`. *Models:* requests are counted per partition at every magnitude, since
S3 and KMS limit rates, in steps of a second or less wherever a limit is met by a changing load, and
longer ones elsewhere: a day at a million requests per second takes no longer than an hour at ten.
"""

import math
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.builtin.s3_prefix.params import S3PrefixParams
from labsim.engine import Arrivals, Estimate, Simulation, counted_run
from labsim.services import kms, s3
from labsim.services.common import retries as sdk
from labsim.services.kms.rules import SSE_S3
from labsim.services.s3 import rules

TICKS = 120             # of the record; steps are as short as they have to be


def simulate(p: S3PrefixParams, sim: Simulation) -> "Requests":
    """Requests meet their partition's limit, then the account's KMS quota; some try again."""
    waits = retry_waits(p)
    account = kms.Quota(sim, "kms", p.kms_quota)
    bucket = s3.Bucket(
        sim, "bucket", p.prefixes, scheme=p.key_scheme, key_ranges=p.key_ranges,
        partition_time=p.partition_time, start_rate=p.start_rate / 100,
        encryption=p.encryption, kms=account, waits=waits, random=sim.stream,
        quota=sdk.RetryQuota(p.clients) if waits and p.retry_quota else None)
    for name, inlet, rate in (("gets", bucket.gets, p.get_rate),
                              ("puts", bucket.puts, p.put_rate)):
        curve = kit.spiked(p, rate)
        inlet.expect(Arrivals.drawn(curve, sim.record.t, sim.stream(name)))
    return Requests(p, sim, bucket=bucket, kms=account)


class Requests(kit.Outcome):
    """A run of the lab: a bucket, and KMS behind it."""

    @cached_property
    def downloads(self) -> np.ndarray:
        """Median and 99th percentile of the time of a download, s."""
        times = rules.download_time(self.p.object_size, self.p.ranges, rules.SAMPLE,
                                    self.sim.stream("downloads"))
        return np.percentile(times, (50, 99))

    def series(self) -> dict:
        """Those of the bucket, and the calls of KMS."""
        return {**self.bucket.series(), "kms_calls_rate": self.kms.series()["calls_rate"]}

    def cost(self) -> dict[str, float]:
        """Requests answered, KMS requests among them."""
        return {**self.bucket.cost(), **self.kms.cost()}


def retry_waits(p: S3PrefixParams) -> list[tuple[float, float]]:
    """Shortest and longest wait before each retry, s."""
    return sdk.waits(p.retry_mode, p.max_attempts, p.retry_base, p.retry_cap)


def estimate(p: S3PrefixParams) -> Estimate:
    """What a run will take: as any counted run, with a change at each end of a spike and at each
    round in which partitions grow."""
    prefixes = rules.prefixes_in_use(p.key_scheme, p.prefixes)
    ranges, rounds = prefixes * p.key_ranges, 0
    if p.partition_time:
        rounds = math.ceil(math.log2(ranges)) + math.ceil(math.log2(100 / p.start_rate))
        rounds = min(rounds, p.duration // p.partition_time)
    changes = 1 + 2 * kit.spikes(p) + rounds
    takes = counted_run(2 * ranges, retry_waits(p), changes, TICKS, p.duration)
    if p.encryption != SSE_S3:      # asked again until the share that KMS throttles is known
        takes["events"] *= 2
    return Estimate(requests=0, lower="prefixes" if prefixes > p.key_ranges else "key_ranges",
                    **takes)
