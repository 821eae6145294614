"""The model of the lab `aurora-replicas`: pools of connections, replicas, a writer that fails.

Picture a taxi rank. The dispatcher (the reader endpoint) shares out whoever *asks*; but firms ask
once and keep their driver all day. So one driver is worn out, another reads his newspaper, and a
taxi that joins the rank waits until somebody asks again.

Start reading at `simulate`. Data plane: counted per tick and instance, since connections, not
single reads, decide where the load goes: a million reads per second take no longer than ten.
"""

import numpy as np

from labsim.builtin.aurora_replicas.params import AuroraReplicasParams
from labsim.declare import MOST_BARS, Run, bar_name, per_tick
from labsim.engine import Estimate, Simulation
from labsim.services.aurora import cluster as aurora
from labsim.services.aurora import reads as database
from labsim.services.aurora.reader_endpoint import Endpoint, dns_remainder
from labsim.services.autoscaling import policies as scaling_policies
from labsim.services.cloudwatch import alarms as cloudwatch

TICKS = 180         # of a run, however long it is
SAMPLE = 4_000      # reads whose latency is drawn
CPU_PERIOD = int(cloudwatch.STANDARD_RESOLUTION)
HIGH_POINTS, LOW_POINTS, LOW = 3, 15, 0.9       # of target tracking's alarms; AWS promises none


def build(p: AuroraReplicasParams, sim: Simulation) -> tuple[aurora.Cluster, database.Reads]:
    """The cluster, its endpoints with their pools, and the reads on them."""
    share = p.custom_share
    cluster = aurora.Cluster(
        sim, engine=p.engine, replicas=p.replicas, most=p.most_replicas,
        capacity=p.instance_capacity, big=min(p.big_replicas, p.replicas) if share else 0,
        big_factor=p.big_factor, write_rate=p.write_rate, apply_rate=p.apply_rate)
    kinds = {"reader": (None, 1.0)} if not share else {
        "reader": (False, 1.0 - share), "custom": (True, share)}
    for name, (big, _) in kinds.items():
        cluster.endpoints.append((Endpoint(
            sim, name, clients=p.clients, pool_size=p.pool_size, lifetime=p.connection_lifetime,
            ttl=p.dns_ttl, members=cluster.members(big), nowhere=cluster.nowhere), big))
    reads = database.Reads(
        sim, cluster, [p.read_rate * part for _, part in kinds.values()],
        connect_cost=p.connect_cost, write_cost=p.write_cost, timeout=p.read_timeout)
    return cluster, reads


def simulate(p: AuroraReplicasParams, sim: Simulation) -> Run:
    """Reads follow their connections; alarms add replicas; the writer or its storage fails."""
    cluster, reads = build(p, sim)
    if p.failover_at:
        sim.process(cluster.fail_writer(p.failover_at, lambda replicas: aurora.time_to_recover(
            p.engine, replicas, p.multi_az, p.promotion_time, p.multi_az_failover_time,
            p.rebuild_time), p.rejoin_time))
    if p.copies_lost and p.engine == aurora.AURORA:
        sim.process(cluster.lose_copies(p.copies_lost_at, p.copies_lost))
    if p.scales:
        cluster.auto_scale(p.min_replicas, p.max_replicas, p.replica_creation_time)
        cpu = p.scaling_metric == "cpu"
        metric = cloudwatch.Metric(
            sim, "average CPU of the replicas" if cpu else "connections per replica",
            (lambda: reads.recent_cpu(CPU_PERIOD)) if cpu else reads.recent_connections,
            CPU_PERIOD)
        scaling_policies.TargetTracking(
            cluster, metric, target=p.target_cpu if cpu else p.target_connections,
            high_points=HIGH_POINTS, low_points=LOW_POINTS, low=LOW, name="policy")
    sim.each_tick(reads.step)
    sim.run()
    return report(p, sim, cluster, reads)


def write_share(p: AuroraReplicasParams, sim: Simulation, cluster: aurora.Cluster,
                found: np.ndarray) -> np.ndarray:
    """Share of each tick's writes that succeed: there is a writer, clients have `found` it (s),
    the storage has its quorum, and the instance keeps up; (ticks,)."""
    start, end = sim.record.t[:-1, None], sim.record.t[1:, None]
    out = np.clip(np.minimum(end, found) - np.maximum(start, cluster.down_at), 0.0, None)
    share = np.clip(1.0 - out.mean(axis=1) / sim.tick, 0.0, 1.0)
    share *= sim.record.t[:-1] < cluster.lost_at
    return share * min(1.0, p.instance_capacity / max(p.write_rate * p.write_cost, 1e-9))


