"""The model of the lab `kinesis-shards`: producers, shards, consumers, and who changes the shards.

Picture a post office whose counters go by initials. One counter may have a line out of the door
while the next one's clerk reads the paper; a second clerk there helps, unless the whole line
sends letters to one and the same person. Behind the counters readers follow the tapes; one who
was away must read faster than the tape grows, or he never catches up.

Start reading at `simulate`. Data plane: counted per tick and shard, since Kinesis limits rates:
five thousand shards for a day take a second or two, at any record rate.
"""

import math

import numpy as np

from labsim.builtin.kinesis_shards.params import KinesisShardsParams
from labsim.declare import MOST_BARS, Run, bar_name, per_tick
from labsim.engine import Estimate, RateCurve, Simulation, popularity
from labsim.services.kinesis import reshard as kinesis_reshard
from labsim.services.kinesis import rules as kinesis
from labsim.services.kinesis.reshard import OnDemand, merge_shards, split_shards
from labsim.services.kinesis.stream import Keys, Stream

TICKS = 240             # of a run, however long it is
MOST_SHARDS = 10_000    # of a stream that grows on demand


def simulate(p: KinesisShardsParams, sim: Simulation) -> Run:
    """Records go to the shard of their key; shards take what they may, consumers read along."""
    curve = RateCurve.spike(p.record_rate, p.spike_factor, p.spike_start, p.spike_duration,
                            p.duration)
    totals = sim.stream("records").poisson(curve.expected(sim.record.t))
    stream = Stream(sim, totals, Keys(p.keys, p.key_skew, p.hot_key_share), start(p),
                    limit=shard_limit(p),
                    reads=readable(p, sim), waits=waits(p), retention=p.retention)
    sim.each_tick(stream.step)
    if p.mode == kinesis.ON_DEMAND:
        sim.each_tick(OnDemand(sim, stream, busy(p), p.ondemand_split_time, MOST_SHARDS).step)
    elif p.split_at:
        sim.process(split_shards(sim, stream, p.split_at, p.split_what, p.reshard_time))
    if p.mode == kinesis.PROVISIONED and p.merge_at:
        sim.process(merge_shards(sim, stream, p.merge_at, p.reshard_time))
    sim.run()
    return report(p, sim, stream)


def start(p: KinesisShardsParams) -> int:
    """Shards at the start: as provisioned, or for what an on-demand stream must take."""
    if p.mode == kinesis.PROVISIONED:
        return p.shards
    return math.ceil(kinesis.ondemand_capacity(p.ondemand_peak) / kinesis.SHARD_BYTES)


