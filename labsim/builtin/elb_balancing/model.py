"""The model of the lab `elb-balancing`: users, doors, ushers, tills.

Picture a supermarket with a door per zone, an usher at each door and tills in every hall. The usher
points to a till and never looks back: whoever stands in a line stays there. All that can go wrong
is in how he points, and in what he doesn't know.

Start reading at `simulate`. Data plane: request-level, exact, since one slow request delays those
behind it at its target and nobody else: an average over requests would hide just that. A page takes
a good part of a second here, so half an hour is some ten thousand requests, and a run a few
milliseconds.
"""

import numpy as np

from labsim.builtin.elb_balancing.params import ElbBalancingParams
from labsim.declare import MOST_BARS, Run, bar_name, per_tick
from labsim.engine import Estimate, ServiceTimes, Simulation
from labsim.services.elb import rules as elb
from labsim.services.elb.balancer import Balancer
from labsim.services.elb.traffic import (
    ANSWERED,
    CUT,
    REFUSED,
    TIMED_OUT,
    TURNED_AWAY,
    Outcome,
    Traffic,
)
from labsim.services.elb.users import Users

TICKS = 180         # of a run, however long it is
LOOK = 60           # s; a load is the mean over so long, as in CloudWatch
TURN, PINNED, LOOKED_AT = 1 / 120, 1 / 36, 1 / 1_300    # a pick's share of a control event's time


def simulate(p: ElbBalancingParams, sim: Simulation) -> Run:
    """Users send requests, nodes pick targets; targets die, come and leave."""
    balancer = Balancer(
        sim, p.balancer, p.picks, counts=p.counts, more=p.add_targets, cross=p.crosses,
        slow_start=p.slow_start if p.picks == elb.ROUND_ROBIN else 0.0,
        delay=p.deregistration_delay, check=(p.health_interval, p.health_timeout,
                                             p.unhealthy_threshold, p.healthy_threshold))
    users = Users(sim, rate=p.request_rate, service=ServiceTimes(p.service_time, p.service_cv),
                  users=p.users, cv=p.user_cv, visit=p.visit_time, ttl=p.dns_ttl)
    traffic = Traffic(sim, balancer.nodes, len(balancer.zone), users, timeout=p.timeout,
                      keep=p.kept, by_connection=p.balancer == elb.NLB)
    balancer.begin(traffic)
    if p.fault != "none":
        sim.process(balancer.fault(p.fault_at, p.fault_duration, p.fault,
                                   elb.ZONES.index(p.fault_zone), p.fault_targets,
                                   p.eviction_time))
    if p.add_targets:
        sim.process(balancer.add(p.add_at, (p.cold_factor, p.warm_time)))
    if p.remove_targets:
        sim.process(balancer.remove(p.remove_at, p.remove_targets))
    sim.run()
    return report(p, sim, balancer, traffic)


def released(balancer: Balancer, done: Outcome) -> np.ndarray:
    """When each target is done: the last of its requests has ended, at most the deregistration
    delay after it was deregistered; an NLB's connections last to the end of it. s, inf: stays."""
    at, came = np.maximum(done.target, 0), (done.target >= 0)
    if balancer.kind == elb.NLB:
        return balancer.unused
    last = np.where(np.isfinite(balancer.left), balancer.left, np.inf)
    inside = came & (done.sent <= balancer.left[at]) & np.isfinite(balancer.left[at])
    np.maximum.at(last, at[inside], done.ended[inside])
    return np.minimum(last, balancer.unused)


def loads(p: ElbBalancingParams, sim: Simulation, done: Outcome, targets: int) -> np.ndarray:
    """Work sent to each target in the last minute, as a part of what it can do: an array
    (ticks, targets)."""
    went = done.target >= 0
    cell = np.minimum((done.sent[went] / sim.tick).astype(np.int64), TICKS - 1) * targets
    work = np.bincount(cell + done.target[went], done.work[went], TICKS * targets)
    total = np.zeros((TICKS + 1, targets))
    np.cumsum(work.reshape(TICKS, targets), axis=0, out=total[1:])
    ticks = max(1, round(LOOK / sim.tick))
    total[ticks:] -= total[:-ticks].copy()
    return total[1:] / (ticks * sim.tick)


