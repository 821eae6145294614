"""The model of the lab `s3-prefix`: requests, partitions that split, a KMS quota, retries.

Picture a library. However many people come, each desk serves only so many a second; a desk that
is overrun for long is split in two, but whoever asks for books of one and the same shelf has to
queue at one desk. Some of those turned away come back a second later, all together.

Start reading at `simulate`. Data plane: counted per tick and partition, since S3 and KMS limit
rates: a day at a million requests per second takes no longer than an hour at ten.
"""

import numpy as np

from labsim.builtin.s3_prefix.params import S3PrefixParams
from labsim.declare import MOST_BARS, Run, bar_name, per_tick
from labsim.engine import Estimate, RateCurve, Simulation
from labsim.services.common import kms
from labsim.services.common import retries as sdk
from labsim.services.s3 import prefixes as s3

TICKS = 240         # of a run, however long it is
SAMPLE = 2_000      # latencies drawn for each number of attempts


def totals(p: S3PrefixParams, sim: Simulation) -> np.ndarray:
    """GETs and PUTs that arrive in each tick, Poisson, shape (2, ticks)."""
    arrivals = []
    for name, rate in (("gets", p.get_rate), ("puts", p.put_rate)):
        curve = RateCurve.spike(rate, p.spike_factor, p.spike_start, p.spike_duration, p.duration)
        arrivals.append(sim.stream(name).poisson(curve.expected(sim.record.t)))
    return np.array(arrivals)


def simulate(p: S3PrefixParams, sim: Simulation) -> Run:
    """Requests meet their partition's limit, then the account's KMS quota; some try again."""
    waits = sdk.waits(p.retry_mode, p.max_attempts, p.retry_base, p.retry_cap)
    quota = sdk.RetryQuota(p.clients) if waits and p.retry_quota else None
    prefixes = s3.prefixes_in_use(p.key_scheme, p.prefixes)
    bucket = s3.Bucket(sim, totals(p, sim), s3.shares(p.key_scheme, prefixes),
                       partition_time=p.partition_time, waits=waits, quota=quota,
                       calls=kms.calls_per_object(p.encryption), kms_quota=p.kms_quota)
    sim.each_tick(bucket.step)
    sim.run()
    return report(p, sim, bucket, waits)


def latencies(served: np.ndarray, waits: list, rng: np.random.Generator) -> tuple:
    """p50 and p99 of the time from a request's first attempt to its answer, and the mean by
    number of attempts, s. served: how many needed 1, 2, ... attempts. Each attempt takes a first
    byte's latency; `SAMPLE` requests of each kind are drawn, however many there are."""
    drawn, taken = [], np.zeros(SAMPLE)
    for low, high in [(0.0, 0.0), *waits]:
        taken = taken + s3.first_byte(SAMPLE, rng) + low + (high - low) * rng.random(SAMPLE)
        drawn.append(taken)
    if not served.sum():
        return 0.0, 0.0, np.zeros(len(served))
    order = np.argsort(np.concatenate(drawn))
    share = np.cumsum(np.repeat(served, SAMPLE)[order]) / (served.sum() * SAMPLE)
    values = np.concatenate(drawn)[order]
    p50, p99 = values[np.minimum(np.searchsorted(share, (0.5, 0.99)), len(values) - 1)]
    return p50, p99, np.mean(drawn, axis=1)


def report(p: S3PrefixParams, sim: Simulation, bucket: s3.Bucket, waits: list) -> Run:
    """The summary, series and cost of a run that has ended."""
    at = bucket.attempts
    arrived, attempted, served = (a.sum(axis=-1) for a in (at.arrived, at.attempts, at.served))
    by_op = served.sum(axis=1)              # (ticks, 2), as arrived and attempted
    by_attempt = served.sum(axis=2)         # (ticks, attempts)
    gets, puts = arrived.sum(axis=0)
    gets_served, puts_served = np.rint(by_op.sum(axis=0))
    wanted, tried, done = (a.sum(axis=1) for a in (arrived, attempted, by_op))
    p50, p99, mean = latencies(by_attempt.sum(axis=0), waits, sim.stream("latency"))
    download = np.percentile(s3.download_time(p.object_size, p.ranges, SAMPLE,
                                              sim.stream("downloads")), (50, 99))
    calls = bucket.kms_calls.sum()
    calls_throttled = (bucket.kms_throttled * kms.calls_per_object(p.encryption)).sum()

    def rate(counts):
        return per_tick(counts / sim.tick, "req/s")

    each = np.divide((by_attempt * mean).sum(axis=1), done, out=np.zeros(len(done)), where=done > 0)
    bars = bucket.loads(MOST_BARS)
    in_use = max(1, int((bucket.asked[-1].max(axis=0) > 0).sum()))
    series = {
        "offered": rate(wanted), "attempted": rate(tried), "served": rate(done),
        "gets_served": rate(by_op[:, s3.GET]),
        "puts_served": rate(by_op[:, s3.PUT]),
        "slow_down": rate(bucket.slow_down), "kms_throttled": rate(bucket.kms_throttled),
        "kms_calls": rate(bucket.kms_calls),
        "retries": rate(tried - wanted), "partitions": per_tick(bucket.partitions, "partitions"),
        "get_limit": per_tick(bucket.partitions * s3.GET_RATE, "req/s"),
        "busiest": per_tick(bars.max(axis=0)),
        "latency": per_tick(each, "s"),
    }
    for i, load in enumerate(bars):
        series[bar_name("load", i)] = per_tick(load)

    cost = {"GET requests": gets_served * s3.GET_PRICE, "PUT requests": puts_served * s3.PUT_PRICE,
            "KMS requests": kms.cost(calls - calls_throttled)}
    offered = gets + puts
    summary = {
        "gets_offered": gets, "gets_served": gets_served,
        "puts_offered": puts, "puts_served": puts_served,
        "throttled_503": bucket.slow_down.sum(), "kms_throttled": bucket.kms_throttled.sum(),
        "failed_after_retries": offered - gets_served - puts_served,
        "retries": tried.sum() - offered,
        "attempts_per_request": tried.sum() / offered if offered else 0.0,
        "latency_p50": p50, "latency_p99": p99,
        "download_p50": download[0], "download_p99": download[1],
        "kms_calls": calls, "prefixes_effective": in_use,
        "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def estimate(p: S3PrefixParams) -> Estimate:
    """What a run will take: ticks, times two operations, times the arrays kept per prefix."""
    waits = sdk.waits(p.retry_mode, p.max_attempts, p.retry_base, p.retry_cap)
    longest = max((high for _, high in waits), default=0.0)
    ahead = TICKS * min(1.0, longest / p.duration)          # until the last of a wave is back
    prefixes = s3.prefixes_in_use(p.key_scheme, p.prefixes)
    busy = min(1.0, (p.get_rate + p.put_rate) * max(1.0, p.spike_factor) * p.duration / TICKS)
    arrays = 1 + busy * (3 + len(waits) * (1 + ahead / 16))     # an empty tick costs little
    return Estimate(requests=0, events=TICKS, cells=TICKS * 2 * prefixes * arrays,
                    lower="prefixes")