def packed(p: KinesisShardsParams) -> int:
    """Records in a full Kinesis record: 1 without aggregation."""
    return max(1, int(kinesis.AGGREGATE_BYTES // p.record_size)) if p.aggregation else 1


def charged(p: KinesisShardsParams) -> float:
    """Bytes that a record takes of its shard's limit, its share of the rounding included."""
    size = packed(p) * p.record_size
    batch = kinesis.batch_records(size, p.batch_size, p.fact("kinesis.put_records_bytes_max"))
    return kinesis.charged_bytes(size, batch) / packed(p)


def limit(p: KinesisShardsParams, records: float, size: float) -> float:
    """Records/s in a shard's `records`/s and bytes/s, whichever is reached first.

    An aggregate counts as one record. While fewer come than fill it, the limit of records is
    far away, so that of full ones will do.
    """
    return min(records * packed(p), size / charged(p))


def shard_limit(p: KinesisShardsParams) -> float:
    """Records/s that a shard takes."""
    return limit(p, kinesis.SHARD_RECORDS, kinesis.SHARD_BYTES)


def busy(p: KinesisShardsParams) -> float:
    """Records/s of a shard from which on an on-demand stream wants to split it."""
    return limit(p, kinesis_reshard.SPLIT_RECORDS, kinesis_reshard.SPLIT_BYTES)


def waits(p: KinesisShardsParams) -> list[tuple[float, float]]:
    """Shortest and longest wait before each retry, s."""
    return [(0.5 * p.retry_wait, 1.5 * p.retry_wait)] * p.retries


def readable(p: KinesisShardsParams, sim: Simulation) -> np.ndarray:
    """Records that a consumer can read of a shard in each tick, (ticks,): none in the outage."""
    rate = min(kinesis.read_rate(p.consumers, p.fan_out) / p.record_size, p.consumer_capacity)
    away = np.clip(sim.record.t, p.outage_start, p.outage_start + p.outage_duration)
    return rate * np.maximum(sim.tick - np.diff(away), 0.0)


def shards_needed(p: KinesisShardsParams) -> int:
    """Shards that the highest rate needs if all get the same."""
    peak = p.record_rate * max(1.0, p.spike_factor if p.spike_duration else 1.0)
    return kinesis.shards_needed(peak / packed(p), peak * charged(p), p.consumers, p.fan_out)


def kinesis_records(p: KinesisShardsParams, taken: np.ndarray, tick: float) -> tuple[float, float]:
    """Kinesis records made of those `taken` (ticks, shards), and their PUT payload units."""
    each = kinesis.packed(taken / tick, p.record_size) if p.aggregation else 1.0
    made = taken / each
    return made.sum(), (made * kinesis.put_units(each * p.record_size)).sum()


def report(p: KinesisShardsParams, sim: Simulation, stream: Stream) -> Run:
    """The summary, series and cost of a run that has ended."""
    at, tick = stream.attempts, sim.tick
    asked, taken = stream.asked, stream.accepted
    offered, accepted = at.arrived.sum(), taken.sum()
    read, lost = stream.read.sum(), stream.lost.sum()
    throttled = max(0.0, offered - accepted)
    ages = stream.ages()
    shards, reshards = stream.counts()
    hottest = stream.hottest_shares()
    polling = kinesis.propagation(p.consumers, p.fan_out)
    dice = sim.stream("polling").random(len(delays := stream.queueing()))
    delays = delays + polling * (0.5 + dice) if read else np.zeros(1)
    made, units = kinesis_records(p, taken, tick)

    def rate(counts):
        return per_tick(counts / tick, "records/s")

    tried, put = asked.sum(axis=1), taken.sum(axis=1)
    load = asked / (stream.limit * tick)
    series = {
        "offered": rate(at.arrived.sum(axis=1)), "attempted": rate(tried), "accepted": rate(put),
        "read": rate(stream.read.sum(axis=1)), "refused": rate(np.maximum(tried - put, 0.0)),
        "retries": rate(tried - at.arrived.sum(axis=1)),
        "expired": rate(stream.lost.sum(axis=1)),
        "unread": per_tick(stream.backlog.sum(axis=1), "records"),
        "shards": per_tick(shards, "shards"),
        "reshards": per_tick(reshards),
        "busiest": per_tick(load.max(axis=1)),
        "mean_load": per_tick(load.sum(axis=1) / shards),
        "iterator_age": per_tick(ages, "s"),
    }
    for i, bar in enumerate(stream.loads(MOST_BARS)):
        series[bar_name("load", i)] = per_tick(bar)

    bytes_in, shard_hours = accepted * p.record_size, shards.sum() * tick / 3600
    cost = kinesis.cost(p.mode, p.fan_out, hours=p.duration / 3600, shard_hours=shard_hours,
                        units=units, gb_in=bytes_in / kinesis.GB, consumers=p.consumers,
                        gb_out=read * p.consumers * p.record_size / kinesis.GB)
    dropped = (at.due[:TICKS, -1] * at.refused).sum()       # refused at their last attempt
    summary = {
        "records_offered": offered, "records_accepted": accepted, "records_throttled": throttled,
        "records_read": read, "records_retained": stream.unread.sum(), "records_lost": lost,
        "records_dropped": dropped, "records_waiting": at.waiting.sum(),
        "throttle_ratio": throttled / offered if offered else 0.0,
        "put_attempts": tried.sum(), "throttled_attempts": max(0.0, tried.sum() - accepted),
        "kinesis_records": made,
        "hottest_shard_share": max(hottest), "hottest_share_end": hottest[-1],
        "shards_needed": shards_needed(p), "shards_end": shards[-1],
        "propagation_mean": delays.mean(), "propagation_p95": np.percentile(delays, 95),
        "iterator_age_max": ages.max(), "iterator_age_end": ages[-1],
        "consumer_rate": read / p.duration,
        "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def estimate(p: KinesisShardsParams) -> Estimate:
    """What a run will take: ticks, times shards, times the arrays that are kept of them."""
    most, splits, events = start(p), 0.0, TICKS
    if p.mode == kinesis.ON_DEMAND:
        lasts = p.spike_duration >= p.ondemand_split_time
        peak = p.record_rate * (max(1.0, p.spike_factor) if lasts else 1.0)
        rounds = min(p.duration // p.ondemand_split_time, TICKS)    # each at most doubles them
        shares = popularity(p.keys, p.key_skew, p.hot_key_share)
        stuck = int((shares * peak > busy(p)).sum())    # keys whose shard is split in vain
        wanted = 2 * peak / busy(p) + stuck * rounds
        splits = min(MOST_SHARDS - most, wanted, most * (2.0**rounds - 1))
        events = 2 * TICKS
    elif 0 < p.split_at < p.duration:
        splits = most if p.split_what == "all" else 1
    splits = max(0.0, splits)
    cells = TICKS * (most + splits) * (3 + p.retries)       # they come one by one
    return Estimate(requests=0, events=events + 3 * splits, cells=cells,
                    lower="shards" if p.mode == kinesis.PROVISIONED else "record_rate")
