"""The model of the lab `dynamodb-capacity`: requests in units, partitions, a tank, a cache before.

Picture a house with one water pipe, many taps, and a tank under the roof. Short showers live on the
tank. A long one doesn't, and if all want the same tap, neither pipe nor tank is of any use.

Start reading at `simulate`. *Models:* requests are counted per partition at every magnitude, since
DynamoDB limits rates, in steps of a second or less wherever a limit is met by a changing load, and
longer ones elsewhere: any rate takes the same time.
"""

import math
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.builtin.dynamodb_capacity.params import ON_DEMAND, SCALED, DynamodbCapacityParams
from labsim.engine import Arrivals, Estimate, RateCurve, Simulation, counted_run, popularity
from labsim.services import dynamodb
from labsim.services.common import retries as sdk
from labsim.services.dynamodb import bill, dax, growth, rules
from labsim.services.dynamodb.latency import Times
from labsim.services.dynamodb.measures import READ, WRITE
from labsim.services.dynamodb.partitions import NEAR

TICKS = 120             # of the record; steps are as short as they have to be
DAY = 86_400
LONGEST_WAIT = 20.0     # s before a retry
MOST_UNITS = 1e7        # that auto scaling goes up to
REFILLED = 900.0        # s until a tank is as good as full again
A_RETRY = 5e3           # numbers touched in the time that one retry adds to a step's event


def simulate(p: DynamodbCapacityParams, sim: Simulation) -> "Capacity":
    """Reads pass the cache, then all meet partitions, the table's capacity and its index."""
    reads, writes = asked(p)
    left = reads * (1 - p.query_share), reads * p.query_share     # gets and queries, for the table
    cache = index = scaling = None
    if p.dax:
        cache = dynamodb.Dax(
            sim, "DAX", reads, usual_reads(p), consistency=p.consistency, query_share=p.query_share,
            room=p.dax_items, item_ttl=p.item_ttl, query_ttl=p.query_ttl, nodes=p.dax_nodes,
            price=p.dax_price, random=sim.stream("hits"))
        left = cache.get_misses, cache.query_misses
    table = dynamodb.Table(
        sim, "table", *bought(p), previous_peak=p.previous_peak,
        keys=(sum(left) if sum(left).any() else reads, writes), item=p.item_size,
        transactional=p.transactional, read_units=read_units(p, *left), adaptive=p.adaptive,
        consistency=p.consistency, divided=p.sort_keys, split_after=p.split_after,
        waits=waits(p), saved=p.saved, quota=sdk.RetryQuota(p.clients) if p.retry_quota else None,
        random=[sim.stream(f"{op} to") for op in ("reads", "writes")])
    if p.index:
        index = dynamodb.GlobalIndex(sim, "index", table, p.index_capacity * (p.mode != ON_DEMAND),
                                     keys=np.ones(p.index_keys), item=p.index_size,
                                     previous_peak=p.previous_peak)
    if p.mode == SCALED:
        scaling = dynamodb.AutoScaling(sim, "auto scaling", table, target=p.target / 100,
                                       most=MOST_UNITS, delay=p.scaling_delay)
    if cache:
        cache.missed.to(table.reads)
    for rate, each, to, name in (
            ("read_rate", float(reads.sum()), (cache or table).reads, "reads"),
            ("write_rate", 1.0, table.writes, "writes")):
        to.expect(Arrivals.drawn(rate_curve(p, rate, each), sim.record.t, sim.stream(name)))
    return Capacity(p, sim, cache=cache, table=table, index=index, scaling=scaling)


def rate_curve(p: DynamodbCapacityParams, rate: str, each: float = 1.0) -> RateCurve:
    """Requests per second over time, of one of both rates, each of which makes so many."""
    if p.traced:
        return kit.load(p, rate).times(round(each, 9))
    rate = getattr(p, rate) * each
    if p.workload == "day":
        return RateCurve.diurnal(rate, p.peak_factor, DAY, p.duration)
    return kit.spiked(p, rate, "peak")


def usual_reads(p: DynamodbCapacityParams) -> float:
    """Reads per second outside the busy time, or the mean of a trace's."""
    return kit.load(p, "read_rate").total / p.duration if p.traced else p.read_rate


def asked(p: DynamodbCapacityParams) -> tuple[np.ndarray, np.ndarray]:
    """How many reads and writes of each key, suffixes and all, a request makes, (keys,)."""
    keys, n = popularity(p.keys, p.skew, p.hot_key_share), p.write_shards
    return (np.concatenate([keys[1:], np.full(n, keys[0])]),        # reads are of all suffixes
            np.concatenate([keys[1:], np.full(n, keys[0] / n)]))


def bought(p: DynamodbCapacityParams) -> tuple[str, float, float]:
    """The table's mode, and its read and write units/s if they are provisioned."""
    if p.mode == ON_DEMAND:
        return rules.ON_DEMAND, 0.0, 0.0
    return rules.PROVISIONED, p.read_capacity, p.write_capacity


def write_units(p: DynamodbCapacityParams) -> float:
    """Units of a write to the table."""
    return rules.write_units(p.item_size, p.transactional)


