"""The model of the lab `elasticache-strategies`: readers, a shelf, an archive with narrow stairs.

Picture a librarian who keeps the books that are asked for most on a shelf behind her. Nearly nobody
has to go down to the archive, and the stairs were made narrow accordingly. Then the shelf is
emptied.

Start reading at `simulate`; the parts are in `labsim.services.elasticache` and `.rds`.

*Models:* a run of at most FOLLOWED requests, of at most LOADED keys, request by request, exactly.
At real magnitudes, up to a million reads per second of a million keys, keys are followed and reads
counted: the most popular each, of the others a sample that stands for all; the database is a fluid.
Where a cache turns over within a step, it is in steady state by Che's approximation. Each is held
against the request-level model in the tests. *Leaves out:* how long the last of a stampede wait
that begins in the same step.
"""

import math
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import theory
from labsim.builtin.elasticache_strategies.params import ElasticacheStrategiesParams
from labsim.engine import Estimate, Load, RateCurve, ServiceTimes, Simulation, key_sample
from labsim.services import elasticache, rds
from labsim.services.elasticache.pace import (
    AFTER,
    CLOSE,
    ECHOES,
    FIRST,
    GROWTH,
    SETTLING,
    landmarks,
    plan,
)
from labsim.services.elasticache.readers import STEPS
from labsim.services.elasticache.rules import NONE, SESSIONS, THROUGH
from labsim.services.elasticache.turnover import shortest_cycle

POINTS = 40
FOLLOWED = 30_000  # requests of a run that are followed one by one, and not more
LOADED = 100_000    # keys that are loaded one by one, and not more
COST = 35.0         # what a request takes here, in those of a station
LOAD = 5.0          # what loading an item takes, in those
STEP = 20           # what a step takes where reads are counted, in control events,
SETTLED = 3         # and how many of those one in steady state
REPORT = 50         # what counting it all takes, in control events


def simulate(p: ElasticacheStrategiesParams, sim: Simulation) -> "CacheAside":
    """Reads and writes in order of time; perhaps nodes are lost on the way."""
    cached, follow = p.strategy != NONE, followed(p)
    nodes = dict(keys=p.keys if cached else 1, nodes=p.nodes, room=p.node_items, ring=p.ring,
                 engine=p.engine, replicas=p.copies,
                 price=p.node_price if cached else 0.0)
    work = dict(servers=p.database_servers, work=ServiceTimes(p.database_time, p.database_cv),
                timeout=p.database_timeout, price=p.database_price)
    how = dict(strategy=p.strategy, trip=p.trip_time, ttl=p.ttl, jitter=p.jitter, lock=p.lock,
               warm=p.warm)
    cache = elasticache.Cluster(sim, "cache", **nodes) if follow else (
        elasticache.SampledCluster(sim, "cache", skew=p.skew, **nodes))
    reads = Load(lambda _: kit.load(p, "read_rate"))
    readers = None      # nobody waits for an answer
    database = (rds.Database if follow else rds.CountedDatabase)(sim, "database", **work)
    if p.lost_nodes and cached:
        cache.fail(p.lost_at, p.lost_nodes, failover=p.failover_time, replace=p.replace_time)
    if follow:
        app = elasticache.Application(sim, "application", cache, database, skew=p.skew,
                                      random=sim.stream, **how)
        curves = {"writes": (app.writes, RateCurve.steady(p.write_rate, sim.duration))}
        if p.retry:
            readers = sim.send(reads, to=app, name="readers", retry=p.retry)
        else:
            curves["reads"] = app, reads.curve(sim.duration)
        for what, (way, curve) in curves.items():
            way.feed(curve.arrivals(sim.stream(what)))
    else:
        app = elasticache.SampledApplication(sim, "application", cache, database,
                                             reads=reads, writes=p.write_rate,
                                             retry=p.retry, **how)
        readers = app.readers
    return CacheAside(p, sim, cache=cache, database=database, app=app, readers=readers)


def followed(p: ElasticacheStrategiesParams) -> bool:
    """Whether each request is followed, for there are few."""
    few = p.keys <= LOADED or p.strategy == NONE
    attempts = p.retry.attempts if p.retry else 1
    return few and asked(p) * attempts + p.write_rate * p.duration <= FOLLOWED


def asked(p: ElasticacheStrategiesParams) -> float:
    """Reads that are to be expected."""
    return float(kit.load(p, "read_rate").cumulative[-1])


