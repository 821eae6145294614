"""The model of the lab `dynamodb-capacity`: requests in units, partitions, a tank, a cache before.

Picture a house with one water pipe, many taps, and a tank under the roof. Short showers live on the
tank. A long one doesn't, and if all want the same tap, neither pipe nor tank is of any use.

Start reading at `simulate`. Data plane: counted per tick and partition, since DynamoDB limits
rates: any rate takes the same time.
"""

import numpy as np

from labsim import theory
from labsim.builtin.dynamodb_capacity.params import ON_DEMAND, SCALED, DynamodbCapacityParams
from labsim.declare import MOST_BARS, Run, bar_name, per_tick
from labsim.engine import Estimate, RateCurve, Simulation, popularity
from labsim.services.common import retries as sdk
from labsim.services.dynamodb import dax
from labsim.services.dynamodb import rules as dynamodb
from labsim.services.dynamodb.table import READ, WRITE, AutoScaling, Table

TICKS = 240             # of a run, however long it is
DAY = 86_400
LONGEST_WAIT = 20.0     # s before a retry
MOST_UNITS = 1e7        # that auto scaling goes up to


def simulate(p: DynamodbCapacityParams, sim: Simulation) -> Run:
    """Reads pass the cache, then all meet partitions, the table's capacity and its index."""
    flow = reads_and_writes(p)
    curves = [rate_curve(p, rate) for rate in (p.read_rate * flow["reads"], p.write_rate)]
    totals = np.array([sim.stream(name).poisson(curve.expected(sim.record.t))
                       for name, curve in zip(("reads", "writes"), curves)])
    hits = sim.stream("hits").binomial(totals[READ], flow["hit_ratio"])
    table = Table(sim, np.stack([totals[READ] - hits, totals[WRITE]]), flow["shares"],
                  units=(flow["read_units"], write_units(p)), capacity=start(p),
                  on_demand=p.mode == ON_DEMAND, adaptive=p.adaptive, index=index(p),
                  waits=sdk.waits(p.retry_mode, p.max_attempts, p.retry_base, LONGEST_WAIT))
    sim.each_tick(table.step)
    scaling = None
    if p.mode == SCALED:
        scaling = AutoScaling(sim, table, target=p.target / 100, least=1.0, most=MOST_UNITS,
                              delay=p.scaling_delay)
        sim.each_tick(scaling.step)
    sim.run()
    return report(p, sim, table, hits, scaling)


def rate_curve(p: DynamodbCapacityParams, rate: float) -> RateCurve:
    """Requests per second over time."""
    if p.workload == "day":
        return RateCurve.diurnal(rate, p.peak_factor, DAY, p.duration)
    return RateCurve.spike(rate, p.peak_factor, p.peak_start, p.peak_duration, p.duration)


def write_units(p: DynamodbCapacityParams) -> float:
    """Units of a write to the table."""
    return dynamodb.write_units(p.item_size, p.transactional)


def start(p: DynamodbCapacityParams) -> tuple[float, float]:
    """Read and write units/s that the table takes at first."""
    if p.mode == ON_DEMAND:
        return (dynamodb.on_demand(p.previous_peak, dynamodb.NEW_READS),
                dynamodb.on_demand(p.previous_peak))
    return p.read_capacity, p.write_capacity


def parts(p: DynamodbCapacityParams) -> int:
    """Partitions of the table."""
    return dynamodb.partitions(*start(p))


