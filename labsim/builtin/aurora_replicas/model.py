"""The model of the lab `aurora-replicas`: pools of connections, replicas, a writer that fails.

Picture the desk at a kitchen's door (the reader endpoint). It shares out whoever *asks*; but
waiters ask once and keep their cook all evening. So one cook is worn out, another reads the
newspaper, and a cook who joins waits until somebody asks again.

Start reading at `simulate`; the parts are in `labsim.services.aurora`.

*Models:* reads and writes are counted, never followed, at any rate: a hundred million per second
take no longer than ten. A step lasts a 180th of the run, or less where an instance, its storage
or a dropped connection comes or goes, so that a failover costs the same in a minute and in a week.
Each connection is followed, up to a million, as connections, not reads, decide where the load
goes. 4,000 reads are sampled for the quantiles of latency; means are of all.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.aurora_replicas.params import AuroraReplicasParams
from labsim.declare.faults import checked
from labsim.engine import Arrivals, Estimate, Load, RateCurve, Simulation
from labsim.services import aurora, autoscaling
from labsim.services.aurora.reader_endpoint import MOST_LOOKUPS, MOST_RETURNS, SHORTEST
from labsim.services.aurora.rules import AURORA, SHORTEST_TTL
from labsim.services.cloudwatch.rules import STANDARD_RESOLUTION
from labsim.services.common.returning import steps as steps_with_returns

TICKS = 180         # of a run, however long it is
RETURNING = 9       # a step in which clients come back, in events
HIGH_POINTS, LOW_POINTS, LOW = 3, 15, 0.9       # of target tracking's alarms; AWS promises none


def wire(p: AuroraReplicasParams, sim: Simulation) -> aurora.Cluster:
    """The cluster, its endpoints with their pools, and the reads through them."""
    on_aurora, share = p.engine == AURORA, p.custom_share
    cluster = aurora.Cluster(
        sim, "cluster", engine=p.engine, replicas=p.replicas, most=p.most_replicas,
        multi_az=p.multi_az and not on_aurora, capacity=p.instance_capacity,
        big=min(p.big_replicas, p.replicas) if share else 0, big_factor=p.big_factor,
        read_time=p.read_time, timeout=p.read_timeout, connect_cost=p.connect_cost,
        write_rate=p.write_rate, write_cost=p.write_cost, apply_rate=p.apply_rate,
        lag=p.replica_lag if on_aurora else p.rds_replica_lag, items=p.items,
        price=p.aurora_price if on_aurora else p.rds_price, random=sim.stream,
        pool=aurora.Pool(p.pool_validation, p.surviving_share, p.connect_timeout,
                         p.socket_timeout),
        proxy=aurora.Proxy(p.proxy_gain / 100, p.proxy_borrow_timeout, p.instance_vcpus,
                           p.proxy_price) if p.proxy else None,
        failover=aurora.Failover(
            promotion=p.promotion_time, standby=p.multi_az_failover_time, rebuild=p.rebuild_time,
            rejoin=p.rejoin_time, silent=p.silent_failure))
    for name, big, part in (("reader", False, 1.0 - share), ("custom", True, share)):
        if part or not big:
            endpoint = aurora.Endpoint(
                sim, name, cluster, clients=p.clients, pool_size=p.pool_size,
                lifetime=p.connection_lifetime, ttl=p.dns_ttl, big=big if share else None,
                rate=always(p) * part, retry=p.retry)
            come_beside(p, endpoint, part)
    return cluster


def come_beside(p: AuroraReplicasParams, endpoint: aurora.Endpoint, part: float) -> None:
    """Through an endpoint comes its `part` of the reads that don't come all the time: those of a
    spike, or of a trace, whose shares of both endpoints are whole numbers."""
    sim = endpoint.sim
    if p.traced:
        first, last = kit.load(p, "read_rate").split(shares(p))
        endpoint.sent(Load(lambda _: last if endpoint.big else first), f"{endpoint.name} clients")
    elif kit.spikes(p):
        more = kit.spiked(p, p.read_rate * part)
        more = RateCurve(more.t, more.rate - endpoint.rate)
        endpoint.expect(Arrivals.drawn(more, sim.record.t, sim.stream(f"{endpoint.name} spike")))


def shares(p: AuroraReplicasParams) -> list[float]:
    """Of the reads, through the reader endpoint and the custom one."""
    return [1.0 - p.custom_share, p.custom_share]


def always(p: AuroraReplicasParams) -> float:
    """Reads per second that come all the time, in a spike and outside; none of a trace's."""
    if p.traced:
        return 0.0
    return p.read_rate * (min(p.spike_factor, 1.0) if kit.spikes(p) else 1.0)