class CacheAside(kit.Outcome):
    """A cache, a database, the application that asks both, and its readers."""

    @cached_property
    def clients(self) -> dict[str, float]:
        """What came of the reads that clients wanted, {metric: value}."""
        if self.readers:
            return self.readers.summary()
        reads = self.app.answers
        return {"offered": reads.offered, "attempts": reads.offered, "retries": 0,
                "completed": reads.completed, "failed": reads.failures, "abandoned": 0,
                "open_end": reads.open, "timed_out": 0, "amplification": 1.0,
                "goodput": reads.completed / self.sim.duration}

    def series(self) -> dict:
        """Those of the application, of its readers, and of the database."""
        queue = {name: self.database.told[name] for name in (
            "accepted_rate", "in_flight", "queue", "in_service")}
        told = self.app.series()
        asked, failed = told["offered_rate"], told["failed_rate"][0]
        readers = self.readers.told if self.readers else {
            "offered_rate": asked, "goodput_rate": (asked[0] - failed, asked[1]),
            "late_rate": (0.0 * failed, asked[1]), "lost_rate": told["failed_rate"]}
        wanted, good = readers["offered_rate"][0], readers["goodput_rate"][0]
        return {**told, "attempts_rate": asked, **queue,
                **{name: readers[name] for name in (
                    "offered_rate", "goodput_rate", "late_rate", "lost_rate")},
                "again_rate": (np.maximum(asked[0] - wanted, 0.0), "req/s"),
                "fetched_rate": (np.maximum(good - told["hits_rate"][0], 0.0), "req/s"),
                "found_share": (told["hit_ratio"][0], "of reads"),
                "old_share": (told["stale_share"][0], "of answers")}

    def cost(self) -> dict:
        """Nodes and database."""
        return {**self.cache.cost(), **self.database.cost()}


def estimate(p: ElasticacheStrategiesParams) -> Estimate:
    """What a run will take: requests, and keys that have to find their node; or steps."""
    if followed(p):
        keys = 0 if p.strategy == NONE else p.keys + LOAD * min(p.keys, p.room) * p.warm
        return Estimate(requests=COST * (asked(p) + p.write_rate * p.duration) + keys,
                        events=REPORT, lower="read_rate")
    crowded = min(p.duration / CLOSE, STEPS) if p.retry else 0.0    # steps while anybody comes back
    jumps, others = 2.0 * kit.spikes(p), 0
    if p.traced:
        jumps, others = map(len, landmarks(kit.load(p, "read_rate")))
    if p.strategy == NONE:
        return Estimate(requests=0,
                        events=REPORT + STEP / 3 * (max(POINTS, crowded) + jumps + others),
                        lower="read_rate")
    few = key_sample(p.keys, p.skew, 20, 20)
    through = p.write_rate * (p.strategy == THROUGH)
    reads, fills, stay = few.share * p.busiest_rate, few.share * through, math.inf
    touched = reads + fills
    if touched.any():
        fewest = p.nodes - p.lost_nodes or p.nodes
        stay = theory.characteristic_time(touched, p.node_items * fewest, few.weight)
    sessions = p.strategy == SESSIONS
    done = min(1.0, p.database_rate / max(p.write_rate, 1e-9))     # of the writes
    cycle = shortest_cycle(reads, done * fills, p.ttl * (1 - p.jitter / 2) or math.inf,
                           0.0 if sessions else p.trip_time + p.database_time, sessions)
    replaced = p.failover_time if p.copies else p.replace_time
    changes = 1.0 + jumps + bool(p.lost_nodes) * sum(
        at < p.duration for at in (p.lost_at, p.lost_at + replaced))
    longest, settle = plan(p.duration, p.duration / POINTS, stay, cycle, p.ttl or math.inf)
    growing = max(math.log(max(longest, FIRST) / FIRST), 1) / math.log(GROWTH)
    steps, close = p.duration / longest, p.duration
    if settle < math.inf:
        steps = SETTLED * POINTS + changes * min(SETTLING, settle / longest)
        close = min(p.duration, changes * min(settle, SETTLING * longest))
    shaken = changes - (p.warm and not sessions)        # a warm cache begins as if all were over
    slow = min(p.duration, shaken * AFTER) / CLOSE
    missing = few.weight * reads @ (np.exp(-touched * stay) if stay < math.inf else touched * 0)
    if p.ttl:
        tries = 1 + reads * (0.0 if sessions or p.lock else p.trip_time + p.database_time)
        missing = max(missing, few.weight * reads @ (tries / (tries + reads * p.ttl)))
    if p.write_rate + missing > p.database_rate:      # a line that does not end
        slow = min(changes * SETTLING, p.duration / min(longest, CLOSE))
        close = min(p.duration, close + changes * SETTLING * longest)
    small = shaken + (min(ECHOES, p.duration / p.ttl) if p.ttl else 0.0)
    if p.retry:
        steps, slow = max(steps, crowded), min(slow, crowded)
    steps += slow + small * growing + close / cycle / 2 + others
    size = min(p.keys, 2_500) / 2_500
    return Estimate(requests=0, events=REPORT + STEP * (0.25 + 0.75 * size) * steps,
                    lower="read_rate")
