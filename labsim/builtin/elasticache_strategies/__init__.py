"""A cache before a database: what is it worth, how old are its answers, and who dies without it?

`params` holds the knobs, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.elasticache_strategies import model, story
from labsim.builtin.elasticache_strategies.exercises import EXERCISES
from labsim.builtin.elasticache_strategies.params import ElasticacheStrategiesParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="elasticache-strategies", title="A cache before a database", order=10,
    summary="A small shelf saves the archive, serves yesterday's edition, and is missed most when "
            "everything on it expires, or a node is lost.",
    topics=("ElastiCache",), Params=ElasticacheStrategiesParams, simulate=model.simulate,
    estimate=model.estimate, points=model.POINTS,
    metrics=with_theory(story.METRICS, hit_ratio=story.CHE),
    presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("hit_ratio", "latency_p95", "stale_share", "cost_usd"),
    facts=("ec.lazy_rule", "ec.write_through_rule", "ec.ttl_rule", "ec.replicas_max",
           "ec.memcached_nodes", "ec.redis_nodes", "ec.reserved_memory", "ec.eviction_default",
           "ec.aof",
           "ec.iam_auth", "ec.replication_rule", "ec.failover_s", "ec.replace_s", "ec.trip",
           "rds.multi_az_rule", "rds.multi_az_failover", "rds.t3_large_price"),
)