def simulate(p: AuroraReplicasParams, sim: Simulation) -> "Replicas":
    """Reads follow their connections; alarms add replicas; the writer or its storage fails."""
    cluster, policy = wire(p, sim), None
    if p.failover_at:
        cluster.fail_writer(p.failover_at)
    if p.copies_lost and p.engine == AURORA:
        cluster.lose_copies(p.copies_lost_at, p.copies_lost)
    if p.scales:
        cluster.auto_scale(p.min_replicas, p.max_replicas, p.replica_creation_time)
        cpu = p.scaling_metric == "cpu"
        policy = autoscaling.TargetTracking(
            cluster, cluster.average_cpu() if cpu else cluster.connections_per_replica(),
            target=p.target_cpu if cpu else p.target_connections, low=LOW, name="policy",
            high_points=HIGH_POINTS, low_points=LOW_POINTS)
    return Replicas(p, sim, cluster=cluster, policy=policy)


class Replicas(kit.Outcome):
    """A cluster, and who decides how many replicas it has."""

    def series(self) -> dict:
        """Those of the cluster, the alarm, and who got no answer."""
        alarm = self.policy.high.series()["state"] if self.policy else (
            np.zeros(TICKS + 1), "on")
        told = self.cluster.told
        lost = told["lost_rate"][0] + told["writes_failed_rate"][0]
        custom = told["offered_rate"][0] * self.p.custom_share      # so they are shared out
        return {**told, "alarm_high": alarm, "unanswered_rate": (lost, "req/s"),
                "custom_rate": (custom, "reads/s")}

    def cost(self) -> dict:
        """Instances, and Aurora's writes to its storage or RDS's standby."""
        return self.cluster.cost()


def estimate(p: AuroraReplicasParams) -> Estimate:
    """What a run will take: steps times instances, connections opened, and the metric's alarms."""
    endpoints, pool = 2 if p.custom_share else 1, p.clients * p.pool_size
    fails = 0 < p.failover_at < p.duration
    returns = 2 * min(p.clients, MOST_RETURNS, p.dns_ttl / SHORTEST + 1) if fails else 0
    points = p.duration / STANDARD_RESOLUTION if p.scales else 0    # steps end at datapoints
    ticks = TICKS + points + kit.changes(p, weights=shares(p))
    again = steps_with_returns(p.retry, p.read_timeout,
                               1 + 4 * fails + 2 * len(checked(p.faults)) + points / 8, p.duration)
    steps = ticks + endpoints * returns + 8
    lives = p.duration / p.connection_lifetime
    openings = pool * (min(ticks, lives) + 1 + 2 * fails)
    renewing = min(ticks, pool * lives) + returns           # steps in which some are opened
    lookups = min(MOST_LOOKUPS, p.duration / max(p.dns_ttl, SHORTEST_TTL))
    cells = (steps + again) * (p.most_replicas + 2) * 8 + 20 * pool * fails + endpoints * (
        5 * openings + 5 * pool + pool * renewing / 5 + p.clients * lookups / 2)
    events = 100 + steps * (1 + endpoints) + 4 * points + (
        RETURNING * endpoints * (steps + again) if p.retry else 0)
    return Estimate(requests=0, events=events, cells=cells,
                    lower="duration" if events > 1e4 else "pool_size")
