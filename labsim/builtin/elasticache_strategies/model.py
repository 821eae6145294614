"""The model of the lab `elasticache-strategies`: readers, a shelf, an archive with narrow stairs.

Picture a librarian who keeps the books that are asked for most on a shelf behind her. Nearly nobody
has to go down to the archive, and the stairs were made narrow accordingly. Then the shelf is
emptied.

Start reading at `simulate`. Data plane: request-level, exact, since one request that misses makes
others hit, and many that miss together make each other wait: some thousand requests, a microsecond
or two each.
"""

import numpy as np

from labsim.builtin.elasticache_strategies.params import ElasticacheStrategiesParams
from labsim.declare import Run, per_tick
from labsim.engine import Estimate, Order, RateCurve, Simulation, draw_keys, popularity
from labsim.services.elasticache import cache_aside
from labsim.services.elasticache.cache_aside import NEVER, Application, Database
from labsim.services.elasticache.cluster import REDIS, Cluster

POINTS = 60
PATIENCE = 1_000    # requests between two looks at whether the run was cancelled
COST = 7.0          # what a request takes here, in those of a station
REPORT = 50         # what the report takes, in control events


def simulate(p: ElasticacheStrategiesParams, sim: Simulation) -> Run:
    """Reads and writes in order of time; perhaps nodes are lost on the way."""
    cluster = Cluster(p.keys, p.nodes, p.node_items, consistent=p.ring)
    app = Application(cluster, Database(p.database_servers, p.database_timeout), p.strategy,
                      trip=p.trip_time, ttl=p.ttl, jitter=p.jitter, lock=p.lock)
    if p.warm and p.strategy in (cache_aside.LAZY, cache_aside.THROUGH):
        dice = sim.stream("warm").random(p.keys).tolist()
        for key in reversed(range(min(p.keys, p.room))):    # the most popular last
            app.fill(key, 0.0, dice[key])
    advance = requests(p, sim, app)
    sim.on_advance(advance)
    if p.lost_nodes and p.strategy != cache_aside.NONE:
        sim.process(lose(p, sim, cluster, advance))
    sim.run()
    return report(p, sim, app)


def requests(p: ElasticacheStrategiesParams, sim: Simulation, app: Application):
    """All reads and writes of the run; a function that has those up to a time done."""
    shares, columns = popularity(p.keys, p.skew), []
    for name, rate in (("reads", p.read_rate), ("writes", p.write_rate)):
        curve = RateCurve.steady(rate, sim.duration)
        keys, work, dice = (sim.stream(f"{what} of {name}") for what in ("keys", "work", "dice"))
        for times in curve.arrivals(sim.stream(name)):
            sim.check()
            n = len(times)
            columns.append((times, draw_keys(shares, n, keys),
                            -p.database_time * np.log1p(-work.random(n)), dice.random(n),
                            np.full(n, name == "writes")))
    whole = [np.concatenate(column) for column in zip(*columns)] or [np.zeros(0)] * 5
    order, rows = np.argsort(whole[0], kind="stable"), []
    for column in whole:
        sim.check()
        rows.append(column[order].tolist())
    due = zip(*rows)
    held: list = [next(due, None)]

    def advance(until: float) -> None:
        row, settle, read, write, steps = held[0], app.settle, app.read, app.write, 0
        while row is not None and row[0] <= until:
            t, key, takes, die, is_write = row
            steps += 1
            if not steps % PATIENCE:
                sim.check()
            settle(t)
            if is_write:
                write(t, key, takes, die)
            else:
                read(t, key, takes, die)
            row = next(due, None)
        held[0] = row
        settle(until)
    return advance


