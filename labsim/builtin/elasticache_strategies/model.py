"""The model of the lab `elasticache-strategies`: readers, a shelf, an archive with narrow stairs.

Picture a librarian who keeps the books that are asked for most on a shelf behind her. Nearly nobody
has to go down to the archive, and the stairs were made narrow accordingly. Then the shelf is
emptied.

Start reading at `simulate`; the parts are in `labsim.services.elasticache` and `.rds`. Data plane:
request-level, exact, since one request that misses makes others hit, and many that miss together
make each other wait: some thousand requests, a microsecond or two each.
"""

from labsim import declare as kit
from labsim.builtin.elasticache_strategies.params import ElasticacheStrategiesParams
from labsim.engine import Estimate, RateCurve, ServiceTimes, Simulation
from labsim.services import elasticache, rds
from labsim.services.elasticache.cache_aside import NONE
from labsim.services.elasticache.rules import REDIS

POINTS = 60
FOLLOWED = 30_000  # requests of a run that are followed one by one, and not more
COST = 7.0          # what a request takes here, in those of a station
REPORT = 50         # what counting it all takes, in control events


def simulate(p: ElasticacheStrategiesParams, sim: Simulation) -> "CacheAside":
    """Reads and writes in order of time; perhaps nodes are lost on the way."""
    cached, follow = p.strategy != NONE, followed(p)
    nodes = dict(keys=p.keys, nodes=p.nodes, room=p.node_items, ring=p.ring, engine=p.engine,
                 replicas=p.replicas if p.engine == REDIS else 0,
                 price=p.node_price if cached else 0.0)
    work = dict(servers=p.database_servers, work=ServiceTimes(p.database_time, p.database_cv),
                timeout=p.database_timeout, price=p.database_price)
    how = dict(strategy=p.strategy, trip=p.trip_time, ttl=p.ttl, jitter=p.jitter, lock=p.lock,
               warm=p.warm)
    cache = elasticache.Cluster(sim, "cache", **nodes) if follow else (
        elasticache.SampledCluster(sim, "cache", skew=p.skew, **nodes))
    database = (rds.Database if follow else rds.CountedDatabase)(sim, "database", **work)
    if p.lost_nodes and cached:
        cache.fail(p.lost_at, p.lost_nodes, failover=p.failover_time, replace=p.replace_time)
    if follow:
        app = elasticache.Application(sim, "application", cache, database, skew=p.skew,
                                      random=sim.stream, **how)
        for way, rate in ((app.reads, p.read_rate), (app.writes, p.write_rate)):
            way.feed(RateCurve.steady(rate, sim.duration).arrivals(sim.stream(way.what)))
    else:
        app = elasticache.SampledApplication(sim, "application", cache, database,
                                             reads=p.read_rate, writes=p.write_rate, **how)
    return CacheAside(p, sim, cache=cache, database=database, app=app)


def followed(p: ElasticacheStrategiesParams) -> bool:
    """Whether each request is followed, for there are few."""
    return (p.read_rate + p.write_rate) * p.duration <= FOLLOWED


class CacheAside(kit.Outcome):
    """A cache, a database, and the application that asks both."""

    def series(self) -> dict:
        """Those of the application and of the database."""
        return {**self.app.series(), **self.database.told}

    def cost(self) -> dict:
        """Nodes and database."""
        return {**self.cache.cost(), **self.database.cost()}


def estimate(p: ElasticacheStrategiesParams) -> Estimate:
    """What a run will take: requests, and keys that have to find their node; or steps."""
    if followed(p):
        return Estimate(requests=COST * (p.read_rate + p.write_rate) * p.duration + p.keys,
                        events=REPORT, lower="read_rate")
    return Estimate(requests=0, events=1000, lower="read_rate")