def latencies(reads: database.Reads, served: np.ndarray, p: AuroraReplicasParams,
              rng: np.random.Generator) -> tuple:
    """Waits and latencies of `SAMPLE` served reads, s, and the mean latency per tick: cells
    (tick, instance) are drawn in proportion to what they serve, however much that is."""
    behind, share, rate = reads.waits(p.read_time)
    mean = np.minimum(behind + share / rate, p.read_timeout) + p.read_time
    total = served.sum(axis=1)
    by_tick = np.divide((mean * served).sum(axis=1), total, out=np.zeros(len(total)),
                        where=total > 0)
    below = np.cumsum(served.ravel())
    if not below[-1]:
        return np.zeros(1), np.zeros(1), by_tick
    at = np.searchsorted(below, (np.arange(SAMPLE) + rng.random()) / SAMPLE * below[-1])
    share, chance = share.ravel()[at], rng.random(SAMPLE)
    waiting = np.log(np.maximum(share, 1e-300) / np.maximum(chance, 1e-300)) / rate.ravel()[at]
    waits = behind.ravel()[at] + np.where(chance < share, waiting, 0.0)
    waits = np.minimum(waits, p.read_timeout)
    return waits, waits + p.read_time * rng.exponential(size=SAMPLE), by_tick


def report(p: AuroraReplicasParams, sim: Simulation, cluster: aurora.Cluster,
           reads: database.Reads) -> Run:
    """The summary, series and cost of a run that has ended."""
    record, tick = sim.record, sim.tick
    # Reads: how many there are, where they go, which of them fail.
    total = sim.stream("reads").poisson(p.read_rate * tick, TICKS)
    weights = np.minimum(reads.offered / max(p.read_rate, 1e-9), 1.0)
    weights[:, cluster.nowhere] = np.maximum(1.0 - weights[:, :cluster.nowhere].sum(axis=1), 0.0)
    counts = sim.stream("routing").multinomial(total, weights)
    failed = np.rint(counts * reads.failing())
    served = counts - failed
    waits, latency, latency_mean = latencies(reads, served, p, sim.stream("latency"))

    # Writes, and how far behind the replicas are.
    endpoint = cluster.endpoints[0][0]
    remainder = dns_remainder(cluster.recovered_at, endpoint.shift, endpoint.ttl) \
        if np.isfinite(cluster.recovered_at) else np.zeros(p.clients)
    found = cluster.recovered_at + remainder
    writes = sim.stream("writes").poisson(p.write_rate * tick, TICKS)
    write_ok = write_share(p, sim, cluster, found)
    writes_failed = np.rint(writes * (1.0 - write_ok))
    readers, shared = reads.during("readers"), p.engine == aurora.AURORA
    rate = p.write_rate * write_ok
    mean_lag = database.replica_lag(p.replica_lag if shared else p.rds_replica_lag, rate,
                                    p.apply_rate)
    lag = mean_lag[:, None] * sim.stream("lag").gamma(4.0, 0.25, size=readers.shape)
    if not shared:
        lag += database.unapplied(rate, p.apply_rate, tick)[:, None]
    lag *= readers
    stale = database.stale_share(rate[:, None], lag, p.items)
    behind = np.divide((served * stale).sum(axis=1), served.sum(axis=1),
                       out=np.zeros(TICKS), where=served.sum(axis=1) > 0)
    stale_reads = sim.stream("stale").binomial(served.sum(axis=1).astype(np.int64), behind)

    # Load of the replicas; the writer's where there is none.
    cpu = 100.0 * reads.cpu()
    serving = reads.during("serving")
    n = serving.sum(axis=1)
    mean = (cpu * serving).sum(axis=1) / n
    most = np.where(serving, cpu, 0.0).max(axis=1)
    served_for = serving.sum(axis=0)                        # ticks, by instance
    loads = ((reads.offered + reads.extra) * serving).sum(axis=0)[served_for > 0]
    loads = loads / served_for[served_for > 0]              # while each served
    connections = np.where(serving, reads.connections, 0.0)

    series = {
        "offered": per_tick(total / tick, "reads/s"),
        "served": per_tick(served.sum(axis=1) / tick, "reads/s"),
        "failed": per_tick(failed.sum(axis=1) / tick, "reads/s"),
        "writes": per_tick((writes - writes_failed) / tick, "writes/s"),
        "writes_failed": per_tick(writes_failed / tick, "writes/s"),
        "cpu_mean": per_tick(mean, "%"), "cpu_max": per_tick(most, "%"),
        "cpu_min": per_tick(np.where(serving, cpu, np.inf).min(axis=1), "%"),
        "connections_max": per_tick(connections.max(axis=1), "connections"),
        "opened": per_tick(reads.opened.sum(axis=1) / tick, "per s"),
        "latency": per_tick(latency_mean, "s"),
        "lag": per_tick(lag.sum(axis=1) / np.maximum(readers.sum(axis=1), 1), "s"),
        "writer_cpu": per_tick(cpu[np.arange(TICKS), reads.during("writer")], "%"),
        "alarm_high": (record.sampled("alarm_high"), "on"),
    }
    for name, unit in (("replicas", "replicas"), ("creating", "replicas"), ("copies", "copies")):
        series[name] = (record.sampled(name), unit)
    if not shared:      # each instance has storage of its own
        series["copies"] = (series["replicas"][0] + 1 + p.multi_az, "copies")
    order = np.argsort(~readers, axis=1, kind="stable")
    bars = np.take_along_axis(np.where(readers, cpu, 0.0), order, axis=1) / 100.0
    for i in range(MOST_BARS):
        series[bar_name("load", i)] = per_tick(bars[:, i] if i < bars.shape[1]
                                               else np.zeros(TICKS))

    billed = reads.during("billed").sum(axis=0) * tick / 3600
    size = cluster.size / p.instance_capacity
    hours = float((billed * size).sum())
    price = p.aurora_price if shared else p.rds_price
    standby = p.duration / 3600 if p.multi_az and not shared else 0.0
    cost = {"instances": hours * price}
    if shared:
        cost["write I/O"] = float((writes - writes_failed).sum()) * aurora.IO_PRICE
    else:
        cost["standby"] = standby * price
    lags = lag[readers]
    down = np.isfinite(cluster.down_at)
    summary = {
        "reads": total.sum(), "reads_served": served.sum(), "reads_failed": failed.sum(),
        "read_wait_mean": waits.mean(),
        **dict(zip(("read_latency_p50", "read_latency_p95", "read_latency_p99"),
                   np.percentile(latency, (50, 95, 99)))),
        "replica_cpu_mean": mean.mean(), "replica_cpu_max": most.mean(),
        "imbalance": float(loads.max() / loads.mean()) if loads.any() else 1.0,
        "connections_max_share": (connections.max(axis=1) / (
            p.clients * p.pool_size * len(cluster.endpoints))).mean(),
        "lag_p95": np.percentile(lags, 95) if len(lags) else 0.0,
        "stale_reads": stale_reads.sum(),
        "writes": writes.sum(), "writes_failed": writes_failed.sum(),
        "failover_seconds": aurora.client_outage(cluster.recovered_at - cluster.down_at,
                                                 remainder.max()) if down else 0.0,
        "replicas_max": record.level_max("replicas"), "scale_outs": cluster.scale_outs,
        "scale_ins": cluster.scale_ins, "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def estimate(p: AuroraReplicasParams) -> Estimate:
    """What a run will take: ticks times instances, connections opened, and the metric's alarms."""
    endpoints = 2 if p.custom_share else 1
    pool = p.clients * p.pool_size
    openings = min(TICKS, p.duration / p.connection_lifetime) + 1
    lookups = min(1_024, p.duration / max(p.dns_ttl, 1e-3))
    cells = TICKS * (p.most_replicas + 2) + endpoints * (
        pool * (openings + 5) + p.clients * lookups / 4)
    events = TICKS + (p.duration / CPU_PERIOD if p.scales else 0)
    return Estimate(requests=0, events=events, cells=cells,
                    lower="duration" if events > 2 * TICKS else "pool_size")