def lose(p: ElasticacheStrategiesParams, sim: Simulation, cluster: Cluster, advance):
    """Nodes fail: replicas take over, or what they held is gone."""
    gone = list(range(p.lost_nodes))
    yield sim.until(p.lost_at, Order.CAPACITY)
    advance(sim.now)
    safe = p.engine == REDIS and p.replicas
    if safe:
        for node in gone:
            cluster.fail_over(node)
        sim.log("lost", f"{len(gone)} of {p.nodes} nodes fail; their replicas will take over")
        yield sim.until(p.lost_at + p.failover_time, Order.CAPACITY)
        advance(sim.now)
        for node in gone:
            cluster.recover(node)
        sim.log("back", "the replicas answer, with all that there was")
        return
    items = sum(cluster.lose(node) for node in gone)
    sim.log("lost", f"{len(gone)} of {p.nodes} nodes are lost with {items:,} items")
    before = np.array(cluster.where)
    if p.engine == REDIS:
        for node in gone:
            cluster.fail_over(node)     # a shard is not answered for by others
    else:
        cluster.without(gone)
        moved = np.mean(before != np.array(cluster.where))
        sim.log("moved", f"{moved:.0%} of the keys are looked for elsewhere now")
    yield sim.until(p.lost_at + p.replace_time, Order.CAPACITY)
    advance(sim.now)
    for node in gone:
        cluster.recover(node)
    cluster.without([])
    sim.log("back", "new nodes, empty")


def report(p: ElasticacheStrategiesParams, sim: Simulation, app: Application) -> Run:
    """The summary, series and cost of a run that has ended."""
    t, tick = sim.record.t, sim.tick
    times, ends, stale = (np.array(a) for a in (app.times, app.ends, app.stale))
    hit = np.array(app.hit, dtype=bool)
    failed = ends == NEVER
    latency = (ends - times)[~failed]
    jobs = np.array(app.database.jobs).reshape(-1, 2)

    def counts(moments, upto=False):
        there = np.searchsorted(np.sort(moments), t, side="right")
        return there.astype(float) if upto else np.diff(there).astype(float)

    asked, hits = counts(times), counts(times[hit])
    outdated = counts(times[stale > 0])
    slot = np.minimum((times[~failed] / tick).astype(int), POINTS - 1)
    mean = np.zeros(POINTS)
    np.add.at(mean, slot, latency)
    mean /= np.maximum(np.bincount(slot, minlength=POINTS), 1)
    inside = counts(jobs[:, 0], upto=True) - counts(jobs[:, 1], upto=True)
    line = np.maximum(0.0, inside - p.database_servers)
    series = {
        "reads": per_tick(asked / tick, "req/s"), "hits": per_tick(hits / tick, "req/s"),
        "hit_ratio": per_tick(hits / np.maximum(asked, 1.0)),
        "database": per_tick(counts(jobs[:, 0]) / tick, "req/s"),
        "failed": per_tick(counts(times[failed]) / tick, "req/s"),
        "line": (line, "requests"), "at_work": (inside - line, "requests"),
        "latency": per_tick(1_000 * mean, "ms"),
        "stale": per_tick(outdated / np.maximum(asked, 1.0)),
    }
    hours = p.duration / 3_600
    cost = {"cache": p.copies * p.node_price * hours, "database": p.database_price * hours}
    n = max(len(times), 1)
    work = np.clip(jobs[:, 1], 0, p.duration) - np.clip(jobs[:, 0], 0, p.duration)
    p50, p95, p99 = np.percentile(latency, (50, 95, 99)) if len(latency) else (0.0, 0.0, 0.0)
    old = stale[stale > 0]
    summary = {
        "reads": len(times), "hits": hit.sum(), "hit_ratio": hit.sum() / n,
        "failed": failed.sum(), "writes": app.writes,
        "database_reads": app.fetches, "database_requests": len(jobs),
        "database_load": len(jobs) / p.duration / p.database_rate,
        "database_number": work.sum() / p.duration, "line_max": line.max(),
        "doubled": app.doubled, "stale": len(old), "stale_share": len(old) / n,
        "stale_age_mean": old.mean() if len(old) else 0.0,
        "stale_age_max": old.max() if len(old) else 0.0,
        "logged_out": app.logged_out,
        "evictions": sum(cache.evictions for cache in app.cluster.caches),
        "items_end": app.cluster.items,
        "latency_mean": latency.mean() if len(latency) else 0.0, "latency_p50": p50,
        "latency_p95": p95, "latency_p99": p99, "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def estimate(p: ElasticacheStrategiesParams) -> Estimate:
    """What a run will take: requests, and keys that have to find their node."""
    return Estimate(requests=COST * (p.read_rate + p.write_rate) * p.duration + p.keys,
                    events=REPORT, lower="read_rate")
