"""The model of the lab `kinesis-shards`: producers, shards, consumers, and who changes the shards.

Picture a post office whose counters go by initials. One counter may have a line out of the door
while the next one's clerk reads the paper; a second clerk there helps, unless the whole line
sends letters to one and the same person. Behind the counters readers follow the tapes; one who
was away must read faster than the tape grows, or he never catches up.

Start reading at `simulate`. *Models:* records are counted per shard at every magnitude, since
Kinesis limits rates, in steps of a second or less wherever a limit is met by a changing load, and
longer ones elsewhere: five thousand shards for a day take a second or two, at any record rate.
"""

import math

from labsim import declare as kit
from labsim.builtin.kinesis_shards.params import KinesisShardsParams
from labsim.engine import Arrivals, Estimate, Simulation, counted_run, popularity
from labsim.services import kinesis
from labsim.services.kinesis import rules
from labsim.services.kinesis.reshard import MOST_SHARDS, SPLIT_BYTES, SPLIT_RECORDS, WARM

TICKS = 240             # of a run, however long it is


def simulate(p: KinesisShardsParams, sim: Simulation) -> "Shards":
    """Records go to the shard of their key; shards take what they may, consumers read along."""
    stream = kinesis.Stream(
        sim, "stream", start(p), keys=kinesis.Keys(p.keys, p.key_skew, p.hot_key_share, p.hot_keys),
        record_size=p.record_size, batch_size=p.batch_size, aggregation=p.aggregation,
        retries=p.retries, retry_wait=p.retry_wait, consumers=p.consumers, fan_out=p.fan_out,
        consumer_capacity=p.consumer_capacity, poll_interval=p.poll_interval, read_by=p.read_by,
        outage=(p.outage_start, p.outage_duration),
        retention=p.retention, mode=p.mode, split_after=p.ondemand_split_time,
        call_bytes=p.fact("kinesis.put_records_bytes_max"), random=sim.stream)
    stream.records.expect(Arrivals.drawn(kit.load(p, "record_rate"), sim.record.t,
                                         sim.stream("records")))
    if p.mode == rules.PROVISIONED and p.split_at:
        kinesis.split_shards(stream, p.split_at, p.split_what, p.reshard_time)
    if p.mode == rules.PROVISIONED and p.merge_at:
        kinesis.merge_shards(stream, p.merge_at, p.reshard_time)
    return Shards(p, sim, stream=stream)


class Shards(kit.Outcome):
    """A run of the lab: one stream."""

    def series(self) -> dict:
        """Those of the stream."""
        return self.stream.told

    def cost(self) -> dict[str, float]:
        """The bill of the stream."""
        return self.stream.cost()


def start(p: KinesisShardsParams) -> int:
    """Shards at the start: as provisioned, or for what an on-demand stream must take."""
    if p.mode == rules.PROVISIONED:
        return p.shards
    return math.ceil(rules.ondemand_capacity(p.ondemand_peak) / rules.SHARD_BYTES)


def puts(p: KinesisShardsParams) -> rules.Puts:
    """How records are put."""
    return rules.Puts(p.record_size, p.batch_size, p.aggregation,
                      p.fact("kinesis.put_records_bytes_max"))


def shards_needed(p: KinesisShardsParams) -> int:
    """Shards that the highest rate needs if all get the same."""
    peak, each = top_rate(p), puts(p)
    return rules.shards_needed(peak / each.full, peak * each.charged, p.consumers, p.fan_out)


def top_rate(p: KinesisShardsParams) -> float:
    """Records per second at the most: in the spike, or in a trace's busiest period."""
    if p.traced:
        return float(kit.load(p, "record_rate").rate.max())
    return p.record_rate * max(1.0, p.spike_factor if p.spike_duration else 1.0)


def close_changes(p: KinesisShardsParams, splits: float) -> float:
    """How often the load changes while a shard may turn records away. Of a trace: to more than
    takes them all; on demand only as long as it takes until enough shards are split, but for a
    key that is too much for any."""
    if not p.traced:
        return kit.changes(p)
    shares, shards = popularity(p.keys, p.key_skew, p.hot_key_share, p.hot_keys), start(p)
    by_chance = 1 / shards + 2 / math.sqrt(shards * p.keys)     # of keys that are all alike
    limit, hottest = puts(p).limit(), float(shares.max())
    close = kit.changes(p, above=limit / min(1.0, max(hottest, by_chance)))
    if p.mode == rules.ON_DEMAND:
        until = (2 + math.log2(1 + splits / shards)) * p.ondemand_split_time
        close = min(close, kit.changes(p, above=limit / hottest)
                    + kit.changes(p) * until / p.duration)
    return close


def estimate(p: KinesisShardsParams) -> Estimate:
    """What a run will take: as any counted run, with a change at each end of a spike or an outage,
    at each round of splits, and where a trace brings a shard more than it takes."""
    first, splits, rounds, watched = start(p), 0.0, 0.0, 0.0
    if p.mode == rules.ON_DEMAND:
        lasts = p.spike_duration >= p.ondemand_split_time
        top = top_rate(p)
        peak = top if p.traced else p.record_rate * (max(1.0, p.spike_factor) if lasts else 1.0)
        rounds = p.duration // p.ondemand_split_time        # each at most doubles them
        shares = popularity(p.keys, p.key_skew, p.hot_key_share, p.hot_keys)
        busy = puts(p).limit(SPLIT_RECORDS, SPLIT_BYTES)
        stuck = int((shares * peak > busy).sum())       # keys whose shard is split in vain
        wanted = 2 * peak / busy + stuck * rounds
        splits = max(0.0, min(MOST_SHARDS - first, wanted, first * (2.0**min(rounds, 60) - 1)))
        watched = rounds if top > WARM * busy else 0.0      # steps that end when one may be split
        rounds = min(rounds, splits, 130 * (1 + stuck))     # a hash has 128 bits
    elif 0 < p.split_at < p.duration:
        splits = first if p.split_what == "all" else 1
        rounds = min(splits, 1 + splits * p.reshard_time)       # those of a second are one change
    close = close_changes(p, splits)
    changes = 3 + close + rounds
    columns = first + 2 * splits        # closed shards stay
    waits = rules.retry_waits(p.retries, p.retry_wait)
    run = counted_run(columns, waits, changes, TICKS, p.duration, kit.changes(p) - close)
    run["events"] += 10 * splits + 5 * watched
    run["touched"] += columns * (watched * (60 + 12 * len(waits)) + 60 * TICKS)
    for what in ("touched", "cells"):       # the stream's own, beside the attempts
        run[what] *= 2
    return Estimate(requests=10 * p.keys, **run,
                    lower="shards" if p.mode == rules.PROVISIONED else "record_rate")