def report(p: ElbBalancingParams, sim: Simulation, balancer: Balancer, traffic: Traffic) -> Run:
    """The summary, series and cost of a run that has ended."""
    record, tick, n = sim.record, sim.tick, len(balancer.zone)
    done = traffic.outcome(balancer.died, balancer.hangs, balancer.unused, balancer.lost)
    over = done.ended <= p.duration
    good = over & (done.kind == ANSWERED)
    latency = (done.ended - done.sent)[good]
    zone, went = np.array(balancer.zone), done.target >= 0
    crossed = went & (zone[np.maximum(done.target, 0)] != done.node)
    gone = released(balancer, done)

    # What each target was sent, and what users met there.
    load = loads(p, sim, done, n)
    t = record.t[1:, None]
    there = (balancer.came < t) & (balancer.left >= t)
    most = np.where(there, load, 0.0).max(axis=1)
    mean = (load * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    sent_to = np.bincount(done.target[went], minlength=n).astype(float)
    since = np.minimum(balancer.left, p.duration) - np.minimum(balancer.came, p.duration)
    pace = np.divide(sent_to, since, out=np.zeros(n), where=since > 0)
    after = went & (done.sent > p.add_at) if p.add_targets else np.zeros(len(went), dtype=bool)
    new = int((done.target[after] >= balancer.first).sum())

    def counts(times):
        return np.bincount(np.minimum((times / tick).astype(np.int64), TICKS - 1),
                           minlength=TICKS)[:TICKS]

    def rate(times):
        return per_tick(counts(times) / tick, "req/s")

    answered = counts(done.ended[good])
    spent = np.bincount(np.minimum((done.ended[good] / tick).astype(np.int64), TICKS - 1),
                        latency, TICKS)
    each = np.divide(spent, answered, out=np.zeros(TICKS), where=answered > 0)
    failed = over & ~good
    series = {
        "offered": rate(done.sent), "answered": rate(done.ended[good]),
        "failed": rate(done.ended[failed]), "crossing": rate(done.sent[crossed]),
        "load_max": per_tick(most, "of capacity"), "load_mean": per_tick(mean, "of capacity"),
        "latency": per_tick(each, "s"),
        "arrived_total": (np.append(0.0, np.cumsum(counts(done.sent))), "requests"),
        "ended_total": (np.append(0.0, np.cumsum(counts(done.ended[over]))), "requests"),
    }
    series["in_flight"] = (series["arrived_total"][0] - series["ended_total"][0], "requests")
    for name in ("in_service", "unhealthy", "draining"):
        series[name] = (record.sampled(name), "targets")
    for z, name in enumerate(elb.ZONES):
        here = np.flatnonzero(zone == z)
        series[f"node_{name}"] = rate(done.sent[done.node == z])
        series[f"out_{name}"] = rate(done.sent[crossed & (done.node == z)])
        for level, unit in (("targets", "targets"), ("unhealthy", "targets"), ("lost", "on")):
            series[f"{level}_{name}"] = (record.sampled(f"{level}_{name}"), unit)
        series[f"zone_load_{name}"] = per_tick(
            load[:, here].mean(axis=1) if len(here) else np.zeros(TICKS), "of capacity")
        for i in range(MOST_BARS):
            series[bar_name(f"load_{name}", i)] = per_tick(
                load[:, here[i]] if i < len(here) else np.zeros(TICKS))

    hours = np.maximum(np.minimum(gone, p.duration) - np.minimum(balancer.came, p.duration), 0)
    hours = float(hours.sum()) / 3600
    cost = {"targets": hours * p.target_price, **bill(p, len(done.sent), int(crossed.sum()))}
    drained = np.isfinite(balancer.left)
    for k in np.flatnonzero(drained & (gone <= p.duration)):
        sim.log("drained", f"target {k + 1} is let go", float(gone[k]))
    sim.events.sort(key=lambda event: event.t)
    p50, p95, p99 = np.percentile(latency, (50, 95, 99)) if len(latency) else (0.0, 0.0, 0.0)
    kinds = np.bincount(done.kind[over], minlength=TURNED_AWAY + 1)
    total = max(len(done.sent), 1)
    summary = {
        "requests": len(done.sent), "answered": kinds[ANSWERED], "failed": failed.sum(),
        "refused": kinds[REFUSED], "timed_out": kinds[TIMED_OUT], "cut_off": kinds[CUT],
        "turned_away": kinds[TURNED_AWAY], "in_flight_end": (~over).sum(),
        "latency_mean": latency.mean() if len(latency) else 0.0,
        "latency_p50": p50, "latency_p95": p95, "latency_p99": p99,
        "load_max": most.max(),
        "load_mean": done.work[went].sum() / max(since.sum(), 1e-9),
        "imbalance": pace.max() / pace[since > 0].mean() if pace.any() else 1.0,
        **{f"share_{name}": sent_to[zone == z].sum() / total / max((zone == z).sum(), 1)
           for z, name in enumerate(elb.ZONES)},
        "cross_zone_share": crossed.sum() / total,
        "moved": traffic.users.moved / max(traffic.users.later, 1),
        "new_share": new / max(after.sum(), 1),
        "noticed_seconds": max(balancer.noticed_at - p.fault_at, 0.0),
        "drain_seconds": float((np.minimum(gone, p.duration) - balancer.left)[drained].max(
            initial=0.0)),
        "target_hours": hours, "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def bill(p: ElbBalancingParams, requests: int, crossed: int) -> dict[str, float]:
    """What the balancer costs for so many requests, `crossed` of them to another zone; USD."""
    hours, gb = p.duration / 3600, p.response_size / 1e9
    opened = p.users * (1 / p.visit_time + 1 / (p.connection_time if p.balancer == elb.NLB
                                                else p.dns_ttl))
    used = elb.units(p.balancer, opened, p.users, requests * gb / hours)
    return elb.cost(p.balancer, hours, used, crossed * gb)


def estimate(p: ElbBalancingParams) -> Estimate:
    """What a run will take: requests (turns are many at once; who has a target of his own is looked
    up one by one, and the shortest line is looked for among all: as a part of a control event
    each), users, ticks times targets, and the checks that matter, after each of which every node
    looks at its targets."""
    requests = p.request_rate * p.duration
    targets, nodes = sum(p.counts) + p.add_targets, sum(n > 0 for n in p.counts)
    in_scope = targets if p.crosses else targets / nodes
    picking = ((80 + in_scope) * LOOKED_AT if p.picks == elb.LEAST else PINNED if p.kept
               else TURN)
    added = p.add_targets if p.add_at < p.duration else 0
    dead = 0 if p.fault == "none" or p.fault_at >= p.duration else p.counts[
        elb.ZONES.index(p.fault_zone)]
    if p.fault in (elb.REFUSES, elb.HANGS):
        dead = min(dead, p.fault_targets)
    changes = (nodes if p.crosses else 1) * (added + 2 * dead)
    return Estimate(requests=requests, events=26 + picking * requests
                    + changes * (2 + targets / 75),
                    cells=TICKS * targets + 1.6 * p.users + 6 * requests,
                    lower="request_rate" if requests > 10 * targets * TICKS else "duration")