def reads_and_writes(p: DynamodbCapacityParams) -> dict:
    """How requests are spread: `shares` of the partitions, (2, partitions), of what the cache
    leaves; how many `reads` a request makes; the cache's `hit_ratio`; `read_units` of a read."""
    keys = popularity(p.keys, p.skew, p.hot_key_share)
    each, n = keys[0] / p.write_shards, p.write_shards
    writes = np.concatenate([keys[1:], np.full(n, each)])
    reads = np.concatenate([keys[1:], np.full(n, keys[0])])     # of all suffixes
    where = dynamodb.on_partition(len(keys) - 1 + n, parts(p))
    gets, queries = reads * (1 - p.query_share), reads * p.query_share
    get_misses, query_misses = gets, queries
    if p.dax and p.consistency == dynamodb.EVENTUAL and p.read_rate:
        get_misses = gets * (1 - cached(gets * p.read_rate, p.dax_items, p.item_ttl))
        query_misses = queries * (1 - cached(queries * p.read_rate, p.dax_items, p.query_ttl))
    missed = get_misses + query_misses
    total = max(float(missed.sum()), 1e-12)
    units = (float(get_misses.sum()) * dynamodb.read_units(p.item_size, p.consistency)
             + float(query_misses.sum())
             * dynamodb.query_units(p.item_size * p.query_items, p.consistency)) / total
    count = parts(p)
    shares = np.array([np.bincount(where, side, minlength=count) for side in (
        missed if missed.any() else reads, writes)])
    return {"shares": shares, "reads": float(reads.sum()), "read_units": max(units, 0.5),
            "hit_ratio": min(1.0, max(0.0, 1 - total / float(reads.sum())))}


def cached(rates: np.ndarray, room: int, ttl: float) -> np.ndarray:
    """Hit ratio of each key in a DAX cache, (keys,)."""
    return dax.hit_ratios(rates, theory.lru_hit_ratios(rates, min(room, len(rates))),
                          theory.ttl_hit_ratios(rates, ttl))


def index(p: DynamodbCapacityParams):
    """Shares of the index's partitions, its capacity, and units of a write to it."""
    if not p.index:
        return None
    capacity = (dynamodb.on_demand(p.previous_peak) if p.mode == ON_DEMAND else p.index_capacity)
    where = dynamodb.on_partition(p.index_keys, dynamodb.partitions(0, capacity))
    shares = np.bincount(where, minlength=dynamodb.partitions(0, capacity)) / p.index_keys
    return shares, capacity, dynamodb.write_units(p.index_size)