def read_units(p: DynamodbCapacityParams, gets: np.ndarray, queries: np.ndarray) -> float:
    """Mean units of a read, of so many gets and queries of each key."""
    total = max(float((gets + queries).sum()), 1e-12)
    units = (float(gets.sum()) * rules.read_units(p.item_size, p.consistency)
             + float(queries.sum()) * rules.query_units(p.item_size * p.query_items,
                                                        p.consistency)) / total
    return max(units, 0.5)


def waits(p: DynamodbCapacityParams) -> list[tuple[float, float]]:
    """Before each retry, s."""
    return sdk.waits(p.retry_mode, p.max_attempts, p.retry_base, LONGEST_WAIT)


class Capacity(kit.Outcome):
    """A table, and what there is of a cache before it, an index behind it, and auto scaling."""

    @cached_property
    def hits(self) -> np.ndarray:
        """Reads that the cache answered in each tick, (ticks,)."""
        return self.cache.hits if self.cache else np.zeros(TICKS)

    @cached_property
    def offered(self) -> np.ndarray:
        """Reads and writes that came, to the cache or the table, (2,)."""
        return self.table.offered + (self.hits.sum(), 0)

    @cached_property
    def wanted(self) -> np.ndarray:
        """Units/s of what came to the table, (ticks, 2)."""
        return self.table.wanted

    @property
    def hours(self) -> float:
        """Simulated."""
        return self.p.duration / 3_600

    @cached_property
    def latency(self) -> Times:
        """Times to an answer, from the cache or the table, waits before retries included."""
        return self.table.latency_with(float(self.hits.sum()), dax.HIT_LATENCY)

    def scaled(self, which: str) -> int:
        """How often auto scaling raised ("outs") or lowered ("ins") a capacity."""
        return getattr(self.scaling, which) if self.scaling else 0

    def cost_at_peak(self) -> float:
        """What it costs with capacity for its peak all along, USD; of a trace for the busiest
        period, which may be much shorter than a tick."""
        wanted = self.wanted
        if self.p.traced:
            missed = 1.0 - kit.share(self.hits.sum(), self.offered[READ])
            each = missed * float(asked(self.p)[READ].sum()), 1.0
            wanted = np.vstack([wanted, np.array(most_wanted(self.p)) * each])
        return bill.at_peak(wanted, self.hours)

    def cost_on_demand(self) -> float:
        """What the traffic of the table costs on demand, USD."""
        return bill.on_demand(self.wanted, self.sim.tick)

    def series(self) -> dict:
        """Those of the table, what the cache answered, and what the index has to do."""
        table, came = self.table, self.table.arrived.sum(axis=1)
        rates = {
            "offered_rate": came + self.hits, "missed_rate": came, "hits_rate": self.hits,
            "reads_offered_rate": table.arrived[:, READ] + self.hits,
            "again_rate": np.maximum(table.attempted.sum(axis=1) - came, 0.0),
            "served_rate": table.served.sum(axis=1),
            "completed_rate": table.served.sum(axis=1) + self.hits,
            "failed_rate": np.maximum(table.attempts.gone.sum(axis=1), 0.0)}    # but for rounding
        return {**table.series(), **{name: self.per_second(counts, "req/s")
                                     for name, counts in rates.items()},
                "hit_share": kit.per_tick(self.hits / np.maximum(
                    table.arrived[:, READ] + self.hits, 1e-9), "of reads"),
                **self.tank(), **self.of_index()}

    def tank(self) -> dict:
        """How full the emptier one of the tanks for reads and writes is, and how many units per
        second both give; on demand there are none."""
        table, most = self.table, rules.BURST_WINDOW * self.table.allowed
        left = np.vstack([table.burst_first, table.burst_left]) * (not table.on_demand)
        most = np.vstack([most[:1], most])
        full = np.divide(left, most, out=np.zeros_like(left, dtype=float), where=most > 0)
        full = np.minimum(full, 1.0).min(axis=1)
        gives = np.maximum(left[:-1] - left[1:], 0.0).sum(axis=1) / self.sim.tick
        return {"tank": (full, "of tank"), "tank_rate": kit.per_tick(gives, "units/s")}

    def of_index(self) -> dict:
        """Writes to the index, and how loaded its partitions are; nothing without one."""
        load = self.index.load if self.index else np.zeros((TICKS, 1))
        wrote = self.index.consumed / self.index.units if self.index else np.zeros(TICKS)
        groups = np.array_split(load, min(kit.MOST_BARS, load.shape[1]), axis=1)
        count = load.shape[1] if self.index else 0
        return {"index_rate": kit.per_tick(wrote, "req/s"),
                "index_partitions": (np.full(TICKS + 1, float(count)), "partitions"),
                **kit.bars("index", [group.max(axis=1) for group in groups])}

    def cost(self) -> dict:
        """Units or capacity, the index, the cache."""
        return {**self.table.cost(), "index": 0.0, "DAX": 0.0,
                **(self.index.cost() if self.index else {}),
                **(self.cache.cost() if self.cache else {})}