def report(p: DynamodbCapacityParams, sim: Simulation, table: Table, hits: np.ndarray,
           scaling: AutoScaling | None) -> Run:
    """The summary, series and cost of a run that has ended."""
    at, tick = table.attempts, sim.tick
    arrived, attempted = at.arrived.sum(axis=-1), at.attempts.sum(axis=-1)      # (ticks, 2)
    served = at.served.sum(axis=(1, 3))
    refused = np.maximum(attempted - served, 0.0)
    lost = (at.due[:TICKS, -1] * at.refused).sum(axis=(0, 2))       # at their last attempt
    used, allowed, asked = table.consumed, table.allowed, table.asked

    def rate(counts, unit="req/s"):
        return per_tick(counts / tick, unit)

    bars = np.zeros((MOST_BARS, TICKS))
    groups = np.array_split(table.load.max(axis=1), min(MOST_BARS, table.parts), axis=1)
    bars[:len(groups)] = [group.max(axis=1) for group in groups]
    series = {
        "reads": rate(arrived[:, READ] + hits), "writes": rate(arrived[:, WRITE]),
        "asked_reads": per_tick(asked[:, READ], "units/s"),
        "asked_writes": per_tick(asked[:, WRITE], "units/s"),
        "used_reads": per_tick(used[:, READ], "units/s"),
        "used_writes": per_tick(used[:, WRITE], "units/s"),
        "read_capacity": per_tick(allowed[:, READ], "units/s"),
        "write_capacity": per_tick(allowed[:, WRITE], "units/s"),
        "throttled_reads": rate(refused[:, READ]), "throttled_writes": rate(refused[:, WRITE]),
        "throttled": rate(refused.sum(axis=1)),
        "held_up": rate(table.held_up), "hits": rate(hits.astype(float)),
        "burst": per_tick(table.burst_left.min(axis=1), "units"),
        "partitions": per_tick(np.full(TICKS, float(table.parts)), "partitions"),
        "busiest": per_tick(table.load.max(axis=(1, 2))),
    }
    for i, bar in enumerate(bars):
        series[bar_name("load", i)] = per_tick(bar)
    cost = bill(p, sim, table)
    reads, writes = arrived[:, READ].sum() + hits.sum(), arrived[:, WRITE].sum()
    n = max(reads + writes, 1.0)
    hours, units = p.duration / 3_600, used.sum(axis=0) * tick
    wanted = arrived * table.units / tick
    peak = wanted.max(axis=0)
    hourly = (wanted / (p.target / 100)).mean(axis=0)
    waits = sum((low + high) / 2 for low, high in sdk.waits(
        p.retry_mode, p.max_attempts, p.retry_base, LONGEST_WAIT)[:1])
    again = max(0.0, float(attempted.sum() - arrived.sum()))
    summary = {
        "reads": reads, "writes": writes, "hits": hits.sum(),
        "hit_ratio": hits.sum() / max(reads, 1.0),
        "served": served.sum(), "throttled": refused.sum(),
        "throttled_reads": refused[:, READ].sum(), "throttled_writes": refused[:, WRITE].sum(),
        "held_up": table.held_up.sum(), "retries": again,
        "failed": lost.sum(), "waiting_end": at.waiting.sum(),
        "read_units": units[READ], "write_units": units[WRITE],
        "read_utilization": used[:, READ].mean() / max(allowed[:, READ].mean(), 1e-9),
        "write_utilization": used[:, WRITE].mean() / max(allowed[:, WRITE].mean(), 1e-9),
        "partitions": table.parts, "busiest": table.load.max(),
        "read_capacity_end": allowed[-1, READ], "write_capacity_end": allowed[-1, WRITE],
        "scale_outs": scaling.outs if scaling else 0, "scale_ins": scaling.ins if scaling else 0,
        "latency_mean": (hits.sum() * dax.HIT_LATENCY + (n - hits.sum()) * dax.MISS_LATENCY
                         + again * waits) / n,
        "cost_at_peak": dynamodb.provisioned_price(*peak, hours),
        "cost_scaled": dynamodb.provisioned_price(*hourly, hours),
        "cost_on_demand": dynamodb.on_demand_price(*(wanted.sum(axis=0) * tick)),
        "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def bill(p: DynamodbCapacityParams, sim: Simulation, table: Table) -> dict[str, float]:
    """What the run costs, USD by line."""
    hours = p.duration / 3_600
    if p.mode == ON_DEMAND:
        reads, writes = table.consumed.sum(axis=0) * sim.tick
        cost = {"reads": reads * dynamodb.READ_PRICE, "writes": writes * dynamodb.WRITE_PRICE}
        more = writes / write_units(p) * dynamodb.write_units(p.index_size) * dynamodb.WRITE_PRICE
    else:
        reads, writes = table.allowed.mean(axis=0)
        cost = {"reads": reads * hours * dynamodb.READ_HOUR,
                "writes": writes * hours * dynamodb.WRITE_HOUR}
        more = p.index_capacity * hours * dynamodb.WRITE_HOUR
    return {**cost, "index": more * p.index, "DAX": p.dax * p.dax_nodes * p.dax_price * hours}


def estimate(p: DynamodbCapacityParams) -> Estimate:
    """What a run will take: ticks, times partitions, times the arrays that are kept of them."""
    attempts = len(sdk.waits(p.retry_mode, p.max_attempts, p.retry_base, LONGEST_WAIT)) + 1
    longest = LONGEST_WAIT if attempts > 1 else 0.0
    ahead = 1 + longest / max(p.duration / TICKS, 1e-9)
    cache = 10.0 if p.dax and p.consistency == dynamodb.EVENTUAL else 0.5   # per key
    return Estimate(requests=cache * p.keys, events=1.5 * TICKS,
                    cells=TICKS * parts(p) * (6 + attempts * (2 + min(ahead, TICKS) / 16)),
                    lower="write_capacity" if p.mode != ON_DEMAND else "previous_peak")