def estimate(p: DynamodbCapacityParams) -> Estimate:
    """What a run will take: as any counted run, with a change at each end of a peak, where a tank
    runs dry, where partitions split, where auto scaling changes a capacity that is too low, and
    where a trace brings more than is there."""
    parts = rules.first_partitions(bought(p)[0], *rules.at_first(*bought(p), p.previous_peak))
    more, splits = split(p, parts)
    parts += more
    if p.index:
        parts += rules.partitions(0, p.index_capacity)
    rises = 1 + (kit.spikes(p, "peak") if p.workload == "steady" else p.duration / DAY)
    close = close_changes(p) if p.traced else 0.0
    dry = 2 * min(close, p.duration / REFILLED)         # tanks that run dry in a trace
    changes = splits + (2 + close + dry if p.traced else 4 * rises)
    looks = 0.0
    if p.mode == SCALED:
        looks = p.duration / dynamodb.scaling.AT_MOST
        changes += 2 * min(rises * outs(p),
                           2 * p.duration / (rules.HIGH_SECONDS + p.scaling_delay))
    run = counted_run(2 * parts, waits(p), changes, TICKS, p.duration,
                      kit.changes(p, "peak") - close if p.traced else 0.0)
    run["touched"] += looks * parts * 100 + run["events"] * A_RETRY * len(waits(p))
    run["events"] += 6 * looks
    cache = 10.0 if p.dax and p.consistency == rules.EVENTUAL else 0.5   # per key
    return Estimate(requests=cache * p.keys, **run,
                    lower="write_capacity" if p.mode != ON_DEMAND else "previous_peak")


def close_changes(p: DynamodbCapacityParams) -> float:
    """How often a trace changes to more requests/s than get through: at first; where capacity
    follows, those of the time that it takes, and for a hot key all along."""
    both = p.read_rate + p.write_rate
    part = np.array([p.read_rate, p.write_rate]) / both if both else np.full(2, 0.5)
    keys, capacity = asked(p), np.array(rules.at_first(*bought(p), p.previous_peak))
    each = part * (read_units(p, keys[READ] * (1 - p.query_share), keys[READ] * p.query_share)
                   * keys[READ].sum(), write_units(p))      # units of a request
    hot = each * [of.max() / of.sum() for of in keys] / rules.partition_limits(p.consistency)
    stuck = 1 / max(hot.max(), 1e-9)
    enough = min(stuck, float((capacity / np.maximum(each, 1e-9)).min()))
    if p.index:
        units = part[WRITE] * rules.write_units(p.index_size)
        room = min(p.index_keys * rules.PARTITION_WRITES,
                   math.inf if p.mode == ON_DEMAND else p.index_capacity)
        stuck = min(stuck, room / max(units, 1e-9))
        enough = min(stuck, enough)
    close = kit.changes(p, "peak", enough)
    if p.mode not in (ON_DEMAND, SCALED):
        return close
    top = np.array(most_wanted(p)) / capacity
    takes = (growth.AFTER * (2 + math.log2(max(1.0, float(top.max())))) if p.mode == ON_DEMAND
             else outs(p) * (1 + p.duration / DAY) * (rules.HIGH_SECONDS + p.scaling_delay))
    return min(close, kit.changes(p, "peak", stuck)
               + kit.changes(p, "peak") * takes / p.duration)


def split(p: DynamodbCapacityParams, parts: int) -> tuple[float, float]:
    """How many partitions splits add to these, at most, and at how many times."""
    served = np.array(most_wanted(p))
    if p.mode not in (ON_DEMAND, SCALED):       # no more than is bought, and its tank
        tank = 1 + rules.BURST_WINDOW / p.split_after
        served = np.minimum(served, np.array(bought(p)[1:]) * tank)
    full = float((served / rules.PARTITION).sum())      # partitions near a limit
    times = min(p.duration / p.split_after, math.log2(p.keys + parts) + math.log2(1 + full))
    if full < NEAR or not (p.adaptive or p.mode == ON_DEMAND):
        return 0.0, 0.0
    times += 2 * (p.mode == ON_DEMAND)
    return min(parts * (2.0**times - 1), 4 * full + min(parts, full) * times), times


def most_wanted(p: DynamodbCapacityParams) -> tuple[float, float]:
    """Read and write units/s at the peak."""
    reads, writes = asked(p)
    top = max(1.0, p.peak_factor)
    most = [float(kit.load(p, rate).rate.max()) if p.traced else getattr(p, rate) * top
            for rate in p.rates]
    return (most[READ] * read_units(p, reads * (1 - p.query_share), reads * p.query_share),
            most[WRITE] * write_units(p))


def outs(p: DynamodbCapacityParams) -> float:
    """How often auto scaling raises the two capacities on the way up, at most: while all that
    there is is consumed it knows no better than the next higher capacity at its target."""
    return sum(math.log(max(1.0, min(units, MOST_UNITS) / capacity)) / math.log(100 / p.target) + 2
               for units, capacity in zip(most_wanted(p), (p.read_capacity, p.write_capacity)))
